"""Merge the genes of all sources, give them keys, primary genes and marks.

Marks that depend on homologies as well are added by :func:`mark_genes`.

Each function returns an expression over ``species, stable_id, region, region_start`` of a table of genes.

The rules for symbols follow the guidelines of the HGNC for gene nomenclature
(https://www.genenames.org/about/guidelines/), which the vertebrate committees share. They apply only to genes without
an annotation, and ``biotype_basis`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from homodb.schema.enums import HomologyType
from homodb.schema.names import is_mitochondrial, is_ribosomal
from homodb.schema.species import FIRST_DESCRIBED, KEYS_PER_SPECIES, find

#: Sequence regions of haplotypes and patches, as Ensembl names them; unplaced scaffolds are primary.
_ALTERNATE = r"^CHR_|_PATCH$|^HSCHR|^HG\d+_|^MMCHR|^MG\d+_|_CTG\d|_HAP\d|^LRG_"

#: Pseudo-autosomal regions as (species, region, first base, last base): Genome Reference Consortium, GRCh38.
_PSEUDOAUTOSOMAL = (
    ("homo_sapiens", "X", 10_001, 2_781_479),
    ("homo_sapiens", "X", 155_701_383, 156_030_895),
    ("homo_sapiens", "Y", 10_001, 2_781_479),
    ("homo_sapiens", "Y", 56_887_903, 57_217_415),
)

#: Names of the mitochondrial genome as a sequence region, in lower case.
_MITOCHONDRIAL_REGIONS = ("mt", "m", "chrm", "chrmt", "mito", "mtdna", "mitochondrion", "mitochondrion_genome")


def is_alternate() -> pl.Expr:
    """Test for haplotypes, patches and pseudo-autosomal copies on Y."""
    on_y = (pl.col("region") == "Y") & is_pseudoautosomal().fill_null(value=False)
    return (pl.col("region").str.contains(_ALTERNATE) | on_y | _copy_on_y()).fill_null(value=False)


def in_mitochondrion() -> pl.Expr:
    """Test for the mitochondrial genome; null without a region."""
    return pl.col("region").str.to_lowercase().is_in(_MITOCHONDRIAL_REGIONS)


def is_pseudoautosomal() -> pl.Expr:
    """Test for pseudo-autosomal regions; null without the location."""
    inside = pl.lit(value=False)
    for name, region, first, last in _PSEUDOAUTOSOMAL:
        here = (pl.col("species") == find(name).number) & (pl.col("region") == region)
        inside = inside | (here & pl.col("region_start").is_between(first, last))
    numbers = sorted({find(name).number for name, *_ in _PSEUDOAUTOSOMAL})
    has_location = pl.col("species").is_in(numbers) & pl.col("region_start").is_not_null()
    return pl.when(_copy_on_y()).then(pl.lit(value=True)).when(has_location).then(inside)


def _copy_on_y() -> pl.Expr:
    """Test for copies on Y, as GENCODE names them."""
    return pl.col("stable_id").str.ends_with("_PAR_Y")


#: Species whose Ensembl assembly has haplotypes or patches, with copies of genes of the primary assembly.
_WITH_ALTERNATES = frozenset(find(name).number for name in ("homo_sapiens", "mus_musculus", "danio_rerio"))

_DETAILS = (
    "version", "symbol", "biotype", "region", "region_start", "region_end", "strand", "description",
)  # fmt: skip


@dataclass(frozen=True)
class Genes:
    """Genes with their keys, and the names that other tables refer to.

    Parameters
    ----------
    table
        One row per gene, columns of the table ``gene`` of a release (later steps add the last ones).
    by_stable_id
        ``species, stable_id, gene``.
    by_symbol
        ``species, symbol, gene`` for symbols of exactly one gene of the species.
    shared_symbols
        ``species, symbol`` for symbols of several genes.
    """

    table: pl.DataFrame
    by_stable_id: pl.DataFrame
    by_symbol: pl.DataFrame
    shared_symbols: pl.DataFrame


def collect_genes(sources: Sequence[tuple[str, pl.DataFrame]]) -> Genes:
    """Merge the genes of all sources, and give every gene its key.

    Parameters
    ----------
    sources
        Tables of genes (columns of ``records.GENES``), each with the name of its source; where sources contradict
        each other, the first wins. Genes are identified by stable ID. A symbol without a stable ID refers to the
        genes with that symbol; if there are none, it becomes a gene whose ID is the symbol.
    """
    rows = pl.concat(
        [
            table.with_columns(basis=pl.lit(source), order=pl.lit(place, pl.Int32))
            for place, (source, table) in enumerate(sources)
        ]
    )
    identified = _merged(rows.filter(pl.col("stable_id").is_not_null()))
    borne = identified.select("species", "symbol").drop_nulls().unique()
    named = rows.filter(pl.col("stable_id").is_null()).join(borne, on=["species", "symbol"], how="anti")
    stand_ins = _merged(named.with_columns(stable_id=pl.col("symbol")))
    stand_ins = stand_ins.join(identified, on=["species", "stable_id"], how="anti")
    everything = pl.concat(
        [
            identified.with_columns(symbol_stands_in=pl.lit(value=False)),
            stand_ins.with_columns(symbol_stands_in=pl.lit(value=True)),
        ]
    ).sort("species", "stable_id")
    rank = pl.int_range(pl.len(), dtype=pl.Int64).over("species")
    return indexed(everything.with_columns(gene=pl.col("species").cast(pl.Int64) * KEYS_PER_SPECIES + rank))


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    """Merge the rows of each stable ID; the first value of a detail wins."""
    first = [pl.col(name).drop_nulls().first() for name in _DETAILS]
    basis = pl.col("basis").filter(pl.col("biotype").is_not_null()).first().alias("biotype_basis")
    return rows.sort("order", maintain_order=True).group_by("species", "stable_id").agg(*first, basis)


def indexed(table: pl.DataFrame) -> Genes:
    """Index genes by stable ID and by unique symbol."""
    symbols = table.select("species", "symbol", "gene").drop_nulls("symbol")
    alone = pl.len().over("species", "symbol") == 1
    return Genes(
        table,
        table.select("species", "stable_id", "gene"),
        symbols.filter(alone),
        symbols.filter(~alone).select("species", "symbol").unique(),
    )


def add_gene_keys(frame: pl.DataFrame, genes: Genes, side: str) -> pl.DataFrame:
    """Add ``gene_<side>`` to a table of pairs, by stable ID or unique symbol.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order with ``gene_<side>``, null for unknown genes.
    """
    species, stable_id, symbol = f"species_{side}", f"stable_id_{side}", f"symbol_{side}"
    by_id = genes.by_stable_id.rename({"gene": "_by_id"})
    by_symbol = genes.by_symbol.rename({"gene": "_by_symbol"})
    return (
        frame.join(
            by_id, left_on=[species, stable_id], right_on=["species", "stable_id"], how="left", maintain_order="left"
        )
        .join(by_symbol, left_on=[species, symbol], right_on=["species", "symbol"], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col(stable_id).is_not_null())
            .then(pl.col("_by_id"))
            .otherwise(pl.col("_by_symbol"))
            .alias(f"gene_{side}")
        )
        .drop("_by_id", "_by_symbol")
    )


def assign_primary_genes(
    genes: Genes,
    homologies: pl.DataFrame,
    alternates: pl.DataFrame | None = None,
    alternate_loci: Mapping[int, bool | None] | None = None,
) -> Genes:
    """Add the primary gene of each gene.

    Parameters
    ----------
    genes
        The genes.
    homologies
        Keyed homologies (``gene_a, gene_b``).
    alternates
        Alternate alleles of Ensembl (columns of ``records.ALTERNATES``), if the inputs have them.
    alternate_loci
        Whether species, by number, have haplotypes or patches; None or missing for what homodb knows: human, mouse,
        zebrafish, and species with alternate alleles do.

    Returns
    -------
    Genes
        Genes with ``primary_gene`` and ``primary_basis``. By region: the primary gene of a gene on a haplotype or
        patch, and of a pseudo-autosomal gene on Y, is the gene on the primary assembly that Ensembl groups with it
        as an alternate allele, else the one with its symbol (if there is none, the alternate locus with the lowest
        stable ID). For species with haplotypes or patches but without regions, by orthology: exactly one of the genes
        with a symbol has homologies, since Ensembl computes them for primary genes only. Elsewhere genes of one symbol
        are copies, each a gene of its own.
    """
    table = genes.table
    with_alternates = set(_WITH_ALTERNATES)
    if alternates is not None:
        with_alternates |= set(alternates["species"])
    for number, answer in (alternate_loci or {}).items():
        if answer is not None:
            (with_alternates.add if answer else with_alternates.discard)(number)
    located = pl.col("region").is_not_null()
    with_homology = pl.concat([homologies["gene_a"], homologies["gene_b"]]).unique()
    marked = _with_alleles(table, alternates).with_columns(
        _alternate=is_alternate(),
        _located=located.any().over("species"),
        _orthologous=pl.col("gene").is_in(with_homology.implode()),
    )
    marked = marked.with_columns(_main=pl.when("_located").then(~pl.col("_alternate")).otherwise("_orthologous"))
    by_symbol, one_of_symbol = _stands_for("symbol")
    one_of_symbol &= pl.col("species").is_in(sorted(with_alternates))
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
    # the primary gene by symbol may itself be the allele of another gene
    ends = resolved.select(primary_gene="gene", _end="primary_gene")
    resolved = resolved.join(ends, on="primary_gene", how="left", maintain_order="left").with_columns(
        primary_gene="_end"
    )
    return _reindexed(resolved.drop("_allele", "_alternate", "_located", "_orthologous", "_main", "_end"))


def _with_alleles(table: pl.DataFrame, alternates: pl.DataFrame | None) -> pl.DataFrame:
    """Add ``_allele``, the group of alternate alleles of each gene."""
    if alternates is None or alternates.is_empty():
        return table.with_columns(_allele=pl.lit(None, pl.String))
    alleles = alternates.unique(["species", "gene_id"], keep="first", maintain_order=True)
    alleles = alleles.select("species", stable_id="gene_id", _allele="allele_group")
    return table.join(alleles, on=["species", "stable_id"], how="left", maintain_order="left")


def _stands_for(group: str) -> tuple[pl.Expr, pl.Expr]:
    """Return primary genes within groups, and where one main gene decides."""
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
    """Index again, so that a symbol with one primary gene means that gene."""
    fresh = indexed(table.filter(pl.col("primary_gene") == pl.col("gene")))
    return Genes(table, table.select("species", "stable_id", "gene"), fresh.by_symbol, fresh.shared_symbols)


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

#: Registry numbers of species whose symbols other committees assign (insects, worms, plants, fungi, ...): MIR1 and
#: GAS5 of yeast code for proteins. What committee names those of species that the registry lacks is unknown.
OTHER_COMMITTEES = frozenset({5, 6, 7, 177, 178, *range(271, 316)})


def non_coding_biotype(symbol: pl.Expr) -> pl.Expr:
    """Return the biotype of a non-coding vertebrate symbol; null for others."""
    lower = symbol.str.to_lowercase()
    result = pl.lit(None, pl.String)
    for pattern, biotype in reversed(_NON_CODING):
        result = pl.when(lower.str.contains(pattern)).then(pl.lit(biotype)).otherwise(result)
    return result


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
    vertebrate_rules = ~pl.col("species").is_in(sorted(OTHER_COMMITTEES)) & (pl.col("species") < FIRST_DESCRIBED)
    by_symbol = pl.when(pl.col("biotype").is_null() & vertebrate_rules).then(non_coding_biotype(symbol))
    table = genes.table.with_columns(
        biotype=pl.coalesce("biotype", by_symbol),
        biotype_basis=pl.when(pl.col("biotype").is_null() & by_symbol.is_not_null())
        .then(pl.lit("nomenclature"))
        .otherwise(pl.col("biotype_basis")),
        mitochondrial=pl.coalesce(in_mitochondrion(), is_mitochondrial(symbol)),
        ribosomal=is_ribosomal(symbol),
        pseudoautosomal=is_pseudoautosomal(),
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
