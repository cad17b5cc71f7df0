"""The reader of proteomes against hand-made headers, a naive parser and real files."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import (
    GENES,
    PROTEINS,
    HeaderForm,
    Reading,
    header_form,
    read_protein_genes,
    read_proteome,
    split_version,
)
from homodb.schema.errors import InputError
from homodb.schema.species import find
from tests import messages

HUMAN = find("human")
SHARED = Path(__file__).resolve().parents[3] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")

TRDD1 = (
    ">ENSP00000451042.1 pep chromosome:GRCh38:14:22438547:22438554:1 gene:ENSG00000223997.3 "
    "transcript:ENST00000415118.2 gene_biotype:TR_D_gene transcript_biotype:TR_D_gene gene_symbol:TRDD1 "
    "description:T cell receptor delta diversity 1 [Source:HGNC Symbol;Acc:HGNC:12254]\n"
)


def read(folder: Path, content: str | bytes) -> Reading:
    path = folder / "pep.all.fa"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_proteome(path, HUMAN)


def header(protein: str = "ENSP00000000001.1", gene: str = "ENSG00000000001.1", **more: str) -> str:
    location = more.pop("location", "chromosome:GRCh38:1:100:200:1")
    rest = "".join(f" {key}:{value}" for key, value in more.items())
    return f">{protein} pep {location} gene:{gene}{rest}\n"


def problems(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, content)
    assert "\n" not in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def test_a_header_tells_the_gene_and_the_protein(tmp_path: Path) -> None:
    reading = read(tmp_path, TRDD1 + "EI\n")
    assert reading.genes.schema == GENES
    assert reading.proteins.schema == PROTEINS
    assert (reading.rows, reading.kept, reading.skipped) == (1, 1, {})
    assert reading.genes.to_pylist() == [
        {
            "species": HUMAN.number,
            "stable_id": "ENSG00000223997",
            "version": 3,
            "symbol": "TRDD1",
            "biotype": "TR_D_gene",
            "region": "14",
            "region_start": 22438547,
            "region_end": 22438554,
            "strand": 1,
            "description": "T cell receptor delta diversity 1",
        }
    ]
    assert reading.proteins.to_pylist() == [
        {
            "species": HUMAN.number,
            "gene_id": "ENSG00000223997",
            "stable_id": "ENSP00000451042",
            "version": 1,
            "transcript": "ENST00000415118",
            "biotype": "TR_D_gene",
            "length": 2,
            "unknown_residues": 0,
            "sequence_sha256": hashlib.sha256(b"EI").hexdigest(),
            "sequence": "EI",
        }
    ]


@pytest.mark.parametrize(
    ("name", "bare", "version"),
    [
        ("ENSG00000254647.7", "ENSG00000254647", 7),
        ("ENSMUSP00000000001.12", "ENSMUSP00000000001", 12),
        ("ENSG00000002586.20_PAR_Y", "ENSG00000002586_PAR_Y", 20),
        ("ENSG00000284662.1_2", "ENSG00000284662", 1),
        ("ENSGR0000182378.10", "ENSGR0000182378", 10),
        ("MGP_CAROLIEiJ_G0013919.1", "MGP_CAROLIEiJ_G0013919", 1),
        ("WBGene00007063.1", "WBGene00007063", 1),
        ("NM_000014.6", "NM_000014", 6),
        ("ENSG00000254647", "ENSG00000254647", None),
        ("ENSG00000002586_PAR_Y", "ENSG00000002586_PAR_Y", None),
        ("F54D5.1", "F54D5.1", None),
        ("Y110A7A.10.1", "Y110A7A.10.1", None),
        ("AT1G01010.1", "AT1G01010.1", None),
        ("YPR161W-A", "YPR161W-A", None),
        ("RP11-34P13.7", "RP11-34P13.7", None),
    ],
)
def test_a_version_comes_off_ids_that_carry_versions_only(name: str, bare: str, version: int | None) -> None:
    assert split_version(name) == (bare, version)


@pytest.mark.parametrize(
    ("location", "region", "start", "end", "strand"),
    [
        ("scaffold:choHof1:scaffold_31310:9997:14402:1", "scaffold_31310", 9997, 14402, 1),
        ("genescaffold:choHof1:GeneScaffold_8035:182:57328:-1", "GeneScaffold_8035", 182, 57328, -1),
        ("primary_assembly:mRatBN7.2:X:5:5:1", "X", 5, 5, 1),
        ("group:BROADS1:groupI:1:2:-1", "groupI", 1, 2, -1),
        ("chromosome::2L:1:2:0", "2L", 1, 2, None),
        ("chromosome:GRCh38:CHR_HSCHR7_2_CTG6:1:2:1", "CHR_HSCHR7_2_CTG6", 1, 2, 1),
    ],
)
def test_any_coordinate_system(
    tmp_path: Path, location: str, region: str, start: int, end: int, strand: int | None
) -> None:
    gene = read(tmp_path, header(location=location) + "M\n").genes.to_pylist()[0]
    assert (gene["region"], gene["region_start"], gene["region_end"]) == (region, start, end)
    assert gene["strand"] == strand


def test_quirks_of_real_headers(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        ">P1 pep:known chromosome:A:1:1:9:1 gene:G1 transcript:T1\nM\n"
        ">P2 pep gene:G2\nM\n"
        ">P3 pep chromosome:A:1:1:9:1 gene:G3 gene_symbol:G3 description:[Source:X;Acc:1]\nM\n"
        ">P4 pep gene:G4 gene_symbol:a b:c gene_biotype:x\nM\n"
        ">P5 pep gene:G5 description:binds gene:G9 and gene_symbol:Z [a] [Source:SGD;Acc:S1]\nM\n"
        ">ENSP00000000001.5_PAR_Y pep gene:ENSG00000000001.2_PAR_Y\nM\n"
        ">P7 pep gene:G7 gene_symbol: transcript:\nM\n",
    )
    genes = {gene["stable_id"]: gene for gene in reading.genes.to_pylist()}
    assert list(genes) == ["G1", "G2", "G3", "G4", "G5", "ENSG00000000001_PAR_Y", "G7"]
    assert genes["G1"]["symbol"] is None
    assert genes["G1"]["biotype"] is None
    assert genes["G2"]["region"] is None
    assert genes["G3"]["symbol"] is None, "a symbol that only repeats the ID is none"
    assert genes["G3"]["description"] is None
    assert genes["G4"]["symbol"] == "a b:c"
    assert genes["G4"]["biotype"] == "x"
    assert genes["G5"]["description"] == "binds gene:G9 and gene_symbol:Z [a]"
    assert genes["G7"]["symbol"] is None
    assert reading.proteins["stable_id"].to_pylist()[5] == "ENSP00000000001_PAR_Y"


def test_sequences(tmp_path: Path) -> None:
    content = "\ufeff" + header("P1") + "mkX\r\n\r\nlx*\r\n" + header("P2") + "M*K**" + "\n"
    one, two = read(tmp_path, content).proteins.to_pylist()
    assert one["sequence"] == "MKXLX"
    assert (one["length"], one["unknown_residues"]) == (5, 2)
    assert two["sequence"] == "M*K", "stops inside stay"
    assert two["length"] == 2, "but are not residues"
    assert two["sequence_sha256"] == hashlib.sha256(b"M*K").hexdigest()


def test_a_gene_spans_its_transcripts_and_the_first_description_counts(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        header("P1", "G", location="chromosome:A:1:50:90:-1")
        + "M\n"
        + header("P2", "G", location="chromosome:A:1:20:60:-1", gene_symbol="S", description="one")
        + "MK\n"
        + header("P3", "G", location="chromosome:A:1:55:95:-1", description="two")
        + "MKK\n",
    )
    (gene,) = reading.genes.to_pylist()
    assert (gene["region_start"], gene["region_end"], gene["strand"]) == (20, 95, -1)
    assert (gene["symbol"], gene["description"]) == ("S", "one")


def test_a_gene_on_both_strands_has_none(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        header("P1", "FBgn0002781", location="chromosome:BDGP6:3R:50:90:-1")
        + "M\n"
        + header("P2", "FBgn0002781", location="chromosome:BDGP6:3R:20:60:1")
        + "MK\n"
        + header("P3", "FBgn0002781", location="chromosome:BDGP6:3R:20:60:1")
        + "MKK\n",
    )
    assert reading.genes["strand"].to_pylist() == [None]


def test_an_exact_repeat_is_skipped_and_counted(tmp_path: Path) -> None:
    reading = read(tmp_path, (TRDD1 + "EI\n") * 3)
    assert (reading.rows, reading.kept) == (3, 1)
    assert reading.skipped == {"exact duplicate records": 2}
    assert reading.proteins.num_rows == reading.genes.num_rows == 1


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", ["no protein. Expected FASTA"]),
        ("\n\n", ["no protein. Expected FASTA"]),
        (
            header("P1") + "\n" + header("P2") + "**\n" + header("P3"),
            ["line 1: empty sequence (P1)", "line 3: empty sequence (P2)", "line 5: empty sequence (P3)"],
        ),
        (
            header("ENSP00000000001.1") + "M\n" + header("ENSP00000000001.2") + "M\n",
            ["line 3: protein ID of two different records (ENSP00000000001, first on line 1)"],
        ),
        (
            header("P1") + "M\n" + header("P1") + "MK\n",
            ["line 3: protein ID of two different records (P1, first on line 1)"],
        ),
        (
            header("P1") + "MK\nM-K.1\nMÄ\n",
            [
                "line 3: invalid amino-acid letters (-.1)",
                "line 4: invalid amino-acid letters (Ä)",
            ],
        ),
        (
            "<html>\nno\n" + header("P1") + "M\n",
            ["line 1: text before the first header", "line 2: text before the first header"],
        ),
        (
            ">ENSP00000411960\nM\n>P2 pep transcript:T\nM\n",
            [
                "line 1: missing gene: in the header (ENSP00000411960)",
                "line 3: missing gene: in the header (P2 pep transcript:T)",
            ],
        ),
        (">\nM\n", ["line 1: missing protein ID in the header"]),
        (
            ">ENST00000415118.1 cdna chromosome:GRCh38:14:1:2:1 gene:ENSG00000223997.1\nGAAATAGT\n",
            ["line 1: not a protein. Expected the file pep.all (cdna)"],
        ),
        (
            header("P1", location="chromosome:GRCh38:1:x:200:1") + "M\n",
            ["line 1: invalid location (chromosome:GRCh38:1:x:200:1)"],
        ),
        (
            header("P1", location="chromosome:GRCh38:1:300:200:1") + "M\n",
            ["line 1: invalid location (chromosome:GRCh38:1:300:200:1)"],
        ),
        (
            header("P1", "G", location="chromosome:A:1:5:9:1", gene_symbol="S")
            + "M\n"
            + header("P2", "G", location="chromosome:A:2:5:9:1", gene_symbol="T")
            + "M\n",
            [
                "line 3: contradicts an earlier line of the same gene (G: region 2, but 1 on line 1)",
                "line 3: contradicts an earlier line of the same gene (G: symbol T, but S on line 1)",
            ],
        ),
        (
            header("P1", "WBGene00000001.1") + "M\n" + header("P2", "WBGene00000001.2") + "M\n",
            ["line 3: contradicts an earlier line of the same gene (WBGene00000001: version 2, but 1 on line 1)"],
        ),
        (
            header("P1").encode() + b"M\n>P2 pep gene:G \xff\xfe\nM\n",
            [r"line 3: is not valid UTF-8 (b'\xff\xfe')"],
        ),
        ("no FASTA".encode("utf-16"), [r"line 1: is not valid UTF-8 (b'\xff\xfen\x00o\x00 \x00')"]),
    ],
)
def test_problems(tmp_path: Path, content: str | bytes, wanted: list[str]) -> None:
    seen = problems(tmp_path, content)
    assert [problem for problem in seen if problem in wanted] == wanted
    assert len(seen) == len(wanted) or content[:2] == b"\xff\xfe"


def test_twenty_of_a_kind_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, header() + "M\n" + "".join(f">P{number}\nM\n" for number in range(25)))
    message = str(caught.value)
    examples = "first on line 3 (P0), line 5 (P1), line 7 (P2)"
    assert message.endswith(f"25 times: missing gene: in the header, {examples}")
    assert "\n" not in message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=messages.Shared.cannot_be_read):
        read_proteome(tmp_path / "none.fa", HUMAN)


RESIDUES = "ACDEFGHIKLMNPQRSTVWYBZJUOX"


@st.composite
def fasta(draw: st.DrawFn) -> str:
    """A proteome of up to eight genes, with isoforms, in lines of any length and case."""
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    blank = draw(st.sampled_from(["", ending]))
    text = ""
    number = 0
    for gene in range(draw(st.integers(1, 8))):
        version = draw(st.sampled_from(["", ".4"]))
        symbol = draw(st.sampled_from(["", " gene_symbol:Ins2", " gene_symbol:si:ch211-1a"]))
        strand = draw(st.sampled_from(["1", "-1"]))
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            start = draw(st.integers(1, 10**9))
            end = start + draw(st.integers(0, 10**6))
            text += f">ENSP{number:011} pep chromosome:A:{gene}:{start}:{end}:{strand}"
            text += f" gene:ENSG{gene:011}{version}{symbol}{ending}"
            sequence = draw(st.text(RESIDUES + RESIDUES.lower() + "*", max_size=90))
            sequence = draw(st.sampled_from(RESIDUES)) + sequence
            width = draw(st.integers(1, 100))
            text += ending.join(sequence[at : at + width] for at in range(0, len(sequence), width))
            text += ending + blank
    return text.rstrip() if draw(st.booleans()) else text


def naive(text: str) -> tuple[dict[str, tuple[object, ...]], dict[str, str]]:
    """Genes and sequences by the plainest reading of the format."""
    genes: dict[str, tuple[object, ...]] = {}
    sequences: dict[str, str] = {}
    for record in text.split(">")[1:]:
        first, *rest = record.splitlines()
        words = first.split()
        protein = words[0]
        place = words[2].split(":")
        gene, _, version = words[3].removeprefix("gene:").partition(".")
        symbol = words[4].removeprefix("gene_symbol:") if len(words) > 4 else None
        low, high = genes[gene][3:5] if gene in genes else (10**12, 0)
        assert isinstance(low, int)
        assert isinstance(high, int)
        span = (min(low, int(place[3])), max(high, int(place[4])))
        genes[gene] = (int(version) if version else None, symbol, place[2], *span, int(place[5]))
        sequences[protein] = "".join(rest).upper().rstrip("*")
    return genes, sequences


@settings(deadline=None, max_examples=60)
@given(text=fasta(), packed=st.booleans())
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, text: str, packed: bool) -> None:
    path = tmp_path_factory.mktemp("fasta") / "pep.fa"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    reading = read_proteome(path, HUMAN)
    genes, sequences = naive(text)
    columns = ("version", "symbol", "region", "region_start", "region_end", "strand")
    read_genes = {row["stable_id"]: tuple(row[name] for name in columns) for row in reading.genes.to_pylist()}
    assert read_genes == genes
    assert list(read_genes) == list(genes)
    proteins = reading.proteins.to_pylist()
    assert {row["stable_id"]: row["sequence"] for row in proteins} == sequences
    for row in proteins:
        letters = Counter(row["sequence"])
        assert row["length"] == letters.total() - letters["*"]
        assert row["unknown_residues"] == letters["X"]
        assert row["sequence_sha256"] == hashlib.sha256(row["sequence"].encode()).hexdigest()


@settings(deadline=None, max_examples=60)
@given(text=fasta(), data=st.data())
def test_a_truncated_gzip_never_reads(tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject) -> None:
    packed = gzip.compress(text.encode())
    path = tmp_path_factory.mktemp("fasta") / "pep.fa.gz"
    path.write_bytes(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(InputError):
        read_proteome(path, HUMAN)


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "species", "proteins", "kept", "genes"),
    [
        ("Saccharomyces_cerevisiae.R64-1-1.pep.all.fa.gz", "yeast", 6692, 6692, 6692),
        ("Choloepus_hoffmanni.choHof1.pep.all.fa.gz", "choloepus_hoffmanni", 12435, 12435, 12393),
        ("Homo_sapiens.GRCh38.pep.short.fa.gz", "human", 1662, 1661, 1085),
        ("Homo_sapiens.ensembl85.small.fa.gz", "human", 1651, 1651, 519),
    ],
)
def test_real_proteomes(file: str, species: str, proteins: int, kept: int, genes: int) -> None:
    reading = read_proteome(SHARED / "proteomes" / file, find(species))
    assert (reading.rows, reading.kept, reading.genes.num_rows) == (proteins, kept, genes)
    assert reading.kept + sum(reading.skipped.values()) == reading.rows
    assert reading.genes["region"].null_count == reading.genes["strand"].null_count == 0
    assert all(length >= 1 for length in reading.proteins["length"].to_pylist())


@pytest.mark.slow
@needs_shared
@pytest.mark.shared
def test_real_quirks() -> None:
    sloth = read_proteome(
        SHARED / "proteomes/Choloepus_hoffmanni.choHof1.pep.all.fa.gz", find("choloepus_hoffmanni")
    ).proteins
    unknown = sum(sloth["unknown_residues"].to_pylist()) / sum(sloth["length"].to_pylist())
    assert round(unknown, 2) == 0.17
    short = read_proteome(SHARED / "proteomes/Homo_sapiens.GRCh38.pep.short.fa.gz", HUMAN)
    assert min(short.proteins["length"].to_pylist()) == 2, "immune segments"
    assert short.skipped == {"exact duplicate records": 1}
    yeast = read_proteome(SHARED / "proteomes/Saccharomyces_cerevisiae.R64-1-1.pep.all.fa.gz", find("yeast"))
    assert yeast.genes["version"].null_count == 6692
    assert {"YPR170W-A", "YIL014C-A"} <= set(yeast.genes["stable_id"].to_pylist())
    small = read_proteome(SHARED / "proteomes/Homo_sapiens.ensembl85.small.fa.gz", HUMAN)
    actn4 = next(row for row in small.genes.to_pylist() if row["stable_id"] == "ENSG00000282844")
    assert actn4["region"] == "CHR_HG26_PATCH"
    assert (actn4["symbol"], actn4["description"]) == ("ACTN4", "actinin alpha 4")


# ------------------------------------------------------------------------------- headers that are not Ensembl's

NCBI = ">XP_069504871.1 insulin isoform X1 [Ambystoma mexicanum]\nMA\n>NP_001001.1 gcg [Ambystoma mexicanum]\nMK\n"
CDS = (
    ">lcl|NC_090446.1_prot_XP_069504871.1_2 [gene=INS] [db_xref=GeneID:138500] [protein=insulin [B chain]] "
    "[protein_id=XP_069504871.1] [location=1..2] [gbkey=CDS]\nMA\n"
    ">lcl|NC_090446.1_prot_XP_069504872.1_3 [gene=INS] [protein_id=XP_069504872.1]\nMAA\n"
    ">lcl|NC_090446.1_prot_XP_069504873.1_4 [locus_tag=AM_7] [protein_id=XP_069504873.1]\nMK\n"
    ">lcl|NC_090446.1_prot_XP_069504874.1_5 [db_xref=GeneID:138501] [protein_id=XP_069504874.1]\nMR\n"
)
UNIPROT = (
    ">sp|P01308|INS_HUMAN Insulin OS=Homo sapiens OX=9606 GN=INS PE=1 SV=1\nMA\n"
    ">sp|P01308-2|INS_HUMAN Isoform 2 of Insulin OS=Homo sapiens OX=9606 GN=INS\nMAA\n"
    ">tr|A0A024RBG1|A0A024RBG1_HUMAN Unnamed OS=Homo sapiens OX=9606 PE=1 SV=1\nMK\n"
)
BARE = ">g1.t1\nMA\n>g1.t2 a description\nMAA\n>g2.t1\nMK\n"
ALONE = "proteins without a gene in header, table or annotation, each a gene of its own"


def read_as(folder: Path, content: str, species: str = "axolotl", **options: object) -> Reading:
    path = folder / "proteins.fa"
    path.write_text(content)
    return read_proteome(path, find(species), **options)  # type: ignore[arg-type]


def told_by(reading: Reading) -> tuple[list[tuple[str | None, str | None]], list[tuple[str, str]]]:
    genes = [(gene["stable_id"], gene["symbol"]) for gene in reading.genes.to_pylist()]
    return genes, [(protein["stable_id"], protein["gene_id"]) for protein in reading.proteins.to_pylist()]


@pytest.mark.parametrize("header", [None, "ncbi"])
def test_proteins_of_ncbi(tmp_path: Path, header: str | None) -> None:
    reading = read_as(tmp_path, NCBI, header=header)
    assert told_by(reading)[1] == [("XP_069504871", "XP_069504871"), ("NP_001001", "NP_001001")]
    assert reading.genes["description"].to_pylist()[0] == "insulin isoform X1"
    assert reading.skipped == {ALONE: 2}


@pytest.mark.parametrize("header", [None, "ncbi"])
def test_coding_sequences_of_ncbi(tmp_path: Path, header: str | None) -> None:
    reading = read_as(tmp_path, CDS, header=header)
    genes, proteins = told_by(reading)
    assert genes == [(None, "INS"), ("AM_7", None), ("LOC138501", None)]
    assert [gene for _, gene in proteins] == ["INS", "INS", "AM_7", "LOC138501"]
    assert reading.genes["description"].to_pylist()[0] == "insulin [B chain]" and reading.skipped == {}


@pytest.mark.parametrize("header", [None, "uniprot"])
def test_proteins_of_uniprot(tmp_path: Path, header: str | None) -> None:
    reading = read_as(tmp_path, UNIPROT, "human", header=header)
    assert told_by(reading) == (
        [(None, "INS"), ("A0A024RBG1", None)],
        [("P01308", "INS"), ("P01308-2", "INS"), ("A0A024RBG1", "A0A024RBG1")],
    )
    assert reading.skipped == {}


@pytest.mark.parametrize("header", [None, "plain"])
def test_bare_ids_are_a_gene_each(tmp_path: Path, header: str | None) -> None:
    reading = read_as(tmp_path, BARE, header=header)
    assert [gene for gene, _ in told_by(reading)[0]] == ["g1.t1", "g1.t2", "g2.t1"]
    assert reading.skipped == {ALONE: 3}


def test_a_pattern_of_ones_own(tmp_path: Path) -> None:
    reading = read_as(tmp_path, BARE, header=r"^(?P<protein>(?P<gene>g\d+)\.t\d+)")
    assert told_by(reading) == (
        [("g1", None), ("g2", None)],
        [("g1.t1", "g1"), ("g1.t2", "g1"), ("g2.t1", "g2")],
    )
    with pytest.raises(InputError, match=messages.Sources.pattern_does_not_match):
        read_as(tmp_path, BARE, header=r"^(?P<protein>x\d+)")


@pytest.mark.parametrize("written", ["nbci", "(?P<gene>x)", "(?P<protein>x", "(?P<protein>x)(?P<symbol>y)", ""])
def test_forms_that_there_are_not(written: str) -> None:
    with pytest.raises(ValueError, match=messages.Sources.no_form_of_headers):
        header_form(written)


def test_a_table_of_proteins_and_genes(tmp_path: Path) -> None:
    table = tmp_path / "genes.tsv"
    table.write_text("protein_id\tgene_id\tgene_name\ng1.t1\tG1\tINS\ng1.t2\tG1\tINS\n\tG9\t\n")
    reading = read_as(tmp_path, BARE, protein_genes=table)
    assert told_by(reading) == ([("G1", "INS")], [("g1.t1", "G1"), ("g1.t2", "G1")])
    assert reading.skipped == {"proteins without a gene": 1}
    assert read_protein_genes(table, HUMAN).rows == 2
    table.write_text("product_accession,symbol\nXP_069504871.1,INS\n")
    assert told_by(read_as(tmp_path, NCBI, protein_genes=table))[0] == [(None, "INS")]


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("protein,gene\nother,G1\n", "has_none_of_the_proteins"),
        ("protein,gene\ng1.t1,G1\ng1.t1,G2\n", "protein_of_two_genes"),
        ("protein,gene\n,G1\n", "no_row_has_a_protein"),
        ("protein,name\ng1.t1,G1\n", "missing_column"),
    ],
)
def test_tables_that_name_no_genes(tmp_path: Path, content: str, fragment: str) -> None:
    (tmp_path / "genes.csv").write_text(content)
    with pytest.raises(InputError, match=getattr(messages.Sources, fragment)):
        read_as(tmp_path, BARE, protein_genes=tmp_path / "genes.csv")


def test_twelve_thousand_equal_problems_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, header() + "M\n" + "".join(f">P{number}\nM\n" for number in range(12_000)))
    told = str(caught.value)
    assert "12,000 times: missing gene: in the header" in told and len(told) < 300 and "\n" not in told


@pytest.mark.parametrize(
    ("content", "species", "other"),
    [
        (NCBI, "human", "axolotl"),
        (UNIPROT, "mouse", "human"),
        (header("ENSCHOP00000000001.1", "ENSCHOG00000000001.1") + "M\n", "axolotl", "sloth"),
        (">ENSCHOP00000000001.1\nM\n", "axolotl", "sloth"),
        (">NP_000001.1 x [Nobody knows]\nM\n", "axolotl", "nobody_knows"),
        (NCBI, "axolotl", None),
        (UNIPROT, "human", None),
        (BARE, "human", None),
        (header() + "M\n", "human", None),
        (">sp|P1|X OS=Saccharomyces cerevisiae (strain ATCC 204508 / S288c) OX=559292 GN=X\nM\n", "yeast", None),
    ],
)
def test_a_proteome_of_another_species_is_noticed(
    tmp_path: Path, content: str, species: str, other: str | None
) -> None:
    reasons = read_as(tmp_path, content, species).skipped
    told = [reason for reason in reasons if "check that it is the right file" in reason]
    assert len(told) == (other is not None) and all(str(other) in reason for reason in told)


@needs_shared
def test_real_proteins_of_a_sloth_are_no_axolotl() -> None:
    reading = read_proteome(SHARED / "proteomes" / "Choloepus_hoffmanni.choHof1.pep.all.fa.gz", find("axolotl"))
    assert [count for reason, count in reading.skipped.items() if "choloepus_hoffmanni" in reason] == [12_435]


@given(
    st.lists(st.text("ACGT|[]=:>gene_ GN.0123XP-sp", max_size=40), min_size=1, max_size=8),
    st.sampled_from([None, *HeaderForm]),
)
def test_any_headers_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, headers: list[str], form: str | None
) -> None:
    path = tmp_path_factory.mktemp("any") / "x.fa"
    path.write_text("".join(f">{one}\nM\n" for one in headers))
    try:
        reading = read_proteome(path, HUMAN, header=form)
    except InputError:
        return
    assert reading.kept == reading.proteins.num_rows <= len(headers)
    assert set(reading.proteins["gene_id"].to_pylist()) == {
        gene["stable_id"] or gene["symbol"] for gene in reading.genes.to_pylist()
    }
