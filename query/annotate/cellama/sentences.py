"""Cells as sentences: their most expressed genes, and phrases that say more of them.

Source: Park, Kim, Kim et al., Advanced Science 2026 (https://doi.org/10.1002/advs.202513210).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.task import Side
from homodb.schema.errors import AnnotationError


def sentences(ranks: npt.NDArray[np.int64], texts: Sequence[str]) -> list[str | None]:
    """Write the sentences.

    Parameters
    ----------
    ranks
        Words of each cell, the most expressed first, -1 behind its last, shape (cells, k); see
        :func:`~homodb.query.annotate.cellama.ranks.top_words`.
    texts
        What each word is.

    Returns
    -------
    list
        A sentence per cell; None for a cell that expresses no word.

    Examples
    --------
    >>> sentences(np.array([[1, 0], [1, -1], [-1, -1]]), ["INS", "GCG"])
    ['Top genes are GCG, INS.', 'Top genes are GCG.', None]
    """
    lengths = (ranks >= 0).sum(axis=1).tolist()
    word = texts.__getitem__
    return [
        f"Top genes are {', '.join(map(word, row[:length]))}." if length else None
        for row, length in zip(ranks.tolist(), lengths, strict=True)
    ]


def with_phrases(sentences: Sequence[str | None], phrases: Sequence[Sequence[str | None]]) -> list[str | None]:
    """Put phrases behind sentences.

    Parameters
    ----------
    sentences
        One per cell, None for a cell that has none and gets none.
    phrases
        Each a text per cell, or None where it is left out.

    Examples
    --------
    >>> with_phrases(["Top genes are GCG."], [["tissue of this cell is pancreas."], [None]])
    ['Top genes are GCG. tissue of this cell is pancreas.']
    """
    rows = zip(sentences, *phrases, strict=True)
    return [None if first is None else " ".join([first, *filter(None, more)]) for first, *more in rows]


def metadata_phrases(columns: Mapping[str, Sequence[str | None]]) -> list[list[str | None]]:
    """Write what columns of obs say of each cell; a missing value leaves its phrase out.

    Examples
    --------
    >>> metadata_phrases({"tissue": ["pancreas", None]})
    [['tissue of this cell is pancreas.', None]]
    """
    return [
        [None if text is None else f"{name} of this cell is {text}." for text in texts]
        for name, texts in columns.items()
    ]


def check_phrases(query: Side, reference: Side) -> None:
    """Make sure that both sides can say the same of their cells.

    Raises
    ------
    AnnotationError
        If one side has a column that the other lacks, or has no value of it in any cell.
    """
    for name in sorted({*query.phrases, *reference.phrases}):
        for side, which in ((query, "query"), (reference, "reference")):
            if not any(text is not None for text in side.phrases.get(name, ())):
                raise AnnotationError(
                    f"no cell of the {which} has a value of {name!r}: a phrase that only one side says sets the two "
                    "apart; leave it out, or fill the column in"
                )
