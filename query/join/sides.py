"""Resolve the names in the var of each object to genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import polars as pl

from homodb.query.genes import detect_species, other_species_note, resolve
from homodb.query.release import ReleaseFile
from homodb.query.translate import GENE_EXPRESSION, features_of, names_of
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
        A row per row of var: ``place, name, gene, stable_id, symbol, how, candidates, hint, is_gene, feature``
        (its ``feature_types``), ``biotype, mitochondrial, ribosomal``; ``gene`` is null for other features.
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
    given = None if species is None else release.find_species(species)
    try:
        names, features = names_of(var, column), features_of(var)
        gene_names = (
            [one for one, kind in zip(names, features, strict=True) if kind == GENE_EXPRESSION] if features else names
        )
        own_species = given or detect_species(release, gene_names)
    except TranslationError as error:
        raise type(error)(
            f"{name}: {str(error).replace('Say which it is with --from', 'Name the species (--species)')}"
        ) from error
    is_gene = [kind == GENE_EXPRESSION for kind in features] if features else [True] * len(names)
    gene = pl.Series(is_gene, dtype=pl.Boolean)
    resolved = resolve(release, names, own_species).with_row_index("place").with_columns(
        pl.col("place").cast(pl.Int64), is_gene=gene, gene=pl.when(gene).then("gene"),
        feature=pl.Series(features or [None] * len(names), dtype=pl.String),
    )  # fmt: skip
    details = release.ask("source_genes", {"genes": resolved["gene"].drop_nulls().unique().to_list()})
    resolved = resolved.join(details, on="gene", how="left", maintain_order="left").with_columns(
        pl.col("mitochondrial", "ribosomal").fill_null(value=False)
    )
    if not resolved["gene"].count():
        examples = ", ".join(map(repr, names[:3])) or "none at all"
        raise JoinError(
            f"{name}: none of its {len(names):,} names is a gene of {own_species.common_name}; they look like "
            f"{examples}. Check --species, or name the column of var that holds the names (--column)"
        )
    unnamed = [f"{name}: {note}" for note in unnamed_note(gene_names)]
    notes = (
        unnamed
        if given is None
        else [*unnamed, *(f"{name}: {note}" for note in other_species_note(release, gene_names, given))]
    )
    if _TRANSLATED in var.columns:
        notes.append(
            f"{name}: its genes were translated to {own_species.common_name} (var has {_TRANSLATED}), so its cells are "
            "likely of another species; give the file as it was before"
        )
    return JoinSide(name, own_species, resolved, given is not None, tuple(notes))


def measured_genes(sides: Sequence[JoinSide]) -> Mapping[Species, pl.Series]:
    """Return the genes that all objects of each species have, ascending."""
    shared: dict[Species, pl.Series] = {}
    for species in dict.fromkeys(side.species for side in sides):
        genes = [set(side.genes.to_list()) for side in sides if side.species == species]
        shared[species] = pl.Series("gene", sorted(set.intersection(*genes)), dtype=pl.Int64)
    return shared
