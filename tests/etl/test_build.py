"""A whole build: the same bytes each time, complete or absent, nothing lost on the way."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import homodb
from homodb.etl import (
    Contents,
    Runner,
    Step,
    build_release,
    check_homology_genes,
    check_same_release,
    derive_tables,
    read_config,
    read_inputs,
    staged_folder,
    write_release,
)
from homodb.query.genes import resolve
from homodb.schema.connect import tables
from homodb.schema.errors import (
    BrokenReleaseError,
    ConfigError,
    HomodbError,
    InputError,
    MixedInputsError,
    OutputError,
)
from homodb.schema.manifest import MANIFEST, read_manifest
from tests import messages


@pytest.fixture
def inputs(tmp_path: Path, toy_config: Path) -> Path:
    """A copy of the toy's inputs that a test may spoil."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for path in toy_config.parent.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def content(folder: Path) -> dict[str, str]:
    """Every file below a folder, with its checksum."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of a release's DuckDB file, sorted."""
    (database,) = folder.glob("*.duckdb")
    with duckdb.connect(str(database), read_only=True) as connection:
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetchall() for name in tables()}


def assert_whole(folder: Path) -> None:
    """A release holds the files of its manifest, as they were, and no others."""
    manifest = read_manifest(folder)
    assert {file.path: file.sha256 for file in manifest.files} == {
        path: checksum for path, checksum in content(folder).items() if path != MANIFEST
    }
    assert all((folder / file.path).stat().st_size == file.bytes for file in manifest.files)
    with homodb.open(folder) as release:
        assert release.version == manifest.version


# ---------------------------------------------------------------------------------------------- what is written


def test_same_inputs_same_bytes(inputs: Path, tmp_path: Path, toy_folder: Path) -> None:
    """Parquet byte for byte, the DuckDB file by its content, the manifest but for the times and that file."""
    other = tmp_path / "again"
    manifest = build_release(inputs / "release.toml", other)
    parquet = {path: checksum for path, checksum in content(toy_folder).items() if path.endswith(".parquet")}
    assert len(parquet) == len(tables()) + 2  # homology and mapping have a file for each of two pairs
    assert {path: checksum for path, checksum in content(other).items() if path.endswith(".parquet")} == parquet
    assert rows_of(other) == rows_of(toy_folder)
    first = read_manifest(toy_folder)
    same = {"created": "", "files": tuple(file for file in manifest.files if file.kind != "duckdb")}
    files = tuple(file for file in first.files if file.kind != "duckdb")
    assert dataclasses.replace(manifest, **same) == dataclasses.replace(first, created="", files=files)


def test_manifest_is_what_lies_there(toy_folder: Path) -> None:
    assert_whole(toy_folder)
    manifest = read_manifest(toy_folder)
    assert manifest.database == "homodb-toy-1.duckdb"
    assert manifest.species == ("homo_sapiens", "mus_musculus", "sus_scrofa")
    assert manifest.strategies == ("ENS_M2M", "ENS_O2O", "HM_O2O", "LM_O2O", "HL_O2O")
    assert manifest.embeddings == ("made-by-hand mean",)
    assert manifest.rows == {name: len(rows) for name, rows in rows_of(toy_folder).items()}
    assert (manifest.rows["species"], manifest.rows["homology"], manifest.rows["mapping"]) == (3, 21, 72)


def test_parquet_holds_what_the_database_holds(toy_folder: Path) -> None:
    for name, rows in rows_of(toy_folder).items():
        with duckdb.connect() as connection:
            files = f"{toy_folder}/parquet/{name}/*.parquet"
            if name == "orthology_pair":  # no pair, no file of a pair
                assert rows == list((toy_folder / "parquet" / name).iterdir()) == []
                continue
            assert connection.execute("SELECT * FROM read_parquet($1) ORDER BY ALL", [files]).fetchall() == rows, name


def test_provenance(toy: homodb.Release, toy_config: Path) -> None:
    rows = {row[1]: row for row in toy.sql("SELECT * FROM provenance").rows()}
    assert len(rows) == toy.sql("SELECT * FROM provenance").height == 7
    for path, (source, _, size, checksum, count, kept) in rows.items():
        raw = (toy_config.parent / path).read_bytes()
        assert (size, checksum) == (len(raw), hashlib.sha256(raw).hexdigest())
        assert 0 < kept <= count == len([line for line in raw.splitlines()[1:] if line]), path
        assert source in ("annotation", "xref", "synonyms", "biomart", "hits")
    assert rows["human_mouse.txt"][4:] == (25, 14)
    assert rows["human.gtf"][4:] == (22, 22)


def test_every_step_is_reported_when_it_begins_and_when_it_is_done(inputs: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    build_release(read_config(inputs / "release.toml"), tmp_path / "out", report=steps.append)
    begun = [(step.name, step.subject) for step in steps if step.rows is None]
    assert [(step.name, step.subject) for step in steps if step.rows is not None] == begun
    assert begun[0] == ("read annotation", "human.gtf")
    assert [name for name, _ in begun[-4:]] == ["genes", "map", "map", "write"]


def test_pairs_limit_what_is_mapped(inputs: Path, tmp_path: Path) -> None:
    """The homologies of other pairs are left out with their mappings."""
    with (inputs / "release.toml").open("a") as stream:
        stream.write('[build]\npairs = [["pig", "mouse"]]\n')
    manifest = build_release(inputs / "release.toml", tmp_path / "out")
    assert (manifest.rows["species_pair"], manifest.rows["homology"], manifest.rows["mapping"]) == (1, 7, 18)
    assert_whole(tmp_path / "out")


def test_all_pairs(inputs: Path, tmp_path: Path) -> None:
    with (inputs / "release.toml").open("a") as stream:
        stream.write('[build]\npairs = "all"\n')
    assert build_release(inputs / "release.toml", tmp_path / "out").rows["species_pair"] == 3


def test_a_date_is_no_symbol_of_a_stable_id(tmp_path: Path) -> None:
    """Ensembl's exports of some species have such names; a table of genes that went through a spreadsheet, too."""
    pairs = (
        "Gene stable ID\tGene name\tMouse gene stable ID\tMouse gene name\tMouse homology type\n"
        "ENSG00000180096\t1-Sep\tENSMUSG00000000486\tSeptin1\tortholog_one2one\n"
        "ENSG00000168385\t44441\tENSMUSG00000026276\t2021-09-02\tortholog_one2one\n"
    )
    (tmp_path / "pairs.txt").write_text(pairs)
    (tmp_path / "genes.tsv").write_text(
        "stable_id\tsymbol\nENSG00000180096\tSEPTIN1\nENSG00000168385\t\nENSG00000184640\t9-Sep\n"
    )
    (tmp_path / "release.toml").write_text(
        '[release]\nversion = "dates"\n[[species]]\nname = "human"\ngenes = "genes.tsv"\n[[species]]\n'
        'name = "mouse"\n[[homology]]\nsource = "human"\ntarget = "mouse"\nformat = "biomart"\npath = "pairs.txt"\n'
    )
    build_release(tmp_path / "release.toml", tmp_path / "rel")
    with homodb.open(tmp_path / "rel") as release:
        symbols = dict(release.sql("SELECT stable_id, symbol FROM gene").iter_rows())
        counts = {row["where"]: row["count"] for row in release.manifest.losses if "into dates" in row["reason"]}
        assert resolve(release, ["1-Sep"], release.find_species("human"))["symbol"].to_list() == ["SEPTIN1"]
    assert symbols == {
        "ENSG00000180096": "SEPTIN1", "ENSG00000168385": None, "ENSG00000184640": None,
        "ENSMUSG00000000486": "Septin1", "ENSMUSG00000026276": None,
    }  # fmt: skip
    assert counts == {"pairs.txt": 3, "genes.tsv": 1}


def test_symbols_that_alternate_loci_share_are_not_ambiguous(inputs: Path, tmp_path: Path) -> None:
    """An export without stable IDs: TNF means the gene on chromosome 6, not its copy on a haplotype."""
    lines = [line.split("\t") for line in (inputs / "human_mouse.txt").read_text().splitlines()]
    named = ["\t".join([line[1], *line[3:]]) for line in lines if line[1]]
    (inputs / "human_mouse.txt").write_text("\n".join(named) + "\n")
    build_release(inputs / "release.toml", tmp_path / "out")
    with homodb.open(tmp_path / "out") as release:
        found = release.orthologs("TNF", source="human", target="mouse", strategy="ENS_M2M")
        assert found["source_id"].to_list() == ["ENSG00000000003"]
        assert release.manifest is not None
        assert not [loss for loss in release.manifest.losses if "several genes bear" in loss["reason"]]


def test_a_pair_under_several_names_is_one_hit(inputs: Path, tmp_path: Path) -> None:
    """GCG - Gcg by stable IDs too, and TNF by its copy: no tie, and the higher correlation counts."""
    with (inputs / "best_hits.csv").open("a") as stream:
        stream.write("ENSG00000000002,ENSMUSG00000000003,0.999\nENSG00000000018,Tnf,0.5\n")
    build_release(inputs / "release.toml", tmp_path / "out")
    with homodb.open(tmp_path / "out") as release:
        found = release.orthologs(["GCG", "TNF"], source="human", target="mouse", strategy="LM_O2O")
        rows = found.select("source_symbol", pl.col("correlation").round(3), "tied").rows()
        assert sorted(rows) == [("GCG", pytest.approx(0.999), False), ("TNF", pytest.approx(0.95), False)]
        assert release.sql("SELECT best_hits FROM embedding_pair").item() == 9


# ---------------------------------------------------------------------------------------------- where it is written


def test_a_build_takes_the_place_of_an_earlier_one(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "place" / "release"
    build_release(inputs / "release.toml", out)
    (inputs / "best_hits.csv").unlink()
    text = (inputs / "release.toml").read_text()
    (inputs / "release.toml").write_text(text.partition("[[evidence]]")[0].replace("Toy release", "Smaller"))
    manifest = build_release(inputs / "release.toml", out)
    assert manifest.embeddings == ()
    assert_whole(out)
    with homodb.open(out) as release:
        assert str(release.sql("SELECT title FROM release").item()).startswith("Smaller")
    assert [path.name for path in out.parent.iterdir()] == ["release"]


def test_an_empty_folder_and_a_link_to_a_folder_will_do(inputs: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    for _ in range(2):
        build_release(inputs / "release.toml", link)
        assert link.is_symlink()
        assert_whole(real)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs", "link", "real"]


def foreign_file(out: Path) -> None:
    (out / "notes.txt").write_text("mine")


def foreign_folder(out: Path) -> None:
    (out / "parquet" / "mine").mkdir()
    (out / "parquet" / "mine" / "table.parquet").write_text("mine")


def other_version(out: Path) -> None:
    edit(out / MANIFEST, '"version": "toy-1"', '"version": "toy-0"')


def no_manifest(out: Path) -> None:
    (out / MANIFEST).unlink()


def broken_manifest(out: Path) -> None:
    (out / MANIFEST).write_text("{")


@pytest.mark.parametrize("spoil", [foreign_file, foreign_folder, other_version, no_manifest, broken_manifest])
def test_what_is_not_an_earlier_build_is_not_touched(
    inputs: Path, tmp_path: Path, toy_folder: Path, spoil: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(toy_folder, out)
    spoil(out)
    before = content(tmp_path)
    with pytest.raises(OutputError, match=messages.Build.se_new_or_empty_folder):
        build_release(inputs / "release.toml", out)
    assert content(tmp_path) == before


def test_a_file_is_no_place(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError):
            build_release(inputs / "release.toml", out)
    assert (tmp_path / "file").read_text() == "mine"


def test_an_earlier_build_comes_back_when_the_new_one_cannot_take_its_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    with pytest.raises(OutputError), staged_folder(out) as folder:
        folder.rmdir()
    assert content(tmp_path) == content(out.parent) == {"out/old": hashlib.sha256(b"old").hexdigest()}


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("name", "old", "new", "error"),
    [
        ("human_mouse.txt", "\t82\t82\t", "\t182\t82\t", InputError),
        ("human_mouse.txt", "\t100\t100\t1", "\t33.5\t100\t1", InputError),
        ("human_mouse.txt", "Mouse homology type", "Mouse homology kind", InputError),
        ("mouse_pig.csv", "ortholog_many2many", "paralog", InputError),
        ("mouse_pig.csv", "Xist,,,,,,", "Xist", InputError),
        ("best_hits.csv", "0.99", "1.99", InputError),
        ("correlations.csv", "correlation", "r", InputError),
        ("human.gtf", "2159779", "2159779x", InputError),
        ("human.entrez.tsv", "gene_stable_id", "gene", InputError),
        ("human.synonyms.tsv", "Gene Synonym", "Word", InputError),
        ("release.toml", 'path = "mouse_pig.csv"', 'path = "absent.csv"', ConfigError),
        ("release.toml", 'title = "', 'titel = "', ConfigError),
        ("release.toml", 'source = "mouse"\ntarget = "pig"', 'source = "pig"\ntarget = "mouse"', InputError),
        ("human_mouse.txt", "ENSG00000000017\t\t", "ENSG00000000099\t\t", MixedInputsError),
        ("release.toml", '"none (made by hand)"', '"115"\n[build]\nallow_mixed = 1', ConfigError),
    ],
)
def test_bad_inputs_write_nothing(
    inputs: Path, tmp_path: Path, name: str, old: str, new: str, error: type[HomodbError]
) -> None:
    edit(inputs / name, old, new)
    with pytest.raises(error) as caught:
        build_release(inputs / "release.toml", tmp_path / "place" / "out")
    assert "\n" not in str(caught.value)
    assert str(inputs) in str(caught.value) or error is MixedInputsError
    assert [path.name for path in tmp_path.iterdir()] == ["inputs"]


def test_bad_inputs_leave_an_earlier_build_as_it_was(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_release(inputs / "release.toml", out)
    before = content(out)
    (inputs / "mouse_pig.csv").write_bytes(b"\x1f\x8b")
    with pytest.raises(InputError):
        build_release(inputs / "release.toml", out)
    assert content(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs", "out"]


def test_a_pair_without_any_ortholog(inputs: Path, tmp_path: Path) -> None:
    header = (inputs / "mouse_pig.csv").read_text().splitlines()[0]
    (inputs / "mouse_pig.csv").write_text(f"{header}\nGcg,,,,,,\n")
    with pytest.raises(InputError, match=messages.Build.mouse_pig_csv_no_ortholog):
        build_release(inputs / "release.toml", tmp_path / "out")


# ---------------------------------------------------------------------------------------------- mixed releases


def test_file_names_of_different_releases(inputs: Path, tmp_path: Path) -> None:
    config = inputs / "release.toml"
    for old, new in (
        ("human.gtf", "Homo_sapiens.GRCh38.115.gtf"),
        ("human.entrez.tsv", "Homo_sapiens.GRCh38.110.entrez.tsv"),
    ):
        (inputs / old).rename(inputs / new)
        edit(config, old, new)
    with pytest.raises(MixedInputsError, match=messages.Build.different_ensembl_releases):
        build_release(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    config.write_text(config.read_text() + "[build]\nallow_mixed = true\n")
    build_release(config, tmp_path / "out")
    assert_whole(tmp_path / "out")


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("release-110/fasta/homo_sapiens/pep/Homo_sapiens.GRCh38.pep.all.fa.gz", "110"),
        ("a/release-98/x.fa", "98"),
        ("Compara.116.protein_default.homologies.tsv.gz", "116"),
        ("Homo_sapiens.GRCh38.115.gtf.gz", "115"),
        ("Homo_sapiens.GRCh38.115.chr.gtf.gz", "115"),
        ("Homo_sapiens.GRCh38.115.chr_patch_hapl_scaff.gtf.gz", "115"),
        ("Xenopus_tropicalis.UCB_Xtro_10.0.110.gtf", "110"),
        ("Homo_sapiens.GRCh38.115.uniprot.tsv.gz", "115"),
        ("Homo_sapiens.GRCh38.pep.all.fa.gz", None),
        ("Saccharomyces_cerevisiae.R64-1-1.pep.all.fa", None),
        ("2024.10.gtf.txt.fa", "10"),
        ("my_release-98_x/y.fa", None),
    ],
)
def test_release_numbers_in_file_names(written: str, number: str | None) -> None:
    check_same_release([written, "other.fa"], number)
    check_same_release([written], None)
    if number is None:
        check_same_release([written], "7")
    else:
        with pytest.raises(MixedInputsError, match=messages.Build.release_ensembl_set_allow):
            check_same_release([written], "7")


def test_genes_that_the_annotation_does_not_know(inputs: Path, tmp_path: Path) -> None:
    edit(inputs / "human_mouse.txt", "ENSG00000000017\t\t", "ENSG00000000099\t\t")
    with pytest.raises(MixedInputsError, match=messages.Build.homo_sapiens_1_11_genes):
        build_release(inputs / "release.toml", tmp_path / "out")
    with (inputs / "release.toml").open("a") as stream:
        stream.write("[build]\nallow_mixed = true\n")
    build_release(inputs / "release.toml", tmp_path / "out")
    with homodb.open(tmp_path / "out") as release:
        assert release.sql("SELECT count(*) FROM gene WHERE stable_id = 'ENSG00000000099'").item() == 1


def test_a_gene_without_homologies_may_be_unknown_to_the_annotation(inputs: Path, tmp_path: Path) -> None:
    """A GTF without haplotypes does not know the haplotype genes that a full export lists, without orthologs."""
    with (inputs / "human_mouse.txt").open("a") as stream:
        stream.write("ENSG00000000099\tZZZ" + "\t" * 8 + "\n")
    build_release(inputs / "release.toml", tmp_path / "out")


@pytest.mark.parametrize(("unknown", "mixed"), [(0, False), (10, False), (11, True)])
def test_a_proteome_may_lack_a_tenth(unknown: int, mixed: bool) -> None:
    def genes(*ids: str | None) -> pl.DataFrame:
        return pl.DataFrame(
            {"species": [1] * len(ids), "stable_id": ids}, {"species": pl.Int16, "stable_id": pl.String}
        )

    proteome = genes(*(f"E{n}" for n in range(500)))
    named = genes(*(f"E{n}" for n in range(100 - unknown)), *(f"U{n}" for n in range(unknown)), None, None)
    if mixed:
        with pytest.raises(MixedInputsError, match=messages.Build.homo_sapiens_11_100_genes):
            check_homology_genes({1: "homo_sapiens"}, proteome, genes(), named)
    else:
        check_homology_genes({1: "homo_sapiens"}, proteome, genes(), named)
    check_homology_genes({1: "homo_sapiens"}, genes(), genes(), named)  # nothing told the genes: nothing to compare


# ---------------------------------------------------------------------------------------------- broken invariants


@pytest.fixture(scope="module")
def contents(toy_config: Path) -> Contents:
    settings, runner = read_config(toy_config), Runner(lambda step: None)
    return derive_tables(settings, read_inputs(settings, runner), Path("unused"), runner)


#: Of each of some invariants (all of them: tests/schema/test_connect.py) a table that breaks it.
BREAKS: dict[str, tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    "gene_key": ("gene", lambda t: t.with_columns(pl.col("gene") + 1, pl.col("primary_gene") + 1)),
    "homology_range": ("homology", lambda t: t.with_columns(identity_a=pl.lit(100.5))),
    "mapping_pair_once": ("mapping", lambda t: pl.concat([t, t.head(1)])),
    "mapping_embedding": ("mapping", lambda t: t.with_columns(embedding=pl.lit(None, pl.Int32))),
    "one_to_one": (
        "mapping",
        lambda t: pl.concat(
            [
                t.filter(pl.col("strategy") != "HM_O2O"),
                t.filter(pl.col("strategy") == "ENS_M2M").with_columns(strategy=pl.lit("HM_O2O")),
            ]
        ),
    ),
    "ensembl_mapping": ("homology", lambda t: t.slice(1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKS)
def test_broken_invariants_make_no_release(tmp_path: Path, toy_config: Path, contents: Contents, name: str) -> None:
    table, spoil = BREAKS[name]
    spoiled = dataclasses.replace(contents, tables={**contents.tables, table: spoil(contents.tables[table])})
    fragment = messages.Build.breaks_invariants_release.format(name=name)
    with pytest.raises(BrokenReleaseError, match=fragment):  # noqa: SIM117
        with staged_folder(tmp_path / "out") as folder:
            write_release(folder, read_config(toy_config).release, spoiled)
    assert list(tmp_path.iterdir()) == []


def test_tables_are_written_in_a_total_order(
    tmp_path: Path, toy_config: Path, toy_folder: Path, contents: Contents
) -> None:
    """Whatever the order in which rows come, the Parquet files are the same bytes."""
    shuffled = {name: table.sample(fraction=1, shuffle=True, seed=3) for name, table in contents.tables.items()}
    write_release(tmp_path, read_config(toy_config).release, dataclasses.replace(contents, tables=shuffled))
    for path in (toy_folder / "parquet").rglob("*.parquet"):
        assert (tmp_path / path.relative_to(toy_folder)).read_bytes() == path.read_bytes(), path


# ---------------------------------------------------------------------------------------------- killed

BUILD = """
import sys
from pathlib import Path
from homodb.etl import build_release
build_release(Path(sys.argv[1]), Path(sys.argv[2]), report=lambda step: print(step.name, step.rows, flush=True))
"""


@pytest.mark.slow
def test_a_killed_build_leaves_the_earlier_one(inputs: Path, tmp_path: Path) -> None:
    """Killed while it reads, maps, and at several moments while it writes; a new one then goes through."""
    out = tmp_path / "out"
    steps: list[Step] = []
    build_release(inputs / "release.toml", out, report=steps.append)
    before = content(out)
    edit(inputs / "release.toml", "Toy release", "Second")
    chance = random.Random(7)  # noqa: S311
    for moment in ("read biomart None", "map None", "write None", "write None", "write None"):
        command = [sys.executable, "-c", BUILD, str(inputs / "release.toml"), str(out)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert any(line.strip() == moment for line in process.stdout)
            if moment == "write None":
                time.sleep(chance.uniform(0, steps[-1].seconds))
            process.kill()
            process.wait()
        assert_whole(out)
        if not str(read_manifest(out).title).startswith("Second"):  # it was killed in time
            assert content(out) == before
    assert str(build_release(inputs / "release.toml", out).title).startswith("Second")
    assert_whole(out)
