"""``homodb.markers``: marker genes of each cell type, and which of them other species share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl

from homodb.query.cells import called, read_anndata, with_tables
from homodb.query.genes import HAS_NAME, choose_strategy, find_pair
from homodb.query.join import read_side
from homodb.query.markers.cells import MarkerCells, read_alone, read_joint
from homodb.query.markers.classify import classify_conservation, conserved_table
from homodb.query.markers.effects import Limits, effects
from homodb.query.markers.result import Markers
from homodb.query.release import ReleaseFile, use_release
from homodb.schema.enums import Strategy
from homodb.schema.errors import CountsError, ScoreError, TranslationError
from homodb.schema.io import check_there
from homodb.schema.messages import counted

if TYPE_CHECKING:
    import anndata

    Cells: TypeAlias = anndata.AnnData | str | Path


def read_object(given: anndata.AnnData | str | Path) -> anndata.AnnData:
    """Return an AnnData with its tables in memory; a file is read whole.

    Raises
    ------
    TranslationError
        If it is not there, or is no AnnData.
    """
    return read_anndata(Path(given)) if isinstance(given, str | Path) else with_tables(given)


def read_species(
    release: ReleaseFile, objects: Sequence[anndata.AnnData | str | Path], species: Sequence[str | None] | None, *,
    label: str, donor_key: str | None, layer: str | None, column: str | None,
) -> tuple[list[MarkerCells], list[str], list[str]]:  # fmt: skip
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
    sides: list[MarkerCells] = []
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


_SCHEMA: dict[Any, Any] = {
    "species": pl.String, "column": pl.Int64, "other": pl.String, "known": pl.Boolean, "ortholog": pl.String,
    "other_column": pl.Int64, "evidence": pl.String,
}  # fmt: skip


def same_features(sides: Sequence[MarkerCells]) -> pl.DataFrame:
    """Return partners where all sides have the same columns: each is its own partner; form as of :func:`orthologs`."""
    frames = [
        pl.DataFrame({"column": np.arange(len(one.genes)), "ortholog": other.genes}).with_columns(
            species=pl.lit(one.species), other=pl.lit(other.species), known=pl.lit(value=True),
            other_column=pl.col("column"), evidence=pl.lit(None, pl.String),
        )
        for one, other in itertools.permutations(sides, 2)
    ]  # fmt: skip
    return pl.concat([frame.select(list(_SCHEMA)).cast(_SCHEMA) for frame in frames])


def orthologs(
    release: ReleaseFile, sides: Sequence[MarkerCells], species: Sequence[str], strategy: str | Strategy | None
) -> tuple[pl.DataFrame, str]:
    """Ask a release which columns of the sides correspond.

    Parameters
    ----------
    release
        An open release.
    sides
        The species, with the gene behind each column.
    species
        The species of each side, by any name.
    strategy
        By default ENS_M2M, and LM_O2O where Ensembl has nothing for a pair.

    Returns
    -------
    polars.DataFrame
        A row per gene of a side and ortholog in another one, or without one: ``species, column, other``; ``known``:
        whether the release knows the gene; ``ortholog``, its name, null where there is none; ``other_column``, null
        where it is not measured; ``evidence``, the class of the pair.
    str
        The strategies that were used.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    """
    frames, used = [], []
    for (one, name), (other, other_name) in itertools.permutations(zip(sides, species, strict=True), 2):
        pair = find_pair(release, name, other_name)
        chosen = choose_strategy(pair, strategy, Strategy.ENS_M2M)
        used.append(f"{chosen} over {pair.between.common_name}" if pair.between else str(chosen))
        rows = pair.mapping(chosen).select("source_gene", "target_gene", evidence="evidence_class")
        labels = release.ask("labels", {"genes": rows["target_gene"].unique().to_list()})
        named = labels.select(target_gene="gene", ortholog=pl.coalesce("symbol", "stable_id"))
        there = pl.DataFrame({"target_gene": other.keys, "other_column": np.arange(len(other.keys))})
        asked = pl.DataFrame({"source_gene": one.keys, "column": np.arange(len(one.keys))})
        frames.append(
            asked.join(rows, on="source_gene", how="left", maintain_order="left")
            .join(named, on="target_gene", how="left", maintain_order="left")
            .join(there.filter(pl.col("target_gene") >= 0), on="target_gene", how="left", maintain_order="left")
            .with_columns(
                species=pl.lit(one.species), other=pl.lit(other.species), known=pl.col("source_gene") >= 0,
            ).select(list(_SCHEMA)).cast(_SCHEMA)
        )  # fmt: skip
    return pl.concat(frames), ", ".join(dict.fromkeys(used))


def markers(
    objects: Cells | Sequence[Cells],
    *,
    label: str = "cell_type",
    species: Sequence[str | None] | None = None,
    species_key: str = "species",
    donor_key: str | None = None,
    layer: str | None = None,
    column: str | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    rest: str = "shared",
    fdr: float = 0.05,
    min_log2fc: float = 1.0,
    min_share: float = 0.1,
    min_cells: int = 3,
    report: Callable[[str], None] = lambda step: None,
) -> Markers:
    """Find the markers of each cell type in each species, and sort them by what their orthologs do.

    Parameters
    ----------
    objects
        One joint object, as :func:`homodb.join` makes it; or one object for each species, by which genes without
        ortholog and genes that were not measured can be told apart. AnnDatas, h5ad files or zarr stores, with counts.
    label
        Column of obs with cell types.
    species
        Of several objects, the species of each; by default found by a vote over the names of genes.
    species_key
        Of a joint object, the column of obs that tells the species.
    donor_key
        Column of obs with donors, which are what is tested where a species has two or more.
    layer
        Layer that holds the counts; by default X.
    column
        Of several objects, column of var with the names of genes; by default var's index.
    strategy, release
        Of several objects, how genes correspond: by default ENS_M2M (LM_O2O where Ensembl has nothing), and what
        :func:`homodb.open` takes.
    rest
        What a type is compared with: ``shared``, the other types that all species have, so that species are compared
        by like means (``all`` where there are fewer than two); or ``all`` types of its own species.
    fdr, min_log2fc, min_share, min_cells
        What makes a marker: see :class:`homodb.query.markers.effects.Limits`.
    report
        Called with the name of each step as it begins.

    Returns
    -------
    Markers
        Tables of markers, of conserved ones, and of all effects.

    Raises
    ------
    ScoreError
        If a column is missing, there is one species or one type only, or two objects are of one species.
    CountsError
        If the values are not counts.
    UnknownSpeciesError, UndecidedSpeciesError, MissingMappingError
        If a species is not known, or the release does not map it.

    Examples
    --------
    >>> import homodb
    >>> found = homodb.markers(["human.h5ad", "mouse.h5ad"], donor_key="donor", release="rel")  # doctest: +SKIP
    >>> found.conserved.filter(found.conserved["rank"] <= 3)  # doctest: +SKIP
    """
    limits = Limits(fdr, min_log2fc, min_share, min_cells)
    if rest not in ("shared", "all"):
        raise ScoreError(f"a type cannot be compared with {rest!r}; there are shared, all (--rest)")
    several = list(objects) if isinstance(objects, Sequence) and not isinstance(objects, str | Path) else [objects]
    if not several:
        raise ScoreError("no object is named; name a joint one, or one of each species")
    check_there(*(Path(one) for one in several if isinstance(one, str | Path)), error=TranslationError)
    report("reading cells")
    with ExitStack() as stack:
        if len(several) == 1:
            sides = read_joint(
                read_object(several[0]), label=label, species_key=species_key, donor_key=donor_key, layer=layer
            )
            partners, how, notes = same_features(sides), "joint features", [_JOINT]
        else:
            opened = stack.enter_context(use_release(release))
            sides, names, notes = read_species(
                opened, several, species, label=label, donor_key=donor_key, layer=layer, column=column
            )
            partners, used = orthologs(opened, sides, names, strategy)
            how = f"{used} of release {opened.version}"
    background, said = _background(sides, rest)
    found = []
    for side in sides:
        report(f"markers of {side.species}")
        found.append(effects(side, background, limits))
    report("sorting")
    table, types = pl.concat([one.table for one in found]), pl.concat([one.types for one in found])
    told = classify_conservation(table, partners, min_log2fc)
    order = tuple(side.species for side in sides)
    return Markers(
        order, told, conserved_table(told, order), types, table.drop("column"), background, how,
        (*notes, *said, *_about_tests(types, sides, donor_key)),
    )  # fmt: skip


_JOINT = (
    "a joint object holds only features that every species has measured: markers without ortholog, or not measured "
    "elsewhere, are not in it; name the file of each species to see them"
)


def _background(sides: Sequence[MarkerCells], rest: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the types to compare with, and what a user should know of them."""
    everything = tuple(sorted({name for side in sides for name in side.types}))
    if rest == "all":
        return everything, []
    shared = tuple(name for name in everything if all(name in side.types for side in sides))
    if len(shared) > 1:
        return shared, []
    own = "; ".join(f"{side.species}: {', '.join(side.types)}" for side in sides)
    return everything, [f"the species share {counted(len(shared), 'type')}, so each was compared "
                        f"with all types of its own species ({own})"]  # fmt: skip


def _about_tests(types: pl.DataFrame, sides: Sequence[MarkerCells], donor_key: str | None) -> list[str]:
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
            f"{side.species}: cells were tested one by one ({why}); cells of one donor are no independent samples, so "
            "these p values are over-confident"
        )
    few = types.filter(pl.col("test") == "none")
    if few.height:
        each = ", ".join(f"{row['type']} of {row['species']} ({row['cells']})" for row in few.iter_rows(named=True))
        notes.append(f"too few cells to compare: {each}")
    return notes
