"""Define the command ``homodb orthologs``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import (
    FileOption,
    FormatOption,
    JsonOption,
    RawTextOption,
    ReleaseOption,
    StrategyOption,
    ToOption,
    open_chosen,
)
from homodb.cli.output import Format, chosen, give, say
from homodb.cli.progress import late_status
from homodb.cli.values import apart, read_genes
from homodb.schema.errors import UndecidedSpeciesError, UnknownGeneError

#: Number of commands that are proposed, and of genes that are named.
_SHOWN = 4


def orthologs(
    context: typer.Context,
    target: ToOption,
    genes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="GENE...",
            help="Genes, by any name; - reads them from standard input.",
            autocompletion=complete.genes,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SPECIES",
            help="Species of the genes, by any name. Default: the one that alone knows them exactly.",
            autocompletion=complete.species,
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="File with one gene per line.")] = None,
    strategy: StrategyOption = None,
    every: Annotated[bool, typer.Option("--all", help="The whole mapping instead of some genes.")] = False,
    form: FormatOption = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the orthologs of genes in another species.

    Example: homodb orthologs INS GCG --from human --to mouse --strategy hl_o2o
    """
    form = chosen(form, as_json, output, file)
    if every and (genes or file):
        raise apart("--all", "--file" if file else "GENE")
    names = read_genes(genes or [])
    names += _listed_genes(file) if file else []
    if not names and not every:
        raise UnknownGeneError("no gene is named: give genes, --file FILE, or --all for the whole mapping")
    with open_chosen(context, release) as opened, late_status("looking up"):
        try:
            frame = opened.orthologs(None if every else names, source=source, target=target, strategy=strategy)
        except UndecidedSpeciesError as error:
            said = " ".join(shlex.quote(name) for name in names[:3]) + (" ..." if len(names) > 3 else "")
            commands = [f"homodb orthologs {said} --from {shlex.quote(one)} --to {target}" for one in error.candidates]
            more = f", or {len(commands) - _SHOWN} more" if len(commands) > _SHOWN else ""
            if commands:
                error.add_note(f"as in: {', or '.join(commands[:_SHOWN])}{more}")
            raise
    if source is None and frame.height:
        say(f"genes of {frame['source_species'][0]}, which alone knows them", dim=True, err=True)
    if "over_species" in frame.columns and frame.height:
        over = frame["over_species"].drop_nulls().head(1).to_list() or ["another species"]
        say(f"no evidence between the two species: went over {over[0]}", dim=True, err=True)
    if form is Format.TABLE and not every:
        if frame.height:
            say(f"by {', '.join(frame['strategy'].unique().sort().drop_nulls())}", dim=True, err=True)
        without = frame.filter(frame["source_id"].is_not_null() & frame["target_id"].is_null())["name"].to_list()
        if without:
            first = f"{', '.join(without[:_SHOWN])}{', ...' if len(without) > _SHOWN else ''}"
            say(f"without a partner (homodb explain says why): {first}", dim=True, err=True)
        resolved = [] if frame["resolved_as"].drop_nulls().is_in(["symbol", "stable_id"]).all() else ["resolved_as"]
        short = ["name", *resolved, "source_id", "target_id", "target_symbol"]
        beyond = [name for name in ("n_databases", "over_symbol") if name in frame.columns]
        kind = frame["homology_type"].str.strip_prefix("ortholog_").alias("type")
        frame = frame.select(*short, kind, "identity", "confidence", "correlation", "evidence_class", *beyond)
    give(frame, form, output, raw_text=raw_text)


def _listed_genes(file: Path) -> list[str]:
    from homodb.query.translate import gene_list

    return gene_list(file)
