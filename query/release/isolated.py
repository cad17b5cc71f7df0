"""Run queries in a child process that can be ended: hard limits of time and memory."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from homodb.schema.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

    from homodb.query.release.sql_guard import Parameters

#: The child imports no numpy unless a parameter needs it, which halves the time that it takes to start.
_CODE = (
    "import sys; sys.path[:] = {path!r}; sys.modules['numpy'] = None; "
    "from homodb.query.release.sql_guard import serve; serve()"
)


class IsolatedProcess:
    """Child process that answers queries, one at a time; ended at a limit, and started anew for the next query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_open = False

    def start(self) -> None:
        """Start the process, unless it runs; it then imports what it needs while the caller goes on."""
        if self._process is not None and self._process.poll() is None:
            return
        self.end()
        code = _CODE.format(path=sys.path)
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._end = weakref.finalize(self, _kill, self._process)

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._end()
        self._process, self._is_open = None, False

    def ask(self, path: Path, query: str, parameters: Parameters, *, timeout: float, memory: float) -> pa.Table:
        """Answer a query.

        Parameters
        ----------
        path
            Database, or folder of a release without one; the same in all calls.
        query, parameters
            One SELECT statement and its bound values.
        timeout, memory
            Limits in seconds and gigabytes; the latter is that of the first query. The process is ended shortly
            after its time, and bounded in its address space on Linux.

        Raises
        ------
        QueryError
            If the query fails, exceeds a limit, or ends the process.
        """
        import pyarrow as pa

        from homodb.query.release.sql_guard import GRACE, TABLE, check_limits, query_error, too_late

        check_limits(timeout=timeout, memory=memory)
        with self._lock:
            self.start()
            process = self._process
            if process is None or process.stdout is None:
                raise QueryError("the process for the query cannot be started")
            expired = threading.Event()
            clock = threading.Timer(timeout + GRACE + 1.0, lambda: (expired.set(), process.kill()))
            clock.daemon = True
            clock.start()
            try:
                request = pickle.dumps((query, parameters, timeout))
                self._send(*([] if self._is_open else [pickle.dumps((str(path), memory))]), request)
                self._is_open = True
                kind = process.stdout.read(1)
                if kind == TABLE:
                    return pa.ipc.open_stream(process.stdout).read_all()
                size = int.from_bytes(process.stdout.read(8), "little")
                reply = json.loads(process.stdout.read(size) or "null")
            except (OSError, pa.ArrowException, ValueError) as error:
                if process.poll() is None and not expired.is_set():
                    self.end()
                    raise query_error(error) from error
                reply = None
            except BaseException:
                self.end()
                raise
            finally:
                clock.cancel()
            if reply is not None and reply["option"] != "timeout":
                raise QueryError(reply["message"], option=reply["option"])
            if reply is not None or expired.is_set():
                self.end()
                raise QueryError(too_late(timeout), option="timeout")
            code = process.wait()
            self.end()
        raise QueryError(
            f"the query ended its process (exit code {code}): it needs more memory than its limit, or is nested too "
            "deeply; narrow it",
            option="memory",
        )

    def _send(self, *messages: bytes) -> None:
        stream = self._process and self._process.stdin
        if stream:
            stream.write(b"".join(len(one).to_bytes(8, "little") + one for one in messages))
            stream.flush()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:  # what was left to be sent has nowhere to go
                continue
