"""Cells as sentences: their most expressed genes, and phrases that say more of them.

Source: Park, Kim, Kim et al., Advanced Science 2026 (https://doi.org/10.1002/advs.202513210).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import SpeciesCells
from homodb.schema.errors import AnnotationError


def sentences(ranks: npt.NDArray[np.int64], texts: Sequence[str]) -> list[str | None]:
    """Write the sentences.

    Parameters
    ----------
    ranks
        Words of each cell, the most expressed first, -1 behind its last, shape (cells, k); see
        :func:`~homodb.query.integrate.sentences.top_words`.
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


def check_phrases(query: SpeciesCells, reference: SpeciesCells) -> None:
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


Whole = npt.NDArray[np.int64]

#: Entries of the matrix that are ranked at once: few enough to stay in the processor's cache.
_ENTRIES = 1 << 17
#: Sums of a cell's words that are held at once.
_SUMS = 1 << 20
#: A key holds a value in its upper half and, counted backwards, a word in its lower one.
_LOW = (1 << 32) - 1


def top_words(counts: sp.csr_matrix, word_of: Whole, k: int, *, entries: int = _ENTRIES) -> Whole:
    """Find the `k` most expressed words of each cell.

    Scaling a cell to a total and taking log1p, as the published sentences do, leaves the order of its genes as it is;
    so counts themselves are ranked.

    Parameters
    ----------
    counts
        Cells x genes, no two entries of a cell for one gene. Values of zero and below count as not expressed.
    word_of
        Word of each gene, -1 for genes that are left out, shape (genes,). Counts of genes with one word are added up.
    k
        How many.
    entries
        About so many entries are ranked at once; the result does not depend on it.

    Returns
    -------
    numpy.ndarray
        Shape (cells, k), int64: words by falling counts, of equal counts the lower word first; -1 where a cell has no
        more.

    Examples
    --------
    >>> top_words(sp.csr_matrix([[1.0, 3.0, 3.0, 0.0]]), np.array([0, 2, 1, 3]), 4)
    array([[ 1,  2,  0, -1]])
    """
    n_cells = int(counts.shape[0])
    backwards = np.where(word_of >= 0, _LOW - word_of, 0)
    sharing = _sharing(word_of)
    n_shared = int(sharing.max(initial=-1)) + 1
    found = np.zeros((n_cells, k), np.int64)
    for start, stop in _blocks(counts.indptr, entries, _SUMS // max(1, n_shared)):
        first, last = counts.indptr[start], counts.indptr[stop]
        data, genes = counts.data[first:last], counts.indices[first:last]
        ends = counts.indptr[start : stop + 1] - first
        if n_shared:
            data = _added(data, genes, sharing, ends, n_shared)
        keys = _keys(data, backwards[genes])
        for row, (begin, end) in enumerate(pairwise(ends.tolist()), start):
            mine = keys[begin:end]
            if end - begin > k:
                mine.partition(end - begin - k)
                mine = mine[-k:]
            found[row, : len(mine)] = mine
    found.sort(axis=1)
    found = found[:, ::-1]
    return np.where(found > 0, _LOW - (found & _LOW), -1)


def _blocks(indptr: npt.NDArray[np.integer], entries: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield first row and end of blocks of rows with about so many entries, `most` rows at most; a row is never cut."""
    start, rows = 0, len(indptr) - 1
    while start < rows:
        stop = int(np.searchsorted(indptr, int(indptr[start]) + entries, side="right")) - 1
        stop = min(max(min(stop, start + most), start + 1), rows)
        yield start, stop
        start = stop


def _keys(values: npt.NDArray[np.float64], backwards: Whole) -> Whole:
    """Return one integer per entry that orders a cell's entries by value, then backwards by word; 0 for none.

    The bits of a positive float are ordered as the float is. Values that single precision does not hold exactly are
    replaced by their rank among the block's.
    """
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    if (short == values).all():
        keys = short.view(np.int32).astype(np.int64)
    else:
        keys = np.unique(values, return_inverse=True)[1].reshape(values.shape).astype(np.int64) + 1
    keys <<= 32
    keys |= backwards
    keys[(values <= 0) | (backwards == 0)] = 0
    return keys


def _sharing(word_of: Whole) -> Whole:
    """Give the words that several genes have numbers of their own; -1 for a gene with none, or alone with its word."""
    known = word_of[word_of >= 0]
    several = np.bincount(known) > 1
    number = np.where(several, np.cumsum(several) - 1, -1)
    sharing = np.full(len(word_of), -1, np.int64)
    sharing[word_of >= 0] = number[known]
    return sharing


def _added(
    values: npt.NDArray[np.float64],
    genes: npt.NDArray[np.integer],
    sharing: Whole,
    ends: npt.NDArray[np.integer],
    n_shared: int,
) -> npt.NDArray[np.float64]:
    """Add up what a cell has of genes with one word: one of them gets the sum, the others nothing."""
    places = np.flatnonzero((sharing >= 0)[genes])
    if not len(places):
        return values
    row = np.searchsorted(ends, places, side="right") - 1
    group = row * n_shared + sharing[genes[places]]
    sums = np.bincount(group, values[places], minlength=(len(ends) - 1) * n_shared)
    owner = np.empty(len(sums), np.int64)
    owner[group] = places
    values = values.copy()
    values[places] = 0
    values[owner[group]] = sums[group]
    return values
