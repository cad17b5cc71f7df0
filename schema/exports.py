"""Names of what exports may be: forms of vectors and of graphs, weights of edges, names of genes."""

from __future__ import annotations

from enum import StrEnum


class VectorForm(StrEnum):
    """Forms in which vectors of genes are exported."""

    PARQUET = "parquet"
    H5 = "h5"
    SATURN = "saturn"
    UCE = "uce"
    TRANSCRIPTFORMER = "transcriptformer"


class GraphForm(StrEnum):
    """Forms in which mappings are exported as graphs."""

    SAMAP = "samap"
    BIADJACENCY = "biadjacency"


class Weight(StrEnum):
    """What the weight of an edge is; where it is unknown, the median of those known in the mapping."""

    #: Mean of both identities, 0 to 1.
    IDENTITY = "identity"
    #: Correlation of the two gene embeddings.
    CORRELATION = "correlation"
    #: 1 for every pair.
    EQUAL = "equal"


class GeneNames(StrEnum):
    """What genes are called in an export."""

    SYMBOL = "symbol"
    STABLE_ID = "stable_id"


class ReleasePart(StrEnum):
    """Parts of a release that can be downloaded alone."""

    DUCKDB = "duckdb"
    PARQUET = "parquet"
    INDEX = "index"
    EMBEDDINGS = "embeddings"
