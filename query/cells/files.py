"""AnnData as they are stored, h5ad files and zarr stores: opened, or read whole; what is none is refused in one way."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.schema.errors import OutputError, TranslationError
from homodb.schema.io import check_ending, check_output, check_there, ending_of, reason, whole_file

if TYPE_CHECKING:
    import anndata

#: What a folder holds that is a zarr store.
_STORE = ("zarr.json", ".zgroup", ".zmetadata")
#: What readers raise of a file that is damaged.
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
#: Names of entries that a message shows.
_SHOWN = 8


def is_zarr(path: Path) -> bool:
    """Whether a path is, or by its suffix shall be, a zarr store."""
    return path.is_dir() or ending_of(path) == ".zarr"


def check_cells_output(output: Path, *inputs: Path) -> None:
    """Refuse, before any work is done, a file of cells that could not be made from some others.

    Parameters
    ----------
    output
        The h5ad file to write, or zarr store where it ends with ``.zarr``.
    *inputs
        Files of cells that are read.

    Raises
    ------
    OutputError
        If the output cannot be written, ends as another kind of file, or is one of the inputs.
    TranslationError
        If an input is not there.
    """
    check_ending(output, "cells", ".h5ad", ".zarr")
    check_there(*inputs, error=TranslationError)
    store = ending_of(output) == ".zarr"
    check_output(output, *inputs, store=store)
    if store and output.exists() and not any((output / name).is_file() for name in _STORE):
        raise OutputError(f"{output}: is there and is no zarr store; name another output")


@contextmanager
def open_anndata(path: Path) -> Iterator[Any]:
    """Open an h5ad file or a zarr store for reading; gives its root group.

    Raises
    ------
    TranslationError
        If it is not there, or is neither.
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
    """Read an object whole, also one of before anndata 0.8, which does not say how its parts are encoded.

    Raises
    ------
    TranslationError
        If it is not there, or is no AnnData.
    """
    import anndata

    with open_anndata(path) as root:
        try:
            _check_encodings(root)
            return anndata.read_zarr(path) if path.is_dir() else anndata.read_h5ad(path)
        except MemoryError as error:
            raise TranslationError(f"{path}: does not fit into memory ({_first(error)})") from error
        except PermissionError as error:
            raise _unreadable(path, error) from error
        except DAMAGED as error:
            raise _none(path, _first(error)) from error


def read_element(element: Any) -> Any:
    """Read an element of a file into memory, of any encoding that anndata 0.11 to 0.13 write.

    Raises
    ------
    OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError
        If it is damaged, or is none: :data:`DAMAGED`.
    """
    from anndata.io import read_elem

    _check_encodings(element)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_elem(element)


def encoding(element: Any) -> str:
    """Return an element's encoding type, or nothing."""
    told = element.attrs.get("encoding-type", "")
    return told if isinstance(told, str) else ""


def walk(element: Any) -> Iterator[Any]:
    """Yield an element and all that it holds."""
    yield element
    if not hasattr(element, "shape"):
        for name in element:
            yield from walk(element[name])


def _check_encodings(element: Any) -> None:
    """Refuse what anndata has no reader for; its own error for that is of a class that it does not give away."""
    for one in walk(element):
        kind = _ARRAYS if hasattr(one, "shape") else _GROUPS
        form, version = encoding(one), str(one.attrs.get("encoding-version", ""))
        if form and version not in kind.get(form, ()):
            raise ValueError(f"{one.name} is of an encoding that is not known, {form!r} {version}")


def _hdf5(path: Path) -> Any:
    import h5py

    try:
        file = h5py.File(path, "r")
        dict(file.attrs)  # a file whose beginning is damaged opens, but tells nothing
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except (OSError, KeyError, RuntimeError) as error:
        first = _first(error)
        raise _none(path, "it is not HDF5" if "signature not found" in first else first) from error
    return file


def _zarr(path: Path) -> Any:
    import zarr

    try:
        return zarr.open_group(path, mode="r", use_consolidated=False)
    except FileNotFoundError as error:
        raise _none(path, "it is a folder of something else") from error
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _none(path, _first(error)) from error


def _check_parts(path: Path, root: Any) -> None:
    missing = [part for part in ("obs", "var") if part not in root]
    if missing:
        there = ", ".join(sorted(root)[:_SHOWN]) or "nothing"
        raise _none(path, f"it has no {' and '.join(missing)}; it holds {there}")


def _none(path: Path, why: str) -> TranslationError:
    return TranslationError(f"{path}: is not an AnnData, neither an h5ad file nor a zarr store ({why})")


def _unreadable(path: Path, error: OSError) -> TranslationError:
    return TranslationError(f"{path}: cannot be read ({reason(error)})")


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def atomic_output(output: Path) -> Iterator[Path]:
    """Give a place to write a file, or a zarr store, to; when all went well it takes the place of the output.

    Raises
    ------
    OutputError
        If it cannot be written, or something else than a store is there.
    """
    if not is_zarr(output):
        with whole_file(output) as partial:
            yield partial
        return
    check_cells_output(output)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
            partial = Path(folder) / output.name
            yield partial
            if output.exists():
                output.rename(Path(folder) / "replaced")
            partial.rename(output)
            shutil.rmtree(Path(folder) / "replaced", ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from error
