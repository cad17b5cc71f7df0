"""The device that a model runs on, and its random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from homodb.schema.errors import AnnotationError


def find_device(name: str) -> torch.device:
    """Return a device by its name: ``auto`` is CUDA where there is one, else the CPU.

    Raises
    ------
    AnnotationError
        If there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if kind not in there or (number and not number.isdecimal()):
        raise AnnotationError(f"device {name!r} is unknown; there are auto, cpu, cuda, mps")
    if int(number or 0) >= there[kind]:
        raise AnnotationError(f"device {name}: torch finds {there[kind]} of kind {kind} here; use auto or cpu")
    return torch.device(name)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's random numbers for a while; afterwards they go on as if nothing had been."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
