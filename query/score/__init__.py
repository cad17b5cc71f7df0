"""Score integrations: several profiles over one embedding."""

from __future__ import annotations

from homodb.query.score.cell_scores import affinities, lisi, silhouette
from homodb.query.score.contingency import (
    ClassificationMetrics,
    ari,
    classification_metrics,
    cross_table,
    majority_table,
    matched_f1,
    nmi,
    random_table,
)
from homodb.query.score.cross_species import SPLITS, cross_species, self_projection
from homodb.query.score.embedded import Embedded, read_embedded
from homodb.query.score.intervals import (
    CELLS_ONLY,
    DONORS,
    Draws,
    draws,
    overlaps,
    resampled,
    resampled_at_once,
    undistinguished,
)
from homodb.query.score.mixing import MIXING, find_mixing
from homodb.query.score.pllm import SCORES, Clustered, cluster_to_count, in_all_species, join_singles, measure, pllm
from homodb.query.score.result import Number, ProfileScores, Score
from homodb.query.score.scib import scib
from homodb.query.score.score import PROFILES, profiles_named, score
from homodb.query.score.transfer import (
    CONFIDENT,
    TRANSFER_METRICS,
    VOTERS,
    Transfer,
    find_over_merging,
    find_votes,
)

__all__ = [
    "CELLS_ONLY",
    "CONFIDENT",
    "DONORS",
    "MIXING",
    "PROFILES",
    "SCORES",
    "SPLITS",
    "TRANSFER_METRICS",
    "VOTERS",
    "ClassificationMetrics",
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
    "majority_table",
    "matched_f1",
    "measure",
    "nmi",
    "overlaps",
    "pllm",
    "profiles_named",
    "random_table",
    "read_embedded",
    "resampled",
    "resampled_at_once",
    "scib",
    "score",
    "self_projection",
    "silhouette",
    "undistinguished",
]
