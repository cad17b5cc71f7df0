"""Assign a fate, with a reason, to every gene, and report the fates and the counts carried."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.genes import Pair, VarColumn, resolve
from homodb.query.release import ReleaseFile
from homodb.query.results import Bullets, Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock, and_more
from homodb.schema.enums import HomologyType, Strategy, is_coding
from homodb.schema.errors import UnknownSpeciesError
from homodb.schema.messages import counted
from homodb.schema.species import Species, find


class Fate(StrEnum):
    """Fate of a source gene."""

    MAPPED = "mapped"
    LOST_TO = "lost_to"
    UNNAMED_ORTHOLOG = "unnamed_ortholog"
    NO_ORTHOLOG = "no_ortholog"
    NO_PROTEIN = "no_protein"
    FILTERED = "filtered"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    RETIRED = "retired"
    NOT_A_GENE = "not_a_gene"


#: Meaning of each fate, for reports.
MEANING = {
    Fate.MAPPED: "carried to a target gene", Fate.LOST_TO: "its partner went to another gene",
    Fate.UNNAMED_ORTHOLOG: "has orthologs, but none that the release's sources name",
    Fate.NO_ORTHOLOG: "no ortholog in this release's Ensembl data",
    Fate.NO_PROTEIN: "not coding for a protein, and no ortholog",
    Fate.FILTERED: "has partners, but none of the kind that is taken", Fate.AMBIGUOUS: "the name means several genes",
    Fate.UNKNOWN: "not in this release's list of genes",
    Fate.RETIRED: "a stable ID that the release does not have, or no longer",
    Fate.NOT_A_GENE: "not gene expression, such as an antibody",
}  # fmt: skip


def meaning_in(species: str, strategy: str | None = None) -> Mapping[Fate, str]:
    """Return :data:`MEANING` for the genes of one species, by its production name, and for one strategy."""
    try:
        name = find(species).common_name
    except UnknownSpeciesError:  # a build config describes it
        name = species.replace("_", " ").capitalize()
    meaning = {**MEANING, Fate.UNKNOWN: f"not in this release's list of {name} genes"}
    if (strategy or "").startswith(Strategy.LM_O2O):  # also of species for which the release has no Ensembl data
        meaning[Fate.NO_ORTHOLOG] = "in no pair of mutual best hits, and no ortholog from Ensembl"
    return meaning


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

#: Rules for genes without a target: those that lost their partner, those whose partners are of another kind, and those
#: whose partners no mapping can have.
WITHOUT_PARTNER: tuple[FateRule, ...] = (
    (pl.col("taker").is_not_null(), Fate.LOST_TO, pl.col("taker")),
    (pl.col("kinds").is_not_null(), Fate.FILTERED, pl.col("kinds")),
    (pl.col("unnamed").is_not_null(), Fate.UNNAMED_ORTHOLOG, pl.col("unnamed")),
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

    `resolved`: the rows of var, with :class:`homodb.query.genes.VarColumn`; `placed`: targets of rows:
    :class:`homodb.query.translate.plan.PlacedColumn`; `refused`: genes whose partners are all filtered out:
    :class:`homodb.query.translate.mapping.RefusedColumn`.

    Returns one row per var row, in order: ``name, stable_id, symbol, how, fate, target_id, target_symbol,
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
LOST_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "gene": pl.Int64, "taker": pl.String, "kinds": pl.String, "unnamed": pl.String,
}  # fmt: skip


def lost(pair: Pair, strategy: Strategy, mapping: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return which genes took the Ensembl partners of other source genes.

    These are source genes with an Ensembl partner to which the strategy does not map them.

    `mapping`: ``source_gene, target_gene`` of the strategy; by default its rows in the release.

    Returns ``gene, taker`` (null if no gene took it), ``kinds`` (homology types, if no gene took it), ``unnamed``
    (what is known of orthologs that no mapping can have), and genes with such orthologs only.
    """
    others = pair.unnamed
    if strategy is Strategy.ENS_M2M or Strategy.ENS_M2M not in pair.strategies():
        return others.select("gene", *(pl.lit(None, pl.String).alias(name) for name in ("taker", "kinds")), "unnamed")
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
    named_genes = grouped.with_columns(kinds=pl.when(pl.col("taker").is_null()).then(why))
    return named_genes.join(others, on="gene", how="full", coalesce=True, maintain_order="left_right")


def fates_of_markers(
    release: ReleaseFile, source: Species, fates: pl.DataFrame, markers: Sequence[str]
) -> pl.DataFrame:
    """Return the fates of marker genes.

    `fates`: result of :func:`fates`, with ``gene``.

    Returns a row per marker, in order: ``marker``, ``name`` (of its row of var), ``fate``, ``target_id``,
    ``target_symbol``, ``evidence_class``, ``detail``. The fate is ``not_in_file`` for markers without a row of var.
    """
    if not markers:
        return pl.DataFrame()
    columns = ("name", "fate", "target_id", "target_symbol", "evidence_class", "detail")
    by_gene = fates.drop_nulls("gene").unique("gene", keep="first", maintain_order=True).select("gene", *columns)
    by_name = fates.unique("name", keep="first", maintain_order=True).select("name", *columns[1:])
    resolved = resolve(release, list(markers), source).select(
        "gene", marker="name", missing=pl.when(pl.col("gene").is_null()).then("how")
    )
    named = resolved.join(by_name.with_columns(marker="name"), on="marker", how="left", maintain_order="left")
    matched = resolved.join(by_gene, on="gene", how="left", maintain_order="left")
    return pl.DataFrame({"marker": resolved["marker"]}).with_columns(
        *(pl.coalesce(matched[column], named[column]).alias(column) for column in columns)
    ).with_columns(
        fate=pl.col("fate").fill_null("not_in_file"),
        detail=pl.coalesce("detail", pl.when(pl.col("fate").is_null()).then(resolved["missing"])),
    )  # fmt: skip


#: Entries of ``uns["homodb"]`` that are about cells and stay valid.
_ABOUT_CELLS = ("annotation",)

#: Numbers of groups and markers, and of dropped parts, that the text shows.
_SHOWN = 8
_SHOWN_PARTS = 12


class FateReport(Result):
    """A report with a fate for every gene.

    Parameters
    ----------
    fates
        A row per gene, with ``name``, ``fate``, ``detail`` and, if they were summed, ``counts``.
    notes
        Notes for the user.
    """

    main_table: ClassVar[str] = "fates"

    fates: pl.DataFrame
    notes: tuple[str, ...]

    @abstractmethod
    def by_fate(self) -> pl.DataFrame:
        """Return ``fate, genes`` and further columns, a row per fate."""

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return the genes."""
        return {"genes": self.fates}

    def meaning(self, fate: str, meaning: Mapping[Fate, str] = MEANING) -> str:
        """Return the meaning of a fate, with up to three of its genes.

        These are the genes with most counts, or the first.
        """
        genes = self.fates.filter(pl.col("fate") == fate)
        if "counts" in genes.columns:
            genes = genes.filter(pl.col("counts") > 0).sort("counts", descending=True)
        genes = genes.unique("name", keep="first", maintain_order=True).head(3)
        names = [
            f"{name} to {detail}" if fate == Fate.LOST_TO else name
            for name, detail in genes.select("name", "detail").iter_rows()
        ]
        examples = f"; {', '.join(names)}" if names and fate != Fate.MAPPED else ""
        return f"{meaning[Fate(fate)]}{examples}"

    def losses(self) -> str:
        """Return the numbers of genes that were not carried, by fate."""
        lost = self.fates.filter(~pl.col("fate").is_in([Fate.MAPPED, Fate.NOT_A_GENE]))
        numbers = lost.group_by("fate").len().sort(fate_order())
        return ", ".join(f"{number:,} {fate}" for fate, number in numbers.iter_rows()) or "none"

    def genes_by_fate(self, noun: str = "gene") -> Iterator[ResultBlock]:
        """Yield all genes as a folded table per fate, for a page."""
        for fate in Fate:
            rows = self.fates.filter(pl.col("fate") == fate).drop("fate")
            if "counts" in rows.columns:
                rows = rows.sort("counts", descending=True, nulls_last=True)
            if rows.height:
                yield Heading(f"{fate}: {MEANING[fate]} ({counted(rows.height, noun)})")
                yield Grid(rows, in_text=False, folded=True)


@dataclass(frozen=True, repr=False)
class TranslationReport(FateReport):
    """Report of a translation.

    Parameters
    ----------
    source, target
        Production names of the species.
    source_given
        Whether the source species was given rather than inferred from the names.
    strategy
        Name of the strategy.
    release
        Version of the release.
    cells
        Number of cells.
    targets
        Number of genes of the result.
    summed
        Number of these that sum several rows of var.
    fates
        One row per var row, see :func:`homodb.query.translate.fates.fates`, with ``counts``: the sum of its values
        (with logarithms undone; null if X was not computed).
    dropped
        Parts of the object that no longer apply.
    notes
        Notes for the user.
    many_to_one, one_to_many
        The policies.
    slots
        Policy applied to each matrix.
    kept
        Number of source genes without a target in the result.
    groups
        Shares of counts carried per group of cells, for the requested columns of obs.
    markers
        Fates of the requested markers.
    vocabulary
        State of each requested gene, if a list was given.
    """

    source: str
    target: str
    source_given: bool
    strategy: str
    release: str
    cells: int
    targets: int
    summed: int
    fates: pl.DataFrame
    dropped: tuple[str, ...]
    notes: tuple[str, ...] = ()
    many_to_one: str = "sum"
    one_to_many: str = "best"
    slots: Mapping[str, str] = field(default_factory=dict)
    kept: int = 0
    groups: pl.DataFrame = field(default_factory=pl.DataFrame)
    markers: pl.DataFrame = field(default_factory=pl.DataFrame)
    vocabulary: pl.DataFrame | None = None

    def by_fate(self) -> pl.DataFrame:
        """Return ``fate, genes, counts, share`` (of all counts), a row per fate."""
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        total = float(genes["counts"].sum())
        complete = self.fates["counts"].null_count() == 0
        share = pl.lit(None, pl.Float64) if not complete else pl.col("counts") / total if total else pl.lit(0.0)
        return (
            self.fates.group_by("fate")
            .agg(genes=pl.len(), counts=pl.col("counts").sum())
            .with_columns(share=pl.when(pl.col("fate") != Fate.NOT_A_GENE).then(share))
            .sort(fate_order())
        )

    def carried(self, which: pl.Expr | None = None) -> float:
        """Return the share of counts carried by the genes of an expression (None for all), NaN without counts."""
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        if which is not None:
            genes = genes.filter(which)
        total = float(genes["counts"].sum())
        mapped = float(genes.filter(pl.col("fate") == Fate.MAPPED)["counts"].sum())
        return mapped / total if total else float("nan")

    def carried_by_kind(self) -> dict[str, float]:
        """Return the share of counts carried by kind of gene.

        Kinds are mitochondrial, ribosomal and other; the share is NaN if there are no counts.
        """
        special = pl.col("mitochondrial") | pl.col("ribosomal")
        kinds = {"mitochondrial": pl.col("mitochondrial"), "ribosomal": pl.col("ribosomal"), "other": ~special}
        return {kind: self.carried(which) for kind, which in kinds.items()}

    def summary(self) -> str:
        """Return what was carried and what was lost in one line."""
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        mapped = f"{(genes['fate'] == Fate.MAPPED).sum():,} of {counted(genes.height, 'gene')}"
        counts = "" if np.isnan(self.carried()) else f" with {self.carried():.1%} of the counts"
        return (
            f"translate: {counted(self.cells, 'cell')}, {self.source} to {self.target} by {self.strategy}: carried "
            f"{mapped}{counts}; lost: {self.losses()}"
        )

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values, as in ``uns["homodb"]``."""
        totals: dict[str, Any] = {
            "source": self.source, "target": self.target, "strategy": self.strategy, "release": self.release,
            "many_to_one": self.many_to_one, "one_to_many": self.one_to_many,
            "slots": [f"{slot}={policy}" for slot, policy in self.slots.items()], "cells": self.cells,
            "source_genes": self.fates.height, "target_genes": self.targets, "summed_genes": self.summed,
            "kept_genes": self.kept, "carried": _or_none(self.carried()),
            **{f"carried_{kind}": _or_none(share) for kind, share in self.carried_by_kind().items()},
            "fates": dict(self.by_fate().select("fate", "genes").iter_rows()), "dropped": list(self.dropped),
            "notes": list(self.notes),
        }  # fmt: skip
        if self.vocabulary is not None:
            totals["wanted"] = dict(self.vocabulary.group_by("state", maintain_order=True).len().iter_rows())
        return totals

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return groups of cells, markers, requested genes, and all genes."""
        wanted = pl.DataFrame() if self.vocabulary is None else self.vocabulary
        return {"groups": self.groups, "markers": self.markers, "wanted_genes": wanted, **super().frames()}

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield shares carried, fates, groups, markers, and dropped parts."""
        yield Heading(f"homodb translate: {self.source} to {self.target}", level=1)
        how = "" if self.source_given else " (by their names)"
        source = f"{counted(self.cells, 'cell')}, {counted(self.fates.height, 'gene')} of {self.source}{how}"
        target = f"{counted(self.targets, 'gene')} of {self.target}, by {self.strategy} of release {self.release}"
        summed = f"{counted(self.summed, 'gene adds', 'genes add')} up several"
        yield Lines([f"{source} -> {target}", f"{self._carried()}; {summed}"])
        yield Heading("What became of the genes")
        fates = self.by_fate()
        meanings = meaning_in(self.source, self.strategy)
        meaning = [self.meaning(fate, meanings) for fate in fates["fate"]]
        yield Grid(
            fates.select("fate", "genes", "share").with_columns(meaning=pl.Series(meaning, dtype=pl.String)),
            columns={
                "fate": GridColumn(width=12), "genes": GridColumn(form=",", width=6),
                "share": GridColumn("of counts", form=".1%", bar=True), "meaning": GridColumn("meaning; the largest"),
            },
        )  # fmt: skip
        yield from self._groups()
        yield from self._markers()
        yield from self._vocabulary()
        if self.slots:
            policies = [f"{slot} {policy}" for slot, policy in self.slots.items()]
            yield Bullets(policies, "matrices", in_text=len(policies) > 1 or set(self.slots.values()) != {"sum"})
        if self.dropped:
            yield Bullets(self.dropped, "dropped, since it no longer holds", most=_SHOWN_PARTS)
        yield from map(Note, self.notes)
        yield from self.genes_by_fate()

    def _carried(self) -> str:
        if np.isnan(self.carried()):
            return "no counts were looked at"
        kinds = {"all others" if kind == "other" else kind: share for kind, share in self.carried_by_kind().items()}
        shares = (f"; {kind} {share:.1%}" for kind, share in kinds.items() if not np.isnan(share))
        return f"carried {self.carried():.1%} of the counts{''.join(shares)}"

    def _groups(self) -> Iterator[ResultBlock]:
        if not self.groups.height:
            return
        shares = {"carried": "carried", "carried_mitochondrial": "mito", "carried_ribosomal": "ribo",
                  "carried_other": "others", "carried_mean": "mean"}  # fmt: skip
        columns = {name: GridColumn(title, form=".1%", width=6) for name, title in shares.items()}
        columns["cells"] = GridColumn(form=",", width=8)
        for (column,), frame in self.groups.group_by("column", maintain_order=True):
            largest = frame.select("group", "cells", *shares).sort("cells", descending=True, maintain_order=True)
            first = GridColumn(str(column), width=24)
            yield Grid(largest, columns={"group": first, **columns}, rows=_SHOWN, noun="group", in_page=False)
        yield Heading("Groups of cells")
        yield Grid(self.groups, in_text=False)

    def _markers(self) -> Iterator[ResultBlock]:
        if not self.markers.height:
            return
        mapped = pl.col("fate") == Fate.MAPPED
        lines = [f"markers: {self.markers.filter(mapped).height} of {self.markers.height} carried"]
        for row in self.markers.sort(mapped, maintain_order=True).head(_SHOWN).iter_rows(named=True):
            target = row["target_symbol"] or row["target_id"]
            why = f" to {target}" if target else f" ({row['detail']})" if row["detail"] else ""
            lines.append(f"  {row['marker']}: {row['fate']}{why}")
        more = and_more(self.markers.height - _SHOWN)
        yield Lines(lines, more and f"  {more}", apart=True, in_page=False)
        yield Heading("Markers")
        yield Grid(self.markers, in_text=False)

    def _vocabulary(self) -> Iterator[ResultBlock]:
        if self.vocabulary is None:
            return
        filled = pl.col("state") == "filled"
        states = self.vocabulary.group_by("state", maintain_order=True).agg(pl.len(), pl.col("name").head(3))
        parts = [
            f"{count:,} {state}" + ("" if state == "filled" else f" ({', '.join(names)}{', ...' if count > 3 else ''})")
            for state, count, names in states.sort(~filled, maintain_order=True).iter_rows()
        ]
        summary = f"requested genes: {self.vocabulary.height:,}; {'; '.join(parts)}; all but the filled are zero"
        zero = self.vocabulary.filter(~filled)
        yield Lines([summary], apart=True, in_page=False)
        yield Heading(f"Requested genes that are zero ({zero.height:,} of {self.vocabulary.height:,})")
        yield Grid(zero, in_text=False, folded=True)


def fate_order() -> pl.Expr:
    """Return an expression that sorts rows by ``fate``, mapped genes first."""
    order = {str(fate): place for place, fate in enumerate(Fate)}
    return pl.col("fate").replace_strict(order, return_dtype=pl.Int32)


def with_counts(fates: pl.DataFrame, sums: npt.NDArray[np.float64] | None) -> pl.DataFrame:
    """Add the sum of each row over all cells as ``counts``, null if unknown."""
    if sums is None:
        return fates.with_columns(counts=pl.lit(None, pl.Float64))
    return fates.with_columns(counts=pl.Series(np.asarray(sums, dtype=np.float64)))


def provenance(report: TranslationReport, earlier: object = None) -> dict[str, Any]:
    """Return plain values for ``uns["homodb"]``, without unknown ones.

    `earlier`: previous entry: its ``annotation``, which is about cells, is kept; the rest becomes ``before``.
    """
    totals = {
        key: np.array(value, dtype=str) if isinstance(value, list) else value
        for key, value in report.totals().items()
        if value is not None
    }
    if not isinstance(earlier, Mapping):
        return totals
    kept = {key: deepcopy(value) for key, value in earlier.items()}
    cells = {key: kept.pop(key) for key in _ABOUT_CELLS if key in kept}
    return totals | cells | ({"before": kept} if kept else {})


def _or_none(share: float) -> float | None:
    return None if np.isnan(share) else share
