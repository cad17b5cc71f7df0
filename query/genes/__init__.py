"""Resolve gene names, and look up orthologs and nearest genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homodb.query.genes.explain import Explanation, explain
from homodb.query.genes.features import FeatureKinds, feature_kinds, feature_notes
from homodb.query.genes.joint_table import chain, joint_table
from homodb.query.genes.orthologs import orthologs
from homodb.query.genes.pairs import (
    COLUMNS,
    LEAST_DATABASES,
    Pair,
    add_rows,
    choose_strategy,
    compose_mappings,
    find_pair,
    over_unnamed,
)
from homodb.query.genes.resolve import (
    HAS_NAME,
    ResolvedVar,
    VarColumn,
    check_share,
    forced,
    likely_kind,
    names_of,
    resolve,
    resolve_rows,
    resolve_var,
)
from homodb.query.genes.species_vote import (
    SpeciesVote,
    are_positions,
    common_affix,
    detect_species,
    other_species_note,
    species_votes,
)
from homodb.query.genes.spellings import ASSEMBLY, VERSION, about_names, bare_name, is_like_a_date
from homodb.query.genes.trust import embeddings_note, neighbors_note

if TYPE_CHECKING:
    from homodb.query.genes.nearest_genes import nearest, neighbors

__all__ = [
    "ASSEMBLY", "COLUMNS", "HAS_NAME", "LEAST_DATABASES", "VERSION", "Explanation", "FeatureKinds", "Pair",
    "ResolvedVar", "SpeciesVote", "VarColumn", "about_names", "add_rows", "are_positions", "bare_name", "chain",
    "check_share", "choose_strategy", "common_affix", "compose_mappings", "detect_species", "embeddings_note",
    "explain", "feature_kinds", "feature_notes", "find_pair", "forced", "is_like_a_date", "joint_table", "likely_kind",
    "names_of", "nearest", "neighbors", "neighbors_note", "orthologs", "other_species_note", "over_unnamed", "resolve",
    "resolve_rows", "resolve_var", "species_votes",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the search among vectors, which needs NumPy and pyarrow, on first use."""
    if name not in ("nearest", "neighbors"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from homodb.query.genes import nearest_genes

    return getattr(nearest_genes, name)
