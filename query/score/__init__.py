"""How good an integration is: scores of several profiles over one embedding."""

from __future__ import annotations

from homodb.query.score.alcs import SPLITS, self_projection
from homodb.query.score.contingency import RIGHTNESS, ari, classification_metrics, cross_table, matched_f1, nmi, recalls
from homodb.query.score.cross_species import cross_species
from homodb.query.score.donors import CELLS_ONLY, DONORS, Draws, draws, overlaps, resampled, undistinguished
from homodb.query.score.embedded import Embedded, read_embedded
from homodb.query.score.lisi import affinities, lisi
from homodb.query.score.mixing import MIXING, find_mixing
from homodb.query.score.over_merging import CONFIDENT, find_over_merging
from homodb.query.score.pllm import (
    SCORES,
    Clustered,
    cluster_to_count,
    in_all_species,
    join_singles,
    measure,
    pllm,
    subset,
)
from homodb.query.score.result import Number, ProfileScores, Score
from homodb.query.score.scib import scib
from homodb.query.score.score import PROFILES, profiles_named, score, score_file
from homodb.query.score.silhouette import silhouette
from homodb.query.score.transfer import VOTERS, Transfer, find_votes

__all__ = [
    "CELLS_ONLY",
    "CONFIDENT",
    "DONORS",
    "MIXING",
    "PROFILES",
    "RIGHTNESS",
    "SCORES",
    "SPLITS",
    "VOTERS",
    "Clustered",
    "Draws",
    "Embedded",
    "Number",
    "ProfileScores",
    "Score",
    "Transfer",
    "affinities",
    "ari",
    "classification_metrics",
    "cluster_to_count",
    "cross_species",
    "cross_table",
    "draws",
    "find_mixing",
    "find_over_merging",
    "find_votes",
    "in_all_species",
    "join_singles",
    "lisi",
    "matched_f1",
    "measure",
    "nmi",
    "overlaps",
    "pllm",
    "profiles_named",
    "read_embedded",
    "recalls",
    "resampled",
    "scib",
    "score",
    "score_file",
    "self_projection",
    "silhouette",
    "subset",
    "undistinguished",
]
