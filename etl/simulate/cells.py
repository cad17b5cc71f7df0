"""Simulate and write the cells of each species, as in droplets.

Every ancestral gene has a level and a programme over cell types. A duplication divides the expression in each cell type
between both copies, so paralogs share the work of their ancestor, in the same way in all species that have both.

A cell has a type, a donor and a depth. Its reads are those of its type, slightly changed by its donor, and ambient
reads of the donor; genes vary between cells of a type, and genes with few reads drop out at times. Rows are written in
blocks, so memory does not grow with the number of cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homodb.etl.simulate.annotation import SimulatedAnnotation
from homodb.etl.simulate.histories import GeneTrees, Histories, Kind, Role, ancestor_name, by_level
from homodb.etl.simulate.settings import Layout, Settings
from homodb.etl.simulate.species import SpeciesTree

if TYPE_CHECKING:
    import h5py

#: Spread of levels (standard deviation of the natural logarithm) and the additional mean of some roles.
_SPREAD = 1.7
_ADDED = {Role.RIBOSOMAL: 3.5, Role.MITOCHONDRIAL: 4.0, Role.MT_RNA: 3.0, Role.SMALL_RNA: -3.0, Role.LONG_RNA: -1.5}

#: Shares of programmes: markers of one cell type, and silent genes; the rest is broad.
_MARKERS, _SILENT = 0.12, 0.1
_MARKER_UP, _MARKER_ELSEWHERE, _OWN_UP = 20.0, 0.2, 30.0

#: Share of genes that are markers in one species only.
_OWN_MARKERS = 0.01


@dataclass(frozen=True)
class Expression:
    """Expected expression of every living gene in every cell type.

    Parameters
    ----------
    types
        Names of the cell types: those of all species, then those of one.
    present
        Mask of the types of each species, species by types.
    level
        Share of all reads of a cell, before donors, ambient reads and dropout, genes by types.
    share
        Share of a gene in the expression of its ancestral gene in its species, genes by types.
    ancestral
        Level of the ancestral gene, without unit, genes by types.
    expressed_as
        ``programme/ancestral gene`` of each gene.
    """

    types: tuple[str, ...]
    present: np.ndarray
    level: np.ndarray
    share: np.ndarray
    ancestral: np.ndarray
    expressed_as: list[str]


def draw_expression(trees: GeneTrees, tree: SpeciesTree, histories: Histories, settings: Settings) -> Expression:
    """Draw expression programmes, and divide them among descendants."""
    rng = settings.stream("expression")
    common = [f"type {number + 1}" for number in range(settings.cell_types)]
    private = [index for index in range(len(tree.species)) if index % 2]
    types = (*common, *(f"type of {tree.species[index].common_name} only" for index in private))
    present = np.ones((len(tree.species), len(types)), bool)
    for place, index in enumerate(private):
        present[:, len(common) + place] = np.arange(len(tree.species)) == index
    ancestors, inverse = np.unique(histories.ancestor, return_inverse=True)
    profile, programmes = _programmes(trees, ancestors, types, rng)
    share = _shares(trees, histories, len(types), rng)
    ancestral = profile[inverse]
    drift = np.exp(rng.standard_normal(len(inverse)) * settings.expression_drift)
    level = ancestral * share * drift[:, None]
    labels = [programmes[one] for one in inverse.tolist()]
    audible = np.array([label != "silent" for label in labels])
    own = np.flatnonzero((rng.random(len(inverse)) < _OWN_MARKERS) & audible)
    for gene in own.tolist():
        place = int(rng.choice(np.flatnonzero(present[histories.species[gene]])))
        level[gene] = level[gene].mean() * _MARKER_ELSEWHERE
        level[gene, place] *= _OWN_UP / _MARKER_ELSEWHERE
        labels[gene] = f"own_marker:{types[place]}"
    for index in range(len(tree.species)):
        rows = histories.species == index
        level[rows] /= level[rows].sum(axis=0)
    names = [f"{label}/{ancestor_name(one)}" for label, one in zip(labels, histories.ancestor.tolist(), strict=True)]
    return Expression(types, present, level, share, ancestral, names)


def _programmes(
    trees: GeneTrees, ancestors: np.ndarray, types: tuple[str, ...], rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """Draw the level and programme of each ancestral gene."""
    role = trees.role[trees.family[ancestors]]
    added = np.array([_ADDED.get(one, 0.0) for one in Role])
    base = np.exp(rng.standard_normal(len(ancestors)) * np.where(role == Role.CODING, _SPREAD, 0.7) + added[role])
    profile = base[:, None] * np.exp(rng.standard_normal((len(ancestors), len(types))) * 0.3)
    kind = rng.random(len(ancestors))
    place = rng.integers(0, len(types), len(ancestors))
    marker = (kind < _MARKERS) & (role == Role.CODING)
    profile[marker] *= _MARKER_ELSEWHERE
    profile[marker, place[marker]] *= _MARKER_UP / _MARKER_ELSEWHERE
    silent = (kind > 1 - _SILENT) & np.isin(role, [Role.CODING, Role.LONG_RNA])
    profile[silent] = 0
    programmes = np.where(marker, np.array([f"marker:{name}" for name in types])[place], "broad")
    return profile, [str(name) for name in np.where(silent, "silent", programmes)]


def _shares(trees: GeneTrees, histories: Histories, types: int, rng: np.random.Generator) -> np.ndarray:
    """Divide expression at every duplication among the living genes."""
    weight = np.ones((len(trees.parent), types), np.float32)
    ancestor = np.zeros(len(trees.parent), bool)
    ancestor[histories.ancestor] = True
    for level in by_level(trees.parent)[1:]:
        nodes = level[np.argsort(trees.parent[level], kind="stable")]
        parent = trees.parent[nodes]
        weight[nodes] = np.where(ancestor[nodes][:, None], 1, weight[parent])
        second = np.flatnonzero(np.concatenate([[False], parent[1:] == parent[:-1]]))
        second = second[trees.kind[parent[second]] == Kind.DUPLICATION]
        part = rng.random((len(second), types), np.float32)
        weight[nodes[second]] *= part
        weight[nodes[second - 1]] *= 1 - part
    own = weight[histories.node].astype(np.float64) + 1e-9
    species = int(histories.species.max(initial=0)) + 1
    _, group = np.unique(histories.ancestor * species + histories.species, return_inverse=True)
    total = np.zeros((int(group.max(initial=-1)) + 1, types))
    np.add.at(total, group, own)
    shared: np.ndarray = own / total[group]
    return shared


#: Median reads of a cell, their spread, and the spread of genes between donors (standard deviations of logarithms).
_DEPTH, _DEPTH_SPREAD, _DONOR_SPREAD = 4_000.0, 0.55, 0.15

#: Entries of a block of cells by genes.
_BLOCK = 4_000_000

#: Shares of duplicate columns (as with several references) and of columns without a gene.
_TWICE, _FOREIGN = 0.003, 0.005


@dataclass(frozen=True)
class CellDesign:
    """Cells of a species and columns of its matrix, before any count is drawn.

    Parameters
    ----------
    types, donors
        Indices of the type and donor of each cell.
    depth, ambient
        Expected reads of each cell, and their ambient share.
    rows
        Row of the annotation of each column, or -1.
    names
        Name of each column.
    profile
        Expected share of the own reads of a cell, donors by types by columns.
    """

    types: np.ndarray
    donors: np.ndarray
    depth: np.ndarray
    ambient: np.ndarray
    rows: np.ndarray
    names: list[str]
    profile: np.ndarray

    def soup(self) -> np.ndarray:
        """Return the ambient profile of each donor, the mean over its cells."""
        soup = np.empty((self.profile.shape[0], self.profile.shape[2]))
        for donor in range(len(soup)):
            share = np.bincount(self.types[self.donors == donor], minlength=self.profile.shape[1]) + 1e-9
            soup[donor] = share / share.sum() @ self.profile[donor]
        return soup


def design_cells(
    species: int, annotation: SimulatedAnnotation, expression: Expression, settings: Settings
) -> CellDesign:
    """Draw the cells of a species and the columns of its matrix.

    Parameters
    ----------
    species
        Index of the species.
    annotation, expression
        Annotated genes and their expected expression.
    settings
        Settings, for numbers of cells and donors, shares and the seed.
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
    return CellDesign(types, donors, depth, ambient, rows, _names(rows, annotation), profile)


def _names(rows: np.ndarray, annotation: SimulatedAnnotation) -> list[str]:
    """Name columns by symbol or stable ID; repeats get numbers, as in scanpy."""
    repeats: dict[str, int] = {}
    names = []
    for place, row in enumerate(rows.tolist()):
        name = f"AC{900000 + place}.1" if row < 0 else annotation.symbol[row] or annotation.stable_id[row]
        repeats[name] = repeats.get(name, -1) + 1
        names.append(f"{name}-{repeats[name]}" if repeats[name] else name)
    return names


def draw_counts(
    plan: CellDesign, soup: np.ndarray, first: int, last: int, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Draw the counts of some cells."""
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
    annotation: SimulatedAnnotation,
    expression: Expression,
    layout: Layout,
    settings: Settings,
    report: Callable[[int], None],
) -> int:
    """Write the h5ad of a species, and return its number of cells."""
    import h5py
    import pandas as pd
    from anndata.io import write_elem

    plan = design_cells(species, annotation, expression, settings)
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
    gene_ids = [annotation.stable_id[row] if row >= 0 else "" for row in plan.rows.tolist()]
    var = pd.DataFrame(
        {"gene_ids": gene_ids, "feature_types": "Gene Expression"}, index=pd.Index(plan.names, dtype=object)
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
    file: h5py.File, plan: CellDesign, settings: Settings, rng: np.random.Generator, report: Callable[[int], None]
) -> None:
    """Write the counts as a sparse matrix in blocks."""
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
        drawn = draw_counts(plan, soup, first, last, settings, rng)
        row, column = np.nonzero(drawn)
        starts[first + 1 : last + 1] = starts[first] + np.cumsum(np.bincount(row, minlength=last - first))
        for dataset, values in ((data, drawn[row, column]), (indices, column)):
            dataset.resize((int(starts[last]),))
            dataset[int(starts[first]) :] = values
        report(last)
    group.create_dataset("indptr", data=starts)
