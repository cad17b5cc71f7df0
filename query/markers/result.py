"""Markers as tables, a dot plot and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from homodb.query.markers.classify import LEANING, MEANING, Conservation
from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock, lines
from homodb.schema.errors import ScoreError
from homodb.schema.io import make_folder, whole_file

#: Kinds that are named though no marker is of them.
_ALWAYS = (Conservation.CONSERVED, Conservation.SPECIFIC, Conservation.NO_ORTHOLOG, Conservation.NOT_MEASURED)

#: Number of genes that fit into a dot plot.
_MOST = 60


@dataclass(frozen=True)
class Markers(Result):
    """Markers of each cell type in each species, and what they are in the others.

    Parameters
    ----------
    species
        In the order of the files or of the joint object.
    table
        The markers, a row per marker and other species: see :func:`.classify.classify_conservation`.
    conserved
        A row per conserved marker: see :func:`homodb.query.markers.classify.conserved_table`.
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
        kinds = [one for one in Conservation if one != Conservation.PARTLY or len(self.species) > 2]
        counted = each.group_by("type", "species").agg(
            pl.len().alias("markers"), *((pl.col("kind") == str(one)).sum().alias(str(one)) for one in kinds),
            leaning=((pl.col("kind") == str(Conservation.SPECIFIC)) & pl.col("leans")).sum(),
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
        """Return the counts and the best conserved markers of each type as plain values."""
        return {
            "species": list(self.species), "how": self.how, "background": list(self.background),
            "counts": self.counts().to_dicts(), "conserved": self.top(top).to_dicts(),
            "meaning": {str(kind): MEANING[kind] for kind in Conservation}, "notes": list(self.notes),
        }  # fmt: skip

    def blocks(self, top: int = 5) -> Iterator[ResultBlock]:
        """Yield how many markers there are of which kind, and the best conserved ones.

        Parameters
        ----------
        top
            Conserved markers of each type.
        """
        counts = self.counts()
        kinds = [
            one for one in Conservation if str(one) in counts.columns and (counts[str(one)].sum() or one in _ALWAYS)
        ]
        yield Heading("homodb markers", level=1)
        types = f"{counts['type'].n_unique()} cell types in {', '.join(self.species)}"
        background = f"each type against the mean of: {', '.join(self.background)}"
        yield Lines([f"markers of {types}; genes correspond by {self.how}", background])
        by_donors = pl.format("{} donors", "donors")
        test = pl.when(pl.col("test") == "donors").then(by_donors).otherwise("test").alias("test")
        yield Grid(
            counts.select("type", "species", "cells", test, "markers", *map(str, kinds)),
            columns={
                "cells": GridColumn(form=",", width=7), "test": GridColumn(width=9, right=True),
                **{name: GridColumn(form=",") for name in ("markers", *map(str, kinds))},
            },
        )  # fmt: skip
        yield Lines([f"{kind}: {MEANING[kind]}" for kind in kinds], apart=True)
        if counts["leaning"].sum():
            yield Lines([f"leaning ({counts['leaning'].sum():,}): {LEANING}"])
        if top and self.conserved.height:
            genes = pl.Series(map(self._gene, self.conserved.iter_rows(named=True)), dtype=pl.String)
            by_type = self.conserved.with_columns(genes=genes).filter(pl.col("rank") <= top)
            best = by_type.group_by("type", maintain_order=True).agg(pl.col("genes").str.join(", "))
            width = max(map(len, [*counts["type"], "type"])) + 2
            rows = [f"  {name:<{width}}{genes}" for name, genes in best.iter_rows()]
            yield Lines(["conserved, those that tell the type best:", *rows], apart=True, in_page=False)
            yield Grid(best, "conserved, those that tell the type best", in_text=False)
        yield from map(Note, self.notes)

    def _gene(self, row: dict[str, Any], missing: str | None = None) -> str:
        """Return the names that a conserved marker has in the species, each once."""
        names = (missing if row[one] is None else row[one] for one in self.species)
        return " / ".join(dict.fromkeys(name for name in names if name is not None))

    def dots(self, top: int = 3) -> str:
        """Draw the best conserved markers of each type, in the types of every species.

        Parameters
        ----------
        top
            Genes of each type; fewer where there are so many types that they would not fit.

        Returns
        -------
        str
            An SVG document. Levels are logarithms of counts per million, as a share of the gene's highest in its
            species.

        Raises
        ------
        ScoreError
            If nothing is conserved.
        MissingPackageError
            If matplotlib is not installed.
        """
        from homodb.query.results import dots

        if not self.conserved.height:
            raise ScoreError("no marker is conserved, so there is nothing to draw; allow a higher fdr")
        number = max(1, min(top, _MOST // self.conserved["type"].n_unique()))
        genes = self.top(number).unique(list(self.species), maintain_order=True)
        shown = [name for name in self.effects["type"].unique().sort() if name in self.background]
        rows = [(name, one) for name in shown for one in self.species]
        share, level = np.full((2, len(rows), genes.height), np.nan)
        for one in self.species:
            told = genes.select(gene=one).with_row_index("column").drop_nulls()
            values = self.effects.filter((pl.col("species") == one) & pl.col("gene").is_in(told["gene"].implode()))
            highest = np.log1p(pl.col("cpm")) / np.log1p(pl.col("cpm").max().over("gene"))
            values = values.with_columns(level=highest.fill_nan(0)).join(told, on="gene")
            for row in values.select("type", "column", "share", "level").iter_rows():
                if row[0] in shown:
                    at = rows.index((row[0], one)), row[1]
                    share[at], level[at] = row[2], row[3]
        columns = [(row["type"], self._gene(row, "-")) for row in genes.iter_rows(named=True)]
        return dots(share, level, rows, columns, "Conserved markers")

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
        texts = {"README.txt": "\n".join(lines(self.blocks(top))) + "\n"}
        if self.conserved.height:
            texts["conserved.svg"] = self.dots(top)
        for name, text in texts.items():
            with whole_file(folder / name) as partial:
                partial.write_text(text, "utf-8")
        return [*written, folder / "effects.parquet", *(folder / name for name in texts)]
