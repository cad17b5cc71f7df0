"""The weights that a conversion layer starts with."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.tron.edges import Edges
from homodb.schema.errors import AnnotationError
from homodb.schema.strategies import EvidenceClass

#: How weights begin; see :func:`starting_weights`.
Start = Literal["rows", "columns", "links", "random"]

#: How much an evidence class counts beside another: the share of named human and mouse pairs whose symbols agree
#: (docs/evidence.md; the first two of ENS_M2M, the others of HL_O2O).
TRUST = {
    EvidenceClass.BOTH: 0.9557,
    EvidenceClass.ENSEMBL: 0.4227,
    EvidenceClass.LM_ORPHAN: 0.5324,
    EvidenceClass.LM_PARTIAL: 0.1089,
    EvidenceClass.LM_CONTRADICTS: 0.0638,
}


def starting_weights(edges: Edges, start: Start = "rows", *, seed: int = 42) -> npt.NDArray[np.float64]:
    """Return the weights that a layer starts with.

    Parameters
    ----------
    edges
        The graph.
    start
        ``rows``: what comes into a source gene adds up to 1; edges of a gene share by their weight times
        :data:`TRUST` of their evidence. ``columns``: what goes out of a target gene adds up to 1, likewise, so that
        totals are kept. ``links``: the weights as they are. ``random``: uniform between 0 and twice the mean of
        ``rows``.
    seed
        Of ``random``.

    Returns
    -------
    numpy.ndarray
        Shape (edges,), float64.

    Raises
    ------
    AnnotationError
        If there is no such start.

    Examples
    --------
    >>> places = np.array([0, 1]), np.array([0, 0])
    >>> edges = Edges(("Ins1", "Ins2"), ("INS",), *places, np.ones(2), ("both", "both"))
    >>> starting_weights(edges)
    array([0.5, 0.5])
    """
    if start not in get_args(Start):
        raise AnnotationError(f"there is no start {start!r}; there are {', '.join(get_args(Start))}")
    if start == "links":
        return edges.weight.copy()
    by_class: dict[str, float] = {str(one): value for one, value in TRUST.items()}
    trusted = edges.weight * np.array([by_class.get(one, 1.0) for one in edges.evidence])
    end, size = (
        (edges.target, len(edges.target_genes)) if start == "columns" else (edges.source, len(edges.source_genes))
    )
    sums = np.bincount(end, trusted, size)[end]
    shares: npt.NDArray[np.float64] = np.divide(trusted, sums, out=np.zeros_like(trusted), where=sums != 0)
    if start == "random" and len(edges):
        return np.random.default_rng(seed).uniform(0, 2 * shares.mean(), len(edges))
    return shares
