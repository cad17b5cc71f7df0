"""The methods of integration, in one list; to add one, write its module and add its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.linear import leading_directions
from homodb.query.integrate.prepare import IntegrationInput
from homodb.query.integrate.sentence_models import DEFAULT
from homodb.query.integrate.settings import IntegrateSettings
from homodb.schema.errors import AnnotationError, IntegrationError, MissingPackageError, UnknownSpeciesError
from homodb.schema.messages import choices_hint
from homodb.schema.species import Species, find


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
class IntegrationMethod:
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
    function: Callable[[IntegrationInput, IntegrateSettings], Integrated]
    own: tuple[str, ...] = ()

    def settings(self, settings: IntegrateSettings) -> dict[str, Any]:
        """Return the settings that mean something to it, by name."""
        foreign = {name for method in METHODS if method is not self for name in method.own} - set(self.own)
        values = settings.model_dump() | {"model": settings.model or DEFAULT}
        return {name: value for name, value in values.items() if name not in foreign}


def _none(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    return Integrated(prepared.components.cells, {"variance": prepared.components.variance})


def _cca(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    from homodb.query.integrate.cca import cca

    return Integrated(*cca(prepared, settings))


def _harmony(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:

    return Integrated(*harmony(prepared, settings))


def _scvi(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:

    return Integrated(*scvi(prepared, settings))


def _protein(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:

    return Integrated(*proteins(prepared, settings))


def _cellama(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:

    return Integrated(*embedded_sentences(prepared, settings))


METHODS = (
    IntegrationMethod("none", "principal components as they are: the baseline", "", "pca", _none),
    IntegrationMethod(
        "cca", "canonical correlation and anchors, as Seurat does it", "10.1016/j.cell.2019.05.031", "cca", _cca,
        ("k_anchor", "k_score", "k_weight", "sd_weight"),
    ),
    IntegrationMethod("harmony", "Harmony, by harmonypy", "10.1038/s41592-019-0619-0", "harmony", _harmony),
    IntegrationMethod("scvi", "scVI, by scvi-tools", "10.1038/s41592-018-0229-2", "scvi", _scvi),
    IntegrationMethod("protein", "cells as weighted means of their genes' protein embeddings", "", "protein", _protein),
    IntegrationMethod(
        "cellama", "cells as sentences, by a language model", "10.1002/advs.202513210", "cellama", _cellama, ("model",),
    ),
)  # fmt: skip


def method_named(name: str) -> IntegrationMethod:
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
    raise IntegrationError(f"there is no method {name!r}" + choices_hint(name, [method.name for method in METHODS]))


def harmony(prepared: IntegrationInput, settings: IntegrateSettings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Correct the principal components with harmonypy's defaults, species being the batch.

    Returns
    -------
    tuple
        The corrected components, shape (cells, components), and harmonypy's version.

    Raises
    ------
    MissingPackageError
        If harmonypy is not installed.
    """
    try:
        from harmonypy import run_harmony
    except ImportError as error:
        raise MissingPackageError.of("method harmony", "harmonypy", "integrate") from error
    from importlib.metadata import version

    import pandas as pd

    joint = prepared.joint
    species = pd.DataFrame({"species": np.array(joint.species)[joint.code]})
    cells = prepared.components.cells
    found = run_harmony(cells, species, ["species"], random_state=settings.random_state, verbose=False)
    corrected = np.asarray(found.Z_corr, np.float64)
    # older versions give components x cells
    corrected = corrected if corrected.shape == cells.shape else corrected.T
    return np.ascontiguousarray(corrected), {"harmonypy": version("harmonypy")}


def scvi(prepared: IntegrationInput, settings: IntegrateSettings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Train scVI with the defaults of scvi-tools on the counts of the variable features, species being the batch.

    The latent space has ``dims`` dimensions.

    Returns
    -------
    tuple
        The latent space, shape (cells, dims), and the version of scvi-tools.

    Raises
    ------
    MissingPackageError
        If scvi-tools is not installed.
    """
    try:
        import scvi as tools
    except ImportError as error:
        raise MissingPackageError.of("method scvi", "scvi-tools", "integrate") from error
    import anndata
    import pandas as pd

    joint = prepared.joint
    tools.settings.seed = settings.random_state
    counts = sp.csr_matrix(joint.counts[:, prepared.chosen], dtype=np.float32)
    names = [f"cell{number}" for number in range(len(joint.code))]
    species = pd.DataFrame({"species": pd.Categorical(np.array(joint.species)[joint.code])}, index=names)
    cells = anndata.AnnData(counts, obs=species)
    tools.model.SCVI.setup_anndata(cells, batch_key="species")
    model = tools.model.SCVI(cells, n_latent=settings.dims)
    model.train(enable_progress_bar=False)
    return np.asarray(model.get_latent_representation(), np.float64), {"scvi-tools": tools.__version__}


#: Features of a sentence, as in ``homodb annotate --method cellama``.
_TOP = 20


def embedded_sentences(
    prepared: IntegrationInput, settings: IntegrateSettings
) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Embed the sentences of cells; features that ``homodb join`` marks as ribosomal or mitochondrial are no words.

    Returns
    -------
    tuple
        Shape (cells, at most `n_components`), turned so that most of the spread comes first; a row of zeros for a
        cell without counts. And what was read.

    Raises
    ------
    IntegrationError
        If the model cannot be had.
    MissingPackageError
        If sentence-transformers is not installed.
    """
    from homodb.query.integrate.sentence_models import distinct, embed, load_model
    from homodb.query.integrate.sentences import sentences, top_words

    joint = prepared.joint
    word_of = np.where(joint.housekeeping, -1, np.arange(len(joint.features))).astype(np.int64)
    texts = sentences(top_words(joint.counts, word_of, _TOP), joint.features)
    name = settings.model or DEFAULT
    try:
        model = load_model(name)
    except AnnotationError as error:
        raise IntegrationError(str(error)) from error
    found = distinct(texts)
    vectors = embed(model, found.sentences).astype(np.float64)
    points = np.concatenate([vectors, np.zeros((1, vectors.shape[1]))])[found.which]
    told = {"model": name, "distinct_sentences": len(found.sentences), "words": int((word_of >= 0).sum())}
    return leading_directions(points, settings.n_components), told


#: Genes of a cell that count, as in ``homodb annotate --method protein``.
_TOP_proteins = 100


def proteins(prepared: IntegrationInput, settings: IntegrateSettings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Lay cells out in protein space, each species about its own mean, and keep the leading components.

    A feature has in each species the mean vector of its genes there, which ``homodb join`` lists in var; features
    whose genes have no vector do not count. Only orthologous features are at hand here: ``homodb annotate --method
    protein`` uses all genes.

    Returns
    -------
    tuple
        The components, shape (cells, at most `n_components`), and how many features have vectors.

    Raises
    ------
    IntegrationError
        If the object does not tell the genes of its features, or no release is given.
    MissingEmbeddingError
        If the release has no vectors of a species.
    """
    from homodb.query.integrate.protein_space import weighted_means
    from homodb.query.release import use_release

    joint = prepared.joint
    if prepared.release is None:
        raise IntegrationError("method protein needs vectors of genes; name the release that has them (--release)")
    found: list[npt.NDArray[np.float64]] = []
    told: dict[str, Any] = {}
    with use_release(prepared.release) as release:
        for number, name in enumerate(joint.species):
            columns, vectors = _vectors(release, _species(name), joint.genes.get(name))
            told[f"{name}_features_with_vectors"] = len(columns)
            counts = sp.csr_matrix(joint.counts[joint.rows(number)])
            found.append(weighted_means(counts, columns, vectors, top=_TOP_proteins, centre=True))
    cells = np.empty((len(joint.code), found[0].shape[1]))
    for number, own in enumerate(found):
        cells[joint.rows(number)] = own
    return leading_directions(cells, settings.n_components), told


def _species(name: str) -> Species:
    try:
        return find(name)
    except UnknownSpeciesError as error:
        raise IntegrationError(f"{name!r} is no species that homodb knows, so its genes have no vectors") from error


def _vectors(
    release: Any, species: Species, genes: tuple[str, ...] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the features that have vectors in a species, and these."""
    from homodb.query.genes import resolve
    from homodb.query.release import checked_file, find_embedding
    from homodb.schema.vectors import read_vectors

    if genes is None:
        raise IntegrationError(
            f"var does not tell the genes of {species.common_name} (homodb_{species.name}_id, which homodb join"
            " leaves); method protein needs them"
        )
    chosen = find_embedding(release, None)
    known = read_vectors(checked_file(release, chosen.vectors(species)))
    split = [[one for one in text.split(";") if one] for text in genes]
    feature = np.repeat(np.arange(len(split)), [len(one) for one in split])
    keys = resolve(release, [one for row in split for one in row], species)["gene"].fill_null(-1).to_numpy()
    place = np.minimum(np.searchsorted(known.genes, keys), max(len(known.genes) - 1, 0))
    there = np.flatnonzero(known.genes[place] == keys) if len(known.genes) else np.empty(0, np.int64)
    columns, row = np.unique(feature[there], return_inverse=True)
    mean = sp.csr_matrix((np.ones(len(there)), (row, place[there])), (len(columns), len(known.genes)))
    times = np.asarray(mean.sum(axis=1))
    return columns.astype(np.int64), ((mean @ known.vectors.astype(np.float64)) / times).astype(np.float32)
