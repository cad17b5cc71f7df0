"""Run queries in a child process that can be ended: hard limits of time and memory."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.schema.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

    from homodb.query.release.sql_guard import Parameters, Tables

#: Stack of the thread that talks with the child, in bytes: there is room for it where none is left for a query.
_STACK = 1 << 20
#: The child imports no numpy, which halves the time that it takes to start, and collects no garbage meanwhile.
_CODE = (
    "import gc, sys; gc.disable(); sys.path[:] = {path!r}; sys.modules['numpy'] = None; "
    "from homodb.query.release.sql_guard import serve; gc.enable(); serve()"
)


class IsolatedProcess:
    """Child process that answers queries, one at a time; ended at a limit, and started again for the next query."""

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

    def ask(
        self,
        path: Path,
        query: str,
        parameters: Parameters,
        *,
        tables: Tables | None = None,
        timeout: float,
        memory: float,
    ) -> pa.Table:
        """Answer a query.

        Parameters
        ----------
        path
            Database, or folder of a release without one; the same in all calls.
        query, parameters
            One SELECT statement and its bound values.
        tables
            Tables of the caller's that the query may read.
        timeout, memory
            Limits in seconds and gigabytes; the latter is that of the first query. The process is ended shortly
            after its time, and bounded in its address space on Linux.

        Raises
        ------
        QueryError
            If the query fails, exceeds a limit, or ends the process.
        """
        from homodb.query.release.sql_guard import GRACE, UNEXPECTED, check_limits, heard, query_error, start, too_late

        check_limits(timeout=timeout, memory=memory)
        request = pickle.dumps((query, _without_numpy(parameters), timeout, _streams(tables or {})))
        with self._lock:
            self.start()
            first, self._is_open = not self._is_open, True
            reply: list[pa.Table | QueryError | Exception] = []
            done = threading.Event()

            def exchange() -> None:
                try:
                    self._send(*([pickle.dumps((str(path), memory))] if first else []), request)
                    reply.append(self._receive())
                except Exception as error:  # noqa: BLE001 (raised below)
                    reply.append(error)
                finally:
                    done.set()

            process = self._process
            start(threading.Thread(target=exchange, name="homodb-isolated", daemon=True), _STACK)
            try:
                is_late = not heard(done, timeout + GRACE + 1.0)
            except BaseException:
                self.end()
                raise
            answered = reply[0] if reply else None
            if is_late or (isinstance(answered, QueryError) and answered.option == "timeout"):
                self.end()
                raise QueryError(too_late(timeout), option="timeout")
            if isinstance(answered, QueryError):
                if answered.option == "memory" or UNEXPECTED in str(answered):  # it may have no room for another query
                    self.end()
                raise answered
            if isinstance(answered, Exception):
                code = None
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(1.0) if process else None
                self.end()
                if code is None and not isinstance(answered, EOFError):
                    raise query_error(answered) from answered
                raise QueryError(
                    f"the query ended its process{'' if code is None else f' (exit code {code})'}: it needs more "
                    "memory than its limit, or is nested too deeply; narrow it",
                    option="memory",
                )
            return answered

    def _receive(self) -> pa.Table | QueryError:
        import pyarrow as pa

        from homodb.query.release.sql_guard import ERROR, TABLE

        stream = self._process and self._process.stdout
        if not stream:
            raise EOFError
        kind = stream.read(1)
        if kind == TABLE:
            return pa.ipc.open_stream(stream).read_all()
        if kind != ERROR:
            raise EOFError
        reply = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return QueryError(reply["message"], option=reply["option"])

    def _send(self, *messages: bytes) -> None:
        stream = self._process and self._process.stdin
        if stream:
            stream.write(b"".join(len(one).to_bytes(8, "little") + one for one in messages))
            stream.flush()


def _without_numpy(parameters: Parameters) -> Parameters:
    """Return parameters with Python's values in place of numpy's."""

    def plain(value: Any) -> Any:
        return value.tolist() if type(value).__module__ == "numpy" else value

    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return {name: plain(value) for name, value in parameters.items()}
    return [plain(value) for value in parameters]


def _streams(tables: Tables) -> dict[str, bytes]:
    """Return tables in Arrow's stream format."""
    import pyarrow as pa

    streams: dict[str, bytes] = {}
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        streams[name] = sink.getvalue().to_pybytes()
    return streams


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:  # what was left to be sent has nowhere to go
                continue
