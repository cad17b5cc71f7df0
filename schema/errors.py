"""Define every error that homodb raises on purpose.

::

    HomodbError
    ├── ConfigError               the build config: unknown key, wrong value, missing path
    ├── OptionsError              options that do not go together, or a value that one does not take
    ├── InputError                an input file: all its problems at once, with line numbers
    ├── MixedInputsError          inputs of different Ensembl releases in one build
    ├── OutputError               the place to write to holds something else, or cannot be written
    ├── ReleaseError              what was opened is not a usable release
    │   ├── NewerSchemaError      a release written by a newer homodb
    │   └── BrokenReleaseError    a file of the release is missing or altered, or an invariant fails
    ├── CatalogError              a catalog that cannot be read, or lacks the release that was asked for
    ├── CacheError                what the cache does not hold, or what cannot be deleted from it
    ├── TransferError             a download that fails, or does not give what was asked for
    ├── UnknownSpeciesError       a name that means no species, or none of the release
    ├── UnknownStrategyError      a strategy that does not exist
    ├── UnknownGeneError          no gene behind any of the given names
    ├── MissingMappingError       the release has no such pair of species, or not that strategy for it
    ├── MissingEmbeddingError     the release has no vectors of genes, or not of that embedding, species or gene
    ├── MissingPackageError       a package that a plain install does not bring
    ├── VectorsError              vectors of genes that cannot be compared: not finite, or of different dimensions
    ├── StoreError                a store of vectors: of other weights, damaged, or not to be written
    ├── WorkerError               a worker process died before its work was done; what was finished is kept
    ├── StoppedError              stopped by the user half-way; what was finished is kept
    ├── QueryError                SQL that is refused or that fails
    ├── IntegrationError          a joint object whose species cannot be integrated as asked
    ├── ScoreError                an embedding, labels or cells that cannot be scored, compared or reported as asked
    ├── AnnotationError           a reference or query between which cell types cannot be carried as asked
    ├── JoinError                 AnnDatas that cannot be put together as asked
    └── TranslationError          an AnnData that cannot be translated as asked
        ├── UndecidedSpeciesError the names do not tell which species they are from
        └── CountsError           values that the chosen policy must not add up

A message says what is wrong, what was expected, and what to do next. The command line prints it as one line and exits
with :attr:`HomodbError.exit_code`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Of each kind of problem in an input file, so many are listed; the others are counted.
LISTED_PER_KIND = 20
_LONGEST = 400


class HomodbError(Exception):
    """Base of all errors that homodb raises on purpose.

    Parameters
    ----------
    message
        The message.
    option
        Name of the parameter that the error concerns; None if it concerns no single parameter. The command line adds
        the flag of that name to the message.
    """

    exit_code: int = 2

    def __init__(self, message: object = "", *, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


class ConfigError(HomodbError):
    """The build config has an unknown key or contradicts itself."""


class OptionsError(HomodbError):
    """Options contradict each other, or one has an invalid value."""


@dataclass(frozen=True, order=True)
class Problem:
    """One problem in an input file.

    Parameters
    ----------
    line
        1-based line of the (decompressed) file; 0 when it concerns the file as a whole.
    kind
        Kind of problem; problems of one kind are listed together.
    text
        Text in the file.
    """

    line: int
    kind: str
    text: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.kind}" + (f" ({_shown(self.text)})" if self.text else "")


def _shown(text: str) -> str:
    """Return the beginning of a text, on one line and printable."""
    cut = text[:_LONGEST] + ("…" if len(text) > _LONGEST else "")
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in cut)


class InputError(HomodbError):
    """An input file is invalid; all its problems are listed.

    Parameters
    ----------
    path
        The file.
    problems
        Problems, in any order. The message lists the first twenty of each kind.
    totals
        Number of problems of each kind, where `problems` does not hold them all.
    """

    def __init__(self, path: Path | str, problems: Sequence[Problem], totals: Mapping[str, int] | None = None) -> None:
        self.path = Path(path)
        self.problems = sorted(problems)
        self.totals = Counter(problem.kind for problem in problems)
        self.totals.update({kind: total - self.totals[kind] for kind, total in (totals or {}).items()})
        super().__init__(f"{path}: {self._summary()}")

    def __reduce__(self) -> tuple[type[InputError], tuple[Path, list[Problem], Counter[str]]]:
        """Pickle the arguments, so that worker processes can return it."""
        return type(self), (self.path, self.problems, self.totals)

    def _summary(self) -> str:
        listed: Counter[str] = Counter()
        parts: list[str] = []
        for problem in self.problems:
            listed[problem.kind] += 1
            if listed[problem.kind] <= LISTED_PER_KIND:
                parts.append(str(problem))
        parts += [
            f"and {total - LISTED_PER_KIND} more: {kind}"
            for kind, total in self.totals.items()
            if total > LISTED_PER_KIND
        ]
        total = self.totals.total()
        return ("" if total == 1 else f"{total} problems: ") + "; ".join(parts)


class MixedInputsError(HomodbError):
    """Inputs come from different Ensembl releases."""


class OutputError(HomodbError):
    """The output cannot be written, or exists with other content."""


class ReleaseError(HomodbError):
    """The path or name is not a release that can be opened."""


class NewerSchemaError(ReleaseError):
    """The release has a newer schema than this homodb supports."""


class BrokenReleaseError(ReleaseError):
    """The release is damaged.

    A file is missing or altered, or an invariant does not hold.
    """


class CatalogError(HomodbError):
    """A catalog cannot be read, or lacks the release."""


class CacheError(HomodbError):
    """The cache cannot be read, lacks an item, or cannot delete it."""


class TransferError(HomodbError):
    """A download failed or gave a wrong file; no file was left."""


class UnknownSpeciesError(HomodbError):
    """The name is no species of homodb or of this release."""


class UnknownStrategyError(HomodbError):
    """The strategy does not exist."""


class UnknownGeneError(HomodbError):
    """None of the names resolves to a gene."""


class MissingMappingError(HomodbError):
    """The release lacks this pair of species, or this strategy for it."""


class MissingEmbeddingError(HomodbError):
    """The release lacks gene vectors.

    It has none at all, or none of this embedding, species or genes.
    """


class MissingPackageError(HomodbError):
    """A required package is not installed."""

    @classmethod
    def of(cls, what: str, package: str, extra: str, instead: str = "") -> MissingPackageError:
        """Return the error for a package of one of homodb's extras.

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
    """A store of vectors is unusable.

    It has vectors of other weights, is damaged or incomplete, or cannot be written.
    """


class WorkerError(HomodbError):
    """A worker process died before finishing; finished work is kept."""


class StoppedError(HomodbError):
    """The user stopped the work (Ctrl-C); finished work is kept."""

    exit_code = 130


class QueryError(HomodbError):
    """The SQL is refused, or DuckDB could not run it."""


class JoinError(HomodbError):
    """AnnDatas cannot be joined.

    They share nothing, or the options contradict each other.
    """


class IntegrationError(HomodbError):
    """The joint object cannot be integrated.

    Its species, cells, features or values do not allow it.
    """


class ScoreError(HomodbError):
    """Cells cannot be scored, compared or reported.

    Their embedding, labels or species do not allow it.
    """


class AnnotationError(HomodbError):
    """Cell types cannot be transferred.

    The reference, the query or their shared genes do not allow it.
    """


class TranslationError(HomodbError):
    """The AnnData cannot be translated."""


class UndecidedSpeciesError(TranslationError):
    """The gene names do not identify one species."""


class CountsError(TranslationError):
    """The policy cannot aggregate these values."""
