"""What a sentence model learns from: pairs of cells, and how alike their expression is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.annotate.task import Side
from homodb.query.integrate.nearest import nearest
from homodb.query.integrate.principal import principal_components, unit_rows
from homodb.query.integrate.scaled import log_normalized, scaled
from homodb.schema.errors import AnnotationError

#: Close cells are among so many nearest.
NEAR = 10
_FEATURES = 2000
_COMPONENTS = 50
#: Columns that are never metadata: what differs between them is not what a cell is.
_NEVER = frozenset({"species", "organism", "donor", "donor_id", "individual", "patient", "subject"})


@dataclass(frozen=True)
class Cells:
    """Cells of one side to learn from.

    Parameters
    ----------
    sentences
        One of each cell, None for a cell that has none and is left aside.
    profiles
        Principal components of their expression, shape (cells, components).
    metadata
        Columns whose values should tell cells apart: by name a text or None per cell.
    """

    sentences: Sequence[str | None]
    profiles: npt.NDArray[np.float64]
    metadata: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Pairs:
    """Pairs of sentences, and the cosine that their embeddings should have, shape (pairs,), float32."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    target: npt.NDArray[np.float32]


def profiles_of(counts: sp.csr_matrix, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Compute principal components of log-normalised counts, over the 2 000 words that vary most.

    Parameters
    ----------
    counts
        Cells x words.
    seed
        Of the vector that the iteration begins with.

    Raises
    ------
    AnnotationError
        If there are too few cells, or words that vary.
    """
    logs = log_normalized(counts, np.asarray(counts.sum(axis=1), np.float64).ravel())
    mean = np.asarray(logs.mean(axis=0)).ravel()
    variance = np.asarray(logs.multiply(logs).mean(axis=0)).ravel() - mean**2
    chosen = np.argsort(-variance, kind="stable")[:_FEATURES]
    chosen = np.sort(chosen[variance[chosen] > 1e-12])
    k = min(_COMPONENTS, logs.shape[0] - 1, len(chosen) - 1)
    if k < 1:
        raise AnnotationError(
            f"{logs.shape[0]} cells with {len(chosen)} genes that vary are too few to fine-tune on: their profiles "
            "cannot be compared; set tune=0"
        )
    return principal_components(scaled(sp.csr_matrix(logs[:, chosen])), k, seed=seed).cells


def metadata_of(side: Side) -> dict[str, tuple[str | None, ...]]:
    """Return a side's columns of metadata: its phrases, but for those that name species or donors.

    A column whose values go with the donors one to one names donors, whatever it is called.
    """
    told = {}
    for name, texts in side.phrases.items():
        if name.lower() in _NEVER:
            continue
        if side.donor is not None:
            both = {(donor, text) for donor, text in zip(side.donor.tolist(), texts, strict=True) if text is not None}
            if len(both) > 1 and len({text for _, text in both}) == len({donor for donor, _ in both}) == len(both):
                continue
        told[name] = texts
    return told


def draw_pairs(sides: Sequence[Cells], n: int, *, seed: int = 0) -> Pairs:
    """Draw pairs of cells, of one side each, as published: half of them close and half random.

    The first cell of a pair is any. The second is, in turn, one of its ten nearest by the cosine of their profiles, or
    any other. The target is that cosine, and 0 where a column of metadata has different values. Profiles of different
    sides are not comparable, and a pair across species would teach the model what species look like.

    Parameters
    ----------
    sides
        Cells to draw from, each side in proportion to its cells.
    n
        How many pairs.
    seed
        Of the draw.

    Raises
    ------
    AnnotationError
        If no side has two cells with sentences.
    """
    rng = np.random.default_rng(seed)
    usable = [np.array([n for n, text in enumerate(one.sentences) if text is not None], np.int64) for one in sides]
    sizes = np.array([len(rows) if len(rows) > 1 else 0 for rows in usable])
    if not sizes.any():
        raise AnnotationError("fine-tuning needs at least two cells of one side that have sentences; set tune=0")
    side_of = rng.choice(len(sides), n, p=sizes / sizes.sum())
    close = np.arange(n) % 2 == 0
    first, second = [""] * n, [""] * n
    target = np.zeros(n, np.float32)
    for number, (cells, rows) in enumerate(zip(sides, usable, strict=True)):
        drawn = np.flatnonzero(side_of == number)
        if not len(drawn):
            continue
        units = unit_rows(cells.profiles[rows])
        a = rng.integers(0, len(rows), len(drawn))
        # any other: a step of 1 to all but one
        b = (a + rng.integers(1, len(rows), len(drawn))) % len(rows)
        near = close[drawn]
        b[near] = _close(units, a[near], rng)
        cosine = np.einsum("ij,ij->i", units[a], units[b])
        for texts in cells.metadata.values():
            cosine[[_differ(texts[x], texts[y]) for x, y in zip(rows[a].tolist(), rows[b].tolist(), strict=True)]] = 0.0
        target[drawn] = cosine
        for place, x, y in zip(drawn.tolist(), rows[a].tolist(), rows[b].tolist(), strict=True):
            first[place], second[place] = cells.sentences[x] or "", cells.sentences[y] or ""
    return Pairs(tuple(first), tuple(second), target)


def _close(
    units: npt.NDArray[np.float64], asked: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw for each asked cell one of its nearest others."""
    k = min(NEAR, len(units) - 1)
    if not len(asked):
        return asked
    found = nearest(units, units[asked], k + 1).indices
    others = found != asked[:, None]
    # among equal profiles a cell need not find itself: then its farthest is left out
    others[others.all(axis=1), -1] = False
    drawn: npt.NDArray[np.int64] = found[others].reshape(-1, k)[np.arange(len(asked)), rng.integers(0, k, len(asked))]
    return drawn


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
