"""Read columns of obs, and check names of results."""

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
    """Return a column of obs as texts, None where missing or blank.

    Raises
    ------
    AnnotationError
        If there is no such column.
    """
    if name not in adata.obs:
        columns = ", ".join(map(str, adata.obs.columns)) or "no column"
        raise AnnotationError(
            f"obs of the {side} has no column {name!r}; it has {columns}{did_you_mean(name, map(str, adata.obs))}"
        )
    return tuple((text or "").strip() or None for text in texts(adata.obs[name]))


def numbers_of(adata: anndata.AnnData, name: str, side: str) -> npt.NDArray[np.float64]:
    """Return a column of obs as numbers, NaN for those that are missing.

    Raises
    ------
    AnnotationError
        If there is no such column, or a value is not a finite number.
    """
    values = texts_of(adata, name, side)
    numbers = np.full(len(values), np.nan)
    for cell, text in enumerate(values):
        if text is None:
            continue
        try:
            numbers[cell] = float(text)
        except ValueError as error:
            raise AnnotationError(f"obs[{name!r}] of the {side} holds {text!r}, which is no number") from error
        if not np.isfinite(numbers[cell]):
            raise AnnotationError(f"obs[{name!r}] of the {side} holds {text}; wanted finite numbers")
    return numbers


def numbered(
    adata: anndata.AnnData, name: str | None, side: str
) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Return a column of obs as codes, -1 where missing, and their names."""
    if name is None:
        return None, ()
    values = texts_of(adata, name, side)
    names = tuple(sorted({text for text in values if text is not None}))
    codes = {text: code for code, text in enumerate(names)}
    return np.array([-1 if text is None else codes[text] for text in values], np.int64), names


def lines_of(path: Path, what: str, error: type[HomodbError]) -> list[str]:
    """Return the lines of a file, without a byte-order mark.

    Parameters
    ----------
    path
        The file.
    what
        Expected content, for the message.
    error
        Class of the error.

    Raises
    ------
    HomodbError
        Of that class, if the file does not exist or is not text.
    """
    check_there(path, error=error)
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as broken:
        raise error(f"{path}: cannot be read as {what} (it is no text in UTF-8)") from broken
    except OSError as broken:
        raise error(f"{path}: cannot be read as {what} ({broken.strerror or broken})") from broken


def validate_key_added(key: str | None, error: type[HomodbError]) -> None:
    """Check that a name for results can be stored in h5ad and zarr.

    Both separate names by slashes.

    Parameters
    ----------
    key
        The name; None for the default.
    error
        Class of the error.

    Examples
    --------
    >>> from homodb.schema.errors import IntegrationError
    >>> validate_key_added("a/b", IntegrationError)
    Traceback (most recent call last):
    ...
    homodb.schema.errors.IntegrationError: results cannot be called 'a/b'; give a name without a slash (--key)
    """
    if key is not None and (not key.strip() or "/" in key):
        raise error(f"results cannot be called {key!r}; give a name without a slash (--key)")
