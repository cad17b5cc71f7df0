"""Read tables, and find and translate their columns of genes."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd
import polars as pl

from homodb.query.gene_lists.partners import (
    GeneListRequest,
    Loss,
    Naming,
    Partners,
    Target,
    Translated,
    find_partners,
    find_source,
)
from homodb.query.genes import feature_kinds, is_like_a_date, resolve_rows
from homodb.query.translate import Fate
from homodb.schema.errors import InputError, Problem, TranslationError
from homodb.schema.messages import choices_hint, counted, did_you_mean
from homodb.schema.names import BLANKS, unquoted
from homodb.schema.species import Species

#: Separators of columns, the surest first.
_SEPARATORS = ("\t", ",", ";", "|")
_SAMPLE_LINES = 50
#: 10x's word for genes among the kinds of features.
_GENE_EXPRESSION = "Gene Expression"
#: Lines before a table: comments, and the separator as Excel writes it.
_COMMENT = re.compile(r"#|sep=.\r?$", re.MULTILINE)


@dataclass(frozen=True)
class GeneTable:
    """A delimited table.

    `header`: names of the columns; their numbers from 1 if the table has none; `unnamed_rows`: whether the header lacks
    a name for the first column, as from ``write.table`` of R; `comments`: lines before the table that begin with ``#``,
    or are Excel's ``sep=;``.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str
    line_end: str
    has_header: bool = True
    unnamed_rows: bool = False
    comments: tuple[str, ...] = ()

    def column(self, place: int) -> list[str]:
        """Return the cells of a column."""
        return [cells[place] for _, cells in self.rows]

    def headless(self) -> GeneTable:
        """Return the table with its header as a row, and numbers as names."""
        first = (len(self.comments) + 1, self.header)
        numbers = tuple(str(place + 1) for place in range(len(self.header)))
        return replace(self, header=numbers, rows=(first, *self.rows), has_header=False)

    def written(self, rows: Sequence[Sequence[str]]) -> str:
        """Return the text of the table with other rows."""
        stream = io.StringIO()
        for line in self.comments:
            stream.write(line + self.line_end)
        writer = csv.writer(stream, delimiter=self.separator, lineterminator=self.line_end)
        if self.has_header:
            writer.writerow(self.header[1:] if self.unnamed_rows else self.header)
        writer.writerows(rows)
        return stream.getvalue()


def find_separator(text: str) -> str | None:
    r"""Return the separator of the columns of a text, None without columns.

    It is equally frequent in the first lines.

    Examples
    --------
    >>> find_separator("gene,score\nINS,1\n"), find_separator("INS\nGCG\n")
    (',', None)
    """
    lines = [line for line in text.splitlines() if line.strip() and not _COMMENT.match(line)][:_SAMPLE_LINES]
    for separator in _SEPARATORS:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        if widths and min(widths) > 1 and set(widths[1:]) in ({widths[0]}, {widths[0] + 1}, set()):
            return separator
    for separator in _SEPARATORS:  # rows that differ in length are reported later, with their lines
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        if widths and widths[0] > 1 and sum(width == widths[0] for width in widths) * 2 > len(widths):
            return separator
    words = [line.split(" ") for line in lines]
    numbers = [cells for cells in words[1:] if len(cells) > 1 and all(map(_is_number, cells[1:2]))]
    is_of_r = len(words) > 1 and len(numbers) == len(words) - 1  # write.table
    return " " if is_of_r and {len(one) for one in words[1:]} in ({len(words[0])}, {len(words[0]) + 1}) else None


def read_table(path: Path, text: str, separator: str) -> GeneTable:
    """Read a delimited table.

    Raises InputError if rows differ in length (all are listed), or there is no row.
    """
    comments = []
    rest = text
    while _COMMENT.match(rest):
        line, _, rest = rest.partition("\n")
        comments.append(line.rstrip("\r"))
    reader = csv.reader(io.StringIO(rest, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num + len(comments), tuple(cells)) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(path, [Problem(reader.line_num + len(comments), "cannot be read", str(error))]) from error
    if not rows:
        raise InputError(path, [Problem(0, "holds no row")])
    (_, header), *body = rows
    unnamed = bool(body) and all(len(cells) == len(header) + 1 for _, cells in body)
    if unnamed:
        header = ("", *header)
    problems = [
        Problem(line, f"the row has not {len(header)} cells as the first row has", f"{len(cells)} cells")
        for line, cells in body
        if len(cells) != len(header)
    ]
    if problems:
        raise InputError(path, problems)
    end = "\r\n" if "\r\n" in text else "\n"
    return GeneTable(header, tuple(body), separator, end, unnamed_rows=unnamed, comments=tuple(comments))


#: Forms of tables of genes, and what of them is carried.
TableForm = Literal["complexes", "lists", "pairs"]
FORMS: Mapping[str, str] = {
    "complexes": "a complex is carried if all its parts are",
    "lists": "each gene is carried for itself",
    "pairs": "a row is carried if all its genes are",
}

#: Separators of lists of genes in a cell.
_LIST_SEPARATORS = (" /// ", "///", ", ", "; ", ",", ";", "|", "/", " ")

#: Separators of the parts of a cell: ``_`` (LIANA, CellChat, OmniPath), ``, `` (symbols of CellChat), and others.
_SEPARATORS_OF_PARTS = (" /// ", "///", ", ", "; ", "_", "&", "+", ":", ";", "|", ",", "/", " ")

#: Least share of genes among words between blanks, which otherwise are prose.
_WORDS = 0.6

#: Prefix of a complex in OmniPath.
_MARK = "COMPLEX:"

#: Brackets around a whole list, as R and Python print it; parts that are no names; weights behind a name.
_WRAPPED = re.compile(r"(c\(|\[|\{|\()([^\[\](){}]*)(\)|\]|\})")
_NO_NAME = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
_WEIGHT = re.compile(r"(.+?)(\s?[:=,]\s?-?\d+(?:\.\d+)?(?:[eE]-?\d+)?|\s?\(-?\d+(?:\.\d+)?\))")


@dataclass(frozen=True)
class Cell:
    """A cell of a gene column.

    `parts`: names of genes: several for a complex or a list, none for an empty cell; `end`: what stands behind them;
    `weights`: text behind each part, where parts have weights; `quote`: quotes around each part.
    """

    parts: tuple[str, ...]
    separator: str = ""
    mark: str = ""
    end: str = ""
    weights: tuple[str, ...] = ()
    quote: str = ""

    def rewritten(self, names: Iterable[str]) -> str:
        """Return the text of the cell with other names, each once."""
        listed = list(names)
        weights = self.weights if len(self.weights) == len(listed) else ("",) * len(listed)
        texts: dict[str, str] = {}
        for name, weight in zip(listed, weights, strict=True):
            texts.setdefault(name, f"{self.quote}{name}{self.quote}{weight}")
        return self.mark + self.separator.join(texts.values()) + self.end


def readings(text: str) -> list[Cell]:
    """List the readings of a cell: one name, or a complex or list per separator.

    Examples
    --------
    >>> [cell.parts for cell in readings("ITGA2_ITGB1")]
    [('ITGA2_ITGB1',), ('ITGA2', 'ITGB1')]
    """
    mark = _MARK if text.startswith(_MARK) else ""
    bare = text.removeprefix(_MARK).strip(BLANKS)
    if bare.lower() in _NO_NAME:
        return [Cell(())]
    cells = [Cell((bare,), "", mark)]
    end, inner = "", bare
    if wrapped := _WRAPPED.fullmatch(bare):
        mark, inner, end = mark + wrapped[1], wrapped[2], wrapped[3]
    for separator in _SEPARATORS_OF_PARTS:
        if separator in inner and (cell := _split(inner, separator, mark, end)) is not None:
            cells.append(cell)
    if wrapped and len(cells) == 1:
        cells.append(Cell((unquoted(inner),), "", mark, end))
    return cells


def _split(text: str, separator: str, mark: str, end: str) -> Cell | None:
    """Split a cell; the parts of a list may be empty, in quotes, in brackets of their own, or have weights."""
    pieces = [piece.strip() for piece in text.split(separator)]
    is_list = separator in _LIST_SEPARATORS
    if not is_list and not all(pieces):
        return None
    quotes = {piece[0] for piece in pieces if len(piece) > 1 and piece[0] == piece[-1] and piece[0] in "\"'"}
    names = [unquoted(piece) for piece in pieces]
    matches = [_WEIGHT.fullmatch(name) if is_list else None for name in names]
    parts = [
        (match[1], match[2]) if match else (name, "")
        for name, match in zip(names, matches, strict=True)
        if name.lower() not in _NO_NAME
    ]
    if not parts:
        return None
    weights = tuple(weight for _, weight in parts)
    return Cell(
        tuple(name for name, _ in parts), separator, mark, end, weights if any(weights) else (),
        quotes.pop() if len(quotes) == 1 else "",
    )  # fmt: skip


def read(text: str, known: Collection[str], known_in_part: Collection[str]) -> Cell:
    """Read a cell as a name if it is known, else as a complex.

    Of several readings as a complex, the one with most known parts is used.

    `known_in_part`: names of genes once a suffix or a prefix is removed; they are used if no part of a complex is
    known. (``ITGA2_ITGB1`` is a complex, not ITGB1 of a genome ITGA2.)

    Examples
    --------
    >>> read("C4B_2", {"C4B_2", "C4B"}, set()).parts
    ('C4B_2',)
    >>> read("ITGA2_ITGB1", {"ITGA2", "ITGB1"}, set()).parts
    ('ITGA2', 'ITGB1')
    """
    whole, *complexes = readings(text.strip())
    complexes = [cell for cell in complexes if cell.separator != " " or _share_of_parts(cell, known) >= _WORDS]
    if not complexes or whole.parts[0] in known:
        return whole
    best = max(complexes, key=lambda cell: _share_of_parts(cell, known))
    return (
        best
        if _share_of_parts(best, known) > 0 and whole.parts[0] not in known_in_part
        else _name_or_complex(whole, best, known)
    )


def _name_or_complex(whole: Cell, best: Cell, known: Collection[str]) -> Cell:
    """Choose the complex if all its parts are known, else the name."""
    return best if _share_of_parts(best, known) == 1 else whole


def _share_of_parts(cell: Cell, known: Collection[str]) -> float:
    numbers = len(cell.parts) > 2 and all(
        part.isdigit() for part in cell.parts
    )  # a list of NCBI Gene IDs; 3/10 is none
    return sum(part in known and (numbers or not part.isdigit()) for part in cell.parts) / len(cell.parts)


#: Names of gene columns: in marker tables of scanpy and Seurat, and in the tables of ligands and receptors of CellChat,
#: CellPhoneDB, LIANA, OmniPath, NicheNet and CellTalkDB.
_PAIRED = re.compile(
    r"(ligand|receptor)([._ ]?(complex|symbol|gene([._ ]?symbol)?|approvedsymbol|genesymbol))?"
    r"|(source|target)_?genesymbol|(gene|partner|genename|gene_name|protein_name)_[ab12]|from|to|interaction_name",
    re.IGNORECASE,
)
_SUBUNIT = re.compile(
    r"(subunit|uniprot|cofactor|component)_?\d+|(ligand|receptor)[ ._]\d|subunits?.*"
    r"|.*complex.*(genes|members|symbols)",
    re.IGNORECASE,
)
_GENE = re.compile(
    r"(cell|positive|negative|canonical|official|top|up|down|lead(ing)?|target)?[._ ]?"
    r"((gene|feature|marker|hgnc|mgi|ensembl|entrez|uniprot|ncbi)s?([._ ]?(gene|marker)s?)?"
    r"([._ ]?(symbol|name|id|short_name|stable_id|list|set)s?)?|symbols?|names?|geneid|external_gene_name"
    r"|core_enrichment|leading[._ ]?edge|intersections?|members|userid|hits)"
    r"[._ ]?(more|positive|negative|pos|neg|up|down)?[._ ]?\d*",
    re.IGNORECASE,
)
#: Names of columns of groups of cells, which may be called like genes (B, T, CD4), and of guides (CD4_1); of networks,
#: and two of nodes; of others beside genes.
_GROUPS = re.compile(
    r"(cell|sample|tissue|cluster|group|label|annotation|class|condition|state|species)s?"
    r"|.*(cell|sub|main|broad)[._ -]?(types?|class|names?|states?|labels?)|(louvain|leiden|ident|predicted|majority).*"
    r"|(s?grna|guide|probe|clone|barcode)s?[._ -]?(ids?|names?)?",
    re.IGNORECASE,
)
_NETWORK = re.compile(r"tfs?|regulators?|source|targets?", re.IGNORECASE)
_NODES = re.compile(r"(gene|node|partner|protein|symbol)[._ ]?[12ab]", re.IGNORECASE)
_BESIDE = re.compile(r"targets?|source|regulon|weight|importance|score|value", re.IGNORECASE)
_NUMBERED = re.compile(r"entrez|ncbi|gene_?id", re.IGNORECASE)

#: Least shares of gene cells: in a column named like genes, in any other, and in the best if there is none.
_NAMED, _UNNAMED, _BEST = 0.3, 0.8, 0.5

#: Number of different cells by which a column is recognised.
_SAMPLE = 2000
_LONGEST, _LONGEST_NAME = 20_000, 120

#: Least share of gene cells for a column that stays as it is to be told.
_TOLD = 0.2

#: Least share of rows with the same gene for columns to describe the same gene.
_SAME = 0.9


@dataclass(frozen=True)
class Column:
    """A column of genes."""

    place: int
    cells: tuple[Cell, ...]
    by_id: bool
    share: float


@dataclass(frozen=True)
class GeneColumns:
    """The gene columns of a table.

    `roles`: groups of columns that describe the same gene (stable ID, symbol), the most reliable column first; `form`:
    form of the table, None if each row has one gene, and `why` it is taken for that; `resolved`: genes of the names of
    all cells, see :func:`homodb.query.genes.resolve_rows`; `left`: share of gene cells in columns that stay; `ids`:
    kind of identifiers in others that stay, by place; `across`: names of columns that are genes.
    """

    source: Species
    roles: tuple[tuple[Column, ...], ...]
    form: TableForm | None
    why: str
    headless: bool
    resolved: pl.DataFrame
    left: Mapping[str, float]
    ids: Mapping[int, str]
    across: Sequence[str]

    @property
    def columns(self) -> list[Column]:
        """All columns, in the order of the table."""
        return sorted((column for role in self.roles for column in role), key=lambda column: column.place)


def find_columns(
    table: GeneTable, wish: GeneListRequest, wanted: str | None, form: TableForm | None = None
) -> GeneColumns:
    """Find the columns that hold genes, and the form of the table unless it is given."""
    places = _find_requested(table, wanted) if wanted is not None else _candidates(table)
    texts = {place: _different_cells(table, place) for place in places}
    sample = {place: cells[:_SAMPLE] for place, cells in texts.items()}
    source = find_source(wish, _names(sample.values()))
    resolved = resolve_rows(wish.release, _names([*sample.values(), table.header]), source)
    shares = {
        place: _share_of_genes(cells, resolved)
        if wanted or _says_genes(table, place) or _share_of_genes(cells, _sure(resolved))
        else 0.0
        for place, cells in sample.items()
    }
    if wanted is None:
        places = _gene_columns(table, shares)
    across = _genes_across(table, places, resolved)
    exact = _exact_names(resolved)
    of_cells = (
        bool(across)
        and wanted is None
        and not any(
            _says_genes(table, place)
            or (sum(one in exact for one in texts[place]) * 2 > len(texts[place]) and not _is_of_groups(table, place))
            for place in places
        )
    )
    if of_cells or not any(shares[place] for place in places):
        raise TranslationError(_no_genes(table, shares, source, resolved, across), option=None if across else "column")
    if any(len(texts[place]) > _SAMPLE for place in places):
        resolved = resolve_rows(wish.release, _names([*(texts[place] for place in places), table.header]), source)
    names, in_part = _known_names(resolved)
    by_id = set(resolved.filter(pl.col("how") == "stable_id")["name"])
    repeats = _repeated_rows(table, _exact_names(resolved))
    columns = [_column(table, place, names, in_part, by_id, shares[place], repeats) for place in places]
    roles = _roles(columns, dict(resolved.select("name", "gene").drop_nulls().iter_rows()))
    why = "as requested"
    if form is None:
        form, why = _form(table, columns, roles)
    if form == "lists":
        joined = Counter(cell.separator for column in columns for cell in column.cells if len(cell.parts) > 1)
        usual = joined.most_common(1)[0][0] if joined else ""
        columns = [replace(one, cells=tuple(_as_list(cell, names, usual) for cell in one.cells)) for one in columns]
        roles = tuple((column,) for column in columns)
    left = {
        table.header[place]: share
        for place, share in shares.items()
        if wanted is None and place not in places and share >= _TOLD and not _is_of_groups(table, place)
    }
    ids = {place: hint for place in texts if place not in places and (hint := _hint_of_ids(table, place, resolved))}
    headless = _is_headless(table, places, resolved)
    return GeneColumns(source, roles, form, why, headless, resolved, left, ids, () if headless else across)


def _is_headless(table: GeneTable, places: Sequence[int], resolved: pl.DataFrame) -> bool:
    """Return whether the first row is one of genes, and not of names of columns, of which TF may be a gene too."""
    above = [
        name
        for place, name in enumerate(table.header)
        if place not in places and name.strip() and all(map(_is_number, _different_cells(table, place) or ["-"]))
    ]
    _, in_part = _known_names(resolved)
    if above and all(map(_is_number, above)) and not all(name.isdigit() for name in above):
        return True  # 5.5 is the name of no column
    is_named = any(map(_BESIDE.fullmatch, table.header)) or any(_says_genes(table, place) for place in places)
    dates = set(resolved.filter(pl.col("how") == "date")["name"])
    genes = in_part if above else _exact_names(resolved) | dates
    of_genes = [table.header[place] in genes for place in places]
    is_of_genes = any(of_genes) and sum(of_genes) * 2 >= len(of_genes)  # of B, CD4 and NK, which are cells, one is
    return is_of_genes and not is_named and all(map(_is_number, above))


def _sure(resolved: pl.DataFrame) -> pl.DataFrame:
    """Return names that are genes also where their column is not named like genes: no date, and no letter or two."""
    is_short = (pl.col("name").str.len_chars() < 3) & (pl.col("how") != "symbol")
    return resolved.filter(~is_like_a_date(pl.col("name")), ~is_short)


def _genes_across(table: GeneTable, places: Sequence[int], resolved: pl.DataFrame) -> tuple[str, ...]:
    """Return the names of the columns that are genes, where these are two and half of them or more."""
    names = _exact_names(resolved)
    others = [name for place, name in enumerate(table.header) if place not in places and name.strip()]
    genes = [name for name in others if name in names and table.has_header]
    return tuple(genes) if len(genes) > 1 and len(genes) >= _BEST * len(others) else ()


def _no_genes(
    table: GeneTable, shares: Mapping[int, float], source: Species, resolved: pl.DataFrame, across: Sequence[str]
) -> str:
    """Return the message for a table without a column of genes."""
    if across:
        return (
            f"the table has genes of {source.name} in columns ({', '.join(across[:3])}, ...) and not in rows: "
            "transpose it first, or save it as an AnnData"
        )
    listing = ", ".join(f"{table.header[place] or 'unnamed'!r} {share:.0%}" for place, share in shares.items())
    hints = {table.header[place]: _hint_of_ids(table, place, resolved) for place in shares}
    ids = "".join(
        f"; {name or 'unnamed'!r} has {hint}, which the release lacks" for name, hint in hints.items() if hint
    )
    return (
        f"no column holds genes of {source.name} (share of cells that mean one: {listing or 'no column of text'})"
        f"{ids}; name the column or the species"
    )


def _hint_of_ids(table: GeneTable, place: int, resolved: pl.DataFrame) -> str:
    """Return the kind of identifiers that half of the cells of a column have, if it is none that the release knows."""
    names = _names([_different_cells(table, place)[:_SAMPLE]])
    hints = resolved.filter(pl.col("hint").is_not_null(), pl.col("name").is_in(names))
    kinds = Counter(hint.split(",")[0] for hint in hints["hint"] if "form of a" in hint or "stable ID" in hint)
    hint, count = kinds.most_common(1)[0] if kinds else ("", 0)
    return (
        hint
        if count >= _BEST * len(names) and (not hint.endswith("number") or _GENE.fullmatch(table.header[place]))
        else ""
    )


def _as_list(cell: Cell, known: Collection[str], usual: str) -> Cell:
    """Return a cell of a table of lists as a list, though none of its parts may be known."""
    if cell.separator or not cell.parts or cell.parts[0] in known:
        return cell
    lists = [
        one
        for one in readings(cell.parts[0])[1:]
        if one.separator == usual or (one.separator in _LIST_SEPARATORS and one.separator != " ")
    ]
    return min(lists, key=lambda one: one.separator != usual, default=cell)


def _form(
    table: GeneTable, columns: Sequence[Column], roles: Sequence[Sequence[Column]]
) -> tuple[TableForm | None, str]:
    """Infer the form of a table from its headers, then from its cells; none if each row has one gene."""
    headers = [table.header[column.place] for column in columns] if table.has_header else []
    for form, pattern in (("complexes", _SUBUNIT), ("pairs", _PAIRED)):
        if match := next((name for name in headers if pattern.fullmatch(name)), None):
            return form, f"for its column {match!r}"  # type: ignore[return-value]
    are_nodes = len(headers) == 2 and all(map(_NODES.fullmatch, headers))
    if are_nodes or (len(headers) > 1 and all(map(_NETWORK.fullmatch, headers))):
        return "pairs", f"for its columns {headers[0]!r} and {headers[1]!r}"
    joined = Counter(cell.separator for column in columns for cell in column.cells if len(cell.parts) > 1)
    if joined:
        separator = joined.most_common(1)[0][0]
        is_marked = any(cell.mark == _MARK for column in columns for cell in column.cells)
        is_list = separator in _LIST_SEPARATORS and not is_marked
        return "lists" if is_list else "complexes", f"for cells whose genes are joined by {separator!r}"
    if len(roles) < 2:
        return None, ""
    if len(roles) > 2:
        return "lists", f"for its {len(roles)} columns of genes"
    if len(headers) > 1 and all(re.search(r"\d$", name) for name in headers):
        return "lists", "for its numbered columns"
    if _ends_early(columns) or _is_ranked(table):
        return "lists", "for columns that are ranked or differ in length"
    return "pairs", "for its two columns of genes"


def _ends_early(columns: Sequence[Column]) -> bool:
    """Return whether columns are filled from above to different lengths."""
    rows = [row for row in zip(*(column.cells for column in columns), strict=True) if any(cell.parts for cell in row)]
    filled = [[bool(cell.parts) for cell in cells] for cells in zip(*rows, strict=True)]
    return len({sum(one) for one in filled}) > 1 and all(one == sorted(one, reverse=True) for one in filled)


def _is_ranked(table: GeneTable) -> bool:
    """Return whether the first column counts rows from 0 or 1."""
    cells = table.column(0)
    return len(cells) > 1 and cells[0] in ("0", "1") and cells == [str(int(cells[0]) + i) for i in range(len(cells))]


def _find_requested(table: GeneTable, wanted: str) -> list[int]:
    places: list[int] = []
    for name in wanted.split(","):
        if name in table.header:
            places.append(table.header.index(name))
        elif name.isdigit() and 1 <= int(name) <= len(table.header):
            places.append(int(name) - 1)
        else:
            columns = ", ".join(map(repr, table.header))
            close = did_you_mean(name, table.header)
            raise TranslationError(f"the table has no column {name!r}; its columns are: {columns}{close}")
    return list(dict.fromkeys(places))


def _candidates(table: GeneTable) -> list[int]:
    """Return columns that are not numeric, or named like NCBI Gene IDs."""
    places = []
    for place, name in enumerate(table.header):
        cells = _different_cells(table, place)
        if cells and (not all(map(_is_number, cells)) or _NUMBERED.search(name)):
            places.append(place)
    return places


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.upper() in ("NA", "NAN", "TRUE", "FALSE")
    return True


def _different_cells(table: GeneTable, place: int) -> list[str]:
    return [
        text for text in dict.fromkeys(cell.strip() for cell in table.column(place)) if text and len(text) <= _LONGEST
    ]


def _names(columns: Iterable[Sequence[str]]) -> list[str]:
    parts = (part for cells in columns for text in cells for cell in readings(text) for part in cell.parts)
    return list(dict.fromkeys(part for part in parts if len(part) <= _LONGEST_NAME))


def _known_names(resolved: pl.DataFrame) -> tuple[set[str], set[str]]:
    """Return names known as they are, and those known with or without affix."""
    means = resolved.filter(~pl.col("how").is_in(["unknown", "retired"]))
    as_is = means.filter((pl.col("how") == "stable_id") | (pl.col("understood_as") == pl.col("name")))
    return set(as_is["name"]), set(means["name"])


def _exact_names(resolved: pl.DataFrame) -> set[str]:
    """Return names that are stable IDs or symbols as they are."""
    exact = pl.col("how").is_in(["stable_id", "symbol"]) & (pl.col("understood_as") == pl.col("name"))
    return set(resolved.filter(exact)["name"])


def _share_of_genes(cells: Sequence[str], resolved: pl.DataFrame) -> float:
    """Return the share of cells whose parts are all genes; of a list, the share of its parts counts."""
    names, in_part = _known_names(resolved)
    shares = []
    for text in cells:
        cell = read(text, names, in_part)
        if not cell.parts:  # - and NA
            continue
        are_genes = [part in in_part for part in cell.parts]
        is_list = cell.separator in _LIST_SEPARATORS
        shares.append(sum(are_genes) / max(len(are_genes), 1) if is_list else float(all(are_genes)))
    return sum(shares) / max(len(shares), 1)


_NAMES = (_PAIRED, _SUBUNIT, _GENE)


def _says_genes(table: GeneTable, place: int) -> bool:
    """Return whether a column is named like genes, or has the names of rows as written by R."""
    name = table.header[place].strip()
    return (place == 0 and not name) or any(pattern.fullmatch(name) for pattern in _NAMES)


def _is_of_groups(table: GeneTable, place: int) -> bool:
    """Return whether a column is named like groups of cells, among which are LIANA's source and target of a pair."""
    name = table.header[place].strip()
    beside_pairs = any(map(_PAIRED.fullmatch, table.header)) and bool(_NETWORK.fullmatch(name))
    return table.has_header and (bool(_GROUPS.fullmatch(name)) or beside_pairs) and not _says_genes(table, place)


def _gene_columns(table: GeneTable, shares: dict[int, float]) -> list[int]:
    def says(place: int) -> bool:
        return _says_genes(table, place)

    groups = {place: share for place, share in shares.items() if _is_of_groups(table, place)}
    shares = {place: share for place, share in shares.items() if place not in groups}
    places = [place for place, share in shares.items() if share >= (_NAMED if says(place) else _UNNAMED)]
    if len(places) > 1 and not any(map(says, places)):  # a column for each group
        places = [place for place, share in shares.items() if share >= _BEST]
    if not places and shares and max(shares.values()) >= _BEST:
        places = [max(shares, key=lambda place: shares[place])]
    if not places:  # modules of genes: the column label has the genes
        places = [place for place, share in groups.items() if share >= _UNNAMED]
        shares |= groups
    stems = {_stem(table.header[place]) for place in places} - {""}
    places = [place for place in shares if place in places or _stem(table.header[place]) in stems]
    subunits = [place for place in places if _SUBUNIT.fullmatch(table.header[place])]
    return subunits or places  # the name of a complex beside its subunits stays


def _stem(name: str) -> str:
    """Return a column's name less the number at its end; empty if it has none."""
    match = re.fullmatch(r"(.*[^\d])\d+", name)
    return match[1] if match else ""


def _column(
    table: GeneTable, place: int, known: set[str], in_part: set[str], by_id: set[str], share: float,
    repeats: Mapping[str, str],
) -> Column:  # fmt: skip
    texts = {text: text if place else repeats.get(text, text) for text in dict.fromkeys(table.column(place))}
    read_once = {text: read(plain, known, in_part) for text, plain in texts.items()}
    cells = tuple(read_once[text] for text in table.column(place))
    parts = {part for cell in read_once.values() for part in cell.parts if part in in_part}
    return Column(place, cells, len(parts & by_id) * 2 > len(parts), share)


def _repeated_rows(table: GeneTable, exact: Collection[str]) -> dict[str, str]:
    """Return the genes of names of rows that Seurat made unique in its table of markers: CD41 is a second CD4."""
    if table.header[0] or "p_val" not in table.header:
        return {}
    names = set(table.column(0))
    repeats: dict[str, str] = {}
    for name in names - set(exact):
        end = len(name.rstrip("0123456789"))
        bases = [name[:place] for place in range(end, len(name)) if name[:place] in names and name[place] != "0"]
        repeats |= {name: next((base for base in reversed(bases) if base in exact), bases[0])} if bases else {}
    return repeats


def _roles(columns: list[Column], genes: dict[str, int]) -> tuple[tuple[Column, ...], ...]:
    """Group columns that name the same gene in nearly every row."""
    roles: list[list[Column]] = []
    for column in sorted(columns, key=lambda column: (-column.share, column.place)):
        for role in roles:
            if _name_same_gene(role[0], column, genes):
                role.append(column)
                break
        else:
            roles.append([column])
    return tuple(tuple(role) for role in sorted(roles, key=lambda role: role[0].place))


def _name_same_gene(first: Column, second: Column, genes: dict[str, int]) -> bool:
    both = [
        [genes[part] for part in a.parts] == [genes[part] for part in b.parts]
        for a, b in zip(first.cells, second.cells, strict=True)
        if a.parts and b.parts and all(part in genes for part in (*a.parts, *b.parts))
    ]
    return bool(both) and sum(both) >= _SAME * len(both)


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
    rows, lost, stay = (_translate_cells if of_lists else _translate_rows)(table, columns, partners, wish)
    if not table.header[0] and table.has_header and columns.columns[0].place == 0:
        rows = _unique(rows)
    return Translated(
        text=table.written(rows), kind="table", came=len(table.rows) + len(others), left=len(rows), partners=partners,
        places=Counter(names), lost=sorted([*others, *lost], key=lambda loss: loss.line),
        columns=[table.header[one.place] or "unnamed" for one in columns.columns],
        notes=[
            *_notes_of_form(columns, given=form is not None), *_notes_of_rest(table, columns),
            *_note_of_complexes(stay), *([] if of_lists else _note_of_several(partners)),
        ],
        form=columns.form,
    )  # fmt: skip


def _without_other_features(table: GeneTable) -> tuple[GeneTable, list[Loss]]:
    """Leave out rows of antibodies and other kinds of features, as a column of 10x's features.tsv names them."""
    kinds = {
        "feature_types" if _GENE_EXPRESSION in cells else name: cells
        for name, cells in ((name, table.column(place)) for place, name in enumerate(table.header))
        if _GENE_EXPRESSION in cells or name.lower().replace("_", "").startswith("featuretype")
    }
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


#: New rows, lost parts, and number of cells kept as names of complexes.
_Rows = tuple[list[list[str]], list[Loss], int]


def _translate_rows(table: GeneTable, columns: GeneColumns, partners: Partners, wish: GeneListRequest) -> _Rows:
    """Translate rows whose genes are all carried."""
    rows: list[list[str]] = []
    lost: list[Loss] = []
    stay = 0
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
        for targets in _choices([part for _, lead in leads for part in lead.parts], partners):
            row = list(cells)
            for role, lead in leads:
                for column in role:
                    if _names_a_complex(column.cells[place], lead, partners):
                        stay += 1
                    else:
                        row[column.place] = _translated_cell(column, place, lead, targets, wish)
            rows.append(row)
    return rows, lost, stay


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
    return rows, lost, 0


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
    of_interactions = all(table.header[column.place].lower() == "interaction_name" for column in role)
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
