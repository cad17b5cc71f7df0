"""Define the command ``homodb build``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.options import BaseOption, DivisionOption, JsonOption, OfflineOption
from homodb.cli.output import give_json, megabytes, say, say_losses
from homodb.cli.progress import bars, pace_of
from homodb.cli.values import ensembl_release, refuse
from homodb.schema.errors import OptionsError, printable
from homodb.schema.messages import counted

if TYPE_CHECKING:
    from homodb.etl import Step


#: Options that a config sets itself.
_OF_ENSEMBL = ("ensembl", "species", "model", "base", "division")


def build(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the release.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CONFIG.toml|FILES",
            help="The build config; or BioMart exports, Compara dumps, HCOP tables, FASTA, GTF, tables of genes.",
        ),
    ] = None,
    add_to: Annotated[
        str | None,
        typer.Option("--add-to", metavar="RELEASE", help="With files: add the genes and synonyms of a release."),
    ] = None,
    ensembl: Annotated[
        str | None,
        ensembl_release("--ensembl", help="Without a config: fetch from this Ensembl release, or of this date."),
    ] = None,
    species: Annotated[
        str | None, typer.Option("--species", metavar="NAMES", help="With --ensembl: species, separated by commas.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="With --ensembl: embed by kmer or an ESM2 checkpoint.")
    ] = None,
    base: BaseOption = None,
    division: DivisionOption = "vertebrates",
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build a release from a config, files, or Ensembl.

    The folder appears whole or not at all; an earlier build of the same version in it is replaced. Of files alone,
    species and direction are read from headers, IDs and file names, and the config is written beside the release.

    Example: homodb build release.toml -o rel

    Example: homodb build human_mouse.csv.gz -o rel --add-to starter

    Example: homodb build --ensembl 113 --species human,mouse,pig --model kmer -o rel
    """
    from rich.progress import TimeElapsedColumn

    from homodb.etl import BuildConfig, EnsemblConfig, build_release, config_from_files
    from homodb.etl.fetch import config_from_ensembl, parse_accessions

    settings: Path | BuildConfig
    if inputs and (len(inputs) > 1 or not (inputs[0].is_dir() or inputs[0].suffix == ".toml")):
        refuse(context, _OF_ENSEMBL, "is for a build without files: they say which species they are of")
        settings = config_from_files(inputs, output, None if add_to is None else _base(add_to))
        say(f"config: {output.with_name(output.name + '.toml')}", err=True)
    elif inputs:
        refuse(context, ("add_to",), f"is for a build of files: {inputs[0]} says it in [base]")
        refuse(
            context, _OF_ENSEMBL, f"is for a build without a config: {inputs[0]} says it in [ensembl] or [embedding]"
        )
        settings = inputs[0]
    elif ensembl is not None:
        refuse(context, ("add_to",), "is for a build of files: a config says it in [base]")
        accessions = parse_accessions(species)
        wanted = EnsemblConfig(release=ensembl, division=division, base=base, accessions=accessions)
        settings = config_from_ensembl(wanted, species, model)
    else:
        raise OptionsError("there is nothing to build from: give a config, files, or --ensembl N and --species NAMES")
    with bars(TimeElapsedColumn()) as progress:
        bar = progress.add_task("reading the config", total=None)
        begun = time.perf_counter()

        def report(step: Step) -> None:
            nonlocal begun
            begun = begun if step.part and step.part[0] else time.perf_counter()
            unit = "bytes" if step.name == "fetch" else "tokens"
            pace = pace_of(step.part, time.perf_counter() - begun, unit) if step.part else ""
            described = f"{step.name} {step.subject}{pace}"
            progress.update(bar, description=described, completed=step.done, total=step.total)
            if step.rows is not None and not as_json:
                line = f"{step.name:<15} {step.subject:<34} {step.rows:>9,} rows {step.seconds:>6.2f} s"
                progress.console.print(printable(line), soft_wrap=True)

        manifest = build_release(settings, output, offline=offline, report=report)
    if as_json:
        give_json({"path": str(output), **json.loads(manifest.to_json())})
        return
    say_losses(manifest.losses, err=True)
    size = megabytes(sum(file.bytes for file in manifest.files))
    genes, rows = counted(manifest.rows["gene"], "gene"), counted(manifest.rows["mapping"], "mapping row")
    by = f" by {', '.join(manifest.strategies)}" if manifest.strategies else ""
    say(f"release {manifest.version}: {len(manifest.species)} species, {genes}, {rows}{by}; {size} in {output}")


def _base(release: str) -> Path:
    """Return the folder of a release that is named."""
    from homodb.query.release import locate

    path = locate(release)
    return path if path.is_dir() else path.parent
