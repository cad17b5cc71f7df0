"""A matrix of a file, as runs of its rows, however it lies there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from homodb.query.stored import encoding
from homodb.query.translate.matrices import CsrOnDisk, DenseOnDisk, Rows
from homodb.query.translate.transpose import TurnedOnDisk
from homodb.schema.errors import TranslationError


def rows_of(element: Any, shape: tuple[int, int], where: str, folder: Path, block: int | None) -> tuple[Rows, Any]:
    """Return a matrix as runs of rows, and the array whose compression a result gets.

    Parameters
    ----------
    element
        The matrix in an h5ad file or zarr store: dense, CSR or CSC.
    shape
        What obs and var say that it must have.
    where
        What it is called in messages: file and slot.
    folder
        Where a CSC matrix is turned round piece by piece; it is made then, and what it held goes.
    block
        Rows to take at a time; None to decide by values.

    Raises
    ------
    TranslationError
        If it is no matrix, or not of that shape.
    """
    kind = encoding(element)
    if kind in ("csr_matrix", "csc_matrix"):
        told = tuple(int(one) for one in element.attrs.get("shape", ()))
    elif kind == "array" and len(getattr(element, "shape", ())) == 2:
        told = tuple(element.shape)
    else:
        raise TranslationError(f"{where} is no matrix that is known (encoding {kind or 'not said'!r})")
    if told != shape:
        raise TranslationError(f"{where} is {told}, but obs and var are {shape}; the file is damaged")
    if kind == "array":
        return DenseOnDisk(element), element
    if kind == "csr_matrix":
        return CsrOnDisk(element, shape), element["data"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return TurnedOnDisk(element, shape, folder, block), element["data"]
