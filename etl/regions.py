"""Expressions that derive properties of genes from their genomic region.

Each function returns an expression over ``species, stable_id, region, region_start`` of a table of genes.
"""

from __future__ import annotations

import polars as pl

from homodb.schema.species import find

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
_MITOCHONDRIAL = ("mt", "m", "chrm", "chrmt", "mito", "mtdna", "mitochondrion", "mitochondrion_genome")


def is_alternate() -> pl.Expr:
    """Test for haplotypes, patches and pseudo-autosomal copies on Y."""
    on_y = (pl.col("region") == "Y") & is_pseudoautosomal().fill_null(value=False)
    return (pl.col("region").str.contains(_ALTERNATE) | on_y | _copy_on_y()).fill_null(value=False)


def is_mitochondrial() -> pl.Expr:
    """Test for the mitochondrial genome; null without a region."""
    return pl.col("region").str.to_lowercase().is_in(_MITOCHONDRIAL)


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
