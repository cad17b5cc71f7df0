"""Define and check the options of a translation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from homodb.schema.enums import EvidenceClass
from homodb.schema.errors import TranslationError
from homodb.schema.io import read_lines
from homodb.schema.messages import choices_hint
from homodb.schema.names import has_header, name_texts, printed_names, unquoted
from homodb.schema.species import Species


class ManyToOne(StrEnum):
    """Policy for combining several source genes into a target gene."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"


class OneToMany(StrEnum):
    """Policy for a source gene with several target genes."""

    BEST = "best"
    SPLIT = "split"
    ALL = "all"


class SlotPolicy(StrEnum):
    """Policy for a matrix of the object."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    LOG = "expm1-sum-log1p"
    DROP = "drop"


class Missing(StrEnum):
    """Policy for a pair without a value for a filter."""

    KEEP = "keep"
    DROP = "drop"


class Names(StrEnum):
    """Kind of names for target genes."""

    KEEP = "keep"
    ID = "id"
    SYMBOL = "symbol"


@dataclass(frozen=True)
class Options:
    """Checked options; see :func:`homodb.query.translate.translate`."""

    many_to_one: ManyToOne = ManyToOne.SUM
    one_to_many: OneToMany = OneToMany.BEST
    slots: Mapping[str, SlotPolicy] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    missing: Missing = Missing.KEEP
    evidence: frozenset[EvidenceClass] | None = None
    added: tuple[EvidenceClass, ...] = ()
    measured: bool = False
    via: str | int | Species | None = None
    keep_unmapped: bool = False
    names: Names = Names.KEEP
    genes: tuple[str, ...] | None = None
    groupby: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()


_Word = TypeVar("_Word", bound=StrEnum)


def read_options(
    *,
    many_to_one: str = "sum", one_to_many: str = "best", slots: Mapping[str, str] | None = None,
    min_confidence: float | None = None, min_identity: float | None = None, min_correlation: float | None = None,
    missing: str = "keep", evidence: str | Sequence[str] | None = None, measured: bool = False,
    via: str | int | Species | None = None, keep_unmapped: bool = False, names: str = "keep",
    genes: Sequence[str] | Path | None = None, groupby: str | Sequence[str] | None = None,
    markers: Sequence[str] | Path | None = None,
) -> Options:  # fmt: skip
    """Check the options of a translation.

    Raises TranslationError if an option has an unknown value, a number is out of range, or a file of genes cannot be
    read or names a gene twice.
    """
    classes, added = _evidence(evidence)
    return Options(
        many_to_one=_word(ManyToOne, many_to_one, "many-to-one policy", "many_to_one"),
        one_to_many=_word(OneToMany, one_to_many, "one-to-many policy", "one_to_many"),
        slots={
            slot: _word(SlotPolicy, policy, "policy", "slots", f" for slot {slot!r}")
            for slot, policy in (slots or {}).items()
        },
        least=_least(confidence=min_confidence, identity=min_identity, correlation=min_correlation),
        missing=_word(Missing, missing, "treatment of missing values", "missing"),
        evidence=classes,
        added=added,
        measured=measured,
        via=via,
        keep_unmapped=keep_unmapped,
        names=_word(Names, names, "kind of names", "names"),
        genes=None if genes is None else tuple(_once(gene_list(genes))),
        groupby=(groupby,) if isinstance(groupby, str) else tuple(groupby or ()),
        markers=() if markers is None else tuple(dict.fromkeys(gene_list(markers))),
    )


def gene_list(genes: Sequence[str] | Path) -> list[str]:
    """Return the genes of a list, or of a file with one per line.

    Missing names, blank lines, lines that begin with # and a header such as ``gene_symbol`` are skipped, quotes and
    commas around a name too; a single line may hold all names.

    Raises TranslationError if the file cannot be read, or names no gene.
    """
    if isinstance(genes, str):
        raise TranslationError(f"expected a list of genes or the path of a file, got the text {genes!r}")
    names = [name for name in name_texts(genes) if name] if not isinstance(genes, Path) else _lines(genes)
    if not names:
        where = f"{genes}: " if isinstance(genes, Path) else ""
        raise TranslationError(f"{where}names no gene; give one per line")
    return names


def _lines(path: Path) -> list[str]:
    lines = read_lines(path, "a list of genes", TranslationError)
    lines = printed_names("\n".join(lines)) or lines
    names = [name for line in lines if not line.lstrip().startswith("#") and (name := unquoted(line))]
    if len(names) == 1:
        names = [name for name in map(unquoted, re.split("[\t,; ]", names[0])) if name]
    if sum(bool(re.search("[\t,;]", name)) for name in names) * 2 > len(names):
        raise TranslationError(
            f"{path}: has several columns, as in {names[0]!r}; give a file of nothing but names of genes, one per line"
        )
    return names[1:] if has_header(names) else names


def _once(names: list[str]) -> list[str]:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise TranslationError(
            f"the requested genes name {twice[0]!r} more than once; name each gene once", option="genes"
        )
    return names


def _word(words: type[_Word], word: str, what: str, option: str, of: str = "") -> _Word:
    try:
        return words(word)
    except ValueError:
        raise TranslationError(f"there is no {what} {word!r}{of}{choices_hint(word, words)}", option=option) from None


#: Bounds of the values that filters use.
_BOUNDS = {"confidence": (0, 1), "identity": (0, 100), "correlation": (-1, 1)}


def _least(**least: float | None) -> dict[str, float]:
    for name, value in least.items():
        low, high = _BOUNDS[name]
        if value is not None and not low <= value <= high:
            raise TranslationError(
                f"the least {name} is {value:g}; it lies between {low} and {high}", option=f"min_{name}"
            )
    return {name: value for name, value in least.items() if value is not None}


def _evidence(
    requested: str | Sequence[str] | None,
) -> tuple[frozenset[EvidenceClass] | None, tuple[EvidenceClass, ...]]:
    """Return the classes to use (None for all), and those to add."""
    if requested is None:
        return None, ()
    words = [word.strip() for word in (requested.split(",") if isinstance(requested, str) else requested)]
    classes = [
        (_word(EvidenceClass, word.removeprefix("+"), "evidence class", "evidence"), word.startswith("+"))
        for word in words
    ]
    classes = [(one, plus or one is EvidenceClass.DATABASES) for one, plus in classes]  # no mapping holds those
    kept = frozenset(one for one, plus in classes if not plus)
    return kept or None, tuple(dict.fromkeys(one for one, plus in classes if plus))
