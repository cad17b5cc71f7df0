"""The reader of plain tables of genes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from homodb.etl.sources import GENES, Reading, read_gene_table
from homodb.schema.errors import InputError
from homodb.schema.species import find

HUMAN = find("human")


def read(folder: Path, text: str) -> Reading:
    path = folder / "genes.tsv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    reading = read_gene_table(path, HUMAN)
    assert reading.genes.schema == GENES
    assert reading.rows == reading.kept == reading.genes.num_rows
    return reading


def rows(reading: Reading) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if value is not None} for row in reading.genes.to_pylist()]


@pytest.mark.parametrize(
    "header",
    [
        "stable_id\tsymbol\tversion\tbiotype\tchrom\tstart\tend\tstrand",
        "Gene stable ID\tGene name\tVersion (gene)\tGene type\tChromosome/scaffold name\tGene start (bp)\tGene end (bp)"
        "\tStrand",
        "ensembl_gene_id\texternal_gene_name\tversion\tgene_biotype\tchromosome_name\tstart_position\tend_position"
        "\tstrand",
    ],
)
def test_columns_by_their_names(tmp_path: Path, header: str) -> None:
    text = f"{header}\nENSG1\tTSPAN6\t16\tprotein_coding\tX\t10\t20\t-\nENSG2\t\t\t\t\t\t\t\n"
    assert rows(read(tmp_path, text)) == [
        {
            "species": 1, "stable_id": "ENSG1", "version": 16, "symbol": "TSPAN6", "biotype": "protein_coding",
            "region": "X", "region_start": 10, "region_end": 20, "strand": -1,
        },
        {"species": 1, "stable_id": "ENSG2"},
    ]  # fmt: skip


def test_a_stable_id_is_enough_and_may_have_a_version(tmp_path: Path) -> None:
    text = "Gene stable ID version,Gene name\nENSG00000254647.7,INS\nENSG00000000001,ENSG00000000001\n"
    assert rows(read(tmp_path, text)) == [
        {"species": 1, "stable_id": "ENSG00000254647", "version": 7, "symbol": "INS"},
        {"species": 1, "stable_id": "ENSG00000000001"},
    ]


@pytest.mark.parametrize("strand", ["1", "+", "+1"])
def test_strands(tmp_path: Path, strand: str) -> None:
    assert rows(read(tmp_path, f"stable_id\tstrand\nE1\t{strand}\nE2\t.\n"))[0]["strand"] == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("symbol\tversion\nINS\t1\n", "missing column 'Gene stable ID'"),
        ("stable_id\tsymbol\tGene name\nE1\tA\tA\n", "duplicate column"),
        ("stable_id\tsymbol\nE1\tA\nE1\tB\n", "duplicate gene"),
        ("stable_id\tsymbol\n\tA\n", "row without a stable ID"),
        ("stable_id\tstart\tend\nE1\t9\t3\n", "start is greater than end"),
        ("stable_id\tstart\tend\nE1\tx\t3\n", "start is not a number"),
        ("stable_id\tstrand\nE1\t2\n", "strand is not 1, -1"),
        ("stable_id\tversion\nE1\t1.5\n", "version is not a whole number"),
        ("stable_id\tsymbol\nE1\n", "wrong number of fields"),
        ("stable_id\tsymbol\n", "has a header but no rows"),
    ],
)
def test_problems(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text)
