"""Write a self-contained page about an integration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from homodb.query.cells import Cells, SeveralCells, as_cells, load_cells, several_cells
from homodb.query.markers import Markers
from homodb.query.release import ReleaseFile
from homodb.query.report.gather import gather
from homodb.query.report.page import draw, page_blocks
from homodb.query.results import page
from homodb.query.score import Score, profiles_named
from homodb.query.settings import progress_bar
from homodb.schema.errors import ScoreError, TranslationError
from homodb.schema.io import check_output, check_there, make_folder, must_end, whole_file
from homodb.schema.species import Species


def report(
    adata: Cells, output: str | Path, *, key: str | None = None,
    label_key: str = "cell_type", species_key: str = "species", donor_key: str | None = None,
    layer: str | None = None, profile: str = "all", cells: SeveralCells = (),
    species: Sequence[str | int | Species | None] | None = None, release: str | Path | ReleaseFile | None = None,
    top: int = 3, figures: str | Path | None = None, score: Score | None = None, markers: Markers | None = None,
    progress: Callable[[str], None] | bool | None = None,
) -> list[Path]:  # fmt: skip
    """Write a page about an integration: cells, clusters, label transfer, scores, markers, and provenance.

    Parameters
    ----------
    adata
        Integrated object from :func:`homodb.integrate`, or its file.
    output
        Path of the page, ending in ``.html``; the page needs no other file.
    key
        Key of the integration; by default the only one.
    label_key, species_key, donor_key
        Columns of obs with cell types, species and donors.
    layer
        Layer with the counts, for markers; None for X.
    profile
        Profile of the scores: ``pllm``, ``scib``, ``cross-species`` or ``all``.
    cells, species, release
        Object of each species (or a mapping from species to objects), species of each object, and a release, to
        include markers without ortholog or not measured in the other species. By default markers are searched among
        the joint features.
    top
        Number of conserved markers of each type.
    figures
        Folder for the drawings as SVG.
    score, markers
        Existing results; by default they are computed.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the name of each
        step.

    Returns
    -------
    list of Path
        The page, then the drawings.

    Raises
    ------
    ScoreError
        If the embedding, a column or the layer is missing, there is a single species, or `species` is given without
        `cells`.
    TranslationError
        If a file does not exist, or is not an AnnData.
    OutputError
        If the page does not end in ``.html``, is an input file, or cannot be written.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> homodb.report("out.h5ad", "report.html", donor_key="donor")  # doctest: +SKIP
    """
    target, folder = Path(output), None if figures is None else Path(figures)
    if species is not None and not cells:
        raise ScoreError("species are named, and files of one species are not; name the files, too", option="cells")
    given = as_cells(adata)
    own = several_cells(cells, species)[0]
    files = [one for one in (given, *own) if isinstance(one, Path)]
    check_there(*files, error=TranslationError)
    check_output(target, *files)
    must_end(target, "pages", ".html")
    profiles_named(profile)
    name = given.name if isinstance(given, Path) else "AnnData"
    if folder is not None:
        make_folder(folder)
    with progress_bar(progress, "report") as show:
        show("reading")
        integrated = load_cells(given)
        gathered = gather(
            integrated, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key, layer=layer,
            profile=profile, cells=cells, species=species, release=release, score=score, markers=markers, progress=show,
        )  # fmt: skip
        show("drawing")
        drawings = draw(gathered, label_key=label_key, top=top)
    texts = {target: page(page_blocks(integrated, gathered, drawings, name=name, top=top))}
    if folder is not None:
        texts |= {folder / f"{one.name}.svg": one.svg for section in drawings.values() for one in section}
    for path, text in texts.items():
        with whole_file(path) as partial:
            partial.write_text(text, "utf-8")
    return list(texts)
