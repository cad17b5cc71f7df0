"""The readers of cross-references, synonyms and stable-ID history."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import ALIASES, Reading, read_history, read_synonyms, read_xrefs
from homodb.schema.errors import InputError
from homodb.schema.species import Species, find

HUMAN = find("human")
Reader = Callable[[Path, Species], Reading]

DUMP = (
    "gene_stable_id\ttranscript_stable_id\tprotein_stable_id\txref\tdb_name\tinfo_type\t"
    "source_identity\txref_identity\tlinkage_type\n"
)


def row(gene: str, accession: str, database: str) -> str:
    return f"{gene}\tENST00000000001\t-\t{accession}\t{database}\tDIRECT\t100\t100\t-\n"


def read(reader: Reader, folder: Path, content: str | bytes) -> Reading:
    path = folder / "table.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    reading = reader(path, HUMAN)
    assert reading.aliases.schema == ALIASES
    assert set(reading.aliases["species"].to_pylist()) <= {HUMAN.number}
    assert reading.kept + sum(reading.skipped.values()) == reading.rows
    return reading


def aliases(reading: Reading) -> list[tuple[str, str, str]]:
    return [(line["gene_id"], line["alias"], line["kind"]) for line in reading.aliases.to_pylist()]


def test_entrez(tmp_path: Path) -> None:
    reading = read(
        read_xrefs,
        tmp_path,
        DUMP
        + row("ENSG00000223972", "102725121", "EntrezGene")
        + row("ENSG00000223972", "102725121", "EntrezGene")
        + row("ENSG00000223972.5", "100287102", "EntrezGene")
        + row("ENSG00000223972", "DDX11L1-201", "EntrezGene_trans_name"),
    )
    assert aliases(reading) == [
        ("ENSG00000223972", "100287102", "entrez"),
        ("ENSG00000223972", "102725121", "entrez"),
    ]
    assert (reading.rows, reading.kept) == (4, 3)
    assert reading.skipped == {"EntrezGene_trans_name": 1}


def test_uniprot(tmp_path: Path) -> None:
    reading = read(
        read_xrefs,
        tmp_path,
        DUMP
        + row("ENSG00000186092", "Q8NH21", "Uniprot/SWISSPROT")
        + row("ENSG00000186092", "A0A2U3U0J3.2", "Uniprot/SPTREMBL")
        + row("ENSG00000186092", "Q8NH21", "Uniprot_gn")
        + row("ENSG00000186092", "OR4F5", "Uniprot_gn")
        + row("ENSG00000186092", "Q8NH21-2", "Uniprot_isoform"),
    )
    assert aliases(reading) == [
        ("ENSG00000186092", "A0A2U3U0J3", "uniprot"),
        ("ENSG00000186092", "Q8NH21", "uniprot"),
    ]
    assert reading.skipped == {"Uniprot_gn, not an accession": 1, "Uniprot_isoform": 1}


def test_refseq(tmp_path: Path) -> None:
    databases = ("mRNA", "ncRNA", "peptide", "mRNA_predicted", "ncRNA_predicted", "peptide_predicted")
    accessions = ("NM_000014.6", "NR_148357", "NP_000005", "XM_006719056.3", "XR_001736577", "YP_009724390")
    content = "".join(
        row("ENSG00000175899", accession, f"RefSeq_{database}")
        for accession, database in zip(accessions, databases, strict=True)
    )
    reading = read(read_xrefs, tmp_path, DUMP + content + row("ENSG00000175899", "NC_000012.12", "RefSeq_genomic"))
    assert aliases(reading) == [
        ("ENSG00000175899", accession.partition(".")[0], "refseq") for accession in sorted(accessions)
    ]
    assert reading.skipped == {"RefSeq_genomic": 1}


def test_names_of_genes_with_dots_stay_whole(tmp_path: Path) -> None:
    reading = read(read_xrefs, tmp_path, DUMP + row("F54D5.1", "174387", "EntrezGene"))
    assert aliases(reading) == [("F54D5.1", "174387", "entrez")]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        (("Gene stable ID", "Gene Synonym"), "\t"),
        (("Gene stable ID", "Gene Synonym"), ","),
        (("ensembl_gene_id", "external_synonym"), "\t"),
        (("gene_stable_id", "synonym"), ","),
        (("stable_id", "Synonym"), "\t"),
    ],
)
def test_synonyms(tmp_path: Path, header: tuple[str, str], delimiter: str) -> None:
    rows = [("x", *header), ("1", "ENSG00000223972.5", "DDX11"), ("2", "ENSG00000223972", "WASH9P")]
    rows += [("3", "ENSG00000223972", "DDX11"), ("4", "ENSG00000000003", ""), ("5", "Y74C9A.2", "nlp-40")]
    reading = read(read_synonyms, tmp_path, "".join(delimiter.join(fields) + "\n" for fields in rows))
    assert aliases(reading) == [
        ("ENSG00000223972", "DDX11", "synonym"),
        ("ENSG00000223972", "WASH9P", "synonym"),
        ("Y74C9A.2", "nlp-40", "synonym"),
    ]
    assert (reading.rows, reading.kept, reading.skipped) == (5, 4, {"genes without a synonym": 1})


def test_a_quoted_synonym_may_hold_a_comma(tmp_path: Path) -> None:
    reading = read(read_synonyms, tmp_path, 'Gene stable ID,Gene Synonym\nG1,"beta-1,4"\n')
    assert aliases(reading) == [("G1", "beta-1,4", "synonym")]


def event(old: str, new: str, session: int, kind: str = "gene") -> str:
    versions = ["\\N" if name == "\\N" else "1" for name in (old, new)]
    return f"{old}\t{versions[0]}\t{new}\t{versions[1]}\t{session}\t{kind}\t0.9\n"


def test_history_without_header(tmp_path: Path) -> None:
    # A became B, B became C and D; E lives on beside F; G went; H came; I only has a new version
    reading = read(
        read_history,
        tmp_path,
        event("A", "B", 1)
        + event("B", "C", 2)
        + event("B", "D", 2)
        + event("E", "E", 2)
        + event("E", "F", 2)
        + event("G", "\\N", 3)
        + event("\\N", "H", 3)
        + event("I", "I", 3)
        + event("T1", "T2", 3, "transcript")
        + event("P1", "P2", 3, "translation"),
    )
    assert aliases(reading) == [
        ("B", "A", "retired"),
        ("C", "A", "retired"),
        ("C", "B", "retired"),
        ("D", "A", "retired"),
        ("D", "B", "retired"),
    ]
    assert (reading.rows, reading.kept) == (10, 3)
    assert reading.skipped == {
        "events of transcripts and proteins": 2,
        "genes that kept their stable ID": 2,
        "genes that also kept their stable ID": 1,
        "genes without a successor": 1,
        "new genes": 1,
    }


@pytest.mark.parametrize(
    "first",
    [event("\\N", "G1", 1), event("G1", "\\N", 1), event("G1", "G1", 1), event("T", "T", 1, "transcript")],
)
def test_the_first_line_of_a_file_without_header_counts(tmp_path: Path, first: str) -> None:
    reading = read(read_history, tmp_path, first + event("A", "B", 1))
    assert (reading.rows, reading.kept) == (2, 1)
    alone = read(read_history, tmp_path, event("A", "B", 1))
    assert aliases(alone) == aliases(reading) == [("B", "A", "retired")]


def test_a_dump_from_before_scores(tmp_path: Path) -> None:
    reading = read(read_history, tmp_path, "A\t1\tB\t1\t1\tgene\nB\t1\tC\t1\t2\tgene\n")
    assert aliases(reading) == [("B", "A", "retired"), ("C", "A", "retired"), ("C", "B", "retired")]


def test_history_with_header(tmp_path: Path) -> None:
    reading = read(
        read_history,
        tmp_path,
        "new_stable_id,old_stable_id\nENSG00000000002.1,ENSG00000000001.4\nENSG00000000001,ENSG00000000002\n"
        "ENSG00000000001,ENSG00000000001\n",
    )
    assert aliases(reading) == [
        ("ENSG00000000001", "ENSG00000000002", "retired"),
        ("ENSG00000000002", "ENSG00000000001", "retired"),
    ], "a ring is followed once"


def test_ensembls_own_test_database(tmp_path: Path) -> None:
    """Events of genes as Ensembl's test suite has them: each that has a successor lives on beside it."""
    events = [
        ("G2", "G2", 1), ("G3", "G3", 1), ("G4", "G4", 1),
        ("\\N", "G1", 2), ("G2", "G2", 2), ("G2", "G3", 2), ("G3", "G3", 2), ("G4", "\\N", 2),
        ("G1", "G1", 3), ("G2", "G1", 3), ("G2", "G2", 3), ("G3", "\\N", 3),
    ]  # fmt: skip
    reading = read(read_history, tmp_path, "".join(event(*entry) for entry in events))
    assert aliases(reading) == []
    assert reading.skipped["genes that also kept their stable ID"] == 2


@settings(deadline=None, max_examples=80)
@given(pairs=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=14))
def test_what_is_followed_is_what_can_be_reached(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]
) -> None:
    content = "old_stable_id\tnew_stable_id\n" + "".join(f"N{old}\tN{new}\n" for old, new in pairs)
    reading = read(read_history, tmp_path_factory.mktemp("history"), content)
    reached = {pair for pair in pairs if pair[0] != pair[1]}
    while True:
        further = {(old, new) for old, mid in reached for start, new in reached if mid == start}
        if further <= reached:
            break
        reached |= further
    wanted = {(f"N{new}", f"N{old}", "retired") for old, new in reached if old != new}
    assert set(aliases(reading)) == wanted
    assert len(aliases(reading)) == len(wanted)


SYNONYMS = "Gene stable ID\tGene Synonym\n"
HISTORY = "old_stable_id\tnew_stable_id\ttype\n"


@pytest.mark.parametrize(
    ("reader", "content", "wanted"),
    [
        (read_xrefs, "", ["the file is empty. Expected a line of column names"]),
        (
            read_xrefs,
            "gene_stable_id\txref\nG\t1\n",
            ["line 1: missing column 'db_name' (the columns are 'gene_stable_id', 'xref')"],
        ),
        (
            read_xrefs,
            DUMP
            + row("G", "1", "EntrezGene")
            + "\n"
            + row("", "1", "EntrezGene")
            + row("G", "-", "EntrezGene")
            + row("G", "1", ""),
            [
                "line 4: missing gene_stable_id (, 1, EntrezGene)",
                "line 5: missing xref (G, -, EntrezGene)",
                "line 6: missing db_name (G, 1, )",
            ],
        ),
        (
            read_xrefs,
            DUMP + row("G", "X54", "EMBL"),
            ["no usable accession. Expected accessions of NCBI Gene, UniProt or RefSeq (db_name: EMBL)"],
        ),
        (
            read_xrefs,
            DUMP,
            ["no usable accession. Expected accessions of NCBI Gene, UniProt or RefSeq (db_name: no row)"],
        ),
        (
            read_xrefs,
            DUMP + row("G", "1", "EntrezGene") + "G\n",
            ["line 3: wrong number of fields (expected 9, got 1)"],
        ),
        (
            read_xrefs,
            (DUMP + row("G", "1", "EntrezGene")).encode() + b"G\xff\n",
            [r"line 3: is not valid UTF-8 (b'\xff\n')"],
        ),
        (
            read_synonyms,
            "Gene name\tGene Synonym\nA\tB\n",
            ["line 1: missing column 'Gene stable ID' (the columns are 'Gene name', 'Gene Synonym')"],
        ),
        (
            read_synonyms,
            "Gene stable ID\tGene name\nA\tB\n",
            ["line 1: missing column 'Gene Synonym' (the columns are 'Gene stable ID', 'Gene name')"],
        ),
        (
            read_synonyms,
            "stable_id\tsynonym\tSynonym\nA\tB\tC\n",
            ["line 1: duplicate column (Synonym)"],
        ),
        (read_synonyms, SYNONYMS + "G\tA\n\tB\n", ["line 3: synonym without a gene (B)"]),
        (read_synonyms, SYNONYMS, ["the file has a header but no rows"]),
        (
            read_history,
            "old\tnew\nA\tB\n",
            [
                "line 1: missing column 'new_stable_id'",
                "line 1: missing column 'old_stable_id' (none of its 2 columns is known)",
            ],
        ),
        (
            read_history,
            HISTORY + "A\tB\tgene\n\n\\N\t\\N\tgene\nC\tD\texon\nE\tF\t\n",
            [
                "line 4: neither an old nor a new stable ID",
                "line 5: unknown type (exon)",
                "line 6: unknown type",
            ],
        ),
        (
            read_history,
            event("\\N", "\\N", 1) + event("A", "B", 1) + event("\\N", "\\N", 2) + event("A", "B", 2, "exon"),
            [
                "line 1: neither an old nor a new stable ID",
                "line 3: neither an old nor a new stable ID",
                "line 4: unknown type (exon)",
            ],
        ),
        (read_history, HISTORY, ["the file has a header but no rows"]),
    ],
)
def test_problems(tmp_path: Path, reader: Reader, content: str | bytes, wanted: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(reader, tmp_path, content)
    assert [str(problem) for problem in caught.value.problems] == wanted
    assert "\n" not in str(caught.value)


def test_twenty_of_a_kind_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(read_synonyms, tmp_path, SYNONYMS + "\tB\n" * 25)
    message = str(caught.value)
    assert "25 times: synonym without a gene, first on line 2 (" in message
    assert message.count("line ") == 3


@settings(deadline=None, max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize(
    ("reader", "content"),
    [
        (read_xrefs, DUMP + row("G", "1", "EntrezGene") * 3),
        (read_synonyms, SYNONYMS + "G\tA\n" * 3),
        (read_history, event("A", "B", 1) * 3),
    ],
)
def test_a_truncated_gzip_never_reads(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, reader: Reader, content: str
) -> None:
    packed = gzip.compress(content.encode())
    cut = packed[: data.draw(st.integers(0, len(packed) - 1))]
    with pytest.raises(InputError):
        read(reader, tmp_path_factory.mktemp("xref"), cut)
