"""Write homologies as Compara dumps and BioMart exports."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from homodb.etl.simulate.annotation import SimulatedAnnotation
from homodb.etl.simulate.calling import Calls, is_confident
from homodb.etl.simulate.families import Role
from homodb.etl.simulate.genome import DISTANT, Genome, conserved_order, in_alignment
from homodb.etl.simulate.histories import TYPES, Histories
from homodb.etl.simulate.layout import RELEASE, Layout, write_table
from homodb.etl.simulate.proteome import Transcripts
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.species import SpeciesTree

_SIDES = ("gene_stable_id", "protein_stable_id", "species", "identity")
_COMPARA = (
    *_SIDES, "homology_type", *[f"homology_{name}" for name in _SIDES],
    "dn", "ds", "goc_score", "wga_coverage", "is_high_confidence", "homology_id",
)  # fmt: skip


def called_table(
    calls: Calls,
    identity: np.ndarray,
    histories: Histories,
    tree: SpeciesTree,
    genome: Genome,
    annotation: SimulatedAnnotation,
    settings: Settings,
) -> pl.DataFrame:
    """Return the called orthologs with their scores.

    Parameters
    ----------
    calls, identity
        Pairs, and the identities of both sides of each.
    histories, tree, genome, annotation
        Genes, species tree, gene order, annotated genes.
    settings
        Settings, for the seed.

    Returns
    -------
    polars.DataFrame
        ``a, b`` (rows of the annotation), ``species_a, species_b`` (indices), ``homology_type, identity_a,
        identity_b, goc, wga, confidence, rna``.
    """
    rng = settings.stream("scores")
    is_called = np.flatnonzero(calls.called_type >= 0)
    a, b = calls.a[is_called], calls.b[is_called]
    divergence = tree.divergence()[histories.species[a], histories.species[b]]
    rna = annotation.role[a] >= Role.MT_RNA
    scored = ~rna & (genome.rank[a] >= 0) & (genome.rank[b] >= 0) & (divergence < DISTANT)
    goc = np.full(len(a), -1)
    goc[scored] = conserved_order(a[scored], b[scored], calls.group[is_called][scored], histories, genome)
    lower = np.minimum(identity[0, is_called], identity[1, is_called])
    aligned = in_alignment(a, b, lower, goc, histories, rng)
    gaps = np.minimum(rng.standard_exponential(len(a)) ** 2 * divergence * 0.02, 100)
    wga = np.where(scored, np.where(aligned, 100 - gaps, 0), -1)
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "species_a": histories.species[a],
            "species_b": histories.species[b],
            "homology_type": np.array(TYPES, dtype=object)[calls.called_type[is_called]],
            "identity_a": identity[0, is_called],
            "identity_b": identity[1, is_called],
            "goc": goc,
            "wga": np.round(wga, 2),
            "confidence": is_confident(divergence, lower, goc, wga).astype(np.int8),
            "rna": rna,
        },
        schema_overrides={"homology_type": pl.String},
    ).with_columns(
        pl.col("identity_a", "identity_b").fill_nan(None),
        pl.when(pl.col("goc") >= 0).then("goc").alias("goc"),
        pl.when(pl.col("wga") >= 0).then("wga").alias("wga"),
    )


def other_homologies(
    histories: Histories, annotation: SimulatedAnnotation, identity: np.ndarray, called: pl.DataFrame
) -> pl.DataFrame:
    """Return the paralogs of each species and the parts of split models.

    Parameters
    ----------
    histories, annotation
        Genes and annotated genes.
    identity
        Identities of both sides of each pair of paralogs.
    called
        Called orthologs, whose columns the result has.
    """
    a, b = histories.paralogs["a"], histories.paralogs["b"]
    old = histories.ancestor[a] != histories.ancestor[b]
    parts = annotation.parts
    frame = pl.DataFrame(
        {
            "a": np.concatenate([a, annotation.gene[parts]]),
            "b": np.concatenate([b, parts]),
            "homology_type": ["other_paralog" if one else "within_species_paralog" for one in old]
            + ["gene_split"] * len(parts),
            "identity_a": np.concatenate([identity[0], np.zeros(len(parts))]),
            "identity_b": np.concatenate([identity[1], np.zeros(len(parts))]),
        },
        schema_overrides={"a": pl.Int64, "b": pl.Int64, "homology_type": pl.String},
    ).with_columns(
        species_a=pl.Series(annotation.species[np.concatenate([a, parts])], dtype=called.schema["species_a"]),
        rna=pl.Series(annotation.role[np.concatenate([a, parts])] >= Role.MT_RNA, dtype=pl.Boolean),
    )
    absent = [pl.lit(None, called.schema[name]).alias(name) for name in ("goc", "wga", "confidence")]
    return (
        frame.with_columns(pl.col("identity_a", "identity_b").fill_nan(None), *absent, species_b="species_a")
        .select(called.columns)
        .cast(called.schema)
    )


def write_compara(
    homologies: pl.DataFrame, tree: SpeciesTree, annotation: SimulatedAnnotation,
    transcripts: Transcripts, layout: Layout, settings: Settings,
) -> None:  # fmt: skip
    """Write the Compara dumps, each pair of species into the file of one.

    Parameters
    ----------
    homologies
        Orthologs, paralogs and split models.
    tree, annotation, transcripts
        Species, annotated genes, and their proteins.
    layout
        Paths of the files.
    settings
        Settings; the seed decides the file of a pair and the first gene of a row.
    """
    rng = settings.stream("compara")
    count = len(tree.species)
    owner = np.where(rng.random((count, count)) < 0.5, np.arange(count)[:, None], np.arange(count))
    spelled = homologies.with_columns(
        owner=pl.Series(owner[homologies["species_a"].to_numpy(), homologies["species_b"].to_numpy()]),
        homology_id=pl.int_range(1, homologies.height + 1) + RELEASE * 10**9,
        turned=pl.Series(rng.random(homologies.height) < 0.5),
    )
    names = pl.Series([one.name for one in tree.species])
    stable, protein = pl.Series(annotation.stable_id), _product(annotation, transcripts)
    for index in range(count):
        for rna, kind in ((False, "protein_default"), (True, "ncrna_default")):
            own = spelled.filter((pl.col("owner") == index) & (pl.col("rna") == rna))
            if own.is_empty():
                continue
            turned = own["turned"].to_numpy()
            sides = {}
            for one, other, prefix in (("a", "b", ""), ("b", "a", "homology_")):
                row = np.where(turned, own[other], own[one])
                sides[f"{prefix}gene_stable_id"] = stable.gather(row)
                sides[f"{prefix}protein_stable_id"] = protein.gather(row)
                sides[f"{prefix}species"] = names.gather(
                    np.where(turned, own[f"species_{other}"], own[f"species_{one}"])
                )
                identity = pl.when("turned").then(f"identity_{other}").otherwise(f"identity_{one}")
                sides[f"{prefix}identity"] = own.select(identity.alias("identity"))["identity"]
            frame = own.with_columns(
                **sides, dn=pl.lit(None, pl.Float64), ds=pl.lit(None, pl.Float64), goc_score="goc",
                wga_coverage="wga", is_high_confidence="confidence",
            )  # fmt: skip
            write_table(layout.compara(index, kind), frame.select(_COMPARA), null="NULL")


def _product(annotation: SimulatedAnnotation, transcripts: Transcripts) -> pl.Series:
    """Return the canonical protein of each gene, or else its transcript."""
    return pl.Series(
        [
            transcripts.canonical_protein.get(row, name.replace("G9", "T8", 1))
            for row, name in enumerate(annotation.stable_id)
        ]
    )


def write_biomart(called: pl.DataFrame, tree: SpeciesTree, annotation: SimulatedAnnotation, layout: Layout) -> None:
    """Write a BioMart export for each pair of species.

    Parameters
    ----------
    called
        Called orthologs.
    tree, annotation
        Species and annotated genes.
    layout
        Paths of the files.
    """
    genes = pl.DataFrame(
        {
            "row": np.arange(len(annotation.symbol)),
            "id": annotation.stable_id,
            "version": annotation.version,
            "symbol": annotation.symbol,
            "biotype": annotation.biotype,
        },
        schema_overrides={"symbol": pl.String},
    )
    partners = genes.rename(lambda name: f"{name}_b")
    for source, target in _pairs(len(tree.species)):
        label = tree.species[target].common_name
        label = label[:1].upper() + label[1:]
        rows = annotation.rows(source)
        pair = called.filter((pl.col("species_a") == source) & (pl.col("species_b") == target))
        frame = (
            pl.DataFrame({"row": rows})
            .join(genes, on="row", how="left", maintain_order="left")
            .join(pair, left_on="row", right_on="a", how="left", maintain_order="left_right")
            .join(partners, left_on="b", right_on="row_b", how="left", maintain_order="left")
        )
        write_table(
            layout.biomart(source, target),
            frame.select(
                pl.col("id").alias("Gene stable ID"),
                (pl.col("id") + "." + pl.col("version").cast(pl.String)).alias("Gene stable ID version"),
                pl.col("symbol").alias("Gene name"),
                pl.col("biotype").alias("Gene type"),
                pl.col("id_b").alias(f"{label} gene stable ID"),
                pl.col("symbol_b").alias(f"{label} gene name"),
                pl.col("homology_type").alias(f"{label} homology type"),
                pl.col("identity_a").alias(f"%id. target {label} gene identical to query gene"),
                pl.col("identity_b").alias(f"%id. query gene identical to target {label} gene"),
                pl.col("goc").alias(f"{label} Gene-order conservation score"),
                pl.col("wga").alias(f"{label} Whole-genome alignment coverage"),
                pl.col("confidence").alias(f"{label} orthology confidence [0 low, 1 high]"),
            ),
        )


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    yield from ((one, other) for one in range(count) for other in range(one + 1, count))
