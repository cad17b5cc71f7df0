"""Hold the counts and annotations of the cells of one species."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.schema.species import Species


@dataclass(frozen=True)
class SpeciesCells:
    """The cells of one side, over genes of its own species.

    Parameters
    ----------
    counts
        Raw counts: canonical CSR, cells x genes, float64. Rows of the same gene are summed; names that are not a gene
        of the release are left out.
    genes
        Gene keys of the columns, shape (genes,), int64, ascending.
    symbols
        Symbol of each gene, its stable ID where it has none.
    housekeeping
        Shape (genes,), bool: ribosomal or mitochondrial.
    species
        Species of the genes.
    cells
        Names of cells, as in obs.
    label
        Index into :attr:`Task.labels` of each cell, -1 for none, shape (cells,), int64. On the query's side -1
        everywhere, unless ``--query-label`` names a column.
    donor
        Number of each cell's donor; None where no column was named.
    place
        Coordinates, shape (cells, 2 or 3); None where there are none.
    phrases
        Columns of obs for cell sentences: by name, a text or None per cell.
    stable_ids
        Stable ID of each gene; empty where they are not needed and symbols identify the genes.
    number
        Number of each cell where a number is carried rather than a cell type, NaN for none, shape (cells,), float64; on
        the query's side NaN everywhere, unless ``--query-label`` names a column. None where cell types are carried.
    """

    counts: sp.csr_matrix
    genes: npt.NDArray[np.int64]
    symbols: tuple[str, ...]
    housekeeping: npt.NDArray[np.bool_]
    species: Species
    cells: tuple[str, ...]
    label: npt.NDArray[np.int64]
    donor: npt.NDArray[np.int64] | None = None
    place: npt.NDArray[np.float64] | None = None
    phrases: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    stable_ids: tuple[str, ...] = ()
    number: npt.NDArray[np.float64] | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.counts.shape[0])

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Mask of the cells with a label, or a number where one is carried."""
        return self.label >= 0 if self.number is None else np.isfinite(self.number)
