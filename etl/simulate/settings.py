"""Define the settings, progress and random numbers of a simulation."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import numpy as np
import polars as pl
from pydantic import Field, StrictFloat, StrictInt

from homodb.etl.simulate.species import MEMBERS
from homodb.schema.models import FrozenModel
from homodb.schema.species import Species

Share = Annotated[StrictFloat, Field(ge=0, le=1, allow_inf_nan=False)]
#: Above this rate of events per million years gene families would grow without bound.
Rate = Annotated[StrictFloat, Field(ge=0, le=0.05, allow_inf_nan=False)]


class Settings(FrozenModel):
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

    species: Annotated[StrictInt, Field(ge=2, le=len(MEMBERS))] = 3
    genes: Annotated[StrictInt, Field(ge=20, le=100_000)] = 2_000
    cells: Annotated[StrictInt, Field(ge=0, le=10_000_000)] = 3_000
    seed: Annotated[StrictInt, Field(ge=0, le=2**63 - 1)] = 1
    duplication: Rate = 0.0002
    loss: Rate = 0.00035
    birth: Rate = 0.00007
    bursts: Rate = 0.00016
    substitution: Rate = 0.0014
    indels: Share = 0.06
    missed: Share = 0.03
    split: Share = 0.1
    wrong_type: Share = 0.01
    false_pairs: Share = 0.005
    symbol_drift: Share = 0.04
    shared_symbols: Share = 0.003
    alias_clashes: Share = 0.005
    alternate_loci: Share = 0.01
    split_models: Share = 0.002
    unknown_residues: Share = 0.02
    non_coding: Share = 0.1
    donors: Annotated[StrictInt, Field(ge=1, le=1_000)] = 3
    cell_types: Annotated[StrictInt, Field(ge=1, le=100)] = 8
    ambient: Share = 0.05
    dropout: Share = 0.3
    dispersion: Annotated[StrictFloat, Field(ge=0, le=100, allow_inf_nan=False)] = 0.3
    expression_drift: Annotated[StrictFloat, Field(ge=0, le=5, allow_inf_nan=False)] = 0.2
    missing_genes: Share = 0.02

    @classmethod
    def parse(cls, assignments: Sequence[str], **sizes: int) -> Settings:
        """Parse settings written as ``name=value``.

        Raises
        ------
        ConfigError
            If there is no such setting, or a value is not a number within its bounds.

        Examples
        --------
        >>> Settings.parse(["missed=0.1", "donors=2"], genes=500).missed
        0.1
        """
        values: dict[str, Any] = dict(sizes)
        for assignment in assignments:
            name, _, value = assignment.partition("=")
            values[name] = _number(value)
        return cls(**values)

    def stream(self, *names: str | int) -> np.random.Generator:
        """Return the random numbers of a part, independent of all others."""
        key = tuple(zlib.crc32(str(name).encode()) for name in names)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))


def _number(text: str) -> int | float | str:
    """Parse a number, or return the text for the model to check."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


@dataclass(frozen=True, slots=True)
class SimulationProgress:
    """Progress of a simulation: the step, and its units done and in total."""

    step: str
    done: int
    total: int


@dataclass(frozen=True)
class Summary:
    """Summary of a simulated data set.

    Parameters
    ----------
    path
        Folder of the data set.
    config
        Build config in the folder.
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


#: Names that no assembly and no Ensembl release has.
ASSEMBLY = "sim1"
RELEASE = 9999

_LEVEL = 6


@dataclass(frozen=True)
class Layout:
    """Paths of the files of a simulation.

    Parameters
    ----------
    folder
        Folder of the simulation.
    species
        Species, in the order of their numbers.
    """

    folder: Path
    species: tuple[Species, ...]

    def _place(self, *parts: str) -> Path:
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _stem(self, species: int) -> str:
        name = self.species[species].name
        return f"{name[:1].upper()}{name[1:]}.{ASSEMBLY}"

    def proteome(self, species: int) -> Path:
        """Return the path of a proteome."""
        name = self.species[species].name
        return self._place(f"release-{RELEASE}", "fasta", name, "pep", f"{self._stem(species)}.pep.all.fa.gz")

    def gtf(self, species: int) -> Path:
        """Return the path of an annotation."""
        name = self.species[species].name
        return self._place(f"release-{RELEASE}", "gtf", name, f"{self._stem(species)}.{RELEASE}.gtf.gz")

    def xref(self, species: int, kind: str) -> Path:
        """Return the path of a dump of cross-references of one kind."""
        name = self.species[species].name
        return self._place(f"release-{RELEASE}", "tsv", name, f"{self._stem(species)}.{RELEASE}.{kind}.tsv.gz")

    def synonyms(self, species: int) -> Path:
        """Return the path of a table of synonyms."""
        return self._place("biomart", f"{self.species[species].name}.synonyms.tsv.gz")

    def history(self, species: int) -> Path:
        """Return the path of a history of stable IDs."""
        name = self.species[species].name
        return self._place(f"release-{RELEASE}", "mysql", f"{name}_core_{RELEASE}_1", "stable_id_event.txt.gz")

    def compara(self, species: int, kind: str) -> Path:
        """Return the path of a Compara dump of one kind."""
        name = self.species[species].name
        folder = (f"release-{RELEASE}", "tsv", "ensembl-compara", "homologies", name)
        return self._place(*folder, f"Compara.{RELEASE}.{kind}.homologies.tsv.gz")

    def biomart(self, source: int, target: int) -> Path:
        """Return the path of a BioMart export."""
        return self._place("biomart", f"{self.species[source].name}.{self.species[target].name}.txt.gz")

    def cells(self, species: int) -> Path:
        """Return the path of the cells of a species."""
        return self._place("cells", f"{self.species[species].name}.h5ad")

    def written(self, path: Path) -> str:
        """Return a path as written in a config of the folder."""
        return path.relative_to(self.folder).as_posix()


@contextmanager
def open_gzip(path: Path) -> Iterator[BinaryIO]:
    """Open a gzip file for writing, without time and name in its header."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as stream:
        yield cast(BinaryIO, stream)


def write_table(path: Path, frame: pl.DataFrame, *, header: bool = True, null: str = "") -> None:
    """Write a frame as gzipped tab-separated text, floats to four places."""
    with open_gzip(path) as stream:
        frame.write_csv(stream, separator="\t", include_header=header, null_value=null, float_precision=4)
