"""Define the command ``homodb join``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import (
    CellsOption,
    EachColumnOption,
    EachLayerOption,
    EachSpeciesOption,
    Expm1Option,
    ForceOption,
    JsonOption,
    OneToOneOption,
    RawTextOption,
    ReleaseOption,
    each,
    listed,
    open_chosen,
)
from homodb.cli.output import ALL_IN_REPORT, give_blocks, give_json, say
from homodb.cli.progress import cells_bar
from homodb.cli.translate import BlockOption, CompressionOption, MeasuredOption, NamesOption, ReportOption
from homodb.cli.values import refuse, whole


def join(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="IN...", help="Two or more files of cells (.h5ad, .zarr).")],
    output: CellsOption,
    species: EachSpeciesOption = None,
    strategy: OneToOneOption = None,
    via: Annotated[
        str | None,
        typer.Option(
            "--via",
            metavar="SPECIES",
            help="The hub that all are joined to; needs no file.",
            autocompletion=complete.species,
        ),
    ] = None,
    features: Annotated[
        str, typer.Option("--features", metavar="KIND", help="Under ens_m2m: group (orthologs added up) or copy.")
    ] = "group",
    largest: Annotated[int, whole("--largest", low=2, help="Most genes of a group.")] = 20,
    too_large: Annotated[
        str, typer.Option("--too-large", metavar="WORD", help="Groups with more genes: leave (out) or refuse.")
    ] = "leave",
    consistent: Annotated[
        bool, typer.Option("--consistent", help="Only rows that every direct pair of species confirms.")
    ] = False,
    measured: MeasuredOption = False,
    shared_types: Annotated[
        str | None,
        typer.Option("--shared-types", metavar="COLUMN", help="Only cells whose value there all species have."),
    ] = None,
    column: EachColumnOption = None,
    layer: EachLayerOption = None,
    names: NamesOption = "keep",
    report_file: ReportOption = None,
    raw_text: RawTextOption = False,
    block: BlockOption = None,
    compression: CompressionOption = "keep",
    expm1: Expm1Option = False,
    force: ForceOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Join cells of several species over shared genes.

    Into one file, over a joint gene table. Says what became of the genes and of the counts of every file.

    Example: homodb join human.h5ad mouse.h5ad pig.h5ad --species human,mouse,pig --via mouse -o joint.h5ad
    """
    from homodb.query.join import join_to_file
    from homodb.query.results import check_report, write_report
    from homodb.schema.enums import Strategy, find_strategy

    if report_file is not None:
        check_report(report_file, output, *paths)
    if find_strategy(strategy or Strategy.HM_O2O) is not Strategy.ENS_M2M:
        refuse(context, ("features", "largest", "too_large"), "is for --strategy ens_m2m, whose genes may form groups")
    with open_chosen(context, release) as opened, cells_bar() as show:
        report = join_to_file(
            paths, output, species=listed(species), strategy=strategy, release=opened, via=via, features=features,
            largest=largest, too_large=too_large, consistent=consistent, measured=measured, shared_types=shared_types,
            column=each(column), layer=each(layer), names=names, block=block, compression=compression, expm1=expm1,
            force=force, progress=show,
        )  # fmt: skip
    if report_file is not None:
        write_report(report, report_file, raw_text=raw_text)
    if as_json:
        give_json({"output": str(output), **report.totals()})
        return
    give_blocks(report.blocks(), hint="" if report_file else ALL_IN_REPORT)
    say(f"\nwritten: {output}" + (f", {report_file}" if report_file else ""))
