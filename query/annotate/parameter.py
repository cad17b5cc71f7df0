"""A parameter of a method of annotation: its name, default, meaning, and how a text becomes its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from homodb.schema.errors import AnnotationError


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
    """

    name: str
    default: Any
    summary: str
    kind: type | None = None

    def read(self, value: Any) -> Any:
        """Return a value, or a text that was written for one, as the type that the parameter has.

        Raises
        ------
        AnnotationError
            If it is none of this type.
        """
        kind = self.kind or type(self.default)
        if value is None and self.default is None:
            return None
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if kind is bool and str(value).lower() in words:
            return words[str(value).lower()]
        try:
            read = kind(value) if kind is not bool else None
        except (TypeError, ValueError):
            read = None
        if read is None or (kind is int and not isinstance(value, str) and read != value):
            wanted = {int: "a whole number", float: "a number", bool: "yes or no"}.get(kind, f"a {kind.__name__}")
            raise AnnotationError(f"{self.name} is {value!r}; wanted {wanted}")
        return read


def fields_of(settings: type, summaries: Mapping[str, str] | None = None) -> tuple[Parameter, ...]:
    """Return the fields of a class of settings as parameters.

    Parameters
    ----------
    settings
        A dataclass whose fields have defaults; metadata ``summary`` says what each does. A field's kind is that of its
        annotation, and of a ``Literal`` that of its default.
    summaries
        What they do, by name, where metadata do not say it.
    """
    kinds = {"bool": bool, "float": float, "int": int, "str": str}
    return tuple(
        Parameter(
            one.name, one.default, (summaries or {}).get(one.name) or one.metadata.get("summary", ""),
            kinds.get(str(one.type).split(" ", 1)[0], type(one.default)),
        )
        for one in fields(settings)
    )  # fmt: skip
