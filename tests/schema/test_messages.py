"""Messages about values that are not what a model declares."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, StrictBool, StrictFloat, StrictInt

from homodb.schema.errors import CatalogError, UnknownSpeciesError
from homodb.schema.messages import expected, translate_validation
from homodb.schema.models import FrozenModel, one_of


class Inner(FrozenModel):
    text: str = ""


class Model(FrozenModel):
    error = CatalogError

    text: str = ""
    whole: Annotated[StrictInt, Field(ge=2, le=1_000_000)] = 2
    number: Annotated[StrictFloat, Field(ge=0, le=0.05, allow_inf_nan=False)] = 0.0
    flag: StrictBool = False
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    table: dict[str, int] = Field(default={}, alias="values")
    choice: Annotated[str, one_of("colour", ("red", "green"))] = "red"
    other: Literal["a", "b"] = "a"  # an error of pydantic that has no sentence of its own

    def check(self) -> None:
        if self.text == "x" and self.flag:
            raise ValueError("text 'x' excludes flag")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": 5}, "[text]: Expected text, got 5."),
        ({"text": None}, "[text]: Expected text, got None."),
        ({"whole": 1}, "whole: Expected 2 or more, got 1."),
        ({"whole": 10**7}, "whole: Expected 1,000,000 or less, got 10000000."),
        ({"whole": True}, "whole: Expected a whole number, got True."),
        ({"whole": "2"}, "whole: Expected a whole number, got '2'."),
        ({"number": 0.06}, "number: Expected 0.05 or less, got 0.06."),
        ({"number": float("nan")}, "number: Expected a finite number, got nan."),
        ({"number": "1"}, "number: Expected a number, got '1'."),
        ({"flag": 1}, "flag: Expected true or false, got 1."),
        ({"inner": 1}, "inner: Expected a table, got 1."),
        ({"inner": {"text": 1}}, "inner: text: Expected text, got 1."),
        ({"inner": {"txt": 1}}, "inner: Unknown key 'txt'; there are text; did you mean 'text'?"),
        ({"several": "x"}, "several: Expected a list, got 'x'."),
        ({"several": [{}, {"text": 1}]}, "several 2: text: Expected text, got 1."),
        ({"values": []}, "values: Expected a table, got []."),
        ({"values": {"a\x1b": "x"}}, "values: a\\x1b: Unexpected value 'x'."),
        ({"choice": "rde"}, "choice: There is no colour 'rde'; there are red, green; did you mean 'red'?"),
        ({"other": "c"}, "other: Unexpected value 'c'."),
        ({"text": "x", "flag": True}, "text 'x' excludes flag."),
        ({"tetx": 1}, "Unknown key 'tetx'; there are text, whole, number, flag, inner, several, values, choice, "
                      "other; did you mean 'text'?"),
        ({"text": 1, "flag": 1}, "2 problems: [text]: Expected text, got 1. flag: Expected true or false, got 1."),
        (5, "Expected a table, got 5."),
    ],
)  # fmt: skip
def test_read(values: Any, message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        Model.read(values, "there.toml", headings={"text": "[text]"})
    assert str(caught.value) == f"there.toml: {message}"
    assert str(caught.value).isprintable()


def test_a_check_that_failed_by_an_error_of_homodb_keeps_its_class() -> None:
    error = translate_validation(ValueError(UnknownSpeciesError("no species is called 'humna'")), CatalogError, "x")
    assert type(error) is UnknownSpeciesError
    assert str(error) == "x: no species is called 'humna'."


def test_expected_is_short() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    for value in ("x" * 10_000, deep, 10**4000, list(range(10_000))):
        assert len(expected("less", value)) < 200
