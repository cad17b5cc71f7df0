"""The way from species to species: which pairs of species a join goes through, by which strategy, and by which hub."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from homodb.query.genes import Pair, choose_strategy, find_pair
from homodb.query.join.options import Features, JoinOptions, TooLarge
from homodb.query.release import ReleaseFile
from homodb.query.translate import GREEDY, rematch_measured
from homodb.schema.enums import EvidenceClass, Strategy, find_strategy
from homodb.schema.errors import JoinError, MissingMappingError
from homodb.schema.messages import counted
from homodb.schema.species import KEYS_PER_SPECIES, Species


@dataclass(frozen=True)
class JoinRoute:
    """The pairs of species that a join goes through.

    Parameters
    ----------
    release
        The open release.
    species
        The species of the objects, each once, in their order.
    strategy
        What was asked for, else the default.
    legs
        The pairs that are used, each with its strategy: all that there are, or those from the hub (:class:`HubWay`);
        none where there is one species only.
    direct
        With a hub: the pairs of other species that the release maps directly.
    genes
        Where partners are chosen among the genes that are there: those of each species.
    notes
        What a user should know.
    """

    release: ReleaseFile
    species: tuple[Species, ...]
    strategy: Strategy
    legs: tuple[tuple[Pair, Strategy], ...]
    direct: tuple[tuple[Pair, Strategy], ...] = ()
    genes: Mapping[Species, pl.Series] | None = None
    notes: tuple[str, ...] = ()
    _known: dict[tuple[int, int, Strategy], pl.DataFrame] = field(default_factory=dict, repr=False)

    def mapping(self, pair: Pair, strategy: Strategy) -> pl.DataFrame:
        """Return ``source_gene, target_gene, evidence_class`` of a pair, best first."""
        key = (pair.source.number, pair.target.number, strategy)
        if key not in self._known:
            self._known[key] = self._mapping(pair, strategy).select("source_gene", "target_gene", "evidence_class")
        return self._known[key]

    def _mapping(self, pair: Pair, strategy: Strategy) -> pl.DataFrame:
        if self.genes is None or strategy not in GREEDY:
            return pair.mapping(strategy)
        there = set(pair.strategies())
        left = [
            self._there(pair, pair.mapping(one if one in there else strategy)).filter(pl.lit(one in there))
            for one in (Strategy.ENS_M2M, Strategy.LM_O2O)
        ]
        return rematch_measured(pair, strategy, *left)

    def _there(self, pair: Pair, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows of genes that are measured; of a species that no object is of, all are."""
        for species, column in ((pair.source, "source_gene"), (pair.target, "target_gene")):
            if self.genes is not None and species in self.genes:
                rows = rows.join(self.genes[species].to_frame(column), on=column, how="semi", maintain_order="left")
        return rows


@dataclass(frozen=True, kw_only=True)
class HubRoute(JoinRoute):
    """A way whose legs all begin at one species.

    Parameters
    ----------
    hub
        The species that the others are joined to.
    """

    hub: Species


def possible_ways(
    release: ReleaseFile, genes: Mapping[Species, pl.Series], strategy: str | Strategy | None, options: JoinOptions
) -> JoinRoute | list[HubRoute]:
    """Find the pairs of species to go through: the way without a hub, or one for each species that may be it.

    Parameters
    ----------
    release
        An open release.
    genes
        The measured genes of each species, in the order of the objects.
    strategy
        What was asked for; None for HM_O2O, and LM_O2O where Ensembl has nothing for a pair.
    options
        What was chosen.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError
        If the hub is not in the release, or there is no such strategy.
    MissingMappingError
        If the pairs of the release do not lead from every species to every other one.
    """
    species = tuple(genes)
    wanted = None if strategy is None else find_strategy(strategy)
    chosen = wanted or Strategy.HM_O2O
    hub = None if options.via is None else release.find_species(options.via)
    if len(species) == 1:
        note = f"all objects are of {species[0].common_name}: joined by gene"
        return JoinRoute(release, species, chosen, (), notes=(note,))
    measured = genes if options.measured else None
    grouped = chosen is Strategy.ENS_M2M and options.features is Features.GROUP
    if grouped and hub is None:
        return JoinRoute(release, species, chosen, _all_pairs(release, species, chosen), genes=measured)
    hubs = [hub] if hub else _hubs(release, species, wanted)
    ways = [_through(release, species, one, wanted, measured) for one in hubs]
    return [replace(way, direct=()) for way in ways] if grouped else ways


def _hubs(release: ReleaseFile, species: Sequence[Species], wanted: Strategy | None) -> list[Species]:
    """Return the species that are mapped to all others."""
    hubs = [
        one for one in species if all(_has(find_pair(release, one, other), wanted) for other in species if other != one)
    ]
    if not hubs:
        _no_way(release, species, wanted, "none of the species is mapped to all others")
    return hubs[:1] if len(species) == 2 else hubs


def _has(pair: Pair, wanted: Strategy | None) -> bool:
    there = pair.strategies()
    return wanted in there if wanted else bool(there)


def _through(
    release: ReleaseFile, species: Sequence[Species], hub: Species, wanted: Strategy | None,
    genes: Mapping[Species, pl.Series] | None,
) -> HubRoute:  # fmt: skip
    pairs = [find_pair(release, hub, other) for other in species if other != hub]
    legs = tuple((pair, choose_strategy(pair, wanted, Strategy.HM_O2O)) for pair in pairs)
    others = [one for one in species if one != hub]
    direct = tuple(
        (pair, leg)
        for pair in (find_pair(release, *two) for two in itertools.combinations(others, 2))
        if (leg := wanted or Strategy.HM_O2O) in pair.strategies()
    )
    notes = tuple(
        f"Ensembl has no homology between {hub.common_name} and {pair.target.common_name}: LM_O2O, from embeddings "
        "alone, was used"
        for pair, leg in legs
        if wanted is None and leg is Strategy.LM_O2O
    )
    if hub not in species:
        notes = (f"joined via {hub.common_name}, of which there are no cells: its genes need not be measured", *notes)
    return HubRoute(release, tuple(species), wanted or Strategy.HM_O2O, legs, direct, genes, notes, hub=hub)


def _all_pairs(
    release: ReleaseFile, species: Sequence[Species], wanted: Strategy
) -> tuple[tuple[Pair, Strategy], ...]:  # fmt: skip
    """Return all pairs of the species that have the strategy; they must hang together."""
    legs = tuple(
        (pair, wanted)
        for pair in (find_pair(release, *two) for two in itertools.combinations(species, 2))
        if wanted in pair.strategies()
    )
    reached = {species[0]}
    for _ in species:
        for pair, _strategy in legs:
            if reached & {pair.source, pair.target}:
                reached |= {pair.source, pair.target}
    if reached != set(species):
        _no_way(release, species, wanted, "the species do not hang together")
    return legs


def _no_way(release: ReleaseFile, species: Sequence[Species], wanted: Strategy | None, why: str) -> None:
    """Raise what says which pairs there are, and which species could be gone through."""
    pairs = {two: _has(find_pair(release, *two), wanted) for two in itertools.combinations(species, 2)}
    there = (
        ", ".join(f"{a.common_name} - {b.common_name}" for (a, b), has in pairs.items() if has) or "none of these pairs"
    )
    by = "" if wanted is None else f" by {wanted}"
    known = [release.find_species(name) for name in release.sql("SELECT name FROM species ORDER BY species")["name"]]
    hubs = [
        one.common_name
        for one in known
        if one not in species and all(_has(find_pair(release, one, other), wanted) for other in species)
    ]
    way_out = (
        f"go through {' or '.join(hubs)} (--via)"
        if hubs
        else "leave one out, choose another strategy or another release"
    )
    raise MissingMappingError(
        f"there is no way between {', '.join(one.common_name for one in species)} in release {release.version}{by}: "
        f"{why}; it maps {there}. {way_out[0].upper()}{way_out[1:]}"
    )


#: What a direct pair may say of two genes that the chain puts into one row.
CONFIRMED, CONTRADICTED, HALF, SILENT = "confirmed", "contradicted", "half", "silent"

_ENSEMBL = (str(EvidenceClass.BOTH), str(EvidenceClass.ENSEMBL))
_SCHEMA = {
    "feature": pl.Int64, "first": pl.String, "second": pl.String, "first_gene": pl.Int64, "second_gene": pl.Int64,
    "direct_second": pl.Int64, "direct_first": pl.Int64, "ensembl": pl.Boolean, "verdict": pl.String,
}  # fmt: skip


def check_consistency(way: JoinRoute, rows: pl.DataFrame | None) -> pl.DataFrame:
    """Compare each row of the chained table with every direct pair.

    Parameters
    ----------
    way
        The way, with its direct pairs.
    rows
        ``feature``, a column of genes per species, ``evidence_<species>`` for each leg; None where features are
        groups.

    Returns
    -------
    polars.DataFrame
        A row per feature and direct pair: ``feature``; ``first, second``, the two species; ``first_gene,
        second_gene``, as the chain has them; ``direct_second``, the direct partner of the first gene, ``direct_first``,
        that of the second one (the named one where it is among several); ``ensembl``: whether Ensembl stands behind
        both legs; ``verdict``: ``confirmed``; ``contradicted``, both have other partners; ``half``, one of them has
        another one, the other has none; ``silent``, neither has any.
    """
    frames = [pl.DataFrame(schema=_SCHEMA)]
    if rows is None:
        return frames[0]
    for pair, strategy in way.direct:
        first, second = pair.source.name, pair.target.name
        known = way.mapping(pair, strategy).select("source_gene", "target_gene")
        asked = rows.select(
            "feature", first=pl.lit(first), second=pl.lit(second), first_gene=first, second_gene=second,
            ensembl=pl.col(f"evidence_{first}").is_in(_ENSEMBL) & pl.col(f"evidence_{second}").is_in(_ENSEMBL),
        )  # fmt: skip
        same = known.select(first_gene="source_gene", second_gene="target_gene", same=pl.lit(value=True)).unique()
        of_first = known.unique("source_gene", keep="first").select(
            first_gene="source_gene", direct_second="target_gene"
        )
        of_second = known.unique("target_gene", keep="first").select(
            second_gene="target_gene", direct_first="source_gene"
        )
        told = (
            asked.join(same, on=["first_gene", "second_gene"], how="left", maintain_order="left")
            .join(of_first, on="first_gene", how="left", maintain_order="left")
            .join(of_second, on="second_gene", how="left", maintain_order="left")
        )
        confirmed = pl.col("same").fill_null(value=False)
        one, other = pl.col("direct_second").is_null(), pl.col("direct_first").is_null()
        verdict = (
            pl.when(confirmed).then(pl.lit(CONFIRMED)).when(one & other).then(pl.lit(SILENT))
            .when(one | other).then(pl.lit(HALF)).otherwise(pl.lit(CONTRADICTED))
        )  # fmt: skip
        frames.append(
            told.with_columns(
                direct_second=pl.when(confirmed).then("second_gene").otherwise("direct_second"),
                direct_first=pl.when(confirmed).then("first_gene").otherwise("direct_first"),
                verdict=verdict,
            ).select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
        )  # fmt: skip
    return pl.concat(frames)


def count_verdicts(told: pl.DataFrame) -> pl.DataFrame:
    """Count the verdicts.

    Returns
    -------
    polars.DataFrame
        A row per direct pair and ``behind`` (``Ensembl behind both legs``, ``the language model alone behind one``):
        ``first, second, behind``, the four counts, and ``share_contradicted`` of the rows of which both genes have a
        direct partner (confirmed or contradicted).
    """
    behind = (
        pl.when("ensembl")
        .then(pl.lit("Ensembl behind both legs"))
        .otherwise(pl.lit("the language model alone behind one"))
    )
    verdicts = (CONFIRMED, CONTRADICTED, HALF, SILENT)
    counted = told.group_by("first", "second", behind=behind, maintain_order=True).agg(
        (pl.col("verdict") == one).sum().cast(pl.Int64).alias(one) for one in verdicts
    )
    both = pl.col(CONFIRMED) + pl.col(CONTRADICTED)
    share = pl.when(both > 0).then(pl.col(CONTRADICTED) / both)
    return counted.with_columns(share_contradicted=share).sort("first", "second", "behind")


_PAIRS: dict[Any, Any] = {"gene_a": pl.Int64, "gene_b": pl.Int64, "evidence_class": pl.String}


@dataclass(frozen=True)
class FeatureTable:
    """The features that a release has for some species.

    Parameters
    ----------
    members
        ``feature, gene``: the genes of every feature, of all species gone through.
    pairs
        ``feature, gene_a, gene_b, evidence_class``: the pairs of genes that make it.
    rows
        Where a feature is a row of the joint table: ``feature``, and a column of genes per species, called by its
        production name; None where features are groups.
    refused
        ``gene, why``: genes of groups that are too large.
    left_out
        The groups that are too large: ``group, genes`` (how many), ``gene`` (their keys).
    notes
        What a user should know.
    """

    members: pl.DataFrame
    pairs: pl.DataFrame
    rows: pl.DataFrame | None = None
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"gene": pl.Int64, "why": pl.String}))
    left_out: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"group": pl.Int64, "genes": pl.Int64, "gene": pl.List(pl.Int64)})
    )
    notes: tuple[str, ...] = ()


def build_table(way: JoinRoute, genes: pl.Series, options: JoinOptions) -> FeatureTable:
    """Build the features of a way.

    Parameters
    ----------
    way
        The pairs of species to go through.
    genes
        The measured genes; where all objects are of one species, they are the features.
    options
        What was chosen.

    Raises
    ------
    JoinError
        If groups are too large, and that is to be refused.
    """
    if len(way.species) == 1:
        members = pl.DataFrame(
            {"feature": np.arange(genes.len()), "gene": genes}, schema_overrides={"feature": pl.Int64}
        )
        return FeatureTable(members, pl.DataFrame(schema={"feature": pl.Int64, **_PAIRS}))
    grouped = way.strategy is Strategy.ENS_M2M and options.features is Features.GROUP
    if isinstance(way, HubRoute) and not grouped:
        return rows_table(way, chained_rows(way))
    return _groups(way, options)


def rows_table(way: HubRoute, rows: pl.DataFrame) -> FeatureTable:
    """Return the table whose features are rows.

    Parameters
    ----------
    way
        The legs from the hub.
    rows
        A column of genes per species, ``evidence_<species>`` for each leg.
    """
    rows = rows.drop("feature", strict=False).with_row_index("feature").with_columns(pl.col("feature").cast(pl.Int64))
    hub = way.hub.name
    others = [pair.target.name for pair, _ in way.legs]
    members = pl.concat([rows.select("feature", gene=name) for name in (hub, *others)])
    pairs = pl.concat(
        [rows.select("feature", gene_a=hub, gene_b=name, evidence_class=f"evidence_{name}") for name in others]
    )
    shared = members.drop_nulls().group_by("gene").len().filter(pl.col("len") > 1).height
    notes: tuple[str, ...] = ()
    if shared:
        which = counted(shared, "gene stands", "genes stand")
        notes = (f"{which} in several rows of the table: counts are copied into each",)
    return FeatureTable(members, pairs, rows, notes=notes)


def chained_rows(way: HubRoute) -> pl.DataFrame:
    """Return the rows of the joint table in order: a column per species, ``evidence_<species>`` for each leg."""
    hub = way.hub.name
    legs = [
        way.mapping(pair, strategy).select(
            pl.col("source_gene").alias(hub), pl.col("target_gene").alias(pair.target.name),
            pl.col("evidence_class").alias(f"evidence_{pair.target.name}"),
        )
        for pair, strategy in way.legs
    ]  # fmt: skip
    rows = reduce(lambda joined, leg: joined.join(leg, on=hub, how="inner"), legs)
    order = [species.name for species in way.species]
    columns = [*order, *([hub] if hub not in order else [])]
    return rows.unique(columns, keep="first").sort(columns)


def _groups(way: JoinRoute, options: JoinOptions) -> FeatureTable:
    """Return the connected components of all pairs."""
    legs = [
        way.mapping(pair, strategy).select(gene_a="source_gene", gene_b="target_gene", evidence_class="evidence_class")
        for pair, strategy in way.legs
    ]
    pairs = pl.concat(legs).cast(_PAIRS)
    genes = pl.concat([pairs["gene_a"], pairs["gene_b"].rename("gene_a")]).unique().sort().to_numpy()
    first, second = (np.searchsorted(genes, pairs[column].to_numpy()) for column in ("gene_a", "gene_b"))
    links = coo_array((np.ones(first.size, np.int8), (first, second)), shape=(genes.size, genes.size))
    _, labels = connected_components(links, directed=False)
    ranks = np.unique(labels, return_index=True)[1].argsort().argsort()[labels]  # in the order of their first genes
    members = pl.DataFrame({"feature": ranks.astype(np.int64), "gene": genes})
    pairs = pairs.with_columns(feature=pl.Series(ranks[first].astype(np.int64)))
    size = members.group_by("feature").agg(genes=pl.len().cast(pl.Int64), gene=pl.col("gene").sort())
    large = size.filter(pl.col("genes") > options.largest).sort("genes", "feature", descending=[True, False])
    if large.height and options.too_large is TooLarge.REFUSE:
        raise JoinError(
            f"{large.height:,} groups of orthologs have more than {options.largest} genes, the largest "
            f"{large['genes'][0]:,}; leave them out (--too-large leave), or allow more (--largest N)"
        )
    refused = large.explode("gene").select(
        "gene", why=pl.format("its group of orthologs has {} genes, more than {}", "genes", pl.lit(options.largest))
    )
    notes: tuple[str, ...] = ()
    if large.height:
        what = f"of orthologs with more than {options.largest} genes"
        notes = (
            f"{counted(large.height, f'group {what} was', f'groups {what} were')} left out "
            f"({refused.height:,} genes; the largest has {large['genes'][0]:,})",
        )
    kept = members.join(large, on="feature", how="anti", maintain_order="left")
    return FeatureTable(
        kept, pairs.join(large, on="feature", how="anti", maintain_order="left"), None, refused,
        large.rename({"feature": "group"}).select("group", "genes", "gene"), notes,
    )  # fmt: skip


def weakest(pairs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return the weakest evidence class of each group of pairs, as ``evidence_class``."""
    order = {str(one): place for place, one in enumerate(EvidenceClass)}
    rank = pl.col("evidence_class").replace_strict(order, default=None, return_dtype=pl.Int32)
    names = list(order)
    worst = pairs.with_columns(rank=rank).group_by(*by, maintain_order=True).agg(pl.col("rank").max())
    return worst.select(
        *by,
        evidence_class=pl.col("rank").replace_strict(
            list(range(len(names))), names, default=None, return_dtype=pl.String
        ),
    )


def number_of(column: str = "gene") -> pl.Expr:
    """Return the number of a gene's species."""
    return (pl.col(column) // KEYS_PER_SPECIES).cast(pl.Int64).alias("species")


def find_way(
    release: ReleaseFile, genes: Mapping[Species, pl.Series], strategy: str | Strategy | None, options: JoinOptions
) -> JoinRoute:
    """Find the pairs of species to go through; parameters and errors as of :func:`~.way.possible_ways`.

    Returns
    -------
    Way
        Of several hubs the one whose table has the smallest share of rows that the direct pairs contradict, wholly or
        by half; then the one with most rows, then the first. All of them hold the rows that every pair confirms; a
        longer table has more rows that are not.
    """
    ways = possible_ways(release, genes, strategy, options)
    if isinstance(ways, JoinRoute):
        return ways
    if len(ways) == 1:
        return ways[0]
    told = [_judged(way) for way in ways]
    best = min(range(len(ways)), key=lambda place: (told[place][0] / max(told[place][1], 1), -told[place][1]))
    others = ", ".join(
        f"{way.hub.common_name} {against:,} of {rows:,}" for way, (against, rows) in zip(ways, told, strict=True)
    )
    way = ways[best]
    note = f"joined via {way.hub.common_name}, by which direct pairs of species contradict the fewest rows ({others})"
    return replace(way, notes=(*way.notes, note))


def _judged(way: HubRoute) -> tuple[int, int]:
    """Return how many rows direct pairs contradict, and how many there are."""
    rows = chained_rows(way).with_row_index("feature")
    against = check_consistency(way, rows).filter(pl.col("verdict").is_in([CONTRADICTED, HALF]))
    return against["feature"].n_unique(), rows.height
