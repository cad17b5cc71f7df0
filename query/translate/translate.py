"""Translate an AnnData in memory, or from file to file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
import scipy.sparse as sp

from homodb.query.cells import (
    RAW,
    Logged,
    MemorySink,
    Slot,
    Slots,
    as_rows,
    atomic_output,
    check_cells_output,
    file_sink,
    is_lazy,
    judge,
    logged_of,
    open_anndata,
    open_matrix,
    read_anndata,
    slots_of,
    store,
    stored_slots,
    with_tables,
)
from homodb.query.release import ReleaseFile, use_release
from homodb.query.translate.aggregate import Aggregation, Links
from homodb.query.translate.carry import Refused, TranslateProgress, TranslationRun, check_slots, groups_of, objection
from homodb.query.translate.options import Options, SlotPolicy, read_options
from homodb.query.translate.plan import TranslationPlan, prepare, prepare_raw
from homodb.query.translate.report import TranslationReport, provenance
from homodb.schema.enums import Strategy
from homodb.schema.errors import CountsError, TranslationError
from homodb.schema.names import texts
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata
    import pandas as pd


def _translate_lazily(matrix: Any, slot: Slot, links: Links, options: Options, logged: Logged) -> Any:
    """Return a Dask array of target genes.

    The kind of values is inferred when a block is computed; a block that must not be summed then raises
    :class:`~homodb.schema.errors.CountsError`. Sums of small integers are 64 bits wide.

    Returns
    -------
    dask.array.Array or Refused
        Cells x target genes, in the input's chunks of cells; or that it is dropped as requested.
    """
    policy = options.slots.get(slot.name) or SlotPolicy(options.many_to_one)
    if policy is SlotPolicy.DROP:
        return Refused(None)
    base = logged.base
    how = Aggregation(links, policy, slot.label, base)
    dtype = how.dtype(matrix.dtype)
    if links.several and dtype.itemsize < 8:
        dtype = how.wider(dtype)

    def block(rows: Any) -> Any:
        holds = judge(rows, logged=logged.is_log, base=base)
        against = objection(slot, policy, holds, links)
        if against is not None:
            raise CountsError(against)
        return Aggregation(links, policy, slot.label, holds.base or base).apply(rows, dtype)

    whole = matrix.rechunk({1: -1}) if matrix.numblocks[1] > 1 else matrix
    meta: Any = np.empty((0, 0), dtype=dtype)
    if sp.issparse(matrix._meta):  # blocks of the result are CSR, whatever the format of the input
        meta = (sp.csr_array if isinstance(matrix._meta, sp.sparray) else sp.csr_matrix)(meta)
    return whole.map_blocks(block, chunks=(whole.chunks[0], (links.shape[1],)), dtype=dtype, meta=meta)


#: Usual names of gene-level entries of uns.
_GENE_WISE = ("hvg", "rank_genes_groups", "pca", "rank_velocity_genes", "recover_dynamics")

#: Keys that, beside ``names``, mark an entry of uns as a ranking of genes.
_RANKING = {"scores", "params", "pvals", "pvals_adj", "logfoldchanges"}


def gene_level_uns_keys(uns: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the keys of uns whose entries are about genes.

    Parameters
    ----------
    uns
        The entries; only the index of a table and the keys of a mapping are used.
    names
        Names of var: a table with most of its rows named so is about genes.
    """
    genes = frozenset(filter(None, texts(names)))
    return [
        key for key, value in uns.items() if key in _GENE_WISE or _is_ranking(value) or _is_gene_table(value, genes)
    ]


def _is_ranking(value: Any) -> bool:
    keys = set(value) if isinstance(value, Mapping) else set()
    return "names" in keys and bool(keys & _RANKING)


def _is_gene_table(value: Any, names: frozenset[str]) -> bool:
    index = getattr(value, "index", None)
    if index is None or callable(index) or not len(index):
        return False
    return sum(one in names for one in texts(index)) * 2 > len(index)


@overload
def translate(
    adata: anndata.AnnData, to: str | int | Species, *, source: str | int | Species | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ..., column: str | None = ...,
    layer: str | None = ..., many_to_one: str = ..., one_to_many: str = ..., slots: Mapping[str, str] | None = ...,
    min_confidence: float | None = ..., min_identity: float | None = ..., min_correlation: float | None = ...,
    missing: str = ..., evidence: str | Sequence[str] | None = ..., measured: bool = ...,
    via: str | int | Species | None = ..., keep_unmapped: bool = ..., names: str = ...,
    genes: Sequence[str] | Path | None = ..., groupby: str | Sequence[str] | None = ...,
    markers: Sequence[str] | Path | None = ..., return_report: Literal[False] = ...,
) -> anndata.AnnData: ...  # fmt: skip
@overload
def translate(
    adata: anndata.AnnData, to: str | int | Species, *, source: str | int | Species | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ..., column: str | None = ...,
    layer: str | None = ..., many_to_one: str = ..., one_to_many: str = ..., slots: Mapping[str, str] | None = ...,
    min_confidence: float | None = ..., min_identity: float | None = ..., min_correlation: float | None = ...,
    missing: str = ..., evidence: str | Sequence[str] | None = ..., measured: bool = ...,
    via: str | int | Species | None = ..., keep_unmapped: bool = ..., names: str = ...,
    genes: Sequence[str] | Path | None = ..., groupby: str | Sequence[str] | None = ...,
    markers: Sequence[str] | Path | None = ..., return_report: Literal[True],
) -> tuple[anndata.AnnData, TranslationReport]: ...  # fmt: skip
def translate(
    adata: anndata.AnnData,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    column: str | None = None,
    layer: str | None = None,
    many_to_one: str = "sum",
    one_to_many: str = "best",
    slots: Mapping[str, str] | None = None,
    min_confidence: float | None = None,
    min_identity: float | None = None,
    min_correlation: float | None = None,
    missing: str = "keep",
    evidence: str | Sequence[str] | None = None,
    measured: bool = False,
    via: str | int | Species | None = None,
    keep_unmapped: bool = False,
    names: str = "keep",
    genes: Sequence[str] | Path | None = None,
    groupby: str | Sequence[str] | None = None,
    markers: Sequence[str] | Path | None = None,
    return_report: bool = False,
) -> anndata.AnnData | tuple[anndata.AnnData, TranslationReport]:
    """Translate an AnnData into another species' genes.

    Parameters
    ----------
    adata
        Cells x genes; not modified. Dask arrays stay lazy.
    to
        Target species, by any name; the source species itself updates old symbols.
    source
        Source species; inferred from the names of genes by default.
    strategy
        One of the five strategies; by default ENS_M2M, or LM_O2O if Ensembl has no homologies for the pair.
    release
        An open release, or an argument of :func:`homodb.open`.
    column
        Column of var that holds the gene names; the index of var by default.
    layer
        Layer to translate in place of X; ``raw`` for raw.
    many_to_one
        Policy for a target gene with several source genes: ``sum``, ``mean`` or ``max``.
    one_to_many
        Policy for a source gene with several target genes: ``best``, ``split`` (conserves totals) or ``all``.
    slots
        Policy of a matrix, by its name (``X``, ``raw``, or a layer's): ``sum``, ``mean``, ``max``, ``expm1-sum-log1p``
        or ``drop``.
    min_confidence, min_identity, min_correlation
        Least confidence (0 or 1), identity (percent) and correlation of a pair of genes.
    missing
        Whether to ``keep`` or ``drop`` pairs that lack such a value.
    evidence
        Evidence classes to use (``"both,ensembl"``), or with a ``+`` to add (``"+lm_orphan"``).
    measured
        Whether to choose one-to-one partners among the genes of the object.
    via
        Intermediate species.
    keep_unmapped
        Whether to keep source genes without a target, marked.
    names
        Kind of names for target genes: ``keep`` that of the input, ``id`` or ``symbol``.
    genes
        Target genes, in this order: a list, or a file with one per line.
    groupby
        Columns of obs by which to report the share of counts carried.
    markers
        Source genes whose fate to report: a list, or a file with one per line.
    return_report
        Whether to return the report too.

    Returns
    -------
    anndata.AnnData
        A new object. In X, all layers and raw a target gene is the sum of its source genes; a source gene with several
        partners goes to its best one. var describes the source of each gene, ``uns["homodb"]`` the translation. obs,
        obsm, obsp and uns are kept; varm, varp, old columns of var and gene-level entries of uns are dropped, and so
        are layers and raw with scaled values, or with logarithms that would have to be summed (the report lists them).
    TranslationReport
        The fate of every gene, and the counts carried; only with `return_report`.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks it.
    UndecidedSpeciesError
        If the names do not identify the species.
    CountsError
        If X holds NaN, or logarithms or negative values that would have to be summed.
    TranslationError
        If no gene can be translated, a column or layer does not exist, or an option is not valid.

    Examples
    --------
    >>> import homodb
    >>> human = homodb.translate(mouse_cells, to="human", release="rel")  # doctest: +SKIP
    """
    options = read_options(
        many_to_one=many_to_one, one_to_many=one_to_many, slots=slots, min_confidence=min_confidence,
        min_identity=min_identity, min_correlation=min_correlation, missing=missing, evidence=evidence,
        measured=measured, via=via, keep_unmapped=keep_unmapped, names=names, genes=genes, groupby=groupby,
        markers=markers,
    )  # fmt: skip
    result, report = _translate(adata, to, source, strategy, release, column, layer, options)
    return (result, report) if return_report else result


def _translate(
    adata: anndata.AnnData, to: str | int | Species, source: str | int | Species | None,
    strategy: str | Strategy | None, release: str | Path | ReleaseFile | None, column: str | None, layer: str | None,
    options: Options,
) -> tuple[anndata.AnnData, TranslationReport]:  # fmt: skip
    """Translate an object in memory."""
    adata = with_tables(adata)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        slots = slots_of(adata)
        main = slots.main(layer)
        matrices = _matrices(slots, main)
        check_slots(list(matrices), options)
        var = adata.raw.var if main.name == "raw" and main.label == "raw" else adata.var
        plan = prepare(opened, var, to, source=source, strategy=strategy, column=column, options=options, uns=adata.uns)
        run = TranslationRun(
            plan, options, source is not None, Logged(*logged_of(adata.uns)), groups_of(adata.obs, options.groupby)
        )
        translated = {slot: _translated_matrix(slot, matrix, adata, run, column) for slot, matrix in matrices.items()}
        report = run.report(adata.n_obs, _dropped_parts(adata, slots, main))
    return _assemble(adata, main, translated, run, report), report


def _matrices(slots: Slots, main: Slot) -> dict[Slot, Any]:
    """Return the matrices to translate, the main one first.

    If raw is the main one it is the only one, since it has its own var.
    """
    raw = [RAW] if slots.has_raw and main.label != "raw" else []
    return {slot: slots.matrix(slot) for slot in (main, *slots.beside(main), *raw)}


def _translated_matrix(slot: Slot, matrix: Any, adata: anndata.AnnData, run: TranslationRun, column: str | None) -> Any:
    """Translate a matrix; return None if it is dropped."""
    plan: TranslationPlan = run.plan
    if slot.label == "raw" and not slot.main:
        try:
            plan = run.raw = prepare_raw(plan, adata.raw.var, adata.var, column)
        except TranslationError as error:
            run.drop(slot, Refused(str(error)))
            return None
    if not is_lazy(matrix):
        return run.translate(slot, as_rows(matrix), plan, MemorySink(), block=None, step=lambda done: None)
    array = _translate_lazily(matrix, slot, plan.links, run.options, run.logged_slot(slot))
    if isinstance(array, Refused):
        run.drop(slot, array)
        return None
    run.slots[slot.label] = str(run.options.slots.get(slot.name) or run.options.many_to_one)
    return array


def _assemble(
    adata: anndata.AnnData, main: Slot, matrices: dict[Slot, Any], run: TranslationRun, report: TranslationReport
) -> anndata.AnnData:
    import anndata

    gene_wise = gene_level_uns_keys(adata.uns, adata.var_names)
    result = anndata.AnnData(
        X=matrices[main],
        obs=adata.obs.copy(),
        var=run.plan.var,
        uns=deepcopy({key: value for key, value in adata.uns.items() if key not in gene_wise}),
        obsm={key: value.copy() for key, value in adata.obsm.items()},
        obsp={key: value.copy() for key, value in adata.obsp.items()},
    )
    for slot, matrix in matrices.items():
        if slot.main or matrix is None:
            continue
        if slot.label == "raw" and run.raw is not None:
            result.raw = anndata.AnnData(X=matrix, obs=adata.obs[[]].copy(), var=run.raw.var)
        else:
            result.layers[slot.name] = matrix
    result.uns["homodb"] = provenance(report, adata.uns.get("homodb"))
    return result


def _dropped_parts(adata: anndata.AnnData, slots: Slots, main: Slot) -> list[str]:
    """List dropped parts, except matrices that are dropped for their values."""
    parts = [f"var[{name!r}]" for name in adata.var.columns]
    parts += [f"varm[{name!r}]" for name in adata.varm] + [f"varp[{name!r}]" for name in adata.varp]
    parts += [f"uns[{name!r}]" for name in gene_level_uns_keys(adata.uns, adata.var_names)]
    if adata.raw is not None:
        parts += [f"raw.var[{name!r}]" for name in adata.raw.var.columns]
        parts += [f"raw.varm[{name!r}]" for name in adata.raw.varm]
    if main.label != "X":
        parts += ["X"] if slots.has_x else []
    return parts + ([f"layers[{name!r}]" for name in slots.layers] if main.label == "raw" else [])


def translate_file(
    path: Path,
    output: Path,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    column: str | None = None,
    layer: str | None = None,
    many_to_one: str = "sum",
    one_to_many: str = "best",
    slots: Mapping[str, str] | None = None,
    min_confidence: float | None = None,
    min_identity: float | None = None,
    min_correlation: float | None = None,
    missing: str = "keep",
    evidence: str | Sequence[str] | None = None,
    measured: bool = False,
    via: str | int | Species | None = None,
    keep_unmapped: bool = False,
    names: str = "keep",
    genes: Sequence[str] | Path | None = None,
    groupby: str | Sequence[str] | None = None,
    markers: Sequence[str] | Path | None = None,
    block: int | None = None,
    progress: Callable[[TranslateProgress], None] | None = None,
) -> TranslationReport:
    """Translate an h5ad file or a zarr store.

    Other parameters are those of :func:`homodb.translate`.

    Parameters
    ----------
    path
        File to read.
    output
        File to write, a zarr store if it ends with ``.zarr``; an existing one is replaced when the new one is
        complete. The compression of the source is kept.
    block
        Number of cells in memory at a time; by default as many as hold about four million values.
    progress
        Callback that receives the progress.

    Raises
    ------
    TranslationError
        If the input is not an AnnData file, or cannot be translated as requested.
    OutputError
        If the output is the input, or cannot be written.
    """
    options = read_options(
        many_to_one=many_to_one, one_to_many=one_to_many, slots=slots, min_confidence=min_confidence,
        min_identity=min_identity, min_correlation=min_correlation, missing=missing, evidence=evidence,
        measured=measured, via=via, keep_unmapped=keep_unmapped, names=names, genes=genes, groupby=groupby,
        markers=markers,
    )  # fmt: skip
    check_cells_output(output, path)
    if block is not None and block < 1:
        raise TranslationError(f"a block has {block} cells; it needs at least one")
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        root = stack.enter_context(open_anndata(path))
        partial = stack.enter_context(atomic_output(output))
        if store.is_anndata(root):
            work = _FileTranslation(path, root, partial, column, layer, block, progress or (lambda step: None))
            return work.run(opened, to, source, strategy, options)
        translated, report = _translate(read_anndata(path), to, source, strategy, opened, column, layer, options)
        store.write_whole(translated, partial)
        return report


class _Raw(NamedTuple):
    """Raw of an object in a file: its group, and its var."""

    group: Any
    var: pd.DataFrame


class _FileTranslation:
    """Translation of one file into another."""

    def __init__(
        self, path: Path, root: Any, partial: Path, column: str | None, layer: str | None, block: int | None,
        progress: Callable[[TranslateProgress], None],
    ) -> None:  # fmt: skip
        self.path, self.root, self.partial = path, root, partial
        self.column, self.block, self.progress = column, block, progress
        self.slots = stored_slots(root)
        self.raw = _Raw(root["raw"], store.read(root["raw"], "var")) if self.slots.has_raw else None
        self.main = self.slots.main(layer)
        self.cells = store.height(root["obs"])
        self.var = store.read(root, "var")
        self.uns = store.peek(root["uns"]) if "uns" in root else {}

    def run(
        self, release: ReleaseFile, to: str | int | Species, source: str | int | Species | None,
        strategy: str | Strategy | None, options: Options,
    ) -> TranslationReport:  # fmt: skip
        elements = self._elements()
        check_slots(list(elements), options)
        obs = self.root["obs"]
        groups = groups_of(store.read_columns(obs, options.groupby), options.groupby, store.columns_of(obs))
        earlier = store.read(self.root["uns"], "homodb") if "homodb" in self.uns else None
        plan = prepare(
            release, self._var_of(self.main), to, source=source, strategy=strategy, column=self.column,
            options=options, uns={"homodb": earlier},
        )  # fmt: skip
        work = TranslationRun(plan, options, source is not None, Logged(*store.read_logged(self.root)), groups)
        with store.created(self.partial, self.root) as (out, self.check):
            store.make_group(out, "layers")
            for number, (slot, element) in enumerate(elements.items()):
                self._carry(out, slot, element, work, number, len(elements))
            gene_wise = gene_level_uns_keys(self.uns, self.var.index)
            for part in ("obs", "obsm", "obsp"):
                store.copy(self.root, out, part)
                self.check()
            store.copy(self.root, out, "uns", leave=frozenset([*gene_wise, "homodb"]))
            for part in ("varm", "varp"):
                store.make_group(out, part)
            store.write(out, "var", plan.var)
            report = work.report(self.cells, self._dropped_parts(gene_wise))
            store.write(out["uns"], "homodb", provenance(report, earlier))
        return report

    def _elements(self) -> dict[Slot, Any]:
        """Return the matrices to translate, the main one first."""
        raw = [RAW] if self.raw is not None and self.main.label != "raw" else []
        return {slot: self.slots.matrix(slot) for slot in (self.main, *self.slots.beside(self.main), *raw)}

    def _var_of(self, slot: Slot) -> pd.DataFrame:
        return self.raw.var if self.raw is not None and slot.label == "raw" else self.var

    def _carry(self, out: Any, slot: Slot, element: Any, work: TranslationRun, number: int, slots: int) -> None:
        """Translate a matrix into its slot of the output."""
        plan, parent, key = work.plan, out, "X"
        var = self._var_of(slot)
        if slot.label == "raw" and not slot.main:
            try:
                plan = work.raw = prepare_raw(plan, var, self.var, self.column)
            except TranslationError as error:
                work.drop(slot, Refused(str(error)))
                return
            parent = store.make_group(out, "raw", store.RAW_GROUP)
        elif not slot.main:
            parent, key = out["layers"], slot.name
        folder = self.partial.parent / f"turned-{number}"
        rows, like = open_matrix(element, (self.cells, len(var)), f"{self.path}: {slot.label}", folder, self.block)
        sink = file_sink(parent, key, (self.cells, plan.links.shape[1]), rows.sparse, like)
        done, total = number * self.cells, slots * self.cells

        def step(row: int) -> None:
            self.check()
            self.progress(TranslateProgress(slot.label, done + row, total))

        step(0)
        work.translate(slot, rows, plan, sink, block=self.block, step=step)
        shutil.rmtree(folder, ignore_errors=True)
        if slot.label == "raw" and not slot.main:
            self._finish_raw(out, plan)

    def _finish_raw(self, out: Any, plan: TranslationPlan) -> None:
        if "X" not in out["raw"]:  # it was dropped
            del out["raw"]
            return
        store.write(out["raw"], "var", plan.var)
        store.make_group(out["raw"], "varm")

    def _dropped_parts(self, gene_wise: list[str]) -> list[str]:
        """List dropped parts, except matrices that are dropped for their values."""
        root = self.root
        parts = [f"var[{name!r}]" for name in self.var.columns]
        parts += [f"{part}[{name!r}]" for part in ("varm", "varp") if part in root for name in root[part]]
        parts += [f"uns[{key!r}]" for key in gene_wise]
        if self.raw is not None:
            parts += [f"raw.var[{name!r}]" for name in self.raw.var.columns]
            parts += [f"raw.varm[{name!r}]" for name in self.raw.group.get("varm", ())]
        if self.main.label != "X" and self.slots.has_x:
            parts.append("X")
        return parts + ([f"layers[{name!r}]" for name in self.slots.layers] if self.main.label == "raw" else [])
