"""Resolve gene names, and look up orthologs and nearest genes."""

from __future__ import annotations

from homodb.query.genes.explain import Explanation, explain
from homodb.query.genes.joint_table import chain, joint_table
from homodb.query.genes.neighbors import nearest, neighbors
from homodb.query.genes.orthologs import orthologs
from homodb.query.genes.pairs import Pair, choose_strategy, find_pair
from homodb.query.genes.resolve import HAS_NAME, resolve
from homodb.query.genes.species_vote import (
    are_positions,
    detect_species,
    known_share,
    named_column,
    other_species_note,
    species_votes,
)
from homodb.query.genes.spellings import VERSION, about_synonyms

__all__ = [
    "HAS_NAME",
    "VERSION",
    "Explanation",
    "Pair",
    "about_synonyms",
    "are_positions",
    "chain",
    "choose_strategy",
    "detect_species",
    "explain",
    "find_pair",
    "joint_table",
    "known_share",
    "named_column",
    "nearest",
    "neighbors",
    "orthologs",
    "other_species_note",
    "resolve",
    "species_votes",
]
