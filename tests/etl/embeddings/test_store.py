"""The store, against a dictionary; damaged, full, of another model."""

from __future__ import annotations

import hashlib
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.embeddings import Identity, Long, Store, write_once
from homodb.schema.errors import StoreError
from tests import messages

KMER = Identity("kmer", None, Long.WHOLE, "float32", None, 5)
ESM = Identity("esm2_t6_8M_UR50D", 6, Long.TRUNCATE, "bfloat16", "cd" * 32, 5)


def sha(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def vectors(count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, 5)).astype(np.float32)


def fill(store: Store) -> None:
    store.write([sha(n) for n in range(10)], vectors(10))
    store.write([sha(n) for n in range(10, 14)], vectors(4, 1))


def shards(store: Store) -> list[Path]:
    return sorted((store.folder / "shards").iterdir())


def test_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "root", KMER)
    assert store.missing([sha(2), sha(1), sha(2)]) == [sha(2), sha(1)]
    assert store.missing([]) == []
    assert store.read([]).shape == (0, 5)
    with pytest.raises(StoreError, match=messages.Embeddings.lacks_1_1):
        store.read([sha(1)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8, unique=True), max_size=6),
    st.lists(st.integers(0, 35), max_size=60),
)
def test_gives_what_was_written_first_shard_by_name_first(written: list[list[int]], asked: list[int]) -> None:
    with TemporaryDirectory() as folder:
        writer, reader = Store(Path(folder), KMER), Store(Path(folder), KMER)
        names: dict[str, dict[int, npt.NDArray[np.float32]]] = {}
        for seed, numbers in enumerate(written):
            new = vectors(len(numbers), seed)
            writer.write([sha(n) for n in numbers], new)
            name = hashlib.sha256(b"".join(bytes.fromhex(sha(n)) for n in numbers)).hexdigest()[:32]
            names.setdefault(name, dict(zip(numbers, new, strict=True)))
        expected: dict[int, npt.NDArray[np.float32]] = {}
        for name in sorted(names, reverse=True):
            expected.update(names[name])
        for store in (writer, reader, Store(Path(folder), KMER)):
            assert store.missing([sha(n) for n in asked]) == [sha(n) for n in dict.fromkeys(asked) if n not in expected]
            there = [n for n in asked if n in expected]
            answer = store.read([sha(n) for n in there])
            assert answer.dtype == np.float32 and answer.shape == (len(there), 5)
            for row, n in zip(answer, there, strict=True):
                assert row.tobytes() == expected[n].tobytes()


def test_keys_with_zero_bytes_are_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path, KMER)
    keys = ["00" * 32, "00" * 31 + "01", "01" + "00" * 31, "01" + "00" * 30 + "02"]
    store.write(keys, vectors(4))
    assert Store(tmp_path, KMER).missing([*keys, "02" + "00" * 31]) == ["02" + "00" * 31]
    assert np.array_equal(store.read(keys[::-1]), vectors(4)[::-1])


def test_a_shard_opens_in_numpy_and_is_the_same_every_time(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "one", KMER), Store(tmp_path / "other", KMER)
    fill(one)
    fill(other)
    assert [path.read_bytes() for path in shards(one)] == [path.read_bytes() for path in shards(other)]
    for path in shards(one):
        record = np.load(path, mmap_mode="r")[0]
        checksums = [bytes(key).ljust(32, b"\0").hex() for key in record["key"]]
        assert np.array_equal(one.read(checksums), record["vector"])


def test_other_processes_see_what_is_added(tmp_path: Path) -> None:
    one, other = Store(tmp_path, KMER), Store(tmp_path, KMER)
    fill(one)
    assert other.missing([sha(3), sha(99)]) == [sha(99)]
    assert np.array_equal(other.read([sha(3)])[0], vectors(10)[3])


@pytest.mark.parametrize(
    "other",
    [
        replace(ESM, weights="ef" * 32),
        replace(ESM, dimensions=6),
        replace(ESM, weights=None),
    ],
)
def test_other_weights_are_one_clear_error(tmp_path: Path, other: Identity) -> None:
    fill(Store(tmp_path, ESM))
    with pytest.raises(StoreError, match=messages.Embeddings.vectors_another_model):
        Store(tmp_path, other)
    assert not Store(tmp_path, ESM).missing([sha(3)])


def test_other_settings_live_beside(tmp_path: Path) -> None:
    fill(Store(tmp_path, ESM))
    for other in (replace(ESM, layer=5), replace(ESM, long=Long.WINDOW), replace(ESM, precision="float32"), KMER):
        assert Store(tmp_path, other).missing([sha(3)]) == [sha(3)]
    assert {path.name for path in tmp_path.iterdir()} == {
        "esm2_t6_8M_UR50D.layer6.truncate.bfloat16", "esm2_t6_8M_UR50D.layer5.truncate.bfloat16",
        "esm2_t6_8M_UR50D.layer6.window.bfloat16", "esm2_t6_8M_UR50D.layer6.truncate.float32", "kmer.whole.float32",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}'])
def test_a_broken_identity_is_one_clear_error(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path, KMER)
    (store.folder / "store.json").write_text(text)
    with pytest.raises(StoreError, match=messages.Embeddings.give_another_folder_give):
        Store(tmp_path, KMER)


def test_a_place_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=messages.Embeddings.give_folder_can_be_written):
        Store(tmp_path / "file", KMER)


def test_every_single_wrong_byte_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path, KMER)
    store.write([sha(n) for n in range(4)], vectors(4))
    (path,) = shards(store)
    sound = path.read_bytes()
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x10]) + sound[place + 1 :])
        with pytest.raises(StoreError, match=re.escape(str(path)) + r".*damaged.*Delete this file"):
            Store(tmp_path, KMER).read([sha(0)])
    path.write_bytes(sound)
    assert np.array_equal(Store(tmp_path, KMER).read([sha(0)]), vectors(4)[:1])


@pytest.mark.parametrize("size", [0, 1, 191, 192, 250, 399, 400, -1])
def test_a_truncated_or_longer_shard_is_noticed_and_deleting_it_helps(tmp_path: Path, size: int) -> None:
    store = Store(tmp_path, KMER)
    fill(store)
    path = max(shards(store), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:size] if size >= 0 else path.read_bytes() + b"\0" * 52)
    again = [sha(n) for n in range(14)]
    with pytest.raises(StoreError, match=messages.Shared.damaged):
        Store(tmp_path, KMER).missing(again)
    path.unlink()
    assert Store(tmp_path, KMER).missing(again) == [sha(n) for n in range(10)]
    assert store.missing(again) == [sha(n) for n in range(10)]
    with pytest.raises(StoreError, match=messages.Embeddings.lacks_10_14):
        store.read(again)


def test_a_shard_under_another_name_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path, KMER)
    fill(store)
    shards(store)[0].rename(store.folder / "shards" / ("0" * 32 + ".npy"))
    with pytest.raises(StoreError, match=messages.Shared.damaged):
        store.missing([sha(1)])


def test_what_is_no_vector_is_not_stored(tmp_path: Path) -> None:
    store = Store(tmp_path, ESM)
    for bad in (np.nan, np.inf):
        broken = vectors(2)
        broken[1, 3] = bad
        with pytest.raises(StoreError, match=messages.Embeddings.values_are_not_finite):
            store.write([sha(1), sha(2)], broken)
    for checksums, shape in (([sha(1)], (2, 5)), ([sha(1), sha(1)], (2, 5)), ([sha(1)], (1, 4)), (["ab"], (1, 5))):
        with pytest.raises(ValueError, match=messages.Embeddings.vectors_shape_64):
            store.write(checksums, np.zeros(shape, np.float32))
    assert not shards(store)


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file may grow beyond a size: as on a full disk, a write comes up short and then fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk(tmp_path: Path) -> None:
    store = Store(tmp_path, KMER)
    fill(store)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    many = [sha(n) for n in range(100, 400)]
    with (
        limited_files(4096),
        pytest.raises(StoreError, match=messages.Embeddings.cannot_be_written_file_too),
    ):
        store.write(many, vectors(300))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert store.missing([sha(3), *many]) == many
    store.write(many, vectors(300))
    assert store.missing(many) == []


@pytest.mark.parametrize("call", ["fsync", "link", "write"])
def test_a_disk_that_fills_up_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    store = Store(tmp_path, KMER)
    fill(store)
    before = sorted(tmp_path.rglob("*"))

    def full(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "write":
            patch.setattr(Path, "open", full)
        elif call == "link":
            patch.setattr(Path, "hardlink_to", full)
            patch.setattr(Path, "replace", full)
        else:
            patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=messages.Embeddings.no_space_left_on_device):
            store.write([sha(77)], vectors(1))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    store = Store(tmp_path, KMER)
    fill(store)
    fill(store)
    assert store.missing([sha(n) for n in range(14)]) == []
    assert not list(tmp_path.rglob("*.partial"))


def test_the_first_writer_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, KMER)
    link = Path.hardlink_to

    def overtaken(self: Path, target: Path) -> None:
        if not self.exists():
            self.write_bytes(b"first")
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", overtaken)
    assert not write_once(store.folder / "some", (b"second",))
    assert (store.folder / "some").read_bytes() == b"first"
    assert not write_once(store.folder / "some", (b"third",))


def test_what_killed_writers_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    store = Store(tmp_path, KMER)
    old, young = (store.folder / "shards" / f".{name}.npy.0a.partial" for name in ("old", "young"))
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    fill(Store(tmp_path, KMER))
    assert young.exists() and not old.exists()
