"""Isoforms: from a gene's canonical protein to the others that its transcripts give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.exchange import LETTERS, frequencies

#: Kinds of further isoforms and how often each is met: an exon skipped, an early stop with only a short rest,
#: another last exon, and transcripts that decay, whose protein ends in residues of another frame.
_KINDS = (("skipped", 0.45), ("short", 0.12), ("extended", 0.2), ("decay", 0.23))
_BYTES = np.frombuffer(LETTERS.encode(), np.uint8)
_SHORTEST = 10


@dataclass(frozen=True, slots=True)
class Isoform:
    """A protein of a gene: its sequence as text, the biotype of its transcript, and whether it is canonical."""

    sequence: str
    biotype: str
    canonical: bool


def isoforms(residues: np.ndarray, count: int, rng: np.random.Generator) -> list[Isoform]:
    """Make the proteins of a gene, its canonical one first.

    Parameters
    ----------
    residues
        The canonical protein, indices into ``exchange.LETTERS``.
    count
        How many proteins there are, at least 1.
    rng
        Where chance comes from.
    """
    made = [Isoform(text(residues), "protein_coding", True)]
    draws = rng.random((count - 1, 3))
    chances = np.cumsum([chance for _, chance in _KINDS])[:-1]
    length = len(residues)
    for kind, where, size in draws:
        cut = max(_SHORTEST, int(length * (0.25 + 0.6 * where)))
        name = _KINDS[int(np.searchsorted(chances, kind, side="right"))][0]
        if name == "skipped":
            end = min(length, cut + max(1, int(length * 0.3 * size)))
            made.append(Isoform(text(np.concatenate([residues[:cut], residues[end:]])), "protein_coding", False))
        elif name == "short":
            short = residues[: max(_SHORTEST, int(length * 0.6 * size))]
            made.append(Isoform(text(short), "protein_coding", False))
        elif name == "extended":
            exon = _other_frame(5 + int(60 * size), rng)
            made.append(Isoform(text(np.concatenate([residues, exon])), "protein_coding", False))
        else:
            frame = _other_frame(2 + int(20 * size), rng)
            decayed = np.concatenate([residues[:cut], frame])
            made.append(Isoform(text(decayed), "nonsense_mediated_decay", False))
    return made


def text(residues: np.ndarray) -> str:
    """Return residues as letters."""
    return str(_BYTES[residues].tobytes().decode())


def _other_frame(length: int, rng: np.random.Generator) -> np.ndarray:
    chances = np.cumsum(frequencies())[:-1]
    return (np.searchsorted(chances, rng.random(length), side="right") + 1).astype(np.uint8)
