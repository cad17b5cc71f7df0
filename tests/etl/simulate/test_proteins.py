"""Proteins change as much as their branches are long, under LG; counted identities are those of the alignment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import chisquare

from homodb.etl.simulate import (
    UNKNOWN,
    Block,
    GeneTrees,
    Kind,
    ProteinPlan,
    Settings,
    amino_acid_frequencies,
    evolve_proteins,
    grow_families,
    plan_proteins,
    rate_matrix,
    species_tree,
)
from homodb.etl.simulate.proteins import _Evolution

FAMILIES, LENGTH = 80, 400


def changed(times: np.ndarray) -> np.ndarray:
    """Return the chances of ending in each residue, times x from x to, by an eigendecomposition."""
    root = np.sqrt(amino_acid_frequencies())
    values, vectors = np.linalg.eigh(root[:, None] * rate_matrix() / root)
    left, right = vectors / root[:, None], vectors * root[:, None]
    return np.einsum("ik,tk,jk->tij", left, np.exp(np.outer(times, values)), right)


def test_the_eigendecomposition_is_the_exponential_of_the_matrix() -> None:
    np.testing.assert_allclose(changed(np.array([0.0, 0.7]))[1], expm(rate_matrix() * 0.7), atol=1e-10)


def pairs_of_genes() -> GeneTrees:
    """Families of two genes that parted at the root."""
    parent, kind = [-1, 0, 1, 1], [Kind.ORIGIN, Kind.SPECIATION, Kind.GENE, Kind.GENE]
    first = 4 * np.repeat(np.arange(FAMILIES), 4)
    above = np.tile(parent, FAMILIES)
    return GeneTrees(
        parent=np.where(above >= 0, above + first, -1),
        family=np.repeat(np.arange(FAMILIES), 4),
        branch=np.tile([0, 0, 1, 2], FAMILIES),
        kind=np.tile(kind, FAMILIES),
        age=np.tile([1.0, 1.0, 0.0, 0.0], FAMILIES),
        role=np.zeros(FAMILIES, np.int8),
        pace=np.ones(FAMILIES),
        burst=np.zeros((3, FAMILIES)),
    )


def evolved(distance: float, settings: Settings) -> tuple[Block, np.ndarray]:
    """Return a block whose genes are so far apart, and the rate of every column."""
    trees = pairs_of_genes()
    change = np.tile([0, 0, distance / 2, distance / 2], FAMILIES)
    drawn = ProteinPlan(np.full(FAMILIES, LENGTH), np.ones(FAMILIES), change)
    run = _Evolution(trees, drawn, settings, np.arange(FAMILIES), np.arange(4 * FAMILIES), settings.stream("test"))
    return run.run(), run.rates


def test_lg_is_reversible_and_scaled() -> None:
    flow = amino_acid_frequencies()[:, None] * rate_matrix()
    np.testing.assert_allclose(flow, flow.T, atol=1e-12)
    np.testing.assert_allclose(rate_matrix().sum(axis=1), 0, atol=1e-12)
    assert -np.diag(flow).sum() == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("distance", [0.05, 0.4, 1.5])
def test_identity_is_what_the_branch_lengths_make_expected(distance: float) -> None:
    block, rates = evolved(distance, Settings(indels=0.0))
    genes = np.arange(FAMILIES) * 4
    same = block.identical(genes + 2, genes + 3)
    chance = np.einsum("i,tii->t", amino_acid_frequencies(), changed(rates * distance))
    variance = (chance * (1 - chance)).sum()
    assert abs(same.sum() - chance.sum()) < 4 * np.sqrt(variance)
    wrong = np.einsum("i,tii->t", amino_acid_frequencies(), changed(rates * distance * 1.2))
    assert abs(same.sum() - wrong.sum()) > 4 * np.sqrt(variance)  # a fifth more change would be seen


def test_replacements_go_where_lg_sends_them() -> None:
    settings = Settings(indels=0.0)
    block, rates = evolved(1.0, settings)
    rows = block.residues.reshape(FAMILIES, 4, LENGTH)
    begin, end = rows[:, 1].ravel(), rows[:, 2].ravel()
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])
    leucine = (begin == 11) & (end != 11) & (rates > 0)
    expected = changed(rates[begin == 11] * 0.5)[:, 10].sum(axis=0)
    expected[10] = 0
    seen = np.bincount(end[leucine], minlength=21)[1:].astype(float)
    common = expected > 5
    assert chisquare(seen[common], expected[common] * seen[common].sum() / expected[common].sum()).pvalue > 1e-3


def test_a_fresh_protein_has_the_frequencies_of_lg() -> None:
    block, _ = evolved(0.0, Settings(indels=0.0))
    first = block.residues.reshape(FAMILIES, 4, LENGTH)[:, 0, 1:]
    seen = np.bincount(first.ravel(), minlength=21)[1:]
    assert chisquare(seen, amino_acid_frequencies() * seen.sum()).pvalue > 1e-4


def test_insertions_and_deletions_come_at_their_rate() -> None:
    settings = Settings(indels=0.1)
    trees = pairs_of_genes()
    drawn = ProteinPlan(np.full(FAMILIES, LENGTH), np.ones(FAMILIES), np.tile([0, 0, 0.5, 0.5], FAMILIES))
    run = _Evolution(trees, drawn, settings, np.arange(FAMILIES), np.arange(4 * FAMILIES), settings.stream("test"))
    open_sites = 2 * 0.5 * int((~run.kept).sum())
    for events in (run.inserted, run.deleted):
        expected = settings.indels / 2 * open_sites
        assert abs(len(events[0]) - expected) < 4 * np.sqrt(expected)
    block = run.run()
    for family in range(FAMILIES):
        kept = run.kept[family * LENGTH : (family + 1) * LENGTH]
        for node in range(4 * family, 4 * family + 4):
            row = block.residues[block.start[node] : block.start[node] + block.width[node]]
            assert np.all(row[:LENGTH][kept] > 0)  # domains have no gap
    sizes = {len(block.sequence(node)) for node in range(4 * FAMILIES)}
    assert len(sizes) > 5


def test_counted_identity_is_that_of_the_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(species=4, genes=60, seed=2, duplication=0.003)
    trees = grow_families(species_tree(4), settings)
    checked = 0
    for block in evolve_proteins(trees, plan_proteins(trees, settings), settings):
        genes = [node for node in block.nodes.tolist() if trees.kind[node] == Kind.GENE]
        for node in genes:
            block.hide(node, 0.1, 0.3)
        rows = {
            node: block.residues[block.start[i] : block.start[i] + block.width[i]].tolist()
            for i, node in enumerate(block.nodes.tolist())
        }
        pairs = [(a, b) for a in genes for b in genes if a < b and trees.family[a] == trees.family[b]][:300]
        found = block.identical(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]))
        assert not len(block.identical(np.empty(0, np.int64), np.empty(0, np.int64)))
        with monkeypatch.context() as patched:
            patched.setattr("homodb.etl.simulate.proteins._BLOCK", 700)
            assert np.array_equal(found, block.identical(*np.array(pairs).T))
        for (a, b), count in zip(pairs, found.tolist(), strict=True):
            assert count == sum(0 < x == y != UNKNOWN for x, y in zip(rows[a], rows[b], strict=True))
            checked += 1
        for node in genes:
            assert sorted(block.sequence(node).tolist()) == sorted(x for x in rows[node] if x)
    assert checked > 100
