"""Method ``consensus``: the label on which most of several methods agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.task import Labelled, Task
from homodb.schema.errors import AnnotationError, HomodbError


def consensus(task: Task) -> Labelled:
    """Label each cell as most methods do.

    Parameters
    ----------
    task
        Its parameter ``methods`` names the methods, separated by commas; by default all that can run. A parameter
        of one of them has its name before it: ``knn.k``.

    Returns
    -------
    Labelled
        Where methods are even, the label of the higher summed confidence. The confidence is the share of methods that
        agree, of those that label the cell; the distance is the mean, over methods, of the share of the query's cells
        that lie nearer to the reference. ``told`` says which methods ran and why others did not; a table has each
        one's label per cell.

    Raises
    ------
    AnnotationError
        If a named method does not exist or is consensus itself, or fewer than two can run.
    """
    import polars as pl

    found, failed = _run(task)
    if len(found) < 2:
        why = "; ".join(f"{name}: {text}" for name, text in failed.items())
        raise AnnotationError(f"a consensus needs two methods, and {len(found)} could run ({why})")
    cells, labels = task.query.n_cells, len(task.labels)
    votes, sureness = np.zeros((cells, labels)), np.zeros((cells, labels))
    distances = []
    for one in found.values():
        there = np.flatnonzero(one.label >= 0)
        votes[there, one.label[there]] += 1
        sureness[there, one.label[there]] += np.nan_to_num(one.confidence[there])
        distances.append(_share_nearer(one.distance))
    cast = votes.sum(axis=1)
    # votes first; sums of confidences, which lie below the number of methods, only part even ones
    best = (votes + sureness / (2 * len(found) + 1)).argmax(axis=1)
    label = np.where(cast > 0, best, -1)
    agree = np.divide(votes[np.arange(cells), best], cast, out=np.full(cells, np.nan), where=cast > 0)
    names = np.array([*task.labels, None], object)
    table = pl.DataFrame({"cell": list(task.query.cells)}).with_columns(
        pl.Series(name, names[one.label], dtype=pl.String) for name, one in found.items()
    )
    told = {"methods": list(found), "not_run": [f"{name}: {why}" for name, why in failed.items()]}
    return Labelled(label.astype(np.int64), agree, _mean(distances), told, {"labels by method": table})


def _run(task: Task) -> tuple[dict[str, Labelled], dict[str, str]]:
    """Run the methods, and return why those that were not named could not be run."""
    from homodb.query.annotate.given import read_parameters
    from homodb.query.annotate.methods import members

    named = bool(task.parameters.get("methods"))
    found: dict[str, Labelled] = {}
    failed: dict[str, str] = {}
    for method in members(task.parameters):
        own = {
            name.removeprefix(f"{method.name}."): value
            for name, value in task.parameters.items()
            if name.startswith(f"{method.name}.")
        }
        if method.orthology and not len(task.best.query):
            failed[method.name] = "the two sides have no orthologous genes in this release"
            continue
        task.report(f"method {method.name}")
        try:
            found[method.name] = method.run(replace(task, parameters=read_parameters(method, own)))
        except HomodbError as error:
            if named:
                raise
            failed[method.name] = str(error)
    return found, failed


def _share_nearer(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each cell the share of cells that lie nearer; NaN where the distance is not known."""
    share = np.full(len(distance), np.nan)
    known = np.flatnonzero(np.isfinite(distance))
    ordered = np.sort(distance[known])
    share[known] = np.searchsorted(ordered, distance[known]) / max(len(known), 1)
    return share


def _mean(shares: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    stacked = np.stack(shares)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    times = known.sum(axis=0)
    mean: npt.NDArray[np.float64] = np.where(times > 0, total / np.maximum(times, 1), np.nan)
    return mean
