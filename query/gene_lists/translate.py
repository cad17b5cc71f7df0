"""Translate names of genes, and files of them, into another species."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import polars as pl

from homodb.query.gene_lists.partners import EVIDENCE, GeneListRequest, Naming, OneToMany, find_partners, find_source
from homodb.query.gene_lists.plain import translate_list, translate_sets
from homodb.query.gene_lists.report import ListReport, Translated, list_report
from homodb.query.gene_lists.rows import translate_table
from homodb.query.gene_lists.table import find_separator
from homodb.query.release import ReleaseFile, use_release
from homodb.schema.enums import Strategy
from homodb.schema.errors import TranslationError
from homodb.schema.io import check_ending, check_output, check_there, ending_of, whole_file
from homodb.schema.names import name_texts
from homodb.schema.species import Species


def translate_genes(
    genes: str | Sequence[str],
    *,
    to: str | int | Species,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    one_to_many: OneToMany = "best",
    names: Naming = "keep",
) -> pl.DataFrame:
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
        Whether to return the ``best`` of several partners (in the order of HM_O2O), or ``all``.
    names
        Kind of names in the result: ``keep`` gives stable IDs for stable IDs and symbols for all others; ``id``;
        ``symbol``. A gene without a symbol has its stable ID.

    Returns
    -------
    polars.DataFrame
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
    return (
        pl.DataFrame({"name": pl.Series(listed, dtype=pl.String)})
        .join(partners.frame, on="name", how="left", maintain_order="left_right")
        .select(
            "name", target.alias("target"), "fate", "detail", "how", "understood_as", "source_id", "source_symbol",
            "target_id", "target_symbol", *EVIDENCE,
        )
    )  # fmt: skip


Kind = Literal["list", "table", "gmt"]

#: Endings of files of genes, before a ``.gz``.
_ENDINGS = (".txt", ".list", ".lst", ".csv", ".tsv", ".tab", ".gmt")

_GZIP = b"\x1f\x8b"


def is_list_file(path: Path) -> bool:
    """Return whether a file has the name of a list, table or gene sets.

    Examples
    --------
    >>> is_list_file(Path("markers.csv.gz")), is_list_file(Path("cells.h5ad"))
    (True, False)
    """
    return path.name.lower().removesuffix(".gz").endswith(_ENDINGS)


def translate_list_file(
    path: Path,
    output: Path,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    column: str | None = None,
    one_to_many: OneToMany = "best",
    names: Naming = "keep",
    kind: Kind | None = None,
) -> ListReport:
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
        translated = _translate_text(path, text, wish, column, kind)
        version = opened.version
    report = list_report(translated, source_given=source is not None, release=version)
    if not translated.partners.targets:
        raise TranslationError(_nothing_carried(path, report))
    with whole_file(output) as partial:
        content = translated.text.encode()
        partial.write_bytes(gzip.compress(content, mtime=0) if ending_of(output) == ".gz" else content)
    return report


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TranslationError(f"{path}: cannot be read as text, plain or gzip (it is not in UTF-8)") from error
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise TranslationError(f"{path}: cannot be read as text, plain or gzip ({why})") from error
    if "\0" in text:
        raise TranslationError(f"{path}: is not text; save it as CSV or TSV first")
    if not text.strip():
        raise TranslationError(f"{path}: is empty; wanted genes")
    return text


def _translate_text(path: Path, text: str, wish: GeneListRequest, column: str | None, kind: Kind | None) -> Translated:
    separator = find_separator(text)
    kind = kind or _kind(path, text, separator)
    if kind not in ("list", "table", "gmt"):
        raise TranslationError(f"there is no kind of file {kind!r}; there are list, table and gmt")
    if kind != "table" and column is not None:
        raise TranslationError(
            f"{path}: is a {'list' if kind == 'list' else 'file of gene sets'} and has no columns; leave out --column"
        )
    if kind == "table":
        return translate_table(path, text, separator or ("\t" if ".tsv" in path.name else ","), wish, column)
    return translate_sets(text, wish) if kind == "gmt" else translate_list(text, wish)


def _kind(path: Path, text: str, separator: str | None) -> Kind:
    """Infer the kind of a file from its name, then from its lines.

    Gene sets have lines of many lengths, with tabs.
    """
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending == ".gmt":
        return "gmt"
    if ending in (".csv", ".tsv", ".tab"):
        return "table"
    widths = [line.rstrip().count("\t") for line in text.splitlines() if line.strip()]
    if min(widths) >= 2 and len(set(widths)) > 1:
        return "gmt"
    return "list" if separator is None else "table"


def _nothing_carried(path: Path, report: ListReport) -> str:
    examples = ", ".join(
        f"{name!r} ({fate}{': ' + detail if detail else ''})"
        for name, fate, detail in report.fates.select("name", "fate", "detail").head(5).iter_rows()
    )
    genes = report.fates.height
    which = "its one gene is not" if genes == 1 else f"none of the {genes:,} genes is"
    return (
        f"{path}: {which} carried from {report.source} to {report.target}"
        f"{': ' + examples if examples else ''}; check --from and --column"
    )
