"""Define and check the options of a join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

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


class JoinChoices(TypedDict, total=False):
    """Optional keyword arguments of a join.

    Notes
    -----
    ``via``: the hub, a species that the others are joined to; it may be a species without a file.
    ``features``: kind of features under ENS_M2M: ``group`` (default), a connected group of orthologs, with counts
    summed per species; or ``copy``, a row of the joint table, with counts copied and names in lower case, as in the
    reference.
    ``largest``: maximum number of genes of a group (default 20). ``too_large``: ``leave`` larger ones out (default) or
    ``refuse``. ``consistent``: only use rows that every direct pair of species confirms. ``measured``: choose
    one-to-one partners among the genes in the files. ``shared_types``: a column of obs; only cells with a value that
    all species have are kept. ``column``, ``layer``: column of var with the gene names, layer in place of X; one for
    all objects, or one for each (None: index of var, X). ``names``: ``keep`` the kind of names of the first object
    (default), ``id`` or ``symbol``.
    """

    via: str | int | Species | None
    features: str
    largest: int
    too_large: str
    consistent: bool
    measured: bool
    shared_types: str | None
    column: str | Sequence[str | None] | None
    layer: str | Sequence[str | None] | None
    names: str


@dataclass(frozen=True)
class JoinOptions:
    """Checked options; see :class:`JoinChoices`."""

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


def read_join_options(choices: JoinChoices, objects: int) -> JoinOptions:
    """Check the keyword arguments.

    Parameters
    ----------
    choices
        Keyword arguments.
    objects
        Number of objects to join.

    Raises
    ------
    JoinError
        If an option has an unknown value, or a list does not have one entry for each object.
    """
    unknown = set(choices) - set(JoinChoices.__annotations__)
    if unknown:
        raise TypeError(f"join() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    largest = choices.get("largest", LARGEST)
    if largest < 2:
        raise JoinError(f"a group may have at most {largest} genes; it needs at least two to be one")
    return JoinOptions(
        via=choices.get("via"),
        features=Features(_word([*Features], choices.get("features", "group"), "kind of features")),
        largest=largest,
        too_large=TooLarge(_word([*TooLarge], choices.get("too_large", "leave"), "treatment of large groups")),
        consistent=choices.get("consistent", False),
        measured=choices.get("measured", False),
        shared_types=choices.get("shared_types"),
        columns=_each(choices.get("column"), objects, "columns"),
        layers=_each(choices.get("layer"), objects, "layers"),
        names=Names(_word([*Names], choices.get("names", "keep"), "kind of names")),
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
