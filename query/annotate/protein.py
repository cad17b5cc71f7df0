"""Method ``protein``: a cell is the weighted mean of its genes' protein embeddings; no orthology is needed."""

from __future__ import annotations

from homodb.query.annotate.neighbors import labelled_by_nearest
from homodb.query.annotate.settings import ProteinSettings
from homodb.query.annotate.task import AnnotationTask, Labelled
from homodb.query.integrate import weighted_means
from homodb.schema.errors import MissingEmbeddingError


def protein(task: AnnotationTask) -> Labelled:
    """Label cells by their nearest reference cells in protein space.

    Parameters
    ----------
    task
        Its parameters are ``top`` and ``centre`` (see :func:`weighted_means`), ``housekeeping`` (whether ribosomal and
        mitochondrial genes count), ``k``, ``weights`` and ``balanced`` (see
        :func:`homodb.query.annotate.neighbors.labelled_by_nearest`).

    Returns
    -------
    Labelled
        As :func:`homodb.query.annotate.neighbors.labelled_by_nearest` gives it.

    Raises
    ------
    MissingEmbeddingError
        If there are no vectors for the genes of a side.
    AnnotationError
        If a parameter is none.
    """
    if task.vectors is None:
        raise MissingEmbeddingError("method protein needs vectors of genes, and none are given")
    settings = ProteinSettings(**task.parameters)
    points, told = [], {}
    for name, side in (("reference", task.reference), ("query", task.query)):
        task.progress(f"the {name}'s cells in protein space")
        found, vectors = task.vectors(side)
        if not settings.housekeeping:
            kept = ~side.housekeeping[found]
            found, vectors = found[kept], vectors[kept]
        told[f"{name}_genes_with_vectors"] = len(found)
        points.append(weighted_means(side.counts, found, vectors, top=settings.top, centre=settings.centre))
    reference, query = points
    return labelled_by_nearest(task, settings, reference, query, {**told, "dims": reference.shape[1]})
