"""Translating files, h5ad and zarr: in runs of rows, so that memory is set by the run and not by the file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from homodb.query.release import Release, open_release
from homodb.query.stored import check_cells_output, opened, read_whole
from homodb.query.translate import stores
from homodb.query.translate.carry import Progress
from homodb.query.translate.elements import rows_of
from homodb.query.translate.leftovers import gene_wise_uns
from homodb.query.translate.options import Choices, Options, read_options
from homodb.query.translate.outcome import Outcome, groups_of
from homodb.query.translate.places import whole
from homodb.query.translate.plan import Plan
from homodb.query.translate.prepare import logged_of, prepare, prepare_raw
from homodb.query.translate.report import TranslationReport, provenance
from homodb.query.translate.slots import RAW, Logged, Refused, Slot, check_slots, stored_slots
from homodb.query.translate.translate import translate_with_report
from homodb.query.translate.writers import file_sink
from homodb.schema.errors import TranslationError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import pandas as pd


def translate_file(
    path: Path,
    output: Path,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    column: str | None = None,
    layer: str | None = None,
    block: int | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **choices: Unpack[Choices],
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
        known = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        root = stack.enter_context(opened(path))
        partial = stack.enter_context(whole(output))
        if stores.is_anndata(root):
            work = _Work(path, root, partial, column, layer, block, report)
            return work.run(known, to, source, strategy, options)
        told: dict[str, Any] = {
            "source": source,
            "strategy": strategy,
            "release": known,
            "column": column,
            "layer": layer,
        }
        translated, made = translate_with_report(read_whole(path), to, **told, **choices)
        stores.write_whole(translated, partial)
        return made


class _Raw(NamedTuple):
    """What an object has as its raw: the group in the file, and its var."""

    group: Any
    var: pd.DataFrame


class _Work:
    """One file on its way into another."""

    def __init__(
        self, path: Path, root: Any, partial: Path, column: str | None, layer: str | None, block: int | None,
        progress: Callable[[Progress], None],
    ) -> None:  # fmt: skip
        self.path, self.root, self.partial = path, root, partial
        self.column, self.block, self.progress = column, block, progress
        self.slots = stored_slots(root)
        self.raw = _Raw(root["raw"], stores.read(root["raw"], "var")) if self.slots.has_raw else None
        self.main = self.slots.main(layer)
        self.cells = stores.height(root["obs"])
        self.var = stores.read(root, "var")
        self.uns = stores.peek(root["uns"]) if "uns" in root else {}

    def run(
        self, release: Release, to: str | int | Species, source: str | int | Species | None,
        strategy: str | Strategy | None, options: Options,
    ) -> TranslationReport:  # fmt: skip
        elements = self._elements()
        check_slots(list(elements), options)
        obs = self.root["obs"]
        groups = groups_of(stores.read_columns(obs, options.by), options.by, stores.columns_of(obs))
        plan = prepare(
            release, self._var_of(self.main), to, source=source, strategy=strategy, column=self.column, options=options
        )
        outcome = Outcome(plan, options, source is not None, Logged(*self._logged()), groups)
        with stores.created(self.partial, self.root) as (out, self.check):
            stores.make_group(out, "layers")
            for number, (slot, element) in enumerate(elements.items()):
                self._carry(out, slot, element, outcome, number, len(elements))
            gene_wise = gene_wise_uns(self.uns, self.var.index)
            for part in ("obs", "obsm", "obsp"):
                stores.copy(self.root, out, part)
                self.check()
            stores.copy(self.root, out, "uns", leave=frozenset([*gene_wise, "homodb"]))
            for part in ("varm", "varp"):
                stores.make_group(out, part)
            stores.write(out, "var", plan.var)
            made = outcome.report(self.cells, self._leftovers(gene_wise))
            earlier = stores.read(self.root["uns"], "homodb") if "homodb" in self.uns else None
            stores.write(out["uns"], "homodb", provenance(made, earlier))
        return made

    def _elements(self) -> dict[Slot, Any]:
        """Return the matrices to translate, the main one first."""
        raw = [RAW] if self.raw is not None and self.main.label != "raw" else []
        return {slot: self.slots.matrix(slot) for slot in (self.main, *self.slots.beside(self.main), *raw)}

    def _var_of(self, slot: Slot) -> pd.DataFrame:
        return self.raw.var if self.raw is not None and slot.label == "raw" else self.var

    def _carry(self, out: Any, slot: Slot, element: Any, outcome: Outcome, number: int, slots: int) -> None:
        """Translate a matrix into its place in the output."""
        plan, parent, key = outcome.plan, out, "X"
        var = self._var_of(slot)
        if slot.label == "raw" and not slot.main:
            try:
                plan = outcome.raw = prepare_raw(plan, var, self.var, self.column)
            except TranslationError as error:
                outcome.drop(slot, Refused(str(error)))
                return
            parent = stores.make_group(out, "raw", stores.RAW_GROUP)
        elif not slot.main:
            parent, key = out["layers"], slot.name
        folder = self.partial.parent / f"turned-{number}"
        rows, like = rows_of(element, (self.cells, len(var)), f"{self.path}: {slot.label}", folder, self.block)
        sink = file_sink(parent, key, (self.cells, plan.links.shape[1]), rows.sparse, like)
        done, total = number * self.cells, slots * self.cells

        def step(row: int) -> None:
            self.check()
            self.progress(Progress(slot.label, done + row, total))

        step(0)
        outcome.translate(slot, rows, plan, sink, block=self.block, step=step)
        shutil.rmtree(folder, ignore_errors=True)
        if slot.label == "raw" and not slot.main:
            self._finish_raw(out, plan)

    def _finish_raw(self, out: Any, plan: Plan) -> None:
        if "X" not in out["raw"]:  # its values forbade it
            del out["raw"]
            return
        stores.write(out["raw"], "var", plan.var)
        stores.make_group(out["raw"], "varm")

    def _logged(self) -> tuple[bool, float | None]:
        told = self.uns.get("log1p")
        base = stores.read(self.root["uns"]["log1p"], "base") if isinstance(told, dict) and "base" in told else None
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
