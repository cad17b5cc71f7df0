"""``homodb sql`` with one's own tables, from the input, and as a shell."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
import warnings
from pathlib import Path

import polars as pl
import pytest

import homodb
from homodb.cli.shell import completions, run_shell
from tests.cli.conftest import Run, one_error

JOINED = "SELECT symbol, target_symbol FROM mine JOIN orthologs('human', 'mouse', 'hm_o2o') ON source_symbol = symbol"


@pytest.fixture
def mine(bare: Path) -> Path:
    (bare / "mine.csv").write_text("symbol,fold\nINS,2\n")
    return bare / "mine.csv"


def test_own_tables(run: Run, toy_folder: Path, mine: Path) -> None:
    ran = run("sql", "--release", toy_folder, "--with", f"mine={mine.name}", JOINED)
    assert ran.out.split() == ["symbol", "target_symbol", "INS", "Ins2"]
    one_error(run("sql", "--release", toy_folder, "--with", "mine", JOINED), "mine=table.csv")
    one_error(run("sql", "--release", toy_folder, "--with", "mine=absent.csv", JOINED), "absent.csv", "no such file")
    one_error(run("sql", "--release", toy_folder, "--with", "gene=mine.csv", JOINED), "the release has gene itself")
    twice = ["--with", "mine=mine.csv", "--with", "mine=mine.csv"]
    one_error(run("sql", "--release", toy_folder, *twice, JOINED), "do not go together")


@pytest.mark.parametrize("words", [["-"], []])
def test_a_query_from_the_input(toy_folder: Path, tmp_path: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "homodb.cli", "sql", "--release", str(toy_folder), *words, "--format", "csv"],
        input="SELECT 6 * 7 AS x;\n", capture_output=True, text=True, env=os.environ | {"HOMODB_CACHE": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "x\n42\n"), done.stderr


def shell(release: homodb.Release, *lines: str) -> None:
    """Give lines to a shell, and let it end there."""
    left = iter(lines)

    def read(prompt: str) -> str:
        for line in left:
            if line == "^C":
                raise KeyboardInterrupt
            return line
        raise EOFError

    run_shell(release, release.sql, {}, read)


def test_shell(toy: homodb.Release, bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell(
        toy, "", "SELECT 1 AS", "  one", ";", "SELEC;", "COPY gene TO 'x';", "SELECT 2", "^C", "SELECT 3 AS three;",
        ".tables", ".columns genes", ".nothing", ".help", ".quit", "SELECT 4 AS four;",
    )  # fmt: skip
    printed = capsys.readouterr()
    assert "one\n  1\n" in printed.out and "three\n    3\n" in printed.out and "four" not in printed.out
    assert "ortholog  " in printed.out and "location" in printed.out and "Ctrl-D" in printed.out
    errors = printed.err.splitlines()
    assert [line.startswith("error: ") for line in errors] == [True] * 3
    assert "SELEC" in errors[0] and "COPY" in errors[1] and ".nothing" in errors[2]
    assert (bare / "cache" / "sql_history").is_file()


@pytest.mark.parametrize("last", ["exit", "quit;", ".exit", "quit"])
def test_shell_takes_the_words_of_other_shells(
    toy: homodb.Release, bare: Path, capsys: pytest.CaptureFixture[str], last: str
) -> None:
    shell(toy, "help", ".columns genez", last, "SELECT 4 AS four;")
    printed = capsys.readouterr()
    assert "Ctrl-D" in printed.out and "four" not in printed.out
    assert printed.err == "error: there is no view or table genez; did you mean 'gene'?\n"


def test_what_a_query_meant(toy: homodb.Release, run: Run, toy_folder: Path, mine: Path) -> None:
    """A name that the tables do not use, a species that is misspelt, and a file, are told."""
    for wrong in ("species = 'human'", "species IN ('human', 'pig')", "'x' = 'x' AND genes.species='Human'"):
        with pytest.warns(UserWarning, match="write 'homo_sapiens' or species_name"):
            assert toy.sql(f"SELECT * FROM genes WHERE {wrong}").is_empty()
    ran = run("sql", "--release", toy_folder, "SELECT count(*) AS n FROM ortholog WHERE source_species = 'mouse'")
    assert ran.out.split() == ["n", "0"] and "write 'mus_musculus'" in ran.err
    right = "SELECT count(*) FROM genes WHERE species = 'homo_sapiens' OR species = species_name('human')"
    with warnings.catch_warnings(action="error"):
        toy.sql(right)
        toy.sql("SELECT * FROM mine WHERE species = 'human'", tables={"mine": pl.DataFrame({"species": ["human"]})})
    ran = run("sql", "--release", toy_folder, "FROM orthologs('hunam', 'mouse', 'hm_o2o')")
    one_error(ran, "called hunam", "human (homo_sapiens)")
    ran = run("sql", "--release", toy_folder, "FROM orthologs('rat', 'mouse', 'hm_o2o')")
    one_error(ran, "called rat")
    assert "did you mean" not in ran.err
    one_error(run("sql", "--release", toy_folder, "SELECT * FROM 'mine.csv'"), "reads no files", "(--with)")


def test_completions() -> None:
    names = ["ortholog", "orthologs(", "order by", ".tables"]
    assert completions(names, "orth") == names[:2] and completions(names, ".t") == [".tables"]
    assert completions(names, "") == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="terminals")
def test_shell_on_a_terminal(toy_folder: Path, tmp_path: Path) -> None:
    """Tab completes, Ctrl-C stops a question and not the shell, and the history is kept."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"HOMODB_CACHE": str(tmp_path), "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "homodb.cli", "--release", str(toy_folder), "sql"]
    running = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)

    def until(text: str) -> str:
        end, seen = time.monotonic() + 60, ""
        while text not in seen and time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 65536).decode()
        assert text in seen, seen
        return seen

    try:
        until("homodb> ")
        os.write(ours, b"select count(*) as n from ortho\tlogs('human', 'mouse', 'ens_m2m');\n")
        until("homodb> ")
        os.write(ours, b"SELECT count(*) FROM range(100000000000) a, range(1000) b;\n")
        time.sleep(1)
        running.send_signal(2)
        until("homodb> ")
        os.write(ours, b"select location from gen\tes limit 1;\n")
        assert "location" in until("homodb> ")
        os.write(ours, b".quit\n")
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.wait()
        os.close(ours)
    assert "range(1000)" in (tmp_path / "sql_history").read_text()
