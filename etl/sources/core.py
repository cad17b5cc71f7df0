r"""Synonyms and alternate alleles of genes, from dumps of an Ensembl core database.

A gene's synonyms are those of the name that it is displayed by: ``gene`` has the stable ID and ``display_xref_id``,
``external_synonym`` has ``xref_id`` and ``synonym``. Genes of one ``alt_allele_group_id`` in ``alt_allele`` are one
gene on the primary assembly and on haplotypes and patches.

The dumps are MySQL's: text without a header, separated by tabs, a backslash before what would end a field or a line,
``\N`` for no value. Which column is which, the database's own definition tells: ``<database>.sql``, beside them under
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
from homodb.etl.sources.text import Findings, open_bytes
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species

_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?`?(\w+)`?\s*\((.*?)^\)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_COLUMN = re.compile(r"\s*`(\w+)`\s")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MEANT = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
_FIELD = re.compile(rb"(?:[^\t\\]|\\.)*", re.DOTALL)
_NULL = rb"\N"
_NEEDED = {"gene": ("stable_id", "display_xref_id"), "external_synonym": ("xref_id", "synonym")}
#: What is read besides where its dump is given.
_ALLELES = {"gene": ("gene_id",), "alt_allele": ("alt_allele_group_id", "gene_id")}
#: A record that goes on over more lines is no record.
_LONGEST = 1 << 20


def read_core(paths: Sequence[Path], species: Species) -> dict[Path, Reading]:
    """Read synonyms, and alternate alleles where their dump is given.

    Parameters
    ----------
    paths
        The definition (``….sql``) and the dumps of ``gene.txt`` and ``external_synonym.txt``, and of ``alt_allele.txt``
        if there is one, plain or gzip.
    species
        The species of the genes.

    Returns
    -------
    dict
        A reading of each file. That of ``external_synonym`` has the ``aliases`` of kind ``synonym``, each once per
        gene; synonyms of anything but a gene's display name are not kept, and are no loss. Those without text, and
        those that are not UTF-8, are skipped and counted. That of ``alt_allele`` has the ``alternates``; genes that are
        not in ``gene``, and groups of one, are skipped and counted.

    Raises
    ------
    InputError
        If a file is missing or its gzip stream broken, or the definition lacks a table or column; with line numbers
        where a record has another number of fields or a gene no stable ID.
    """
    definition, tables = _files(paths)
    columns = _columns(definition, with_alleles="alt_allele" in tables)
    genes, displayed, numbers = _genes(tables["gene"], columns["gene"])
    rows, pairs, skipped = _synonyms(tables["external_synonym"], columns["external_synonym"], displayed)
    told = pl.DataFrame(pairs, schema={"gene_id": pl.String, "alias": pl.String}, orient="row")
    aliases = alias_table(told.with_columns(kind=pl.lit("synonym")), species)
    readings = {
        definition: Reading(rows=len(columns), kept=len(tables)),
        tables["gene"]: Reading(rows=genes, kept=sum(map(len, displayed.values()))),
        tables["external_synonym"]: Reading(rows, len(pairs), skipped, aliases=aliases),
    }
    if "alt_allele" in tables:
        readings[tables["alt_allele"]] = _alternates(tables["alt_allele"], columns["alt_allele"], numbers, species)
    return readings


def _files(paths: Sequence[Path]) -> tuple[Path, dict[str, Path]]:
    """Tell by their names which file is which."""
    by_name = {path.name.removesuffix(".gz"): path for path in paths}
    definition = [path for name, path in by_name.items() if name.endswith(".sql")]
    absent = [name for name in _NEEDED if f"{name}.txt" not in by_name]
    if len(definition) != 1 or absent:
        wanted = "wanted the database's .sql, gene.txt and external_synonym.txt, each once"
        raise InputError(", ".join(map(str, paths)), [Problem(0, wanted)])
    return definition[0], {name: by_name[f"{name}.txt"] for name in (*_NEEDED, *_ALLELES) if f"{name}.txt" in by_name}


def _columns(path: Path, *, with_alleles: bool) -> dict[str, list[str]]:
    """Read which columns the tables of a database have, in order."""
    with open_bytes(path) as stream:
        text = stream.read().decode("utf-8", "replace")
    tables = {}
    for name, body in _TABLE.findall(text):
        tables[name] = [found[1] for line in body.splitlines() if (found := _COLUMN.match(line))]
    problems = [
        Problem(0, f"defines no column {name}.{column}")
        for name, needed in [*_NEEDED.items(), *(_ALLELES.items() if with_alleles else ())]
        for column in needed
        if column not in tables.get(name, [])
    ]
    if problems:
        raise InputError(path, problems)
    return tables


def _genes(path: Path, columns: list[str]) -> tuple[int, dict[bytes, list[str]], dict[bytes, str]]:
    """Read how many genes there are, and their stable IDs by the key of their display name, and by their own key."""
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
            findings.add("a gene without stable ID", line=line)
            continue
        if key_place is not None:
            numbers[fields[key_place]] = stable_id
        if fields[name_place] != _NULL:
            displayed.setdefault(fields[name_place], []).append(stable_id)
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "holds no gene")])
    return rows, displayed, numbers


def _synonyms(
    path: Path, columns: list[str], displayed: dict[bytes, list[str]]
) -> tuple[int, list[tuple[str, str]], dict[str, int]]:
    """Read (gene, synonym), how many rows there are, and what was skipped."""
    findings = Findings(path)
    key_place, place = columns.index("xref_id"), columns.index("synonym")
    pairs: list[tuple[str, str]] = []
    skipped: Counter[str] = Counter()
    rows = 0
    for _, fields in _records(path, len(columns), findings):
        rows += 1
        genes = displayed.get(fields[key_place])
        if genes is None:
            continue
        synonym = _text(fields[place])
        if synonym is None or not synonym.strip():
            skipped["synonyms that are no text in UTF-8" if synonym is None else "synonyms without text"] += 1
        else:
            pairs += [(gene, synonym.strip()) for gene in genes]
    findings.raise_any()
    return rows, pairs, dict(sorted(skipped.items()))


def _alternates(path: Path, columns: list[str], numbers: dict[bytes, str], species: Species) -> Reading:
    """Read which genes are alleles of one another."""
    findings = Findings(path)
    group_place, key_place = columns.index("alt_allele_group_id"), columns.index("gene_id")
    groups: dict[bytes, set[str]] = {}
    skipped: Counter[str] = Counter()
    rows = 0
    for _, fields in _records(path, len(columns), findings):
        rows += 1
        gene = numbers.get(fields[key_place])
        if gene is None:
            skipped["alternate alleles of genes that the dump of genes lacks"] += 1
        else:
            groups.setdefault(fields[group_place], set()).add(gene)
    findings.raise_any()
    alone = sum(len(genes) == 1 for genes in groups.values())
    if alone:
        skipped["alternate alleles that are alone in their group"] = alone
    told = [(gene, min(genes)) for genes in groups.values() if len(genes) > 1 for gene in genes]
    frame = pl.DataFrame(told, schema={"gene_id": pl.String, "allele_group": pl.String}, orient="row").with_columns(
        without_version("gene_id"), without_version("allele_group"), species=pl.lit(species.number, pl.Int16)
    )
    alternates = to_arrow(frame.unique().sort("gene_id", "allele_group"), ALTERNATES)
    return Reading(rows, len(told), dict(sorted(skipped.items())), alternates=alternates)


def _records(path: Path, width: int, findings: Findings) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the fields of each record, still escaped, with its first line; note records of another width."""
    with open_bytes(path) as stream:
        begun, record = 1, b""
        for number, line in enumerate(stream, 1):
            record += line
            bare = record.removesuffix(b"\n")
            if bare != record and (len(bare) - len(bare.rstrip(b"\\"))) % 2 and len(record) < _LONGEST:
                continue
            fields = bare.split(b"\t") if b"\\" not in bare else _split(bare)
            if len(fields) == width:
                yield begun, fields
            else:
                findings.add("wrong number of fields", f"{len(fields)}, wanted {width}", begun)
            begun, record = number + 1, b""
        if record:
            findings.add("ends within a record", line=begun)


def _split(record: bytes) -> list[bytes]:
    """Split at tabs that no backslash precedes."""
    fields, at = [], 0
    while True:
        found = _FIELD.match(record, at)
        end = found.end() if found else at
        # a lone backslash at the end belongs to the last field
        end = end if end >= len(record) or record[end : end + 1] == b"\t" else len(record)
        fields.append(record[at:end])
        if end >= len(record):
            return fields
        at = end + 1


def _text(field: bytes) -> str | None:
    """Return the text of a field: empty for no value, None where it is not UTF-8."""
    if field == _NULL:
        return ""
    plain = _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), field) if b"\\" in field else field
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return None
