"""Stable IDs and their versions: where a dot in an identifier means a version, and where it does not."""

from __future__ import annotations

import re

import polars as pl

#: An identifier of a form that carries versions, and its version: Ensembl's, its mouse strains', WormBase's
#: genes', RefSeq's. GENCODE adds a mapping version (``.1_2``) and marks Y's pseudo-autosomal genes.
VERSIONED = (
    r"^(ENS[A-Z]*\d{10,}|MGP_[A-Za-z0-9]+_[A-Z]\d{7,}|WBGene\d{8}|[ANWXY][CGMPRTWZ]_\d+)"
    r"\.(\d{1,9})(?:_\d+)?(_PAR_Y)?$"
)

_VERSIONED = re.compile(VERSIONED)


def split_version(name: str) -> tuple[str, int | None]:
    """Take the version off a stable ID, where its form is one that carries versions.

    Parameters
    ----------
    name
        The stable ID. A dot means a version in Ensembl's own forms only: ``F54D5.1`` and ``AT1G01010.1`` are
        whole names.

    Returns
    -------
    The ID, and its version if it has one. ``_PAR_Y`` stays, since it tells two genes apart.

    Examples
    --------
    >>> split_version("ENSG00000254647.7"), split_version("F54D5.1")
    (('ENSG00000254647', 7), ('F54D5.1', None))
    >>> split_version("ENSG00000002586.20_PAR_Y")
    ('ENSG00000002586_PAR_Y', 20)
    """
    found = _VERSIONED.match(name)
    if found is None:
        return name, None
    return found[1] + (found[3] or ""), int(found[2])


def without_version(column: str) -> pl.Expr:
    """Return a text column of stable IDs less their versions, as :func:`split_version` takes them off."""
    return pl.col(column).str.replace(VERSIONED, "${1}${3}")
