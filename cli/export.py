"""Define ``homodb export`` and its two commands."""

from __future__ import annotations

import typer

from homodb.cli.command import Command
from homodb.cli.export_embeddings import embeddings
from homodb.cli.export_graph import graph

export = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Write what other tools load: vectors, mappings.\n\n"
    "Example: homodb export embeddings -o vectors --format saturn",
)
export.command("embeddings", cls=Command, no_args_is_help=True)(embeddings)
export.command("graph", cls=Command, no_args_is_help=True)(graph)
