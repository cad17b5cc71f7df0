"""Every number of an integration, with what Seurat calls it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, TypedDict

from homodb.schema.errors import IntegrationError
from homodb.schema.messages import choices_hint, did_you_mean
from homodb.schema.options import Bounds, whole_number

CLUSTERINGS = ("louvain", "leiden", "none")

#: Where the numbers may lie.
RANGES = {
    "n_features": Bounds(1, 1_000_000), "span": Bounds(0, 1, above=True), "scale_factor": Bounds(0, 1e12, above=True),
    "scale_max": Bounds(0, 1e6, above=True), "n_components": Bounds(1, 1_000), "dims": Bounds(1, 1_000),
    "k_anchor": Bounds(1, 10_000), "k_score": Bounds(1, 10_000), "k_weight": Bounds(1, 10_000),
    "sd_weight": Bounds(0, 1e6, above=True), "k_neighbors": Bounds(1, 10_000), "prune": Bounds(0, 1),
    "resolution": Bounds(0, 1_000), "n_starts": Bounds(1, 10_000), "seed": Bounds(0, 2**32 - 1),
}  # fmt: skip


class IntegrateChoices(TypedDict, total=False):
    """The settings as keyword arguments; see :class:`Settings`."""

    n_features: int
    span: float
    scale_factor: float
    scale_max: float
    n_components: int
    dims: int
    k_anchor: int
    k_score: int
    k_weight: int
    sd_weight: float
    k_neighbors: int
    prune: float
    clustering: str
    resolution: float
    n_starts: int
    seed: int
    model: str


@dataclass(frozen=True)
class IntegrateSettings:
    """Checked settings; the defaults are Seurat's, whose name for each stands in brackets.

    Parameters
    ----------
    n_features
        Variable features of each species, and of their consensus (``nfeatures``).
    span
        Share of features that loess looks at (``loess.span``).
    scale_factor
        Counts of a cell after normalising (``scale.factor``).
    scale_max
        Largest scaled value (``scale.max``).
    n_components
        Principal components (``npcs``).
    dims
        Canonical vectors, and dimensions of the result that neighbours are found in (``dims = 1:30``).
    k_anchor
        Anchors are among so many nearest of each other (``k.anchor``).
    k_score
        Neighbours that are compared to score an anchor (``k.score``).
    k_weight
        Anchors that weigh in for a cell (``k.weight``); fewer where two species have fewer.
    sd_weight
        Width of the kernel that weighs them (``sd.weight``).
    k_neighbors
        Neighbours of a cell, itself among them (``k.param``).
    prune
        Least share of neighbours that two cells have in common to be joined (``prune.SNN``).
    clustering
        ``louvain`` (``algorithm = 1``), ``leiden`` (``algorithm = 4``) or ``none``.
    resolution
        Of the clustering (``resolution``).
    n_starts
        Of so many random starts the one of best modularity is kept (``n.start``).
    seed
        Of everything random (``seed.use``).
    model
        Sentence model of ``cellama``: a folder or a name.

    Raises
    ------
    IntegrationError
        If a value is out of its range.
    """

    n_features: int = 2000
    span: float = 0.3
    scale_factor: float = 1e4
    scale_max: float = 10.0
    n_components: int = 50
    dims: int = 30
    k_anchor: int = 5
    k_score: int = 30
    k_weight: int = 100
    sd_weight: float = 1.0
    k_neighbors: int = 20
    prune: float = 1 / 15
    clustering: str = "louvain"
    resolution: float = 0.8
    n_starts: int = 10
    seed: int = 42
    model: str = "all-MiniLM-L12-v2"

    def __post_init__(self) -> None:
        for name, allowed in RANGES.items():
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not is_number:
                raise IntegrationError(f"{name} is {value!r}; wanted a number")
            allowed.check(name, value, IntegrationError)
        if self.clustering not in CLUSTERINGS:
            there = choices_hint(self.clustering, CLUSTERINGS)
            raise IntegrationError(f"there is no clustering {self.clustering!r}{there}")
        if self.dims > self.n_components:
            raise IntegrationError(
                f"neighbours are wanted in {self.dims} dimensions (dims), but there are {self.n_components}"
                " (n_components); lower dims or raise n_components"
            )


def read_settings(texts: list[str]) -> IntegrateChoices:
    """Read settings that were written as ``name=value``.

    Raises
    ------
    IntegrationError
        If a setting does not exist, or its value is no number of the kind that it takes.

    Examples
    --------
    >>> read_settings(["k_weight=50", "clustering=none"])
    {'k_weight': 50, 'clustering': 'none'}
    """
    kinds: dict[str, Any] = {
        one.name: type(getattr(IntegrateSettings(), one.name)) for one in fields(IntegrateSettings)
    }
    read: Any = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in kinds:
            raise IntegrationError(
                f"there is no setting {name!r}; there are {', '.join(kinds)} (write NAME=VALUE)"
                + did_you_mean(name, kinds)
            )
        try:
            read[name] = whole_number(value) if kinds[name] is int else kinds[name](value)
        except (ValueError, OverflowError):
            kind = "a whole number" if kinds[name] is int else "a number"
            raise IntegrationError(f"{name} is {value!r}; wanted {kind}") from None
    choices: IntegrateChoices = read
    return choices
