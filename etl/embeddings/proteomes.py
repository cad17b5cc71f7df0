"""Proteomes: their embeddable proteins, and ``homodb embed``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homodb.etl.embeddings.embed import EmbeddingCounts, EmbeddingProgress, embed_sequences, open_store
from homodb.etl.embeddings.model import Identity
from homodb.etl.embeddings.worker import ModelSpec, worker_pool
from homodb.etl.sources import read_proteome as read
from homodb.schema.errors import ConfigError, UnknownSpeciesError
from homodb.schema.io import check_folder, check_there
from homodb.schema.messages import counted
from homodb.schema.species import Species, find

#: Reason for which a protein is left out, as a release records it.
INTERNAL_STOP = "proteins with a stop inside, not embedded"


@dataclass(frozen=True)
class EmbeddingSummary:
    """Result of embedding proteomes.

    Parameters
    ----------
    store
        Folder of this model's vectors.
    identity
        Identity of the model.
    proteins
        Number of proteins in the files.
    dropped
        Of these, not embedded, by reason.
    counts
        The others, as different sequences.
    """

    store: Path
    identity: Identity
    proteins: int
    dropped: dict[str, int]
    counts: EmbeddingCounts


def embed_proteomes(
    proteomes: Sequence[Path],
    root: Path,
    spec: ModelSpec,
    *,
    species: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[EmbeddingProgress], None] = lambda progress: None,
) -> EmbeddingSummary:
    """Embed the proteins of proteomes that a store lacks.

    Parameters
    ----------
    proteomes
        Ensembl ``pep.all`` FASTA files.
    root
        Folder of stores.
    spec
        The model.
    species
        Name of the species of each proteome, or one name for all. Default: the beginning of Ensembl's file names.
    workers
        Number of processes that compute; 1 computes in this process.
    progress
        Callback that receives the progress.

    Raises
    ------
    OptionsError, ConfigError, UnknownSpeciesError, InputError, OutputError, StoreError, WorkerError
        Before anything is computed, unless a worker dies or the disk is full; finished work is kept then.
    """
    spec.check()
    check_there(*proteomes, spec.weights)
    check_folder(root)
    if workers < 1:
        raise ConfigError(f"expected at least 1 worker, got {workers}")
    tables = [_read(path, one) for path, one in zip(proteomes, _species(proteomes, species), strict=True)]
    proteins = pl.concat(tables)
    usable, dropped = drop_internal_stops(proteins)
    with ExitStack() as stack:
        executor = stack.enter_context(worker_pool(workers)) if workers > 1 else None
        store = open_store(root, spec, executor=executor)
        counts = embed_sequences(
            unique_sequences(usable), spec, store, executor=executor, ahead=2 * workers, progress=progress
        )
    return EmbeddingSummary(store.folder, store.identity, proteins.height, dropped, counts)


def drop_internal_stops(proteins: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Drop the proteins with a stop inside (read-through, frameshift).

    The reference implementation drops them, too.

    Parameters
    ----------
    proteins
        With ``sequence``, in upper case, without stops at its end.

    Returns
    -------
    polars.DataFrame
        The remaining rows, in their order.
    dict
        Number of dropped rows by reason; empty if there are none.

    Examples
    --------
    >>> kept, dropped = drop_internal_stops(pl.DataFrame({"stable_id": ["P1", "P2"], "sequence": ["MKV", "MK*V"]}))
    >>> kept["stable_id"].to_list(), dropped
    (['P1'], {'proteins with a stop inside, not embedded': 1})
    """
    kept = proteins.filter(~pl.col("sequence").str.contains("*", literal=True))
    stopped = proteins.height - kept.height
    return kept, {INTERNAL_STOP: stopped} if stopped else {}


def unique_sequences(proteins: pl.DataFrame) -> pl.DataFrame:
    """Return each sequence once, within and across species.

    Parameters
    ----------
    proteins
        With ``sequence_sha256``, ``sequence`` and ``length`` (residues), of one or several species.

    Returns
    -------
    polars.DataFrame
        ``sequence_sha256, sequence, length``, the longest first, then by checksum. The order does not depend on that
        of the proteins, and neighbours have similar lengths, which suits batches.

    Examples
    --------
    >>> proteins = {"sequence_sha256": ["c", "a", "b", "a"], "sequence": ["MKV", "M", "Q", "M"], "length": [3, 1, 1, 1]}
    >>> unique_sequences(pl.DataFrame(proteins))["sequence"].to_list()
    ['MKV', 'M', 'Q']
    """
    return (
        proteins.select("sequence_sha256", "sequence", "length")
        .unique("sequence_sha256", keep="any")
        .sort("length", "sequence_sha256", descending=[True, False])
    )


def _read(path: Path, species: Species) -> pl.DataFrame:
    frame = pl.from_arrow(read(path, species).proteins)
    return pl.DataFrame(frame).select("sequence_sha256", "sequence", "length")


def _species(proteomes: Sequence[Path], names: Sequence[str]) -> list[Species]:
    if not names:
        return [_from_file_name(path) for path in proteomes]
    if len(names) not in (1, len(proteomes)):
        files = counted(len(proteomes), "proteome")
        raise ConfigError(f"{len(names)} species for {files}. Expected one for all, or one for each")
    return [find(name) for name in (names if len(names) > 1 else [*names] * len(proteomes))]


def _from_file_name(path: Path) -> Species:
    try:
        return find(path.name.partition(".")[0])
    except UnknownSpeciesError as error:
        raise UnknownSpeciesError(
            f"{path.name}: expected a file name that begins with a known species (Homo_sapiens.…); name the species"
        ) from error
