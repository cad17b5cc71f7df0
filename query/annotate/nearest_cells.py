"""From where cells lie to what they are: labels, or numbers, of the nearest reference cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.neighbors import average, vote
from homodb.query.annotate.task import Labelled, Task


def labelled_by_nearest(
    task: Task, reference: npt.NDArray[Any], query: npt.NDArray[Any], told: Mapping[str, Any]
) -> Labelled:
    """Label the query's cells by their nearest reference cells in a space of both.

    Parameters
    ----------
    task
        Its parameters are ``k``, ``weights`` and, for labels, ``balanced`` (see
        :func:`homodb.query.annotate.neighbors.vote`).
    reference, query
        Where the cells lie, shape (cells, dimensions).
    told
        What the method tells.

    Returns
    -------
    Labelled
        The confidence is the share of votes (the spread: that of the neighbours' numbers), the distance the cosine
        distance to the nearest reference cell.

    Raises
    ------
    AnnotationError
        If a parameter is none, or no reference cell lies anywhere.
    """
    task.report("nearest cells")
    chosen = task.parameters
    k, weights = int(chosen.get("k", 5)), str(chosen.get("weights", "distance"))
    where: dict[str, Any] = {
        "reference_embedding": reference.astype(np.float32),
        "query_embedding": query.astype(np.float32),
    }
    if task.reference.number is not None:
        means = average(reference, task.reference.number, query, k=k, weights=weights)
        return Labelled.of_numbers(means.number, means.spread, means.distance, told, **where)
    votes = vote(
        reference, task.reference.label, query, len(task.labels), k=k, weights=weights,
        balanced=bool(chosen.get("balanced", False)),
    )  # fmt: skip
    return Labelled(votes.label, votes.confidence, votes.distance, told, **where)
