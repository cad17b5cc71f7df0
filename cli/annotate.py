"""Define the command ``homodb annotate``, and options that ``homodb evaluate`` shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import (
    CellsOption,
    DonorKeyOption,
    EmbeddingOption,
    Expm1Option,
    ForceOption,
    JsonOption,
    PhraseOption,
    ReleaseOption,
    SeedOption,
    SpatialOption,
    listed,
    open_chosen,
)
from homodb.cli.output import give_blocks, give_json, say
from homodb.cli.progress import status
from homodb.cli.translate import ColumnOption, EvidenceOption, LayerOption, SourceOption
from homodb.cli.values import number

ReferenceOption = Annotated[
    Path, typer.Option("--reference", metavar="FILE", help="The atlas: labelled cells of any species.")
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
NetworkOption = Annotated[
    Path | None, typer.Option("--network", metavar="FILE", help="With tron: networks trained before (.safetensors).")
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
    Path | None, typer.Option("--labels", metavar="FILE", help="Table of which labels mean the same (.tsv).")
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
    str | None, typer.Option("--reference-column", metavar="NAME", help="Column of the reference's var with genes.")
]
IntegrationOption = Annotated[
    str | None, typer.Option("--integration", metavar="NAME", help="With knn: none, cca, harmony or scvi.")
]
VectorsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vectors", metavar="FILE|SPECIES=FILE", help="Table of gene vectors in place of the release's; repeatable."
    ),
]
KeyOption = Annotated[str, typer.Option("--key", metavar="NAME", help="What results are called: <label>_<key>.")]
TablesOption = Annotated[
    Path | None, typer.Option("--tables", metavar="FOLDER", help="Write longer results of the method there (.tsv).")
]


_StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="ens_m2m, ens_o2o, hm_o2o, lm_o2o or hl_o2o; + joins several. "
        "Default: ens_m2m; lm_o2o where Ensembl has nothing.",
    ),
]


def annotate(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="QUERY", help="Cells to label (.h5ad, .zarr).")],
    reference: ReferenceOption,
    label_key: LabelOption,
    output: CellsOption,
    method: MethodOption = "knn",
    strategy: _StrategyOption = None,
    evidence: EvidenceOption = None,
    source: SourceOption = None,
    reference_species: AtlasSpeciesOption = None,
    integration: IntegrationOption = None,
    model: ModelOption = None,
    network: NetworkOption = None,
    setting: SettingOption = None,
    labels: LabelsOption = None,
    unknown_below: UnknownOption = None,
    query_label_key: QueryLabelOption = None,
    query_donors: QueryDonorsOption = None,
    donor_key: DonorKeyOption = None,
    layer: LayerOption = None,
    reference_layer: AtlasLayerOption = None,
    column: ColumnOption = None,
    reference_column: AtlasColumnOption = None,
    vectors: VectorsOption = None,
    embedding: EmbeddingOption = None,
    phrases: PhraseOption = None,
    spatial_key: SpatialOption = None,
    numeric: NumericOption = False,
    key_added: KeyOption = "homodb",
    random_state: SeedOption = 42,
    tables: TablesOption = None,
    expm1: Expm1Option = False,
    force: ForceOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label cells with the cell types of a reference.

    Of the same or of another species.

    Example: homodb annotate mouse.h5ad --reference human.h5ad --label cell_type --method knn -o out.h5ad
    """
    from homodb.query.annotate import annotate_files, read_options, split_parameters

    named = [f"integration={integration}"] if integration else []
    if model:
        named.append(f"{'cellama.' if method == 'consensus' else ''}model={model}")
    if network:
        named.append(f"{'tron.' if method == 'consensus' else ''}network={network}")
    options = read_options({
        "label_key": label_key, "method": method, "strategy": strategy, "evidence": evidence, "source": source,
        "reference_species": reference_species, "query_label_key": query_label_key,
        "query_donors": listed(query_donors), "donor_key": donor_key, "labels": labels, "unknown_below": unknown_below,
        "layer": layer, "reference_layer": reference_layer, "column": column, "reference_column": reference_column,
        "spatial_key": spatial_key, "phrases": phrases or (), "vectors": vectors or (), "embedding": embedding,
        "numeric": numeric, "key_added": key_added, "random_state": random_state,
        "parameters": split_parameters([*(setting or []), *named]),
    })  # fmt: skip
    with open_chosen(context, release) as opened, status() as show:
        result = annotate_files(
            path, reference, output, options, tables=tables, release=opened, expm1=expm1, force=force, progress=show
        )
    if as_json:
        give_json({"output": str(output), **result.totals()})
        return
    give_blocks(result.blocks())
    say(f"labels: obs[{result.column!r}]\nembedding: obsm[{result.embedding!r}]\nwritten: {output}")
