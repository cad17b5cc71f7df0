"""The methods of annotation, in one list; to add one, write its module and add its line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.cellama import RANGES as SENTENCE_RANGES
from homodb.query.annotate.cellama import CellamaSettings
from homodb.query.annotate.neighbors import NEIGHBORS, WEIGHTS
from homodb.query.annotate.space import SCALES
from homodb.query.annotate.task import AnnotationTask, Labelled
from homodb.query.annotate.tron import RANGES as NETWORK_RANGES
from homodb.query.annotate.tron import TronParameters
from homodb.schema.errors import AnnotationError, HomodbError, MissingPackageError
from homodb.schema.messages import choices_hint, did_you_mean
from homodb.schema.options import Bounds, whole_number

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method.

    Parameters
    ----------
    name
        Its name, as ``--set NAME=VALUE`` has it.
    default
        Its value unless another is given.
    summary
        What it does.
    kind
        Its type, where the default (None) does not tell.
    allowed
        Where a number may lie; every number has a range.
    words
        The words that there are, where it is one of some.
    """

    name: str
    default: Any
    summary: str
    kind: type | None = None
    allowed: Bounds | None = None
    words: tuple[str, ...] = ()

    def read(self, value: Any) -> Any:
        """Return a value, or a text that was written for one, as the type that the parameter has.

        Raises
        ------
        AnnotationError
            If it is none of this type, out of its range, or none of its words.

        Examples
        --------
        >>> Parameter("k", 5, "neighbours", allowed=Bounds(1, 10_000)).read("7")
        7
        """
        if value is None and self.default is None:
            return None
        kind = self.kind or type(self.default)
        try:
            read = _as(kind, value)
        except (TypeError, ValueError, OverflowError):
            wanted = {int: "a whole number", float: "a number", bool: "yes or no"}.get(kind, f"a {kind.__name__}")
            raise AnnotationError(f"{self.name} is {value!r}; wanted {wanted}") from None
        if self.allowed is not None:
            self.allowed.check(self.name, read, AnnotationError)
        if self.words and str(read).lower() not in self.words:
            raise AnnotationError(f"there is no {self.name} {read!r}" + choices_hint(str(read), self.words))
        return str(read).lower() if self.words else read


def _as(kind: type, value: Any) -> Any:
    """Return a value, or a text for one, as of a type; raise ValueError where it is none."""
    if kind is bool:
        if str(value).lower() not in _WORDS:
            raise ValueError(value)
        return _WORDS[str(value).lower()]
    if kind is not int:
        return kind(value)
    read = whole_number(value) if isinstance(value, str) else int(value)
    if not isinstance(value, str) and (read != value or isinstance(value, bool)):
        raise ValueError(value)
    return read


def fields_of(
    settings: type, ranges: Mapping[str, Bounds], summaries: Mapping[str, str] | None = None
) -> tuple[Parameter, ...]:
    """Return the fields of a class of settings as parameters.

    Parameters
    ----------
    settings
        A dataclass whose fields have defaults; metadata ``summary`` says what each does. A field's kind is that of its
        annotation, and of a ``Literal`` that of its default.
    ranges
        Where its numbers may lie, by name.
    summaries
        What they do, by name, where metadata do not say it.
    """
    kinds = {"bool": bool, "float": float, "int": int, "str": str}
    return tuple(
        Parameter(
            one.name, one.default, (summaries or {}).get(one.name) or one.metadata.get("summary", ""),
            kinds.get(str(one.type).split(" ", 1)[0], type(one.default)), ranges.get(one.name),
        )
        for one in fields(settings)
    )  # fmt: skip


@dataclass(frozen=True)
class AnnotationMethod:
    """A method of annotation.

    Parameters
    ----------
    name, summary, reference
        What it is called, what it does, and where it was published (a DOI or an address; empty where it was not).
    function
        Runs it.
    parameters
        What can be chosen.
    orthology
        Whether it needs pairs of orthologous genes.
    uses
        Of what may be chosen beside parameters and is not for every method, what this one uses: names of
        :class:`homodb.query.annotate.options.Choices`.
    check
        Looks at all parameters together before anything is read.
    """

    name: str
    summary: str
    reference: str
    function: Callable[[AnnotationTask], Labelled]
    parameters: tuple[Parameter, ...]
    orthology: bool = True
    uses: frozenset[str] = frozenset()
    check: Callable[[Mapping[str, Any]], object] | None = None

    def run(self, task: AnnotationTask) -> Labelled:
        """Run it."""
        return self.function(task)


def _knn(task: AnnotationTask) -> Labelled:
    from homodb.query.annotate.space import knn

    return knn(task)


def _protein(task: AnnotationTask) -> Labelled:
    from homodb.query.annotate.protein import protein

    return protein(task)


def _tron(task: AnnotationTask) -> Labelled:
    if importlib.util.find_spec("torch") is None:
        raise MissingPackageError.of("method tron", "torch", "annotate")
    from homodb.query.annotate.tron.method import tron

    return tron(task)


def _cellama(task: AnnotationTask) -> Labelled:
    from homodb.query.annotate.cellama import cellama

    return cellama(task)


def _consensus(task: AnnotationTask) -> Labelled:

    return consensus(task)


_VOTES = (
    Parameter("k", 5, "neighbours that vote", allowed=NEIGHBORS),
    Parameter("weights", "distance", "distance (near ones weigh more) or uniform", words=WEIGHTS),
    Parameter("balanced", default=False, summary="divide each vote by the number of reference cells of its label"),
)

_SENTENCES = {
    "top": "genes of a sentence", "housekeeping": "whether ribosomal and mitochondrial genes are words",
    "model": "sentence model: a folder or a name", "download": "whether a model may be fetched",
    "device": "where the model computes", "batch": "sentences that the model reads at once",
    "k": "neighbours that vote", "weights": "distance (near ones weigh more) or uniform",
    "balanced": "divide each vote by the number of reference cells of its label",
    "spatial": "nearest cells whose types a sentence tells; 0 for none", "tune": "steps of fine-tuning; 0 for none",
    "tuned": "folder that keeps the fine-tuned model",
}  # fmt: skip

_ORTHOLOGY = frozenset({"strategy", "evidence"})

METHODS = (
    AnnotationMethod(
        "knn", "cosine nearest neighbours among translated principal components, or in an integration: the baseline",
        "", _knn,
        (
            *_VOTES,
            Parameter("features", 2000, "shared genes to use, by their variance over the reference",
                      allowed=Bounds(2, 1_000_000)),
            Parameter("dims", 30, "principal components, or dimensions of the integration", allowed=Bounds(1, 1_000)),
            Parameter("scale", "none", "none, centre, each (side by its own cells) or reference (both by its cells)",
                      words=SCALES),
            Parameter("integration", "none", "none, cca, harmony or scvi", words=("none", "cca", "harmony", "scvi")),
        ),
        uses=_ORTHOLOGY | {"numeric"},
    ),
    AnnotationMethod(
        "tron", "a network of the reference's species behind a layer that orthology masks", "arXiv (TRON)", _tron,
        fields_of(TronParameters, NETWORK_RANGES), uses=_ORTHOLOGY | {"query_label", "numeric"},
        check=TronParameters.read,
    ),
    AnnotationMethod(
        "cellama", "cells as sentences of their strongest genes, embedded by a language model",
        "10.1002/advs.202513210", _cellama, fields_of(CellamaSettings, SENTENCE_RANGES, _SENTENCES),
        uses=_ORTHOLOGY | {"phrases", "spatial"}, check=CellamaSettings.read,
    ),
    AnnotationMethod(
        "protein", "cells as weighted means of their genes' protein embeddings; needs no orthology", "", _protein,
        (
            *_VOTES,
            Parameter("top", 100, "genes of a cell that count, by their expression; 0 for all",
                      allowed=Bounds(0, 1_000_000)),
            Parameter("centre", default=True, summary="take off the mean over each side's cells"),
            Parameter("housekeeping", default=False, summary="count ribosomal and mitochondrial genes too"),
        ),
        orthology=False, uses=frozenset({"vectors", "embedding", "numeric"}),
    ),
    AnnotationMethod(
        "consensus", "the label on which most of several methods agree", "", _consensus,
        (Parameter("methods", None, "which methods, separated by commas; by default all that can run", str),),
        orthology=False,
    ),
)  # fmt: skip


def method_named(name: str) -> AnnotationMethod:
    """Return a method by its name.

    Raises
    ------
    AnnotationError
        If there is no such method.

    Examples
    --------
    >>> method_named("KNN").parameters[0].name
    'k'
    """
    for method in METHODS:
        if method.name == name.lower():
            return method
    raise AnnotationError(f"there is no method {name!r}" + choices_hint(name, [one.name for one in METHODS]))


def members(parameters: Mapping[str, Any]) -> list[AnnotationMethod]:
    """Return the methods of a consensus: those that its parameter ``methods`` names, or all.

    Raises
    ------
    AnnotationError
        If there is no such method, or it is consensus itself.

    Examples
    --------
    >>> [one.name for one in members({"methods": "knn, protein"})]
    ['knn', 'protein']
    """
    asked = str(parameters.get("methods") or "")
    names = dict.fromkeys(name.strip().lower() for name in asked.split(",") if name.strip())
    chosen = [method_named(name) for name in names]
    if any(one.name == "consensus" for one in chosen):
        raise AnnotationError(f"a consensus is of other methods than itself; methods is {asked!r}")
    return chosen or [one for one in METHODS if one.name != "consensus"]


def used_by(method: AnnotationMethod, parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return what a method uses of what is not for every method; a consensus, that votes, uses what its methods use."""
    if method.name != "consensus":
        return method.uses
    return frozenset(name for one in members(parameters) for name in one.uses) - {"numeric"}


def consensus(task: AnnotationTask) -> Labelled:
    """Label each cell as most methods do.

    Parameters
    ----------
    task
        Its parameter ``methods`` names the methods, separated by commas; by default all that can run. A parameter
        of one of them has its name before it: ``knn.k``.

    Returns
    -------
    Labelled
        Where methods are even, the label of the higher summed confidence. The confidence is the share of methods that
        agree, of those that label the cell; the distance is the mean, over methods, of the share of the query's cells
        that lie nearer to the reference. ``told`` says which methods ran and why others did not; a table has each
        one's label per cell.

    Raises
    ------
    AnnotationError
        If a named method does not exist or is consensus itself, or fewer than two can run.
    """
    import polars as pl

    found, failed = _run(task)
    if len(found) < 2:
        why = "; ".join(f"{name}: {text}" for name, text in failed.items())
        raise AnnotationError(f"a consensus needs two methods, and {len(found)} could run ({why})")
    cells, labels = task.query.n_cells, len(task.labels)
    votes, sureness = np.zeros((cells, labels)), np.zeros((cells, labels))
    distances = []
    for one in found.values():
        there = np.flatnonzero(one.label >= 0)
        votes[there, one.label[there]] += 1
        sureness[there, one.label[there]] += np.nan_to_num(one.confidence[there])
        distances.append(_share_nearer(one.distance))
    cast = votes.sum(axis=1)
    # votes first; sums of confidences, which lie below the number of methods, only part even ones
    best = (votes + sureness / (2 * len(found) + 1)).argmax(axis=1)
    label = np.where(cast > 0, best, -1)
    agree = np.divide(votes[np.arange(cells), best], cast, out=np.full(cells, np.nan), where=cast > 0)
    names = np.array([*task.labels, None], object)
    table = pl.DataFrame({"cell": list(task.query.cells)}).with_columns(
        pl.Series(name, names[one.label], dtype=pl.String) for name, one in found.items()
    )
    told = {"methods": list(found), "not_run": [f"{name}: {why}" for name, why in failed.items()]}
    return Labelled(label.astype(np.int64), agree, _mean(distances), told, {"labels by method": table})


def _run(task: AnnotationTask) -> tuple[dict[str, Labelled], dict[str, str]]:
    """Run the methods, and return why those that were not named could not be run."""
    named = bool(task.parameters.get("methods"))
    found: dict[str, Labelled] = {}
    failed: dict[str, str] = {}
    for method in members(task.parameters):
        own = {
            name.removeprefix(f"{method.name}."): value
            for name, value in task.parameters.items()
            if name.startswith(f"{method.name}.")
        }
        if method.orthology and not len(task.best.query):
            failed[method.name] = "the two sides have no orthologous genes in this release"
            continue
        task.report(f"method {method.name}")
        try:
            found[method.name] = method.run(replace(task, parameters=parse_parameters(method, own)))
        except HomodbError as error:
            if named:
                raise
            failed[method.name] = str(error)
    return found, failed


def _share_nearer(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each cell the share of cells that lie nearer; NaN where the distance is not known."""
    share = np.full(len(distance), np.nan)
    known = np.flatnonzero(np.isfinite(distance))
    ordered = np.sort(distance[known])
    share[known] = np.searchsorted(ordered, distance[known]) / max(len(known), 1)
    return share


def _mean(shares: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    stacked = np.stack(shares)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    times = known.sum(axis=0)
    mean: npt.NDArray[np.float64] = np.where(times > 0, total / np.maximum(times, 1), np.nan)
    return mean


def parse_parameters(method: AnnotationMethod, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a method, with what was given in place of the defaults.

    Parameters
    ----------
    method
        Which.
    given
        Values, or texts, by name. Consensus also takes those of its methods: ``knn.k``.

    Raises
    ------
    AnnotationError
        If the method has no such parameter, or a value is none of its type, its words or its range.

    Examples
    --------
    >>> parse_parameters(method_named("knn"), {"k": "5"})["k"]
    5
    """
    known = {one.name: one for one in method.parameters}
    read = {name: one.default for name, one in known.items()}
    of_members: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        owner, dot, own = name.partition(".")
        if method.name == "consensus" and dot:
            of_members.setdefault(method_named(owner).name, {})[own] = value
        elif name not in known:
            there = ", ".join(known) or "none"
            raise AnnotationError(
                f"method {method.name} has no parameter {name!r}; it has {there}{_owners(name, known)}"
            )
        else:
            read[name] = known[name].read(value)
    chosen = [one.name for one in members(read)] if method.name == "consensus" else []
    for owner, values in of_members.items():
        if owner not in chosen:
            raise AnnotationError(f"{owner}.{next(iter(values))} is for {owner}, and methods is {read['methods']!r}")
        of_member = parse_parameters(method_named(owner), values)
        read |= {f"{owner}.{own}": of_member[own] for own in values}
    if method.check is not None:
        method.check(read)
    return read


def split_parameters(texts: list[str]) -> dict[str, str]:
    """Read parameters that were written as ``name=value``.

    Raises
    ------
    AnnotationError
        If one is not of this form.

    Examples
    --------
    >>> split_parameters(["k=5", "scale=each"])
    {'k': '5', 'scale': 'each'}
    """
    read = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise AnnotationError(f"--set {text}: wanted NAME=VALUE, such as k=5")
        read[name.strip()] = value.strip()
    return read


def _owners(name: str, known: Mapping[str, Parameter]) -> str:
    """Return what a message says of a parameter that another method has, or that is misspelt."""
    others = [one.name for one in METHODS if name in [own.name for own in one.parameters]]
    if not others:
        return did_you_mean(name, known)
    return f"; {' and '.join(others)} {'has' if len(others) == 1 else 'have'} {name}"
