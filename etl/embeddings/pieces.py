"""Cuts proteins into pieces that ESM2 can read, and gathers pieces of like length into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from homodb.etl.embeddings.model import Long
from homodb.etl.embeddings.weights import BEGIN, END, LETTERS
from homodb.schema.errors import InputError, Problem

#: Residues that ESM2 was trained to read at once; with the tokens for begin and end, 1024.
LIMIT = 1022
#: Residues that neighbouring windows share at least.
OVERLAP = 256

_CODES = np.zeros(256, np.uint8)
for _letter, _number in LETTERS.items():
    _CODES[ord(_letter)] = _number
#: J (leucine or isoleucine), which ESM2 lacks, is read as X.
_CODES[ord("J")] = LETTERS["X"]
_KNOWN = {*LETTERS, "J"}


@dataclass(frozen=True)
class Piece:
    """A stretch of a protein.

    Parameters
    ----------
    protein
        Number of the protein.
    codes
        Its residues as ESM2's tokens, uint8.
    weights
        What each residue counts in the protein's mean, float32; over all pieces of a protein they sum to 1.
    """

    protein: int
    codes: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """Pieces one behind the other, without padding.

    Parameters
    ----------
    proteins
        Number of the protein of each piece.
    tokens, positions, weights
        Of each token, begin and end of each piece among them: what it is, where in its piece, and what it counts in
        the mean (begin and end: 0). Shape (tokens,), int32, int32 and float32.
    groups
        Runs of pieces of one length: how many pieces, and how many tokens each has.
    """

    proteins: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    groups: tuple[tuple[int, int], ...]


def encode(sequences: Sequence[str]) -> list[npt.NDArray[np.uint8]]:
    """Turn sequences into ESM2's tokens.

    Parameters
    ----------
    sequences
        Amino acids in upper case: the twenty, and B, J, O, U, X, Z.

    Raises
    ------
    InputError
        If one is empty or has any other letter; lists all of these.

    Examples
    --------
    >>> encode(["LAG"])[0].tolist()
    [4, 5, 6]
    """
    # a character that is not ASCII becomes a "?", which is refused as well
    encoded = [_CODES[np.frombuffer(one.encode("ascii", "replace"), np.uint8)] for one in sequences]
    problems = [Problem(0, "an empty sequence", f"number {i}") for i, codes in enumerate(encoded) if not len(codes)]
    problems += [
        Problem(0, "letters that are no amino acids", f"{''.join(sorted(set(sequences[i]) - _KNOWN))!r}, number {i}")
        for i, codes in enumerate(encoded)
        if not codes.all()
    ]
    if problems:
        raise InputError("sequences", problems)
    return encoded


def cut(encoded: Sequence[npt.NDArray[np.uint8]], long: Long) -> list[Piece]:
    """Cut proteins into pieces of at most 1022 residues.

    Parameters
    ----------
    encoded
        Tokens of each protein.
    long
        ``truncate``: what is beyond 1022 residues is left out. ``window``: as few windows of 1022 residues as overlap
        by 256 or more, evenly spread. A residue that several windows see stands for its mean over them, so that
        every residue of the protein counts once.
    """
    return [piece for number, codes in enumerate(encoded) for piece in _pieces(number, codes, long)]


def _pieces(number: int, codes: npt.NDArray[np.uint8], long: Long) -> Iterator[Piece]:
    if long is Long.TRUNCATE:
        codes = codes[:LIMIT]
    starts = window_starts(len(codes))
    seen = np.zeros(len(codes), np.int64)
    for start in starts:
        seen[start : start + LIMIT] += 1
    weights = (1.0 / (seen * len(codes))).astype(np.float32)
    for start in starts:
        yield Piece(number, codes[start : start + LIMIT], weights[start : start + LIMIT])


def window_starts(length: int) -> list[int]:
    """Return where the windows of a protein begin.

    Examples
    --------
    >>> window_starts(1022), window_starts(1023), window_starts(2000)
    ([0], [0, 1], [0, 489, 978])
    """
    if length <= LIMIT:
        return [0]
    count = -(-(length - OVERLAP) // (LIMIT - OVERLAP))
    return [i * (length - LIMIT) // (count - 1) for i in range(count)]


def batches(pieces: Sequence[Piece], budget: int) -> Iterator[Batch]:
    """Gather pieces into batches, the longest first, so that lack of memory shows at once.

    Parameters
    ----------
    pieces
        The pieces.
    budget
        Tokens of a batch at most; a piece of more is a batch alone.
    """
    chosen: list[Piece] = []
    tokens = 0
    for piece in sorted(pieces, key=lambda piece: -len(piece.codes)):
        if chosen and tokens + len(piece.codes) + 2 > budget:
            yield _batch(chosen)
            chosen, tokens = [], 0
        chosen.append(piece)
        tokens += len(piece.codes) + 2
    if chosen:
        yield _batch(chosen)


def _batch(pieces: Sequence[Piece]) -> Batch:
    begin, end, nothing = np.array([BEGIN], np.uint8), np.array([END], np.uint8), np.zeros(1, np.float32)
    lengths = [len(piece.codes) + 2 for piece in pieces]
    return Batch(
        proteins=np.array([piece.protein for piece in pieces], np.int64),
        tokens=np.concatenate([part for piece in pieces for part in (begin, piece.codes, end)]).astype(np.int32),
        positions=np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        weights=np.concatenate([part for piece in pieces for part in (nothing, piece.weights, nothing)]),
        groups=tuple((len(list(run)), length) for length, run in groupby(lengths)),
    )
