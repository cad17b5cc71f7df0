"""Integrate the species of a joint AnnData, in memory or from file to file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from homodb.query.cells import (
    SPATIAL,
    Cells,
    ObsColumns,
    SeveralCells,
    atomic_output,
    check_cells_output,
    load_cells,
    open_anndata,
    read_anndata,
    read_coordinates,
    read_element,
    several_cells,
    shared_values,
    store,
    undoing_logarithms,
    validate_key_added,
)
from homodb.query.integrate.methods import IntegrationMethod, method_named
from homodb.query.integrate.neighbors import Network, shared_neighbors
from homodb.query.integrate.prepare import IntegrationInput, prepare, read_joint
from homodb.query.integrate.settings import IntegrateSettings, SentenceColumns
from homodb.query.settings import log, progress_bar
from homodb.schema.enums import Strategy
from homodb.schema.errors import IntegrationError
from homodb.schema.messages import counted
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

    from homodb.query.release import ReleaseFile

#: Entry of uns that describes each integration by its key.
UNS = "homodb_integration"


def integrate(
    adata: Cells | SeveralCells, *, method: str = "cca", species_key: str = "species",
    species: Sequence[str | int | Species | None] | None = None, label_key: str | None = None,
    layer: str | Sequence[str | None] | None = None, size_factors: str = "shared", umap: bool = False,
    key_added: str | None = None, strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None, shared_types: str | None = None,
    expm1: bool = False, force: bool = False, progress: Callable[[str], None] | bool | None = None,
    n_features: int = 2000, span: float = 0.3, scale_factor: float = 1e4, scale_max: float = 10.0,
    n_components: int = 50, dims: int = 30, k_anchor: int = 5, k_score: int = 30, k_weight: int = 100,
    sd_weight: float = 1.0, k_neighbors: int = 20, prune: float = 1 / 15, clustering: str = "louvain",
    resolution: float = 0.8, n_starts: int = 10, random_state: int = 42, model: str | None = None,
    phrases: Sequence[str] = (), niche_key: str | None = None, spatial: int = 5, spatial_key: str | None = None,
    donor_key: str | None = None,
) -> anndata.AnnData:  # fmt: skip
    """Integrate the species of a joint AnnData, or of one AnnData each.

    Defaults are those of Seurat, whose name for a parameter stands in brackets.

    Parameters
    ----------
    adata
        Cells of several species x joint features, with raw counts; or several objects, such as one of each species,
        which :func:`homodb.join` joins first: a list, or a mapping from species to objects. Objects are AnnDatas, which
        are not changed, or paths of h5ad files or zarr stores.
    method
        ``none`` (principal components, the baseline), ``cca`` (as in Seurat), ``harmony``, ``scvi``, ``protein`` or
        ``cellama``.
    species_key
        Column of obs with the species.
    species
        Species of each of several objects, by default inferred from the names of genes; of a joint object, the exact
        set of species that the column must contain (None accepts any).
    label_key
        Column of obs with cell types. The integration does not use it; it is checked and recorded for scoring.
    layer
        Layer with the counts, or ``raw``: one for all objects, or one for each; None for X.
    size_factors
        ``shared``: cells are normalised by their total over the joint features; ``full``: by their total over all genes
        of their species, which ``homodb join`` writes to ``obs["homodb_total"]``.
    umap
        Whether to add a UMAP, for plots only.
    key_added
        Name of the results; by default the name of the method (``pca`` for ``none``).
    strategy
        Strategy that joins several objects; see :func:`homodb.join`.
    release
        Release that joins several objects, and has gene vectors for ``protein``: open, or an argument of
        :func:`homodb.open`.
    shared_types
        Column of obs with cell types: cells of types that not all species have are dropped first, as the reference of
        the profile ``pllm`` does. None keeps all cells.
    expm1
        Whether to recover counts from logarithms of normalized counts, by the size factor that makes the values of a
        cell whole; otherwise logarithms are refused where counts are needed.
    force
        Whether to go on where less than 5 % of the names are known, or of the counts carried; below a half, a warning
        says the likely reason.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the name of each
        step.
    n_features
        Number of variable features of each species, and of their consensus (``nfeatures``).
    span
        Share of the features in each neighbourhood of loess (``loess.span``).
    scale_factor
        Total counts of a cell after normalisation (``scale.factor``).
    scale_max
        Largest scaled value (``scale.max``).
    n_components
        Number of principal components (``npcs``).
    dims
        Number of canonical vectors, and of the dimensions in which neighbours are searched (``dims = 1:30``).
    k_anchor
        Number of neighbours among which two cells must be mutually to be an anchor (``k.anchor``).
    k_score
        Number of neighbours that are compared to score an anchor (``k.score``).
    k_weight
        Number of anchors that correct a cell (``k.weight``); fewer if two species have fewer.
    sd_weight
        Width of the kernel that weights anchors (``sd.weight``).
    k_neighbors
        Number of neighbours of a cell, including itself (``k.param``).
    prune
        Least share of common neighbours for an edge of the graph (``prune.SNN``).
    clustering
        ``louvain`` (``algorithm = 1``), ``leiden`` (``algorithm = 4``) or ``none``.
    resolution
        Resolution of the clustering (``resolution``).
    n_starts
        Number of random starts, of which the one with the best modularity is kept (``n.start``).
    random_state
        Seed of all random numbers (``seed.use``).
    model
        Sentence model of ``cellama``: a folder or a name; by default all-MiniLM-L12-v2.
    phrases
        Keys in obs that sentences name (``cellama``), such as a tissue.
    niche_key, spatial
        Key in obs of the cell types that sentences name for the nearest cells on the tissue (``cellama``; None: they
        name none), and number of these. Cells of another species are never near.
    spatial_key, donor_key
        Key in obsm of the coordinates (by default ``spatial``), and key in obs of donors or sections: cells of others
        are not near (``cellama``).

    Returns
    -------
    anndata.AnnData
        A copy with, for the key ``cca``: the embedding in ``obsm["X_cca"]``; neighbours and the graph of shared
        neighbours in scanpy's layout in ``uns["cca_neighbors"]``, ``obsp["cca_neighbors_distances"]`` and
        ``obsp["cca_neighbors_connectivities"]``; clusters in ``obs["cca_cluster"]``; a UMAP in ``obsm["X_cca_umap"]``
        if requested; and a record in ``uns["homodb_integration"]["cca"]``. Nothing else changes, but for the cells
        that `shared_types` drops.

    Raises
    ------
    IntegrationError
        If a species, column, layer, method or setting is missing or invalid, a species has too few cells, or the
        species share no genes.
    CountsError
        If the values are not counts.
    MissingPackageError
        If the method needs a package that is not installed.

    Examples
    --------
    >>> import homodb
    >>> joined = homodb.integrate(cells, method="cca", k_weight=50)  # doctest: +SKIP
    """
    settings = IntegrateSettings(
        n_features=n_features, span=span, scale_factor=scale_factor, scale_max=scale_max, n_components=n_components,
        dims=dims, k_anchor=k_anchor, k_score=k_score, k_weight=k_weight, sd_weight=sd_weight, k_neighbors=k_neighbors,
        prune=prune, clustering=clustering, resolution=resolution, n_starts=n_starts, random_state=random_state,
        model=model,
    )  # fmt: skip
    columns = SentenceColumns(
        phrases=(phrases,) if isinstance(phrases, str) else tuple(phrases), niche_key=niche_key, spatial=spatial,
        spatial_key=spatial_key, donor_key=donor_key,
    )  # fmt: skip
    find_method(method, settings, columns, label_key)
    with progress_bar(progress, "integrate") as show:
        joint, record = _integrate(
            adata, method=method, settings=settings, species_key=species_key, species=species, label_key=label_key,
            layer=layer, size_factors=size_factors, umap=umap, key_added=key_added, strategy=strategy, release=release,
            columns=columns, shared_types=shared_types, force=force, expm1=expm1, progress=show,
        )  # fmt: skip
    cells = ", ".join(f"{number:,} {name}" for name, number in record["cells"].items())
    clusters = f", {counted(record['clusters'], 'cluster')}" if "clusters" in record else ""
    log(
        f"integrate: {cells} by {record['method']} over {len(record['features']):,} of "
        f"{counted(joint.n_vars, 'feature')}: obsm['X_{record['key']}']{clusters}"
    )
    return joint


def _integrate(
    given: Cells | SeveralCells, *, species: Sequence[str | int | Species | None] | None, species_key: str,
    strategy: str | Strategy | None, layer: str | Sequence[str | None] | None,
    release: str | Path | ReleaseFile | None, force: bool, expm1: bool, columns: SentenceColumns,
    shared_types: str | None, progress: Callable[[str], None], **choices: Any,
) -> tuple[anndata.AnnData, dict[str, Any]]:  # fmt: skip
    """Integrate a joint object, or several, which are joined first; return a new object and its record."""
    from homodb.query.join import for_each, join

    several, names, named = several_cells(given, species)
    if not several:
        raise IntegrationError("no object is named; name a joint one, or one of each species")
    if len(several) == 1:
        if strategy is not None:
            raise IntegrationError(
                f"{names[0] if isinstance(several[0], Path) else 'this'} is one object, whose species are joined"
                " already; leave the strategy out, or name an object of each species",
                option="strategy",
            )
        (layer,) = for_each(layer, 1, "layer")
        adata = load_cells(several[0], whole=True)
        is_callers = adata is several[0]
        adata = adata.copy() if is_callers else adata
        expected = None if named is None else [str(one) for one in named]
    else:
        progress("joining")
        objects = given if isinstance(given, Mapping) else several
        adata = join(
            objects,
            species=species,
            strategy=strategy,
            release=release,
            layer=layer,
            force=force,
            expm1=expm1,
            progress=lambda step: None,
        )
        if columns.niche_key is not None:
            adata.obsm[columns.spatial_key or SPATIAL] = _stacked_places(several, names, columns.spatial_key)
        species_key, expected, layer = "species", None, None
    adata, added = _shared_cells(adata, shared_types, species_key)
    with undoing_logarithms(expm1):
        record = add_integration(
            adata, species_key=species_key, species=expected, layer=layer, release=release, columns=columns,
            progress=progress, **choices,
        )  # fmt: skip
    record |= added
    return adata, record


def _shared_cells(
    adata: anndata.AnnData, column: str | None, species_key: str
) -> tuple[anndata.AnnData, dict[str, Any]]:
    """Return a copy with the cells whose type all species have, and what the record says; the object for no column."""
    if column is None:
        return adata, {}
    obs = ObsColumns(adata.obs, IntegrationError)
    values = obs.texts(column, "cell types", option="shared_types")
    species = obs.complete(species_key, "species", option="species_key")
    mask, note = shared_values(values, species, column, IntegrationError)
    return adata[mask].copy(), {"shared_types": note}


def add_integration(
    adata: anndata.AnnData, *, method: str, settings: IntegrateSettings, species_key: str = "species",
    species: Sequence[str] | None = None, label_key: str | None = None, layer: str | None = None,
    size_factors: str = "shared", umap: bool = False, key_added: str | None = None,
    release: str | Path | ReleaseFile | None = None, columns: SentenceColumns | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:  # fmt: skip
    """Integrate in place, and return the record of it.

    Parameters are those of :func:`integrate`, and ``progress``, a callback that receives the name of each step.
    """
    columns = columns or SentenceColumns()
    one = find_method(method, settings, columns, label_key)
    validate_key_added(key_added, IntegrationError)
    if label_key is not None:
        ObsColumns(adata.obs, IntegrationError).column(label_key, "cell types", option="label_key")
    progress("reading counts")
    joint = read_joint(
        adata, settings, species_key=species_key, species=species, layer=layer, size_factors=size_factors,
        columns=columns,
    )  # fmt: skip
    progress("variable features and components")
    prepared = replace(prepare(joint, settings), release=release)
    return add_prepared(
        adata, prepared, one, settings, species_key=species_key, label_key=label_key, layer=layer,
        size_factors=size_factors, umap=umap, key_added=key_added, progress=progress,
    )  # fmt: skip


def find_method(
    name: str, settings: IntegrateSettings, columns: SentenceColumns, label_key: str | None = None
) -> IntegrationMethod:
    """Return a method by its name.

    Raises an IntegrationError if it does not exist, or writes no sentences and a model or phrases are given, or if
    sentences would name the types by which the integration is scored.
    """
    method = method_named(name)
    of_sentences = [name for name in ("phrases", "niche_key") if getattr(columns, name)]
    if settings.model is not None:
        of_sentences.insert(0, "model")
    if of_sentences and "model" not in method.own:
        name = of_sentences[0]
        lacks = "uses no sentence model" if name == "model" else "writes no sentences"
        raise IntegrationError(f"method {method.name} {lacks}; leave {name} out, or choose cellama", option=name)
    if label_key in columns.columns:
        raise IntegrationError(
            f"{label_key!r} holds the cell types by which the integration is scored; name other columns for sentences",
            option="niche_key" if label_key == columns.niche_key else "phrases",
        )
    return method


def add_prepared(
    adata: anndata.AnnData, prepared: IntegrationInput, method: IntegrationMethod, settings: IntegrateSettings,
    *, species_key: str = "species", label_key: str | None = None, layer: str | None = None,
    size_factors: str = "shared", umap: bool = False, key_added: str | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:  # fmt: skip
    """Integrate prepared data in place by one method; parameters are those of :func:`add_integration`."""
    joint, key = prepared.joint, key_added or method.key
    progress(method.summary)
    result = method.function(prepared, settings)
    record: dict[str, Any] = {
        "method": method.name, "key": key, "species_key": species_key,
        "label": label_key or "", "layer": layer or "X",
        "size_factors": size_factors, "cells": dict(zip(joint.species, np.bincount(joint.code).tolist(), strict=True)),
        "features": np.array([joint.features[one] for one in prepared.variable], dtype=object),
        "settings": method.settings(settings), **result.record,
    }  # fmt: skip
    progress("neighbours and clusters")
    record |= _write(adata, key, result.embedding, settings, umap=umap)
    adata.uns[UNS] = {**adata.uns.get(UNS, {}), key: record}
    return record


def _write(
    adata: anndata.AnnData, key: str, embedding: npt.NDArray[np.float64], settings: IntegrateSettings, *, umap: bool
) -> dict[str, Any]:
    """Write the results into the object once all of them exist."""
    import pandas as pd

    from homodb.query.integrate.neighbors import umap as compute_umap

    used = embedding[:, : settings.dims]
    graph = shared_neighbors(used, k=settings.k_neighbors, prune=settings.prune)
    cluster = None
    if settings.clustering != "none":
        cluster = Network(graph.connectivities).clusters(
            algorithm=settings.clustering, resolution=settings.resolution, n_starts=settings.n_starts,
            random_state=settings.random_state,
        )  # fmt: skip
    plane = compute_umap(used, random_state=settings.random_state) if umap else None
    neighbors = f"{key}_neighbors"
    adata.obsm[f"X_{key}"] = embedding
    adata.obsp[f"{neighbors}_distances"] = graph.distances
    adata.obsp[f"{neighbors}_connectivities"] = graph.connectivities
    adata.uns[neighbors] = {
        "connectivities_key": f"{neighbors}_connectivities",
        "distances_key": f"{neighbors}_distances",
        "params": {
            "n_neighbors": settings.k_neighbors, "method": "shared_neighbors", "metric": "euclidean",
            "use_rep": f"X_{key}", "n_pcs": used.shape[1], "random_state": settings.random_state,
        },
    }  # fmt: skip
    if plane is not None:
        adata.obsm[f"X_{key}_umap"] = plane
    if cluster is None:
        return {}
    names = [str(one) for one in range(cluster.max() + 1)]
    adata.obs[f"{key}_cluster"] = pd.Categorical(cluster.astype(str), names)
    return {"clusters": len(names)}


def integrate_files(
    paths: Sequence[str | Path], output: str | Path, *, method: str = "cca",
    settings: IntegrateSettings | None = None, species: Sequence[str] | None = None, species_key: str = "species",
    strategy: str | None = None, release: str | Path | ReleaseFile | None = None, label_key: str | None = None,
    layer: str | Sequence[str | None] | None = None, size_factors: str = "shared", umap: bool = False,
    key_added: str | None = None,
    columns: SentenceColumns | None = None, shared_types: str | None = None, expm1: bool = False, force: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:  # fmt: skip
    """Integrate one joint file, or files of several species, which are joined first.

    Parameters
    ----------
    paths
        h5ad files or zarr stores: one joint object, or one for each species.
    output
        Path of the joint object with the results. It appears whole or not at all.
    settings
        Settings of the integration; None for the defaults.
    species
        Species of each of several files, or exact set of species of a joint file.
    strategy, release
        Strategy and release that join several files; see :func:`homodb.join`. For a joint file, only ``protein`` needs
        the release.
    layer
        Layer with the counts; of several files, the layer that is joined in place of X, or one for each.
    columns
        Parts that sentences name; None for none. Coordinates of several files are read from each.
    method, species_key, label_key, size_factors, umap, key_added, shared_types
        See :func:`homodb.integrate`.
    progress
        Callback that receives the name of each step.

    Returns
    -------
    dict
        The record in ``uns["homodb_integration"]``, and the numbers of cells and features.

    Raises
    ------
    IntegrationError
        If `paths` is empty, or as in :func:`homodb.integrate`; settings are checked before anything is read.
    TranslationError
        If a file does not exist, or is not an AnnData.
    OutputError
        If the output is one of the files, or cannot be written.
    """
    files, target = [Path(path) for path in paths], Path(output)
    settings, columns = settings or IntegrateSettings(), columns or SentenceColumns()
    find_method(method, settings, columns, label_key)
    validate_key_added(key_added, IntegrationError)
    check_cells_output(target, *files)
    adata, record = _integrate(
        files, method=method, settings=settings, species_key=species_key, species=species, label_key=label_key,
        layer=layer, size_factors=size_factors, umap=umap, key_added=key_added, strategy=strategy, release=release,
        columns=columns, shared_types=shared_types, force=force, expm1=expm1, progress=progress,
    )  # fmt: skip
    progress("writing")
    with atomic_output(target) as partial:
        store.write_whole(adata, partial)
    return {"n_cells": adata.n_obs, "n_joint_features": adata.n_vars, **record}


def _stacked_places(objects: Sequence[Cells], names: Sequence[str], spatial_key: str | None) -> npt.NDArray[np.float64]:
    """Return the coordinates of the cells of all objects, which a join leaves behind, in its order."""
    name, places = spatial_key or SPATIAL, []
    for each, shown in zip(objects, names, strict=True):
        table: Mapping[str, Any]
        if isinstance(each, str | Path):
            with open_anndata(Path(each)) as root:
                if store.is_anndata(root):
                    obsm = root.get("obsm", {})
                    table = {name: read_element(obsm[name])} if name in obsm else dict.fromkeys(obsm)
                else:
                    table = read_anndata(Path(each)).obsm
        else:
            table = each.obsm
        places.append(read_coordinates(table, spatial_key, IntegrationError, f"obsm of {shown}"))
    if len({one.shape[1] for one in places}) > 1:
        raise IntegrationError(
            "some objects have two coordinates per cell, others three; give each the same", option="spatial_key"
        )
    return np.concatenate(places)
