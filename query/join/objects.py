"""Check the options of a join, and read the genes, cells and values of its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from homodb.query.cells import TOTAL, ObsColumns, Rows, Slot, Values, shared_values
from homodb.query.genes import resolve_var
from homodb.query.release import ReleaseFile
from homodb.query.translate import Links, Names
from homodb.schema.errors import JoinError, TranslationError, UndecidedSpeciesError, UnknownSpeciesError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.names import is_missing, name_texts, texts, unnamed_note
from homodb.schema.species import Species, find

#: Default maximum number of genes of a group of orthologs.
LARGEST = 20


class Features(StrEnum):
    """Kind of features under ENS_M2M."""

    GROUP = "group"
    COPY = "copy"


class TooLarge(StrEnum):
    """Policy for groups with too many genes."""

    LEAVE = "leave"
    REFUSE = "refuse"


@dataclass(frozen=True)
class JoinOptions:
    """Checked options; see :func:`homodb.query.join.join`."""

    via: str | int | Species | None = None
    features: Features = Features.GROUP
    largest: int = LARGEST
    too_large: TooLarge = TooLarge.LEAVE
    consistent: bool = False
    measured: bool = False
    shared_types: str | None = None
    columns: tuple[str | None, ...] = ()
    layers: tuple[str | None, ...] = ()
    names: Names = Names.KEEP


def read_join_options(
    objects: int, *, via: str | int | Species | None = None, features: str = "group", largest: int = LARGEST,
    too_large: str = "leave", consistent: bool = False, measured: bool = False, shared_types: str | None = None,
    column: str | Sequence[str | None] | None = None, layer: str | Sequence[str | None] | None = None,
    names: str = "keep",
) -> JoinOptions:  # fmt: skip
    """Check the options of a join of a number of objects.

    Raises JoinError if an option has an unknown value, or a list does not have one entry for each object.
    """
    if largest < 2:
        raise JoinError(f"a group may have at most {largest} genes; it needs at least two to be one")
    return JoinOptions(
        via=via, features=Features(_word([*Features], features, "kind of features", "features")), largest=largest,
        too_large=TooLarge(_word([*TooLarge], too_large, "treatment of large groups", "too_large")),
        consistent=consistent, measured=measured, shared_types=shared_types,
        columns=for_each(column, objects, "column"), layers=for_each(layer, objects, "layer"),
        names=Names(_word([*Names], names, "kind of names", "names")),
    )  # fmt: skip


def _word(words: Sequence[str], word: str, what: str, option: str) -> str:
    if word not in words:
        raise JoinError(
            f"there is no {what} {word!r}; there are {', '.join(words)}{did_you_mean(word, words)}", option=option
        )
    return word


def for_each(given: str | Sequence[str | None] | None, objects: int, option: str) -> tuple[str | None, ...]:
    """Return one entry of an option for each object.

    Raises JoinError if neither one entry nor one for each object is given.
    """
    if given is None or isinstance(given, str):
        return (given,) * objects
    each = tuple(given)
    if len(each) == 1:
        return each * objects
    if len(each) != objects:
        raise JoinError(
            f"{len(each)} {option}s are named for {counted(objects, 'object')}; name one for all, or one for each",
            option=option,
        )
    return each


#: Column of var that a translation adds.
_TRANSLATED = "homodb_source"


@dataclass(frozen=True)
class JoinSide:
    """The genes of one object.

    `name`: name of the object: that of its file; `resolved`: a row per row of var, with
    :class:`homodb.query.genes.VarColumn`; `given`: whether the species was given rather than inferred from the names.
    """

    name: str
    species: Species
    resolved: pl.DataFrame
    given: bool
    notes: tuple[str, ...] = ()

    @property
    def named_notes(self) -> list[str]:
        """Notes, each after the name of the object."""
        return [f"{self.name}: {note}" for note in self.notes]

    @property
    def genes(self) -> pl.Series:
        """Different genes of the object."""
        return self.resolved["gene"].drop_nulls().unique(maintain_order=True)


def read_side(
    release: ReleaseFile, name: str, var: pd.DataFrame, species: str | int | Species | None, column: str | None
) -> JoinSide:
    """Resolve the names of a var to genes.

    `species`: species of the object; inferred from the names by default; `column`: column of var with the names; None
    for its index.

    Raises UnknownSpeciesError if the release does not have the species. Raises TranslationError if the column does not
    exist, or the names do not identify the species.
    """
    try:
        resolved = resolve_var(release, var, species=species, column=column)
    except TranslationError as error:
        option = "species" if error.option == "source" else error.option
        raise type(error)(f"{name}: {error.message}", option=option, hint=error.hint) from error
    names, own_species = resolved.rows["name"].to_list(), resolved.species
    if not resolved.rows["gene"].count():
        examples = ", ".join(map(repr, names[:3])) or "none at all"
        raise JoinError(
            f"{name}: none of its {len(names):,} names is a gene of {own_species.common_name}; they look like "
            f"{examples}. Check the species, or name the column of var that holds the gene names",
            option="column",
        )
    notes = [*unnamed_note(resolved.gene_names), *resolved.features, *resolved.doubts]
    if _TRANSLATED in var.columns:
        notes.append(
            f"its genes were translated to {own_species.common_name} (var has {_TRANSLATED}), so its cells are "
            "likely of another species; give the file as it was before"
        )
    return JoinSide(name, own_species, resolved.rows, resolved.given, tuple(notes))


def check_two_species(sides: Sequence[JoinSide], obs: Sequence[pd.DataFrame], *, meant: bool = False) -> None:
    """Check that two objects whose names are of one species are not meant to be of two.

    `obs`: tables of cells, whose columns ``species`` and ``organism`` may name a species; `meant`: whether two are
    meant anyway, since an option applies to two species only.

    Raises UndecidedSpeciesError if the names of two objects vote for one species.
    """
    named = [_species_of(table) for table in obs]
    for (one, first), (other, second) in combinations(zip(sides, named, strict=True), 2):
        differ = first is not None and second is not None and first != second
        if one.species != other.species or (one.given and other.given) or not (differ or meant):
            continue
        shares = " and ".join(f"{_known(side):.1%} of those of {side.name}" for side in (one, other))
        why = (
            f"obs says {first.common_name} and {second.common_name}" if differ and first and second
            else "a strategy between species was named"
        )  # fmt: skip
        raise UndecidedSpeciesError(
            f"the names of both objects vote for {one.species.common_name}, which knows {shares}; but two species are "
            f"meant ({why})", option="species", hint="name the species of both, or check that the files are the right"
            " ones and the release has both species",
        )  # fmt: skip


def _known(side: JoinSide) -> float:
    genes = side.resolved.filter("is_gene")
    return float(genes["gene"].count() / max(genes.height, 1))


def _species_of(obs: pd.DataFrame) -> Species | None:
    """Return the species that a column of obs names for all cells, if there is one."""
    for column in ("species", "organism"):
        values = list(obs[column].dropna().unique()) if column in obs else []
        if len(values) == 1:
            try:
                return find(str(values[0]))
            except UnknownSpeciesError:
                continue
    return None


def measured_genes(sides: Sequence[JoinSide]) -> Mapping[Species, pl.Series]:
    """Return the genes that all objects of each species have, ascending."""
    shared: dict[Species, pl.Series] = {}
    for species in dict.fromkeys(side.species for side in sides):
        genes = [set(side.genes.to_list()) for side in sides if side.species == species]
        shared[species] = pl.Series("gene", sorted(set.intersection(*genes)), dtype=pl.Int64)
    return shared


@dataclass(frozen=True)
class StackPart:
    """A matrix of one object."""

    name: str
    rows: Rows
    links: Links
    holds: Values


class ObjectTally:
    """Sums over the cells and over the genes of one object.

    `is_gene`: mask of the rows of var that are genes, shape (genes,).
    """

    def __init__(self, is_gene: npt.NDArray[np.bool_]) -> None:
        self._is_gene = is_gene.astype(np.float64)
        self.begin()

    def begin(self) -> None:
        """Reset all sums."""
        self.sums = np.zeros(self._is_gene.size)
        self._totals: list[npt.NDArray[np.float64]] = []

    def add(self, start: int, block: Any) -> None:
        """Add a block of rows, with logarithms undone."""
        self.sums += np.asarray(block.T @ np.ones(block.shape[0])).ravel()
        self._totals.append(np.asarray(block @ self._is_gene).ravel())

    @property
    def totals(self) -> npt.NDArray[np.float64]:
        """Sums over genes, per cell."""
        return np.concatenate(self._totals) if self._totals else np.zeros(0)

    @property
    def is_constant(self) -> bool:
        """True if the sums of nearly all cells are the same."""
        totals = self.totals
        return totals.size > 2 and bool(np.quantile(np.abs(totals / max(np.median(totals), 1e-300) - 1), 0.9) < 0.02)


def objection(slot: Slot, parts: Sequence[StackPart], *, one_to_one: bool = False) -> str | None:
    """Return why these matrices cannot be concatenated, or None; `one_to_one`: whether the strategy is already."""
    for part in parts:
        holds, links = part.holds, part.links
        if holds.kind == "nan":
            return f"{slot.label} of {part.name} holds {holds.content}; fill or remove such values before joining"
        if holds.kind not in ("log", "scaled", "transformed") and not holds.small:
            continue
        if links.several:
            why = f"{counted(links.several, 'feature adds', 'features add')} up several genes of it"
            way = "leave rows of one gene out" if one_to_one else "use a one-to-one strategy"
        elif links.repeated and holds.kind != "log":
            why, way = "some of its genes stand in several rows, which would add up", "leave all but one of these out"
        else:
            continue
        wrong = "logarithms and other transformed values" if holds.small else "such values"
        undone = "recover counts from logarithms (expm1), " if holds.kind == "log" else ""
        return (
            f"{slot.label} of {part.name} holds {holds.content}, and {why}, which is wrong for {wrong}; {undone}join "
            f"counts (a layer, or raw), or {way}"
        )
    kinds = {part.holds.kind: part for part in parts}
    for odd in ("log", "scaled", "transformed"):
        other = next((kind for kind in kinds if kind != odd), None)
        if odd in kinds and other is not None:
            one, two = kinds[odd], kinds[other]
            content = {"counts": "counts"}.get(other, two.holds.content)
            return (
                f"{slot.label} of {one.name} holds {one.holds.content}, that of {two.name} {content}; join like with "
                "like: name the layer of counts for all, or one for each object, X where X holds the counts"
            )
    bases = {part.holds.base: part.name for part in parts if part.holds.kind == "log"}
    if len(bases) > 1:
        shown = ", ".join(f"{base:g} ({name})" for base, name in bases.items() if base)
        return f"{slot.label} holds logarithms to different bases: {shown}; join counts"
    return None


def scale_note(slot: Slot, parts: Sequence[StackPart], tallies: Sequence[ObjectTally]) -> str | None:
    """Return a note on matrices of different scales, such as counts and CPM, or None."""
    totals = [float(np.median(tally.totals)) if tally.is_constant else 0.0 for tally in tallies]
    if len({part.holds.small for part in parts}) == 1 and np.allclose(totals, totals[0], 0.1):
        return None
    shown = ", ".join(
        f"that of {part.name} {part.holds.content}{f' ({total:,.0f} per cell)' if total else ''}"
        for part, total in zip(parts, totals, strict=True)
    )
    return f"{slot.label} of these objects is on different scales: {shown}"


#: Columns that a join adds.
SPECIES, FILE, CELL = "species", "source_file", "homodb_cell"


@dataclass(frozen=True)
class JoinedCells:
    """Cells of a joint object.

    `kept`: mask of the cells to keep, for each object; None for all.
    """

    obs: pd.DataFrame
    kept: tuple[npt.NDArray[np.bool_] | None, ...]
    notes: tuple[str, ...]


def concatenate_obs(
    tables: Sequence[pd.DataFrame], names: Sequence[str], species: Sequence[Species], shared_types: str | None
) -> JoinedCells:
    """Concatenate the obs of all objects."""
    kept: list[npt.NDArray[np.bool_] | None] = [None] * len(tables)
    notes: list[str] = []
    if shared_types is not None:
        kept, notes = _shared(tables, names, species, shared_types)
    selected = [table if mask is None else table[mask] for table, mask in zip(tables, kept, strict=True)]
    empty = [name for name, table in zip(names, selected, strict=True) if not len(table)]
    if empty:
        raise JoinError(f"{empty[0]}: has no cells; leave it out")
    columns = list(dict.fromkeys(str(column) for table in selected for column in table.columns))
    obs = pd.DataFrame(index=_index(selected, notes))
    renamed = _renamed_columns(columns)
    for column in columns:
        obs[renamed.get(column, column)] = _column([table.get(column) for table in selected], selected)
    if renamed:
        notes.append(
            "columns of obs that were there: " + ", ".join(f"{old!r} is now {new!r}" for old, new in renamed.items())
        )
    some = [column for column in columns if any(column not in table for table in selected)]
    if some:
        notes.append(f"columns of obs that not all objects have, missing elsewhere: {', '.join(map(repr, some))}")
    sizes = [len(table) for table in selected]
    common = list(dict.fromkeys(one.common_name for one in species))
    obs[SPECIES] = pd.Categorical(np.repeat([one.common_name for one in species], sizes), categories=common)
    obs[FILE] = pd.Categorical(np.repeat(np.array(names, dtype=object), sizes), categories=list(names))
    if any("made unique" in note for note in notes):
        obs[CELL] = [one for table in selected for one in name_texts(table.index)]
    return JoinedCells(obs, tuple(kept), tuple(notes))


def _shared(
    tables: Sequence[pd.DataFrame], names: Sequence[str], species: Sequence[Species], column: str
) -> tuple[list[npt.NDArray[np.bool_] | None], list[str]]:
    """Return masks of the cells of each object with a value that all species have, and a note."""
    values = []
    for table, name in zip(tables, names, strict=True):
        obs = ObsColumns(table, JoinError, f"{name}: obs")
        values.append(obs.texts(column, "cell types", option="shared_types"))
    each = [one.common_name for one, column_values in zip(species, values, strict=True) for _ in column_values]
    mask, note = shared_values([value for column_values in values for value in column_values], each, column, JoinError)
    return list(np.split(mask, np.cumsum([len(column_values) for column_values in values])[:-1])), [note]


def _index(tables: Sequence[pd.DataFrame], notes: list[str]) -> pd.Index:
    """Return unique names of cells, numbered by object if names repeat."""
    names = [name_texts(table.index) for table in tables]
    together = [one for object_names in names for one in object_names]
    if len(set(together)) < len(together):
        notes.append(
            "names of cells repeat; they were made unique by the number of their object (-1, -2, ...), and what they "
            f"were is obs[{CELL!r}]"
        )
        together = [f"{one}-{number}" for number, object_names in enumerate(names, 1) for one in object_names]
    next_number: dict[str, int] = {}
    unique, taken = [], set(together)
    for one in together:
        number = next_number.get(one, 0)
        free = one
        while number and free in taken:
            free, number = f"{one}.{number}", number + 1
        next_number[one] = max(number, 1)
        taken.add(free)
        unique.append(free)
    return pd.Index(unique, dtype=object)


def _renamed_columns(columns: list[str]) -> dict[str, str]:
    """Return new names for columns with the name of one that a join adds."""
    renamed: dict[str, str] = {}
    for column in columns:
        if column in (SPECIES, FILE, TOTAL, CELL):
            new, number = f"{column}_given", 1
            while new in columns or new in renamed.values():
                new, number = f"{column}_given_{number}", number + 1
            renamed[column] = new
    return renamed


def _column(parts: list[pd.Series | None], tables: Sequence[pd.DataFrame]) -> Any:
    """Return a column of all objects, as text if kinds of values differ."""
    present = [part for part in parts if part is not None]
    whole = len(present) == len(parts)
    kinds = {_kind(part) for part in present}
    values = [
        part.tolist() if part is not None else [None] * len(table) for part, table in zip(parts, tables, strict=True)
    ]
    flat = [None if is_missing(one) else one for part_values in values for one in part_values]
    if kinds == {"bool"}:
        return pd.Series(flat, dtype="bool" if whole and None not in flat else "boolean").array
    if kinds == {"int"}:
        return pd.Series(flat, dtype="int64" if whole and None not in flat else "Int64").array
    if kinds <= {"int", "float", "bool"}:
        return np.array([np.nan if one is None else float(one) for one in flat])
    labels = texts(flat)
    order = [str(one) for part in present if isinstance(part.dtype, pd.CategoricalDtype) for one in part.cat.categories]
    different = sorted({one for one in labels if one is not None})
    used = set(different)
    ordered = [one for one in dict.fromkeys([*order, *different]) if one in used]
    if None not in labels and kinds == {"text"} and not order and len(different) == len(labels):
        return np.array(labels, dtype=object)
    return pd.Categorical(labels, categories=ordered)


def _kind(part: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(part.dtype):
        return "bool"
    if pd.api.types.is_integer_dtype(part.dtype):
        return "int"
    if pd.api.types.is_float_dtype(part.dtype):
        return "float"
    return "text"
