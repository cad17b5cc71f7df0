"""The objects that are joined, in memory or in files: their tables, and their matrices as runs of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from homodb.query.cells import store
from homodb.query.cells.files import encoding, open_anndata, read_anndata
from homodb.query.cells.matrices import Rows, as_rows
from homodb.query.cells.on_disk import open_matrix
from homodb.query.cells.slots import Slot, Slots, logged_of, slots_of, stored_slots, with_tables
from homodb.schema.errors import JoinError, TranslationError

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Parts of an object that hold cells or genes, and that a join leaves behind.
_PARTS = ("obsm", "obsp", "varm", "varp", "uns")


class CellSource(Protocol):
    """One object to join.

    Attributes
    ----------
    name
        What it is called.
    obs, var
        Its cells, and the genes of its main matrix.
    main
        Its main matrix: X, a layer, or raw.
    layers
        Names of its other layers.
    logged
        Whether it says that X holds logarithms, and to which base.
    parts
        What it has that a join leaves behind.
    """

    name: str
    obs: pd.DataFrame
    var: pd.DataFrame
    main: Slot
    layers: tuple[str, ...]
    logged: tuple[bool, float | None]
    parts: tuple[str, ...]

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return a matrix as runs of rows, and the array whose compression the result gets."""
        ...


class MemorySource:
    """An AnnData."""

    def __init__(self, name: str, adata: anndata.AnnData, layer: str | None) -> None:
        adata = with_tables(adata)
        self.name, self._slots = name, slots_of(adata)
        self.main = _main(name, layer, self._slots)
        self.obs, self.var = adata.obs, adata.raw.var if self.main.label == "raw" else adata.var
        self.layers = tuple(slot.name for slot in self._slots.beside(self.main))
        self.logged = logged_of(adata.uns)
        parts = [f"{part}[{key!r}]" for part in _PARTS for key in getattr(adata, part)]
        self.parts = (*parts, *_unused(self.main, self._slots))

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:  # noqa: D102 (as in Source)
        return as_rows(self._slots.matrix(slot)), None


class FileSource:
    """An h5ad file or a zarr store that is open."""

    def __init__(self, name: str, path: Path, root: Any, layer: str | None) -> None:
        self.name, self.path, self.root, self._slots = name, path, root, stored_slots(root)
        self.main = _main(name, layer, self._slots)
        self.obs = store.read(root, "obs")
        self.var = store.read(root["raw"] if self.main.label == "raw" else root, "var")
        self.layers = tuple(slot.name for slot in self._slots.beside(self.main))
        self.logged = self._logged()
        parts = [f"{part}[{key!r}]" for part in _PARTS if part in root for key in root[part]]
        self.parts = (*parts, *_unused(self.main, self._slots))

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:  # noqa: D102 (as in Source)
        shape = (len(self.obs), len(self.var))
        return open_matrix(self._slots.matrix(slot), shape, f"{self.path}: {slot.label}", folder, block)

    def _logged(self) -> tuple[bool, float | None]:
        uns = self.root.get("uns", {})
        if "log1p" not in uns:
            return False, None
        told = uns["log1p"]
        base = store.read(told, "base") if encoding(told) == "dict" and "base" in told else None
        return logged_of({"log1p": {"base": base}})


@contextmanager
def opened_sources(
    given: Sequence[Path | anndata.AnnData], names: Sequence[str], layers: Sequence[str | None]
) -> Iterator[list[CellSource]]:
    """Open what is joined.

    Parameters
    ----------
    given
        Files, stores, or AnnDatas.
    names
        What they are called.
    layers
        Layer of each in place of X.

    Raises
    ------
    TranslationError
        If a file is not there, or is not an AnnData.
    JoinError
        If a layer is not there.
    """
    with ExitStack() as stack:
        sources: list[CellSource] = []
        for one, name, layer in zip(given, names, layers, strict=True):
            if not isinstance(one, Path):
                sources.append(MemorySource(name, one, layer))
                continue
            root = stack.enter_context(open_anndata(one))
            if store.is_anndata(root):
                sources.append(FileSource(name, one, root, layer))
            else:
                sources.append(MemorySource(name, read_anndata(one), layer))
        yield sources


def _main(name: str, layer: str | None, slots: Slots) -> Slot:
    try:
        return slots.main(layer)
    except TranslationError as error:
        raise JoinError(f"{name}: {error}") from error


def _unused(main: Slot, slots: Slots) -> list[str]:
    return [one for one, there in (("X", slots.has_x), ("raw", slots.has_raw)) if there and main.label != one]


def called(given: Sequence[Any]) -> list[str]:
    """Return what objects are called: files by their names, by their paths where names repeat, others by number.

    Examples
    --------
    >>> called([Path("a/x.h5ad"), Path("b/x.h5ad")]), called([Path("a/x.h5ad"), object()])
    (['a/x.h5ad', 'b/x.h5ad'], ['x.h5ad', '2'])
    """
    short = [one.name if isinstance(one, Path) else str(number) for number, one in enumerate(given, 1)]
    if len(set(short)) == len(short):
        return short
    long = [str(one) if isinstance(one, Path) else str(number) for number, one in enumerate(given, 1)]
    return long if len(set(long)) == len(long) else [f"{name}#{number}" for number, name in enumerate(long, 1)]
