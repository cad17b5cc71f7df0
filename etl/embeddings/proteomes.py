"""Proteomes: their embeddable proteins, and ``homodb embed``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.embeddings.embed import EmbeddingCounts, EmbeddingProgress, embed_sequences, open_store
from homodb.etl.embeddings.model import Identity
from homodb.etl.embeddings.worker import ModelSpec, worker_pool
from homodb.etl.sources import read_proteome as read
from homodb.schema.errors import ConfigError, UnknownSpeciesError
from homodb.schema.io import check_folder, check_there
from homodb.schema.messages import counted
from homodb.schema.species import Species, find
from homodb.schema.vectors import GeneVectors

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
    """Drop the proteins with a stop inside (read-through, frameshift). The reference implementation drops them, too.

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


#: Returns the vectors of proteins by the checksums of their sequences, shape (checksums, dimensions), float32.
Lookup = Callable[[Sequence[str]], npt.NDArray[np.float32]]

#: Biotype of transcripts that are degraded before they are translated much.
NMD = "nonsense_mediated_decay"

#: Number of proteins whose vectors are in memory at once.
_BLOCK = 8_192


class Pooling(StrEnum):
    """Rule by which the vectors of isoforms become the vector of their gene."""

    #: Mean over all proteins (the reference's "aggregate").
    MEAN = "mean"
    #: Largest value of each dimension.
    MAX = "max"
    #: The canonical isoform or, if it has no vector, the longest isoform with a vector.
    CANONICAL = "canonical"


@dataclass(frozen=True)
class ProteinFilter:
    """Filter for the proteins that are pooled.

    Parameters
    ----------
    min_length
        Minimum length of a protein, in residues.
    biotypes
        Biotypes of transcripts; None for all.
    """

    min_length: int = 1
    biotypes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class PooledVectors:
    """Vectors of the genes of one species by one pooling.

    Parameters
    ----------
    vectors
        The vectors.
    genes
        ``gene, n_isoforms, n_nmd`` in the order of the vectors.
    """

    vectors: GeneVectors
    genes: pl.DataFrame = field(repr=False)


def filter_proteins(proteins: pl.DataFrame, rules: ProteinFilter) -> tuple[pl.DataFrame, dict[str, int]]:
    """Filter proteins by length and biotype.

    Parameters
    ----------
    proteins
        With ``length`` (residues) and ``biotype`` (of the transcript; null if unknown, which passes).
    rules
        The filter.

    Returns
    -------
    polars.DataFrame
        The remaining rows, in their order.
    dict
        Number of dropped rows by reason; empty if there are none.
    """
    short = pl.col("length") < rules.min_length
    other = ~pl.col("biotype").is_in(list(rules.biotypes or ())) & (rules.biotypes is not None)
    marked = proteins.with_columns(_short=short, _other=other.fill_null(value=False))
    others = marked.filter(~pl.col("_short") & pl.col("_other")).height
    counts = {
        f"proteins of fewer than {rules.min_length} residues, not embedded": marked.filter("_short").height,
        "proteins of biotypes that were not requested, not embedded": others,
    }
    kept = marked.filter(~pl.col("_short") & ~pl.col("_other")).drop("_short", "_other")
    return kept, {reason: count for reason, count in counts.items() if count}


def pool(proteins: pl.DataFrame, lookup: Lookup, poolings: Sequence[Pooling]) -> dict[Pooling, PooledVectors]:
    """Pool proteins to genes.

    Parameters
    ----------
    proteins
        Proteins of one species: ``gene`` (key), ``stable_id``, ``sequence_sha256``, ``biotype``, ``canonical``,
        ``length``. Every row counts, also equal sequences of a gene.
    lookup
        Returns the vectors of proteins.
    poolings
        The poolings; the vectors of proteins are read once for all of them.

    Returns
    -------
    dict of PooledVectors
        Genes in ascending order of their keys. Means are computed in float64, in the order of protein stable IDs.

    Examples
    --------
    >>> proteins = pl.DataFrame(
    ...     {
    ...         "gene": [7, 7],
    ...         "stable_id": ["P1", "P2"],
    ...         "sequence_sha256": ["0", "1"],
    ...         "biotype": ["protein_coding", "nonsense_mediated_decay"],
    ...         "canonical": [True, False],
    ...         "length": [2, 1],
    ...     }
    ... )
    >>> two = lambda checksums: np.array([[float(c), 3.0] for c in checksums], np.float32)
    >>> pool(proteins, two, [Pooling.MEAN])[Pooling.MEAN].vectors.vectors
    array([[0.5, 3. ]], dtype=float32)
    """
    ordered = proteins.sort("gene", "stable_id")
    vectors: dict[Pooling, list[npt.NDArray[np.float32]]] = {pooling: [] for pooling in poolings}
    for block in _blocks(ordered):
        isoforms = lookup(block["sequence_sha256"].to_list())
        starts = np.flatnonzero(np.concatenate([[True], np.diff(block["gene"].to_numpy()) != 0]))
        for pooling, parts in vectors.items():
            parts.append(_pooled(isoforms, starts, block, pooling))
    decays = (pl.col("biotype") == NMD).fill_null(value=False)
    counted = ordered.group_by("gene", maintain_order=True).agg(
        n_isoforms=pl.len().cast(pl.Int32), n_nmd=decays.sum().cast(pl.Int32)
    )
    return {pooling: _joined(parts, _counts(ordered, counted, pooling)) for pooling, parts in vectors.items()}


def _blocks(ordered: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut into blocks that do not split a gene."""
    ends = np.flatnonzero(np.diff(ordered["gene"].to_numpy()) != 0) + 1
    cuts, begin = [], 0
    while ordered.height - begin > _BLOCK:
        later = ends[(ends > begin) & (ends <= begin + _BLOCK)]
        end = int(later[-1]) if later.size else int(ends[ends > begin][0]) if (ends > begin).any() else ordered.height
        cuts.append(ordered[begin:end])
        begin = end
    return [*cuts, ordered[begin:]] if begin < ordered.height else cuts


def _pooled(
    isoforms: npt.NDArray[np.float32], starts: npt.NDArray[np.intp], block: pl.DataFrame, pooling: Pooling
) -> npt.NDArray[np.float32]:
    if pooling is Pooling.MAX:
        largest: npt.NDArray[np.float32] = np.maximum.reduceat(isoforms, starts, axis=0)
        return largest
    if pooling is Pooling.CANONICAL:
        canonical: npt.NDArray[np.float32] = isoforms[_canonical(block)["_row"].to_numpy()]
        return canonical
    sizes = np.diff([*starts, block.height])
    sums = np.add.reduceat(isoforms, starts, axis=0, dtype=np.float64)
    return (sums / sizes[:, None]).astype(np.float32)


def _canonical(block: pl.DataFrame) -> pl.DataFrame:
    """Return one protein per gene.

    It is the canonical isoform, else the longest, of equal ones the one with the lowest stable ID.
    """
    order = ["gene", "canonical", "length", "stable_id"]
    ranked = block.with_row_index("_row").sort(order, descending=[False, True, True, False])
    return ranked.unique("gene", keep="first", maintain_order=True)


def _counts(ordered: pl.DataFrame, counted: pl.DataFrame, pooling: Pooling) -> pl.DataFrame:
    if pooling is not Pooling.CANONICAL:
        return counted
    decays = (pl.col("biotype") == NMD).fill_null(value=False)
    return _canonical(ordered).select("gene", n_isoforms=pl.lit(1, pl.Int32), n_nmd=decays.cast(pl.Int32))


def _joined(blocks: list[npt.NDArray[np.float32]], genes: pl.DataFrame) -> PooledVectors:
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32)
    return PooledVectors(GeneVectors(genes["gene"].to_numpy().astype(np.int64), vectors), genes)
