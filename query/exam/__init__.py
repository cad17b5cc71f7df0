"""Examines a release against a known truth: precision, recall and F1 of every strategy.

Light to import, so that the command line can name its choices; the work is in :mod:`homodb.query.exam.examine`.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homodb.query.exam.result import Exam
    from homodb.query.release import ReleaseFile


class By(StrEnum):
    """What scores are told apart by."""

    STRATEGY = "strategy"
    EVIDENCE = "evidence"
    DIVERGENCE = "divergence"
    FAMILY = "family"


def exam(release: ReleaseFile, truth: str | Path, *, genes: str | Path | None = None) -> Exam:
    """Score every strategy of a release against a known truth.

    Parameters
    ----------
    release
        An open release.
    truth
        File of all true ortholog pairs, see :func:`homodb.query.exam.truth.read_truth`. It must be complete for
        every pair of species that it names.
    genes
        File of all genes that exist, see :func:`homodb.query.exam.truth.read_genes`; by default those known
        to exist are the genes of the truth.

    Returns
    -------
    Exam
        A frame per question.

    Raises
    ------
    InputError
        If a file is not what it should be; lists all its problems.
    MissingMappingError
        If the release has no mappings, or none between species of the truth.
    UnknownGeneError
        If no true pair has both its genes in the release.

    Notes
    -----
    A mapped pair is right when the truth has it, so in a family with duplications any co-ortholog is. It is
    unjudged, and counts neither as right nor as wrong, when the truth knows neither gene. Precision is the share of
    right pairs among the judged ones. Recall is the share found of what a perfect strategy of this kind would
    find: of all true pairs for ENS_M2M; for a one-to-one strategy of as many pairs per true group as its smaller side
    has genes. ``source_recall`` is the share of source genes with a true ortholog that are mapped to one.

    Examples
    --------
    >>> import homodb
    >>> exam(homodb.open("rel"), "truth.tsv.gz").strategies  # doctest: +SKIP
    """
    from homodb.query.exam.examine import examine

    return examine(release, Path(truth), None if genes is None else Path(genes))
