"""Define the command ``homodb sql``.

They can end the process, which belongs to one command.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import FileOption, FormatOption, JsonOption, RawTextOption, ReleaseOption, open_chosen
from homodb.cli.output import chosen, give
from homodb.cli.values import number
from homodb.schema.errors import QueryError

#: Seconds that DuckDB has to stop by itself, after the time is up.
_GRACE = 5.0
#: Address space beside what the question may take: of threads, and of the answer in another form.
_BESIDE, _FORMS = 2e9, 3.0


@contextmanager
def bounded(timeout: float, memory: float) -> Iterator[None]:
    """Stop this process if a query exceeds its limits.

    DuckDB checks its own limits only between blocks of rows.

    Parameters
    ----------
    timeout
        Time limit in seconds; a few more are allowed for an orderly end.
    memory
        Memory limit in gigabytes. It limits the address space on Linux, and nothing elsewhere.
    """

    def stop() -> None:
        message = (
            f"the query took longer than {timeout:g} s and did not stop: narrow it, or allow more time (--timeout)"
        )
        sys.stderr.write(f"homodb: {message}\n")
        sys.stderr.flush()
        os._exit(QueryError.exit_code)

    watch = threading.Timer(timeout + _GRACE, stop)
    watch.daemon = True
    watch.start()
    try:
        with _room(memory * 1e9 * _FORMS + _BESIDE):
            yield
    finally:
        watch.cancel()


@contextmanager
def _room(more: float) -> Iterator[None]:
    """Allow some bytes of address space beyond those in use."""
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [int(pages * os.sysconf("SC_PAGE_SIZE") + more)]
    bounds += [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


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
    """Ask one question in SQL.

    One SELECT, on a connection that can touch nothing else than the release.

    What there is (docs/schema.md says more): homodb sql "from duckdb_views() where comment > ''"

    Example: homodb sql "from orthologs('human', 'mouse', 'hl_o2o') where source_symbol = 'INS'"
    """
    form = chosen(form, as_json, output)
    with open_chosen(context, release, memory=memory) as opened, bounded(timeout, memory):
        give(opened.sql(query, timeout=timeout), form, output, raw_text=raw_text)
