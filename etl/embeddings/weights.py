"""Reads a checkpoint's file, in the form that fair-esm writes, into the tensors that :mod:`.encoder` multiplies by.

Only what is needed is read (no language-model head, no layer above the wanted one), and one layer at a time is cast and
moved, so that a large model is never in memory twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.etl.embeddings.checkpoints import Checkpoint, check_whole
from homodb.schema.errors import InputError, Problem

if TYPE_CHECKING:
    import torch

#: Letters that ESM2 has, by their number; before them stand <cls>, <pad>, <eos> and <unk>.
LETTERS = dict(zip("LAGVSERTIDPKQNFYMHWCXBUZO", range(4, 29), strict=True))
BEGIN, END = 0, 2
#: Of each residue's vector so much is left where fair-esm's token dropout is on and nothing is masked.
_DROPOUT_SCALE = 1 - 0.15 * 0.8
_TOKENS = 33


@dataclass(frozen=True)
class Layer:
    """A transformer layer.

    Parameters
    ----------
    attention_norm, mlp_norm
        Weight and bias of the layer norms, each (dimensions,).
    qkv
        Weight (3 x dimensions, dimensions) and bias of query, key and value in one. Within each head of query and key
        the two halves are interleaved, so that what is rotated together lies side by side; their product is the same.
    out, up, down
        Weight and bias of the other linear maps.
    """

    attention_norm: tuple[torch.Tensor, torch.Tensor]
    qkv: tuple[torch.Tensor, torch.Tensor]
    out: tuple[torch.Tensor, torch.Tensor]
    mlp_norm: tuple[torch.Tensor, torch.Tensor]
    up: tuple[torch.Tensor, torch.Tensor]
    down: tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Weights:
    """What is needed of a checkpoint.

    Parameters
    ----------
    heads
        Attention heads.
    tokens
        Vectors of the tokens, (33, dimensions).
    layers
        The layers up to the wanted one.
    norm
        Weight and bias of the norm behind the last layer, float32; None where an earlier one is wanted.
    frequencies
        Of the rotary embedding, (dimensions / heads / 2,), float32.
    """

    heads: int
    tokens: torch.Tensor
    layers: tuple[Layer, ...]
    norm: tuple[torch.Tensor, torch.Tensor] | None
    frequencies: torch.Tensor


def read_weights(path: Path, checkpoint: Checkpoint, layer: int, *, device: str, precision: str) -> Weights:
    """Read the weights of a checkpoint.

    Parameters
    ----------
    path
        Its file.
    checkpoint
        Which one it should be.
    layer
        The wanted layer.
    device, precision
        Where the tensors shall be, and as what.

    Raises
    ------
    InputError
        If it is no checkpoint, is cut, holds anything but tensors and settings, or is of another model.
    """
    import torch

    document = _load(path)
    state, settings = _checked(path, document, checkpoint)
    dtype = getattr(torch, precision)
    depth = range(layer)
    norms = ["emb_layer_norm_after"] if layer == checkpoint.layers else []
    _check_shapes(path, state, checkpoint, depth, norms)

    def moved(tensor: torch.Tensor, kind: torch.dtype = dtype) -> torch.Tensor:
        return tensor.to(kind).to(device).contiguous()

    def pair(name: str, kind: torch.dtype = dtype) -> tuple[torch.Tensor, torch.Tensor]:
        return moved(state[f"{name}.weight"], kind), moved(state[f"{name}.bias"], kind)

    order = _interleaved(checkpoint)

    def read_layer(number: int) -> Layer:
        name = f"layers.{number}"
        qkv = [
            torch.cat(
                [
                    state[f"{name}.self_attn.q_proj.{part}"].to(dtype)[order],
                    state[f"{name}.self_attn.k_proj.{part}"].to(dtype)[order],
                    state[f"{name}.self_attn.v_proj.{part}"].to(dtype),
                ]
            )
            for part in ("weight", "bias")
        ]
        return Layer(
            attention_norm=pair(f"{name}.self_attn_layer_norm"),
            qkv=(moved(qkv[0]), moved(qkv[1])),
            out=pair(f"{name}.self_attn.out_proj"),
            mlp_norm=pair(f"{name}.final_layer_norm"),
            up=pair(f"{name}.fc1"),
            down=pair(f"{name}.fc2"),
        )

    tokens = state["embed_tokens.weight"].float()
    return Weights(
        heads=checkpoint.heads,
        tokens=moved(tokens * _DROPOUT_SCALE if settings.token_dropout else tokens),
        layers=tuple(map(read_layer, depth)),
        norm=pair(norms[0], torch.float32) if norms else None,
        frequencies=_frequencies(path, state, checkpoint).to(device),
    )


def _load(path: Path) -> Any:
    """Load the file without running anything in it: of classes, only the one that holds settings is let in."""
    import argparse
    import pickle
    import re

    import torch

    check_whole(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        # the rest of torch's message tells how to switch its safety off
        found = re.search(r"Unsupported [^.\n]*(\.\w[^.\n]*)*", str(error))
        seen = found[0] if found else "UnpicklingError"
        raise InputError(path, [Problem(0, "holds more than tensors and settings: not loaded", seen)]) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise InputError(path, [Problem(0, "is damaged: fetch it again", str(error).partition("\n")[0])]) from error


def _checked(path: Path, document: Any, checkpoint: Checkpoint) -> tuple[dict[str, torch.Tensor], Any]:
    """Return tensors by name and the settings, of the checkpoint that was wanted."""
    import torch

    try:
        settings, tensors = document["cfg"]["model"], document["model"]
        told = (settings.encoder_layers, settings.encoder_embed_dim, settings.encoder_attention_heads)
        state = {_short(name): tensor for name, tensor in tensors.items()}
        bool(settings.token_dropout)
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        seen = f"{type(error).__name__}: {error}"
        raise InputError(path, [Problem(0, "is no checkpoint of ESM2 as fair-esm writes it", seen)]) from error
    wanted = (checkpoint.layers, checkpoint.dimensions, checkpoint.heads)
    if told != wanted:
        seen = "has {} layers of {} dimensions and {} heads where ".format(*told)
        seen += "{} of {} and {} were wanted".format(*wanted)
        raise InputError(path, [Problem(0, f"is not {checkpoint.name}", seen)])
    return {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}, settings


def _short(name: str) -> str:
    return name.removeprefix("encoder.").removeprefix("sentence_encoder.")


def _check_shapes(
    path: Path, state: Mapping[str, torch.Tensor], checkpoint: Checkpoint, depth: Iterable[int], norms: Iterable[str]
) -> None:
    wide = checkpoint.dimensions
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (_TOKENS, wide)}
    maps: dict[str, tuple[int, ...]] = {"fc1": (4 * wide, wide), "fc2": (wide, 4 * wide)}
    maps |= {f"self_attn.{part}_proj": (wide, wide) for part in ("q", "k", "v", "out")}
    maps |= {"self_attn_layer_norm": (wide,), "final_layer_norm": (wide,)}
    for name, shape in [(f"layers.{number}.{one}", maps[one]) for number in depth for one in maps]:
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (wide,), f"{name}.bias": (wide,)}
    problems = [Problem(0, "a tensor is missing", name) for name in shapes if name not in state]
    problems += [
        Problem(0, "a tensor of another shape", f"{name}: {tuple(state[name].shape)} where {shape} was wanted")
        for name, shape in shapes.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    if problems:
        raise InputError(path, problems)


def _interleaved(checkpoint: Checkpoint) -> torch.Tensor:
    """Return the order of rows that puts the two halves of each head side by side."""
    import torch

    rows = torch.arange(checkpoint.dimensions)
    return rows.view(checkpoint.heads, 2, -1).transpose(1, 2).reshape(-1)


def _frequencies(path: Path, state: Mapping[str, torch.Tensor], checkpoint: Checkpoint) -> torch.Tensor:
    """Return the rotary frequencies as the file has them (some files keep them rounded), or as they are made."""
    import torch

    width = checkpoint.dimensions // checkpoint.heads
    kept = [tensor.float() for name, tensor in state.items() if name.endswith(".self_attn.rot_emb.inv_freq")]
    if not kept:
        return 1.0 / (10000 ** (torch.arange(0, width, 2).float() / width))
    if any(one.shape != (width // 2,) or not torch.equal(one, kept[0]) for one in kept):
        raise InputError(path, [Problem(0, "rotary frequencies of another shape, or that differ between layers")])
    return kept[0]
