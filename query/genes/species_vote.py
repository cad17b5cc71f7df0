"""Detect the species of gene names by a vote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

#: Accessions vote too if fewer names than this share are known as stable IDs or symbols.
_FEW = 0.1

#: So many names of another species, and hardly any of the one that was given, are no doubt.
_MANY, _HARDLY = 100, 0.05

#: So many values of a column are looked up, evenly spaced; a column of names is one of which this share is known.
SAMPLED = 2000
_SHARE = 0.5

_ASSEMBLY = r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d[A-Za-z0-9.]*[-_]+(.+)$"


@dataclass(frozen=True)
class SpeciesVote:
    """Votes of gene names for the species of a release, taken once and handed on.

    `table`: result of :func:`species_votes`.
    """

    release: ReleaseFile
    names: Sequence[str]
    table: pl.DataFrame

    @classmethod
    def of(cls, release: ReleaseFile, names: Sequence[str]) -> SpeciesVote:
        """Take the vote of names."""
        return cls(release, names, species_votes(release, names))

    @property
    def known_share(self) -> float:
        """Share of the different names that the best species knows; 0 without names."""
        most = int(self.table.select(pl.col("known").max()).item() or 0)
        return most / max(len(set(self.names)), 1)

    def winner(self, *, few: bool = False) -> Species:
        """Return the species with enough votes; see :func:`detect_species`."""
        best = self.table.row(0, named=True)
        total = int(self.table["votes"].sum())
        least = max(1, min(_VOTES, (best["known"] + 1) // 2)) if few else _VOTES
        enough = best["votes"] >= max(least, _SHARE_OF_KNOWN * best["known"])
        if enough and best["votes"] >= _SHARE_OF_VOTES * total:
            return find(best["species"])
        if not best["known"]:
            examples = ", ".join(repr(name) for name in self.names[:5])
            raise UndecidedSpeciesError(
                f"none of the {len(self.names)} names is a gene of release {self.release.version}; they look like "
                f"{examples}. If a column of var holds the gene names, name it; if the release lacks the species, use "
                "another release",
                option="column",
            )
        shown = ", ".join(
            f"{row['species']} {row['votes']} (knows {row['known']})" for row in self.table.iter_rows(named=True)
        )
        raise UndecidedSpeciesError(
            f"the names do not tell which species they come from; of {len(self.names)} names, those that only one "
            f"species bears: {shown}. Name the species",
            option="source",
        )

    def doubts(self, given: Species) -> list[str]:
        """Return a note if another species knows far more of the names than the given one."""
        best = self.table.row(0, named=True)
        known_count = self.table.filter(pl.col("species") == given.name)["known"].item()
        if best["species"] == given.name or best["votes"] < _VOTES or best["known"] < 2 * known_count:
            return []
        different = len(set(self.names))
        if best["known"] >= _MANY and known_count < _HARDLY * best["known"]:
            raise UndecidedSpeciesError(
                f"{known_count / different:.1%} of the names are known as genes of {given.name}, and"
                f" {best['known'] / different:.1%} as genes of {best['species']}: name the species whose names they are"
            )
        return [
            f"the names look like {best['species']}, which knows {best['known']:,} of them, rather than {given.name}, "
            f"which knows {known_count:,}"
        ]


def other_species_note(release: ReleaseFile, names: Sequence[str], given: Species) -> list[str]:
    """Return a note if another species knows far more of the names; see :meth:`SpeciesVote.doubts`.

    All names are compared only if a sample of them looks so.
    """
    sample = names[:: max(1, len(names) // SAMPLED)]
    doubts = SpeciesVote.of(release, sample).doubts(given)
    return SpeciesVote.of(release, names).doubts(given) if doubts and len(sample) < len(names) else doubts


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


def detect_species(release: ReleaseFile, names: Sequence[str], *, few: bool = False) -> Species:
    """Detect the species of gene names.

    Parameters
    ----------
    release
        An open release; only its species are considered.
    names
        Stable IDs or symbols, spelled as in their species, or accessions. A name of genes of exactly one species is a
        vote.
    few
        Whether few names are enough, as in a list of genes: then votes from half of the known names suffice.

    Raises
    ------
    UndecidedSpeciesError
        If no species has enough votes: related species share nearly all symbols. The message shows the votes.
    """
    return SpeciesVote.of(release, names).winner(few=few)


def named_column(release: ReleaseFile, var: pd.DataFrame) -> tuple[str, float] | None:
    """Return the column of var with the most gene names.

    The second value is the share of its values that some species of the release knows.
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
    distinct = list(dict.fromkeys(names[:: max(1, len(names) // SAMPLED)]))
    if not distinct:
        return 0.0
    counts = species_votes(release, distinct)["known"].to_list()
    return float(max(counts, default=0)) / len(distinct)


def _texts(column: pd.Series) -> list[str]:
    """Return the values of a text column; none for other columns."""
    return [value for value in column.tolist() if isinstance(value, str)]
