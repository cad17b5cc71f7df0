"""What a worker does: load a model once, then turn sequences into vectors. Nothing here knows of stores or plans."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.checkpoints import CHECKPOINTS, MODELS
from homodb.etl.embeddings.model import DEVICES, PRECISIONS, Identity, Long, Model
from homodb.schema.errors import ConfigError
from homodb.schema.near import there_are

#: A task of a checkpoint is about so many floating-point operations: some seconds' work.
_TASK_OPERATIONS = {"cpu": 1e12, "mps": 1e13, "cuda": 2e15}
#: But no fewer and no more tokens than these, so that a device has enough to do at once and progress can be seen.
_TASK_TOKENS = {"cpu": (2**12, 2**17), "mps": (2**14, 2**19), "cuda": (2**17, 2**22)}
_KMER_TASK_TOKENS = 2**22

_LOADING = threading.Lock()


@dataclass(frozen=True)
class ModelSpec:
    """A model by name and settings: small, and the same in every process.

    Parameters
    ----------
    model
        ``kmer``, or the name of an ESM2 checkpoint.
    weights
        The checkpoint's file; None takes it from the cache or fetches it.
    layer
        Layer that vectors come from; None for the last.
    long
        What is done with long proteins; None for the model's own way (``truncate`` for ESM2).
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
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
        """Refuse what no machine could load, before anything is read.

        Raises
        ------
        ConfigError
            If there is no such model or device, or the model has no such setting.
        """
        if self.model not in MODELS:
            raise ConfigError(f"there is no model {self.model!r}" + there_are(self.model, MODELS))
        if self.device.partition(":")[0] not in DEVICES:
            raise ConfigError(f"there is no device {self.device!r}" + there_are(self.device, DEVICES))
        if self.precision not in PRECISIONS:
            raise ConfigError(f"there is no precision {self.precision!r}" + there_are(self.precision, PRECISIONS))
        if self.model == "kmer":
            if self != ModelSpec(device=self.device):
                raise ConfigError("model kmer has no weights, layers, long-policy or precision: leave these out")
            if self.device not in ("auto", "cpu"):
                raise ConfigError(f"model kmer computes on the cpu: leave out the device {self.device!r} (--device)")

    def load(self) -> Model:
        """Make the model ready.

        Raises
        ------
        ConfigError
            If there is no such model, or it has no such setting.
        """
        self.check()
        if self.model == "kmer":
            from homodb.etl.embeddings.kmer import Kmer

            return Kmer()
        from homodb.etl.embeddings.esm2 import load

        return load(
            self.model,
            weights=self.weights,
            layer=self.layer,
            long=self.long or Long.TRUNCATE,
            device=self.device,
            precision=self.precision,
        )

    def task_tokens(self) -> int:
        """Tokens that are some seconds' work for this model on its device."""
        if self.model not in CHECKPOINTS:
            return _KMER_TASK_TOKENS
        shape = CHECKPOINTS[self.model]
        device = _best_device() if self.device == "auto" else self.device.partition(":")[0]
        least, most = _TASK_TOKENS[device]
        wanted = _TASK_OPERATIONS[device] / (24 * shape.layers * shape.dimensions**2)
        return int(min(max(wanted, least), most))


class Done(NamedTuple):
    """A finished task: whose vectors, and the vectors, shape (sequences, dimensions), float32."""

    identity: Identity
    vectors: npt.NDArray[np.float32]


def run(spec: ModelSpec, sequences: Sequence[str]) -> Done:
    """Embed sequences: a pure function, in whatever process or machine.

    Parameters
    ----------
    spec
        The model; a process loads it once.
    sequences
        Amino acids in upper case, without stops.
    """
    model = _loaded(spec)
    return Done(model.identity, model.embed(sequences))


def identify(spec: ModelSpec) -> Identity:
    """Load a model and return its identity: the key of its store."""
    return _loaded(spec).identity


def unload() -> None:
    """Forget this process' model, so that its memory (a card's, for the larger ones) is free for what comes next."""
    _load_once.cache_clear()


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Start worker processes on this machine that share out its cores, and end with the process that started them.

    Parameters
    ----------
    workers
        How many.
    """
    threads = max(1, (os.cpu_count() or 1) // workers)
    # spawn: neither torch nor polars bears a fork once it has begun to work
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
