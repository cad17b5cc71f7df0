"""Define and check the options of a join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from homodb.query.translate import Names
from homodb.schema.errors import JoinError
from homodb.schema.messages import did_you_mean
from homodb.schema.species import Species

#: Default maximum number of genes of a group of orthologs.
LARGEST = 20


class Features(StrEnum):
    """Kind of features under ENS_M2M."""

    GROUP = "group"
    COPY = "copy"


class TooLarge(StrEnum):
    """Policy for groups with too many genes."""

    LEAVE = "leave"
    REFUSE = "refuse"


@dataclass(frozen=True)
class JoinOptions:
    """Checked options; see :func:`homodb.query.join.join`."""

    via: str | int | Species | None = None
    features: Features = Features.GROUP
    largest: int = LARGEST
    too_large: TooLarge = TooLarge.LEAVE
    consistent: bool = False
    measured: bool = False
    shared_types: str | None = None
    columns: tuple[str | None, ...] = ()
    layers: tuple[str | None, ...] = ()
    names: Names = Names.KEEP


def read_join_options(
    objects: int,
    *,
    via: str | int | Species | None = None,
    features: str = "group",
    largest: int = LARGEST,
    too_large: str = "leave",
    consistent: bool = False,
    measured: bool = False,
    shared_types: str | None = None,
    column: str | Sequence[str | None] | None = None,
    layer: str | Sequence[str | None] | None = None,
    names: str = "keep",
) -> JoinOptions:
    """Check the options of a join of a number of objects.

    Raises
    ------
    JoinError
        If an option has an unknown value, or a list does not have one entry for each object.
    """
    if largest < 2:
        raise JoinError(f"a group may have at most {largest} genes; it needs at least two to be one")
    return JoinOptions(
        via=via,
        features=Features(_word([*Features], features, "kind of features")),
        largest=largest,
        too_large=TooLarge(_word([*TooLarge], too_large, "treatment of large groups")),
        consistent=consistent,
        measured=measured,
        shared_types=shared_types,
        columns=_each(column, objects, "columns"),
        layers=_each(layer, objects, "layers"),
        names=Names(_word([*Names], names, "kind of names")),
    )


def _word(words: Sequence[str], word: str, what: str) -> str:
    if word not in words:
        raise JoinError(f"there is no {what} {word!r}; there are {', '.join(words)}{did_you_mean(word, words)}")
    return word


def _each(given: str | Sequence[str | None] | None, objects: int, what: str) -> tuple[str | None, ...]:
    """Return one entry for each object."""
    if given is None or isinstance(given, str):
        return (given,) * objects
    each = tuple(given)
    if len(each) == 1:
        return each * objects
    if len(each) != objects:
        raise JoinError(f"{len(each)} {what} are named for {objects} objects; name one for all, or one for each")
    return each
