"""Marker genes of each cell type in each species, and which of them are the same genes in the other species.

Reading comes first (:mod:`.cells`), then what each gene does in each species on its own (:mod:`.bulk`, :mod:`.ranks`,
:mod:`.moderated`, put together in :mod:`.effects`), then which genes correspond (:mod:`.partners`) and what that makes
of every marker (:mod:`.sort`).
"""

from homodb.query.markers.markers import markers

__all__ = ["markers"]
