"""``homodb neighbors`` and ``homodb export`` through the entry of the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest
import scipy.sparse as sp

import homodb
from tests.cli.conftest import Run


@pytest.fixture
def run(run: Run, monkeypatch: pytest.MonkeyPatch, vectors_folder: Path) -> Run:
    """Run homodb in this process; the release with vectors is the one in the environment."""
    monkeypatch.setenv("HOMODB_RELEASE", str(vectors_folder))
    return run


def test_neighbors_prints_a_table_json_or_csv(run: Run, vectors_folder: Path) -> None:
    code, out, err = run("neighbors", "INS", "--from", "human", "--to", "pig", "-k", 4)
    assert code == 0 and len(out.splitlines()) == 5
    assert err.startswith("the nearest gene by kmer was right for 2,032 of 2,129 with rank_back 1")
    code, out, _ = run("neighbors", "INS", "--from", "human", "--to", "pig", "-k", 4, "--json")
    with homodb.open(vectors_folder) as release:
        answer = release.neighbors("INS", source="human", target="pig", k=4)
    rows = json.loads(out)
    assert code == 0 and [row["target_id"] for row in rows] == answer["target_id"].to_list()
    assert rows[0]["correlation"] == pytest.approx(answer["correlation"][0])
    code, out, _ = run("neighbors", "INS", "Nonsense", "--from", "human", "--to", "pig", "-k", 2, "--format", "csv")
    table = pl.read_csv(io.StringIO(out))
    assert code == 0 and table.height == 3 and table["why"].to_list() == [None, None, "unknown"]


def test_a_table_tells_why_a_name_has_no_answer(run: Run) -> None:
    code, out, _ = run("neighbors", "INS", "MALAT1", "--from", "human", "--to", "mouse", "--embedding", "kmer-max")
    assert code == 0 and "no protein: lncRNA" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("MALAT1", "--from", "human", "--to", "pig"), "no protein: lncRNA"),
        (("INS", "--from", "human", "--to", "pig", "--embedding", "esm"), "kmer-mean, kmer-max"),
        (("INS", "--from", "human", "--to", "pig", "-k", "0"), "-k"),
    ],
)
def test_errors_are_one_line_and_code_2(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run("neighbors", *words)
    assert code == 2 and not out and said in err and "Traceback" not in err


def test_export_embeddings_says_what_was_written(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("export", "embeddings", "-o", "out", "--format", "parquet", "--species", "mouse")
    assert code == 0 and out.startswith("mus_musculus: ") and "x 24 in out" in out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mus_musculus.kmer-mean.parquet"]
    pytest.importorskip("torch")
    code, out, _ = run("export", "embeddings", "-o", "out", "--format", "saturn", "--species", "human")
    assert code == 0 and "left out: 1" in out and "its name went to another gene" in out
    code, out, _ = run("export", "embeddings", "-o", "out", "--format", "saturn", "--species", "human", "--json")
    (told,) = json.loads(out)
    assert told["species"] == "homo_sapiens" and told["left_out"][0]["symbol"] == "TBCE"
    assert all(Path(file).is_file() for file in told["files"])


def test_export_graph_writes_and_counts(run: Run) -> None:
    words = ("export", "graph", "--from", "human", "--to", "mouse", "-o", "g.npz")
    code, out, _ = run(*words, "--format", "samap", "--id", "human=hu", "--names", "stable_id", "--json")
    told = json.loads(out)
    assert code == 0 and sp.load_npz("g.npz").nnz == 2 * told["pairs"]
    code, out, _ = run(*words, "--format", "biadjacency", "--strategy", "hl_o2o", "--weight", "correlation")
    assert code == 0 and "pairs of" in out
    code, _, err = run(*words, "--to", "pig", "--format", "biadjacency")
    assert code == 2 and "two species" in err
    code, _, err = run("export", "graph", "--from", "human", "--to", "mouse", "-o", "g.pkl", "--format", "samap")
    assert code == 2 and ".npz" in err
    code, _, err = run(*words, "--format", "samap", "--id", "human")
    assert code == 2 and "expected SPECIES=ID" in err
