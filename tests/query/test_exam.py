"""The exam, against a slow one in plain Python on random releases, and by hand on the toy."""

from __future__ import annotations

import gzip
import random
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

import homodb
from homodb.etl import build_release
from homodb.query.exam import CAVEATS, COLUMNS, Exam, exam, grouped
from homodb.schema.enums import ExamBy, Strategy
from homodb.schema.errors import InputError, MissingMappingError, UnknownGeneError
from tests import messages

Row = dict[str, Any]
Gene = tuple[str, str]  # species and stable ID

HUMAN, MOUSE, RAT = "homo_sapiens", "mus_musculus", "rattus_norvegicus"
SHORT = {HUMAN: "human", MOUSE: "mouse", RAT: "rat"}
PREFIX = {HUMAN: "ENSG", MOUSE: "ENSMUSG", RAT: "ENSRNOG"}
PAIRS = [(HUMAN, MOUSE), (HUMAN, RAT), (MOUSE, RAT)]
HEADER = (
    "source_species", "source_id", "target_species", "target_id", "homology_type", "event", "family", "family_size",
    "divergence", "identity",
)  # fmt: skip


def stable_id(species: str, number: int) -> str:
    return f"{PREFIX[species]}{number:011d}"


def write_truth(path: Path, rows: Iterable[Row]) -> Path:
    lines = ["\t".join(HEADER), *("\t".join(str(row.get(name, "")) for name in HEADER) for row in rows)]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return path


def true_pair(source: str, i: int, target: str, j: int, kind: str = "ortholog_one2one", **more: Any) -> Row:
    return {
        "source_species": source, "source_id": stable_id(source, i), "target_species": target,
        "target_id": stable_id(target, j), "homology_type": kind, **more,
    }  # fmt: skip


def make_release(
    folder: Path,
    homologies: dict[tuple[str, str], Sequence[tuple[int, int]]],
    hits: dict[tuple[str, str], Sequence[tuple[int, int]]] | None = None,
) -> Path:
    """Build a release from BioMart exports and embedding evidence with these pairs of gene numbers."""
    used = sorted({species for pair in (*homologies, *(hits or {})) for species in pair})
    config = ['[release]\nversion = "made"\n', *(f'[[species]]\nname = "{SHORT[name]}"\n' for name in used)]
    for (source, target), pairs in homologies.items():
        label, name = SHORT[target].capitalize(), f"{SHORT[source]}_{SHORT[target]}"
        lines = [
            f"Gene stable ID\t{label} gene stable ID\t{label} homology type\t"
            f"{label} orthology confidence [0 low, 1 high]"
        ]
        degrees = [[pair[side] for pair in pairs] for side in (0, 1)]
        for i, j in pairs:
            single = degrees[0].count(i) == 1 and degrees[1].count(j) == 1
            kind = "ortholog_one2one" if single else "ortholog_many2many"
            lines.append(f"{stable_id(source, i)}\t{stable_id(target, j)}\t{kind}\t{(i + j) % 2}")
        lines.append(f"{stable_id(source, 999)}\t\t\t")  # a gene without an ortholog: an export is never empty
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        config.append(
            f'[[homology]]\nsource = "{SHORT[source]}"\ntarget = "{SHORT[target]}"\nformat = "biomart"\n'
            f'path = "{name}.tsv"\n'
        )
    for (source, target), pairs in (hits or {}).items():
        name = f"hits_{SHORT[source]}_{SHORT[target]}.csv"
        best = [f"{stable_id(source, i)},{stable_id(target, j)},0.{90 - n}" for n, (i, j) in enumerate(pairs)]
        (folder / name).write_text("\n".join([f"{SHORT[source]} gene,{SHORT[target]} gene,correlation", *best]) + "\n")
        config.append(
            f'[[evidence]]\nsource = "{SHORT[source]}"\ntarget = "{SHORT[target]}"\nmodel = "made"\n'
            f'pooling = "mean"\nbest_hits = "{name}"\nmedian_correlation = 0.1\n'
        )
    (folder / "release.toml").write_text("\n".join(config))
    build_release(folder / "release.toml", folder / "rel")
    return folder / "rel"


# ------------------------------------------------------------------------------------------------- the slow exam


def slow_exam(
    release: homodb.Release, truth: list[Row], genes: set[Gene], asked: set[tuple[str, str, str]]
) -> list[Row]:
    """Score as docs/simulation.md says, with loops and sets alone; rows as Exam.rows gives them, without caveats."""
    mapped = [
        row
        for row in release.sql("SELECT * FROM ortholog").to_dicts()
        if (row["source_species"], row["target_species"]) in PAIRS
    ]
    true = {((t["source_species"], t["source_id"]), (t["target_species"], t["target_id"])): t for t in truth}
    known = {gene for pair in true for gene in pair} | genes
    examined = {(a[0], b[0]) for a, b in true} & {(source, target) for _, source, target in asked}
    true = {pair: t for pair, t in true.items() if (pair[0][0], pair[1][0]) in examined}
    groups = _components(true)
    group_of = {(gene, other): g for g in groups for a, b in g for gene, other in ((a, b[0]), (b, a[0]))}
    out: list[Row] = []

    def score(pairs: set[tuple[str, str]], strategy: str, keep: Any, **labels: Any) -> None:
        """Score over some pairs of species and the part of the truth for whose groups `keep` is true."""
        counts = dict.fromkeys(("mapped", "right", "wrong", "unjudged", "possible", "found"), 0)
        genes_there: list[set[Any]] = [set(), set()]
        genes_found: list[set[Any]] = [set(), set()]
        right_of: dict[Any, set[Any]] = {}
        bears = False
        for row in mapped:
            a, b = (row["source_species"], row["source_id"]), (row["target_species"], row["target_id"])
            if row["strategy"] != strategy or (a[0], b[0]) not in pairs:
                continue
            if (a, b) in true:
                if keep(group_of[a, b[0]]):
                    counts["right"] += 1
                    right_of.setdefault(group_of[a, b[0]], set()).add((a, b))
                continue
            touched = [group_of[x] for x in ((a, b[0]), (b, a[0])) if x in group_of]
            if a in known or b in known:
                counts["wrong"] += any(keep(group) for group in touched) if touched else keep(None)
            else:
                counts["unjudged"] += keep(None)
        for group in groups:
            a, b = next(iter(group))
            if (a[0], b[0]) in pairs and keep(group):
                bears = True
                sides = [{pair[side] for pair in group} for side in (0, 1)]
                got = right_of.get(group, set())
                got_sides = [{pair[side] for pair in got} for side in (0, 1)]
                m2m = strategy == "ENS_M2M"
                counts["possible"] += len(group) if m2m else min(map(len, sides))
                counts["found"] += len(got) if m2m else min(map(len, got_sides))
                for side in (0, 1):
                    genes_there[side] |= {(gene, a[0], b[0]) for gene in sides[side]}
                    genes_found[side] |= {(gene, a[0], b[0]) for gene in got_sides[side]}
        counts["mapped"] = counts["right"] + counts["wrong"] + counts["unjudged"]
        if bears or counts["mapped"]:
            out.append({**labels, "strategy": strategy, **counts, **_scores(counts, genes_there, genes_found)})

    for strategy in Strategy:
        here = {(source, target) for name, source, target in asked if name == strategy} & examined
        for families, keep in (
            ("all", lambda group: True),
            ("one2one", lambda group: bool(group) and _one2one(group, true)),
        ):
            score(here, strategy, keep, by="strategy", families=families)
            for source, target in here:
                score({(source, target)}, strategy, keep, by="strategy", families=families, source_species=source,
                      target_species=target)  # fmt: skip
        for divergence in {_divergence(pair, true) for pair in here}:
            score({pair for pair in here if _divergence(pair, true) == divergence}, strategy, lambda group: True,
                  by="divergence", families="all", divergence=divergence)  # fmt: skip
        for column, size in (("group_size", _size), ("family_size", partial(_family, true=true))):
            for label in {_bin(size(group)) for group in groups} | {"none"}:

                def sized(group: Any, label: str = label, size: Any = size) -> bool:
                    return label == (_bin(size(group)) if group else "none")

                score(here, strategy, sized, by="family", families="all", **{column: label})
        for evidence in {row["evidence_class"] for row in mapped if row["strategy"] == strategy}:
            counts = dict.fromkeys(("right", "wrong", "unjudged"), 0)
            for row in mapped:
                a, b = (row["source_species"], row["source_id"]), (row["target_species"], row["target_id"])
                if row["strategy"] == strategy and row["evidence_class"] == evidence and (a[0], b[0]) in here:
                    judged = "wrong" if a in known or b in known else "unjudged"
                    counts["right" if (a, b) in true else judged] += 1
            counts["mapped"] = sum(counts.values())
            if counts["mapped"]:
                labels = {"by": "evidence", "families": "all", "strategy": strategy, "evidence_class": evidence}
                precision = _share(counts["right"], counts["right"] + counts["wrong"])
                out.append({**labels, **counts, "precision": precision})
    return out


def _components(true: dict[tuple[Gene, Gene], Row]) -> list[frozenset[tuple[Gene, Gene]]]:
    groups: list[set[tuple[Gene, Gene]]] = []
    for pair in true:
        joined = [g for g in groups if any(
            {other[0][0], other[1][0]} == {pair[0][0], pair[1][0]} and set(other) & set(pair) for other in g
        )]  # fmt: skip
        groups = [g for g in groups if g not in joined] + [{pair}.union(*joined)]
    return [frozenset(g) for g in groups]


def _one2one(group: Any, true: Any) -> bool:
    return all(true[pair]["homology_type"] == "ortholog_one2one" for pair in group)


def _size(group: Any) -> int:
    return len({gene for pair in group for gene in pair})


def _bin(size: int | None) -> str:
    if size is None:
        return "unknown"
    return "2" if size == 2 else "3-5" if size < 6 else "6-10" if size < 11 else "11-20" if size < 21 else "21+"


def _family(group: Any, true: Any) -> int | None:
    return max((true[pair]["family_size"] for pair in group if true[pair]["family_size"] != ""), default=None)


def _divergence(pair: tuple[str, str], true: Any) -> float | None:
    (told,) = {t["divergence"] for (a, b), t in true.items() if (a[0], b[0]) == pair}
    return told


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _scores(counts: Row, there: list[set[Any]], found: list[set[Any]]) -> Row:
    precision = _share(counts["right"], counts["right"] + counts["wrong"])
    recall = _share(counts["found"], counts["possible"])
    f1 = None if recall is None else 0.0
    if precision and recall:
        f1 = 2 / (1 / precision + 1 / recall)
    return {
        "precision": precision, "recall": recall, "f1": f1,
        "source_genes": len(there[0]), "source_recall": _share(len(found[0]), len(there[0])),
        "target_genes": len(there[1]), "target_recall": _share(len(found[1]), len(there[1])),
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------- random releases

numbers = st.tuples(st.integers(1, 6), st.integers(1, 6))
some_pairs = st.lists(numbers, unique=True, max_size=10)


@st.composite
def releases(draw: st.DrawFn) -> tuple[Any, Any]:
    homologies = {pair: draw(some_pairs.filter(bool)) for pair in PAIRS if draw(st.integers(0, 4))}
    hits = {pair: draw(some_pairs.filter(bool)) for pair in PAIRS if draw(st.booleans())}
    once: dict[Any, Any] = {}
    for pair, drawn in hits.items():  # best hits of each other: a gene has one
        kept: list[tuple[int, int]] = []
        for i, j in drawn:
            if all(i != x and j != y for x, y in kept):
                kept.append((i, j))
        once[pair] = kept
    if not homologies and not once:
        homologies[PAIRS[0]] = [(1, 1)]
    return homologies, once


@st.composite
def truths(draw: st.DrawFn) -> list[Row]:
    rows = []
    for source, target in PAIRS:
        divergence = draw(st.sampled_from([0.1, 0.25, 0.5]))
        for i, j in draw(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), unique=True, max_size=12)):
            kind = draw(st.sampled_from(["ortholog_one2one", "ortholog_one2many", "ortholog_many2many"]))
            size = draw(st.sampled_from([2, 3, 7, 15, 40, ""]))
            rows.append(true_pair(source, i, target, j, kind, family_size=size, divergence=divergence))
    return draw(st.permutations(rows))


def comparable(rows: Iterable[Row]) -> dict[Any, Row]:
    labels = ("by", "families", "strategy", "source_species", "target_species", "evidence_class", "divergence",
              "group_size", "family_size")  # fmt: skip
    counted = [name for name in COLUMNS if name not in (*labels, "caveat", "species_pairs")]
    return {
        tuple(row.get(name) for name in labels): {
            name: pytest.approx(row[name]) if isinstance(row.get(name), float) else row.get(name) for name in counted
        }
        for row in rows
    }


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=releases(), truth=truths(), genes=st.none() | st.sets(st.integers(1, 8)), swap=st.booleans())
def test_exam_is_what_loops_give(made: Any, truth: list[Row], genes: set[int] | None, swap: bool) -> None:
    homologies, hits = made
    asked = {(name, *pair) for pair in homologies for name in ("ENS_M2M", "ENS_O2O", "HM_O2O")}
    asked |= {(name, *pair) for pair in hits for name in ("LM_O2O", "HL_O2O")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = write_truth(folder / "truth.tsv.gz", [swapped(row) for row in truth] if swap else truth)
        listed: set[Gene] = {(species, stable_id(species, n)) for species in PREFIX for n in genes or ()}
        gene_file = folder / "genes.tsv"
        lines = [f"{species}\t{gene}" for species, gene in sorted(listed)] or [f"{HUMAN}\tENSGOFNOBODY"]
        gene_file.write_text("species\tstable_id\n" + "\n".join(lines) + "\n")
        with homodb.open(make_release(folder, homologies, hits)) as release:
            wanted = slow_exam(release, truth, listed, asked)
            refused = refusal(release, truth, asked)
            if refused:
                with pytest.raises(refused):
                    exam(release, told)
                return
            found = exam(release, told, genes=None if genes is None else gene_file)
    assert comparable(found.rows().to_dicts()) == comparable(wanted)
    assert found.rows().height == len(wanted)


def refusal(
    release: homodb.Release, truth: list[Row], asked: set[tuple[str, str, str]]
) -> type[homodb.HomodbError] | None:
    """Why there is nothing to examine, if so."""
    if not truth:
        return InputError
    both = {(source, target) for _, source, target in asked} & {
        (t["source_species"], t["target_species"]) for t in truth
    }
    if not both:
        return MissingMappingError
    ids = set(release.sql("SELECT stable_id FROM gene WHERE gene = primary_gene")["stable_id"])
    reachable = [
        t
        for t in truth
        if (t["source_species"], t["target_species"]) in both and {t["source_id"], t["target_id"]} <= ids
    ]
    return None if reachable else UnknownGeneError


def swapped(row: Row) -> Row:
    """The same pair told from its other side: the order in the file means nothing."""
    return row | {
        "source_species": row["target_species"], "source_id": row["target_id"],
        "target_species": row["source_species"], "target_id": row["source_id"],
    }  # fmt: skip


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=8), st.randoms())
def test_possible_is_the_largest_one_to_one_choice(sizes: list[tuple[int, int]], shuffle: random.Random) -> None:
    """Of groups as a tree gives them, of m and n genes and all pairs of them; found by another algorithm."""
    pairs, a, b = [], 0, 0
    for m, n in sizes:
        pairs += [(a + i, b + j) for i in range(m) for j in range(n)]
        a, b = a + m, b + n
    shuffle.shuffle(pairs)
    keys = np.array(pairs)
    truth = grouped(
        pl.DataFrame({"gene_a": keys[:, 0] + 2**24, "gene_b": keys[:, 1] + 2**25}).with_columns(
            species_a=pl.lit(1, pl.Int16),
            species_b=pl.lit(2, pl.Int16),
            one2one=pl.lit(0, pl.Int8),
            family_size=pl.lit(None, pl.Int64),
        )
    )
    matched = maximum_bipartite_matching(coo_array((np.ones(len(pairs)), keys.T), shape=(a, b)).tocsr())
    assert truth.kinds["one_to_one"].sum() == (matched >= 0).sum()
    assert truth.kinds.select(pl.col("pairs", "genes_a", "genes_b").sum()).row(0) == (len(pairs), a, b)
    assert truth.pairs["group"].n_unique() == len(sizes)


# ------------------------------------------------------------------------------------------ perfect, empty, chance


def overall(found: Exam, strategy: str) -> Row:
    return found.strategies.filter(
        (pl.col("strategy") == strategy) & pl.col("source_species").is_null()
    ).row(0, named=True)  # fmt: skip


@pytest.mark.slow
def test_a_perfect_release_scores_one(tmp_path: Path) -> None:
    """Groups of 1 and 1, 1 and 3, 2 and 2 genes: 1 + 3 + 4 pairs, of which 1 + 1 + 2 can stand one-to-one."""
    pairs = [(1, 1), (2, 2), (2, 3), (2, 4), (3, 5), (3, 6), (4, 5), (4, 6)]
    best = [(1, 1), (2, 3), (3, 5), (4, 6)]
    truth = [true_pair(HUMAN, i, MOUSE, j, "ortholog_one2one" if i == 1 else "ortholog_many2many") for i, j in pairs]
    folder = make_release(tmp_path, {PAIRS[0]: pairs}, {PAIRS[0]: best})
    with homodb.open(folder) as release:
        found = exam(release, write_truth(tmp_path / "truth.tsv.gz", truth))
    for strategy in Strategy:
        row = overall(found, strategy)
        assert row["precision"] == 1 and row["wrong"] == row["unjudged"] == 0
        # Ensembl's one-to-one orthologs are one pair of the four that a one-to-one choice could have
        assert row["recall"] == (0.25 if strategy is Strategy.ENS_O2O else 1)
    assert overall(found, "ENS_M2M")["possible"] == 8
    assert overall(found, "HM_O2O")["possible"] == 4
    # what a one-to-one choice cannot carry shows in the genes: 4 of 6 mouse genes with an ortholog
    assert overall(found, "HM_O2O")["target_recall"] == pytest.approx(4 / 6)
    assert overall(found, "ENS_M2M")["target_recall"] == overall(found, "HM_O2O")["source_recall"] == 1
    assert set(found.one2one["f1"]) == {1.0}


def test_a_strategy_that_maps_nothing_has_no_precision_and_finds_nothing(tmp_path: Path) -> None:
    folder = make_release(tmp_path, {PAIRS[0]: [(1, 1), (1, 2)]})
    truth = [true_pair(HUMAN, 1, MOUSE, j, "ortholog_one2many") for j in (1, 2)]
    with homodb.open(folder) as release:
        found = exam(release, write_truth(tmp_path / "truth.tsv.gz", truth))
    row = overall(found, "ENS_O2O")
    assert (row["mapped"], row["precision"], row["recall"], row["f1"]) == (0, None, 0.0, 0.0)
    assert set(found.strategies["strategy"]) == {"ENS_M2M", "ENS_O2O", "HM_O2O"}, "without embedding no LM and HL"
    assert found.one2one.is_empty(), "the truth has no one-to-one family"


@pytest.mark.slow
def test_an_embedding_that_maps_nothing_is_scored_nonetheless(tmp_path: Path) -> None:
    """The one best hit names a symbol that two genes bear, so LM_O2O is empty: it had evidence and found nothing."""
    folder = make_release(tmp_path, {PAIRS[0]: [(1, 1)]}, {PAIRS[0]: [(1, 1)]})
    symbols = ["Gene stable ID\tGene name\tMouse gene stable ID\tMouse homology type"]
    symbols += [f"{stable_id(HUMAN, n)}\tSAME\t{stable_id(MOUSE, n)}\tortholog_one2one" for n in (1, 2)]
    (tmp_path / "human_mouse.tsv").write_text("\n".join(symbols) + "\n")
    (tmp_path / "hits_human_mouse.csv").write_text(
        f"human gene,mouse gene,correlation\nSAME,{stable_id(MOUSE, 1)},0.9\n"
    )
    build_release(tmp_path / "release.toml", folder)
    with homodb.open(folder) as release:
        found = exam(release, _small_truth(tmp_path))
    row = overall(found, "LM_O2O")
    assert (row["mapped"], row["possible"], row["recall"]) == (0, 1, 0.0)
    assert overall(found, "HL_O2O")["right"] == 1


def _small_truth(folder: Path) -> Path:
    return write_truth(folder / "small.tsv.gz", [true_pair(HUMAN, 1, MOUSE, 1)])


@pytest.mark.slow
@pytest.mark.parametrize(("copies", "low", "high"), [(1, 0, 8), (6, 1, 18)])
def test_chance_is_right_as_often_as_it_should(tmp_path: Path, copies: int, low: int, high: int) -> None:
    """A random one-to-one map of 300 genes is right once on average, and `copies` times in groups of so many.

    The number of right pairs is about Poisson with that mean: beyond these bounds fewer than once in 300 seeds.
    """
    genes = 300
    partners = list(range(1, genes + 1))
    random.Random(11).shuffle(partners)  # noqa: S311 (no secret)
    truth = [
        true_pair(HUMAN, start + i, MOUSE, start + j, "ortholog_one2one" if copies == 1 else "ortholog_many2many")
        for start in range(1, genes + 1, copies) for i in range(copies) for j in range(copies)
    ]  # fmt: skip
    folder = make_release(tmp_path, {PAIRS[0]: list(zip(range(1, genes + 1), partners, strict=True))})
    with homodb.open(folder) as release:
        found = exam(release, write_truth(tmp_path / "truth.tsv.gz", truth))
    row = overall(found, "HM_O2O")
    assert low <= row["right"] <= high
    assert row["right"] + row["wrong"] == row["possible"] == genes
    assert row["precision"] == row["recall"] == row["f1"] == row["source_recall"] == row["right"] / genes


# ------------------------------------------------------------------------------------------------- by hand on the toy

# What is true of the toy's genes is written down here, so that every kind of mistake is made once (tests/toy/README.md
# has what the release maps). Human - mouse, 12 true pairs in 11 groups, all but the one of INS one-to-one:
#   INS - Ins1, Ins2 (of one family of 4 genes, with the pig's)
#   GCG, TNF, FCER1A, VWF, MT-ND1, RPLP0 with the mouse gene of the same name
#   DUPA - Dup1 and DUPB - Dup2 (HM_O2O has it the other way round: both of its pairs are wrong)
#   ORPH1 - Orph9 (Ensembl lacks it)
#   CXCL8 with a mouse gene that the release lacks
# Of C1orf1, 4930451I11Rik and ENSG00000000017 the truth says nothing: their pairs are unjudged.
# Mouse - pig, 6 pairs in 5 groups: Ins1, Ins2 - INS; Gcg, Tnf, Vwf, Rplp0. mt-Nd1 - ND1 is none of them, so wrong.
# Human - pig: GCG. The release does not map these species.
#
#                        human - mouse                        mouse - pig
#            right wrong unjudged of possible          right wrong of possible
#   ENS_M2M     10     2        2          12              6     1           6
#   ENS_O2O      6     0        2          11              4     1           5
#   HM_O2O       7     2        2          11              5     1           5
#   LM_O2O       5     4        0          11   (wrong: FCGR1B - Fcer1a, VWF - 4930451I11Rik, both DUP)
#   HL_O2O       7     3        2          11   (wrong: FCGR1B - Fcer1a, both DUP)
ONE, MANY = "ortholog_one2one", "ortholog_one2many"
TOY = [
    *[(HUMAN, f"ENSG{h:011d}", MOUSE, f"ENSMUSG{m:011d}", kind, size) for h, m, kind, size in (
        (1, 1, MANY, 4), (1, 2, MANY, 4), (2, 3, ONE, 3), (3, 4, ONE, 3), (4, 5, ONE, 2), (6, 6, ONE, 3),
        (10, 8, ONE, 2),
        (11, 9, ONE, 3), (12, 10, ONE, 4), (13, 11, ONE, 4), (9, 99, ONE, 2),
    )],
    (HUMAN, "ENSG00000000014", MOUSE, "Orph9", ONE, 2),
    *[(MOUSE, f"ENSMUSG{m:011d}", "sus_scrofa", pig, kind, size) for m, pig, kind, size in (
        (1, "INS", MANY, 4), (2, "INS", MANY, 4), (3, "GCG", ONE, 3), (4, "TNF", ONE, 3), (6, "VWF", ONE, 3),
        (9, "RPLP0", ONE, 3),
    )],
    (HUMAN, "ENSG00000000002", "sus_scrofa", "GCG", ONE, 3),
]  # fmt: skip


@pytest.fixture(scope="module")
def toy_truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        dict(zip(HEADER, (*row[:5], "speciation", "F", row[5], 0.3 if row[2] == MOUSE else 0.4, ""), strict=True))
        for row in TOY
    ]
    return write_truth(tmp_path_factory.mktemp("truth") / "truth.tsv.gz", rows)


@pytest.fixture
def toy_exam(toy: homodb.Release, toy_truth: Path) -> Exam:
    return exam(toy, toy_truth)


@pytest.mark.parametrize(
    ("strategy", "right", "wrong", "unjudged", "possible", "f1"),
    [
        ("ENS_M2M", 10, 2, 2, 12, 10 / 12),  # precision and recall are the same
        ("ENS_O2O", 6, 0, 2, 11, 12 / 17),
        ("HM_O2O", 7, 2, 2, 11, 14 / 20),
        ("LM_O2O", 5, 4, 0, 11, 10 / 20),
        ("HL_O2O", 7, 3, 2, 11, 14 / 21),
    ],
)
def test_toy_human_mouse(
    toy_exam: Exam, strategy: str, right: int, wrong: int, unjudged: int, possible: int, f1: float
) -> None:
    rows = toy_exam.strategies.filter((pl.col("strategy") == strategy) & (pl.col("target_species") == MOUSE))
    row = rows.row(0, named=True)
    assert (row["right"], row["wrong"], row["unjudged"], row["possible"]) == (right, wrong, unjudged, possible)
    assert row["mapped"] == right + wrong + unjudged
    assert row["precision"] == pytest.approx(right / (right + wrong))
    assert row["recall"] == pytest.approx(right / possible)
    assert row["f1"] == pytest.approx(f1)
    # 11 human genes have a true ortholog, 12 mouse genes; ENS_M2M finds both of INS in mouse
    assert (row["source_genes"], row["target_genes"]) == (11, 12)
    assert row["source_recall"] == pytest.approx((9 if strategy == "ENS_M2M" else right) / 11)
    assert row["target_recall"] == pytest.approx(right / 12)


def test_toy_over_all_pairs_of_species(toy_exam: Exam) -> None:
    assert toy_exam.strategies["strategy"].head(5).to_list() == list(Strategy), "over all first"
    assert [overall(toy_exam, s)["right"] for s in Strategy] == [16, 10, 12, 5, 7]
    assert [overall(toy_exam, s)["wrong"] for s in Strategy] == [3, 1, 3, 4, 3]
    assert [overall(toy_exam, s)["possible"] for s in Strategy] == [18, 16, 16, 11, 11]
    assert [overall(toy_exam, s)["species_pairs"] for s in Strategy] == [2, 2, 2, 1, 1], "pig has no embedding"


def test_toy_one_to_one_families(toy_exam: Exam) -> None:
    """Ten groups: all but INS. LM_O2O has GCG, TNF, RPLP0 and ORPH1; its four wrong pairs touch one of the ten."""
    rows = toy_exam.one2one.filter(pl.col("target_species") == MOUSE)
    assert dict(rows.select("strategy", "right").rows()) == {
        "ENS_M2M": 8, "ENS_O2O": 6, "HM_O2O": 6, "LM_O2O": 4, "HL_O2O": 6
    }  # fmt: skip
    assert dict(rows.select("strategy", "wrong").rows()) == {
        "ENS_M2M": 2, "ENS_O2O": 0, "HM_O2O": 2, "LM_O2O": 4, "HL_O2O": 3
    }  # fmt: skip
    assert set(rows["possible"]) == {10} and set(rows["unjudged"]) == {0}


def test_toy_by_evidence(toy_exam: Exam) -> None:
    """LM_O2O: INS, GCG, TNF, RPLP0 and, wrong, both DUP are in Ensembl too."""
    rows = toy_exam.evidence.filter(pl.col("strategy") == "LM_O2O").select(
        "evidence_class", "right", "wrong", "precision"
    )
    assert rows.rows() == [
        ("both", 4, 2, pytest.approx(4 / 6)), ("lm_orphan", 1, 0, 1.0), ("lm_partial", 0, 1, 0.0),
        ("lm_contradicts", 0, 1, 0.0),
    ]  # fmt: skip


def test_toy_by_divergence(toy_exam: Exam) -> None:
    rows = toy_exam.divergence.filter(pl.col("strategy") == "ENS_M2M").select("divergence", "right", "species_pairs")
    assert rows.rows() == [(0.3, 10, 1), (0.4, 6, 1)]


def test_toy_by_size(toy_exam: Exam) -> None:
    """INS is of three genes in both pairs of species; the one pair that touches no group is unjudged, there are two."""
    rows = toy_exam.groups.filter(pl.col("strategy") == "HM_O2O").select(
        "group_size", "right", "wrong", "unjudged", "possible"
    )
    assert rows.rows() == [("2", 10, 2, 0, 14), ("3-5", 2, 0, 0, 2), ("none", 0, 1, 2, 0)]
    rows = toy_exam.families.filter(pl.col("strategy") == "HM_O2O").select("family_size", "right", "wrong", "possible")
    # families of two genes: FCER1A and MT-ND1 are found, ORPH1 and CXCL8 are not; mt-Nd1 - ND1 is between no orthologs
    assert rows.rows() == [("2", 2, 0, 4), ("3-5", 10, 2, 12), ("none", 0, 1, 0)]


def test_toy_heading_says_what_is_left_out_and_what_is_not_claimed(toy_exam: Exam) -> None:
    text = "\n".join(toy_exam.heading)
    assert (
        "release toy-1 against truth.tsv.gz: 2 pairs of species, 18 true ortholog pairs, 14 of them one-to-one" in text
    )
    assert "embedding: made-by-hand mean" in text
    assert "of the true pairs, 1 has a gene that the release does not hold" in text
    assert "not examined, since the release does not map them: human - pig" in text
    assert "LM_O2O has evidence for 1 of the 2 and is scored over these alone" in text
    assert all(caveat in toy_exam.heading for caveat in CAVEATS)
    assert "Ensembl" in CAVEATS[0] and "ESM2" in CAVEATS[1]


def test_toy_pairs_that_the_truth_lacks_are_named(toy: homodb.Release, tmp_path: Path) -> None:
    truth = [dict(zip(HEADER, (*TOY[2][:5], "", "", "", "", ""), strict=True))]
    found = exam(toy, write_truth(tmp_path / "truth.tsv.gz", truth))
    assert "not examined, since the truth has none of them: mouse - pig" in found.heading
    assert set(found.strategies["target_species"].drop_nulls()) == {MOUSE}
    # sizes and divergence that the truth does not tell
    assert set(found.families["family_size"]) == {"unknown", "none"}
    assert found.divergence["divergence"].is_null().all()


def test_toy_genes_that_exist_are_judged(toy: homodb.Release, toy_truth: Path, tmp_path: Path) -> None:
    """Once it is known that C1orf1 exists and has no ortholog, its pair is wrong; ENSG00000000017 is still unknown."""
    genes = tmp_path / "genes.tsv"
    genes.write_text(f"stable_id\tspecies\tsymbol\nENSG00000000007\t{HUMAN}\tC1orf1\n")
    row = overall(exam(toy, toy_truth, genes=genes), "HM_O2O")
    assert (row["right"], row["wrong"], row["unjudged"]) == (12, 4, 1)


def test_rows_of_all_questions_and_of_one(toy_exam: Exam) -> None:
    rows = toy_exam.rows()
    assert rows.columns == list(COLUMNS)
    assert rows["by"].unique(maintain_order=True).to_list() == list(ExamBy)
    assert rows["caveat"].null_count() == 0
    for by in ExamBy:
        assert toy_exam.rows(by).equals(rows.filter(pl.col("by") == by))
    said = dict(rows.select("strategy", "caveat").unique().rows())
    assert said["HM_O2O"] == CAVEATS[0] and said["LM_O2O"] == CAVEATS[1] and all(c in said["HL_O2O"] for c in CAVEATS)


# ----------------------------------------------------------------------------------------- what cannot be examined


def test_every_problem_of_a_truth_is_told_with_its_line(toy: homodb.Release, tmp_path: Path) -> None:
    good = (HUMAN, "ENSG00000000001", MOUSE, "ENSMUSG00000000001", MANY, "", "F1", "2", "0.3", "")
    lines = [
        HEADER,
        good,
        (HUMAN, "ENSG00000000001", "mouse_of_mars", "X", MANY, "", "", "", "", ""),
        (HUMAN, "", MOUSE, "ENSMUSG00000000002", MANY, "", "", "", "", ""),
        (HUMAN, "ENSG00000000001", MOUSE, "ENSMUSG00000000003", "paralog", "", "", "", "", ""),
        (HUMAN, "ENSG00000000001", HUMAN, "ENSG00000000002", MANY, "", "", "", "", ""),
        ("short", "line"),
        (HUMAN, "ENSG00000000001", MOUSE, "ENSMUSG00000000004", MANY, "", "", "two", "-1", ""),
        (MOUSE, "ENSMUSG00000000001", HUMAN, "ENSG00000000001", MANY, "", "", "", "", ""),
    ]
    path = tmp_path / "truth.tsv"
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    with pytest.raises(InputError) as caught:
        exam(toy, path)
    message = str(caught.value)
    for line, words in (
        (3, "unknown species (mouse_of_mars)"), (4, "no source_id"), (5, "unknown homology type (paralog)"),
        (6, "a pair within one species"), (7, "wrong number of fields, expected 10"),
        (8, "family_size is not a whole number of genes (two)"), (8, "divergence is not a number of 0 or more (-1)"),
        (9, "a pair stands twice"),
    ):  # fmt: skip
        assert f"line {line}: {words}" in message
    assert "8 problems" in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1,2\n", "there is no column 'source_species'"),
        (b"\xff\xfe\x00 no text", "is not text in UTF-8"),
        (b"\x1f\x8b damaged", "gzip stream is damaged"),
        (gzip.compress(("\t".join(HEADER) + "\n").encode(), mtime=0)[:-9], "gzip stream is damaged or ends too early"),
        (("\t".join(HEADER) + "\n\n").encode(), "a header and no rows"),
        (("\t".join((*HEADER, HEADER[0])) + "\n").encode(), "a column stands twice"),
        (
            ("\t".join(HEADER) + "\n" + "\t".join(["no", "1", "nobody", "2", ONE, *[""] * 5]) + "\n").encode(),
            "unknown species",
        ),
    ],
)
def test_what_is_no_truth_is_refused(toy: homodb.Release, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "truth").write_bytes(content)
    with pytest.raises(InputError, match=words):
        exam(toy, tmp_path / "truth")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("species\tstable_id\nhomo_sapiens\t\nmartian\tM1\n", "2 problems: line 2: no stable_id .*line 3: unknown sp"),
        ("gene\tsymbol\n1\t2\n", "there is no column 'species', 'stable_id' \\(the columns are"),
        ("species\tstable_id\n", "a header and no rows"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_genes_is_refused(
    toy: homodb.Release, toy_truth: Path, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "genes.tsv").write_text(content)
    with pytest.raises(InputError, match=words):
        exam(toy, toy_truth, genes=tmp_path / "genes.tsv")


def test_truth_that_is_not_there(toy: homodb.Release, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.tsv", tmp_path):
        with pytest.raises(InputError, match=messages.Shared.cannot_be_read):
            exam(toy, path)


def test_truth_of_other_species(toy: homodb.Release, tmp_path: Path) -> None:
    truth = write_truth(tmp_path / "truth.tsv.gz", [true_pair(HUMAN, 1, RAT, 1), true_pair(MOUSE, 1, RAT, 1)])
    with pytest.raises(MissingMappingError, match=messages.Exam.tells_human_rat_mouse_rat):
        exam(toy, truth)


def test_truth_of_other_genes(toy: homodb.Release, tmp_path: Path) -> None:
    versioned = true_pair(HUMAN, 1, MOUSE, 1) | {"source_id": "ENSG00000000001.3"}
    with pytest.raises(UnknownGeneError, match=messages.Exam.ensg00000000001_3):
        exam(toy, write_truth(tmp_path / "truth.tsv.gz", [versioned]))


def test_release_without_mappings(tmp_path: Path, toy_config: Path, toy_truth: Path) -> None:
    (tmp_path / "release.toml").write_text(
        '[release]\nversion = "bare"\n[[species]]\nname = "human"\nannotation = "human.gtf"\n'
        '[[species]]\nname = "mouse"\n'
    )
    (tmp_path / "human.gtf").write_bytes((toy_config.parent / "human.gtf").read_bytes())
    build_release(tmp_path / "release.toml", tmp_path / "rel")
    refused = pytest.raises(MissingMappingError, match=messages.Exam.release_bare)
    with homodb.open(tmp_path / "rel") as release, refused:
        exam(release, toy_truth)
