"""Transfer cell types from a reference of one species to the cells of another."""

from __future__ import annotations

from homodb.query.annotate.annotate import annotate, annotate_files
from homodb.query.annotate.cellama import NicheOptions, Niches, fine_tune, niches, niches_file
from homodb.query.annotate.knn import average, cosine_nearest, knn, protein, shared_counts, vote
from homodb.query.annotate.labels import mapped, one_side_only, read_labels
from homodb.query.annotate.methods import (
    METHODS,
    AnnotationMethod,
    consensus,
    default_of,
    method_named,
    parse_parameters,
    split_parameters,
)
from homodb.query.annotate.options import AnnotateOptions, read_options, stored_options
from homodb.query.annotate.read import CellRequest, find_links, prepare, read_side, some_cells
from homodb.query.annotate.settings import (
    CellamaSettings,
    KnnSettings,
    MethodSettings,
    NicheSettings,
    ProteinSettings,
    TronSettings,
    VoteSettings,
)
from homodb.query.annotate.task import Annotation, AnnotationTask, Labelled, OrthologyLinks

__all__ = [
    "METHODS",
    "AnnotateOptions",
    "Annotation",
    "AnnotationMethod",
    "AnnotationTask",
    "CellRequest",
    "CellamaSettings",
    "KnnSettings",
    "Labelled",
    "MethodSettings",
    "NicheOptions",
    "NicheSettings",
    "Niches",
    "OrthologyLinks",
    "ProteinSettings",
    "TronSettings",
    "VoteSettings",
    "annotate",
    "annotate_files",
    "average",
    "consensus",
    "cosine_nearest",
    "default_of",
    "find_links",
    "fine_tune",
    "knn",
    "mapped",
    "method_named",
    "niches",
    "niches_file",
    "one_side_only",
    "parse_parameters",
    "prepare",
    "protein",
    "read_labels",
    "read_options",
    "read_side",
    "shared_counts",
    "some_cells",
    "split_parameters",
    "stored_options",
    "vote",
]
