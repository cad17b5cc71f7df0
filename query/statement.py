"""Which SQL a release answers: one SELECT, or EXPLAIN without ANALYZE, judged by DuckDB's own parser."""

from __future__ import annotations

import re

import duckdb

from homodb.schema.errors import QueryError

#: DuckDB 2 lets a SELECT hold ``WITH x AS (COPY ... TO ...)``, which writes.
_COPY = re.compile(r"\bcopy\b", re.IGNORECASE)


def check_statement(sql: str) -> str:
    """Return the one statement in a text, or refuse it.

    A read-only connection without file access still lets ``COPY (SELECT 1) TO``, ``EXPLAIN ANALYZE COPY`` and
    ``WITH x AS (COPY ...)`` overwrite the release file itself, so what is not a question never reaches it.

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
    query, kind = statements[0].query, _kind(statements[0])
    if kind != "SELECT" and not (kind == "EXPLAIN" and _plain_explain(query)):
        raise QueryError(f"a release answers one SELECT (or EXPLAIN SELECT); this is {kind}")
    if _COPY.search(query):
        raise QueryError("a release answers no query with the word COPY in it; bind a text that has it as a parameter")
    return query


def _kind(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name
    except ValueError:  # a kind of statement for which duckdb's Python package has no name
        return "of another kind"


def _plain_explain(query: str) -> bool:
    """Whether an EXPLAIN asks for the plan of a SELECT and runs nothing: what follows the word is a SELECT by itself.

    Comments are left to DuckDB's parser, since they nest (``/* /* */ SELECT 1 -- */ ANALYZE COPY ...``).
    """
    rest = re.fullmatch(r"\s*explain\s+(?P<rest>.+)", query, re.IGNORECASE | re.DOTALL)
    if rest is None:
        return False
    try:
        inner = duckdb.extract_statements(rest["rest"])
    except duckdb.Error:
        return False
    return len(inner) == 1 and _kind(inner[0]) == "SELECT"


def first_line(error: duckdb.Error) -> str:
    """Return what DuckDB says, without its drawing of the place in the query."""
    text = str(error).strip()
    return " ".join(text.split("\n\nLINE")[0].split())
