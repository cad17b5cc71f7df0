"""Define every error that homodb raises on purpose.

::

    HomodbError
    ├── ConfigError               a config: unknown key, wrong value, missing path
    ├── OptionsError              options that exclude each other, or an invalid value
    ├── InputError                an input file: all its problems at once, with line numbers
    ├── MixedInputsError          inputs of different Ensembl releases in one build
    ├── OutputError               an output that exists as something else, or cannot be written
    ├── ReleaseError              not a usable release
    │   ├── NewerSchemaError      a release written by a newer homodb
    │   └── BrokenReleaseError    a file of the release is missing or altered, or an invariant fails
    ├── CatalogError              a catalog that cannot be read, or lacks the requested release
    ├── CacheError                an entry that the cache lacks, or that cannot be deleted
    ├── TransferError             a download that fails, or gives another file than requested
    ├── UnknownSpeciesError       a name of no species, or of none in the release
    ├── UnknownStrategyError      a strategy that does not exist
    ├── UnknownGeneError          names of which none is a gene
    ├── MissingMappingError       a pair of species, or a strategy for it, that the release lacks
    ├── MissingEmbeddingError     gene vectors that the release lacks
    ├── MissingPackageError       a package that a plain install does not include
    ├── VectorsError              gene vectors that are not finite, or differ in dimensions
    ├── StoreError                a store of vectors: other weights, damaged, or not writable
    ├── WorkerError               a worker process that died; finished work is kept
    ├── StoppedError              stopped by the user; finished work is kept
    ├── QueryError                SQL that is refused or that fails
    ├── IntegrationError          a joint object whose species cannot be integrated
    ├── ScoreError                an embedding, labels or cells that cannot be scored, compared or reported
    ├── AnnotationError           a reference and query between which cell types cannot be carried
    ├── JoinError                 AnnData objects that cannot be joined
    └── TranslationError          an AnnData object that cannot be translated
        ├── UndecidedSpeciesError gene names that fit several species
        ├── ImplausibleError      hardly any name is known, or hardly any count is carried
        └── CountsError           values that a policy must not add up

A message says what is wrong, what was expected, and what to do next. The command line prints it as one line, its
hint as another, and exits with :attr:`HomodbError.exit_code`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Problems of each kind that a message lists; of more it gives the number and some examples.
LISTED_PER_KIND, EXAMPLES_PER_KIND = 20, 3
#: Most characters of the content of a problem.
_LONGEST = 300
#: Unicode categories of characters that are not printed: control, format, surrogate, line and paragraph ends.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class HomodbError(Exception):
    """Base of all errors that homodb raises on purpose.

    Parameters
    ----------
    message
        The message.
    option
        Name of the parameter that the error concerns; None if it concerns no single parameter. The command line adds
        the flag of that name to the message.
    hint
        Next step, which ends the text of the error; the command line prints it in a line of its own.
    """

    exit_code: int = 2

    def __init__(self, message: object = "", *, option: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.option = option
        self.hint = hint

    def __str__(self) -> str:
        return f"{super().__str__()}; {self.hint}" if self.hint else super().__str__()

    @property
    def message(self) -> str:
        """Return the text without the hint."""
        return super().__str__()


class ConfigError(HomodbError):
    """A config has an unknown key or a wrong value, or contradicts itself."""


class OptionsError(HomodbError):
    """Options exclude each other, or one has an invalid value."""


@dataclass(frozen=True, order=True)
class Problem:
    """A problem in an input file.

    Parameters
    ----------
    line
        1-based line of the (decompressed) file; 0 for the file as a whole.
    kind
        Kind of problem; problems of one kind are listed together.
    content
        The text in the file, cut by :func:`shown`, or the reason of a library.
    """

    line: int
    kind: str
    content: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.kind}{self.bracketed}"

    @property
    def bracketed(self) -> str:
        """Content for a message."""
        return f" ({shown(self.content, _LONGEST)})" if self.content else ""


def shown(text: str, most: int = 80) -> str:
    r"""Shorten a foreign text to some printable characters on one line, for a message.

    Examples
    --------
    >>> shown("INS\x1b[2J\n"), len(shown("A" * 1_000_000))
    ('INS\\x1b[2J\\n', 80)
    """
    short = printable(text[: most + 1])
    return short if len(text) <= most and len(short) <= most else f"{short[: most - 1]}…"


def printable(text: str, *, keep: str = "") -> str:
    r"""Escape control and format characters, bidirectional marks, surrogates and line ends.

    Parameters
    ----------
    text
        The text.
    keep
        Characters that stay, such as line ends.

    Examples
    --------
    >>> print(printable("INS\x1b[2J \u202egnp.exe"))
    INS\x1b[2J \u202egnp.exe
    """
    if text.isprintable():
        return text
    return "".join(one if one in keep or unicodedata.category(one) not in _OBEYED else repr(one)[1:-1] for one in text)


class InputError(HomodbError):
    """An input file cannot be used; lists every problem in it.

    Parameters
    ----------
    path
        The file.
    problems
        The problems, in any order. Up to twenty of a kind are listed; of more, the number and the first three.
    totals
        Number of problems of each kind, if `problems` is not complete.
    """

    def __init__(self, path: Path | str, problems: Sequence[Problem], totals: Mapping[str, int] | None = None) -> None:
        self.path = Path(path)
        self.problems = sorted(problems)
        self.totals = Counter(problem.kind for problem in problems)
        self.totals.update({kind: total - self.totals[kind] for kind, total in (totals or {}).items()})
        super().__init__(f"{path}: {self._summary()}")

    def __reduce__(self) -> tuple[type[InputError], tuple[Path, list[Problem], Counter[str]]]:
        """Pickle the arguments, so that a worker process can raise it."""
        return type(self), (self.path, self.problems, self.totals)

    def _summary(self) -> str:
        parts = [str(problem) for problem in self.problems if self.totals[problem.kind] <= LISTED_PER_KIND]
        for kind, total in self.totals.items():
            if total > LISTED_PER_KIND:
                first = [problem for problem in self.problems if problem.kind == kind][:EXAMPLES_PER_KIND]
                places = [f"line {one.line}{one.bracketed}" for one in first]
                parts.append(f"{total:,} times: {kind}, first on {', '.join(places)}")
        total = self.totals.total()
        return ("" if len(parts) == 1 else f"{total:,} problems: ") + "; ".join(parts)


class MixedInputsError(HomodbError):
    """Input files come from different Ensembl releases."""


class OutputError(HomodbError):
    """The output exists as something else, or cannot be written."""


class ReleaseError(HomodbError):
    """The path is not a release that can be opened."""


class NewerSchemaError(ReleaseError):
    """The schema of the release is newer than this homodb supports."""


class BrokenReleaseError(ReleaseError):
    """A file of the release is missing or altered, or an invariant fails."""


class CatalogError(HomodbError):
    """A catalog of releases cannot be read, or lacks a release."""


class CacheError(HomodbError):
    """The cache cannot be read or changed, or lacks an entry."""


class TransferError(HomodbError):
    """A download failed; no file of that name was written."""


class UnknownSpeciesError(HomodbError):
    """The name is of no species in homodb or in this release."""


class UnknownStrategyError(HomodbError):
    """The strategy does not exist."""


class UnknownGeneError(HomodbError):
    """None of the names is a gene."""


class MissingMappingError(HomodbError):
    """The release has no mapping for the species pair and strategy."""


class MissingEmbeddingError(HomodbError):
    """The release has no gene vectors of the embedding, species or genes."""


class MissingPackageError(HomodbError):
    """An optional package is not installed."""

    @classmethod
    def of(cls, what: str, package: str, extra: str, instead: str = "") -> MissingPackageError:
        """Return the error for a package that one of homodb's extras installs.

        Examples
        --------
        >>> MissingPackageError.of("UMAP", "umap-learn", "cells")
        MissingPackageError("UMAP needs umap-learn, which a plain install does not bring: pip install 'homodb[cells]'")
        """
        remedy = f"pip install 'homodb[{extra}]'{instead}"
        return cls(f"{what} needs {package}, which a plain install does not bring: {remedy}")


class VectorsError(HomodbError):
    """Gene vectors are not finite, or differ in their dimensions."""


class StoreError(HomodbError):
    """A store of vectors has other weights, is damaged or not writable."""


class WorkerError(HomodbError):
    """A worker process died; finished work is kept."""


class StoppedError(HomodbError):
    """The user stopped the work (Ctrl-C); finished work is kept."""

    exit_code = 130


class QueryError(HomodbError):
    """The SQL is not allowed, or DuckDB could not run it."""


class JoinError(HomodbError):
    """AnnData objects cannot be joined."""


class IntegrationError(HomodbError):
    """The species of a joint object cannot be integrated."""


class ScoreError(HomodbError):
    """Cells cannot be scored, compared or reported."""


class AnnotationError(HomodbError):
    """Cell types cannot be carried from the reference to the query."""


class TranslationError(HomodbError):
    """The AnnData object cannot be translated."""


class UndecidedSpeciesError(TranslationError):
    """The gene names fit several species; ``candidates`` names those that know them alike."""

    candidates: tuple[str, ...] = ()


class ImplausibleError(TranslationError):
    """Hardly any name is known, or hardly any count is carried; ``force`` goes on all the same."""


class CountsError(TranslationError):
    """The policy must not aggregate these values."""
