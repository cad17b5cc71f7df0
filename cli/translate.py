"""Define the command ``homodb translate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from homodb.cli import translate_options as own
from homodb.cli.options import JsonOption, ReleaseOption, StrategyOption, ToOption, open_chosen
from homodb.cli.output import ALL_IN_REPORT, give_blocks, give_json
from homodb.cli.progress import cells_bar
from homodb.cli.together import refuse
from homodb.schema.errors import TranslationError
from homodb.schema.io import check_apart

#: Options that apply to gene lists too.
_OF_LISTS = frozenset({
    "context", "path", "output", "target", "source", "strategy", "column", "table", "one_to_many", "names",
    "report_file", "release", "as_json",
})  # fmt: skip


def translate(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="IN", help="Cells (.h5ad, .zarr), or genes: a list, a table, gene sets (.gmt).")
    ],
    target: ToOption,
    output: own.OutputOption = None,
    source: own.SourceOption = None,
    strategy: StrategyOption = None,
    column: own.ColumnOption = None,
    table: own.TableOption = None,
    layer: own.LayerOption = None,
    many_to_one: own.ManyToOneOption = "sum",
    one_to_many: own.OneToManyOption = "best",
    slots: own.SlotOption = None,
    min_confidence: own.ConfidenceOption = None,
    min_identity: own.IdentityOption = None,
    min_correlation: own.CorrelationOption = None,
    missing: own.MissingOption = "keep",
    evidence: own.EvidenceOption = None,
    measured: own.MeasuredOption = False,
    via: own.ViaOption = None,
    keep_unmapped: own.KeepOption = False,
    names: own.NamesOption = "keep",
    genes: own.GenesOption = None,
    groupby: own.ByOption = None,
    markers: own.MarkersOption = None,
    report_file: own.ReportOption = None,
    block: own.BlockOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Carry an AnnData, or gene lists, into another species' genes.

    Lists are plain ones, tables, and sets of genes. Says what became of every gene and of the counts.

    Example: homodb translate mouse.h5ad --to human -o in_human_genes.h5ad --report fates.html
    """
    from homodb.query.gene_lists import check_cells_or_list, is_list_file

    options: dict[str, Any] = {"source": source, "strategy": strategy, "column": column}
    is_list = is_list_file(path)
    output = output or _beside(path, target)
    if is_list:
        _refuse_for_lists(context)
    else:
        check_cells_or_list(path)
    with open_chosen(context, release) as opened:
        options["release"] = opened
        if is_list:
            options |= {"one_to_many": one_to_many, "names": names, "table": table}
            report: Any = _translate_list(path, output, target, report_file, **options)
        else:
            choices = {
                "many_to_one": many_to_one, "one_to_many": one_to_many, "slots": own.read_slots(slots),
                "min_confidence": min_confidence, "min_identity": min_identity, "min_correlation": min_correlation,
                "missing": missing, "evidence": evidence, "measured": measured, "via": via,
                "keep_unmapped": keep_unmapped, "names": names, "genes": genes, "groupby": groupby, "markers": markers,
            }  # fmt: skip
            report = _translate_cells(path, output, target, report_file, layer=layer, block=block, **options, **choices)
    if as_json:
        totals = {"output": str(output), **report.totals()}
        give_json(totals)
        return
    give_blocks(report.blocks(), hint="" if report_file else ALL_IN_REPORT)
    typer.echo(f"\nwritten: {output}" + (f", {report_file}" if report_file else ""))


def _beside(path: Path, target: str) -> Path:
    """Return the input's name with the species before its ending."""
    from homodb.schema.species import find

    return path.with_name(f"{path.stem}.{find(target).common_name.replace(' ', '_')}{path.suffix or '.h5ad'}")


def _translate_list(path: Path, output: Path, target: str, report_file: Path | None, **options: Any) -> Any:
    from homodb.query.gene_lists import translate_list_file
    from homodb.query.results import check_report, write_report

    if report_file is not None:
        check_report(report_file, path, output)
    report = translate_list_file(path, output, target, **options)
    if report_file is not None:
        write_report(report, report_file)
    return report


def _refuse_for_lists(context: typer.Context) -> None:
    """Refuse options that have no meaning for gene lists."""
    names = (parameter.name or "" for parameter in context.command.params)
    why = f"is for files of cells; {context.params['path']} is a list of genes"
    refuse(context, (name for name in names if name not in _OF_LISTS), why, error=TranslationError)


def _translate_cells(path: Path, output: Path, target: str, report_file: Path | None, **options: Any) -> Any:
    from homodb.query.results import check_report, write_report
    from homodb.query.translate import translate_file

    lists = [one for one in (options["genes"], options["markers"]) if one is not None]
    for one in lists:
        check_apart(one, output)
    if report_file is not None:
        check_report(report_file, path, output, *lists)
    with cells_bar() as show:
        report = translate_file(path, output, target, progress=show, **options)
    if report_file is not None:
        write_report(report, report_file)
    return report
