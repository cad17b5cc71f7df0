"""Give homologies their gene keys, and count losses by pair of species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from homodb.etl.genes import Genes, add_gene_keys
from homodb.schema.enums import HomologyType
from homodb.schema.species import by_number

_PAIR = ["species_a", "species_b"]
_COLUMNS = (
    "species_a", "species_b", "gene_a", "gene_b", "homology_type", "identity_a", "identity_b",
    "goc", "wga", "confidence", "dn", "ds",
)  # fmt: skip


@dataclass(frozen=True)
class Homologies:
    """Homologies of a release.

    Parameters
    ----------
    table
        Columns of the table ``homology`` of a release.
    pairs
        Columns of table ``species_pair``, and ``ambiguous``: homologies lost to symbols of several genes.
    """

    table: pl.DataFrame
    pairs: pl.DataFrame

    def median_identity(self, species_a: int, species_b: int) -> float | None:
        """Return the median identity of a pair of species; None if unknown."""
        row = self.pairs.filter((pl.col("species_a") == species_a) & (pl.col("species_b") == species_b))
        return row["median_identity"].item() if row.height else None

    def losses(self) -> list[dict[str, Any]]:
        """Return the losses by pair and reason, with counts."""
        reasons = {
            "unnamed": "homologies of genes with neither stable ID nor symbol",
            "ambiguous": "homologies of symbols shared by several genes",
        }
        return [
            {
                "where": f"{by_number(row['species_a']).name} - {by_number(row['species_b']).name}",
                "reason": reason,
                "count": row[column],
            }
            for row in self.pairs.iter_rows(named=True)
            for column, reason in reasons.items()
            if row[column]
        ]


def key_homologies(raw: pl.DataFrame, genes: Genes) -> Homologies:
    """Give homologies their gene keys, and count the losses.

    Parameters
    ----------
    raw
        Homologies of all sources, columns of ``records.HOMOLOGIES``.
    genes
        Genes of the release.
    """
    rows = add_gene_keys(add_gene_keys(raw, genes, "a"), genes, "b").with_columns(
        _unnamed=pl.any_horizontal(
            pl.col(f"stable_id_{side}").is_null() & pl.col(f"symbol_{side}").is_null() for side in "ab"
        ),
        _identity=(pl.col("identity_a") + pl.col("identity_b")) / 2,
        _ortholog=pl.col("homology_type") != HomologyType.GENE_SPLIT.value,
    )
    has_genes = pl.col("gene_a").is_not_null() & pl.col("gene_b").is_not_null()
    usable = rows.filter(has_genes)
    table = usable.select(_COLUMNS).unique(maintain_order=True)
    counts = (
        rows.filter("_ortholog")
        .group_by(_PAIR)
        .agg(
            unnamed=pl.col("_unnamed").sum().cast(pl.Int64),
            ambiguous=(~has_genes & ~pl.col("_unnamed")).sum().cast(pl.Int64),
            usable=has_genes.sum().cast(pl.Int64),
            median_identity=pl.col("_identity").median(),
        )
    )
    kept = (
        table.filter(pl.col("species_a") != pl.col("species_b")).group_by(_PAIR).agg(homologies=pl.len().cast(pl.Int64))
    )
    pairs = (
        counts.join(kept, on=_PAIR, how="left")
        .with_columns(pl.col("homologies").fill_null(0))
        .with_columns(repeated=pl.col("usable") - pl.col("homologies"))
        .sort(_PAIR)
    )
    return Homologies(table, pairs.drop("usable"))
