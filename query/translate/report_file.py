"""The report of a translation as a file: a table of genes, JSON, or a page to read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from homodb.query.page import bar, bullets, folded, heading, page, paragraph, table
from homodb.query.translate.fates import MEANING, Fate
from homodb.query.translate.report import Report
from homodb.schema.counted import counted
from homodb.schema.endings import ending_of, must_end
from homodb.schema.errors import OutputError
from homodb.schema.files import check_output, whole_file

#: Forms of a report, by the suffix of its file.
_FORMS = (".tsv", ".json", ".html")


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
    must_end(path, "reports", *_FORMS)
    check_output(path)


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
    write_form(path, {".tsv": lambda: _tsv(report), ".json": lambda: _json(report), ".html": lambda: _html(report)})


def write_form(path: Path, forms: Mapping[str, Callable[[], str]]) -> None:
    """Write the form that a file's suffix asks for, to a file that appears whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    check_report(path)
    with whole_file(path) as partial:
        partial.write_text(forms[ending_of(path)](), "utf-8")


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
    parts = [heading(f"homodb translate: {title}", 1), *(paragraph(line) for line in report.lines()[:2])]
    parts += [paragraph(f"note: {note}") for note in report.notes]
    parts += [heading("What became of the genes"), _fates(report)]
    for name, frame in (("Groups of cells", report.groups), ("Markers", report.markers)):
        if frame.height:
            parts += [heading(name), table(frame)]
    if report.vocabulary is not None:
        zero = report.vocabulary.filter(pl.col("state") != "filled")
        parts += [
            heading(f"Wanted genes that are zero ({zero.height:,} of {report.vocabulary.height:,})"),
            folded(zero),
        ]
    if report.slots:
        parts += [heading("Matrices"), bullets(f"{slot}: {policy}" for slot, policy in report.slots.items())]
    if report.dropped:
        parts += [heading("Dropped, since it no longer holds"), bullets(report.dropped)]
    for fate in Fate:
        rows = report.fates.filter(pl.col("fate") == fate).sort("counts", descending=True, nulls_last=True).drop("fate")
        if rows.height:
            parts += [heading(f"{fate}: {MEANING[fate]} ({counted(rows.height, 'gene')})"), folded(rows)]
    return page(title, parts)


def _fates(report: Report) -> str:
    rows = []
    for row in report.by_fate().iter_rows(named=True):
        told = "-" if row["share"] is None else f"{row['share']:.1%}"
        rows.append(
            f"<tr><td>{escape(row['fate'])}</td><td class=n>{row['genes']:,}</td><td class=n>{told}</td>"
            f"<td>{bar(row['share'])}</td><td>{escape(MEANING[Fate(row['fate'])])}</td></tr>"
        )
    return f"<table><tr><th>fate<th>genes<th>of counts<th><th>meaning</tr>{''.join(rows)}</table>"
