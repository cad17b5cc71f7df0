"""AnnData files, h5ad and zarr alike: read element by element, and written."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.query.cells.files import encoding, is_zarr, read_element, walk
from homodb.query.cells.matrices import reading
from homodb.query.cells.slots import slots_of
from homodb.schema.errors import OutputError
from homodb.schema.io import held_back

if TYPE_CHECKING:
    import anndata
    import pandas as pd


class DeferredErrorFile(io.RawIOBase):
    """A new file to write and read; after a failed write it takes everything and keeps nothing.

    Parameters
    ----------
    path
        The file; it is made, or emptied.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._failed: BaseException | None = None

    def check(self) -> None:
        """Raise the error of the first write that failed, an interrupt among them; nothing where none did."""
        if self._failed is not None:
            raise self._failed

    def write(self, data: Any) -> int:
        """Write, or pretend to after a failure."""
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
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
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
        """Return that it has places."""
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
    """Create an h5ad file or a zarr store, and close it whole; gives its root, and a function that raises what failed.

    Parameters
    ----------
    path
        Where; nothing is there.
    like
        Root group of the source: a zarr store of its format is written where it is one, else one of format 3.

    Raises
    ------
    OutputError
        If it cannot be written, a full disk included.
    """
    if not is_zarr(path):
        import h5py

        with writing(), held_back() as interrupted, closing(DeferredErrorFile(path)) as sheltered:

            def check() -> None:
                sheltered.check()
                interrupted()

            with h5py.File(sheltered, "w") as file:
                file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
                yield file, check
            sheltered.check()
        return
    import zarr

    told = getattr(getattr(like, "metadata", None), "zarr_format", None)
    with writing(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_group(path, mode="w", zarr_format=told or 3)
        group.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        yield group, lambda: None
        zarr.consolidate_metadata(group.store)


@contextmanager
def writing() -> Iterator[None]:
    """Make an error of writing, a full disk included, one that says so."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise OutputError(f"the output cannot be written, is the disk full? ({first})") from error


def is_anndata(root: Any) -> bool:
    """Whether the root says that it is an AnnData of the present form; one before anndata 0.8 does not."""
    return encoding(root) == "anndata"


def read(group: Any, key: str) -> Any:
    """Read an element into memory."""
    with reading():
        return read_element(group[key])


def write_whole(adata: anndata.AnnData, path: Path) -> None:
    """Write an object to an h5ad file or a zarr store; as anndata does, columns of text that repeat as categories.

    Raises
    ------
    OutputError
        If it cannot be written, a full disk included.
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
    """Write an element, its texts so that every anndata can read them and write them again."""
    import anndata
    from anndata.io import write_elem

    with warnings.catch_warnings(), anndata.settings.override(allow_write_nullable_strings=True):
        warnings.simplefilter("ignore")
        write_elem(group, key, plain(value))


def plain(value: Any) -> Any:
    """Return a value with its texts as plain arrays, or as categories where some are missing; an index stays then.

    anndata writes the strings of pandas 3 in an encoding that versions before 0.13 read and do not write.
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
    """Copy an element from store to store, its texts as :func:`write` writes them.

    Within HDF5 arrays are copied as they lie; else they are read and written, of a mapping one entry after another.

    Parameters
    ----------
    source, target
        Groups of two stores.
    key
        The element; where the source has none, an empty mapping is written.
    leave
        Entries of it not to copy.
    """
    import h5py

    if key not in source:
        make_group(target, key)
        return
    element, kind = source[key], encoding(source[key])
    same = isinstance(target, h5py.Group) and isinstance(source, h5py.Group)
    if same and kind == _NULLABLE_TEXT and not _has_gaps(element):
        source.copy(element["values"], target, name=key)
    elif kind == "dict" or (same and kind != _NULLABLE_TEXT and _has_nullable_text(element)):
        inner = make_group(target, key, element.attrs)
        for name in element:
            if name not in leave:
                copy(element, inner, name)
    elif same and (kind != _NULLABLE_TEXT or source.attrs.get("_index") == key):
        source.copy(element, target, name=key)
    else:
        write(target, key, read(source, key))


def _has_gaps(element: Any) -> bool:
    with reading():
        return bool(element["mask"][:].any())


def _has_nullable_text(element: Any) -> bool:
    return any(encoding(one) == _NULLABLE_TEXT for one in walk(element))


def make_group(parent: Any, key: str, attributes: Mapping[str, Any] = _DICT) -> Any:
    """Make a group with its encoding attributes."""
    group = parent.create_group(key)
    group.attrs.update(dict(attributes))
    return group


def peek(group: Any) -> dict[str, Any]:
    """Return the entries of a mapping as far as it takes to tell what they speak of: keys, or the index of a table."""
    import pandas as pd

    told: dict[str, Any] = {}
    for key in group:
        element = group[key]
        if encoding(element) == "dict":
            told[key] = dict.fromkeys(element, None)
        elif encoding(element) == "dataframe":
            told[key] = pd.DataFrame(index=pd.Index(index_of(element)))
        else:
            told[key] = None
    return told


def index_of(table: Any) -> list[str]:
    """Return the index of a table in a file as text."""
    key = table.attrs["_index"]
    return [str(one) for one in read(table, key)]


def height(table: Any) -> int:
    """Return the number of rows of a table in a file."""
    with reading():
        return length(table[table.attrs["_index"]])


def length(element: Any) -> int:
    """Return the number of entries of a column in a file: an array, categories, or what can be missing."""
    with reading():
        array = element if hasattr(element, "shape") else element["codes" if "codes" in element else "values"]
        return int(array.shape[0])


def categories(column: Any) -> int | None:
    """Return the number of categories of a column in a file; None where it has none."""
    return length(column["categories"]) if encoding(column) == "categorical" else None


def read_columns(table: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read some columns of a table in a file; those that it lacks are left out."""
    import pandas as pd

    there = [column for column in columns if column in table]
    return pd.DataFrame({column: pd.Series(read(table, column)) for column in there})


def columns_of(table: Any) -> list[str]:
    """Return the names of the columns of a table in a file."""
    with reading():
        return [str(name) for name in table.attrs["column-order"]]
