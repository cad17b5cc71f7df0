"""Define the command ``homodb releases``."""

from __future__ import annotations

from homodb.cli.options import AllowHostOption, CatalogOption, JsonOption
from homodb.cli.output import Format, give, give_json, megabytes, say


def releases(catalog: CatalogOption = None, hosts: AllowHostOption = None, as_json: JsonOption = False) -> None:
    """List the releases of a catalog.

    The newest first, and which of them are in the cache. No catalog of homodb is public yet: homodb build and homodb
    publish make one.

    Example: homodb releases --catalog releases
    """
    import polars as pl

    from homodb.query.release.catalog import releases as list_releases

    entries = list_releases(catalog, hosts=hosts or ())
    if as_json:
        give_json(entries)
        return
    rows = [
        {
            "release": one["name"],
            "built": str(one["created"])[:10],
            "ensembl": one["ensembl"],
            "species": len(one["species"]),
            "strategies": ", ".join(one["strategies"]),
            "embeddings": ", ".join(one["embeddings"]),
            "size": megabytes(one["bytes"]),
            "here": "yes" if one["here"] else "",
            "title": one["title"],
        }
        for one in entries
    ]
    if rows:
        give(pl.DataFrame(rows), Format.TABLE)
    else:
        say("the catalog holds no release yet")
