"""What a network predicts of a cell: one of several categories, or a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Phenotype:
    """Values of cells.

    Parameters
    ----------
    values
        Shape (cells,): numbers of categories, int64, -1 for unknown and -2 for a category that is none of these; or
        numbers, float64, NaN for unknown.
    categories
        How many categories there are; 0 where values are numbers.
    """

    values: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    categories: int = 0

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which cells have a value."""
        return np.asarray(self.values >= 0 if self.categories else np.isfinite(self.values))

    @property
    def outputs(self) -> int:
        """Outputs of a network that predicts it."""
        return self.categories or 1

    def codes(self) -> npt.NDArray[np.int64]:
        """Return groups of cells by which splits are balanced: the categories, or one group of all."""
        return self.values.astype(np.int64) if self.categories else np.zeros(len(self.values), np.int64)

    def weights(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return how much each output counts in the loss: categories inversely to their cells, 0 without any.

        Examples
        --------
        >>> Phenotype(np.array([0, 0, 1]), 2).weights(np.arange(3)).tolist()
        [0.75, 1.5]
        """
        if not self.categories:
            return np.ones(1, np.float32)
        counts = np.bincount(self.codes()[rows], minlength=self.categories)
        present = np.count_nonzero(counts)
        weights = np.zeros(self.categories, np.float32)
        weights[counts > 0] = len(rows) / (present * counts[counts > 0])
        return weights

    def some(self, rows: npt.NDArray[np.int64]) -> Self:
        """Return that of some cells."""
        return type(self)(self.values[rows], self.categories)
