"""Read Ensembl BioMart ortholog exports.

An export has the genes of one species with their orthologs in one or more others. Exports differ in their attributes,
in the order and names of their columns, and in tab or comma: the web page writes ``Mouse gene name`` where biomaRt
writes ``mmusculus_homolog_associated_gene_name``. See https://www.ensembl.org/biomart and
https://www.ensembl.org/info/genome/compara/homology_method.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from homodb.etl.sources.records import GENES, HOMOLOGIES, ORTHOLOGS, Reading, ordered_pair, to_arrow
from homodb.etl.sources.text import (
    DATE,
    Findings,
    Header,
    batches,
    input_errors,
    missing_columns,
    number,
    read_header,
    whole_flag,
)
from homodb.schema.errors import InputError, Problem, UnknownSpeciesError, shown
from homodb.schema.species import Species, find

_NUMBERS = {
    "source_identity": ("identity", 100.0),
    "target_identity": ("identity", 100.0),
    "goc": ("gene-order conservation score", 100.0),
    "wga": ("whole-genome alignment coverage", 100.0),
    "dn": ("dN", float("inf")),
    "ds": ("dS", float("inf")),
}
#: Bounds of columns with whole numbers.
_LOCATION = {"region_start": (0, 2**53), "region_end": (0, 2**53), "strand": (-1, 1), "version": (0, 2**31 - 1)}


@input_errors
def read_biomart(path: Path, source: Species, target: Species) -> Reading:
    """Read the orthologs between two species and all genes of the export.

    Parameters
    ----------
    path
        Export, tab or comma, plain or gzip.
    source
        Species of the query genes (the first columns of the export).
    target
        Species of the orthologs; orthologs of other species are not read.

    Returns
    -------
    Reading
        ``genes`` (both species, repeats possible) and ``homologies``. Rows without an ortholog give a
        gene only. A homology of a gene with neither stable ID nor symbol is kept with both null, for the caller
        to count.

    Notes
    -----
    The column ``%id. target X gene identical to query gene`` is the share of the *query* protein that is
    identical (INS-Ins1: 86 of 110 residues are 78.18 %), so it is the identity of the source; the other column is
    the identity of the target.
    """
    header = read_header(path)
    columns = _find_columns(path, header, source, target)
    findings = Findings(path, header)
    homologies: list[pl.DataFrame] = []
    genes: list[pl.DataFrame] = []
    rows = 0
    for batch in batches(path, header, columns.source | columns.target, findings):
        rows += batch.height
        frame = _checked(_complete(batch), findings)
        genes.append(frame.select(_gene_columns(columns.source)).unique(maintain_order=True))
        homologies.append(frame.filter(pl.col("homology_type").is_not_null()))
    findings.raise_any()
    if not homologies:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    pairs = pl.concat(homologies)
    queries = pl.concat(genes).unique(maintain_order=True)
    return Reading(
        rows=rows,
        kept=pairs.height,
        genes=to_arrow(pl.concat([_query_genes(queries, source), _target_genes(pairs, target)]), GENES),
        homologies=to_arrow(_homologies(pairs, source, target), HOMOLOGIES),
    )


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Add missing columns as nulls, and split versions from stable IDs."""
    absent = [
        name
        for name in ("stable_id", "symbol", "target_id", "target_symbol", *_NUMBERS, "confidence")
        if name not in frame.columns
    ]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    if "versioned_id" in frame.columns:
        bare = pl.col("versioned_id").str.replace(r"\.\d+$", "")
        version = pl.col("versioned_id").str.extract(r"\.(\d+)$")
        frame = frame.with_columns(
            pl.coalesce("stable_id", bare).alias("stable_id"),
            (pl.coalesce("version", version) if "version" in frame.columns else version).alias("version"),
        )
    return frame


def _checked(frame: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    kind = pl.col("homology_type")
    for stable_id, symbol in (("stable_id", "symbol"), ("target_id", "target_symbol")):
        is_date = frame[symbol].str.contains(DATE)  # of which some may have been two genes
        what = "symbol that a spreadsheet turned into a date, without a stable ID (export the file again)"
        findings.check(frame, pl.col(stable_id).is_null() & is_date, what, symbol)
    findings.check(frame, kind.is_not_null() & ~kind.is_in(ORTHOLOGS), "unknown homology type", "homology_type")
    has_target = pl.col("target_id").is_not_null() | pl.col("target_symbol").is_not_null()
    findings.check(frame, has_target & kind.is_null(), "ortholog without a homology type", "target_id", "target_symbol")
    for column, (what, high) in _NUMBERS.items():
        frame = number(frame, column, findings, low=0, high=high, what=what, whole=column == "goc")
    frame = whole_flag(frame, "confidence", findings, "orthology confidence")
    for column, (low, high) in _LOCATION.items():
        if column in frame.columns:
            what = column.replace("_", " ")
            frame = number(frame, column, findings, low=low, high=high, what=what, whole=True)
    return frame


def _gene_columns(source: dict[str, int]) -> list[str]:
    optional = ["biotype", "region", "description", *_LOCATION]
    version = {"version"} if "versioned_id" in source else set()
    return ["stable_id", "symbol", *[name for name in optional if name in source.keys() | version]]


def _query_genes(genes: pl.DataFrame, source: Species) -> pl.DataFrame:
    named = genes.filter(pl.col("stable_id").is_not_null() | pl.col("symbol").is_not_null())
    return _as_genes(named, source)


def _target_genes(pairs: pl.DataFrame, target: Species) -> pl.DataFrame:
    named = pairs.select(stable_id="target_id", symbol="target_symbol").unique(maintain_order=True)
    return _as_genes(named.filter(pl.col("stable_id").is_not_null() | pl.col("symbol").is_not_null()), target)


def _as_genes(frame: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Convert genes to the columns of ``GENES``."""
    arrow = to_arrow(frame.with_columns(species=pl.lit(species.number, pl.Int16)), GENES)
    result = pl.from_arrow(arrow)
    assert isinstance(result, pl.DataFrame)  # noqa: S101 (a table stays a frame; for the type checker)
    return result


def _homologies(pairs: pl.DataFrame, source: Species, target: Species) -> pl.DataFrame:
    return ordered_pair(
        pairs.select(
            species_a=pl.lit(source.number, pl.Int16),
            species_b=pl.lit(target.number, pl.Int16),
            stable_id_a="stable_id",
            symbol_a="symbol",
            stable_id_b="target_id",
            symbol_b="target_symbol",
            homology_type="homology_type",
            identity_a="source_identity",
            identity_b="target_identity",
            goc="goc",
            wga="wga",
            confidence="confidence",
            dn="dn",
            ds="ds",
        )
    )


_SOURCE = {
    "stable_id": r"gene stable id|ensembl gene id|ensembl_gene_id",
    "versioned_id": r"gene stable id version|ensembl_gene_id_version",
    "version": r"version \(gene\)|version",
    "symbol": r"gene name|associated gene name|external_gene_name",
    "biotype": r"gene type|gene_biotype",
    "region": r"chromosome/scaffold name|chromosome_name",
    "region_start": r"gene start \(bp\)|start_position",
    "region_end": r"gene end \(bp\)|end_position",
    "strand": r"strand",
    "description": r"gene description|description",
}
_TARGET = {
    "target_id": r"(?P<label>.+?) gene stable id|(?P<short>\w+)_homolog_ensembl_gene",
    "target_symbol": r"(?P<label>.+?) gene name|(?P<short>\w+)_homolog_associated_gene_name",
    "homology_type": r"(?P<label>.+?) homology type|(?P<short>\w+)_homolog_orthology_type",
    "source_identity": r"%id\. target (?P<label>.+?) gene identical to query gene|(?P<short>\w+)_homolog_perc_id",
    "target_identity": r"%id\. query gene identical to target (?P<label>.+?) gene|(?P<short>\w+)_homolog_perc_id_r1",
    "goc": r"(?P<label>.+?) gene-order conservation score|(?P<short>\w+)_homolog_goc_score",
    "wga": r"(?P<label>.+?) whole-genome alignment coverage|(?P<short>\w+)_homolog_wga_coverage",
    "confidence": r"(?P<label>.+?) orthology confidence \[0 low, 1 high\]|(?P<short>\w+)_homolog_orthology_confidence",
    "dn": r"dn with (?P<label>.+)|(?P<short>\w+)_homolog_dn",
    "ds": r"ds with (?P<label>.+)|(?P<short>\w+)_homolog_ds",
}


@dataclass(frozen=True)
class _Columns:
    """Positions of the columns of an export."""

    source: dict[str, int]
    target: dict[str, int]


def _find_columns(path: Path, header: Header, source: Species, target: Species) -> _Columns:
    """Find each column by name, with the ortholog columns of the target."""
    own: dict[str, list[int]] = {}
    others: dict[str, dict[str, list[int]]] = {}
    for position, name in enumerate(header.names):
        # source columns first: in "Associated Gene Name", "Associated" is not a species
        for column, pattern in _SOURCE.items():
            if re.fullmatch(pattern, name, re.IGNORECASE):
                own.setdefault(column, []).append(position)
                break
        else:
            for column, pattern in _TARGET.items():
                match = re.fullmatch(pattern, name, re.IGNORECASE)
                if match:
                    label = match["label"] or match["short"]
                    others.setdefault(label.lower(), {}).setdefault(column, []).append(position)
                    break
    label = _label_of(path, others, source, target)
    theirs = others.get(label, {})
    repeated = [header.names[places[1]] for places in (*own.values(), *theirs.values()) if len(places) > 1]
    if repeated:
        raise InputError(path, [Problem(1, "duplicate column", shown(name)) for name in repeated])
    labelled = label[:1].upper() + label[1:]
    missing = [] if {"stable_id", "versioned_id", "symbol"} & own.keys() else ["'Gene stable ID' or 'Gene name'"]
    if not {"target_id", "target_symbol"} & theirs.keys():
        missing.append(f"'{labelled} gene stable ID' or '{labelled} gene name'")
    if "homology_type" not in theirs:
        missing.append(f"'{labelled} homology type'")
    if missing:
        raise missing_columns(path, header, missing)
    return _Columns(
        {column: places[0] for column, places in own.items()}, {column: places[0] for column, places in theirs.items()}
    )


def ortholog_labels(header: Header) -> list[str]:
    """Return the names of the species whose orthologs an export has, from its columns of homology types."""
    matches = (re.fullmatch(_TARGET["homology_type"], name, re.IGNORECASE) for name in header.names)
    return list(dict.fromkeys((match["label"] or match["short"]).lower() for match in matches if match))


def _label_of(path: Path, others: dict[str, dict[str, list[int]]], source: Species, target: Species) -> str:
    """Return the name of the target species in the column names."""
    means: dict[str, Species | None] = {}
    for label in others:
        try:
            means[label] = find(label)
        except UnknownSpeciesError:
            means[label] = None
    matching = [label for label, species in means.items() if species == target]
    if matching:
        return max(matching, key=lambda label: len(others[label]))
    typed = [label for label in others if "homology_type" in others[label]]  # "Source of gene name" is not a species
    if len(typed) == 1 and means[typed[0]] is None:
        return typed[0]
    if not others:
        return target.common_name
    labels = ", ".join(sorted(others))
    hint = ". Swap source and target in the config" if source in means.values() else ""
    raise InputError(path, [Problem(1, f"no orthologs of {target.name}{hint}", f"the columns are of: {labels}")])
