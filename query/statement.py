"""Which SQL a release answers: one SELECT, or EXPLAIN without ANALYZE, judged by DuckDB's own parser."""

from __future__ import annotations

import re

import duckdb

from homodb.schema.errors import QueryError

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def check_statement(sql: str) -> str:
    """Return the one statement in a text, or refuse it.

    A read-only connection without file access still lets ``COPY (SELECT 1) TO`` and ``EXPLAIN ANALYZE COPY``
    overwrite the release file itself, so what is not a question never reaches it.

    Raises
    ------
    QueryError
        If it cannot be parsed, holds no or several statements, or one that is not a SELECT.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(first_line(error)) from error
    if len(statements) != 1:
        raise QueryError(f"wanted one SELECT statement, got {len(statements)} statements")
    statement = statements[0]
    if statement.type == duckdb.StatementType.SELECT:
        return statement.query
    if statement.type == duckdb.StatementType.EXPLAIN and _plain_explain(statement.query):
        return statement.query
    kind = str(statement.type).removeprefix("StatementType.")
    raise QueryError(f"a release answers one SELECT (or EXPLAIN SELECT); this is {kind}")


def _plain_explain(query: str) -> bool:
    """Whether an EXPLAIN asks for the plan of a SELECT and runs nothing."""
    rest = re.fullmatch(r"\s*explain\s+(?P<rest>.+)", _COMMENTS.sub(" ", query), re.IGNORECASE | re.DOTALL)
    if rest is None:
        return False
    try:
        inner = duckdb.extract_statements(rest["rest"])
    except duckdb.Error:
        return False
    return len(inner) == 1 and inner[0].type == duckdb.StatementType.SELECT


def first_line(error: duckdb.Error) -> str:
    """Return what DuckDB says, without its drawing of the place in the query."""
    text = str(error).strip()
    return " ".join(text.split("\n\nLINE")[0].split())
