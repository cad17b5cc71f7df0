"""``homodb exam``, through the entry of the command line."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import polars as pl
import pytest

import homodb
from homodb.query.exam import CAVEATS, COLUMNS, exam
from homodb.schema.enums import ExamBy
from tests.cli.conftest import Run, one_error

HUMAN, MOUSE = "homo_sapiens", "mus_musculus"
ROWS = [
    ("source_species", "source_id", "target_species", "target_id", "homology_type", "event", "family", "family_size",
     "divergence", "identity"),
    (HUMAN, "ENSG00000000001", MOUSE, "ENSMUSG00000000001", "ortholog_one2many", "", "F1", "4", "0.3", ""),
    (HUMAN, "ENSG00000000001", MOUSE, "ENSMUSG00000000002", "ortholog_one2many", "", "F1", "4", "0.3", ""),
    (HUMAN, "ENSG00000000002", MOUSE, "ENSMUSG00000000003", "ortholog_one2one", "", "F2", "3", "0.3", "80"),
    (MOUSE, "ENSMUSG00000000003", "sus_scrofa", "GCG", "ortholog_one2one", "", "F2", "3", "0.4", ""),
]  # fmt: skip
TRUTH = "".join("\t".join(row) + "\n" for row in ROWS)


COUNTS = ["mapped", "right", "wrong", "unjudged"]


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.tsv.gz"
    path.write_bytes(gzip.compress(TRUTH.encode()))
    return path


def test_tables_of_all_questions_and_what_is_not_claimed(run: Run, toy_folder: Path, truth: Path) -> None:
    ran = run("exam", toy_folder, "--truth", truth)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        "release toy-1 against truth.tsv.gz: 2 pairs of species, 4 true ortholog pairs, 2 of them one-to-one"
    )
    for caveat in CAVEATS:
        assert caveat in ran.out.splitlines()
    titles = ("all ortholog pairs:", "one-to-one families only:", "by evidence class:", "by divergence",
              "by size of the true group", "by size of the family")  # fmt: skip
    places = [ran.out.index(f"\n\n{title}") for title in titles]
    assert places == sorted(places)
    first = ran.out.split("all ortholog pairs:\n")[1].splitlines()
    assert first[0].split()[:5] == ["strategy", "source", "species", "target", "species"]
    # mouse - pig: Ins1, Ins2 - INS are wrong, for the truth knows these mouse genes
    assert first[1].split()[:7] == ["ENS_M2M", "all", "all", "21", "4", "2", "15"]


@pytest.mark.slow
@pytest.mark.parametrize("by", ExamBy)
def test_one_question(run: Run, toy_folder: Path, truth: Path, by: ExamBy) -> None:
    whole, one = (run("exam", toy_folder, "--truth", truth, *more).out for more in ((), ("--by", by)))
    assert len(one) < len(whole)
    assert one.split("\n\n", 1)[1].rstrip() in whole
    rows = json.loads(run("exam", toy_folder, "--truth", truth, "--by", by, "--json").out)
    assert {row["by"] for row in rows} == {by}


def test_json_is_one_array_of_rows(run: Run, toy_folder: Path, truth: Path) -> None:
    ran = run("exam", toy_folder, "--truth", truth, "--json")
    rows = json.loads(ran.out)
    assert all(list(row) == list(COLUMNS) for row in rows)
    assert {row["caveat"] for row in rows} == {*CAVEATS, " ".join(CAVEATS)}
    with homodb.open(toy_folder) as release:
        assert rows == exam(release, truth).rows().to_dicts()


def test_other_formats_and_a_file(run: Run, toy_folder: Path, truth: Path, tmp_path: Path) -> None:
    csv = run("exam", toy_folder, "--truth", truth, "--format", "csv").out
    assert pl.read_csv(io.StringIO(csv)).columns == list(COLUMNS)
    assert run("exam", toy_folder, "--truth", truth, "--format", "parquet", "-o", "scores.parquet").out == ""
    assert pl.read_parquet(tmp_path / "scores.parquet").height == len(csv.splitlines()) - 1


@pytest.mark.slow
def test_the_release_may_be_named_as_for_other_commands(
    run: Run, toy_folder: Path, truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = run("exam", toy_folder, "--truth", truth, "--json").out
    assert run("exam", "--release", toy_folder, "--truth", truth, "--json").out == wanted
    assert run("--release", toy_folder, "exam", "--truth", truth, "--json").out == wanted
    monkeypatch.setenv("HOMODB_RELEASE", str(toy_folder))
    assert run("exam", "--truth", truth, "--json").out == wanted
    monkeypatch.delenv("HOMODB_RELEASE")
    one_error(run("exam", "--truth", truth), "no release is given")


def test_genes_that_exist(run: Run, toy_folder: Path, truth: Path) -> None:
    Path("genes.tsv").write_text("species\tstable_id\nhomo_sapiens\tENSG00000000006\n")
    rows = json.loads(run("exam", toy_folder, "--truth", truth, "--genes", "genes.tsv", "--json").out)
    assert (rows[0]["wrong"], rows[0]["unjudged"]) == (3, 14), "VWF - Vwf is wrong once VWF is known"


def test_what_cannot_be_examined_is_one_line(run: Run, toy_folder: Path, truth: Path, toy_config: Path) -> None:
    one_error(run("exam", toy_folder, "--truth", "nothing.tsv"), "nothing.tsv", "there is no such file")
    one_error(run("exam", toy_folder, "--truth", toy_config), "release.toml", "there is no column 'source_species'")
    Path("short.tsv").write_text(TRUTH.splitlines()[0] + "\nhomo_sapiens\tA\n")
    one_error(run("exam", toy_folder, "--truth", "short.tsv"), "line 2: wrong number of fields")
    Path("rat.tsv").write_text(TRUTH.replace("mus_musculus", "rattus_norvegicus"))
    one_error(run("exam", toy_folder, "--truth", "rat.tsv"), "no pair of species in common")
    Path("others.tsv").write_text(TRUTH.replace("ENS", "XYZ"))
    one_error(run("exam", toy_folder, "--truth", "others.tsv"), "has both genes in the release")
    one_error(run("exam", toy_folder, "--truth", truth, "--genes", truth), "there is no column 'species'")
    one_error(run("exam", "nowhere", "--truth", truth), "nowhere")


def test_release_without_mappings(run: Run, truth: Path, toy_config: Path) -> None:
    from homodb.etl import build_release

    Path("human.gtf").write_bytes((toy_config.parent / "human.gtf").read_bytes())
    species = '[[species]]\nname = "human"\nannotation = "human.gtf"\n[[species]]\nname = "mouse"\n'
    Path("release.toml").write_text('[release]\nversion = "bare"\n' + species)
    build_release(Path("release.toml"), Path("rel"))
    one_error(run("exam", "rel", "--truth", truth), "release bare has no mappings")
