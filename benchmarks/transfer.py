"""Download and verify, beside ``curl`` and ``sha256sum``: ``python benchmarks/transfer.py [MB]``.

One server on 127.0.0.1 serves a made-up release of one large file (2 000 MB unless told otherwise) and some small ones,
to both in turn. Peak memory is also that of a release of a tenth of the size: it should be the same.
"""

from __future__ import annotations

import functools
import os
import shutil
import statistics
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from measure import machine, pairs, run, table

from homodb.schema.catalog import CATALOG, Catalog, Entry
from homodb.schema.connect import schema_version
from homodb.schema.manifest import MANIFEST, Manifest, describe_file, sha256_of

SMALL = 20
TARGET = 0.8


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and is not what is measured."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        """Send by the kernel where that is possible."""
        outputfile.flush()
        self.connection.sendfile(source)


def made_up(folder: Path, megabytes: int) -> list[str]:
    """Make a folder of releases with one release; return the paths of its files."""
    release = folder / "large"
    release.mkdir(parents=True)
    sizes = {"homodb-large.duckdb": megabytes * 10**6} | {f"parquet/{i}.parquet": 50_000 for i in range(SMALL)}
    (release / "parquet").mkdir()
    for name, size in sizes.items():
        with (release / name).open("wb") as stream:
            for start in range(0, size, 1 << 20):
                stream.write(os.urandom(min(1 << 20, size - start)))
    files = tuple(
        describe_file(release, release / name, "duckdb" if name.endswith("duckdb") else "parquet") for name in sizes
    )
    manifest = Manifest("large", schema_version(), "0", "2026-01-01", files=files)
    path = release / MANIFEST
    path.write_text(manifest.to_json())
    entry = Entry.of(manifest, sha256_of(path), path.stat().st_size)
    (folder / CATALOG).write_text(Catalog(releases=(entry,)).to_json())
    return list(sizes)


def measured(scratch: Path, megabytes: int, *, times: int) -> None:
    releases, target = scratch / f"releases-{megabytes}", scratch / "target"
    names = made_up(releases, megabytes)
    handler = functools.partial(Quiet, directory=str(releases))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        os.environ["HOMODB_CACHE"] = str(target)
        empty = f"rm -rf {target} && mkdir -p {target}/parquet && cd {target} &&"
        curl = f"{empty} curl -sS --remote-name-all {' '.join(f'{url}/large/{name}' for name in names)}"
        curl += f" && sha256sum {' '.join(Path(name).name for name in names)} > sums"
        homodb = Path(sys.executable).parent / "homodb"
        ours = f"{empty} exec {homodb} download --catalog {url} --json"
        if times:
            first, second = pairs(["sh", "-c", curl], ["sh", "-c", ours], times)
            table(f"{megabytes:,} MB in {len(names)} files", "curl and sha256sum", first, "homodb download", second)
            rates = [a.seconds / b.seconds for a, b in zip(first, second, strict=True)]
            share = statistics.median(rates)
            print(f"throughput of homodb as a share of theirs: {share:.0%} (wanted {TARGET:.0%})")
            best = min(one.seconds for one in second)
            print(f"homodb: {megabytes / best:,.0f} MB/s at best")
        else:
            print(f"peak memory of homodb at {megabytes:,} MB: {run(['sh', '-c', ours]).megabytes:.0f} MB")
        server.shutdown()
    shutil.rmtree(releases)


def main(megabytes: int = 2000, times: int = 5) -> None:
    machine()
    with tempfile.TemporaryDirectory() as folder:
        measured(Path(folder), max(1, megabytes // 10), times=0)
        measured(Path(folder), megabytes, times=times)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
