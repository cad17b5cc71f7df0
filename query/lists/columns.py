"""Which columns of a table hold genes, and which of them speak of the same gene."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from homodb.query.genes import resolve
from homodb.query.lists.complexes import Cell, read, readings
from homodb.query.lists.partners import Wish, find_source
from homodb.query.lists.table import Table
from homodb.schema.errors import TranslationError
from homodb.schema.near import did_you_mean
from homodb.schema.species import Species

#: How columns of genes are called: in marker tables of scanpy and Seurat, and in the tables of ligands and receptors of
#: CellChat, CellPhoneDB, LIANA, OmniPath, NicheNet and CellTalkDB.
_PAIRED = re.compile(
    r"(ligand|receptor)([._ ]?(complex|symbol|gene([._ ]?symbol)?|approvedsymbol|genesymbol))?"
    r"|(source|target)_?genesymbol|(gene|partner|genename|gene_name|protein_name)_[ab12]|from|to|interaction_name|(subunit|uniprot)_?\d+",
    re.IGNORECASE,
)
_GENE = re.compile(
    r"(gene|feature|marker|hgnc|mgi|ensembl|entrez|uniprot|ncbi)s?([._ ]?(gene))?"
    r"([._ ]?(symbol|name|id|short_name|stable_id))?s?|symbols?|names?|geneid|external_gene_name",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"entrez|ncbi|gene_?id", re.IGNORECASE)

#: Shares of cells that mean genes: of a column whose name says genes, of any other, and of the best if there is none.
_NAMED, _UNNAMED, _BEST = 0.3, 0.8, 0.5

#: Columns are judged by so many different cells.
_SAMPLE = 2000
_LONGEST = 120

#: Columns that name the same gene in this share of rows speak of one gene.
_SAME = 0.9


@dataclass(frozen=True)
class Column:
    """A column of genes.

    Parameters
    ----------
    place
        Its place in the table.
    cells
        Its cells, read.
    by_id
        Whether most of its names are stable IDs.
    share
        Share of its different cells that mean genes.
    """

    place: int
    cells: tuple[Cell, ...]
    by_id: bool
    share: float


@dataclass(frozen=True)
class GeneColumns:
    """The gene columns of a table.

    Parameters
    ----------
    source
        The species of the genes.
    roles
        Columns that speak of one gene together (its stable ID, its symbol), the surest first.
    apart
        Whether each cell stands for itself (a column of markers for each cell type), not a row as a whole.
    headless
        Whether genes stand where a header should.
    resolved
        What the names of all cells mean, see :func:`homodb.query.genes.resolve`.
    """

    source: Species
    roles: tuple[tuple[Column, ...], ...]
    apart: bool
    headless: bool
    resolved: pl.DataFrame

    @property
    def columns(self) -> list[Column]:
        """All columns, by place."""
        return sorted((column for role in self.roles for column in role), key=lambda column: column.place)


def find_columns(table: Table, wish: Wish, wanted: str | None) -> GeneColumns:
    """Find the columns that hold genes.

    Parameters
    ----------
    table
        The table.
    wish
        What is to be done; its source species may be open.
    wanted
        Names (or numbers from 1) of the columns, parted by commas; None to find them.

    Raises
    ------
    TranslationError
        If a column is not there, or none holds genes.
    UndecidedSpeciesError
        If the names do not tell the species.
    """
    chosen = _asked_for(table, wanted) if wanted is not None else _candidates(table)
    texts = {place: _different(table, place) for place in chosen}
    sample = {place: cells[:_SAMPLE] for place, cells in texts.items()}
    source = find_source(wish, _names(sample.values()))
    found = resolve(wish.release, _names([*sample.values(), table.header]), source)
    shares = {place: _share(cells, found) for place, cells in sample.items()}
    if wanted is None:
        chosen = _genes(table, shares)
    if not chosen or not any(shares[place] for place in chosen):
        told = ", ".join(f"{table.header[place] or 'unnamed'!r} {share:.0%}" for place, share in shares.items())
        raise TranslationError(
            f"no column holds genes of {source.name} (share of cells that mean one: {told or 'no column of text'}); "
            "name the column (--column) or the species (--from)"
        )
    if any(len(texts[place]) > _SAMPLE for place in chosen):
        found = resolve(wish.release, _names([*(texts[place] for place in chosen), table.header]), source)
    known, in_part = _known(found)
    by_id = set(found.filter(pl.col("how") == "stable_id")["name"])
    columns = [_column(table, place, known, in_part, by_id, shares[place]) for place in chosen]
    roles = _roles(columns, dict(found.select("name", "gene").drop_nulls().iter_rows()))
    paired = any(_PAIRED.fullmatch(table.header[place]) for place in chosen)
    apart = wanted is None and not paired and len(roles) > 2 and len(chosen) == len(_candidates(table))
    exact = set(found.filter(pl.col("how").is_in(["stable_id", "symbol"]))["name"])
    return GeneColumns(source, roles, apart, any(table.header[place] in exact for place in chosen), found)


def _asked_for(table: Table, wanted: str) -> list[int]:
    places: list[int] = []
    for name in wanted.split(","):
        if name in table.header:
            places.append(table.header.index(name))
        elif name.isdigit() and 1 <= int(name) <= len(table.header):
            places.append(int(name) - 1)
        else:
            there = ", ".join(map(repr, table.header))
            close = did_you_mean(name, table.header)
            raise TranslationError(f"the table has no column {name!r}; its columns are: {there}{close}")
    return list(dict.fromkeys(places))


def _candidates(table: Table) -> list[int]:
    """Columns that are not all numbers; those may be NCBI Gene numbers where the column's name says so."""
    places = []
    for place, name in enumerate(table.header):
        cells = _different(table, place)
        if cells and (not all(map(_is_number, cells)) or _NUMBERED.search(name)):
            places.append(place)
    return places


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.upper() in ("NA", "NAN", "TRUE", "FALSE")
    return True


def _different(table: Table, place: int) -> list[str]:
    return [
        text for text in dict.fromkeys(cell.strip() for cell in table.column(place)) if text and len(text) <= _LONGEST
    ]


def _names(columns: Iterable[Sequence[str]]) -> list[str]:
    return list(
        dict.fromkeys(part for cells in columns for text in cells for cell in readings(text) for part in cell.parts)
    )


def _known(found: pl.DataFrame) -> tuple[set[str], set[str]]:
    """Names that mean something as they stand, and those that do when something comes off."""
    means = found.filter(~pl.col("how").is_in(["unknown", "retired"]))
    as_is = means.filter((pl.col("how") == "stable_id") | (pl.col("understood_as") == pl.col("name")))
    return set(as_is["name"]), set(means["name"])


def _share(cells: Sequence[str], found: pl.DataFrame) -> float:
    """Share of cells of which all parts mean genes."""
    known, in_part = _known(found)
    return sum(all(part in in_part for part in read(text, known, in_part).parts) for text in cells) / max(len(cells), 1)


def _genes(table: Table, shares: dict[int, float]) -> list[int]:
    def says(place: int) -> bool:
        name = table.header[place]
        names_of_rows = place == 0 and not name  # as R writes them
        return names_of_rows or bool(_PAIRED.fullmatch(name) or _GENE.fullmatch(name))

    chosen = [place for place, share in shares.items() if share >= (_NAMED if says(place) else _UNNAMED)]
    if len(chosen) > 1 and not any(map(says, chosen)):  # a column for each group
        chosen = [place for place, share in shares.items() if share >= _BEST]
    if not chosen and shares and max(shares.values()) >= _BEST:
        chosen = [max(shares, key=lambda place: shares[place])]
    return chosen


def _column(table: Table, place: int, known: set[str], in_part: set[str], by_id: set[str], share: float) -> Column:
    read_once = {text: read(text, known, in_part) for text in dict.fromkeys(table.column(place))}
    cells = tuple(read_once[text] for text in table.column(place))
    parts = {part for cell in read_once.values() for part in cell.parts if part in in_part}
    return Column(place, cells, len(parts & by_id) * 2 > len(parts), share)


def _roles(columns: list[Column], genes: dict[str, int]) -> tuple[tuple[Column, ...], ...]:
    """Put columns together that name the same gene in nearly every row."""
    roles: list[list[Column]] = []
    for column in sorted(columns, key=lambda column: (-column.share, column.place)):
        for role in roles:
            if _same(role[0], column, genes):
                role.append(column)
                break
        else:
            roles.append([column])
    return tuple(tuple(role) for role in sorted(roles, key=lambda role: role[0].place))


def _same(first: Column, second: Column, genes: dict[str, int]) -> bool:
    both = [
        [genes[part] for part in a.parts] == [genes[part] for part in b.parts]
        for a, b in zip(first.cells, second.cells, strict=True)
        if a.parts and b.parts and all(part in genes for part in (*a.parts, *b.parts))
    ]
    return bool(both) and sum(both) >= _SAME * len(both)
