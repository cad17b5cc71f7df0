"""How well species mix within each cell type, relative to what the type's composition allows.

Only cells of one type are looked at, so that types being apart does not count. Where the species of neighbours are
drawn at random from the type's other cells, a score is 1 on average; it is 0 where all neighbours are of the cell's own
species. It may exceed 1: by chance, or where cells lie nearer to another species than to their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import kneighbors_excluding_self
from homodb.query.score.contingency import nan_mean, ratio, weighted_mean
from homodb.query.score.embedded import Embedded
from homodb.query.score.lisi import affinities

#: What :meth:`Mixing.values` returns of each type.
MIXING = ("neighbours", "ilisi", "share", "share_expected", "lisi", "lisi_expected")

#: Neighbours whose species are counted; neighbours of LISI, three for each of its perplexity. Of a type of which a
#: species has no more cells than that there are fewer: so many that all may be of a cell's own species.
NEIGHBOURS, LISI_NEIGHBOURS = 15, 90

#: A species with fewer cells of a type is left out of the type.
LEAST = 5

#: Shuffles of a type's species: least and most, and how many cells are shuffled in all between these.
_SHUFFLES, _SHUFFLED = (2, 8), 2_000

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Within:
    """The cells of one type.

    Parameters
    ----------
    label
        The type, as an index.
    cells
        Shape (cells,): indices among all cells.
    species
        Shape (cells,): 0, 1, ... among the species that count for the type.
    near
        Shape (cells, k): rows of `cells`, nearest first, without the cell itself.
    affinity
        Shape (cells, k): weights of LISI.
    shuffled
        Shape (shuffles, cells): species, shuffled.
    """

    label: int
    cells: _Ints
    species: _Ints
    near: _Ints
    affinity: _Floats
    shuffled: _Ints

    def values(self, weights: _Floats) -> _Floats:
        weight = weights[self.cells]
        if np.count_nonzero(np.bincount(self.species, weight)) < 2:
            return np.full(len(MIXING), np.nan)
        share, expected = self._share(weight)
        p = self.affinity * weight[self.near]
        p = ratio(p, p.sum(axis=1, keepdims=True))
        lisi = _balanced_lisi(self.species, weight, self.near, p)
        chance = [_by_species(_balanced_lisi(one, weight, self.near, p), one, weight) for one in self.shuffled]
        told = [one for one in chance if np.isfinite(one)]
        seen, by_chance = _by_species(lisi, self.species, weight), float(np.mean(told)) if told else np.nan
        return np.array([
            _by_species(share, self.species, weight) / _by_species(expected, self.species, weight),
            (seen - 1) / (by_chance - 1) if by_chance > 1 else np.nan,
            weighted_mean(share, weight), weighted_mean(expected, weight), seen, by_chance,
        ])  # fmt: skip

    def _share(self, weight: _Floats) -> tuple[_Floats, _Floats]:
        """Return the share of other species among the nearest (NaN where these weigh nothing), and among all others."""
        near = self.near[:, :NEIGHBOURS]
        other = self.species[near] != self.species[:, None]
        total, of_species = weight.sum(), np.bincount(self.species, weight)
        return (
            ratio((weight[near] * other).sum(axis=1), weight[near].sum(axis=1)),
            ratio(total - of_species[self.species], total - weight),
        )


def _balanced_lisi(species: _Ints, weight: _Floats, near: _Ints, p: _Floats) -> _Floats:
    """Return the effective number of species around each cell, each species' part over its share of the other cells.

    Without that the index is highest where species are equal in number, not where they are as mixed as they can be: of
    nine mouse cells for a human one, human cells apart from half of the mouse ones would score best.
    """
    parts = np.empty((int(species.max()) + 1, len(p)))
    for one in range(len(parts)):
        mine = species == one
        others = weight @ mine - weight * mine
        found = np.where(mine[near], p, 0.0).sum(axis=1)
        parts[one] = np.divide(found, others, out=np.zeros(len(p)), where=others > 0)
    parts[:, np.isnan(p).any(axis=1)] = np.nan
    return ratio(parts.sum(axis=0) ** 2, (parts**2).sum(axis=0))


@dataclass(frozen=True)
class Mixing:
    """Neighbours within every cell type that two species or more have.

    Parameters
    ----------
    within
        By type.
    left_out
        Types that several species have, but fewer than two with enough cells.
    """

    within: tuple[_Within, ...]
    left_out: tuple[int, ...]

    @property
    def labels(self) -> list[int]:
        """The types, as indices."""
        return [one.label for one in self.within]

    def values(self, weights: _Floats) -> _Floats:
        """Return scores for some weights of cells.

        Parameters
        ----------
        weights
            Shape (all cells,).

        Returns
        -------
        numpy.ndarray
            Shape (types + 1, 6), columns as in ``MIXING``; the last row is the mean over types. ``neighbours``: share
            of other species among 15 neighbours, over their share among all other cells of the type. ``ilisi``: LISI
            - 1, 90 neighbours, perplexity 30, over the same with species shuffled; each species' part counts over its
            share of the type. Both average over species, so that one of few cells counts as much as any. ``share`` and
            ``share_expected`` are means over cells; ``lisi`` and ``lisi_expected`` are LISI as used.

        """
        rows = np.array([one.values(weights) for one in self.within]).reshape(-1, len(MIXING))
        return np.vstack([rows, nan_mean(rows)])


def find_mixing(embedded: Embedded, *, random_state: int = 42) -> Mixing:
    """Find the neighbours of every cell within its own type.

    Parameters
    ----------
    embedded
        The cells.
    random_state
        Of the shuffled species.

    Returns
    -------
    Mixing
        It needs memory for 90 neighbours of every cell.
    """
    within, left_out = [], []
    for label in range(len(embedded.label.names)):
        cells = np.flatnonzero(embedded.label.code == label)
        count = np.bincount(embedded.species.code[cells])
        enough = np.flatnonzero(count >= LEAST)
        if len(enough) > 1:
            within.append(_within(embedded, label, cells[np.isin(embedded.species.code[cells], enough)], random_state))
        elif np.count_nonzero(count) > 1:
            left_out.append(label)
    return Mixing(tuple(within), tuple(left_out))


def _within(embedded: Embedded, label: int, cells: _Ints, random_state: int) -> _Within:
    species = np.unique(embedded.species.code[cells], return_inverse=True)[1].astype(np.int64)
    k = min(LISI_NEIGHBOURS, int(np.bincount(species).min()) - 1)
    found = kneighbors_excluding_self(embedded.points[cells], k)
    rng = np.random.default_rng([random_state, label])
    shuffles = min(_SHUFFLES[1], max(_SHUFFLES[0], _SHUFFLED // len(cells)))
    shuffled = np.array([rng.permutation(species) for _ in range(shuffles)])
    weights = affinities(found.distances, max(1.0, k / 3))
    return _Within(label, cells, species, found.indices, weights, shuffled)


def _by_species(values: _Floats, species: _Ints, weight: _Floats) -> float:
    """Return the mean over species of their weighted means: one of few cells counts as much as any."""
    count = int(species.max()) + 1
    means = np.array([weighted_mean(values[species == one], weight[species == one]) for one in range(count)])
    return float(nan_mean(means))
