"""A tiny sentence model of random weights, and small tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from homodb.query.annotate import AnnotationTask, OrthologyLinks
from homodb.query.cells import SpeciesCells
from homodb.schema.species import find


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sentence model with one layer of 16 dimensions that reads letter by letter."""
    pytest.importorskip("sentence_transformers", reason="needs sentence-transformers (homodb[annotate])")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    raw = folder / "raw"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = BertConfig(
            vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=256,
        )  # fmt: skip
        BertModel(config).save_pretrained(raw, safe_serialization=True)
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"))
    tokenizer.model_max_length = 256
    tokenizer.save_pretrained(raw)
    SentenceTransformer(str(raw), device="cpu", local_files_only=True).save(str(folder / "model"))
    return folder / "model"


MakeSide = Callable[..., SpeciesCells]


@pytest.fixture
def make_side() -> MakeSide:
    def make(counts: Any, symbols: Sequence[str], species: str, **more: Any) -> SpeciesCells:
        matrix = sp.csr_matrix(np.asarray(counts, np.float64))
        cells, genes = matrix.shape
        plain = {
            "genes": np.arange(genes, dtype=np.int64) + 100,
            "housekeeping": np.array([one.upper().startswith(("RPL", "RPS", "MT-")) for one in symbols]),
            "cells": tuple(f"{species}{n}" for n in range(cells)),
            "label": np.full(cells, -1, np.int64),
        }
        return SpeciesCells(matrix, symbols=tuple(symbols), species=find(species), **{**plain, **more})

    return make


MakeTask = Callable[..., AnnotationTask]


@pytest.fixture
def make_task(make_side: MakeSide) -> MakeTask:
    """Mouse cells of two kinds, to be labelled by human cells of the same kinds; genes are linked in their order."""

    def make(n: int = 8, seed: int = 0, **parameters: Any) -> AnnotationTask:
        rng = np.random.default_rng(seed)
        symbols = ("ALB", "BMP", "CCK", "DCN", "EGF", "FOS", "RPL3", "MT-ND1")
        high = np.array([[9, 8, 7, 0, 0, 0, 20, 20], [0, 0, 0, 9, 8, 7, 20, 20]])
        kind = np.arange(n) % 2
        sides = [rng.poisson(high[kind]).astype(float) + high[kind] for _ in range(2)]
        human = make_side(sides[0], symbols, "human", label=kind.astype(np.int64))
        mouse = make_side(sides[1], [one.title() for one in symbols], "mouse")
        every = np.arange(len(symbols), dtype=np.int64)
        links = OrthologyLinks(every, every, np.ones(len(symbols)), ("both",) * len(symbols), "ENS_M2M")
        return AnnotationTask(human, mouse, links, links, ("abc", "def"), {"top": 3, "k": 3, **parameters})

    return make
