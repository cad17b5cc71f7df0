"""Define the options of an annotation, and how uns stores them so that it can be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from homodb.query.annotate.methods import METHODS, AnnotationMethod, default_of, method_named, parse_parameters, used_by
from homodb.query.cells import validate_key_added
from homodb.schema.errors import AnnotationError, HomodbError
from homodb.schema.models import FrozenModel
from homodb.schema.options import Bounds
from homodb.schema.species import Species

#: Options that hold several texts, and options that not every method uses.
_SEVERAL = ("query_donors", "phrases", "vectors")
_OF_SOME = ("strategy", "evidence", "spatial_key", "phrases", "vectors", "embedding", "numeric")
_SEEDS = Bounds(0, 2**32 - 1)


class AnnotateOptions(FrozenModel):
    """Options of an annotation.

    Parameters
    ----------
    parameters
        All parameters of the method, by name.

    The others are those of :func:`homodb.annotate`.

    Raises
    ------
    AnnotationError
        If options contradict each other, a number is out of bounds, or the method does not use an option.
    """

    error: ClassVar[type[HomodbError]] = AnnotationError

    label_key: str
    method: str = "knn"
    strategy: str | None = None
    evidence: str | None = None
    source: str | None = None
    reference_species: str | None = None
    query_label_key: str | None = None
    query_donors: tuple[str, ...] | None = None
    donor_key: str | None = None
    labels: str | None = None
    unknown_below: float | None = None
    layer: str | None = None
    reference_layer: str | None = None
    column: str | None = None
    reference_column: str | None = None
    spatial_key: str | None = None
    phrases: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    embedding: str | None = None
    numeric: bool = False
    key_added: str = "homodb"
    random_state: int = 42
    parameters: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("*", mode="before")
    @classmethod
    def _as_stored(cls, value: Any, info: ValidationInfo) -> Any:
        """Turn paths, species and lists into what uns can hold."""
        if info.field_name in _SEVERAL and value is not None:
            return (value,) if isinstance(value, str) else tuple(map(str, value))
        if value is None or info.field_name in ("unknown_below", "random_state", "numeric", "parameters"):
            return value
        return value.name if isinstance(value, Species) else str(value)

    def check(self) -> None:
        """Check options against each other and against the method."""
        if self.query_donors is not None and (self.query_label_key is None or self.donor_key is None):
            missing = "query_label_key" if self.query_label_key is None else "donor_key"
            raise AnnotationError(
                f"query_donors restricts the labels that are read; name their columns too: {missing} is missing",
                option=missing,
            )
        if self.unknown_below is not None and not 0 <= self.unknown_below <= 1:
            raise AnnotationError(
                f"the least confidence is {self.unknown_below:g}; it lies between 0 and 1", option="unknown_below"
            )
        for name in ("labels", "unknown_below"):
            if self.numeric and getattr(self, name) is not None:
                raise AnnotationError(f"{name} is about cell types; leave it out, or numeric", option=name)
        if self.numeric and self.parameters.get("balanced"):
            raise AnnotationError("balanced is about votes for cell types; leave it out, or numeric", option="numeric")
        validate_key_added(self.key_added, AnnotationError)
        _SEEDS.check("random_state", self.random_state, AnnotationError)
        for name in self._unused():
            *others, last = (one.name for one in METHODS if name in one.uses)
            does = f"{', '.join(others)} and {last} do" if others else f"{last} does"
            raise AnnotationError(
                f"method {self.method} does not use {name}; {does}: leave it out, or use another method", option=name
            )
        for key in (self.label_key, self.query_label_key):
            if key in self.phrases:
                raise AnnotationError(
                    f"{key!r} holds the cell types themselves; name other columns for sentences", option="phrases"
                )

    def _unused(self) -> list[str]:
        """Return the options that were set though the method does not use them."""
        used = used_by(self.annotation_method, self.parameters)
        return [name for name in _OF_SOME if getattr(self, name) not in (None, (), False) and name not in used]

    @property
    def annotation_method(self) -> AnnotationMethod:
        """The method."""
        return method_named(self.method)

    def stored(self) -> dict[str, Any]:
        """Return the options that are set, without label, method and parameters, as uns stores them."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if name not in ("label_key", "method", "parameters")
            and not (value is None or value is False or value == ())
        }


def read_options(values: Mapping[str, Any]) -> AnnotateOptions:
    """Check the options of an annotation before anything is read.

    Parameters
    ----------
    values
        Options of :func:`homodb.annotate`, and parameters of the method, by name. Parameters at their default value
        count as not set.

    Raises
    ------
    AnnotationError
        If there is no such method or parameter, a value is invalid, or options contradict each other.

    Examples
    --------
    >>> read_options({"label_key": "cell_type", "method": "KNN", "k": "3"}).parameters["k"]
    3
    """
    own = set(AnnotateOptions.model_fields)
    method = method_named(str(values.get("method", "knn")))
    parameters = {name: value for name, value in values.items() if name not in own and value != default_of(name)}
    options = {name: value for name, value in values.items() if name in own}
    options |= {
        "method": method.name,
        "parameters": parse_parameters(method, {**(values.get("parameters") or {}), **parameters}),
    }
    return AnnotateOptions(**options)


def stored_options(entry: Mapping[str, Any]) -> AnnotateOptions:
    """Return the options of an annotation from its entry in uns.

    Parameters
    ----------
    entry
        ``uns["homodb"]["annotation"][column]``.

    Raises
    ------
    AnnotationError
        If it is not an entry of an annotation.
    """
    try:
        options: dict[str, Any] = {"label_key": str(entry["label_key"]), "method": str(entry["method"])}
        settings = dict(entry.get("settings", {}))
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"uns does not say how the cells were annotated (it lacks {error})") from error
    method = method_named(options["method"])
    parameters = parse_parameters(method, dict(entry.get("parameters", {})))
    # entries of earlier versions may hold options that the method does not use
    unused = set(_OF_SOME) - used_by(method, parameters)
    for name in AnnotateOptions.model_fields:
        if name in settings and name not in unused:
            value = settings[name]
            options[name] = value.item() if getattr(value, "ndim", 1) == 0 and hasattr(value, "item") else value
    return AnnotateOptions(**options, parameters=parameters)
