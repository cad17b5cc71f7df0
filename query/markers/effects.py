"""What each gene does in each cell type of one species: how much more of it there is, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.markers.cells import MarkerCells
from homodb.query.markers.statistics import PSEUDO, Bulk, bulk, moderated_t, rank_tests
from homodb.schema.errors import ScoreError


@dataclass(frozen=True)
class Limits:
    """What makes a gene a marker.

    Parameters
    ----------
    fdr
        Most false discovery rate (Benjamini-Hochberg over the tested genes of a type in a species).
    log2fc
        Least log2 fold change over the other types.
    share
        Least share of the type's cells that have any count of the gene.
    cells
        Fewest cells of a type, in a donor and in all.

    Raises
    ------
    ScoreError
        If a limit is out of its range.
    """

    fdr: float = 0.05
    log2fc: float = 1.0
    share: float = 0.1
    cells: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.fdr <= 1 or not 0 <= self.share <= 1 or self.cells < 1 or not np.isfinite(self.log2fc):
            raise ScoreError(
                f"markers by a rate of {self.fdr}, log2 fold change of {self.log2fc}, share of {self.share}, "
                f"{self.cells} cells; rate and share lie between 0 and 1, and a type needs a cell"
            )


@dataclass(frozen=True)
class Effects:
    """Every gene in every type of one species.

    Parameters
    ----------
    table
        A row per type and gene: ``species, type, gene, column`` (of the side), ``cpm, cpm_rest, log2fc, share,
        share_rest, auroc, p, q`` (null where not tested), ``marker``.
    types
        A row per type: ``species, type, cells, donors`` (that the test is over), ``test`` (``donors``, ``cells``, or
        ``none`` where there are too few cells).
    """

    table: pl.DataFrame
    types: pl.DataFrame


def effects(side: MarkerCells, background: Sequence[str], limits: Limits) -> Effects:
    """Compare each type with the mean of the others, each of which weighs the same.

    Parameters
    ----------
    side
        The cells of one species.
    background
        The types that a type is compared with (without itself).
    limits
        What makes a gene a marker.

    Raises
    ------
    ScoreError
        If no type has enough cells.

    Notes
    -----
    ``log2fc`` is the mean over donors of the difference of logarithms (counts per million plus 10) between the type and
    the mean of the others in the same donor; donors count that have enough cells of both. With two such donors or more
    they are what is tested, by a moderated t test of those differences. With fewer, all cells are taken for one donor
    and tested one by one by the rank-sum test, which takes cells of one donor for independent and is over-confident.
    Tested are the genes that enough cells of the type, or of the others on average, have.
    """
    by_donor = bulk(side)
    whole = bulk(replace(side, donors=("",), donor_code=np.zeros_like(side.donor_code)))
    areas = _areas(side, background)
    frames, told = [], []
    for place, name in enumerate(side.types):
        others = np.array([k for k, one in enumerate(side.types) if one in background and one != name], np.int64)
        differences, level = _differences(by_donor, place, others, limits.cells)
        donors = len(differences)
        if donors < 2:
            differences, level = _differences(whole, place, others, limits.cells)
        test = "donors" if donors > 1 else "cells" if len(differences) else "none"
        cells = int(whole.cells[0, place])
        told.append((side.species, name, cells, donors if test == "donors" else 0, test))
        if test == "none":
            continue
        share, share_rest = whole.shares[place], whole.shares[others].mean(axis=0)
        log2fc, (auroc, by_cells) = differences.mean(axis=0), areas[place]
        tested = np.maximum(share, share_rest) >= limits.share
        p, q = np.full((2, len(tested)), np.nan)
        p[tested] = by_cells[tested] if test == "cells" else moderated_t(differences[:, tested], level[tested])
        q[tested] = adjusted(p[tested])
        frames.append(pl.DataFrame({
            "species": side.species, "type": name, "gene": side.genes, "column": np.arange(len(tested)),
            "cpm": whole.cpm[0, place], "cpm_rest": whole.cpm[0, others].mean(axis=0), "log2fc": log2fc,
            "share": share, "share_rest": share_rest, "auroc": auroc, "p": p, "q": q,
            "marker": (q <= limits.fdr) & (log2fc >= limits.log2fc) & (share >= limits.share),
        }))  # fmt: skip
    if not frames:
        there = ", ".join(f"{name} ({cells})" for name, cells in side.cells().items())
        raise ScoreError(
            f"{side.species} has no two cell types of {limits.cells} cells or more to compare; it has {there}"
        )
    types = pl.DataFrame(told, schema=["species", "type", "cells", "donors", "test"], orient="row")
    return Effects(pl.concat(frames).with_columns(pl.col("p", "q").fill_nan(None)), types)


def adjusted(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Benjamini and Hochberg's false discovery rate at which each test would just be called.

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = np.argsort(p)
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    rates = np.empty(len(p))
    rates[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1)
    return rates


def _areas(side: MarkerCells, background: Sequence[str]) -> dict[int, tuple[Any, Any]]:
    """Return area and rank-sum p of each type against the cells of the background."""
    counts = side.counts  # divided, not scaled: equal shares are equal numbers then, and tie
    totals = np.repeat(np.maximum(side.totals, 1), np.diff(counts.indptr))
    scaled = sp.csr_matrix((counts.data / totals, counts.indices, counts.indptr), counts.shape)
    inside = np.array([one in background for one in side.types])
    found: dict[int, tuple[Any, Any]] = {}
    for group in [np.flatnonzero(inside), *(np.array([one]) for one in np.flatnonzero(~inside))]:
        keep = inside.copy()
        keep[group] = True
        rows = np.flatnonzero(keep[side.type_code])
        auroc, p = rank_tests(sp.csc_matrix(scaled[rows]), side.type_code[rows], len(side.types))
        found |= {int(one): (auroc[one], p[one]) for one in group}
    return found


def _differences(
    summed: Bulk, place: int, others: npt.NDArray[np.int64], fewest: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return log2 differences between a type and the mean of the others, donors x genes, and the mean level."""
    able = (summed.cells >= fewest) & np.isfinite(summed.cpm[:, :, :1]).all(axis=2)
    high, low = [], []
    for donor in np.flatnonzero(able[:, place] & able[:, others].any(axis=1)):
        rest = summed.cpm[donor, others[able[donor, others]]].astype(np.float64).mean(axis=0)
        high.append(np.log2(summed.cpm[donor, place].astype(np.float64) + PSEUDO))
        low.append(np.log2(rest + PSEUDO))
    shape = (len(high), summed.cpm.shape[2])
    above, below = np.array(high).reshape(shape), np.array(low).reshape(shape)
    return above - below, (above + below).sum(axis=0) / (2 * max(len(high), 1))
