"""The reader of Compara dumps, against files made by hand and against a naive reading of random ones."""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homodb.etl.sources import GENES, HOMOLOGIES, OTHER_PAIRS, OTHER_TYPES, Reading, read_compara
from homodb.schema.errors import InputError
from homodb.schema.species import Species
from tests import messages

# Numbers against the order of the alphabet; a strain and a species whose names begin like the mouse's.
MOUSE = Species(2, "mus_musculus", 10090, "mouse", ())
HUMAN = Species(7, "homo_sapiens", 9606, "human", ())
RAT = Species(9, "rattus_norvegicus", 10116, "rat", ())
STRAIN = "mus_musculus_c57bl6nj"
PAIR = [(HUMAN, MOUSE)]

COLUMNS = (
    "gene_stable_id", "protein_stable_id", "species", "identity", "homology_type", "homology_gene_stable_id",
    "homology_protein_stable_id", "homology_species", "homology_identity", "dn", "ds", "goc_score",
    "wga_coverage", "is_high_confidence", "homology_id",
)  # fmt: skip
OPTIONAL = COLUMNS[9:]
ORTHOLOGS = ("ortholog_one2one", "ortholog_one2many", "ortholog_many2many")
INS = {
    "gene_stable_id": "ENSG00000254647", "protein_stable_id": "ENSP00000250971", "species": "homo_sapiens",
    "identity": "81.8182", "homology_type": "ortholog_one2many",
    "homology_gene_stable_id": "ENSMUSG00000000215", "homology_protein_stable_id": "ENSMUSP00000000220",
    "homology_species": "mus_musculus", "homology_identity": "78.18", "dn": "0.1", "ds": "0.5",
    "goc_score": "75", "wga_coverage": "99.5", "is_high_confidence": "1", "homology_id": "17",
}  # fmt: skip


def row(**changes: str) -> dict[str, str]:
    assert changes.keys() <= set(COLUMNS)
    return INS | changes


def text(rows: Iterable[dict[str, str]], columns: Sequence[str] = COLUMNS, end: str = "\n") -> str:
    lines = ["\t".join(columns), *("\t".join(values[name] for name in columns) for values in rows)]
    return "".join(line + end for line in lines)


def turned(values: dict[str, str]) -> dict[str, str]:
    """The same homology told from the other side."""
    sides = list(zip(COLUMNS[:4], COLUMNS[5:9], strict=True))
    return values | {a: values[b] for a, b in sides} | {b: values[a] for a, b in sides}


def file(folder: Path, content: str | bytes, *, packed: bool = False) -> Path:
    path = folder / "dump"
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw, 1, mtime=0) if packed else raw)
    return path


def problems(path: Path, pairs: Sequence[tuple[Species, Species]] = PAIR) -> list[tuple[int, str, str]]:
    with pytest.raises(InputError) as caught:
        read_compara(path, pairs)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    return [(problem.line, problem.kind, problem.content) for problem in caught.value.problems]


# ---------------------------------------------------------------------------------------------- rules


def test_a_homology_has_its_species_in_order_and_each_side_its_values(tmp_path: Path) -> None:
    reading = read_compara(file(tmp_path, text([INS, turned(INS)])), PAIR)
    assert reading.homologies.schema.equals(HOMOLOGIES)
    assert reading.genes.schema.equals(GENES)
    wanted = {
        "species_a": 2, "species_b": 7, "stable_id_a": "ENSMUSG00000000215", "symbol_a": None,
        "stable_id_b": "ENSG00000254647", "symbol_b": None, "protein_a": "ENSMUSP00000000220",
        "protein_b": "ENSP00000250971", "homology_type": "ortholog_one2many", "identity_a": 78.18,
        "identity_b": 81.8182, "goc": 75.0, "wga": 99.5, "confidence": 1, "dn": 0.1, "ds": 0.5,
    }  # fmt: skip
    assert reading.homologies.to_pylist() == [wanted, wanted]
    genes = [(gene["species"], gene["stable_id"], gene["version"]) for gene in reading.genes.to_pylist()]
    assert genes == [(2, "ENSMUSG00000000215", None), (7, "ENSG00000254647", None)]
    assert (reading.rows, reading.kept, reading.skipped) == (2, 2, {})


@pytest.mark.parametrize("kind", ORTHOLOGS)
def test_orthologs_of_each_type_are_kept(tmp_path: Path, kind: str) -> None:
    reading = read_compara(file(tmp_path, text([row(homology_type=kind)])), [(MOUSE, HUMAN)])
    assert reading.homologies["homology_type"].to_pylist() == [kind]


def test_a_gene_split_told_from_either_side_is_an_exact_repeat(tmp_path: Path) -> None:
    split = row(homology_type="gene_split", homology_gene_stable_id="ENSG00000000001", homology_species="homo_sapiens")
    reading = read_compara(file(tmp_path, text([split, turned(split)])), PAIR)
    one, other = reading.homologies.to_pylist()
    assert one == other
    assert (one["species_a"], one["species_b"], one["homology_type"]) == (7, 7, "gene_split")
    assert (one["stable_id_a"], one["protein_a"], one["identity_a"]) == (
        "ENSG00000000001", "ENSMUSP00000000220", 78.18,
    )  # fmt: skip
    assert (one["stable_id_b"], one["protein_b"], one["identity_b"]) == (
        "ENSG00000254647", "ENSP00000250971", 81.8182,
    )  # fmt: skip


def test_rows_that_are_not_kept_are_counted_by_reason(tmp_path: Path) -> None:
    rat = {"homology_species": "rattus_norvegicus"}
    rows = [
        INS,
        row(**rat),
        row(homology_species=STRAIN),
        row(homology_species="mus_spretus"),
        row(homology_type="gene_split"),
        row(homology_type="gene_split", species="rattus_norvegicus", **rat),
        row(homology_species="homo_sapiens"),
        *(row(homology_type=kind, **rat) for kind in sorted(OTHER_TYPES)),
        row(homology_type="other_paralog", species="pan_paniscus", identity="x"),
    ]
    reading = read_compara(file(tmp_path, text(rows)), PAIR)
    assert (reading.rows, reading.kept) == (len(rows), 1)
    counts = dict.fromkeys(sorted(OTHER_TYPES), 1) | {"other_paralog": 2, OTHER_PAIRS: 6}
    assert reading.skipped == counts


def test_types_that_ensembl_has_used_are_known() -> None:
    # the enumerations of Compara's schema, releases 58 to 116
    ensembl = """
        ortholog_one2one ortholog_one2many ortholog_many2many within_species_paralog other_paralog gene_split
        between_species_paralog alt_allele homoeolog_one2one homoeolog_one2many homoeolog_many2many
        apparent_ortholog_one2one putative_gene_split contiguous_gene_split possible_ortholog
        UBRH BRH MBRH RHS projection_unchanged projection_altered
    """
    assert set(ensembl.split()) <= OTHER_TYPES | {*ORTHOLOGS, "gene_split"}


def test_a_file_without_a_row_of_the_pair_is_fine(tmp_path: Path) -> None:
    reading = read_compara(file(tmp_path, text([row(homology_species="rattus_norvegicus")])), PAIR)
    assert (reading.kept, reading.homologies.num_rows, reading.genes.num_rows) == (0, 0, 0)
    assert reading.homologies.schema.equals(HOMOLOGIES)
    assert reading.skipped == {OTHER_PAIRS: 1}


def test_nothing_is_kept_when_nothing_is_asked_for(tmp_path: Path) -> None:
    assert read_compara(file(tmp_path, text([INS])), []).skipped == {OTHER_PAIRS: 1}


def test_a_pair_is_not_read_for_species_that_other_pairs_ask_for(tmp_path: Path) -> None:
    path = file(tmp_path, text([INS, row(species="rattus_norvegicus")]))
    reading = read_compara(path, [(HUMAN, MOUSE), (HUMAN, RAT)])
    assert (reading.kept, reading.skipped) == (1, {OTHER_PAIRS: 1})


def test_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    columns = ("extra", *reversed(COLUMNS), "more")
    path = file(tmp_path, text([INS | {"extra": "e", "more": ""}], columns))
    expected = read_compara(file(tmp_path / "..", text([INS])), PAIR).homologies
    assert read_compara(path, PAIR).homologies.equals(expected)


def test_the_first_dumps_have_fewer_columns(tmp_path: Path) -> None:
    (only,) = read_compara(file(tmp_path, text([INS], COLUMNS[:9])), PAIR).homologies.to_pylist()
    assert [only[name] for name in ("dn", "ds", "goc", "wga", "confidence")] == [None] * 5
    assert only["identity_a"] == 78.18


@pytest.mark.parametrize("missing", ["", "NULL", r"\N", "NA", " "])
def test_values_may_be_missing(tmp_path: Path, missing: str) -> None:
    gaps = dict.fromkeys(("identity", "protein_stable_id", *OPTIONAL), missing)
    (only,) = read_compara(file(tmp_path, text([row(**gaps)])), PAIR).homologies.to_pylist()
    assert [name for name, value in only.items() if value is None] == [
        "symbol_a", "symbol_b", "protein_b", "identity_b", "goc", "wga", "confidence", "dn", "ds",
    ]  # fmt: skip


def test_bounds_belong_to_the_range(tmp_path: Path) -> None:
    low = dict.fromkeys(("identity", "goc_score", "wga_coverage", "is_high_confidence", "dn"), "0")
    high = dict.fromkeys(("identity", "goc_score", "wga_coverage"), "100.0")
    reading = read_compara(file(tmp_path, text([row(**low), row(**high, ds="1e3")])), PAIR)
    assert reading.homologies["identity_b"].to_pylist() == [0.0, 100.0]


def test_species_are_read_whatever_their_case_and_around_blanks(tmp_path: Path) -> None:
    path = file(tmp_path, text([row(species="Homo_sapiens ", homology_gene_stable_id=" ENSMUSG1 ")]))
    assert read_compara(path, PAIR).homologies["stable_id_a"].to_pylist() == ["ENSMUSG1"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_compression_and_a_byte_order_mark_make_no_difference(tmp_path: Path, packed: bool, end: str) -> None:
    expected = read_compara(file(tmp_path, text([INS])), PAIR).homologies
    path = file(tmp_path, "\ufeff" + text([INS], end=end), packed=packed)
    assert read_compara(path, PAIR).homologies.equals(expected)


def test_rows_beyond_one_block_are_read_in_order(tmp_path: Path) -> None:
    rows = [row(gene_stable_id=f"ENSG{at:011}", homology_id=str(at)) for at in range(30_000)]
    assert len(text(rows)) > 2 * 2**21
    reading = read_compara(file(tmp_path, text(rows), packed=True), PAIR)
    assert reading.homologies["stable_id_b"].to_pylist() == [values["gene_stable_id"] for values in rows]


# ------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "kind", "seen"),
    [
        ({"identity": "100.01"}, "identity outside 0 to 100", "100.01"),
        ({"identity": "-1"}, "identity outside 0 to 100", "-1"),
        ({"identity": "nan"}, "identity outside 0 to 100", "nan"),
        ({"homology_identity": "101"}, "homology_identity outside 0 to 100", "101"),
        ({"homology_identity": "78,18"}, "homology_identity is not a number", "78,18"),
        ({"goc_score": "101"}, "goc_score outside 0 to 100", "101"),
        ({"wga_coverage": "-0.5"}, "wga_coverage outside 0 to 100", "-0.5"),
        ({"dn": "-0.1"}, "dn outside 0 to inf", "-0.1"),
        ({"ds": "n/d"}, "ds is not a number", "n/d"),
        ({"is_high_confidence": "2"}, "is_high_confidence is not 0 or 1", "2"),
        ({"is_high_confidence": "yes"}, "is_high_confidence is not 0 or 1", "yes"),
        ({"gene_stable_id": ""}, "missing value in column 'gene_stable_id'", ""),
        ({"homology_gene_stable_id": "NULL"}, "missing value in column 'homology_gene_stable_id'", ""),
        ({"species": ""}, "missing value in column 'species'", ""),
        ({"homology_species": r"\N"}, "missing value in column 'homology_species'", ""),
        ({"homology_type": ""}, "missing value in column 'homology_type'", ""),
        ({"homology_type": "ortholog"}, "unknown homology type", "ortholog"),
        ({"homology_type": "Gene_split"}, "unknown homology type", "Gene_split"),
        ({"homology_type": "xenolog", "species": "pan_paniscus"}, "unknown homology type", "xenolog"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_bad_value_is_shown_with_its_line(
    tmp_path: Path, changes: dict[str, str], kind: str, seen: str, packed: bool
) -> None:
    rows = text([INS, row(homology_type="other_paralog"), row(**changes), INS])
    assert problems(file(tmp_path, rows, packed=packed)) == [(4, kind, seen)]


def test_lines_are_right_after_blank_ragged_and_skipped_ones(tmp_path: Path) -> None:
    rows = [INS, row(homology_species=STRAIN), row(identity="101"), row(homology_type="new")]
    lines = text(rows).splitlines()
    lines[2:2] = ["", "only\tthree\tfields"]
    seen = problems(file(tmp_path, "\r\n".join(lines) + "\r\n"))
    assert seen == [
        (4, "wrong number of fields", "expected 15, got 3"),
        (6, "identity outside 0 to 100", "101"),
        (7, "unknown homology type", "new"),
    ]


def test_all_problems_of_a_file_are_told_at_once_twenty_of_a_kind(tmp_path: Path) -> None:
    rows = [row(identity=str(200 + at)) for at in range(25)] + [row(is_high_confidence="2")]
    path = file(tmp_path, text(rows))
    listed = problems(path)
    identities = [(at + 2, "identity outside 0 to 100", str(200 + at)) for at in range(20)]
    assert listed == [*identities, (27, "is_high_confidence is not 0 or 1", "2")]
    with pytest.raises(InputError, match=messages.Sources.problems_5_more_identity) as caught:
        read_compara(path, PAIR)
    assert str(caught.value).endswith("first on line 2 (200), line 3 (201), line 4 (202)")


def test_problems_in_rows_that_are_not_kept_are_not_looked_for(tmp_path: Path) -> None:
    rows = [INS, row(identity="200", homology_species=STRAIN), row(dn="-1", homology_type="other_paralog")]
    assert read_compara(file(tmp_path, text(rows)), PAIR).kept == 1


def test_all_missing_columns_are_named(tmp_path: Path) -> None:
    columns = [name for name in COLUMNS if name not in ("identity", "homology_species")]
    ((line, kind, _),) = problems(file(tmp_path, text([INS], columns)))
    missing = "missing column 'identity', 'homology_species'"
    assert line == 1
    assert kind.startswith(f"{missing} (the columns are 'gene_stable_id', 'protein_stable_id', 'species', ")


@pytest.mark.parametrize("name", COLUMNS[:9])
def test_a_renamed_column_is_missing(tmp_path: Path, name: str) -> None:
    header, first = text([INS]).splitlines()
    renamed = "\t".join(f"{column}s" if column == name else column for column in header.split("\t"))
    ((line, kind, _),) = problems(file(tmp_path, f"{renamed}\n{first}\n"))
    assert line == 1 and kind.startswith(f"missing column {name!r} (the columns are '")


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, text([INS], (*COLUMNS, "species")))
    assert problems(path) == [(1, "duplicate column", "species")]


def test_a_comma_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, text([INS]).replace("\t", ","))
    assert problems(path) == [(1, "columns are separated by commas. Expected tabs", "")]


@pytest.mark.parametrize("delimiter", [";", " ", "|"])
def test_another_delimiter_is_refused(tmp_path: Path, delimiter: str) -> None:
    ((line, kind, _),) = problems(file(tmp_path, text([INS]).replace("\t", delimiter)))
    assert (line, kind) == (1, "only one column. Expected columns separated by tabs or commas")


def test_rows_of_another_delimiter_are_refused(tmp_path: Path) -> None:
    header, first, second = text([INS, INS]).splitlines()
    path = file(tmp_path, "\n".join([header, first, second.replace("\t", ",")]))
    assert problems(path) == [(3, "wrong number of fields", "expected 15, got 1")]


@pytest.mark.parametrize("packed", [False, True])
def test_ragged_rows_are_shown_with_their_lines(tmp_path: Path, packed: bool) -> None:
    lines = text([INS] * 30_000).splitlines()
    lines[4] += "\tmore"
    lines[29_990] = lines[29_990].rpartition("\t")[0]
    assert problems(file(tmp_path, "\n".join(lines), packed=packed)) == [
        (5, "wrong number of fields", "expected 15, got 16"),
        (29_991, "wrong number of fields", "expected 15, got 14"),
    ]


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes, packed: bool) -> None:
    ((line, kind, _),) = problems(file(tmp_path, content, packed=packed))
    assert (line, kind) == (0, "the file is empty. Expected a line of column names")


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_header_without_rows_is_refused(tmp_path: Path, end: str, packed: bool) -> None:
    path = file(tmp_path, "\t".join(COLUMNS) + end, packed=packed)
    assert problems(path) == [(0, "the file has a header but no rows", "")]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    ((line, kind, _),) = problems(tmp_path / "nowhere.tsv.gz")
    assert (line, kind) == (0, "cannot be read")


@pytest.mark.parametrize("at", [3, 29_000])
@pytest.mark.parametrize("packed", [False, True])
def test_text_that_is_not_utf8_is_shown_with_its_line(tmp_path: Path, at: int, packed: bool) -> None:
    lines = text([INS] * 30_000).encode().splitlines()
    lines[at] = lines[at].replace(b"ENSG", b"ENS\xe9", 1)
    ((line, kind, _),) = problems(file(tmp_path, b"\n".join(lines), packed=packed))
    assert (line, kind) == (at + 1, "is not valid UTF-8")


NUMBERED = [f"ENSG{at * 7919 % 100_003:011}" for at in range(500)]


@pytest.fixture(scope="module")
def packed_dump() -> bytes:
    return gzip.compress(text(row(gene_stable_id=stable_id) for stable_id in NUMBERED).encode(), mtime=0)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=200, deadline=None)
def test_a_truncated_gzip_never_reads(packed_dump: bytes, share: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = file(Path(folder), packed_dump[: int(share * len(packed_dump))])
        problems(path)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 1000, 100_000])
def test_a_long_gzip_that_ends_too_early_never_reads(tmp_path: Path, cut: int) -> None:
    rows = [row(gene_stable_id=f"ENSG{at * 7919 % 100_003:011}") for at in range(30_000)]
    path = file(tmp_path, gzip.compress(text(rows).encode(), mtime=0)[:-cut])
    assert problems(path) == [(0, "the gzip stream is truncated. Download the file again", "")]


@given(place=st.integers(0, 10**9), value=st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_a_corrupted_gzip_never_reads_as_something_else(packed_dump: bytes, place: int, value: int) -> None:
    damaged = bytearray(packed_dump)
    damaged[place % len(damaged)] ^= value
    with tempfile.TemporaryDirectory() as folder:
        path = file(Path(folder), bytes(damaged))
        if 3 <= place % len(damaged) < 10:  # flags, time, level and system in the header of the gzip stream
            try:
                reading = read_compara(path, PAIR)
            except InputError:
                return
            assert reading.genes["stable_id"].to_pylist()[1:] == sorted(NUMBERED)
        else:
            problems(path)


# ------------------------------------------------------------------------------------- random files

SPECIES = (HUMAN.name, MOUSE.name, RAT.name, STRAIN, "mus_spretus")
TYPES = (*ORTHOLOGS, "gene_split", "within_species_paralog", "other_paralog", "homoeolog_one2one")
MISSING = st.sampled_from(["NULL", r"\N", ""])
PERCENT = st.integers(0, 1_000_000).map(lambda value: f"{value / 10_000:g}") | MISSING
RATE = st.floats(0, 50).map(repr) | MISSING
IDS = st.sampled_from(["ENSG1", "ENSG2", "F54D5.1", "YPR161W-A", "g_3", '"q'])
ROW = st.fixed_dictionaries(
    {
        "gene_stable_id": IDS,
        "protein_stable_id": IDS | MISSING,
        "species": st.sampled_from(SPECIES),
        "identity": PERCENT,
        "homology_type": st.sampled_from(TYPES),
        "homology_gene_stable_id": IDS,
        "homology_protein_stable_id": IDS | MISSING,
        "homology_species": st.sampled_from(SPECIES),
        "homology_identity": PERCENT,
        "dn": RATE,
        "ds": RATE,
        "goc_score": st.sampled_from(["0", "25", "50", "75", "100", "NULL"]),
        "wga_coverage": PERCENT,
        "is_high_confidence": st.sampled_from(["0", "1", "NULL", ""]),
        "homology_id": st.integers(0).map(str),
    }
)
Homology = tuple[Any, ...]


def value(values: dict[str, Any], name: str) -> str | None:
    found = values.get(name)
    return None if found in (None, "", "NULL", r"\N") else found


def real(values: dict[str, Any], name: str) -> float | None:
    found = value(values, name)
    return None if found is None else float(found)


def side(values: dict[str, Any], numbers: dict[str, int], prefix: str) -> Homology:
    number = numbers[values[f"{prefix}species"]]
    ids = (value(values, f"{prefix}{name}_stable_id") for name in ("gene", "protein"))
    return (number, *ids, real(values, f"{prefix}identity"))


def naively(path: Path, pairs: Sequence[tuple[Species, Species]]) -> tuple[list[Homology], Counter[str]]:
    """Read a plain file row by row."""
    numbers = {species.name: species.number for pair in pairs for species in pair}
    asked = {frozenset((one.name, other.name)) for one, other in pairs}
    kept: list[Homology] = []
    skipped: Counter[str] = Counter()
    with path.open(newline="", encoding="utf-8") as stream:
        for values in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
            kind, one, other = values["homology_type"], values["species"], values["homology_species"]
            split = kind == "gene_split"
            if kind not in ORTHOLOGS and not split:
                skipped[kind] += 1
            elif (one != other or one not in numbers) if split else frozenset((one, other)) not in asked:
                skipped[OTHER_PAIRS] += 1
            else:
                a, b = side(values, numbers, ""), side(values, numbers, "homology_")
                if (a[0], a[1] if split else "") > (b[0], b[1] if split else ""):
                    a, b = b, a
                confidence = value(values, "is_high_confidence")
                numerics = (real(values, name) for name in ("goc_score", "wga_coverage", "dn", "ds"))
                kept.append((*a, *b, kind, confidence and int(confidence), *numerics))
    return kept, skipped


def told(reading: Reading) -> list[Homology]:
    order = [f"{name}_{side}" for side in "ab" for name in ("species", "stable_id", "protein", "identity")]
    order += ["homology_type", "confidence", "goc", "wga", "dn", "ds"]
    return pl.DataFrame(reading.homologies).select(order).rows()


@pytest.mark.slow
@given(data=st.data(), rows=st.lists(ROW, max_size=30), pairs=st.sets(st.integers(0, 2)), packed=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_files_read_as_a_naive_reader_does(
    data: st.DataObject, rows: list[dict[str, str]], pairs: set[int], packed: bool
) -> None:
    asked = [[(HUMAN, MOUSE), (RAT, HUMAN), (MOUSE, RAT)][at] for at in sorted(pairs)]
    columns = data.draw(st.permutations(COLUMNS))
    dropped = data.draw(st.sets(st.sampled_from(OPTIONAL)))
    columns = [name for name in columns if name not in dropped]
    first = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    for part in (True, False):
        chosen = [values for values, here in zip(rows, first, strict=True) if here is part]
        with tempfile.TemporaryDirectory() as folder:
            path = file(Path(folder), text(chosen, columns))
            expected, skipped = naively(path, asked)
            path = file(Path(folder), text(chosen, columns), packed=packed)
            if not chosen:
                assert [kind for _, kind, _ in problems(path, asked)] == ["the file has a header but no rows"]
                continue
            reading = read_compara(path, asked)
        assert told(reading) == expected
        assert (reading.rows, reading.kept, reading.skipped) == (len(chosen), len(expected), skipped)
        genes = list(zip(*(reading.genes[name].to_pylist() for name in ("species", "stable_id")), strict=True))
        assert genes == sorted({gene for found in expected for gene in (found[:2], found[4:6])})
