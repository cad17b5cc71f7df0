"""Every class of results: text, HTML, JSON and report files, of names that look like markup and of nothing at all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import homodb
from homodb.query.annotate import Annotation, Niches
from homodb.query.annotate.evaluate import Evaluation
from homodb.query.api import ReleaseContents
from homodb.query.compare import Comparison, Row
from homodb.query.exam import COLUMNS, Exam
from homodb.query.gene_lists import ListReport
from homodb.query.genes import Explanation
from homodb.query.inspect import Inspection
from homodb.query.join import JoinReport
from homodb.query.markers import Markers
from homodb.query.results import Result, check_report, json_text, write_report
from homodb.query.score import Number, ProfileScores, Score
from homodb.query.translate import TranslationReport
from homodb.schema.errors import OptionsError, OutputError
from tests import messages

EVIL = "<script src='http://x'>alert(1)</script>"
CSS_AND_SVG = re.compile(r"<style>.*?</style>|<svg.*?</svg>", re.DOTALL)

_FATES = {
    "name": [EVIL, "b", "c"], "fate": ["mapped", "lost_to", "not_a_gene"], "detail": [None, EVIL, EVIL],
    "counts": [3.0, 1.0, 0.0], "mitochondrial": [False] * 3, "ribosomal": [False] * 3,
}  # fmt: skip


def some(frame: dict[str, list[Any]], rows: int) -> pl.DataFrame:
    return pl.DataFrame(frame).head(rows)


def translation(rows: int) -> TranslationReport:
    group = {"column": [EVIL], "group": [EVIL], "cells": [9], "counts": [1.5], "carried": [0.5]}
    group |= {f"carried_{kind}": [None] for kind in ("mitochondrial", "ribosomal", "other", "mean")}
    marker = {"marker": [EVIL], "fate": ["unknown"], "target_id": [None], "target_symbol": [None], "detail": [EVIL]}
    return TranslationReport(
        "a", EVIL, False, "HM_O2O", EVIL, rows, rows, 1, some(_FATES, rows), (EVIL,) * rows, (EVIL,) * rows,
        slots={EVIL: "sum", "X": "mean"} if rows else {}, groups=some(group, rows), markers=some(marker, rows),
        vocabulary=some({"name": [EVIL], "state": ["unknown"]}, rows) if rows else None,
    )  # fmt: skip


def joined(rows: int) -> JoinReport:
    files = {"file": [EVIL], "species": ["a"], "common_name": [EVIL], "given": [False], "cells": [2], "genes": [3]}
    verdict = {"first": [EVIL], "second": ["b"], "behind": ["x"], "confirmed": [1], "contradicted": [1], "half": [0]}
    conflict = {f"{name}_name": [EVIL] for name in ("first", "second", "direct_first", "direct_second")}
    group = {"group": [1], "genes": [21], "names": [EVIL]}
    return JoinReport(
        EVIL, "HM_O2O", "row", EVIL if rows else None, some({**files, "carried": [0.5]}, rows), rows, rows,
        some({"file": [EVIL] * 3, **_FATES}, rows), ((EVIL, 1),) * min(rows, 1),
        some({**verdict, "silent": [0], "share_contradicted": [0.5]}, rows),
        some({**conflict, "verdict": ["contradicted"]}, rows), some(group, rows),
        {EVIL: 1} if rows else {}, {EVIL: "x"} if rows else {}, (EVIL,) * rows, (EVIL,) * rows,
    )  # fmt: skip


def listed(rows: int) -> ListReport:
    fates = some({**_FATES, "places": [1, 2, 3]}, rows).drop("counts")
    lost = some({"line": [1], "what": [EVIL], "why": [EVIL]}, rows)
    sets = some({"set": [EVIL], "genes": [1], "carried": [0], "left": [0]}, rows) if rows else None
    columns = (EVIL,) * rows
    return ListReport("a", EVIL, True, None, "r", "table", rows, 0, EVIL, columns, fates, lost, sets, columns)


def scored(rows: int) -> Score:
    table = some({EVIL: [EVIL], "f1": [0.5], "f1_low": [0.1], "f1_high": [0.9], "f1_baseline": [float("nan")]}, rows)
    part = ProfileScores({EVIL: Number(float("nan"), 0.1, 0.2, baseline=0.1)}, {EVIL: table}, (EVIL,))
    return Score(EVIL, {"pllm": part} if rows else {}, "donors", (EVIL,) * rows)


def compared(rows: int) -> Comparison:
    carried = pl.DataFrame({"species": ["human"], "genes": [10], "carried": [None]})
    row = Row(EVIL, EVIL, 1, carried, scored(1) if rows else None, EVIL)
    return Comparison(EVIL, {"human": 1}, {"human": 2}, (row,) * rows, {EVIL: EVIL} if rows else {}, (EVIL,) * rows)


def found_markers(rows: int) -> Markers:
    schema = {"type": pl.String, "species": pl.String, "gene": pl.String, "kind": pl.String, "leans": pl.Boolean}
    table = pl.DataFrame([(EVIL, "human", EVIL, "conserved", False)][:rows], schema, orient="row")
    types = {"type": pl.String, "species": pl.String, "cells": pl.Int64, "donors": pl.Int64, "test": pl.String}
    conserved = {"type": pl.String, "rank": pl.Int64, "human": pl.String, "mouse": pl.String}
    return Markers(
        ("human", "mouse"), table, pl.DataFrame([(EVIL, 1, EVIL, None)][:rows], conserved, orient="row"),
        pl.DataFrame([(EVIL, "human", 5, 2, "donors")][:rows], types, orient="row"), pl.DataFrame(), (EVIL,), EVIL,
        (EVIL,) * rows,
    )  # fmt: skip


def annotated(rows: int) -> Annotation:
    side = {"side": ["query"], "label": [EVIL], "cells": [1], "alike": [EVIL]}
    return Annotation(
        EVIL, "homodb", "consensus", EVIL, "r", EVIL, "b", {"k": 5}, {}, rows, 1, 1, {EVIL: 3},
        some({"label": [EVIL], "cells": [2], "confidence": [0.5], "distance": [float("nan")]}, rows),
        only=some(side, rows) if rows else None, details={"methods": [EVIL], "not_run": [EVIL]}, notes=(EVIL,) * rows,
    )  # fmt: skip


def evaluated(rows: int) -> Evaluation:
    table = some({"row": [EVIL], "accuracy": [float("nan")]}, rows)
    numbers = {"accuracy": Number(0.5, 0.1, 0.9), EVIL: Number(float("nan"))} if rows else {}
    return Evaluation(
        EVIL, EVIL, rows, 1, 0, 2, numbers, table, table, table, table, left_out=table, notes=(EVIL,) * rows
    )


def examined(rows: int) -> Exam:
    frame = pl.DataFrame(schema={name: COLUMNS[name] for name in ("strategy", "mapped", "precision")})
    if rows:
        frame = pl.DataFrame({"strategy": ["HM_O2O"], "mapped": [3], "precision": [0.5]}, schema=frame.schema)
    return Exam(frame, frame, frame, frame, frame, frame, (EVIL,) * rows)


def inspected(rows: int) -> Inspection:
    one = some({EVIL: [EVIL], "names": [1]}, rows)
    lost = pl.DataFrame({"how": [EVIL], "names": [1]}).head(rows)
    return Inspection(
        Path(EVIL), rows, rows, EVIL, EVIL if rows else None, one, one, one, lost, (EVIL,) * rows, one, one, one,
        (EVIL,) * rows,
    )  # fmt: skip


def explained(rows: int) -> Explanation:
    gene = {
        "name": [EVIL], "how": ["alias"], "understood_as": ["b"], "symbol": [EVIL], "stable_id": [EVIL],
        "symbol_stands_in": [False], "biotype": [None], "mitochondrial": [True], "ribosomal": [False],
        "pseudoautosomal": [False], "description": [EVIL], "aliases": [[EVIL]],
    }  # fmt: skip
    names = ("target_symbol", "target_id", "homology_type", "source_identity", "target_identity", "goc", "wga",
             "confidence", "correlation", "margin", "evidence_class")  # fmt: skip
    answers = {"strategy": ["HM_O2O"], "target_id": [None], "target_symbol": [None], "why": [EVIL]}
    return Explanation(EVIL, "b", pl.DataFrame(gene), some({name: [EVIL] for name in names}, rows), some(answers, rows))


def divided(rows: int) -> Niches:
    types = some({"type": [EVIL], "cells": [9], "niches": [2], "explained": [0.5], "chance": [0.1]}, rows)
    around = some({"type": [EVIL], "niche": [EVIL], "cells": [5], "around": [EVIL], "share": [0.5], "share_all": [0.2]},
                  rows)  # fmt: skip
    genes = some({"type": [EVIL], "niche": [EVIL], "gene": [EVIL]}, rows)
    return Niches(EVIL, EVIL, EVIL, {"spatial": 20}, types, around, genes, some({"x": [0.0]}, rows), (EVIL,) * rows)


def held(rows: int) -> ReleaseContents:
    table = some({EVIL: [EVIL], "genes": [1]}, rows)
    return ReleaseContents(EVIL, None, EVIL, Path(EVIL), (EVIL,) * rows, table, table)


MAKERS: list[Callable[[int], Result]] = [
    translation, joined, listed, scored, compared, found_markers, annotated, evaluated, examined, inspected, explained,
    divided, held,
]  # fmt: skip
REPORTS = [translation, joined, listed]


def subclasses(kind: type) -> set[type]:
    return {one for child in kind.__subclasses__() for one in (subclasses(child) or {child})}


def test_every_class_of_results_is_tested_here() -> None:
    assert {type(make(1)) for make in MAKERS} == subclasses(Result)


@pytest.mark.parametrize("make", MAKERS)
def test_html_escapes_everything_and_fetches_nothing(make: Callable[[int], Result]) -> None:
    for html in (make(3)._repr_html_(), make(3).to_html()):
        assert "<script" not in html and "&lt;script" in html
        rest = CSS_AND_SVG.sub("", html)
        assert not re.search(r"<(?:link|img|iframe|script)|(?:src|href)=[^&]", rest)
        assert "url(" not in html and "@import" not in html
    assert make(3).to_html().startswith("<!doctype html>") and "<html" not in make(3)._repr_html_()


@pytest.mark.parametrize("make", MAKERS)
def test_an_empty_result_is_shown(make: Callable[[int], Result]) -> None:
    empty = make(0)
    assert "<h1>" in empty._repr_html_() and empty.to_html().endswith("</html>\n")
    assert str(empty) == "\n".join(empty.lines())
    assert json.loads(empty.to_json()).keys() >= empty.totals().keys()


@pytest.mark.parametrize("make", MAKERS)
def test_text_and_json_name_everything(make: Callable[[int], Result]) -> None:
    result = make(3)
    assert "--" not in str(result), "a library knows no flags"
    assert "nan" not in re.findall(r"\w+", str(result))
    if make is not examined:
        assert EVIL in str(result)
    told = json.loads(result.to_json())
    assert told.keys() == {*result.totals(), *result.frames()}
    assert json.loads(result.to_json(1)) == told and EVIL in result.to_json()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_short_description_has_twelve_lines_at_most(make: Callable[[int], Result], rows: int) -> None:
    result = make(rows)
    lines = repr(result).split("\n")
    assert len(lines) <= 12 and max(map(len, lines)) <= 100
    assert lines[0].startswith(f"{type(result).__name__}: ")
    texts = [line for line in result.lines() if line.strip()]
    left = re.match(r"… (\d+) more lines", lines[-1])
    assert len(lines) - bool(left) + int(left[1] if left else 0) == len(texts)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("rows", [0, 3])
def test_every_table_is_of_polars_or_pandas(
    make: Callable[[int], Result], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = make(rows)
    names = list(result.all_frames())
    assert result.main_table in names
    assert result.to_frame().equals(result.to_frame(result.main_table), null_equal=True)
    for name in names:
        frame, table = result.to_frame(name), result.to_pandas(name)
        assert isinstance(frame, pl.DataFrame) and isinstance(table, pd.DataFrame)
        assert (frame.height, frame.columns) == (len(table), list(table.columns))
    monkeypatch.setattr(homodb.settings, "frames", "pandas")
    assert isinstance(result.to_frame(), pd.DataFrame) and isinstance(result.to_frame(as_pandas=False), pl.DataFrame)
    with pytest.raises(OptionsError, match=messages.Results.no_table) as error:
        result.to_frame(f"{names[0]}s")
    assert error.value.option == "name"


def test_a_release_shows_itself() -> None:
    with homodb.open("starter") as release:
        brief, whole = repr(release), str(release)
        assert len(brief.split("\n")) <= 12 and "20 species" in brief
        assert "homo_sapiens" in whole and "HM_O2O" in whole and "<table>" in release._repr_html_()
        assert release.to_frame().height == 20 and isinstance(release.to_pandas("mappings"), pd.DataFrame)
    assert str(release) == repr(release) == brief and release._repr_html_() is None


def test_questions_answer_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = {"source": "human", "target": "mouse"}
    with homodb.open("starter") as release:
        asked: list[Callable[..., Any]] = [
            lambda **more: release.orthologs("INS", **pair, **more),
            lambda **more: release.joint_table(["human", "mouse"], **more),
            lambda **more: release.sql("SELECT name FROM species", **more),
            lambda **more: homodb.translate_genes(["INS"], to="mouse", source="human", release=release, **more),
        ]
        before = [ask() for ask in asked]
        monkeypatch.setattr(homodb.settings, "frames", "pandas")
        for ask, frame in zip(asked, before, strict=True):
            table = ask()
            assert isinstance(frame, pl.DataFrame) and isinstance(table, pd.DataFrame)
            assert (list(table.columns), len(table)) == (frame.columns, frame.height)
            assert isinstance(ask(as_pandas=True), pd.DataFrame) and isinstance(ask(as_pandas=False), pl.DataFrame)


@pytest.mark.parametrize("make", REPORTS)
def test_a_report_is_written_by_its_ending(make: Callable[[int], Result], tmp_path: Path) -> None:
    report = make(3)
    for suffix in (".tsv", ".json", ".html"):
        write_report(report, tmp_path / f"report{suffix}")
    assert (tmp_path / "report.tsv").read_text() == report.frames()["genes"].write_csv(separator="\t")
    assert (tmp_path / "report.json").read_text() == report.to_json(1) + "\n"
    assert (tmp_path / "report.html").read_text() == report.to_html()
    for name in ("report.pdf", "missing/report.tsv"):
        with pytest.raises(OutputError):
            write_report(report, tmp_path / name)
    with pytest.raises(OutputError, match=messages.Shared.is_input_or_output):
        check_report(tmp_path / "report.tsv", tmp_path / "." / "report.tsv")


def test_json_has_a_form_for_everything() -> None:
    value = {
        "nan": float("nan"), "inf": [float("-inf")], "array": np.array([1.0, np.nan]), "path": Path("a"),
        "decimals": (Decimal("2"), Decimal("2.5")), "number": np.int64(3), "text": "é<",
    }  # fmt: skip
    assert json_text(value) == (
        '{"nan": null, "inf": [null], "array": [1.0, null], "path": "a", "decimals": [2, 2.5], "number": 3, '
        '"text": "é<"}'
    )


def test_text_needs_no_template_engine() -> None:
    code = "import sys, homodb.cli.app, homodb.query.results\nassert not {'jinja2', 'markupsafe'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
