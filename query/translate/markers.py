"""The fate of given markers."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homodb.query.genes import resolve
from homodb.query.translate.plan import Plan


def fates_of_markers(plan: Plan, markers: Sequence[str]) -> pl.DataFrame:
    """Tell what became of markers.

    Parameters
    ----------
    plan
        The plan of the translation.
    markers
        Names of genes of the source species, of any kind.

    Returns
    -------
    polars.DataFrame
        A row per marker, in order: ``marker``, ``name`` (of its row of var), ``fate``, ``target_id``,
        ``target_symbol``, ``evidence_class``, ``detail``. The fate is ``not_in_file`` where no row of var is it.
    """
    if not markers:
        return pl.DataFrame()
    told = plan.fates.with_columns(gene=plan.resolved["gene"])
    columns = ("name", "fate", "target_id", "target_symbol", "evidence_class", "detail")
    by_gene = told.drop_nulls("gene").unique("gene", keep="first", maintain_order=True).select("gene", *columns)
    by_name = told.unique("name", keep="first", maintain_order=True).select("name", *columns[1:])
    asked = resolve(plan.route.release, list(markers), plan.route.source).select(
        "gene", marker="name", missing=pl.when(pl.col("gene").is_null()).then("how")
    )
    named = asked.join(by_name.with_columns(marker="name"), on="marker", how="left", maintain_order="left")
    found = asked.join(by_gene, on="gene", how="left", maintain_order="left")
    return pl.DataFrame({"marker": asked["marker"]}).with_columns(
        *(pl.coalesce(found[column], named[column]).alias(column) for column in columns)
    ).with_columns(
        fate=pl.col("fate").fill_null("not_in_file"),
        detail=pl.coalesce("detail", pl.when(pl.col("fate").is_null()).then(asked["missing"])),
    )  # fmt: skip
