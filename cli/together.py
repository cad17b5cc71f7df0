"""Which options were given, and which of them do not go together."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from homodb.schema.errors import HomodbError, OptionsError


def given(context: typer.Context, name: str) -> bool:
    """Whether an option, by the name of its parameter, stands on the command line."""
    return getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"


def refuse(context: typer.Context, names: Iterable[str], why: str, error: type[HomodbError] = OptionsError) -> None:
    """Refuse options that mean nothing here.

    Parameters
    ----------
    context
        Of the command.
    names
        The names of their parameters.
    why
        What follows the option in the message.
    error
        What is raised.

    Raises
    ------
    OptionsError
        Names the first of them that stands on the command line.
    """
    spelled = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    for name in names:
        if given(context, name):
            raise error(f"{spelled[name]} {why}")


def apart(one: str, other: str) -> OptionsError:
    """Return the error that two options do not go together.

    Examples
    --------
    >>> str(apart("--json", "--format csv"))
    '--json and --format csv do not go together: leave one of them out'
    """
    return OptionsError(f"{one} and {other} do not go together: leave one of them out")
