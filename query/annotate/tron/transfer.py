"""Trains networks on the source species, puts a conversion layer before each, and predicts cells of the target species.

Source: Transfer Orthology Networks (TRON), arXiv.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from homodb.query.annotate.settings import TronSettings
from homodb.query.annotate.tron.layer import Edges, OrthologyLayer
from homodb.query.annotate.tron.network import TOTAL, FeedForward, Phenotype, linear, log_mean
from homodb.query.annotate.tron.train import Schedule, Trained, Tuning, choose_tuning, hold_out, predict, train
from homodb.query.integrate import find_device, seeded


@dataclass(frozen=True)
class Cells:
    """Cells of one species.

    Parameters
    ----------
    counts
        CSR, cells x genes, raw counts over the genes of the edges, each cell with some.
    phenotype
        What is known of them.
    donor
        Number of each cell's donor, -1 for unknown; None where nobody knows.
    """

    counts: sp.csr_matrix
    phenotype: Phenotype
    donor: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Run:
    """What one seed gave.

    Parameters
    ----------
    predicted
        Of the target's cells: shares of categories, or the number, shape (cells, outputs), float64.
    source, target
        Last hidden layer of the two sides' cells, shape (cells, hidden), float32.
    first, weight
        The layer's weights before and after learning, shape (edges,), in the order of the layer.
    network, layer
        How training went; None for a layer that did not learn.
    model
        The layer and the network, one after the other.
    """

    predicted: npt.NDArray[np.float64]
    source: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    first: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    network: Trained
    layer: Trained | None
    model: nn.Sequential


@dataclass(frozen=True)
class Transferred:
    """What all seeds gave.

    Parameters
    ----------
    runs
        One per seed.
    tuning
        The target's cells that were learned from, and those that must not be judged.
    held_by
        By what source cells were held out: ``donors``, ``cells`` or ``nothing``.
    expression
        The target's cells as the layer takes them.
    """

    runs: tuple[Run, ...]
    tuning: Tuning
    held_by: str
    expression: sp.csr_matrix

    @property
    def predicted(self) -> npt.NDArray[np.float64]:
        """Mean over the seeds."""
        return np.asarray(np.mean([run.predicted for run in self.runs], axis=0))


def transfer(
    source: Cells,
    target: Cells,
    edges: Edges,
    parameters: TronSettings | None = None,
    *,
    random_state: int = 42,
    progress: Callable[[str], None] = lambda step: None,
) -> Transferred:
    """Carry a phenotype, categories or a number, from cells of one species to cells of another.

    Parameters
    ----------
    source
        Cells of the species that is known, over ``edges.source_genes``; those of known phenotype are learned from.
    target
        Cells to predict, over ``edges.target_genes``. Those of known phenotype may be learned from (tuning).
    edges
        The orthology graph.
    parameters
        See :class:`TronSettings`.
    random_state
        Seed of all random numbers.
    progress
        Callback that receives the name of each step.
    """
    chosen = parameters or TronSettings()
    reached = np.bincount(edges.source, minlength=len(edges.source_genes)) > 0
    known = np.flatnonzero(source.phenotype.known)
    network_cells = linear(source.counts)
    missing = np.where(reached, 0.0, np.asarray(network_cells[known].mean(axis=0)).ravel())
    # what the layer adds for genes that are not reached belongs to the total of a cell
    layer_cells = linear(target.counts, TOTAL - float(missing.sum()))
    of_labelled = _codes(target.phenotype) if chosen.tune != "nothing" else np.full(target.counts.shape[0], -1)
    tuning = choose_tuning(of_labelled, target.donor, chosen.tuning, np.random.default_rng(random_state))
    device, runs, by = find_device(chosen.device), [], "nothing"
    for number in range(chosen.seeds):
        progress(f"tron: network and layer {number + 1} of {chosen.seeds}")
        rng = np.random.default_rng([random_state, number])
        held, by = hold_out(source.phenotype.codes()[known], _some(source.donor, known), chosen.validation, rng)
        with seeded(int(rng.integers(2**31)), device):
            network, told = _learn_source(network_cells, source.phenotype, known, held, chosen, rng, device)
            layer = OrthologyLayer(
                edges, start=chosen.start, bias=missing if missing.any() else None,
                non_negative=chosen.weights == "non_negative", random_state=int(rng.integers(2**31)),
            ).to(device)  # fmt: skip
            first = layer.weight.detach().cpu().numpy().astype(np.float64)
            model = nn.Sequential(layer, network)
            tuned = _tune(model, layer_cells, target, tuning, chosen, rng) if len(tuning.rows) else None
            predicted = predict(model, layer_cells)
            shares = torch.softmax(predicted, 1) if source.phenotype.categories else predicted
            runs.append(
                Run(
                    shares.cpu().numpy().astype(np.float64),
                    predict(network.embed, network_cells, device).cpu().numpy(),
                    predict(_embedding(layer, network), layer_cells, device).cpu().numpy(),
                    first,
                    layer.used_weight().detach().cpu().numpy().astype(np.float64),
                    told,
                    tuned,
                    model,
                )
            )
    return Transferred(tuple(runs), tuning, by, layer_cells)


def _learn_source(
    cells: sp.csr_matrix,
    phenotype: Phenotype,
    known: npt.NDArray[np.int64],
    held: npt.NDArray[np.bool_],
    chosen: TronSettings,
    rng: np.random.Generator,
    device: torch.device,
) -> tuple[FeedForward, Trained]:
    rows = known[~held]
    numbers = np.zeros(1) if phenotype.categories else phenotype.values[rows]
    network = FeedForward(
        log_mean(cells[rows]), phenotype.outputs, hidden=chosen.hidden, layers=chosen.layers, dropout=chosen.dropout,
        centre=float(np.mean(numbers)), scale=float(np.std(numbers)) or 1.0,
    ).to(device)  # fmt: skip
    optimiser = torch.optim.AdamW(
        network.parameters(), chosen.learning_rate, weight_decay=chosen.weight_decay, fused=True
    )
    schedule = Schedule(chosen.epochs, chosen.patience, chosen.batch, chosen.epoch_cells)
    told = train(network, optimiser, cells, phenotype, rows, known[held], schedule, rng, learning=[network])
    return network, told


def _tune(
    model: nn.Sequential,
    cells: sp.csr_matrix,
    target: Cells,
    tuning: Tuning,
    chosen: TronSettings,
    rng: np.random.Generator,
) -> Trained:
    """Let the layer (by option the network too) learn from labelled cells; what does not learn stays as it is."""
    layer, network = model[0], model[1]
    if not isinstance(layer, OrthologyLayer):
        raise TypeError(f"wanted a layer, got {type(layer)}")
    start = layer.weight.detach().clone()
    whole = chosen.tune == "whole"
    network.requires_grad_(whole)
    if layer.bias is not None:
        layer.bias.requires_grad_(False)
    groups = [{"params": [layer.weight], "lr": chosen.tuning_rate, "weight_decay": 0.0}]
    if whole:
        groups.append(
            {"params": list(network.parameters()), "lr": chosen.learning_rate, "weight_decay": chosen.weight_decay}
        )
    codes = target.phenotype.some(tuning.rows).codes()
    held, _ = hold_out(codes, _some(target.donor, tuning.rows), chosen.validation, rng)
    return train(
        model, torch.optim.AdamW(groups), cells, target.phenotype, tuning.rows[~held], tuning.rows[held],
        Schedule(chosen.tuning_epochs, chosen.patience, chosen.batch, chosen.epoch_cells), rng,
        learning=[network] if whole else [],
        penalty=(lambda: chosen.stay * (layer.weight - start).square().sum()) if chosen.stay else None,
        after_step=layer.project,
    )  # fmt: skip


def _embedding(layer: OrthologyLayer, network: FeedForward) -> Callable[[Tensor], Tensor]:
    return lambda cells: network.embed(layer(cells))


def _codes(phenotype: Phenotype) -> npt.NDArray[np.int64]:
    """Return groups to choose from: below zero where there is nothing to learn, -1 where nothing is known at all."""
    return phenotype.codes() if phenotype.categories else np.where(phenotype.known, 0, -1)


def _some(donor: npt.NDArray[np.int64] | None, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    return None if donor is None else donor[rows]
