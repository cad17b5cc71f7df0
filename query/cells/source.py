"""Read the tables and matrices of objects to join."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from homodb.query.cells import store
from homodb.query.cells.files import open_anndata, read_anndata
from homodb.query.cells.matrices import Rows, as_rows
from homodb.query.cells.on_disk import open_matrix
from homodb.query.cells.slots import Slot, Slots, logged_of, slots_of, stored_slots, with_tables
from homodb.schema.errors import JoinError, TranslationError

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Parts of an object that a join drops.
_PARTS = ("obsm", "obsp", "varm", "varp", "uns")


class CellSource(Protocol):
    """One object to join.

    Attributes
    ----------
    name
        Name of the object.
    obs, var
        Tables of its cells, and of the genes of its main matrix.
    main
        Main matrix: X, a layer, or raw.
    layers
        Names of the other layers.
    logged
        Whether X is recorded as logarithms, and their base.
    parts
        Parts of the object that a join drops.
    """

    name: str
    obs: pd.DataFrame
    var: pd.DataFrame
    main: Slot
    layers: tuple[str, ...]
    logged: tuple[bool, float | None]
    parts: tuple[str, ...]

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return a matrix as blocks of rows, and its array of values."""
        ...


class MemorySource:
    """An AnnData in memory."""

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
    """An open h5ad file or zarr store."""

    def __init__(self, name: str, path: Path, root: Any, layer: str | None) -> None:
        self.name, self.path, self.root, self._slots = name, path, root, stored_slots(root)
        self.main = _main(name, layer, self._slots)
        self.obs = store.read(root, "obs")
        self.var = store.read(root["raw"] if self.main.label == "raw" else root, "var")
        self.layers = tuple(slot.name for slot in self._slots.beside(self.main))
        self.logged = store.read_logged(root)
        parts = [f"{part}[{key!r}]" for part in _PARTS if part in root for key in root[part]]
        self.parts = (*parts, *_unused(self.main, self._slots))

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:  # noqa: D102 (as in Source)
        shape = (len(self.obs), len(self.var))
        return open_matrix(self._slots.matrix(slot), shape, f"{self.path}: {slot.label}", folder, block)


@contextmanager
def opened_sources(
    given: Sequence[Path | anndata.AnnData], names: Sequence[str], layers: Sequence[str | None]
) -> Iterator[list[CellSource]]:
    """Open the objects to join.

    Parameters
    ----------
    given
        Files, stores, or AnnDatas.
    names
        Name of each.
    layers
        Layer of each to use in place of X.

    Raises
    ------
    TranslationError
        If a file does not exist, or is not an AnnData.
    JoinError
        If a layer does not exist.
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
    return [one for one, exists in (("X", slots.has_x), ("raw", slots.has_raw)) if exists and main.label != one]


def called(given: Sequence[Any]) -> list[str]:
    """Return unique names: of files their name or path, else a number.

    Examples
    --------
    >>> called([Path("a/x.h5ad"), Path("b/x.h5ad")]), called([Path("a/x.h5ad"), object()])
    (['a/x.h5ad', 'b/x.h5ad'], ['x.h5ad', '2'])
    """
    names = [one.name if isinstance(one, Path) else str(number) for number, one in enumerate(given, 1)]
    if len(set(names)) == len(names):
        return names
    paths = [str(one) if isinstance(one, Path) else str(number) for number, one in enumerate(given, 1)]
    return paths if len(set(paths)) == len(paths) else [f"{name}#{number}" for number, name in enumerate(paths, 1)]
