"""Errors of calling happen at their rates, are what they are called, and the scores follow from gene order."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from homodb.etl.simulate import (
    FALSE_PAIR,
    MISSED,
    RETYPED,
    SPLIT,
    WRONG_TYPE,
    Calls,
    GeneTrees,
    Histories,
    Role,
    Settings,
    call_orthologs,
    grow_families,
    is_confident,
    read_histories,
    species_tree,
)

SETTINGS = Settings(
    species=4, genes=1_500, seed=4, duplication=0.001, missed=0.1, split=0.4, wrong_type=0.05, false_pairs=0.03
)
Clade = tuple[GeneTrees, Histories, Calls]


@pytest.fixture(scope="module")
def clade() -> Clade:
    tree = species_tree(4)
    trees = grow_families(tree, SETTINGS)
    histories = read_histories(trees, tree)
    return trees, histories, call_orthologs(trees, histories, SETTINGS)


def near(seen: int, trials: int, chance: float) -> bool:
    return abs(seen - trials * chance) < 4 * np.sqrt(trials * chance * (1 - chance))


def test_errors_happen_at_their_rates(clade: Clade) -> None:
    trees, histories, calls = clade
    coding = np.isin(trees.role[histories.family[calls.a]], [Role.CODING, Role.RIBOSOMAL]) & (calls.true_type >= 0)
    errors = Counter(calls.error.tolist())
    left = int(coding.sum()) - errors[SPLIT]
    assert near(errors[MISSED], left, SETTINGS.missed)
    assert not near(errors[MISSED], left, SETTINGS.missed * 1.3)
    assert near(errors[WRONG_TYPE], left - errors[MISSED], SETTINGS.wrong_type)
    assert errors[FALSE_PAIR] == round(SETTINGS.false_pairs * int((calls.true_type >= 0).sum()))
    true = calls.true_type >= 0
    group = histories.orthologs["group"]
    several = np.unique(group[(calls.true_type[true] > 0) & coding[true]])
    torn = np.unique(group[calls.error[true] == SPLIT])
    assert set(torn) <= set(several)
    # a group of one and two genes is torn like any other: every torn group has lost a pair
    assert near(len(torn), len(several), SETTINGS.split)


def test_errors_are_what_they_are_called(clade: Clade) -> None:
    _, histories, calls = clade
    lost = np.isin(calls.error, [MISSED, SPLIT])
    assert np.all(calls.called_type[lost] == -1) and np.all(calls.called_type[~lost] >= 0)
    assert np.all(calls.called_type[calls.error == WRONG_TYPE] > 0)
    false = calls.error == FALSE_PAIR
    assert np.all(calls.true_type[false] == -1)
    pairs = set(zip(histories.orthologs["a"].tolist(), histories.orthologs["b"].tolist(), strict=True))
    assert not pairs & set(zip(calls.a[false].tolist(), calls.b[false].tolist(), strict=True))
    assert np.all(histories.family[calls.a] == histories.family[calls.b])
    assert np.all(histories.species[calls.a] < histories.species[calls.b])


def test_no_gene_has_two_one_to_one_orthologs_in_a_species(clade: Clade) -> None:
    _, histories, calls = clade
    one = calls.called_type == 0
    for gene, other in ((calls.a, calls.b), (calls.b, calls.a)):
        assert max(Counter(zip(gene[one], histories.species[other[one]], strict=True)).values()) == 1


def test_types_of_what_is_left_of_a_torn_group_follow_its_parts(clade: Clade) -> None:
    _, histories, calls = clade
    right = np.isin(calls.error, [0, RETYPED])
    true = calls.true_type >= 0
    group = histories.orthologs["group"]
    torn = set(group[calls.error[true] == SPLIT].tolist())
    whole = ~np.isin(group, list(torn))
    called = calls.called_type[true]
    there = right[true] & (called >= 0)
    assert np.array_equal(called[there & whole], calls.true_type[true][there & whole])
    retyped = calls.error[true] == RETYPED
    assert np.array_equal(retyped[there], (called != calls.true_type[true])[there]) and retyped.any()
    assert np.all(called[retyped] < calls.true_type[true][retyped])


def test_without_errors_the_truth_is_called() -> None:
    tree = species_tree(3)
    no_errors = {"missed": 0.0, "split": 0.0, "wrong_type": 0.0, "false_pairs": 0.0}
    settings = SETTINGS.model_copy(update={"species": 3, "genes": 100} | no_errors)
    trees = grow_families(tree, settings)
    calls = call_orthologs(trees, read_histories(trees, tree), settings)
    assert np.array_equal(calls.true_type, calls.called_type) and not calls.error.any()


def test_confidence_needs_identity_and_conserved_order() -> None:
    divergence = np.array([87.0, 87, 87, 6, 6, 420, 430])
    identity = np.array([60.0, 40, 60, 79, 81, 30, 30])
    goc = np.array([75, 100, 50, 100, 100, -1, -1])
    wga = np.array([0.0, 100, 70, 100, 100, -1, -1])
    assert is_confident(divergence, identity, goc, wga).tolist() == [True, False, False, False, True, True, True]
    assert not is_confident(np.array([87.0]), np.array([np.nan]), np.array([100]), np.array([100.0]))[0]
