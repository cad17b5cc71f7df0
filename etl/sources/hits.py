"""Read correlations of gene pairs that were computed elsewhere.

The first two columns name the genes of source and target (stable ID or symbol); column ``correlation`` has the Pearson
correlation, as in the tables that the pLLM-cross-species-integration project publishes.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

from homodb.etl.sources.delimited import batches, number
from homodb.etl.sources.records import HITS, Reading, ordered_pair, to_arrow
from homodb.etl.sources.text import Findings, Header, missing_columns, read_header
from homodb.schema.errors import InputError, Problem, UnknownSpeciesError
from homodb.schema.species import Species, find

#: Excess over 1 that the rounding error of 32-bit floats explains.
TOLERANCE = 1e-3

#: Column name with a species, such as "human gene name".
_GENES_OF = re.compile(r"(?P<species>.+?) gene( name| symbol| stable id)?", re.IGNORECASE)


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

    Raises
    ------
    InputError
        Lists all problems: no column ``correlation``, a column named after another species, rows without a
        gene, correlations that are not numbers within [-1, 1], duplicate pairs.
    """
    header = read_header(path)
    places = [place for place, name in enumerate(header.names) if name.lower() == "correlation"]
    if len(places) != 1 or places[0] < 2:
        raise missing_columns(path, header, ["'correlation' after two columns of genes"])
    _check_species(path, header, source, target)
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


def _check_species(path: Path, header: Header, source: Species, target: Species) -> None:
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
            problems.append(Problem(1, f"column of {named.name}. Expected genes of {species.name}{hint}", name))
    if problems:
        raise InputError(path, problems)
