"""Dask-backed matrices: the product becomes part of the graph, nothing is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from homodb.query.translate.aggregate import Aggregation, Links
from homodb.query.translate.options import Options, SlotPolicy
from homodb.query.translate.slots import Logged, Refused, Slot, objection
from homodb.query.translate.values import judge
from homodb.schema.errors import CountsError


def lazily(matrix: Any, slot: Slot, links: Links, options: Options, logged: Logged) -> Any:
    """Return a Dask array of target genes.

    What the values are is judged when a block is computed; a block that must not be added up raises
    :class:`~homodb.schema.errors.CountsError` then. Small integers that are added up become 64 bits wide.

    Returns
    -------
    dask.array.Array or Refused
        Cells x target genes, in the chunks of cells that came in; or that it is dropped as asked.
    """
    policy = options.slots.get(slot.name) or SlotPolicy(options.many_to_one)
    if policy is SlotPolicy.DROP:
        return Refused(None)
    base = logged.base
    how = Aggregation(links, policy, slot.label, base)
    dtype = how.dtype(matrix.dtype)
    if links.several and dtype.itemsize < 8:
        dtype = how.wider(dtype)

    def block(rows: Any) -> Any:
        holds = judge(rows, logged=logged.said, base=base)
        against = objection(slot, policy, holds, links)
        if against is not None:
            raise CountsError(against)
        return Aggregation(links, policy, slot.label, holds.base or base).apply(rows, dtype)

    whole = matrix.rechunk({1: -1}) if matrix.numblocks[1] > 1 else matrix
    meta: Any = np.empty((0, 0), dtype=dtype)
    if sp.issparse(matrix._meta):  # blocks come out by rows, however they came in
        meta = (sp.csr_array if isinstance(matrix._meta, sp.sparray) else sp.csr_matrix)(meta)
    return whole.map_blocks(block, chunks=(whole.chunks[0], (links.shape[1],)), dtype=dtype, meta=meta)
