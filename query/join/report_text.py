"""The report of a join as text that fits a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from homodb.query.translate.fates import MEANING, Fate
from homodb.schema.counted import counted

if TYPE_CHECKING:
    from homodb.query.join.report import JoinReport

#: So many objects have columns of their own, so many conflicts, groups and parts are shown; ``--report`` writes all.
_COLUMNS = 4
_SHOWN = 5
_SHOWN_PARTS = 10

#: So many characters are shown of the name of an object above its column.
_WIDTH = 17

_MEANING = {**MEANING, Fate.MAPPED: "in a feature", Fate.FILTERED: "its partners are not measured, or not taken"}


def lines(report: JoinReport) -> list[str]:
    """Return the lines of a report."""
    what = {
        "row": "rows of the joint table",
        "group": "groups of orthologs",
        "copy": "rows, counts copied",
        "gene": "genes",
    }
    how = (
        f"by {report.strategy} of release {report.release}"
        if report.features != "gene"
        else f"by gene, release {report.release}"
    )
    hub = "" if report.hub is None else f", via {report.hub}"
    out = [
        f"{counted(report.cells, 'cell')} of {report.files.height} objects, {counted(report.feature_count, 'feature')} "
        f"({what[report.features]}), {how}{hub}; {report.summed:,} {'adds' if report.summed == 1 else 'add'} up several"
        " genes",
        "",
        f"{'file':<28} {'species':<14} {'cells':>9} {'genes':>8} {'carried':>8}",
    ]
    for row in report.files.iter_rows(named=True):
        carried = "-" if row["carried"] is None else f"{row['carried']:.1%}"
        numbers = f"{row['cells']:>9,} {row['genes']:>8,} {carried:>8}"
        out.append(f"{row['file']:<28.28} {row['common_name']:<14.14} {numbers}")
    found = report.files.filter(~pl.col("given"))["file"].to_list()
    if found:
        which = "" if len(found) == report.files.height else f": {', '.join(found)}"
        out.append(f"species found by the names of genes{which}")
    out += _fates(report)
    if report.evidence:
        out += [
            "",
            "features by the weakest evidence of their pairs: "
            + ", ".join(f"{k} {v:,}" for k, v in report.evidence.items()),
        ]
    out += _direct(report) + _left_out(report)
    if len(report.slots) > 1:
        out += ["", "matrices: " + ", ".join(f"{slot} ({kind})" for slot, kind in report.slots.items())]
    if report.dropped:
        parts = list(report.dropped[:_SHOWN_PARTS])
        more = len(report.dropped) - len(parts)
        out += ["", "left behind: " + ", ".join(parts) + (f" and {more} more" if more else "")]
    return out + [f"note: {note}" for note in report.notes]


def _fates(report: JoinReport) -> list[str]:
    """Return genes and shares of counts by fate, objects side by side."""
    names = report.files["file"].to_list()[:_COLUMNS]
    out = ["", f"{'fate':<12} " + "  ".join(f"{_short(name):>17}" for name in names) + "  meaning; the largest"]
    table = report.by_fate()
    for fate in table["fate"].unique(maintain_order=True).to_list():
        cells = []
        for name in names:
            row = table.filter((pl.col("file") == name) & (pl.col("fate") == fate)).to_dicts()
            share = "" if not row or row[0]["share"] is None else f"{row[0]['share']:.1%}"
            cells.append(f"{row[0]['genes'] if row else 0:>9,} {share:>7}")
        largest = "" if fate == Fate.MAPPED else _largest(report, fate)
        out.append(f"{fate:<12} " + "  ".join(cells) + f"  {_MEANING[Fate(fate)]}{largest}")
    if report.files.height > _COLUMNS:
        out.append(f"and {counted(report.files.height - _COLUMNS, 'object')} more (--report FILE has all)")
    return out


def _short(name: str) -> str:
    """Return the name of an object as a column has room for it, its end above all."""
    stem = name if len(name) <= _WIDTH else name.removesuffix(".h5ad").removesuffix(".zarr")
    return stem if len(stem) <= _WIDTH else f"…{stem[1 - _WIDTH :]}"


def _largest(report: JoinReport, fate: str) -> str:
    rows = report.fates.filter((pl.col("fate") == fate) & (pl.col("counts") > 0)).sort("counts", descending=True)
    rows = rows.unique("name", keep="first", maintain_order=True).head(3)
    shown = [
        row["name"] + (f" to {row['detail']}" if fate == Fate.LOST_TO else "") for row in rows.iter_rows(named=True)
    ]
    return "; " + ", ".join(shown) if shown else ""


def _direct(report: JoinReport) -> list[str]:
    out: list[str] = []
    for row in report.verdicts.iter_rows(named=True):
        if not out:
            out = ["", "rows as the direct pair sees them        confirmed  contradicted       half   silent"]
        share = "" if row["share_contradicted"] is None else f"  contradicted: {row['share_contradicted']:.2%}"
        pair = f"{row['first']} - {row['second']}:"
        out.append(f"{pair} {row['behind']}{share}")
        out.append(
            f"{'':<38} {row['confirmed']:>11,} {row['contradicted']:>13,} {row['half']:>10,} {row['silent']:>8,}"
        )
    first = report.conflicts.filter(pl.col("verdict") == "contradicted").head(_SHOWN)
    for row in first.iter_rows(named=True):
        out.append(
            f"  {row['first_name']} - {row['second_name']} in the table; directly {row['first_name']} - "
            f"{row['direct_second_name']}, {row['direct_first_name']} - {row['second_name']}"
        )
    more = report.conflicts.height - first.height
    rows = counted(more, "row more that is", "rows more that are")
    return out + ([f"  and {rows} contradicted, wholly or by half (--report FILE has all)"] if more > 0 else [])


def _left_out(report: JoinReport) -> list[str]:
    if not report.left_out.height:
        return []
    out = ["", "groups of orthologs that are too large"]
    for row in report.left_out.head(_SHOWN).iter_rows(named=True):
        named = row["names"].split(";")
        out.append(f"  {row['genes']:>4} genes: {', '.join(named[:8])}{', ...' if len(named) > 8 else ''}")
    more = report.left_out.height - _SHOWN
    return out + ([f"  and {more:,} more (--report FILE has all)"] if more > 0 else [])
