"""Fine-tune a sentence model on cells, so that similar expression gives similar embeddings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import ObsColumns, SpeciesCells
from homodb.query.integrate import kneighbors, log_normalized, principal_components, scaled, unit_rows
from homodb.schema.errors import AnnotationError, OutputError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

#: Number of nearest cells that count as close.
NEAR = 10
_FEATURES = 2000
_COMPONENTS = 50
#: Columns that are never metadata: they differ for reasons other than the kind of cell.
_NEVER = ObsColumns.donor_names | {"species", "organism"}


@dataclass(frozen=True)
class SentenceCells:
    """Cells of one side to learn from."""

    sentences: Sequence[str | None]  # None for a cell without one, which is left out
    profiles: npt.NDArray[np.float64]  # principal components of their expression, shape (cells, components)
    metadata: Mapping[str, Sequence[str | None]] = field(default_factory=dict)  # columns that should separate cells


@dataclass(frozen=True)
class Pairs:
    """Pairs of sentences, and the target cosine of their embeddings, shape (pairs,), float32."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    target: npt.NDArray[np.float32]


def profiles_of(counts: sp.csr_matrix, *, random_state: int = 0) -> npt.NDArray[np.float64]:
    """Compute principal components of log-normalised counts, over the 2 000 words that vary most.

    Raises
    ------
    AnnotationError
        If there are too few cells, or words that vary.
    """
    logs = log_normalized(counts, np.asarray(counts.sum(axis=1), np.float64).ravel())
    mean = np.asarray(logs.mean(axis=0)).ravel()
    variance = np.asarray(logs.multiply(logs).mean(axis=0)).ravel() - mean**2
    columns = np.argsort(-variance, kind="stable")[:_FEATURES]
    columns = np.sort(columns[variance[columns] > 1e-12])
    k = min(_COMPONENTS, logs.shape[0] - 1, len(columns) - 1)
    if k < 1:
        raise AnnotationError(
            f"{logs.shape[0]} cells with {len(columns)} genes that vary are too few to fine-tune on: their profiles "
            "cannot be compared; set tune=0"
        )
    return principal_components(scaled(sp.csr_matrix(logs[:, columns])), k, random_state=random_state).cells


def metadata_of(side: SpeciesCells) -> dict[str, tuple[str | None, ...]]:
    """Return a side's columns of metadata: its phrases, except those that name species or donors.

    A column whose values go with the donors one to one names donors, whatever it is called.
    """
    metadata = {}
    for name, texts in side.phrases.items():
        if name.lower() in _NEVER:
            continue
        if side.donor is not None:
            both = {(donor, text) for donor, text in zip(side.donor.tolist(), texts, strict=True) if text is not None}
            if len(both) > 1 and len({text for _, text in both}) == len({donor for donor, _ in both}) == len(both):
                continue
        metadata[name] = texts
    return metadata


def draw_pairs(sides: Sequence[SentenceCells], n: int, *, random_state: int = 0) -> Pairs:
    """Draw pairs of cells, of one side each, as published: half of them close and half random.

    The first cell of a pair is any. The second is, in turn, one of its ten nearest by the cosine of their profiles, or
    any other. The target is that cosine, and 0 where a column of metadata has different values. Profiles of different
    sides are not comparable, and a pair across species would teach the model the look of a species. Each side has pairs
    in proportion to its cells.

    Raises
    ------
    AnnotationError
        If no side has two cells with sentences.
    """
    rng = np.random.default_rng(random_state)
    usable = [np.array([n for n, text in enumerate(one.sentences) if text is not None], np.int64) for one in sides]
    sizes = np.array([len(rows) if len(rows) > 1 else 0 for rows in usable])
    if not sizes.any():
        raise AnnotationError("fine-tuning needs at least two cells of one side that have sentences; set tune=0")
    side_of = rng.choice(len(sides), n, p=sizes / sizes.sum())
    close = np.arange(n) % 2 == 0
    first, second = [""] * n, [""] * n
    target = np.zeros(n, np.float32)
    for number, (cells, rows) in enumerate(zip(sides, usable, strict=True)):
        drawn = np.flatnonzero(side_of == number)
        if not len(drawn):
            continue
        units = unit_rows(cells.profiles[rows])
        a = rng.integers(0, len(rows), len(drawn))
        # any other: a step of 1 to all but one
        b = (a + rng.integers(1, len(rows), len(drawn))) % len(rows)
        near = close[drawn]
        b[near] = _close(units, a[near], rng)
        cosine = np.einsum("ij,ij->i", units[a], units[b])
        for texts in cells.metadata.values():
            cosine[[_differ(texts[x], texts[y]) for x, y in zip(rows[a].tolist(), rows[b].tolist(), strict=True)]] = 0.0
        target[drawn] = cosine
        for place, x, y in zip(drawn.tolist(), rows[a].tolist(), rows[b].tolist(), strict=True):
            first[place], second[place] = cells.sentences[x] or "", cells.sentences[y] or ""
    return Pairs(tuple(first), tuple(second), target)


def _close(
    units: npt.NDArray[np.float64], cells: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw for each of some cells one of its nearest others."""
    k = min(NEAR, len(units) - 1)
    if not len(cells):
        return cells
    others = kneighbors(units, k, rows=cells, exclude_self=True).indices
    drawn: npt.NDArray[np.int64] = others[np.arange(len(cells)), rng.integers(0, k, len(cells))]
    return drawn


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


#: Default learning rate of sentence-transformers.
RATE = 2e-5
#: Largest length of a step's gradient.
_CLIP = 1.0


def fine_tune(
    model: SentenceTransformer,
    sides: Sequence[SentenceCells],
    folder: str | Path | None = None,
    *,
    steps: int,
    batch: int = 16,
    rate: float = RATE,
    random_state: int = 42,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> list[float]:
    """Fine-tune a sentence model in place, and keep it in a folder.

    Each step sees a batch of fresh pairs (see :func:`~homodb.query.annotate.cellama.tune.draw_pairs`); the loss is
    that of sentence-transformers' ``CosineSimilarityLoss``, the optimiser AdamW, whose rate rises over the first tenth
    of the steps and then falls to zero.

    Parameters
    ----------
    model
        The model; it is changed.
    sides
        Cells to learn from.
    folder
        New folder for the model, as safetensors; ``model=FOLDER`` then uses it. None: it is not kept.
    steps, batch
        Number of steps, and of pairs of each.
    rate
        Highest learning rate.
    random_state
        Seed of the pairs and of dropout.
    progress
        Callback that receives the number of each step, from 1, and its loss.

    Returns
    -------
    list
        The loss of each step.

    Raises
    ------
    AnnotationError
        If there is nothing to learn from, or a number is out of its range.
    OutputError
        If the folder exists.
    """
    import torch

    if steps < 1 or batch < 1 or not rate > 0:
        raise AnnotationError(f"steps={steps}, batch={batch}, rate={rate}: expected numbers above 0")
    target = None if folder is None else _new(Path(folder))
    pairs = draw_pairs(sides, steps * batch, random_state=random_state)
    # one pass over all parameters, without copies of them
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=rate, fused=True)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm + 1))
    )
    losses: list[float] = []
    devices = [torch.device(model.device)] if model.device.type == "cuda" else []
    # dropout draws from torch's own generator, which is restored afterwards
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(random_state)
        model.train()
        for start in range(0, steps * batch, batch):
            part = slice(start, start + batch)
            # both sentences of all pairs in one pass
            one, other = _embedded(model, [*pairs.first[part], *pairs.second[part]]).chunk(2)
            wanted = torch.from_numpy(pairs.target[part]).to(model.device)
            loss: Any = torch.nn.functional.mse_loss(torch.cosine_similarity(one, other), wanted)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            progress(len(losses), losses[-1])
    model.eval()
    if target is not None:
        _keep(model, target)
    return losses


def _embedded(model: SentenceTransformer, texts: Sequence[str]) -> torch.Tensor:
    """Embed sentences with gradients; ``preprocess`` was ``tokenize`` before sentence-transformers 6."""
    read = getattr(model, "preprocess", None) or model.tokenize
    features = {
        name: value.to(model.device) if hasattr(value, "to") else value for name, value in read(list(texts)).items()
    }
    embedded: torch.Tensor = model(features)["sentence_embedding"]
    return embedded


def _new(folder: Path) -> Path:
    if folder.exists():
        raise OutputError(f"{folder} exists; give a new folder for the fine-tuned model, or delete it")
    return folder


def _keep(model: SentenceTransformer, folder: Path) -> None:
    """Write the model next to its place, then move it there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        model.save(str(partial), safe_serialization=True, create_model_card=False)
        partial.chmod(0o777 & ~_umask())
        partial.rename(folder)
    except OSError as error:
        raise OutputError(f"the fine-tuned model cannot be written to {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
