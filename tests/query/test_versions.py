"""Files of anndata 0.11, 0.12 and 0.13 mean the same, and what is made of them every one of these can write again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import zarr

import homodb
from homodb.query.annotate import annotate_files, read_options
from homodb.query.cells import encoding, open_anndata, read_anndata, store, walk
from homodb.query.inspect import inspect
from homodb.query.integrate import IntegrateSettings, integrate_files
from homodb.query.join import join_to_file
from homodb.query.translate import translate_file
from homodb.schema.errors import TranslationError
from tests import messages
from tests.conftest import ROOT

pytestmark = pytest.mark.versions

#: The files that each version wrote, see make_stored_files.py beside them.
FILES = {
    path.name.removesuffix(".tar.xz"): path for path in (ROOT / "tests" / "query" / "stored_files").glob("*.tar.xz")
}
FIRST, OLD, NEW = "anndata-0.11.4", "anndata-0.12.19", "anndata-0.13.4"
#: A file of each, and what it is made into.
WAYS = [
    (FIRST, "-2.zarr", ".zarr"), (OLD, ".h5ad", ".zarr"), (OLD, "-2.zarr", ".h5ad"), (OLD, "-3.zarr", ".zarr"),
    (NEW, ".h5ad", ".h5ad"), (NEW, ".h5ad", ".zarr"), (NEW, "-2.zarr", ".zarr"), (NEW, "-3.zarr", ".h5ad"),
]  # fmt: skip
SMALL: dict[str, Any] = {
    "n_features": 20, "n_components": 6, "dims": 4, "k_anchor": 3, "k_score": 5, "k_weight": 5, "k_neighbors": 4,
    "clustering": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    for version, path in FILES.items():
        shutil.unpack_archive(path, folder / version, filter="data")
    return folder


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened_release:
        yield opened_release


def file(unpacked: Path, version: str, form: str, species: str) -> Path:
    return unpacked / version / f"{species}{form}"


def contents(path: Path) -> dict[str, Any]:
    """Everything in a file as plain values, once it is seen that older versions can write it again."""
    with open_anndata(path) as root:
        assert not [one.name for one in walk(root) if encoding(one) == "nullable-string-array"]
    adata = read_anndata(path)
    (again := path.with_name("again.h5ad")).unlink(missing_ok=True)
    adata.copy().write_h5ad(again)
    parts: dict[str, Any] = {"X": dense(adata.X), "raw": None if adata.raw is None else dense(adata.raw.X)}
    parts |= {f"layers/{name}": dense(adata.layers[name]) for name in adata.layers if name is not None}
    parts |= {"obs": table(adata.obs), "var": table(adata.var), "uns": plain(dict(adata.uns))}
    parts |= {f"obsm/{name}": plain(value) for name, value in adata.obsm.items()}
    return parts | {f"obsp/{name}": dense(value) for name, value in adata.obsp.items()}


def dense(matrix: Any) -> list[Any]:
    return (matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)).tolist()


def table(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {"index": frame.index.astype(str).tolist()} | {name: plain(frame[name].array) for name in frame.columns}


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, pd.DataFrame):
        return table(value)
    if sp.issparse(value):
        return dense(value)
    if isinstance(value, np.ndarray | pd.api.extensions.ExtensionArray):
        return [None if one is None or one is pd.NA or one != one else one for one in value.tolist()]
    return value


@pytest.fixture(scope="module")
def first(unpacked: Path, release: homodb.Release, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes of the files of the oldest version."""
    return made(unpacked, FIRST, ".h5ad", ".h5ad", release, tmp_path_factory.mktemp("first"))


def made(unpacked: Path, version: str, form: str, ending: str, release: homodb.Release, folder: Path) -> dict[str, Any]:
    mouse, human = (file(unpacked, version, form, species) for species in ("mouse", "human"))
    out = {name: folder / f"{name}{ending}" for name in ("translated", "joined", "integrated", "annotated")}
    report = translate_file(mouse, out["translated"], "human", source="mouse", release=release, groupby=["cell_type"])
    assert (report.cells, int(report.fates.height)) == (24, 30)
    join_to_file([mouse, human], out["joined"], species=["mouse", "human"], release=release)
    integrate_files([mouse], out["integrated"], species_key="batch", method="none", settings=IntegrateSettings(**SMALL))
    annotate_files(
        mouse, human, out["annotated"],
        read_options({
            "label_key": "cell_type", "query_label_key": "cell_type", "query_donors": ["one"], "donor_key": "batch",
            "source": "mouse", "reference_species": "human",
        }),
        release=release,
    )  # fmt: skip
    found = inspect(mouse, release=release, source="mouse").totals()
    assert str(found.pop("path")) == str(mouse)
    results = {name: contents(path) for name, path in out.items()}
    results["joined"]["obs"].pop("source_file")  # the two name the files
    results["joined"]["uns"].pop("homodb")
    return results | {"inspected": found, "carried": report.groups["carried"].to_list()}


@pytest.mark.slow
@pytest.mark.parametrize(("version", "form", "ending"), WAYS)
def test_files_of_every_version_give_the_same(
    version: str, form: str, ending: str, unpacked: Path, release: homodb.Release, first: dict[str, Any], tmp_path: Path
) -> None:
    assert made(unpacked, version, form, ending, release, tmp_path) == first


@pytest.mark.slow
def test_the_values_are_those_that_were_stored(first: dict[str, Any], unpacked: Path) -> None:
    with open_anndata(file(unpacked, FIRST, ".h5ad", "mouse")) as root:
        counts = np.asarray(root["layers"]["counts"])
    translated, joined, annotated = (first[name] for name in ("translated", "joined", "annotated"))
    ins = translated["var"]["index"].index("INS")
    assert [row[ins] for row in translated["X"]] == (counts[:, 0] + counts[:, 1]).tolist()
    assert translated["obs"]["note"] == [None, *(f"note {one}" for one in range(1, 24))]
    assert translated["obs"]["barcode"] == [f"ACGT{one:02}" for one in range(24)]
    assert translated["obs"]["donors"] == [None, *range(1, 24)]
    assert translated["obsm/places"]["slide"] == translated["obs"]["barcode"]
    assert translated["uns"]["gaps"] == ["a", None] and translated["uns"]["table"]["who"] == ["x", "y"]
    assert [len(joined["obs"]["index"]), len(set(joined["obs"]["cell_type"]))] == [48, 3]
    assert set(annotated["obs"]["cell_type_homodb"]) <= {"alpha", "beta", "delta", "unknown"}
    slots = {slot["name"]: slot["kind"] for slot in first["inspected"]["slots"]}
    assert slots == {"X": "counts", "layers['counts']": "counts", "raw.X": "counts"}
    assert first["inspected"]["parts"][0] == {
        "part": "obs", "what": "cell_type (3), barcode, note (23), batch (2), donors, good"
    }  # fmt: skip


def test_tables_of_a_file_are_measured_without_reading_them(unpacked: Path) -> None:
    for version, form, _ in WAYS:
        with open_anndata(file(unpacked, version, form, "mouse")) as root:
            obs = root["obs"]
            assert store.height(obs) == 24 and store.index_of(obs)[:2] == ["mouse-0", "mouse-1"]
            assert {name: store.length(obs[name]) for name in store.columns_of(obs)} == dict.fromkeys(
                ["cell_type", "barcode", "note", "batch", "donors", "good"], 24
            )
            assert store.categories(obs["batch"]) == 2 and store.categories(obs["donors"]) is None


@pytest.mark.parametrize("form", [".h5ad", "-2.zarr", "-3.zarr"])
def test_the_newest_files_have_what_older_ones_lack(form: str, unpacked: Path) -> None:
    """Else the tests above would say nothing."""
    with open_anndata(file(unpacked, NEW, form, "mouse")) as root:
        assert encoding(root["obs"]["cell"]) == encoding(root["var"]["_index"]) == "nullable-string-array"


def test_text_is_plain_where_none_is_missing_and_categories_where_some_is(tmp_path: Path) -> None:
    text, gaps = pd.array(["b", "a"], dtype="string"), pd.array(["b", None], dtype="string")
    obs = pd.DataFrame({"text": text, "gaps": gaps}, index=pd.Index(["i", "j"], dtype="string"))
    obs["kind"] = pd.Categorical(text)
    adata = anndata.AnnData(np.ones((2, 1)), obs=obs, uns={"nested": {"text": text, "gaps": gaps}})
    for path in (tmp_path / "a.h5ad", tmp_path / "a.zarr"):
        store.write_whole(adata, path)
        with open_anndata(path) as root:
            assert not [one.name for one in walk(root) if encoding(one) == "nullable-string-array"]
            kinds = {name: encoding(root["obs"][name]) for name in ("_index", "text", "gaps", "kind")}
            assert list(kinds.values()) == ["string-array", "string-array", "categorical", "categorical"]
            assert encoding(root["uns"]["nested"]["gaps"]) == "categorical"
        read = read_anndata(path)
        assert read.obs["text"].tolist() == ["b", "a"] and read.obs["gaps"].isna().tolist() == [False, True]
        assert list(read.obs["kind"].cat.categories) == ["a", "b"]
    assert adata.obs["text"].dtype == text.dtype == adata.uns["nested"]["text"].dtype  # the object stays as it was


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 3])
def test_a_store_is_written_in_the_format_of_its_source_and_else_in_the_third(
    number: int, unpacked: Path, release: homodb.Release, tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    translate_file(file(unpacked, OLD, f"-{number}.zarr", "mouse"), out, "human", source="mouse", release=release)
    assert zarr.open_group(out, mode="r").metadata.zarr_format == number
    translate_file(file(unpacked, OLD, ".h5ad", "mouse"), out, "human", source="mouse", release=release)
    assert zarr.open_group(out, mode="r").metadata.zarr_format == 3


@pytest.mark.parametrize("part", ["obs", "var", "uns"])
def test_an_encoding_of_later_is_one_sentence(part: str, release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    obs, var = pd.DataFrame(index=["a", "b"]), pd.DataFrame(index=["Ins1", "Gcg"])
    anndata.AnnData(np.ones((2, 2)), obs=obs, var=var, uns={"homodb": {"a": 1}}).write_h5ad(path)
    with h5py.File(path, "a") as root:
        root[part].attrs["encoding-version"] = "9.0"
    with pytest.raises(TranslationError, match=messages.Release.is_encoding_is_not_known.format(part=part)):
        read_anndata(path)
    if part != "uns":
        with pytest.raises(TranslationError, match=messages.Release.encoding_is_not_known):
            inspect(path, release=release) if part == "var" else homodb.score(path)


def test_the_field_case_of_a_file_of_anndata_0_13(real_folder: Path, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data.parent / "field" / "01-anndata-0.13" / "mouse_anndata013.h5ad"
    if not path.is_file():
        pytest.skip("needs ../shared/field")
    for name in ("out.h5ad", "out.zarr"):
        report = translate_file(path, tmp_path / name, "human", release=real_folder)
        mouse, human = read_anndata(path), read_anndata(tmp_path / name)
        assert (report.cells, mouse.n_vars, human.n_vars) == (6, 20, 18)
        assert human.obs_names.tolist() == mouse.obs_names.tolist()
        assert human.obs["cell_type"].tolist() == mouse.obs["cell_type"].tolist()
        together = np.asarray(dense(mouse[:, "Ins1"].X)) + np.asarray(dense(mouse[:, "Ins2"].X))
        assert dense(human[:, "INS"].X) == together.tolist()
        assert isinstance(report.fates, pl.DataFrame)
