"""Errors carry the name of the parameter that they concern."""

from __future__ import annotations

import pickle

import pytest

from homodb.schema import errors
from homodb.schema.errors import HomodbError, InputError, MissingPackageError, OptionsError, Problem, TranslationError
from homodb.schema.options import Bounds

CLASSES = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, HomodbError)]


@pytest.mark.parametrize("kind", [one for one in CLASSES if one is not InputError])
def test_every_error_has_a_message_and_an_option(kind: type[HomodbError]) -> None:
    error = kind("there is no layer 'x'", option="layer")
    assert (str(error), error.option) == ("there is no layer 'x'", "layer")
    assert (str(kind("x")), kind("x").option) == ("x", None)


@pytest.mark.parametrize("option", [None, "layer"])
def test_an_error_comes_whole_out_of_a_worker(option: str | None) -> None:
    error = pickle.loads(pickle.dumps(TranslationError("there is no layer 'x'", option=option)))  # noqa: S301
    assert (type(error), str(error), error.option) == (TranslationError, "there is no layer 'x'", option)
    broken = pickle.loads(pickle.dumps(InputError("a.txt", [Problem(3, "no gene")])))  # noqa: S301
    assert (str(broken), broken.option) == ("a.txt: line 3: no gene", None)


def test_errors_made_elsewhere() -> None:
    assert MissingPackageError.of("UMAP", "umap-learn", "cells").option is None
    with pytest.raises(OptionsError) as caught:
        Bounds(1, 10).check("k", 11, OptionsError)
    assert caught.value.option == "k"
