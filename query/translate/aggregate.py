"""The values of target genes from the values of source genes, for any block of rows of any matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import held_as, product
from homodb.query.translate.options import SlotPolicy
from homodb.schema.errors import CountsError


class TooWideError(Exception):
    """Sums may not fit the type of the values; begin anew with a wider one (never leaves this package)."""


@dataclass(frozen=True)
class Links:
    """Which var rows go to which columns of the result.

    Parameters
    ----------
    place, column
        Row of var and column of the result of each link, integers, shape (links,).
    weight
        Share of the row's values that goes there, shape (links,).
    gene
        The source gene that the row stands for, numbered in any way, shape (links,): rows of one gene add up.
    shape
        Rows of var, columns of the result.
    """

    place: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    gene: npt.NDArray[np.int64]
    shape: tuple[int, int]

    @cached_property
    def rows_per_column(self) -> npt.NDArray[np.int64]:
        """How many var rows go to each column."""
        return np.bincount(self.column, minlength=self.shape[1])

    @cached_property
    def several(self) -> int:
        """How many columns add up several rows of var."""
        return int((self.rows_per_column > 1).sum())

    @cached_property
    def splits(self) -> int:
        """How many source genes go to several columns in parts."""
        return len(set(self.gene[self.weight != 1].tolist()))

    @cached_property
    def repeated(self) -> bool:
        """Whether some source gene stands in several rows of var."""
        return len({*zip(self.gene.tolist(), self.place.tolist(), strict=True)}) > len(set(self.gene.tolist()))

    @cached_property
    def one_each(self) -> bool:
        """Whether each row of var goes to at most one column, whole."""
        return np.unique(self.place).size == self.place.size and not self.splits


@dataclass(frozen=True)
class Aggregation:
    """One way to make target genes of source genes.

    Parameters
    ----------
    links
        Which rows of var go where.
    policy
        How several are made one.
    slot
        Name of the matrix, for messages.
    logarithms
        Base of the logarithms that the values are; None where they are none.
    """

    links: Links
    policy: SlotPolicy
    slot: str = "X"
    logarithms: float | None = None

    def dtype(self, given: npt.DTypeLike) -> np.dtype[Any]:
        """Return the type of the result, where sums fit it."""
        kind = held_as(given)
        fractions = self.links.splits or self.policy in (SlotPolicy.MEAN, SlotPolicy.LOG)
        return np.dtype(np.float64) if fractions and not np.issubdtype(kind, np.floating) else kind

    def wider(self, dtype: npt.DTypeLike) -> np.dtype[Any]:
        """Return the type for sums that may not fit."""
        return np.dtype(np.int64) if not np.issubdtype(np.dtype(dtype), np.floating) else np.dtype(dtype)

    def apply(self, block: Any, dtype: npt.DTypeLike) -> Any:
        """Return the values of target genes for a block of rows.

        Parameters
        ----------
        block
            Rows x source genes: a NumPy array, or a SciPy sparse matrix of any form.
        dtype
            Type of the result.

        Returns
        -------
        array or sparse matrix
            Rows x target genes; sparse stays sparse, as CSR with sorted indices.

        Raises
        ------
        CountsError
            If the block is damaged, holds NaN, or negative values that would be added up.
        TooWideError
            If sums of these values may not fit the type.
        """
        sparse = bool(sp.issparse(block))
        if sparse:
            self._check_sound(block)
            block = block.tocsr()
        values = np.asarray(block.data if sparse else block)
        self._check_values(values, np.dtype(dtype))
        block = block.astype(dtype, copy=False)
        match self.policy:
            case SlotPolicy.LOG:
                return self._redone(product(self._undone(block), self.links.shape[1], *self._sum))
            case SlotPolicy.MEAN:
                return product(self._genes(block), self.links.shape[1], *self._mean)
            case SlotPolicy.MAX:
                return self._greatest(self._genes(block))
            case _:
                return product(block, self.links.shape[1], *self._sum)

    def _check_sound(self, block: Any) -> None:
        """Check that no index points out of the matrix: SciPy would follow it into foreign memory."""
        try:
            block.check_format(full_check=True)
        except ValueError as error:
            raise CountsError(f"{self.slot} is a damaged sparse matrix ({error}); make the file anew") from error

    def _check_values(self, values: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
        if not values.size:
            return
        floating = np.issubdtype(values.dtype, np.floating)
        low, high = values.min(), values.max()
        if floating and np.isnan(low):
            raise CountsError(f"{self.slot} holds NaN; fill or remove such values before translating")
        adds = self.links.several or self.links.splits
        if low < 0 and adds and self.policy in (SlotPolicy.SUM, SlotPolicy.LOG):
            raise CountsError(
                f"{self.slot} holds negative values (the least is {low:g}), which {self.policy} must not add up; "
                f"translate counts in their place (--layer), or leave it out (--slot {self.slot}=drop)"
            )
        if floating or self.policy in (SlotPolicy.MEAN, SlotPolicy.LOG) or dtype.itemsize == 8:
            return
        most = int(self.links.rows_per_column.max(initial=0))
        limits = np.iinfo(dtype) if dtype != np.bool_ else None
        if (limits is None and most > 1) or (
            limits and not limits.min <= int(low) * most <= int(high) * most <= limits.max
        ):
            raise TooWideError

    @cached_property
    def _sum(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        return self.links.place, self.links.column, self.links.weight

    @cached_property
    def _units(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Links of source genes, once they are one column each: gene, column, weight."""
        numbers = np.unique(self.links.gene, return_inverse=True)[1]
        _, first = np.unique(numbers * self.links.shape[1] + self.links.column, return_index=True)
        return numbers[first], self.links.column[first], self.links.weight[first]

    @cached_property
    def _mean(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        gene, column, weight = self._units
        return gene, column, weight / np.maximum(np.bincount(column, minlength=self.links.shape[1]), 1)[column]

    def _genes(self, block: Any) -> Any:
        """Return rows x source genes: rows of var that are one gene add up; logarithms by what they are of."""
        places, first = np.unique(self.links.place, return_index=True)
        genes, numbers = np.unique(self.links.gene[first], return_inverse=True)
        undo = self.logarithms is not None and self.links.repeated
        added = product(self._undone(block) if undo else block, genes.size, places, numbers, np.ones(places.size))
        return self._redone(added) if undo else added

    def _greatest(self, genes: Any) -> Any:
        """Return the greatest of each column's genes, zeros that are not stored among them."""
        gene, column, weight = self._units
        number = np.bincount(column, minlength=self.links.shape[1])
        alone = number[column] == 1
        single = product(genes, self.links.shape[1], gene[alone], column[alone], weight[alone])
        order = np.argsort(column[~alone], kind="stable")
        gene, column, weight = gene[~alone][order], column[~alone][order], weight[~alone][order]
        targets, start, count = np.unique(column, return_index=True, return_counts=True)
        if not targets.size:
            return single
        greatest: Any = None
        for level in range(int(count.max())):
            pick = start + np.minimum(level, count - 1)
            one = product(genes, targets.size, gene[pick], np.arange(targets.size), weight[pick])
            greatest = one if greatest is None else _maximum(greatest, one)
        put = product(greatest, self.links.shape[1], np.arange(targets.size), targets, np.ones(targets.size))
        summed = single + put
        if bool(sp.issparse(summed)):
            summed.sort_indices()
        return summed

    def _undone(self, block: Any) -> Any:
        return _each(block, lambda values: np.expm1(values * self._scale))

    def _redone(self, block: Any) -> Any:
        return _each(block, lambda values: np.log1p(values) / self._scale)

    @property
    def _scale(self) -> float:
        return float(np.log(self.logarithms)) if self.logarithms is not None else 1.0


def _maximum(one: Any, other: Any) -> Any:
    return one.maximum(other) if bool(sp.issparse(one)) else np.maximum(one, other)


def _each(block: Any, function: Any) -> Any:
    """Change stored values; zero stays zero."""
    sparse = bool(sp.issparse(block))
    if not sparse:
        return function(block)
    changed = block.copy()
    changed.data = function(changed.data)
    return changed
