"""Match genes one to one."""

from __future__ import annotations

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
