"""Columns of obs, as texts, as numbers, or numbered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import AnnotationError, HomodbError
from homodb.schema.io import check_there
from homodb.schema.messages import did_you_mean
from homodb.schema.names import texts

if TYPE_CHECKING:
    import anndata


def texts_of(adata: anndata.AnnData, name: str, side: str) -> tuple[str | None, ...]:
    """Return the values of a column of obs as text, None for those that are missing or blank.

    Raises
    ------
    AnnotationError
        If there is no such column.
    """
    if name not in adata.obs:
        there = ", ".join(map(str, adata.obs.columns)) or "no column"
        raise AnnotationError(
            f"obs of the {side} has no column {name!r}; it has {there}{did_you_mean(name, map(str, adata.obs))}"
        )
    return tuple((text or "").strip() or None for text in texts(adata.obs[name]))


def numbers_of(adata: anndata.AnnData, name: str, side: str) -> npt.NDArray[np.float64]:
    """Return a column of obs as numbers, NaN for those that are missing.

    Raises
    ------
    AnnotationError
        If there is no such column, or it holds something else, or what is not finite.
    """
    told = texts_of(adata, name, side)
    read = np.full(len(told), np.nan)
    for cell, text in enumerate(told):
        if text is None:
            continue
        try:
            read[cell] = float(text)
        except ValueError as error:
            raise AnnotationError(f"obs[{name!r}] of the {side} holds {text!r}, which is no number") from error
        if not np.isfinite(read[cell]):
            raise AnnotationError(f"obs[{name!r}] of the {side} holds {text}; wanted finite numbers")
    return read


def numbered(
    adata: anndata.AnnData, name: str | None, side: str
) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Return a column of obs as numbers, -1 for none, and what they mean."""
    if name is None:
        return None, ()
    told = texts_of(adata, name, side)
    names = tuple(sorted({text for text in told if text is not None}))
    number = {text: code for code, text in enumerate(names)}
    return np.array([-1 if text is None else number[text] for text in told], np.int64), names


def lines_of(path: Path, what: str, error: type[HomodbError]) -> list[str]:
    """Return the lines of a file, without a byte-order mark.

    Parameters
    ----------
    path
        The file.
    what
        What it should hold, for the message.
    error
        What is raised.

    Raises
    ------
    HomodbError
        Of that class, if the file is not there, or is no text.
    """
    check_there(path, error=error)
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as broken:
        raise error(f"{path}: cannot be read as {what} (it is no text in UTF-8)") from broken
    except OSError as broken:
        raise error(f"{path}: cannot be read as {what} ({broken.strerror or broken})") from broken


def validate_key_added(key: str | None, error: type[HomodbError]) -> None:
    """Refuse a name of results that a file could not hold: h5ad and zarr part names by slashes.

    Parameters
    ----------
    key
        The name; None for the default.
    error
        What is raised.

    Examples
    --------
    >>> from homodb.schema.errors import IntegrationError
    >>> check_key("a/b", IntegrationError)
    Traceback (most recent call last):
    ...
    homodb.schema.errors.IntegrationError: results cannot be called 'a/b'; give a name without a slash (--key)
    """
    if key is not None and (not key.strip() or "/" in key):
        raise error(f"results cannot be called {key!r}; give a name without a slash (--key)")
