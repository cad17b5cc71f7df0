"""Nonsense is refused: unknown names, counts that are not carried, one species for two, logarithms for counts."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import homodb
from homodb.query.cells import recover_counts
from homodb.schema.errors import (
    HomodbError,
    ImplausibleError,
    UndecidedSpeciesError,
    UnknownGeneError,
)
from tests.console import homodb as run

HUMAN = ["INS", "GCG", "TNF", "FCER1A", "VWF", "C1orf1"]
_CELLS = 24
MOUSE = ["Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf"]


def cells(names: list[str], known: float, weight: int = 1) -> anndata.AnnData:
    """Cells of which this share of the names are genes; the counts of an unknown name are `weight` times as many."""
    var = [*names, *(f"nothing{n}" for n in range(round(len(names) / known) - len(names)))]
    counts = np.random.default_rng(0).integers(1, 6, (_CELLS, len(var)))
    counts[:, [name.startswith("nothing") for name in var]] *= weight
    obs = pd.DataFrame({"cell_type": ["a", "b"] * (_CELLS // 2)}, index=[str(n) for n in range(_CELLS)])
    return anndata.AnnData(counts.astype(np.float32), obs=obs, var=pd.DataFrame(index=var))


def each_function(toy: homodb.Release, mouse: anndata.AnnData, **force: Any) -> dict[str, Callable[[], Any]]:
    human = cells(HUMAN, 1.0)
    return {
        "translate": lambda: homodb.translate(mouse, "human", source="mouse", release=toy, **force),
        "join": lambda: homodb.join({"human": human, "mouse": mouse}, release=toy, **force),
        "annotate": lambda: homodb.annotate(
            mouse, human, label_key="cell_type", source="mouse", reference_species="human", release=toy, k=2, **force
        ),
        "markers": lambda: homodb.markers({"human": human, "mouse": mouse}, release=toy, min_cells=2, **force),
        "integrate": lambda: homodb.integrate(
            {"human": human, "mouse": mouse}, release=toy, method="none", dims=2, n_components=2, **force
        ),
    }


NAMES = ("translate", "join", "annotate", "markers", "integrate")


@pytest.mark.parametrize("name", NAMES)
def test_hardly_any_name_is_an_error_that_names_force(toy: homodb.Release, name: str) -> None:
    with pytest.raises(ImplausibleError) as raised:
        each_function(toy, cells(MOUSE, 0.03))[name]()
    assert raised.value.option == "force" and "mouse" in str(raised.value) and "nothing" in str(raised.value)


@pytest.mark.parametrize("name", ["translate", "join", "annotate", "markers"])
def test_force_makes_a_warning_of_it_and_less_than_half_is_one(toy: homodb.Release, name: str) -> None:
    for mouse, force in ((cells(MOUSE, 0.03), {"force": True}), (cells(MOUSE, 0.3), {})):
        with pytest.warns(UserWarning, match="names are genes of mouse in release toy-1; likely"):
            each_function(toy, mouse, **force)[name]()


@pytest.mark.parametrize("name", ["translate", "join", "annotate", "markers"])
def test_what_fits_is_silent(toy: homodb.Release, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        each_function(toy, cells(MOUSE, 1.0))[name]()


@pytest.mark.parametrize("name", ["translate", "annotate", "join"])
def test_counts_of_unknown_names(toy: homodb.Release, name: str) -> None:
    """Most names are known, and most counts are of the others."""
    with pytest.raises(ImplausibleError, match="of the counts"):
        each_function(toy, cells(MOUSE, 0.6, weight=1000))[name]()
    with pytest.warns(UserWarning, match="of the counts"):
        each_function(toy, cells(MOUSE, 0.6, weight=3))[name]()


def test_the_likely_reason(toy: homodb.Release) -> None:
    mouse = cells(MOUSE, 0.3)
    mouse.var["names"] = [*MOUSE, *MOUSE, *MOUSE, *MOUSE][: mouse.n_vars]
    with pytest.warns(UserWarning, match=r"another column: of var\['names'\] 100% are known"):
        homodb.translate(mouse, "human", source="mouse", release=toy)
    mouse.var["none"] = [f"x{n}" if n else "Gcg" for n in range(mouse.n_vars)]
    mouse.var_names = mouse.var["names"].astype(str)
    del mouse.var["names"]
    with pytest.warns(UserWarning, match="the index of var has the names"):
        homodb.translate(mouse, "human", source="mouse", column="none", release=toy, force=True)


def test_nothing_is_written_and_the_command_names_the_flag(toy_folder: Path, tmp_path: Path) -> None:
    cells(MOUSE, 0.03).write_h5ad(tmp_path / "mouse.h5ad")
    words = ["translate", "mouse.h5ad", "--from", "mouse", "--to", "human", "--release", str(toy_folder)]
    ran = run(words, tmp_path, {})
    assert ran.code == 2 and "(--force)\nhint: " in ran.err and ran.err.startswith("error: ")
    assert [one.name for one in tmp_path.iterdir()] == ["mouse.h5ad"]
    ran = run([*words, "--force"], tmp_path, {})
    assert ran.code == 0 and ran.err.startswith("warning: ") and (tmp_path / "mouse.human.h5ad").exists()


def test_two_species_that_vote_for_one(toy: homodb.Release) -> None:
    ids = [f"ENSG0000000000{number}" for number in range(1, 8)]  # symbols are those of the pig, too
    one, other = cells(ids, 1.0), cells(ids, 1.0)
    one.obs["organism"], other.obs["organism"] = "Mus musculus", "Homo sapiens"
    for ask in (
        lambda: homodb.annotate(one, other, label_key="cell_type", source="human", release=toy, k=2),
        lambda: homodb.join([one, other], species=[None, "human"], release=toy),
        lambda: homodb.annotate(
            other, other.copy(), label_key="cell_type", source="human", strategy="hm_o2o", release=toy, k=2
        ),
    ):
        with pytest.raises(UndecidedSpeciesError, match=r"vote for human, which knows 100\.0%"):
            ask()
    del one.obs["organism"]  # nothing says that two are meant
    homodb.annotate(one, other, label_key="cell_type", source="human", release=toy, k=2)


def logarithms(adata: anndata.AnnData) -> anndata.AnnData:
    """Counts per 10,000, and their logarithms, in 32 bits."""
    changed = adata.copy()
    totals = np.asarray(adata.X.sum(axis=1)).reshape(-1, 1)
    changed.X = np.log1p(np.asarray(adata.X) / totals * 1e4).astype(np.float32)
    changed.uns["log1p"] = {"base": None}
    return changed


def counts(names: list[str], seed: int) -> anndata.AnnData:
    made = cells(names, 1.0)
    values = np.random.default_rng(seed).poisson(3, made.shape)
    values[:, 0] = 1  # each cell has a gene with one count
    made.X = values.astype(np.float32)
    return made


@given(
    npst.arrays(np.int64, (4, 12), elements=st.integers(0, 60)), st.sampled_from([2.0, np.e, 10.0]),
    st.floats(1e2, 1e6),
)  # fmt: skip
def test_counts_are_recovered_from_logarithms(values: npt.NDArray[np.int64], base: float, total: float) -> None:
    """Up to what divides all values of a cell: nothing tells 2 and 4 from 1 and 2."""
    sums = np.maximum(values.sum(axis=1, keepdims=True), 1)
    logs = (np.log1p(values / sums * total) / np.log(base)).astype(np.float32)
    recovered, failed = recover_counts(logs, base)
    divisor = np.gcd.reduce(values, axis=1, keepdims=True)
    wanted = values // np.maximum(divisor, 1)
    least = np.where(wanted > 0, wanted, 99).min(axis=1)
    found = least <= 3  # the size factor is that of a count of 1, 2 or 3
    assert np.array_equal(recovered.toarray()[found], wanted[found]) and failed <= (~found).sum()


def test_logarithms_are_taken_for_counts_on_request(toy: homodb.Release) -> None:
    mouse, human = counts(MOUSE, 0), counts(HUMAN, 1)
    logs = {"human": logarithms(human), "mouse": logarithms(mouse)}
    joint = homodb.join(logs, release=toy, expm1=True)
    assert np.array_equal(joint.to_df(), homodb.join({"human": human, "mouse": mouse}, release=toy).to_df())
    more = {"source": "mouse", "reference_species": "human", "label_key": "cell_type", "release": toy, "k": 2}
    asked: dict[str, Callable[..., Any]] = {
        "annotate": lambda **expm1: homodb.annotate(logs["mouse"], logs["human"], **more, **expm1),
        "markers": lambda **expm1: homodb.markers(logs, release=toy, min_cells=2, **expm1),
        "integrate": lambda **expm1: homodb.integrate(
            logs, release=toy, method="none", dims=2, n_components=2, n_features=3, k_neighbors=2, **expm1
        ),
    }
    for name, ask in asked.items():
        with pytest.raises(HomodbError) as raised:
            ask()
        assert "logarithms" in str(raised.value) and "expm1" in raised.value.hint, name
    for name in ("annotate", "markers"):
        asked[name](expm1=True)


def test_what_cannot_be_recovered_is_said(toy: homodb.Release) -> None:
    mouse = logarithms(counts(MOUSE, 0))
    rng = np.random.default_rng(0)
    mouse.X = np.log1p(rng.gamma(2, 300, mouse.shape) / 7).astype(np.float32)
    mouse.X = np.log1p(np.expm1(mouse.X) / np.expm1(mouse.X).sum(axis=1, keepdims=True) * 1e4).astype(np.float32)
    with pytest.warns(UserWarning, match="cannot be recovered"):
        homodb.join({"human": counts(HUMAN, 1), "mouse": mouse}, release=toy, expm1=True)


def test_no_message_proposes_what_is_used_already(toy: homodb.Release) -> None:
    logs = logarithms(counts(MOUSE, 0))

    def said(strategy: str) -> str:
        try:
            homodb.translate(logs, "human", source="mouse", strategy=strategy, evidence="+databases", release=toy)
        except HomodbError as error:
            return str(error)
        return ""

    assert "hm_o2o" in said("ens_m2m") and "hm_o2o" not in said("hm_o2o")


def test_ribosomal_and_mitochondrial_names_count_without_a_gene(toy: homodb.Release) -> None:
    mouse = cells([*MOUSE, "Rpl10", "Rps27-ps1", "mt-Nd1", "Rps6ka1"], 1.0)
    _, report = homodb.translate(mouse, "human", source="mouse", release=toy, return_report=True)
    judged = {row["name"]: (row["mitochondrial"], row["ribosomal"]) for row in report.fates.iter_rows(named=True)}
    assert judged["Rpl10"] == (False, True) and judged["mt-Nd1"] == (True, False)
    assert judged["Rps6ka1"] == judged["Ins1"] == (False, False)
    assert report.carried_by_kind()["ribosomal"] == 0.0  # and not left out of both
    assert "of known" not in str(report)


def test_annotate_says_how_many_cells_lie_far_and_offers_a_limit(toy: homodb.Release) -> None:
    more = {"source": "mouse", "reference_species": "human", "label_key": "cell_type", "release": toy, "k": 2}
    _, report = homodb.annotate(counts(MOUSE, 0), counts(HUMAN, 1), return_report=True, **more)
    assert report.farther is not None and 0 <= report.farther <= report.cells
    far = f"{report.farther:,} of {report.cells} cells lie farther from the reference"
    said = f"{far} than 95 % of the reference's own cells do"
    assert f"{said}; unknown_below=0.5 leaves {report.doubtful}" in str(report)
    _, report = homodb.annotate(
        counts(MOUSE, 0), counts(HUMAN, 1), return_report=True, unknown_below=0.5, **more
    )  # fmt: skip
    assert "lie farther" in str(report) and "unknown_below=0.5 leaves" not in str(report)


def test_names_that_another_species_has(toy: homodb.Release) -> None:
    with pytest.raises(UnknownGeneError) as raised:
        toy.orthologs(["INS"], source="mouse", target="human")
    assert "INS is a gene of human: ask for Ins" in raised.value.hint and "swap" in raised.value.hint
    with pytest.raises(UnknownGeneError) as raised:
        toy.orthologs(["ASDFGH"], source="mouse", target="human")
    assert not raised.value.hint
