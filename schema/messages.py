"""Build the parts of messages that many modules share."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from homodb.schema.errors import HomodbError, shown

#: Problems that a message lists; the others are counted.
_LISTED = 10
#: Choices that a message lists.
_CHOICES = 100
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80

#: What was expected, by pydantic's type of error.
_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "a table",
    "dict_type": "a table",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than_equal": "{ge} or more",
    "int_type": "a whole number",
    "less_than_equal": "{le} or less",
    "model_type": "a table",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}


def expected(what: str, value: object) -> str:
    """Return the sentence about a value that is not what was expected.

    Examples
    --------
    >>> expected("a whole number", "115")
    "Expected a whole number, got '115'."
    """
    return f"Expected {what}, got {_SHORT.repr(value)}."


def translate_validation(
    error: ValueError, kind: type[HomodbError], where: str = "", headings: Mapping[str, str] | None = None
) -> HomodbError:
    """Translate a validation error of pydantic into one of homodb.

    Parameters
    ----------
    error
        The ``ValidationError``, or the ValueError of a single check.
    kind
        Class of the result, unless a check failed because of another :class:`HomodbError`.
    where
        The file or address that was read; empty for values that come from Python.
    headings
        How messages write top-level keys, such as ``[release]``; others are written as they are.

    Returns
    -------
    HomodbError
        Names the place of each wrong value, and says what was expected there.
    """
    problems: Sequence[Mapping[str, Any]]
    problems = error.errors(include_url=False) if hasattr(error, "errors") else [_problem_of(error)]
    sentences = [_sentence(problem, headings or {}) for problem in problems[:_LISTED]]
    if len(problems) > 1:
        sentences.insert(0, f"{len(problems)} problems:")
    if len(problems) > _LISTED:
        sentences.append(f"{len(problems) - _LISTED} more.")
    cause = problems[0].get("ctx", {}).get("error", error)
    if cause.args and isinstance(cause.args[0], HomodbError):
        kind = type(cause.args[0])
    return kind(f"{where}: {' '.join(sentences)}" if where else " ".join(sentences))


def _problem_of(error: ValueError) -> dict[str, Any]:
    return {"type": "value_error", "loc": (), "ctx": {"error": error}}


def _sentence(problem: Mapping[str, Any], headings: Mapping[str, str]) -> str:
    loc, kind, context = problem["loc"], problem["type"], problem.get("ctx", {})
    if kind == "missing":
        return _at(loc[:-1], headings) + f"{headings.get(loc[-1], loc[-1]) if len(loc) == 1 else loc[-1]} is missing."
    if kind == "unexpected_keyword_argument":
        return _at(loc[:-1], headings) + f"Unknown key {shown(repr(loc[-1]))}."
    if kind == "value_error":
        text = str(context["error"])
        return _at(loc, headings) + (text if text.endswith((".", "?")) else text + ".")
    if kind in _EXPECTED:
        bounds = {key: _bound(context[key]) for key in ("ge", "le") if key in context}
        return _at(loc, headings) + expected(_EXPECTED[kind].format(**bounds), problem["input"])
    return _at(loc, headings) + f"Unexpected value {_SHORT.repr(problem['input'])}."


def _bound(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,g}"


def _at(loc: Sequence[int | str], headings: Mapping[str, str]) -> str:
    """Return the place of a value for a message: ``[[species]] 2: name: ``."""
    parts: list[str] = []
    for step in loc:
        if isinstance(step, int) and parts:
            parts[-1] += f" {step + 1}"
        else:
            word = _SHORT.repr(step).strip("'")
            parts.append(word if parts else headings.get(word, word))
    return "".join(f"{part}: " for part in parts)


#: Names that are suggested since they contain what was written.
_PARTS = 4
#: Similarity below which a name is not suggested.
_CUTOFF = 0.6


def close_matches(name: str, names: Iterable[str], *, most: int = 1, cutoff: float = _CUTOFF) -> list[str]:
    """Return the names that are similar to a name, the most similar first.

    Parameters
    ----------
    names
        The valid names. Case is ignored; ``-``, ``_``, ``.`` and spaces are equal.

    Examples
    --------
    >>> close_matches("Cell Typ", ["donor", "cell_type", "species"])
    ['cell_type']
    >>> close_matches("x", ["donor", "cell_type"])
    []
    """
    folded: dict[str, list[str]] = {}
    for one in names:
        folded.setdefault(_folded(one), []).append(one)
    wanted = _folded(name)
    close = [one for one in folded if len(wanted) > 3 and sorted(one) == sorted(wanted)]  # letters that changed places
    close += difflib.get_close_matches(wanted, folded, n=most, cutoff=cutoff)
    return list(dict.fromkeys(one for match in close for one in folded[match]))[:most]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the suggestion of a message; empty if no name is similar.

    Examples
    --------
    >>> "unknown method 'harmny'" + did_you_mean("harmny", ["cca", "harmony"])
    "unknown method 'harmny'; did you mean 'harmony'?"
    >>> did_you_mean("o2o", ["ens_m2m", "ens_o2o", "hm_o2o"])
    "; did you mean 'ens_o2o' or 'hm_o2o'?"
    """
    known, part = [str(one) for one in names], _folded(name)
    parts = [one for one in known if len(part) > 1 and part in _folded(one)]
    close = parts[:_PARTS] or close_matches(name, known)
    return f"; did you mean {or_list(shown(repr(one)) for one in close)}?" if close else ""


def or_list(words: Iterable[str]) -> str:
    """Return words as a choice.

    Examples
    --------
    >>> or_list(["a"]), or_list(["a", "b", "c"])
    ('a', 'a, b or c')
    """
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def choices_hint(name: str, choices: Iterable[str]) -> str:
    """Return the choices and the suggestion of a message.

    Examples
    --------
    >>> "unknown device 'cud'" + choices_hint("cud", ["auto", "cpu", "cuda"])
    "unknown device 'cud'; there are auto, cpu, cuda; did you mean 'cuda'?"
    """
    names = [str(one) for one in choices]
    more = f" and {len(names) - _CHOICES} more" if len(names) > _CHOICES else ""
    return f"; there are {', '.join(map(shown, names[:_CHOICES]))}{more}{did_you_mean(name, names)}"


def _folded(name: str) -> str:
    return re.sub(r"[-_. ]+", "_", name.strip()).casefold()


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "gene"), counted(2_000, "gene"), counted(0, "entry", "entries")
    ('1 gene', '2,000 genes', '0 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def make_unique(names: Iterable[str], separator: str = "-") -> list[str]:
    """Make names unique by appending numbers to repeated ones.

    Examples
    --------
    >>> make_unique(["gene", "gene", "gene-1", "gene"])
    ['gene', 'gene-1', 'gene-1-1', 'gene-2']
    """
    taken: set[str] = set()
    unique = []
    for name in names:
        free, number = name, 0
        while free in taken:
            number += 1
            free = f"{name}{separator}{number}"
        taken.add(free)
        unique.append(free)
    return unique
