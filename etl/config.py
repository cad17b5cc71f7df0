"""What a build config says, as checked and frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homodb.etl.evidence import Parameters
from homodb.schema.species import Species


@dataclass(frozen=True)
class Source:
    """One input file: its path as the config writes it, and where it lies."""

    written: str
    path: Path


@dataclass(frozen=True)
class ReleaseConfig:
    """``[release]``: what the release is."""

    version: str
    title: str | None = None
    ensembl: str | None = None
    licence: str | None = None
    citation: str | None = None


@dataclass(frozen=True)
class SpeciesConfig:
    """``[[species]]``: a species and the files that tell of its genes."""

    species: Species
    assembly: str | None = None
    proteome: Source | None = None
    annotation: Source | None = None
    canonical: Source | None = None
    xrefs: tuple[Source, ...] = ()
    synonyms: Source | None = None
    history: Source | None = None


@dataclass(frozen=True)
class HomologyConfig:
    """``[[homology]]``: Ensembl's homologies of one pair of species."""

    source: Species
    target: Species
    format: Literal["biomart", "compara"]
    paths: tuple[Source, ...]


@dataclass(frozen=True)
class EvidenceConfig:
    """``[[evidence]]``: ready evidence from an embedding for one pair of species."""

    source: Species
    target: Species
    model: str
    pooling: str
    best_hits: Source
    correlations: Source | None = None
    median_correlation: float | None = None


@dataclass(frozen=True)
class BuildConfig:
    """A whole build config."""

    path: Path
    release: ReleaseConfig
    species: tuple[SpeciesConfig, ...]
    homologies: tuple[HomologyConfig, ...]
    evidence: tuple[EvidenceConfig, ...]
    parameters: Parameters
    pairs: tuple[tuple[Species, Species], ...] | Literal["all"] | None = None
    allow_mixed: bool = False

    def files(self) -> tuple[Source, ...]:
        """Return every input file, in the order in which it is named."""
        species = [
            source
            for entry in self.species
            for source in (
                entry.proteome,
                entry.annotation,
                entry.canonical,
                *entry.xrefs,
                entry.synonyms,
                entry.history,
            )
        ]
        homologies = [source for entry in self.homologies for source in entry.paths]
        evidence = [source for entry in self.evidence for source in (entry.best_hits, entry.correlations)]
        return tuple(source for source in (*species, *homologies, *evidence) if source is not None)

    def mapped_pairs(self) -> list[tuple[int, int]]:
        """Return the pairs of species to map, by number, lower first.

        Those that ``[build] pairs`` names; else those with homologies or evidence; with neither, all.
        """
        numbers = [entry.species.number for entry in self.species]
        named = self.pairs
        if named is None:
            named = tuple((one.source, one.target) for one in self.homologies)
            named += tuple((one.source, one.target) for one in self.evidence)
        if named == "all" or not named:
            return [(a, b) for a in numbers for b in numbers if a < b]
        return sorted({(min(a.number, b.number), max(a.number, b.number)) for a, b in named})
