"""Real cells that are part of homodb."""

from __future__ import annotations

from pathlib import Path

import anndata
import pytest

import homodb
from tests.conftest import ROOT, SHARED


def test_islets() -> None:
    human, mouse = homodb.datasets.islets()
    assert human.shape[0] == mouse.shape[0] == 150
    assert human.obs["cell_type"].value_counts().to_dict() == dict.fromkeys(
        ("activated_stellate", "alpha", "beta", "delta", "macrophage"), 30
    )
    assert human.obs["donor"].nunique() == 4 and mouse.obs["donor"].nunique() == 1
    assert set(mouse.obs["cell_type"]) - set(human.obs["cell_type"]) == {"ductal", "endothelial"}
    for adata in (human, mouse):
        assert adata.var_names.is_unique and adata.obs_names.is_unique
        assert (adata.X.data > 0).all() and (adata.X.sum(0) > 0).all()
    size = sum(path.stat().st_size for path in (ROOT / "query" / "data").iterdir())
    assert size < 1_000_000


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.parametrize(("species", "name"), [("human", "baron_human_175"), ("mouse", "baron_mouse_822")])
def test_islets_are_a_cut_of_the_cells(species: str, name: str, tmp_path: Path) -> None:
    cut = getattr(homodb.datasets.islets(), species)
    whole = anndata.read_h5ad(SHARED / "cells" / f"{name}.h5ad")[cut.obs_names]
    assert whole.X.sum() == cut.X.sum() and (whole[:, cut.var_names].X != cut.X).nnz == 0
    for column in cut.obs:
        assert (whole.obs[column].astype(str) == cut.obs[column].astype(str)).all()
    cut.write_h5ad(tmp_path / "cut.h5ad")
    assert anndata.read_h5ad(tmp_path / "cut.h5ad").shape == cut.shape
