"""Translate an AnnData in memory, or from file to file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from homodb.query.cells import (
    Cells,
    FileSource,
    MemorySink,
    atomic_output,
    check_cells_output,
    check_compression,
    file_sink,
    open_source,
    store,
)
from homodb.query.genes import forced
from homodb.query.release import ReleaseFile, use_release
from homodb.query.settings import log, progress_bar
from homodb.query.translate.carry import TranslateProgress, TranslationRun
from homodb.query.translate.fates import TranslationReport
from homodb.query.translate.options import read_options
from homodb.schema.enums import Strategy
from homodb.schema.errors import TranslationError
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata


@overload
def translate(
    adata: Cells, to: str | int | Species, *, source: str | int | Species | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ..., column: str | None = ...,
    layer: str | None = ..., many_to_one: str = ..., one_to_many: str = ..., slots: Mapping[str, str] | None = ...,
    min_confidence: float | None = ..., min_identity: float | None = ..., min_correlation: float | None = ...,
    missing: str = ..., evidence: str | Sequence[str] | None = ..., measured: bool = ...,
    via: str | int | Species | None = ..., keep_unmapped: bool = ..., names: str = ...,
    genes: Sequence[str] | Path | None = ..., groupby: str | Sequence[str] | None = ...,
    markers: Sequence[str] | Path | None = ...,
    force: bool = ..., progress: Callable[[TranslateProgress], None] | bool | None = ...,
    return_report: Literal[False] = ...,
) -> anndata.AnnData: ...  # fmt: skip
@overload
def translate(
    adata: Cells, to: str | int | Species, *, source: str | int | Species | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ..., column: str | None = ...,
    layer: str | None = ..., many_to_one: str = ..., one_to_many: str = ..., slots: Mapping[str, str] | None = ...,
    min_confidence: float | None = ..., min_identity: float | None = ..., min_correlation: float | None = ...,
    missing: str = ..., evidence: str | Sequence[str] | None = ..., measured: bool = ...,
    via: str | int | Species | None = ..., keep_unmapped: bool = ..., names: str = ...,
    genes: Sequence[str] | Path | None = ..., groupby: str | Sequence[str] | None = ...,
    markers: Sequence[str] | Path | None = ...,
    force: bool = ..., progress: Callable[[TranslateProgress], None] | bool | None = ...,
    return_report: Literal[True],
) -> tuple[anndata.AnnData, TranslationReport]: ...  # fmt: skip
def translate(
    adata: Cells, to: str | int | Species, *,
    source: str | int | Species | None = None, strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None, column: str | None = None, layer: str | None = None,
    many_to_one: str = "sum", one_to_many: str = "best", slots: Mapping[str, str] | None = None,
    min_confidence: float | None = None, min_identity: float | None = None, min_correlation: float | None = None,
    missing: str = "keep", evidence: str | Sequence[str] | None = None, measured: bool = False,
    via: str | int | Species | None = None, keep_unmapped: bool = False, names: str = "keep",
    genes: Sequence[str] | Path | None = None, groupby: str | Sequence[str] | None = None,
    markers: Sequence[str] | Path | None = None,
    force: bool = False, progress: Callable[[TranslateProgress], None] | bool | None = None,
    return_report: bool = False,
) -> anndata.AnnData | tuple[anndata.AnnData, TranslationReport]:  # fmt: skip
    """Translate an AnnData into another species' genes.

    Parameters
    ----------
    adata
        Cells x genes: an AnnData, which is not modified, or the path of an h5ad file or zarr store. Dask arrays stay
        lazy.
    to
        Target species, by any name; the source species itself updates old symbols.
    source
        Source species; inferred from the names of genes by default.
    strategy
        One of the five strategies; by default ENS_M2M, or LM_O2O if Ensembl has no homologies for the pair.
    release
        An open release, or an argument of :func:`homodb.open`.
    column
        Column of var that holds the gene names; the index of var by default.
    layer
        Layer to translate in place of X; ``raw`` for raw.
    many_to_one
        Policy for a target gene with several source genes: ``sum``, ``mean`` or ``max``.
    one_to_many
        Policy for a source gene with several target genes: ``best``, ``split`` (conserves totals) or ``all``.
    slots
        Policy of a matrix, by its name (``X``, ``raw``, or a layer's): ``sum``, ``mean``, ``max``, ``expm1-sum-log1p``
        or ``drop``.
    min_confidence, min_identity, min_correlation
        Least confidence (0 or 1), identity (percent) and correlation of a pair of genes.
    missing
        Whether to ``keep`` or ``drop`` pairs that lack such a value.
    evidence
        Evidence classes to use (``"both,ensembl"``), or with a ``+`` to add (``"+lm_orphan"``).
    measured
        Whether to choose one-to-one partners among the genes of the object.
    via
        Intermediate species.
    keep_unmapped
        Whether to keep source genes without a target, marked.
    names
        Kind of names for target genes: ``keep`` that of the input, ``id`` or ``symbol``.
    genes
        Target genes, in this order: a list, or a file with one per line.
    groupby
        Columns of obs by which to report the share of counts carried.
    markers
        Source genes whose fate to report: a list, or a file with one per line.
    force
        Whether to go on where less than 5 % of the names are known, or of the counts carried; below a half, a warning
        says the likely reason.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the progress.
    return_report
        Whether to return the report too.

    Returns
    -------
    anndata.AnnData
        A new object. In X, all layers and raw a target gene is the sum of its source genes; a source gene with several
        partners goes to its best one. var describes the source of each gene, ``uns["homodb"]`` the translation. obs,
        obsm, obsp and uns are kept; varm, varp, old columns of var and gene-level entries of uns are dropped, and so
        are layers and raw with scaled values, or with logarithms that would have to be summed (the report lists them).
    TranslationReport
        The fate of every gene, and the counts carried; only with `return_report`.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks it.
    UndecidedSpeciesError
        If the names do not identify the species.
    CountsError
        If X holds NaN, or logarithms or negative values that would have to be summed.
    TranslationError
        If no gene can be translated, a column or layer does not exist, or an option is not valid.

    Examples
    --------
    >>> import homodb
    >>> human = homodb.translate(mouse_cells, to="human", release="rel")  # doctest: +SKIP
    """
    options = read_options(
        many_to_one=many_to_one, one_to_many=one_to_many, slots=slots, min_confidence=min_confidence,
        min_identity=min_identity, min_correlation=min_correlation, missing=missing, evidence=evidence,
        measured=measured, via=via, keep_unmapped=keep_unmapped, names=names, genes=genes, groupby=groupby,
        markers=markers,
    )  # fmt: skip
    shown = progress_bar(progress, "translate", TranslateProgress.parts)
    with forced(force), use_release(release) as opened, open_source(adata, layer) as cells, shown as show:
        run = TranslationRun(opened, cells, to, species=source, strategy=strategy, column=column, options=options)
        result, report = _in_memory(run, show)
    log(report.summary())
    return (result, report) if return_report else result


def _in_memory(
    run: TranslationRun, progress: Callable[[TranslateProgress], None] | None
) -> tuple[anndata.AnnData, TranslationReport]:
    sink = MemorySink(getattr(run.source, "adata", None))
    report = run.carry(sink, progress=progress)
    return sink.result, report


def translate_file(
    path: Path, output: Path, to: str | int | Species, *,
    source: str | int | Species | None = None, strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None, column: str | None = None, layer: str | None = None,
    many_to_one: str = "sum", one_to_many: str = "best", slots: Mapping[str, str] | None = None,
    min_confidence: float | None = None, min_identity: float | None = None, min_correlation: float | None = None,
    missing: str = "keep", evidence: str | Sequence[str] | None = None, measured: bool = False,
    via: str | int | Species | None = None, keep_unmapped: bool = False, names: str = "keep",
    genes: Sequence[str] | Path | None = None, groupby: str | Sequence[str] | None = None,
    markers: Sequence[str] | Path | None = None, block: int | None = None, compression: str = "keep",
    follow_links: bool = False, force: bool = False, progress: Callable[[TranslateProgress], None] | None = None,
) -> TranslationReport:  # fmt: skip
    """Translate an h5ad file or a zarr store.

    Other parameters are those of :func:`homodb.translate`.

    Parameters
    ----------
    path
        File to read.
    output
        File to write, a zarr store if it ends with ``.zarr``; an existing one is replaced when the new one is
        complete.
    block
        Number of cells in memory at a time; by default as many as hold about four million values.
    compression
        ``keep`` that of the source, ``none``, ``gzip``, ``lzf`` (h5ad only) or ``zstd`` (an h5ad file then needs
        hdf5plugin, also to be read). Tables are copied as they are.
    follow_links
        Whether parts of the input may lie in other files; the output stands alone.
    progress
        Callback that receives the progress.

    Raises
    ------
    TranslationError
        If the input is not an AnnData file, or cannot be translated as requested.
    OutputError
        If the output is the input, or cannot be written.
    """
    options = read_options(
        many_to_one=many_to_one, one_to_many=one_to_many, slots=slots, min_confidence=min_confidence,
        min_identity=min_identity, min_correlation=min_correlation, missing=missing, evidence=evidence,
        measured=measured, via=via, keep_unmapped=keep_unmapped, names=names, genes=genes, groupby=groupby,
        markers=markers,
    )  # fmt: skip
    check_cells_output(output, path)
    check_compression(compression, output)
    if block is not None and block < 1:
        raise TranslationError(f"a block has {block} cells; it needs at least one", option="block")
    cells_of = open_source(path, layer, follow_links=follow_links)
    with forced(force), use_release(release) as opened, cells_of as cells, atomic_output(output) as partial:
        run = TranslationRun(opened, cells, to, species=source, strategy=strategy, column=column, options=options)
        if isinstance(cells, FileSource):
            with file_sink(partial, cells.root, keep=True, compression=compression) as sink:
                return run.carry(sink, block=block, progress=progress)
        if compression != "keep":
            raise TranslationError(
                f"{path} was written before anndata 0.8, and its translation is written whole, not compressed; write"
                " it again by a current anndata",
                option="compression",
            )
        translated, report = _in_memory(run, progress)
        store.write_whole(translated, partial)
        return report
