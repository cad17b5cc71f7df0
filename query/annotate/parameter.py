"""A parameter of a method of annotation: its name, default, meaning, and how a text becomes its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from homodb.query.ranges import Range, whole_number
from homodb.schema.errors import AnnotationError
from homodb.schema.near import there_are

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method.

    Parameters
    ----------
    name
        Its name, as ``--set NAME=VALUE`` has it.
    default
        Its value unless another is given.
    summary
        What it does.
    kind
        Its type, where the default (None) does not tell.
    allowed
        Where a number may lie; every number has a range.
    words
        The words that there are, where it is one of some.
    """

    name: str
    default: Any
    summary: str
    kind: type | None = None
    allowed: Range | None = None
    words: tuple[str, ...] = ()

    def read(self, value: Any) -> Any:
        """Return a value, or a text that was written for one, as the type that the parameter has.

        Raises
        ------
        AnnotationError
            If it is none of this type, out of its range, or none of its words.

        Examples
        --------
        >>> Parameter("k", 5, "neighbours", allowed=Range(1, 10_000)).read("7")
        7
        """
        if value is None and self.default is None:
            return None
        kind = self.kind or type(self.default)
        try:
            read = _as(kind, value)
        except (TypeError, ValueError, OverflowError):
            wanted = {int: "a whole number", float: "a number", bool: "yes or no"}.get(kind, f"a {kind.__name__}")
            raise AnnotationError(f"{self.name} is {value!r}; wanted {wanted}") from None
        if self.allowed is not None:
            self.allowed.check(self.name, read, AnnotationError)
        if self.words and str(read).lower() not in self.words:
            raise AnnotationError(f"there is no {self.name} {read!r}" + there_are(str(read), self.words))
        return str(read).lower() if self.words else read


def _as(kind: type, value: Any) -> Any:
    """Return a value, or a text for one, as of a type; raise ValueError where it is none."""
    if kind is bool:
        if str(value).lower() not in _WORDS:
            raise ValueError(value)
        return _WORDS[str(value).lower()]
    if kind is not int:
        return kind(value)
    read = whole_number(value) if isinstance(value, str) else int(value)
    if not isinstance(value, str) and (read != value or isinstance(value, bool)):
        raise ValueError(value)
    return read


def fields_of(
    settings: type, ranges: Mapping[str, Range], summaries: Mapping[str, str] | None = None
) -> tuple[Parameter, ...]:
    """Return the fields of a class of settings as parameters.

    Parameters
    ----------
    settings
        A dataclass whose fields have defaults; metadata ``summary`` says what each does. A field's kind is that of its
        annotation, and of a ``Literal`` that of its default.
    ranges
        Where its numbers may lie, by name.
    summaries
        What they do, by name, where metadata do not say it.
    """
    kinds = {"bool": bool, "float": float, "int": int, "str": str}
    return tuple(
        Parameter(
            one.name, one.default, (summaries or {}).get(one.name) or one.metadata.get("summary", ""),
            kinds.get(str(one.type).split(" ", 1)[0], type(one.default)), ranges.get(one.name),
        )
        for one in fields(settings)
    )  # fmt: skip
