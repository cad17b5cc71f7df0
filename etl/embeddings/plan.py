"""Plans: how work is cut into tasks, written down before it begins.

A float32 vector differs in its last digits with the sequences that were computed beside it. So that work which is
killed and taken up again ends in the same bytes, its cut into tasks is a function of the sequences that were missing
when it began, and stays on disk until all tasks are finished. It is found again by the set of sequences that are
wanted, and processes that want the same set share it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from homodb.etl.embeddings.durable import write_once
from homodb.etl.embeddings.store import Store
from homodb.schema.errors import StoreError

#: A task: checksums of its sequences, in the order in which they are computed.
Task = tuple[str, ...]

#: Name of a task's lock: that of its shard, and this.
LOCK = ".lock"

#: Vectors of one task take at most about so much memory.
_TASK_BYTES = 2**26


def plan(wanted: pl.DataFrame, store: Store, task_tokens: int) -> list[Task]:
    """Find the tasks that are left of the work that was begun on these sequences, or cut new ones and write them down.

    Parameters
    ----------
    wanted
        Each sequence once: ``sequence_sha256, tokens``.
    store
        Where their vectors go.
    task_tokens
        Tokens that make a task.

    Returns
    -------
    list of tuple of str
        Unfinished tasks, the longest sequences first.

    Raises
    ------
    StoreError
        If a plan cannot be written, or was damaged.
    """
    path = _path(wanted["sequence_sha256"].to_list(), store)
    while True:
        tasks = _read(path)
        if tasks is not None:
            left = set(store.missing([checksum for task in tasks for checksum in task]))
            open_tasks = [task for task in tasks if not left.isdisjoint(task)]
            if open_tasks:
                return open_tasks
            _delete(path)
        missing = store.missing(wanted["sequence_sha256"].to_list())
        if not missing:
            return []
        tasks = _cut(wanted, missing, task_tokens, store.identity.dimensions)
        # after this, look again: another process may have made one, or have finished some of it meanwhile
        if write_once(path, (_encoded(tasks),)) and store.missing(missing) != missing:
            _delete(path)


def forget_finished(store: Store) -> None:
    """Delete all plans that have no task left, and the locks of finished tasks that killed processes left behind."""
    for lock in (store.folder / "locks").glob(f"*{LOCK}"):
        if (store.folder / "shards" / lock.name.removesuffix(LOCK)).exists():
            _delete(lock)  # whoever holds it or takes it sees the shard
    for path in (store.folder / "plans").glob("[!.]*.json"):
        tasks = _read(path)
        if tasks is not None and not store.missing([checksum for task in tasks for checksum in task]):
            _delete(path)


def _cut(wanted: pl.DataFrame, missing: Sequence[str], task_tokens: int, dimensions: int) -> list[Task]:
    """Cut into tasks of about equal cost, sequences of like length together, the longest first.

    A sequence costs its tokens, but so much at least that a task's vectors stay within their memory.
    """
    least = -(-task_tokens * 4 * dimensions // _TASK_BYTES)
    cost = pl.max_horizontal(pl.col("tokens").cast(pl.Int64), pl.lit(least, pl.Int64))
    rows = (
        wanted.filter(pl.col("sequence_sha256").is_in(pl.Series(missing, dtype=pl.String).implode()))
        .sort(["tokens", "sequence_sha256"], descending=[True, False])
        .with_columns(before=cost.cum_sum() - cost)
    )
    total = int(rows.select(cost.sum()).item())
    count = -(-total // task_tokens)
    numbered = rows.with_columns(task=pl.col("before") * count // total)
    grouped = numbered.group_by("task", maintain_order=True).agg("sequence_sha256")
    return [tuple(checksums) for checksums in grouped["sequence_sha256"].to_list()]


def _path(checksums: Sequence[str], store: Store) -> Path:
    wanted = hashlib.sha256("".join(sorted(checksums)).encode()).hexdigest()[:32]
    return store.folder / "plans" / f"{wanted}.json"


def _encoded(tasks: Sequence[Task]) -> bytes:
    content = json.dumps(tasks)
    return json.dumps({"sha256": hashlib.sha256(content.encode()).hexdigest(), "tasks": content}).encode()


def _read(path: Path) -> list[Task] | None:
    """Read a plan; None where there is none."""
    try:
        told = json.loads(path.read_bytes())
        if told["sha256"] != hashlib.sha256(told["tasks"].encode()).hexdigest():
            raise ValueError("it does not have its checksum")
        return [tuple(task) for task in json.loads(told["tasks"])]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path}: a damaged plan ({error}). Delete this file and run the same command again; what is in the "
            "store stays"
        ) from error


def _delete(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
