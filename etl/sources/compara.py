"""Read homologies from Ensembl Compara dumps.

A dump has all homologies of one genome with any other, of every type. Dumps are at
``pub/release-N/tsv/ensembl-compara/homologies/<species>/`` as ``Compara.N.protein_default.homologies.tsv[.gz]`` (and
``ncrna_default``), with one homology per row and millions of rows, of which a build needs a few. So rows are filtered
in each batch before any number is parsed. Columns are found by name; the first releases with dumps lack
``is_high_confidence`` and ``homology_id`` (not read). See ``docs/ftp/README.gene_trees.tsv_dumps.txt`` of
https://github.com/Ensembl/ensembl-compara.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import polars as pl
import pyarrow as pa

from homodb.etl.sources.records import (
    GENES,
    HOMOLOGIES,
    KEPT_TYPES,
    KNOWN_TYPES,
    OTHER_TYPES,
    Reading,
    ordered_pair,
    to_arrow,
)
from homodb.etl.sources.text import (
    Findings,
    Header,
    batches,
    input_errors,
    missing_columns,
    number,
    read_header,
    trimmed,
    whole_flag,
)
from homodb.schema.enums import HomologyType
from homodb.schema.errors import InputError, Problem, shown
from homodb.schema.species import Species

#: Reason for skipping rows of a used type.
OTHER_PAIRS = "other pairs of species"

_REQUIRED = {
    "stable_id_a": "gene_stable_id",
    "protein_a": "protein_stable_id",
    "name_a": "species",
    "identity_a": "identity",
    "homology_type": "homology_type",
    "stable_id_b": "homology_gene_stable_id",
    "protein_b": "homology_protein_stable_id",
    "name_b": "homology_species",
    "identity_b": "homology_identity",
}
_OPTIONAL = {"dn": "dn", "ds": "ds", "goc": "goc_score", "wga": "wga_coverage", "confidence": "is_high_confidence"}
_HIGHEST = {
    "identity_a": 100.0,
    "identity_b": 100.0,
    "goc": 100.0,
    "wga": 100.0,
    "dn": float("inf"),
    "ds": float("inf"),
}
_NAMES = _REQUIRED | _OPTIONAL
_PAIR_SCHEMA = {
    "name_a": pl.String,
    "name_b": pl.String,
    "split": pl.Boolean,
    "species_a": pl.Int16,
    "species_b": pl.Int16,
}
_FILTERED_BY = ("name_a", "name_b", "homology_type")


@input_errors
def read_compara(path: Path, pairs: Collection[tuple[Species, Species]]) -> Reading:
    """Read the orthologs between species and the gene splits within them.

    Ensembl writes each homology once, into the file of either species and with either gene first. So the file of one
    species may have no row of a pair, which is not an error here: read the files of both species and concatenate
    them.

    Parameters
    ----------
    path
        Dump, plain or gzip.
    pairs
        Pairs of species to read, in either order. A strain is a species of its own: it is never read for the
        species whose name its name begins with.

    Returns
    -------
    Reading
        ``homologies``, in the order of the file, and their distinct ``genes``, by species and stable ID. Rows of
        unused types are counted by type, whatever their species; rows of other pairs of species under
        :data:`OTHER_PAIRS`. The two fragments of a gene split are ordered by stable ID, so the same split
        written from the other side is an exact duplicate.

    Examples
    --------
    >>> from homodb.schema.species import find
    >>> pairs = [(find("human"), find("mouse"))]
    >>> reading = read_compara(Path("Compara.116.protein_default.homologies.tsv.gz"), pairs)  # doctest: +SKIP
    >>> reading.skipped  # doctest: +SKIP
    {'other_paralog': 1204398, 'other pairs of species': 3011202, 'within_species_paralog': 35760}
    """
    header = read_header(path)
    columns = _find_columns(path, header)
    findings = Findings(path, header)
    promising = _promising(pairs)
    rows = 0
    types: Counter[str] = Counter()
    kept: list[pa.Table] = []
    for batch in batches(path, header, columns, findings, trim=_FILTERED_BY):
        rows += batch.height
        types.update(_types(batch, findings))
        selected = batch.filter(promising)
        if not selected.is_empty():
            # a polars frame of a few rows would keep the text of its whole batch in memory
            kept.append(selected.to_arrow(compat_level=pl.CompatLevel.oldest()))
    homologies = HOMOLOGIES.empty_table()
    if kept:
        text = _select_pairs(pl.DataFrame(pa.concat_tables(kept)), pairs)
        homologies = to_arrow(_in_order(_checked(text, findings)), HOMOLOGIES)
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    skipped = {kind: types[kind] for kind in sorted(OTHER_TYPES & types.keys())}
    others = rows - homologies.num_rows - sum(skipped.values())
    if others:
        skipped[OTHER_PAIRS] = others
    return Reading(
        rows=rows, kept=homologies.num_rows, skipped=skipped, genes=_genes(homologies), homologies=homologies
    )


def _find_columns(path: Path, header: Header) -> dict[str, int]:
    """Return the position of each column, found by name."""
    if header.delimiter != "\t":
        raise InputError(path, [Problem(1, "columns are separated by commas. Expected tabs")])
    missing = [name for name in _REQUIRED.values() if name not in header.names]
    if missing:
        raise missing_columns(path, header, [", ".join(repr(name) for name in missing)])
    places = {column: name for column, name in _NAMES.items() if name in header.names}
    repeated = [name for name in places.values() if header.names.count(name) > 1]
    if repeated:
        raise InputError(path, [Problem(1, "duplicate column", shown(name)) for name in repeated])
    return {column: header.names.index(name) for column, name in places.items()}


def _promising(pairs: Collection[tuple[Species, Species]]) -> pl.Expr:
    """Return the filter for rows of used types between any of the species."""
    names = sorted({species.name for pair in pairs for species in pair})
    return pl.all_horizontal(
        pl.col("homology_type").is_in(KEPT_TYPES),
        pl.col("name_a").str.to_lowercase().is_in(names),
        pl.col("name_b").str.to_lowercase().is_in(names),
    )


def _types(batch: pl.DataFrame, findings: Findings) -> dict[str, int]:
    """Count the types of a batch, and record unknown and missing ones."""
    for column in _FILTERED_BY:
        if batch[column].null_count():
            findings.check(batch, pl.col(column).is_null(), f"missing value in column {_NAMES[column]!r}")
    counts: dict[str, int] = dict(batch["homology_type"].drop_nulls().value_counts().iter_rows())
    if not counts.keys() <= KNOWN_TYPES:
        unknown = pl.col("homology_type").is_in(sorted(KNOWN_TYPES)).not_()
        findings.check(batch, unknown, "unknown homology type", "homology_type")
    return counts


def _select_pairs(frame: pl.DataFrame, pairs: Collection[tuple[Species, Species]]) -> pl.DataFrame:
    """Keep the rows of the pairs, trimmed, with the numbers of the species."""
    rows = {(one.name, other.name, False, one.number, other.number) for one, other in pairs if one != other}
    rows |= {(other, one, split, theirs, own) for one, other, split, own, theirs in rows}
    rows |= {(one.name, one.name, True, one.number, one.number) for pair in pairs for one in pair}
    wanted = pl.DataFrame(sorted(rows), schema=_PAIR_SCHEMA, orient="row")
    return (
        frame.with_columns(
            pl.col("name_a", "name_b").str.to_lowercase(),
            *[trimmed(column) for column in frame.columns if column not in ("row", *_FILTERED_BY)],
            split=pl.col("homology_type") == str(HomologyType.GENE_SPLIT),
        )
        .join(wanted, on=["name_a", "name_b", "split"])
        .sort("row")
    )


def _checked(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Convert text to numbers, and record invalid values."""
    for column in ("stable_id_a", "stable_id_b"):
        findings.check(frame, pl.col(column).is_null(), f"missing value in column {_NAMES[column]!r}")
    for column, high in _HIGHEST.items():
        if column in frame.columns:
            whole = column == "goc"
            frame = number(frame, column, findings, low=0.0, high=high, what=_NAMES[column], whole=whole)
    if "confidence" in frame.columns:
        frame = whole_flag(frame, "confidence", findings, _NAMES["confidence"])
    return frame


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Order species by number, and fragments of one gene by stable ID."""
    turned = pl.col("split") & (pl.col("stable_id_a") > pl.col("stable_id_b"))
    return ordered_pair(frame).with_columns(
        pl.when(turned).then(pl.col(f"{side}_{this}")).otherwise(pl.col(f"{side}_{that}")).alias(f"{side}_{that}")
        for side in ("stable_id", "protein", "identity")
        for this, that in ("ab", "ba")
    )


def _genes(homologies: pa.Table) -> pa.Table:
    """Return the distinct genes of homologies, by species and stable ID."""
    sides = [
        pl.DataFrame(homologies.select([f"species_{side}", f"stable_id_{side}"])).rename(
            {f"species_{side}": "species", f"stable_id_{side}": "stable_id"}
        )
        for side in "ab"
    ]
    return to_arrow(pl.concat(sides).unique().sort("species", "stable_id"), GENES)
