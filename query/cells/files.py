"""Open, read and replace AnnData files: h5ad and zarr."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from homodb.query.cells.checks import (
    OPTIONAL,
    boundary,
    check_array,
    check_compressed,
    check_hdf5,
    check_heaps,
    check_kind,
    check_written,
    check_zarr,
    file_error,
    first_line,
    is_optional,
    label,
    reading,
    text_of,
)
from homodb.schema.errors import HomodbError, OutputError, TranslationError
from homodb.schema.io import (
    UNFINISHED,
    check_ending,
    check_output,
    check_there,
    ending_of,
    replace_folder,
    temporary_folder,
    whole_file,
)

if TYPE_CHECKING:
    import anndata

#: Files that mark a folder as a zarr store.
_STORE_FILES = ("zarr.json", ".zgroup", ".zmetadata")
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
#: Groups of other HDF5 formats, and first bytes of other files, with the way to an AnnData.
_GROUPS_OF = (
    ({"row_attrs"}, "Loom: anndata.io.read_loom reads it"), ({"matrix"}, "10x counts: scanpy.read_10x_h5 reads them"),
    ({"assays", "meta.data"}, "h5Seurat: SeuratDisk::Convert makes an h5ad of it"),
)  # fmt: skip
_FIRST_BYTES = (
    (b"PK", "a zip archive: unpack it"), (b"\x1f\x8b", "compressed by gzip: unpack it"),
    (b"version https://git-lfs", "a pointer of Git LFS: git lfs pull fetches the file"), (b"<", "a web page"),
    (b"%%MatrixMarket", "a matrix without names: scanpy.read_10x_mtx reads its folder"),
)  # fmt: skip
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
        raise OutputError(f"{output}: exists and is not a zarr store; name another output")


@contextmanager
def open_anndata(path: Path, *, follow_links: bool = False) -> Iterator[Any]:
    """Open an h5ad file or a zarr store for reading, and yield its root.

    Exceptions of libraries that read it are errors of the file while it is open.

    `follow_links`: whether parts of it may lie in other files.

    Raises TranslationError if it does not exist, is neither, leads out of itself, or is damaged.
    """
    check_there(path, error=TranslationError)
    check_kind(path)
    with boundary(path):
        if path.is_dir():
            check_zarr(path, follow_links=follow_links)
            root = _zarr(path)
            _check_parts(path, root)
            yield root
            return
        with _hdf5(path) as file:
            _check_parts(path, file)
            check_hdf5(path, file, follow_links=follow_links)
            yield file


def read_anndata(path: Path) -> anndata.AnnData:
    """Read an AnnData into memory.

    Files written before anndata 0.8, which do not record encodings, are read too. Damaged entries of uns, and awkward
    arrays where the package is not installed, are left out with a warning.

    Raises TranslationError if it does not exist, or is not an AnnData.
    """
    import anndata

    with open_anndata(path) as root:
        try:
            _check_encodings(root)
            adata = anndata.read_zarr(root) if path.is_dir() else anndata.read_h5ad(path)
        except (MemoryError, PermissionError) as error:
            raise file_error(path, error) from error
        except Exception as error:
            if encoding(root) != "anndata":
                raise file_error(path, error) from error
            left = left_out(path, root)
            try:
                adata = _read_parts(root, left)
            except HomodbError:
                raise
            except Exception:  # noqa: BLE001 (the first error says more)
                raise file_error(path, error) from error
            for why in left.values():
                warnings.warn(f"{path}: {why}", stacklevel=2)
    return _with_native_values(adata)


def _read_parts(root: Any, left: Mapping[str, str]) -> anndata.AnnData:
    """Read an AnnData without some of its entries."""
    import anndata

    parts: dict[str, Any] = {}
    for part in root:
        with reading(root[part]):
            element = root[part]
        if encoding(element) == "dict":
            parts[part] = {key: read_element(element[key]) for key in element if f"{part}/{key}" not in left}
        elif part == "raw":
            parts[part] = {key: read_element(element[key]) for key in element}
        else:
            with reading(element):
                parts[part] = read_element(element)
    return anndata.AnnData(**parts)


def read_element(element: Any) -> Any:
    """Read an element of a file into memory, with values in this machine's byte order.

    Every encoding that anndata 0.11 to 0.13 write is supported. Any exception means that it is damaged, or not an
    element.
    """
    from anndata.io import read_elem

    _check_encodings(element)
    form = encoding(element)
    if form == "dict":
        return {key: read_element(element[key]) for key in element}
    if form in ("csr_matrix", "csc_matrix") and not element["data"].dtype.isnative:  # SciPy refuses it
        arrays = tuple(_native(np.asarray(element[name][:])) for name in ("data", "indices", "indptr"))
        kind = sp.csr_matrix if form == "csr_matrix" else sp.csc_matrix
        rows, columns = (int(one) for one in element.attrs["shape"])
        return kind(arrays, shape=(rows, columns))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _native(read_elem(element))


def left_out(
    path: Path, root: Any, parts: tuple[str, ...] = ("obs", "obsm", "obsp", "uns"), *, as_is: bool = False
) -> dict[str, str]:
    """Check every element of some parts, and return those to leave out (``uns/key``) with a sentence each.

    `as_is`: whether arrays are copied without reading them, so that awkward ones need no package.

    Raises TranslationError if another element cannot be read, or has another number of cells than obs.
    """
    left: dict[str, str] = {}
    cells: int | None = None
    for part in parts:
        if part not in root:
            continue
        with reading(root[part]):
            _check_encoding(root[part])
        if part == "obs":
            with reading(root[part]):
                cells = check_element(root[part])
            continue
        for key in root[part]:
            name = f"{part}/{key}"
            try:
                element = root[part][key]
                if encoding(element) == "awkward-array" and find_spec("awkward") is None:
                    if not as_is:
                        raise ImportError("awkward")
                    continue
                rows = check_element(element)
                if part in ("obsm", "obsp") and cells is not None and rows is not None and rows != cells:
                    raise ValueError(f"it has {rows:,} rows, but obs has {cells:,}")
                shape = tuple(element.attrs.get("shape", getattr(element, "shape", ())))
                if part == "obsp" and shape != (rows, rows):
                    raise ValueError(f"its shape is {shape}, which is not one row and column per cell")
                if part == "obsm" and encoding(element) == "dataframe" and _index(element) != _index(root["obs"]):
                    raise ValueError("its index is not that of obs")
            except Exception as error:
                said = error if isinstance(error, HomodbError) else file_error(path, error, label(name))
                if part not in OPTIONAL and not isinstance(error, ImportError):
                    raise said from error
                left[name] = "left out: " + str(said).removeprefix(f"{path}: ")
    return left


def check_element(element: Any) -> int | None:
    """Check an element by reading all of it, and return its number of rows; None for a value or a mapping.

    Any exception means that it is damaged, or not an element.
    """
    _check_encoding(element)
    kind = encoding(element)
    if kind == "dict":
        for name in element:
            with reading(element[name]):
                check_element(element[name])
        return None
    if kind in ("csr_matrix", "csc_matrix"):
        return check_compressed(element)[0]
    if kind == "dataframe":
        return _check_table(element)
    if kind == "array" and getattr(element, "shape", None) and getattr(element.dtype, "kind", "") in "biufc":
        check_array(element)
        return int(element.shape[0])
    if "ref" in (getattr(getattr(element, "dtype", None), "metadata", None) or {}):
        raise TypeError("it holds references to other elements, which AnnData does not have")
    shape = getattr(read_element(element), "shape", ())
    return int(shape[0]) if shape else None


def _check_table(table: Any) -> int:
    order = [str(text_of(name)) for name in table.attrs["column-order"]]
    index = text_of(table.attrs["_index"])
    if not isinstance(index, str) or index not in table:
        raise KeyError(f"its index {index!r} does not exist")
    rows = check_element(table[index])
    for name in order:
        if name not in table:
            raise KeyError(f"its column {name!r} does not exist")
        element = table[name]
        with reading(element):
            number = check_element(element)
            if number != rows:
                raise ValueError(f"it has {number} values, but the table has {rows} rows")
    return rows or 0


def _index(table: Any) -> list[Any]:
    return list(read_element(table[text_of(table.attrs["_index"])]))


def _native(value: Any) -> Any:
    """Return a value with arrays in this machine's byte order, which SciPy and pandas need."""
    if isinstance(value, dict):
        return {key: _native(one) for key, one in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))
    if isinstance(value, sp.csr_matrix | sp.csc_matrix | sp.csr_array | sp.csc_array):
        for name in ("data", "indices", "indptr"):
            array = getattr(value, name)
            if not array.dtype.isnative:
                setattr(value, name, _native(array))
    elif type(value).__name__ == "DataFrame":
        for place, dtype in enumerate(value.dtypes):
            if isinstance(dtype, np.dtype) and not dtype.isnative:
                value.isetitem(place, _native(value.iloc[:, place].to_numpy()))
    return value


def _with_native_values(adata: anndata.AnnData) -> anndata.AnnData:
    """Bring the matrices of an object into this machine's byte order."""
    if adata.X is not None and not adata.X.dtype.isnative:
        adata.X = _native(adata.X)
    for part in ("layers", "obsm", "varm", "obsp", "varp"):
        entries = getattr(adata, part)
        for key in [key for key in entries if key is not None]:
            if isinstance(entries[key], np.ndarray) or sp.issparse(entries[key]):
                entries[key] = _native(entries[key])
    for table in (adata.obs, adata.var):
        _native(table)
    if adata.raw is not None and not adata.raw.X.dtype.isnative:
        import anndata

        adata.raw = anndata.AnnData(_native(adata.raw.X), obs=adata.obs[[]], var=adata.raw.var)
    return adata


def encoding(element: Any) -> str:
    """Return the encoding type of an element, or an empty string."""
    value = text_of(element.attrs.get("encoding-type", ""))
    return value if isinstance(value, str) else ""


def walk(element: Any) -> Iterator[Any]:
    """Yield an element and everything below it."""
    yield element
    if not hasattr(element, "shape"):
        for name in element:
            yield from walk(element[name])


def _check_encodings(element: Any) -> None:
    """Check that anndata can read the encodings of an element, and of everything below it."""
    for one in walk(element):
        _check_encoding(one)


def _check_encoding(element: Any) -> None:
    """Check that anndata can read an encoding, and that the values of optional parts were written.

    The class of anndata's own error for an encoding is not public.
    """
    kind = _ARRAYS if hasattr(element, "shape") else _GROUPS
    form, version = (text_of(element.attrs.get(name, "")) for name in ("encoding-type", "encoding-version"))
    if not isinstance(form, str) or (form and str(version) not in kind.get(form, ())):
        raise ValueError(f"{element.name} is of an encoding that is not known, {form!r} {version}")
    if is_optional(element.name) and hasattr(getattr(element, "id", None), "get_storage_size"):
        check_written(element.id)


def _hdf5(path: Path) -> Any:
    import h5py

    try:
        check_heaps(path)
        file = h5py.File(path, "r")
        dict(file.attrs)  # opening alone does not detect a damaged header
    except (PermissionError, BlockingIOError) as error:
        raise file_error(path, error) from error
    except HomodbError:
        raise
    except Exception as error:
        message = first_line(error)
        if "unable to lock file" in str(error):
            raise file_error(path, error) from error
        raise _not_anndata(path, _not_hdf5(path) if "signature not found" in message else message) from error
    return file


def _not_hdf5(path: Path) -> str:
    if path.suffix.lower() in (".rds", ".rda", ".rdata"):
        return "it is an object of R: zellkonverter::writeH5AD writes an h5ad of it"
    with path.open("rb") as file:
        start = file.read(32)
    return "it is empty" if not start else "it is " + next(
        (kind for first, kind in _FIRST_BYTES if start.startswith(first)), "not HDF5"
    )  # fmt: skip


def _zarr(path: Path) -> Any:
    import zarr

    try:
        return zarr.open_group(path, mode="r", use_consolidated=False)
    except FileNotFoundError as error:
        raise _not_anndata(path, "it is a folder of something else") from error
    except (MemoryError, PermissionError) as error:
        raise file_error(path, error) from error
    except Exception as error:
        raise _not_anndata(path, first_line(error)) from error


def _check_parts(path: Path, root: Any) -> None:
    """Check that a root has the parts of an AnnData, and that those are groups."""
    if encoding(root) == "MuData" or ("mod" in root and "X" not in root and not hasattr(root["mod"], "shape")):
        modalities = ", ".join(sorted(root["mod"])) if "mod" in root else "none"
        raise TranslationError(
            f"{path}: is a MuData of several modalities ({modalities}); expected an AnnData of one: write it by "
            "mdata.mod[name].write_h5ad(file)"
        )
    missing = [part for part in ("obs", "var") if part not in root]
    if missing:
        entries = ", ".join(sorted(root)[:_SHOWN]) or "nothing"
        inside = {name for name in root if not hasattr(root[name], "shape")}
        kind = next((f"; it is {kind}" for groups, kind in _GROUPS_OF if groups <= inside), "")
        raise _not_anndata(path, f"it has no {' and '.join(missing)}; it holds {entries}{kind}")
    if encoding(root) == "anndata":
        for part in ("obs", "var", "layers", "obsm", "obsp", "varm", "varp", "uns", "raw"):
            if part in root and hasattr(root[part], "shape") and encoding(root[part]) != "null":
                raise TranslationError(f"{path}: {part} cannot be read, or is damaged (it is an array, not a group)")


def _not_anndata(path: Path, why: str) -> TranslationError:
    return TranslationError(f"{path}: is not an AnnData, neither an h5ad file nor a zarr store ({why})")


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
