"""What scoring gives: numbers with their intervals, and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class Number:
    """One score.

    Parameters
    ----------
    value
        The score; NaN where it cannot be told, which a note explains.
    low, high
        Interval of 95 %; None where none was asked for.
    better
        1 where higher is better, -1 where lower is, 0 where neither.
    baseline
        The same score of the ``none`` baseline; None where there is none.
    """

    value: float
    low: float | None = None
    high: float | None = None
    better: int = 1
    baseline: float | None = None


@dataclass(frozen=True)
class Part:
    """What one profile gives.

    Parameters
    ----------
    numbers
        By name in lower case with underscores, such as ``ari``.
    tables
        Per cell type, per pair of species, ...: by title.
    notes
        What a user should know.
    """

    numbers: Mapping[str, Number]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """How good an integration is.

    Parameters
    ----------
    key
        What the integration is called.
    parts
        By profile: ``pllm``, ``scib``, ``cross_species``.
    intervals
        Over what intervals resample: ``donors``, ``cells only``, or ``none``.
    notes
        What a user should know of all of it.
    """

    key: str
    parts: Mapping[str, Part]
    intervals: str = "none"
    notes: tuple[str, ...] = ()

    def flat(self) -> dict[str, float | None]:
        """Return all numbers in one object: ``pllm_ari``, its ``pllm_ari_low``, ``_high`` and ``_baseline``, ..."""
        found: dict[str, float | None] = {}
        for profile, part in self.parts.items():
            for name, number in part.numbers.items():
                found[f"{profile}_{name}"] = number.value
                if number.low is not None and number.high is not None:
                    found |= {f"{profile}_{name}_low": number.low, f"{profile}_{name}_high": number.high}
                if number.baseline is not None:
                    found[f"{profile}_{name}_baseline"] = number.baseline
        return found
