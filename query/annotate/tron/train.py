"""Define the network of the source species, train it and the layer in front of it, and hold out cells.

Source: Transfer Orthology Networks (TRON), arXiv.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from homodb.schema.errors import AnnotationError
from homodb.schema.io import check_there, parse_json, whole_file
from homodb.schema.messages import counted

Integers = npt.NDArray[np.int64]

#: Number of cells that are predicted at once, and counts of a cell after normalising.
_BLOCK = 1024
TOTAL = 1e4

#: Rounds of calls by which an offset is found, and cells of a type that counts.
_ROUNDS = 10
_ENOUGH_CELLS = 3


class FeedForward(nn.Module):
    """A feed-forward network over genes: logarithm, less the mean of each gene, hidden layers, outputs.

    Genes are not scaled: a gene that hardly varies in one species would weigh most in the other. The output of a
    numeric phenotype is in the units of its mean and standard deviation, `centre` and `scale`. For the target's cells
    an offset is subtracted too, see :func:`species_offsets`; it is not part of the state.
    """

    mean: Tensor
    offset: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(
        self, mean: npt.ArrayLike, outputs: int, *, hidden: int = 64, layers: int = 2, dropout: float = 0.2,
        centre: float = 0.0, scale: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        kind = torch.get_default_dtype()
        for name, value in (("mean", mean), ("centre", centre), ("scale", scale)):
            self.register_buffer(name, torch.as_tensor(np.asarray(value), dtype=kind))
        self.register_buffer("offset", torch.zeros_like(self.mean), persistent=False)
        sizes = [self.mean.shape[0]] + [hidden] * layers
        blocks: list[nn.Module] = []
        for size, following in itertools.pairwise(sizes):
            blocks += [nn.Linear(size, following), nn.ReLU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(hidden, outputs)

    def logarithm(self, expression: Tensor) -> Tensor:
        """Return log1p of expression; that of a value below zero, which a layer can give, is minus that of its size."""
        return expression.sign() * expression.abs().log1p()

    def embed(self, expression: Tensor) -> Tensor:
        """Return the last hidden layer, shape (cells, hidden), of cells on the linear scale, shape (cells, genes)."""
        embedded: Tensor = self.body(self.logarithm(expression) - self.mean - self.offset)
        return embedded

    def embed_source(self, expression: Tensor) -> Tensor:
        """Return the same of the source's cells, which have no offset."""
        embedded: Tensor = self.body(self.logarithm(expression) - self.mean)
        return embedded

    @torch.no_grad()
    def centre_at(self, mean: npt.NDArray[np.float32]) -> None:
        """Subtract the means of genes, and let the first bias make up for it, so that no output changes.

        Trained about the means, genes that the other species shows less would count in every cell.
        """
        added = torch.as_tensor(mean).to(self.mean)
        parts = dict(self.body.named_parameters())
        parts["0.bias"].add_(parts["0.weight"] @ added)
        self.mean.add_(added)

    def forward(self, expression: Tensor) -> Tensor:
        """Return logits of categories, or the number, shape (cells, outputs)."""
        predicted: Tensor = self.head(self.embed(expression)) * self.scale + self.centre
        return predicted


@dataclass(frozen=True)
class SourceNetworks:
    """Networks of a source species over the same genes, which predict the same labels.

    Parameters
    ----------
    networks
        The networks, at least one.
    genes
        Stable IDs of their inputs, in order.
    labels
        Names of their outputs, in order; empty if they predict a number.
    """

    networks: tuple[FeedForward, ...]
    genes: tuple[str, ...]
    labels: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write them to a safetensors file, whole or not at all.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from safetensors.torch import save_file

        tensors = {
            f"{number}.{name}": value.detach().cpu().contiguous()
            for number, network in enumerate(self.networks) for name, value in network.state_dict().items()
        }  # fmt: skip
        with whole_file(path) as partial:
            save_file(tensors, partial, metadata={_KEY: json.dumps({"genes": self.genes, "labels": self.labels})})

    @classmethod
    def read(cls, path: Path, *, dropout: float = 0.0) -> Self:
        """Read networks from a safetensors file; no code in it is ever run.

        Raises
        ------
        AnnotationError
            If the file does not exist, or does not hold networks of this kind.
        """
        check_there(path, error=AnnotationError)
        tensors, about = _read_tensors(path)
        genes, labels = (_names(path, about, part) for part in ("genes", "labels"))
        numbers = sorted({name.partition(".")[0] for name in tensors})
        networks = tuple(
            _network(path, {
                name.partition(".")[2]: value for name, value in tensors.items() if name.partition(".")[0] == number
            }, len(genes), len(labels) or 1, dropout)
            for number in numbers
        )  # fmt: skip
        return cls(networks, genes, labels)


#: Key of the metadata of a file of networks, whose value is JSON: one key, so that equal networks are equal bytes.
_KEY = "homodb_tron"


def _wrong(path: Path, why: str) -> AnnotationError:
    return AnnotationError(
        f"{path} does not hold networks of method tron: {why}; expected safetensors as docs/tron.md describes them",
        option="network",
    )


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY, "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise _wrong(path, f"it is not a safetensors file ({why}), and others, which may run code, are not read"
                     ) from error  # fmt: skip
    try:
        about = parse_json(text)
    except ValueError as error:
        raise _wrong(path, f"its metadata has no {_KEY} in JSON") from error
    if not isinstance(about, dict):
        raise _wrong(path, f"{_KEY} in its metadata is not a JSON object")
    if not tensors or not all(value.is_floating_point() and bool(value.isfinite().all()) for value in tensors.values()):
        raise _wrong(path, "a value is not a finite number, or there is none")
    return tensors, about


def _names(path: Path, about: dict[str, Any], part: str) -> tuple[str, ...]:
    """Return the names of inputs or outputs from the metadata."""
    names = about.get(part)
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names) or len(set(names)) < len(names):
        raise _wrong(path, f"{part} in its metadata is not a list of different texts")
    if not names and part == "genes":
        raise _wrong(path, "it names no genes")
    return tuple(names)


def _network(path: Path, state: dict[str, Tensor], genes: int, outputs: int, dropout: float) -> FeedForward:
    """Return one network; torch compares the shapes of its parts."""
    layers = sum(name.startswith("body.") and name.endswith(".weight") for name in state)
    first = state.get("body.0.weight")
    if first is None or first.ndim != 2 or not 0 < len(first) <= first.numel():
        raise _wrong(path, "a network has no first layer")
    network = FeedForward(np.zeros(genes), outputs, hidden=len(first), layers=layers, dropout=dropout)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        text = " ".join(str(error).split())[:200]
        raise _wrong(path, f"its parts do not fit {genes:,} genes and {counted(outputs, 'output')} ({text})") from error
    return network.eval()


@dataclass(frozen=True)
class Phenotype:
    """Values of cells.

    With `categories` of them, `values` are their numbers, int64, -1 for unknown and -2 for a category that is none of
    these; with 0 they are float64, NaN for unknown.
    """

    values: Integers | npt.NDArray[np.float64]
    categories: int = 0

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Mask of the cells with a value."""
        return np.asarray(self.values >= 0 if self.categories else np.isfinite(self.values))

    @property
    def outputs(self) -> int:
        """Number of outputs of a network that predicts it."""
        return self.categories or 1

    def codes(self) -> Integers:
        """Return groups of cells by which splits are balanced: the categories, or one group of all."""
        return self.values.astype(np.int64) if self.categories else np.zeros(len(self.values), np.int64)

    def weights(self, rows: Integers) -> npt.NDArray[np.float32]:
        """Return the weight of each output in the loss: categories inversely to their cells, 0 without any.

        Examples
        --------
        >>> Phenotype(np.array([0, 0, 1]), 2).weights(np.arange(3)).tolist()
        [0.75, 1.5]
        """
        if not self.categories:
            return np.ones(1, np.float32)
        counts = np.bincount(self.codes()[rows], minlength=self.categories)
        present = np.count_nonzero(counts)
        weights = np.zeros(self.categories, np.float32)
        weights[counts > 0] = len(rows) / (present * counts[counts > 0])
        return weights

    def subset(self, rows: Integers) -> Self:
        """Return the values of some cells."""
        return type(self)(self.values[rows], self.categories)


def linear(counts: sp.csr_matrix, total: float = TOTAL) -> sp.csr_matrix:
    """Scale counts of the genes that are used so that each cell has the same total; a cell without counts stays empty.

    Examples
    --------
    >>> linear(sp.csr_matrix([[1.0, 3.0], [0.0, 0.0]])).toarray()
    array([[2500., 7500.],
           [   0.,    0.]], dtype=float32)
    """
    sums = np.asarray(counts.sum(axis=1)).ravel()
    factor = np.divide(total, sums, out=np.zeros(len(sums)), where=sums > 0)
    return sp.csr_matrix(sp.diags_array(factor) @ counts, dtype=np.float32)


def log_mean(cells: sp.csr_matrix) -> npt.NDArray[np.float32]:
    """Return the mean of each gene's log1p, shape (genes,), float32."""
    return np.asarray(cells.astype(np.float64).log1p().mean(axis=0)).ravel().astype(np.float32)


def spread(cells: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Return the standard deviation of each gene over the cells, shape (genes,), float64."""
    if not cells.shape[0]:
        return np.zeros(cells.shape[1])
    exact = cells.astype(np.float64)
    mean = np.asarray(exact.mean(axis=0)).ravel()
    return np.asarray(np.sqrt(np.maximum(np.asarray(exact.multiply(exact).mean(axis=0)).ravel() - mean**2, 0)))


@dataclass(frozen=True)
class Schedule:
    """Length of a training."""

    epochs: int  # most passes
    patience: int  # passes without a lower loss after which training stops
    batch: int  # cells of a step
    epoch_cells: int  # cells of a pass


@dataclass(frozen=True)
class Trained:
    """Course of a training."""

    epochs: int  # number of passes
    best: int  # pass whose weights were kept; 0 for those before training
    losses: tuple[float, ...]  # loss that decided, before training and after each pass


def train(
    model: nn.Module, optimiser: torch.optim.Optimizer, cells: sp.csr_matrix, phenotype: Phenotype, rows: Integers,
    held: Integers, schedule: Schedule, rng: np.random.Generator, *, learning: Sequence[nn.Module] = (),
    penalty: Callable[[], Tensor] | None = None, after_step: Callable[[], None] | None = None,
) -> Trained:  # fmt: skip
    """Train a model of cells on the linear scale, and leave it as it was when it did best.

    It learns from the cells `rows`; the loss of those `held` (of `rows` if there are none) decides when to stop. The
    parts in `learning` are in training mode (dropout) during steps, all others judge as they do afterwards. `penalty`
    is added to the loss; `after_step` is called after each step of the optimiser.
    """
    device = next(model.parameters()).device
    class_weight = torch.from_numpy(phenotype.weights(rows)).to(device)
    scale = float(np.std(phenotype.values[rows])) or 1.0
    deciding = held if len(held) else rows

    def loss(of: Tensor, at: Integers) -> Tensor:
        true = torch.from_numpy(phenotype.values[at]).to(device)
        if phenotype.categories:
            return functional.cross_entropy(of, true, weight=class_weight)
        return ((of[:, 0] - true.to(of.dtype)) / scale).square().mean()

    def decide() -> float:
        model.eval()
        total = float(loss(predict(model, cells[deciding]), deciding))
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


def type_means(logs: sp.csr_matrix, codes: Integers, types: int) -> npt.NDArray[np.float64]:
    """Return the mean of each gene over the cells of each type, shape (types, genes), 0 for types without cells."""
    member = sp.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(types, len(codes)))
    sums = np.asarray((member @ logs).todense(), np.float64)
    return sums / np.maximum(np.bincount(codes, minlength=types), 1)[:, None]


@torch.no_grad()
def species_offsets(
    models: Sequence[tuple[nn.Module, FeedForward]], cells: sp.csr_matrix, labels: Integers | None,
    source_means: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return how much higher each gene is in the target's cells than in source cells of the same types.

    The types are those that the networks call together, again with each offset until they stay (ten times at most). Of
    the types of three cells or more the median counts: cells of types that the source lacks, which are called
    something, would draw a mean. Zero if no type has so many cells.

    Parameters
    ----------
    models
        Conversion layers with their networks, whose offsets are not used.
    cells
        The target's cells on the linear scale.
    labels
        Type of each cell, in place of calls, shape (cells,).
    source_means
        Mean logarithm of each gene in the source's cells of each type, shape (types, genes).

    Returns
    -------
    numpy.ndarray
        Shape (models, genes).
    """
    types, device = len(source_means), models[0][1].offset.device
    offsets = np.zeros((len(models), source_means.shape[1]))
    before = np.full(cells.shape[0], -1)
    for _ in range(_ROUNDS):
        calls, sums = np.empty_like(before), np.zeros((len(models), *source_means.shape))
        for start in range(0, len(calls), _BLOCK):
            block = dense(cells[start : start + _BLOCK], device)
            logs = [network.logarithm(layer(block)) for layer, network in models]
            if labels is None:
                shares = torch.zeros(len(block), types, device=device)
                for (_, network), own, offset in zip(models, logs, offsets, strict=True):
                    shift = network.mean + torch.from_numpy(offset).to(network.mean)
                    shares += torch.softmax(network.head(network.body(own - shift)), 1)
                calls[start : start + _BLOCK] = shares.argmax(1).cpu().numpy()
            else:
                calls[start : start + _BLOCK] = labels[start : start + _BLOCK]
            member = np.eye(types)[calls[start : start + _BLOCK]].T
            for place, own in enumerate(logs):
                sums[place] += member @ own.cpu().numpy().astype(np.float64)
        if np.array_equal(calls, before):
            break
        size = np.bincount(calls, minlength=types)
        enough = size >= _ENOUGH_CELLS
        if not enough.any():
            return np.zeros_like(offsets)
        offsets = np.median(sums[:, enough] / size[enough, None] - source_means[enough], axis=1)
        before = calls
    return offsets


@torch.no_grad()
def predict(model: Callable[[Tensor], Tensor], cells: sp.csr_matrix, device: torch.device | None = None) -> Tensor:
    """Return the output of a model for cells, block by block, shape (cells, outputs)."""
    if device is None and isinstance(model, nn.Module):
        device = next(model.parameters()).device
    blocks = range(0, max(cells.shape[0], 1), _BLOCK)
    return torch.cat([model(dense(cells[start : start + _BLOCK], device)) for start in blocks])


def dense(cells: sp.csr_matrix, device: torch.device | None) -> Tensor:
    """Return cells as a dense tensor."""
    return torch.from_numpy(cells.toarray()).to(device=device, dtype=torch.get_default_dtype())


def _learned(model: nn.Module, *, copy: bool = True) -> list[Tensor]:
    """Return the parameters that learn, as they are now or (without a copy) as they will be."""
    parameters = [one.detach() for one in model.parameters() if one.requires_grad]
    return [one.clone() for one in parameters] if copy else parameters


def _batches(rows: Integers, schedule: Schedule, rng: np.random.Generator) -> Iterator[Integers]:
    shuffled = rng.permutation(rows)[: schedule.epoch_cells]
    for start in range(0, len(shuffled), schedule.batch):
        yield shuffled[start : start + schedule.batch]


@dataclass(frozen=True)
class Tuning:
    """Labelled query cells to learn from."""

    rows: Integers  # the cells, ascending
    shown: npt.NDArray[np.bool_]  # mask of cells that must not be judged afterwards: of the donors, labelled or not
    by: str  # donors or cells


def hold_out(
    codes: Integers, donor: Integers | None, share: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], str]:
    """Choose cells to hold out of training, but no group as a whole.

    Parameters
    ----------
    codes, donor
        Group and donor of each cell, -1 for an unknown donor; None if donors are unknown.
    share
        Share of the cells: at least one donor, or of each group the nearest whole number of cells.
    rng
        Random numbers.

    Returns
    -------
    tuple
        Mask of the cells; and ``donors``, ``cells``, or ``nothing``.
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


def choose_tuning(codes: Integers, donor: Integers | None, share: float, rng: np.random.Generator) -> Tuning:
    """Choose labelled query cells to learn from.

    Parameters
    ----------
    codes
        Group of each cell, -1 without a label, -2 with one that cannot be learned.
    donor
        Donor of each cell, -1 for unknown (such cells are not learned from); None if donors are unknown.
    share
        Share of the labelled donors, or of the labelled cells of each group without several donors; at least one.
        0: all, unless no cell would be left to judge by; then half.
    rng
        Random numbers.
    """
    labelled = codes >= 0
    donors = _several(donor)
    if donor is None or not len(donors):
        part = share or (0.5 if (codes != -1).all() else 1.0)
        rows = [rng.permutation(np.flatnonzero(codes == group)) for group in np.unique(codes[labelled])]
        sample = [one[: max(1, round(part * len(one)))] for one in rows]
        taken = np.sort(np.concatenate(sample)) if sample else np.empty(0, np.int64)
        return Tuning(taken, np.isin(np.arange(len(codes)), taken), "cells")
    able = np.array([one for one in donors if labelled[donor == one].any()], np.int64)
    part = share or (0.5 if len(able) == len(donors) else 1.0)
    # half of three donors is one: more are left to judge by
    picked = rng.permutation(able)[: max(1, int(part * len(able)))] if len(able) else able
    shown = np.isin(donor, picked)
    return Tuning(np.flatnonzero(shown & labelled), shown, "donors")


def _several(donor: Integers | None) -> Integers:
    """Return the donors, none if there are fewer than two."""
    donors = np.empty(0, np.int64) if donor is None else np.unique(donor[donor >= 0])
    return donors if len(donors) > 1 else donors[:0]
