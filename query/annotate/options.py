"""All that is chosen for an annotation, and how uns keeps it so that it can be run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from homodb.query.annotate.methods import METHODS, AnnotationMethod, method_named, parse_parameters, used_by
from homodb.query.cells import validate_key_added
from homodb.schema.errors import AnnotationError
from homodb.schema.options import Bounds
from homodb.schema.species import Species

#: Fields that hold several texts.
_SEVERAL = ("query_donors", "phrases", "vectors")

#: What only some methods use, and the option that gives it.
_OF_SOME = {
    "strategy": "--strategy", "evidence": "--evidence", "spatial": "--spatial", "phrases": "--phrase",
    "vectors": "--vectors", "embedding": "--embedding", "numeric": "--numeric",
}  # fmt: skip

_SEEDS = Bounds(0, 2**32 - 1)


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
        If choices contradict each other, a number is out of its range, or something is chosen that the method does not
        use.
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
    numeric: bool = False
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
        if self.numeric and (self.unknown_below is not None or self.labels is not None):
            types = "--labels" if self.labels is not None else "--unknown-below"
            raise AnnotationError(f"{types} is about cell types; leave it out, or --numeric")
        if self.numeric and self.parameters.get("balanced"):
            raise AnnotationError("balanced is about votes for cell types; leave it out, or --numeric")
        validate_key_added(self.key, AnnotationError)
        _SEEDS.check("seed", self.seed, AnnotationError)
        for unused in self._unused():
            having = [one.name for one in METHODS if unused in one.uses]
            does = f"{_and(having)} {'does' if len(having) == 1 else 'do'}"
            raise AnnotationError(
                f"method {self.method} does not use {_OF_SOME[unused]}; {does}: leave it out, or take another --method"
            )
        for name in (self.label, self.query_label):
            if name in self.phrases:
                raise AnnotationError(
                    f"{name!r} holds the cell types themselves; name other columns for sentences (--phrase)"
                )

    def _unused(self) -> list[str]:
        """Return what is chosen though the method does not use it."""
        used = used_by(self.chosen, self.parameters)
        return [name for name in _OF_SOME if getattr(self, name) not in (None, (), False) and name not in used]

    @property
    def column_made(self) -> str:
        """Column of obs that gets the labels."""
        return f"{self.label}_{self.key}"

    @property
    def chosen(self) -> AnnotationMethod:
        """The method."""
        return method_named(self.method)

    def told(self) -> dict[str, Any]:
        """Return what was chosen beside label, method and parameters, without what was left at None or empty."""
        apart = ("label", "method", "parameters")
        left = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in apart}
        chosen = {
            name: value for name, value in left.items() if value is not None and value is not False and value != ()
        }
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}


def read_choices(label: str, method: str, given: Mapping[str, Any]) -> Choices:
    """Check what was chosen, before anything is read.

    Parameters
    ----------
    label, method
        Column of the reference's obs with cell types, and the name of the method.
    given
        Everything else by name, as :func:`homodb.query.annotate.annotate.annotate_with_report` takes it; what is no
        field of :class:`Choices` is a parameter of the method.

    Raises
    ------
    AnnotationError
        If there is no such method or parameter, a value will not do, or choices contradict each other.

    Examples
    --------
    >>> read_choices("cell_type", "KNN", {"seed": 1, "k": "3"}).parameters["k"]
    3
    """
    own = {one.name for one in fields(Choices)} - {"label", "method", "parameters"}
    parameters = {**(given.get("parameters") or {})}
    parameters |= {name: value for name, value in given.items() if name not in own | {"parameters"}}
    named = method_named(method)
    return Choices(
        label=label, method=named.name, parameters=parse_parameters(named, parameters),
        **{name: _plain(name, value) for name, value in given.items() if name in own},
    )  # fmt: skip


def _plain(name: str, value: Any) -> Any:
    """Return a choice as it is kept: texts and numbers, several in a tuple."""
    if name in _SEVERAL and value is not None:
        return (value,) if isinstance(value, str) else tuple(value)
    if value is None or name in ("unknown_below", "seed", "numeric"):
        return value
    return value.name if isinstance(value, Species) else str(value)


def _and(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


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
    parameters = parse_parameters(method_named(method), dict(entry.get("parameters", {})))
    # once what a method did not use was noted, too
    unused = set(_OF_SOME) - used_by(method_named(method), parameters)
    read = {name: value for name, value in read.items() if name not in unused}
    return Choices(label=label, method=method, parameters=parameters, **read)
