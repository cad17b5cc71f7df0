"""Sums of counts while blocks go by: per source gene, and per group of cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.names import name_texts

if TYPE_CHECKING:
    import pandas as pd

    from homodb.query.translate.plan import Plan

#: Sums that are kept for a group of cells: of all genes, and of those that are mapped.
_KINDS = ("all", "mitochondrial", "ribosomal", "other")


class Tally:
    """Adds up what was there and what was carried.

    Parameters
    ----------
    plan
        Which genes are mapped, mitochondrial, ribosomal.
    groups
        For each column of obs asked for, its values.
    base
        Base of logarithms that the values are; their sums are of what they are logarithms of.
    """

    def __init__(self, plan: Plan, groups: Mapping[str, pd.Series] | None = None, base: float | None = None) -> None:
        fates = plan.fates
        gene = plan.is_gene.to_numpy()
        mapped = (fates["fate"] == "mapped").to_numpy()
        mt, ribo = fates["mitochondrial"].to_numpy() & gene, fates["ribosomal"].to_numpy() & gene
        which = [kind for one in (gene, mt, ribo, gene & ~mt & ~ribo) for kind in (one, one & mapped)]
        self._which = np.column_stack(which).astype(np.float64)
        self.sums = np.zeros(fates.height)
        self._scale = None if base is None else float(np.log(base))
        self._codes: dict[str, npt.NDArray[np.int64]] = {}
        self._names: dict[str, list[str]] = {}
        self._totals: dict[str, npt.NDArray[np.float64]] = {}
        for column, values in (groups or {}).items():
            text = np.array(name_texts(values), dtype=object)
            names, codes = np.unique(text, return_inverse=True) if text.size else (text, np.empty(0, np.int64))
            self._codes[column], self._names[column] = codes, [str(name) for name in names]
            self._totals[column] = np.zeros((len(names), len(which) + 2))

    def begin(self) -> None:
        """Forget what was added up."""
        self.sums[:] = 0
        for totals in self._totals.values():
            totals[:] = 0

    def add(self, start: int, block: Any) -> None:
        """Take a run of rows, before they are translated, that begins at row `start`."""
        if self._scale is not None:
            block = _undone(block, self._scale)
        ones = np.ones(block.shape[0])
        self.sums += np.asarray(block.T @ ones).ravel()  # 64 bits, whatever the block has
        for column, codes in self._codes.items():
            cells = np.asarray(block @ self._which)
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(cells[:, 0] > 0, cells[:, 1] / cells[:, 0], 0.0)
            rows = np.column_stack([cells, ones, share])
            np.add.at(self._totals[column], codes[start : start + block.shape[0]], rows)

    def groups(self) -> pl.DataFrame:
        """Return a row per column of obs and group: shares of counts carried, pooled and as the mean over cells."""
        frames = []
        for column, totals in self._totals.items():
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = {f"carried_{kind}": totals[:, 2 * n + 1] / totals[:, 2 * n] for n, kind in enumerate(_KINDS)}
                mean = totals[:, -1] / totals[:, -2]
            frames.append(
                pl.DataFrame({
                    "column": [column] * len(totals), "group": self._names[column],
                    "cells": totals[:, -2].astype(np.int64), "counts": totals[:, 0],
                    "carried": shares.pop("carried_all"), **shares, "carried_mean": mean,
                }).with_columns(pl.selectors.float().fill_nan(None))
            )  # fmt: skip
        schema = (
            "column",
            "group",
            "cells",
            "counts",
            "carried",
            *(f"carried_{kind}" for kind in _KINDS[1:]),
            "carried_mean",
        )
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def _undone(block: Any, scale: float) -> Any:
    sparse = bool(sp.issparse(block))
    if not sparse:
        return np.expm1(block * scale)
    changed = block.astype(np.float64)
    changed.data = np.expm1(changed.data * scale)
    return changed
