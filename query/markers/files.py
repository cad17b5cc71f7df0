"""Objects that markers are found in: read whole, and their names of genes understood."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.genes import HAS_NAME
from homodb.query.in_memory import with_tables
from homodb.query.join.sides import read_side
from homodb.query.join.sources import called
from homodb.query.markers.cells import Side, read_alone
from homodb.query.release import Release
from homodb.query.stored import read_whole
from homodb.schema.errors import CountsError, ScoreError

if TYPE_CHECKING:
    import anndata


def read_object(given: anndata.AnnData | str | Path) -> anndata.AnnData:
    """Return an AnnData with its tables in memory; a file is read whole.

    Raises
    ------
    TranslationError
        If it is not there, or is no AnnData.
    """
    return read_whole(Path(given)) if isinstance(given, str | Path) else with_tables(given)


def read_species(
    release: Release, objects: Sequence[anndata.AnnData | str | Path], species: Sequence[str | None] | None, *,
    label: str, donor_key: str | None, layer: str | None, column: str | None,
) -> tuple[list[Side], list[str], list[str]]:  # fmt: skip
    """Read one object for each species.

    Returns
    -------
    sides
        Their cells, over genes of the release and over names that it does not know.
    names
        Production name of the species of each.
    notes
        What a user should know.

    Raises
    ------
    UnknownSpeciesError
        If the release does not hold a species; all are looked up before anything is read.
    ScoreError
        If two objects are of one species, or not as many species as objects are named.
    """
    asked = [None] * len(objects) if species is None else list(species)
    if len(asked) != len(objects):
        raise ScoreError(
            f"{len(objects)} files and {len(asked)} species are named; name one species for each file (--species)"
        )
    for one in asked:
        if one is not None:
            release.find_species(one)
    names = called([Path(one) if isinstance(one, str | Path) else one for one in objects])
    sides: list[Side] = []
    found: list[str] = []
    notes: list[str] = []
    for given, name, one in zip(objects, names, asked, strict=True):
        adata = read_object(given)
        side = read_side(release, name, adata.var, one, column)
        if side.species.name in found:
            raise ScoreError(f"two files are of {side.species.common_name}; put them into one first (homodb join)")
        genes, keys, place = _columns(side.resolved)
        notes += side.notes
        found.append(side.species.name)
        try:
            own = read_alone(
                adata, side.species.common_name, genes, keys, place, label=label, donor_key=donor_key, layer=layer
            )
        except (ScoreError, CountsError) as error:
            raise type(error)(f"{name}: {error}") from error
        sides.append(own)
    return sides, found, notes


def _columns(resolved: pl.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return name and gene of each column, and which each row of var goes to: of one gene to one, unnamed to none."""
    rows = resolved.filter("is_gene", HAS_NAME).with_columns(own=pl.coalesce("gene", -1 - pl.col("place")))
    columns = rows.group_by("own", maintain_order=True).agg(
        pl.col("name").first(), pl.col("symbol").first(), pl.col("stable_id").first()
    )
    shown = columns.with_columns(shown=pl.coalesce("symbol", "stable_id", "name")).with_columns(
        shown=pl.when(pl.col("shown").is_duplicated()).then(pl.coalesce("stable_id", "name")).otherwise("shown")
    )
    texts, seen = [], set[str]()
    for text in shown["shown"].to_list():
        free, number = text, 1
        while free in seen:
            free, number = f"{text}-{number}", number + 1
        seen.add(free)
        texts.append(free)
    numbered = columns.select("own").with_row_index("column")
    to = rows.join(numbered, on="own", how="left", maintain_order="left")
    place = np.full(resolved.height, -1, np.int64)
    place[to["place"].to_numpy()] = to["column"].to_numpy()
    return texts, np.maximum(columns["own"].to_numpy(), -1).astype(np.int64), place
