"""What inspect says of files: names, species, era, parts; and what it does not read."""

from __future__ import annotations

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

import homodb
from homodb import inspect
from homodb.schema.errors import TranslationError, UnknownSpeciesError
from tests import messages

MOUSE = ["Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "Rplp0", "Dup1", "Dup2", "Xist", "Nonsense"]


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells(names: list[str], rows: int = 40, seed: int = 0, **parts: Any) -> anndata.AnnData:
    counts = np.random.default_rng(seed).poisson(1.0, (rows, len(names))).astype(np.float32)
    obs = pd.DataFrame({"donor": pd.Categorical(["a", "b"] * (rows // 2))}, index=[f"c{i}" for i in range(rows)])
    return anndata.AnnData(X=sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=names), **parts)


def test_symbols(release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    cells(MOUSE).write_h5ad(path)
    found = inspect(path, release=release)
    assert (found.cells, found.genes, found.species) == (40, 12, "mus_musculus")
    assert found.votes.row(0) == ("mus_musculus", 11, 11)
    assert found.kinds.select("how", "names").rows() == [("symbol", 11), ("unknown", 1)]
    assert found.unresolved.rows() == [("unknown", None, 1, ["Nonsense"])]
    assert found.resolved == pytest.approx(11 / 12)
    assert found.slots.select("name", "rows", "columns", "form", "dtype", "kind").rows() == [
        ("X", 40, 12, "CSR", "float32", "counts")
    ]
    assert found.parts.rows() == [("obs", "donor (2)")]
    assert found.forms.height == 0 and found.era == ()
    assert found.notes == ("the release has no synonyms of mouse: symbols that genes once had are unknown to it",)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["h5ad", "zarr"])
def test_every_slot_is_judged_and_no_part_forgotten(release: homodb.Release, tmp_path: Path, form: str) -> None:
    adata = cells(MOUSE)
    counts = np.asarray(adata.X.todense())
    scaled = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4
    adata.layers["counts"] = sp.csc_matrix(counts)
    adata.layers["log"] = sp.csr_matrix(np.log1p(scaled))
    adata.layers["scaled"] = counts - 1.0
    adata.layers["linear"] = scaled + 31.5
    adata.raw = adata
    adata.obsm["X_pca"], adata.uns["pca"] = np.zeros((40, 2)), {"a": 1}
    path = tmp_path / f"cells.{form}"
    getattr(adata, f"write_{form}")(path)
    found = inspect(path, release=release)
    kinds = {name: (form_, kind) for name, form_, kind in found.slots.select("name", "form", "kind").iter_rows()}
    assert kinds == {
        "X": ("CSR", "counts"),
        "layers['counts']": ("CSC", "counts"),
        "layers['log']": ("CSR", "log"),
        "layers['scaled']": ("dense", "scaled"),
        "layers['linear']": ("dense", "linear"),
        "raw.X": ("CSR", "counts"),
    }
    filled = dict(found.slots.select("name", "filled").iter_rows())
    assert filled["X"] == pytest.approx(np.count_nonzero(counts) / (40 * 12)) and filled["layers['scaled']"] == 1
    assert found.parts.rows() == [("obs", "donor (2)"), ("obsm", "X_pca"), ("uns", "pca")]


def test_versions_prefixes_and_suffixes(release: homodb.Release, tmp_path: Path) -> None:
    names = [
        f"ENSG{i:011}.{v}" for i, v in ((1, 2), (2, 1), (3, 1), (4, 1), (5, 1))
    ]  # INS has version 2, no other so low
    names += [
        "GRCh38_VWF",
        "MT.ND1",
        "RPLP0-1",
        "ENSG00000000000",
        "ENSG00000099999.1",
        "IL8",
        "DUP",
        "1-Mar",
        "VWF2_ENSG00000000006",
    ]
    path = tmp_path / "cells.h5ad"
    cells(names).write_h5ad(path)
    found = inspect(path, release=release)
    assert found.species == "homo_sapiens"
    forms = {form: names for form, names, _ in found.forms.iter_rows()}
    assert forms == {
        "with a version": 5,
        "with a genome's name": 1,
        "with another name beside them": 1,
        "with a suffix that makes them unique": 1,
        "changed by R or Seurat": 1,
    }
    hows = dict(found.unresolved.group_by("how").agg(pl.col("names").sum()).iter_rows())
    assert hows == {"retired": 1, "unknown": 2, "ambiguous": 1}
    era = " ".join(found.era)
    assert "of 5 stable IDs with a version" in era
    assert "1 stable ID is newer than all in the release" in era
    assert "1 stable ID is not in the release" in era
    assert "1 name is a synonym or old symbol of genes" in era


def test_names_that_count_rows_name_the_column_that_holds_genes(release: homodb.Release, tmp_path: Path) -> None:
    adata = cells([str(i) for i in range(12)])
    adata.var["feature_name"], adata.var["n_cells"], adata.var["kind"] = MOUSE, 3, "Gene Expression"
    adata.write_h5ad(tmp_path / "cells.h5ad")
    found = inspect(tmp_path / "cells.h5ad", release=release)
    assert found.species is None and found.resolved == 0
    assert found.columns.rows() == [("feature_name", "mus_musculus", 11 / 12)]
    assert any("column='feature_name'" in note for note in found.notes)
    named = inspect(tmp_path / "cells.h5ad", release=release, column="feature_name")
    assert (named.species, named.column) == ("mus_musculus", "feature_name")
    with pytest.raises(TranslationError, match=messages.Inspect.no_column_gene_columns):
        inspect(tmp_path / "cells.h5ad", release=release, column="gene")


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_an_undecided_species_shows_its_votes_and_may_be_given(release: homodb.Release, tmp_path: Path) -> None:
    cells(["GCG", "TNF", "Foo", "Foo"]).write_h5ad(tmp_path / "cells.h5ad")
    found = inspect(tmp_path / "cells.h5ad", release=release)
    assert found.species is None and "Name the species" in " ".join(found.notes)
    assert any("more than once" in note for note in found.notes)
    assert inspect(tmp_path / "cells.h5ad", release=release, source="human").resolved == 0.5
    with pytest.raises(UnknownSpeciesError):
        inspect(tmp_path / "cells.h5ad", release=release, source="axolotl")


def test_a_wrong_species_is_doubted(starter: homodb.Release) -> None:
    found = inspect(homodb.datasets.islets()[1], release=starter, source="human")
    assert found.species == "homo_sapiens" and "as genes of mus_musculus" in " ".join(found.notes)


@pytest.mark.parametrize("empty", ["cells", "genes", "both"])
def test_empty_objects(release: homodb.Release, tmp_path: Path, empty: str) -> None:
    names = [] if empty in ("genes", "both") else MOUSE
    cells(names, rows=0 if empty in ("cells", "both") else 4).write_h5ad(tmp_path / "cells.h5ad")
    found = inspect(tmp_path / "cells.h5ad", release=release, source="mouse")
    assert found.genes == len(names)


def test_an_object_without_x(release: homodb.Release, tmp_path: Path) -> None:
    anndata.AnnData(var=pd.DataFrame(index=MOUSE), obs=pd.DataFrame(index=["a"])).write_h5ad(tmp_path / "cells.h5ad")
    found = inspect(tmp_path / "cells.h5ad", release=release)
    assert found.slots.height == 0 and found.species == "mus_musculus"


def test_only_some_rows_are_read(release: homodb.Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values in rows that are not looked at may be anything: reading them all would be seen."""
    cells(MOUSE, rows=4000).write_h5ad(tmp_path / "cells.h5ad")
    read: list[int] = []
    original = h5py.Dataset.__getitem__

    def counted(self: h5py.Dataset, key: Any, *more: Any, **options: Any) -> Any:
        value = original(self, key, *more, **options)
        if self.name.endswith(("X/data", "X/indices")):
            read.append(np.size(value))
        return value

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    found = inspect(tmp_path / "cells.h5ad", release=release)
    assert found.slots["kind"].to_list() == ["counts"]
    with h5py.File(tmp_path / "cells.h5ad") as file:
        stored = file["X/data"].shape[0]
    assert 0 < sum(read) < stored


def test_what_is_no_anndata(release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    with pytest.raises(TranslationError, match=messages.Shared.no_such_file):
        inspect(path, release=release)
    path.write_text("genes")
    with pytest.raises(TranslationError, match=messages.Inspect.neither_h5ad_file_nor_zarr):
        inspect(path, release=release)
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(TranslationError, match=messages.Inspect.has_no_obs_var_holds):
        inspect(path, release=release)
    (tmp_path / "folder.zarr").mkdir()
    with pytest.raises(TranslationError, match=messages.Inspect.nor_zarr_store_is_folder):
        inspect(tmp_path / "folder.zarr", release=release)
    cells(MOUSE).write_h5ad(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(TranslationError, match=messages.Inspect.cannot_be_opened):
        inspect(path, release=release)
    cells(MOUSE).write_h5ad(path)
    with h5py.File(path, "a") as file:
        del file["X/indptr"]
    with pytest.raises(TranslationError, match=messages.Inspect.x_cannot_be_read):
        inspect(path, release=release)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "species", "resolved", "shape"),
    [("baron_mouse_822", "mus_musculus", 0.95, (822, 14878)), ("baron_human_175", "homo_sapiens", 0.9, (175, 12474))],
)
def test_the_real_cells(
    real: homodb.Release, shared_data: Path, name: str, species: str, resolved: float, shape: tuple[int, int]
) -> None:
    found = inspect(shared_data / "cells" / f"{name}.h5ad", release=real)
    assert (found.species, (found.cells, found.genes)) == (species, shape)
    assert found.resolved > resolved - 0.01
    assert found.slots.select("form", "kind").rows() == [("CSR", "counts")]
