"""Do with each kind of matrix what docs/translate.md says; its table is computed here, by the functions themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.schema.errors import HomodbError
from tests import messages

ROOT = Path(__file__).resolve().parents[2]
Matrix = np.ndarray

#: One-to-one partners, in the same order, and Ins1, which only mice have.
MOUSE = ["Ins2", "Gcg", "Tnf", "Rplp0", "Vwf", "Dup1", "Dup2", "mt-Nd1", "Fcer1a", "4930451I11Rik", "Ins1"]
HUMAN = ["INS", "GCG", "TNF", "RPLP0", "VWF", "DUPB", "DUPA", "MT-ND1", "FCER1A", "C1orf1"]
LENGTHS = np.random.default_rng(9).uniform(0.5, 8, 11)


def counts(genes: int, seed: int, depth: float = 1.0) -> Matrix:
    """Sixty cells of two types, deep enough for fractions beyond 30 unless `depth` is small."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(1.0, 40.0, genes) * np.where(np.arange(60)[:, None] % 2 == np.arange(genes) % 2, 3.0, 0.5)
    return rng.poisson(level * depth).astype(np.float64)


def per_cell(matrix: Matrix, total: float) -> Matrix:
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1) * total


def cpm(matrix: Matrix) -> Matrix:
    return per_cell(matrix, 1e6)


def tpm(matrix: Matrix) -> Matrix:
    return per_cell(matrix / LENGTHS[: matrix.shape[1]], 1e6)


def corrected(matrix: Matrix) -> Matrix:
    """Counts less the share of each gene that ambient RNA explains, as SoupX and CellBender give them."""
    return np.maximum(matrix - np.random.default_rng(0).uniform(0.05, 0.4, matrix.shape[1]), 0)


def scaled(matrix: Matrix) -> Matrix:
    logarithms = np.log1p(per_cell(matrix, 1e4))
    return (logarithms - logarithms.mean(axis=0)) / logarithms.std(axis=0)


Note = dict[str, object] | None
NATURAL: Note = {"base": None}
#: Kind of X, the matrix of it from counts, what ``uns["log1p"]`` holds, and its words in the table.
KINDS: tuple[tuple[str, Callable[[Matrix], Matrix], Note, str], ...] = (
    ("counts", lambda m: m, None, "no"),
    ("counts", lambda m: m, NATURAL, "yes, wrongly"),
    ("CPM", cpm, None, "no"),
    ("TPM", tpm, None, "no"),
    ("log1p of counts per 10,000", lambda m: np.log1p(per_cell(m, 1e4)), None, "no"),
    ("log1p of counts per 10,000", lambda m: np.log1p(per_cell(m, 1e4)), NATURAL, "yes"),
    ("log2(CPM + 1)", lambda m: np.log2(cpm(m) + 1), None, "no"),
    ("log2(CPM + 1)", lambda m: np.log2(cpm(m) + 1), {"base": 2.0}, "base 2"),
    ("log2(TPM + 1)", lambda m: np.log2(tpm(m) + 1), None, "no"),
    ("log2(TPM + 1)", lambda m: np.log2(tpm(m) + 1), NATURAL, "yes, without base"),
    ("log10(TPM + 1), two decimals", lambda m: np.round(np.log10(tpm(m) + 1), 2), None, "no"),
    ("log1p of corrected counts", lambda m: np.log1p(corrected(m)), None, "no"),
    ("log1p of corrected counts", lambda m: np.log1p(corrected(m)), NATURAL, "yes"),
    ("square roots of counts", np.sqrt, None, "no"),
    ("corrected counts, largest above 30", corrected, None, "no"),
    ("not whole, largest at most 30", lambda m: corrected(m) / 40, None, "no"),
    ("scaled", scaled, None, "no"),
    ("infinite values, NaN", lambda m: np.where(m == m.max(), np.inf, m), None, "no"),
)


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells(names: list[str], make: Callable[[Matrix], Matrix], note: Note, seed: int) -> anndata.AnnData:
    matrix = make(counts(len(names), seed)).astype(np.float32)
    obs = pd.DataFrame({"cell_type": ["a", "b"] * 30, "species": ["mouse" if "Gcg" in names else "human"] * 60})
    adata = anndata.AnnData(sp.csr_matrix(matrix), obs=obs, var=pd.DataFrame(index=names))
    adata.obs_names = [f"{seed}-{one}" for one in range(60)]
    if note is not None:
        adata.uns["log1p"] = {key: value for key, value in note.items() if value is not None}
    return adata


def outcome(run: Callable[[], object], word: str) -> str:
    """The word if it runs; an error is expected to say what the values are."""
    try:
        run()
    except HomodbError as error:
        return "error" if "holds" in str(error) else str(error)
    return word


def row(release: homodb.Release, make: Callable[[Matrix], Matrix], note: Note) -> list[str]:
    mouse, human = cells(MOUSE, make, note, 1), cells(HUMAN, make, note, 2)
    both = {"species": ["mouse", "human"], "release": release}
    joint = anndata.AnnData(
        sp.vstack([mouse[:, : len(HUMAN)].X, human.X]).tocsr(), obs=pd.concat([mouse.obs, human.obs]),
        var=pd.DataFrame(index=HUMAN), uns=dict(mouse.uns),
    )  # fmt: skip
    log = "expm1-sum-log1p"
    return [
        outcome(lambda: homodb.translate(mouse, "human", source="mouse", release=release), "summed"),
        outcome(lambda: homodb.translate(mouse, "human", source="mouse", release=release, slots={"X": log}), "undone"),
        outcome(lambda: homodb.join([mouse, human], strategy="ens_m2m", **both), "summed"),
        outcome(lambda: homodb.join([mouse, human], **both), "joined"),
        outcome(lambda: homodb.integrate(joint, n_features=8, n_components=4, dims=3, k_weight=10), "used"),
        outcome(lambda: homodb.annotate(
            mouse, human, source="mouse", reference_species="human", label_key="cell_type", method="knn", k=5,
            release=release,
        ), "used"),
        outcome(lambda: homodb.markers(joint), "used"),
    ]  # fmt: skip


def table(release: homodb.Release) -> list[str]:
    heads = ["X holds", "`uns[\"log1p\"]`", "`translate`", "with `X=expm1-sum-log1p`", "`join` by ENS_M2M", "`join`",
             "`integrate`", "`annotate`", "`markers`"]  # fmt: skip
    rows = [[kind, words, *row(release, make, note)] for kind, make, note, words in KINDS]
    return ["| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows)]


@pytest.mark.slow
def test_the_table_of_the_docs_is_what_happens(release: homodb.Release) -> None:
    lines = table(release)
    assert "\n".join(lines) in (ROOT / "docs" / "translate.md").read_text(encoding="utf-8"), "\n".join(lines)


@pytest.mark.parametrize(("kind", "make", "note", "words"), KINDS)
def test_undone_logarithms_are_those_of_the_sums(
    release: homodb.Release, kind: str, make: Callable[[Matrix], Matrix], note: Note, words: str
) -> None:
    if not kind.startswith("log") or "corrected" in kind:
        return
    base = {"log1p": np.e, "log2(": 2.0, "log10": 10.0}[kind[:5]]
    mouse = cells(MOUSE, make, note, 1)
    if words == "yes, without base":
        assert mouse.uns["log1p"] == {}
    result = homodb.translate(mouse, "human", source="mouse", release=release, slots={"X": "expm1-sum-log1p"})
    undone = base ** mouse.to_df()[["Ins1", "Ins2"]].to_numpy(np.float64) - 1
    expected = np.log1p(undone.sum(axis=1)) / np.log(base)
    np.testing.assert_allclose(result.to_df()["INS"].to_numpy(), expected, rtol=1e-4)


def test_a_policy_that_is_named_sums_what_is_not_clear(release: homodb.Release) -> None:
    mouse = cells(MOUSE, lambda m: corrected(m) / 40, None, 1)
    with pytest.raises(HomodbError, match=messages.Translate.say_that_they_are_linear):
        homodb.translate(mouse, "human", source="mouse", release=release)
    result = homodb.translate(mouse, "human", source="mouse", release=release, slots={"X": "sum"})
    np.testing.assert_allclose(
        result.to_df()["INS"].to_numpy(), mouse.to_df()[["Ins1", "Ins2"]].sum(axis=1).to_numpy(), rtol=1e-6
    )
