"""The reader of GTF against hand-made files in the styles of Ensembl, old Ensembl and GENCODE."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import CANONICAL, GENES, Reading, read_annotation
from homodb.schema.errors import InputError
from homodb.schema.species import find

HUMAN = find("human")


def line(
    feature: str = "gene",
    start: object = 100,
    end: object = 900,
    region: str = "1",
    strand: str = "+",
    **said: str,
) -> str:
    attributes = " ".join(f'{key} "{value}";' for key, value in said.items() if key != "tags")
    attributes += "".join(f' tag "{tag}";' for tag in said.get("tags", "").split())
    return "\t".join([region, "havana", feature, str(start), str(end), ".", strand, ".", attributes]) + "\n"


def read(folder: Path, content: str | bytes) -> Reading:
    path = folder / "annotation.gtf"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_annotation(path, HUMAN)


def claims(reading: Reading) -> set[tuple[str, str, str]]:
    rows = reading.canonical.to_pylist()
    assert {row["species"] for row in rows} <= {HUMAN.number}
    found = {(row["gene_id"], row["transcript"], row["basis"]) for row in rows}
    assert len(found) == len(rows)
    return found


ENSEMBL = (
    "#!genome-build GRCh38.p14\n"
    + line(
        gene_id="ENSG00000141510",
        gene_version="19",
        gene_name="TP53",
        gene_source="ensembl_havana",
        gene_biotype="protein_coding",
        region="17",
        start=7661779,
        end=7687546,
        strand="-",
    )
    + line(
        "transcript",
        7668421,
        7687490,
        "17",
        "-",
        gene_id="ENSG00000141510",
        gene_version="19",
        transcript_id="ENST00000269305",
        transcript_version="9",
        gene_name="TP53",
        gene_biotype="protein_coding",
        tags="basic Ensembl_canonical MANE_Select",
    )
    + line("exon", 7687377, 7687490, "17", "-", gene_id="ENSG00000141510", transcript_id="ENST00000269305")
    + line("CDS", 7687377, 7687490, "17", "-", gene_id="ENSG00000141510", transcript_id="ENST00000269305")
    + line("gene", 1, 9, "KI270728.1", ".", gene_id="ENSG00000277400", gene_biotype="lncRNA")
)


def test_ensembl(tmp_path: Path) -> None:
    reading = read(tmp_path, ENSEMBL + "#" + line(gene_id="ENSG00000000001") + "#" + line("CDS"))
    assert reading.genes.schema == GENES
    assert reading.canonical.schema == CANONICAL
    assert (reading.rows, reading.kept) == (5, 3)
    assert reading.skipped == {"feature CDS": 1, "feature exon": 1}
    assert reading.genes.to_pylist() == [
        {
            "species": HUMAN.number,
            "stable_id": "ENSG00000141510",
            "version": 19,
            "symbol": "TP53",
            "biotype": "protein_coding",
            "region": "17",
            "region_start": 7661779,
            "region_end": 7687546,
            "strand": -1,
            "description": None,
        },
        {
            "species": HUMAN.number,
            "stable_id": "ENSG00000277400",
            "version": None,
            "symbol": None,
            "biotype": "lncRNA",
            "region": "KI270728.1",
            "region_start": 1,
            "region_end": 9,
            "strand": None,
            "description": None,
        },
    ]
    assert claims(reading) == {
        ("ENSG00000141510", "ENST00000269305", "ensembl_canonical"),
        ("ENSG00000141510", "ENST00000269305", "mane"),
    }


def test_gencode(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        "##description: evidence-based annotation\n"
        + line(gene_id="ENSG00000182378.14", gene_type="protein_coding", gene_name="PLCXD1", region="chrX")
        + line(gene_id="ENSG00000182378.14_PAR_Y", gene_type="protein_coding", gene_name="PLCXD1", region="chrY")
        + line(
            "transcript",
            region="chrY",
            gene_id="ENSG00000182378.14_PAR_Y",
            transcript_id="ENST00000381657.7_PAR_Y",
            transcript_type="protein_coding",
            tags="basic appris_principal_1",
        )
        + line(gene_id="ENSG00000290825.1", gene_type="lncRNA", gene_name="ENSG00000290825", region="chr1")
        + line(gene_id="ENSG00000198886.2", gene_type="protein_coding", gene_name="MT-ND4", region="chrM")
        + line(gene_id="ENSG00000284662.1_2", gene_type="protein_coding", region="chr22_KI270734v1_random"),
    )
    columns = ("stable_id", "version", "symbol", "biotype", "region")
    assert [tuple(row[name] for name in columns) for row in reading.genes.to_pylist()] == [
        ("ENSG00000182378", 14, "PLCXD1", "protein_coding", "X"),
        ("ENSG00000182378_PAR_Y", 14, "PLCXD1", "protein_coding", "Y"),
        ("ENSG00000290825", 1, None, "lncRNA", "1"),
        ("ENSG00000198886", 2, "MT-ND4", "protein_coding", "MT"),
        ("ENSG00000284662", 1, None, "protein_coding", "chr22_KI270734v1_random"),
    ]
    assert claims(reading) == {("ENSG00000182378_PAR_Y", "ENST00000381657_PAR_Y", "appris")}


def test_attributes_of_any_form(tmp_path: Path) -> None:
    text = (
        '1\ts\tgene\t1\t2\t.\t+\t.\t gene_id "G1"; level 2; note "a; gene_id b"; gene_version 7;'
        'gene_name "x y"\r\n'
        '\r\n1\ts\ttranscript\t1\t2\t.\t+\t.\tgene_id G1; transcript_id "F54D5.1.2"; '
        'tag "basic,Ensembl_canonical";\r\n'
    )
    reading = read(tmp_path, text)
    (gene,) = reading.genes.to_pylist()
    assert (gene["stable_id"], gene["version"], gene["symbol"]) == ("G1", 7, "x y")
    assert claims(reading) == {("G1", "F54D5.1.2", "ensembl_canonical")}


def test_of_appris_only_the_best_level_of_a_gene_claims(tmp_path: Path) -> None:
    tagged = [
        ("G1", "T1", "appris_principal_3"),
        ("G1", "T2", "appris_principal_2"),
        ("G1", "T3", "appris_alternative_1"),
        ("G1", "T4", "appris_principal_2"),
        ("G1", "T4", "appris_principal_2"),
        ("G1", "T5", "appris_principal_4"),
        ("G2", "T6", "appris_principal_5"),
        ("G3", "T7", "appris_principal"),
        ("G3", "T8", "appris_principal_2"),
        ("G4", "T9", "appris_candidate_longest MANE_Plus_Clinical"),
    ]
    reading = read(
        tmp_path,
        "".join(
            line("transcript", gene_id=gene, transcript_id=transcript, tags=tag) for gene, transcript, tag in tagged
        ),
    )
    assert claims(reading) == {
        ("G1", "T2", "appris"),
        ("G1", "T4", "appris"),
        ("G2", "T6", "appris"),
        ("G3", "T7", "appris"),
    }


def test_genes_without_gene_lines_are_told_by_their_exons(tmp_path: Path) -> None:
    told = 'gene_id "ENSG00000223972"; transcript_id "ENST00000456328"; exon_number "1"; gene_name "DDX11L1"; '
    old = (
        f'1\tpseudogene\texon\t11869\t12227\t.\t+\t.\t {told}gene_biotype "pseudogene"; level 2;\n'
        f'1\tprocessed_transcript\texon\t12613\t12721\t.\t+\t.\t {told}gene_biotype "pseudogene";\n'
        '1\tprotein_coding\tCDS\t1\t9\t.\t-\t0\t gene_id "ENSG1"; transcript_id "ENST1";\n'
    )
    reading = read(tmp_path, old)
    (gene,) = reading.genes.to_pylist()
    assert (gene["region_start"], gene["region_end"], gene["strand"]) == (11869, 12721, 1)
    assert (gene["symbol"], gene["biotype"]) == ("DDX11L1", "pseudogene")
    assert (reading.rows, reading.kept, reading.skipped) == (3, 2, {"feature CDS": 1})


def test_genes_without_gene_lines_are_told_by_their_transcripts(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        line("transcript", 50, 90, gene_id="G1", transcript_id="T1")
        + line("exon", 1, 99, gene_id="G1", transcript_id="T1")
        + line("transcript", 20, 60, gene_id="G1", transcript_id="T2", gene_name="S")
        + line("transcript", 20, 60, gene_id="G2", transcript_id="T3")
        + line("gene", 10, 60, gene_id="G2", gene_name="own line"),
    )
    columns = ("stable_id", "symbol", "region_start", "region_end")
    assert [tuple(row[name] for name in columns) for row in reading.genes.to_pylist()] == [
        ("G2", "own line", 10, 60),
        ("G1", "S", 20, 90),
    ]


def test_a_trans_spliced_gene_has_no_strand(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        line("exon", 17202324, 17202463, "3R", "-", gene_id="FBgn0002781")
        + line("exon", 17177331, 17177608, "3R", "+", gene_id="FBgn0002781")
        + line("exon", 17203010, 17203121, "3R", "-", gene_id="FBgn0002781"),
    )
    (gene,) = reading.genes.to_pylist()
    assert (gene["region_start"], gene["region_end"], gene["strand"]) == (17177331, 17203121, None)


GOOD = line(gene_id="G0")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("", ["no gene, transcript or exon. Expected GTF"]),
        ("#!genome-build x\n\n", ["no gene, transcript or exon. Expected GTF"]),
        (line("CDS", gene_id="G"), ["no gene, transcript or exon. Expected GTF"]),
        (
            GOOD + "\n# comment\n1\thavana\tgene\t1\t2\nnonsense\n",
            ["line 4: fewer than 9 fields (5)", "line 5: fewer than 9 fields (1)"],
        ),
        (
            GOOD
            + line("gene", "x", 2, gene_id="G1")
            + line("gene", 1, "", gene_id="G2")
            + line("gene", -1, 2, gene_id="G3")
            + line("gene", "1.5", 2, gene_id="G4"),
            [
                "line 2: start or end is not a number (x, 2)",
                "line 3: start or end is not a number (1, )",
                "line 4: start or end is not a number (-1, 2)",
                "line 5: start or end is not a number (1.5, 2)",
            ],
        ),
        (GOOD + line("gene", 3, 2, gene_id="G1"), ["line 2: start is greater than end (3, 2)"]),
        (GOOD + line(gene_id="G1", strand="1"), ["line 2: strand is not +, - or . (1)"]),
        (
            GOOD + line(gene_name="S") + line("transcript", gene_id=""),
            ['line 2: missing gene_id (gene_name "S";)', 'line 3: missing gene_id (gene_id "";)'],
        ),
        (GOOD + line(gene_id="G1", gene_version="x"), ["line 2: gene_version is not a number (x)"]),
        (
            GOOD + line("transcript", gene_id="G0", tags="Ensembl_canonical"),
            ['line 2: tagged transcript without transcript_id (gene_id "G0"; tag "Ensembl_canonical";)'],
        ),
        (GOOD + GOOD, ["line 2: duplicate gene (G0, first on line 1)"]),
        (
            line("transcript", gene_id="G1", gene_name="A")
            + line("transcript", gene_id="G1", region="2", gene_name="B"),
            [
                "line 2: contradicts an earlier line of the same gene (G1: region 2, but 1 on line 1)",
                "line 2: contradicts an earlier line of the same gene (G1: symbol B, but A on line 1)",
            ],
        ),
        (
            "##gff-version 3\n1\thavana\tgene\t1\t2\t.\t+\t.\tID=gene:ENSG00000223972;Name=DDX11L1\n",
            ["line 1: is GFF3. Expected GTF"],
        ),
        (
            GOOD.encode() + b'1\ts\tgene\t1\t2\t.\t+\t.\tgene_id "G\xe4";\n',
            [r"""line 2: is not valid UTF-8 (b'\xe4";\n')"""],
        ),
        (
            gzip.compress(GOOD.encode() * 50, mtime=0)[:-9],
            ["the gzip stream is truncated. Download the file again"],
        ),
    ],
)
def test_problems(tmp_path: Path, content: str | bytes, wanted: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert [str(problem) for problem in caught.value.problems] == wanted
    assert "\n" not in str(caught.value)


def test_twenty_of_a_kind_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, "".join(line("gene", 5, 1, gene_id=f"G{number}") for number in range(25)))
    message = str(caught.value)
    assert "25 times: start is greater than end, first on line 1 (" in message
    assert message.count("line ") == 3


spans = st.tuples(st.integers(1, 10**9), st.integers(0, 10**6)).map(lambda pair: (pair[0], sum(pair)))


@settings(deadline=None, max_examples=60)
@given(
    genes=st.lists(st.lists(spans, min_size=1, max_size=5), min_size=1, max_size=6),
    feature=st.sampled_from(["exon", "transcript"]),
    packed=st.booleans(),
    random=st.randoms(),
)
def test_a_gene_spans_what_is_told_of_it(
    tmp_path_factory: pytest.TempPathFactory,
    genes: list[list[tuple[int, int]]],
    feature: str,
    packed: bool,
    random: object,
) -> None:
    lines = [
        line(feature, start, end, f"r{number}", gene_id=f"G{number}")
        for number, pieces in enumerate(genes)
        for start, end in pieces
    ]
    random.shuffle(lines)  # type: ignore[attr-defined]
    content = "".join(lines).encode()
    path = tmp_path_factory.mktemp("gtf") / "a.gtf"
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    found = {
        row["stable_id"]: (row["region"], row["region_start"], row["region_end"])
        for row in read_annotation(path, HUMAN).genes.to_pylist()
    }
    assert found == {
        f"G{number}": (f"r{number}", min(start for start, _ in pieces), max(end for _, end in pieces))
        for number, pieces in enumerate(genes)
    }


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_truncated_gzip_never_reads(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    packed = gzip.compress(ENSEMBL.encode())
    path = tmp_path_factory.mktemp("gtf") / "a.gtf.gz"
    path.write_bytes(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(InputError):
        read_annotation(path, HUMAN)
