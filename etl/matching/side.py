"""One species' side of a matching: its genes' means and lengths, and which genes have the very same vector.

Here also stands the one definition of a correlation, which decides everything: in float64 from the float32 vectors,
each pair by itself, to :data:`DECIMALS` decimals. So it does not depend on what else is computed beside it, and equal
vectors have equal correlations.
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

#: A correlation is rounded to so many decimals: far above the rounding of float64, far below that of float32.
DECIMALS = 12
#: Numbers that a thread works on at a time: 1 MB in float64, what fits a core's cache.
_AT_ONCE = 1 << 17
_THREADS = min(16, os.cpu_count() or 1)


@dataclass(frozen=True)
class Side:
    """Genes of one species, grouped by their vector.

    Parameters
    ----------
    genes
        Gene keys, ascending, shape (genes,).
    vectors
        As given, shape (genes, dimensions), float32.
    means, lengths
        Of each vector: its mean, and its length after the mean is taken off, shape (genes,). A length of 0 marks
        a constant vector, which correlates with nothing.
    rows
        The first gene (its row) of each group of genes with the same vector, shape (groups,). Constant vectors are
        left out. Groups of one gene come first.
    counts
        Genes in each group, shape (groups,).
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
        """Where in `members` each group begins, shape (groups,)."""
        starts: Ints = np.cumsum(self.counts) - self.counts
        return starts

    @cached_property
    def groups(self) -> Ints:
        """The group of each gene, -1 for a constant vector, shape (genes,)."""
        groups = np.full(self.genes.size, -1)
        groups[self.members] = np.repeat(np.arange(self.counts.size), self.counts)
        return groups

    def group(self, group: int) -> Ints:
        """Return the rows of a group's genes."""
        return self.members[self.starts[group] : self.starts[group] + self.counts[group]]

    def normalised(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Return the vectors of some groups, centred and at unit length, shape (stop - start, dimensions)."""
        rows = self.rows[start:stop]
        out = np.empty((rows.size, self.vectors.shape[1]), np.float32)

        def fill(some: slice, scratch: Floats) -> None:
            centred = self._centred(rows[some], scratch[0], scratch[1])
            centred *= (1 / self.lengths[rows[some]])[:, None]
            out[some] = centred

        in_threads(fill, rows.size, self.vectors.shape[1], scratch=2)
        return out

    def _centred(self, rows: Ints, into: Floats, spare: Floats) -> Floats:
        """Write vectors less their mean into an array, by way of another."""
        if rows.size and rows[-1] - rows[0] + 1 == rows.size and (rows.size == 1 or (np.diff(rows) == 1).all()):
            np.copyto(into, self.vectors[rows[0] : rows[-1] + 1])
        else:
            taken = spare.reshape(-1).view(np.float32)[: into.size].reshape(into.shape)
            np.take(self.vectors, rows, axis=0, out=taken, mode="clip")
            np.copyto(into, taken)
        into -= self.means[rows, None]
        return into


def side(given: GeneVectors) -> Side:
    """Measure the vectors and group the genes.

    Raises
    ------
    VectorsError
        If a vector holds a number that is not finite.
    """
    vectors = np.ascontiguousarray(given.vectors, np.float32)
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
        bad = given.genes[~np.isfinite(lengths)]
        raise VectorsError(
            f"vectors of {bad.size} genes (first: {bad[0]}) hold numbers that are not finite; embed these genes anew"
        )
    return Side(given.genes, vectors, means, lengths, *_grouped(vectors, means, lengths))


def correlations(a: Side, b: Side, rows_a: Ints, rows_b: Ints) -> Floats:
    """Return the correlations of pairs of genes that both have a length, shape (pairs,)."""
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
    """Do work on slices of rows that stay in a core's cache, in threads.

    Parameters
    ----------
    work
        Called with a slice and with scratch arrays of its thread, shape (scratch, rows of the slice, width): fresh ones
        for every slice would cost more than what is computed in them.
    count, width
        Rows, and numbers in a row.
    scratch
        Scratch arrays wanted.
    """
    parts = slices(count, width)

    def some_of_them(mine: list[slice]) -> None:
        room = np.empty((scratch, max((some.stop - some.start for some in mine), default=0), width))
        for some in mine:
            work(some, room[:, : some.stop - some.start])

    if len(parts) < 2 * _THREADS:
        some_of_them(parts)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(some_of_them, [parts[first::_THREADS] for first in range(_THREADS)]):
            pass


def slices(count: int, width: int) -> list[slice]:
    """Cut rows into slices that stay in a core's cache.

    Parameters
    ----------
    count, width
        Rows, and numbers in a row.
    """
    step = max(1, _AT_ONCE // max(1, width))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def _grouped(vectors: npt.NDArray[np.float32], means: Floats, lengths: Floats) -> tuple[Ints, Ints, Ints]:
    """Return the first row of each group, how many it has, and the rows of all groups."""
    known = np.flatnonzero(lengths)
    order = known[np.lexsort((lengths[known], means[known]))]
    alike = np.zeros(order.size + 1, np.bool_)
    alike[1:-1] = (means[order[1:]] == means[order[:-1]]) & (lengths[order[1:]] == lengths[order[:-1]])
    leader = np.arange(means.size)
    first: dict[bytes, int] = {}
    # only what has the same mean and length can be the same, so hardly a vector is ever looked at
    for row in np.sort(order[alike[1:] | alike[:-1]]).tolist():
        # plus zero: -0.0 becomes 0.0
        key = blake2b((vectors[row] + np.float32(0)).tobytes()).digest()
        leader[row] = first.setdefault(key, row)
    rows, inverse, counts = np.unique(leader[known], return_inverse=True, return_counts=True)
    place = np.argsort(counts > 1, kind="stable")
    rank = np.empty_like(place)
    rank[place] = np.arange(place.size)
    members = known[np.argsort(rank[inverse], kind="stable")]
    return rows[place], counts[place], members
