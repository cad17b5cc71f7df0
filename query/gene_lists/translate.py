"""Translate names of genes, and files of them: lists, gene sets, and tables."""

from __future__ import annotations

import codecs
import gzip
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import polars as pl

from homodb.query.gene_lists.columns import TableForm
from homodb.query.gene_lists.delimited import find_separator
from homodb.query.gene_lists.partners import (
    EVIDENCE,
    GeneListRequest,
    ListReport,
    Loss,
    Naming,
    OneToMany,
    Partners,
    Translated,
    find_partners,
    find_source,
    list_report,
)
from homodb.query.gene_lists.tables import translate_table
from homodb.query.genes import SpeciesVote, common_affix, resolve_rows
from homodb.query.release import ReleaseFile, use_release
from homodb.query.settings import answer_frame, log
from homodb.schema.enums import Strategy
from homodb.schema.errors import TranslationError
from homodb.schema.io import check_ending, check_output, check_there, ending_of, whole_file
from homodb.schema.messages import counted
from homodb.schema.names import has_header, name_texts, printed_names, unquoted
from homodb.schema.species import Species

if TYPE_CHECKING:
    import pandas as pd

#: Share of names from which a column or line holds genes, and number of sets that are looked at.
_HALF, _SAMPLED_SETS = 0.5, 200

#: Enrichr's libraries give genes a weight: ``INS,1.0``.
_WEIGHTED = re.compile(r"(.+),(-?\d+(?:\.\d+)?)")


_DESCRIBED = (
    "the second fields of the sets, their descriptions, are genes and stay as they are, as {1} of {0}; sets without "
    "descriptions are read from a file whose name ends in .txt"
)


@dataclass(frozen=True)
class _ListedGene:
    """Name of a gene in a list, and its weight as text."""

    name: str
    weight: str = ""


def translate_list(text: str, wish: GeneListRequest) -> Translated:
    """Translate a list of one gene per line.

    `text`: the list. Lines that begin with ``#`` and empty lines are kept, and a header such as
    ``gene_symbol``; quotes around a name, and commas behind it, are removed.
    """
    lines = text.splitlines()
    genes = {place: unquoted(line) for place, line in enumerate(lines) if _is_gene(line)}
    if has_header(list(genes.values())):
        del genes[next(iter(genes))]
    partners = find_partners(wish, list(genes.values()), find_source(wish, list(genes.values())))
    out: list[str] = []
    lost: list[Loss] = []
    listed: set[str] = set()
    for place, line in enumerate(lines):
        name = genes.get(place)
        if name is None:
            out.append(line)
        elif name in partners.why_not:
            lost.append(Loss(place + 1, name, partners.why_not[name]))
        else:
            out += _not_listed(_target_names(partners, wish, _ListedGene(name)), listed)
    return Translated(
        text="".join(f"{line}\n" for line in out), kind="list of genes", came=len(genes), left=len(listed),
        partners=partners, places=Counter(genes.values()), lost=lost,
        notes=_note_of_merged(len(genes) - len(lost), len(listed), wish.one_to_many == "all"),
    )  # fmt: skip


def translate_sets(text: str, wish: GeneListRequest, *, titled: bool = True) -> Translated:
    """Translate gene sets in GMT.

    `text`: one set per line: name, description, genes, separated by tabs. Weights after a comma (``INS,1.0``) are kept;
    `titled`: whether there must be descriptions; else they are genes where most of them mean one.
    """
    rows = _rows_of_sets(text)
    has_genes = _second_is_gene([row for row in rows[:_SAMPLED_SETS] if row[1][:1] != row[1][1:2]], wish)
    described = titled or not has_genes
    sets = [
        (
            line,
            fields[0],
            fields[1:2] if described else [],
            [_parse_gene(x) for x in fields[1 + described :] if x.strip()],
        )
        for line, fields in rows
    ]
    names = [gene.name for _, _, _, genes in sets for gene in genes]
    partners = find_partners(wish, names, find_source(wish, names))
    out: list[str] = []
    lost: list[Loss] = []
    counts: list[tuple[str, int, int, int]] = []
    for line, title, description, genes in sets:
        carried = [gene for gene in genes if gene.name in partners.targets]
        lost += [Loss(line, f"{g.name} of {title}", partners.why_not[g.name]) for g in genes if g not in carried]
        listed: set[str] = set()
        new = [
            called + gene.weight
            for gene in carried
            for called in _not_listed(_target_names(partners, wish, gene), listed)
        ]
        counts.append((title, len(genes), len(carried), len(new)))
        if new:
            out.append("\t".join([title, *description, *new]))
    empty = [title for title, _, _, left in counts if not left]
    shown = ", ".join(empty[:5]) + (f" and {len(empty) - 5:,} more" if len(empty) > 5 else "")
    schema = {"set": pl.String, "genes": pl.Int64, "carried": pl.Int64, "left": pl.Int64}
    return Translated(
        text="".join(f"{line}\n" for line in out), kind="gene sets", came=len(sets), left=len(out), partners=partners,
        places=Counter(names), lost=lost, sets=pl.DataFrame(counts, schema=schema, orient="row"),
        notes=[
            *([f"left out, since none of its genes is carried: {shown}"] if empty else []),
            *([_DESCRIBED.format(*rows[0][1])] if titled and has_genes else []),
        ],
    )  # fmt: skip


def _rows_of_sets(text: str) -> list[tuple[int, list[str]]]:
    return [(place + 1, line.rstrip().split("\t")) for place, line in enumerate(text.splitlines()) if line.strip()]


def _share_known(wish: GeneListRequest, names: Iterable[str]) -> float:
    """Return the share of names that are genes of the source species, or of the species that knows most."""
    different = list(dict.fromkeys(name.strip() for name in names))
    if not different:
        return 0.0
    if wish.source is not None:
        genes = resolve_rows(wish.release, different, wish.source)["gene"]
        return 1 - genes.null_count() / len(genes) if len(genes) else 0.0
    return SpeciesVote.of(wish.release, different).known_share


def _second_is_gene(rows: Sequence[tuple[int, list[str]]], wish: GeneListRequest) -> bool:
    second = (_parse_gene(fields[1]).name for _, fields in rows if len(fields) > 1 and fields[1].strip())
    return _share_known(wish, second) > _HALF


def _are_sets(text: str, wish: GeneListRequest) -> bool:
    """Return whether rows of equal length are gene sets: a title, a description, then genes, and no header."""
    rows = [fields for _, fields in _rows_of_sets(text)][:_SAMPLED_SETS]
    titles = [fields[0] for fields in rows]
    if min(map(len, rows)) <= 2 or len(set(titles)) < len(titles):
        return False
    first = (_parse_gene(cell).name for cell in rows[0][2:])
    genes = (_parse_gene(cell).name for fields in rows for cell in fields[2:] if cell.strip())
    return (
        _share_known(wish, titles) < _HALF and _share_known(wish, first) > _HALF and _share_known(wish, genes) > _HALF
    )


def _is_gene(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _parse_gene(text: str) -> _ListedGene:
    match = _WEIGHTED.fullmatch(text.strip())
    return _ListedGene(match[1], f",{match[2]}") if match else _ListedGene(text.strip())


def _target_names(partners: Partners, wish: GeneListRequest, gene: _ListedGene) -> list[str]:
    targets = partners.targets[gene.name]
    return [partners.called(gene.name, target, wish.naming) for target in targets]


def _not_listed(names: Iterable[str], listed: set[str]) -> list[str]:
    """Return names that are not listed yet, and add them to the listed ones."""
    added = [name for name in dict.fromkeys(names) if name not in listed]
    listed.update(added)
    return added


def _note_of_merged(carried: int, left: int, several: bool) -> list[str]:
    if several or carried <= left:
        return []
    genes = counted(carried, "gene is", "genes are")
    return [f"{genes} carried to {left:,}: several have one partner, or stood there more than once"]


@overload
def translate_genes(
    genes: str | Sequence[str], *, to: str | int | Species, source: str | int | Species | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ...,
    one_to_many: OneToMany = ..., names: Naming = ..., as_pandas: Literal[False] | None = ...,
) -> pl.DataFrame: ...  # fmt: skip
@overload
def translate_genes(
    genes: str | Sequence[str], *, to: str | int | Species, source: str | int | Species | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ...,
    one_to_many: OneToMany = ..., names: Naming = ..., as_pandas: Literal[True],
) -> pd.DataFrame: ...  # fmt: skip
def translate_genes(
    genes: str | Sequence[str], *, to: str | int | Species, source: str | int | Species | None = None,
    strategy: str | Strategy | None = None, release: str | Path | ReleaseFile | None = None,
    one_to_many: OneToMany = "best", names: Naming = "keep", as_pandas: bool | None = None,
) -> pl.DataFrame | pd.DataFrame:  # fmt: skip
    """Translate names of genes into another species' genes.

    Parameters
    ----------
    genes
        Names of genes of any kinds, in a list, Series or Index; a missing name is empty, and unknown.
    to
        Target species, by any name; the species of the genes itself updates old names.
    source
        Species of the genes; inferred from the names by default.
    strategy
        One of the five strategies; by default ENS_M2M, or LM_O2O if Ensembl has no homologies for the pair.
    release
        An open release, or an argument of :func:`homodb.open`.
    one_to_many
        Whether to return the ``best`` of several partners (of the same symbol, on the same sex chromosome, then in the
        order of HM_O2O), or ``all``.
    names
        Kind of names in the result: ``keep`` gives stable IDs for stable IDs and symbols for all others; ``id``;
        ``symbol``. A gene without a symbol has its stable ID.
    as_pandas
        Whether the table is of pandas rather than polars; by default as in ``homodb.settings.frames``.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        A row per given name, in order (with ``all`` a row per name and partner): ``name``; ``target`` (name of its
        partner, null if it has none); ``fate``; ``detail`` (reason why it has none); ``how`` and ``understood_as`` (how
        the name was resolved); ``source_id, source_symbol, target_id, target_symbol`` and the evidence.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks it.
    UndecidedSpeciesError
        If the names do not identify the species.
    TranslationError
        If `one_to_many` or `names` has an unknown value.

    Examples
    --------
    >>> import homodb
    >>> homodb.translate_genes(["Ins1", "Gcg", "Xist"], to="human", release="rel")  # doctest: +SKIP
    """
    listed = [genes] if isinstance(genes, str) else name_texts(genes)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        given = opened.find_species(source) if source is not None else None
        wish = GeneListRequest(opened, opened.find_species(to), given, strategy, one_to_many, names)
        partners = find_partners(wish, listed, find_source(wish, listed) if listed else wish.target)
    by_id = (pl.col("how") == "stable_id") if names == "keep" else pl.lit(names == "id")
    target = pl.when(by_id).then("target_id").otherwise(pl.coalesce("target_symbol", "target_id"))
    answer = (
        pl.DataFrame({"name": pl.Series(listed, dtype=pl.String)})
        .join(partners.frame, on="name", how="left", maintain_order="left_right")
        .select(
            "name", target.alias("target"), "fate", "detail", "how", "understood_as", "source_id", "source_symbol",
            "target_id", "target_symbol", *EVIDENCE,
        )
    )  # fmt: skip
    carried = answer.filter(pl.col("target").is_not_null())["name"].n_unique()
    names_text = counted(answer["name"].n_unique(), "name")
    log(f"translate_genes: {carried:,} of {names_text} have a partner in {wish.target.name}")
    return answer_frame(answer, as_pandas)


Kind = Literal["list", "table", "gmt"]

#: Endings of files of genes, before a ``.gz``.
_ENDINGS = (".txt", ".list", ".lst", ".grp", ".csv", ".tsv", ".tab", ".rnk", ".gmt")

_GZIP = b"\x1f\x8b"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def is_list_file(path: Path) -> bool:
    """Return whether a file has the name of a list, table or gene sets.

    Examples
    --------
    >>> is_list_file(Path("markers.csv.gz")), is_list_file(Path("cells.h5ad"))
    (True, False)
    """
    return path.name.lower().removesuffix(".gz").endswith(_ENDINGS)


def check_cells_or_list(path: Path) -> None:
    """Check that a file that is not named like a list of genes may hold cells.

    Raises TranslationError for another file, with the endings of lists.
    """
    if not path.is_file() or ending_of(path) in (".h5ad", ".h5mu", ".h5", ".hdf5", ".loom", ".zarr"):
        return
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_HDF5))
    except OSError:
        return
    if start != _HDF5:
        kinds = ", ".join(_ENDINGS)
        raise TranslationError(
            f"{path}: is neither a file of cells (h5ad or zarr) nor named like a list of genes, a table or gene sets; "
            f"these end in {kinds}, plain or .gz: save its genes as one of them"
        )


def translate_list_file(
    path: Path, output: Path, to: str | int | Species, *, source: str | int | Species | None = None,
    strategy: str | Strategy | None = None, release: str | Path | ReleaseFile | None = None, column: str | None = None,
    one_to_many: OneToMany = "best", names: Naming = "keep", kind: Kind | None = None,
    table: TableForm | None = None,
) -> ListReport:  # fmt: skip
    """Translate a file of genes.

    Other parameters are those of :func:`homodb.translate_genes`.

    Parameters
    ----------
    path
        A list of one gene per line, a table (CSV, TSV; markers, ligands and receptors), or gene sets (GMT); plain or
        gzip.
    output
        File to write, in the same form; gzip if it ends in ``.gz``. An existing one is replaced when the new one is
        complete.
    column
        Names (or numbers from 1) of the columns of genes of a table, separated by commas; by default inferred from
        names and cells.
    kind
        Kind of the file; inferred from its name and content by default.
    table
        What of a table is carried: ``complexes`` and ``pairs`` are rows of which all genes are, ``lists`` each gene for
        itself; by default inferred from the headers and cells, and said in the notes.

    Raises
    ------
    InputError
        If the rows of a table differ in length.
    TranslationError
        If the file is not text or holds no genes, a column does not exist, or no gene can be carried.
    OutputError
        If the output is the input, or cannot be written.
    """
    check_there(path, error=TranslationError)
    check_output(output, path)
    form, wanted = (one.with_suffix("") if ending_of(one) == ".gz" else one for one in (path, output))
    check_ending(wanted, f"genes of {path.name}", ending_of(form), ".txt")
    text = _read_text(path)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        given = opened.find_species(source) if source is not None else None
        wish = GeneListRequest(opened, opened.find_species(to), given, strategy, one_to_many, names)
        translated = _translate_text(path, text, wish, column, kind, table)
        version = opened.version
        affix = "" if translated.partners.targets else common_affix(opened, list(translated.places))
    report = list_report(translated, source_given=source is not None, release=version)
    if not translated.partners.targets:
        raise TranslationError(_nothing_carried(path, report) + affix)
    with whole_file(output) as partial:
        content = translated.text.encode()
        partial.write_bytes(gzip.compress(content, mtime=0) if ending_of(output) == ".gz" else content)
    return report


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # Unicode Text of Excel
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TranslationError(
            f"{path}: cannot be read as text, plain or gzip (it is not in UTF-8); save it as UTF-8"
        ) from error
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise TranslationError(f"{path}: cannot be read as text, plain or gzip ({why})") from error
    if "\0" in text:
        raise TranslationError(f"{path}: is not text; save it as CSV or TSV first")
    if not text.strip():
        raise TranslationError(f"{path}: is empty; expected genes")
    return text


def _translate_text(
    path: Path, text: str, wish: GeneListRequest, column: str | None, kind: Kind | None, table: TableForm | None
) -> Translated:
    names = printed_names(text) if kind is None and table is None and column is None else None
    text = "\n".join(names) if names else text
    separator = find_separator(text)
    kind = kind or ("table" if table is not None else _kind(path, text, separator, wish))
    if kind not in ("list", "table", "gmt"):
        raise TranslationError(f"there is no kind of file {kind!r}; there are list, table and gmt")
    if kind != "table" and column is not None:
        raise TranslationError(
            f"{path}: is a {'list' if kind == 'list' else 'file of gene sets'} and has no columns",
            option="column",
        )
    if kind == "table":
        return translate_table(path, text, separator or ("\t" if ".tsv" in path.name else ","), wish, column, table)
    titled = ".gmt" in path.name.lower()
    return translate_sets(text, wish, titled=titled) if kind == "gmt" else translate_list(text, wish)


def _kind(path: Path, text: str, separator: str | None, wish: GeneListRequest) -> Kind:
    """Infer the kind of a file from its name, then from its lines.

    Gene sets have lines of many lengths, with tabs; where all have one length, their cells tell.
    """
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending == ".gmt":
        return "gmt"
    if ending in (".csv", ".tsv", ".tab", ".rnk"):
        return "table"
    if ending == ".grp":
        return "list"
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    widths = [line.count("\t") for line in lines]
    is_even = not widths or set(widths[1:]) in ({widths[0]}, {widths[0] + 1}, set())  # one more: names of rows of R
    if min((line.rstrip().count("\t") for line in lines), default=0) >= 2 and (not is_even or _are_sets(text, wish)):
        return "gmt"
    is_list = separator is None or all(separator not in line.rstrip(" ,;\t") for line in lines)
    return "list" if is_list else "table"


def _nothing_carried(path: Path, report: ListReport) -> str:
    examples = ", ".join(
        f"{name!r} ({fate}{': ' + detail if detail else ''})"
        for name, fate, detail in report.fates.select("name", "fate", "detail").head(5).iter_rows()
    )
    genes = report.fates.height
    if not genes and report.kind == "gene sets":
        return f"{path}: holds no genes; gene sets are lines of a title, a description and genes, separated by tabs"
    check = "" if report.fates["detail"].is_not_null().all() else "; check the species and the column of names"
    which = "its one gene is not" if genes == 1 else f"none of the {genes:,} genes is"
    return (
        f"{path}: {which} carried from {report.source} to {report.target}{': ' + examples if examples else ''}{check}"
    )
