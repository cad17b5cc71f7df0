"""Translates the gene cells of a table's rows; all other cells stay."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from homodb.query.lists.columns import Column, GeneColumns, find_columns
from homodb.query.lists.complexes import Cell
from homodb.query.lists.partners import Naming, Partners, Target, Wish, find_partners
from homodb.query.lists.report import Loss, Translated
from homodb.query.lists.table import Table, read_table
from homodb.schema.counted import counted


def translate_table(path: Path, text: str, separator: str, wish: Wish, column: str | None = None) -> Translated:
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


def _together(table: Table, columns: GeneColumns, partners: Partners, wish: Wish) -> _Rows:
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


def _apart(table: Table, columns: GeneColumns, partners: Partners, wish: Wish) -> _Rows:
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


def _written(column: Column, place: int, lead: Cell, chosen: Mapping[str, Target], wish: Wish) -> str:
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
