"""SQL beside one's own tables: what is a table, whose names win, and the same doors shut as without them."""

from __future__ import annotations

import gzip
import hashlib
import re
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import homodb
from homodb.query.release.connection import read_own_table
from homodb.schema.errors import QueryError, ReleaseError
from tests import messages
from tests.query.test_sql_safety import REFUSED

MINE = pl.DataFrame({"symbol": ["GCG", "INS", "NOT1"], "fold": [1.5, 2.0, None]})
JOINED = """
SELECT symbol, fold, target_symbol FROM mine
LEFT JOIN orthologs('human', 'mouse', 'hm_o2o') ON source_symbol = symbol ORDER BY symbol
"""
WANTED = [("GCG", 1.5, "Gcg"), ("INS", 2.0, "Ins2"), ("NOT1", None, None)]


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize(
    "table",
    [
        MINE, MINE.lazy(), MINE.to_arrow(), MINE.to_pandas(), MINE.to_pandas().set_index("symbol"),
        MINE.to_arrow().to_batches()[0],
    ],
    ids=["polars", "lazy", "arrow", "pandas", "index", "batch"],
)  # fmt: skip
def test_kinds_of_tables(toy: homodb.Release, table: object, isolated: bool) -> None:
    rows = toy.sql(JOINED, tables={"mine": table}, isolated=isolated).rows()
    assert [(symbol, fold if fold == fold else None, target) for symbol, fold, target in rows] == WANTED


def test_a_table_is_seen_by_its_own_query_only(toy: homodb.Release) -> None:
    assert toy.sql("FROM Mine", tables={"mine": MINE}).height == 3
    for isolated in (False, True):
        with pytest.raises(QueryError, match=messages.Query.does_not_exist):
            toy.sql("FROM mine", isolated=isolated)


def test_names_of_the_release_are_taken(toy: homodb.Release) -> None:
    for name in toy.relations():
        with pytest.raises(QueryError, match=messages.Query.release_has_itself):
            toy.sql("SELECT 1", tables={name.upper(): MINE})


@pytest.mark.parametrize("name", ["", "a b", "1a", 'x"; --', "é", "a.b", "x" * 80])
def test_names_that_sql_does_not_take(toy: homodb.Release, name: str) -> None:
    with pytest.raises(QueryError, match=messages.Query.cannot_name_a_table):
        toy.sql("SELECT 1", tables={name: MINE})


@pytest.mark.parametrize("table", [3, None, "table.csv", [1], {"a": [1]}, np.ones(3), pd.Series([1]), pl.Series([1])])
def test_objects_that_are_no_tables(toy: homodb.Release, table: object) -> None:
    with pytest.raises(QueryError, match=messages.Query.expected_a_data_frame):
        toy.sql("SELECT 1", tables={"mine": table})


def test_columns_that_sql_cannot_read(toy: homodb.Release) -> None:
    with pytest.raises(QueryError, match=messages.Query.column_that_sql_cannot_read):
        toy.sql("SELECT 1", tables={"mine": pd.DataFrame({"a": [1, "x"]})})


@given(st.lists(st.tuples(st.text(), st.integers(-(2**63), 2**63 - 1) | st.none()), max_size=20), st.booleans())
def test_any_values_come_back(toy_folder: Path, rows: list[tuple[str, int | None]], isolated: bool) -> None:
    frame = pl.DataFrame(rows, schema={"text": pl.String, "number": pl.Int64}, orient="row")
    with homodb.open(toy_folder) as release:
        assert release.sql("FROM mine", tables={"mine": frame}, isolated=isolated and len(rows) > 15).equals(frame)


# ------------------------------------------------------------------------------------------ a connection


def test_connection_keeps_its_tables(toy: homodb.Release) -> None:
    with toy.connection() as connection:
        connection.register("mine", MINE)
        assert connection.execute(JOINED).fetchall() == WANTED
        assert connection.fetchall() == [] and connection.rowcount == 3
        assert connection.execute("FROM mine WHERE symbol = ?", ["INS"]).fetchone() == ("INS", 2.0)
        assert connection.fetchone() is None
        assert connection.execute("FROM mine ORDER BY symbol").fetchmany(2) == [("GCG", 1.5), ("INS", 2.0)]
        assert list(connection) == [("NOT1", None)]
        assert [column[0] for column in connection.description or []] == ["symbol", "fold"]
        assert connection.execute("FROM mine").pl().equals(MINE)
        assert connection.df()["symbol"].tolist() == MINE["symbol"].to_list()
        assert connection.arrow().num_rows == 3
        assert connection.register("MINE", MINE.head(1)).execute("SELECT count(*) FROM mine").fetchone() == (1,)
        assert connection.cursor().execute("SELECT count(*) FROM mine").fetchall() == [(1,)]
        assert "MINE" in repr(connection)
        with pytest.raises(QueryError, match=messages.Query.does_not_exist):
            connection.unregister("mine").execute("FROM mine")
        with pytest.raises(QueryError, match=messages.Query.no_answer_to_fetch):
            connection.fetchall()  # the query before it failed
    with pytest.raises(QueryError, match=messages.Query.connection_has_been_closed):
        connection.execute("SELECT 1")
    assert toy.sql("SELECT 1 AS one").height == 1


def test_pandas_reads_through_a_connection(toy: homodb.Release) -> None:
    connection = toy.connection().register("mine", MINE)
    with pytest.warns(UserWarning, match="SQLAlchemy"):
        frame = pd.read_sql("SELECT symbol FROM mine ORDER BY symbol", connection)  # type: ignore[call-overload]
    assert frame["symbol"].tolist() == ["GCG", "INS", "NOT1"]
    assert connection.execute("SELECT 10::HUGEINT AS big").fetchall() == [(Decimal(10),)]


@pytest.mark.parametrize(
    "value",
    [
        "md5_number('x')", "(-1)::BIGINT::HUGEINT::BIGNUM", "340282366920938463463374607431768211455::UHUGEINT",
        "[1::UHUGEINT, NULL]", "{'bits': '0101'::BIT}", "'1'::BIT", "INTERVAL '1 month 2 days'",
        "union_value(one := 1)", "'12:00:00+02'::TIMETZ", "NULL::UHUGEINT",
    ],
)  # fmt: skip
def test_types_that_arrow_lacks_are_text(toy: homodb.Release, value: str) -> None:
    expected = duckdb.sql(f"SELECT ({value})::VARCHAR").fetchall()
    query = f'SELECT 1 AS x, {value} AS "a ""b""", 2::UTINYINT AS x'
    for isolated in (False, True):
        frame = toy.sql(query, isolated=isolated)
        assert frame.columns == ["x", 'a "b"', "x_1"] and frame.dtypes == [pl.Int32, pl.String, pl.UInt8]
        assert frame.row(0) == (1, *expected[0], 2)
    assert toy.connection().execute(query).fetchall() == [(1, *expected[0], 2)]


@pytest.mark.parametrize("value", ["DATE 'infinity'", "TIMESTAMP '-infinity'", "'290000-12-22 (BC)'::DATE",
                                   "TIMESTAMPTZ '20000-01-01'"])  # fmt: skip
def test_dates_that_python_lacks_are_refused(toy: homodb.Release, value: str) -> None:
    with pytest.raises(QueryError, match="outside the years 1 to 9999 in far: cast it to VARCHAR"):
        toy.sql(f"SELECT 1 AS x, {value} AS far")
    assert toy.sql(f"SELECT ({value})::VARCHAR AS far").height == 1
    edges = toy.sql("SELECT DATE '0001-01-01' AS a, TIMESTAMP '9999-12-31 23:59:59.999999' AS b, NULL::DATE AS c")
    assert edges.row(0) == (date(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), None)


def test_connection_of_a_closed_release(toy_folder: Path) -> None:
    release = homodb.open(toy_folder)
    connection = release.connection()
    release.close()
    with pytest.raises(ReleaseError, match=messages.Query.this_release_has_been_closed):
        connection.execute("SELECT 1")


def test_limits_of_a_connection(toy: homodb.Release) -> None:
    connection = toy.connection(timeout=0.2).register("mine", MINE)
    with pytest.raises(QueryError, match=messages.Query.took_longer):
        connection.execute("SELECT count(*) FROM mine, range(100000000000) a, range(1000) b")
    with pytest.raises(QueryError):
        toy.connection(timeout=0)


@pytest.mark.parametrize("door", ["connection", "isolated connection", "tables", "isolated"])
def test_the_same_doors_are_shut(door: str, toy_folder: Path, tmp_path: Path) -> None:
    """Every statement that ``release.sql`` refuses is refused beside own tables, and leaves the files as they are."""
    (database,) = toy_folder.glob("*.duckdb")

    def digest() -> dict[str, str]:
        files = [*toy_folder.rglob("*"), *tmp_path.rglob("*")]
        return {str(one): hashlib.sha256(one.read_bytes()).hexdigest() for one in files if one.is_file()}

    before = digest()
    with homodb.open(toy_folder) as release:
        connection = release.connection().register("mine", MINE)
        writing = [
            "COPY mine TO '{folder}/out.csv'", "WITH x AS (COPY mine TO '{file}' (USE_TMP_FILE false)) FROM x",
            "CREATE OR REPLACE TEMP VIEW mine AS SELECT 1", "DROP VIEW mine", "INSERT INTO mine VALUES ('x', 1)",
            "SET threads = 1", "ATTACH '{folder}/new.duckdb'", "BEGIN", "FROM mine; FROM mine",
            "FROM '{folder}/mine.csv'", "FROM mine, read_csv('{folder}/mine.csv')", "FROM JOINED", "FROM toy_folder",
        ]  # fmt: skip
        doors = {
            "connection": connection.execute,
            "isolated connection": release.connection(isolated=True).register("mine", MINE).execute,
            "tables": partial(release.sql, tables={"mine": MINE}),
            "isolated": partial(release.sql, tables={"mine": MINE}, isolated=True),
        }
        for text in [*writing, *REFUSED]:
            sql = text.replace("{file}", str(database)).replace("{folder}", str(tmp_path))
            with pytest.raises(QueryError):
                doors[door](sql)
        assert connection.execute("SELECT count(*) FROM mine, gene").fetchone() == (3 * 42,)
    assert digest() == before


# ---------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".csv.gz", ".parquet", ".arrow", ".feather"])
def test_files_of_tables(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"mine{ending}"
    match ending:
        case ".parquet":
            MINE.write_parquet(path)
        case ".arrow":
            MINE.write_ipc_stream(path)
        case ".feather":
            MINE.write_ipc(path)
        case ".csv.gz":
            path.write_bytes(gzip.compress(MINE.write_csv().encode()))
        case _:
            MINE.write_csv(path, separator="," if ending == ".csv" else "\t")
    assert read_own_table(path).equals(MINE)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "mine.xlsx").touch()
    (tmp_path / "mine.parquet").write_text("no")
    (tmp_path / "mine.csv").write_text("a,b\n1,2,3\n")
    for name, fragment in [
        ("absent.csv", messages.Shared.no_such_file),
        ("mine.xlsx", messages.Query.ending_of_no_table),
        ("mine.parquet", messages.Shared.cannot_be_read),
        ("mine.csv", messages.Shared.cannot_be_read),
    ]:
        with pytest.raises(QueryError, match=re.escape(str(tmp_path / name)) + ".*" + fragment):
            read_own_table(tmp_path / name)


def test_kinds_of_arrow(toy: homodb.Release) -> None:
    view = pa.array(["x", "y"], pa.string_view())
    table = pa.table({"codes": pa.array(["a", "b"]).dictionary_encode(), "lists": [[1], None], "view": view})
    rows = toy.sql("SELECT codes::VARCHAR, lists, view FROM mine", tables={"mine": table}).rows()
    assert rows == [("a", [1], "x"), ("b", None, "y")]


def test_values_that_python_has_not(toy: homodb.Release) -> None:
    connection = toy.connection().execute("SELECT '5000000-01-01'::DATE AS day")
    with pytest.raises(QueryError, match=messages.Query.cannot_be_answered):
        connection.fetchall()
    assert connection.execute("SELECT 1").fetchall() == [(1,)]
