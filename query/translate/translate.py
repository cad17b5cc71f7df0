"""``homodb.translate``: an AnnData in, a new AnnData in another species' genes out."""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.query.genes import resolve
from homodb.query.pairs import choose_strategy, find_pair
from homodb.query.release import Release, open_release
from homodb.query.translate.aggregate import aggregate
from homodb.query.translate.annotate import kind_of_names, target_var
from homodb.query.translate.detect import detect_species, other_species_note
from homodb.query.translate.fates import fates
from homodb.query.translate.mapping import map_genes
from homodb.query.translate.report import Report, provenance, with_counts
from homodb.schema.errors import TranslationError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata

#: The value of var's ``feature_types`` that is translated; an antibody CD4 is not the gene CD4.
GENE_EXPRESSION = "Gene Expression"

#: Entries of uns that speak of genes that are no longer there.
_GENE_WISE_UNS = ("hvg", "rank_genes_groups", "pca")


def translate(
    adata: anndata.AnnData,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    column: str | None = None,
    layer: str | None = None,
) -> anndata.AnnData:
    """Translate an AnnData into another species' genes.

    Parameters
    ----------
    adata
        Cells x genes. It is not changed.
    to
        The species to translate to, by any name.
    source
        The species that the genes are of; by default found out by a vote over their names.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
    release
        An open release, or what :func:`homodb.open` takes.
    column
        Column of var that holds the gene names; by default var's index.
    layer
        Layer to translate in place of X.

    Returns
    -------
    anndata.AnnData
        A new object. X: for each target gene the sum of its source genes; a source gene with several
        partners goes to its best one. var says where each gene came from, ``uns["homodb"]`` what was done. obs,
        obsm, obsp and uns stay; varm, varp, var's old columns, layers, raw and gene-wise entries of uns are dropped
        (:func:`translate_with_report` lists them).

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    UndecidedSpeciesError
        If the names do not tell the species.
    CountsError
        If X holds NaN, or logarithms that would have to be added up.
    TranslationError
        If no gene at all can be translated, or a column or layer is not there.

    Examples
    --------
    >>> import homodb
    >>> human = homodb.translate(mouse_cells, to="human", release="rel")  # doctest: +SKIP
    """
    return translate_with_report(
        adata, to, source=source, strategy=strategy, release=release, column=column, layer=layer
    )[0]


def translate_with_report(
    adata: anndata.AnnData,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    column: str | None = None,
    layer: str | None = None,
) -> tuple[anndata.AnnData, Report]:
    """Translate an AnnData as :func:`translate` does, and return the report of fates beside it."""
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        target = opened.find_species(to)
        names = _names(adata, column)
        is_gene = _is_gene(adata)
        asked = [name for name, gene in zip(names, is_gene, strict=True) if gene]
        species = opened.find_species(source) if source is not None else detect_species(opened, asked)
        pair = find_pair(opened, species, target)
        chosen = choose_strategy(pair, strategy, Strategy.ENS_M2M)
        resolved = resolve(opened, names, pair.source).with_row_index("place").with_columns(
            pl.Series("is_gene", is_gene, pl.Boolean), gene=pl.when(pl.Series(is_gene, dtype=pl.Boolean)).then("gene")
        )  # fmt: skip
        genes = map_genes(pair, chosen, resolved)
        if not genes.targets.height:
            raise TranslationError(_nothing(names, pair.source, pair.target, chosen))
        table = fates(pair, chosen, resolved, genes)
        notes = _notes(strategy, chosen)
        if source is not None:
            notes += other_species_note(opened, asked, pair.source)
    values = _values(adata, layer)
    import anndata

    translated = anndata.AnnData(
        X=aggregate(values, genes.matrix, logged=layer is None and "log1p" in adata.uns),
        obs=adata.obs.copy(),
        var=target_var(genes, resolved, kind_of_names(resolved)),
        uns=deepcopy({key: value for key, value in adata.uns.items() if key not in _GENE_WISE_UNS}),
        obsm={key: value.copy() for key, value in adata.obsm.items()},
        obsp={key: value.copy() for key, value in adata.obsp.items()},
    )
    report = Report(
        source=pair.source.name,
        target=pair.target.name,
        source_given=source is not None,
        strategy=str(chosen),
        release=opened.version,
        cells=adata.n_obs,
        targets=genes.targets.height,
        summed=int((np.asarray(genes.matrix.sum(axis=0)).ravel() > 1).sum()),
        fates=with_counts(table, np.asarray(values.T @ np.ones(adata.n_obs))),  # 64 bits, whatever X has
        dropped=tuple(_dropped(adata, layer)),
        notes=tuple(notes),
    )
    translated.uns["homodb"] = provenance(report)
    return translated, report


def _names(adata: anndata.AnnData, column: str | None) -> list[str]:
    if column is None:
        return [str(name) for name in adata.var_names]
    if column not in adata.var:
        there = ", ".join(map(repr, adata.var.columns)) or "none"
        raise TranslationError(f"var has no column {column!r}; its columns are: {there}")
    return [str(name) for name in adata.var[column]]


def _is_gene(adata: anndata.AnnData) -> list[bool]:
    if "feature_types" not in adata.var:
        return [True] * adata.n_vars
    return [kind == GENE_EXPRESSION for kind in adata.var["feature_types"]]


def _values(adata: anndata.AnnData, layer: str | None) -> Any:
    if layer is None:
        if adata.X is None:
            raise TranslationError("the object has no X; name a layer (--layer)")
        return adata.X
    if layer not in adata.layers:
        there = ", ".join(map(repr, adata.layers)) or "none"
        raise TranslationError(f"there is no layer {layer!r}; the layers are: {there}")
    return adata.layers[layer]


def _dropped(adata: anndata.AnnData, layer: str | None) -> list[str]:
    parts = [f"var[{name!r}]" for name in adata.var.columns]
    parts += [f"varm[{name!r}]" for name in adata.varm] + [f"varp[{name!r}]" for name in adata.varp]
    parts += [f"uns[{name!r}]" for name in _GENE_WISE_UNS if name in adata.uns]
    parts += [f"layers[{name!r}]" for name in adata.layers if name != layer]
    parts += ["X"] if layer is not None and adata.X is not None else []
    return parts + (["raw"] if adata.raw is not None else [])


def _notes(wanted: str | Strategy | None, chosen: Strategy) -> list[str]:
    if wanted is None and chosen is Strategy.LM_O2O:
        return ["Ensembl has no homology between the two species: LM_O2O, from embeddings alone, was used"]
    return []


def _nothing(names: list[str], source: Species, target: Species, strategy: Strategy) -> str:
    seen = ", ".join(repr(name) for name in names[:5])
    return (
        f"none of the {len(names)} genes could be translated from {source.common_name} to {target.common_name} by "
        f"{strategy}; the names look like {seen}. Check --from, or name the column of var that holds them (--column)"
    )
