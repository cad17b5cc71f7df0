"""Say how far pairs that rest on embeddings alone can be trusted, by margins, correlations and mutual ranks."""

from __future__ import annotations

import polars as pl

from homodb.query.genes.pairs import Pair
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy

#: How the messages name the pairs that judge the k-mer profile: those of benchmarks/orthobench.py.
_JUDGED = "in curated orthogroups of vertebrates, half of the genes without their orthologs"
#: By model: a measure of pairs that are each other's best hit, the judge, and by the measure's least value: right, and
#: all. ``kmer``: printed by benchmarks/orthobench.py for six vertebrates and decoys; each gene counts once among all
#: proteins of the other species, and once after its orthologs were taken out. ESM2, whose published pairs have no
#: margins: printed by benchmarks/homologene.py for LM_O2O of human and mouse, pairs of all evidence classes.
_SHARES: dict[str, tuple[str, str, tuple[tuple[float, int, int], ...]]] = {
    "kmer": ("margin", _JUDGED, ((0.0, 354, 435), (0.02, 119, 132), (0.05, 212, 215), (0.1, 1347, 1347))),
    "esm2_t48_15B_UR50D": (
        "correlation", "by HomoloGene, for human and mouse",
        ((-1.0, 176, 280), (0.85, 1029, 1455), (0.9, 1336, 1730), (0.925, 2347, 2717), (0.95, 4488, 4930),
         (0.98, 1773, 1904), (0.99, 1753, 1822)),
    ),
}  # fmt: skip
#: By model: best hits by their rank from the other side, in words: right, and all; from the same script.
_BY_RANK: dict[str, tuple[tuple[str, int, int], ...]] = {
    "kmer": (("1", 2032, 2129), ("2", 298, 427), ("3 to 5", 204, 499), ("6 or more", 75, 3237))
}
#: Pairs of which fewer were right are named apart, by measure.
_DOUBTFUL = {"margin": 0.95, "correlation": 0.8}


def likely_right(model: str | None, pairs: pl.DataFrame) -> pl.Series:
    """Return the share of right pairs among judged ones with the same margins or correlations.

    `pairs`: each other's best hits, with ``margin`` and ``correlation``. The series has the name of the measure and is
    null for an unknown margin, or a model that was not measured.
    """
    measure, _, rows = _SHARES.get(model or "", ("margin", "", ()))
    shares = pl.Series(measure, [None] * len(pairs), dtype=pl.Float64)
    for least, right, every in rows:
        shares = pl.select(pl.when(pairs[measure] >= least).then(right / every).otherwise(shares)).to_series()
    return shares.alias(measure)


def default_model(release: ReleaseFile) -> str | None:
    """Return the model of a release's default embedding; None without one."""
    rows = release.select("SELECT model FROM embedding WHERE embedding = (SELECT default_embedding FROM release)")
    return None if rows.is_empty() else str(rows["model"][0])


def in_words(model: str | None, correlation: float | None, margin: float | None) -> str:
    """Describe the correlation and the margin of a pair, and what the one that was measured is worth.

    Examples
    --------
    >>> in_words("another", 0.9, 0.25)
    'correlation 0.9000, margin 0.250'
    >>> in_words("kmer", 0.9, 0.005)  # doctest: +ELLIPSIS
    'correlation 0.9000, margin 0.005 (of such pairs, 354 of 435 were right in curated orthogroups ...)'
    """
    measure, judge, rows = _SHARES.get(model or "", ("margin", "", ()))
    value = margin if measure == "margin" else correlation
    judged = [f"{right:,} of {every:,}" for least, right, every in rows if value is not None and value >= least]
    described = "correlation unknown" if correlation is None else f"correlation {correlation:.4f}"
    described += "" if margin is None else f", margin {margin:.3f}"
    return described + (f" (of such pairs, {judged[-1]} were right {judge})" if judged else "")


def embeddings_note(pair: Pair, between: str = "the two species") -> str:
    """Say that LM_O2O stands in for homologies, and how many of its pairs are likely right."""
    used = f"Ensembl has no homology between {between}: LM_O2O, from embeddings alone, was used"
    model, pairs = default_model(pair.release), pair.mapping(Strategy.LM_O2O)
    series = likely_right(model, pairs)
    measure, shares = series.name, series.drop_nulls().to_numpy()
    if not len(shares):
        return f"{used}; how many of its pairs are right was not measured for {model or 'its model'}"
    low = int((shares < _DOUBTFUL[measure]).sum())
    doubt = f"; look twice at the {low:,} of {len(pairs):,} with the smallest {measure}s" if low else ""
    return f"{used}; by their {measure}s, {100 * shares.mean():.0f} of 100 pairs are likely right{doubt}"


def neighbors_note(model: str) -> str | None:
    """Say how often a nearest gene was right, by its rank from the other side; None for a model not measured."""
    if model not in _BY_RANK:
        return None
    parts = [f"{right:,} of {every:,} with rank_back {rank}" for rank, right, every in _BY_RANK[model]]
    return f"the nearest gene by {model} was right for {', '.join(parts)} ({_JUDGED})"
