"""Harmony through harmonypy.

Source: Korsunsky et al., Nature Methods 2019 (https://doi.org/10.1038/s41592-019-0619-0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.prepare import Prepared
from homodb.query.integrate.settings import Settings
from homodb.schema.errors import MissingPackageError


def harmony(prepared: Prepared, settings: Settings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Correct the principal components with harmonypy's defaults, species being the batch.

    Returns
    -------
    tuple
        The corrected components, shape (cells, components), and harmonypy's version.

    Raises
    ------
    MissingPackageError
        If harmonypy is not installed.
    """
    try:
        from harmonypy import run_harmony
    except ImportError as error:
        raise MissingPackageError.of("method harmony", "harmonypy", "integrate") from error
    from importlib.metadata import version

    import pandas as pd

    joint = prepared.joint
    species = pd.DataFrame({"species": np.array(joint.species)[joint.code]})
    cells = prepared.components.cells
    found = run_harmony(cells, species, ["species"], random_state=settings.seed, verbose=False)
    corrected = np.asarray(found.Z_corr, np.float64)
    # older versions give components x cells
    corrected = corrected if corrected.shape == cells.shape else corrected.T
    return np.ascontiguousarray(corrected), {"harmonypy": version("harmonypy")}
