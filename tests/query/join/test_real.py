"""Human, mouse and pig by the real release: the reference's joint tables and its copied features."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest

import homodb
from homodb.query.genes import Pair
from homodb.query.join import JoinReport, JoinRoute, join
from homodb.schema.enums import Strategy

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def release(real_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(real_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def islets(shared_data: Path) -> list[Path]:
    return [shared_data / "cells" / name for name in ("baron_human_175.h5ad", "baron_mouse_822.h5ad")]


@pytest.fixture(scope="module")
def whole(release: homodb.Release) -> list[anndata.AnnData]:
    """A cell of each species that has every gene once."""
    rows = release.sql(
        "SELECT s.name, g.stable_id FROM gene g JOIN species s USING (species) WHERE g.gene = g.primary_gene"
    )
    genes = dict(rows.group_by("name").agg("stable_id").iter_rows())
    return [
        anndata.AnnData(np.ones((1, len(genes[name])), np.int32), var=pd.DataFrame(index=genes[name]))
        for name in ("homo_sapiens", "mus_musculus", "sus_scrofa")
    ]


def joined(
    release: homodb.Release, objects: Sequence[anndata.AnnData], strategy: str, **more: object
) -> tuple[anndata.AnnData, JoinReport]:
    species = ["human", "mouse", "pig"][: len(objects)]
    return join(objects, species=species, strategy=strategy, release=release, via="mouse", **more, return_report=True)  # type: ignore[arg-type]


def published(shared_data: Path, strategy: str) -> set[tuple[str, ...]]:
    with gzip.open(shared_data / "pllm" / "dataset" / f"human_mice_pig.{strategy}.csv.gz", "rt") as file:
        return {tuple(row) for row in list(csv.reader(file))[1:]}


def table_of(joint: anndata.AnnData) -> list[tuple[str, ...]]:
    """The rows of symbols; a gene without one bears its stable ID, which no published row has."""
    ids = ["homodb_homo_sapiens_id", "homodb_mus_musculus_id", "homodb_sus_scrofa_id"]
    return list(joint.var[ids].itertuples(index=False, name=None))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ens_o2o", "hl_o2o"])
def test_the_published_joint_tables(
    release: homodb.Release, shared_data: Path, whole: list[anndata.AnnData], strategy: str
) -> None:
    """ENS_O2O is the published table; of HL_O2O, whose ties the reference leaves to chance, nearly all rows are."""
    joint, _ = joined(release, whole, strategy)
    found, wanted = table_of(joint), published(shared_data, strategy)
    assert len(set(found)) == len(found) == joint.n_vars
    if strategy == "ens_o2o":
        assert set(found) == wanted
    assert len(set(found) & wanted) >= 0.994 * len(wanted) and len(set(found) - wanted) <= 0.006 * len(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ens_o2o", "hl_o2o"])
def test_from_the_published_pairs_the_published_joint_tables(
    release: homodb.Release,
    shared_data: Path,
    whole: list[anndata.AnnData],
    strategy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the published pairs of genes in place of the release's, the features are the published rows, all of them."""
    keys: dict[str, int] = dict(
        release.sql("SELECT s.name || g.stable_id, g.gene FROM gene g JOIN species s USING (species)").iter_rows()
    )
    files = {"homo_sapiens": ("human_mice", False), "sus_scrofa": ("mice_pig", True)}

    def pairs(way: JoinRoute, pair: Pair, wanted: Strategy) -> pl.DataFrame:
        if pair.source.name != "mus_musculus" or pair.target.name not in files:
            return pair.mapping(wanted)
        name, forward = files[pair.target.name]
        with gzip.open(shared_data / "pllm" / strategy / f"{name}.csv.gz", "rt") as file:
            rows = [row[:2] if forward else row[1::-1] for row in list(csv.reader(file))[1:]]
        known = [(keys.get(f"{pair.source.name}{a}"), keys.get(f"{pair.target.name}{b}")) for a, b in rows if a and b]
        assert all(a is not None and b is not None for a, b in known)
        return pl.DataFrame(known, schema=["source_gene", "target_gene"], orient="row").with_columns(
            evidence_class=pl.lit("ensembl")
        )

    monkeypatch.setattr(JoinRoute, "_mapping", pairs)
    joint, _ = joined(release, whole, strategy)
    assert sorted(table_of(joint)) == sorted(published(shared_data, strategy))


@pytest.mark.slow
def test_conflicts_of_chain_and_direct_pair(release: homodb.Release, whole: list[anndata.AnnData]) -> None:
    """Both genes have other direct partners in 0.03 % of rows with Ensembl behind both legs, else in 15 %."""
    joint, report = joined(release, whole, "hl_o2o")
    told = {row["behind"]: row for row in report.verdicts.iter_rows(named=True)}
    counts = {
        key: tuple(row[one] for one in ("confirmed", "contradicted", "half", "silent")) for key, row in told.items()
    }
    assert counts == {
        "Ensembl behind both legs": (15301, 4, 28, 0),
        "the language model alone behind one": (204, 35, 142, 7),
    }
    assert told["Ensembl behind both legs"]["share_contradicted"] == pytest.approx(0.0003, abs=0.00005)
    assert told["the language model alone behind one"]["share_contradicted"] == pytest.approx(0.15, abs=0.005)
    assert report.conflicts.height == 4 + 28 + 35 + 142
    agreed, narrower = joined(release, whole, "hl_o2o", consistent=True)
    assert agreed.n_vars == 15301 + 204 and narrower.conflicts.height == report.conflicts.height
    assert "216 rows that not every direct pair confirms were left out" in narrower.notes
    assert dict(narrower.steps)["that every direct pair confirms"] == agreed.n_vars
    assert set(agreed.var["homodb_mus_musculus"]) < set(joint.var["homodb_mus_musculus"])


@pytest.mark.slow
def test_the_hub_that_direct_pairs_contradict_least(release: homodb.Release, whole: list[anndata.AnnData]) -> None:
    """Mouse: 37 of 15 511 rows; by pig the table is longer by rows that no direct pair confirms."""
    _, report = join(whole, species=["human", "mouse", "pig"], release=release, return_report=True)
    assert report.hub == "mus_musculus" and report.feature_count == 15_511
    assert any("human 76 of 15,556, mouse 37 of 15,511, pig 95 of 15,578" in note for note in report.notes)


@pytest.mark.slow
def test_the_references_copied_features(release: homodb.Release, shared_data: Path, islets: list[Path]) -> None:
    """Names lower-cased, of repeated genes the first, every row whose genes both have: all 11 860, every count."""
    human, mouse = (anndata.read_h5ad(path) for path in islets)
    places = [
        {name.lower(): place for place, name in reversed(list(enumerate(one.var_names)))} for one in (human, mouse)
    ]
    with gzip.open(shared_data / "pllm" / "ens_m2m" / "human_mice.txt.gz", "rt") as file:
        rows = csv.DictReader(file, delimiter="\t")
        named = {
            (row["Gene name"].lower(), row["Mouse gene name"].lower())
            for row in rows
            if row["Gene name"] and row["Mouse gene name"]
        }
    reference = sorted((a, b) for a, b in named if a in places[0] and b in places[1])
    assert len(reference) == 11_860
    joint = join(islets, species=["human", "mouse"], strategy="ens_m2m", features="copy", release=release)
    ours = {
        (a.lower(), b.lower()): place
        for place, (a, b) in enumerate(
            zip(joint.var["homodb_homo_sapiens"], joint.var["homodb_mus_musculus"], strict=True)
        )
    }
    assert set(reference) <= set(ours) and len(ours) == joint.n_vars == 11_886  # 19 of renamed families more
    more = set(ours) - set(reference)
    assert {("krtap16.1", "krtap16.1"), ("nkx2.2", "nkx2.2")} <= more  # R wrote - as .
    assert {("sept9", "sept9"), ("march5", "march5")} <= more
    assert all(name == name.lower() for name in joint.var_names)
    columns = joint.X.tocsc()[:, [ours[pair] for pair in reference]]
    copied = [
        one.X.tocsc()[:, [where[pair[k]] for pair in reference]]
        for k, (one, where) in enumerate(zip((human, mouse), places, strict=True))
    ]
    assert (columns[:175] != copied[0]).nnz == 0 and (columns[175:] != copied[1]).nnz == 0


@pytest.mark.slow
def test_islets(release: homodb.Release, islets: list[Path]) -> None:
    """Rows and shares; a group of orthologs never carries less than the one-to-one rows of the same evidence."""
    rows, by_rows = join(
        islets, species=["human", "mouse"], release=release, shared_types="cell_type", return_report=True
    )
    groups, by_groups = join(islets, release=release, strategy="ens_m2m", shared_types="cell_type", return_report=True)
    assert rows.n_obs == groups.n_obs == 633 and rows.n_vars == 11_750 and groups.n_vars == 11_758
    assert (by_groups.files["carried"] >= by_rows.files["carried"]).all()
    assert by_rows.files["given"].all() and not by_groups.files["given"].any()
    assert groups.X.dtype == np.int32 and set(groups.obs["species"].cat.categories) == {"human", "mouse"}
    filtered = by_groups.fates.filter((pl.col("name") == "Ins2") & (pl.col("file") == "baron_mouse_822.h5ad"))
    assert filtered["detail"].item() == "its partner in human is not measured"  # the human file has no INS
