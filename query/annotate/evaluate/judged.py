"""Which cells can be judged: true and predicted types, confidence, distance, donors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.labels import UNKNOWN, LabelMap, mapped
from homodb.query.cells import Coded, ObsColumns
from homodb.schema.errors import AnnotationError

if TYPE_CHECKING:
    import anndata


@dataclass(frozen=True)
class EvaluatedCells:
    """True and predicted types of all cells.

    Parameters
    ----------
    true, given
        By cell; None for none, and ``unknown`` where the method gave no label.
    types
        True types of judged cells, sorted.
    others
        What else was predicted, sorted.
    confidence, distance
        NaN where they are not known.
    outside
        Cells of types that the reference lacks.
    seen
        Cells that the method was shown with their label.
    untold
        Cells without a true type.
    donor
        None where no column was named.
    """

    true: tuple[str | None, ...]
    given: tuple[str, ...]
    types: tuple[str, ...]
    others: tuple[str, ...]
    confidence: npt.NDArray[np.float64]
    distance: npt.NDArray[np.float64]
    outside: npt.NDArray[np.bool_]
    seen: npt.NDArray[np.bool_]
    untold: npt.NDArray[np.bool_]
    donor: Coded | None

    @property
    def cells_judged(self) -> npt.NDArray[np.bool_]:
        """Cells that count in measures of agreement."""
        return ~(self.outside | self.seen | self.untold)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Cells whose label is the true one."""
        pairs = zip(self.true, self.given, strict=True)
        return np.array([one is not None and one == two for one, two in pairs], np.bool_)

    @cached_property
    def codes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows of the judged cells, and the place in the table that each belongs to."""
        number = {name: code for code, name in enumerate((*self.types, *self.others))}
        rows = np.flatnonzero(self.cells_judged)
        place = [number[str(self.true[row])] * len(number) + number[self.given[row]] for row in rows.tolist()]
        return rows, np.array(place, np.int64)

    def table(self, weight: npt.NDArray[np.float64] | None = None) -> npt.NDArray[np.float64]:
        """Count judged cells by true type and predicted label: shape (types, types + others)."""
        rows, place = self.codes
        size = (len(self.types), len(self.types) + len(self.others))
        each = None if weight is None else weight[rows]
        return np.bincount(place, each, size[0] * size[1]).astype(np.float64).reshape(size)


def judge(
    adata: anndata.AnnData,
    *,
    truth: str,
    column: str,
    donor_key: str | None,
    meaning: LabelMap,
    known: set[str] | None,
) -> EvaluatedCells:
    """Read what is to be judged.

    Parameters
    ----------
    truth, column, donor_key
        Columns of obs.
    meaning
        What labels mean: true ones as those of the query, predicted ones as those of the reference.
    known
        Types that the reference has; None where this is not told.

    Raises
    ------
    AnnotationError
        If a column is missing, holds the same as the truth because it is the truth, or no cell can be judged.
    """
    if truth == column:
        raise AnnotationError(f"truth and prediction are both obs[{truth!r}]; name two columns (--truth, --predicted)")
    for name in (truth, column):
        if name in adata.obs and adata.obs[name].dtype.kind == "f":
            raise AnnotationError(
                f"obs[{name!r}] holds numbers; name columns of cell types, or judge numbers (--numeric)"
            )
    obs = ObsColumns(adata.obs, AnnotationError)
    true = mapped(obs.texts(truth, option="truth"), meaning.query)
    given = tuple(
        UNKNOWN if one is None else one for one in mapped(obs.texts(column, option="predicted"), meaning.reference)
    )
    untold = np.array([one is None for one in true], np.bool_)
    seen = np.zeros(len(true), np.bool_)
    if f"{column}_seen" in adata.obs:
        seen = adata.obs[f"{column}_seen"].to_numpy().astype(np.bool_) & ~untold
    outside = np.array([known is not None and one not in known for one in true], np.bool_) & ~untold & ~seen
    counted = ~(untold | seen | outside)
    if not counted.any():
        raise AnnotationError(
            f"no cell can be judged: of {len(true):,}, {int(untold.sum()):,} have no true type, {int(seen.sum()):,}"
            f" were shown to the method, and the types of {int(outside.sum()):,} are not in the reference; if the two"
            " sides name types differently, say which mean the same (--labels)"
        )
    types = sorted({str(one) for one, here in zip(true, counted.tolist(), strict=True) if here})
    others = sorted({one for one, here in zip(given, counted.tolist(), strict=True) if here} - set(types))
    return EvaluatedCells(
        true, given, tuple(types), tuple(others), _numbers(adata, f"{column}_confidence"),
        _numbers(adata, f"{column}_distance"), outside, seen, untold, _donors(obs, donor_key),
    )  # fmt: skip


def _numbers(adata: anndata.AnnData, name: str) -> npt.NDArray[np.float64]:
    if name not in adata.obs:
        return np.full(adata.n_obs, np.nan)
    numbers: npt.NDArray[np.float64] = adata.obs[name].to_numpy(np.float64)
    return numbers


def _donors(obs: ObsColumns, name: str | None) -> Coded | None:
    if name is None:
        return None
    texts = [text or "" for text in obs.texts(name, "donors", option="donor_key")]
    names, code = np.unique(np.array(texts), return_inverse=True)
    return Coded(code.astype(np.int64), tuple(names.tolist()))
