"""Read every input file of a build once, and record its provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from homodb.etl.config import BuildConfig, DatabasesConfig, EvidenceConfig, HomologyConfig, Source, SpeciesConfig
from homodb.etl.runner import Runner
from homodb.etl.sources import (
    ALIASES,
    ALTERNATES,
    CANONICAL,
    DATE,
    GENES,
    HOMOLOGIES,
    ORTHOLOGY,
    PROTEINS,
    SERIAL,
    Reading,
    input_errors,
    read_annotation,
    read_biomart,
    read_canonical,
    read_compara,
    read_core,
    read_databases,
    read_gene_table,
    read_history,
    read_hits,
    read_protein_genes,
    read_proteome,
    read_synonyms,
    read_xrefs,
    sha256,
    to_arrow,
)
from homodb.schema.errors import BrokenReleaseError, InputError, Problem
from homodb.schema.manifest import read_manifest
from homodb.schema.species import Species

#: Sources in order of precedence, for contradictory details of a gene.
GENE_SOURCES = ("annotation", "genes", "proteome", "compara", "databases", "biomart", "base", "hits")
#: Sources that list all genes of a species, those without homologies too.
GENE_LISTS = ("annotation", "genes")


@dataclass(frozen=True)
class Hits:
    """Evidence files of one config entry (columns of ``records.HITS``)."""

    config: EvidenceConfig
    best_hits: pl.DataFrame
    correlations: pl.DataFrame


@dataclass(frozen=True)
class Inputs:
    """Content of all input files.

    Parameters
    ----------
    genes
        Genes by kind of source, in order of precedence; columns of ``records.GENES``.
    homologies, proteins, canonical, aliases, alternates
        Columns of the tables in :mod:`homodb.etl.sources.records`; homologies also have ``entry``, the place of their
        entry in the config, and ``retired``, whether one of the genes had a retired stable ID, and has none now.
    orthology
        Pairs that databases name, columns of ``records.ORTHOLOGY`` and ``entry``.
    hits
        Evidence files, in the order of the config.
    provenance
        Columns of the table ``provenance`` of a release.
    losses
        Unused content of the files: place, reason, count.
    """

    genes: tuple[tuple[str, pl.DataFrame], ...]
    homologies: pl.DataFrame
    proteins: pl.DataFrame
    canonical: pl.DataFrame
    aliases: pl.DataFrame
    alternates: pl.DataFrame
    orthology: pl.DataFrame
    hits: tuple[Hits, ...]
    provenance: pl.DataFrame
    losses: tuple[dict[str, Any], ...]

    def stable_ids(self, *sources: str) -> pl.DataFrame:
        """Return ``species, stable_id`` of the genes of some kinds of source."""
        frames = [table.select("species", "stable_id") for source, table in self.genes if source in sources]
        return pl.concat([frame_of(GENES.empty_table()).select("species", "stable_id"), *frames])

    def annotated(self) -> set[int]:
        """Return the numbers of the species whose genes a file lists."""
        return set(self.stable_ids(*GENE_LISTS, "proteome", "base")["species"].unique())

    def homology_genes(self) -> pl.DataFrame:
        """Return ``species, stable_id`` of the genes in homologies."""
        return pl.concat(
            [self.homologies.select(species=f"species_{side}", stable_id=f"stable_id_{side}") for side in "ab"]
        )


@dataclass
class _Readings:
    """Readings by kind of source, with provenance and losses."""

    runner: Runner
    readings: list[tuple[str, Reading]] = field(default_factory=list)
    provenance: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    losses: list[dict[str, Any]] = field(default_factory=list)

    def take(self, kind: str, source: Source, read: Callable[[Path], Reading]) -> Reading:
        reading = self.runner.run(f"read {kind}", source.written, partial(read, source.path), lambda r: r.rows)
        self.note(kind, source, reading)
        return reading

    def take_core(self, sources: tuple[Source, ...], species: Species) -> None:
        """Read the dumps of a core database, which belong together."""
        paths = {source.path: source for source in sources}
        read = partial(read_core, list(paths), species)
        readings = self.runner.run("read core", sources[0].written, read, _rows_of_all)
        for path, reading in readings.items():
            self.note("core", paths[path], reading)

    def note(self, kind: str, source: Source, reading: Reading) -> None:
        """Add a reading with its provenance."""
        digest = sha256(source.path)
        row = self.provenance.setdefault(
            (kind, source.written),
            {
                "source": kind,
                # the URL of a download that is unchanged
                "path": source.url if source.url is not None and source.sha256 == digest else source.written,
                "bytes": source.path.stat().st_size,
                "sha256": digest,
                "row_count": reading.rows,
                "kept": 0,
            },
        )
        row["kept"] += reading.kept
        skipped = {} if kind == "annotation" else reading.skipped  # exons are not a loss
        for reason, count in skipped.items():
            self.losses.append({"where": source.written, "reason": reason, "count": count})
        reading, dates = _without_dates(reading)
        if dates:
            reason = "symbols of stable IDs that a spreadsheet turned into dates or numbers"
            self.losses.append({"where": source.written, "reason": reason, "count": dates})
        self.readings.append((kind, reading))

    def table(self, name: str, schema: pa.Schema) -> pl.DataFrame:
        return frame_of(pa.concat_tables([schema.empty_table(), *(getattr(r, name) for _, r in self.readings)]))


def _without_dates(reading: Reading) -> tuple[Reading, int]:
    """Remove symbols that a spreadsheet turned into dates or their numbers, and count them.

    Ensembl has some, too. A gene with a stable ID does not need one, while a name without an ID stays.
    """
    genes = frame_of(reading.genes)
    is_date = pl.col("stable_id").is_not_null() & pl.col("symbol").str.contains(f"{DATE}|{SERIAL}")
    count = genes.select(is_date.sum()).item()
    if not count:
        return reading, 0
    genes = genes.with_columns(symbol=pl.when(is_date.not_()).then("symbol"))
    return replace(reading, genes=to_arrow(genes, GENES)), count


def read_inputs(settings: BuildConfig, runner: Runner) -> Inputs:
    """Read every file of a config.

    Raises
    ------
    InputError
        For the first unusable file, with all its problems, and for a pair of species without orthologs.
    """
    readings = _Readings(runner)
    for entry in settings.species:
        for kind, source, reader in _species_files(entry):
            readings.take(kind, source, partial(reader, species=entry.species))
        if entry.core:
            readings.take_core(entry.core, entry.species)
    if settings.base is not None:
        _read_base(settings, settings.base.release, readings)
    homologies = _read_homologies(settings.homologies, readings)
    orthology = [_read_databases(number, entry, readings) for number, entry in enumerate(settings.databases)]
    evidence = tuple(_read_hits(entry, readings) for entry in settings.evidence)
    genes = {kind: [frame_of(r.genes) for k, r in readings.readings if k == kind] for kind in GENE_SOURCES}
    genes["hits"] = [_named_by(frame) for hit in evidence for frame in (hit.best_hits, hit.correlations)]
    return Inputs(
        genes=tuple((kind, frame) for kind in GENE_SOURCES for frame in genes[kind]),
        homologies=homologies,
        proteins=readings.table("proteins", PROTEINS),
        canonical=readings.table("canonical", CANONICAL),
        aliases=readings.table("aliases", ALIASES),
        alternates=readings.table("alternates", ALTERNATES),
        orthology=pl.concat([_of_entry(None, ORTHOLOGY.empty_table()), *orthology]),
        hits=evidence,
        provenance=pl.DataFrame(list(readings.provenance.values())),
        losses=tuple(readings.losses),
    )


def _read_base(settings: BuildConfig, folder: Path, readings: _Readings) -> None:
    """Read the genes and aliases of a release, for the species of the config."""
    manifest = read_manifest(folder)
    numbers = [entry.species.number for entry in settings.species if entry.species.name in manifest.species]
    for name in ("gene", "gene_alias"):
        files = [file for file in manifest.files if file.path.startswith(f"parquet/{name}/")]
        if len(files) != 1 or not (path := folder / files[0].path).is_file():
            raise BrokenReleaseError(f"{folder}: has no Parquet file of its table {name}. Download the whole release")
        if sha256(path) != files[0].sha256:
            raise BrokenReleaseError(f"{path}: is not the file that the manifest names (its SHA-256 differs)")
    for table, reading in _base_readings(folder, numbers):
        path = folder / "parquet" / table / f"{table}.parquet"
        source = Source(f"{manifest.version}/{table}", path)
        readings.note("base", source, reading)


@input_errors
def _base_readings(folder: Path, numbers: list[int]) -> tuple[tuple[str, Reading], ...]:
    """Return the genes and aliases of some species, by table."""
    genes = pl.read_parquet(folder / "parquet" / "gene" / "gene.parquet")
    aliases = pl.read_parquet(folder / "parquet" / "gene_alias" / "gene_alias.parquet").join(genes, on="gene")
    own = genes.filter(pl.col("species").is_in(numbers)).with_columns(
        stable_id=pl.when(~pl.col("symbol_stands_in")).then("stable_id")
    )
    others = aliases.filter(pl.col("species").is_in(numbers) & (pl.col("kind") != "alternate_locus"))
    kept = (to_arrow(own, GENES), to_arrow(others.select("species", "alias", "kind", gene_id="stable_id"), ALIASES))
    return (
        ("gene", Reading(genes.height, own.height, genes=kept[0])),
        ("gene_alias", Reading(aliases.height, others.height, aliases=kept[1])),
    )


def _rows_of_all(readings: Mapping[Path, Reading]) -> int:
    return sum(reading.rows for reading in readings.values())


def _species_files(entry: SpeciesConfig) -> Iterator[tuple[str, Source, Callable[..., Reading]]]:
    annotation = None if entry.annotation is None else entry.annotation.path
    listed = None if entry.protein_genes is None else entry.protein_genes.path
    proteins = partial(read_proteome, annotation=annotation, header=entry.header, protein_genes=listed)
    single: tuple[tuple[str, Source | None, Callable[..., Reading]], ...] = (
        ("genes", entry.genes, read_gene_table),
        ("proteome", entry.proteome, proteins),
        ("protein_genes", entry.protein_genes, read_protein_genes),
        ("annotation", entry.annotation, read_annotation),
        ("canonical", entry.canonical, read_canonical),
        ("synonyms", entry.synonyms, read_synonyms),
        ("history", entry.history, read_history),
    )
    for kind, source, reader in single:
        if source is not None:
            yield kind, source, reader
    for source in entry.xrefs:
        yield "xref", source, read_xrefs


def _of_entry(number: int | None, table: pa.Table) -> pl.DataFrame:
    return frame_of(table).with_columns(entry=pl.lit(number, pl.Int32))


def _read_homologies(entries: tuple[HomologyConfig, ...], readings: _Readings) -> pl.DataFrame:
    """Read BioMart exports by pair, and each Compara dump once."""
    frames = [_of_entry(None, HOMOLOGIES.empty_table())]
    orthologs: dict[frozenset[int], int] = {}
    dumps: dict[Path, tuple[Source, list[tuple[Species, Species]]]] = {}
    for number, entry in enumerate(entries):
        for source in entry.paths:
            if entry.format == "compara":
                dumps.setdefault(source.path, (source, []))[1].append((entry.source, entry.target))
            else:
                read = partial(read_biomart, source=entry.source, target=entry.target)
                reading = readings.take("biomart", source, read)
                _count_pairs(reading, orthologs)
                frames.append(_of_entry(number, reading.homologies))
    for source, pairs in dumps.values():
        reading = readings.take("compara", source, partial(read_compara, pairs=pairs))
        _count_pairs(reading, orthologs)
        frames.append(_of_entry(None, reading.homologies))
    for entry in entries:
        if not orthologs.get(frozenset((entry.source.number, entry.target.number))):
            files = ", ".join(source.written for source in entry.paths)
            problem = Problem(0, f"no ortholog between {entry.source.name} and {entry.target.name}")
            raise InputError(files, [problem])
    return pl.concat(frames).with_columns(retired=pl.lit(value=False))


def _read_databases(number: int, entry: DatabasesConfig, readings: _Readings) -> pl.DataFrame:
    read = partial(read_databases, source=entry.source, target=entry.target)
    return _of_entry(number, readings.take("databases", entry.path, read).orthology)


def _count_pairs(reading: Reading, orthologs: dict[frozenset[int], int]) -> None:
    counted = frame_of(reading.homologies.select(["species_a", "species_b"])).group_by("species_a", "species_b").len()
    for a, b, count in counted.iter_rows():
        pair = frozenset((a, b))
        orthologs[pair] = orthologs.get(pair, 0) + count


def _read_hits(entry: EvidenceConfig, readings: _Readings) -> Hits:
    read = partial(read_hits, source=entry.source, target=entry.target, unknown=entry.median_correlation)
    best = frame_of(readings.take("hits", entry.best_hits, read).hits)
    if entry.correlations is None:
        return Hits(entry, best, best.clear())
    return Hits(entry, best, frame_of(readings.take("hits", entry.correlations, read).hits))


def _named_by(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the genes of a table of pairs, with their names as symbols."""
    genes = pl.concat([pairs.select(species=f"species_{side}", symbol=f"name_{side}") for side in "ab"]).unique(
        maintain_order=True
    )
    return frame_of(to_arrow(genes, GENES))


def frame_of(table: pa.Table) -> pl.DataFrame:
    """Convert an Arrow table to a polars frame."""
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a table, got {type(table)}")
    return frame
