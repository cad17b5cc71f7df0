"""Where homodb keeps what it need not fetch or compute twice."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

#: Environment variable that names another folder for the cache.
CACHE_VARIABLE = "HOMODB_CACHE"


def cache_folder() -> Path:
    """Return the folder of the cache: the platform's own place, unless ``HOMODB_CACHE`` names another."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("homodb", appauthor=False))


def releases_folder() -> Path:
    """Return the folder of the cache that holds releases by name."""
    return cache_folder() / "releases"
