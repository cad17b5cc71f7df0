"""List the methods of annotation; to add one, write its module and add its line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.settings import (
    CellamaSettings,
    ConsensusSettings,
    KnnSettings,
    MethodSettings,
    ProteinSettings,
    TronSettings,
)
from homodb.query.annotate.task import AnnotationTask, Labelled
from homodb.query.integrate import unit_rows
from homodb.schema.errors import AnnotationError, HomodbError, MissingPackageError
from homodb.schema.messages import choices_hint, did_you_mean


@dataclass(frozen=True)
class AnnotationMethod:
    """A method of annotation.

    Parameters
    ----------
    name, summary, reference
        Its name, a summary, and its publication (a DOI or an address; may be empty).
    function
        Runs it.
    settings
        Class of its settings.
    orthology
        Whether it needs pairs of orthologous genes.
    uses
        Options that not every method uses and this one does: names of
        :class:`homodb.query.annotate.options.AnnotateOptions`.
    """

    name: str
    summary: str
    reference: str
    function: Callable[[AnnotationTask], Labelled]
    settings: type[MethodSettings]
    orthology: bool = True
    uses: frozenset[str] = frozenset()

    def run(self, task: AnnotationTask) -> Labelled:
        """Run it."""
        return self.function(task)


def _knn(task: AnnotationTask) -> Labelled:
    from homodb.query.annotate.knn import knn

    return knn(task)


def _protein(task: AnnotationTask) -> Labelled:
    from homodb.query.annotate.knn import protein

    return protein(task)


def _tron(task: AnnotationTask) -> Labelled:
    if importlib.util.find_spec("torch") is None:
        raise MissingPackageError.of("method tron", "torch", "annotate")
    from homodb.query.annotate.tron.method import tron

    return tron(task)


def _cellama(task: AnnotationTask) -> Labelled:
    from homodb.query.annotate.cellama import cellama

    return cellama(task)


_ORTHOLOGY = frozenset({"strategy", "evidence"})

METHODS = (
    AnnotationMethod(
        "knn", "cosine nearest neighbours among translated principal components, or in an integration: the baseline",
        "", _knn, KnnSettings, uses=_ORTHOLOGY | {"numeric"},
    ),
    AnnotationMethod(
        "tron", "a network of the reference's species behind a layer that orthology masks", "arXiv (TRON)", _tron,
        TronSettings, uses=_ORTHOLOGY | {"query_label_key", "numeric"},
    ),
    AnnotationMethod(
        "cellama", "cells as sentences of their strongest genes, embedded by a language model",
        "10.1002/advs.202513210", _cellama, CellamaSettings, uses=_ORTHOLOGY | {"phrases", "spatial_key"},
    ),
    AnnotationMethod(
        "protein", "cells as weighted means of their genes' protein embeddings; needs no orthology", "", _protein,
        ProteinSettings, orthology=False, uses=frozenset({"vectors", "embedding", "numeric"}),
    ),
    AnnotationMethod(
        "consensus", "the label on which most of several methods agree", "", lambda task: consensus(task),
        ConsensusSettings, orthology=False,
    ),
)  # fmt: skip


def default_of(parameter: str) -> Any:
    """Return the default of a parameter; None if methods differ in it, or none has it.

    Examples
    --------
    >>> default_of("k"), default_of("top")
    (5, None)
    """
    fields = [one.settings.model_fields for one in METHODS]
    defaults = [own[parameter].default for own in fields if parameter in own]
    return defaults[0] if defaults and all(one == defaults[0] for one in defaults) else None


def method_named(name: str) -> AnnotationMethod:
    """Return a method by its name.

    Raises
    ------
    AnnotationError
        If there is no such method.

    Examples
    --------
    >>> method_named("KNN").name
    'knn'
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
    text = str(parameters.get("methods") or "")
    names = dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip())
    methods = [method_named(name) for name in names]
    if any(one.name == "consensus" for one in methods):
        raise AnnotationError(f"a consensus is of other methods than itself; methods is {text!r}")
    return methods or [one for one in METHODS if one.name != "consensus"]


def used_by(method: AnnotationMethod, parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return the options that a method uses and others do not; a consensus, which votes, uses those of its methods."""
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
        that lie nearer to the reference. The details name the methods that ran, and why others did not; a table has
        each one's label per cell. The embeddings stand side by side, each scaled so that the cosine is their mean.

    Raises
    ------
    AnnotationError
        If a named method does not exist or is consensus itself, or fewer than two can run.
    """
    import polars as pl

    results, failures = _run(task)
    if len(results) < 2:
        reasons = "; ".join(f"{name}: {text}" for name, text in failures.items())
        raise AnnotationError(f"a consensus needs two methods, and {len(results)} could run ({reasons})")
    cells, labels = task.query.n_cells, len(task.labels)
    votes, confidence = np.zeros((cells, labels)), np.zeros((cells, labels))
    for one in results.values():
        rows = np.flatnonzero(one.label >= 0)
        votes[rows, one.label[rows]] += 1
        confidence[rows, one.label[rows]] += np.nan_to_num(one.confidence[rows])
    cast = votes.sum(axis=1)
    # votes first; sums of confidences, which lie below the number of methods, only part even ones
    best = (votes + confidence / (2 * len(results) + 1)).argmax(axis=1)
    label = np.where(cast > 0, best, -1)
    agree = np.divide(votes[np.arange(cells), best], cast, out=np.full(cells, np.nan), where=cast > 0)
    names = np.array([*task.labels, None], object)
    table = pl.DataFrame({"cell": list(task.query.cells)}).with_columns(
        pl.Series(name, names[one.label], dtype=pl.String) for name, one in results.items()
    )
    details = {"methods": list(results), "not_run": [f"{name}: {reason}" for name, reason in failures.items()]}
    nearer = np.stack([_share_nearer(one.distance) for one in results.values()])
    n_known = np.isfinite(nearer).sum(axis=0)
    distance = np.where(n_known > 0, np.nansum(nearer, axis=0) / np.maximum(n_known, 1), np.nan)
    return Labelled(
        label.astype(np.int64), agree, distance, details, {"labels by method": table},
        query_embedding=_side_by_side([one.query_embedding for one in results.values()]),
    )  # fmt: skip


def _side_by_side(spaces: list[npt.NDArray[np.float32] | None]) -> npt.NDArray[np.float32] | None:
    parts = [unit_rows(one.astype(np.float64)) for one in spaces if one is not None]
    return (np.hstack(parts) / np.sqrt(len(parts))).astype(np.float32) if parts else None


def _run(task: AnnotationTask) -> tuple[dict[str, Labelled], dict[str, str]]:
    """Run the methods; methods that were not named may fail, and the reasons are returned."""
    results: dict[str, Labelled] = {}
    failures: dict[str, str] = {}
    for method in members(task.parameters):
        prefix = f"{method.name}."
        own = {name.removeprefix(prefix): value for name, value in task.parameters.items() if name.startswith(prefix)}
        if method.orthology and not len(task.best.query):
            failures[method.name] = "the two sides have no orthologous genes in this release"
            continue
        task.progress(f"method {method.name}")
        try:
            results[method.name] = method.run(replace(task, parameters=parse_parameters(method, own)))
        except HomodbError as error:
            if task.parameters.get("methods"):
                raise
            failures[method.name] = str(error)
    return results, failures


def _share_nearer(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each cell the share of cells that lie nearer; NaN for an unknown distance."""
    share = np.full(len(distance), np.nan)
    rows = np.flatnonzero(np.isfinite(distance))
    ordered = np.sort(distance[rows])
    share[rows] = np.searchsorted(ordered, distance[rows]) / max(len(rows), 1)
    return share


def parse_parameters(method: AnnotationMethod, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a method, defaults included.

    Parameters
    ----------
    method
        The method.
    given
        Values, or texts, by name. Consensus also takes those of its methods: ``knn.k``.

    Raises
    ------
    AnnotationError
        If the method has no such parameter, or a value is invalid.

    Examples
    --------
    >>> parse_parameters(method_named("knn"), {"k": "5"})["k"]
    5
    """
    own = {name: value for name, value in given.items() if method.name != "consensus" or "." not in name}
    for name in own:
        if name not in method.settings.model_fields:
            names = ", ".join(method.settings.model_fields) or "none"
            raise AnnotationError(
                f"method {method.name} has no parameter {name!r}; it has {names}{_owners(name, method)}"
            )
    parsed = method.settings(**own).model_dump()
    of_members: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        owner, _, parameter = name.partition(".")
        if name not in own:
            of_members.setdefault(method_named(owner).name, {})[parameter] = value
    methods = [one.name for one in members(parsed)] if method.name == "consensus" else []
    for owner, values in of_members.items():
        if owner not in methods:
            raise AnnotationError(f"{owner}.{next(iter(values))} is for {owner}, and methods is {parsed['methods']!r}")
        of_member = parse_parameters(method_named(owner), values)
        parsed |= {f"{owner}.{name}": of_member[name] for name in values}
    return parsed


def split_parameters(texts: list[str]) -> dict[str, str]:
    """Parse parameters written as ``name=value``.

    Raises
    ------
    AnnotationError
        If one is not of this form.

    Examples
    --------
    >>> split_parameters(["k=5", "scale=each"])
    {'k': '5', 'scale': 'each'}
    """
    parsed = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise AnnotationError(f"Expected NAME=VALUE, such as k=5, got {text!r}", option="set")
        parsed[name.strip()] = value.strip()
    return parsed


def _owners(name: str, method: AnnotationMethod) -> str:
    """Return the hint about a parameter that other methods have, or that is misspelt."""
    others = [one.name for one in METHODS if name in one.settings.model_fields]
    if not others:
        return did_you_mean(name, method.settings.model_fields)
    return f"; {' and '.join(others)} {'has' if len(others) == 1 else 'have'} {name}"
