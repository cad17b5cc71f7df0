"""What a simulation is asked for: sizes and rates, checked; what it reports; and its streams of random numbers."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from homodb.etl.simulate.species import MEMBERS
from homodb.schema.errors import ConfigError
from homodb.schema.near import there_are

#: Sizes as (least, most).
SIZES = {
    "species": (2, len(MEMBERS)),
    "genes": (20, 100_000),
    "cells": (0, 10_000_000),
    "seed": (0, 2**63 - 1),
    "donors": (1, 1_000),
    "cell_types": (1, 100),
}

#: Settings that are probabilities or shares, and so at most 1.
SHARES = (
    "missed", "split", "wrong_type", "false_pairs", "symbol_drift", "shared_symbols", "alias_clashes",
    "alternate_loci", "split_models", "unknown_residues", "non_coding", "ambient", "dropout", "missing_genes",
)  # fmt: skip

#: Rates above this are impossible: gene families would grow without bound within a few million years.
_HIGHEST_RATE = 0.05


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes and rates of a simulation.

    Parameters
    ----------
    species
        Number of species.
    genes
        Protein-coding genes of the clade's ancestor; each species ends with about as many.
    cells
        Cells over all species, shared out evenly; with 0 no h5ad is written.
    seed
        The same seed gives the same clade. The first species of a larger clade are other genes.
    duplication, loss
        Events per gene and million years, of a family of average pace.
    birth
        New families per million years and ancestral gene.
    bursts
        Bursts of duplication per family and million years.
    substitution
        Substitutions per site and million years in a family of median pace.
    indels
        Insertions and deletions per substitution, half of each.
    missed
        Share of true ortholog pairs that are not called.
    split
        Share of ortholog groups with several genes that are called as two, with no ortholog between them.
    wrong_type
        Share of called pairs whose type is called wrongly.
    false_pairs
        Pairs of paralogs called orthologs, as a share of the true ortholog pairs; fewer where paralogs do not suffice.
    symbol_drift, shared_symbols, alias_clashes, alternate_loci, split_models
        Shares of genes whose symbol is another one than their ancestor's, that bear another gene's symbol, that
        have another gene's live symbol as an alias, that have an alternate locus, whose gene model is in two parts.
    unknown_residues
        Share of proteins with a run of X.
    non_coding
        Non-coding genes of a species, as a share of ``genes``.
    donors, cell_types
        Donors per species; cell types that all species have.
    ambient, dropout
        Share of a cell's reads that are ambient; the chance that a gene of very low counts drops out of a cell.
    dispersion
        Variance of a gene's expression between cells of a type, over its mean squared.
    expression_drift
        Standard deviation of the natural logarithm of a gene's expression between species.
    missing_genes
        Share of annotated genes that the cells' matrix lacks.
    """

    species: int = 3
    genes: int = 2_000
    cells: int = 3_000
    seed: int = 1
    duplication: float = 0.0002
    loss: float = 0.00035
    birth: float = 0.00007
    bursts: float = 0.00016
    substitution: float = 0.0014
    indels: float = 0.06
    missed: float = 0.03
    split: float = 0.1
    wrong_type: float = 0.01
    false_pairs: float = 0.005
    symbol_drift: float = 0.04
    shared_symbols: float = 0.003
    alias_clashes: float = 0.005
    alternate_loci: float = 0.01
    split_models: float = 0.002
    unknown_residues: float = 0.02
    non_coding: float = 0.1
    donors: int = 3
    cell_types: int = 8
    ambient: float = 0.05
    dropout: float = 0.3
    dispersion: float = 0.3
    expression_drift: float = 0.2
    missing_genes: float = 0.02

    @classmethod
    def read(cls, written: Sequence[str], **sizes: int) -> Settings:
        """Read settings written as ``name=value``.

        Parameters
        ----------
        written
            Such texts.
        **sizes
            Settings that are known already.

        Raises
        ------
        ConfigError
            If a name means no setting, or its value is no number. :meth:`check` looks at bounds.

        Examples
        --------
        >>> Settings.read(["missed=0.1", "donors=2"], genes=500).missed
        0.1
        """
        known = [field.name for field in fields(cls)]
        values: dict[str, Any] = dict(sizes)
        for text in written:
            name, _, value = text.partition("=")
            if name not in known:
                raise ConfigError(f"there is no setting {name!r}" + there_are(name, known))
            try:
                values[name] = int(value) if name in SIZES else float(value)
            except ValueError as error:
                raise ConfigError(f"{name} is {value!r}, wanted a number, as in {name}=0.1") from error
        return cls(**values)

    def check(self) -> None:
        """Refuse impossible sizes and rates.

        Raises
        ------
        ConfigError
            For the first setting that is out of bounds.
        """
        for name, (least, largest) in SIZES.items():
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or not least <= size <= largest:
                raise ConfigError(f"{name} is {size!r}, wanted a whole number from {least:,} to {largest:,}")
        highest = dict.fromkeys(SHARES, 1.0) | {"indels": 1.0, "dispersion": 100.0, "expression_drift": 5.0}
        for name in (field.name for field in fields(self) if field.name not in SIZES):
            value, most = getattr(self, name), highest.get(name, _HIGHEST_RATE)
            if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= most:
                raise ConfigError(f"{name} is {value!r}, wanted a number from 0 to {most:g}")

    def stream(self, *names: str | int) -> np.random.Generator:
        """Return the stream of random numbers of one part of the work, the same whatever else was drawn."""
        key = tuple(zlib.crc32(str(name).encode()) for name in names)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a simulation has come: the step, and how much of how much of it is done."""

    step: str
    done: int
    total: int


@dataclass(frozen=True)
class Summary:
    """What a simulation has made.

    Parameters
    ----------
    path
        The folder.
    config
        The build config in it.
    species
        Production names, in the order of their numbers.
    genes, proteins, orthologs, homologies, cells
        Annotated genes, proteins, true ortholog pairs, called homologies (paralogs and split models among them),
        cells, over all species.
    errors
        Planted errors of orthology calling, by kind.
    planted
        Genes by planted trait.
    """

    path: Path
    config: Path
    species: tuple[str, ...]
    genes: int
    proteins: int
    orthologs: int
    homologies: int
    cells: int
    errors: dict[str, int]
    planted: dict[str, int]
