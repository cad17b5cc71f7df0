"""Open, query, find, download, list and verify releases."""

from __future__ import annotations

from homodb.query.release.cache import Cached, CacheKind, list_cached, newest_release, prune
from homodb.query.release.locate import folder_of, locate
from homodb.query.release.release import ReleaseFile, use_release
from homodb.query.release.sql_guard import MEMORY
from homodb.query.release.vectors import Embedding, checked_file, find_embedding, vectors_place

__all__ = [
    "MEMORY",
    "CacheKind",
    "Cached",
    "Embedding",
    "ReleaseFile",
    "checked_file",
    "find_embedding",
    "folder_of",
    "list_cached",
    "locate",
    "newest_release",
    "prune",
    "use_release",
    "vectors_place",
]
