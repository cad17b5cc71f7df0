"""Proteins per second of ESM2 here and by fair-esm's own extraction: ``python benchmarks/esm2.py --help``.

Both embed every isoform of the multi-isoform human genes of ../shared/data/proteomes, or of a share of these genes,
with random weights of the real shapes, and take turns. fair-esm's side is its scripts/extract.py (batches by length of
up to 4096 tokens, cut at 1022 residues, logits and all, mean over residues), less its reading and writing of files.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import esm
import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from measure import machine

from homodb.etl.embeddings import CHECKPOINTS, Checkpoint, Encoder, Esm2, Identity, Long, load_esm2
from homodb.etl.embeddings.esm2 import LIMIT
from homodb.etl.sources import read_proteome
from homodb.schema.species import find

PROTEOMES = Path(__file__).resolve().parents[2] / "shared" / "data" / "proteomes"
FILES = ("Homo_sapiens.GRCh38.pep.short.fa.gz", "Homo_sapiens.ensembl85.small.fa.gz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.02, help="share of the genes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--times", type=int, default=3, help="rounds")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--busy", action="store_true", help="count CPU seconds: for a busy machine, with one thread")
    parser.add_argument("--models", nargs="+", default=["esm2_t6_8M_UR50D", "esm2_t12_35M_UR50D"])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--rates", nargs="*", default=[], help="shapes whose share of the device's bf16 rate is wanted")
    options = parser.parse_args()
    if not PROTEOMES.is_dir():
        raise SystemExit("needs the real data in ../shared/data/proteomes")
    if options.threads:
        torch.set_num_threads(options.threads)
    machine()
    print(f"torch {torch.__version__}, fair-esm {importlib.metadata.version('fair-esm')}; {options.device}, ", end="")
    print(torch.cuda.get_device_name() if options.device.startswith("cuda") else f"{torch.get_num_threads()} threads")
    sequences = isoforms(options.share)
    for name in options.models:
        compare(CHECKPOINTS[name], sequences, options)
    for name in options.rates:
        rate(CHECKPOINTS[name], sequences, options.device)


def isoforms(share: float) -> list[str]:
    """Proteins of the genes that have several, of a share of these genes; those with stops inside are left out."""
    found, genes = [], 0
    for name in FILES:
        proteins = pl.DataFrame(read_proteome(PROTEOMES / name, find("human")).proteins)
        proteins = proteins.filter(~pl.col("sequence").str.contains("*", literal=True))
        several = sorted(gene for gene, count in Counter(proteins["gene_id"]).items() if count > 1)
        chosen = several[:: max(1, round(1 / share))]
        found += proteins.filter(pl.col("gene_id").is_in(chosen))["sequence"].to_list()
        genes += len(chosen)
    print(
        f"\n{len(found)} proteins of {genes} genes, {len(set(found))} different, "
        f"{len({one[:LIMIT] for one in found})} of them in their first {LIMIT} residues"
    )
    return found


def compare(checkpoint: Checkpoint, sequences: Sequence[str], options: argparse.Namespace) -> None:
    device, times = options.device, options.times
    clock = time.process_time if options.busy else time.perf_counter
    torch.manual_seed(0)
    module = esm.ESM2(checkpoint.layers, checkpoint.dimensions, checkpoint.heads).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = saved(module, Path(folder) / "weights.pt")
        models = [load_esm2(checkpoint.name, weights=path, device=device, precision=one) for one in options.precisions]
        module = module.to(device)
        runs: dict[str, Callable[[], npt.NDArray[np.float32]]] = {
            "fair-esm, float32": lambda: extract(module, sequences)
        }
        runs |= {f"homodb, {model.identity.precision}": lambda model=model: model.embed(sequences) for model in models}
        for run in runs.values():
            run()
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        results = {}
        for _ in range(times):
            for name, run in runs.items():
                start = clock()
                results[name] = run()
                seconds[name].append(clock() - start)
    theirs = next(iter(runs))
    print(
        f"\n### {checkpoint.name} on {device}, {times} rounds\n\n| what | proteins/s, median | ratio, by round ",
        end="",
    )
    print("| largest difference | smallest cosine |\n| --- | --- | --- | --- | --- |")
    for name in runs:
        ratios = [a / b for a, b in zip(seconds[theirs], seconds[name], strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        a, b = results[theirs].astype(np.float64), results[name].astype(np.float64)
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        print(f"| {name} | {len(sequences) / statistics.median(seconds[name]):.1f} | {ratio} ", end="")
        print(f"| {np.abs(a - b).max():.1e} | {cosine.min():.6f} |")


def saved(module: Any, path: Path) -> Path:
    settings = argparse.Namespace(
        encoder_layers=module.num_layers,
        encoder_embed_dim=module.embed_dim,
        encoder_attention_heads=module.attention_heads,
        token_dropout=module.token_dropout,
    )
    torch.save({"cfg": {"model": settings}, "model": module.state_dict()}, path)
    return path


def extract(module: Any, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
    """Do what scripts/extract.py of fair-esm does with --include mean."""
    dataset = esm.FastaBatchedDataset(list(range(len(sequences))), sequences)
    convert = module.alphabet.get_batch_converter(1022)
    device = next(module.parameters()).device
    means = np.empty((len(sequences), module.embed_dim), np.float32)
    with torch.no_grad():
        for batch in dataset.get_batch_indices(4096, extra_toks_per_seq=1):
            labels, texts, tokens = convert([dataset[i] for i in batch])
            out = module(tokens.to(device, non_blocking=True), repr_layers=[module.num_layers])
            out["logits"].to("cpu")
            residues = out["representations"][module.num_layers].to("cpu")
            for i, label in enumerate(labels):
                means[label] = residues[i, 1 : min(1022, len(texts[i])) + 1].mean(0).numpy()
    return means


def rate(checkpoint: Checkpoint, sequences: Sequence[str], device: str) -> None:
    """Print proteins per second in bfloat16, and the share of the rate of a bare matrix product that this is."""
    identity = Identity(checkpoint.name, checkpoint.layers, Long.TRUNCATE, "bfloat16", None, checkpoint.dimensions)
    with torch.device(device):
        module = esm.ESM2(checkpoint.layers, checkpoint.dimensions, checkpoint.heads).eval()
    encoder = Encoder(module, checkpoint.layers, device=device, precision="bfloat16")
    model = Esm2(identity, encoder, 32768 if device != "cpu" else 4096)
    side = 8192 if device != "cpu" else 512
    matrix = torch.randn(side, side, device=device).bfloat16()
    best = 2 * side**3 / min(timed(lambda: matrix @ matrix, device) for _ in range(20))
    model.embed(sequences)
    seconds = min(timed(lambda: model.embed(sequences), device) for _ in range(3))
    lengths = [len(one) + 2 for one in {one[:LIMIT] for one in sequences}]
    wide, deep = checkpoint.dimensions, checkpoint.layers
    operations = sum(deep * (24 * length * wide**2 + 4 * length**2 * wide) for length in lengths)
    memory = torch.cuda.max_memory_allocated() / 1e9 if device.startswith("cuda") else 0.0
    print(f"\n### {checkpoint.name} on {device}, bfloat16\n\n{len(sequences) / seconds:.1f} proteins/s, ", end="")
    print(
        f"{sum(lengths) / seconds:.0f} tokens/s, {operations / seconds / 1e12:.2f} of {best / 1e12:.2f} TFLOP/s ",
        end="",
    )
    print(f"({operations / seconds / best:.2f} of the measured rate of {side} x {side} products), peak {memory:.1f} GB")


def timed(work: Callable[[], object], device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
