"""Servers that are malicious or sick, byte by byte: one clear error in a bounded time, or the right file."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homodb.schema.errors import TransferError
from homodb.schema.io import transfer
from homodb.schema.io.http import RetryPolicy
from tests import messages

CONTENT = b"0123456789abcdef" * 20_000
NOISE = np.random.default_rng(7).bytes(3_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
Reply = Callable[[int, dict[str, str]], bytes | Iterable[bytes] | None]


class Server:
    """Raw sockets: answers are bytes, or several; None closes at once."""

    def __init__(self, reply: Reply) -> None:
        self._reply, self.count = reply, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/file.bin"
        self._ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (part := connection.recv(65_536)):
                        return
                    request += part
                lines = [line.partition(": ") for line in request.decode("latin-1").split("\r\n")[1:]]
                self.count += 1
                answer = self._reply(self.count, {name.lower(): value for name, _, value in lines})
                for part in [answer] if isinstance(answer, bytes) else answer or ():
                    if self._ended.is_set():
                        return
                    connection.sendall(part)
            except OSError:
                pass

    def close(self) -> None:
        self._ended.set()
        self._socket.close()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), verify=False) as client:  # noqa: S501
        yield client


def http(body: bytes = b"", status: str = "200 OK", **headers: str | None) -> bytes:
    lines = {"Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[misc]
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"HTTP/1.1 {status}\r\n{text}\r\n".encode("latin-1") + body


def drip(first: bytes, part: bytes, every: float = 0.01, most: int = 3_000) -> Iterator[bytes]:
    yield first
    for _ in range(most):
        time.sleep(every)
        yield part


def repeat(first: bytes, part: bytes, most: int = 1_000_000) -> Iterator[bytes]:
    yield first
    for _ in range(most):
        yield part


def bring_in(reply: Reply, client: httpx.Client, target: Path, **settings: Any) -> transfer.Fetched:
    """Fetch with times a hundredth of the usual."""
    policy = {"attempts": 2, "timeout": 0.15, "whole": 5.0, "sleep": lambda seconds: None} | settings.pop("policy", {})
    server = Server(reply)
    try:
        wanted = {"limit": 1 << 20} | settings
        return transfer.fetch(server.url, target, client=client, patience=RetryPolicy(**policy), **wanted)
    finally:
        server.close()


def fails(reply: Reply, client: httpx.Client, folder: Path, **settings: Any) -> str:
    begun = time.monotonic()
    with pytest.raises(TransferError) as caught:
        bring_in(reply, client, folder / "file.bin", **settings)
    assert time.monotonic() - begun < 8.0
    assert not (folder / "file.bin").exists()
    told = str(caught.value)
    assert len(told) < 400
    assert told.isprintable()
    return told


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WITHOUT_END: dict[str, Callable[[], Iterator[bytes]]] = {
    "headers, letter by letter": lambda: drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "headers without end": lambda: repeat(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1_000),
    "100 without end": lambda: repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "103 without end": lambda: repeat(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
    "100 now and then": lambda: drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body, letter by letter": lambda: drip(HEAD, b" "),
    "chunks of one letter": lambda: drip(CHUNKED, b"1\r\na\r\n"),
    "an extension of a chunk": lambda: repeat(CHUNKED + b"1;", b"a" * 65_536),
    "a trailer": lambda: repeat(CHUNKED + b"0\r\n", b"X: a\r\n" * 1_000),
    "a redirect with a body": lambda: repeat(
        b"HTTP/1.1 302 Found\r\nLocation: /file.bin\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65_536
    ),
    "no answer": lambda: drip(b"", b"", most=300),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_END)
def test_what_never_ends(client: httpx.Client, tmp_path: Path, name: str) -> None:
    fails(lambda count, headers: WITHOUT_END[name](), client, tmp_path)


def test_just_fast_enough(client: httpx.Client, tmp_path: Path) -> None:
    """Above the floor of speed: the cap on the whole ends it."""
    policy = {"least": 10, "whole": 0.5}
    told = fails(lambda count, headers: drip(HEAD, b" " * 50), client, tmp_path, policy=policy)
    assert messages.Transfer.longer_than in told


def test_headers_just_before_the_end_of_the_time(client: httpx.Client, tmp_path: Path) -> None:
    def reply(count: int, headers: dict[str, str]) -> Iterator[bytes]:
        answer = http(CONTENT)
        head, _, body = answer.partition(b"\r\n\r\n")
        for part in (head[:10], head[10:], b"\r\n\r\n", body):
            time.sleep(0.02)
            yield part

    assert bring_in(reply, client, tmp_path / "file.bin").sha256 == SHA256


@pytest.mark.parametrize(
    "location",
    [
        "data:text/plain,x", "javascript:alert(1)", "file:///etc/passwd", "", "//", "http://[::1", "http://",
        "http://127.0.0.1:99999/x", "http://127.0.0.1:abc/", "http://127.0.0.1\\@example.invalid/", "/" + "a" * 60_000,
        "http://127.0.0.1@example.invalid/x", "http://2130706433/x", "https://example.invalid/\x1b[2J",
    ],
)  # fmt: skip
def test_redirects(client: httpx.Client, tmp_path: Path, location: str) -> None:
    fails(lambda count, headers: http(b"", "302 Found", Location=location), client, tmp_path)


def test_a_redirect_to_data(client: httpx.Client, tmp_path: Path) -> None:
    told = fails(lambda count, headers: http(b"", "302 Found", Location="data:text/plain,x"), client, tmp_path)
    assert messages.Transfer.redirected_to_invalid in told


YEAR = "9" * 20
DATES = [
    f"Mon, 01 Jan {YEAR} 00:00:00 GMT", "Mon, 01 Jan 2020 00:00:00 +99999999999999", "Mon, 01 Jan 0001 00:00:00 +2300",
    "Mon, 01 Jan 9999 00:00:00 -2300", "Mon, 01 Jan 2030 99:99:99 GMT", "nan", "-5", "9" * 5_000, "\xb2", "",
]  # fmt: skip


@pytest.mark.parametrize("value", DATES)
def test_nonsense_for_a_time(client: httpx.Client, tmp_path: Path, value: str) -> None:
    told = fails(lambda count, headers: http(b"", "503 Busy", Retry_After=value, Date=value), client, tmp_path)
    assert "503 Busy, 2 times" in told
    target = tmp_path / "right.bin"
    for date in ("Mon, 01 Jan 2030 00:00:00 GMT", value):
        reply = http(CONTENT, Last_Modified=value, Date=date)
        assert bring_in(lambda count, headers, reply=reply: reply, client, target).sha256 == SHA256  # type: ignore[misc]
        target.unlink()


@pytest.mark.parametrize("value", ["-1", "9" * 30, "9" * 5_000, "5, 6", "+5", "0x10", "\xb2", "1 2", ""])
def test_nonsense_for_a_length(client: httpx.Client, tmp_path: Path, value: str) -> None:
    fails(lambda count, headers: http(CONTENT, Content_Length=value), client, tmp_path)


@pytest.mark.parametrize("tag", ['"\xe9\xff"', '"' + "x" * 60_000 + '"', '"x y"', 'W/"x"', '"', '"\x7f"'])
def test_nonsense_for_a_version(client: httpx.Client, tmp_path: Path, tag: str) -> None:
    """It is not sent back: the file comes again from its beginning."""
    asked: list[str | None] = []

    def reply(count: int, headers: dict[str, str]) -> bytes:
        asked.append(headers.get("if-range"))
        answer = http(CONTENT, ETag=tag)
        return answer[: len(answer) // 2] if count == 1 else answer

    assert bring_in(reply, client, tmp_path / "file.bin", policy={"timeout": 2.0}).sha256 == SHA256
    assert asked == [None, None]


@pytest.mark.parametrize("end", ["9" * 5_000, "9" * 19, "\xb2", "*", "", "-1"])
def test_nonsense_for_a_part(client: httpx.Client, tmp_path: Path, end: str) -> None:
    def reply(count: int, headers: dict[str, str]) -> bytes:
        if "range" in headers:
            start = headers["range"][6:-1]
            return http(CONTENT[int(start) :], "206 Part", ETag='"x"', Content_Range=f"bytes {start}-9/{end}")
        answer = http(CONTENT, ETag='"x"')
        return answer[: len(answer) // 2] if count == 1 else answer

    policy = {"timeout": 2.0, "attempts": 3}
    assert bring_in(reply, client, tmp_path / "file.bin", policy=policy).sha256 == SHA256


def test_what_a_message_shows_is_printable(client: httpx.Client, tmp_path: Path) -> None:
    told = fails(lambda count, headers: b"HTTP/1.1 404 \x1b[2J" + b"x" * 500 + b"\r\n\r\n", client, tmp_path)
    assert "404" in told
    fails(lambda count, headers: http(CONTENT, Content_Encoding="\x1b]0;x\x07" + "y" * 500), client, tmp_path)


@pytest.mark.parametrize("answer", [None, b"", NOISE, b"SSH-2.0-x\r\n\r\n", CONTENT, b"\0" * 5_000], ids=range(6))
def test_what_is_not_http(client: httpx.Client, tmp_path: Path, answer: bytes | None) -> None:
    fails(lambda count, headers: answer, client, tmp_path)


NAMES = ["Content-Length", "Content-Range", "ETag", "Last-Modified", "Date", "Retry-After", "Location", "Accept-Ranges",
         "Content-Encoding", "Content-Type", "Transfer-Encoding", "Connection"]  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(NAMES),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40) | st.sampled_from(DATES),
    max_size=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(status=st.sampled_from([200, 206, 301, 302, 304, 404, 416, 429, 503, 999]), headers=HEADERS)
def test_any_headers(
    client: httpx.Client, tmp_path_factory: pytest.TempPathFactory, status: int, headers: dict[str, str]
) -> None:
    target = tmp_path_factory.mktemp("any") / "file.bin"
    answer = http(CONTENT, f"{status} X", **headers)
    try:
        came = bring_in(lambda count, asked: answer, client, target, size=len(CONTENT), sha256=SHA256)
    except TransferError as error:
        assert not target.exists()
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert came.sha256 == SHA256


class TestSmallFiles:
    def read(self, reply: Reply, client: httpx.Client, limit: int = 1 << 20) -> bytes:
        server = Server(reply)
        try:
            return transfer.read(server.url, limit=limit, client=client, patience=RetryPolicy(attempts=2, sleep=print))
        finally:
            server.close()

    def test_in_memory(self, client: httpx.Client) -> None:
        def cut(count: int, headers: dict[str, str]) -> bytes:
            answer = http(CONTENT, ETag='"x"')
            if "range" in headers:
                start = int(headers["range"][6:-1])
                part = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
                return http(CONTENT[start:], "206 Part", ETag='"x"', Content_Range=part)
            return answer[: len(answer) // 2]

        assert self.read(cut, client) == CONTENT

    def test_larger_than_any(self, client: httpx.Client) -> None:
        for reply in (http(CONTENT), CHUNKED + b"5\r\nhello\r\n" * 50 + b"0\r\n\r\n"):
            with pytest.raises(TransferError, match=messages.Shared.at_most_or_longer):
                self.read(lambda count, headers, reply=reply: reply, client, limit=100)  # type: ignore[misc]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
class TestPartialFiles:
    """Others may have put something in the place of a partial file."""

    @pytest.fixture
    def victim(self, tmp_path: Path) -> Path:
        victim = tmp_path / "victim"
        victim.write_text("VICTIM")
        return victim

    @pytest.mark.parametrize("name", [".file.bin.partial", ".file.bin.partial.json", ".file.bin.partial.json.new"])
    @pytest.mark.parametrize("kind", ["link", "hard link", "dangling link", "pipe", "folder"])
    def test_what_is_in_their_place(
        self, client: httpx.Client, tmp_path: Path, victim: Path, name: str, kind: str
    ) -> None:
        folder = tmp_path / "cache"
        folder.mkdir()
        place = folder / name
        if kind == "link":
            place.symlink_to(victim)
        elif kind == "hard link":
            place.hardlink_to(victim)
        elif kind == "dangling link":
            place.symlink_to(tmp_path / "nowhere")
        elif kind == "pipe":
            os.mkfifo(place)
        else:
            place.mkdir()
        done = bring_in(lambda count, headers: http(CONTENT, ETag='"x"'), client, folder / "file.bin")
        assert done.sha256 == SHA256
        assert victim.read_text() == "VICTIM"
        assert not (tmp_path / "nowhere").exists()
        assert [path.name for path in folder.iterdir() if not path.name.endswith(".new")] == ["file.bin"]

    @pytest.mark.parametrize(
        "note",
        ['{"url": "URL", "validator": "\\"x\\"", "total": "abc"}', '{"url": "URL", "validator": "\\"x\\r\\ny: z\\"",'
         ' "total": 320000}', '{"url": "URL", "validator": "\\"x\\"", "total": true}', "[" * 100_000],
    )  # fmt: skip
    def test_notes_that_are_none(self, client: httpx.Client, tmp_path: Path, note: str) -> None:
        asked: list[str | None] = []

        def reply(count: int, headers: dict[str, str]) -> bytes:
            asked.append(headers.get("range"))
            return http(CONTENT, ETag='"x"')

        server = Server(reply)
        (tmp_path / ".file.bin.partial").write_bytes(b"x" * 100)
        (tmp_path / ".file.bin.partial.json").write_text(note.replace("URL", server.url))
        try:
            done = transfer.fetch(server.url, tmp_path / "file.bin", client=client)
        finally:
            server.close()
        assert done.sha256 == SHA256
        assert asked == [None]
