"""What is given for a method of annotation is checked by one mechanism, before any file is looked at."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import homodb
from homodb.query.annotate import (
    METHODS,
    AnnotateOptions,
    AnnotationMethod,
    annotate_files,
    default_of,
    method_named,
    parse_parameters,
    read_options,
    stored_options,
)
from homodb.schema.errors import AnnotationError, TranslationError, VectorsError
from homodb.schema.options import Bounds, whole_number
from tests import messages

NUMBERS = [
    (method, name, field) for method in METHODS for name, field in method.settings.model_fields.items()
    if field.annotation in (int, float)
]  # fmt: skip


@pytest.mark.parametrize(("method", "name", "field"), NUMBERS, ids=lambda one: one if isinstance(one, str) else "")
def test_every_number_has_a_range_that_is_told(method: AnnotationMethod, name: str, field: Any) -> None:
    [allowed] = [one for one in field.metadata if isinstance(one, Bounds)]
    assert field.default in allowed
    over: Any = allowed.high * 10 + 1
    for value in (-1, "-1", over, str(over)):
        with pytest.raises(AnnotationError, match=messages.Annotate.is_must_be_at_least.format(name=name)):
            parse_parameters(method, {name: value})
    for value in ("nan", "inf", float("nan"), float("inf"), "-inf", "", "many", None, True):
        if (value, field.annotation) != (True, float):
            with pytest.raises(AnnotationError, match=f"^{name}: Expected "):
                parse_parameters(method, {name: value})


def test_every_parameter_stands_in_the_signature_with_its_default() -> None:
    signature = inspect.signature(homodb.annotate).parameters
    for method in METHODS:
        for name in method.settings.model_fields:
            assert signature[name].kind is inspect.Parameter.KEYWORD_ONLY
            assert signature[name].default == default_of(name), name
    for name, field in AnnotateOptions.model_fields.items():
        if name not in ("label_key", "parameters"):
            assert signature[name].default == field.default, name


def test_ranges() -> None:
    assert 1 in Bounds(0, 1, above=True) and 0 not in Bounds(0, 1, above=True) and float("nan") not in Bounds(0, 1)
    assert whole_number("1e3") == 1000
    for text in ("1.5", "x", "", "nan", "inf"):
        with pytest.raises(ValueError):  # noqa: PT011 (its message is for nobody)
            whole_number(text)
    assert parse_parameters(method_named("knn"), {"k": "1e2"})["k"] == 100


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("knn", {"k": "1e9"}, "^k: Expected at least 1 and at most 10,000, got 1000000000."),
        ("knn", {"features": -1}, "^features: Expected at least 2 and at most 1,000,000, got -1."),
        ("knn", {"dims": "1e9"}, "^dims: Expected at least 1 and at most 1,000, got 1000000000."),
        ("knn", {"weights": "near"}, "There is no weights 'near'; there are distance, uniform"),
        ("knn", {"scale": "center"}, "There is no scale 'center'.*did you mean 'centre'"),
        ("knn", {"integration": "protein"}, "There is no integration 'protein'; there are none, cca, harmony, scvi"),
        ("knn", {"model": "x"}, r"method knn has no parameter 'model'; it has k, .*; cellama has model"),
        ("knn", {"hidden": 3}, r"; tron has hidden"),
        ("knn", {"featuers": 3}, r"did you mean 'features'"),
        ("tron", {"min_cells": 0}, "min_cells: Expected at least 1 and .*, got 0"),
        ("tron", {"dropout": 1}, "dropout: Expected at least 0 and at most 0.99, got 1.0"),
        ("tron", {"tune": "half"}, "there are layer, whole, nothing"),
        ("cellama", {"tuned": "here"}, "tune .steps. is 0"),
        ("consensus", {"methods": "knn,svm"}, "there is no method 'svm'"),
        ("consensus", {"methods": "knn,consensus"}, "of other methods than itself"),
        ("consensus", {"methods": "knn,protein", "tron.seeds": 2}, "tron.seeds is for tron, and methods is 'knn,prot"),
        ("consensus", {"knn.k": 0}, "k: Expected at least 1"),
    ],
)
def test_what_will_not_do_is_said(method: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        parse_parameters(method_named(method), given)


def test_parameters_of_consensus_by_any_case() -> None:
    assert parse_parameters(method_named("consensus"), {"KNN.k": "7"}) == {"methods": None, "knn.k": 7}


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("knn", {"vectors": "v.tsv"}, "method knn does not use vectors; protein does"),
        ("tron", {"embedding": "kmer"}, "method tron does not use embedding; protein does"),
        ("knn", {"phrases": ["tissue"]}, "method knn does not use phrases; cellama does"),
        ("knn", {"spatial_key": "xy"}, "method knn does not use spatial_key; cellama does"),
        ("protein", {"strategy": "hm_o2o"}, "method protein does not use strategy; knn, tron and cellama do"),
        ("consensus", {"methods": "knn,protein", "phrases": ["tissue"]}, "method consensus does not use phrases"),
        ("knn", {"random_state": -1}, "random_state is -1; it must be at least 0"),
    ],
)
def test_what_a_method_does_not_use_is_refused(method: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        read_options({"label_key": "cell_type", "method": method, **given})


def test_what_a_method_uses_is_taken() -> None:
    for method, given in (
        ("protein", {"vectors": "v.tsv", "embedding": "kmer"}),
        ("cellama", {"phrases": ["tissue"], "spatial_key": "xy"}),
        ("consensus", {"methods": "knn,protein", "vectors": ["v.tsv"], "strategy": "hm_o2o"}),
        ("consensus", {"phrases": ["tissue"], "vectors": ["v.tsv"]}),
    ):
        assert read_options({"label_key": "cell_type", "method": method, **given}).method == method


def test_an_annotation_that_noted_more_can_be_run_again() -> None:
    entry = {"label_key": "cell_type", "method": "knn", "parameters": {"k": np.int64(3)}}
    again = stored_options({**entry, "settings": {"vectors": np.array(["v.tsv"]), "layer": "counts"}})
    assert again.vectors == () and again.layer == "counts" and again.parameters["k"] == 3


def test_all_is_checked_before_files_are_looked_at(tmp_path: Path) -> None:
    cells, out = tmp_path / "cells.h5ad", tmp_path / "out.h5ad"
    cells.write_text("nothing")
    for given, error, said in (
        ({"k": 0}, AnnotationError, "k: Expected at least 1"),
        ({"method": "svm"}, AnnotationError, "there is no method"),
        ({"vectors": "v.tsv"}, AnnotationError, "does not use vectors"),
        ({"labels": tmp_path / "no.tsv"}, AnnotationError, r"no\.tsv: there is no such file"),
        ({"method": "protein", "vectors": f"human={tmp_path}/v.tsv"}, VectorsError, r"v\.tsv: there is no such file"),
    ):
        with pytest.raises(error, match=said):
            annotate_files(
                cells, cells, out, read_options({"label_key": "cell_type", **given}), release="no such release"
            )
    options = read_options({"label_key": "cell_type"})
    with pytest.raises(TranslationError, match=messages.Annotate.other_h5ad):
        annotate_files(cells, tmp_path / "other.h5ad", out, options, release="no such release")
