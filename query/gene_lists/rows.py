"""Translates the gene cells of a table's rows; all other cells stay."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homodb.query.gene_lists.partners import GeneListRequest, Naming, Partners, Target, find_partners, find_source
from homodb.query.gene_lists.report import Loss, Translated
from homodb.query.gene_lists.table import GeneTable, read_table
from homodb.query.genes import resolve
from homodb.schema.errors import TranslationError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.species import Species

#: What joins the parts of a complex: ``_`` (LIANA, CellChat, OmniPath), ``, `` (CellChat's symbols), and the like.
_SEPARATORS = (", ", "_", "&", "+", ":", ";", "|", ",", "/")

#: OmniPath writes this before a complex.
_MARK = "COMPLEX:"


@dataclass(frozen=True)
class Cell:
    """A cell of a gene column.

    Parameters
    ----------
    parts
        Names of genes; more than one for a complex; none for an empty cell.
    separator
        What joins them.
    mark
        What stands before them.
    """

    parts: tuple[str, ...]
    separator: str = ""
    mark: str = ""

    def rewritten(self, names: Iterable[str]) -> str:
        """Return the cell with other names; a name that several parts come to stands once."""
        return self.mark + self.separator.join(dict.fromkeys(names))


def readings(text: str) -> list[Cell]:
    """List all ways to read a cell: as one name, and as a complex by each separator that it holds.

    Examples
    --------
    >>> [cell.parts for cell in readings("ITGA2_ITGB1")]
    [('ITGA2_ITGB1',), ('ITGA2', 'ITGB1')]
    """
    mark = _MARK if text.startswith(_MARK) else ""
    bare = text.removeprefix(_MARK).strip()
    if not bare:
        return [Cell(())]
    cells = [Cell((bare,), "", mark)]
    for separator in _SEPARATORS:
        parts = tuple(part.strip() for part in bare.split(separator))
        if len(parts) > 1 and all(parts):
            cells.append(Cell(parts, separator, mark))
    return cells


def read(text: str, known: Collection[str], known_in_part: Collection[str]) -> Cell:
    """Read a cell: as one name where that is known as it stands, else as the complex of which most parts are known.

    Parameters
    ----------
    text
        The cell.
    known
        Names that mean a gene as they stand.
    known_in_part
        Names that mean a gene when a suffix or a prefix comes off; where no part of a complex is known as it
        stands, they count. (``ITGA2_ITGB1`` is a complex, not ITGB1 of a genome ITGA2.)

    Examples
    --------
    >>> read("C4B_2", {"C4B_2", "C4B"}, set()).parts
    ('C4B_2',)
    >>> read("ITGA2_ITGB1", {"ITGA2", "ITGB1"}, set())
    Cell(parts=('ITGA2', 'ITGB1'), separator='_', mark='')
    """
    whole, *complexes = readings(text.strip())
    if not complexes or whole.parts[0] in known:
        return whole
    best = max(complexes, key=lambda cell: _share_complexes(cell, known))
    return (
        best
        if _share_complexes(best, known) > 0 and whole.parts[0] not in known_in_part
        else _either(whole, best, known)
    )


def _either(whole: Cell, best: Cell, known: Collection[str]) -> Cell:
    """Choose between a name less its prefix or suffix, and a complex: that needs all its parts."""
    return best if _share_complexes(best, known) == 1 else whole


def _share_complexes(cell: Cell, known: Collection[str]) -> float:
    return sum(part in known and not part.isdigit() for part in cell.parts) / len(cell.parts)


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
        What the names of all cells mean, see :func:`homodb.query.genes.resolve.resolve`.
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


def find_columns(table: GeneTable, wish: GeneListRequest, wanted: str | None) -> GeneColumns:
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


def _asked_for(table: GeneTable, wanted: str) -> list[int]:
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


def _candidates(table: GeneTable) -> list[int]:
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


def _different(table: GeneTable, place: int) -> list[str]:
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


def _genes(table: GeneTable, shares: dict[int, float]) -> list[int]:
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


def _column(table: GeneTable, place: int, known: set[str], in_part: set[str], by_id: set[str], share: float) -> Column:
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


def translate_table(
    path: Path, text: str, separator: str, wish: GeneListRequest, column: str | None = None
) -> Translated:
    """Translate a table's columns of genes.

    Parameters
    ----------
    path
        Where it stands, for messages.
    text
        Its text.
    separator
        What parts its columns.
    wish
        What is to be done.
    column
        Names (or numbers from 1) of the columns of genes, parted by commas; None to find them.

    Returns
    -------
    Translated
        A row is carried where all its genes are: the ligand and the receptor, all parts of a complex. Columns that name
        the same gene (stable ID and symbol) are carried together, by the first of them that is known. With all
        partners a row is repeated. In a table with a column of markers for each group, a gene that is not carried
        leaves an empty cell.

    Raises
    ------
    InputError
        If the rows differ in length.
    TranslationError
        If a column is not there, or none holds genes.
    """
    table = read_table(path, text, separator)
    columns = find_columns(table, wish, column)
    if columns.headless:
        table = table.headless()
        columns = find_columns(table, wish, column)
    names = [part for one in columns.columns for cell in one.cells for part in cell.parts]
    partners = find_partners(wish, names, columns.source, columns.resolved)
    rows, lost, stay = (_apart if columns.apart else _together)(table, columns, partners, wish)
    if not table.header[0] and table.has_header and columns.columns[0].place == 0:
        rows = _unique(rows)
    return Translated(
        text=table.written(rows),
        kind="table",
        came=len(table.rows),
        left=len(rows),
        partners=partners,
        places=Counter(names),
        lost=lost,
        columns=[table.header[one.place] or "unnamed" for one in columns.columns],
        notes=_about_complexes(stay),
    )


def _about_complexes(stay: int) -> list[str]:
    if not stay:
        return []
    one, several = ("cell that names a complex, not its genes, stays", "cells that name a complex, not its genes, stay")
    return [f"{counted(stay, one, several)} as before"]


#: New rows, what is not carried, and how many cells stay since they name a complex.
_Rows = tuple[list[list[str]], list[Loss], int]


def _together(table: GeneTable, columns: GeneColumns, partners: Partners, wish: GeneListRequest) -> _Rows:
    """Carry rows of which all genes are carried."""
    rows: list[list[str]] = []
    lost: list[Loss] = []
    stay = 0
    for place, (line, cells) in enumerate(table.rows):
        leads: list[tuple[tuple[Column, ...], Cell]] = []
        for role in columns.roles:
            lead = _lead(role, place, partners)
            if lead.parts:
                leads.append((role, lead))
        missing = [part for _, lead in leads for part in lead.parts if part not in partners.targets]
        if missing:
            what = ", ".join(dict.fromkeys(filter(None, (cells[column.place] for column in columns.columns))))
            lost.append(Loss(line, what, "; ".join(_why(partners, part, what) for part in dict.fromkeys(missing))))
            continue
        for chosen in _choices([part for _, lead in leads for part in lead.parts], partners):
            row = list(cells)
            for role, lead in leads:
                for column in role:
                    if _names_a_complex(column.cells[place], lead, partners):
                        stay += 1
                    else:
                        row[column.place] = _written(column, place, lead, chosen, wish)
            rows.append(row)
    return rows, lost, stay


def _apart(table: GeneTable, columns: GeneColumns, partners: Partners, wish: GeneListRequest) -> _Rows:
    """Carry each cell for itself, to its best partner."""
    rows: list[list[str]] = []
    lost: list[Loss] = []
    for place, (line, cells) in enumerate(table.rows):
        row = list(cells)
        for column in columns.columns:
            cell = column.cells[place]
            missing = [part for part in cell.parts if part not in partners.targets]
            if missing:
                row[column.place] = ""
                lost.append(
                    Loss(line, f"{cells[column.place]} of {table.header[column.place]}", partners.why_not[missing[0]])
                )
            elif cell.parts:
                best = {part: partners.targets[part][0] for part in cell.parts}
                row[column.place] = _written(column, place, cell, best, wish)
        rows.append(row)
    return rows, lost, 0


def _why(partners: Partners, part: str, what: str) -> str:
    return partners.why_not[part] if part == what else f"{part} {partners.why_not[part]}"


def _lead(role: tuple[Column, ...], place: int, partners: Partners) -> Cell:
    """Return the cell by which a row's gene is carried: the first that can be, else the first that is not empty."""
    cells = [column.cells[place] for column in role if column.cells[place].parts]
    for cell in cells:
        if all(part in partners.targets for part in cell.parts):
            return cell
    return cells[0] if cells else Cell(())


def _names_a_complex(cell: Cell, lead: Cell, partners: Partners) -> bool:
    """Whether a cell is a complex's own name, as TGFbR1_R2 is of TGFBR1 and TGFBR2 in CellChat; it stays."""
    several = len(cell.parts) > 1 or (len(cell.parts) == 1 and len(lead.parts) > 1)
    return several and not all(part in partners.targets for part in cell.parts)


def _choices(parts: list[str], partners: Partners) -> Iterator[Mapping[str, Target]]:
    """Yield every choice of partners for the names of a row; names of one gene go together."""
    by_gene: dict[tuple[Target, ...], list[str]] = {}
    for part in dict.fromkeys(parts):
        by_gene.setdefault(partners.targets[part], []).append(part)
    for chosen in itertools.product(*by_gene):
        yield {part: target for parts, target in zip(by_gene.values(), chosen, strict=True) for part in parts}


def _written(column: Column, place: int, lead: Cell, chosen: Mapping[str, Target], wish: GeneListRequest) -> str:
    own = column.cells[place]
    naming: Naming = wish.naming if wish.naming != "keep" else "id" if column.by_id else "symbol"
    form = own if len(own.parts) == len(lead.parts) else lead
    return form.rewritten(chosen[part].called(naming) for part in lead.parts)


def _unique(rows: list[list[str]]) -> list[list[str]]:
    """Make names of rows unique as R does: INS, INS.1."""
    there: set[str] = set()
    for row in rows:
        name = next(
            name
            for name in itertools.chain([row[0]], (f"{row[0]}.{i}" for i in itertools.count(1)))
            if name not in there
        )
        there.add(name)
        row[0] = name
    return rows
