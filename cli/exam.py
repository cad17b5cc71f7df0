"""Define the command ``homodb exam``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import FileOption, FormatOption, JsonOption, RawTextOption, ReleaseOption, open_chosen
from homodb.cli.output import ALL_IN_JSON, Format, chosen, give, give_blocks
from homodb.cli.progress import late_status
from homodb.cli.values import apart, word
from homodb.schema.enums import ExamBy
from homodb.schema.io import check_there


def exam(
    context: typer.Context,
    truth: Annotated[Path, typer.Option("--truth", metavar="FILE", help="All true ortholog pairs, tab separated.")],
    path: Annotated[str | None, typer.Argument(metavar="RELEASE", help="The release; also by --release.")] = None,
    genes: Annotated[Path | None, typer.Option("--genes", metavar="FILE", help="All genes that exist.")] = None,
    by: Annotated[ExamBy | None, word("--by", kind=ExamBy, help="One question alone; by default all")] = None,
    form: FormatOption = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the strategies against a known truth.

    Precision, recall and F1 over ortholog pairs and over one-to-one families; by evidence class, divergence and
    family size.

    Example: homodb exam rel --truth truth.tsv.gz --by strategy
    """
    from homodb.query.exam import exam as examine

    if path and release:
        raise apart("RELEASE", "--release")
    form = chosen(form, as_json, output, truth, genes)
    check_there(truth, genes)
    with open_chosen(context, path or release) as opened, late_status("scoring the strategies"):
        result = examine(opened, truth, genes=genes)
    if form is not Format.TABLE:
        give(result.rows(by), form, output, raw_text=raw_text)
        return
    give_blocks(result.blocks(by), ALL_IN_JSON)
