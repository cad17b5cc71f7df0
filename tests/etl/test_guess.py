"""A build of files alone: format, species and direction from headers, IDs and names."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

import homodb
from homodb.etl import build_release, config_from_files, read_config
from homodb.schema.errors import BrokenReleaseError, ConfigError, InputError, OutputError

BIOMART = "Gene stable ID,Gene name,{0} gene stable ID,{0} gene name,{0} homology type\n"
HUMAN_MOUSE = BIOMART.format("Mouse") + "ENSG00000254647,INS,ENSMUSG00000035804,Ins1,ortholog_one2many\n"
SYMBOLS = "Gene name\tPig gene name\tPig homology type\nIns2\tINS\tortholog_one2one\n"
R_NAMES = (
    "external_gene_name\tmmusculus_homolog_associated_gene_name\tmmusculus_homolog_orthology_type\n"
    "INS\tIns2\tortholog_one2one\n"
)
COMPARA = (
    "gene_stable_id\tprotein_stable_id\tspecies\tidentity\thomology_type\thomology_gene_stable_id\t"
    "homology_protein_stable_id\thomology_species\thomology_identity\tdn\tds\tgoc_score\twga_coverage\t"
    "is_high_confidence\thomology_id\n"
    "ENSG00000254647\tENSP1\thomo_sapiens\t78\tortholog_one2one\tENSMUSG00000035804\tENSMUSP1\tmus_musculus\t80\t"
    "NULL\tNULL\t100\t100\t1\t1\n"
)
HCOP = (
    "human_entrez_gene\thuman_ensembl_gene\tchicken_entrez_gene\tchicken_ensembl_gene\tsupport\n"
    "1\tENSG1\t2\tENSGALG1\tEnsembl\n"
)
GTF = (
    '6\tensembl\tgene\t1\t9\t.\t+\t.\tgene_id "ENSMUSG00000035804"; gene_name "Ins1"; gene_biotype "protein_coding";\n'
)
FASTA = ">ENSP1 pep gene:G1 transcript:T1\nMKLV\n"


def put(folder: Path, **texts: str) -> list[Path]:
    paths = []
    for name, text in texts.items():
        path = folder / f"{name}.txt.gz"
        path.write_bytes(gzip.compress(text.encode()))
        paths.append(path)
    return paths


def tables(folder: Path, **texts: str) -> tuple[set[str], list[tuple[str, str, str]]]:
    config = config_from_files(put(folder, **texts), folder / "rel")
    assert read_config(folder / "rel.toml") == config
    pairs = [(one.source.common_name, one.target.common_name, one.format) for one in config.homologies]
    pairs += [(one.source.common_name, one.target.common_name, "hcop") for one in config.databases]
    return {entry.species.common_name for entry in config.species}, pairs


@pytest.mark.parametrize(
    ("name", "text", "pair"),
    [
        ("export", HUMAN_MOUSE, ("human", "mouse", "biomart")),
        ("mice_pig", SYMBOLS, ("mouse", "pig", "biomart")),
        ("pig.mus_musculus", SYMBOLS, ("mouse", "pig", "biomart")),
        ("mart_hsapiens_mmusculus_2026", R_NAMES, ("human", "mouse", "biomart")),
        ("Compara.113.protein_default.homologies", COMPARA, ("human", "mouse", "compara")),
        ("human_chicken_hcop_fifteen_column", HCOP, ("human", "chicken", "hcop")),
    ],
)
def test_pairs(tmp_path: Path, name: str, text: str, pair: tuple[str, str, str]) -> None:
    assert tables(tmp_path, **{name: text}) == (set(pair[:2]), [pair])


def test_several_species_in_one_export(tmp_path: Path) -> None:
    header = BIOMART.format("Mouse").strip() + ",Pig gene stable ID,Pig homology type\n"
    text = (
        header + "ENSG00000254647,INS,ENSMUSG00000035804,Ins1,ortholog_one2many,ENSSSCG00000000001,ortholog_one2one\n"
    )
    assert tables(tmp_path, export=text) == (
        {"human", "mouse", "pig"},
        [("human", "mouse", "biomart"), ("human", "pig", "biomart")],
    )


def test_files_of_one_species(tmp_path: Path) -> None:
    files = put(
        tmp_path,
        a="stable_id\tsymbol\nENSG00000254647\tINS\n",
        b="Gene stable ID\tGene Synonym\nENSG00000254647\tIDDM2\n",
        c=GTF,
        **{"Sus_scrofa.Sscrofa11.1.pep.all": FASTA, "chicken.pep": FASTA},
    )
    config = config_from_files(files, tmp_path / "rel")
    named = {entry.species.common_name: entry for entry in config.species}
    assert named["human"].genes and named["human"].synonyms and named["mouse"].annotation
    assert named["pig"].proteome and named["chicken"].proteome
    assert config.embedding is not None and config.embedding.model == "kmer"


def test_both_dumps_of_compara_are_one_pair(tmp_path: Path) -> None:
    config = config_from_files(put(tmp_path, one=COMPARA, two=COMPARA), tmp_path / "rel")
    assert [len(entry.paths) for entry in config.homologies] == [2]


def test_it_builds(tmp_path: Path) -> None:
    config = config_from_files(put(tmp_path, export=HUMAN_MOUSE), tmp_path / "deep" / "rel")
    manifest = build_release(config, tmp_path / "deep" / "rel")
    assert (manifest.version, manifest.rows["mapping"]) == ("rel", 2)
    again = build_release(tmp_path / "deep" / "rel.toml", tmp_path / "deep" / "rel")
    assert again.rows == manifest.rows


def test_genes_and_synonyms_of_a_release_are_added(tmp_path: Path, toy_folder: Path) -> None:
    """Symbols get the stable IDs of the base, whose synonyms resolve."""
    text = "Gene name\tMouse gene name\tMouse homology type\nTNF\tTnf\tortholog_one2one\n"
    config = config_from_files(put(tmp_path, human_mouse=text), tmp_path / "rel", toy_folder)
    manifest = build_release(config, tmp_path / "rel")
    assert manifest.species == ("homo_sapiens", "mus_musculus")
    with homodb.open(tmp_path / "rel") as release:
        partners = release.orthologs("TNFA", source="human", target="mouse")
        assert partners["target_symbol"].to_list() == ["Tnf"]
        assert release.sql("SELECT count(*) AS n FROM gene WHERE species = 1 AND symbol_stands_in")["n"].item() == 0
        assert release.sql("SELECT path FROM provenance WHERE source = 'base' ORDER BY 1")["path"].to_list() == [
            "toy-1/gene", "toy-1/gene_alias",
        ]  # fmt: skip
        assert release.sql("SELECT bool_and(annotated) AS a FROM species")["a"].item()


def test_a_damaged_base(tmp_path: Path, toy_folder: Path) -> None:
    base = tmp_path / "base"
    (base / "parquet" / "gene").mkdir(parents=True)
    (base / "manifest.json").write_bytes((toy_folder / "manifest.json").read_bytes())
    config = config_from_files(put(tmp_path, export=HUMAN_MOUSE), tmp_path / "rel", base)
    with pytest.raises(BrokenReleaseError, match="has no Parquet file of its table gene"):
        build_release(config, tmp_path / "rel")
    (base / "parquet" / "gene" / "gene.parquet").write_bytes(b"PAR1")
    with pytest.raises(BrokenReleaseError, match=r"gene\.parquet: is not the file that the manifest names"):
        build_release(config, tmp_path / "rel")


def test_a_base_of_other_tables(tmp_path: Path, toy_folder: Path) -> None:
    """The manifest is right, but its tables are none of a release."""
    base = tmp_path / "base"
    manifest = json.loads((toy_folder / "manifest.json").read_text())
    for table in ("gene", "gene_alias"):
        path = base / "parquet" / table / f"{table}.parquet"
        path.parent.mkdir(parents=True)
        pl.DataFrame({"x": [1]}).write_parquet(path)
        entry = next(file for file in manifest["files"] if file["path"] == f"parquet/{table}/{table}.parquet")
        entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (base / "manifest.json").write_text(json.dumps(manifest))
    config = config_from_files(put(tmp_path, export=HUMAN_MOUSE), tmp_path / "rel", base)
    with pytest.raises(InputError, match="base: cannot be read"):
        build_release(config, tmp_path / "rel")


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"export": SYMBOLS}, r"the species of its genes cannot be determined .*Name it in the file name"),
        ({"human_mouse_rat": SYMBOLS}, r"its file name homo_sapiens, mus_musculus, rattus_norvegicus"),
        ({"export": HUMAN_MOUSE.replace("Mouse", "Griffin")}, "no species is called 'griffin'"),
        ({"a": HUMAN_MOUSE, "b": HUMAN_MOUSE}, "homo_sapiens and mus_musculus have two exports"),
        ({"pig": FASTA, "pig2.sus_scrofa": FASTA}, "sus_scrofa has two files of this kind"),
        ({"dump": COMPARA.split("\n")[0] + "\n"}, "has no pair of species"),
    ],
)
def test_what_cannot_be_told(tmp_path: Path, texts: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        config_from_files(put(tmp_path, **texts), tmp_path / "rel")


def test_a_config_of_ones_own_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "rel.toml").write_text("[release]\n")
    with pytest.raises(OutputError, match=r"rel\.toml: is not of homodb build"):
        config_from_files(put(tmp_path, export=HUMAN_MOUSE), tmp_path / "rel")
    with pytest.raises(ConfigError, match="no such file"):
        config_from_files([tmp_path / "none.csv"], tmp_path / "other")
