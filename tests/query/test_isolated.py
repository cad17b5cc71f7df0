"""SQL in a child process: hard limits, the same answers; and what a hostile query does to one process."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import homodb
from homodb.query.release.sql_guard import NoThreadError, any_runs_on, query_error
from homodb.schema.errors import QueryError, ReleaseError

#: Not interrupted by DuckDB: ended with its process. Deeply nested: ends its process.
RUNS_ON = "SELECT variant_normalize((repeat('[', 10000) || repeat(']', 10000))::JSON::VARIANT)"
CRASHES = "SELECT json_transform('{}', repeat('{\"a\":', 1000000) || '\"INT\"' || repeat('}', 1000000))"


def test_the_same_answers(toy: homodb.Release) -> None:
    for sql, values in (("FROM gene ORDER BY gene", None), ("SELECT ? + 1 AS x, $2 AS y", [1, "é"])):
        sql = sql.replace("?", "$1")
        assert toy.sql(sql, values, isolated=True).equals(toy.sql(sql, values))
    assert toy.sql("SELECT gene FROM gene WHERE false", isolated=True).schema == {"gene": pl.Int64}
    assert toy.sql("SELECT $1 AS x", [np.int64(1)], isolated=True).item() == 1
    for wrong in ("SELECT nothing", "DROP TABLE gene", "SELECT '\ud800'", "SELECT 1; SELECT 2"):
        with pytest.raises(QueryError) as caught:
            toy.sql(wrong)
        with pytest.raises(QueryError) as isolated:
            toy.sql(wrong, isolated=True)
        assert str(isolated.value) == str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("sql", [RUNS_ON, CRASHES, "SELECT list_sum(range(1000000000))"])
def test_hard_limits(toy_folder: Path, sql: str) -> None:
    begin = time.monotonic()
    with homodb.open(toy_folder, memory=0.1) as release:
        with pytest.raises(QueryError):
            release.sql(sql, timeout=0.5, isolated=True)
        assert time.monotonic() - begin < 30
        assert release.sql("SELECT count(*) FROM gene", isolated=True).item() == 42  # in a process started again


def test_cost(toy: homodb.Release, capsys: pytest.CaptureFixture[str]) -> None:
    """A query in the process costs little more than one in this."""

    def seconds(*, isolated: bool) -> float:
        begin = time.perf_counter()
        toy.sql("SELECT count(*) FROM gene", isolated=isolated)
        return time.perf_counter() - begin

    first = seconds(isolated=True)
    later = statistics.median(seconds(isolated=True) for _ in range(10))
    inside = statistics.median(seconds(isolated=False) for _ in range(10))
    with capsys.disabled():
        print(f"\nisolated query: first {first * 1e3:.0f} ms, later {later * 1e3:.1f} ms; else {inside * 1e3:.1f} ms")
    assert later - inside < 0.150


def test_a_fatal_error_opens_the_release_anew(toy_folder: Path) -> None:
    """For all releases of the process that share the database; the query that met the dead database is run again."""
    with homodb.open(toy_folder, memory=0.3) as first, homodb.open(toy_folder, memory=0.3) as second:
        calls: list[int] = []

        def work(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
            calls.append(1)
            if len(calls) == 1:
                first._connection.close()
                raise duckdb.FatalException("database has been invalidated because of a previous fatal error")
            return cursor.sql("SELECT 42 AS x").to_arrow_table()

        assert first._ask(work).to_pydict() == {"x": [42]} and len(calls) == 2
        for release in (first, second):
            assert release.sql("SELECT count(*) FROM gene").item() == 42
            assert release.info().height


def test_a_dead_database_that_a_query_keeps(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that does not stop keeps it, so that it cannot be opened again: the file is opened beside it."""
    monkeypatch.setattr("homodb.query.release.release.GRACE", 0.1)
    with homodb.open(toy_folder, memory=0.3) as first, homodb.open(toy_folder, memory=0.3) as second:
        for release in (first, second):
            monkeypatch.setattr(release, "_connect", lambda: first._connection)  # dead

        def work(cursor: duckdb.DuckDBPyConnection) -> pa.Table:
            first._connection.close()
            raise duckdb.FatalException("x")

        with pytest.raises(QueryError):
            first._ask(work)
        for release in (first, second):
            assert release.sql("SELECT count(*) FROM gene").item() == 42
            assert release.sql("FROM hm_o2o").height and release.info().height
            for refused in ("FROM read_text('/etc/passwd')", "SET threads = 1", "CREATE TABLE x (y INT)"):
                with pytest.raises(QueryError):
                    release.sql(refused)


def test_while_a_query_runs_on_others_run_in_a_process_of_their_own(toy_folder: Path) -> None:
    """Several that run on would fill the memory of the process, until no thread starts and no database opens."""
    end = threading.Event()
    with homodb.open(toy_folder) as release, homodb.open(toy_folder) as closed:
        with pytest.raises(QueryError, match="did not stop"):
            release._ask(lambda cursor: end.wait(60), 0.05)
        assert release.sql("SELECT count(*) FROM gene").item() == 42
        assert release._isolated._process is not None
        closed.close()
        with pytest.raises(ReleaseError, match="closed"):
            closed.sql("SELECT 1")
        release._isolated.end()
        end.set()
        while any_runs_on():
            time.sleep(0.01)
        assert release.sql("SELECT count(*) FROM gene").item() == 42 and release._isolated._process is None


def test_without_room_for_a_thread(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread, stack: int) -> None:
        if thread.name == "homodb-question":
            raise NoThreadError("can't start new thread")
        thread.start()

    with homodb.open(toy_folder) as release:
        monkeypatch.setattr("homodb.query.release.sql_guard.start", start)
        assert release.sql("SELECT count(*) FROM gene").item() == 42
        with pytest.raises(QueryError, match="start new thread"):
            release.info()


def test_a_process_that_goes_without_a_word(toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pipe is closed, and it has not ended yet, as one that frees much memory."""
    with homodb.open(toy_folder) as release:
        release.sql("SELECT 1", isolated=True)
        process = release._isolated._process
        assert process is not None and process.stdin is not None

        def wait(timeout: float | None = None) -> int:
            if timeout is not None:
                raise subprocess.TimeoutExpired("", timeout)
            return subprocess.Popen.wait(process)

        monkeypatch.setattr(process, "wait", wait)
        monkeypatch.setattr(process, "poll", lambda: None)  # or a process that ends at once is started again
        process.stdin.close()
        monkeypatch.setattr(release._isolated, "_send", lambda *messages: None)
        with pytest.raises(QueryError, match="ended its process: it needs more memory"):
            release.sql("SELECT 1", isolated=True)


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), TypeError("x"), RecursionError(), MemoryError(),
              duckdb.InternalException("x Stack Trace: y"), ZeroDivisionError()],
)  # fmt: skip
def test_every_error_is_a_query_error(error: Exception) -> None:
    text = str(query_error(error))
    assert isinstance(query_error(error), QueryError) and text and "Stack Trace" not in text


def test_no_query_is_text_of_another_kind(toy: homodb.Release) -> None:
    for wrong in (5, None):
        for isolated in (False, True):
            with pytest.raises(QueryError):
                toy.sql(wrong, isolated=isolated)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("isolated", [False, True])
def test_closing_during_a_query(toy_folder: Path, isolated: bool) -> None:
    release = homodb.open(toy_folder, memory=0.2)
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            release.sql("SELECT count(*) FROM range(100000000000) a, range(1000) b", timeout=60, isolated=isolated)
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    other = threading.Thread(target=ask)
    other.start()
    time.sleep(0.5)
    release.close()
    other.join(20)
    assert len(raised) == 1 and isinstance(raised[0], QueryError | ReleaseError)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_query(toy_folder: Path, number: signal.Signals) -> None:
    """Also where DuckDB hears none."""
    words = [sys.executable, "-m", "homodb.cli", "sql", "--release", str(toy_folder), RUNS_ON]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    process.send_signal(number)
    begin = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "homodb: stopped\n") and time.monotonic() - begin < 5
