"""Aliases that a file tells of genes, each once and in order."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

from homodb.etl.sources.records import ALIASES, Reading, to_arrow
from homodb.etl.sources.stable_ids import without_version
from homodb.schema.species import Species


def alias_table(aliases: pl.DataFrame, species: Species) -> pa.Table:
    """Return ``gene_id, alias, kind`` in the schema ``ALIASES``: genes without version, each row once, in order."""
    told = aliases.with_columns(without_version("gene_id"), species=pl.lit(species.number, pl.Int16))
    return to_arrow(told.unique().sort("gene_id", "kind", "alias"), ALIASES)


def alias_reading(species: Species, rows: int, kept: int, skipped: Mapping[str, int], aliases: pl.DataFrame) -> Reading:
    """Return the reading of a file that tells aliases alone; reasons for which no row was skipped are left out."""
    counted = {reason: count for reason, count in sorted(skipped.items()) if count}
    return Reading(rows=rows, kept=kept, skipped=counted, aliases=alias_table(aliases, species))
