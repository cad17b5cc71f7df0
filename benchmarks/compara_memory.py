"""Time and peak memory of reading a Compara dump, for dumps of growing length.

Makes synthetic dumps (gzip) that hold about the same number of wanted rows whatever their length, so that
what memory grows by is not the result. Beside the reader stand the floors: unpacking alone, and a scan by DuckDB.

    python benchmarks/compara_memory.py
    python benchmarks/compara_memory.py --rows 4000000
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WANTED_ROWS = 5_000
PARTS = (8, 4, 2, 1)

DUMP = """
COPY (
    SELECT
        printf('ENSG%011d', hash(i) % 25000) AS gene_stable_id,
        printf('ENSP%011d', hash(i) % 25000) AS protein_stable_id,
        'homo_sapiens' AS species,
        (hash(i, 1) % 1000000 / 10000)::DECIMAL(7, 4) AS identity,
        CASE WHEN i % 3 = 1 THEN 'other_paralog' WHEN i % 2 = 0 THEN 'ortholog_one2one'
            ELSE 'ortholog_one2many' END AS homology_type,
        printf('ENSMUSG%011d', hash(i, 2) % 25000) AS homology_gene_stable_id,
        printf('ENSMUSP%011d', hash(i, 2) % 25000) AS homology_protein_stable_id,
        CASE WHEN i % ({rows} // {wanted} // 3 * 3) = 0 THEN 'mus_musculus'
            ELSE printf('genus_species%d', hash(i, 3) % 200) END AS homology_species,
        (hash(i, 4) % 1000000 / 10000)::DECIMAL(7, 4) AS homology_identity,
        NULL AS dn,
        NULL AS ds,
        hash(i, 5) % 5 * 25 AS goc_score,
        (hash(i, 6) % 10000 / 100)::DECIMAL(5, 2) AS wga_coverage,
        hash(i, 7) % 2 AS is_high_confidence,
        100000000000000000 + i AS homology_id
    FROM range({rows}) numbers(i)
) TO '{path}' (HEADER, DELIMITER '\t', QUOTE '', ESCAPE '', NULLSTR 'NULL', COMPRESSION gzip)
"""


def make(path: Path, rows: int) -> int:
    """Write a dump."""
    import duckdb

    duckdb.execute(DUMP.format(rows=rows, wanted=WANTED_ROWS, path=path))
    return rows


def read(path: Path) -> int:
    """Read the rows of human and mouse; return how many there are."""
    from homodb.etl.sources import read_compara
    from homodb.schema.species import find

    return read_compara(path, [(find("human"), find("mouse"))]).kept


def scan(path: Path) -> int:
    """Count the rows with DuckDB."""
    import duckdb

    duckdb.execute("SET enable_progress_bar = false")
    found = duckdb.execute("SELECT count(*) FROM read_csv(?, delim = '\t')", [str(path)]).fetchone()
    return int(found[0]) if found else 0


def measured(task: str, path: Path, rows: int = 0) -> tuple[int, float, float]:
    """Run one task in a process of its own: its answer, seconds, and peak MB."""
    command = [sys.executable, __file__, "--task", task, "--path", str(path), "--rows", str(rows)]
    answer, seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(answer), float(seconds), float(peak)


def unpacked(path: Path) -> float:
    """Seconds that unpacking and counting lines take."""
    start = time.perf_counter()
    subprocess.run(f"gzip -dc '{path}' | wc -l", shell=True, check=True, capture_output=True)  # noqa: S602
    return time.perf_counter() - start


def main() -> None:
    """Print one line per length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=400_000, help="rows of the longest dump")
    parser.add_argument("--task", choices=["make", "read", "scan"], help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        start = time.perf_counter()
        answer = make(options.path, options.rows) if options.task == "make" else globals()[options.task](options.path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(answer, time.perf_counter() - start, peak)
        return
    print(f"{'rows':>9} {'MB gzip':>8} {'kept':>6} | {'homodb':>13} | {'gzip, wc':>8} | {'DuckDB':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            path = Path(folder) / f"{part}.tsv.gz"
            rows, _, _ = measured("make", path, options.rows // part)
            kept, seconds, peak = measured("read", path)
            counted, scan_seconds, scan_peak = measured("scan", path)
            if counted != rows:
                raise SystemExit(f"DuckDB counts {counted} rows of {rows}")
            print(
                f"{rows:9} {path.stat().st_size / 1e6:8.1f} {kept:6} | {seconds:5.1f} s {peak:4.0f} MB |"
                f" {unpacked(path):6.1f} s | {scan_seconds:5.1f} s {scan_peak:4.0f} MB",
                flush=True,
            )
            path.unlink()


if __name__ == "__main__":
    main()
