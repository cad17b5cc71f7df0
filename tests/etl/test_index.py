"""Index files: what they hold, equal bytes for equal vectors, and a disk that fills up."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from usearch.index import Index

from homodb.etl import EXACT, GRAPH, write_index
from homodb.schema.errors import OutputError
from homodb.schema.vectors import GeneVectors, normalised
from tests import messages


def made(genes: int, dimensions: int = 16, seed: int = 0) -> GeneVectors:
    rng = np.random.default_rng(seed)
    keys = np.sort(rng.choice(2**24, genes, replace=False)).astype(np.int64) + 5 * 2**24
    return GeneVectors(keys, rng.standard_normal((genes, dimensions)).astype(np.float32) * 3 + 1)


def test_an_index_holds_normalised_vectors_by_gene_key(tmp_path: Path) -> None:
    told = made(300)
    write_index(tmp_path / "i", told)
    index = Index.restore(tmp_path / "i", view=True)
    assert index is not None and len(index) == 300 and index.ndim == 16
    assert index.connectivity == EXACT.connectivity
    stored = np.stack([index.get(int(gene)) for gene in told.genes])
    assert np.abs(stored - normalised(told.vectors)).max() < 1e-3
    matches = index.search(normalised(told.vectors[:1])[0], 5, exact=True)
    correlations = np.corrcoef(told.vectors[0], told.vectors)[0, 1:]
    best = np.argsort(-correlations)[:5]
    assert matches.keys.astype(np.int64).tolist() == told.genes[best].tolist()
    assert np.allclose(1 - matches.distances, correlations[best], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("graph_from", [50_000, 100])
def test_equal_vectors_give_equal_bytes_also_in_another_process(tmp_path: Path, graph_from: int) -> None:
    told = made(400)
    for name in "ab":
        write_index(tmp_path / name, told, graph_from=graph_from)
    digests = {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in "ab"}
    np.savez(tmp_path / "v.npz", genes=told.genes, vectors=told.vectors)
    script = (
        "import sys, numpy as np; from pathlib import Path; from homodb.etl import write_index; "
        "from homodb.schema.vectors import GeneVectors; v = np.load(sys.argv[1]); "
        "write_index(Path(sys.argv[2]), GeneVectors(v['genes'], v['vectors']), graph_from=int(sys.argv[3]))"
    )
    arguments = [tmp_path / "v.npz", tmp_path / "c", graph_from]
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True)
    digests.add(hashlib.sha256((tmp_path / "c").read_bytes()).hexdigest())
    assert len(digests) == 1
    write_index(tmp_path / "d", GeneVectors(told.genes, told.vectors[::-1]), graph_from=graph_from)
    assert hashlib.sha256((tmp_path / "d").read_bytes()).hexdigest() not in digests


def test_from_some_size_on_there_is_a_graph(tmp_path: Path) -> None:
    write_index(tmp_path / "i", made(100), graph_from=100)
    index = Index.restore(tmp_path / "i", view=True)
    assert index is not None and index.connectivity == GRAPH.connectivity


@pytest.mark.parametrize("genes", [0, 1])
def test_few_genes(tmp_path: Path, genes: int) -> None:
    write_index(tmp_path / "i", made(genes))
    index = Index.restore(tmp_path / "i", view=True)
    assert index is not None and len(index) == genes and index.ndim == 16


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    for place in (tmp_path / "no" / "i", tmp_path):
        with pytest.raises(OutputError, match=messages.Shared.cannot_be_written):
            write_index(place, made(3))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OutputError, match=messages.Build.disk_full):
        write_index(Path("/dev/full"), made(3))
