"""Open, query, find, download, list and verify releases."""

from __future__ import annotations

from homodb.query.release.cache import Cached, CacheKind, list_cached, newest_release, prune
from homodb.query.release.locate import (
    RELEASE_FILE,
    Located,
    Origin,
    bundled_releases,
    find_release,
    folder_of,
    locate,
    release_file,
    use_in_folder,
)
from homodb.query.release.release import ReleaseFile, use_release
from homodb.query.release.sql_guard import MEMORY
from homodb.query.release.vectors import Embedding, checked_file, find_embedding, vectors_place

__all__ = [
    "MEMORY",
    "RELEASE_FILE",
    "CacheKind",
    "Cached",
    "Embedding",
    "Located",
    "Origin",
    "ReleaseFile",
    "bundled_releases",
    "checked_file",
    "find_embedding",
    "find_release",
    "folder_of",
    "list_cached",
    "locate",
    "newest_release",
    "prune",
    "release_file",
    "use_in_folder",
    "use_release",
    "vectors_place",
]
