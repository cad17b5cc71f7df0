"""Read tables of gene pairs: those that orthology databases name, and measured correlations.

HCOP collects the orthologs of a dozen databases for human and one other species, with NCBI Gene numbers, Ensembl
stable IDs and symbols, and gives no homology type. See https://www.genenames.org/tools/hcop/ and its bulk files
``human_<species>_hcop_fifteen_column.txt.gz``, whose columns are named after the species.

The first two columns name the genes of source and target (stable ID or symbol); column ``correlation`` has the Pearson
correlation, as in the tables that the pLLM-cross-species-integration project publishes.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

from homodb.etl.sources.records import HITS, ORTHOLOGY, Reading, ordered_pair, to_arrow, without_version
from homodb.etl.sources.text import Findings, Header, batches, input_errors, missing_columns, number, read_header
from homodb.schema.errors import InputError, Problem, UnknownSpeciesError, shown
from homodb.schema.species import Species, find

_SIDE = {"stable_id": "ensembl_gene", "symbol": "symbol", "entrez": "entrez_gene"}
_NONE = "-"


@input_errors
def read_databases(path: Path, source: Species, target: Species) -> Reading:
    """Read the pairs of genes that orthology databases name.

    Parameters
    ----------
    path
        Table, tab or comma, plain or gzip. For both species columns ``<species>_ensembl_gene``, and optionally
        ``<species>_symbol`` and ``<species>_entrez_gene``; column ``support`` with the databases, separated by
        commas or bars. A dash means a missing value.
    source, target
        The two species.

    Returns
    -------
    Reading
        ``orthology``: one row per pair, in the order of the file, its databases sorted and separated by bars. Pairs
        without the stable IDs of both genes, or without a database, are skipped and counted.
    """
    header = read_header(path)
    places = _places(path, header, source, target)
    findings = Findings(path, header)
    frames: list[pl.DataFrame] = []
    rows = 0
    for batch in batches(path, header, places, findings):
        rows += batch.height
        frame = batch.with_columns(pl.when(pl.col(name) != _NONE).then(name).alias(name) for name in places)
        frame = frame.with_columns(
            pl.lit(None, pl.String).alias(f"{column}_{side}")
            for side in "ab"
            for column in _SIDE
            if f"{column}_{side}" not in places
        )
        for side in "ab":
            frame = number(frame, f"entrez_{side}", findings, low=1, high=2**53, what="NCBI Gene number", whole=True)
        frames.append(frame)
    findings.raise_any()
    if not frames:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    databases = pl.col("databases").str.replace_all("|", ",", literal=True).str.split(",")
    named = pl.concat(frames).with_columns(
        without_version("stable_id_a"),
        without_version("stable_id_b"),
        databases=databases.list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
        .list.unique()
        .list.sort()
        .list.join("|"),
    )
    identified = named.drop_nulls(["stable_id_a", "stable_id_b"])
    usable = identified.filter(pl.col("databases") != "")
    pairs = ordered_pair(
        usable.with_columns(species_a=pl.lit(source.number, pl.Int16), species_b=pl.lit(target.number, pl.Int16))
    )
    skipped = {
        "pairs without stable IDs of both genes": rows - identified.height,
        "pairs without a database": identified.height - usable.height,
    }
    return Reading(
        rows=rows,
        kept=usable.height,
        skipped={reason: count for reason, count in skipped.items() if count},
        orthology=to_arrow(pairs, ORTHOLOGY),
    )


def _places(path: Path, header: Header, source: Species, target: Species) -> dict[str, int]:
    """Find the columns by the species in their names, which may be any of a species' names."""
    places: dict[str, int] = {}
    labels: set[str] = set()
    for place, name in enumerate(header.names):
        if name.lower() == "support":
            places["databases"] = place
        for column, ending in _SIDE.items():
            label = name.lower().removesuffix(f"_{ending}")
            if label != name.lower():
                side = _side_of(label, source, target)
                labels.add(label)
                if side:
                    places.setdefault(f"{column}_{side}", place)
    missing = [
        f"'{species.common_name.replace(' ', '_')}_ensembl_gene'"
        for side, species in (("a", source), ("b", target))
        if f"stable_id_{side}" not in places
    ]
    missing += [] if "databases" in places else ["'support'"]
    if missing:
        raise missing_columns(path, header, missing)
    return places


def _side_of(label: str, source: Species, target: Species) -> str:
    try:
        species = find(label)
    except UnknownSpeciesError:
        return ""
    return "a" if species == source else "b" if species == target else ""


#: Excess over 1 that the rounding error of 32-bit floats explains.
TOLERANCE = 1e-3

#: Column name with a species, such as "human gene name".
_GENES_OF = re.compile(r"(?P<species>.+?) gene( name| symbol| stable id)?", re.IGNORECASE)


@input_errors
def read_hits(path: Path, source: Species, target: Species, *, unknown: float | None = None) -> Reading:
    """Read correlations between the genes of two species.

    Parameters
    ----------
    path
        Table, tab or comma, plain or gzip.
    source, target
        Species of the first and of the second column.
    unknown
        Placeholder for an unknown correlation: rows with this value (as a 32-bit float) are skipped.

    Returns
    -------
    Reading
        ``hits``: one row per pair, in the order of the file. Values above 1 by rounding error are kept, since
        clipping would tie pairs that the source distinguishes.
    """
    header = read_header(path)
    places = [place for place, name in enumerate(header.names) if name.lower() == "correlation"]
    if len(places) != 1 or places[0] < 2:
        raise missing_columns(path, header, ["'correlation' after two columns of genes"])
    _check_columns(path, header, source, target)
    findings = Findings(path, header)
    frames: list[pl.DataFrame] = []
    columns = {"name_a": 0, "name_b": 1, "correlation": places[0]}
    for batch in batches(path, header, columns, findings):
        nameless = pl.any_horizontal(pl.col("name_a", "name_b").is_null())
        findings.check(batch, nameless, "row without a gene", "name_a", "name_b")
        findings.check(batch, pl.col("correlation").is_null(), "row without a correlation", "name_a", "name_b")
        frames.append(
            number(batch, "correlation", findings, low=-1 - TOLERANCE, high=1 + TOLERANCE, what="correlation")
        )
    if frames:
        everything = pl.concat(frames)
        named = everything.drop_nulls(["name_a", "name_b"])
        repeats = pl.struct("name_a", "name_b").is_first_distinct().not_()
        findings.check(named, repeats, "duplicate pair", "name_a", "name_b")
    findings.raise_any()
    if not frames:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    measured = everything
    if unknown is not None:
        placeholder = float(np.float32(unknown))
        measured = everything.filter(pl.col("correlation").cast(pl.Float32).cast(pl.Float64) != placeholder)
    oriented = ordered_pair(
        measured.select(
            species_a=pl.lit(source.number, pl.Int16),
            species_b=pl.lit(target.number, pl.Int16),
            name_a="name_a",
            name_b="name_b",
            correlation="correlation",
        )
    )
    skipped = everything.height - measured.height
    return Reading(
        rows=everything.height,
        kept=measured.height,
        skipped={"placeholders for unknown correlations": skipped} if skipped else {},
        hits=to_arrow(oriented, HITS),
    )


def _check_columns(path: Path, header: Header, source: Species, target: Species) -> None:
    """Reject columns named after another species."""
    problems: list[Problem] = []
    for name, species in zip(header.names[:2], (source, target), strict=True):
        match = _GENES_OF.fullmatch(name)
        try:
            named = find(match["species"]) if match else species
        except UnknownSpeciesError:
            continue
        if named.taxon_id != species.taxon_id:  # strains may go by their species
            hint = ". Swap source and target in the config" if named in (source, target) else ""
            problems.append(Problem(1, f"column of {named.name}. Expected genes of {species.name}{hint}", shown(name)))
    if problems:
        raise InputError(path, problems)
