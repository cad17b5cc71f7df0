"""``homodb inspect``: what the gene names of an AnnData are, what resolves, and what parts the object has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from homodb.query.era import era
from homodb.query.genes import resolve
from homodb.query.hints import about_synonyms
from homodb.query.names import name_texts, unnamed_note
from homodb.query.release import Release, open_release
from homodb.query.results import Grid, Heading, Lines, Note, Result, ResultBlock
from homodb.query.slots import read_part, slot_table, slots
from homodb.query.stored import opened as open_stored
from homodb.query.translate import stores
from homodb.query.translate.detect import are_positions, detect_species, species_votes
from homodb.query.understood import forms, kinds, unresolved
from homodb.schema.counted import counted
from homodb.schema.errors import TranslationError, UndecidedSpeciesError
from homodb.schema.near import did_you_mean
from homodb.schema.species import Species

#: A column of var is worth naming where this share of its values is known to one species.
_SHARE = 0.5


@dataclass(frozen=True)
class Inspection(Result):
    """What is in an AnnData, as :func:`inspect` finds it.

    Parameters
    ----------
    path
        The file.
    cells, genes
        Rows of obs and of var.
    column
        Column of var that was looked at; None for its index.
    species
        Production name of the species of the names; None where they do not tell it.
    votes
        ``species, votes, known``, see :func:`homodb.query.translate.detect.species_votes`.
    kinds
        ``how, names, share, examples``: how the names were understood.
    forms
        ``form, names, examples``: what had to come off names.
    unresolved
        ``how, hint, names, examples``: names that mean no gene, by what they look like.
    era
        What the names say of the Ensembl release they come from.
    columns
        ``column, species, known``: columns of var that hold names of genes, and the share that is known.
    slots
        ``name, rows, columns, form, dtype, filled, kind``: X, layers, raw.
    parts
        ``part, what``: obs with the number of categories, obsm, varm, obsp, uns.
    notes
        What else a user should know.
    """

    path: Path
    cells: int
    genes: int
    column: str | None
    species: str | None
    votes: pl.DataFrame
    kinds: pl.DataFrame
    forms: pl.DataFrame
    unresolved: pl.DataFrame
    era: tuple[str, ...]
    columns: pl.DataFrame
    slots: pl.DataFrame
    parts: pl.DataFrame
    notes: tuple[str, ...]

    @property
    def resolved(self) -> float:
        """Share of the names that mean one gene."""
        lost = int(self.unresolved["names"].sum())
        return (self.genes - lost) / self.genes if self.genes and self.species else 0.0

    def totals(self) -> dict[str, Any]:
        """Return everything as plain values."""
        plain = {"path": str(self.path), "resolved": self.resolved}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name != "path":
                plain[name] = value.to_dicts() if isinstance(value, pl.DataFrame) else value
        return plain

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the species, how names are understood, and the parts of the object."""
        yield Heading(f"homodb inspect: {self.path.name}", level=1)
        names = "index" if self.column is None else f"column {self.column!r}"
        cells, genes = counted(self.cells, "cell"), counted(self.genes, "gene")
        species = f"{self.species}; {self.resolved:.1%} of the names mean one gene" if self.species else "undecided"
        yield Lines([f"{self.path.name}: {cells}, {genes}; names from var's {names}", f"species: {species}"])
        for title, frame in (
            ("votes: names that only one species bears, and names that it knows:", self.votes),
            ("how the names are understood:", self.kinds),
            ("what came off names:", self.forms),
            ("names that mean no gene:", self.unresolved),
            ("columns of var that hold names of genes:", self.columns),
            ("matrices (what is in them is judged from some rows):", self.slots),
            ("other parts (number of categories):", self.parts),
        ):
            if frame.height:
                yield Grid(frame, title)
        if self.era or self.notes:
            yield Lines(["", *(f"era: {line}" for line in self.era)])
        yield from map(Note, self.notes)


def inspect(
    path: Path,
    *,
    release: str | Path | Release | None = None,
    source: str | int | Species | None = None,
    column: str | None = None,
) -> Inspection:
    """Say what the gene names of an AnnData are, and what parts it has, reading no more of it than that needs.

    Parameters
    ----------
    path
        An h5ad file or a zarr store.
    release
        An open release, or what :func:`homodb.open` takes.
    source
        The species of the genes; by default found out by a vote.
    column
        Column of var that holds the gene names; by default var's index.

    Raises
    ------
    TranslationError
        If it is not an AnnData, or the column is not there.
    UnknownSpeciesError
        If the release does not hold `source`.
    """
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        stored = stack.enter_context(open_stored(path))
        var = read_part(path, stored, "var")
        if column is not None and column not in var:
            there = ", ".join(map(repr, var.columns)) or "none"
            close = did_you_mean(column, map(str, var))
            raise TranslationError(f"{path}: var has no column {column!r}; its columns are: {there}{close}")
        names = name_texts(var.index if column is None else var[column])
        votes = species_votes(opened, names)
        notes: list[str] = []
        species = _species(opened, names, source, notes)
        found = resolve(opened, names if species else [], species or opened.species[0])
        columns = _columns(opened, var)
        notes += _about_names(names, column, columns)
        notes += about_synonyms(opened, [(found, species)]) if species else []
        obs, told = _obs(path, stored)
        return Inspection(
            path=path,
            cells=obs,
            genes=len(names),
            column=column,
            species=species.name if species else None,
            votes=votes,
            kinds=kinds(found),
            forms=forms(found),
            unresolved=unresolved(found),
            era=tuple(era(opened, found, species)) if species else (),
            columns=columns,
            slots=slot_table(slots(path, stored)),
            parts=pl.DataFrame(told + _parts(stored), schema={"part": pl.String, "what": pl.String}, orient="row"),
            notes=tuple(notes),
        )


def _species(
    release: Release, names: Sequence[str], source: str | int | Species | None, notes: list[str]
) -> Species | None:
    if source is not None:
        return release.find_species(source)
    try:
        return detect_species(release, names)
    except UndecidedSpeciesError as error:
        notes.append(str(error))
        return None


def _columns(release: Release, var: Any) -> pl.DataFrame:
    rows = []
    for name in var.columns:
        names = list(dict.fromkeys(value for value in var[name].tolist() if isinstance(value, str)))
        if not names or are_positions(names):
            continue
        best = species_votes(release, names).sort("known", descending=True).row(0, named=True)
        share = best["known"] / len(names)
        if share >= _SHARE:
            rows.append((str(name), best["species"], share))
    return pl.DataFrame(
        rows, schema={"column": pl.String, "species": pl.String, "known": pl.Float64}, orient="row"
    ).sort("known", descending=True)


def _about_names(names: Sequence[str], column: str | None, columns: pl.DataFrame) -> list[str]:
    notes = unnamed_note(names)
    named = [name for name in names if name]
    repeated = len(named) - len(set(named))
    if repeated:
        notes.append(f"{counted(repeated, 'name stands', 'names stand')} there more than once")
    if are_positions(names):
        better = columns["column"][0] if columns.height else None
        notes.append(
            "the names count rows and are no genes"
            + (f"; column {better!r} of var holds names: --column {better}" if better and better != column else "")
        )
    return notes


def _obs(path: Path, stored: Any) -> tuple[int, list[tuple[str, str]]]:
    """Count the cells, and the categories of obs; no more of obs is read."""
    obs = stored["obs"]
    if hasattr(obs, "shape"):  # as anndata wrote it before 0.7
        return int(obs.shape[0]), [("obs", ", ".join(obs.dtype.names or ()))]
    cells = stores.height(obs) if "_index" in obs.attrs else len(read_part(path, stored, "obs"))
    told = []
    for name in obs.attrs.get("column-order", []):
        many = stores.categories(obs[name])
        told.append(str(name) if many is None else f"{name} ({many:,})")
    return cells, [("obs", ", ".join(told))] if told else []


def _parts(stored: Any) -> list[tuple[str, str]]:
    told = []
    for part in ("obsm", "varm", "obsp", "varp", "uns"):
        names = sorted(stored[part]) if part in stored else []
        if names:
            told.append((part, ", ".join(names)))
    return told
