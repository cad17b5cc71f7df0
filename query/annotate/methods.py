"""The methods of annotation, in one list; to add one, write its module and add its line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from homodb.query.annotate.cellama.settings import Settings
from homodb.query.annotate.parameter import Parameter, fields_of
from homodb.query.annotate.task import Labelled, Task
from homodb.query.annotate.tron.parameters import TronParameters
from homodb.schema.errors import AnnotationError, MissingPackageError
from homodb.schema.near import did_you_mean


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
    """

    name: str
    summary: str
    reference: str
    function: Callable[[Task], Labelled]
    parameters: tuple[Parameter, ...]
    orthology: bool = True

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
    Parameter("k", 5, "neighbours that vote"),
    Parameter("weights", "distance", "distance (near ones weigh more) or uniform"),
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

METHODS = (
    Method(
        "knn", "cosine nearest neighbours among translated principal components, or in an integration: the baseline",
        "", _knn,
        (
            *_VOTES,
            Parameter("features", 2000, "shared genes to use, by their variance over the reference"),
            Parameter("dims", 30, "principal components, or dimensions of the integration"),
            Parameter("scale", "none", "none, centre, each (side by its own cells) or reference (both by its cells)"),
            Parameter("integration", "none", "none, cca, harmony or scvi"),
        ),
    ),
    Method(
        "tron", "a network of the reference's species behind a layer that orthology masks", "arXiv (TRON)", _tron,
        fields_of(TronParameters),
    ),
    Method(
        "cellama", "cells as sentences of their strongest genes, embedded by a language model",
        "10.1002/advs.202513210", _cellama, fields_of(Settings, _SENTENCES),
    ),
    Method(
        "protein", "cells as weighted means of their genes' protein embeddings; needs no orthology", "", _protein,
        (
            *_VOTES,
            Parameter("top", 100, "genes of a cell that count, by their expression; 0 for all"),
            Parameter("centre", default=True, summary="take off the mean over each side's cells"),
            Parameter("housekeeping", default=False, summary="count ribosomal and mitochondrial genes too"),
        ),
        orthology=False,
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
    names = [one.name for one in METHODS]
    raise AnnotationError(f"there is no method {name!r}; there are {', '.join(names)}{did_you_mean(name, names)}")


def read_parameters(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
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
        If the method has no such parameter, or a value is none of its type.

    Examples
    --------
    >>> read_parameters(method_named("knn"), {"k": "5"})["k"]
    5
    """
    known = {one.name: one for one in method.parameters}
    read = {name: one.default for name, one in known.items()}
    for name, value in given.items():
        owner, dot, own = name.partition(".")
        if method.name == "consensus" and dot:
            member = method_named(owner)
            read[name] = read_parameters(member, {own: value})[own]
        elif name not in known:
            there = ", ".join(known) or "none"
            raise AnnotationError(
                f"method {method.name} has no parameter {name!r}; it has {there}{did_you_mean(name, known)}"
            )
        else:
            read[name] = known[name].read(value)
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
