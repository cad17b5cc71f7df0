"""A short, seeded round of what ``make fuzz`` does for long: sound files taken, damaged ones taken or refused."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

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
