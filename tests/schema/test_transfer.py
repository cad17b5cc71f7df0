"""Transfers from a server that misbehaves in every way that servers do."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from homodb.schema.errors import OutputError, TransferError
from homodb.schema.io import transfer
from homodb.schema.io.http import RetryPolicy
from homodb.schema.io.transfer import Fetched
from tests import messages

CONTENT = random.Random(1).randbytes(3_000_000)  # noqa: S311
OTHER = random.Random(2).randbytes(3_000_000)  # noqa: S311
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OLD = "Mon, 01 Jan 2024 00:00:00 GMT"

#: To make a client reads the system's certificates, which takes longer than most of these tests.
CLIENT = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))

Answer = Callable[["Handler"], None]


def fetch(url: str, target: Path, **settings: Any) -> Fetched:
    return transfer.fetch(url, target, **{"client": CLIENT} | settings)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append({name.lower(): value for name, value in self.headers.items()})
        answers = self.server.answers
        try:
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)
        except ConnectionError:
            self.close_connection = True

    def send(self, status: int, headers: dict[str, str], body: bytes = b"", cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        self.wfile.flush()
        if cut is not None or "Content-Length" in headers:
            self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    answers: list[Answer]
    requests: list[dict[str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"

    def handle_error(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def _closed_in_the_end() -> Iterator[None]:
    with CLIENT:
        yield


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answers, server.requests = [whole()], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


class Slept(list[float]):
    """Remembers waits, and takes none of them."""

    def patience(self, **settings: float) -> RetryPolicy:
        return RetryPolicy(sleep=self.append, chance=lambda: 1.0, **settings)  # type: ignore[arg-type]


@pytest.fixture
def slept() -> Slept:
    return Slept()


def whole(content: bytes = CONTENT, *, cut: int | None = None, **headers: str) -> Answer:
    """Serves a file as a good server does, Range and If-Range included; `cut` ends the connection after some bytes."""
    told = {name.replace("_", "-"): value for name, value in headers.items()} or {"ETag": '"one"'}

    def answer(handler: Handler) -> None:
        wanted = handler.headers.get("Range")
        same = handler.headers.get("If-Range") in (None, told.get("ETag"), told.get("Last-Modified"))
        if not (wanted and same):
            return handler.send(200, told, content, cut)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        ranged = told | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return handler.send(206, ranged, content[start:], cut)

    return answer


def status(code: int, **headers: str) -> Answer:
    return lambda handler: handler.send(code, {name.replace("_", "-"): value for name, value in headers.items()}, b"no")


def chunked(content: bytes, *, end: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(content), 500_000):
            chunk = content[start : start + 500_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return answer


def nothing_stands(target: Path) -> bool:
    return not target.exists()


def left(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()}


def test_a_file_comes_whole_and_is_known(server: Server, target: Path) -> None:
    told: list[int] = []
    done = fetch(server.url, target, report=told.append)
    assert done == Fetched(target, len(CONTENT), SHA256, server.url)
    assert target.read_bytes() == CONTENT
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)
    assert left(target) == {"file.bin"}
    assert server.requests[0]["accept-encoding"] == "identity"


def test_an_empty_file(server: Server, target: Path) -> None:
    server.answers = [whole(b"")]
    assert fetch(server.url, target).bytes == 0
    assert target.read_bytes() == b""
    assert left(target) == {"file.bin"}


def test_what_is_there_and_right_is_not_asked_for(server: Server, target: Path) -> None:
    target.write_bytes(CONTENT)
    assert fetch(server.url, target, sha256=SHA256.upper(), size=len(CONTENT)).sha256 == SHA256
    assert fetch(server.url, target, keep=True).bytes == len(CONTENT)
    assert not server.requests
    target.write_bytes(b"something else")
    fetch(server.url, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


class TestBrokenConnections:
    @pytest.mark.parametrize(
        "headers", [{"ETag": '"one"'}, {"Last_Modified": OLD}, {"ETag": 'W/"weak"', "Last_Modified": OLD}]
    )
    def test_goes_on_where_it_was(self, server: Server, target: Path, slept: Slept, headers: dict[str, str]) -> None:
        server.answers = [whole(cut=1_000_000, **headers), whole(cut=700_000, **headers), whole(**headers)]
        assert fetch(server.url, target, patience=slept.patience()).sha256 == SHA256
        assert target.read_bytes() == CONTENT
        assert len(server.requests) == 3
        assert "range" not in server.requests[0]
        assert server.requests[1]["range"].startswith("bytes=")
        assert server.requests[1]["if-range"] == headers.get("Last_Modified", '"one"')
        assert len(slept) == 2

    @pytest.mark.parametrize(
        "headers",
        [
            {"ETag": 'W/"weak"'},
            {"X_Nothing": "1"},
            {"ETag": '"one"', "Accept_Ranges": "none"},
            {"Last_Modified": "Fri, 01 Jan 2100 00:00:00 GMT"},
            {"Last_Modified": "yesterday"},
        ],
    )
    def test_begins_anew_where_nothing_is_proven(
        self, server: Server, target: Path, slept: Slept, headers: dict[str, str]
    ) -> None:
        server.answers = [whole(OTHER, cut=1_000_000, **headers), whole(**headers)]
        assert fetch(server.url, target, patience=slept.patience()).sha256 == SHA256
        assert "range" not in server.requests[1]

    def test_changed_meanwhile(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [whole(OTHER, cut=1_000_000, ETag='"zero"'), whole()]
        fetch(server.url, target, patience=slept.patience())
        assert target.read_bytes() == CONTENT
        assert server.requests[1]["if-range"] == '"zero"'

    @pytest.mark.parametrize(
        "lie",
        [
            {"ETag": '"two"'},
            {"Content-Range": "bytes 5-2999999/3000000"},
            {"Content-Range": "bytes 1-2/4000000"},
            {"Content-Range": "items 1-2/3"},
            {"Content-Range": ""},
        ],
    )
    def test_a_server_that_goes_on_with_another_file(
        self, server: Server, target: Path, slept: Slept, lie: dict[str, str]
    ) -> None:
        def liar(handler: Handler) -> None:
            start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            told = {"ETag": '"one"', "Content-Range": f"bytes {start}-{len(OTHER) - 1}/{len(OTHER)}"}
            handler.send(206, told | lie, OTHER[start:])

        server.answers = [whole(cut=1_000_000), liar, whole()]
        fetch(server.url, target, patience=slept.patience())
        assert target.read_bytes() == CONTENT

    def test_a_lie_that_only_the_checksum_finds(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [whole(OTHER, cut=1_000_000), whole(), whole()]
        assert fetch(server.url, target, sha256=SHA256, patience=slept.patience()).sha256 == SHA256
        assert "range" in server.requests[1]
        assert "range" not in server.requests[2]

    def test_no_such_part_any_more(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [whole(cut=1_000_000), status(416), whole()]
        assert fetch(server.url, target, patience=slept.patience()).sha256 == SHA256

    def test_gives_up_when_nothing_more_comes(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [whole(cut=1_000_000, X="1")]
        with pytest.raises(TransferError, match=messages.Transfer.times_try_again_later):
            fetch(server.url, target, patience=slept.patience(attempts=3))
        assert len(server.requests) == 3
        assert nothing_stands(target)

    def test_does_not_give_up_while_it_gets_further(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [whole(CONTENT * 4, cut=1_400_000)]
        assert fetch(server.url, target, patience=slept.patience(attempts=2)).bytes == len(CONTENT) * 4
        assert set(slept) == {1.0}

    def test_the_next_call_goes_on(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [whole(cut=1_000_000), status(500)]
        with pytest.raises(TransferError, match=messages.Transfer.same_command_resumes):
            fetch(server.url, target, patience=slept.patience(attempts=2))
        assert nothing_stands(target)
        server.answers = [whole()]
        assert fetch(server.url, target).sha256 == SHA256
        assert server.requests[-1]["range"] == "bytes=1000000-"
        assert left(target) == {"file.bin"}

    def test_what_is_left_of_another_address_is_not_gone_on_with(
        self, server: Server, target: Path, slept: Slept
    ) -> None:
        server.answers = [whole(OTHER, cut=1_000_000), status(404)]
        with pytest.raises(TransferError, match=messages.Shared.says_404):
            fetch(server.url + "?v=1", target, patience=slept.patience())
        server.answers = [whole()]
        assert fetch(server.url, target).sha256 == SHA256
        assert "range" not in server.requests[-1]

    @pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 1}', '{"url": "x", "validator": null, "total": 3}'])
    def test_a_note_that_cannot_be_read(self, server: Server, target: Path, note: str) -> None:
        target.with_name(".file.bin.partial").write_bytes(b"something")
        target.with_name(".file.bin.partial.json").write_text(note)
        assert fetch(server.url, target).sha256 == SHA256
        assert left(target) == {"file.bin"}

    def test_nobody_listens(self, target: Path, slept: Slept) -> None:
        with pytest.raises(TransferError, match=messages.Transfer.times):
            fetch("http://127.0.0.1:1/file.bin", target, patience=slept.patience(attempts=4))
        assert slept == [1.0, 2.0, 4.0]
        assert left(target) == set()

    def test_a_slow_drip(self, server: Server, target: Path, slept: Slept) -> None:
        def drip(handler: Handler) -> None:
            handler.send(200, {"Content-Length": "1000", "ETag": '"drip"'}, b"x")
            for _ in range(999):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.01)

        server.answers = [drip]
        with pytest.raises(TransferError, match=messages.Transfer.fewer_than_65_536_bytes):
            fetch(server.url, target, patience=slept.patience(attempts=2, timeout=0.05))
        assert nothing_stands(target)

    def test_silence(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [lambda handler: time.sleep(0.3)]
        with pytest.raises(TransferError, match=messages.Transfer.timed_out):
            fetch(server.url, target, patience=slept.patience(attempts=2, timeout=0.05))

    @pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
    def test_killed(self, server: Server, target: Path) -> None:
        def stalls(handler: Handler) -> None:
            handler.send(200, {"ETag": '"one"', "Content-Length": str(len(CONTENT))}, CONTENT[:2_000_000])
            time.sleep(5)

        server.answers = [stalls, whole()]
        code = "import sys, pathlib, homodb.schema.io.transfer as t; t.fetch(sys.argv[1], pathlib.Path(sys.argv[2]))"
        process = subprocess.Popen([sys.executable, "-c", code, server.url, str(target)])
        partial = target.with_name(".file.bin.partial")
        while not partial.exists() or partial.stat().st_size < 1_000_000:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert fetch(server.url, target).sha256 == SHA256
        assert server.requests[-1]["range"].startswith("bytes=")


class TestBusyServers:
    @pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
    def test_asks_again(self, server: Server, target: Path, slept: Slept, code: int) -> None:
        server.answers = [status(code), status(code), whole()]
        fetch(server.url, target, patience=slept.patience())
        assert slept == [1.0, 2.0]

    def test_waits_as_long_as_it_is_told(self, server: Server, target: Path, slept: Slept) -> None:
        date = {"Date": "", "Retry_After": "Mon, 01 Jan 2024 00:00:40 GMT"}
        server.answers = [
            status(429, Retry_After="17"),
            status(503, **date),
            status(503, Retry_After="soon"),
            status(503, Retry_After="1"),
            whole(),
        ]
        fetch(server.url, target, patience=slept.patience())
        assert slept == [17.0, 2.0, 4.0, 8.0]

    def test_does_not_wait_longer_than_it_may(self, server: Server, target: Path, slept: Slept) -> None:
        server.answers = [status(429, Retry_After="86400")]
        with pytest.raises(TransferError, match=messages.Transfer.too_many_requests_asks):
            fetch(server.url, target, patience=slept.patience())
        assert slept == []
        assert left(target) == set()

    @pytest.mark.parametrize("code", [204, 206, 400, 401, 403, 404, 410, 501])
    def test_does_not_insist(self, server: Server, target: Path, slept: Slept, code: int) -> None:
        server.answers = [status(code, Content_Length="0")]
        with pytest.raises(TransferError, match=f"answered {code}"):
            fetch(server.url, target, patience=slept.patience())
        assert len(server.requests) == 1
        assert left(target) == set()


class TestWrongFiles:
    def test_checksum(self, server: Server, target: Path) -> None:
        target.write_bytes(b"before")
        server.answers = [whole(OTHER)]
        with pytest.raises(TransferError, match=messages.Transfer.has_sha_256_instead.format(SHA256=SHA256)):
            fetch(server.url, target, sha256=SHA256)
        assert target.read_bytes() == b"before"
        assert left(target) == {"file.bin"}

    @pytest.mark.parametrize("size", [0, 2_999_999, 3_000_001])
    def test_length(self, server: Server, target: Path, size: int) -> None:
        for server.answers in ([whole()], [chunked(CONTENT)]):
            with pytest.raises(TransferError, match=messages.Transfer.long):
                fetch(server.url, target, size=size)
            assert left(target) == set()

    def test_no_more_than_declared_is_taken(self, server: Server, target: Path) -> None:
        told: list[int] = []
        server.answers = [chunked(CONTENT * 3)]
        with pytest.raises(TransferError, match=messages.Transfer.longer_than_expected_1_000):
            fetch(server.url, target, size=1_000_000, report=told.append)
        assert max(told) <= 1_000_000
        with pytest.raises(TransferError, match=messages.Transfer.longer_than_expected_1_000):
            fetch(server.url, target, limit=1_000_000)
        server.answers = [whole()]
        with pytest.raises(TransferError, match=messages.Transfer.at_most_1_000_000):
            fetch(server.url, target, limit=1_000_000)
        assert fetch(server.url, target, limit=3_000_000).sha256 == SHA256

    def test_unknown_length(self, server: Server, target: Path, slept: Slept) -> None:
        def until_closed(handler: Handler) -> None:
            handler.send(200, {"Content-Length": "", "Connection": "close"}, CONTENT)
            handler.close_connection = True

        server.answers = [chunked(CONTENT, end=False), chunked(CONTENT)]
        assert fetch(server.url, target, patience=slept.patience()).sha256 == SHA256
        assert len(slept) == 1
        server.answers = [until_closed]
        with pytest.raises(TransferError, match=messages.Transfer.truncation_could):
            fetch(server.url, target)
        assert fetch(server.url, target.with_name("b"), sha256=SHA256).sha256 == SHA256
        assert fetch(server.url, target.with_name("c"), size=len(CONTENT)).sha256 == SHA256

    def test_pages(self, server: Server, target: Path) -> None:
        page = b"\n <!DOCTYPE html><html><body>Please log in</body></html>"
        for server.answers in ([whole(page, Content_Type="text/html; charset=utf-8")], [whole(page)]):
            with pytest.raises(TransferError, match=messages.Transfer.page):
                fetch(server.url, target)
            assert left(target) == set()
        assert fetch(server.url, target, pages=True).bytes == len(page)

    def test_encoded(self, server: Server, target: Path) -> None:
        server.answers = [whole(Content_Encoding="gzip")]
        with pytest.raises(TransferError, match=messages.Transfer.encoded):
            fetch(server.url, target)
        assert fetch(server.url.replace(".bin", ".fa.gz"), target).sha256 == SHA256


class TestAddresses:
    def test_redirects_on_the_same_server(self, server: Server, target: Path) -> None:
        server.answers = [status(302, Location="/elsewhere/file.bin"), status(308, Location=server.url), whole()]
        assert fetch(server.url, target).sha256 == SHA256

    def test_round_in_circles(self, server: Server, target: Path) -> None:
        server.answers = [status(302, Location="/file.bin")]
        with pytest.raises(TransferError, match=messages.Transfer.more_than_5_times):
            fetch(server.url, target)

    @pytest.mark.parametrize(
        "elsewhere",
        [
            "http://127.0.0.1:2/x",
            "https://example.org/x",
            "//example.org/x",
            "file:///etc/passwd",
            "ftp://a/b",
            "http://[x",
            "https://127.0.0.1:444/",
        ],
    )
    def test_redirects_elsewhere(self, server: Server, target: Path, elsewhere: str) -> None:
        server.answers = [status(301, Location=elsewhere)]
        with pytest.raises(TransferError):
            fetch(server.url, target)
        assert len(server.requests) == 1
        assert left(target) == set()

    def test_hosts_that_are_trusted(self, target: Path) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            if request.url.host == "a.org":
                return httpx.Response(302, headers={"Location": "https://mirror.org/f"})
            return httpx.Response(200, stream=httpx.ByteStream(b"data"), headers={"Content-Length": "4"})

        with httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client:
            assert fetch("https://a.org/f", target, client=client, hosts=["mirror.org"]).bytes == 4
            assert asked == ["https://a.org/f", "https://mirror.org/f"]
            with pytest.raises(TransferError, match=messages.Transfer.redirected_to_mirror_org):
                fetch("https://a.org/f", target, client=client)
            assert len(asked) == 3

    @pytest.mark.parametrize(
        "url", ["http://example.org/f", "ftp://example.org/f", "/f", "f", "", "https://", "http://[x"]
    )
    def test_other_addresses(self, target: Path, url: str) -> None:
        with pytest.raises(TransferError):
            fetch(url, target)
        assert left(target) == set()


class TestDisks:
    def test_no_folder(self, server: Server, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match=messages.Shared.cannot_be_written):
            fetch(server.url, tmp_path / "no" / "file.bin")

    def test_full(self, server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match=messages.Transfer.no_space_left):
            fetch(server.url, target)
        assert nothing_stands(target)
        monkeypatch.undo()
        assert fetch(server.url, target).sha256 == SHA256
        assert len(server.requests) == 1  # all of it was there already

    @pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
    def test_two_at_once(self, server: Server, target: Path) -> None:
        begun = threading.Event()

        def slow(handler: Handler) -> None:
            handler.send(200, {"ETag": '"one"', "Content-Length": str(len(CONTENT))}, CONTENT[:1_000_000])
            begun.set()
            time.sleep(0.1)
            handler.wfile.write(CONTENT[1_000_000:])

        server.answers = [slow]
        done: list[Fetched] = []
        patience = RetryPolicy(sleep=lambda seconds: time.sleep(0.01))

        def work() -> None:
            done.append(fetch(server.url, target, keep=True, patience=patience))

        threads = [threading.Thread(target=work) for _ in range(4)]
        threads[0].start()
        begun.wait(10)
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.sha256 for one in done] == [SHA256] * 4
        assert len(server.requests) == 1
        assert left(target) == {"file.bin"}
