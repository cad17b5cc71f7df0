"""Complete names of species, strategies and methods in shells."""

from __future__ import annotations


def species(incomplete: str) -> list[str]:
    """Return species names with a prefix, usual English ones first.

    Examples
    --------
    >>> species("mou")[0], species("mus_m")[0]
    ('mouse', 'mus_musculus')
    """
    from homodb.schema.species import registry

    common = [one.common_name for one in registry() if " " not in one.common_name]
    return _begin(incomplete, [*common, *(one.name for one in registry())])


def several_species(incomplete: str) -> list[str]:
    """Return completions of the last name in a comma-separated list.

    Examples
    --------
    >>> several_species("human,mou")[0]
    'human,mouse'
    """
    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in species(last)]


def strategies(incomplete: str) -> list[str]:
    """Return the strategies with a prefix.

    Examples
    --------
    >>> strategies("hm")
    ['hm_o2o']
    """
    from homodb.schema.enums import Strategy

    return _begin(incomplete, [one.lower() for one in Strategy])


def integration_methods(incomplete: str) -> list[str]:
    """Return the methods of integration with a prefix.

    Examples
    --------
    >>> integration_methods("cc")
    ['cca']
    """
    from homodb.query.integrate import METHODS

    return _begin(incomplete, [one.name for one in METHODS])


def _begin(incomplete: str, names: list[str]) -> list[str]:
    """Return the names with a prefix, spelled like the prefix. Shells drop completions that begin otherwise."""
    begun = [name for name in dict.fromkeys(names) if name.startswith(incomplete.lower())]
    return [incomplete + name[len(incomplete) :] for name in begun]
