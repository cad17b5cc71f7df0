"""Summarise gene names: Ensembl release, kinds, forms, unresolved."""

from __future__ import annotations

import polars as pl

from homodb.query.genes import VERSION
from homodb.query.release import ReleaseFile
from homodb.schema.messages import counted
from homodb.schema.species import KEYS_PER_SPECIES, Species


def ensembl_release_hints(release: ReleaseFile, resolved: pl.DataFrame, species: Species) -> list[str]:
    """Infer the names' Ensembl release, compared with this one.

    Parameters
    ----------
    release
        Open release.
    resolved
        Result of :func:`homodb.query.genes.resolve.resolve` for the names.
    species
        Species of the names.

    Returns
    -------
    list of str
        Sentences on versions of stable IDs, stable IDs missing from the release, and old symbols; empty if the names
        give no hint.
    """
    ensembl = f"Ensembl {release.ensembl}" if release.ensembl else "an Ensembl release that it does not tell"
    sentences = [*_versions(release, resolved), *_absent(resolved, species), *_aliases(release, resolved, species)]
    return [f"the release rests on {ensembl}", *sentences] if sentences else []


def _versions(release: ReleaseFile, resolved: pl.DataFrame) -> list[str]:
    given = resolved.filter(pl.col("how") == "stable_id").select(
        "gene", "stable_id", own=pl.col("name").str.extract(VERSION, 1).str.split("_").list.last(),
        given=pl.col("name").str.extract(r"\.(\d+)$", 1).cast(pl.Int64, strict=False),
    ).filter(pl.col("own") == pl.col("stable_id"))  # fmt: skip
    if not given.height:
        return []
    current = release.ask("gene_versions", {"genes": given["gene"].unique().to_list()})
    both = given.join(current.select("gene", "version"), on="gene")
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


def _absent(resolved: pl.DataFrame, species: Species) -> list[str]:
    sentences = []
    own = resolved.filter(pl.col("hint").str.contains(f"stable ID of {species.name}", literal=True))
    newer = own.filter(pl.col("hint").str.contains("newer than all", literal=True)).height
    if newer:
        which = counted(newer, "stable ID is", "stable IDs are")
        sentences.append(f"{which} newer than all in the release: the names are from a newer Ensembl")
    if own.height > newer:
        sentences.append(
            f"{counted(own.height - newer, 'stable ID is', 'stable IDs are')} not in the release: retired, or of genes "
            "that it does not cover"
        )
    return sentences


def _aliases(release: ReleaseFile, resolved: pl.DataFrame, species: Species) -> list[str]:
    texts = resolved.filter(pl.col("how") == "alias")["understood_as"].unique().to_list()
    if not texts:
        return []
    first = species.number * KEYS_PER_SPECIES
    keys = {"texts": texts, "first": first, "last": first + KEYS_PER_SPECIES - 1}
    kinds = dict(release.ask("alias_kinds", keys).group_by("kind").agg(pl.len()).iter_rows())
    sentences = []
    if kinds.get("retired"):
        sentences.append(
            f"{counted(kinds['retired'], 'stable ID')} retired, with a successor: the names are from an older Ensembl"
        )
    if kinds.get("synonym"):
        which = counted(kinds["synonym"], "name is a synonym or old symbol", "names are synonyms or old symbols")
        sentences.append(f"{which} of genes")
    return sentences


_EXAMPLES = 4

_VERSION, _UNIQUE = "with a version", "with a suffix that makes them unique"
_SUFFIX = r"[-.]\d+$"

#: Affixes of names that were resolved as another text, in the order in which they are tried.
_FORMS = (
    (_VERSION, r"\.\d+$"),
    ("with a genome's name", r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d|^[A-Za-z0-9.]+_"),
    ("of the Y's pseudo-autosomal region", r"PAR[-_]Y"),
    (_UNIQUE, _SUFFIX),
    ("changed by R or Seurat", r"[.-]|^X\d"),
)


def kinds(resolved: pl.DataFrame) -> pl.DataFrame:
    """Count names by how they were resolved.

    Parameters
    ----------
    resolved
        Result of :func:`homodb.query.genes.resolve.resolve`.

    Returns
    -------
    polars.DataFrame
        ``how, names, share, examples``, most frequent first.
    """
    share = (pl.col("names") / max(resolved.height, 1)).alias("share")
    return _counted(resolved, pl.col("how")).select("how", "names", share, "examples")


def forms(resolved: pl.DataFrame) -> pl.DataFrame:
    """Count names by affixes that had to be removed.

    Columns are ``form, names, examples``, most frequent first.
    """
    another = pl.col("understood_as") != pl.col("name")
    changed = resolved.filter(pl.col("gene").is_not_null() & another & (pl.col("how") != "date"))
    name, by_id = pl.col("name"), pl.col("how") == "stable_id"
    alone = name.str.replace(_SUFFIX, "") == pl.col("understood_as")  # Nkx2.2 is Nkx2-2, not a second Nkx2
    meets = {_VERSION: by_id, _UNIQUE: alone}
    says = [
        pl.when(name.str.contains(form) & meets.get(said, pl.lit(value=True))).then(pl.lit(said))
        for said, form in _FORMS
    ]
    return _counted(changed, pl.coalesce(*says, pl.lit("changed otherwise")).alias("form"))


def unresolved(resolved: pl.DataFrame) -> pl.DataFrame:
    """Count names that mean no gene by their form.

    Columns are ``how, hint, names, examples``, most frequent first.
    """
    return _counted(resolved.filter(pl.col("gene").is_null()), pl.col("how"), pl.col("hint"))


def _counted(resolved: pl.DataFrame, *by: pl.Expr) -> pl.DataFrame:
    grouped = resolved.group_by(*by, maintain_order=True)
    counted = grouped.agg(pl.len().alias("names"), pl.col("name").head(_EXAMPLES).alias("examples"))
    return counted.sort("names", descending=True, maintain_order=True)
