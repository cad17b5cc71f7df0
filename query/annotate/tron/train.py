"""Trains a model on cells, with early stopping: the network on the source, or the layer before it on the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from homodb.query.annotate.tron.phenotype import Phenotype

#: Cells that are predicted at once.
_BLOCK = 1024


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Parameters
    ----------
    epochs, patience
        At most so many passes; training stops after so many without a lower loss.
    batch, epoch_cells
        Cells of a step, and of a pass.
    """

    epochs: int
    patience: int
    batch: int
    epoch_cells: int


@dataclass(frozen=True)
class Trained:
    """What training went through.

    Parameters
    ----------
    epochs
        Passes made.
    best
        The pass whose weights were kept; 0 for those before training.
    losses
        Loss that decided, before training and after each pass.
    """

    epochs: int
    best: int
    losses: tuple[float, ...]


def train(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    cells: sp.csr_matrix,
    phenotype: Phenotype,
    rows: npt.NDArray[np.int64],
    held: npt.NDArray[np.int64],
    schedule: Schedule,
    rng: np.random.Generator,
    *,
    learning: Sequence[nn.Module] = (),
    penalty: Callable[[], Tensor] | None = None,
    after_step: Callable[[], None] | None = None,
) -> Trained:
    """Train a model and leave it as it was when it did best.

    Parameters
    ----------
    model
        Takes cells on the linear scale.
    optimiser
        Of those of its parameters that learn.
    cells
        CSR, cells x genes, linear scale.
    phenotype
        Of the cells.
    rows, held
        Cells to learn from, and those whose loss decides; if there are none, the loss on `rows` does.
    schedule
        How long.
    rng
        Shuffles.
    learning
        Parts that are in training mode (dropout) during steps; all others judge as they do afterwards.
    penalty
        Added to the loss of each step, and to the loss that decides.
    after_step
        Called after each step of the optimiser.
    """
    device = next(model.parameters()).device
    class_weight = torch.from_numpy(phenotype.weights(rows)).to(device)
    scale = float(np.std(phenotype.values[rows])) or 1.0
    judged = held if len(held) else rows

    def loss(of: Tensor, at: npt.NDArray[np.int64]) -> Tensor:
        true = torch.from_numpy(phenotype.values[at]).to(device)
        if phenotype.categories:
            return functional.cross_entropy(of, true, weight=class_weight)
        return ((of[:, 0] - true.to(of.dtype)) / scale).square().mean()

    def decide() -> float:
        model.eval()
        total = float(loss(predict(model, cells[judged]), judged))
        return total + (float(penalty().detach()) if penalty else 0.0)

    losses = [decide()]
    best, kept = 0, _learned(model)
    for epoch in range(1, schedule.epochs + 1):
        for part in learning:
            part.train()
        for at in _batches(rows, schedule, rng):
            optimiser.zero_grad()
            step: Tensor = loss(model(dense(cells[at], device)), at) + (penalty() if penalty else 0.0)
            step.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if after_step:
                after_step()
        losses.append(decide())
        if losses[-1] < losses[best]:
            best, kept = epoch, _learned(model)
        if epoch - best >= schedule.patience:
            break
    with torch.no_grad():
        for value, best_value in zip(_learned(model, copy=False), kept, strict=True):
            value.copy_(best_value)
    model.eval()
    return Trained(len(losses) - 1, best, tuple(losses))


@torch.no_grad()
def predict(model: Callable[[Tensor], Tensor], cells: sp.csr_matrix, device: torch.device | None = None) -> Tensor:
    """Return what a model gives for cells, block by block, shape (cells, outputs)."""
    if device is None and isinstance(model, nn.Module):
        device = next(model.parameters()).device
    blocks = range(0, max(cells.shape[0], 1), _BLOCK)
    return torch.cat([model(dense(cells[start : start + _BLOCK], device)) for start in blocks])


def dense(cells: sp.csr_matrix, device: torch.device | None) -> Tensor:
    """Return cells as a dense tensor."""
    return torch.from_numpy(cells.toarray()).to(device=device, dtype=torch.get_default_dtype())


def _learned(model: nn.Module, *, copy: bool = True) -> list[Tensor]:
    """Return the parameters that learn, as they are now or (without a copy) as they will be."""
    learned = [one.detach() for one in model.parameters() if one.requires_grad]
    return [one.clone() for one in learned] if copy else learned


def _batches(
    rows: npt.NDArray[np.int64], schedule: Schedule, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    shuffled = rng.permutation(rows)[: schedule.epoch_cells]
    for start in range(0, len(shuffled), schedule.batch):
        yield shuffled[start : start + schedule.batch]
