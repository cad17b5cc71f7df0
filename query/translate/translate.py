"""``homodb.translate``: an AnnData in, a new AnnData in another species' genes out."""

from __future__ import annotations

from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from homodb.query.in_memory import is_lazy, with_tables
from homodb.query.release import Release, open_release
from homodb.query.translate.carry import MemorySink
from homodb.query.translate.lazy import lazily
from homodb.query.translate.leftovers import gene_wise_uns
from homodb.query.translate.matrices import as_rows
from homodb.query.translate.options import Choices, read_options
from homodb.query.translate.outcome import Outcome, groups_of
from homodb.query.translate.plan import Plan
from homodb.query.translate.prepare import logged_of, prepare, prepare_raw
from homodb.query.translate.report import TranslationReport, provenance
from homodb.query.translate.slots import RAW, Logged, Refused, Slot, Slots, check_slots, slots_of
from homodb.schema.errors import TranslationError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata


def translate(
    adata: anndata.AnnData,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    column: str | None = None,
    layer: str | None = None,
    **choices: Unpack[Choices],
) -> anndata.AnnData:
    """Translate an AnnData into another species' genes.

    Parameters
    ----------
    adata
        Cells x genes. It is not changed. Matrices backed by Dask stay lazy.
    to
        The species to translate to, by any name; the source species itself brings old symbols up to date.
    source
        The species that the genes are of; by default found out by a vote over their names.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
    release
        An open release, or what :func:`homodb.open` takes.
    column
        Column of var that holds the gene names; by default var's index.
    layer
        Layer to translate in place of X; ``raw`` for raw.
    **choices
        Policies, filters and names: see :class:`homodb.query.translate.options.Choices`.

    Returns
    -------
    anndata.AnnData
        A new object. X, all layers and raw: for each target gene the sum of its source genes; a source gene with
        several partners goes to its best one. var says where each gene came from, ``uns["homodb"]`` what was done.
        obs, obsm, obsp and uns stay; varm, varp, var's old columns and gene-wise entries of uns are dropped, and so are
        layers and raw that hold scaled values, or logarithms that would have to be added up
        (:func:`translate_with_report` lists them).

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    UndecidedSpeciesError
        If the names do not tell the species.
    CountsError
        If X holds NaN, or logarithms or negative values that would have to be added up.
    TranslationError
        If no gene at all can be translated, a column or layer is not there, or a choice is none.

    Examples
    --------
    >>> import homodb
    >>> human = homodb.translate(mouse_cells, to="human", release="rel")  # doctest: +SKIP
    """
    return translate_with_report(
        adata, to, source=source, strategy=strategy, release=release, column=column, layer=layer, **choices
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
    **choices: Unpack[Choices],
) -> tuple[anndata.AnnData, TranslationReport]:
    """Translate an AnnData as :func:`translate` does, and return the report of fates beside it."""
    options = read_options(choices)
    adata = with_tables(adata)
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        slots = slots_of(adata)
        main = slots.main(layer)
        matrices = _matrices(slots, main)
        check_slots(list(matrices), options)
        var = adata.raw.var if main.name == "raw" and main.label == "raw" else adata.var
        plan = prepare(opened, var, to, source=source, strategy=strategy, column=column, options=options)
        outcome = Outcome(
            plan, options, source is not None, Logged(*logged_of(adata.uns)), groups_of(adata.obs, options.by)
        )
        made = {slot: _made(slot, matrix, adata, outcome, column) for slot, matrix in matrices.items()}
        report = outcome.report(adata.n_obs, _leftovers(adata, slots, main))
    return _put_together(adata, main, made, outcome, report), report


def _matrices(slots: Slots, main: Slot) -> dict[Slot, Any]:
    """Return the matrices to translate, the main one first; raw in place of X has a var of its own, so it is alone."""
    raw = [RAW] if slots.has_raw and main.label != "raw" else []
    return {slot: slots.matrix(slot) for slot in (main, *slots.beside(main), *raw)}


def _made(slot: Slot, matrix: Any, adata: anndata.AnnData, outcome: Outcome, column: str | None) -> Any:
    """Return the translated matrix; None where it is dropped."""
    plan: Plan = outcome.plan
    if slot.label == "raw" and not slot.main:
        try:
            plan = outcome.raw = prepare_raw(plan, adata.raw.var, adata.var, column)
        except TranslationError as error:
            outcome.drop(slot, Refused(str(error)))
            return None
    if not is_lazy(matrix):
        return outcome.translate(slot, as_rows(matrix), plan, MemorySink(), block=None, step=lambda done: None)
    made = lazily(matrix, slot, plan.links, outcome.options, outcome.said_of(slot))
    if isinstance(made, Refused):
        outcome.drop(slot, made)
        return None
    outcome.slots[slot.label] = str(outcome.options.slots.get(slot.name) or outcome.options.many_to_one)
    return made


def _put_together(
    adata: anndata.AnnData, main: Slot, made: dict[Slot, Any], outcome: Outcome, report: TranslationReport
) -> anndata.AnnData:
    import anndata

    gene_wise = gene_wise_uns(adata.uns, adata.var_names)
    result = anndata.AnnData(
        X=made[main],
        obs=adata.obs.copy(),
        var=outcome.plan.var,
        uns=deepcopy({key: value for key, value in adata.uns.items() if key not in gene_wise}),
        obsm={key: value.copy() for key, value in adata.obsm.items()},
        obsp={key: value.copy() for key, value in adata.obsp.items()},
    )
    for slot, matrix in made.items():
        if slot.main or matrix is None:
            continue
        if slot.label == "raw" and outcome.raw is not None:
            result.raw = anndata.AnnData(X=matrix, obs=adata.obs[[]].copy(), var=outcome.raw.var)
        else:
            result.layers[slot.name] = matrix
    result.uns["homodb"] = provenance(report, adata.uns.get("homodb"))
    return result


def _leftovers(adata: anndata.AnnData, slots: Slots, main: Slot) -> list[str]:
    """List what no longer holds, but for matrices that their values forbid to add up."""
    parts = [f"var[{name!r}]" for name in adata.var.columns]
    parts += [f"varm[{name!r}]" for name in adata.varm] + [f"varp[{name!r}]" for name in adata.varp]
    parts += [f"uns[{name!r}]" for name in gene_wise_uns(adata.uns, adata.var_names)]
    if adata.raw is not None:
        parts += [f"raw.var[{name!r}]" for name in adata.raw.var.columns]
        parts += [f"raw.varm[{name!r}]" for name in adata.raw.varm]
    if main.label != "X":
        parts += ["X"] if slots.has_x else []
    return parts + ([f"layers[{name!r}]" for name in slots.layers] if main.label == "raw" else [])
