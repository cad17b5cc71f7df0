"""Reads a build config: TOML to checked values. Unknown keys are errors; paths are relative to the config file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from homodb.etl.config import BuildConfig, EnsemblConfig, EvidenceConfig, HomologyConfig, ReleaseConfig, SpeciesConfig
from homodb.etl.config_embedding import read_embedding
from homodb.etl.evidence import Parameters
from homodb.etl.fetch.ensembl import DIVISIONS
from homodb.etl.toml_tables import Tables
from homodb.schema.errors import ConfigError, UnknownSpeciesError
from homodb.schema.files import check_there
from homodb.schema.near import there_are
from homodb.schema.species import Species, find

_VERSION_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+")


def read_config(path: Path) -> BuildConfig:
    """Read and check a build config.

    Raises
    ------
    ConfigError
        If the file is missing or not TOML, holds an unknown key, lacks a needed one, has a value of the wrong
        type, names an unknown species or one that ``[[species]]`` does not list, or a file that is not there.
    """
    check_there(path, error=ConfigError)
    try:
        with path.open("rb") as stream:
            document = tomllib.load(stream)
    except IsADirectoryError as error:
        raise ConfigError(f"{path}: is a folder; name the config, such as {path / 'release.toml'}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not TOML (it is no text in UTF-8)") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from error
    return _Reader(path).whole(document)


class _Reader(Tables):
    """Reads a whole config."""

    def whole(self, document: Mapping[str, Any]) -> BuildConfig:
        known = ("release", "species", "homology", "evidence", "embedding", "hl_o2o", "ensembl", "build")
        self.keys(document, known, "the config")
        release = self.release(self.table(document, "release", required=True))
        species = tuple(self.species(entry, f"[[species]] {n}") for n, entry in self.entries(document, "species"))
        if len(species) < 1:
            raise self.fail("[[species]]", "is missing: wanted one entry for each species")
        listed = [entry.species for entry in species]
        for entry in listed:
            if listed.count(entry) > 1:
                raise self.fail("[[species]]", f"{entry.name} stands twice")
        homologies = tuple(
            self.homology(entry, f"[[homology]] {n}", listed) for n, entry in self.entries(document, "homology")
        )
        evidence = tuple(
            self.evidence(entry, f"[[evidence]] {n}", listed) for n, entry in self.entries(document, "evidence")
        )
        self.one_model(evidence)
        embedding = read_embedding(self, document) if "embedding" in document else None
        ensembl = self.ensembl(self.table(document, "ensembl")) if "ensembl" in document else None
        if embedding and not ensembl and not any(entry.proteome for entry in species):
            raise self.fail("[embedding]", 'no species has a proteome: add proteome = "….pep.all.fa.gz" to [[species]]')
        build = self.table(document, "build")
        self.keys(build, ("pairs", "allow_mixed"), "[build]")
        return BuildConfig(
            path=self.path,
            release=release,
            species=tuple(sorted(species, key=lambda entry: entry.species.number)),
            homologies=homologies,
            evidence=evidence,
            embedding=embedding,
            ensembl=ensembl,
            parameters=self.parameters(self.table(document, "hl_o2o")),
            pairs=self.pairs(build.get("pairs"), listed),
            allow_mixed=self.value(build, "allow_mixed", bool, "[build]") or False,
        )

    def release(self, table: Mapping[str, Any]) -> ReleaseConfig:
        self.keys(table, ("version", "title", "ensembl", "licence", "citation"), "[release]")
        version = self.needed(table, "version", str, "[release]")
        if not version or not set(version) <= _VERSION_LETTERS or version.startswith("."):
            raise self.fail("[release]", f"version {version!r} names files: use letters, digits, '.', '-', '_', '+'")
        ensembl = table.get("ensembl")
        return ReleaseConfig(
            version,
            self.value(table, "title", str, "[release]"),
            str(ensembl) if type(ensembl) is int else self.value(table, "ensembl", str, "[release]"),
            self.value(table, "licence", str, "[release]"),
            self.value(table, "citation", str, "[release]"),
        )

    def species(self, table: Mapping[str, Any], where: str) -> SpeciesConfig:
        known = ("name", "assembly", "proteome", "annotation", "canonical", "xrefs", "synonyms", "history", "core")
        self.keys(table, known, where)
        return SpeciesConfig(
            species=self.named(self.needed(table, "name", str, where), where),
            assembly=self.value(table, "assembly", str, where),
            xrefs=self.files(table, "xrefs", where),
            core=self.files(table, "core", where),
            **{
                key: self.file(table, key, where)
                for key in ("proteome", "annotation", "canonical", "synonyms", "history")
            },
        )

    def ensembl(self, table: Mapping[str, Any]) -> EnsemblConfig:
        self.keys(table, ("release", "division", "base", "folder"), "[ensembl]")
        release = self.needed(table, "release", int, "[ensembl]")
        division = self.value(table, "division", str, "[ensembl]") or EnsemblConfig.division
        if division not in DIVISIONS:
            raise self.fail("[ensembl]", f"there is no division {division!r}" + there_are(division, DIVISIONS))
        if release < 1:
            raise self.fail("[ensembl]", f"release is {release}, wanted the number of an Ensembl release")
        folder = self.value(table, "folder", str, "[ensembl]")
        base = self.value(table, "base", str, "[ensembl]")
        return EnsemblConfig(release, division, base, None if folder is None else self.path.parent / folder)

    def homology(self, table: Mapping[str, Any], where: str, listed: list[Species]) -> HomologyConfig:
        self.keys(table, ("source", "target", "format", "path"), where)
        source, target = self.pair(table, where, listed)
        form = self.needed(table, "format", str, where)
        if form not in ("biomart", "compara"):
            raise self.fail(where, f"there is no format {form!r}" + there_are(form, ("biomart", "compara")))
        paths = self.files(table, "path", where)
        if not paths:
            raise self.fail(where, "path is missing")
        return HomologyConfig(source, target, "biomart" if form == "biomart" else "compara", paths)

    def evidence(self, table: Mapping[str, Any], where: str, listed: list[Species]) -> EvidenceConfig:
        known = ("source", "target", "model", "pooling", "best_hits", "correlations", "median_correlation")
        self.keys(table, known, where)
        source, target = self.pair(table, where, listed)
        best_hits = self.file(table, "best_hits", where)
        if best_hits is None:
            raise self.fail(where, "best_hits is missing")
        median = self.value(table, "median_correlation", float, where)
        if median is not None and not -1 <= median <= 1:
            raise self.fail(where, f"median_correlation {median} is not within -1 to 1")
        return EvidenceConfig(
            source,
            target,
            self.needed(table, "model", str, where),
            self.needed(table, "pooling", str, where),
            best_hits,
            self.file(table, "correlations", where),
            median,
        )

    def one_model(self, evidence: tuple[EvidenceConfig, ...]) -> None:
        """Ready evidence of a pair stands once per embedding."""
        seen: set[tuple[object, ...]] = set()
        for entry in evidence:
            key = (entry.model, entry.pooling, frozenset((entry.source.number, entry.target.number)))
            if key in seen:
                raise self.fail(
                    "[[evidence]]",
                    f"{entry.source.name} and {entry.target.name} stand twice for {entry.model}, {entry.pooling}",
                )
            seen.add(key)

    def parameters(self, table: Mapping[str, Any]) -> Parameters:
        self.keys(table, ("weights",), "[hl_o2o]")
        weights = self.table(table, "weights")
        self.keys(weights, ("identity", "correlation"), "[hl_o2o] weights")
        values = [self.value(weights, key, float, "[hl_o2o] weights") for key in ("identity", "correlation")]
        if any(value is not None and not 0 <= value < float("inf") for value in values):
            raise self.fail("[hl_o2o] weights", "wanted numbers of 0 or more")
        return Parameters(*[1.0 if value is None else value for value in values])

    def pairs(
        self, written: object, listed: list[Species]
    ) -> tuple[tuple[Species, Species], ...] | Literal["all"] | None:
        if written is None:
            return None
        if written == "all":
            return "all"
        if not isinstance(written, list) or any(not isinstance(pair, list) or len(pair) != 2 for pair in written):
            raise self.fail("[build]", "pairs is 'all' or a list of pairs of species")
        if not written:
            raise self.fail("[build]", "pairs is empty: leave it out, or name a pair")
        return tuple(self.pair({"source": a, "target": b}, "[build] pairs", listed) for a, b in written)

    def pair(self, table: Mapping[str, Any], where: str, listed: list[Species]) -> tuple[Species, Species]:
        source, target = (self.named(self.needed(table, key, str, where), where) for key in ("source", "target"))
        if source == target:
            raise self.fail(where, f"source and target are both {source.name}")
        for species in (source, target):
            if species not in listed:
                raise self.fail(where, f"{species.name} has no [[species]] entry")
        return source, target

    def named(self, name: str, where: str) -> Species:
        try:
            return find(name)
        except UnknownSpeciesError as error:
            raise UnknownSpeciesError(f"{self.path}: {where}: {error}") from error
