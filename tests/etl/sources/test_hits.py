"""The reader of ready evidence from embeddings."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import HITS, Reading, read_hits
from homodb.schema.errors import InputError
from homodb.schema.species import Species, find
from tests import messages

HUMAN, MOUSE = find("human"), find("mouse")
HEADER = "human gene name,mice gene name,correlation\n"


def read(
    folder: Path, content: str | bytes, source: Species = HUMAN, target: Species = MOUSE, unknown: float | None = None
) -> Reading:
    path = folder / "hits.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_hits(path, source, target, unknown=unknown)


def problems(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, content)
    assert str(caught.value).startswith(str(folder / "hits.csv"))
    assert "\n" not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def pairs(reading: Reading) -> list[tuple[str, str, float]]:
    return [(row["name_a"], row["name_b"], row["correlation"]) for row in reading.hits.to_pylist()]


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_every_form(tmp_path: Path, delimiter: str, end: str, packed: bool, start: str) -> None:
    text = HEADER + "INS,Ins2,0.96\nENSG00000115263,Gcg,-0.5\n"
    raw = (start + text.replace(",", delimiter).replace("\n", end)).encode()
    reading = read(tmp_path, gzip.compress(raw) if packed else raw)
    assert reading.hits.schema == HITS
    assert reading.hits["species_a"].to_pylist() == [1, 1]
    assert reading.hits["species_b"].to_pylist() == [2, 2]
    assert pairs(reading) == [("INS", "Ins2", 0.96), ("ENSG00000115263", "Gcg", -0.5)]
    assert (reading.rows, reading.kept, reading.skipped) == (2, 2, {})


def test_species_are_put_in_order(tmp_path: Path) -> None:
    reading = read(tmp_path, "mouse gene,human gene,correlation\nIns2,INS,0.96\n", source=MOUSE, target=HUMAN)
    assert reading.hits.to_pylist() == [
        {"species_a": 1, "species_b": 2, "name_a": "INS", "name_b": "Ins2", "correlation": 0.96}
    ]


def test_correlation_is_found_by_name(tmp_path: Path) -> None:
    text = "a,b,identical_scores,Correlation,combo_score\nINS,Ins2,82,0.96,1.9\n"
    assert pairs(read(tmp_path, text)) == [("INS", "Ins2", 0.96)]


def test_float_error_above_1_stays(tmp_path: Path) -> None:
    """The published tables tell 1.0000036 from 1.0000018: clipping would tie them."""
    text = HEADER + "A,a,1.0000036\nB,b,1.0000018\nC,c,-1.0000001\n"
    assert [value for _, _, value in pairs(read(tmp_path, text))] == [1.0000036, 1.0000018, -1.0000001]


def test_what_stands_for_unknown_is_skipped_and_counted(tmp_path: Path) -> None:
    """As a 32-bit float: the config may write fewer digits or more than the table."""
    text = HEADER + "A,a,0.5894859\nB,b,0.58948591\nC,c,0.589486\nD,d,0.5894859\n"
    reading = read(tmp_path, text, unknown=0.5894859)
    assert [name for name, _, _ in pairs(reading)] == ["C"]
    assert (reading.rows, reading.kept) == (4, 1)
    assert reading.skipped == {"placeholders for unknown correlations": 3}


name = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(
    lambda text: text.strip() not in ("", "NA", "N/A", "NULL", "\\N")
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(name, name, st.floats(-1, 1, width=32)), min_size=1, unique_by=lambda r: (r[0].strip(), r[1].strip())
    ),
    backwards=st.booleans(),
    packed=st.booleans(),
    data=st.data(),
)
def test_random_tables(
    rows: Sequence[tuple[str, str, float]], backwards: bool, packed: bool, data: st.DataObject
) -> None:
    unknown = data.draw(st.one_of(st.none(), st.sampled_from([value for _, _, value in rows])))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("a", "b", "correlation"), *rows])
    raw = stream.getvalue().encode()
    species = (MOUSE, HUMAN) if backwards else (HUMAN, MOUSE)
    with tempfile.TemporaryDirectory() as folder:
        reading = read(Path(folder), gzip.compress(raw) if packed else raw, *species, unknown=unknown)
    known = [row for row in rows if unknown is None or np.float32(row[2]) != np.float32(unknown)]
    names = [(first.strip(), second.strip()) for first, second, _ in known]
    wanted = [(b, a) if backwards else (a, b) for a, b in names]
    assert pairs(reading) == [(*pair, value) for pair, (_, _, value) in zip(wanted, known, strict=True)]
    assert reading.rows - reading.kept == sum(reading.skipped.values()) == len(rows) - len(known)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("A,a,1.01", "correlation outside -1.001 to 1.001 (1.01)"),
        ("A,a,-1.01", "correlation outside -1.001 to 1.001 (-1.01)"),
        ("A,a,nan", "correlation outside -1.001 to 1.001 (nan)"),
        ("A,a,inf", "correlation outside -1.001 to 1.001 (inf)"),
        ("A,a,high", "correlation is not a number (high)"),
        ("A,a,NA", "row without a correlation (A, a)"),
        (",a,0.5", "row without a gene (, a)"),
        ("A,NULL,0.5", "row without a gene (A, )"),
        (",,0.5", "row without a gene (, )"),
        ("INS,Ins2,0.5", "duplicate pair (INS, Ins2)"),
        (" INS , Ins2,0.96", "duplicate pair (INS, Ins2)"),
        ("A,a", "wrong number of fields (expected 3, got 2)"),
        ("A,a,0.5,1", "wrong number of fields (expected 3, got 4)"),
    ],
)
def test_rows_that_cannot_be(tmp_path: Path, row: str, wanted: str) -> None:
    assert problems(tmp_path, f'{HEADER}INS,Ins2,0.96\n"I,NS",Ins2,0.96\n\n{row}\n') == [f"line 5: {wanted}"]


def test_the_same_gene_twice_is_no_repeat(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + "INS,Ins2,0.9\nINS,Ins1,0.9\nGCG,Ins2,0.9\n").kept == 3


@pytest.mark.parametrize(
    "header", ["human gene name,mice gene name", "Homo sapiens gene,M. musculus gene symbol", "a,b"]
)
def test_columns_named_after_other_species_are_refused(tmp_path: Path, header: str) -> None:
    """Swapped columns would make a gene without ortholog of every name."""
    text = f"{header},correlation\nINS,Ins2,0.96\n"
    assert read(tmp_path, text).kept == 1
    if header != "a,b":
        with pytest.raises(InputError, match=messages.Sources.line_1_column_homo_sapiens):
            read(tmp_path, text, source=MOUSE, target=HUMAN)
        with pytest.raises(InputError, match=messages.Sources.line_1_column_mus_musculus):
            read(tmp_path, text, target=find("pig"))
    assert read(tmp_path, text, target=find("mouse balb/cj")).kept == 1


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", "the file is empty. Expected a line of column names"),
        (HEADER, "the file has a header but no rows"),
        ("a,b,r\nA,a,0.5\n", "line 1: missing column 'correlation' after two columns of genes"),
        ("correlation,a,b\n0.5,A,a\n", "line 1: missing column 'correlation' after two columns of genes"),
        ("a,b,correlation,correlation\n", "line 1: missing column 'correlation' after two columns of genes"),
        (HEADER.replace(",", ";"), "line 1: only one column. Expected columns separated by tabs or commas"),
        (HEADER.encode() + b"A,\xff,0.5\n", "line 2: is not valid UTF-8"),
    ],
)
def test_files_that_are_no_evidence(tmp_path: Path, content: str | bytes, wanted: str) -> None:
    assert problems(tmp_path, content)[0].startswith(wanted)


def test_gzip_cut_off_anywhere(tmp_path: Path) -> None:
    text = HEADER + "".join(f"G{n * 7919 % 100003},g{n},{n / 1000}\n" for n in range(1000))
    packed = gzip.compress(text.encode())
    for cut in range(2, len(packed), len(packed) // 30):
        assert problems(tmp_path, packed[:cut]) == ["the gzip stream is truncated. Download the file again"]


def test_several_problems_and_their_counts(tmp_path: Path) -> None:
    rows = ["A,a,2"] + [f"B{n},b,2" for n in range(24)] + ["C,c,0.5", "C,c,0.6", ",x,0.5"]
    with pytest.raises(InputError) as caught:
        read(tmp_path, HEADER + "\n".join(rows))
    told = str(caught.value)
    assert "27 problems: line 28: duplicate pair (C, c); line 29: row without a gene (, x); 25 times: " in told
    assert "correlation outside" in told and "first on line 2 (" in told
    assert caught.value.totals.total() == 27
