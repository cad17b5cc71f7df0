"""Report the fates of genes of a list, and the rows and sets lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from homodb.query.gene_lists.partners import Partners
from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, ResultBlock, and_more
from homodb.query.translate import FateReport, fate_order
from homodb.schema.messages import counted

#: Number of lost parts that the text shows.
_SHOWN = 3


@dataclass(frozen=True)
class Loss:
    """A part of a file that is not carried.

    Parameters
    ----------
    line
        1-based line of the (decompressed) file.
    what
        Content of the line: a gene, the gene cells of a row, or a gene and its set.
    why
        Fate of the gene that is not carried.
    """

    line: int
    what: str
    why: str


@dataclass(frozen=True)
class Translated:
    """Translated text of a file.

    Parameters
    ----------
    text
        The new text.
    kind
        ``list of genes``, ``table`` or ``gene sets``.
    came, left
        Number of genes, rows or sets of the file, and of the new text.
    partners
        Partners and fates of the names.
    places
        Number of occurrences of each name in the file.
    lost
        Parts that are not carried.
    columns
        Translated columns of a table.
    sets
        A row per gene set: ``set``, ``genes`` (before), ``carried`` (of these), ``left`` (in the new text).
    notes
        Notes for the user.
    """

    text: str
    kind: str
    came: int
    left: int
    partners: Partners
    places: Mapping[str, int]
    lost: Sequence[Loss] = ()
    columns: Sequence[str] = ()
    sets: pl.DataFrame | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class ListReport(FateReport):
    """Report of a translated list of genes.

    Parameters
    ----------
    source, target
        Production names of the species.
    source_given
        Whether the source species was given rather than inferred from the names.
    strategy
        Name of the strategy; None if the species are the same.
    release
        Version of the release.
    kind
        ``list of genes``, ``table`` or ``gene sets``.
    came, left
        Number of genes, rows or sets of the file, and of the new one.
    columns
        Translated columns of a table.
    fates
        A row per different name: ``name, source_id, source_symbol, how, fate, target_id, target_symbol,
        evidence_class`` (of several partners joined by ``;``), ``detail``, ``places`` (occurrences in the file).
    lost
        A row per gene, row or set that is not carried: ``line, what, why``.
    sets
        A row per gene set: ``set, genes, carried, left``.
    notes
        Notes for the user.
    """

    source: str
    target: str
    source_given: bool
    strategy: str | None
    release: str
    kind: str
    came: int
    left: int
    columns: tuple[str, ...]
    fates: pl.DataFrame
    lost: pl.DataFrame
    sets: pl.DataFrame | None
    notes: tuple[str, ...]

    def by_fate(self) -> pl.DataFrame:
        """Return ``fate``, ``genes`` (different names) and ``places`` per fate."""
        return self.fates.group_by("fate").agg(genes=pl.len(), places=pl.col("places").sum()).sort(fate_order())

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values."""
        return {
            "kind": self.kind,
            "source": self.source,
            "target": self.target,
            "strategy": self.strategy,
            "release": self.release,
            "columns": list(self.columns),
            "came": self.came,
            "left": self.left,
            "names": self.fates.height,
            "fates": dict(self.by_fate().select("fate", "genes").iter_rows()),
            "lost": self.lost.to_dicts(),
            "sets": None if self.sets is None else self.sets.to_dicts(),
            "notes": list(self.notes),
        }

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield numbers carried, fates, lost parts, and sets."""
        yield Heading(f"homodb translate: {self.source} to {self.target}", level=1)
        unit = {"list of genes": "gene", "table": "row", "gene sets": "set"}[self.kind]
        how = "" if self.source_given else " (by their names)"
        by = f"by {self.strategy} of release {self.release}" if self.strategy else f"by release {self.release}"
        columns = f"; columns translated: {', '.join(self.columns)}" if self.columns else ""
        source = f"{counted(self.came, unit)} of {self.source}{how}"
        yield Lines([f"{self.kind}: {source} -> {counted(self.left, unit)} of {self.target}, {by}{columns}"])
        yield Heading("What became of the genes")
        fates = self.by_fate()
        meaning = [self.meaning(fate) for fate in fates["fate"]]
        yield Grid(
            fates.with_columns(meaning=pl.Series(meaning, dtype=pl.String)),
            columns={
                "fate": GridColumn(width=12), "genes": GridColumn("names", form=",", width=6),
                "places": GridColumn(form=",", width=7), "meaning": GridColumn("meaning; the first"),
            },
        )  # fmt: skip
        if self.lost.height:
            lost = counted(self.lost.height, "gene" if self.kind == "gene sets" else unit)
            first = "; ".join(f"line {line} {what} ({why})" for line, what, why in self.lost.head(_SHOWN).iter_rows())
            more = and_more(self.lost.height - _SHOWN)
            yield Lines([f"not carried, {lost}: {first}{more and f', {more}'}"], apart=True, in_page=False)
            yield Heading(f"Not carried ({self.lost.height:,})")
            yield Grid(self.lost, in_text=False, folded=True)
        if self.sets is not None:
            yield Heading("Sets")
            yield Grid(self.sets, in_text=False, folded=True)
        yield from map(Note, self.notes)
        yield from self.genes_by_fate("name")


def list_report(translated: Translated, *, source_given: bool, release: str) -> ListReport:
    """Build the report of a translated list."""
    partners = translated.partners
    joined = [pl.col(name).drop_nulls().str.join(";").replace("", None) for name in ("target_id", "target_symbol")]
    fates = partners.frame.group_by("name", maintain_order=True).agg(
        pl.col("source_id", "source_symbol", "how", "fate").first(),
        *joined,
        pl.col("evidence_class").drop_nulls().str.join(";").replace("", None),
        pl.col("detail").first(),
    )
    places = pl.Series([translated.places.get(name, 0) for name in fates["name"]], dtype=pl.Int64)
    schema = {"line": pl.Int64, "what": pl.String, "why": pl.String}
    return ListReport(
        source=partners.source.name,
        target=partners.target.name,
        source_given=source_given,
        strategy=partners.strategy,
        release=release,
        kind=translated.kind,
        came=translated.came,
        left=translated.left,
        columns=tuple(translated.columns),
        fates=fates.with_columns(places=places),
        lost=pl.DataFrame([(x.line, x.what, x.why) for x in translated.lost], schema=schema, orient="row"),
        sets=translated.sets,
        notes=(*partners.notes, *translated.notes),
    )
