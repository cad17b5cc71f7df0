"""Accept only one SELECT, and run it within limits.

EXPLAIN without ANALYZE is accepted too. DuckDB's own parser decides. This module is also what the child process of
:mod:`homodb.query.release.isolated` runs, so it imports little.
"""

from __future__ import annotations

import atexit
import json
import os
import pickle
import queue
import re
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeAlias, TypeVar, cast

import duckdb

from homodb.schema.connect import connect
from homodb.schema.errors import HomodbError, QueryError, UnknownSpeciesError
from homodb.schema.options import Bounds
from homodb.schema.species import Species, similar_species

if TYPE_CHECKING:
    import pyarrow as pa

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
    try:
        inner = duckdb.extract_statements(rest["rest"]) if rest else []
    except duckdb.Error:
        return None
    return inner[0].query if len(inner) == 1 and _kind(inner[0]) == "SELECT" else None


def _nodes(select: str) -> set[str]:
    """Return the kinds of all queries in a SELECT, from DuckDB's parser."""
    kinds: set[str] = set()

    def note(node: dict[str, Any]) -> dict[str, Any]:
        if "cte_map" in node or str(node.get("type", "")).endswith("_NODE"):
            kinds.add(str(node.get("type")))
        return node

    try:
        rows = _parser().cursor().execute("SELECT json_serialize_sql($1)", [select]).fetchall()
        parsed = json.loads(rows[0][0], object_hook=note)
    except duckdb.Error as error:
        raise QueryError(first_line(error)) from error
    except RecursionError as error:
        raise QueryError("the query is nested too deeply") from error
    if parsed["error"]:
        raise QueryError(f"a release cannot judge this query: {parsed.get('error_message', 'it is not parsed')}")
    return kinds


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Return a connection without a file, for its parser."""
    config: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": "false", "threads": "1"}
    return duckdb.connect(config=config)


def first_line(error: duckdb.Error) -> str:
    """Return DuckDB's message without its drawing of the query."""
    text = str(error).strip()
    message = " ".join(text.split("\n\nLINE")[0].split()).partition(" Stack Trace:")[0]
    if column := re.match(r'Binder Error: Referenced column "(.*?)" (not found|was not found)', message):
        return f"{message}; text stands in single quotes ('{column[1]}')"
    if species := re.search("no species of this release is called (.*)$", message):
        return f"{species[0]}{similar_species(species[1])}"
    return message


def misnamed(query: str, find: Callable[[str], Species]) -> str:
    """Return what to say of a query that compares a column with a name that the tables do not use; else nothing.

    Examples
    --------
    >>> from homodb.schema.species import find
    >>> misnamed("SELECT count(*) FROM genes WHERE species = 'human'", find)
    "no species of the tables is called 'human': write 'homo_sapiens' or species_name('human')"
    >>> misnamed("SELECT count(*) FROM genes WHERE species = 'homo_sapiens'", find)
    ''
    """
    for name in re.findall(r"(?i)species\"?\s*(?:=|in\s*\()\s*'([^']+)'", query):
        with suppress(UnknownSpeciesError):
            if (meant := find(name).name) != name:
                return f"no species of the tables is called '{name}': write '{meant}' or species_name('{name}')"
    return ""


#: Seconds that a question may take, and gigabytes, unless the caller says otherwise.
TIMEOUT = 300.0
MEMORY = 4.0
_GIGABYTE = 1e9
#: Bounds of seconds that a clock can wait, and of gigabytes that DuckDB can count.
_TIMEOUTS, _MEMORIES = Bounds(0.001, 1_000_000), Bounds(0.01, 1_000_000)
#: Seconds between two interrupts, since one that comes before DuckDB has begun is lost.
_AGAIN = 0.05
#: Seconds that DuckDB has to stop by itself, after the time is up or Ctrl-C.
GRACE = 2.0
#: Types that Arrow has not, or has as other values (UHUGEINT wraps, a TIME loses its zone): DuckDB writes them as text.
_AS_TEXT = re.compile(r"\b(UHUGEINT|BIGNUM|BIT|VARIANT|UNION|INTERVAL|TIME WITH TIME ZONE)\b")
#: Rows per batch: those of a row group of DuckDB.
_BATCH = 122_880
#: Stack of the thread of a query, in bytes: functions of deeply nested values need much.
_STACK = 1 << 28
_STARTING = threading.Lock()
#: Queries that may still run: one inside DuckDB when Python ends would abort the process. None runs in a fork.
_QUESTIONS: weakref.WeakSet[Question[Any]] = weakref.WeakSet()
atexit.register(lambda: [question.stop() for question in list(_QUESTIONS)])
#: Address space of an isolated process beside what a question may take: of threads, and of the answer in another form.
_BESIDE, _FORMS = 2e9, 3.0
#: Kinds of replies of an isolated process.
TABLE, ERROR = b"T", b"E"

Parameters = Sequence[Any] | Mapping[str, Any] | None
Tables: TypeAlias = "Mapping[str, pa.Table]"
_Answer = TypeVar("_Answer")
Work: TypeAlias = Callable[[duckdb.DuckDBPyConnection], _Answer]


def check_limits(*, timeout: float = TIMEOUT, memory: float = MEMORY) -> None:
    """Check limits of time and memory.

    Raises
    ------
    QueryError
        If a limit is out of bounds or NaN.
    """
    _TIMEOUTS.check("timeout", timeout, QueryError)
    _MEMORIES.check("memory", memory, QueryError)


class NoThreadError(QueryError):
    """There is no room for the thread of another query."""


def start(thread: threading.Thread, stack: int) -> None:
    """Start a thread with a stack of so many bytes, 0 for the usual number.

    Raises
    ------
    NoThreadError
        If there is no room for it.
    """
    with _STARTING:  # the size of stacks is a setting of the whole process
        before = threading.stack_size(stack)
        try:
            thread.start()
        except RuntimeError as error:
            raise NoThreadError(f"the process has no room for another query ({error})") from error
        finally:
            threading.stack_size(before)


class Question(Generic[_Answer]):
    """A query at work in a thread of its own, so that its caller can look at the clock and hears Ctrl-C.

    Parameters
    ----------
    cursor
        Cursor that the query uses; it is closed at the end.
    work
        Function of the cursor that runs the query.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, work: Work[_Answer]) -> None:
        self._cursor, self._work = cursor, work
        self._outcome: _Answer | BaseException | None = None
        self._is_late = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="homodb-question", daemon=True)
        _QUESTIONS.add(self)
        try:
            start(self._thread, _STACK)
        except NoThreadError:
            start(self._thread, 0)

    def _run(self) -> None:
        try:
            self._outcome = self._work(self._cursor)
        except BaseException as error:  # noqa: BLE001 (raised by result)
            self._outcome = error
        finally:
            with suppress(duckdb.Error):
                self._cursor.close()
            self._done.set()

    @property
    def runs_on(self) -> bool:
        """True if it could not be stopped after its time, and still runs."""
        return self._is_late and not self._done.is_set()

    def stop(self, grace: float = GRACE) -> bool:
        """Interrupt the query, and return whether it has ended."""
        end = time.monotonic() + grace
        while not self._done.is_set() and self._thread.is_alive() and time.monotonic() < end:
            with suppress(duckdb.Error):
                self._cursor.interrupt()
            self._done.wait(_AGAIN)
        return self._done.is_set()

    def result(self, timeout: float | None = None) -> _Answer:
        """Wait for the answer.

        DuckDB checks for interrupts between blocks of rows. One function of one huge value is not interrupted: it runs
        on in its thread.

        Raises
        ------
        QueryError
            If the query fails or exceeds a limit.
        """
        try:
            if not heard(self._done, timeout):
                self._is_late = True
                raise QueryError(too_late(timeout or 0.0, is_stopped=self.stop()), option="timeout")
        except KeyboardInterrupt:
            self.stop()
            raise
        self._thread.join()
        if isinstance(self._outcome, HomodbError):
            raise self._outcome
        if isinstance(self._outcome, BaseException):
            raise query_error(self._outcome) from self._outcome
        return cast("_Answer", self._outcome)


def any_runs_on() -> bool:
    """Return whether a query of this process runs on after its time."""
    return any(question.runs_on for question in list(_QUESTIONS))


def heard(event: threading.Event, timeout: float | None) -> bool:
    """Wait for an event, and return whether it came.

    In steps: polars sets a handler of Ctrl-C after which one long wait would go on.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while not event.wait(_AGAIN if end is None else max(0.0, min(_AGAIN, end - time.monotonic()))):
        if end is not None and time.monotonic() >= end:
            return False
    return True


#: Begin of the message about an error that no query should raise.
UNEXPECTED = "the query cannot be answered"


def query_error(error: BaseException) -> HomodbError:
    """Return the QueryError for whatever a query raised; errors of homodb stay as they are."""
    if isinstance(error, HomodbError):
        return error
    if isinstance(error, duckdb.Error):
        if "LocalFileSystem has been disabled" in str(error):
            return QueryError("a query reads no files; give it a table of your own", option="with")
        return QueryError(first_line(error))
    if isinstance(error, MemoryError):
        return QueryError("the query needs more memory than there is: narrow it")
    if isinstance(error, RecursionError):
        return QueryError("the query is nested too deeply")
    return QueryError(f"{UNEXPECTED} ({type(error).__name__}: {' '.join(str(error).split())[:200]})")


def answer(query: str, parameters: Parameters, memory: float, tables: Tables | None = None) -> Work[pa.Table]:
    """Return the work of a :class:`Question`: check one query, run it, and read its result within a limit of memory.

    `tables` are the caller's own, which only this query sees.

    DuckDB itself respects the memory limit of its connection; the result is read in batches and has the same limit.
    """

    def work(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
        checked = check_statement(query)
        for name, table in (tables or {}).items():
            cursor.register(name, table)
        return _read(cursor, checked, parameters, memory)

    return work


def _read(cursor: duckdb.DuckDBPyConnection, query: str, parameters: Parameters, memory: float) -> pa.Table:
    """Run a query, and read its result while it fits into memory."""
    import pyarrow as pa

    room = memory * _GIGABYTE
    batches: list[pa.RecordBatch] = []
    try:
        # closed in any case: DuckDB waits for it when the same file is opened anew
        with _as_text(cursor.sql(query, params=parameters)).to_arrow_reader(_BATCH) as reader:
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


def _as_text(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Cast columns to text whose types Arrow does not have."""
    casts = ["::VARCHAR" if _AS_TEXT.search(str(dtype)) else "" for dtype in relation.types]
    if not any(casts):
        return relation
    names = [name.replace('"', '""') for name in relation.columns]
    return relation.project(
        ", ".join(f'#{place}{cast} AS "{name}"' for place, (cast, name) in enumerate(zip(casts, names, strict=True), 1))
    )


def too_late(timeout: float, *, is_stopped: bool = True) -> str:
    """Return the message about a query that took too long."""
    if is_stopped:
        return (
            f"the query took longer than {timeout:g} s and was stopped: narrow it, or allow more time by a greater "
            "timeout"
        )
    return (
        f"the query took longer than {timeout:g} s and did not stop: it runs on in the background. One that runs in a "
        "process of its own (isolated=True), as further ones do until it ends, can be ended"
    )


def _too_much(what: str, memory: float) -> str:
    return (
        f"{what} more than the {memory:g} GB that a question may take: narrow it, or allow more "
        "(homodb.open(..., memory=...))"
    )


def serve() -> None:
    """Answer the queries of a parent process, from standard input to standard output, until that is closed.

    The first message is the path of the database and the limit of memory; each later one a query, its parameters, its
    timeout, and tables as Arrow's stream format.
    """
    import pyarrow as pa

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    path, memory = pickle.loads(requests.get())  # noqa: S301 (from the parent)
    connection: duckdb.DuckDBPyConnection | None = None
    while True:
        request = requests.get()
        question: Question[pa.Table] | None = None
        try:
            query, parameters, timeout, own = pickle.loads(request)  # noqa: S301 (from the parent)
            if connection is None:
                connection = _connect(Path(path), memory)
                _bound_memory(memory * _GIGABYTE * _FORMS + _BESIDE)
            tables = {name: pa.ipc.open_stream(content).read_all() for name, content in own.items()}
            question = Question(connection.cursor(), answer(query, parameters, memory, tables))
            table = question.result(timeout)
        except Exception as error:  # noqa: BLE001 (the parent raises it)
            failure = query_error(error)
            text = json.dumps({"message": str(failure), "option": failure.option}).encode("utf-8", "backslashreplace")
            replies.write(ERROR + len(text).to_bytes(8, "little") + text)
            replies.flush()
            if is_fatal(error) or (question is not None and not question.stop(0)):
                os._exit(1)
        else:
            replies.write(TABLE)
            with pa.ipc.new_stream(replies, table.schema) as writer:
                writer.write_table(table)
            replies.flush()
            del table


def _connect(path: Path, memory: float) -> duckdb.DuckDBPyConnection:
    if path.is_file():
        return connect(path, memory=memory)
    sys.modules.pop("numpy", None)
    from homodb.query.release.database import open_database
    from homodb.schema.manifest import read_manifest

    return open_database(path, read_manifest(path), memory=memory)[1]


def _receive(stream: BinaryIO, requests: queue.Queue[bytes]) -> None:
    """Receive requests, and end the process when its parent has gone."""
    while len(size := stream.read(8)) == 8:
        requests.put(stream.read(int.from_bytes(size, "little")))
    os._exit(0)


def _bound_memory(more: float) -> None:
    """Allow some bytes of address space beyond those in use; on Linux only."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([int(pages * os.sysconf("SC_PAGE_SIZE") + more), *bounds]), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def is_fatal(error: BaseException | None) -> bool:
    """Return whether DuckDB refuses all further work after an error, or after what caused it."""
    while error is not None and not isinstance(error, duckdb.FatalException | duckdb.InternalException):
        error = error.__cause__
    return error is not None
