"""The reader of BioMart exports, against files made by hand and against a naive reading of random ones."""

from __future__ import annotations

import csv
import gzip
import io
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import GENES, HOMOLOGIES, Reading, read_biomart
from homodb.schema.errors import InputError
from homodb.schema.species import Species, find
from tests import messages

HUMAN, MOUSE, PIG, CHIMPANZEE = (find(name) for name in ("human", "mouse", "pig", "chimpanzee"))

#: Names of the columns: on the web page, by biomaRt, and, where they changed, in old releases.
WEB = {
    "stable_id": "Gene stable ID",
    "symbol": "Gene name",
    "target_id": "{0} gene stable ID",
    "target_symbol": "{0} gene name",
    "type": "{0} homology type",
    "source_identity": "%id. target {0} gene identical to query gene",
    "target_identity": "%id. query gene identical to target {0} gene",
    "goc": "{0} Gene-order conservation score",
    "wga": "{0} Whole-genome alignment coverage",
    "confidence": "{0} orthology confidence [0 low, 1 high]",
    "dn": "dN with {0}",
    "ds": "dS with {0}",
}
BIOMART_R = {
    "stable_id": "ensembl_gene_id",
    "symbol": "external_gene_name",
    "target_id": "{0}_homolog_ensembl_gene",
    "target_symbol": "{0}_homolog_associated_gene_name",
    "type": "{0}_homolog_orthology_type",
    "source_identity": "{0}_homolog_perc_id",
    "target_identity": "{0}_homolog_perc_id_r1",
    "goc": "{0}_homolog_goc_score",
    "wga": "{0}_homolog_wga_coverage",
    "confidence": "{0}_homolog_orthology_confidence",
    "dn": "{0}_homolog_dn",
    "ds": "{0}_homolog_ds",
}
OLD = WEB | {"stable_id": "Ensembl Gene ID", "symbol": "Associated Gene Name"}
KEYS = tuple(WEB)
MISSING = ("", "NA", "N/A", "NULL", "\\N")
ORTHOLOGS = ("ortholog_one2one", "ortholog_one2many", "ortholog_many2many")

#: A pair whose sides differ in everything that has sides.
INS = {
    "stable_id": "ENSG00000254647", "symbol": "INS", "target_id": "ENSMUSG00000035804", "target_symbol": "Ins1",
    "type": "ortholog_one2many", "source_identity": "78.1818", "target_identity": "79.6296", "goc": "25", "wga": "99.5",
    "confidence": "1", "dn": "0.1", "ds": "0.5",
}  # fmt: skip
CXCL8 = dict.fromkeys(KEYS, "") | {"stable_id": "ENSG00000169429", "symbol": "CXCL8"}


def table(
    rows: Iterable[Mapping[str, str]],
    columns: Sequence[str] = KEYS,
    names: Mapping[str, str] = WEB,
    label: str = "Mouse",
    delimiter: str = "\t",
    end: str = "\n",
) -> str:
    """An export as text; between commas it is quoted where needed, between tabs never."""
    records = [[names.get(key, key).format(label) for key in columns], *([row[key] for key in columns] for row in rows)]
    if delimiter == "\t":
        return "".join("\t".join(record) + end for record in records)
    stream = io.StringIO()
    csv.writer(stream, lineterminator=end).writerows(records)
    return stream.getvalue()


def read(folder: Path, content: str | bytes, source: Species = HUMAN, target: Species = MOUSE) -> Reading:
    path = folder / "export"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_biomart(path, source, target)


def problems(folder: Path, content: str | bytes, source: Species = HUMAN, target: Species = MOUSE) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, content, source, target)
    assert str(caught.value).startswith(str(folder / "export"))
    assert "\n" not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def only(reading: Reading) -> dict[str, Any]:
    (row,) = reading.homologies.to_pylist()
    return dict(row)


# ---------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize(("names", "label"), [(WEB, "Mouse"), (BIOMART_R, "mmusculus"), (OLD, "Mouse")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_form(
    tmp_path: Path, names: dict[str, str], label: str, delimiter: str, end: str, start: bytes, packed: bool
) -> None:
    raw = start + table([INS, CXCL8], names=names, label=label, delimiter=delimiter, end=end).encode()
    reading = read(tmp_path, gzip.compress(raw) if packed else raw)
    assert reading.homologies.schema == HOMOLOGIES
    assert only(reading) == {
        "species_a": 1, "species_b": 2,
        "stable_id_a": "ENSG00000254647", "symbol_a": "INS", "protein_a": None,
        "stable_id_b": "ENSMUSG00000035804", "symbol_b": "Ins1", "protein_b": None,
        "homology_type": "ortholog_one2many", "identity_a": 78.1818, "identity_b": 79.6296,
        "goc": 25.0, "wga": 99.5, "confidence": 1, "dn": 0.1, "ds": 0.5,
    }  # fmt: skip
    assert reading.genes.schema == GENES
    told = [(gene["species"], gene["stable_id"], gene["symbol"]) for gene in reading.genes.to_pylist()]
    assert told == [
        (1, "ENSG00000254647", "INS"),
        (1, "ENSG00000169429", "CXCL8"),
        (2, "ENSMUSG00000035804", "Ins1"),
    ]
    assert (reading.rows, reading.kept, reading.skipped) == (2, 1, {})


@pytest.mark.parametrize(
    "without", [{"stable_id", "target_id"}, {"symbol", "target_symbol"}, {"stable_id", "target_symbol"}]
)
def test_one_name_of_each_gene_is_enough(tmp_path: Path, without: set[str]) -> None:
    row = only(read(tmp_path, table([INS], [key for key in KEYS if key not in without])))
    assert {key for key in ("stable_id_a", "symbol_a", "stable_id_b", "symbol_b") if row[key] is None} == {
        {"stable_id": "stable_id_a", "symbol": "symbol_a", "target_id": "stable_id_b", "target_symbol": "symbol_b"}[key]
        for key in without
    }


@pytest.mark.parametrize("lacking", ["goc", "wga", "confidence", "source_identity", "target_identity", "dn", "ds"])
def test_what_an_export_lacks_is_unknown(tmp_path: Path, lacking: str) -> None:
    row = only(read(tmp_path, table([INS], [key for key in KEYS if key != lacking])))
    column = {"source_identity": "identity_a", "target_identity": "identity_b"}.get(lacking, lacking)
    assert [name for name, value in row.items() if value is None] == sorted(
        [column, "protein_a", "protein_b"], key=HOMOLOGIES.names.index
    )


@pytest.mark.parametrize("text", [*MISSING, "  ", " NA "])
def test_texts_that_mean_no_value(tmp_path: Path, text: str) -> None:
    reading = read(tmp_path, table([INS | dict.fromkeys(KEYS[5:], text), CXCL8 | dict.fromkeys(KEYS[2:], text)]))
    assert [only(reading)[name] for name in ("identity_a", "identity_b", "goc", "wga", "confidence")] == [None] * 5
    assert reading.kept == 1


def test_a_gene_called_na_is_lost_but_nan_is_a_symbol(tmp_path: Path) -> None:
    """Ensembl writes no symbol "NA"; "nan" is none of the texts that mean nothing."""
    assert only(read(tmp_path, table([INS | {"symbol": "nan"}])))["symbol_a"] == "nan"


def test_identities_stay_with_their_genes_when_species_are_put_in_order(tmp_path: Path) -> None:
    """A mouse export with human as target: human comes first, and every value of a side goes with it."""
    mouse_first = INS | {
        "stable_id": INS["target_id"], "symbol": INS["target_symbol"],
        "target_id": INS["stable_id"], "target_symbol": INS["symbol"],
        "source_identity": INS["target_identity"], "target_identity": INS["source_identity"],
    }  # fmt: skip
    human = read(tmp_path, table([INS]))
    mouse = read(tmp_path, table([mouse_first], label="Human"), source=MOUSE, target=HUMAN)
    assert mouse.homologies == human.homologies
    assert sorted(mouse.genes.to_pylist(), key=str) == sorted(human.genes.to_pylist(), key=str)


def test_several_species_in_one_export(tmp_path: Path) -> None:
    header = ["Gene stable ID", "Gene name", "Source of gene name"]
    values = ["ENSG1", "INS", "HGNC Symbol"]
    for label, number in (("Pig", "1"), ("Mouse", "2"), ("Ma's night monkey", "3")):
        header += [f"{label} gene name", f"{label} homology type", f"%id. target {label} gene identical to query gene"]
        values += [f"INS{number}", "ortholog_one2one", number]
    text = "\t".join(header) + "\n" + "\t".join(values) + "\n"
    for species, number in ((PIG, 1), (MOUSE, 2), (find("aotus_nancymaae"), 3)):
        row = only(read(tmp_path, text, target=species))
        assert (row["species_b"], row["symbol_b"], row["identity_a"]) == (species.number, f"INS{number}", number)
    assert "no orthologs of pan_troglodytes" in problems(tmp_path, text, target=CHIMPANZEE)[0]


def test_location_biotype_and_version_of_query_genes(tmp_path: Path) -> None:
    extra = {
        "Gene stable ID version": "ENSG00000254647.7", "Gene type": "protein_coding", "Chromosome/scaffold name": "11",
        "Gene start (bp)": "2159779", "Gene end (bp)": "2161221", "Strand": "-1", "Gene description": "insulin, the",
    }  # fmt: skip
    columns = [*extra, *(key for key in KEYS if key != "stable_id")]
    for delimiter in ("\t", ","):
        reading = read(tmp_path, table([INS | extra], columns, delimiter=delimiter))
        assert reading.genes.to_pylist()[0] == {
            "species": 1, "stable_id": "ENSG00000254647", "version": 7, "symbol": "INS", "biotype": "protein_coding",
            "region": "11", "region_start": 2159779, "region_end": 2161221, "strand": -1, "description": "insulin, the",
        }  # fmt: skip
        assert only(reading)["stable_id_a"] == "ENSG00000254647"


def test_versions_of_biomart_r_and_in_a_column_of_their_own(tmp_path: Path) -> None:
    """A bare stable ID with a dot (a worm's, a plant's) stays whole: only the versioned column bears versions."""
    columns = ["stable_id", "Version (gene)", "target_id", "type"]
    row = INS | {"stable_id": "F54D5.1", "Version (gene)": "4"}
    gene = read(tmp_path, table([row], columns)).genes.to_pylist()[0]
    assert (gene["stable_id"], gene["version"]) == ("F54D5.1", 4)
    row = INS | {"ensembl_gene_id_version": "ENSG1.12"}
    versioned = table([row], ["ensembl_gene_id_version", *KEYS[1:]], BIOMART_R)
    gene = read(tmp_path, versioned).genes.to_pylist()[0]
    assert (gene["stable_id"], gene["version"]) == ("ENSG1", 12)


def test_homologies_of_genes_without_any_name_are_kept_for_counting(tmp_path: Path) -> None:
    nameless = INS | {"target_id": "", "target_symbol": "NA"}
    reading = read(tmp_path, table([nameless]))
    assert (only(reading)["stable_id_b"], only(reading)["symbol_b"], reading.kept) == (None, None, 1)
    assert [gene["species"] for gene in reading.genes.to_pylist()] == [1]


# ---------------------------------------------------------------------------------------------- random exports

cell = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=6)
missing = st.sampled_from([*MISSING, " ", " NULL"])
percent = st.one_of(st.integers(0, 100).map(str), st.floats(0, 100).map(repr), missing)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "stable_id": st.one_of(cell, missing),
    "symbol": st.one_of(cell, missing),
    "target_id": st.one_of(cell, missing),
    "target_symbol": st.one_of(cell, missing),
    "type": st.sampled_from([*ORTHOLOGS, f" {ORTHOLOGS[0]} "]),
    "source_identity": percent,
    "target_identity": percent,
    "goc": st.one_of(st.sampled_from(["0", "25", "50", "75", "100", "100.0"]), missing),
    "wga": percent,
    "confidence": st.one_of(st.sampled_from(["0", "1", "0.0", "1.0"]), missing),
    "dn": st.one_of(st.floats(0, 9).map(repr), missing),
    "ds": st.one_of(st.floats(0, 9).map(repr), missing),
    "Source of gene name": cell,
    "Pig gene name": cell,
}
orthologous = st.fixed_dictionaries(VALUES)
alone = st.fixed_dictionaries(VALUES | dict.fromkeys(KEYS[2:], missing))


def naive(text: str, delimiter: str, columns: Mapping[str, str]) -> tuple[list[dict[str, Any]], set[tuple[Any, ...]]]:
    """Homologies, and genes as (is a target, stable ID, symbol), read the obvious way."""
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    homologies, genes = [], set()
    for values in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting):
        row: dict[str, Any] = {key: (values.get(name) or "").strip() for key, name in columns.items()}
        row = {key: None if value in MISSING else value for key, value in row.items()}
        genes.add((False, row.get("stable_id"), row.get("symbol")))
        if row["type"] is not None:
            genes.add((True, row.get("target_id"), row.get("target_symbol")))
            homologies.append(row)
    return homologies, {gene for gene in genes if gene[1:] != (None, None)}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_random_exports_are_read_as_a_naive_reader_does(data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.one_of(orthologous, alone), min_size=1, max_size=12))
    chosen = data.draw(st.sets(st.sampled_from(list(VALUES))))
    chosen |= {"type", data.draw(st.sampled_from(KEYS[:2])), data.draw(st.sampled_from(KEYS[2:4]))}
    order = data.draw(st.permutations(sorted(chosen)))
    delimiter = data.draw(st.sampled_from("\t,"))
    names, labels = data.draw(st.sampled_from([(WEB, ("Mouse", "Human")), (BIOMART_R, ("mmusculus", "hsapiens"))]))
    backwards = data.draw(st.booleans())
    label = labels[backwards]
    text = table(rows, order, names, label, delimiter, data.draw(st.sampled_from(["\n", "\r\n"])))
    homologies, genes = naive(text, delimiter, {key: names.get(key, key).format(label) for key in order})
    raw = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()
    with tempfile.TemporaryDirectory() as folder:
        source, target = (MOUSE, HUMAN) if backwards else (HUMAN, MOUSE)
        reading = read(Path(folder), gzip.compress(raw) if data.draw(st.booleans()) else raw, source, target)

    def value(row: Mapping[str, Any], key: str) -> float | None:
        return None if row.get(key) is None else float(row[key])

    own, their = ("b", "a") if backwards else ("a", "b")
    assert reading.homologies.to_pylist() == [
        {
            **dict.fromkeys(HOMOLOGIES.names),
            "species_a": 1,
            "species_b": 2,
            f"stable_id_{own}": row.get("stable_id"),
            f"symbol_{own}": row.get("symbol"),
            f"stable_id_{their}": row.get("target_id"),
            f"symbol_{their}": row.get("target_symbol"),
            "homology_type": row["type"],
            f"identity_{own}": value(row, "source_identity"),
            f"identity_{their}": value(row, "target_identity"),
            **{key: value(row, key) for key in ("goc", "wga", "confidence", "dn", "ds")},
        }
        for row in homologies
    ]
    told = [(row["species"] == target.number, row["stable_id"], row["symbol"]) for row in reading.genes.to_pylist()]
    assert len(told) == len(set(told))
    assert set(told) == genes
    assert (reading.rows, reading.kept) == (len(rows), len(homologies))


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"source_identity": "100.1"}, "identity outside 0 to 100 (100.1)"),
        ({"target_identity": "-1"}, "identity outside 0 to 100 (-1.0)"),
        ({"source_identity": "NaN"}, "identity outside 0 to 100 (NaN)"),
        ({"target_identity": "inf"}, "identity outside 0 to 100 (inf)"),
        ({"source_identity": "high"}, "identity is not a number (high)"),
        ({"source_identity": "78,18"}, "identity is not a number (78,18)"),
        ({"target_identity": "1_0"}, "identity is not a number (1_0)"),
        ({"goc": "101"}, "gene-order conservation score outside 0 to 100 (101)"),
        ({"goc": "33.5"}, "gene-order conservation score is not a whole number (33.5)"),
        ({"wga": "-0.5"}, "whole-genome alignment coverage outside 0 to 100 (-0.5)"),
        ({"confidence": "2"}, "orthology confidence is not 0 or 1 (2)"),
        ({"confidence": "0.5"}, "orthology confidence is not 0 or 1 (0.5)"),
        ({"confidence": "high"}, "orthology confidence is not 0 or 1 (high)"),
        ({"dn": "-0.1"}, "dN outside 0 to inf (-0.1)"),
        ({"ds": "inf"}, "dS outside 0 to inf (inf)"),
        ({"type": "ortholog_one2two"}, "unknown homology type (ortholog_one2two)"),
        ({"type": "within_species_paralog"}, "unknown homology type (within_species_paralog)"),
        ({"type": ""}, "ortholog without a homology type (ENSMUSG00000035804, Ins1)"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, changes: dict[str, str], wanted: str) -> None:
    (found,) = problems(tmp_path, table([CXCL8, INS | changes], delimiter=","))
    where, _, what = found.partition(": ")
    assert where == "line 3"
    assert what.casefold().replace(".0)", ")") == wanted.casefold().replace(".0)", ")")


@pytest.mark.parametrize(
    ("column", "value", "wanted"),
    [
        ("Gene start (bp)", "12.5", "region start is not a whole number (12.5)"),
        ("Gene start (bp)", "-1", "region start outside 0 to 9.0072e+15 (-1)"),
        ("Gene end (bp)", "inf", "region end outside 0 to 9.0072e+15 (inf)"),
        ("Strand", "+", "strand is not a number (+)"),
        ("Strand", "300", "strand outside -1 to 1 (300)"),
        ("Version (gene)", "99999999999", "version outside 0 to 2.14748e+09 (99999999999)"),
    ],
)
def test_locations_that_cannot_be(tmp_path: Path, column: str, value: str, wanted: str) -> None:
    assert problems(tmp_path, table([INS | {column: value}], [*KEYS, column])) == [f"line 2: {wanted}"]


@pytest.mark.parametrize("renamed", ["type", "target_id target_symbol", "stable_id symbol"])
def test_missing_and_renamed_columns(tmp_path: Path, renamed: str) -> None:
    keys = renamed.split()
    spoken = " or ".join(repr(WEB[key].format("Mouse")) for key in keys)
    without = table([INS], [key for key in KEYS if key not in keys])
    other = table([INS], names=WEB | {key: f"Renamed {key}" for key in keys})
    for text in (without, other):
        (found,) = problems(tmp_path, text)
        assert found.startswith(f"line 1: missing column {spoken} (the columns are '")


def test_another_species(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, table([INS], label="Pig"))
    assert found == "line 1: no orthologs of mus_musculus (the columns are of: pig)"
    (found,) = problems(tmp_path, table([INS], names=BIOMART_R, label="sscrofa"))
    assert found == "line 1: no orthologs of mus_musculus (the columns are of: sscrofa)"


def test_swapped_species_are_told(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, table([INS]), source=MOUSE, target=HUMAN)
    assert "Swap source and target in the config" in found


def test_a_strain_is_not_its_species(tmp_path: Path) -> None:
    assert "no orthologs of mus_musculus" in problems(tmp_path, table([INS], label="Mouse A/J"))[0]


@pytest.mark.parametrize("columns", [("Gene stable ID",), ("Mouse gene name", "Gene name"), ("Mouse homology type",)])
def test_repeated_columns(tmp_path: Path, columns: tuple[str, ...]) -> None:
    extra = dict.fromkeys(columns, "x")
    found = problems(tmp_path, table([INS | extra], [*KEYS, *columns]))
    assert sorted(found) == sorted(f"line 1: duplicate column ({name})" for name in columns)


def test_repeated_columns_that_are_not_read_do_no_harm(tmp_path: Path) -> None:
    extra = ["Pig gene name", "Pig gene name", "", ""]
    assert read(tmp_path, table([INS | dict.fromkeys(extra, "x")], [*KEYS, *extra])).kept == 1


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "the file is empty. Expected a line of column names"),
        (b"\n\n", "the file is empty. Expected a line of column names"),
        (gzip.compress(b"", mtime=0), "the file is empty. Expected a line of column names"),
        (table([]).encode(), "the file has a header but no rows"),
        (table([]).strip().encode(), "the file has a header but no rows"),
        (table([]).encode() + b"\n\r\n\n", "the file has a header but no rows"),
        (b"Gene name\nINS\n", "line 1: only one column. Expected columns separated by tabs or commas (Gene name)"),
        (table([INS]).encode("utf-16"), "line 1: is not valid UTF-8"),
        (b"a,b\n\0" * 100, "line 2: holds a zero byte. Expected text in UTF-8"),
    ],
)
def test_files_that_hold_nothing(tmp_path: Path, content: bytes, wanted: str) -> None:
    (found,) = problems(tmp_path, content)
    assert found.startswith(wanted)


def test_semicolons_are_not_commas(tmp_path: Path) -> None:
    with_comma = table([INS], delimiter="\t").replace("\t", ";")
    found = problems(tmp_path, with_comma)
    assert found[0].startswith("line 1: columns are separated by ';'. Expected tabs or commas")
    assert "(Gene stable ID;Gene name;" in found[0]
    without = table([INS], KEYS[:5]).replace("\t", ";")
    assert "only one column. Expected columns separated by tabs or commas" in problems(tmp_path, without)[0]


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match=messages.Shared.cannot_be_read):
            read_biomart(path, HUMAN, MOUSE)


# ------------------------------------------------------------------------------- damage, several problems, lines

MANY = table([INS | {"symbol": f"INS{n * 7919 % 1009}", "dn": f"{n / 7}"} for n in range(300)])


def test_gzip_cut_off_anywhere(tmp_path: Path) -> None:
    packed = gzip.compress(MANY.encode())
    size = len(packed)
    for cut in (0, 1, 2, 5, 10, *range(11, size, size // 30), size - 8, size - 4, size - 1):
        (found,) = problems(tmp_path, packed[:cut])
        if cut > 1:
            assert found == "the gzip stream is truncated. Download the file again", cut


def test_gzip_with_a_flipped_byte(tmp_path: Path) -> None:
    """Either it does not matter (the header's time) or it is told; what is told is never half a file."""
    packed = gzip.compress(MANY.encode(), mtime=0)
    whole = read(tmp_path, packed)
    told = 0
    for place in range(0, len(packed), len(packed) // 40):
        broken = bytearray(packed)
        broken[place] ^= 0x55
        try:
            assert read(tmp_path, bytes(broken)) == whole
        except InputError:
            told += 1
    assert told > 30


def test_what_is_not_utf8_in_the_middle(tmp_path: Path) -> None:
    lines = MANY.encode().split(b"\n")
    lines[150] = lines[150].replace(b"Ins1", b"Ins\xe9")
    lines[201] = lines[201].replace(b"Ins1", b"\xff")
    for raw in (b"\n".join(lines), gzip.compress(b"\n".join(lines))):
        found = problems(tmp_path, raw)
        assert [text.partition(" (")[0] for text in found] == [
            "line 151: is not valid UTF-8",
            "line 202: is not valid UTF-8",
        ]


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("packed", [False, True])
def test_all_problems_are_in_one_error_with_their_lines(tmp_path: Path, delimiter: str, packed: bool) -> None:
    """Misshapen rows, blank lines and quoted delimiters before a bad value do not shift its line."""
    good = INS | {"symbol": "a, b" if delimiter == "," else "a"}
    lines = table([good] * 9, delimiter=delimiter).splitlines()
    bad = dict.fromkeys(range(1, 10), good)
    bad[2] = good | {"confidence": "2"}
    bad[5] = good | {"source_identity": "101", "goc": "x"}
    bad[9] = good | {"type": "other"}
    for place, row in bad.items():
        lines[place] = table([row], delimiter=delimiter).splitlines()[1]
    lines[3] += delimiter + "more"
    lines[7] = "less"
    lines.insert(4, "")
    raw = "\r\n".join(lines).encode()
    assert problems(tmp_path, gzip.compress(raw) if packed else raw) == [
        "line 3: orthology confidence is not 0 or 1 (2)",
        "line 4: wrong number of fields (expected 12, got 13)",
        "line 7: gene-order conservation score is not a number (x)",
        "line 7: identity outside 0 to 100 (101)",
        "line 9: wrong number of fields (expected 12, got 1)",
        "line 11: unknown homology type (other)",
    ]


def test_twenty_of_a_kind_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    rows = [INS | {"source_identity": "101"}] * 25 + [INS | {"confidence": "2"}] * 20 + [INS]
    with pytest.raises(InputError) as caught:
        read(tmp_path, table(rows))
    told = str(caught.value)
    assert "export: 45 problems: line 27: " in told
    assert told.endswith("25 times: identity outside 0 to 100, first on line 2 (101), line 3 (101), line 4 (101)")
    assert told.count("orthology confidence is not 0 or 1 (2)") == 20
    assert caught.value.totals == {"identity outside 0 to 100": 25, "orthology confidence is not 0 or 1": 20}


def test_lines_in_a_file_of_several_blocks(tmp_path: Path) -> None:
    """The reader takes 2 MB at a time; numbers of lines go on from block to block."""
    good = table([INS]).splitlines()[1]
    bad = table([INS | {"wga": "101"}]).splitlines()[1]
    lines = [table([]).strip(), *[good] * 60_000]
    lines[100], lines[45_000], lines[59_999] = bad, "a\tb", bad
    found = problems(tmp_path, gzip.compress("\n".join(lines).encode(), 1))
    assert [text.partition(": ")[0] for text in found] == ["line 101", "line 45001", "line 60000"]


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("stamp", ["[success]", "[success]\n", "[success]\r\n"])
def test_the_stamp_of_a_whole_export_is_no_row(tmp_path: Path, delimiter: str, stamp: str) -> None:
    text = table([INS, INS], delimiter=delimiter)
    whole = read(tmp_path, text)
    stamped = read(tmp_path, text.rstrip("\r\n") + "\n" + stamp)
    assert (stamped.rows, stamped.kept) == (whole.rows, whole.kept)
    assert stamped.homologies.equals(whole.homologies)
    assert problems(tmp_path, text.rstrip("\r\n") + "\n[success] more") != []
    assert "export it again" in str(
        problems(tmp_path, text.rstrip("\r\n") + "\nQuery ERROR: caught BioMart::Exception")
    )


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_headers_as_r_spells_them(tmp_path: Path, delimiter: str) -> None:
    """``make.names`` of R turns all but letters, digits and dots into dots, and puts an X before what is no letter."""
    text = table([INS], delimiter=delimiter)
    header, _, rows = text.partition("\n")
    names = next(csv.reader([header], delimiter=delimiter))
    spelled = [re.sub(r"[^A-Za-z0-9._]", ".", name if name[0].isalpha() else f"X{name}") for name in names]
    assert read(tmp_path, delimiter.join(spelled) + "\n" + rows).homologies.equals(read(tmp_path, text).homologies)


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("row_names", ["none", "unnamed", "empty name"])
@pytest.mark.parametrize("spelled", [True, False])
def test_tables_as_r_writes_them(tmp_path: Path, delimiter: str, row_names: str, spelled: bool) -> None:
    """``write.table`` quotes texts and names of columns, and puts names of rows in front, without a column name."""
    text = table([INS, INS | {"symbol": "A,B", "dn": ""}], delimiter=delimiter)
    names, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    if spelled:
        names = [re.sub(r"[^A-Za-z0-9._]", ".", name if name[0].isalpha() else f"X{name}") for name in names]
    lines = [[f'"{name}"' for name in names]]
    lines += [["NA" if not one else one if re.fullmatch(r"[\d.]+", one) else f'"{one}"' for one in row] for row in rows]
    if row_names != "none":
        first = [] if row_names == "unnamed" else ['""']
        lines = [[*first, *lines[0]], *([f'"{place}"', *line] for place, line in enumerate(lines[1:], 1))]
    written = "\n".join(delimiter.join(line) for line in lines)
    assert read(tmp_path, written).homologies.equals(read(tmp_path, text).homologies)
    bad = written.replace('"ortholog_', '"othrolog_', 1)
    assert problems(tmp_path, bad)[0].startswith("line 2: unknown homology type")


@pytest.mark.parametrize("delimiter", ["\t", ","])
def test_headers_of_exports_that_were_put_together(tmp_path: Path, delimiter: str) -> None:
    text = table([INS, INS | {"symbol": "A"}], delimiter=delimiter)
    once = read(tmp_path, text + text.partition("\n")[2])
    twice = read(tmp_path, text + text)
    assert twice.homologies.equals(once.homologies) and (twice.rows, twice.kept) == (once.rows, once.kept)
    bad = text + text.partition("\n")[0] + "\n" + text.partition("\n")[2].replace("78", "780", 1)
    assert all(problem.startswith("line 5: ") for problem in problems(tmp_path, bad))


@pytest.mark.parametrize(("column", "identifier"), [("symbol", "stable_id"), ("target_symbol", "target_id")])
@pytest.mark.parametrize("date", ["1-Sep", "02-Mar-21", "2021-09-02", "2021-09-02 00:00:00"])
def test_genes_of_which_only_a_date_is_left_are_refused(
    tmp_path: Path, column: str, identifier: str, date: str
) -> None:
    (found,) = problems(tmp_path, table([INS | {column: date, identifier: ""}]))
    assert "line 2: symbol that a spreadsheet turned into a date" in found and date in found
    assert read(tmp_path, table([INS | {column: "sep-1", identifier: ""}])).kept == 1
    assert read(tmp_path, table([INS | {column: date}])).kept == 1
