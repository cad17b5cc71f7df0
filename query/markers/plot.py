"""The dot plot of conserved markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.figures.dots import dots
from homodb.schema.errors import ScoreError

if TYPE_CHECKING:
    from homodb.query.markers.result import Markers

#: So many genes fit into a plot.
_MOST = 60


def plot_conserved(found: Markers, top: int) -> str:
    """Draw the best conserved markers of each type, in the types of every species.

    Parameters
    ----------
    found
        The markers.
    top
        Genes of each type; fewer where there are so many types that they would not fit.

    Returns
    -------
    str
        An SVG document. Levels are logarithms of counts per million, as a share of the gene's highest in its species.

    Raises
    ------
    ScoreError
        If nothing is conserved.
    """
    if not found.conserved.height:
        raise ScoreError("no marker is conserved, so there is nothing to draw; loosen what makes a marker (--fdr)")
    number = max(1, min(top, _MOST // found.conserved["type"].n_unique()))
    genes = found.top(number).unique(list(found.species), maintain_order=True)
    shown = [name for name in found.effects["type"].unique().sort() if name in found.background]
    rows = [(name, one) for name in shown for one in found.species]
    share, level = np.full((2, len(rows), genes.height), np.nan)
    for one in found.species:
        told = genes.select(gene=one).with_row_index("column").drop_nulls()
        values = found.effects.filter((pl.col("species") == one) & pl.col("gene").is_in(told["gene"].implode()))
        highest = np.log1p(pl.col("cpm")) / np.log1p(pl.col("cpm").max().over("gene"))
        values = values.with_columns(level=highest.fill_nan(0)).join(told, on="gene")
        for row in values.select("type", "column", "share", "level").iter_rows():
            if row[0] in shown:
                at = rows.index((row[0], one)), row[1]
                share[at], level[at] = row[2], row[3]
    columns = [
        (row["type"], " / ".join(dict.fromkeys(row[one] or "-" for one in found.species)))
        for row in genes.iter_rows(named=True)
    ]
    return dots(share, level, rows, columns, "Conserved markers")
