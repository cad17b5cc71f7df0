"""A short, seeded round of what ``make fuzz`` does for long: sound files taken, damaged ones taken or refused."""

from __future__ import annotations

import gzip
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.sources import text
from homodb.schema.errors import HomodbError, InputError
from tests import messages

_spec = importlib.util.spec_from_file_location("fuzz_parsers", Path(__file__).with_name("parsers.py"))
assert _spec and _spec.loader
parsers = importlib.util.module_from_spec(_spec)
sys.modules["fuzz_parsers"] = parsers
_spec.loader.exec_module(parsers)

#: Their sound files would need others beside them.
_REFUSED = ("manifest", "vectors")


@pytest.mark.parametrize("name", parsers.PARSERS)
def test_damaged_files_are_taken_or_refused(name: str) -> None:
    parser, rng = parsers.PARSERS[name], random.Random(name)  # noqa: S311
    assert [parser(seed) for seed in parser.seeds] == [name not in _REFUSED] * len(parser.seeds)
    for _ in range(40):
        data = bytearray(rng.choice(parser.seeds))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) + 1)
            match rng.randrange(4):
                case 0:
                    del data[at : at + rng.randint(1, 20)]
                case 1:
                    data[at:at] = rng.randbytes(rng.randint(1, 8))
                case 2:
                    data[at:at] = rng.choice([b"\t", b"\n", b"\0", b"\xff", b'"', b"\\", b"9" * 30, b"-", b"\r"])
                case _:
                    data[at:at] = data[: rng.randint(0, len(data))]
        parser(bytes(data))


# Hostile inputs of a build


#: Readers of delimited tables, and of other text in lines.
TABLES = ("biomart", "canonical", "compara", "databases", "gene_table", "hits", "xref", "synonyms", "history")
LINES = (*TABLES, "annotation", "proteome", "core")
#: Most characters of a message: twenty problems of each of some kinds.
LONGEST = 10_000


def refusal(name: str, data: bytes, seconds: float = 20) -> HomodbError | None:
    """What a reader says about bytes, within some time, and without passing them on."""
    begin = time.monotonic()
    error = parsers.PARSERS[name].refusal(data)
    assert time.monotonic() - begin < seconds
    assert error is None or len(str(error)) < LONGEST
    return error  # type: ignore[no-any-return]


def compressed(name: str, data: bytes) -> bytes:
    first = 1 if name == "core" else 0  # which of its files it is
    return data[:first] + gzip.compress(data[first:])


def repeated(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece))


def seeds(name: str) -> list[bytes]:
    return list(parsers.PARSERS[name].seeds)


@pytest.mark.parametrize("name", LINES)
def test_lines_have_a_longest_length(name: str) -> None:
    for seed in seeds(name):
        longest = b"A" * (text.LONGEST_LINE + 1)
        assert re.search(messages.Sources.long_line, str(refusal(name, seed + longest + b"\n")))
        assert re.search(messages.Sources.long_line, str(refusal(name, compressed(name, seed + longest))))


@pytest.mark.parametrize("name", LINES)
def test_compressed_files_have_an_expansion(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_SMALL", 1 << 20)
    for seed in seeds(name):
        for filling in (b"\n" * 3_000_000, repeated(seed.splitlines(keepends=True)[-1], 3_000_000), bytes(3_000_000)):
            error = refusal(name, compressed(name, seed + filling))
            assert isinstance(error, InputError)


def test_what_is_not_compressed_has_no_expansion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_SMALL", 1)
    assert refusal("synonyms", seeds("synonyms")[0]) is None
    rows = b"".join(b"ENSG%d\tA%d\n" % (i, random.Random(i).randrange(10**9)) for i in range(1_000))  # noqa: S311
    assert refusal("synonyms", gzip.compress(b"Gene stable ID\tGene Synonym\n" + rows)) is None


@pytest.mark.parametrize("name", LINES)
def test_fields_have_a_longest_length(name: str) -> None:
    fields = (b"ENSG1", b"ENSMUSG1", b"ENSP1", b"ENST1", b"A1", b"gene_a", b"human_entrez_gene")
    met = 0
    for seed in seeds(name):
        for field in fields:
            if field in seed and (name != "xref" or field == b"ENSG1"):  # the others are not read
                met += 1
                error = refusal(name, seed.replace(field, field + b"A" * text.LONGEST_FIELD))
                assert isinstance(error, InputError), field
    assert met


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("end", [b"\n", b"\tx\n", b",x\n"])
def test_no_message_repeats_a_foreign_file(name: str, end: bytes) -> None:
    secret = b"TOPSECRET" + end + b"TOPSECRET too" + end
    for first in (b"\0", b"\x01", b"\x02", b"\x03") if name == "core" else (b"",):
        for one in (first + secret, compressed(name, first + secret)):
            assert "TOPSECRET" not in str(refusal(name, one))


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_no_line_takes_quadratic_time(name: str) -> None:
    for seed in seeds(name):
        last = seed.rstrip(b"\n")
        for filling in (b" ", b"; ", b'gene_id "', b"a", b"\\\n", b"[Source:", b'"', b",", b"\t", b"\x0b", b"[a "):
            refusal(name, last + repeated(filling, 900_000) + b"\n")
            refusal(name, seed + repeated(filling, 900_000))


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
@pytest.mark.parametrize("name", [name for name in LINES if name != "core"])
def test_only_files_with_an_end_are_opened(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/urandom"), tmp_path, tmp_path / ("x" * 5_000)):
        with pytest.raises(InputError, match=messages.Shared.cannot_be_read):
            parsers.PARSERS[name].read(path)


@given(st.sampled_from(LINES), st.data())
@settings(max_examples=200, deadline=None)
def test_any_long_insertion_is_taken_or_refused(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(seeds(name)))
    at = data.draw(st.integers(0, len(seed)))
    piece = data.draw(st.binary(min_size=1, max_size=3)) * data.draw(st.sampled_from([1, 511, 600, 70_000]))
    refusal(name, seed[:at] + piece + seed[at:])


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), KeyError("x"), pl.exceptions.ComputeError("x")])
def test_every_exception_of_a_reader_names_its_file(error: Exception) -> None:
    @text.input_errors
    def read(path: Path) -> None:
        raise error

    with pytest.raises(InputError, match="genes.txt") as caught:
        read(Path("genes.txt"))
    assert caught.value.__cause__ is error


def test_a_mistake_of_ours_is_no_error_of_a_file() -> None:
    @text.input_errors
    def read(path: Path) -> None:
        raise NameError

    with pytest.raises(NameError):
        read(Path("genes.txt"))


CELLS = st.sampled_from(["a", "NA", "", " x ", "é", '"q"', "N/A"])
ROWS = st.lists(st.one_of(st.lists(CELLS, min_size=2, max_size=4), st.just([]), st.just(["[success]"])), max_size=30)


@given(ROWS, st.sampled_from(["\t", ","]), st.sampled_from(["\n", "\r\n"]), st.integers(1, 100))
@settings(max_examples=100, deadline=None)
def test_pieces_of_any_size_give_the_same(rows: list[list[str]], delimiter: str, end: str, size: int) -> None:
    """Rows, their numbers, and the lines of problems."""
    lines = [["gene", "b", "c"], *rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.txt"
        path.write_bytes(end.join(map(delimiter.join, lines)).encode())

        def read(block: int) -> object:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(text, "_BLOCK_BYTES", block)
                header = text.read_header(path)
                findings = text.Findings(path, header)
                try:
                    batches = text.batches(path, header, {"x": 0, "y": 2}, findings)
                    read = [row for batch in batches for row in batch.iter_rows()]
                    findings.raise_any()
                except InputError as error:
                    return str(error)
                return read

        assert read(size) == read(1 << 21)


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"gene\tb\n", b"gene\tb\n" + b"A\tB\n" * 1_000 + b"\xff\tB\n"])
def test_a_process_ends_after_a_reading(data: bytes, tmp_path: Path) -> None:
    """Arrow's own reader of streams aborted one of four."""
    (tmp_path / "table.txt").write_bytes(data)
    code = (
        "import sys; from pathlib import Path; from homodb.etl.sources import text; path = Path(sys.argv[1])\n"
        "header = text.read_header(path)\n"
        "try: list(text.batches(path, header, {'x': 0}, text.Findings(path, header)))\n"
        "except text.InputError: pass"
    )
    for _ in range(8):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "table.txt")], check=True)
