"""Stored AnnData: whatever reads one says the same of what is not there, and of what is none."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

import homodb
from homodb.query.annotate import annotate_files, read_options
from homodb.query.annotate.evaluate import evaluate_file
from homodb.query.cells import check_cells_output, open_anndata, read_anndata
from homodb.query.gene_lists import translate_list_file
from homodb.query.inspect import inspect
from homodb.query.integrate import integrate_files
from homodb.query.join import join_to_file
from homodb.query.translate import translate_file
from homodb.schema.errors import OutputError, TranslationError
from tests import messages

READERS: dict[str, Callable[[Path, Path, homodb.Release], Any]] = {
    "opened": lambda path, out, toy: open_anndata(path).__enter__(),
    "read_whole": lambda path, out, toy: read_anndata(path),
    "inspect": lambda path, out, toy: inspect(path, release=toy),
    "translate": lambda path, out, toy: translate_file(path, out, "human", release=toy),
    "join": lambda path, out, toy: join_to_file([path, Path(__file__)], out, release=toy),
    "integrate": lambda path, out, toy: integrate_files([path], out),
    "score": lambda path, out, toy: homodb.score(path),
    "markers": lambda path, out, toy: homodb.markers(path),
    "report": lambda path, out, toy: homodb.report(path, out.with_suffix(".html")),
    "compare": lambda path, out, toy: homodb.compare([path, Path(__file__)], release=toy),
    "annotate": lambda path, out, toy: annotate_files(path, path, out, read_options({"label_key": "x"}), release=toy),
    "evaluate": lambda path, out, toy: evaluate_file(path, truth="x"),
}


def bad(folder: Path) -> dict[str, tuple[Path, str]]:
    """Paths of what is no AnnData, and what is said of each."""
    text, other, store, plain = folder / "a.h5ad", folder / "b.h5ad", folder / "c.zarr", folder / "d"
    text.write_text("genes")
    with h5py.File(other, "w") as file:
        file["matrix"] = [1]
    zarr.open_group(store, mode="w").create_group("obs")
    plain.mkdir()
    none = "is not an AnnData, neither an h5ad file nor a zarr store"
    return {
        "none": (folder / "no.h5ad", "there is no such file"),
        "long": (folder / ("x" * 300 + ".h5ad"), "there is no such file"),
        "text": (text, f"{none} (it is not HDF5)"),
        "other": (other, f"{none} (it has no obs and var; it holds matrix)"),
        "store": (store, f"{none} (it has no var; it holds obs)"),
        "folder": (plain, f"{none} (it is a folder of something else)"),
    }  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_one_sentence_for_all(reader: str, toy: homodb.Release, tmp_path: Path) -> None:
    for path, said in bad(tmp_path).values():
        with pytest.raises(TranslationError) as told:
            READERS[reader](path, tmp_path / "out.h5ad", toy)
        assert str(told.value) == f"{path}: {said}"
        assert not (tmp_path / "out.h5ad").exists()


def test_a_damaged_part_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    anndata.AnnData(np.ones((2, 2)), obs=pd.DataFrame(index=["a", "b"])).write_h5ad(path)
    with h5py.File(path, "a") as file:
        file["X"].attrs["encoding-type"] = "nonsense"
    with pytest.raises(TranslationError, match=messages.Release.x_h5ad_x_cannot_be_read):
        read_anndata(path)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError("Unable to allocate 40.0 GiB"), r"does not fit into memory \(Unable to allocate 40.0 GiB\)"),
        (PermissionError(13, "Permission denied"), r"cannot be read \(Permission denied\)"),
    ],
)
def test_a_sound_file_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    path = tmp_path / "x.h5ad"
    anndata.AnnData(np.ones((2, 2)), obs=pd.DataFrame(index=["a", "b"])).write_h5ad(path)

    def refuse(path: Path) -> None:
        raise error

    monkeypatch.setattr(anndata, "read_h5ad", refuse)
    with pytest.raises(TranslationError, match=rf"x\.h5ad: {said}"):
        read_anndata(path)


def test_what_could_not_be_written_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "folder.zarr").mkdir()
    (tmp_path / "file.zarr").write_text("mine")
    for name in ("folder.zarr", "file.zarr"):
        with pytest.raises(OutputError, match=messages.Release.is_there_is_no_zarr):
            check_cells_output(tmp_path / name)
    with pytest.raises(OutputError, match=messages.Shared.is_not_regular_file):
        check_cells_output(Path("/dev/null"))
    with pytest.raises(OutputError, match=messages.Release.cells_are_written):
        check_cells_output(tmp_path / "out.csv")


def test_the_case_of_an_ending_does_not_matter(toy: homodb.Release, tmp_path: Path) -> None:
    cells = anndata.AnnData(np.ones((1, 2)), obs=pd.DataFrame(index=["a"]), var=pd.DataFrame(index=["Ins1", "Ins2"]))
    cells.write_h5ad(tmp_path / "in.H5AD")
    translate_file(tmp_path / "in.H5AD", tmp_path / "OUT.ZARR", "human", source="mouse", release=toy)
    assert (tmp_path / "OUT.ZARR").is_dir() and read_anndata(tmp_path / "OUT.ZARR").n_obs == 1
    (tmp_path / "genes.txt").write_text("Ins1\n")
    translate_list_file(tmp_path / "genes.txt", tmp_path / "out.TXT.GZ", "human", source="mouse", release=toy)
    assert gzip.decompress((tmp_path / "out.TXT.GZ").read_bytes()) == b"INS\n"


def test_other_formats_are_named_with_the_way_to_an_anndata(tmp_path: Path) -> None:
    groups = {"10x": ["matrix"], "Loom": ["row_attrs", "matrix"], "h5Seurat": ["assays", "meta.data"]}
    starts = {
        "gzip": b"\x1f\x8b\x08", "zip archive": b"PK\x03\x04", "Git LFS": b"version https://git-lfs.github.com",
        "web page": b"<!DOCTYPE html>", "empty": b"", "matrix without names": b"%%MatrixMarket matrix",
    }  # fmt: skip
    for kind in [*groups, *starts]:
        path = tmp_path / "other.h5ad"
        if kind in groups:
            with h5py.File(path, "w") as file:
                for group in groups[kind]:
                    file.create_group(group)
        else:
            path.write_bytes(starts[kind])
        with pytest.raises(TranslationError, match=kind), open_anndata(path):
            pass


def test_attributes_of_a_fixed_length_and_arrays_without_encoding_are_read(toy: homodb.Release, tmp_path: Path) -> None:
    """As Julia, R and h5py alone write them; anndata reads them too."""
    path, plain = tmp_path / "bytes.h5ad", tmp_path / "plain.h5ad"
    adata = anndata.AnnData(
        np.arange(12, dtype=np.float32).reshape(3, 4), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg", "Tnf"]),
        obs=pd.DataFrame({"type": pd.Categorical(["a", "b", "a"]), "flag": pd.array([True, None, False])}),
        uns={"entry": {"x": 1}},
    )  # fmt: skip
    adata.layers["counts"] = sparse.csr_matrix(adata.X)
    adata.write_h5ad(plain)
    adata.write_h5ad(path)

    def to_bytes(name: str, element: Any) -> None:
        for key, value in element.attrs.items():
            if isinstance(value, str):
                element.attrs[key] = np.bytes_(value)

    with h5py.File(path, "r+") as file:
        for key in list(file["X"].attrs):
            del file["X"].attrs[key]
        file.visititems(to_bytes)
        to_bytes("", file)
    for output in ("a.h5ad", "a.zarr"):
        translate_file(path, tmp_path / output, "human", source="mouse", release=toy)
        translate_file(plain, tmp_path / "expected.h5ad", "human", source="mouse", release=toy)
        result, expected = read_anndata(tmp_path / output), read_anndata(tmp_path / "expected.h5ad")
        assert np.array_equal(result.X, expected.X) and result.obs.equals(expected.obs)
        assert np.array_equal(result.layers["counts"].toarray(), expected.layers["counts"].toarray())
    assert inspect(path, release=toy).cells == 3


def write_before_07(adata: anndata.AnnData, path: Path) -> None:
    """Write as anndata 0.6 did: tables as compound arrays, categories in uns, matrices as ``h5sparse``."""

    def table(frame: pd.DataFrame, uns: h5py.Group) -> np.ndarray:
        columns = {"index": frame.index.to_numpy().astype("S")}
        for name, column in frame.items():
            if isinstance(column.dtype, pd.CategoricalDtype):
                uns[f"{name}_categories"] = column.cat.categories.to_numpy().astype("S")
                columns[str(name)] = column.cat.codes.to_numpy()
            else:
                columns[str(name)] = column.to_numpy()
        array = np.empty(len(frame), [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            array[name] = values
        return array

    def matrix(file: h5py.File, name: str, values: Any) -> None:
        held = sparse.csr_matrix(values)
        group = file.create_group(name)
        group.attrs.update(h5sparse_format="csr", h5sparse_shape=held.shape)
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(held, part)

    with h5py.File(path, "w") as file:
        uns = file.create_group("uns")
        file["obs"], file["var"] = table(adata.obs, uns), table(adata.var, uns)
        matrix(file, "X", adata.X)
        matrix(file, "raw.X", adata.X)
        file["raw.var"] = table(adata.var, uns)
        obsm = np.empty(adata.n_obs, [(name, np.float64, value.shape[1:]) for name, value in adata.obsm.items()])
        for name, value in adata.obsm.items():
            obsm[name] = value
        file["obsm"] = obsm


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*written with")
def test_files_from_before_anndata_07(toy: homodb.Release, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    paths: dict[str, list[Path]] = {"old": [], "new": []}
    for species, names in {"human": ["INS", "GCG", "TNF", "SST"], "mouse": ["Ins1", "Ins2", "Gcg", "Tnf"]}.items():
        adata = anndata.AnnData(
            sparse.csr_matrix(rng.poisson(3, (30, 4)).astype(np.float32)), var=pd.DataFrame(index=names),
            obs=pd.DataFrame({"cell_type": pd.Categorical(["a", "b"] * 15), "depth": np.arange(30.0)},
                             index=[f"{species}{place}" for place in range(30)]),
            obsm={"spatial": rng.random((30, 2))},
        )  # fmt: skip
        adata.raw = adata
        for era, write in (("new", lambda adata, path: adata.write_h5ad(path)), ("old", write_before_07)):
            paths[era].append(tmp_path / f"{era}_{species}.h5ad")
            write(adata, paths[era][-1])
    results = {}
    for era, (human, mouse) in paths.items():
        out, joint = tmp_path / f"{era}_out.h5ad", tmp_path / f"{era}_joint.h5ad"
        translate_file(mouse, out, "human", source="mouse", release=toy)
        join_to_file([human, mouse], joint, species=["human", "mouse"], release=toy)
        translated, joined = read_anndata(out), read_anndata(joint)
        looked = inspect(mouse, source="mouse", release=toy)
        markers = homodb.markers([human, mouse], release=toy, species=["human", "mouse"])
        results[era] = (
            translated.X.toarray().tolist(), translated.raw.X.toarray().tolist(), list(translated.var_names),
            translated.obs["cell_type"].tolist(), translated.obsm["spatial"].tolist(), joined.X.toarray().tolist(),
            joined.obs["depth"].tolist(), (looked.cells, looked.genes, looked.species),
            looked.slots.select("name", "rows", "columns", "kind").rows(),
            markers.effects.to_dicts(),
        )  # fmt: skip
    assert results["old"] == results["new"]
