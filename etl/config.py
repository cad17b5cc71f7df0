"""Read a build config: ``release.toml`` as frozen, checked models.

Keys that the models do not declare are errors; paths are relative to the config file. What each key means stands in
docs/build.md, under "All settings of the config".
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainValidator,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationInfo,
)

from homodb.etl.embeddings import CHECKPOINTS, DEVICES, MODELS, PRECISIONS, Long, Pooling
from homodb.etl.evidence import Parameters
from homodb.etl.fetch.layouts import DIVISIONS, Release, is_date
from homodb.etl.fetch.record import Record, read_record
from homodb.etl.sources import header_form
from homodb.schema.catalog import NAME
from homodb.schema.errors import ConfigError, UnknownSpeciesError, shown
from homodb.schema.io import check_there, read_toml
from homodb.schema.messages import choices_hint, expected
from homodb.schema.models import FrozenModel, one_of
from homodb.schema.species import Species, describe, described, find

#: Most characters of a path that a message shows.
_LONGEST_PATH = 300
#: Most characters of a version, which is part of the names of files.
_LONGEST_VERSION = 100
#: Keys of ``[embedding]`` that k-mer profiles have no use for.
_CHECKPOINT_KEYS = ("weights", "layer", "long", "device", "precision", "store")
#: How messages write the tables of a config.
_HEADINGS = {key: f"[{key}]" for key in ("release", "origins", "embedding", "hl_o2o", "ensembl", "base", "build")}
_HEADINGS |= {key: f"[[{key}]]" for key in ("species", "homology", "databases", "evidence")}

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)
Pairs = tuple[tuple[Species, Species], ...]


@dataclass(frozen=True)
class Source:
    """One input file.

    Parameters
    ----------
    written
        Its path as the config writes it.
    path
        Its path from the working directory.
    url, sha256
        Address that it was fetched from, and its checksum then; None for a file that was not fetched.
    """

    written: str
    path: Path
    url: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class _Context:
    """Folder of a config, and the record of files fetched into it."""

    folder: Path
    record: Record | None


def _read_source(written: object, info: ValidationInfo) -> object:
    if isinstance(written, Source):
        return written
    context = info.context
    if not isinstance(written, str) or not isinstance(context, _Context):
        raise ValueError(expected("a path", written))
    path = context.folder / written
    if not os.path.isfile(path):  # noqa: PTH113 (False for a name that is too long)
        raise ValueError(f"There is no file {shown(str(path), _LONGEST_PATH)}.")
    fetched = context.record.files.get(posixpath.normpath(written)) if context.record else None
    return Source(written, path, fetched.url, fetched.sha256) if fetched else Source(written, path)


def _read_folder(written: object, info: ValidationInfo) -> object:
    context = info.context
    return context.folder / written if isinstance(written, str) and isinstance(context, _Context) else written


def _read_species(name: object) -> Species:
    if isinstance(name, Species):
        return name
    if not isinstance(name, str):
        raise ValueError(expected("text", name))
    try:
        return find(name)
    except UnknownSpeciesError as error:
        hint = "A species that homodb does not know is described in [[species]] by taxon_id and common_name."
        raise ValueError(f"{error} {hint}") from error


def _describe_species(document: object, where: str) -> None:
    """Let the species be found that the entries of ``[[species]]`` describe, since the registry lacks them."""
    entries = document.get("species") if isinstance(document, dict) else None
    species: dict[int, Species] = {}
    for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
        if not isinstance(entry, dict) or not entry.keys() & {"taxon_id", "common_name"}:
            continue
        name, taxon_id, common_name = (entry.get(key) for key in ("name", "taxon_id", "common_name"))
        place = f"{where}: [[species]] {number}"
        if not (isinstance(name, str) and type(taxon_id) is int and taxon_id > 0 and isinstance(common_name, str)):
            raise ConfigError(
                f"{place}: a species that homodb does not know has name, taxon_id and common_name, such as "
                "'ambystoma_mexicanum', 8296 and 'axolotl'"
            )
        try:
            one = described(name, taxon_id, common_name, species)
        except ValueError as error:
            raise ConfigError(f"{place}: {error} Leave out taxon_id and common_name, or correct them") from error
        species[one.number] = one
    describe(species.values())


def _read_pairs(pairs: object) -> Pairs | Literal["all"] | None:
    if pairs is None or pairs == "all":
        return pairs
    if not isinstance(pairs, list) or not pairs or any(not isinstance(one, list) or len(one) != 2 for one in pairs):
        raise ValueError(expected("'all' or a list of pairs of species", pairs))
    return tuple((_read_species(source), _read_species(target)) for source, target in pairs)


def _read_release(ensembl: object) -> object:
    return str(ensembl) if type(ensembl) is int else ensembl


def _listed(value: object) -> object:
    if not isinstance(value, str | list | tuple):
        raise ValueError(expected("one value or a list", value))
    return [value] if isinstance(value, str) else value


def _check_tables(value: object) -> object:
    if not isinstance(value, list | tuple):
        raise ValueError("Expected a list of tables. Write its name in double brackets.")
    return value


def _check_some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError(expected("a list of 1 or more", []))
    return values


def _check_unique(words: tuple[H, ...]) -> tuple[H, ...]:
    if (word := _repeated(words)) is not None:
        raise ValueError(f"{shown(repr(str(word)))} is listed twice.")
    return words


def _check_header(header: str | None) -> str | None:
    if header is not None:
        header_form(header)
    return header


def _repeated(values: Sequence[H]) -> H | None:
    """Return the first value that is there twice."""
    counts = Counter(values)
    return next((value for value in values if counts[value] > 1), None)


def _check_version(version: str) -> str:
    if len(version) > _LONGEST_VERSION:
        raise ValueError(f"{shown(repr(version))} is too long. Use at most {_LONGEST_VERSION} characters.")
    if not NAME.fullmatch(version):
        allowed = "Use letters, digits, '.', '-', '_' and '+'."
        raise ValueError(f"{shown(repr(version))} cannot be part of a file name. {allowed}")
    return version


File = Annotated[InstanceOf[Source], BeforeValidator(_read_source)]
Files = Annotated[tuple[File, ...], BeforeValidator(_listed)]
Folder = Annotated[Path, BeforeValidator(_read_folder)]
NamedSpecies = Annotated[InstanceOf[Species], BeforeValidator(_read_species)]
Tables = Annotated[tuple[T, ...], BeforeValidator(_check_tables)]
Words = Annotated[tuple[T, ...], BeforeValidator(_listed), AfterValidator(_check_some), AfterValidator(_check_unique)]
Weight = Annotated[StrictFloat, Field(ge=0, allow_inf_nan=False)]


def _read_ensembl(release: object) -> Release:
    """Return the number of a release, or the date of gene sets."""
    if isinstance(release, str) and is_date(release):
        return release
    if isinstance(release, bool) or not isinstance(release, int):
        raise ValueError(expected("a whole number, or a date such as '2026_04'", release))
    if release < 1:
        raise ValueError(expected("1 or more", release))
    return release


def _read_accessions(accessions: dict[str, str]) -> dict[str, str]:
    """Return accessions by production name."""
    return {find(name).name: accession for name, accession in accessions.items()}


class ReleaseConfig(FrozenModel):
    """``[release]``: description of the release."""

    version: Annotated[str, AfterValidator(_check_version)]
    title: str | None = None
    ensembl: Annotated[str | None, BeforeValidator(_read_release)] = None
    licence: str | None = None
    citation: str | None = None


class OriginConfig(FrozenModel):
    """``[origins.NAME]``: who publishes some inputs, for the table ``data_source``."""

    name: str
    release: Annotated[str | None, BeforeValidator(_read_release)] = None
    ensembl: Annotated[str | None, BeforeValidator(_read_release)] = None
    licence: str | None = None
    citation: str | None = None

    @property
    def label(self) -> str:
        """Name and release."""
        return f"{self.name} {self.release}" if self.release else self.name


class SpeciesConfig(FrozenModel):
    """``[[species]]``: a species and the files with its genes.

    ``alternate_loci`` says whether its Ensembl has haplotypes or patches; None for what homodb knows. ``taxon_id`` and
    ``common_name`` describe a species that the registry lacks.
    """

    species: NamedSpecies = Field(alias="name")
    taxon_id: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)] | None = None
    common_name: str | None = None
    assembly: str | None = None
    origin: str | None = None
    synonyms_origin: str | None = None
    alternate_loci: StrictBool | None = None
    genes: File | None = None
    proteome: File | None = None
    header: Annotated[str | None, AfterValidator(_check_header)] = None
    protein_genes: File | None = None
    annotation: File | None = None
    canonical: File | None = None
    xrefs: Files = ()
    synonyms: File | None = None
    history: File | None = None
    core: Files = ()

    def check(self) -> None:
        """Check that what says how to read a proteome has one."""
        for key in ("header", "protein_genes"):
            if getattr(self, key) is not None and self.proteome is None:
                raise ValueError(f"{key} says how to read a proteome, and there is none.")


class SpeciesPair(FrozenModel):
    """Two species of the config."""

    source: NamedSpecies
    target: NamedSpecies


class HomologyConfig(SpeciesPair):
    """``[[homology]]``: Ensembl's homologies of one pair of species."""

    format: Annotated[Literal["biomart", "compara"], one_of("format", ("biomart", "compara"))]
    paths: Annotated[Files, AfterValidator(_check_some)] = Field(alias="path")
    origin: str | None = None
    types: Annotated[Literal["ensembl", "derived"], one_of("kind of types", ("ensembl", "derived"))] = "ensembl"


class DatabasesConfig(SpeciesPair):
    """``[[databases]]``: pairs of genes that orthology databases name, as HCOP lists them."""

    path: File
    origin: str | None = None
    homologies: str | None = None


class EvidenceConfig(SpeciesPair):
    """``[[evidence]]``: ready evidence from an embedding for a pair."""

    model: str
    pooling: str
    best_hits: File
    correlations: File | None = None
    origin: str | None = None
    median_correlation: Annotated[StrictFloat, Field(ge=-1, le=1)] | None = None


class EmbeddingConfig(FrozenModel):
    """``[embedding]``: how proteomes are embedded."""

    model: Annotated[str, one_of("model", MODELS)]
    weights: File | None = None
    layer: StrictInt | None = None
    pooling: Words[Annotated[Pooling, one_of("pooling", Pooling)]] = (Pooling.MEAN,)
    long: Annotated[Long, one_of("long", (Long.TRUNCATE, Long.WINDOW))] = Long.TRUNCATE
    device: Annotated[str, one_of("device", DEVICES)] = DEVICES[0]
    precision: Annotated[str, one_of("precision", PRECISIONS)] = PRECISIONS[0]
    min_length: Annotated[StrictInt, Field(ge=1)] = 1
    biotypes: Words[str] | None = None
    store: Folder | None = None

    def check(self) -> None:
        """Check that the model has the layer, and a use for every setting."""
        if self.model == "kmer":
            for key in _CHECKPOINT_KEYS:
                if key in self.model_fields_set:
                    raise ValueError(f"{key} has no meaning for model 'kmer'; it belongs to an ESM2 checkpoint.")
        elif self.layer is not None and not 0 <= self.layer <= CHECKPOINTS[self.model].layers:
            raise ValueError(f"layer: {expected(f'0 to {CHECKPOINTS[self.model].layers}', self.layer)}")


class EnsemblConfig(FrozenModel):
    """``[ensembl]``: inputs over the network."""

    release: Annotated[Release, PlainValidator(_read_ensembl)]
    division: Annotated[str, one_of("division", DIVISIONS)] = "vertebrates"
    base: str | None = None
    folder: Folder | None = None
    accessions: Annotated[dict[str, str], AfterValidator(_read_accessions)] = Field(default_factory=dict)


class WeightsConfig(FrozenModel):
    """``[hl_o2o.weights]``: weights of scaled identity and correlation."""

    identity: Weight = 1.0
    correlation: Weight = 1.0


class HlO2oConfig(FrozenModel):
    """``[hl_o2o]``: settings of the strategy HL_O2O."""

    weights: WeightsConfig = WeightsConfig()


class BaseConfig(FrozenModel):
    """``[base]``: a release whose genes and aliases are added to those of the files."""

    release: Folder


class BuildTable(FrozenModel):
    """``[build]``: pairs to map, and what is used and written."""

    pairs: Annotated[Pairs | Literal["all"] | None, PlainValidator(_read_pairs)] = None
    allow_mixed: StrictBool = False
    evidence: StrictBool = True
    database: StrictBool = True
    compression: Annotated[StrictInt, Field(ge=1, le=22)] = 3


class BuildConfig(FrozenModel):
    """A whole build config; its species are sorted by number."""

    release: ReleaseConfig
    species: Annotated[
        Tables[SpeciesConfig],
        AfterValidator(_check_some),
        AfterValidator(lambda entries: tuple(sorted(entries, key=lambda entry: entry.species.number))),
    ]
    homologies: Tables[HomologyConfig] = Field(default=(), alias="homology")
    databases: Tables[DatabasesConfig] = ()
    all_evidence: Tables[EvidenceConfig] = Field(default=(), alias="evidence")
    origins: dict[str, OriginConfig] = Field(default_factory=dict)
    embedding: EmbeddingConfig | None = None
    hl_o2o: HlO2oConfig = HlO2oConfig()
    ensembl: EnsemblConfig | None = None
    base: BaseConfig | None = None
    build: BuildTable = BuildTable()

    @property
    def evidence(self) -> tuple[EvidenceConfig, ...]:
        """The ``[[evidence]]`` that the build uses."""
        return self.all_evidence if self.build.evidence else ()

    def origin(self, name: str | None) -> OriginConfig | None:
        """Return an origin by its name in the config."""
        return None if name is None else self.origins[name]

    @property
    def parameters(self) -> Parameters:
        """Parameters of the strategies."""
        return Parameters(self.hl_o2o.weights.identity, self.hl_o2o.weights.correlation)

    def check(self) -> None:
        """Check species, evidence, pairs and proteomes against each other.

        Species and evidence are listed once, pairs are of listed species, and proteomes are named.
        """
        listed = [entry.species for entry in self.species]
        if (species := _repeated(listed)) is not None:
            raise ValueError(f"[[species]]: {species.name} is listed twice.")
        for place, source, target in self._places_of_pairs():
            if source == target:
                raise ValueError(f"{place}: source and target are both {source.name}.")
            for species in (source, target):
                if species not in listed:
                    raise ValueError(f"{place}: {species.name} has no [[species]] entry.")
        for place, name in self._places_of_origins():
            if name is not None and name not in self.origins:
                raise ValueError(
                    f"{place}: There is no [origins.{shown(name)}]{choices_hint(name, list(self.origins))}"
                )
        keys = [(one.model, one.pooling, frozenset((one.source, one.target))) for one in self.evidence]
        if (key := _repeated(keys)) is not None:
            entry = self.evidence[keys.index(key)]
            pair = f"{entry.source.name} and {entry.target.name}"
            raise ValueError(f"[[evidence]]: {pair} are listed twice for {shown(entry.model)}, {shown(entry.pooling)}.")
        if self.embedding and not self.ensembl and not any(entry.proteome for entry in self.species):
            raise ValueError('[embedding]: No species has a proteome. Add proteome = "….pep.all.fa.gz" to [[species]].')

    def _places_of_pairs(self) -> Iterator[tuple[str, Species, Species]]:
        for number, homology in enumerate(self.homologies, 1):
            yield f"[[homology]] {number}", homology.source, homology.target
        for number, databases in enumerate(self.databases, 1):
            yield f"[[databases]] {number}", databases.source, databases.target
        for number, evidence in enumerate(self.evidence, 1):
            yield f"[[evidence]] {number}", evidence.source, evidence.target
        if isinstance(self.build.pairs, tuple):
            for number, pair in enumerate(self.build.pairs, 1):
                yield f"[build]: pairs {number}", *pair

    def _places_of_origins(self) -> Iterator[tuple[str, str | None]]:
        for entry in self.species:
            yield f"[[species]] {entry.species.name}", entry.origin
            yield f"[[species]] {entry.species.name}", entry.synonyms_origin
        entries: dict[str, tuple[HomologyConfig | DatabasesConfig | EvidenceConfig, ...]] = {
            "homology": self.homologies,
            "databases": self.databases,
            "evidence": self.all_evidence,
        }
        for heading, tables in entries.items():
            for number, table in enumerate(tables, 1):
                yield f"[[{heading}]] {number}", table.origin

    def files(self) -> tuple[Source, ...]:
        """Return every input file, in the order in which it is named."""
        species = [
            source
            for entry in self.species
            for source in (
                entry.genes,
                entry.proteome,
                entry.protein_genes,
                entry.annotation,
                entry.canonical,
                *entry.xrefs,
                entry.synonyms,
                entry.history,
                *entry.core,
            )
        ]
        homologies = [source for entry in self.homologies for source in entry.paths]
        homologies += [entry.path for entry in self.databases]
        evidence = [source for entry in self.evidence for source in (entry.best_hits, entry.correlations)]
        return tuple(source for source in (*species, *homologies, *evidence) if source is not None)

    def mapped_pairs(self) -> list[tuple[int, int]]:
        """Return the pairs of species to map, by number, lower first.

        The pairs that ``[build] pairs`` names; else those with homologies or evidence, and with ``[embedding]`` also
        those of two proteomes one of which has no homology or evidence; with none of these, all.
        """
        numbers = [entry.species.number for entry in self.species]
        if self.build.pairs == "all":
            return list(combinations(numbers, 2))
        if self.build.pairs is not None:
            return sorted({_ordered(a, b) for a, b in self.build.pairs})
        typed = [entry for entry in self.databases if entry.homologies]
        named: tuple[SpeciesPair, ...] = (*self.homologies, *typed, *self.evidence)
        pairs = {_ordered(one.source, one.target) for one in named}
        if self.embedding is not None:
            paired = {number for pair in pairs for number in pair}
            proteomes = [entry.species.number for entry in self.species if entry.proteome is not None]
            pairs |= {pair for pair in combinations(proteomes, 2) if not paired.issuperset(pair)}
        return sorted(pairs) or list(combinations(numbers, 2))


def _ordered(a: Species, b: Species) -> tuple[int, int]:
    return min(a.number, b.number), max(a.number, b.number)


def read_config(path: Path) -> BuildConfig:
    """Read and check a build config.

    Raises
    ------
    ConfigError, UnknownSpeciesError
        If the file is missing or not TOML, has an unknown key, lacks a required one, has a value of the wrong
        type, or names an unknown species, one that ``[[species]]`` does not list, or a file that does not exist.
    """
    check_there(path, error=ConfigError)
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name the config, such as {path / 'release.toml'}")
    context = _Context(path.parent, read_record(path.parent))
    document = read_toml(path)
    _describe_species(document, str(path))
    return BuildConfig.read(document, str(path), context, _HEADINGS)
