"""The command line: one file per command, each parses, calls one function, formats."""

from __future__ import annotations

import errno
import os
import sys


def main() -> None:
    """Run the command line; errors that homodb raises become one line and an exit code, here and nowhere else."""
    _open_closed_streams()
    from homodb.cli.app import app
    from homodb.schema.errors import HomodbError

    try:
        app()
    except HomodbError as error:
        print(f"homodb: {error}", file=sys.stderr)  # noqa: T201 (this is the command line)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"homodb: the output cannot be written ({error.strerror})", file=sys.stderr)  # noqa: T201
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to be flushed has nowhere to go
        sys.exit(2)
    except SystemExit as leaving:
        if leaving.code == 1 and type(sys.stdout).__name__ == "PacifyFlushWrapper":  # typer's: the reader went away
            sys.exit(141)
        raise


def _open_closed_streams() -> None:
    """Give a process that was started without standard streams (``>&-``) empty ones: else files get their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
