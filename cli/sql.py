"""Define the command ``homodb sql``."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli.options import FileOption, FormatOption, JsonOption, RawTextOption, ReleaseOption, open_chosen
from homodb.cli.output import chosen, give
from homodb.cli.values import number


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT statement.")],
    form: FormatOption = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    timeout: Annotated[
        float, number("--timeout", low=0.001, high=1_000_000, metavar="SECONDS", help="Time that it may take.")
    ] = 300,
    memory: Annotated[
        float, number("--memory", low=0.01, high=1_000_000, metavar="GB", help="Memory that it may take.")
    ] = 4,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Query a release with SQL.

    One SELECT, on a connection that can touch nothing else than the release, in a process that ends at its limits.

    What there is (docs/schema.md says more): homodb sql "from duckdb_views() where comment > ''"

    Example: homodb sql "from orthologs('human', 'mouse', 'hl_o2o') where source_symbol = 'INS'"
    """
    from homodb.query.release.isolated import IsolatedProcess

    form = chosen(form, as_json, output)
    process = IsolatedProcess()
    process.start()  # it imports what it needs while this one does
    with open_chosen(context, release, memory=memory) as opened:
        opened.isolate_in(process)
        frame = opened.sql(query, timeout=timeout, isolated=True)
    give(frame, form, output, raw_text=raw_text, verbatim=True)
