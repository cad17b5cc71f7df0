"""``homodb download``."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from homodb.cli.options import AllowHostOption, CatalogOption, JsonOption
from homodb.cli.output import megabytes
from homodb.cli.progress import bytes_bar


class Only(StrEnum):
    """A part of a release."""

    DUCKDB = "duckdb"
    PARQUET = "parquet"
    INDEX = "index"
    EMBEDDINGS = "embeddings"


def download(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The release. Default: the newest.")] = None,
    species: Annotated[
        str | None,
        typer.Option("--species", metavar="NAME,...", help="Only their files, of those that are one per species."),
    ] = None,
    only: Annotated[list[Only] | None, typer.Option("--only", help="A part alone. May be repeated.")] = None,
    catalog: CatalogOption = None,
    hosts: AllowHostOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a release from a catalog into the cache, every file verified.

    Stopped at any moment, the same command goes on where it was. What is there and right is not brought again.

    Example: homodb download --catalog releases --only duckdb
    """
    from homodb.query.download import download as bring

    wanted = [one.strip() for one in (species or "").split(",") if one.strip()]
    with bytes_bar(f"downloading {name or 'the newest release'}") as report:
        done = bring(name, catalog=catalog, only=only or (), species=wanted, hosts=hosts or (), report=report)
    if as_json:
        typer.echo(json.dumps(asdict(done), default=str))
        return
    left_out = f", {done.left_out} left out" if done.left_out else ""
    brought = f"{done.files} files brought ({megabytes(done.bytes)}), {done.there} were there{left_out}"
    typer.echo(f"release {done.name}: {brought}; {done.folder}")
