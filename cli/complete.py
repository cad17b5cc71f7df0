"""Complete names of species, genes, strategies, releases and methods in shells: those that the release holds.

An answer may take 0.2 s: a manifest is read as plain JSON, and genes come from a database that is there already.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Genes that are proposed.
_MOST = 50
#: Prefix of a symbol below which no gene is proposed.
_FEWEST = 2


def species(incomplete: str, ctx: Any = None) -> list[str]:
    """Return species names with a prefix, usual English ones first.

    Examples
    --------
    >>> species("mou")[0], species("mus_m")[0]
    ('mouse', 'mus_musculus')
    """
    from homodb.schema.species import registry

    held = _manifest(ctx).get("species")
    named = [one for one in registry() if held is None or one.name in held]
    common = [one.common_name for one in named if " " not in one.common_name]
    return _begin(incomplete, [*common, *(one.name for one in named)])


def several_species(incomplete: str, ctx: Any = None) -> list[str]:
    """Return completions of the last name in a comma-separated list.

    Examples
    --------
    >>> several_species("human,mou")[0]
    'human,mouse'
    """
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in species(last, ctx)]


def strategies(incomplete: str, ctx: Any = None) -> list[str]:
    """Return the strategies with a prefix.

    Examples
    --------
    >>> strategies("hm")
    ['hm_o2o']
    """
    from homodb.schema.enums import Strategy

    return _begin(incomplete, [one.lower() for one in _manifest(ctx).get("strategies", Strategy)])


def releases(incomplete: str) -> list[str]:
    """Return the names of the releases with a prefix, in the cache or brought by homodb, and of folders here.

    Examples
    --------
    >>> "starter-2026.1" in releases("starter")
    True
    """
    from homodb.query.release.location import bundled_releases
    from homodb.schema.settings import releases_folder

    cached = sorted(releases_folder().glob("*/manifest.json"), reverse=True)
    here = sorted(Path().glob("*/manifest.json"))
    names = [path.parent.name for path in [*here, *cached]] + [path.name for path in bundled_releases()]
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def genes(incomplete: str, ctx: Any = None) -> list[str]:
    """Return symbols of the release with a prefix, of the species that was named if there is one.

    There are none before the database of the release was made, which the first question does.
    """
    database = _database(ctx)
    if database is None or len(incomplete) < _FEWEST:
        return []
    import duckdb

    number = _source(ctx)
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            rows = connection.execute(
                "SELECT DISTINCT symbol FROM gene WHERE starts_with(symbol, ?) AND (? IS NULL OR species = ?) "
                "ORDER BY length(symbol), symbol LIMIT ?",
                [incomplete, number, number, _MOST],
            ).fetchall()  # fmt: skip
    except duckdb.Error:
        return []
    return [str(symbol) for (symbol,) in rows]


def integration_methods(incomplete: str) -> list[str]:
    """Return the methods of integration with a prefix.

    Examples
    --------
    >>> integration_methods("cc")
    ['cca']
    """
    from homodb.query.integrate import METHODS

    return _begin(incomplete, [one.name for one in METHODS])


def _begin(incomplete: str, names: Iterable[str]) -> list[str]:
    """Return the names with a prefix, spelled like the prefix. Shells drop completions that begin otherwise."""
    begun = [name for name in dict.fromkeys(names) if name.startswith(incomplete.lower())]
    return [incomplete + name[len(incomplete) :] for name in begun]


def _path(ctx: Any) -> Path | None:
    """Return the release that the command would use; None where there is none."""
    from homodb.query.release.location import find_release
    from homodb.schema.errors import HomodbError

    given = None
    while ctx is not None and not given:
        given, ctx = ctx.params.get("release"), ctx.parent
    try:
        return find_release(given).path
    except HomodbError:
        return None


def _manifest(ctx: Any) -> Mapping[str, Any]:
    """Return the manifest of the release; empty where there is none, and without a command."""
    path = None if ctx is None else _path(ctx)
    if path is None:
        return {}
    folder = path if path.is_dir() else path.parent
    try:
        read = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _database(ctx: Any) -> Path | None:
    """Return the DuckDB file of the release, if there is one."""
    from homodb.schema.settings import cache_folder

    path = None if ctx is None else _path(ctx)
    if path is None or path.is_file():
        return path
    databases = (cache_folder() / "databases").glob(f"{path.name}-*.duckdb")
    return max([*path.glob("*.duckdb"), *databases], key=os.path.getmtime, default=None)


def _source(ctx: Any) -> int | None:
    from homodb.schema.errors import UnknownSpeciesError
    from homodb.schema.species import find

    try:
        return find(str(ctx.params["source"])).number if ctx.params.get("source") else None
    except UnknownSpeciesError:
        return None
