"""What comes close to a name that nothing bears: what messages suggest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

#: Names less alike than this are not what somebody meant.
_CUTOFF = 0.6


def near(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = _CUTOFF) -> list[str]:
    """Return the known names that come close to one, the closest first.

    Parameters
    ----------
    name
        What was written.
    known
        The names that there are. Case does not matter, and ``-``, ``_``, ``.`` and blanks are the same.
    most
        So many at most.
    cutoff
        How alike they must be, from 0 to 1.

    Examples
    --------
    >>> near("Cell Typ", ["donor", "cell_type", "species"])
    ['cell_type']
    >>> near("x", ["donor", "cell_type"])
    []
    """
    folded: dict[str, list[str]] = {}
    for one in known:
        folded.setdefault(_folded(one), []).append(one)
    close = difflib.get_close_matches(_folded(name), folded, n=most, cutoff=cutoff)
    return list(dict.fromkeys(one for match in close for one in folded[match]))[:most]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the part of a message that suggests the closest of the known names; empty where none is close.

    Examples
    --------
    >>> "there is no method 'harmny'" + did_you_mean("harmny", ["cca", "harmony"])
    "there is no method 'harmny'; did you mean 'harmony'?"
    """
    close = near(name, known)
    return f"; did you mean {str(close[0])!r}?" if close else ""


def there_are(name: str, known: Iterable[str]) -> str:
    """Return the end of a message that there is no such thing: which there are, and what comes close.

    Examples
    --------
    >>> "there is no device 'cud'" + there_are("cud", ["auto", "cpu", "cuda"])
    "there is no device 'cud'; there are auto, cpu, cuda; did you mean 'cuda'?"
    """
    names = [str(one) for one in known]
    return f"; there are {', '.join(names)}{did_you_mean(name, names)}"


def _folded(name: str) -> str:
    return re.sub(r"[-_. ]+", "_", name.strip()).casefold()
