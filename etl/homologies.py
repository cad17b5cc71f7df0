"""Give homologies their gene keys, and derive the tables of who says what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from homodb.etl.config import BuildConfig, OriginConfig
from homodb.etl.genes import Genes, add_gene_keys
from homodb.etl.inputs import Inputs
from homodb.schema.enums import HomologyType
from homodb.schema.species import KEYS_PER_SPECIES, by_number

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
    unnamed
        Columns of table ``unnamed_ortholog``: orthologs of genes that no mapping can have.
    """

    table: pl.DataFrame
    pairs: pl.DataFrame
    unnamed: pl.DataFrame

    def median_identity(self, species_a: int, species_b: int) -> float | None:
        """Return the median identity of a pair of species; None if unknown."""
        row = self.pairs.filter((pl.col("species_a") == species_a) & (pl.col("species_b") == species_b))
        return row["median_identity"].item() if row.height else None

    def unnamed_genes(self, species_a: int, species_b: int) -> pl.Series:
        """Return the genes of a pair of species that have orthologs of :attr:`unnamed` in the other one."""
        own = pl.col("gene") // KEYS_PER_SPECIES
        forward = (own == species_a) & (pl.col("species") == species_b)
        backward = (own == species_b) & (pl.col("species") == species_a)
        return self.unnamed.filter(forward | backward)["gene"].unique()

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

    Rows of ``retired`` stable IDs, which have lost them, are counted as losses where they are settled.
    """
    keyed = add_gene_keys(add_gene_keys(raw, genes, "a"), genes, "b").with_columns(
        _unnamed=pl.any_horizontal(
            pl.col(f"stable_id_{side}").is_null() & pl.col(f"symbol_{side}").is_null() for side in "ab"
        ),
        _identity=(pl.col("identity_a") + pl.col("identity_b")) / 2,
        _ortholog=pl.col("homology_type") != HomologyType.GENE_SPLIT.value,
    )
    rows = keyed.filter(~pl.col("retired"))
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
    return Homologies(table, pairs.drop("usable"), _unnamed(keyed.filter("_ortholog"), genes))


def _unnamed(rows: pl.DataFrame, genes: Genes) -> pl.DataFrame:
    """Count, for each gene and other species, the orthologs that no mapping can have, by reason."""
    own = pl.col("primary_gene") if "primary_gene" in genes.table.columns else pl.col("gene")
    primary = genes.table.select("gene", own.alias("primary"))
    for side in "ab":
        renamed = primary.rename({"gene": f"gene_{side}", "primary": f"primary_{side}"})
        rows = rows.join(renamed, on=f"gene_{side}", how="left", maintain_order="left")
    keys = ["primary_a", "primary_b"]
    whole = rows.drop_nulls(keys)
    mapped = whole.filter((pl.col("gene_a") == pl.col("primary_a")) & (pl.col("gene_b") == pl.col("primary_b")))
    reason = (
        pl.when("retired").then(pl.lit("retired"))
        .when("_unnamed").then(pl.lit("unnamed"))
        .otherwise(pl.lit("ambiguous"))
    )  # fmt: skip
    lost = pl.concat(
        [
            rows.filter(pl.any_horizontal(pl.col(keys).is_null())).with_columns(reason=reason),
            whole.join(mapped, on=keys, how="anti").with_columns(reason=pl.lit("alternate")),
        ]
    )
    sides = [lost.select(gene=f"primary_{one}", species=f"species_{two}", reason="reason") for one, two in ("ab", "ba")]
    counted = pl.concat(sides).drop_nulls("gene").group_by("gene", "species", "reason")
    return counted.agg(homologies=pl.len().cast(pl.Int32)).sort("gene", "species", "reason")


_SPECIES_PAIR = ["species_a", "species_b"]
_GENES = ["gene_a", "gene_b"]
_SOURCE_SCHEMA = {
    "species_a": pl.Int16,
    "species_b": pl.Int16,
    "kind": pl.String,
    "name": pl.String,
    "release": pl.String,
    "ensembl": pl.String,
    "type_basis": pl.String,
    "pairs": pl.Int64,
    "licence": pl.String,
    "citation": pl.String,
}


def orthology_tables(settings: BuildConfig, orthology: pl.DataFrame, genes: Genes) -> dict[str, pl.DataFrame]:
    """Return ``orthology_pair`` and ``database_set``; pairs of alternate loci are their primary genes'."""
    if orthology.is_empty():
        return {}
    labels = [(origin := settings.origin(entry.origin)) and origin.label for entry in settings.databases]
    entries = pl.DataFrame(
        {"entry": range(len(labels)), "release": labels}, schema={"entry": pl.Int32, "release": pl.String}
    )
    keyed = orthology.join(entries, on="entry", how="left", maintain_order="left")
    primary = genes.table.select("species", "stable_id", "primary_gene")
    for side in "ab":
        of_side = {"species": f"species_{side}", "stable_id": f"stable_id_{side}", "primary_gene": f"gene_{side}"}
        keyed = keyed.join(primary.rename(of_side), on=[f"species_{side}", f"stable_id_{side}"], how="inner")
    named = keyed.select(
        *_SPECIES_PAIR, *_GENES, "release", database=pl.col("databases").str.split("|")
    ).explode("database").unique()  # fmt: skip
    named = named.sort(*_SPECIES_PAIR, *_GENES, "database", "release")
    pairs = named.group_by(*_SPECIES_PAIR, *_GENES, maintain_order=True).agg(
        databases=pl.struct("database", "release"), n_databases=pl.col("database").n_unique().cast(pl.Int16)
    )
    text = pl.col("databases").list.eval(
        pl.element().struct.field("database") + "\t" + pl.element().struct.field("release").fill_null("")
    )
    pairs = pairs.with_columns(_set=text.list.join("\n"))
    # the sets that most pairs share have the lowest numbers
    sets = (
        pairs.group_by("_set")
        .agg(pl.len(), pl.col("databases").first())
        .sort(["len", "_set"], descending=[True, False])
        .with_row_index("database_set", 1)
        .with_columns(pl.col("database_set").cast(pl.Int32))
    )
    pairs = pairs.join(sets.select("_set", "database_set"), on="_set", maintain_order="left")
    return {
        "orthology_pair": pairs.select(*_SPECIES_PAIR, *_GENES, "n_databases", "database_set"),
        "database_set": sets.select("database_set", "databases").explode("databases").unnest("databases"),
    }


def source_table(settings: BuildConfig, inputs: Inputs, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return ``data_source``: a row for every entry of the config that names an origin."""
    rows: list[dict[str, object]] = []

    def add(kind: str, origin: OriginConfig | None, pair: list[int], count: int, basis: str | None = None) -> None:
        if origin is not None:
            values = origin.model_dump(include={"name", "release", "ensembl", "licence", "citation"})
            species = {"species_a": pair[0], "species_b": pair[1] if len(pair) > 1 else None}
            rows.append({**species, "kind": kind, "type_basis": basis, "pairs": count, **values})

    synonyms = inputs.aliases.filter(pl.col("kind") == "synonym")
    for entry in settings.species:
        number = entry.species.number
        add("genes", settings.origin(entry.origin), [number], _count(tables["gene"], species=number))
        add("synonyms", settings.origin(entry.synonyms_origin), [number], _count(synonyms, species=number))
    mapped = {frozenset((one.source, one.target)) for one in settings.homologies}
    for homology in settings.homologies:
        pair = sorted((homology.source.number, homology.target.number))
        count = _count(tables["homology"], species_a=pair[0], species_b=pair[1])
        add("homologies", settings.origin(homology.origin), pair, count, homology.types)
    for databases in settings.databases:
        pair = sorted((databases.source.number, databases.target.number))
        origin = settings.origin(databases.origin)
        if databases.homologies and frozenset((databases.source, databases.target)) not in mapped:
            count = _count(tables["homology"], species_a=pair[0], species_b=pair[1])
            add("homologies", origin, pair, count, "derived")
        of_entry = (inputs.orthology["entry"] == settings.databases.index(databases)).sum()
        add("databases", origin, pair, int(of_entry))
    for evidence in settings.evidence:
        pair = sorted((evidence.source.number, evidence.target.number))
        count = _count(tables["embedding_pair"], species_a=pair[0], species_b=pair[1], column="correlations")
        add("embedding", settings.origin(evidence.origin), pair, count)
    return pl.DataFrame(rows, schema=_SOURCE_SCHEMA)


def _count(table: pl.DataFrame, *, column: str | None = None, **values: int) -> int:
    """Count the rows with some values, or add up a column of them."""
    rows = table.filter(pl.col(name) == value for name, value in values.items())
    return rows.height if column is None else int(rows[column].sum())
