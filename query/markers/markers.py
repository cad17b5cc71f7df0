"""Find the marker genes of each cell type, and which of them other species share: ``homodb.markers``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from homodb.query.cells import Cells, SeveralCells, load_cells, several_cells, spelling_notes, undoing_logarithms
from homodb.query.genes import forced
from homodb.query.join import for_each
from homodb.query.markers.cells import MarkerCells, read_joint, read_species
from homodb.query.markers.conservation import (
    LEANING,
    MEANING,
    Conservation,
    classify_conservation,
    conserved_table,
    orthologs,
    same_features,
)
from homodb.query.markers.statistics import FEWEST_CELLS, Limits, effects
from homodb.query.release import ReleaseFile, use_release
from homodb.query.results import (
    Grid,
    GridColumn,
    Heading,
    Lines,
    Note,
    Plot,
    Result,
    ResultBlock,
    lines,
    spreadsheet_safe,
)
from homodb.query.settings import progress_bar
from homodb.schema.enums import Strategy
from homodb.schema.errors import ScoreError, TranslationError
from homodb.schema.io import check_there, make_folder, whole_file
from homodb.schema.messages import counted
from homodb.schema.species import Species

#: Kinds that are shown even if no marker is of them.
_ALWAYS = (Conservation.CONSERVED, Conservation.SPECIFIC, Conservation.NO_ORTHOLOG, Conservation.NOT_MEASURED)

#: Number of genes that fit into a dot plot.
_MOST = 60

_JOINT = (
    "a joint object holds only features that every species has measured: markers without ortholog, or not measured "
    "elsewhere, are not in it; name the file of each species to see them"
)


@dataclass(frozen=True, repr=False)
class Markers(Result):
    """Markers of each cell type in each species, and their conservation in the others.

    Parameters
    ----------
    species
        Species in the order of the files or of the joint object.
    table
        The markers, a row per marker and other species: ``type, species, gene, kind`` (over all other species),
        ``log2fc, share, share_rest, auroc, q, other, kind_there, ortholog, ortholog_log2fc, ortholog_auroc,
        ortholog_q, leans, evidence``.
    conserved
        A row per group of orthologs that are conserved markers: ``type, rank``, a column per species with its gene,
        ``also`` (other genes of the group), ``kind, min_auroc, min_log2fc, max_q``.
    types
        A row per species and type: ``species, type, cells, donors, test``.
    effects
        Every gene in every type: ``species, type, gene, cpm, cpm_rest, log2fc, share, share_rest, auroc, p, q,
        marker``.
    background
        Types that each type was compared with.
    how
        Correspondence of genes: ``joint features``, or the strategies and the release.
    notes
        Notes for the user.
    """

    main_table: ClassVar[str] = "table"

    species: tuple[str, ...]
    table: pl.DataFrame
    conserved: pl.DataFrame
    types: pl.DataFrame
    effects: pl.DataFrame
    background: tuple[str, ...]
    how: str
    notes: tuple[str, ...] = ()

    def counts(self) -> pl.DataFrame:
        """Return ``type, species, cells, test, donors``, and the number of markers, of each kind, and ``leaning``."""
        by = ["type", "species", "gene"]
        each = self.table.group_by(by, maintain_order=True).agg(pl.col("kind").first(), pl.col("leans").any())
        kinds = [one for one in Conservation if one != Conservation.PARTLY or len(self.species) > 2]
        by_type = each.group_by("type", "species").agg(
            pl.len().alias("markers"), *((pl.col("kind") == str(one)).sum().alias(str(one)) for one in kinds),
            leaning=((pl.col("kind") == str(Conservation.SPECIFIC)) & pl.col("leans")).sum(),
        )  # fmt: skip
        order = {name: place for place, name in enumerate(self.species)}
        types = self.types.select("type", "species", "cells", "test", "donors")
        return (
            types.join(by_type, on=["type", "species"], how="left")
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
        """Yield the numbers of markers by kind, and the best conserved ones: `top` of each type."""
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
            yield Lines(["conserved, best first:", *rows], apart=True, in_page=False)
            yield Grid(best, "conserved, best first", in_text=False)
        yield from map(Note, self.notes)

    def _gene(self, row: dict[str, Any], missing: str | None = None) -> str:
        """Return the names of a conserved marker in the species, each once."""
        names = (missing if row[one] is None else row[one] for one in self.species)
        return " / ".join(dict.fromkeys(name for name in names if name is not None))

    def dots(self, top: int = 3) -> str:
        """Draw the best conserved markers of each type, in the types of every species.

        Parameters
        ----------
        top
            Genes of each type; fewer if there are so many types that they would not fit.

        Returns
        -------
        str
            An SVG document. Levels are logarithms of counts per million, relative to the highest of the gene in its
            species.

        Raises
        ------
        ScoreError
            If nothing is conserved.
        MissingPackageError
            If matplotlib is not installed.
        """
        return self.dot_plot(top).svg()

    def dot_plot(self, top: int = 3) -> Plot:
        """Draw the best conserved markers as :meth:`dots` does."""
        from homodb.query.results import dots

        if not self.conserved.height:
            raise ScoreError("no marker is conserved, so there is nothing to draw; allow a higher fdr")
        number = max(1, min(top, _MOST // self.conserved["type"].n_unique()))
        genes = self.top(number).unique(list(self.species), maintain_order=True)
        shown = [name for name in self.effects["type"].unique().sort() if name in self.background]
        rows = [(name, one) for name in shown for one in self.species]
        share, level = np.full((2, len(rows), genes.height), np.nan)
        for one in self.species:
            named = genes.select(gene=one).with_row_index("column").drop_nulls()
            values = self.effects.filter((pl.col("species") == one) & pl.col("gene").is_in(named["gene"].implode()))
            highest = np.log1p(pl.col("cpm")) / np.log1p(pl.col("cpm").max().over("gene"))
            values = values.with_columns(level=highest.fill_nan(0)).join(named, on="gene")
            for row in values.select("type", "column", "share", "level").iter_rows():
                if row[0] in shown:
                    at = rows.index((row[0], one)), row[1]
                    share[at], level[at] = row[2], row[3]
        columns = [(row["type"], self._gene(row, "-")) for row in genes.iter_rows(named=True)]
        return dots(share, level, rows, columns, "Conserved markers")

    def write(self, folder: Path, top: int = 3, *, raw_text: bool = False) -> list[Path]:
        """Write the tables, and the dot plot if any marker is conserved; each file appears whole or not at all.

        Parameters
        ----------
        folder
            Folder, created if it does not exist. Files of the same names are replaced: ``markers.tsv``,
            ``conserved.tsv``, ``types.tsv``, ``effects.parquet``, ``conserved.svg``, ``README.txt``.
        top
            Number of genes of each type in the plot.
        raw_text
            Whether text that a spreadsheet would run as a formula stays as it is; it gets an apostrophe otherwise.

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
                (frame if raw_text else spreadsheet_safe(frame)).write_csv(partial, separator="\t")
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


def markers(
    objects: Cells | SeveralCells,
    *,
    label_key: str = "cell_type",
    species: Sequence[str | int | Species | None] | None = None,
    species_key: str = "species",
    donor_key: str | None = None,
    layer: str | Sequence[str | None] | None = None,
    column: str | Sequence[str | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    rest: str = "shared",
    fdr: float = 0.05,
    min_log2fc: float = 1.0,
    min_share: float = 0.1,
    min_cells: int = 3,
    expm1: bool = False,
    force: bool = False,
    progress: Callable[[str], None] | bool | None = None,
) -> Markers:
    """Find the markers of each cell type in each species, and which of them are conserved.

    Parameters
    ----------
    objects
        One joint object, as :func:`homodb.join` makes it, or one object of each species, which distinguishes genes
        without ortholog from genes that were not measured, or a mapping from species to objects. AnnDatas, h5ad files
        or zarr stores, with counts.
    label_key
        Column of obs with cell types.
    species
        Species of each of several objects; by default inferred from the names of genes.
    species_key
        Column of obs with species, for a joint object.
    donor_key
        Column of obs with donors, which are tested if a species has two or more.
    layer
        Layer that holds the counts, by default X; of several objects one for all, or one for each.
    column
        Column of var with the names of genes, for several objects: one for all, or one for each; by default the index.
    strategy
        Strategy that maps genes between several objects; by default ENS_M2M (LM_O2O if Ensembl has nothing).
    release
        Release for several objects: an open one, or anything that :func:`homodb.open` takes.
    rest
        Types that a type is compared with: ``shared``, the other types that all species have, so that the comparison is
        the same in all species (``all`` if there are fewer than two); or ``all`` types of its own species.
    fdr
        Highest false discovery rate of a marker (Benjamini-Hochberg over the tested genes of a type in a species).
    min_log2fc
        Least log2 fold change of a marker over the other types.
    min_share
        Least share of the type's cells that have any count of a marker.
    min_cells
        Fewest cells of a type, in a donor and in all; without a second donor 10 are needed.
    expm1
        Whether to recover counts from logarithms of normalized counts, by the size factor that makes the values of a
        cell whole; otherwise logarithms are refused where counts are needed.
    force
        Whether to go on where less than 5 % of the names are known, or of the counts carried; below a half, a warning
        says the likely reason.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the name of each
        step.

    Returns
    -------
    Markers
        Tables of markers, of conserved markers, and of all effects.

    Raises
    ------
    ScoreError
        If a column is missing, there is only one species or one type, or two objects are of one species.
    CountsError
        If the values are not counts.
    UnknownSpeciesError, UndecidedSpeciesError, MissingMappingError
        If the release does not have a species, or does not map it.

    Examples
    --------
    >>> import homodb
    >>> markers = homodb.markers(["human.h5ad", "mouse.h5ad"], donor_key="donor", release="rel")  # doctest: +SKIP
    >>> markers.top(3)  # doctest: +SKIP
    """
    limits = Limits(fdr, min_log2fc, min_share, min_cells)
    if rest not in ("shared", "all"):
        raise ScoreError(f"a type cannot be compared with {rest!r}; expected shared or all", option="rest")
    several, names, named = several_cells(objects, species)
    if not several:
        raise ScoreError("no object is named; name a joint one, or one of each species")
    check_there(*(one for one in several if isinstance(one, Path)), error=TranslationError)
    with ExitStack() as stack:
        stack.enter_context(forced(force))
        stack.enter_context(undoing_logarithms(expm1))
        show = stack.enter_context(progress_bar(progress, "markers"))
        show("reading cells")
        if len(several) == 1:
            (own_layer,) = for_each(layer, 1, "layer")
            sides = read_joint(
                load_cells(several[0]), label_key=label_key, species_key=species_key, donor_key=donor_key,
                layer=own_layer,
            )  # fmt: skip
            partners, how, notes = same_features(sides), "joint features", [_JOINT]
        else:
            opened = stack.enter_context(use_release(release))
            sides, names, notes = read_species(
                opened, several, names, named, label_key=label_key, donor_key=donor_key, layer=layer, column=column
            )
            partners, used = orthologs(opened, sides, names, strategy)
            how = f"{used} of release {opened.version}"
        background, background_notes = _background(sides, rest)
        spelling = spelling_notes(label_key, {side.species: side.types for side in sides})
        each = []
        for side in sides:
            show(f"markers of {side.species}")
            each.append(effects(side, background, limits))
        show("sorting")
    table, types = pl.concat([one.table for one in each]), pl.concat([one.types for one in each])
    classified = classify_conservation(table, partners, min_log2fc)
    order = tuple(side.species for side in sides)
    return Markers(
        order, classified, conserved_table(classified, order), types, table.drop("column"), background, how,
        (*notes, *background_notes, *spelling, *_test_notes(types, sides, donor_key)),
    )  # fmt: skip


def _background(sides: Sequence[MarkerCells], rest: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the types to compare with, and notes on them."""
    everything = tuple(sorted({name for side in sides for name in side.types}))
    if rest == "all":
        return everything, []
    shared = tuple(name for name in everything if all(name in side.types for side in sides))
    if len(shared) > 1:
        return shared, []
    own = "; ".join(f"{side.species}: {', '.join(side.types)}" for side in sides)
    return everything, [f"the species share {counted(len(shared), 'type')}, so each was compared "
                        f"with all types of its own species ({own})"]  # fmt: skip


def _test_notes(types: pl.DataFrame, sides: Sequence[MarkerCells], donor_key: str | None) -> list[str]:
    notes = []
    by_cells = types.filter(pl.col("test") == "cells")
    for side in sides:
        names = by_cells.filter(pl.col("species") == side.species)["type"].to_list()
        if not names:
            continue
        why = (
            "no column of donors was named" if donor_key is None
            else f"it has one donor, {side.donors[0]}" if len(side.donors) == 1
            else "fewer than two donors have enough cells of " + ", ".join(names)
        )  # fmt: skip
        notes.append(
            f"{side.species}: cells were tested one by one ({why}); cells from one donor are not independent samples, "
            "so these p values are over-confident"
        )
    untested = types.filter(pl.col("test") == "none")
    if untested.height:
        rows = untested.iter_rows(named=True)
        each = ", ".join(f"{row['type']} of {row['species']} ({row['cells']})" for row in rows)
        notes.append(f"too few cells to compare ({FEWEST_CELLS} are needed without a second donor): {each}")
    return notes
