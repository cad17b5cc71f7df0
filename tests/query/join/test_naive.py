"""Joins against dictionaries and loops, over whatever genes the objects happen to have."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import homodb
from homodb.query.join import join
from homodb.schema.errors import JoinError
from tests import messages

ALL = ["homo_sapiens", "mus_musculus", "sus_scrofa"]
Gene = tuple[str, str]
Groups = list[dict[str, list[str]]]


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def known(release: homodb.Release) -> dict[str, list[str]]:
    """Stable IDs of each species' primary genes."""
    rows = release.sql(
        "SELECT s.name, g.stable_id FROM gene g JOIN species s USING (species) "
        "WHERE g.gene = g.primary_gene ORDER BY ALL"
    )
    genes: dict[str, list[str]] = defaultdict(list)
    for species, gene in rows.iter_rows():
        genes[species].append(gene)
    return dict(genes)


@pytest.fixture(scope="module")
def pairs(release: homodb.Release) -> dict[str, set[tuple[Gene, Gene]]]:
    rows = release.sql("SELECT strategy, source_species, source_id, target_species, target_id FROM ortholog")
    told: dict[str, set[tuple[Gene, Gene]]] = defaultdict(set)
    for strategy, *both in rows.iter_rows():
        told[strategy].add(((both[0], both[1]), (both[2], both[3])))
    return told


def by_rows(pairs: set[tuple[Gene, Gene]], species: list[str], hub: str, have: dict[str, set[str]]) -> Groups:
    """Rows of the table whose genes are all measured."""
    found = []
    for gene in sorted({one for one, _ in pairs if one[0] == hub}):
        choices = [
            [gene[1]] if one == hub else sorted(b[1] for a, b in pairs if a == gene and b[0] == one) for one in species
        ]
        rows = [dict(zip(species, row, strict=True)) for row in itertools.product(*choices)]
        found += [{one: [row[one]] for one in species} for row in rows if all(row[one] in have[one] for one in species)]
    return found


def by_groups(pairs: set[tuple[Gene, Gene]], species: list[str], largest: int, have: dict[str, set[str]]) -> Groups:
    """Connected components by flooding."""
    inside = [(a, b) for a, b in pairs if a[0] in species and b[0] in species]
    left = {gene for pair in inside for gene in pair}
    found = []
    while left:
        group, border = set(), {min(left)}
        while border:
            group |= border
            border = {b for a, b in inside if a in border} - group
        left -= group
        members = {one: sorted(name for where, name in group if where == one and name in have[one]) for one in species}
        if len(group) <= largest and all(members.values()):
            found.append(members)
    return found


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_objects(
    release: homodb.Release, known: dict[str, list[str]], pairs: dict[str, set[tuple[Gene, Gene]]], data: st.DataObject
) -> None:
    species = data.draw(st.sampled_from([ALL, ALL[:2], ALL[1:], ALL[::-1], [ALL[1], ALL[0], ALL[0]]]))
    strategy = data.draw(st.sampled_from(["ENS_M2M", "ENS_O2O", "HM_O2O"]))
    features = data.draw(st.sampled_from(["group", "copy"]))
    largest = data.draw(st.sampled_from([2, 3, 20]))
    objects = []
    for number, one in enumerate(species):
        names = data.draw(st.lists(st.sampled_from(known[one]), min_size=4, unique=True))
        counts = np.random.default_rng(number).poisson(3.0, (2, len(names))).astype(np.int64)
        objects.append(anndata.AnnData(counts, var=pd.DataFrame(index=names)))
    have = {
        one: set.intersection(
            *(set(adata.var_names) for adata, its in zip(objects, species, strict=True) if its == one)
        )
        for one in species
    }
    each = list(dict.fromkeys(species))
    grouped = strategy == "ENS_M2M" and features == "group"
    expected = (
        by_groups(pairs[strategy], each, largest, have) if grouped else by_rows(pairs[strategy], each, ALL[1], have)
    )
    asked = {"species": species, "strategy": strategy, "features": features, "largest": largest, "release": release}
    asked["force"] = True  # a handful of genes, of which few may be in a joint feature
    if not expected:
        with pytest.raises(JoinError, match=messages.Join.share_no_feature):
            join(objects, **asked)
        return
    joint = join(objects, **asked)
    columns = [f"homodb_{one}_id" for one in each]
    got = {tuple(row): place for place, row in enumerate(joint.var[columns].itertuples(index=False, name=None))}
    assert len(got) == joint.n_vars
    assert set(got) == {tuple(";".join(feature[one]) for one in each) for feature in expected}
    for feature in expected:
        column = joint.X[:, got[tuple(";".join(feature[one]) for one in each)]]
        naive = [
            sum(int(adata.X[cell, adata.var_names.get_loc(name)]) for name in feature[one])
            for adata, one in zip(objects, species, strict=True)
            for cell in range(2)
        ]
        assert np.asarray(column.todense() if hasattr(column, "todense") else column).ravel().tolist() == naive
    totals = np.concatenate([adata.X.sum(axis=1) for adata in objects])
    assert joint.obs["homodb_total"].tolist() == totals.tolist()
