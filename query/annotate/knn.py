"""Method ``knn``: the nearest reference cells by cosine, among translated principal components or in an integration."""

from __future__ import annotations

from homodb.query.annotate.nearest_cells import labelled_by_nearest
from homodb.query.annotate.space import components, integrated
from homodb.query.annotate.task import Labelled, Task


def knn(task: Task) -> Labelled:
    """Label cells by their nearest reference cells: the baseline.

    Parameters
    ----------
    task
        Its parameters are ``k``, ``weights``, ``balanced`` (see
        :func:`homodb.query.annotate.nearest_cells.labelled_by_nearest`), ``features``, ``dims``, ``scale`` (see
        :func:`homodb.query.annotate.space.components`) and ``integration``: ``none``, or a method of
        ``homodb integrate``.

    Returns
    -------
    Labelled
        As :func:`homodb.query.annotate.nearest_cells.labelled_by_nearest` gives it.

    Raises
    ------
    AnnotationError
        If the sides share too few genes, or a parameter is none.
    IntegrationError, MissingPackageError
        If the integration cannot be run.
    """
    chosen = task.parameters
    features, dims = int(chosen.get("features", 2000)), int(chosen.get("dims", 30))
    integration = str(chosen.get("integration", "none"))
    if integration == "none":
        task.report("translated principal components")
        reference, query, told = components(task, features=features, dims=dims, scale=str(chosen.get("scale", "none")))
    else:
        task.report(f"integrating by {integration}")
        reference, query, told = integrated(task, integration=integration, features=features, dims=dims)
    return labelled_by_nearest(task, reference, query, told)
