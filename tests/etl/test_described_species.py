"""A species that homodb does not know, from a FASTA file to answers: it lives in its release."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import polars as pl
import pytest

import homodb
from homodb.etl import build_release
from homodb.schema.errors import UnknownSpeciesError
from homodb.schema.species import FIRST_DESCRIBED
from tests import messages
from tests.conftest import Once

CONFIG = """
[release]
version = "newt-1"
[[species]]
name = "human"
proteome = "human.fa"
[[species]]
name = "notophthalmus_viridescens"
taxon_id = 8316
common_name = "eastern newt"
proteome = "newt.fa"
protein_genes = "newt.csv"
[embedding]
model = "kmer"
"""
_RESIDUES = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def _build(folder: Path) -> None:
    random = np.random.default_rng(7)
    proteins = ["".join(random.choice(_RESIDUES, 120)) for _ in range(8)]
    changed = ["".join(random.choice(_RESIDUES) if random.random() < 0.1 else one for one in text) for text in proteins]
    (folder / "human.fa").write_text(
        "".join(f">ENSP{n:011} pep gene:ENSG{n:011} gene_symbol:GENE{n}\n{one}\n" for n, one in enumerate(proteins))
    )
    (folder / "newt.fa").write_text("".join(f">m.{n} x\n{one}\n" for n, one in enumerate(changed)))
    (folder / "newt.csv").write_text("protein,gene,symbol\n" + "".join(f"m.{n},nv{n},gene{n}\n" for n in range(8)))
    (folder / "release.toml").write_text(CONFIG)
    build_release(folder / "release.toml", folder / "release")


@pytest.fixture
def newts(once: Once) -> Path:
    return once("newts", _build) / "release"


def test_it_is_known_by_all_its_names(newts: Path) -> None:
    with homodb.open(newts) as release:
        spellings = ("eastern newt", "Notophthalmus viridescens", "N. viridescens", "nviridescens", "NCBITaxon:8316")
        for name in (*spellings, 8316):
            species = release.find_species(name)
            assert species.name == "notophthalmus_viridescens" and species.number >= FIRST_DESCRIBED
        assert release.sql("SELECT species_name('Eastern Newt') AS name").item() == "notophthalmus_viridescens"
        assert "eastern newt" in repr(release)
        with pytest.raises(UnknownSpeciesError, match=messages.Release.eastern_newt):
            release.find_species("western newt")


def test_it_answers(newts: Path) -> None:
    with homodb.open(newts) as release:
        partners = release.orthologs(["gene3", "nv4"], source="eastern newt", target="human")
        assert partners["target_symbol"].to_list() == ["GENE3", "GENE4"]
        by_protein = release.orthologs(["m.3", "m.5"], source="eastern newt", target="human")  # aliases of their genes
        assert by_protein["resolved_as"].to_list() == ["alias", "alias"]
        assert by_protein["target_symbol"].to_list() == ["GENE3", "GENE5"]
        assert release.orthologs("GENE5", target="eastern newt")["target_id"].to_list() == ["nv5"]
        near = release.neighbors("gene1", source="eastern newt", target="human", k=2)
        assert near["target_symbol"][0] == "GENE1" and near["mutual_rank"][0] == 1.0
        mapped = release.orthologs("gene1", source="eastern newt", target="human")
        assert near["margin"][0] == pytest.approx(mapped["margin"].item(), abs=1e-6)
        why = release.explain("gene1", source="eastern newt", target="human").answers["why"].item()
        assert why.endswith("; no Ensembl homologies of the two species") and "1,347 of 1,347 were right" in why
        own = release.neighbors("gene1", source="eastern newt", target="eastern newt", k=2)
        assert own.height == 2 and "nv1" not in own["target_id"]
        cells = anndata.AnnData(np.ones((2, 4), np.float32))
        cells.var_names = ["gene1", "gene2", "gene3", "nothing"]
        translated, report = homodb.translate(
            cells, to="human", source="eastern newt", release=release, return_report=True
        )
        assert list(translated.var_names) == ["GENE1", "GENE2", "GENE3"]
        assert any("of 100 pairs are likely right" in note for note in report.notes)


def test_two_releases_know_their_own(newts: Path, toy: homodb.Release) -> None:
    with homodb.open(newts), pytest.raises(UnknownSpeciesError, match=messages.Release.does_not_hold):
        toy.find_species("eastern newt")


def test_built_again_it_has_the_same_genes(newts: Path, tmp_path: Path) -> None:
    _build(tmp_path)
    genes = [folder / "parquet" / "gene" / "gene.parquet" for folder in (newts, tmp_path / "release")]
    assert pl.read_parquet(genes[0]).equals(pl.read_parquet(genes[1]))
