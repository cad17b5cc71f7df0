"""Workers, which load a model once and turn sequences into vectors.

It counts the short words of residues in a protein, and uses nothing else: no alignment, no structure, no training, no
corpus. Proteins that share words correlate, so it finds orthologs whose sequences are still similar. It is not a
protein language model, and its results say nothing about those of ESM2.

Residues are read in the 15 classes of Murphy, Wallqvist and Levy 2000 (https://doi.org/10.1093/protein/13.3.149),
words are four classes in a row, and the 50 625 possible words are assigned to 2 048 bins by a fixed hash, SplitMix64
(Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195). A vector holds the square root of the share of
the protein's words in each bin (Hellinger's form of a distribution: the squares add up to 1), so that neither length
nor one repeated motif outweighs the rest. ``docs/embeddings.md`` compares it with other choices.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.esm2 import load_esm2
from homodb.etl.embeddings.model import CHECKPOINTS, DEVICES, MODELS, PRECISIONS, Identity, Long, Model
from homodb.schema.errors import ConfigError
from homodb.schema.messages import choices_hint

#: Floating-point operations of a task of a checkpoint, by device: a few seconds of work.
_TASK_OPERATIONS = {"cpu": 1e12, "mps": 1e13, "cuda": 2e15}
#: Limits of the tokens of a task, so that a device has enough to do at once and progress is visible.
_TASK_TOKENS = {"cpu": (2**12, 2**17), "mps": (2**14, 2**19), "cuda": (2**17, 2**22)}
_KMER_TASK_TOKENS = 2**22

_LOADING = threading.Lock()


@dataclass(frozen=True)
class ModelSpec:
    """A model by its name and settings.

    Parameters
    ----------
    model
        ``kmer``, or the name of an ESM2 checkpoint.
    weights
        File of the checkpoint; None takes the file in the cache, fetched on first use.
    layer
        Layer that the vectors come from; None for the last.
    long
        Treatment of long proteins; None for the model's default (``truncate`` for ESM2).
    device
        ``auto``, ``cpu``, ``cuda`` (or a single card, ``cuda:1``) or ``mps``.
    precision
        ``float32``, ``bfloat16`` or ``float16``.
    """

    model: str = "kmer"
    weights: Path | None = None
    layer: int | None = None
    long: Long | None = None
    device: str = "auto"
    precision: str = "float32"

    def check(self) -> None:
        """Check the settings before anything is read.

        Raises
        ------
        ConfigError
            If there is no such model, device or precision, or the model does not have such a setting.
        """
        if self.model not in MODELS:
            raise ConfigError(f"unknown model {self.model!r}" + choices_hint(self.model, MODELS))
        if self.device.partition(":")[0] not in DEVICES:
            raise ConfigError(f"unknown device {self.device!r}" + choices_hint(self.device, DEVICES))
        if self.precision not in PRECISIONS:
            raise ConfigError(f"unknown precision {self.precision!r}" + choices_hint(self.precision, PRECISIONS))
        if self.model == "kmer":
            if self != ModelSpec(device=self.device):
                raise ConfigError("model kmer has no weights, layer, long policy or precision; omit these settings")
            if self.device not in ("auto", "cpu"):
                raise ConfigError(f"model kmer runs on the CPU only. Expected device auto or cpu, got {self.device!r}")

    def load(self) -> Model:
        """Load the model.

        Raises
        ------
        ConfigError
            If there is no such model, or it does not have such a setting.
        """
        self.check()
        if self.model == "kmer":
            return Kmer()
        return load_esm2(
            self.model,
            weights=self.weights,
            layer=self.layer,
            long=self.long or Long.TRUNCATE,
            device=self.device,
            precision=self.precision,
        )

    def task_tokens(self) -> int:
        """Return the number of tokens of a task, a few seconds of work."""
        if self.model not in CHECKPOINTS:
            return _KMER_TASK_TOKENS
        shape = CHECKPOINTS[self.model]
        device = _best_device() if self.device == "auto" else self.device.partition(":")[0]
        least, most = _TASK_TOKENS[device]
        tokens = _TASK_OPERATIONS[device] / (24 * shape.layers * shape.dimensions**2)
        return int(min(max(tokens, least), most))


class TaskResult(NamedTuple):
    """Result of a task. The model's identity, and the vectors, shape (sequences, dimensions), float32."""

    identity: Identity
    vectors: npt.NDArray[np.float32]


def run_task(spec: ModelSpec, sequences: Sequence[str]) -> TaskResult:
    """Embed sequences: a pure function that any process or machine may run."""
    model = _loaded(spec)
    return TaskResult(model.identity, model.embed(sequences))


def identify(spec: ModelSpec) -> Identity:
    """Load a model and return its identity."""
    return _loaded(spec).identity


def unload() -> None:
    """Release the model of this process, and with it the memory of its device."""
    _load_once.cache_clear()


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Start worker processes that share the cores of this machine. They end with the process that started them."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    # spawn: torch and polars do not survive a fork once their threads run
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(threads,))


def _begin_worker(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)  # torch is not imported yet
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _loaded(spec: ModelSpec) -> Model:
    with _LOADING:
        return _load_once(spec)


@lru_cache(maxsize=1)
def _load_once(spec: ModelSpec) -> Model:
    return spec.load()


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


#: Residues that count as equal. J is I or L, U is a cysteine with selenium, O a lysine derivative.
_CLASSES = ("LVIMJ", "CU", "A", "G", "S", "T", "P", "FY", "W", "E", "D", "N", "Q", "KRO", "H")
_WORD = 4
_BITS = 11

#: Residues and proteins of a block, which fits the cache of a processor.
_RESIDUES, _PROTEINS = 1 << 18, 256


@dataclass(frozen=True)
class Kmer:
    """The k-mer profile.

    A vector depends on its sequence alone and is the same to the byte on any machine: integers are counted, and IEEE
    754 defines the division and the square root exactly.

    Examples
    --------
    >>> vectors = Kmer().embed(["MKVLAAGIVGLC", "MRILAAGLIGVC", "MKV"])
    >>> vectors.shape, vectors.dtype.name
    ((3, 2048), 'float32')
    >>> bool((vectors[0] == vectors[1]).all()), bool(vectors[2].any())
    (True, False)
    """

    @property
    def identity(self) -> Identity:
        """Identity of the model."""
        return Identity("kmer", layer=None, long=Long.WHOLE, precision="float32", weights=None, dimensions=1 << _BITS)

    def embed(self, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed proteins.

        Parameters
        ----------
        sequences
            Amino acids in upper case. Words with X, B, Z (which stand for several classes) or any other letter are
            left out.

        Returns
        -------
        numpy.ndarray
            One vector per protein, shape (sequences, 2048), float32, not negative. A protein without any word (fewer
            than four residues, or all unknown) has the zero vector, whose correlations are undefined.
        """
        vectors = np.zeros((len(sequences), 1 << _BITS), np.float32)
        for start, stop in _blocks([len(sequence) for sequence in sequences]):
            counts = _counts(sequences[start:stop])
            words = np.maximum(counts.sum(axis=1, keepdims=True), 1)
            vectors[start:stop] = np.sqrt(counts / words)
        return vectors


def _blocks(lengths: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the range of proteins of each block. A protein longer than a block is a block of its own."""
    start = residues = 0
    for stop, length in enumerate(lengths):
        if stop > start and (residues + length > _RESIDUES or stop - start == _PROTEINS):
            yield start, stop
            start, residues = stop, 0
        residues += length
    if lengths:
        yield start, len(lengths)


def _counts(sequences: Sequence[str]) -> npt.NDArray[np.int64]:
    """Count the words of each protein in each bin, shape (sequences, bins)."""
    # a line end after each protein is not a residue, so no word extends into the next protein
    letters = np.frombuffer("\n".join([*sequences, ""]).encode("ascii", "replace"), np.uint8)
    classes = _class_of_letter()[letters]
    windows = max(len(classes) - _WORD + 1, 0)
    word = np.zeros(windows, np.int32)
    is_word = np.ones(windows, np.bool_)
    for place in range(_WORD):
        residue = classes[place : place + windows]
        word = word * len(_CLASSES) + residue
        is_word &= residue >= 0
    protein = np.repeat(np.arange(len(sequences)), [len(sequence) + 1 for sequence in sequences])[:windows]
    bins = _bin_of_word()[word[is_word]] + (protein[is_word] << _BITS)
    return np.bincount(bins, minlength=len(sequences) << _BITS).reshape(len(sequences), -1)


@cache
def _class_of_letter() -> npt.NDArray[np.int32]:
    """Return the class of each byte; -1 if it is not a known residue."""
    table = np.full(256, -1, np.int32)
    for number, residues in enumerate(_CLASSES):
        table[np.frombuffer(residues.encode(), np.uint8)] = number
    return table


@cache
def _bin_of_word() -> npt.NDArray[np.int64]:
    """Return the bin of each word. It is the high bits of SplitMix64, seed 0, at the word's number."""
    state = np.arange(1, len(_CLASSES) ** _WORD + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(64 - _BITS)).astype(np.int64)
