"""Fine-tuning learns from the published pairs, changes what it should, and keeps a model whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from homodb.query.annotate import fine_tune
from homodb.query.annotate.cellama import NEAR, SentenceCells, draw_pairs, metadata_of, profiles_of
from homodb.query.integrate import embed, load_model
from homodb.schema.errors import AnnotationError, OutputError
from tests import messages


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def _cells(n: int, name: str, seed: int = 0, **more: Any) -> SentenceCells:
    rng = np.random.default_rng(seed)
    return SentenceCells([f"{name}{number}" for number in range(n)], rng.standard_normal((n, 4)), **more)


def test_half_the_pairs_are_close_and_targets_are_cosines_of_profiles() -> None:
    sides = [_cells(40, "a"), _cells(20, "b", 1), _cells(1, "c", 2)]
    pairs = draw_pairs(sides, 400, random_state=5)
    assert len(pairs.first) == len(pairs.second) == len(pairs.target) == 400
    ranks = []
    for number, (one, other, target) in enumerate(zip(pairs.first, pairs.second, pairs.target, strict=True)):
        side = next(side for side in sides if one in side.sentences)
        assert other in side.sentences and one != other
        x, y = side.sentences.index(one), side.sentences.index(other)
        cosines = [_cosine(side.profiles[x], profile) for profile in side.profiles]
        assert target == pytest.approx(cosines[y], abs=1e-6)
        rank = sum(value > cosines[y] for place, value in enumerate(cosines) if place not in (x, y))
        if number % 2 == 0:
            assert rank < NEAR
        else:
            ranks.append(rank / len(cosines))
    assert 0.4 < np.mean(ranks) < 0.6
    share = np.mean([one.startswith("a") for one in pairs.first])
    assert 0.55 < share < 0.78
    assert not any(one.startswith("c") for one in pairs.first)
    again = draw_pairs(sides, 400, random_state=5)
    assert again.first == pairs.first and (again.target == pairs.target).all()
    assert draw_pairs(sides, 400, random_state=6).first != pairs.first


def test_cells_of_other_metadata_are_to_be_apart_and_a_missing_value_is_not_another() -> None:
    tissue = ("gut", "liver", None) * 10
    cells = _cells(30, "a", metadata={"tissue": tissue})
    pairs, plain = draw_pairs([cells], 300, random_state=1), draw_pairs([_cells(30, "a")], 300, random_state=1)
    apart = 0
    for one, other, target, was in zip(pairs.first, pairs.second, pairs.target, plain.target, strict=True):
        both = {tissue[int(one[1:])], tissue[int(other[1:])]} - {None}
        assert target == (0 if len(both) == 2 else was)
        apart += len(both) == 2
    assert apart > 20


def test_cells_of_equal_profiles_make_pairs_too() -> None:
    cells = SentenceCells([f"a{n}" for n in range(30)], np.ones((30, 2)))
    pairs = draw_pairs([cells], 100)
    assert all(one != other for one, other in zip(pairs.first, pairs.second, strict=True))
    np.testing.assert_allclose(pairs.target, 1, atol=1e-6)


def test_cells_without_sentences_are_left_aside() -> None:
    cells = SentenceCells(["a", None, "b"], np.eye(3))
    assert {*draw_pairs([cells], 20).first} == {"a", "b"}
    with pytest.raises(AnnotationError, match=messages.Cellama.at_least_two_cells_one):
        draw_pairs([SentenceCells(["a", None], np.eye(2)), SentenceCells(["b"], np.eye(1))], 4)


def test_species_and_donor_are_never_metadata(make_side: Any) -> None:
    phrases = {
        "Species": ("m",) * 4, "donor": ("a", "a", "b", "b"), "batch": ("x", "x", "y", "y"),
        "tissue": ("gut", "liver", "gut", "liver"), "state": ("ill",) * 4, "stage": (None, "adult", None, "adult"),
    }  # fmt: skip
    side = make_side(np.ones((4, 1)), ["INS"], "mouse", phrases=phrases, donor=np.array([0, 0, 1, 1]))
    # batch goes with the donors one to one
    assert sorted(metadata_of(side)) == ["stage", "state", "tissue"]


def test_profiles_are_principal_components_of_scaled_logarithms() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (12, 6)).astype(float)
    logs = np.log1p(counts / counts.sum(1, keepdims=True) * 1e4)
    scaled = (logs - logs.mean(0)) / logs.std(0, ddof=1)
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    found = profiles_of(sp.csr_matrix(counts))
    np.testing.assert_allclose(np.abs(found), np.abs(left * values)[:, : found.shape[1]], atol=1e-6)
    with pytest.raises(AnnotationError, match=messages.Cellama.too_few_to_fine_tune):
        profiles_of(sp.csr_matrix(np.ones((5, 3))))


def test_steps_bring_the_loss_down_and_the_model_is_kept(tiny: Path, tmp_path: Path) -> None:
    texts = [f"top genes are {letter}, {letter}{letter}." for letter in "abcdefgh"]
    profiles = np.repeat(np.eye(2), 4, axis=0) + np.random.default_rng(0).normal(0, 0.1, (8, 2))
    model = load_model(str(tiny), device="cpu")
    before = embed(model, texts)
    steps: list[int] = []
    kept = tmp_path / "models" / "tuned"
    losses = fine_tune(
        model,
        [SentenceCells(texts, profiles)],
        kept,
        steps=12,
        batch=16,
        rate=5e-3,
        progress=lambda step, loss: steps.append(step),
    )
    assert steps == list(range(1, 13))
    assert np.mean(losses[-3:]) < losses[0] / 2
    after = embed(model, texts)
    assert np.abs(after - before).max() > 1e-3
    assert list(kept.rglob("*.safetensors")) and not list(kept.rglob("*.bin"))
    assert [path.name for path in kept.parent.iterdir()] == ["tuned"]
    np.testing.assert_allclose(embed(load_model(str(kept), device="cpu"), texts), after, atol=1e-6)
    with pytest.raises(OutputError, match=messages.Cellama.exists):
        fine_tune(model, [SentenceCells(texts, profiles)], kept, steps=1)
    np.testing.assert_array_equal(embed(model, texts), after)


def test_the_loss_is_that_of_the_library(tiny: Path) -> None:
    import torch

    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses", reason="needs a later version")
    model = load_model(str(tiny), device="cpu")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    cells = [_cells(9, "a")]
    pairs = draw_pairs(cells, 8, random_state=42)
    features = [model.preprocess(list(texts)) for texts in (pairs.first, pairs.second)]
    wanted = losses.CosineSimilarityLoss(model)(features, torch.from_numpy(pairs.target))
    assert fine_tune(model, cells, steps=1, batch=8)[0] == pytest.approx(float(wanted.detach()), abs=1e-6)


def test_the_same_seed_gives_the_same_model_and_leaves_torchs_chances_alone(tiny: Path) -> None:
    import torch

    told = []
    for seed in (1, 1, 2):
        model = load_model(str(tiny), device="cpu")
        state = torch.random.get_rng_state()
        losses = fine_tune(model, [_cells(6, "a")], steps=2, batch=4, random_state=seed)
        assert torch.equal(torch.random.get_rng_state(), state)
        told.append((losses, embed(model, ["a0"]).tolist()))
    assert told[0] == told[1] != told[2]


def test_a_model_that_cannot_be_written_leaves_nothing(tiny: Path, tmp_path: Path) -> None:
    model = load_model(str(tiny), device="cpu")

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    model.save = full  # type: ignore[method-assign]
    with pytest.raises(OutputError, match=messages.Cellama.no_space_left):
        fine_tune(model, [_cells(6, "a")], tmp_path / "tuned", steps=1, batch=2)
    assert not list(tmp_path.iterdir())


def test_numbers_out_of_range_are_said(tiny: Path) -> None:
    model = load_model(str(tiny), device="cpu")
    for wrong in ({"steps": 0}, {"steps": 1, "batch": 0}, {"steps": 1, "rate": float("nan")}):
        with pytest.raises(AnnotationError, match=messages.Cellama.wanted_numbers_above_0):
            fine_tune(model, [_cells(6, "a")], **wrong)
