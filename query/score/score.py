"""``homodb.score``: an integrated AnnData in, scores with their intervals and the baseline beside them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from homodb.query.in_memory import with_tables
from homodb.query.score.baseline import Baseline, find_baseline
from homodb.query.score.donors import draws
from homodb.query.score.embedded import read_embedded
from homodb.query.score.profiles import Asked, profiles_named
from homodb.query.score.result import Part, Score
from homodb.schema.errors import HomodbError, MissingPackageError, ScoreError

if TYPE_CHECKING:
    import anndata


def score(
    adata: anndata.AnnData,
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
    """Score how good an integration is.

    Parameters
    ----------
    adata
        Cells of several species with an embedding, as :func:`homodb.integrate` leaves it. It is not changed.
    key
        Which integration: ``cca`` for ``obsm["X_cca"]``; by default the only one beside the baseline. Its first 30
        dimensions are used; a plane for looking (UMAP) should never be scored.
    label
        Column of obs with cell types, which must be named alike in all species.
    species_key
        Column of obs that tells the species.
    donor_key
        Column of obs with donors, which intervals resample. Without it, or where a species has one donor, intervals
        tell of cells only.
    profile
        ``pllm``, ``scib``, ``cross-species``, several with commas between them, or ``all``.
    baseline
        Key of the ``none`` baseline; by default ``pca`` where it is there, else computed from the counts. False for
        none.
    resamples
        Draws of the intervals; 0 for no intervals.
    seed
        Of everything random.
    report
        Called with the name of each step as it begins.

    Returns
    -------
    Score
        Numbers with intervals and the baseline, tables and notes, by profile. ``flat()`` is one object of numbers.

    Raises
    ------
    ScoreError
        If the embedding or a column is missing or cannot be scored, or none of the profiles can be computed.
    MissingPackageError
        If a named profile needs a package that is not installed. ``all`` goes on without it and says so.

    Examples
    --------
    >>> import homodb
    >>> found = homodb.score(joined, label="cell_type", donor_key="donor")  # doctest: +SKIP
    >>> found.flat()["pllm_ari"]  # doctest: +SKIP
    """
    chosen, adata = profiles_named(profile), with_tables(adata)
    embedded = read_embedded(adata, key=key, label=label, species_key=species_key, donor_key=donor_key)
    found = Baseline(None, "no baseline was asked for")
    if baseline is not False:
        found = find_baseline(
            adata, embedded, key=baseline, label=label, species_key=species_key, report=report
        )  # fmt: skip
    asked = Asked(embedded, found.embedded, resamples, seed, report)
    parts: dict[str, Part] = {}
    failed: list[HomodbError] = []
    notes = [found.said]
    for one in chosen:
        try:
            parts[one.key] = one.function(asked)
        except (ScoreError, MissingPackageError) as error:
            if len(chosen) == 1:
                raise
            failed.append(error)
            notes.append(f"{one.name} is left out: {error}")
    if not parts:
        raise failed[0]
    kind = draws(embedded, resamples=resamples, seed=seed).kind if resamples else "none"
    return Score(embedded.key, parts, kind, tuple(notes))
