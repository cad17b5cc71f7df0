"""One matrix of all objects, one below the other, features for genes: carried run by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.translate.aggregate import Aggregation, Links, TooWideError
from homodb.query.translate.carry import Sink
from homodb.query.translate.matrices import Rows
from homodb.query.translate.options import SlotPolicy
from homodb.query.translate.slots import Slot
from homodb.query.translate.values import Values, judge
from homodb.schema.counted import counted
from homodb.schema.errors import CountsError

_WHAT = {
    "log": "logarithms",
    "scaled": "scaled values (some are negative)",
    "nan": "NaN",
    "counts": "counts",
    "linear": "linear values",
}


@dataclass
class Part:
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


def judged(part: Part) -> Part:
    """Return the part with what a sample of it holds."""
    said, base = part.logged
    return replace(part, holds=judge(part.rows.sample(), logged=said, base=base))


def objection(slot: Slot, parts: Sequence[Part]) -> str | None:
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
    parts: Sequence[Part],
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
    parts: Sequence[Part], ways: Sequence[Aggregation], sink: Sink, dtype: np.dtype[Any], *, sparse: bool, count: bool,
    block: int | None, step: Callable[[int], None],
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


def _checked(part: Part, how: Aggregation, piece: Any, dtype: np.dtype[Any]) -> Any:
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
