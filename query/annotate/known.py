"""What is known of both sides' cells: types, or numbers, and which of the query's a method may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.labels import LabelMap, mapped, read_labels
from homodb.query.annotate.options import Choices
from homodb.query.annotate.sides import Read
from homodb.query.annotate.task import Side
from homodb.schema.errors import AnnotationError

Texts = tuple[str | None, ...]


@dataclass(frozen=True)
class Known:
    """Both sides, with what is known of their cells.

    Parameters
    ----------
    query, reference
        All their cells.
    has
        Which cells of the reference have a type, or a number, shape (cells,).
    labels
        Names of the types; empty where numbers are carried.
    query_named, reference_named
        Types, mapped, of the query's cells (None where no column of it was named) and of the reference's; none where
        numbers are carried.
    """

    query: Side
    reference: Side
    has: npt.NDArray[np.bool_]
    labels: tuple[str, ...]
    query_named: Texts | None
    reference_named: Texts


def known(query: Read, reference: Read, choices: Choices) -> Known:
    """Return what is known.

    Raises
    ------
    AnnotationError
        If the reference has fewer than two types or numbers, or a type of its own for every cell, if a donor is
        unknown, or the table of labels will not do.
    """
    seen = _shown(query, choices.query_donors)
    asked = None if choices.query_label is None else (None,) * query.side.n_cells
    if reference.side.number is not None:
        _check_numbers(reference.side.number, choices.label)
        number = query.side.number
        side = query.side if number is None else replace(query.side, number=np.where(seen, number, np.nan))
        return Known(side, reference.side, reference.side.known, (), asked, ())
    meaning = LabelMap() if choices.labels is None else read_labels(choices.labels)
    named = mapped(reference.named or (), meaning.reference)
    labels = _labels(named, reference.side.n_cells, choices.label)
    told = mapped(query.named or (None,) * query.side.n_cells, meaning.query)
    told = tuple(one if shown else None for one, shown in zip(told, seen.tolist(), strict=True))
    labels = (*labels, *sorted({one for one in told if one is not None} - set(labels)))
    side = _with_labels(reference.side, named, labels)
    return Known(
        _with_labels(query.side, told, labels), side, side.known, labels, None if asked is None else told, named
    )


def _shown(query: Read, donors: Sequence[str] | None) -> npt.NDArray[np.bool_]:
    """Return which cells of the query may show what is known of them."""
    if donors is None or query.side.donor is None:
        return np.ones(query.side.n_cells, np.bool_)
    unknown = [one for one in donors if one not in query.donors]
    if unknown:
        raise AnnotationError(
            f"the query has no donor {unknown[0]!r}; it has {', '.join(query.donors)} (--query-donors)"
        )
    return np.isin(query.side.donor, [query.donors.index(one) for one in donors])


def _check_numbers(number: npt.NDArray[np.float64], label: str) -> None:
    different = len(np.unique(number[np.isfinite(number)]))
    if different < 2:
        seen = "one number" if different else "no number"
        raise AnnotationError(f"obs[{label!r}] of the reference has {seen}; two are needed to learn from (--label)")


def _labels(named: Texts, cells: int, label: str) -> tuple[str, ...]:
    """Return the types of the reference, sorted."""
    names = sorted({one for one in named if one is not None})
    if len(names) < 2:
        seen = f"one label, {names[0]!r}" if names else "no label"
        raise AnnotationError(
            f"obs[{label!r}] of the reference has {seen}; two are needed to tell cells apart (--label)"
        )
    if len(names) == cells:
        raise AnnotationError(
            f"obs[{label!r}] of the reference is different for every one of its {cells} cells; name a column of cell"
            " types (--label), or say that it holds numbers (--numeric)"
        )
    return tuple(names)


def _with_labels(side: Side, named: Texts, names: Sequence[str]) -> Side:
    number = {name: code for code, name in enumerate(names)}
    return replace(side, label=np.array([-1 if one is None else number[one] for one in named], np.int64))
