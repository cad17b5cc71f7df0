"""Format the help of commands.

Arguments are shown by name, without the type that Python has for them.
"""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

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


class Commands(TyperGroup):
    """The group of all commands, whose help has them under headings."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Format the commands of each heading."""
        headings: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.commands))
        for name, command in self.commands.items():
            short = command.get_short_help_str(formatter.width - width - 6)
            headings.setdefault(str(getattr(command, "rich_help_panel", None) or "Commands"), []).append(
                (f"{name:<{width}}", short)
            )
        for heading, rows in headings.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
