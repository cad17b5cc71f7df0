"""The methods of annotation, in one list; to add one, write its module and add its line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from homodb.query.annotate.cellama.settings import RANGES as SENTENCE_RANGES
from homodb.query.annotate.cellama.settings import Settings
from homodb.query.annotate.neighbors import NEIGHBORS, WEIGHTS
from homodb.query.annotate.parameter import Parameter, fields_of
from homodb.query.annotate.space import SCALES
from homodb.query.annotate.task import Labelled, Task
from homodb.query.annotate.tron.parameters import RANGES as NETWORK_RANGES
from homodb.query.annotate.tron.parameters import TronParameters
from homodb.query.ranges import Range
from homodb.schema.errors import AnnotationError, MissingPackageError
from homodb.schema.near import there_are


@dataclass(frozen=True)
class Method:
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
    function: Callable[[Task], Labelled]
    parameters: tuple[Parameter, ...]
    orthology: bool = True
    uses: frozenset[str] = frozenset()
    check: Callable[[Mapping[str, Any]], object] | None = None

    def run(self, task: Task) -> Labelled:
        """Run it."""
        return self.function(task)


def _knn(task: Task) -> Labelled:
    from homodb.query.annotate.knn import knn

    return knn(task)


def _protein(task: Task) -> Labelled:
    from homodb.query.annotate.protein import protein

    return protein(task)


def _tron(task: Task) -> Labelled:
    if importlib.util.find_spec("torch") is None:
        raise MissingPackageError.of("method tron", "torch", "annotate")
    from homodb.query.annotate.tron.method import tron

    return tron(task)


def _cellama(task: Task) -> Labelled:
    from homodb.query.annotate.cellama.method import cellama

    return cellama(task)


def _consensus(task: Task) -> Labelled:
    from homodb.query.annotate.consensus import consensus

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
    Method(
        "knn", "cosine nearest neighbours among translated principal components, or in an integration: the baseline",
        "", _knn,
        (
            *_VOTES,
            Parameter("features", 2000, "shared genes to use, by their variance over the reference",
                      allowed=Range(2, 1_000_000)),
            Parameter("dims", 30, "principal components, or dimensions of the integration", allowed=Range(1, 1_000)),
            Parameter("scale", "none", "none, centre, each (side by its own cells) or reference (both by its cells)",
                      words=SCALES),
            Parameter("integration", "none", "none, cca, harmony or scvi", words=("none", "cca", "harmony", "scvi")),
        ),
        uses=_ORTHOLOGY | {"numeric"},
    ),
    Method(
        "tron", "a network of the reference's species behind a layer that orthology masks", "arXiv (TRON)", _tron,
        fields_of(TronParameters, NETWORK_RANGES), uses=_ORTHOLOGY | {"query_label", "numeric"},
        check=TronParameters.read,
    ),
    Method(
        "cellama", "cells as sentences of their strongest genes, embedded by a language model",
        "10.1002/advs.202513210", _cellama, fields_of(Settings, SENTENCE_RANGES, _SENTENCES),
        uses=_ORTHOLOGY | {"phrases", "spatial"}, check=Settings.read,
    ),
    Method(
        "protein", "cells as weighted means of their genes' protein embeddings; needs no orthology", "", _protein,
        (
            *_VOTES,
            Parameter("top", 100, "genes of a cell that count, by their expression; 0 for all",
                      allowed=Range(0, 1_000_000)),
            Parameter("centre", default=True, summary="take off the mean over each side's cells"),
            Parameter("housekeeping", default=False, summary="count ribosomal and mitochondrial genes too"),
        ),
        orthology=False, uses=frozenset({"vectors", "embedding", "numeric"}),
    ),
    Method(
        "consensus", "the label on which most of several methods agree", "", _consensus,
        (Parameter("methods", None, "which methods, separated by commas; by default all that can run", str),),
        orthology=False,
    ),
)  # fmt: skip


def method_named(name: str) -> Method:
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
    raise AnnotationError(f"there is no method {name!r}" + there_are(name, [one.name for one in METHODS]))


def members(parameters: Mapping[str, Any]) -> list[Method]:
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


def used_by(method: Method, parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return what a method uses of what is not for every method; a consensus, that votes, uses what its methods use."""
    if method.name != "consensus":
        return method.uses
    return frozenset(name for one in members(parameters) for name in one.uses) - {"numeric"}
