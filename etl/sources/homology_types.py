"""Types of homology, as Ensembl spells and has spelt them: which are read, and which are skipped and counted."""

from __future__ import annotations

from homodb.schema.strategies import ORTHOLOG_TYPES, HomologyType

#: Orthologs alone.
ORTHOLOGS = tuple(str(kind) for kind in ORTHOLOG_TYPES)

#: What is read: orthologs and gene splits.
KEPT_TYPES = tuple(str(kind) for kind in HomologyType)

#: Types of homology that Ensembl has used and that are neither orthologs nor gene splits: skipped, counted.
OTHER_TYPES = frozenset(
    {
        "within_species_paralog",
        "other_paralog",
        "between_species_paralog",
        "alt_allele",
        "homoeolog_one2one",
        "homoeolog_one2many",
        "homoeolog_many2many",
        # until release 73
        "apparent_ortholog_one2one",
        "possible_ortholog",
        "contiguous_gene_split",
        "putative_gene_split",
        "projection_unchanged",
        "projection_altered",
        # until about release 60: best reciprocal hits, unique and multiple, and by synteny
        "UBRH",
        "BRH",
        "MBRH",
        "RHS",
        # rapid release: best hits
        "homolog_bbh",
        "homolog_rbbh",
    }
)

#: All others are errors.
KNOWN_TYPES = OTHER_TYPES.union(KEPT_TYPES)
