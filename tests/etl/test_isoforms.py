"""The choice of canonical isoforms against hand-made genes and a plain rewrite in Python."""

from __future__ import annotations

import doctest
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl import CANONICAL_BASES, choose_canonical, derive
from homodb.etl.sources import CANONICAL, PROTEINS, read_canonical, read_proteome, records
from homodb.schema.species import find
from tests import messages

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"

Protein = tuple[int, str, str, str | None, int, int]
Claim = tuple[int, str, str, str]


def proteins(*rows: Protein) -> pl.DataFrame:
    """Rows of species, gene, protein, transcript, length, unknown residues."""
    columns = {
        "species": pl.Int16,
        "gene_id": pl.String,
        "stable_id": pl.String,
        "transcript": pl.String,
        "length": pl.Int32,
        "unknown_residues": pl.Int32,
    }
    return pl.DataFrame(list(rows), schema=columns, orient="row")


def claims(*rows: Claim) -> pl.DataFrame:
    columns = {"species": pl.Int16, "gene_id": pl.String, "transcript": pl.String, "basis": pl.String}
    return pl.DataFrame(list(rows), schema=columns, orient="row")


def chosen(frame: pl.DataFrame) -> dict[tuple[int, str], tuple[str, str]]:
    canonical_rows = frame.filter("canonical")
    assert frame.filter(~pl.col("canonical"))["canonical_basis"].is_null().all()
    rows = canonical_rows.select("species", "gene_id", "stable_id", "canonical_basis").rows()
    assert len(rows) == frame.select("species", "gene_id").n_unique()
    return {(species, gene): (protein, basis) for species, gene, protein, basis in rows}


THREE: tuple[Protein, ...] = (
    (1, "G", "P1", "T1", 100, 0),
    (1, "G", "P2", "T2", 300, 0),
    (1, "G", "P3", "T3", 200, 0),
)


@pytest.mark.parametrize(
    ("given_claims", "protein", "basis"),
    [
        ([], "P2", "longest"),
        ([("T1", "mane")], "P1", "mane"),
        ([("T1", "mane"), ("T3", "appris")], "P3", "appris"),
        ([("T1", "ensembl_canonical"), ("T3", "appris"), ("T3", "mane")], "P1", "ensembl_canonical"),
        ([("T1", "appris"), ("T3", "appris")], "P3", "appris"),
        ([("T1", "mane"), ("T1", "appris"), ("T1", "mane")], "P1", "appris"),
        ([("T9", "ensembl_canonical"), ("T1", "mane")], "P1", "mane"),
        ([("T9", "ensembl_canonical")], "P2", "longest"),
    ],
)
def test_one_gene(given_claims: list[tuple[str, str]], protein: str, basis: str) -> None:
    made = claims(*((1, "G", transcript, by) for transcript, by in given_claims))
    assert chosen(choose_canonical(proteins(*THREE), made)) == {(1, "G"): (protein, basis)}


def test_ties_go_to_fewer_unknown_residues_then_to_the_lower_stable_id() -> None:
    frame = proteins(
        (1, "G", "P1", "T1", 300, 5),
        (1, "G", "P3", "T3", 300, 2),
        (1, "G", "P2", "T2", 300, 2),
        (1, "G", "P0", "T0", 299, 0),
    )
    assert chosen(choose_canonical(frame, claims())) == {(1, "G"): ("P2", "longest")}


def test_a_claim_counts_for_its_own_gene_and_species_only() -> None:
    frame = proteins(*THREE, (2, "G", "P1", "T1", 10, 0), (2, "G", "P2", "T2", 20, 0))
    made = claims((2, "G", "T1", "mane"), (1, "H", "T1", "mane"))
    assert chosen(choose_canonical(frame, made)) == {(1, "G"): ("P2", "longest"), (2, "G"): ("P1", "mane")}


def test_proteins_without_transcript_and_rows_as_they_were() -> None:
    frame = proteins((1, "G", "P2", None, 10, 0), (1, "G", "P1", None, 20, 0), (1, "F", "P3", None, 1, 0))
    result = choose_canonical(frame, claims((1, "G", "T1", "mane")))
    assert result.columns == [*frame.columns, "canonical", "canonical_basis"]
    assert result.drop("canonical", "canonical_basis").equals(frame)
    assert result["canonical"].to_list() == [False, True, True]


def test_no_proteins() -> None:
    result = choose_canonical(proteins(), claims((1, "G", "T1", "mane")))
    assert result.is_empty()
    assert result.schema["canonical"] == pl.Boolean
    assert result.schema["canonical_basis"] == pl.String


def test_an_unknown_basis() -> None:
    with pytest.raises(ValueError, match=messages.Build.guess):
        choose_canonical(proteins(*THREE), claims((1, "G", "T1", "guess")))


def test_frames_of_the_readers_schemas() -> None:
    empty = choose_canonical(pl.DataFrame(PROTEINS.empty_table()), pl.DataFrame(CANONICAL.empty_table()))
    assert empty.columns[-2:] == ["canonical", "canonical_basis"]


def test_the_example() -> None:
    assert doctest.testmod(derive).failed == 0
    assert doctest.testmod(records).failed == 0


genes = st.sampled_from(["G1", "G2", "G3"])
species = st.sampled_from([1, 2])


@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(st.tuples(species, genes, st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=12),
    made=st.lists(
        st.tuples(species, genes, st.integers(0, 14).map("T{}".format), st.sampled_from(CANONICAL_BASES[:-1])),
        max_size=12,
    ),
    random=st.randoms(),
)
def test_a_plain_rewrite_agrees(rows: list[tuple[int, str, int, int]], made: list[Claim], random: object) -> None:
    table = [
        (number, gene, f"P{at}", f"T{at}", length, unknown) for at, (number, gene, length, unknown) in enumerate(rows)
    ]
    random.shuffle(table)  # type: ignore[attr-defined]
    wanted: dict[tuple[int, str], tuple[str, str]] = {}
    for number, gene in {(row[0], row[1]) for row in table}:
        ranked = []
        for _, _, protein, transcript, length, unknown in [r for r in table if (r[0], r[1]) == (number, gene)]:
            bases = [CANONICAL_BASES.index(basis) for s, g, t, basis in made if (s, g, t) == (number, gene, transcript)]
            ranked.append((min(bases, default=len(CANONICAL_BASES) - 1), -length, unknown, protein))
        best = min(ranked)
        wanted[number, gene] = (best[3], CANONICAL_BASES[best[0]])
    assert chosen(choose_canonical(proteins(*table), claims(*made))) == wanted


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.shared
def test_real_isoforms() -> None:
    human = find("human")
    reading = read_proteome(SHARED / "proteomes/Homo_sapiens.ensembl85.small.fa.gz", human)
    mane = read_canonical(SHARED / "canonical/MANE.GRCh38.v1.0.summary.txt.gz", human)
    result = choose_canonical(pl.DataFrame(reading.proteins), pl.DataFrame(mane.canonical))
    assert result["canonical"].sum() == 519
    bases = dict(result["canonical_basis"].drop_nulls().value_counts().rows())
    assert set(bases) == {"mane", "longest"}
    assert sum(bases.values()) == 519
    by_gene = {row["gene_id"]: row["transcript"] for row in mane.canonical.to_pylist()}
    for row in result.filter(pl.col("canonical_basis") == "mane").iter_rows(named=True):
        assert by_gene[row["gene_id"]] == row["transcript"]
