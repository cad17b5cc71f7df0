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
#: Numbers that a thread works on at a time: 1 MB in float64, which fits the cache of a core.
_AT_ONCE = 1 << 17
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
    members
        Rows of all grouped genes, group by group, ascending within a group.
    """

    genes: Ints
    vectors: npt.NDArray[np.float32]
    means: Floats
    lengths: Floats
    rows: Ints
    counts: Ints
    members: Ints

    @cached_property
    def starts(self) -> Ints:
        """Position in `members` at which each group begins, shape (groups,)."""
        starts: Ints = np.cumsum(self.counts) - self.counts
        return starts

    @cached_property
    def groups(self) -> Ints:
        """Group of each gene, -1 for a constant vector, shape (genes,)."""
        groups = np.full(self.genes.size, -1)
        groups[self.members] = np.repeat(np.arange(self.counts.size), self.counts)
        return groups

    def group(self, group: int) -> Ints:
        """Return the rows of the genes of a group."""
        return self.members[self.starts[group] : self.starts[group] + self.counts[group]]

    def normalised(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Return the vectors of some groups, centred and of unit length."""
        rows = self.rows[start:stop]
        out = np.empty((rows.size, self.vectors.shape[1]), np.float32)

        def fill(some: slice, scratch: Floats) -> None:
            centred = self._centred(rows[some], scratch[0], scratch[1])
            centred *= (1 / self.lengths[rows[some]])[:, None]
            out[some] = centred

        in_threads(fill, rows.size, self.vectors.shape[1], scratch=2)
        return out

    def _centred(self, rows: Ints, into: Floats, spare: Floats) -> Floats:
        """Write vectors minus their mean into an array, using another as a buffer."""
        if rows.size and rows[-1] - rows[0] + 1 == rows.size and (rows.size == 1 or (np.diff(rows) == 1).all()):
            np.copyto(into, self.vectors[rows[0] : rows[-1] + 1])
        else:
            taken = spare.reshape(-1).view(np.float32)[: into.size].reshape(into.shape)
            np.take(self.vectors, rows, axis=0, out=taken, mode="clip")
            np.copyto(into, taken)
        into -= self.means[rows, None]
        return into


def group_vectors(species: GeneVectors) -> GroupedVectors:
    """Compute means and lengths of vectors, and group the genes.

    Raises
    ------
    VectorsError
        If a vector has a value that is not finite.
    """
    vectors = np.ascontiguousarray(species.vectors, np.float32)
    count, dimensions = vectors.shape
    means, lengths = np.zeros(count), np.zeros(count)

    def measure(some: slice, scratch: Floats) -> None:
        numbers = scratch[0]
        np.copyto(numbers, vectors[some])
        # an infinite number makes the length nan, which is refused below
        with np.errstate(invalid="ignore"):
            means[some] = numbers.mean(axis=1)
            numbers -= means[some, None]
            length = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
        # the rule of homodb.schema.vectors.normalised
        scale = np.maximum(vectors[some].max(axis=1), -vectors[some].min(axis=1))
        lengths[some] = np.where(length <= 1e-6 * scale * np.sqrt(dimensions), 0.0, length)

    if dimensions:
        in_threads(measure, count, dimensions, scratch=1)
    if not np.isfinite(lengths).all():
        bad = species.genes[~np.isfinite(lengths)]
        raise VectorsError(
            f"vectors of {bad.size} genes (first: {bad[0]}) have values that are not finite; embed these genes again"
        )
    return GroupedVectors(species.genes, vectors, means, lengths, *_grouped(vectors, means, lengths))


def correlations(a: GroupedVectors, b: GroupedVectors, rows_a: Ints, rows_b: Ints) -> Floats:
    """Return the correlations of pairs of genes, shape (pairs,).

    Their vectors are not constant.
    """
    out = np.empty(rows_a.size)

    def fill(some: slice, scratch: Floats) -> None:
        one, two = rows_a[some], rows_b[some]
        products = np.einsum(
            "ij,ij->i", a._centred(one, scratch[0], scratch[2]), b._centred(two, scratch[1], scratch[2])
        )
        out[some] = products / (a.lengths[one] * b.lengths[two])

    in_threads(fill, rows_a.size, a.vectors.shape[1], scratch=3)
    # plus zero: -0.0 becomes 0.0
    return np.clip(np.round(out, DECIMALS), -1.0, 1.0) + 0.0


def in_threads(work: Callable[[slice, Floats], None], count: int, width: int, *, scratch: int) -> None:
    """Run work in threads, on slices of rows that fit the cache of a core.

    Parameters
    ----------
    work
        Function of a slice and of scratch arrays of its thread, shape (scratch, rows of the slice, width): allocating
        them for every slice would cost more than the computation.
    count, width
        Number of rows, and of values in a row.
    scratch
        Number of scratch arrays.
    """
    parts = slices(count, width)

    def run(mine: list[slice]) -> None:
        room = np.empty((scratch, max((some.stop - some.start for some in mine), default=0), width))
        for some in mine:
            work(some, room[:, : some.stop - some.start])

    if len(parts) < 2 * _THREADS:
        run(parts)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(run, [parts[first::_THREADS] for first in range(_THREADS)]):
            pass


def slices(count: int, width: int) -> list[slice]:
    """Cut rows into slices that fit the cache of a core.

    Parameters
    ----------
    count, width
        Number of rows, and of values in a row.
    """
    step = max(1, _AT_ONCE // max(1, width))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _grouped(vectors: npt.NDArray[np.float32], means: Floats, lengths: Floats) -> tuple[Ints, Ints, Ints]:
    """Return the first row and size of each group, and all their rows."""
    varying = np.flatnonzero(lengths)
    order = varying[np.lexsort((lengths[varying], means[varying]))]
    alike = np.zeros(order.size + 1, np.bool_)
    alike[1:-1] = (means[order[1:]] == means[order[:-1]]) & (lengths[order[1:]] == lengths[order[:-1]])
    leader = np.arange(means.size)
    first: dict[bytes, int] = {}
    # equal vectors have equal means and lengths, so only few vectors are compared
    for row in np.sort(order[alike[1:] | alike[:-1]]).tolist():
        # plus zero: -0.0 becomes 0.0
        key = blake2b((vectors[row] + np.float32(0)).tobytes()).digest()
        leader[row] = first.setdefault(key, row)
    rows, inverse, counts = np.unique(leader[varying], return_inverse=True, return_counts=True)
    place = np.argsort(counts > 1, kind="stable")
    rank = np.empty_like(place)
    rank[place] = np.arange(place.size)
    members = varying[np.argsort(rank[inverse], kind="stable")]
    return rows[place], counts[place], members
