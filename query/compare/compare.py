"""``homodb.compare``: which mapping and which method serve some cells, as far as these can tell."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from homodb.query.cells import CellSource, InMemory, ObsColumns, Rows, Slot, called, opened_sources
from homodb.query.compare.grid import CompareProgress, Pipeline, run_grid
from homodb.query.compare.pairings import Pairing, pairings, read_strategies
from homodb.query.compare.result import Comparison, said
from homodb.query.integrate import IntegrateChoices, IntegrateSettings, IntegrationMethod, method_named
from homodb.query.join import FILE, SPECIES, JoinSide, check_objects, read_join_options, read_sides
from homodb.query.release import ReleaseFile, use_release
from homodb.query.score import profiles_named
from homodb.schema.enums import Strategy
from homodb.schema.errors import IntegrationError, OutputError, ScoreError
from homodb.schema.names import texts
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

    Comparable: TypeAlias = anndata.AnnData | str | Path


class HeldSource:
    """An object whose main matrix is read when it is first asked for, and then held; it has no layers."""

    def __init__(self, source: CellSource) -> None:
        self._source = source
        self.name, self.obs, self.var, self.main = source.name, source.obs, source.var, source.main
        self.logged, self.parts = source.logged, source.parts
        self.layers: tuple[str, ...] = ()
        self._held: Rows | None = None

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return the main matrix."""
        if self._held is None:
            read, _ = self._source.rows(self.main, folder, block)
            self._held = InMemory(read.take(0, read.shape[0]))
        return self._held, None


def check_cells(sources: Sequence[CellSource], sides: Sequence[JoinSide], label: str, donor_key: str | None) -> None:
    """Check what is needed of the cells before anything is computed.

    Parameters
    ----------
    sources, sides
        The objects and their genes.
    label, donor_key
        Columns of obs with cell types and donors; ``source_file``, which a join adds, will do for donors.

    Raises
    ------
    ScoreError
        If all objects are of one species, or a column is not there or has gaps.
    """
    species = list(dict.fromkeys(side.species.common_name for side in sides))
    if len(species) < 2:
        names = ", ".join(side.name for side in sides)
        raise ScoreError(f"all cells are of {species[0]} ({names}); a comparison needs two species or more")
    _check_column(sources, label, "cell types", "label_key")
    if donor_key is not None and donor_key not in (FILE, SPECIES):
        _check_column(sources, donor_key, "donors", "donor_key")


def _check_column(sources: Sequence[CellSource], name: str, meaning: str, option: str) -> None:
    for source in sources:
        ObsColumns(source.obs, ScoreError, f"{source.name}: obs").complete(name, meaning, option=option)


#: Methods that are compared by default.
METHODS = ("none", "cca", "harmony")


def compare(
    objects: Sequence[Comparable],
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategies: str | Sequence[str | Strategy] = "all",
    methods: str | Sequence[str] = METHODS,
    label: str = "cell_type",
    donor_key: str | None = None,
    profile: str = "cross-species",
    resamples: int = 200,
    release: str | Path | ReleaseFile | None = None,
    column: str | Sequence[str | None] | None = None,
    layer: str | Sequence[str | None] | None = None,
    keep: str | Path | None = None,
    report: Callable[[CompareProgress], None] = lambda progress: None,
    **choices: Unpack[IntegrateChoices],
) -> Comparison:
    """Compare mappings and methods of integration on the same cells.

    Every mapping is joined once and prepared once (variable features, components); every method works on that; every
    result is scored on all cells. Beside the strategies two rows are always there: genes whose symbols are equal
    ignoring case, and random pairing: the features of HM_O2O (LM_O2O where Ensembl has nothing) with partners permuted.

    Parameters
    ----------
    objects
        AnnDatas, or paths of h5ad files or zarr stores, of two species or more, with raw counts. They are not changed.
    species
        The species of each, by any name; by default found by a vote over the names of genes.
    strategies
        ``all`` that the species have, or names.
    methods
        Names of methods of integration.
    label
        Column of obs with cell types.
    donor_key
        Column of obs with donors, over which intervals resample. Without it, and where a species has one donor, nothing
        is told apart.
    profile
        Which scores: ``cross-species``, ``pllm``, ``scib``, several with commas between them, or ``all``.
    resamples
        Draws of the intervals.
    release
        An open release, or what :func:`homodb.open` takes.
    column, layer
        Column of var with the gene names, layer in place of X; one for all objects, or one for each.
    keep
        Folder for the joint objects with all embeddings: a file per mapping.
    report
        Called as each step begins.
    **choices
        See :class:`homodb.query.integrate.settings.IntegrateSettings`; ``seed`` is that of everything random. Cells
        are not clustered unless the objects are kept.

    Returns
    -------
    Comparison
        ``.table`` marks what the intervals tell apart; ``.rows`` have all scores; ``.left_out`` says which mappings
        could not be used.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked by name.
    ScoreError
        If all cells are of one species, or a column of obs is missing or has gaps.
    IntegrationError
        If there is no such method or setting, a species has too few cells, or no method could integrate any mapping.
    JoinError, CountsError
        If the objects cannot be joined.
    OutputError
        If the folder to keep objects in cannot be written.

    Examples
    --------
    >>> import homodb
    >>> found = homodb.compare([human, mouse], species=["human", "mouse"], donor_key="donor")  # doctest: +SKIP
    >>> found.table  # doctest: +SKIP
    """
    wanted, named = read_strategies(strategies)
    chosen = _methods(methods)
    settings = _settings(choices, keep)
    profiles_named(profile)
    given = check_objects(objects, species)
    options = read_join_options(len(given), column=column, layer=layer)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homodb-compare-")))
        read = stack.enter_context(opened_sources(given, called(given), options.layers))
        sources: list[CellSource] = [HeldSource(one) for one in read]
        sides = read_sides(opened, sources, species, options)
        check_cells(sources, sides, label, donor_key)
        kept = None if keep is None else _folder(Path(keep))
        scoring = {"label": label, "donor_key": donor_key, "profile": profile, "resamples": resamples,
                   "seed": settings.seed}  # fmt: skip
        line = Pipeline(opened, sources, options, chosen, settings, scoring, folder, kept)
        seen: list[Pairing] = []

        def noted() -> Any:
            for one in pairings(opened, sides, options, wanted, named=named, seed=settings.seed):
                seen.append(one)
                yield one

        rows = tuple(run_grid(line, noted(), len(wanted) + 2, report))
        version = opened.version
    if not any(row.score for row in rows):
        raise IntegrationError(f"no method could integrate any mapping; {rows[0].strategy}: {rows[0].why}"
                               if rows else "no mapping could be used")  # fmt: skip
    notes = dict.fromkeys(note for one in seen for note in one.notes)
    each = [said(row.score) for row in rows if row.score is not None]
    notes |= dict.fromkeys(note for note in each[0] if all(note in one for one in each))
    return Comparison(
        version, *_cells(sources, sides, donor_key), rows, {one.name: one.why for one in seen if one.plan is None},
        tuple(notes),
    )  # fmt: skip


def _methods(methods: str | Sequence[str]) -> tuple[IntegrationMethod, ...]:
    names = methods.split(",") if isinstance(methods, str) else methods
    found = dict.fromkeys(method_named(name.strip()) for name in names)
    if not found:
        raise IntegrationError("no method is named; name one, such as none or cca")
    return tuple(sorted(found, key=lambda method: method.name != "none"))


def _settings(choices: IntegrateChoices, keep: str | Path | None) -> IntegrateSettings:
    unknown = set(choices) - set(IntegrateChoices.__annotations__)
    if unknown:
        raise TypeError(f"compare() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    asked: IntegrateChoices = choices if keep is not None else {"clustering": "none", **choices}
    return IntegrateSettings(**asked)


def _folder(keep: Path) -> Path:
    try:
        keep.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{keep}: is no folder that can be written to ({error.strerror or error})") from error
    return keep


def _cells(
    sources: Sequence[CellSource], sides: Sequence[JoinSide], donor_key: str | None
) -> tuple[dict[str, int], dict[str, int | None]]:
    """Return how many cells and donors each species has."""
    names = list(dict.fromkeys(side.species.common_name for side in sides))
    of = {
        name: [(source.name, source.obs) for source, side in zip(sources, sides, strict=True)
               if side.species.common_name == name]
        for name in names
    }  # fmt: skip
    cells = {name: sum(len(obs) for _, obs in tables) for name, tables in of.items()}
    donors: dict[str, int | None] = dict.fromkeys(names)
    if donor_key is not None:
        for name, tables in of.items():
            found = [texts(obs[donor_key]) if donor_key in obs else [file] for file, obs in tables]
            donors[name] = len({one for told in found for one in told if one is not None})
    return cells, donors
