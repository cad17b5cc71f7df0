"""What an embedding model is to the rest of homodb: a name, a shape, and a pure function from sequences to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

#: Where a model computes; ``auto`` is the fastest that is there.
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "bfloat16", "float16")


class Long(StrEnum):
    """What is done with proteins that are longer than a model reads at once."""

    #: The model reads any length.
    WHOLE = "whole"
    #: Residues beyond the model's limit are left out (the reference's way).
    TRUNCATE = "truncate"
    #: Overlapping windows, averaged by residues.
    WINDOW = "window"


@dataclass(frozen=True)
class Identity:
    """What makes the vectors of two runs the same: the key of a store.

    Parameters
    ----------
    model
        ``kmer``, or a checkpoint's name.
    layer
        Layer that vectors come from; None for a model without layers.
    long
        What is done with long proteins.
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
    """An embedding model, ready to compute."""

    @property
    def identity(self) -> Identity:
        """What makes its vectors what they are."""
        ...

    def embed(self, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed proteins.

        Parameters
        ----------
        sequences
            Amino acids in upper case, without stops.

        Returns
        -------
        numpy.ndarray
            One vector per protein, shape (sequences, dimensions), float32.
        """
        ...
