"""What parts a stored AnnData has and what numbers are in them, read without reading them whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from homodb.query.stored import DAMAGED, read_element
from homodb.query.translate.slots import RAW, stored_slots
from homodb.query.translate.values import kind_of_values
from homodb.schema.errors import TranslationError

#: Numbers are judged by so many rows, in so many blocks.
_ROWS, _BLOCKS = 200, 4

#: Of a matrix stored by columns, rows cannot be read apart: so many of its values are looked at.
_VALUES = 100_000


@dataclass(frozen=True)
class Slot:
    """A matrix of cells and genes.

    Parameters
    ----------
    name
        ``X``, ``layers['counts']``, ``raw.X``.
    rows, columns
        Its shape.
    form
        ``dense``, ``CSR``, ``CSC``.
    dtype
        Type of its numbers.
    filled
        Share of its values that are stored; 1 where it is dense.
    kind
        What its numbers are: ``counts``, ``linear``, ``log``, ``scaled``, ``nan``, judged from a sample; ``not whole``
        where that cannot tell.
    """

    name: str
    rows: int
    columns: int
    form: str
    dtype: str
    filled: float
    kind: str


def read_part(path: Path, group: Any, part: str) -> Any:
    """Read one part of a stored AnnData as anndata does.

    Raises
    ------
    TranslationError
        If it is damaged.
    """
    try:
        return read_element(group[part])
    except DAMAGED as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise TranslationError(f"{path}: {part} cannot be read ({what})") from error


def slots(path: Path, group: Any) -> list[Slot]:
    """List the matrices of cells and genes, and judge each by a sample of its rows."""
    found = stored_slots(group)
    logged = "uns" in group and "log1p" in group["uns"]
    return [
        _slot(path, "raw.X" if slot == RAW else slot.label, found.matrix(slot), logged=logged and slot.label == "X")
        for slot in found.all()
    ]


def _slot(path: Path, name: str, element: Any, *, logged: bool) -> Slot:
    from anndata.io import sparse_dataset

    try:
        if hasattr(element, "shape"):
            rows, columns = (*element.shape, 1)[:2]
            judged: str = kind_of_values(_sample(element, rows), logged=logged)
            return Slot(name, rows, columns, "dense", str(element.dtype), 1.0, judged)
        matrix = sparse_dataset(element)
        rows, columns = matrix.shape
        stored = element["data"].shape[0]
        if matrix.format == "csr":
            judged = kind_of_values(_sample(matrix, rows), logged=logged)
        else:
            judged = _by_values(element["data"], logged)
        filled = stored / (rows * columns) if rows * columns else 0.0
        return Slot(name, rows, columns, matrix.format.upper(), str(element["data"].dtype), filled, judged)
    except (OSError, KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise TranslationError(f"{path}: {name} cannot be read ({what})") from error


def _sample(matrix: Any, rows: int) -> Any:
    """Read some blocks of rows, evenly spaced."""
    import scipy.sparse as sp

    size = max(1, min(rows, _ROWS) // _BLOCKS)
    starts = np.unique(np.linspace(0, max(rows - size, 0), _BLOCKS).astype(int))
    blocks = [matrix[start : start + size] for start in starts]
    return (
        sp.vstack(blocks).tocsr()
        if sp.issparse(blocks[0])
        else np.vstack([np.atleast_2d(np.asarray(b).T).T for b in blocks])
    )


def _by_values(data: Any, logged: bool) -> str:
    """Judge stored values without their rows."""
    step = max(1, data.shape[0] // _VALUES)
    values = np.asarray(data[::step] if step < 50 else data[:_VALUES], dtype=np.float64)
    if values.size and values.min() < 0:
        return "scaled"
    if np.array_equal(values, np.round(values)):
        return "counts"
    return "log" if logged and values.max() < 30 else "not whole"


def slot_table(found: list[Slot]) -> pl.DataFrame:
    """Return the slots as a frame, a row each."""
    names = list(Slot.__dataclass_fields__)
    schema = dict(zip(names, (pl.String, pl.Int64, pl.Int64, pl.String, pl.String, pl.Float64, pl.String), strict=True))
    return pl.DataFrame([[getattr(slot, name) for name in names] for slot in found], schema=schema, orient="row")
