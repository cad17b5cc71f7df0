"""The matrices of an object, and what becomes of each: added up in some way, or dropped and said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homodb.query.translate.aggregate import Aggregation, Links
from homodb.query.translate.matrices import Rows
from homodb.query.translate.options import Options, SlotPolicy
from homodb.query.translate.values import Values, judge
from homodb.schema.counted import counted
from homodb.schema.errors import CountsError, TranslationError
from homodb.schema.near import did_you_mean

if TYPE_CHECKING:
    import anndata


@dataclass(frozen=True)
class Logged:
    """What the object itself says of its X: that it holds logarithms, and to which base (scanpy's ``uns["log1p"]``)."""

    said: bool = False
    base: float | None = None


@dataclass(frozen=True)
class Slot:
    """One matrix of the object.

    Parameters
    ----------
    name
        ``X``, ``raw``, or the name of a layer.
    label
        How reports call it: ``X``, ``raw``, ``layers['counts']``.
    main
        Whether it is what is asked for: it is never dropped, and its counts are reported.
    """

    name: str
    label: str
    main: bool = False


#: The slot of raw, beside another main one.
RAW = Slot("raw", "raw")


@dataclass(frozen=True)
class Refused:
    """A matrix that is dropped, and why (None: as asked)."""

    why: str | None


def layer_slot(name: str, *, main: bool = False) -> Slot:
    """Return the slot of a layer."""
    return Slot(name, f"layers[{name!r}]", main)


@dataclass(frozen=True)
class Slots:
    """The matrices that an object has, in memory or in a file.

    Parameters
    ----------
    has_x
        Whether it has an X.
    layers
        Names of its layers.
    has_raw
        Whether it has a raw with a matrix.
    matrix
        Returns the matrix of a slot, or in a file its element.
    """

    has_x: bool
    layers: tuple[str, ...]
    has_raw: bool
    matrix: Callable[[Slot], Any]

    def main(self, layer: str | None) -> Slot:
        """Return the slot that is X of a result.

        Parameters
        ----------
        layer
            What was asked for in place of X: a layer, or ``raw``.

        Raises
        ------
        TranslationError
            If it is not there.
        """
        if layer is None:
            if not self.has_x:
                raise TranslationError("the object has no X; name a layer (--layer)")
            return Slot("X", "X", main=True)
        if layer in self.layers:
            return layer_slot(layer, main=True)
        if layer == "raw" and self.has_raw:
            return Slot("raw", "raw", main=True)
        raise TranslationError(no_layer(layer, self.layers, has_raw=self.has_raw))

    def beside(self, main: Slot) -> list[Slot]:
        """Return the layers that go with the main slot; raw has genes of its own, so none go with it."""
        return (
            [] if main.label == "raw" else [slot for slot in map(layer_slot, self.layers) if slot.label != main.label]
        )

    def all(self) -> list[Slot]:
        """Return every slot: X, the layers, raw."""
        ends = ([Slot("X", "X")] if self.has_x else [], [RAW] if self.has_raw else [])
        return [*ends[0], *map(layer_slot, self.layers), *ends[1]]


def slots_of(adata: anndata.AnnData) -> Slots:
    """Return the matrices of an object in memory; since anndata 0.13 its layers hold X too, under None."""

    def matrix(slot: Slot) -> Any:
        return adata.X if slot.label == "X" else adata.raw.X if slot.label == "raw" else adata.layers[slot.name]

    names = tuple(name for name in adata.layers if name is not None)
    return Slots(adata.X is not None, names, adata.raw is not None, matrix)


def stored_slots(root: Any) -> Slots:
    """Return the matrices of an object in a file, by its root group."""

    def matrix(slot: Slot) -> Any:
        group = {"X": root, "raw": root.get("raw")}.get(slot.label)
        return root["layers"][slot.name] if group is None else group["X"]

    names = tuple(root["layers"]) if "layers" in root else ()
    return Slots("X" in root, names, "raw" in root and "X" in root["raw"], matrix)


def no_layer(layer: str, layers: Iterable[str], *, has_raw: bool = False) -> str:
    """Return the message that a layer is not there, which lists those that are."""
    names = list(layers)
    there = ", ".join([*map(repr, names), *(["raw"] if has_raw else [])]) or "none"
    return f"there is no layer {layer!r}; the layers are: {there}{did_you_mean(layer, names)}"


def check_slots(slots: Sequence[Slot], options: Options) -> None:
    """Check that every slot with a policy of its own is there, and that the main one stays.

    Raises
    ------
    TranslationError
        If not.
    """
    names = [slot.name for slot in slots]
    for name, policy in options.slots.items():
        if name not in names:
            there = f"the slots are: {', '.join(map(repr, names)) or 'none'}{did_you_mean(name, names)}"
            raise TranslationError(f"there is no slot {name!r}; {there} (--slot {name}={policy})")
        if policy is SlotPolicy.DROP and any(slot.main for slot in slots if slot.name == name):
            raise TranslationError(f"{name} is what is translated and cannot be dropped; --layer names another matrix")


def decide(
    slot: Slot, rows: Rows, links: Links, options: Options, logged: Logged
) -> tuple[Aggregation | Refused, Values]:
    """Decide what becomes of a matrix, by what a sample of it holds.

    Returns
    -------
    tuple
        How to add it up, or why it is dropped; and what it holds.

    Raises
    ------
    CountsError
        If the main matrix, or one with a policy of its own, holds values that the policy must not take.
    """
    asked = options.slots.get(slot.name)
    if asked is SlotPolicy.DROP:
        return Refused(None), Values("linear")
    holds = judge(rows.sample(), logged=logged.said, base=logged.base)
    policy = asked or SlotPolicy(options.many_to_one)
    against = objection(slot, policy, holds, links)
    if against is None and not slot.main and asked is None and holds.kind == "scaled":
        against = f"{slot.label} holds scaled values (some are negative)"
    if against is None:
        base = logged.base if policy is SlotPolicy.LOG and holds.base is None else holds.base
        return Aggregation(links, policy, slot.label, base), holds
    if slot.main or asked is not None:
        raise CountsError(against)
    return Refused(against), holds


def objection(slot: Slot, policy: SlotPolicy, holds: Values, links: Links) -> str | None:
    """Return what stands against adding up such values in such a way, with the way out; None if nothing does."""
    if holds.kind == "nan":
        out = "" if slot.main else f", or leave it out (--slot {slot.name}=drop)"
        return f"{slot.label} holds NaN; fill or remove such values before translating{out}"
    what = {"log": "logarithms", "scaled": "scaled values (some are negative)", "counts": "whole numbers"}
    if policy is SlotPolicy.LOG:
        if holds.kind in ("scaled", "counts"):
            return f"{slot.label} holds {what[holds.kind]}, not logarithms, so expm1-sum-log1p is not for it; use sum"
        return None
    if holds.kind not in ("log", "scaled"):
        return None
    if policy is SlotPolicy.SUM and links.several:
        why = f"{counted(links.several, 'target gene')} would add up several source genes each"
    elif links.splits and (holds.kind == "log" or policy is SlotPolicy.SUM):
        why = f"{counted(links.splits, 'source gene')} would be split over several targets"
    elif holds.kind == "scaled" and links.repeated and policy is not SlotPolicy.SUM:
        why = "some source genes stand in several rows, which would add up"
    else:
        return None
    undo = f"undo them (--slot {slot.name}=expm1-sum-log1p), " if holds.kind == "log" else ""
    counts = "translate a layer of counts (--layer counts) or raw (--layer raw), " if slot.main else ""
    drop = "" if slot.main else f"leave it out (--slot {slot.name}=drop), "
    return (
        f"{slot.label} holds {what[holds.kind]}, and {why}, which is wrong for such values; {counts}{undo}{drop}"
        "or use a one-to-one strategy (--strategy hm_o2o)"
    )
