"""The starter release asked: every pair of its twenty species, orthology databases, names of several genes."""

from __future__ import annotations

import itertools
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest

import homodb
from homodb.query.genes import Pair, find_pair
from homodb.query.inspect import inspect
from homodb.query.translate import translate_file
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import MissingMappingError, TranslationError, UndecidedSpeciesError, UnknownGeneError


def objects(names: list[str]) -> anndata.AnnData:
    values = np.arange(2 * len(names), dtype=np.float32).reshape(2, len(names)) + 1
    return anndata.AnnData(values, var=pd.DataFrame(index=names))


@pytest.fixture(scope="session")
def with_databases(starter: homodb.Release) -> homodb.Release:
    if starter.schema_version < 4:
        pytest.skip("needs a release with orthology databases")
    return starter


# Every pair


@pytest.mark.slow
def test_every_pair_of_species_answers(starter: homodb.Release) -> None:
    pairs = [find_pair(starter, *two) for two in itertools.combinations(starter.species, 2)]
    assert len(pairs) == 190
    over = [pair for pair in pairs if pair.between is not None]
    assert len(over) == 190 - sum(bool(pair.own_strategies) for pair in pairs) == 169
    assert {pair.between.name for pair in over if pair.between} == {"homo_sapiens"}
    for pair in pairs:
        assert Strategy.ENS_M2M in pair.strategies()
    for pair in over[:: len(over) // 12]:
        assert pair.mapping(Strategy.HM_O2O).height > 100, pair


def naive(starter: homodb.Release, source: str, target: str) -> set[tuple[str, str]]:
    """Pairs of IDs over human, from the view of mappings."""
    legs = []
    for one, other in ((source, "homo_sapiens"), ("homo_sapiens", target)):
        sql = "SELECT source_id, target_id FROM ens_m2m WHERE source_species = ? AND target_species = ?"
        legs.append(starter.sql(sql, [one, other]))
    joined = legs[0].join(legs[1], left_on="target_id", right_on="source_id")
    return set(joined.select("source_id", "target_id_right").iter_rows())


def test_the_composition_is_that_of_both_steps(starter: homodb.Release) -> None:
    frame = starter.orthologs(source="mouse", target="dog")
    assert set(frame.select("source_id", "target_id").iter_rows()) == naive(
        starter, "mus_musculus", "canis_lupus_familiaris"
    )
    assert frame["over_species"].unique().to_list() == ["homo_sapiens"] and frame["over_id"].null_count() == 0
    back = starter.orthologs(source="dog", target="mouse")
    assert set(back.select("target_id", "source_id").iter_rows()) == set(
        frame.select("source_id", "target_id").iter_rows()
    )


def test_a_one_to_one_strategy_stays_one_to_one(starter: homodb.Release) -> None:
    rows = find_pair(starter, "mouse", "cat").mapping(Strategy.HM_O2O)
    assert rows["source_gene"].is_unique().all() and rows["target_gene"].is_unique().all()


def test_a_pair_with_evidence_is_never_replaced(starter: homodb.Release) -> None:
    pair = find_pair(starter, "mouse", "pig")
    assert pair.between is None and "over_species" not in starter.orthologs("Gcg", source="mouse", target="pig").columns
    adata = objects(["Gcg", "Ins2", "Sst", "Ppy"])
    entry = homodb.translate(adata, "pig", source="mouse", release=starter).uns["homodb"]
    assert "via" not in entry["strategy"]


def test_translation_over_human_is_said(starter: homodb.Release, tmp_path: Path) -> None:
    adata = objects(["Gcg", "Ins2", "Sst", "Ppy"])
    made, report = homodb.translate(adata, "dog", source="mouse", release=starter, return_report=True)
    assert made.uns["homodb"]["strategy"] == "ENS_M2M via homo_sapiens"
    assert sum("went over homo_sapiens" in note for note in report.notes) == 1
    assert "INS" in made.var_names or "INS" in set(made.var.get("symbol", []))
    with pytest.raises(TranslationError, match="over homo_sapiens"):
        homodb.translate(adata, "dog", source="mouse", release=starter, measured=True, strategy="hm_o2o")


def test_the_path_stands_in_explain(starter: homodb.Release) -> None:
    story = starter.explain("Ins2", source="mouse", target="dog")
    text = "\n".join(str(row) for row in story.answers.rows())
    assert "over INS of human: ortholog_one2many" in text and any("went over" in note for note in story.notes)
    assert story.candidates["over_symbol"].to_list() == ["INS"]
    missing = starter.explain("Xist", source="mouse", target="dog")
    assert missing.answers["target_id"].null_count() == missing.answers.height
    assert all("human" in why for why in missing.answers["why"])


def test_the_joint_table_of_species_without_evidence(starter: homodb.Release) -> None:
    table = starter.joint_table(["cow", "dog", "cat"])
    assert table.height > 10_000 and table.null_count().sum_horizontal().item() < table.height


def test_no_way_over_human(toy: homodb.Release) -> None:
    """Human itself, or a release where human lacks a step."""
    assert find_pair(toy, "human", "pig").between is None
    with pytest.raises(MissingMappingError):
        toy.orthologs("INS", source="human", target="pig")


# Orthology databases


def test_databases_add_what_three_of_them_name(with_databases: homodb.Release) -> None:
    adata = objects(["Eef1a1", "Fth1", "Rpl13a", "Gcg"])
    plain = homodb.translate(adata, "human", source="mouse", release=with_databases)
    made, report = homodb.translate(
        adata, "human", source="mouse", release=with_databases, evidence="+databases", return_report=True
    )
    assert set(made.var_names) - set(plain.var_names) >= {"EEF1A1", "FTH1"}
    assert any("databases were added from what at least 3 orthology databases name" in note for note in report.notes)
    used = homodb.translate(adata, "human", source="mouse", release=with_databases, evidence="both,ensembl,databases")
    assert set(used.var_names) == set(made.var_names)


@pytest.mark.parametrize("strategy", [Strategy.ENS_M2M, Strategy.HM_O2O])
@pytest.mark.parametrize("target", ["human", "dog"])
def test_database_rows(with_databases: homodb.Release, strategy: Strategy, target: str) -> None:
    pair = find_pair(with_databases, "mouse", target)
    rows, new = pair.mapping(strategy), pair.database_rows(strategy)
    assert new.columns == rows.columns and new.schema == rows.schema
    assert set(new["evidence_class"]) == {EvidenceClass.DATABASES}
    from homodb.query.genes import add_rows

    whole = add_rows(rows, new, strategy)
    assert whole.head(rows.height).equals(rows) and whole.height > rows.height
    assert whole["rank"].to_list() == sorted(whole["rank"])
    assert not whole.select("source_gene", "target_gene").is_duplicated().any()
    if strategy.one_to_one:
        assert whole["source_gene"].is_unique().all() and whole["target_gene"].is_unique().all()


def test_databases_of_a_pair_match_the_view(with_databases: homodb.Release) -> None:
    frame = with_databases.orthologs(["Ins1", "Gcg", "Actb"], source="mouse", target="human")
    for row in frame.drop_nulls("n_databases").iter_rows(named=True):
        named = with_databases.sql(
            "SELECT DISTINCT o.database FROM orthology_source o JOIN gene a ON a.gene = o.gene_a "
            "JOIN gene b ON b.gene = o.gene_b WHERE a.stable_id = ? AND b.stable_id = ? ORDER BY ALL",
            [row["target_id"], row["source_id"]],
        )["database"]
        assert row["databases"] == named.to_list() and row["n_databases"] == len(named)
    story = with_databases.explain("Eef1a1", source="mouse", target="human")
    named = story.candidates.filter(pl.col("target_symbol") == "EEF1A1").row(0, named=True)
    assert named["n_databases"] >= 10 and named["strategies"] == [] and "NCBI" in named["databases"]
    assert any("Ensembl 114" in note for note in story.notes)
    derived = with_databases.explain("INS", source="human", target="dog")
    assert any("derived" in note for note in derived.notes)


def test_a_release_without_databases(toy: homodb.Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "schema_version", 3)
    assert Pair(toy, *toy.species[:2]).databases([1]) is None
    assert "n_databases" not in toy.orthologs("INS", source="human", target="mouse").columns
    assert not Pair(toy, *toy.species[:2]).database_rows(Strategy.ENS_M2M).height


# Names of several genes


def test_a_name_of_two_genes_of_which_one_has_orthologs(starter: homodb.Release) -> None:
    adata = objects(["Ddit3", "Gcg", "Ins2", "Sst"])
    made, report = homodb.translate(adata, "human", source="mouse", release=starter, return_report=True)
    assert "DDIT3" in made.var_names
    assert any("just one has orthologs" in note and "Ddit3" in note for note in report.notes)
    twins = objects(["Ddit3", "Ddit3-1", "Gcg", "Ins2"])  # of two rows nobody knows which is which
    assert "DDIT3" not in homodb.translate(twins, "human", source="mouse", release=starter).var_names


# The species of genes


def test_the_only_species_that_knows_the_names(starter: homodb.Release, toy: homodb.Release) -> None:
    assert starter.orthologs(["gcga", "insl5a"], target="human")["source_species"].unique().to_list() == ["danio_rerio"]
    with pytest.raises(UndecidedSpeciesError, match="such as human and") as raised:
        starter.orthologs("INS", target="mouse")
    assert {"human", "chimpanzee", "pig"} <= set(raised.value.candidates) and raised.value.option == "source"
    assert sum(one.name in str(raised.value) for one in starter.species) == 0
    assert toy.orthologs("Ins1", target="human")["source_species"][0] == "mus_musculus"
    with pytest.raises(UnknownGeneError):
        starter.orthologs("NOSUCHGENE", target="mouse")
    with pytest.raises(UndecidedSpeciesError):
        starter.orthologs(target="mouse")


@pytest.mark.shared
def test_the_default_carries_real_islets(with_databases: homodb.Release, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "cells" / "baron_mouse_822.h5ad"
    shares = {}
    for evidence in (None, "+databases"):
        report = translate_file(path, tmp_path / "out.h5ad", "human", release=with_databases, evidence=evidence)
        fates = report.by_fate()
        shares[evidence] = dict(fates.select("fate", "share").iter_rows())["mapped"]
        assert dict(fates.select("fate", "genes").iter_rows())["unknown"] <= 84
    assert shares[None] >= 0.935 and shares["+databases"] >= 0.98
    assert inspect(tmp_path / "out.h5ad", release=with_databases).species == "homo_sapiens"


@pytest.mark.slow
def test_the_best_partner_bears_the_genes_own_symbol_where_one_does(starter: homodb.Release) -> None:
    """Every mouse gene with a symbol to human, by loops over its partners."""
    genes = starter.sql(
        "SELECT stable_id, upper(symbol) AS symbol FROM gene JOIN species USING (species) "
        "WHERE name = 'mus_musculus' AND symbol IS NOT NULL AND gene = primary_gene"
    )
    symbol = dict(genes.iter_rows())
    partners: dict[str, set[str]] = {}
    rows = starter.orthologs(source="mouse", target="human", strategy="ens_m2m")
    for gene, target in rows.select("source_id", "target_symbol").iter_rows():
        partners.setdefault(gene, set()).add((target or "").upper())
    best = homodb.translate_genes(list(symbol), to="human", source="mouse", release=starter).filter(fate="mapped")
    chosen = dict(best.select("name", pl.col("target_symbol").str.to_uppercase()).iter_rows())
    assert len(chosen) > 15_000
    assert not {name for name, target in chosen.items() if symbol[name] in partners[name] - {target}}


def test_orthologs_that_the_release_cannot_name_are_told(starter: homodb.Release) -> None:
    """ABCB1 has a pig ortholog without a name; mouse genes have rat orthologs of retired IDs."""
    if starter.schema_version < 5:
        pytest.skip("needs a release that keeps whose orthologs have no name")
    found = homodb.translate_genes(["ABCB1", "INS", "Nonsense"], to="pig", source="human", release=starter)
    assert found["fate"].to_list() == ["unnamed_ortholog", "mapped", "unknown"]
    answers = starter.explain("ABCB1", source="human", target="pig").answers
    assert "in pig without a name" in answers.filter(strategy="ENS_M2M")["why"].item()
    retired = starter.sql(
        "SELECT count(DISTINCT u.gene) AS n FROM unnamed_ortholog u JOIN gene g USING (gene) "
        "JOIN species s ON s.species = g.species JOIN species t ON t.species = u.species "
        "WHERE s.name = 'mus_musculus' AND t.name = 'rattus_norvegicus' AND u.reason = 'retired'"
    )
    assert retired["n"].item() == 2_633
