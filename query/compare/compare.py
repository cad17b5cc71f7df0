"""Compare mappings and methods of integration on the same cells."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from homodb.query.cells import CellSource, InMemory, ObsColumns, Rows, SeveralCells, Slot, opened_sources
from homodb.query.compare.grid import CompareProgress, Pairing, Pipeline, pairings, read_strategies
from homodb.query.compare.result import Comparison, notes_of
from homodb.query.integrate import IntegrateSettings, IntegrationMethod, method_named
from homodb.query.join import FILE, SPECIES, JoinSide, check_objects, read_join_options, read_sides
from homodb.query.release import ReleaseFile, use_release
from homodb.query.score import profiles_named
from homodb.query.settings import progress_bar
from homodb.schema.enums import Strategy
from homodb.schema.errors import IntegrationError, OutputError, ScoreError
from homodb.schema.io import temporary_folder
from homodb.schema.names import texts
from homodb.schema.species import Species


class HeldSource:
    """Object without layers, whose main matrix is read once and kept in memory."""

    def __init__(self, source: CellSource) -> None:
        self._source = source
        self.name, self.obs, self.var, self.main = source.name, source.obs, source.var, source.main
        self.logged, self.parts = source.logged, source.parts
        self.layers: tuple[str, ...] = ()
        self._main: Rows | None = None

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return the main matrix."""
        if self._main is None:
            read, _ = self._source.rows(self.main, folder, block)
            self._main = InMemory(read.take(0, read.shape[0]))
        return self._main, None


def check_cells(
    sources: Sequence[CellSource], sides: Sequence[JoinSide], label_key: str, donor_key: str | None
) -> None:
    """Check species and columns of the cells before anything is computed; raise a ScoreError otherwise.

    Columns that a join adds may serve as donors.
    """
    species = list(dict.fromkeys(side.species.common_name for side in sides))
    if len(species) < 2:
        names = ", ".join(side.name for side in sides)
        raise ScoreError(f"all cells are of {species[0]} ({names}); a comparison needs two species or more")
    for source in sources:
        columns = ObsColumns(source.obs, ScoreError, f"{source.name}: obs")
        columns.complete(label_key, "cell types", option="label_key")
        if donor_key is not None and donor_key not in (FILE, SPECIES):
            columns.complete(donor_key, "donors", option="donor_key")


#: Methods that are compared by default.
METHODS = ("none", "cca", "harmony")


def compare(
    objects: SeveralCells, *, species: Sequence[str | int | Species | None] | None = None,
    strategies: str | Sequence[str | Strategy] = "all", methods: str | Sequence[str] = METHODS,
    label_key: str = "cell_type", donor_key: str | None = None, profile: str = "cross-species",
    n_resamples: int = 200, release: str | Path | ReleaseFile | None = None,
    column: str | Sequence[str | None] | None = None, layer: str | Sequence[str | None] | None = None,
    keep: str | Path | None = None, progress: Callable[[CompareProgress], None] | bool | None = None,
    n_features: int = 2000, span: float = 0.3, scale_factor: float = 1e4, scale_max: float = 10.0,
    n_components: int = 50, dims: int = 30, k_anchor: int = 5, k_score: int = 30, k_weight: int = 100,
    sd_weight: float = 1.0, k_neighbors: int = 20, prune: float = 1 / 15, clustering: str | None = None,
    resolution: float = 0.8, n_starts: int = 10, random_state: int = 42, model: str | None = None,
) -> Comparison:  # fmt: skip
    """Compare mappings and methods of integration on the same cells.

    Each mapping is joined and prepared (variable features, components) once; each method integrates that, and each
    result is scored on all cells. Besides the strategies there are always two rows: genes whose symbols are equal
    ignoring case, and random pairing, which permutes the partners of HM_O2O (LM_O2O if Ensembl has no orthologs).

    Parameters
    ----------
    objects
        AnnDatas, or paths of h5ad files or zarr stores, of two species or more, with raw counts. They are not changed.
        A mapping has the species of each as its key.
    species
        Species of each object, by any name; by default detected by a vote over the gene names.
    strategies
        ``all`` that the species have, or names.
    methods
        Names of methods of integration.
    label_key
        Column of obs with cell types.
    donor_key
        Column of obs with donors, which intervals resample. Without it, and if a species has one donor, no row is
        marked.
    profile
        Scores: ``cross-species``, ``pllm``, ``scib``, several separated by commas, or ``all``.
    n_resamples
        Number of resamples of the intervals.
    release
        Open release, or an argument of :func:`homodb.open`.
    column, layer
        Column of var with the gene names, and layer in place of X; one for all objects, or one for each.
    keep
        Folder for the joint objects with all embeddings, a file per mapping.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives each step as it
        begins.
    clustering
        ``louvain``, ``leiden`` or ``none``; by default ``louvain`` if the objects are kept, else ``none``.
    random_state
        Seed of all random numbers, including those of random pairing and intervals.
    n_features, span, scale_factor, scale_max, n_components, dims, k_anchor, k_score, k_weight, sd_weight, k_neighbors
        See :func:`homodb.integrate`.
    prune, resolution, n_starts, model
        See :func:`homodb.integrate`.

    Returns
    -------
    Comparison
        ``.table`` marks differences that the intervals support; ``.rows`` has all scores; ``.left_out`` lists mappings
        that could not be used.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks a species, strategy or mapping that is named.
    ScoreError
        If all cells are of one species, or a column of obs is missing or incomplete.
    IntegrationError
        If a method or setting is invalid, a species has too few cells, or no method could integrate any mapping.
    JoinError, CountsError
        If the objects cannot be joined.
    OutputError
        If `keep` is not a writable folder.

    Examples
    --------
    >>> import homodb
    >>> comparison = homodb.compare([human, mouse], species=["human", "mouse"], donor_key="donor")  # doctest: +SKIP
    >>> comparison.table  # doctest: +SKIP
    """
    compared, named = read_strategies(strategies)
    settings = IntegrateSettings(
        n_features=n_features, span=span, scale_factor=scale_factor, scale_max=scale_max, n_components=n_components,
        dims=dims, k_anchor=k_anchor, k_score=k_score, k_weight=k_weight, sd_weight=sd_weight, k_neighbors=k_neighbors,
        prune=prune, clustering=clustering or ("none" if keep is None else "louvain"), resolution=resolution,
        n_starts=n_starts, random_state=random_state, model=model,
    )  # fmt: skip
    selected = _methods(methods)
    profiles_named(profile)
    opened_objects, names, named_species = check_objects(objects, species)
    options = read_join_options(len(opened_objects), column=column, layer=layer)
    used: list[Pairing] = []

    def recorded(mappings: Iterable[Pairing]) -> Iterator[Pairing]:
        for one in mappings:
            used.append(one)
            yield one

    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        folder = stack.enter_context(temporary_folder("homodb-compare-", Path(tempfile.gettempdir())))
        read = stack.enter_context(opened_sources(opened_objects, names, options.layers))
        sources: list[CellSource] = [HeldSource(one) for one in read]
        sides = read_sides(opened, sources, named_species, options)
        check_cells(sources, sides, label_key, donor_key)
        kept = None if keep is None else _make_folder(Path(keep))
        scoring = {"label_key": label_key, "donor_key": donor_key, "profile": profile, "n_resamples": n_resamples,
                   "random_state": random_state}  # fmt: skip
        pipeline = Pipeline(opened, sources, options, selected, settings, scoring, folder, kept)
        mappings = pairings(opened, sides, options, compared, named=named, random_state=settings.random_state)
        show = stack.enter_context(progress_bar(progress, "compare", CompareProgress.parts))
        rows = tuple(pipeline.rows(recorded(mappings), len(compared) + 2, show))
        version = opened.version
    if not any(row.score for row in rows):
        raise IntegrationError(f"no method could integrate any mapping; {rows[0].strategy}: {rows[0].why}"
                               if rows else "no mapping could be used")  # fmt: skip
    notes = dict.fromkeys(note for one in used for note in one.notes)
    each = [notes_of(row.score) for row in rows if row.score is not None]
    notes |= dict.fromkeys(note for note in each[0] if all(note in one for one in each))
    return Comparison(
        version, *_cells(sources, sides, donor_key), rows, {one.name: one.why for one in used if one.plan is None},
        tuple(notes),
    )  # fmt: skip


def _methods(methods: str | Sequence[str]) -> tuple[IntegrationMethod, ...]:
    names = methods.split(",") if isinstance(methods, str) else methods
    named = dict.fromkeys(method_named(name.strip()) for name in names)
    if not named:
        raise IntegrationError("no method is named; name one, such as none or cca", option="methods")
    return tuple(sorted(named, key=lambda method: method.name != "none"))


def _make_folder(keep: Path) -> Path:
    try:
        keep.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{keep}: is not a folder that can be written to ({error.strerror or error})", option="keep"
        ) from error
    return keep


def _cells(
    sources: Sequence[CellSource], sides: Sequence[JoinSide], donor_key: str | None
) -> tuple[dict[str, int], dict[str, int | None]]:
    """Count the cells and donors of each species."""
    cells: dict[str, int] = {}
    donors: dict[str, set[str | None]] = {}
    for source, side in zip(sources, sides, strict=True):
        name, obs = side.species.common_name, source.obs
        cells[name] = cells.get(name, 0) + len(obs)
        if donor_key is not None:
            names = texts(obs[donor_key]) if donor_key in obs else [source.name]
            donors.setdefault(name, set()).update(names)
    return cells, {name: len(donors[name] - {None}) if name in donors else None for name in cells}
