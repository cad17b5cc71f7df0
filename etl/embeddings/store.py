"""The store of computed vectors: a folder that only grows, keyed by model and by the checksum of each sequence.

A root folder holds one folder per model, layer, long-policy and precision, and in it::

    store.json      whose vectors these are: the whole Identity, with the checksum of the weights
    shards/*.npy    vectors (see shard.py); each file appears whole and is never changed
    plans/*.json    work that was begun and is not finished (see plan.py); locks/: who is at which piece of it

Any number of processes may read and fill one store at once. Where two shards hold the same sequence, the one whose
file name comes first counts, whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.durable import sweep, write_once
from homodb.etl.embeddings.model import Identity
from homodb.etl.embeddings.shard import Keys, keys_of, map_vectors, read_keys, shard_name, write_shard
from homodb.schema.errors import StoreError
from homodb.schema.files import reason

_IDENTITY = "store.json"
_FORMAT = 1


class Store:
    """Vectors of one model on disk.

    Parameters
    ----------
    root
        Folder of stores; made where it is missing.
    identity
        The model whose vectors are wanted or written.

    Raises
    ------
    StoreError
        If the store holds vectors of other weights or dimensions, is damaged, or cannot be made.
    """

    def __init__(self, root: Path, identity: Identity) -> None:
        self.identity = identity
        self.folder = root / _folder_name(identity)
        try:
            for name in ("shards", "plans", "locks"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: cannot be made ({reason(error)}); give a folder that can be written to"
            ) from error
        self._shards = self.folder / "shards"
        self._check_identity()
        for folder in (self.folder, self._shards, self.folder / "plans"):
            sweep(folder)
        self._keys_by_shard: dict[str, Keys] = {}
        self._checked: set[str] = set()
        self._index(())

    def missing(self, checksums: Sequence[str]) -> list[str]:
        """Return the sequences whose vectors the store lacks, in the order asked, each once.

        Parameters
        ----------
        checksums
            SHA-256 of each sequence, hexadecimal.

        Raises
        ------
        StoreError
            If a shard is damaged.
        """
        asked = list(dict.fromkeys(checksums))
        self._refresh()
        found = self._positions(keys_of(asked)) >= 0
        return [checksum for checksum, there in zip(asked, found.tolist(), strict=True) if not there]

    def write(self, checksums: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
        """Add vectors, as one shard that appears whole; one of the same sequences in the same order stays as it is.

        Parameters
        ----------
        checksums
            SHA-256 of each sequence, hexadecimal, each once.
        vectors
            Shape (sequences, dimensions).

        Raises
        ------
        StoreError
            If the disk is full or the like, or a value is not a finite number.
        """
        if vectors.shape != (len(checksums), self.identity.dimensions) or len(set(checksums)) != len(checksums):
            raise ValueError(f"vectors of shape {vectors.shape} for {len(set(checksums))} sequences")
        if not np.isfinite(vectors).all():
            raise StoreError(
                f"{self.identity.model} in {self.identity.precision} gives values that are not finite numbers; "
                "choose another precision (bfloat16 has the range of float32)"
            )
        write_shard(self._shards, keys_of(checksums), vectors)

    def has_shard(self, checksums: Sequence[str]) -> bool:
        """Whether these sequences in this order have been written as one shard."""
        return (self._shards / shard_name(keys_of(checksums))).exists()

    def read(self, checksums: Sequence[str]) -> npt.NDArray[np.float32]:
        """Read vectors.

        Memory goes to the answer; the shards are mapped one after another.

        Parameters
        ----------
        checksums
            SHA-256 of each sequence, hexadecimal; may repeat.

        Returns
        -------
        numpy.ndarray
            In the order asked, shape (sequences, dimensions), float32.

        Raises
        ------
        StoreError
            If the store lacks one of them, or a shard that holds some of them is damaged.
        """
        self._refresh()
        positions = self._positions(keys_of(checksums))
        if lacking := int((positions < 0).sum()):
            raise StoreError(f"{self.folder}: lacks {lacking} of {len(checksums)} sequences; embed them first")
        answer = np.empty((len(checksums), self.identity.dimensions), np.float32)
        shards, rows = self._shard[positions], self._row[positions]
        order = np.lexsort((rows, shards))
        bounds = np.flatnonzero(np.diff(shards[order], prepend=-1, append=len(self._names)))
        for start, end in pairwise(bounds):
            wanted = order[start:end]
            answer[wanted] = self._vectors(self._names[shards[wanted[0]]])[rows[wanted]]
        return answer

    def _vectors(self, name: str) -> npt.NDArray[np.float32]:
        """Map a shard; the first time compare it with its checksum."""
        vectors = map_vectors(self._shards / name, self.identity.dimensions, check=name not in self._checked)
        self._checked.add(name)
        return vectors

    def _positions(self, keys: Keys) -> npt.NDArray[np.int64]:
        """Where keys stand in the index; -1 for those that do not."""
        if not len(self._keys):
            return np.full(len(keys), -1)
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[found] == keys, found, -1)

    def _refresh(self) -> None:
        """Take note of shards that were added or taken away, by whomever."""
        names = tuple(sorted(path.name for path in self._shards.glob("[!.]*.npy")))
        if names != self._names:
            self._index(names)

    def _index(self, names: tuple[str, ...]) -> None:
        known = self._keys_by_shard
        self._keys_by_shard = {
            name: known[name] if name in known else read_keys(self._shards / name, self.identity.dimensions)
            for name in names
        }
        self._names = names
        self._checked &= set(names)
        parts = list(self._keys_by_shard.values())
        keys = np.concatenate([keys_of(()), *parts])
        # unique gives the first of equal ones, and shards stand by name
        self._keys, first = np.unique(keys, return_index=True)
        self._shard = np.repeat(np.arange(len(parts)), [len(part) for part in parts])[first]
        self._row = np.concatenate([np.arange(0), *(np.arange(len(part)) for part in parts)])[first]

    def _check_identity(self) -> None:
        path = self.folder / _IDENTITY
        wanted = {"format": _FORMAT, **asdict(self.identity)}
        write_once(path, (json.dumps(wanted, indent=1).encode() + b"\n",))
        try:
            there = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({reason(error)}); give another folder for the store") from error
        if there != wanted:
            seen = there if isinstance(there, dict) else {}
            differences = "; ".join(
                f"{key}: {seen.get(key)} there, {value} now" for key, value in wanted.items() if seen.get(key) != value
            )
            raise StoreError(
                f"{self.folder}: holds vectors of another model ({differences}). Give another folder for the store, "
                "or the weights that this one was made with"
            )


def _folder_name(identity: Identity) -> str:
    layer = () if identity.layer is None else (f"layer{identity.layer}",)
    return ".".join((identity.model, *layer, identity.long, identity.precision))
