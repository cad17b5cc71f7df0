"""Plots of reports and scores, in the habit of scanpy: each function draws one panel and returns its axes.

They need matplotlib (``pip install 'homodb[cells]'``). With ``ax`` they draw into a figure of one's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.results import Line, heat, intervals, stacked
from homodb.query.translate import Fate
from homodb.schema.errors import OptionsError, ScoreError, TranslationError
from homodb.schema.messages import choices_hint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from homodb.query.annotate.evaluate import Evaluation
    from homodb.query.join import JoinReport
    from homodb.query.markers import Markers
    from homodb.query.score import Score
    from homodb.query.translate import TranslationReport

__all__ = ["carried", "fates", "markers", "mixing", "transfer"]

#: Colour of each fate: what is carried stands out, what no release can change is grey.
_COLOURS = {
    Fate.MAPPED: "#0072B2", Fate.LOST_TO: "#56B4E9", Fate.UNNAMED_ORTHOLOG: "#009E73", Fate.NO_ORTHOLOG: "#E69F00",
    Fate.NO_PROTEIN: "#FFD9A0",
    Fate.FILTERED: "#CC79A7", Fate.AMBIGUOUS: "#D55E00", Fate.UNKNOWN: "#780000", Fate.RETIRED: "#695A5A",
}  # fmt: skip


def fates(report: TranslationReport | JoinReport, *, ax: Axes | None = None) -> Axes:
    """Plot the fates of genes, as shares of the genes and of the counts.

    Parameters
    ----------
    report
        Report of :func:`homodb.translate` or :func:`homodb.join`.
    ax
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for genes and one for counts, of each object of a join.

    Raises
    ------
    TranslationError
        If the report has no genes.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> _, report = homodb.translate(cells, "human", return_report=True)  # doctest: +SKIP
    >>> homodb.pl.fates(report)  # doctest: +SKIP
    """
    _check(report, "by_fate", "the report of homodb.translate or homodb.join")
    table = report.by_fate().filter(pl.col("fate") != Fate.NOT_A_GENE)
    if not table.height:
        raise TranslationError("the report has no genes to plot")
    if "file" not in table.columns:
        table = table.with_columns(file=pl.lit(""))
    present = [fate for fate in Fate if str(fate) in set(table["fate"])]
    rows, shares = [], []
    for (file,), one in table.group_by("file", maintain_order=True):
        for name, column in (("genes", pl.col("genes") / pl.col("genes").sum()), ("counts", pl.col("share"))):
            share = dict(one.select("fate", column.alias("share")).iter_rows())
            if all(value is not None for value in share.values()):
                rows.append(f"{file} {name}".strip())
                shares.append([share.get(str(fate), 0.0) for fate in present])
    colours = [_COLOURS[fate] for fate in present]
    plot = stacked(shares, rows, list(map(str, present)), "Fates of genes", across="share", colours=colours)
    return plot.on(ax)


def carried(report: TranslationReport | JoinReport, *, groupby: str | None = None, ax: Axes | None = None) -> Axes:
    """Plot the share of counts carried, by group of cells.

    Parameters
    ----------
    report
        Report of :func:`homodb.translate` with `groupby`, or of :func:`homodb.join`.
    groupby
        Column of obs, if the report has groups of several; by default the first.
    ax
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each group, most cells first; of a join, for each object.

    Raises
    ------
    TranslationError
        If the report has no groups, or none of this column.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> _, report = homodb.translate(cells, "human", groupby="cell_type", return_report=True)  # doctest: +SKIP
    >>> homodb.pl.carried(report)  # doctest: +SKIP
    """
    _check(report, "by_fate", "the report of homodb.translate or homodb.join")
    frames = report.all_frames()
    if "files" in frames:
        table, title = frames["files"].select("cells", "carried", group="file"), "Counts carried"
    else:
        groups = frames["groups"]
        columns = groups["column"].unique(maintain_order=True).to_list() if groups.height else []
        if not columns:
            raise TranslationError("the report has no groups of cells; translate with groupby, such as a cell type")
        column = columns[0] if groupby is None else groupby
        if column not in columns:
            raise TranslationError(f"the report has no groups of {column!r}{choices_hint(column, columns)}",
                                   option="groupby")  # fmt: skip
        table, title = groups.filter(pl.col("column") == column), f"Counts carried by {column}"
        table = table.sort("cells", descending=True, maintain_order=True)
    rows = [f"{group} ({cells:,})" for group, cells in table.select("group", "cells").iter_rows()]
    shares = table["carried"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return stacked(shares, rows, ["carried"], title, across="share of the counts").on(ax)


def transfer(
    answer: Evaluation | Score, *, reference: str | None = None, query: str | None = None, ax: Axes | None = None
) -> Axes:
    """Plot what cells of each type are called across species.

    Parameters
    ----------
    answer
        Evaluation of labels by :func:`homodb.evaluate`, or scores by :func:`homodb.score` with the profile
        ``cross-species``, where each cell is called by its nearest cells of the other species.
    reference, query
        Species whose cells call, and whose cells are called, of scores; by default the first pair.
    ax
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A heat map whose rows add up to 1; right calls have a frame.

    Raises
    ------
    ScoreError
        If there are no calls, or none between these species.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> homodb.pl.transfer(homodb.evaluate(labelled, truth="cell_type"))  # doctest: +SKIP
    """
    from homodb.query.annotate.evaluate import Evaluation

    if isinstance(answer, Evaluation):
        if reference is not None or query is not None:
            raise OptionsError("an evaluation is of one query; leave reference and query out", option="query")
        if not answer.confusion.height:
            raise ScoreError("the evaluation is of numbers, or has no cell; there are no labels to plot")
        return answer.confusion_plot().on(ax)
    calls = _table(answer, "label transfer calls")
    if reference is not None:
        calls = calls.filter(pl.col("reference") == reference)
    if query is not None:
        calls = calls.filter(pl.col("query") == query)
    if not calls.height:
        raise ScoreError("there are no calls between these species; name them as obs does", option="query")
    own, other = calls.select("reference", "query").row(0)
    calls = calls.filter((pl.col("reference") == own) & (pl.col("query") == other))
    types = calls.group_by("cell_type", maintain_order=True).agg(pl.col("cells").sum())
    types = types.sort("cells", descending=True, maintain_order=True)
    rows, called = types["cell_type"].to_list(), calls["call"].unique(maintain_order=True).to_list()
    columns = [*(one for one in rows if one in called), *sorted(one for one in called if one not in rows)]
    shares = np.zeros((len(rows), len(columns)))
    for true, call, share in calls.select("cell_type", "call", "share").iter_rows():
        shares[rows.index(true), columns.index(call)] = share
    return heat(
        shares, rows, columns, f"{other} called by {own}", across=f"called ({own})", down=f"is ({other})",
        row_cells=types["cells"].to_list(),
    ).on(ax)  # fmt: skip


def markers(markers: Markers, *, top: int = 3, ax: Axes | None = None) -> Axes:
    """Plot the best conserved markers of each type, in the types of every species.

    Parameters
    ----------
    markers
        Markers by :func:`homodb.markers`.
    top
        Genes of each type; fewer if there are so many types that they would not fit.
    ax
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A dot plot: size is the share of cells with the gene, colour the logarithm of counts per million, relative to
        the gene's highest in its species; a cross stands for a gene that was not measured.

    Raises
    ------
    ScoreError
        If nothing is conserved.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> homodb.pl.markers(homodb.markers({"human": human, "mouse": mouse}))  # doctest: +SKIP
    """
    _check(markers, "dot_plot", "the markers of homodb.markers")
    return markers.dot_plot(top).on(ax)


def mixing(score: Score, *, measure: str = "ilisi", ax: Axes | None = None) -> Axes:
    """Plot how well the species mix within each cell type, beside no integration.

    Parameters
    ----------
    score
        Scores by :func:`homodb.score` with the profile ``cross-species``.
    measure
        ``ilisi`` or ``neighbours``: 1 if the species of neighbours are as by chance, 0 if all are of the own species.
    ax
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The score of each cell type and their mean, with the interval of 95 % and the baseline.

    Raises
    ------
    ScoreError
        If the scores have no mixing, or the measure does not exist.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> homodb.pl.mixing(homodb.score(joined, profile="cross-species"))  # doctest: +SKIP
    """
    if measure not in ("ilisi", "neighbours"):
        raise ScoreError(f"no measure of mixing is {measure!r}{choices_hint(measure, ('ilisi', 'neighbours'))}",
                         option="measure")  # fmt: skip
    lines = [
        Line(
            str(row["cell_type"]), float("nan") if row[measure] is None else row[measure], row[f"{measure}_low"],
            row[f"{measure}_high"], row.get(f"{measure}_baseline"),
        )
        for row in _table(score, "mixing").iter_rows(named=True)
    ]  # fmt: skip
    return intervals(lines, f"Mixing of species: {measure}").on(ax)


def _check(answer: object, method: str, expected: str) -> None:
    """Check that an answer is of a class with this method, not cells, as scanpy's plots take; raise OptionsError."""
    if not hasattr(answer, method):
        raise OptionsError(f"this plot is of {expected}; got a {type(answer).__name__}")


def _table(score: Score, name: str) -> pl.DataFrame:
    """Return a table of scores; raise a ScoreError if there is none."""
    _check(score, "all_frames", "the scores of homodb.score")
    frame = score.all_frames().get(name)
    if frame is None or not frame.height:
        raise ScoreError(f"the scores have no {name}; score with the profile cross-species", option="profile")
    return frame
