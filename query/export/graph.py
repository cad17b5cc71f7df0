"""Mappings as graphs: the gene graph that SAMap starts from, and the biadjacency matrix of two species."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.pairs import Pair, choose_strategy, find_pair
from homodb.query.release import Release
from homodb.schema.errors import MissingMappingError, UnknownSpeciesError
from homodb.schema.exports import GeneNames, Weight
from homodb.schema.species import KEYS_PER_SPECIES, Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import scipy.sparse as sp

#: What SAMap takes as ``gnnm``: matrix, all gene names, gene names by species.
SamapGraph = tuple["sp.csr_matrix", npt.NDArray[np.str_], dict[str, npt.NDArray[np.str_]]]
#: An edge of no weight is none: the least that one gets.
_LEAST = 0.01


@dataclass(frozen=True)
class Biadjacency:
    """One strategy's mapping of a pair of species as a matrix.

    Parameters
    ----------
    matrix
        Source genes x target genes, compressed by rows; not 0 where the strategy maps the pair.
    source, target
        All primary genes of the two species in the order of rows and columns: ``stable_id, symbol``.
    strategy
        The strategy.
    """

    matrix: sp.csr_matrix
    source: pl.DataFrame
    target: pl.DataFrame
    strategy: Strategy


def biadjacency(
    release: Release,
    *,
    source: str | int | Species,
    target: str | int | Species,
    strategy: str | Strategy | None = None,
    weight: Weight | str = Weight.EQUAL,
) -> Biadjacency:
    """Return a mapping as a matrix over all primary genes, of the same shape whatever the strategy.

    Parameters
    ----------
    release
        An open release.
    source, target
        The two species, by any name.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
    weight
        What stands in the matrix.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked, or no pair of the mapping has such a weight.
    """
    import scipy.sparse as sp

    pair = find_pair(release, source, target)
    chosen = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    rows, columns = _genes(release, pair.source), _genes(release, pair.target)
    edges = _edges(pair, chosen, Weight(weight))
    places = (
        np.searchsorted(rows["gene"], edges["source_gene"]),
        np.searchsorted(columns["gene"], edges["target_gene"]),
    )
    matrix = sp.csr_matrix((edges["weight"].to_numpy(), places), shape=(rows.height, columns.height))
    return Biadjacency(matrix, rows.drop("gene"), columns.drop("gene"), chosen)


def samap_graph(
    release: Release,
    species: Sequence[str | int | Species],
    *,
    strategy: str | Strategy | None = None,
    weight: Weight | str | None = None,
    names: GeneNames | str = GeneNames.SYMBOL,
    ids: Mapping[str, str] | None = None,
) -> SamapGraph:
    """Return the gene graph that ``SAMAP(sams, gnnm=...)`` takes in place of BLAST's.

    Parameters
    ----------
    release
        An open release.
    species
        Two or more species, by any name. Of three or more, two that the release does not map get no edges.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O for pairs of species of which Ensembl has nothing.
    weight
        What an edge weighs, 0.01 at least; by default the identity, the correlation for LM_O2O, and 1 for HL_O2O,
        whose pairs need not have both. SAMap scales the weights of a gene by the highest one.
    names
        What genes are called in the data: their symbols (a gene without one goes by its stable ID; genes of one
        symbol become one node, as in SAMap, with the highest weights) or their stable IDs.
    ids
        The ID of each species in SAMap, by any of its names: the keys of ``sams``, without ``_``. By default the first
        letters of its two names (``hs``, ``mm``), or where two species share them also the whole second
        (``mmusculus``, ``mmulatta``).

    Returns
    -------
    tuple
        A symmetric scipy matrix over all genes that have an edge, compressed by rows, float64; the names of the genes,
        each begun by its species' ID and ``_``; and a dictionary from ID to the names of its species.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    """
    import scipy.sparse as sp

    asked = [release.find_species(one) for one in species]
    prefixes = _prefixes(release, asked, ids or {})
    called = pl.concat([_called(_genes(release, one), prefixes[one], GeneNames(names)) for one in asked])
    parts = []
    for one, other in combinations(asked, 2):
        pair = find_pair(release, one, other)
        if len(asked) > 2 and not pair.strategies():
            continue
        chosen = choose_strategy(pair, strategy, Strategy.ENS_M2M)
        parts.append(_edges(pair, chosen, Weight(weight or _usual(chosen))))
    linked = {
        gene // KEYS_PER_SPECIES for part in parts for gene in (*part["source_gene"][:1], *part["target_gene"][:1])
    }
    alone = [one.common_name for one in asked if one.number not in linked]
    if alone:
        raise MissingMappingError(
            f"release {release.version} maps no gene of {', '.join(alone)} to any of the other species"
        )
    edges = (
        pl.concat(parts)
        .join(called.rename({"gene": "source_gene", "name": "a"}), on="source_gene")
        .join(called.rename({"gene": "target_gene", "name": "b"}), on="target_gene")
        .group_by("a", "b")
        .agg(pl.col("weight").max())
        .sort("a", "b")
    )
    nodes = set(edges["a"]) | set(edges["b"])
    by_id = {
        prefixes[one]: np.array(sorted(name for name in nodes if name.startswith(f"{prefixes[one]}_")), np.str_)
        for one in asked
    }
    order = np.concatenate(list(by_id.values()))
    place = {name: row for row, name in enumerate(order.tolist())}
    a, b = (np.array([place[name] for name in edges[side]], np.int64) for side in "ab")
    half = sp.coo_matrix((edges["weight"].to_numpy(), (a, b)), shape=(len(order), len(order)))
    return sp.csr_matrix(half + half.T), order, by_id


def _usual(strategy: Strategy) -> Weight:
    return {Strategy.LM_O2O: Weight.CORRELATION, Strategy.HL_O2O: Weight.EQUAL}.get(strategy, Weight.IDENTITY)


def _genes(release: Release, species: Species) -> pl.DataFrame:
    return release.sql(
        "SELECT gene, stable_id, symbol FROM gene WHERE species = ? AND gene = primary_gene ORDER BY gene",
        [species.number],
    )


def _called(genes: pl.DataFrame, prefix: str, names: GeneNames) -> pl.DataFrame:
    name = pl.coalesce("symbol", "stable_id") if names is GeneNames.SYMBOL else pl.col("stable_id")
    return genes.select("gene", name=pl.format("{}_{}", pl.lit(prefix), name))


def _edges(pair: Pair, strategy: Strategy, weight: Weight) -> pl.DataFrame:
    """Return ``source_gene, target_gene, weight`` of a mapping."""
    mapping = pair.mapping(strategy)
    if weight is Weight.EQUAL:
        value: Any = pl.lit(1.0)
    else:
        column = pl.col(weight.value).cast(pl.Float64)
        if mapping[weight.value].is_null().all():
            raise MissingMappingError(
                f"{strategy} between {pair.source.common_name} and {pair.target.common_name} knows no {weight}; "
                f"use another weight: {', '.join(one for one in Weight if one is not weight)}"
            )
        scaled = column / 100 if weight is Weight.IDENTITY else column
        value = scaled.fill_null(scaled.median()).clip(_LEAST)
    return mapping.select("source_gene", "target_gene", weight=value)


def _prefixes(release: Release, species: Sequence[Species], wanted: Mapping[str, str]) -> dict[Species, str]:
    if len(set(species)) < 2 or len(set(species)) < len(species):
        raise UnknownSpeciesError("a graph needs two or more different species")
    given = {release.find_species(name): text for name, text in wanted.items()}
    for one in given:
        if one not in species:
            there = ", ".join(two.common_name for two in species)
            raise UnknownSpeciesError(f"an ID is given for {one.common_name}, and the graph is of {there}")
    short = {one: "".join(word[0] for word in one.name.split("_")[:2]) for one in species}
    long = {one: one.name[0] + one.name.split("_")[-1] for one in species}
    clash = {one for one in species if list(short.values()).count(short[one]) > 1}
    chosen = {one: given.get(one, long[one] if one in clash else short[one]) for one in species}
    wrong = [text for text in chosen.values() if not re.fullmatch(r"[^_\s]+", text)]
    if wrong or len(set(chosen.values())) < len(chosen):
        seen = ", ".join(f"{one.name}={text}" for one, text in chosen.items())
        raise UnknownSpeciesError(
            f"species in SAMap go by different IDs without _ or spaces; these are {seen}: give others (--id SPECIES=ID)"
        )
    return chosen
