"""Questions to a release that lies on a server: only the parts of its Parquet files that are needed are sent."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


class Handler(BaseHTTPRequestHandler):
    """Serves a folder as any static web server does, ranges included, and counts the bytes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(content) - 1
        if found and found[1]:
            first, last = int(found[1]), min(last, int(found[2] or last))
        elif found:
            first = max(0, len(content) - int(found[2]))
        body = content[first : last + 1]
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{len(content)}"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
            self.server.sent += len(body)
            self.server.ranges += bool(found)

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    folder: Path
    sent = ranges = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(toy_folder: Path) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.folder = toy_folder
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with httpfs, where that is at hand: nothing is downloaded for a test."""
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        try:
            connection.execute("LOAD httpfs")
        except duckdb.Error:
            extensions = pytest.importorskip("duckdb_extensions", reason="DuckDB's extension httpfs is not installed")
            try:
                extensions.import_extension("httpfs", con=connection)
                connection.execute("LOAD httpfs")
            except (duckdb.Error, OSError, ImportError) as error:
                pytest.skip(f"no httpfs for DuckDB {duckdb.__version__} ({error})")
        yield connection


def test_duckdb_asks_a_server(server: Server, connection: duckdb.DuckDBPyConnection, toy_folder: Path) -> None:
    mapping = "mapping/homo_sapiens.mus_musculus.parquet"
    query = "SELECT strategy, count(*) FROM read_parquet(?) GROUP BY ALL ORDER BY ALL"
    here = duckdb.execute(query, [str(toy_folder / "parquet" / mapping)]).fetchall()
    assert connection.execute(query, [f"{server.url}/parquet/{mapping}"]).fetchall() == here
    assert server.ranges > 0
    database = next(toy_folder.glob("*.duckdb"))
    connection.execute(f"ATTACH '{server.url}/{database.name}' AS remote (READ_ONLY)")
    found = connection.execute("SELECT target_symbol FROM remote.hl_o2o WHERE source_symbol = 'INS'").fetchall()
    connection.execute("DETACH remote")
    with duckdb.connect(str(database), read_only=True) as local:
        assert local.execute("SELECT target_symbol FROM hl_o2o WHERE source_symbol = 'INS'").fetchall() == found != []


def test_polars_asks_a_server(server: Server, toy_folder: Path, tmp_path: Path) -> None:
    """The same by another reader, which needs no extension; of a large file only what is asked is sent."""
    rows = 400_000
    rng = np.random.default_rng(0)
    columns = {f"c{i}": rng.integers(0, 1 << 60, rows) for i in range(8)} | {"key": np.arange(rows)}
    server.folder = tmp_path
    pq.write_table(pa.table(columns), tmp_path / "large.parquet", row_group_size=20_000)
    size = (tmp_path / "large.parquet").stat().st_size
    lazy = pl.scan_parquet(f"{server.url}/large.parquet").filter(pl.col("key") == 123_456).select("c3")
    assert lazy.collect().item() == columns["c3"][123_456]
    assert server.ranges > 0 and server.sent < size / 10
    server.folder = toy_folder
    path = "parquet/gene/gene.parquet"
    there = pl.scan_parquet(f"{server.url}/{path}").filter(pl.col("symbol") == "INS").collect()
    assert there.equals(pl.read_parquet(toy_folder / path).filter(pl.col("symbol") == "INS")) and there.height
