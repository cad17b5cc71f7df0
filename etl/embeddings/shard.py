"""A shard: one file with the vectors of some sequences, which cannot be damaged without being noticed.

It is a NumPy file that ``numpy.load(file, mmap_mode="r")[0]`` opens: a record of ``key`` (SHA-256 of each sequence,
32 bytes) and ``vector`` (float32, shape (keys, dimensions)). Behind NumPy's part stand 4 bytes, the CRC-32 of the
vectors. The file's name is the SHA-256 of its keys (the first 32 hexadecimal digits), and its header follows from
its size: so every byte is checked against something.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.durable import write_once
from homodb.schema.errors import StoreError

#: Keys of sequences: the 32 bytes of their SHA-256.
Keys = npt.NDArray[np.bytes_]

_KEY_BYTES = 32
_HEADER_BYTES = 192
_CHECK_BYTES = 4


def keys_of(checksums: Sequence[str]) -> Keys:
    """Turn checksums in hexadecimal into keys.

    Raises
    ------
    ValueError
        If one is not the SHA-256 of something.
    """
    if any(len(checksum) != 2 * _KEY_BYTES for checksum in checksums):
        raise ValueError("a sequence's checksum has 64 hexadecimal digits")
    return np.frombuffer(bytes.fromhex("".join(checksums)), dtype=f"S{_KEY_BYTES}")


def shard_name(keys: Keys) -> str:
    """Return the file name of the shard that holds these keys in this order."""
    return hashlib.sha256(keys.tobytes()).hexdigest()[:32] + ".npy"


def write_shard(folder: Path, keys: Keys, vectors: npt.NDArray[np.float32]) -> None:
    """Write a shard, unless the folder has it already.

    Parameters
    ----------
    folder
        Folder of shards.
    keys
        Shape (sequences,).
    vectors
        Shape (sequences, dimensions).

    Raises
    ------
    StoreError
        If it cannot be written; nothing half-written stays.
    """
    vectors = np.ascontiguousarray(vectors, dtype="<f4")
    check = struct.pack("<I", zlib.crc32(vectors.data))
    write_once(folder / shard_name(keys), (_header(*vectors.shape), keys.tobytes(), vectors.data, check))


def read_keys(path: Path, dimensions: int) -> Keys:
    """Read and check a shard's keys.

    Raises
    ------
    StoreError
        If the shard is damaged or of other dimensions.
    """
    return np.frombuffer(_checked_head(path, dimensions), dtype=f"S{_KEY_BYTES}", offset=_HEADER_BYTES)


def map_vectors(path: Path, dimensions: int, *, check: bool) -> npt.NDArray[np.float32]:
    """Map a shard's vectors into memory, shape (sequences, dimensions).

    Parameters
    ----------
    path
        The shard.
    dimensions
        Length of a vector.
    check
        Compare them with their checksum, which reads them all.

    Raises
    ------
    StoreError
        If the shard is damaged.
    """
    rows = _rows(path, dimensions)
    start = _HEADER_BYTES + _KEY_BYTES * rows
    try:
        vectors = np.memmap(path, dtype="<f4", mode="r", offset=start, shape=(rows, dimensions))
        if check:
            with path.open("rb") as stream:
                stream.seek(start + vectors.nbytes)
                told = stream.read(_CHECK_BYTES)
            if told != struct.pack("<I", zlib.crc32(vectors.data)):
                raise _damaged(path, "its vectors do not have their checksum")
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    return vectors


def _header(rows: int, dimensions: int) -> bytes:
    record = f"[('key', '|S{_KEY_BYTES}', ({rows},)), ('vector', '<f4', ({rows}, {dimensions}))]"
    text = f"{{'descr': {record}, 'fortran_order': False, 'shape': (1,), }}"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", _HEADER_BYTES - 10)
    return start + text.encode().ljust(_HEADER_BYTES - 11) + b"\n"


def _rows(path: Path, dimensions: int) -> int:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    rows, rest = divmod(size - _HEADER_BYTES - _CHECK_BYTES, _KEY_BYTES + 4 * dimensions)
    if rest or rows < 1:
        raise _damaged(path, f"{size} bytes are not a whole number of vectors of length {dimensions}")
    return rows


def _checked_head(path: Path, dimensions: int) -> bytes:
    rows = _rows(path, dimensions)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES + _KEY_BYTES * rows)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from error
    name = hashlib.sha256(memoryview(head)[_HEADER_BYTES:]).hexdigest()[:32] + ".npy"
    if head[:_HEADER_BYTES] != _header(rows, dimensions) or name != path.name:
        raise _damaged(path, "its head does not fit its size and name")
    return head


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{path}: a damaged part of the store ({why}). Delete this file and run the same command again: only what it "
        "held is embedded anew"
    )
