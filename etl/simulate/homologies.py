"""Write homologies as Compara dumps and BioMart exports.

The rates are settings, not results of a pipeline: they say nothing about the errors of Ensembl.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from homodb.etl.simulate.annotation import SimulatedAnnotation
from homodb.etl.simulate.genome import DISTANT, Genome, conserved_order, in_alignment
from homodb.etl.simulate.histories import TYPES, GeneTrees, Histories, Role
from homodb.etl.simulate.proteome import Transcripts
from homodb.etl.simulate.settings import RELEASE, Layout, Settings, write_table
from homodb.etl.simulate.species import SpeciesTree

#: Kinds of error by number; 0 is none. The remaining pairs of a split group have the type of what remains; they are
#: ``retyped`` if it differs from the true type.
ERRORS = ("", "missed", "split", "wrong_type", "false_pair", "retyped")
MISSED, SPLIT, WRONG_TYPE, FALSE_PAIR, RETYPED = 1, 2, 3, 4, 5

#: Thresholds of Ensembl for high confidence: upper age, minimum GOC or WGA, minimum identity.
#: https://www.ensembl.org/info/genome/compara/Ortholog_qc_manual.html
_CONFIDENT = ((35.0, 75, 80.0), (170.0, 75, 50.0), (430.0, 50, 25.0))


@dataclass(frozen=True)
class Calls:
    """Pairs that are true, called, or both.

    Parameters
    ----------
    a, b
        Genes of the histories, lower species first.
    true_type, called_type
        Index into ``histories.TYPES``; -1 for pairs that are not orthologs, or not called.
    error
        Index into :data:`ERRORS`.
    group
        Number of the pairs of two species that are called descendants of one ancestral gene.
    """

    a: np.ndarray
    b: np.ndarray
    true_type: np.ndarray
    called_type: np.ndarray
    error: np.ndarray
    group: np.ndarray


def call_orthologs(trees: GeneTrees, histories: Histories, settings: Settings) -> Calls:
    """Call orthologs with errors.

    Returns
    -------
    Calls
        True pairs in their order, then false ones. RNAs are called without errors. No gene has two one-to-one
        orthologs in one species: a wrong type is never ``one2one``.
    """
    rng = settings.stream("calling")
    a, b, group, kind = (histories.orthologs[name] for name in ("a", "b", "group", "type"))
    coding = np.isin(trees.role[histories.family[a]], [Role.CODING, Role.RIBOSOMAL])
    error = np.zeros(len(a), np.int8)
    groups = int(group.max(initial=-1)) + 1
    torn = (rng.random(groups) < settings.split)[group] & (kind > 0) & coding
    half_a, half_b = _half(group, a), _half(group, b)
    error[torn & (half_a != half_b)] = SPLIT
    part = np.where(torn, group * 2 + half_a, group * 2)
    called = np.where(error == SPLIT, -1, _types(part, a, b, error == 0))
    error[coding & (error == 0) & (rng.random(len(a)) < settings.missed)] = MISSED
    called[error == MISSED] = -1
    wrong = coding & (error == 0) & (rng.random(len(a)) < settings.wrong_type)
    error[wrong] = WRONG_TYPE
    called[wrong] = np.array([1, 2, 1], np.int8)[called[wrong]]
    error[(error == 0) & (called != kind)] = RETYPED
    false_a, false_b = _false_pairs(trees, histories, settings.false_pairs, rng)
    count = histories.species.max(initial=0) + 1
    taken_a = np.unique((a * count + histories.species[b])[called >= 0])
    taken_b = np.unique((b * count + histories.species[a])[called >= 0])
    free = ~np.isin(false_a * count + histories.species[false_b], taken_a)
    free &= ~np.isin(false_b * count + histories.species[false_a], taken_b)
    return Calls(
        np.concatenate([a, false_a]),
        np.concatenate([b, false_b]),
        np.concatenate([kind, np.full(len(false_a), -1, np.int8)]),
        np.concatenate([called, np.where(free, 0, 1)]).astype(np.int8),
        np.concatenate([error, np.full(len(false_a), FALSE_PAIR, np.int8)]),
        np.concatenate([part, 2 * groups + np.arange(len(false_a))]),
    )


def _half(group: np.ndarray, gene: np.ndarray) -> np.ndarray:
    """Divide the genes of each group in two, near relatives together."""
    width = int(gene.max(initial=0)) + 1
    pairs, inverse = np.unique(group * width + gene, return_inverse=True)
    size = np.bincount(pairs // width)
    rank = np.arange(len(pairs)) - (np.cumsum(size) - size)[pairs // width]
    half: np.ndarray = (2 * rank >= np.maximum(size[pairs // width], 2))[inverse.reshape(-1)]
    return half.astype(np.int64)


def _types(group: np.ndarray, a: np.ndarray, b: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Return the types that follow from the numbers of genes in each group."""
    several = np.zeros(len(a), np.int8)
    for gene in (a, b):
        width = int(gene.max(initial=0)) + 1
        pairs = np.unique((group * width + gene)[called])
        several += np.bincount(pairs // width, minlength=int(group.max(initial=0)) + 1)[group] > 1
    return several


def _false_pairs(
    trees: GeneTrees, histories: Histories, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of paralogs in two species, each gene once."""
    a, b = histories.orthologs["a"], histories.orthologs["b"]
    genes = len(histories.species)
    wanted = round(share * len(a))
    true = np.sort(a * genes + b)
    size = np.bincount(histories.family, minlength=len(trees.role))
    begin = np.cumsum(size) - size
    large = np.flatnonzero((trees.role[histories.family] == Role.CODING) & (size[histories.family] > 2))
    if not len(large) or not wanted:
        return a[:0], b[:0]
    one = large[rng.integers(0, len(large), wanted * 20)]
    family = histories.family[one]
    other = begin[family] + (rng.random(len(one)) * size[family]).astype(np.int64)
    swap = histories.species[one] > histories.species[other]
    one, other = np.where(swap, other, one), np.where(swap, one, other)
    good = (histories.species[one] != histories.species[other]) & ~np.isin(one * genes + other, true)
    one, other = one[good], other[good]
    for side in (0, 1):
        _, kept = np.unique((one, other)[side], return_index=True)
        kept.sort()
        one, other = one[kept], other[kept]
    sampled = np.sort(rng.permutation(len(one))[:wanted])
    return one[sampled], other[sampled]


def is_confident(divergence: np.ndarray, identity: np.ndarray, goc: np.ndarray, wga: np.ndarray) -> np.ndarray:
    """Return whether calls are of high confidence.

    Parameters
    ----------
    divergence
        Million years to the last common ancestor of the two species.
    identity
        Lower of both identities; NaN without proteins, which are never confident.
    goc, wga
        Scores; -1 if unknown.
    """
    result: np.ndarray = np.nan_to_num(identity) >= 25.0
    for age, score, least in reversed(_CONFIDENT):
        near = divergence < age
        backed = (goc >= score) | (wga >= score) | ((goc < 0) & (wga < 0))
        result = np.where(near, backed & (np.nan_to_num(identity) >= least), result)
    return result


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
    """Return the paralogs of each species and the parts of split models."""
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
    """Write a BioMart export for each pair of species."""
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
    for source, target in combinations(range(len(tree.species)), 2):
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
