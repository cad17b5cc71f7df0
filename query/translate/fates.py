"""Assign a fate, with a reason, to every gene of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import polars as pl

from homodb.query.genes import Pair, VarColumn
from homodb.schema.enums import HomologyType, Strategy, is_coding


class Fate(StrEnum):
    """Fate of a source gene."""

    MAPPED = "mapped"
    LOST_TO = "lost_to"
    NO_ORTHOLOG = "no_ortholog"
    NO_PROTEIN = "no_protein"
    FILTERED = "filtered"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    RETIRED = "retired"
    NOT_A_GENE = "not_a_gene"


#: Meaning of each fate, for reports.
MEANING = {
    Fate.MAPPED: "carried to a target gene",
    Fate.LOST_TO: "its partner went to another gene",
    Fate.NO_ORTHOLOG: "no partner in the other species",
    Fate.NO_PROTEIN: "not coding for a protein, and no ortholog",
    Fate.FILTERED: "has partners, but none of the kind that is taken",
    Fate.AMBIGUOUS: "the name means several genes",
    Fate.UNKNOWN: "the name means no gene of the source species",
    Fate.RETIRED: "a stable ID that the release does not have, or no longer",
    Fate.NOT_A_GENE: "not gene expression (feature_types)",
}


#: A rule of a cascade: condition, fate, and reason for it.
FateRule = tuple[pl.Expr, Fate | pl.Expr, pl.Expr]

_HOW, _NO_DETAIL = pl.col(VarColumn.HOW), pl.lit(None, pl.String)

#: Rules for names that mean no gene of the source species, or several.
UNRESOLVED: tuple[FateRule, ...] = (
    (_HOW == "retired", Fate.RETIRED, pl.col(VarColumn.HINT)),
    (_HOW == "ambiguous", Fate.AMBIGUOUS, pl.col(VarColumn.CANDIDATES).list.join(", ")),
    (pl.col(VarColumn.GENE).is_null(), Fate.UNKNOWN, pl.col(VarColumn.HINT)),
)

#: Rule for rows of var that are no genes.
NOT_A_GENE: FateRule = (~pl.col(VarColumn.IS_GENE), Fate.NOT_A_GENE, pl.col(VarColumn.FEATURE))

#: Rules for genes without a target: those that lost their partner, and those whose partners are of another kind.
WITHOUT_PARTNER: tuple[FateRule, ...] = (
    (pl.col("taker").is_not_null(), Fate.LOST_TO, pl.col("taker")),
    (pl.col("kinds").is_not_null(), Fate.FILTERED, pl.col("kinds")),
)


def mapped_rule(column: str) -> FateRule:
    """Return the rule for rows with a value in a column of targets."""
    return pl.col(column).is_not_null(), Fate.MAPPED, _NO_DETAIL


def fate_of(frame: pl.DataFrame, rules: Sequence[FateRule]) -> pl.DataFrame:
    """Assign ``fate`` and ``detail`` to every row by the first rule that holds.

    Parameters
    ----------
    frame
        Rows with :class:`homodb.query.genes.VarColumn`, and the columns that the rules name.
    rules
        Rules, the first of them first. After them a gene that codes for no protein has the fate ``no_protein``, any
        other one ``no_ortholog``.
    """
    silent = [biotype for biotype in frame[VarColumn.BIOTYPE].drop_nulls().unique() if not is_coding(biotype)]
    no_protein = (pl.col(VarColumn.BIOTYPE).is_in(silent), Fate.NO_PROTEIN, pl.col(VarColumn.BIOTYPE))
    fate, detail = pl.lit(str(Fate.NO_ORTHOLOG)), _NO_DETAIL
    for condition, value, why in reversed([*rules, no_protein]):
        fate = pl.when(condition).then(pl.lit(str(value)) if isinstance(value, Fate) else value).otherwise(fate)
        detail = pl.when(condition).then(why).otherwise(detail)
    return frame.with_columns(fate=fate, detail=detail)


def fates(resolved: pl.DataFrame, placed: pl.DataFrame, refused: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """Return the fate of every row of var.

    Parameters
    ----------
    resolved
        The rows of var, with :class:`homodb.query.genes.VarColumn`.
    placed
        Targets of rows: :class:`homodb.query.translate.targets.PlacedColumn`.
    refused
        Genes whose partners are all filtered out: :class:`homodb.query.translate.mapping.RefusedColumn`.
    lost
        Result of :func:`lost`.

    Returns
    -------
    polars.DataFrame
        One row per var row, in order: ``name, stable_id, symbol, how, fate, target_id, target_symbol,
        evidence_class, detail`` (reason, or the gene that took its partner), ``mitochondrial, ribosomal``.
    """
    frame = (
        resolved.join(placed, on="place", how="left")
        .join(refused, on="gene", how="left")
        .join(lost, on="gene", how="left")
        .sort("place")
    )
    refusal = (pl.col("why").is_not_null(), Fate.FILTERED, pl.col("why"))
    rules = (NOT_A_GENE, *UNRESOLVED, mapped_rule("target_id"), refusal, *WITHOUT_PARTNER)
    return fate_of(frame, rules).select(
        "name", "stable_id", "symbol", "how", "fate", "target_id", "target_symbol", "evidence_class", "detail",
        "mitochondrial", "ribosomal",
    )  # fmt: skip


#: Schema of :func:`lost`.
LOST_SCHEMA: Mapping[str, type[pl.DataType]] = {"gene": pl.Int64, "taker": pl.String, "kinds": pl.String}


def lost(pair: Pair, strategy: Strategy, mapping: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return which genes took the Ensembl partners of other source genes.

    These are source genes with an Ensembl partner to which the strategy does not map them.

    Parameters
    ----------
    pair, strategy
        Pair of species and strategy of the translation.
    mapping
        ``source_gene, target_gene`` of the strategy; by default its rows in the release.

    Returns
    -------
    polars.DataFrame
        ``gene, taker`` (null if no gene took it), ``kinds`` (homology types, if no gene took it).
    """
    if strategy is Strategy.ENS_M2M or Strategy.ENS_M2M not in pair.strategies():
        return pl.DataFrame(schema=LOST_SCHEMA)
    taken_rows = pair.mapping(strategy) if mapping is None else mapping
    takers = taken_rows.select("target_gene", taker_gene="source_gene")
    wanted = pair.mapping(Strategy.ENS_M2M).select("source_gene", "target_gene", "homology_type")
    labels = pair.release.ask("labels", {"genes": takers["taker_gene"].unique().to_list()})
    taken = (
        wanted.join(takers, on="target_gene", how="left", maintain_order="left")
        .join(labels.rename({"gene": "taker_gene"}), on="taker_gene", how="left", maintain_order="left")
        .filter(pl.col("taker_gene").is_null() | (pl.col("taker_gene") != pl.col("source_gene")))
    )
    if strategy is Strategy.ENS_O2O:
        taken = taken.filter(pl.col("homology_type") != HomologyType.ONE2ONE.value)
    named = pl.coalesce("symbol", "stable_id").filter(pl.col("taker_gene").is_not_null())
    grouped = taken.group_by(gene="source_gene", maintain_order=True).agg(
        taker=named.first(), kinds=pl.col("homology_type").unique().sort().str.join(", ")
    )
    unchosen = {
        Strategy.LM_O2O: pl.lit("not in a pair of mutual best hits"),
        Strategy.HL_O2O: pl.lit("neither in HM_O2O nor in LM_O2O, or outbid there"),
    }
    why = unchosen.get(strategy, pl.col("kinds"))
    return grouped.with_columns(kinds=pl.when(pl.col("taker").is_null()).then(why))
