"""Say how far pairs that rest on embeddings alone can be trusted, by margins and mutual ranks."""

from __future__ import annotations

import polars as pl

from homodb.query.genes.pairs import Pair
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy

#: By model: pairs that are each other's best hit, by margin from so much on: right, and all. Printed by
#: benchmarks/orthobench.py for six vertebrates and decoys, judged by curated orthogroups; each gene counts once among
#: all proteins of the other species, and once after its orthologs were taken out.
_BY_MARGIN: dict[str, tuple[tuple[float, int, int], ...]] = {
    "kmer": ((0.0, 354, 435), (0.02, 119, 132), (0.05, 212, 215), (0.1, 1347, 1347))
}
#: By model: best hits by their rank from the other side, in words: right, and all; from the same script.
_BY_RANK: dict[str, tuple[tuple[str, int, int], ...]] = {
    "kmer": (("1", 2032, 2129), ("2", 298, 427), ("3 to 5", 204, 499), ("6 or more", 75, 3237))
}
#: How the messages name these pairs.
_JUDGED = "in curated orthogroups of vertebrates, half of the genes without their orthologs"
#: Pairs of which fewer were right are named apart.
_DOUBTFUL = 0.95


def likely_right(model: str | None, margins: pl.Series) -> pl.Series:
    """Return the share of right pairs among curated ones with the same margins, half of them without orthologs.

    Parameters
    ----------
    model
        Model of the embedding.
    margins
        Margins of pairs that are each other's best hit.

    Returns
    -------
    polars.Series
        Shares from 0 to 1; null for an unknown margin, or a model that was not measured.
    """
    shares = pl.Series(margins.name, [None] * len(margins), dtype=pl.Float64)
    for least, right, every in _BY_MARGIN.get(model or "", ()):
        shares = pl.select(pl.when(margins >= least).then(right / every).otherwise(shares)).to_series()
    return shares


def default_model(release: ReleaseFile) -> str | None:
    """Return the model of a release's default embedding; None without one."""
    rows = release.select("SELECT model FROM embedding WHERE embedding = (SELECT default_embedding FROM release)")
    return None if rows.is_empty() else str(rows["model"][0])


def in_words(model: str | None, margin: float) -> str:
    """Describe a margin and what it is worth.

    Examples
    --------
    >>> in_words("another", 0.25)
    'margin 0.250'
    >>> in_words("kmer", 0.005)  # doctest: +ELLIPSIS
    'margin 0.005 (of such pairs, 354 of 435 were right in curated orthogroups ...)'
    """
    worth = ""
    for least, right, every in _BY_MARGIN.get(model or "", ()):
        if margin >= least:
            worth = f" (of such pairs, {right:,} of {every:,} were right {_JUDGED})"
    return f"margin {margin:.3f}{worth}"


def embeddings_note(pair: Pair, between: str = "the two species") -> str:
    """Say that LM_O2O stands in for homologies, and how many of its pairs are likely right."""
    used = f"Ensembl has no homology between {between}: LM_O2O, from embeddings alone, was used"
    model, margins = default_model(pair.release), pair.mapping(Strategy.LM_O2O)["margin"]
    shares = likely_right(model, margins).drop_nulls().to_numpy()
    if not len(shares):
        return f"{used}; how many of its pairs are right was not measured for {model or 'its model'}"
    low = int((shares < _DOUBTFUL).sum())
    doubt = f"; look twice at the {low:,} of {len(margins):,} with the smallest margins" if low else ""
    return f"{used}; by their margins, {100 * shares.mean():.0f} of 100 pairs are likely right{doubt}"


def neighbors_note(model: str) -> str | None:
    """Say how often a nearest gene was right, by its rank from the other side; None for a model not measured."""
    if model not in _BY_RANK:
        return None
    parts = [f"{right:,} of {every:,} with rank_back {rank}" for rank, right, every in _BY_RANK[model]]
    return f"the nearest gene by {model} was right for {', '.join(parts)} ({_JUDGED})"
