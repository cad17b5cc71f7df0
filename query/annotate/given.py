"""What was given for a method of annotation: its parameters, read and checked before anything else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homodb.query.annotate.methods import METHODS, Method, members, method_named
from homodb.query.annotate.parameter import Parameter
from homodb.schema.errors import AnnotationError
from homodb.schema.near import did_you_mean


def read_parameters(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a method, with what was given in place of the defaults.

    Parameters
    ----------
    method
        Which.
    given
        Values, or texts, by name. Consensus also takes those of its methods: ``knn.k``.

    Raises
    ------
    AnnotationError
        If the method has no such parameter, or a value is none of its type, its words or its range.

    Examples
    --------
    >>> read_parameters(method_named("knn"), {"k": "5"})["k"]
    5
    """
    known = {one.name: one for one in method.parameters}
    read = {name: one.default for name, one in known.items()}
    of_members: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        owner, dot, own = name.partition(".")
        if method.name == "consensus" and dot:
            of_members.setdefault(method_named(owner).name, {})[own] = value
        elif name not in known:
            there = ", ".join(known) or "none"
            raise AnnotationError(
                f"method {method.name} has no parameter {name!r}; it has {there}{_owners(name, known)}"
            )
        else:
            read[name] = known[name].read(value)
    chosen = [one.name for one in members(read)] if method.name == "consensus" else []
    for owner, values in of_members.items():
        if owner not in chosen:
            raise AnnotationError(f"{owner}.{next(iter(values))} is for {owner}, and methods is {read['methods']!r}")
        of_member = read_parameters(method_named(owner), values)
        read |= {f"{owner}.{own}": of_member[own] for own in values}
    if method.check is not None:
        method.check(read)
    return read


def split_parameters(texts: list[str]) -> dict[str, str]:
    """Read parameters that were written as ``name=value``.

    Raises
    ------
    AnnotationError
        If one is not of this form.

    Examples
    --------
    >>> split_parameters(["k=5", "scale=each"])
    {'k': '5', 'scale': 'each'}
    """
    read = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise AnnotationError(f"--set {text}: wanted NAME=VALUE, such as k=5")
        read[name.strip()] = value.strip()
    return read


def _owners(name: str, known: Mapping[str, Parameter]) -> str:
    """Return what a message says of a parameter that another method has, or that is misspelt."""
    others = [one.name for one in METHODS if name in [own.name for own in one.parameters]]
    if not others:
        return did_you_mean(name, known)
    return f"; {' and '.join(others)} {'has' if len(others) == 1 else 'have'} {name}"
