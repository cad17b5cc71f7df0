"""Annotate with ``cellama``: cells as sentences, and labels by the nearest sentences of the reference.

Source: Park, Kim, Kim et al., Advanced Science 2026 (https://doi.org/10.1002/advs.202513210).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.annotate.cellama.tune import SentenceCells, fine_tune, metadata_of, profiles_of
from homodb.query.annotate.knn import NeighborVotes, vote
from homodb.query.annotate.settings import CellamaSettings
from homodb.query.annotate.task import AnnotationTask, Labelled, OrthologyLinks
from homodb.query.cells import SpeciesCells
from homodb.query.integrate import (
    check_phrases,
    embed_cells,
    load_model,
    metadata_phrases,
    neighbor_phrases,
    sentences,
    top_words,
    with_phrases,
)
from homodb.schema.errors import AnnotationError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def check_place(side: SpeciesCells, k: int, *, which: str) -> npt.NDArray[np.float64]:
    """Return the coordinates of a side; raise AnnotationError if it has none."""
    if side.place is None:
        raise AnnotationError(
            f"the {which} has no coordinates, so its cells have no nearest ones: spatial={k} needs obsm['spatial'], two"
            " or three numbers per cell", option="spatial_key",
        )  # fmt: skip
    return side.place


@dataclass(frozen=True)
class Words:
    """Words of genes in sentences."""

    texts: tuple[str, ...]  # by symbol, then by gene key: the order of genes of equal counts in a sentence
    query: npt.NDArray[np.int64]  # word of each gene, -1 for genes that are left out
    reference: npt.NDArray[np.int64]
    left_out: int  # number of genes that both sides measure and that are left out as ribosomal or mitochondrial


def shared_words(query: SpeciesCells, reference: SpeciesCells, best: OrthologyLinks, *, housekeeping: bool) -> Words:
    """Name the genes that both sides measure: a query gene has the symbol of its best partner in the reference.

    Ribosomal and mitochondrial genes (on either side of a pair) are words only with `housekeeping`.

    Raises
    ------
    AnnotationError
        If no gene is left.
    """
    measured = np.zeros(len(reference.genes), np.bool_)
    measured[best.reference] = True
    kept = measured.copy()
    if not housekeeping:
        kept &= ~reference.housekeeping
        kept[best.reference[query.housekeeping[best.query]]] = False
    if not kept.any():
        raise AnnotationError(
            f"no gene is left for cell sentences: {measured.sum():,} genes are measured on both sides, and "
            f"{(measured & ~kept).sum():,} of them are ribosomal or mitochondrial (housekeeping=true keeps those)"
        )
    columns = np.flatnonzero(kept)
    order = sorted(columns.tolist(), key=lambda column: (reference.symbols[column], int(reference.genes[column])))
    of_reference = np.full(len(reference.genes), -1, np.int64)
    of_reference[order] = np.arange(len(order))
    of_query = np.full(len(query.genes), -1, np.int64)
    of_query[best.query] = of_reference[best.reference]
    texts = tuple(reference.symbols[column] for column in order)
    return Words(texts, of_query, of_reference, int((measured & ~kept).sum()))


def counts_of_words(counts: sp.csr_matrix, word_of: npt.NDArray[np.int64], n_words: int) -> sp.csr_matrix:
    """Add up the counts of each word, cells x words."""
    genes = np.flatnonzero(word_of >= 0)
    shape = (len(word_of), n_words)
    to_words = sp.csr_matrix((np.ones(len(genes)), (genes, word_of[genes])), shape)
    return sp.csr_matrix(counts @ to_words)


Texts = list[str | None]
Points = npt.NDArray[np.float32]


def cellama(task: AnnotationTask) -> Labelled:
    """Label cells by the reference's cells whose sentences are nearest.

    Parameters
    ----------
    task
        Its parameters are those of :class:`CellamaSettings`; phrases of the sides join the sentences.

    Returns
    -------
    Labelled
        The confidence is the share of votes, the distance the cosine distance to the nearest sentence of the
        reference. A cell that expresses no word is unknown. The table ``sentences`` has the sentence of each cell.

    Raises
    ------
    AnnotationError
        If the sides share no gene, a phrase is on one side only, there are no coordinates for spatial phrases, or the
        model cannot be loaded.
    MissingPackageError
        If sentence-transformers is not installed.
    OutputError
        If the folder for a fine-tuned model exists.
    """
    settings = CellamaSettings(**task.parameters)
    check_phrases(task.query, task.reference)
    if settings.spatial:
        check_place(task.query, settings.spatial, which="query")
    task.progress("sentences")
    words = _words(task, settings)
    reference = _written(task.reference, words.reference, words, settings)
    query = _written(task.query, words.query, words, settings)
    if not any(reference[cell] is not None for cell in np.flatnonzero(task.reference.label >= 0).tolist()):
        raise AnnotationError(
            f"no labelled cell of the reference expresses any of the {len(words.texts):,} genes that make up sentences"
        )
    task.progress("sentence model")
    model = load_model(settings.model, download=settings.download, device=settings.device)
    details: dict[str, Any] = {
        "model": settings.model, "top": settings.top, "words": len(words.texts),
        "housekeeping_left_out": words.left_out, "reference_without_sentence": reference.count(None),
        "query_without_sentence": query.count(None),
    }  # fmt: skip
    if settings.tune:
        details |= _tuned(task, settings, words, model, reference, query)
    task.progress("embedding sentences")
    near, far = _embedded(model, settings, reference, query, details)
    votes = _vote(task, settings, near, far)
    if settings.spatial:
        task.progress("embedding sentences with neighbours")
        query = with_phrases(query, [_around(task.query, votes.label, task, settings.spatial, which="query")])
        details["spatial"] = "embedding"
        if task.reference.place is not None:
            details["spatial"] = "labels and embedding"
            beside = _around(task.reference, task.reference.label, task, settings.spatial, which="reference")
            reference = with_phrases(reference, [beside])
        near, far = _embedded(model, settings, reference, query, details)
        if task.reference.place is not None:
            votes = _vote(task, settings, near, far)
    schema = {"cell": pl.String, "sentence": pl.String}
    table = pl.DataFrame({"cell": task.query.cells, "sentence": query}, schema=schema)
    return Labelled(
        votes.label, votes.confidence, votes.distance, details, {"sentences": table}, reference_embedding=near,
        query_embedding=far,
    )  # fmt: skip


def _words(task: AnnotationTask, settings: CellamaSettings) -> Words:
    housekeeping = settings.housekeeping
    if housekeeping is None:
        housekeeping = task.query.species == task.reference.species
    return shared_words(task.query, task.reference, task.best, housekeeping=housekeeping)


def _written(side: SpeciesCells, word_of: npt.NDArray[np.int64], words: Words, settings: CellamaSettings) -> Texts:
    ranks = top_words(side.counts, word_of, settings.top)
    return with_phrases(sentences(ranks, words.texts), metadata_phrases(side.phrases))


def _embedded(
    model: SentenceTransformer, settings: CellamaSettings, reference: Texts, query: Texts, details: dict[str, Any]
) -> tuple[Points, Points]:
    """Embed the sentences of both sides."""
    points, record = embed_cells(model, [*reference, *query], batch=settings.batch)
    details |= record
    return points[: len(reference)], points[len(reference) :]


def _around(side: SpeciesCells, types: npt.NDArray[np.int64], task: AnnotationTask, k: int, *, which: str) -> Texts:
    """Write the types around each cell; of the query's cells they are a prediction, never their own labels."""
    return neighbor_phrases(check_place(side, k, which=which), types, task.labels, k, donor=side.donor)


def _vote(task: AnnotationTask, settings: CellamaSettings, reference: Points, query: Points) -> NeighborVotes:
    has = np.flatnonzero(task.reference.label >= 0)
    return vote(
        reference[has], task.reference.label[has], query, len(task.labels), k=settings.k, weights=settings.weights,
        balanced=settings.balanced,
    )  # fmt: skip


def _tuned(
    task: AnnotationTask, settings: CellamaSettings, words: Words, model: SentenceTransformer, reference: Texts,
    query: Texts,
) -> dict[str, Any]:  # fmt: skip
    """Fine-tune the model on the cells of both sides, without their labels."""
    task.progress(f"fine-tuning, {settings.tune} steps")
    sides = []
    for side, word_of, texts in ((task.reference, words.reference, reference), (task.query, words.query, query)):
        if side.n_cells - texts.count(None) > 2:
            profiles = profiles_of(
                counts_of_words(side.counts, word_of, len(words.texts)), random_state=task.random_state
            )
            sides.append(SentenceCells(texts, profiles, metadata_of(side)))
    losses = fine_tune(model, sides, settings.tuned, steps=settings.tune, random_state=task.random_state)
    return {"tuned_steps": settings.tune, "first_loss": losses[0], "last_loss": losses[-1]}
