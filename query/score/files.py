"""Scores an integrated file: only obs, obsm and uns are read, the counts only where the baseline is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from homodb.query.score.baseline import KEY
from homodb.query.score.result import Score
from homodb.query.score.score import score
from homodb.query.stored import opened, read_whole
from homodb.query.translate import stores

if TYPE_CHECKING:
    import anndata


def score_file(
    path: str | Path,
    *,
    key: str | None = None,
    label: str = "cell_type",
    species_key: str = "species",
    donor_key: str | None = None,
    profile: str = "all",
    baseline: str | Literal[False] | None = None,
    resamples: int = 200,
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
) -> Score:
    """Score an h5ad file or zarr store; parameters are those of :func:`homodb.score`.

    Raises
    ------
    TranslationError
        If the file is not there, or is no AnnData.
    ScoreError, MissingPackageError
        As :func:`homodb.score` raises them.
    """
    report("reading")
    adata = _read(Path(path), whole=baseline is None)
    return score(
        adata, key=key, label=label, species_key=species_key, donor_key=donor_key, profile=profile, baseline=baseline,
        resamples=resamples, seed=seed, report=report,
    )  # fmt: skip


def _read(path: Path, *, whole: bool) -> anndata.AnnData:
    """Read what scores need; all of it where there is no baseline and one may be computed."""
    import anndata

    with opened(path) as root:
        there = [name for name in ("obs", "obsm", "uns") if name in root]
        if len(there) == 3 and (not whole or f"X_{KEY}" in root["obsm"]):
            parts: dict[str, Any] = {name: stores.read(root, name) for name in there}
            return anndata.AnnData(**parts)
    return read_whole(path)
