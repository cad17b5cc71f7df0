"""Method ``cellama``: cells of a joint object as sentences of their strongest features, by a language model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.prepare import Prepared
from homodb.query.integrate.principal import leading_directions
from homodb.query.integrate.settings import Settings
from homodb.schema.errors import AnnotationError, IntegrationError

#: Features of a sentence, as in ``homodb annotate --method cellama``.
_TOP = 20


def embedded_sentences(prepared: Prepared, settings: Settings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Embed the sentences of cells; features that ``homodb join`` marks as ribosomal or mitochondrial are no words.

    Returns
    -------
    tuple
        Shape (cells, at most `n_components`), turned so that most of the spread comes first; a row of zeros for a
        cell without counts. And what was read.

    Raises
    ------
    IntegrationError
        If the model cannot be had.
    MissingPackageError
        If sentence-transformers is not installed.
    """
    from homodb.query.annotate.cellama.embed import distinct, embed
    from homodb.query.annotate.cellama.models import load_model
    from homodb.query.annotate.cellama.ranks import top_words
    from homodb.query.annotate.cellama.sentences import sentences

    joint = prepared.joint
    word_of = np.where(joint.housekeeping, -1, np.arange(len(joint.features))).astype(np.int64)
    texts = sentences(top_words(joint.counts, word_of, _TOP), joint.features)
    try:
        model = load_model(settings.model)
    except AnnotationError as error:
        raise IntegrationError(str(error)) from error
    found = distinct(texts)
    vectors = embed(model, found.sentences).astype(np.float64)
    points = np.concatenate([vectors, np.zeros((1, vectors.shape[1]))])[found.which]
    told = {"model": settings.model, "distinct_sentences": len(found.sentences), "words": int((word_of >= 0).sum())}
    return leading_directions(points, settings.n_components), told
