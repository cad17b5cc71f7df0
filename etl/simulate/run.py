"""Simulate a clade: the function behind ``homodb simulate``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from homodb.etl.simulate.annotation import SimulatedAnnotation, annotate_genes
from homodb.etl.simulate.calling import ERRORS, Calls, call_orthologs
from homodb.etl.simulate.cells import Expression, draw_expression, write_cells
from homodb.etl.simulate.families import grow_families
from homodb.etl.simulate.genome import lay_out_genome
from homodb.etl.simulate.histories import read_histories
from homodb.etl.simulate.homologies import called_table, other_homologies, write_biomart, write_compara
from homodb.etl.simulate.layout import Layout
from homodb.etl.simulate.proteome import ProteomeWriter
from homodb.etl.simulate.settings import Settings, SimulationProgress, Summary
from homodb.etl.simulate.species import SpeciesTree, species_tree
from homodb.etl.simulate.write import write_annotation, write_configs, write_names, write_truth
from homodb.etl.write import staged_folder
from homodb.schema.errors import OutputError
from homodb.schema.io import check_folder


def simulate(
    output: Path,
    settings: Settings | None = None,
    *,
    report: Callable[[SimulationProgress], None] = lambda progress: None,
) -> Summary:
    """Simulate a clade, and write the inputs of a build, cells and the truth.

    Parameters
    ----------
    output
        New or empty folder. It is complete or absent.
    settings
        Sizes, rates and seed.
    report
        Callback that receives the progress.

    Returns
    -------
    Summary
        Summary of the simulation.

    Raises
    ------
    ConfigError
        If sizes or rates are out of bounds.
    OutputError
        If the folder is not empty or not writable.

    Notes
    -----
    The same settings give the same files. Families (birth and death: Kendall 1948), gene order, proteins (LG: Le and
    Gascuel 2008), names, errors and cells have their own random streams.
    """
    check_folder(output)
    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output}: is not empty. Use a new or empty folder")
    with staged_folder(output) as folder:
        return _Simulation(folder, settings or Settings(), report).run(output)


class _Simulation:
    """One run of a simulation."""

    def __init__(self, folder: Path, settings: Settings, report: Callable[[SimulationProgress], None]) -> None:
        self.settings, self.report = settings, report
        self.tree: SpeciesTree = species_tree(settings.species)
        self.layout = Layout(folder, self.tree.species)

    def run(self, output: Path) -> Summary:
        settings, tree, layout = self.settings, self.tree, self.layout
        self.report(SimulationProgress("families", 0, 1))
        trees = grow_families(tree, settings)
        histories = read_histories(trees, tree)
        genome = lay_out_genome(trees, tree, histories, settings)
        annotation = annotate_genes(trees, tree, histories, genome, settings)
        calls = call_orthologs(trees, histories, settings)
        self.report(SimulationProgress("families", 1, 1))
        paralogs = histories.paralogs
        writer = ProteomeWriter(trees, tree, histories, annotation, settings)
        transcripts, identity = writer.write(
            np.concatenate([calls.a, paralogs["a"]]),
            np.concatenate([calls.b, paralogs["b"]]),
            layout,
            lambda done, total: self.report(SimulationProgress("proteins", done, total)),
        )
        of_calls, of_paralogs = identity[:, : len(calls.a)], identity[:, len(calls.a) :]
        called = called_table(calls, of_calls, histories, tree, genome, annotation, settings)
        homologies = pl.concat([called, other_homologies(histories, annotation, of_paralogs, called)])
        write_compara(homologies, tree, annotation, transcripts, layout, settings)
        write_biomart(called, tree, annotation, layout)
        for index in range(len(tree.species)):
            self.report(SimulationProgress("annotation", index, len(tree.species)))
            write_annotation(index, annotation, transcripts, layout)
            write_names(index, annotation, transcripts, layout, settings)
        expression = draw_expression(trees, tree, histories, settings)
        write_truth(calls, of_calls, histories, annotation, tree, expression.expressed_as, layout)
        write_configs(layout, tree, settings)
        cells = self._cells(annotation, expression) if settings.cells else 0
        return self._summary(output, annotation, len(transcripts.row), calls, homologies.height, cells)

    def _cells(self, annotation: SimulatedAnnotation, expression: Expression) -> int:
        done = 0
        for index in range(len(self.tree.species)):

            def report(cells: int, before: int = done) -> None:
                self.report(SimulationProgress("cells", before + cells, self.settings.cells))

            done += write_cells(index, self.tree, annotation, expression, self.layout, self.settings, report)
        return done

    def _summary(
        self, output: Path, annotation: SimulatedAnnotation, proteins: int, calls: Calls, homologies: int, cells: int
    ) -> Summary:
        errors = np.bincount(calls.error, minlength=len(ERRORS))
        return Summary(
            path=output,
            config=output / "release.toml",
            species=tuple(one.name for one in self.tree.species),
            genes=len(annotation.symbol),
            proteins=proteins,
            orthologs=int((calls.true_type >= 0).sum()),
            homologies=homologies,
            cells=cells,
            errors={name: int(errors[number]) for number, name in enumerate(ERRORS) if name},
            planted=dict(sorted(Counter(trait for traits in annotation.planted for trait in traits).items())),
        )
