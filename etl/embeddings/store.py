"""The store of vectors, keyed by model and checksum of the sequence.

It is a folder that only grows.

A root folder holds one folder per model, layer, long policy and precision, which contains::

    store.json      whose vectors these are: the whole Identity, with the checksum of the weights
    shards/*.npy    vectors; each file appears whole and is never changed
    plans/*.json    unfinished work (see embed.py); locks/: the tasks that a process is working on

Any number of processes may read and fill one store at once. Where two shards hold the same sequence, the shard whose
file name comes first counts, for every reader.

A shard is a NumPy file that ``numpy.load(file, mmap_mode="r")[0]`` opens: a record of ``key`` (SHA-256 of each
sequence, 32 bytes) and ``vector`` (float32, shape (keys, dimensions)). NumPy's part is followed by 4 bytes, the CRC-32
of the vectors. The file's name is the SHA-256 of its keys (the first 32 hexadecimal digits), and its header follows
from its size, so every byte is checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import struct
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.model import Identity
from homodb.schema.errors import StoreError
from homodb.schema.io import parse_json, reason

#: Keys of sequences: the 32 bytes of their SHA-256.
Keys = npt.NDArray[np.bytes_]

_IDENTITY = "store.json"
_FORMAT = 1
_KEY_BYTES = 32
_HEADER_BYTES = 192
_CHECK_BYTES = 4
#: Age at which a half-written file belongs to no running process.
_ABANDONED_SECONDS = 3600.0
_PARTIAL = ".partial"


class Store:
    """Vectors of one model on disk.

    Parameters
    ----------
    root
        Folder of stores; created if missing.
    identity
        Identity of the model.

    Raises
    ------
    StoreError
        If the store holds vectors of other weights or dimensions, is damaged, or cannot be created.
    """

    def __init__(self, root: Path, identity: Identity) -> None:
        self.identity = identity
        self.folder = root / _folder_name(identity)
        try:
            for name in ("shards", "plans", "locks"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: cannot be created ({reason(error)}); give a folder that can be written to"
            ) from error
        self._shards = self.folder / "shards"
        self._check_identity()
        for folder in (self.folder, self._shards, self.folder / "plans"):
            _sweep(folder)
        self._keys_by_shard: dict[str, Keys] = {}
        self._checked: set[str] = set()
        self._index(())

    def missing(self, checksums: Sequence[str]) -> list[str]:
        """Return the sequences without a vector in the store. They are in the given order, each once.

        Raises
        ------
        StoreError
            If a shard is damaged.
        """
        unique = list(dict.fromkeys(checksums))
        self._refresh()
        is_stored = self._positions(_keys(unique)) >= 0
        return [checksum for checksum, stored in zip(unique, is_stored.tolist(), strict=True) if not stored]

    def write(self, checksums: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors as one shard. If the same sequences in the same order are a shard already, it stays as it is.

        Raises
        ------
        StoreError
            If the shard cannot be written (disk full, no permission), or a value is not finite. Nothing half-written
            stays.
        """
        if vectors.shape != (len(checksums), self.identity.dimensions) or len(set(checksums)) != len(checksums):
            raise ValueError(f"vectors of shape {vectors.shape} for {len(set(checksums))} sequences")
        if not np.isfinite(vectors).all():
            raise StoreError(
                f"{self.identity.model} gives values that are not finite in {self.identity.precision}; "
                "use another precision (bfloat16 has the range of float32)"
            )
        vectors = np.ascontiguousarray(vectors, dtype="<f4")
        check = struct.pack("<I", zlib.crc32(vectors.data))
        parts = (_header(*vectors.shape), _keys(checksums).tobytes(), vectors.data, check)
        write_once(self._shards / shard_name(checksums), parts)

    def has_shard(self, checksums: Sequence[str]) -> bool:
        """Return whether these sequences in this order are a shard."""
        return (self._shards / shard_name(checksums)).exists()

    def read(self, checksums: Sequence[str]) -> npt.NDArray[np.float32]:
        """Read vectors. Memory is used for the result only; the shards are mapped one after another.

        Returns
        -------
        numpy.ndarray
            Vectors in the given order, shape (sequences, dimensions), float32.

        Raises
        ------
        StoreError
            If a sequence has no vector in the store, or a shard is damaged.
        """
        self._refresh()
        positions = self._positions(_keys(checksums))
        if lacking := int((positions < 0).sum()):
            raise StoreError(f"{self.folder}: lacks {lacking} of {len(checksums)} sequences; embed them first")
        vectors = np.empty((len(checksums), self.identity.dimensions), np.float32)
        shards, rows = self._shard[positions], self._row[positions]
        order = np.lexsort((rows, shards))
        bounds = np.flatnonzero(np.diff(shards[order], prepend=-1, append=len(self._names)))
        for start, end in pairwise(bounds):
            places = order[start:end]
            vectors[places] = self._vectors(self._names[shards[places[0]]])[rows[places]]
        return vectors

    def _vectors(self, name: str) -> npt.NDArray[np.float32]:
        """Map a shard, and compare it with its checksum the first time."""
        vectors = _map_vectors(self._shards / name, self.identity.dimensions, check=name not in self._checked)
        self._checked.add(name)
        return vectors

    def _positions(self, keys: Keys) -> npt.NDArray[np.int64]:
        """Return the position of each key in the index, -1 if it is not stored."""
        if not len(self._keys):
            return np.full(len(keys), -1)
        nearest = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[nearest] == keys, nearest, -1)

    def _refresh(self) -> None:
        """Index the shards again if any process added or deleted one."""
        names = tuple(sorted(path.name for path in self._shards.glob("[!.]*.npy")))
        if names != self._names:
            self._index(names)

    def _index(self, names: tuple[str, ...]) -> None:
        before = self._keys_by_shard
        self._keys_by_shard = {
            name: before[name] if name in before else _read_keys(self._shards / name, self.identity.dimensions)
            for name in names
        }
        self._names = names
        self._checked &= set(names)
        parts = list(self._keys_by_shard.values())
        keys = np.concatenate([_keys(()), *parts])
        # unique gives the first of equal keys, and the shards are in the order of their names
        self._keys, first = np.unique(keys, return_index=True)
        self._shard = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[first]
        self._row = np.concatenate([np.arange(0), *(np.arange(len(part)) for part in parts)])[first]

    def _check_identity(self) -> None:
        path = self.folder / _IDENTITY
        expected = {"format": _FORMAT, **asdict(self.identity)}
        write_once(path, (json.dumps(expected, indent=1).encode() + b"\n",))
        try:
            recorded = parse_json(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({reason(error)}); give another folder for the store") from error
        if recorded != expected:
            values = recorded if isinstance(recorded, dict) else {}
            differences = "; ".join(
                f"{key}: expected {value}, got {values.get(key)}"
                for key, value in expected.items()
                if values.get(key) != value
            )
            raise StoreError(
                f"{self.folder}: holds vectors of another model ({differences}). Give another folder for the store, "
                "or the weights that this store was filled with"
            )


def _folder_name(identity: Identity) -> str:
    layer = () if identity.layer is None else (f"layer{identity.layer}",)
    return ".".join((identity.model, *layer, identity.long, identity.precision))


def shard_name(checksums: Sequence[str]) -> str:
    """Return the file name of the shard of these sequences in this order.

    Raises
    ------
    ValueError
        If a checksum is not a SHA-256 in hexadecimal.
    """
    return _name_of(_keys(checksums).tobytes())


def _keys(checksums: Sequence[str]) -> Keys:
    if any(len(checksum) != 2 * _KEY_BYTES for checksum in checksums):
        raise ValueError("the checksum of a sequence has 64 hexadecimal digits")
    return np.frombuffer(bytes.fromhex("".join(checksums)), dtype=f"S{_KEY_BYTES}")


def _name_of(keys: bytes | memoryview) -> str:
    return hashlib.sha256(keys).hexdigest()[:32] + ".npy"


def _read_keys(path: Path, dimensions: int) -> Keys:
    """Read and check the keys of a shard."""
    rows = _rows(path, dimensions)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEADER_BYTES + _KEY_BYTES * rows)
    except OSError as error:
        raise _damaged(path, reason(error)) from error
    if head[:_HEADER_BYTES] != _header(rows, dimensions) or _name_of(memoryview(head)[_HEADER_BYTES:]) != path.name:
        raise _damaged(path, "its head does not match its size and name")
    return np.frombuffer(head, dtype=f"S{_KEY_BYTES}", offset=_HEADER_BYTES)


def _map_vectors(path: Path, dimensions: int, *, check: bool) -> npt.NDArray[np.float32]:
    """Map the vectors of a shard into memory, shape (sequences, dimensions)."""
    rows = _rows(path, dimensions)
    start = _HEADER_BYTES + _KEY_BYTES * rows
    try:
        vectors = np.memmap(path, dtype="<f4", mode="r", offset=start, shape=(rows, dimensions))
        if check:
            with path.open("rb") as stream:
                stream.seek(start + vectors.nbytes)
                recorded = stream.read(_CHECK_BYTES)
            if recorded != struct.pack("<I", zlib.crc32(vectors.data)):
                raise _damaged(path, "its vectors do not match their checksum")
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
        raise _damaged(path, reason(error)) from error
    rows, rest = divmod(size - _HEADER_BYTES - _CHECK_BYTES, _KEY_BYTES + 4 * dimensions)
    if rest or rows < 1:
        raise _damaged(path, f"{size} bytes are not a whole number of vectors of length {dimensions}")
    return rows


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{path}: a shard of the store is damaged ({why}). Delete this file and run the same command again; only its "
        "sequences are embedded again"
    )


def write_once(path: Path, parts: Iterable[bytes | memoryview]) -> bool:
    """Write a file unless it exists; of several writers the first one wins.

    The file appears whole or not at all, and survives a power failure from then on.

    Returns
    -------
    bool
        False if the file exists already; it is left as it is.

    Raises
    ------
    StoreError
        If the file cannot be written (disk full, no permission). Nothing half-written stays then; a killed process
        leaves a hidden file, which is deleted when the store is opened an hour later.
    """
    if path.exists():
        return False
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
    try:
        with partial.open("xb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        is_first = _give_name(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({reason(error)}). Finished work is kept; once there is space or permission, "
            "run the same command to continue"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return is_first


def _sweep(folder: Path) -> None:
    """Delete half-written files that are an hour old."""
    for partial in folder.glob(f".*{_PARTIAL}"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
                partial.unlink()


def _give_name(partial: Path, path: Path) -> bool:
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        partial.replace(path)
    return True


def _sync_folder(folder: Path) -> None:
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
