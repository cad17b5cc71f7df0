"""What gene names say of the Ensembl release that they come from; no more than they do say."""

from __future__ import annotations

import polars as pl

from homodb.query.genes import VERSION
from homodb.query.release import ReleaseFile
from homodb.schema.messages import counted
from homodb.schema.species import KEYS_PER_SPECIES, Species


def ensembl_release_hints(release: ReleaseFile, found: pl.DataFrame, species: Species) -> list[str]:
    """Compare names with the release that they were resolved by.

    Parameters
    ----------
    release
        The release.
    found
        Answer of :func:`homodb.query.genes.resolve.resolve` for the names.
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


def _versions(release: ReleaseFile, found: pl.DataFrame) -> list[str]:
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


def _aliases(release: ReleaseFile, found: pl.DataFrame, species: Species) -> list[str]:
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


_EXAMPLES = 4

_VERSION, _UNIQUE = "with a version", "with a suffix that makes them unique"
_SUFFIX = r"[-.]\d+$"

#: What is added to names, in the order in which it is looked for; of names that were understood as something else.
_FORMS = (
    (_VERSION, r"\.\d+$"),
    ("with a genome's name", r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d|^[A-Za-z0-9.]+_"),
    ("of the Y's pseudo-autosomal region", r"PAR[-_]Y"),
    (_UNIQUE, _SUFFIX),
    ("changed by R or Seurat", r"[.-]|^X\d"),
)


def kinds(found: pl.DataFrame) -> pl.DataFrame:
    """Count names by how they were understood.

    Parameters
    ----------
    found
        Answer of :func:`homodb.query.genes.resolve.resolve`.

    Returns
    -------
    polars.DataFrame
        ``how, names, share, examples``, the most first.
    """
    share = (pl.col("names") / max(found.height, 1)).alias("share")
    return _counted(found, pl.col("how")).select("how", "names", share, "examples")


def forms(found: pl.DataFrame) -> pl.DataFrame:
    """Count names of which something had to come off, by what that was: ``form, names, examples``, the most first."""
    another = pl.col("understood_as") != pl.col("name")
    changed = found.filter(pl.col("gene").is_not_null() & another & (pl.col("how") != "date"))
    name, by_id = pl.col("name"), pl.col("how") == "stable_id"
    alone = name.str.replace(_SUFFIX, "") == pl.col("understood_as")  # Nkx2.2 is Nkx2-2, not a second Nkx2
    meets = {_VERSION: by_id, _UNIQUE: alone}
    says = [
        pl.when(name.str.contains(form) & meets.get(said, pl.lit(value=True))).then(pl.lit(said))
        for said, form in _FORMS
    ]
    return _counted(changed, pl.coalesce(*says, pl.lit("changed otherwise")).alias("form"))


def unresolved(found: pl.DataFrame) -> pl.DataFrame:
    """Count names that mean no gene, by what they look like: ``how, hint, names, examples``, the most first."""
    return _counted(found.filter(pl.col("gene").is_null()), pl.col("how"), pl.col("hint"))


def _counted(found: pl.DataFrame, *by: pl.Expr) -> pl.DataFrame:
    grouped = found.group_by(*by, maintain_order=True)
    counted = grouped.agg(pl.len().alias("names"), pl.col("name").head(_EXAMPLES).alias("examples"))
    return counted.sort("names", descending=True, maintain_order=True)
