"""A build from sequences: vectors, indexes, LM_O2O and HL_O2O, against a naive matching; and builds that are killed."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import homodb
from homodb.etl import Step, build_release
from homodb.etl.simulate import Settings, simulate
from homodb.schema.errors import ConfigError, InputError, StoreError
from homodb.schema.manifest import Manifest, read_manifest
from homodb.schema.species import by_number, find
from homodb.schema.vectors import read_vectors
from tests import messages

#: How often a build is killed; ``make kills`` asks for more.
KILLS = int(os.environ.get("HOMODB_KILLS", "3"))
KMER = '\n[embedding]\nmodel = "kmer"\npooling = ["mean", "canonical"]\n'
H, M, P = (find(name).number for name in ("human", "mouse", "pig"))


@pytest.fixture(scope="module")
def clade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clade") / "sim"
    simulate(folder, Settings(species=3, genes=80, cells=0, seed=11))
    return folder


def config(clade: Path, name: str, embedding: str, *, without: str = r"(?!)") -> Path:
    """A config over the clade's files, less its own embedding and the tables whose text matches."""
    text = (clade / "release.toml").read_text("utf-8")
    tables = [part for part in re.split(r"(?m)^(?=\[)", text) if not re.search(rf"\A\[embedding|{without}", part)]
    path = clade / f"{name}.toml"
    path.write_text("".join(tables) + embedding, "utf-8")
    return path


@pytest.fixture(scope="module")
def whole(clade: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "release"
    build_release(config(clade, "whole", KMER), folder)
    return folder


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with homodb.open(folder) as release:
        return release.sql(query).rows()


def sums(folder: Path) -> dict[str, str]:
    """Checksums of all files whose bytes are to be the same: not the database, not the manifest."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.suffix in (".parquet", ".usearch")
    }


def noted(manifest: Manifest) -> dict[tuple[str, str], int]:
    return {(loss["where"], loss["reason"]): loss["count"] for loss in manifest.losses}


@pytest.mark.slow
def test_all_five_strategies_from_sequences_and_homologies(whole: Path) -> None:
    manifest = read_manifest(whole)
    assert manifest.strategies == ("ENS_M2M", "ENS_O2O", "HM_O2O", "LM_O2O", "HL_O2O")
    assert manifest.embeddings == ("kmer mean", "kmer canonical")
    kinds = [file.kind for file in manifest.files]
    assert (kinds.count("vectors"), kinds.count("index")) == (6, 6)
    found = rows(whole, "SELECT model, layer, pooling, long_sequences, min_length, biotypes, origin FROM embedding")
    assert found == [("kmer", None, pooling, "whole", 1, None, "computed") for pooling in ("mean", "canonical")]
    given = rows(whole, "SELECT strategy, count(*) FROM mapping WHERE embedding = 2 GROUP BY ALL ORDER BY ALL")
    assert [strategy for strategy, _ in given] == ["HL_O2O", "LM_O2O"]
    assert all(count > 100 for _, count in given)


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "embedding", "pooling"), [((H, M), 1, "mean"), ((M, P), 2, "canonical")])
def test_lm_o2o_is_what_a_naive_matching_gives(
    whole: Path, pair: tuple[int, int], embedding: int, pooling: str
) -> None:
    names = [by_number(number).name for number in pair]
    a, b = (read_vectors(whole / "embeddings" / f"{name}.kmer-{pooling}.parquet") for name in names)
    x, y = (v.vectors.astype(float) for v in (a, b))
    r = np.corrcoef(x, y)[: len(x), len(x) :]
    best_b, best_a = r.argmax(1), r.argmax(0)
    wanted = {
        (int(a.genes[i]), int(b.genes[best_b[i]])): r[i, best_b[i]] for i in range(len(x)) if best_a[best_b[i]] == i
    }
    query = (
        f"SELECT gene_a, gene_b, correlation, margin, tied FROM mapping WHERE strategy = 'LM_O2O' "
        f"AND embedding = {embedding} AND species_a = {pair[0]} AND species_b = {pair[1]}"
    )
    found = rows(whole, query)
    untied = {(row[0], row[1]) for row in found if not row[4]}
    assert untied <= set(wanted)
    assert len(wanted) - len(untied) <= sum(row[4] for row in found) + 2
    for gene_a, gene_b, correlation, margin, _ in found:
        i, j = np.searchsorted(a.genes, gene_a), np.searchsorted(b.genes, gene_b)
        assert correlation == pytest.approx(r[i, j], abs=1e-6)
        second = min(correlation - np.partition(r[i], -2)[-2], correlation - np.partition(r[:, j], -2)[-2])
        assert margin == pytest.approx(second, abs=1e-5)
    median = rows(
        whole,
        f"SELECT median_correlation FROM embedding_pair WHERE embedding = {embedding} "
        f"AND species_a = {pair[0]} AND species_b = {pair[1]}",
    )
    assert median[0][0] == pytest.approx(np.median(r), abs=1e-4)


def test_ensembls_pairs_have_their_correlation_too(whole: Path) -> None:
    unknown = rows(
        whole,
        """SELECT m.gene_a FROM mapping m
        JOIN gene_embedding a ON a.gene = m.gene_a AND a.embedding = 1
        JOIN gene_embedding b ON b.gene = m.gene_b AND b.embedding = 1
        WHERE m.strategy = 'HL_O2O' AND m.embedding = 1 AND m.correlation IS NULL""",
    )
    assert unknown == []


def test_genes_say_how_many_isoforms_entered(whole: Path) -> None:
    counted = rows(
        whole,
        """SELECT e.gene FROM gene_embedding e JOIN (
            SELECT gene, count(*) AS n, count(*) FILTER (biotype = 'nonsense_mediated_decay') AS nmd
            FROM protein GROUP BY gene
        ) p USING (gene) WHERE e.embedding = 1 AND (e.n_isoforms <> p.n OR e.n_nmd <> p.nmd)""",
    )
    assert counted == []  # no protein of this clade has a stop inside
    assert rows(whole, "SELECT max(n_isoforms) > 1, max(n_nmd) > 0 FROM gene_embedding WHERE embedding = 1") == [
        (True, True)
    ]
    assert rows(whole, "SELECT DISTINCT n_isoforms FROM gene_embedding WHERE embedding = 2") == [(1,)]
    alternate = "SELECT count(*) FROM gene_embedding JOIN gene USING (gene) WHERE primary_gene <> gene"
    assert rows(whole, alternate) == [(0,)]


@pytest.mark.slow
def test_same_inputs_same_bytes(clade: Path, whole: Path, tmp_path: Path) -> None:
    build_release(clade / "whole.toml", tmp_path / "again")
    assert sums(tmp_path / "again") == sums(whole)


def test_a_species_that_ensembl_lacks(clade: Path, tmp_path: Path) -> None:
    text = config(clade, "lacks", KMER.replace(', "canonical"', ""), without=r"\[\[homology\]\][^\[]*sus_scrofa")
    manifest = build_release(text, tmp_path / "release")
    found = rows(tmp_path / "release", "SELECT species_a, species_b, strategies FROM species_pair ORDER BY ALL")
    lm = ["LM_O2O"]
    assert [(a, b) for a, b, strategies in found if strategies == lm] == [tuple(sorted((H, P))), tuple(sorted((M, P)))]
    assert len(found) == 3
    reasons = {reason for _, reason in noted(manifest)}
    assert "strategies not available without Ensembl homologies: ENS_M2M, ENS_O2O, HM_O2O, HL_O2O" in reasons


@pytest.mark.slow
def test_proteomes_alone(clade: Path, tmp_path: Path) -> None:
    manifest = build_release(config(clade, "alone", KMER, without=r"\[\[homology\]\]"), tmp_path / "release")
    assert manifest.strategies == ("LM_O2O",)
    assert rows(tmp_path / "release", "SELECT DISTINCT evidence_class FROM mapping") == [("lm_orphan",)]


@pytest.mark.slow
def test_what_does_not_enter_is_counted(clade: Path, tmp_path: Path) -> None:
    sim = tmp_path / "sim"
    shutil.copytree(clade, sim)
    path = next(sim.rglob("Homo_sapiens*.pep.all.fa.gz"))
    records = gzip.decompress(path.read_bytes()).decode().split(">")[1:]
    lengths = [len(record.partition("\n")[2].replace("\n", "")) for record in records]
    records[0] = records[0].replace("\n", "\nMK*", 1)
    path.write_bytes(gzip.compress("".join(f">{record}" for record in records).encode()))
    shortest = sorted(lengths)[len(lengths) // 10]
    text = f'\n[embedding]\nmodel = "kmer"\nmin_length = {shortest}\nbiotypes = "protein_coding"\n'
    manifest = build_release(config(sim, "strict", text), tmp_path / "release")
    told = {reason: count for (where, reason), count in noted(manifest).items() if where == "homo_sapiens"}
    assert told["proteins with a stop inside, not embedded"] == 1
    assert told[f"proteins of fewer than {shortest} residues, not embedded"] > 0
    assert told["proteins of biotypes that were not requested, not embedded"] > 0
    assert rows(tmp_path / "release", "SELECT max(n_nmd) FROM gene_embedding") == [(0,)]
    assert rows(tmp_path / "release", "SELECT min_length, biotypes FROM embedding") == [(shortest, ["protein_coding"])]


def test_no_protein_is_long_enough(clade: Path, tmp_path: Path) -> None:
    text = config(clade, "none", '\n[embedding]\nmodel = "kmer"\nmin_length = 99999\n')
    with pytest.raises(ConfigError, match=messages.Embeddings.no_protein_is_left):
        build_release(text, tmp_path / "release")
    assert not (tmp_path / "release").exists()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("esm", reason="fair-esm is not installed (extra etl)")
    from tests.etl.embeddings.checkpoint_files import fair_esm, save

    return save(fair_esm("esm2_t6_8M_UR50D"), tmp_path_factory.mktemp("weights") / "esm2_t6_8M_UR50D.pt")


@pytest.fixture(scope="module")
def short_clade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clade whose proteins are cut after 50 residues: a checkpoint's work of seconds."""
    folder = tmp_path_factory.mktemp("short") / "sim"
    simulate(folder, Settings(species=3, genes=30, cells=0, seed=12))
    for path in folder.rglob("*.pep.all.fa.gz"):
        records = [record.partition("\n") for record in gzip.decompress(path.read_bytes()).decode().split(">")[1:]]
        cut = "".join(f">{header}\n{letters.replace(chr(10), '')[:50]}\n" for header, _, letters in records)
        path.write_bytes(gzip.compress(cut.encode()))
    return folder


def esm2(checkpoint: Path, store: Path) -> str:
    return f'\n[embedding]\nmodel = "esm2_t6_8M_UR50D"\nweights = "{checkpoint}"\nstore = "{store}"\ndevice = "cpu"\n'


@pytest.mark.slow
def test_a_small_checkpoint_gives_all_five_and_a_second_build_embeds_nothing(
    short_clade: Path, checkpoint: Path, tmp_path: Path
) -> None:
    text = config(short_clade, "esm2", esm2(checkpoint, tmp_path / "store"))
    parts: list[tuple[int, int]] = []
    manifest = build_release(text, tmp_path / "one", report=lambda step: parts.append(step.part) if step.part else None)
    assert manifest.strategies == ("ENS_M2M", "ENS_O2O", "HM_O2O", "LM_O2O", "HL_O2O")
    assert parts[-1][0] == parts[-1][1] > 0
    assert rows(tmp_path / "one", "SELECT layer, dimensions, length(weights_sha256) FROM embedding") == [(6, 320, 64)]
    steps: list[Step] = []
    build_release(text, tmp_path / "two", report=steps.append)
    assert [step.part for step in steps if step.part] == [(0, 0)]
    assert sums(tmp_path / "one") == sums(tmp_path / "two")


@pytest.mark.slow
def test_killed_builds_end_in_the_same_release(short_clade: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Each is killed at a random moment again and again, until one is through."""
    text = config(short_clade, "once", esm2(checkpoint, tmp_path / "store-once"))
    begin = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "homodb.cli", "build", text, "-o", tmp_path / "once"], check=True, capture_output=True
    )
    seconds = time.monotonic() - begin
    chance = np.random.default_rng(5)
    text = config(short_clade, "killed", esm2(checkpoint, tmp_path / "store-killed"))
    command = [sys.executable, "-m", "homodb.cli", "build", str(text), "-o", str(tmp_path / "killed")]
    killed = 0
    while killed < KILLS:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.1, 0.9) * seconds)
            shutil.rmtree(tmp_path / "killed")  # it was through: again, and earlier
            seconds *= 0.7
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            if (tmp_path / "killed").exists():  # it was in its place already, and then it is whole
                assert sums(tmp_path / "killed") == sums(tmp_path / "once")
                shutil.rmtree(tmp_path / "killed")
    subprocess.run(command, check=True, capture_output=True)
    assert sums(tmp_path / "killed") == sums(tmp_path / "once")


@pytest.mark.slow
def test_a_store_of_other_weights_is_refused(short_clade: Path, checkpoint: Path, tmp_path: Path) -> None:
    from tests.etl.embeddings.checkpoint_files import fair_esm, save

    other = save(fair_esm("esm2_t6_8M_UR50D", seed=1), tmp_path / "other.pt")
    build_release(config(short_clade, "first", esm2(checkpoint, tmp_path / "store")), tmp_path / "release")
    with pytest.raises(StoreError, match=messages.Embeddings.weights):
        build_release(config(short_clade, "second", esm2(other, tmp_path / "store")), tmp_path / "release2")
    assert not (tmp_path / "release2").exists()


def test_weights_that_are_none(short_clade: Path, tmp_path: Path) -> None:
    pytest.importorskip("esm", reason="fair-esm is not installed (extra etl)")
    (tmp_path / "w.pt").write_bytes(b"no weights")
    with pytest.raises((ConfigError, InputError), match=messages.Embeddings.w_pt):
        build_release(config(short_clade, "bad", esm2(tmp_path / "w.pt", tmp_path / "store")), tmp_path / "release")
    assert not (tmp_path / "release").exists()
