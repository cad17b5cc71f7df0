"""SQL that may come from anybody: whatever is asked, the release and the disk stay as they are.

A read-only connection without file access is not enough: DuckDB allows it to write to the release's own file. Each
hostile statement here is refused, or answers without doing harm; after each the release has the same bytes, no file
has appeared beside it, and it still answers.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import homodb
from homodb.schema.errors import QueryError
from tests import messages

GENES = 42

#: {file} is the release's own file, {folder} the folder that it lies in.
REFUSED = [
    # writing by COPY: to the release itself, beside it, elsewhere, in every disguise
    "COPY (SELECT 1) TO '{file}'",
    "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "COPY (SELECT 1) TO '{file}.wal' (USE_TMP_FILE false)",
    "COPY gene TO '{folder}/out.csv'",
    "COPY gene FROM '{folder}/in.csv'",
    "COPY FROM DATABASE memory TO system",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/out.csv'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "EXPLAIN (FORMAT json, ANALYZE) COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "EXPLAIN COPY (SELECT 1) TO '{file}'",
    "explain/**/analyze/**/copy (select 1) to '{file}' (use_tmp_file false)",
    # comments nest in DuckDB: what looks like a SELECT to a simple reader is an ANALYZE COPY
    "EXPLAIN /* /* */ SELECT 1 -- */ ANALYZE COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "EXPLAIN /* /* */ SELECT 1 -- */ ANALYZE COPY (SELECT 1) TO '{file}.wal' (USE_TMP_FILE false)",
    "/* /* */ EXPLAIN SELECT 1 -- */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "-- \rEXPLAIN ANALYZE COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false) /*\nEXPLAIN SELECT 1 --*/",
    # a WITH that writes is a SELECT to DuckDB 2
    "WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x",
    "WITH x AS (/* /* */ */ CoPy/**/(SELECT 1) TO '{file}.wal' (USE_TMP_FILE false)) FROM x",
    "WITH x AS MATERIALIZED (COPY gene TO '{file}' (USE_TMP_FILE false)) SELECT 1",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x",
    "EXPLAIN WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x",
    "SELECT (WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x)",
    "FROM (WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x)",
    "SELECT 1 UNION ALL (WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x)",
    "WITH y AS (WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x) FROM y",
    "SELECT 1 WHERE EXISTS (WITH x AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) FROM x)",
    "FROM query('WITH x AS (COPY (SELECT 1) TO ''{file}'' (USE_TMP_FILE false)) FROM x')",
    "FROM query('WITH x AS (CO' || 'PY (SELECT 1) TO ''{file}'' (USE_TMP_FILE false)) FROM x')",
    "WITH x AS (INSERT INTO gene FROM gene RETURNING *) FROM x",
    "WITH x AS (DELETE FROM gene RETURNING *) FROM x",
    "WITH x AS (UPDATE gene SET symbol = 'x' RETURNING *) FROM x",
    # several statements
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
    "SELECT 1 /* ; */; DROP TABLE gene",
    "SELECT 1 -- ;\n; DROP TABLE gene",
    "FROM query('SELECT 1; DROP TABLE gene')",
    "FROM query('DROP TABLE gene')",
    "",
    ";",
    "-- SELECT 1",
    # tables, settings, connections, extensions
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE TEMP MACRO species_name(x) AS 'homo_sapiens'",
    "CREATE SECRET (TYPE s3)",
    "INSERT INTO gene FROM gene",
    "UPDATE gene SET symbol = 'x'",
    "DELETE FROM gene",
    "TRUNCATE gene",
    "MERGE INTO gene USING gene_alias ON true WHEN MATCHED THEN DELETE",
    "DROP TABLE gene",
    "DROP VIEW ortholog",
    "ALTER TABLE gene ADD COLUMN x INTEGER",
    "COMMENT ON TABLE gene IS 'x'",
    "ATTACH '{folder}/other.duckdb'",
    "ATTACH ':memory:' AS other",
    "DETACH other",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/evil.duckdb_extension'",
    "UPDATE EXTENSIONS",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET ALL",
    "RESET lock_configuration",
    "PRAGMA enable_profiling",
    *(["PRAGMA database_list"] if duckdb.__version__ >= "2" else []),  # before, DuckDB rewrites it as a SELECT
    "EXPORT DATABASE '{folder}/export'",
    "IMPORT DATABASE '{folder}/export'",
    "CALL pragma_version()",
    "CALL enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "VACUUM",
    "ANALYZE",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "FROM enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "FROM enable_profiling(format = 'json', save_location = '{file}')",
    "FROM force_checkpoint()",
    # reading files, the network, the environment, the process
    "FROM '{folder}/secret.csv'",
    "FROM read_csv('{folder}/secret.csv')",
    "FROM read_csv_auto('{folder}/*.csv')",
    "FROM read_text('{folder}/secret.csv')",
    "FROM read_blob('/etc/passwd')",
    "FROM read_json('{folder}/secret.csv')",
    "FROM parquet_scan('{folder}/secret.parquet')",
    "FROM glob('{folder}/*')",
    "FROM sniff_csv('{folder}/secret.csv')",
    "FROM 'https://example.com/x.csv'",
    "FROM 's3://bucket/x.parquet'",
    "SELECT getenv('HOME')",
    "FROM pandas_scan(1)",
    "FROM arrow_scan(1, 2, 3)",
    "FROM query_table('{folder}/secret.csv')",
]

HARMLESS = [
    "FROM query('SELECT count(*) FROM gene')",
    "FROM query_table('gene')",
    "SELECT write_log('x')",
    "FROM checkpoint()",
    "FROM truncate_duckdb_logs()",
    "FROM pragma_database_size()",
    "SELECT current_setting('enable_external_access')",
    "SELECT 1 -- ; DROP TABLE gene",
    "SELECT 1 /* ; DROP TABLE gene */",
    "SELECT '; DROP TABLE gene'",
    # the word alone is no danger
    "SELECT 'COPY (SELECT 1) TO x' AS copy",
    "SELECT 1 AS copy /* COPY */ -- COPY",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, toy_folder: Path) -> Path:
    copy = tmp_path_factory.mktemp("hostile")
    shutil.copy(next(toy_folder.glob("*.duckdb")), copy / "release.duckdb")
    (copy / "secret.csv").write_text("word\nsecret\n")
    return copy


@pytest.fixture(scope="module")
def release(folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(folder / "release.duckdb") as opened:
        yield opened


def state(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def untouched(folder: Path, release: homodb.Release) -> Iterator[None]:
    """After the test all files are as they were, and the release answers, to others too."""
    before = state(folder)
    yield
    assert state(folder) == before
    assert release.sql("SELECT count(*) FROM gene").item() == GENES
    with homodb.open(folder / "release.duckdb") as again:
        assert again.version == release.version


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("sql", REFUSED)
def test_refused(release: homodb.Release, folder: Path, sql: str) -> None:
    with pytest.raises(QueryError):
        release.sql(sql.replace("{file}", str(release.path)).replace("{folder}", str(folder)))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("sql", HARMLESS)
def test_harmless(release: homodb.Release, sql: str) -> None:
    release.sql(sql)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("sql", ["FROM duckdb_secrets()", "FROM which_secret('s3://x', 's3')"])
def test_no_secret_is_told(release: homodb.Release, sql: str) -> None:
    """Refused where DuckDB would look into the home folder, else an empty answer."""
    with contextlib.suppress(QueryError):
        assert release.sql(sql).height == 0


@pytest.mark.usefixtures("untouched")
def test_variables_of_python_are_out_of_reach(release: homodb.Release) -> None:
    secret = pl.DataFrame({"word": ["secret"]})
    plain = {"word": ["secret"]}
    relation = duckdb.sql("SELECT 'secret' AS word")
    assert secret.height + len(plain) + len(relation) == 3
    for name in ("secret", "plain", "relation", "REFUSED"):
        for sql in (f"FROM {name}", f"FROM query_table('{name}')", f"FROM query('FROM {name}')"):
            with pytest.raises(QueryError):
                release.sql(sql)


def test_no_statement_leaves_a_setting_behind(release: homodb.Release) -> None:
    settings = dict(release.sql("SELECT name, value FROM duckdb_settings()").rows())
    assert settings["enable_external_access"] == settings["python_enable_replacements"] == "false"
    assert settings["lock_configuration"] == "true"
    assert release.sql("SELECT count(*) FROM duckdb_databases() WHERE NOT internal AND NOT readonly").item() == 0


# What must work


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT 1", [(1,)]),
        ("  select 1 ; ", [(1,)]),
        ("(SELECT 1)", [(1,)]),
        ("-- a comment\nSELECT 1 /* another /* in it */ */", [(1,)]),
        ("WITH x AS (SELECT 1 AS a), y AS (FROM x) SELECT a + 1 FROM y", [(2,)]),
        ("WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t WHERE a < 3) FROM t", [(1,), (2,), (3,)]),
        ("VALUES (1, 'x'), (2, 'y')", [(1, "x"), (2, "y")]),
        ("FROM gene SELECT stable_id WHERE symbol = 'INS' AND species = 1", [("ENSG00000000001",)]),
        ("SELECT 'é' AS \"ü\", '日本', '😀'", [("é", "日本", "😀")]),
        ("SELECT list_transform([1, 2], lambda x: x + 1)", [([2, 3],)]),
        ("SELECT version FROM release", [("toy-1",)]),
        ("SELECT species_name('Mice')", [("mus_musculus",)]),
    ],
)
def test_questions_are_answered(release: homodb.Release, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert release.sql(sql).rows() == rows


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("DESCRIBE gene", "stable_id"),
        ("SHOW gene", "stable_id"),
        ("SUMMARIZE gene", "stable_id"),
        ("SHOW TABLES", "gene_alias"),
        ("SHOW ALL TABLES", "ortholog"),
        ("SELECT table_name, comment FROM duckdb_tables()", "A gene of a species."),
        ("EXPLAIN SELECT * FROM gene", "gene"),
        ("explain\n  from gene", "gene"),
        ("EXPLAIN SELECT '-- /* x' FROM gene", "gene"),
        ("EXPLAIN /* the plan */ SELECT * FROM gene", "gene"),
        ("EXPLAIN WITH x AS (FROM gene) FROM x", "gene"),
    ],
)
def test_questions_about_the_tables_are_answered(release: homodb.Release, sql: str, word: str) -> None:
    assert word in str(release.sql(sql).rows())


def test_parameters(release: homodb.Release) -> None:
    assert release.sql("SELECT ?, ?", [1, "x'; DROP TABLE gene"]).rows() == [(1, "x'; DROP TABLE gene")]
    assert release.sql("SELECT $b, $a", {"a": 1, "b": "copy"}).rows() == [("copy", 1)]
    assert release.sql("SELECT unnest($a::VARCHAR[])", {"a": ["é", None]}).rows() == [("é",), (None,)]
    for parameters in (None, [], [1, 2], {"a": 1}):
        with pytest.raises(QueryError):
            release.sql("SELECT ?", parameters)


def test_columns_of_one_name_are_told_apart(release: homodb.Release) -> None:
    joined = release.sql("SELECT * FROM gene g JOIN gene_alias x ON x.gene = g.gene")
    assert joined.height == 13 and "gene_1" in joined.columns
    assert release.sql("SELECT 1 AS a, 2 AS a, 3 AS a_1").row(0) == (1, 2, 3)


def test_a_type_that_a_frame_has_not_is_an_error_of_homodb(release: homodb.Release) -> None:
    with pytest.raises(QueryError, match=messages.Release.cast):
        release.frame(pa.table({"x": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("COPY (SELECT 1) TO 'x'", "this is COPY"),
        ("EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'", "this is EXPLAIN"),
        ("SET threads = 1", "this is (VARIABLE_)?SET"),
        ("SELECT 1; SELECT 2", "got 2 statements"),
        pytest.param(
            "SELECT " + "(" * 5000 + "1" + ")" * 5000,
            ".",
            id="nested",
            marks=pytest.mark.skipif(duckdb.__version__ < "2", reason="an older DuckDB answers it"),
        ),
    ],
)
def test_a_refusal_says_what_it_saw(release: homodb.Release, sql: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        release.sql(sql)


@pytest.mark.skipif(duckdb.__version__ < "2", reason="an older DuckDB does not parse it")
@pytest.mark.parametrize("what", ["COPY (SELECT 1) TO 'x'", "INSERT INTO gene FROM gene RETURNING *"])
def test_a_part_that_writes_is_named(release: homodb.Release, what: str) -> None:
    with pytest.raises(QueryError, match=messages.Release.this_one_holds.format(split=what.split()[0])):
        release.sql(f"WITH x AS ({what}) FROM x")


def test_errors_are_one_line(release: homodb.Release) -> None:
    for sql in ("SELEC 1", "SELECT nothing FROM gene", "FROM nothing", "SELECT 1 / 'x'", "SELECT error('a\nb')"):
        with pytest.raises(QueryError) as caught:
            release.sql(sql)
        assert str(caught.value).splitlines() == [str(caught.value)]


# Macros


def test_orthologs_takes_species_in_any_spelling(release: homodb.Release) -> None:
    expected = release.sql("FROM hl_o2o WHERE source_species = 'mus_musculus' AND target_species = 'homo_sapiens'")
    for source, target in itertools.product(("mice", "Mus musculus", "10090", "M. musculus"), ("Human", "hsapiens")):
        answer = release.sql("FROM orthologs(?, ?, 'hl_o2o')", [source, target])
        assert sorted(answer.drop("strategy").rows(), key=repr) == sorted(expected.rows(), key=repr)
        assert answer.height == 12


@pytest.mark.parametrize("species", ["klingon", "rat", "", "mus_musculus_x"])
def test_orthologs_of_an_unknown_species_is_an_error(release: homodb.Release, species: str) -> None:
    for pair in ((species, "human"), ("human", species)):
        with pytest.raises(QueryError, match=messages.Release.no_species_this_release):
            release.sql("FROM orthologs(?, ?, 'hl_o2o')", pair)


def test_environment_is_not_needed(release: homodb.Release) -> None:
    """The file system of DuckDB is shut, also for the home folder that it would look for extensions in."""
    home = os.environ.get("HOME", "/")
    with pytest.raises(QueryError):
        release.sql("FROM glob(?)", [f"{home}/*"])
