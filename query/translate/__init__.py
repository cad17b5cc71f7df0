"""Translates an AnnData from one species' gene space into another's: resolve, map, aggregate, annotate.

A plan is made once from the names of genes (:mod:`.plan`); a pure aggregation is applied to any run of rows of any
matrix (:mod:`.aggregate`); one driver does it in memory (:mod:`.translate`), one from file to file (:mod:`.files`).
"""
