"""Sums never wrap: what does not fit a type of integers is carried in a wider one, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import homodb
from homodb.query.cells import as_counts
from homodb.query.translate import translate_file
from homodb.schema.errors import CountsError
from tests import messages

INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
FORMS = {"dense": np.asarray, "csr": sp.csr_matrix, "csc": sp.csc_matrix}


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells(matrix: object, names: tuple[str, ...] = ("Ins1", "Ins2", "Gcg", "Gcg")) -> anndata.AnnData:
    adata = anndata.AnnData(matrix, var=pd.DataFrame(index=list(names)))
    adata.layers["same"] = adata.X.copy()
    adata.raw = adata.copy()
    return adata


def dense(matrix: object) -> np.ndarray:
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)  # type: ignore[attr-defined]


@pytest.mark.slow
@given(data=st.data(), dtype=st.sampled_from(INTEGERS), form=st.sampled_from(sorted(FORMS)))
def test_sums_of_integers(release: homodb.Release, data: st.DataObject, dtype: type[np.integer], form: str) -> None:
    """Against Python's integers, which have no largest one; exact up to 64 bits, else to float64's precision."""
    largest = int(np.iinfo(dtype).max)
    value = st.one_of(st.integers(0, 9), st.integers(largest // 2 - 2, largest // 2 + 2), st.just(largest))
    rows = [[data.draw(value) for _ in range(4)] for _ in range(3)]
    result = homodb.translate(
        cells(FORMS[form](np.array(rows, dtype))), "human", source="mouse", release=release, many_to_one="sum"
    )
    exact = {"INS": [row[0] + row[1] for row in rows], "GCG": [row[2] + row[3] for row in rows]}
    for matrix in (result.X, result.layers["same"], result.raw.X):
        for place, symbol in enumerate(["INS", "GCG"]):
            sums = [int(one) for one in dense(matrix)[:, place].tolist()]
            assert min(sums) >= 0
            for one, truth in zip(sums, exact[symbol], strict=True):
                assert one == truth if np.issubdtype(matrix.dtype, np.integer) else abs(one - truth) <= truth * 1e-15


def test_float64_is_told(release: homodb.Release) -> None:
    adata = cells(np.full((2, 4), np.iinfo(np.int64).max))
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert result.X.dtype == np.float64 and result.X.min() > 1e19
    assert any("X is float64: its sums do not fit into 64 bits" in note for note in report.notes)
    joint = homodb.join([adata, adata.copy()], species=["mouse", "mouse"], release=release)
    assert dense(joint.X).min() > 0


def test_values_that_stand_twice_in_a_sparse_row(release: homodb.Release, tmp_path: Path) -> None:
    """Duplicates add up as well."""
    twice = sp.csr_matrix((np.array([200, 200], np.uint8), np.array([2, 2]), np.array([0, 2])), shape=(1, 4))
    adata = anndata.AnnData(twice, var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg", "Tnf"]))
    assert homodb.translate(adata, "human", source="mouse", release=release).to_df()["GCG"].tolist() == [400]
    adata.write_h5ad(tmp_path / "in.h5ad")
    translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", source="mouse", release=release)
    assert anndata.read_h5ad(tmp_path / "out.h5ad").to_df()["GCG"].tolist() == [400]
    assert as_counts(twice, "X").toarray().tolist() == [[0, 0, 400, 0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_beyond_the_largest_number(release: homodb.Release, dtype: type[np.floating]) -> None:
    adata = cells(np.full((2, 4), np.finfo(dtype).max, dtype))
    if dtype is np.float32:
        assert np.isfinite(homodb.translate(adata, "human", source="mouse", release=release).X).all()
        return
    with pytest.raises(CountsError, match=messages.Translate.beyond_the_largest):
        homodb.translate(adata, "human", source="mouse", release=release)


@given(dtype=st.sampled_from(INTEGERS))
def test_counts_of_other_verbs_are_wide_enough(dtype: type[np.integer]) -> None:
    matrix = np.full((3, 5), np.iinfo(dtype).max, dtype)
    counts = as_counts(matrix, "X")
    assert float(counts.sum()) == pytest.approx(15 * float(np.iinfo(dtype).max))
    assert counts.dtype == np.float64
