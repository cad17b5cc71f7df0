"""Mark mitochondrial, ribosomal, pseudo-autosomal and non-coding genes.

The rules for symbols follow the guidelines of the HGNC for gene nomenclature
(https://www.genenames.org/about/guidelines/), which the vertebrate committees share. They apply only to genes without
an annotation, and ``biotype_basis`` says so.
"""

from __future__ import annotations

import polars as pl

from homodb.etl import regions
from homodb.etl.genes import Genes
from homodb.schema.enums import HomologyType

#: Symbols of these forms belong to genes without a protein: (pattern, Ensembl biotype). Case is ignored.
_NON_CODING = (
    (r"^mt-t[a-z]\d?$", "Mt_tRNA"),
    (r"^mt-rnr[12]$", "Mt_rRNA"),
    (r"^mir(let)?\d+[a-z]*\d?[a-z]?hg$", "lncRNA"),
    (r"^mir(let)?-?\d+[a-z]*\d?(-\d+)?[a-z]?$|^mirlet7[a-z](-\d+)?$", "miRNA"),
    (r"^snor[ad]\d+[a-z]*(-\d+)?$", "snoRNA"),
    (r"^scarna\d+[a-z]?$", "scaRNA"),
    (r"^rnu\d+(atac)?[a-z]?(-\d+)?p?$", "snRNA"),
    (r"^rn7s[kl](\d*p?|p\d+)$|^rny\d+(p\d+)?$|^vtrna\d.*$|^rmrp$|^rpph1$", "misc_RNA"),
    (r"^rna(5s|5-8s|18s|28s|45s).*$", "rRNA"),
    (r"^tr[a-z]{1,2}-[acgtn]{3}\d+-\d+$", "tRNA"),
    (r"^linc\d+$|-as\d*$|-dt$|-it\d*$|-ot\d*$", "lncRNA"),
    (
        r"^(xist|tsix|jpx|ftx|malat1|neat1|meg3|meg8|meg9|h19|hotair|hottip|hotairm1|kcnq1ot1|airn|gas5|pvt1|"
        r"miat|rian|mirg|snhg\d+|dleu1|dleu2|tug1|norad|firre|crnde|ncrna\d+|peg13|epb41l4a-as1|terc)$",
        "lncRNA",
    ),
)

#: Proteins of the cytosolic ribosome: RPL*, RPS*, RPLP0 to RPLP2, RPSA and the two fusions FAU and UBA52; not the S6
#: kinases (RPS6KA1), not the numbered pseudogenes (RPL21P75).
_RIBOSOMAL = (
    r"^rp([sl]\d+[axyl]?\d{0,2}|s3a\d?|s4y[12]|s27l|l3l|l7l1|l10l|l22l1|l26l1|l36al|l39l|lp[012]l?|sa)(\.\d)?[ab]?$"
    r"|^fau$|^uba52$"
)

#: Symbols of mitochondrial genes, where the nomenclature marks them: MT-ND1, mt-Nd1, rat Mt-nd1, fly mt:ND1.
_MITOCHONDRIAL = r"(?i)^mt[-:]"

#: Registry numbers of species whose symbols other committees assign (insects, worms, plants, fungi, ...): MIR1 and
#: GAS5 of yeast code for proteins.
OTHER_COMMITTEES = frozenset({5, 6, 7, 177, 178, *range(271, 316)})


def non_coding_biotype(symbol: pl.Expr) -> pl.Expr:
    """Return the biotype of a non-coding vertebrate symbol; null for others."""
    lower = symbol.str.to_lowercase()
    result = pl.lit(None, pl.String)
    for pattern, biotype in reversed(_NON_CODING):
        result = pl.when(lower.str.contains(pattern)).then(pl.lit(biotype)).otherwise(result)
    return result


def is_ribosomal(symbol: pl.Expr) -> pl.Expr:
    """Return whether a symbol is of a cytosolic ribosomal protein."""
    return symbol.str.to_lowercase().str.contains(_RIBOSOMAL).fill_null(value=False)


def is_mitochondrial(symbol: pl.Expr) -> pl.Expr:
    """Return whether a symbol is marked as mitochondrial."""
    return symbol.str.contains(_MITOCHONDRIAL).fill_null(value=False)


def mark_genes(genes: Genes, homologies: pl.DataFrame) -> Genes:
    """Mark mitochondrial, ribosomal, pseudo-autosomal and non-coding genes.

    Parameters
    ----------
    genes
        Genes with primary genes.
    homologies
        Keyed homologies: a one-to-one ortholog of a marked gene is marked where its own location is unknown.
    """
    symbol = pl.col("symbol")
    vertebrate_rules = ~pl.col("species").is_in(sorted(OTHER_COMMITTEES))
    by_symbol = pl.when(pl.col("biotype").is_null() & vertebrate_rules).then(non_coding_biotype(symbol))
    table = genes.table.with_columns(
        biotype=pl.coalesce("biotype", by_symbol),
        biotype_basis=pl.when(pl.col("biotype").is_null() & by_symbol.is_not_null())
        .then(pl.lit("nomenclature"))
        .otherwise(pl.col("biotype_basis")),
        mitochondrial=pl.coalesce(regions.is_mitochondrial(), is_mitochondrial(symbol)),
        ribosomal=is_ribosomal(symbol),
        pseudoautosomal=regions.is_pseudoautosomal(),
    )
    one2one = homologies.filter(pl.col("homology_type") == HomologyType.ONE2ONE).select("gene_a", "gene_b")
    unplaced = pl.col("region").is_null()
    table = _spread(table, one2one, "mitochondrial", where=unplaced)
    table = _spread(table, one2one, "ribosomal", where=symbol.is_null() | unplaced)
    return Genes(table, genes.by_stable_id, genes.by_symbol, genes.shared_symbols)


def _spread(table: pl.DataFrame, one2one: pl.DataFrame, mark: str, where: pl.Expr) -> pl.DataFrame:
    """Mark the one-to-one orthologs of marked genes where `where` holds."""
    marked = table.filter(pl.col(mark))["gene"].implode()
    partners = pl.concat(
        [
            one2one.filter(pl.col("gene_a").is_in(marked))["gene_b"],
            one2one.filter(pl.col("gene_b").is_in(marked))["gene_a"],
        ]
    )
    return table.with_columns((pl.col(mark) | (where & pl.col("gene").is_in(partners.implode()))).alias(mark))
