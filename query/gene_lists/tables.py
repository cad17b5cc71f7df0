"""Translate the columns of genes of a table."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import polars as pl

from homodb.query.gene_lists.columns import FORMS, Column, GeneColumns, TableForm, find_columns
from homodb.query.gene_lists.delimited import Cell, GeneTable, is_number, read_table
from homodb.query.gene_lists.partners import GeneListRequest, Loss, Naming, Partners, Target, Translated, find_partners
from homodb.query.genes import feature_kinds
from homodb.query.translate import Fate
from homodb.schema.errors import TranslationError
from homodb.schema.messages import choices_hint, counted

#: 10x's word for genes among the kinds of features.
_GENE_EXPRESSION = "Gene Expression"
#: Most words of a column of any other name that tells kinds of features, and most numbers: yes, no and empty.
_MOST_WORDS, _MOST_NUMBERS, _FIRST = 20, 3, 1000


def translate_table(
    path: Path, text: str, separator: str, wish: GeneListRequest, column: str | None = None,
    form: TableForm | None = None,
) -> Translated:  # fmt: skip
    """Translate a table's columns of genes.

    A row is carried if all its genes are: ligand and receptor, all parts of a complex. Columns that name the
    same gene (stable ID and symbol) are carried together, by the first known name. With all partners rows are repeated.
    In a table of lists each gene is carried for itself: one that is not carried is missing from its cell.
    """
    if form is not None and form not in FORMS:
        raise TranslationError(f"there is no form of tables {form!r}{choices_hint(form, list(FORMS))}", option="table")
    whole = read_table(path, text, separator)
    table, others = _without_other_features(whole if whole.rows else whole.headless())
    columns = find_columns(table, wish, column, form)
    if columns.headless and not (column and set(column.split(",")) & set(table.header)):
        table = table.headless()
        columns = find_columns(table, wish, column, form)
    names = [part for one in columns.columns for cell in one.cells for part in cell.parts]
    partners = find_partners(wish, names, columns.source, columns.resolved)
    of_lists = columns.form == "lists"
    rows, lost, notes = (_translate_cells if of_lists else _translate_rows)(table, columns, partners, wish)
    if not table.header[0] and table.has_header and columns.columns[0].place == 0:
        rows = _unique(rows)
    return Translated(
        text=table.written(rows), kind="table", came=len(table.rows) + len(others), left=len(rows), partners=partners,
        places=Counter(names), lost=sorted([*others, *lost], key=lambda loss: loss.line),
        columns=[table.header[one.place] or "unnamed" for one in columns.columns],
        notes=[
            *_notes_of_form(columns, given=form is not None), *_notes_of_rest(table, columns),
            *notes, *([] if of_lists else _note_of_several(partners)),
        ],
        form=columns.form,
    )  # fmt: skip


def _are_few(cells: Sequence[str]) -> bool:
    words = set(cells)
    return len(words) <= (_MOST_NUMBERS if all(map(is_number, words)) else _MOST_WORDS)


def _without_other_features(table: GeneTable) -> tuple[GeneTable, list[Loss]]:
    """Leave out rows of antibodies and other kinds of features, as 10x's features.tsv and tables of two assays have.

    Such a column has words of both kinds, true and false (``is_adt``), or a name of such columns.
    """
    kinds: dict[str, Sequence[str]] = {}
    for place, name in enumerate(table.header):
        cells = table.column(place)
        name = "feature_types" if _GENE_EXPRESSION in cells else name
        is_named = name.lower().replace("_", "").startswith("featuretype")
        if not is_named and not (_are_few(cells[:_FIRST]) and _are_few(cells)):  # most columns are seen at once
            continue
        one = feature_kinds(pd.DataFrame({name: cells}))
        is_kind = True in one.is_gene or name in one.kinds or is_named
        if False in one.is_gene and is_kind:
            kinds[name] = cells
    features = feature_kinds(pd.DataFrame(kinds))
    is_gene = [one is not False for one in features.is_gene] or [True] * len(table.rows)
    lost = [
        Loss(line, ", ".join(filter(None, cells[:2])), f"{Fate.NOT_A_GENE}: {kind}")
        for (line, cells), kind, gene in zip(table.rows, features.kinds, is_gene, strict=False)
        if not gene
    ]
    return replace(table, rows=tuple(itertools.compress(table.rows, is_gene))), lost


def _notes_of_form(columns: GeneColumns, *, given: bool) -> list[str]:
    notes = []
    if columns.form is not None and not given:
        others = " or ".join(form for form in FORMS if form != columns.form)
        notes.append(
            f"taken for a table of {columns.form} {columns.why}: {FORMS[columns.form]}; the option table takes {others}"
        )
    if columns.left:
        shares = ", ".join(f"{name or 'unnamed'!r} ({share:.0%} genes)" for name, share in columns.left.items())
        notes.append(
            f"left as they are, though some of their cells are genes: {shares}; name the columns to carry them"
        )
    return notes


def _notes_of_rest(table: GeneTable, columns: GeneColumns) -> list[str]:
    """Return notes on what stays of the source species: identifiers that are not known, and names of columns."""
    ids = ", ".join(f"{table.header[place] or 'unnamed'!r} ({hint})" for place, hint in columns.ids.items())
    across = f"{', '.join(columns.across[:3])}{', ...' if len(columns.across) > 3 else ''}"
    return [
        *([f"left as they are, since the release lacks their identifiers: {ids}"] if ids else []),
        *(
            [
                f"{len(columns.across):,} columns are named after genes ({across}), and keep their names: transpose "
                "the new table and translate it again"
            ]
            if columns.across
            else []
        ),
    ]


def _note_of_several(partners: Partners) -> list[str]:
    """Return a note on genes whose rows now have one name, since tables add up nothing."""
    mapped = partners.frame.drop_nulls("target_gene").group_by("target_gene", maintain_order=True)
    several = mapped.agg(
        pl.coalesce("target_symbol", "target_id").first(), pl.col("source_gene").n_unique(), pl.col("name").unique()
    ).filter(pl.col("source_gene") > 1)
    if not several.height:
        return []
    _, target, _, names = several.row(0)
    one, more = ("target gene stands for several source genes", "target genes stand for several source genes")
    return [
        f"{counted(several.height, one, more)} (as {target} for {' and '.join(sorted(names)[:2])}): their rows are "
        "kept side by side, and no numbers are added up"
    ]


def _note_of_complexes(stay: int) -> list[str]:
    if not stay:
        return []
    one, several = ("cell that names a complex, not its genes, stays", "cells that name a complex, not its genes, stay")
    return [f"{counted(stay, one, several)} as before"]


def _note_of_halves(lines: Sequence[int]) -> list[str]:
    if not lines:
        return []
    rows = counted(
        len(lines), "row has a gene on one side alone, and is", "rows have a gene on one side alone, and are"
    )
    return [
        f"{rows} carried by it (the first in line {lines[0]}): the other side is empty, as where it is a complex whose "
        "genes are in another table"
    ]


#: New rows, lost parts, and notes.
_Rows = tuple[list[list[str]], list[Loss], list[str]]


def _translate_rows(table: GeneTable, columns: GeneColumns, partners: Partners, wish: GeneListRequest) -> _Rows:
    """Translate rows whose genes are all carried."""
    rows: list[list[str]] = []
    lost: list[Loss] = []
    stay = 0
    halves: list[int] = []
    for place, (line, cells) in enumerate(table.rows):
        leads: list[tuple[tuple[Column, ...], Cell]] = []
        for role in columns.roles:
            lead = _leading_cell(role, place, partners)
            if _is_label(role, lead, table, partners):
                stay += 1
            elif lead.parts:
                leads.append((role, lead))
        missing = [part for _, lead in leads for part in lead.parts if part not in partners.targets]
        if missing:
            what = ", ".join(dict.fromkeys(filter(None, (cells[column.place] for column in columns.columns))))
            lost.append(Loss(line, what, "; ".join(_reason(partners, part, what) for part in dict.fromkeys(missing))))
            continue
        if columns.form == "pairs" and len(columns.roles) == 2 and len(leads) == 1:
            halves.append(line)
        for targets in _choices([part for _, lead in leads for part in lead.parts], partners):
            row = list(cells)
            for role, lead in leads:
                for column in role:
                    if _names_a_complex(column.cells[place], lead, partners):
                        stay += 1
                    else:
                        row[column.place] = _translated_cell(column, place, lead, targets, wish)
            rows.append(row)
    return rows, lost, [*_note_of_complexes(stay), *_note_of_halves(halves)]


def _translate_cells(table: GeneTable, columns: GeneColumns, partners: Partners, wish: GeneListRequest) -> _Rows:
    """Translate each gene of each cell for itself: to its best partner, in a list of several to all on request.

    A row of lists, or of one gene, of which no gene is carried is left out.
    """
    rows: list[list[str]] = []
    lost: list[Loss] = []
    are_lists = any(len(cell.parts) > 1 for column in columns.columns for cell in column.cells)
    may_go = are_lists or len(columns.columns) == 1
    for place, (line, cells) in enumerate(table.rows):
        row = list(cells)
        parts = carried = 0
        for column in columns.columns:
            cell = column.cells[place]
            kept = [part in partners.targets for part in cell.parts]
            parts, carried = parts + len(kept), carried + sum(kept)
            lost += [
                Loss(line, f"{part} of {table.header[column.place]}", partners.why_not[part])
                for part, is_kept in zip(cell.parts, kept, strict=True)
                if not is_kept
            ]
            if cell.parts:
                row[column.place] = _translated_list(column, cell, kept, partners, wish) if any(kept) else ""
        if carried or not parts or not may_go:
            rows.append(row)
    return rows, lost, []


def _translated_list(
    column: Column, cell: Cell, kept: Sequence[bool], partners: Partners, wish: GeneListRequest
) -> str:
    """Return the text of a cell with the partners of the parts that are carried."""
    naming: Naming = wish.naming if wish.naming != "keep" else "id" if column.by_id else "symbol"
    several = wish.one_to_many == "all" and len(cell.parts) > 1
    weights = cell.weights or ("",) * len(cell.parts)
    named = [
        (target.called(naming), weight)
        for part, weight in itertools.compress(zip(cell.parts, weights, strict=True), kept)
        for target in partners.targets[part][: None if several else 1]
    ]
    return replace(cell, weights=tuple(weight for _, weight in named)).rewritten(name for name, _ in named)


def _is_label(role: Sequence[Column], lead: Cell, table: GeneTable, partners: Partners) -> bool:
    """Return whether a cell is the name of an interaction that is not of genes alone, such as VEGFA_VEGFR1."""
    of_interactions = any(table.header[column.place].lower() == "interaction_name" for column in role)
    return of_interactions and not all(part in partners.targets for part in lead.parts)


def _reason(partners: Partners, part: str, what: str) -> str:
    return partners.why_not[part] if part == what else f"{part} {partners.why_not[part]}"


def _leading_cell(role: tuple[Column, ...], place: int, partners: Partners) -> Cell:
    """Return the first cell that can be carried, else the first not empty."""
    cells = [column.cells[place] for column in role if column.cells[place].parts]
    for cell in cells:
        if all(part in partners.targets for part in cell.parts):
            return cell
    return cells[0] if cells else Cell(())


def _names_a_complex(cell: Cell, lead: Cell, partners: Partners) -> bool:
    """Return whether a cell is the name of a complex, to be kept.

    An example is TGFbR1_R2 for TGFBR1 and TGFBR2 in CellChat.
    """
    several = len(cell.parts) > 1 or (len(cell.parts) == 1 and len(lead.parts) > 1)
    return several and not all(part in partners.targets for part in cell.parts)


def _choices(parts: list[str], partners: Partners) -> Iterator[Mapping[str, Target]]:
    """Yield every choice of partners for the names of a row.

    Names of the same gene get the same partner.
    """
    by_gene: dict[tuple[Target, ...], list[str]] = {}
    for part in dict.fromkeys(parts):
        by_gene.setdefault(partners.targets[part], []).append(part)
    for targets in itertools.product(*by_gene):
        yield {part: target for parts, target in zip(by_gene.values(), targets, strict=True) for part in parts}


def _translated_cell(
    column: Column, place: int, lead: Cell, targets: Mapping[str, Target], wish: GeneListRequest
) -> str:
    own = column.cells[place]
    naming: Naming = wish.naming if wish.naming != "keep" else "id" if column.by_id else "symbol"
    form = own if len(own.parts) == len(lead.parts) else lead
    return form.rewritten(targets[part].called(naming) for part in lead.parts)


def _unique(rows: list[list[str]]) -> list[list[str]]:
    """Make names of rows unique as in R: INS, INS.1."""
    used: set[str] = set()
    for row in rows:
        name = next(
            name
            for name in itertools.chain([row[0]], (f"{row[0]}.{i}" for i in itertools.count(1)))
            if name not in used
        )
        used.add(name)
        row[0] = name
    return rows
