"""``homodb.annotate``: cells of one species in, the same with the cell types of another species' atlas out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.query.annotate.labels import UNKNOWN, expand_to_all_cells, mask_low_confidence, one_side_only
from homodb.query.annotate.options import Choices, read_choices
from homodb.query.annotate.read import AnnotationInput, prepare
from homodb.query.annotate.result import Annotation
from homodb.query.annotate.task import Labelled
from homodb.query.cells import atomic_output, check_cells_output, in_memory, read_anndata, store
from homodb.query.integrate import read_vector_options
from homodb.query.release import ReleaseFile, use_release
from homodb.schema.enums import Strategy
from homodb.schema.errors import AnnotationError, OutputError, VectorsError
from homodb.schema.io import check_folder, check_there, make_folder
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

#: Entry of ``uns["homodb"]`` that tells of annotations, by the column that they made.
ENTRY = "annotation"

_PACKAGES = ("homodb", "anndata", "numpy", "scipy")


def account(prepared: AnnotationInput, found: Labelled, choices: Choices, release: str) -> Annotation:
    """Say what was done.

    Parameters
    ----------
    prepared, found, choices
        The task, what the method gave, and how it was asked.
    release
        Version of the release.
    """
    from importlib.metadata import version

    task = prepared.task
    empty = int((~prepared.used).sum())
    notes = list(prepared.notes)
    if empty:
        left = "have no number" if choices.numeric else f"are labelled {UNKNOWN}"
        notes.append(f"{empty:,} cells of the query have no count of a known gene: they {left}")
    size = np.bincount(task.reference.label[task.reference.label >= 0], minlength=len(task.labels))
    only = None
    if prepared.query_named is not None and not choices.numeric:
        only = one_side_only(prepared.query_named, prepared.reference_named)
    return Annotation(
        label=choices.label, key=choices.key, method=choices.method, strategy=task.all_pairs.strategy, release=release,
        source=task.query.species.common_name, target=task.reference.species.common_name,
        parameters=dict(choices.parameters), settings=choices.told(), cells=len(prepared.used), empty=empty,
        unknown=empty + int(found.unknown.sum()),
        reference_labels={name: int(cells) for name, cells in zip(task.labels, size.tolist(), strict=True) if cells},
        found=_found(found, task.labels), numbers=_numbers(prepared, found), only=only, told=found.told,
        tables=found.tables, versions={one: version(one) for one in _PACKAGES}, notes=tuple(notes),
    )  # fmt: skip


def with_results(
    query: anndata.AnnData, prepared: AnnotationInput, found: Labelled, told: Annotation
) -> anndata.AnnData:
    """Return a copy of the query with the results; see :func:`homodb.annotate` for where they stand."""
    import pandas as pd

    held = in_memory(query)
    result = held.copy() if held is query else held
    rows = np.flatnonzero(prepared.used)
    cells = len(prepared.used)
    if found.number is None:
        label = np.full(cells, -1, np.int64)
        label[rows] = found.label
        names = [name for code, name in enumerate(prepared.task.labels) if (label == code).any()]
        text = np.array([*prepared.task.labels, UNKNOWN], object)[label]
        result.obs[told.column] = pd.Categorical(
            text, categories=[*names, *([UNKNOWN] if (label < 0).any() and UNKNOWN not in names else [])]
        )
    else:
        result.obs[told.column] = expand_to_all_cells(cells, rows, found.number)
    sureness = ("confidence", found.confidence) if found.spread is None else ("spread", found.spread)
    for name, values in (sureness, ("distance", found.distance)):
        result.obs[f"{told.column}_{name}"] = expand_to_all_cells(cells, rows, values)
    if prepared.query_named is not None:
        seen = np.zeros(cells, np.bool_)
        seen[rows] = prepared.task.query.is_labelled if found.seen is None else found.seen
        result.obs[f"{told.column}_seen"] = seen
    own = deepcopy(result.uns.get("homodb", {}))
    own[ENTRY] = {**own.get(ENTRY, {}), told.column: told.uns()}
    result.uns["homodb"] = own
    return result


def _found(found: Labelled, labels: tuple[str, ...]) -> pl.DataFrame:
    """Return what was found of each label."""
    names = np.array([*labels, None], object)
    given = pl.DataFrame({
        "label": pl.Series(names[found.label].tolist(), dtype=pl.String),
        "confidence": np.asarray(found.confidence, np.float64), "distance": np.asarray(found.distance, np.float64),
    })  # fmt: skip
    return (
        given.drop_nulls("label").group_by("label")
        .agg(cells=pl.len(), confidence=pl.col("confidence").mean(), distance=pl.col("distance").mean())
        .sort("cells", "label", descending=[True, False])
    )  # fmt: skip


def _numbers(prepared: AnnotationInput, found: Labelled) -> pl.DataFrame | None:
    """Return how numbers are spread over the query's cells and over the reference's."""
    if found.number is None or prepared.task.reference.number is None:
        return None
    rows: list[dict[str, Any]] = []
    for side, values in (("query", found.number), ("reference", prepared.task.reference.number)):
        there = values[np.isfinite(values)]
        ends = np.quantile(there, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(there) else [float("nan")] * 5
        rows.append({"side": side, "cells": len(there), **dict(zip(_QUANTILES, ends, strict=True))})
    return pl.DataFrame(rows)


_QUANTILES = ("least", "lower_quartile", "median", "upper_quartile", "greatest")


def annotate(
    query: anndata.AnnData,
    reference: anndata.AnnData,
    *,
    label: str,
    method: str = "knn",
    strategy: str | Strategy | None = None,
    **choices: Any,
) -> anndata.AnnData:
    """Carry the cell types of a reference to the cells of a query, across species.

    Parameters
    ----------
    query, reference
        Cells x genes with raw counts, each in genes of its own species. They are not changed.
    label
        Column of the reference's obs with cell types.
    method
        ``knn``, ``tron``, ``cellama``, ``protein`` or ``consensus``: see docs/annotate.md for which to choose.
    strategy
        One of the five, or several joined by ``+``; by default ENS_M2M, and LM_O2O where Ensembl has nothing.
    **choices
        Parameters of the method, and what :func:`annotate_with_report` takes.

    Returns
    -------
    anndata.AnnData
        A copy of the query with ``obs["<label>_homodb"]`` (``unknown`` where no label could be given),
        ``obs["<label>_homodb_confidence"]``, ``obs["<label>_homodb_distance"]``, and, in
        ``uns["homodb"]["annotation"]`` under the name of the column, how it was done. All else is as it was.

    Raises
    ------
    AnnotationError
        If cell types cannot be carried as asked: says what was seen and what to do.
    UnknownSpeciesError, UndecidedSpeciesError, UnknownStrategyError, MissingMappingError, MissingEmbeddingError
        If the release lacks what is asked, or names do not tell their species.
    MissingPackageError
        If the method needs a package that is not installed.

    Examples
    --------
    >>> import homodb
    >>> labelled = homodb.annotate(mouse, human_atlas, label="cell_type")  # doctest: +SKIP
    """
    return annotate_with_report(query, reference, label=label, method=method, strategy=strategy, **choices)[0]


def annotate_with_report(
    query: anndata.AnnData,
    reference: anndata.AnnData,
    *,
    label: str,
    method: str = "knn",
    strategy: str | Strategy | None = None,
    evidence: str | None = None,
    source: str | int | Species | None = None,
    reference_species: str | int | Species | None = None,
    query_label: str | None = None,
    query_donors: Sequence[str] | None = None,
    donor_key: str | None = None,
    labels: str | Path | None = None,
    unknown_below: float | None = None,
    layer: str | None = None,
    reference_layer: str | None = None,
    column: str | None = None,
    reference_column: str | None = None,
    spatial: str | None = None,
    phrases: Sequence[str] = (),
    vectors: str | Sequence[str] = (),
    embedding: str | None = None,
    numeric: bool = False,
    release: str | Path | ReleaseFile | None = None,
    key: str = "homodb",
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
    parameters: Mapping[str, Any] | None = None,
    **more: Any,
) -> tuple[anndata.AnnData, Annotation]:
    """Annotate as :func:`annotate` does, and return what was done beside it.

    Parameters
    ----------
    evidence
        Evidence classes to use (``both,ensembl``) or to add (``+lm_orphan``).
    source, reference_species
        Species of query and reference; by default found out.
    query_label, query_donors
        Column of the query's obs whose labels the method may learn from, of these donors (None: of all cells that have
        a label). Nothing else of the query's labels is ever read. Those cells are marked in
        ``obs["<label>_homodb_seen"]`` and must not be evaluated.
    donor_key
        Column of obs with donors.
    labels
        File that says which labels of the two sides mean the same.
    unknown_below
        Cells of less confidence are left without a label.
    layer, reference_layer, column, reference_column
        Layer with the counts (or ``raw``), and column of var with the names of genes.
    spatial, phrases
        Entry of obsm with coordinates, and columns of obs for cell sentences.
    vectors, embedding
        Tables of gene vectors in place of the release's, ``FILE`` or ``SPECIES=FILE`` each (see
        :mod:`homodb.query.integrate.protein_space`), or which of its embeddings.
    numeric
        Whether the column holds numbers (an age, a pseudotime), to be carried as such; methods ``knn``, ``tron`` and
        ``protein`` do. ``obs`` then gets ``<label>_homodb_spread``, the standard deviation among the neighbours or
        networks that it was made of, in place of a confidence.
    release
        An open release, or what :func:`homodb.open` takes.
    key
        What results are called in place of ``homodb``.
    seed
        Of everything random.
    report
        Called with the name of each step as it begins.
    parameters, **more
        Of the method.
    """
    choices = read_choices(label, method, {
        "strategy": strategy, "evidence": evidence, "source": source, "reference_species": reference_species,
        "query_label": query_label, "query_donors": query_donors, "donor_key": donor_key, "labels": labels,
        "unknown_below": unknown_below, "layer": layer, "reference_layer": reference_layer, "column": column,
        "reference_column": reference_column, "spatial": spatial, "phrases": phrases, "vectors": vectors,
        "embedding": embedding, "numeric": numeric, "key": key, "seed": seed, "parameters": parameters, **more,
    })  # fmt: skip
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        prepared = prepare(opened, query, reference, choices, report)
        found = mask_low_confidence(choices.chosen.run(prepared.task), unknown_below)
        told = account(prepared, found, choices, opened.version)
    return with_results(query, prepared, found, told), told


#: What is no choice of how to annotate.
_APART = ("method", "release", "report")


def annotate_files(
    query: str | Path,
    reference: str | Path,
    output: str | Path,
    *,
    label: str,
    tables: Path | None = None,
    **choices: Any,
) -> Annotation:
    """Annotate the cells of a file from those of another.

    Parameters
    ----------
    query, reference
        Files of cells (h5ad or zarr).
    output
        The file to write: the query with the results. It appears whole or not at all.
    label
        Column of the reference's obs with cell types.
    tables
        Folder to write longer results of the method to, one tab-separated file each.
    **choices
        See :func:`homodb.query.annotate.annotate.annotate_with_report`.

    Returns
    -------
    Annotation
        What was done.

    Raises
    ------
    OutputError
        If the output is one of the files, or cannot be written.
    VectorsError
        If a table of vectors is not there.
    TranslationError
        If a file is not there, or is no AnnData.
    AnnotationError
        As :func:`homodb.annotate` raises it; what was chosen is checked before anything is read.
    """
    target = Path(output)
    check_cells_output(target, Path(query), Path(reference))
    chosen = read_choices(
        label, choices.get("method", "knn"), {name: value for name, value in choices.items() if name not in _APART}
    )
    check_there(None if chosen.labels is None else Path(chosen.labels), error=AnnotationError)
    check_there(*read_vector_options(chosen.vectors).values(), error=VectorsError)
    if tables is not None:
        check_folder(tables)
    result, told = annotate_with_report(
        read_anndata(Path(query)), read_anndata(Path(reference)), label=label, **choices
    )
    choices.get("report", lambda step: None)("writing")
    with atomic_output(target) as partial:
        store.write_whole(result, partial)
    if tables is not None:
        write_tables(told, tables)
    return told


def write_tables(told: Annotation, folder: Path) -> None:
    """Write the longer results, ``<name>.tsv`` each.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    make_folder(folder)
    try:
        for name, table in told.tables.items():
            table.write_csv(folder / f"{name.replace(' ', '_')}.tsv", separator="\t")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
