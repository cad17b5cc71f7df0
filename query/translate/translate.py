"""``homodb.translate``: an AnnData in, a new AnnData in another species' genes out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

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
from homodb.query.translate.options import Options, SlotPolicy, TranslateChoices, read_options
from homodb.query.translate.plan import TranslationPlan, prepare, prepare_raw
from homodb.query.translate.report import TranslationReport, provenance
from homodb.schema.enums import Strategy
from homodb.schema.errors import CountsError, TranslationError
from homodb.schema.names import texts
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata
    import pandas as pd


def lazily(matrix: Any, slot: Slot, links: Links, options: Options, logged: Logged) -> Any:
    """Return a Dask array of target genes.

    What the values are is judged when a block is computed; a block that must not be added up raises
    :class:`~homodb.schema.errors.CountsError` then. Small integers that are added up become 64 bits wide.

    Returns
    -------
    dask.array.Array or Refused
        Cells x target genes, in the chunks of cells that came in; or that it is dropped as asked.
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
    if sp.issparse(matrix._meta):  # blocks come out by rows, however they came in
        meta = (sp.csr_array if isinstance(matrix._meta, sp.sparray) else sp.csr_matrix)(meta)
    return whole.map_blocks(block, chunks=(whole.chunks[0], (links.shape[1],)), dtype=dtype, meta=meta)


#: Entries of uns that do, by their usual names.
_GENE_WISE = ("hvg", "rank_genes_groups", "pca", "rank_velocity_genes", "recover_dynamics")

#: What an entry of uns holds, beside ``names``, when it is a ranking of genes under a name of its own.
_RANKING = {"scores", "params", "pvals", "pvals_adj", "logfoldchanges"}


def gene_level_uns_keys(uns: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the keys of uns that speak of genes.

    Parameters
    ----------
    uns
        The entries; of a table only its index is looked at, of a mapping only its keys.
    names
        Names of var: a table with most of its rows called so is one of genes.
    """
    known = frozenset(filter(None, texts(names)))
    return [key for key, value in uns.items() if key in _GENE_WISE or _ranks(value) or _table_of(value, known)]


def _ranks(value: Any) -> bool:
    keys = set(value) if isinstance(value, Mapping) else set()
    return "names" in keys and bool(keys & _RANKING)


def _table_of(value: Any, names: frozenset[str]) -> bool:
    index = getattr(value, "index", None)
    if index is None or callable(index) or not len(index):
        return False
    return sum(one in names for one in texts(index)) * 2 > len(index)


def translate(
    adata: anndata.AnnData,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    column: str | None = None,
    layer: str | None = None,
    **choices: Unpack[TranslateChoices],
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
        Policies, filters and names: see :class:`homodb.query.translate.options.TranslateChoices`.

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
    release: str | Path | ReleaseFile | None = None,
    column: str | None = None,
    layer: str | None = None,
    **choices: Unpack[TranslateChoices],
) -> tuple[anndata.AnnData, TranslationReport]:
    """Translate an AnnData as :func:`translate` does, and return the report of fates beside it."""
    options = read_options(choices)
    adata = with_tables(adata)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        slots = slots_of(adata)
        main = slots.main(layer)
        matrices = _matrices(slots, main)
        check_slots(list(matrices), options)
        var = adata.raw.var if main.name == "raw" and main.label == "raw" else adata.var
        plan = prepare(opened, var, to, source=source, strategy=strategy, column=column, options=options)
        outcome = TranslationRun(
            plan, options, source is not None, Logged(*logged_of(adata.uns)), groups_of(adata.obs, options.by)
        )
        made = {slot: _made(slot, matrix, adata, outcome, column) for slot, matrix in matrices.items()}
        report = outcome.report(adata.n_obs, _leftovers(adata, slots, main))
    return _put_together(adata, main, made, outcome, report), report


def _matrices(slots: Slots, main: Slot) -> dict[Slot, Any]:
    """Return the matrices to translate, the main one first; raw in place of X has a var of its own, so it is alone."""
    raw = [RAW] if slots.has_raw and main.label != "raw" else []
    return {slot: slots.matrix(slot) for slot in (main, *slots.beside(main), *raw)}


def _made(slot: Slot, matrix: Any, adata: anndata.AnnData, outcome: TranslationRun, column: str | None) -> Any:
    """Return the translated matrix; None where it is dropped."""
    plan: TranslationPlan = outcome.plan
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
    adata: anndata.AnnData, main: Slot, made: dict[Slot, Any], outcome: TranslationRun, report: TranslationReport
) -> anndata.AnnData:
    import anndata

    gene_wise = gene_level_uns_keys(adata.uns, adata.var_names)
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
    block: int | None = None,
    report: Callable[[TranslateProgress], None] = lambda progress: None,
    **choices: Unpack[TranslateChoices],
) -> TranslationReport:
    """Translate an h5ad file or a zarr store; other parameters as in :func:`homodb.translate`.

    Parameters
    ----------
    path
        The file to read.
    output
        The file to write, a zarr store where it ends with ``.zarr``; what is there is replaced when the new one is
        whole. Compression is that of the source.
    block
        Cells to hold in memory at a time; by default so many that they have about four million values.
    report
        Called with how far it is.

    Raises
    ------
    TranslationError
        If the input is not an AnnData file, or cannot be translated as asked.
    OutputError
        If the output is the input, or cannot be written.
    """
    options = read_options(choices)
    check_cells_output(output, path)
    if block is not None and block < 1:
        raise TranslationError(f"a block has {block} cells; it needs at least one")
    with ExitStack() as stack:
        known = stack.enter_context(use_release(release))
        root = stack.enter_context(open_anndata(path))
        partial = stack.enter_context(atomic_output(output))
        if store.is_anndata(root):
            work = _FileTranslation(path, root, partial, column, layer, block, report)
            return work.run(known, to, source, strategy, options)
        told: dict[str, Any] = {
            "source": source,
            "strategy": strategy,
            "release": known,
            "column": column,
            "layer": layer,
        }
        translated, made = translate_with_report(read_anndata(path), to, **told, **choices)
        store.write_whole(translated, partial)
        return made


class _Raw(NamedTuple):
    """What an object has as its raw: the group in the file, and its var."""

    group: Any
    var: pd.DataFrame


class _FileTranslation:
    """One file on its way into another."""

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
        groups = groups_of(store.read_columns(obs, options.by), options.by, store.columns_of(obs))
        plan = prepare(
            release, self._var_of(self.main), to, source=source, strategy=strategy, column=self.column, options=options
        )
        outcome = TranslationRun(plan, options, source is not None, Logged(*self._logged()), groups)
        with store.created(self.partial, self.root) as (out, self.check):
            store.make_group(out, "layers")
            for number, (slot, element) in enumerate(elements.items()):
                self._carry(out, slot, element, outcome, number, len(elements))
            gene_wise = gene_level_uns_keys(self.uns, self.var.index)
            for part in ("obs", "obsm", "obsp"):
                store.copy(self.root, out, part)
                self.check()
            store.copy(self.root, out, "uns", leave=frozenset([*gene_wise, "homodb"]))
            for part in ("varm", "varp"):
                store.make_group(out, part)
            store.write(out, "var", plan.var)
            made = outcome.report(self.cells, self._leftovers(gene_wise))
            earlier = store.read(self.root["uns"], "homodb") if "homodb" in self.uns else None
            store.write(out["uns"], "homodb", provenance(made, earlier))
        return made

    def _elements(self) -> dict[Slot, Any]:
        """Return the matrices to translate, the main one first."""
        raw = [RAW] if self.raw is not None and self.main.label != "raw" else []
        return {slot: self.slots.matrix(slot) for slot in (self.main, *self.slots.beside(self.main), *raw)}

    def _var_of(self, slot: Slot) -> pd.DataFrame:
        return self.raw.var if self.raw is not None and slot.label == "raw" else self.var

    def _carry(self, out: Any, slot: Slot, element: Any, outcome: TranslationRun, number: int, slots: int) -> None:
        """Translate a matrix into its place in the output."""
        plan, parent, key = outcome.plan, out, "X"
        var = self._var_of(slot)
        if slot.label == "raw" and not slot.main:
            try:
                plan = outcome.raw = prepare_raw(plan, var, self.var, self.column)
            except TranslationError as error:
                outcome.drop(slot, Refused(str(error)))
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
        outcome.translate(slot, rows, plan, sink, block=self.block, step=step)
        shutil.rmtree(folder, ignore_errors=True)
        if slot.label == "raw" and not slot.main:
            self._finish_raw(out, plan)

    def _finish_raw(self, out: Any, plan: TranslationPlan) -> None:
        if "X" not in out["raw"]:  # its values forbade it
            del out["raw"]
            return
        store.write(out["raw"], "var", plan.var)
        store.make_group(out["raw"], "varm")

    def _logged(self) -> tuple[bool, float | None]:
        told = self.uns.get("log1p")
        base = store.read(self.root["uns"]["log1p"], "base") if isinstance(told, dict) and "base" in told else None
        return logged_of({"log1p": {"base": base}} if "log1p" in self.uns else {})

    def _leftovers(self, gene_wise: list[str]) -> list[str]:
        """List what no longer holds, but for matrices that their values forbid to add up."""
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
