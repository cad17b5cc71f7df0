"""Names and labels that are missing stay missing: no container, and no version of pandas, makes genes of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import build_release
from homodb.schema.names import name_texts, texts

pytestmark = pytest.mark.versions

MOUSE = ["Ins1", "Ins2", "nan", "Tnf", "Fcer1a", "Vwf", "mt-Nd1", "Rplp0", "Dup1", "Dup2", "ENSMUSG00000000012", "Zz"]
MISSING = [None, float("nan"), np.nan, pd.NA, pd.NaT]

#: What names may come in; each takes a list in which those that are missing are None.
CONTAINERS: dict[str, Callable[[list[Any]], Any]] = {
    "list": list,
    "objects": lambda names: np.array(names, dtype=object),
    "series": lambda names: pd.Series(names, dtype=object),
    "inferred": pd.Series,
    "string": lambda names: pd.Series(names, dtype="string"),
    "categorical": pd.Categorical,
    "category": lambda names: pd.Series(pd.Categorical(names)),
    "index": pd.Index,
    "polars": lambda names: pl.Series(names, dtype=pl.String),
    "polars categories": lambda names: pl.Series(names, dtype=pl.Categorical),
}
COLUMNS = ["objects", "series", "inferred", "string", "categorical"]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Iterator[homodb.Release]:
    """The toy release, whose mouse has a gene called nan, as flies do: the ortholog of GCG."""
    folder = tmp_path_factory.mktemp("named")
    shutil.copytree(toy_config.parent, folder / "toy")
    for path in (folder / "toy").iterdir():
        if path.suffix in (".txt", ".csv"):
            path.write_text(path.read_text("utf-8").replace("Gcg", "nan"), "utf-8")
    build_release(folder / "toy" / toy_config.name, folder / "release")
    with homodb.open(folder / "release") as opened:
        yield opened


@pytest.mark.parametrize("container", CONTAINERS)
@given(names=st.lists(st.sampled_from(["INS", "nan", "None", "", "<NA>", None]), max_size=6))
def test_text_of_any_container(container: str, names: list[str | None]) -> None:
    held = CONTAINERS[container](names)
    assert texts(held) == names
    assert name_texts(held) == ["" if name is None else name for name in names]


@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_whatever_is_missing(missing: Any) -> None:
    assert texts(["a", missing, 1]) == ["a", None, "1"]
    assert (
        texts(np.array(["a", missing], dtype=object)) == texts(pd.Series(["a", missing], dtype=object)) == ["a", None]
    )


def unnamed(names: list[str], gone: list[bool]) -> list[str | None]:
    return [None if out else name for name, out in zip(names, gone, strict=True)]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    container=st.sampled_from(COLUMNS), gone=st.lists(st.booleans(), min_size=len(MOUSE), max_size=len(MOUSE)),
    keep=st.booleans(), to=st.sampled_from(["human", "mouse"]),
)  # fmt: skip
def test_unnamed_genes_are_as_if_they_were_not_there(
    release: homodb.Release, container: str, gone: list[bool], keep: bool, to: str
) -> None:
    """Matrix and var are those of the object without such genes; the report alone says that there were some."""
    gone[0] = False  # one gene at least can be translated
    counts = sp.csr_matrix(np.random.default_rng(7).poisson(3, (4, len(MOUSE))).astype(np.float32))
    var = pd.DataFrame({"gene": CONTAINERS[container](unnamed(MOUSE, gone))})
    var.index = [f"row{number}" for number in range(len(MOUSE))]
    whole = anndata.AnnData(counts, var=var)
    asked: dict[str, Any] = {
        "source": "mouse", "release": release, "column": "gene", "keep_unmapped": keep and to == "human"
    }  # fmt: skip
    rest = whole[:, [not out for out in gone]].copy()
    made, told = homodb.translate(whole, to, **asked, return_report=True)
    wanted, other = homodb.translate(rest, to, **asked, return_report=True)
    assert made.var.equals(wanted.var)
    assert (made.X != wanted.X).nnz == 0
    named = pl.Series([not out for out in gone])
    assert told.fates.filter(named).equals(other.fates)
    lost = told.fates.filter(~named)
    assert lost.select("name", "fate", "detail").unique().rows() in ([], [("", "unknown", "no name")])
    assert sum("no name" in note for note in told.notes) == any(gone)
    if any(gone):
        assert any(note.startswith(f"{sum(gone)} gene") for note in told.notes)


def test_an_index_that_holds_missing_names(release: homodb.Release) -> None:
    names: list[Any] = [*MOUSE, None, None]
    adata = anndata.AnnData(np.ones((2, len(names)), np.float32))
    adata.var.index = pd.Index(names)
    if adata.var_names[-1] in ("nan", "None"):
        pytest.skip("this version of pandas or anndata made text of it")
    made, told = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert made[:, "GCG"].X.ravel().tolist() == [1.0, 1.0]
    assert told.fates.tail(2)["fate"].to_list() == ["unknown", "unknown"]


@pytest.mark.slow
@pytest.mark.parametrize("container", CONTAINERS)
def test_questions_with_missing_names(release: homodb.Release, container: str) -> None:
    names = CONTAINERS[container](["Ins1", None, "Tnf"])
    found = release.orthologs(names, source="mouse", target="human")
    assert found["target_symbol"].to_list() == ["INS", None, "TNF"] and found["resolved_as"][1] == "unknown"
    lists = homodb.translate_genes(names, to="human", source="mouse", release=release)
    assert lists["target"].to_list() == ["INS", None, "TNF"]
    assert lists.row(1, named=True)["detail"] == "no name"


def test_wanted_genes_and_markers_that_are_missing(release: homodb.Release) -> None:
    adata = anndata.AnnData(np.ones((2, 3), np.float32), var=pd.DataFrame(index=["Ins1", "Tnf", "nan"]))
    wanted, markers = pd.Series(["TNF", None, "INS"]), pd.Series(["Tnf", None])
    made, told = homodb.translate(
        adata,
        "human",
        source="mouse",
        release=release,
        genes=wanted,
        markers=markers,
        return_report=True,
    )
    assert made.var_names.tolist() == ["TNF", "INS"] and told.markers.height == 1


@pytest.mark.parametrize("kind", ["Int64", "boolean", "string", "category", "Float64", "datetime64[ns]", object])
def test_groups_of_a_column_that_misses_some(release: homodb.Release, kind: Any) -> None:
    adata = anndata.AnnData(np.ones((4, 3), np.float32), var=pd.DataFrame(index=["Ins1", "Tnf", "Zz"]))
    adata.obs["group"] = pd.Series([1, None, 0, 1], index=adata.obs_names).astype(kind)
    told = homodb.translate(adata, "human", source="mouse", release=release, groupby="group", return_report=True)[1]
    groups = dict(told.groups.select("group", "cells").iter_rows())
    assert groups.pop("") == 1 and sorted(groups.values()) == [1, 2]


def test_join_knows_no_gene_and_no_label_called_nan(release: homodb.Release) -> None:
    human = anndata.AnnData(
        np.ones((3, 3), np.float32), var=pd.DataFrame({"gene": ["TNF", "GCG", None]}, index=list("abc"))
    )
    mouse = anndata.AnnData(
        np.ones((2, 3), np.float32), var=pd.DataFrame({"gene": ["Ins1", None, "Tnf"]}, index=list("abc"))
    )
    human.obs["cell_type"] = pd.Series(["beta", None, "alpha"], index=human.obs_names)
    mouse.obs["cell_type"] = pd.Series(["beta", None], index=mouse.obs_names)
    joined, told = homodb.join(
        [human, mouse],
        species=["human", "mouse"],
        column="gene",
        release=release,
        shared_types="cell_type",
        return_report=True,
    )
    assert joined.obs["cell_type"].tolist() == ["beta", "beta"] and joined.n_vars == 1
    assert sum("1 gene has no name" in note for note in told.notes) == 2
    whole = homodb.join([human, mouse], species=["human", "mouse"], column="gene", release=release)
    assert whole.obs["cell_type"].isna().tolist() == [False, True, False, False, True]
