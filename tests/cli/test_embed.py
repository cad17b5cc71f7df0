"""``homodb embed``, through the entry of the command line."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homodb.etl.embeddings import EmbeddingCounts, EmbeddingProgress
from tests.cli.conftest import Run

HEADER = "pep chromosome:GRCh38:1:100:400:1 gene:ENSG0000000000{0}.1 transcript:ENST0000000000{0}.1"
PROTEINS = {"1": "MKVLAAGGSTWYRRNDEQ", "2": "MKVLAAGGSTWYRRNDEQ", "3": "MSTNPKPQRKTK", "4": "MK*LV"}


def fasta(proteins: dict[str, str]) -> str:
    return "".join(f">ENSP0000000000{n}.1 {HEADER.format(n)}\n{text}\n" for n, text in proteins.items())


HUMAN = "Homo_sapiens.GRCh38.pep.all.fa.gz"


@pytest.fixture
def run(run: Run) -> Run:
    """Run homodb in this process, in a folder with one proteome."""
    with gzip.open(HUMAN, "wt") as stream:
        stream.write(fasta(PROTEINS))
    return run


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_says_what_was_embedded_dropped_and_there(run: Run, tmp_path: Path) -> None:
    first = run("embed", HUMAN, "-o", "store")
    assert first.code == 0, first.err
    assert "embedded by kmer: 2 of 2 different sequences of 4 proteins, 30 tokens at " in first.out
    assert "; 0 in the store before; store/kmer.whole.float32" in first.out
    assert "noted: 1 proteins with a stop inside" in first.err
    before = files(tmp_path)
    second = run("embed", HUMAN, "-o", "store")
    assert "kmer: 0 of 2 different sequences of 4 proteins; 2 in the store before" in second.out
    assert files(tmp_path) == before


def test_json(run: Run) -> None:
    told = json.loads(run("embed", HUMAN, "-o", "store", "--json").out)
    assert told["counts"] == {"unique": 2, "stored": 0, "embedded": 2, "elsewhere": 0, "tokens": 30}
    assert told["identity"]["model"] == "kmer" and told["proteins"] == 4 and sum(told["dropped"].values()) == 1
    assert Path(told["store"]).is_dir() and told["seconds"] > 0


@pytest.mark.slow
def test_several_proteomes_and_workers(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(fasta({"5": "MSTNPKPQRKTK", "6": "MWWWWWWW"}))
    ran = run("embed", HUMAN, "x.fa", "-o", "many", "--species", "human", "--species", "mouse", "--workers", 2)
    assert ran.code == 0 and "3 of 3 different sequences of 6 proteins" in ran.out
    run("embed", HUMAN, "x.fa", "-o", "one", "--species", "pig")
    shards = [sorted((tmp_path / name).rglob("*.npy")) for name in ("many", "one")]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]] != []


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (">ENSP00000000001.1 " + HEADER.format(1) + "\n", "empty sequence"),
        (fasta({"1": "MKV"}) + fasta({"1": "MKL"}), "protein ID of two different records"),
        (fasta({"1": "MK5V"}), "invalid amino-acid letters (5)"),
        ("", "Expected FASTA"),
    ],
)
def test_bad_proteomes_are_one_line_and_nothing_is_made(run: Run, tmp_path: Path, text: str, seen: str) -> None:
    (tmp_path / "Mus_musculus.bad.fa").write_text(text)
    ran = run("embed", HUMAN, "Mus_musculus.bad.fa", "-o", "store")
    assert ran.code == 2 and seen in ran.err and len(ran.err.splitlines()) == 1
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["proteins.fa"], "begins with a known species (Homo_sapiens.…); name the species"),
        ([HUMAN, "--species", "unicorn"], "no species is called 'unicorn'"),
        (
            [HUMAN, "--species", "pig", "--species", "cow"],
            "2 species for 1 proteome. Expected one for all, or one for each",
        ),
        ([HUMAN, "--model", "esm3"], "unknown model 'esm3'; there are kmer, esm2_t6_8M_UR50D"),
        ([HUMAN, "--layer", "3"], "kmer has no weights, layer"),
        ([HUMAN, "--workers", "0"], "--workers is 0; it must be at least 1"),
        (["Homo_sapiens.none.fa"], "Homo_sapiens.none.fa"),
    ],
)
def test_wrong_words_are_one_line(run: Run, tmp_path: Path, words: list[str], seen: str) -> None:
    (tmp_path / "proteins.fa").write_text(fasta(PROTEINS))
    ran = run("embed", *words, "-o", "store")
    assert ran.code == 2 and seen in ran.err and len(ran.err.splitlines()) == 1
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_weights_that_are_none_are_one_line_from_a_worker_too(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is an extra")
    (tmp_path / "w.pt").write_bytes(b"PK not really")
    words = (HUMAN, "--model", "esm2_t6_8M_UR50D", "--weights", "w.pt", "--workers", 2, "-o", "store")
    ran = run("embed", *words)
    # on a busy machine the log says that the work goes on while the workers start
    lines = [line for line in ran.err.splitlines() if not line.startswith("working: loading")]
    assert ran.code == 2 and len(lines) == 1 and "w.pt" in lines[0]
    assert not (tmp_path / "store").exists()


def test_a_store_of_another_model_is_one_line(run: Run, tmp_path: Path) -> None:
    run("embed", HUMAN, "-o", "store")
    path = tmp_path / "store" / "kmer.whole.float32" / "store.json"
    path.write_text(path.read_text().replace('"dimensions": ', '"dimensions": 9'))
    before = files(tmp_path)
    ran = run("embed", HUMAN, "-o", "store")
    assert ran.code == 2 and "holds vectors of another model (dimensions: expected 2048, got 9" in ran.err
    assert len(ran.err.splitlines()) == 1 and files(tmp_path) == before


def test_a_full_disk_is_one_line_and_loses_nothing(run: Run, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limits[1]))
    try:
        ran = run("embed", HUMAN, "-o", "store")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ran.code == 2 and "cannot be written (File too large)" in ran.err and len(ran.err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.npy")) and not list(tmp_path.rglob("*.partial"))
    assert "2 of 2" in run("embed", HUMAN, "-o", "store").out


def test_ctrl_c_is_one_line_that_says_how_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*arguments: object, progress: Callable[[EmbeddingProgress], None], **named: object) -> EmbeddingCounts:
        progress(EmbeddingProgress(0, 9, 0, 90))
        progress(EmbeddingProgress(4, 9, 40, 90))
        raise KeyboardInterrupt

    monkeypatch.setattr("homodb.etl.embeddings.proteomes.embed_sequences", stopped)
    ran = run("embed", HUMAN, "-o", "store")
    assert ran.code == 130 and len(ran.err.splitlines()) == 1
    assert "4 of 9 sequences embedded and kept in store: the same command goes on there" in ran.err


@pytest.mark.slow
@pytest.mark.shared
def test_a_real_proteome_killed_and_taken_up(run: Run, shared_data: Path, tmp_path: Path) -> None:
    proteome = next((shared_data / "proteomes").glob("Homo_sapiens.ensembl85*"))
    assert "of 1,651 proteins" in run("embed", proteome, "-o", "whole").out
    running = subprocess.Popen([sys.executable, "-m", "homodb.cli", "embed", str(proteome), "-o", "parts"])
    while running.poll() is None and not list(tmp_path.glob("parts/*/plans/*.json")):
        time.sleep(0.002)
    running.kill()
    running.wait()
    assert run("embed", proteome, "-o", "parts").code == 0
    whole, parts = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*.npy")} for n in ("whole", "parts"))
    assert whole == parts != {}
