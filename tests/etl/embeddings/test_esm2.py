"""Vectors against fair-esm's own forward pass; files that are no checkpoints."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import itertools
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homodb.etl.embeddings import CHECKPOINTS, Encoder, Esm2, Identity, Long, load_esm2
from homodb.etl.embeddings.esm2 import LIMIT, OVERLAP, batches, cut, encode, window_starts
from homodb.schema.errors import ConfigError, InputError, MissingPackageError
from tests import messages

sys.path.insert(0, str(Path(__file__).parent))
from checkpoint_files import fair_esm, mean_of, residues, save

torch = pytest.importorskip("torch", reason="torch is an extra")
esm = pytest.importorskip("esm", reason="fair-esm, which results are compared with, is not installed")

NAME = "esm2_t6_8M_UR50D"
ALPHABET = esm.Alphabet.from_architecture("ESM-1b")
RANDOM = random.Random(7)  # noqa: S311

pytestmark = pytest.mark.usefixtures("one_thread")


def protein(length: int, letters: str = "ACDEFGHIKLMNPQRSTVWY") -> str:
    return "".join(RANDOM.choices(letters, k=length))


@pytest.fixture(scope="module")
def module() -> Any:
    return fair_esm(NAME)


@pytest.fixture(scope="module")
def weights(module: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(module, tmp_path_factory.mktemp("weights") / f"{NAME}.pt")


@pytest.fixture(scope="module")
def model(weights: Path) -> Esm2:
    return load_esm2(NAME, weights=weights, device="cpu")


@pytest.fixture(scope="module")
def wanted(module: Any) -> Any:
    """What fair-esm gives for MIXED, shape (layers + 1, sequences, dimensions)."""
    return np.stack([residues(module, sequence).mean(1) for sequence in MIXED], 1)


MIXED = [protein(length) for length in (1, 2, 3, 30, 30, 31, 97, 256, 30)] + ["XBUZO" * 5, "M" * 40]


def test_letters_are_fair_esms() -> None:
    letters = "".join(one for one in ALPHABET.standard_toks if one.isalpha())
    assert len(letters) == 25
    _, _, tokens = ALPHABET.get_batch_converter()([("", letters)])
    (piece,) = cut(encode([letters], ALPHABET), Long.TRUNCATE)
    (batch,) = batches([piece], 100, ALPHABET)
    assert batch.tokens.tolist() == tokens[0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("layer", range(7))
def test_every_layer_is_fair_esms(wanted: Any, weights: Path, layer: int) -> None:
    found = load_esm2(NAME, weights=weights, layer=layer, device="cpu").embed(MIXED)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted[layer], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_the_last_layer_is_the_default(model: Esm2, wanted: Any) -> None:
    assert model.identity == Identity(NAME, 6, Long.TRUNCATE, "float32", model.identity.weights, 320)
    np.testing.assert_allclose(model.embed(MIXED), wanted[6], atol=1e-5)


@pytest.mark.slow
def test_long_proteins_are_truncated(model: Esm2, module: Any) -> None:
    long = protein(1100)
    found = model.embed([long, long[:1022], "MKV", long[:1022] + "W"])
    np.testing.assert_allclose(found[[1, 2]], mean_of(module, [long[:1022], "MKV"]), atol=1e-5)
    assert np.array_equal(found[[0, 0]], found[[1, 3]])


def test_windows_count_every_residue_once(module: Any, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homodb.etl.embeddings.esm2.LIMIT", 100)
    monkeypatch.setattr("homodb.etl.embeddings.esm2.OVERLAP", 25)
    windowed = load_esm2(NAME, weights=weights, long=Long.WINDOW, device="cpu")
    sequences = [protein(217), protein(50), protein(100), protein(101)]
    wanted = []
    for sequence, starts in zip(sequences, ([0, 58, 117], [0], [0], [0, 1]), strict=True):
        total, seen = np.zeros((len(sequence), 320)), np.zeros(len(sequence))
        for start in starts:
            total[start : start + 100] += residues(module, sequence[start : start + 100])[-1]
            seen[start : start + 100] += 1
        assert seen.min() == 1
        wanted.append((total / seen[:, None]).mean(0))
    np.testing.assert_allclose(windowed.embed(sequences), wanted, atol=1e-5)


@pytest.mark.parametrize("length", [*range(1, 40), *range(1020, 1030), 1278, 1279, 1788, 1789, 2000, 5000, 35000])
def test_windows_cover_a_protein_with_enough_overlap(length: int) -> None:
    starts = window_starts(length)
    assert starts[0] == 0
    assert starts[-1] + LIMIT >= length
    assert all(LIMIT - (b - a) >= OVERLAP for a, b in itertools.pairwise(starts))
    for long in (Long.TRUNCATE, Long.WINDOW):
        pieces = cut([np.full(length, 4, np.uint8)], long)
        assert sum(float(piece.weights.sum()) for piece in pieces) == pytest.approx(1.0, abs=1e-4)
        assert all(len(piece.codes) == min(length, LIMIT) for piece in pieces)


def test_pieces_fill_batches_without_loss() -> None:
    pieces = cut(encode([protein(RANDOM.randint(1, 90)) for _ in range(200)], ALPHABET), Long.TRUNCATE)
    made = list(batches(pieces, 256, ALPHABET))
    assert sorted(number for batch in made for number in batch.proteins) == list(range(200))
    for batch in made:
        assert len(batch.tokens) <= 256
        assert sum(count * length for count, length in batch.groups) == len(batch.tokens) == len(batch.positions)
        assert len({length for _, length in batch.groups}) == len(batch.groups)


@pytest.mark.slow
def test_a_vector_depends_on_no_other_sequence(model: Esm2, weights: Path) -> None:
    together = model.embed(MIXED)
    order = RANDOM.sample(range(len(MIXED)), len(MIXED))
    np.testing.assert_allclose(model.embed([MIXED[i] for i in order]), together[order], atol=1e-5)
    for budget in (1, 64, 500):
        found = load_esm2(NAME, weights=weights, device="cpu", batch_tokens=budget).embed(MIXED)
        np.testing.assert_allclose(found, together, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([model.embed([one]) for one in MIXED]), together, atol=1e-5)


def test_equal_sequences_are_computed_once_and_nothing_gives_nothing(model: Esm2) -> None:
    found = model.embed(["MKV", "MK", "MKV", "MKV"])
    assert np.array_equal(found[[0, 0]], found[[2, 3]])
    assert not np.allclose(found[0], found[1], atol=1e-3)
    assert model.embed([]).shape == (0, 320)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_points_the_same_way(module: Any, weights: Path, precision: str) -> None:
    sequences = [protein(length) for length in (1, 5, 60, 150)]
    for layer in (3, 6):
        wanted = mean_of(module, sequences, layer)
        found = load_esm2(NAME, weights=weights, layer=layer, device="cpu", precision=precision).embed(sequences)
        cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
        assert cosine.min() > 0.999


def test_rotation_without_complex_numbers_is_the_same(model: Esm2) -> None:
    encoder = model._encoder
    turned = []
    for as_complex in (True, False):
        encoder._complex = as_complex
        turned.append(model.embed(MIXED[:6]))
    encoder._complex = True
    np.testing.assert_allclose(*turned, atol=1e-6)


def test_files_in_half_precision_and_of_other_settings(wanted: Any, tmp_path: Path) -> None:
    """Large published files keep float16, the rotary frequencies too: fair-esm computes with these rounded ones."""
    halved = fair_esm(NAME).half()
    path = save(halved, tmp_path / "half.pt")
    np.testing.assert_allclose(
        load_esm2(NAME, weights=path, device="cpu").embed(MIXED[:8]), mean_of(halved.float(), MIXED[:8]), atol=1e-5
    )
    whole = fair_esm(NAME)
    whole.token_dropout = False
    path = save(whole, tmp_path / "nodropout.pt")
    found = load_esm2(NAME, weights=path, device="cpu").embed(MIXED[:5])
    np.testing.assert_allclose(found, mean_of(whole, MIXED[:5]), atol=1e-5)
    assert not np.allclose(found, wanted[6, :5], atol=1e-3)


def test_fair_esms_own_loader_takes_the_file_that_tests_make(module: Any, weights: Path) -> None:
    with torch.serialization.safe_globals([argparse.Namespace]):
        data = torch.load(weights, weights_only=True)
    with pytest.warns(UserWarning, match="Regression weights"):
        loaded, _ = esm.pretrained.load_model_and_alphabet_core(NAME, data, None)
    assert np.array_equal(mean_of(loaded.eval(), ["MKV"]), mean_of(module, ["MKV"]))


def test_identity_knows_the_weights(model: Esm2, weights: Path, tmp_path: Path) -> None:
    assert model.identity.weights == hashlib.sha256(weights.read_bytes()).hexdigest()
    other = load_esm2(NAME, weights=save(fair_esm(NAME, seed=1), tmp_path / "other.pt"), device="cpu")
    assert other.identity.weights != model.identity.weights
    assert dataclasses.replace(other.identity, weights=model.identity.weights) == model.identity


def test_overflow_is_an_error_and_no_vector(model: Esm2, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Encoder, "__call__", lambda self, batch: torch.full((len(batch.proteins), 320), torch.inf))
    with pytest.raises(ConfigError, match=messages.Embeddings.not_finite_in_float32):
        model.embed(["MKV"])


@pytest.mark.parametrize(
    ("sequence", "seen"),
    [("", "empty sequence"), ("MK*V", r"'\*'"), ("MKv", "'v'"), ("MK-V", "'-'"), ("MKÄ", "'Ä'"), ("M K", "' '")],
)
def test_what_is_no_protein_is_refused(model: Esm2, sequence: str, seen: str) -> None:
    with pytest.raises(InputError, match=f"{seen}.*number 1"):
        model.embed(["MKV", sequence])


def test_j_is_read_as_unknown(model: Esm2) -> None:
    assert np.array_equal(*model.embed(["MJK", "MXK"]))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"model": "esm2"}, "unknown ESM2 checkpoint 'esm2'"),
        ({"layer": 7}, "has no layer 7. Expected 0 to 6"),
        ({"layer": -1}, "has no layer -1"),
        ({"long": Long.WHOLE}, "Expected long to be truncate or window, got whole"),
        ({"precision": "int8"}, "unknown precision 'int8'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"device": "cuda:7"}, "device cuda:7 is not available"),
        ({"device": "cpu:x"}, "unknown device 'cpu:x'"),
        ({"batch_tokens": 0}, "batch_tokens of at least 1, got 0"),
        ({"weights": Path("no.pt")}, "no such file"),
    ],
)
def test_settings_that_do_not_exist(weights: Path, settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        load_esm2(**{"model": NAME, "weights": weights, "device": "cpu"} | settings)


def settings(**changes: Any) -> argparse.Namespace:
    shape = {"encoder_layers": 6, "encoder_embed_dim": 320, "encoder_attention_heads": 20, "token_dropout": True}
    return argparse.Namespace(**shape | changes)


class TestFilesThatAreNoCheckpoint:
    @pytest.mark.parametrize("share", [0.001, 0.5, 0.999, 1 - 1e-6])
    def test_cut(self, weights: Path, tmp_path: Path, share: float) -> None:
        content = weights.read_bytes()
        path = tmp_path / "cut.pt"
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(InputError, match=messages.Embeddings.cut_short):
            load_esm2(NAME, weights=path)

    @pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x80\x02}q\x00." * 9])
    def test_something_else(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "else.pt"
        path.write_bytes(content)
        with pytest.raises(InputError, match=messages.Embeddings.is_not_checkpoint_torch):
            load_esm2(NAME, weights=path)

    def test_another_zip(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x=np.zeros(3))
        with pytest.raises(InputError, match=messages.Embeddings.not_checkpoint):
            load_esm2(NAME, weights=tmp_path / "a.npz")

    def test_code(self, tmp_path: Path) -> None:
        torch.save({"cfg": Path("x"), "model": {}}, tmp_path / "code.pt")
        with pytest.raises(InputError, match=messages.Embeddings.not_loaded_path):
            load_esm2(NAME, weights=tmp_path / "code.pt")

    @pytest.mark.parametrize(
        "document",
        [
            {"a": 1},
            [1],
            {"cfg": {"model": {}}, "model": {}},
            {"cfg": 1, "model": 2},
            {"cfg": {"model": settings()}, "model": 2},
            {"cfg": {"model": settings()}, "model": {1: torch.zeros(2)}},
            {"cfg": {"model": settings(encoder_layers="6")}, "model": {}},
            {"cfg": {"model": settings(token_dropout=None)}, "model": {}},
            {"cfg": {"model": settings(encoder_embed_dim=torch.zeros(3))}, "model": {}},
            {"cfg": {"model": settings(encoder_embed_dim=torch.zeros(1, dtype=int, device="meta"))}, "model": {}},
        ],
    )
    def test_other_things_of_torch(self, tmp_path: Path, document: object) -> None:
        torch.save(document, tmp_path / "other.pt")
        with pytest.raises(InputError, match=messages.Embeddings.not_checkpoint_esm2):
            load_esm2(NAME, weights=tmp_path / "other.pt")

    def test_another_model(self, weights: Path) -> None:
        for name in CHECKPOINTS:
            if name != NAME:
                with pytest.raises(InputError, match=messages.Embeddings.is_not_expected_layers_got.format(name=name)):
                    load_esm2(name, weights=weights)

    def test_settings_and_tensors_that_disagree(self, module: Any, tmp_path: Path) -> None:
        path = save(module, tmp_path / "liar.pt", encoder_layers=12, encoder_embed_dim=480)
        kind = "does not hold the tensors of esm2_t12_35M_UR50D"
        with pytest.raises(InputError, match=kind + r" \(Missing key.*layers\.\d+\.") as caught:
            load_esm2("esm2_t12_35M_UR50D", weights=path)
        assert caught.value.totals == {kind: 1}

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda tensor: tensor[:-1], r"size mismatch for layers.3.fc1.weight.*\[1279, 320\].*\[1280, 320\]"),
            (lambda tensor: tensor.to_sparse(), "Missing key.*layers.3.fc1.weight"),
            (lambda tensor: tensor.to(torch.complex64), "Missing key.*layers.3.fc1.weight"),
            (lambda tensor: tensor.to(torch.int8), "Missing key.*layers.3.fc1.weight"),
            (lambda tensor: tensor.to("meta"), "Missing key.*layers.3.fc1.weight"),
            (lambda tensor: {"weight": tensor}, "Missing key.*layers.3.fc1.weight"),
        ],
    )
    def test_a_tensor_of_another_kind(self, module: Any, tmp_path: Path, change: Any, match: str) -> None:
        path = save(module, tmp_path / "odd.pt", {"encoder.sentence_encoder.layers.3.fc1.weight": change})
        with pytest.raises(InputError, match=match):
            load_esm2(NAME, weights=path)

    def test_rotary_frequencies_that_differ_between_layers(self, module: Any, tmp_path: Path) -> None:
        name = "encoder.sentence_encoder.layers.3.self_attn.rot_emb.inv_freq"
        path = save(module, tmp_path / "turned.pt", {name: lambda tensor: 2 * tensor})
        with pytest.raises(InputError, match=messages.Embeddings.frequencies_differ):
            load_esm2(NAME, weights=path)


@pytest.mark.parametrize(("missing", "package"), [("torch", "torch"), ("esm", "fair-esm")])
def test_without_the_extra(weights: Path, monkeypatch: pytest.MonkeyPatch, missing: str, package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingPackageError, match=messages.Embeddings.esm2_needs_pip_install.format(package=package)):
        load_esm2(NAME, weights=weights)


def test_another_package_called_esm(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "esm").mkdir()
    (tmp_path / "esm" / "__init__.py").touch()
    (tmp_path / "esm" / "pretrained.py").write_text("ESM3_sm_open_v0 = None")
    for name in [name for name in sys.modules if name.partition(".")[0] == "esm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match=messages.Embeddings.esm2_needs_fair_esm):
        load_esm2(NAME, weights=weights)
