"""Export mappings as graphs: SAMap's, and biadjacency matrices."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.genes import Pair, choose_strategy, find_pair
from homodb.query.release import ReleaseFile
from homodb.schema.enums import GeneNames, GraphForm, Strategy, Weight
from homodb.schema.errors import InputError, MissingMappingError, OptionsError, Problem, UnknownSpeciesError
from homodb.schema.io import check_output, must_end, whole_file
from homodb.schema.species import KEYS_PER_SPECIES, Species

if TYPE_CHECKING:
    import scipy.sparse as sp

#: Argument ``gnnm`` of SAMap: matrix, all gene names, gene names by species.
SamapGraph = tuple["sp.csr_matrix", npt.NDArray[np.str_], dict[str, npt.NDArray[np.str_]]]
#: An edge of no weight is none: the least that one gets.
_LEAST = 0.01


@dataclass(frozen=True)
class Biadjacency:
    """Mapping of a pair of species by one strategy, as a matrix.

    Parameters
    ----------
    matrix
        Source genes x target genes, compressed by rows; non-zero for mapped pairs.
    source, target
        All primary genes of the two species in the order of rows and columns: ``stable_id, symbol``.
    strategy
        Strategy of the mapping.
    """

    matrix: sp.csr_matrix
    source: pl.DataFrame
    target: pl.DataFrame
    strategy: Strategy


def biadjacency(
    release: ReleaseFile,
    *,
    source: str | int | Species,
    target: str | int | Species,
    strategy: str | Strategy | None = None,
    weight: Weight | str = Weight.EQUAL,
) -> Biadjacency:
    """Return a mapping as a matrix over all primary genes.

    Its shape does not depend on the strategy.

    Parameters
    ----------
    release
        An open release.
    source, target
        The two species, by any name.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
    weight
        Value of a mapped pair.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks a species, strategy or mapping, or no pair of the mapping has such a weight.
    """
    import scipy.sparse as sp

    pair = find_pair(release, source, target)
    selected = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    rows, columns = _genes(release, pair.source), _genes(release, pair.target)
    edges = _edges(pair, selected, Weight(weight))
    places = (
        np.searchsorted(rows["gene"], edges["source_gene"]),
        np.searchsorted(columns["gene"], edges["target_gene"]),
    )
    matrix = sp.csr_matrix((edges["weight"].to_numpy(), places), shape=(rows.height, columns.height))
    return Biadjacency(matrix, rows.drop("gene"), columns.drop("gene"), selected)


def samap_graph(
    release: ReleaseFile,
    species: Sequence[str | int | Species],
    *,
    strategy: str | Strategy | None = None,
    weight: Weight | str | None = None,
    names: GeneNames | str = GeneNames.SYMBOL,
    ids: Mapping[str, str] | None = None,
) -> SamapGraph:
    """Return the gene graph for ``SAMAP(sams, gnnm=...)``.

    It replaces the graph of BLAST's.

    Parameters
    ----------
    release
        An open release.
    species
        Two or more species, by any name. Of three or more, pairs without a mapping get no edges.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O for pairs of species of which Ensembl has nothing.
    weight
        Weight of an edge, at least 0.01; by default the identity, the correlation for LM_O2O, and 1 for HL_O2O,
        whose pairs need not have both. SAMap scales the weights of a gene by the highest one.
    names
        Names of genes in the data: symbols (the stable ID for a gene without one; genes of one symbol become one
        node, as in SAMap, with the highest weights) or stable IDs.
    ids
        The ID of each species in SAMap, by any of its names: the keys of ``sams``, without ``_``. By default the first
        letters of its two names (``hs``, ``mm``), or where two species share them also the whole second
        (``mmusculus``, ``mmulatta``).

    Returns
    -------
    tuple
        Symmetric scipy matrix over all genes with an edge, compressed by rows, float64; names of the genes, each with
        its species' ID and ``_`` as prefix; and a dictionary from ID to the names of its species.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks the species, strategy or embedding.
    """
    import scipy.sparse as sp

    wanted = [release.find_species(one) for one in species]
    prefixes = _prefixes(release, wanted, ids or {})
    called = pl.concat([_node_names(_genes(release, one), prefixes[one], GeneNames(names)) for one in wanted])
    parts = []
    for one, other in combinations(wanted, 2):
        pair = find_pair(release, one, other)
        if len(wanted) > 2 and not pair.own_strategies:
            continue
        selected = choose_strategy(pair, strategy, Strategy.ENS_M2M)
        parts.append(_edges(pair, selected, Weight(weight or _default_weight(selected))))
    linked = {
        gene // KEYS_PER_SPECIES for part in parts for gene in (*part["source_gene"][:1], *part["target_gene"][:1])
    }
    alone = [one.common_name for one in wanted if one.number not in linked]
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
        for one in wanted
    }
    order = np.concatenate(list(by_id.values()))
    place = {name: row for row, name in enumerate(order.tolist())}
    a, b = (np.array([place[name] for name in edges[side]], np.int64) for side in "ab")
    half = sp.coo_matrix((edges["weight"].to_numpy(), (a, b)), shape=(len(order), len(order)))
    return sp.csr_matrix(half + half.T), order, by_id


def _default_weight(strategy: Strategy) -> Weight:
    return {Strategy.LM_O2O: Weight.CORRELATION, Strategy.HL_O2O: Weight.EQUAL}.get(strategy, Weight.IDENTITY)


def _genes(release: ReleaseFile, species: Species) -> pl.DataFrame:
    return release.select(
        "SELECT gene, stable_id, symbol FROM gene WHERE species = ? AND gene = primary_gene ORDER BY gene",
        [species.number],
    )


def _node_names(genes: pl.DataFrame, prefix: str, names: GeneNames) -> pl.DataFrame:
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


def _prefixes(release: ReleaseFile, species: Sequence[Species], wanted: Mapping[str, str]) -> dict[Species, str]:
    if len(set(species)) < 2 or len(set(species)) < len(species):
        raise UnknownSpeciesError("a graph needs two or more different species")
    given = {release.find_species(name): text for name, text in wanted.items()}
    for one in given:
        if one not in species:
            names = ", ".join(two.common_name for two in species)
            raise UnknownSpeciesError(f"an ID is given for {one.common_name}, and the graph is of {names}")
    short = {one: "".join(word[0] for word in one.name.split("_")[:2]) for one in species}
    long = {one: one.name[0] + one.name.split("_")[-1] for one in species}
    clash = {one for one in species if list(short.values()).count(short[one]) > 1}
    prefixes = {one: given.get(one, long[one] if one in clash else short[one]) for one in species}
    wrong = [text for text in prefixes.values() if not re.fullmatch(r"[^_\s]+", text)]
    if wrong or len(set(prefixes.values())) < len(prefixes):
        ids = ", ".join(f"{one.name}={text}" for one, text in prefixes.items())
        raise UnknownSpeciesError(
            f"species in SAMap go by different IDs without _ or spaces; these are {ids}: give others", option="ids"
        )
    return prefixes


def export_graph(
    release: ReleaseFile,
    path: Path,
    *,
    form: GraphForm | str,
    species: Sequence[str | int | Species],
    strategy: str | Strategy | None = None,
    weight: Weight | str | None = None,
    names: GeneNames | str | None = None,
    ids: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write :func:`samap_graph` or :func:`biadjacency` to a file.

    Parameters
    ----------
    release
        An open release.
    path
        Output file, ``.npz``. It appears whole or not at all.
    form
        ``samap`` or ``biadjacency``.
    species
        The species by any name; two for a biadjacency matrix, source and target.
    strategy, weight
        As for both functions.
    names, ids
        As for :func:`samap_graph`, and for no other form; genes go by symbol by default.

    Returns
    -------
    dict
        ``file``, ``form``, number of ``genes`` and ``pairs`` (edges), and ``unlinked``: pairs of IDs without edges.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks the species, strategy or embedding.
    OptionsError
        If names or IDs are given for a biadjacency matrix, which has both.
    OutputError
        If the file cannot be written, or its name does not end in ``.npz``.
    """
    _check_name(path)
    if GraphForm(form) is GraphForm.SAMAP:
        called = GeneNames.SYMBOL if names is None else names
        graph = samap_graph(release, species, strategy=strategy, weight=weight, names=called, ids=ids)
        write_samap_graph(path, graph)
        pairs, genes = graph[0].nnz // 2, len(graph[1])
        owner = np.repeat(np.arange(len(graph[2])), [len(names) for names in graph[2].values()])
        linked = set(zip(owner[graph[0].nonzero()[0]].tolist(), owner[graph[0].nonzero()[1]].tolist(), strict=True))
        unlinked = [
            f"{one} - {other}" for (a, one), (b, other) in combinations(enumerate(graph[2]), 2) if (a, b) not in linked
        ]
    else:
        unlinked = []
        if names is not None or ids:
            option = "names" if names is not None else "ids"
            raise OptionsError(
                f"{option} are for the form samap; a biadjacency matrix holds stable IDs and symbols", option=option
            )
        if len(species) != 2:
            raise UnknownSpeciesError(f"a biadjacency matrix has two species, source and target; got {len(species)}")
        source, target = species
        mapping = biadjacency(release, source=source, target=target, strategy=strategy, weight=weight or Weight.EQUAL)
        write_biadjacency(path, mapping)
        pairs, genes = mapping.matrix.nnz, sum(mapping.matrix.shape)
    return {"file": str(path), "form": str(form), "genes": genes, "pairs": pairs, "unlinked": unlinked}


def write_samap_graph(path: Path, graph: SamapGraph) -> None:
    """Write a graph of :func:`homodb.query.export.samap_graph`.

    ``scipy.sparse.load_npz`` reads the matrix of it, ``numpy.load`` the names (``genes``) and the IDs (``species``);
    :func:`read_samap_graph` all together as SAMap takes it.

    Raises
    ------
    OutputError
        If the file cannot be written, or its name does not end in ``.npz``.
    """
    matrix, genes, by_id = graph
    _write(path, matrix, genes=genes, species=np.array(list(by_id), np.str_))


def read_samap_graph(path: Path | str) -> SamapGraph:
    """Read the tuple for ``SAMAP(sams, gnnm=...)``.

    Raises
    ------
    InputError
        If the file was not written by :func:`write_samap_graph`.

    Examples
    --------
    >>> from samap.mapping import SAMAP  # doctest: +SKIP
    >>> from homodb.query.export import read_samap_graph
    >>> SAMAP({"hs": "human.h5ad", "mm": "mouse.h5ad"}, gnnm=read_samap_graph("gnnm.npz"))  # doctest: +SKIP
    """
    import scipy.sparse as sp

    try:
        matrix = sp.csr_matrix(sp.load_npz(path))
        with np.load(path) as file:
            genes, ids = file["genes"], file["species"].tolist()
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        problem = Problem(0, "is not a gene graph that homodb wrote", str(error).splitlines()[0])
        raise InputError(path, [problem]) from error
    species = np.array([name.split("_", 1)[0] for name in genes.tolist()], np.str_)
    return matrix, genes, {one: genes[species == one] for one in ids}


def write_biadjacency(path: Path, mapping: Biadjacency) -> None:
    """Write a matrix of :func:`homodb.query.export.biadjacency`.

    ``scipy.sparse.load_npz`` reads the matrix, ``numpy.load`` the genes of rows and columns: ``source_id,
    source_symbol, target_id, target_symbol`` (no symbol is an empty one) and ``strategy``.

    Raises
    ------
    OutputError
        If the file cannot be written, or its name does not end in ``.npz``.
    """
    names = {
        f"{side}_{short}": frame[column].fill_null("").to_numpy().astype(np.str_)
        for side, frame in (("source", mapping.source), ("target", mapping.target))
        for short, column in (("id", "stable_id"), ("symbol", "symbol"))
    }
    _write(path, mapping.matrix, **names, strategy=np.array(str(mapping.strategy)))


def _write(path: Path, matrix: sp.csr_matrix, **more: Any) -> None:
    """Write a matrix and further arrays, as ``scipy.sparse.save_npz``."""
    _check_name(path)
    parts: dict[str, Any] = {
        "format": np.array(b"csr"),
        "shape": np.array(matrix.shape),
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "data": matrix.data,
    }
    with whole_file(path) as partial:
        np.savez_compressed(partial, **(parts | more))


def _check_name(path: Path) -> None:
    must_end(path, "graphs", ".npz")
    check_output(path)
