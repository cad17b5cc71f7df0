"""A release is held against its manifest: whatever is changed in it is found, and named."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from homodb.schema.errors import BrokenReleaseError, ReleaseError
from homodb.schema.manifest import (
    MANIFEST,
    SELECTION,
    Manifest,
    ManifestFile,
    copy_verified,
    read_selection,
    sha256_of,
    verify,
    write_selection,
)
from tests import messages

NAMES = ("homodb-1.duckdb", "parquet/gene/gene.parquet", "embeddings/homo_sapiens.kmer-mean.parquet", "empty")
SIZES = (3_000_000, 70_000, 1, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release of made-up bytes."""
    folder = tmp_path / "release"
    files = []
    for name, size in zip(NAMES, SIZES, strict=True):
        content = random.Random(size).randbytes(size)  # noqa: S311
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files.append(ManifestFile(name, size, hashlib.sha256(content).hexdigest(), "duckdb" if size > 10**6 else "x"))
    (folder / MANIFEST).write_text(Manifest("1", 3, "0.1", "2026", files=tuple(files)).to_json())
    return folder


def test_sound(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    found = verify(str(folder), report=lambda *both: told.append(both))
    assert (found.files, found.bytes, found.left_out, found.foreign) == (4, sum(SIZES), (), ())
    assert found.manifest_sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert told == sorted(told) and told[-1] == (sum(SIZES), sum(SIZES))


@pytest.mark.parametrize("name", NAMES[:3])
@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_anywhere(folder: Path, name: str, seed: int) -> None:
    path, chance = folder / name, random.Random(seed)  # noqa: S311
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    with pytest.raises(BrokenReleaseError, match=messages.Schema.files_has_sha_256_instead.format(name=name)):
        verify(folder)


def test_every_file_that_is_wrong_is_named(folder: Path) -> None:
    (folder / NAMES[0]).write_bytes(b"x")
    (folder / NAMES[1]).unlink()
    (folder / NAMES[3]).write_bytes(b"x")
    with pytest.raises(BrokenReleaseError) as caught:
        verify(folder)
    for told in (f"{NAMES[0]} has 1 bytes instead of 3,000,000", f"{NAMES[1]} is missing", "empty has 1 bytes"):
        assert told in str(caught.value)
    assert NAMES[2] not in str(caught.value)


def test_links(folder: Path, tmp_path: Path) -> None:
    (folder / NAMES[1]).rename(tmp_path / "outside")
    (folder / NAMES[1]).symlink_to(tmp_path / "outside")
    with pytest.raises(BrokenReleaseError, match=messages.Schema.gene_parquet_is_link_out):
        verify(folder)
    (folder / NAMES[1]).unlink()
    (folder / NAMES[1]).symlink_to("gene.parquet")
    with pytest.raises(BrokenReleaseError, match=messages.Schema.gene_parquet_is_not_file):
        verify(folder)
    (folder / NAMES[1]).unlink()
    (folder / NAMES[1]).symlink_to("nowhere")
    with pytest.raises(BrokenReleaseError, match=messages.Schema.gene_parquet_is_not_file_2):
        verify(folder)


def test_folders_that_are_links(folder: Path, tmp_path: Path) -> None:
    (folder / "embeddings").rename(tmp_path / "embeddings")
    (folder / "embeddings").symlink_to(tmp_path / "embeddings")
    with pytest.raises(BrokenReleaseError, match=messages.Schema.is_link_out_release):
        verify(folder)
    elsewhere = tmp_path / "link"
    (folder / "embeddings").unlink()
    (tmp_path / "embeddings").rename(folder / "embeddings")
    elsewhere.symlink_to(folder)
    assert verify(elsewhere).files == 4  # one may call the whole release by a link


def test_other_things_in_the_place_of_files(folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    (folder / NAMES[1]).mkdir()
    (folder / NAMES[3]).unlink()
    os.mkfifo(folder / NAMES[3])
    with pytest.raises(BrokenReleaseError, match=messages.Schema.files_gene_parquet):
        verify(folder)


def test_foreign_files_are_told(folder: Path) -> None:
    (folder / "parquet" / "more.parquet").write_bytes(b"x")
    (folder / "linked").symlink_to("/")
    assert verify(folder).foreign == ("linked", "parquet/more.parquet")


def test_a_part_of_a_release(folder: Path) -> None:
    for name in NAMES[1:]:
        (folder / name).unlink()
    with pytest.raises(BrokenReleaseError, match=messages.Schema.files):
        verify(folder)
    write_selection(folder, [NAMES[0]])
    found = verify(folder)
    assert (found.files, found.left_out, found.foreign) == (1, NAMES[1:], ())
    (folder / NAMES[1]).write_bytes(b"something else")  # not asked for, yet there: it is looked at
    with pytest.raises(BrokenReleaseError, match=messages.Schema.files_gene_parquet_has_14):
        verify(folder)
    (folder / NAMES[0]).unlink()
    with pytest.raises(BrokenReleaseError, match=messages.Schema.files_2):
        verify(folder)


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", '{"format": "homodb-selection"}', '{"files": []}', "\xff"])
def test_a_damaged_record_of_the_download(folder: Path, record: str) -> None:
    (folder / SELECTION).write_bytes(record.encode("latin-1"))
    with pytest.raises(BrokenReleaseError, match=messages.Schema.download_release_again):
        verify(folder)


def test_selection(folder: Path) -> None:
    assert read_selection(folder) is None
    write_selection(folder, ["b", "a"])
    assert read_selection(folder) == {"a", "b"}
    assert json.loads((folder / SELECTION).read_text())["files"] == ["a", "b"]


def test_no_release(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ReleaseError):
        verify(tmp_path)
    (folder / MANIFEST).write_text("{")
    with pytest.raises(ReleaseError):
        verify(folder)


def test_sha256_of(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(2_500_000)  # noqa: S311
    (tmp_path / "x").write_bytes(content)
    told: list[int] = []
    assert sha256_of(tmp_path / "x", report=told.append) == hashlib.sha256(content).hexdigest()
    assert told == [1 << 20, 2 << 20, 2_500_000]


@pytest.mark.parametrize("size", [0, 1, 1_048_576, 2_500_000])
def test_copy_verified(tmp_path: Path, size: int) -> None:
    content = random.Random(0).randbytes(size)  # noqa: S311
    source, target, sha256 = tmp_path / "a", tmp_path / "b", hashlib.sha256(content).hexdigest()
    source.write_bytes(content)
    target.write_bytes(b"before" * 10)
    assert copy_verified(source, target, size, sha256)
    assert target.read_bytes() == content
    for wrong_size, wrong_sum in ((size + 1, sha256), (max(0, size - 1), sha256), (size, "0" * 64)):
        if (wrong_size, wrong_sum) != (size, sha256):
            assert not copy_verified(source, target, wrong_size, wrong_sum)
            assert not target.exists()


def test_a_copy_never_grows_beyond_what_it_should_be(tmp_path: Path) -> None:
    shutil.copy("/dev/null", tmp_path / "b")
    told: list[int] = []
    assert not copy_verified(Path("/dev/zero"), tmp_path / "b", 5_000_000, "0" * 64, report=told.append)
    assert max(told) <= 5_000_000
