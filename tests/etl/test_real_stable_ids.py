"""Real BioMart exports with stable IDs, both directions of one pair: alternate loci without a single location."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import homodb
from homodb.etl import build_release

pytestmark = pytest.mark.shared

CONFIG = """\
[release]
version = "ids"
[[species]]
name = "human"
[[species]]
name = "mouse"
[[homology]]
source = "human"
target = "mouse"
format = "biomart"
path = "{data}/orthologs/biomart_human_to_mouse.csv.gz"
[[homology]]
source = "mouse"
target = "human"
format = "biomart"
path = "{data}/orthologs/biomart_mouse_to_human.csv.gz"
[[evidence]]
source = "human"
target = "mouse"
model = "esm2_t48_15B_UR50D"
pooling = "mean"
best_hits = "{data}/pllm/lm_o2o/human_mice.csv.gz"
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[homodb.Release]:
    folder = tmp_path_factory.mktemp("ids")
    (folder / "release.toml").write_text(CONFIG.format(data=shared_data))
    build_release(folder / "release.toml", folder / "rel")
    with homodb.open(folder / "rel") as opened:
        yield opened


@pytest.mark.slow
def test_symbols_with_several_stable_ids_are_settled_where_one_has_the_ortholog(release: homodb.Release) -> None:
    shared = release.sql(
        "with s as (select symbol, count(*) as n, count(*) filter (gene = primary_gene) as main from gene "
        "where species = 1 and symbol is not null group by symbol) "
        "select count(*) filter (n > 1) as several, count(*) filter (n > 1 and main = 1) as settled from s"
    )
    assert shared.row(0) == (3348, 1388)
    tnf = release.explain("TNF", source="human", target="mouse")
    assert tnf.gene["stable_id"].item() == "ENSG00000232810"
    assert len(tnf.gene["aliases"].item()) == 7
    assert set(tnf.answers["target_symbol"]) == {"Tnf"}


@pytest.mark.slow
def test_an_alternate_locus_means_its_primary_gene(release: homodb.Release) -> None:
    found = release.orthologs("ENSG00000204490", source="human", target="mouse")
    assert found.select("source_id", "target_symbol").row(0) == ("ENSG00000232810", "Tnf")


def test_both_directions_of_a_pair_hold_the_same_homologies(release: homodb.Release) -> None:
    pair = release.sql("select homologies, repeated, unnamed from species_pair").row(0)
    assert pair == (26360, 26360, 0)


def test_one_to_one_orthologs_with_stable_ids_are_one_to_one(release: homodb.Release) -> None:
    rows = release.sql(
        "select count(*) n, count(distinct gene_a) a, count(distinct gene_b) b from mapping where strategy = 'ENS_O2O'"
    )
    assert rows.row(0) == (17122, 17122, 17122)


def test_evidence_by_symbol_finds_genes_with_stable_ids(release: homodb.Release) -> None:
    assert (
        release.orthologs("GCG", source="human", target="mouse", strategy="lm_o2o")["target_id"]
        .item()
        .startswith("ENSMUSG")
    )
    manifest = release.manifest
    assert manifest is not None
    lost = [loss for loss in manifest.losses if "several genes bear" in loss["reason"]]
    assert [loss["count"] for loss in lost] == [178]
