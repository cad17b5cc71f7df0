"""Sentences are what a naive reading of the paper gives, with ties in the documented order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from homodb.query.annotate import OrthologyLinks
from homodb.query.annotate.cellama import counts_of_words, shared_words
from homodb.query.integrate import check_phrases, metadata_phrases, sentences, top_words, with_phrases
from homodb.schema.errors import AnnotationError
from tests import messages

GENES = 7
#: Symbols that are in no order, two of them the same.
SYMBOLS = ("Zic1", "ALB", "Ins2", "INS", "ALB", "Gcg", "B2M")


def _naive(counts: np.ndarray, word_of: np.ndarray, k: int) -> list[list[int]]:
    """Normalise, take logarithms, sort each cell's words by value, then by number: one cell at a time."""
    told = []
    for row in counts:
        values = dict.fromkeys([int(word) for word in word_of if word >= 0], 0.0)
        for gene, count in enumerate(row):
            if word_of[gene] >= 0:
                values[int(word_of[gene])] += count
        total = sum(values.values())
        logs = {word: np.log1p(1e4 * value / total) for word, value in values.items() if value > 0}
        told.append(sorted(logs, key=lambda word: (-logs[word], word))[:k])
    return told


def _rows(ranks: np.ndarray) -> list[list[int]]:
    return [[word for word in row if word >= 0] for row in ranks.tolist()]


COUNTS = st.integers(0, 12).flatmap(
    lambda cells: arrays(np.float64, (cells, GENES), elements=st.sampled_from([0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 900.0]))
)


@given(COUNTS, st.permutations([0, 1, 2, 3, -1, 3, 0]), st.integers(1, 9), st.integers(1, 40))
@settings(max_examples=60)
def test_ranks_are_the_naive_ones_whatever_the_blocks(
    counts: np.ndarray, words: list[int], k: int, entries: int
) -> None:
    word_of = np.array(words, np.int64)
    matrix = sp.csr_matrix(counts)
    found = top_words(matrix, word_of, k)
    assert found.shape == (len(counts), k)
    assert _rows(found) == _naive(counts, word_of, k)
    # words stand first, nothing behind them
    assert all(row == sorted(row, key=lambda word: word < 0) for row in found.tolist())
    np.testing.assert_array_equal(found, top_words(matrix, word_of, k, entries=entries))
    streamed = [top_words(sp.csr_matrix(matrix[n]), word_of, k) for n in range(len(counts))]
    np.testing.assert_array_equal(found, np.concatenate(streamed) if streamed else found)


@given(
    st.lists(st.sampled_from([0.1, 1 / 3, 2**24 + 1.0, 2.0**24, 1e300, 1e-300, 0.0]), min_size=GENES, max_size=GENES)
)
@settings(max_examples=40)
def test_values_that_single_precision_cannot_hold_are_ranked_too(row: list[float]) -> None:
    found = _rows(top_words(sp.csr_matrix([row]), np.arange(GENES), 4))[0]
    assert found == sorted((n for n in range(GENES) if row[n] > 0), key=lambda n: (-row[n], n))[:4]


def test_entries_in_any_order_and_stored_zeros_change_nothing() -> None:
    whole = sp.csr_matrix([[1.0, 3.0, 3.0, 0.0, 2.0]])
    messy = sp.csr_matrix((np.array([2.0, 0.0, 3.0, 1.0, 3.0]), np.array([4, 3, 2, 0, 1]), np.array([0, 5])), (1, 5))
    data = messy.data.copy()
    np.testing.assert_array_equal(top_words(messy, np.arange(5), 5), top_words(whole, np.arange(5), 5))
    np.testing.assert_array_equal(messy.data, data)


def test_words_are_the_references_symbols_by_symbol_then_key(make_side: Any) -> None:
    reference = make_side(np.ones((1, GENES)), SYMBOLS, "human")
    query = make_side(np.ones((1, 4)), ["Alb", "Ins1", "Ins2", "Rpl3"], "mouse")
    # both mouse insulins go to human INS; the ribosomal mouse gene to B2M, which so is left out
    best = OrthologyLinks(np.arange(4), np.array([4, 3, 3, 6]), np.ones(4), ("both",) * 4, "ENS_M2M")
    words = shared_words(query, reference, best, housekeeping=False)
    assert words.texts == ("ALB", "INS")
    assert words.query.tolist() == [0, 1, 1, -1]
    assert words.reference.tolist() == [-1, -1, -1, 1, 0, -1, -1]
    assert words.left_out == 1
    kept = shared_words(query, reference, best, housekeeping=True)
    assert (kept.texts, kept.left_out) == (("ALB", "B2M", "INS"), 0)
    assert counts_of_words(query.counts, words.query, 2).toarray().tolist() == [[1.0, 2.0]]
    same = OrthologyLinks(np.arange(2), np.array([4, 1]), np.ones(2), ("both",) * 2, "ENS_M2M")
    assert shared_words(query, reference, same, housekeeping=False).query.tolist()[:2] == [1, 0]


def test_no_gene_left_is_said(make_side: Any) -> None:
    side = make_side([[1.0, 1.0]], ["RPL3", "MT-ND1"], "human")
    best = OrthologyLinks(np.arange(2), np.arange(2), np.ones(2), ("", ""), "same species")
    with pytest.raises(AnnotationError, match=messages.Cellama.genes_are_measured_on_both):
        shared_words(side, side, best, housekeeping=False)


def test_a_missing_value_leaves_its_phrase_out() -> None:
    texts = sentences(np.array([[0, 1], [1, -1], [-1, -1]]), ["INS", "GCG"])
    phrases = metadata_phrases({"tissue": ["pancreas", None, "liver"], "state": ["healthy", "ill", None]})
    assert with_phrases(texts, phrases) == [
        "Top genes are INS, GCG. tissue of this cell is pancreas. state of this cell is healthy.",
        "Top genes are GCG. state of this cell is ill.",
        None,
    ]


def test_a_phrase_on_one_side_only_is_refused(make_side: Any) -> None:
    one = make_side([[1.0]], ["INS"], "human", phrases={"tissue": ("pancreas",)})
    for other in ({}, {"tissue": (None,)}):
        with pytest.raises(AnnotationError, match=messages.Cellama.no_cell_query_has_value):
            check_phrases(make_side([[1.0]], ["Ins2"], "mouse", phrases=other), one)
    check_phrases(one, one)
