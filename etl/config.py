"""What a build config says, as checked and frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homodb.etl.embeddings import Long, Pooling
from homodb.etl.evidence import Parameters
from homodb.schema.species import Species


@dataclass(frozen=True)
class Source:
    """One input file.

    Parameters
    ----------
    written
        Its path as the config writes it.
    path
        Where it lies.
    url, sha256
        Whence it was fetched, and its checksum then; None for a file that was not.
    """

    written: str
    path: Path
    url: str | None = None
    sha256: str | None = None


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
    core: tuple[Source, ...] = ()


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
class EmbeddingConfig:
    """``[embedding]``: how proteomes are embedded.

    Parameters
    ----------
    model
        ``kmer``, or an ESM2 checkpoint's name.
    weights
        The checkpoint; None fetches it into the cache.
    layer
        Layer to take; None for the last.
    pooling
        How isoforms make a gene; the first is the release's default embedding.
    long
        What is done with proteins longer than the model reads.
    device, precision
        Where and how it computes.
    min_length, biotypes
        Which proteins enter genes' vectors.
    store
        Folder of computed vectors; None for the cache.
    """

    model: str
    weights: Source | None = None
    layer: int | None = None
    pooling: tuple[Pooling, ...] = (Pooling.MEAN,)
    long: Long = Long.TRUNCATE
    device: str = "auto"
    precision: str = "float32"
    min_length: int = 1
    biotypes: tuple[str, ...] | None = None
    store: Path | None = None


@dataclass(frozen=True)
class EnsemblConfig:
    """``[ensembl]``: inputs over the network.

    Parameters
    ----------
    release
        Ensembl's release.
    division
        Which of Ensembl's divisions.
    base
        Address of the folder that holds the releases; None for the division's own.
    folder
        Where the files are kept; None for the cache.
    """

    release: int
    division: str = "vertebrates"
    base: str | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class BuildConfig:
    """A whole build config."""

    path: Path
    release: ReleaseConfig
    species: tuple[SpeciesConfig, ...]
    homologies: tuple[HomologyConfig, ...]
    evidence: tuple[EvidenceConfig, ...]
    parameters: Parameters
    embedding: EmbeddingConfig | None = None
    ensembl: EnsemblConfig | None = None
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
                *entry.core,
            )
        ]
        homologies = [source for entry in self.homologies for source in entry.paths]
        evidence = [source for entry in self.evidence for source in (entry.best_hits, entry.correlations)]
        return tuple(source for source in (*species, *homologies, *evidence) if source is not None)

    def mapped_pairs(self) -> list[tuple[int, int]]:
        """Return the pairs of species to map, by number, lower first.

        Those that ``[build] pairs`` names; else those with homologies or evidence, and with ``[embedding]`` also
        those of two proteomes one of which stands in no homology or evidence; with none of these, all.
        """
        numbers = [entry.species.number for entry in self.species]
        named = self.pairs
        if named == "all":
            return _all_pairs(numbers)
        if named is None:
            told = [(one.source, one.target) for one in self.homologies]
            told += [(one.source, one.target) for one in self.evidence]
            found = {_in_order(a.number, b.number) for a, b in told}
            found |= self._embedded_only({number for pair in found for number in pair})
            return sorted(found) or _all_pairs(numbers)
        return sorted({_in_order(a.number, b.number) for a, b in named})

    def _embedded_only(self, told: set[int]) -> set[tuple[int, int]]:
        """Pairs of proteomes of which one species stands in no homology or evidence."""
        if self.embedding is None:
            return set()
        read = [entry.species.number for entry in self.species if entry.proteome is not None]
        return {(a, b) for a, b in _all_pairs(read) if a not in told or b not in told}


def _in_order(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)


def _all_pairs(numbers: list[int]) -> list[tuple[int, int]]:
    return [(a, b) for a in numbers for b in numbers if a < b]
