"""Define the command ``homodb annotate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import annotate_options as own
from homodb.cli.options import (
    CellsOption,
    DonorKeyOption,
    EmbeddingOption,
    JsonOption,
    ReleaseOption,
    SeedOption,
    listed,
    open_chosen,
)
from homodb.cli.output import give_blocks, give_json, say
from homodb.cli.progress import status
from homodb.cli.translate_options import ColumnOption, EvidenceOption, LayerOption, SourceOption

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
    reference: own.ReferenceOption,
    label_key: own.LabelOption,
    output: CellsOption,
    method: own.MethodOption = "knn",
    strategy: _StrategyOption = None,
    evidence: EvidenceOption = None,
    source: SourceOption = None,
    reference_species: own.AtlasSpeciesOption = None,
    integration: own.IntegrationOption = None,
    model: own.ModelOption = None,
    setting: own.SettingOption = None,
    labels: own.LabelsOption = None,
    unknown_below: own.UnknownOption = None,
    query_label_key: own.QueryLabelOption = None,
    query_donors: own.QueryDonorsOption = None,
    donor_key: DonorKeyOption = None,
    layer: LayerOption = None,
    reference_layer: own.AtlasLayerOption = None,
    column: ColumnOption = None,
    reference_column: own.AtlasColumnOption = None,
    vectors: own.VectorsOption = None,
    embedding: EmbeddingOption = None,
    phrases: own.PhraseOption = None,
    spatial_key: own.SpatialOption = None,
    numeric: own.NumericOption = False,
    key_added: own.KeyOption = "homodb",
    random_state: SeedOption = 42,
    tables: own.TablesOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry cell types from a reference to other cells.

    Of the same or of another species.

    Example: homodb annotate mouse.h5ad --reference human.h5ad --label cell_type --method knn -o out.h5ad
    """
    from homodb.query.annotate import annotate_files, read_options, split_parameters

    named = [f"integration={integration}"] if integration else []
    if model:
        named.append(f"{'cellama.' if method == 'consensus' else ''}model={model}")
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
        result = annotate_files(path, reference, output, options, tables=tables, release=opened, progress=show)
    if as_json:
        give_json({"output": str(output), **result.totals()})
        return
    give_blocks(result.blocks())
    say(f"labels: obs[{result.column!r}]\nwritten: {output}")
