"""Time and memory that a question may take."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import homodb
from homodb.schema.errors import QueryError, ReleaseError
from tests import messages

ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(1000) b"


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT max(a) FROM t",
        "SELECT sum(hash(a, b, c, d, e, f)) FROM gene a, gene b, gene c, gene d, gene e, gene f",
        "FROM query('SELECT count(*) FROM range(100000000000) a, range(1000) b')",
    ],
)
def test_time(toy: homodb.Release, sql: str) -> None:
    begin = time.monotonic()
    with pytest.raises(QueryError, match=messages.Release.took_longer_than_0_2):
        toy.sql(sql, timeout=0.2)
    assert time.monotonic() - begin < 60
    assert toy.sql("SELECT 1").item() == 1  # the connection is as before


def test_no_thread_stays(toy: homodb.Release) -> None:
    before = threading.active_count()
    for _ in range(5):
        toy.sql("SELECT 1")
    with pytest.raises(QueryError):
        toy.sql("SELECT nothing")
    assert threading.active_count() == before


def test_python_ends_while_a_query_runs() -> None:
    """Ended inside DuckDB, its thread would abort the process."""
    code = (
        "import duckdb, sys, time; from homodb.query.release.sql_guard import Question\n"
        "def work(cursor):\n    while True: cursor.sql('SELECT sum(range) FROM range(20000)').to_arrow_table()\n"
        "question = Question(duckdb.connect().cursor(), work); time.sleep(0.2); sys.exit(3)"
    )
    assert {subprocess.run([sys.executable, "-c", code]).returncode for _ in range(5)} == {3}


def test_others_are_not_interrupted(toy: homodb.Release) -> None:
    """The time is one question's: a second one on the same release goes on."""
    answers: list[int] = []
    other = threading.Thread(target=lambda: answers.append(toy.sql("SELECT sum(range) FROM range(50000000)").item()))
    other.start()
    with pytest.raises(QueryError, match=messages.Release.longer_than_0_05):
        toy.sql(ENDLESS, timeout=0.05)
    other.join()
    assert answers == [50000000 * 49999999 // 2]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("FROM range(100000000000)", "the answer is more than the 0.1 GB"),
        ("SELECT list(range) FROM range(1000000000)", "the query needs more than the 0.1 GB"),
        ("FROM range(1000000000) ORDER BY hash(range)", "the query needs more than the 0.1 GB"),
    ],
)
def test_memory(toy_folder: Path, sql: str, told: str) -> None:
    with homodb.open(toy_folder, memory=0.1) as release:
        with pytest.raises(QueryError, match=told) as caught:
            release.sql(sql)
        assert "homodb.open(..., memory=...)" in str(caught.value)
        assert release.sql("SELECT count(*) FROM gene").item() == 42


def test_one_limit_at_a_time(toy_folder: Path) -> None:
    first, second = (homodb.open(toy_folder, memory=0.5) for _ in range(2))
    with first, second, pytest.raises(ReleaseError, match=messages.Release.other_settings):
        homodb.open(toy_folder, memory=0.6)


def test_text_in_double_quotes_is_told(toy: homodb.Release) -> None:
    with pytest.raises(QueryError, match=messages.Release.ins_not_found_text_stands):
        toy.sql('SELECT * FROM gene WHERE symbol = "INS"')


def test_types_of_an_empty_answer_stay(toy: homodb.Release) -> None:
    frame = toy.sql("SELECT gene, symbol FROM gene WHERE false")
    assert frame.shape == (0, 2) and str(frame.schema["gene"]) == "Int64"
