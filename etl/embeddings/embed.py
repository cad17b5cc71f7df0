"""Embedding of the sequences that a store lacks.

They are cut into tasks; the vectors of each task become a shard of the store.

A float32 vector differs in its last digits with the sequences that are computed beside it. For killed work to end in
the same bytes when it is resumed, its cut into tasks is a function of the sequences that were missing when it began,
and this plan stays on disk until all tasks are finished. A plan is identified by the set of requested sequences, and
processes that request the same set share it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from homodb.etl.embeddings.esm2 import LIMIT
from homodb.etl.embeddings.model import Identity, Long
from homodb.etl.embeddings.store import Store, shard_name, write_once
from homodb.etl.embeddings.worker import ModelSpec, TaskResult, identify, run_task, unload
from homodb.schema.errors import StoreError, WorkerError
from homodb.schema.io import parse_json
from homodb.schema.locks import Lock, take

#: A task: checksums of its sequences, in the order in which they are computed.
Task = tuple[str, ...]

#: Seconds between two looks at the tasks of other processes.
_POLL_SECONDS = 0.2
#: Suffix that turns the name of a shard into the name of its task's lock.
_LOCK = ".lock"
#: Approximate maximum memory of the vectors of a task.
_TASK_BYTES = 2**26


@dataclass(frozen=True)
class EmbeddingProgress:
    """Progress of a plan, including the work of other processes.

    Parameters
    ----------
    done, total
        Number of sequences that are finished since the work began, and that were missing then.
    tokens, total_tokens
        The same, in residues that the model reads.
    """

    done: int
    total: int
    tokens: int
    total_tokens: int


@dataclass(frozen=True)
class EmbeddingCounts:
    """Number of sequences by what was done with them.

    Parameters
    ----------
    unique
        Different sequences.
    stored
        Of these, in the store before.
    embedded
        Computed now.
    elsewhere
        Computed by another process at the same time.
    tokens
        Residues that the model read now.
    """

    unique: int
    stored: int
    embedded: int
    elsewhere: int
    tokens: int


def open_store(root: Path, spec: ModelSpec, *, executor: Executor | None = None) -> Store:
    """Open the store of a model's vectors, or create it.

    Parameters
    ----------
    root
        Folder of stores.
    spec
        The model. It is loaded, in a worker if there are any, because its identity includes its weights.
    executor
        As in :func:`embed_sequences`.

    Raises
    ------
    StoreError
        If the existing store was filled from other weights.
    """
    return Store(root, _result((executor or _ThisProcess()).submit(identify, spec)))


def embed_sequences(
    sequences: pl.DataFrame,
    spec: ModelSpec,
    store: Store,
    *,
    executor: Executor | None = None,
    ahead: int = 16,
    progress: Callable[[EmbeddingProgress], None] = lambda progress: None,
) -> EmbeddingCounts:
    """Embed the sequences that a store lacks.

    If it is killed at any moment, the next call with the same sequences continues and ends in the same bytes. Several
    processes may run at once; those with the same sequences share the tasks.

    Parameters
    ----------
    sequences
        ``sequence_sha256, sequence, length``; repeats are embedded once.
    spec
        The model.
    store
        The model's store.
    executor
        Any executor of :mod:`concurrent.futures` or with its interface. It computes the vectors, which are written
        here. Default: this process, one task after another.
    ahead
        Number of tasks that are submitted at a time: at least two for each worker.
    progress
        Callback that receives the progress at the start and after each task.

    Raises
    ------
    StoreError
        If the store belongs to another model, is damaged, or cannot be written. Finished work is kept.
    WorkerError
        If a worker died.
    """
    unique = sequences.unique("sequence_sha256", keep="first").with_columns(tokens=_tokens(store.identity))
    tasks = plan_tasks(unique.select("sequence_sha256", "tokens"), store, spec.task_tokens())
    work = _EmbeddingWork(store, unique, tasks, progress)
    stored = unique.height - work.total
    work.report()
    _compute(tasks, work, spec, executor or _ThisProcess(), 1 if executor is None else ahead)
    if executor is None:
        unload()
    _forget_finished(store)
    return EmbeddingCounts(unique.height, stored, work.embedded, work.total - work.embedded, work.embedded_tokens)


def plan_tasks(requested: pl.DataFrame, store: Store, task_tokens: int) -> list[Task]:
    """Return the open tasks of an earlier plan, or make a new plan.

    Returns
    -------
    list of tuple of str
        Unfinished tasks, the longest sequences first.

    Raises
    ------
    StoreError
        If a plan is damaged or cannot be written.
    """
    checksums = requested["sequence_sha256"].to_list()
    name = hashlib.sha256("".join(sorted(checksums)).encode()).hexdigest()[:32]
    path = store.folder / "plans" / f"{name}.json"
    while True:
        tasks = _read_plan(path)
        if tasks is not None:
            left = set(store.missing([checksum for task in tasks for checksum in task]))
            open_tasks = [task for task in tasks if not left.isdisjoint(task)]
            if open_tasks:
                return open_tasks
            _delete(path)
        missing = store.missing(checksums)
        if not missing:
            return []
        tasks = _cut(requested, missing, task_tokens, store.identity.dimensions)
        # then look again: another process may have made a plan, or have finished some of it meanwhile
        if write_once(path, (_encoded(tasks),)) and store.missing(missing) != missing:
            _delete(path)


def _forget_finished(store: Store) -> None:
    """Delete the plans without open tasks. Delete also the locks of finished tasks that killed processes left."""
    for lock in (store.folder / "locks").glob(f"*{_LOCK}"):
        if (store.folder / "shards" / lock.name.removesuffix(_LOCK)).exists():
            _delete(lock)  # whoever holds it or takes it sees the shard
    for path in (store.folder / "plans").glob("[!.]*.json"):
        tasks = _read_plan(path)
        if tasks is not None and not store.missing([checksum for task in tasks for checksum in task]):
            _delete(path)


def _cut(requested: pl.DataFrame, missing: Sequence[str], task_tokens: int, dimensions: int) -> list[Task]:
    """Cut into tasks of similar cost, the longest sequences first.

    The cost of a sequence is its tokens, but at least what keeps the vectors of a task within their memory.
    """
    least = -(-task_tokens * 4 * dimensions // _TASK_BYTES)
    cost = pl.max_horizontal(pl.col("tokens").cast(pl.Int64), pl.lit(least, pl.Int64))
    rows = (
        requested.filter(pl.col("sequence_sha256").is_in(pl.Series(missing, dtype=pl.String).implode()))
        .sort(["tokens", "sequence_sha256"], descending=[True, False])
        .with_columns(before=cost.cum_sum() - cost)
    )
    total = int(rows.select(cost.sum()).item())
    count = -(-total // task_tokens)
    numbered = rows.with_columns(task=pl.col("before") * count // total)
    grouped = numbered.group_by("task", maintain_order=True).agg("sequence_sha256")
    return [tuple(checksums) for checksums in grouped["sequence_sha256"].to_list()]


def _encoded(tasks: Sequence[Task]) -> bytes:
    content = json.dumps(tasks)
    return json.dumps({"sha256": hashlib.sha256(content.encode()).hexdigest(), "tasks": content}).encode()


def _read_plan(path: Path) -> list[Task] | None:
    """Read a plan; None if there is none."""
    try:
        document = parse_json(path.read_bytes())
        if document["sha256"] != hashlib.sha256(document["tasks"].encode()).hexdigest():
            raise ValueError("it does not match its checksum")
        return [tuple(task) for task in parse_json(document["tasks"])]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path}: the plan is damaged ({error}). Delete this file and run the same command again; the vectors in "
            "the store are kept"
        ) from error


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


class _EmbeddingWork:
    """Open tasks: their sequences, and counts of the finished ones."""

    def __init__(
        self, store: Store, unique: pl.DataFrame, tasks: Sequence[Task], progress: Callable[[EmbeddingProgress], None]
    ) -> None:
        left = pl.Series([checksum for task in tasks for checksum in task], dtype=pl.String)
        rows = unique.filter(pl.col("sequence_sha256").is_in(left.implode()))
        checksums = rows["sequence_sha256"].to_list()
        self._sequences = dict(zip(checksums, rows["sequence"].to_list(), strict=True))
        self._tokens = dict(zip(checksums, rows["tokens"].to_list(), strict=True))
        self._progress = progress
        self._done = self._done_tokens = 0
        self.store = store
        self.total, self.total_tokens = len(checksums), sum(self._tokens.values())
        self.embedded = self.embedded_tokens = 0

    def sequences(self, task: Task) -> list[str]:
        return [self._sequences[checksum] for checksum in task]

    def write(self, task: Task, result: TaskResult) -> None:
        if result.identity != self.store.identity:
            raise StoreError(
                f"{self.store.folder}: a worker has another model. "
                f"Expected {self.store.identity}, got {result.identity}"
            )
        self.store.write(task, result.vectors)
        self.embedded += len(task)
        self.embedded_tokens += self._tokens_of(task)
        self.count(task)

    def count(self, task: Task) -> None:
        self._done += len(task)
        self._done_tokens += self._tokens_of(task)
        self.report()

    def report(self) -> None:
        self._progress(EmbeddingProgress(self._done, self.total, self._done_tokens, self.total_tokens))

    def _tokens_of(self, task: Task) -> int:
        return sum(self._tokens[checksum] for checksum in task)


def _compute(tasks: Sequence[Task], work: _EmbeddingWork, spec: ModelSpec, executor: Executor, ahead: int) -> None:
    """Compute tasks; those that other processes are working on come last."""
    waiting = deque(tasks)
    running: dict[Future[TaskResult], tuple[Task, Lock]] = {}
    try:
        while waiting or running:
            for _ in range(len(waiting)):
                if len(running) >= ahead:
                    break
                task = waiting.popleft()
                lock = take(work.store.folder / "locks" / f"{shard_name(task)}{_LOCK}")
                if lock is None:
                    waiting.append(task)
                elif work.store.has_shard(task):
                    lock.release(finished=True)
                    work.count(task)
                else:
                    running[_submitted(task, work, spec, executor, lock)] = task, lock
            if not running:
                if waiting:
                    time.sleep(_POLL_SECONDS)
                continue
            finished, _ = wait(running, timeout=_POLL_SECONDS if waiting else None, return_when=FIRST_COMPLETED)
            for future in finished:
                work.write(running[future][0], _result(future))
                running.pop(future)[1].release(finished=True)
    finally:
        for future, (_, lock) in running.items():
            future.cancel()
            lock.release(finished=False)


def _submitted(task: Task, work: _EmbeddingWork, spec: ModelSpec, executor: Executor, lock: Lock) -> Future[TaskResult]:
    try:
        return executor.submit(run_task, spec, work.sequences(task))
    except BaseException:
        lock.release(finished=False)
        raise


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise WorkerError(
            f"a worker process died ({error}). If memory ran out, use fewer workers. Finished work is kept; run the "
            "same command to continue"
        ) from error


def _tokens(identity: Identity) -> pl.Expr:
    length = pl.col("sequence").str.len_bytes()
    return length.clip(upper_bound=LIMIT) if identity.long is Long.TRUNCATE else length


class _ThisProcess(Executor):
    """Executor that computes in this process on submission. So an interrupt reaches the work at once."""

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*arguments, **named))
        return future
