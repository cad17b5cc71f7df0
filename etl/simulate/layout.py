"""Paths of the files of a simulation, in the folders and names of Ensembl."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from homodb.schema.species import Species

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
