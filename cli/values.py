"""Define options with bounded numbers or one of a few words; refuse conflicting options."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

import typer

from homodb.schema.errors import HomodbError, OptionsError
from homodb.schema.messages import choices_hint
from homodb.schema.options import Bounds, whole_number

Word = TypeVar("Word", bound=StrEnum)
#: More of anything than this is a slip of the finger.
_MANY = 1_000_000_000


def whole(*flags: str, low: int = 0, high: int = _MANY, metavar: str = "N", help: str, **more: Any) -> Any:  # noqa: A002
    """Define an option with a whole number."""
    parser = _read(flags[-1], Bounds(low, high), whole_number, "a whole number, such as 10")
    return typer.Option(*flags, metavar=metavar, help=help, parser=parser, **more)


def number(*flags: str, low: float, high: float, metavar: str, help: str, **more: Any) -> Any:  # noqa: A002
    """Define an option with a number; parameters as of :func:`whole`."""
    parser = _read(flags[-1], Bounds(low, high), float, "a number, such as 0.5")
    return typer.Option(*flags, metavar=metavar, help=help, parser=parser, **more)


def ensembl_release(flag: str, *, help: str) -> Any:  # noqa: A002
    """Define an option with a release of Ensembl: a number, or a date such as 2026_04."""
    read = _read(flag, Bounds(1, _MANY), whole_number, "a release, such as 116, or a date, such as 2026_04")

    def parse(text: Any) -> float | str:
        written = str(text).replace("-", "_")
        return written if re.fullmatch(r"\d{4}_\d\d", written) else read(text)

    return typer.Option(flag, metavar="N|YYYY_MM", help=help, parser=parse)


def word(*flags: str, kind: type[Word], help: str, metavar: str = "WORD", **more: Any) -> Any:  # noqa: A002
    """Define an option with one word of an enumeration. The help lists the words."""
    words = [str(one) for one in kind]

    def read(text: Any) -> Word:
        if str(text) not in words:
            raise OptionsError(f"{flags[-1]} does not take {str(text)!r}{choices_hint(str(text), words)}")
        return kind(str(text))

    def complete(incomplete: str) -> list[str]:
        return [one for one in words if one.startswith(incomplete)]

    listed = f"{help}: {', '.join(words[:-1])} or {words[-1]}."
    return typer.Option(*flags, metavar=metavar, help=listed, parser=read, autocompletion=complete, **more)


def _read(flag: str, bounds: Bounds, read: Callable[[str], float], wanted: str) -> Callable[[Any], float]:
    def parse(text: Any) -> float:
        try:
            value = read(str(text))
        except (ValueError, OverflowError) as error:
            raise OptionsError(f"{flag} is {str(text)!r}; wanted {wanted}") from error
        bounds.check(flag, value, OptionsError)
        return value

    return parse


def given(context: typer.Context, name: str) -> bool:
    """Return whether an option, by parameter name, is on the command line."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"


def refuse(context: typer.Context, names: Iterable[str], why: str, error: type[HomodbError] = OptionsError) -> None:
    """Refuse options that have no meaning here.

    Raises
    ------
    OptionsError
        If one of them is on the command line.
    """
    spelled = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    for name in names:
        if given(context, name):
            raise error(f"{spelled[name]} {why}")


def apart(one: str, other: str) -> OptionsError:
    """Return the error for two conflicting options.

    Examples
    --------
    >>> str(apart("--json", "--format csv"))
    '--json and --format csv do not go together: leave one of them out'
    """
    return OptionsError(f"{one} and {other} do not go together: leave one of them out")


def read_genes(given: Iterable[str]) -> list[str]:
    """Return named genes; ``-`` stands for the words of standard input, but for lines that begin with #."""
    return [
        gene
        for one in given
        for gene in (
            [one] if one != "-"
            else [word for line in sys.stdin if not line.startswith("#") for word in re.split(r"[\s,;]+", line) if word]
        )
    ]  # fmt: skip
