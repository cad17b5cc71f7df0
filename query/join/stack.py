"""Concatenate matrices and obs of all objects over shared features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from homodb.query.cells import ObsColumns, Rows, Sink, Slot, Values, judge, undo_logarithm
from homodb.query.translate import Aggregation, Links, SlotPolicy, TooWideError
from homodb.schema.errors import CountsError, JoinError
from homodb.schema.messages import counted
from homodb.schema.names import is_missing, name_texts, texts
from homodb.schema.species import Species

_WHAT = {
    "log": "logarithms",
    "scaled": "scaled values (some are negative)",
    "nan": "NaN",
    "counts": "counts",
    "linear": "linear values",
}


@dataclass
class StackPart:
    """Part of a matrix that comes from one object.

    Parameters
    ----------
    name
        Name of the object.
    rows
        Matrix of the object.
    links
        Links from rows of its var to features.
    is_gene
        Mask of the rows of its var that are genes, shape (genes,).
    kept
        Mask of the cells to keep; None for all.
    logged
        Whether the object records logarithms, and their base.
    holds
        Kind of values, from a sample.
    sums
        Sums over cells, per row of var.
    totals
        Sums over genes, per cell.
    """

    name: str
    rows: Rows
    links: Links
    is_gene: npt.NDArray[np.bool_]
    kept: npt.NDArray[np.bool_] | None
    logged: tuple[bool, float | None] = (False, None)
    holds: Values = field(default_factory=lambda: Values("linear"))
    sums: npt.NDArray[np.float64] | None = None
    totals: npt.NDArray[np.float64] | None = None


def with_kind_of_values(part: StackPart) -> StackPart:
    """Return the part with the kind of its values."""
    is_log, base = part.logged
    return replace(part, holds=judge(part.rows.sample(), logged=is_log, base=base))


def objection(slot: Slot, parts: Sequence[StackPart]) -> str | None:
    """Return why these matrices cannot be concatenated, or None."""
    for part in parts:
        kind = part.holds.kind
        if kind == "nan":
            return f"{slot.label} of {part.name} holds NaN; fill or remove such values before joining"
        if kind in ("log", "scaled") and part.links.several:
            return (
                f"{slot.label} of {part.name} holds {_WHAT[kind]}, and "
                f"{counted(part.links.several, 'feature adds', 'features add')} up several genes of it, which is wrong "
                "for such values; join counts (--layer counts, --layer raw), or use a one-to-one strategy"
            )
    kinds = {part.holds.kind: part.name for part in parts}
    for odd in ("log", "scaled"):
        other = next((kind for kind in kinds if kind != odd), None)
        if odd in kinds and other is not None:
            return (
                f"{slot.label} of {kinds[odd]} holds {_WHAT[odd]}, that of {kinds[other]} {_WHAT[other]}; join like "
                "with like: name the layer of counts for all, or one for each object (--layer)"
            )
    bases = {part.holds.base: part.name for part in parts if part.holds.kind == "log"}
    if len(bases) > 1:
        shown = ", ".join(f"{base:g} ({name})" for base, name in bases.items() if base)
        return f"{slot.label} holds logarithms to different bases: {shown}; join counts (--layer)"
    return None


def stack(
    slot: Slot,
    parts: Sequence[StackPart],
    sink: Sink,
    *,
    sparse: bool,
    count: bool,
    block: int | None,
    step: Callable[[int], None],
) -> tuple[Any, np.dtype[Any]]:
    """Concatenate a matrix of all objects into a sink.

    Parameters
    ----------
    slot
        Slot of the matrix.
    parts
        Part of each object.
    sink
        Destination of the result.
    sparse
        Whether the result is sparse.
    count
        Whether to set the sums and totals of the parts.
    block
        Number of cells per block; by default as many as hold about four million values.
    step
        Callback that receives the number of cells read after each block.

    Returns
    -------
    object, dtype
        Matrix returned by the sink, and type of its values.

    Raises
    ------
    CountsError
        If the matrix holds NaN, or negative values that would be summed.
    """
    aggregations = [Aggregation(part.links, SlotPolicy.SUM, slot.label) for part in parts]
    dtype: np.dtype[Any] = np.result_type(
        *(how.dtype(part.rows.dtype) for how, part in zip(aggregations, parts, strict=True))
    )
    while True:
        try:
            return _carry(parts, aggregations, sink, dtype, sparse=sparse, count=count, block=block, step=step), dtype
        except TooWideError:
            dtype = np.dtype(np.int64)


def _carry(
    parts: Sequence[StackPart], aggregations: Sequence[Aggregation], sink: Sink, dtype: np.dtype[Any], *, sparse: bool,
    count: bool, block: int | None, step: Callable[[int], None],
) -> Any:  # fmt: skip
    sink.begin(dtype)
    done = 0
    for part, how in zip(parts, aggregations, strict=True):
        sums = np.zeros(part.rows.shape[1])
        totals: list[npt.NDArray[np.float64]] = []
        for start, stop in part.rows.cuts(block):
            piece = part.rows.take(start, stop)
            if part.kept is not None:
                piece = piece[np.flatnonzero(part.kept[start:stop])]
            summed = _sum_genes(part, how, piece, dtype)
            sink.add(sp.csr_matrix(summed) if sparse and not sp.issparse(summed) else summed)
            if count:
                linear = undo_logarithm(piece, part.holds.base)
                sums += np.asarray(linear.T @ np.ones(piece.shape[0])).ravel()
                totals.append(np.asarray(linear @ part.is_gene.astype(np.float64)).ravel())
            step(done + stop)
        done += part.rows.shape[0]
        if count:
            part.sums, part.totals = sums, np.concatenate(totals) if totals else np.zeros(0)
    return sink.end()


def _sum_genes(part: StackPart, how: Aggregation, piece: Any, dtype: np.dtype[Any]) -> Any:
    """Sum the genes of a block; errors name the object."""
    values = np.asarray(piece.data if hasattr(piece, "indptr") else piece)
    if values.size and part.links.several and values.min() < 0:
        raise CountsError(
            f"{part.name}: {how.slot} holds negative values (the least is {values.min():g}), which must not be added "
            "up; join counts (--layer)"
        )
    try:
        return how.apply(piece, dtype)
    except CountsError as error:
        raise CountsError(f"{part.name}: {str(error).replace('translating', 'joining')}") from error


#: Columns that a join adds.
SPECIES, FILE, TOTAL, CELL = "species", "source_file", "homodb_total", "homodb_cell"


@dataclass(frozen=True)
class JoinedCells:
    """Cells of a joint object.

    Parameters
    ----------
    obs
        A row per cell, without totals.
    kept
        Mask of the cells to keep, for each object; None for all.
    notes
        Notes for the user.
    """

    obs: pd.DataFrame
    kept: tuple[npt.NDArray[np.bool_] | None, ...]
    notes: tuple[str, ...]


def concatenate_obs(
    tables: Sequence[pd.DataFrame], names: Sequence[str], species: Sequence[Species], shared_types: str | None
) -> JoinedCells:
    """Concatenate the obs of all objects.

    Parameters
    ----------
    tables
        The obs of each object.
    names, species
        Name and species of each object.
    shared_types
        Column of which only cells with values of all species are kept; None keeps all cells.

    Raises
    ------
    JoinError
        If an object lacks that column, no value of it is in all species, or there are no cells.
    """
    kept: list[npt.NDArray[np.bool_] | None] = [None] * len(tables)
    notes: list[str] = []
    if shared_types is not None:
        kept, notes = _shared(tables, names, species, shared_types)
    selected = [table if mask is None else table[mask] for table, mask in zip(tables, kept, strict=True)]
    empty = [name for name, table in zip(names, selected, strict=True) if not len(table)]
    if empty:
        raise JoinError(f"{empty[0]}: has no cells; leave it out")
    columns = list(dict.fromkeys(str(column) for table in selected for column in table.columns))
    obs = pd.DataFrame(index=_index(selected, notes))
    renamed = _renamed_columns(columns)
    for column in columns:
        obs[renamed.get(column, column)] = _column([table.get(column) for table in selected], selected)
    if renamed:
        notes.append(
            "columns of obs that were there: " + ", ".join(f"{old!r} is now {new!r}" for old, new in renamed.items())
        )
    some = [column for column in columns if any(column not in table for table in selected)]
    if some:
        notes.append(f"columns of obs that not all objects have, missing elsewhere: {', '.join(map(repr, some))}")
    sizes = [len(table) for table in selected]
    common = list(dict.fromkeys(one.common_name for one in species))
    obs[SPECIES] = pd.Categorical(np.repeat([one.common_name for one in species], sizes), categories=common)
    obs[FILE] = pd.Categorical(np.repeat(np.array(names, dtype=object), sizes), categories=list(names))
    if any("made unique" in note for note in notes):
        obs[CELL] = [one for table in selected for one in name_texts(table.index)]
    return JoinedCells(obs, tuple(kept), tuple(notes))


def _shared(
    tables: Sequence[pd.DataFrame], names: Sequence[str], species: Sequence[Species], column: str
) -> tuple[list[npt.NDArray[np.bool_] | None], list[str]]:
    """Return masks of cells with a value that all species have, and a note."""
    values = []
    for table, name in zip(tables, names, strict=True):
        obs = ObsColumns(table, JoinError, f"{name}: obs")
        values.append(texts(obs.column(column, "cell types", option="shared_types")))
    types: dict[Species, set[str]] = {}
    for one, column_values in zip(species, values, strict=True):
        types.setdefault(one, set()).update(value for value in column_values if value is not None)
    shared = set.intersection(*types.values())
    if not shared:
        listing = "; ".join(
            f"{one.common_name}: {', '.join(sorted(values)[:8]) or 'none'}" for one, values in types.items()
        )
        raise JoinError(f"no value of {column!r} is in all species ({listing}); make the labels alike")
    masks: list[npt.NDArray[np.bool_] | None] = [
        np.array([value in shared for value in column_values], dtype=bool) for column_values in values
    ]
    before, after = (
        sum(len(column_values) for column_values in values),
        sum(int(mask.sum()) for mask in masks if mask is not None),
    )
    alone = sorted(set.union(*types.values()) - shared)
    left = f" (left out: {', '.join(alone[:8])}{', ...' if len(alone) > 8 else ''})" if alone else ""
    which = counted(len(shared), f"value of {column!r} is", f"values of {column!r} are")
    return masks, [f"{which} in all species: {after:,} of {before:,} cells stay{left}"]


def _index(tables: Sequence[pd.DataFrame], notes: list[str]) -> pd.Index:
    """Return unique names of cells, numbered by object if names repeat."""
    names = [name_texts(table.index) for table in tables]
    together = [one for object_names in names for one in object_names]
    if len(set(together)) < len(together):
        notes.append(
            "names of cells repeat; they were made unique by the number of their object (-1, -2, ...), and what they "
            f"were is obs[{CELL!r}]"
        )
        together = [f"{one}-{number}" for number, object_names in enumerate(names, 1) for one in object_names]
    next_number: dict[str, int] = {}
    unique, taken = [], set(together)
    for one in together:
        number = next_number.get(one, 0)
        free = one
        while number and free in taken:
            free, number = f"{one}.{number}", number + 1
        next_number[one] = max(number, 1)
        taken.add(free)
        unique.append(free)
    return pd.Index(unique, dtype=object)


def _renamed_columns(columns: list[str]) -> dict[str, str]:
    """Return new names for columns with the name of one that a join adds."""
    renamed: dict[str, str] = {}
    for column in columns:
        if column in (SPECIES, FILE, TOTAL, CELL):
            new, number = f"{column}_given", 1
            while new in columns or new in renamed.values():
                new, number = f"{column}_given_{number}", number + 1
            renamed[column] = new
    return renamed


def _column(parts: list[pd.Series | None], tables: Sequence[pd.DataFrame]) -> Any:
    """Return a column of all objects, as text if kinds of values differ."""
    present = [part for part in parts if part is not None]
    whole = len(present) == len(parts)
    kinds = {_kind(part) for part in present}
    values = [
        part.tolist() if part is not None else [None] * len(table) for part, table in zip(parts, tables, strict=True)
    ]
    flat = [None if is_missing(one) else one for part_values in values for one in part_values]
    if kinds == {"bool"}:
        return pd.Series(flat, dtype="bool" if whole and None not in flat else "boolean").array
    if kinds == {"int"}:
        return pd.Series(flat, dtype="int64" if whole and None not in flat else "Int64").array
    if kinds <= {"int", "float", "bool"}:
        return np.array([np.nan if one is None else float(one) for one in flat])
    labels = texts(flat)
    order = [str(one) for part in present if isinstance(part.dtype, pd.CategoricalDtype) for one in part.cat.categories]
    different = sorted({one for one in labels if one is not None})
    used = set(different)
    ordered = [one for one in dict.fromkeys([*order, *different]) if one in used]
    if None not in labels and kinds == {"text"} and not order and len(different) == len(labels):
        return np.array(labels, dtype=object)
    return pd.Categorical(labels, categories=ordered)


def _kind(part: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(part.dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(part.dtype):
        return "int"
    if pd.api.types.is_float_dtype(part.dtype):
        return "float"
    return "text"
