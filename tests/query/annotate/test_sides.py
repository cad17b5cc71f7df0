"""Reading query and reference: repeated names, copies of genes, and all that is no matrix of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.annotate import CellRequest, read_side, some_cells
from homodb.schema.errors import AnnotationError, UndecidedSpeciesError, UnknownSpeciesError
from tests import messages

NAMES = ["INS", "TNF", "ENSG00000000004", "Nonsense", "INS", "MT-ND1", "RPLP0", "CXCL8", "IL8"]


def cells(names: Sequence[str], counts: Any = None, **parts: Any) -> anndata.AnnData:
    matrix = np.random.default_rng(1).poisson(3.0, (6, len(names))).astype(float) if counts is None else counts
    columns = {"type": ["a", "a", "b", "b", None, " "], "donor": list("xxyyzz")}
    obs = pd.DataFrame(columns, index=[f"c{i}" for i in range(6)])
    made = anndata.AnnData(X=matrix, obs=obs, **parts)
    made.var_names = list(names)
    return made


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_columns_of_one_gene_are_added_up_and_others_left_out(toy: homodb.Release) -> None:
    given = cells(NAMES)
    read = read_side(toy, given, CellRequest("query", "human", label="type", donor="donor"))
    side, matrix = read.side, np.asarray(given.X)
    assert (np.diff(side.genes) > 0).all() and side.counts.has_canonical_format
    by_symbol = {symbol: side.counts[:, at].toarray().ravel() for at, symbol in enumerate(side.symbols)}
    np.testing.assert_array_equal(by_symbol["INS"], matrix[:, 0] + matrix[:, 4])
    np.testing.assert_array_equal(by_symbol["CXCL8"], matrix[:, 7] + matrix[:, 8])  # IL8 is its synonym
    assert "Nonsense" not in by_symbol
    flagged = {symbol for symbol, kept in zip(side.symbols, side.housekeeping, strict=True) if kept}
    assert flagged == {"MT-ND1", "RPLP0"}
    assert read.named == ("a", "a", "b", "b", None, None)
    assert side.donor is not None and side.donor.tolist() == [0, 0, 1, 1, 2, 2] and read.donors == ("x", "y", "z")
    assert (side.label == -1).all() and side.place is None


def test_matrices_of_every_kind_give_the_same(toy: homodb.Release) -> None:
    names = ["INS", "TNF", "VWF", "GCG"]
    dense = np.random.default_rng(3).poisson(1.0, (6, 4)).astype(np.float32)
    wanted = read_side(toy, cells(names, dense), CellRequest("query", "human")).side.counts.toarray()
    for made in (sp.csr_matrix(dense), sp.csc_matrix(dense), sp.csr_array(dense), dense.astype(np.int32)):
        found = read_side(toy, cells(names, made), CellRequest("query", "human")).side.counts
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found.toarray(), wanted)
    layered = cells(names, np.log1p(dense), layers={"counts": dense})
    found = read_side(toy, layered, CellRequest("query", "human", layer="counts")).side.counts
    np.testing.assert_array_equal(found.toarray(), wanted)
    layered.raw = cells(names, dense)
    found = read_side(toy, layered, CellRequest("query", "human", layer="raw")).side.counts
    np.testing.assert_array_equal(found.toarray(), wanted)


def test_some_cells_keep_what_belongs_to_them(toy: homodb.Release) -> None:
    given = cells(["INS", "TNF"], obsm={"spatial": np.arange(12.0).reshape(6, 2)})
    side = read_side(toy, given, CellRequest("query", "human", donor="donor", phrases=("type",))).side
    kept = some_cells(side, np.array([False, True, False, True, True, False]))
    assert kept.cells == ("c1", "c3", "c4") and kept.phrases["type"] == ("a", "b", None)
    assert kept.place is not None and kept.place.tolist() == [[2, 3], [6, 7], [8, 9]]
    assert kept.donor is not None and kept.donor.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(kept.counts.toarray(), side.counts.toarray()[[1, 3, 4]])
    assert some_cells(side, np.array([4, 1])).cells == ("c4", "c1")


def _broken(name: str) -> tuple[anndata.AnnData, dict[str, Any], str]:
    good, names = np.random.default_rng(0).poisson(2.0, (6, 3)).astype(float), ["INS", "TNF", "VWF"]
    holed = good.copy()
    holed[2, 1] = np.nan
    logs = np.log1p(good / good.sum(axis=1, keepdims=True) * 1e4)
    return {
        "nan": (cells(names, holed), {}, "X of the query holds NaN or infinite values"),
        "negative": (cells(names, good - 1), {}, "holds negative values, as scaled data do"),
        "logs": (cells(names, logs, uns={"log1p": {}}), {}, "holds logarithms.*a layer, or raw"),
        "layer": (cells(names, good), {"layer": "counts"}, "there is no layer 'counts'"),
        "label": (cells(names, good), {"label": "typ"}, "obs of the query has no column 'typ'; it has type, donor"),
        "donor": (cells(names, good), {"donor": "who"}, "no column 'who'"),
        "column": (cells(names, good), {"column": "symbol"}, "var has no column 'symbol'"),
        "spatial": (cells(names, good), {"spatial": "xy"}, "no 'xy' with coordinates"),
        "place": (cells(names, good, obsm={"xy": np.ones((6, 5))}), {"spatial": "xy"}, "two or three finite numbers"),
        "genes": (cells(["x1", "x2", "x3"], good), {}, "none of its 3 names is a gene"),
        "cells": (cells(names, good)[:0].copy(), {}, "the query has no cells"),
    }[name]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["nan", "negative", "logs", "layer", "label", "donor", "column", "spatial", "place", "genes", "cells"]
)
def test_what_is_refused(toy: homodb.Release, name: str) -> None:
    given, more, said = _broken(name)
    with pytest.raises(AnnotationError, match=said):
        read_side(toy, given, CellRequest("query", "human", **more))


def test_species_that_are_not_there_or_not_told(toy: homodb.Release) -> None:
    with pytest.raises(UnknownSpeciesError):
        read_side(toy, cells(["INS", "TNF"]), CellRequest("reference", "dog"))
    with pytest.raises(UndecidedSpeciesError, match=messages.Annotate.reference_species_none):
        read_side(toy, cells(["x", "y"]), CellRequest("reference"))


def test_indices_of_two_types(toy: homodb.Release) -> None:
    counts = sp.csr_matrix(np.random.default_rng(5).poisson(1.0, (900, 2)).astype(np.float32))
    counts.indptr = counts.indptr.astype(np.int64)  # as files of h5ad may come in
    given = anndata.AnnData(counts)
    given.var_names = ["INS", "TNF"]
    read = read_side(toy, given, CellRequest("query", "human")).side.counts
    assert read.sum() == counts.sum() and read[::2].shape == (450, 2)
