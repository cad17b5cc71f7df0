"""Report of an annotation, which also goes into ``uns``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock


@dataclass(frozen=True)
class Annotation(Result):
    """Report of an annotation.

    Parameters
    ----------
    label, key
        The column of the reference, and what results are called: ``obs["<label>_<key>"]``.
    method, strategy, release
        How.
    source, target
        Species of the query and of the reference.
    parameters
        Of the method.
    settings
        What else was chosen: evidence, query_label, ...
    cells
        Cells of the query.
    empty
        Of these, cells without any count of a known gene.
    unknown
        Cells without a label, the empty ones among them.
    reference_labels
        The reference's labels, and how many cells of it had each.
    found
        ``label, cells, confidence, distance`` (means), a row per label that was given, most cells first.
    numbers
        Where a number was carried, how it is spread: ``side, cells, least, lower_quartile, median, upper_quartile,
        greatest``, a row for the query and one for the reference. None where cell types were.
    only
        Labels that one side alone has; None where those of the query were not read.
    told
        What the method tells.
    tables
        Longer results, by name.
    versions
        Of homodb and of packages that count.
    notes
        What a user should know.
    """

    label: str
    key: str
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
    found: pl.DataFrame
    numbers: pl.DataFrame | None = None
    only: pl.DataFrame | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """Column of obs that holds the labels."""
        return f"{self.label}_{self.key}"

    def totals(self) -> dict[str, Any]:
        """Return all but the tables as plain values."""
        return {
            "column": self.column, "label": self.label, "method": self.method, "strategy": self.strategy,
            "release": self.release, "source": self.source, "target": self.target,
            "parameters": dict(self.parameters), "settings": dict(self.settings), "cells": self.cells,
            "empty": self.empty, "unknown": self.unknown, "reference_labels": dict(self.reference_labels),
            "found": self.found.to_dicts(), "numbers": [] if self.numbers is None else self.numbers.to_dicts(),
            "only": [] if self.only is None else self.only.to_dicts(),
            "told": dict(self.told), "versions": dict(self.versions), "notes": list(self.notes),
        }  # fmt: skip

    def uns(self) -> dict[str, Any]:
        """Return what stands in uns: values that h5ad and zarr can hold, and tables but for those of cells."""
        told = {
            name: value
            for name, value in self.totals().items()
            if name not in ("found", "numbers", "only", "reference_labels")
        }
        told["reference_labels"] = list(self.reference_labels)
        told["reference_cells"] = np.array(list(self.reference_labels.values()), np.int64)
        held: dict[str, Any] = storable(told)
        kept = {name: table.to_pandas() for name, table in self.tables.items() if "cell" not in table.columns}
        if kept:
            held["tables"] = kept
        return held

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield what was labelled and how, the labels with their cells, and what could not be labelled."""
        several = self.told.get("methods", ())
        by = f"{self.method} of {', '.join(several)}" if several else self.method
        by += "" if self.strategy == "none" else f", {self.strategy}"
        done = "labelled" if self.numbers is None else f"given {self.label}"
        lines = [f"{self.cells:,} cells of {self.source} {done} from {self.target} by {by}"]
        for row in [] if self.numbers is None else self.numbers.iter_rows(named=True):
            values = "  ".join(f"{name.replace('_', ' ')} {row[name]:.4g}" for name in list(row)[2:])
            lines.append(f"  {row['side']:<10} {row['cells']:>8,} cells   {values}")
        for row in self.found.iter_rows(named=True):
            lines.append(f"  {row['label']:<30} {row['cells']:>8,}   mean confidence {row['confidence']:.2f}")
        yield Heading(f"homodb annotate: {self.column}", level=1)
        yield Lines(lines[:1])
        yield Lines(lines[1:], in_page=False)
        means = {"confidence": GridColumn("mean confidence"), "distance": GridColumn("mean distance")}
        for table in (self.numbers, self.found):
            if table is not None and table.height:
                yield Grid(table, columns=means, in_text=False)
        if self.unknown:
            why = f", {self.empty:,} of them without any count" if self.empty else ""
            yield Lines([f"  {'unknown':<30} {self.unknown:>8,}{why}"])
        for row in [] if self.only is None else self.only.iter_rows(named=True):
            like = f"; is it {row['alike']!r}?" if row["alike"] else ""
            yield Lines([f"label of the {row['side']} only: {row['label']} ({row['cells']:,} cells{like})"])
        yield Lines([f"not run: {one}" for one in self.told.get("not_run", ())])
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
