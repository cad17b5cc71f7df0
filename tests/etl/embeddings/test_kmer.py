"""The k-mer profile against a naive one with dictionaries, and on real proteins with curated orthogroups."""

from __future__ import annotations

import gzip
import hashlib
import math
import random
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.embeddings import Identity, Kmer, Long, Model, worker
from homodb.schema.vectors import normalised

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
#: The 15 classes of Murphy et al. 2000, in the order of the paper.
CLASSES = ("LVIM", "C", "A", "G", "S", "T", "P", "FY", "W", "E", "D", "N", "Q", "KR", "H")
MURPHY = {residue: number for number, group in enumerate(CLASSES) for residue in group}
MURPHY |= {"J": MURPHY["L"], "U": MURPHY["C"], "O": MURPHY["K"]}
DIMENSIONS = 2048

REAL = st.text(AMINO_ACIDS, max_size=60)
ANY = st.text(AMINO_ACIDS + "XBZJUO*", max_size=60) | st.text(max_size=12)


def split_mix(steps: int) -> int:
    """The output of SplitMix64 after so many steps from seed 0, in Python's own integers."""
    mask = (1 << 64) - 1
    state = steps * 0x9E3779B97F4A7C15 & mask
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
    state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
    return state ^ state >> 31


def naive(sequence: str) -> npt.NDArray[np.float32]:
    counts: Counter[int] = Counter()
    for start in range(len(sequence) - 3):
        word = [MURPHY.get(letter) for letter in sequence[start : start + 4]]
        if None not in word:
            number = sum(residue * 15 ** (3 - place) for place, residue in enumerate(word) if residue is not None)
            counts[split_mix(number + 1) >> 53] += 1
    vector = np.zeros(DIMENSIONS, np.float32)
    for bin_, count in counts.items():
        vector[bin_] = math.sqrt(count / counts.total())
    return vector


def random_protein(length: int, seed: int) -> str:
    return "".join(AMINO_ACIDS[split_mix(seed * 1_000_000 + place) % 20] for place in range(length))


def test_split_mix_is_the_published_one() -> None:
    # the first outputs for seed 0 of the reference implementation, https://prng.di.unimi.it/splitmix64.c
    assert [split_mix(step) for step in (1, 2, 3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_identity() -> None:
    model: Model = Kmer()
    assert model.identity == Identity("kmer", None, Long.WHOLE, "float32", None, DIMENSIONS)
    assert Kmer() == Kmer() and hash(Kmer()) == hash(Kmer())


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(REAL | ANY, max_size=8))
def test_equals_the_naive_profile_to_the_byte(sequences: list[str]) -> None:
    vectors = Kmer().embed(sequences)
    assert vectors.shape == (len(sequences), DIMENSIONS) and vectors.dtype == np.float32
    for vector, sequence in zip(vectors, sequences, strict=True):
        assert vector.tobytes() == naive(sequence).tobytes()


@settings(deadline=None, max_examples=40)
@given(st.lists(ANY, min_size=1, max_size=12), st.integers(1, 5), st.integers(1, 90), st.randoms(use_true_random=False))
def test_neither_batch_nor_order_nor_blocks_change_a_byte(
    sequences: list[str], proteins: int, residues: int, shuffler: random.Random
) -> None:
    whole = Kmer().embed(sequences)
    order = list(range(len(sequences)))
    shuffler.shuffle(order)
    assert Kmer().embed([sequences[place] for place in order]).tobytes() == whole[order].tobytes()
    assert np.concatenate([Kmer().embed([one]) for one in sequences]).tobytes() == whole.tobytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "_PROTEINS", proteins)
        patch.setattr(worker, "_RESIDUES", residues)
        assert Kmer().embed(sequences).tobytes() == whole.tobytes()


def test_the_same_bytes_on_any_machine() -> None:
    vectors = Kmer().embed([random_protein(length, length) for length in (4, 5, 30, 450, 5000)])
    assert hashlib.sha256(vectors.astype("<f4").tobytes()).hexdigest() == (
        "16fe6300e253cd249ae4d4f3fd65910e62a045ea9587d4f4aa8d8226048da4e4"
    )


@settings(deadline=None, max_examples=40)
@given(REAL, REAL, st.sampled_from("XBZ*-"))
def test_words_with_unknown_residues_are_left_out(left: str, right: str, unknown: str) -> None:
    vectors = Kmer().embed([left + unknown + right, left, right]).astype(np.float64)
    words = [max(len(side) - 3, 0) for side in (left, right)]
    # squares are shares of words: those of the whole are those of its parts, weighed by their words
    parts = (words[0] * vectors[1] ** 2 + words[1] * vectors[2] ** 2) / max(sum(words), 1)
    np.testing.assert_allclose(vectors[0] ** 2, parts, atol=1e-6)


def test_rare_residues_count_as_what_they_are_like() -> None:
    vectors = Kmer().embed(["MKUVLAJGO", "MKCVLALGK", "IRCMMAVGR"])
    assert (vectors[0] == vectors[1]).all() and (vectors[0] == vectors[2]).all() and vectors[0].any()


@pytest.mark.parametrize("nothing", ["", "M", "MKV", "X" * 500, "MKVXMKVXMKV", "mkvlaagi"])
def test_nothing_to_say_is_the_zero_vector(nothing: str) -> None:
    vectors = Kmer().embed(["MKVLAAGIVG", nothing, "MKVLAAGIVG"])
    assert not vectors[1].any() and (vectors[0] == vectors[2]).all() and vectors[0].any()
    # kernels add up the 2,048 products in orders of their own, which float32 would show
    unit = normalised(vectors).astype(np.float64)
    assert np.isfinite(unit).all()
    assert (unit @ unit[1] == 0).all() and unit[0] @ unit[2] == pytest.approx(1, abs=DIMENSIONS * 2**-24)


@settings(deadline=None, max_examples=30)
@given(st.text(AMINO_ACIDS, min_size=4, max_size=80))
def test_vectors_have_unit_length_and_copies_change_little(sequence: str) -> None:
    once, twice = Kmer().embed([sequence, sequence + "X" + sequence])
    assert np.linalg.norm(once.astype(np.float64)) == pytest.approx(1, abs=1e-6)
    assert (once >= 0).all() and once.tobytes() == twice.tobytes()


def test_no_proteins() -> None:
    assert Kmer().embed([]).shape == (0, DIMENSIONS)


def test_a_protein_as_long_as_titin_needs_little_memory() -> None:
    titin = random_protein(34_350, 1)
    sequences = [random_protein(450, seed) for seed in range(2, 60)] + [titin]
    Kmer().embed(["MKVL"])
    tracemalloc.start()
    vectors = Kmer().embed(sequences)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
    assert vectors[-1].tobytes() == naive(titin).tobytes()


# --- real proteins ---------------------------------------------------------------------------------------------------


def proteins_of(path: Path) -> dict[str, str]:
    """Proteins without a stop inside, by ID, in its order (records of two lines)."""
    with gzip.open(path, "rt") as file:
        lines = file.read().split()
    found = {header[1:]: sequence.rstrip("*") for header, sequence in zip(lines[::2], lines[1::2], strict=True)}
    assert all(header.startswith(">") for header in lines[::2])
    return {name: found[name] for name in sorted(found) if "*" not in found[name]}


def composition(sequences: list[str]) -> npt.NDArray[np.float32]:
    return np.array([[one.count(residue) / len(one) for residue in AMINO_ACIDS] for one in sequences], np.float32)


def shuffle(proteins: dict[str, str], seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    letters = (np.frombuffer(text.encode(), np.uint8) for text in proteins.values())
    return [generator.permutation(one).tobytes().decode() for one in letters]


def precision_and_recall(
    first: tuple[list[str], npt.NDArray[np.float32]],
    second: tuple[list[str], npt.NDArray[np.float32]],
    group: dict[str, str],
) -> tuple[float, float, int]:
    """Precision of mutual best hits, recall of groups, and right pairs."""
    one, other = (normalised(vectors).astype(np.float64) for _, vectors in (first, second))
    correlations = np.round(one @ other.T, 6)
    best = {first[0][i]: second[0][j] for i, j in enumerate(correlations.argmax(axis=1))}
    back = {second[0][j]: first[0][i] for j, i in enumerate(correlations.argmax(axis=0))}
    counted = right = 0
    found = set()
    for a, b in best.items():
        if back[b] == a and (a in group or b in group):
            counted += 1
            if group.get(a) == group.get(b):
                right += 1
                found.add(group[a])
    shared = {group[a] for a in first[0] if a in group} & {group[b] for b in second[0] if b in group}
    return right / counted, len(found & shared) / len(shared), right


@pytest.mark.shared
def test_finds_curated_orthogroups_where_controls_do_not(shared_data: Path) -> None:
    folder = shared_data / "orthobench"
    table = pl.read_csv(folder / "reference_orthogroups.tsv", separator="\t")
    group = dict(zip(table["protein"].to_list(), table["orthogroup"].to_list(), strict=True))
    proteins = {name: proteins_of(folder / f"{name}.fa.gz") for name in ("human", "mouse", "zebrafish")}
    embeddings = {
        "k-mer": {name: Kmer().embed(list(one.values())) for name, one in proteins.items()},
        "composition": {name: composition(list(one.values())) for name, one in proteins.items()},
        "shuffled": {name: Kmer().embed(shuffle(one, seed)) for seed, (name, one) in enumerate(proteins.items())},
    }
    score = {
        (what, other): precision_and_recall(
            (list(proteins["human"]), vectors["human"]), (list(proteins[other]), vectors[other]), group
        )
        for what, vectors in embeddings.items()
        for other in ("mouse", "zebrafish")
    }
    for other, wanted in (("mouse", 0.85), ("zebrafish", 0.50)):
        precision, recall, right = score["k-mer", other]
        assert precision >= 0.95 and recall >= wanted
        for control in ("composition", "shuffled"):
            _, its_recall, its_right = score[control, other]
            assert its_right < right and its_recall < recall
    # far apart, neither composition nor noise would do
    assert score["composition", "zebrafish"][0] < 0.8
    assert score["shuffled", "zebrafish"][1] < 0.1 and score["shuffled", "mouse"][1] < 0.1
