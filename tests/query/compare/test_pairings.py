"""The mappings that are compared: same symbol against plain Python, random pairing against what it permutes."""

from __future__ import annotations

import importlib
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

import homodb
from homodb.query.compare import pairings, random_pairing, read_strategies, same_symbol
from homodb.query.join import JoinPlan, JoinSide, make_plan, read_join_options, read_side
from homodb.schema.errors import JoinError, MissingMappingError, UnknownStrategyError
from tests import messages

OPTIONS = read_join_options(2)


def sides_of(release: homodb.Release, human: list[str], mouse: list[str]) -> list[JoinSide]:
    return [
        read_side(release, name, pd.DataFrame(index=genes), name, None)
        for name, genes in (("human", human), ("mouse", mouse))
    ]


def symbols(release: homodb.Release, species: str) -> list[str]:
    rows = release.sql(
        "SELECT symbol FROM gene JOIN species s USING (species) WHERE s.common_name = ? AND gene = primary_gene "
        "AND symbol IS NOT NULL ORDER BY gene", [species],
    )  # fmt: skip
    return list(dict.fromkeys(rows["symbol"].to_list()))


@pytest.fixture
def sides(toy: homodb.Release) -> list[JoinSide]:
    return sides_of(toy, symbols(toy, "human"), symbols(toy, "mouse"))


def linked(plan: JoinPlan) -> set[tuple[str, str]]:
    """Pairs of names that are one feature."""
    names = [
        [
            (side.resolved["name"][int(place)], int(column))
            for place, column in zip(link.place, link.column, strict=True)
        ]
        for side, link in zip(plan.sides, plan.links, strict=True)
    ]
    return {(one, other) for one, a in names[0] for other, b in names[1] if a == b}


def test_same_symbol_is_what_plain_python_gives(toy: homodb.Release) -> None:
    human = ["ENSG00000000001", *symbols(toy, "human")[1:], "NOVEL1", "Ercc-1", "ercc-1"]
    mouse = [*reversed(symbols(toy, "mouse")), "novel1", "ERCC-1", "Unshared"]
    by_id = toy.sql("SELECT symbol FROM gene WHERE stable_id = 'ENSG00000000001'")["symbol"][0]
    plan = same_symbol(toy, sides_of(toy, human, mouse), OPTIONS)
    first: dict[str, str] = {}
    for name in human:
        first.setdefault((by_id if name.startswith("ENSG") else name).lower(), name)
    other: dict[str, str] = {}
    for name in mouse:
        other.setdefault(name.lower(), name)
    assert linked(plan) == {(name, other[text]) for text, name in first.items() if text in other}
    assert ("NOVEL1", "novel1") in linked(plan) and ("Ercc-1", "ERCC-1") in linked(plan)
    assert plan.called == "same symbol" and plan.var.index.is_unique
    fates = plan.fates[1]
    assert fates.filter(name="Unshared")["fate"].to_list() == ["unknown"]
    assert (fates["fate"] == "mapped").sum() == plan.links[1].shape[1]


def test_no_symbol_in_common(toy: homodb.Release) -> None:
    human = symbols(toy, "human")[:2]
    with pytest.raises(JoinError, match=messages.Compare.no_feature_by_same_symbol):
        same_symbol(toy, sides_of(toy, human, ["ENSMUSG00000000001"]), OPTIONS)


def test_random_pairing_permutes_partners_and_nothing_else(toy: homodb.Release, sides: list[JoinSide]) -> None:
    plan = make_plan(toy, sides, "hm_o2o", OPTIONS)
    made = random_pairing(plan, 3)
    assert [set(link.place.tolist()) for link in made.links] == [set(link.place.tolist()) for link in plan.links]
    for link in made.links:
        assert sorted(link.column.tolist()) == list(range(plan.links[0].shape[1]))
    assert linked(made) != linked(plan) and len(linked(made)) == len(linked(plan))
    assert linked(made) == linked(random_pairing(plan, 3)) != linked(random_pairing(plan, 4))
    assert np.array_equal(np.sort(made.links[0].place), np.sort(plan.links[0].place))
    mapped = [frame.filter(fate="mapped")["name"].to_list() for frame in plan.fates]
    assert [frame.filter(fate="mapped")["name"].to_list() for frame in made.fates] == mapped


def test_which_strategies(toy: homodb.Release, sides: list[JoinSide]) -> None:
    assert read_strategies("all") == (tuple(homodb.Strategy), False)
    assert read_strategies(["HL_O2O", "ens-m2m", "hl_o2o"])[0] == (homodb.Strategy.ENS_M2M, homodb.Strategy.HL_O2O)
    with pytest.raises(UnknownStrategyError, match=messages.Shared.did_you_mean):
        read_strategies("hm_o2o,lm_o20")
    with pytest.raises(UnknownStrategyError):
        read_strategies("all,hm_o2o")
    every = list(pairings(toy, sides, OPTIONS, tuple(homodb.Strategy), named=False, random_state=0))
    assert [one.name for one in every] == [*map(str, homodb.Strategy), "same symbol", "random pairing"]


def test_a_strategy_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, toy: homodb.Release, sides: list[JoinSide]
) -> None:
    def lacking(release: object, sides: object, strategy: object, options: object) -> JoinPlan:
        if strategy in (None, homodb.Strategy.HM_O2O):
            return make_plan(toy, sides, "hm_o2o", OPTIONS)  # type: ignore[arg-type]
        raise MissingMappingError(f"no {strategy}")

    monkeypatch.setattr(importlib.import_module("homodb.query.compare.grid"), "make_plan", lacking)
    every = pairings(toy, sides, OPTIONS, tuple(homodb.Strategy), named=False, random_state=0)
    left = [one for one in every if not one.plan]
    assert [one.name for one in left] == ["ENS_M2M", "ENS_O2O", "LM_O2O", "HL_O2O"] and left[0].why == "no ENS_M2M"
    with pytest.raises(MissingMappingError, match=messages.Compare.no_lm_o2o):
        list(pairings(toy, sides, OPTIONS, (homodb.Strategy.LM_O2O,), named=True, random_state=0))


def test_a_ready_table_is_joined_as_plain_numpy_joins_it(toy: homodb.Release) -> None:
    from homodb.query.cells import opened_sources
    from homodb.query.join import JoinRun, joined

    rng = np.random.default_rng(0)
    objects = [
        anndata.AnnData(rng.poisson(2.0, (n, len(genes))), var=pd.DataFrame(index=genes))
        for n, genes in ((4, symbols(toy, "human")), (3, symbols(toy, "mouse")))
    ]
    sides = sides_of(toy, list(objects[0].var_names), list(objects[1].var_names))
    plan = random_pairing(make_plan(toy, sides, "hm_o2o", OPTIONS), 1)
    with opened_sources(objects, ["human", "mouse"], (None, None)) as sources:
        adata, told = joined(JoinRun(toy, sources, None, None, OPTIONS, plan), Path())
    pairs = dict(linked(plan))
    names = list(adata.var["homodb_homo_sapiens"])
    expected = np.vstack([
        objects[0][:, names].X, objects[1][:, [pairs[name] for name in names]].X
    ])  # fmt: skip
    assert (np.asarray(adata.X) == expected).all()
    assert told.strategy == "random pairing" and told.features == "row"
    assert told.files["carried"].to_list() == pytest.approx([
        expected[:4].sum() / objects[0].X.sum(), expected[4:].sum() / objects[1].X.sum()
    ])  # fmt: skip


@pytest.mark.slow
@pytest.mark.shared
def test_features_of_real_islets(shared_data: Path, real: homodb.Release) -> None:
    human, mouse = (
        anndata.read_h5ad(shared_data / "cells" / name) for name in ("baron_human_175.h5ad", "baron_mouse_822.h5ad")
    )
    sides = sides_of(real, list(human.var_names), list(mouse.var_names))
    every = list(pairings(real, sides, OPTIONS, tuple(homodb.Strategy), named=False, random_state=0))
    plans = {one.name: one.plan for one in every if one.plan}
    # the source of the human file kept only genes whose symbol is one of mouse but for case
    assert {name: plan.links[0].shape[1] for name, plan in plans.items()} == {
        "ENS_M2M": 11758, "ENS_O2O": 11514, "HM_O2O": 11750, "LM_O2O": 10257, "HL_O2O": 11893, "same symbol": 12474,
        "random pairing": 11750,
    }  # fmt: skip
    assert human.n_vars == 12474 and "INS" not in human.var_names
    fates = {name: plans[name].fates[0]["fate"] for name in ("HM_O2O", "HL_O2O")}
    gained = (fates["HL_O2O"] == "mapped") & (fates["HM_O2O"] != "mapped")
    counts = np.asarray(human.X.sum(axis=0)).ravel() * gained.to_numpy()
    most = [str(human.var_names[one]) for one in np.argsort(-counts)[:12]]
    assert gained.sum() == 171
    assert most == [
        "FTH1",
        "RPL41",
        "RPL10",
        "RPS2",
        "RPS12",
        "RPS24",
        "RPLP0",
        "RPS4X",
        "RPS6",
        "SERF2",
        "RPS17",
        "EIF1",
    ]
    paired = dict(linked(plans["HL_O2O"]))
    assert all(paired[name].upper() == name for name in most)
