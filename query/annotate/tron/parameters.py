"""Every number of TRON, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

from homodb.schema.errors import AnnotationError
from homodb.schema.options import Bounds

#: Values of the parameters that are words.
_WORDS = {
    "tune": ("layer", "whole", "nothing"),
    "start": ("rows", "columns", "links", "random"),
    "weights": ("non_negative", "any"),
    "unreached": ("leave_out", "mean"),
    "links": ("all", "best"),
}
#: Where the numbers may lie.
RANGES = {
    "hidden": Bounds(1, 10_000), "layers": Bounds(1, 100), "dropout": Bounds(0, 0.99),
    "learning_rate": Bounds(0, 10, above=True), "weight_decay": Bounds(0, 100), "batch": Bounds(1, 1_000_000),
    "epochs": Bounds(1, 100_000), "epoch_cells": Bounds(1, 100_000_000), "patience": Bounds(1, 100_000),
    "validation": Bounds(0, 0.9), "seeds": Bounds(1, 1_000), "min_cells": Bounds(1, 100_000_000),
    "tuning": Bounds(0, 1),
    "tuning_rate": Bounds(0, 10, above=True), "tuning_epochs": Bounds(1, 100_000), "stay": Bounds(0, 1_000_000),
}  # fmt: skip


def _field(default: Any, summary: str) -> Any:
    return field(default=default, metadata={"summary": summary})


@dataclass(frozen=True)
class TronParameters:
    """Checked parameters of TRON; the metadata of each field say what it is.

    Raises
    ------
    AnnotationError
        If a value is out of its range.
    """

    hidden: int = _field(64, "units of a hidden layer")
    layers: int = _field(2, "hidden layers")
    dropout: float = _field(0.2, "share of hidden units left out in a step of training")
    learning_rate: float = _field(1e-3, "of Adam, for the network")
    weight_decay: float = _field(1e-4, "of Adam, for the network")
    batch: int = _field(64, "cells per step")
    epochs: int = _field(60, "at most so many passes over the reference")
    epoch_cells: int = _field(10_000, "a pass sees at most so many cells, drawn anew each time")
    patience: int = _field(8, "training stops after so many passes without a lower loss, and returns to the best one")
    validation: float = _field(0.15, "share of cells held out to tell when to stop: whole donors where there are some")
    seeds: int = _field(5, "networks and layers, each from another seed: their mean decides, their spread is told")
    min_cells: int = _field(3, "reference genes seen in fewer reference cells are left out")
    links: str = _field("all", "all pairs of the strategy, or the best of each query gene")
    start: Literal["rows", "columns", "links", "random"] = _field(
        "rows", "first weights of the layer: rows, columns, links or random"
    )
    weights: str = _field("non_negative", "non_negative, or any")
    unreached: str = _field("leave_out", "reference genes that no query gene reaches: leave_out, or mean (as a bias)")
    tune: str = _field("layer", "what learns from labelled query cells: layer, whole (the network too), or nothing")
    tuning: float = _field(
        0.0, "share of labelled donors (cells, without donors) to learn from; 0: all, or half if none would be left"
    )
    tuning_rate: float = _field(0.02, "of Adam, for the layer")
    tuning_epochs: int = _field(60, "at most so many passes over labelled query cells")
    stay: float = _field(1e-4, "pull of the layer's weights to where they started")
    device: str = _field("auto", "auto, cpu or cuda")

    def __post_init__(self) -> None:
        for name, allowed in RANGES.items():
            allowed.check(name, getattr(self, name), AnnotationError)
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                raise AnnotationError(f"{name} is {getattr(self, name)!r}; there are {', '.join(words)}")

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Return parameters from names and values; values may be texts.

        Raises
        ------
        AnnotationError
            If there is no such parameter, or a value is none of its kind.

        Examples
        --------
        >>> TronParameters.read({"hidden": "32", "tune": "whole"}).hidden
        32
        """
        kinds: dict[str, Any] = {one.name: type(one.default) for one in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in given.items():
            if name not in kinds:
                raise AnnotationError(f"tron has no parameter {name!r}; it has {', '.join(kinds)}")
            try:
                read[name] = kinds[name](value)
                exact = isinstance(value, str) or read[name] == value
            except (TypeError, ValueError):
                exact = False
            if not exact:
                wanted = {int: "a whole number", float: "a number", str: "a word"}[kinds[name]]
                raise AnnotationError(f"{name} is {value!r}; wanted {wanted}")
        return cls(**read)

    def as_dict(self) -> dict[str, Any]:
        """Return all values by name."""
        return asdict(self)
