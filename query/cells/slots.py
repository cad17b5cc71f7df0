"""List and read the matrices and tables of an AnnData."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import TranslationError
from homodb.schema.messages import did_you_mean

if TYPE_CHECKING:
    import anndata


def is_lazy(matrix: Any) -> bool:
    """Return whether a matrix is a Dask array, or a view of one."""
    return any(kind.__module__.split(".")[0] == "dask" for kind in type(matrix).__mro__)


def with_tables(adata: anndata.AnnData) -> anndata.AnnData:
    """Return an object with pandas tables and unchanged matrices.

    `adata`: any object; one from ``anndata.experimental.read_lazy`` has xarray tables.

    Returns the object itself, or a new one if it had other tables; its uns is then in memory too.
    """
    if not _has_lazy_tables(adata):
        return adata
    import anndata

    parts = {
        part: {key: _table(value) for key, value in getattr(adata, part).items() if key is not None}
        for part in ("obsm", "varm", "layers", "obsp", "varp")
    }
    result = anndata.AnnData(adata.X, obs=_table(adata.obs), var=_table(adata.var), uns=_read(adata.uns), **parts)
    if adata.raw is not None:
        varm = {key: _table(value) for key, value in adata.raw.varm.items()}
        result.raw = anndata.AnnData(adata.raw.X, obs=result.obs[[]], var=_table(adata.raw.var), varm=varm)
    return result


def in_memory(adata: anndata.AnnData) -> anndata.AnnData:
    """Return an object with all parts in memory, a new one if necessary."""
    return adata.to_memory() if adata.isbacked or _has_lazy_tables(adata) else adata


def values_of(matrix: Any) -> Any:
    """Return a matrix in memory, with values of a type that SciPy supports."""
    for method in ("to_memory", "compute"):
        matrix = getattr(matrix, method)() if hasattr(matrix, method) else matrix
    return matrix.astype(held_as(matrix.dtype), copy=False)


def held_as(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the type for values: in this machine's byte order, and single for half, which SciPy lacks."""
    kind = np.dtype(dtype).newbyteorder("=")
    return np.dtype(np.float32) if kind == np.float16 else kind


def _has_lazy_tables(adata: anndata.AnnData) -> bool:
    return hasattr(adata.obs, "to_memory") or hasattr(adata.var, "to_memory")


def _table(value: Any) -> Any:
    return value.to_memory() if hasattr(value, "to_memory") else value


def _read(value: Any) -> Any:
    """Return a value of uns in memory."""
    if is_lazy(value):
        return value.compute()
    held = _table(value)  # before mappings: a table of xarray is one too
    return {key: _read(one) for key, one in held.items()} if isinstance(held, Mapping) else held


class Logged(NamedTuple):
    """Record of logarithms in X (``uns["log1p"]``), and their base: None for e, or not recorded."""

    is_log: bool = False
    base: float | None = None


@dataclass(frozen=True)
class Slot:
    """One matrix of the object.

    `name`: ``X``, ``raw``, or the name of a layer; `label`: name in reports: ``X``, ``raw``, ``layers['counts']``;
    `main`: whether it is the matrix to translate: it is never dropped, and its counts are reported.
    """

    name: str
    label: str
    main: bool = False


#: The slot of raw where another slot is the main one.
RAW = Slot("raw", "raw")


def layer_slot(name: str, *, main: bool = False) -> Slot:
    """Return the slot of a layer."""
    return Slot(name, f"layers[{name!r}]", main)


@dataclass(frozen=True)
class Slots:
    """The matrices that an object has, in memory or in a file.

    `matrix`: function that returns the matrix of a slot, or its element in a file.
    """

    has_x: bool
    layers: tuple[str, ...]
    has_raw: bool
    matrix: Callable[[Slot], Any]

    def main(self, layer: str | None) -> Slot:
        """Return the slot that becomes X of a result.

        `layer`: layer to use in place of X, or ``raw``; ``X`` where no layer is called so is X itself.
        """
        if layer is None or (layer == "X" and layer not in self.layers):
            if not self.has_x:
                names = ", ".join([*map(repr, self.layers), *(["raw"] if self.has_raw else [])])
                way = f"name a layer: {names}" if names else "it has no layers either"
                raise TranslationError(f"the object has no X; {way}", option="layer" if names else None)
            return Slot("X", "X", main=True)
        if layer in self.layers:
            return layer_slot(layer, main=True)
        if layer == "raw" and self.has_raw:
            return Slot("raw", "raw", main=True)
        raise TranslationError(no_layer(layer, self.layers, has_raw=self.has_raw), option="layer")

    def beside(self, main: Slot) -> list[Slot]:
        """Return the layers beside the main slot; none beside raw."""
        return (
            [] if main.label == "raw" else [slot for slot in map(layer_slot, self.layers) if slot.label != main.label]
        )

    def translated(self, main: Slot) -> list[Slot]:
        """Return the slots of a translation: the main one, layers, and raw unless it is main."""
        return [main, *self.beside(main), *([RAW] if self.has_raw and main.label != "raw" else [])]

    def all(self) -> list[Slot]:
        """Return every slot: X, the layers, raw."""
        ends = ([Slot("X", "X")] if self.has_x else [], [RAW] if self.has_raw else [])
        return [*ends[0], *map(layer_slot, self.layers), *ends[1]]


def slots_of(adata: anndata.AnnData) -> Slots:
    """Return the matrices of an object in memory.

    Since anndata 0.13 the layers include X, under None.
    """

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
    """Return the message that a layer does not exist, with the layers."""
    names = list(layers)
    listed = ", ".join([*map(repr, names), *(["raw"] if has_raw else [])]) or "none"
    return f"there is no layer {layer!r}; the layers are: {listed}{did_you_mean(layer, names)}"


def logged_of(uns: Any) -> Logged:
    """Return whether X is recorded as logarithms, and their base."""
    if "log1p" not in uns:
        return Logged()
    log1p = uns["log1p"]
    base = log1p.get("base") if hasattr(log1p, "get") else None
    number = base.item() if isinstance(base, np.generic | np.ndarray) and np.size(base) == 1 else base
    if isinstance(number, int | float) and np.isfinite(number) and number > 0 and number != 1:
        return Logged(is_log=True, base=float(number))
    return Logged(is_log=True)


def slot_logged(slot: Slot, logged: Logged) -> Logged:
    """Return the logarithm recorded for a slot: in uns for X and raw, in its name for a layer (``logcounts``)."""
    return logged if slot.label in ("X", "raw") else Logged("log" in slot.name.lower())
