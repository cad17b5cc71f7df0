"""Define the command ``homodb use``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import JsonOption
from homodb.cli.output import give_json, say
from homodb.schema.errors import OptionsError


def use(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH|NAME",
            help="The release. Default: say which one is used here.",
            autocompletion=complete.releases,
        ),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the choice back.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Choose the release for this folder and all folders in it.

    The choice stands in the file .homodb-release. --release and the environment variable HOMODB_RELEASE come before it.

    Example: homodb use rel
    """
    from homodb.query.release import RELEASE_FILE, find_release, use_in_folder

    if name and none:
        raise OptionsError(f"--none takes the choice back, and {name} makes one: leave one of them out")
    if name or none:
        file = use_in_folder(name, Path.cwd())
        if none and not as_json:
            say(f"deleted: {file}" if file else f"there is no {RELEASE_FILE} in this folder")
            return
    located = find_release()
    if as_json:
        give_json({"release": located.path.name, "path": str(located.path), "chosen": located.origin})
        return
    say(f"release {located.path.name}, {located.origin}: {located.path}")
