"""Measure how well species mix within each cell type, relative to what its composition allows.

Only cells of one type are compared, so types that lie apart do not count. A score is 1 on average if the species of
neighbours are drawn at random from the type's other cells, and 0 if all neighbours are of the cell's own species. It
may exceed 1 by chance, or if cells lie nearer to another species than to their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate import in_threads, kneighbors
from homodb.query.score.cell_scores import affinities
from homodb.query.score.contingency import nan_mean, ratio
from homodb.query.score.embedded import Embedded
from homodb.query.score.intervals import Weights

#: Columns of :meth:`Mixing.values`.
MIXING = ("neighbours", "ilisi", "share", "share_expected", "lisi", "lisi_expected")

#: Neighbours whose species count; neighbours of LISI, three for each of its perplexity. There are fewer if a species
#: has fewer cells of the type, so that all neighbours may be of a cell's own species.
NEIGHBOURS, LISI_NEIGHBOURS = 15, 90

#: A species with fewer cells of a type is left out of the type.
LEAST = 5

#: Least and most shuffles of a type's species, and the number of cells to shuffle in all between these.
_SHUFFLES, _SHUFFLED = (2, 8), 2_000

#: Cells per block.
_ROWS = 1024

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

    def values(self, weights: Weights) -> _Floats:
        """Return the values of all draws, shape (draws, 6); NaN where fewer than two species have weight.

        A sum over a cell's neighbours is one over units of their parts times the units' weights, so that the parts
        are computed once, and all draws by one product.
        """
        weights = weights.subset(self.cells)
        drawn = np.ascontiguousarray(weights.by_unit.T)
        members = [_members(one) for one in (self.species, *self.shuffled)]
        totals = [_parts(weights.unit[None], member.T, len(drawn)) @ drawn for member in members]
        blocks = [slice(start, start + _ROWS) for start in range(0, len(self.cells), _ROWS)]
        sums: list[_Floats] = [np.empty(0)] * len(blocks)

        def add(block: int) -> None:
            sums[block] = self._sums(blocks[block], weights.unit, drawn, members, totals)

        in_threads(add, range(len(blocks)))
        # weighted sums of shares, expected shares and indices, and sums of weights: 2 x measures x species x draws
        top, bottom = np.sum(sums, axis=0)
        share, expected, lisi, *chance = nan_mean(np.moveaxis(ratio(top, bottom), 1, 0))
        by_chance = nan_mean(np.array(chance))
        means = ratio(top[:2].sum(axis=1), bottom[:2].sum(axis=1))
        values = np.stack([ratio(share, expected), ratio(lisi - 1, by_chance - 1), *means, lisi, by_chance], axis=1)
        values[np.count_nonzero(totals[0], axis=0) < 2] = np.nan
        return values

    def _sums(self, part: slice, unit: _Ints, drawn: _Floats, members: list[_Floats], totals: list[_Floats]) -> _Floats:
        """Return the sums of :meth:`values` over some cells."""
        near, affinity, weight = self.near[part], self.affinity[part], drawn[unit[part]]
        units = unit[near]
        few, own = near[:, :NEIGHBOURS], members[0][part]
        other = self.species[few] != self.species[part, None]
        of_others, of_all = (
            _parts(units[:, :NEIGHBOURS], one, len(drawn)) @ drawn for one in (other, np.ones_like(other))
        )
        total = totals[0].sum(axis=0)
        rows = [(own, ratio(of_others, of_all)), (own, ratio(total - own @ totals[0], total - weight))]
        for member, of_species in zip(members, totals, strict=True):
            rows.append((member[part], self._lisi(member, of_species, part, units, affinity, near, weight, drawn)))
        sums = np.empty((2, len(rows), own.shape[1], drawn.shape[1]))
        for at, (member, values) in enumerate(rows):
            finite = np.isfinite(values)
            sums[0, at], sums[1, at] = member.T @ (np.where(finite, values, 0.0) * weight), member.T @ (finite * weight)
        return sums

    def _lisi(
        self, member: _Floats, totals: _Floats, part: slice, units: _Ints, affinity: _Floats, near: _Ints,
        weight: _Floats, drawn: _Floats,
    ) -> _Floats:  # fmt: skip
        """Return the effective number of species around some cells, by each species' share of the other cells.

        Without that share the index is highest where species are equal in number, not where they are mixed best: with
        nine mouse cells for a human one, human cells apart from half of the mouse ones would score best.
        """
        linear = squared = np.zeros(weight.shape)
        for one, mine in enumerate(member.T):
            others = totals[one] - weight * mine[part, None]
            around = _parts(units, affinity * mine[near], len(drawn)) @ drawn
            share = np.divide(around, others, out=np.zeros(weight.shape), where=others > 0)
            linear, squared = linear + share, squared + share**2
        return ratio(linear**2, squared)


def _members(species: _Ints) -> _Floats:
    """Return which species each cell is of, shape (cells, species)."""
    return np.asarray(species[:, None] == np.arange(int(species.max()) + 1), np.float64)


def _parts(units: _Ints, values: npt.NDArray[Any], count: int) -> Any:
    """Sum values by unit, rows x units, dense if there are few units; a row's units have the row's values."""
    if units.shape[0] != values.shape[0]:
        units = np.broadcast_to(units, values.shape)
    rows, k = values.shape
    if count <= k:
        at = np.arange(rows)[:, None] * count + units
        return np.bincount(at.ravel(), values.ravel(), rows * count).reshape(rows, count)
    indptr = np.arange(0, rows * k + 1, k)
    return sp.csr_matrix((values.ravel().astype(np.float64), units.ravel(), indptr), (rows, count))


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
        values: _Floats = self.drawn(Weights.of_cells(weights))[0]
        return values

    def drawn(self, weights: Weights) -> _Floats:
        """Return the scores of several draws, shape (draws, types + 1, 6); see :meth:`values`."""
        rows = np.array([one.values(weights) for one in self.within]).reshape(-1, len(weights.by_unit), len(MIXING))
        return np.concatenate([rows, nan_mean(rows)[None]]).swapaxes(0, 1)


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
