"""Where the product is made: on the processor, by torch's or else numpy's product, or on a GPU.

On the processor all but the product itself is numpy's, whose passes over a tile cost less than torch's there. numpy
and torch name what is used of them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import MissingPackageError


@dataclass(frozen=True)
class Arrays:
    """How arrays are handled.

    Parameters
    ----------
    module
        numpy or torch.
    put
        Takes a numpy array to the device.
    multiply
        Writes the product of one array and another transposed, float32, into a third.
    """

    module: ModuleType
    put: Callable[[npt.NDArray[Any]], Any]
    multiply: Callable[[Any, Any, Any], None]

    @property
    def on_processor(self) -> bool:
        """Whether arrays are numpy's."""
        return self.module is np

    def fetch(self, array: Any) -> npt.NDArray[Any]:
        """Return an array as numpy's."""
        fetched: npt.NDArray[Any] = array if self.on_processor else array.cpu().numpy()
        return fetched


def arrays_on(device: str) -> Arrays:
    """Choose by device.

    Parameters
    ----------
    device
        A device of torch; ``numpy`` for the processor without torch; ``auto`` for the best at hand.

    Raises
    ------
    MissingPackageError
        If the device needs torch and there is none.
    """
    if device == "numpy":
        return Arrays(np, _as_it_is, _by_numpy)
    try:
        import torch
    except ModuleNotFoundError as error:
        if device in ("auto", "cpu"):
            return Arrays(np, _as_it_is, _by_numpy)
        raise MissingPackageError(
            f"device {device!r} needs torch, which is not installed: pip install 'homodb[etl]', or take 'cpu'"
        ) from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    def by_torch(left: Any, right: Any, out: Any) -> None:
        # whatever its user has set, no product of fewer bits than float32
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            torch.mm(left, right.T, out=out)
        finally:
            torch.set_float32_matmul_precision(before)

    if device == "cpu":
        return Arrays(np, _as_it_is, lambda *three: by_torch(*map(torch.from_numpy, three)))
    return Arrays(torch, lambda array: torch.from_numpy(array).to(device), by_torch)


def _as_it_is(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array


def _by_numpy(left: npt.NDArray[Any], right: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    np.matmul(left, right.T, out=out)
