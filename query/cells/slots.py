"""The matrices and tables that an AnnData has, in memory or in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import TranslationError
from homodb.schema.messages import did_you_mean

if TYPE_CHECKING:
    import anndata


def is_lazy(matrix: Any) -> bool:
    """Whether a matrix is a Dask array, or AnnData's view of one."""
    return any(kind.__module__.split(".")[0] == "dask" for kind in type(matrix).__mro__)


def with_tables(adata: anndata.AnnData) -> anndata.AnnData:
    """Return an object whose tables are pandas' own and whose matrices are as they were.

    Parameters
    ----------
    adata
        Any object; one of ``anndata.experimental.read_lazy`` has tables of xarray.

    Returns
    -------
    anndata.AnnData
        The object itself, or a new one where it had other tables. What uns holds is then in memory too.
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
    """Return an object that holds all its parts in memory; a new one where some lie in a file or are lazy."""
    return adata.to_memory() if adata.isbacked or _has_lazy_tables(adata) else adata


def values_of(matrix: Any) -> Any:
    """Return a matrix in memory, with values of a type that SciPy has."""
    for method in ("to_memory", "compute"):
        matrix = getattr(matrix, method)() if hasattr(matrix, method) else matrix
    return matrix.astype(held_as(matrix.dtype), copy=False)


def held_as(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the type to hold values in: SciPy has no half precision, so it becomes single."""
    given = np.dtype(dtype)
    return np.dtype(np.float32) if given == np.float16 else given


def _has_lazy_tables(adata: anndata.AnnData) -> bool:
    return hasattr(adata.obs, "to_memory") or hasattr(adata.var, "to_memory")


def _table(value: Any) -> Any:
    return value.to_memory() if hasattr(value, "to_memory") else value


def _read(value: Any) -> Any:
    """Return what uns holds, in memory."""
    if is_lazy(value):
        return value.compute()
    held = _table(value)  # before mappings: a table of xarray is one too
    return {key: _read(one) for key, one in held.items()} if isinstance(held, Mapping) else held


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


def logged_of(uns: Any) -> tuple[bool, float | None]:
    """Return what the object says of X: whether it holds logarithms, and to which base (None: e, or not said)."""
    if "log1p" not in uns:
        return False, None
    told = uns["log1p"]
    base = told.get("base") if hasattr(told, "get") else None
    return True, float(base) if isinstance(base, int | float) else None
