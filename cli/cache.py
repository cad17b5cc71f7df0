"""Define ``homodb cache`` and its two commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.command import Command
from homodb.cli.options import JsonOption
from homodb.cli.output import Format, give, give_json, megabytes, say
from homodb.schema.messages import counted

if TYPE_CHECKING:
    from homodb.query.release import Cached

cache = typer.Typer(
    add_completion=False,
    name="cache",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="See and clear what homodb keeps on this machine.\n\nExample: homodb cache list",
)


@cache.command("list", cls=Command)
def list_(as_json: JsonOption = False) -> None:
    """List what is in the cache, with sizes.

    Releases, broken-off downloads, weights and stores of vectors.

    Example: homodb cache list
    """
    from homodb.query.release import list_cached
    from homodb.schema.settings import cache_folder

    items = list_cached()
    if as_json:
        give_json({"folder": str(cache_folder()), "entries": _as_dicts(items)})
        return
    _show(items)
    say(f"{_entries(items)}, {megabytes(sum(one.bytes for one in items))}, in {cache_folder()}")


@cache.command("prune", cls=Command)
def prune(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...",
            help="As homodb cache list shows them. Default: broken-off downloads and all releases but the newest.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete from the cache.

    On a terminal it asks, elsewhere it needs --yes.

    Example: homodb cache prune --dry-run
    """
    from homodb.query.release import prune as prune_cache
    from homodb.schema.errors import CacheError

    selected = prune_cache(names or (), dry_run=True)
    if not as_json:
        _show(selected)
    if selected and not (dry_run or yes):
        if as_json or not sys.stdin.isatty():
            raise CacheError(f"{_entries(selected)} would be deleted; say --yes to do so, or --dry-run to see them")
        typer.confirm(f"delete {_entries(selected)}?", abort=True, err=True)
    if selected and not dry_run:
        prune_cache([one.name for one in selected])
    size = megabytes(sum(one.bytes for one in selected))
    if as_json:
        give_json({"dry_run": dry_run, "deleted": _as_dicts(selected)})
    else:
        say(f"{_entries(selected)}, {size}, {'would be' if dry_run else 'were'} deleted")


def _entries(entries: list[Cached]) -> str:
    return counted(len(entries), "entry", "entries")


def _as_dicts(entries: list[Cached]) -> list[dict[str, object]]:
    return [
        {"name": one.name, "kind": one.kind, "path": str(one.path), "bytes": one.bytes, "created": one.created}
        for one in entries
    ]


def _show(entries: list[Cached]) -> None:
    import polars as pl

    if entries:
        rows = [
            {"name": one.name, "what": one.kind, "built": one.created, "size": megabytes(one.bytes)} for one in entries
        ]
        give(pl.DataFrame(rows), Format.TABLE)
