"""Columns of obs, as texts, as numbers, or numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.query.names import texts
from homodb.schema.errors import AnnotationError
from homodb.schema.near import did_you_mean

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
