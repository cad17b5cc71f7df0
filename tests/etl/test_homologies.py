"""Homologies with gene keys, and the account of what was lost on the way."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import Genes, Homologies, collect_genes, key_homologies
from homodb.etl.sources import GENES, HOMOLOGIES
from homodb.schema.species import find

HUMAN, MOUSE, PIG = (find(name).number for name in ("human", "mouse", "pig"))
SCHEMA = pl.DataFrame(HOMOLOGIES.empty_table()).schema


def genes(*told: tuple[int, str, str | None]) -> Genes:
    rows = [{"species": species, "stable_id": stable_id, "symbol": symbol} for species, stable_id, symbol in told]
    schema = pl.DataFrame(GENES.empty_table()).schema
    return collect_genes(
        [("x", pl.DataFrame([tuple(row.get(name) for name in schema) for row in rows], schema, orient="row"))]
    )


#: DUP is borne by two human genes, Dup by two mouse genes.
KNOWN = genes(
    (HUMAN, "E1", "INS"), (HUMAN, "E2", "DUP"), (HUMAN, "E3", "DUP"), (HUMAN, "E4", None),
    (MOUSE, "M1", "Ins2"), (MOUSE, "M2", "Ins1"), (MOUSE, "M3", "Dup"), (MOUSE, "M4", "Dup"), (PIG, "P1", "INS"),
)  # fmt: skip
KEY = {stable_id: gene for _, stable_id, gene in KNOWN.by_stable_id.iter_rows()}


def raw(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {"species_a": HUMAN, "species_b": MOUSE, "homology_type": "ortholog_one2one"}
    filled = [usual | row for row in rows]
    frame = pl.DataFrame([tuple(row.get(name) for name in SCHEMA) for row in filled], SCHEMA, orient="row")
    return frame.with_columns(retired=pl.Series([bool(row.get("retired")) for row in rows], dtype=pl.Boolean))


def counts(found: Homologies) -> dict[str, Any]:
    (row,) = found.pairs.to_dicts()
    return {name: row[name] for name in ("homologies", "unnamed", "ambiguous", "repeated", "median_identity")}


def test_keys_come_from_stable_ids_else_from_symbols_of_one_gene() -> None:
    found = key_homologies(
        raw(
            {"stable_id_a": "E1", "symbol_a": "WRONG", "symbol_b": "Ins2"},
            {"symbol_a": "INS", "stable_id_b": "M2", "symbol_b": "Dup"},
            {"stable_id_a": "E2", "symbol_a": "DUP", "stable_id_b": "M3"},
        ),
        KNOWN,
    )
    pairs = [(KEY["E1"], KEY["M1"]), (KEY["E1"], KEY["M2"]), (KEY["E2"], KEY["M3"])]
    assert found.table.select("gene_a", "gene_b").rows() == pairs
    assert found.losses() == []


def test_what_is_lost_is_counted_by_reason() -> None:
    found = key_homologies(
        raw(
            {"stable_id_a": "E1", "stable_id_b": "M1"},
            {"symbol_a": "INS", "symbol_b": "Ins2"},  # the same again, by symbol
            {"stable_id_a": "E1"},  # its partner has neither
            {"symbol_b": "Ins2"},
            {},
            {"symbol_a": "DUP", "symbol_b": "Ins2"},
            {"stable_id_a": "E1", "symbol_b": "Dup"},
            {"symbol_a": "DUP", "symbol_b": "Dup"},
            {"symbol_a": "DUP"},  # unnamed on one side: not counted twice
        ),
        KNOWN,
    )
    assert counts(found) == {"homologies": 1, "unnamed": 4, "ambiguous": 3, "repeated": 1, "median_identity": None}
    assert found.losses() == [
        {
            "where": "homo_sapiens - mus_musculus",
            "reason": "homologies of genes with neither stable ID nor symbol",
            "count": 4,
        },
        {
            "where": "homo_sapiens - mus_musculus",
            "reason": "homologies of symbols shared by several genes",
            "count": 3,
        },
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"homology_type": "ortholog_one2many"}, {"identity_a": 50.0}, {"identity_b": None}, {"goc": 75.0},
        {"wga": None}, {"confidence": 0}, {"confidence": None}, {"dn": 0.5}, {"ds": 0.25},
    ],
)  # fmt: skip
def test_only_exact_repeats_are_repeats(changes: dict[str, Any]) -> None:
    row = {
        "stable_id_a": "E1", "stable_id_b": "M1", "identity_a": 40.0, "identity_b": 60.0, "goc": 50.0, "wga": 99.0,
        "confidence": 1,
    }  # fmt: skip
    found = key_homologies(raw(row, row, row | changes, row), KNOWN)
    assert counts(found)["homologies"] == 2
    assert counts(found)["repeated"] == 2


def test_the_median_is_over_all_orthologs_lost_ones_too() -> None:
    """Of means 50, 60, 70 and 90; one with half its identities has no mean."""
    found = key_homologies(
        raw(
            {"stable_id_a": "E1", "stable_id_b": "M1", "identity_a": 40.0, "identity_b": 60.0},
            {"stable_id_a": "E1", "identity_a": 60.0, "identity_b": 60.0},
            {"symbol_a": "DUP", "stable_id_b": "M1", "identity_a": 70.0, "identity_b": 70.0},
            {"identity_a": 80.0, "identity_b": 100.0},
            {"stable_id_a": "E4", "stable_id_b": "M1", "identity_a": 1.0},
        ),
        KNOWN,
    )
    assert found.median_identity(HUMAN, MOUSE) == 65
    assert found.median_identity(HUMAN, PIG) is None
    assert found.median_identity(MOUSE, HUMAN) is None  # species stand in order


def test_gene_splits_are_kept_and_count_for_no_pair() -> None:
    split = {"species_b": HUMAN, "stable_id_a": "E1", "stable_id_b": "E2", "homology_type": "gene_split"}
    split |= {"identity_a": 1.0, "identity_b": 1.0}
    found = key_homologies(raw(split, {"stable_id_a": "E1", "stable_id_b": "M1"}), KNOWN)
    assert found.table["homology_type"].to_list() == ["gene_split", "ortholog_one2one"]
    assert found.pairs.select("species_a", "species_b").rows() == [(HUMAN, MOUSE)]
    assert counts(found) == {"homologies": 1, "unnamed": 0, "ambiguous": 0, "repeated": 0, "median_identity": None}


def test_nothing_gives_nothing() -> None:
    found = key_homologies(raw(), KNOWN)
    assert found.table.is_empty()
    assert found.pairs.is_empty()
    assert found.losses() == []


name_a = st.sampled_from([("E1", None), ("E1", "INS"), (None, "INS"), (None, "DUP"), ("E2", "DUP"), (None, None)])
name_b = st.sampled_from([("M1", None), (None, "Ins2"), (None, "Dup"), ("M3", "Dup"), (None, None)])
identity = st.sampled_from([None, 40.0, 50.0, 61.5])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([MOUSE, PIG]), name_a, name_b, identity, identity), max_size=20))
def test_the_account_adds_up(rows: list[tuple[int, Any, Any, float | None, float | None]]) -> None:
    one = {"INS": "E1", "Ins2": "M1"}
    told: Counter[tuple[int, str]] = Counter()
    kept: list[tuple[Any, ...]] = []
    means: dict[int, list[float]] = {MOUSE: [], PIG: []}
    frame: list[dict[str, Any]] = []
    for species, a, b, identity_a, identity_b in rows:
        b = {"M1": ("P1", None), None: (None, "INS")}.get(b[0], (None, None)) if species == PIG else b
        frame.append(
            {
                "species_b": species, "stable_id_a": a[0], "symbol_a": a[1], "stable_id_b": b[0], "symbol_b": b[1],
                "identity_a": identity_a, "identity_b": identity_b,
            }
        )  # fmt: skip
        if None not in (identity_a, identity_b):
            means[species].append((identity_a + identity_b) / 2)
        found_a = a[0] or one.get(a[1])
        found_b = b[0] or ("P1" if species == PIG and b[1] else one.get(b[1]))
        if a == (None, None) or b == (None, None):
            told[species, "unnamed"] += 1
        elif found_a is None or found_b is None:
            told[species, "ambiguous"] += 1
        elif (row := (species, found_a, found_b, identity_a, identity_b)) in kept:
            told[species, "repeated"] += 1
        else:
            kept.append(row)
            told[species, "homologies"] += 1
    found = key_homologies(raw(*frame), KNOWN)
    assert found.table.select("species_b", "gene_a", "gene_b", "identity_a", "identity_b").rows() == [
        (species, KEY[a], KEY[b], *identities) for species, a, b, *identities in kept
    ]
    assert found.pairs["species_b"].to_list() == sorted({row["species_b"] for row in frame})
    for row in found.pairs.to_dicts():
        for reason in ("homologies", "unnamed", "ambiguous", "repeated"):
            assert row[reason] == told[row["species_b"], reason]
        known = means[row["species_b"]]
        assert row["median_identity"] == (statistics.median(known) if known else None)


def test_toy_pairs(toy: homodb.Release) -> None:
    """Dup1's pig ortholog has neither ID nor symbol; the medians are worked out in tests/toy/README.md."""
    rows = toy.sql(
        "SELECT a.common_name, b.common_name, homologies, unnamed, repeated, median_identity FROM species_pair p "
        "JOIN species a ON a.species = p.species_a JOIN species b ON b.species = p.species_b ORDER BY ALL"
    ).rows()
    # mouse and pig: 50, 74, 75, 76.5, 80, 80, 88, 96
    assert rows == [("human", "mouse", 14, 0, 0, 72.5), ("mouse", "pig", 7, 1, 0, 78.25)]
    assert toy.manifest is not None
    pair = "mus_musculus - sus_scrofa"
    assert [(loss["where"], loss["count"]) for loss in toy.manifest.losses] == [(pair, 1), (pair, 2)]
    assert toy.manifest.losses[1]["reason"].endswith("without embeddings of both species: LM_O2O, HL_O2O")


def test_who_has_orthologs_that_no_mapping_can_have(toy: homodb.Release) -> None:
    rows = toy.sql(
        "SELECT g.symbol, s.name, u.reason, u.homologies FROM unnamed_ortholog u JOIN gene g USING (gene) "
        "JOIN species s ON s.species = u.species ORDER BY ALL"
    ).rows()
    assert rows == [("Dup1", "sus_scrofa", "unnamed", 1)]


lost_side = st.sampled_from(["named", "unnamed", "ambiguous", "retired"])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["E1", "E2", "E4"]), lost_side, st.booleans()), max_size=12))
def test_unnamed_orthologs_counted_one_by_one(told: list[tuple[str, str, bool]]) -> None:
    partner = {"named": {"stable_id_b": "M1"}, "unnamed": {}, "ambiguous": {"symbol_b": "Dup"}, "retired": {}}
    rows, wanted = [], Counter[tuple[int, int, str]]()
    for gene, kind, is_split in told:
        rows.append({"stable_id_a": gene, "retired": kind == "retired", **partner[kind]})
        if is_split:
            rows[-1]["homology_type"] = "gene_split"
        elif kind != "named":
            wanted[KEY[gene], MOUSE, kind] += 1
    found = key_homologies(raw(*rows), KNOWN)
    assert {tuple(row[:3]): row[3] for row in found.unnamed.rows()} == dict(wanted)
    assert set(found.unnamed_genes(HUMAN, MOUSE)) == {gene for gene, _, _ in wanted}
    assert found.unnamed_genes(HUMAN, PIG).is_empty()
    unnamed = sum(count for (*_, kind), count in wanted.items() if kind == "unnamed")
    assert sum(found.pairs["unnamed"]) == unnamed


def test_an_ortholog_on_an_alternate_locus_alone_is_told() -> None:
    """E2 stands for E3, which has a homology that E2 lacks; the one that both have is nobody's loss."""
    table = KNOWN.table.with_columns(
        primary_gene=pl.when(pl.col("gene") == KEY["E3"]).then(KEY["E2"]).otherwise("gene")
    )
    some = Genes(table, KNOWN.by_stable_id, KNOWN.by_symbol, KNOWN.shared_symbols)
    both = [{"stable_id_a": one, "stable_id_b": "M1"} for one in ("E2", "E3")]
    found = key_homologies(raw(*both, {"stable_id_a": "E3", "stable_id_b": "M2"}), some)
    assert found.unnamed.rows() == [(KEY["E2"], MOUSE, "alternate", 1), (KEY["M2"], HUMAN, "alternate", 1)]
