"""Holds the mappings of a release against a known truth."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from homodb.query.exam.groups import grouped
from homodb.query.exam.judge import judge
from homodb.query.exam.questions import score
from homodb.query.exam.result import CAVEATS, Exam
from homodb.query.exam.truth import read_genes, read_truth
from homodb.query.release import ReleaseFile
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import MissingMappingError, UnknownGeneError
from homodb.schema.messages import counted
from homodb.schema.species import by_number

_PAIR = ["species_a", "species_b"]
_STRATEGIES = pl.Enum([str(strategy) for strategy in Strategy])
_CLASSES = pl.Enum([str(evidence_class) for evidence_class in EvidenceClass])


def examine(release: ReleaseFile, truth: Path, genes: Path | None) -> Exam:
    """Read the truth, judge every mapped pair, and score; see :func:`homodb.query.exam.exam`."""
    if not release.sql("SELECT count(*) FROM mapping_default").item():
        raise MissingMappingError(
            f"release {release.version} has no mappings, so there is nothing to examine: "
            "build it with homologies or embedding evidence"
        )
    asked = release.ask("exam_strategies").with_columns(pl.col("strategy").cast(_STRATEGIES))
    told = read_truth(truth)
    examined = _examined(release, asked, told, truth)
    keyed, known = _keyed(release, told, None if genes is None else read_genes(genes))
    pairs = keyed.join(examined, on=_PAIR, how="semi")
    if not pairs["mappable"].any():
        raise _strangers(release, pairs, truth)
    heading = _heading(release, asked, told, pairs, truth)
    divergences = pairs.group_by(_PAIR).agg(pl.col("divergence").median().round(4))
    groups = grouped(pairs)
    mapping = release.ask("exam_mapping").join(examined, on=_PAIR, how="semi")
    mapping = mapping.with_columns(pl.col("strategy").cast(_STRATEGIES), pl.col("evidence_class").cast(_CLASSES))
    judged = judge(mapping, groups, known)
    return score(judged, groups, asked.join(examined, on=_PAIR, how="semi"), divergences, heading)


def _examined(release: ReleaseFile, asked: pl.DataFrame, told: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Return the pairs of species that both the truth and the release have."""
    examined = asked.join(told, on=_PAIR, how="semi").select(_PAIR).unique()
    if examined.is_empty():
        raise MissingMappingError(
            f"{path}: tells of {_spelled(told)}; release {release.version} maps {_spelled(asked)}: "
            "no pair of species in common, so give the truth of this release"
        )
    return examined


def _spelled(frame: pl.DataFrame) -> str:
    rows = frame.select(_PAIR).unique().sort(_PAIR).rows()
    shown = [f"{by_number(a).common_name} - {by_number(b).common_name}" for a, b in rows[:10]]
    return ", ".join(shown) + (f" and {len(rows) - 10} more" if len(rows) > 10 else "")


def _keyed(release: ReleaseFile, told: pl.DataFrame, genes: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.Series]:
    """Key the genes of the truth as the release does; return the true pairs and the keys of all genes known to exist.

    A gene that the release lacks gets a key below zero.
    """
    own = release.ask("exam_genes")
    named = [told.select(species=f"species_{side}", stable_id=f"id_{side}") for side in "ab"]
    named += [] if genes is None else [genes]
    keys = (
        pl.concat(named)
        .unique()
        .join(own, on=["species", "stable_id"], how="left")
        .with_row_index("place", offset=1)
        .with_columns(pl.col("gene").fill_null(-pl.col("place").cast(pl.Int64)), pl.col("mappable").fill_null(False))
    )
    keyed = told
    for side in "ab":
        keyed = keyed.join(
            keys.select(
                pl.col("species").alias(f"species_{side}"), pl.col("stable_id").alias(f"id_{side}"),
                pl.col("gene").alias(f"gene_{side}"), pl.col("mappable").alias(f"mappable_{side}"),
            ),
            on=[f"species_{side}", f"id_{side}"], how="left",
        )  # fmt: skip
    return keyed.with_columns(mappable=pl.col("mappable_a") & pl.col("mappable_b")), keys["gene"]


def _strangers(release: ReleaseFile, pairs: pl.DataFrame, path: Path) -> UnknownGeneError:
    return UnknownGeneError(
        f"{path}: none of its {counted(pairs.height, 'pair')} between species that release {release.version} maps has "
        "both genes in the release "
        f"({pairs['id_a'][0]} - {pairs['id_b'][0]} for one); wanted stable IDs without version, "
        "of the inputs that the release was built from"
    )


def _heading(
    release: ReleaseFile, asked: pl.DataFrame, told: pl.DataFrame, truth: pl.DataFrame, path: Path
) -> tuple[str, ...]:
    """Say what is examined, what no strategy can find, what is left out, and what the scores do not say."""
    examined = asked.join(truth, on=_PAIR, how="semi")
    strategies = [strategy for strategy in Strategy if strategy in set(examined["strategy"])]
    pairs = examined.select(_PAIR).n_unique()
    model = release.sql("SELECT model, pooling FROM embedding JOIN release ON embedding = default_embedding").rows()
    lines = [
        f"release {release.version} against {path.name}: {counted(pairs, 'pair')} of species, "
        f"{counted(truth.height, 'true ortholog pair')}, {truth['one2one'].sum():,} of them one-to-one",
        f"strategies: {', '.join(strategies)}; embedding: {' '.join(model[0]) if model else 'none'}",
    ]
    for strategy in strategies:
        covered = examined.filter(pl.col("strategy") == str(strategy)).height
        if covered < pairs:
            lines.append(f"{strategy} has evidence for {covered:,} of the {pairs:,} and is scored over these alone")
    lost = truth.height - truth["mappable"].sum()
    if lost:
        lines.append(
            f"of the true pairs, {lost:,} {'has' if lost == 1 else 'have'} a gene that the release does not hold as a "
            "primary gene: no strategy can find them, and they count as missed"
        )
    for one, other, why in (
        (told, asked, "the release does not map them"),
        (asked, told, "the truth has none of them"),
    ):
        left = one.join(other, on=_PAIR, how="anti")
        if left.height:
            lines.append(f"not examined, since {why}: {_spelled(left)}")
    return (*lines, *CAVEATS)
