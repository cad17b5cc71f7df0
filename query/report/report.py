"""``homodb.report``: one self-contained page about an integration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from homodb.query.markers import Markers, read_object
from homodb.query.release import ReleaseFile
from homodb.query.report.draw import draw
from homodb.query.report.gather import gather
from homodb.query.report.page import page_blocks
from homodb.query.results import page
from homodb.query.score import Score, profiles_named
from homodb.schema.errors import ScoreError, TranslationError
from homodb.schema.io import check_output, check_there, make_folder, must_end, whole_file

if TYPE_CHECKING:
    import anndata


def report(
    adata: anndata.AnnData | str | Path,
    output: str | Path,
    *,
    key: str | None = None,
    label_key: str = "cell_type",
    species_key: str = "species",
    donor_key: str | None = None,
    layer: str | None = None,
    profile: str = "all",
    cells: Sequence[anndata.AnnData | str | Path] = (),
    species: Sequence[str | None] | None = None,
    release: str | Path | ReleaseFile | None = None,
    top: int = 3,
    figures: str | Path | None = None,
    score: Score | None = None,
    markers: Markers | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Path]:
    """Write a page about an integration: cells, clusters, label transfer, scores, markers, and how it was made.

    Parameters
    ----------
    adata
        An integrated object, as :func:`homodb.integrate` makes it, or its file.
    output
        The page, which ends with ``.html``; it needs no other file.
    key
        Which integration: see :func:`homodb.score`; by default the only one.
    label_key, species_key, donor_key
        Columns of obs with cell types, species and donors.
    layer
        Layer that holds the counts, for markers; by default X.
    profile
        Of the scores: ``pllm``, ``scib``, ``cross-species`` or ``all``.
    cells, species, release
        Of each species its own object, the species of each, and a release: then markers without ortholog, or not
        measured in the other species, are told too. By default markers are those of the joint features.
    top
        Conserved markers of each type.
    figures
        Folder to write the drawings to as well, as SVG.
    score, markers
        What was found before; by default found now.
    progress
        Callback that receives the name of each step.

    Returns
    -------
    list of Path
        The files: the page, then the drawings.

    Raises
    ------
    ScoreError
        If the embedding, a column or the layer is missing, there is one species only, or species are named without
        `cells`.
    TranslationError
        If a file is not there, or is no AnnData.
    OutputError
        If the page does not end with ``.html``, is the object's own file, or cannot be written.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import homodb
    >>> homodb.report("out.h5ad", "report.html", donor_key="donor")  # doctest: +SKIP
    """
    target, folder = Path(output), None if figures is None else Path(figures)
    if species is not None and not cells:
        raise ScoreError("species are named, and files of one species are not; name the files, too")
    files = [Path(one) for one in (adata, *cells) if isinstance(one, str | Path)]
    check_there(*files, error=TranslationError)
    check_output(target, *files)
    must_end(target, "pages", ".html")
    profiles_named(profile)  # a misspelt one is an error; what cannot be scored is a note on the page
    name = Path(adata).name if isinstance(adata, str | Path) else "AnnData"
    if folder is not None:
        make_folder(folder)
    progress("reading")
    given = read_object(adata)
    gathered = gather(
        given, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key, layer=layer, profile=profile,
        cells=cells, species=species, release=release, score=score, markers=markers, progress=progress,
    )  # fmt: skip
    progress("drawing")
    drawings = draw(gathered, label_key=label_key, top=top)
    texts = {target: page(page_blocks(given, gathered, drawings, name=name, top=top))}
    texts |= (
        {}
        if folder is None
        else {folder / f"{one.name}.svg": one.svg for section in drawings.values() for one in section}
    )
    for path, text in texts.items():
        with whole_file(path) as partial:
            partial.write_text(text, "utf-8")
    return list(texts)
