"""Method ``protein``: cells of a joint object as weighted means of their genes' protein embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.prepare import Prepared
from homodb.query.integrate.principal import leading_directions
from homodb.query.integrate.settings import Settings
from homodb.schema.errors import IntegrationError, UnknownSpeciesError
from homodb.schema.species import Species, find

#: Genes of a cell that count, as in ``homodb annotate --method protein``.
_TOP = 100


def proteins(prepared: Prepared, settings: Settings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
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
    from homodb.query.annotate.protein import weighted_means
    from homodb.query.release import Release, open_release

    joint = prepared.joint
    if prepared.release is None:
        raise IntegrationError("method protein needs vectors of genes; name the release that has them (--release)")
    found: list[npt.NDArray[np.float64]] = []
    told: dict[str, Any] = {}
    release = prepared.release if isinstance(prepared.release, Release) else open_release(prepared.release)
    try:
        for number, name in enumerate(joint.species):
            columns, vectors = _vectors(release, _species(name), joint.genes.get(name))
            told[f"{name}_features_with_vectors"] = len(columns)
            counts = sp.csr_matrix(joint.counts[joint.rows(number)])
            found.append(weighted_means(counts, columns, vectors, top=_TOP, centre=True))
    finally:
        if release is not prepared.release:
            release.close()
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
    from homodb.query.vector_files import checked_file, find_embedding
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
