"""Names of genes, what each means, and its partners' names: what lists of every kind are translated by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import polars as pl

from homodb.query.genes import (
    Pair,
    about_synonyms,
    choose_strategy,
    detect_species,
    find_pair,
    other_species_note,
    resolve,
)
from homodb.query.release import ReleaseFile
from homodb.query.translate import Fate, lost
from homodb.schema.enums import Strategy, is_coding
from homodb.schema.errors import TranslationError
from homodb.schema.messages import choices_hint
from homodb.schema.species import Species

OneToMany = Literal["best", "all"]
Naming = Literal["keep", "id", "symbol"]

#: Columns of evidence.
EVIDENCE = ("homology_type", "identity", "confidence", "correlation", "evidence_class")


@dataclass(frozen=True)
class GeneListRequest:
    """What is to be done with names.

    Parameters
    ----------
    release
        An open release.
    target
        The species to go to.
    source
        The species of the names; None to find it out.
    strategy
        As the user named it; None for the default.
    one_to_many
        Of several partners the best, or all.
    naming
        How target genes are called: as the source was (``keep``), by stable ID or by symbol.
    """

    release: ReleaseFile
    target: Species
    source: Species | None = None
    strategy: str | Strategy | None = None
    one_to_many: OneToMany = "best"
    naming: Naming = "keep"

    def __post_init__(self) -> None:
        for what, seen, known in (
            ("one-to-many policy", self.one_to_many, ("best", "all")),
            ("kind of names", self.naming, ("keep", "id", "symbol")),
        ):  # fmt: skip
            if seen not in known:
                raise TranslationError(f"there is no {what} {seen!r} for lists of genes{choices_hint(seen, known)}")


@dataclass(frozen=True)
class Target:
    """A target gene of a name."""

    gene: int
    stable_id: str
    symbol: str | None

    def called(self, naming: Naming) -> str:
        """Return its name; a gene without a symbol bears its stable ID."""
        return self.stable_id if naming == "id" else self.symbol or self.stable_id


@dataclass(frozen=True)
class Partners:
    """What became of names.

    Parameters
    ----------
    source, target
        The two species, which may be one.
    strategy
        Name of the strategy; None where both species are one.
    frame
        A row per different name and partner, in order, the best partner first: ``name, how, understood_as, source_gene,
        source_id, source_symbol, fate, detail, target_gene, target_id, target_symbol`` and the evidence.
    notes
        What else a user should know.
    """

    source: Species
    target: Species
    strategy: str | None
    frame: pl.DataFrame
    notes: tuple[str, ...]

    @cached_property
    def targets(self) -> Mapping[str, tuple[Target, ...]]:
        """For each name that is carried, its target genes, best first."""
        found: dict[str, tuple[Target, ...]] = {}
        mapped = self.frame.filter(pl.col("fate") == Fate.MAPPED)
        for name, gene, stable_id, symbol in mapped.select(
            "name", "target_gene", "target_id", "target_symbol"
        ).iter_rows():
            found[name] = (*found.get(name, ()), Target(gene, stable_id, symbol))
        return found

    @cached_property
    def named_by_id(self) -> frozenset[str]:
        """Names that are stable IDs."""
        return frozenset(self.frame.filter(pl.col("how") == "stable_id")["name"])

    @cached_property
    def why_not(self) -> Mapping[str, str]:
        """For each name that is not carried, its fate and what is known of why."""
        rows = self.frame.filter(pl.col("fate") != Fate.MAPPED).select("name", "fate", "detail").iter_rows()
        return {name: fate if detail is None else f"{fate}: {detail}" for name, fate, detail in rows}

    def called(self, name: str, target: Target, naming: Naming) -> str:
        """Return what a name's target gene is called."""
        kept: Naming = "id" if name in self.named_by_id else "symbol"
        return target.called(kept if naming == "keep" else naming)


def find_source(wish: GeneListRequest, names: Sequence[str]) -> Species:
    """Return the species of the names, as given, else by vote.

    Raises
    ------
    UndecidedSpeciesError
        If the names do not tell it.
    """
    if wish.source is not None:
        return wish.source
    return detect_species(wish.release, names, few=True)


def find_partners(
    wish: GeneListRequest, names: Sequence[str], source: Species, resolved: pl.DataFrame | None = None
) -> Partners:
    """Find the partners of names.

    Parameters
    ----------
    wish
        Target, strategy and the like.
    names
        Names of genes, of any kind; repeats are looked up once.
    source
        The species that they are of; where it is the target too, names are brought up to date.
    resolved
        What they (and perhaps others) mean, where that is known already.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    """
    different = list(dict.fromkeys(names))
    if resolved is None:
        resolved = resolve(wish.release, different, source)
    else:
        resolved = pl.DataFrame({"name": different}, schema={"name": pl.String}).join(
            resolved.unique("name"), on="name", how="left", maintain_order="left"
        )
    notes = other_species_note(wish.release, names, source) if wish.source is not None and len(names) else []
    if source == wish.target:
        strategy, links, losers = None, _own(resolved), None
        notes.append(f"the names are of {source.name} already: they are brought up to date, and no strategy is used")
    else:
        pair = find_pair(wish.release, source, wish.target)
        chosen = choose_strategy(pair, wish.strategy, Strategy.ENS_M2M)
        if wish.strategy is None and chosen is Strategy.LM_O2O:
            notes.append("Ensembl has no homology between the two species: LM_O2O, from embeddings alone, was used")
        strategy, links, losers = str(chosen), _links(pair, chosen, wish.one_to_many), lost(pair, chosen)
    notes += about_synonyms(wish.release, [(resolved, source)])
    return Partners(source, wish.target, strategy, _fates(wish.release, resolved, links, losers), tuple(notes))


def _own(resolved: pl.DataFrame) -> pl.DataFrame:
    genes = resolved.select(source_gene="gene", target_gene="gene").drop_nulls().unique(maintain_order=True)
    kinds = {"homology_type": pl.String, "evidence_class": pl.String, "confidence": pl.Int8}
    return genes.with_columns(pl.lit(None, kinds.get(name, pl.Float32)).alias(name) for name in EVIDENCE)


def _links(pair: Pair, strategy: Strategy, one_to_many: OneToMany) -> pl.DataFrame:
    mapping = pair.mapping(strategy)
    if one_to_many == "best":
        mapping = mapping.unique("source_gene", keep="first", maintain_order=True)
    return mapping.select("source_gene", "target_gene", *EVIDENCE)


def _fates(
    release: ReleaseFile, resolved: pl.DataFrame, links: pl.DataFrame, losers: pl.DataFrame | None
) -> pl.DataFrame:
    """Join names with their partners; say of the others why they have none."""
    genes = resolved["gene"].drop_nulls().unique().to_list()
    details = release.ask("source_genes", {"genes": genes}).select("gene", "biotype")
    if losers is None:
        losers = pl.DataFrame(schema={"gene": pl.Int64, "taker": pl.String, "kinds": pl.String})
    linked = resolved.join(links, left_on="gene", right_on="source_gene", how="left", maintain_order="left_right")
    wanted = linked["target_gene"].drop_nulls().unique().to_list()
    labels = release.ask("labels", {"genes": wanted}).rename({"stable_id": "target_id", "symbol": "target_symbol"})
    frame = (
        linked.join(labels, left_on="target_gene", right_on="gene", how="left", maintain_order="left")
        .join(details, on="gene", how="left", maintain_order="left")
        .join(losers, on="gene", how="left", maintain_order="left")
    )
    non_coding = pl.col("biotype").map_elements(lambda biotype: not is_coding(biotype), return_dtype=pl.Boolean)
    candidates = pl.concat_str(pl.col("candidates").list.join(", "), "hint", separator="; ", ignore_nulls=True)
    kinds: list[tuple[pl.Expr, Fate, pl.Expr]] = [
        (pl.col("how") == "retired", Fate.RETIRED, pl.col("hint")),
        (pl.col("how") == "ambiguous", Fate.AMBIGUOUS, candidates),
        (pl.col("gene").is_null(), Fate.UNKNOWN, pl.col("hint")),
        (pl.col("target_gene").is_not_null(), Fate.MAPPED, pl.lit(None, pl.String)),
        (pl.col("taker").is_not_null(), Fate.LOST_TO, pl.col("taker")),
        (pl.col("kinds").is_not_null(), Fate.FILTERED, pl.col("kinds")),
        (non_coding.fill_null(value=False), Fate.NO_PROTEIN, pl.col("biotype")),
    ]
    fate, detail = pl.lit(str(Fate.NO_ORTHOLOG)), pl.lit(None, pl.String)
    for condition, name, why in reversed(kinds):
        fate = pl.when(condition).then(pl.lit(str(name))).otherwise(fate)
        detail = pl.when(condition).then(why).otherwise(detail)
    return frame.with_columns(fate=fate, detail=detail).select(
        "name", "how", "understood_as", pl.col("gene").alias("source_gene"), pl.col("stable_id").alias("source_id"),
        pl.col("symbol").alias("source_symbol"), "fate", "detail", "target_gene", "target_id", "target_symbol",
        *EVIDENCE,
    )  # fmt: skip
