"""Read the tables and matrices of an object: an AnnData in memory, or a file."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from homodb.query.cells import store
from homodb.query.cells.files import left_out, open_anndata, read_anndata
from homodb.query.cells.matrices import LazyMatrix, Rows, as_lazy, as_rows, open_matrix
from homodb.query.cells.slots import Logged, Slot, Slots, in_memory, logged_of, slots_of, stored_slots, with_tables
from homodb.schema.errors import JoinError, TranslationError
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Cells as users name them: an object or a path.
Cells: TypeAlias = "anndata.AnnData | str | Path"
#: Several objects, or those of each species by its name.
SeveralCells: TypeAlias = "Sequence[Cells] | Mapping[str, Cells]"

#: Parts of an object that a join drops.
_PARTS = ("obsm", "obsp", "varm", "varp", "uns")


def as_cells(given: Any) -> anndata.AnnData | Path:
    """Return an AnnData as it is, and any path as a Path.

    Raises TranslationError if it is something else.
    """
    if isinstance(given, str | os.PathLike):
        return Path(given)
    import anndata

    if isinstance(given, anndata.AnnData):
        return given
    kind = type(given).__name__
    if isinstance(getattr(given, "mod", None), Mapping):  # a data frame has a method of this name
        hint = "take one of its modalities, such as mdata['rna']"
    elif hasattr(given, "shape"):
        hint = "make one of it: anndata.AnnData(X, obs=..., var=...) with cells in rows and genes in columns"
    elif isinstance(given, Collection):
        hint = "give one object at a time, or join several by homodb.join"
    else:
        hint = "read the cells, for example by scanpy, or name their file"
    raise TranslationError(f"cells are {_article(kind)}; expected an AnnData, or the path of an h5ad or zarr: {hint}")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'AEIOaeio' else 'a'} {noun}"


def load_cells(given: Cells, *, whole: bool = False) -> anndata.AnnData:
    """Return an AnnData with its tables in memory; a file is read whole.

    `whole`: whether matrices of a lazy or backed object are read, too.

    Raises TranslationError if it is neither, or the file does not exist or is not an AnnData.
    """
    cells = as_cells(given)
    if isinstance(cells, Path):
        return read_anndata(cells)
    return in_memory(cells) if whole else with_tables(cells)


def several_cells(
    objects: Cells | SeveralCells, species: Sequence[str | int | Species | None] | None
) -> tuple[list[anndata.AnnData | Path], list[str], list[str | int | Species | None] | None]:
    """Return several objects, their names and their species.

    `objects`: one, a collection, or a mapping from species to objects as :func:`anndata.concat` takes it.

    Raises TranslationError if one of them is not cells, or species are named twice.
    """
    if isinstance(objects, Mapping):
        if species is not None:
            raise TranslationError(
                "species are named, and the keys of the objects name them too; name them once", option="species"
            )
        keys = list(objects)
        return [as_cells(one) for one in objects.values()], list(map(str, keys)), [*keys]
    many = isinstance(objects, Collection | Iterator) and not isinstance(objects, str) and not hasattr(objects, "shape")
    each: Any = objects if many else [objects]
    cells = [as_cells(one) for one in each]
    return cells, called(cells), None if species is None else [*species]


class CellSource(Protocol):
    """One object to join: its tables of cells and of the genes of the main matrix, and its matrices.

    `logged`: record of logarithms in X; `parts`: parts of the object that a join drops.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def obs(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def var(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def main(self) -> Slot: ...  # noqa: D102
    @property
    def layers(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def logged(self) -> Logged: ...  # noqa: D102
    @property
    def parts(self) -> tuple[str, ...]: ...  # noqa: D102

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return a matrix as blocks of rows, and its array of values."""
        ...


class _Source:
    """Common part of objects in memory and in files.

    `layer`: layer to use in place of X, or ``raw``.
    """

    object_var: pd.DataFrame
    raw_var: pd.DataFrame | None

    def __init__(self, name: str, slots: Slots, layer: str | None) -> None:
        self.name, self.slots, self.main = name, slots, slots.main(layer)
        self.layers = tuple(slot.name for slot in slots.beside(self.main))

    def keys(self, part: str, *, raw: bool = False) -> list[str]:
        """Return the keys of a mapping of the object, or of its raw."""
        raise NotImplementedError

    def var_of(self, slot: Slot) -> pd.DataFrame:
        """Return the table of the genes of a matrix."""
        return self.raw_var if slot.label == "raw" and self.raw_var is not None else self.object_var

    @property
    def var(self) -> pd.DataFrame:
        """Table of the genes of the main matrix."""
        return self.var_of(self.main)

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the object that a join drops."""
        parts = [f"{part}[{key!r}]" for part in _PARTS for key in self.keys(part)]
        unused = (("X", self.slots.has_x), ("raw", self.slots.has_raw))
        return (*parts, *(one for one, exists in unused if exists and self.main.label != one))


class MemorySource(_Source):
    """An AnnData in memory, whose matrices may be Dask arrays."""

    def __init__(self, name: str, adata: anndata.AnnData, layer: str | None) -> None:
        self.adata = with_tables(adata)
        super().__init__(name, slots_of(self.adata), layer)
        self.obs: pd.DataFrame = self.adata.obs
        self.object_var = self.adata.var
        self.raw_var = None if self.adata.raw is None else self.adata.raw.var
        self.n_obs: int = self.adata.n_obs
        self.uns: Mapping[str, Any] = self.adata.uns
        self.logged = logged_of(self.uns)

    def keys(self, part: str, *, raw: bool = False) -> list[str]:
        """Return the keys of a mapping of the object, or of its raw."""
        return list(getattr(self.adata.raw if raw else self.adata, part))

    def obs_columns(self, names: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
        """Return a table with columns of obs, and the names of all columns."""
        return self.obs, list(map(str, self.obs.columns))

    def read_uns(self, key: str) -> Any:
        """Return an entry of uns, None if there is none."""
        return self.uns.get(key)

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return a matrix as blocks of rows; None for its array of values."""
        return as_rows(self.slots.matrix(slot)), None

    def lazy(self, slot: Slot) -> LazyMatrix | None:
        """Return a matrix that is a Dask array, None for another one."""
        return as_lazy(self.slots.matrix(slot))


class FileSource(_Source):
    """An open h5ad file or zarr store."""

    def __init__(self, name: str, path: Path, root: Any, layer: str | None) -> None:
        super().__init__(name, stored_slots(root), layer)
        self.path, self.root = path, root
        self.object_var = store.read(root, "var")
        self.raw_var = store.read(root["raw"], "var") if self.slots.has_raw else None
        self.logged = store.read_logged(root)

    @cached_property
    def obs(self) -> pd.DataFrame:
        """Table of the cells."""
        table: pd.DataFrame = store.read(self.root, "obs")
        return table

    @cached_property
    def n_obs(self) -> int:
        """Number of cells."""
        return store.height(self.root["obs"])

    @cached_property
    def uns(self) -> Mapping[str, Any]:
        """Outline of uns: keys, and indices of tables."""
        return store.peek(self.root["uns"]) if "uns" in self.root else {}

    def left_out(self, *, as_is: bool) -> dict[str, str]:
        """Check the parts that a translation keeps; return those to leave out, with a sentence each.

        `as_is`: whether arrays are copied without reading them.
        """
        return left_out(self.path, self.root, as_is=as_is)

    def keys(self, part: str, *, raw: bool = False) -> list[str]:
        """Return the keys of a mapping of the object, or of its raw."""
        return list((self.root["raw"] if raw else self.root).get(part, ()))

    def obs_columns(self, names: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
        """Return a table with columns of obs, and the names of all columns."""
        return store.read_columns(self.root["obs"], tuple(names)), store.columns_of(self.root["obs"])

    def read_uns(self, key: str) -> Any:
        """Return an entry of uns, None if there is none."""
        return store.read(self.root["uns"], key) if key in self.uns else None

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return a matrix as blocks of rows, and its array of values."""
        shape = (self.n_obs, len(self.var_of(slot)))
        return open_matrix(self.slots.matrix(slot), shape, f"{self.path}: {slot.label}", folder, block)

    def lazy(self, slot: Slot) -> None:
        """Return None: matrices of files are read in blocks."""
        return


#: An object to translate.
Source: TypeAlias = MemorySource | FileSource


@contextmanager
def open_source(given: Cells, layer: str | None, name: str = "", *, follow_links: bool = False) -> Iterator[Source]:
    """Open an object; a file without encodings, as before anndata 0.8, is read into memory.

    `layer`: layer to use in place of X, or ``raw``; `follow_links`: whether parts of a file may lie in other files.

    Raises TranslationError if a file does not exist or is not an AnnData, or there is no such layer.
    """
    cells = as_cells(given)
    if not isinstance(cells, Path):
        yield MemorySource(name, cells, layer)
        return
    with open_anndata(cells, follow_links=follow_links) as root:
        if store.is_anndata(root):
            yield FileSource(name, cells, root, layer)
            return
        adata = read_anndata(cells)
        yield MemorySource(name, adata, layer)


@contextmanager
def opened_sources(
    given: Sequence[Cells], names: Sequence[str], layers: Sequence[str | None]
) -> Iterator[list[CellSource]]:
    """Open the objects to join, each with its name and its layer; see :func:`open_source`.

    Raises TranslationError if a file does not exist, or is not an AnnData. Raises JoinError if a layer does not exist.
    """
    with ExitStack() as stack:
        sources: list[CellSource] = []
        for one, name, layer in zip(given, names, layers, strict=True):
            try:
                sources.append(stack.enter_context(open_source(one, layer, name)))
            except TranslationError as error:
                if error.option != "layer":
                    raise
                raise JoinError(f"{name}: {error}", option=error.option) from error
        yield sources


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
