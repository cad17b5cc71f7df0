"""Define the command ``homodb download``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from homodb.cli.options import AllowHostOption, CatalogOption, JsonOption
from homodb.cli.output import give_json, megabytes, say
from homodb.cli.progress import bytes_bar
from homodb.cli.values import word
from homodb.schema.enums import ReleasePart
from homodb.schema.messages import counted


def download(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The release. Default: the newest.")] = None,
    species: Annotated[
        str | None,
        typer.Option("--species", metavar="NAME,...", help="Only their files, of those that are one per species."),
    ] = None,
    only: Annotated[
        list[ReleasePart] | None, word("--only", kind=ReleasePart, metavar="PART", help="A part alone; may be repeated")
    ] = None,
    catalog: CatalogOption = None,
    hosts: AllowHostOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a release into the cache, verified.

    From a catalog. Stopped at any moment, the same command goes on where it was. What is there and right is not brought
    again.

    Example: homodb download --catalog releases --only duckdb
    """
    from homodb.query.release.download import download as bring

    wanted = [one.strip() for one in (species or "").split(",") if one.strip()]
    with bytes_bar(f"downloading {name or 'the newest release'}") as report:
        done = bring(name, catalog=catalog, only=only or (), species=wanted, hosts=hosts or (), progress=report)
    if as_json:
        give_json(asdict(done))
        return
    left_out = f", {done.left_out} left out" if done.left_out else ""
    brought = f"{counted(done.files, 'file')} brought ({megabytes(done.bytes)}), {done.there} were there{left_out}"
    say(f"release {done.name}: {brought}; {done.folder}")
