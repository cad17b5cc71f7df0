"""Files: whole or not at all, as large as they like, whatever is wrong with them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import zarr

import homodb
from homodb.cli import main
from homodb.query.translate import TranslateProgress, translate_file
from homodb.schema.errors import (
    CountsError,
    MissingPackageError,
    OutputError,
    TranslationError,
    UndecidedSpeciesError,
    UnknownSpeciesError,
)
from tests import messages

MOUSE = [
    "Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "mt-Nd1", "Rplp0", "Dup1", "Dup2",
    "ENSMUSG00000000012", "Orph9", "Xist", "Nonsense",
]  # fmt: skip


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


@pytest.fixture
def full(tmp_path: Path) -> anndata.AnnData:
    """Everything that an object may hold."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, (9, len(MOUSE))).astype(np.float32)
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([*"aabbbcca", None]),
            "depth": counts.sum(axis=1),
            "plain": [f"x{i}" for i in range(9)],
        },
        index=[f"c{i}" for i in range(9)],
    )
    adata = anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame({"mean": 1.0}, index=MOUSE))
    adata.layers["counts"] = counts.copy()
    adata.layers["columns"] = sp.csc_matrix(counts)
    adata.obsm["X_pca"] = rng.normal(size=(9, 2))
    adata.obsm["table"] = pd.DataFrame({"x": range(9)}, index=adata.obs_names)
    adata.obsp["distances"] = sp.csr_matrix(np.eye(9))
    adata.varm["PCs"] = np.zeros((len(MOUSE), 2))
    adata.raw = adata[:, ::-1].copy()
    adata.uns = {
        "pca": {"variance": np.ones(2)},
        "nested": {"deep": {"x": np.arange(3), "text": "y"}},
        "colors": np.array(["#000000"]),
    }
    return adata


def assert_same(one: anndata.AnnData, other: anndata.AnnData) -> None:
    def dense(matrix: Any) -> np.ndarray:
        return np.asarray(matrix.todense() if sp.issparse(matrix) else matrix)

    assert (dense(one.X) == dense(other.X)).all() and one.X.dtype == other.X.dtype
    assert set(one.layers) == set(other.layers)
    assert all((dense(one.layers[key]) == dense(other.layers[key])).all() for key in one.layers)
    assert (dense(one.raw.X) == dense(other.raw.X)).all() and one.raw.var.astype(str).equals(other.raw.var.astype(str))
    pd.testing.assert_frame_equal(one.obs, other.obs, check_dtype=False, check_categorical=False)
    assert one.var.astype(str).equals(other.var.astype(str))
    assert (one.obsm["X_pca"] == other.obsm["X_pca"]).all() and one.obsm["table"].equals(other.obsm["table"])
    assert (one.obsp["distances"] != other.obsp["distances"]).nnz == 0
    assert not one.varm and not one.varp
    assert one.uns["nested"]["deep"]["x"].tolist() == [0, 1, 2] and one.uns["nested"]["deep"]["text"] == "y"
    assert set(one.uns) == set(other.uns) == {"nested", "colors", "homodb"}
    assert sorted(one.uns["homodb"]["dropped"]) == sorted(other.uns["homodb"]["dropped"])


@pytest.mark.slow
@pytest.mark.parametrize("incoming", ["h5ad", "zarr"])
@pytest.mark.parametrize("outgoing", ["h5ad", "zarr"])
def test_from_any_store_to_any_store(
    release: homodb.Release, full: anndata.AnnData, incoming: str, outgoing: str, tmp_path: Path
) -> None:
    path, output = tmp_path / f"in.{incoming}", tmp_path / f"out.{outgoing}"
    full.write_zarr(path) if incoming == "zarr" else full.write_h5ad(path, compression="gzip")
    expected = homodb.translate(full, "human", source="mouse", release=release)
    for block in (None, 2):
        translate_file(path, output, "human", source="mouse", release=release, block=block)
        read = anndata.read_zarr(output) if outgoing == "zarr" else anndata.read_h5ad(output)
        assert_same(read, expected)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([path.name, output.name])


@pytest.mark.slow
@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_compression_is_kept(release: homodb.Release, full: anndata.AnnData, compression: Any, tmp_path: Path) -> None:
    full.write_h5ad(tmp_path / "in.h5ad", compression=compression)
    translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", source="mouse", release=release)
    with h5py.File(tmp_path / "out.h5ad") as file:
        assert (
            file["X/data"].compression
            == file["layers/counts"].compression
            == file["obs/depth"].compression
            == compression
        )
        assert file["raw/X/data"].compression == compression


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize("word", ["none", "gzip", "lzf", "zstd"])
def test_compression_is_chosen(
    release: homodb.Release, full: anndata.AnnData, word: str, suffix: str, tmp_path: Path
) -> None:
    full.write_h5ad(tmp_path / "in.h5ad", compression="gzip")
    output = tmp_path / f"out.{suffix}"
    run = partial(translate_file, tmp_path / "in.h5ad", output, "human", source="mouse", release=release)
    if (word, suffix) == ("lzf", "zarr"):
        with pytest.raises(OutputError, match=messages.Translate.zarr_lzf):
            run(compression=word)
        return
    if (word, suffix) == ("zstd", "h5ad") and find_spec("hdf5plugin") is None:
        with pytest.raises(MissingPackageError, match=messages.Translate.zstd):
            run(compression=word)
        assert not output.exists()
        return
    run(compression=word)
    assert_same(
        anndata.read_zarr(output) if suffix == "zarr" else anndata.read_h5ad(output),
        homodb.translate(full, "human", source="mouse", release=release),
    )
    if suffix == "zarr":
        names = [type(one).__name__ for one in zarr.open_group(output)["X/data"].compressors]
        assert names == {"none": [], "gzip": ["GzipCodec"], "zstd": ["ZstdCodec"]}[word]
    else:
        with h5py.File(output) as file:
            assert file["X/data"].compression == file["layers/counts"].compression == (None if word == "none" else word)


def test_a_compression_that_is_none_is_refused(release: homodb.Release, full: anndata.AnnData, tmp_path: Path) -> None:
    full.write_h5ad(tmp_path / "in.h5ad")
    with pytest.raises(OutputError, match=messages.Translate.no_compression):
        translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", release=release, compression="gzp")


@pytest.mark.skipif(not hasattr(anndata.settings, "auto_shard_zarr_v3"), reason="this anndata writes no shards")
def test_shards_of_a_zarr_source_are_kept(release: homodb.Release, tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(4.0, (60_000, len(MOUSE))).astype(np.float32)
    cells = anndata.AnnData(sp.csr_matrix(counts), var=pd.DataFrame(index=MOUSE))
    with anndata.settings.override(zarr_write_format=3, auto_shard_zarr_v3=True):
        cells.write_zarr(tmp_path / "in.zarr")
    assert zarr.open_group(tmp_path / "in.zarr")["X/data"].shards is not None
    translate_file(tmp_path / "in.zarr", tmp_path / "out.zarr", "human", source="mouse", release=release)
    data = zarr.open_group(tmp_path / "out.zarr")["X/data"]
    assert data.shards == (1 << 19,) and data.chunks == (1 << 16,)
    translated = homodb.translate(cells, "human", source="mouse", release=release)
    assert (anndata.read_zarr(tmp_path / "out.zarr").X != translated.X).nnz == 0


def test_progress_and_shares_by_group(release: homodb.Release, full: anndata.AnnData, tmp_path: Path) -> None:
    full.write_h5ad(tmp_path / "in.h5ad")
    seen: list[TranslateProgress] = []
    asked: Any = {"source": "mouse", "release": release, "groupby": ["cell_type", "plain"]}
    report = translate_file(
        tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", progress=seen.append, block=4, **asked
    )
    assert [one.done for one in seen if one.slot == "X"] == [0, 4, 8, 9]
    assert seen[-1].done == seen[-1].total == 36 and {one.total for one in seen} == {36}
    _, memory = homodb.translate(full, "human", **asked, return_report=True)
    assert report.groups.equals(memory.groups) and report.fates.equals(memory.fates)
    assert set(report.groups["column"]) == {"cell_type", "plain"}
    counts, mapped = full.X.toarray(), (report.fates["fate"] == "mapped").to_numpy()
    for name in ("a", "b", "c", ""):
        rows = (full.obs["cell_type"].astype(object).fillna("") == name).to_numpy()
        told = next(
            row for row in report.groups.iter_rows(named=True) if (row["column"], row["group"]) == ("cell_type", name)
        )
        assert told["cells"] == rows.sum() and told["counts"] == counts[rows].sum()
        assert told["carried"] == pytest.approx(counts[rows][:, mapped].sum() / counts[rows].sum())
        each = counts[rows][:, mapped].sum(axis=1) / np.maximum(counts[rows].sum(axis=1), 1)
        assert told["carried_mean"] == pytest.approx(each.mean())


# What is wrong with the input, or with where to write


def nothing_written(folder: Path, *there: str) -> None:
    assert sorted(one.name for one in folder.iterdir()) == sorted(there)


def test_files_that_are_no_anndata(release: homodb.Release, full: anndata.AnnData, tmp_path: Path) -> None:
    full.write_h5ad(tmp_path / "good.h5ad")
    (tmp_path / "text.h5ad").write_text("not HDF5")
    (tmp_path / "short.h5ad").write_bytes((tmp_path / "good.h5ad").read_bytes()[:20_000])
    (tmp_path / "store.zarr").mkdir()
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["numbers"] = np.arange(3)
    with h5py.File(tmp_path / "no_obs.h5ad", "w") as file:
        file.attrs["encoding-type"] = "anndata"
    there = [one.name for one in tmp_path.iterdir()]
    for name in ("text.h5ad", "short.h5ad", "store.zarr", "other.h5ad", "no_obs.h5ad", "missing.h5ad"):
        with pytest.raises(TranslationError, match=name.split(".")[0]):
            translate_file(tmp_path / name, tmp_path / "out.h5ad", "human", source="mouse", release=release)
    nothing_written(tmp_path, *there)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["X", "layers/columns", "layers/counts"])
@pytest.mark.parametrize("damage", ["indices", "indptr", "shape", "nan", "negative"])
def test_damaged_matrices(
    release: homodb.Release, full: anndata.AnnData, part: str, damage: str, tmp_path: Path
) -> None:
    full.write_h5ad(tmp_path / "in.h5ad")
    with h5py.File(tmp_path / "in.h5ad", "r+") as file:
        matrix = file[part]
        values = matrix["data"] if isinstance(matrix, h5py.Group) else None
        if damage in ("indices", "indptr") and values is None:
            pytest.skip("dense")
        if damage == "indices":
            matrix["indices"][3] = 5000
        elif damage == "indptr":
            matrix["indptr"][2] = 10**6
        elif damage == "shape":
            if values is None:
                del file[part]
                file[part] = np.ones((3, 3))
                file[part].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            else:
                matrix.attrs["shape"] = [9, 99]
        elif values is None:
            matrix[0, 0] = np.nan if damage == "nan" else -1
        else:
            values[0] = np.nan if damage == "nan" else -1
    asked: Any = {"source": "mouse", "release": release}
    if part != "X" and damage in ("nan", "negative"):  # a side matrix is left out, and it is said
        report = translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", **asked)
        name = part.split("/")[1]
        assert f"layers[{name!r}]" in report.dropped and name not in anndata.read_h5ad(tmp_path / "out.h5ad").layers
        return
    with pytest.raises(TranslationError, match=messages.Translate.damaged_nan_negative):
        translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", **asked)
    nothing_written(tmp_path, "in.h5ad")


def test_a_negative_value_that_no_sample_shows(release: homodb.Release, tmp_path: Path) -> None:
    counts = np.ones((1000, 3), dtype=np.float32)
    counts[501, 1] = -1
    for form in (sp.csr_matrix, sp.csc_matrix, np.asarray):
        adata = anndata.AnnData(form(counts), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg"]))
        adata.write_h5ad(tmp_path / "in.h5ad")
        for call in (
            lambda: translate_file(
                tmp_path / "in.h5ad", tmp_path / "o.h5ad", "human", source="mouse", release=release, block=100
            ),
            lambda: homodb.translate(adata, "human", source="mouse", release=release),  # noqa: B023
        ):
            with pytest.raises(CountsError, match=messages.Translate.negative_values_least_is_1):
                call()
        nothing_written(tmp_path, "in.h5ad")


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, 0.7])
@pytest.mark.parametrize("part", ["layers", "raw"])
@pytest.mark.parametrize("form", [sp.csr_matrix, np.asarray])
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_a_value_that_no_sample_shows_leaves_a_layer_out(
    release: homodb.Release, value: float, part: str, form: Any, ending: str, tmp_path: Path
) -> None:
    """As one that a sample shows does; where a policy was named for the layer it is an error."""
    counts = np.ones((1000, 3), dtype=np.float32)
    adata = anndata.AnnData(form(counts.copy()), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg"]))
    counts[501, 1] = value
    other = anndata.AnnData(form(counts), obs=adata.obs, var=adata.var)
    if part == "raw":
        adata.raw = other
    else:
        adata.layers["b"] = other.X
    adata.write_h5ad(tmp_path / "in.h5ad")
    asked: Any = {"source": "mouse", "release": release}
    output = tmp_path / f"out.{ending}"
    report = translate_file(tmp_path / "in.h5ad", output, "human", **asked, block=100)
    result = anndata.read_zarr(output) if ending == "zarr" else anndata.read_h5ad(output)
    in_memory = homodb.translate(adata, "human", **asked)
    for one in (result, in_memory):
        assert one.raw is None and not [name for name in one.layers if name is not None] and one.X.sum() == 3000
    name = "raw" if part == "raw" else "layers['b']"
    assert name in report.dropped and any(f"{name} was left out" in note for note in report.notes)
    asked["slots"] = {"raw" if part == "raw" else "b": "sum"}
    if value == 0.7:
        assert homodb.translate(adata, "human", **asked).n_vars == 2  # said to be linear
        with pytest.raises(CountsError, match="in some values that are not whole"):
            homodb.translate(other, "human", source="mouse", release=release)
    else:
        with pytest.raises(CountsError):
            homodb.translate(adata, "human", **asked)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["h5ad", "zarr"])
def test_sums_that_grow_too_wide_half_way(release: homodb.Release, store: str, tmp_path: Path) -> None:
    """Only the last block does not fit 8 bits."""
    counts = np.full((50, 3), 1, dtype=np.uint8)
    counts[49] = 200
    for form in (sp.csr_matrix, sp.csc_matrix, np.asarray):
        adata = anndata.AnnData(form(counts), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg"]))
        path, output = tmp_path / f"in.{store}", tmp_path / f"out.{store}"
        adata.write_zarr(path) if store == "zarr" else adata.write_h5ad(path)
        report = translate_file(path, output, "human", source="mouse", release=release, block=7)
        result = anndata.read_zarr(output) if store == "zarr" else anndata.read_h5ad(output)
        assert result.X.dtype == np.int64 and result[:, "INS"].X.sum() == 49 * 2 + 400
        assert report.fates["counts"].to_list() == [249, 249, 249]


def test_places_that_cannot_be_written(release: homodb.Release, full: anndata.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "in.h5ad"
    full.write_h5ad(path)
    full.write_zarr(tmp_path / "in.zarr")
    (tmp_path / "link.h5ad").symlink_to(path)
    (tmp_path / "hard.h5ad").hardlink_to(path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "things.zarr").mkdir()
    (tmp_path / "things.zarr" / "precious.txt").write_text("x")
    there, before = [one.name for one in tmp_path.iterdir()], path.read_bytes()
    for incoming, outgoing, error in (
        ("in.h5ad", "in.h5ad", "is the input"), ("in.h5ad", "link.h5ad", "is the input"),
        ("link.h5ad", "in.h5ad", "is the input"), ("in.h5ad", "hard.h5ad", "is the input"),
        ("in.zarr", "in.zarr", "is the input"), ("in.zarr", "in.zarr/x.h5ad", "is inside the input"),
        ("in.h5ad", "folder", "is a folder"), ("in.h5ad", "things.zarr", "not a zarr store"),
        ("in.h5ad", "missing/out.h5ad", "no folder"), ("in.h5ad", "missing/out.zarr", "no folder"),
    ):  # fmt: skip
        with pytest.raises(OutputError, match=error):
            translate_file(tmp_path / incoming, tmp_path / outgoing, "human", source="mouse", release=release)
    nothing_written(tmp_path, *there)
    assert path.read_bytes() == before


def test_what_is_asked_in_vain_writes_nothing(release: homodb.Release, full: anndata.AnnData, tmp_path: Path) -> None:
    full.write_h5ad(tmp_path / "in.h5ad")
    names = anndata.AnnData(np.ones((2, 2)), var=pd.DataFrame(index=["row0", "row1"]))
    names.write_h5ad(tmp_path / "names.h5ad")
    for name, asked, error in (
        ("in.h5ad", {"source": "rat"}, UnknownSpeciesError), ("names.h5ad", {}, UndecidedSpeciesError),
        ("names.h5ad", {"source": "mouse"}, TranslationError), ("in.h5ad", {"layer": "nothing"}, TranslationError),
        ("in.h5ad", {"groupby": "nothing"}, TranslationError), ("in.h5ad", {"column": "nothing"}, TranslationError),
        ("in.h5ad", {"block": 0}, TranslationError),
    ):  # fmt: skip
        with pytest.raises(error):
            translate_file(tmp_path / name, tmp_path / "out.h5ad", "human", release=release, **asked)
    nothing_written(tmp_path, "in.h5ad", "names.h5ad")


def translating(path: str, release: Path, *more: str) -> list[str]:
    """The arguments that translate a file from mouse to human."""
    asked = ["--from", "mouse", "--to", "human", "-o", "out.h5ad", "--release", str(release)]
    return ["homodb", "translate", path, *asked, *more]


CLI = [sys.executable, "-c", "from homodb.cli import main; main()"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_a_full_disk_leaves_nothing(toy_folder: Path, suffix: str, tmp_path: Path) -> None:
    """A limit on the size of a file stands for the full disk."""
    counts = sp.random(3000, len(MOUSE), density=0.9, format="csr", dtype=np.float32, random_state=0)
    counts.data *= 1000  # values of at most 30 might be logarithms
    adata = anndata.AnnData(counts, var=pd.DataFrame(index=MOUSE))
    adata.write_h5ad(tmp_path / "in.h5ad")
    (tmp_path / f"out.{suffix}").write_text("there before") if suffix == "h5ad" else None
    ran = subprocess.run(
        [*CLI, *translating("in.h5ad", toy_folder, "-o", f"out.{suffix}")[1:]],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # compiled modules would stay cut off
    )  # fmt: skip
    assert ran.returncode == 2 and "Traceback" not in ran.stderr, ran.stderr
    assert "cannot be written" in ran.stderr and len(ran.stderr.strip().splitlines()) == 1
    nothing_written(tmp_path, "in.h5ad", *(["out.h5ad"] if suffix == "h5ad" else []))


@pytest.mark.slow
def test_an_interrupt_leaves_nothing(toy_folder: Path, tmp_path: Path) -> None:
    counts = sp.random(60_000, len(MOUSE), density=0.5, format="csr", dtype=np.float32, random_state=0)
    anndata.AnnData(counts, var=pd.DataFrame(index=MOUSE)).write_h5ad(tmp_path / "in.h5ad")
    (tmp_path / "out.h5ad").write_text("there before")
    command = [*CLI, *translating("in.h5ad", toy_folder, "--block", "1")[1:]]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.h5ad.*/out.h5ad")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    try:
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode not in (0, None)
    nothing_written(tmp_path, "in.h5ad", "out.h5ad")
    assert (tmp_path / "out.h5ad").read_text() == "there before"


def test_older_files_are_read_whole(release: homodb.Release, full: anndata.AnnData, tmp_path: Path) -> None:
    """Before anndata 0.8 the root did not say what it is."""
    full.write_h5ad(tmp_path / "in.h5ad")
    with h5py.File(tmp_path / "in.h5ad", "r+") as file:
        del file.attrs["encoding-type"], file.attrs["encoding-version"]
    translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", source="mouse", release=release)
    assert_same(
        anndata.read_h5ad(tmp_path / "out.h5ad"), homodb.translate(full, "human", source="mouse", release=release)
    )


# What is chosen, and what stood there before


def test_a_column_that_is_not_there_is_told_with_those_that_are(
    release: homodb.Release, full: anndata.AnnData, tmp_path: Path
) -> None:
    said = r"obs has no column 'cel_type'; its columns are: 'cell_type', 'depth', 'plain'; did you mean 'cell_type'\?"
    for form in ("h5ad", "zarr"):
        path = tmp_path / f"in.{form}"
        full.write_zarr(path) if form == "zarr" else full.write_h5ad(path)
        with pytest.raises(TranslationError, match=said):
            translate_file(path, tmp_path / "out.h5ad", "human", source="mouse", release=release, groupby=["cel_type"])
    with pytest.raises(TranslationError, match=said):
        homodb.translate(full, "human", source="mouse", release=release, groupby=["depth", "cel_type"])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["h5ad", "zarr"])
def test_a_second_translation_keeps_what_the_first_told(
    release: homodb.Release, full: anndata.AnnData, tmp_path: Path, form: str
) -> None:
    full.uns["homodb"] = {"annotation": {"cell_type_homodb": {"method": "knn"}}}
    first, second, third = (tmp_path / f"{number}.{form}" for number in range(3))
    full.write_zarr(first) if form == "zarr" else full.write_h5ad(first)
    translate_file(first, second, "human", source="mouse", strategy="hm_o2o", release=release)
    translate_file(second, third, "mouse", source="human", release=release)
    read = anndata.read_zarr(third) if form == "zarr" else anndata.read_h5ad(third)
    told = read.uns["homodb"]
    assert (told["source"], told["target"], told["strategy"]) == ("homo_sapiens", "mus_musculus", "ENS_M2M")
    before = told["before"]
    assert (before["source"], before["target"], before["strategy"]) == ("mus_musculus", "homo_sapiens", "HM_O2O")
    assert "before" not in before and "annotation" not in before
    assert told["annotation"]["cell_type_homodb"]["method"] == "knn"
    once = homodb.translate(full, "human", source="mouse", strategy="hm_o2o", release=release)
    twice = homodb.translate(once, "mouse", source="human", release=release).uns["homodb"]
    assert twice["before"]["strategy"] == "HM_O2O" and set(twice) == set(told)
    twice["before"]["source"] = "other"
    assert once.uns["homodb"]["source"] == "mus_musculus"


# Reports


@pytest.mark.slow
def test_report_files(
    toy_folder: Path,
    full: anndata.AnnData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "<script>alert('x')</script>"
    full.obs["<b>kind"] = pd.Categorical([evil] * 9)
    full.var_names = [evil if name == "Nonsense" else name for name in full.var_names]
    full.write_h5ad(tmp_path / "in.h5ad")
    (tmp_path / "markers.txt").write_text("Ins1\nIns2\nOrph9\nNothing\nENSMUSG00000000003\n")
    monkeypatch.chdir(tmp_path)
    for suffix in ("tsv", "json", "html"):
        asked = ["--by", "<b>kind", "--markers", "markers.txt", "--strategy", "hm_o2o", "--report", f"report.{suffix}"]
        monkeypatch.setattr(sys, "argv", translating("in.h5ad", toy_folder, *asked))
        with pytest.raises(SystemExit) as left:
            main()
        out = capsys.readouterr().out
        assert not left.value.code and len(out.splitlines()) <= 40 and "markers: 2 of 5 carried" in out
    rows = (tmp_path / "report.tsv").read_text().splitlines()
    assert len(rows) == 1 + len(MOUSE) and rows[0].startswith("name\tstable_id")
    told = json.loads((tmp_path / "report.json").read_text())
    assert [row["name"] for row in told["genes"]] == list(full.var_names)
    assert [(row["marker"], row["fate"], row["target_symbol"]) for row in told["markers"]] == [
        ("Ins1", "lost_to", None), ("Ins2", "mapped", "INS"), ("Orph9", "no_ortholog", None),
        ("Nothing", "not_in_file", None), ("ENSMUSG00000000003", "mapped", "GCG"),
    ]  # fmt: skip
    assert told["groups"][0]["group"] == evil and told["groups"][0]["cells"] == 9
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and "<b>kind" not in page and "http" not in page


@pytest.mark.parametrize("report", ["report.pdf", "missing/report.html", "out.h5ad"])
def test_a_report_that_cannot_be_written_is_told_first(
    toy_folder: Path, full: anndata.AnnData, report: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    full.write_h5ad(tmp_path / "in.h5ad")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", translating("in.h5ad", toy_folder, "--report", report))
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and len(capsys.readouterr().err.strip().splitlines()) == 1
    nothing_written(tmp_path, "in.h5ad")


def test_options_of_cells_are_refused_for_lists(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "genes.txt").write_text("Ins1\nGcg\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", translating("genes.txt", toy_folder, "--slot", "X=sum"))
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and "--slot is for files of cells" in capsys.readouterr().err
    nothing_written(tmp_path, "genes.txt")
