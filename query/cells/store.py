"""Read, write and copy the elements of AnnData files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.query.cells.checks import reading, text_of
from homodb.query.cells.files import encoding, is_zarr, read_element, walk
from homodb.query.cells.slots import Logged, logged_of, slots_of
from homodb.schema.errors import OutputError, TranslationError
from homodb.schema.io import held_back
from homodb.schema.names import name_texts

if TYPE_CHECKING:
    import anndata
    import pandas as pd


class DeferredErrorFile(io.RawIOBase):
    """A new file that defers the error of a failed write.

    After a failure it accepts and discards all data; :meth:`check` raises the error.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._failed: BaseException | None = None

    def check(self) -> None:
        """Raise the error of the first failed write, if any."""
        if self._failed is not None:
            raise self._failed

    def write(self, data: Any) -> int:
        """Write, or discard the data after a failure."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self._failed is None:
            try:
                done += self._file.write(view[done:]) or 0
            except BaseException as error:  # noqa: BLE001 (kept, and raised by check)
                self._failed = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        if self._failed is None:
            try:
                return self._file.truncate(size)
            except BaseException as error:  # noqa: BLE001 (kept, and raised by check)
                self._failed = error
        return size or 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        return self._file.readinto(buffer) or 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def seekable(self) -> bool:
        """Return that it can be positioned."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


#: Attributes of a group of raw.
RAW_GROUP = {"encoding-type": "raw", "encoding-version": "0.1.0"}
#: The encoding of the strings of pandas 3.
_NULLABLE_TEXT = "nullable-string-array"
_DICT = {"encoding-type": "dict", "encoding-version": "0.1.0"}


@contextmanager
def created(path: Path, like: Any) -> Iterator[tuple[Any, Callable[[], None]]]:
    """Create an h5ad file or a zarr store, and close it completely.

    Yields its root, and a function that raises the error of a failed write.
    """
    if not is_zarr(path):
        import h5py

        with writing(), held_back() as interrupted, closing(DeferredErrorFile(path)) as target:

            def check() -> None:
                target.check()
                interrupted()

            with h5py.File(target, "w") as file:
                file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
                yield file, check
            target.check()
        return
    import zarr

    zarr_format = getattr(getattr(like, "metadata", None), "zarr_format", None)
    with writing(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(path, mode="w", zarr_format=zarr_format or 3)
        group.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        yield group, lambda: None
        zarr.consolidate_metadata(group.store)


@contextmanager
def writing() -> Iterator[None]:
    """Raise errors of writing as :class:`OutputError`."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise OutputError(f"the output cannot be written, is the disk full? ({message})") from error


def is_anndata(root: Any) -> bool:
    """Return whether a root is marked as an AnnData, as since anndata 0.8."""
    return encoding(root) == "anndata"


def read(group: Any, key: str) -> Any:
    """Read an element into memory."""
    with reading(group):
        element = group[key]
    with reading(element):
        return read_element(element)


def write_whole(adata: anndata.AnnData, path: Path) -> None:
    """Write an object to an h5ad file or a zarr store.

    Columns of repeated texts become categories, as in anndata.
    """
    adata.strings_to_categoricals()
    if adata.raw is not None:
        adata.strings_to_categoricals(adata.raw.var)
    slots = slots_of(adata)
    with created(path, None) as (root, check):
        parts: dict[str, Any] = {"X": adata.X} if slots.has_x else {}
        parts |= {part: getattr(adata, part) for part in ("obs", "var", "uns", "obsm", "varm", "obsp", "varp")}
        parts["layers"] = {name: adata.layers[name] for name in slots.layers}
        for part, value in parts.items():
            write(root, part, value)
            check()
        if slots.has_raw:
            raw = make_group(root, "raw", RAW_GROUP)
            for part in ("X", "var", "varm"):
                write(raw, part, getattr(adata.raw, part))
                check()


def write(group: Any, key: str, value: Any) -> None:
    """Write an element with texts that every anndata reads and writes."""
    import anndata
    from anndata.io import write_elem

    with warnings.catch_warnings(), anndata.settings.override(allow_write_nullable_strings=True):
        warnings.simplefilter("ignore")
        write_elem(group, key, plain(value))


def plain(value: Any) -> Any:
    """Return a value with its texts as plain arrays.

    Texts with missing values become categories; an index with missing values stays as it is.

    anndata writes the strings of pandas 3 in an encoding that versions before 0.13 can only read.
    """
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        table = value.copy(deep=False)
        for place, dtype in enumerate(value.dtypes):
            if isinstance(dtype, pd.StringDtype | pd.CategoricalDtype):
                array = plain(value.iloc[:, place].array)
                column: Any = pd.Series(array, value.index, array.dtype)  # of a bare array pandas 3 makes text again
                table.isetitem(place, column)
        if isinstance(value.index.dtype, pd.StringDtype) and not value.index.hasnans:
            table.index = value.index.astype(object)
        return table
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, pd.Categorical) and isinstance(value.categories.dtype, pd.StringDtype):
        return pd.Categorical.from_codes(value.codes, value.categories.astype(object), value.ordered)
    if isinstance(getattr(value, "dtype", None), pd.StringDtype):
        return plain(pd.Categorical(value)) if value.isna().any() else value.to_numpy(dtype=object)
    return value


def copy(source: Any, target: Any, key: str, *, leave: frozenset[str] = frozenset()) -> None:
    """Copy an element between stores, with texts as :func:`write` does.

    Between HDF5 files arrays are copied as they are, without links; else, and where values lie in other files, they are
    read and written, mappings entry by entry.

    `leave`: names of elements to leave out, such as ``uns/key``.
    """
    import h5py

    if key not in source:
        make_group(target, key)
        return
    element, kind = source[key], encoding(source[key])
    same, group = isinstance(target, h5py.Group) and isinstance(source, h5py.Group), not hasattr(element, "shape")
    if same and kind == _NULLABLE_TEXT and not _has_gaps(element):
        _copy_hdf5(element["values"], target, key)
    elif group and (kind in ("", "dict") or (same and kind != _NULLABLE_TEXT and _has_nullable_text(element))):
        inner = make_group(target, key, element.attrs if kind else _DICT)
        for name in element if same else sorted(element):  # zarr lists entries in any order
            if f"{element.name}/{name}".strip("/") not in leave:
                copy(element, inner, name)
    elif same and not _outside(element) and (kind != _NULLABLE_TEXT or text_of(source.attrs.get("_index")) == key):
        _copy_hdf5(element, target, key)
    else:
        write(target, key, read(source, key))


def _copy_hdf5(element: Any, target: Any, key: str) -> None:
    target.copy(element, target, name=key, expand_soft=True, expand_external=True)


def _outside(element: Any) -> bool:
    """Return whether values of an HDF5 array lie elsewhere, in other arrays or files, or in another byte order."""
    return hasattr(element, "shape") and bool(element.is_virtual or element.external or not element.dtype.isnative)


def _has_gaps(element: Any) -> bool:
    with reading(element):
        return bool(element["mask"][:].any())


def _has_nullable_text(element: Any) -> bool:
    """Return whether an element cannot be copied as it is: its texts, or where its values lie."""
    return any(_outside(one) if hasattr(one, "shape") else encoding(one) == _NULLABLE_TEXT for one in walk(element))


def make_group(parent: Any, key: str, attributes: Mapping[str, Any] = _DICT) -> Any:
    """Make a group with its encoding attributes."""
    group = parent.create_group(key)
    group.attrs.update({name: text_of(value) for name, value in attributes.items()})
    return group


def peek(group: Any) -> dict[str, Any]:
    """Return the outline of a mapping: keys, and indices of tables."""
    import pandas as pd

    entries: dict[str, Any] = {}
    for key in group:
        element = group[key]
        if encoding(element) == "dict":
            entries[key] = dict.fromkeys(element, None)
        elif encoding(element) == "dataframe":
            entries[key] = None  # also if it is damaged
            with suppress(TranslationError):
                entries[key] = pd.DataFrame(index=pd.Index(index_of(element)))
        else:
            entries[key] = None
    return entries


def read_logged(root: Any) -> Logged:
    """Return whether X of a file is recorded as logarithms, and their base."""
    uns = root.get("uns", {})
    if "log1p" not in uns:
        return Logged()
    log1p = uns["log1p"]
    return logged_of({"log1p": {"base": read(log1p, "base")} if encoding(log1p) == "dict" and "base" in log1p else {}})


def index_of(table: Any) -> list[str]:
    """Return the index of a table in a file as text."""
    with reading(table):
        key = text_of(table.attrs["_index"])
    return name_texts(read(table, key))


def height(table: Any) -> int:
    """Return the number of rows of a table in a file."""
    with reading(table):
        return length(table[text_of(table.attrs["_index"])])


def length(element: Any) -> int:
    """Return the number of entries of a column in a file."""
    with reading(element):
        array = element if hasattr(element, "shape") else element["codes" if "codes" in element else "values"]
        return int(array.shape[0])


def categories(column: Any) -> int | None:
    """Return the number of categories of a column in a file, or None."""
    return length(column["categories"]) if encoding(column) == "categorical" else None


def read_columns(table: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read those of the columns that a table in a file has."""
    import pandas as pd

    present = [column for column in columns if column in table]
    return pd.DataFrame({column: pd.Series(read(table, column)) for column in present})


def columns_of(table: Any) -> list[str]:
    """Return the names of the columns of a table in a file."""
    with reading(table):
        return [str(text_of(name)) for name in table.attrs["column-order"]]
