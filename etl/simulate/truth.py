"""Writes the answers: every pair of true orthologs, what each gene is, and every planted error of calling."""

from __future__ import annotations

import numpy as np
import polars as pl

from homodb.etl.simulate.annotation import Annotation
from homodb.etl.simulate.calling import ERRORS, Calls
from homodb.etl.simulate.histories import TYPES, Histories, ancestor_name, family_name
from homodb.etl.simulate.layout import Layout, write_table
from homodb.etl.simulate.tree import SpeciesTree


def write_truth(
    calls: Calls,
    identity: np.ndarray,
    histories: Histories,
    annotation: Annotation,
    tree: SpeciesTree,
    expressed_as: list[str],
    layout: Layout,
) -> None:
    """Write ``truth.tsv.gz``, ``truth_genes.tsv.gz`` and ``truth_errors.tsv.gz``.

    Parameters
    ----------
    calls, identity
        All pairs that are true or called, and the identity of both sides of each.
    histories, annotation, tree
        Living genes, annotated genes, species tree.
    expressed_as
        Of each living gene: its programme and ancestral gene.
    layout
        Where the files lie.
    """
    genes = pl.DataFrame(
        {
            "species": pl.Series([one.name for one in tree.species]).gather(annotation.species),
            "stable_id": annotation.stable_id,
            "symbol": pl.Series(annotation.symbol, dtype=pl.String),
            "family": [family_name(one) for one in histories.family[annotation.gene].tolist()],
            "ancestral_gene": [ancestor_name(one) for one in histories.ancestor[annotation.gene].tolist()],
            "biotype": annotation.biotype,
            "primary": annotation.primary.astype(np.int8),
            "expressed_as": pl.Series(expressed_as).gather(annotation.gene),
            "planted": [";".join(traits) for traits in annotation.planted],
        }
    )
    write_table(layout.folder / "truth_genes.tsv.gz", genes.sort("species", "stable_id"))
    size = np.bincount(histories.family)
    family = histories.family[calls.a]
    table = pl.DataFrame(
        {
            "source_species": genes["species"].gather(calls.a),
            "source_id": genes["stable_id"].gather(calls.a),
            "target_species": genes["species"].gather(calls.b),
            "target_id": genes["stable_id"].gather(calls.b),
            "homology_type": _typed(calls.true_type),
            "event": np.where(calls.true_type >= 0, "speciation", "duplication"),
            "family": genes["family"].gather(calls.a),
            "family_size": size[family],
            "divergence": tree.divergence()[histories.species[calls.a], histories.species[calls.b]],
            "identity": identity.mean(axis=0),
            "called_type": _typed(calls.called_type),
            "error": [ERRORS[one] for one in calls.error],
        }
    ).with_columns(pl.col("identity").fill_nan(None))
    true = table.filter(pl.col("homology_type").is_not_null()).drop("called_type", "error")
    write_table(layout.folder / "truth.tsv.gz", true)
    write_table(
        layout.folder / "truth_errors.tsv.gz",
        table.filter(pl.col("error") != "").select(
            "error", "source_species", "source_id", "target_species", "target_id",
            true_type="homology_type", called_type="called_type",
        ),
    )  # fmt: skip


def _typed(kind: np.ndarray) -> pl.Series:
    return pl.Series([*TYPES, None], dtype=pl.String).gather(np.where(kind < 0, len(TYPES), kind))
