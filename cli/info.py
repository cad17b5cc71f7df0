"""Define the command ``homodb info``."""

from __future__ import annotations

from typing import Any

import typer

from homodb.cli.options import JsonOption, ReleaseOption, open_chosen
from homodb.cli.output import Format, give, give_json, say, say_losses


def info(context: typer.Context, release: ReleaseOption = None, as_json: JsonOption = False) -> None:
    """Show what a release holds.

    Example: homodb info --release rel
    """
    with open_chosen(context, release) as opened:
        mapped = opened.info()
        species = opened.ask("species_summary")
        manifest = opened.manifest
        if as_json:
            whole: dict[str, Any] = {
                "version": opened.version,
                "ensembl": opened.ensembl,
                "title": manifest.title if manifest else None,
                "species": species.to_dicts(),
                "mappings": mapped.to_dicts(),
                "losses": list(manifest.losses) if manifest else None,
            }
            give_json(whole)
            return
        say(f"release {opened.version}, Ensembl {opened.ensembl or 'unknown'}, {opened.path}")
        if manifest:
            say(f"{manifest.title or 'untitled'}; built {manifest.created} by homodb {manifest.homodb_version}")
            say(f"embeddings: {', '.join(manifest.embeddings) or 'none'}; schema {manifest.schema_version}")
        say()
        give(species.drop("taxon_id", "annotated"), Format.TABLE)
        bare = species.filter(~species["annotated"])["common_name"].to_list()
        if bare:
            say(f"without a list of all genes: {', '.join(bare)}")
        say()
        give(mapped, Format.TABLE)
        say_losses(manifest.losses if manifest else ())
