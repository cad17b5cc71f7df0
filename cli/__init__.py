"""Run the command line: one file per command.

Each file parses options, calls one function and formats its answer.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import signal
import sys
import warnings


def main() -> None:
    """Run the command line.

    Errors that homodb raises become one line, a hint and an exit code, here and nowhere else.
    """
    _prepare_streams()
    interrupted: list[int] = []
    for one in (signal.SIGINT, signal.SIGTERM):  # the latter comes from SLURM and Docker
        signal.signal(one, lambda number, frame: _interrupt(interrupted))
    code: int | str | None = 130
    try:
        code = _run(interrupted)
    except BaseException:
        if not interrupted:  # libraries make other errors of Ctrl-C (DuckDB: "Query interrupted")
            raise
    finally:
        for one in (signal.SIGINT, signal.SIGTERM):
            atexit.register(signal.signal, one, signal.SIG_IGN)  # nothing is left but to leave
    if code == 130 and interrupted:
        sys.stderr.write("homodb: stopped\n")
    sys.exit(code)


def _interrupt(interrupted: list[int]) -> None:
    interrupted.append(signal.SIGINT)
    raise KeyboardInterrupt


def _run(interrupted: list[int]) -> int | str | None:
    """Run the application and return the exit code."""
    from homodb.cli.app import app
    from homodb.cli.output import say_error, say_warning
    from homodb.query.settings import settings
    from homodb.schema.errors import HomodbError, StoppedError, shown

    warnings.showwarning = say_warning
    settings.verbosity, settings.progress = "warning", False  # commands print reports and have bars of their own
    try:
        app()
    except HomodbError as error:
        if interrupted and not isinstance(error, StoppedError):
            raise
        interrupted.clear()
        message, mark, proposal = error.message.rpartition("; did you mean ")
        say_error(
            " ".join([message or proposal, *getattr(error, "__notes__", [])]),
            error.hint or (f"did you mean {proposal}" if mark else ""),
        )
        return error.exit_code
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            say_error(f"{shown(str(error.filename))}: is too long for a name of a file")
            return 2
        if error.errno != errno.ENOSPC:
            raise
        say_error(f"the output cannot be written ({error.strerror})")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to be flushed has nowhere to go
        return 2
    except SystemExit as leaving:
        # click and typer wrap the streams where the reader has gone
        closed = leaving.code == 1 and type(sys.stdout).__name__.endswith("PacifyFlushWrapper")
        return 141 if closed else leaving.code
    return 0


def _prepare_streams() -> None:
    """Open empty standard streams where a process has none (``>&-``).

    Otherwise opened files would get their numbers.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # tables on terminals that are not of UTF-8
