"""The method ``tron``: from a task to labels, on planted data, with and without labelled query cells."""

from __future__ import annotations

import importlib.util
import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from tests import messages

torch = pytest.importorskip("torch", reason="torch is an extra")

from homodb.query.annotate import AnnotationTask, OrthologyLinks, TronSettings
from homodb.query.annotate.tron.layer import Edges, OrthologyLayer
from homodb.query.annotate.tron.method import Cells, transfer, tron
from homodb.query.annotate.tron.train import (
    FeedForward,
    Phenotype,
    SourceNetworks,
    linear,
    log_mean,
    species_offsets,
    spread,
    type_means,
)
from homodb.query.cells import SpeciesCells
from homodb.schema.errors import AnnotationError, OutputError
from homodb.schema.species import find

torch.set_num_threads(1)
QUICK: dict[str, Any] = {"seeds": 2, "hidden": 16, "epochs": 25, "tuning_epochs": 15, "batch": 32, "min_cells": 1}
GENES, TYPES = 40, 3


def task(
    *, labelled: str = "none", reference_donors: bool = False, seed: int = 0, **parameters: object
) -> AnnotationTask:
    """Three types; query gene 2g and 2g+1 are the paralogs of reference gene g; the last two genes have no partner."""
    rng = np.random.default_rng(seed)
    profile = rng.lognormal(0, 1, GENES) * rng.lognormal(0, 0.8, (TYPES, GENES))
    here, there = rng.integers(TYPES, size=150), rng.integers(TYPES, size=90)
    share = rng.uniform(size=GENES)
    paralogs = np.stack([profile * share, profile * (1 - share)], axis=2).reshape(TYPES, 2 * GENES)
    reference = np.hstack([rng.poisson(profile[here] * 5), rng.poisson(5, (150, 2))]).astype(float)
    query = np.hstack([rng.poisson(paralogs[there] * 5), rng.poisson(9, (90, 3))]).astype(float)
    query[0] = 0
    query[1, :-3] = 0
    donor = np.arange(90) % 3
    shown = {"none": donor < 0, "all": donor >= 0, "donor 1": donor == 1, "some": rng.random(90) < 0.3}[labelled]
    at = np.arange(2 * GENES)
    links = OrthologyLinks(at, at // 2, np.ones(2 * GENES), ("both", "ensembl") * GENES, "ENS_M2M")
    best = OrthologyLinks(at[::2], at[::2] // 2, np.ones(GENES), ("both",) * GENES, "ENS_M2M")
    return AnnotationTask(
        side(reference, "human", here, rng.integers(4, size=150) if reference_donors else None),
        side(query, "mouse", np.where(shown, there, -1), donor), best, links, ("a", "b", "c", "d"),
        {**QUICK, **parameters}, seed, phenotypes,
    )  # fmt: skip


def phenotypes(side: SpeciesCells) -> Any:
    raise AssertionError("TRON needs no vectors")


def side(counts: np.ndarray, species: str, label: np.ndarray, donor: np.ndarray | None) -> SpeciesCells:
    genes = counts.shape[1]
    return SpeciesCells(
        sp.csr_matrix(counts), np.arange(genes), tuple(f"{species[0]}{gene}" for gene in range(genes)),
        np.zeros(genes, bool), find(species), tuple(f"cell{cell}" for cell in range(len(counts))), label, donor,
        stable_ids=tuple(f"{species[:3].upper()}{gene:04}" for gene in range(genes)),
    )  # fmt: skip


def truth(seed: int = 0) -> np.ndarray:
    return task(labelled="all", seed=seed).query.label


@pytest.mark.slow
def test_labels_cells_without_any_query_label() -> None:
    steps: list[str] = []
    given = replace(task(), progress=steps.append)
    found = tron(given)
    assert (found.label[:2] == -1).all() and found.details["unknown_cells"] == 2
    assert np.isnan(found.confidence[:2]).all() and np.isnan(found.distance[:2]).all()
    placed = slice(2, None)
    assert (found.label == truth())[placed].mean() > 0.9
    assert ((found.confidence[placed] > 1 / 4) & (found.confidence[placed] <= 1)).all()
    assert ((found.distance[placed] >= 0) & (found.distance[placed] <= 2)).all()
    assert found.details["tuned"] == "nothing" and found.shown is not None and not found.shown.any()
    assert (
        found.details["edges"] == 80 and found.details["reference_genes"] == 40 and found.details["query_genes"] == 80
    )
    weights = found.tables["weights"]
    assert weights.height == 80 and (weights["change"] == 0).all() and (weights["spread"] == 0).all()
    assert steps and all(step.startswith("tron: ") for step in steps)
    assert found.query_embedding is not None and found.reference_embedding is not None
    assert found.query_embedding.shape == (90, 32) and found.query_embedding.dtype == np.float32
    # the distance is what the embeddings say, computed in another way
    units = [
        one / np.linalg.norm(one.astype(float), axis=1, keepdims=True)
        for one in (found.reference_embedding, found.query_embedding[placed])
    ]
    np.testing.assert_allclose(found.distance[placed], 1 - (units[1] @ units[0].T).max(axis=1), atol=1e-6)


def test_same_seed_same_answer_and_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(1)
    first = tron(task(labelled="donor 1"))
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    again = tron(task(labelled="donor 1"))
    assert np.array_equal(first.confidence, again.confidence, equal_nan=True)
    assert first.tables["weights"].equals(again.tables["weights"])
    other = tron(replace(task(labelled="donor 1"), random_state=9))
    assert not np.array_equal(first.confidence, other.confidence, equal_nan=True)


def test_learns_from_the_labelled_donor_only() -> None:
    given = task(labelled="donor 1", start="random")  # sums are the truth here, and leave nothing to learn
    found = tron(given)
    donor = given.query.donor
    assert donor is not None and found.shown is not None
    assert np.array_equal(found.shown, donor == 1) and found.details["tuned_by"] == "donors"
    assert found.details["tuning_cells"] == (donor == 1).sum() - 1  # cell 1 has no counts of linked genes
    assert found.tables["weights"]["change"].abs().max() > 0.01
    # the labels of other donors, were they there, would change nothing
    truth_there = np.where(donor == 1, given.query.label, -1)
    assert np.array_equal(truth_there, given.query.label)


@pytest.mark.slow
def test_all_labelled_leaves_donors_to_judge_by() -> None:
    given = task(labelled="all")
    found = tron(given)
    assert found.shown is not None and given.query.donor is not None
    assert len(np.unique(given.query.donor[found.shown])) == 1 and (~found.shown).any()
    everything = tron(task(labelled="all", tuning=1.0))
    assert everything.shown is not None and everything.shown.all()
    alone = replace(given, query=replace(given.query, donor=None))
    by_cells = tron(alone)
    assert by_cells.details["tuned_by"] == "cells" and 40 <= by_cells.details["tuning_cells"] <= 48
    assert by_cells.shown is not None and by_cells.shown.sum() == by_cells.details["tuning_cells"]


def test_labels_that_the_reference_lacks_are_not_learned() -> None:
    given = task(labelled="donor 1")
    label = given.query.label.copy()
    label[label == 2] = 3
    found = tron(replace(given, query=replace(given.query, label=label)))
    assert found.details["tuning_cells"] < tron(given).details["tuning_cells"]
    assert set(np.unique(found.label)) <= {-1, 0, 1, 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    "chosen",
    [
        {"tune": "whole"}, {"tune": "nothing"}, {"start": "random"}, {"weights": "any"}, {"links": "best"},
        {"unreached": "mean"}, {"validation": 0.0}, {"seeds": 1},
    ],
    ids=str,
)  # fmt: skip
def test_options(chosen: dict[str, Any]) -> None:
    given = task(labelled="donor 1", reference_donors=True, **chosen)
    found = tron(given)
    weights = found.tables["weights"]
    judged = np.arange(90) > 1
    if chosen.get("start") != "random":
        assert (found.label == truth())[judged].mean() > 0.85
    assert (weights["weight"] >= 0).all() or chosen.get("weights") == "any"
    assert found.details["tuned"] == chosen.get("tune", "layer")
    assert weights.height == (40 if chosen.get("links") == "best" else 80)
    assert found.details["reference_genes"] == (42 if chosen.get("unreached") == "mean" else 40)
    assert found.details["held_out_by"] == ("nothing" if "validation" in chosen else "donors")
    assert weights["spread"].is_null().all() == (chosen.get("seeds") == 1)
    if chosen.get("tune") == "nothing":
        assert (weights["change"] == 0).all() and found.shown is not None and not found.shown.any()


def test_the_table_of_weights_says_what_the_layer_holds() -> None:
    given = task(labelled="donor 1")
    found = tron(given)
    table = found.tables["weights"]
    assert table.columns == [
        "target_gene", "target_symbol", "source_gene", "source_symbol", "weight", "effect", "spread", "change",
        "evidence_class",
    ]  # fmt: skip
    assert table["effect"].abs().is_sorted(descending=True)
    row = table.row(by_predicate=pl.col("target_gene") == "MOU0007", named=True)
    assert (row["target_symbol"], row["source_gene"], row["source_symbol"]) == ("m7", "HUM0003", "h3")
    assert row["evidence_class"] == "ensembl"
    counts = given.query.counts[1 + np.flatnonzero(given.query.counts[1:, :80].sum(axis=1))][:, :80].toarray()
    scaled = counts / counts.sum(axis=1, keepdims=True) * 1e4
    assert row["effect"] == pytest.approx(row["weight"] * scaled[:, 7].std(), rel=1e-4)


def test_bad_tasks_are_refused() -> None:
    def without(given: AnnotationTask, **changed: Any) -> AnnotationTask:
        return replace(given, **changed)

    given = task()
    for parameters, told in (
        ({"tune": "half"}, "there are layer, whole, nothing"),
        ({"hiden": 3}, "Unknown key 'hiden'"),
        ({"hidden": 2.5}, "a whole number"),
        ({"dropout": "much"}, "a number"),
        ({"seeds": 0}, "at least 1"),
        ({"learning_rate": 0}, "above 0"),
        ({"validation": 1.0}, "at most 0.9"),
        ({"device": "tpu"}, "device 'tpu' is unknown"),
        ({"min_cells": 151.0}, "seen in 151 reference cells"),
    ):
        with pytest.raises(AnnotationError, match=told):
            tron(without(given, parameters={**QUICK, **parameters}, reference=fewer(given.reference)))
    with pytest.raises(AnnotationError, match=messages.Tron.only):
        tron(without(given, reference=replace(given.reference, label=np.zeros(150, np.int64))))
    with pytest.raises(AnnotationError, match=messages.Tron.none_as_label):
        tron(without(given, reference=replace(given.reference, label=np.full(150, -1))))
    counts = given.query.counts.copy()
    counts.data[3] = np.nan
    with pytest.raises(AnnotationError, match=messages.Shared.nan):
        tron(without(given, query=replace(given.query, counts=counts)))
    with pytest.raises(AnnotationError, match=messages.Tron.no_cell_query_has_counts):
        tron(without(given, query=replace(given.query, counts=sp.csr_matrix((90, 83)))))
    nothing = np.empty(0, np.int64)
    with pytest.raises(AnnotationError, match=messages.Tron.none_0_linked):
        tron(without(given, all_pairs=OrthologyLinks(nothing, nothing, np.empty(0), (), "ENS_M2M")))


def fewer(reference: SpeciesCells) -> SpeciesCells:
    """The same with every gene zero in one cell at least, so that no gene is seen in all 150."""
    counts = reference.counts.tolil()
    counts[0] = 0
    return replace(reference, counts=sp.csr_matrix(counts))


@pytest.mark.slow
def test_a_number_can_be_carried_and_the_layer_learns_it() -> None:
    rng = np.random.default_rng(3)
    age = {"source": rng.uniform(20, 80, 300), "target": rng.uniform(20, 80, 200)}
    slope = rng.normal(0, 0.02, 30)
    made = {name: rng.poisson(np.exp(1.5 + np.outer(values - 50, slope))).astype(float) for name, values in age.items()}
    order = rng.permutation(30)
    changed = made["target"][:, order] * np.ceil(rng.lognormal(1, 1.2, 30))  # another level of each gene
    shown = np.where(np.arange(200) < 120, age["target"], np.nan)
    genes = tuple(map(str, range(30)))
    edges = Edges(genes, genes, np.arange(30), order, np.ones(30), ("",) * 30)
    chosen = TronSettings(**{**QUICK, "epochs": 40, "tuning_epochs": 25, "seeds": 1})
    apart = {}
    for tune in ("nothing", "layer"):
        found = transfer(
            Cells(sp.csr_matrix(made["source"]), Phenotype(age["source"])),
            Cells(sp.csr_matrix(changed), Phenotype(shown)), edges, chosen.model_copy(update={"tune": tune}),
        )  # fmt: skip
        assert found.predicted.shape == (200, 1)
        apart[tune] = np.abs(found.predicted[120:, 0] - age["target"][120:]).mean()
    assert apart["layer"] < 0.9 * apart["nothing"] and apart["layer"] < 8


def test_the_network_stays_frozen_unless_the_whole_learns() -> None:
    given = task(labelled="donor 1")
    counts, at = given.query.counts[2:, :80], np.arange(80)
    edges = Edges(
        tuple(map(str, range(80))), tuple(map(str, range(40))), at, at // 2, np.ones(80), ("",) * 80,
    )  # fmt: skip
    reference = Cells(given.reference.counts[:, :40], Phenotype(given.reference.label, 3))
    query = Cells(counts, Phenotype(given.query.label[2:], 3), None)
    for tune in ("nothing", "layer", "whole"):
        run = transfer(reference, query, edges, TronSettings(**{**QUICK, "seeds": 1, "tune": tune})).runs[0]
        assert isinstance(run.model[0], OrthologyLayer) and (run.layer is None) == (tune == "nothing")
        before, after = run.source_network.state_dict(), run.model[1].state_dict()
        # the offset is the query's, and is set on the network before the layer learns
        changed = {name for name, value in before.items() if not torch.equal(value, after[name])} - {"offset"}
        assert bool(changed) == (tune == "whole"), changed


def test_expression_against_numpy() -> None:
    counts = np.random.default_rng(0).poisson(1.0, (7, 5)).astype(float)
    counts[3] = 0
    wanted = counts / np.maximum(counts.sum(1, keepdims=True), 1) * 1e4
    got = linear(sp.csr_matrix(counts))
    np.testing.assert_allclose(got.toarray(), wanted, rtol=1e-6)
    np.testing.assert_allclose(log_mean(got), np.log1p(wanted).mean(0), rtol=1e-5)
    codes = np.array([0, 2, 2, 0, 2, 0, 2])
    by_type = [np.log1p(wanted)[codes == one].mean(0) if (codes == one).any() else np.zeros(5) for one in range(4)]
    np.testing.assert_allclose(type_means(got.log1p(), codes, 4), by_type, rtol=1e-5)
    np.testing.assert_allclose(spread(got), wanted.std(0), rtol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_offset_is_what_a_loop_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genes, cells, types = 12, 60, 4
    at, names = rng.permutation(genes), tuple(map(str, range(genes)))
    edges = Edges(names, names, np.arange(genes), at, rng.uniform(0.5, 1.5, genes), ("",) * genes)
    torch.manual_seed(seed)
    layers = [OrthologyLayer(edges, start=start) for start in ("columns", "links")]
    networks = [FeedForward(rng.uniform(0, 2, genes), types, hidden=8, layers=1).eval() for _ in layers]
    expression = linear(sp.csr_matrix(rng.poisson(3.0 * rng.lognormal(0, 1, (cells, genes))).astype(float)))
    labels = rng.integers(types, size=cells) if seed % 2 else None
    means = rng.uniform(4, 8, (types, genes))
    got = species_offsets(list(zip(layers, networks, strict=True)), expression, labels, means)
    logs = [np.log1p(expression.toarray().astype(float) @ one.dense_weight().numpy().T.astype(float)) for one in layers]
    offsets, before = np.zeros((2, genes)), None
    for _ in range(10):
        shares = np.zeros((cells, types))
        for network, own, offset in zip(networks, logs, offsets, strict=True):
            with torch.no_grad():
                inputs = torch.from_numpy((own - network.mean.numpy() - offset).astype(np.float32))
                shares += torch.softmax(network.head(network.body(inputs)), 1).numpy()
        calls = shares.argmax(axis=1).tolist() if labels is None else labels.tolist()
        if calls == before:
            break
        rows = [[cell for cell in range(cells) if calls[cell] == one] for one in range(types)]
        offsets = np.array([
            np.median([own[one].mean(axis=0) - means[kind] for kind, one in enumerate(rows) if len(one) >= 3], axis=0)
            for own in logs
        ])  # fmt: skip
        before = calls
    np.testing.assert_allclose(got, offsets, atol=1e-4)
    few = species_offsets(list(zip(layers, networks, strict=True)), expression[:2], None, means)
    assert few.shape == (2, genes) and not few.any()


def test_levels_of_genes_that_differ_between_species_are_taken_off() -> None:
    rng, types = np.random.default_rng(1), 5
    profile = rng.lognormal(0, 1, GENES) * rng.lognormal(0, 0.6, (types, GENES))
    # four parts of one type, and as many cells of a type that the source lacks as of the others together
    profile_there = np.vstack([profile, rng.lognormal(0, 1.2, GENES)]) * rng.lognormal(0, 1.0, GENES)
    here, there = rng.integers(types, size=300), np.repeat(np.arange(types + 1), [80, 20, 20, 20, 20, 160])
    counts = [sp.csr_matrix(rng.poisson(5 * one).astype(float)) for one in (profile[here], profile_there[there])]
    genes, at = tuple(map(str, range(GENES))), np.arange(GENES)
    edges = Edges(genes, genes, at, at, np.ones(GENES), ("",) * GENES)
    labels = np.where(there < types, there, -1)
    right = {}
    for offset in ("types", "none"):
        found = transfer(
            Cells(counts[0], Phenotype(here, types)), Cells(counts[1], Phenotype(labels, types)), edges,
            TronSettings(**{**QUICK, "tuning": 0.2, "tuning_rate": 1e-9, "tuning_epochs": 1}, offset=offset),
        )  # fmt: skip
        hits = found.predicted.argmax(axis=1) == there
        right[offset] = np.mean([hits[there == one].mean() for one in range(types)])
        assert found.runs[0].model[1].offset.any() == (offset == "types")
    assert right["types"] > right["none"] + 0.05, right


def test_centring_a_network_changes_no_output() -> None:
    rng = np.random.default_rng(0)
    network, cells = FeedForward(np.zeros(9), 3, hidden=8).eval(), torch.from_numpy(rng.gamma(1.0, 50.0, (5, 9)))
    cells, mean = cells.float(), rng.uniform(0, 6, 9).astype(np.float32)
    before = network(cells)
    network.centre_at(mean)
    torch.testing.assert_close(network(cells), before)
    np.testing.assert_array_equal(network.mean.numpy(), mean)


def _benchmark() -> ModuleType:
    path = Path(__file__).resolve().parents[4] / "benchmarks" / "tron.py"
    spec = importlib.util.spec_from_file_location("benchmark_tron", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_planted_orthology_is_found_back_better_than_by_the_ablations() -> None:
    bench = _benchmark()
    size = bench.Size(genes=60, types=6, source_cells=300, tuning_cells=400, judged_cells=200)
    chosen = bench.PARAMETERS.model_copy(update={"hidden": 16, "epochs": 30, "tuning_epochs": 40})
    found = {
        variant: bench.measure(variant, 0.2, 1, size, chosen) for variant in ("TRON", "no fine-tuning", "random mask")
    }
    accuracy = {variant: scores[0] for variant, scores in found.items()}
    assert accuracy["TRON"] > max(accuracy["no fine-tuning"], accuracy["random mask"] + 0.3)
    assert found["TRON"][1] > 0.6  # a true edge outweighs a wrong one more often than by chance


def trained_before(path: Path | str, **more: Any) -> AnnotationTask:
    """The task by the networks of a file, without what only training uses."""
    parameters = {name: value for name, value in QUICK.items() if name not in ("hidden", "epochs", "min_cells")}
    given = task(**more)
    own = {name: value for name, value in given.parameters.items() if name not in QUICK}
    return replace(given, parameters={**parameters, **own, "network": str(path)})


def test_networks_that_were_kept_label_as_those_that_were_trained(tmp_path: Path) -> None:
    path = tmp_path / "networks.safetensors"
    first = tron(task(trained=str(path)))
    again = tron(trained_before(path))
    np.testing.assert_array_equal(again.label, first.label)
    np.testing.assert_allclose(again.confidence, first.confidence, atol=1e-6)
    np.testing.assert_allclose(again.distance, first.distance, atol=1e-5)
    networks = SourceNetworks.read(path)
    assert len(networks.networks) == 2 and networks.labels == ("a", "b", "c")
    assert networks.genes == tuple(f"HUM{gene:04}" for gene in range(GENES))
    assert again.details["network_epochs"] == [] and again.tables["weights"].height == 80
    # the layers learn as they do before trained networks, and the file is as it was
    before = path.read_bytes()
    tuned = tron(trained_before(path, labelled="donor 1", tune="whole"))
    assert tuned.details["tuned"] == "whole" and len(tuned.details["layer_epochs"]) == 2
    assert (tuned.label == truth())[2:].mean() > 0.85 and path.read_bytes() == before
    kept = tmp_path / "kept.safetensors"
    tron(task(labelled="donor 1", tune="whole", trained=str(kept)))
    plain = tmp_path / "plain.safetensors"
    tron(task(labelled="donor 1", tune="layer", trained=str(plain)))
    assert kept.read_bytes() == plain.read_bytes()  # as the source's cells made it, before the query's


def test_genes_that_one_side_lacks_tell_a_trained_network_nothing(tmp_path: Path) -> None:
    path = tmp_path / "networks.safetensors"
    given = task(trained=str(path), unreached="mean")
    tron(given)
    whole = trained_before(path)
    full = tron(whole)
    # the reference without gene 5, which its links lose too
    columns = np.delete(np.arange(GENES + 2), 5)
    reference = given.reference
    less = replace(
        reference, counts=sp.csr_matrix(reference.counts[:, columns]), genes=reference.genes[columns],
        symbols=tuple(reference.symbols[at] for at in columns), housekeeping=reference.housekeeping[columns],
        stable_ids=tuple(reference.stable_ids[at] for at in columns),
    )  # fmt: skip
    kept = whole.all_pairs.reference != 5
    links = OrthologyLinks(
        whole.all_pairs.query[kept], np.searchsorted(columns, whole.all_pairs.reference[kept]),
        whole.all_pairs.weight[kept], tuple(np.array(whole.all_pairs.evidence)[kept]), "ENS_M2M",
    )  # fmt: skip
    found = tron(replace(whole, reference=less, all_pairs=links, best=links))
    assert (found.label == full.label).mean() > 0.9
    [network, _] = SourceNetworks.read(path).networks
    result = transfer(
        Cells(sp.csr_matrix(np.ones((4, 2))), Phenotype(np.array([0, 1, 0, 1]), 2), None, np.array([True, False])),
        Cells(sp.csr_matrix(np.ones((3, 1))), Phenotype(np.full(3, -1), 2)),
        Edges(("t",), ("s0", "s1"), np.array([0]), np.array([0]), np.ones(1), ("",)),
        networks=[FeedForward(np.log1p([2000.0, 4000.0]), 2, hidden=3, dropout=0)],
    )  # fmt: skip
    assert len(result.runs) == 1
    # both sides are one cell: 6,000 of gene s0, and the usual 4,000 of gene s1
    np.testing.assert_allclose(result.runs[0].source, np.repeat(result.runs[0].target[:1], 4, axis=0), rtol=1e-5)
    assert network.mean.shape == (42,)


def _saved(path: Path, change: Any = None, about: Any = None) -> str:
    from safetensors.torch import save_file

    network = FeedForward(np.zeros(GENES), 3, hidden=4)
    tensors = {f"0.{name}": value for name, value in network.state_dict().items()}
    plain = {"genes": [f"HUM{gene:04}" for gene in range(GENES)], "labels": ["a", "b", "c"]}
    text = about if isinstance(about, str) else json.dumps(plain | (about or {}))
    save_file(tensors if change is None else change(tensors), path, metadata={"homodb_tron": text})
    return str(path)


def _without(*names: str) -> Any:
    return lambda tensors: {name: value for name, value in tensors.items() if name not in names}


NETWORKS: list[tuple[Any, Any, str]] = [
    (None, "", "no homodb_tron in JSON"),
    (None, "[" * 100_000, "no homodb_tron in JSON"),
    (None, "[]", "not a JSON object"),
    (None, {"genes": ["a", "a"]}, "different texts"),
    (None, {"genes": [1]}, "different texts"),
    (None, {"genes": []}, "names no genes"),
    (None, {"labels": {}}, "labels in its metadata"),
    (None, {"labels": ["a", "b"]}, "do not fit 40 genes and 2 outputs"),
    (None, {"labels": ["a", "b", "zeta"]}, "predicts zeta, which no cell of the reference"),
    (None, {"genes": [f"ENSG{n}" for n in range(GENES)]}, "0 of them are measured in the reference"),
    (lambda tensors: tensors | {"0.mean": torch.zeros(7)}, {}, "do not fit"),
    (lambda tensors: tensors | {"0.mean": torch.full((GENES,), torch.nan)}, {}, "not a finite number"),
    (lambda tensors: tensors | {"0.mean": torch.full((GENES,), 8.0)}, {}, "make up a cell's whole total|0"),
    (lambda tensors: tensors | {"0.more": torch.zeros(7)}, {}, "do not fit"),
    (lambda tensors: tensors | {"0.body.0.weight": torch.zeros(3)}, {}, "no first layer"),
    (_without("0.body.0.weight"), {}, "no first layer"),
    (_without("0.head.bias"), {}, "do not fit"),
    (lambda tensors: {}, {}, "not a finite number"),
]


@pytest.mark.parametrize(("change", "about", "words"), NETWORKS, ids=range(len(NETWORKS)))
def test_files_that_hold_no_networks_are_refused(tmp_path: Path, change: Any, about: Any, words: str) -> None:
    path = _saved(tmp_path / "network.safetensors", change, about)
    if "whole total" in words:
        few = trained_before(path)
        pairs = few.all_pairs
        links = OrthologyLinks(pairs.query[:2], pairs.reference[:2], pairs.weight[:2], pairs.evidence[:2], "ENS_M2M")
        with pytest.raises(AnnotationError, match="whole total"):
            tron(replace(few, all_pairs=links))
        return
    with pytest.raises(AnnotationError, match=words) as told:
        tron(trained_before(path))
    assert told.value.option == "network"


def test_no_code_of_a_network_file_is_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "network.pt", tmp_path / "run"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (mark,)

    torch.save({"state": Evil()}, path)
    for content in (path.read_bytes(), pickle.dumps(Evil()), b"", b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(AnnotationError, match=messages.Tron.not_safetensors):
            tron(trained_before(path))
    assert not mark.exists()
    with pytest.raises(AnnotationError, match=messages.Shared.no_such_file):
        tron(trained_before(tmp_path / "none.safetensors"))


def test_what_a_trained_network_has_no_use_for_is_refused(tmp_path: Path) -> None:
    path = _saved(tmp_path / "network.safetensors")
    for name, value in {"hidden": 8, "layers": 3, "epochs": 7, "unreached": "mean", "trained": "x.safetensors"}.items():
        with pytest.raises(AnnotationError, match=f"{name} is for training"):
            TronSettings(network=path, **{name: value})
    with pytest.raises(OutputError, match=r"written as \.safetensors"):
        tron(task(trained=str(tmp_path / "x.pt")))
    number = replace(trained_before(path).reference, number=np.arange(150.0))
    with pytest.raises(AnnotationError, match="predicts cell types"):
        tron(replace(trained_before(path), reference=number))
