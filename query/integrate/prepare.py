"""Read a joint AnnData, choose variable features, and compute principal components: steps shared by all methods."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import TOTAL, ObsColumns, read_coordinates, read_counts
from homodb.query.integrate.linear import Components, log_normalized, principal_components, scaled
from homodb.query.integrate.sentences import metadata_phrases, neighbor_phrases
from homodb.query.integrate.settings import IntegrateSettings, SentenceColumns
from homodb.schema.errors import CountsError, IntegrationError, MissingPackageError, UnknownSpeciesError
from homodb.schema.messages import counted
from homodb.schema.names import name_texts
from homodb.schema.species import find

if TYPE_CHECKING:
    import anndata

    from homodb.query.release import ReleaseFile

_ROWS = 4096
#: Features in a neighbourhood that a local parabola needs.
_POINTS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Joint:
    """Counts of several species over joint features."""

    counts: sp.csr_matrix  # CSR, cells x features
    features: list[str]  # names of the features
    species: tuple[str, ...]  # names of the species, in order of first appearance
    code: npt.NDArray[np.int64]  # index of each cell's species, shape (cells,)
    totals: npt.NDArray[np.float64]  # total of each cell, by which it is normalised
    # stable IDs of each feature's genes, joined by ``;``, by species; only those that var contains
    genes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    housekeeping: npt.NDArray[np.bool_] | bool = False  # mask of ribosomal and mitochondrial features, if var has it
    # phrases of cell sentences by what they name, a text or None for each cell
    phrases: Mapping[str, Sequence[str | None]] = field(default_factory=dict)

    def rows(self, species: int) -> npt.NDArray[np.int64]:
        """Return the cells of a species."""
        return np.flatnonzero(self.code == species)


def read_joint(
    adata: anndata.AnnData,
    settings: IntegrateSettings,
    *,
    species_key: str,
    species: Sequence[str] | None,
    layer: str | None,
    size_factors: str,
    columns: SentenceColumns | None = None,
) -> Joint:
    """Read a joint object; parameters are those of :func:`homodb.integrate`.

    Raises
    ------
    IntegrationError
        If a column, layer or species is missing, there is only one species, one has too few cells, or fewer than two
        features have counts in all of them.
    CountsError
        If the values are not counts.
    """
    names, code = _species(adata, species_key, species)
    _check_cells(names, code, settings)
    counts = read_counts(adata, layer, IntegrationError)
    _check_features(counts, names, code)
    totals = _totals(adata, counts, size_factors)
    features = name_texts(adata.var_names)
    phrases = _phrases(adata, columns or SentenceColumns(), names, code)
    return Joint(counts, features, names, code, totals, _genes(adata, names), _housekeeping(adata), phrases)


def _phrases(
    adata: anndata.AnnData, columns: SentenceColumns, names: tuple[str, ...], code: npt.NDArray[np.int64]
) -> dict[str, Sequence[str | None]]:
    """Write the phrases of each cell; nearest cells are of its own species and donor."""
    obs = ObsColumns(adata.obs, IntegrationError)
    texts = {name: obs.texts(name, option="phrases") for name in columns.phrases}
    phrases: dict[str, Sequence[str | None]] = dict(zip(texts, metadata_phrases(texts), strict=True))
    if columns.niche_key is not None:
        types = obs.partial_codes(columns.niche_key, "cell types", option="niche_key")
        donor = code
        if columns.donor_key is not None:
            donors = obs.partial_codes(columns.donor_key, "donors", option="donor_key")
            donor = np.where(donors.code < 0, -1, code * (len(donors.names) + 1) + donors.code)
        place = read_coordinates(adata.obsm, columns.spatial_key, IntegrationError)
        around = neighbor_phrases(place, types.code, types.names, columns.spatial, donor=donor)
        phrases[f"{columns.spatial} nearest cells by {columns.niche_key}"] = around
    for name, each in phrases.items():
        for number, species in enumerate(names):
            if not any(each[cell] is not None for cell in np.flatnonzero(code == number).tolist()):
                raise IntegrationError(
                    f"no cell of {species} has a phrase of {name!r}: a phrase of some species only sets these apart; "
                    "leave it out, or fill it in", option="niche_key" if name not in columns.phrases else "phrases",
                )  # fmt: skip
    return phrases


def _genes(adata: anndata.AnnData, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the genes of each feature, for the species whose IDs a join wrote."""
    genes = {}
    for name in names:
        try:
            column = f"homodb_{find(name).name}_id"
        except UnknownSpeciesError:  # a species that no release has
            continue
        if column in adata.var:
            genes[name] = tuple(name_texts(adata.var[column]))
    return genes


def _housekeeping(adata: anndata.AnnData) -> npt.NDArray[np.bool_]:
    mask = np.zeros(adata.n_vars, np.bool_)
    for name in ("homodb_mt", "homodb_ribo"):
        if name in adata.var:
            mask |= adata.var[name].to_numpy(np.bool_)
    return mask


def _species(
    adata: anndata.AnnData, key: str, expected: Sequence[str] | None
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    values = ObsColumns(adata.obs, IntegrationError).complete(key, "species", option="species_key")
    names = tuple(dict.fromkeys(values))
    if expected is not None and set(expected) != set(names):
        missing, more = [one for one in expected if one not in names], [one for one in names if one not in expected]
        parts = [f"no cell of {', '.join(missing)}"] if missing else []
        parts += [f"cells of {', '.join(more)}, which was not requested"] if more else []
        raise IntegrationError(f"obs[{key!r}] has {'; and '.join(parts)}; it has {', '.join(names)}", option="species")
    if len(names) < 2:
        raise IntegrationError(
            f"obs[{key!r}] has one value, {', '.join(names) or 'none'}; an integration needs two species or more",
            option="species_key",
        )
    numbers = {name: number for number, name in enumerate(names)}
    return names, np.array([numbers[value] for value in values], np.int64)


def _check_cells(names: tuple[str, ...], code: npt.NDArray[np.int64], settings: IntegrateSettings) -> None:
    sizes = {name: getattr(settings, name) for name in ("k_anchor", "k_score", "k_neighbors", "dims")}
    most = max(sizes, key=lambda name: sizes[name])
    for name, cells in zip(names, np.bincount(code, minlength=len(names)), strict=True):
        if cells <= sizes[most]:
            raise IntegrationError(
                f"{name} has {counted(int(cells), 'cell')}, and {most} is {sizes[most]}; give it more cells than that,"
                f" or lower the setting ({most}={max(1, int(cells) - 1)})"
            )


def _check_features(counts: sp.csr_matrix, names: tuple[str, ...], code: npt.NDArray[np.int64]) -> None:
    features = counts.shape[1]
    owners = np.repeat(code, np.diff(counts.indptr))
    expressed = np.zeros((len(names), features), np.bool_)
    expressed[owners[counts.data != 0], counts.indices[counts.data != 0]] = True
    shared = int(expressed.all(axis=0).sum())
    if shared < 2:
        each = ", ".join(f"{int(one.sum())} have counts in {name}" for name, one in zip(names, expressed, strict=True))
        raise IntegrationError(
            f"the species share no genes: of {features} features {each}, {shared} in all; integrate a joint object,"
            " whose features every species has (homodb join)"
        )


def _totals(adata: anndata.AnnData, counts: sp.csr_matrix, size_factors: str) -> npt.NDArray[np.float64]:
    if size_factors == "shared":
        return np.asarray(counts.sum(axis=1), np.float64).ravel()
    if size_factors != "full":
        raise IntegrationError(
            f"there are no size factors {size_factors!r}; there are shared, full", option="size_factors"
        )
    if TOTAL not in adata.obs:
        raise IntegrationError(
            f"full size factors need obs[{TOTAL!r}], each cell's total over all genes of its species; homodb join"
            " writes it",
            option="size_factors",
        )
    totals: npt.NDArray[np.float64] = adata.obs[TOTAL].to_numpy(np.float64)
    if not (np.isfinite(totals) & (totals >= 0)).all():
        raise CountsError(f"obs[{TOTAL!r}] holds NaN or negative values; expected the total count of each cell")
    return totals


@dataclass(frozen=True)
class Vst:
    """Variance of each feature over cells."""

    mean: npt.NDArray[np.float64]  # of the counts, shape (features,)
    variance: npt.NDArray[np.float64]  # with n - 1
    # variance of the counts, centred, divided by the deviation that loess expects at their mean, and clipped at the
    # square root of the number of cells
    standardized: npt.NDArray[np.float64]

    def order(self) -> npt.NDArray[np.int64]:
        """Return expressed features, the most variable first; ties, to ten decimals, keep their order."""
        order = np.argsort(-self.standardized.round(10), kind="stable")
        return order[self.mean[order] > 0]


def vst(counts: sp.csr_matrix, *, span: float = 0.3, clip: float | None = None) -> Vst:
    """Compute Seurat's variance-stabilised statistics of features, from the counts of one species.

    `span` is the share of the features in each neighbourhood of loess (``loess.span``), and `clip` the largest
    standardised value (``clip.max``), by default the square root of the number of cells.

    Raises
    ------
    MissingPackageError
        If scikit-misc, which contains R's loess, is not installed.
    IntegrationError
        If too few features vary for loess.
    """
    cells, features = counts.shape
    mean = np.asarray(counts.sum(axis=0), np.float64).ravel() / cells
    zeros = cells - np.bincount(counts.indices, minlength=features)
    squares = zeros * mean**2
    for columns, values in _blocks(counts):
        squares += np.bincount(columns, (values - mean[columns]) ** 2, minlength=features)
    variance = squares / (cells - 1)
    deviation = _expected_deviation(mean, variance, span)
    top = np.sqrt(cells) if clip is None else clip
    safe = np.where(deviation > 0, deviation, 1.0)
    total = zeros * (mean / safe) ** 2
    for columns, values in _blocks(counts):
        standardized = np.minimum((values - mean[columns]) / safe[columns], top)
        total += np.bincount(columns, standardized**2, minlength=features)
    return Vst(mean, variance, np.where(deviation > 0, total / (cells - 1), 0.0))


def consensus(ranked: Sequence[npt.NDArray[np.int64]], names: Sequence[str], n: int) -> npt.NDArray[np.int64]:
    """Choose `n` features that are variable in most species, as Seurat's ``SelectIntegrationFeatures`` does.

    Given the variable features of each species, the most variable first, and the names of all features, they are
    ordered by the number of species in which they are variable, the median of their ranks there, and name.

    Examples
    --------
    >>> consensus([np.array([2, 0]), np.array([1, 2])], ["a", "b", "c"], 2)
    array([2, 1])
    """
    ranks = np.full((len(ranked), len(names)), np.nan)
    for row, features in zip(ranks, ranked, strict=True):
        row[features] = np.arange(1, len(features) + 1)
    times = np.count_nonzero(~np.isnan(ranks), axis=0)
    variable = np.flatnonzero(times)
    median = np.nanmedian(ranks[:, variable], axis=0)
    alphabetic = np.array([names[feature] for feature in variable.tolist()])
    order = np.lexsort((alphabetic, median, -times[variable]))
    return variable[order[:n]]


def _expected_deviation(
    mean: npt.NDArray[np.float64], variance: npt.NDArray[np.float64], span: float
) -> npt.NDArray[np.float64]:
    """Return the deviation that loess expects at each feature's mean; 0 for those that do not vary."""
    try:
        from skmisc.loess import loess
    except ImportError as error:
        raise MissingPackageError.of("the choice of variable features", "scikit-misc", "cells") from error
    varies = variance > 0
    expected = np.zeros(len(mean))
    points = int(np.count_nonzero(varies))
    # the library crashes where no point lies in a neighbourhood; R refuses the same
    if points * span < _POINTS:
        raise IntegrationError(
            f"loess cannot be fitted to the {points} features that vary (expected neighbourhoods of {_POINTS} or more,"
            f" got {points * span:.1f}); give more features or a larger span"
        )
    model = loess(np.log10(mean[varies]), np.log10(variance[varies]), span=span, degree=2)
    try:
        model.fit()
        fitted = np.asarray(model.outputs.fitted_values)
    except ValueError as error:
        # where R warns of neighbourhoods with too few different means and goes on, scikit-misc raises with the fit made
        fitted = np.asarray(model.outputs.fitted_values)
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        if not re.search("singular|condition number|pseudoinverse|radius", reason) or not np.isfinite(fitted).all():
            raise IntegrationError(
                f"loess cannot be fitted to the {points} features that vary ({reason}); give a larger span, or more"
                " cells"
            ) from error
        _log.warning("loess of %d features is nearly singular in places (%s)", points, reason.strip())
    expected[varies] = np.sqrt(10.0**fitted)
    return expected


def _blocks(counts: sp.csr_matrix) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]]:
    """Yield the columns and values of runs of rows."""
    for start in range(0, counts.shape[0], _ROWS):
        low, high = counts.indptr[start], counts.indptr[min(start + _ROWS, counts.shape[0])]
        yield counts.indices[low:high], counts.data[low:high].astype(np.float64)


@dataclass(frozen=True)
class IntegrationInput:
    """Input of a method; rows are the cells of the joint object, in its order."""

    joint: Joint  # counts and species
    variable: npt.NDArray[np.int64]  # variable features, in order of consensus
    logs: sp.csr_matrix  # normalised logarithms, cells x variable features
    components: Components  # principal components of these, scaled over all cells
    release: ReleaseFile | str | Path | None = None  # release for methods that need gene vectors, open or by its place


def prepare(joint: Joint, settings: IntegrateSettings) -> IntegrationInput:
    """Choose variable features and compute principal components, step by step as Seurat does."""
    ranked = []
    for number in range(len(joint.species)):
        of_species = sp.csr_matrix(joint.counts[joint.rows(number)])
        ranked.append(vst(of_species, span=settings.span).order()[: settings.n_features])
    variable = consensus(ranked, joint.features, settings.n_features)
    if min(len(variable), len(joint.code)) <= settings.n_components:
        raise IntegrationError(
            f"{settings.n_components} components are requested (n_components) of {len(joint.code)} cells and"
            f" {len(variable)} variable features; give more, or lower n_components and dims"
        )
    logs = log_normalized(sp.csr_matrix(joint.counts[:, variable]), joint.totals, scale_factor=settings.scale_factor)
    components = principal_components(
        scaled(logs, scale_max=settings.scale_max), settings.n_components, random_state=settings.random_state
    )
    return IntegrationInput(joint, variable, logs, components)


@dataclass(frozen=True)
class Integrated:
    """Result of a method."""

    # coordinates of the cells, shape (cells, dimensions), float64; rows as in the joint object
    embedding: npt.NDArray[np.float64]
    record: dict[str, Any] = field(default_factory=dict)  # facts about the run, for uns
