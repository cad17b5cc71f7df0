"""Read true ortholog pairs and genes from tab-separated files, and group the pairs.

Columns are found by name. All problems of a file are raised as one error with line numbers.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from homodb.schema.enums import ORTHOLOG_TYPES, HomologyType
from homodb.schema.errors import LISTED_PER_KIND, InputError, Problem, UnknownSpeciesError
from homodb.schema.species import find

_COLUMNS = ("source_species", "source_id", "target_species", "target_id", "homology_type")
_MISSING = ("", "NA")
_GENE = ("species", "stable_id")


def read_truth(path: Path) -> pl.DataFrame:
    """Read the true ortholog pairs.

    Parameters
    ----------
    path
        File with columns ``source_species, source_id, target_species, target_id, homology_type`` and, optionally,
        ``family_size`` (genes of the family) and ``divergence`` (of the two species, any unit).

    Returns
    -------
    polars.DataFrame
        ``species_a, id_a, species_b, id_b`` (numbers of the species, lower first), ``one2one`` (1 where the
        pair is of type ``ortholog_one2one``, else 0), ``family_size, divergence`` (null if missing).

    Raises
    ------
    InputError
        Lists all problems: a missing column, rows with the wrong number of fields, unknown species or homology
        types, genes without an ID, a pair within one species, a duplicate pair, values out of bounds.
    """
    file = _File(path, _COLUMNS, ("family_size", "divergence"))
    for column in _COLUMNS:
        file.check(pl.col(column).is_null(), f"no {column}", "line_text")
    kind = pl.col("homology_type")
    file.check(~kind.is_in([str(one) for one in ORTHOLOG_TYPES]), "unknown homology type", "homology_type")
    file.species("source_species", "target_species")
    file.check(pl.col("source_species_number") == pl.col("target_species_number"), "a pair within one species",
               "source_id", "target_id")  # fmt: skip
    size, divergence = pl.col("family_size"), pl.col("divergence")
    whole, real = size.cast(pl.Int64, strict=False), divergence.cast(pl.Float64, strict=False)
    file.check(size.is_not_null() & ~(whole >= 1).fill_null(False), "family_size is not a whole number of genes",
               "family_size")  # fmt: skip
    file.check(divergence.is_not_null() & ~(real.is_finite() & (real >= 0)).fill_null(False),
               "divergence is not a number of 0 or more", "divergence")  # fmt: skip
    in_order = pl.col("source_species_number") < pl.col("target_species_number")
    file.frame = file.frame.with_columns(
        pl.when(in_order).then("source_species_number").otherwise("target_species_number").alias("species_a"),
        pl.when(in_order).then("source_id").otherwise("target_id").alias("id_a"),
        pl.when(in_order).then("target_species_number").otherwise("source_species_number").alias("species_b"),
        pl.when(in_order).then("target_id").otherwise("source_id").alias("id_b"),
        one2one=(kind == str(HomologyType.ONE2ONE)).cast(pl.Int8),
        family_size=whole,
        divergence=real,
    )
    pair = ["species_a", "id_a", "species_b", "id_b"]
    again = ~pl.struct(pair).is_first_distinct() & pl.all_horizontal(pl.col(pair).is_not_null())
    file.check(again, "a pair stands twice", "id_a", "id_b")
    return file.checked().select(*pair, "one2one", "family_size", "divergence")


def read_genes(path: Path) -> pl.DataFrame:
    """Read the existing genes: ``species`` (number) and ``stable_id``; one InputError lists all problems."""
    file = _File(path, _GENE)
    for column in _GENE:
        file.check(pl.col(column).is_null(), f"no {column}", "line_text")
    file.species("species")
    return file.checked().select(pl.col("species_number").alias("species"), "stable_id").unique()


#: Columns that classify groups: 1 if all their pairs are one-to-one orthologs, and two sizes.
PARTS = ("one2one", "group_bin", "family_bin")

#: Lowest size of each bin, which names it.
BOUNDS = (1, 2, 3, 6, 11, 21)

#: Bin of a size that the truth does not contain.
NOT_TOLD = -1

_KIND = ["species_a", "species_b", *PARTS]
_SPECIES_BITS = 12


@dataclass(frozen=True)
class Truth:
    """True pairs in groups.

    A group consists of the genes of two species that descend from one gene of their last common ancestor: a connected
    component of their true ortholog pairs, in which (if the truth comes from a tree) every gene of one species is an
    ortholog of every gene of the other.
    """

    pairs: pl.DataFrame  # row per true pair: ``species_a, species_b, gene_a, gene_b, group, kind``
    # row per kind of group: ``kind, species_a, species_b``, the :data:`PARTS`, and totals over its groups: ``pairs``,
    # ``genes_a, genes_b``, and ``one_to_one``, the number of pairs in a one-to-one choice
    kinds: pl.DataFrame


def grouped(pairs: pl.DataFrame) -> Truth:
    """Group true pairs (``species_a, species_b, gene_a, gene_b, one2one, family_size``), and classify the groups.

    A one-to-one choice can take as many pairs of a group as its smaller side has genes.
    """
    with_groups = _with_groups(pairs)
    groups = (
        with_groups.group_by("group")
        .agg(
            pl.first("species_a", "species_b", "genes_a", "genes_b"),
            pl.col("one2one").min(),
            pl.col("family_size").max(),
            pairs=pl.len().cast(pl.Int64),
        )
        .with_columns(
            one_to_one=pl.min_horizontal("genes_a", "genes_b"),
            group_bin=_bin(pl.col("genes_a") + pl.col("genes_b")),
            family_bin=_bin(pl.col("family_size")),
        )
    )
    counts = pl.col("pairs", "genes_a", "genes_b", "one_to_one").sum()
    kinds = groups.group_by(_KIND).agg(counts).sort(_KIND).with_row_index("kind")
    of_group = groups.join(kinds.select(*_KIND, "kind"), on=_KIND, how="left").select("group", "kind")
    columns = ["species_a", "species_b", "gene_a", "gene_b", "group"]
    return Truth(with_groups.select(columns).join(of_group, on="group", how="left"), kinds)


def _bin(size: pl.Expr) -> pl.Expr:
    bounds = [pl.when(size >= bound).then(pl.lit(bound)) for bound in reversed(BOUNDS)]
    return pl.coalesce(*bounds, pl.lit(NOT_TOLD)).cast(pl.Int8)


def _with_groups(pairs: pl.DataFrame) -> pl.DataFrame:
    """Add the ``group`` of each pair, and its number of genes on both sides, ``genes_a, genes_b``."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # a gene is in one group per other species, so a node is a gene and the other species
    a = (pairs["gene_a"].cast(pl.Int64) * 2**_SPECIES_BITS + pairs["species_b"].cast(pl.Int64)).to_numpy()
    b = (pairs["gene_b"].cast(pl.Int64) * 2**_SPECIES_BITS + pairs["species_a"].cast(pl.Int64)).to_numpy()
    nodes, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    of_a, of_b = place[: a.size], place[a.size :]
    graph = coo_array((np.ones(a.size, np.int8), (of_a, of_b)), shape=(nodes.size, nodes.size)).tocsr()
    number, group = connected_components(graph, directed=False)
    sides = [np.bincount(group[np.bincount(side, minlength=nodes.size) > 0], minlength=number) for side in (of_a, of_b)]
    label = group[of_a]
    return pairs.with_columns(
        group=pl.Series(label, dtype=pl.Int32),
        genes_a=pl.Series(sides[0][label], dtype=pl.Int64),
        genes_b=pl.Series(sides[1][label], dtype=pl.Int64),
    )


class _File:
    """Rows of a file as text columns, and its problems."""

    def __init__(self, path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.path = path
        self._problems: list[Problem] = []
        self._totals: Counter[str] = Counter()
        lines = pl.DataFrame({"line_text": [_text(path)]}).select(pl.col("line_text").str.split("\n").explode())
        lines = lines.with_row_index("line", offset=1)
        names = [name.strip() for name in lines["line_text"][0].split("\t")]
        missing = [name for name in required if name not in names]
        present = f"the columns are {', '.join(map(repr, names))}"
        problems = [Problem(1, f"there is no column {', '.join(map(repr, missing))}", present)] if missing else []
        problems += [
            Problem(1, "a column stands twice", name) for name in (*required, *optional) if names.count(name) > 1
        ]
        if problems:
            raise InputError(path, problems)
        self.frame = lines.slice(1).filter(pl.col("line_text").str.strip_chars() != "")
        if self.frame.is_empty():
            raise InputError(path, [Problem(0, "the file has a header and no rows")])
        fields = pl.col("line_text").str.count_matches("\t", literal=True) + 1
        self.check(fields != len(names), f"wrong number of fields, expected {len(names)}", "line_text")
        self.frame = self.frame.filter(fields == len(names))
        split = self.frame["line_text"].str.split_exact("\t", len(names) - 1)
        self.frame = self.frame.with_columns(
            _value(split.struct.field(f"field_{names.index(name)}").str.strip_chars().alias(name))
            if name in names
            else pl.lit(None, pl.String).alias(name)
            for name in (*required, *optional)
        )

    def check(self, bad: pl.Expr, kind: str, *content: str) -> None:
        """Record every row for which an expression is true; null counts as false."""
        rows = self.frame.filter(bad)
        self._totals[kind] += rows.height
        for line, *values in rows.head(LISTED_PER_KIND).select("line", *content).iter_rows():
            self._problems.append(Problem(line, kind, ", ".join(str(value)[:80] for value in values)))

    def species(self, *columns: str) -> None:
        """Add the number of each column's species, as ``<column>_number``."""
        spelled = {name for column in columns for name in self.frame[column].drop_nulls().unique()}
        numbers = {name: number for name in spelled if (number := _number(name)) is not None}
        for column in columns:
            keyed = pl.col(column).replace_strict(numbers, default=None, return_dtype=pl.Int16)
            self.frame = self.frame.with_columns(keyed.alias(f"{column}_number"))
            unknown = pl.col(column).is_not_null() & pl.col(f"{column}_number").is_null()
            self.check(unknown, "unknown species", column)

    def checked(self) -> pl.DataFrame:
        """Return the rows, or raise all problems."""
        if self._problems:
            raise InputError(self.path, self._problems, {kind: n for kind, n in self._totals.items() if n})
        return self.frame


def _value(column: pl.Series) -> pl.Series:
    return column.set(column.is_in(_MISSING), None)


def _number(name: str) -> int | None:
    try:
        return find(name).number
    except UnknownSpeciesError:
        return None


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(path, [Problem(0, "the gzip stream is damaged or ends too early", str(error))]) from error
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error
    if not data.strip():
        raise InputError(path, [Problem(0, "the file is empty, expected a line of column names")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, content = data[: error.start].count(b"\n") + 1, repr(data[error.start :][:8])
        raise InputError(path, [Problem(line, "is not text in UTF-8", content)]) from error
