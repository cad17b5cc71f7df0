"""Find the partners of names of genes, for lists of every kind."""

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
    resolve_rows,
)
from homodb.query.release import ReleaseFile
from homodb.query.translate import LOST_SCHEMA, UNRESOLVED, WITHOUT_PARTNER, Fate, fate_of, lost, mapped_rule
from homodb.schema.enums import Strategy
from homodb.schema.errors import TranslationError
from homodb.schema.messages import choices_hint
from homodb.schema.species import Species

OneToMany = Literal["best", "all"]
Naming = Literal["keep", "id", "symbol"]

#: Columns of evidence.
EVIDENCE = ("homology_type", "identity", "confidence", "correlation", "evidence_class")


@dataclass(frozen=True)
class GeneListRequest:
    """Request to translate names of genes.

    Parameters
    ----------
    release
        An open release.
    target
        Target species.
    source
        Species of the names; None to infer it.
    strategy
        Strategy given by the user; None for the default.
    one_to_many
        Whether to use the best of several partners, or all.
    naming
        Kind of names for target genes: that of the source (``keep``), stable IDs or symbols.
    """

    release: ReleaseFile
    target: Species
    source: Species | None = None
    strategy: str | Strategy | None = None
    one_to_many: OneToMany = "best"
    naming: Naming = "keep"

    def __post_init__(self) -> None:
        for what, word, words in (
            ("one-to-many policy", self.one_to_many, ("best", "all")),
            ("kind of names", self.naming, ("keep", "id", "symbol")),
        ):  # fmt: skip
            if word not in words:
                raise TranslationError(f"there is no {what} {word!r} for lists of genes{choices_hint(word, words)}")


@dataclass(frozen=True)
class Target:
    """A target gene of a name."""

    gene: int
    stable_id: str
    symbol: str | None

    def called(self, naming: Naming) -> str:
        """Return the symbol or stable ID, the latter if there is no symbol."""
        return self.stable_id if naming == "id" else self.symbol or self.stable_id


@dataclass(frozen=True)
class Partners:
    """Partners and fates of names.

    Parameters
    ----------
    source, target
        The two species, possibly the same.
    strategy
        Name of the strategy; None if the species are the same.
    frame
        A row per different name and partner, in order, the best partner first: ``name, how, understood_as, source_gene,
        source_id, source_symbol, fate, detail, target_gene, target_id, target_symbol`` and the evidence.
    notes
        Notes for the user.
    """

    source: Species
    target: Species
    strategy: str | None
    frame: pl.DataFrame
    notes: tuple[str, ...]

    @cached_property
    def targets(self) -> Mapping[str, tuple[Target, ...]]:
        """Target genes of each carried name, best first."""
        targets_by_name: dict[str, tuple[Target, ...]] = {}
        mapped = self.frame.filter(pl.col("fate") == Fate.MAPPED)
        for name, gene, stable_id, symbol in mapped.select(
            "name", "target_gene", "target_id", "target_symbol"
        ).iter_rows():
            targets_by_name[name] = (*targets_by_name.get(name, ()), Target(gene, stable_id, symbol))
        return targets_by_name

    @cached_property
    def named_by_id(self) -> frozenset[str]:
        """Names that are stable IDs."""
        return frozenset(self.frame.filter(pl.col("how") == "stable_id")["name"])

    @cached_property
    def why_not(self) -> Mapping[str, str]:
        """Fate and reason of each name that is not carried."""
        rows = self.frame.filter(pl.col("fate") != Fate.MAPPED).select("name", "fate", "detail").iter_rows()
        return {name: fate if detail is None else f"{fate}: {detail}" for name, fate, detail in rows}

    def called(self, name: str, target: Target, naming: Naming) -> str:
        """Return the name of a target gene of a name."""
        kept: Naming = "id" if name in self.named_by_id else "symbol"
        return target.called(kept if naming == "keep" else naming)


def find_source(wish: GeneListRequest, names: Sequence[str]) -> Species:
    """Return the given species of the names, or infer it.

    Raises
    ------
    UndecidedSpeciesError
        If the names do not identify it.
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
        Target species, strategy and other arguments.
    names
        Names of genes, of any kind; repeats are looked up once.
    source
        Species of the names; if it is the target too, names are updated.
    resolved
        Result of resolving the names (and possibly others), if available.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks it.
    """
    different = list(dict.fromkeys(names))
    if resolved is None:
        resolved = resolve_rows(wish.release, different, source)
    else:
        resolved = pl.DataFrame({"name": different}, schema={"name": pl.String}).join(
            resolved.unique("name"), on="name", how="left", maintain_order="left"
        )
    notes = other_species_note(wish.release, names, source) if wish.source is not None and len(names) else []
    if source == wish.target:
        strategy, links, lost_genes = None, _identity_links(resolved), pl.DataFrame(schema=LOST_SCHEMA)
        notes.append(f"the names are of {source.name} already: they are brought up to date, and no strategy is used")
    else:
        pair = find_pair(wish.release, source, wish.target)
        resolved_strategy = choose_strategy(pair, wish.strategy, Strategy.ENS_M2M)
        if wish.strategy is None and resolved_strategy is Strategy.LM_O2O:
            notes.append("Ensembl has no homology between the two species: LM_O2O, from embeddings alone, was used")
        notes += pair.notes
        strategy, links, lost_genes = (
            str(resolved_strategy),
            _links(pair, resolved_strategy, wish.one_to_many),
            lost(pair, resolved_strategy),
        )
    notes += about_synonyms(wish.release, [(resolved, source)])
    return Partners(source, wish.target, strategy, _fates(wish.release, resolved, links, lost_genes), tuple(notes))


def _identity_links(resolved: pl.DataFrame) -> pl.DataFrame:
    genes = resolved.select(source_gene="gene", target_gene="gene").drop_nulls().unique(maintain_order=True)
    kinds = {"homology_type": pl.String, "evidence_class": pl.String, "confidence": pl.Int8}
    return genes.with_columns(pl.lit(None, kinds.get(name, pl.Float32)).alias(name) for name in EVIDENCE)


def _links(pair: Pair, strategy: Strategy, one_to_many: OneToMany) -> pl.DataFrame:
    mapping = pair.mapping(strategy)
    if one_to_many == "best":
        mapping = mapping.unique("source_gene", keep="first", maintain_order=True)
    return mapping.select("source_gene", "target_gene", *EVIDENCE)


def _fates(release: ReleaseFile, resolved: pl.DataFrame, links: pl.DataFrame, lost_genes: pl.DataFrame) -> pl.DataFrame:
    """Join names with their partners, and give reasons for the others."""
    linked = resolved.join(links, left_on="gene", right_on="source_gene", how="left", maintain_order="left_right")
    wanted = linked["target_gene"].drop_nulls().unique().to_list()
    labels = release.ask("labels", {"genes": wanted}).rename({"stable_id": "target_id", "symbol": "target_symbol"})
    frame = linked.join(labels, left_on="target_gene", right_on="gene", how="left", maintain_order="left").join(
        lost_genes, on="gene", how="left", maintain_order="left"
    )
    candidates = pl.concat_str(pl.col("candidates").list.join(", "), "hint", separator="; ", ignore_nulls=True)
    ambiguous = (pl.col("how") == "ambiguous", Fate.AMBIGUOUS, candidates)
    return fate_of(frame, (ambiguous, *UNRESOLVED, mapped_rule("target_gene"), *WITHOUT_PARTNER)).select(
        "name", "how", "understood_as", pl.col("gene").alias("source_gene"), pl.col("stable_id").alias("source_id"),
        pl.col("symbol").alias("source_symbol"), "fate", "detail", "target_gene", "target_id", "target_symbol",
        *EVIDENCE,
    )  # fmt: skip
