"""Pooling of the vectors of a gene's isoforms to one vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.schema.vectors import GeneVectors

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
