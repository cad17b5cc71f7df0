"""Primary genes and alternate loci: which gene on the primary assembly stands for those on haplotypes and patches."""

from __future__ import annotations

import polars as pl

from homodb.etl import regions
from homodb.etl.genes import Genes, indexed


def with_primary(genes: Genes, homologies: pl.DataFrame, alternates: pl.DataFrame | None = None) -> Genes:
    """Tell primary genes from alternate loci.

    Parameters
    ----------
    genes
        The genes.
    homologies
        Keyed homologies (``gene_a, gene_b``).
    alternates
        Ensembl's alternate alleles (columns of ``records.ALTERNATES``), where the inputs have them.

    Returns
    -------
    Genes
        With ``primary_gene`` and ``primary_basis``. By region: a gene on a haplotype or patch, and a
        pseudo-autosomal gene on Y, stands for the gene on the primary assembly that Ensembl groups it with as an
        alternate allele, else for that of its symbol (without one, the alternate locus with the lowest stable ID is
        primary). Where a species has no regions at all, by orthology: of the genes of one symbol just one has
        homologies, as Ensembl computes them for primary genes only.
    """
    table = genes.table
    located = pl.col("region").is_not_null()
    with_homology = pl.concat([homologies["gene_a"], homologies["gene_b"]]).unique()
    marked = _with_alleles(table, alternates).with_columns(
        _alternate=regions.is_alternate(),
        _located=located.any().over("species"),
        _orthologous=pl.col("gene").is_in(with_homology.implode()),
    )
    marked = marked.with_columns(_main=pl.when("_located").then(~pl.col("_alternate")).otherwise("_orthologous"))
    by_symbol, one_of_symbol = _stands_for("symbol")
    by_allele, one_of_alleles = _stands_for("_allele")
    stands = pl.col("_alternate") | ~pl.col("_located")
    resolved = marked.with_columns(
        primary_gene=pl.when(stands & one_of_alleles).then(by_allele)
        .when(stands & (one_of_symbol | pl.col("_located"))).then(by_symbol)
        .otherwise(pl.col("gene")),
        primary_basis=pl.when(stands & one_of_alleles).then(pl.lit("alternate allele"))
        .when("_located").then(pl.lit("region"))
        .when(one_of_symbol).then(pl.lit("orthology"))
        .otherwise(pl.lit("unknown")),
    )  # fmt: skip
    # a locus that others stand for by their symbol may itself be the allele of another gene
    ends = resolved.select(primary_gene="gene", _end="primary_gene")
    resolved = resolved.join(ends, on="primary_gene", how="left", maintain_order="left").with_columns(
        primary_gene="_end"
    )
    return _reindexed(resolved.drop("_allele", "_alternate", "_located", "_orthologous", "_main", "_end"))


def _with_alleles(table: pl.DataFrame, alternates: pl.DataFrame | None) -> pl.DataFrame:
    """Add ``_allele``: the group of alternate alleles that a gene is in."""
    if alternates is None or alternates.is_empty():
        return table.with_columns(_allele=pl.lit(None, pl.String))
    told = alternates.unique(["species", "gene_id"], keep="first", maintain_order=True)
    told = told.select("species", stable_id="gene_id", _allele="allele_group")
    return table.join(told, on=["species", "stable_id"], how="left", maintain_order="left")


def _stands_for(group: str) -> tuple[pl.Expr, pl.Expr]:
    """Return the gene that a gene stands for within its group, and whether the group has several and one main gene."""
    within = ["species", group]
    several = pl.col(group).is_not_null() & (pl.len().over(within) > 1)
    mains = pl.col("_main").sum().over(within)
    of_main = pl.col("gene").filter(pl.col("_main")).first().over(within)
    lowest = pl.col("gene").min().over(within)
    stands = (
        pl.when(several & (mains == 1)).then(of_main)
        .when(several & (mains == 0) & pl.col("_located")).then(lowest)
        .otherwise(pl.col("gene"))
    )  # fmt: skip
    return stands, several & (mains == 1)


def _reindexed(table: pl.DataFrame) -> Genes:
    """Index again: a symbol with one primary gene means that gene."""
    fresh = indexed(table.filter(pl.col("primary_gene") == pl.col("gene")))
    return Genes(table, table.select("species", "stable_id", "gene"), fresh.by_symbol, fresh.shared_symbols)
