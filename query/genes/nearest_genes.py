"""Find the nearest genes by the vectors of an embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.genes.orthologs import unknown_message
from homodb.query.genes.resolve import resolve
from homodb.query.release import Embedding, ReleaseFile, checked_file, find_embedding, vectors_place
from homodb.schema.enums import is_coding
from homodb.schema.errors import BrokenReleaseError, MissingEmbeddingError, UnknownGeneError
from homodb.schema.species import Species
from homodb.schema.vectors import GeneVectors, normalised, read_rows, read_vectors

if TYPE_CHECKING:
    from usearch.index import Index

#: An index whose nodes have so few neighbours holds no graph that could be searched: it is gone through.
_NO_GRAPH = 2
#: Nodes of a graph that a look-up keeps in view; with the graphs that homodb builds, it finds 0.99 of the nearest ten.
_EXPANSION = 256
#: Half precision rounds an element of either vector by 2^-11 of itself at most, and so a correlation by twice that.
_HALF = 2.0**-10 + 1e-4
#: Correlations by float32 products are off by less.
_SINGLE = 1e-4
#: So many look-ups at once, or more, are cheaper by a product with all vectors, where they take at most so many bytes.
_MANY, _IN_MEMORY = 128, 2**31
_BLOCK = 512

_Keys = npt.NDArray[np.int64]
_Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """Nearest genes of one vector: keys, and correlations, descending."""

    genes: _Keys
    correlations: _Reals


def nearest(
    queries: GeneVectors, vectors: Path, index: Path, k: int, *, whole: bool | None = None
) -> tuple[Found, ...]:
    """Find the nearest genes of each gene, excluding itself.

    Parameters
    ----------
    queries
        Genes and their vectors, as read.
    vectors, index
        Files of the searched genes.
    k
        Number of neighbours; all if there are fewer.
    whole
        Whether to read all vectors instead of searching the index; None decides by the number of queries. Both
        give the same unless the index has a graph.

    Returns
    -------
    tuple of Found
        Genes with the highest Pearson correlations per query, computed in float64 from the float32 vectors; ties
        are in order of gene keys. A constant vector has correlation 0 with every other one.

    Raises
    ------
    BrokenReleaseError
        If a file is broken, or index and vectors do not belong together.
    """
    opened = _open(index, queries.vectors.shape[1])
    wanted = min(k + 1, len(opened))  # one more, for a gene does not count as its own neighbour
    if not wanted:
        return tuple(Found(np.zeros(0, np.int64), np.zeros(0)) for _ in queries.genes)
    if whole is None:
        small = opened.connectivity <= _NO_GRAPH and len(opened) * queries.vectors.shape[1] * 4 <= _IN_MEMORY
        whole = small and len(queries.genes) >= _MANY
    if not whole:
        candidates = _by_index(opened, normalised(queries.vectors), wanted)
        keys = np.unique(np.concatenate([one.genes for one in candidates]))
        read = read_rows(vectors, keys)
        if len(read.genes) != len(keys):
            raise BrokenReleaseError(f"{index} names genes that {vectors.name} does not hold; get the release again")
        exact = [_correlated(queries, row, one.genes, read) for row, one in enumerate(candidates)]
        if all(np.abs(a.correlations - b.correlations).max() <= _HALF for a, b in zip(candidates, exact, strict=True)):
            return tuple(_first(one, key, k) for one, key in zip(exact, queries.genes, strict=True))
    return _by_product(queries, read_vectors(vectors), wanted, k)  # also where an index rounds worse than it should


def _open(path: Path, dimensions: int) -> Index:
    from usearch.index import Index

    try:
        opened = Index.restore(path, view=True, expansion_search=_EXPANSION)
    except (ValueError, RuntimeError, OSError) as error:
        raise BrokenReleaseError(
            f"{path}: cannot be read as a vector index ({error}); get the release again"
        ) from error
    if opened is None or opened.ndim != dimensions:
        raise BrokenReleaseError(
            f"{path}: is an index of {opened.ndim if opened else 'no'} dimensions, and the vectors have {dimensions}"
        )
    return opened


def _by_index(index: Index, queries: npt.NDArray[np.float32], wanted: int) -> list[Found]:
    """Return candidates from the index, with half-precision correlations.

    The true correlation of the last requested gene is lower than its half-precision one by at most the rounding error,
    so genes lower by twice that error are not among the nearest. (A graph returns all that it finds.)
    """
    exact = index.connectivity <= _NO_GRAPH
    count = min(len(index), 4 * wanted + 64)
    while True:
        matches = index.search(queries, count, exact=exact)
        keys, distances = np.atleast_2d(matches.keys), np.atleast_2d(matches.distances)
        rows = [
            Found(keys[row, :number].astype(np.int64), 1.0 - distances[row, :number].astype(np.float64))
            for row, number in enumerate(getattr(matches, "counts", [keys.shape[1]]))
        ]
        near = [_down_to(row, wanted, 2 * _HALF) for row in rows]
        if (
            not exact
            or count == len(index)
            or all(len(a.genes) < len(b.genes) for a, b in zip(near, rows, strict=True))
        ):
            return near
        count = min(len(index), 4 * count)


def _by_product(queries: GeneVectors, vectors: GeneVectors, wanted: int, k: int) -> tuple[Found, ...]:
    """Compare with all vectors, after a choice in single precision."""
    all_of_them, unit_queries = normalised(vectors.vectors), normalised(queries.vectors)
    rows = []
    for start in range(0, len(unit_queries), _BLOCK):
        products = unit_queries[start : start + _BLOCK] @ all_of_them.T
        last = np.partition(products, products.shape[1] - wanted, axis=1)[:, products.shape[1] - wanted]
        for row, floor in enumerate(last - 2 * _SINGLE, start):
            near = np.flatnonzero(products[row - start] >= floor)
            some = GeneVectors(vectors.genes[near], vectors.vectors[near])
            rows.append(_first(_correlated(queries, row, some.genes, some), queries.genes[row], k))
    return tuple(rows)


def _down_to(row: Found, wanted: int, less: float) -> Found:
    """Keep correlations no lower than the last requested one, less a margin."""
    near = row.correlations >= row.correlations[: max(wanted, 1)].min() - less
    return Found(row.genes[near], row.correlations[near])


def _correlated(queries: GeneVectors, row: int, genes: _Keys, vectors: GeneVectors) -> Found:
    """Correlate a query with some genes, in float64.

    Equal vectors give equal numbers, whatever the other vectors are.
    """
    some = vectors.vectors[np.searchsorted(vectors.genes, genes)]
    query = _unit(queries.vectors[row : row + 1])
    return Found(genes, np.clip((_unit(some) * query).sum(axis=1), -1.0, 1.0))


def _unit(vectors: npt.NDArray[np.float32]) -> _Reals:
    """Centre vectors and scale them to unit length, in float64.

    Constant ones become zero.
    """
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1))
    constant = ~normalised(vectors).any(axis=1)
    length[constant] = 1.0
    centred /= length[:, None]
    centred[constant] = 0.0
    return centred


def _first(row: Found, own: np.int64, k: int) -> Found:
    """Return the first k genes by correlation, then key, without itself."""
    order = np.lexsort((row.genes, -row.correlations))
    order = order[row.genes[order] != own][:k]
    return Found(row.genes[order], row.correlations[order])


_ANSWER: dict[str, pl.DataType | type[pl.DataType]] = {
    "gene": pl.Int64,
    "rank": pl.Int64,
    "target": pl.Int64,
    "correlation": pl.Float64,
}


#: How good a pair is from both sides.
_MUTUAL = {"rank_back": pl.Int64, "mutual_rank": pl.Float64, "margin": pl.Float64}
#: Nearest genes of a neighbour among which its rank of the asked gene is looked for.
_BACK = 100


def neighbors(
    release: ReleaseFile, genes: str | Sequence[str], *, source: str | int | Species, target: str | int | Species,
    k: int = 10, embedding: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Return the nearest genes of a species by protein embedding.

    Genes without an ortholog in it have neighbours too.

    Parameters
    ----------
    release
        Open release, with its folder.
    genes
        Names of genes of the source species, of any kind, as :meth:`Release.orthologs` takes them.
    source, target
        The two species, by any name; if they are the same, a gene is not its own neighbour.
    k
        Number of neighbours, at least 1.
    embedding
        Name of an embedding (``kmer-mean``); by default the release's default one.

    Returns
    -------
    polars.DataFrame
        A row per name and neighbour, nearest first: ``name``, ``resolved_as``, ``source_species, source_id,
        source_symbol``, ``rank`` (1 is nearest), ``target_species, target_id, target_symbol``, ``correlation`` (Pearson
        correlation of the two vectors), ``rank_back`` (rank of the gene among those nearest to the neighbour; null
        beyond 100), ``mutual_rank`` (geometric mean of both ranks), ``margin`` (best correlation less second best, of
        the gene for which that is smaller; null where they are not each other's nearest), ``evidence_class`` (of a pair
        that a strategy maps; null else), ``homology_type, identity, confidence`` (null where Ensembl does not have the
        pair), ``strategies`` that map the pair, ``n_isoforms, n_nmd`` (proteins behind the target's vector, and
        decaying ones of them), ``embedding``, and ``why``: null, or why a name has no neighbours, the target's columns
        being null then.

    Raises
    ------
    UnknownSpeciesError
        If a name means no species of the release.
    UnknownGeneError
        If none of the names is a gene of the source species.
    MissingEmbeddingError
        If the release has no vectors, or none of this embedding or species; or if none of the genes has one.
    BrokenReleaseError
        If a file of vectors is missing or altered.

    Notes
    -----
    Among up to 50,000 genes the nearest ones are exact; among more, a graph finds nearly all of them.
    An alternate locus has no vector of its own: its primary gene stands for it.
    """
    if k < 1:
        raise ValueError(f"k is {k}; expected 1 or more neighbours")
    source_species, target_species = release.find_species(source), release.find_species(target)
    selected = find_embedding(release, embedding)
    names = [genes] if isinstance(genes, str) else genes
    resolved = resolve(release, names, source_species)
    if resolved["gene"].is_null().all():
        raise UnknownGeneError(unknown_message(release, resolved, source_species))
    keys = resolved["gene"].drop_nulls().unique().sort().to_numpy()
    queries = read_rows(vectors_place(release, selected.vectors(source_species)), keys)
    reasons = _reasons(release, np.setdiff1d(keys, queries.genes).tolist())
    if not len(queries.genes):
        raise MissingEmbeddingError(_no_vector_message(resolved, reasons, selected))
    index = checked_file(release, selected.index(target_species))
    targets = vectors_place(release, selected.vectors(target_species))
    nearest_genes = nearest(queries, targets, index, max(k, 2))  # the second best for the margin
    forth = dict(zip(queries.genes.tolist(), nearest_genes, strict=True))
    answer = _answer({gene: Found(one.genes[:k], one.correlations[:k]) for gene, one in forth.items()})
    back = read_rows(targets, answer["target"].unique().sort().to_numpy())
    own = checked_file(release, selected.index(source_species))
    nearest_back = nearest(back, vectors_place(release, selected.vectors(source_species)), own, _BACK)
    answer = answer.hstack(_mutual(answer, forth, dict(zip(back.genes.tolist(), nearest_back, strict=True))))
    answer = answer.hstack(_pairs(release, answer, source_species, target_species, selected))
    return (
        resolved.select("name", "gene", resolved_as="how", source_id="stable_id", source_symbol="symbol")
        .join(answer, on="gene", how="left", maintain_order="left_right")
        .join(_why(resolved, reasons), on="name", how="left", maintain_order="left")
        .select(
            "name",
            "resolved_as",
            pl.lit(source_species.name).alias("source_species"),
            "source_id",
            "source_symbol",
            "rank",
            pl.lit(target_species.name).alias("target_species"),
            pl.exclude("name", "resolved_as", "gene", "target", "source_id", "source_symbol", "rank", "why"),
            pl.lit(selected.name).alias("embedding"),
            "why",
        )
    )


def _answer(nearest_of: Mapping[int, Found]) -> pl.DataFrame:
    rows = [
        (gene, rank, target, correlation)
        for gene, one in nearest_of.items()
        for rank, (target, correlation) in enumerate(zip(one.genes.tolist(), one.correlations.tolist(), strict=True), 1)
    ]
    return pl.DataFrame(rows, schema=_ANSWER, orient="row")


def _mutual(answer: pl.DataFrame, forth: Mapping[int, Found], back: Mapping[int, Found]) -> pl.DataFrame:
    """Return how good the pairs of an answer are from both sides: ranks, and the margin of best hits."""
    rows = []
    for gene, rank, target in answer.select("gene", "rank", "target").iter_rows():
        places = np.flatnonzero(back[target].genes == gene)
        rank_back = int(places[0]) + 1 if places.size else None
        mutual = None if rank_back is None else float(np.sqrt(rank * rank_back))
        margins = [margin for one in (forth[gene], back[target]) if (margin := _margin(one)) is not None]
        rows.append((rank_back, mutual, min(margins) if mutual == 1 and len(margins) == 2 else None))
    return pl.DataFrame(rows, schema=_MUTUAL, orient="row")


def _margin(best: Found) -> float | None:
    """Return the best correlation less the second best."""
    return float(best.correlations[0] - best.correlations[1]) if len(best.correlations) > 1 else None


def _pairs(
    release: ReleaseFile, answer: pl.DataFrame, source: Species, target: Species, embedding: Embedding
) -> pl.DataFrame:
    first, second = sorted((source.number, target.number))
    return release.ask(
        "neighbor_pairs",
        {
            "sources": answer["gene"].to_list(),
            "targets": answer["target"].to_list(),
            "species_a": first,
            "species_b": second,
            "embedding": embedding.number,
        },
    ).drop("source_id", "source_symbol")


def _reasons(release: ReleaseFile, genes: Sequence[int]) -> dict[int, str]:
    """Return the reason why each gene has no vector."""
    if not genes:
        return {}
    reasons = {}
    for gene, biotype, proteins in release.ask("no_vector", {"genes": list(genes)}).iter_rows():
        if not is_coding(biotype):
            reasons[gene] = f"no protein: {biotype}"
        elif not proteins:
            reasons[gene] = "no protein: the proteome of the build has none of it"
        else:
            reasons[gene] = f"none of its {proteins} proteins entered (too short, of another biotype, or not usable)"
    return reasons


def _why(resolved: pl.DataFrame, reasons: Mapping[int, str]) -> pl.DataFrame:
    why = [
        reasons.get(gene) if gene is not None else f"{how}: {', '.join(others)}" if others else how
        for gene, how, others in resolved.select("gene", "how", "candidates").iter_rows()
    ]
    return resolved.select("name").with_columns(why=pl.Series(why, dtype=pl.String)).unique("name")


def _no_vector_message(resolved: pl.DataFrame, reasons: Mapping[int, str], embedding: Embedding) -> str:
    resolved_genes = resolved.filter(pl.col("gene").is_not_null()).select("name", "gene")
    shown = [f"{name} ({reasons[gene]})" for name, gene in resolved_genes.head(5).iter_rows()]
    more = f" and {resolved_genes.height - 5} more" if resolved_genes.height > 5 else ""
    return f"no vector of {embedding.name} for {', '.join(shown)}{more}; look-ups need a gene with a protein"
