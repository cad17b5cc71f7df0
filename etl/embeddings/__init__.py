"""Models that embed proteins, the store of vectors, pooling to genes."""

from homodb.etl.embeddings.embed import EmbeddingCounts, EmbeddingProgress, embed_sequences, open_store, plan_tasks
from homodb.etl.embeddings.esm2 import Encoder, Esm2, load_esm2
from homodb.etl.embeddings.model import (
    CHECKPOINTS,
    DEVICES,
    MODELS,
    PRECISIONS,
    Checkpoint,
    Identity,
    Long,
    Model,
    check_weights_file,
    find_checkpoint,
    locate_weights,
    weights_checksum,
)
from homodb.etl.embeddings.proteomes import (
    INTERNAL_STOP,
    NMD,
    EmbeddingSummary,
    Lookup,
    PooledVectors,
    Pooling,
    ProteinFilter,
    drop_internal_stops,
    embed_proteomes,
    filter_proteins,
    pool,
    unique_sequences,
)
from homodb.etl.embeddings.store import Store, write_once
from homodb.etl.embeddings.worker import Kmer, ModelSpec, identify, worker_pool

__all__ = [
    "CHECKPOINTS", "DEVICES", "INTERNAL_STOP", "MODELS", "NMD", "PRECISIONS", "Checkpoint", "EmbeddingCounts",
    "EmbeddingProgress", "EmbeddingSummary", "Encoder", "Esm2", "Identity", "Kmer", "Long", "Lookup", "Model",
    "ModelSpec", "PooledVectors", "Pooling", "ProteinFilter", "Store", "check_weights_file", "drop_internal_stops",
    "embed_proteomes", "embed_sequences", "filter_proteins", "find_checkpoint", "identify", "load_esm2",
    "locate_weights", "open_store", "plan_tasks", "pool", "unique_sequences", "weights_checksum", "worker_pool",
    "write_once",
]  # fmt: skip
