"""The report of a translated list as a file: a table of genes, JSON, or a page to read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from homodb.query.lists.report import ListReport
from homodb.query.page import folded, heading, page, paragraph, table
from homodb.query.translate.fates import MEANING, Fate
from homodb.query.translate.report_file import write_form
from homodb.schema.counted import counted


def write_list_report(report: ListReport, path: Path) -> None:
    """Write a report to a file that appears whole or not at all.

    Parameters
    ----------
    report
        The report.
    path
        ``.tsv``: a row per name; ``.json``: everything; ``.html``: a page that needs nothing else.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_form(path, {".tsv": lambda: _tsv(report), ".json": lambda: _json(report), ".html": lambda: _html(report)})


def _tsv(report: ListReport) -> str:
    return report.fates.write_csv(separator="\t")


def _json(report: ListReport) -> str:
    told = {**report.totals(), "genes": report.fates.to_dicts()}
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1, default=str) + "\n"


def _html(report: ListReport) -> str:
    title = f"{report.source} to {report.target}"
    parts = [heading(f"homodb translate: {title}", 1), paragraph(report.lines()[0])]
    parts += [paragraph(f"note: {note}") for note in report.notes]
    meaning = pl.DataFrame({"fate": [str(fate) for fate in Fate], "meaning": [MEANING[fate] for fate in Fate]})
    parts += [
        heading("What became of the genes"),
        table(report.by_fate().join(meaning, on="fate", how="left", maintain_order="left")),
    ]
    if report.lost.height:
        parts += [heading(f"Not carried ({report.lost.height:,})"), folded(report.lost)]
    if report.sets is not None:
        parts += [heading("Sets"), folded(report.sets)]
    for fate in Fate:
        rows = report.fates.filter(pl.col("fate") == fate).drop("fate")
        if rows.height:
            parts += [heading(f"{fate}: {MEANING[fate]} ({counted(rows.height, 'name')})"), folded(rows)]
    return page(title, parts)
