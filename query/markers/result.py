"""What looking for markers gives: tables, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from homodb.query.markers.sort import MEANING, Kind
from homodb.schema.files import make_folder, whole_file


@dataclass(frozen=True)
class Markers:
    """Markers of each cell type in each species, and what they are in the others.

    Parameters
    ----------
    species
        In the order of the files or of the joint object.
    table
        The markers, a row per marker and other species: see :func:`homodb.query.markers.sort.sort_markers`.
    conserved
        A row per conserved marker: see :func:`homodb.query.markers.sort.conserved_table`.
    types
        A row per species and type: ``species, type, cells, donors, test``.
    effects
        Every gene in every type: see :class:`homodb.query.markers.effects.Effects`.
    background
        The types that each type was compared with.
    how
        How genes correspond: ``joint features``, or the strategies that were used, and the release.
    notes
        What a user should know.
    """

    species: tuple[str, ...]
    table: pl.DataFrame
    conserved: pl.DataFrame
    types: pl.DataFrame
    effects: pl.DataFrame
    background: tuple[str, ...]
    how: str
    notes: tuple[str, ...] = ()

    def counts(self) -> pl.DataFrame:
        """Return ``type, species, cells, test, donors``, how many markers there are, and how many of each kind.

        ``leaning``: of the species-specific ones, those whose ortholog is as much higher as a marker has to be, but
        does not pass the test or is seen in too few cells.
        """
        by = ["type", "species", "gene"]
        each = self.table.group_by(by, maintain_order=True).agg(pl.col("kind").first(), pl.col("leans").any())
        kinds = [one for one in Kind if one != Kind.PARTLY or len(self.species) > 2]
        counted = each.group_by("type", "species").agg(
            pl.len().alias("markers"), *((pl.col("kind") == str(one)).sum().alias(str(one)) for one in kinds),
            leaning=((pl.col("kind") == str(Kind.SPECIFIC)) & pl.col("leans")).sum(),
        )  # fmt: skip
        order = {name: place for place, name in enumerate(self.species)}
        told = self.types.select("type", "species", "cells", "test", "donors")
        return (
            told.join(counted, on=["type", "species"], how="left")
            .with_columns(pl.col("markers", "leaning", *map(str, kinds)).fill_null(0).cast(pl.Int64))
            .sort("type", pl.col("species").replace_strict(order, return_dtype=pl.Int64))
        )

    def top(self, number: int) -> pl.DataFrame:
        """Return the best conserved markers of each type."""
        return self.conserved.filter(pl.col("rank") <= number)

    def totals(self, top: int = 5) -> dict[str, Any]:
        """Return plain values, for ``--json``."""
        return {
            "species": list(self.species), "how": self.how, "background": list(self.background),
            "counts": self.counts().to_dicts(), "conserved": self.top(top).to_dicts(),
            "meaning": {str(kind): MEANING[kind] for kind in Kind}, "notes": list(self.notes),
        }  # fmt: skip

    def dots(self, top: int = 3) -> str:
        """Return the dot plot of the best conserved markers of each type as SVG.

        Raises
        ------
        ScoreError
            If there are none.
        """
        from homodb.query.markers.plot import plot_conserved

        return plot_conserved(self, top)

    def write(self, folder: Path, top: int = 3) -> list[Path]:
        """Write the tables, and the dot plot where anything is conserved; each file appears whole or not at all.

        Parameters
        ----------
        folder
            Made where it is not there; files of the same names are replaced: ``markers.tsv``, ``conserved.tsv``,
            ``types.tsv``, ``effects.parquet``, ``conserved.svg``, ``README.txt``.
        top
            Genes of each type in the plot.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        make_folder(folder)
        tables = {"markers.tsv": self.table, "conserved.tsv": self.conserved, "types.tsv": self.counts()}
        written = []
        for name, frame in tables.items():
            with whole_file(folder / name) as partial:
                frame.write_csv(partial, separator="\t")
            written.append(folder / name)
        with whole_file(folder / "effects.parquet") as partial:
            self.effects.write_parquet(partial)
        texts = {"README.txt": "\n".join(self.lines(top)) + "\n"}
        if self.conserved.height:
            texts["conserved.svg"] = self.dots(top)
        for name, text in texts.items():
            with whole_file(folder / name) as partial:
                partial.write_text(text, "utf-8")
        return [*written, folder / "effects.parquet", *(folder / name for name in texts)]

    def lines(self, top: int = 5) -> list[str]:
        """Return the result as text, for a screen."""
        from homodb.query.markers.text import lines

        return lines(self, top)
