"""Open, read and replace AnnData files: h5ad and zarr."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.schema.errors import OutputError, TranslationError
from homodb.schema.io import (
    UNFINISHED,
    check_ending,
    check_output,
    check_there,
    ending_of,
    reason,
    replace_folder,
    temporary_folder,
    whole_file,
)

if TYPE_CHECKING:
    import anndata

#: Files that mark a folder as a zarr store.
_STORE_FILES = ("zarr.json", ".zgroup", ".zmetadata")
#: Errors that readers raise on a damaged file.
DAMAGED = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError)
#: Encodings of arrays and of groups that anndata 0.11 to 0.13 write or read, and their versions.
_ARRAYS = dict.fromkeys(("array", "bytes", "numeric-scalar", "rec-array", "string", "string-array"), ("0.2.0",))
_ARRAYS["null"] = ("0.1.0",)
_GROUPS = dict.fromkeys(
    (
        "anndata", "awkward-array", "csc_matrix", "csr_matrix", "dict", "nullable-boolean", "nullable-integer",
        "nullable-string-array", "raw",
    ),
    ("0.1.0",),
) | {"categorical": ("0.2.0",), "dataframe": ("0.1.0", "0.2.0")}  # fmt: skip
#: Number of entries that a message lists.
_SHOWN = 8


def is_zarr(path: Path) -> bool:
    """Return whether a path is a zarr store, or has the suffix of one."""
    return path.is_dir() or ending_of(path) == ".zarr"


def check_cells_output(output: Path, *inputs: Path) -> None:
    """Check that `output` is writable and is not an input.

    `output`: h5ad file to write, or zarr store if it ends with ``.zarr``.

    Raises OutputError if the output cannot be written, has the suffix of another kind of file, or is one of the inputs.
    Raises TranslationError if an input does not exist.
    """
    check_ending(output, "cells", ".h5ad", ".zarr")
    check_there(*inputs, error=TranslationError)
    store = ending_of(output) == ".zarr"
    check_output(output, *inputs, store=store)
    if store and output.exists() and not any((output / name).is_file() for name in _STORE_FILES):
        raise OutputError(f"{output}: is there and is no zarr store; name another output")


@contextmanager
def open_anndata(path: Path) -> Iterator[Any]:
    """Open an h5ad file or a zarr store for reading, and yield its root.

    Raises TranslationError if it does not exist, or is neither.
    """
    check_there(path, error=TranslationError)
    if path.is_dir():
        root = _zarr(path)
        _check_parts(path, root)
        yield root
        return
    with _hdf5(path) as file:
        _check_parts(path, file)
        yield file


def read_anndata(path: Path) -> anndata.AnnData:
    """Read an AnnData into memory.

    Files written before anndata 0.8, which do not record encodings, are read too.

    Raises TranslationError if it does not exist, or is not an AnnData.
    """
    import anndata

    with open_anndata(path) as root:
        try:
            _check_encodings(root)
            return anndata.read_zarr(path) if path.is_dir() else anndata.read_h5ad(path)
        except MemoryError as error:
            raise TranslationError(f"{path}: does not fit into memory ({_first_line(error)})") from error
        except PermissionError as error:
            raise _unreadable(path, error) from error
        except DAMAGED as error:
            raise _not_anndata(path, _first_line(error)) from error


def read_element(element: Any) -> Any:
    """Read an element of a file into memory.

    Every encoding that anndata 0.11 to 0.13 write is supported.

    Raises OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError if it is damaged or not an element:
    :data:`DAMAGED`.
    """
    from anndata.io import read_elem

    _check_encodings(element)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_elem(element)


def encoding(element: Any) -> str:
    """Return the encoding type of an element, or an empty string."""
    value = element.attrs.get("encoding-type", "")
    return value if isinstance(value, str) else ""


def walk(element: Any) -> Iterator[Any]:
    """Yield an element and everything below it."""
    yield element
    if not hasattr(element, "shape"):
        for name in element:
            yield from walk(element[name])


def _check_encodings(element: Any) -> None:
    """Check that anndata can read the encodings of an element.

    The class of anndata's own error for this is not public.
    """
    for one in walk(element):
        kind = _ARRAYS if hasattr(one, "shape") else _GROUPS
        form, version = encoding(one), str(one.attrs.get("encoding-version", ""))
        if form and version not in kind.get(form, ()):
            raise ValueError(f"{one.name} is of an encoding that is not known, {form!r} {version}")


def _hdf5(path: Path) -> Any:
    import h5py

    try:
        file = h5py.File(path, "r")
        dict(file.attrs)  # opening alone does not detect a damaged header
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except (OSError, KeyError, RuntimeError) as error:
        message = _first_line(error)
        raise _not_anndata(path, "it is not HDF5" if "signature not found" in message else message) from error
    return file


def _zarr(path: Path) -> Any:
    import zarr

    try:
        return zarr.open_group(path, mode="r", use_consolidated=False)
    except FileNotFoundError as error:
        raise _not_anndata(path, "it is a folder of something else") from error
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _not_anndata(path, _first_line(error)) from error


def _check_parts(path: Path, root: Any) -> None:
    missing = [part for part in ("obs", "var") if part not in root]
    if missing:
        entries = ", ".join(sorted(root)[:_SHOWN]) or "nothing"
        raise _not_anndata(path, f"it has no {' and '.join(missing)}; it holds {entries}")


def _not_anndata(path: Path, why: str) -> TranslationError:
    return TranslationError(f"{path}: is not an AnnData, neither an h5ad file nor a zarr store ({why})")


def _unreadable(path: Path, error: OSError) -> TranslationError:
    return TranslationError(f"{path}: cannot be read ({reason(error)})")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def atomic_output(output: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `output` on success.

    Raises OutputError if it cannot be written, or exists and is not a store.
    """
    if not is_zarr(output):
        with whole_file(output) as partial:
            yield partial
        return
    check_cells_output(output)
    try:
        with temporary_folder(f".{output.name}{UNFINISHED}", output.parent) as folder:
            partial = folder / output.name
            yield partial
            replace_folder(partial, output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from error
