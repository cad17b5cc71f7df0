"""Match genes one to one."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import numpy.typing as npt


def greedy(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Select candidate pairs greedily, so that each gene is used at most once.

    Returns
    -------
    numpy.ndarray
        True for each selected candidate, shape (candidates,).

    Examples
    --------
    >>> greedy([1, 1, 2], [7, 8, 8])
    array([ True, False,  True])
    """
    _, one = np.unique(np.asarray(first), return_inverse=True)
    _, two = np.unique(np.asarray(second), return_inverse=True)
    free_one = bytearray(b"\x01") * (int(one.max(initial=-1)) + 1)
    free_two = bytearray(b"\x01") * (int(two.max(initial=-1)) + 1)
    taken = np.zeros(one.shape, dtype=np.bool_)
    for place, (a, b) in enumerate(zip(one.tolist(), two.tolist(), strict=True)):
        if free_one[a] and free_two[b]:
            free_one[a] = free_two[b] = 0
            taken[place] = True
    return taken


#: What all ways of breaking ties make of a gene: free in each, taken in each, or free in some.
_FREE, _OPEN, _TAKEN = 0, 1, 2


def undecided(
    first: npt.ArrayLike, second: npt.ArrayLike, merit: npt.ArrayLike, unsure: npt.ArrayLike | None = None
) -> npt.NDArray[np.bool_]:
    """Find the candidates whose greedy selection hangs on how ties are broken.

    Parameters
    ----------
    first, second
        Genes of the candidates, best candidate first, shape (candidates,).
    merit
        Label of each candidate's merit: neighbours with one label are tied, shape (candidates,).
    unsure
        Whether it hangs on a tie elsewhere that there is the candidate at all, shape (candidates,); None for none.

    Returns
    -------
    numpy.ndarray
        False for candidates that every way of breaking ties selects, or none, shape (candidates,). A tie is passed on:
        what is left for a gene that lost it is undecided too.

    Examples
    --------
    >>> undecided([1, 1, 2, 3], [7, 8, 8, 9], merit=[5, 5, 4, 3])
    array([ True,  True,  True, False])
    """
    _, one = np.unique(np.asarray(first), return_inverse=True)
    _, two = np.unique(np.asarray(second), return_inverse=True)
    pairs = list(zip(one.tolist(), (two + one.max(initial=-1) + 1).tolist(), strict=True))
    labels = np.asarray(merit)
    unsure_pairs = np.zeros(len(pairs), dtype=np.bool_) if unsure is None else np.asarray(unsure, dtype=np.bool_)
    state = bytearray(max((b for _, b in pairs), default=-1) + 1)
    undecided_pairs = np.zeros(len(pairs), dtype=np.bool_)
    bounds = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(pairs)]
    for start, stop in itertools.pairwise(bounds):
        live = [p for p in range(start, stop) if _TAKEN not in (state[pairs[p][0]], state[pairs[p][1]])]
        candidates = Counter(gene for p in live for gene in pairs[p])
        before = {gene: state[gene] for gene in candidates}
        for p in live:
            for gene, other in (pairs[p], pairs[p][::-1]):
                # where the other gene is free and has no candidate but this one, none of them leaves the gene free
                is_sole = before[other] == _FREE and candidates[other] == 1 and not unsure_pairs[p]
                state[gene] = _TAKEN if is_sole or state[gene] == _TAKEN else _OPEN
            free = before[pairs[p][0]] == before[pairs[p][1]] == _FREE
            is_alone = candidates[pairs[p][0]] == candidates[pairs[p][1]] == 1
            undecided_pairs[p] = unsure_pairs[p] or not (free and is_alone)
    return undecided_pairs
