"""The genes of each object: from the names in its var to genes of its species."""

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

#: A column of var that a translation leaves.
_TRANSLATED = "homodb_source"


@dataclass(frozen=True)
class JoinSide:
    """The genes of one object.

    Parameters
    ----------
    name
        What the object is called: the name of its file.
    species
        Of which species it is.
    resolved
        A row per row of var: ``place, name, gene, stable_id, symbol, how, candidates, hint, is_gene, feature``
        (its ``feature_types``), ``biotype, mitochondrial, ribosomal``; ``gene`` is null for what is no gene expression.
    given
        Whether the species was given, or found by vote.
    notes
        What a user should know.
    """

    name: str
    species: Species
    resolved: pl.DataFrame
    given: bool
    notes: tuple[str, ...] = ()

    @property
    def genes(self) -> pl.Series:
        """The different genes that the object has."""
        return self.resolved["gene"].drop_nulls().unique(maintain_order=True)


def read_side(
    release: ReleaseFile, name: str, var: pd.DataFrame, species: str | int | Species | None, column: str | None
) -> JoinSide:
    """Find the genes that the names of a var mean.

    Parameters
    ----------
    release
        An open release.
    name
        What the object is called.
    var
        Its genes.
    species
        Its species; by default found by a vote over the names.
    column
        Column of var with the names; None for its index.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have the species.
    TranslationError
        If the column is not there, or the names do not tell the species.
    """
    given = None if species is None else release.find_species(species)
    try:
        names, features = names_of(var, column), features_of(var)
        asked = (
            [one for one, kind in zip(names, features, strict=True) if kind == GENE_EXPRESSION] if features else names
        )
        found = given or detect_species(release, asked)
    except TranslationError as error:
        raise type(error)(
            f"{name}: {str(error).replace('Say which it is with --from', 'Name the species (--species)')}"
        ) from error
    is_gene = [kind == GENE_EXPRESSION for kind in features] if features else [True] * len(names)
    gene = pl.Series(is_gene, dtype=pl.Boolean)
    resolved = resolve(release, names, found).with_row_index("place").with_columns(
        pl.col("place").cast(pl.Int64), is_gene=gene, gene=pl.when(gene).then("gene"),
        feature=pl.Series(features or [None] * len(names), dtype=pl.String),
    )  # fmt: skip
    known = release.ask("source_genes", {"genes": resolved["gene"].drop_nulls().unique().to_list()})
    resolved = resolved.join(known, on="gene", how="left", maintain_order="left").with_columns(
        pl.col("mitochondrial", "ribosomal").fill_null(value=False)
    )
    if not resolved["gene"].count():
        seen = ", ".join(map(repr, names[:3])) or "none at all"
        raise JoinError(
            f"{name}: none of its {len(names):,} names is a gene of {found.common_name}; they look like {seen}. Check "
            "--species, or name the column of var that holds the names (--column)"
        )
    unnamed = [f"{name}: {note}" for note in unnamed_note(asked)]
    notes = (
        unnamed
        if given is None
        else [*unnamed, *(f"{name}: {note}" for note in other_species_note(release, asked, given))]
    )
    if _TRANSLATED in var.columns:
        notes.append(
            f"{name}: its genes were translated to {found.common_name} (var has {_TRANSLATED}), so its cells are "
            "likely of another species; give the file as it was before"
        )
    return JoinSide(name, found, resolved, given is not None, tuple(notes))


def measured_genes(sides: Sequence[JoinSide]) -> Mapping[Species, pl.Series]:
    """Return for each species, in the order of the objects, the genes that all of its objects have, ascending."""
    shared: dict[Species, pl.Series] = {}
    for species in dict.fromkeys(side.species for side in sides):
        genes = [set(side.genes.to_list()) for side in sides if side.species == species]
        shared[species] = pl.Series("gene", sorted(set.intersection(*genes)), dtype=pl.Int64)
    return shared
