"""Opening files that are releases and files that are not, the invariants, and what the DDL declares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from homodb.schema.connect import (
    arrow_schema,
    broken_invariants,
    checks,
    connect,
    create,
    ddl,
    schema_version,
    tables,
)
from homodb.schema.errors import BrokenReleaseError, NewerSchemaError, ReleaseError
from tests import messages

SQL = resources.files("homodb.schema") / "sql"


@pytest.fixture(scope="module")
def database(toy_folder: Path) -> Path:
    (path,) = toy_folder.glob("*.duckdb")
    return path


@pytest.fixture
def copy(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The toy release in memory, to be broken."""
    with duckdb.connect() as connection:
        for _, sql in ddl():
            connection.execute(sql)
        connection.execute(f"ATTACH '{database}' AS toy (READ_ONLY)")
        for name in tables():
            connection.execute(f'INSERT INTO "{name}" SELECT * FROM toy."{name}"')
        connection.execute("DETACH toy")
        yield connection


# ---------------------------------------------------------------------------------------------- opening


def other_database(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def read_all(connection: duckdb.DuckDBPyConnection) -> None:
    for name in tables():
        connection.execute(f'SELECT * FROM "{name}"').fetchall()


def test_a_release_opens_read_only_and_shut_off(database: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with closing(connect(database)) as connection:
        assert connection.execute("SELECT version FROM release").fetchall() == [("toy-1",)]
        for statement in (
            "DELETE FROM gene",
            "CREATE TABLE mine AS SELECT 1",
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"SELECT * FROM '{tmp_path}/secret.csv'",
            f"ATTACH '{tmp_path}/new.duckdb'",
            f"COPY gene TO '{tmp_path}/gene.csv'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
            "SELECT * FROM database",  # a variable of Python
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_what_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("gene\tsymbol\n" * 5000)
    (tmp_path / "zeros").write_bytes(bytes(20_000))
    other_database(tmp_path / "other", "CREATE TABLE gene (gene BIGINT)")
    other_database(tmp_path / "view", "CREATE VIEW releases AS SELECT 1 AS schema_version")
    wanted = {
        "absent": "there is no such file; give the folder of a release or its .duckdb file",
        ".": "there is no such file",
        "empty": "is not a release file that DuckDB can open",
        "text": "is not a release file that DuckDB can open",
        "zeros": "is not a release file that DuckDB can open",
        "other": "is a DuckDB file but not a homodb release (it has no table release)",
        "view": "is a DuckDB file but not a homodb release (it has no table release)",
    }
    for name, told in wanted.items():
        with pytest.raises(ReleaseError) as caught:
            connect(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: {told}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("statements", "wanted"),
    [
        (["CREATE TABLE release (version VARCHAR)"], "cannot be read"),
        (["CREATE TABLE release (schema_version INTEGER)"], "table release has 0 rows. Expected one row"),
        (
            ["CREATE TABLE release AS SELECT unnest([1, 2]) AS schema_version"],
            "table release has 2 rows. Expected one row",
        ),
    ],
)
def test_broken_table_release(tmp_path: Path, statements: list[str], wanted: str) -> None:
    with pytest.raises(BrokenReleaseError, match=wanted):
        connect(other_database(tmp_path / "other.duckdb", *statements))


def test_a_newer_schema(tmp_path: Path) -> None:
    newer = other_database(tmp_path / "newer.duckdb", "CREATE TABLE release AS SELECT 999 AS schema_version")
    with pytest.raises(
        NewerSchemaError, match=messages.Schema.has_schema_999_this_homodb.format(schema_version=schema_version())
    ):
        connect(newer)
    # it is closed again: another configuration may open it
    other_database(newer, "DROP TABLE release")


def test_a_truncated_release_never_answers_in_full(database: Path, tmp_path: Path) -> None:
    """DuckDB reads blocks when they are asked for: what opens fails at the latest when it is read."""
    whole = database.read_bytes()
    broken = tmp_path / "broken.duckdb"
    opened = 0
    for part in range(20):
        broken.write_bytes(whole[: len(whole) * part // 20])
        try:
            connection = connect(broken)
        except ReleaseError:
            continue
        opened += 1
        with closing(connection), pytest.raises(duckdb.Error):
            read_all(connection)
    assert opened < 10


def test_a_new_file_has_all_tables_and_the_old_storage(tmp_path: Path) -> None:
    path = tmp_path / "it's new.duckdb"
    with closing(create(path)) as connection:
        for name in tables():
            assert connection.execute(f'SELECT count(*) FROM "{name}"').fetchall() == [(0,)]
        told = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'homodb_release'")
        assert "v1.0.0" in str(told.fetchall())
        names = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {"ens_m2m", "ens_o2o", "hm_o2o", "lm_o2o", "hl_o2o", "ortholog"} <= {name for (name,) in names}


# ---------------------------------------------------------------------------------------------- invariants

INS, INS1, INS2 = 16777216, 33554432, 33554433
TNF_COPY = 16777216 + 17
MAPPED = f"gene_a = {INS} AND gene_b = {INS2} AND strategy"
HL = f"UPDATE mapping SET {{}} WHERE {MAPPED} = 'HL_O2O'"
PAIR = "INSERT INTO database_set VALUES (1, 'OMA', NULL); INSERT INTO orthology_pair VALUES ({})"
HOMOLOGY = f"UPDATE homology SET {{}} WHERE gene_a = {INS} AND gene_b = {INS2}"

#: Of each check, statements each of which breaks it.
BREAKS = {
    "one_release": ["DELETE FROM release"],
    "gene_key": [
        f"UPDATE gene SET gene = 99 WHERE gene = {INS}",
        f"UPDATE gene SET stable_id = 'ZZZ' WHERE gene = {INS}",
        f"UPDATE gene SET species = 2 WHERE gene = {INS}",
        f"DELETE FROM gene WHERE gene = {INS}",
        f"INSERT INTO gene SELECT * FROM gene WHERE gene = {INS}",
    ],
    "gene_stable_id": [f"UPDATE gene SET stable_id = 'ENSG00000000002' WHERE gene = {INS}"],
    "gene_primary": [
        f"UPDATE gene SET primary_gene = 99 WHERE gene = {INS}",
        f"UPDATE gene SET primary_gene = {TNF_COPY} WHERE gene = {INS}",
        f"UPDATE gene SET primary_gene = {INS1} WHERE gene = {INS}",
    ],
    "alias_of_primary": [
        f"UPDATE gene_alias SET gene = {TNF_COPY} WHERE alias = 'TNFA'",
        "UPDATE gene_alias SET gene = 99 WHERE alias = 'TNFA'",
    ],
    "species_alias_unambiguous": ["INSERT INTO species_alias VALUES ('mouse', 1)"],
    "protein_gene": [
        "INSERT INTO protein VALUES (99, 'P', 1, 'T', 'protein_coding', 9, 0, 'x', true, 'longest')",
        f"INSERT INTO protein SELECT {INS}, unnest(['P', 'Q']), 1, 'T', NULL, 9, 0, 'x', true, 'longest'",
    ],
    "homology_order": [
        HOMOLOGY.format("gene_b = gene_a"),
        HOMOLOGY.format("species_a = 2, species_b = 1, gene_a = gene_b, gene_b = gene_a"),
        HOMOLOGY.format("homology_type = 'gene_split'"),
        HOMOLOGY.format("gene_a = 99"),
        f"INSERT INTO homology (species_a, species_b, gene_a, gene_b, homology_type) "
        f"VALUES (1, 1, {INS}, {INS + 1}, 'ortholog_one2one')",
    ],
    "homology_range": [
        HOMOLOGY.format("identity_a = 100.5"),
        HOMOLOGY.format("identity_b = -1"),
        HOMOLOGY.format("identity_a = 'nan'"),
        HOMOLOGY.format("goc = 101"),
        HOMOLOGY.format("wga = 'inf'"),
        HOMOLOGY.format("confidence = 2"),
    ],
    "homology_type": [HOMOLOGY.format("homology_type = 'within_species_paralog'")],
    "mapping_genes": [
        HL.format("gene_a = 99"),
        HL.format("gene_b = gene_a"),
        HL.format(f"gene_a = {TNF_COPY}"),
        HL.format("species_a = 2, species_b = 1, gene_a = gene_b, gene_b = gene_a"),
    ],
    "mapping_pair_once": [f"INSERT INTO mapping SELECT * FROM mapping WHERE {MAPPED} = 'ENS_M2M'"],
    "mapping_values": [
        HL.format("strategy = 'hl_o2o'"),
        HL.format("evidence_class = 'none'"),
        HL.format("correlation = 1.000001"),
        HL.format("correlation = 'nan'"),
        HL.format("rank = 0"),
    ],
    "mapping_embedding": [
        HL.format("embedding = NULL"),
        HL.format("embedding = 9"),
        "UPDATE mapping SET embedding = 1 WHERE strategy = 'HM_O2O'",
    ],
    "one_to_one": [
        HL.format(f"gene_a = {INS + 1}"),
        HL.format(f"gene_b = {INS1 + 2}"),
        f"UPDATE mapping SET gene_a = {INS + 2} WHERE strategy = 'ENS_O2O' AND gene_a = {INS + 1}",
        "UPDATE mapping SET strategy = 'HM_O2O' WHERE strategy = 'ENS_M2M'",
    ],
    "ensembl_mapping": [
        f"DELETE FROM homology WHERE gene_a = {INS}",
        f"DELETE FROM mapping WHERE {MAPPED} = 'ENS_M2M'",
        f"UPDATE homology SET gene_b = {INS1 + 2} WHERE gene_a = {INS} AND gene_b = {INS2}",
    ],
    "evidence_class": [
        "UPDATE mapping SET evidence_class = 'ensembl' WHERE evidence_class = 'lm_orphan'",
        "UPDATE mapping SET evidence_class = 'both' WHERE evidence_class = 'ensembl'",
        "UPDATE mapping SET evidence_class = 'lm_orphan' WHERE evidence_class = 'lm_partial'",
        "UPDATE mapping SET evidence_class = 'lm_partial' WHERE evidence_class = 'lm_contradicts'",
        "UPDATE mapping SET evidence_class = 'ensembl' WHERE evidence_class = 'both' AND strategy = 'LM_O2O'",
    ],
    "unnamed_class": [
        "UPDATE mapping SET evidence_class = 'lm_unnamed' WHERE evidence_class = 'lm_orphan'",
        "INSERT INTO unnamed_ortholog SELECT gene, 2, 'unnamed', 1 FROM gene WHERE symbol = 'ORPH1'",
        "INSERT INTO unnamed_ortholog SELECT gene, 1, 'unnamed', 1 FROM gene WHERE symbol = 'Orph9'",
    ],
    "unnamed_ortholog": [
        "INSERT INTO unnamed_ortholog SELECT * FROM unnamed_ortholog",
        "UPDATE unnamed_ortholog SET reason = 'lost'",
        "UPDATE unnamed_ortholog SET homologies = 0",
        "UPDATE unnamed_ortholog SET species = 2",
        "UPDATE unnamed_ortholog SET species = 10",
        "UPDATE unnamed_ortholog SET gene = 5",
        "UPDATE unnamed_ortholog SET gene = (SELECT min(gene) FROM gene WHERE primary_gene <> gene)",
    ],
    "species_once": [
        "INSERT INTO species SELECT * FROM species WHERE species = 1",
        "DELETE FROM species WHERE species = 61",
    ],
    "gene_embedding": [
        "INSERT INTO gene_embedding SELECT 1, gene, 1, 0 FROM gene WHERE primary_gene <> gene LIMIT 1",
        "INSERT INTO gene_embedding SELECT 1, primary_gene, 1, 0 FROM (SELECT * FROM gene LIMIT 1), range(2)",
        "INSERT INTO gene_embedding SELECT 1, primary_gene, 0, 0 FROM gene LIMIT 1",
        "INSERT INTO gene_embedding SELECT 1, primary_gene, 1, 2 FROM gene LIMIT 1",
        "INSERT INTO gene_embedding VALUES (1, 5, 1, 0)",
    ],
    "embedding_once": [
        "INSERT INTO embedding SELECT * FROM embedding",
        "UPDATE embedding_pair SET embedding = 7",
        "INSERT INTO gene_embedding SELECT 7, gene, 1, 0 FROM gene LIMIT 1",
        "UPDATE release SET default_embedding = 7",
    ],
    "data_source": [
        "INSERT INTO data_source (species_a, kind, name, pairs) VALUES (99, 'genes', 'X', 1)",
        "INSERT INTO data_source (species_a, species_b, kind, name, pairs) VALUES (2, 1, 'databases', 'X', 1)",
        "INSERT INTO data_source (species_a, species_b, kind, name, pairs) VALUES (1, 2, 'rumours', 'X', 1)",
        "INSERT INTO data_source (species_a, species_b, kind, name, pairs) VALUES (1, 2, 'homologies', 'X', 1)",
        "INSERT INTO data_source (species_a, species_b, kind, name, pairs) VALUES (1, 2, 'genes', 'X', 1)",
        "INSERT INTO data_source (species_a, kind, name, pairs) VALUES (1, 'databases', 'X', 1)",
        "INSERT INTO data_source (species_a, species_b, kind, name, type_basis, pairs) "
        "VALUES (1, 2, 'databases', 'X', 'derived', 1)",
    ],
    "orthology_pair": [
        PAIR.format(f"1, 2, {INS}, {INS1}, 2, 1"),
        PAIR.format(f"1, 2, {INS}, {INS1}, 1, 9"),
        PAIR.format(f"2, 1, {INS1}, {INS}, 1, 1"),
        PAIR.format(f"1, 2, {TNF_COPY}, {INS1}, 1, 1"),
        PAIR.format(f"1, 2, {INS}, 99, 1, 1"),
        f"INSERT INTO database_set VALUES (1, 'OMA', NULL); "
        f"INSERT INTO orthology_pair SELECT 1, 2, {INS}, {INS1}, 1, 1 FROM range(2)",
    ],
    "pair_known": ["DELETE FROM species_pair", "DELETE FROM mapping WHERE strategy = 'HL_O2O'"],
}


def test_every_check_is_run_and_has_a_test() -> None:
    written = re.findall(r"^-- check (\w+):", (SQL / "checks.sql").read_text("utf-8"), re.MULTILINE)
    assert [name for name, _, _ in checks()] == written
    assert sorted(BREAKS) == sorted(written)


def test_the_toy_is_sound(database: Path, copy: duckdb.DuckDBPyConnection) -> None:
    assert broken_invariants(copy) == []
    with closing(connect(database)) as connection:
        assert broken_invariants(connection) == []


@pytest.mark.parametrize(("name", "statement"), [(name, each) for name, some in BREAKS.items() for each in some])
def test_every_check_can_fail(copy: duckdb.DuckDBPyConnection, name: str, statement: str) -> None:
    assert copy.execute(statement).fetchone()[0] > 0  # the statement did change something
    told = [line for line in broken_invariants(copy) if line.startswith(f"{name} (")]
    assert len(told) == 1
    assert re.search(r"\) is broken by \[\(.+\)\]$", told[0])


# ---------------------------------------------------------------------------------------------- what is declared


def test_everything_has_a_comment(database: Path) -> None:
    with closing(connect(database)) as connection:
        named = {
            "table": "SELECT table_name, comment FROM duckdb_tables()",
            "view": "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
            "macro": "SELECT function_name, comment FROM duckdb_functions() WHERE database_name = current_database()",
            "column": "SELECT table_name || '.' || column_name, c.comment FROM duckdb_columns() c "
            "JOIN duckdb_tables() USING (table_name)",
        }
        found = {kind: connection.execute(query).fetchall() for kind, query in named.items()}
    assert sorted(name for name, _ in found["table"]) == sorted(tables())
    assert {name for name, _ in found["macro"]} == {"species_name", "strategy_name", "orthologs"}
    assert len(found["column"]) > 100
    for kind, rows in found.items():
        assert [name for name, comment in rows if not comment or len(comment) < 5] == [], kind


TYPES = {
    "VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "TINYINT": pa.int8(), "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(), "BIGINT": pa.int64(), "FLOAT": pa.float32(), "DOUBLE": pa.float64(),
}  # fmt: skip


@pytest.mark.parametrize("table", tables())
def test_arrow_schemas_follow_the_ddl(table: str) -> None:
    text = "\n".join(sql for _, sql in ddl())
    (body,) = re.findall(rf"^CREATE TABLE {table} \(\n(.+?)\n\);", text, re.MULTILINE | re.DOTALL)
    for line, field in zip(body.split(",\n"), arrow_schema(table), strict=True):
        declared = re.fullmatch(r"    (?P<name>\w+) (?P<type>[A-Z]+)(?P<list>\[\])?(?P<required> NOT NULL)?", line)
        assert declared is not None, line
        assert (field.name, field.nullable) == (declared["name"], declared["required"] is None)
        assert pa.types.is_list(field.type) == (declared["list"] is not None)
        assert (field.type.value_type if declared["list"] else field.type) == TYPES[declared["type"]]


@pytest.mark.parametrize("schema", [3, None])
def test_every_table_view_and_column_has_a_comment(schema: int | None) -> None:
    with closing(create(None, schema=schema)) as connection:
        for kind in ("tables", "views", "columns"):
            bare = connection.execute(
                f"SELECT * FROM duckdb_{kind}() WHERE NOT internal AND coalesce(comment, '') = ''"
            ).fetchall()
            assert bare == []
        shown = {"ortholog", "hl_o2o", "genes", "mapping_default"}
        listed = connection.execute("SELECT DISTINCT table_name FROM duckdb_columns() WHERE NOT internal").fetchall()
        assert shown <= {name for (name,) in listed}


def test_view_of_genes(database: Path) -> None:
    with closing(connect(database)) as connection:
        rows = connection.execute("SELECT species, stable_id, is_primary FROM genes ORDER BY gene").fetchall()
        assert (
            rows
            == connection.execute(
                "SELECT name, stable_id, gene = primary_gene FROM gene JOIN species USING (species) ORDER BY gene"
            ).fetchall()
        )
        located = "SELECT location, region, region_start, region_end, strand FROM genes WHERE location IS NOT NULL"
        for location, *parts in connection.execute(located).fetchall():
            region, first, last, strand = parts
            assert location == f"{region}:{first}-{last}:{strand}"


def test_ddl_files_are_numbered_from_1_without_gaps() -> None:
    assert [number for number, _ in ddl()] == list(range(1, schema_version() + 1))


# ---------------------------------------------------------------------------------------------- views and macros


def test_views_show_both_directions(copy: duckdb.DuckDBPyConnection) -> None:
    (mapped,) = copy.execute("SELECT count(*) FROM mapping").fetchone()
    assert copy.execute("SELECT count(*) FROM ortholog").fetchone() == (2 * mapped,)
    sides = (
        "SELECT source_species, source_symbol, target_species, target_symbol, source_identity, target_identity "
        "FROM ens_m2m WHERE 'Ins1' IN (source_symbol, target_symbol) AND 'INS' IN (source_symbol, target_symbol) "
        "AND 'homo_sapiens' IN (source_species, target_species) ORDER BY source_species"
    )
    assert copy.execute(sides).fetchall() == [
        ("homo_sapiens", "INS", "mus_musculus", "Ins1", 78, 80),
        ("mus_musculus", "Ins1", "homo_sapiens", "INS", 80, 78),
    ]


def test_views_show_the_default_embedding_only(copy: duckdb.DuckDBPyConnection) -> None:
    before = copy.execute("SELECT strategy, count(*) FROM ortholog GROUP BY ALL ORDER BY ALL").fetchall()
    copy.execute(
        "INSERT INTO embedding (embedding, model, layer, pooling, origin) VALUES (2, 'other', 33, 'mean', 'given')"
    )
    copy.execute("INSERT INTO mapping SELECT * REPLACE (2 AS embedding) FROM mapping WHERE embedding = 1")
    assert broken_invariants(copy) == []
    assert copy.execute("SELECT strategy, count(*) FROM ortholog GROUP BY ALL ORDER BY ALL").fetchall() == before


@pytest.mark.parametrize(("source", "target"), [("human", "mouse"), ("Homo sapiens", "MICE"), ("9606", "M. musculus")])
def test_orthologs_takes_species_in_any_spelling(copy: duckdb.DuckDBPyConnection, source: str, target: str) -> None:
    query = "SELECT count(*) FROM orthologs($1, $2, 'hm_o2o')"
    assert copy.execute(query, [source, target]).fetchone() == (11,)
    assert copy.execute(query, [target, source]).fetchone() == (11,)


def test_orthologs_refuses_a_species_that_is_not_there(copy: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error, match=messages.Schema.no_species_this_release):
        copy.execute("SELECT * FROM orthologs('human', 'rat', 'HM_O2O')").fetchall()


def test_a_release_of_an_earlier_schema_is_checked_by_what_it_has() -> None:
    earlier = create(None, schema=3)
    earlier.execute("INSERT INTO release (version, schema_version, homodb_version) VALUES ('old', 3, '0.1.0')")
    assert broken_invariants(earlier) == []
    earlier.execute("INSERT INTO species_alias VALUES ('mouse', 1), ('mouse', 2)")
    assert [line.split(" (")[0] for line in broken_invariants(earlier)] == ["species_alias_unambiguous"]
