"""ESM2 (Lin et al. 2023, https://doi.org/10.1126/science.ade2574): the mean of a layer over a protein's residues."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.checkpoints import Checkpoint, checksum, find_checkpoint, locate
from homodb.etl.embeddings.encoder import Encoder
from homodb.etl.embeddings.model import DEVICES, PRECISIONS, Identity, Long
from homodb.etl.embeddings.pieces import LIMIT, batches, cut, encode
from homodb.etl.embeddings.weights import read_weights
from homodb.schema.errors import ConfigError, MissingPackageError
from homodb.schema.near import there_are

#: Tokens of a batch, by kind of device: as many as keep it busy.
_BUDGETS = {"cpu": 4096, "mps": 8192, "cuda": 32768}


class Esm2:
    """A checkpoint of ESM2, ready to compute; :func:`load` makes it.

    Parameters
    ----------
    identity
        What makes its vectors what they are.
    encoder
        The forward pass.
    budget
        Tokens of a batch.
    """

    def __init__(self, identity: Identity, encoder: Encoder, budget: int) -> None:
        self._identity = identity
        self._encoder = encoder
        self._budget = budget

    @property
    def identity(self) -> Identity:
        """What makes its vectors what they are."""
        return self._identity

    def embed(self, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed proteins; see :meth:`homodb.etl.embeddings.model.Model.embed`.

        What the model would read twice alike it reads once: equal sequences, and, truncated, those that begin alike.

        Raises
        ------
        InputError
            If a sequence is empty or has letters that are no amino acids.
        ConfigError
            If vectors are not finite: float16 cannot hold them.
        """
        read = LIMIT if self._identity.long is Long.TRUNCATE else None
        places: dict[str, int] = {}
        rows = [places.setdefault(sequence[:read], len(places)) for sequence in sequences]
        vectors = np.zeros((len(places), self._identity.dimensions), np.float32)
        pieces = cut(encode(list(places)), self._identity.long)
        # no result is asked for before all is on its way, so that the device need not wait for this process
        computed = [(batch.proteins, self._encoder(batch)) for batch in batches(pieces, self._budget)]
        for proteins, means in computed:
            for protein, mean in zip(proteins, means.cpu().numpy(), strict=True):
                vectors[protein] += mean
        if not np.isfinite(vectors).all():
            raise ConfigError(
                f"{self._identity.model} gives vectors that are not finite in {self._identity.precision}; "
                "use precision bfloat16 or float32"
            )
        return vectors[rows]


def load(
    model: str,
    *,
    weights: Path | None = None,
    layer: int | None = None,
    long: Long = Long.TRUNCATE,
    device: str = "auto",
    precision: str = "float32",
    batch_tokens: int | None = None,
) -> Esm2:
    """Make a checkpoint ready.

    Parameters
    ----------
    model
        Its name, such as ``esm2_t33_650M_UR50D``.
    weights
        Its file; None takes it from the cache, or fetches it.
    layer
        Layer that vectors come from, 0 (what goes into the first layer) to the last; None for the last, which is
        normalised as fair-esm does.
    long
        ``truncate``: of proteins of over 1022 residues the first 1022 are read. ``window``: overlapping windows of 1022
        are, and every residue counts once, as its mean over the windows that see it.
    device
        ``cpu``, ``cuda`` (or one of them, ``cuda:1``), ``mps``, or ``auto``: the fastest that is there.
    precision
        ``float32``, ``bfloat16`` or ``float16``, of the weights and most of the arithmetic; rotary angles, the last
        norm and the mean are computed in float32.
    batch_tokens
        Tokens that are computed at once; None takes what suits the device. It changes no result.

    Raises
    ------
    ConfigError
        If there is no such checkpoint, layer, way, device or precision.
    InputError
        If the file is no checkpoint, is cut, or is of another model.
    MissingPackageError
        If torch is not installed.
    TransferError, OutputError
        If the weights cannot be fetched.
    """
    checkpoint = find_checkpoint(model)
    layer = _checked_layer(checkpoint, layer)
    if long not in (Long.TRUNCATE, Long.WINDOW):
        raise ConfigError(f"{model} reads {LIMIT} residues at most: long is truncate or window, not {long}")
    if precision not in PRECISIONS:
        raise ConfigError(f"there is no precision {precision!r}" + there_are(precision, PRECISIONS))
    if batch_tokens is not None and batch_tokens < 1:
        raise ConfigError(f"batch_tokens is {batch_tokens}, wanted at least 1")
    device = _checked_device(device)
    path = locate(model, weights)
    identity = Identity(model, layer, long, precision, checksum(path), checkpoint.dimensions)
    read = read_weights(path, checkpoint, layer, device=device, precision=precision)
    return Esm2(identity, Encoder(read), batch_tokens or _BUDGETS[device.partition(":")[0]])


def _checked_layer(checkpoint: Checkpoint, layer: int | None) -> int:
    if layer is None:
        return checkpoint.layers
    if not 0 <= layer <= checkpoint.layers:
        raise ConfigError(f"{checkpoint.name} has layers 0 to {checkpoint.layers}, not {layer}")
    return layer


def _checked_device(device: str) -> str:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingPackageError.of("ESM2", "torch", "etl") from error

    kind, _, number = device.partition(":")
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if kind == "auto":
        return next(name for name, count in there.items() if count)
    if kind not in there or (number and not number.isdecimal()):
        raise ConfigError(f"there is no device {device!r}" + there_are(device, DEVICES))
    if int(number or 0) >= there[kind]:
        raise ConfigError(f"device {device}: torch finds {there[kind]} of kind {kind} here; use auto or cpu")
    return device
