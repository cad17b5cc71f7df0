"""Define the command ``homodb translate``, and options that other commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from homodb.cli import complete
from homodb.cli.options import (
    ForceOption,
    JsonOption,
    RawTextOption,
    ReleaseOption,
    StrategyOption,
    ToOption,
    open_chosen,
)
from homodb.cli.output import ALL_IN_REPORT, give_blocks, give_json, say
from homodb.cli.progress import cells_bar
from homodb.cli.values import apart, number, refuse, whole
from homodb.schema.errors import TranslationError
from homodb.schema.io import check_apart

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="OUT",
        help="File to write; .zarr for a zarr store. Default: IN with the species added (mouse.human.h5ad).",
    ),
]  # fmt: skip
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="SPECIES", help="Species of the genes; by default found out.", autocompletion=complete.species
    ),
]
ColumnOption = Annotated[
    str | None,
    typer.Option("--column", metavar="NAME", help="Column that holds the gene names: of var, or of a table."),
]
TableOption = Annotated[
    str | None,
    typer.Option(
        "--table",
        metavar="FORM",
        help="Form of a table of genes: complexes, lists (each gene for itself) or pairs; by default found out.",
    ),
]
LayerOption = Annotated[
    str | None, typer.Option("--layer", metavar="NAME", help="Layer to translate in place of X; raw for raw.")
]
ManyToOneOption = Annotated[
    str, typer.Option("--many-to-one", metavar="POLICY", help="sum, mean or max of several source genes.")
]
OneToManyOption = Annotated[
    str,
    typer.Option("--one-to-many", metavar="POLICY", help="A gene with several targets: best, split or all."),
]
SlotOption = Annotated[
    list[str] | None,
    typer.Option(
        "--slot", metavar="NAME=POLICY",
        help="Policy of one matrix (X, raw or a layer): sum, mean, max, expm1-sum-log1p, drop; may be repeated.",
    ),
]  # fmt: skip
ConfidenceOption = Annotated[
    float | None,
    number("--min-confidence", low=0, high=1, metavar="N", help="Least confidence of a pair, 0 or 1."),
]
IdentityOption = Annotated[
    float | None,
    number("--min-identity", low=0, high=100, metavar="PERCENT", help="Least mean identity of a pair, 0 to 100."),
]
CorrelationOption = Annotated[
    float | None,
    number("--min-correlation", low=-1, high=1, metavar="R", help="Least correlation of a pair, -1 to 1."),
]
MissingOption = Annotated[
    str, typer.Option("--missing", metavar="WORD", help="Pairs that lack such a value: keep or drop.")
]
EvidenceOption = Annotated[
    str | None,
    typer.Option(
        "--evidence",
        metavar="CLASSES",
        help="Evidence classes to use (both,ensembl) or to add (+lm_orphan, or +databases: named by 3 databases).",
    ),
]
MeasuredOption = Annotated[
    bool, typer.Option("--measured", help="Choose partners again among the genes that the file has.")
]
ViaOption = Annotated[
    str | None,
    typer.Option(
        "--via",
        metavar="SPECIES",
        help="Go through a third species, also where the two have evidence of their own.",
        autocompletion=complete.species,
    ),
]
KeepOption = Annotated[
    bool, typer.Option("--keep-unmapped", help="Keep source genes without a target, marked (mouse:Xist).")
]
NamesOption = Annotated[
    str,
    typer.Option("--names", metavar="KIND", help="Names of the result: keep (the kind that came in), id or symbol."),
]
GenesOption = Annotated[
    Path | None,
    typer.Option("--genes", metavar="FILE", help="Target genes, one per line: the result has them in this order."),
]
ByOption = Annotated[
    list[str] | None, typer.Option("--by", metavar="COLUMN", help="Column of obs to report shares by; may be repeated.")
]
MarkersOption = Annotated[
    Path | None, typer.Option("--markers", metavar="FILE", help="Genes, one per line, whose fate to report.")
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the report: .tsv, .json or .html.")
]
BlockOption = Annotated[
    int | None,
    whole("--block", low=1, metavar="CELLS", help="Cells to hold in memory at a time; by default worked out."),
]
CompressionOption = Annotated[
    str,
    typer.Option("--compression", metavar="WORD", help="Of the matrices: keep (the input's), none, gzip, lzf or zstd."),
]
FollowLinksOption = Annotated[
    bool, typer.Option("--follow-links", help="Read parts of the input that lie in other files; refused otherwise.")
]


def read_slots(given: list[str] | None) -> dict[str, str]:
    """Return the policies of ``--slot``, by slot.

    Raises
    ------
    TranslationError
        If one is not of the form NAME=POLICY.
    OptionsError
        If one slot has two policies.
    """
    slots: dict[str, str] = {}
    for text in (part for one in given or [] for part in one.split(",")):
        name, sign, policy = text.rpartition("=")
        if not sign or not name:
            raise TranslationError(f"--slot {text}: expected NAME=POLICY, such as X=sum or counts=drop")
        if slots.setdefault(name.strip(), policy.strip()) != policy.strip():
            raise apart(f"--slot {name.strip()}={slots[name.strip()]}", f"--slot {name.strip()}={policy.strip()}")
    return slots


#: Options that apply to gene lists too.
_OF_LISTS = frozenset({
    "context", "path", "output", "target", "source", "strategy", "column", "table", "one_to_many", "names",
    "report_file", "raw_text", "release", "as_json",
})  # fmt: skip


def translate(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(metavar="IN", help="Cells (.h5ad, .zarr), or genes: a list, a table, gene sets (.gmt).")
    ],
    target: ToOption,
    output: OutputOption = None,
    source: SourceOption = None,
    strategy: StrategyOption = None,
    column: ColumnOption = None,
    table: TableOption = None,
    layer: LayerOption = None,
    many_to_one: ManyToOneOption = "sum",
    one_to_many: OneToManyOption = "best",
    slots: SlotOption = None,
    min_confidence: ConfidenceOption = None,
    min_identity: IdentityOption = None,
    min_correlation: CorrelationOption = None,
    missing: MissingOption = "keep",
    evidence: EvidenceOption = None,
    measured: MeasuredOption = False,
    via: ViaOption = None,
    keep_unmapped: KeepOption = False,
    names: NamesOption = "keep",
    genes: GenesOption = None,
    groupby: ByOption = None,
    markers: MarkersOption = None,
    report_file: ReportOption = None,
    raw_text: RawTextOption = False,
    block: BlockOption = None,
    compression: CompressionOption = "keep",
    follow_links: FollowLinksOption = False,
    force: ForceOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Translate cells, or gene lists, into another species' genes.

    Lists are plain ones, tables, and sets of genes. Says what became of every gene and of the counts.

    Example: homodb translate mouse.h5ad --to human -o in_human_genes.h5ad --report fates.html
    """
    from homodb.query.gene_lists import check_cells_or_list, is_list_file

    options: dict[str, Any] = {"source": source, "strategy": strategy, "column": column, "raw_text": raw_text}
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
            choices: dict[str, Any] = {
                "many_to_one": many_to_one, "one_to_many": one_to_many, "slots": read_slots(slots),
                "min_confidence": min_confidence, "min_identity": min_identity, "min_correlation": min_correlation,
                "missing": missing, "evidence": evidence, "measured": measured, "via": via,
                "keep_unmapped": keep_unmapped, "names": names, "genes": genes, "groupby": groupby, "markers": markers,
            }  # fmt: skip
            choices |= {"layer": layer, "block": block, "compression": compression}
            choices |= {"follow_links": follow_links, "force": force}
            report = _translate_cells(path, output, target, report_file, **options, **choices)
    if as_json:
        totals = {"output": str(output), **report.totals()}
        give_json(totals)
        return
    give_blocks(report.blocks(), hint="" if report_file else ALL_IN_REPORT)
    say(f"\nwritten: {output}" + (f", {report_file}" if report_file else ""))


def _beside(path: Path, target: str) -> Path:
    """Return the input's name with the species before its ending."""
    from homodb.schema.errors import UnknownSpeciesError
    from homodb.schema.species import find, normalise

    try:
        name = find(target).common_name.replace(" ", "_")
    except UnknownSpeciesError:  # only its release may know it
        name = normalise(target)
    return path.with_name(f"{path.stem}.{name}{path.suffix or '.h5ad'}")


def _translate_list(
    path: Path, output: Path, target: str, report_file: Path | None, *, raw_text: bool, **options: Any
) -> Any:
    from homodb.query.gene_lists import translate_list_file
    from homodb.query.results import check_report, write_report

    if report_file is not None:
        check_report(report_file, path, output)
    report = translate_list_file(path, output, target, **options)
    if report_file is not None:
        write_report(report, report_file, raw_text=raw_text)
    return report


def _refuse_for_lists(context: typer.Context) -> None:
    """Refuse options that have no meaning for gene lists."""
    names = (parameter.name or "" for parameter in context.command.params)
    why = f"is for files of cells; {context.params['path']} is a list of genes"
    refuse(context, (name for name in names if name not in _OF_LISTS), why, error=TranslationError)


def _translate_cells(
    path: Path, output: Path, target: str, report_file: Path | None, *, raw_text: bool, **options: Any
) -> Any:
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
        write_report(report, report_file, raw_text=raw_text)
    return report
