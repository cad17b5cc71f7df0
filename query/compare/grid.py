"""The line that every mapping runs through: joined, prepared once, integrated by every method, scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from homodb.query.cells import CellSource, atomic_output, store
from homodb.query.compare.pairings import Pairing
from homodb.query.compare.result import Row
from homodb.query.integrate import IntegrateSettings, IntegrationMethod, add_prepared, prepare, read_joint
from homodb.query.join import JoinOptions, JoinReport, JoinRun, joined
from homodb.query.release import ReleaseFile
from homodb.query.score import score
from homodb.query.translate import Fate
from homodb.schema.errors import IntegrationError

if TYPE_CHECKING:
    import anndata


@dataclass(frozen=True)
class CompareProgress:
    """How far a comparison is.

    Parameters
    ----------
    pairing, step
        What is at work.
    done, total
        Cells of the grid: mappings by methods.
    """

    pairing: str
    step: str
    done: int
    total: int


@dataclass(frozen=True)
class Pipeline:
    """What every mapping runs through.

    Parameters
    ----------
    release, sources, options
        What is joined, and how.
    methods, settings
        What it is integrated by.
    scoring
        Keyword arguments of the score: label, donor_key, profile, seed.
    folder
        Where there is room.
    keep
        Folder for the joint objects, or None.
    """

    release: ReleaseFile
    sources: Sequence[CellSource]
    options: JoinOptions
    methods: Sequence[IntegrationMethod]
    settings: IntegrateSettings
    scoring: Mapping[str, Any]
    folder: Path
    keep: Path | None = None


def run_grid(
    line: Pipeline, pairings: Iterator[Pairing], total: int, report: Callable[[CompareProgress], None]
) -> Iterator[Row]:  # fmt: skip
    """Give a row for each mapping and method, one after another.

    Parameters
    ----------
    line
        What every mapping runs through.
    pairings
        The mappings; those without a plan are passed over.
    total
        How many mappings.
    report
        Called as each step begins.
    """
    cells = total * len(line.methods)
    for number, pairing in enumerate(pairings):
        if pairing.plan is not None:
            done = number * len(line.methods)
            yield from _rows(
                line, pairing, lambda step, more=0, name=pairing.name, done=done: report(
                    CompareProgress(name, step, done + more, cells)
                ),
            )  # fmt: skip


def _rows(line: Pipeline, pairing: Pairing, report: Callable[..., None]) -> Iterator[Row]:
    """Run one mapping; a method that cannot integrate it gives a row that says why."""
    report("joining")
    run = JoinRun(line.release, line.sources, None, None, line.options, pairing.plan)
    adata, told = joined(run, line.folder)
    about = carried(told)
    report("preparing")
    joint = read_joint(
        adata, line.settings, species_key="species", species=None, layer=None, size_factors="shared"
    )  # fmt: skip
    prepared = prepare(joint, line.settings)
    for number, method in enumerate(line.methods):
        report(method.name, number)
        try:
            add_prepared(adata, prepared, method, line.settings, label=line.scoring["label"])
        except IntegrationError as error:
            yield Row(pairing.name, method.name, told.feature_count, about, None, str(error))
            continue
        report(f"{method.name}, scores", number)
        found = score(adata, key=method.key, baseline=_baseline(line, method), species_key="species", **line.scoring)
        yield Row(pairing.name, method.name, told.feature_count, about, found)
    if line.keep is not None:
        _keep(adata, line.keep / f"{pairing.name.lower().replace(' ', '_')}.h5ad")


def _baseline(line: Pipeline, method: IntegrationMethod) -> str | Literal[False]:
    """Return the key of the same mapping without integration where a score needs it; it comes before other methods."""
    there = method.name != "none" and any(one.name == "none" for one in line.methods)
    return "pca" if there and line.scoring["profile"] != "pllm" else False


def carried(report: JoinReport) -> pl.DataFrame:
    """Return ``species, genes, carried``: how many genes are in a feature, and their share of the species' counts."""
    genes = pl.col("fate") != Fate.NOT_A_GENE
    mapped = pl.col("fate") == Fate.MAPPED
    name = pl.coalesce("stable_id", "name")
    common = report.files.select("species", "common_name").unique("species")
    told = report.fates.filter(genes).group_by("species", maintain_order=True).agg(
        genes=name.filter(mapped).n_unique().cast(pl.Int64),
        part=pl.col("counts").filter(mapped).sum(), whole=pl.col("counts").sum(),
    )  # fmt: skip
    share = pl.when(pl.col("whole") > 0).then(pl.col("part") / pl.col("whole"))
    return told.join(common, on="species", how="left", maintain_order="left").select(
        species="common_name", genes="genes", carried=share
    )


def _keep(adata: anndata.AnnData, path: Path) -> None:
    with atomic_output(path) as partial:
        store.write_whole(adata, partial)
