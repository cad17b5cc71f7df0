"""Score an integrated AnnData: ``homodb.score`` and its profiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from homodb.query.cells import (
    Cells,
    ObsColumns,
    as_cells,
    open_anndata,
    read_anndata,
    spelling_notes,
    store,
    with_tables,
)
from homodb.query.score.cross_species import cross_species
from homodb.query.score.embedded import BASELINE, Baseline, Embedded, find_baseline, read_embedded
from homodb.query.score.intervals import draws
from homodb.query.score.pllm import pllm
from homodb.query.score.result import ProfileScores, Score
from homodb.query.score.scib import scib
from homodb.query.settings import progress_bar
from homodb.schema.errors import HomodbError, MissingPackageError, ScoreError, TranslationError
from homodb.schema.messages import did_you_mean

if TYPE_CHECKING:
    import anndata


@dataclass(frozen=True)
class ScoreRequest:
    """Cells and parameters that every profile gets."""

    # the cells, and the same cells in the ``none`` baseline, or None
    embedded: Embedded
    baseline: Embedded | None
    n_resamples: int  # number of draws of the intervals
    random_state: int  # seed
    progress: Callable[[str], None]  # callback that receives the name of each step


@dataclass(frozen=True)
class Profile:
    """A profile: scores that are computed together."""

    name: str
    summary: str
    reference: str
    function: Callable[[ScoreRequest], ProfileScores]

    @property
    def key(self) -> str:
        """Prefix of its numbers."""
        return self.name.replace("-", "_")


def _pllm(request: ScoreRequest) -> ProfileScores:
    return pllm(
        request.embedded, request.baseline, n_resamples=request.n_resamples, random_state=request.random_state,
        progress=request.progress,
    )  # fmt: skip


def _scib(request: ScoreRequest) -> ProfileScores:
    return scib(request.embedded, request.baseline, progress=request.progress)


def _cross_species(request: ScoreRequest) -> ProfileScores:
    request.progress("neighbours across species")
    return cross_species(
        request.embedded, request.baseline, n_resamples=request.n_resamples, random_state=request.random_state
    )


PROFILES = (
    Profile(
        "pllm", "the reference project's own scores, on the types that all species have",
        "github.com/KKzhongyi/pLLM-cross-species-integration", _pllm,
    ),
    Profile("scib", "the metrics of scib-metrics, species being the batches", "10.1038/s41592-021-01336-8", _scib),
    Profile(
        "cross-species", "mixing within types, label transfer, loss of types, over-merging",
        "10.1038/s41467-023-41855-w", _cross_species,
    ),
)  # fmt: skip


def profiles_named(names: str) -> list[Profile]:
    """Return profiles by name, in the order of the list.

    Parameters
    ----------
    names
        ``all``, or comma-separated names; case and ``_`` for ``-`` do not matter.

    Raises
    ------
    ScoreError
        If there is no such profile.

    Examples
    --------
    >>> [one.name for one in profiles_named("scib,PLLM")]
    ['pllm', 'scib']
    """
    choices = [*(one.name for one in PROFILES), "all"]
    wanted = [name.strip().lower().replace("_", "-") for name in names.split(",")]
    for name in wanted:
        if name not in choices:
            raise ScoreError(
                f"there is no profile {name!r}; there are {', '.join(choices)}{did_you_mean(name, choices)}"
            )
    return [one for one in PROFILES if "all" in wanted or one.name in wanted]


def score(
    adata: Cells,
    *,
    key: str | None = None,
    label_key: str = "cell_type",
    species_key: str = "species",
    donor_key: str | None = None,
    profile: str = "all",
    baseline: str | Literal[False] | None = None,
    n_resamples: int = 200,
    random_state: int = 42,
    progress: Callable[[str], None] | bool | None = None,
) -> Score:
    """Score an integration.

    Parameters
    ----------
    adata
        Cells of several species with an embedding, as :func:`homodb.integrate` leaves it: an AnnData, which is not
        changed, or the path of an h5ad file or zarr store.
    key
        Key of the integration, such as ``cca`` for ``obsm["X_cca"]``; by default the only one besides the baseline. The
        first 30 dimensions are used. Do not score a UMAP.
    label_key
        Column of obs with cell types, which must have the same names in all species.
    species_key
        Column of obs with species.
    donor_key
        Column of obs with donors, which intervals resample. Without it, or if a species has one donor, intervals
        resample cells only.
    profile
        ``pllm``, ``scib``, ``cross-species``, several of these separated by commas, or ``all``.
    baseline
        Key of the ``none`` baseline; by default ``pca`` if it exists, else the baseline is computed from the counts.
        False for no baseline.
    n_resamples
        Number of draws of the intervals; 0 for no intervals.
    random_state
        Seed.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the name of each
        step.

    Returns
    -------
    Score
        Numbers with intervals and the baseline, tables and notes, by profile. ``flat()`` is a dictionary of numbers.

    Raises
    ------
    ScoreError
        If the embedding or a column is missing or cannot be scored, or none of the profiles can be computed.
    TranslationError
        If a file does not exist or is not an AnnData.
    MissingPackageError
        If a named profile needs a package that is not installed. Of several profiles the others are computed, and a
        note says so.

    Examples
    --------
    >>> import homodb
    >>> scores = homodb.score(joined, label_key="cell_type", donor_key="donor")  # doctest: +SKIP
    >>> scores.flat()["pllm_ari"]  # doctest: +SKIP
    """
    profiles = profiles_named(profile)
    with progress_bar(progress, "score") as show:
        show("reading")
        cells = as_cells(adata)
        loaded = _read(cells, whole=baseline is None) if isinstance(cells, Path) else with_tables(cells)
        return _score(
            loaded, profiles, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key,
            baseline=baseline, n_resamples=n_resamples, random_state=random_state, progress=show,
        )  # fmt: skip


def _score(
    adata: anndata.AnnData, profiles: Sequence[Profile], *, key: str | None, label_key: str, species_key: str,
    donor_key: str | None, baseline: str | Literal[False] | None, n_resamples: int, random_state: int,
    progress: Callable[[str], None],
) -> Score:  # fmt: skip
    embedded = read_embedded(adata, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key)
    before = Baseline(None, "no baseline was requested")
    if baseline is not False:
        before = find_baseline(
            adata, embedded, key=baseline, label_key=label_key, species_key=species_key, progress=progress
        )
    request = ScoreRequest(embedded, before.embedded, n_resamples, random_state, progress)
    parts: dict[str, ProfileScores] = {}
    errors: list[HomodbError] = []
    labels, code = embedded.label, embedded.species.code
    own = {name: labels.subset(code == number).names for number, name in enumerate(embedded.species.names)}
    notes = [before.origin, *spelling_notes(label_key, own)]
    if donor_key is None and n_resamples and (columns := ObsColumns(adata.obs, ScoreError).donors()):
        notes.append(f"no column of donors was named, such as {' or '.join(columns)} of obs, which intervals resample")
    for one in profiles:
        try:
            parts[one.key] = one.function(request)
        except (ScoreError, MissingPackageError) as error:
            if len(profiles) == 1:
                raise
            errors.append(error)
            notes.append(f"{one.name} is left out: {error}")
    if not parts:
        raise errors[0]
    kind = draws(embedded, n_resamples=n_resamples, random_state=random_state).kind if n_resamples else "none"
    return Score(embedded.key, parts, kind, tuple(notes), embedded.donors())


def _read(path: Path, *, whole: bool) -> anndata.AnnData:
    """Read what scores need; everything if a baseline may have to be computed."""
    import anndata

    with open_anndata(path) as root:
        names = [name for name in ("obs", "obsm", "uns") if name in root]
        if store.is_anndata(root) and len(names) == 3 and (not whole or f"X_{BASELINE}" in root["obsm"]):
            # an entry that cannot be read is left out where everything is read, or named
            with suppress(TranslationError):
                return anndata.AnnData(**{name: store.read(root, name) for name in names})
    return read_anndata(path)
