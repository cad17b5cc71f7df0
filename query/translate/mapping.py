"""Choose target genes by a strategy, with filters and additions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.genes import COLUMNS, LEAST_DATABASES, Pair, add_rows
from homodb.query.release import ReleaseFile
from homodb.query.translate.options import Missing, OneToMany, Options
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.messages import counted
from homodb.schema.one_to_one import greedy

#: Strategies that choose one partner among several.
GREEDY = (Strategy.HM_O2O, Strategy.LM_O2O, Strategy.HL_O2O)


def rematch_measured(pair: Pair, strategy: Strategy, ensembl: pl.DataFrame, lm: pl.DataFrame) -> pl.DataFrame:
    """Apply a greedy strategy to the remaining candidates.

    `pair`: the two species; provides the medians that HL_O2O uses for unknown values; `ensembl`: remaining rows of
    ENS_M2M, best first, as from :meth:`homodb.query.genes.pairs.Pair.mapping`; `lm`: remaining rows of LM_O2O: mutual
    best hits of the whole proteomes.

    Returns chosen rows, best first. From all rows these are the release's (if its weights for HL_O2O are 1 and 1).
    """
    if strategy is Strategy.LM_O2O:
        return _greedy(lm)
    hm = _greedy(ensembl)
    if strategy is Strategy.HM_O2O:
        return hm
    union = pl.concat([lm, hm]).unique(["source_gene", "target_gene"], keep="first", maintain_order=True)
    medians = pair.ask("medians").row(0, named=True)
    score = _scaled(union["identity"], medians["median_identity"])
    score = score + _scaled(union["correlation"], medians["median_correlation"])
    first, second = ("source_gene", "target_gene") if pair.forward else ("target_gene", "source_gene")
    ordered = union.with_columns(score=pl.Series(score)).sort(
        pl.col("confidence").fill_null(0), "score", first, second, descending=[True, True, False, False]
    )
    return _greedy(ordered)


def _greedy(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        pl.Series(greedy(rows["source_gene"].to_numpy(), rows["target_gene"].to_numpy()), dtype=pl.Boolean)
    )


def _scaled(values: pl.Series, stand_in: float | None) -> npt.NDArray[np.float64]:
    """Scale to 0 to 1, with a stand-in for missing values.

    Constant values, and those that stay unknown, become 0.5.
    """
    filled = values.cast(pl.Float64).fill_null(np.nan if stand_in is None else stand_in).to_numpy()
    finite = filled[~np.isnan(filled)]
    if finite.size == 0 or finite.min() == finite.max():
        return np.full(filled.shape, 0.5)
    low, high = finite.min(), finite.max()
    return np.where(np.isnan(filled), 0.5, (filled - low) / (high - low))


class RefusedColumn(StrEnum):
    """Columns of the genes none of whose partners is used: the gene, and the reason against its best partner."""

    GENE = "gene"
    WHY = "why"


@dataclass(frozen=True)
class Mapped:
    """Pairs of genes used in a translation.

    `rows`: a row per pair, best first: :data:`COLUMNS` and ``weight``, the share of the source gene's values that the
    target gene receives; `refused`: source genes none of whose partners is used: :class:`RefusedColumn`; `chosen`:
    ``source_gene, target_gene`` of the strategy, before filters.
    """

    rows: pl.DataFrame
    refused: pl.DataFrame
    chosen: pl.DataFrame
    notes: tuple[str, ...] = ()


def map_genes(
    pair: Pair, strategy: Strategy, options: Options, present: list[int], wanted: frozenset[int] | None = None
) -> Mapped:
    """Choose the target genes of source genes.

    `options`: filters, classes to add, and policy for genes with several targets; `wanted`: target genes to translate
    to; None for all.
    """
    here = pl.DataFrame({"source_gene": present}, schema={"source_gene": pl.Int64})
    rows, chosen, notes = _rows(pair, strategy, options, here, wanted)
    rows, more = _with_added(pair, strategy, rows, options, here)
    if options.one_to_many is OneToMany.BEST:
        rows = namesakes_first(pair.release, rows)
    return settled(rows, options, wanted, chosen, [*notes, *more])


def namesakes_first(release: ReleaseFile, rows: pl.DataFrame) -> pl.DataFrame:
    """Put the partner with a gene's own symbol first, then one on its own sex chromosome.

    A gene on X is rather the one on X than the one on Y (*Tbl1x* TBL1X, not TBL1Y). Rows of other genes stay where they
    are, and where that is unknown, so do all.
    """
    several = rows.with_row_index("order").filter(pl.len().over("source_gene") > 1)
    if not several.height:
        return rows
    places = release.ask("gene_places", {"genes": pl.concat([several["source_gene"], several["target_gene"]]).unique()
                                         .to_list()})  # fmt: skip
    own, other = (places.select(pl.all().name.prefix(f"{side}_")) for side in ("source", "target"))
    pairs = several.join(own, on="source_gene", how="left", maintain_order="left").join(
        other, on="target_gene", how="left", maintain_order="left"
    )
    sex = ("source_sex_chromosome", "target_sex_chromosome")
    crossed = pl.all_horizontal(pl.col(one).fill_null("") != "" for one in sex) & (pl.col(sex[0]) != pl.col(sex[1]))
    order = pairs.select(
        "order", "source_gene",
        stranger=pl.col("source_symbol").eq(pl.col("target_symbol")).fill_null(value=False).not_(), crossed=crossed,
    )  # fmt: skip
    ranked = order.sort("stranger", "crossed", "order").group_by("source_gene", maintain_order=True)
    best = ranked.agg(best=pl.col("order").first(), first=pl.col("order").min()).filter(
        pl.col("best") != pl.col("first")
    )
    return (
        rows.with_row_index("order")
        .join(best.select(order="best", first="first"), on="order", how="left", maintain_order="left")
        .sort(pl.coalesce(pl.col("first").cast(pl.Float64) - 0.5, "order"))
        .select(rows.columns)
    )


def settled(
    rows: pl.DataFrame, options: Options, wanted: frozenset[int] | None, chosen: pl.DataFrame, notes: list[str],
) -> Mapped:  # fmt: skip
    """Filter rows, choose among targets, and record reasons for refusals.

    `rows`: :data:`COLUMNS`, best first, of genes in the file.
    """
    rated = _with_refusals(rows, options)
    notes = [*notes, *_notes_of_unknown(rated, options)]
    if options.measured:
        rated = _only_wanted(rated, wanted)
    passing = rated.filter(pl.col("refused").is_null())
    if options.one_to_many is OneToMany.BEST:
        passing = passing.unique("source_gene", keep="first", maintain_order=True)
    share = 1 / pl.len().over("source_gene") if options.one_to_many is OneToMany.SPLIT else pl.lit(1.0)
    weighted = _only_wanted(passing.with_columns(weight=share.cast(pl.Float64)), wanted)
    used = weighted.filter(pl.col("refused").is_null()).drop("refused")
    refused = (
        pl.concat([weighted.drop("weight"), rated])
        .filter(pl.col("refused").is_not_null())
        .join(used, on="source_gene", how="anti", maintain_order="left")
        .unique("source_gene", keep="first", maintain_order=True)
        .select(gene="source_gene", why="refused")
        .select(*RefusedColumn)
    )
    return Mapped(used, refused, chosen, tuple(notes))


def _rows(
    pair: Pair, strategy: Strategy, options: Options, here: pl.DataFrame, wanted: frozenset[int] | None
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Return the strategy's rows of present genes, all its rows, and notes."""
    if not options.measured or strategy not in GREEDY:
        rows = pair.mapping(strategy)
        return _of(rows, here), rows.select("source_gene", "target_gene"), []
    ensembl, lm = (_remaining(pair.mapping(one), here, options, wanted) for one in (Strategy.ENS_M2M, Strategy.LM_O2O))
    anew = rematch_measured(pair, strategy, ensembl, lm)
    notes = [f"{strategy} was chosen again among the genes of the object"]
    if strategy is not Strategy.HM_O2O:
        notes[0] += "; mutual best hits are still those of the whole proteomes"
    return anew.select(COLUMNS), anew.select("source_gene", "target_gene"), notes


def _remaining(rows: pl.DataFrame, here: pl.DataFrame, options: Options, wanted: frozenset[int] | None) -> pl.DataFrame:
    """Return rows of present and requested genes that pass the filters."""
    present = rows.join(here, on="source_gene", how="semi", maintain_order="left")
    return _only_wanted(_with_refusals(present, options), wanted).filter(pl.col("refused").is_null()).drop("refused")


def _of(rows: pl.DataFrame, here: pl.DataFrame) -> pl.DataFrame:
    return rows.select(COLUMNS).join(here, on="source_gene", how="semi", maintain_order="left")


def _with_added(
    pair: Pair, strategy: Strategy, rows: pl.DataFrame, options: Options, here: pl.DataFrame
) -> tuple[pl.DataFrame, list[str]]:
    """Append rows of LM_O2O (or HL_O2O) of the requested classes.

    A one-to-one mapping stays one-to-one.
    """
    notes = []
    classes = [one for one in options.added if one is not EvidenceClass.DATABASES]
    more = [one for one in (Strategy.LM_O2O, Strategy.HL_O2O) if one in pair.strategies()]
    if classes and more:
        new = _of(pair.mapping(more[0]), here).filter(pl.col("evidence_class").is_in([str(one) for one in classes]))
        before, rows = rows.height, add_rows(rows, new, strategy)
        notes.append(_added(rows.height - before, classes, str(more[0])))
    elif classes:
        notes.append(f"nothing to add of {', '.join(classes)}: the release has no LM_O2O for this pair")
    if EvidenceClass.DATABASES in options.added:
        rows, note = with_databases(pair, strategy, rows, here)
        notes.append(note)
    return rows, notes


def with_databases(pair: Pair, strategy: Strategy, rows: pl.DataFrame, here: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """Append pairs that orthology databases name, and say so."""
    whole = add_rows(rows, _of(pair.database_rows(strategy), here), strategy)
    if whole.height == rows.height:
        return rows, f"nothing to add of {EvidenceClass.DATABASES}: the release has none for this pair"
    source = f"what at least {LEAST_DATABASES} orthology databases name"
    return whole, _added(whole.height - rows.height, [EvidenceClass.DATABASES], source)


def _added(pairs: int, added: Sequence[EvidenceClass], source: str) -> str:
    classes = ", ".join(added)
    return f"{counted(pairs, f'pair of {classes} was', f'pairs of {classes} were')} added from {source}"


def _with_refusals(rows: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Add ``refused``: the first reason against a row, or null."""
    refused = pl.lit(None, pl.String)
    for name, least in reversed(list(options.least.items())):
        low = pl.format(f"{name} {{}}, wanted {least:g}", pl.col(name).cast(pl.Float64).round(2))
        refused = pl.when(pl.col(name) < least).then(low).otherwise(refused)
        if options.missing is Missing.DROP:
            refused = pl.when(pl.col(name).is_null()).then(pl.lit(f"{name} is not known")).otherwise(refused)
    if options.evidence is not None:
        classes = [str(one) for one in EvidenceClass if one in options.evidence or one in options.added]
        refused = (
            pl.when(pl.col("evidence_class").is_in(classes)).then(refused)
            .otherwise(pl.format("evidence is {}", pl.col("evidence_class")))
        )  # fmt: skip
    return rows.with_columns(refused=refused)


def _only_wanted(rows: pl.DataFrame, wanted: frozenset[int] | None) -> pl.DataFrame:
    if wanted is None:
        return rows
    inside = pl.col("target_gene").is_in(list(wanted))
    outside = pl.lit("its partner is not among the requested genes")
    return rows.with_columns(
        refused=pl.when(inside | pl.col("refused").is_not_null()).then("refused").otherwise(outside)
    )


def _notes_of_unknown(rated: pl.DataFrame, options: Options) -> list[str]:
    """Note the number of pairs kept because a filtered value is unknown."""
    if options.missing is Missing.DROP:
        return []
    lacking = {name: rated[name].null_count() for name in options.least}
    return [
        f"{counted(number, f'pair whose {name} is not known was', f'pairs whose {name} is not known were')} kept"
        " (missing='drop' leaves them out)"
        for name, number in lacking.items()
        if number
    ]


def identity_rows(present: list[int]) -> pl.DataFrame:
    """Return rows that map each gene to itself."""
    genes = pl.Series(present, dtype=pl.Int64)
    return pl.DataFrame({"source_gene": genes, "target_gene": genes}).with_columns(
        homology_type=pl.lit(None, pl.String), identity=pl.lit(None, pl.Float32), confidence=pl.lit(None, pl.Int8),
        correlation=pl.lit(None, pl.Float32), rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
        evidence_class=pl.lit(None, pl.String),
    )  # fmt: skip
