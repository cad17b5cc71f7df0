"""Define and parse the settings of an integration."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Annotated, Any, cast

from pydantic import ValidationInfo, field_validator

from homodb.schema.errors import IntegrationError
from homodb.schema.messages import choices_hint
from homodb.schema.models import FrozenModel
from homodb.schema.options import Bounds, whole_number

CLUSTERINGS = ("louvain", "leiden", "none")


class IntegrateSettings(FrozenModel):
    """Checked settings of :func:`homodb.integrate`, which describes each.

    Raises
    ------
    IntegrationError
        If a value is not a number within its bounds, or values contradict each other.
    """

    error = IntegrationError

    n_features: Annotated[int, Bounds(1, 1_000_000)] = 2000
    span: Annotated[float, Bounds(0, 1, above=True)] = 0.3
    scale_factor: Annotated[float, Bounds(0, 1e12, above=True)] = 1e4
    scale_max: Annotated[float, Bounds(0, 1e6, above=True)] = 10.0
    n_components: Annotated[int, Bounds(1, 1_000)] = 50
    dims: Annotated[int, Bounds(1, 1_000)] = 30
    k_anchor: Annotated[int, Bounds(1, 10_000)] = 5
    k_score: Annotated[int, Bounds(1, 10_000)] = 30
    k_weight: Annotated[int, Bounds(1, 10_000)] = 100
    sd_weight: Annotated[float, Bounds(0, 1e6, above=True)] = 1.0
    k_neighbors: Annotated[int, Bounds(1, 10_000)] = 20
    prune: Annotated[float, Bounds(0, 1)] = 1 / 15
    clustering: str = "louvain"
    resolution: Annotated[float, Bounds(0, 1_000)] = 0.8
    n_starts: Annotated[int, Bounds(1, 10_000)] = 10
    random_state: Annotated[int, Bounds(0, 2**32 - 1)] = 42
    model: str | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _check_value(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        if name == "clustering" and value not in CLUSTERINGS:
            hint = choices_hint(str(value), CLUSTERINGS)
            raise IntegrationError(f"there is no clustering {value!r}{hint}", option=name)
        if name in BOUNDS:
            if not isinstance(value, Real) or isinstance(value, bool):
                raise IntegrationError(f"{name} is {value!r}; expected a number", option=name)
            BOUNDS[name].check(name, cast(float, value), IntegrationError)
        return value

    def check(self) -> None:
        """Check that there are as many components as dimensions."""
        if self.dims > self.n_components:
            raise IntegrationError(
                f"dims is {self.dims}, but there are {self.n_components} components (n_components); lower dims or raise"
                " n_components",
                option="dims",
            )


#: Number of nearest cells that a sentence may name.
_NEAREST = Bounds(1, 1_000)


class SentenceColumns(FrozenModel):
    """Parts of an AnnData that sentences of cells name beside their genes; :func:`homodb.integrate` describes each.

    Raises
    ------
    IntegrationError
        If coordinates or donors are named, but no types of the nearest cells, or their number is out of its range.
    """

    error = IntegrationError

    phrases: tuple[str, ...] = ()
    niche_key: str | None = None
    spatial: int = 5
    spatial_key: str | None = None
    donor_key: str | None = None

    def check(self) -> None:
        """Check the number of cells, and that there is a use for coordinates and donors."""
        _NEAREST.check("spatial", self.spatial, IntegrationError)
        for name in ("spatial_key", "donor_key"):
            if getattr(self, name) is not None and self.niche_key is None:
                raise IntegrationError(
                    f"{name} serves to find a cell's nearest cells, whose types sentences name: name the column of"
                    " these types too (niche_key)", option="niche_key",
                )  # fmt: skip

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of obs that sentences name."""
        return self.phrases if self.niche_key is None else (*self.phrases, self.niche_key)


#: Bounds of every number.
BOUNDS = {
    name: bounds
    for name, field in IntegrateSettings.model_fields.items()
    for bounds in field.metadata
    if isinstance(bounds, Bounds)
}


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Parse settings written as ``name=value``.

    Raises
    ------
    IntegrationError
        If a setting does not exist, or its value is not a number of its type.

    Examples
    --------
    >>> read_settings(["k_weight=50", "clustering=none"])
    {'k_weight': 50, 'clustering': 'none'}
    """
    values: dict[str, Any] = {}
    fields = IntegrateSettings.model_fields
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        if name not in fields:
            raise IntegrationError(
                f"there is no setting {name!r}{choices_hint(name, fields)} (expected name=value)", option="settings"
            )
        kind = fields[name].annotation
        try:
            values[name] = whole_number(value) if kind is int else float(value) if kind is float else value
        except (ValueError, OverflowError):
            expected = "a whole number" if kind is int else "a number"
            raise IntegrationError(f"{name} is {value!r}; expected {expected}", option=name) from None
    return values
