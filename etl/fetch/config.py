"""Turn downloaded files into the inputs of a build."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from homodb.etl.config import (
    BuildConfig,
    EmbeddingConfig,
    EnsemblConfig,
    HomologyConfig,
    ReleaseConfig,
    Source,
    SpeciesConfig,
)
from homodb.etl.fetch.layouts import Release
from homodb.etl.fetch.record import Holding, Record
from homodb.etl.sources import open_bytes
from homodb.schema.errors import ConfigError
from homodb.schema.io import whole_file
from homodb.schema.species import Species, find

_LICENCE = "Ensembl imposes no restrictions; see https://www.ensembl.org/info/about/legal/disclaimer.html"
_SINGLE = ("proteome", "annotation", "history")
_LISTS = ("xrefs", "core")
#: Kinds of file with a header line.
_HEADED = ("xrefs", "compara")
_SMALL = 1 << 16
#: A column of Compara's dumps, which the best hits of the new platform (``ref_gene_stable_id``) lack.
_COMPARA = b"homology_gene_stable_id"


def add_fetched_inputs(settings: BuildConfig, record: Record, folder: Path) -> BuildConfig:
    """Add downloaded files to the species without a proteome and their pairs."""

    def source(path: str) -> Source:
        return Source(path, folder / path, record.files[path].url, record.files[path].sha256)

    def first(files: Mapping[str, list[str]], kind: str) -> Source | None:
        return source(files[kind][0]) if kind in files else None

    def several(files: Mapping[str, list[str]], kind: str) -> tuple[Source, ...]:
        return tuple(map(source, files.get(kind, [])))

    species = []
    for entry in settings.species:
        if entry.proteome is not None:
            species.append(entry)
            continue
        holding = record.species[entry.species.name]
        files = dict(_useful(holding, folder))
        species.append(
            entry.model_copy(
                update={
                    "assembly": entry.assembly or holding.assembly,
                    "proteome": first(files, "proteome"),
                    "annotation": entry.annotation or first(files, "annotation"),
                    "history": entry.history or first(files, "history"),
                    "xrefs": entry.xrefs or several(files, "xrefs"),
                    "core": entry.core or (several(files, "core") if entry.synonyms is None else ()),
                }
            )
        )
    configured = {frozenset((one.source, one.target)) for one in settings.homologies}
    wanted = settings.build.pairs if isinstance(settings.build.pairs, tuple) else None
    homologies = [
        HomologyConfig(source=a, target=b, format="compara", path=tuple(map(source, paths)))
        for a, b, paths in _pairs([entry.species for entry in fetched_species(settings)], record, folder)
        if frozenset((a, b)) not in configured and (wanted is None or (a, b) in wanted or (b, a) in wanted)
    ]
    release = settings.release
    if settings.ensembl is not None and release.ensembl is None:
        release = release.model_copy(update={"ensembl": str(settings.ensembl.release)})
    added = {"release": release, "species": tuple(species), "homologies": (*settings.homologies, *homologies)}
    return settings.model_copy(update=added)


def fetched_species(settings: BuildConfig) -> list[SpeciesConfig]:
    """Return the species whose files are downloaded: those without a proteome."""
    return [entry for entry in settings.species if entry.proteome is None]


def parse_species(text: str | None) -> list[Species]:
    """Return the species of comma-separated names.

    A name may be followed by an accession, as in ``mouse=GCA_000001635.9``: see :func:`parse_accessions`.

    Raises
    ------
    ConfigError, UnknownSpeciesError
        If there are none, one is repeated, or a name is unknown.

    Examples
    --------
    >>> [one.name for one in parse_species("human, mice")]
    ['homo_sapiens', 'mus_musculus']
    """
    species = [find(name.partition("=")[0].strip()) for name in (text or "").split(",") if name.strip()]
    if not species:
        raise ConfigError("no species. Expected names separated by commas, such as human,mouse,pig")
    for one in species:
        if species.count(one) > 1:
            raise ConfigError(f"species {text!r}: {one.name} is repeated")
    return species


def parse_accessions(text: str | None) -> dict[str, str]:
    """Return the accessions of comma-separated names by species.

    Examples
    --------
    >>> parse_accessions("human, mouse=GCA_000001635.9")
    {'mus_musculus': 'GCA_000001635.9'}
    """
    pairs = [name.partition("=") for name in (text or "").split(",")]
    return {find(name.strip()).name: accession.strip() for name, _, accession in pairs if accession.strip()}


def config_from_ensembl(wanted: EnsemblConfig, names: str | None, model: str | None = None) -> BuildConfig:
    """Create a build config for an Ensembl release and species.

    Raises
    ------
    ConfigError, UnknownSpeciesError
        If a species or the model is unknown.
    """
    species = parse_species(names)
    return BuildConfig(
        release=ReleaseConfig(
            version=_version(wanted.release),
            title=_title(wanted.release, species),
            ensembl=str(wanted.release),
            licence=_LICENCE,
        ),
        species=tuple(SpeciesConfig(name=one) for one in species),
        embedding=None if model is None else EmbeddingConfig(model=model),
        ensembl=wanted,
    )


def write_config(path: Path, record: Record, folder: Path, species: Sequence[Species]) -> tuple[Record, list[str]]:
    """Write a build config for downloaded files.

    Returns
    -------
    tuple
        Record with the checksum of the config, and notes for the user.
    """
    text, notes = _text(record, folder, sorted(species))
    current = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    if current is not None and current != record.config_sha256:
        return record, [*notes, f"{path} was edited by hand and is kept"]
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if current != sha256:
        with whole_file(path) as partial:
            partial.write_text(text, "utf-8")
    return replace(record, config_sha256=sha256), notes


def _text(record: Record, folder: Path, species: Sequence[Species]) -> tuple[str, list[str]]:
    lines = [
        "# Written by `homodb fetch` for `homodb build`.",
        "[release]",
        f"version = {_quoted(_version(record.release))}",
        f"title = {_quoted(_title(record.release, species))}",
        f"ensembl = {_quoted(str(record.release))}",
        f"licence = {_quoted(_LICENCE)}",
    ]
    notes = []
    for one in species:
        holding = record.species[one.name]
        files = dict(_useful(holding, folder))
        lines += ["", "[[species]]", f"name = {_quoted(one.name)}", f"assembly = {_quoted(holding.assembly)}"]
        lines += [f"{kind} = {_quoted(files[kind][0])}" for kind in _SINGLE if kind in files]
        lines += [f"{kind} = [{', '.join(map(_quoted, files[kind]))}]" for kind in _LISTS if kind in files]
        unused = [
            (kind, path) for kind, paths in holding.files.items() for path in paths if path not in files.get(kind, ())
        ]
        notes += [f"{one.name}: {_reason(kind, folder / path)}" for kind, path in unused]
    paired = set()
    for a, b, paths in _pairs(species, record, folder):
        paired.add((a, b))
        lines += ["", "[[homology]]", f"source = {_quoted(a.name)}", f"target = {_quoted(b.name)}"]
        lines += ['format = "compara"', f"path = [{', '.join(map(_quoted, paths))}]"]
    without = [f"{a.name} and {b.name}" for a, b in combinations(species, 2) if (a, b) not in paired]
    notes += [f"Ensembl {record.release} has no homologies between {pair}" for pair in without]
    lines += ["", "# To embed the proteomes too, uncomment:", "# [embedding]", '# model = "kmer"', ""]
    return "\n".join(lines), notes


def _pairs(
    species: Sequence[Species], record: Record, folder: Path
) -> Iterator[tuple[Species, Species, tuple[str, ...]]]:
    """Yield pairs of species with the Compara dumps of both."""
    dumps = {one: dict(_useful(record.species[one.name], folder)).get("compara", []) for one in species}
    for a, b in combinations(sorted(species), 2):
        # either may have the homologies of the pair, and both may be the same file
        if paths := tuple(dict.fromkeys((*dumps[a], *dumps[b]))):
            yield a, b, paths


def _useful(holding: Holding, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield kinds with their files, without files that the build cannot use."""
    for kind, paths in holding.files.items():
        if useful := [path for path in paths if kind == "core" or _has_content(kind, folder / path)]:
            yield kind, useful


def _has_content(kind: str, path: Path) -> bool:
    with open_bytes(path) as stream:
        if kind in _HEADED and _COMPARA not in stream.readline(_SMALL) and kind == "compara":
            return False
        return bool(stream.read(_SMALL).strip())


def _reason(kind: str, path: Path) -> str:
    """Return the reason why a file is not used."""
    with open_bytes(path) as stream:
        header = stream.readline(_SMALL)
    if kind == "compara" and header.strip() and _COMPARA not in header:
        return f"{path.name} has best hits of genes, not Compara's homologies, and is left out"
    return f"an empty {kind} file is left out"


def _version(release: Release) -> str:
    return f"ensembl-{release}"


def _title(release: Release, species: Sequence[Species]) -> str:
    return f"Ensembl {release}: {', '.join(one.common_name for one in sorted(species))}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
