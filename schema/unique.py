"""Names made unique by numbers."""

from __future__ import annotations

from collections.abc import Iterable


def numbered(names: Iterable[str], mark: str = "-") -> list[str]:
    """Return the names, each repeated one with the first number that makes it unique.

    Parameters
    ----------
    names
        In their order; the first of several that are equal stays as it is.
    mark
        Between name and number.

    Examples
    --------
    >>> numbered(["gene", "gene", "gene-1", "gene"])
    ['gene', 'gene-1', 'gene-1-1', 'gene-2']
    """
    taken: set[str] = set()
    unique = []
    for name in names:
        free, number = name, 0
        while free in taken:
            number += 1
            free = f"{name}{mark}{number}"
        taken.add(free)
        unique.append(free)
    return unique
