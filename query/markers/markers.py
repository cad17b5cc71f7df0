"""``homodb.markers``: marker genes of each cell type, and which of them other species share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from homodb.query.markers.cells import Side, read_joint
from homodb.query.markers.effects import Limits, effects
from homodb.query.markers.files import read_object, read_species
from homodb.query.markers.partners import orthologs, same_features
from homodb.query.markers.result import Markers
from homodb.query.markers.sort import conserved_table, sort_markers
from homodb.query.release import Release, open_release
from homodb.schema.counted import counted
from homodb.schema.errors import ScoreError, TranslationError
from homodb.schema.files import check_there
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata

    Cells: TypeAlias = anndata.AnnData | str | Path


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
    release: str | Path | Release | None = None,
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
            opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
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
    told = sort_markers(table, partners, min_log2fc)
    order = tuple(side.species for side in sides)
    return Markers(
        order, told, conserved_table(told, order), types, table.drop("column"), background, how,
        (*notes, *said, *_about_tests(types, sides, donor_key)),
    )  # fmt: skip


_JOINT = (
    "a joint object holds only features that every species has measured: markers without ortholog, or not measured "
    "elsewhere, are not in it; name the file of each species to see them"
)


def _background(sides: Sequence[Side], rest: str) -> tuple[tuple[str, ...], list[str]]:
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


def _about_tests(types: pl.DataFrame, sides: Sequence[Side], donor_key: str | None) -> list[str]:
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
