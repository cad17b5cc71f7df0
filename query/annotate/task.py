"""What every method of annotation takes, and what it gives: one signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import SpeciesCells


@dataclass(frozen=True)
class OrthologyLinks:
    """The orthology graph between the two sides, over genes that are measured.

    Parameters
    ----------
    query, reference
        Columns of the query's and of the reference's counts that each pair links, shape (pairs,), int64.
    weight
        Share of the query gene's counts that goes to the reference gene, shape (pairs,), float64.
    evidence
        Evidence class of each pair.
    strategy
        What the mapping is called.
    """

    query: npt.NDArray[np.int64]
    reference: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    evidence: tuple[str, ...]
    strategy: str


@dataclass(frozen=True)
class AnnotationTask:
    """What is to be done: the types of the reference's cells are to be carried to the query's.

    Parameters
    ----------
    reference, query
        The two sides.
    best
        Pairs by which counts are translated: a query gene goes to its best reference gene (weights 1).
    all_pairs
        Every pair of the strategy.
    labels
        Names of cell types; empty where a number is carried.
    parameters
        What was chosen for the method, by name.
    random_state
        Seed of all random numbers.
    vectors
        Returns gene vectors of a side's species: ``(found, matrix)``, found being columns of the side's counts and
        matrix their vectors, float32; for the methods that work in protein space.
    progress
        Callback that receives the name of each step.
    """

    reference: SpeciesCells
    query: SpeciesCells
    best: OrthologyLinks
    all_pairs: OrthologyLinks
    labels: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    random_state: int = 42
    vectors: Callable[[SpeciesCells], tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] | None = None
    progress: Callable[[str], None] = lambda step: None


@dataclass(frozen=True)
class Labelled:
    """What a method gives for the cells of the query.

    Parameters
    ----------
    label
        Which of :attr:`Task.labels`, -1 for unknown, shape (query cells,), int64; -1 everywhere where a number is
        carried.
    confidence
        Share of evidence for that label, 0 to 1, shape (query cells,), float64; NaN for unknown cells, and for numbers.
    distance
        How far the cell is from the reference, in the method's own units; NaN where it cannot be told.
    told
        What is worth keeping in uns.
    tables
        Longer results, by name.
    seen
        Query cells that were learned from, or of a donor that was: they must not be evaluated; shape (query cells,).
        None: all whose label was given.
    reference_embedding, query_embedding
        Where cells lie, if the method has a space, shape (cells, dimensions), float32.
    number, spread
        Where a number is carried: what it is, and the standard deviation of what it was made of (neighbours, or
        networks), both in the unit of the reference's column, NaN for unknown, shape (query cells,). None otherwise.
    """

    label: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    distance: npt.NDArray[np.float64]
    told: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    reference_embedding: npt.NDArray[np.float32] | None = None
    query_embedding: npt.NDArray[np.float32] | None = None
    seen: npt.NDArray[np.bool_] | None = None
    number: npt.NDArray[np.float64] | None = None
    spread: npt.NDArray[np.float64] | None = None

    @classmethod
    def of_numbers(
        cls,
        number: npt.NDArray[np.float64],
        spread: npt.NDArray[np.float64],
        distance: npt.NDArray[np.float64],
        told: Mapping[str, Any],
        **more: Any,
    ) -> Self:
        """Return what a method gives that carries a number: no labels, and no confidence."""
        cells = len(number)
        return cls(
            np.full(cells, -1, np.int64), np.full(cells, np.nan), distance, told, number=number, spread=spread, **more
        )

    @property
    def unknown(self) -> npt.NDArray[np.bool_]:
        """Query cells that got nothing, shape (query cells,)."""
        return self.label < 0 if self.number is None else np.isnan(self.number)
