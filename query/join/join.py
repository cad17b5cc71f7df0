"""``homodb.join``: several objects, of several species, in one object over shared features."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

from homodb.query.join.options import JoinChoices, JoinOptions, read_join_options
from homodb.query.join.report import JoinReport, provenance
from homodb.query.join.sources import called, opened_sources
from homodb.query.join.work import Work
from homodb.query.release import Release, open_release
from homodb.query.stored import check_cells_output
from homodb.query.translate import stores
from homodb.query.translate.carry import MemorySink, Progress
from homodb.query.translate.places import whole
from homodb.query.translate.writers import file_sink
from homodb.schema.counted import counted
from homodb.schema.errors import JoinError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata

    Joinable: TypeAlias = anndata.AnnData | str | Path


def join(
    objects: Sequence[Joinable],
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    block: int | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **choices: Unpack[JoinChoices],
) -> anndata.AnnData:
    """Put several objects, of several species, into one over shared features.

    Parameters
    ----------
    objects
        AnnDatas, or paths of h5ad files or zarr stores, two or more. They are not changed.
    species
        The species of each, by any name; by default found by a vote over the names of genes. Several may be of one.
    strategy
        One of the five; by default HM_O2O, and LM_O2O where Ensembl has nothing for a pair.
    release
        An open release, or what :func:`homodb.open` takes.
    block
        Cells to hold in memory at a time; by default so many that they have about four million values.
    report
        Called with how far it is.
    **choices
        See :class:`homodb.query.join.options.JoinChoices`.

    Returns
    -------
    anndata.AnnData
        The cells of all objects, one object below the other, x features that have a measured gene in every species. X,
        and the layers that all of them have. obs: all their columns, ``species`` (common name), ``source_file``,
        ``homodb_total`` (sum of a cell's genes, whether in a feature or not). var: which genes a feature is of, and the
        evidence. ``uns["homodb"]``: what was done. What else they hold is left behind.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    UndecidedSpeciesError
        If names do not tell their species.
    CountsError
        If X holds NaN, or values that cannot be added up or put below each other.
    JoinError
        If the objects share no feature, or what is asked does not fit them.

    Examples
    --------
    >>> import homodb
    >>> joint = homodb.join([human, mouse], species=["human", "mouse"], release="rel")  # doctest: +SKIP
    """
    return join_with_report(
        objects, species=species, strategy=strategy, release=release, block=block, report=report, **choices
    )[0]


def join_with_report(
    objects: Sequence[Joinable],
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    block: int | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **choices: Unpack[JoinChoices],
) -> tuple[anndata.AnnData, JoinReport]:
    """Join as :func:`join` does, and return the report of fates beside it."""
    given, options = check_objects(objects, species, choices, block)
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homodb-join-")))
        sources = stack.enter_context(opened_sources(given, called(given), options.layers))
        return joined(Work(opened, sources, species, strategy, options, folder, block, report))


def joined(work: Work) -> tuple[anndata.AnnData, JoinReport]:
    """Do the work in memory."""
    import anndata

    made = {slot: work.carry(slot, lambda *_: MemorySink()) for slot in work.slots()}
    told = work.report()
    (_, x), *layers = made.items()
    layered = {slot.name: matrix for slot, matrix in layers if matrix is not None}
    result = anndata.AnnData(X=x, obs=work.obs(), var=work.plan.var, layers=layered)
    result.uns["homodb"] = provenance(told)
    return result, told


def join_files(
    paths: Sequence[str | Path],
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **choices: Unpack[JoinChoices],
) -> anndata.AnnData:
    """Join files into an object in memory; parameters as in :func:`join`."""
    return join(
        [Path(path) for path in paths], species=species, strategy=strategy, release=release, report=report, **choices
    )


def join_to_file(
    paths: Sequence[str | Path],
    output: Path,
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    block: int | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **choices: Unpack[JoinChoices],
) -> JoinReport:
    """Join files into a file, in runs of cells: memory is set by the run, not by the files.

    Parameters
    ----------
    paths
        h5ad files or zarr stores.
    output
        The file to write, a zarr store where it ends with ``.zarr``; what is there is replaced when the new one is
        whole. Compression is that of the first file.

    Raises
    ------
    OutputError
        If the output is one of the inputs, or cannot be written.
    """
    given, options = check_objects(paths, species, choices, block)
    check_cells_output(output, *given)
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        sources = stack.enter_context(opened_sources(given, called(given), options.layers))
        partial = stack.enter_context(whole(output))
        first = getattr(sources[0], "root", None)
        with stores.created(partial, first) as (out, check):

            def shown(progress: Progress) -> None:
                check()
                report(progress)

            work = Work(opened, sources, species, strategy, options, partial.parent, block, shown)
            stores.make_group(out, "layers")
            for slot in work.slots():
                parent, key = (out, "X") if slot.main else (out["layers"], slot.name)
                work.carry(slot, functools.partial(file_sink, parent, key))
            told = work.report()
            for part in ("obsm", "obsp", "varm", "varp", "uns"):
                stores.make_group(out, part)
            stores.write(out, "obs", work.obs())
            stores.write(out, "var", work.plan.var)
            stores.write(out["uns"], "homodb", provenance(told))
    return told


def check_objects(
    objects: Sequence[Any], species: Sequence[Any] | None, choices: JoinChoices, block: int | None
) -> tuple[list[Any], JoinOptions]:
    """Check what can be checked before anything is read."""
    if isinstance(objects, str | Path):
        raise JoinError(f"one object, {objects}, cannot be joined with itself; name two or more")
    if len(objects) < 2:
        raise JoinError(f"{counted(len(objects), 'object')} cannot be joined; name two or more")
    places = [Path(one).resolve() for one in objects if isinstance(one, str | Path)]
    twice = next((path for path in places if places.count(path) > 1), None)
    if twice is not None:
        raise JoinError(f"{twice.name} is named twice, and its cells would be there twice; name each file once")
    if species is not None and (isinstance(species, str) or len(species) != len(objects)):
        number = len(species.split(",")) if isinstance(species, str) else len(species)
        raise JoinError(
            f"{counted(len(objects), 'object')} and {number} species are named; "
            "name one species for each object, in the same order (two of one species: name it twice)"
        )
    if block is not None and block < 1:
        raise JoinError(f"a block has {counted(block, 'cell')}; it needs at least one")
    return [Path(one) if isinstance(one, str | Path) else one for one in objects], read_join_options(
        choices, len(objects)
    )
