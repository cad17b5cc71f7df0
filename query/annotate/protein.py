"""Method ``protein``: a cell is the weighted mean of its genes' protein embeddings; no orthology is needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.annotate.nearest_cells import labelled_by_nearest
from homodb.query.annotate.task import Labelled, Task
from homodb.query.integrate.scaled import log_normalized
from homodb.schema.errors import MissingEmbeddingError

_ROWS = 4096


def protein(task: Task) -> Labelled:
    """Label cells by their nearest reference cells in protein space.

    Parameters
    ----------
    task
        Its parameters are ``top`` and ``centre`` (see :func:`weighted_means`), ``housekeeping`` (whether ribosomal and
        mitochondrial genes count), ``k``, ``weights`` and ``balanced`` (see
        :func:`homodb.query.annotate.nearest_cells.labelled_by_nearest`).

    Returns
    -------
    Labelled
        As :func:`homodb.query.annotate.nearest_cells.labelled_by_nearest` gives it.

    Raises
    ------
    MissingEmbeddingError
        If there are no vectors for the genes of a side.
    AnnotationError
        If a parameter is none.
    """
    if task.vectors is None:
        raise MissingEmbeddingError("method protein needs vectors of genes, and none are given")
    chosen = task.parameters
    points, told = [], {}
    for name, side in (("reference", task.reference), ("query", task.query)):
        task.report(f"the {name}'s cells in protein space")
        found, vectors = task.vectors(side)
        if not chosen.get("housekeeping", False):
            kept = ~side.housekeeping[found]
            found, vectors = found[kept], vectors[kept]
        told[f"{name}_genes_with_vectors"] = len(found)
        top, centre = int(chosen.get("top", 100)), bool(chosen.get("centre", True))
        points.append(weighted_means(side.counts, found, vectors, top=top, centre=centre))
    reference, query = points
    return labelled_by_nearest(task, reference, query, {**told, "dims": reference.shape[1]})


def weighted_means(
    counts: sp.csr_matrix,
    found: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float32],
    *,
    top: int = 100,
    centre: bool = True,
) -> npt.NDArray[np.float64]:
    """Lay cells out as the weighted means of their genes' vectors.

    Parameters
    ----------
    counts
        CSR, cells x genes.
    found, vectors
        Columns of the genes that have vectors, and these, shape (genes, dimensions).
    top
        So many genes of a cell count: those of the most counts, by log1p of counts to 10 000, which are their weights;
        ties fall to the gene of the lowest key; 0 for all.
    centre
        Whether the mean over these cells is taken off, so that what sets a whole species (or its way of
        measuring) apart does not count; a side then needs cells of several types, in shares like the other's.

    Returns
    -------
    numpy.ndarray
        Shape (cells, dimensions); a row of zeros for a cell that has none of these genes.
    """
    totals = np.asarray(counts.sum(axis=1), np.float64).ravel()
    weights = log_normalized(sp.csr_matrix(counts[:, found]), totals)
    weights = strongest(weights, top) if top else weights
    sums = np.asarray(weights.sum(axis=1)).ravel()
    there = sums > 0
    exact = vectors.astype(np.float64)
    cells = np.zeros((len(totals), vectors.shape[1]))
    for start in range(0, len(totals), _ROWS):
        part = slice(start, start + _ROWS)
        cells[part] = weights[part] @ exact
    cells[there] /= sums[there, None]
    if centre and there.sum() > 1:
        cells[there] -= cells[there].mean(axis=0)
    return cells


def strongest(matrix: sp.csr_matrix, top: int) -> sp.csr_matrix:
    """Keep the `top` largest values of each row, those of the first columns among equal ones.

    Examples
    --------
    >>> strongest(sp.csr_matrix([[3.0, 1.0, 3.0, 5.0]]), 2).toarray()
    array([[3., 0., 0., 5.]])
    """
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    kept = np.sort(order[rank < top])
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=matrix.shape[0]))])
    return sp.csr_matrix((matrix.data[kept], matrix.indices[kept], ends), matrix.shape)
