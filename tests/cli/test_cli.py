"""The command line: through its own entry, in this process where that is enough, in another where it is not."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from polars.testing import assert_frame_equal

import homodb
from homodb.cli.output import say_losses
from homodb.schema.connect import schema_version
from tests.cli.conftest import Run, one_error

COMMANDS = ("translate", "inspect", "orthologs", "explain", "table", "sql", "info", "build", "simulate", "exam")
TRUTH = """\
source_species\tsource_id\ttarget_species\ttarget_id\thomology_type
homo_sapiens\tENSG00000000001\tmus_musculus\tENSMUSG00000000002\tortholog_one2many
"""
MOUSE = ["Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "Rplp0", "Dup1", "Dup2", "Xist", "Nonsense"]


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    path = tmp_path / "cells.h5ad"
    matrix = np.random.default_rng(0).poisson(3.0, (6, len(MOUSE))).astype(np.int32)
    anndata.AnnData(X=sp.csr_matrix(matrix), var=pd.DataFrame(index=MOUSE)).write_h5ad(path)
    return path


# Help


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, command: str) -> None:
    for flag in ("--help", "-h"):
        ran = run(command, flag)
        assert (ran.code, ran.err) == (0, "")
        assert f"Example: homodb {command} " in ran.out
        assert "--json" in ran.out


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_the_help_works(
    run: Run,
    toy_folder: Path,
    toy_config: Path,
    cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """As it stands there, in a folder with the files that it names."""
    shutil.copytree(toy_config.parent, tmp_path, dirs_exist_ok=True)
    cells.rename(tmp_path / "mouse.h5ad")
    monkeypatch.setenv("HOMODB_RELEASE", str(toy_folder))
    if command != "build":
        shutil.copytree(toy_folder, tmp_path / "rel")
    (tmp_path / "truth.tsv.gz").write_bytes(gzip.compress(TRUTH.encode()))
    text = " ".join(run(command, "--help").out.split())
    example = text.split("Example: ")[1].split(" Arguments:")[0].split(" Options:")[0]
    ran = run(*shlex.split(example)[1:])
    assert ran.code == 0, ran.err
    assert ran.out or list(tmp_path.glob("joint.csv"))


def test_version(run: Run) -> None:
    ran = run("--version")
    assert ran.code == 0 and ran.out == f"homodb {homodb.__version__}, schema {schema_version()}\n"
    assert ran.err.startswith("no release: ")


def test_version_tells_which_release_would_be_asked(
    run: Run, toy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = f"release toy-1, schema {schema_version()}, {toy_folder}\n"
    assert run("--release", toy_folder, "--version").out.endswith(named)
    monkeypatch.setenv("HOMODB_RELEASE", str(toy_folder))
    assert run("--version").out.endswith(named)
    assert run("--release", "nothing", "--version").err.startswith("no release: nothing")


def test_all_commands_are_listed(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0 and all(f"  {command} " in ran.out for command in COMMANDS)
    assert "exit code 2" in ran.out


def test_losses_of_one_kind_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    strategies = "strategies not available without embeddings of both species: LM_O2O, HL_O2O"
    losses = [{"where": f"human - {name}", "reason": strategies, "count": 2} for name in ("rat", "cow", "dog")]
    losses += [{"where": name, "reason": "pairs of retired stable IDs", "count": 1000} for name in "abc"]
    losses += [{"where": name, "reason": "empty rows", "count": 1} for name in "ab"]
    say_losses(losses)
    assert capsys.readouterr().out.splitlines() == [
        f"noted: 2 {strategies} (human - rat and 2 more)", "noted: 3,000 pairs of retired stable IDs (a and 2 more)",
        "noted: 1 empty rows (a)", "noted: 1 empty rows (b)",
    ]  # fmt: skip


@pytest.mark.parametrize("words", [["bogus"], ["info", "--bogus"], ["table"]])
def test_misuse_is_explained(run: Run, words: list[str]) -> None:
    ran = run(*words)
    assert ran.code == 2 and "Usage:" in ran.err + ran.out and "Traceback" not in ran.err


# Which release


@pytest.mark.slow
def test_release_before_and_after_the_command_and_by_environment(
    run: Run, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("info", "--json", "--release", toy_folder)
    assert json.loads(expected.out)["version"] == "toy-1"
    assert run("--release", toy_folder, "info", "--json") == expected
    assert run("info", "--json", "--release", next(toy_folder.glob("*.duckdb"))).code == 0
    assert run("--release", "nothing", "info", "--json", "--release", toy_folder) == expected  # the later wins
    shutil.copytree(toy_folder, tmp_path / "cache" / "releases" / "named")
    assert run("--release", "named", "info", "--json") == expected
    monkeypatch.setenv("HOMODB_RELEASE", str(toy_folder))
    assert run("info", "--json") == expected
    one_error(run("info", "--release", "nothing"), "nothing")
    monkeypatch.setenv("HOMODB_RELEASE", "nothing")
    assert run("--release", toy_folder, "info", "--json") == expected
    one_error(run("info"), "nothing")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nothing", "~nobody_here", "x" * 300, ".", "cells.h5ad"])
def test_wrong_release(run: Run, cells: Path, name: str) -> None:
    one_error(run("info", "--release", name), name[:20])
    one_error(run("--release", name, "sql", "SELECT 1"), name[:20])


def test_no_release(run: Run) -> None:
    one_error(run("info"), "--release", "HOMODB_RELEASE", "homodb build")


# Answers for machines

QUESTIONS = [
    ["orthologs", "INS", "FOO", "TBCE", "--from", "human", "--to", "mouse"],
    ["orthologs", "--all", "--from", "human", "--to", "mouse", "--strategy", "hl_o2o"],
    ["orthologs", "MALAT1", "--from", "human", "--to", "mouse"],
    ["explain", "FCER1A", "--from", "human", "--to", "mouse"],
    ["table", "human", "mouse", "pig"],
    ["table", "human", "mouse", "--strategy", "lm_o2o"],
    ["sql", "FROM gene"],
    ["sql", "SELECT 1 WHERE false"],
    ["sql", "SELECT 'é\"\n,;' AS a, NULL AS b, [1, NULL] AS c, {'d': 1.5} AS e, DATE '2026-01-02' AS f"],
    ["sql", "SELECT 'nan'::DOUBLE AS a, 'inf'::FLOAT AS b, ['-inf'::DOUBLE] AS c"],
    ["sql", "SELECT 'x'::BLOB AS a, 1::HUGEINT AS b, uuid() AS c, TIME '10:00' AS d, TIMESTAMP '2026-01-02' AS e"],
]  # fmt: skip


def strict(text: str) -> object:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_json_is_one_array_of_objects_and_nothing_else(run: Run, toy_folder: Path, question: list[str]) -> None:
    ran = run(*question, "--json", "--release", toy_folder)
    assert (ran.code, ran.err) == (0, "")
    rows = strict(ran.out)
    assert isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    assert ran.out.count("\n") == 1 and ran.out.endswith("\n")


@pytest.mark.slow
def test_json_of_info_build_and_translate_is_one_object(
    run: Run, toy_folder: Path, toy_config: Path, cells: Path, tmp_path: Path
) -> None:
    info = run("info", "--json", "--release", toy_folder)
    built = run("build", toy_config, "-o", "rel", "--json")
    translated = run("translate", cells, "--to", "human", "-o", "out.h5ad", "--json", "--release", toy_folder)
    for ran in (info, built, translated):
        assert (ran.code, ran.err) == (0, "")
        assert isinstance(strict(ran.out), dict)
    assert json.loads(info.out)["losses"][0]["count"] == 1
    assert json.loads(built.out)["version"] == "toy-1" and (tmp_path / "rel" / "manifest.json").is_file()
    told = json.loads(translated.out)
    assert told["output"] == "out.h5ad" and told["fates"]["mapped"] == 10
    assert told["carried_mitochondrial"] is None  # the file has no mitochondrial gene


def test_the_same_answer_in_every_format(run: Run, toy_folder: Path) -> None:
    question = [
        "orthologs",
        "--all",
        "--from",
        "human",
        "--to",
        "mouse",
        "--strategy",
        "hl_o2o",
        "--release",
        toy_folder,
    ]
    with homodb.open(toy_folder) as release:
        expected = release.orthologs(source="human", target="mouse", strategy="hl_o2o")
    parquet = pl.read_parquet(io.BytesIO(run(*question, "--format", "parquet").raw))
    arrow = pl.from_arrow(pa.ipc.open_stream(run(*question, "--format", "arrow").raw).read_all())
    csv = pl.read_csv(io.BytesIO(run(*question, "--format", "csv").raw), schema=expected.schema)
    rows = pl.DataFrame(json.loads(run(*question, "--format", "json").raw), schema=expected.schema)
    for frame in (parquet, arrow, csv, rows):
        assert isinstance(frame, pl.DataFrame)
        assert_frame_equal(frame, expected, check_exact=False)


@pytest.mark.slow
def test_csv_holds_what_is_nested(run: Run, toy_folder: Path) -> None:
    sql = "SELECT [1, 2] AS a, {'b': [1]} AS b, [{'c': 1}] AS c, 'x'::BLOB AS d, [1, 2]::INT[2] AS e, NULL::INT[] AS f"
    ran = run("sql", sql, "--format", "csv", "--release", toy_folder)
    assert pl.read_csv(io.BytesIO(ran.raw), infer_schema=False).row(0) == (
        "1;2", '{"b": [1]}', '[{"c": 1}]', "78", "[1, 2]", None,
    )  # fmt: skip
    assert run("sql", sql, "--release", toy_folder).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json", "parquet", "arrow"])
def test_a_file_holds_what_would_be_printed(run: Run, toy_folder: Path, tmp_path: Path, form: str) -> None:
    question = ["sql", "FROM gene ORDER BY gene", "--format", form, "--release", toy_folder]
    read = {
        "csv": pl.read_csv,
        "json": pl.read_json,
        "parquet": pl.read_parquet,
        "arrow": lambda source: pl.from_arrow(pa.ipc.open_stream(source).read_all()),
    }[form]
    printed = read(io.BytesIO(run(*question).raw))
    (tmp_path / "out").write_text("what was there before")
    written = run(*question, "-o", "out")
    assert (written.code, written.raw) == (0, b"")
    assert printed.height == 42 and printed.equals(read(io.BytesIO((tmp_path / "out").read_bytes())))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # no part of a file is left


def test_a_file_that_cannot_be_written_leaves_nothing(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for output in ("missing/out.csv", "folder", "x" * 300):
        one_error(run("table", "human", "mouse", "-o", output, "--release", toy_folder), output[:20])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    (tmp_path / "out.csv").write_text("as before")
    one_error(run("sql", "SELEC", "-o", "out.csv", "--release", toy_folder))
    assert (tmp_path / "out.csv").read_text() == "as before"


# Answers for people


def test_table_of_orthologs(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "genes.txt").write_text("GCG\n\n  FOO \n")
    asked = ["--from", "Human", "--to", "mice", "--release", toy_folder]
    ran = run("orthologs", "INS", "--file", "genes.txt", *asked)
    lines = [line.split() for line in ran.out.splitlines()]
    assert [line[0] for line in lines[1:]] == ["INS", "INS", "GCG", "FOO"]
    assert [line[4] for line in lines[1:]] == ["Ins2", "Ins1", "Gcg", "-"]


def test_explain_tells_why(run: Run, toy_folder: Path) -> None:
    ran = run("explain", "LOC3576", "--from", "human", "--to", "mouse", "--release", toy_folder)
    assert "LOC3576 is CXCL8 of homo_sapiens (ENSG00000000009), found by alias" in ran.out
    assert "the release's Ensembl data have no ortholog in mus_musculus" in ran.out
    ran = run("explain", "FCER1A", "--from", "human", "--to", "mouse", "--release", toy_folder)
    assert "Fcer1a went to FCGR1B" in ran.out


def test_long_tables_are_cut_and_it_is_said(run: Run, toy_folder: Path) -> None:
    ran = run("sql", "FROM range(60)", "--release", toy_folder)
    assert len(ran.out.splitlines()) == 51 and "10 more rows" in ran.err


def test_translate_reports_and_writes(run: Run, toy_folder: Path, cells: Path, tmp_path: Path) -> None:
    ran = run("translate", cells, "--to", "human", "-o", "out.h5ad", "--strategy", "hm_o2o", "--release", toy_folder)
    assert (ran.code, ran.err) == (0, "")
    assert "by HM_O2O of release toy-1" in ran.out and "Ins1 to Ins2" in ran.out
    read = anndata.read_h5ad(tmp_path / "out.h5ad")
    expected = homodb.translate(anndata.read_h5ad(cells), "human", strategy="hm_o2o", release=toy_folder)
    assert (read.X != expected.X).nnz == 0 and read.var.equals(expected.var)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.h5ad", "out.h5ad"]


# Errors


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["orthologs", "INS", "--from", "human", "--to", "klingon"], ["klingon"]),
        (["orthologs", "INS", "--from", "human", "--to", "rat"], ["rattus_norvegicus", "human, mouse, pig"]),
        (["orthologs", "INS", "--from", "human", "--to", "pig"], ["human - mouse, mouse - pig"]),
        (["orthologs", "INS", "--from", "human", "--to", "mouse", "--strategy", "best"], ["best", "HL_O2O"]),
        (["orthologs", "FOO", "--from", "human", "--to", "mouse"], ["FOO"]),
        (["orthologs", "TBCE", "--from", "human", "--to", "mouse"], ["ambiguous", "ENSG00000000015"]),
        (["orthologs", "--from", "human", "--to", "mouse"], ["--all"]),
        (["orthologs", "--file", "missing.txt", "--from", "human", "--to", "mouse"], ["missing.txt"]),
        (["orthologs", "--file", "cells.h5ad", "--from", "human", "--to", "mouse"], ["cells.h5ad"]),
        (["explain", "TBCE", "--from", "human", "--to", "mouse"], ["ambiguous"]),
        (["explain", "INS", "--from", "human", "--to", "pig"], ["human - mouse"]),
        (["table", "human"], ["two or more"]),
        (["table", "human", "pig"], ["human, pig"]),
        (["table", "human", "mouse", "--via", "pig"], ["sus_scrofa"]),
        (["sql", "SELEC 1"], ["SELEC"]),
        (["sql", "SELECT 1; SELECT 2"], ["2 statements"]),
        (["sql", "COPY gene TO 'x'"], ["COPY"]),
        (["sql", "FROM nothing"], ["nothing"]),
        (["sql", "SELECT DATE 'infinity'"], ["cast"]),
        (["translate", "missing.h5ad", "--to", "human", "-o", "out.h5ad"], ["missing.h5ad", "no such file"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "cells.h5ad"], ["is the input"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "./x/../cells.h5ad"], ["cells.h5ad"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "missing/out.h5ad"], ["missing"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "out.h5ad", "--column", "gene"], ["'gene'"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "out.h5ad", "--layer", "counts"], ["'counts'"]),
        (["translate", "cells.h5ad", "--to", "human", "-o", "out.h5ad", "--from", "pig"], ["pig and human"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_errors_are_one_line_and_code_2(
    run: Run, toy_folder: Path, cells: Path, tmp_path: Path, words: list[str], says: list[str]
) -> None:
    before = cells.read_bytes()
    one_error(run(*words, "--release", toy_folder), *says)
    assert cells.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["cells.h5ad"]


def spoil(path: Path, how: str) -> None:
    match how:
        case "text":
            path.write_text("cells,genes\n")
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "garbled":
            content = bytearray(path.read_bytes())
            content[800:2000] = bytes(1200)
            path.write_bytes(content)
        case "folder":
            path.unlink()
            path.mkdir()
        case "bare":
            with h5py.File(path, "w") as file:
                file["x"] = 1
        case "nothing in it":
            h5py.File(path, "w").close()
        case "10x":
            with h5py.File(path, "w") as file:
                file["matrix/data"] = [1]
        case "encoding":
            with h5py.File(path, "a") as file:
                file["X"].attrs["encoding-type"] = "of_a_newer_anndata"
        case "shape":
            with h5py.File(path, "a") as file:
                file["X"].attrs["shape"] = [99, 99]
        case "index":
            with h5py.File(path, "a") as file:
                file["X/indices"][0] = 5000


@pytest.mark.filterwarnings("ignore:.*without encoding metadata")
@pytest.mark.parametrize(
    "how",
    ["text", "empty", "truncated", "garbled", "folder", "bare", "nothing in it", "10x", "encoding", "shape", "index"],
)
def test_a_file_that_is_no_anndata(run: Run, toy_folder: Path, cells: Path, tmp_path: Path, how: str) -> None:
    spoil(cells, how)
    one_error(run("translate", cells, "--from", "mouse", "--to", "human", "-o", "out.h5ad", "--release", toy_folder))
    assert [path.name for path in tmp_path.iterdir()] == ["cells.h5ad"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (None, "config.toml"),
        ("[release\n", "TOML"),
        ('[release]\nversion = "1"\nsurprise = 1\n', "'surprise'"),
        ('[release]\nversion = "../1"\n[[species]]\nname = "human"\n', "version"),
        ('[release]\nversion = "1"\n[[species]]\nname = "klingon"\n', "klingon"),
        ('[release]\nversion = "1"\n[[species]]\nname = "human"\nannotation = "missing.gtf"\n', "missing.gtf"),
        ("\xff", "config.toml"),
    ],
)
def test_bad_configs(run: Run, tmp_path: Path, config: str | None, says: str) -> None:
    if config is not None:
        (tmp_path / "config.toml").write_bytes(config.encode("latin-1"))
    one_error(run("build", "config.toml", "-o", "rel"), says)
    assert not (tmp_path / "rel").exists()


def test_build_does_not_overwrite_what_it_did_not_make(run: Run, toy_config: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("x")
    one_error(run("build", toy_config, "-o", "mine"), "mine")
    (tmp_path / "file").write_text("x")
    one_error(run("build", toy_config, "-o", "file"), "file")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine", "precious.txt"]


# In a process of its own


def environment() -> dict[str, str]:
    source = str(Path(homodb.__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": source, "COLUMNS": "80", "TERM": "xterm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["sql", "SELECT i, 'x' FROM range(300000) t(i)", "--format", "csv"],
        ["sql", "SELECT i, 'x' FROM range(100000) t(i)", "--format", "parquet"],
        ["sql", "SELECT repeat('x', 100000) FROM range(40)"],
    ],
    ids=["csv", "parquet", "table"],
)
def test_a_closed_pipe_is_no_traceback(toy_folder: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "homodb.cli", *words, "--release", str(toy_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read().decode()
    assert "Traceback" not in err and "Error" not in err and "Exception" not in err


def on_a_terminal(command: list[str], folder: Path) -> tuple[int, str, str]:
    """Run with stderr on a pseudo-terminal: exit code, stdout, stderr."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment(), cwd=folder)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        seen += piece
    out, _ = process.communicate()
    os.close(ours)
    return process.returncode, out.decode(), seen.decode()


@pytest.mark.slow
def test_build_on_a_terminal_and_not(toy_config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "homodb.cli", "build", str(toy_config), "-o"]
    code, out, err = on_a_terminal([*command, "on"], tmp_path)
    assert code == 0 and "release toy-1: 3 species, 42 genes" in out
    assert "\x1b[" in err and "map" in err and "human - mouse" in err
    quiet = subprocess.run(
        [*command, "off"], capture_output=True, text=True, check=True, env=environment(), cwd=tmp_path
    )
    assert quiet.stdout.replace(" in off", "") == out.replace(" in on", "")
    assert "\x1b" not in quiet.stderr and "human - mouse" in quiet.stderr
    assert "1 homologies of genes with neither stable ID nor symbol" in quiet.stderr


@pytest.mark.slow
def test_an_error_on_a_terminal_is_one_line(tmp_path: Path) -> None:
    code, out, err = on_a_terminal([sys.executable, "-m", "homodb.cli", "build", "missing.toml", "-o", "x"], tmp_path)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err)  # the word error is red on a terminal
    assert (code, out) == (2, "") and "error: missing.toml" in plain and "Traceback" not in err


@pytest.mark.slow
def test_binary_is_not_printed_to_a_terminal(toy_folder: Path) -> None:
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        [sys.executable, "-m", "homodb.cli", "sql", "SELECT 1", "--format", "parquet", "--release", str(toy_folder)],
        stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, env=environment(),
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert ran.returncode == 2 and "-o FILE" in ran.stderr and len(ran.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "encoding", "expected"),
    [
        ("table", "latin-1", b"x\n\xe9\\u2192\n"), ("table", "ascii", "x\né→\n".encode()),
        ("csv", "ascii", "x\né→\n".encode()), ("json", "ascii", '[{"x": "é→"}]\n'.encode()),
    ],
)  # fmt: skip
def test_output_of_other_encodings(toy_folder: Path, form: str, encoding: str, expected: bytes) -> None:
    words = ["sql", "SELECT 'é→' AS x", "--format", form, "--release", str(toy_folder)]
    command = [sys.executable, "-m", "homodb.cli", *words]
    ran = subprocess.run(command, capture_output=True, check=True, env={**environment(), "PYTHONIOENCODING": encoding})
    assert ran.stdout == expected


@pytest.mark.slow
def test_orthologs_without_the_source(run: Run, toy_folder: Path) -> None:
    """The species that alone knows the names; else the command with each candidate."""
    asked = ["--release", toy_folder, "--json"]
    ran = run("orthologs", "Ins1", "Ins2", "--to", "human", *asked)
    assert ran.code == 0 and ran.err == "genes of mus_musculus, which alone knows them\n"
    assert ran.out == run("orthologs", "Ins1", "Ins2", "--from", "mouse", "--to", "human", *asked).out
    ran = run("orthologs", "INS", "--to", "mouse", "--release", toy_folder)
    one_error(ran, "homodb orthologs INS --from human --to mouse", "--from pig --to mouse", "(--from)")
    one_error(run("orthologs", "FOO", "--to", "mouse", "--release", toy_folder), "FOO", "(--from)")
    one_error(run("orthologs", "--all", "--to", "mouse", "--release", toy_folder), "(--from)")


def test_translate_without_an_output(run: Run, toy_folder: Path, cells: Path) -> None:
    ran = run("translate", cells, "--to", "human", "--release", toy_folder)
    assert ran.code == 0 and f"written: {cells.with_suffix('.human.h5ad')}" in ran.out
    Path("genes.txt").write_text("Ins1\nIns2\n")
    ran = run("translate", "genes.txt", "--to", "human", "--release", toy_folder)
    assert ran.code == 0 and Path("genes.human.txt").read_text().split()[-1] == "INS"
    one_error(run("translate", cells, "--to", "klingon", "--release", toy_folder), "klingon")


def test_genes_come_from_standard_input(run: Run, toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("INS, GCG\n# TNF\nVWF\tFCER1A\n"))
    ran = run("orthologs", "-", "--from", "human", "--to", "mouse", "--release", toy_folder, "--json")
    names = [row["name"] for row in json.loads(ran.out)]
    assert list(dict.fromkeys(names)) == ["INS", "GCG", "VWF", "FCER1A"]
