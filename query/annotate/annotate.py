"""Transfer the cell types of another species' atlas to cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import polars as pl

from homodb.query.annotate.labels import UNKNOWN, expand_to_all_cells, mask_low_confidence, one_side_only
from homodb.query.annotate.options import AnnotateOptions, read_options
from homodb.query.annotate.read import AnnotationInput, prepare
from homodb.query.annotate.task import Annotation, Labelled
from homodb.query.cells import (
    Cells,
    atomic_output,
    check_cells_output,
    load_cells,
    read_anndata,
    store,
    undoing_logarithms,
)
from homodb.query.genes import forced
from homodb.query.integrate import DEFAULT, read_vector_options
from homodb.query.release import ReleaseFile, use_release
from homodb.query.results import spreadsheet_safe
from homodb.query.settings import log, progress_bar
from homodb.schema.enums import Strategy
from homodb.schema.errors import AnnotationError, OutputError, VectorsError
from homodb.schema.io import check_folder, check_there, make_folder
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

#: Entry of ``uns["homodb"]`` that describes annotations, by the column that they made.
ENTRY = "annotation"

_PACKAGES = ("homodb", "anndata", "numpy", "scipy")
_QUANTILES = ("least", "lower_quartile", "median", "upper_quartile", "greatest")


def build_report(prepared: AnnotationInput, labelled: Labelled, options: AnnotateOptions, release: str) -> Annotation:
    """Build the report of an annotation from a release of that version."""
    from importlib.metadata import version

    task = prepared.task
    empty = int((~prepared.used).sum())
    notes = list(prepared.notes)
    if empty:
        result = "have no number" if options.numeric else f"are labelled {UNKNOWN}"
        notes.append(f"{empty:,} cells of the query have no count of a known gene: they {result}")
    size = np.bincount(task.reference.label[task.reference.label >= 0], minlength=len(task.labels))
    only = None
    if prepared.query_named is not None and not options.numeric:
        only = one_side_only(prepared.query_named, prepared.reference_named)
    return Annotation(
        label_key=options.label_key, key_added=options.key_added, method=options.method,
        strategy=task.all_pairs.strategy, release=release,
        source=task.query.species.common_name, target=task.reference.species.common_name,
        parameters=dict(options.parameters), settings=options.stored(), cells=len(prepared.used), empty=empty,
        unknown=empty + int(labelled.unknown.sum()),
        reference_labels={name: int(cells) for name, cells in zip(task.labels, size.tolist(), strict=True) if cells},
        labels=_label_table(labelled, task.labels), numbers=_number_table(prepared, labelled), only=only,
        details=labelled.details, tables=labelled.tables, versions={one: version(one) for one in _PACKAGES},
        notes=tuple(notes), farther=_farther(labelled),
        doubtful=int((labelled.confidence[labelled.label >= 0] < _DOUBTFUL).sum()),
    )  # fmt: skip


#: Confidence below which a label is doubtful; share of the reference's cells that tells how far is far; the number of
#: them that are looked at.
_DOUBTFUL, _OWN, _LOOKED_AT = 0.5, 0.95, 2000


def _farther(labelled: Labelled) -> int | None:
    """Count the cells that lie farther from the reference than its own cells do; None without a space of both."""
    points = labelled.reference_embedding
    if points is None or not np.isfinite(labelled.distance).any():
        return None
    from homodb.query.annotate.knn import cosine_nearest
    from homodb.query.integrate import unit_rows

    units = unit_rows(points.astype(np.float64))
    placed = units[units.any(axis=1)]
    if len(placed) < 2:
        return None
    own = cosine_nearest(placed, placed[:: max(1, len(placed) // _LOOKED_AT)], 2).distances[:, 1]
    return int((labelled.distance > np.quantile(own, _OWN)).sum())


def with_results(
    query: anndata.AnnData, prepared: AnnotationInput, labelled: Labelled, report: Annotation
) -> anndata.AnnData:
    """Return a copy of the query with the results; :func:`annotate` names them."""
    import pandas as pd

    result = query.copy()
    rows = np.flatnonzero(prepared.used)
    cells = len(prepared.used)
    if labelled.number is None:
        label = np.full(cells, -1, np.int64)
        label[rows] = labelled.label
        names = [name for code, name in enumerate(prepared.task.labels) if (label == code).any()]
        text = np.array([*prepared.task.labels, UNKNOWN], object)[label]
        result.obs[report.column] = pd.Categorical(
            text, categories=[*names, *([UNKNOWN] if (label < 0).any() and UNKNOWN not in names else [])]
        )
    else:
        result.obs[report.column] = expand_to_all_cells(cells, rows, labelled.number)
    certainty = ("confidence", labelled.confidence) if labelled.spread is None else ("spread", labelled.spread)
    for name, values in (certainty, ("distance", labelled.distance)):
        result.obs[f"{report.column}_{name}"] = expand_to_all_cells(cells, rows, values)
    if prepared.query_named is not None:
        shown = np.zeros(cells, np.bool_)
        shown[rows] = prepared.task.query.is_labelled if labelled.shown is None else labelled.shown
        result.obs[f"{report.column}_seen"] = shown
    if labelled.query_embedding is not None:
        embedding = np.zeros((cells, labelled.query_embedding.shape[1]), np.float32)
        embedding[rows] = labelled.query_embedding
        result.obsm[report.embedding] = embedding
    own = deepcopy(result.uns.get("homodb", {}))
    own[ENTRY] = {**own.get(ENTRY, {}), report.column: report.uns()}
    result.uns["homodb"] = own
    return result


def _label_table(labelled: Labelled, labels: tuple[str, ...]) -> pl.DataFrame:
    names = np.array([*labels, None], object)
    cells = pl.DataFrame({
        "label": pl.Series(names[labelled.label].tolist(), dtype=pl.String),
        "confidence": np.asarray(labelled.confidence, np.float64),
        "distance": np.asarray(labelled.distance, np.float64),
    })  # fmt: skip
    return (
        cells.drop_nulls("label").group_by("label")
        .agg(cells=pl.len(), confidence=pl.col("confidence").mean(), distance=pl.col("distance").mean())
        .sort("cells", "label", descending=[True, False])
    )  # fmt: skip


def _number_table(prepared: AnnotationInput, labelled: Labelled) -> pl.DataFrame | None:
    """Return quantiles of the numbers of the query's cells and of the reference's."""
    if labelled.number is None or prepared.task.reference.number is None:
        return None
    rows: list[dict[str, Any]] = []
    for side, values in (("query", labelled.number), ("reference", prepared.task.reference.number)):
        finite = values[np.isfinite(values)]
        ends = np.quantile(finite, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(finite) else [float("nan")] * 5
        rows.append({"side": side, "cells": len(finite), **dict(zip(_QUANTILES, ends, strict=True))})
    return pl.DataFrame(rows)


@overload
def annotate(
    query: Cells, reference: Cells, *,
    label_key: str, method: str = ..., strategy: str | Strategy | None = ..., evidence: str | None = ...,
    source: str | int | Species | None = ..., reference_species: str | int | Species | None = ...,
    query_label_key: str | None = ..., query_donors: Sequence[str] | None = ..., donor_key: str | None = ...,
    labels: str | Path | None = ..., unknown_below: float | None = ..., layer: str | None = ...,
    reference_layer: str | None = ..., column: str | None = ..., reference_column: str | None = ...,
    spatial_key: str | None = ..., phrases: Sequence[str] = ..., vectors: str | Sequence[str] = ...,
    embedding: str | None = ..., numeric: bool = ..., key_added: str = ..., random_state: int = ...,
    k: int = ..., weights: str | None = ..., balanced: bool = ..., features: int = ..., dims: int = ...,
    scale: str = ..., integration: str = ..., top: int | None = ..., centre: bool = ...,
    housekeeping: bool | None = ..., model: str = ..., download: bool = ..., device: str | None = ...,
    batch: int | None = ..., spatial: int = ..., tune: str | int | None = ..., tuned: str | Path | None = ...,
    hidden: int = ..., layers: int = ..., dropout: float = ..., learning_rate: float = ..., weight_decay: float = ...,
    epochs: int = ..., epoch_cells: int = ..., patience: int = ..., validation: float = ..., seeds: int = ...,
    min_cells: int = ..., links: str = ..., start: str = ..., unreached: str = ..., offset: str = ...,
    tuning: float = ..., tuning_rate: float = ..., tuning_epochs: int = ..., stay: float = ...,
    network: str | Path | None = ..., trained: str | Path | None = ..., methods: str | None = ...,
    parameters: Mapping[str, Any] | None = ..., release: str | Path | ReleaseFile | None = ...,
    expm1: bool = ..., force: bool = ...,
    progress: Callable[[str], None] | bool | None = ...,
    return_report: Literal[False] = False,
) -> anndata.AnnData: ...  # fmt: skip


@overload
def annotate(
    query: Cells, reference: Cells, *,
    label_key: str, method: str = ..., strategy: str | Strategy | None = ..., evidence: str | None = ...,
    source: str | int | Species | None = ..., reference_species: str | int | Species | None = ...,
    query_label_key: str | None = ..., query_donors: Sequence[str] | None = ..., donor_key: str | None = ...,
    labels: str | Path | None = ..., unknown_below: float | None = ..., layer: str | None = ...,
    reference_layer: str | None = ..., column: str | None = ..., reference_column: str | None = ...,
    spatial_key: str | None = ..., phrases: Sequence[str] = ..., vectors: str | Sequence[str] = ...,
    embedding: str | None = ..., numeric: bool = ..., key_added: str = ..., random_state: int = ...,
    k: int = ..., weights: str | None = ..., balanced: bool = ..., features: int = ..., dims: int = ...,
    scale: str = ..., integration: str = ..., top: int | None = ..., centre: bool = ...,
    housekeeping: bool | None = ..., model: str = ..., download: bool = ..., device: str | None = ...,
    batch: int | None = ..., spatial: int = ..., tune: str | int | None = ..., tuned: str | Path | None = ...,
    hidden: int = ..., layers: int = ..., dropout: float = ..., learning_rate: float = ..., weight_decay: float = ...,
    epochs: int = ..., epoch_cells: int = ..., patience: int = ..., validation: float = ..., seeds: int = ...,
    min_cells: int = ..., links: str = ..., start: str = ..., unreached: str = ..., offset: str = ...,
    tuning: float = ..., tuning_rate: float = ..., tuning_epochs: int = ..., stay: float = ...,
    network: str | Path | None = ..., trained: str | Path | None = ..., methods: str | None = ...,
    parameters: Mapping[str, Any] | None = ..., release: str | Path | ReleaseFile | None = ...,
    expm1: bool = ..., force: bool = ...,
    progress: Callable[[str], None] | bool | None = ...,
    return_report: Literal[True],
) -> tuple[anndata.AnnData, Annotation]: ...  # fmt: skip


def annotate(
    query: Cells, reference: Cells, *,
    label_key: str, method: str = "knn", strategy: str | Strategy | None = None, evidence: str | None = None,
    source: str | int | Species | None = None, reference_species: str | int | Species | None = None,
    query_label_key: str | None = None, query_donors: Sequence[str] | None = None, donor_key: str | None = None,
    labels: str | Path | None = None, unknown_below: float | None = None, layer: str | None = None,
    reference_layer: str | None = None, column: str | None = None, reference_column: str | None = None,
    spatial_key: str | None = None, phrases: Sequence[str] = (), vectors: str | Sequence[str] = (),
    embedding: str | None = None, numeric: bool = False, key_added: str = "homodb", random_state: int = 42,
    k: int = 5, weights: str | None = None, balanced: bool = False, features: int = 2000, dims: int = 30,
    scale: str = "none", integration: str = "none", top: int | None = None, centre: bool = True,
    housekeeping: bool | None = None, model: str = DEFAULT, download: bool = False, device: str | None = None,
    batch: int | None = None, spatial: int = 0, tune: str | int | None = None, tuned: str | Path | None = None,
    hidden: int = 64, layers: int = 2, dropout: float = 0.2, learning_rate: float = 1e-3, weight_decay: float = 1e-4,
    epochs: int = 60, epoch_cells: int = 10_000, patience: int = 8, validation: float = 0.15, seeds: int = 5,
    min_cells: int = 3, links: str = "all", start: str = "columns", unreached: str = "leave_out", offset: str = "types",
    tuning: float = 0.0, tuning_rate: float = 0.02, tuning_epochs: int = 60, stay: float = 1e-4,
    network: str | Path | None = None, trained: str | Path | None = None, methods: str | None = None,
    parameters: Mapping[str, Any] | None = None, release: str | Path | ReleaseFile | None = None,
    expm1: bool = False, force: bool = False,
    progress: Callable[[str], None] | bool | None = None,
    return_report: bool = False,
) -> anndata.AnnData | tuple[anndata.AnnData, Annotation]:  # fmt: skip
    """Transfer the cell types of a reference to the cells of a query, across species.

    Parameters of a method are refused by other methods. Where methods differ in a default, None stands for it.

    Parameters
    ----------
    query, reference
        Cells x genes with raw counts, each in genes of its own species: AnnDatas, which are not changed, or paths of
        h5ad files or zarr stores.
    label_key
        Key in ``reference.obs`` that holds the cell types.
    method
        ``knn``, ``tron``, ``cellama``, ``protein`` or ``consensus``; docs/annotate.md compares them.
    strategy
        One of the five, or several joined by ``+``; by default ENS_M2M, and LM_O2O where Ensembl has nothing.
    evidence
        Evidence classes to use (``both,ensembl``) or to add (``+lm_orphan``).
    source, reference_species
        Species of query and reference; by default detected from the gene names.
    query_label_key, query_donors
        Key in ``query.obs`` of labels that the method may learn from, and the donors whose labels it may use (None:
        all). No other labels of the query are ever read. Those cells are marked in ``obs["<label>_homodb_seen"]`` and
        must not be evaluated.
    donor_key
        Key in obs that holds the donors.
    labels
        File that maps labels with the same meaning to each other.
    unknown_below
        Confidence below which a cell gets no label.
    layer, reference_layer
        Layer with the counts, or ``raw``; by default X.
    column, reference_column
        Column of var with gene names; by default the index.
    spatial_key, phrases
        Key in obsm of coordinates, and keys in obs for cell sentences (cellama).
    vectors, embedding
        Tables of gene vectors in place of the release's, ``FILE`` or ``SPECIES=FILE`` each (see
        :mod:`homodb.query.integrate.protein_space`), or the name of one of its embeddings (protein).
    numeric
        Whether the column holds numbers, such as an age or a pseudotime (knn, tron, protein). In place of a
        confidence, ``obs["<label>_homodb_spread"]`` then holds the standard deviation among the neighbours or networks.
    key_added
        Suffix of the results: ``<label>_<key_added>``.
    random_state
        Seed of all random numbers.
    k, weights, balanced
        Number of neighbours that vote; ``distance`` (near ones weigh more; the default) or ``uniform``; and whether a
        vote is divided by the number of reference cells of its label (knn, cellama, protein). For tron, `weights` are
        ``non_negative`` (the default) or ``any``.
    features, dims, scale, integration
        Number of shared genes and of dimensions; ``none``, ``centre``, ``each`` or ``reference``; and ``none``,
        ``cca``, ``harmony`` or ``scvi`` (knn).
    top, centre, housekeeping
        Number of genes of a cell that count (protein: 100, 0 for all; cellama: 20), whether the mean of each side is
        subtracted (protein), and whether ribosomal and mitochondrial genes count (cellama: only within one species).
    model, download, device, batch, spatial, tune, tuned
        Sentence model, a folder or a name; whether it may be downloaded; its device, and its sentences at once (32);
        number of nearest cells whose types a sentence names; steps of fine-tuning; and a new folder for the fine-tuned
        model (cellama). For tron: `device` is ``auto``, ``cpu`` or ``cuda``, `batch` the cells per step (64), and
        `tune` the part that learns from labelled query cells, ``layer`` (the default), ``whole`` or ``nothing``.
    hidden, layers, dropout, learning_rate, weight_decay, epochs, epoch_cells, patience, validation, seeds, min_cells, \
    links, start, unreached, offset, tuning, tuning_rate, tuning_epochs, stay
        Parameters of tron; see :class:`homodb.query.annotate.settings.TronSettings`.
    network, trained
        Safetensors file of networks that were trained before and are used as they are, and a file to keep those that
        are trained now (tron).
    methods
        Methods of consensus, separated by commas; by default all that can run.
    parameters
        Further parameters by name; for consensus, those of its methods: ``{"knn.k": 3}``.
    release
        An open release, or what :func:`homodb.open` takes.
    expm1
        Whether to recover counts from logarithms of normalized counts, by the size factor that makes the values of a
        cell whole; otherwise logarithms are refused where counts are needed.
    force
        Whether to go on where less than 5 % of the names are known, or of the counts carried; below a half, a warning
        says the likely reason.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the name of each
        step.
    return_report
        Whether to return the report of the annotation too.

    Returns
    -------
    anndata.AnnData or tuple
        A copy of the query with ``obs["<label>_homodb"]`` (``unknown`` where no label could be given),
        ``obs["<label>_homodb_confidence"]``, ``obs["<label>_homodb_distance"]``, the space in which the method compared
        the cells with those of the reference in ``obsm["X_<label>_homodb"]``, shape (cells, dimensions), float32, zeros
        for a cell without counts that it uses, and, in ``uns["homodb"]["annotation"]`` under the name of the column,
        how it was done. All else is as it was.
        With `return_report`, that copy and an :class:`Annotation`.

    Raises
    ------
    AnnotationError
        If cell types cannot be transferred as requested.
    UnknownSpeciesError, UndecidedSpeciesError, UnknownStrategyError, MissingMappingError, MissingEmbeddingError
        If the release lacks what is needed, or gene names fit several species.
    MissingPackageError
        If the method needs a package that is not installed.

    Examples
    --------
    >>> import homodb
    >>> labelled = homodb.annotate(mouse, human_atlas, label_key="cell_type")  # doctest: +SKIP
    """
    values = dict(locals())
    for name in ("query", "reference", "release", "force", "expm1", "progress", "return_report"):
        del values[name]
    options = read_options(values)
    with forced(force), undoing_logarithms(expm1), progress_bar(progress, "annotate") as show:
        annotated, report = _annotate(load_cells(query, whole=True), load_cells(reference), options, release, show)
    log(report.summary())
    return (annotated, report) if return_report else annotated


def _annotate(
    query: anndata.AnnData, reference: anndata.AnnData, options: AnnotateOptions,
    release: str | Path | ReleaseFile | None, progress: Callable[[str], None],
) -> tuple[anndata.AnnData, Annotation]:  # fmt: skip
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        prepared = prepare(opened, query, reference, options, progress)
        labelled = mask_low_confidence(options.annotation_method.run(prepared.task), options.unknown_below)
        report = build_report(prepared, labelled, options, opened.version)
    return with_results(query, prepared, labelled, report), report


def annotate_files(
    query: str | Path,
    reference: str | Path,
    output: str | Path,
    options: AnnotateOptions,
    *,
    tables: Path | None = None,
    release: str | Path | ReleaseFile | None = None,
    expm1: bool = False,
    force: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> Annotation:
    """Annotate the cells of a file from those of another.

    Parameters
    ----------
    query, reference
        Files of cells (h5ad or zarr).
    output
        The file to write: the query with the results. It appears whole or not at all.
    options
        Checked options; see :func:`homodb.query.annotate.options.read_options`.
    tables
        Folder to write longer results of the method to, one tab-separated file each.
    release
        An open release, or what :func:`homodb.open` takes.
    progress
        Callback that receives the name of each step.

    Raises
    ------
    OutputError
        If the output is one of the files, or cannot be written.
    VectorsError
        If a table of vectors does not exist.
    TranslationError
        If a file does not exist, or is not an AnnData.
    AnnotationError
        As :func:`homodb.annotate` raises it.
    """
    target = Path(output)
    check_cells_output(target, Path(query), Path(reference))
    given = [options.labels, *(options.parameters.get(name) for name in ("network", "tron.network"))]
    check_there(*(Path(one) for one in given if one is not None), error=AnnotationError)
    check_there(*read_vector_options(options.vectors).values(), error=VectorsError)
    if tables is not None:
        check_folder(tables)
    with forced(force), undoing_logarithms(expm1):
        sides = read_anndata(Path(query)), read_anndata(Path(reference))
        annotated, report = _annotate(*sides, options, release, progress)
    progress("writing")
    with atomic_output(target) as partial:
        store.write_whole(annotated, partial)
    if tables is not None:
        write_tables(report, tables)
    return report


def write_tables(report: Annotation, folder: Path) -> None:
    """Write the longer results as ``<name>.tsv``.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    make_folder(folder)
    try:
        for name, table in report.tables.items():
            spreadsheet_safe(table).write_csv(folder / f"{name.replace(' ', '_')}.tsv", separator="\t")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
