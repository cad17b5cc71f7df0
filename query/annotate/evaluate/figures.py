"""Drawings of an evaluation: which true types became which labels, and whether confidence means anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from homodb.query.annotate.evaluate.result import Evaluation
from homodb.query.annotate.unknown import UNKNOWN
from homodb.query.figures.against import against
from homodb.query.figures.calibration import curve
from homodb.query.figures.heat import heat
from homodb.schema.errors import OutputError


def figures(told: Evaluation) -> dict[str, str]:
    """Return the drawings, SVG documents, by the names of their files.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    if told.pairs is not None:
        title = f"{told.column} against {told.truth}"
        true, given = told.pairs["truth"].to_numpy(), told.pairs["predicted"].to_numpy()
        return {"predicted.svg": against(true, given, title, across=told.truth, up=told.column)}
    made = {"confusion.svg": _confusion(told)}
    if told.calibration.height:
        table = told.calibration
        made["calibration.svg"] = curve(
            table["confidence"].to_list(), table["right"].to_list(), table["cells"].to_list(),
            f"Confidence of {told.column}",
        )  # fmt: skip
    return made


def write_figures(told: Evaluation, folder: Path) -> list[Path]:
    """Write the drawings into a folder, which is made where it is missing, and return their paths.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    drawn = figures(told)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, svg in drawn.items():
            (folder / name).write_text(svg, "utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return [folder / name for name in drawn]


def _confusion(told: Evaluation) -> str:
    """Draw shares of true types; labels that are no true type stand behind the others, unknown last."""
    types = sorted(told.confusion["truth"].unique().to_list())
    others = set(told.confusion["predicted"].to_list()) - set(types)
    labels = [*types, *sorted(others - {UNKNOWN}), *sorted(others & {UNKNOWN})]
    labels = [one for one in labels if one in others or one in set(told.confusion["predicted"].to_list())]
    table = np.zeros((len(types), len(labels)))
    for true, given, cells in told.confusion.iter_rows():
        table[types.index(true), labels.index(given)] = cells
    shares = table / table.sum(axis=1, keepdims=True)
    return heat(shares, types, labels, f"{told.column} against {told.truth}", across="label", down="true type")
