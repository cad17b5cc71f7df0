"""What messages suggest: the names that come close."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.query.genes import names_of
from homodb.query.integrate import method_named
from homodb.query.translate import groups_of
from homodb.schema.enums import Strategy, find_strategy
from homodb.schema.errors import HomodbError, UnknownSpeciesError, UnknownStrategyError
from homodb.schema.messages import close_matches, did_you_mean
from homodb.schema.species import find
from tests import messages

NAMES = st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=12), max_size=8)


@given(name=st.text(max_size=12), known=NAMES, most=st.integers(1, 4))
def test_only_known_names_are_suggested_each_once(name: str, known: list[str], most: int) -> None:
    found = close_matches(name, known, most=most)
    assert set(found) <= set(known) and len(found) == len(set(found)) <= most


@given(known=NAMES.filter(bool))
def test_case_and_separators_do_not_matter(known: list[str]) -> None:
    assert close_matches(known[0].swapcase(), known)[0].casefold() == known[0].casefold()
    assert close_matches("cell type", ["Cell-Type", *known]) == ["Cell-Type"]


@pytest.mark.parametrize("name", ["", "   ", "zzzzzzzz", "\0"])
def test_nothing_is_suggested_where_nothing_is_close(name: str) -> None:
    assert close_matches(name, ["donor", "species"]) == [] and did_you_mean(name, ["donor", "species"]) == ""


@pytest.mark.parametrize("name", ["hm_o20", "HMO2O", "hm-o2", "HM O2O x"])
def test_strategies(name: str) -> None:
    with pytest.raises(UnknownStrategyError, match=messages.Schema.did_you_mean_hm_o2o):
        find_strategy(name)


def test_strategies_without_likeness_are_listed() -> None:
    with pytest.raises(UnknownStrategyError) as caught:
        find_strategy("blast")
    assert "did you mean" not in str(caught.value) and all(one in str(caught.value) for one in Strategy)


def test_columns_and_methods() -> None:
    obs = pd.DataFrame({"cell_type": ["a"], "donor": ["b"]})
    cells = anndata.AnnData(X=np.ones((1, 1)), obs=obs, var=pd.DataFrame({"gene_ids": ["x"]}, index=["y"]))
    with pytest.raises(HomodbError, match=messages.Schema.did_you_mean_cell_type):
        groups_of(cells.obs, ("celltype",))
    with pytest.raises(HomodbError, match=messages.Schema.did_you_mean_gene_ids):
        names_of(cells.var, "gene_id")
    with pytest.raises(HomodbError, match=messages.Schema.did_you_mean_harmony):
        method_named("harmny")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hunam", "human (homo_sapiens)"), ("hs", "human (homo_sapiens)"), ("hg38", "human (homo_sapiens)"),
        ("mm", "mouse (mus_musculus)"), ("mm10", "mouse (mus_musculus)"), ("mosue", "mouse (mus_musculus)"),
        ("dre", "zebrafish (danio_rerio)"), ("zebrafihs", "zebrafish (danio_rerio)"),
    ],
)  # fmt: skip
def test_species_as_people_shorten_and_misspell_them(written: str, meant: str) -> None:
    with pytest.raises(UnknownSpeciesError) as raised:
        find(written)
    assert f"did you mean {meant}" in str(raised.value)


def test_letters_that_changed_places_and_parts_of_names() -> None:
    assert close_matches("hunam", ["mouse", "human", "chimpanzee"], cutoff=0.9) == ["human"]
    assert did_you_mean("o2o", ["ENS_M2M", "ENS_O2O", "HM_O2O"]) == "; did you mean 'ENS_O2O' or 'HM_O2O'?"
    assert did_you_mean("zzz", ["ENS_M2M", "HM_O2O"]) == ""
