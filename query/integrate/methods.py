"""The methods of integration, in one list; to add one, write its module and add its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.prepare import Prepared
from homodb.query.integrate.settings import Settings
from homodb.schema.errors import IntegrationError
from homodb.schema.near import there_are


@dataclass(frozen=True)
class Integrated:
    """What a method gives.

    Parameters
    ----------
    embedding
        Where the cells lie, shape (cells, dimensions), float64; rows as in the joint object.
    told
        What is worth keeping about how it was found.
    """

    embedding: npt.NDArray[np.float64]
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A method of integration.

    Parameters
    ----------
    name, summary, reference
        What it is called, what it does, and where it was published.
    key
        What its results are called.
    function
        Runs it.
    own
        Settings that mean something to it alone.
    """

    name: str
    summary: str
    reference: str
    key: str
    function: Callable[[Prepared, Settings], Integrated]
    own: tuple[str, ...] = ()

    def settings(self, settings: Settings) -> dict[str, Any]:
        """Return the settings that mean something to it, by name."""
        foreign = {name for method in METHODS if method is not self for name in method.own} - set(self.own)
        return {name: value for name, value in asdict(settings).items() if name not in foreign}


def _none(prepared: Prepared, settings: Settings) -> Integrated:
    return Integrated(prepared.components.cells, {"variance": prepared.components.variance})


def _cca(prepared: Prepared, settings: Settings) -> Integrated:
    from homodb.query.integrate.cca import cca

    return Integrated(*cca(prepared, settings))


def _harmony(prepared: Prepared, settings: Settings) -> Integrated:
    from homodb.query.integrate.harmony import harmony

    return Integrated(*harmony(prepared, settings))


def _scvi(prepared: Prepared, settings: Settings) -> Integrated:
    from homodb.query.integrate.scvi import scvi

    return Integrated(*scvi(prepared, settings))


def _protein(prepared: Prepared, settings: Settings) -> Integrated:
    from homodb.query.integrate.proteins import proteins

    return Integrated(*proteins(prepared, settings))


def _cellama(prepared: Prepared, settings: Settings) -> Integrated:
    from homodb.query.integrate.sentences import embedded_sentences

    return Integrated(*embedded_sentences(prepared, settings))


METHODS = (
    Method("none", "principal components as they are: the baseline", "", "pca", _none),
    Method(
        "cca", "canonical correlation and anchors, as Seurat does it", "10.1016/j.cell.2019.05.031", "cca", _cca,
        ("k_anchor", "k_score", "k_weight", "sd_weight"),
    ),
    Method("harmony", "Harmony, by harmonypy", "10.1038/s41592-019-0619-0", "harmony", _harmony),
    Method("scvi", "scVI, by scvi-tools", "10.1038/s41592-018-0229-2", "scvi", _scvi),
    Method("protein", "cells as weighted means of their genes' protein embeddings", "", "protein", _protein),
    Method(
        "cellama", "cells as sentences, by a language model", "10.1002/advs.202513210", "cellama", _cellama, ("model",),
    ),
)  # fmt: skip


def method_named(name: str) -> Method:
    """Return a method by its name.

    Raises
    ------
    IntegrationError
        If there is no such method.

    Examples
    --------
    >>> method_named("CCA").summary
    'canonical correlation and anchors, as Seurat does it'
    """
    for method in METHODS:
        if method.name == name.lower():
            return method
    raise IntegrationError(f"there is no method {name!r}" + there_are(name, [method.name for method in METHODS]))
