"""Writes ``docs/commands.md`` from the commands' help and ``docs/schema.md`` from the DDL's comments.

``python docs/generate.py`` writes them; a test compares them with what it would write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from typer.main import get_command

from homodb.cli.app import app
from homodb.schema.connect import checks, ddl

DOCS = Path(__file__).resolve().parent
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
        "Exit codes: 0 when all went well; 2 when homodb explains in one line why not, nothing written; 1 for an "
        "error that homodb did not foresee (please report it).\n",
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
    return f" Default: {default.value}." if hasattr(default, "value") else ""


def schema_page() -> str:
    """Return the page of the schema."""
    with duckdb.connect() as connection:
        for _, sql in ddl():
            connection.execute(sql)
        tables = connection.execute(
            "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal ORDER BY table_oid"
        ).fetchall()
        views = connection.execute(
            "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal ORDER BY view_oid"
        ).fetchall()
        macros = connection.execute(
            "SELECT DISTINCT function_name, parameters, comment FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
        ).fetchall()
        parts = [
            _NOTE,
            "# Schema\n",
            "What a release holds, as its DuckDB file declares it (`COMMENT ON`, readable in SQL through "
            f"`duckdb_tables()` and `duckdb_columns()`). Schema version {ddl()[-1][0]}. Users mostly need the views "
            "and macros.\n",
            "## Views\n",
        ]
        parts += [f"- `{name}`: {comment}" for name, comment in views]
        parts += ["\n## Macros\n", *(f"- `{n}({', '.join(p)})`: {c}" for n, p, c in macros)]
        parts.append("\n## Tables\n")
        for table, comment in tables:
            parts += [f"### `{table}`\n", f"{comment}\n", "| column | type | what it is |\n| --- | --- | --- |"]
            columns = connection.execute(
                "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() "
                "WHERE table_name = ? ORDER BY column_index",
                [table],
            ).fetchall()
            parts += [f"| `{n}` | {t}{'' if null else ', not null'} | {c} |" for n, t, null, c in columns]
            parts.append("")
    parts.append(
        "## Invariants\n\nA build that breaks one of these does not become a release (`schema/sql/checks.sql`).\n"
    )
    parts += [f"- `{name}`: {says}" for name, says, _ in checks()]
    return "\n".join(parts) + "\n"


PAGES = {"commands.md": commands_page, "schema.md": schema_page}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (DOCS / page).write_text(text(), "utf-8")
