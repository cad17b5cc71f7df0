"""Choose the route of a join between species, and its features."""

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

from homodb.query.genes import Pair, choose_strategy, embeddings_note, find_pair
from homodb.query.join.objects import Features, JoinOptions, TooLarge
from homodb.query.release import ReleaseFile
from homodb.query.translate import GREEDY, rematch_measured
from homodb.schema.enums import EvidenceClass, Strategy, find_strategy
from homodb.schema.errors import JoinError, MissingMappingError
from homodb.schema.messages import counted
from homodb.schema.species import KEYS_PER_SPECIES, Species


@dataclass(frozen=True)
class JoinRoute:
    """Pairs of species that a join uses.

    `legs`: pairs with their strategies: all pairs, or those from the hub (:class:`HubRoute`); none for a single
    species; `direct`: pairs of species other than the hub that the release maps directly; `genes`: measured genes of
    each species, if partners are chosen among them.
    """

    release: ReleaseFile
    species: tuple[Species, ...]
    strategy: Strategy
    legs: tuple[tuple[Pair, Strategy], ...]
    direct: tuple[tuple[Pair, Strategy], ...] = ()
    genes: Mapping[Species, pl.Series] | None = None
    notes: tuple[str, ...] = ()
    _mappings: dict[tuple[int, int, Strategy], pl.DataFrame] = field(default_factory=dict, repr=False)

    def mapping(self, pair: Pair, strategy: Strategy) -> pl.DataFrame:
        """Return the genes and evidence class of a pair's rows, best first."""
        key = (pair.source.number, pair.target.number, strategy)
        if key not in self._mappings:
            self._mappings[key] = self._mapping(pair, strategy).select("source_gene", "target_gene", "evidence_class")
        return self._mappings[key]

    def _mapping(self, pair: Pair, strategy: Strategy) -> pl.DataFrame:
        if self.genes is None or strategy not in GREEDY:
            return pair.mapping(strategy)
        strategies = set(pair.strategies())
        candidates = [
            self._measured(pair, pair.mapping(one if one in strategies else strategy)).filter(pl.lit(one in strategies))
            for one in (Strategy.ENS_M2M, Strategy.LM_O2O)
        ]
        return rematch_measured(pair, strategy, *candidates)

    def _measured(self, pair: Pair, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows of measured genes, and of species without an object."""
        for species, column in ((pair.source, "source_gene"), (pair.target, "target_gene")):
            if self.genes is not None and species in self.genes:
                rows = rows.join(self.genes[species].to_frame(column), on=column, how="semi", maintain_order="left")
        return rows


@dataclass(frozen=True, kw_only=True)
class HubRoute(JoinRoute):
    """A route whose legs all begin at the same species."""

    hub: Species


def possible_routes(
    release: ReleaseFile, genes: Mapping[Species, pl.Series], strategy: str | Strategy | None, options: JoinOptions
) -> JoinRoute | list[HubRoute]:
    """Find the route without a hub, or one for each possible hub."""
    species = tuple(genes)
    wanted = None if strategy is None else find_strategy(strategy)
    resolved = wanted or Strategy.HM_O2O
    hub = None if options.via is None else release.find_species(options.via)
    if len(species) == 1:
        note = f"all objects are of {species[0].common_name}: joined by gene"
        return JoinRoute(release, species, resolved, (), notes=(note,))
    measured = genes if options.measured else None
    grouped = resolved is Strategy.ENS_M2M and options.features is Features.GROUP
    outside = None if hub else _over(release, species, wanted, grouped=grouped)
    if grouped and hub is None and outside is None:
        return JoinRoute(release, species, resolved, _all_pairs(release, species, resolved), genes=measured)
    hubs = [hub] if hub else [outside] if outside else _hubs(release, species, wanted)
    routes = [_hub_route(release, species, one, wanted, measured) for one in hubs]
    return [replace(route, direct=()) for route in routes] if grouped else routes


def _hubs(release: ReleaseFile, species: Sequence[Species], wanted: Strategy | None) -> list[Species]:
    """Return the species that are mapped to all others, one of two."""
    hubs = [
        one
        for one in species
        if all(_is_mapped(find_pair(release, one, other), wanted) for other in species if other != one)
    ]
    if not hubs:
        _raise_no_route(release, species, wanted, "none of the species is mapped to all others")
    return hubs[:1] if len(species) == 2 else hubs


def _over(
    release: ReleaseFile, species: Sequence[Species], wanted: Strategy | None, *, grouped: bool
) -> Species | None:
    """Return the species over which the others go, where none of them is mapped to all others."""
    pairs = [find_pair(release, *two) for two in itertools.combinations(species, 2)]
    between = next((pair.between for pair in pairs if pair.between is not None), None)
    if between is None or (grouped and any(pair.own_strategies for pair in pairs)):
        return None
    for one in species:
        if all(_is_mapped(find_pair(release, one, other), wanted) for other in species if other != one):
            return None
    return between if all(_is_mapped(find_pair(release, between, one), wanted) for one in species) else None


def _is_mapped(pair: Pair, wanted: Strategy | None) -> bool:
    strategies = pair.own_strategies
    return wanted in strategies if wanted else bool(strategies)


def _hub_route(
    release: ReleaseFile, species: Sequence[Species], hub: Species, wanted: Strategy | None,
    genes: Mapping[Species, pl.Series] | None,
) -> HubRoute:  # fmt: skip
    pairs = [find_pair(release, hub, other) for other in species if other != hub]
    legs = tuple((pair, choose_strategy(pair, wanted, Strategy.HM_O2O)) for pair in pairs)
    others = [one for one in species if one != hub]
    direct = tuple(
        (pair, leg)
        for pair in (find_pair(release, *two) for two in itertools.combinations(others, 2))
        if (leg := wanted or Strategy.HM_O2O) in pair.own_strategies
    )
    notes = tuple(
        embeddings_note(pair, f"{hub.common_name} and {pair.target.common_name}")
        for pair, leg in legs
        if wanted is None and leg is Strategy.LM_O2O
    )
    if hub not in species:
        notes = (f"joined via {hub.common_name}, of which there are no cells: its genes need not be measured", *notes)
    return HubRoute(release, tuple(species), wanted or Strategy.HM_O2O, legs, direct, genes, notes, hub=hub)


def _all_pairs(
    release: ReleaseFile, species: Sequence[Species], wanted: Strategy
) -> tuple[tuple[Pair, Strategy], ...]:  # fmt: skip
    """Return all pairs with the strategy, which must connect the species."""
    legs = tuple(
        (pair, wanted)
        for pair in (find_pair(release, *two) for two in itertools.combinations(species, 2))
        if wanted in pair.own_strategies
    )
    reached = {species[0]}
    for _ in species:
        for pair, _strategy in legs:
            if reached & {pair.source, pair.target}:
                reached |= {pair.source, pair.target}
    if reached != set(species):
        _raise_no_route(release, species, wanted, "the species do not hang together")
    return legs


def _raise_no_route(release: ReleaseFile, species: Sequence[Species], wanted: Strategy | None, why: str) -> None:
    """Raise an error that lists mapped pairs and possible hubs."""
    pairs = {two: _is_mapped(find_pair(release, *two), wanted) for two in itertools.combinations(species, 2)}
    mapped = (
        ", ".join(f"{a.common_name} - {b.common_name}" for (a, b), has in pairs.items() if has) or "none of these pairs"
    )
    by = "" if wanted is None else f" by {wanted}"
    all_species = [
        release.find_species(name) for name in release.select("SELECT name FROM species ORDER BY species")["name"]
    ]
    hubs = [
        one.common_name
        for one in all_species
        if one not in species and all(_is_mapped(find_pair(release, one, other), wanted) for other in species)
    ]
    way_out = f"go through {' or '.join(hubs)}" if hubs else "leave one out, choose another strategy or another release"
    raise MissingMappingError(
        f"there is no way between {', '.join(one.common_name for one in species)} in release {release.version}{by}: "
        f"{why}; it maps {mapped}. {way_out[0].upper()}{way_out[1:]}",
        option="via" if hubs else "strategy",
    )


#: Verdicts of a direct pair on two genes that the chain puts into the same row.
CONFIRMED, CONTRADICTED, HALF, SILENT = "confirmed", "contradicted", "half", "silent"

_ENSEMBL = (str(EvidenceClass.BOTH), str(EvidenceClass.ENSEMBL))
_SCHEMA = {
    "feature": pl.Int64, "first": pl.String, "second": pl.String, "first_gene": pl.Int64, "second_gene": pl.Int64,
    "direct_second": pl.Int64, "direct_first": pl.Int64, "ensembl": pl.Boolean, "verdict": pl.String,
}  # fmt: skip


def check_consistency(route: JoinRoute, rows: pl.DataFrame | None) -> pl.DataFrame:
    """Compare rows of the chained table with every direct pair.

    `rows`: ``feature``, a column of genes per species, ``evidence_<species>`` for each leg; None if features are
    groups.

    Returns a row per feature and direct pair: ``feature``; ``first, second``, the two species; ``first_gene,
    second_gene``, in the chain; ``direct_second``, the direct partner of the first gene, ``direct_first``, that of the
    second gene (preferably the gene in the chain); ``ensembl``: whether Ensembl supports both legs; ``verdict``:
    ``confirmed``; ``contradicted``, both have other partners; ``half``, one has another partner, the other has none;
    ``silent``, neither has a partner.
    """
    frames = [pl.DataFrame(schema=_SCHEMA)]
    if rows is None:
        return frames[0]
    for pair, strategy in route.direct:
        first, second = pair.source.name, pair.target.name
        mapping = route.mapping(pair, strategy).select("source_gene", "target_gene")
        chained = rows.select(
            "feature", first=pl.lit(first), second=pl.lit(second), first_gene=first, second_gene=second,
            ensembl=pl.col(f"evidence_{first}").is_in(_ENSEMBL) & pl.col(f"evidence_{second}").is_in(_ENSEMBL),
        )  # fmt: skip
        same = mapping.select(first_gene="source_gene", second_gene="target_gene", same=pl.lit(value=True)).unique()
        of_first = mapping.unique("source_gene", keep="first").select(
            first_gene="source_gene", direct_second="target_gene"
        )
        of_second = mapping.unique("target_gene", keep="first").select(
            second_gene="target_gene", direct_first="source_gene"
        )
        matched = (
            chained.join(same, on=["first_gene", "second_gene"], how="left", maintain_order="left")
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
            matched.with_columns(
                direct_second=pl.when(confirmed).then("second_gene").otherwise("direct_second"),
                direct_first=pl.when(confirmed).then("first_gene").otherwise("direct_first"),
                verdict=verdict,
            ).select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
        )  # fmt: skip
    return pl.concat(frames)


def count_verdicts(checked: pl.DataFrame) -> pl.DataFrame:
    """Count the verdicts of each direct pair.

    Returns a row per direct pair and ``behind`` (``Ensembl behind both legs``, ``the language model alone behind
    one``): ``first, second, behind``, the four counts, and ``share_contradicted`` of the rows whose genes both have a
    direct partner (confirmed or contradicted).
    """
    behind = (
        pl.when("ensembl")
        .then(pl.lit("Ensembl behind both legs"))
        .otherwise(pl.lit("the language model alone behind one"))
    )
    verdicts = (CONFIRMED, CONTRADICTED, HALF, SILENT)
    counted = checked.group_by("first", "second", behind=behind, maintain_order=True).agg(
        (pl.col("verdict") == one).sum().cast(pl.Int64).alias(one) for one in verdicts
    )
    both = pl.col(CONFIRMED) + pl.col(CONTRADICTED)
    share = pl.when(both > 0).then(pl.col(CONTRADICTED) / both)
    return counted.with_columns(share_contradicted=share).sort("first", "second", "behind")


_PAIRS: dict[Any, Any] = {"gene_a": pl.Int64, "gene_b": pl.Int64, "evidence_class": pl.String}


@dataclass(frozen=True)
class FeatureTable:
    """Features of a release for some species.

    `members`: ``feature, gene``: genes of every feature, of all species of the route; `pairs`: ``feature, gene_a,
    gene_b, evidence_class``: pairs of genes of every feature; `rows`: ``feature`` and a column of genes per species,
    named by its production name, if features are rows of the joint table; None if they are groups; `refused`: ``gene,
    why``: genes of groups that are too large; `left_out`: groups that are too large: ``group, genes`` (their number),
    ``gene`` (their keys).
    """

    members: pl.DataFrame
    pairs: pl.DataFrame
    rows: pl.DataFrame | None = None
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"gene": pl.Int64, "why": pl.String}))
    left_out: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"group": pl.Int64, "genes": pl.Int64, "gene": pl.List(pl.Int64)})
    )
    notes: tuple[str, ...] = ()


def build_table(route: JoinRoute, genes: pl.Series, options: JoinOptions) -> FeatureTable:
    """Build the features of a route."""
    if len(route.species) == 1:
        members = pl.DataFrame(
            {"feature": np.arange(genes.len()), "gene": genes}, schema_overrides={"feature": pl.Int64}
        )
        return FeatureTable(members, pl.DataFrame(schema={"feature": pl.Int64, **_PAIRS}))
    grouped = route.strategy is Strategy.ENS_M2M and options.features is Features.GROUP
    if isinstance(route, HubRoute) and not grouped:
        return rows_table(route, chained_rows(route))
    return _groups(route, options)


def rows_table(route: HubRoute, rows: pl.DataFrame) -> FeatureTable:
    """Return the features of rows of the joint table.

    `rows`: a column of genes per species, ``evidence_<species>`` for each leg.
    """
    rows = rows.drop("feature", strict=False).with_row_index("feature").with_columns(pl.col("feature").cast(pl.Int64))
    hub = route.hub.name
    others = [pair.target.name for pair, _ in route.legs]
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


def chained_rows(route: HubRoute) -> pl.DataFrame:
    """Return the rows of the joint table in order.

    They have a column per species, and ``evidence_<species>`` for each leg.
    """
    hub = route.hub.name
    legs = [
        route.mapping(pair, strategy).select(
            pl.col("source_gene").alias(hub), pl.col("target_gene").alias(pair.target.name),
            pl.col("evidence_class").alias(f"evidence_{pair.target.name}"),
        )
        for pair, strategy in route.legs
    ]  # fmt: skip
    rows = reduce(lambda joined, leg: joined.join(leg, on=hub, how="inner"), legs)
    order = [species.name for species in route.species]
    columns = [*order, *([hub] if hub not in order else [])]
    return rows.unique(columns, keep="first").sort(columns)


def _groups(route: JoinRoute, options: JoinOptions) -> FeatureTable:
    """Return the connected components of all pairs."""
    legs = [
        route.mapping(pair, strategy).select(
            gene_a="source_gene", gene_b="target_gene", evidence_class="evidence_class"
        )
        for pair, strategy in route.legs
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
            f"{large['genes'][0]:,}; leave them out, or allow more",
            option="largest",
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
    """Return the weakest ``evidence_class`` of each group of pairs."""
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
    """Return an expression for the number of a gene's species."""
    return (pl.col(column) // KEYS_PER_SPECIES).cast(pl.Int64).alias("species")


def find_join_route(
    release: ReleaseFile, genes: Mapping[Species, pl.Series], strategy: str | Strategy | None, options: JoinOptions
) -> JoinRoute:
    """Find the best of the possible routes.

    Parameters and errors are those of :func:`possible_routes`.
    """
    routes = possible_routes(release, genes, strategy, options)
    if isinstance(routes, JoinRoute):
        return routes
    if len(routes) == 1:
        return routes[0]
    contradictions = [_count_contradictions(route) for route in routes]
    best = min(
        range(len(routes)),
        key=lambda place: (contradictions[place][0] / max(contradictions[place][1], 1), -contradictions[place][1]),
    )
    others = ", ".join(
        f"{route.hub.common_name} {contradicted:,} of {rows:,}"
        for route, (contradicted, rows) in zip(routes, contradictions, strict=True)
    )
    route = routes[best]
    note = f"joined via {route.hub.common_name}, by which direct pairs of species contradict the fewest rows ({others})"
    return replace(route, notes=(*route.notes, note))


def _count_contradictions(route: HubRoute) -> tuple[int, int]:
    """Return the numbers of contradicted rows and of all rows."""
    rows = chained_rows(route).with_row_index("feature")
    contradicted = check_consistency(route, rows).filter(pl.col("verdict").is_in([CONTRADICTED, HALF]))
    return contradicted["feature"].n_unique(), rows.height
