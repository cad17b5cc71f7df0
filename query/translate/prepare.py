"""What both drivers do first: from var, and what was asked, to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homodb.query.names import name_texts, texts
from homodb.query.release import Release
from homodb.query.translate.columns import known_share, named_column
from homodb.query.translate.detect import detect_species, other_species_note
from homodb.query.translate.options import Options
from homodb.query.translate.plan import GENE_EXPRESSION, Plan, find_route, make_plan
from homodb.schema.errors import TranslationError
from homodb.schema.near import did_you_mean
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import pandas as pd

#: Names of which a smaller share is known are not gene names; a column of var may hold them.
_KNOWN = 0.02

#: Whether names look like another species' is asked of so many first.
_SAMPLE = 2000


def prepare(
    release: Release,
    var: pd.DataFrame,
    to: str | int | Species,
    *,
    source: str | int | Species | None,
    strategy: str | Strategy | None,
    column: str | None,
    options: Options,
) -> Plan:
    """Make the plan for a var.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError, UndecidedSpeciesError
        If the release lacks what is asked, or the names do not tell the species.
    TranslationError
        If a column of var is not there, no gene can be translated, or the names stand in a column that was not named.
    """
    target = release.find_species(to)
    given = None if source is None else release.find_species(source)
    names = names_of(var, column)
    features = features_of(var)
    asked = [name for name, kind in zip(names, features, strict=True) if kind == GENE_EXPRESSION] if features else names
    if column is None:
        _check_named(release, var, asked)
    species = given or detect_species(release, asked)
    plan = make_plan(find_route(release, species, target, strategy, options), names, features)
    return plan if given is None else replace(plan, notes=(*plan.notes, *_doubts(release, asked, given)))


def prepare_raw(plan: Plan, raw: pd.DataFrame, var: pd.DataFrame, column: str | None) -> Plan:
    """Make the plan for the var of raw: the same species, strategy and options, other genes.

    Raises
    ------
    TranslationError
        If its names cannot be told, or none can be translated.
    """
    if column is not None and column not in raw:
        index, own, names = name_texts(raw.index), name_texts(var.index), names_of(var, column)
        known = {**dict(zip(own, names, strict=True)), "": ""}
        if set(index) <= set(known):
            named = names if index == own else [known[name] for name in index]
            return _planned(plan, named, features_of(raw))
    return _planned(plan, names_of(raw, column), features_of(raw))


def _planned(plan: Plan, names: list[str], features: list[str | None] | None) -> Plan:
    """Return the plan itself where raw has the same genes, else one for its own."""
    same = plan.resolved["name"].to_list() == names
    if same and plan.resolved["feature"].to_list() == (features or [None] * len(names)):
        return plan
    return make_plan(plan.route, names, features)


def names_of(var: pd.DataFrame, column: str | None) -> list[str]:
    """Return the name of the gene of each row, empty where it is missing."""
    if column is None:
        return name_texts(var.index)
    if column not in var:
        there = ", ".join(map(repr, var.columns)) or "none"
        close = did_you_mean(column, map(str, var))
        raise TranslationError(f"var has no column {column!r}; its columns are: {there}{close}")
    return name_texts(var[column])


def features_of(var: pd.DataFrame) -> list[str | None] | None:
    """Return ``feature_types`` of each row; None where var does not tell."""
    if "feature_types" not in var:
        return None
    return texts(var["feature_types"])


def _check_named(release: Release, var: pd.DataFrame, names: list[str]) -> None:
    """Refuse names that are none where a column of var holds some."""
    if not len(var.columns) or known_share(release, names) > _KNOWN:
        return
    found = named_column(release, var)
    if found is not None:
        seen = ", ".join(map(repr, names[:3]))
        raise TranslationError(
            f"the names of var look like {seen}, which are no genes, while var[{found[0]!r}] holds gene names "
            f"({found[1]:.0%} of them are known); name it: --column {found[0]}"
        )


def _doubts(release: Release, names: list[str], given: Species) -> list[str]:
    """Return a note where the names look like another species'; all are counted only where a sample does."""
    some = names[:: max(1, len(names) // _SAMPLE)]
    return other_species_note(release, names, given) if other_species_note(release, some, given) else []


def logged_of(uns: Any) -> tuple[bool, float | None]:
    """Return what the object says of X: whether it holds logarithms, and to which base (None: e, or not said)."""
    if "log1p" not in uns:
        return False, None
    told = uns["log1p"]
    base = told.get("base") if hasattr(told, "get") else None
    return True, float(base) if isinstance(base, int | float) else None
