"""Counts with their nouns, in the singular or the plural."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count and what is counted.

    Parameters
    ----------
    count
        How many.
    noun
        What one of them is called.
    plural
        What several are called; None adds an s.

    Examples
    --------
    >>> counted(1, "gene"), counted(2_000, "gene"), counted(0, "entry", "entries")
    ('1 gene', '2,000 genes', '0 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
