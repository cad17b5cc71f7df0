"""Format the help of commands.

Arguments are shown by name, without the type that Python has for them.
"""

from __future__ import annotations

import re
from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from homodb.schema.errors import HomodbError


class Command(TyperCommand):
    """Base class of all commands. It supports both forms of help in typer's versions."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error that concerns one of its options gets a note with the flag."""
        try:
            return super().invoke(ctx)
        except HomodbError as error:
            for parameter in self.params:
                flag = max(parameter.opts, key=len)
                if error.option is not None and error.option in (parameter.name, flag.lstrip("-").replace("-", "_")):
                    error.add_note(f"({flag})")
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return ``IN...`` for typer's ``{IN...}...``."""
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub(r"(\.\.\.\]?)\.\.\.$", r"\1", re.sub(r"^\{(.*)\}", r"\1", piece)) for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Format arguments, without ``<path>``, and options."""
        rows: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                name, help_text = record
                rows[parameter.param_type_name].append((re.sub(r" <.*>$", "", name), help_text))
        for kind, title in (("argument", "Arguments"), ("option", "Options")):
            if rows[kind]:
                with formatter.section(title):
                    formatter.write_dl(rows[kind])


#: Commands by the heading of the help, which shows the first line of each one's docstring. A command is the function,
#: or the group, of that name in the module of that name.
GROUPS: dict[str, tuple[str, ...]] = {
    "Translate": ("inspect", "translate", "join"),
    "Ask": ("orthologs", "explain", "neighbors", "table", "sql", "info"),
    "Analyse": ("integrate", "score", "report", "annotate", "evaluate", "niches", "markers", "compare"),
    "Releases": ("use", "releases", "download", "verify", "cache", "export"),
    "Build": ("build", "fetch", "embed", "publish", "exam"),
    "Learn": ("demo", "doctor", "simulate"),
}
#: Commands that do something without any argument.
_ASK_NOTHING = ("sql", "info", "use", "releases", "download", "verify", "demo", "doctor")


class _Imported(UserDict[str, Any]):
    """Commands by name, each imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            self.data[name] = _load(name)
        return self.data[name]


class Commands(TyperGroup):
    """The group of all commands, each imported when it is needed; its help has them under headings."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Imported(dict.fromkeys(name for names in GROUPS.values() for name in names))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Format the commands of each heading."""
        width = max(map(len, self.commands))
        for heading, names in GROUPS.items():
            shorts = [self.commands[name].get_short_help_str(formatter.width - width - 6) for name in names]
            with formatter.section(heading):
                formatter.write_dl([(f"{name:<{width}}", short) for name, short in zip(names, shorts, strict=True)])


def _load(name: str) -> Any:
    command = getattr(import_module(f"homodb.cli.{name}"), name)
    if not isinstance(command, typer.Typer):
        alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        alone.command(name, cls=Command, no_args_is_help=name not in _ASK_NOTHING)(command)
        command = alone
    loaded = get_command(command)
    loaded.name = name
    return loaded
