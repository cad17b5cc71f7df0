"""Reads the cells of the query or of the reference: counts over genes of their species, types, donors, places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.annotate.columns import numbered, numbers_of, texts_of
from homodb.query.annotate.task import Side
from homodb.query.in_memory import values_of
from homodb.query.join.sides import read_side as read_genes
from homodb.query.names import name_texts
from homodb.query.release import Release
from homodb.query.translate.product import product
from homodb.query.translate.slots import slots_of
from homodb.query.translate.values import kind_of_values
from homodb.schema.errors import AnnotationError, JoinError, TranslationError
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Entry of obsm that holds coordinates, where none is named.
SPATIAL = "spatial"


@dataclass(frozen=True)
class Asked:
    """What is to be read of one side.

    Parameters
    ----------
    side
        ``query`` or ``reference``.
    species
        By any name; None to find it out.
    column
        Column of var with the names of genes; None for var's index.
    layer
        Layer with the counts, or ``raw``; None for X.
    label, donor
        Columns of obs with cell types and donors; None: they are not read.
    numeric
        Whether the column of cell types holds numbers.
    spatial
        Entry of obsm with coordinates; None for ``spatial`` where there is such an entry.
    phrases
        Columns of obs for cell sentences.
    """

    side: str
    species: str | int | Species | None = None
    column: str | None = None
    layer: str | None = None
    label: str | None = None
    donor: str | None = None
    spatial: str | None = None
    phrases: tuple[str, ...] = ()
    numeric: bool = False

    @property
    def option(self) -> str:
        """How the command line names the species of this side."""
        return "--from" if self.side == "query" else "--reference-species"


@dataclass(frozen=True)
class Read:
    """A side as it was read.

    Parameters
    ----------
    side
        All its cells, none labelled.
    named
        Cell type of each cell, None for none; None where no column was named.
    donors
        Names of the donors that :attr:`Side.donor` numbers.
    notes
        What a user should know.
    """

    side: Side
    named: tuple[str | None, ...] | None
    donors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_side(release: Release, adata: anndata.AnnData, asked: Asked) -> Read:
    """Read a side.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have the species.
    UndecidedSpeciesError
        If the names of genes do not tell the species.
    AnnotationError
        If a column, layer or entry is missing, no name is a gene, or the values are not counts.
    """
    if not adata.n_obs:
        raise AnnotationError(f"the {asked.side} has no cells")
    var, matrix, where = _matrix(adata, asked)
    try:
        told = read_genes(release, f"the {asked.side}", var, asked.species, asked.column)
    except (JoinError, TranslationError) as error:
        kind = AnnotationError if isinstance(error, JoinError) or type(error) is TranslationError else type(error)
        raise kind(
            str(error).replace("--species", asked.option).replace("--column", _option(asked, "column"))
        ) from error
    counts = _counts(matrix, asked, where, logged="log1p" in adata.uns and where == "X")
    genes = told.resolved.drop_nulls("gene").select(
        "place", "gene", "stable_id", "symbol", "mitochondrial", "ribosomal"
    )
    distinct = genes.unique("gene", keep="first").sort("gene")
    keys = distinct["gene"].to_numpy().astype(np.int64)
    place = genes["place"].to_numpy().astype(np.int64)
    column = np.searchsorted(keys, genes["gene"].to_numpy())
    summed = sp.csr_matrix(product(counts, len(keys), place, column, np.ones(len(place))))
    summed.sum_duplicates()
    donor, donors = numbered(adata, asked.donor, asked.side)
    side = Side(
        counts=summed,
        genes=keys,
        symbols=tuple(distinct.select(pl.coalesce("symbol", "stable_id"))["symbol"].to_list()),
        housekeeping=(distinct["mitochondrial"] | distinct["ribosomal"]).to_numpy().astype(np.bool_),
        species=told.species,
        cells=tuple(name_texts(adata.obs_names)),
        label=np.full(adata.n_obs, -1, np.int64),
        donor=donor,
        place=_place(adata, asked),
        phrases={name: texts_of(adata, name, asked.side) for name in asked.phrases},
        stable_ids=tuple(distinct["stable_id"].to_list()),
        number=_numbers(adata, asked) if asked.numeric else None,
    )
    named = None if asked.label is None or asked.numeric else texts_of(adata, asked.label, asked.side)
    return Read(side, named, donors, told.notes)


def some_cells(side: Side, rows: npt.NDArray[Any]) -> Side:
    """Return a side of some of its cells: `rows` are their numbers, or tell which of all."""
    rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    phrases: Mapping[str, tuple[str | None, ...]] = {
        name: tuple(texts[row] for row in rows.tolist()) for name, texts in side.phrases.items()
    }
    return replace(
        side,
        counts=sp.csr_matrix(side.counts[rows]),
        cells=tuple(side.cells[row] for row in rows.tolist()),
        label=side.label[rows],
        donor=None if side.donor is None else side.donor[rows],
        place=None if side.place is None else side.place[rows],
        number=None if side.number is None else side.number[rows],
        phrases=phrases,
    )


def _numbers(adata: anndata.AnnData, asked: Asked) -> npt.NDArray[np.float64]:
    return np.full(adata.n_obs, np.nan) if asked.label is None else numbers_of(adata, asked.label, asked.side)


def _option(asked: Asked, name: str) -> str:
    return f"--{name}" if asked.side == "query" else f"--reference-{name}"


def _matrix(adata: anndata.AnnData, asked: Asked) -> tuple[pd.DataFrame, Any, str]:
    """Return var, the matrix of counts, and where it stands."""
    slots = slots_of(adata)
    try:
        slot = slots.main(asked.layer)
    except TranslationError as error:
        raise AnnotationError(f"the {asked.side}: {str(error).replace('--layer', _option(asked, 'layer'))}") from error
    return adata.raw.var if slot.label == "raw" else adata.var, slots.matrix(slot), slot.label


def _counts(matrix: Any, asked: Asked, where: str, *, logged: bool) -> sp.csr_matrix:
    """Return counts as float64; refuse what are none."""
    read = sp.csr_matrix(values_of(matrix), dtype=np.float64)
    # indices and indptr of a file may be of two types, which SciPy cannot slice by steps; made anew they are of one
    counts = sp.csr_matrix((read.data, read.indices, read.indptr), read.shape)
    out = f"give raw counts (a layer: {_option(asked, 'layer')} NAME, or raw)"
    if not np.isfinite(counts.data).all():
        raise AnnotationError(f"{where} of the {asked.side} holds NaN or infinite values; {out}")
    if counts.data.size and counts.data.min() < 0:
        raise AnnotationError(f"{where} of the {asked.side} holds negative values, as scaled data do; {out}")
    if kind_of_values(counts, logged=logged) == "log":
        raise AnnotationError(f"{where} of the {asked.side} holds logarithms, which methods take themselves; {out}")
    if not counts.has_canonical_format:
        counts = counts.copy()
        counts.sum_duplicates()
    return counts


def _place(adata: anndata.AnnData, asked: Asked) -> npt.NDArray[np.float64] | None:
    """Return coordinates; those that nobody named and that are none are left aside."""
    name = asked.spatial or SPATIAL
    if name not in adata.obsm:
        if asked.spatial is None:
            return None
        there = ", ".join(adata.obsm) or "nothing"
        raise AnnotationError(f"obsm of the {asked.side} has no {name!r} with coordinates; it has {there} (--spatial)")
    place = np.asarray(adata.obsm[name])
    sound = place.ndim == 2 and place.shape[1] in (2, 3) and place.dtype.kind in "fiu"
    if sound and np.isfinite(place.astype(np.float64)).all():
        return place.astype(np.float64)
    if asked.spatial is None:
        return None
    raise AnnotationError(
        f"obsm[{name!r}] of the {asked.side} is no table of coordinates: wanted two or three finite numbers per cell,"
        f" got shape {place.shape} of {place.dtype}"
    )
