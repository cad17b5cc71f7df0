"""``homodb.annotate``: cells of one species in, the same with the cell types of another species' atlas out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.query.annotate.options import read_choices
from homodb.query.annotate.outcome import account, with_results
from homodb.query.annotate.read import prepare
from homodb.query.annotate.result import Annotation
from homodb.query.annotate.unknown import below
from homodb.query.release import Release, open_release
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata


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
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        prepared = prepare(opened, query, reference, choices, report)
        found = below(choices.chosen.run(prepared.task), unknown_below)
        told = account(prepared, found, choices, opened.version)
    return with_results(query, prepared, found, told), told
