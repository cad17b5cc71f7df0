"""Which gene a name means: every name of a list, by fixed rules, nothing guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from homodb.query.release import Release
from homodb.schema.species import KEYS_PER_SPECIES, Species, normalise
from homodb.schema.species import names as species_names

_PAR_Y = re.compile(r"(.+)_PAR_Y")
_VERSION = re.compile(r"(.+)\.\d+")
_MAKE_UNIQUE = re.compile(r"(.+)[-.]\d+")
_GENOME = re.compile(r"([A-Za-z][A-Za-z0-9.]*)_+(.+)")
_ASSEMBLY = re.compile(r"(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d[A-Za-z0-9.]*[-_]+(.+)")

#: Species by how their assemblies are called: in a file of two species, a mouse gene is no human one.
_ASSEMBLED = {
    "GRCh": "homo_sapiens", "hg": "homo_sapiens", "GRCm": "mus_musculus", "mm": "mus_musculus",
    "GRCr": "rattus_norvegicus", "rn": "rattus_norvegicus", "GRCz": "danio_rerio", "danRer": "danio_rerio",
    "GRCg": "gallus_gallus", "galGal": "gallus_gallus",
}  # fmt: skip

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String,
    "gene": pl.Int64,
    "stable_id": pl.String,
    "symbol": pl.String,
    "how": pl.String,
    "understood_as": pl.String,
    "candidates": pl.List(pl.String),
}


@dataclass(frozen=True)
class _Meaning:
    """What a name means: one gene, or several when it is ambiguous, and in which spelling."""

    how: str
    text: str
    genes: tuple[int, ...]


#: For each text, the genes that bear it, by how they do.
_Bearers = Mapping[str, Mapping[str, tuple[int, ...]]]


def resolve(release: Release, names: Sequence[str], species: Species) -> pl.DataFrame:
    """Find the gene that each name means in a species.

    Parameters
    ----------
    release
        An open release.
    names
        Stable IDs (with or without version), symbols, aliases, mixed.
    species
        The species that they are of.

    Returns
    -------
    polars.DataFrame
        One row per name, in order: ``name``; ``gene`` (key of the primary gene, null when not found);
        ``stable_id``, ``symbol``; ``how`` (stable_id, symbol, symbol_case, alias, ambiguous, unknown);
        ``understood_as`` (what was left of the name when a version, make-unique suffix or genome prefix came
        off, else the name); ``candidates`` (stable IDs that an ambiguous name may mean).

    Notes
    -----
    The rules, first match wins: stable ID; stable ID less its version; symbol of a primary gene; symbol
    whatever its case where unambiguous; alias where unambiguous. A symbol that several primary genes bear is
    ambiguous whatever else it might mean. Suffixes and prefixes come off only where the rest is then known (``TBCE-1``;
    not where other symbols begin alike, as those of pig's SLA-1 do), and so
    is undone what R's ``make.names`` does (``H2.K1`` for ``H2-K1``). A prefix is a genome if it has a digit or names
    the species, and is not another species' assembly: ``adt_CD4`` is no gene, ``mm10_Gcg`` none of human.
    """
    spellings = {name: list(dict.fromkeys(_spellings(name, species))) for name in dict.fromkeys(names)}
    exact = _bearers(release, "resolve_exact", (text for texts in spellings.values() for text in texts), species)
    meanings: dict[str, _Meaning] = {}
    for name in spellings:
        meaning = _by_id(exact, [name, *_versionless(name)]) or _by_symbol(exact, [name])
        if meaning is not None:
            meanings[name] = meaning
    rest = {name: texts for name, texts in spellings.items() if name not in meanings}
    loose = _bearers(release, "resolve_loose", (text for texts in rest.values() for text in texts), species)
    families = _families(release, (text for texts in rest.values() for text in texts), species)
    for name, texts in rest.items():
        members = [
            text for text in texts if text.count("-") <= name.count("-")
        ]  # of H2.K1 not what undoing makes of it
        less = [
            text for text in texts[1:]
            if text not in families or not any(member.startswith(f"{text}-") for member in members)
        ]  # fmt: skip
        meanings[name] = (
            _loosely(loose, [name]) or _ambiguous(loose, [name])
            or _by_id(exact, less) or _by_symbol(exact, less) or _loosely(loose, less) or _ambiguous(loose, less)
            or _Meaning("unknown", name, ())
        )  # fmt: skip
    return _table(release, names, meanings)


def _spellings(name: str, species: Species) -> Iterator[str]:
    """Yield the name as it is, as it was before R's ``make.names``, and without version, suffix or prefix."""
    yield name
    undone = re.sub(r"^X(?=\d)", "", name).replace(".", "-")
    rests = [match[1] for match in (form.fullmatch(name) for form in (_VERSION, _PAR_Y, _MAKE_UNIQUE)) if match]
    for rest in (undone, *rests, *_without_genome(name, species)):
        yield rest
        inner = _MAKE_UNIQUE.fullmatch(rest)
        if inner:
            yield inner[1]


def _without_genome(name: str, species: Species) -> list[str]:
    """Return the name less the genome that it begins with, if it begins with one that may be the species'."""
    assembly = _ASSEMBLY.fullmatch(name)
    if assembly:
        return [assembly[2]] if _ASSEMBLED[assembly[1]] == species.name else []
    prefix = _GENOME.fullmatch(name)
    if prefix and (re.search(r"\d", prefix[1]) or normalise(prefix[1]) in species_names(species)):
        return [prefix[2]]
    return []


def _families(release: Release, names: Iterable[str], species: Species) -> set[str]:
    """Return what begins other symbols too: SLA-1 is a gene like SLA-DRB1, not a second SLA."""
    bases = {match[1] for match in (re.fullmatch(r"(.+)-\d+", name) for name in dict.fromkeys(names)) if match}
    if not bases:
        return set()
    return set(release.ask("resolve_families", {"texts": sorted(bases), "species": species.number})["text"])


def _versionless(name: str) -> list[str]:
    """Return the name less its version, if it has one."""
    match = _VERSION.fullmatch(name)
    return [match[1]] if match else []


def _bearers(release: Release, query: str, texts: Iterable[str], species: Species) -> _Bearers:
    wanted = list(dict.fromkeys(texts))
    if not wanted:
        return {}
    parameters: dict[str, object] = {"texts": wanted}
    if query == "resolve_loose":
        first = species.number * KEYS_PER_SPECIES
        parameters |= {"first": first, "last": first + KEYS_PER_SPECIES - 1}
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for text, how, gene in release.ask(query, parameters | {"species": species.number}).iter_rows():
        genes = found.setdefault(text, {}).get(how, ())
        found[text][how] = tuple(sorted({*genes, gene}))
    return found


def _by_id(exact: _Bearers, texts: list[str]) -> _Meaning | None:
    for text in texts:
        genes = exact.get(text, {}).get("stable_id", ())
        if genes:
            return _Meaning("stable_id", text, genes)
    return None


def _by_symbol(exact: _Bearers, texts: list[str]) -> _Meaning | None:
    """Return the gene of a symbol; one that several primary genes bear is ambiguous, and that is final."""
    for text in texts:
        genes = exact.get(text, {}).get("symbol", ())
        if genes:
            return _Meaning("symbol" if len(genes) == 1 else "ambiguous", text, genes)
    return None


def _loosely(loose: _Bearers, texts: list[str]) -> _Meaning | None:
    """Symbol but for case, then alias, each only where it means one gene."""
    for text in texts:
        for how in ("symbol_case", "alias"):
            genes = loose.get(text, {}).get(how, ())
            if len(genes) == 1:
                return _Meaning(how, text, genes)
    return None


def _ambiguous(loose: _Bearers, texts: list[str]) -> _Meaning | None:
    for text in texts:
        for genes in loose.get(text, {}).values():
            return _Meaning("ambiguous", text, genes)
    return None


def _table(release: Release, names: Sequence[str], meanings: Mapping[str, _Meaning]) -> pl.DataFrame:
    wanted = sorted({gene for meaning in meanings.values() for gene in meaning.genes})
    labels: dict[int, tuple[str, str | None]] = {}
    if wanted:
        labels = {
            gene: (stable_id, symbol)
            for gene, stable_id, symbol in release.ask("labels", {"genes": wanted}).iter_rows()
        }
    rows: list[tuple[object, ...]] = []
    for name in names:
        meaning = meanings[name]
        if len(meaning.genes) == 1:
            gene = meaning.genes[0]
            rows.append((name, gene, *labels[gene], meaning.how, meaning.text, []))
        else:
            candidates = [labels[gene][0] for gene in meaning.genes]
            rows.append((name, None, None, None, meaning.how, meaning.text, candidates))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
