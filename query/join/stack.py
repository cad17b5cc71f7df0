"""One matrix of all objects, one below the other, features for genes: carried run by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from homodb.query.cells import Rows, Sink, Slot, Values, judge
from homodb.query.translate import Aggregation, Links, SlotPolicy, TooWideError
from homodb.schema.errors import CountsError, JoinError
from homodb.schema.messages import counted, did_you_mean
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
    """One object's share of a matrix.

    Parameters
    ----------
    name
        What the object is called.
    rows
        Its matrix.
    links
        Which rows of its var go to which feature.
    is_gene
        Which rows of its var are genes, shape (genes,).
    kept
        Which of its cells stay; None for all.
    logged
        Whether it says that the values are logarithms, and to which base.
    holds
        What a sample of its values is.
    sums
        Sum over the cells of each row of var.
    totals
        Sum over the genes of each cell.
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


def judged(part: StackPart) -> StackPart:
    """Return the part with what a sample of it holds."""
    said, base = part.logged
    return replace(part, holds=judge(part.rows.sample(), logged=said, base=base))


def objection(slot: Slot, parts: Sequence[StackPart]) -> str | None:
    """Return what stands against putting these matrices together; None if nothing does."""
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
    """Carry a matrix of all objects into a sink.

    Parameters
    ----------
    slot
        Which matrix.
    parts
        Each object's share; where `count`, their sums and totals are set.
    sink
        Where it goes.
    sparse
        Whether the result is sparse.
    count
        Whether to add up what goes by.
    block
        Cells of a run; by default so many that they hold about four million values.
    step
        Called after each run with the number of cells read.

    Returns
    -------
    object, dtype
        What the sink made, and the type of its values.

    Raises
    ------
    CountsError
        If values turn up that must not be there: NaN, or negative ones that would be added up.
    """
    ways = [Aggregation(part.links, SlotPolicy.SUM, slot.label) for part in parts]
    dtype: np.dtype[Any] = np.result_type(*(how.dtype(part.rows.dtype) for how, part in zip(ways, parts, strict=True)))
    while True:
        try:
            return _carry(parts, ways, sink, dtype, sparse=sparse, count=count, block=block, step=step), dtype
        except TooWideError:
            dtype = np.dtype(np.int64)


def _carry(
    parts: Sequence[StackPart], ways: Sequence[Aggregation], sink: Sink, dtype: np.dtype[Any], *, sparse: bool,
    count: bool, block: int | None, step: Callable[[int], None],
) -> Any:  # fmt: skip
    sink.begin(dtype)
    done = 0
    for part, how in zip(parts, ways, strict=True):
        sums = np.zeros(part.rows.shape[1])
        totals: list[npt.NDArray[np.float64]] = []
        for start, stop in part.rows.cuts(block):
            piece = part.rows.take(start, stop)
            if part.kept is not None:
                piece = piece[np.flatnonzero(part.kept[start:stop])]
            made = _checked(part, how, piece, dtype)
            sink.add(sp.csr_matrix(made) if sparse and not sp.issparse(made) else made)
            if count:
                linear = _undone(piece, part.holds.base)
                sums += np.asarray(linear.T @ np.ones(piece.shape[0])).ravel()
                totals.append(np.asarray(linear @ part.is_gene.astype(np.float64)).ravel())
            step(done + stop)
        done += part.rows.shape[0]
        if count:
            part.sums, part.totals = sums, np.concatenate(totals) if totals else np.zeros(0)
    return sink.end()


def _checked(part: StackPart, how: Aggregation, piece: Any, dtype: np.dtype[Any]) -> Any:
    """Add up the genes of a run; an error says which object it is in."""
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


def _undone(piece: Any, base: float | None) -> Any:
    """Return what values are logarithms of."""
    if base is None:
        return piece
    scale = float(np.log(base))
    if not hasattr(piece, "indptr"):
        return np.expm1(piece * scale)
    changed = piece.astype(np.float64)
    changed.data = np.expm1(changed.data * scale)
    return changed


#: Columns that a join adds.
SPECIES, FILE, TOTAL, CELL = "species", "source_file", "homodb_total", "homodb_cell"


@dataclass(frozen=True)
class JoinedCells:
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
) -> JoinedCells:
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
    return JoinedCells(obs, tuple(kept), tuple(notes))


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
