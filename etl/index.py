"""The vector index of a species: one usearch file, by which a look-up finds a gene's nearest genes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homodb.schema.errors import OutputError
from homodb.schema.vectors import GeneVectors, normalised

#: From so many genes on, a graph is built; below, every look-up goes through all vectors.
GRAPH_FROM = 50_000
#: Genes whose vectors are normalised at once.
_BLOCK = 8_192


@dataclass(frozen=True)
class Shape:
    """How densely the graph of an index is built.

    Parameters
    ----------
    connectivity
        Neighbours of a node. A file says it, and by it a look-up knows whether the graph can be searched.
    expansion
        Nodes looked at while a node is added.
    """

    connectivity: int
    expansion: int


#: usearch files always hold a graph; this is the least of one, never searched, for it costs next to nothing.
EXACT = Shape(2, 1)
#: Finds at least 0.99 of the nearest ten with the expansion of a look-up, measured by benchmarks/index.py.
GRAPH = Shape(16, 64)


def write_index(path: Path, vectors: GeneVectors, *, graph_from: int = GRAPH_FROM) -> None:
    """Write the index of one species and embedding.

    Parameters
    ----------
    path
        File to write.
    vectors
        Vectors of the species' genes. Stored are normalised ones (:func:`homodb.schema.vectors.normalised`) in
        half precision by gene key, so that their inner product is the correlation to about 1e-4.
    graph_from
        Number of genes from which on a graph is built that can be searched.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Notes
    -----
    It is built by one thread: equal vectors give equal bytes. (Between kinds of processors the links of a graph
    may differ, since they round sums of products differently.)
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
    if written != index.serialized_length:  # usearch does not notice that a disk is full
        raise OutputError(f"{path}: {written} of {index.serialized_length} bytes could be written; is the disk full?")
