"""How the command line behaves on terminals, in pipes and in logs; what it suggests, completes and exits with."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from homodb.cli.app import app
from homodb.schema import errors
from tests.cli.conftest import Run

HOMODB = str(Path(sys.executable).parent / "homodb")
ESCAPE = b"\x1b"


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOMODB_", "NO_COLOR", "FORCE_"))}
    return kept | {"HOMODB_CACHE": str(tmp_path / "cache"), "TERM": "xterm-256color"} | more


def piped(tmp_path: Path, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [HOMODB, *words], cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, check=False
    )


def on_a_terminal(tmp_path: Path, *words: str, **more: str) -> bytes:
    """Return all that is written to a terminal, on either stream."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [HOMODB, *words], cwd=tmp_path, env=environment(tmp_path, **more), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    try:
        while True:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if ready:
                more_written = os.read(ours, 65536)
                if not more_written:
                    break
                written += more_written
            elif running.poll() is not None:
                break
    except OSError:  # the other end is shut: all was read
        pass
    finally:
        running.wait()
        os.close(ours)
    return written


@pytest.mark.slow
def test_pipes_and_logs_hold_no_colours_and_no_bars(tmp_path: Path, toy_config: Path) -> None:
    for words in (
        ("build", str(toy_config), "-o", "rel"),
        ("info", "--release", "rel"),
        ("orthologs", "INS", "--from", "human", "--to", "mouse", "--release", "rel"),
        ("verify", "rel"),
    ):
        done = piped(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        assert ESCAPE not in done.stdout + done.stderr and b"\r" not in done.stdout + done.stderr, words


@pytest.mark.slow
def test_no_color_is_respected_on_a_terminal(tmp_path: Path, toy_folder: Path) -> None:
    words = ("orthologs", "INS", "--from", "human", "--to", "mouse", "--release", str(toy_folder))
    assert b"\x1b[1m" in on_a_terminal(tmp_path, *words)  # the header is bold
    plain = on_a_terminal(tmp_path, *words, NO_COLOR="1")
    assert b"\x1b[3" not in plain and b"\x1b[4" not in plain and b"\x1b[9" not in plain  # no colour of any kind
    assert ESCAPE not in on_a_terminal(tmp_path, *words, TERM="dumb")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["translat"], "Did you mean 'translate'?"),
        (["orthologs", "INS", "--from", "humna", "--to", "mouse"], "did you mean human (homo_sapiens)"),
        (["orthologs", "INS", "--from", "human", "--to", "mouse", "--strategy", "hm_o20"], "did you mean 'HM_O2O'?"),
        (["explain", "FCER1AA", "--from", "human", "--to", "mouse"], "did you mean FCER1A?"),
        (["orthologs", "PLXCD1", "--from", "human", "--to", "mouse"], "did you mean PLCXD1?"),
        (["sql", "select symbl from gene"], "symbol"),
        (["sql", "from ortholg"], "ortholog"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_misspelt_is_answered_with_what_comes_close(
    run: Run, toy_folder: Path, words: list[str], told: str
) -> None:
    code, _, err = run(*words, HOMODB_RELEASE=str(toy_folder))
    assert code == 2 and told in err, err


def test_exit_codes(run: Run, toy_folder: Path) -> None:
    assert run("info")[0] == 2  # no release
    assert run("info", "--nonsense")[0] == 2
    assert run("info", HOMODB_RELEASE=str(toy_folder))[0] == 0


def test_exit_codes_are_documented() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text("utf-8")
    told = re.findall(r"^\| (\d+) \| ", page.split("## Exit codes")[1], re.MULTILINE)
    assert told == ["0", "1", "2", "130", "141"]
    codes = {one.exit_code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "exit_code")}
    assert {str(code) for code in codes} <= set(told)


@pytest.mark.slow
def test_a_reader_that_goes_away_is_exit_code_141(tmp_path: Path, toy_folder: Path) -> None:
    query = "select repeat('x', 1000) as x from range(100000)"
    running = subprocess.Popen(
        [HOMODB, "--release", str(toy_folder), "sql", query, "--format", "csv"],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert running.stdout is not None and running.stderr is not None
    running.stdout.read(10)
    running.stdout.close()
    told = running.stderr.read()
    assert running.wait() == 141 and told == b""


def test_ctrl_c_is_exit_code_130(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [HOMODB, "simulate", "-o", "sim", "--genes", "5000", "--cells", "200000"],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    while running.poll() is None and not any(tmp_path.iterdir()):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert not (tmp_path / "sim").exists()


@pytest.mark.slow
def test_ctrl_c_stops_a_question(toy_folder: Path, tmp_path: Path) -> None:
    endless = "SELECT count(*) FROM range(100000000000) a, range(1000) b"
    running = subprocess.Popen(
        [HOMODB, "--release", str(toy_folder), "sql", endless, "--timeout", "500"],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(3)
    running.send_signal(signal.SIGINT)
    told, said = running.communicate(timeout=100)
    assert (running.returncode, told, said) == (130, b"", b"homodb: stopped\n")


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("homodb tr", "translate"),
        ("homodb orthologs INS --from hum", "human"),
        ("homodb translate a.h5ad --to mus_m", "mus_musculus"),
        ("homodb orthologs INS --strategy HL", "HL_o2o"),
        ("homodb join a b --species human,mou", "human,mouse"),
        ("homodb integrate a --method har", "harmony"),
        ("homodb use starter-20", "starter-2026.1"),
        ("homodb info --release starter-20", "starter-2026.1"),
    ],
)
def test_shells_complete(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str, completed: str
) -> None:
    monkeypatch.setenv("_HOMODB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    with pytest.raises(SystemExit) as leaving:
        get_command(app)(prog_name="homodb")
    assert leaving.value.code == 0 and completed in capfd.readouterr().out.split()


def completed_by(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str, **environment: str
) -> list[str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_HOMODB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - (not line.endswith(" "))))
    with pytest.raises(SystemExit):
        get_command(app)(prog_name="homodb")
    return capfd.readouterr().out.split()


def test_only_what_the_release_holds_is_completed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], toy_folder: Path
) -> None:
    toy = {"HOMODB_RELEASE": str(toy_folder)}
    named = completed_by(monkeypatch, capfd, "homodb orthologs INS --from ", **toy)
    assert {"human", "mouse", "pig"} <= set(named) and not {"rat", "zebrafish"} & set(named)
    assert completed_by(monkeypatch, capfd, "homodb orthologs INS --from ra", **toy) == []
    genes = completed_by(monkeypatch, capfd, "homodb orthologs --from mouse In", **toy)
    assert genes == ["Ins1", "Ins2"]
    assert "INS" in completed_by(monkeypatch, capfd, f"homodb explain --release {toy_folder} IN")


def test_completion_without_a_release_offers_all(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "rat" in completed_by(monkeypatch, capfd, "homodb orthologs INS --from ra")
    assert completed_by(monkeypatch, capfd, "homodb orthologs IN") == []


def test_completion_can_be_installed(run: Run) -> None:
    _, told, _ = run("--help")
    assert "--install-completion" in told and "--show-completion" in told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path, toy_folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [HOMODB, "--release", str(toy_folder), "info"], cwd=tmp_path, env=environment(tmp_path), stdout=full,
            stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2, b"error: the output cannot be written (No space left on device)\n",
    )  # fmt: skip


def test_no_command_writes_over_what_it_reads(run: Run, tmp_path: Path, toy_folder: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("INS\n")
    release = ("--release", toy_folder)
    for words in (
        ("orthologs", "--file", given, "--from", "human", "--to", "mouse", *release, "-o", given),
        ("exam", toy_folder, "--truth", given, "-o", given),
        ("score", given, "-o", given),
        ("report", given, "-o", given),
        ("translate", "absent.h5ad", "--to", "human", "--genes", given, *release, "-o", given),
    ):
        code, _, told = run(*words)
        assert code == 2 and "is the input file" in told, words
    assert given.read_text() == "INS\n"


def test_summaries_are_not_cut_off(run: Run) -> None:
    _, told, _ = run("--help", COLUMNS="80")
    assert len(re.findall(r"^  [a-z]+ +[A-Z]", told, re.MULTILINE)) >= 29
    assert not re.search(r"\w\.\.\.$", told, re.MULTILINE)


def test_an_answer_is_whole_where_output_is_not_buffered(tmp_path: Path, toy_folder: Path) -> None:
    query = "select repeat('x', 1000) as x from range(1000)"
    words = ("--release", str(toy_folder), "sql", query, "--format", "csv")
    assert len(piped(tmp_path, *words, PYTHONUNBUFFERED="1").stdout) == 2 + 1001 * 1000


def test_tables_in_pipes_have_no_blanks_at_the_ends_of_lines(run: Run, toy_folder: Path) -> None:
    _, out, _ = run("sql", "from species", HOMODB_RELEASE=str(toy_folder))
    assert out and all(line == line.rstrip() for line in out.splitlines())


def test_the_help_has_every_command_under_a_heading_in_the_order_of_the_readme(run: Run) -> None:
    _, shown, _ = run("--help")
    headings = re.findall(r"^([A-Z]\w+):$", shown, re.MULTILINE)
    assert headings == ["Options", "Translate", "Ask", "Analyse", "Releases", "Build", "Learn"]
    named = re.findall(r"^  ([a-z]+)  ", shown.split("Translate:")[1], re.MULTILINE)
    assert sorted(named) == sorted(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_step_that_takes_long_is_shown_and_a_short_one_is_not(tmp_path: Path, toy_folder: Path) -> None:
    slow = (
        "import time; from homodb.cli.progress import late_status\n"
        "with late_status('looking up'): time.sleep({})\nprint('done')"
    )
    for seconds, is_shown in ((1.6, True), (0.1, False)):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", slow.format(seconds)]
        subprocess.run(command, env=environment(tmp_path), stdin=theirs, stdout=theirs, stderr=theirs, check=True)
        os.close(theirs)
        written = b""
        while select.select([ours], [], [], 0.2)[0]:
            try:
                written += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        assert (b"looking up" in written) == is_shown


def test_a_bar_never_passes_all() -> None:
    from homodb.cli import progress

    bars: list[Any] = []
    opened = progress.bars

    @contextmanager
    def watched(*columns: Any) -> Iterator[Any]:
        with opened(*columns) as one:
            bars.append(one)
            yield one

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "bars", watched)
        with progress.steps_bar("a step") as step:
            step("a step", 14, 10)
            assert [task.percentage for task in bars[0].tasks] == [100.0]
        with progress.bytes_bar("bytes") as done:
            done(14, 10)
            assert [task.percentage for task in bars[1].tasks] == [100.0]
