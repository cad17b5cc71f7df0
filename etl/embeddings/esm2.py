"""ESM2: the mean of a layer over the residues of a protein.

Lin et al. 2023, https://doi.org/10.1126/science.ade2574.

The model, its letters and the loading of its checkpoints are fair-esm's. homodb plans the batches and runs a faster
forward pass over fair-esm's modules. It gives fair-esm's numbers to 1e-5 without what they do not need: no padding
(sequences are packed one after another, and attention runs over those of one length at a time, so nothing needs a
mask), no table of attention weights, no language-model head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.model import (
    DEVICES,
    PRECISIONS,
    Checkpoint,
    Identity,
    Long,
    check_packages,
    find_checkpoint,
    load_module,
    locate_weights,
    weights_checksum,
)
from homodb.schema.errors import ConfigError, InputError, Problem
from homodb.schema.messages import choices_hint

if TYPE_CHECKING:
    import torch
    from esm.data import Alphabet
    from esm.model.esm2 import ESM2
    from esm.modules import TransformerLayer

#: Residues that ESM2 was trained to read at once; with the tokens for begin and end, 1024.
LIMIT = 1022
#: Residues that neighbouring windows share at least.
OVERLAP = 256
#: Tokens of a batch, by kind of device: as many as keep it busy.
_BUDGETS = {"cpu": 4096, "mps": 8192, "cuda": 32768}
#: Scale of a residue's vector where fair-esm's token dropout is on and nothing is masked.
_DROPOUT_SCALE = 1 - 0.15 * 0.8


def load_esm2(
    model: str,
    *,
    weights: Path | None = None,
    layer: int | None = None,
    long: Long = Long.TRUNCATE,
    device: str = "auto",
    precision: str = "float32",
    batch_tokens: int | None = None,
) -> Esm2:
    """Load a checkpoint of ESM2.

    Parameters
    ----------
    model
        Name of the checkpoint, such as ``esm2_t33_650M_UR50D``.
    weights
        File of the checkpoint; None takes the file in the cache, fetched on first use.
    layer
        Layer that the vectors come from, 0 (the input of the first layer) to the last; None for the last, which is
        normalised as in fair-esm.
    long
        ``truncate`` reads the first 1022 residues of longer proteins. ``window`` reads overlapping windows of 1022
        residues, and every residue counts once, as its mean over the windows that contain it.
    device
        ``cpu``, ``cuda`` (or a single card, ``cuda:1``), ``mps``, or ``auto`` for the fastest available.
    precision
        ``float32``, ``bfloat16`` or ``float16``, of the weights and most of the arithmetic; rotary angles, the last
        norm and the mean are computed in float32.
    batch_tokens
        Number of tokens that are computed at once; None takes what suits the device. It does not change the result.

    Raises
    ------
    ConfigError
        If there is no such checkpoint, layer, device or precision, or `long` is another policy.
    InputError
        If the file is not a checkpoint, is cut short, or is another model.
    MissingPackageError
        If torch or fair-esm is not installed.
    TransferError, OutputError
        If the weights cannot be fetched.
    """
    checkpoint = find_checkpoint(model)
    layer = _checked_layer(checkpoint, layer)
    if long not in (Long.TRUNCATE, Long.WINDOW):
        raise ConfigError(f"{model} reads at most {LIMIT} residues. Expected long to be truncate or window, got {long}")
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}" + choices_hint(precision, PRECISIONS))
    if batch_tokens is not None and batch_tokens < 1:
        raise ConfigError(f"expected batch_tokens of at least 1, got {batch_tokens}")
    check_packages()
    device = _checked_device(device)
    path = locate_weights(model, weights)
    identity = Identity(model, layer, long, precision, weights_checksum(path), checkpoint.dimensions)
    encoder = Encoder(load_module(path, checkpoint), layer, device=device, precision=precision)
    return Esm2(identity, encoder, batch_tokens or _BUDGETS[device.partition(":")[0]])


class Esm2:
    """A checkpoint of ESM2, ready to compute; :func:`load_esm2` returns it.

    Parameters
    ----------
    identity
        Identity of the model.
    encoder
        Forward pass.
    budget
        Number of tokens of a batch.
    """

    def __init__(self, identity: Identity, encoder: Encoder, budget: int) -> None:
        self._identity = identity
        self._encoder = encoder
        self._budget = budget

    @property
    def identity(self) -> Identity:
        """Identity of the model."""
        return self._identity

    def embed(self, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed proteins; see :meth:`homodb.etl.embeddings.Model.embed`.

        Equal input is computed once: equal sequences and, if truncated, sequences with equal beginnings.

        Raises
        ------
        InputError
            If a sequence is empty or has letters that are not amino acids.
        ConfigError
            If vectors are not finite because the precision cannot hold them.
        """
        limit = LIMIT if self._identity.long is Long.TRUNCATE else None
        places: dict[str, int] = {}
        rows = [places.setdefault(sequence[:limit], len(places)) for sequence in sequences]
        vectors = np.zeros((len(places), self._identity.dimensions), np.float32)
        alphabet = self._encoder.alphabet
        pieces = cut(encode(list(places), alphabet), self._identity.long)
        # results are fetched after all batches are sent, so that the device need not wait for this process
        computed = [(batch.proteins, self._encoder(batch)) for batch in batches(pieces, self._budget, alphabet)]
        for proteins, means in computed:
            for protein, mean in zip(proteins, means.cpu().numpy(), strict=True):
                vectors[protein] += mean
        if not np.isfinite(vectors).all():
            raise ConfigError(
                f"{self._identity.model} gives vectors that are not finite in {self._identity.precision}; "
                "use precision bfloat16 or float32"
            )
        return vectors[rows]


class Encoder:
    """Forward pass of ESM2, from tokens to weighted means of residues.

    Parameters
    ----------
    module
        fair-esm's module. Its layers are changed: moved, cast, and each with its three projections in one.
    layer
        Layer that the vectors come from; those above are not moved.
    device, precision
        Device and type of the weights. One layer at a time is cast and moved, so that a large model is never in
        memory twice.
    """

    def __init__(self, module: ESM2, layer: int, *, device: str, precision: str) -> None:
        import torch

        self.alphabet: Alphabet = module.alphabet
        self._device, dtype = torch.device(device), getattr(torch, precision)
        self._heads = module.attention_heads
        tokens = module.embed_tokens.weight.float()
        self._tokens = (tokens * _DROPOUT_SCALE if module.token_dropout else tokens).to(self._device, dtype)
        frequencies = module.layers[0].self_attn.rot_emb.inv_freq.float().to(self._device)
        angles = torch.outer(torch.arange(LIMIT + 2, device=self._device).float(), frequencies)
        turns = torch.stack((angles.cos(), angles.sin()), -1).unsqueeze(1)
        # a product of long rows is faster on a CPU than one of many short ones
        self._turns = turns.expand(-1, self._heads if self._device.type == "cpu" else 1, -1, -1).contiguous()
        # Metal computes with complex numbers only in some versions
        self._complex = self._device.type != "mps"
        self._layers = [_with_one_projection(one, dtype).to(self._device, dtype) for one in module.layers[:layer]]
        is_last = layer == len(module.layers)
        self._norm = module.emb_layer_norm_after.to(self._device, torch.float32) if is_last else None

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Compute the weighted mean of each piece's residues.

        Returns
        -------
        torch.Tensor
            Shape (pieces, dimensions), float32, on the device; it may still be computing.
        """
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            x = functional.embedding(self._sent(batch.tokens), self._tokens)
            turns = self._turns[self._sent(batch.positions)].unsqueeze(1)
            for layer in self._layers:
                self._add_attention(x, layer, turns, batch.groups)
                x += layer.fc2(functional.gelu(layer.fc1(layer.final_layer_norm(x))))
            x = x.float()
            if self._norm is not None:
                x = self._norm(x)
            return _means(x, self._sent(batch.weights), batch.groups)

    def _sent(self, array: npt.NDArray[np.int32] | npt.NDArray[np.float32]) -> torch.Tensor:
        """Send an array to the device without waiting for the device."""
        import torch

        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)

    def _add_attention(
        self, x: torch.Tensor, layer: TransformerLayer, turns: torch.Tensor, groups: tuple[tuple[int, int], ...]
    ) -> None:
        import torch
        from torch.nn import functional

        tokens, wide = x.shape
        qkv = layer.self_attn.qkv_proj(layer.self_attn_layer_norm(x))
        self._rotate(qkv[:, : 2 * wide].view(tokens, 2, self._heads, -1, 2), turns)
        sizes, parts = [count * length for count, length in groups], []
        for (count, length), part in zip(groups, torch.split(qkv, sizes), strict=True):
            query, key, value = part.view(count, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(query, key, value)
            parts.append(mixed.transpose(1, 2).reshape(count * length, wide))
        x += layer.self_attn.out_proj(parts[0] if len(parts) == 1 else torch.cat(parts))

    def _rotate(self, pairs: torch.Tensor, turns: torch.Tensor) -> None:
        """Rotate pairs in place by the angle of their position and frequency."""
        import torch

        exact = pairs.float()
        if self._complex:
            torch.view_as_complex(exact).mul_(torch.view_as_complex(turns))
            turned = exact
        else:
            cosine, sine = turns.unbind(-1)
            first, second = exact.unbind(-1)
            turned = torch.stack((first * cosine - second * sine, second * cosine + first * sine), -1)
        if turned is not pairs:
            pairs.copy_(turned)


def _with_one_projection(layer: TransformerLayer, dtype: torch.dtype) -> TransformerLayer:
    """Replace the three projections of a layer's attention by one.

    Within each head of query and key the two halves are interleaved, so that the numbers that are rotated together lie
    side by side; the product of query and key stays the same.
    """
    import torch

    attention = layer.self_attn
    wide = attention.embed_dim
    order = torch.arange(wide).view(attention.num_heads, 2, -1).transpose(1, 2).reshape(-1)
    query, key, value = attention.q_proj, attention.k_proj, attention.v_proj
    del attention.q_proj, attention.k_proj, attention.v_proj
    qkv = torch.nn.Linear(wide, 3 * wide, device="meta")
    for name in ("weight", "bias"):
        q, k, v = (getattr(one, name).to(dtype) for one in (query, key, value))
        setattr(qkv, name, torch.nn.Parameter(torch.cat([q[order], k[order], v]), requires_grad=False))
    attention.qkv_proj = qkv
    return layer


def _means(x: torch.Tensor, weights: torch.Tensor, groups: tuple[tuple[int, int], ...]) -> torch.Tensor:
    import torch

    sizes = [count * length for count, length in groups]
    return torch.cat(
        [
            torch.bmm(weight.view(count, 1, length), part.view(count, length, -1)).squeeze(1)
            for (count, length), part, weight in zip(
                groups, torch.split(x, sizes), torch.split(weights, sizes), strict=True
            )
        ]
    )


@dataclass(frozen=True)
class Piece:
    """A stretch of a protein that ESM2 reads at once.

    Parameters
    ----------
    protein
        Number of the protein.
    codes
        Its residues as ESM2's tokens, uint8.
    weights
        Weight of each residue in the protein's mean, float32; over all pieces of a protein they sum to 1.
    """

    protein: int
    codes: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Pieces one after another, without padding.

    Parameters
    ----------
    proteins
        Number of the protein of each piece.
    tokens, positions, weights
        Of each token, including the begin and the end of each piece: its number in the alphabet, its position in the
        piece, and its weight in the mean (0 for begin and end). Shape (tokens,), int32, int32 and float32.
    groups
        Runs of pieces of one length: the number of pieces, and the number of tokens of each.
    """

    proteins: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    groups: tuple[tuple[int, int], ...]


def encode(sequences: Sequence[str], alphabet: Alphabet) -> list[npt.NDArray[np.uint8]]:
    """Turn sequences into ESM2's tokens.

    Parameters
    ----------
    sequences
        Amino acids in upper case: the twenty, and B, J, O, U, X, Z.
    alphabet
        fair-esm's alphabet. It lacks J (leucine or isoleucine), which is read as X.

    Raises
    ------
    InputError
        If a sequence is empty or has any other letter; lists all of them.
    """
    letters = {token: alphabet.get_idx(token) for token in alphabet.standard_toks if token.isalpha()}
    letters["J"] = letters["X"]
    code_of_byte = np.zeros(256, np.uint8)  # 0 is no letter: it is the token for begin
    for letter, code in letters.items():
        code_of_byte[ord(letter)] = code
    # a character outside ASCII becomes a "?", which is refused as well
    encoded = [code_of_byte[np.frombuffer(one.encode("ascii", "replace"), np.uint8)] for one in sequences]
    problems = [Problem(0, "an empty sequence", f"number {i}") for i, codes in enumerate(encoded) if not len(codes)]
    problems += [
        Problem(0, "letters that are not amino acids", f"{''.join(sorted({*sequences[i]} - {*letters}))!r}, number {i}")
        for i, codes in enumerate(encoded)
        if not codes.all()
    ]
    if problems:
        raise InputError("sequences", problems)
    return encoded


def cut(encoded: Sequence[npt.NDArray[np.uint8]], long: Long) -> list[Piece]:
    """Cut proteins into pieces of at most 1022 residues.

    Parameters
    ----------
    long
        ``truncate`` leaves out what is beyond 1022 residues. ``window`` takes as few windows of 1022 residues as
        overlap by 256 or more, evenly spread. A residue in several windows counts as its mean over them, so that every
        residue of the protein counts once.
    """
    return [piece for number, codes in enumerate(encoded) for piece in _pieces(number, codes, long)]


def _pieces(number: int, codes: npt.NDArray[np.uint8], long: Long) -> Iterator[Piece]:
    if long is Long.TRUNCATE:
        codes = codes[:LIMIT]
    starts = window_starts(len(codes))
    windows = np.zeros(len(codes), np.int64)
    for start in starts:
        windows[start : start + LIMIT] += 1
    weights = (1.0 / (windows * len(codes))).astype(np.float32)
    for start in starts:
        yield Piece(number, codes[start : start + LIMIT], weights[start : start + LIMIT])


def window_starts(length: int) -> list[int]:
    """Return the first residue of each window of a protein.

    Examples
    --------
    >>> window_starts(1022), window_starts(1023), window_starts(2000)
    ([0], [0, 1], [0, 489, 978])
    """
    if length <= LIMIT:
        return [0]
    count = -(-(length - OVERLAP) // (LIMIT - OVERLAP))
    return [i * (length - LIMIT) // (count - 1) for i in range(count)]


def batches(pieces: Sequence[Piece], budget: int, alphabet: Alphabet) -> Iterator[Batch]:
    """Gather pieces into batches, the longest first. So a lack of memory shows at once.

    Parameters
    ----------
    budget
        Maximum number of tokens of a batch; a longer piece is a batch of its own.
    """
    gathered: list[Piece] = []
    tokens = 0
    for piece in sorted(pieces, key=lambda piece: -len(piece.codes)):
        if gathered and tokens + len(piece.codes) + 2 > budget:
            yield _batch(gathered, alphabet)
            gathered, tokens = [], 0
        gathered.append(piece)
        tokens += len(piece.codes) + 2
    if gathered:
        yield _batch(gathered, alphabet)


def _batch(pieces: Sequence[Piece], alphabet: Alphabet) -> Batch:
    begin, end = (np.array([code], np.uint8) for code in (alphabet.cls_idx, alphabet.eos_idx))
    zero = np.zeros(1, np.float32)
    lengths = [len(piece.codes) + 2 for piece in pieces]
    return Batch(
        proteins=np.array([piece.protein for piece in pieces], np.int64),
        tokens=np.concatenate([part for piece in pieces for part in (begin, piece.codes, end)]).astype(np.int32),
        positions=np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        weights=np.concatenate([part for piece in pieces for part in (zero, piece.weights, zero)]),
        groups=tuple((len(list(run)), length) for length, run in groupby(lengths)),
    )


def _checked_layer(checkpoint: Checkpoint, layer: int | None) -> int:
    if layer is None:
        return checkpoint.layers
    if not 0 <= layer <= checkpoint.layers:
        raise ConfigError(f"{checkpoint.name} has no layer {layer}. Expected 0 to {checkpoint.layers}")
    return layer


def _checked_device(device: str) -> str:
    import torch

    kind, _, number = device.partition(":")
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if kind == "auto":
        return next(name for name, count in counts.items() if count)
    if kind not in counts or (number and not number.isdecimal()):
        raise ConfigError(f"unknown device {device!r}" + choices_hint(device, DEVICES))
    if int(number or 0) >= counts[kind]:
        raise ConfigError(f"device {device} is not available. torch has {counts[kind]} of kind {kind}; use auto or cpu")
    return device
