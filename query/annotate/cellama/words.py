"""The one vocabulary of both sides: genes that both measure, named by the reference's symbols."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.annotate.task import Links, Side
from homodb.schema.errors import AnnotationError


@dataclass(frozen=True)
class Words:
    """What genes are called in sentences.

    Parameters
    ----------
    texts
        The words, ordered by symbol, then by gene key: the order in which genes of equal counts stand in a sentence.
    query, reference
        Word of each gene of either side, -1 for genes that are left out, shape (genes,), int64.
    left_out
        How many genes that both sides measure are left out as ribosomal or mitochondrial.
    """

    texts: tuple[str, ...]
    query: npt.NDArray[np.int64]
    reference: npt.NDArray[np.int64]
    left_out: int


def shared_words(query: Side, reference: Side, best: Links, *, housekeeping: bool) -> Words:
    """Name the genes that both sides measure: a query gene has the symbol of its best partner in the reference.

    Parameters
    ----------
    query, reference
        The two sides.
    best
        Which reference gene each query gene goes to; several may go to one.
    housekeeping
        Whether ribosomal and mitochondrial genes (on either side of a pair) are words too.

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
