"""Every function that takes cells takes an AnnData, a str or a Path, and refuses anything else in one way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

import homodb
from homodb.errors import HomodbError, JoinError, TranslationError
from tests.messages import Cells as Messages

Given = Callable[[ad.AnnData, Path], Any]

#: What a user may name for the same cells.
FORMS: dict[str, Given] = {
    "AnnData": lambda adata, path: adata,
    "str": lambda adata, path: str(path),
    "Path": lambda adata, path: path,
    "backed": lambda adata, path: ad.read_h5ad(path, backed="r"),
}
#: What is not cells.
OTHERS: dict[str, Any] = {
    "pandas": pd.DataFrame({"INS": [1]}), "polars": pl.DataFrame({"INS": [1]}), "array": np.ones((2, 2)),
    "sparse": sp.csr_matrix((2, 2)), "None": None, "number": 3, "bytes": b"a.h5ad",
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The islet cells of both species in files."""
    folder = tmp_path_factory.mktemp("cells")
    for name, adata in homodb.datasets.islets()._asdict().items():
        adata.write_h5ad(folder / f"{name}.h5ad")
    return {name: folder / f"{name}.h5ad" for name in ("human", "mouse")}


@pytest.fixture(params=FORMS)
def given(request: pytest.FixtureRequest, files: dict[str, Path]) -> Callable[[str], Any]:
    """A way to name the cells of a species."""
    return lambda name: FORMS[request.param](homodb.datasets.islets()._asdict()[name], files[name])


def equal(one: Any, two: Any) -> bool:
    return bool((sp.csr_matrix(one) != sp.csr_matrix(two)).nnz == 0)


@pytest.mark.slow
def test_translate(given: Callable[[str], Any]) -> None:
    expected = homodb.translate(homodb.datasets.islets().mouse, "human", release="starter")
    assert equal(homodb.translate(given("mouse"), "human", release="starter").X, expected.X)


@pytest.mark.slow
def test_inspect(given: Callable[[str], Any], files: dict[str, Path]) -> None:
    summary, expected = (
        homodb.inspect(given("mouse"), release="starter"),
        homodb.inspect(files["mouse"], release="starter"),
    )
    left, right = summary.totals(), expected.totals()
    assert {**left, "path": None} == {**right, "path": None}
    assert "150 cells" in str(summary)


@pytest.mark.slow
def test_join_takes_a_list_or_a_mapping(given: Callable[[str], Any]) -> None:
    human, mouse = given("human"), given("mouse")
    joined = homodb.join([human, mouse], species=["human", "mouse"], release="starter")
    by_name = homodb.join({"human": human, "mouse": mouse}, release="starter")
    assert list(by_name.obs["species"].unique()) == ["human", "mouse"]
    assert list(by_name.obs["source_file"].unique()) == ["human", "mouse"]
    assert equal(joined.X, by_name.X)


@pytest.mark.slow
def test_integrate_joins_first(files: dict[str, Path]) -> None:
    pytest.importorskip("igraph")
    choices = {"method": "none", "n_features": 300, "n_components": 10, "dims": 5, "clustering": "none"}
    joined = homodb.join([files["human"], files["mouse"]], species=["human", "mouse"], release="starter")
    expected = homodb.integrate(joined, **choices)
    for several in (
        [files["human"], str(files["mouse"])], {"human": homodb.datasets.islets().human, "mouse": files["mouse"]},
    ):  # fmt: skip
        species = None if isinstance(several, dict) else ["human", "mouse"]
        integrated = homodb.integrate(several, species=species, strategy="hm_o2o", release="starter", **choices)
        np.testing.assert_allclose(integrated.obsm["X_pca"], expected.obsm["X_pca"])
    with pytest.raises(HomodbError, match=Messages.one_object) as error:
        homodb.integrate(joined, strategy="hm_o2o")
    assert error.value.option == "strategy"


@pytest.mark.slow
def test_annotate_evaluate_markers(given: Callable[[str], Any], tmp_path: Path) -> None:
    labelled, report = homodb.annotate(
        given("mouse"), given("human"), label_key="cell_type", release="starter", return_report=True
    )
    assert report.cells == 150
    labelled.write_h5ad(tmp_path / "labelled.h5ad")
    whole = homodb.evaluate(labelled, truth="cell_type")
    assert homodb.evaluate(str(tmp_path / "labelled.h5ad"), truth="cell_type").totals() == whole.totals()
    table = homodb.markers({"human": given("human"), "mouse": given("mouse")}, release="starter").table
    assert table.equals(
        homodb.markers([given("human"), given("mouse")], species=["human", "mouse"], release="starter").table
    )


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("function", ["translate", "inspect", "annotate", "score", "evaluate", "integrate", "markers"])
def test_anything_else_is_one_clear_error(function: str, what: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "translate": {"to": "human"}, "evaluate": {"truth": "a"}, "annotate": {"reference": None, "label_key": "a"},
    }  # fmt: skip
    with pytest.raises(TranslationError, match=Messages.cells_are):
        getattr(homodb, function)(OTHERS[what], **more.get(function, {}))


@pytest.mark.parametrize("what", ["pandas", "polars"])
def test_a_data_frame_has_no_modalities(what: str) -> None:
    """A data frame of pandas has a method ``mod``, as MuData has an attribute."""
    with pytest.raises(TranslationError, match=Messages.make_one_of_it):
        homodb.inspect(OTHERS[what])


@pytest.mark.parametrize("function", ["translate", "inspect", "annotate", "score", "evaluate"])
def test_a_list_is_not_one_object(function: str, files: dict[str, Path]) -> None:
    more: dict[str, dict[str, Any]] = {
        "translate": {"to": "human"}, "evaluate": {"truth": "a"}, "annotate": {"reference": None, "label_key": "a"},
    }  # fmt: skip
    with pytest.raises(TranslationError, match=Messages.one_at_a_time):
        getattr(homodb, function)([files["human"], files["mouse"]], **more.get(function, {}))


def test_join_refuses_frames_and_species_named_twice(files: dict[str, Path]) -> None:
    with pytest.raises(TranslationError, match=Messages.cells_are):
        homodb.join([files["human"], OTHERS["pandas"]])
    with pytest.raises(JoinError):
        homodb.join({"human": files["human"]})
    with pytest.raises(TranslationError, match=Messages.named_twice) as error:
        homodb.join(files, species=["human", "mouse"])
    assert error.value.option == "species"


@pytest.mark.parametrize(("name", "content"), [
    ("cells.csv", b"gene,a\nINS,1\n"), ("cells.rds", b"\x1f\x8b\x08\x00"), ("empty.h5ad", b""),
    ("cells.loom", b"\x89HDF\r\n\x1a\n"),
])  # fmt: skip
@pytest.mark.parametrize("function", ["translate", "inspect", "integrate", "score"])
def test_a_file_of_another_kind_is_one_clear_error(function: str, name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TranslationError, match=name):
        getattr(homodb, function)(str(tmp_path / name), **({"to": "human"} if function == "translate" else {}))


@pytest.mark.slow
def test_what_was_carried_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    human, mouse = homodb.datasets.islets()
    with caplog.at_level("INFO", logger="homodb"):
        _, report = homodb.translate(mouse, "human", release="starter", return_report=True)
        homodb.join({"human": human, "mouse": mouse}, release="starter")
    lines = [record.getMessage() for record in caplog.records if record.name == "homodb"]
    assert [line.partition(":")[0] for line in lines] == ["translate", "join"]
    assert f"{report.carried():.1%} of the counts" in lines[0]
    assert all("\n" not in line for line in lines)


def test_steps_reach_a_callback() -> None:
    human, mouse = homodb.datasets.islets()
    steps: list[Any] = []
    homodb.translate(mouse, "human", release="starter", progress=steps.append)
    assert steps and steps[-1].done == steps[-1].total
    names: list[str] = []
    joined = homodb.join({"human": human, "mouse": mouse}, release="starter")
    homodb.integrate(
        joined, method="none", n_features=300, n_components=10, dims=5, clustering="none", progress=names.append
    )
    assert "reading counts" in names
