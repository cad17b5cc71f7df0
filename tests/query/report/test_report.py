"""The page: what stands on it, what is said where something is missing, and how it looks in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from matplotlib.colors import to_rgb

import homodb
from homodb.query.report import simulated
from homodb.query.results.figures import COLOURS, SPECIES_COLOURS
from homodb.query.score import Number, ProfileScores, Score
from homodb.schema.errors import (
    HomodbError,
    MissingPackageError,
    OutputError,
    ScoreError,
    TranslationError,
    UnknownSpeciesError,
)
from tests import messages

pytest.importorskip("matplotlib", reason="the extra cells is not installed")

TYPES = ["alpha", "beta & <b>", "$delta$"]


def scored() -> Score:
    numbers = {"ari": Number(0.7, 0.6, 0.8, 1, 0.3), "alcs": Number(np.nan, better=-1), "cells": Number(120, better=0)}
    table = pl.DataFrame({"cell_type": TYPES, "recall": [0.1, 0.2, None]})
    part = ProfileScores(numbers, {"by <type>": table}, ("few donors",))
    return Score("cca", {"cross_species": part}, "cells only", ("a note",))


def cells_of(number: int = 120, *, seed: int = 0) -> anndata.AnnData:
    """An integrated object of two species, with clusters, a plane, and what a join and an integration note."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, number)
    species = np.array(["human", "mouse"])[np.arange(number) % 2]
    level = np.full((3, 30), 3.0)
    for one in range(3):
        level[one, one * 4 : one * 4 + 4] = 40
    obs = pd.DataFrame(
        {
            "species": species, "cell_type": pd.Categorical(np.array(TYPES)[kind]),
            "donor": [f"d{one % 3}" for one in range(number)],
            "cca_cluster": pd.Categorical([str(one + 9) for one in kind]),
        },
        index=[f"c{one}" for one in range(number)],
    )  # fmt: skip
    adata = anndata.AnnData(sp.csr_matrix(rng.poisson(level[kind])), obs=obs)
    adata.obsm["X_cca"] = rng.normal(size=(number, 8)) + kind[:, None] * 4
    adata.obsm["X_cca_umap"] = adata.obsm["X_cca"][:, :2].copy()
    adata.uns["homodb"] = {
        "what": "join", "release": "toy-1", "strategy": "HM_O2O", "files": np.array(["h.h5ad", "m.h5ad"]),
        "species": np.array(["homo_sapiens", "mus_musculus"]), "genes": np.array([40, 50]),
        "carried": np.array([0.9, 0.8]), "fates": np.array(["mapped", "no_ortholog"]),
        "fate_genes": np.array([[30, 10], [30, 20]]), "fate_shares": np.array([[0.9, 0.1], [0.8, 0.2]]),
        "notes": np.array(["a & b"]),
    }  # fmt: skip
    adata.uns["homodb_integration"] = {
        "cca": {"method": "cca", "key": "cca", "settings": {"dims": 8}, "features": np.arange(30).astype(str)}
    }
    return adata


class Reader(HTMLParser):
    """Collects headings, texts, and what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        told = dict(attrs)
        self.fetched += [one for name in ("src", "href", "xlink:href") if (one := told.get(name))]

    def handle_data(self, data: str) -> None:
        self.text += data


def written(folder: Path, adata: anndata.AnnData | None = None, **options: Any) -> tuple[str, Reader]:
    options = {"score": scored(), "donor_key": "donor", **options}
    (page, *_) = homodb.report(cells_of() if adata is None else adata, folder / "page.html", **options)
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return page.read_text("utf-8"), reader


@pytest.mark.slow
def test_everything_stands_there(tmp_path: Path) -> None:
    text, page = written(tmp_path, figures=tmp_path / "figures")
    assert text.count("<svg") == 8 and "<script" not in text and "script" not in page.tags and "b" not in page.tags
    assert all(one.startswith(("#", "data:")) for one in page.fetched), page.fetched
    for wanted in (
        "AnnData: human, mouse by cca", "120: 60 human, 60 mouse", "human: 3, mouse: 3", "toy-1", "HM_O2O",
        "cells only: they say nothing of other donors", "What the numbers say", "HM_O2O: of Ensembl's ortholog pairs",
        "cca: canonical correlation", "Nothing can be said of how the species meet",
        "0.700", "0.600 to 0.800", "0.300", "unknown", "by <type>: 3 rows", "few donors", "a note",
        "h.h5ad", "leaning: of the species-specific ones",
        "no ortholog in this release", "90.00%", "settings: dims", "30 values", "a & b", "beta & <b>", "$delta$",
        "conserved: its ortholog is a marker of the same type", "a joint object holds only features", "homodb",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert "simulated" not in page.text
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {
        "umap-species.svg", "umap-cell-type.svg", "umap-cluster.svg", "clusters.svg", "transfer-1.svg",
        "transfer-2.svg", "scores-cross_species.svg", "conserved-markers.svg",
    }  # fmt: skip
    clusters = text[text.index("cell_type by cluster") :]
    order = [int(one) for one in re.findall(r">(9|10|11) \(\d+\)</text>", clusters)[:3]]
    assert order == [9, 10, 11], "clusters are in the order of their numbers"


def test_all_types_of_the_reference_have_a_column_and_the_largest_come_first(tmp_path: Path) -> None:
    adata = cells_of()
    kinds = np.array(adata.obs["cell_type"].astype(str), dtype=object)
    human = (adata.obs["species"] == "human").to_numpy()
    kinds[human & (kinds == "$delta$")] = "alpha"
    kinds[np.flatnonzero(human)[:2]] = "lone"
    adata.obs["cell_type"] = kinds
    written(tmp_path, adata, figures=tmp_path / "figures")
    svg = (tmp_path / "figures" / "transfer-2.svg").read_text()
    assert "human called by mouse" in svg
    names = re.findall(r">([^<>]* \(\d+\))</text>", svg)
    own = adata.obs[~human].groupby("cell_type", observed=True).size()
    asked = adata.obs[human].groupby("cell_type", observed=True).size()
    columns, rows = names[: len(own)], names[len(own) :]
    assert set(map(unescape, columns)) == {f"{one} ({own[one]})" for one in own.index}
    assert len(rows) == len(asked) and rows[-1] == "lone (2)" and columns[-1].startswith("$delta$")
    whole = adata.obs["cell_type"].value_counts()
    shared = [one for one in whole.index if one in own.index and one in asked.index]
    assert [whole[one] for one in shared] == sorted(whole[shared], reverse=True)
    assert [one.split(" (")[0][:4] for one in rows[:-1]] == [one[:4] for one in shared]


def test_values_above_1_and_what_is_not_told_are_on_the_drawing(tmp_path: Path) -> None:
    numbers = {"mixing_neighbours": Number(1.031, 0.901, 1.031), "alcs": Number(np.nan, better=-1)}
    numbers |= {"self_projection": Number(0.9, baseline=40.0), "transfer_kappa": Number(-1.5, -1.6, -1.4)}
    score = Score("cca", {"cross_species": ProfileScores(numbers)}, "donors", ("none baseline: pca",))
    text, page = written(tmp_path, score=score)
    for wanted in (
        "mixing neighbours →", "unknown: alcs", "partly beyond the axis: self projection, transfer kappa", "1.031",
        "another species is among the nearest cells 1.03 times", "1 as by chance, 0 never", "higher",
        "'without integration' is the same score of obsm['X_pca']", "donors are resampled",
        "(human 3, mouse 3), so they hold for other donors, but so few",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert "none baseline" not in page.text and 'class="drawings even"' in text


def test_tests_by_cells_tell_of_no_donors(tmp_path: Path) -> None:
    adata = cells_of()
    adata.obs.loc[adata.obs["species"] == "mouse", "donor"] = "one"
    text = re.sub(' data-of="[^"]*"', "", written(tmp_path, adata)[0])
    assert "<td>mouse<td class=n>22<td>by cells<td>–<td" in re.sub(r"n>\d+<td>by", "n>22<td>by", text)
    assert re.search(r"<td>human<td class=n>\d+<td>by donors<td>3<td", text) and "<td>by cells<td class=n>0" not in text


@pytest.mark.slow
def test_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path)[0] == written(tmp_path)[0]


@pytest.mark.slow
def test_simulated_cells_are_called_so(tmp_path: Path) -> None:
    adata = cells_of()
    assert not simulated(adata)
    adata.uns["homodb"]["release"] = "simulated-2x100-1-compara"
    assert simulated(adata)
    adata.uns["homodb"] |= {"release": "toy-1", "dropped": np.array(["uns['simulated']", "obsm['X_pca']"])}
    assert simulated(adata)
    _, page = written(tmp_path, adata)
    assert "These data are simulated" in page.text.split("Cells")[0]
    del adata.uns["homodb"]
    assert not simulated(adata)
    adata.uns["simulated"] = "by homodb"
    assert simulated(adata)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise MissingPackageError("UMAP needs umap-learn")

    adata = cells_of()
    del adata.obsm["X_cca_umap"], adata.obs["cca_cluster"], adata.uns["homodb"]
    adata.X = sp.csr_matrix(np.full(adata.shape, -1.0))
    monkeypatch.setattr("homodb.query.integrate.umap", absent)
    text, page = written(tmp_path, adata)
    for wanted in (
        "no clusters", "no markers: X holds negative values", "first two dimensions", "does not say how", "dimension 1",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert "UMAP 1" not in page.text and "cluster" not in [one.strip() for one in re.findall("<h2>(.*?)</h2>", text)]


def test_scores_that_cannot_be_had_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, profile: str, **__: object) -> None:
        raise ScoreError(f"not {profile}")

    monkeypatch.setattr("homodb.query.score.score", refuse)
    _, page = written(tmp_path, score=None, profile="pllm")
    assert "no scores by profile pllm: not pllm" in page.text and "cross-species: not cross-species" in page.text
    assert "mouse called by human" in page.text, "labels are carried all the same"


def test_scores_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def tell(adata: object, **options: Any) -> Score:
        asked.update(options)
        return scored()

    monkeypatch.setattr("homodb.query.score.score", tell)
    written(tmp_path, score=None)
    asked.pop("progress")
    assert asked == {
        "key": "cca", "label_key": "cell_type", "species_key": "species", "donor_key": "donor", "profile": "all",
    }  # fmt: skip


def test_one_of_several_integrations(tmp_path: Path) -> None:
    adata = cells_of()
    adata.obsm["X_mine"] = adata.obsm["X_cca"] + 1
    adata.obsm["X_mine_umap"] = adata.obsm["X_cca_umap"]
    adata.uns["homodb_integration"]["mine"] = {"method": "harmony"}
    with pytest.raises(ScoreError, match=messages.Report.cca_mine):
        written(tmp_path, adata)
    _, page = written(tmp_path, adata, key="mine")
    assert "by mine" in page.text and "harmony" in page.text and "'mine_cluster'" in page.text


def test_few_cells(tmp_path: Path) -> None:
    adata = cells_of(10)
    del adata.obsm["X_cca_umap"]
    _, page = written(tmp_path, adata)
    assert "10 are too few for a UMAP" in page.text and "labels were not carried across" in page.text


@pytest.mark.slow
def test_many_cells_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from homodb.query.report import gather

    def none(*_: object) -> pl.DataFrame:
        return pl.DataFrame()

    adata = cells_of(60_000)
    monkeypatch.setattr(gather, "_calls", none)
    found = homodb.markers(cells_of(), donor_key="donor")
    text, _ = written(tmp_path, adata, markers=found)
    assert text.count("data:image/png;base64") >= 3 and len(text) < 4_000_000


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label_key": "type"}, ScoreError, "no column 'type'"),
        ({"key": "harmony"}, ScoreError, "no embedding 'harmony'"),
        ({"profile": "scb"}, ScoreError, "no profile .scb.*did you mean"),
        ({"donor_key": "subject"}, ScoreError, "no column 'subject'"),
        ({"species_key": "organism"}, ScoreError, "no column 'organism'"),
        ({"cells": ["nowhere.h5ad", "nor.h5ad"]}, HomodbError, "."),
    ],
)
def test_bad_input(tmp_path: Path, options: Any, error: type[HomodbError], message: str) -> None:
    with pytest.raises(error, match=message):
        written(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_bad_output(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=messages.Report.pages_are_written_as_html):
        homodb.report(cells_of(), tmp_path / "page.pdf")
    with pytest.raises(OutputError, match=messages.Shared.no_folder):
        homodb.report(cells_of(), tmp_path / "no" / "page.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_created):
        homodb.report(cells_of(), tmp_path / "page.html", figures=tmp_path / "file")


def test_all_is_checked_before_the_work(tmp_path: Path, toy: homodb.Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise AssertionError("too late")

    monkeypatch.setattr("homodb.query.integrate.umap", late)
    monkeypatch.setattr("homodb.query.score.score", late)
    adata, page = cells_of(), tmp_path / "page.html"
    del adata.obsm["X_cca_umap"]
    adata.layers["counts"] = adata.X.copy()
    whole, cells = tmp_path / "whole.h5ad", tmp_path / "cells.h5ad"
    adata.write_h5ad(whole)
    cells.write_text("nothing")
    for given, error, said in (
        ({"layer": "nix"}, ScoreError, "there is no layer 'nix'; the layers are: 'counts'$"),
        ({"species": ["human"]}, ScoreError, "name the files, too$"),
        ({"cells": [tmp_path / "no.h5ad"]}, TranslationError, r"no\.h5ad: there is no such file"),
        ({"cells": [cells, cells], "species": ["human", "foo"]}, UnknownSpeciesError, "foo"),
        ({"cells": [cells, cells], "species": ["human"]}, ScoreError, "2 files and 1 species"),
        ({"cells": [cells, cells]}, TranslationError, r"cells\.h5ad: is not an AnnData"),
        ({"cells": [whole, whole], "label_key": "nix"}, ScoreError, "no column 'nix'"),
    ):
        with pytest.raises(error, match=said):
            homodb.report(whole, page, release=toy, **given)
    with pytest.raises(TranslationError, match=messages.Shared.no_h5ad):
        homodb.report(tmp_path / "no.h5ad", page)
    assert not page.exists()


def test_a_join_tells_the_fates(toy: homodb.Release, tmp_path: Path) -> None:
    def one(names: list[str]) -> anndata.AnnData:
        counts = sp.csr_matrix(np.random.default_rng(0).poisson(3, (20, len(names))))
        obs = pd.DataFrame({"cell_type": ["a", "b"] * 10}, index=[f"c{at}" for at in range(20)])
        return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=names))

    parts = [one(["INS", "GCG", "TNF", "CXCL8"]), one(["Ins2", "Gcg", "Tnf", "Xist"])]
    joint = homodb.join(parts, species=["human", "mouse"], release=toy)
    joint.obsm["X_cca"] = np.random.default_rng(1).normal(size=(40, 4))
    joint.obsm["X_cca_umap"] = joint.obsm["X_cca"][:, :2]
    joint.write_h5ad(tmp_path / "joint.h5ad")
    _, page = written(tmp_path, anndata.read_h5ad(tmp_path / "joint.h5ad"), key="cca", donor_key=None)
    for wanted in ("no_ortholog", "not coding for a protein", "mus_musculus", "HM_O2O", "toy-1"):
        assert wanted in page.text, wanted


_NAMES = ("chromium", "chromium-browser", "google-chrome")
_BROWSER = next((path for name in _NAMES if (path := shutil.which(name))), None)


@pytest.mark.slow
@pytest.mark.skipif(_BROWSER is None, reason="there is no Chromium to look with")
def test_it_looks_right_in_a_browser(tmp_path: Path) -> None:
    from matplotlib.image import imread

    written(tmp_path)
    picture = tmp_path / "page.png"
    command = [
        str(_BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1300,3000",
        f"--screenshot={picture}", (tmp_path / "page.html").as_uri(),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    seen = np.asarray(imread(picture))[..., :3]
    assert seen.shape == (3000, 1300, 3)
    inked = seen.min(axis=2) < 0.9
    assert 0.02 < inked.mean() < 0.7, "neither blank nor covered"
    bands = [band.mean() for band in np.array_split(inked, 12)]
    assert min(bands) > 0.001, "something stands in every part of it"
    for colour in (COLOURS[0], SPECIES_COLOURS[0]):
        own = (np.abs(seen - to_rgb(colour)) < 0.06).all(axis=2)
        assert own.sum() > 40, "cells are drawn in the colours of their types and species"


@pytest.mark.slow
def test_importing_homodb_does_not_load_matplotlib() -> None:
    script = (
        "import homodb, sys; homodb.report, homodb.markers; assert not {'matplotlib', 'anndata'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_verdict_comes_first_and_the_contents_lead_to_the_sections(tmp_path: Path) -> None:
    text, _ = written(tmp_path)
    body = text[text.index("<body") :]
    assert body.index("class=verdict") < body.index("<nav>") < body.index("What the numbers say</h2>")
    anchors = re.findall('<a href="#([^"]+)">', body)
    assert len(anchors) >= 5 and anchors == re.findall('<h2 id="([^"]+)">', body)
    assert "currentColor" in body and "Canvas" in body and "#fefefe" not in body
