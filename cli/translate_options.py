"""Define policies, filters and names of ``homodb translate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.together import apart
from homodb.cli.values import number, whole
from homodb.schema.errors import TranslationError

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
    bool, typer.Option("--measured", help="Choose partners anew among the genes that the file has.")
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
    list[str] | None, typer.Option("--by", metavar="COLUMN", help="Column of obs to tell shares by; may be repeated.")
]
MarkersOption = Annotated[
    Path | None, typer.Option("--markers", metavar="FILE", help="Genes, one per line, whose fate to tell.")
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the report: .tsv, .json or .html.")
]
BlockOption = Annotated[
    int | None,
    whole("--block", low=1, metavar="CELLS", help="Cells to hold in memory at a time; by default worked out."),
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
            raise TranslationError(f"--slot {text}: wanted NAME=POLICY, such as X=sum or counts=drop")
        if slots.setdefault(name.strip(), policy.strip()) != policy.strip():
            raise apart(f"--slot {name.strip()}={slots[name.strip()]}", f"--slot {name.strip()}={policy.strip()}")
    return slots
