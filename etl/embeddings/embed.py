"""Fills a store: cuts what is missing into tasks, has them computed, writes each one's vectors as a shard."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from homodb.etl.embeddings.model import Identity, Long
from homodb.etl.embeddings.plan import LOCK, Task, forget_finished, plan
from homodb.etl.embeddings.shard import keys_of, shard_name
from homodb.etl.embeddings.store import Store
from homodb.etl.embeddings.tasks import Done, ModelSpec, identify, run, unload
from homodb.schema.errors import StoreError, WorkerError
from homodb.schema.locks import Lock, take

__all__ = ["Counts", "ModelSpec", "Progress", "embed", "open_store"]

#: Residues that ESM2 reads of a protein when long ones are truncated.
_TRUNCATED = 1022
#: Seconds between two looks at tasks that another process is at.
_LOOK = 0.2


@dataclass(frozen=True)
class Progress:
    """How far the work is; what other processes do for the same plan counts as well.

    Parameters
    ----------
    done, total
        Sequences finished since the work began, and sequences that were missing then.
    tokens, total_tokens
        The same in residues that the model reads.
    """

    done: int
    total: int
    tokens: int
    total_tokens: int


@dataclass(frozen=True)
class Counts:
    """What came of it.

    Parameters
    ----------
    wanted
        Different sequences.
    there
        Of these, in the store before.
    embedded
        Computed now.
    elsewhere
        Computed by another process meanwhile.
    tokens
        Residues that the model read now.
    """

    wanted: int
    there: int
    embedded: int
    elsewhere: int
    tokens: int


def open_store(root: Path, spec: ModelSpec, *, executor: Executor | None = None) -> Store:
    """Open the store of a model's vectors, or make it.

    Parameters
    ----------
    root
        Folder of stores.
    spec
        The model. It is loaded, in a worker where there are some, because its weights are part of what it is.
    executor
        As in :func:`embed`.

    Raises
    ------
    StoreError
        If what is there was made with other weights.
    """
    identity = (executor or _Here()).submit(identify, spec)
    return Store(root, _result(identity))


def embed(
    sequences: pl.DataFrame,
    spec: ModelSpec,
    store: Store,
    *,
    executor: Executor | None = None,
    ahead: int = 16,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Counts:
    """Embed sequences that the store lacks.

    Killed at any moment, the next call with the same sequences goes on where this one was and ends in the same
    bytes. Several processes may do so at once; those that want the same sequences share out the tasks.

    Parameters
    ----------
    sequences
        ``sequence_sha256, sequence, length``; repeats are embedded once.
    spec
        The model.
    store
        The model's store.
    executor
        Where tasks are computed: any executor of :mod:`concurrent.futures` or alike. Default: in this process, one
        after another. Vectors come back from it and are written here.
    ahead
        Tasks that are handed to the executor at a time: two for each of its workers, or more.
    report
        Called with the progress at the start and after each task.

    Raises
    ------
    StoreError
        If the store is of another model, is damaged, or cannot be written. What was finished stays.
    WorkerError
        If a worker died.
    """
    unique = sequences.unique("sequence_sha256", keep="first").with_columns(tokens=_tokens(store.identity))
    wanted = unique.select("sequence_sha256", "tokens")
    tasks = plan(wanted, store, spec.task_tokens())
    texts = _Texts(unique, tasks)
    work = _Work(store, texts, report)
    there = unique.height - work.total
    work.tell()
    _compute(tasks, work, spec, executor or _Here(), 1 if executor is None else ahead)
    if executor is None:
        unload()
    forget_finished(store)
    return Counts(unique.height, there, work.embedded, work.total - work.embedded, work.embedded_tokens)


class _Texts:
    """Sequences and their tokens, by checksum."""

    def __init__(self, unique: pl.DataFrame, tasks: Sequence[Task]) -> None:
        left = pl.Series([checksum for task in tasks for checksum in task], dtype=pl.String)
        rows = unique.filter(pl.col("sequence_sha256").is_in(left.implode()))
        checksums = rows["sequence_sha256"].to_list()
        self.sequence = dict(zip(checksums, rows["sequence"].to_list(), strict=True))
        self.tokens = dict(zip(checksums, rows["tokens"].to_list(), strict=True))


class _Work:
    """Takes the finished tasks: writes them, counts, reports."""

    def __init__(self, store: Store, texts: _Texts, report: Callable[[Progress], None]) -> None:
        self.store = store
        self.texts = texts
        self.total = len(texts.tokens)
        self.embedded = self.embedded_tokens = 0
        self._report = report
        self._done = self._tokens = 0
        self._total_tokens = sum(texts.tokens.values())

    def write(self, task: Task, done: Done) -> None:
        if done.identity != self.store.identity:
            raise StoreError(f"{self.store.folder}: is of {self.store.identity}, and a worker has {done.identity}")
        self.store.write(task, done.vectors)
        self.embedded += len(task)
        self.embedded_tokens += sum(map(self.texts.tokens.__getitem__, task))
        self.count(task)

    def count(self, task: Task) -> None:
        self._done += len(task)
        self._tokens += sum(map(self.texts.tokens.__getitem__, task))
        self.tell()

    def tell(self) -> None:
        self._report(Progress(self._done, self.total, self._tokens, self._total_tokens))


def _compute(tasks: Sequence[Task], work: _Work, spec: ModelSpec, executor: Executor, ahead: int) -> None:
    """Compute tasks, those that other processes are at last."""
    waiting = deque(tasks)
    begun: dict[Future[Done], tuple[Task, Lock]] = {}
    try:
        while waiting or begun:
            for _ in range(len(waiting)):
                if len(begun) >= ahead:
                    break
                task = waiting.popleft()
                lock = take(work.store.folder / "locks" / f"{shard_name(keys_of(task))}{LOCK}")
                if lock is None:
                    waiting.append(task)
                elif work.store.has_shard(task):
                    lock.release(finished=True)
                    work.count(task)
                else:
                    begun[_submitted(task, work, spec, executor, lock)] = task, lock
            if not begun:
                if waiting:
                    time.sleep(_LOOK)
                continue
            finished, _ = wait(begun, timeout=_LOOK if waiting else None, return_when=FIRST_COMPLETED)
            for future in finished:
                work.write(begun[future][0], _result(future))
                begun.pop(future)[1].release(finished=True)
    finally:
        for future, (_, lock) in begun.items():
            future.cancel()
            lock.release(finished=False)


def _submitted(task: Task, work: _Work, spec: ModelSpec, executor: Executor, lock: Lock) -> Future[Done]:
    try:
        return executor.submit(run, spec, [work.texts.sequence[checksum] for checksum in task])
    except BaseException:
        lock.release(finished=False)
        raise


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise WorkerError(
            f"a worker process died ({error}); if memory ran out, take fewer workers. What was finished stays, and "
            "the same command goes on from there"
        ) from error


def _tokens(identity: Identity) -> pl.Expr:
    length = pl.col("sequence").str.len_bytes()
    return length.clip(upper_bound=_TRUNCATED) if identity.long is Long.TRUNCATE else length


class _Here(Executor):
    """Computes in this process, when asked, so that an interrupt reaches the work at once."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*arguments, **named))
        return future
