"""Makes ``schema-<N>.duckdb``, a small release of the current schema: ``python tests/schema/released/make.py``.

Run once for each released schema, before it is published; never again after.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from homodb.etl import build_release
from homodb.schema.connect import STORAGE_VERSION, ddl, schema_version, tables

HERE = Path(__file__).resolve().parent
TOY = HERE.parents[1] / "toy" / "release.toml"


def main() -> None:
    target = HERE / f"schema-{schema_version()}.duckdb"
    if target.exists():
        raise SystemExit(f"{target.name} exists already: a released schema's file stays as it is")
    with tempfile.TemporaryDirectory() as folder:
        build_release(TOY, Path(folder) / "release")
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{next((Path(folder) / 'release').glob('*.duckdb'))}' AS toy (READ_ONLY)")
            connection.execute(f"ATTACH '{target}' AS small (STORAGE_VERSION '{STORAGE_VERSION}', BLOCK_SIZE 16384)")
            connection.execute("USE small")
            for _, sql in ddl():
                connection.execute(sql)
            for table in tables():
                connection.execute(f"INSERT INTO {table} SELECT * FROM toy.{table}")


if __name__ == "__main__":
    main()
