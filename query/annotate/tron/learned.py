"""What a network is to learn of a task's cells: their labels, or their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.task import Task
from homodb.query.annotate.tron.phenotype import Phenotype
from homodb.schema.errors import AnnotationError


@dataclass(frozen=True)
class Learned:
    """What is known of both sides' cells.

    Parameters
    ----------
    reference, query
        Of the cells that have counts.
    classes
        Which of the task's labels each category is, int64; None where a number is learned.
    """

    reference: Phenotype
    query: Phenotype
    classes: npt.NDArray[np.int64] | None


def learn(task: Task, there: npt.NDArray[np.int64], placed: npt.NDArray[np.int64]) -> Learned:
    """Return what is to be learned.

    Parameters
    ----------
    task
        The task.
    there, placed
        The reference's and the query's cells that have counts of linked genes.

    Raises
    ------
    AnnotationError
        If the reference's cells are all alike.
    """
    if task.reference.number is not None:
        number = task.reference.number[there]
        if len(np.unique(number[np.isfinite(number)])) < 2:
            raise AnnotationError("all cells of the reference with counts have one number; a network needs two")
        shown = np.full(task.query.n_cells, np.nan) if task.query.number is None else task.query.number
        return Learned(Phenotype(number), Phenotype(shown[placed]), None)
    label = task.reference.label[there]
    classes = np.unique(label[label >= 0])
    if len(classes) < 2:
        seen = f"only {task.labels[int(classes[0])]!r}" if len(classes) else "none"
        raise AnnotationError(
            f"the reference has {seen} as label of cells with counts; a network needs two labels to tell apart"
        )
    category = np.array([-2] * len(task.labels) + [-1])  # -2: a label that the reference lacks; the last: none
    category[classes] = np.arange(len(classes))
    return Learned(
        Phenotype(category[label], len(classes)), Phenotype(category[task.query.label[placed]], len(classes)), classes
    )
