"""Greedy one-to-one matching, against a slow and obvious one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.schema.one_to_one import greedy
from tests import messages

gene = st.one_of(st.integers(0, 6), st.sampled_from([-1, 2**24, 2**24 + 1, 2**40]))
candidates = st.lists(st.tuples(gene, gene), max_size=60)


def slow(pairs: list[tuple[int, int]]) -> list[bool]:
    taken: list[tuple[int, int]] = []
    answer = []
    for a, b in pairs:
        free = all(a != other_a and b != other_b for other_a, other_b in taken)
        answer.append(free)
        if free:
            taken.append((a, b))
    return answer


def matched(pairs: list[tuple[int, int]]) -> list[bool]:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    return [bool(value) for value in greedy(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64))]


@given(candidates)
def test_like_the_slow_one(pairs: list[tuple[int, int]]) -> None:
    assert matched(pairs) == slow(pairs)


@given(candidates)
def test_one_to_one_and_nothing_can_be_added(pairs: list[tuple[int, int]]) -> None:
    answer = matched(pairs)
    taken = [pair for pair, is_taken in zip(pairs, answer, strict=True) if is_taken]
    firsts, seconds = {a for a, _ in taken}, {b for _, b in taken}
    assert len(firsts) == len(seconds) == len(taken)
    assert all(a in firsts or b in seconds for a, b in pairs)


@given(st.integers(1, 50))
def test_one_gene_on_a_side_gives_one_pair(count: int) -> None:
    constant, others = [7] * count, list(range(count))
    for answer in (greedy(constant, others), greedy(others, constant)):
        assert answer.tolist() == [True] + [False] * (count - 1)


def test_nothing_gives_nothing() -> None:
    for answer in (greedy([], []), greedy(np.array([], dtype=np.int64), np.array([], dtype=np.int64))):
        assert answer.shape == (0,)
        assert answer.dtype == np.bool_


def test_the_two_sides_share_no_numbers() -> None:
    """Gene 3 of one species is not gene 3 of the other."""
    assert greedy([1, 3, 2], [3, 1, 2]).tolist() == [True, True, True]


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=messages.Matching.zip):
        greedy([1, 2], [1])
