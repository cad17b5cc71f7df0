"""Vectors of one species, with genes grouped by equal vectors.

This module also defines the correlation that decides all results: in float64 from the float32 vectors, each pair by
itself, to :data:`DECIMALS` decimals. So a correlation does not depend on the pairs that are computed beside it, and
equal vectors have equal correlations.

On the CPU everything but the product itself runs in numpy, whose passes over a tile cost less than those of torch
there. The functions that are used have the same names in numpy and torch. Every core works on its own tiles, with
products of one thread, so that no core waits for another between a product and the search in its tile.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import MissingPackageError, VectorsError
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
    """Return the correlations of pairs of genes, shape (pairs,). Their vectors are not constant."""
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
    """Cut rows into slices that fit the cache of a core."""
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


#: Maximum rows and columns of a tile, on the CPU (16 MB; with 1024, a product takes a tenth longer) and on a GPU.
_ON_CPU, _ON_GPU = 2048, 4096
#: Maximum number of workers on the CPU.
_WORKERS = 16


@dataclass(frozen=True)
class ArrayBackend:
    """Functions that handle arrays on a device.

    Parameters
    ----------
    module
        numpy or torch.
    put
        Moves a numpy array to the device.
    multiply
        Writes the product of one array and another transposed, float32, into a third.
    block
        Returns the rows and columns of a tile for the rows and columns of a product.
    workers
        Number of tiles that are worked on at a time, each in a thread.
    settings
        Context in which products have full float32 precision; the user's settings are restored after it.
    to_one_core
        Restricts the products of a worker's thread to one core; called within `settings`.
    """

    module: ModuleType
    put: Callable[[npt.NDArray[Any]], Any]
    multiply: Callable[[Any, Any, Any], None]
    block: Callable[[int, int], int]
    workers: int
    settings: Callable[[], AbstractContextManager[object]]
    to_one_core: Callable[[], None]

    @property
    def on_cpu(self) -> bool:
        """True if arrays are those of numpy."""
        return self.module is np

    def fetch(self, array: Any) -> npt.NDArray[Any]:
        """Return an array as an array of numpy."""
        fetched: npt.NDArray[Any] = array if self.on_cpu else array.cpu().numpy()
        return fetched


def backend_for(device: str) -> ArrayBackend:
    """Return the backend for a device.

    Parameters
    ----------
    device
        A device of torch; ``numpy`` for the CPU without torch; ``auto`` for the fastest available.

    Raises
    ------
    MissingPackageError
        If the device needs torch and torch is not installed.
    """
    if device == "numpy":
        return _numpy()
    try:
        import torch
    except ModuleNotFoundError as error:
        if device in ("auto", "cpu"):
            return _numpy()
        raise MissingPackageError.of(f"device {device!r}", "torch", "etl", ", or use device cpu") from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    def multiply(left: Any, right: Any, out: Any) -> None:
        torch.mm(left, right.T, out=out)

    @contextmanager
    def settings() -> Iterator[None]:
        precision, threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)
            torch.set_num_threads(threads)

    if device == "cpu":

        def multiply_numpy(*three: npt.NDArray[Any]) -> None:
            multiply(*map(torch.from_numpy, three))

        return _on_cpu(multiply_numpy, torch.get_num_threads(), settings, partial(torch.set_num_threads, 1))

    def put(array: npt.NDArray[Any]) -> Any:
        return torch.from_numpy(array).to(device)

    return ArrayBackend(torch, put, multiply, lambda rows, columns: _ON_GPU, 1, settings, _nothing)


def _numpy() -> ArrayBackend:
    from threadpoolctl import threadpool_limits

    # numpy's BLAS has one number of threads for all, so nothing is left to do in a worker's thread
    return _on_cpu(_multiply_numpy, os.cpu_count() or 1, partial(threadpool_limits, 1, "blas"), _nothing)


def _on_cpu(
    multiply: Callable[[Any, Any, Any], None],
    cores: int,
    settings: Callable[[], AbstractContextManager[object]],
    to_one_core: Callable[[], None],
) -> ArrayBackend:
    workers = min(_WORKERS, cores)
    return ArrayBackend(np, _unchanged, multiply, partial(_block, workers), workers, settings, to_one_core)


def _block(workers: int, rows: int, columns: int) -> int:
    """Return the rows and columns of a tile on the CPU. They are few enough that no worker idles long at the end."""
    side = math.sqrt(rows * columns / (16 * workers))
    return min(_ON_CPU, 64 * max(1, round(side / 64)))


def _nothing() -> None:
    pass


def _unchanged(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array


def _multiply_numpy(left: npt.NDArray[Any], right: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    np.matmul(left, right.T, out=out)
