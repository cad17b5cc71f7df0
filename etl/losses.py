"""What a release keeps in doubt or not at all, counted after its tables are derived."""

from __future__ import annotations

from typing import Any

import polars as pl

from homodb.etl.genes import Genes
from homodb.etl.homologies import Homologies
from homodb.schema.species import by_number
from homodb.schema.strategies import Strategy

_PAIR = ["species_a", "species_b"]


def losses(
    genes: Genes, homologies: Homologies, mapped: pl.DataFrame, annotated: set[int], pairs: list[tuple[int, int]]
) -> list[dict[str, Any]]:
    """Return one entry a place and reason, with counts.

    Parameters
    ----------
    genes, homologies, mapped
        The derived tables.
    annotated
        Numbers of the species whose genes a proteome or an annotation told.
    pairs
        Pairs of species that the release maps.
    """
    return [
        *_strangers(genes, annotated),
        *_of_alternate_loci(genes, homologies, mapped),
        *_repeats(genes, mapped),
        *_not_given(mapped, pairs),
    ]


def _strangers(genes: Genes, annotated: set[int]) -> list[dict[str, Any]]:
    """Genes of an annotated species that only homologies or evidence name, by symbol."""
    counted = genes.table.filter(pl.col("symbol_stands_in") & pl.col("species").is_in(sorted(annotated)))
    reason = "symbols that no annotation or proteome knows, kept as genes of their own"
    rows = counted.group_by("species").len().sort("species").iter_rows()
    return [{"where": by_number(species).name, "reason": reason, "count": count} for species, count in rows]


def _of_alternate_loci(genes: Genes, homologies: Homologies, mapped: pl.DataFrame) -> list[dict[str, Any]]:
    """Homologies of alternate loci, which enter no mapping, whose primary genes are not mapped either."""
    main = genes.table.select("gene", "primary_gene")
    moved = homologies.table
    for side in "ab":
        renamed = main.rename({"gene": f"gene_{side}", "primary_gene": f"primary_{side}"})
        moved = moved.join(renamed, on=f"gene_{side}", how="left")
    aside = moved.filter(
        (pl.col("species_a") != pl.col("species_b"))
        & ((pl.col("gene_a") != pl.col("primary_a")) | (pl.col("gene_b") != pl.col("primary_b")))
    )
    there = mapped.filter(pl.col("strategy") == str(Strategy.ENS_M2M)).select(primary_a="gene_a", primary_b="gene_b")
    lost = aside.join(there, on=["primary_a", "primary_b"], how="anti")
    return _by_pair(lost, "homologies of alternate loci that their primary genes lack")


def _repeats(genes: Genes, mapped: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of ENS_O2O with a gene that another row has too: several genes behind one symbol."""
    rows = mapped.filter(pl.col("strategy") == str(Strategy.ENS_O2O))
    repeated = rows.filter((pl.len().over(*_PAIR, "gene_a") > 1) | (pl.len().over(*_PAIR, "gene_b") > 1))
    return _by_pair(repeated, "rows of ENS_O2O that share a symbol with another row, kept")


def _by_pair(rows: pl.DataFrame, reason: str) -> list[dict[str, Any]]:
    counted = rows.group_by(_PAIR).len().sort(_PAIR).iter_rows()
    return [
        {"where": f"{by_number(a).name} - {by_number(b).name}", "reason": reason, "count": count}
        for a, b, count in counted
    ]


def _not_given(mapped: pl.DataFrame, pairs: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Strategies that a pair of species cannot have, for want of homologies, or of vectors of both species."""
    given: dict[tuple[int, int], set[str]] = {pair: set() for pair in pairs}
    for a, b, strategy in mapped.select(*_PAIR, "strategy").unique().iter_rows():
        given[a, b].add(strategy)
    embedded = any(str(Strategy.LM_O2O) in strategies for strategies in given.values())
    noted = []
    for (a, b), strategies in given.items():
        missing = [str(strategy) for strategy in Strategy if strategy not in strategies]
        if str(Strategy.ENS_M2M) in missing:
            why = "for want of Ensembl homologies"
        elif embedded and str(Strategy.LM_O2O) in missing:
            why = "for want of embeddings of both species"
        else:
            continue
        reason = f"strategies that cannot be given {why}: {', '.join(missing)}"
        noted.append({"where": f"{by_number(a).name} - {by_number(b).name}", "reason": reason, "count": len(missing)})
    return noted
