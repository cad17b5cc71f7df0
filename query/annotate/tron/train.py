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

from homodb.query.annotate.tron.network import Phenotype

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


@dataclass(frozen=True)
class Tuning:
    """Labelled query cells to learn from.

    Parameters
    ----------
    rows
        The cells learned from, int64, ascending.
    seen
        Cells that must not be judged afterwards, shape (cells,), bool: all cells of the chosen donors, labelled or not.
    by
        ``donors`` or ``cells``.
    """

    rows: npt.NDArray[np.int64]
    seen: npt.NDArray[np.bool_]
    by: str


def hold_out(
    codes: npt.NDArray[np.int64],
    donor: npt.NDArray[np.int64] | None,
    share: float,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.bool_], str]:
    """Choose cells to hold out of training.

    Parameters
    ----------
    codes
        Group (category) of each cell. No group is held out as a whole.
    donor
        Donor of each cell, -1 for unknown; None where nobody knows.
    share
        About so many of the cells: at least one donor, or of each group the nearest whole number of cells.
    rng
        Chooses.

    Returns
    -------
    tuple
        Which cells, shape (cells,), bool; and ``donors``, ``cells``, or ``nothing``.
    """
    held = np.zeros(len(codes), bool)
    if share <= 0 or not len(codes):
        return held, "nothing"
    for one in rng.permutation(_several(donor)):
        taken = held | (donor == one)
        if held.sum() < share * len(codes) and len(np.unique(codes[~taken])) == len(np.unique(codes)):
            held = taken
    # one donor of many cells would leave little to learn from
    if 0 < held.sum() <= max(2 * share, 0.5) * len(codes):
        return held, "donors"
    held[:] = False
    for group in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == group))
        held[rows[: min(round(share * len(rows)), len(rows) - 1)]] = True
    return held, "cells" if held.any() else "nothing"


def choose_tuning(
    codes: npt.NDArray[np.int64],
    donor: npt.NDArray[np.int64] | None,
    share: float,
    rng: np.random.Generator,
) -> Tuning:
    """Choose labelled query cells to learn from.

    Parameters
    ----------
    codes
        Group of each cell, -1 where it has no label, -2 where it has one that cannot be learned.
    donor
        Donor of each cell, -1 for unknown (such cells are not learned from); None where nobody knows.
    share
        Share of the labelled donors, or of the labelled cells of each group where there are not several donors; at
        least one. 0: all, unless no cell would be left to judge by; then half.
    rng
        Chooses.
    """
    labelled = codes >= 0
    there = _several(donor)
    if donor is None or not len(there):
        part = share or (0.5 if (codes != -1).all() else 1.0)
        rows = [rng.permutation(np.flatnonzero(codes == group)) for group in np.unique(codes[labelled])]
        chosen = [one[: max(1, round(part * len(one)))] for one in rows]
        taken = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
        return Tuning(taken, np.isin(np.arange(len(codes)), taken), "cells")
    able = np.array([one for one in there if labelled[donor == one].any()], np.int64)
    part = share or (0.5 if len(able) == len(there) else 1.0)
    # half of three donors is one: more are left to judge by
    picked = rng.permutation(able)[: max(1, int(part * len(able)))] if len(able) else able
    seen = np.isin(donor, picked)
    return Tuning(np.flatnonzero(seen & labelled), seen, "donors")


def _several(donor: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """Return the donors, none if there are fewer than two."""
    there = np.empty(0, np.int64) if donor is None else np.unique(donor[donor >= 0])
    return there if len(there) > 1 else there[:0]
