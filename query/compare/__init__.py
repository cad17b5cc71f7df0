"""Compares mappings and methods on one's own cells: every mapping is joined, integrated by every method, and scored.

What is compared (:mod:`.pairings`) runs through one line (:mod:`.grid`); the answer (:mod:`.result`) marks only what
intervals tell apart.
"""
