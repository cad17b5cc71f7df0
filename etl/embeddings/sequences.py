"""Which proteins can be embedded, and what there is to compute: each sequence once."""

from __future__ import annotations

import polars as pl

#: Why a protein is left out.
INTERNAL_STOP = "proteins with a stop inside, not embedded"


def usable(proteins: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the proteins that can be embedded, and how many cannot, by reason.

    A protein whose sequence has a stop inside (read-through, frameshift) is left out, as the reference does.

    Parameters
    ----------
    proteins
        Columns of ``records.PROTEINS``; of these ``sequence`` counts, in upper case, stops taken off its end.

    Returns
    -------
    polars.DataFrame
        The rows that are left, in their order.
    dict
        Rows left out, by reason; empty where there are none.

    Examples
    --------
    >>> kept, left_out = usable(pl.DataFrame({"stable_id": ["P1", "P2"], "sequence": ["MKV", "MK*V"]}))
    >>> kept["stable_id"].to_list(), left_out
    (['P1'], {'proteins with a stop inside, not embedded': 1})
    """
    kept = proteins.filter(~pl.col("sequence").str.contains("*", literal=True))
    stopped = proteins.height - kept.height
    return kept, {INTERNAL_STOP: stopped} if stopped else {}


def unique_sequences(proteins: pl.DataFrame) -> pl.DataFrame:
    """Return each sequence once, within and across species: what a store has to hold.

    Parameters
    ----------
    proteins
        With ``sequence_sha256``, ``sequence`` and ``length`` (residues), of one or several species.

    Returns
    -------
    polars.DataFrame
        ``sequence_sha256, sequence, length``, the longest first, then by checksum: the same order whatever that
        of the proteins, and neighbours of like length, which is what batches want.

    Examples
    --------
    >>> proteins = {"sequence_sha256": ["c", "a", "b", "a"], "sequence": ["MKV", "M", "Q", "M"], "length": [3, 1, 1, 1]}
    >>> unique_sequences(pl.DataFrame(proteins))["sequence"].to_list()
    ['MKV', 'M', 'Q']
    """
    return (
        proteins.select("sequence_sha256", "sequence", "length")
        .unique("sequence_sha256", keep="any")
        .sort("length", "sequence_sha256", descending=[True, False])
    )
