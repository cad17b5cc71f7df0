"""The network of the source species: from expression on the linear scale to a phenotype."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor, nn


class FeedForward(nn.Module):
    """A feed-forward network over genes: logarithm, less the mean of each gene, hidden layers, outputs.

    Parameters
    ----------
    mean
        Of each gene's log1p over the training cells, shape (genes,). Genes are not scaled: a gene that hardly varies
        in one species would weigh most in the other.
    outputs
        One per category, or 1.
    hidden, layers, dropout
        Units of a hidden layer, how many there are, share left out while training.
    centre, scale
        Mean and standard deviation of a numeric phenotype, in whose units the output is.
    """

    mean: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        mean: npt.ArrayLike,
        outputs: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        dropout: float = 0.2,
        centre: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        kind = torch.get_default_dtype()
        for name, value in (("mean", mean), ("centre", centre), ("scale", scale)):
            self.register_buffer(name, torch.as_tensor(np.asarray(value), dtype=kind))
        sizes = [self.mean.shape[0]] + [hidden] * layers
        blocks: list[nn.Module] = []
        for size, following in itertools.pairwise(sizes):
            blocks += [nn.Linear(size, following), nn.ReLU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(hidden, outputs)

    def embed(self, expression: Tensor) -> Tensor:
        """Return the last hidden layer, shape (cells, hidden), of cells on the linear scale, shape (cells, genes).

        The logarithm keeps the sign: of a value below zero, which a layer without bounds can give, it is that of
        its size, below zero.
        """
        logged = expression.sign() * expression.abs().log1p()
        embedded: Tensor = self.body(logged - self.mean)
        return embedded

    def forward(self, expression: Tensor) -> Tensor:
        """Return logits of categories, or the number, shape (cells, outputs)."""
        predicted: Tensor = self.head(self.embed(expression)) * self.scale + self.centre
        return predicted


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


#: Counts of a cell after normalising.
TOTAL = 1e4


def linear(counts: sp.csr_matrix, total: float = TOTAL) -> sp.csr_matrix:
    """Return counts scaled so that each cell has the same total; a cell without counts stays so.

    Parameters
    ----------
    counts
        CSR, cells x genes: of the genes that are used, and of no others.
    total
        What a cell adds up to.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32.

    Examples
    --------
    >>> linear(sp.csr_matrix([[1.0, 3.0], [0.0, 0.0]])).toarray()
    array([[2500., 7500.],
           [   0.,    0.]], dtype=float32)
    """
    sums = np.asarray(counts.sum(axis=1)).ravel()
    factor = np.divide(total, sums, out=np.zeros(len(sums)), where=sums > 0)
    return sp.csr_matrix(sp.diags_array(factor) @ counts, dtype=np.float32)


def log_mean(cells: sp.csr_matrix) -> npt.NDArray[np.float32]:
    """Return the mean of each gene's log1p, shape (genes,), float32."""
    return np.asarray(cells.astype(np.float64).log1p().mean(axis=0)).ravel().astype(np.float32)


def spread(cells: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Return the standard deviation of each gene over the cells, shape (genes,), float64."""
    if not cells.shape[0]:
        return np.zeros(cells.shape[1])
    exact = cells.astype(np.float64)
    mean = np.asarray(exact.mean(axis=0)).ravel()
    return np.asarray(np.sqrt(np.maximum(np.asarray(exact.multiply(exact).mean(axis=0)).ravel() - mean**2, 0)))
