r"""Read synonyms and alternate alleles from an Ensembl core database.

The synonyms of a gene are those of its display name: ``gene`` has the stable ID and ``display_xref_id``,
``external_synonym`` has ``xref_id`` and ``synonym``. Genes with the same ``alt_allele_group_id`` in ``alt_allele`` are
one gene on the primary assembly and on haplotypes and patches.

The dumps are MySQL's: text without a header, separated by tabs, a backslash before characters that would end a field or
a line, ``\N`` for NULL. Column names are in the definition of the database, ``<database>.sql``, in the same folder
``mysql/<database>/``. Columns have come and gone between releases.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from homodb.etl.sources.aliases import alias_table
from homodb.etl.sources.records import ALTERNATES, Reading, to_arrow, without_version
from homodb.etl.sources.text import LONGEST_LINE, Findings, input_errors, open_bytes
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species

_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?`?(\w+)`?\s*\(?", re.IGNORECASE)
_COLUMN = re.compile(r"\s*`(\w+)`\s")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_UNESCAPED = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
_FIELD = re.compile(rb"(?:[^\t\\]|\\.)*", re.DOTALL)
_NULL = rb"\N"
_NEEDED = {"gene": ("stable_id", "display_xref_id"), "external_synonym": ("xref_id", "synonym")}
#: Additional columns if the dump of alternate alleles is given.
_ALLELES = {"gene": ("gene_id",), "alt_allele": ("alt_allele_group_id", "gene_id")}


def read_core(paths: Sequence[Path], species: Species) -> dict[Path, Reading]:
    """Read synonyms, and alternate alleles where their dump is given.

    Parameters
    ----------
    paths
        Definition (``….sql``) and dumps ``gene.txt``, ``external_synonym.txt`` and optionally ``alt_allele.txt``,
        plain or gzip.
    species
        Species of the genes.

    Returns
    -------
    dict
        Reading of each file. That of ``external_synonym`` has the ``aliases`` of kind ``synonym``, each once per gene;
        synonyms of other names than display names are ignored. Synonyms without text, and those that are not
        UTF-8, are skipped and counted. The reading of ``alt_allele`` has the ``alternates``; genes that are not in
        ``gene``, and groups of one, are skipped and counted.

    Raises
    ------
    InputError
        If a file is missing or its gzip stream is broken, the definition lacks a table or column, or (with line
        numbers) a record has the wrong number of fields or a gene has no stable ID.
    """
    definition, tables = _files(paths)
    columns = _columns(definition, with_alleles="alt_allele" in tables)
    genes, displayed, numbers = _genes(tables["gene"], columns["gene"])
    rows, pairs, skipped = _synonyms(tables["external_synonym"], columns["external_synonym"], displayed)
    synonyms = pl.DataFrame(pairs, schema={"gene_id": pl.String, "alias": pl.String}, orient="row")
    aliases = alias_table(synonyms.with_columns(kind=pl.lit("synonym")), species)
    readings = {
        definition: Reading(rows=len(columns), kept=len(tables)),
        tables["gene"]: Reading(rows=genes, kept=sum(map(len, displayed.values()))),
        tables["external_synonym"]: Reading(rows, len(pairs), skipped, aliases=aliases),
    }
    if "alt_allele" in tables:
        readings[tables["alt_allele"]] = _alternates(tables["alt_allele"], columns["alt_allele"], numbers, species)
    return readings


def _files(paths: Sequence[Path]) -> tuple[Path, dict[str, Path]]:
    """Return the definition, and the dumps by table name."""
    by_name = {path.name.removesuffix(".gz"): path for path in paths}
    definition = [path for name, path in by_name.items() if name.endswith(".sql")]
    absent = [name for name in _NEEDED if f"{name}.txt" not in by_name]
    if len(definition) != 1 or absent:
        problem = "incomplete core database. Expected its .sql, gene.txt and external_synonym.txt, one of each"
        raise InputError(", ".join(map(str, paths)), [Problem(0, problem)])
    return definition[0], {name: by_name[f"{name}.txt"] for name in (*_NEEDED, *_ALLELES) if f"{name}.txt" in by_name}


@input_errors
def _columns(path: Path, *, with_alleles: bool) -> dict[str, list[str]]:
    """Read the columns of each table from the definition, in order."""
    tables: dict[str, list[str]] = {}
    columns: list[str] | None = None
    with open_bytes(path) as stream:
        for line in stream:
            text = line.decode("utf-8", "replace")
            if table := _TABLE.search(text):
                columns = tables[table[1]] = []
                text = text[table.end() :]
            if columns is not None and (column := _COLUMN.match(text)):
                columns.append(column[1])
            elif text.startswith(")"):
                columns = None
    problems = [
        Problem(0, f"missing column {name}.{column} in the definition")
        for name, needed in [*_NEEDED.items(), *(_ALLELES.items() if with_alleles else ())]
        for column in needed
        if column not in tables.get(name, [])
    ]
    if problems:
        raise InputError(path, problems)
    return tables


@input_errors
def _genes(path: Path, columns: list[str]) -> tuple[int, dict[bytes, list[str]], dict[bytes, str]]:
    """Count the genes, and return stable IDs by display name key and gene key."""
    findings = Findings(path)
    place, name_place = columns.index("stable_id"), columns.index("display_xref_id")
    key_place = columns.index("gene_id") if "gene_id" in columns else None
    displayed: dict[bytes, list[str]] = {}
    numbers: dict[bytes, str] = {}
    rows = 0
    for line, fields in _records(path, len(columns), findings):
        rows += 1
        stable_id = _text(fields[place])
        if not stable_id:
            findings.add("gene without a stable ID", line=line)
            continue
        stable_id = findings.bounded("stable_id", stable_id, line)
        if key_place is not None:
            numbers[fields[key_place]] = stable_id
        if fields[name_place] != _NULL:
            displayed.setdefault(fields[name_place], []).append(stable_id)
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "no gene")])
    return rows, displayed, numbers


@input_errors
def _synonyms(
    path: Path, columns: list[str], displayed: dict[bytes, list[str]]
) -> tuple[int, list[tuple[str, str]], dict[str, int]]:
    """Return the number of rows, pairs of gene and synonym, and skipped rows."""
    findings = Findings(path)
    key_place, place = columns.index("xref_id"), columns.index("synonym")
    pairs: list[tuple[str, str]] = []
    skipped: Counter[str] = Counter()
    rows = 0
    for line, fields in _records(path, len(columns), findings):
        rows += 1
        genes = displayed.get(fields[key_place])
        if genes is None:
            continue
        synonym = _text(fields[place])
        if synonym is None or not synonym.strip():
            skipped["synonyms that are not valid UTF-8" if synonym is None else "synonyms without text"] += 1
        else:
            alias = findings.bounded("synonym", synonym.strip(), line)
            pairs += [(gene, alias) for gene in genes]
    findings.raise_any()
    return rows, pairs, dict(sorted(skipped.items()))


@input_errors
def _alternates(path: Path, columns: list[str], numbers: dict[bytes, str], species: Species) -> Reading:
    """Read groups of alternate alleles."""
    findings = Findings(path)
    group_place, key_place = columns.index("alt_allele_group_id"), columns.index("gene_id")
    groups: dict[bytes, set[str]] = {}
    skipped: Counter[str] = Counter()
    rows = 0
    for _, fields in _records(path, len(columns), findings):
        rows += 1
        gene = numbers.get(fields[key_place])
        if gene is None:
            skipped["alternate alleles of genes missing from the dump of genes"] += 1
        else:
            groups.setdefault(fields[group_place], set()).add(gene)
    findings.raise_any()
    alone = sum(len(genes) == 1 for genes in groups.values())
    if alone:
        skipped["alternate alleles alone in their group"] = alone
    alleles = [(gene, min(genes)) for genes in groups.values() if len(genes) > 1 for gene in genes]
    frame = pl.DataFrame(alleles, schema={"gene_id": pl.String, "allele_group": pl.String}, orient="row").with_columns(
        without_version("gene_id"), without_version("allele_group"), species=pl.lit(species.number, pl.Int16)
    )
    alternates = to_arrow(frame.unique().sort("gene_id", "allele_group"), ALTERNATES)
    return Reading(rows, len(alleles), dict(sorted(skipped.items())), alternates=alternates)


def _records(path: Path, width: int, findings: Findings) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the first line and escaped fields of each record."""
    with open_bytes(path) as stream:
        begun, length = 1, 0
        lines: list[bytes] = []
        for number, line in enumerate(stream, 1):
            lines.append(line)
            length += len(line)
            bare = line.removesuffix(b"\n")
            if bare != line and (len(bare) - len(bare.rstrip(b"\\"))) % 2 and length < LONGEST_LINE:
                continue
            record = b"".join(lines).removesuffix(b"\n")
            fields = record.split(b"\t") if b"\\" not in record else _split(record)
            if len(fields) == width:
                yield begun, fields
            else:
                findings.add("wrong number of fields", f"expected {width}, got {len(fields)}", begun)
            begun, length, lines = number + 1, 0, []
        if lines:
            findings.add("incomplete last record", line=begun)


def _split(record: bytes) -> list[bytes]:
    """Split a record at unescaped tabs."""
    fields, at = [], 0
    while True:
        match = _FIELD.match(record, at)
        end = match.end() if match else at
        # a lone backslash at the end belongs to the last field
        end = end if end >= len(record) or record[end : end + 1] == b"\t" else len(record)
        fields.append(record[at:end])
        if end >= len(record):
            return fields
        at = end + 1


def _text(field: bytes) -> str | None:
    """Return the text of a field: empty for NULL, None if it is not UTF-8."""
    if field == _NULL:
        return ""
    plain = _ESCAPED.sub(lambda match: _UNESCAPED.get(match[1], match[1]), field) if b"\\" in field else field
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return None
