"""The obs of a joint object: the cells of all objects one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from homodb.query.names import is_missing, name_texts, texts
from homodb.schema.counted import counted
from homodb.schema.errors import JoinError
from homodb.schema.near import did_you_mean
from homodb.schema.species import Species

#: Columns that a join adds.
SPECIES, FILE, TOTAL, CELL = "species", "source_file", "homodb_total", "homodb_cell"


@dataclass(frozen=True)
class Cells:
    """The cells of a joint object.

    Parameters
    ----------
    obs
        A row per cell, without totals.
    kept
        For each object, which of its rows stay; None for all.
    notes
        What a user should know.
    """

    obs: pd.DataFrame
    kept: tuple[npt.NDArray[np.bool_] | None, ...]
    notes: tuple[str, ...]


def put_together(
    tables: Sequence[pd.DataFrame], names: Sequence[str], species: Sequence[Species], shared_types: str | None
) -> Cells:
    """Put the obs of all objects one below the other.

    Parameters
    ----------
    tables
        The obs of each object.
    names, species
        What each object is called, and its species.
    shared_types
        Column whose values all species must have for a cell to stay; None keeps all cells.

    Raises
    ------
    JoinError
        If an object lacks that column, no value of it is in all species, or there are no cells.
    """
    kept: list[npt.NDArray[np.bool_] | None] = [None] * len(tables)
    notes: list[str] = []
    if shared_types is not None:
        kept, notes = _shared(tables, names, species, shared_types)
    chosen = [table if mask is None else table[mask] for table, mask in zip(tables, kept, strict=True)]
    empty = [name for name, table in zip(names, chosen, strict=True) if not len(table)]
    if empty:
        raise JoinError(f"{empty[0]}: has no cells; leave it out")
    columns = list(dict.fromkeys(str(column) for table in chosen for column in table.columns))
    obs = pd.DataFrame(index=_index(chosen, notes))
    renamed = _apart(columns)
    for column in columns:
        obs[renamed.get(column, column)] = _column([table.get(column) for table in chosen], chosen)
    if renamed:
        notes.append(
            "columns of obs that were there: " + ", ".join(f"{old!r} is now {new!r}" for old, new in renamed.items())
        )
    some = [column for column in columns if any(column not in table for table in chosen)]
    if some:
        notes.append(f"columns of obs that not all objects have, missing elsewhere: {', '.join(map(repr, some))}")
    sizes = [len(table) for table in chosen]
    common = list(dict.fromkeys(one.common_name for one in species))
    obs[SPECIES] = pd.Categorical(np.repeat([one.common_name for one in species], sizes), categories=common)
    obs[FILE] = pd.Categorical(np.repeat(np.array(names, dtype=object), sizes), categories=list(names))
    if any("made unique" in note for note in notes):
        obs[CELL] = [one for table in chosen for one in name_texts(table.index)]
    return Cells(obs, tuple(kept), tuple(notes))


def _shared(
    tables: Sequence[pd.DataFrame], names: Sequence[str], species: Sequence[Species], column: str
) -> tuple[list[npt.NDArray[np.bool_] | None], list[str]]:
    """Return which cells have a value of the column that all species have."""
    values = []
    for table, name in zip(tables, names, strict=True):
        if column not in table:
            there = ", ".join(map(repr, table.columns)) or "none"
            close = did_you_mean(column, map(str, table))
            raise JoinError(f"{name}: obs has no column {column!r} (--shared-types); its columns are: {there}{close}")
        values.append(texts(table[column]))
    types: dict[Species, set[str]] = {}
    for one, told in zip(species, values, strict=True):
        types.setdefault(one, set()).update(value for value in told if value is not None)
    shared = set.intersection(*types.values())
    if not shared:
        seen = "; ".join(f"{one.common_name}: {', '.join(sorted(there)[:8]) or 'none'}" for one, there in types.items())
        raise JoinError(f"no value of {column!r} is in all species ({seen}); make the labels alike")
    masks: list[npt.NDArray[np.bool_] | None] = [
        np.array([value in shared for value in told], dtype=bool) for told in values
    ]
    before, after = sum(len(told) for told in values), sum(int(mask.sum()) for mask in masks if mask is not None)
    alone = sorted(set.union(*types.values()) - shared)
    left = f" (left out: {', '.join(alone[:8])}{', ...' if len(alone) > 8 else ''})" if alone else ""
    which = counted(len(shared), f"value of {column!r} is", f"values of {column!r} are")
    return masks, [f"{which} in all species: {after:,} of {before:,} cells stay{left}"]


def _index(tables: Sequence[pd.DataFrame], notes: list[str]) -> pd.Index:
    """Return unique names of cells; where names repeat, all get the number of their object."""
    names = [name_texts(table.index) for table in tables]
    together = [one for told in names for one in told]
    if len(set(together)) < len(together):
        notes.append(
            "names of cells repeat; they were made unique by the number of their object (-1, -2, ...), and what they "
            f"were is obs[{CELL!r}]"
        )
        together = [f"{one}-{number}" for number, told in enumerate(names, 1) for one in told]
    seen: dict[str, int] = {}
    apart, taken = [], set(together)
    for one in together:
        number = seen.get(one, 0)
        free = one
        while number and free in taken:
            free, number = f"{one}.{number}", number + 1
        seen[one] = max(number, 1)
        taken.add(free)
        apart.append(free)
    return pd.Index(apart, dtype=object)


def _apart(columns: list[str]) -> dict[str, str]:
    """Return new names for columns that stand where a join writes its own."""
    renamed: dict[str, str] = {}
    for column in columns:
        if column in (SPECIES, FILE, TOTAL, CELL):
            new, number = f"{column}_given", 1
            while new in columns or new in renamed.values():
                new, number = f"{column}_given_{number}", number + 1
            renamed[column] = new
    return renamed


def _column(parts: list[pd.Series | None], tables: Sequence[pd.DataFrame]) -> Any:
    """Return one column of all objects: of one kind of values, else of text."""
    there = [part for part in parts if part is not None]
    whole = len(there) == len(parts)
    kinds = {_kind(part) for part in there}
    values = [
        part.tolist() if part is not None else [None] * len(table) for part, table in zip(parts, tables, strict=True)
    ]
    flat = [None if is_missing(one) else one for told in values for one in told]
    if kinds == {"bool"}:
        return pd.Series(flat, dtype="bool" if whole and None not in flat else "boolean").array
    if kinds == {"int"}:
        return pd.Series(flat, dtype="int64" if whole and None not in flat else "Int64").array
    if kinds <= {"int", "float", "bool"}:
        return np.array([np.nan if one is None else float(one) for one in flat])
    labels = texts(flat)
    order = [str(one) for part in there if isinstance(part.dtype, pd.CategoricalDtype) for one in part.cat.categories]
    found = sorted({one for one in labels if one is not None})
    used = set(found)
    ordered = [one for one in dict.fromkeys([*order, *found]) if one in used]
    if None not in labels and kinds == {"text"} and not order and len(found) == len(labels):
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
