"""Divide the cells of a type by their surroundings: clusters in an embedding that names a cell's neighbours.

Source: Park, Kim, Kim et al., Advanced Science 2026 (https://doi.org/10.1002/advs.202513210), its section on niches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from scipy.stats import rankdata

from homodb.query.annotate.labels import UNKNOWN
from homodb.query.annotate.settings import NicheSettings
from homodb.query.annotate.task import storable
from homodb.query.cells import (
    Cells,
    Coded,
    ObsColumns,
    atomic_output,
    check_cells_output,
    load_cells,
    read_anndata,
    read_coordinates,
    read_counts,
    store,
    validate_key_added,
)
from homodb.query.integrate import Network, shared_neighbors, spatial_neighbors, unit_rows
from homodb.query.markers import PSEUDO, Bulk, Limits, MarkerCells, bulk
from homodb.query.results import (
    Grid,
    GridColumn,
    Heading,
    Lines,
    Note,
    Result,
    ResultBlock,
    heat,
    plain,
    spreadsheet_safe,
    tissue,
)
from homodb.query.settings import log, progress_bar
from homodb.schema.errors import AnnotationError, HomodbError
from homodb.schema.io import check_folder, make_folder, whole_file
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.models import FrozenModel
from homodb.schema.names import name_texts

if TYPE_CHECKING:
    import anndata

#: Entry of ``uns["homodb"]`` that describes niches, by the column that they made.
ENTRY = "niches"
#: Niches whose surroundings explain less than this, or twice what chance does, are noted.
_LEAST = 0.05
_MARKERS_SHOWN, _TYPES_SHOWN = 5, 3
_MARKERS = {
    "type": pl.String, "niche": pl.String, "gene": pl.String, "log2fc": pl.Float64, "share": pl.Float64,
    "share_rest": pl.Float64, "auroc": pl.Float64,
}  # fmt: skip
_SUMMARY = {"type": pl.String, "cells": pl.Int64, "niches": pl.Int64, "explained": pl.Float64, "chance": pl.Float64}

_Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Niches(Result):
    """Niches of cell types: what lies around their cells, and their markers.

    Parameters
    ----------
    label_key, column, use_rep
        Column of obs with the cell types, the new one with the niches, and key of obsm of the embedding.
    settings
        The settings.
    types
        A row per type that was divided: ``type, cells, niches``, ``explained``, the share of the variance of its cells'
        surroundings that the niches explain, 0 to 1, and ``chance``, what as many niches of random cells would.
    around
        Abundance of the types around a niche: ``type, niche, cells, around, share``, mean share of that type among the
        nearest cells, and ``share_all``, the mean over all cells of the type.
    markers
        Genes that are higher in a niche than in the mean of the type's other niches: ``type, niche, gene, log2fc,
        share, share_rest`` (of cells with any count), ``auroc``, the best first.
    cells
        A row per cell: ``x, y, section, type, niche``, null for none, and ``distance`` to the reference, null if obs
        does not have it.
    notes
        Notes for the user.
    """

    main_table: ClassVar[str] = "around"

    label_key: str
    column: str
    use_rep: str
    settings: Mapping[str, Any]
    types: pl.DataFrame
    around: pl.DataFrame
    markers: pl.DataFrame
    cells: pl.DataFrame
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return what was done in one line."""
        number, types = counted(int(self.types["niches"].sum()), "niche"), counted(self.types.height, "cell type")
        return f"niches: {number} of {types}: obs[{self.column!r}]"

    def totals(self) -> dict[str, Any]:
        """Return the niches without the table of cells as plain values."""
        tables = {name: getattr(self, name).to_dicts() for name in ("types", "around", "markers")}
        values = {
            "label_key": self.label_key, "column": self.column, "use_rep": self.use_rep,
            "settings": dict(self.settings), **tables, "notes": list(self.notes),
        }  # fmt: skip
        return {name: plain(value) for name, value in values.items()}

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return the table of cells."""
        return {"cells": self.cells}

    def uns(self) -> dict[str, Any]:
        """Return the entry in uns, with its tables."""
        entry = {"label_key": self.label_key, "use_rep": self.use_rep, "settings": dict(self.settings)}
        held: dict[str, Any] = storable({**entry, "notes": list(self.notes)})
        held["tables"] = {name: getattr(self, name).to_pandas() for name in ("types", "around", "markers")}
        return held

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the types that were divided, and each niche with its surroundings and markers."""
        yield Heading("homodb niches", level=1)
        yield Lines([
            f"{counted(int(self.types['niches'].sum()), 'niche')} of {counted(self.types.height, 'cell type')} in"
            f" obsm[{self.use_rep!r}], {self.settings['spatial']} nearest cells around each"
        ])  # fmt: skip
        yield Grid(self.types, columns={"cells": GridColumn(form=",")})
        genes = self.markers.group_by("niche", maintain_order=True).agg(pl.col("gene").head(_MARKERS_SHOWN))
        marked = {niche: ", ".join(names) for niche, names in genes.iter_rows()}
        rows = []
        for (niche,), part in self.around.group_by("niche", maintain_order=True):
            most = part.sort("share", "around", descending=[True, False]).head(_TYPES_SHOWN)
            shares = [
                f"{name} {share:.2f} ({round(share - every, 2) + 0.0:+.2f})"
                for name, share, every in most.select("around", "share", "share_all").iter_rows()
                if share >= 0.005
            ]
            rows.append((niche, part["cells"][0], ", ".join(shares), marked.get(str(niche), "")))
        schema = ["niche", "cells", "share around (to all)", "markers"]
        yield Grid(pl.DataFrame(rows, schema=schema, orient="row"), columns={"cells": GridColumn(form=",")})
        yield from map(Note, self.notes)

    def figures(self) -> dict[str, str]:
        """Draw the niches and the distance on the tissue, and what lies around each niche.

        Returns
        -------
        dict
            SVG documents by the names of their files, a drawing of the tissue for each section.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        drawn: dict[str, str] = {}
        parts = self.cells.partition_by("section", maintain_order=True, as_dict=True)
        for number, ((section,), part) in enumerate(parts.items()):
            end, where = ("", "") if len(parts) == 1 else (f"_{number}", f", {section}")
            place = part.select("x", "y").to_numpy()
            for order, name in enumerate(self.types["type"]):
                niches = self.around.filter(pl.col("type") == name)["niche"].unique(maintain_order=True).to_list()
                code = {niche: at for at, niche in enumerate(niches)}
                own = part["niche"].replace_strict(code, default=-1, return_dtype=pl.Int64).to_numpy()
                drawn[f"niches_{order}_{_slug(name)}{end}.svg"] = tissue(
                    place, own, f"Niches of {name}{where}", names=niches
                )
            if part["distance"].count():
                distance = part["distance"].to_numpy()
                title, meaning = f"Distance from the reference{where}", f"{self.label_key}_distance"
                drawn[f"distance{end}.svg"] = tissue(place, distance, title, meaning=meaning)
        for order, name in enumerate(self.types["type"]):
            own_type = self.around.filter(pl.col("type") == name)
            table = own_type.pivot("around", index=["niche", "cells"], values="share", maintain_order=True)
            shares = table.drop("niche", "cells")
            drawn[f"around_{order}_{_slug(name)}.svg"] = heat(
                shares.to_numpy(), table["niche"].to_list(), shares.columns, f"Around the niches of {name}",
                across="type of the nearest cells", down="niche", meaning="mean share of the nearest cells",
                row_cells=table["cells"].to_list(),
            ).svg()  # fmt: skip
        return drawn

    def write_figures(self, folder: Path) -> None:
        """Write the drawings into a folder, which is created if missing; raises OutputError if it cannot be written."""
        drawn = self.figures()
        make_folder(folder)
        for name, svg in drawn.items():
            with whole_file(folder / name) as partial:
                partial.write_text(svg, "utf-8")

    def write_tables(self, folder: Path) -> None:
        """Write the tables as ``<name>.tsv``; raises OutputError if they cannot be written."""
        make_folder(folder)
        for name in ("types", "around", "markers", "cells"):
            with whole_file(folder / f"{name}.tsv") as partial:
                spreadsheet_safe(getattr(self, name)).write_csv(partial, separator="\t")


class NicheOptions(FrozenModel):
    """Checked options of :func:`niches`, which describes each.

    Raises
    ------
    AnnotationError
        If the name of the results cannot be stored.
    """

    error: ClassVar[type[HomodbError]] = AnnotationError

    label_key: str
    cell_types: tuple[str, ...] | None = None
    use_rep: str | None = None
    spatial_key: str | None = None
    donor_key: str | None = None
    layer: str | None = None
    key_added: str = "niche"
    settings: NicheSettings = NicheSettings()

    def check(self) -> None:
        """Check the name of the results."""
        validate_key_added(self.key_added, AnnotationError)

    @property
    def rep(self) -> str:
        """Key of obsm of the embedding."""
        return self.use_rep or f"X_{self.label_key}"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:40] or "type"


@overload
def niches(
    adata: Cells, *, label_key: str, cell_types: Sequence[str] | None = ..., use_rep: str | None = ...,
    spatial_key: str | None = ..., donor_key: str | None = ..., layer: str | None = ..., key_added: str = ...,
    spatial: int = ..., min_cells: int = ..., k_neighbors: int = ..., prune: float = ..., clustering: str = ...,
    resolution: float = ..., n_starts: int = ..., random_state: int = ...,
    progress: Callable[[str], None] | bool | None = ..., return_report: Literal[False] = False,
) -> anndata.AnnData: ...  # fmt: skip


@overload
def niches(
    adata: Cells, *, label_key: str, cell_types: Sequence[str] | None = ..., use_rep: str | None = ...,
    spatial_key: str | None = ..., donor_key: str | None = ..., layer: str | None = ..., key_added: str = ...,
    spatial: int = ..., min_cells: int = ..., k_neighbors: int = ..., prune: float = ..., clustering: str = ...,
    resolution: float = ..., n_starts: int = ..., random_state: int = ...,
    progress: Callable[[str], None] | bool | None = ..., return_report: Literal[True],
) -> tuple[anndata.AnnData, Niches]: ...  # fmt: skip


def niches(
    adata: Cells, *, label_key: str, cell_types: Sequence[str] | None = None, use_rep: str | None = None,
    spatial_key: str | None = None, donor_key: str | None = None, layer: str | None = None, key_added: str = "niche",
    spatial: int = 20, min_cells: int = 50, k_neighbors: int = 20, prune: float = 1 / 15, clustering: str = "louvain",
    resolution: float = 0.5, n_starts: int = 10, random_state: int = 42,
    progress: Callable[[str], None] | bool | None = None, return_report: bool = False,
) -> anndata.AnnData | tuple[anndata.AnnData, Niches]:  # fmt: skip
    """Divide the cells of each type by their surroundings on the tissue.

    The cells of a type are clustered in an embedding that knows what lies around them, such as that of
    ``annotate(..., method="cellama", spatial=5)``.

    Parameters
    ----------
    adata
        Cells x genes with raw counts, cell types, an embedding and coordinates, or the path of such a file. It is not
        changed.
    label_key
        Key in obs of the cell types, such as ``cell_type_homodb``.
    cell_types
        Types to divide; by default all that have `min_cells`.
    use_rep
        Key in obsm of the embedding, in which cells are compared by the angle; by default ``X_<label_key>``, which
        :func:`homodb.annotate` writes. A cell whose row is zeros has no niche.
    spatial_key
        Key in obsm of the coordinates; by default ``spatial``.
    donor_key
        Key in obs of donors or sections: cells of others are not near. Fold changes of markers are then means over
        those that have cells of the niche and of others.
    layer
        Layer with the counts; by default X.
    key_added
        Suffix of the new column.
    spatial
        Number of nearest cells on the tissue that are a cell's surroundings.
    min_cells
        Cell types with fewer cells are not divided.
    k_neighbors, prune, clustering, resolution, n_starts
        Neighbours of a cell in the embedding, itself included, least share of common neighbours for an edge of their
        graph, ``louvain`` or ``leiden``, its resolution, and number of its random starts.
    random_state
        Seed of the clustering.
    progress
        Whether to show progress, or a callback that receives the name of each step; None: as in ``homodb.settings``.
    return_report
        Whether to return the abundance of types around each niche, the markers and drawings too.

    Returns
    -------
    anndata.AnnData or tuple
        A copy with the niche of each cell in ``obs["<label_key>_niche"]`` (``beta 0`` is the largest of the type beta;
        missing for cells of other types) and the tables in ``uns["homodb"]["niches"]``. With `return_report`, that
        copy and :class:`Niches`.

    Raises
    ------
    AnnotationError
        If a column, the embedding or the coordinates are missing, or no type has enough cells.
    CountsError
        If the values are not counts.
    MissingPackageError
        If igraph is not installed.

    Notes
    -----
    Markers have no p values: the niches were found in the same counts, and a test would always find differences.

    Examples
    --------
    >>> import homodb
    >>> divided, report = homodb.niches(cells, label_key="cell_type_homodb", return_report=True)  # doctest: +SKIP
    """
    given: dict[str, Any] = {
        "spatial": spatial, "min_cells": min_cells, "k_neighbors": k_neighbors, "prune": prune,
        "clustering": clustering, "resolution": resolution, "n_starts": n_starts, "random_state": random_state,
    }  # fmt: skip
    settings = NicheSettings(**given)
    wanted = (cell_types,) if isinstance(cell_types, str) else None if cell_types is None else tuple(cell_types)
    options = NicheOptions(
        label_key=label_key, cell_types=wanted, use_rep=use_rep, spatial_key=spatial_key, donor_key=donor_key,
        layer=layer, key_added=key_added, settings=settings,
    )  # fmt: skip
    with progress_bar(progress, "niches") as show:
        result, report = _niches(load_cells(adata, whole=True), options, show)
    log(report.summary())
    return (result, report) if return_report else result


def _niches(
    adata: anndata.AnnData, options: NicheOptions, progress: Callable[[str], None]
) -> tuple[anndata.AnnData, Niches]:
    label_key, settings = options.label_key, options.settings
    obs = ObsColumns(adata.obs, AnnotationError)
    types = obs.partial_codes(label_key, "cell types", option="label_key")
    embedding = _embedding(adata, options.rep)
    place = read_coordinates(adata.obsm, options.spatial_key, AnnotationError)
    sections = Coded(np.zeros(adata.n_obs, np.int64), ("",))
    if options.donor_key is not None:
        sections = obs.partial_codes(options.donor_key, "donors", option="donor_key")
    placed = np.where(embedding.any(axis=1), types.code, -1)
    divisible = _choose(types, placed, options)
    progress("nearest cells on the tissue")
    shares = _shares(spatial_neighbors(place, settings.spatial, group=sections.code), types)
    progress("niches")
    divided = [_divide(types.names[one], np.flatnonzero(placed == one), embedding, settings) for one in divisible]
    progress("markers")
    counts = read_counts(adata, options.layer, AnnotationError)
    genes = name_texts(adata.var_names)
    markers = [_markers(one, counts, genes, sections) for one in divided]
    distance = f"{label_key}_distance"
    cells = pl.DataFrame({
        "x": place[:, 0], "y": place[:, 1], "section": _texts(sections), "type": _texts(types),
        "niche": _niche_texts(divided, adata.n_obs),
        "distance": obs.numbers(distance) if distance in adata.obs else np.full(adata.n_obs, np.nan),
    }).with_columns(pl.col("distance").fill_nan(None))  # fmt: skip
    summaries = pl.DataFrame([_summary(one, shares) for one in divided], schema=_SUMMARY)
    around = pl.concat([_around(one, shares, types.names) for one in divided])
    report = Niches(
        label_key, f"{label_key}_{options.key_added}", options.rep, settings.model_dump(), summaries, around,
        pl.concat(markers), cells, tuple(_notes(summaries, types, divisible, int((placed != types.code).sum()))),
    )  # fmt: skip
    return _with_results(adata, report, [name for one in divided for name in one.niches]), report


@dataclass(frozen=True)
class _Division:
    """The niches of one type."""

    name: str
    rows: _Codes  # cells of the type
    code: _Codes  # niche of each
    niches: tuple[str, ...]  # the largest first


def _embedding(adata: anndata.AnnData, rep: str) -> npt.NDArray[np.float64]:
    """Return the positions of cells, each of length 1."""
    if rep not in adata.obsm:
        held = list(adata.obsm)
        raise AnnotationError(
            f"obsm has no {rep!r} with an embedding; it has {', '.join(held) or 'nothing'}{did_you_mean(rep, held)}; "
            "annotate with method cellama, spatial and coordinates writes one that knows what lies around a cell",
            option="use_rep",
        )
    table: Any = adata.obsm[rep]
    points = np.asarray(table.toarray() if hasattr(table, "toarray") else table)
    if points.ndim != 2 or points.dtype.kind not in "fiu" or not np.isfinite(points).all():
        raise AnnotationError(
            f"obsm[{rep!r}] is not a table of finite numbers; got shape {points.shape} of {points.dtype}",
            option="use_rep",
        )
    return unit_rows(points.astype(np.float64))


def _choose(types: Coded, placed: _Codes, options: NicheOptions) -> list[int]:
    """Return the types to divide."""
    size = np.bincount(placed[placed >= 0], minlength=len(types.names))
    label_key, min_cells = options.label_key, options.settings.min_cells
    if options.cell_types is None:
        divisible = [one for one, name in enumerate(types.names) if size[one] >= min_cells and name != UNKNOWN]
        if not divisible:
            sizes = ", ".join(f"{name} ({cells})" for name, cells in zip(types.names, size.tolist(), strict=True))
            raise AnnotationError(
                f"no type in obs[{label_key!r}] has {min_cells} cells with a position (min_cells); there are"
                f" {sizes or 'none'}", option="min_cells",
            )  # fmt: skip
        return divisible
    divisible = []
    for name in dict.fromkeys(options.cell_types):
        if name not in types.names:
            raise AnnotationError(
                f"obs[{label_key!r}] has no type {name!r}; it has {', '.join(types.names) or 'none'}"
                f"{did_you_mean(name, types.names)}", option="cell_types",
            )  # fmt: skip
        divisible.append(types.names.index(name))
        if size[divisible[-1]] < min_cells:
            raise AnnotationError(
                f"{name} has {counted(int(size[divisible[-1]]), 'cell')} with a position, fewer than {min_cells}"
                " (min_cells); leave it out, or lower that", option="min_cells",
            )  # fmt: skip
    return divisible


def _shares(around: _Codes, types: Coded) -> npt.NDArray[np.float64]:
    """Return the share of each type among the nearest cells, shape (cells, types); NaN where none has a type."""
    near = np.where(around >= 0, types.code[around], -1)
    cell = np.repeat(np.arange(len(near)), near.shape[1]).reshape(near.shape)
    flat = (cell * len(types.names) + near)[near >= 0]
    count = np.bincount(flat, minlength=len(near) * len(types.names)).reshape(len(near), -1).astype(np.float64)
    total = count.sum(axis=1, keepdims=True)
    shares: npt.NDArray[np.float64] = np.divide(count, total, out=np.full_like(count, np.nan), where=total > 0)
    return shares


def _divide(name: str, rows: _Codes, embedding: npt.NDArray[np.float64], settings: NicheSettings) -> _Division:
    graph = shared_neighbors(embedding[rows], k=min(settings.k_neighbors, len(rows)), prune=settings.prune)
    code = Network(graph.connectivities).clusters(
        algorithm=settings.clustering, resolution=settings.resolution, n_starts=settings.n_starts,
        random_state=settings.random_state,
    )  # fmt: skip
    return _Division(name, rows, code, tuple(f"{name} {number}" for number in range(code.max() + 1)))


def _summary(one: _Division, shares: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return the share of the variance of the surroundings that niches explain, and what niches at random would."""
    summary = {"type": one.name, "cells": len(one.rows), "niches": len(one.niches)}
    surrounded = np.isfinite(shares[one.rows]).all(axis=1)
    values, code = shares[one.rows][surrounded], one.code[surrounded]
    apart = values - values.mean(axis=0) if len(values) else values
    total = float((apart**2).sum())
    if not total > 0:
        return {**summary, "explained": None, "chance": None}
    between = sum(
        float((code == number).sum() * (apart[code == number].mean(axis=0) ** 2).sum()) for number in np.unique(code)
    )
    return {**summary, "explained": between / total, "chance": (len(np.unique(code)) - 1) / (len(code) - 1)}


def _around(one: _Division, shares: npt.NDArray[np.float64], names: Sequence[str]) -> pl.DataFrame:
    """Return a row per niche and type around it."""
    own = shares[one.rows]
    surrounded = np.isfinite(own).all(axis=1)
    every = own[surrounded].mean(axis=0) if surrounded.any() else np.full(len(names), np.nan)
    parts = []
    for number, niche in enumerate(one.niches):
        inside = surrounded & (one.code == number)
        share = own[inside].mean(axis=0) if inside.any() else np.full(len(names), np.nan)
        parts.append(pl.DataFrame({
            "type": [one.name] * len(names), "niche": [niche] * len(names),
            "cells": [int((one.code == number).sum())] * len(names), "around": list(names), "share": share,
            "share_all": every,
        }))  # fmt: skip
    return pl.concat(parts)


def _markers(one: _Division, counts: sp.csr_matrix, genes: list[str], sections: Coded) -> pl.DataFrame:
    """Return the genes that pass the limits of a marker in fold change and share of cells, the best first."""
    limits, own = Limits(), sp.csr_matrix(counts[one.rows])
    totals = np.asarray(own.sum(axis=1), np.float64).ravel()
    donors = sections.code[one.rows]
    counting = np.flatnonzero((donors >= 0) & (totals > 0))
    side = MarkerCells(
        one.name, genes, np.full(len(genes), -1, np.int64), sp.csr_matrix(own[counting]), totals[counting], one.niches,
        one.code[counting], sections.names, donors[counting],
    )  # fmt: skip
    by_donor, whole = bulk(side), bulk(replace(side, donors=("",), donor_code=np.zeros(len(counting), np.int64)))
    shares = sp.csc_matrix(sp.diags_array(1 / side.totals) @ side.counts)
    rows: list[tuple[Any, ...]] = []
    for number, niche in enumerate(one.niches if len(one.niches) > 1 and len(counting) else ()):
        log2fc = _log2fc(by_donor, number, limits.cells, least=2)
        log2fc = _log2fc(whole, number, limits.cells, least=1) if log2fc is None else log2fc
        if log2fc is None:
            continue
        rest = np.delete(whole.shares, number, axis=0).mean(axis=0)
        inside = side.type_code == number
        size = int(inside.sum())
        own_rows = []
        for gene in np.flatnonzero((log2fc >= limits.log2fc) & (whole.shares[number] >= limits.share)).tolist():
            ranks = rankdata(shares[:, [gene]].toarray().ravel())
            area = (ranks[inside].sum() - size * (size + 1) / 2) / (size * (len(ranks) - size))
            values = (log2fc[gene], whole.shares[number, gene], rest[gene], area)
            own_rows.append((one.name, niche, genes[gene], *map(float, values)))
        rows += sorted(own_rows, key=lambda row: (-row[-1], row[2]))
    return pl.DataFrame(rows, schema=_MARKERS, orient="row")


def _log2fc(groups: Bulk, niche: int, fewest: int, *, least: int) -> npt.NDArray[np.float64] | None:
    """Return the mean over donors of the log2 fold change of a niche over the mean of the others.

    Donors count that have `fewest` cells of both. None if there are fewer than `least` of them.
    """
    able = groups.cells >= fewest
    others = able.copy()
    others[:, niche] = False
    donors = np.flatnonzero(able[:, niche] & others.any(axis=1))
    if len(donors) < least:
        return None
    cpm = groups.cpm.astype(np.float64)
    each = [np.log2(cpm[one, niche] + PSEUDO) - np.log2(cpm[one, others[one]].mean(axis=0) + PSEUDO) for one in donors]
    return np.asarray(np.mean(each, axis=0))


def _texts(coded: Coded) -> pl.Series:
    names = np.array([*coded.names, None], object)
    return pl.Series(names[coded.code].tolist(), dtype=pl.String)


def _niche_texts(divided: Sequence[_Division], cells: int) -> pl.Series:
    texts = np.full(cells, None, object)
    for one in divided:
        texts[one.rows] = np.array(one.niches, object)[one.code]
    return pl.Series(texts.tolist(), dtype=pl.String)


def _notes(summaries: pl.DataFrame, types: Coded, divisible: Sequence[int], unplaced: int) -> Iterator[str]:
    small = [name for number, name in enumerate(types.names) if number not in divisible]
    if small:
        yield f"types that were not divided: {', '.join(small)}"
    if unplaced:
        yield f"{counted(unplaced, 'cell')} without a position in the embedding: they have no niche"
    for row in summaries.iter_rows(named=True):
        if row["niches"] > 1 and row["explained"] is not None and row["explained"] < max(_LEAST, 2 * row["chance"]):
            yield (
                f"the niches of {row['type']} hardly differ in the types around them: the embedding knows little of the"
                " surroundings, or they are alike"
            )
    yield "markers have no p values: the niches were found in the same counts"


def _with_results(adata: anndata.AnnData, report: Niches, names: Sequence[str]) -> anndata.AnnData:
    import pandas as pd

    result = adata.copy()
    result.obs[report.column] = pd.Categorical(report.cells["niche"].to_list(), categories=list(names))
    own = deepcopy(result.uns.get("homodb", {}))
    own[ENTRY] = {**own.get(ENTRY, {}), report.column: report.uns()}
    result.uns["homodb"] = own
    return result


def niches_file(
    path: str | Path, output: str | Path, options: NicheOptions, *, figures: Path | None = None,
    tables: Path | None = None, progress: Callable[[str], None] = lambda step: None,
) -> Niches:  # fmt: skip
    """Divide the cells of a file, as :func:`niches` does.

    Parameters
    ----------
    path, output
        Cells (h5ad or zarr), and the file to write: the same with the niches. It appears whole or not at all.
    options
        Checked options.
    figures, tables
        Folders to write the drawings and the tables to.

    Raises
    ------
    OutputError
        If the output is the input, or cannot be written.
    TranslationError
        If the file does not exist, or is not an AnnData.
    """
    check_cells_output(Path(output), Path(path))
    for folder in (figures, tables):
        if folder is not None:
            check_folder(folder)
    divided, report = _niches(read_anndata(Path(path)), options, progress)
    progress("writing")
    with atomic_output(Path(output)) as partial:
        store.write_whole(divided, partial)
    if figures is not None:
        report.write_figures(figures)
    if tables is not None:
        report.write_tables(tables)
    return report
