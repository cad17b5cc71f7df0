"""Reads ``[embedding]`` of a build config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homodb.etl.config import EmbeddingConfig
from homodb.etl.embeddings import CHECKPOINTS, DEVICES, MODELS, PRECISIONS, Long, Pooling
from homodb.etl.toml_tables import Tables
from homodb.schema.errors import ConfigError
from homodb.schema.near import there_are

_WHERE = "[embedding]"
_KEYS = ("model", "weights", "layer", "pooling", "long", "device", "precision", "min_length", "biotypes", "store")
_ONLY_WITH_WEIGHTS = ("weights", "layer", "long", "device", "precision", "store")


def read_embedding(tables: Tables, document: Mapping[str, Any]) -> EmbeddingConfig:
    """Read and check how sequences are embedded.

    Raises
    ------
    ConfigError
        For an unknown model, pooling or other choice, or a setting that the model has no use for.
    """
    table = tables.table(document, "embedding")
    tables.keys(table, _KEYS, _WHERE)
    model = tables.needed(table, "model", str, _WHERE)
    if model not in MODELS:
        raise tables.fail(_WHERE, f"there is no model {model!r}" + there_are(model, MODELS))
    if model == "kmer":
        for key in _ONLY_WITH_WEIGHTS:
            if key in table:
                raise tables.fail(_WHERE, f"{key} means nothing for model 'kmer'; it belongs to an ESM2 checkpoint")
    layer = tables.value(table, "layer", int, _WHERE)
    if layer is not None and not 0 <= layer <= CHECKPOINTS[model].layers:
        raise tables.fail(_WHERE, f"layer {layer}: {model} has layers 0 to {CHECKPOINTS[model].layers}")
    min_length = tables.value(table, "min_length", int, _WHERE)
    if min_length is not None and min_length < 1:
        raise tables.fail(_WHERE, f"min_length is {min_length}, wanted 1 or more residues")
    store = tables.value(table, "store", str, _WHERE)
    return EmbeddingConfig(
        model=model,
        weights=tables.file(table, "weights", _WHERE),
        layer=layer,
        pooling=tuple(Pooling(word) for word in _words(tables, table, "pooling", tuple(Pooling)) or (Pooling.MEAN,)),
        long=Long(_word(tables, table, "long", (Long.TRUNCATE, Long.WINDOW))),
        device=_word(tables, table, "device", DEVICES),
        precision=_word(tables, table, "precision", PRECISIONS),
        min_length=1 if min_length is None else min_length,
        biotypes=_words(tables, table, "biotypes", None) or None,
        store=None if store is None else tables.path.parent / store,
    )


def _word(tables: Tables, table: Mapping[str, Any], key: str, known: tuple[str, ...]) -> str:
    word = tables.value(table, key, str, _WHERE)
    if word is not None and word not in known:
        raise _unknown(tables, key, word, known)
    return str(known[0] if word is None else word)


def _words(tables: Tables, table: Mapping[str, Any], key: str, known: tuple[str, ...] | None) -> tuple[str, ...]:
    written = table.get(key, [])
    words = [written] if isinstance(written, str) else written
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or (key in table and not words):
        raise tables.fail(_WHERE, f"{key} is a word or a list of words")
    for word in words:
        if known is not None and word not in known:
            raise _unknown(tables, key, word, known)
        if words.count(word) > 1:
            raise tables.fail(_WHERE, f"{key} holds {word!r} twice")
    return tuple(words)


def _unknown(tables: Tables, key: str, word: str, known: tuple[str, ...]) -> ConfigError:
    return tables.fail(_WHERE, f"there is no {key} {word!r}" + there_are(word, known))
