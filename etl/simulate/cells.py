"""Writes the cells of each species: counts that follow the expression programmes, as a droplet experiment gives them.

A cell has a type, a donor and a depth. Its reads are those of its type, changed a little by its donor, and ambient
ones of the whole donor's soup; genes vary between cells of a type, and those with few reads drop out at times. Rows are
written block by block, so memory does not grow with the number of cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homodb.etl.simulate.annotation import Annotation
from homodb.etl.simulate.expression import Expression
from homodb.etl.simulate.layout import Layout
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.tree import SpeciesTree

if TYPE_CHECKING:
    import h5py

#: Median reads of a cell and their spread; spread of genes between donors (standard deviations of logarithms).
_DEPTH, _DEPTH_SPREAD, _DONOR_SPREAD = 4_000.0, 0.55, 0.15

#: Entries of a block of cells x genes.
_BLOCK = 4_000_000

#: Of the matrix's columns, so many stand twice (as with several references), and so many are of no gene.
_TWICE, _FOREIGN = 0.003, 0.005


@dataclass(frozen=True)
class Design:
    """The cells of a species and the columns of its matrix, before any count is drawn.

    Parameters
    ----------
    types, donors
        Of each cell, indices.
    depth, ambient
        Of each cell: expected reads, and which share of them is ambient.
    rows
        Of each column: the row of the annotation; -1 where there is none.
    names
        Of each column.
    profile
        Donors x types x columns: expected share of a cell's own reads.
    """

    types: np.ndarray
    donors: np.ndarray
    depth: np.ndarray
    ambient: np.ndarray
    rows: np.ndarray
    names: list[str]
    profile: np.ndarray

    def soup(self) -> np.ndarray:
        """Return the ambient profile of each donor: the mean over its cells."""
        soup = np.empty((self.profile.shape[0], self.profile.shape[2]))
        for donor in range(len(soup)):
            share = np.bincount(self.types[self.donors == donor], minlength=self.profile.shape[1]) + 1e-9
            soup[donor] = share / share.sum() @ self.profile[donor]
        return soup


def design(species: int, annotation: Annotation, expression: Expression, settings: Settings) -> Design:
    """Decide a species' cells and the columns of its matrix.

    Parameters
    ----------
    species
        Its index.
    annotation, expression
        Annotated genes; what is expected of each.
    settings
        Numbers of cells and donors, shares, seed.
    """
    rng = settings.stream("cells", species)
    count = len(range(species, settings.cells, len(expression.present)))
    present = np.flatnonzero(expression.present[species])
    mix = rng.standard_gamma(2.0, (settings.donors, len(present))) + 0.05
    donors = np.sort(rng.integers(0, settings.donors, count))
    edges = np.cumsum(mix / mix.sum(axis=1, keepdims=True), axis=1)
    types = present[(rng.random(count)[:, None] > edges[donors, :-1]).sum(axis=1)]
    depth = np.exp(rng.standard_normal(count) * _DEPTH_SPREAD) * _DEPTH
    ambient = settings.ambient * np.minimum(rng.standard_gamma(4.0, count) / 4.0, 1 / max(settings.ambient, 1e-9))
    own = np.flatnonzero((annotation.species == species) & annotation.primary)
    own = np.setdiff1d(own, annotation.parts)
    kept = own[rng.random(len(own)) >= settings.missing_genes]
    twice = np.sort(rng.permutation(kept)[: round(_TWICE * len(kept))])
    foreign = round(_FOREIGN * len(kept))
    rows = np.concatenate([kept, twice, np.full(foreign, -1)])
    level = np.where(rows[:, None] >= 0, expression.level[annotation.gene[rows]], 1e-6)
    level = np.where(np.isin(rows, twice)[:, None], level / 2, level)
    uneven = np.exp(rng.standard_normal((settings.donors, len(rows))) * _DONOR_SPREAD)
    profile = level.T[None] * uneven[:, None, :]
    profile /= profile.sum(axis=2, keepdims=True)
    return Design(types, donors, depth, ambient, rows, _names(rows, annotation), profile)


def _names(rows: np.ndarray, annotation: Annotation) -> list[str]:
    """Name columns by symbol, else stable ID; a repeat gets a number, as scanpy and Seurat give it."""
    seen: dict[str, int] = {}
    names = []
    for place, row in enumerate(rows.tolist()):
        name = f"AC{900000 + place}.1" if row < 0 else annotation.symbol[row] or annotation.stable_id[row]
        seen[name] = seen.get(name, -1) + 1
        names.append(f"{name}-{seen[name]}" if seen[name] else name)
    return names


def counts(
    plan: Design, soup: np.ndarray, first: int, last: int, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Draw the counts of some cells.

    Parameters
    ----------
    plan
        The species' cells and columns.
    soup
        Its ambient profiles.
    first, last
        The cells.
    settings
        Dispersion and dropout.
    rng
        Where chance comes from.

    Returns
    -------
    numpy.ndarray
        Cells x columns.
    """
    part = slice(first, last)
    ambient = plan.ambient[part, None]
    own = plan.profile[plan.donors[part], plan.types[part]] * (1 - ambient)
    if settings.dispersion:
        own *= rng.standard_gamma(1 / settings.dispersion, own.shape) * settings.dispersion
    expected = (own + soup[plan.donors[part]] * ambient) * plan.depth[part, None]
    drawn: np.ndarray = rng.poisson(expected).astype(np.int32)
    if settings.dropout:
        at = np.nonzero(drawn)
        drawn[at] *= rng.random(len(at[0])) >= settings.dropout / (1 + expected[at])
    return drawn


def write_cells(
    species: int,
    tree: SpeciesTree,
    annotation: Annotation,
    expression: Expression,
    layout: Layout,
    settings: Settings,
    report: Callable[[int], None],
) -> int:
    """Write the h5ad of a species; return its cells.

    Parameters
    ----------
    species
        Its index.
    tree, annotation, expression
        Species, annotated genes, what is expected of each.
    layout
        Where the file lies.
    settings
        Numbers, shares, seed.
    report
        Called with the cells done so far.
    """
    import h5py
    import pandas as pd
    from anndata.io import write_elem

    plan = design(species, annotation, expression, settings)
    rng = settings.stream("counts", species)
    name = tree.species[species]
    labels = [f"{name.name}_{cell:06d}" for cell in range(len(plan.types))]
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([expression.types[one] for one in plan.types]),
            "donor": pd.Categorical([f"{name.common_name} {one + 1}" for one in plan.donors]),
            "species": pd.Categorical([name.name] * len(labels)),
            "ambient": np.round(plan.ambient, 4),
        },
        index=pd.Index(labels, dtype=object),
    )
    known = [annotation.stable_id[row] if row >= 0 else "" for row in plan.rows.tolist()]
    var = pd.DataFrame(
        {"gene_ids": known, "feature_types": "Gene Expression"}, index=pd.Index(plan.names, dtype=object)
    )
    with h5py.File(layout.cells(species), "w", libver="earliest") as file:
        file.attrs["encoding-type"], file.attrs["encoding-version"] = "anndata", "0.1.0"
        _write_matrix(file, plan, settings, rng, report)
        for key, value in (("obs", obs), ("var", var)):
            write_elem(file, key, value)
        for key in ("layers", "obsm", "obsp", "varm", "varp"):
            write_elem(file, key, {})
        write_elem(file, "uns", {"simulated": "by homodb: no measured cells"})
    return len(labels)


def _write_matrix(
    file: h5py.File, plan: Design, settings: Settings, rng: np.random.Generator, report: Callable[[int], None]
) -> None:
    """Write the counts as a compressed sparse matrix, block by block."""
    cells, genes = len(plan.types), len(plan.names)
    group = file.create_group("X")
    group.attrs["encoding-type"], group.attrs["encoding-version"] = "csr_matrix", "0.1.0"
    group.attrs["shape"] = np.array([cells, genes], np.int64)
    options = {"maxshape": (None,), "chunks": (1 << 16,), "compression": "gzip", "compression_opts": 4}
    data = group.create_dataset("data", (0,), np.int32, **options)
    indices = group.create_dataset("indices", (0,), np.int32, **options)
    starts = np.zeros(cells + 1, np.int64)
    step = max(1, _BLOCK // genes)
    soup = plan.soup()
    for first in range(0, cells, step):
        last = min(cells, first + step)
        drawn = counts(plan, soup, first, last, settings, rng)
        row, column = np.nonzero(drawn)
        starts[first + 1 : last + 1] = starts[first] + np.cumsum(np.bincount(row, minlength=last - first))
        for dataset, values in ((data, drawn[row, column]), (indices, column)):
            dataset.resize((int(starts[last]),))
            dataset[int(starts[first]) :] = values
        report(last)
    group.create_dataset("indptr", data=starts)
