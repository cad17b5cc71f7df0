"""A made-up model that is as awkward as a real one, and scripts that run it in processes of their own.

Its vectors differ in their last digits with what was embedded beside them, as a batched matrix product's do.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.embeddings import Identity, Long, ModelSpec, Store, embed_sequences, store

IDENTITY = Identity("fake", 3, Long.TRUNCATE, "float32", "ab" * 32, 7)


@dataclass(frozen=True)
class FakeSpec(ModelSpec):
    model: str = "fake"
    pause: float = 0.0
    tokens: int = 900
    weights_sha256: str = "ab" * 32

    def load(self) -> Fake:
        return Fake(self.pause, Identity("fake", 3, Long.TRUNCATE, "float32", self.weights_sha256, 7))

    def task_tokens(self) -> int:
        return self.tokens


@dataclass(frozen=True)
class SmallTasks(ModelSpec):
    """A real model, its work cut finely."""

    tokens: int = 800

    def task_tokens(self) -> int:
        return self.tokens


@dataclass(frozen=True)
class Fake:
    pause: float
    identity: Identity = IDENTITY

    def embed(self, sequences: Sequence[str]) -> npt.NDArray[np.float32]:
        if any("!" in sequence for sequence in sequences):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.pause)
        vectors = np.stack([_noise(sequence) for sequence in sequences])
        return (vectors + 1e-6 * _noise("".join(sequences))).astype(np.float32)


def _noise(text: str) -> npt.NDArray[np.float64]:
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), "<u4")[:7] / 2.0**32


def sequences(count: int, seed: int = 1) -> pl.DataFrame:
    """Random proteins, one of them longer than the model reads."""
    chance = np.random.default_rng(seed)
    texts = ["".join(chance.choice(list("ACDEFGHIKLMNPQRSTVWY"), chance.integers(1, 91))) for _ in range(count)]
    texts[0] = "M" * 1500
    return frame(texts)


def frame(texts: Sequence[str]) -> pl.DataFrame:
    checksums = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    return pl.DataFrame({"sequence_sha256": checksums, "sequence": texts, "length": [len(text) for text in texts]})


def content(root: Path) -> dict[str, bytes]:
    """Every file that means something, by path."""
    paths = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def run(root: Path, count: int, pause: float) -> None:
    counts = embed_sequences(sequences(count), FakeSpec(pause=pause), Store(root, IDENTITY))
    print(counts.unique, counts.stored, counts.embedded, counts.elsewhere)


def die_everywhere(scratch: Path) -> None:
    """Die of SIGKILL at the first, second, third … time that a file is touched; each time resume and compare."""
    reference = scratch / "reference"
    os.fsync = lambda descriptor: None
    _in_a_child(lambda: run(reference, 22, 0.0))
    for moment in range(1, 1000):
        root = scratch / str(moment)

        def doomed(root: Path = root, moment: int = moment) -> None:
            _die_at(moment)
            run(root, 22, 0.0)

        killed = _in_a_child(doomed)
        before = len(list(root.rglob("*.npy")))
        assert not _in_a_child(lambda root=root: run(root, 22, 0.0))  # type: ignore[misc]
        assert content(root) == content(reference), moment
        print("point", moment, "shards", before, flush=True)
        if not killed:
            return


def _in_a_child(work: Callable[[], None]) -> bool:
    """Run in a fork; whether it was killed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _die_at(moment: int) -> None:
    left = moment

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def instead(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **named)

        return instead

    os.fsync = counted(lambda descriptor: None)  # a killed process needs none, and it is slow
    os.open = counted(os.open)  # type: ignore[assignment]
    os.close = counted(os.close)  # type: ignore[assignment]
    for name in ("hardlink_to", "unlink", "mkdir", "open", "exists"):
        setattr(Path, name, counted(getattr(Path, name)))
    assert store.Path is Path


if __name__ == "__main__":
    if sys.argv[1] == "die":
        die_everywhere(Path(sys.argv[2]))
    else:
        run(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
