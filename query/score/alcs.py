"""ALCS, the accuracy loss of cell type self-projection: how much harder a species' types became to tell by integrating.

Self-projection is SCCAF's: a classifier learns a species' types from some of its cells and is asked for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.score.contingency import nan_mean, ratio
from homodb.query.score.embedded import Embedded

#: Half of a type's cells teach, at most 200 of them; of fewer than ten cells nine tenths. As in SCCAF and BENGAL.
_SHARE, _MOST, _FEW, _SHARE_OF_FEW = 0.5, 200, 10, 0.9

#: Random splits whose mean counts (BENGAL takes one).
SPLITS = 5

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SelfProjection:
    """Which cells were told rightly.

    Parameters
    ----------
    label, species
        Shape (cells,): indices.
    types, n_species
        How many there are.
    asked, right
        Shape (splits, cells): which cells a classifier was asked for, and which of them it told rightly.
    """

    label: npt.NDArray[np.int64]
    species: npt.NDArray[np.int64]
    types: int
    n_species: int
    asked: _Bools
    right: _Bools

    def values(self, weights: _Floats) -> _Floats:
        """Return accuracies for some weights of cells; classifiers stay as they are.

        Returns
        -------
        numpy.ndarray
            Shape (species + 1, 1 + types): the share of asked cells told rightly, of all and of each type; means over
            splits, NaN where there is no such cell or no second type. The last row is the mean over species.
        """
        at = self.species * self.types + self.label
        size = self.n_species * self.types
        tables = []
        for asked, right in zip(self.asked, self.right, strict=True):
            n, told = (np.bincount(at[one], weights[one], size).reshape(-1, self.types) for one in (asked, right))
            n, told = (np.column_stack([one.sum(axis=1), one]) for one in (n, told))
            tables.append(ratio(told.astype(np.float64), n.astype(np.float64)))
        rows = nan_mean(np.array(tables))
        return np.vstack([rows, nan_mean(rows)])


def self_projection(embedded: Embedded, *, random_state: int = 42) -> SelfProjection:
    """Learn each species' cell types from some of its cells, and ask for the others.

    Parameters
    ----------
    embedded
        The cells. The same cells and `random_state` give the same splits, whatever the embedding.
    random_state
        Of the splits.

    Raises
    ------
    ImportError
        Without scikit-learn.

    Notes
    -----
    Logistic regression with an L1 penalty, C = 0.5, one type against the rest, by liblinear (SCCAF: Miao et al. 2020);
    up to 200 cells of a type teach (BENGAL: Song et al. 2023). A type of one cell is never asked for.
    """
    shape = (SPLITS, embedded.n_cells)
    asked, right = np.zeros(shape, bool), np.zeros(shape, bool)
    label = embedded.label.code
    for species in range(len(embedded.species.names)):
        cells = np.flatnonzero(embedded.species.code == species)
        if len(np.unique(label[cells])) < 2:
            continue
        for split in range(SPLITS):
            rng = np.random.default_rng([random_state, species, split])
            taught = _taught(label[cells], rng)
            rest = cells[~taught]
            if not len(rest):
                continue
            classifier = _classifier().fit(embedded.points[cells[taught]], label[cells[taught]])
            asked[split, rest] = True
            right[split, rest] = classifier.predict(embedded.points[rest]) == label[rest]
    return SelfProjection(
        label, embedded.species.code, len(embedded.label.names), len(embedded.species.names), asked, right
    )


def _taught(label: npt.NDArray[np.int64], rng: np.random.Generator) -> _Bools:
    """Draw the cells that teach, type by type."""
    taught = np.zeros(len(label), bool)
    for one in np.unique(label):
        cells = np.flatnonzero(label == one)
        share = _SHARE_OF_FEW if len(cells) < _FEW else _SHARE
        count = _MOST if len(cells) > _MOST / _SHARE else round(share * len(cells))
        taught[rng.choice(cells, count, replace=False)] = True
    return taught


def _classifier() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    one = LogisticRegression(C=0.5, solver="liblinear", random_state=1)
    # how an L1 penalty is asked for changed in scikit-learn 1.8
    new = one.get_params()["penalty"] == "deprecated"
    return OneVsRestClassifier(one.set_params(**({"l1_ratio": 1.0} if new else {"penalty": "l1"})))
