"""Integrates the species of a joint AnnData: one preparation, and methods of one signature.

Counts are read and checked (:mod:`.counts`); variable features are chosen (:mod:`.variable`); data are scaled without
being made dense (:mod:`.scaled`, :mod:`.shifted`) and reduced (:mod:`.principal`); a method of :mod:`.methods` gives an
embedding; :mod:`.graph` and :mod:`.clusters` work on it. :mod:`.integrate` runs it all, :mod:`.files` file to file.
"""
