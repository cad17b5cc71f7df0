"""Turn two AnnDatas into a task: genes, labels, orthology links and vectors; cells without information are left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.annotate.labels import LabelMap, mapped, read_labels
from homodb.query.annotate.methods import used_by
from homodb.query.annotate.options import AnnotateOptions
from homodb.query.annotate.task import AnnotationTask, OrthologyLinks
from homodb.query.cells import ObsColumns, SpeciesCells, as_counts, product, read_coordinates, slots_of, with_tables
from homodb.query.genes import COLUMNS, Pair, check_share, choose_strategy, embeddings_note, find_pair
from homodb.query.integrate import read_vector_options, vectors_of
from homodb.query.join import JoinSide, check_two_species
from homodb.query.join import read_side as read_genes
from homodb.query.release import ReleaseFile
from homodb.query.translate import GREEDY, OneToMany, Options, map_genes, settled
from homodb.query.translate import read_options as read_mapping_options
from homodb.schema.enums import Strategy
from homodb.schema.errors import (
    AnnotationError,
    JoinError,
    MissingMappingError,
    TranslationError,
    UndecidedSpeciesError,
)
from homodb.schema.messages import counted
from homodb.schema.names import name_texts
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Name of the mapping between two sides of one species.
SAME_SPECIES = "same species"

Texts = tuple[str | None, ...]
Links = tuple[OrthologyLinks, OrthologyLinks, tuple[str, ...]]


@dataclass(frozen=True)
class CellRequest:
    """Parts of one side to read."""

    side: str  # query or reference
    species: str | int | Species | None = None  # None to detect it
    column: str | None = None  # column of var with gene names; None for its index
    layer: str | None = None  # layer with the counts, or raw; None for X
    label: str | None = None  # keys in obs of cell types and donors; None: they are not read
    donor: str | None = None
    spatial: str | None = None  # key in obsm of coordinates; None for ``spatial`` if there is such an entry
    phrases: tuple[str, ...] = ()  # keys in obs for cell sentences
    numeric: bool = False  # whether the column of cell types holds numbers

    def option(self, name: str | None) -> str | None:
        """Return the parameter of :func:`homodb.annotate` for this side."""
        if name in ("species", "source"):
            return "source" if self.side == "query" else "reference_species"
        if name == "label_key":
            return "query_label_key" if self.side == "query" else name
        return name if self.side == "query" or name not in ("column", "layer") else f"reference_{name}"


@dataclass(frozen=True)
class Read:
    """One side."""

    side: SpeciesCells  # all its cells, none labelled
    named: Texts | None  # cell type of each cell; None if no column was named
    genes: JoinSide  # its names as genes
    donors: tuple[str, ...] = ()  # names of the donors that SpeciesCells.donor numbers
    notes: tuple[str, ...] = ()


def read_side(release: ReleaseFile, adata: anndata.AnnData, request: CellRequest) -> Read:
    """Read one side.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have the species.
    UndecidedSpeciesError
        If the gene names do not identify the species.
    AnnotationError
        If a column, layer or entry is missing, no name is a gene, or the values are not counts.
    """
    if not adata.n_obs:
        raise AnnotationError(f"the {request.side} has no cells")
    try:
        var, matrix, slot = _matrix(adata, request)
        resolved = read_genes(release, f"the {request.side}", var, request.species, request.column)
    except (JoinError, TranslationError) as error:
        kind = AnnotationError if isinstance(error, JoinError) or type(error) is TranslationError else type(error)
        raise kind(error.message, option=request.option(error.option), hint=error.hint) from error
    counts = as_counts(
        matrix, f"{slot} of the {request.side}", logged="log1p" in adata.uns and slot == "X", dtype=np.float64,
        error=AnnotationError, remedy="give raw counts: a layer, or raw", option=request.option("layer"),
    )  # fmt: skip
    obs = ObsColumns(adata.obs, AnnotationError, f"obs of the {request.side}")
    label = request.option("label_key")
    genes = resolved.resolved.drop_nulls("gene").select(
        "place", "gene", "stable_id", "symbol", "mitochondrial", "ribosomal"
    )
    distinct = genes.unique("gene", keep="first").sort("gene")
    keys = distinct["gene"].to_numpy().astype(np.int64)
    place = genes["place"].to_numpy().astype(np.int64)
    column = np.searchsorted(keys, genes["gene"].to_numpy())
    summed = sp.csr_matrix(product(counts, len(keys), place, column, np.ones(len(place))))
    summed.sum_duplicates()
    total = float(counts.sum(axis=0).A1[resolved.resolved["is_gene"].to_numpy()].sum())
    if total:
        share = float(summed.sum()) / total
        check_share(
            share, f"{share:.1%} of the counts of the {request.side} are of genes of {resolved.species.common_name}",
            "the names are of another species, column or release",
        )  # fmt: skip
    donors = None if request.donor is None else obs.partial_codes(request.donor, "donors", option="donor_key")
    number = None
    if request.numeric:
        number = np.full(adata.n_obs, np.nan) if request.label is None else obs.numbers(request.label, option=label)
    side = SpeciesCells(
        counts=summed,
        genes=keys,
        symbols=tuple(distinct.select(pl.coalesce("symbol", "stable_id"))["symbol"].to_list()),
        housekeeping=(distinct["mitochondrial"] | distinct["ribosomal"]).to_numpy().astype(np.bool_),
        species=resolved.species,
        cells=tuple(name_texts(adata.obs_names)),
        label=np.full(adata.n_obs, -1, np.int64),
        donor=None if donors is None else donors.code,
        place=_coordinates(adata, request),
        phrases={name: obs.texts(name, option="phrases") for name in request.phrases},
        stable_ids=tuple(distinct["stable_id"].to_list()),
        number=number,
    )
    named = None if request.label is None or request.numeric else obs.texts(request.label, option=label)
    return Read(side, named, resolved, () if donors is None else donors.names, tuple(resolved.named_notes))


def _matrix(adata: anndata.AnnData, request: CellRequest) -> tuple[pd.DataFrame, Any, str]:
    """Return var, the matrix of counts, and its slot."""
    slots = slots_of(adata)
    try:
        slot = slots.main(request.layer)
    except TranslationError as error:
        raise AnnotationError(f"the {request.side}: {error}", option=request.option("layer")) from error
    return adata.raw.var if slot.label == "raw" else adata.var, slots.matrix(slot), slot.label


def _coordinates(adata: anndata.AnnData, request: CellRequest) -> npt.NDArray[np.float64] | None:
    """Return coordinates; an unusable default entry is ignored."""
    try:
        return read_coordinates(adata.obsm, request.spatial, AnnotationError, f"obsm of the {request.side}")
    except AnnotationError:
        if request.spatial is None:
            return None
        raise


def some_cells(side: SpeciesCells, rows: npt.NDArray[Any]) -> SpeciesCells:
    """Return some cells of a side, by number or mask."""
    rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    phrases: Mapping[str, Texts] = {
        name: tuple(texts[row] for row in rows.tolist()) for name, texts in side.phrases.items()
    }
    return replace(
        side, counts=sp.csr_matrix(side.counts[rows]), cells=tuple(side.cells[row] for row in rows.tolist()),
        label=side.label[rows], donor=None if side.donor is None else side.donor[rows],
        place=None if side.place is None else side.place[rows],
        number=None if side.number is None else side.number[rows], phrases=phrases,
    )  # fmt: skip


def find_links(
    release: ReleaseFile, query: SpeciesCells, reference: SpeciesCells, *, strategy: str | Strategy | None,
    evidence: str | None,
) -> Links:  # fmt: skip
    """Find the pairs that link measured genes of the query to measured genes of the reference.

    Parameters
    ----------
    release
        An open release.
    query, reference
        The two sides; of one species, each gene is linked to itself.
    strategy
        One of the five, or several joined by ``+`` for their union, earlier ones first; by default ENS_M2M, and
        LM_O2O where Ensembl has nothing for the pair.
    evidence
        Evidence classes to use (``both,ensembl``) or to add (``+lm_orphan``); None for all that the strategy has.

    Returns
    -------
    tuple
        The best pair of each query gene (of a one-to-many one, the best whose reference gene is measured); all pairs,
        each with the query gene's counts split evenly; and notes for the user.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks what is needed.
    AnnotationError
        If no pair links two measured genes.
    """
    if query.species == reference.species:
        shared = np.intersect1d(query.genes, reference.genes)
        links = _links(query, reference, shared, shared, np.ones(len(shared)), [""] * len(shared), SAME_SPECIES)
        note = f"query and reference are both {query.species.common_name}: genes stand for themselves"
        return _check_some(links, query, reference), links, (note,)
    pair = find_pair(release, query.species, reference.species)
    words = [None] if strategy is None else str(strategy).split("+")
    strategies = [choose_strategy(pair, word, Strategy.ENS_M2M) for word in words]
    notes = pair.notes
    if strategy is None and strategies[0] is Strategy.LM_O2O:
        notes = (embeddings_note(pair),)
    options = read_mapping_options(evidence=evidence)
    best, more = _rows(pair, strategies, replace(options, one_to_many=OneToMany.BEST), query, reference)
    every, _ = _rows(pair, strategies, replace(options, one_to_many=OneToMany.SPLIT), query, reference)
    links, all_links = (
        _links(
            query, reference, rows["source_gene"].to_numpy(), rows["target_gene"].to_numpy(),
            rows["weight"].to_numpy(), rows["evidence_class"].fill_null("").to_list(), "+".join(map(str, strategies)),
        )
        for rows in (best, every)
    )  # fmt: skip
    return _check_some(links, query, reference), all_links, (*notes, *more)


def _rows(
    pair: Pair, strategies: list[Strategy], options: Options, query: SpeciesCells, reference: SpeciesCells
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    present, wanted = query.genes.tolist(), frozenset(reference.genes.tolist())
    if len(strategies) == 1:
        # a greedy strategy keeps its own pairs; of others, partners that are not measured must not hide those that are
        measured = strategies[0] not in GREEDY
        mapping = map_genes(pair, strategies[0], replace(options, measured=measured), present, wanted)
        return mapping.rows, mapping.notes
    here = pl.DataFrame({"source_gene": present}, schema={"source_gene": pl.Int64})
    parts = [
        pair.mapping(one).select(COLUMNS).join(here, on="source_gene", how="semi", maintain_order="left")
        for one in strategies
    ]
    rows = pl.concat(parts).unique(["source_gene", "target_gene"], keep="first", maintain_order=True)
    pairs = rows.select("source_gene", "target_gene")
    mapping = settled(rows, replace(options, measured=True), wanted, pairs, [])
    return mapping.rows, mapping.notes


def _links(
    query: SpeciesCells, reference: SpeciesCells, source: object, target: object, weight: object,
    evidence: list[str], name: str,
) -> OrthologyLinks:  # fmt: skip
    """Return pairs of genes as pairs of columns, by the reference's column."""
    one = np.searchsorted(query.genes, np.asarray(source, np.int64)).astype(np.int64)
    two = np.searchsorted(reference.genes, np.asarray(target, np.int64)).astype(np.int64)
    order = np.lexsort((one, two))
    ordered = tuple(evidence[row] for row in order.tolist())
    return OrthologyLinks(one[order], two[order], np.asarray(weight, np.float64)[order], ordered, name)


def _check_some(links: OrthologyLinks, query: SpeciesCells, reference: SpeciesCells) -> OrthologyLinks:
    if len(links.query):
        return links
    raise AnnotationError(
        f"query and reference share no genes: none of the {len(query.genes):,} genes of {query.species.common_name} has"
        f" a partner among the {len(reference.genes):,} of {reference.species.common_name} by {links.strategy}; check"
        " the species of both, or use another strategy", option="strategy",
    )  # fmt: skip


@dataclass(frozen=True)
class CellLabels:
    """All cells of both sides with their labels."""

    query: SpeciesCells
    reference: SpeciesCells
    labels: tuple[str, ...]  # names of the types; empty for numbers, as the next two
    query_named: Texts | None  # types, mapped, of the query's cells; None if no column of it was named
    reference_named: Texts


def label_cells(query: Read, reference: Read, options: AnnotateOptions) -> CellLabels:
    """Label the cells of both sides.

    Raises
    ------
    AnnotationError
        If the reference has fewer than two types or numbers, or a type of its own for every cell, if a donor is
        unknown, or the label map is invalid.
    """
    shown = _shown(query, options.query_donors)
    nothing: Texts = (None,) * query.side.n_cells
    if reference.side.number is not None:
        distinct = len(np.unique(reference.side.number[np.isfinite(reference.side.number)]))
        if distinct < 2:
            raise AnnotationError(
                f"obs[{options.label_key!r}] of the reference has {'one' if distinct else 'no'} number; two are needed"
                " to learn from", option="label_key",
            )  # fmt: skip
        number = query.side.number
        side = query.side if number is None else replace(query.side, number=np.where(shown, number, np.nan))
        return CellLabels(side, reference.side, (), None if options.query_label_key is None else nothing, ())
    meaning = LabelMap() if options.labels is None else read_labels(options.labels)
    named = mapped(reference.named or (), meaning.reference)
    own = mapped(query.named or nothing, meaning.query)
    query_named = tuple(one if show else None for one, show in zip(own, shown.tolist(), strict=True))
    labels = _check_labels(named, options.label_key)
    labels = (*labels, *sorted({one for one in query_named if one is not None} - set(labels)))
    code: dict[str | None, int] = {None: -1} | {name: number for number, name in enumerate(labels)}
    query_side, side = (
        replace(cells, label=np.array([code[one] for one in names], np.int64))
        for cells, names in ((query.side, query_named), (reference.side, named))
    )
    return CellLabels(query_side, side, labels, None if options.query_label_key is None else query_named, named)


def _shown(query: Read, donors: Sequence[str] | None) -> npt.NDArray[np.bool_]:
    """Return a mask of the query's cells whose labels the method may use."""
    if donors is None or query.side.donor is None:
        return np.ones(query.side.n_cells, np.bool_)
    unknown = [one for one in donors if one not in query.donors]
    if unknown:
        names = ", ".join(query.donors)
        raise AnnotationError(f"the query has no donor {unknown[0]!r}; it has {names}", option="query_donors")
    return np.isin(query.side.donor, [query.donors.index(one) for one in donors])


def _check_labels(named: Texts, label_key: str) -> tuple[str, ...]:
    """Return the types of the reference, sorted."""
    names = sorted({one for one in named if one is not None})
    column = f"obs[{label_key!r}] of the reference"
    if len(names) < 2:
        count = f"one label, {names[0]!r}" if names else "no label"
        raise AnnotationError(f"{column} has {count}; two are needed to distinguish cells", option="label_key")
    labelled = sum(one is not None for one in named)
    are_numbers = all(re.fullmatch(r"-?\d+\.\d+(e[-+]\d+)?", one) for one in names)
    if len(names) == labelled or (are_numbers and 2 * len(names) > labelled):
        each = "every one" if len(names) == labelled else f"{len(names):,}"
        raise AnnotationError(
            f"{column} is different for {each} of its {labelled} cells; name a column of cell types, or use numeric for"
            " numbers", option="label_key",
        )  # fmt: skip
    return tuple(names)


@dataclass(frozen=True)
class AnnotationInput:
    """A task, and the cells that are not in it."""

    task: AnnotationTask  # with the reference's cells that have a label and counts, the query's that have counts
    used: npt.NDArray[np.bool_]  # mask of the query's cells that are in the task
    query_named: Texts | None  # as in :class:`CellLabels`
    reference_named: Texts
    notes: tuple[str, ...]


def prepare(
    release: ReleaseFile, query: anndata.AnnData, reference: anndata.AnnData, options: AnnotateOptions,
    progress: Callable[[str], None] = lambda step: None,
) -> AnnotationInput:  # fmt: skip
    """Build the task.

    Raises
    ------
    AnnotationError
        If the reference has fewer than two labels or numbers, no cell of the query has counts, or reading fails.
    """
    query, reference = with_tables(query), with_tables(reference)
    query_request, reference_request = _requests(options, reference)
    progress("reading the query")
    query_read = read_side(release, query, query_request)
    progress("reading the reference")
    reference_read = read_side(release, reference, reference_request)
    try:
        check_two_species(
            [query_read.genes, reference_read.genes], [query.obs, reference.obs],
            meant=options.strategy is not None or options.evidence is not None,
        )  # fmt: skip
    except UndecidedSpeciesError as error:
        error.option = "source" if options.source is None else "reference_species"
        raise
    labels = label_cells(query_read, reference_read, options)
    used, full = (np.asarray(side.counts.sum(axis=1)).ravel() > 0 for side in (labels.query, labels.reference))
    if not used.any():
        raise AnnotationError("no cell of the query has a count of a known gene")
    has = labels.reference.is_labelled
    notes = [*query_read.notes, *reference_read.notes, *_same_cells_note(labels.query, labels.reference)]
    lacking = "without a number" if options.numeric else "without a label"
    for mask, reason in ((~has, lacking), (has & ~full, "without any count")):
        if mask.any():
            cells = counted(
                int(mask.sum()), f"cell of the reference {reason} was", f"cells of the reference {reason} were"
            )
            notes.append(f"{cells} left out")
    method = options.annotation_method
    if options.query_label_key is not None and "query_label_key" not in used_by(method, options.parameters):
        notes.append(f"method {options.method} learns nothing from the query's own labels: such cells are only marked")
    query_cells, cells_kept = some_cells(labels.query, used), some_cells(labels.reference, has & full)
    progress("orthologous genes")
    try:
        best, every, more = find_links(
            release, query_cells, cells_kept, strategy=options.strategy, evidence=options.evidence
        )
    except (MissingMappingError, AnnotationError) as error:
        if method.orthology or options.strategy is not None:
            raise
        none = np.empty(0, np.int64)
        best = every = OrthologyLinks(none, none, np.empty(0), (), "none")
        more = (f"no orthologous genes were used: {error}",)
    files = read_vector_options(options.vectors) if options.vectors else None
    task = AnnotationTask(
        cells_kept, query_cells, best, every, labels.labels, options.parameters, options.random_state,
        vectors_of(release, embedding=options.embedding, files=files), progress,
    )  # fmt: skip
    return AnnotationInput(task, used, labels.query_named, labels.reference_named, (*notes, *more))


def _same_cells_note(query: SpeciesCells, reference: SpeciesCells) -> list[str]:
    """Return a note on cells, by name and counts, that both sides have."""
    if query.species != reference.species:
        return []
    own, other = (
        set(zip(side.cells, side.counts.sum(axis=1).A1.tolist(), np.diff(side.counts.indptr).tolist(), strict=True))
        for side in (query, reference)
    )
    same = len({one for one in own & other if one[1]})
    cells = counted(same, "cell of the query is a cell", "cells of the query are cells")
    return [f"{cells} of the reference, too: each is its own nearest, and its confidence too high"] if same else []


def _requests(options: AnnotateOptions, reference: anndata.AnnData) -> tuple[CellRequest, CellRequest]:
    """Return the requests of both sides; donors and coordinates of the reference only if it has them."""
    donor = options.donor_key if options.donor_key in reference.obs else None
    spatial = options.spatial_key if options.spatial_key in reference.obsm else None
    return CellRequest(
        "query", options.source, options.column, options.layer, options.query_label_key, options.donor_key,
        options.spatial_key, options.phrases, options.numeric,
    ), CellRequest(
        "reference", options.reference_species, options.reference_column, options.reference_layer, options.label_key,
        donor, spatial, options.phrases, options.numeric,
    )  # fmt: skip
