"""Answers a question within bounds of time and memory: SQL may come from anybody, and may ask for everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import duckdb
import pyarrow as pa

from homodb.query.ranges import Range
from homodb.schema.errors import QueryError

#: Seconds that a question may take, and gigabytes, unless the caller says otherwise.
TIMEOUT = 300.0
MEMORY = 4.0
_GIGABYTE = 1e9
#: What may be allowed: seconds and gigabytes that a clock can wait for and DuckDB can count.
_TIMEOUTS, _MEMORIES = Range(0.001, 1_000_000), Range(0.01, 1_000_000)
#: Seconds between two interrupts, since one that comes before DuckDB has begun is lost.
_AGAIN = 0.05


def check_limits(*, timeout: float = TIMEOUT, memory: float = MEMORY) -> None:
    """Refuse limits of a question that are no seconds or gigabytes that can be allowed.

    Raises
    ------
    QueryError
        If one lies outside of its range, or is NaN.
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
    """Run a query and return its answer.

    DuckDB itself keeps to the memory limit of its connection; its answer is taken batch by batch and held to the
    same limit. It looks for interrupts between blocks of rows: one function of one huge value is not cut short.

    Parameters
    ----------
    cursor
        Of a connection with that memory limit.
    query, parameters
        The SQL and what is bound in it.
    timeout
        Seconds.
    memory
        Gigabytes.

    Raises
    ------
    QueryError
        If it takes longer or more.
    """
    check_limits(timeout=timeout)
    # in a thread of its own, so that this one can look at the clock, and hears Ctrl-C, while DuckDB works
    with ThreadPoolExecutor(1, thread_name_prefix="homodb-question") as pool:
        answering = pool.submit(_read, cursor, query, parameters, memory)
        try:
            if wait([answering], timeout).done:
                return answering.result()
            raise QueryError(_too_late(timeout))
        finally:
            while not wait([answering], _AGAIN).done:
                cursor.interrupt()


def _read(
    cursor: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None, memory: float
) -> pa.Table:
    """Run a query, and take its answer as long as there is room for it."""
    room = memory * _GIGABYTE
    batches: list[pa.RecordBatch] = []
    try:
        # closed in any case: DuckDB waits for it when the same file is opened anew
        with pa.RecordBatchReader.from_stream(cursor.sql(query, params=parameters)) as reader:
            for batch in reader:
                batches.append(batch)
                room -= batch.nbytes
                if room < 0:
                    raise QueryError(_too_much("the answer is", memory))
            return pa.Table.from_batches(batches, reader.schema)
    except (duckdb.InterruptException, pa.ArrowException, OSError) as error:
        raise QueryError(" ".join(str(error).split())) from error
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise QueryError(_too_much("the query needs", memory)) from error


def _too_late(timeout: float) -> str:
    return (
        f"the query took longer than {timeout:g} s and was stopped: narrow it, or allow more time "
        "(--timeout, release.sql(..., timeout=...))"
    )


def _too_much(what: str, memory: float) -> str:
    return (
        f"{what} more than the {memory:g} GB that a question may take: narrow it, or allow more "
        "(--memory, homodb.open(..., memory=...))"
    )
