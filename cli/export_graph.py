"""Define the command ``homodb export graph``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import FromOption, JsonOption, ReleaseOption, StrategyOption, open_chosen
from homodb.cli.output import give_json, say
from homodb.cli.together import apart
from homodb.cli.values import word
from homodb.schema.enums import GeneNames, GraphForm, Weight
from homodb.schema.errors import OptionsError
from homodb.schema.messages import counted


def graph(
    context: typer.Context,
    source: FromOption,
    target: Annotated[
        list[str], typer.Option("--to", metavar="SPECIES", help="Species, by any name; samap may have several.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write, .npz.")],
    form: Annotated[GraphForm, word("--format", kind=GraphForm, help="Form of the file")],
    strategy: StrategyOption = None,
    weight: Annotated[
        Weight | None,
        word("--weight", kind=Weight, help="Weight of edges; by default by strategy, for biadjacency equal"),
    ] = None,
    names: Annotated[
        GeneNames | None, word("--names", kind=GeneNames, help="What samap calls genes; by default symbol")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="SPECIES=ID", help="ID of a species in SAMap; may be repeated.")
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a mapping as a graph.

    As SAMap's gene graph, in place of BLAST's, or as a matrix of source by target genes.

    Example: homodb export graph --from human --to mouse --format samap -o gnnm.npz
    """
    from homodb.query.export import export_graph

    called = _read_ids(ids or [])
    with open_chosen(context, release) as opened:
        done = export_graph(
            opened, output, form=form, species=[source, *target], strategy=strategy, weight=weight,
            names=names, ids=called,
        )  # fmt: skip
    if as_json:
        give_json(done)
        return
    say(f"{counted(done['pairs'], 'pair')} of {counted(done['genes'], 'gene')} in {output}")
    if done["unlinked"]:
        say(f"no mapping, so no pairs: {', '.join(done['unlinked'])}")


def _read_ids(given: list[str]) -> dict[str, str]:
    """Parse the ID of each species."""
    ids: dict[str, str] = {}
    for one in given:
        species, _, called = (part.strip() for part in one.partition("="))
        if not (species and called):
            raise OptionsError(f"--id {one}: expected SPECIES=ID, such as human=hs")
        if ids.setdefault(species, called) != called:
            raise apart(f"--id {species}={ids[species]}", f"--id {one}")
    return ids
