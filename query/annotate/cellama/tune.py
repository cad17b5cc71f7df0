"""Fine-tunes a sentence model on cells: alike in expression should mean alike in sentence."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.query.annotate.cellama.pairs import Cells, draw_pairs
from homodb.schema.errors import AnnotationError, OutputError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

#: What sentence-transformers trains with unless told otherwise.
RATE = 2e-5
#: Largest length of a step's gradient.
_CLIP = 1.0


def fine_tune(
    model: SentenceTransformer,
    sides: Sequence[Cells],
    folder: str | Path | None = None,
    *,
    steps: int,
    batch: int = 16,
    rate: float = RATE,
    seed: int = 42,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> list[float]:
    """Fine-tune a sentence model in place, and keep it in a folder.

    Each step sees a batch of fresh pairs (see :func:`~homodb.query.annotate.cellama.pairs.draw_pairs`); the loss is
    that of sentence-transformers' ``CosineSimilarityLoss``, the optimiser AdamW, whose rate rises over the first tenth
    of the steps and then falls to zero.

    Parameters
    ----------
    model
        The model; it is changed.
    sides
        Cells to learn from.
    folder
        Where the model goes, as safetensors; ``model=FOLDER`` then uses it. It must not exist. None: not kept.
    steps, batch
        Steps, and pairs of each.
    rate
        Highest rate of learning.
    seed
        Of the pairs and of dropout.
    report
        Called after each step with its number, from 1, and its loss.

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
        raise AnnotationError(f"steps={steps}, batch={batch}, rate={rate}: wanted numbers above 0")
    target = None if folder is None else _new(Path(folder))
    pairs = draw_pairs(sides, steps * batch, seed=seed)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=rate)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm + 1))
    )
    losses: list[float] = []
    devices = [torch.device(model.device)] if model.device.type == "cuda" else []
    # dropout takes its chances from torch's own generator, which is put back after
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        model.train()
        for start in range(0, steps * batch, batch):
            part = slice(start, start + batch)
            one, other = (_embedded(model, texts[part]) for texts in (pairs.first, pairs.second))
            wanted = torch.from_numpy(pairs.target[part]).to(model.device)
            loss: Any = torch.nn.functional.mse_loss(torch.cosine_similarity(one, other), wanted)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            report(len(losses), losses[-1])
    model.eval()
    if target is not None:
        _keep(model, target)
    return losses


def _embedded(model: SentenceTransformer, texts: Sequence[str]) -> torch.Tensor:
    """Embed sentences with gradients; what reads them was called ``tokenize`` before sentence-transformers 6."""
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
    """Write the model beside its place, then move it there whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        model.save(str(made), safe_serialization=True, create_model_card=False)
        made.chmod(0o777 & ~_umask())
        made.rename(folder)
    except OSError as error:
        raise OutputError(f"the fine-tuned model cannot be written to {folder}: {error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
