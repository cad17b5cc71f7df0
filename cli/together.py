"""Check which options were given, and refuse conflicting ones."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from homodb.schema.errors import HomodbError, OptionsError


def given(context: typer.Context, name: str) -> bool:
    """Return whether an option, by parameter name, is on the command line."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"


def refuse(context: typer.Context, names: Iterable[str], why: str, error: type[HomodbError] = OptionsError) -> None:
    """Refuse options that have no meaning here.

    Parameters
    ----------
    context
        Context of the command.
    names
        Names of their parameters.
    why
        Text after the option in the message.
    error
        Class of the error.

    Raises
    ------
    OptionsError
        If one of them is on the command line.
    """
    spelled = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    for name in names:
        if given(context, name):
            raise error(f"{spelled[name]} {why}")


def apart(one: str, other: str) -> OptionsError:
    """Return the error for two conflicting options.

    Examples
    --------
    >>> str(apart("--json", "--format csv"))
    '--json and --format csv do not go together: leave one of them out'
    """
    return OptionsError(f"{one} and {other} do not go together: leave one of them out")
