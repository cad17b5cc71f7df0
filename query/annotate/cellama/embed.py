"""Embeds sentences: each distinct one once, as a vector of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class Distinct:
    """The distinct sentences of cells.

    Parameters
    ----------
    sentences
        Each once, in the order in which they first come.
    which
        Sentence of each cell, -1 for none, shape (cells,), int64.
    """

    sentences: tuple[str, ...]
    which: npt.NDArray[np.int64]


def distinct(sentences: Sequence[str | None]) -> Distinct:
    """Find the distinct sentences.

    Examples
    --------
    >>> distinct(["a", None, "b", "a"])
    Distinct(sentences=('a', 'b'), which=array([ 0, -1,  1,  0]))
    """
    number: dict[str, int] = {}
    which = [-1 if text is None else number.setdefault(text, len(number)) for text in sentences]
    return Distinct(tuple(number), np.array(which, np.int64))


def embed(model: SentenceTransformer, sentences: Sequence[str], *, batch: int = 32) -> npt.NDArray[np.float32]:
    """Embed sentences, each as often as it is given.

    Parameters
    ----------
    model
        The model; see :func:`~homodb.query.annotate.cellama.models.load_model`.
    sentences
        The sentences.
    batch
        How many the model reads at once.

    Returns
    -------
    numpy.ndarray
        Shape (sentences, dimensions), float32; rows of length 1.
    """
    if not sentences:
        return np.zeros((0, len(embed(model, ["."])[0])), np.float32)
    vectors = model.encode(list(sentences), batch_size=batch, show_progress_bar=False, normalize_embeddings=True)
    return np.asarray(vectors, np.float32)


def count_cut(model: SentenceTransformer, sentences: Sequence[str]) -> int:
    """Count the sentences that are longer than the model reads: their ends are lost on it."""
    limit = model.max_seq_length
    if limit is None or not sentences:
        return 0
    longest = model.tokenizer(list(sentences), truncation=False, padding=False, verbose=False)["input_ids"]
    return sum(len(tokens) > limit for tokens in longest)
