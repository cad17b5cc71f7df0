"""Checksums as Ensembl publishes them beside its files: ``CHECKSUMS`` by BSD ``sum``, ``MD5SUM`` by MD5.

Lines of ``CHECKSUMS`` are ``55610 198719 name`` (checksum of 16 bits, blocks of 1024 bytes), those of ``MD5SUM`` are
``d41d8cd98f00b204e9800998ecf8427e  name``. Neither is there for every file, nor in every release.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

#: Names of such files, the stronger first.
NAMES = ("MD5SUM", "CHECKSUMS")

_BSD = re.compile(r"(\d{1,5})\s+(\d+)\s+(?:\./)?(\S+)")
_BSD_ALONE = re.compile(r"\s*(\d{1,5})\s+\d+\b")
_MD5 = re.compile(r"([0-9a-fA-F]{32})\s+[*]?(?:\./)?(\S+)")
_BLOCK = 1 << 20
#: Some systems' ``sum`` counts blocks of 512 bytes.
_UNITS = (1024, 512)


def read_checksums(text: str) -> dict[str, str]:
    r"""Read a file of checksums.

    Returns
    -------
    dict
        By file name: ``md5:<hexadecimal>`` or ``sum:<checksum>:<blocks>``. Other lines are passed over.

    Examples
    --------
    >>> read_checksums("55610 198719 a.fa.gz\n04012   23671 b.fa.gz")
    {'a.fa.gz': 'sum:55610:198719', 'b.fa.gz': 'sum:4012:23671'}
    >>> read_checksums("d41d8cd98f00b204e9800998ecf8427e  c.tsv.gz")
    {'c.tsv.gz': 'md5:d41d8cd98f00b204e9800998ecf8427e'}
    """
    found = {}
    for line in text.splitlines():
        if told := _MD5.fullmatch(line.strip()):
            found[told[2]] = f"md5:{told[1].lower()}"
        elif told := _BSD.fullmatch(line.strip()):
            found[told[3]] = f"sum:{int(told[1])}:{int(told[2])}"
    return found


def agrees(path: Path, checksum: str) -> bool:
    """Tell whether a file has a checksum, as :func:`read_checksums` gives it."""
    kind, _, told = checksum.partition(":")
    if kind == "md5":
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == told
    value, blocks = map(int, told.split(":"))
    size = path.stat().st_size
    return blocks in [-(-size // unit) for unit in _UNITS] and bsd_sum(path) == value


def bsd_sum(path: Path) -> int:
    """Return the checksum of BSD's ``sum`` (``sum -r``): rotate 16 bits to the right, add a byte, for each byte.

    It finds accidents, not attacks. The system's own ``sum`` is asked first: each step needs the one before, and
    Python takes its time over that.
    """
    program = shutil.which("sum")
    if program is not None:
        with path.open("rb") as stream:
            told = subprocess.run([program], stdin=stream, capture_output=True, check=False, text=True)  # noqa: S603
        if told.returncode == 0 and (found := _BSD_ALONE.match(told.stdout)):
            return int(found[1])
    return own_bsd_sum(path)


def own_bsd_sum(path: Path) -> int:
    """Return what :func:`bsd_sum` does, without the system's help."""
    # the table rotates, and forgets the carry of the addition before: at most 65 535 + 255 comes out of one
    turned = [(value & 0xFFFF) >> 1 | (value & 1) << 15 for value in range(0x10000 + 0xFF)]
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            for byte in block:
                value = turned[value] + byte
    return value & 0xFFFF
