"""Make a build config from files alone: formats, species and direction are read from headers, IDs and file names."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from homodb.etl.config import BuildConfig, read_config
from homodb.etl.sources import open_bytes
from homodb.etl.sources.biomart import ortholog_labels
from homodb.etl.sources.text import LONGEST_LINE, Findings, Header, batches, input_errors, read_header
from homodb.schema.catalog import is_name
from homodb.schema.errors import ConfigError, OutputError, UnknownSpeciesError
from homodb.schema.io import check_there
from homodb.schema.species import Species, find, species_of_ids

_MARK = "# Written by homodb build; change it and build from it again."
#: Organism of a FASTA header: its taxon ID by UniProt, its name by NCBI.
_ORGANISM = re.compile(r"\bOX=(\d+)|\[([A-Z][a-z]+ [a-z]+)[^\[\]]*\]\s*$")
#: Lines of a file that are looked at.
_LOOKED_AT = 200


@dataclass
class _Guessed:
    """Tables of a config: keys by species, homologies and databases."""

    species: dict[str, dict[str, str]] = field(default_factory=dict)
    homologies: list[dict[str, object]] = field(default_factory=list)
    databases: list[dict[str, object]] = field(default_factory=list)

    def add(self, species: Species, key: str, path: Path, written: str) -> None:
        keys = self.species.setdefault(species.name, {})
        if key and keys.setdefault(key, written) != written:
            raise ConfigError(f"{path}: {species.name} has two files of this kind ({keys[key]}). Expected one")


def config_from_files(files: Sequence[Path], output: Path, base: Path | None = None) -> BuildConfig:
    """Make a build config from input files, and write it beside the release.

    Parameters
    ----------
    files
        BioMart exports, Compara dumps, HCOP tables, tables of genes or synonyms, FASTA and GTF files.
    output
        Folder of the release; the config is ``<output>.toml``.
    base
        Release whose genes and synonyms are added; None for none.

    Raises
    ------
    ConfigError
        If the format of a file, its species or their direction cannot be determined.
    OutputError
        If there is another file of that name.
    """
    path = output.with_name(f"{output.name}.toml")
    tables = _Guessed()
    for file in files:
        check_there(file, error=ConfigError)
        _read(file, os.path.relpath(file, path.parent), tables)
    text = _toml(tables, output.name, None if base is None else os.path.relpath(base, path.parent))
    try:
        if path.exists() and not path.read_text("utf-8", errors="replace").startswith(_MARK):
            raise OutputError(f"{path}: is not of homodb build, and would be replaced. Use another output folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    return read_config(path)


@input_errors
def _read(path: Path, written: str, tables: _Guessed) -> None:
    with open_bytes(path) as stream:
        lines = [line.decode("utf-8", "replace") for line in stream.readlines(LONGEST_LINE)[:_LOOKED_AT]]
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if first.startswith(">"):
        tables.add(_species_of(path, lines), "proteome", path, written)
    elif first.count("\t") >= 8 and re.search(r"\bgene_id\b", first):
        tables.add(_species_of(path, lines), "annotation", path, written)
    else:
        _read_table(path, written, lines, tables)


def _read_table(path: Path, written: str, lines: list[str], tables: _Guessed) -> None:
    header = read_header(path)
    names = [name.lower() for name in header.names]
    pairs: list[tuple[Species, Species]]
    if "homology_species" in names:
        pairs, kind = _compara_pairs(path, header), "compara"
    elif "support" in names and sum(name.endswith("_ensembl_gene") for name in names) > 1:
        labels = [name.removesuffix("_ensembl_gene") for name in names if name.endswith("_ensembl_gene")]
        source, target = (_named(path, label) for label in labels[:2])
        for species in (source, target):
            tables.add(species, "", path, written)
        entry: dict[str, object] = {"source": source.name, "target": target.name, "path": written}
        tables.databases.append(entry | {"homologies": "Ensembl"})
        return
    elif labels := ortholog_labels(header):
        targets = [_named(path, label) for label in labels]
        source = _species_of(path, _first_fields(lines, header), not_these=targets)
        pairs, kind = [(source, target) for target in targets], "biomart"
    else:
        species = _species_of(path, lines)
        key = "synonyms" if any("synonym" in name for name in names) else "genes"
        tables.add(species, key, path, written)
        return
    for source, target in pairs:
        for species in (source, target):
            tables.add(species, "", path, written)
        same = [one for one in tables.homologies if {one["source"], one["target"]} == {source.name, target.name}]
        if kind == "compara" and same:  # Ensembl keeps a pair in one of the two species' dumps
            same[0]["path"] = [*_listed(same[0]["path"]), written]
        elif same:
            raise ConfigError(f"{path}: {source.name} and {target.name} have two exports. Expected one")
        else:
            tables.homologies.append({"source": source.name, "target": target.name, "format": kind, "path": written})


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _first_fields(lines: list[str], header: Header) -> list[str]:
    """Return the columns in front of those of orthologs, which name other species' genes."""
    labels = [name.lower() for name in header.names]
    pattern = r"gene stable id( version)?|ensembl_gene_id(_version)?"
    own = [place for place, name in enumerate(labels) if re.fullmatch(pattern, name)]
    rows = [line.split(header.delimiter) for line in lines[1:]]
    return [fields[place] for fields in rows for place in own if len(fields) > place]


def _compara_pairs(path: Path, header: Header) -> list[tuple[Species, Species]]:
    """Return the pairs of different species that a dump has."""
    names = [name.lower() for name in header.names]
    places = {"a": names.index("species"), "b": names.index("homology_species")} if "species" in names else {}
    pairs: dict[tuple[Species, Species], None] = {}
    for batch in batches(path, header, places, Findings(path, header)) if places else ():
        for a, b in batch.select("a", "b").drop_nulls().unique(maintain_order=True).iter_rows():
            if a != b:
                pairs[_named(path, a), _named(path, b)] = None
    if not pairs:
        raise ConfigError(f"{path}: has no pair of species. Expected a dump of Ensembl Compara")
    return list(pairs)


def _named(path: Path, name: str) -> Species:
    try:
        return find(name)
    except UnknownSpeciesError as error:
        raise ConfigError(f"{path}: {error}") from error


def _species_of(path: Path, lines: list[str], not_these: Sequence[Species] = ()) -> Species:
    """Return the species of a file's genes: by their stable IDs, else by the file's name."""
    ids = Counter(species for line in lines for species in species_of_ids(line))
    ids = ids or Counter(species for line in lines for species in _in_header(line))
    if ids:
        return ids.most_common(1)[0][0]
    species = [one for one in _in_name(path.name) if one not in not_these]
    if len(species) == 1:
        return species[0]
    listed = ", ".join(one.name for one in species) or "none"
    raise ConfigError(
        f"{path}: the species of its genes cannot be determined (IDs and headers name none, its file name {listed}). "
        "Name it in the file name, such as human_mouse.csv, or write a config"
    )


def _in_header(line: str) -> Iterator[Species]:
    """Yield the species that a FASTA header of UniProt or NCBI names."""
    match = _ORGANISM.search(line) if line.startswith(">") else None
    if match:
        with suppress(UnknownSpeciesError):
            yield find(match[1] or match[2])


def _in_name(name: str) -> list[Species]:
    """Return the species that a file name names, in order."""
    words = re.split(r"[^A-Za-z0-9]+", name)
    species: dict[Species, None] = {}
    place = 0
    while place < len(words):
        for length in (3, 2, 1):
            text = " ".join(words[place : place + length])
            if len(text) > 2 and not text.isdigit():
                try:
                    species[find(text)] = None
                except UnknownSpeciesError:
                    continue
                place += length - 1
                break
        place += 1
    return list(species)


def _toml(tables: _Guessed, name: str, base: str | None) -> str:
    version = name if is_name(name) else "mine-1"
    blocks = [_MARK, _block("[release]", {"version": version, "title": f"Built of files: {', '.join(tables.species)}"})]
    if base is not None:
        blocks.append(_block("[base]", {"release": base}))
    blocks += [_block("[[species]]", {"name": one, **keys}) for one, keys in tables.species.items()]
    blocks += [_block("[[homology]]", entry) for entry in tables.homologies]
    blocks += [_block("[[databases]]", entry) for entry in tables.databases]
    proteomes = [keys for keys in tables.species.values() if "proteome" in keys]
    if len(proteomes) > 1 and not tables.homologies and not tables.databases:
        blocks.append(_block("[embedding]", {"model": "kmer"}))
    return "\n\n".join(blocks) + "\n"


def _block(heading: str, values: dict[str, object] | dict[str, str]) -> str:
    return "\n".join([heading, *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())])
