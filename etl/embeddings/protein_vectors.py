"""Vectors of the proteins of a build, whichever model gives them: computed on the spot, or kept in a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.config import EmbeddingConfig
from homodb.etl.embeddings.embed import ModelSpec, embed, open_store
from homodb.etl.embeddings.kmer import Kmer
from homodb.etl.embeddings.model import Identity, Model
from homodb.etl.embeddings.pooling import Lookup
from homodb.etl.embeddings.sequences import unique_sequences
from homodb.etl.runner import Runner
from homodb.schema.cache import cache_folder


@dataclass(frozen=True)
class ProteinVectors:
    """Where the vectors of proteins come from.

    Parameters
    ----------
    identity
        What makes them what they are.
    lookup
        Gives them by checksum of the sequence.
    """

    identity: Identity
    lookup: Lookup


def protein_vectors(config: EmbeddingConfig, proteins: pl.DataFrame, runner: Runner) -> ProteinVectors:
    """Make the vectors of proteins available.

    Parameters
    ----------
    config
        The model. A k-mer profile is cheaper to compute than to keep; what a checkpoint gives goes to a store, so
        that a build that was interrupted goes on where it was.
    proteins
        With ``sequence_sha256, sequence, length``.
    runner
        Reports the steps, and of an embedding how many of how many tokens are done.

    Raises
    ------
    StoreError
        If the store is damaged, was filled from other weights, or cannot be written.
    """
    sequences = unique_sequences(proteins)
    if config.model == "kmer":
        model = Kmer()
        texts = dict(zip(sequences["sequence_sha256"].to_list(), sequences["sequence"].to_list(), strict=True))
        return ProteinVectors(model.identity, partial(_computed, model, texts))
    spec = ModelSpec(
        model=config.model,
        weights=None if config.weights is None else config.weights.path,
        layer=config.layer,
        long=config.long,
        device=config.device,
        precision=config.precision,
    )
    store = open_store(config.store or cache_folder() / "embeddings", spec)
    fill = partial(embed, sequences, spec, store, report=lambda told: runner.part(told.tokens, told.total_tokens))
    runner.run("embed", f"proteins by {config.model}", fill, lambda counts: counts.wanted)
    return ProteinVectors(store.identity, store.read)


def _computed(model: Model, texts: dict[str, str], checksums: Sequence[str]) -> npt.NDArray[np.float32]:
    return model.embed([texts[checksum] for checksum in checksums])
