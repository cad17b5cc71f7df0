"""Convert names and labels to text; a missing one never becomes "nan"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from homodb.schema.messages import counted


def is_missing(value: object) -> bool:
    """Return whether a value is missing: None, NaN, NaT or pandas' NA.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing("nan")
    (True, True, False)
    """
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # a comparison with pandas' NA is NA, which is neither true nor false
        return True


def texts(values: Iterable[Any]) -> list[str | None]:
    """Return values as text; missing ones are None.

    Parameters
    ----------
    values
        A list, a NumPy array, a Series or Index of pandas or polars, a Categorical.

    Examples
    --------
    >>> texts(["INS", float("nan"), 7])
    ['INS', None, '7']
    """
    plain = values.tolist() if hasattr(values, "tolist") else values
    return [value if isinstance(value, str) else None if is_missing(value) else str(value) for value in plain]


def name_texts(values: Iterable[Any]) -> list[str]:
    """Return names as text; missing ones are empty. See :func:`texts`.

    Examples
    --------
    >>> name_texts(["INS", None])
    ['INS', '']
    """
    return [text or "" for text in texts(values)]


def unnamed_note(names: Iterable[str]) -> list[str]:
    """Return a note with the number of genes without a name, if there are any."""
    unnamed = sum(not name.strip() for name in names)
    return [f"{counted(unnamed, 'gene has', 'genes have')} no name, so what they are is unknown"] if unnamed else []
