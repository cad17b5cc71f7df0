"""Build the plan of a translation from the names of genes: route, pairs, and columns of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.query.genes import (
    COLUMNS,
    HAS_NAME,
    Pair,
    about_names,
    choose_strategy,
    common_affix,
    compose_mappings,
    embeddings_note,
    feature_kinds,
    find_pair,
    names_of,
    over_unnamed,
    resolve,
    resolve_rows,
    resolve_var,
)
from homodb.query.release import ReleaseFile
from homodb.query.translate.aggregate import Links
from homodb.query.translate.fates import LOST_SCHEMA, fates, lost
from homodb.query.translate.mapping import Mapped, identity_rows, map_genes, namesakes_first, settled, with_databases
from homodb.query.translate.options import OneToMany, Options
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import MissingMappingError, TranslationError
from homodb.schema.messages import counted, make_unique
from homodb.schema.names import name_texts, unnamed_note
from homodb.schema.species import Species

if TYPE_CHECKING:
    import pandas as pd


#: Number of source genes of a target gene beyond which a note names it.
MANY_GENES = 5


class PlacedColumn(StrEnum):
    """Columns of the rows of var with targets; of several targets joined by ``;``."""

    PLACE = "place"
    TARGET_ID = "target_id"
    TARGET_SYMBOL = "target_symbol"
    EVIDENCE_CLASS = "evidence_class"


@dataclass(frozen=True)
class Targets:
    """Columns of the result.

    `columns`: a row per column, in order: ``column``, ``target_gene, target_id, target_symbol`` (null for a kept source
    gene), ``mitochondrial, ribosomal``, ``kept`` (name of a source gene kept without a target, else null), ``wanted``
    (name in the requested list, if any); `pairs`: a row per link, best first: ``place``, ``column``, and the
    evidence of the pair; `placed`: a row per mapped row of var: :class:`PlacedColumn`; `vocabulary`: state of each
    requested gene: ``name, stable_id, state`` (``filled``, ``no source gene``, ``unknown``, ``ambiguous``,
    ``repeated``); None if there is no list.
    """

    columns: pl.DataFrame
    pairs: pl.DataFrame
    placed: pl.DataFrame
    links: Links
    vocabulary: pl.DataFrame | None

    @property
    def translated(self) -> int:
        """Number of target genes with a source gene."""
        return int(self.pairs["target_id"].drop_nulls().n_unique())


_EVIDENCE = ("homology_type", "identity", "confidence", "correlation", "rank", "evidence_class", "weight")


def lay_out(
    release: ReleaseFile, resolved: pl.DataFrame, rows: pl.DataFrame, wanted: pl.DataFrame | None, *, keep: bool,
    same: bool,
) -> Targets:  # fmt: skip
    """Lay out the columns of the result.

    They are the requested genes in their order, else all target genes in the order of var.

    `rows`: pairs of genes, see :class:`homodb.query.translate.mapping.Mapped`.
    """
    pairs = (
        resolved.select("place", source_gene="gene")
        .drop_nulls("source_gene")
        .join(rows, on="source_gene", how="inner", maintain_order="left_right")
    )
    kept = _kept(resolved, pairs) if keep else pairs.clear().select("place", kept=pl.lit(None, pl.String))
    if wanted is not None:
        keys, vocabulary = _wanted_columns(wanted, pairs)
        if same:
            names = wanted.filter(pl.col("gene").is_null()).select(kept="name")
            kept = _kept(resolved, pairs).join(names, on="kept", how="semi", maintain_order="left")
            keys = keys.with_columns(kept=pl.when(pl.col("wanted").is_in(kept["kept"].to_list())).then("wanted"))
    else:
        vocabulary = None
        keys = _all_columns(pairs, kept)
    columns = keys.with_row_index("column").with_columns(pl.col("column").cast(pl.Int64))
    details = release.ask("target_genes", {"genes": keys["target_gene"].drop_nulls().unique().sort().to_list()})
    columns = columns.join(details, on="target_gene", how="left", maintain_order="left").with_columns(
        pl.col("mitochondrial", "ribosomal").fill_null(value=False)
    )
    by_gene = columns.drop_nulls("target_gene").select("column", "target_gene", "target_id", "target_symbol")
    pairs = pairs.join(by_gene, on="target_gene", how="inner", maintain_order="left")
    kept = kept.join(columns.drop_nulls("kept").select("column", "kept"), on="kept", how="inner", maintain_order="left")
    units = resolved.select("place", gene_number=pl.coalesce(pl.col("gene"), -1 - pl.col("place")))
    both = pl.concat(
        [pairs.select("place", "column", "weight"), kept.select("place", "column", weight=pl.lit(1.0))]
    ).join(units, on="place", how="left", maintain_order="left")  # fmt: skip
    links = Links(
        both["place"].to_numpy().astype(np.int64), both["column"].to_numpy().astype(np.int64),
        both["weight"].to_numpy().astype(np.float64), _numbers(both, kept), (resolved.height, columns.height),
    )  # fmt: skip
    pairs = pl.concat([pairs, kept.select("place", "column")], how="diagonal")
    return Targets(columns, pairs, _placed(pairs), links, vocabulary)


def _numbers(both: pl.DataFrame, kept: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number for the source gene of each row.

    Unresolved rows that are kept under the same name count as one gene.
    """
    numbers = both["gene_number"].to_numpy().astype(np.int64)
    start = both.height - kept.height
    unresolved = np.flatnonzero(numbers[start:] < 0) + start
    numbers = numbers.copy()
    numbers[unresolved] = -1 - both["column"].to_numpy()[unresolved]
    return numbers


def _kept(resolved: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return ``place, kept``: named rows without a target.

    Rows of the same gene, or the same unknown name, share a name.
    """
    named = pl.col("is_gene") | (pl.col("feature") == pl.col("hint"))  # spike-ins and the like stay too
    left = resolved.filter(named, HAS_NAME).join(pairs, on="place", how="anti", maintain_order="left")
    unit = (
        pl.when(pl.col("gene").is_not_null()).then(pl.format("gene {}", "gene")).otherwise(pl.format("name {}", "name"))
    )
    names = left.with_columns(unit=unit, kept=pl.coalesce("symbol", "stable_id", "name"))
    names = names.with_columns(kept=pl.col("kept").first().over("unit"))
    apart = pl.col("unit").n_unique().over("kept") > 1
    return names.select("place", kept=pl.when(apart).then(pl.coalesce("stable_id", "name")).otherwise("kept"))


def _all_columns(pairs: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Return ``target_gene, kept, wanted`` (null), a row per column.

    Columns are in the order of their first rows of var.
    """
    genes = pairs.group_by("target_gene").agg(place=pl.col("place").min()).with_columns(kept=pl.lit(None, pl.String))
    others = kept.group_by("kept").agg(place=pl.col("place").min()).with_columns(target_gene=pl.lit(None, pl.Int64))
    both = pl.concat([genes, others], how="diagonal").sort("place", "target_gene")
    return both.select("target_gene", "kept", wanted=pl.lit(None, pl.String))


def _wanted_columns(wanted: pl.DataFrame, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the columns of requested genes, and the state of each gene."""
    first = pl.col("gene").is_first_distinct() | pl.col("gene").is_null()
    keys = wanted.select(target_gene=pl.when(first).then("gene"), kept=pl.lit(None, pl.String), wanted="name")
    filled = pl.col("gene").is_in(pairs["target_gene"].unique().to_list())
    state = (
        pl.when(pl.col("how") == "ambiguous").then("how")
        .when(pl.col("gene").is_null()).then(pl.lit("unknown"))
        .when(~first).then(pl.lit("repeated"))
        .when(filled).then(pl.lit("filled"))
        .otherwise(pl.lit("no source gene"))
    )  # fmt: skip
    return keys, wanted.select("name", "stable_id", state=state)


def _placed(pairs: pl.DataFrame) -> pl.DataFrame:
    return (
        pairs.drop_nulls("target_id").sort("place", "rank", nulls_last=True, maintain_order=True)
        .group_by("place", maintain_order=True)
        .agg(
            pl.col("target_id").str.join(";"), pl.coalesce("target_symbol", "target_id").str.join(";").alias("labels"),
            pl.col("target_symbol").first(), pl.col("evidence_class").first(), several=pl.len() > 1,
        )
        .with_columns(target_symbol=pl.when("several").then("labels").otherwise("target_symbol"))
        .select(*PlacedColumn)
    )  # fmt: skip


def kind_of_names(resolved: pl.DataFrame) -> str:
    """Return ``id`` if most genes are named by stable ID, else ``symbol``."""
    genes = resolved.filter(pl.col("gene").is_not_null())
    by_id = genes.filter(pl.col("how") == "stable_id").height
    return "id" if by_id * 2 > genes.height else "symbol"


def target_names(columns: pl.DataFrame, kind: str, mark: str | None = None) -> list[str]:
    """Return a unique name for each column.

    `columns`: the columns of the result, see :class:`homodb.query.translate.plan.Targets`; `kind`: ``id`` for stable
    IDs; ``symbol`` for symbols, with stable IDs for genes without a symbol or with a shared one.
    """
    kept = pl.col("kept") if mark is None else pl.format("{}:{}", pl.lit(mark), pl.col("kept"))
    frame = columns.with_columns(own=kept).with_columns(
        identifier=pl.coalesce("target_id", "own", "wanted"),
        symbol=pl.coalesce("target_symbol", "target_id", "own", "wanted"),
    )
    identifiers = frame["identifier"]
    names = identifiers if kind == "id" else frame["symbol"]
    for _ in range(len(names)):  # a symbol may be the stable ID of another gene
        repeated = names.is_duplicated()
        if not repeated.any() or names.filter(repeated).equals(identifiers.filter(repeated)):
            break
        names = pl.select(pl.when(repeated).then(identifiers).otherwise(names)).to_series()
    return make_unique(names.to_list())


def target_var(
    targets: Targets, resolved: pl.DataFrame, kind: str, *, as_asked: bool = False, mark: str | None = None
) -> pd.DataFrame:
    """Return the var of the translated object, one row per column.

    Returns index: names. ``homodb_id``, ``homodb_symbol``: the target gene. ``homodb_source``: names of the source
    genes, joined by ``;``; ``homodb_sources``: their number. ``homodb_evidence`` (class), ``homodb_type``,
    ``homodb_identity``, ``homodb_confidence``, ``homodb_correlation``: of its best row. ``homodb_mt``, ``homodb_ribo``:
    mitochondrial, and protein of the cytosolic ribosome, according to the release. ``homodb_kept``, if source genes
    without a target were kept: whether it is one.
    """
    first = ["evidence_class", "homology_type", "identity", "confidence", "correlation"]
    sources = (
        targets.pairs.join(resolved.select("place", "name", "mitochondrial", "ribosomal"), on="place")
        .sort("rank", "place", nulls_last=True)
        .group_by("column", maintain_order=True)
        .agg(
            pl.col("name"), *(pl.col(column).first() for column in first),
            mt=pl.col("mitochondrial").first(), ribo=pl.col("ribosomal").first(),
        )
    )  # fmt: skip
    frame = targets.columns.join(sources, on="column", how="left", maintain_order="left").select(
        homodb_id="target_id", homodb_symbol="target_symbol", homodb_source=pl.col("name").list.join(";").fill_null(""),
        homodb_sources=pl.col("name").list.len().cast(pl.Int32).fill_null(0), homodb_evidence="evidence_class",
        homodb_type="homology_type", homodb_identity=pl.col("identity").cast(pl.Float32),
        homodb_confidence=pl.col("confidence").cast(pl.Float32),
        homodb_correlation=pl.col("correlation").cast(pl.Float32),
        homodb_mt=pl.col("mitochondrial") | pl.col("mt").fill_null(value=False),
        homodb_ribo=pl.col("ribosomal") | pl.col("ribo").fill_null(value=False),
        homodb_kept=pl.col("kept").is_not_null(),
    )  # fmt: skip
    var = frame.to_pandas()
    if not var["homodb_kept"].any():
        del var["homodb_kept"]
    var.index = targets.columns["wanted"].to_list() if as_asked else target_names(targets.columns, kind, mark)
    for column in ("homodb_evidence", "homodb_type"):
        var[column] = var[column].astype("category")
    for column in ("homodb_id", "homodb_symbol"):  # files store texts with missing values as categories
        if var[column].isna().any():
            var[column] = var[column].astype("category")
    return var


@dataclass(frozen=True)
class Route:
    """Species and strategy of a translation, independent of the names.

    `strategy`: the strategy; None if the species are the same.
    """

    release: ReleaseFile
    source: Species
    target: Species
    strategy: Strategy | None
    between: Species | None
    options: Options
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """True if source and target are the same species."""
        return self.source == self.target

    @property
    def how(self) -> str:
        """Name of the strategy, for reports."""
        by = "the release's own symbols" if self.strategy is None else str(self.strategy)
        return by if self.between is None else f"{by} via {self.between.name}"


@dataclass(frozen=True)
class TranslationPlan:
    """Plan for the rows of a var.

    `resolved`: the rows of var, with :class:`homodb.query.genes.VarColumn`; `fates`: one row per var row, see
    :func:`homodb.query.translate.fates.fates`.
    """

    route: Route
    resolved: pl.DataFrame
    targets: Targets
    fates: pl.DataFrame
    var: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def links(self) -> Links:
        """Links from rows of var to columns."""
        return self.targets.links

    @cached_property
    def is_gene(self) -> pl.Series:
        """Mask of the rows of var that are genes."""
        return self.resolved["is_gene"]


def find_route(
    release: ReleaseFile, source: Species, target: Species, strategy: str | Strategy | None, options: Options
) -> Route:
    """Find the route from one species to another."""
    if options.genes is not None and options.keep_unmapped:
        raise TranslationError(
            "a list of target genes fixes the genes of the result, and keep_unmapped adds others; choose one",
            option="keep_unmapped",
        )
    if source == target:
        if options.via is not None:
            raise MissingMappingError(
                f"source and target are both {source.name}; there is no way to go through another"
            )
        return Route(release, source, target, None, None, options)
    if options.via is not None:
        return _via(release, source, target, options.via, strategy, options)
    pair = find_pair(release, source, target)
    if pair.between is not None:
        if options.measured:
            raise TranslationError(
                f"measured chooses among the rows of one pair of species, and {pair.notes[0]}", option="measured"
            )
        return replace(_via(release, source, target, pair.between, strategy, options), notes=pair.notes)
    resolved = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    notes: tuple[str, ...] = ()
    if strategy is None and resolved is Strategy.LM_O2O:
        notes = (embeddings_note(pair),)
    return Route(release, source, target, resolved, None, options, notes)


def _via(
    release: ReleaseFile, source: Species, target: Species, via: str | int | Species, strategy: str | Strategy | None,
    options: Options,
) -> Route:  # fmt: skip
    if options.measured:
        raise TranslationError(
            "measured chooses among the rows of one pair of species; it does not go with an intermediate species",
            option="via",
        )
    between = release.find_species(via)
    first = choose_strategy(find_pair(release, source, between), strategy, Strategy.ENS_M2M)
    second = choose_strategy(find_pair(release, between, target), strategy or first, Strategy.ENS_M2M)
    notes = (f"went through {between.name}: a pair holds where {first} has both steps",)
    return Route(release, source, target, second, between, options, notes)


def make_plan(route: Route, resolved: pl.DataFrame) -> TranslationPlan:
    """Plan the translation of the resolved rows of a var."""
    release, options = route.release, route.options
    resolved, unique_notes = _with_only_orthologs(route, resolved)
    wanted = None if options.genes is None else resolve(release, list(options.genes), route.target)
    if wanted is not None and wanted["gene"].is_null().all():
        examples = ", ".join(map(repr, wanted["name"].head(3)))
        raise TranslationError(
            f"none of the {wanted.height:,} names in the list of target genes is a gene of {route.target.common_name}; "
            f"they look like {examples}. Expected one gene of the target species per line",
            option="genes",
        )
    mapped = _mapped(route, resolved, wanted)
    targets = lay_out(release, resolved, mapped.rows, wanted, keep=_keep(route), same=route.same)
    if not targets.translated:
        raise _nothing_translated(resolved["name"].to_list(), route)
    lost_rows = pl.DataFrame(schema=LOST_SCHEMA)
    if route.strategy is not None and route.between is None:
        lost_rows = lost(find_pair(release, route.source, route.target), route.strategy, mapped.chosen)
    elif route.strategy is not None and route.between is not None:
        steps = (find_pair(release, route.source, route.between), find_pair(release, route.between, route.target))
        lost_rows = pl.concat([lost_rows, over_unnamed(*steps, route.strategy)], how="diagonal")
    table = fates(resolved, targets.placed, mapped.refused, lost_rows)
    kind = kind_of_names(resolved) if options.names == "keep" else options.names.value
    keeps_wanted_names = wanted is not None and options.names == "keep"
    var = target_var(
        targets, resolved, kind, as_asked=keeps_wanted_names, mark=None if route.same else route.source.common_name
    )
    notes = (*unique_notes, *_notes(targets, resolved, options), *about_names(release, [(resolved, route.source)]))
    return TranslationPlan(route, resolved, targets, table, var, (*route.notes, *mapped.notes, *notes))


def _with_only_orthologs(route: Route, resolved: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Resolve names of several genes of which just one has orthologs in the target species, and say so.

    A name that stands for several rows of var (``Ddit3``, ``Ddit3-1``) stays ambiguous.
    """
    is_open = (pl.col("how") == "ambiguous") & pl.col("is_gene")
    texts = resolved.filter(is_open).filter(pl.len().over("understood_as") == 1).select("place", "candidates")
    if route.strategy is None or not texts.height:
        return resolved, []
    ids = texts.explode("candidates").rename({"candidates": "stable_id"})
    single_genes = resolve(route.release, ids["stable_id"].unique().to_list(), route.source).select(
        "gene", "stable_id", "symbol"
    )
    pair = find_pair(route.release, route.source, route.target)
    strategy = Strategy.ENS_M2M if Strategy.ENS_M2M in pair.strategies() else route.strategy
    genes = ids.join(single_genes, on="stable_id", how="inner").join(
        pair.mapping(strategy).select(gene="source_gene").unique(), on="gene", how="semi"
    )
    single = genes.filter(pl.len().over("place") == 1)
    single = single.join(
        resolved.select("gene").drop_nulls().unique(), on="gene", how="anti"
    )  # another name of the file means it already
    if not single.height:
        return resolved, []
    details = route.release.ask("source_genes", {"genes": single["gene"].to_list()})
    settled_rows = (
        resolved.drop("gene", "stable_id", "symbol", *details.columns[1:])
        .join(single.join(details, on="gene", how="left"), on="place", how="inner", maintain_order="left")
        .with_columns(how=pl.lit("symbol"), candidates=pl.lit([], pl.List(pl.String)), hint=pl.lit(None, pl.String))
    )
    others = resolved.join(single, on="place", how="anti", maintain_order="left")
    whole = pl.concat([others, settled_rows.select(resolved.columns).cast(resolved.schema)]).sort("place")
    names = single.join(resolved.select("place", "name"), on="place", how="left").sort("place")["name"].to_list()
    count = counted(len(names), "name means", "names mean")
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    note = f"{count} several genes of which just one has orthologs in {route.target.name}: that one was taken ({shown})"
    return whole, [note]


def _keep(route: Route) -> bool:
    return (route.same and route.options.genes is None) or route.options.keep_unmapped


def _mapped(route: Route, resolved: pl.DataFrame, wanted: pl.DataFrame | None) -> Mapped:
    present = resolved["gene"].drop_nulls().unique(maintain_order=True).to_list()
    inside = None if wanted is None else frozenset(wanted["gene"].drop_nulls().to_list())
    if route.strategy is None:
        rows = identity_rows(present)
        plain = replace(route.options, least={}, evidence=None, one_to_many=OneToMany.BEST)
        return settled(rows, plain, inside, rows.select("source_gene", "target_gene"), [])
    if route.between is not None:
        first = find_pair(route.release, route.source, route.between)
        second = find_pair(route.release, route.between, route.target)
        rows = compose_mappings(first, second, route.strategy).select(COLUMNS)
        here = rows.filter(pl.col("source_gene").is_in(present))
        notes = []
        pair = Pair(route.release, route.source, route.target)
        if EvidenceClass.DATABASES in route.options.added and pair.between == route.between:
            genes = pl.DataFrame({"source_gene": present}, schema={"source_gene": pl.Int64})
            here, note = with_databases(pair, route.strategy, here, genes)
            notes.append(note)
        if route.options.one_to_many is OneToMany.BEST:
            here = namesakes_first(route.release, here)
        return settled(here, route.options, inside, rows.select("source_gene", "target_gene"), notes)
    pair = Pair(route.release, route.source, route.target)
    return map_genes(pair, route.strategy, route.options, present, inside)


def _notes(targets: Targets, resolved: pl.DataFrame, options: Options) -> list[str]:
    notes = unnamed_note(resolved.filter("is_gene")["name"])
    if targets.links.splits:
        split = counted(targets.links.splits, "gene was", "genes were")
        notes.append(f"{split} split over several targets: totals hold, counts are no longer whole")
    crowded = np.flatnonzero(targets.links.genes_per_column > MANY_GENES)
    if crowded.size:
        genes = targets.links.genes_per_column[crowded]
        largest = crowded[np.argsort(-genes, kind="stable")][:3]
        names = targets.columns.select(pl.coalesce("target_symbol", "target_id", "kept", "wanted")).to_series()
        shown = ", ".join(f"{names[column]} {targets.links.genes_per_column[column]}" for column in largest.tolist())
        of = (
            f"{counted(int(crowded.size), 'target gene combines', 'target genes combine')} more than {MANY_GENES} genes"
        )
        notes.append(f"{of}: {shown}{', ...' if crowded.size > len(largest) else ''}")
    if options.one_to_many is OneToMany.ALL:
        many = int((np.bincount(targets.links.place) > 1).sum()) if targets.links.place.size else 0
        if many:
            notes.append(
                f"{counted(many, 'gene')} went whole to each of several targets: the counts stand there several times"
            )
    return notes


def _nothing_translated(names: list[str], route: Route) -> TranslationError:
    examples = ", ".join(repr(name) for name in names[:5])
    return TranslationError(
        f"none of the {len(names)} genes could be translated from {route.source.common_name} to "
        f"{route.target.common_name} by {route.how}; the names look like {examples}"
        f"{common_affix(route.release, names)}. Check the source species, or name "
        "the column of var that holds the gene names",
        option="column",
    )


def prepare(
    release: ReleaseFile, var: pd.DataFrame, to: str | int | Species, *, source: str | int | Species | None,
    strategy: str | Strategy | None, column: str | None, options: Options, uns: Mapping[str, Any] | None = None,
) -> TranslationPlan:  # fmt: skip
    """Build a translation plan from `var`."""
    target = release.find_species(to)
    resolved = resolve_var(release, var, species=source, column=column, uns=uns)
    plan = make_plan(find_route(release, resolved.species, target, strategy, options), resolved.rows)
    return replace(plan, notes=(*plan.notes, *resolved.features, *resolved.doubts))


def prepare_raw(plan: TranslationPlan, raw: pd.DataFrame, var: pd.DataFrame, column: str | None) -> TranslationPlan:
    """Build the plan for the var of raw, by the same route: the same one if raw has the same genes."""
    names, species = _names_of_raw(raw, var, column), plan.route.source
    features, own = feature_kinds(raw, species), feature_kinds(var, species)
    if own.columns and not features.columns:  # only var says what its rows are
        place = {name: number for number, name in enumerate(name_texts(var.index))}
        features = own.select([place.get(name) for name in name_texts(raw.index)])
    if plan.resolved["name"].to_list() == names and features == own:
        return plan
    return make_plan(plan.route, resolve_rows(plan.route.release, names, species, features))


def _names_of_raw(raw: pd.DataFrame, var: pd.DataFrame, column: str | None) -> list[str]:
    """Return the gene names of raw, of a column that only var has by the index that both have."""
    if column is not None and column not in raw:
        index, own, names = name_texts(raw.index), name_texts(var.index), names_of(var, column)
        named_by_index = {**dict(zip(own, names, strict=True)), "": ""}
        if set(index) <= set(named_by_index):
            return names if index == own else [named_by_index[name] for name in index]
    return names_of(raw, column)
