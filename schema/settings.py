"""Locate the cache folder, and read the configuration file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import platformdirs

from homodb.schema.errors import ConfigError
from homodb.schema.io import reason
from homodb.schema.messages import choices_hint

#: Environment variable that names another folder for the cache.
CACHE_VARIABLE = "HOMODB_CACHE"


def cache_folder() -> Path:
    """Return the cache folder: ``HOMODB_CACHE``, else the platform's own."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("homodb", appauthor=False))


def releases_folder() -> Path:
    """Return the folder of cached releases."""
    return cache_folder() / "releases"


#: Keys of the file.
_KEYS = ("catalog",)


def configuration() -> Path:
    """Return the path of the configuration file; it need not exist."""
    return Path(platformdirs.user_config_dir("homodb", appauthor=False)) / "config.toml"


def configured_catalog() -> str | None:
    """Return the catalog in the configuration file; None without one.

    Raises
    ------
    ConfigError
        If the file cannot be read, has an unknown key, or a value of another kind.
    """
    path = configuration()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read ({reason(error)})") from error
    for key in document:
        if key not in _KEYS:
            raise ConfigError(f"{path}: unknown key {key!r}{choices_hint(key, _KEYS)}")
    catalog = document.get("catalog")
    if catalog is not None and not isinstance(catalog, str):
        raise ConfigError(f"{path}: catalog is {catalog!r}, wanted text")
    return catalog
