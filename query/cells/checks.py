"""Check files of others before and while they are read: links, sizes, codecs, and each element that is copied.

A file stands alone: what leads out of it is refused. An element that cannot be read is an error that names it;
in :data:`OPTIONAL` parts, which describe neither genes nor cells, it is left out, and a note says so.
"""

from __future__ import annotations

import inspect
import json
import math
import mmap
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from homodb.schema.errors import HomodbError, TranslationError
from homodb.schema.io import reason

#: Parts whose damaged entries are left out with a note; damage elsewhere is an error.
OPTIONAL = ("uns",)
#: Deepest nesting of groups, and largest number of elements.
_DEEPEST, _MOST = 64, 200_000
#: Largest expansion of compressed values: arrays beyond this multiple of the file's size hold no values.
_EXPANSION, _SMALL = 2_000, 1 << 30
#: Largest chunk, unless the array is nearly as large.
_CHUNK = 1 << 28
#: A heap of texts (global heap collection), and the number of bytes of a file that are searched for heaps.
_HEAP, _SCANNED = re.compile(rb"GCOL\x01\0\0\0.{8}", re.DOTALL), 1 << 26
_SMALLEST_HEAP = 4096
#: Largest file of zarr metadata, and number of bytes of an array that are checked at a time.
_METADATA, _PIECE = 1 << 26, 1 << 25
#: HDF5 filters of the package hdf5plugin.
_FILTERS = {
    307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32017: "sz",
    32018: "fcidecomp", 32024: "sz3", 32026: "blosc2", 32028: "sperr",
}  # fmt: skip
#: Codecs of zarr arrays that only decode; those that run code (pickle) are refused.
_CODECS = frozenset({
    "adler32", "astype", "base64", "bitround", "blosc", "bytes", "bz2", "cast_value", "crc32", "crc32c", "delta",
    "fixedscaleoffset", "fletcher32", "gzip", "jenkins_lookup3", "json2", "lz4", "lzma", "packbits", "pcodec",
    "quantize", "scale_offset", "sharding_indexed", "shuffle", "transpose", "vlen-array", "vlen-bytes", "vlen-utf8",
    "zfpy", "zlib", "zstd",
})  # fmt: skip
#: Packages whose exceptions are about the file that is read, and the rooms of homodb that read files.
_READERS = ("h5py", "zarr", "numcodecs", "anndata")
_ROOMS = ("homodb.query.cells", "homodb.query.inspect", "homodb.schema.names")


def label(name: str) -> str:
    """Return the name of an element as Python spells it.

    Examples
    --------
    >>> label("/uns/a/b"), label("/X")
    ("uns['a']['b']", 'X')
    """
    part, *keys = [one for one in name.split("/") if one] or ["the root"]
    text = part + "".join(f"[{key!r}]" for key in keys)
    return text if len(text) <= 80 else f"{text[:79]}…"


def first_line(error: BaseException) -> str:
    """Return the first line of a message, or the class of the error."""
    text = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"


def file_error(path: Path | str, error: BaseException, element: str = "") -> TranslationError:
    """Return the error for an exception of a library that reads a file: the file, the element, and the remedy."""
    message = first_line(error)
    if isinstance(error, MemoryError):
        return TranslationError(f"{path}: does not fit into memory ({message})")
    if isinstance(error, PermissionError):
        return TranslationError(f"{path}: cannot be read ({reason(error)})")
    if isinstance(error, BlockingIOError) or "unable to lock file" in str(error):
        return TranslationError(
            f"{path}: is in use by another program that writes to it; close it there, or copy the file"
        )
    where = element or _element_of(error)
    text = f"{path}: {where + ' ' if where else ''}cannot be read, or is damaged"
    if isinstance(error, ImportError) and "awkward" in str(error):
        return TranslationError(f"{path}: {where or 'an element'} is {_AWKWARD}")
    if isinstance(error, RecursionError):
        return TranslationError(f"{text} (it is nested too deeply)")
    if isinstance(error, KeyError):
        message = message.strip("\"'")
    return TranslationError(f"{text} ({message})")


#: Hint at the package for awkward arrays.
_AWKWARD = "an awkward array, which needs the package awkward: pip install awkward"


def _element_of(error: BaseException) -> str:
    """Return the element that anndata names in the notes of an error, or an empty text."""
    for text in (*getattr(error, "__notes__", ()), str(error)):
        match = re.search(r"reading key '([^']*)' of .* from (\S*)", text)
        if match:
            return label(f"{match[2]}/{match[1]}")
    return ""


def text_of(value: Any) -> Any:
    """Return an attribute as text: Julia and R write some of a fixed length, which h5py gives as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


@contextmanager
def reading(element: Any = None) -> Iterator[None]:
    """Raise exceptions of libraries while an element is read as :class:`TranslationError`."""
    try:
        yield
    except (HomodbError, NameError):
        raise
    except Exception as error:
        raise file_error(place_of(element), error, label(getattr(element, "name", None) or "")) from error


def place_of(element: Any) -> str:
    """Return the path of the file that an element of h5py or zarr is in."""
    try:
        return str((getattr(element, "file", None) and element.file.filename) or element.store.root)
    except Exception:  # noqa: BLE001 (an element of a closed or damaged file)
        return "the input"


@contextmanager
def boundary(path: Path) -> Iterator[None]:
    """Raise exceptions of libraries that read a file as :class:`TranslationError`; others pass."""
    try:
        yield
    except (HomodbError, NameError):
        raise
    except Exception as error:
        if not _about_file(error.__traceback__):
            raise
        raise file_error(path, error) from error


def _about_file(trace: TracebackType | None) -> bool:
    """Return whether an exception arose in a library that reads files, or where homodb reads them."""
    room = ""
    libraries: set[str] = set()
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        package = (module or trace.tb_frame.f_code.co_filename).split("/")[0].split(".")[0]
        if package == "homodb" and not trace.tb_frame.f_code.co_flags & inspect.CO_GENERATOR:
            room, libraries = module, set()
        else:
            libraries.add(package)
        trace = trace.tb_next
    return bool(libraries & set(_READERS)) or room.startswith(_ROOMS)


def check_kind(path: Path) -> None:
    """Check that a path is a file or a folder: a pipe would never end, a device has no end.

    Raises TranslationError if it is something else.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
        raise TranslationError(f"{path}: is {kind}; expected a file or a zarr store")


def check_heaps(path: Path) -> None:
    """Check the heaps in which an HDF5 file keeps its texts: in a damaged one HDF5 would loop without end.

    Of a large file only the beginning is looked at.

    Raises TranslationError if a heap is damaged.
    """
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _HEAP.finditer(data, 0, min(len(data), _SCANNED)):
            start, (size,) = match.start(), struct.unpack_from("<Q", match[0], 8)
            place, end = start + 16, min(start + size, len(data))
            is_sound = size >= _SMALLEST_HEAP
            while is_sound and place + 16 <= end:
                index, _, _, length = struct.unpack_from("<HHIQ", data, place)
                step = length if index == 0 else 16 + length + -length % 8
                # HDF5 adds a step without end to an address, which comes back to the same text
                is_sound = 0 < step <= end - place
                place += step
            if not is_sound:
                raise TranslationError(
                    f"{path}: is damaged (its heap of texts at byte {start:,}); write the file again"
                )


def check_hdf5(path: Path, file: Any, *, follow_links: bool = False) -> None:
    """Check links, depth, sizes and filters of everything in an HDF5 file.

    `follow_links`: whether links may lead into other files.

    Raises TranslationError if an element leads out of the file or to nothing, is part of itself or of a filter that is
    not installed, or if sizes are not possible.
    """
    import h5py

    size, count = path.stat().st_size, 0
    root = _identity(file)
    waiting: list[tuple[Any, str, frozenset[Any]]] = [(file, "", frozenset([root]))]
    while waiting:
        group, above, ancestors = waiting.pop()
        for key in group.id:
            name = f"{above}/{key.decode('utf-8', 'replace')}"
            count += 1
            with _structure(path, name):
                link = group.id.links.get_info(key)
                if link.type == h5py.h5l.TYPE_EXTERNAL and not follow_links:
                    target = group.id.links.get_val(key)[0].decode("utf-8", "replace")
                    _refuse_link(path, name, f"a link into another file ({target})")
                if link.type != h5py.h5l.TYPE_HARD and group.get(key) is None:
                    raise TranslationError(f"{path}: {label(name)} is a link to nothing; delete it")
                element = h5py.h5o.open(group.id, key)
                if isinstance(element, h5py.h5d.DatasetID):
                    _check_dataset(path, name, element, size, follow_links=follow_links)
                    continue
                if not isinstance(element, h5py.h5g.GroupID):
                    raise TranslationError(f"{path}: {label(name)} is neither a group nor an array; delete it")
                below = h5py.Group(element)
                one = _identity(below)
            if one in ancestors:
                raise TranslationError(f"{path}: {label(name)} is a link to a group that holds it; delete it")
            if len(ancestors) >= _DEEPEST or count > _MOST:
                _too_much(path, name)
            waiting.append((below, name, ancestors | {one}))


def _too_much(path: Path, name: str) -> NoReturn:
    raise TranslationError(
        f"{path}: {label(name)} is nested too deeply, or the file has too many elements; expected at most {_DEEPEST} "
        f"levels and {_MOST:,} elements"
    )


def _refuse_link(path: Path, name: str, what: str) -> NoReturn:
    raise TranslationError(
        f"{path}: {label(name)} is {what}; a file has to stand alone: write it again without links, or allow them",
        option="follow_links",
    )


@contextmanager
def _structure(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (HomodbError, NameError):
        raise
    except Exception as error:
        raise file_error(path, error, label(name)) from error


def _identity(element: Any) -> tuple[int, int]:
    import h5py

    info = h5py.h5o.get_info(element.id)
    return int(info.fileno), int(info.addr)


def _check_dataset(path: Path, name: str, dataset: Any, size: int, *, follow_links: bool) -> None:
    import h5py

    plist = dataset.get_create_plist()
    virtual, external = plist.get_layout() == h5py.h5d.VIRTUAL, plist.get_external_count() > 0
    if not follow_links and (virtual or external):
        _refuse_link(path, name, "a view of other arrays" if virtual else "stored in another file")
    for number in range(plist.get_nfilters()):
        code, _, _, text = plist.get_filter(number)
        if not h5py.h5z.filter_avail(code) and not _plugins(code):
            called = _FILTERS.get(code) or text.decode("utf-8", "replace") or "unknown"
            raise TranslationError(
                f"{path}: {label(name)} is compressed by a filter ({called}, {code}) that is not installed: "
                "pip install hdf5plugin"
            )
    if not (virtual or external):
        chunks = plist.get_chunk() if plist.get_layout() == h5py.h5d.CHUNKED else None
        check_size(path, name, dataset.shape or (), chunks, dataset.get_type().get_size(), size)
        if not is_optional(name):
            check_written(dataset)


def is_optional(name: str) -> bool:
    """Return whether an element is in a part whose damaged entries are left out."""
    return name.strip("/").split("/")[0] in OPTIONAL


def check_written(dataset: Any) -> None:
    """Check that all values of an HDF5 dataset were written: HDF5 reads those that were not as zeros or empty texts.

    Raises ValueError if some were not.
    """
    import h5py

    plist, shape = dataset.get_create_plist(), dataset.shape
    if not shape or 0 in shape or plist.get_layout() == h5py.h5d.VIRTUAL or plist.get_external_count():
        return
    if plist.get_layout() != h5py.h5d.CHUNKED:
        expected, written = 1, int(dataset.get_storage_size() > 0)
    else:
        expected = math.prod(-(-length // chunk) for length, chunk in zip(shape, plist.get_chunk(), strict=True))
        offsets: list[tuple[int, ...]] = []
        dataset.chunk_iter(lambda chunk: offsets.append(chunk.chunk_offset) if chunk.size else None)
        written = sum(_is_stored(dataset, offset) for offset in offsets)
    if written < expected:
        raise ValueError(f"{expected - written:,} of its {expected:,} pieces were never written, or are lost")


def _is_stored(dataset: Any, offset: tuple[int, ...]) -> bool:
    """Return whether HDF5 finds a piece that is listed: where its tree is damaged it does not, and reads zeros."""
    try:
        dataset.read_direct_chunk(offset, out=bytearray(1))
    except ValueError:  # it is larger than that
        return True
    except RuntimeError:
        return False
    return True


def _plugins(code: int) -> bool:
    """Load hdf5plugin if it is installed, and return whether a filter is available now."""
    import h5py

    if find_spec("hdf5plugin") is None:
        return False
    __import__("hdf5plugin")
    return bool(h5py.h5z.filter_avail(code))


def check_size(
    path: Path, name: str, shape: Sequence[int], chunks: Sequence[int] | None, itemsize: int, size: int
) -> None:
    """Check that an array can be in a file of `size` bytes.

    Raises TranslationError if its shape or its chunks are not possible.
    """
    values = math.prod(shape)
    if any(one < 0 for one in shape) or (chunks is not None and any(one < 1 for one in chunks)):
        raise TranslationError(f"{path}: {label(name)} is damaged: its shape is {tuple(shape)}, its chunks {chunks}")
    if values * itemsize > max(_SMALL, size * _EXPANSION):
        raise TranslationError(
            f"{path}: {label(name)} is damaged: it is said to hold {values:,} values, in a file of {size:,} bytes"
        )
    if chunks is not None and math.prod(chunks) * itemsize > max(_CHUNK, 16 * values * itemsize):
        raise TranslationError(f"{path}: {label(name)} is damaged: its chunks are larger than it ({tuple(chunks)})")


def check_zarr(path: Path, *, follow_links: bool = False) -> None:
    """Check links, kinds of files, codecs and sizes of everything in a zarr store.

    `follow_links`: whether links may lead out of the store.

    Raises TranslationError if something is neither a file nor a folder, leads out of the store or into itself, uses a
    codec that is not accepted, or if sizes are not possible.
    """
    top = path.resolve()
    arrays: list[tuple[str, dict[str, Any]]] = []
    waiting: list[tuple[Path, str, frozenset[str]]] = [(path, "", frozenset([str(top)]))]
    size = count = 0
    while waiting:
        folder, above, ancestors = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f"{above}/{entry.name}"
                count += 1
                target = Path(entry.path).resolve() if entry.is_symlink() else None
                if target is not None and not follow_links and not target.is_relative_to(top):
                    _refuse_link(path, name, f"a link out of the store ({target})")
                if entry.is_dir():
                    one = str(target or entry.path)
                    if one in ancestors or target == top:
                        raise TranslationError(f"{path}: {label(name)} is a link to a folder that holds it; delete it")
                    if len(ancestors) >= _DEEPEST or count > 100 * _MOST:
                        _too_much(path, name)
                    waiting.append((Path(entry.path), name, ancestors | {one}))
                elif not entry.is_file():
                    raise TranslationError(f"{path}: {label(name)} is neither a file nor a folder; delete it")
                else:
                    size += entry.stat().st_size
                    if entry.name in ("zarr.json", ".zarray", ".zgroup", ".zattrs"):
                        metadata = _metadata(path, name, Path(entry.path))
                        if entry.name == ".zarray" or metadata.get("node_type") == "array":
                            arrays.append((above, metadata))
    for name, metadata in arrays:
        with _structure(path, name):
            _check_codecs(path, name, metadata)
            grid = metadata.get("chunk_grid")
            chunks = metadata.get("chunks") or (grid and grid["configuration"].get("chunk_shape"))
            known = chunks if isinstance(chunks, list) and all(isinstance(one, int) for one in chunks) else None
            kind = metadata.get("dtype", metadata.get("data_type"))
            check_size(path, name, [int(one) for one in metadata["shape"]], known, _itemsize(kind), size)


def _metadata(path: Path, name: str, file: Path) -> dict[str, Any]:
    with _structure(path, name):
        if file.stat().st_size > _METADATA:
            raise ValueError(f"its metadata has {file.stat().st_size:,} bytes")
        metadata = json.loads(file.read_bytes())
        if not isinstance(metadata, dict):
            raise TypeError("its metadata is damaged")
    return metadata


def _check_codecs(path: Path, name: str, metadata: dict[str, Any]) -> None:
    given = [metadata.get("compressor"), *(metadata.get("filters") or ()), *(metadata.get("codecs") or ())]
    given += metadata.get("storage_transformers") or ()
    while given:
        codec = given.pop()
        if codec is None:
            continue
        called = codec if isinstance(codec, str) else codec.get("name", codec.get("id"))
        if str(called).removeprefix("numcodecs.") not in _CODECS:
            raise TranslationError(
                f"{path}: {label(name)} is stored with the codec {str(called)[:80]!r}, which is not accepted (some run "
                "code); write it again with anndata"
            )
        inner = {} if isinstance(codec, str) else codec.get("configuration") or {}
        given += [*(inner.get("codecs") or ()), *(inner.get("index_codecs") or ())]


def _itemsize(kind: Any) -> int:
    """Return the number of bytes of a value by the type in zarr's metadata; 16 where it varies."""
    bits = re.search(r"^(?:u?int|float|complex)(\d+)$", kind) if isinstance(kind, str) else None
    if bits:
        return max(1, int(bits[1]) // 8)
    try:
        return int(np.dtype([tuple(one) for one in kind] if isinstance(kind, list) else kind).itemsize)
    except (TypeError, ValueError):
        return 16


def check_array(element: Any) -> None:
    """Read an array piece by piece, so that damage in it is an exception."""
    width = max(1, math.prod(element.shape[1:]) * element.dtype.itemsize)
    step = max(1, _PIECE // width)
    chunk = (element.chunks or (1,))[0]
    step = max(step - step % chunk, min(chunk, max(element.shape[0], 1)))
    for start in range(0, element.shape[0], step):
        np.asarray(element[start : start + step])


def check_compressed(group: Any) -> tuple[int, int]:
    """Check the parts of a sparse matrix, and return its shape."""
    rows, columns = (int(one) for one in group.attrs["shape"])
    major, minor = (rows, columns) if text_of(group.attrs["encoding-type"]) == "csr_matrix" else (columns, rows)
    data, indices, indptr = group["data"], group["indices"], np.asarray(group["indptr"][:])
    values = data.shape[0]
    if data.ndim != 1 or indices.shape != data.shape or indptr.dtype.kind not in "iu" or indices.dtype.kind not in "iu":
        raise ValueError("its data, indices and indptr do not fit each other")
    if indptr.shape != (major + 1,) or indptr[0] != 0 or indptr[-1] != values or (indptr[1:] < indptr[:-1]).any():
        raise ValueError("its indptr does not fit it")
    check_array(data)
    for start in range(0, values, _PIECE // 8):
        piece = np.asarray(indices[start : start + _PIECE // 8])
        if piece.size and (piece.min() < 0 or piece.max() >= minor):
            raise ValueError("its indices are beyond its shape")
    return rows, columns
