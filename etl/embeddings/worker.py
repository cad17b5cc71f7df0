"""Workers, which load a model once and turn sequences into vectors."""

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
from homodb.etl.embeddings.esm2 import load_esm2
from homodb.etl.embeddings.kmer import Kmer
from homodb.etl.embeddings.model import DEVICES, PRECISIONS, Identity, Long, Model
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
    """Result of a task.

    The model's identity, and the vectors, shape (sequences, dimensions), float32.
    """

    identity: Identity
    vectors: npt.NDArray[np.float32]


def run_task(spec: ModelSpec, sequences: Sequence[str]) -> TaskResult:
    """Embed sequences: a pure function that any process or machine may run.

    Parameters
    ----------
    spec
        The model; a process loads it once.
    sequences
        Amino acids in upper case, without stops.
    """
    model = _loaded(spec)
    return TaskResult(model.identity, model.embed(sequences))


def identify(spec: ModelSpec) -> Identity:
    """Load a model and return its identity."""
    return _loaded(spec).identity


def unload() -> None:
    """Release the model of this process, and with it the memory of its device."""
    _load_once.cache_clear()


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Start worker processes that share the cores of this machine.

    They end with the process that started them.

    Parameters
    ----------
    workers
        Number of processes.
    """
    threads = max(1, (os.cpu_count() or 1) // workers)
    # spawn: torch and polars do not survive a fork once their threads run
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(threads,))


def _begin_worker(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)  # torch is not imported yet
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_DFL)  # Ctrl-C ends a worker without a traceback
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
