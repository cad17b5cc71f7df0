# ruff: noqa: E501 (lines of Ensembl's files are long)
"""A build from files as Ensembl's FTP site has them: proteomes, annotation, partitioned Compara dumps, cross references."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import homodb
from homodb.etl import build_release
from homodb.schema.errors import InputError, MixedInputsError
from tests import messages

HUMAN_PEP = """\
>ENSP00000000001.2 pep chromosome:GRCh38:11:100:200:-1 gene:ENSG00000000001.5 transcript:ENST00000000001.3 \
gene_biotype:protein_coding transcript_biotype:protein_coding gene_symbol:INS description:insulin [Source:HGNC Symbol;Acc:HGNC:6081]
MALWMRLLPLLALLALWGPDPAAA
>ENSP00000000002.1 pep chromosome:GRCh38:11:100:180:-1 gene:ENSG00000000001.5 transcript:ENST00000000002.1 \
gene_biotype:protein_coding transcript_biotype:nonsense_mediated_decay gene_symbol:INS
MALWMRLLPLLALLALWGPDPAAAXXQQQ
>ENSP00000000003.1 pep chromosome:GRCh38:CHR_HG1_PATCH:100:200:-1 gene:ENSG00000000003.1 transcript:ENST00000000003.1 \
gene_biotype:protein_coding transcript_biotype:protein_coding gene_symbol:INS
MALWMRLLPLLALLALWGPDPAAA
>ENSP00000000004.1 pep chromosome:GRCh38:MT:3307:4262:1 gene:ENSG00000000004.1 transcript:ENST00000000004.1 \
gene_biotype:protein_coding transcript_biotype:protein_coding gene_symbol:MT-ND1
MPMANLLLLIVPILIAMAFLMLTERKILG
"""
MOUSE_PEP = """\
>ENSMUSP00000000001.1 pep chromosome:GRCm39:7:1:50:1 gene:ENSMUSG00000000001.4 transcript:ENSMUST00000000001.1 \
gene_biotype:protein_coding transcript_biotype:protein_coding gene_symbol:Ins2
MALWMRFLPLLALLFLWESHPTQA
>ENSMUSP00000000002.1 pep chromosome:GRCm39:19:1:50:1 gene:ENSMUSG00000000002.4 transcript:ENSMUST00000000002.1 \
gene_biotype:protein_coding transcript_biotype:protein_coding gene_symbol:Ins1
MALLVHFLPLLALLALWEPKPTQA
>ENSMUSP00000000003.1 pep chromosome:GRCm39:MT:2751:3707:1 gene:ENSMUSG00000000003.4 transcript:ENSMUST00000000003.1 \
gene_biotype:protein_coding transcript_biotype:protein_coding gene_symbol:mt-Nd1
MFFINILTLLVPILIAMAFLTLVERKILG
"""
HUMAN_GTF = """\
#!genome-version GRCh38
11\tensembl\tgene\t100\t200\t.\t-\t.\tgene_id "ENSG00000000001"; gene_version "5"; gene_name "INS"; gene_biotype "protein_coding";
11\tensembl\ttranscript\t100\t180\t.\t-\t.\tgene_id "ENSG00000000001"; transcript_id "ENST00000000002"; tag "Ensembl_canonical";
11\tensembl\tgene\t500\t900\t.\t+\t.\tgene_id "ENSG00000000009"; gene_version "1"; gene_name "MIR483"; gene_biotype "miRNA";
CHR_HG1_PATCH\tensembl\tgene\t100\t200\t.\t-\t.\tgene_id "ENSG00000000003"; gene_name "INS"; gene_biotype "protein_coding";
MT\tensembl\tgene\t3307\t4262\t.\t+\t.\tgene_id "ENSG00000000004"; gene_name "MT-ND1"; gene_biotype "protein_coding";
"""
COLUMNS = (
    "gene_stable_id protein_stable_id species identity homology_type homology_gene_stable_id "
    "homology_protein_stable_id homology_species homology_identity dn ds goc_score wga_coverage is_high_confidence homology_id"
)
INS2 = (
    "ENSG00000000001 ENSP00000000001 homo_sapiens 81 ortholog_one2many ENSMUSG00000000001 ENSMUSP00000000001 "
    "mus_musculus 82 NULL NULL 100 100 1 1"
)
INS1 = (
    "ENSMUSG00000000002 ENSMUSP00000000002 mus_musculus 79 ortholog_one2many ENSG00000000001 ENSP00000000001 "
    "homo_sapiens 78 NULL NULL 0 NULL 0 2"
)
ND1 = (
    "ENSMUSG00000000003 ENSMUSP00000000003 mus_musculus 76 ortholog_one2one ENSG00000000004 ENSP00000000004 "
    "homo_sapiens 76 NULL NULL NULL NULL NULL 3"
)
PARALOG = (
    "ENSMUSG00000000001 ENSMUSP00000000001 mus_musculus 92 within_species_paralog ENSMUSG00000000002 "
    "ENSMUSP00000000002 mus_musculus 92 NULL NULL NULL NULL NULL 4"
)
CONFIG = """\
[release]
version = "ensembl-layout"
ensembl = 113
[[species]]
name = "human"
assembly = "GRCh38"
proteome = "Homo_sapiens.GRCh38.pep.all.fa.gz"
annotation = "Homo_sapiens.GRCh38.113.gtf"
xrefs = ["Homo_sapiens.GRCh38.113.entrez.tsv"]
[[species]]
name = "mouse"
proteome = "Mus_musculus.GRCm39.pep.all.fa"
[[homology]]
source = "human"
target = "mouse"
format = "compara"
path = ["homo_sapiens/Compara.113.protein_default.homologies.tsv", "mus_musculus/Compara.113.protein_default.homologies.tsv.gz"]
"""


def _dump(*rows: str) -> str:
    return "".join("\t".join(row.split()) + "\n" for row in (COLUMNS, *rows))


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    (tmp_path / "Homo_sapiens.GRCh38.pep.all.fa.gz").write_bytes(gzip.compress(HUMAN_PEP.encode()))
    (tmp_path / "Mus_musculus.GRCm39.pep.all.fa").write_text(MOUSE_PEP)
    (tmp_path / "Homo_sapiens.GRCh38.113.gtf").write_text(HUMAN_GTF)
    header = (
        "gene_stable_id transcript_stable_id protein_stable_id xref db_name info_type source_identity xref_identity"
    )
    rows = ["ENSG00000000001 - - 3630 EntrezGene DEPENDENT - -", "ENSG00000000003 - - 3630 EntrezGene DEPENDENT - -"]
    (tmp_path / "Homo_sapiens.GRCh38.113.entrez.tsv").write_text(
        "".join("\t".join(row.split()) + "\n" for row in (header, *rows))
    )
    for species in ("homo_sapiens", "mus_musculus"):
        (tmp_path / species).mkdir()
    (tmp_path / "homo_sapiens" / "Compara.113.protein_default.homologies.tsv").write_text(_dump(INS2))
    (tmp_path / "mus_musculus" / "Compara.113.protein_default.homologies.tsv.gz").write_bytes(
        gzip.compress(_dump(INS1, ND1, PARALOG).encode())
    )
    (tmp_path / "release.toml").write_text(CONFIG)
    return tmp_path


def test_partitioned_dumps_proteomes_and_annotation_make_one_release(layout: Path) -> None:
    manifest = build_release(layout / "release.toml", layout / "rel")
    with homodb.open(layout / "rel") as release:
        m2m = release.sql("select source_symbol, target_symbol, source_identity, target_identity from ens_m2m "
                          "where source_species = 'homo_sapiens' order by all")  # fmt: skip
        assert m2m.rows() == [("INS", "Ins1", 78, 79), ("INS", "Ins2", 81, 82), ("MT-ND1", "mt-Nd1", 76, 76)]
        assert (
            release.orthologs("INS", source="human", target="mouse", strategy="hm_o2o")["target_symbol"].item()
            == "Ins2"
        )
        assert release.orthologs("3630", source="human", target="mouse")["resolved_as"].unique().to_list() == ["alias"]
        genes = release.sql("select stable_id, version, biotype, biotype_basis, mitochondrial, primary_basis, "
                            "gene = primary_gene as is_primary from gene order by gene").rows()  # fmt: skip
        assert genes[0] == ("ENSG00000000001", 5, "protein_coding", "annotation", False, "region", True)
        assert genes[1][-1] is False  # the patch
        assert genes[2][4] is True  # MT
        assert ("ENSG00000000009", 1, "miRNA", "annotation", False, "region", True) in genes
        proteins = release.sql("select stable_id, length, unknown_residues, canonical, canonical_basis from protein "
                               "where gene = 16777216 order by stable_id").rows()  # fmt: skip
        assert proteins == [
            ("ENSP00000000001", 24, 0, False, None),
            ("ENSP00000000002", 29, 2, True, "ensembl_canonical"),
        ]
        mouse = release.sql("select count(*) from protein where canonical_basis = 'longest'").item()
        assert mouse == 5  # three of mouse, and the human genes that the annotation names no canonical transcript for
        rows = release.sql(
            "select source, row_count, kept from provenance where source = 'compara' order by path"
        ).rows()
        assert rows == [("compara", 1, 1), ("compara", 3, 2)]
    assert {"where": "mus_musculus/Compara.113.protein_default.homologies.tsv.gz", "reason": "within_species_paralog",
            "count": 1} in manifest.losses  # fmt: skip


def test_a_pair_that_no_dump_holds_is_an_error(layout: Path) -> None:
    (layout / "homo_sapiens" / "Compara.113.protein_default.homologies.tsv").write_text(_dump(PARALOG))
    (layout / "mus_musculus" / "Compara.113.protein_default.homologies.tsv.gz").write_text(_dump(PARALOG))
    with pytest.raises(InputError, match=messages.Shared.no_ortholog_between_homo):
        build_release(layout / "release.toml", layout / "rel")
    assert not (layout / "rel").exists()


def test_a_dump_of_another_release_is_noticed_by_its_name(layout: Path) -> None:
    (layout / "homo_sapiens" / "Compara.112.tsv").write_text(_dump(INS2))
    config = CONFIG.replace("homo_sapiens/Compara.113.protein_default.homologies.tsv", "homo_sapiens/Compara.112.tsv")
    (layout / "release.toml").write_text(config)
    with pytest.raises(MixedInputsError, match=messages.Sources.says_113):
        build_release(layout / "release.toml", layout / "rel")
    (layout / "release.toml").write_text(config + "[build]\nallow_mixed = true\n")
    build_release(layout / "release.toml", layout / "rel")


def test_a_gene_that_the_annotation_does_not_know_is_noticed(layout: Path) -> None:
    stranger = INS2.replace("ENSG00000000001", "ENSG00000000777")
    (layout / "homo_sapiens" / "Compara.113.protein_default.homologies.tsv").write_text(_dump(stranger))
    with pytest.raises(MixedInputsError, match=messages.Sources.genes_ensg00000000777):
        build_release(layout / "release.toml", layout / "rel")
