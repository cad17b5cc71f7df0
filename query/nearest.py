"""The nearest genes to given vectors: candidates from the index, then exact correlations decide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import BrokenReleaseError
from homodb.schema.vectors import GeneVectors, normalised, read_rows, read_vectors

if TYPE_CHECKING:
    from usearch.index import Index

#: An index whose nodes have so few neighbours holds no graph that could be searched: it is gone through.
_NO_GRAPH = 2
#: Nodes of a graph that a look-up keeps in view; with the graphs that homodb builds, it finds 0.99 of the nearest ten.
_EXPANSION = 256
#: Half precision rounds an element of either vector by 2^-11 of itself at most, and so a correlation by twice that.
_HALF = 2.0**-10 + 1e-4
#: Correlations by float32 products are off by less.
_SINGLE = 1e-4
#: So many look-ups at once, or more, are cheaper by a product with all vectors, where they take at most so many bytes.
_MANY, _IN_MEMORY = 128, 2**31
_BLOCK = 512

_Keys = npt.NDArray[np.int64]
_Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """The nearest genes to one vector: keys, and correlations with it, high to low."""

    genes: _Keys
    correlations: _Reals


def nearest(
    queries: GeneVectors, vectors: Path, index: Path, k: int, *, whole: bool | None = None
) -> tuple[Found, ...]:
    """Find the nearest genes to each of some genes, itself left out.

    Parameters
    ----------
    queries
        The genes and their vectors, as read.
    vectors, index
        Files of the genes to search.
    k
        How many to find; all, where there are fewer.
    whole
        Whether to read all vectors instead of searching the index; None decides by the number of queries. Without
        a graph in the index both ways find the same.

    Returns
    -------
    tuple of Found
        For each query the genes of the highest Pearson correlations, computed in float64 from the float32 vectors;
        equal ones in order of gene keys. A constant vector has correlation 0 with every other one.

    Raises
    ------
    BrokenReleaseError
        If a file is broken, or index and vectors do not belong together.
    """
    opened = _open(index, queries.vectors.shape[1])
    wanted = min(k + 1, len(opened))  # one more, for a gene does not count as its own neighbour
    if not wanted:
        return tuple(Found(np.zeros(0, np.int64), np.zeros(0)) for _ in queries.genes)
    if whole is None:
        small = opened.connectivity <= _NO_GRAPH and len(opened) * queries.vectors.shape[1] * 4 <= _IN_MEMORY
        whole = small and len(queries.genes) >= _MANY
    if not whole:
        candidates = _by_index(opened, normalised(queries.vectors), wanted)
        asked = np.unique(np.concatenate([one.genes for one in candidates]))
        read = read_rows(vectors, asked)
        if len(read.genes) != len(asked):
            raise BrokenReleaseError(f"{index} names genes that {vectors.name} does not hold; get the release again")
        exact = [_correlated(queries, row, one.genes, read) for row, one in enumerate(candidates)]
        if all(np.abs(a.correlations - b.correlations).max() <= _HALF for a, b in zip(candidates, exact, strict=True)):
            return tuple(_first(one, key, k) for one, key in zip(exact, queries.genes, strict=True))
    return _by_product(queries, read_vectors(vectors), wanted, k)  # also where an index rounds worse than it should


def _open(path: Path, dimensions: int) -> Index:
    from usearch.index import Index

    try:
        opened = Index.restore(path, view=True, expansion_search=_EXPANSION)
    except (ValueError, RuntimeError, OSError) as error:
        raise BrokenReleaseError(
            f"{path}: cannot be read as a vector index ({error}); get the release again"
        ) from error
    if opened is None or opened.ndim != dimensions:
        raise BrokenReleaseError(
            f"{path}: is an index of {opened.ndim if opened else 'no'} dimensions, and the vectors have {dimensions}"
        )
    return opened


def _by_index(index: Index, queries: npt.NDArray[np.float32], wanted: int) -> list[Found]:
    """Return candidates with correlations in half precision: all that may be among the wanted ones.

    By half precision, the last of the wanted nearest has some value; its true one is lower by the error of rounding
    at most, and what lies lower by twice that error is not among the nearest. (Of a graph, all that it finds.)
    """
    exact = index.connectivity <= _NO_GRAPH
    count = min(len(index), 4 * wanted + 64)
    while True:
        matches = index.search(queries, count, exact=exact)
        keys, distances = np.atleast_2d(matches.keys), np.atleast_2d(matches.distances)
        rows = [
            Found(keys[row, :number].astype(np.int64), 1.0 - distances[row, :number].astype(np.float64))
            for row, number in enumerate(getattr(matches, "counts", [keys.shape[1]]))
        ]
        near = [_down_to(row, wanted, 2 * _HALF) for row in rows]
        if (
            not exact
            or count == len(index)
            or all(len(a.genes) < len(b.genes) for a, b in zip(near, rows, strict=True))
        ):
            return near
        count = min(len(index), 4 * count)


def _by_product(queries: GeneVectors, vectors: GeneVectors, wanted: int, k: int) -> tuple[Found, ...]:
    """Compare with all vectors: products in single precision choose the candidates."""
    all_of_them, asked = normalised(vectors.vectors), normalised(queries.vectors)
    found = []
    for start in range(0, len(asked), _BLOCK):
        products = asked[start : start + _BLOCK] @ all_of_them.T
        last = np.partition(products, products.shape[1] - wanted, axis=1)[:, products.shape[1] - wanted]
        for row, floor in enumerate(last - 2 * _SINGLE, start):
            near = np.flatnonzero(products[row - start] >= floor)
            some = GeneVectors(vectors.genes[near], vectors.vectors[near])
            found.append(_first(_correlated(queries, row, some.genes, some), queries.genes[row], k))
    return tuple(found)


def _down_to(row: Found, wanted: int, less: float) -> Found:
    """Keep what correlates with at least the last of the wanted ones' value less some."""
    near = row.correlations >= row.correlations[: max(wanted, 1)].min() - less
    return Found(row.genes[near], row.correlations[near])


def _correlated(queries: GeneVectors, row: int, genes: _Keys, vectors: GeneVectors) -> Found:
    """Correlate a query with some genes, in float64; equal vectors give equal numbers, whatever is beside them."""
    some = vectors.vectors[np.searchsorted(vectors.genes, genes)]
    query = _unit(queries.vectors[row : row + 1])
    return Found(genes, np.clip((_unit(some) * query).sum(axis=1), -1.0, 1.0))


def _unit(vectors: npt.NDArray[np.float32]) -> _Reals:
    """Return vectors less their own mean at unit length, in float64; constant ones as zero."""
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1))
    constant = ~normalised(vectors).any(axis=1)
    length[constant] = 1.0
    centred /= length[:, None]
    centred[constant] = 0.0
    return centred


def _first(found: Found, own: np.int64, k: int) -> Found:
    """Return the first k of them, itself left out: by correlation, then by key."""
    order = np.lexsort((found.genes, -found.correlations))
    order = order[found.genes[order] != own][:k]
    return Found(found.genes[order], found.correlations[order])
