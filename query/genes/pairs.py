"""Look up a pair of species and its strategies in a release."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from homodb.query.release import ReleaseFile
from homodb.schema.enums import EvidenceClass, HomologyType, Strategy, find_strategy
from homodb.schema.errors import MissingMappingError
from homodb.schema.species import KEYS_PER_SPECIES, Species, find

#: Columns of a mapping that a translation uses.
COLUMNS = (
    "source_gene", "target_gene", "homology_type", "identity", "confidence", "correlation", "rank", "evidence_class",
)  # fmt: skip
#: Species over which pairs without evidence of their own go.
_HUB = "homo_sapiens"
#: Number of orthology databases that must name a pair of genes for it to be added to a mapping.
LEAST_DATABASES = 3
#: Schema with the tables of what orthology databases name.
_WITH_DATABASES = 4
#: Schema with the table of orthologs that no mapping can have.
_WITH_UNNAMED = 5
#: What is known of an ortholog that no mapping can have, by reason.
_UNNAMED = {
    "unnamed": "without a name",
    "ambiguous": "of a name that several genes bear",
    "retired": "of a retired stable ID",
    "alternate": "on an alternate locus",
}
#: Number of pairs of species that a message names.
_SHOWN = 8


@dataclass(frozen=True)
class Pair:
    """Source and target species of one release.

    A pair without any evidence of its own goes over human, if human has evidence with both.
    """

    release: ReleaseFile
    source: Species
    target: Species

    @property
    def forward(self) -> bool:
        """Return whether the source is the first species in the tables."""
        return self.source.number < self.target.number

    @property
    def keys(self) -> dict[str, object]:
        """Return the species numbers, for the queries of ``query/sql``."""
        first, second = sorted((self.source.number, self.target.number))
        return {"species_a": first, "species_b": second}

    def ask(self, query: str, **more: object) -> pl.DataFrame:
        """Run a query of ``query/sql`` over the mappings of the pair.

        It binds the two species and the default embedding.
        """
        return self.release.ask(query, self.keys | {"embedding": self.release.default_embedding} | more)

    @cached_property
    def own_strategies(self) -> tuple[Strategy, ...]:
        """Strategies for which the pair has evidence of its own."""
        present = set(self.release.ask("strategies", self.keys)["strategy"])
        return tuple(strategy for strategy in Strategy if strategy in present)

    @cached_property
    def steps(self) -> tuple[Pair, Pair] | None:
        """Pairs of the source and human, and human and the target, if the pair goes over human."""
        if self.own_strategies:
            return None
        hub = find(_HUB)
        if hub in (self.source, self.target) or hub not in self.release.species:
            return None
        first, second = Pair(self.release, self.source, hub), Pair(self.release, hub, self.target)
        return (first, second) if set(first.own_strategies) & set(second.own_strategies) else None

    @property
    def between(self) -> Species | None:
        """Species over which the pair goes; None if it has evidence of its own."""
        return None if self.steps is None else self.steps[1].source

    @property
    def notes(self) -> tuple[str, ...]:
        """Note that the pair goes over another species."""
        if self.between is None:
            return ()
        return (
            f"the release has no evidence between {self.source.name} and {self.target.name}: went over "
            f"{self.between.name}, where a pair of genes holds if both steps do",
        )

    def strategies(self) -> tuple[Strategy, ...]:
        """Return the strategies of this pair in the release."""
        if self.steps is None:
            return self.own_strategies
        first, second = self.steps
        return tuple(one for one in first.own_strategies if one in second.own_strategies)

    def mapping(self, strategy: Strategy) -> pl.DataFrame:
        """Return a strategy's mapping from the source, best pair first.

        Columns are ``source_gene, target_gene`` and the evidence; over another species its best gene is ``between``.
        """
        if self.steps is None:
            return self.ask("mapping", forward=self.forward, strategy=str(strategy))
        return compose_mappings(*self.steps, strategy)

    def database_rows(self, strategy: Strategy) -> pl.DataFrame:
        """Return the pairs that three orthology databases or more name, most databases first.

        Columns are those of :meth:`mapping`, of an evidence class of their own. Over another species, both steps may
        be of the strategy or of the databases.
        """
        like = self.mapping(strategy).clear()
        if self.release.schema_version < _WITH_DATABASES:
            return like
        if self.steps is not None:
            rows = compose_mappings(*self.steps, strategy, databases=True)
            return rows.filter(pl.col("evidence_class") == EvidenceClass.DATABASES)
        rows = self.release.ask("database_pairs", self.keys | {"forward": self.forward, "least": LEAST_DATABASES})
        rows = rows.with_columns(
            tied=pl.lit(value=False),
            rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
            evidence_class=pl.lit(str(EvidenceClass.DATABASES)),
        )
        return pl.concat([like, rows.cast({name: like.schema[name] for name in rows.columns})], how="diagonal")

    def databases(self, genes: list[int]) -> pl.DataFrame | None:
        """Return the partners that orthology databases name for genes; None where the release has no such table."""
        if self.release.schema_version < _WITH_DATABASES:
            return None
        return self.release.ask("gene_databases", self.keys | {"forward": self.forward, "genes": genes})

    @cached_property
    def unnamed(self) -> pl.DataFrame:
        """Source genes with orthologs that no mapping can have: ``gene``, and ``unnamed``, what is known of them.

        Over another species they are those of the first step, and those whose partners there have such orthologs.
        """
        if self.release.schema_version < _WITH_UNNAMED:
            return pl.DataFrame(schema={"gene": pl.Int64, "unnamed": pl.String})
        if self.steps is not None:
            first, second = self.steps
            return over_unnamed(first, second, self.strategies()[0])
        first_gene = self.source.number * KEYS_PER_SPECIES
        bound = {"target": self.target.number, "first": first_gene, "last": first_gene + KEYS_PER_SPECIES - 1}
        rows = self.release.ask("unnamed_orthologs", bound)
        count = pl.when(pl.col("homologies") == 1).then(pl.lit("an ortholog")).otherwise(
            pl.format("{} orthologs", "homologies")
        )  # fmt: skip
        what = pl.col("reason").replace_strict(_UNNAMED, return_dtype=pl.String)
        return rows.select("gene", unnamed=pl.format(f"{{}} in {self.target.common_name} {{}}", count, what))

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Sources of the homologies, with their releases; empty where the release does not name them."""
        if self.release.schema_version < _WITH_DATABASES:
            return ()
        texts = []
        for name, release, ensembl, basis in self.release.ask("homology_sources", self.keys).iter_rows():
            own = f"{name} {release or ''}".strip() + (
                f" (Ensembl {ensembl})" if ensembl and ensembl != release else ""
            )
            texts.append(own + (", homology types derived from its pairs" if basis == "derived" else ""))
        return tuple(texts)


def over_unnamed(first: Pair, second: Pair, strategy: Strategy) -> pl.DataFrame:
    """Return :attr:`Pair.unnamed` of two pairs that share a species."""
    reached = first.mapping(strategy).select("target_gene", gene="source_gene")
    beyond = reached.join(second.unnamed.rename({"gene": "target_gene"}), on="target_gene", maintain_order="left")
    both = pl.concat([first.unnamed, beyond.select("gene", "unnamed")])
    return both.unique("gene", keep="first", maintain_order=True)


def compose_mappings(first: Pair, second: Pair, strategy: Strategy, *, databases: bool = False) -> pl.DataFrame:
    """Compose the mappings of two pairs that share a species.

    Parameters
    ----------
    first
        Pair of the source and the intermediate species.
    second
        Pair of the intermediate and the target species.
    strategy
        The strategy of both.
    databases
        Whether both have the pairs that orthology databases name, too.

    Returns
    -------
    polars.DataFrame
        Columns as in :meth:`Pair.mapping` and ``between``, the gene of the intermediate species; best first: the lesser
        value and the weaker evidence class of the two steps, one-to-one only if both steps are; unknown if a step is.
    """
    weak_first = [str(one) for one in reversed(EvidenceClass)]
    one, two = (
        add_rows(pair.mapping(strategy), pair.database_rows(strategy), strategy)
        if databases
        else pair.mapping(strategy)
        for pair in (first, second)
    )
    joined = one.rename({"target_gene": "between"}).join(
        two.rename({"source_gene": "between"}), on="between", suffix="_2", maintain_order="left"
    )

    def lesser(column: str) -> pl.Expr:
        is_known = pl.col(column).is_not_null() & pl.col(f"{column}_2").is_not_null()
        return pl.when(is_known).then(pl.min_horizontal(column, f"{column}_2")).alias(column)

    def place(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(weak_first, list(range(len(weak_first))), return_dtype=pl.Int32)

    both = (pl.col("homology_type") == HomologyType.ONE2ONE) & (pl.col("homology_type_2") == HomologyType.ONE2ONE)
    has_type = pl.col("homology_type").is_not_null() & pl.col("homology_type_2").is_not_null()
    kind = pl.when(both).then(pl.lit(str(HomologyType.ONE2ONE))).otherwise(pl.lit(str(HomologyType.MANY2MANY)))
    least_known = [pl.min_horizontal(name, f"{name}_2").alias(f"known_{name}") for name in ("confidence", "identity")]
    weaker = pl.when(place("evidence_class") <= place("evidence_class_2")).then("evidence_class")
    return (
        joined.select(
            "source_gene", "target_gene", pl.when(has_type).then(kind).alias("homology_type"),
            *(lesser(name) for name in ("identity", "goc", "wga", "confidence", "correlation", "margin")),
            pl.any_horizontal("tied", "tied_2").alias("tied"), pl.lit(None, pl.Float64).alias("score"),
            weaker.otherwise("evidence_class_2").alias("evidence_class"), "between", *least_known,
        )
        .sort(
            pl.col("confidence").fill_null(0), "identity", "correlation", "known_confidence", "known_identity",
            "source_gene", "target_gene", descending=[True] * 5 + [False] * 2, nulls_last=True,
        )
        .unique(["source_gene", "target_gene"], keep="first", maintain_order=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32))
        .select(
            "source_gene", "target_gene", "homology_type", "identity", "goc", "wga", "confidence", "correlation",
            "margin", "tied", "score", "rank", "evidence_class", "between",
        )
    )  # fmt: skip


def add_rows(rows: pl.DataFrame, new: pl.DataFrame, strategy: Strategy) -> pl.DataFrame:
    """Append rows to a mapping that do not contradict it; a one-to-one mapping stays one-to-one."""
    keys = ["source_gene", "target_gene"]
    for key in keys if strategy.one_to_one else [keys]:
        new = new.join(rows, on=key, how="anti", maintain_order="left")
    if strategy.one_to_one:
        from homodb.schema.one_to_one import greedy  # imports NumPy

        is_chosen = greedy(new["source_gene"].to_numpy(), new["target_gene"].to_numpy())
        new = new.filter(pl.Series(is_chosen, dtype=pl.Boolean))
    last = rows["rank"].max() or 0
    return pl.concat([rows, new.with_columns(rank=(pl.col("rank") + pl.lit(last)).cast(pl.Int32))])


def find_pair(release: ReleaseFile, source: str | int | Species, target: str | int | Species) -> Pair:
    """Find a pair of species of a release.

    Raises UnknownSpeciesError if a name means no species of the release. Raises MissingMappingError if both names mean
    the same species.
    """
    pair = Pair(release, release.find_species(source), release.find_species(target))
    if pair.source == pair.target:
        raise MissingMappingError(f"source and target are both {pair.source.name}; name two species")
    return pair


def choose_strategy(pair: Pair, wanted: str | Strategy | None, default: Strategy) -> Strategy:
    """Return the given strategy or the default one.

    The default is LM_O2O if Ensembl has nothing for the pair.

    Raises UnknownStrategyError if there is no such strategy. Raises MissingMappingError if the release has no mapping
    for the pair, or not by this strategy.
    """
    available = pair.strategies()
    if not available:
        raise MissingMappingError(
            f"release {pair.release.version} has no mapping between {pair.source.common_name} and "
            f"{pair.target.common_name}; it has {_pairs_of(pair.release)}"
        )
    if wanted is None:
        return default if default in available else Strategy.LM_O2O if Strategy.LM_O2O in available else available[0]
    strategy = find_strategy(wanted)
    if strategy not in available:
        over = f" over {pair.between.common_name}" if pair.between else ""
        raise MissingMappingError(
            f"release {pair.release.version} has no {strategy} between {pair.source.common_name} and "
            f"{pair.target.common_name}{over}; it has {', '.join(available)}"
        )
    return strategy


def _pairs_of(release: ReleaseFile) -> str:
    rows = release.select(
        "SELECT DISTINCT a.common_name, b.common_name FROM species_pair p "
        "JOIN species a ON a.species = p.species_a JOIN species b ON b.species = p.species_b ORDER BY ALL"
    )
    more = f" and {rows.height - _SHOWN} more" if rows.height > _SHOWN else ""
    return ", ".join(f"{a} - {b}" for a, b in rows.head(_SHOWN).iter_rows()) + more or "no pair at all"
