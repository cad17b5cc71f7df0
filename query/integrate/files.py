"""Integrates from files to a file: several files are joined first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from homodb.query.integrate.integrate import add_integration, read_choices
from homodb.query.integrate.settings import Choices
from homodb.query.keys import check_key
from homodb.query.stored import check_cells_output, read_whole
from homodb.query.translate import stores
from homodb.query.translate.places import whole
from homodb.schema.errors import IntegrationError

if TYPE_CHECKING:
    from homodb.query.release import Release


def integrate_files(
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    method: str = "cca",
    species: Sequence[str] | None = None,
    species_key: str = "species",
    strategy: str | None = None,
    release: str | Path | Release | None = None,
    label: str | None = None,
    layer: str | None = None,
    size_factors: str = "shared",
    umap: bool = False,
    key: str | None = None,
    report: Callable[[str], None] = lambda step: None,
    **choices: Unpack[Choices],
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
    check_key(key, IntegrationError)
    check_cells_output(target, *files)
    if len(files) == 1:
        if strategy is not None:
            raise IntegrationError(
                f"{files[0]} is one file, whose species are joined already; leave the strategy out (--strategy), or"
                " name a file of each species"
            )
        adata = read_whole(files[0])
        wanted = None if species is None else list(species)
    else:
        from homodb.query.join import join_files

        report("joining")
        adata = join_files(files, species=species, strategy=strategy, release=release, layer=layer)
        species_key, wanted, layer = "species", None, None
    told = add_integration(
        adata, method=method, species_key=species_key, species=wanted, label=label, layer=layer,
        size_factors=size_factors, umap=umap, key=key, release=release, report=report, **choices,
    )  # fmt: skip
    report("writing")
    with whole(target) as partial:
        stores.write_whole(adata, partial)
    return {"n_cells": adata.n_obs, "n_joint_features": adata.n_vars, **told}
