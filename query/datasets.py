"""Real cells to try homodb on, which are part of it."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from anndata import AnnData


class Islets(NamedTuple):
    """Islet cells of two species."""

    human: AnnData
    mouse: AnnData


def islets() -> Islets:
    """Return 150 human and 150 mouse cells of pancreatic islets.

    A cut of the cells of Baron et al. 2016 (GSE84133), labelled by their authors: raw counts of the genes that the cut
    has, named by symbols; in ``obs`` the cell type, donor, organism and species. The human cells are of four donors
    and five types; the mouse cells are of one donor and seven types, of which the human ones lack two. INS is not among
    the human genes.

    Returns
    -------
    Islets
        Two objects of AnnData: ``human``, ``mouse``.

    Examples
    --------
    >>> human, mouse = islets()
    >>> human.n_obs, mouse.n_obs, sorted(mouse.obs["cell_type"].unique())[:3]
    (150, 150, ['activated_stellate', 'alpha', 'beta'])
    """
    return Islets(_cells("human"), _cells("mouse"))


def _cells(species: str) -> AnnData:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    folder = resources.files("homodb.query") / "data"
    with (folder / "islets_cells.parquet").open("rb") as stream:
        obs = pl.read_parquet(stream).filter(species=species)
    with (folder / f"islets_{species}.parquet").open("rb") as stream:
        counts = pl.read_parquet(stream)
    genes = counts["gene"].unique(maintain_order=True)
    columns = counts["gene"].replace_strict(genes, range(len(genes)), return_dtype=pl.Int32)
    entries = (counts["count"].to_numpy().astype("int32"), (counts["cell"].to_numpy(), columns.to_numpy()))
    matrix = csr_matrix(entries, shape=(obs.height, len(genes)))
    cells = obs.drop("cell").to_pandas().astype("category")
    cells.index = obs["cell"].to_list()
    adata = AnnData(matrix, obs=cells)
    adata.var_names = genes.to_list()
    return adata
