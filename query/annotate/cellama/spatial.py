"""What lies around a cell, as a phrase: the types of its nearest cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.task import Side
from homodb.query.integrate.nearest import nearest
from homodb.schema.errors import AnnotationError


def neighbor_phrases(
    side: Side, types: npt.NDArray[np.int64], names: Sequence[str], k: int, *, which: str
) -> list[str | None]:
    """Write the types of each cell's nearest cells, the nearest first.

    Parameters
    ----------
    side
        The cells; where they have donors, only cells of one donor lie beside each other.
    types
        Type of each cell, -1 for unknown, shape (cells,): of the query's cells a prediction, never their own labels.
    names
        What each type is called.
    k
        Nearest cells, the cell itself not among them; all of its donor where there are fewer.
    which
        What the side is called in errors.

    Returns
    -------
    list
        A phrase per cell; None where no type around it is known.

    Raises
    ------
    AnnotationError
        If the side has no coordinates.
    """
    place = check_place(side, k, which=which)
    donors = np.zeros(side.n_cells, np.int64) if side.donor is None else side.donor
    said: list[str | None] = [None] * side.n_cells
    for donor in np.unique(donors):
        cells = np.flatnonzero(donors == donor)
        if len(cells) < 2:
            continue
        around = cells[nearest(place[cells], place[cells], min(k + 1, len(cells))).indices]
        for cell, others in zip(cells.tolist(), around.tolist(), strict=True):
            # a cell whose place many share may not be among its own nearest
            beside = [int(types[other]) for other in others if other != cell][:k]
            known = [names[number] for number in beside if number >= 0]
            if known:
                said[cell] = f"Nearest cells are {', '.join(known)}."
    return said


def check_place(side: Side, k: int, *, which: str) -> npt.NDArray[np.float64]:
    """Return a side's coordinates.

    Raises
    ------
    AnnotationError
        If it has none.
    """
    if side.place is None:
        raise AnnotationError(
            f"the {which} has no coordinates, so its cells have no nearest ones: spatial={k} needs obsm['spatial'] "
            "(or the entry that --spatial names), two or three numbers per cell"
        )
    return side.place
