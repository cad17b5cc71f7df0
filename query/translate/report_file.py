"""The report of a translation as a file: a table of genes, JSON, or a page to read."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from homodb.query.translate.fates import MEANING, Fate
from homodb.query.translate.report import Report
from homodb.schema.errors import OutputError
from homodb.schema.files import whole_file

#: Forms of a report, by the suffix of its file.
_FORMS = (".tsv", ".json", ".html")

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:.9rem}
th,td{text-align:left;padding:.2rem .7rem;border-bottom:1px solid #ddd;vertical-align:top}
th{background:#f4f4f4;position:sticky;top:0}td.n{text-align:right;font-variant-numeric:tabular-nums}
.bar{background:#dfe7ef;width:12rem;height:.8rem}.bar i{display:block;height:100%;background:#3b6ea5}
details{margin:.5rem 0}summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}th{background:#2a2a2a}td,th{border-color:#444}}
"""


def check_report(path: Path, *others: Path) -> None:
    """Check, before any work is done, that a report can be written.

    Parameters
    ----------
    path
        The file of the report.
    others
        Files that it must not be.

    Raises
    ------
    OutputError
        If the file has no suffix of a form that a report has, its folder is not there, or it is one of the others.
    """
    if path.resolve() in [other.resolve() for other in others]:
        raise OutputError(f"{path}: is the input or the output; name another file for the report")
    if path.suffix not in _FORMS:
        raise OutputError(f"{path}: a report is written as one of {', '.join(_FORMS)}; end its name so")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")


def write_report(report: Report, path: Path) -> None:
    """Write a report to a file that appears whole or not at all.

    Parameters
    ----------
    report
        The report.
    path
        ``.tsv``: a row per source gene; ``.json``: everything; ``.html``: a page that needs nothing else.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    check_report(path)
    texts = {".tsv": _tsv, ".json": _json, ".html": _html}
    with whole_file(path) as partial:
        partial.write_text(texts[path.suffix](report), "utf-8")


def _tsv(report: Report) -> str:
    return report.fates.write_csv(separator="\t")


def _json(report: Report) -> str:
    told = {
        **report.totals(),
        "groups": _rows(report.groups),
        "markers": _rows(report.markers),
        "wanted_genes": [] if report.vocabulary is None else _rows(report.vocabulary),
        "genes": _rows(report.fates),
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1, default=str) + "\n"


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def _html(report: Report) -> str:
    title = f"{report.source} to {report.target}"
    parts = [f"<h1>homodb translate: {escape(title)}</h1>", *(f"<p>{escape(line)}</p>" for line in report.lines()[:2])]
    parts += [f"<p>note: {escape(note)}</p>" for note in report.notes]
    parts += ["<h2>What became of the genes</h2>", _fates(report)]
    for name, frame in (("Groups of cells", report.groups), ("Markers", report.markers)):
        if frame.height:
            parts += [f"<h2>{name}</h2>", _table(frame)]
    if report.vocabulary is not None:
        zero = report.vocabulary.filter(pl.col("state") != "filled")
        parts += [
            f"<h2>Wanted genes that are zero ({zero.height:,} of {report.vocabulary.height:,})</h2>",
            _folded(zero),
        ]
    if report.slots:
        parts += ["<h2>Matrices</h2>", _list(f"{slot}: {policy}" for slot, policy in report.slots.items())]
    if report.dropped:
        parts += ["<h2>Dropped, since it no longer holds</h2>", _list(report.dropped)]
    for fate in Fate:
        rows = report.fates.filter(pl.col("fate") == fate).sort("counts", descending=True, nulls_last=True).drop("fate")
        if rows.height:
            parts += [f"<h2>{escape(str(fate))}: {escape(MEANING[fate])} ({rows.height:,} genes)</h2>", _folded(rows)]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _fates(report: Report) -> str:
    rows = []
    for row in report.by_fate().iter_rows(named=True):
        share = row["share"]
        bar = "" if share is None else f'<div class="bar"><i style="width:{min(max(share, 0), 1):.1%}"></i></div>'
        told = "-" if share is None else f"{share:.1%}"
        rows.append(
            f"<tr><td>{escape(row['fate'])}</td><td class=n>{row['genes']:,}</td><td class=n>{told}</td><td>{bar}</td>"
            f"<td>{escape(MEANING[Fate(row['fate'])])}</td></tr>"
        )
    return f"<table><tr><th>fate<th>genes<th>of counts<th><th>meaning</tr>{''.join(rows)}</table>"


def _folded(frame: pl.DataFrame) -> str:
    return f"<details><summary>{frame.height:,} rows</summary>{_table(frame)}</details>"


def _table(frame: pl.DataFrame) -> str:
    head = "".join(f"<th>{escape(name)}" for name in frame.columns)
    rows = ("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in frame.iter_rows())
    return f"<table><tr>{head}</tr>\n" + "\n".join(rows) + "</table>"


def _cell(value: object) -> str:
    if value is None:
        return "<td>"
    if isinstance(value, float):
        return f"<td class=n>{value:.6g}"
    return (
        f"<td class=n>{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else f"<td>{escape(str(value))}"
    )


def _list(items: Any) -> str:
    return "<ul>" + "".join(f"<li>{escape(str(item))}" for item in items) + "</ul>"
