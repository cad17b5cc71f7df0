"""What gene names say of the Ensembl release that they come from; no more than they do say."""

from __future__ import annotations

import polars as pl

from homodb.query.readings import VERSION
from homodb.query.release import Release
from homodb.schema.counted import counted
from homodb.schema.species import KEYS_PER_SPECIES, Species


def era(release: Release, found: pl.DataFrame, species: Species) -> list[str]:
    """Compare names with the release that they were resolved by.

    Parameters
    ----------
    release
        The release.
    found
        Answer of :func:`homodb.query.genes.resolve` for the names.
    species
        Their species.

    Returns
    -------
    list of str
        Sentences on versions of stable IDs, stable IDs that the release does not have, and old symbols; none where the
        names say nothing.
    """
    ensembl = f"Ensembl {release.ensembl}" if release.ensembl else "an Ensembl release that it does not tell"
    said = [*_versions(release, found), *_absent(found, species), *_aliases(release, found, species)]
    return [f"the release rests on {ensembl}", *said] if said else []


def _versions(release: Release, found: pl.DataFrame) -> list[str]:
    given = found.filter(pl.col("how") == "stable_id").select(
        "gene", "stable_id", own=pl.col("name").str.extract(VERSION, 1).str.split("_").list.last(),
        given=pl.col("name").str.extract(r"\.(\d+)$", 1).cast(pl.Int64, strict=False),
    ).filter(pl.col("own") == pl.col("stable_id"))  # fmt: skip
    if not given.height:
        return []
    known = release.ask("gene_versions", {"genes": given["gene"].unique().to_list()})
    both = given.join(known.select("gene", "version"), on="gene")
    if not both.height:
        having = counted(given.height, "stable ID has", "stable IDs have")
        return [f"{having} a version; the release has none to compare with"]
    same = both.filter(pl.col("given") == pl.col("version")).height
    lower = both.filter(pl.col("given") < pl.col("version")).height
    higher = both.height - same - lower
    verdict = (
        "from that Ensembl release or one with the same gene models"
        if same == both.height
        else "from an older one"
        if lower > 10 * higher
        else "from a newer one"
        if higher > 10 * lower
        else "older and newer at once: from another annotation or a mixture"
    )
    return [
        f"of {counted(both.height, 'stable ID')} with a version, {same:,} have the release's version, {lower:,} a "
        f"lower and {higher:,} a higher one: {verdict}"
    ]


def _absent(found: pl.DataFrame, species: Species) -> list[str]:
    said = []
    own = found.filter(pl.col("hint").str.contains(f"stable ID of {species.name}", literal=True))
    newer = own.filter(pl.col("hint").str.contains("newer than all", literal=True)).height
    if newer:
        which = counted(newer, "stable ID is", "stable IDs are")
        said.append(f"{which} newer than all in the release: the names are from a newer Ensembl")
    if own.height > newer:
        said.append(
            f"{counted(own.height - newer, 'stable ID is', 'stable IDs are')} not in the release: retired, or of genes "
            "that it does not cover"
        )
    return said


def _aliases(release: Release, found: pl.DataFrame, species: Species) -> list[str]:
    texts = found.filter(pl.col("how") == "alias")["understood_as"].unique().to_list()
    if not texts:
        return []
    first = species.number * KEYS_PER_SPECIES
    keys = {"texts": texts, "first": first, "last": first + KEYS_PER_SPECIES - 1}
    kinds = dict(release.ask("alias_kinds", keys).group_by("kind").agg(pl.len()).iter_rows())
    said = []
    if kinds.get("retired"):
        said.append(
            f"{counted(kinds['retired'], 'stable ID')} retired, with a successor: the names are from an older Ensembl"
        )
    if kinds.get("synonym"):
        which = counted(kinds["synonym"], "name is a synonym or old symbol", "names are synonyms or old symbols")
        said.append(f"{which} of genes")
    return said
