"""How names were understood, counted, with examples: what :func:`homodb.query.genes.resolve` says of a whole file."""

from __future__ import annotations

import polars as pl

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
        Answer of :func:`homodb.query.genes.resolve`.

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
