"""Write the vector index of a species, for nearest-gene queries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homodb.schema.errors import OutputError
from homodb.schema.vectors import GeneVectors, normalised

#: Number of genes from which a graph is built; smaller indexes are searched exhaustively.
GRAPH_FROM = 50_000
#: Number of genes normalised at once.
_BLOCK = 8_192


@dataclass(frozen=True)
class Shape:
    """Density of the graph of an index.

    Parameters
    ----------
    connectivity
        Number of neighbours of a node. It is stored in the file, and says whether the graph can be searched.
    expansion
        Number of nodes visited while a node is added.
    """

    connectivity: int
    expansion: int


#: Smallest possible graph, never searched: usearch files always have one.
EXACT = Shape(2, 1)
#: Finds at least 0.99 of the ten nearest genes, as measured by benchmarks/index.py.
GRAPH = Shape(16, 64)


def write_index(path: Path, vectors: GeneVectors, *, graph_from: int = GRAPH_FROM) -> None:
    """Write the index of one species and embedding.

    Parameters
    ----------
    path
        File to write.
    vectors
        Vectors of the genes. They are stored normalised (:func:`homodb.schema.vectors.normalised`) in half
        precision by gene key, so that their inner product is the correlation to about 1e-4.
    graph_from
        Number of genes from which a searchable graph is built.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Notes
    -----
    The index is built by one thread, so equal vectors give equal bytes. (Links of a graph may differ between
    processors, which round sums of products differently.)
    """
    from usearch.index import Index

    genes, dimensions = vectors.vectors.shape
    shape = GRAPH if genes >= graph_from else EXACT
    index = Index(
        ndim=dimensions, metric="ip", dtype="f16",
        connectivity=shape.connectivity, expansion_add=shape.expansion,
    )  # fmt: skip
    for start in range(0, genes, _BLOCK):
        block = slice(start, start + _BLOCK)
        keys = vectors.genes[block].astype(np.uint64)
        index.add(keys, normalised(vectors.vectors[block]), threads=1)
    try:
        index.save(path)
    except (RuntimeError, OSError) as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error
    written = path.stat().st_size
    if written != index.serialized_length:  # usearch does not detect a full disk
        raise OutputError(f"{path}: only {written} of {index.serialized_length} bytes were written. Is the disk full?")
