"""Translate an AnnData into the genes of another species.

A plan is built once from the names of genes (:mod:`.plan`), and a pure aggregation is applied to every block of rows
of every matrix (:mod:`.aggregate`, :mod:`.carry`). :mod:`.translate` does so in memory, and from file to file.
"""

from __future__ import annotations

from homodb.query.translate.aggregate import Aggregation, Links, UnfitValuesError
from homodb.query.translate.carry import MatrixPart, TranslateProgress, groups_of, stream
from homodb.query.translate.fates import (
    LOST_SCHEMA,
    MEANING,
    NOT_A_GENE,
    UNRESOLVED,
    WITHOUT_PARTNER,
    Fate,
    FateReport,
    TranslationReport,
    fate_of,
    fate_order,
    lost,
    mapped_rule,
    meaning_in,
    with_counts,
)
from homodb.query.translate.mapping import GREEDY, map_genes, namesakes_first, rematch_measured, settled
from homodb.query.translate.options import (
    Names,
    OneToMany,
    Options,
    SlotPolicy,
    gene_list,
    read_options,
)
from homodb.query.translate.plan import kind_of_names
from homodb.query.translate.translate import translate, translate_file

__all__ = [
    "GREEDY", "LOST_SCHEMA", "MEANING", "NOT_A_GENE", "UNRESOLVED", "WITHOUT_PARTNER", "Aggregation", "Fate",
    "FateReport", "Links", "MatrixPart", "Names", "OneToMany", "Options", "SlotPolicy", "TranslateProgress",
    "TranslationReport", "UnfitValuesError", "fate_of", "fate_order", "gene_list", "groups_of", "kind_of_names",
    "lost", "map_genes", "mapped_rule", "meaning_in", "namesakes_first", "read_options", "rematch_measured",
    "settled", "stream", "translate", "translate_file", "with_counts",
]  # fmt: skip
