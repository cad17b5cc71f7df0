"""Integrates the species of a joint AnnData: one preparation, and methods of one signature.

Counts are read and checked (:mod:`.counts`); variable features are chosen (:mod:`.variable`); data are scaled without
being made dense (:mod:`.scaled`, :mod:`.shifted`) and reduced (:mod:`.principal`); a method of :mod:`.methods` gives an
embedding; :mod:`.graph` and :mod:`.clusters` work on it. :mod:`.integrate` runs it all, :mod:`.files` file to file.
"""

from __future__ import annotations

from homodb.query.integrate.cca import Anchors, MergeStep, correct, find_anchors, merge, merge_order, weights
from homodb.query.integrate.clusters import Network, umap
from homodb.query.integrate.counts import Joint, read_joint
from homodb.query.integrate.integrate import UNS, add_integration, add_prepared, integrate, integrate_files
from homodb.query.integrate.linear import (
    SparseMinusLowRank,
    canonical_vectors,
    log_normalized,
    principal_components,
    scaled,
    standardized_cells,
    unit_rows,
    varying,
)
from homodb.query.integrate.methods import METHODS, IntegrationMethod, method_named
from homodb.query.integrate.neighbors import Nearest, kneighbors_excluding_self, nearest, shared_neighbors
from homodb.query.integrate.prepare import consensus, prepare, vst
from homodb.query.integrate.protein_space import read_vector_options, strongest, vectors_of, weighted_means
from homodb.query.integrate.sentence_models import (
    DEFAULT,
    PACKAGED,
    count_cut,
    distinct,
    embed,
    find_device,
    find_model,
    load_model,
    seeded,
)
from homodb.query.integrate.sentences import check_phrases, metadata_phrases, sentences, top_words, with_phrases
from homodb.query.integrate.settings import BOUNDS, IntegrateSettings, read_settings

__all__ = [
    "BOUNDS",
    "DEFAULT",
    "METHODS",
    "PACKAGED",
    "UNS",
    "Anchors",
    "IntegrateSettings",
    "IntegrationMethod",
    "Joint",
    "MergeStep",
    "Nearest",
    "Network",
    "SparseMinusLowRank",
    "add_integration",
    "add_prepared",
    "canonical_vectors",
    "check_phrases",
    "consensus",
    "correct",
    "count_cut",
    "distinct",
    "embed",
    "find_anchors",
    "find_device",
    "find_model",
    "integrate",
    "integrate_files",
    "kneighbors_excluding_self",
    "load_model",
    "log_normalized",
    "merge",
    "merge_order",
    "metadata_phrases",
    "method_named",
    "nearest",
    "prepare",
    "principal_components",
    "read_joint",
    "read_settings",
    "read_vector_options",
    "scaled",
    "seeded",
    "sentences",
    "shared_neighbors",
    "standardized_cells",
    "strongest",
    "top_words",
    "umap",
    "unit_rows",
    "varying",
    "vectors_of",
    "vst",
    "weighted_means",
    "weights",
    "with_phrases",
]
