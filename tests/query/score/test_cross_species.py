"""The whole profile: what it gives, says and refuses; and the islets, where Seurat merges a type away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from homodb.query.score import Embedded, ProfileScores, cross_species
from homodb.schema.errors import ScoreError
from tests import messages

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def numbers(part: ProfileScores) -> dict[str, float]:
    return {name: one.value for name, one in part.numbers.items()}


def test_a_perfect_embedding(draw):
    part = cross_species(draw(0, lone=True, cells=600), draw(0, lone=True, cells=600, apart=30), n_resamples=10)
    found = numbers(part)
    for name in ("balanced_accuracy", "kappa", "accuracy", "macro_f1"):
        assert found[f"transfer_{name}"] == 1
    assert found["mixing_neighbours"] == pytest.approx(1, abs=0.15)
    assert found["mixing_ilisi"] == pytest.approx(1, abs=0.15)
    assert found["over_merging_neighbours"] == found["over_merging_confident_near"] == 0
    assert found["self_projection"] == 1 and found["alcs"] == 0
    assert part.numbers["mixing_neighbours"].baseline == pytest.approx(0, abs=0.01)
    assert all(one.low is None or one.low <= one.value <= one.high for one in part.numbers.values())
    assert part.numbers["mixing_neighbours"].low < part.numbers["mixing_neighbours"].high


def test_tables_hold_the_numbers_beside_the_baseline(draw):
    part = cross_species(draw(1, lone=True, apart=3), draw(1, lone=True, apart=9), n_resamples=5)
    means = {title: table.filter(pl.col(table.columns[0]) == "mean") for title, table in part.tables.items()}
    for name, title, column in (
        ("mixing_ilisi", "mixing", "ilisi"),
        ("over_merging_confident", "over-merging", "confident"),
        ("transfer_kappa", "label transfer", "kappa"),
        ("self_projection", "self-projection", "accuracy"),
        ("alcs", "self-projection", "loss"),
    ):
        row, number = means[title].row(0, named=True), part.numbers[name]
        assert (row[column], row[f"{column}_low"], row[f"{column}_high"]) == (number.value, number.low, number.high)
        assert row.get(f"{column}_baseline") == number.baseline
    transfer = part.tables["label transfer"]
    assert transfer["called_by"].to_list() == ["neighbours", "majority class", "random pairing"] * 3
    by_type = part.tables["label transfer by cell type"]
    for pair, row in transfer.filter(called_by="neighbours").head(2).group_by("reference", "query"):
        own = by_type.filter(reference=pair[0], query=pair[1])
        assert own["recall"].mean() == pytest.approx(row["balanced_accuracy"][0])
        assert own["cells"].sum() == row["cells"][0]
    assert part.tables["label transfer calls"]["cells"].sum() == 240
    assert not any(table.select(pl.selectors.float().is_nan().any()).to_numpy().any() for table in part.tables.values())


def test_the_same_twice(draw):
    first, second = (cross_species(draw(1, apart=3), draw(1, apart=9), n_resamples=4) for _ in range(2))
    # NaN is not equal to itself; its text is
    assert repr(first.numbers) == repr(second.numbers) and first.notes == second.notes
    assert all(first.tables[title].equals(table) for title, table in second.tables.items())


def test_order_of_cells_does_not_matter_to_what_is_exact(draw):
    cells = draw(1, apart=3, lone=True)
    order = np.random.default_rng(0).permutation(cells.n_cells)

    def moved(one):
        return replace(one, code=one.code[order])

    shuffled = Embedded(cells.points[order], moved(cells.label), moved(cells.species), moved(cells.donor), cells.key)
    one, other = (numbers(cross_species(each, n_resamples=0)) for each in (cells, shuffled))
    exact = [name for name in one if "random" not in name and name not in ("self_projection", "alcs", "mixing_ilisi")]
    assert [one[name] for name in exact] == pytest.approx([other[name] for name in exact])


def test_without_a_baseline_or_donors_or_draws(draw):
    cells = draw(0)
    part = cross_species(replace(cells, donor=None), n_resamples=5)
    assert np.isnan(part.numbers["alcs"].value) and part.numbers["mixing_ilisi"].baseline is None
    assert any("no ALCS" in note for note in part.notes)
    assert any(note.startswith("intervals: cells only") for note in part.notes)
    assert any("over-merging is unknown" in note for note in part.notes)
    part = cross_species(cells, n_resamples=0)
    assert all(one.low is None for one in part.numbers.values())
    assert not any("interval" in note for note in part.notes)


def test_species_without_shared_types(make):
    cells = make(
        np.random.default_rng(0).normal(size=(60, 2)),
        ["x", "y"] * 15 + ["z", "w"] * 15,
        ["a"] * 30 + ["b"] * 30,
    )
    part = cross_species(cells, n_resamples=3)
    assert np.isnan(part.numbers["transfer_kappa"].value) and np.isnan(part.numbers["mixing_ilisi"].value)
    assert {"label transfer is unknown: the species share no cell type"} <= set(part.notes)
    assert part.tables["label transfer by cell type"].height == 0


def test_refused(draw, make):
    few = make(np.zeros((40, 2)), ["x", "y"] * 20, ["a"] * 25 + ["b"] * 15)
    with pytest.raises(ScoreError, match=messages.Score.b_has_15_cells_need):
        cross_species(few)
    with pytest.raises(ScoreError, match=messages.Score.not_same_cells):
        cross_species(draw(0), draw(1))
    with pytest.raises(ScoreError, match=messages.Score.cells_is_not_same_cells):
        cross_species(draw(0, cells=120), draw(0))


@pytest.fixture(scope="module")
def islets(shared_data: Path, make) -> dict[str, Embedded]:
    import anndata
    import pandas as pd

    folder = shared_data / "seurat"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/seurat")
    obs = [
        anndata.read_h5ad(shared_data / "cells" / f"baron_{one}.h5ad", backed="r").obs
        for one in ("human_175", "mouse_822")
    ]
    label, donor = ([value for one in obs for value in one[column]] for column in ("cell_type", "donor"))
    species = ["human"] * 175 + ["mouse"] * 822
    points = {
        name: pd.read_csv(folder / f"{name}.tsv.gz", sep="\t", index_col=0).to_numpy()[:, :30]
        for name in ("integrated", "pca")
    }
    return {name: make(one, label, species, donor) for name, one in points.items()}


@pytest.mark.slow
@pytest.mark.shared
def test_seurat_calls_all_mouse_ductal_cells_alpha(islets):
    part = cross_species(islets["integrated"], islets["pca"], n_resamples=20)
    calls = part.tables["label transfer calls"]
    ductal = calls.filter(reference="human", query="mouse", cell_type="ductal")
    assert ductal.select("call", "cells").rows() == [("alpha", 236)]
    row = part.tables["over-merging"].row(by_predicate=pl.col("cell_type") == "ductal", named=True)
    assert (row["cells"], row["called"]) == (236, "alpha")
    # 233 of 236 by at least 0.8 of the votes, where without integration it is 44
    assert (round(row["confident"] * 236), round(row["confident_baseline"] * 236)) == (233, 44)
    # one mouse donor: no winner
    assert part.notes[0].startswith("intervals: cells only") and "mouse: 1" in part.notes[0]


@pytest.mark.shared
def test_plain_accuracy_of_the_islets_without_integration_is_below_calling_everything_beta(islets):
    table = cross_species(islets["pca"], n_resamples=0).tables["label transfer"]
    rows = table.filter(reference="human", query="mouse").select("called_by", "accuracy", "balanced_accuracy").rows()
    accuracy = {name: one for name, one, _ in rows}
    balanced = {name: one for name, _, one in rows}
    assert accuracy["majority class"] == 343 / 458
    assert accuracy["neighbours"] < accuracy["majority class"]
    assert balanced["neighbours"] > balanced["majority class"] == 0.2
