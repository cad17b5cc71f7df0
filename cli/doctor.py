"""Define the command ``homodb doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.output import give_json, say


def doctor(
    every: Annotated[bool, typer.Option("--all", help="Say all that was looked at, with versions and places.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what works here, what does not, and how to get it.

    In five lines, the last of which is the one command that installs what is missing. Asks nothing of the network and
    changes nothing.

    Example: homodb doctor
    """
    from homodb.query.release.doctor import State, summary
    from homodb.query.release.doctor import doctor as examine

    findings = examine()
    if as_json:
        give_json([asdict(one) for one in findings])
        return
    if not every:
        for line in summary(findings):
            say(line)
        return
    area = ""
    for one in findings:
        if one.area != area:
            say(f"{chr(10) if area else ''}{one.area}")
            area = one.area
        say(f"  {one.state:<8} {one.name}: {one.found}")
        if one.remedy:
            say(f"  {'':<8}   -> {one.remedy}")
    counts = {state: sum(one.state is state for one in findings) for state in State}
    say(f"\n{counts[State.OK]} ok, {counts[State.MISSING]} missing, {counts[State.BROKEN]} broken")
