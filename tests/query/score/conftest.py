"""Cells made up for tests of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pytest

from homodb.query.cells import Coded
from homodb.query.score import Embedded


def coded(values: Sequence[object]) -> Coded:
    names, code = np.unique(np.asarray(values).astype(str), return_inverse=True)
    return Coded(code.astype(np.int64), tuple(names.tolist()))


class Make(Protocol):
    def __call__(
        self,
        points: np.ndarray,
        label: Sequence[object],
        species: Sequence[object],
        donor: Sequence[object] | None = None,
    ) -> Embedded: ...


@pytest.fixture(scope="session")
def make() -> Make:
    """Make cells of points, types, species and donors, as reading an AnnData does."""

    def made(
        points: np.ndarray,
        label: Sequence[object],
        species: Sequence[object],
        donor: Sequence[object] | None = None,
    ) -> Embedded:
        pairs = None if donor is None else [f"{a} {b}" for a, b in zip(species, donor, strict=True)]
        return Embedded(
            np.asarray(points, float), coded(label), coded(species), None if pairs is None else coded(pairs), "test"
        )

    return made


class Draw(Protocol):
    def __call__(self, seed: int, *, apart: float = 0.0, lone: bool = False, cells: int = 240) -> Embedded: ...


@pytest.fixture(scope="session")
def draw(make: Make) -> Draw:
    """Draw cells of three types in two species of three donors; a fourth type is the mouse's alone if `lone`.

    Types lie 10 apart; a species lies `apart` from the other in a direction of its own.
    """

    def drawn(seed: int, *, apart: float = 0.0, lone: bool = False, cells: int = 240) -> Embedded:
        rng = np.random.default_rng(seed)
        species = np.array(["human", "mouse"])[np.arange(cells) % 2]
        label = rng.integers(0, 3, cells)
        if lone:
            label[(species == "mouse") & (rng.random(cells) < 0.25)] = 3
        points = rng.normal(0, 1, (cells, 6))
        points[np.arange(cells), label] += 10
        points[:, 5] += apart * (species == "mouse")
        donor = rng.integers(0, 3, cells)
        return make(points, [f"type {one}" for one in label], species.tolist(), [f"d{one}" for one in donor])

    return drawn
