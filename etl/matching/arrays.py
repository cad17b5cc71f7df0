"""Where the product is made: on the processor, by torch's or else numpy's product, or on a GPU.

On the processor all but the product itself is numpy's, whose passes over a tile cost less than torch's there. numpy
and torch name what is used of them alike. Every core works on tiles of its own, by products that keep to one core: so
no core waits for another between a product and what is read off it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import MissingPackageError

#: Rows and columns of a tile, at most, on the processor (16 MB; of 1024, a product takes a tenth longer) and on a GPU.
_ON_PROCESSOR, _ON_GPU = 2048, 4096
#: Workers on the processor, at most.
_WORKERS = 16


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
    block
        Gives, for the rows and columns of a product, those of a tile that go well.
    workers
        How many tiles are worked on at a time, each in a thread.
    settings
        Within it products have all bits of float32; what a user has set comes back after it.
    to_one_core
        Called in a worker's thread within `settings`: its products keep to one core.
    """

    module: ModuleType
    put: Callable[[npt.NDArray[Any]], Any]
    multiply: Callable[[Any, Any, Any], None]
    block: Callable[[int, int], int]
    workers: int
    settings: Callable[[], AbstractContextManager[object]]
    to_one_core: Callable[[], None]

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
        return _numpy()
    try:
        import torch
    except ModuleNotFoundError as error:
        if device in ("auto", "cpu"):
            return _numpy()
        raise MissingPackageError.of(f"device {device!r}", "torch", "etl", ", or take 'cpu'") from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    def by_torch(left: Any, right: Any, out: Any) -> None:
        torch.mm(left, right.T, out=out)

    @contextmanager
    def settings() -> Iterator[None]:
        precision, threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)
            torch.set_num_threads(threads)

    if device == "cpu":

        def between_numpys(*three: npt.NDArray[Any]) -> None:
            by_torch(*map(torch.from_numpy, three))

        return _on_processor(between_numpys, torch.get_num_threads(), settings, partial(torch.set_num_threads, 1))

    def put(array: npt.NDArray[Any]) -> Any:
        return torch.from_numpy(array).to(device)

    return Arrays(torch, put, by_torch, lambda rows, columns: _ON_GPU, 1, settings, _nothing)


def _numpy() -> Arrays:
    from threadpoolctl import threadpool_limits

    # numpy's library has one number of threads for all, so that there is nothing to do in a worker's
    return _on_processor(_by_numpy, os.cpu_count() or 1, partial(threadpool_limits, 1, "blas"), _nothing)


def _on_processor(
    multiply: Callable[[Any, Any, Any], None],
    cores: int,
    settings: Callable[[], AbstractContextManager[object]],
    to_one_core: Callable[[], None],
) -> Arrays:
    workers = min(_WORKERS, cores)
    return Arrays(np, _as_it_is, multiply, partial(_block, workers), workers, settings, to_one_core)


def _block(workers: int, rows: int, columns: int) -> int:
    """Return a tile's rows and columns on the processor: so that no worker is long without one at the end."""
    side = math.sqrt(rows * columns / (16 * workers))
    return min(_ON_PROCESSOR, 64 * max(1, round(side / 64)))


def _nothing() -> None:
    pass


def _as_it_is(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array


def _by_numpy(left: npt.NDArray[Any], right: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    np.matmul(left, right.T, out=out)
