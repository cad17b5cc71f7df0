"""The report of a join as a file: a table of genes, JSON, or a page to read."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import polars as pl

from homodb.query.join.report import JoinReport
from homodb.query.translate.fates import MEANING, Fate
from homodb.query.translate.report_file import check_report
from homodb.schema.files import whole_file

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.2rem .7rem;border-bottom:1px solid #ddd;vertical-align:top}th{background:#f4f4f4}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}th{background:#2a2a2a}td,th{border-color:#444}}
"""


def check_join_report(path: Path, *others: Path) -> None:
    """Check, before any work is done, that a report can be written.

    Raises
    ------
    OutputError
        If the file has no suffix of a form that a report has, its folder is not there, or it is one of the others.
    """
    check_report(path, *others)


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
    check_report(path)
    texts = {".tsv": _tsv, ".json": _json, ".html": _html}
    with whole_file(path) as partial:
        partial.write_text(texts[path.suffix](report), "utf-8")


def _tsv(report: JoinReport) -> str:
    return report.fates.write_csv(separator="\t")


def _json(report: JoinReport) -> str:
    told = {
        **report.totals(), "conflicting_rows": report.conflicts.to_dicts(),
        "groups_too_large": report.left_out.to_dicts(), "genes": report.fates.to_dicts(),
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1, default=str) + "\n"


def _html(report: JoinReport) -> str:
    parts = ["<h1>homodb join</h1>", f"<p>{escape(report.lines()[0])}</p>"]
    parts += [f"<p>note: {escape(note)}</p>" for note in report.notes]
    steps = pl.DataFrame({"what": [what for what, _ in report.steps], "left": [left for _, left in report.steps]})
    for title, frame in (
        ("Files", report.files), ("What each step left", steps), ("What became of the genes", report.by_fate()),
        ("What direct pairs say of the rows", report.verdicts),
    ):  # fmt: skip
        if frame.height:
            parts += [f"<h2>{title}</h2>", _table(frame)]
    if report.dropped:
        parts += ["<h2>Left behind</h2>", f"<p>{escape(', '.join(report.dropped))}</p>"]
    for title, frame in (
        ("Rows that a direct pair contradicts", report.conflicts),
        ("Groups that are too large", report.left_out),
    ):
        if frame.height:
            parts += [f"<h2>{title} ({frame.height:,})</h2>", _folded(frame)]
    for fate in Fate:
        rows = report.fates.filter(pl.col("fate") == fate).sort("counts", descending=True, nulls_last=True).drop("fate")
        if rows.height:
            parts += [f"<h2>{escape(str(fate))}: {escape(MEANING[fate])} ({rows.height:,} genes)</h2>", _folded(rows)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>homodb join</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _folded(frame: pl.DataFrame) -> str:
    return f"<details><summary>{frame.height:,} rows</summary>{_table(frame)}</details>"


def _table(frame: pl.DataFrame) -> str:
    head = "".join(f"<th>{escape(name)}" for name in frame.columns)
    rows = ("<tr>" + "".join(f"<td>{_cell(value)}" for value in row) + "</tr>" for row in frame.iter_rows())
    return f"<table><tr>{head}</tr>\n" + "\n".join(rows) + "</table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))
