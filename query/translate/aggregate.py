"""Choose how source genes are combined into target genes, and compute the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import Logged, Slot, Values, has_small_fractions, held_as, product
from homodb.query.translate.options import Options, SlotPolicy
from homodb.schema.errors import CountsError, TranslationError
from homodb.schema.messages import counted, did_you_mean


class TooWideError(Exception):
    """Signal within this package that sums need a wider type of values."""


class UnfitValuesError(CountsError):
    """Values that a policy must not combine, of cells that were not sampled."""


@dataclass(frozen=True)
class Links:
    """Links from rows of var to columns of the result.

    `place`, `column`: row of var and column of the result of each link, integers, shape (links,); `weight`: share of
    the row's values that the column receives, shape (links,); `gene`: arbitrary number of the source gene of the row,
    shape (links,): rows of the same gene are summed.
    """

    place: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    gene: npt.NDArray[np.int64]
    shape: tuple[int, int]

    @cached_property
    def rows_per_column(self) -> npt.NDArray[np.int64]:
        """Number of rows of var linked to each column."""
        return np.bincount(self.column, minlength=self.shape[1])

    @cached_property
    def genes_per_column(self) -> npt.NDArray[np.int64]:
        """Number of source genes linked to each column."""
        pairs = np.unique(np.column_stack([self.gene, self.column]), axis=0)
        return np.bincount(pairs[:, 1], minlength=self.shape[1])

    @cached_property
    def several(self) -> int:
        """Number of columns that sum several source genes."""
        return int((self.genes_per_column > 1).sum())

    @cached_property
    def splits(self) -> int:
        """Number of source genes split over several columns."""
        return len(set(self.gene[self.weight != 1].tolist()))

    @cached_property
    def repeated(self) -> bool:
        """True if a source gene has several rows of var."""
        return len({*zip(self.gene.tolist(), self.place.tolist(), strict=True)}) > len(set(self.gene.tolist()))


@dataclass(frozen=True)
class Aggregation:
    """Way to combine source genes into target genes.

    `logarithms`: base of the values if they are logarithms, else None; `counts`: whether the cells that were judged
    have counts, so that all should.
    """

    links: Links
    policy: SlotPolicy
    slot: str = "X"
    logarithms: float | None = None
    counts: bool = False

    def dtype(self, given: npt.DTypeLike) -> np.dtype[Any]:
        """Return the type of the result if sums fit into it."""
        kind = held_as(given)
        fractions = self.links.splits or self.policy in (SlotPolicy.MEAN, SlotPolicy.LOG)
        return np.dtype(np.float64) if fractions and not np.issubdtype(kind, np.floating) else kind

    def wider(self, dtype: npt.DTypeLike) -> np.dtype[Any]:
        """Return a type for sums that may not fit into another: 64 bits, then floating-point."""
        kind = np.dtype(dtype)
        return np.dtype(np.int64 if kind.kind in "biu" and kind.itemsize < 8 else np.float64)

    def apply(self, block: Any, dtype: npt.DTypeLike) -> Any:
        """Compute the values of target genes for a block of rows."""
        sparse = bool(sp.issparse(block))
        block = block.tocsr() if sparse else block
        values = np.asarray(block.data if sparse else block)
        if sparse and values.dtype.kind in "biu" and not block.has_canonical_format:
            whole = block.astype(np.float64)  # values that stand twice in a row are added up too
            whole.sum_duplicates()
            values = whole.data
        self._check_values(values, np.dtype(dtype))
        adds_up = self.policy is SlotPolicy.SUM and (self.links.several or self.links.splits)
        if self.counts and adds_up and has_small_fractions(block):
            raise UnfitValuesError(
                f"{self.slot} holds counts in most cells, and in some values that are not whole, all at most 30, as "
                "logarithms are; take those cells out, or translate a matrix of one kind",
                option="layer",
            )
        block = block.astype(dtype, copy=False)
        match self.policy:
            case SlotPolicy.LOG:
                return self._logarithm(product(self._exponentiated(block), self.links.shape[1], *self._sum))
            case SlotPolicy.MEAN:
                return product(self._genes(block), self.links.shape[1], *self._mean)
            case SlotPolicy.MAX:
                return self._maximum_of(self._genes(block))
            case _:
                if self.logarithms is not None and self.links.repeated:  # rows of one gene; genes are not added up
                    return product(self._genes(block), self.links.shape[1], *self._gene_links)
                return product(block, self.links.shape[1], *self._sum)

    def _check_values(self, values: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
        if not values.size:
            return
        low, high = values.min(), values.max()
        if np.issubdtype(values.dtype, np.floating) and not (np.isfinite(low) and np.isfinite(high)):
            content = "NaN" if np.isnan(values).any() else "infinite values"
            raise UnfitValuesError(f"{self.slot} holds {content}; fill or remove such values first")
        most = int(self.links.rows_per_column.max(initial=0))
        if low < 0 and (most > 1 or self.links.splits) and self.policy in (SlotPolicy.SUM, SlotPolicy.LOG):
            raise UnfitValuesError(
                f"{self.slot} holds negative values (the least is {low:g}), which {self.policy} must not add up; use "
                "counts in their place",
                option="layer",
            )
        if most > 1 or self.policy is SlotPolicy.LOG:
            self._check_sums(low, high, max(most, 1), dtype)

    def _check_sums(self, low: Any, high: Any, most: int, dtype: np.dtype[Any]) -> None:
        """Check that the largest sums of `most` values fit into a type."""
        if dtype == np.bool_:
            raise TooWideError
        if not np.issubdtype(dtype, np.floating):
            limits = np.iinfo(dtype)
            if not limits.min <= int(low) * most <= int(high) * most <= limits.max:
                raise TooWideError
            return
        largest = float(np.log(np.finfo(dtype).max))
        undone = self.policy is SlotPolicy.LOG or self.logarithms is not None
        size = float(high) * self._scale if undone else np.log(max(float(high), -float(low), 1.0))
        if size + np.log(most) < largest:
            return
        if dtype.itemsize < 8:
            raise TooWideError
        raise UnfitValuesError(
            f"{self.slot} holds values whose sums are beyond the largest number (the largest is {high:g})"
        )

    @cached_property
    def _sum(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        return self.links.place, self.links.column, self.links.weight

    @cached_property
    def _gene_links(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Links from source genes to columns: gene, column, weight."""
        numbers = np.unique(self.links.gene, return_inverse=True)[1]
        _, first = np.unique(numbers * self.links.shape[1] + self.links.column, return_index=True)
        return numbers[first], self.links.column[first], self.links.weight[first]

    @cached_property
    def _mean(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        gene, column, weight = self._gene_links
        return gene, column, weight / np.maximum(np.bincount(column, minlength=self.links.shape[1]), 1)[column]

    def _genes(self, block: Any) -> Any:
        """Sum the rows of var of each source gene.

        Logarithms are undone first, where genes have several rows, and redone.
        """
        places, first = np.unique(self.links.place, return_index=True)
        genes, numbers = np.unique(self.links.gene[first], return_inverse=True)
        undo = self.logarithms is not None and self.links.repeated
        added = product(
            self._exponentiated(block) if undo else block, genes.size, places, numbers, np.ones(places.size)
        )
        return self._logarithm(added) if undo else added

    def _maximum_of(self, genes: Any) -> Any:
        """Return the maximum over each column's genes, implicit zeros included."""
        gene, column, weight = self._gene_links
        number = np.bincount(column, minlength=self.links.shape[1])
        alone = number[column] == 1
        single = product(genes, self.links.shape[1], gene[alone], column[alone], weight[alone])
        order = np.argsort(column[~alone], kind="stable")
        gene, column, weight = gene[~alone][order], column[~alone][order], weight[~alone][order]
        targets, start, count = np.unique(column, return_index=True, return_counts=True)
        if not targets.size:
            return single
        maximum: Any = None
        for level in range(int(count.max())):
            pick = start + np.minimum(level, count - 1)
            one = product(genes, targets.size, gene[pick], np.arange(targets.size), weight[pick])
            maximum = one if maximum is None else _maximum(maximum, one)
        put = product(maximum, self.links.shape[1], np.arange(targets.size), targets, np.ones(targets.size))
        summed = single + put
        if bool(sp.issparse(summed)):
            summed.sort_indices()
        return summed

    def _exponentiated(self, block: Any) -> Any:
        return _apply_to_values(block, lambda values: np.expm1(values * self._scale))

    def _logarithm(self, block: Any) -> Any:
        return _apply_to_values(block, lambda values: np.log1p(values) / self._scale)

    @property
    def _scale(self) -> float:
        return float(np.log(self.logarithms)) if self.logarithms is not None else 1.0


def _maximum(one: Any, other: Any) -> Any:
    return one.maximum(other) if bool(sp.issparse(one)) else np.maximum(one, other)


def _apply_to_values(block: Any, function: Any) -> Any:
    """Apply a function that keeps zero to the stored values."""
    sparse = bool(sp.issparse(block))
    if not sparse:
        return function(block)
    changed = block.copy()
    changed.data = function(changed.data)
    return changed


def check_slots(slots: Sequence[Slot], options: Options) -> None:
    """Check that slots with a policy exist and the main one is not dropped."""
    names = [slot.name for slot in slots]
    for name, policy in options.slots.items():
        if name not in names:
            hint = f"the slots are: {', '.join(map(repr, names)) or 'none'}{did_you_mean(name, names)}"
            raise TranslationError(f"there is no slot {name!r}; {hint}", option="slots")
        if policy is SlotPolicy.DROP and any(slot.main for slot in slots if slot.name == name):
            raise TranslationError(
                f"{name} is what is translated and cannot be dropped; name a layer to translate another matrix",
                option="layer",
            )


def decide(
    slot: Slot, holds: Values, links: Links, options: Options, logged: Logged, *, one_to_one: bool = False
) -> Aggregation | str:  # fmt: skip
    """Choose the aggregation of a matrix by the kind of its values, or the reason for dropping it."""
    requested = options.slots.get(slot.name)
    policy = requested or SlotPolicy(options.many_to_one)
    reason = objection(slot, policy, holds, links, explicit=requested is not None, one_to_one=one_to_one)
    if reason is None and not slot.main and requested is None and holds.kind == "scaled":
        reason = f"{slot.label} holds scaled values (some are negative)"
    if reason is None:
        counts = holds.kind == "counts" and requested is None
        return Aggregation(links, policy, slot.label, base_of(holds, policy, logged), counts)
    if slot.main or requested is not None:
        raise CountsError(reason, option="layer" if slot.main else "slots")
    return reason


def base_of(holds: Values, policy: SlotPolicy, logged: Logged) -> float | None:
    """Return the base of values as logarithms; of unclear ones the likely base, if the policy undoes them."""
    return holds.base or (logged.base or holds.guess if policy is SlotPolicy.LOG else None)


def objection(
    slot: Slot, policy: SlotPolicy, holds: Values, links: Links, *, explicit: bool, one_to_one: bool = False
) -> str | None:  # fmt: skip
    """Return why values must not be combined by a policy, or None.

    The reason includes the alternatives. `explicit`: whether the policy was named for this matrix: values of no certain
    kind are only summed then; `one_to_one`: whether the strategy is, and no way out.
    """
    if holds.kind == "nan":
        out = "" if slot.main else f", or drop it (slot {slot.name!r}: drop)"
        way = "convert it to numbers" if holds.content.startswith("values of type") else "fill or remove such values"
        return f"{slot.label} holds {holds.content}; {way} before translating{out}"
    if policy is SlotPolicy.LOG:
        if holds.kind in ("scaled", "counts", "transformed") or (holds.kind == "linear" and not holds.small):
            use = "sum" if holds.kind in ("counts", "linear") else "counts in its place"
            return f"{slot.label} holds {holds.content}, not logarithms, so expm1-sum-log1p is not for it; use {use}"
        return None
    unclear = holds.small and not explicit
    is_transformed = holds.kind == "transformed" and not explicit
    if holds.kind not in ("log", "scaled") and not unclear and not is_transformed:
        return None
    undone = holds.kind == "log"  # rows of one gene are added up as what they are logarithms of
    if policy is SlotPolicy.SUM and links.several:
        why = f"{counted(links.several, 'target gene')} would add up several source genes each"
    elif links.splits and (undone or policy is SlotPolicy.SUM):
        why = f"{counted(links.splits, 'source gene')} would be split over several targets"
    elif links.repeated and not undone:
        why = "some source genes stand in several rows, which would add up"
    else:
        return None
    named = f"{slot.label} holds {holds.content}, and {why}, which is wrong for "
    logs = "logarithms and other transformed values" if unclear else "such values"
    ways = ["translate a layer of counts or raw"] if slot.main else []
    if undone or unclear:
        ways.append(f"undo {'logarithms' if unclear else 'them'} (slot {slot.name!r}: expm1-sum-log1p)")
    if unclear or is_transformed:
        ways.append(f"say that they are linear (slot {slot.name!r}: {policy})")
    ways += [] if slot.main else [f"drop it (slot {slot.name!r}: drop)"]
    if (links.several or links.splits) and one_to_one:
        ways.append("leave added evidence out")
    elif links.several or links.splits:
        ways.append("use a one-to-one strategy such as hm_o2o")
    else:
        ways.append("leave all but one of these rows out")
    return f"{named}{logs}; {''.join(f'{way}, ' for way in ways[:-1])}{'or ' if len(ways) > 1 else ''}{ways[-1]}"
