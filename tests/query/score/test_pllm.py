"""Profile pllm: against R on Seurat's embedding and clusters, at chance, on perfect cells, and on merged types."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from homodb.query.score import CELLS_ONLY, SCORES, Embedded, ProfileScores, in_all_species, measure, pllm
from homodb.schema.errors import ScoreError
from tests import messages

pytest.importorskip("igraph", reason="the extra cells is not installed")

#: Names of the reference's own scores in metrics.json.
REFERENCE = {
    "nmi": "nmi", "ari": "ari", "asw": "asw", "clisi": "norm_clisi", "f1_macro": "macro_f1", "f1_micro": "micro_f1",
    "f1_weighted": "weighted_f1",
}  # fmt: skip


def values(part: ProfileScores) -> dict[str, float]:
    return {name: one.value for name, one in part.numbers.items()}


def drawn(make, seed: int = 0, *, shuffled: bool = False, merged: bool = False, cells: int = 300) -> Embedded:  # type: ignore[no-untyped-def]
    """Four types in two species, far apart; or with labels that mean nothing; or with two types in one place."""
    rng = np.random.default_rng(seed)
    code = np.arange(cells) % 4
    places = 12 * np.eye(6)
    if merged:
        places[3] = places[2]
    points = rng.normal(0, 1, (cells, 6)) + places[code]
    species = np.array(["human", "mouse"])[(np.arange(cells) // 4) % 2]
    label = rng.permutation(code) if shuffled else code
    return make(points, [f"type {one}" for one in label], species.tolist())


@pytest.mark.shared
def test_the_reference_on_seurats_embedding_and_clusters(shared_data: Path) -> None:
    folder = shared_data / "seurat"
    cells = pd.read_csv(folder / "cells.tsv.gz", sep="\t")
    points = pd.read_csv(folder / "integrated.tsv.gz", sep="\t", index_col=0).loc[cells.cell].to_numpy()[:, :30]
    label = np.unique(cells.cell_type, return_inverse=True)[1]
    measured, resolution = measure(np.ascontiguousarray(points), label, cells.cluster.to_numpy().astype(np.int64))
    found = dict(zip(SCORES, measured.scores(np.ones(len(cells))).tolist(), strict=True))
    wanted = json.loads((folder / "metrics.json").read_text())
    for ours, theirs in REFERENCE.items():
        assert found[ours] == pytest.approx(wanted[theirs], abs=1e-6), ours
    assert np.isnan(resolution)
    # no alpha cell is in the cluster that the assignment leaves to alpha: the reference's mean is over four types
    assert found["f1_macro_all"] == pytest.approx(wanted["macro_f1"] * 4 / 5, abs=1e-6)


@pytest.mark.shared
def test_from_seurats_embedding_to_scores(shared_data: Path) -> None:
    import anndata

    from homodb.query.score import score

    folder = shared_data / "seurat"
    obs = pd.concat(
        [anndata.read_h5ad(shared_data / "cells" / f"baron_{one}.h5ad").obs for one in ("human_175", "mouse_822")]
    )
    points = pd.read_csv(folder / "integrated.tsv.gz", sep="\t", index_col=0)
    obs = obs.assign(species=np.repeat(["human", "mouse"], [175, 822])).set_index(points.index)
    adata = anndata.AnnData(obs=obs, obsm={"X_cca": points.to_numpy()})
    found = score(adata, key="cca", donor_key="donor", profile="pllm", n_resamples=20)
    flat, wanted = found.flat(), json.loads((folder / "metrics.json").read_text())
    assert found.intervals == CELLS_ONLY
    assert flat["pllm_cells"] == 633 and flat["pllm_cells_left_out"] == 364 and flat["pllm_types"] == 5
    assert flat["pllm_resolution"] == wanted["resolution"] and flat["pllm_clusters"] == wanted["clusters"]
    assert flat["pllm_asw"] == pytest.approx(wanted["asw"], abs=1e-12)
    assert flat["pllm_clisi"] == pytest.approx(wanted["norm_clisi"], abs=1e-6)
    # igraph's Louvain is not Seurat's: 10 of 633 cells fall into another cluster
    assert flat["pllm_nmi"] == pytest.approx(wanted["nmi"], abs=0.02)
    assert any("alpha" in one and "f1_macro" in one for one in found.parts["pllm"].notes)


def test_a_perfect_integration(make) -> None:  # type: ignore[no-untyped-def]
    found = values(pllm(drawn(make), n_resamples=0))
    exact = [name for name in SCORES if name not in ("asw", "clisi")]
    assert {name: found[name] for name in exact} == pytest.approx(dict.fromkeys(exact, 1.0))
    assert found["asw"] > 0.75 and found["f1_unmatched_cells"] == 0 and found["clusters"] == found["types"] == 4


def test_types_in_four_points_are_perfect_in_everything(make) -> None:  # type: ignore[no-untyped-def]
    code = np.repeat(np.arange(4), 95)
    points = np.eye(4)[code] + np.random.default_rng(0).normal(0, 1e-9, (380, 4))
    cells = make(points, [f"type {one}" for one in code], np.array(["human", "mouse"])[np.arange(380) % 2].tolist())
    assert values(pllm(cells, n_resamples=0)) | {"resolution": 0} == pytest.approx(
        dict.fromkeys(SCORES, 1.0)
        | {"f1_unmatched_cells": 0, "cells": 380, "cells_left_out": 0, "types": 4, "clusters": 4, "resolution": 0},
        abs=1e-6,
    )


def test_labels_that_mean_nothing_score_at_chance(make) -> None:  # type: ignore[no-untyped-def]
    found = [values(pllm(drawn(make, seed, shuffled=True), n_resamples=0)) for seed in range(4)]
    mean = {name: float(np.mean([one[name] for one in found])) for name in SCORES}
    # the nearest of three other types is a little nearer by chance alone: silhouettes fall below 0
    assert abs(mean["ari"]) < 0.01 and mean["nmi"] < 0.03 and -0.1 < mean["asw"] < 0
    # the best of 24 assignments is a little above a quarter; LISI sees almost all four types
    assert mean["f1_micro_all"] < 0.33 and mean["clisi"] < 0.2


def test_two_types_in_one_place_are_caught(make) -> None:  # type: ignore[no-untyped-def]
    apart, merged = (values(pllm(drawn(make, merged=one, cells=160), n_resamples=0)) for one in (False, True))
    for name in ("nmi", "ari", "clisi", "asw", "f1_macro_all", "f1_micro_all", "f1_weighted_all"):
        assert merged[name] < apart[name] - 0.05, name


def test_types_that_one_species_lacks_are_left_out(draw) -> None:  # type: ignore[no-untyped-def]
    cells = draw(0, lone=True, cells=400)
    kept = in_all_species(cells)
    assert np.array_equal(kept, cells.label.code != 3)
    found = pllm(cells, n_resamples=0)
    assert found.numbers["cells_left_out"].value == int((cells.label.code == 3).sum()) > 0
    assert found.numbers["types"].value == 3 and any("type 3" in note for note in found.notes)
    again = pllm(cells.subset(kept), n_resamples=0)
    assert {n: one for n, one in values(again).items() if n != "cells_left_out"} == {
        n: one for n, one in values(found).items() if n != "cells_left_out"
    }


def test_the_same_again_and_the_baseline_beside(draw) -> None:  # type: ignore[no-untyped-def]
    now, before = draw(1), draw(1, apart=15)
    one, two = (pllm(now, before, n_resamples=20, random_state=3) for _ in range(2))
    assert one.numbers == two.numbers and all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    alone = pllm(before, n_resamples=0)
    for name in (*SCORES, "clusters", "resolution"):
        assert one.numbers[name].baseline == alone.numbers[name].value, name
    for name in SCORES:
        number = one.numbers[name]
        assert number.low is not None and number.high is not None and number.low <= number.value <= number.high
    assert one.numbers["ari"].value > (one.numbers["ari"].baseline or 0)


def test_per_type_adds_up(draw) -> None:  # type: ignore[no-untyped-def]
    found = pllm(draw(2, cells=300), n_resamples=0)
    table = found.tables["cell types"]
    for name in ("asw", "clisi"):
        assert float((table[name] * table["cells"]).sum() / 300) == pytest.approx(found.numbers[name].value)
    crossed = found.tables["cells by type and cluster"]
    assert int(crossed.drop("cell_type").sum_horizontal().sum()) == 300


def test_what_cannot_be_scored(make, draw) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    points, species = rng.normal(size=(200, 4)), ["human"] * 100 + ["mouse"] * 100
    with pytest.raises(ScoreError, match=messages.Score.two_cell_types_all_species):
        pllm(make(points, ["a"] * 50 + ["b"] * 50 + ["A"] * 50 + ["B"] * 50, species))
    with pytest.raises(ScoreError, match=messages.Score.they_share):
        pllm(make(points, (["a"] * 50 + ["b"] * 50) + ["a"] * 50 + ["B"] * 50, species))
    with pytest.raises(ScoreError, match=messages.Score.neighbours_60_cells):
        pllm(draw(0, cells=60))
