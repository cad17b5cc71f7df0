"""Correction of one species' cells towards another's, along vectors between anchors.

Source: Stuart et al., Cell 2019 (https://doi.org/10.1016/j.cell.2019.05.031), "Data integration".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.anchors import Anchors
from homodb.query.integrate.nearest import Nearest, nearest

Array = npt.NDArray[np.float64]


def correct(
    reference: Array,
    query: Array,
    anchors: Anchors,
    *,
    k_weight: int = 100,
    sd_weight: float = 1.0,
    near: Nearest | None = None,
) -> Array:
    """Move the query's cells onto the reference, as Seurat's ``IntegrateEmbeddings`` does.

    Each anchor's correction vector leads from its reference cell to its query cell. A query cell moves back along
    the weighted mean of the vectors of its nearest anchors.

    Parameters
    ----------
    reference, query
        Where the cells lie, shape (cells, components).
    anchors
        Pairs of rows: ``first`` of the reference, ``second`` of the query.
    k_weight
        Anchor cells that weigh in for a cell (``k.weight``).
    sd_weight
        Width of the kernel (``sd.weight``).
    near
        For every cell of the query its nearest anchor cells, as indices into the sorted rows of the query that have
        anchors; by default found exactly. Seurat's search (Annoy) overlooks some.

    Returns
    -------
    numpy.ndarray
        The corrected query, shape (cells, components).
    """
    vectors = query[anchors.second] - reference[anchors.first]
    corrected: Array = query - weights(query, anchors, k_weight=k_weight, sd_weight=sd_weight, near=near) @ vectors
    return corrected


def weights(
    query: Array, anchors: Anchors, *, k_weight: int, sd_weight: float, near: Nearest | None = None
) -> sp.csr_matrix:
    """Weigh anchors for every cell of the query: cells x anchors, each row adds up to 1.

    Of the `k_weight` anchor cells nearest to a cell, from near to far, the anchors are taken until `k_weight` anchors
    are together. An anchor's weight is ``1 - exp(-s d / (2 / sd)^2)``, of its score s and of d, one less the distance
    as a share of the farthest.
    """
    cells = np.unique(anchors.second)
    order = np.argsort(anchors.second, kind="stable")
    starts = np.searchsorted(anchors.second[order], cells)
    times = np.diff(np.append(starts, len(order)))
    near = near or nearest(query[cells], query, min(k_weight, len(cells)))
    farthest = near.distances[:, -1:]
    closeness = 1.0 - np.divide(near.distances, farthest, out=np.ones_like(near.distances), where=farthest > 0)
    # every neighbouring cell opened into its anchors, and of these the first k_weight of each row
    each = times[near.indices]
    before = np.cumsum(each, axis=1) - each
    taken = np.minimum(each, np.maximum(k_weight - before, 0))
    flat = taken.ravel()
    offsets = np.arange(flat.sum()) - np.repeat(np.cumsum(flat) - flat, flat)
    chosen = order[np.repeat(starts[near.indices].ravel(), flat) + offsets]
    closeness_of = np.repeat(closeness.ravel(), flat)
    raw = 1.0 - np.exp(-closeness_of * anchors.score[chosen] / (2.0 / sd_weight) ** 2)
    indptr = np.concatenate([[0], np.cumsum(taken.sum(axis=1))])
    matrix = sp.csr_matrix((raw, chosen, indptr), (len(query), len(anchors)))
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    inverse = np.divide(1.0, totals, out=np.zeros(len(totals)), where=totals > 0)
    return sp.csr_matrix(sp.diags(inverse) @ matrix)
