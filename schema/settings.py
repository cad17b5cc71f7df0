"""Locate the cache, and read the user's configuration file."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from homodb.schema.errors import ConfigError
from homodb.schema.io import read_toml
from homodb.schema.messages import choices_hint, expected

#: Environment variable with another folder for the cache.
CACHE_VARIABLE = "HOMODB_CACHE"


def cache_folder() -> Path:
    """Return the folder of the cache: ``HOMODB_CACHE``, or the platform's own."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("homodb", appauthor=False))


def releases_folder() -> Path:
    """Return the folder of the cache with a folder for each release."""
    return cache_folder() / "releases"


#: Keys of the configuration file.
_KEYS = ("catalog",)


def configuration() -> Path:
    """Return the path of the configuration file, which need not exist."""
    return Path(platformdirs.user_config_dir("homodb", appauthor=False)) / "config.toml"


def configured_catalog() -> str | None:
    """Return the catalog in the configuration file; None without one.

    Raises
    ------
    ConfigError
        If the file cannot be read, or has an unknown key or a wrong value.
    """
    path = configuration()
    document = read_toml(path, missing_ok=True)
    for key in document:
        if key not in _KEYS:
            raise ConfigError(f"{path}: Unknown key {key!r}{choices_hint(key, _KEYS)}")
    catalog = document.get("catalog")
    if catalog is not None and not isinstance(catalog, str):
        raise ConfigError(f"{path}: catalog: {expected('text', catalog)}")
    return catalog
