"""``homodb.annotate``: cells of one species in, the same with the cell types of another species' atlas out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.query.annotate.labels import one_side_only
from homodb.query.annotate.methods import method_named, read_parameters
from homodb.query.annotate.options import Choices
from homodb.query.annotate.read import Prepared, prepare
from homodb.query.annotate.result import Annotation
from homodb.query.annotate.task import Labelled
from homodb.query.annotate.unknown import UNKNOWN, below
from homodb.query.release import Release, open_release
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata

#: Entry of ``uns["homodb"]`` that tells of annotations, by the column that they made.
ENTRY = "annotation"

_PACKAGES = ("homodb", "anndata", "numpy", "scipy")


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
    release: str | Path | Release | None = None,
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
        :mod:`homodb.query.annotate.vectors`), or which of its embeddings.
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
    choices = Choices(
        label=label, method=method_named(method).name, strategy=None if strategy is None else str(strategy),
        evidence=evidence, source=_species_name(source), reference_species=_species_name(reference_species),
        query_label=query_label, query_donors=None if query_donors is None else tuple(query_donors),
        donor_key=donor_key,
        labels=None if labels is None else str(labels), unknown_below=unknown_below, layer=layer,
        reference_layer=reference_layer, column=column, reference_column=reference_column, spatial=spatial,
        phrases=tuple(phrases), vectors=(vectors,) if isinstance(vectors, str) else tuple(vectors), embedding=embedding,
        key=key, seed=seed, parameters=read_parameters(method_named(method), {**(parameters or {}), **more}),
    )  # fmt: skip
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        prepared = prepare(opened, query, reference, choices, report)
        found = below(choices.chosen.run(prepared.task), unknown_below)
        told = _told(prepared, found, choices, opened.version)
    return _written(query, prepared, found, told), told


def _species_name(species: str | int | Species | None) -> str | None:
    return None if species is None else species.name if isinstance(species, Species) else str(species)


def _told(prepared: Prepared, found: Labelled, choices: Choices, release: str) -> Annotation:
    from importlib.metadata import version

    task = prepared.task
    names = np.array([*task.labels, None], object)
    given = pl.DataFrame({
        "label": pl.Series(names[found.label].tolist(), dtype=pl.String),
        "confidence": np.asarray(found.confidence, np.float64), "distance": np.asarray(found.distance, np.float64),
    })  # fmt: skip
    table = (
        given.drop_nulls("label").group_by("label")
        .agg(cells=pl.len(), confidence=pl.col("confidence").mean(), distance=pl.col("distance").mean())
        .sort("cells", "label", descending=[True, False])
    )  # fmt: skip
    empty = int((~prepared.used).sum())
    notes = list(prepared.notes)
    if empty:
        notes.append(f"{empty:,} cells of the query have no count of a known gene: they are labelled {UNKNOWN}")
    lost = int((found.label < 0).sum())
    size = np.bincount(task.reference.label, minlength=len(task.labels))
    only = None if prepared.query_named is None else one_side_only(prepared.query_named, prepared.reference_named)
    return Annotation(
        label=choices.label, key=choices.key, method=choices.method, strategy=task.all_pairs.strategy, release=release,
        source=task.query.species.common_name, target=task.reference.species.common_name,
        parameters=dict(choices.parameters), settings=choices.told(), cells=len(prepared.used), empty=empty,
        unknown=empty + lost,
        reference_labels={name: int(cells) for name, cells in zip(task.labels, size.tolist(), strict=True) if cells},
        found=table, only=only, told=found.told, tables=found.tables,
        versions={one: version(one) for one in _PACKAGES}, notes=tuple(notes),
    )  # fmt: skip


def _written(query: anndata.AnnData, prepared: Prepared, found: Labelled, told: Annotation) -> anndata.AnnData:
    """Return a copy of the query with the results."""
    import pandas as pd

    result = query.to_memory() if query.isbacked else query.copy()
    rows = np.flatnonzero(prepared.used)
    cells = len(prepared.used)
    label = np.full(cells, -1, np.int64)
    label[rows] = found.label
    names = [name for code, name in enumerate(prepared.task.labels) if (label == code).any()]
    text = np.array([*prepared.task.labels, UNKNOWN], object)[label]
    result.obs[told.column] = pd.Categorical(
        text, categories=[*names, *([UNKNOWN] if (label < 0).any() and UNKNOWN not in names else [])]
    )
    for name, values in (("confidence", found.confidence), ("distance", found.distance)):
        spread = np.full(cells, np.nan)
        spread[rows] = values
        result.obs[f"{told.column}_{name}"] = spread
    if prepared.query_named is not None:
        seen = np.zeros(cells, np.bool_)
        seen[rows] = prepared.task.query.label >= 0 if found.seen is None else found.seen
        result.obs[f"{told.column}_seen"] = seen
    own = deepcopy(result.uns.get("homodb", {}))
    own[ENTRY] = {**own.get(ENTRY, {}), told.column: told.uns()}
    result.uns["homodb"] = own
    return result
