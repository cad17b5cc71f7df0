"""Releases and data that tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

import homodb
from homodb.etl import Contents, ReleaseConfig, build_release, write_index, write_release
from homodb.schema.locks import waited
from homodb.schema.vectors import FOLDER, GeneVectors, index_file, vectors_file, write_vectors

#: A property that takes long on a loaded machine has not failed: nothing here is judged by the clock.
settings.register_profile("homodb", deadline=None)
settings.load_profile("homodb")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
#: Vectors of a release: by (model, pooling), by species.
Vectors = Mapping[tuple[str, str], Mapping[str, GeneVectors]]


class Once(Protocol):
    def __call__(self, name: str, make: Callable[[Path], object]) -> Path: ...


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Fills a folder once in a run: the worker that needs it first does, the others wait. Tests do not change it."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "once"
    shared.mkdir(exist_ok=True)

    def filled(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with waited(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return filled


@pytest.fixture(scope="session")
def toy_config() -> Path:
    return ROOT / "tests" / "toy" / "release.toml"


@pytest.fixture(scope="session")
def toy_folder(once: Once, toy_config: Path) -> Path:
    return once("toy", lambda folder: build_release(toy_config, folder / "release")) / "release"


@pytest.fixture
def toy(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as release:
        yield release


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the checkout; a user's machine does not have it."""
    if not SHARED.is_dir():
        pytest.skip("needs the real data in ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def real_folder(once: Once, shared_data: Path) -> Path:
    config = shared_data / "pllm" / "release.toml"
    return once("real", lambda folder: build_release(config, folder / "release")) / "release"


@pytest.fixture
def real(real_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(real_folder) as release:
        yield release


@pytest.fixture(scope="session")
def starter_folder(once: Once) -> Path:
    """The starter release that homodb brings, or one built from its sources where the checkout has none yet."""
    from homodb.query.release import bundled_releases

    if bundled := bundled_releases():
        return bundled[-1]
    if not (SHARED / "starter").is_dir():
        pytest.skip("needs the starter release")
    config = SHARED / "starter" / "ready" / "starter.toml"
    return once("starter", lambda folder: build_release(config, folder / "release")) / "release"


@pytest.fixture(scope="session")
def starter(starter_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(starter_folder) as release:
        yield release


class ReleaseWith(Protocol):
    def __call__(self, folder: Path, vectors: Vectors, *, graph_from: int = 50_000) -> Path: ...


@pytest.fixture(scope="session")
def release_with(toy_folder: Path) -> ReleaseWith:
    """Writes a release that has everything of the toy one, and the given vectors beside its embedding.

    The first of the given embeddings maps what the toy release's own one maps.
    """

    def write(folder: Path, vectors: Vectors, *, graph_from: int = 50_000) -> Path:
        folder.mkdir()
        (folder / FOLDER).mkdir()
        with homodb.open(toy_folder) as release:
            names = release.sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal")["table_name"]
            tables = {name: release.sql(f'SELECT * FROM "{name}"') for name in names if name != "release"}
            version, ensembl = release.version, release.ensembl
        base = tables["embedding"].height
        rows, counts = [], []
        for number, ((model, pooling), by_species) in enumerate(vectors.items(), base + 1):
            dimensions = next(iter(by_species.values())).vectors.shape[1]
            rows.append(
                {
                    "embedding": number,
                    "model": model,
                    "pooling": pooling,
                    "dimensions": dimensions,
                    "origin": "computed",
                }
            )
            for species, told in by_species.items():
                write_vectors(folder / vectors_file(species, model, pooling), told)
                write_index(folder / index_file(species, model, pooling), told, graph_from=graph_from)
                n = np.arange(len(told.genes))
                counts.append(
                    pl.DataFrame({"embedding": number, "gene": told.genes, "n_isoforms": n % 5 + 1, "n_nmd": n % 2})
                )
        tables["embedding"] = pl.concat([tables["embedding"], pl.DataFrame(rows)], how="diagonal_relaxed")
        tables["gene_embedding"] = pl.concat(counts)
        mapped = tables["mapping"].filter(pl.col("embedding") == 1)
        same = mapped.with_columns(embedding=pl.lit(base + 1, mapped.schema["embedding"]))
        tables["mapping"] = pl.concat([tables["mapping"], same])
        contents = Contents(tables, default_embedding=1)
        write_release(folder, ReleaseConfig(version=version, ensembl=ensembl), contents)
        return folder

    return write


@pytest.fixture(scope="session")
def coding(toy_folder: Path) -> Mapping[str, np.ndarray]:
    """Keys of the toy release's primary genes that may have a protein, ascending, by species."""
    with homodb.open(toy_folder) as release:
        rows = release.sql(
            "SELECT s.name, list(gene ORDER BY gene) FROM gene JOIN species s USING (species) "
            "WHERE gene = primary_gene AND coalesce(biotype, 'protein_coding') = 'protein_coding' GROUP BY ALL"
        )
    return {name: np.array(genes, np.int64) for name, genes in rows.iter_rows()}


@pytest.fixture(scope="session")
def vectors_folder(once: Once, release_with: ReleaseWith, coding: Mapping[str, np.ndarray]) -> Path:
    """The toy release with made-up vectors: of all three species by ``kmer-mean``, of two by ``kmer-max``."""
    rng = np.random.default_rng(4)

    def made(species: str, dimensions: int) -> GeneVectors:
        genes = coding[species]
        return GeneVectors(genes, rng.standard_normal((len(genes), dimensions)).astype(np.float32))

    by_mean = {species: made(species, 24) for species in coding}
    by_max = {species: made(species, 24) for species in ("homo_sapiens", "mus_musculus")}
    vectors = {("kmer", "mean"): by_mean, ("kmer", "max"): by_max}
    return once("vectors", lambda folder: release_with(folder / "release", vectors)) / "release"
