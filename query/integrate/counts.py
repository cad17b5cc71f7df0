"""Reads the counts and the species of a joint AnnData, and refuses what cannot be integrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import TOTAL, ObsColumns, read_counts
from homodb.query.integrate.settings import IntegrateSettings
from homodb.schema.errors import CountsError, IntegrationError, UnknownSpeciesError
from homodb.schema.messages import counted
from homodb.schema.names import name_texts
from homodb.schema.species import find

if TYPE_CHECKING:
    import anndata


@dataclass(frozen=True)
class Joint:
    """What an integration starts from.

    Parameters
    ----------
    counts
        CSR, cells x features.
    features
        Names of features.
    species
        Names of species, in the order in which they first appear.
    code
        Which species each cell is of, shape (cells,).
    totals
        Each cell's total, which normalising divides by.
    genes
        By species: the stable IDs of each feature's genes there, joined by ``;``, where var tells them.
    housekeeping
        Which features are ribosomal or mitochondrial, where var tells.
    """

    counts: sp.csr_matrix
    features: list[str]
    species: tuple[str, ...]
    code: npt.NDArray[np.int64]
    totals: npt.NDArray[np.float64]
    genes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    housekeeping: npt.NDArray[np.bool_] | bool = False

    def rows(self, species: int) -> npt.NDArray[np.int64]:
        """Return the cells of a species."""
        return np.flatnonzero(self.code == species)


def read_joint(
    adata: anndata.AnnData,
    settings: IntegrateSettings,
    *,
    species_key: str,
    species: Sequence[str] | None,
    layer: str | None,
    size_factors: str,
) -> Joint:
    """Read a joint object.

    Parameters
    ----------
    adata
        Cells of several species over joint features.
    settings
        Its neighbourhoods say how many cells a species must have.
    species_key
        Column of obs.
    species
        Which species must be there; None for those that are.
    layer
        Layer that holds the counts; None for X.
    size_factors
        ``shared``: totals are those of the joint features; ``full``: those that `TOTAL` holds.

    Raises
    ------
    IntegrationError
        If a column, layer or species is missing, there is only one species, one has too few cells, or no feature has
        counts in all of them.
    CountsError
        If the values are not counts: NaN, negative, or logarithms.
    """
    names, code = _species(adata, species_key, species)
    _enough_cells(names, code, settings)
    counts = read_counts(adata, layer, IntegrationError)
    _shared_features(counts, names, code)
    totals = _totals(adata, counts, size_factors)
    features = name_texts(adata.var_names)
    return Joint(counts, features, names, code, totals, _genes(adata, names), _housekeeping(adata))


def _genes(adata: anndata.AnnData, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the genes of features, of the species for which ``homodb join`` left them."""
    found = {}
    for name in names:
        try:
            column = f"homodb_{find(name).name}_id"
        except UnknownSpeciesError:  # species of somebody's own: no release has genes of theirs
            continue
        if column in adata.var:
            found[name] = tuple(name_texts(adata.var[column]))
    return found


def _housekeeping(adata: anndata.AnnData) -> npt.NDArray[np.bool_]:
    marked = np.zeros(adata.n_vars, np.bool_)
    for name in ("homodb_mt", "homodb_ribo"):
        if name in adata.var:
            marked |= adata.var[name].to_numpy(np.bool_)
    return marked


def _species(
    adata: anndata.AnnData, key: str, wanted: Sequence[str] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    column = ObsColumns(adata.obs, IntegrationError).complete(key, "species", option="species_key")
    values = column.astype(str).to_numpy()
    names = tuple(dict.fromkeys(values.tolist()))
    if wanted is not None and set(wanted) != set(names):
        missing, more = [one for one in wanted if one not in names], [one for one in names if one not in wanted]
        parts = [f"no cell of {', '.join(missing)}"] if missing else []
        parts += [f"cells of {', '.join(more)}, which was not asked for"] if more else []
        raise IntegrationError(f"obs[{key!r}] has {'; and '.join(parts)}; it has {', '.join(names)}")
    if len(names) < 2:
        raise IntegrationError(
            f"obs[{key!r}] has one value, {', '.join(names) or 'none'}; an integration needs two species or more"
        )
    numbers = {name: number for number, name in enumerate(names)}
    return names, np.array([numbers[value] for value in values], np.int64)


def _enough_cells(names: tuple[str, ...], code: npt.NDArray[np.int64], settings: IntegrateSettings) -> None:
    asked = {"k_anchor": settings.k_anchor, "k_score": settings.k_score, "k_neighbors": settings.k_neighbors}
    asked |= {"dims": settings.dims}
    most = max(asked, key=lambda name: asked[name])
    for name, cells in zip(names, np.bincount(code, minlength=len(names)), strict=True):
        if cells <= asked[most]:
            raise IntegrationError(
                f"{name} has {counted(int(cells), 'cell')}, and {most} is {asked[most]};"
                " give it more cells than that, or lower the"
                f" setting ({most}={max(1, int(cells) - 1)})"
            )


def _shared_features(counts: sp.csr_matrix, names: tuple[str, ...], code: npt.NDArray[np.int64]) -> None:
    features = counts.shape[1]
    owners = np.repeat(code, np.diff(counts.indptr))
    seen = np.zeros((len(names), features), np.bool_)
    seen[owners[counts.data != 0], counts.indices[counts.data != 0]] = True
    shared = int(seen.all(axis=0).sum())
    if shared < 2:
        each = ", ".join(f"{int(one.sum())} have counts in {name}" for name, one in zip(names, seen, strict=True))
        raise IntegrationError(
            f"the species share no genes: of {features} features {each}, {shared} in all; integrate a joint object,"
            " whose features every species has (homodb join)"
        )


def _totals(adata: anndata.AnnData, counts: sp.csr_matrix, size_factors: str) -> npt.NDArray[np.float64]:
    if size_factors == "shared":
        return np.asarray(counts.sum(axis=1), np.float64).ravel()
    if size_factors != "full":
        raise IntegrationError(f"there are no size factors {size_factors!r}; there are shared, full")
    if TOTAL not in adata.obs:
        raise IntegrationError(
            f"size factors from the full matrices need obs[{TOTAL!r}], each cell's total over all genes of its species;"
            " homodb join leaves it there"
        )
    totals: npt.NDArray[np.float64] = adata.obs[TOTAL].to_numpy(np.float64)
    if not (np.isfinite(totals) & (totals >= 0)).all():
        raise CountsError(f"obs[{TOTAL!r}] holds NaN or negative values; it must be each cell's total count")
    return totals
