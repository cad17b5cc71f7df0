"""Which species gene names come from: a vote over the names that tell species apart."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homodb.query.release import Release
from homodb.schema.errors import UndecidedSpeciesError
from homodb.schema.species import Species, find

#: The winner needs so many telling names, this share of what is known, and this share of all votes.
_VOTES = 5
_SHARE_OF_KNOWN = 0.005
_SHARE_OF_VOTES = 0.9


def other_species_note(release: Release, names: Sequence[str], given: Species) -> list[str]:
    """Return a note where far more names are known to another species than to the one that was given."""
    votes = _votes(release, names)
    best = votes.row(0, named=True)
    known = votes.filter(pl.col("species") == given.name)["known"].item()
    if best["species"] == given.name or best["votes"] < _VOTES or best["known"] < 2 * known:
        return []
    return [
        f"the names look like {best['species']}, which knows {best['known']:,} of them, rather than {given.name}, "
        f"which knows {known:,}"
    ]


def _votes(release: Release, names: Sequence[str]) -> pl.DataFrame:
    bare = [name.split(".")[0] if name.startswith("ENS") else name for name in names]
    return release.ask("species_votes", {"names": bare})


def detect_species(release: Release, names: Sequence[str]) -> Species:
    """Return the species that the names come from.

    Parameters
    ----------
    release
        An open release; only its species are considered.
    names
        Stable IDs or symbols, spelled as in their species. A name that genes of exactly one species bear is a vote.

    Raises
    ------
    UndecidedSpeciesError
        If no species has enough votes: close species share nearly all symbols. The message shows the votes.
    """
    votes = _votes(release, names)
    best = votes.row(0, named=True)
    total = int(votes["votes"].sum())
    enough = best["votes"] >= max(_VOTES, _SHARE_OF_KNOWN * best["known"])
    if enough and best["votes"] >= _SHARE_OF_VOTES * total:
        return find(best["species"])
    shown = ", ".join(f"{row['species']} {row['votes']} (knows {row['known']})" for row in votes.iter_rows(named=True))
    if not best["known"]:
        seen = ", ".join(repr(name) for name in names[:5])
        raise UndecidedSpeciesError(
            f"none of the {len(names)} names is a gene of release {release.version}; they look like {seen}. "
            "If the gene names stand in a column of var, name it (--column); if the species is not in the release, "
            "use another release"
        )
    raise UndecidedSpeciesError(
        f"the names do not tell which species they come from; of {len(names)} names, those that only one species "
        f"bears: {shown}. Say which it is with --from"
    )
