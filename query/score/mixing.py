"""Measure how well species mix within each cell type, relative to what its composition allows.

Only cells of one type are compared, so types that lie apart do not count. A score is 1 on average if the species of
neighbours are drawn at random from the type's other cells, and 0 if all neighbours are of the cell's own species. It
may exceed 1 by chance, or if cells lie nearer to another species than to their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import kneighbors
from homodb.query.score.cell_scores import affinities
from homodb.query.score.contingency import nan_mean, ratio, weighted_mean
from homodb.query.score.embedded import Embedded

#: Columns of :meth:`Mixing.values`.
MIXING = ("neighbours", "ilisi", "share", "share_expected", "lisi", "lisi_expected")

#: Neighbours whose species count; neighbours of LISI, three for each of its perplexity. There are fewer if a species
#: has fewer cells of the type, so that all neighbours may be of a cell's own species.
NEIGHBOURS, LISI_NEIGHBOURS = 15, 90

#: A species with fewer cells of a type is left out of the type.
LEAST = 5

#: Least and most shuffles of a type's species, and the number of cells to shuffle in all between these.
_SHUFFLES, _SHUFFLED = (2, 8), 2_000

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _CellsOfType:
    """Cells of one type."""

    label: int  # the type, as index
    cells: _Ints  # indices among all cells, shape (cells,)
    species: _Ints  # 0, 1, ... among the species that count for the type, shape (cells,)
    near: _Ints  # rows of `cells`, nearest first, without the cell itself, shape (cells, k)
    affinity: _Floats  # weights of LISI, shape (cells, k)
    shuffled: _Ints  # shuffled species, shape (shuffles, cells)

    def values(self, weights: _Floats) -> _Floats:
        weight = weights[self.cells]
        if np.count_nonzero(np.bincount(self.species, weight)) < 2:
            return np.full(len(MIXING), np.nan)
        share, expected = self._share(weight)
        p = self.affinity * weight[self.near]
        p = ratio(p, p.sum(axis=1, keepdims=True))
        chance = [self._lisi(one, weight, p) for one in self.shuffled]
        finite = [one for one in chance if np.isfinite(one)]
        lisi, by_chance = self._lisi(self.species, weight, p), float(np.mean(finite)) if finite else np.nan
        return np.array([
            _by_species(share, self.species, weight) / _by_species(expected, self.species, weight),
            (lisi - 1) / (by_chance - 1) if by_chance > 1 else np.nan,
            weighted_mean(share, weight), weighted_mean(expected, weight), lisi, by_chance,
        ])  # fmt: skip

    def _share(self, weight: _Floats) -> tuple[_Floats, _Floats]:
        """Return the share of other species among the nearest cells (NaN without weight), and among all others."""
        near = self.near[:, :NEIGHBOURS]
        other = self.species[near] != self.species[:, None]
        total, of_species = weight.sum(), np.bincount(self.species, weight)
        return (
            ratio((weight[near] * other).sum(axis=1), weight[near].sum(axis=1)),
            ratio(total - of_species[self.species], total - weight),
        )

    def _lisi(self, species: _Ints, weight: _Floats, p: _Floats) -> float:
        """Return the mean effective number of species around a cell, by each species' share of the other cells.

        Without that share the index is highest where species are equal in number, not where they are mixed best: with
        nine mouse cells for a human one, human cells apart from half of the mouse ones would score best.
        """
        parts = np.empty((int(species.max()) + 1, len(p)))
        for one in range(len(parts)):
            mine = species == one
            others = weight @ mine - weight * mine
            near = np.where(mine[self.near], p, 0.0).sum(axis=1)
            parts[one] = np.divide(near, others, out=np.zeros(len(p)), where=others > 0)
        parts[:, np.isnan(p).any(axis=1)] = np.nan
        return _by_species(ratio(parts.sum(axis=0) ** 2, (parts**2).sum(axis=0)), species, weight)


@dataclass(frozen=True)
class Mixing:
    """Neighbours within every cell type of two species or more."""

    within: tuple[_CellsOfType, ...]  # cells by type
    left_out: tuple[int, ...]  # types of several species of which fewer than two have enough cells

    @property
    def labels(self) -> list[int]:
        """Types, as indices."""
        return [one.label for one in self.within]

    def values(self, weights: _Floats) -> _Floats:
        """Return scores for some weights of all cells.

        Returns
        -------
        numpy.ndarray
            Shape (types + 1, 6), columns as in ``MIXING``; the last row is the mean over types. ``neighbours``: share
            of other species among 15 neighbours, over their share among all other cells of the type. ``ilisi``: LISI
            - 1, 90 neighbours, perplexity 30, over the same with shuffled species; each species counts by its share of
            the type. Both average over species, so that one with few cells counts as much as any. ``share`` and
            ``share_expected`` are means over cells; ``lisi`` and ``lisi_expected`` are the two LISI.
        """
        rows = np.array([one.values(weights) for one in self.within]).reshape(-1, len(MIXING))
        return np.vstack([rows, nan_mean(rows)])


def find_mixing(embedded: Embedded, *, random_state: int = 42) -> Mixing:
    """Find the neighbours of every cell within its own type; memory grows with 90 neighbours of every cell."""
    within, left_out = [], []
    for label in range(len(embedded.label.names)):
        cells = np.flatnonzero(embedded.label.code == label)
        count = np.bincount(embedded.species.code[cells])
        enough = np.flatnonzero(count >= LEAST)
        if len(enough) > 1:
            cells = cells[np.isin(embedded.species.code[cells], enough)]
            within.append(_cells_of_type(embedded, label, cells, random_state))
        elif np.count_nonzero(count) > 1:
            left_out.append(label)
    return Mixing(tuple(within), tuple(left_out))


def _cells_of_type(embedded: Embedded, label: int, cells: _Ints, random_state: int) -> _CellsOfType:
    species = np.unique(embedded.species.code[cells], return_inverse=True)[1].astype(np.int64)
    k = min(LISI_NEIGHBOURS, int(np.bincount(species).min()) - 1)
    near = kneighbors(embedded.points[cells], k, exclude_self=True)
    rng = np.random.default_rng([random_state, label])
    shuffles = min(_SHUFFLES[1], max(_SHUFFLES[0], _SHUFFLED // len(cells)))
    shuffled = np.array([rng.permutation(species) for _ in range(shuffles)])
    weights = affinities(near.distances, max(1.0, k / 3))
    return _CellsOfType(label, cells, species, near.indices, weights, shuffled)


def _by_species(values: _Floats, species: _Ints, weight: _Floats) -> float:
    """Return the mean over species of their weighted means: one with few cells counts as much as any."""
    count = int(species.max()) + 1
    means = np.array([weighted_mean(values[species == one], weight[species == one]) for one in range(count)])
    return float(nan_mean(means))
