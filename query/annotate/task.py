"""Define the task that every annotation method takes, its result, and the report of an annotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import SpeciesCells
from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock
from homodb.schema.messages import counted


@dataclass(frozen=True)
class OrthologyLinks:
    """The orthology graph between the two sides, over measured genes."""

    query: npt.NDArray[np.int64]  # columns of both sides' counts that each pair links, shape (pairs,)
    reference: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]  # share of the query gene's counts that goes to the reference gene
    evidence: tuple[str, ...]  # evidence class of each pair
    strategy: str  # name of the mapping


@dataclass(frozen=True)
class AnnotationTask:
    """The two sides between which cell types are transferred.

    Parameters
    ----------
    reference, query
        The two sides.
    best
        Pairs by which counts are translated: a query gene goes to its best reference gene (weights 1).
    all_pairs
        Every pair of the strategy.
    labels
        Names of cell types; empty for a number.
    parameters
        Parameters of the method, by name.
    random_state
        Seed of all random numbers.
    vectors
        Function that returns gene vectors of a side's species: ``(columns, matrix)``, columns of the side's counts and
        their vectors, float32; for the methods that work in protein space.
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
    """Result of a method for the cells of the query.

    Parameters
    ----------
    label
        Index into :attr:`AnnotationTask.labels`, -1 for unknown, shape (query cells,), int64; -1 everywhere for a
        number.
    confidence
        Share of evidence for that label, 0 to 1, shape (query cells,), float64; NaN for unknown cells, and for numbers.
    distance
        Distance of the cell from the reference, in the method's own units; NaN if unknown.
    details
        Values worth keeping in uns.
    tables
        Longer results, by name.
    shown
        Mask of the query cells that were learned from, or of a donor that was: they must not be evaluated. None: all
        that had a label.
    reference_embedding, query_embedding
        Positions of the cells in the space that is searched for neighbours, by the angle between them, shape (cells,
        dimensions), float32; zeros for a cell without a position.
    number, spread
        The number, and the standard deviation among the neighbours or networks that it was made of, both in the unit
        of the reference's column, NaN for unknown, shape (query cells,). None for labels.
    """

    label: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    distance: npt.NDArray[np.float64]
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    reference_embedding: npt.NDArray[np.float32] | None = None
    query_embedding: npt.NDArray[np.float32] | None = None
    shown: npt.NDArray[np.bool_] | None = None
    number: npt.NDArray[np.float64] | None = None
    spread: npt.NDArray[np.float64] | None = None

    @classmethod
    def of_numbers(
        cls, number: npt.NDArray[np.float64], spread: npt.NDArray[np.float64], distance: npt.NDArray[np.float64],
        details: Mapping[str, Any], **others: Any,
    ) -> Self:  # fmt: skip
        """Return the result of a method that transfers a number: no labels, and no confidence."""
        label, confidence = np.full(len(number), -1, np.int64), np.full(len(number), np.nan)
        return cls(label, confidence, distance, details, number=number, spread=spread, **others)

    @property
    def unknown(self) -> npt.NDArray[np.bool_]:
        """Mask of the query cells without a result."""
        return self.label < 0 if self.number is None else np.isnan(self.number)


@dataclass(frozen=True, repr=False)
class Annotation(Result):
    """Report of an annotation.

    Parameters
    ----------
    label_key, key_added
        The column of the reference, and the suffix of results: ``obs["<label_key>_<key_added>"]``.
    method, strategy, release
        Method, name of the mapping, and version of the release.
    source, target
        Species of the query and of the reference.
    parameters
        Parameters of the method.
    settings
        Other options that were set: evidence, query_label_key, ...
    cells
        Number of cells of the query.
    empty
        Number of these without any count of a known gene.
    unknown
        Number of cells without a label, the empty ones among them.
    farther
        Number of cells that lie farther from the reference than 95 % of its own cells do from the rest of it; None if
        the method has no space of both.
    doubtful
        Number of cells with a label whose confidence is below a half.
    reference_labels
        The reference's labels, with the number of its cells that have each.
    labels
        ``label, cells, confidence, distance`` (means), a row per label that was given, most cells first.
    numbers
        Distribution of a number: ``side, cells, least, lower_quartile, median, upper_quartile, greatest``, a row for
        the query and one for the reference. None for labels.
    only
        Labels that one side alone has; None if those of the query were not read.
    details
        Details of the method.
    tables
        Longer results, by name.
    versions
        Versions of homodb and of packages that count.
    notes
        Notes for the user.
    """

    main_table: ClassVar[str] = "labels"

    label_key: str
    key_added: str
    method: str
    strategy: str
    release: str
    source: str
    target: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any]
    cells: int
    empty: int
    unknown: int
    reference_labels: Mapping[str, int]
    labels: pl.DataFrame
    numbers: pl.DataFrame | None = None
    only: pl.DataFrame | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    farther: int | None = None
    doubtful: int = 0

    @property
    def column(self) -> str:
        """Column of obs that holds the labels."""
        return f"{self.label_key}_{self.key_added}"

    @property
    def embedding(self) -> str:
        """Key of obsm that holds the positions of the cells."""
        return f"X_{self.column}"

    def summary(self) -> str:
        """Return what was done in one line."""
        by = self.method if self.strategy == "none" else f"{self.method}, {self.strategy}"
        without = f"{self.unknown:,} without a label" if self.numbers is None else f"{self.unknown:,} without a number"
        return (
            f"annotate: {counted(self.cells, 'cell')} of {self.source} from {self.target} by {by}: "
            f"obs[{self.column!r}], {without}"
        )

    def totals(self) -> dict[str, Any]:
        """Return the report without its tables as plain values."""
        return {
            "column": self.column, "embedding": self.embedding, "label_key": self.label_key, "method": self.method,
            "strategy": self.strategy,
            "release": self.release, "source": self.source, "target": self.target,
            "parameters": dict(self.parameters), "settings": dict(self.settings), "cells": self.cells,
            "empty": self.empty, "unknown": self.unknown, "reference_labels": dict(self.reference_labels),
            "labels": self.labels.to_dicts(), "numbers": [] if self.numbers is None else self.numbers.to_dicts(),
            "only": [] if self.only is None else self.only.to_dicts(),
            "details": dict(self.details), "versions": dict(self.versions), "notes": list(self.notes),
        }  # fmt: skip

    def all_frames(self) -> dict[str, pl.DataFrame]:
        """Return every table by its name: labels or numbers, ``only``, and the longer results."""
        frames = {"labels": self.labels if self.numbers is None else self.numbers, "only": self.only, **self.tables}
        return {name: frame for name, frame in frames.items() if frame is not None}

    def uns(self) -> dict[str, Any]:
        """Return the entry in uns: values that h5ad and zarr can hold, and tables other than those of cells."""
        entry = {
            name: value
            for name, value in self.totals().items()
            if name not in ("labels", "numbers", "only", "reference_labels")
        }
        entry["reference_labels"] = list(self.reference_labels)
        entry["reference_cells"] = np.array(list(self.reference_labels.values()), np.int64)
        held: dict[str, Any] = storable(entry)
        kept = {name: table.to_pandas() for name, table in self.tables.items() if "cell" not in table.columns}
        if kept:
            held["tables"] = kept
        return held

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the method, the labels with their cells, and the cells without a label."""
        several = self.details.get("methods", ())
        by = f"{self.method} of {', '.join(several)}" if several else self.method
        by += "" if self.strategy == "none" else f", {self.strategy}"
        done = "labelled" if self.numbers is None else f"given {self.label_key}"
        lines = [f"{self.cells:,} cells of {self.source} {done} from {self.target} by {by}"]
        for row in [] if self.numbers is None else self.numbers.iter_rows(named=True):
            values = "  ".join(f"{name.replace('_', ' ')} {row[name]:.4g}" for name in list(row)[2:])
            lines.append(f"  {row['side']:<10} {row['cells']:>8,} cells   {values}")
        for row in self.labels.iter_rows(named=True):
            lines.append(f"  {row['label']:<30} {row['cells']:>8,}   mean confidence {row['confidence']:.2f}")
        yield Heading(f"homodb annotate: {self.column}", level=1)
        yield Lines(lines[:1])
        yield Lines(lines[1:], in_page=False)
        means = {"confidence": GridColumn("mean confidence"), "distance": GridColumn("mean distance")}
        for table in (self.numbers, self.labels):
            if table is not None and table.height:
                yield Grid(table, columns=means, in_text=False)
        if self.unknown:
            why = f", {self.empty:,} of them without any count" if self.empty else ""
            yield Lines([f"  {'unknown':<30} {self.unknown:>8,}{why}"])
        if self.farther is not None:
            offer = (
                ""
                if self.numbers is not None or self.settings.get("unknown_below") is not None
                else (f"; unknown_below=0.5 leaves {self.doubtful:,} cells of less confidence without a label")
            )
            yield Lines([
                f"{self.farther:,} of {self.cells:,} cells lie farther from the reference than 95 % of the reference's "
                f"own cells do{offer}"
            ])  # fmt: skip
        for row in [] if self.only is None else self.only.iter_rows(named=True):
            like = f"; is it {row['alike']!r}?" if row["alike"] else ""
            yield Lines([f"label of the {row['side']} only: {row['label']} ({row['cells']:,} cells{like})"])
        yield Lines([f"not run: {one}" for one in self.details.get("not_run", ())])
        yield from map(Note, self.notes)


def storable(value: Any) -> Any:
    """Return a value as AnnData can write it: lists as arrays, None and empty dicts left out, others as text.

    Examples
    --------
    >>> storable({"k": 5, "none": None, "named": {"a/b": 1.0}})
    {'k': 5, 'named': {'a|b': 1.0}}
    """
    if isinstance(value, Mapping):
        held = {str(name).replace("/", "|"): storable(one) for name, one in value.items() if one is not None}
        return {name: one for name, one in held.items() if not (isinstance(one, dict) and not one)}
    if isinstance(value, list | tuple | set | frozenset):
        plain = list(value)
        numbers = bool(plain) and all(isinstance(one, int | float) for one in plain)
        return np.array(plain) if numbers else np.array([str(one) for one in plain], dtype=str)
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return value.astype(str)
    if isinstance(value, bool | int | float | str | np.ndarray | np.generic):
        return value
    return str(value)
