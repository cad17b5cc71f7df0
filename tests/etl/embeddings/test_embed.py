"""Filling a store: killed, interrupted, shared between processes, on any executor: always the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import messages

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # workers import it too

from fake_model import IDENTITY, Fake, FakeSpec, SmallTasks, content, frame, sequences  # noqa: E402

from homodb.etl.embeddings import (  # noqa: E402
    EmbeddingCounts,
    EmbeddingProgress,
    Esm2,
    ModelSpec,
    Store,
    embed_sequences,
    open_store,
    plan_tasks,
    worker_pool,
)
from homodb.schema.errors import ConfigError, StoreError, WorkerError  # noqa: E402
from homodb.schema.locks import take  # noqa: E402

COUNT = 200


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an uninterrupted run leaves."""
    root = tmp_path_factory.mktemp("reference")
    assert embed_sequences(sequences(COUNT), FakeSpec(), Store(root, IDENTITY)).embedded == COUNT
    return content(root)


def process(root: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "fake_model.py"), "run", str(root), str(COUNT), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "POLARS_MAX_THREADS": "1"})


def test_vectors_are_the_models_and_repeats_are_embedded_once(tmp_path: Path) -> None:
    wanted = sequences(30)
    store = open_store(tmp_path, FakeSpec())
    counts = embed_sequences(pl.concat([wanted, wanted.reverse()]), FakeSpec(), store)
    tokens = int(wanted["length"].clip(upper_bound=1022).sum())
    assert counts == EmbeddingCounts(unique=30, stored=0, embedded=30, elsewhere=0, tokens=tokens)
    alone = np.concatenate([Fake(0.0).embed([text]) for text in wanted["sequence"]])
    np.testing.assert_allclose(store.read(wanted["sequence_sha256"].to_list()), alone, atol=5e-6)


def test_only_what_is_new_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, IDENTITY)
    embed_sequences(sequences(30), FakeSpec(), store)
    asked: list[str] = []
    real = Fake.embed
    monkeypatch.setattr(Fake, "embed", lambda self, texts: asked.extend(texts) or real(self, texts))
    before = content(tmp_path)
    assert embed_sequences(sequences(30).reverse(), FakeSpec(), store) == EmbeddingCounts(30, 30, 0, 0, 0)
    assert content(tmp_path) == before and not asked
    new = frame(["NEWSEQ", "NEWER"])
    assert embed_sequences(pl.concat([sequences(30), new]), FakeSpec(), store).embedded == 2
    assert sorted(asked) == ["NEWER", "NEWSEQ"]
    assert embed_sequences(sequences(30).clear(), FakeSpec(), store) == EmbeddingCounts(0, 0, 0, 0, 0)


def test_progress_goes_up_to_the_total(tmp_path: Path) -> None:
    seen: list[EmbeddingProgress] = []
    counts = embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY), progress=seen.append)
    assert seen[0] == EmbeddingProgress(0, COUNT, 0, counts.tokens) and seen[-1] == EmbeddingProgress(
        COUNT, COUNT, counts.tokens, counts.tokens
    )
    assert len(seen) > 5 and seen == sorted(seen, key=lambda one: (one.done, one.tokens))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.integers(50, 2000))
def test_a_plan_holds_each_sequence_once_in_even_tasks(lengths: list[int], task_tokens: int) -> None:
    unique = frame([f"{n:04d}" for n in range(len(lengths))]).with_columns(tokens=pl.Series(lengths))
    with TemporaryDirectory() as folder:
        tasks = plan_tasks(unique, Store(Path(folder), IDENTITY), task_tokens)
        assert plan_tasks(unique.reverse(), Store(Path(folder), IDENTITY), 7) == tasks, "found again, in any order"
    tokens = dict(zip(unique["sequence_sha256"], lengths, strict=True))
    flat = [checksum for task in tasks for checksum in task]
    assert sorted(flat) == sorted(tokens)
    assert [tokens[one] for one in flat] == sorted(lengths, reverse=True)
    assert max(sum(tokens[one] for one in task) for task in tasks) <= task_tokens + max(lengths)


def test_many_short_sequences_do_not_make_a_task_too_large_for_memory(tmp_path: Path) -> None:
    unique = frame([f"{n:04d}" for n in range(4000)]).with_columns(tokens=pl.lit(4))
    tasks = plan_tasks(unique, Store(tmp_path, IDENTITY), 2**40)
    assert max(map(len, tasks)) * 4 * IDENTITY.dimensions <= 2**26 + 100
    wide = Store(tmp_path, IDENTITY.__class__("wide", 1, IDENTITY.long, "float32", None, 50_000))
    assert max(map(len, plan_tasks(unique, wide, 10_000))) * 4 * 50_000 <= 2**27


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_executor_gives_the_same_bytes(tmp_path: Path, reference: dict[str, bytes], kind: str) -> None:
    pool: Executor = ThreadPoolExecutor(3) if kind == "threads" else worker_pool(2)
    with pool:
        store = open_store(tmp_path, FakeSpec(), executor=pool)
        counts = embed_sequences(sequences(COUNT), FakeSpec(), store, executor=pool, ahead=5)
    assert counts.embedded == COUNT and content(tmp_path) == reference


@pytest.mark.slow
def test_killed_wherever_a_file_is_touched(tmp_path: Path) -> None:
    """SIGKILL at each step that touches a file, in turn; then resume, and compare with an uninterrupted run."""
    script = [sys.executable, str(HERE / "fake_model.py"), "die", str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    points = [line.split() for line in done.stdout.splitlines() if line.startswith("point")]
    assert len(points) > 40 and len({shards for *_, shards in points}) > 2


@pytest.mark.slow
def test_killed_at_random_moments_again_and_again(tmp_path: Path, reference: dict[str, bytes]) -> None:
    chance = np.random.default_rng(5)
    for wanted in (1, 3, 6):
        running = process(tmp_path, pause=0.05)
        while running.poll() is None and len(list(tmp_path.rglob("shards/*.npy"))) < wanted:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.05)
        running.kill()
        running.communicate()
    there = len(list(tmp_path.rglob("shards/*.npy")))
    assert 0 < there < sum(name.endswith(".npy") for name in reference)
    seen: list[EmbeddingProgress] = []
    counts = embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY), progress=seen.append)
    assert counts.stored > 0 and counts.stored + counts.embedded == COUNT and seen[-1].done == counts.embedded
    assert content(tmp_path) == reference


@pytest.mark.slow
def test_two_processes_share_out_the_work(tmp_path: Path, reference: dict[str, bytes]) -> None:
    pair = [process(tmp_path, pause=0.06) for _ in range(2)]
    told = [list(map(int, one.communicate()[0].split())) for one in pair]
    assert content(tmp_path) == reference
    assert sum(embedded for _, _, embedded, _ in told) == COUNT, "nothing twice"
    assert all(there + embedded + elsewhere == COUNT for _, there, embedded, elsewhere in told)


def test_what_another_process_is_at_is_waited_for_unless_it_dies(tmp_path: Path, reference: dict[str, bytes]) -> None:
    running = process(tmp_path, pause=600)
    while not list(tmp_path.rglob("locks/*")):
        time.sleep(0.005)
    held: list[int] = []

    def report(progress: EmbeddingProgress) -> None:
        if progress.done and len(list(tmp_path.rglob("shards/*.npy"))) == tasks - 1 and running.poll() is None:
            held.append(progress.done)
            running.kill()

    tasks = sum(name.endswith(".npy") for name in reference)
    counts = embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY), progress=report)
    running.communicate()
    assert len(held) == 1 and held[0] < COUNT and counts.embedded == COUNT
    assert content(tmp_path) == reference


def test_threads_of_one_process_may_fill_one_store(tmp_path: Path, reference: dict[str, bytes]) -> None:
    spec = FakeSpec(pause=0.01)
    with ThreadPoolExecutor(3) as pool:
        told = list(pool.map(lambda _: embed_sequences(sequences(COUNT), spec, Store(tmp_path, IDENTITY)), range(3)))
    assert content(tmp_path) == reference and sum(counts.embedded for counts in told) == COUNT


def test_different_sets_at_once_leave_a_sound_store(tmp_path: Path) -> None:
    parts = [sequences(COUNT)[:120], sequences(COUNT)[80:]]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: embed_sequences(part, FakeSpec(pause=0.01), Store(tmp_path, IDENTITY)), parts))
    checksums = sequences(COUNT)["sequence_sha256"].to_list()
    vectors = Store(tmp_path, IDENTITY).read(checksums)
    alone = np.concatenate([Fake(0.0).embed([text]) for text in sequences(COUNT)["sequence"]])
    np.testing.assert_allclose(vectors, alone, atol=5e-6)
    assert not list(tmp_path.rglob("plans/*")) and not list(tmp_path.rglob("locks/*"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_interrupted_work_keeps_what_was_finished(
    tmp_path: Path, reference: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    store, calls, real = Store(tmp_path, IDENTITY), [0], Fake.embed

    def interrupted(self: Fake, texts: Sequence[str]) -> object:
        calls[0] += 1
        if calls[0] == 4:
            raise error
        return real(self, texts)

    with monkeypatch.context() as patch:
        patch.setattr(Fake, "embed", interrupted)
        with pytest.raises(error):
            embed_sequences(sequences(COUNT), FakeSpec(), store)
    assert len(list(tmp_path.rglob("shards/*.npy"))) == 3
    embed_sequences(sequences(COUNT), FakeSpec(), store)
    assert content(tmp_path) == reference


@pytest.mark.parametrize("step", range(1, 9, 2))
def test_a_disk_that_fills_up_loses_nothing(
    tmp_path: Path, reference: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    calls, real = [0], os.fsync

    def full(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] >= step:
            raise OSError(28, "No space left on device")
        real(descriptor)

    store = Store(tmp_path, IDENTITY)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=messages.Embeddings.no_space_left_run_same):
            embed_sequences(sequences(COUNT), FakeSpec(), store)
    assert not list(tmp_path.rglob("*.partial"))
    embed_sequences(sequences(COUNT), FakeSpec(), store)
    assert content(tmp_path) == reference


def test_a_damaged_shard_is_an_error_and_deleting_it_helps(tmp_path: Path, reference: dict[str, bytes]) -> None:
    embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY))
    path = sorted(tmp_path.rglob("shards/*.npy"))[3]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match=messages.Embeddings.delete_this_file_run_same):
        embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY))
    path.unlink()
    counts = embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY))
    assert 0 < counts.embedded < COUNT and content(tmp_path) == reference


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sha256": "", "tasks": "[]"}', '{"sha256": 1, "tasks": 1}'])
def test_a_damaged_plan_is_an_error_and_deleting_it_helps(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path, IDENTITY)
    unique = sequences(COUNT).with_columns(tokens="length")
    plan_tasks(unique, store, 900)
    (path,) = (store.folder / "plans").iterdir()
    path.write_text(text)
    with pytest.raises(StoreError, match=messages.Embeddings.plan_is_damaged_delete):
        embed_sequences(sequences(COUNT), FakeSpec(), store)
    path.unlink()
    assert embed_sequences(sequences(COUNT), FakeSpec(), store).embedded == COUNT


def test_a_worker_with_other_weights_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=messages.Embeddings.worker_has_another_model):
        embed_sequences(sequences(9), FakeSpec(weights_sha256="cd" * 32), Store(tmp_path, IDENTITY))
    with pytest.raises(ConfigError, match=messages.Embeddings.unknown_model):
        open_store(tmp_path, ModelSpec("esm3"))
    with pytest.raises(ConfigError, match=messages.Embeddings.kmer_has_no_weights_layer):
        open_store(tmp_path, ModelSpec("kmer", layer=3))


def test_a_worker_that_dies_is_one_clear_error(tmp_path: Path, reference: dict[str, bytes]) -> None:
    fatal = pl.concat([sequences(COUNT), frame(["A!"])])
    with (
        worker_pool(1) as pool,
        pytest.raises(WorkerError, match=messages.Embeddings.use_fewer_workers_same),
    ):
        embed_sequences(fatal, FakeSpec(), Store(tmp_path, IDENTITY), executor=pool, ahead=1)
    assert len(list(tmp_path.rglob("shards/*.npy"))) > 3
    assert embed_sequences(sequences(COUNT), FakeSpec(), Store(tmp_path, IDENTITY)).stored > 0
    assert not [lock for lock in tmp_path.rglob("locks/*") if take(lock) is None]


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        f"import sys, time; sys.path.append({str(HERE)!r})\n"
        "from fake_model import FakeSpec\n"
        "from homodb.etl.embeddings import identify, worker_pool\n"
        "if __name__ == '__main__':\n"
        "    pool = worker_pool(1)\n"
        "    pool.submit(identify, FakeSpec()).result()\n"
        "    print(*pool._processes, flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)
    parent.kill()
    parent.communicate()  # ends only when the worker, which holds the pipe too, has ended
    for _ in range(400):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            break
        if Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.01)
    else:
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker lives on")


def test_a_lock_is_free_when_its_holder_is_dead_although_a_fork_of_it_lives(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\nfrom pathlib import Path\n"
        "from homodb.schema.locks import take\n"
        "lock = take(Path(sys.argv[1]))\n"
        "child = os.fork()\n"
        "if not child:\n    time.sleep(30); os._exit(0)\n"
        "print(child, flush=True)\ntime.sleep(30)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "l")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    orphan = int(holder.stdout.readline())
    try:
        assert take(tmp_path / "l") is None
        holder.kill()
        holder.wait()
        lock = take(tmp_path / "l")
        assert lock is not None and take(tmp_path / "l") is None
        lock.release(finished=True)
        assert not (tmp_path / "l").exists()
        again = take(tmp_path / "l")
        assert again is not None
        again.release(finished=False)
    finally:
        os.kill(orphan, signal.SIGKILL)
        holder.communicate()


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_esm2_interrupted_and_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("esm", reason="makes the checkpoint")
    from checkpoint_files import fair_esm, save

    name, wanted = "esm2_t6_8M_UR50D", sequences(40)
    spec = SmallTasks(name, weights=save(fair_esm(name), tmp_path / f"{name}.pt"), device="cpu")
    assert embed_sequences(wanted, spec, open_store(tmp_path / "whole", spec)).embedded == 40
    calls, real = [0], Esm2.embed

    def interrupted(self: Esm2, texts: Sequence[str]) -> object:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return real(self, texts)

    parts = open_store(tmp_path / "parts", spec)
    with monkeypatch.context() as patch:
        patch.setattr(Esm2, "embed", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embed_sequences(wanted, spec, parts)
    counts = embed_sequences(wanted.reverse(), spec, parts)
    assert counts.stored > 0 and counts.embedded > 0
    assert content(tmp_path / "parts") == content(tmp_path / "whole")
