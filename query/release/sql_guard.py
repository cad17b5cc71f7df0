"""Accept only one SELECT, and run it within limits.

EXPLAIN without ANALYZE is accepted too. DuckDB's own parser decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from homodb.schema.errors import QueryError
from homodb.schema.options import Bounds

#: Nodes that a query may contain. In DuckDB 2 a SELECT may hold ``WITH x AS (COPY ... TO ...)``, with another node.
_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})


def check_statement(sql: str) -> str:
    """Return the only statement of a text, or refuse it.

    A read-only connection without file access still lets ``COPY (SELECT 1) TO``, ``EXPLAIN ANALYZE COPY`` and
    ``WITH x AS (COPY ...)`` overwrite the release file itself, so only queries are accepted.

    Raises
    ------
    QueryError
        If it cannot be parsed, has no or several statements, or one that is not a SELECT.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(first_line(error)) from error
    if len(statements) != 1:
        raise QueryError(f"expected one SELECT statement, got {len(statements)} statements")
    query, kind = statements[0].query, _kind(statements[0])
    select = query if kind == "SELECT" else _explained(query) if kind == "EXPLAIN" else None
    if select is None:
        raise QueryError(f"a release answers one SELECT (or EXPLAIN SELECT); this is {kind}")
    for node in _nodes(select) - _NODES:
        what = node.removesuffix("_NODE").removesuffix("_QUERY")
        raise QueryError(f"a release answers one SELECT (or EXPLAIN SELECT); this one holds {what}")
    return query


def _kind(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name
    except ValueError:  # a kind of statement for which duckdb's Python package has no name
        return "of another kind"


def _explained(query: str) -> str | None:
    """Return the SELECT behind EXPLAIN; None if it is another statement.

    Comments are left to DuckDB's parser, since they nest (``/* /* */ SELECT 1 -- */ ANALYZE COPY ...``).
    """
    rest = re.fullmatch(r"\s*explain\s+(?P<rest>.+)", query, re.IGNORECASE | re.DOTALL)
    if rest is None:
        return None
    try:
        inner = duckdb.extract_statements(rest["rest"])
    except duckdb.Error:
        return None
    return inner[0].query if len(inner) == 1 and _kind(inner[0]) == "SELECT" else None


def _nodes(select: str) -> set[str]:
    """Return the kinds of all queries in a SELECT, from DuckDB's parser."""
    try:
        rows = _parser().cursor().execute("SELECT json_serialize_sql($1)", [select]).fetchall()
        parsed = json.loads(rows[0][0])
    except duckdb.Error as error:
        raise QueryError(first_line(error)) from error
    except RecursionError as error:
        raise QueryError("the query is nested too deeply") from error
    if parsed["error"]:
        raise QueryError(f"a release cannot judge this query: {parsed.get('error_message', 'it is not parsed')}")
    kinds: set[str] = set()
    left: list[object] = [parsed]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left.extend(one.values())
            if "cte_map" in one or str(one.get("type", "")).endswith("_NODE"):
                kinds.add(str(one.get("type")))
        elif isinstance(one, list):
            left.extend(one)
    return kinds


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Return a connection without a file, for its parser."""
    config: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": "false", "threads": "1"}
    return duckdb.connect(config=config)


def first_line(error: duckdb.Error) -> str:
    """Return DuckDB's message without its drawing of the query."""
    text = str(error).strip()
    message = " ".join(text.split("\n\nLINE")[0].split())
    column = re.match(r'Binder Error: Referenced column "(.*?)" (not found|was not found)', message)
    return f"{message}; text stands in single quotes ('{column[1]}')" if column else message


#: Seconds that a question may take, and gigabytes, unless the caller says otherwise.
TIMEOUT = 300.0
MEMORY = 4.0
_GIGABYTE = 1e9
#: Bounds of seconds that a clock can wait, and of gigabytes that DuckDB can count.
_TIMEOUTS, _MEMORIES = Bounds(0.001, 1_000_000), Bounds(0.01, 1_000_000)
#: Seconds between two interrupts, since one that comes before DuckDB has begun is lost.
_AGAIN = 0.05
#: Rows per batch: those of a row group of DuckDB.
_BATCH = 122_880


def check_limits(*, timeout: float = TIMEOUT, memory: float = MEMORY) -> None:
    """Check limits of time and memory.

    Raises
    ------
    QueryError
        If a limit is out of bounds or NaN.
    """
    _TIMEOUTS.check("timeout", timeout, QueryError)
    _MEMORIES.check("memory", memory, QueryError)


def answer(
    cursor: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[Any] | Mapping[str, Any] | None,
    *,
    timeout: float,
    memory: float,
) -> pa.Table:
    """Run a query within limits, and return its result.

    DuckDB itself respects the memory limit of its connection; the result is read in batches and has the same limit.
    DuckDB checks for interrupts between blocks of rows: one function of one huge value is not interrupted.

    Parameters
    ----------
    cursor
        Cursor of a connection with this memory limit.
    query, parameters
        SQL and its bound values.
    timeout
        Time limit in seconds.
    memory
        Memory limit in gigabytes.

    Raises
    ------
    QueryError
        If it exceeds a limit.
    """
    check_limits(timeout=timeout)
    # in a thread of its own, so that this one can look at the clock, and hears Ctrl-C, while DuckDB works
    with ThreadPoolExecutor(1, thread_name_prefix="homodb-question") as pool:
        answering = pool.submit(_read, cursor, query, parameters, memory)
        try:
            if wait([answering], timeout).done:
                return answering.result()
            raise QueryError(_too_late(timeout), option="timeout")
        finally:
            while not wait([answering], _AGAIN).done:
                cursor.interrupt()


def _read(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None, memory: float
) -> pa.Table:
    """Run a query, and read its result while it fits into memory."""
    room = memory * _GIGABYTE
    batches: list[pa.RecordBatch] = []
    try:
        # closed in any case: DuckDB waits for it when the same file is opened anew
        with cursor.sql(query, params=parameters).to_arrow_reader(_BATCH) as reader:
            for batch in reader:
                batches.append(batch)
                room -= batch.nbytes
                if room < 0:
                    raise QueryError(_too_much("the answer is", memory), option="memory")
            return pa.Table.from_batches(batches, reader.schema)
    except (duckdb.InterruptException, pa.ArrowException, OSError) as error:
        raise QueryError(" ".join(str(error).split())) from error
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise QueryError(_too_much("the query needs", memory), option="memory") from error


def _too_late(timeout: float) -> str:
    return (
        f"the query took longer than {timeout:g} s and was stopped: narrow it, or allow more time by a greater timeout"
    )


def _too_much(what: str, memory: float) -> str:
    return (
        f"{what} more than the {memory:g} GB that a question may take: narrow it, or allow more "
        "(homodb.open(..., memory=...))"
    )
