"""From nothing to a translated file: fetch, build, publish, download, verify, translate, each as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from tests.ensembl_site import RELEASE, make_site, serving


@pytest.fixture
def type_in(bare: Path) -> Callable[..., str]:
    """Run homodb in a process of its own, and return what it prints."""

    def homodb_(*words: object) -> str:
        command = [sys.executable, "-m", "homodb.cli", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
        return done.stdout

    return homodb_


@pytest.mark.slow
def test_from_nothing_to_a_translated_file(type_in: Callable[..., str], tmp_path: Path) -> None:
    with serving(make_site(tmp_path / "site", species=2, genes=40)) as ensembl:
        type_in("fetch", "--ensembl", RELEASE, "--species", "human,mouse", "--base", ensembl.base, "-o", "inputs")
    type_in("build", "inputs/release.toml", "-o", "rel")
    sha256 = type_in("publish", "rel", "--to", "releases").split()[-1]
    with serving(tmp_path / "releases") as site:
        assert f"{RELEASE}" in type_in("releases", "--catalog", site.base)
        type_in("download", "--catalog", site.base)
    assert type_in("verify").split()[-1] == sha256
    with homodb.open() as release:  # the newest in the cache
        genes = release.sql("SELECT source_id, target_id FROM ens_o2o WHERE source_species = 'mus_musculus'")
    assert genes.height > 10
    counts = np.random.default_rng(0).poisson(3.0, (6, genes.height)).astype(np.int32)
    cells = anndata.AnnData(sp.csr_matrix(counts), var=pd.DataFrame(index=genes["source_id"].to_list()))
    cells.write_h5ad("mouse.h5ad")
    words = ("mouse.h5ad", "--to", "human", "--strategy", "ens_o2o", "-o", "human.h5ad")
    type_in("translate", *words)
    there = anndata.read_h5ad("human.h5ad")
    expected = pd.DataFrame(counts, columns=genes["target_id"].to_list())
    assert set(there.var_names) == set(expected.columns)
    assert (there.X.toarray() == expected[list(there.var_names)].to_numpy()).all()
