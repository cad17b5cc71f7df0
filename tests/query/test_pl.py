"""Plots: axes with what the reports say, on a figure of their own or of the caller's; nothing to plot is an error."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

import homodb
from homodb.errors import HomodbError, OptionsError, ScoreError, TranslationError
from homodb.query.annotate.evaluate import Evaluation
from homodb.query.join import JoinReport
from homodb.query.markers import Markers
from homodb.query.score import ProfileScores, Score
from homodb.query.translate import Fate, TranslationReport
from tests.messages import Plots as Messages

matplotlib = pytest.importorskip("matplotlib", reason="the extra cells is not installed")
ODD = "$a_1$ <b>"

FATES = pl.DataFrame({
    "name": list("abcde"), "fate": ["mapped", "mapped", "mapped", "no_ortholog", "not_a_gene"],
    "detail": [None] * 5, "counts": [60.0, 20.0, 10.0, 10.0, 900.0], "mitochondrial": False, "ribosomal": False,
})  # fmt: skip


@pytest.fixture(autouse=True)
def _figures() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def translation(*, counts: bool = True, groups: bool = True) -> TranslationReport:
    table = pl.DataFrame({
        "column": ["cell_type", "cell_type", "donor"], "group": [ODD, "beta", "d1"], "cells": [5, 20, 25],
        "counts": 1.0, "carried": [0.5, None, 0.9],
    })  # fmt: skip
    fates = FATES if counts else FATES.with_columns(counts=pl.lit(None, pl.Float64))
    return TranslationReport("mus_musculus", "homo_sapiens", True, "HM_O2O", "r", 25, 3, 0, fates, (),
                             groups=table if groups else pl.DataFrame())  # fmt: skip


def joined() -> JoinReport:
    files = pl.DataFrame({"file": ["human", "mouse"], "species": "x", "common_name": "x", "given": True,
                          "cells": [3, 4], "genes": 5, "carried": [0.75, None]})  # fmt: skip
    fates = pl.concat([FATES.with_columns(file=pl.lit(name)) for name in ("human", "mouse")])
    empty = pl.DataFrame()
    return JoinReport("r", "HM_O2O", "row", None, files, 3, 0, fates, (), empty, empty, empty, {}, {}, (), ())


def evaluated(*, numbers: bool = False) -> Evaluation:
    confusion = pl.DataFrame({"truth": ["alpha", "alpha", "beta"], "predicted": ["alpha", "beta", "unknown"],
                              "cells": [3, 1, 2]})  # fmt: skip
    empty = pl.DataFrame()
    return Evaluation("a", "b", 6, 0, 0, 0, {}, empty, confusion=empty if numbers else confusion)


def scored(*, mixing: bool = True) -> Score:
    table = pl.DataFrame({
        "cell_type": ["alpha", "mean"], "cells": [9, None], "neighbours": [0.5, 0.5], "neighbours_low": [0.4, None],
        "neighbours_high": [0.6, None], "ilisi": [0.3, None], "ilisi_low": [0.2, None], "ilisi_high": [0.4, None],
        "ilisi_baseline": [0.1, 0.1],
    })  # fmt: skip
    calls = pl.DataFrame({
        "reference": ["human"] * 3 + ["mouse"], "query": ["mouse"] * 3 + ["human"],
        "cell_type": ["beta", "alpha", "alpha", "beta"], "call": ["beta", "alpha", "schwann", "beta"],
        "cells": [2, 6, 3, 4], "share": [1.0, 0.667, 0.333, 1.0],
    })  # fmt: skip
    part = ProfileScores({}, {"mixing": table, "label transfer calls": calls} if mixing else {})
    return Score("cca", {"cross_species": part})


def names(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_fates_are_shares_of_genes_and_of_counts_without_what_is_not_a_gene() -> None:
    ax = homodb.pl.fates(translation())
    assert names(ax.yaxis) == ["genes", "counts"]
    bars = {container.get_label(): [bar.get_width() for bar in container] for container in ax.containers}
    assert bars["mapped"] == pytest.approx([0.75, 0.9]) and bars["no_ortholog"] == pytest.approx([0.25, 0.1])
    assert names(homodb.pl.fates(translation(counts=False)).yaxis) == ["genes"]
    assert names(homodb.pl.fates(joined()).yaxis) == ["human genes", "human counts", "mouse genes", "mouse counts"]


def test_shares_carried_by_group_most_cells_first() -> None:
    ax = homodb.pl.carried(translation())
    assert names(ax.yaxis) == ["beta (20)", f"{ODD} (5)"]
    assert [bar.get_width() for bar in ax.containers[0]] == [0.0, 0.5]
    assert names(homodb.pl.carried(translation(), groupby="donor").yaxis) == ["d1 (25)"]
    assert names(homodb.pl.carried(joined()).yaxis) == ["human (3)", "mouse (4)"]
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


def test_calls_of_an_evaluation_and_of_scores() -> None:
    ax = homodb.pl.transfer(evaluated())
    assert (names(ax.yaxis), names(ax.xaxis)) == (["alpha", "beta"], ["alpha", "beta", "unknown"])
    assert ax.images[0].get_array()[0].tolist() == [0.75, 0.25, 0.0]
    ax = homodb.pl.transfer(scored())
    assert ax.get_title() == "mouse called by human"
    assert (names(ax.yaxis), names(ax.xaxis)) == (["alpha (9)", "beta (2)"], ["alpha", "beta", "schwann"])
    assert homodb.pl.transfer(scored(), reference="mouse").get_title() == "human called by mouse"


def test_mixing_by_cell_type_with_its_baseline() -> None:
    ax = homodb.pl.mixing(scored())
    assert [name.split()[0] for name in names(ax.yaxis)] == ["alpha", "mean"]
    assert homodb.pl.mixing(scored(), measure="neighbours").get_title().endswith("neighbours")


def test_plots_go_into_a_figure_of_the_callers_and_leave_the_settings() -> None:
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    figure, axes = plt.subplots(1, 2)
    assert homodb.pl.fates(translation(), ax=axes[0]) is axes[0]
    assert homodb.pl.mixing(scored(), ax=axes[1]) is axes[1]
    assert axes[0].get_legend() is not None and not figure.legends
    assert len(plt.get_fignums()) == 1 and dict(plt.rcParams) == before
    own = homodb.pl.fates(translation())
    assert own.figure.number in plt.get_fignums() and own.figure.legends


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: homodb.pl.carried(translation(groups=False)), TranslationError, Messages.groupby),
    (lambda: homodb.pl.carried(translation(), groupby="cell_typ"), TranslationError, "did you mean 'cell_type'"),
    (lambda: homodb.pl.transfer(evaluated(numbers=True)), ScoreError, Messages.no_labels),
    (lambda: homodb.pl.transfer(evaluated(), query="mouse"), OptionsError, Messages.one_query),
    (lambda: homodb.pl.transfer(scored(), query="pig"), ScoreError, Messages.no_calls),
    (lambda: homodb.pl.transfer(scored(mixing=False)), ScoreError, Messages.profile),
    (lambda: homodb.pl.mixing(scored(mixing=False)), ScoreError, Messages.profile),
    (lambda: homodb.pl.mixing(scored(), measure="lisi"), ScoreError, "did you mean 'ilisi'"),
])  # fmt: skip
def test_nothing_to_plot_is_an_error(call: Any, error: type[HomodbError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_conserved_markers() -> None:
    table = pl.DataFrame({"type": ["alpha"], "rank": [1], "human": ["GCG"], "mouse": ["Gcg"]})
    effects = pl.DataFrame({"species": ["human", "mouse"], "type": "alpha", "gene": ["GCG", "Gcg"], "cpm": [9.0, 8.0],
                            "share": [1.0, 0.5]})  # fmt: skip
    own = Markers(("human", "mouse"), pl.DataFrame(), table, pl.DataFrame(), effects, ("alpha",), "x")
    ax = homodb.pl.markers(own)
    assert names(ax.xaxis) == ["GCG / Gcg"] and len(names(ax.yaxis)) == 2


def test_homodb_does_not_import_matplotlib_before_it_plots() -> None:
    code = "import sys, homodb; homodb.pl.fates; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("fate", [fate for fate in Fate if fate is not Fate.NOT_A_GENE])
def test_every_fate_has_a_colour(fate: Fate) -> None:
    report = translation()
    one = replace(report, fates=FATES.with_columns(fate=pl.lit(str(fate))))
    assert len(homodb.pl.fates(one).patches) == 2


@pytest.mark.parametrize("name", homodb.pl.__all__)
@pytest.mark.parametrize("wrong", [5, None, (1, 2)])
def test_what_is_no_answer(name: str, wrong: Any) -> None:
    with pytest.raises(OptionsError, match=f"this plot is of .*; got a {type(wrong).__name__}"):
        getattr(homodb.pl, name)(wrong)
