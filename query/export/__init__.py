"""Export gene vectors and mappings for other tools."""

from __future__ import annotations

from homodb.query.export.embeddings import Exported, export_embeddings
from homodb.query.export.graph import (
    Biadjacency,
    biadjacency,
    export_graph,
    read_samap_graph,
    samap_graph,
    write_biadjacency,
    write_samap_graph,
)

__all__ = [
    "Biadjacency",
    "Exported",
    "biadjacency",
    "export_embeddings",
    "export_graph",
    "read_samap_graph",
    "samap_graph",
    "write_biadjacency",
    "write_samap_graph",
]
