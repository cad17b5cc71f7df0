"""What new users stumbled on: each ends in one line that says what is wrong, before any work is done."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import pytest
import typer
from typer.main import get_command

from homodb.cli import progress
from homodb.cli.app import app
from homodb.cli.command import Command
from homodb.schema.errors import OptionsError
from tests.cli.conftest import Run, one_error
from tests.cli.test_cli import cells as cells

PAIR = ("--from", "human", "--to", "mouse")
HUMAN = "Homo_sapiens.test.pep.all.fa"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder with a list of genes and a truth."""
    (tmp_path / "genes.txt").write_text("INS\nGCG\n")
    (tmp_path / "text").write_text("no table\n")
    (tmp_path / "mouse.txt").write_text("Ins2\n")
    (tmp_path / HUMAN).write_text(">ENSP1.1 pep gene:ENSG1.1\nMSTNPKPQRKTK\n")
    return tmp_path


# Numbers and words


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sql", "SELECT 1", "--timeout", "1e300"], "--timeout is 1e+300; it must be at least 0.001 and at most"),
        (["sql", "SELECT 1", "--timeout", "nan"], "--timeout is nan; it must be"),
        (["sql", "SELECT 1", "--memory", "1e300"], "--memory is 1e+300; it must be at least 0.01"),
        (["sql", "SELECT 1", "--memory", "-1"], "--memory is -1.0; it must be"),
        (["sql", "SELECT 1", "--timeout", "soon"], "--timeout is 'soon'; wanted a number, such as"),
        (["sql", "SELECT 1", "--format", "jsn"], "--format does not take 'jsn'; there are table, csv, tsv, json"),
        (["sql", "SELECT 1", "--format", "jsn"], "did you mean 'json'?"),
        (["neighbors", "INS", *PAIR, "-k", "0"], "-k is 0; it must be at least 1"),
        (["neighbors", "INS", *PAIR, "-k", "few"], "-k is 'few'; wanted a whole number"),
        (["fetch", "--ensembl", "-1", "--species", "human", "-o", "f"], "--ensembl is -1; it must be at least 1"),
        (["build", "--ensembl", "0", "--species", "human", "-o", "f"], "--ensembl is 0; it must be at least 1"),
        (["markers", "joint.h5ad", "--top", "-1"], "--top is -1; it must be at least 1"),
        (["markers", "joint.h5ad", "--fdr", "2"], "--fdr is 2.0; it must be at least 0 and at most 1"),
        (["report", "joint.h5ad", "-o", "r.html", "--top", "0"], "--top is 0; it must be"),
        (["simulate", "-o", "sim", "--genes", "many"], "--genes is 'many'; wanted a whole number"),
        (["simulate", "-o", "sim", "--set", "mised=0.1"], "Unknown key 'mised'; there are species, genes"),
        (["translate", "a.h5ad", "--to", "human", "-o", "b.h5ad", "--block", "0"], "--block is 0; it must be"),
        (["translate", "a.h5ad", "--to", "human", "-o", "b.h5ad", "--min-identity", "101"], "--min-identity is 101"),
        (["download", "--only", "duck"], "--only does not take 'duck'; there are duckdb, parquet"),
        (["exam", "--truth", "genes.txt", "--by", "strat"], "--by does not take 'strat'; there are strategy"),
        (["export", "embeddings", "-o", "v", "--format", "hdf"], "--format does not take 'hdf'; there are parquet"),
        (["embed", HUMAN, "-o", "st", "--device", "cud"], "unknown device 'cud'; there are auto, cpu, cuda, mps"),
        (["embed", HUMAN, "-o", "st", "--device", "cuda"], "model kmer runs on the CPU only. Expected device auto"),
        (["embed", HUMAN, "-o", "st", "--long", "cut"], "--long does not take 'cut'; there are truncate, window"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_numbers_and_words_that_an_option_does_not_take(
    run: Run, toy_folder: Path, given: Path, words: list[str], says: str
) -> None:
    before = sorted(given.iterdir())
    one_error(run(*words, HOMODB_RELEASE=str(toy_folder)), says)
    assert sorted(given.iterdir()) == before


# Options that do not go together


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sql", "SELECT 1", "--json", "--format", "csv"], ["--json and --format csv do not go together"]),
        (["sql", "SELECT 1", "--format", "csv", "-o", "a.parquet"], ["--output a.parquet and --format csv do not"]),
        (["sql", "SELECT 1", "--json", "-o", "a.csv"], ["--output a.csv and --json do not go together"]),
        (["sql", "SELECT 1", "--format", "table", "-o", "a"], ["a table is for reading"]),
        (["orthologs", "INS", "--all", *PAIR], ["--all and GENE do not go together"]),
        (["orthologs", "--file", "genes.txt", "--all", *PAIR], ["--all and --file do not go together"]),
        (["exam", "rel", "--truth", "genes.txt", "--release", "REL"], ["RELEASE and --release do not go together"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "b.h5ad", "--slot", "X=sum", "--slot", "X=mean"],
         ["--slot X=sum and --slot X=mean do not go together"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "b.h5ad", "--slot", "X"], ["expected NAME=POLICY"]),
        (["join", "a.h5ad", "b.h5ad", "-o", "j.h5ad", "--features", "copy", "--strategy", "hl_o2o"],
         ["--features is for --strategy ens_m2m"]),
        (["join", "a.h5ad", "b.h5ad", "-o", "j.h5ad", "--largest", "9"], ["--largest is for --strategy ens_m2m"]),
        (["export", "graph", *PAIR, "-o", "g.npz", "--format", "biadjacency", "--names", "symbol"],
         ["names are for the form samap", "(--names)"]),
        (["export", "graph", *PAIR, "-o", "g.npz", "--format", "biadjacency", "--id", "human=h"],
         ["ids are for the form samap", "(--id)"]),
        (["export", "graph", *PAIR, "-o", "g.npz", "--format", "samap", "--id", "human"],
         ["--id human: expected SPECIES=ID, such as human=hs"]),
        (["export", "graph", *PAIR, "-o", "g.npz", "--format", "samap", "--id", "human=a", "--id", "human=b"],
         ["--id human=a and --id human=b do not go together"]),
        (["export", "graph", *PAIR, "-o", "g.npz", "--format", "samap", "--id", "pig=a"],
         ["an ID is given for pig, and the graph is of human, mouse"]),
        (["build", "release.toml", "--ensembl", "113", "-o", "q"],
         ["--ensembl is for a build without a config: release.toml says it in [ensembl]"]),
        (["build", "release.toml", "--division", "plants", "-o", "q"], ["--division is for a build without a config"]),
        (["build", "-o", "q"], ["there is nothing to build from"]),
        (["build", "a.csv", "b.csv", "--species", "human", "-o", "q"], ["--species is for a build without files"]),
        (["build", "release.toml", "--add-to", "x", "-o", "q"], ["--add-to is for a build of files"]),
        (["verify", "REL", "--release", "REL"], ["PATH and --release do not go together"]),
        (["evaluate", "cells.h5ad", "--truth", "kind", "--release", "nix"], ["nix: there is no such release"]),
        (["integrate", "cells.h5ad", "-o", "b.h5ad", "--release", "nix"], ["nix: there is no such release"]),
    ],
    ids=lambda value: " ".join(value)[:70],
)  # fmt: skip
def test_options_that_do_not_go_together(
    run: Run, toy_folder: Path, given: Path, cells: Path, words: list[str], says: list[str]
) -> None:
    before = sorted(given.iterdir())
    typed = [str(toy_folder) if word == "REL" else word for word in words]
    one_error(run(*typed, HOMODB_RELEASE=str(toy_folder)), *says)
    assert sorted(given.iterdir()) == before


# Endings


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sql", "SELECT 1", "-o", "a.h5ad"], "answers are written as .csv, .tsv, .json, .parquet or .arrow, not as"),
        (["sql", "SELECT 1", "-o", "a.csv.gz"], "not as .gz; change the ending"),
        (["translate", "cells.h5ad", "--to", "human", "-o", "a.csv"], "are written as .h5ad or .zarr, not as .csv"),
        (["translate", "mouse.txt", "--to", "human", "-o", "a.h5ad"], "genes of mouse.txt are written as .txt, not as"),
        (["join", "a.h5ad", "b.h5ad", "-o", "j.parquet"], "cells are written as .h5ad or .zarr, not as .parquet"),
        (["integrate", "a.h5ad", "-o", "i.csv"], "cells are written as .h5ad or .zarr, not as .csv"),
        (["annotate", "a.h5ad", "--reference", "b.h5ad", "--label", "x", "-o", "i.tsv"], "cells are written as"),
        (["score", "cells.h5ad", "-o", "s.csv"], "scores are written as .json or .txt, not as .csv"),
        (["export", "graph", *PAIR, "-o", "g.csv", "--format", "samap"], "graphs are written as .npz"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)  # fmt: skip
def test_nothing_is_written_under_the_ending_of_another_format(
    run: Run, toy_folder: Path, given: Path, cells: Path, words: list[str], says: str
) -> None:
    before = sorted(given.iterdir())
    one_error(run(*words, HOMODB_RELEASE=str(toy_folder)), says)
    assert sorted(given.iterdir()) == before


@pytest.mark.slow
def test_the_ending_decides_the_format(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    read = {
        "a.csv": pl.read_csv,
        "a.tsv": lambda path: pl.read_csv(path, separator="\t"),
        "a.json": pl.read_json,
        "a.PARQUET": pl.read_parquet,
        "a.arrow": lambda path: pl.read_ipc_stream(path),
        "a": pl.read_csv,
        "a.txt": pl.read_csv,
    }
    for name, reader in read.items():
        ran = run("sql", "SELECT 1 AS one, 'a' AS two", "-o", name, HOMODB_RELEASE=str(toy_folder))
        assert (ran.code, ran.out) == (0, ""), ran
        assert reader(tmp_path / name).rows() == [(1, "a")], name  # type: ignore[operator]
    for name in ("list.txt", "list.lst", "other.txt.gz"):
        (tmp_path / "list.lst").write_text("Ins2\n")
        given = "genes.lst" if name == "list.lst" else "genes.txt"
        (tmp_path / given).write_text("Ins2\n")
        ran = run("translate", given, "--to", "human", "--from", "mouse", "-o", name, HOMODB_RELEASE=str(toy_folder))
        assert ran.code == 0, ran


def test_sums_are_numbers_in_json(run: Run, toy_folder: Path) -> None:
    asked = "SELECT sum(n) AS s, 1.5 AS d, 'é' AS t FROM (SELECT 2 AS n UNION ALL SELECT 3)"
    ran = run("sql", asked, "--json", "--release", toy_folder)
    assert ran.out == '[{"s": 5, "d": 1.5, "t": "é"}]\n'


# What is not there, and what cannot be written


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["embed", "nofile", "-o", "st"], "nofile: there is no such file"),
        (["embed", HUMAN, "--model", "esm2_t6_8M_UR50D", "--weights", "no.pt", "-o", "st"], "no.pt: there is no such"),
        (["embed", "cells.h5ad", "--species", "mouse", "-o", "st"], r"is not valid UTF-8 (b'\x89HDF"),
        (["exam", "--truth", "nofile"], "nofile: there is no such file"),
        (["exam", "--truth", "text"], "line 1: there is no column 'source_species', 'source_id'"),
        (["orthologs", "--file", "nofile", *PAIR], "nofile: there is no such file"),
        (["evaluate", "nofile", "--truth", "x"], "nofile: there is no such file"),
        (["markers", "cells.h5ad", "nofile"], "nofile: there is no such file"),
        (["demo", "--simulated", "--weights", "nofile.pt"], "nofile.pt: there is no such file"),
        (["demo", "-o", "genes.txt"], "genes.txt: cannot be created because"),
        (["build", "toy.toml", "-o", "genes.txt"], "genes.txt: cannot be created because"),
        (["build", "toy.toml", "-o", "genes.txt/x"], "genes.txt is a file; name another folder"),
        (["build", "toy.toml", "-o", "/proc/x"], "/proc/x: cannot be written"),
        (["simulate", "-o", "/proc/x"], "/proc/x: cannot be written"),
        (["embed", HUMAN, "-o", "genes.txt"], "genes.txt: cannot be created because"),
        (["export", "embeddings", "-o", "genes.txt", "--format", "h5"], "genes.txt: cannot be created because"),
        (["markers", "cells.h5ad", "-o", "genes.txt"], "genes.txt: cannot be created because"),
        (["publish", "REL", "--to", "genes.txt"], "genes.txt: cannot be created because"),
        (["publish", "genes.txt", "--to", "pub"], "genes.txt: is not a release (it holds no manifest.json)"),
        (["verify", "cells.h5ad"], "cells.h5ad: is not a release with its manifest; give the folder of one"),
        (["info", "--release", "REL/manifest.json"], "manifest.json: is the manifest of a release; give its folder"),
        (["info", "--release", "text"], "text: is not a release file that DuckDB can open; give the folder"),
        (["publish", "REL", "--to", "REL"], "is the release itself or inside it. Expected a folder of releases"),
        (["build", "REL", "-o", "x"], "is a folder; name the config, such as"),
        (["build", "cells.h5ad", "-o", "x"], "cells.h5ad: line 1: is not valid UTF-8"),
        (["sql", "SELECT 1", "-o", "-"], "-: is not a file; name one, or none to print the answer (--output)"),
        (["info", "--release", ""], "--release is empty: name a release, or leave it out"),
        (["fetch", "--ensembl", "113", "--species", "human", "-o", "genes.txt", "--offline"], "genes.txt: cannot be"),
        (
            ["fetch", "--ensembl", "113", "--species", "human", "-o", "f", "--offline"],
            "f: has no files of homo_sapiens, and",
        ),
        (["explain", "", *PAIR], "is meant by '' (unknown)"),
        (["inspect", "cells.h5ad", "--from", "klingon"], "Release toy-1 holds human, mouse, pig."),
        (["orthologs", "INS", "--from", "humn", "--to", "mouse"], "did you mean human (homo_sapiens)?"),
    ],
    ids=lambda value: " ".join(value)[:70] if isinstance(value, list) else "",
)  # fmt: skip
def test_what_is_not_there_is_told_before_the_work(
    run: Run, toy_folder: Path, toy_config: Path, given: Path, cells: Path, words: list[str], says: str
) -> None:
    before = sorted(given.iterdir())
    named = {"toy.toml": str(toy_config)}
    typed = [named.get(word, word).replace("REL", str(toy_folder)) for word in words]
    ran = run(*typed, HOMODB_RELEASE=str(toy_folder))
    one_error(ran, says)
    assert len(ran.err) < 700 and "[Errno" not in ran.err and ran.err.replace("\n", "").isprintable()
    assert sorted(given.iterdir()) == before


def test_a_species_that_a_release_lacks_is_not_downloaded(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    assert run("publish", toy_folder, "--to", "pub").code == 0
    lacked = run("download", "--catalog", "pub", "--species", "rat")
    one_error(lacked, "does not hold rattus_norvegicus (it holds homo_sapiens, mus_musculus, sus_scrofa)")
    assert not list((tmp_path / "cache").rglob("*.parquet")) and not list((tmp_path / "cache").rglob("*.duckdb"))
    assert run("download", "--catalog", "pub", "--species", "mouse").code == 0


def test_a_catalog_in_the_configuration_is_spelt_right(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config" / "homodb").mkdir(parents=True)
    (tmp_path / "config" / "homodb" / "config.toml").write_text('catalogue = "releases"\n')
    if sys.platform == "linux":
        one_error(run("releases"), "Unknown key 'catalogue'; there are catalog", "hint: did you mean 'catalog'?")


# Closed streams, logs, help


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_tracebacks(toy_folder: Path, tmp_path: Path, closed: str) -> None:
    words = f"{sys.executable} -m homodb.cli --release {toy_folder}"
    for asked in ("info", "sql 'FROM gene' -o genes.csv"):
        done = subprocess.run(
            ["bash", "-c", f"{words} {asked} {closed}"], cwd=tmp_path, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), done.stderr
    assert pl.read_csv(tmp_path / "genes.csv").height == 42


def test_a_log_is_told_what_takes_long(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with progress.status() as show, progress.steps_bar("first") as advance:
        show("quick")
        advance("quick", 1, 2)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(progress, "_FIRST", 0.02)
    monkeypatch.setattr(progress, "_AGAIN", 0.02)
    with progress.status() as show:
        show("scores")
        _wait_for(capfd, r"working: scores \(0 s\)\n")
    with progress.bytes_bar("downloading") as done:
        done(1, 4)
        _wait_for(capfd, r"working: downloading, 25 % \(0 s\)\n")


def _wait_for(capfd: pytest.CaptureFixture[str], wanted: str) -> None:
    written = ""
    for _ in range(200):
        time.sleep(0.02)
        written += capfd.readouterr().err
        if re.search(wanted, written):
            return
    raise AssertionError(written)


def _commands() -> dict[str, Any]:
    """Every command by its name."""
    found = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", {})
        found |= {f"{name} {other}": below[other] for other in below} or {name: command}
    return found


@pytest.mark.parametrize("name", _commands())
def test_help_names_what_is_given_and_says_nothing_twice(name: str) -> None:
    command = _commands()[name]
    context = command.make_context(name, [], resilient_parsing=True)
    usage, shown = " ".join(command.collect_usage_pieces(context)), command.get_help(context)
    assert not re.search(r"[{}]|\.{4}", usage), usage
    assert not re.search(r"[ <]<?(str|int|float|path|bool)>|<list|\bx[<>]=|[<>]=x\b", shown), shown
    for parameter in command.params:
        spelled, told = parameter.get_help_record(context)
        assert len(re.findall("default", told, re.IGNORECASE)) <= 1, (spelled, told)
        if parameter.name == "strategy":
            assert re.search("Default: (ens_m2m|hm_o2o); lm_o2o where Ensembl has nothing", told)


def test_examples_of_build_are_apart(run: Run) -> None:
    told = run("build", "--help").out
    assert told.count("\n\n  Example: homodb build ") == 3


def test_one_of_anything_is_in_the_singular(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    assert run("publish", toy_folder, "--to", "pub").code == 0
    assert run("download", "--catalog", "pub").code == 0
    assert run("cache", "list").out.splitlines()[-1].startswith("1 entry, ")
    told = run("cache", "prune", "toy-1", "--dry-run", "--json")
    assert json.loads(told.out)["deleted"][0]["name"] == "toy-1"


def test_a_gene_without_a_partner_is_named(run: Run, toy_folder: Path) -> None:
    """A block without a target is easily overlooked."""
    ran = run("--release", toy_folder, "orthologs", "INS", "MALAT1", "NOSUCH", "--from", "human", "--to", "mouse")
    assert "without a partner (homodb explain says why): MALAT1\n" in ran.err and "MALAT1" in ran.out
    ran = run("--release", toy_folder, "orthologs", "INS", "--from", "human", "--to", "mouse")
    assert "without a partner" not in ran.err


def test_explain_says_an_id_once(run: Run, toy_folder: Path) -> None:
    told = run("explain", "ENSG00000000001", *PAIR, "--release", toy_folder).out.splitlines()[0]
    assert told == "ENSG00000000001 is INS of homo_sapiens, found by stable_id"
    nameless = run("explain", "ENSG00000000017", *PAIR, "--release", toy_folder).out.splitlines()[0]
    assert nameless == "ENSG00000000017 is a gene without symbol of homo_sapiens, found by stable_id"


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (None, "error: wrong"),
        ("layer", "error: wrong (--layer)"),
        ("target", "error: wrong (--to)"),  # the name in Python
        ("to", "error: wrong (--to)"),
        ("random_state", "error: wrong (--random-state)"),
        ("groupby", "error: wrong"),  # Python's alone
    ],
)
def test_the_flag_of_the_option_that_an_error_concerns(
    run: Run, monkeypatch: pytest.MonkeyPatch, option: str | None, line: str
) -> None:
    app = typer.Typer()

    @app.command(cls=Command)
    def stumble(
        target: Annotated[str, typer.Option("-t", "--to")] = "",
        layer: Annotated[str, typer.Option("--layer")] = "",
        seed: Annotated[str, typer.Option("--random-state")] = "",
    ) -> None:
        raise OptionsError("wrong", option=option)

    monkeypatch.setattr("homodb.cli.app.app", app)
    ran = run()
    assert (ran.code, ran.out, ran.err) == (2, "", f"{line}\n")


@pytest.mark.parametrize("name", ["sets.gmx", "genes.bed", "genes.json", "genes.yaml", "genes"])
def test_a_text_that_is_no_list_by_its_name_is_not_called_an_anndata(
    run: Run, toy_folder: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("Ins1\nGcg\n")
    words = ["translate", str(tmp_path / name), "--to", "human", "-o", str(tmp_path / "out.txt")]
    ran = run(*words, HOMODB_RELEASE=str(toy_folder))
    one_error(ran, ".rnk")
    assert "not an AnnData" not in ran.err


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["build", f"{LONG}.toml", "-o", "rel"],
        ["build", LONG, "-o", "rel"],
        ["build", "c.toml", "-o", LONG],
        ["build", HUMAN, "-o", LONG],
        ["verify", LONG],
        ["publish", LONG, "--to", "folder"],
        ["publish", "folder", "--to", LONG],
        ["fetch", "--ensembl", "113", "--species", "human", "-o", LONG],
        ["embed", LONG, "-o", "st"],
        ["embed", HUMAN, "-o", LONG],
        ["simulate", "-o", LONG],
        ["exam", "--truth", LONG],
        ["exam", "--truth", "text", "-o", LONG],
        ["use", LONG],
        ["download", LONG],
        ["info", "--release", LONG],
        ["inspect", LONG],
        *(["translate", one, "--to", "human", "-o", out] for one, out in ((LONG, "a.h5ad"), ("genes.txt", LONG))),
        ["join", LONG, "mouse.h5ad", "-o", "joint.h5ad"],
        ["integrate", LONG, "--species", "human", "-o", "joint.h5ad"],
        ["score", LONG],
        ["compare", LONG, "-o", "a"],
        ["annotate", LONG, "--reference", "b.h5ad", "--label", "x", "-o", "a.h5ad"],
        ["evaluate", LONG, "--truth", "x"],
        ["markers", LONG],
        ["report", LONG, "-o", "r.html"],
        ["orthologs", "--file", LONG, "--from", "human", "--to", "mouse"],
        ["export", "duckdb", "-o", LONG],
    ],
    ids=lambda words: " ".join(words)[:30],
)
@pytest.mark.parametrize("times", [1, 100])
def test_names_of_files_that_are_too_long(
    run: Run, given: Path, toy_folder: Path, words: list[str], times: int
) -> None:
    (given / "c.toml").write_text('[release]\nversion = "1"\n[[species]]\nname = "human"\n')
    (given / "folder").mkdir()
    words = [word.replace(LONG, LONG * times) for word in words]
    if words[0] in ("exam", "inspect", "translate", "join", "integrate", "compare", "annotate", "orthologs", "export"):
        words += ["--release", str(toy_folder)]
    ran = run(*words)
    assert (ran.code, ran.out) == (2, ""), ran.err[-2_000:]
    assert "Traceback" not in ran.err and "Usage" not in ran.err
