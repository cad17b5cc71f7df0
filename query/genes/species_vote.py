"""Detect the species of gene names by a vote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from homodb.query.genes.spellings import ASSEMBLED, VERSION
from homodb.query.release import ReleaseFile
from homodb.schema.errors import UndecidedSpeciesError
from homodb.schema.species import KEYS_PER_SPECIES, Species, find

if TYPE_CHECKING:
    import pandas as pd

#: The winner needs so many telling names by default, this share of what is known, and this share of all votes.
_VOTES = 5
_SHARE_OF_KNOWN = 0.005
_SHARE_OF_VOTES = 0.9

#: Fewer different names than this are a list, for which those numbers hold.
_LIST = 200
#: Share of the names that the winner must know, and its least distance from every other species; regardless of case another
#: species must also know this many times more names alone (mouse genes in capitals: some 170 times); see :func:`vote_species`.
_KNOWN, _DISTANCE, _RATIO = 0.4, 4.0, 10

#: Accessions vote too if fewer names than this share are known as stable IDs or symbols.
_FEW = 0.1

#: So many names of another species, and hardly any of the one that was given, are no doubt.
_MANY, _HARDLY = 100, 0.05

_ASSEMBLY = r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d[A-Za-z0-9.]*[-_]+(.+)$"


def other_species_note(release: ReleaseFile, names: Sequence[str], given: Species) -> list[str]:
    """Return a note if another species knows far more of the names.

    Raises
    ------
    UndecidedSpeciesError
        If hardly any of many names is known in the given species.
    """
    votes = species_votes(release, names)
    best = votes.row(0, named=True)
    known_count = votes.filter(pl.col("species") == given.name)["known"].item()
    if best["species"] == given.name or best["votes"] < _VOTES or best["known"] < 2 * known_count:
        return []
    different = len(set(names))
    if best["known"] >= _MANY and known_count < _HARDLY * best["known"]:
        raise UndecidedSpeciesError(
            f"{known_count / different:.1%} of the names are known as genes of {given.name}, and"
            f" {best['known'] / different:.1%} as genes of {best['species']}: name the species whose names they are"
        )
    return [
        f"the names look like {best['species']}, which knows {best['known']:,} of them, rather than {given.name}, "
        f"which knows {known_count:,}"
    ]


def species_votes(release: ReleaseFile, names: Sequence[str]) -> pl.DataFrame:
    """Count the names that each species of a release knows.

    Parameters
    ----------
    release
        Open release; only its species are considered.
    names
        Names of genes, of any kind; a version and the name of an assembly (``mm10___Ins2``: mouse) are removed.
        Accessions (NCBI Gene, UniProt, RefSeq, retired stable IDs) count where hardly any name is a stable ID or a
        symbol.

    Returns
    -------
    polars.DataFrame
        ``species``, ``votes`` (names of genes of this species alone), ``known`` (names of its genes);
        most votes first.
    """
    return _votes(release, names).select("species", "votes", "known")


def _votes(release: ReleaseFile, names: Sequence[str]) -> pl.DataFrame:
    """Return :func:`species_votes` with ``ids`` and ``shared``, see ``species_votes.sql``."""
    different = pl.DataFrame({"name": pl.Series(names, dtype=pl.String).unique(maintain_order=True)})
    name = pl.col("name")
    owner = name.str.extract(_ASSEMBLY, 1).replace_strict(ASSEMBLED, default=None, return_dtype=pl.String)
    bare = different.select("name", text=pl.coalesce(name.str.extract(_ASSEMBLY, 2), name), owner=owner)
    versionless = bare.with_columns(pl.col("text").str.extract(VERSION, 1)).drop_nulls("text")
    numbered = bare.with_columns(pl.col("text").str.extract(r"^LOC(\d+)$", 1)).drop_nulls("text")
    read = pl.concat([bare, versionless, numbered])
    parameters: dict[str, object] = {
        "names": read["name"].to_list(),
        "texts": read["text"].to_list(),
        "owners": read["owner"].to_list(),
        "keys_per_species": KEYS_PER_SPECIES,
    }
    votes = release.ask("species_votes", parameters | {"by_alias": False})
    most = votes.select(pl.col("known").max()).item()
    if most >= _FEW * different.height or are_positions(names):
        return votes
    return release.ask("species_votes", parameters | {"by_alias": True})


def are_positions(names: Sequence[str]) -> bool:
    """Return whether the names count from 0 or 1.

    Such names are row numbers, not NCBI Gene numbers.

    Examples
    --------
    >>> are_positions(["0", "1", "2"]), are_positions(["3630", "2641"])
    (True, False)
    """
    return bool(names) and names[0] in ("0", "1") and list(names) == [str(int(names[0]) + i) for i in range(len(names))]


@dataclass(frozen=True)
class SpeciesVote:
    """Species of gene names, by the names that each species of a release knows.

    Parameters
    ----------
    names
        Number of different names.
    species
        Production name of the species; None if the names do not decide.
    best, runner_up
        The two species that compete, the better one first, with the number of names that each knows.
    why
        Reason for no decision; empty otherwise.
    """

    names: int
    species: str | None
    best: tuple[str, int]
    runner_up: tuple[str, int] | None
    why: str = ""

    def __str__(self) -> str:
        """Compare the two species in words."""
        name, known = self.best
        text = f"{name} knows {known:,} of {self.names:,} names"
        return text if self.runner_up is None else f"{text}, {self.runner_up[0]} {self.runner_up[1]:,}"


def vote_species(release: ReleaseFile, names: Sequence[str], *, few: bool = False) -> SpeciesVote:
    """Compare how many names the species of a release know.

    Parameters
    ----------
    release, names, few
        As for :func:`detect_species`.

    Notes
    -----
    The species that knows most names exactly wins if it knows at least 40 % of them and, against every other species,
    (b - c) / sqrt(b + c) is at least 4, of b names that only the winner knows and c that only the other knows. Where a
    tenth of the names or more are stable IDs, only these are compared. Where names regardless of case speak for another
    species by the same rule, and b is ten times c (mouse genes in capitals), the vote is open. Of fewer than 200 names,
    90 % of those that one species alone bears decide.
    """
    different = len(set(names))
    votes = _votes(release, names)
    by_known = votes.sort("known", descending=True, maintain_order=True)
    by_ids = votes.sort("ids", descending=True, maintain_order=True)
    if different < _LIST:
        return _vote_of_list(votes, different, few=few)
    if by_ids["ids"][0] >= _FEW * different:
        ranked, sides = by_ids, by_ids.select("species", "ids", shared=pl.lit(0)).rows()
    else:
        ranked, sides = by_known, by_known.select("species", "known", "shared").rows()
    winner, count, _ = sides[0]
    rivals = sorted((_distance(count, known, shared), name) for name, known, shared in sides[1:])
    known_of = dict(votes.select("species", "known").iter_rows())
    best = (winner, known_of[winner])
    second = None if not rivals else (rivals[0][1], known_of[rivals[0][1]])
    if best[1] < _KNOWN * different:
        return SpeciesVote(different, None, best, second, f"no species knows {_KNOWN:.0%} of the names")
    if rivals and rivals[0][0] < _DISTANCE:
        return SpeciesVote(different, None, best, second, "the names fit both too well")
    if ranked is by_known and rivals:
        folded = release.ask("species_any_case", {"names": list(dict.fromkeys(names)), "species": winner})
        own = folded.filter(pl.col("species") == winner)["known"].item()
        others = [
            (_distance(known, own, shared), name, known)
            for name, known, shared in folded.iter_rows()
            if name != winner and known > own and known - shared >= _RATIO * (own - shared)
        ]
        if others and max(others)[0] >= _DISTANCE:
            _, name, known = max(others)
            why = f"regardless of case {name} knows {known:,}, {winner} {own:,}"
            return SpeciesVote(different, None, best, (name, known_of[name]), why)
    return SpeciesVote(different, winner, best, second)


def _distance(count: int, other: int, shared: int) -> float:
    """Return (b - c) / sqrt(b + c) of the names that only one of two species knows."""
    alone, other_alone = count - shared, other - shared
    return (alone - other_alone) / math.sqrt(alone + other_alone) if alone + other_alone else 0.0


def _vote_of_list(votes: pl.DataFrame, different: int, *, few: bool) -> SpeciesVote:
    """Let the names of one species alone decide, where there are few names."""
    first = votes.row(0, named=True)
    rival = votes.slice(1).sort("known", descending=True, maintain_order=True).head(1).rows(named=True)
    second = (rival[0]["species"], rival[0]["known"]) if rival else None
    best = (first["species"], first["known"])
    least = max(1, min(_VOTES, (first["known"] + 1) // 2)) if few else _VOTES
    enough = first["votes"] >= max(least, _SHARE_OF_KNOWN * first["known"])
    if not few and best[1] < _KNOWN * different:
        return SpeciesVote(different, None, best, second, f"no species knows {_KNOWN:.0%} of the names")
    if enough and first["votes"] >= _SHARE_OF_VOTES * int(votes["votes"].sum()):
        return SpeciesVote(different, first["species"], best, second)
    return SpeciesVote(different, None, best, second, "too few names belong to one species alone")


def written_species(release: ReleaseFile, uns: Mapping[str, Any] | None, names: Sequence[str]) -> Species | None:
    """Return the species into whose genes homodb translated an object.

    Parameters
    ----------
    release
        Open release.
    uns
        ``uns`` of the object; its entry ``homodb`` names the species.
    names
        Names of its genes, of which that species must know at least 40 %: they may have been changed since.
    """
    entry = uns.get("homodb") if uns else None
    target = entry.get("target") if isinstance(entry, Mapping) else None
    if not isinstance(target, str) or target not in [one.name for one in release.species]:
        return None
    votes = species_votes(release, names).filter(pl.col("species") == target)
    return find(target) if votes["known"].item() >= _KNOWN * len(set(names)) else None


def detect_species(
    release: ReleaseFile, names: Sequence[str], *, few: bool = False, uns: Mapping[str, Any] | None = None
) -> Species:
    """Detect the species of gene names.

    Parameters
    ----------
    release
        An open release; only its species are considered.
    names
        Stable IDs or symbols, spelled as in their species, or accessions; see :func:`vote_species` for the rule.
    few
        Whether few names are enough, as in a list of genes: then votes from half of the known names suffice.
    uns
        ``uns`` of the object; what homodb wrote there decides.

    Raises
    ------
    UndecidedSpeciesError
        If the names do not decide: related species share nearly all symbols. The message names the two that compete.
    """
    if (written := written_species(release, uns, names)) is not None:
        return written
    vote = vote_species(release, names, few=few)
    if vote.species is not None:
        return find(vote.species)
    if not vote.best[1]:
        examples = ", ".join(repr(name) for name in names[:5])
        raise UndecidedSpeciesError(
            f"none of the {len(names)} names is a gene of release {release.version}; they look like {examples}. "
            "If the gene names stand in a column of var, name it; if the species is not in the release, use another "
            "release",
            option="column",
        )
    raise UndecidedSpeciesError(
        f"the names do not tell which species they come from: {vote} ({vote.why}). Name the species", option="source"
    )


#: So many values of a column are looked up, evenly spaced; a column of names is one of which this share is known.
_LOOKED_AT = 2000
_SHARE = 0.5


def named_column(release: ReleaseFile, var: pd.DataFrame) -> tuple[str, float] | None:
    """Return the column of var with the most gene names.

    The second value is the share of its values that some species of the release knows.

    Parameters
    ----------
    release
        An open release.
    var
        Table of genes of an AnnData.

    Returns
    -------
    tuple of str and float, or None
        None if no column has at least half of its values known.
    """
    best: tuple[str, float] | None = None
    for name in var.columns:
        share = known_share(release, _texts(var[name]))
        if share >= _SHARE and (best is None or share > best[1]):
            best = (str(name), share)
    return best


def known_share(release: ReleaseFile, names: list[str]) -> float:
    """Return the share of names known in the best species.

    At most 2000 names are tried, evenly spaced.
    """
    distinct = list(dict.fromkeys(names[:: max(1, len(names) // _LOOKED_AT)]))
    if not distinct:
        return 0.0
    counts = species_votes(release, distinct)["known"].to_list()
    return float(max(counts, default=0)) / len(distinct)


def _texts(column: pd.Series) -> list[str]:
    """Return the values of a text column; none for other columns."""
    return [value for value in column.tolist() if isinstance(value, str)]
