"""Everything reads back through every reader without a complaint, and what was planted is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import homodb
from homodb.etl import build_release, read_config
from homodb.etl.sources import (
    read_annotation,
    read_biomart,
    read_compara,
    read_history,
    read_proteome,
    read_synonyms,
    read_xrefs,
)
from homodb.schema.species import find


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / f"{name}.tsv.gz", separator="\t", schema_overrides={"symbol": pl.String})


@pytest.fixture(scope="session")
def genes(simulated: Any) -> pl.DataFrame:
    return table(simulated.folder, "truth_genes")


@pytest.fixture(scope="session")
def truth(simulated: Any) -> pl.DataFrame:
    return table(simulated.folder, "truth")


@pytest.fixture(scope="session")
def errors(simulated: Any) -> pl.DataFrame:
    return table(simulated.folder, "truth_errors")


def planted(genes: pl.DataFrame, trait: str) -> pl.DataFrame:
    return genes.filter(pl.col("planted").fill_null("").str.split(";").list.contains(trait))


def called(truth: pl.DataFrame, errors: pl.DataFrame) -> pl.DataFrame:
    """The orthologs that the dumps should hold: the truth less what was lost, wrong types, and false pairs."""
    pair = ["source_id", "target_id"]
    changed = errors.select(*pair, "error", "called_type")
    both = truth.select(*pair, "homology_type").join(changed, on=pair, how="full", coalesce=True)
    typed = both.with_columns(homology_type=pl.coalesce("called_type", "homology_type"))
    return typed.filter(~pl.col("error").is_in(["missed", "split"]).fill_null(False)).select(*pair, "homology_type")


def test_every_file_reads_back(simulated: Any, genes: pl.DataFrame) -> None:
    config = read_config(simulated.summary.config)
    proteins = 0
    for entry in config.species:
        own = genes.filter(pl.col("species") == entry.species.name)
        assert entry.proteome and entry.annotation and entry.synonyms and entry.history
        told = read_proteome(entry.proteome.path, entry.species)
        assert told.skipped == {}
        proteins += told.kept
        coding = own.filter(pl.col("biotype") == "protein_coding")
        assert set(told.genes["stable_id"].to_pylist()) == set(coding["stable_id"])
        annotated = read_annotation(entry.annotation.path, entry.species)
        assert set(annotated.skipped) <= {"feature exon"}
        assert set(annotated.genes["stable_id"].to_pylist()) == set(own["stable_id"])
        assert annotated.canonical.num_rows == own.height
        agreed = pl.DataFrame(annotated.genes).join(pl.DataFrame(told.genes), on="stable_id", suffix="_p")
        for column in ("version", "symbol", "biotype", "region", "region_start", "region_end", "strand"):
            assert agreed[column].equals(agreed[f"{column}_p"], null_equal=True), column
        for source in entry.xrefs:
            assert read_xrefs(source.path, entry.species).skipped == {}
        assert read_synonyms(entry.synonyms.path, entry.species).skipped == {}
        assert read_history(entry.history.path, entry.species).skipped == {}
    assert proteins == simulated.summary.proteins


def test_dumps_part_the_pairs_and_hold_what_was_called(
    simulated: Any, truth: pl.DataFrame, errors: pl.DataFrame
) -> None:
    config = read_config(simulated.summary.config)
    pairs = [(entry.source, entry.target) for entry in config.homologies]
    paths = {source.path for entry in config.homologies for source in entry.paths}
    found, holders = [], {}
    for path in sorted(paths):
        reading = read_compara(path, pairs)
        assert set(reading.skipped) <= {"other_paralog", "within_species_paralog"}
        frame = pl.DataFrame(reading.homologies)
        found.append(frame)
        if "protein_default" in path.name:
            for pair in (
                frame.filter(pl.col("species_a") != pl.col("species_b"))
                .select("species_a", "species_b")
                .unique()
                .rows()
            ):
                holders.setdefault(pair, []).append(path)
    assert len(holders) == len(pairs) and {len(files) for files in holders.values()} == {1}
    rows = pl.concat(found)
    ensembl = rows.filter(pl.col("homology_type") != "gene_split")
    expected = called(truth, errors)
    told = ensembl.select(source_id="stable_id_a", target_id="stable_id_b", homology_type="homology_type")
    assert sorted(told.rows()) == sorted(expected.rows())
    assert errors["error"].n_unique() == 5
    biomart_rows = 0
    for entry in read_config(simulated.folder / "biomart.toml").homologies:
        reading = read_biomart(entry.paths[0].path, entry.source, entry.target)
        own = ensembl.filter(
            (pl.col("species_a") == entry.source.number) & (pl.col("species_b") == entry.target.number)
        )
        columns = [
            "stable_id_a",
            "stable_id_b",
            "homology_type",
            "identity_a",
            "identity_b",
            "goc",
            "wga",
            "confidence",
        ]
        assert sorted(map(str, pl.DataFrame(reading.homologies).select(columns).rows())) == sorted(
            map(str, own.select(columns).rows())
        )
        biomart_rows += reading.kept
    assert biomart_rows == ensembl.height


def test_measured_identity_is_that_of_the_proteins(simulated: Any, truth: pl.DataFrame) -> None:
    """Where neither protein has gaps, residues are compared one by one."""
    config = read_config(simulated.summary.config)
    sequences = {}
    for entry in config.species:
        assert entry.proteome
        for row in read_proteome(entry.proteome.path, entry.species).proteins.to_pylist():
            sequences.setdefault(row["gene_id"], row["sequence"])  # the canonical one stands first
    checked = 0
    for a, b, identity in truth.select("source_id", "target_id", "identity").drop_nulls().iter_rows():
        one, other = sequences[a], sequences[b]
        if len(one) == len(other):
            same = 100 * sum(x == y != "X" for x, y in zip(one, other, strict=True)) / len(one)
            if "X" not in one + other and same > 60:
                assert identity == pytest.approx(same, abs=0.01) or identity > same
                checked += abs(identity - same) < 0.01
    assert checked > 50


@pytest.mark.slow
def test_a_release_builds_and_its_ens_m2m_is_what_was_called(
    simulated: Any, simulated_release: Path, truth: pl.DataFrame, errors: pl.DataFrame
) -> None:
    expected = called(truth, errors)
    with homodb.open(simulated_release) as release:
        mapped = release.sql(
            "SELECT source_id, target_id FROM ens_m2m JOIN species a ON a.name = source_species "
            "JOIN species b ON b.name = target_species WHERE a.species < b.species"
        )
        assert sorted(mapped.rows()) == sorted(expected.select("source_id", "target_id").rows())
        one = release.sql(
            "SELECT source_id, target_id FROM ens_o2o JOIN species a ON a.name = source_species "
            "JOIN species b ON b.name = target_species WHERE a.species < b.species"
        )
        kept = expected.filter(pl.col("homology_type") == "ortholog_one2one").select("source_id", "target_id")
        assert sorted(one.rows()) == sorted(kept.rows())
    folder = simulated_release.parent / "biomart"
    build_release(simulated.folder / "biomart.toml", folder)
    with homodb.open(folder) as release:
        both = release.sql("SELECT count(*) FROM ens_m2m").item()
    assert both == 2 * expected.height


@pytest.mark.slow
def test_planted_traits_are_found_in_the_release(simulated_release: Path, genes: pl.DataFrame) -> None:
    with homodb.open(simulated_release) as release:
        table = release.sql("SELECT g.*, p.stable_id AS primary_id FROM gene g JOIN gene p ON p.gene = g.primary_gene")
        alternate = planted(genes, "alternate_locus")
        not_primary = table.filter(pl.col("stable_id") != pl.col("primary_id"))
        assert set(not_primary["stable_id"]) == set(alternate["stable_id"]) and alternate.height > 5
        assert set(genes.filter(pl.col("primary") == 0)["stable_id"]) == set(alternate["stable_id"])
        ancestors = dict(genes.select("stable_id", "ancestral_gene").iter_rows())
        assert all(ancestors[a] == ancestors[b] for a, b in not_primary.select("stable_id", "primary_id").iter_rows())
        unnamed = table.filter(pl.col("symbol").is_null())["stable_id"]
        assert set(unnamed) == set(genes.filter(pl.col("symbol").is_null())["stable_id"])
        assert set(planted(genes, "no_symbol")["stable_id"]) <= set(unnamed)
        mitochondrial = table.filter("mitochondrial")["stable_id"]
        assert set(mitochondrial) == set(planted(genes, "mitochondrial")["stable_id"])
        primary = table.filter(pl.col("stable_id") == pl.col("primary_id")).drop_nulls("symbol")
        twice = primary.filter(pl.len().over("species", "symbol") > 1)["stable_id"]
        assert set(twice) == set(planted(genes, "shared_symbol")["stable_id"])
        clashes = release.sql(
            "SELECT DISTINCT g.stable_id FROM gene_alias x JOIN gene g USING (gene) "
            "JOIN gene o ON o.species = g.species AND o.symbol = x.alias AND o.gene <> g.gene WHERE x.kind = 'synonym'"
        )
        assert set(clashes["stable_id"]) == set(planted(genes, "alias_clash")["stable_id"])
        split = release.sql(
            "SELECT a.stable_id AS a, b.stable_id AS b FROM homology h JOIN gene a ON a.gene = h.gene_a "
            "JOIN gene b ON b.gene = h.gene_b WHERE h.homology_type = 'gene_split'"
        )
        assert {gene for row in split.rows() for gene in row} == set(planted(genes, "gene_split")["stable_id"])
        retired = release.sql("SELECT DISTINCT stable_id FROM gene_alias JOIN gene USING (gene) WHERE kind = 'retired'")
        assert set(retired["stable_id"]) == set(planted(genes, "retired_id")["stable_id"]) and retired.height > 10
        unknown = release.sql(
            "SELECT DISTINCT g.stable_id FROM protein p JOIN gene g USING (gene) "
            "WHERE p.unknown_residues > 0 AND g.gene = g.primary_gene"
        )
        beside = set(planted(genes, "gene_split")["stable_id"])  # the second part may have got the run of X
        hidden = set(planted(genes, "unknown_residues")["stable_id"])
        assert set(unknown["stable_id"]) - beside == hidden - beside and len(hidden) > 5


def test_symbols_drift_where_it_is_said_and_nowhere_else(
    simulated_release: Path, truth: pl.DataFrame, genes: pl.DataFrame
) -> None:
    """Of true one-to-one pairs of ancestral genes without copies, those have two symbols of which a gene drifted."""
    alone = genes.filter(
        (pl.len().over("species", "ancestral_gene") == 1)
        & (pl.col("biotype") == "protein_coding")
        & ~pl.col("planted").fill_null("").str.contains("shared_symbol|mitochondrial")
        & pl.col("symbol").is_not_null()
    ).select("stable_id", drift=pl.col("planted").fill_null("").str.contains("symbol_drift"))
    with homodb.open(simulated_release) as release:
        told = release.sql("SELECT stable_id, upper(symbol) AS symbol FROM gene WHERE symbol IS NOT NULL")
    own = alone.join(told, on="stable_id")
    pairs = (
        truth.filter(pl.col("homology_type") == "ortholog_one2one")
        .select("source_id", "target_id")
        .join(own, left_on="source_id", right_on="stable_id")
        .join(own, left_on="target_id", right_on="stable_id", suffix="_target")
    )
    differs = pairs["symbol"] != pairs["symbol_target"]
    assert pairs.height > 200 and differs.any()
    assert differs.equals(pairs["drift"] | pairs["drift_target"])


def test_truth_stands_in_the_order_and_form_that_an_exam_reads(truth: pl.DataFrame, genes: pl.DataFrame) -> None:
    assert truth.columns == [
        "source_species", "source_id", "target_species", "target_id", "homology_type", "event", "family",
        "family_size", "divergence", "identity",
    ]  # fmt: skip
    assert genes.columns == [
        "species", "stable_id", "symbol", "family", "ancestral_gene", "biotype", "primary", "expressed_as", "planted",
    ]  # fmt: skip
    assert set(truth["event"]) == {"speciation"}
    assert not truth.select("source_id", "target_id").is_duplicated().any()
    for a, b in truth.select("source_species", "target_species").unique().rows():
        assert find(a).number < find(b).number
    family = dict(genes.select("stable_id", "family").iter_rows())
    own = genes.filter(
        (pl.col("primary") == 1) & (pl.col("planted").fill_null("") != "gene_split")
        | pl.col("symbol").is_not_null() & (pl.col("primary") == 1)
    )
    assert all(family[a] == family[b] == c for a, b, c in truth.select("source_id", "target_id", "family").iter_rows())
    assert own.height > 0
    sure = truth.filter(pl.col("homology_type") == "ortholog_one2one")
    for side, other in (("source", "target"), ("target", "source")):
        assert not sure.select(f"{side}_id", f"{other}_species").is_duplicated().any()
