"""Ask a release question after question: the shell of ``homodb sql``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from homodb.cli.output import Format, give, say, say_error
from homodb.schema.errors import HomodbError
from homodb.schema.messages import did_you_mean

if TYPE_CHECKING:
    import polars as pl

    from homodb.query.api import Release

_PROMPT, _MORE = "homodb> ", "   ...> "
#: Lines of the history that are kept.
_HISTORY = 1000
_HELP = """End a question with ; and Enter. One SELECT at a time; the release cannot be changed.
.tables         the views and tables, with a line about each
.columns NAME   the columns of a view or table
.help           this
.quit           leave (also Ctrl-D); Ctrl-C stops a question
Tab completes names; the arrow keys bring earlier questions."""
#: Commands that other shells take without the dot.
_PLAIN = (["help"], ["quit"], ["exit"])
#: Words of SQL that are completed beside names.
_WORDS = (
    "select", "from", "where", "group by", "order by", "limit", "join", "using", "with", "distinct", "having",
    "count(*)", "like", "between", "is null", "union all", "left join", "except", "exclude",
)  # fmt: skip


def run_shell(
    release: Release,
    ask: Callable[[str], pl.DataFrame],
    own: dict[str, pl.DataFrame],
    read: Callable[[str], str] = input,
) -> None:
    """Read questions until the input ends, and print their answers.

    Parameters
    ----------
    release
        Open release.
    ask
        Function that answers a question.
    own
        Tables of the user's by name.
    read
        Function that shows a prompt and returns a line.
    """
    say(f"release {release.version}: .tables lists what it holds, .help says more, .quit leaves")
    question: list[str] = []
    with _completion(_names(release, own)):
        while True:
            try:
                line = read(_MORE if question else _PROMPT)
            except EOFError:
                say()
                return
            except KeyboardInterrupt:  # forgets what was written
                question = []
                say()
                continue
            words = line.rstrip("; ").split()
            if not question and (line.lstrip().startswith(".") or words in _PLAIN):
                if not _obey(words, release, own):
                    return
                continue
            question += [line] if question or line.strip() else []
            if not line.rstrip().endswith(";"):
                continue
            text, question = "\n".join(question), []
            try:
                give(ask(text), Format.TABLE, verbatim=True)
            except HomodbError as error:
                say_error(error.message, error.hint or "")
            except KeyboardInterrupt:
                say("stopped", err=True)


def _obey(words: list[str], release: Release, own: dict[str, pl.DataFrame]) -> bool:
    """Obey a command of the shell; return whether to go on."""
    match words:
        case [".quit" | ".exit" | ".q" | "quit" | "exit"]:
            return False
        case [".tables"]:
            relations = release.relations()
            width = max(map(len, [*relations, *own]))
            for name, comment in relations.items():
                say(f"{name:{width}}  {comment}")
            for name, table in own.items():
                say(f"{name:{width}}  your own: {table.height:,} rows")
        case [".columns" | ".schema", name] if name in own:
            for column, kind in own[name].schema.items():
                say(f"{column}  {kind}")
        case [".columns" | ".schema", name]:
            columns = _columns(release, name)
            if columns.is_empty():
                say_error(f"there is no view or table {name}{did_you_mean(name, [*release.relations(), *own])}")
            else:
                give(columns, Format.TABLE, verbatim=True)
        case [".help" | "help"]:
            say(_HELP)
        case _:
            say_error(f"there is no {' '.join(words)}; .help lists the commands")
    return True


def _columns(release: Release, name: str) -> pl.DataFrame:
    return release.select(
        "SELECT column_name AS column, lower(data_type) AS type, comment FROM duckdb_columns() "
        "WHERE NOT internal AND table_name = ? ORDER BY column_index",
        [name.lower()],
    )


def _names(release: Release, own: dict[str, pl.DataFrame]) -> list[str]:
    """Return the names that a question may hold: tables, columns, macros, species and words of SQL."""
    columns = release.select("SELECT DISTINCT column_name AS name FROM duckdb_columns() WHERE NOT internal ORDER BY 1")
    macros = release.select(
        "SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
    )
    names = [*own, *release.relations(), *(f"{name}(" for name in macros["name"]), *columns["name"]]
    names += [column for table in own.values() for column in table.columns]
    names += [name for one in release.species for name in (one.common_name, one.name) if " " not in name]
    return list(dict.fromkeys([*names, *_WORDS, ".tables", ".columns", ".help", ".quit"]))


def completions(names: list[str], text: str) -> list[str]:
    """Return the names with a prefix, in any case.

    Examples
    --------
    >>> completions(["genes", "gene", "ortholog"], "Ge")
    ['genes', 'gene']
    """
    return [name for name in names if name.lower().startswith(text.lower())] if text else []


@contextmanager
def _completion(names: list[str]) -> Iterator[None]:
    """Complete names, and keep the history of questions in the cache; without Python's readline do neither."""
    try:
        import readline
    except ImportError:  # Windows
        yield
        return
    from homodb.schema.settings import cache_folder

    def complete(text: str, place: int) -> str | None:
        return dict(enumerate(completions(names, text))).get(place)

    history = cache_folder() / "sql_history"
    before: tuple[Any, str] = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    readline.set_history_length(_HISTORY)
    with suppress(OSError):
        readline.read_history_file(history)
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])
        with suppress(OSError):
            history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(history)
