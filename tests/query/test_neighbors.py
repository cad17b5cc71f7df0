"""Neighbours, against a brute-force float64 Pearson correlation; files that are missing, altered or of another kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import write_index
from homodb.query.genes import nearest
from homodb.query.release import find_embedding
from homodb.schema.errors import (
    BrokenReleaseError,
    HomodbError,
    MissingEmbeddingError,
    UnknownGeneError,
    UnknownSpeciesError,
)
from homodb.schema.vectors import GeneVectors, read_vectors, write_vectors
from tests import messages


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def release(vectors_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(vectors_folder) as opened:
        yield opened


@pytest.fixture
def copy(vectors_folder: Path, tmp_path: Path) -> Path:
    """A release whose files a test may break."""
    return Path(shutil.copytree(vectors_folder, tmp_path / "copy"))


def pearson(query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Pearson's correlation by its definition, one pair at a time, in float64; 0 where one of the two is constant."""
    out = []
    a = query.astype(np.float64) - query.astype(np.float64).mean()
    for vector in vectors.astype(np.float64):
        b = vector - vector.mean()
        constant = (vector == vector[0]).all() or (query == query[0]).all()
        out.append(0.0 if constant else float((a * b).sum()) / float(np.sqrt((a**2).sum()) * np.sqrt((b**2).sum())))
    return np.array(out)


def check_exact(queries: GeneVectors, targets: GeneVectors, k: int, folder: Path, **options: Any) -> None:
    """Compare what is found with the k best of all pairs; among equal ones those with the lowest keys."""
    write_vectors(folder / "v.parquet", targets)
    write_index(folder / "v.usearch", targets)
    found = nearest(queries, folder / "v.parquet", folder / "v.usearch", k, **options)
    assert len(found) == len(queries.genes)
    for gene, vector, one in zip(queries.genes, queries.vectors, found, strict=True):
        others = targets.genes != gene
        true = pearson(vector, targets.vectors[others])
        assert len(one.genes) == len(one.correlations) == min(k, len(true))
        place = dict(zip(targets.genes[others].tolist(), true.tolist(), strict=True))
        assert np.allclose(one.correlations, [place[key] for key in one.genes.tolist()], atol=1e-12)
        assert np.allclose(one.correlations, np.sort(true)[::-1][: len(one.genes)], atol=1e-12)
        assert len(set(one.genes.tolist())) == len(one.genes)
        keys = list(zip((-one.correlations).tolist(), one.genes.tolist(), strict=True))
        assert keys == sorted(keys)
        if len(one.genes):  # of equal vectors at the end of the list, those with the lowest keys are in it
            last = one.genes[-1]
            same = [
                key for key, value in zip(targets.genes.tolist(), targets.vectors, strict=True)
                if key != gene and (value == targets.vectors[np.flatnonzero(targets.genes == last)[0]]).all()
            ]  # fmt: skip
            assert set(sorted(same)[: same.index(int(last)) + 1]) <= set(one.genes.tolist())


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 700])
def test_nearest_of_random_vectors_are_those_of_brute_force(tmp_path: Path, count: int, whole: bool) -> None:
    rng = np.random.default_rng(count)
    targets = GeneVectors(np.arange(count) * 3 + 7, rng.standard_normal((count, 40)).astype(np.float32))
    queries = GeneVectors(np.arange(5) + 10**6, rng.standard_normal((5, 40)).astype(np.float32))
    check_exact(queries, targets, 10, tmp_path, whole=whole)


@pytest.mark.parametrize("whole", [False, True])
def test_nearest_when_all_correlations_lie_within_what_half_precision_cannot_tell(tmp_path: Path, whole: bool) -> None:
    rng = np.random.default_rng(0)
    base = rng.standard_normal(64)
    vectors = (base + 1e-3 * rng.standard_normal((3000, 64))).astype(np.float32)
    targets = GeneVectors(np.arange(3000), vectors)
    check_exact(GeneVectors(np.array([9999]), vectors[:1] * 2), targets, 10, tmp_path, whole=whole)


@pytest.mark.parametrize("whole", [False, True])
def test_nearest_of_tied_constant_huge_and_tiny_vectors(tmp_path: Path, whole: bool) -> None:
    rng = np.random.default_rng(1)
    few = rng.standard_normal((4, 16)).astype(np.float32)
    vectors = few[rng.integers(0, 4, 500)]
    vectors[100:120] = 3.0
    vectors[200] = 0.0
    vectors[300:310] *= np.float32(1e18)
    vectors[310:320] *= np.float32(1e-18)
    targets = GeneVectors(np.sort(rng.choice(10**6, 500, replace=False)), vectors)
    queries = GeneVectors(targets.genes[[0, 1, 100, 305]], vectors[[0, 1, 100, 305]])
    check_exact(queries, targets, 30, tmp_path, whole=whole)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 40), dimensions=st.integers(2, 12), levels=st.integers(1, 4), k=st.integers(1, 50),
    seed=st.integers(0, 2**32 - 1), whole=st.booleans(), offset=st.sampled_from([0.0, 5.0, -1000.0]),
)  # fmt: skip
def test_nearest_of_few_levels_many_ties(
    tmp_path: Path, rows: int, dimensions: int, levels: int, k: int, seed: int, whole: bool, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    vectors = (rng.integers(0, levels, (rows, dimensions)) + offset).astype(np.float32)
    targets = GeneVectors(np.arange(rows, dtype=np.int64) + 2**24, vectors)
    chosen = rng.integers(0, rows, 3)
    check_exact(GeneVectors(targets.genes[chosen], vectors[chosen]), targets, k, tmp_path, whole=whole)


def test_many_queries_at_once_find_what_each_finds_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    targets = GeneVectors(np.arange(900), rng.standard_normal((900, 20)).astype(np.float32))
    write_vectors(tmp_path / "v.parquet", targets)
    write_index(tmp_path / "v.usearch", targets)
    files = tmp_path / "v.parquet", tmp_path / "v.usearch"
    for one, other in zip(
        nearest(targets, *files, 7), nearest(targets, *files, 7, whole=False), strict=True
    ):  # fmt: skip
        assert (one.genes == other.genes).all() and (one.correlations == other.correlations).all()


def test_a_graph_finds_nearly_all_and_says_true_correlations(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((100, 32))
    vectors = (centres[rng.integers(0, 100, 1000)] + 0.5 * rng.standard_normal((1000, 32))).astype(np.float32)
    targets = GeneVectors(np.arange(1000), vectors)
    write_vectors(tmp_path / "v.parquet", targets)
    write_index(tmp_path / "g.usearch", targets, graph_from=999)
    queries = GeneVectors(targets.genes[:50], vectors[:50])
    found = nearest(queries, tmp_path / "v.parquet", tmp_path / "g.usearch", 10, whole=False)
    hits = 0
    for gene, vector, one in zip(queries.genes, queries.vectors, found, strict=True):
        true = pearson(vector, vectors)
        assert np.allclose(one.correlations, true[one.genes], atol=1e-12) and gene not in one.genes
        true[gene] = -2
        hits += len(set(np.argsort(-true)[:10].tolist()) & set(one.genes.tolist()))
    assert hits >= 0.99 * 500


def brute(folder: Path, source: str, target: str, model: str = "kmer-mean") -> dict[tuple[int, int], float]:
    a, b = (read_vectors(folder / "embeddings" / f"{species}.{model}.parquet") for species in (source, target))
    return {
        (int(gene), int(other)): float(r)
        for gene, vector in zip(a.genes, a.vectors, strict=True)
        for other, r in zip(b.genes, pearson(vector, b.vectors), strict=True)
    }


def test_neighbors_of_every_gene_are_right_in_order_and_correlation(
    release: homodb.Release, vectors_folder: Path
) -> None:
    true = brute(vectors_folder, "homo_sapiens", "mus_musculus")
    keys = dict(release.sql("SELECT stable_id, gene FROM gene WHERE gene = primary_gene").iter_rows())
    sources = sorted({gene for gene, _ in true})
    ids = {gene: name for name, gene in keys.items()}
    answer = release.neighbors([ids[gene] for gene in sources], source="human", target="mouse", k=4)
    assert answer.height == 4 * len(sources) and answer["why"].is_null().all()
    assert answer["rank"].to_list() == [1, 2, 3, 4] * len(sources)
    for gene in sources:
        rows = answer.filter(pl.col("name") == ids[gene])
        best = sorted((-r, other) for (one, other), r in true.items() if one == gene)[:4]
        assert [keys[name] for name in rows["target_id"]] == [other for _, other in best]
        assert np.allclose(rows["correlation"], [-r for r, _ in best])


def test_ranks_and_margins_are_right_from_both_sides(release: homodb.Release, vectors_folder: Path) -> None:
    true = brute(vectors_folder, "homo_sapiens", "mus_musculus")
    keys = dict(release.sql("SELECT stable_id, gene FROM gene WHERE gene = primary_gene").iter_rows())
    ids = {gene: name for name, gene in keys.items()}
    asked = [ids[gene] for gene in sorted({a for a, _ in true})]
    answer = release.neighbors(asked, source="human", target="mouse", k=3)
    best: dict[int, list[float]] = {}
    for (a, b), r in true.items():
        for gene in (a, b):
            best.setdefault(gene, []).append(r)
    margins = []
    for row in answer.iter_rows(named=True):
        a, b = keys[row["source_id"]], keys[row["target_id"]]
        back = sorted((-r, one) for (one, other), r in true.items() if other == b)
        assert row["rank_back"] == [one for _, one in back].index(a) + 1
        assert row["mutual_rank"] == pytest.approx((row["rank"] * row["rank_back"]) ** 0.5)
        firsts = [sorted(best[gene])[-1] - sorted(best[gene])[-2] for gene in (a, b)]
        assert row["margin"] == (pytest.approx(min(firsts), abs=1e-6) if row["mutual_rank"] == 1 else None)
        margins.append(row["margin"])
    assert any(one is not None for one in margins) and any(one is None for one in margins)
    best_row = answer.filter(pl.col("margin").is_not_null()).row(0, named=True)
    alone = release.neighbors(best_row["source_id"], source="human", target="mouse", k=1)
    assert alone["margin"].item() == pytest.approx(best_row["margin"], abs=1e-6)


def test_neighbors_says_what_ensembl_and_the_strategies_know(release: homodb.Release) -> None:
    answer = release.neighbors("INS", source="human", target="mouse", k=50)
    by_symbol = {row["target_symbol"]: row for row in answer.iter_rows(named=True)}
    ins2 = by_symbol["Ins2"]
    assert ins2["homology_type"] == "ortholog_one2many" and ins2["confidence"] == 1
    assert ins2["strategies"] == ["ENS_M2M", "HL_O2O", "HM_O2O", "LM_O2O"] and ins2["evidence_class"] == "both"
    assert ins2["n_isoforms"] >= 1 and ins2["n_nmd"] in (0, 1) and ins2["embedding"] == "kmer-mean"
    vwf = by_symbol["Vwf"]
    assert vwf["homology_type"] is None and vwf["confidence"] is None and vwf["strategies"] == []
    assert vwf["evidence_class"] is None
    found = release.neighbors(["VWF", "INS", "ORPH1", "FCER1A"], source="human", target="mouse", k=50)
    classes = {
        (a, b): (c, h)
        for a, b, c, h in found.select("source_symbol", "target_symbol", "evidence_class", "homology_type").iter_rows()
    }
    assert classes["VWF", "Vwf"] == ("ensembl", "ortholog_one2one")
    assert classes["VWF", "4930451I11Rik"] == ("lm_contradicts", None)
    assert classes["ORPH1", "Orph9"] == ("lm_orphan", None)
    assert classes["FCER1A", "Fcer1a"] == ("ensembl", "ortholog_one2one")
    assert classes["INS", "Gcg"] == (None, None)
    other = release.neighbors("INS", source="human", target="mouse", k=50, embedding="kmer-max")
    row = other.row(by_predicate=pl.col("target_symbol") == "Ins2", named=True)
    assert row["strategies"] == ["ENS_M2M", "HM_O2O"] and row["evidence_class"] == "ensembl"


def test_a_gene_without_any_ortholog_has_neighbors(release: homodb.Release) -> None:
    assert release.orthologs("CXCL8", source="human", target="mouse")["target_id"].to_list() == [None]
    answer = release.neighbors("IL8", source="human", target="mouse", k=3)
    assert answer["source_symbol"].unique().to_list() == ["CXCL8"] and answer["resolved_as"][0] == "alias"
    assert answer["target_id"].null_count() == 0 and answer.height == 3


def test_neighbors_within_a_species_leave_the_gene_itself_out(release: homodb.Release, vectors_folder: Path) -> None:
    true = brute(vectors_folder, "mus_musculus", "mus_musculus")
    answer = release.neighbors("Gcg", source="mouse", target="mouse", k=100)
    own = release.sql("SELECT gene FROM gene WHERE symbol = 'Gcg'").item()
    best = sorted((-r, other) for (one, other), r in true.items() if one == own and other != own)
    assert np.allclose(answer["correlation"], [-r for r, _ in best])
    assert "Gcg" not in answer["target_symbol"].to_list()


def test_another_embedding_is_used_when_asked(release: homodb.Release, vectors_folder: Path) -> None:
    true = brute(vectors_folder, "homo_sapiens", "mus_musculus", "kmer-max")
    answer = release.neighbors("INS", source="human", target="mouse", k=1, embedding="kmer-max")
    own = release.sql("SELECT gene FROM gene WHERE symbol = 'INS' AND species = 1").item()
    assert answer["correlation"][0] == pytest.approx(max(r for (one, _), r in true.items() if one == own))
    assert answer["embedding"][0] == "kmer-max"


def test_names_without_an_answer_have_a_row_that_says_why(release: homodb.Release) -> None:
    names = ["INS", "MALAT1", "TBCE", "nonsense", "INS"]
    answer = release.neighbors(names, source="human", target="pig", k=2)
    assert answer["name"].to_list() == ["INS", "INS", "MALAT1", "TBCE", "nonsense", "INS", "INS"]
    why = dict(answer.select("name", "why").iter_rows())
    assert why["INS"] is None and why["MALAT1"] == "no protein: lncRNA"
    assert why["TBCE"].startswith("ambiguous") and why["nonsense"] == "unknown"
    assert answer.filter(pl.col("why").is_not_null())["target_id"].null_count() == 3


def test_an_alternate_locus_is_answered_by_its_primary_gene(release: homodb.Release) -> None:
    copies = release.sql("SELECT stable_id, primary_gene FROM gene WHERE gene <> primary_gene AND symbol = 'TNF'")
    primary = release.sql("SELECT stable_id FROM gene WHERE gene = ?", [copies["primary_gene"][0]]).item()
    answer = release.neighbors(copies["stable_id"][0], source="human", target="mouse", k=1)
    assert answer["source_id"].to_list() == [primary]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"genes": "nonsense"}, UnknownGeneError, ["nonsense", "unknown"]),
        ({"genes": "MALAT1"}, MissingEmbeddingError, ["MALAT1", "no protein: lncRNA"]),
        ({"genes": "INS", "target": "zebrafish"}, UnknownSpeciesError, ["danio_rerio"]),
        ({"genes": "INS", "embedding": "esm2-mean"}, MissingEmbeddingError, ["esm2-mean", "kmer-mean, kmer-max"]),
        ({"genes": "INS", "embedding": "kmer"}, MissingEmbeddingError, ["several poolings", "kmer-mean, kmer-max"]),
        ({"genes": "INS", "target": "pig", "embedding": "kmer-max"}, MissingEmbeddingError, ["sus_scrofa", "kmer-max"]),
    ],
)
def test_questions_that_cannot_be_answered(
    release: homodb.Release, arguments: dict[str, str], error: type[HomodbError], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        release.neighbors(**({"source": "human", "target": "mouse"} | arguments))  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words)


def test_less_than_one_neighbour_is_refused(release: homodb.Release) -> None:
    with pytest.raises(ValueError, match=messages.Genes.k_is_0):
        release.neighbors("INS", source="human", target="mouse", k=0)


def test_a_release_without_vectors_says_how_to_get_some(toy: homodb.Release) -> None:
    with pytest.raises(MissingEmbeddingError, match=messages.Genes.holds_no_vectors_made):
        toy.neighbors("INS", source="human", target="mouse")


def test_the_database_alone_is_not_enough(vectors_folder: Path, tmp_path: Path) -> None:
    database = next(vectors_folder.glob("*.duckdb"))
    with (
        homodb.open(database) as release,
        pytest.raises(MissingEmbeddingError, match=messages.Genes.open_folder) as caught,
    ):
        release.neighbors("INS", source="human", target="mouse")
    assert str(vectors_folder) in str(caught.value)
    alone = Path(shutil.copy(database, tmp_path / "alone.duckdb"))
    with (
        homodb.open(alone) as release,
        pytest.raises(MissingEmbeddingError, match=messages.Genes.only_this_duckdb_file),
    ):
        release.neighbors("INS", source="human", target="mouse")
    with homodb.open(alone) as release:
        assert find_embedding(release).name == "kmer-mean"


def ask(folder: Path) -> pl.DataFrame:
    with homodb.open(folder) as release:
        return release.neighbors("INS", source="human", target="mouse", k=3)


INDEX = "embeddings/mus_musculus.kmer-mean.usearch"
TARGETS = "embeddings/mus_musculus.kmer-mean.parquet"
SOURCES = "embeddings/homo_sapiens.kmer-mean.parquet"


@pytest.mark.parametrize("name", [INDEX, TARGETS, SOURCES])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BrokenReleaseError, match=messages.Shared.cannot_be_read) as caught:
        ask(copy)
    assert name in str(caught.value)


@pytest.mark.parametrize("place", [0, 60, 200, -1])
def test_an_altered_index_is_refused_wherever_it_was_altered(copy: Path, place: int) -> None:
    altered = bytearray((copy / INDEX).read_bytes())
    altered[place] ^= 1
    (copy / INDEX).write_bytes(altered)
    with pytest.raises(BrokenReleaseError, match=messages.Genes.is_not_file_manifest_names):
        ask(copy)


@pytest.mark.parametrize("name", [INDEX, TARGETS, SOURCES])
def test_a_truncated_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:-7])
    with pytest.raises(BrokenReleaseError, match=messages.Genes.bytes):
        ask(copy)


@pytest.mark.parametrize("name", [TARGETS, SOURCES])
def test_altered_vectors_are_noticed_where_they_are_read(copy: Path, name: str) -> None:
    whole = (copy / name).read_bytes()
    vectors = read_vectors(copy / name).vectors
    place = whole.index(vectors[5].tobytes())
    for one in range(len(vectors)):  # whichever rows are read
        place = whole.index(vectors[one].tobytes())
        whole = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    (copy / name).write_bytes(whole)
    with pytest.raises(BrokenReleaseError, match=messages.Genes.cannot_be_read_as_vectors):
        ask(copy)


def test_an_index_is_read_through_once_and_again_after_a_change(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib
    import os

    read: list[str] = []
    digest = hashlib.file_digest

    def counted(stream: Any, name: str) -> Any:
        read.append(stream.name)
        return digest(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    os.utime(copy / INDEX, (1e9, 1e9))
    first = ask(copy)
    both = [copy / "embeddings" / f"{name}.kmer-mean.usearch" for name in ("mus_musculus", "homo_sapiens")]
    assert read == [str(path) for path in both]  # of the neighbours, and of the genes that are nearest to these
    assert ask(copy).equals(first) and len(read) == 2
    altered = bytearray((copy / INDEX).read_bytes())
    altered[-1] ^= 1
    (copy / INDEX).write_bytes(altered)
    with pytest.raises(BrokenReleaseError):
        ask(copy)
    assert len(read) == 3
    with pytest.raises(BrokenReleaseError):  # a file found wrong is not noted
        ask(copy)


def test_a_broken_or_unwritable_cache_costs_nothing_but_time(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import os

    os.utime(copy / INDEX, (1e9, 1e9))
    first = ask(copy)
    notes = list((tmp_path / "cache" / "checked").iterdir())
    for note in notes:
        note.write_text("{broken")
    assert ask(copy).equals(first)
    sizes = sorted(path.stat().st_size for path in (copy / "embeddings").glob("*.kmer-mean.usearch"))
    assert {json.loads(note.read_text())["bytes"] for note in notes} <= set(sizes)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "file"))
    assert ask(copy).equals(first)


def test_an_index_of_other_vectors_is_noticed(
    release_with: Any, coding: Mapping[str, np.ndarray], tmp_path: Path
) -> None:
    """Index and vectors of one build, checksums right, and yet not of one another: the vectors decide."""
    rng = np.random.default_rng(0)
    vectors = {
        species: GeneVectors(coding[species], rng.standard_normal((len(coding[species]), 8)).astype(np.float32))
        for species in ("homo_sapiens", "mus_musculus")
    }
    folder = release_with(tmp_path / "mixed", {("kmer", "mean"): vectors})
    right = ask(folder)
    other = GeneVectors(vectors["mus_musculus"].genes, -vectors["mus_musculus"].vectors)
    write_index(folder / INDEX, other)
    manifest = json.loads((folder / "manifest.json").read_text())
    from homodb.schema.manifest import describe_file

    for entry in manifest["files"]:
        if entry["path"] == INDEX:
            entry["sha256"] = describe_file(folder, folder / INDEX, "index").sha256
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert ask(folder).equals(right)
    short = GeneVectors(other.genes, other.vectors[:, :5])
    write_index(folder / INDEX, short)
    for entry in manifest["files"]:
        if entry["path"] == INDEX:
            described = describe_file(folder, folder / INDEX, "index")
            entry.update(sha256=described.sha256, bytes=described.bytes)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BrokenReleaseError, match=messages.Genes.dimensions):
        ask(folder)
