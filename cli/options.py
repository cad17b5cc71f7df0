"""Options that several commands have, and how what they are given is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli import complete

if TYPE_CHECKING:
    from homodb.query.release import Release

ReleaseOption = Annotated[
    str | None,
    typer.Option(
        "--release",
        metavar="PATH|NAME",
        help="Release to use: its folder, its .duckdb file, or its name in the cache. "
        "Default: $HOMODB_RELEASE, else the newest in the cache.",
    ),
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
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="ens_m2m, ens_o2o, hm_o2o, lm_o2o or hl_o2o.",
        autocompletion=complete.strategies,
    ),
]
EmbeddingOption = Annotated[
    str | None,
    typer.Option("--embedding", metavar="NAME", help="Embedding, such as kmer-mean. Default: the release's default."),
]
EnsemblOption = Annotated[int, typer.Option("--ensembl", metavar="N", help="Ensembl release to fetch from.")]
SpeciesListOption = Annotated[
    str,
    typer.Option(
        "--species",
        metavar="NAMES",
        help="Species, by any names, separated by commas.",
        autocompletion=complete.several_species,
    ),
]
BaseOption = Annotated[
    str | None,
    typer.Option("--base", metavar="URL", help="Folder of the releases, for mirrors. Default: Ensembl's."),
]
DivisionOption = Annotated[
    str, typer.Option("--division", metavar="NAME", help="vertebrates (default), plants, metazoa, fungi or protists.")
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
    str, typer.Option("--species-key", metavar="COLUMN", help="Column of obs that tells the species.")
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
EachColumnOption = Annotated[str | None, typer.Option("--column", help=f"Column of var with gene names: {_EACH}.")]
EachLayerOption = Annotated[str | None, typer.Option("--layer", help=f"Layer in place of X, or raw: {_EACH}.")]
CountsLayerOption = Annotated[str | None, typer.Option("--layer", help="Layer that holds the counts, in place of X.")]
DonorKeyOption = Annotated[
    str | None,
    typer.Option(
        "--donor-key",
        metavar="COLUMN",
        help="Column of obs with donors: the units of tests, intervals and held-out cells.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def open_chosen(context: typer.Context, release: str | None, **settings: float) -> Release:
    """Open the release named after the command, else the one named before it or by the environment."""
    from homodb.query.release import open_release

    return open_release(release or context.obj, **settings)


def listed(given: str | None) -> list[str] | None:
    """Return the parts of a list with commas."""
    return None if given is None else [one.strip() for one in given.split(",")]


def each(given: str | None) -> list[str | None] | None:
    """Return what is named for each file; None where it is ``-``."""
    return None if given is None else [None if one in ("-", "") else one for one in listed(given) or ()]
