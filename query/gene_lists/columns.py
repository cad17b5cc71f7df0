"""Find the columns of a table that hold genes, and the form of the table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from homodb.query.gene_lists.delimited import COMPLEX_MARK, LIST_SEPARATORS, Cell, GeneTable, is_number, read, readings
from homodb.query.gene_lists.partners import GeneListRequest, find_source
from homodb.query.genes import bare_name, is_like_a_date, resolve_rows
from homodb.schema.errors import TranslationError
from homodb.schema.messages import did_you_mean
from homodb.schema.species import Species

#: Forms of tables of genes, and what of them is carried.
TableForm = Literal["complexes", "lists", "pairs"]
FORMS: Mapping[str, str] = {
    "complexes": "a complex is carried if all its parts are",
    "lists": "each gene is carried for itself",
    "pairs": "a row is carried if all its genes are",
}

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
    r"(cell[._ ]?(?=marker)|(positive|negative|canonical|official|top|up|down|lead(ing)?|target)[._ ]?)?"
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
_SYNONYMS = re.compile(r".*(alias|synonym|nickname).*|(.*[._ ])?(previous|prev|former|old)[._ ].*", re.IGNORECASE)
_BESIDE = re.compile(r"targets?|source|regulon|weight|importance|score|value", re.IGNORECASE)
_GROUP_KEY = re.compile(r"(.+)[._ ]([^._ ]+)")
_NUMBERED = re.compile(r"entrez|ncbi|gene[._ ]?id", re.IGNORECASE)
_IDENTIFIERS = "stable ID|accession|NCBI Gene number"

#: Least shares of gene cells: in a column named like genes, in any other, and in the best if there is none.
_NAMED, _UNNAMED, _BEST = 0.3, 0.8, 0.5

#: Number of different cells by which a column is recognised.
_SAMPLE = 2000
_LONGEST, _LONGEST_NAME = 20_000, 120

#: Least share of gene cells for a column that stays as it is to be told.
_TOLD = 0.2

#: Least number of rows of which two columns that repeat no gene are lists.
_LEAST_ROWS = 10

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
        places = sorted({*places, *_regulators(table, places, sample, resolved)})
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
    is_bare = bare_name(pl.col("name")) == pl.col("name")  # INS_ENSG00000254647 is named by symbol, too
    by_id = set(resolved.filter((pl.col("how") == "stable_id") & is_bare)["name"])
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
        if wanted is None
        and place not in places
        and share >= _TOLD
        and (_SYNONYMS.fullmatch(table.header[place]) or not _is_of_groups(table, place))
    }
    ids = {place: hint for place in texts if place not in places and (hint := _hint_of_ids(table, place, resolved))}
    headless = _is_headless(table, places, resolved)
    return GeneColumns(source, roles, form, why, headless, resolved, left, ids, () if headless else across)


def _is_headless(table: GeneTable, places: Sequence[int], resolved: pl.DataFrame) -> bool:
    """Return whether the first row is one of genes, and not of names of columns, of which TF may be a gene too."""
    above = [
        name
        for place, name in enumerate(table.header)
        if place not in places and name.strip() and all(map(is_number, _different_cells(table, place) or ["-"]))
    ]
    _, in_part = _known_names(resolved)
    if above and all(map(is_number, above)) and not all(name.isdigit() for name in above):
        return True  # 5.5 is the name of no column
    is_named = any(map(_BESIDE.fullmatch, table.header)) or any(_says_genes(table, place) for place in places)
    dates = set(resolved.filter(pl.col("how") == "date")["name"])
    genes = in_part if above else _exact_names(resolved) | dates
    cells = [read(table.header[place], genes, in_part) for place in places]
    of_genes = [sum(part in genes for part in cell.parts) * 2 > len(cell.parts) for cell in cells]
    is_of_genes = any(of_genes) and sum(of_genes) * 2 >= len(of_genes)  # of B, CD4 and NK, which are cells, one is
    return is_of_genes and not is_named and all(map(is_number, above))


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
    hinted = resolved.filter(pl.col("hint").str.contains(_IDENTIFIERS))
    hints = dict(hinted.select("name", pl.col("hint").str.extract("^([^,:]+)")).iter_rows())
    cells = _different_cells(table, place)[:_SAMPLE]
    of_cells = [next((hints[one] for one in _names([[text]]) if one in hints), None) for text in cells]
    hint, count = Counter(filter(None, of_cells)).most_common(1)[0] if any(of_cells) else ("", 0)
    header = table.header[place]
    is_named = _GENE.fullmatch(header) or _NUMBERED.search(header)
    return hint if count >= _BEST * len(cells) and (is_named or not hint.endswith("number")) else ""


def _as_list(cell: Cell, known: Collection[str], usual: str) -> Cell:
    """Return a cell of a table of lists as a list, though none of its parts may be known."""
    if cell.separator or not cell.parts or cell.parts[0] in known:
        return cell
    lists = [
        one
        for one in readings(cell.parts[0])[1:]
        if one.separator == usual or (one.separator in LIST_SEPARATORS and one.separator != " ")
    ]
    return min(lists, key=lambda one: one.separator != usual, default=cell)


def _form(
    table: GeneTable, columns: Sequence[Column], roles: Sequence[Sequence[Column]]
) -> tuple[TableForm | None, str]:
    """Infer the form of a table from its headers, then from its cells; none if each row has one gene."""
    headers = [table.header[column.place] for column in columns] if table.has_header else []
    patterns: dict[TableForm, re.Pattern[str]] = {"complexes": _SUBUNIT, "pairs": _PAIRED}
    for form, pattern in patterns.items():
        if match := next((name for name in headers if pattern.fullmatch(name)), None):
            return form, f"for its column {match!r}"
    are_nodes = len(headers) == 2 and all(map(_NODES.fullmatch, headers))
    if are_nodes or (len(headers) > 1 and all(map(_NETWORK.fullmatch, headers))):
        return "pairs", f"for its columns {headers[0]!r} and {headers[1]!r}"
    joined = Counter(cell.separator for column in columns for cell in column.cells if len(cell.parts) > 1)
    if joined:
        separator = joined.most_common(1)[0][0]
        is_marked = any(cell.mark == COMPLEX_MARK for column in columns for cell in column.cells)
        is_list = separator in LIST_SEPARATORS and not is_marked
        return "lists" if is_list else "complexes", f"for cells whose genes are joined by {separator!r}"
    if len(roles) < 2:
        return None, ""
    if len(roles) > 2:
        return "lists", f"for its {len(roles)} columns of genes"
    if len(headers) > 1 and all(re.search(r"\d$", name) for name in headers):
        return "lists", "for its numbered columns"
    if _ends_early(columns) or _is_ranked(table) or _are_groups(table, headers):
        return "lists", "for columns that are ranked, of groups, or differ in length"
    if headers and not any(_says_genes(table, column.place) for column in columns) and _stand_once(columns):
        return "lists", "for two columns in each of which a gene stands once"
    return "pairs", "for its two columns of genes"


def _ends_early(columns: Sequence[Column]) -> bool:
    """Return whether columns are filled from above to different lengths."""
    rows = [row for row in zip(*(column.cells for column in columns), strict=True) if any(cell.parts for cell in row)]
    filled = [[bool(cell.parts) for cell in cells] for cells in zip(*rows, strict=True)]
    return len({sum(one) for one in filled}) > 1 and all(one == sorted(one, reverse=True) for one in filled)


def _stand_once(columns: Sequence[Column]) -> bool:
    """Return whether columns of some length repeat no gene, as pairs of ligands and receptors do."""
    cells = [[cell.parts for cell in column.cells if cell.parts] for column in columns]
    return all(len(one) >= _LEAST_ROWS and len(set(one)) == len(one) for one in cells)


def _are_groups(table: GeneTable, headers: Sequence[str]) -> bool:
    """Return whether columns are of groups with others of the same groups: scanpy's ``0_names, 0_scores, 1_names``."""
    named = [_GROUP_KEY.fullmatch(name) for name in headers]
    groups = [match[1] for match in named if match and not _NETWORK.fullmatch(match[1])]
    keys = {match[2].lower() for match in named if match}
    others = [name for name in table.header if name not in headers]
    is_of_group = [any(name.startswith((f"{group}_", f"{group}.", f"{group} ")) for name in others) for group in groups]
    return len(keys) == 1 and len(groups) == len(headers) and (all(is_of_group) or keys <= {"names", "markers"})


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
        if cells and (not all(map(is_number, cells)) or _NUMBERED.search(name)):
            places.append(place)
    return places


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
    # what was renamed has no part of the new symbol: SEPT2, and not GRCh38_INS
    is_renamed = (pl.col("how") == "alias") & ~pl.col("name").str.contains(pl.col("understood_as"), literal=True)
    as_is = means.filter((pl.col("how") == "stable_id") | (pl.col("understood_as") == pl.col("name")) | is_renamed)
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
        is_list = cell.separator in LIST_SEPARATORS
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
    is_group = _GROUPS.fullmatch(name) or _SYNONYMS.fullmatch(name)
    return table.has_header and (bool(is_group) or beside_pairs) and not _says_genes(table, place)


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


def _regulators(
    table: GeneTable, places: Sequence[int], sample: Mapping[int, Sequence[str]], resolved: pl.DataFrame
) -> list[int]:
    """Return the column beside the targets of a network whose cells are symbols, but for complexes (NFKB, AP1)."""
    if not any(_NETWORK.fullmatch(table.header[place]) for place in places):
        return []
    exact = resolved.filter(pl.col("name").is_in(_exact_names(resolved)))
    others = [place for place in sample if place not in places and _NETWORK.fullmatch(table.header[place])]
    return [
        place for place in others if not _is_of_groups(table, place) and _share_of_genes(sample[place], exact) >= _BEST
    ]


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
