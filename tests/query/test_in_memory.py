"""Objects that are lazy, or views of such, give what the same objects in memory give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.query.cells import is_lazy, values_of

pytestmark = pytest.mark.versions

array = pytest.importorskip("dask.array", reason="needs dask (pip install 'homodb[scale]')")

GENES = {
    "human": ["INS", "GCG", "TNF", "FCER1A", "VWF", "MT-ND1", "RPLP0", "ORPH1"],
    "mouse": ["Ins1", "Gcg", "Tnf", "Fcer1a", "Vwf", "mt-Nd1", "Rplp0", "Orph9"],
}
CELLS = 40
FORMS = {
    "dense": np.asarray, "half": lambda counts: counts.astype(np.float16), "csr": sp.csr_matrix, "csc": sp.csc_matrix,
    "array": sp.csr_array,
}  # fmt: skip


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells_of(species: str, form: str = "csr") -> anndata.AnnData:
    """Cells of two types, which genes tell apart; names of genes stand in a column of var."""
    rng = np.random.default_rng(len(species))
    kind = np.arange(CELLS) % 2
    rate = np.where(kind[:, None] == np.arange(len(GENES[species])) % 2, 9, 1)
    counts = rng.poisson(rate).astype(np.float32)
    obs = pd.DataFrame({"cell_type": pd.Categorical.from_codes(kind, ["a", "b"])}, [f"c{one}" for one in range(CELLS)])
    obs["donor"] = [f"donor {one % 4}" for one in range(CELLS)]
    var = pd.DataFrame({"gene": GENES[species]}, index=[f"row{one}" for one in range(len(GENES[species]))])
    adata = anndata.AnnData(FORMS[form](counts), obs=obs, var=var)
    adata.layers["counts"] = adata.X.copy()
    adata.obsm["spatial"] = rng.normal(size=(CELLS, 2))
    adata.uns["made"] = {"table": pd.DataFrame({"x": [1, 2]}), "numbers": np.arange(3)}
    return adata


def values(matrix: Any) -> np.ndarray:
    held = values_of(matrix)
    return held.toarray() if sp.issparse(held) else np.asarray(held)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    form=st.sampled_from(list(FORMS)), rows=st.lists(st.integers(0, CELLS - 1), min_size=1, unique=True),
    columns=st.lists(st.integers(0, 7), min_size=1, unique=True), again=st.booleans(),
)  # fmt: skip
def test_views_of_lazy_objects_stay_lazy(
    release: homodb.Release, form: str, rows: list[int], columns: list[int], again: bool
) -> None:
    columns = [0, *(one for one in columns if one)]  # one gene at least can be translated
    plain = cells_of("mouse", form)
    lazy = plain.copy()
    lazy.X, lazy.layers["counts"] = (array.from_array(plain.X, chunks=(7, -1), asarray=False) for _ in range(2))
    view = lazy[rows][:, columns] if again else lazy[rows, columns]
    assert view.is_view and is_lazy(view.X)
    asked: dict[str, Any] = {"to": "human", "source": "mouse", "release": release, "column": "gene", "force": True}
    made, wanted = homodb.translate(view, **asked), homodb.translate(plain[rows, columns].copy(), **asked)
    for matrix in (made.X, made.layers["counts"]):
        assert is_lazy(matrix)
        assert (values(matrix) == values(wanted.X)).all()
        assert matrix.dtype == wanted.X.dtype
    assert made.var.equals(wanted.var) and made.obs.equals(wanted.obs)


@pytest.mark.parametrize("policy", ["sum", "mean", "max"])
def test_half_precision(release: homodb.Release, policy: str) -> None:
    half, single = cells_of("mouse", "half"), cells_of("mouse", "dense")
    half.raw = half
    asked: dict[str, Any] = {"source": "mouse", "release": release, "column": "gene", "many_to_one": policy}
    made, wanted = homodb.translate(half, "human", **asked), homodb.translate(single, "human", **asked)
    assert made.X.dtype == np.float32
    for matrix in (made.X, made.layers["counts"], made.raw.X):
        assert (matrix == wanted.X).all()


def test_half_precision_where_counts_are_needed(release: homodb.Release) -> None:
    both = [[cells_of(species, form) for species in GENES] for form in ("half", "dense")]
    asked: dict[str, Any] = {"species": list(GENES), "release": release, "column": "gene"}
    made, wanted = (homodb.join(objects, **asked) for objects in both)
    assert made.X.dtype == np.float32 and (made.X == wanted.X).all()
    found, same = (homodb.markers(objects, donor_key="donor", **asked) for objects in both)
    assert found.table.equals(same.table)
    labelled, other = (annotated(release, *objects) for objects in both)
    assert labelled.obs.equals(other.obs)
    embedded, exact = integrated(joint("half")), integrated(joint("dense"))
    assert (embedded.obsm["X_pca"] == exact.obsm["X_pca"]).all()


def annotated(release: homodb.Release, reference: anndata.AnnData, query: anndata.AnnData) -> anndata.AnnData:
    return homodb.annotate(
        query, reference, label_key="cell_type", source="mouse", reference_species="human", column="gene",
        reference_column="gene", release=release, k=3,
    )  # fmt: skip


def integrated(cells: anndata.AnnData) -> anndata.AnnData:
    return homodb.integrate(
        cells, method="none", n_features=60, n_components=4, dims=4, k_anchor=2, k_score=5, k_weight=5, k_neighbors=5,
        clustering="none",
    )  # fmt: skip


def joint(form: str) -> anndata.AnnData:
    """Cells of two species over the same features."""
    counts = np.random.default_rng(3).poisson(np.linspace(0.5, 9, 80), (2 * CELLS, 80)).astype(np.float32)
    obs = pd.concat([cells_of(species).obs for species in GENES], ignore_index=True).set_index(
        pd.Index([f"c{one}" for one in range(2 * CELLS)])
    )
    adata = anndata.AnnData(FORMS[form](counts), obs=obs)
    adata.obs["species"] = np.repeat(list(GENES), CELLS)
    return adata


@pytest.fixture(params=[".h5ad", ".zarr"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, tuple[Any, Any]]:
    """By species: an object as it is read lazily, and in memory."""
    pytest.importorskip("xarray", reason="read_lazy needs xarray")
    from anndata.experimental import read_lazy

    found = {}
    for species, form in zip(GENES, ("csr", "dense"), strict=True):
        adata = cells_of(species, form)
        adata.raw = adata
        path = tmp_path / f"{species}{request.param}"
        (adata.write_zarr if path.suffix == ".zarr" else adata.write_h5ad)(path)
        found[species] = (read_lazy(path), adata)
    return found


@pytest.mark.slow
def test_translate_reads_tables_and_leaves_matrices(
    release: homodb.Release, stored: dict[str, tuple[Any, Any]], tmp_path: Path
) -> None:
    lazy, plain = stored["mouse"]
    asked: dict[str, Any] = {
        "to": "human",
        "release": release,
        "column": "gene",
        "source": "mouse",
        "groupby": "cell_type",
    }
    for one, other in ((lazy, plain), (lazy[3:9], plain[3:9].copy())):
        made, wanted = homodb.translate(one, **asked), homodb.translate(other, **asked)
        assert all(map(is_lazy, (made.X, made.layers["counts"], made.raw.X)))
        for name in ("obs", "var"):
            pd.testing.assert_frame_equal(getattr(made, name), getattr(wanted, name), check_dtype=False)
        assert (values(made.X) == values(wanted.X)).all() and (values(made.raw.X) == values(wanted.raw.X)).all()
        assert made.uns["made"]["table"].equals(wanted.uns["made"]["table"])
        assert (values(made.obsm["spatial"]) == wanted.obsm["spatial"]).all()
    assert not isinstance(lazy.obs, pd.DataFrame), "the object itself is not changed"
    made.write_h5ad(tmp_path / "made.h5ad")
    assert (values(anndata.read_h5ad(tmp_path / "made.h5ad").X) == values(wanted.X)).all()


@pytest.mark.slow
def test_everything_else_reads_lazy_objects(release: homodb.Release, stored: dict[str, tuple[Any, Any]]) -> None:
    lazy, plain = zip(*stored.values(), strict=True)
    asked: dict[str, Any] = {"species": list(GENES), "release": release, "column": "gene"}
    made, wanted = homodb.join(lazy, **asked), homodb.join(plain, **asked)
    assert (values(made.X) == values(wanted.X)).all()
    pd.testing.assert_frame_equal(made.obs, wanted.obs)
    assert homodb.markers(lazy, **asked).table.equals(homodb.markers(plain, **asked).table)
    labelled, other = annotated(release, *lazy), annotated(release, *plain)
    pd.testing.assert_frame_equal(labelled.obs, other.obs, check_dtype=False)
    assert not is_lazy(labelled.X)
    found, same = (homodb.evaluate(one, truth="cell_type", n_resamples=10) for one in (labelled, other))
    assert repr(found.numbers) == repr(same.numbers)  # some are NaN


def test_a_joint_object_that_is_lazy(tmp_path: Path) -> None:
    pytest.importorskip("xarray", reason="read_lazy needs xarray")
    from anndata.experimental import read_lazy

    integrated(joint("csr")).write_h5ad(tmp_path / "joint.h5ad")
    lazy, plain = read_lazy(tmp_path / "joint.h5ad"), anndata.read_h5ad(tmp_path / "joint.h5ad")
    again, wanted = integrated(lazy), integrated(plain)
    assert (again.obsm["X_pca"] == wanted.obsm["X_pca"]).all() and isinstance(again.obs, pd.DataFrame)
    asked: dict[str, Any] = {"profile": "cross-species", "n_resamples": 5}
    assert repr(homodb.score(lazy, **asked).flat()) == repr(homodb.score(plain, **asked).flat())  # some are NaN
    assert homodb.markers(lazy).table.equals(homodb.markers(plain).table)
