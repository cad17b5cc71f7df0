"""From two AnnDatas to a task: genes, labels, links, vectors; cells that have nothing to tell are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.labels import LabelMap, mapped, read_labels
from homodb.query.annotate.links import find_links, no_links
from homodb.query.annotate.options import Choices
from homodb.query.annotate.sides import Asked, Read, read_side, some_cells
from homodb.query.annotate.task import Links, Side, Task
from homodb.query.annotate.vectors import read_vector_options, vectors_of
from homodb.query.release import Release
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
        Labels, mapped, of the query's cells (None where they were not read) and of the reference's.
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
        If the reference has fewer than two labels, no cell of the query has counts, or as reading raises it.
    """
    meaning = LabelMap() if choices.labels is None else read_labels(choices.labels)
    one, two = _asked(choices, reference)
    report("reading the query")
    asked = read_side(release, query, one)
    report("reading the reference")
    atlas = read_side(release, reference, two)
    named = mapped(atlas.named or (), meaning.reference)
    names = _names(named, atlas.side.n_cells, choices.label)
    shown = _shown_labels(asked, meaning, choices.query_donors)
    names = (*names, *sorted({one for one in shown if one is not None} - set(names)))
    cells, types = _with_labels(asked.side, shown, names), _with_labels(atlas.side, named, names)
    used = np.asarray(cells.counts.sum(axis=1)).ravel() > 0
    if not used.any():
        raise AnnotationError("no cell of the query has a count of a known gene")
    full = np.asarray(types.counts.sum(axis=1)).ravel() > 0
    notes = [*asked.notes, *atlas.notes]
    for which, what in ((types.label < 0, "without a label"), ((types.label >= 0) & ~full, "without any count")):
        if which.any():
            notes.append(f"{int(which.sum()):,} cells of the reference {what} were left out")
    cells, types = some_cells(cells, used), some_cells(types, (types.label >= 0) & full)
    report("orthologous genes")
    best, every, more = _linked(release, cells, types, choices)
    files = read_vector_options(choices.vectors) if choices.vectors else None
    vectors = vectors_of(release, embedding=choices.embedding, files=files)
    task = Task(types, cells, best, every, names, choices.parameters, choices.seed, vectors, report)
    return Prepared(task, used, None if asked.named is None else shown, named, (*notes, *more))


def _asked(choices: Choices, reference: anndata.AnnData) -> tuple[Asked, Asked]:
    """Return what is to be read of each side; donors and coordinates of the reference only where it has them."""
    query = Asked(
        "query", choices.source, choices.column, choices.layer, choices.query_label, choices.donor_key, choices.spatial,
        choices.phrases,
    )  # fmt: skip
    donor = choices.donor_key if choices.donor_key in reference.obs else None
    spatial = choices.spatial if choices.spatial in reference.obsm else None
    atlas = Asked(
        "reference", choices.reference_species, choices.reference_column, choices.reference_layer, choices.label, donor,
        spatial, choices.phrases,
    )  # fmt: skip
    return query, atlas


def _names(named: Sequence[str | None], cells: int, label: str) -> tuple[str, ...]:
    """Return the labels of the reference, sorted."""
    names = sorted({one for one in named if one is not None})
    if len(names) < 2:
        seen = f"one label, {names[0]!r}" if names else "no label"
        raise AnnotationError(
            f"obs[{label!r}] of the reference has {seen}; two are needed to tell cells apart (--label)"
        )
    if len(names) == cells:
        raise AnnotationError(
            f"obs[{label!r}] of the reference is different for every one of its {cells} cells; name a column of cell"
            " types (--label)"
        )
    return tuple(names)


def _shown_labels(query: Read, meaning: LabelMap, donors: Sequence[str] | None) -> tuple[str | None, ...]:
    """Return the labels of the query that a method may see."""
    if query.named is None:
        return (None,) * query.side.n_cells
    shown = mapped(query.named, meaning.query)
    if donors is not None:
        unknown = [one for one in donors if one not in query.donors]
        if unknown:
            raise AnnotationError(
                f"the query has no donor {unknown[0]!r}; it has {', '.join(query.donors)} (--query-donors)"
            )
        wanted = {query.donors.index(one) for one in donors}
        code = query.side.donor if query.side.donor is not None else np.empty(0, np.int64)
        shown = tuple(one if donor in wanted else None for one, donor in zip(shown, code.tolist(), strict=True))
    return shown


def _with_labels(side: Side, named: Sequence[str | None], names: Sequence[str]) -> Side:
    number = {name: code for code, name in enumerate(names)}
    return replace(side, label=np.array([-1 if one is None else number[one] for one in named], np.int64))


def _linked(release: Release, query: Side, reference: Side, choices: Choices) -> tuple[Links, Links, tuple[str, ...]]:
    """Return the links; none, where there are none and the method needs none."""
    try:
        return find_links(release, query, reference, strategy=choices.strategy, evidence=choices.evidence)
    except (MissingMappingError, AnnotationError) as error:
        if choices.chosen.orthology or choices.strategy is not None:
            raise
        return no_links(), no_links(), (f"no orthologous genes were used: {error}",)
