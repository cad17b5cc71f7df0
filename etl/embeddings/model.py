"""Define models of proteins, their checkpoints and what identifies them.

Lin et al. 2023, https://doi.org/10.1126/science.ade2574.
"""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import ConfigError, InputError, MissingPackageError, Problem
from homodb.schema.io import make_folder, whole_file
from homodb.schema.messages import choices_hint
from homodb.schema.settings import cache_folder

if TYPE_CHECKING:
    import argparse

    import httpx
    import torch
    from esm.model.esm2 import ESM2

    from homodb.schema.io.http import RetryPolicy


#: Devices that a model computes on; ``auto`` is the fastest available.
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "bfloat16", "float16")


class Long(StrEnum):
    """Treatment of proteins that are longer than a model reads at once."""

    #: The model reads proteins of any length.
    WHOLE = "whole"
    #: Residues beyond the model's limit are left out, as in the reference implementation.
    TRUNCATE = "truncate"
    #: Overlapping windows are averaged over residues.
    WINDOW = "window"


@dataclass(frozen=True)
class Identity:
    """Everything that determines the vectors of a model: the key of a store.

    Parameters
    ----------
    model
        ``kmer``, or the name of a checkpoint.
    layer
        Layer that the vectors come from; None for a model without layers.
    long
        Treatment of long proteins.
    precision
        ``float32``, ``bfloat16`` or ``float16``.
    weights
        SHA-256 of the weights, hexadecimal; None for a model without weights.
    dimensions
        Length of a vector.
    """

    model: str
    layer: int | None
    long: Long
    precision: str
    weights: str | None
    dimensions: int


class Model(Protocol):
    """An embedding model that is loaded and ready to compute."""

    @property
    def identity(self) -> Identity:
        """Identity of the model."""
        ...

    def embed(self, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed proteins.

        Returns
        -------
        numpy.ndarray
            One vector per protein, shape (sequences, dimensions), float32.
        """
        ...


#: Address that fair-esm's checkpoints are published at (https://github.com/facebookresearch/esm, table of models).
_PUBLISHED = "https://dl.fbaipublicfiles.com/fair-esm/models"


@dataclass(frozen=True)
class Checkpoint:
    """Number of layers, dimensions and attention heads of a checkpoint."""

    name: str
    layers: int
    dimensions: int
    heads: int

    @property
    def url(self) -> str:
        """Address of the published file."""
        return f"{_PUBLISHED}/{self.name}.pt"


#: Checkpoints by name.
CHECKPOINTS = {
    one.name: one
    for one in (
        Checkpoint("esm2_t6_8M_UR50D", 6, 320, 20),
        Checkpoint("esm2_t12_35M_UR50D", 12, 480, 20),
        Checkpoint("esm2_t30_150M_UR50D", 30, 640, 20),
        Checkpoint("esm2_t33_650M_UR50D", 33, 1280, 20),
        Checkpoint("esm2_t36_3B_UR50D", 36, 2560, 40),
        Checkpoint("esm2_t48_15B_UR50D", 48, 5120, 40),
    )
}

#: Names of all embedding models.
MODELS = ("kmer", *CHECKPOINTS)


def find_checkpoint(model: str) -> Checkpoint:
    """Return a checkpoint by its name.

    Raises
    ------
    ConfigError
        If there is no checkpoint of that name.

    Examples
    --------
    >>> find_checkpoint("esm2_t33_650M_UR50D").dimensions
    1280
    """
    if model not in CHECKPOINTS:
        raise ConfigError(f"unknown ESM2 checkpoint {model!r}" + choices_hint(model, CHECKPOINTS))
    return CHECKPOINTS[model]


def locate_weights(
    model: str,
    weights: Path | None = None,
    *,
    client: httpx.Client | None = None,
    patience: RetryPolicy | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Path:
    """Return the file of a checkpoint, fetched into the cache if needed.

    The publisher gives no checksums. Therefore the SHA-256 of a fetched file is written beside it, and
    :func:`weights_checksum` compares the file with it from then on.

    Parameters
    ----------
    model
        Name of the checkpoint.
    weights
        File of the checkpoint; None takes the file in the cache, fetched on first use.
    client, patience, progress
        As in :func:`homodb.schema.io.transfer.fetch`, where `progress` is `report`.

    Raises
    ------
    ConfigError
        If there is no such checkpoint, or no such file.
    InputError
        If the fetched file is not a checkpoint; nothing is kept then.
    TransferError, OutputError
        If the file cannot be fetched or written.
    """
    checkpoint = find_checkpoint(model)
    if weights is not None:
        if not weights.is_file():
            raise ConfigError(f"{weights}: no such file. Expected the weights of {model}")
        return weights
    path = cache_folder() / "weights" / f"{model}.pt"
    if _record(path).is_file() and path.is_file():
        return path
    from homodb.schema.io.transfer import fetch

    make_folder(path.parent)
    fetched = fetch(checkpoint.url, path, keep=True, client=client, patience=patience, report=progress)
    try:
        check_weights_file(path)
    except InputError:
        path.unlink(missing_ok=True)
        raise
    with whole_file(_record(path)) as record:
        record.write_text(f"{fetched.sha256}  {path.name}\n", "utf-8")
    return path


def check_weights_file(path: Path) -> None:
    """Check that a file is a complete archive of torch.

    torch writes a zip file, whose table of contents comes last, so a truncated file is noticed.

    Raises
    ------
    InputError
        If the file is cut short, or is not a checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(path, [Problem(0, _broken(path), str(error))]) from error
    if not any(name.endswith("data.pkl") for name in names):
        raise InputError(path, [Problem(0, "is a zip file, but not a checkpoint of torch")])


def weights_checksum(path: Path) -> str:
    """Return the SHA-256 of a checkpoint's file.

    Raises
    ------
    InputError
        If the file cannot be read, or was altered since it was fetched.
    """
    try:
        with path.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        record = _record(path)
        recorded = record.read_text("utf-8").split()[:1] if record.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, [Problem(0, "cannot be read", str(error))]) from error
    if recorded not in ([], [checksum]):
        detail = f"expected sha256 {recorded[0]} as in {record.name}, got {checksum}"
        raise InputError(path, [Problem(0, "was altered after it was fetched; delete both files to fetch it", detail)])
    return checksum


def load_module(path: Path, checkpoint: Checkpoint) -> ESM2:
    """Load a checkpoint's file into fair-esm's ESM2 module.

    fair-esm builds the module on torch's meta device, which takes no memory, and checks the file's tensors against
    it; then the module gets the tensors themselves, which stay mapped to the file.

    Raises
    ------
    InputError
        If the file is not a checkpoint, is cut short, holds anything but tensors and settings, or is another model.
    MissingPackageError
        If torch or fair-esm is not installed.
    """
    check_packages()
    import torch
    from esm.pretrained import load_model_and_alphabet_core

    settings, tensors = _checked(path, _read(path), checkpoint)
    document = {"cfg": {"model": settings}, "model": tensors}
    try:
        # on the meta device torch warns of every tensor that it does not copy, and fair-esm of the contact head
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            module, _ = load_model_and_alphabet_core(checkpoint.name, document, None)
    except RuntimeError as error:
        details = str(error).splitlines()[1:] or [str(error)]
        kind = f"does not hold the tensors of {checkpoint.name}"
        raise InputError(path, [Problem(0, kind, detail.strip()) for detail in details]) from error
    module.load_state_dict(tensors, strict=False, assign=True)
    frequencies = [layer.self_attn.rot_emb.inv_freq for layer in module.layers]
    if not all(torch.equal(frequencies[0], one) for one in frequencies):
        raise InputError(path, [Problem(0, "has rotary frequencies that differ between layers")])
    return module.requires_grad_(requires_grad=False)


def check_packages() -> None:
    """Check that torch and fair-esm are installed.

    Raises
    ------
    MissingPackageError
        If one of them is missing.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingPackageError.of("ESM2", "torch", "etl") from error
    try:
        from esm.pretrained import load_model_and_alphabet_core  # noqa: F401
    except ImportError as error:  # also where another distribution has a package of this name
        raise MissingPackageError.of("ESM2", "fair-esm", "etl") from error


def _read(path: Path) -> Any:
    """Read the file without running anything in it. The only class that is allowed is the one that holds settings."""
    import argparse
    import pickle
    import re

    import torch

    check_weights_file(path)
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        # the rest of torch's message explains how to switch its safety off
        unsupported = re.search(r"Unsupported [^.\n]*(\.\w[^.\n]*)*", str(error))
        detail = unsupported[0] if unsupported else "UnpicklingError"
        raise InputError(
            path, [Problem(0, "holds more than tensors and settings, so it is not loaded", detail)]
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        # the first sentence: a later one may explain how to switch torch's safety off
        detail = str(error).partition("\n")[0].partition(". ")[0]
        raise InputError(path, [Problem(0, "is damaged; fetch it again", detail)]) from error


def _checked(path: Path, document: Any, checkpoint: Checkpoint) -> tuple[argparse.Namespace, dict[str, torch.Tensor]]:
    """Return the settings and the tensors that fair-esm needs. Nothing else of the file is passed on."""
    import argparse

    try:
        settings = document["cfg"]["model"]
        shape = (settings.encoder_layers, settings.encoder_embed_dim, settings.encoder_attention_heads)
        layers, dimensions, heads, token_dropout = map(index, (*shape, settings.token_dropout))
        tensors = {_short(name): tensor for name, tensor in document["model"].items() if _is_plain(tensor)}
    except (TypeError, KeyError, AttributeError, IndexError, RuntimeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise InputError(path, [Problem(0, "is not a checkpoint of ESM2 as fair-esm writes it", detail)]) from error
    if (layers, dimensions, heads) != (checkpoint.layers, checkpoint.dimensions, checkpoint.heads):
        detail = (
            f"expected {checkpoint.layers} layers of {checkpoint.dimensions} dimensions and {checkpoint.heads} heads, "
        )
        detail += f"got {layers} of {dimensions} and {heads}"
        raise InputError(path, [Problem(0, f"is not {checkpoint.name}", detail)])
    settings = argparse.Namespace(
        encoder_layers=layers,
        encoder_embed_dim=dimensions,
        encoder_attention_heads=heads,
        token_dropout=bool(token_dropout),
    )
    return settings, tensors


def _is_plain(value: object) -> bool:
    """Return True for a dense tensor of floating-point numbers in memory."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.is_floating_point()
        and value.device.type == "cpu"
    )


def _short(name: str) -> str:
    return name.removeprefix("encoder.").removeprefix("sentence_encoder.")


def _broken(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            begins_as_zip = stream.read(4) == b"PK\x03\x04"
    except OSError:
        return "cannot be read"
    return "is cut short; fetch it again" if begins_as_zip else "is not a checkpoint of torch"


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
