"""From vectors of proteins to vectors of genes: how the isoforms of a gene make one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.schema.vectors import GeneVectors

#: Vectors of proteins by checksum of their sequences, shape (checksums, dimensions), float32.
Lookup = Callable[[Sequence[str]], npt.NDArray[np.float32]]

#: Biotype of transcripts that are taken down before they are translated much.
NMD = "nonsense_mediated_decay"

#: Proteins whose vectors are in memory at once.
_BLOCK = 8_192


class Pooling(StrEnum):
    """How isoforms make the vector of their gene."""

    #: Mean over all proteins (the reference's "aggregate").
    MEAN = "mean"
    #: Largest value of each dimension.
    MAX = "max"
    #: The canonical isoform; where that one has no vector, the longest one that has.
    CANONICAL = "canonical"


@dataclass(frozen=True)
class Entry:
    """Which proteins enter the vectors of genes.

    Parameters
    ----------
    min_length
        Shortest protein, in residues.
    biotypes
        Biotypes of transcripts; None for all.
    """

    min_length: int = 1
    biotypes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Pooled:
    """Vectors of one species' genes by one pooling.

    Parameters
    ----------
    vectors
        The vectors.
    genes
        ``gene, n_isoforms, n_nmd`` in the order of the vectors.
    """

    vectors: GeneVectors
    genes: pl.DataFrame = field(repr=False)


def entering(proteins: pl.DataFrame, entry: Entry) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the proteins that enter, and how many do not, by reason.

    Parameters
    ----------
    proteins
        With ``length`` (residues) and ``biotype`` (of the transcript; null where unknown, which enters).
    entry
        The rules.
    """
    short = pl.col("length") < entry.min_length
    other = ~pl.col("biotype").is_in(list(entry.biotypes or ())) & (entry.biotypes is not None)
    told = proteins.with_columns(_short=short, _other=other.fill_null(value=False))
    others = told.filter(~pl.col("_short") & pl.col("_other")).height
    counts = {
        f"proteins of fewer than {entry.min_length} residues, not embedded": told.filter("_short").height,
        "proteins of biotypes that were not asked for, not embedded": others,
    }
    kept = told.filter(~pl.col("_short") & ~pl.col("_other")).drop("_short", "_other")
    return kept, {reason: count for reason, count in counts.items() if count}


def pool(proteins: pl.DataFrame, lookup: Lookup, poolings: Sequence[Pooling]) -> dict[Pooling, Pooled]:
    """Pool proteins to genes.

    Parameters
    ----------
    proteins
        Proteins of one species: ``gene`` (key), ``stable_id``, ``sequence_sha256``, ``biotype``, ``canonical``,
        ``length``. Every row enters, equal sequences of a gene as often as they stand.
    lookup
        Gives the vectors of proteins.
    poolings
        Which ones; the proteins' vectors are read once for all.

    Returns
    -------
    dict of Pooled
        Genes in ascending order of their keys. Means are taken in float64, in the order of protein stable IDs.

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
    wanted = list(dict.fromkeys(poolings))
    vectors: dict[Pooling, list[npt.NDArray[np.float32]]] = {pooling: [] for pooling in wanted}
    for block in _blocks(ordered):
        found = lookup(block["sequence_sha256"].to_list())
        starts = np.flatnonzero(np.concatenate([[True], np.diff(block["gene"].to_numpy()) != 0]))
        for pooling in wanted:
            vectors[pooling].append(_pooled(found, starts, block, pooling))
    decays = (pl.col("biotype") == NMD).fill_null(value=False)
    counted = ordered.group_by("gene", maintain_order=True).agg(
        n_isoforms=pl.len().cast(pl.Int32), n_nmd=decays.sum().cast(pl.Int32)
    )
    return {pooling: _whole(vectors[pooling], _counts(ordered, counted, pooling)) for pooling in wanted}


def _blocks(ordered: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut into blocks of whole genes."""
    ends = np.flatnonzero(np.diff(ordered["gene"].to_numpy()) != 0) + 1
    cuts, begin = [], 0
    while ordered.height - begin > _BLOCK:
        later = ends[(ends > begin) & (ends <= begin + _BLOCK)]
        end = int(later[-1]) if later.size else int(ends[ends > begin][0]) if (ends > begin).any() else ordered.height
        cuts.append(ordered[begin:end])
        begin = end
    return [*cuts, ordered[begin:]] if begin < ordered.height else cuts


def _pooled(
    found: npt.NDArray[np.float32], starts: npt.NDArray[np.intp], block: pl.DataFrame, pooling: Pooling
) -> npt.NDArray[np.float32]:
    if pooling is Pooling.MAX:
        largest: npt.NDArray[np.float32] = np.maximum.reduceat(found, starts, axis=0)
        return largest
    if pooling is Pooling.CANONICAL:
        rows = _chosen(block)["_row"].to_numpy()
        chosen: npt.NDArray[np.float32] = found[rows]
        return chosen
    sizes = np.diff([*starts, block.height])
    sums = np.add.reduceat(found, starts, axis=0, dtype=np.float64)
    return (sums / sizes[:, None]).astype(np.float32)


def _chosen(block: pl.DataFrame) -> pl.DataFrame:
    """One protein of each gene: the canonical isoform, or else the longest, the lower stable ID where equal."""
    order = ["gene", "canonical", "length", "stable_id"]
    ranked = block.with_row_index("_row").sort(order, descending=[False, True, True, False])
    return ranked.unique("gene", keep="first", maintain_order=True)


def _counts(ordered: pl.DataFrame, counted: pl.DataFrame, pooling: Pooling) -> pl.DataFrame:
    if pooling is not Pooling.CANONICAL:
        return counted
    decays = (pl.col("biotype") == NMD).fill_null(value=False)
    return _chosen(ordered).select("gene", n_isoforms=pl.lit(1, pl.Int32), n_nmd=decays.cast(pl.Int32))


def _whole(blocks: list[npt.NDArray[np.float32]], genes: pl.DataFrame) -> Pooled:
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32)
    return Pooled(GeneVectors(genes["gene"].to_numpy().astype(np.int64), vectors), genes)
