"""Writes the pages that the sources give, and the answers of the cookbook's queries.

``commands.md`` comes from the commands' help, ``schema.md`` from the DDL's comments, ``api.md`` and the pages in
``api/`` from the list of what is public, and in ``cookbook.md`` each query's answer by the toy release is put below
it. ``python docs/generate.py`` writes them; a test compares them with what it would write.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import polars as pl
from typer.main import get_command

import homodb
from homodb.cli.app import app
from homodb.cli.output import Format, give
from homodb.etl import build_release
from homodb.schema.connect import checks, create, schema_version

DOCS = Path(__file__).resolve().parent
#: A query of the cookbook and the answer below it.
_ANSWERED = re.compile(r"```sql\n(?P<sql>(?:(?!```).*\n)+)```\n\n```text\n(?:(?!```).*\n)*```\n")
#: The pages of the Python API: titles, and the public names on each.
_API = {
    "releases": ("Releases and questions", ("open", "Release", "Explanation", "download", "verify")),
    "translate": ("Translate", ("inspect", "Inspection", "translate", "TranslationReport", "translate_genes")),
    "integrate": ("Join and integrate", ("join", "JoinReport", "integrate")),
    "score": ("Score and report", ("score", "Score", "compare", "Comparison", "report")),
    "markers": ("Markers", ("markers", "Markers")),
    "annotate": (
        "Annotate", ("annotate", "Annotation", "evaluate", "Evaluation", "niches", "Niches", "OrthologyLayer"),
    ),
    "plots": ("Plots, cells to try, settings", ("pl", "datasets", "settings")),
    "words": ("Words and errors", ("Species", "Strategy", "EvidenceClass", "HomodbError")),
}  # fmt: skip
#: A role of a docstring's summary.
_ROLE = re.compile(r":[a-z]+:(?=`)")
_NOTE = "<!-- Written by docs/generate.py: edit the sources, not this page. -->\n"


def commands_page() -> str:
    """Return the page of commands."""
    root = get_command(app)
    parts = [
        _NOTE,
        "# Commands\n",
        "`homodb [--release PATH|NAME] COMMAND …`. The release may also be named after the command or by the "
        "environment variable `HOMODB_RELEASE`. Species go by any name (`human`, `Homo sapiens`, `hsapiens`, `9606`), "
        "and so do genes.\n",
        "`homodb --version` says which version and schema this is, and which release a question would go to; "
        "`homodb doctor` what is installed, cached and missing.\n",
        "## Exit codes\n",
        "| code | when |\n| --- | --- |",
        "| 0 | all went well |",
        "| 1 | an error that homodb did not foresee (please report it), or a question answered with no |",
        "| 2 | homodb explains in one line (`error:`, and perhaps `hint:`) why not, and nothing was written; or the "
        "command was not understood |",
        "| 130 | stopped by Ctrl-C; what can be gone on with is kept |",
        "| 141 | the program that read the output went away, as `head` does |\n",
        "## On terminals, in pipes, in logs\n",
        "Answers go to the output stream; progress, notes (`noted: …`) and errors to the error stream. Progress bars "
        "are drawn on terminals only; in a log a line (`working: …`) says from time to time what takes long. "
        "Tables are coloured on terminals only, and not where `NO_COLOR` is set; there "
        "they are folded between words, and have a block for each row where even that is too wide. In a "
        "pipe they are plain and as wide as they need be. For programs there is `--json`.\n",
        "`homodb --install-completion` teaches your shell the commands, options, and the species, genes, strategies "
        "and releases that there are; `--show-completion` prints what it would install.\n",
    ]
    for name, command in _commands(root):
        parts.append(f"## homodb {name}\n")
        parts.append(_paragraphs(command.help or ""))
        shown = [parameter for parameter in command.params if parameter.name != "help"]
        if shown:
            parts.append("| argument or option | what it is |\n| --- | --- |")
            parts += [f"| {_spelled(parameter)} | {parameter.help}{_default(parameter)} |" for parameter in shown]
            parts.append("")
    return "\n".join(parts)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command by its whole name, those of groups (``export graph``) after their group."""
    for name, command in group.commands.items():
        yield before + name, command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")


def _paragraphs(text: str) -> str:
    plain = re.sub(r"\n(?!\n)", " ", text.replace("\n\n", "\0")).replace("\0", "\n\n")
    return re.sub(r"Example: (.+)", r"```\n\1\n```", plain.strip()) + "\n"


def _spelled(parameter: object) -> str:
    metavar = getattr(parameter, "metavar", None) or ""
    if parameter.param_type_name == "argument":  # type: ignore[attr-defined]
        return f"`{metavar}`"
    options = ", ".join(f"`{option}{' ' + metavar if metavar else ''}`" for option in parameter.opts)  # type: ignore[attr-defined]
    return options.replace("|", "\\|")


def _default(parameter: object) -> str:
    default = getattr(parameter, "default", None)
    shown = getattr(default, "value", default)
    return "" if shown is None or isinstance(shown, bool) else f" Default: {shown}."


def schema_page() -> str:
    """Return the page of the schema."""
    with create(None) as connection:
        tables = connection.execute(
            "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal ORDER BY table_oid"
        ).fetchall()
        views = connection.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal "
            "ORDER BY view_name NOT IN ('genes', 'ortholog'), view_oid"
        ).fetchall()
        macros = connection.execute(
            "SELECT DISTINCT function_name, parameters, comment FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
        ).fetchall()
        parts = [
            _NOTE,
            "# Schema\n",
            "What a release holds, as its DuckDB file declares it (`COMMENT ON`, readable in SQL through "
            f"`duckdb_tables()`, `duckdb_views()` and `duckdb_columns()`). Schema version {schema_version()}. "
            "Users mostly need the views `genes` and `ortholog` and the macro `orthologs`; the keys of the tables "
            "are for joins between them.\n",
            "## Views\n",
        ]
        for view, comment in views:
            parts += [f"### `{view}`\n", f"{comment}\n"]
            alike = view.endswith(("_m2m", "_o2o"))
            parts += ["Columns as in `ortholog`, without `strategy`.\n"] if alike else _columns(connection, view)
        parts += ["## Macros\n", *(f"- `{n}({', '.join(p)})`: {c}" for n, p, c in macros)]
        parts.append("\n## Tables\n")
        for table, comment in tables:
            parts += [f"### `{table}`\n", f"{comment}\n", *_columns(connection, table)]
    parts.append(
        "## Invariants\n\nA build that breaks one of these does not become a release (`schema/sql/checks.sql`).\n"
    )
    parts += [f"- `{name}`: {says}" for name, says, _ in checks()]
    return "\n".join(parts) + "\n"


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Return the columns of a table or view as a table of the page."""
    columns = connection.execute(
        "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE table_name = ? "
        "ORDER BY column_index",
        [table],
    ).fetchall()
    rows = [f"| `{n}` | {t}{'' if null else ', not null'} | {c} |" for n, t, null, c in columns]
    return ["| column | type | what it is |\n| --- | --- | --- |", *rows, ""]


def api_page() -> str:
    """Return the first page of the Python API: what holds everywhere, and the public names by page."""
    parts = [
        _NOTE,
        "# Python\n",
        "Everything public is `homodb.NAME`, loaded when it is first used: `import homodb` takes a moment, whatever is "
        "installed. Errors stand in `homodb.errors`, `HomodbError` at their root: [what they mean](troubleshoot.md). "
        "Begin with the [tutorial](tutorial.ipynb).\n",
        "Cells are an `AnnData` or the path of an h5ad file or zarr store, in every function. One line says what was "
        "carried and lost (`homodb.settings.verbosity`); long work shows a bar on terminals and in notebooks "
        "(`progress=`). Reports and scores show themselves: a short text, all of it by `print`, tables in a notebook, "
        "`.to_frame()`, `.to_pandas()`, `.to_json()` and `.to_html()`. Tables are of polars; `as_pandas=True` or "
        '`homodb.settings.frames = "pandas"` make them pandas.\n',
    ]
    for page, (title, names) in _API.items():
        parts.append(f"## [{title}](api/{page}.md)\n\n| name | what it is |\n| --- | --- |")
        for name in names:
            member = getattr(homodb, name)
            summary = (inspect.getdoc(type(member) if name == "settings" else member) or "").partition("\n")[0]
            parts.append(f"| `homodb.{name}` | {re.sub(_ROLE, '', summary).replace('``', '`')} |")
        parts.append("")
    left = set(homodb.__all__) - {name for _, names in _API.values() for name in names} - {"__version__", "errors"}
    if left:
        raise SystemExit(f"docs/generate.py: _API has no place for {', '.join(sorted(left))}")
    return "\n".join(parts)


def api_group(page: str) -> str:
    """Return a page of the Python API: a directive for each public name, which mkdocstrings fills in."""
    title, names = _API[page]
    parts = [_NOTE, f"# {title}\n"]
    for name in names:
        member = getattr(homodb, name)
        path = member.__name__ if isinstance(member, ModuleType) else f"{member.__module__}.{name}"
        if name == "settings":  # an object, whose class has the documentation
            path = "homodb.query.settings.HomodbSettings"
        options = {"heading": f"homodb.{name}", "toc_label": name, "heading_level": 2}
        parts += [f"::: {path}", "    options:", *(f"      {key}: {value}" for key, value in options.items()), ""]
    return "\n".join(parts)


def cookbook_page() -> str:
    """Return the cookbook with each query's answer below it: what stands in ``text`` blocks is written anew."""
    page = (DOCS / "cookbook.md").read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        build_release(DOCS.parent / "tests" / "toy" / "release.toml", Path(folder) / "toy")
        with homodb.open(Path(folder) / "toy") as release:

            def answered(found: re.Match[str]) -> str:
                return f"```sql\n{found['sql']}```\n\n```text\n{printed(release.sql(found['sql']))}```\n"

            return _ANSWERED.sub(answered, page)


def printed(frame: pl.DataFrame) -> str:
    """Return what ``homodb sql`` prints of a frame."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        give(frame, Format.TABLE, verbatim=True)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


PAGES = {"commands.md": commands_page, "schema.md": schema_page, "api.md": api_page, "cookbook.md": cookbook_page}
PAGES |= {f"api/{page}.md": partial(api_group, page) for page in _API}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (DOCS / page).write_text(text(), "utf-8")
