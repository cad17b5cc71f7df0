"""AnnData files, h5ad and zarr alike: read element by element, and written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.query.stored import is_zarr
from homodb.query.translate.matrices import reading
from homodb.query.translate.shelter import ShelteredFile
from homodb.schema.errors import OutputError
from homodb.schema.interrupts import held_back

if TYPE_CHECKING:
    import pandas as pd

_DICT = {"encoding-type": "dict", "encoding-version": "0.1.0"}


@contextmanager
def created(path: Path, like: Any) -> Iterator[tuple[Any, Callable[[], None]]]:
    """Create an h5ad file or a zarr store, and close it whole; gives its root, and a function that raises what failed.

    Parameters
    ----------
    path
        Where; nothing is there.
    like
        Root group of the source: a zarr store of its format is written where it is one.

    Raises
    ------
    OutputError
        If it cannot be written, a full disk included.
    """
    import anndata

    if not is_zarr(path):
        import h5py

        with writing(), held_back() as interrupted, closing(ShelteredFile(path)) as sheltered:

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
        group = zarr.open_group(path, mode="w", zarr_format=told or getattr(anndata.settings, "zarr_write_format", 2))
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


def encoding(element: Any) -> str:
    """Return an element's encoding type, or nothing."""
    told = element.attrs.get("encoding-type", "")
    return told if isinstance(told, str) else ""


def read(group: Any, key: str) -> Any:
    """Read an element into memory."""
    from anndata.io import read_elem

    with reading(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_elem(group[key])


def write(group: Any, key: str, value: Any, compression: Mapping[str, Any] | None = None) -> None:
    """Write an element."""
    from anndata.io import write_elem

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_elem(group, key, value, dataset_kwargs=dict(compression or {}))


def copy(source: Any, target: Any, key: str, *, leave: frozenset[str] = frozenset()) -> None:
    """Copy an element from store to store: within HDF5 as it is; else read and written, a mapping entry by entry.

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
    element = source[key]
    same = isinstance(target, h5py.Group) and isinstance(source, h5py.Group)
    if encoding(element) == "dict":
        inner = make_group(target, key)
        for name in element:
            if name not in leave:
                copy(element, inner, name)
    elif same:
        source.copy(element, target, name=key)
    else:
        write(target, key, read(source, key))


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
        key = table.attrs["_index"]
        element = table[key]
        return int(element.shape[0] if hasattr(element, "shape") else element["codes"].shape[0])


def read_columns(table: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read some columns of a table in a file; those that it lacks are left out."""
    import pandas as pd

    there = [column for column in columns if column in table]
    return pd.DataFrame({column: pd.Series(read(table, column)) for column in there})


def columns_of(table: Any) -> list[str]:
    """Return the names of the columns of a table in a file."""
    with reading():
        return [str(name) for name in table.attrs["column-order"]]
