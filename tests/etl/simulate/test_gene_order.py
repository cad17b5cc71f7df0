"""Gene order evolves at its rates; GOC is what Ensembl's procedure gives, walked through pair by pair with lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from homodb.etl.simulate import (
    CHROMOSOME,
    Genome,
    Histories,
    Role,
    Settings,
    conserved_order,
    grow_families,
    in_alignment,
    lay_out_genome,
    read_histories,
    species_tree,
)
from homodb.etl.simulate.genome import _jump, _rearrange

Pair = tuple[int, int, int]
Place = tuple[int, int, bool]


def slow_goc(at: int, pairs: list[Pair], places: tuple[dict[int, Place], dict[int, Place]], way: int) -> int:
    """Score one pair in the order of one genome.

    ``pairs`` are (gene, gene, group); ``places`` chromosome, position and strand of the genes of either species.
    """
    here, there = places[way], places[1 - way]
    walk = sorted(range(len(pairs)), key=lambda row: (*here[pairs[row][way]][:2], row))
    centre = walk.index(at)
    window: dict[int, Pair] = {}
    for step in range(-2, 3):
        if 0 <= centre + step < len(walk):
            pair = pairs[walk[centre + step]]
            if here[pair[way]][0] == here[pairs[at][way]][0]:
                window[step] = pair
    of_group: dict[int, int] = {}
    for pair in pairs:
        of_group.setdefault(pair[1 - way], pair[2])
    own = pairs[at][1 - way]
    groups = {pair[2] for pair in window.values()}
    kept = {pair[1 - way] for pair in window.values()}
    seen = [
        gene
        for gene in sorted(of_group, key=lambda gene: there[gene][:2])
        if there[gene][0] == there[own][0] and (gene in kept or of_group[gene] not in groups)
    ]
    if here[pairs[at][way]][2] != there[own][2]:
        seen.reverse()
    score = 0
    for side in (-1, 1):
        found = False
        for far in (1, 2):
            reach = (2, 3) if far == 2 and found else (1, 2)
            pair = window.get(side * far)
            steps = [seen.index(own) + side * step for step in reach]
            hit = pair is not None and any(0 <= to < len(seen) and seen[to] == pair[1 - way] for to in steps)
            found = hit if far == 1 else found
            score += 25 * hit
    return score


@st.composite
def genomes(draw: st.DrawFn) -> tuple[list[Pair], tuple[dict[int, Place], dict[int, Place]]]:
    """Two small genomes with ortholog groups of any shape, and a few false pairs between groups."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = draw(st.lists(st.sampled_from([(1, 1)] * 6 + [(1, 2), (2, 1), (2, 3), (4, 4)]), min_size=1, max_size=25))
    pairs: list[Pair] = []
    sizes = [0, 0]
    for group, (left, right) in enumerate(shapes):
        pairs += [(sizes[0] + i, sizes[1] + j, group) for i in range(left) for j in range(right)]
        sizes = [sizes[0] + left, sizes[1] + right]
    true = {pair[:2] for pair in pairs}
    for extra in range(draw(st.integers(0, 3))):
        a, b = int(rng.integers(sizes[0])), int(rng.integers(sizes[1]))
        if (a, b) not in true:
            true.add((a, b))
            pairs.append((a, b, len(shapes) + extra))
    places = []
    for size in sizes:
        order = np.arange(size)
        turned = np.zeros(size, bool)
        _rearrange(order, turned, int(rng.integers(0, 4)), rng)
        _jump(order, turned, int(rng.integers(0, 3)), rng)
        cut = int(rng.integers(0, size + 1))
        places.append(
            {int(gene): (int(spot >= cut), spot, bool(turned[gene])) for spot, gene in enumerate(order.tolist())}
        )
    kept = [pair for pair in pairs if rng.random() > 0.1]
    return kept, (places[0], places[1])


@given(genomes())
@hypothesis_settings(max_examples=150, deadline=None)
def test_conserved_order_is_what_a_walk_pair_by_pair_gives(
    made: tuple[list[Pair], tuple[dict[int, Place], dict[int, Place]]],
) -> None:
    pairs, places = made
    first = len(places[0])
    species = np.repeat([0, 1], [first, len(places[1])])
    spots = [places[0][gene] for gene in range(first)] + [places[1][gene] for gene in range(len(places[1]))]
    rank = np.array([chromosome * CHROMOSOME + spot for chromosome, spot, _ in spots])
    strand = np.array([-1 if turned else 1 for *_, turned in spots])
    a = np.array([pair[0] for pair in pairs], np.int64)
    b = np.array([first + pair[1] for pair in pairs], np.int64)
    group = np.array([pair[2] for pair in pairs], np.int64)
    scores = conserved_order(a, b, group, Histories(*[species] * 6, {}, {}), Genome(rank, rank, rank, strand, rank))
    expected = [max(slow_goc(row, pairs, places, way) for way in (0, 1)) for row in range(len(pairs))]
    assert scores.tolist() == expected


def simple(order: list[int], turned: list[int] | None = None) -> list[int]:
    """Score one-to-one pairs on one chromosome, where the second species has the genes in this order."""
    genes = len(order)
    species = np.repeat([0, 1], genes)
    rank = np.concatenate([np.arange(genes), np.argsort(order)])
    strand = np.ones(2 * genes, np.int64)
    strand[[genes + gene for gene in turned or []]] = -1
    genome = Genome(rank, rank, rank, strand, rank)
    a, b = np.arange(genes), genes + np.arange(genes)
    return conserved_order(a, b, a, Histories(*[species] * 6, {}, {}), genome).tolist()


def test_conserved_order_of_known_cases() -> None:
    assert simple(list(range(7))) == [50, 75, 100, 100, 100, 75, 50]
    # a turned segment keeps its order within
    turned = simple([0, 1, 2, 3, 4, 9, 8, 7, 6, 5, 10, 11, 12, 13, 14], [5, 6, 7, 8, 9])
    assert turned == [50, 75, 100, 75, 50, 50, 75, 100, 75, 50, 50, 75, 100, 75, 50]
    # a gene that jumps in between is no break for its neighbours, and has no order of its own
    jumped = simple([0, 1, 2, 3, 4, 5, 14, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20])
    assert jumped[14] == 0 and jumped[2:6] == [100] * 4 and jumped[6:12] == [100] * 6


def test_tandem_copies_do_not_break_the_order() -> None:
    """One gene has five tandem copies in the second species: its neighbours see one."""
    species = np.repeat([0, 1], [7, 11])
    rank = np.concatenate([np.arange(7), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]])
    partner = [0, 1, 2, 3, 3, 3, 3, 3, 4, 5, 6]
    a, b = np.array(partner), 7 + np.arange(11)
    order = np.lexsort((b, a))
    genome = Genome(rank, rank, rank, np.ones(18, np.int64), rank)
    scores = conserved_order(a[order], b[order], a[order], Histories(*[species] * 6, {}, {}), genome)
    assert scores[2] == 100 and scores[8] == 100


@pytest.mark.parametrize("events", [0, 3, 40])
def test_moves_lose_no_gene_and_turn_what_is_turned(events: int) -> None:
    rng = np.random.default_rng(events)
    order, turned = np.arange(200), np.zeros(200, bool)
    _jump(order, turned, events, rng)
    _rearrange(order, turned, events, rng)
    assert sorted(order.tolist()) == list(range(200))
    assert (order.tolist() == list(range(200))) is (events == 0)
    assert turned.any() == (events > 0)


def test_near_species_keep_more_of_their_order() -> None:
    settings = Settings(species=8, genes=1_000, seed=2)
    tree = species_tree(8)
    trees = grow_families(tree, settings)
    histories = read_histories(trees, tree)
    genome = lay_out_genome(trees, tree, histories, settings)
    coding = trees.role[histories.family[histories.orthologs["a"]]] == Role.CODING
    a, b = histories.orthologs["a"][coding], histories.orthologs["b"][coding]
    goc = conserved_order(a, b, histories.orthologs["group"][coding], histories, genome)
    place = {one.name: index for index, one in enumerate(tree.species)}
    means = []
    for other in ("pan_troglodytes", "mus_musculus", "danio_rerio"):
        pair = (histories.species[a] == place["homo_sapiens"]) & (histories.species[b] == place[other])
        means.append(goc[pair].mean())
    assert means[0] > 90 and means[0] > means[1] > means[2]


def test_an_alignment_has_one_best_place_for_every_gene() -> None:
    """Of two copies the nearer one is aligned as often as a gene that is alone, the other seldom."""
    count = 4_000
    species = np.repeat([0, 1, 1], count)
    a = np.concatenate([np.arange(count)] * 2)
    b = count + np.arange(2 * count)
    identity = np.repeat([80.0, 60.0], count)
    goc = np.zeros(2 * count)
    goc[: count // 2] = 50
    histories = Histories(*[species] * 6, {}, {})
    aligned = in_alignment(a, b, identity, goc, histories, np.random.default_rng(1))
    shares = aligned[: count // 2].mean(), aligned[count // 2 : count].mean(), aligned[count:].mean()
    for share, chance in zip(shares, (0.97, 0.55, 0.08), strict=True):
        assert abs(share - chance) < 4 * np.sqrt(chance * (1 - chance) / (count // 2))
