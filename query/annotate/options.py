"""All that is chosen for an annotation, and how uns keeps it so that it can be run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from homodb.query.annotate.methods import Method, method_named, read_parameters
from homodb.schema.errors import AnnotationError

#: Fields that hold several texts.
_SEVERAL = ("query_donors", "phrases", "vectors")


@dataclass(frozen=True)
class Choices:
    """What was chosen; see :func:`homodb.query.annotate.annotate.annotate_with_report` for each.

    Parameters
    ----------
    vectors
        Tables of gene vectors, ``SPECIES=FILE`` or ``FILE`` each.
    parameters
        Of the method, all of them.

    Raises
    ------
    AnnotationError
        If choices contradict each other, or a number is out of its range.
    """

    label: str
    method: str = "knn"
    strategy: str | None = None
    evidence: str | None = None
    source: str | None = None
    reference_species: str | None = None
    query_label: str | None = None
    query_donors: tuple[str, ...] | None = None
    donor_key: str | None = None
    labels: str | None = None
    unknown_below: float | None = None
    layer: str | None = None
    reference_layer: str | None = None
    column: str | None = None
    reference_column: str | None = None
    spatial: str | None = None
    phrases: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    embedding: str | None = None
    key: str = "homodb"
    seed: int = 42
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.query_donors is not None and (self.query_label is None or self.donor_key is None):
            raise AnnotationError(
                "--query-donors says whose labels may be read; name the columns too (--query-label, --donor-key)"
            )
        if self.unknown_below is not None and not 0 <= self.unknown_below <= 1:
            raise AnnotationError(
                f"the least confidence is {self.unknown_below:g}; it lies between 0 and 1 (--unknown-below)"
            )
        for name in (self.label, self.query_label):
            if name in self.phrases:
                raise AnnotationError(
                    f"{name!r} holds the cell types themselves; name other columns for sentences (--phrase)"
                )

    @property
    def column_made(self) -> str:
        """Column of obs that gets the labels."""
        return f"{self.label}_{self.key}"

    @property
    def chosen(self) -> Method:
        """The method."""
        return method_named(self.method)

    def told(self) -> dict[str, Any]:
        """Return what was chosen beside label, method and parameters, without what was left at None or empty."""
        apart = ("label", "method", "parameters")
        left = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in apart}
        chosen = {name: value for name, value in left.items() if value is not None and value != ()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}


def choices_of(entry: Mapping[str, Any]) -> Choices:
    """Return the choices of an annotation from what uns tells of it.

    Parameters
    ----------
    entry
        ``uns["homodb"]["annotation"][column]``.

    Raises
    ------
    AnnotationError
        If it is not what an annotation leaves.
    """
    try:
        label, method = str(entry["label"]), str(entry["method"])
        settings = dict(entry.get("settings", {}))
    except (KeyError, TypeError) as error:
        raise AnnotationError(f"uns does not tell how the cells were annotated (it lacks {error})") from error
    known = {one.name for one in fields(Choices)}
    read: dict[str, Any] = {}
    for name, value in settings.items():
        if name in known:
            plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
            read[name] = tuple(str(one) for one in plain) if name in _SEVERAL else plain
    parameters = read_parameters(method_named(method), dict(entry.get("parameters", {})))
    return Choices(label=label, method=method, parameters=parameters, **read)
