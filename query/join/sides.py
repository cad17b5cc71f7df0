"""Resolve the names in the var of each object to genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import polars as pl

from homodb.query.genes import resolve_var
from homodb.query.release import ReleaseFile
from homodb.schema.errors import JoinError, TranslationError
from homodb.schema.names import unnamed_note
from homodb.schema.species import Species

#: Column of var that a translation adds.
_TRANSLATED = "homodb_source"


@dataclass(frozen=True)
class JoinSide:
    """The genes of one object.

    Parameters
    ----------
    name
        Name of the object: that of its file.
    species
        Species of the object.
    resolved
        A row per row of var, with :class:`homodb.query.genes.VarColumn`.
    given
        Whether the species was given rather than inferred from the names.
    notes
        Notes for the user.
    """

    name: str
    species: Species
    resolved: pl.DataFrame
    given: bool
    notes: tuple[str, ...] = ()

    @property
    def genes(self) -> pl.Series:
        """Different genes of the object."""
        return self.resolved["gene"].drop_nulls().unique(maintain_order=True)


def read_side(
    release: ReleaseFile, name: str, var: pd.DataFrame, species: str | int | Species | None, column: str | None
) -> JoinSide:
    """Resolve the names of a var to genes.

    Parameters
    ----------
    release
        An open release.
    name
        Name of the object.
    var
        The var of the object.
    species
        Species of the object; inferred from the names by default.
    column
        Column of var with the names; None for its index.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have the species.
    TranslationError
        If the column does not exist, or the names do not identify the species.
    """
    try:
        resolved = resolve_var(release, var, species=species, column=column)
    except TranslationError as error:
        raise type(error)(f"{name}: {error}", option="species" if error.option == "source" else error.option) from error
    names, own_species = resolved.rows["name"].to_list(), resolved.species
    if not resolved.rows["gene"].count():
        examples = ", ".join(map(repr, names[:3])) or "none at all"
        raise JoinError(
            f"{name}: none of its {len(names):,} names is a gene of {own_species.common_name}; they look like "
            f"{examples}. Check the species, or name the column of var that holds the gene names",
            option="column",
        )
    notes = [f"{name}: {note}" for note in (*unnamed_note(resolved.gene_names), *resolved.doubts)]
    if _TRANSLATED in var.columns:
        notes.append(
            f"{name}: its genes were translated to {own_species.common_name} (var has {_TRANSLATED}), so its cells are "
            "likely of another species; give the file as it was before"
        )
    return JoinSide(name, own_species, resolved.rows, resolved.given, tuple(notes))


def measured_genes(sides: Sequence[JoinSide]) -> Mapping[Species, pl.Series]:
    """Return the genes that all objects of each species have, ascending."""
    shared: dict[Species, pl.Series] = {}
    for species in dict.fromkeys(side.species for side in sides):
        genes = [set(side.genes.to_list()) for side in sides if side.species == species]
        shared[species] = pl.Series("gene", sorted(set.intersection(*genes)), dtype=pl.Int64)
    return shared
