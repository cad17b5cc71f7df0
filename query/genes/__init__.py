"""Package."""

from __future__ import annotations

from homodb.query.genes.explain import Explanation
from homodb.query.genes.joint_table import chain
from homodb.query.genes.neighbors import nearest
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
    "find_pair",
    "known_share",
    "named_column",
    "nearest",
    "other_species_note",
    "resolve",
    "species_votes",
]
