"""Detect the species of gene names by a vote."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from homodb.query.genes.spellings import (
    ASSEMBLED,
    ASSEMBLY,
    VERSION,
    bare_name,
    is_like_a_date,
    less_label,
    species_prefix,
    species_words,
)
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
LIST = 200
#: Share of the names that the winner must know; its least distance from every other species; how many times more names
#: a species must know alone to speak regardless of case. See :meth:`SpeciesVote.verdict`.
_KNOWN, _DISTANCE, _RATIO = 0.4, 4.0, 10

#: Accessions vote too if fewer names than this share are known as stable IDs or symbols.
_FEW = 0.1

#: So many names of another species, and hardly any of the one that was given, are no doubt.
_MANY, _HARDLY = 100, 0.05
#: Share of names in lower case from which their case says nothing of the species.
_LOWER = 0.95
#: Least number of names that have something in common, or are known regardless of case only.
_ALIKE = 3

#: So many values of a column are looked up, evenly spaced; a column of names is one of which this share is known.
SAMPLED = 2000
_SHARE = 0.5


@dataclass(frozen=True)
class Verdict:
    """Result of a vote of gene names.

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
        name, count = self.best
        text = f"{name} knows {count:,} of {self.names:,} names"
        return text if self.runner_up is None else f"{text}, {self.runner_up[0]} {self.runner_up[1]:,}"


@dataclass(frozen=True)
class SpeciesVote:
    """Votes of gene names for the species of a release, taken once and handed on.

    `table`: result of :func:`species_votes` with ``ids`` and ``shared``, see ``species_votes.sql``.
    """

    release: ReleaseFile
    names: Sequence[str]
    table: pl.DataFrame

    @classmethod
    def of(cls, release: ReleaseFile, names: Sequence[str]) -> SpeciesVote:
        """Take the vote of names."""
        return cls(release, names, _votes(release, names))

    @property
    def known_share(self) -> float:
        """Share of the different names that the best species knows; 0 without names."""
        most = int(self.table.select(pl.col("known").max()).item() or 0)
        return most / max(len(set(self.names)), 1)

    def winner(self, *, few: bool = False, uns: Mapping[str, Any] | None = None) -> Species:
        """Return the species with enough votes; see :func:`detect_species`.

        Where `uns` of the object says into whose genes homodb translated it, that decides, if this species knows 40 %
        of the names: they may have been changed since.
        """
        entry = uns.get("homodb") if uns else None
        written = entry.get("target") if isinstance(entry, Mapping) else None
        counts = self.table.filter(pl.col("species") == str(written))["known"].to_list()
        if counts and counts[0] >= _KNOWN * len(set(self.names)):
            return find(str(written))
        verdict = self.verdict(few=few)
        if verdict.species is not None:
            return find(verdict.species)
        if not verdict.best[1]:
            self._raise_for_case()
            examples = ", ".join(repr(name) for name in self.names[:5])
            dates = pl.DataFrame({"name": list(self.names)}).select(is_like_a_date(pl.col("name").cast(pl.String)))
            if dates["name"].sum() * 2 > len(self.names):
                raise UndecidedSpeciesError(
                    f"the names ({examples}) are dates, which a spreadsheet made of symbols: name the species",
                    option="source",
                )
            raise UndecidedSpeciesError(
                f"none of the {len(self.names)} names is a gene of release {self.release.version}; they look like "
                f"{examples}{common_affix(self.release, self.names)}. If a column of var holds the gene names, name "
                "it; if the release lacks the species, use another release",
                option="column",
            )
        raise UndecidedSpeciesError(
            f"the names fit several species: {verdict} ({verdict.why}). Name the species",
            option="source",
        )

    def _raise_for_case(self) -> None:
        """Raise the error that names the species whose genes the names are regardless of case, if there is one."""
        names = list(dict.fromkeys(self.names))
        folded = self.release.ask("species_any_case", {"names": names, "species": ""})
        species = [(name, count) for name, count, _ in folded.iter_rows() if count >= _KNOWN * len(names)]
        if species:
            examples = ", ".join(repr(name) for name in names[:3])
            counts = ", ".join(f"{name} {count:,}" for name, count in species[:3])
            raise UndecidedSpeciesError(
                f"the names ({examples}) are genes but for their case, which differs by species: of {len(names):,} "
                f"{counts} are known in any case. Name the species, as {species[0][0]}",
                option="source",
            )

    def verdict(self, *, few: bool = False) -> Verdict:
        """Compare how many names the species know.

        Parameters
        ----------
        few
            As for :func:`detect_species`.

        Notes
        -----
        The species that knows most names exactly wins if it knows at least 40 % of them and, against every other
        species, (b - c) / sqrt(b + c) is at least 4, of b names that only the winner knows and c that only the other
        knows. Where a tenth of the names or more are stable IDs, only these are compared. Where names regardless of
        case speak for another species by the same rule, and b is ten times c (mouse genes in capitals), the vote is
        open. Of fewer than 200 names, 90 % of those that one species alone bears decide.
        """
        different = len(set(self.names))
        if different < LIST:
            return self._of_list(different, few=few)
        by_ids = self.table.sort("ids", descending=True, maintain_order=True)
        by_known = self.table.sort("known", descending=True, maintain_order=True)
        has_ids = by_ids["ids"][0] >= _FEW * different
        sides = by_ids.select("species", "ids", pl.lit(0)) if has_ids else by_known.select("species", "known", "shared")
        winner, count, _ = sides.row(0)
        rivals = sorted((_distance(count, known, shared), name) for name, known, shared in sides.slice(1).iter_rows())
        known_of = dict(self.table.select("species", "known").iter_rows())
        best = (winner, known_of[winner])
        second = (rivals[0][1], known_of[rivals[0][1]]) if rivals else None
        if best[1] < _KNOWN * different:
            return Verdict(different, None, best, second, f"no species knows {_KNOWN:.0%} of the names")
        if rivals and rivals[0][0] < _DISTANCE:
            return Verdict(different, None, best, second, "the names fit both too well")
        others = [] if has_ids else self._others_regardless_of_case(winner)
        if others:
            name, known, own = others[0]
            why = f"regardless of case {name} knows {known:,}, {winner} {own:,}"
            return Verdict(different, None, best, (name, known_of[name]), why)
        return Verdict(different, winner, best, second)

    def _others_regardless_of_case(self, winner: str, *, lower: bool = False) -> list[tuple[str, int, int]]:
        """Return species for which the names speak regardless of case, with their counts and the winner's, best first.

        `lower`: whether the case of the names says nothing, so that any greater number speaks.
        """
        least, distance = (1, 0.0) if lower else (_RATIO, _DISTANCE)
        names = list(dict.fromkeys(self.names))
        folded = self.release.ask("species_any_case", {"names": names, "species": winner})
        own = folded.filter(pl.col("species") == winner)["known"].item()
        return [
            (name, known, own)
            for name, known, shared in folded.iter_rows()  # most known first
            if name != winner and known > own and known - shared >= least * (own - shared)
            and _distance(known, own, shared) >= distance
        ]  # fmt: skip

    @property
    def _in_lower_case(self) -> bool:
        return sum(name == name.lower() for name in self.names) >= _LOWER * len(self.names)

    def _of_list(self, different: int, *, few: bool) -> Verdict:
        """Let the names of one species alone decide, where there are few names."""
        first = self.table.row(0, named=True)
        rivals = self.table.slice(1).sort("known", descending=True, maintain_order=True)
        second = next(rivals.select("species", "known").iter_rows(), None)
        best = (first["species"], first["known"])
        least = max(1, min(_VOTES, (first["known"] + 1) // 2)) if few else _VOTES
        enough = first["votes"] >= max(least, _SHARE_OF_KNOWN * first["known"])
        if not few and best[1] < _KNOWN * different:
            return Verdict(different, None, best, second, f"no species knows {_KNOWN:.0%} of the names")
        others = self._others_regardless_of_case(best[0], lower=True) if self._in_lower_case and best[1] else []
        if others and others[0][1] - others[0][2] >= max(_ALIKE, _FEW * different):
            name, known, own = others[0]
            why = f"regardless of case {name} knows {known:,}, {best[0]} {own:,}"
            return Verdict(different, None, best, (name, 0), why)
        if enough and first["votes"] >= _SHARE_OF_VOTES * int(self.table["votes"].sum()):
            return Verdict(different, first["species"], best, second)
        return Verdict(different, None, best, second, "too few names belong to one species alone")

    def runner_up(self, winner: Species) -> list[str]:
        """Return a note that names the species of the genes, and the one that knows most names beside it."""
        counts = dict(self.table.sort("known", descending=True, maintain_order=True).select("species", "known").rows())
        known, different = counts.pop(winner.name), len(set(self.names))
        text = f"the names are of {winner.name}, which knows {known:,} of {different:,}"
        other, most = next(iter(counts.items()), ("", 0))
        return [f"{text}; next is {other} with {most:,}" if most else text]

    def doubts(self, given: Species) -> list[str]:
        """Return a note if another species knows far more of the names than the given one."""
        known_count = self.table.filter(pl.col("species") == given.name)["known"].item()
        rivals = self.table.filter(pl.col("known") >= 2 * known_count, pl.col("votes") >= _VOTES)
        if given.name in rivals["species"] or rivals.is_empty():
            return []
        winner = self.verdict().species
        best = rivals.row(0, named=True)
        best = next((row for row in rivals.iter_rows(named=True) if row["species"] == winner), best)
        different = len(set(self.names))
        for name, known, own in self._others_regardless_of_case(best["species"], lower=self._in_lower_case):
            if name == given.name:  # mouse genes in capitals; any in lower case, which Xenopus' and zebrafish's are
                return [
                    f"the names are of {given.name} but for their case, regardless of which it knows {known:,} of "
                    f"{different:,}, and {best['species']} {own:,}"
                ]
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
    return _votes(release, names).select("species", "votes", "known")


def _votes(release: ReleaseFile, names: Sequence[str]) -> pl.DataFrame:
    """Return :func:`species_votes` with ``ids`` and ``shared``, see ``species_votes.sql``."""
    different = pl.DataFrame({"name": pl.Series(names, dtype=pl.String).unique(maintain_order=True)})
    name = pl.col("name")
    owner = name.str.extract(ASSEMBLY, 1).replace_strict(ASSEMBLED, default=None, return_dtype=pl.String)
    bare = different.select("name", text=bare_name(pl.coalesce(name.str.extract(ASSEMBLY, 2), name)), owner=owner)
    versionless = bare.with_columns(pl.col("text").str.extract(VERSION, 1)).drop_nulls("text")
    numbered = bare.with_columns(pl.col("text").str.extract(r"^LOC(\d+)$", 1)).drop_nulls("text")
    words = {word: species.name for species in release.species for word in species_words(species)}
    word, rest = species_prefix(name)
    named = word.replace_strict(words, default=None, return_dtype=pl.String)
    prefixed = different.select("name", text=bare_name(rest), owner=named).drop_nulls()
    labelled = bare.with_columns(text=less_label(name)).drop_nulls("text")
    read = pl.concat([bare, versionless, numbered, prefixed, labelled])
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


def _distance(count: int, other: int, shared: int) -> float:
    """Return (b - c) / sqrt(b + c) of the names that only one of two species knows."""
    alone, other_alone = count - shared, other - shared
    return (alone - other_alone) / math.sqrt(alone + other_alone) if alone + other_alone else 0.0


def detect_species(release: ReleaseFile, names: Sequence[str], *, few: bool = False) -> Species:
    """Detect the species of gene names.

    Parameters
    ----------
    release
        An open release; only its species are considered.
    names
        Stable IDs or symbols, spelled as in their species, or accessions; see :meth:`SpeciesVote.verdict` for the rule.
    few
        Whether few names are enough, as in a list of genes: then votes from half of the known names suffice.

    Raises
    ------
    UndecidedSpeciesError
        If the names do not decide: related species share nearly all symbols. The message names the two that compete.
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


def common_affix(release: ReleaseFile, names: Sequence[str]) -> str:
    """Return in words what all names have in front or behind, without which they are genes; empty if there is none."""
    different = list(dict.fromkeys(names[:: max(1, len(names) // SAMPLED)]))
    front = re.sub(r"[A-Za-z0-9]*$", "", os.path.commonprefix(different))  # noqa: RUF071  # texts, no paths
    rest = [name[len(front) :] for name in different]
    behind = re.sub(r"^[A-Za-z0-9]*", "", os.path.commonprefix([name[::-1] for name in rest])[::-1])  # noqa: RUF071
    bare = [name.removesuffix(behind) for name in rest]
    if len(different) < _ALIKE or not (front or behind) or known_share(release, bare) < _SHARE:
        return ""
    affixes = [f"{text!r} {where}" for text, where in ((front, "in front"), (behind, "behind")) if text]
    return f"; all of them have {' and '.join(affixes)}, and are genes without: remove it first"


def _texts(column: pd.Series) -> list[str]:
    """Return the values of a text column; none for other columns."""
    return [value for value in column.tolist() if isinstance(value, str)]
