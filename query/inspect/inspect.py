"""Summarise the gene names, matrices and tables of an AnnData file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from homodb.query.cells import (
    RAW,
    Cells,
    as_cells,
    as_rows,
    is_lazy,
    kind_of_values,
    read_anndata,
    reading,
    slots_of,
    store,
    stored_slots,
    with_tables,
)
from homodb.query.cells import open_anndata as open_stored
from homodb.query.genes import (
    VERSION,
    about_names,
    are_positions,
    bare_name,
    detect_species,
    feature_kinds,
    feature_notes,
    other_species_note,
    resolve,
    resolve_rows,
    species_votes,
)
from homodb.query.release import ReleaseFile, use_release
from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock
from homodb.schema.errors import TranslationError, UndecidedSpeciesError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.names import name_texts, unnamed_note
from homodb.schema.species import KEYS_PER_SPECIES, Species

#: Rows by which numbers are judged, and blocks of them.
_ROWS, _BLOCKS = 200, 4
#: Values by which the numbers of a matrix stored by columns are judged.
_VALUES = 100_000
#: Examples of each kind of name.
_EXAMPLES = 4

_VERSION, _UNIQUE, _BESIDE = "with a version", "with a suffix that makes them unique", "with another name beside them"
_SUFFIX = r"[-.]\d+$"

#: Affixes of names that were resolved as another text, in the order in which they are tried.
_FORMS = (
    (_VERSION, r"\.\d+(_\d+)?$"),
    (_BESIDE, ""),
    ("with a genome's name", r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d|^[A-Za-z0-9.]+[_:]"),
    ("of the Y's pseudo-autosomal region", r"PAR[-_]Y"),
    (_UNIQUE, _SUFFIX),
    ("changed by R or Seurat", r"[.-]|^X\d"),
)


@dataclass(frozen=True)
class SlotSummary:
    """Summary of a matrix of cells and genes."""

    name: str  # ``X``, ``layers['counts']``, ``raw.X``
    rows: int
    columns: int
    form: str  # ``dense``, ``CSR``, ``CSC``
    dtype: str  # type of the numbers
    filled: float  # share of stored values; 1 if it is dense
    # kind of the numbers, judged from a sample: ``counts``, ``linear``, ``log``, ``transformed``, ``scaled``, ``nan``;
    # ``not whole`` if undecided
    kind: str


def slots(group: Any) -> list[SlotSummary]:
    """List the matrices of an AnnData or an open file, and judge each by a sample of its rows."""
    is_file = not hasattr(group, "n_obs")
    matrices = stored_slots(group) if is_file else slots_of(group)
    logged = "log1p" in (group.get("uns", ()) if is_file else group.uns)
    return [
        _slot("raw.X" if slot == RAW else slot.label, matrices.matrix(slot), logged=logged and slot.label == "X")
        for slot in matrices.all()
    ]


def _slot(name: str, element: Any, *, logged: bool) -> SlotSummary:
    import scipy.sparse as sp
    from anndata.io import sparse_dataset

    element = getattr(element, "group", element)  # of an AnnData that is backed by a file
    if sp.issparse(element):
        held: Any = element
        rows, columns = held.shape
        rowwise = held.format == "csr"
        judged: str = kind_of_values(_sample(held, rows), logged=logged) if rowwise else _by_values(held.data, logged)
        filled = held.nnz / (rows * columns) if rows * columns else 0.0
        return SlotSummary(name, rows, columns, held.format.upper(), str(held.dtype), filled, judged)
    with reading(element):
        if hasattr(element, "shape"):
            rows, columns = (*element.shape, 1)[:2]
            judged = kind_of_values(_sample(element, rows), logged=logged)
            return SlotSummary(name, rows, columns, "dense", str(element.dtype), 1.0, judged)
        matrix = sparse_dataset(element)
        rows, columns = matrix.shape
        stored = element["data"].shape[0]
        if matrix.format == "csr":
            judged = kind_of_values(_sample(as_rows(matrix), rows), logged=logged)
        else:
            judged = _by_values(element["data"], logged)
        filled = stored / (rows * columns) if rows * columns else 0.0
        return SlotSummary(name, rows, columns, matrix.format.upper(), str(element["data"].dtype), filled, judged)


def _sample(matrix: Any, rows: int) -> Any:
    """Read blocks of rows, evenly spaced."""
    import scipy.sparse as sp

    size = max(1, min(rows, _ROWS) // _BLOCKS)
    starts = np.unique(np.linspace(0, max(rows - size, 0), _BLOCKS).astype(int))
    take = None if isinstance(matrix, np.ndarray) or is_lazy(matrix) else getattr(matrix, "take", None)
    blocks = [take(start, min(start + size, rows)) if take else matrix[start : start + size] for start in starts]
    blocks = [block.compute() if is_lazy(block) else block for block in blocks]
    return (
        sp.vstack(blocks).tocsr()
        if sp.issparse(blocks[0])
        else np.vstack([np.atleast_2d(np.asarray(b).T).T for b in blocks])
    )


def _by_values(data: Any, logged: bool) -> str:
    """Judge stored values without their rows."""
    step = max(1, data.shape[0] // _VALUES)
    values = np.asarray(data[::step] if step < 50 else data[:_VALUES], dtype=np.float64)
    if values.size and values.min() < 0:
        return "scaled"
    if np.array_equal(values, np.round(values)):
        return "counts"
    return "log" if logged and values.max() < 30 else "not whole"


def slot_table(summaries: list[SlotSummary]) -> pl.DataFrame:
    """Return the slots as a frame, one row each."""
    names = list(SlotSummary.__dataclass_fields__)
    schema = dict(zip(names, (pl.String, pl.Int64, pl.Int64, pl.String, pl.String, pl.Float64, pl.String), strict=True))
    return pl.DataFrame([[getattr(slot, name) for name in names] for slot in summaries], schema=schema, orient="row")


#: A column of var is worth naming where this share of its values is known to one species.
_SHARE = 0.5


@dataclass(frozen=True, repr=False)
class Inspection(Result):
    """Summary of an AnnData, from :func:`inspect`.

    Parameters
    ----------
    path
        File or store; None for an AnnData.
    cells, genes
        Number of rows of obs and of var.
    column
        Column of var with the gene names; None for its index.
    species
        Production name of the species of the names; None if undecided.
    votes
        ``species, votes, known``, see :func:`homodb.query.genes.species_votes`.
    kinds
        ``how, names, share, examples``: names by how they were resolved.
    forms
        ``form, names, examples``: affixes that were removed from names.
    unresolved
        ``how, hint, names, examples``: names that mean no gene, by their form.
    era
        Hints at the Ensembl release of the names.
    columns
        ``column, species, known``: columns of var with gene names, and the share of known ones.
    slots
        ``name, rows, columns, form, dtype, filled, kind``: X, layers, raw.
    parts
        ``part, what``: obs with the number of categories, obsm, varm, obsp, uns.
    notes
        Further notes.
    """

    main_table: ClassVar[str] = "kinds"

    path: Path | None
    cells: int
    genes: int
    column: str | None
    species: str | None
    votes: pl.DataFrame
    kinds: pl.DataFrame
    forms: pl.DataFrame
    unresolved: pl.DataFrame
    era: tuple[str, ...]
    columns: pl.DataFrame
    slots: pl.DataFrame
    parts: pl.DataFrame
    notes: tuple[str, ...]

    @property
    def resolved(self) -> float:
        """Return the share of names that mean one gene."""
        lost = int(self.unresolved["names"].sum())
        return (self.genes - lost) / self.genes if self.genes and self.species else 0.0

    def totals(self) -> dict[str, Any]:
        """Return everything as plain values."""
        plain: dict[str, Any] = {"path": None if self.path is None else str(self.path), "resolved": self.resolved}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name != "path":
                plain[name] = value.to_dicts() if isinstance(value, pl.DataFrame) else value
        return plain

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the species, the kinds of names, and the parts of the object."""
        title = "AnnData" if self.path is None else self.path.name
        yield Heading(f"homodb inspect: {title}", level=1)
        names = "index" if self.column is None else f"column {self.column!r}"
        cells, genes = counted(self.cells, "cell"), counted(self.genes, "gene")
        species = f"{self.species}; {self.resolved:.1%} of the names mean one gene" if self.species else "undecided"
        yield Lines([f"{title}: {cells}, {genes}; names from var's {names}", f"species: {species}"])
        for title, frame in (
            ("votes: names that only one species bears, and names that it knows:", self.votes.head(5)),
            ("how the names are understood:", self.kinds),
            ("what came off names:", self.forms),
            ("names that mean no gene:", self.unresolved),
            ("columns of var that hold names of genes:", self.columns),
            ("matrices (what is in them is judged from some rows):", self.slots),
            ("other parts (number of categories):", self.parts),
        ):
            if frame.height:
                yield Grid(frame, title, columns={"share": GridColumn(form=".1%")})
        if self.era or self.notes:
            yield Lines(["", *(f"era: {line}" for line in self.era)])
        yield from map(Note, self.notes)


def inspect(
    adata: Cells,
    *,
    release: str | Path | ReleaseFile | None = None,
    source: str | int | Species | None = None,
    column: str | None = None,
) -> Inspection:
    """Summarise the gene names and parts of an AnnData.

    Of a file only the required parts are read.

    Parameters
    ----------
    adata
        AnnData, or the path of an h5ad file or zarr store.
    release
        Open release, or an argument of :func:`homodb.open`.
    source
        Species of the genes; by default detected by a vote.
    column
        Column of var that holds the gene names; by default var's index.

    Raises
    ------
    TranslationError
        If it is not an AnnData, or the column is missing.
    UnknownSpeciesError
        If `source` is not in the release.
    """
    cells = as_cells(adata)
    path = cells if isinstance(cells, Path) else None
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        stored: Any = with_tables(cells) if not isinstance(cells, Path) else stack.enter_context(open_stored(cells))
        if path and any(hasattr(stored[part], "dtype") for part in ("obs", "var")):  # as anndata wrote it before 0.7
            stored = with_tables(read_anndata(path))
        var = stored.var if hasattr(stored, "n_obs") else store.read(stored, "var")
        if column is not None and column not in var:
            columns_text = ", ".join(map(repr, var.columns)) or "none"
            close = did_you_mean(column, map(str, var))
            raise TranslationError(
                f"{path or 'AnnData'}: var has no column {column!r}; its columns are: {columns_text}{close}",
                option="column",
            )
        names = name_texts(var.index if column is None else var[column])
        features = feature_kinds(var)
        gene_names = [name for name, is_gene in zip(names, features.is_gene, strict=True) if is_gene is not False]
        votes = species_votes(opened, gene_names)
        notes: list[str] = []
        species = _species(opened, gene_names, source, notes)
        resolved = resolve(opened, names if species else [], species or opened.species[0])
        columns = _columns(opened, var)
        notes += _about_names(names, column, columns)
        if species:
            notes += feature_notes(resolve_rows(opened, names, species, features), features)
            notes += about_names(opened, [(resolved, species)])
        obs, obs_parts = _obs(stored)
        return Inspection(
            path=path,
            cells=obs,
            genes=len(names),
            column=column,
            species=species.name if species else None,
            votes=votes,
            kinds=kinds(resolved),
            forms=forms(resolved),
            unresolved=unresolved(resolved),
            era=tuple(ensembl_release_hints(opened, resolved, species)) if species else (),
            columns=columns,
            slots=slot_table(slots(stored)),
            parts=pl.DataFrame(obs_parts + _parts(stored), schema={"part": pl.String, "what": pl.String}, orient="row"),
            notes=tuple(notes),
        )


def _species(
    release: ReleaseFile, names: Sequence[str], source: str | int | Species | None, notes: list[str]
) -> Species | None:
    try:
        if source is None:
            return detect_species(release, names)
        given = release.find_species(source)
        notes += other_species_note(release, names, given) if names else []
        return given
    except UndecidedSpeciesError as error:
        notes.append(str(error))
        return None if source is None else given


def _columns(release: ReleaseFile, var: Any) -> pl.DataFrame:
    rows = []
    for name in var.columns:
        names = list(dict.fromkeys(value for value in var[name].tolist() if isinstance(value, str)))
        if not names or are_positions(names):
            continue
        best = species_votes(release, names).sort("known", descending=True).row(0, named=True)
        share = best["known"] / len(names)
        if share >= _SHARE:
            rows.append((str(name), best["species"], share))
    return pl.DataFrame(
        rows, schema={"column": pl.String, "species": pl.String, "known": pl.Float64}, orient="row"
    ).sort("known", descending=True)


def _about_names(names: Sequence[str], column: str | None, columns: pl.DataFrame) -> list[str]:
    notes = unnamed_note(names)
    named = [name for name in names if name]
    repeated = len(named) - len(set(named))
    if repeated:
        notes.append(f"{counted(repeated, 'name stands', 'names stand')} there more than once")
    if are_positions(names):
        better = columns["column"][0] if columns.height else None
        notes.append(
            "the names are row numbers, not genes"
            + (f"; column {better!r} of var holds names (column={better!r})" if better and better != column else "")
        )
    return notes


def _obs(stored: Any) -> tuple[int, list[tuple[str, str]]]:
    """Count the cells and the categories of obs, without reading anything else of it."""
    if hasattr(stored, "n_obs"):
        kinds_of = {name: getattr(column.dtype, "categories", None) for name, column in stored.obs.items()}
        names = [str(name) if one is None else f"{name} ({len(one):,})" for name, one in kinds_of.items()]
        return stored.n_obs, [("obs", ", ".join(names))] if names else []
    obs = stored["obs"]
    cells = store.height(obs) if "_index" in obs.attrs else len(store.read(stored, "obs"))
    columns = []
    for name in store.columns_of(obs) if "column-order" in obs.attrs else ():
        many = store.categories(obs[name])
        columns.append(name if many is None else f"{name} ({many:,})")
    return cells, [("obs", ", ".join(columns))] if columns else []


def _parts(stored: Any) -> list[tuple[str, str]]:
    parts = []
    for part in ("obsm", "varm", "obsp", "varp", "uns"):
        names = sorted(getattr(stored, part) if hasattr(stored, "n_obs") else stored.get(part, ()))
        if names:
            parts.append((part, ", ".join(names)))
    return parts


def ensembl_release_hints(release: ReleaseFile, resolved: pl.DataFrame, species: Species) -> list[str]:
    """Return sentences that compare the names' Ensembl release with this one; empty if the names give no hint."""
    ensembl = f"Ensembl {release.ensembl}" if release.ensembl else "an Ensembl release that it does not name"
    sentences = [*_versions(release, resolved), *_absent(resolved, species), *_aliases(release, resolved, species)]
    return [f"the release rests on {ensembl}", *sentences] if sentences else []


def _versions(release: ReleaseFile, resolved: pl.DataFrame) -> list[str]:
    given = resolved.filter(pl.col("how") == "stable_id").select(
        "gene", "stable_id", own=pl.col("name").str.extract(VERSION, 1).str.split("_").list.last(),
        given=pl.col("name").str.extract(r"\.(\d+)(?:_\d+)?$", 1).cast(pl.Int64, strict=False),
    ).filter(pl.col("own") == pl.col("stable_id"))  # fmt: skip
    if not given.height:
        return []
    current = release.ask("gene_versions", {"genes": given["gene"].unique().to_list()})
    both = given.join(current.select("gene", "version"), on="gene")
    if not both.height:
        having = counted(given.height, "stable ID has", "stable IDs have")
        return [f"{having} a version; the release has none to compare with"]
    same = both.filter(pl.col("given") == pl.col("version")).height
    lower = both.filter(pl.col("given") < pl.col("version")).height
    higher = both.height - same - lower
    verdict = (
        "from that Ensembl release or one with the same gene models"
        if same == both.height
        else "from an older one"
        if lower > 10 * higher
        else "from a newer one"
        if higher > 10 * lower
        else "older and newer at once: from another annotation or a mixture"
    )
    return [
        f"of {counted(both.height, 'stable ID')} with a version, {same:,} have the release's version, {lower:,} a "
        f"lower and {higher:,} a higher one: {verdict}"
    ]


def _absent(resolved: pl.DataFrame, species: Species) -> list[str]:
    sentences = []
    own = resolved.filter(pl.col("hint").str.contains(f"stable ID of {species.name}", literal=True))
    newer = own.filter(pl.col("hint").str.contains("newer than all", literal=True)).height
    if newer:
        which = counted(newer, "stable ID is", "stable IDs are")
        sentences.append(f"{which} newer than all in the release: the names are from a newer Ensembl")
    if own.height > newer:
        sentences.append(
            f"{counted(own.height - newer, 'stable ID is', 'stable IDs are')} not in the release: retired, or of genes "
            "that it does not cover"
        )
    return sentences


def _aliases(release: ReleaseFile, resolved: pl.DataFrame, species: Species) -> list[str]:
    texts = resolved.filter(pl.col("how") == "alias")["understood_as"].unique().to_list()
    if not texts:
        return []
    first = species.number * KEYS_PER_SPECIES
    keys = {"texts": texts, "first": first, "last": first + KEYS_PER_SPECIES - 1}
    kinds = dict(release.ask("alias_kinds", keys).group_by("kind").agg(pl.len()).iter_rows())
    sentences = []
    if kinds.get("retired"):
        sentences.append(
            f"{counted(kinds['retired'], 'stable ID')} retired, with a successor: the names are from an older Ensembl"
        )
    if kinds.get("synonym"):
        which = counted(kinds["synonym"], "name is a synonym or old symbol", "names are synonyms or old symbols")
        sentences.append(f"{which} of genes")
    return sentences


def kinds(resolved: pl.DataFrame) -> pl.DataFrame:
    """Count resolved names by ``how, names, share, examples``, most frequent first."""
    share = (pl.col("names") / max(resolved.height, 1)).alias("share")
    return _counted(resolved, pl.col("how")).select("how", "names", share, "examples")


def forms(resolved: pl.DataFrame) -> pl.DataFrame:
    """Count names by affixes that were removed: ``form, names, examples``, most frequent first."""
    another = pl.col("understood_as") != pl.col("name")
    changed = resolved.filter(pl.col("gene").is_not_null() & another & (pl.col("how") != "date"))
    name, by_id = pl.col("name"), pl.col("how") == "stable_id"
    alone = name.str.replace(_SUFFIX, "") == pl.col("understood_as")  # Nkx2.2 is Nkx2-2, not a second Nkx2
    is_version = name.str.extract(VERSION, 1) == pl.col("understood_as")
    meets = {_VERSION: by_id & is_version, _BESIDE: bare_name(name) != name, _UNIQUE: alone}
    words = [
        pl.when(name.str.contains(form) & meets.get(word, pl.lit(value=True))).then(pl.lit(word))
        for word, form in _FORMS
    ]
    return _counted(changed, pl.coalesce(*words, pl.lit("changed otherwise")).alias("form"))


def unresolved(resolved: pl.DataFrame) -> pl.DataFrame:
    """Count names that mean no gene by their form: ``how, hint, names, examples``, most frequent first."""
    return _counted(resolved.filter(pl.col("gene").is_null()), pl.col("how"), pl.col("hint"))


def _counted(resolved: pl.DataFrame, *by: pl.Expr) -> pl.DataFrame:
    grouped = resolved.group_by(*by, maintain_order=True)
    rows = grouped.agg(pl.len().alias("names"), pl.col("name").head(_EXAMPLES).alias("examples"))
    return rows.sort("names", descending=True, maintain_order=True)
