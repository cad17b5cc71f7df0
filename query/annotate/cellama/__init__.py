"""Method ``cellama``: cells as sentences, embedded by a language model; and fine-tuning of that model."""

from __future__ import annotations

from homodb.query.annotate.cellama.method import (
    cellama,
    counts_of_words,
    shared_words,
)
from homodb.query.annotate.cellama.niche import NicheOptions, Niches, niches, niches_file
from homodb.query.annotate.cellama.tune import NEAR, SentenceCells, draw_pairs, fine_tune, metadata_of, profiles_of

__all__ = [
    "NEAR",
    "NicheOptions",
    "Niches",
    "SentenceCells",
    "cellama",
    "counts_of_words",
    "draw_pairs",
    "fine_tune",
    "metadata_of",
    "niches",
    "niches_file",
    "profiles_of",
    "shared_words",
]
