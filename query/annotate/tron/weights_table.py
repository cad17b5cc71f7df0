"""What a conversion layer learned, as a table: a row per edge."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from homodb.query.annotate.tron.expression import spread
from homodb.query.annotate.tron.layer import OrthologyLayer
from homodb.query.annotate.tron.transfer import Transferred


def weights_table(
    found: Transferred,
    *,
    target_symbols: Mapping[str, str] | None = None,
    source_symbols: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return what the layers of all seeds learned.

    Parameters
    ----------
    found
        What :func:`homodb.query.annotate.tron.transfer.transfer` gave.
    target_symbols, source_symbols
        Symbols of genes by stable ID.

    Returns
    -------
    polars.DataFrame
        A row per edge, that of the largest absolute ``effect`` first: ``target_gene, target_symbol, source_gene,
        source_symbol``; ``weight``, mean over the seeds; ``effect``, the weight times the standard deviation of the
        target gene's expression over the cells (counts per 10 000); ``spread``, standard deviation of the weight over
        the seeds (null with one seed); ``change``, mean change from the start; ``evidence_class``.

    Notes
    -----
    A weight alone says little: two paralogs that always rise and fall together may share their sum in any way. Where
    the spread is as large as the weight, the seeds shared it differently.
    """
    layer = found.runs[0].model[0]
    if not isinstance(layer, OrthologyLayer):
        raise TypeError(f"wanted a layer, got {type(layer)}")
    weights = np.stack([run.weight for run in found.runs])
    change = weights - np.stack([run.first for run in found.runs])
    target, source = (at.cpu().numpy() for at in (layer.target_index, layer.source_index))
    table = pl.DataFrame(
        {
            "target_gene": [layer.target_genes[at] for at in target.tolist()],
            "source_gene": [layer.source_genes[at] for at in source.tolist()],
            "weight": weights.mean(axis=0),
            "effect": weights.mean(axis=0) * spread(found.expression)[target],
            "spread": weights.std(axis=0, ddof=1) if len(weights) > 1 else [None] * weights.shape[1],
            "change": change.mean(axis=0),
            "evidence_class": [one or None for one in layer.evidence],
        },
        schema_overrides={"spread": pl.Float64, "evidence_class": pl.String},
    )
    return table.sort(pl.col("effect").abs(), "target_gene", "source_gene", descending=[True, False, False]).select(
        "target_gene",
        _symbols("target", target_symbols),
        "source_gene",
        _symbols("source", source_symbols),
        pl.exclude("target_gene", "source_gene"),
    )


def _symbols(side: str, names: Mapping[str, str] | None) -> pl.Expr:
    gene = pl.col(f"{side}_gene")
    known = (
        pl.lit(None, pl.String) if names is None else gene.replace_strict(names, default=None, return_dtype=pl.String)
    )
    return known.alias(f"{side}_symbol")
