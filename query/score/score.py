"""``homodb.score``: an integrated AnnData in, scores with their intervals and the baseline beside them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from homodb.query.cells import open_anndata, read_anndata, store, with_tables
from homodb.query.score.baseline import KEY, Baseline, find_baseline
from homodb.query.score.donors import draws
from homodb.query.score.embedded import Embedded, read_embedded
from homodb.query.score.result import ProfileScores, Score
from homodb.schema.errors import HomodbError, MissingPackageError, ScoreError
from homodb.schema.messages import did_you_mean

if TYPE_CHECKING:
    import anndata

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ScoreRequest:
    """What every profile takes.

    Parameters
    ----------
    embedded
        The cells.
    baseline
        The same cells in the ``none`` baseline, where there is one.
    n_resamples
        Draws of the intervals.
    random_state
        Of everything random.
    progress
        Called with the name of each step as it begins.
    """

    embedded: Embedded
    baseline: Embedded | None
    n_resamples: int
    random_state: int
    progress: Progress


@dataclass(frozen=True)
class Profile:
    """A profile: scores that are computed together."""

    name: str
    summary: str
    reference: str
    function: Callable[[ScoreRequest], ProfileScores]

    @property
    def key(self) -> str:
        """What its numbers are called by."""
        return self.name.replace("-", "_")


def _pllm(asked: ScoreRequest) -> ProfileScores:
    from homodb.query.score.pllm import pllm

    return pllm(
        asked.embedded,
        asked.baseline,
        n_resamples=asked.n_resamples,
        random_state=asked.random_state,
        progress=asked.progress,
    )


def _scib(asked: ScoreRequest) -> ProfileScores:
    from homodb.query.score.scib import scib

    return scib(asked.embedded, asked.baseline, progress=asked.progress)


def _cross_species(asked: ScoreRequest) -> ProfileScores:
    from homodb.query.score.cross_species import cross_species

    asked.progress("neighbours across species")
    return cross_species(asked.embedded, asked.baseline, n_resamples=asked.n_resamples, random_state=asked.random_state)


PROFILES = (
    Profile(
        "pllm", "the reference project's own scores, on the types that all species have",
        "github.com/KKzhongyi/pLLM-cross-species-integration", _pllm,
    ),
    Profile("scib", "scib-metrics, species being its batches", "10.1038/s41592-021-01336-8", _scib),
    Profile(
        "cross-species", "mixing within types, label transfer, loss of types, over-merging",
        "10.1038/s41467-023-41855-w", _cross_species,
    ),
)  # fmt: skip


def profiles_named(names: str) -> list[Profile]:
    """Return profiles by their names, in the list's order.

    Parameters
    ----------
    names
        ``all``, or names with commas between them; case and ``_`` for ``-`` do not matter.

    Raises
    ------
    ScoreError
        If there is no such profile.

    Examples
    --------
    >>> [one.name for one in profiles_named("scib,PLLM")]
    ['pllm', 'scib']
    """
    known = {one.name: one for one in PROFILES}
    wanted = [name.strip().lower().replace("_", "-") for name in names.split(",")]
    for name in wanted:
        if name not in known and name != "all":
            there = ", ".join([*known, "all"])
            raise ScoreError(f"there is no profile {name!r}; there are {there}{did_you_mean(name, [*known, 'all'])}")
    return [one for one in PROFILES if "all" in wanted or one.name in wanted]


def score(
    adata: anndata.AnnData | str | Path,
    *,
    key: str | None = None,
    label_key: str = "cell_type",
    species_key: str = "species",
    donor_key: str | None = None,
    profile: str = "all",
    baseline: str | Literal[False] | None = None,
    n_resamples: int = 200,
    random_state: int = 42,
    progress: Callable[[str], None] = lambda step: None,
) -> Score:
    """Score how good an integration is.

    Parameters
    ----------
    adata
        Cells of several species with an embedding, as :func:`homodb.integrate` leaves it: an AnnData, which is not
        changed, or the path of an h5ad file or zarr store.
    key
        Which integration: ``cca`` for ``obsm["X_cca"]``; by default the only one beside the baseline. Its first 30
        dimensions are used; a plane for looking (UMAP) should never be scored.
    label_key
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
    n_resamples
        Draws of the intervals; 0 for no intervals.
    random_state
        Of everything random.
    progress
        Called with the name of each step as it begins.

    Returns
    -------
    Score
        Numbers with intervals and the baseline, tables and notes, by profile. ``flat()`` is one object of numbers.

    Raises
    ------
    ScoreError
        If the embedding or a column is missing or cannot be scored, or none of the profiles can be computed.
    TranslationError
        If a file does not exist or is not an AnnData.
    MissingPackageError
        If a named profile needs a package that is not installed. ``all`` goes on without it and says so.

    Examples
    --------
    >>> import homodb
    >>> found = homodb.score(joined, label_key="cell_type", donor_key="donor")  # doctest: +SKIP
    >>> found.flat()["pllm_ari"]  # doctest: +SKIP
    """
    chosen = profiles_named(profile)
    if isinstance(adata, str | Path):
        progress("reading")
        adata = _read(Path(adata), whole=baseline is None)
    else:
        adata = with_tables(adata)
    embedded = read_embedded(adata, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key)
    found = Baseline(None, "no baseline was asked for")
    if baseline is not False:
        found = find_baseline(
            adata, embedded, key=baseline, label_key=label_key, species_key=species_key, progress=progress
        )  # fmt: skip
    asked = ScoreRequest(embedded, found.embedded, n_resamples, random_state, progress)
    parts: dict[str, ProfileScores] = {}
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
    kind = draws(embedded, n_resamples=n_resamples, random_state=random_state).kind if n_resamples else "none"
    return Score(embedded.key, parts, kind, tuple(notes))


def _read(path: Path, *, whole: bool) -> anndata.AnnData:
    """Read what scores need; all of it where there is no baseline and one may be computed."""
    import anndata

    with open_anndata(path) as root:
        there = [name for name in ("obs", "obsm", "uns") if name in root]
        if len(there) == 3 and (not whole or f"X_{KEY}" in root["obsm"]):
            parts: dict[str, Any] = {name: store.read(root, name) for name in there}
            return anndata.AnnData(**parts)
    return read_anndata(path)
