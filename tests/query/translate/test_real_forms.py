"""The real islet cells in every form, file and in memory; genes renamed by a known map and brought back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.translate import translate_file

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def release(real_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(real_folder) as opened:
        yield opened


def written(adata: anndata.AnnData, path: Path) -> Path:
    adata.write_zarr(path) if path.suffix == ".zarr" else adata.write_h5ad(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("file", "target"), [("baron_mouse_822", "human"), ("baron_human_175", "mouse")])
def test_every_form_gives_the_same(
    release: homodb.Release, shared_data: Path, file: str, target: str, tmp_path: Path
) -> None:
    path = shared_data / "cells" / f"{file}.h5ad"
    adata = anndata.read_h5ad(path)
    expected, report = homodb.translate(adata, target, release=release, groupby="cell_type", return_report=True)
    small = adata[:60].copy()
    dense, csc = small.copy(), small.copy()
    dense.X, csc.X = small.X.toarray(), sp.csc_matrix(small.X)
    forms = [
        (path, "a.h5ad", None, len(adata)), (path, "a.h5ad", 100, len(adata)), (path, "a.zarr", None, len(adata)),
        (written(dense, tmp_path / "dense.h5ad"), "b.h5ad", 7, 60),
        (written(csc, tmp_path / "csc.h5ad"), "b.h5ad", 7, 60),
        (written(csc, tmp_path / "csc.zarr"), "b.zarr", None, 60),
    ]  # fmt: skip
    for incoming, outgoing, block, cells in forms:
        output = tmp_path / outgoing
        told = translate_file(incoming, output, target, release=release, block=block, groupby="cell_type")
        result = anndata.read_zarr(output) if output.suffix == ".zarr" else anndata.read_h5ad(output)
        values = result.X if sp.issparse(result.X) else sp.csr_matrix(result.X)
        assert (values != expected.X[:cells]).nnz == 0 and result.X.dtype == np.int32
        assert result.var_names.equals(expected.var_names) and result.obs.equals(adata[:cells].obs)
        if cells == len(adata):
            assert told.fates.equals(report.fates) and told.groups.equals(report.groups)
    again = homodb.translate(dense, target, release=release)
    assert (expected.X[:60].toarray() == again.X).all()


def test_up_to_date_symbols_are_the_identity_but_for_names(release: homodb.Release, shared_data: Path) -> None:
    adata = anndata.read_h5ad(shared_data / "cells" / "baron_human_175.h5ad")
    result, report = homodb.translate(adata, "human", source="human", release=release, return_report=True)
    assert result.n_vars + report.summed >= adata.n_vars - report.summed
    first = {name: place for place, name in reversed(list(enumerate(adata.var_names)))}
    alone = result.var["homodb_sources"].to_numpy() == 1
    order = [first[name] for name in result.var["homodb_source"][alone]]
    assert (result.X[:, np.flatnonzero(alone)] != adata.X[:, order]).nnz == 0 and order == sorted(order)
    assert result.X.sum() == adata.X.sum() and report.by_fate()["genes"].sum() == adata.n_vars


@pytest.mark.slow
def test_a_planted_permutation_is_undone(release: homodb.Release, shared_data: Path) -> None:
    """Genes renamed and shuffled by a known one-to-one map come back cell by cell: so do neighbours."""
    adata = anndata.read_h5ad(shared_data / "cells" / "baron_human_175.h5ad")
    pairs = release.orthologs(source="human", target="mouse", strategy="hm_o2o")
    named = pairs.select("source_symbol", "target_symbol").drop_nulls().unique("target_symbol", keep="none")
    known = dict(named.iter_rows())
    there = [name for name in adata.var_names if name in known]
    assert len(there) > 10_000
    rng = np.random.default_rng(0)
    order = rng.permutation(len(there))
    planted = anndata.AnnData(
        adata[:, there].X[:, order], obs=adata.obs, var=pd.DataFrame(index=[known[there[place]] for place in order])
    )
    back = homodb.translate(planted, "human", source="mouse", strategy="hm_o2o", release=release)
    assert back.n_vars > 0.999 * len(there)
    returned = set(back.var_names)
    shared = [name for name in there if name in returned]
    assert (back[:, shared].X != adata[:, shared].X).nnz == 0
    assert back.obs["cell_type"].equals(adata.obs["cell_type"])
    assert (neighbours(back[:, shared].X) == neighbours(adata[:, shared].X)).all()


def neighbours(counts: Any) -> np.ndarray:
    values = np.log1p(counts.toarray() / np.asarray(counts.sum(axis=1)) * 1e4)
    apart = ((values[:, None, :500] - values[None, :, :500]) ** 2).sum(axis=2)
    return np.argsort(apart, axis=1, kind="stable")[:, :10]


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        {"one_to_many": "split"}, {"many_to_one": "mean"},
        {"many_to_one": "max"}, {"evidence": "+lm_orphan"},
        {"keep_unmapped": True}, {"min_identity": 80, "missing": "drop"},
    ],
    ids=str,
)  # fmt: skip
def test_policies_on_real_cells(
    release: homodb.Release, shared_data: Path, choices: dict[str, Any], tmp_path: Path
) -> None:
    path = shared_data / "cells" / "baron_mouse_822.h5ad"
    adata = anndata.read_h5ad(path)
    result, report = homodb.translate(adata, "human", release=release, **choices, return_report=True)
    mapped = (report.fates["fate"] == "mapped").to_numpy()
    if "one_to_many" in choices:
        assert pytest.approx(adata.X[:, mapped].sum(axis=1).A1, rel=1e-12) == result.X.sum(axis=1).A1
    if "many_to_one" in choices:
        two = adata[:, ["Ins1", "Ins2"]].X.toarray()
        expected = two.mean(axis=1) if choices["many_to_one"] == "mean" else two.max(axis=1)
        assert (result[:, "INS"].X.toarray().ravel() == expected).all()
    if "keep_unmapped" in choices:
        assert result.X.sum() == adata.X.sum() and "mouse:Xist" in result.var_names
    translate_file(path, tmp_path / "out.h5ad", "human", release=release, block=111, **choices)
    assert (anndata.read_h5ad(tmp_path / "out.h5ad").X != result.X).nnz == 0
