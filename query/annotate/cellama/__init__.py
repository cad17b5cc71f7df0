"""Method ``cellama``: cells as sentences, embedded by a language model; and fine-tuning of that model."""

from __future__ import annotations

from homodb.query.annotate.cellama.method import (
    cellama,
    counts_of_words,
    neighbor_phrases,
    shared_words,
)
from homodb.query.annotate.cellama.tune import NEAR, SentenceCells, draw_pairs, fine_tune, metadata_of, profiles_of

__all__ = [
    "NEAR",
    "SentenceCells",
    "cellama",
    "counts_of_words",
    "draw_pairs",
    "fine_tune",
    "metadata_of",
    "neighbor_phrases",
    "profiles_of",
    "shared_words",
]
