"""From two AnnDatas to a task: genes, labels, links, vectors; cells that have nothing to tell are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.annotate.labels import LabelMap, mapped, read_labels
from homodb.query.annotate.links import find_links, no_links
from homodb.query.annotate.methods import used_by
from homodb.query.annotate.options import Choices
from homodb.query.annotate.task import AnnotationTask, OrthologyLinks
from homodb.query.cells import (
    ObsColumns,
    SpeciesCells,
    as_counts,
    product,
    slots_of,
    with_tables,
)
from homodb.query.integrate import read_vector_options, vectors_of
from homodb.query.join import read_side as read_genes
from homodb.query.release import ReleaseFile
from homodb.schema.errors import AnnotationError, JoinError, MissingMappingError, TranslationError
from homodb.schema.messages import counted
from homodb.schema.names import name_texts
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Entry of obsm that holds coordinates, where none is named.
SPATIAL = "spatial"


@dataclass(frozen=True)
class CellRequest:
    """What is to be read of one side.

    Parameters
    ----------
    side
        ``query`` or ``reference``.
    species
        By any name; None to find it out.
    column
        Column of var with the names of genes; None for var's index.
    layer
        Layer with the counts, or ``raw``; None for X.
    label, donor
        Columns of obs with cell types and donors; None: they are not read.
    numeric
        Whether the column of cell types holds numbers.
    spatial
        Entry of obsm with coordinates; None for ``spatial`` where there is such an entry.
    phrases
        Columns of obs for cell sentences.
    """

    side: str
    species: str | int | Species | None = None
    column: str | None = None
    layer: str | None = None
    label: str | None = None
    donor: str | None = None
    spatial: str | None = None
    phrases: tuple[str, ...] = ()
    numeric: bool = False

    @property
    def option(self) -> str:
        """How the command line names the species of this side."""
        return "--from" if self.side == "query" else "--reference-species"


@dataclass(frozen=True)
class Read:
    """A side as it was read.

    Parameters
    ----------
    side
        All its cells, none labelled.
    named
        Cell type of each cell, None for none; None where no column was named.
    donors
        Names of the donors that :attr:`SpeciesCells.donor` numbers.
    notes
        What a user should know.
    """

    side: SpeciesCells
    named: tuple[str | None, ...] | None
    donors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_side(release: ReleaseFile, adata: anndata.AnnData, asked: CellRequest) -> Read:
    """Read a side.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have the species.
    UndecidedSpeciesError
        If the names of genes do not tell the species.
    AnnotationError
        If a column, layer or entry is missing, no name is a gene, or the values are not counts.
    """
    if not adata.n_obs:
        raise AnnotationError(f"the {asked.side} has no cells")
    var, matrix, where = _matrix(adata, asked)
    try:
        told = read_genes(release, f"the {asked.side}", var, asked.species, asked.column)
    except (JoinError, TranslationError) as error:
        kind = AnnotationError if isinstance(error, JoinError) or type(error) is TranslationError else type(error)
        option = "from" if (error.option, asked.side) == ("species", "query") else _parameter(asked, error.option or "")
        raise kind(str(error), option=option) from error
    option = _parameter(asked, "layer")
    counts = as_counts(
        matrix,
        f"{where} of the {asked.side}",
        logged="log1p" in adata.uns and where == "X",
        dtype=np.float64,
        error=AnnotationError,
        remedy="give raw counts: a layer, or raw",
        option=option,
    )
    obs = ObsColumns(adata.obs, AnnotationError, f"obs of the {asked.side}")
    genes = told.resolved.drop_nulls("gene").select(
        "place", "gene", "stable_id", "symbol", "mitochondrial", "ribosomal"
    )
    distinct = genes.unique("gene", keep="first").sort("gene")
    keys = distinct["gene"].to_numpy().astype(np.int64)
    place = genes["place"].to_numpy().astype(np.int64)
    column = np.searchsorted(keys, genes["gene"].to_numpy())
    summed = sp.csr_matrix(product(counts, len(keys), place, column, np.ones(len(place))))
    summed.sum_duplicates()
    donors = None if asked.donor is None else obs.partial_codes(asked.donor, "donors")
    side = SpeciesCells(
        counts=summed,
        genes=keys,
        symbols=tuple(distinct.select(pl.coalesce("symbol", "stable_id"))["symbol"].to_list()),
        housekeeping=(distinct["mitochondrial"] | distinct["ribosomal"]).to_numpy().astype(np.bool_),
        species=told.species,
        cells=tuple(name_texts(adata.obs_names)),
        label=np.full(adata.n_obs, -1, np.int64),
        donor=None if donors is None else donors.code,
        place=_place(adata, asked),
        phrases={name: obs.texts(name) for name in asked.phrases},
        stable_ids=tuple(distinct["stable_id"].to_list()),
        number=_numbers(obs, asked) if asked.numeric else None,
    )
    named = None if asked.label is None or asked.numeric else obs.texts(asked.label)
    return Read(side, named, () if donors is None else donors.names, told.notes)


def some_cells(side: SpeciesCells, rows: npt.NDArray[Any]) -> SpeciesCells:
    """Return a side of some of its cells: `rows` are their numbers, or tell which of all."""
    rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    phrases: Mapping[str, tuple[str | None, ...]] = {
        name: tuple(texts[row] for row in rows.tolist()) for name, texts in side.phrases.items()
    }
    return replace(
        side,
        counts=sp.csr_matrix(side.counts[rows]),
        cells=tuple(side.cells[row] for row in rows.tolist()),
        label=side.label[rows],
        donor=None if side.donor is None else side.donor[rows],
        place=None if side.place is None else side.place[rows],
        number=None if side.number is None else side.number[rows],
        phrases=phrases,
    )


def _numbers(obs: ObsColumns, asked: CellRequest) -> npt.NDArray[np.float64]:
    return np.full(len(obs.obs), np.nan) if asked.label is None else obs.numbers(asked.label)


def _parameter(asked: CellRequest, name: str) -> str:
    return name if asked.side == "query" else f"reference_{name}"


def _option(asked: CellRequest, name: str) -> str:
    return f"--{name}" if asked.side == "query" else f"--reference-{name}"


def _matrix(adata: anndata.AnnData, asked: CellRequest) -> tuple[pd.DataFrame, Any, str]:
    """Return var, the matrix of counts, and where it stands."""
    slots = slots_of(adata)
    try:
        slot = slots.main(asked.layer)
    except TranslationError as error:
        raise AnnotationError(f"the {asked.side}: {str(error).replace('--layer', _option(asked, 'layer'))}") from error
    return adata.raw.var if slot.label == "raw" else adata.var, slots.matrix(slot), slot.label


def _place(adata: anndata.AnnData, asked: CellRequest) -> npt.NDArray[np.float64] | None:
    """Return coordinates; those that nobody named and that are none are left aside."""
    name = asked.spatial or SPATIAL
    if name not in adata.obsm:
        if asked.spatial is None:
            return None
        there = ", ".join(adata.obsm) or "nothing"
        raise AnnotationError(f"obsm of the {asked.side} has no {name!r} with coordinates; it has {there} (--spatial)")
    place = np.asarray(adata.obsm[name])
    sound = place.ndim == 2 and place.shape[1] in (2, 3) and place.dtype.kind in "fiu"
    if sound and np.isfinite(place.astype(np.float64)).all():
        return place.astype(np.float64)
    if asked.spatial is None:
        return None
    raise AnnotationError(
        f"obsm[{name!r}] of the {asked.side} is no table of coordinates: wanted two or three finite numbers per cell,"
        f" got shape {place.shape} of {place.dtype}"
    )


Texts = tuple[str | None, ...]


@dataclass(frozen=True)
class CellLabels:
    """Both sides, with what is known of their cells.

    Parameters
    ----------
    query, reference
        All their cells.
    has
        Which cells of the reference have a type, or a number, shape (cells,).
    labels
        Names of the types; empty where numbers are carried.
    query_named, reference_named
        Types, mapped, of the query's cells (None where no column of it was named) and of the reference's; none where
        numbers are carried.
    """

    query: SpeciesCells
    reference: SpeciesCells
    has: npt.NDArray[np.bool_]
    labels: tuple[str, ...]
    query_named: Texts | None
    reference_named: Texts


def known(query: Read, reference: Read, choices: Choices) -> CellLabels:
    """Return what is known.

    Raises
    ------
    AnnotationError
        If the reference has fewer than two types or numbers, or a type of its own for every cell, if a donor is
        unknown, or the table of labels will not do.
    """
    seen = _shown(query, choices.query_donors)
    asked = None if choices.query_label is None else (None,) * query.side.n_cells
    if reference.side.number is not None:
        _check_numbers(reference.side.number, choices.label)
        number = query.side.number
        side = query.side if number is None else replace(query.side, number=np.where(seen, number, np.nan))
        return CellLabels(side, reference.side, reference.side.is_labelled, (), asked, ())
    meaning = LabelMap() if choices.labels is None else read_labels(choices.labels)
    named = mapped(reference.named or (), meaning.reference)
    labels = _labels(named, reference.side.n_cells, choices.label)
    told = mapped(query.named or (None,) * query.side.n_cells, meaning.query)
    told = tuple(one if shown else None for one, shown in zip(told, seen.tolist(), strict=True))
    labels = (*labels, *sorted({one for one in told if one is not None} - set(labels)))
    side = _with_labels(reference.side, named, labels)
    return CellLabels(
        _with_labels(query.side, told, labels), side, side.is_labelled, labels, None if asked is None else told, named
    )


def _shown(query: Read, donors: Sequence[str] | None) -> npt.NDArray[np.bool_]:
    """Return which cells of the query may show what is known of them."""
    if donors is None or query.side.donor is None:
        return np.ones(query.side.n_cells, np.bool_)
    unknown = [one for one in donors if one not in query.donors]
    if unknown:
        raise AnnotationError(
            f"the query has no donor {unknown[0]!r}; it has {', '.join(query.donors)} (--query-donors)"
        )
    return np.isin(query.side.donor, [query.donors.index(one) for one in donors])


def _check_numbers(number: npt.NDArray[np.float64], label: str) -> None:
    different = len(np.unique(number[np.isfinite(number)]))
    if different < 2:
        seen = "one number" if different else "no number"
        raise AnnotationError(f"obs[{label!r}] of the reference has {seen}; two are needed to learn from (--label)")


def _labels(named: Texts, cells: int, label: str) -> tuple[str, ...]:
    """Return the types of the reference, sorted."""
    names = sorted({one for one in named if one is not None})
    if len(names) < 2:
        seen = f"one label, {names[0]!r}" if names else "no label"
        raise AnnotationError(
            f"obs[{label!r}] of the reference has {seen}; two are needed to tell cells apart (--label)"
        )
    if len(names) == cells:
        raise AnnotationError(
            f"obs[{label!r}] of the reference is different for every one of its {cells} cells; name a column of cell"
            " types (--label), or say that it holds numbers (--numeric)"
        )
    return tuple(names)


def _with_labels(side: SpeciesCells, named: Texts, names: Sequence[str]) -> SpeciesCells:
    number = {name: code for code, name in enumerate(names)}
    return replace(side, label=np.array([-1 if one is None else number[one] for one in named], np.int64))


@dataclass(frozen=True)
class AnnotationInput:
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

    task: AnnotationTask
    used: npt.NDArray[np.bool_]
    query_named: tuple[str | None, ...] | None
    reference_named: tuple[str | None, ...]
    notes: tuple[str, ...]


def prepare(
    release: ReleaseFile,
    query: anndata.AnnData,
    reference: anndata.AnnData,
    choices: Choices,
    report: Callable[[str], None] = lambda step: None,
) -> AnnotationInput:
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
    task = AnnotationTask(types, cells, best, every, told.labels, choices.parameters, choices.seed, vectors, report)
    return AnnotationInput(task, used, told.query_named, told.reference_named, (*notes, *more))


def _asked(choices: Choices, reference: anndata.AnnData) -> tuple[CellRequest, CellRequest]:
    """Return what is to be read of each side; donors and coordinates of the reference only where it has them."""
    query = CellRequest(
        "query", choices.source, choices.column, choices.layer, choices.query_label, choices.donor_key, choices.spatial,
        choices.phrases, choices.numeric,
    )  # fmt: skip
    donor = choices.donor_key if choices.donor_key in reference.obs else None
    spatial = choices.spatial if choices.spatial in reference.obsm else None
    atlas = CellRequest(
        "reference", choices.reference_species, choices.reference_column, choices.reference_layer, choices.label, donor,
        spatial, choices.phrases, choices.numeric,
    )  # fmt: skip
    return query, atlas


def _linked(
    release: ReleaseFile, query: SpeciesCells, reference: SpeciesCells, choices: Choices
) -> tuple[OrthologyLinks, OrthologyLinks, tuple[str, ...]]:
    """Return the links; none, where there are none and the method needs none."""
    try:
        return find_links(release, query, reference, strategy=choices.strategy, evidence=choices.evidence)
    except (MissingMappingError, AnnotationError) as error:
        if choices.chosen.orthology or choices.strategy is not None:
            raise
        return no_links(), no_links(), (f"no orthologous genes were used: {error}",)
