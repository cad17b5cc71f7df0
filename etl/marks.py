"""Marks of genes: mitochondrial, ribosomal, pseudo-autosomal, and non-coding where only the symbol tells."""

from __future__ import annotations

import polars as pl

from homodb.etl import nomenclature, regions
from homodb.etl.genes import Genes
from homodb.schema.strategies import HomologyType


def with_marks(genes: Genes, homologies: pl.DataFrame) -> Genes:
    """Mark genes by what they are: mitochondrial, ribosomal, pseudo-autosomal, and non-coding by their symbol.

    Parameters
    ----------
    genes
        The genes, primary ones told.
    homologies
        Keyed homologies: a one-to-one ortholog of a marked gene is marked where its own location is unknown.
    """
    symbol = pl.col("symbol")
    speaks = ~pl.col("species").is_in(sorted(nomenclature.OTHER_COMMITTEES))
    told = pl.when(pl.col("biotype").is_null() & speaks).then(nomenclature.non_coding_biotype(symbol))
    table = genes.table.with_columns(
        biotype=pl.coalesce("biotype", told),
        biotype_basis=pl.when(pl.col("biotype").is_null() & told.is_not_null())
        .then(pl.lit("nomenclature"))
        .otherwise(pl.col("biotype_basis")),
        mitochondrial=pl.coalesce(regions.is_mitochondrial(), nomenclature.is_mitochondrial(symbol)),
        ribosomal=nomenclature.is_ribosomal(symbol),
        pseudoautosomal=regions.is_pseudoautosomal(),
    )
    one2one = homologies.filter(pl.col("homology_type") == HomologyType.ONE2ONE).select("gene_a", "gene_b")
    unplaced = pl.col("region").is_null()
    table = _spread(table, one2one, "mitochondrial", where=unplaced)
    table = _spread(table, one2one, "ribosomal", where=symbol.is_null() | unplaced)
    return Genes(table, genes.by_stable_id, genes.by_symbol, genes.shared_symbols)


def _spread(table: pl.DataFrame, one2one: pl.DataFrame, mark: str, where: pl.Expr) -> pl.DataFrame:
    """Mark the one-to-one orthologs of marked genes, where allowed."""
    marked = table.filter(pl.col(mark))["gene"].implode()
    partners = pl.concat(
        [
            one2one.filter(pl.col("gene_a").is_in(marked))["gene_b"],
            one2one.filter(pl.col("gene_b").is_in(marked))["gene_a"],
        ]
    )
    return table.with_columns((pl.col(mark) | (where & pl.col("gene").is_in(partners.implode()))).alias(mark))
