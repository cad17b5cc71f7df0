"""Method ``cellama``: cells as sentences, and labels by the nearest sentences of the reference.

Source: Park, Kim, Kim et al., Advanced Science 2026 (https://doi.org/10.1002/advs.202513210).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.cellama.embed import count_cut, distinct, embed
from homodb.query.annotate.cellama.models import load_model
from homodb.query.annotate.cellama.pairs import Cells, metadata_of, profiles_of
from homodb.query.annotate.cellama.ranks import top_words
from homodb.query.annotate.cellama.sentences import check_phrases, metadata_phrases, sentences, with_phrases
from homodb.query.annotate.cellama.settings import Settings
from homodb.query.annotate.cellama.spatial import check_place, neighbor_phrases
from homodb.query.annotate.cellama.tune import fine_tune
from homodb.query.annotate.cellama.words import Words, counts_of_words, shared_words
from homodb.query.annotate.neighbors import Votes, vote
from homodb.query.annotate.task import Labelled, Side, Task
from homodb.schema.errors import AnnotationError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_log = logging.getLogger(__name__)

Texts = list[str | None]
Points = npt.NDArray[np.float32]


def cellama(task: Task) -> Labelled:
    """Label cells by the reference's cells whose sentences are nearest.

    Parameters
    ----------
    task
        Its parameters are those of :class:`~homodb.query.annotate.cellama.settings.Settings`; phrases that the sides
        hold join the sentences.

    Returns
    -------
    Labelled
        The confidence is the share of votes, the distance the cosine distance to the nearest sentence of the
        reference, which tells how far from it a cell is. A cell that expresses no word is unknown. The table
        ``sentences`` has the sentence of each cell.

    Raises
    ------
    AnnotationError
        If a parameter is none, the sides share no gene, a phrase stands on one side only, there are no coordinates
        for spatial phrases, or the model cannot be had.
    MissingPackageError
        If sentence-transformers is not installed.
    OutputError
        If the folder for a fine-tuned model exists.
    """
    settings = Settings.read(task.parameters)
    check_phrases(task.query, task.reference)
    if settings.spatial:
        check_place(task.query, settings.spatial, which="query")
    task.report("sentences")
    words = _words(task, settings)
    reference = _written(task.reference, words.reference, words, settings)
    query = _written(task.query, words.query, words, settings)
    if not any(reference[cell] is not None for cell in np.flatnonzero(task.reference.label >= 0).tolist()):
        raise AnnotationError(
            f"no labelled cell of the reference expresses any of the {len(words.texts):,} genes that make up sentences"
        )
    task.report("sentence model")
    model = load_model(settings.model, download=settings.download, device=settings.device)
    told: dict[str, Any] = {
        "model": settings.model,
        "top": settings.top,
        "words": len(words.texts),
        "housekeeping_left_out": words.left_out,
        "reference_without_sentence": reference.count(None),
        "query_without_sentence": query.count(None),
    }
    if settings.tune:
        told |= _tuned(task, settings, words, model, reference, query)
    task.report("embedding sentences")
    near, far = _embedded(model, settings, reference, query, told)
    votes = _vote(task, settings, near, far)
    if settings.spatial:
        task.report("embedding sentences with what lies around")
        around = neighbor_phrases(task.query, votes.label, task.labels, settings.spatial, which="query")
        query = with_phrases(query, [around])
        told["spatial"] = "embedding"
        if task.reference.place is not None:
            told["spatial"] = "labels and embedding"
            beside = neighbor_phrases(
                task.reference, task.reference.label, task.labels, settings.spatial, which="reference"
            )
            reference = with_phrases(reference, [beside])
        near, far = _embedded(model, settings, reference, query, told)
        if task.reference.place is not None:
            votes = _vote(task, settings, near, far)
    schema = {"cell": pl.String, "sentence": pl.String}
    table = pl.DataFrame({"cell": task.query.cells, "sentence": query}, schema=schema)
    return Labelled(
        votes.label,
        votes.confidence,
        votes.distance,
        told,
        {"sentences": table},
        reference_embedding=near,
        query_embedding=far,
    )


def _words(task: Task, settings: Settings) -> Words:
    housekeeping = settings.housekeeping
    if housekeeping is None:
        housekeeping = task.query.species == task.reference.species
    return shared_words(task.query, task.reference, task.best, housekeeping=housekeeping)


def _written(side: Side, word_of: npt.NDArray[np.int64], words: Words, settings: Settings) -> Texts:
    ranks = top_words(side.counts, word_of, settings.top)
    return with_phrases(sentences(ranks, words.texts), metadata_phrases(side.phrases))


def _embedded(
    model: SentenceTransformer, settings: Settings, reference: Texts, query: Texts, told: dict[str, Any]
) -> tuple[Points, Points]:
    """Embed both sides' sentences, those that they share once."""
    found = distinct([*reference, *query])
    told["distinct_sentences"] = len(found.sentences)
    told["sentences_cut"] = count_cut(model, found.sentences)
    if told["sentences_cut"]:
        _log.warning(
            "%d of %d distinct sentences are longer than the %d tokens that %s reads: their ends are lost on it; "
            "choose fewer genes (top) or phrases",
            told["sentences_cut"], len(found.sentences), model.max_seq_length, settings.model,
        )  # fmt: skip
    vectors = embed(model, found.sentences, batch=settings.batch)
    # -1, for no sentence, is the last row
    points = np.concatenate([vectors, np.zeros((1, vectors.shape[1]), np.float32)])[found.which]
    return points[: len(reference)], points[len(reference) :]


def _vote(task: Task, settings: Settings, reference: Points, query: Points) -> Votes:
    has = np.flatnonzero(task.reference.label >= 0)
    return vote(
        reference[has],
        task.reference.label[has],
        query,
        len(task.labels),
        k=settings.k,
        weights=settings.weights,
        balanced=settings.balanced,
    )


def _tuned(
    task: Task, settings: Settings, words: Words, model: SentenceTransformer, reference: Texts, query: Texts
) -> dict[str, Any]:
    """Fine-tune the model on the cells of both sides; labels have no part in it."""
    task.report(f"fine-tuning, {settings.tune} steps")
    sides = []
    for side, word_of, texts in (
        (task.reference, words.reference, reference),
        (task.query, words.query, query),
    ):
        if side.n_cells - texts.count(None) > 2:
            profiles = profiles_of(counts_of_words(side.counts, word_of, len(words.texts)), seed=task.seed)
            sides.append(Cells(texts, profiles, metadata_of(side)))
    losses = fine_tune(model, sides, settings.tuned, steps=settings.tune, seed=task.seed)
    return {"tuned_steps": settings.tune, "first_loss": losses[0], "last_loss": losses[-1]}
