"""The profiles of scores, in one list; to add one, write its module and add its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homodb.query.score.embedded import Embedded
from homodb.query.score.result import Part
from homodb.schema.errors import ScoreError
from homodb.schema.near import did_you_mean

Report = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What every profile takes.

    Parameters
    ----------
    embedded
        The cells.
    baseline
        The same cells in the ``none`` baseline, where there is one.
    resamples
        Draws of the intervals.
    seed
        Of everything random.
    report
        Called with the name of each step as it begins.
    """

    embedded: Embedded
    baseline: Embedded | None
    resamples: int
    seed: int
    report: Report


@dataclass(frozen=True)
class Profile:
    """A profile: scores that are computed together."""

    name: str
    summary: str
    reference: str
    function: Callable[[Asked], Part]

    @property
    def key(self) -> str:
        """What its numbers are called by."""
        return self.name.replace("-", "_")


def _pllm(asked: Asked) -> Part:
    from homodb.query.score.pllm import pllm

    return pllm(asked.embedded, asked.baseline, resamples=asked.resamples, seed=asked.seed, report=asked.report)


def _scib(asked: Asked) -> Part:
    from homodb.query.score.scib import scib

    return scib(asked.embedded, asked.baseline, report=asked.report)


def _cross_species(asked: Asked) -> Part:
    from homodb.query.score.cross_species import cross_species

    asked.report("neighbours across species")
    return cross_species(asked.embedded, asked.baseline, resamples=asked.resamples, seed=asked.seed)


PROFILES = (
    Profile(
        "pllm", "the reference project's own scores, on the types that all species have",
        "github.com/KKzhongyi/pLLM-cross-species-integration", _pllm,
    ),
    Profile("scib", "scib-metrics, species being its batches", "10.1038/s41592-021-01336-8", _scib),
    Profile(
        "cross-species", "mixing within types, label transfer, loss of types, over-merging",
        "10.1038/s41467-023-41855-w", _cross_species,
    ),
)  # fmt: skip


def profiles_named(names: str) -> list[Profile]:
    """Return profiles by their names, in the list's order.

    Parameters
    ----------
    names
        ``all``, or names with commas between them; case and ``_`` for ``-`` do not matter.

    Raises
    ------
    ScoreError
        If there is no such profile.

    Examples
    --------
    >>> [one.name for one in profiles_named("scib,PLLM")]
    ['pllm', 'scib']
    """
    known = {one.name: one for one in PROFILES}
    wanted = [name.strip().lower().replace("_", "-") for name in names.split(",")]
    for name in wanted:
        if name not in known and name != "all":
            there = ", ".join([*known, "all"])
            raise ScoreError(f"there is no profile {name!r}; there are {there}{did_you_mean(name, [*known, 'all'])}")
    return [one for one in PROFILES if "all" in wanted or one.name in wanted]
