"""The starter release: rebuilt to the same bytes, and right where its sources are treacherous."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import polars as pl
import pytest

from homodb.etl import build_release, publish_release, read_config
from homodb.schema.catalog import CATALOG, Catalog
from homodb.schema.manifest import MANIFEST, read_manifest, verify
from tests.conftest import ROOT

RELEASES = ROOT / "releases"
STARTER = RELEASES / "starter-2026.1"


def table(name: str) -> pl.DataFrame:
    return pl.read_parquet(STARTER / "parquet" / name / "*.parquet")


@pytest.fixture(scope="module")
def genes() -> pl.DataFrame:
    return table("gene").select("gene", "species", "stable_id", "symbol", "primary_gene")


@pytest.fixture(scope="module")
def pairs(genes: pl.DataFrame) -> pl.DataFrame:
    """Pairs that databases name, with stable IDs."""
    named = table("orthology_pair")
    for side in "ab":
        renamed = genes.select(**{f"gene_{side}": "gene", f"id_{side}": "stable_id", f"symbol_{side}": "symbol"})
        named = named.join(renamed, on=f"gene_{side}")
    return named


@pytest.mark.slow
def test_built_again_to_the_same_bytes(tmp_path: Path) -> None:
    """With another DuckDB, whose Parquet files are other bytes, to the same rows."""
    manifest = build_release(read_config(STARTER / "release.toml"), tmp_path / "rel")
    earlier = read_manifest(STARTER)
    assert (manifest.rows, manifest.losses, manifest.strategies) == (earlier.rows, earlier.losses, earlier.strategies)
    if f"DuckDB version v{duckdb.__version__}".encode() in (STARTER / "parquet/release/release.parquet").read_bytes():
        assert manifest.files == earlier.files
    for file in earlier.files:
        assert pl.read_parquet(tmp_path / "rel" / file.path).equals(pl.read_parquet(STARTER / file.path)), file.path


@pytest.mark.slow
def test_it_is_what_the_manifest_and_the_catalog_say(tmp_path: Path) -> None:
    checked = verify(STARTER)
    (entry,) = Catalog.from_json((RELEASES / CATALOG).read_bytes(), "releases").releases
    assert (entry.name, entry.manifest_sha256) == ("starter-2026.1", checked.manifest_sha256)
    assert {file.path: (file.bytes, file.sha256) for file in entry.files} == {
        file.path: (file.bytes, file.sha256) for file in checked.manifest.files
    }
    assert all(file.kind == "parquet" for file in checked.manifest.files) and checked.bytes < 16_000_000
    assert len(checked.manifest.species) == 20 and len(checked.manifest.strategies) == 5
    # a copy of the folder is a catalog too; publishing in place checks every invariant, and changes nothing
    before = (RELEASES / CATALOG).read_bytes()
    assert publish_release(STARTER, RELEASES) == entry
    assert (RELEASES / CATALOG).read_bytes() == before


def test_every_input_is_used_once_and_named_in_the_sources() -> None:
    provenance = table("provenance")
    inputs = sorted(path.relative_to(STARTER).as_posix() for path in (STARTER / "inputs").rglob("*.gz"))
    assert sorted(provenance["path"]) == inputs
    assert provenance["sha256"].is_unique().all()
    text = (STARTER / "SOURCES.md").read_text("utf-8")
    for folder in {path.split("/")[1] for path in inputs}:
        assert f"`inputs/{folder}/" in text
    for label in ("CC BY 4.0", "CC0", "states no licence"):
        assert label in text


def test_ids_are_those_of_the_gene_lists(genes: pl.DataFrame) -> None:
    """Rat's IDs of release 110 are for 7 % retired; those of HCOP for a dozen species here and there."""
    for path in sorted((STARTER / "inputs" / "genes").glob("*.tsv.gz")):
        listed = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None)
        name = path.name.removesuffix(".tsv.gz")
        number = table("species").filter(pl.col("name") == name)["species"].item()
        assert sorted(genes.filter(pl.col("species") == number)["stable_id"]) == sorted(listed["stable_id"]), name


@pytest.mark.parametrize(
    ("name", "stem", "share"), [("gallus_gallus", "ENSGALG00010", 0.9), ("canis_lupus_familiaris", "ENSCAFG00845", 0.9)]
)
def test_one_assembly_of_dog_and_chicken(genes: pl.DataFrame, name: str, stem: str, share: float) -> None:
    number = table("species").filter(pl.col("name") == name)["species"].item()
    ids = genes.filter(pl.col("species") == number)
    assert ids["stable_id"].str.starts_with(stem).mean() > share
    retired = table("gene_alias").filter(pl.col("kind") == "retired").join(ids, on="gene")
    assert retired.height > 7_000 and not retired["alias"].str.starts_with(stem).all()
    mapped = table("mapping").filter(pl.col("species_b") == number).join(ids, left_on="gene_b", right_on="gene")
    assert mapped["stable_id"].str.starts_with(stem).all()


def test_genes_that_the_readme_names(pairs: pl.DataFrame) -> None:
    """Ensembl 114 has no partner of Eef1a1 and Fth1, and one of Rpl13a; ten databases have all three."""
    mouse = pairs.filter(pl.col("species_b") == 2)
    mapped = table("mapping").filter((pl.col("species_b") == 2) & (pl.col("strategy") == "ENS_M2M"))
    for symbol in ("Eef1a1", "Fth1", "Rpl13a"):
        best = mouse.filter(pl.col("symbol_b") == symbol).sort("n_databases", descending=True).row(0, named=True)
        assert best["symbol_a"] == symbol.upper() and best["n_databases"] >= 10
        pair = (mapped["gene_a"] == best["gene_a"]) & (mapped["gene_b"] == best["gene_b"])
        assert pair.any() == (symbol == "Rpl13a")
    chicken = pairs.filter((pl.col("species_b") == 114) & (pl.col("symbol_a") == "GAPDH"))
    assert chicken.select("id_b", "n_databases").rows() == [("ENSGALG00010022038", 7)]
    pig = pairs.filter((pl.col("species_b") == 61) & (pl.col("symbol_a") == "PDX1"))
    assert pig.select("id_b", "n_databases").rows() == [("ENSSSCG00000055811", 4)]


def test_chimpanzee_is_not_joined_by_stale_names(genes: pl.DataFrame) -> None:
    """Each gene stands in one one-to-one pair; BioMart's names of targets would put some into two."""
    one2one = table("mapping").filter((pl.col("species_b") == 8) & (pl.col("strategy") == "ENS_O2O"))
    assert one2one.height > 16_000
    assert one2one["gene_a"].is_unique().all() and one2one["gene_b"].is_unique().all()
    sources = table("data_source").filter((pl.col("species_b") == 8) & (pl.col("kind") == "homologies"))
    assert sources.select("name", "ensembl", "type_basis").rows() == [("HCOP", "107", "derived")]


def test_sources_say_which_ensembl_release_and_which_types(genes: pl.DataFrame) -> None:
    sources = table("data_source").filter(pl.col("kind") == "homologies")
    by_pair = {
        (a, b): (ensembl, basis)
        for a, b, ensembl, basis in sources.select("species_a", "species_b", "ensembl", "type_basis").rows()
    }
    assert len(by_pair) == sources.height == table("species_pair").height == 21
    assert {pair for pair, (_, basis) in by_pair.items() if basis == "ensembl"} == {
        (1, 2),
        (1, 3),
        (1, 61),
        (2, 3),
        (2, 61),
    }
    assert by_pair[1, 2] == ("114", "ensembl") and by_pair[1, 3] == by_pair[2, 3] == ("110", "ensembl")


def test_copies_of_a_name_are_genes_of_their_own(genes: pl.DataFrame) -> None:
    """Pig has 17,659 named genes and 16,394 names; its assembly has no haplotypes."""
    pig = genes.filter((pl.col("species") == 61) & pl.col("symbol").is_not_null())
    assert (pig.height, pig["symbol"].n_unique()) == (17_659, 16_394)
    assert (pig["gene"] == pig["primary_gene"]).all()


def test_embedding_evidence_lies_in_files_of_its_own() -> None:
    document = json.loads((STARTER / MANIFEST).read_text())
    mapping = [file["path"] for file in document["files"] if file["path"].startswith("parquet/mapping/")]
    of_embedding = [path for path in mapping if path.endswith(".embedding1.parquet")]
    assert len(mapping) == 21 + 3 and len(of_embedding) == 3
    for path in mapping:
        kinds = set(pl.read_parquet(STARTER / path, columns=["strategy"])["strategy"])
        assert kinds == ({"LM_O2O", "HL_O2O"} if path in of_embedding else {"ENS_M2M", "ENS_O2O", "HM_O2O"})
