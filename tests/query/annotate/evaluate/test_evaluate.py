"""``homodb.evaluate``: by hand on made-up labels, and on the simulated clade with a type that the reference lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

import homodb
from homodb.schema.errors import AnnotationError, OutputError
from tests import messages


def made(true: str, given: str, **more: Any) -> anndata.AnnData:
    """Cells whose true and given types are letters; ``.`` is none, ``?`` is unknown."""
    obs = pd.DataFrame(
        {
            "truth": [None if one == "." else one for one in true],
            "t_homodb": pd.Categorical(["unknown" if one == "?" else one for one in given]),
            **{f"t_homodb_{name}": list(values) for name, values in more.items()},
        },
        index=[f"c{n}" for n in range(len(true))],
    )
    sizes = {"reference_labels": np.array(["a", "b", "c"]), "reference_cells": np.array([2, 1, 1])}
    entry = {"label_key": "t", "method": "knn", **sizes}
    return anndata.AnnData(np.ones((len(true), 1)), obs=obs, uns={"homodb": {"annotation": {"t_homodb": entry}}})


def test_by_hand() -> None:
    confidence = [0.9, 0.8, 0.7, 0.6, 0.9, np.nan, 0.2, 0.1, 0.5]
    given = made("aaabbbzz.", "aabbb?aba", confidence=confidence, distance=[1, 1, 1, 1, 1, np.nan, 2, 3, 9])
    told = homodb.evaluate(given, truth="truth", n_resamples=0)
    assert (told.cells, told.outside, told.unlabelled, told.shown) == (6, 2, 1, 0)
    values = {name: one.value for name, one in told.numbers.items()}
    assert values["accuracy"] == pytest.approx(4 / 6) and values["balanced_accuracy"] == pytest.approx(2 / 3)
    assert values["kappa"] == pytest.approx((4 / 6 - (3 * 2 + 3 * 3) / 36) / (1 - 15 / 36))
    assert values["auroc_distance"] == 1.0 and values["auroc_confidence"] == pytest.approx(10 / 12)
    assert told.types.rows() == [("a", 3, 2, 1.0, 2 / 3, 0.8), ("b", 3, 3, 2 / 3, 2 / 3, 2 / 3)]
    assert ("z", "b", 1) in told.confusion.rows() and ("b", "unknown", 1) in told.confusion.rows()
    assert told.rows["row"].to_list() == ["this annotation", "majority class", "random"]
    assert told.rows["accuracy"].to_list() == pytest.approx([4 / 6, 0.5, 0.5 * 0.5 + 0.5 * 0.25])
    assert told.notes == ("the reference has no z", "no cell of the query is truly c, of which the reference has cells")
    assert json.loads(json.dumps(told.totals(), allow_nan=False))["accuracy"] == values["accuracy"]
    assert "2 cells of types that the reference lacks" in told.lines()[1]


def test_numbers_are_no_types() -> None:
    given = made("aabb", "abbb", confidence=[0.1, 0.2, 0.3, 0.4])
    with pytest.raises(AnnotationError, match=messages.Evaluate.t_homodb_confidence_holds):
        homodb.evaluate(given, truth="truth", predicted="t_homodb_confidence")


@pytest.mark.slow
def test_a_reference_of_other_types_is_refused(clade: Any) -> None:
    labelled = homodb.annotate(clade.mouse, clade.human, label_key="cell_type", release=clade.release)
    other = clade.human.copy()
    other.obs["cell_type"] = ["x" if one == other.obs["cell_type"].iloc[0] else "y" for one in other.obs["cell_type"]]
    with pytest.raises(AnnotationError, match=messages.Evaluate.reference_other_types):
        homodb.evaluate(labelled, truth="cell_type", reference=other, release=clade.release, n_resamples=0)


def test_cells_that_were_learned_from_are_left_aside() -> None:
    given = made("aabb", "abbb", seen=[False, True, False, True])
    told = homodb.evaluate(given, truth="truth", n_resamples=0)
    assert (told.cells, told.shown) == (2, 2) and told.numbers["accuracy"].value == 1.0


def test_intervals_over_donors() -> None:
    given = made("ab" * 30, "ab" * 20 + "ba" * 10)
    given.obs["who"] = ["x"] * 20 + ["y"] * 20 + ["z"] * 20
    told = homodb.evaluate(given, truth="truth", donor_key="who")
    number = told.numbers["accuracy"]
    assert told.intervals == "donors" and number.low == 0.0 and number.high == 1.0
    cells = homodb.evaluate(given, truth="truth").numbers["accuracy"]
    assert cells.low is not None and cells.high is not None and 0.4 < cells.low < number.value < cells.high < 0.9


def test_label_maps(tmp_path: Path) -> None:
    (tmp_path / "map.tsv").write_text("label\tmeans\tside\nA\ta\tquery\nx\t\tquery\n")
    given = made("AAbx", "aabb")
    with_map = homodb.evaluate(given, truth="truth", labels=tmp_path / "map.tsv", n_resamples=0)
    assert with_map.cells == 3 and with_map.unlabelled == 1 and with_map.numbers["accuracy"].value == 1.0
    assert homodb.evaluate(given, truth="truth", n_resamples=0).outside == 3


def test_labels_of_anybody() -> None:
    given = made("ab", "ab")
    given.obs["mine"] = ["a", "x"]
    told = homodb.evaluate(given, truth="truth", predicted="mine", n_resamples=0)
    assert told.numbers["accuracy"].value == 0.5 and "all true types are taken as possible" in told.notes[0]
    assert np.isnan(told.numbers["auroc_distance"].value) and told.totals()["auroc_distance"] is None


def test_what_is_refused() -> None:
    given = made("ab", "ab")
    for choices, said in (
        ({"truth": "kind"}, "has no column 'kind'"),
        ({"truth": "truth", "predicted": "truth"}, "are both obs"),
        ({"truth": "truth", "predicted": "other"}, "has no column 'other'"),
        ({"truth": "truth", "donor_key": "who"}, "has no column 'who'"),
    ):
        with pytest.raises(AnnotationError, match=said):
            homodb.evaluate(given, **choices)  # type: ignore[arg-type]
    with pytest.raises(AnnotationError, match=messages.Evaluate.no_cell_can_be_judged):
        homodb.evaluate(made("yz", "ab"), truth="truth")
    del given.uns["homodb"]
    with pytest.raises(AnnotationError, match=messages.Evaluate.annotate_left_no_labels):
        homodb.evaluate(given, truth="truth")


@pytest.mark.slow
def test_types_left_out(clade: Any) -> None:
    fewer = clade.human[clade.human.obs["cell_type"] != "type 4"].copy()
    labelled = homodb.annotate(clade.mouse, fewer, label_key="cell_type", release=clade.release)
    told = homodb.evaluate(labelled, truth="cell_type", reference=fewer, release=clade.release, n_resamples=0)
    there = set(fewer.obs["cell_type"])
    assert told.outside == (~clade.mouse.obs["cell_type"].isin(there)).sum() and told.left_out is not None
    assert told.left_out["type"].to_list() == sorted(there & set(clade.mouse.obs["cell_type"]))
    for left in ("type 1", "type 3"):
        least = fewer[fewer.obs["cell_type"] != left].copy()
        anew = homodb.annotate(clade.mouse, least, label_key="cell_type", release=clade.release)
        anew = anew[anew.obs["cell_type"].isin(there)].copy()
        row = told.left_out.filter(told.left_out["type"] == left).row(0, named=True)
        again = homodb.evaluate(anew, truth="cell_type", n_resamples=0)
        assert row["auroc_distance"] == pytest.approx(again.numbers["auroc_distance"].value)
        assert row["auroc_confidence"] == pytest.approx(again.numbers["auroc_confidence"].value)
        rest = anew.obs.loc[anew.obs["cell_type"] != left, "cell_type_homodb_confidence"]
        assert row["threshold"] == pytest.approx(np.quantile(rest, 0.05)) and row["cells"] == again.outside


@pytest.mark.slow
def test_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    given = made("aabbz", "abbb?", confidence=[0.9, 0.8, 0.7, 0.2, 0.1])
    told = homodb.evaluate(given, truth="truth", n_resamples=0)
    assert told.figures() == told.figures()
    paths = told.write_figures(tmp_path / "drawn")
    assert [path.name for path in paths] == ["confusion.svg", "calibration.svg"]
    assert "share that is right" in paths[1].read_text() and ">unknown<" in paths[0].read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        told.write_figures(tmp_path / "file")
