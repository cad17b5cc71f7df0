"""The report of a join as a file: a table of genes, JSON, or a page to read."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from homodb.query.join.report import JoinReport
from homodb.query.page import folded, heading, page, paragraph, table
from homodb.query.translate.fates import MEANING, Fate
from homodb.query.translate.report_file import write_form
from homodb.schema.counted import counted


def write_join_report(report: JoinReport, path: Path) -> None:
    """Write a report to a file that appears whole or not at all.

    Parameters
    ----------
    report
        The report.
    path
        ``.tsv``: a row per file and gene; ``.json``: everything; ``.html``: a page that needs nothing else.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_form(path, {".tsv": lambda: _tsv(report), ".json": lambda: _json(report), ".html": lambda: _html(report)})


def _tsv(report: JoinReport) -> str:
    return report.fates.write_csv(separator="\t")


def _json(report: JoinReport) -> str:
    told = {
        **report.totals(), "conflicting_rows": report.conflicts.to_dicts(),
        "groups_too_large": report.left_out.to_dicts(), "genes": report.fates.to_dicts(),
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1, default=str) + "\n"


def _html(report: JoinReport) -> str:
    parts = [heading("homodb join", 1), paragraph(report.lines()[0])]
    parts += [paragraph(f"note: {note}") for note in report.notes]
    steps = pl.DataFrame({"what": [what for what, _ in report.steps], "left": [left for _, left in report.steps]})
    for title, frame in (
        ("Files", report.files), ("What each step left", steps), ("What became of the genes", report.by_fate()),
        ("What direct pairs say of the rows", report.verdicts),
    ):  # fmt: skip
        if frame.height:
            parts += [heading(title), table(frame)]
    if report.dropped:
        parts += [heading("Left behind"), paragraph(", ".join(report.dropped))]
    for title, frame in (
        ("Rows that a direct pair contradicts", report.conflicts),
        ("Groups that are too large", report.left_out),
    ):
        if frame.height:
            parts += [heading(f"{title} ({frame.height:,})"), folded(frame)]
    for fate in Fate:
        rows = report.fates.filter(pl.col("fate") == fate).sort("counts", descending=True, nulls_last=True).drop("fate")
        if rows.height:
            parts += [heading(f"{fate}: {MEANING[fate]} ({counted(rows.height, 'gene')})"), folded(rows)]
    return page("homodb join", parts)
