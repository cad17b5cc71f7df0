"""From two AnnDatas to a task: genes, labels, links, vectors; cells that have nothing to tell are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.known import known
from homodb.query.annotate.links import find_links, no_links
from homodb.query.annotate.methods import used_by
from homodb.query.annotate.options import Choices
from homodb.query.annotate.sides import Asked, read_side, some_cells
from homodb.query.annotate.task import Links, Side, Task
from homodb.query.annotate.vectors import read_vector_options, vectors_of
from homodb.query.in_memory import with_tables
from homodb.query.release import Release
from homodb.schema.counted import counted
from homodb.schema.errors import AnnotationError, MissingMappingError

if TYPE_CHECKING:
    import anndata


@dataclass(frozen=True)
class Prepared:
    """A task, and what became of cells on the way to it.

    Parameters
    ----------
    task
        What a method works on: the reference's cells that have a label and counts, the query's that have counts.
    used
        Which cells of the query are in the task, shape (cells,).
    query_named, reference_named
        Labels, mapped, of the query's cells (None where they were not read) and of the reference's (none where a number
        is carried).
    notes
        What a user should know.
    """

    task: Task
    used: npt.NDArray[np.bool_]
    query_named: tuple[str | None, ...] | None
    reference_named: tuple[str | None, ...]
    notes: tuple[str, ...]


def prepare(
    release: Release,
    query: anndata.AnnData,
    reference: anndata.AnnData,
    choices: Choices,
    report: Callable[[str], None] = lambda step: None,
) -> Prepared:
    """Make the task.

    Raises
    ------
    AnnotationError
        If the reference has fewer than two labels or numbers, no cell of the query has counts, or as reading raises it.
    """
    query, reference = with_tables(query), with_tables(reference)
    one, two = _asked(choices, reference)
    report("reading the query")
    asked = read_side(release, query, one)
    report("reading the reference")
    atlas = read_side(release, reference, two)
    told = known(asked, atlas, choices)
    cells, types, has = told.query, told.reference, told.has
    used = np.asarray(cells.counts.sum(axis=1)).ravel() > 0
    if not used.any():
        raise AnnotationError("no cell of the query has a count of a known gene")
    full = np.asarray(types.counts.sum(axis=1)).ravel() > 0
    notes = [*asked.notes, *atlas.notes]
    lacking = "without a number" if choices.numeric else "without a label"
    for which, what in ((~has, lacking), (has & ~full, "without any count")):
        if which.any():
            cells_were = counted(
                int(which.sum()), f"cell of the reference {what} was", f"cells of the reference {what} were"
            )
            notes.append(f"{cells_were} left out")
    if choices.query_label is not None and "query_label" not in used_by(choices.chosen, choices.parameters):
        notes.append(f"method {choices.method} learns nothing from the query's own labels: such cells are only marked")
    cells, types = some_cells(cells, used), some_cells(types, has & full)
    report("orthologous genes")
    best, every, more = _linked(release, cells, types, choices)
    files = read_vector_options(choices.vectors) if choices.vectors else None
    vectors = vectors_of(release, embedding=choices.embedding, files=files)
    task = Task(types, cells, best, every, told.labels, choices.parameters, choices.seed, vectors, report)
    return Prepared(task, used, told.query_named, told.reference_named, (*notes, *more))


def _asked(choices: Choices, reference: anndata.AnnData) -> tuple[Asked, Asked]:
    """Return what is to be read of each side; donors and coordinates of the reference only where it has them."""
    query = Asked(
        "query", choices.source, choices.column, choices.layer, choices.query_label, choices.donor_key, choices.spatial,
        choices.phrases, choices.numeric,
    )  # fmt: skip
    donor = choices.donor_key if choices.donor_key in reference.obs else None
    spatial = choices.spatial if choices.spatial in reference.obsm else None
    atlas = Asked(
        "reference", choices.reference_species, choices.reference_column, choices.reference_layer, choices.label, donor,
        spatial, choices.phrases, choices.numeric,
    )  # fmt: skip
    return query, atlas


def _linked(release: Release, query: Side, reference: Side, choices: Choices) -> tuple[Links, Links, tuple[str, ...]]:
    """Return the links; none, where there are none and the method needs none."""
    try:
        return find_links(release, query, reference, strategy=choices.strategy, evidence=choices.evidence)
    except (MissingMappingError, AnnotationError) as error:
        if choices.chosen.orthology or choices.strategy is not None:
            raise
        return no_links(), no_links(), (f"no orthologous genes were used: {error}",)
