"""Examine the mappings of a release against a known truth."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from homodb.query.exam.scores import CAVEATS, Exam, judge, score
from homodb.query.exam.truth import grouped, read_genes, read_truth
from homodb.query.release import ReleaseFile
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import MissingMappingError, UnknownGeneError
from homodb.schema.messages import counted
from homodb.schema.species import by_number

_PAIR = ["species_a", "species_b"]
_STRATEGIES = pl.Enum([str(strategy) for strategy in Strategy])
_CLASSES = pl.Enum([str(evidence_class) for evidence_class in EvidenceClass])


def exam(release: ReleaseFile, truth: str | Path, *, genes: str | Path | None = None) -> Exam:
    """Score every strategy of a release against a known truth.

    Parameters
    ----------
    release
        Open release.
    truth
        File of all true ortholog pairs, see :func:`homodb.query.exam.truth.read_truth`. It must be complete for
        every pair of its species.
    genes
        File of all existing genes, see :func:`homodb.query.exam.truth.read_genes`; by default the genes of the truth.

    Returns
    -------
    Exam
        Scores, with a frame per question.

    Raises
    ------
    InputError
        If a file is invalid; all its problems are listed.
    MissingMappingError
        If the release has no mappings, or none between species of the truth.
    UnknownGeneError
        If no true pair has both its genes in the release.

    Notes
    -----
    A mapped pair is right when the truth has it, so in a family with duplications any co-ortholog is. It is
    unjudged, and counts neither as right nor as wrong, when the truth knows neither gene. Precision is the share of
    right pairs among the judged ones. Recall is the share found of the pairs that a perfect strategy of this kind
    finds: of all true pairs for ENS_M2M; for a one-to-one strategy of as many pairs per true group as its smaller side
    has genes. ``source_recall`` is the share of source genes with a true ortholog that are mapped to one.

    Examples
    --------
    >>> import homodb
    >>> exam(homodb.open("rel"), "truth.tsv.gz").strategies  # doctest: +SKIP
    """
    truth = Path(truth)
    if not release.select("SELECT count(*) FROM mapping_default").item():
        raise MissingMappingError(
            f"release {release.version} has no mappings, so there is nothing to examine: "
            "build it with homologies or embedding evidence"
        )
    strategies = release.ask("exam_strategies").with_columns(pl.col("strategy").cast(_STRATEGIES))
    true_pairs = read_truth(truth)
    examined = _examined_pairs(release, strategies, true_pairs, truth)
    keyed, existing = _with_keys(release, true_pairs, None if genes is None else read_genes(Path(genes)))
    pairs = keyed.join(examined, on=_PAIR, how="semi")
    if not pairs["mappable"].any():
        raise _no_shared_genes_error(release, pairs, truth)
    heading = _heading(release, strategies, true_pairs, pairs, truth)
    divergences = pairs.group_by(_PAIR).agg(pl.col("divergence").median().round(4))
    groups = grouped(pairs)
    mapping = release.ask("exam_mapping").join(examined, on=_PAIR, how="semi")
    mapping = mapping.with_columns(pl.col("strategy").cast(_STRATEGIES), pl.col("evidence_class").cast(_CLASSES))
    judged = judge(mapping, groups, existing)
    return score(judged, groups, strategies.join(examined, on=_PAIR, how="semi"), divergences, heading)


def _examined_pairs(
    release: ReleaseFile, strategies: pl.DataFrame, true_pairs: pl.DataFrame, path: Path
) -> pl.DataFrame:
    """Return the pairs of species in both the truth and the release."""
    examined = strategies.join(true_pairs, on=_PAIR, how="semi").select(_PAIR).unique()
    if examined.is_empty():
        raise MissingMappingError(
            f"{path}: covers {_spelled(true_pairs)}; release {release.version} maps {_spelled(strategies)}: "
            "no pair of species in common, so give the truth of this release"
        )
    return examined


def _spelled(frame: pl.DataFrame) -> str:
    rows = frame.select(_PAIR).unique().sort(_PAIR).rows()
    shown = [f"{by_number(a).common_name} - {by_number(b).common_name}" for a, b in rows[:10]]
    return ", ".join(shown) + (f" and {len(rows) - 10} more" if len(rows) > 10 else "")


def _with_keys(
    release: ReleaseFile, true_pairs: pl.DataFrame, genes: pl.DataFrame | None
) -> tuple[pl.DataFrame, pl.Series]:
    """Return the true pairs with the release's gene keys, negative for genes that it lacks, and all existing keys."""
    own = release.ask("exam_genes")
    named = [true_pairs.select(species=f"species_{side}", stable_id=f"id_{side}") for side in "ab"]
    named += [] if genes is None else [genes]
    keys = (
        pl.concat(named)
        .unique()
        .join(own, on=["species", "stable_id"], how="left")
        .with_row_index("place", offset=1)
        .with_columns(pl.col("gene").fill_null(-pl.col("place").cast(pl.Int64)), pl.col("mappable").fill_null(False))
    )
    keyed = true_pairs
    for side in "ab":
        keyed = keyed.join(
            keys.select(
                pl.col("species").alias(f"species_{side}"), pl.col("stable_id").alias(f"id_{side}"),
                pl.col("gene").alias(f"gene_{side}"), pl.col("mappable").alias(f"mappable_{side}"),
            ),
            on=[f"species_{side}", f"id_{side}"], how="left",
        )  # fmt: skip
    return keyed.with_columns(mappable=pl.col("mappable_a") & pl.col("mappable_b")), keys["gene"]


def _no_shared_genes_error(release: ReleaseFile, pairs: pl.DataFrame, path: Path) -> UnknownGeneError:
    return UnknownGeneError(
        f"{path}: none of its {counted(pairs.height, 'pair')} between species that release {release.version} maps has "
        "both genes in the release "
        f"({pairs['id_a'][0]} - {pairs['id_b'][0]} for one); expected stable IDs without version, "
        "of the inputs that the release was built from"
    )


def _heading(
    release: ReleaseFile, strategies: pl.DataFrame, true_pairs: pl.DataFrame, truth: pl.DataFrame, path: Path
) -> tuple[str, ...]:
    """Describe the exam's input, its limits and what it leaves out."""
    examined = strategies.join(truth, on=_PAIR, how="semi")
    scored = [strategy for strategy in Strategy if strategy in set(examined["strategy"])]
    pairs = examined.select(_PAIR).n_unique()
    model = release.select("SELECT model, pooling FROM embedding JOIN release ON embedding = default_embedding").rows()
    lines = [
        f"release {release.version} against {path.name}: {counted(pairs, 'pair')} of species, "
        f"{counted(truth.height, 'true ortholog pair')}, {truth['one2one'].sum():,} of them one-to-one",
        f"strategies: {', '.join(scored)};  embedding: {' '.join(model[0]) if model else 'none'}",
    ]
    for strategy in scored:
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
        (true_pairs, strategies, "the release does not map them"),
        (strategies, true_pairs, "the truth has none of them"),
    ):
        left = one.join(other, on=_PAIR, how="anti")
        if left.height:
            lines.append(f"not examined, since {why}: {_spelled(left)}")
    return (*lines, *CAVEATS)
