"""Backends of the matrix product: torch, or numpy on the CPU.

On the CPU everything but the product itself runs in numpy, whose passes over a tile cost less than those of torch
there. The functions that are used have the same names in numpy and torch. Every core works on its own tiles, with
products of one thread, so that no core waits for another between a product and the search in its tile.
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

#: Maximum rows and columns of a tile, on the CPU (16 MB; with 1024, a product takes a tenth longer) and on a GPU.
_ON_CPU, _ON_GPU = 2048, 4096
#: Maximum number of workers on the CPU.
_WORKERS = 16


@dataclass(frozen=True)
class ArrayBackend:
    """Functions that handle arrays on a device.

    Parameters
    ----------
    module
        numpy or torch.
    put
        Moves a numpy array to the device.
    multiply
        Writes the product of one array and another transposed, float32, into a third.
    block
        Returns the rows and columns of a tile for the rows and columns of a product.
    workers
        Number of tiles that are worked on at a time, each in a thread.
    settings
        Context in which products have full float32 precision; the user's settings are restored after it.
    to_one_core
        Restricts the products of a worker's thread to one core; called within `settings`.
    """

    module: ModuleType
    put: Callable[[npt.NDArray[Any]], Any]
    multiply: Callable[[Any, Any, Any], None]
    block: Callable[[int, int], int]
    workers: int
    settings: Callable[[], AbstractContextManager[object]]
    to_one_core: Callable[[], None]

    @property
    def on_cpu(self) -> bool:
        """True if arrays are those of numpy."""
        return self.module is np

    def fetch(self, array: Any) -> npt.NDArray[Any]:
        """Return an array as an array of numpy."""
        fetched: npt.NDArray[Any] = array if self.on_cpu else array.cpu().numpy()
        return fetched


def backend_for(device: str) -> ArrayBackend:
    """Return the backend for a device.

    Parameters
    ----------
    device
        A device of torch; ``numpy`` for the CPU without torch; ``auto`` for the fastest available.

    Raises
    ------
    MissingPackageError
        If the device needs torch and torch is not installed.
    """
    if device == "numpy":
        return _numpy()
    try:
        import torch
    except ModuleNotFoundError as error:
        if device in ("auto", "cpu"):
            return _numpy()
        raise MissingPackageError.of(f"device {device!r}", "torch", "etl", ", or use device cpu") from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

    def multiply(left: Any, right: Any, out: Any) -> None:
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

        def multiply_numpy(*three: npt.NDArray[Any]) -> None:
            multiply(*map(torch.from_numpy, three))

        return _on_cpu(multiply_numpy, torch.get_num_threads(), settings, partial(torch.set_num_threads, 1))

    def put(array: npt.NDArray[Any]) -> Any:
        return torch.from_numpy(array).to(device)

    return ArrayBackend(torch, put, multiply, lambda rows, columns: _ON_GPU, 1, settings, _nothing)


def _numpy() -> ArrayBackend:
    from threadpoolctl import threadpool_limits

    # numpy's BLAS has one number of threads for all, so nothing is left to do in a worker's thread
    return _on_cpu(_multiply_numpy, os.cpu_count() or 1, partial(threadpool_limits, 1, "blas"), _nothing)


def _on_cpu(
    multiply: Callable[[Any, Any, Any], None],
    cores: int,
    settings: Callable[[], AbstractContextManager[object]],
    to_one_core: Callable[[], None],
) -> ArrayBackend:
    workers = min(_WORKERS, cores)
    return ArrayBackend(np, _unchanged, multiply, partial(_block, workers), workers, settings, to_one_core)


def _block(workers: int, rows: int, columns: int) -> int:
    """Return the rows and columns of a tile on the CPU.

    They are few enough that no worker idles long at the end.
    """
    side = math.sqrt(rows * columns / (16 * workers))
    return min(_ON_CPU, 64 * max(1, round(side / 64)))


def _nothing() -> None:
    pass


def _unchanged(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array


def _multiply_numpy(left: npt.NDArray[Any], right: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    np.matmul(left, right.T, out=out)
