"""Vectors of one species, with genes grouped by equal vectors.

This module also defines the correlation that decides all results: in float64 from the float32 vectors, each pair by
itself, to :data:`DECIMALS` decimals. So a correlation does not depend on the pairs that are computed beside it, and
equal vectors have equal correlations.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import VectorsError
from homodb.schema.vectors import GeneVectors

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Decimals of a correlation: coarser than the rounding errors of float64, finer than those of float32.
DECIMALS = 12
#: Numbers that a thread works on at a time: 0.5 MB in float64, which fits the cache of a core.
_AT_ONCE = 1 << 16
_THREADS = min(16, os.cpu_count() or 1)


@dataclass(frozen=True)
class GroupedVectors:
    """Vectors of the genes of one species, grouped by equal vectors.

    Parameters
    ----------
    genes
        Gene keys, ascending, shape (genes,).
    vectors
        Vectors, shape (genes, dimensions), float32.
    means, lengths
        Mean of each vector, and its length after subtracting the mean, shape (genes,). A length of 0 marks a
        constant vector, which has no correlations.
    rows
        Row of the first gene of each group of genes with the same vector, shape (groups,). Constant vectors are left
        out. Groups of one gene come first.
    counts
        Number of genes in each group, shape (groups,).
    groups
        Group of each gene, -1 for a constant vector, shape (genes,).
    """

    genes: Ints
    vectors: npt.NDArray[np.float32]
    means: Floats
    lengths: Floats
    rows: Ints
    counts: Ints
    groups: Ints

    @cached_property
    def by_group(self) -> list[list[int]]:
        """Rows of the genes of each group, ascending."""
        order = np.argsort(self.groups, kind="stable")
        starts = np.searchsorted(self.groups[order], np.arange(self.counts.size))
        return [rows.tolist() for rows in np.split(order, starts)[1:]]

    def centred(self, rows: Ints) -> Floats:
        """Return the vectors of some genes minus their means."""
        centred = self.vectors[rows].astype(np.float64)
        centred -= self.means[rows, None]
        return centred

    def normalised(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Return the vectors of some groups, centred and of unit length."""
        rows = self.rows[start:stop]
        out = np.empty((rows.size, self.vectors.shape[1]), np.float32)

        def fill(some: slice) -> None:
            numbers = self.centred(rows[some])
            numbers *= 1 / self.lengths[rows[some], None]
            out[some] = numbers

        _in_threads(fill, *out.shape)
        return out


def group_vectors(species: GeneVectors) -> GroupedVectors:
    """Compute means and lengths of vectors, which must be finite, and group the genes."""
    vectors = np.ascontiguousarray(species.vectors, np.float32)
    count, dimensions = vectors.shape
    means, lengths = np.zeros(count), np.zeros(count)

    def measure(some: slice) -> None:
        # an infinite number makes the length nan, which is refused below
        with np.errstate(invalid="ignore"):
            numbers = vectors[some].astype(np.float64)
            means[some] = numbers.mean(axis=1)
            numbers -= means[some, None]
            length = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
        # the rule of homodb.schema.vectors.normalised
        scale = np.maximum(vectors[some].max(axis=1), -vectors[some].min(axis=1))
        lengths[some] = np.where(length <= 1e-6 * scale * np.sqrt(dimensions), 0.0, length)

    if dimensions:
        _in_threads(measure, count, dimensions)
    if not np.isfinite(lengths).all():
        bad = species.genes[~np.isfinite(lengths)]
        raise VectorsError(
            f"vectors of {bad.size} genes (first: {bad[0]}) have values that are not finite; embed these genes again"
        )
    return GroupedVectors(species.genes, vectors, means, lengths, *_grouped(vectors, means, lengths))


def correlations(a: GroupedVectors, b: GroupedVectors, rows_a: Ints, rows_b: Ints) -> Floats:
    """Return the correlations of pairs of genes, shape (pairs,). Their vectors are not constant."""
    out = np.empty(rows_a.size)

    def fill(some: slice) -> None:
        one, two = rows_a[some], rows_b[some]
        out[some] = np.einsum("ij,ij->i", a.centred(one), b.centred(two)) / (a.lengths[one] * b.lengths[two])

    _in_threads(fill, rows_a.size, a.vectors.shape[1])
    # plus zero: -0.0 becomes 0.0
    return np.clip(np.round(out, DECIMALS), -1.0, 1.0) + 0.0


def slices(count: int, width: int) -> list[slice]:
    """Cut rows into slices that fit the cache of a core."""
    step = max(1, _AT_ONCE // max(1, width))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _in_threads(work: Callable[[slice], None], count: int, width: int) -> None:
    """Call a function in threads, on slices of rows that fit the cache of a core."""
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, slices(count, width)))


def _grouped(vectors: npt.NDArray[np.float32], means: Floats, lengths: Floats) -> tuple[Ints, Ints, Ints]:
    """Return the first row and the size of each group, and the group of each gene."""
    varying = np.flatnonzero(lengths)
    # equal vectors have equal means and lengths, so only few vectors are compared
    measures = np.stack([means, lengths])[:, varying]
    _, place, counts = np.unique(measures, axis=1, return_inverse=True, return_counts=True)
    leader = np.arange(means.size)
    first: dict[bytes, int] = {}
    for row in varying[counts[place] > 1].tolist():  # plus zero: -0.0 becomes 0.0
        leader[row] = first.setdefault(blake2b((vectors[row] + np.float32(0)).tobytes()).digest(), row)
    rows, group, counts = np.unique(leader[varying], return_inverse=True, return_counts=True)
    order = np.argsort(counts > 1, kind="stable")
    groups = np.full(means.size, -1)
    groups[varying] = np.argsort(order)[group]
    return rows[order], counts[order], groups
