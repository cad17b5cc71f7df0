"""How far numbers may be apart that were added up in another order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def float_tolerance(terms: int, dtype: npt.DTypeLike = np.float32) -> float:
    """The largest relative error of a sum of so many products, whatever the order in which a library adds them.

    It is relative to the sum of the products' sizes (Higham, Accuracy and Stability of Numerical Algorithms, 2002,
    section 3.1), so it holds for every kernel of every BLAS.
    """
    rounded = terms * float(np.finfo(dtype).eps) / 2
    assert rounded < 0.01, f"a sum of {terms} products in {np.dtype(dtype)} says little"
    return rounded / (1 - rounded)
