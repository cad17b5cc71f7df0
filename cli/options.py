"""Define options that several commands share, and parse their values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli import complete
from homodb.cli.output import Format, say
from homodb.cli.progress import late_status
from homodb.cli.values import ensembl_release, whole, word
from homodb.schema.errors import OptionsError

if TYPE_CHECKING:
    from homodb.query.api import Release


def _located(release: str | None) -> str | None:
    """Check that the release exists, even if a command does not need it."""
    if release == "":
        raise OptionsError("--release is empty: name a release, or leave it out")
    if release is not None:
        from homodb.query.release import locate

        locate(release)
    return release


ReleaseOption = Annotated[
    str | None,
    typer.Option(
        "--release",
        metavar="PATH|NAME",
        callback=_located,
        autocompletion=complete.releases,
        help="Release to use: its folder, its .duckdb file, or its name. Default: $HOMODB_RELEASE, then what homodb "
        "use names, then the newest in the cache, then the starter release.",
    ),
]
CellsOption = Annotated[
    Path, typer.Option("-o", "--output", metavar="OUT", help="File to write; .zarr for a zarr store.")
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from", metavar="SPECIES", help="Species of the genes, by any name.", autocompletion=complete.species
    ),
]
ToOption = Annotated[
    str, typer.Option("--to", metavar="SPECIES", help="Species to go to, by any name.", autocompletion=complete.species)
]
_FIVE = "ens_m2m, ens_o2o, hm_o2o, lm_o2o or hl_o2o. Default: {}; lm_o2o where Ensembl has nothing."
StrategyOption = Annotated[
    str | None,
    typer.Option("--strategy", metavar="NAME", help=_FIVE.format("ens_m2m"), autocompletion=complete.strategies),
]
OneToOneOption = Annotated[
    str | None,
    typer.Option("--strategy", metavar="NAME", help=_FIVE.format("hm_o2o"), autocompletion=complete.strategies),
]
FormatOption = Annotated[
    Format | None, word("--format", kind=Format, help="How to give the answer; by default as FILE ends, else table")
]
FileOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="File to write: .csv, .tsv, .json, .parquet, .arrow."),
]
RawTextOption = Annotated[
    bool,
    typer.Option(
        "--raw-text",
        help="Keep text such as =1+1 in CSV and TSV; by default an apostrophe stops spreadsheets from running it.",
    ),
]
EmbeddingOption = Annotated[
    str | None,
    typer.Option("--embedding", metavar="NAME", help="Embedding, such as kmer-mean. Default: the release's own."),
]
EnsemblOption = Annotated[
    str, ensembl_release("--ensembl", help="Ensembl release, or date of its gene sets, to fetch from.")
]
SpeciesListOption = Annotated[
    str,
    typer.Option(
        "--species",
        metavar="NAMES",
        help="Species, by any names, separated by commas; NAME=ACCESSION for one of several assemblies.",
        autocompletion=complete.several_species,
    ),
]
BaseOption = Annotated[
    str | None, typer.Option("--base", metavar="URL", help="Folder of the releases, for mirrors. Default: Ensembl's.")
]
DivisionOption = Annotated[
    str, typer.Option("--division", metavar="NAME", help="vertebrates, plants, metazoa, fungi or protists.")
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Ask for nothing: take what was fetched before.")]
CatalogOption = Annotated[
    str | None,
    typer.Option(
        "--catalog",
        metavar="FOLDER|URL",
        help="Where releases come from. Default: $HOMODB_CATALOG, else the configuration file.",
    ),
]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="HOST", help="Host that the catalog's server may redirect to. Repeatable."),
]
LabelOption = Annotated[str, typer.Option("--label", metavar="COLUMN", help="Column of obs with cell types.")]
SpeciesKeyOption = Annotated[
    str, typer.Option("--species-key", metavar="COLUMN", help="Column of obs with the species.")
]
EachSpeciesOption = Annotated[
    str | None,
    typer.Option(
        "--species",
        metavar="A,B,...",
        help="Species of each file; by default found out.",
        autocompletion=complete.several_species,
    ),
]
_EACH = "one for all files, or one for each, comma-separated (- for none)"
EachColumnOption = Annotated[
    str | None, typer.Option("--column", metavar="NAME", help=f"Column of var with gene names: {_EACH}.")
]
EachLayerOption = Annotated[
    str | None, typer.Option("--layer", metavar="NAME", help=f"Layer in place of X, or raw: {_EACH}.")
]
CountsLayerOption = Annotated[
    str | None, typer.Option("--layer", metavar="NAME", help="Layer that holds the counts, in place of X.")
]
DonorKeyOption = Annotated[
    str | None,
    typer.Option(
        "--donor-key",
        metavar="COLUMN",
        help="Column of obs with donors: the units of tests, intervals and held-out cells.",
    ),
]
SpatialOption = Annotated[
    str | None, typer.Option("--spatial", metavar="NAME", help="Entry of obsm with coordinates. Default: spatial.")
]
PhraseOption = Annotated[
    list[str] | None, typer.Option("--phrase", metavar="COLUMN", help="Column of obs for cell sentences; repeatable.")
]
SeedOption = Annotated[int, whole("--seed", high=2**32 - 1, help="Of everything random.")]
ResamplesOption = Annotated[int, whole("--resamples", high=1_000_000, help="Draws of the intervals; 0: none.")]
Expm1Option = Annotated[
    bool,
    typer.Option("--expm1", help="Recover counts from logarithms of normalized counts."),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Go on where less than 5 % of the names are known, or of the counts carried."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def open_chosen(context: typer.Context, release: str | None, **settings: float) -> Release:
    """Open the release of a command.

    It is named after the command, else before it or by the environment; a default one is named on stderr.
    """
    from homodb.query.api import open as open_release

    named = release or context.obj
    if named:
        with late_status("opening the release"):
            return open_release(named, **settings)
    from homodb.query.release import find_release

    located = find_release()
    with late_status("opening the release"):
        opened = open_release(located.path, **settings)
    ensembl = opened.ensembl or "release unknown"
    say(f"release {opened.version}, Ensembl {ensembl}; {located.origin}", dim=True, err=True)
    return opened


def listed(given: str | None) -> list[str] | None:
    """Split a comma-separated list."""
    return None if given is None else [one.strip() for one in given.split(",")]


def each(given: str | None) -> list[str | None] | None:
    """Split a list with one value per file; ``-`` stands for None."""
    return None if given is None else [None if one in ("-", "") else one for one in listed(given) or ()]
