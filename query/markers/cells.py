"""Read the cells of each species for markers: counts over genes, and the type and donor of every cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.cells import TOTAL, Cells, Coded, ObsColumns, load_cells, read_counts
from homodb.query.genes import HAS_NAME
from homodb.query.join import for_each, read_side
from homodb.query.release import ReleaseFile
from homodb.schema.errors import CountsError, ScoreError, UnknownSpeciesError
from homodb.schema.names import name_texts, texts
from homodb.schema.species import Species, find

if TYPE_CHECKING:
    import anndata
    import pandas as pd

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MarkerCells:
    """The cells of one species."""

    species: str
    genes: list[str]  # a unique name for each column
    keys: _Ints  # gene of the release of each column; -1 for none
    counts: sp.csr_matrix
    totals: npt.NDArray[np.float64]  # totals that normalise the counts of each cell
    # cell types, sorted, and the type of each cell
    types: tuple[str, ...]
    type_code: _Ints
    # donors, sorted, and the donor of each cell; one donor without a name if no column was named
    donors: tuple[str, ...]
    donor_code: _Ints

    def cells(self) -> dict[str, int]:
        """Return the number of cells of each type."""
        return dict(zip(self.types, np.bincount(self.type_code, minlength=len(self.types)).tolist(), strict=True))


def read_joint(
    adata: anndata.AnnData, *, label_key: str, species_key: str, donor_key: str | None, layer: str | None
) -> list[MarkerCells]:
    """Read a joint object: the cells of each species, over the same features.

    Raises
    ------
    ScoreError
        If a column or layer is missing or has gaps, or there is only one species.
    CountsError
        If the values are not counts.
    """
    obs = ObsColumns(adata.obs, ScoreError)
    column = obs.codes(species_key, "species", option="species_key")
    if len(column.names) < 2:
        raise ScoreError(
            f"obs[{species_key!r}] has one value, {', '.join(column.names) or 'none'}; name a joint object of two "
            "species or more, or one file of each species"
        )
    counts = read_counts(adata, layer, ScoreError)
    totals = _totals(adata, counts)
    names = name_texts(adata.var_names)
    types = obs.codes(label_key, "cell types", option="label_key")
    no_genes = np.full(len(names), -1, np.int64)
    sides = []
    for one in dict.fromkeys(column.code.tolist()):
        rows = np.flatnonzero(column.code == one)
        donors, own = _donors(obs, donor_key, rows), types.subset(rows)
        genes = _own_names(adata.var, column.names[one], names)
        annotations = (own.names, own.code, donors.names, donors.code)
        sides.append(MarkerCells(column.names[one], genes, no_genes, counts[rows], totals[rows], *annotations))
    return sides


def read_species(
    release: ReleaseFile, objects: Sequence[Cells], names: Sequence[str],
    species: Sequence[str | int | Species | None] | None, *,
    label_key: str, donor_key: str | None, layer: str | Sequence[str | None] | None = None,
    column: str | Sequence[str | None] | None = None,
) -> tuple[list[MarkerCells], list[str], list[str]]:  # fmt: skip
    """Read one object of each species.

    Returns
    -------
    sides, names, notes
        Cells over genes of the release and names that it does not have, production names, and notes for the user.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have a species; all are looked up before anything is read.
    ScoreError
        If two objects are of one species, or the numbers of species and objects differ.
    """
    wanted = [None] * len(objects) if species is None else list(species)
    if len(wanted) != len(objects):
        raise ScoreError(
            f"{len(objects)} files and {len(wanted)} species are named; name one species for each file",
            option="species",
        )
    for one in wanted:
        if one is not None:
            release.find_species(one)
    sides: list[MarkerCells] = []
    production: list[str] = []
    notes: list[str] = []
    layers, columns = for_each(layer, len(objects), "layer"), for_each(column, len(objects), "column")
    for cells, name, one, own_layer, own_column in zip(objects, names, wanted, layers, columns, strict=True):
        adata = load_cells(cells)
        side = read_side(release, name, adata.var, one, own_column)
        if side.species.name in production:
            raise ScoreError(f"two files are of {side.species.common_name}; put them into one first (homodb join)")
        genes, keys, place = _columns(side.resolved)
        notes += side.named_notes
        production.append(side.species.name)
        common = side.species.common_name
        try:
            sides.append(
                read_alone(adata, common, genes, keys, place, label_key=label_key, donor_key=donor_key, layer=own_layer)
            )
        except (ScoreError, CountsError) as error:
            raise type(error)(f"{name}: {error.message}", option=error.option, hint=error.hint) from error
    return sides, production, notes


def read_alone(
    adata: anndata.AnnData, species: str, genes: Sequence[str], keys: _Ints, place: _Ints, *, label_key: str,
    donor_key: str | None, layer: str | None,
) -> MarkerCells:  # fmt: skip
    """Read an object of one species, and sum columns of one gene; errors are those of :func:`read_joint`.

    Parameters
    ----------
    genes, keys
        Name and gene of each column of the result.
    place
        Column of the result for each row of var, -1 for none, shape (rows of var,).
    """
    counts = read_counts(adata, layer, ScoreError)
    kept = np.flatnonzero(place >= 0)
    links = sp.csr_matrix((np.ones(len(kept), counts.dtype), (kept, place[kept])), shape=(len(place), len(keys)))
    merged = sp.csr_matrix(counts @ links)
    obs = ObsColumns(adata.obs, ScoreError)
    types = obs.codes(label_key, "cell types", option="label_key")
    donors = _donors(obs, donor_key, np.arange(adata.n_obs))
    totals = np.asarray(merged.sum(axis=1), np.float64).ravel()
    return MarkerCells(species, list(genes), keys, merged, totals, types.names, types.code, donors.names, donors.code)


def _columns(resolved: pl.DataFrame) -> tuple[list[str], _Ints, _Ints]:
    """Return name and gene of each column, and the column of each row of var, -1 for rows without a name."""
    rows = resolved.filter("is_gene", HAS_NAME).with_columns(own=pl.coalesce("gene", -1 - pl.col("place")))
    columns = rows.group_by("own", maintain_order=True).agg(pl.col("name", "symbol", "stable_id").first())
    shown = columns.with_columns(shown=pl.coalesce("symbol", "stable_id", "name")).with_columns(
        shown=pl.when(pl.col("shown").is_duplicated()).then(pl.coalesce("stable_id", "name")).otherwise("shown")
    )
    unique: dict[str, None] = {}
    for text in shown["shown"].to_list():
        free, number = text, 1
        while free in unique:
            free, number = f"{text}-{number}", number + 1
        unique[free] = None
    to = rows.join(columns.select("own").with_row_index("column"), on="own", how="left", maintain_order="left")
    place = np.full(resolved.height, -1, np.int64)
    place[to["place"].to_numpy()] = to["column"].to_numpy()
    return list(unique), np.maximum(columns["own"].to_numpy(), -1).astype(np.int64), place


def _totals(adata: anndata.AnnData, counts: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Return each cell's total over all genes of its species as a join left it, or over the features."""
    if TOTAL in adata.obs:
        totals: npt.NDArray[np.float64] = adata.obs[TOTAL].to_numpy(np.float64)
        if np.isfinite(totals).all() and (totals >= 0).all():
            return totals
    return np.asarray(counts.sum(axis=1), np.float64).ravel()


def _donors(obs: ObsColumns, donor_key: str | None, rows: _Ints) -> Coded:
    if donor_key is None:
        return Coded(np.zeros(len(rows), np.int64), ("",))
    return obs.codes(donor_key, "donors", option="donor_key").subset(rows)


def _own_names(var: pd.DataFrame, species: str, names: list[str]) -> list[str]:
    """Return the species' own name of each feature, if a join left it."""
    try:
        column = f"homodb_{find(species).name}"
    except UnknownSpeciesError:
        return names
    if column not in var:
        return names
    own = [one or name for one, name in zip(texts(var[column]), names, strict=True)]
    repeated = {name for name, number in Counter(own).items() if number > 1}
    return [f"{one} ({name})" if one in repeated else one for one, name in zip(own, names, strict=True)]
