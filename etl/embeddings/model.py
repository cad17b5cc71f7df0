"""Interface of an embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

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
