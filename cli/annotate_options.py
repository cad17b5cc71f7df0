"""Define options of ``homodb annotate`` and ``homodb evaluate`` only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.values import number

ReferenceOption = Annotated[
    Path,
    typer.Option("--reference", metavar="FILE", help="The atlas: labelled cells of any species."),
]
LabelOption = Annotated[
    str, typer.Option("--label", metavar="COLUMN", help="Column of the reference's obs with cell types.")
]
NumericOption = Annotated[
    bool, typer.Option("--numeric", help="The column holds numbers, such as an age: carry them as such.")
]
MethodOption = Annotated[
    str, typer.Option("--method", metavar="NAME", help="knn, tron, cellama, protein or consensus.")
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Parameter of the method (docs/annotate.md); may be repeated."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME|FOLDER", help="With cellama and consensus: the sentence model.")
]
AtlasSpeciesOption = Annotated[
    str | None,
    typer.Option("--reference-species", metavar="SPECIES", help="Species of the reference; by default found out."),
]
QueryLabelOption = Annotated[
    str | None,
    typer.Option(
        "--query-label", metavar="COLUMN",
        help="Column of the query's obs with labels that the method may learn from. Otherwise none is ever read.",
    ),
]  # fmt: skip
QueryDonorsOption = Annotated[
    str | None, typer.Option("--query-donors", metavar="A,B,...", help="Donors whose labels it may learn from.")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Table of which labels mean the same (.tsv)."),
]
UnknownOption = Annotated[
    float | None,
    number(
        "--unknown-below",
        low=0,
        high=1,
        metavar="X",
        help="Leave cells of less confidence without a label. Default: off.",
    ),
]
AtlasLayerOption = Annotated[
    str | None, typer.Option("--reference-layer", metavar="NAME", help="Layer of the reference with the counts.")
]
AtlasColumnOption = Annotated[
    str | None,
    typer.Option("--reference-column", metavar="NAME", help="Column of the reference's var with genes."),
]
IntegrationOption = Annotated[
    str | None,
    typer.Option("--integration", metavar="NAME", help="With knn: none, cca, harmony or scvi."),
]
VectorsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vectors", metavar="FILE|SPECIES=FILE", help="Table of gene vectors in place of the release's; repeatable."
    ),
]
SpatialOption = Annotated[
    str | None, typer.Option("--spatial", metavar="NAME", help="Entry of obsm with coordinates. Default: spatial.")
]
PhraseOption = Annotated[
    list[str] | None, typer.Option("--phrase", metavar="COLUMN", help="Column of obs for cell sentences; repeatable.")
]
KeyOption = Annotated[str, typer.Option("--key", metavar="NAME", help="What results are called: <label>_<key>.")]
TablesOption = Annotated[
    Path | None, typer.Option("--tables", metavar="FOLDER", help="Write longer results of the method there (.tsv).")
]
