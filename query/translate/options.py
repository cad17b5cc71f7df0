"""Define and check the options of a translation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypedDict, TypeVar

from homodb.schema.enums import EvidenceClass
from homodb.schema.errors import TranslationError
from homodb.schema.io import read_lines
from homodb.schema.messages import choices_hint
from homodb.schema.names import name_texts
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


class TranslateChoices(TypedDict, total=False):
    """Optional keyword arguments of a translation.

    Notes
    -----
    ``many_to_one``: ``sum`` (default), ``mean`` or ``max``. ``one_to_many``: ``best`` (default), ``split`` or ``all``.
    ``slots``: a policy for a matrix by its name (``X``, ``raw``, or a layer's): ``sum``, ``mean``, ``max``,
    ``expm1-sum-log1p`` or ``drop``. ``min_confidence`` (0 or 1), ``min_identity`` (percent), ``min_correlation``:
    pairs below are not used. ``missing``: pairs that lack such a value are kept (``keep``, the default) or not
    (``drop``). ``evidence``: classes to use, and with a ``+`` to add (``"both,ensembl"``, ``"+lm_orphan"``).
    ``measured``: choose one-to-one partners among the genes of the object. ``via``: an intermediate species.
    ``keep_unmapped``: keep source genes without a target, marked. ``names``: ``keep`` the kind of the input (default),
    ``id`` or ``symbol``. ``genes``: the target genes, in this order; a list or a file with one per line. ``by``:
    columns of obs by which to report the share of counts carried. ``markers``: genes whose fate to report; a list or
    a file.
    """

    many_to_one: str
    one_to_many: str
    slots: Mapping[str, str]
    min_confidence: float | None
    min_identity: float | None
    min_correlation: float | None
    missing: str
    evidence: str | Sequence[str] | None
    measured: bool
    via: str | int | Species | None
    keep_unmapped: bool
    names: str
    genes: Sequence[str] | Path | None
    by: str | Sequence[str]
    markers: Sequence[str] | Path | None


@dataclass(frozen=True)
class Options:
    """Checked options; see :class:`TranslateChoices`."""

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
    by: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()


_Word = TypeVar("_Word", bound=StrEnum)


def read_options(choices: TranslateChoices) -> Options:
    """Check the keyword arguments.

    Raises
    ------
    TranslationError
        If an option has an unknown value, a number is out of range, or a file of genes cannot be read or names a gene
        twice.
    """
    unknown = set(choices) - set(TranslateChoices.__annotations__)
    if unknown:
        raise TypeError(f"translate() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    classes, added = _evidence(choices.get("evidence"))
    by, genes, markers = choices.get("by", ()), choices.get("genes"), choices.get("markers")
    return Options(
        many_to_one=_word(ManyToOne, choices.get("many_to_one", "sum"), "many-to-one policy"),
        one_to_many=_word(OneToMany, choices.get("one_to_many", "best"), "one-to-many policy"),
        slots={
            slot: _word(SlotPolicy, policy, "policy", f" for slot {slot!r}")
            for slot, policy in choices.get("slots", {}).items()
        },
        least=_least(choices),
        missing=_word(Missing, choices.get("missing", "keep"), "treatment of missing values"),
        evidence=classes,
        added=added,
        measured=choices.get("measured", False),
        via=choices.get("via"),
        keep_unmapped=choices.get("keep_unmapped", False),
        names=_word(Names, choices.get("names", "keep"), "kind of names"),
        genes=None if genes is None else tuple(_once(gene_list(genes))),
        by=(by,) if isinstance(by, str) else tuple(by),
        markers=() if markers is None else tuple(dict.fromkeys(gene_list(markers))),
    )


def gene_list(genes: Sequence[str] | Path) -> list[str]:
    """Return the genes of a list, or of a file with one per line.

    Missing names, blank lines and lines that begin with # are skipped.

    Raises
    ------
    TranslationError
        If the file cannot be read, or names no gene.
    """
    if isinstance(genes, str):
        raise TranslationError(f"wanted a list of genes or the path of a file, got the text {genes!r}")
    names = [name for name in name_texts(genes) if name] if not isinstance(genes, Path) else _lines(genes)
    if not names:
        where = f"{genes}: " if isinstance(genes, Path) else ""
        raise TranslationError(f"{where}names no gene; give one per line")
    return names


def _lines(path: Path) -> list[str]:
    lines = read_lines(path, "a list of genes", TranslationError)
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _once(names: list[str]) -> list[str]:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise TranslationError(f"the wanted genes name {twice[0]!r} more than once; name each gene once")
    return names


def _word(words: type[_Word], word: str, what: str, of: str = "") -> _Word:
    try:
        return words(word)
    except ValueError:
        raise TranslationError(f"there is no {what} {word!r}{of}{choices_hint(word, words)}") from None


def _least(choices: TranslateChoices) -> dict[str, float]:
    bounds = (
        ("confidence", choices.get("min_confidence"), 0, 1),
        ("identity", choices.get("min_identity"), 0, 100),
        ("correlation", choices.get("min_correlation"), -1, 1),
    )
    for name, value, low, high in bounds:
        if value is not None and not low <= value <= high:
            raise TranslationError(f"the least {name} is {value:g}; it lies between {low} and {high}")
    return {name: value for name, value, _, _ in bounds if value is not None}


def _evidence(
    requested: str | Sequence[str] | None,
) -> tuple[frozenset[EvidenceClass] | None, tuple[EvidenceClass, ...]]:
    """Return the classes to use (None for all), and those to add."""
    if requested is None:
        return None, ()
    words = [word.strip() for word in (requested.split(",") if isinstance(requested, str) else requested)]
    classes = [(_word(EvidenceClass, word.removeprefix("+"), "evidence class"), word.startswith("+")) for word in words]
    kept = frozenset(one for one, plus in classes if not plus)
    return kept or None, tuple(dict.fromkeys(one for one, plus in classes if plus))
