"""Graphs as ``.npz`` files: scipy loads the matrix, numpy the names, and nothing in them is a pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from homodb.query.export.graph import Biadjacency, SamapGraph, biadjacency, samap_graph
from homodb.query.release import Release
from homodb.schema.endings import must_end
from homodb.schema.errors import InputError, OptionsError, Problem, UnknownSpeciesError
from homodb.schema.exports import GeneNames, GraphForm, Weight
from homodb.schema.files import check_output, whole_file
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import scipy.sparse as sp


def export_graph(
    release: Release,
    path: Path,
    *,
    form: GraphForm | str,
    species: Sequence[str | int | Species],
    strategy: str | Strategy | None = None,
    weight: Weight | str | None = None,
    names: GeneNames | str | None = None,
    ids: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write a mapping as a graph; see :func:`samap_graph` and :func:`biadjacency`.

    Parameters
    ----------
    release
        An open release.
    path
        File to write, ``.npz``. It appears whole or not at all.
    form
        ``samap`` or ``biadjacency``.
    species
        The species by any name; two for a biadjacency matrix, source and target.
    strategy, weight
        As both take them.
    names, ids
        As a graph for SAMap takes them, and no other: genes by symbol unless `names` says otherwise.

    Returns
    -------
    dict
        ``file``, ``form``, ``genes`` in it, ``pairs`` (edges), and ``unlinked``: pairs of IDs of species without any.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    OptionsError
        If names or IDs are given for a biadjacency matrix, which holds both.
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
            option = "--names" if names is not None else "--id"
            raise OptionsError(f"{option} is for the form samap; a biadjacency matrix holds stable IDs and symbols")
        if len(species) != 2:
            raise UnknownSpeciesError(f"a biadjacency matrix has two species, source and target; got {len(species)}")
        source, target = species
        told = biadjacency(release, source=source, target=target, strategy=strategy, weight=weight or Weight.EQUAL)
        write_biadjacency(path, told)
        pairs, genes = told.matrix.nnz, sum(told.matrix.shape)
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
    """Read the tuple that ``SAMAP(sams, gnnm=...)`` takes.

    Raises
    ------
    InputError
        If the file is not one that :func:`write_samap_graph` wrote.

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


def write_biadjacency(path: Path, told: Biadjacency) -> None:
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
        for side, frame in (("source", told.source), ("target", told.target))
        for short, column in (("id", "stable_id"), ("symbol", "symbol"))
    }
    _write(path, told.matrix, **names, strategy=np.array(str(told.strategy)))


def _write(path: Path, matrix: sp.csr_matrix, **more: Any) -> None:
    """Write a matrix under the names of ``scipy.sparse.save_npz``, and more beside it."""
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
