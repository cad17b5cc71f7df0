"""The reader of MANE summaries."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import CANONICAL, Reading, read_canonical
from homodb.schema.errors import InputError
from homodb.schema.species import find

HUMAN = find("human")
SHARED = Path(__file__).resolve().parents[3] / "../shared/data"

HEADER = "#NCBI_GeneID\tEnsembl_Gene\tsymbol\tEnsembl_nuc\tMANE_status\n"
A1BG = "GeneID:1\tENSG00000121410.12\tA1BG\tENST00000263100.8\tMANE Select\n"
CLINICAL = "GeneID:2\tENSG00000000002.1\tX\tENST00000000002.1\tMANE Plus Clinical\n"
SECOND = "GeneID:2\tENSG00000000002.1\tX\tENST00000000003.4\tMANE Select\n"


def read(folder: Path, content: bytes | str) -> Reading:
    path = folder / "MANE.summary.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_canonical(path, HUMAN)


def test_selected_transcripts_are_claims(tmp_path: Path) -> None:
    reading = read(tmp_path, HEADER + A1BG + CLINICAL + SECOND)
    assert reading.canonical.schema == CANONICAL
    assert reading.canonical.to_pylist() == [
        {
            "species": HUMAN.number,
            "gene_id": "ENSG00000121410",
            "transcript": "ENST00000263100",
            "basis": "mane",
        },
        {
            "species": HUMAN.number,
            "gene_id": "ENSG00000000002",
            "transcript": "ENST00000000003",
            "basis": "mane",
        },
    ]
    assert (reading.rows, reading.kept, reading.skipped) == (3, 2, {"MANE Plus Clinical": 1})


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    reading = read(tmp_path, "MANE_status,Ensembl_nuc,Ensembl_Gene\nMANE Select,ENST00000000001.1,ENSG00000000001.1\n")
    assert reading.canonical["transcript"].to_pylist() == ["ENST00000000001"]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", ["the file is empty. Expected a line of column names"]),
        (HEADER, ["no MANE Select transcript (MANE_status: no row)"]),
        (HEADER + CLINICAL, ["no MANE Select transcript (MANE_status: MANE Plus Clinical)"]),
        (
            "Ensembl_Gene\tsymbol\nENSG1\tA\n",
            [
                "line 1: missing column 'Ensembl_nuc'",
                "line 1: missing column 'MANE_status' (the columns are 'Ensembl_Gene', 'symbol')",
            ],
        ),
        (
            HEADER + "1\t\tS\tENST1\tMANE Select\n\n1\tENSG1\tS\tNA\tMANE Select\n1\tENSG2\tS\tENST2\t\n",
            [
                "line 2: missing Ensembl_Gene (, ENST1)",
                "line 4: missing Ensembl_nuc (ENSG1, )",
                "line 5: missing MANE_status (ENSG2, ENST2)",
            ],
        ),
        (
            HEADER + A1BG + CLINICAL + A1BG,
            ["line 4: gene with two selected transcripts (ENSG00000121410, ENST00000263100)"],
        ),
        (HEADER + A1BG + "\n1\t2\n", ["line 4: wrong number of fields (expected 5, got 2)"]),
        ((HEADER + A1BG).encode() + b"\xff\n", ["line 3: is not valid UTF-8 (b'\\xff\\n')"]),
    ],
)
def test_problems(tmp_path: Path, content: str | bytes, wanted: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert [str(problem) for problem in caught.value.problems] == wanted
    assert "\n" not in str(caught.value)


def test_twenty_of_a_kind_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, HEADER + "1\t\tS\tENST1\tMANE Select\n" * 25)
    message = str(caught.value)
    assert "25 times: missing Ensembl_Gene, first on line 2 (" in message
    assert message.count("line ") == 3


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_truncated_gzip_never_reads(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    packed = gzip.compress((HEADER + A1BG + SECOND).encode())
    path = tmp_path_factory.mktemp("mane") / "MANE.txt.gz"
    path.write_bytes(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(InputError):
        read_canonical(path, HUMAN)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.shared
def test_mane_1_0() -> None:
    reading = read_canonical(SHARED / "canonical/MANE.GRCh38.v1.0.summary.txt.gz", HUMAN)
    assert (reading.rows, reading.kept) == (19120, 19062)
    assert reading.skipped == {"MANE Plus Clinical": 58}
    by_gene = dict(
        zip(
            reading.canonical["gene_id"].to_pylist(),
            reading.canonical["transcript"].to_pylist(),
            strict=True,
        )
    )
    assert len(by_gene) == 19062
    assert by_gene["ENSG00000121410"] == "ENST00000263100"
    assert not any("." in name for pair in by_gene.items() for name in pair)
