"""Counts of each donor's cells of each type, added up: what a donor-level test starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.markers.cells import Side

#: Added to counts per million before logarithms: about one count in a cell of 100,000.
PSEUDO = 10.0


@dataclass(frozen=True)
class Bulk:
    """Counts per million of groups of cells.

    Parameters
    ----------
    cells
        Shape (donors, types): how many cells there are.
    cpm
        Shape (donors, types, genes): counts per million of the cells' sum; NaN where there are no counts.
    shares
        Shape (types, genes): share of a type's cells that have any count of a gene.
    """

    cells: npt.NDArray[np.int64]
    cpm: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]


def bulk(side: Side) -> Bulk:
    """Add up the counts of each donor's cells of each type."""
    donors, types = len(side.donors), len(side.types)
    group = side.donor_code * types + side.type_code
    cells = np.bincount(group, minlength=donors * types)
    totals = np.bincount(group, side.totals, minlength=donors * types)
    with np.errstate(invalid="ignore", divide="ignore"):
        cpm = _added(side.counts, group, donors * types) * (1e6 / totals)[:, None]
        seen = sp.csr_matrix(
            ((side.counts.data > 0).astype(np.float32), side.counts.indices, side.counts.indptr), side.counts.shape
        )
        shares = _added(seen, side.type_code, types) / np.bincount(side.type_code, minlength=types)[:, None]
    cpm[totals == 0] = np.nan
    return Bulk(
        cells.reshape(donors, types), cpm.astype(np.float32).reshape(donors, types, -1), shares.astype(np.float32)
    )


def _added(matrix: sp.csr_matrix, group: npt.NDArray[np.int64], groups: int) -> npt.NDArray[np.float64]:
    """Return the sum of each group's rows."""
    rows = np.arange(len(group))
    member = sp.csr_matrix((np.ones(len(group)), (group, rows)), shape=(groups, len(group)))
    return np.asarray((member @ matrix).todense(), np.float64)
