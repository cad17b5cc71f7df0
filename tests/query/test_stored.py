"""Stored AnnData: whatever reads one says the same of what is not there, and of what is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr

import homodb
from homodb.query.annotate.evaluate.files import evaluate_file
from homodb.query.annotate.files import annotate_files
from homodb.query.inspect import inspect
from homodb.query.integrate.files import integrate_files
from homodb.query.join import join_to_file
from homodb.query.score.files import score_file
from homodb.query.stored import opened, read_whole
from homodb.query.translate.files import translate_file
from homodb.schema.errors import TranslationError

READERS: dict[str, Callable[[Path, Path, homodb.Release], Any]] = {
    "opened": lambda path, out, toy: opened(path).__enter__(),
    "read_whole": lambda path, out, toy: read_whole(path),
    "inspect": lambda path, out, toy: inspect(path, release=toy),
    "translate": lambda path, out, toy: translate_file(path, out, "human", release=toy),
    "join": lambda path, out, toy: join_to_file([path, Path(__file__)], out, release=toy),
    "integrate": lambda path, out, toy: integrate_files([path], out),
    "score": lambda path, out, toy: score_file(path),
    "markers": lambda path, out, toy: homodb.markers(path),
    "report": lambda path, out, toy: homodb.report(path, out.with_suffix(".html")),
    "compare": lambda path, out, toy: homodb.compare([path, Path(__file__)], release=toy),
    "annotate": lambda path, out, toy: annotate_files(path, path, out, label="x", release=toy),
    "evaluate": lambda path, out, toy: evaluate_file(path, truth="x"),
}


def bad(folder: Path) -> dict[str, tuple[Path, str]]:
    """Paths of what is no AnnData, and what is said of each."""
    text, other, store, plain = folder / "a.h5ad", folder / "b.h5ad", folder / "c.zarr", folder / "d"
    text.write_text("genes")
    with h5py.File(other, "w") as file:
        file["matrix"] = [1]
    zarr.open_group(store, mode="w").create_group("obs")
    plain.mkdir()
    none = "is not an AnnData, neither an h5ad file nor a zarr store"
    return {
        "none": (folder / "no.h5ad", "there is no such file"),
        "long": (folder / ("x" * 300 + ".h5ad"), "there is no such file"),
        "text": (text, f"{none} (it is not HDF5)"),
        "other": (other, f"{none} (it has no obs and var; it holds matrix)"),
        "store": (store, f"{none} (it has no var; it holds obs)"),
        "folder": (plain, f"{none} (it is a folder of something else)"),
    }  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_one_sentence_for_all(reader: str, toy: homodb.Release, tmp_path: Path) -> None:
    for path, said in bad(tmp_path).values():
        with pytest.raises(TranslationError) as told:
            READERS[reader](path, tmp_path / "out.h5ad", toy)
        assert str(told.value) == f"{path}: {said}"
        assert not (tmp_path / "out.h5ad").exists()


def test_a_damaged_part_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    anndata.AnnData(np.ones((2, 2)), obs=pd.DataFrame(index=["a", "b"])).write_h5ad(path)
    with h5py.File(path, "a") as file:
        file["X"].attrs["encoding-type"] = "nonsense"
    with pytest.raises(TranslationError, match=r"x\.h5ad: is not an AnnData, neither .*nonsense"):
        read_whole(path)
