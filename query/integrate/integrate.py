"""``homodb.integrate``: a joint AnnData in, the same with an embedding in which its species meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from homodb.query.cells import (
    ObsColumns,
    atomic_output,
    check_cells_output,
    in_memory,
    read_anndata,
    store,
    validate_key_added,
)
from homodb.query.integrate.counts import read_joint
from homodb.query.integrate.methods import Integrated, IntegrationMethod, method_named
from homodb.query.integrate.neighbors import shared_neighbors
from homodb.query.integrate.prepare import IntegrationInput, prepare
from homodb.query.integrate.settings import IntegrateChoices, IntegrateSettings
from homodb.schema.errors import IntegrationError

if TYPE_CHECKING:
    import anndata

    from homodb.query.release import ReleaseFile

#: Entry of uns that tells of every integration by its key.
UNS = "homodb_integration"


def integrate(
    adata: anndata.AnnData,
    *,
    method: str = "cca",
    species_key: str = "species",
    species: Sequence[str] | None = None,
    label: str | None = None,
    layer: str | None = None,
    size_factors: str = "shared",
    umap: bool = False,
    key: str | None = None,
    release: str | Path | ReleaseFile | None = None,
    **choices: Unpack[IntegrateChoices],
) -> anndata.AnnData:
    """Integrate the species of a joint AnnData.

    Parameters
    ----------
    adata
        Cells of several species x joint features, with raw counts. It is not changed.
    method
        ``none`` (principal components, the baseline), ``cca`` (as Seurat does it), ``harmony``, ``scvi``, ``protein``
        or ``cellama``.
    species_key
        Column of obs that tells the species.
    species
        The species that must be there, neither fewer nor more; by default those that are.
    label
        Column of obs with cell types. It does not enter the integration: it is checked and noted for scoring.
    layer
        Layer that holds the counts; by default X.
    size_factors
        ``shared``: a cell is normalised by its total over the joint features; ``full``: by its total over all genes of
        its species, which ``homodb join`` leaves in ``obs["homodb_total"]``.
    umap
        Also lay the cells out on a plane, for looking only.
    key
        What results are called; by default the method's name (``pca`` for ``none``).
    release
        For ``protein``: the release whose vectors of genes are used, open or what :func:`homodb.open` takes.
    **choices
        See :class:`homodb.query.integrate.settings.IntegrateSettings`.

    Returns
    -------
    anndata.AnnData
        A copy with, for a key of ``cca``: ``obsm["X_cca"]``, the embedding; ``uns["cca_neighbors"]``,
        ``obsp["cca_neighbors_distances"]`` and ``obsp["cca_neighbors_connectivities"]``, neighbours and the graph of
        shared ones as scanpy keeps them; ``obs["cca_cluster"]``; ``obsm["X_cca_umap"]`` where asked; and
        ``uns["homodb_integration"]["cca"]``, what was done. Nothing else is touched.

    Raises
    ------
    IntegrationError
        If a species, column, layer, method or setting is missing or wrong, a species has too few cells, or
        the species share no genes.
    CountsError
        If the values are not counts.
    MissingPackageError
        If a package is missing that the method needs.

    Examples
    --------
    >>> import homodb
    >>> joined = homodb.integrate(cells, method="cca", k_weight=50)  # doctest: +SKIP
    """
    held = in_memory(adata)
    copied = held.copy() if held is adata else held
    add_integration(
        copied, method=method, species_key=species_key, species=species, label=label, layer=layer,
        size_factors=size_factors, umap=umap, key=key, release=release, **choices,
    )  # fmt: skip
    return copied


def add_integration(
    adata: anndata.AnnData,
    *,
    method: str,
    species_key: str = "species",
    species: Sequence[str] | None = None,
    label: str | None = None,
    layer: str | None = None,
    size_factors: str = "shared",
    umap: bool = False,
    key: str | None = None,
    release: str | Path | ReleaseFile | None = None,
    report: Callable[[str], None] = lambda step: None,
    **choices: Unpack[IntegrateChoices],
) -> dict[str, Any]:
    """Integrate in place, and return what was done; parameters are those of :func:`integrate`.

    Parameters
    ----------
    report
        Called with the name of each step as it begins.
    """
    chosen, settings = read_choices(method, choices)
    validate_key_added(key, IntegrationError)
    if label is not None:
        ObsColumns(adata.obs, IntegrationError).column(label, "cell types", option="label_key")
    report("reading counts")
    joint = read_joint(
        adata, settings, species_key=species_key, species=species, layer=layer, size_factors=size_factors
    )
    report("variable features and components")
    prepared = replace(prepare(joint, settings), release=release)
    return add_prepared(
        adata, prepared, chosen, settings, species_key=species_key, label=label, layer=layer,
        size_factors=size_factors, umap=umap, key=key, report=report,
    )  # fmt: skip


def read_choices(method: str, choices: IntegrateChoices) -> tuple[IntegrationMethod, IntegrateSettings]:
    """Check what was chosen, before anything is read.

    Raises
    ------
    IntegrationError
        If there is no such method, or a setting will not do.
    """
    unknown = set(choices) - set(IntegrateChoices.__annotations__)
    if unknown:
        raise TypeError(f"integrate() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    chosen, settings = method_named(method), IntegrateSettings(**choices)
    if "model" in choices and "model" not in chosen.own:
        raise IntegrationError(f"method {chosen.name} uses no sentence model; leave model out, or choose cellama")
    return chosen, settings


def add_prepared(
    adata: anndata.AnnData, prepared: IntegrationInput, chosen: IntegrationMethod, settings: IntegrateSettings,
    *, species_key: str = "species", label: str | None = None, layer: str | None = None,
    size_factors: str = "shared", umap: bool = False,
    key: str | None = None, report: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:  # fmt: skip
    """Integrate in place what was prepared before, by one method; parameters are those of :func:`integrate`."""
    joint = prepared.joint
    report(chosen.summary)
    found = chosen.function(prepared, settings)
    told: dict[str, Any] = {
        "method": chosen.name, "key": key or chosen.key, "species_key": species_key,
        "label": label or "", "layer": layer or "X",
        "size_factors": size_factors, "cells": dict(zip(joint.species, np.bincount(joint.code).tolist(), strict=True)),
        "features": np.array([joint.features[one] for one in prepared.chosen], dtype=object),
        "settings": chosen.settings(settings), **found.told,
    }  # fmt: skip
    report("neighbours and clusters")
    told |= _write(adata, key or chosen.key, chosen, found, settings, umap=umap)
    adata.uns[UNS] = {**adata.uns.get(UNS, {}), key or chosen.key: told}
    return told


def _write(
    adata: anndata.AnnData,
    key: str,
    method: IntegrationMethod,
    found: Integrated,
    settings: IntegrateSettings,
    *,
    umap: bool,
) -> dict[str, Any]:
    """Put the results into the object once all of them are there."""
    import pandas as pd

    from homodb.query.integrate.clusters import Network
    from homodb.query.integrate.clusters import umap as lay_out

    used = found.embedding[:, : settings.dims]
    graph = shared_neighbors(used, k=settings.k_neighbors, prune=settings.prune)
    member = None
    if settings.clustering != "none":
        member = Network(graph.connectivities).clusters(
            algorithm=settings.clustering, resolution=settings.resolution, n_starts=settings.n_starts,
            seed=settings.seed,
        )  # fmt: skip
    plane = lay_out(used, seed=settings.seed) if umap else None
    near = f"{key}_neighbors"
    adata.obsm[f"X_{key}"] = found.embedding
    adata.obsp[f"{near}_distances"] = graph.distances
    adata.obsp[f"{near}_connectivities"] = graph.connectivities
    adata.uns[near] = {
        "connectivities_key": f"{near}_connectivities",
        "distances_key": f"{near}_distances",
        "params": {
            "n_neighbors": settings.k_neighbors, "method": "shared_neighbors", "metric": "euclidean",
            "use_rep": f"X_{key}", "n_pcs": used.shape[1], "random_state": settings.seed,
        },
    }  # fmt: skip
    if member is not None:
        adata.obs[f"{key}_cluster"] = pd.Categorical(member.astype(str), [str(one) for one in range(member.max() + 1)])
    if plane is not None:
        adata.obsm[f"X_{key}_umap"] = plane
    return {} if member is None else {"clusters": int(member.max()) + 1}


def integrate_files(
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    method: str = "cca",
    species: Sequence[str] | None = None,
    species_key: str = "species",
    strategy: str | None = None,
    release: str | Path | ReleaseFile | None = None,
    label: str | None = None,
    layer: str | None = None,
    size_factors: str = "shared",
    umap: bool = False,
    key: str | None = None,
    report: Callable[[str], None] = lambda step: None,
    **choices: Unpack[IntegrateChoices],
) -> dict[str, Any]:
    """Integrate one joint file, or files of several species, which are joined first.

    Parameters
    ----------
    paths
        Files of cells (h5ad or zarr): one joint object, or one for each species.
    output
        The file to write: the joint object with the results. It appears whole or not at all.
    species
        Of several files, the species of each; of a joint file, the species that must be there.
    strategy, release
        What several files are joined by; see :func:`homodb.join`. With a joint file only ``protein`` needs the release.
    method, species_key, label, layer, size_factors, umap, key, **choices
        See :func:`homodb.integrate`. With several files the layer is what is joined in place of X.
    report
        Called with the name of each step as it begins.

    Returns
    -------
    dict
        What was done, as ``uns["homodb_integration"]`` keeps it, and the numbers of cells and features.

    Raises
    ------
    IntegrationError
        If no file is named, or as :func:`homodb.integrate` raises it; settings are checked before anything is read.
    TranslationError
        If a file is not there, or is no AnnData.
    OutputError
        If the output is one of the files, or cannot be written.
    """
    files, target = [Path(path) for path in paths], Path(output)
    if not files:
        raise IntegrationError("no file is named; name one joint file, or one of each species")
    read_choices(method, choices)
    validate_key_added(key, IntegrationError)
    check_cells_output(target, *files)
    if len(files) == 1:
        if strategy is not None:
            raise IntegrationError(
                f"{files[0]} is one file, whose species are joined already; leave the strategy out (--strategy), or"
                " name a file of each species"
            )
        adata = read_anndata(files[0])
        wanted = None if species is None else list(species)
    else:
        from homodb.query.join import join

        report("joining")
        adata = join(files, species=species, strategy=strategy, release=release, layer=layer)
        species_key, wanted, layer = "species", None, None
    told = add_integration(
        adata, method=method, species_key=species_key, species=wanted, label=label, layer=layer,
        size_factors=size_factors, umap=umap, key=key, release=release, report=report, **choices,
    )  # fmt: skip
    report("writing")
    with atomic_output(target) as partial:
        store.write_whole(adata, partial)
    return {"n_cells": adata.n_obs, "n_joint_features": adata.n_vars, **told}
