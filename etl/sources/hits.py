"""Ready evidence from embeddings: correlations of gene pairs that somebody else has computed.

The first two columns name the source's and the target's gene (stable ID or symbol), a column ``correlation``
gives the Pearson correlation. So are the tables published by the pLLM-cross-species-integration project.
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

#: Published correlations exceed 1 by the error of 32-bit floats; more than this is not a correlation.
TOLERANCE = 1e-3

#: A column name that says whose genes are in it: human gene name.
_GENES_OF = re.compile(r"(?P<species>.+?) gene( name| symbol| stable id)?", re.IGNORECASE)


def read_hits(path: Path, source: Species, target: Species, *, unknown: float | None = None) -> Reading:
    """Read correlations between the genes of two species.

    Parameters
    ----------
    path
        The table, tab or comma, plain or gzip.
    source, target
        Species of the first and of the second column.
    unknown
        The value that stands in for an unknown correlation: rows with it (as a 32-bit float) are skipped.

    Returns
    -------
    Reading
        ``hits``: one row per pair, in the order of the file. Values above 1 by float error stay as they are:
        clipping would tie pairs that the source tells apart.

    Raises
    ------
    InputError
        Lists all problems: no column ``correlation``, a column that is named after another species, a row
        without a gene, a correlation that is not a number within [-1, 1], a pair that stands twice.
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
        findings.check(batch, nameless, "a row without a gene", "name_a", "name_b")
        findings.check(batch, pl.col("correlation").is_null(), "a row without a correlation", "name_a", "name_b")
        frames.append(
            number(batch, "correlation", findings, low=-1 - TOLERANCE, high=1 + TOLERANCE, what="correlation")
        )
    if frames:
        everything = pl.concat(frames)
        named = everything.drop_nulls(["name_a", "name_b"])
        repeats = pl.struct("name_a", "name_b").is_first_distinct().not_()
        findings.check(named, repeats, "a pair that stands twice", "name_a", "name_b")
    findings.raise_any()
    if not frames:
        raise InputError(path, [Problem(0, "the file has a header and no rows")])
    known = everything
    if unknown is not None:
        stand_in = float(np.float32(unknown))
        known = everything.filter(pl.col("correlation").cast(pl.Float32).cast(pl.Float64) != stand_in)
    oriented = ordered_pair(
        known.select(
            species_a=pl.lit(source.number, pl.Int16),
            species_b=pl.lit(target.number, pl.Int16),
            name_a="name_a",
            name_b="name_b",
            correlation="correlation",
        )
    )
    lost = everything.height - known.height
    return Reading(
        rows=everything.height,
        kept=known.height,
        skipped={"correlations that stand for unknown": lost} if lost else {},
        hits=to_arrow(oriented, HITS),
    )


def _check_species(path: Path, header: Header, source: Species, target: Species) -> None:
    """Refuse columns that say themselves that they hold genes of another species; strains may go by their species."""
    problems: list[Problem] = []
    for name, species in zip(header.names[:2], (source, target), strict=True):
        told = _GENES_OF.fullmatch(name)
        try:
            said = find(told["species"]) if told else species
        except UnknownSpeciesError:
            continue
        if said.taxon_id != species.taxon_id:
            hint = "; swap source and target in the config" if said in (source, target) else ""
            problems.append(Problem(1, f"a column of {said.name}, wanted genes of {species.name}{hint}", name))
    if problems:
        raise InputError(path, problems)
