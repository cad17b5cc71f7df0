"""Annotate with ``tron``: networks of the source species, each behind a conversion layer, predict the target's cells.

Source: Transfer Orthology Networks (TRON), arXiv.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from homodb.query.annotate.knn import cosine_nearest
from homodb.query.annotate.labels import expand_to_all_cells
from homodb.query.annotate.settings import TronSettings
from homodb.query.annotate.task import AnnotationTask, Labelled, OrthologyLinks
from homodb.query.annotate.tron.layer import Edges, OrthologyLayer
from homodb.query.annotate.tron.train import (
    TOTAL,
    FeedForward,
    Phenotype,
    Schedule,
    SourceNetworks,
    Trained,
    Tuning,
    choose_tuning,
    hold_out,
    linear,
    log_mean,
    predict,
    species_offsets,
    spread,
    train,
    type_means,
)
from homodb.query.cells import SpeciesCells
from homodb.query.integrate import find_device, seeded, unit_rows
from homodb.schema.errors import AnnotationError
from homodb.schema.io import check_output, must_end

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Cells of one species."""

    counts: sp.csr_matrix  # cells x genes of the edges, raw counts, each cell with some
    phenotype: Phenotype
    donor: Integers | None = None  # number of each cell's donor, -1 for unknown
    is_measured: npt.NDArray[np.bool_] | None = None  # mask of the genes that the cells measure; None for all


@dataclass(frozen=True)
class Run:
    """Result of one seed."""

    predicted: npt.NDArray[np.float64]  # the target's shares of categories, or its number, shape (cells, outputs)
    source: npt.NDArray[np.float32]  # last hidden layer of the source's cells, shape (cells, hidden)
    target: npt.NDArray[np.float32]  # and of the target's
    first: npt.NDArray[np.float64]  # weights before learning, shape (edges,), in the order of the layer
    weight: npt.NDArray[np.float64]  # and after it
    network: Trained | None  # None for a network that was trained before
    layer: Trained | None  # None for a layer that did not learn
    model: nn.Sequential  # the layer and the network
    source_network: FeedForward  # the network as it was before the layer learned


@dataclass(frozen=True)
class Transferred:
    """Result of all seeds."""

    runs: tuple[Run, ...]
    tuning: Tuning  # the target's cells that were learned from, and those that must not be judged
    held_by: str  # unit of the source cells that were held out: donors, cells or nothing
    expression: sp.csr_matrix  # the target's cells as the layer takes them

    @property
    def predicted(self) -> npt.NDArray[np.float64]:
        """Mean over the seeds."""
        return np.asarray(np.mean([run.predicted for run in self.runs], axis=0))


def transfer(
    source: Cells, target: Cells, edges: Edges, settings: TronSettings | None = None, *,
    networks: Sequence[FeedForward] = (), random_state: int = 42,
    progress: Callable[[str], None] = lambda step: None,
) -> Transferred:  # fmt: skip
    """Transfer a phenotype, categories or a number, from cells of one species to cells of another.

    Parameters
    ----------
    source, target
        Cells over ``edges.source_genes`` and ``edges.target_genes``. Source cells with a phenotype are learned from,
        target cells with one may be (tuning).
    edges
        The orthology graph.
    settings
        See :class:`TronSettings`.
    networks
        Trained networks over ``edges.source_genes``; without any, networks are trained. Genes that the source's or the
        target's cells do not have get the networks' mean, which says nothing.
    random_state
        Seed of all random numbers.
    progress
        Callback that receives the name of each step.

    Raises
    ------
    AnnotationError
        If the genes that the networks expect and the cells do not have would leave nothing of a cell's total.
    """
    settings = settings or TronSettings()
    reached = np.bincount(edges.source, minlength=len(edges.source_genes)) > 0
    labelled = np.flatnonzero(source.phenotype.is_known)
    if networks:
        usual = np.maximum(np.expm1(np.mean([one.mean.numpy(force=True) for one in networks], axis=0)), 0.0)
        network_cells = _filled(source, usual)
    else:
        network_cells = linear(source.counts)
        usual = np.asarray(network_cells[labelled].mean(axis=0)).ravel()
    missing = np.where(reached, 0.0, usual)
    # the bias of genes that are not reached belongs to the total of a cell
    layer_cells = linear(target.counts, _rest(missing, "query"))
    categories = source.phenotype.codes()[labelled]
    source_means = type_means(sp.csr_matrix(network_cells[labelled].log1p()), categories, source.phenotype.outputs)
    groups = np.full(target.counts.shape[0], -1)
    if settings.tune != "nothing":
        values = target.phenotype
        groups = values.codes() if values.categories else np.where(values.is_known, 0, -1)
    tuning = choose_tuning(groups, target.donor, settings.tuning, np.random.default_rng(random_state))
    device, trained, runs, by = find_device(settings.device), [], [], "nothing"
    # layers that do not learn differ by their networks only
    n_runs = len(networks) if networks and not len(tuning.rows) else settings.seeds
    for number in range(n_runs):
        progress(f"tron: network and layer {number + 1} of {n_runs}")
        rng = np.random.default_rng([random_state, number])
        held = np.zeros(len(labelled), np.bool_)
        if not networks:
            held, by = hold_out(
                source.phenotype.codes()[labelled], _subset(source.donor, labelled), settings.validation, rng
            )
        with seeded(int(rng.integers(2**31)), device):
            if networks:
                network, training = deepcopy(networks[number % len(networks)]).to(device), None
            else:
                network, training = _learn_source(
                    network_cells, source.phenotype, labelled[~held], labelled[held], settings, rng, device,
                    is_centred=bool(len(tuning.rows)) or not source.phenotype.categories,
                )  # fmt: skip
            before = deepcopy(network)
            layer = OrthologyLayer(
                edges, start=settings.start, bias=missing if missing.any() else None,
                non_negative=settings.weights == "non_negative", random_state=int(rng.integers(2**31)),
            ).to(device)  # fmt: skip
        trained.append((rng, layer, network, training, before))
    if settings.offset == "types" and source.phenotype.categories:
        # labels that may be read are better than calls
        sample = tuning.rows if len(tuning.rows) else np.arange(len(groups))
        rng = np.random.default_rng([random_state, n_runs])
        sample = np.sort(rng.permutation(sample)[: settings.epoch_cells])
        labels = target.phenotype.codes()[sample] if len(tuning.rows) else None
        models = [(layer, network) for _, layer, network, _, _ in trained]
        offsets = species_offsets(models, layer_cells[sample], labels, source_means)
        for (_, network), offset in zip(models, offsets, strict=True):
            network.offset.copy_(torch.from_numpy(offset))
    for rng, layer, network, training, before in trained:
        with seeded(int(rng.integers(2**31)), device):
            first = layer.weight.detach().cpu().numpy().astype(np.float64)
            model = nn.Sequential(layer, network)
            tuned = _tune(model, layer_cells, target, tuning, settings, rng) if len(tuning.rows) else None
            predicted = predict(model, layer_cells)
            shares = torch.softmax(predicted, 1) if source.phenotype.categories else predicted
            runs.append(Run(
                shares.cpu().numpy().astype(np.float64),
                predict(network.embed_source, network_cells, device).cpu().numpy(),
                predict(_embedding_of(layer, network), layer_cells, device).cpu().numpy(),
                first, layer.used_weight().detach().cpu().numpy().astype(np.float64), training, tuned, model, before,
            ))  # fmt: skip
    return Transferred(tuple(runs), tuning, by, layer_cells)


def _rest(missing: npt.NDArray[Any], side: str) -> float:
    """Return what genes that are not there leave of a cell's total."""
    rest = TOTAL - float(missing.sum())
    if rest <= 0:
        raise AnnotationError(
            f"the {side} lacks {np.count_nonzero(missing):,} of the {len(missing):,} genes of the network, which make "
            "up a cell's whole total; train a network on genes that both sides measure", option="network",
        )  # fmt: skip
    return rest


def _filled(source: Cells, usual: npt.NDArray[Any]) -> sp.csr_matrix:
    """Return the source's cells on the linear scale, with the usual value of genes that they do not measure."""
    missing = np.zeros(len(usual)) if source.is_measured is None else np.where(source.is_measured, 0.0, usual)
    cells = linear(source.counts, _rest(missing, "reference"))
    columns = np.flatnonzero(missing)
    if not len(columns):
        return cells
    n_cells = cells.shape[0]
    values = np.tile(missing[columns].astype(np.float32), n_cells)
    indptr = np.arange(0, n_cells * len(columns) + 1, len(columns))
    return sp.csr_matrix(cells + sp.csr_matrix((values, np.tile(columns, n_cells), indptr), cells.shape))


def _learn_source(
    cells: sp.csr_matrix, phenotype: Phenotype, rows: Integers, held: Integers, settings: TronSettings,
    rng: np.random.Generator, device: torch.device, *, is_centred: bool,
) -> tuple[FeedForward, Trained]:  # fmt: skip
    """Train a network, on centred genes or not; either way it holds their mean in the end."""
    numbers = np.zeros(1) if phenotype.categories else phenotype.values[rows]
    mean = log_mean(cells[rows])
    network = FeedForward(
        mean if is_centred else np.zeros_like(mean), phenotype.outputs, hidden=settings.hidden,
        layers=settings.layers, dropout=settings.dropout, centre=float(np.mean(numbers)),
        scale=float(np.std(numbers)) or 1.0,
    ).to(device)  # fmt: skip
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    schedule = Schedule(settings.epochs, settings.patience, settings.batch, settings.epoch_cells)
    training = train(network, optimiser, cells, phenotype, rows, held, schedule, rng, learning=[network])
    if not is_centred:
        network.centre_at(mean)
    return network, training


def _tune(
    model: nn.Sequential, cells: sp.csr_matrix, target: Cells, tuning: Tuning, settings: TronSettings,
    rng: np.random.Generator,
) -> Trained:  # fmt: skip
    """Train the layer (by option the network too) on labelled cells; the rest stays frozen."""
    layer, network = _layer_of(model), model[1]
    start = layer.weight.detach().clone()
    whole = settings.tune == "whole"
    network.requires_grad_(whole)
    if layer.bias is not None:
        layer.bias.requires_grad_(False)
    groups = [{"params": [layer.weight], "lr": settings.tuning_rate, "weight_decay": 0.0}]
    if whole:
        groups.append(
            {"params": list(network.parameters()), "lr": settings.learning_rate, "weight_decay": settings.weight_decay}
        )
    codes = target.phenotype.subset(tuning.rows).codes()
    held, _ = hold_out(codes, _subset(target.donor, tuning.rows), settings.validation, rng)
    return train(
        model, torch.optim.AdamW(groups), cells, target.phenotype, tuning.rows[~held], tuning.rows[held],
        Schedule(settings.tuning_epochs, settings.patience, settings.batch, settings.epoch_cells), rng,
        learning=[network] if whole else [],
        penalty=(lambda: settings.stay * (layer.weight - start).square().sum()) if settings.stay else None,
        after_step=layer.project,
    )  # fmt: skip


def _layer_of(model: nn.Sequential) -> OrthologyLayer:
    layer = model[0]
    if not isinstance(layer, OrthologyLayer):
        raise TypeError(f"expected an OrthologyLayer, got {type(layer)}")
    return layer


def _embedding_of(layer: OrthologyLayer, network: FeedForward) -> Callable[[Tensor], Tensor]:
    return lambda cells: network.embed(layer(cells))


def _subset(donor: Integers | None, rows: Integers) -> Integers | None:
    return None if donor is None else donor[rows]


def training_target(
    task: AnnotationTask, rows: Integers, query_rows: Integers, classes: Integers | None = None
) -> tuple[Phenotype, Phenotype, Integers | None]:
    """Return the phenotypes of the reference's and the query's cells, and the label of each category (None: a number).

    The categories are `classes`, the labels of a network's outputs; by default those of the reference's cells.

    Raises
    ------
    AnnotationError
        If the reference's cells are all alike.
    """
    if task.reference.number is not None:
        number = task.reference.number[rows]
        if len(np.unique(number[np.isfinite(number)])) < 2:
            raise AnnotationError("all cells of the reference with counts have one number; a network needs two")
        shown = np.full(task.query.n_cells, np.nan) if task.query.number is None else task.query.number
        return Phenotype(number), Phenotype(shown[query_rows]), None
    label = task.reference.label[rows]
    if classes is None:
        classes = np.unique(label[label >= 0])
    if len(classes) < 2:
        names = f"only {task.labels[int(classes[0])]!r}" if len(classes) else "none"
        raise AnnotationError(f"the reference has {names} as label of cells with counts; a network needs two labels")
    category = np.array([-2] * len(task.labels) + [-1])  # -2: a label that the reference lacks; the last: none
    category[classes] = np.arange(len(classes))
    query = Phenotype(category[task.query.label[query_rows]], len(classes))
    return Phenotype(category[label], len(classes)), query, classes


def weights_table(
    result: Transferred, *, target_symbols: Mapping[str, str] | None = None,
    source_symbols: Mapping[str, str] | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Tabulate what the layers of all seeds learned.

    Returns
    -------
    polars.DataFrame
        A row per edge, that of the largest absolute ``effect`` first: ``target_gene, target_symbol, source_gene,
        source_symbol``; ``weight``, mean over the seeds; ``effect``, the weight times the standard deviation of the
        target gene's expression over the cells (counts per 10 000); ``spread``, standard deviation of the weight over
        the seeds (null with one seed); ``change``, mean change from the start; ``evidence_class``.

    Notes
    -----
    A weight alone says little: two paralogs that always rise and fall together may share their sum in any way. Where
    the spread is as large as the weight, the seeds shared it differently.
    """
    layer = _layer_of(result.runs[0].model)
    weights = np.stack([run.weight for run in result.runs])
    change = weights - np.stack([run.first for run in result.runs])
    target, source = (at.cpu().numpy() for at in (layer.target_index, layer.source_index))
    table = pl.DataFrame(
        {
            "target_gene": [layer.target_genes[at] for at in target.tolist()],
            "source_gene": [layer.source_genes[at] for at in source.tolist()],
            "weight": weights.mean(axis=0),
            "effect": weights.mean(axis=0) * spread(result.expression)[target],
            "spread": weights.std(axis=0, ddof=1) if len(weights) > 1 else [None] * weights.shape[1],
            "change": change.mean(axis=0),
            "evidence_class": [one or None for one in layer.evidence],
        },
        schema_overrides={"spread": pl.Float64, "evidence_class": pl.String},
    )
    return table.sort(pl.col("effect").abs(), "target_gene", "source_gene", descending=[True, False, False]).select(
        "target_gene", _symbols("target", target_symbols), "source_gene", _symbols("source", source_symbols),
        pl.exclude("target_gene", "source_gene"),
    )  # fmt: skip


def _symbols(side: str, names: Mapping[str, str] | None) -> pl.Expr:
    gene = pl.col(f"{side}_gene")
    symbols = (
        pl.lit(None, pl.String) if names is None else gene.replace_strict(names, default=None, return_dtype=pl.String)
    )
    return symbols.alias(f"{side}_symbol")


def tron(task: AnnotationTask) -> Labelled:
    """Label the query's cells.

    Parameters
    ----------
    task
        Its parameters are those of :class:`homodb.query.annotate.settings.TronSettings`. Query cells with a
        label are learned from, see there (``tuning``); without any the layer works from its first weights.

    Returns
    -------
    Labelled
        The confidence is the label's share by softmax, mean of the seeds. A number is the mean of the seeds, its spread
        their standard deviation. The distance is the cosine distance in the last hidden layer to the nearest reference
        cell, mean of the seeds. ``shown`` marks all cells of donors that were learned from, which must not be judged.
        ``tables["weights"]`` holds what the layer learned. Cells without counts in linked genes are unknown.

    Raises
    ------
    AnnotationError
        If a parameter is wrong, fewer than two labels are in the reference, counts are not finite, or the two sides
        share no usable genes.
    """
    settings = TronSettings(**task.parameters)
    if settings.trained is not None:
        must_end(Path(settings.trained), "networks", ".safetensors")
        check_output(Path(settings.trained))
    inputs, outputs = _names(task.query), _names(task.reference)
    links = task.all_pairs if settings.links == "all" else task.best
    pretrained, classes = None, None
    if settings.network is None:
        links = _usable(task, links, settings)
        reference_at = _reference_columns(task, links, settings)
        source_genes = tuple(outputs[at] for at in reference_at.tolist())
    else:
        pretrained = SourceNetworks.read(Path(settings.network), dropout=settings.dropout)
        classes = _check_labels(task, pretrained, settings.network)
        source_genes = pretrained.genes
        column = {gene: at for at, gene in enumerate(outputs)}
        reference_at = np.array([column.get(gene, -1) for gene in source_genes], np.int64)
        links = _usable(task, _linked_to(links, reference_at, settings.network, task), settings)
    query_at = np.unique(links.query)
    place = np.full(task.reference.counts.shape[1], -1, np.int64)
    place[reference_at[reference_at >= 0]] = np.flatnonzero(reference_at >= 0)
    edges = Edges(
        tuple(inputs[at] for at in query_at.tolist()), source_genes, np.searchsorted(query_at, links.query),
        place[links.reference], links.weight, links.evidence,
    )  # fmt: skip
    # a column of zeros for a gene of the network that the reference does not measure
    padded = sp.csc_matrix(sp.hstack([task.reference.counts, sp.csc_matrix((task.reference.n_cells, 1))]))
    reference, query = sp.csr_matrix(padded[:, reference_at]), task.query.counts[:, query_at]
    rows, query_rows = (np.flatnonzero(np.asarray(one.sum(axis=1)).ravel() > 0) for one in (reference, query))
    if not len(query_rows):
        raise AnnotationError("no cell of the query has counts of a gene that is linked to the reference")
    phenotype, query_phenotype, classes = training_target(task, rows, query_rows, classes)
    donor = _subset(task.reference.donor, rows)
    result = transfer(
        Cells(sp.csr_matrix(reference[rows]), phenotype, donor, reference_at >= 0),
        Cells(sp.csr_matrix(query[query_rows]), query_phenotype, _subset(task.query.donor, query_rows)),
        edges, settings, networks=() if pretrained is None else pretrained.networks, random_state=task.random_state,
        progress=task.progress,
    )  # fmt: skip
    if settings.trained is not None:
        labels = () if classes is None else tuple(task.labels[one] for one in classes.tolist())
        networks = tuple(run.source_network for run in result.runs)
        SourceNetworks(networks, source_genes, labels).write(Path(settings.trained))
    task.progress("tron: distances to the reference")
    shown = np.isin(np.arange(task.query.n_cells), query_rows[result.tuning.shown])
    if task.query.donor is not None and result.tuning.by == "donors":
        shown = np.isin(task.query.donor, task.query.donor[shown])
    points = _embedding(result, "source", task.reference.n_cells, rows)
    query_points = _embedding(result, "target", task.query.n_cells, query_rows)
    cells = task.query.n_cells
    searched, queries = (unit_rows(one.astype(np.float64)) for one in (points[rows], query_points[query_rows]))
    distance = cosine_nearest(searched, queries, 1).distances[:, 0]
    symbols = [
        {gene: side.symbols[at] for gene, at in zip(genes, columns.tolist(), strict=True)}
        for side, genes, columns in (
            (task.query, edges.target_genes, query_at),
            (task.reference, [gene for gene, at in zip(source_genes, reference_at.tolist(), strict=True) if at >= 0],
             reference_at[reference_at >= 0]),
        )
    ]  # fmt: skip
    table = weights_table(result, target_symbols=symbols[0], source_symbols=symbols[1])
    others: dict[str, Any] = {
        "details": _details(task, settings, links, edges, result, query_rows), "reference_embedding": points,
        "query_embedding": query_points, "tables": {"weights": table}, "shown": shown,
        "distance": expand_to_all_cells(cells, query_rows, distance),
    }  # fmt: skip
    if classes is None:
        runs = np.stack([run.predicted[:, 0] for run in result.runs])
        return Labelled.of_numbers(
            number=expand_to_all_cells(cells, query_rows, runs.mean(axis=0)),
            spread=expand_to_all_cells(cells, query_rows, runs.std(axis=0)), **others,
        )  # fmt: skip
    shares = result.predicted
    label = np.full(cells, -1, np.int64)
    label[query_rows] = classes[shares.argmax(axis=1)]
    return Labelled(label=label, confidence=expand_to_all_cells(cells, query_rows, shares.max(axis=1)), **others)


def _usable(task: AnnotationTask, links: OrthologyLinks, settings: TronSettings) -> OrthologyLinks:
    """Return the links into reference genes that enough cells express, and from genes that may have counts."""
    for side, name in ((task.reference, "reference"), (task.query, "query")):
        if not np.isfinite(side.counts.data).all():
            raise AnnotationError(f"counts of the {name} hold NaN or infinite values; give raw counts")
    expressing = np.bincount(task.reference.counts.indices, minlength=task.reference.counts.shape[1])
    # genes of a network that was trained before count whatever the reference expresses
    least = 0 if settings.network is not None else min(settings.min_cells, task.reference.n_cells)
    kept = expressing[links.reference] >= least
    if not kept.any():
        raise AnnotationError(
            f"none of the {len(kept):,} linked reference genes is seen in {settings.min_cells} reference cells or more"
            " (min_cells); check that query and reference are what they should be"
        )
    return _some_links(links, kept)


def _some_links(links: OrthologyLinks, kept: npt.NDArray[np.bool_]) -> OrthologyLinks:
    evidence = tuple(one for one, keep in zip(links.evidence, kept.tolist(), strict=True) if keep)
    return OrthologyLinks(links.query[kept], links.reference[kept], links.weight[kept], evidence, links.strategy)


def _check_labels(task: AnnotationTask, networks: SourceNetworks, path: str) -> Integers | None:
    """Return the label of each output of the networks; None if they predict a number, as is wanted."""
    if bool(networks.labels) is (task.reference.number is not None):
        predicts, wanted = ("cell types", "numbers") if networks.labels else ("a number", "cell types")
        raise AnnotationError(
            f"{path} predicts {predicts}, and the column of the reference holds {wanted}", option="network"
        )
    if not networks.labels:
        return None
    labels = {task.labels[one] for one in np.unique(task.reference.label[task.reference.label >= 0]).tolist()}
    foreign = [one for one in networks.labels if one not in labels]
    if foreign:
        raise AnnotationError(
            f"{path} predicts {', '.join(foreign[:5])}{' and others' if len(foreign) > 5 else ''}, which no cell of the"
            f" reference is called ({', '.join(sorted(labels)[:10])}); give them one name (labels), or a reference with"
            " cells of each", option="network",
        )  # fmt: skip
    return np.array([task.labels.index(one) for one in networks.labels], np.int64)


def _linked_to(links: OrthologyLinks, columns: Integers, path: str, task: AnnotationTask) -> OrthologyLinks:
    """Return the links into genes of a network, by their columns in the reference's counts."""
    kept = np.isin(links.reference, columns[columns >= 0])
    if not kept.any():
        raise AnnotationError(
            f"{path} knows {len(columns):,} genes; {(columns >= 0).sum():,} of them are measured in the reference, and "
            f"none has a partner in the query: expected stable IDs of {task.reference.species.common_name}",
            option="network",
        )
    return _some_links(links, kept)


def _reference_columns(task: AnnotationTask, links: OrthologyLinks, settings: TronSettings) -> Integers:
    """Return the reference genes that the network takes."""
    if settings.unreached == "leave_out":
        return np.unique(links.reference)
    expressing = np.bincount(task.reference.counts.indices, minlength=task.reference.counts.shape[1])
    return np.flatnonzero(expressing >= max(min(settings.min_cells, task.reference.n_cells), 1)).astype(np.int64)


def _names(side: SpeciesCells) -> tuple[str, ...]:
    """Return stable IDs; without them symbols, and keys where these are not unique."""
    if side.stable_ids:
        return side.stable_ids
    return side.symbols if len(set(side.symbols)) == len(side.symbols) else tuple(map(str, side.genes.tolist()))


def _embedding(result: Transferred, side: str, n_cells: int, rows: Integers) -> npt.NDArray[np.float32]:
    """Return the hidden layers of all seeds side by side, each of unit length, so that cosines are means over seeds."""
    parts = [unit_rows(np.asarray(getattr(run, side), np.float64)) for run in result.runs]
    embedding = np.zeros((n_cells, sum(part.shape[1] for part in parts)), np.float32)
    embedding[rows] = np.hstack(parts) / np.sqrt(len(parts))
    return embedding


def _details(
    task: AnnotationTask, settings: TronSettings, links: OrthologyLinks, edges: Edges, result: Transferred,
    query_rows: Integers,
) -> dict[str, Any]:  # fmt: skip
    tuned = len(result.tuning.rows) > 0
    return {
        "parameters": settings.model_dump(), "strategy": links.strategy, "edges": len(edges),
        "query_genes": len(edges.target_genes), "reference_genes": len(edges.source_genes),
        "held_out_by": result.held_by, "network_epochs": [run.network.best for run in result.runs if run.network],
        "tuned": settings.tune if tuned else "nothing", "tuned_by": result.tuning.by if tuned else "nothing",
        "tuning_cells": len(result.tuning.rows), "layer_epochs": [run.layer.best for run in result.runs if run.layer],
        "seen_cells": int(result.tuning.shown.sum()), "unknown_cells": task.query.n_cells - len(query_rows),
    }  # fmt: skip
