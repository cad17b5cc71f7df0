"""List the methods of integration; a new method is a function and a line of the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.cca import cca
from homodb.query.integrate.linear import leading_directions
from homodb.query.integrate.prepare import Integrated, IntegrationInput
from homodb.query.integrate.protein_space import feature_vectors, weighted_means
from homodb.query.integrate.sentences import DEFAULT, embed_cells, load_model, sentences, top_words, with_phrases
from homodb.query.integrate.settings import IntegrateSettings
from homodb.query.release import use_release
from homodb.schema.errors import AnnotationError, IntegrationError, MissingPackageError, UnknownSpeciesError
from homodb.schema.messages import choices_hint
from homodb.schema.species import Species, find

#: Features of a sentence, as in ``homodb annotate --method cellama``.
_TOP_FEATURES = 20
#: Genes of a cell that count, as in ``homodb annotate --method protein``.
_TOP_GENES = 100


@dataclass(frozen=True)
class IntegrationMethod:
    """A method of integration."""

    name: str
    summary: str
    reference: str  # DOI of the publication
    key: str  # default name of its results
    function: Callable[[IntegrationInput, IntegrateSettings], Integrated]
    own: tuple[str, ...] = ()  # settings that only this method uses

    def settings(self, settings: IntegrateSettings) -> dict[str, Any]:
        """Return the settings that it uses, by name."""
        foreign = {name for method in METHODS if method is not self for name in method.own} - set(self.own)
        values = settings.model_dump() | {"model": settings.model or DEFAULT}
        return {name: value for name, value in values.items() if name not in foreign}


def _none(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    return Integrated(prepared.components.cells, {"variance": prepared.components.variance})


def _harmony(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    """Correct the principal components with harmonypy's defaults; species are the batches."""
    try:
        from harmonypy import run_harmony
    except ImportError as error:
        raise MissingPackageError.of("method harmony", "harmonypy", "integrate") from error
    from importlib.metadata import version

    import pandas as pd

    joint = prepared.joint
    species = pd.DataFrame({"species": np.array(joint.species)[joint.code]})
    cells = prepared.components.cells
    result = run_harmony(cells, species, ["species"], random_state=settings.random_state, verbose=False)
    corrected = np.asarray(result.Z_corr, np.float64)
    # older versions give components x cells
    corrected = corrected if corrected.shape == cells.shape else corrected.T
    return Integrated(np.ascontiguousarray(corrected), {"harmonypy": version("harmonypy")})


def _scvi(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    """Train scVI with its defaults and ``dims`` latent dimensions on the variable features; species are the batches."""
    try:
        import scvi
    except ImportError as error:
        raise MissingPackageError.of("method scvi", "scvi-tools", "integrate") from error
    import anndata
    import pandas as pd

    joint = prepared.joint
    scvi.settings.seed = settings.random_state
    counts = sp.csr_matrix(joint.counts[:, prepared.variable], dtype=np.float32)
    names = [f"cell{number}" for number in range(len(joint.code))]
    species = pd.DataFrame({"species": pd.Categorical(np.array(joint.species)[joint.code])}, index=names)
    cells = anndata.AnnData(counts, obs=species)
    scvi.model.SCVI.setup_anndata(cells, batch_key="species")
    model = scvi.model.SCVI(cells, n_latent=settings.dims)
    model.train(enable_progress_bar=False)
    latent = np.asarray(model.get_latent_representation(), np.float64)
    return Integrated(latent, {"scvi-tools": scvi.__version__})


def _cellama(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    """Embed the sentences of cells, without ribosomal and mitochondrial features; cells without counts become zeros."""
    joint = prepared.joint
    word_of = np.where(joint.housekeeping, -1, np.arange(len(joint.features))).astype(np.int64)
    texts = sentences(top_words(joint.counts, word_of, _TOP_FEATURES), joint.features)
    texts = with_phrases(texts, list(joint.phrases.values()))
    name = settings.model or DEFAULT
    try:
        model = load_model(name)
    except AnnotationError as error:
        raise IntegrationError(str(error), option="model") from error
    points, counted = embed_cells(model, texts)
    record = {"model": name, **counted, "words": int((word_of >= 0).sum()), "phrases": list(joint.phrases)}
    return Integrated(leading_directions(points.astype(np.float64), settings.n_components), record)


def _protein(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    """Place cells in protein space, centred by species, and keep the leading components.

    A feature has in each species the mean vector of its genes there; features without a vector do not count.
    """
    joint = prepared.joint
    if prepared.release is None:
        raise IntegrationError(
            "method protein needs vectors of genes; name the release that has them", option="release"
        )
    parts: list[npt.NDArray[np.float64]] = []
    record: dict[str, Any] = {}
    with use_release(prepared.release) as release:
        for number, name in enumerate(joint.species):
            columns, vectors = feature_vectors(release, _find_species(name), joint.genes.get(name))
            record[f"{name}_features_with_vectors"] = len(columns)
            counts = sp.csr_matrix(joint.counts[joint.rows(number)])
            parts.append(weighted_means(counts, columns, vectors, top=_TOP_GENES, centre=True))
    cells = np.empty((len(joint.code), parts[0].shape[1]))
    for number, own in enumerate(parts):
        cells[joint.rows(number)] = own
    return Integrated(leading_directions(cells, settings.n_components), record)


def _find_species(name: str) -> Species:
    try:
        return find(name)
    except UnknownSpeciesError as error:
        raise IntegrationError(f"{name!r} is not a species that homodb knows, so its genes have no vectors") from error


METHODS = (
    IntegrationMethod("none", "principal components as they are: the baseline", "", "pca", _none),
    IntegrationMethod(
        "cca", "canonical correlation and anchors, as Seurat does it", "10.1016/j.cell.2019.05.031", "cca", cca,
        ("k_anchor", "k_score", "k_weight", "sd_weight"),
    ),
    IntegrationMethod("harmony", "Harmony, by harmonypy", "10.1038/s41592-019-0619-0", "harmony", _harmony),
    IntegrationMethod("scvi", "scVI, by scvi-tools", "10.1038/s41592-018-0229-2", "scvi", _scvi),
    IntegrationMethod("protein", "cells as weighted means of their genes' protein embeddings", "", "protein", _protein),
    IntegrationMethod(
        "cellama", "cells as sentences, by a language model", "10.1002/advs.202513210", "cellama", _cellama,
        ("model",),
    ),
)  # fmt: skip


def method_named(name: str) -> IntegrationMethod:
    """Return a method by its name, or raise an IntegrationError.

    Examples
    --------
    >>> method_named("CCA").summary
    'canonical correlation and anchors, as Seurat does it'
    """
    for method in METHODS:
        if method.name == name.lower():
            return method
    hint = choices_hint(name, [method.name for method in METHODS])
    raise IntegrationError(f"there is no method {name!r}{hint}", option="method")
