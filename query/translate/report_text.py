"""The report of a translation as text that fits a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.translate.fates import MEANING, Fate
from homodb.schema.counted import counted

if TYPE_CHECKING:
    from homodb.query.translate.report import Report

#: So many groups, markers and dropped parts are shown; ``--report`` writes all.
_SHOWN = 8
_SHOWN_PARTS = 12


def lines(report: Report) -> list[str]:
    """Return the lines of a report."""
    how = "" if report.source_given else " (by their names)"
    out = [
        f"{counted(report.cells, 'cell')}, {counted(report.fates.height, 'gene')} of {report.source}{how} -> "
        f"{counted(report.targets, 'gene')} of {report.target}, by {report.strategy} of release {report.release}",
        f"{_carried(report)}; {counted(report.summed, 'gene adds', 'genes add')} up several",
        "",
        f"{'fate':<12} {'genes':>7} {'of counts':>10}  meaning; the largest",
    ]
    for row in report.by_fate().iter_rows(named=True):
        share = "-" if row["share"] is None else f"{row['share']:.1%}"
        largest = "" if row["fate"] == Fate.MAPPED else _largest(report, row["fate"])
        out.append(f"{row['fate']:<12} {row['genes']:>7,} {share:>10}  {MEANING[Fate(row['fate'])]}{largest}")
    out += _groups(report) + _markers(report) + _vocabulary(report)
    if set(report.slots.values()) - {"sum"} or len(report.slots) > 1:
        out += ["", "matrices: " + ", ".join(f"{slot} {policy}" for slot, policy in report.slots.items())]
    if report.dropped:
        parts = list(report.dropped[:_SHOWN_PARTS])
        more = len(report.dropped) - len(parts)
        out += ["", "dropped, since it no longer holds: " + ", ".join(parts) + (f" and {more} more" if more else "")]
    return out + [f"note: {note}" for note in report.notes]


def _carried(report: Report) -> str:
    if np.isnan(report.carried()):
        return "no counts were looked at"
    return (
        f"carried {report.carried():.1%} of the counts"
        + _also("mitochondrial", report.carried(pl.col("mitochondrial")))
        + _also("ribosomal", report.carried(pl.col("ribosomal")))
        + _also("all others", report.carried(~(pl.col("mitochondrial") | pl.col("ribosomal"))))
    )


def _groups(report: Report) -> list[str]:
    out = []
    for (column,), frame in report.groups.group_by("column", maintain_order=True) if report.groups.height else ():
        out += ["", f"{column!s:<24.24} {'cells':>9} {'carried':>8} {'mito':>7} {'ribo':>7} {'others':>7} {'mean':>7}"]
        largest = frame.sort("cells", descending=True, maintain_order=True).head(_SHOWN)
        for row in largest.iter_rows(named=True):
            shares = (row[f"carried{kind}"] for kind in ("", "_mitochondrial", "_ribosomal", "_other", "_mean"))
            shown = " ".join(f"{'-' if one is None else f'{one:.1%}':>7}" for one in shares)
            out.append(f"{row['group']:<24.24} {row['cells']:>9,}  {shown}")
        if frame.height > _SHOWN:
            out.append(f"and {counted(frame.height - _SHOWN, 'group')} more (--report FILE has all)")
    return out


def _markers(report: Report) -> list[str]:
    if not report.markers.height:
        return []
    mapped = report.markers.filter(pl.col("fate") == Fate.MAPPED).height
    out = ["", f"markers: {mapped} of {report.markers.height} carried"]
    first = report.markers.sort(pl.col("fate") == Fate.MAPPED, maintain_order=True).head(_SHOWN)
    for row in first.iter_rows(named=True):
        target = row["target_symbol"] or row["target_id"]
        out.append(f"  {row['marker']}: {row['fate']}" + (f" to {target}" if target else _why(row)))
    return out + ([f"  and {report.markers.height - _SHOWN} more"] if report.markers.height > _SHOWN else [])


def _why(row: dict[str, str]) -> str:
    return f" ({row['detail']})" if row["detail"] else ""


def _vocabulary(report: Report) -> list[str]:
    if report.vocabulary is None:
        return []
    states = report.vocabulary.group_by("state", maintain_order=True).agg(pl.len(), pl.col("name").head(3))
    told = [
        f"{number:,} {state}" + ("" if state == "filled" else f" ({', '.join(names)}{', ...' if number > 3 else ''})")
        for state, number, names in states.sort(pl.col("state") != "filled", maintain_order=True).iter_rows()
    ]
    return ["", f"wanted genes: {report.vocabulary.height:,}; {'; '.join(told)}; all but the filled are zero"]


def _largest(report: Report, fate: str) -> str:
    rows = (
        report.fates.filter((pl.col("fate") == fate) & (pl.col("counts") > 0)).sort("counts", descending=True).head(3)
    )
    shown = [
        row["name"] + (f" to {row['detail']}" if fate == Fate.LOST_TO else "") for row in rows.iter_rows(named=True)
    ]
    return "; " + ", ".join(shown) if shown else ""


def _also(what: str, share: float) -> str:
    return "" if np.isnan(share) else f"; {what} {share:.1%}"
