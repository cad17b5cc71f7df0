"""Makes checkpoints in fair-esm's own file form, with random weights, and computes with fair-esm's own forward pass."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings import CHECKPOINTS


def fair_esm(model: str, seed: int = 0) -> Any:
    """fair-esm's module with weights such that every one of them shows in the result."""
    import esm
    import torch

    torch.manual_seed(seed)
    shape = CHECKPOINTS[model]
    module = esm.ESM2(shape.layers, shape.dimensions, shape.heads, token_dropout=True).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "layer_norm" in name:
                parameter.copy_(("weight" in name) + 0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
            elif "self_attn" in name:
                # heads of trained models look at few residues each
                parameter.mul_(2.0)
    return module


def save(module: Any, path: Path, tensors: dict[str, Callable[[Any], object]] | None = None, **changes: Any) -> Path:
    """Write a module as the published files are written.

    `tensors` change tensors by name, `changes` replace settings.
    """
    import torch

    settings = {
        "encoder_layers": module.num_layers,
        "encoder_embed_dim": module.embed_dim,
        "encoder_attention_heads": module.attention_heads,
        "token_dropout": module.token_dropout,
    }
    state = {
        f"encoder.{'' if name.startswith('lm_head') else 'sentence_encoder.'}{name}": tensor
        for name, tensor in module.state_dict().items()
        if not name.startswith("contact_head")
    }
    for name, change in (tensors or {}).items():
        state[name] = change(state[name])
    torch.save({"cfg": {"model": argparse.Namespace(**settings | changes)}, "model": state}, path)
    return path


def mean_of(module: Any, sequences: Sequence[str], layer: int = -1) -> npt.NDArray[np.float32]:
    """One sequence at a time, fair-esm's forward pass, then the mean over residues; shape (sequences, dimensions)."""
    return np.stack([residues(module, sequence)[layer].mean(0) for sequence in sequences])


def residues(module: Any, sequence: str) -> npt.NDArray[np.float32]:
    """Vectors of residues by fair-esm, shape (layers + 1, residues, dimensions)."""
    import torch

    _, _, tokens = module.alphabet.get_batch_converter()([("", sequence)])
    layers = range(module.num_layers + 1)
    with torch.no_grad():
        found = module(tokens, repr_layers=layers)["representations"]
    vectors: npt.NDArray[np.float32] = np.stack(
        [found[layer][0, 1 : len(sequence) + 1].float().numpy() for layer in layers]
    )
    return vectors
