"""Cells that are better left without a label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from homodb.query.annotate.task import Labelled

#: What stands in obs for a cell without a label.
UNKNOWN = "unknown"


def below(found: Labelled, least: float | None) -> Labelled:
    """Take the label from cells whose confidence is below a threshold; their confidence and distance stay.

    Parameters
    ----------
    found
        What a method gave.
    least
        The threshold; None for none. One that was found on the reference does not carry across species: find it by
        leaving a type out (``homodb evaluate --reference``).
    """
    if least is None:
        return found
    return replace(found, label=np.where(found.confidence < least, -1, found.label))
