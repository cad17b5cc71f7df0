"""Read pairs of genes that orthology databases name: HCOP's tables, and others of their form.

HCOP collects the orthologs of a dozen databases for human and one other species, with NCBI Gene numbers, Ensembl
stable IDs and symbols, and gives no homology type. See https://www.genenames.org/tools/hcop/ and its bulk files
``human_<species>_hcop_fifteen_column.txt.gz``, whose columns are named after the species.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from homodb.etl.sources.delimited import batches, number
from homodb.etl.sources.records import ORTHOLOGY, Reading, ordered_pair, to_arrow, without_version
from homodb.etl.sources.text import Findings, Header, missing_columns, read_header
from homodb.schema.errors import InputError, Problem, UnknownSpeciesError
from homodb.schema.species import Species, find

_SIDE = {"stable_id": "ensembl_gene", "symbol": "symbol", "entrez": "entrez_gene"}
_NONE = "-"


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

    Raises
    ------
    InputError
        Lists all problems: missing columns, NCBI Gene numbers that are not whole numbers, wrong numbers of fields,
        broken gzip, text that is not UTF-8.
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
