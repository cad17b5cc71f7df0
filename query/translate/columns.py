"""Which column of var holds gene names, where var's index does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homodb.query.release import Release
from homodb.query.translate.detect import species_votes

if TYPE_CHECKING:
    import pandas as pd

#: So many values of a column are looked up, evenly spaced; a column of names is one of which this share is known.
_LOOKED_AT = 2000
_SHARE = 0.5


def named_column(release: Release, var: pd.DataFrame) -> tuple[str, float] | None:
    """Return the column of var with the largest share of gene names of some species of the release, and that share.

    Parameters
    ----------
    release
        An open release.
    var
        The table of genes of an AnnData.

    Returns
    -------
    tuple of str and float, or None
        None where of no column at least half of the values are known.
    """
    best: tuple[str, float] | None = None
    for name in var.columns:
        share = known_share(release, _texts(var[name]))
        if share >= _SHARE and (best is None or share > best[1]):
            best = (str(name), share)
    return best


def known_share(release: Release, names: list[str]) -> float:
    """Return the share of names (of at most 2000, evenly spaced) that one species of the release knows at best."""
    distinct = list(dict.fromkeys(names[:: max(1, len(names) // _LOOKED_AT)]))
    if not distinct:
        return 0.0
    known = species_votes(release, distinct)["known"].to_list()
    return float(max(known, default=0)) / len(distinct)


def _texts(column: pd.Series) -> list[str]:
    """Return the values of a column of text; none of another."""
    return [value for value in column.tolist() if isinstance(value, str)]
