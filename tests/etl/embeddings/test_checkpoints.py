"""Weights from a given file or fetched once; nothing here touches the network."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import httpx
import pytest

from homodb.etl.embeddings import CHECKPOINTS, check_weights_file, locate_weights, weights_checksum
from homodb.schema.errors import ConfigError, InputError, TransferError
from homodb.schema.io.http import RetryPolicy
from homodb.schema.settings import CACHE_VARIABLE
from tests import messages

NAME = "esm2_t12_35M_UR50D"
IMPATIENT = RetryPolicy(attempts=2, sleep=lambda seconds: None)


def archive(name: str = "archive/data.pkl") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr(name, b"x" * 5000)
    return stream.getvalue()


class Publisher:
    """Answers as the publisher's server does, or worse."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[str] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        told = {"Content-Length": str(len(self.content)), "ETag": '"one"'}
        return httpx.Response(200, stream=httpx.ByteStream(self.content), headers=told)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def test_the_six() -> None:
    shapes = [(one.layers, one.dimensions, one.heads) for one in CHECKPOINTS.values()]
    assert shapes == [(6, 320, 20), (12, 480, 20), (30, 640, 20), (33, 1280, 20), (36, 2560, 40), (48, 5120, 40)]
    for name, one in CHECKPOINTS.items():
        assert name == one.name
        assert name.startswith(f"esm2_t{one.layers}_")
        assert one.url == f"https://dl.fbaipublicfiles.com/fair-esm/models/{name}.pt"
        assert one.dimensions % one.heads == 0


def test_fetched_once_and_known_from_then_on(cache: Path) -> None:
    publisher = Publisher(archive())
    told: list[int] = []
    path = locate_weights(NAME, client=publisher.client, progress=told.append)
    assert path == cache / f"{NAME}.pt"
    assert path.read_bytes() == publisher.content
    assert told[-1] == len(publisher.content)
    assert locate_weights(NAME, client=publisher.client) == path
    assert publisher.asked == [CHECKPOINTS[NAME].url]
    found = hashlib.sha256(publisher.content).hexdigest()
    assert weights_checksum(path) == found
    assert path.with_name(path.name + ".sha256").read_text() == f"{found}  {path.name}\n"


def test_altered_since(cache: Path) -> None:
    path = locate_weights(NAME, client=Publisher(archive()).client)
    path.write_bytes(archive("other/data.pkl"))
    with pytest.raises(InputError, match=messages.Embeddings.altered_after_delete_both):
        weights_checksum(path)
    path.unlink()
    assert locate_weights(NAME, client=Publisher(archive()).client) == path
    weights_checksum(path)


def test_killed_before_the_checksum_was_written(cache: Path) -> None:
    publisher = Publisher(archive())
    path = locate_weights(NAME, client=publisher.client)
    path.with_name(path.name + ".sha256").unlink()
    assert locate_weights(NAME, client=publisher.client) == path
    assert len(publisher.asked) == 1
    assert path.with_name(path.name + ".sha256").is_file()


@pytest.mark.parametrize("content", [archive()[:-1], archive()[:3000], b"", b"no such model", archive("data.txt")])
def test_what_is_no_checkpoint_is_not_kept(cache: Path, content: bytes) -> None:
    with pytest.raises(InputError):
        locate_weights(NAME, client=Publisher(content).client)
    assert list(cache.iterdir()) == []
    assert locate_weights(NAME, client=Publisher(archive()).client).is_file()


def test_a_server_that_does_not_have_it(cache: Path) -> None:
    for answer in (httpx.Response(404), httpx.Response(503), httpx.Response(200, html="<html>Sorry</html>")):
        client = httpx.Client(transport=httpx.MockTransport(lambda request, answer=answer: answer))
        with pytest.raises(TransferError):
            locate_weights(NAME, client=client, patience=IMPATIENT)
        assert list(cache.iterdir()) == []


def test_given_files_are_taken_as_they_are(tmp_path: Path, cache: Path) -> None:
    given = tmp_path / "mine.pt"
    given.write_bytes(archive())
    assert locate_weights(NAME, given) == given
    assert weights_checksum(given) == hashlib.sha256(archive()).hexdigest()
    check_weights_file(given)
    assert not cache.exists()
    with pytest.raises(ConfigError, match=messages.Shared.no_such_file):
        locate_weights(NAME, tmp_path / "no.pt")
    with pytest.raises(InputError, match=messages.Shared.cannot_be_read):
        weights_checksum(tmp_path / "no.pt")


def test_other_names() -> None:
    with pytest.raises(ConfigError, match=messages.Embeddings.unknown_esm1b_t33_650m):
        locate_weights("esm1b_t33_650M_UR50S")
