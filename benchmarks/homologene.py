"""How often the pairs of human and mouse are right by HomoloGene, by evidence class and whether the symbols agree.

HomoloGene (NCBI) was made from sequences and synteny, without embeddings and without Ensembl; HCOP of 2022-09 lists its
pairs, and the starter release holds them in ``orthology_source``. Judged are pairs of which HomoloGene pairs at least
one gene with a gene of the other species; right are those that it has. Prints Markdown.

    python benchmarks/homologene.py STARTER
    python benchmarks/homologene.py STARTER --names RELEASE

``RELEASE`` is one whose genes bear names alone, built from the published inputs: it tells how the pairs of former names
fare, which are those of today's genes by the synonyms of the starter release.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

import homodb
from homodb.query.genes import resolve

PAIR = ["a", "b"]
HOMOLOGENE = (
    "SELECT DISTINCT a.stable_id AS a, b.stable_id AS b FROM orthology_source o JOIN gene a ON a.gene = o.gene_a "
    "JOIN gene b ON b.gene = o.gene_b JOIN species s ON s.species = o.species_a "
    "JOIN species t ON t.species = o.species_b "
    "WHERE o.database = 'HomoloGene' AND s.name = 'homo_sapiens' AND t.name = 'mus_musculus'"
)


def judged(pairs: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of which the truth knows a gene, with ``right``."""
    known = pl.any_horizontal(pl.col(side).is_in(truth[side].implode()) for side in PAIR)
    whole = pairs.join(truth.with_columns(right=pl.lit(value=True)), on=PAIR, how="left", maintain_order="left")
    return whole.filter(known).with_columns(pl.col("right").fill_null(value=False))


def mapped(release: homodb.Release, strategy: str) -> pl.DataFrame:
    """Return the pairs of human and mouse by stable ID, with both symbols and whether they agree."""
    rows = release.orthologs(source="human", target="mouse", strategy=strategy)
    same = pl.col("source_symbol").str.to_uppercase() == pl.col("target_symbol").str.to_uppercase()
    return rows.select(
        "evidence_class", "confidence", "correlation", "source_symbol", "target_symbol", a="source_id", b="target_id",
        same=same.fill_null(value=False),
    )  # fmt: skip


def show(rows: pl.DataFrame, by: list[str]) -> None:
    """Print the number of pairs and the share of right ones, by some columns."""
    print(f"| {' | '.join(by)} | judged | right |\n|{' --- |' * len(by)} --: | --: |")
    for *names, count, share in rows.group_by(by).agg(pl.len(), pl.col("right").mean()).sort(by).iter_rows():
        print(f"| {' | '.join(map(str, names))} | {count:,} | {share:.3f} |")
    print()


#: Correlations from which shares are printed.
CORRELATIONS = (-1.0, 0.85, 0.9, 0.925, 0.95, 0.98, 0.99)


def by_correlation(rows: pl.DataFrame) -> list[tuple[float, int, int]]:
    """Return the right and all pairs by their correlation, from each of ``CORRELATIONS`` to the next."""
    least = [max(one for one in CORRELATIONS if value >= one) for value in rows["correlation"].to_list()]
    counts = rows.with_columns(least=pl.Series(least)).group_by("least").agg(pl.col("right").sum(), pl.len())
    return counts.sort("least").rows()


def current(pairs: pl.DataFrame, release: homodb.Release) -> pl.DataFrame:
    """Give pairs of names the stable IDs of today's genes, and tell whether a name was a former one."""
    former = pl.lit(value=False)
    for side, species, name in (("a", "human", "source_symbol"), ("b", "mouse", "target_symbol")):
        genes = resolve(release, pairs[name].to_list(), release.find_species(species))
        pairs = pairs.with_columns(genes["stable_id"].alias(side), genes["how"].alias(f"how_{side}"))
        former |= pl.col(f"how_{side}").str.starts_with("alias")
    return pairs.drop_nulls(PAIR).with_columns(former=former)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("starter", type=Path)
    parser.add_argument("--names", type=Path, help="a release whose genes bear names alone")
    options = parser.parse_args()
    with homodb.open(options.starter) as starter:
        truth = starter.sql(HOMOLOGENE)
        print(f"Release {starter.version}, homodb {homodb.__version__}; {truth.height:,} pairs of HomoloGene.\n")
        lm = judged(mapped(starter, "lm_o2o"), truth)
        show(lm, ["evidence_class"])
        show(lm, ["evidence_class", "same"])
        print("| correlation from | right | of all |\n| --- | --- | --- |")
        for least, right, every in by_correlation(lm):
            print(f"| {least} | {right:,} of {every:,} | {right / every:.2f} |")
        print()
        show(judged(mapped(starter, "hm_o2o").filter(pl.col("confidence") == 0), truth), ["evidence_class"])
        if options.names:
            with homodb.open(options.names) as release:
                pairs = current(mapped(release, "lm_o2o"), starter)
            show(judged(pairs, truth), ["evidence_class", "former"])
            show(judged(pairs, truth).filter(~pl.col("former")), ["evidence_class", "same"])


if __name__ == "__main__":
    main()
