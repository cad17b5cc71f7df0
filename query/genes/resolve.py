"""Resolve gene names by fixed rules, without guesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import polars as pl

from homodb.query.genes.features import FeatureKinds, feature_kinds, feature_notes, kinds_by_name
from homodb.query.genes.species_vote import SAMPLED, SpeciesVote, common_affix, known_share, named_column
from homodb.query.genes.spellings import (
    NUMBERED,
    VERSION,
    explain_unresolved,
    ids_in_names,
    is_like_a_date,
    name_variants,
    renamed_symbols,
    resolve_dates,
    spelled_symbols,
)
from homodb.query.release import ReleaseFile
from homodb.query.settings import warn
from homodb.schema.errors import ImplausibleError, TranslationError
from homodb.schema.messages import did_you_mean
from homodb.schema.names import is_mitochondrial, is_ribosomal, name_texts
from homodb.schema.species import KEYS_PER_SPECIES, Species

if TYPE_CHECKING:
    import pandas as pd

#: Smallest share of known names for the index of var to be taken for gene names.
_KNOWN = 0.02


#: Shares of names known, and of counts carried, below which a result is doubted, and is refused.
DOUBTED, REFUSED = 0.5, 0.05
#: Whether what is below the second share is only doubted.
_FORCED: ContextVar[bool] = ContextVar("homodb_forced", default=False)


@contextmanager
def forced(force: bool) -> Iterator[None]:
    """Let :func:`check_share` doubt and not refuse, if `force` is true."""
    token = _FORCED.set(force or _FORCED.get())
    try:
        yield
    finally:
        _FORCED.reset(token)


def check_share(share: float | None, seen: str, likely: str) -> None:
    """Check the share of names that are known, or of counts that are carried.

    Parameters
    ----------
    share
        The share; None or NaN if it is not known.
    seen, likely
        Beginning of the message, which says the share, and the likely reason.

    Warns
    -----
    UserWarning
        If the share is below a half.

    Raises
    ------
    ImplausibleError
        If the share is below 5 %, except within :func:`forced`.
    """
    if share is None or not share < DOUBTED:
        return
    text = f"{seen}; likely {likely}"
    if share < REFUSED and not _FORCED.get():
        raise ImplausibleError(text, option="force", hint="check this first; force goes on all the same")
    warn(text)


class VarColumn(StrEnum):
    """Columns of the rows of a resolved var, see :class:`ResolvedVar`."""

    PLACE = "place"
    NAME = "name"
    GENE = "gene"
    STABLE_ID = "stable_id"
    SYMBOL = "symbol"
    HOW = "how"
    UNDERSTOOD_AS = "understood_as"
    CANDIDATES = "candidates"
    HINT = "hint"
    IS_GENE = "is_gene"
    FEATURE = "feature"
    BIOTYPE = "biotype"
    MITOCHONDRIAL = "mitochondrial"
    RIBOSOMAL = "ribosomal"


@dataclass(frozen=True)
class ResolvedVar:
    """The rows of a var as genes of a species.

    `given`: whether the species was given rather than inferred from the names; `rows`: a row per row of var, in order,
    with the columns :class:`VarColumn`: those of :func:`resolve`; ``place``, the number of the row; ``is_gene``, false
    for other kinds of ``feature``, whose ``gene`` is null; ``biotype, mitochondrial, ribosomal`` of the gene; `doubts`:
    note that the names look like those of another species than the given one; `features`: notes on rows that are no
    genes, and on rows of one gene.
    """

    species: Species
    given: bool
    rows: pl.DataFrame
    doubts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def gene_names(self) -> list[str]:
        """Names of the rows that are genes, empty where missing."""
        names: list[str] = self.rows.filter(VarColumn.IS_GENE)[VarColumn.NAME].to_list()
        return names


def resolve_var(
    release: ReleaseFile, var: pd.DataFrame, *, species: str | int | Species | None = None, column: str | None = None,
    uns: Mapping[str, Any] | None = None,
) -> ResolvedVar:  # fmt: skip
    """Resolve the rows of a var to genes.

    The species vote is taken once here; the result hands it on.

    Parameters
    ----------
    release
        Open release.
    var
        Table of the genes of an AnnData. Rows that a column (``feature_types``, ``modality``, ...) or their names tell
        to be antibodies, peaks, guides or hashtags are not genes, see :func:`homodb.query.genes.feature_kinds`; a
        missing name is empty, and means no gene.
    species
        Species of the names, by any name; inferred by a vote of the names by default.
    column
        Column of var with the names; its index by default.
    uns
        ``uns`` of the object: where homodb translated it, its entry names the species of the index.

    Raises
    ------
    UnknownSpeciesError
        If the release does not have the species.
    UndecidedSpeciesError
        If the names do not identify the species, or hardly any is of the given one and many are of another.
    TranslationError
        If var has no such column, another column holds the names, or no row is gene expression.
    """
    given = None if species is None else release.find_species(species)
    names, features = names_of(var, column), feature_kinds(var)
    if not names:
        raise TranslationError("the object has no genes: its var is empty")
    gene_names = [name for name, is_gene in zip(names, features.is_gene, strict=True) if is_gene is not False]
    if not gene_names:
        words = ", ".join(dict.fromkeys(kind for kind in features.kinds if kind is not None))
        raise TranslationError(
            f"none of the {len(names):,} rows of var is gene expression: {features.where} says {words}; give the part "
            "of the data that has the genes"
        )
    sample = gene_names[:: max(1, len(gene_names) // SAMPLED)]
    vote = SpeciesVote.of(release, gene_names if given is None else sample)
    if column is None:
        _check_named(release, var, vote, gene_names)
    own = given or vote.winner(uns=uns if column is None else None)
    features = feature_kinds(var, own)
    rows = resolve_rows(release, names, own, features)
    doubts = vote.doubts(own) if given is not None else vote.runner_up(own)
    if given is not None and doubts and len(sample) < len(gene_names):
        # all names are compared only if a sample of them looks so
        doubts = SpeciesVote.of(release, gene_names).doubts(own)
    named = rows.filter(pl.col("is_gene"), HAS_NAME)
    share = named["gene"].count() / named.height if named.height else None
    if share is not None and 0 < share < DOUBTED:  # a caller has its own words where no name is known
        unknown = named.filter(pl.col("gene").is_null())
        check_share(
            share,
            f"{share:.1%} of {named.height:,} names are genes of {own.common_name} in release {release.version}",
            _likely_reason(release, var, column, own, vote, share, unknown),
        )
    return ResolvedVar(own, given is not None, rows, tuple(doubts), tuple(feature_notes(rows, features)))


def _likely_reason(
    release: ReleaseFile,
    var: pd.DataFrame,
    column: str | None,
    own: Species,
    vote: SpeciesVote,
    share: float,
    unknown: pl.DataFrame,
) -> str:
    """Return why hardly any name is known; `unknown`: the rows without a gene."""
    different = max(len(set(vote.names)), 1)
    best = vote.table.sort("known", descending=True, maintain_order=True).row(0, named=True)
    if best["species"] != own.name and best["known"] / different > 2 * share:
        return f"they are of another species: {best['species']} knows {best['known'] / different:.1%} of them"
    if release.version.startswith("simulated"):
        return "since the release is simulated: its genes are made up"
    match = named_column(release, var)
    if match is not None and match[0] != column and match[1] > 2 * share:
        return f"the names are in another column: of var[{match[0]!r}] {match[1]:.0%} are known"
    if column is not None and known_share(release, name_texts(var.index)) > 2 * share:
        return "the index of var has the names, and not that column"
    if (kind := likely_kind(unknown.select(detail="hint", weight=pl.lit(1)))) is not None:
        return kind
    examples = ", ".join(map(repr, unknown["name"].head(3)))
    affix = common_affix(release, unknown["name"].to_list())
    return f"the release lacks their species, or they are names of another kind: they look like {examples}{affix}"


def likely_kind(unknown: pl.DataFrame) -> str | None:
    """Return the kind that most names without a gene are of, as the reason that so few are known; None if unclear.

    `unknown`: ``detail``, the kind of each name, null if it is not recognised, and ``weight``.
    """
    kinds = unknown.drop_nulls("detail").group_by("detail").agg(pl.col("weight").sum()).sort("weight", "detail")
    if not kinds.height or kinds["weight"][-1] * 2 < unknown["weight"].sum():
        return None
    return f"since most of the other names are of another kind: {kinds['detail'][-1]}"


def resolve_rows(
    release: ReleaseFile, names: Sequence[str], species: Species, features: FeatureKinds | None = None
) -> pl.DataFrame:
    """Resolve names to genes and what is known of them.

    `features`: kinds of the rows of a var; None for names of genes only.

    Returns a row per name, in order, with the columns :class:`VarColumn`.
    """
    resolved = resolve(release, names, species)
    if features is None:
        kinds = pl.DataFrame({"is_gene": [True] * len(names), "feature": [None] * len(names)},
                             schema={"is_gene": pl.Boolean, "feature": pl.String})  # fmt: skip
    else:
        kinds = kinds_by_name(resolved, features)
    resolved = pl.concat([resolved.with_row_index("place"), kinds], how="horizontal").with_columns(
        pl.col("place").cast(pl.Int64), gene=pl.when("is_gene").then("gene")
    )
    # a gene is judged by what the release knows of it, a name without a gene by the name
    details = release.ask("source_genes", {"genes": resolved["gene"].drop_nulls().unique().to_list()})
    return (
        resolved.join(details, on="gene", how="left", maintain_order="left")
        .with_columns(
            mitochondrial=pl.coalesce("mitochondrial", pl.col("is_gene") & is_mitochondrial(pl.col("understood_as"))),
            ribosomal=pl.coalesce("ribosomal", pl.col("is_gene") & is_ribosomal(pl.col("understood_as"))),
        )
        .with_columns(pl.col("mitochondrial", "ribosomal").fill_null(value=False))
        .select(*VarColumn)
    )


def names_of(var: pd.DataFrame, column: str | None) -> list[str]:
    """Return the gene name of each row, empty where it is missing."""
    if column is None:
        return name_texts(var.index)
    if column not in var:
        columns = ", ".join(map(repr, var.columns)) or "none"
        close = did_you_mean(column, map(str, var))
        raise TranslationError(f"var has no column {column!r}; its columns are: {columns}{close}", option="column")
    return name_texts(var[column])


def _check_named(release: ReleaseFile, var: pd.DataFrame, vote: SpeciesVote, names: list[str]) -> None:
    """Check that no column of var holds gene names if the index does not."""
    if not len(var.columns) or vote.known_share > _KNOWN:
        return
    match = named_column(release, var)
    if match is not None:
        examples = ", ".join(map(repr, names[:3]))
        raise TranslationError(
            f"the names of var look like {examples}, which are not genes, while var[{match[0]!r}] holds gene names "
            f"({match[1]:.0%} of them are known); name that column",
            option="column",
        )


_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String, "gene": pl.Int64, "stable_id": pl.String, "symbol": pl.String, "how": pl.String,
    "understood_as": pl.String, "candidates": pl.List(pl.String), "hint": pl.String,
}  # fmt: skip
_MEANING: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String, "how": pl.String, "text": pl.String, "genes": pl.List(pl.Int64), "hint": pl.String,
}  # fmt: skip

_CLAIMS: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String, "text": pl.String, "place": pl.Int32, "how": pl.String, "genes": pl.List(pl.Int64),
}  # fmt: skip

#: Expression for rows with a name; a missing or blank one means no gene.
HAS_NAME = pl.col("name").str.contains(r"\S")

#: Ways of reading a name loosely, the surest first: a renamed symbol was once approved, which a synonym never was.
_LOOSE = {"id_case": 0, "symbol_case": 1, "renamed": 2, "alias": 3, "alias_case": 4}

#: Families of numbered genes: mir-155 is no second MIR, which is an alias of MYLIP.
_NUMBERED_FAMILY = r"^(?i:mir|let|linc|trna|orf|loc)$"

#: Later readings of a name stand so far apart in the order of rules.
_STAGE = 1000


def resolve(release: ReleaseFile, names: Iterable[Any], species: Species) -> pl.DataFrame:
    """Find the gene that each name means in a species.

    Parameters
    ----------
    release
        Open release.
    names
        Stable IDs (with or without version), symbols, aliases, mixed; a missing one counts as an empty name, which
        is not a gene.
    species
        Species of the genes.

    Returns
    -------
    polars.DataFrame
        One row per name, in order: ``name``; ``gene`` (key of the primary gene, null when not found);
        ``stable_id``, ``symbol``; ``how`` (stable_id, symbol, symbol_case, alias, date, ambiguous, retired, unknown);
        ``understood_as`` (what was left of the name when a version, make-unique suffix or genome prefix came
        off, else the name); ``candidates`` (stable IDs that an ambiguous name may mean); ``hint`` (for a name that
        means no gene: its likely kind, if recognised).

    Notes
    -----
    The rules, first match wins: stable ID; stable ID less its version; symbol of a primary gene; symbol
    whatever its case where unambiguous; alias where unambiguous. A symbol that several primary genes bear is
    ambiguous whatever else it might mean. Suffixes and prefixes come off only where the rest is then known (``TBCE-1``;
    not where other symbols begin alike, as those of pig's SLA-1 do), and so
    is undone what R's ``make.names`` does (``H2.K1`` for ``H2-K1``) and Seurat (``C4B-2`` for ``C4B_2``). A prefix is a
    genome if it has a digit or names the species, and is neither a symbol nor another species' assembly: ``adt_CD4`` is
    not a gene, ``mm10_Gcg`` none of human. A date that a spreadsheet made of one symbol (``2-Sep``) means its gene.
    """
    frame = pl.DataFrame({"name": pl.Series(name_texts(names), dtype=pl.String)})
    different = frame["name"].unique(maintain_order=True)
    meanings = _by_exact_name(release, different, species)
    rest = _without(different, meanings)
    if rest.len():
        meanings = pl.concat([meanings, _by_reading(release, rest, species)])
        rest = _without(rest, meanings)
        meanings = (
            pl.concat([meanings, explain_unresolved(release, rest, species).select(*_MEANING)])
            if rest.len()
            else meanings
        )
    return _labelled(release, frame.join(meanings, on="name", how="left", maintain_order="left"))


def _by_exact_name(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Resolve stable IDs, with or without version, and exact symbols."""
    versionless = names.str.extract(VERSION, 1)
    read = pl.DataFrame({
        "name": pl.concat([names, names]),
        "text": pl.concat([names, versionless]),
        "place": pl.repeat(0, names.len(), eager=True).append(pl.repeat(1, names.len(), eager=True)),
    }).drop_nulls("text")  # fmt: skip
    is_id = pl.col("how") == "stable_id"
    claims = _claims(release, "resolve_exact", read, species).filter(is_id | (pl.col("place") == 0))
    return _first(claims.with_columns(rank=pl.when(is_id).then("place").otherwise(2)))


def _by_reading(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Resolve the remaining names by case, alias and variants.

    A name with a stable ID inside means what the ID means, or nothing: the symbol beside it does not count.
    """
    as_is = pl.DataFrame({"name": names, "text": names}).with_columns(place=pl.lit(0))
    loose = _loosely(release, as_is, species)
    stages = [_spelled_before_alias(release, loose, species)]
    with_id = ids_in_names(release, _without(names, stages[-1]), species).with_columns(place=pl.lit(0))
    exact = _claims(release, "resolve_exact", with_id, species).filter(pl.col("how") == "stable_id")
    stages.append(_first(exact.with_columns(rank="place")))
    retired = with_id.join(stages[-1], on="name", how="anti")
    stages.append(_loosely(release, retired, species))
    rest = _without(_without(names, stages[0]), with_id)
    numbered = pl.DataFrame({"name": rest, "text": rest.str.extract(NUMBERED, 1)}).drop_nulls("text")  # TCGA's INS|3630
    stages.append(_loosely(release, numbered.with_columns(place=pl.lit(0)), species))
    rest = _without(rest, stages[-1])
    stages.append(resolve_dates(release, rest, species).select(*_MEANING))  # Mar-05 is no second Mar
    rest = _without(rest, stages[-1])
    read = name_variants(release, rest, species).filter(pl.col("place") > 0)
    exact = _claims(release, "resolve_exact", read, species)
    ids_first = pl.when(pl.col("how") == "stable_id").then(0).otherwise(_STAGE)
    stages.append(_first(exact.with_columns(rank=ids_first + pl.col("place"))))
    loosely = read.filter(~is_like_a_date(pl.col("name").str.to_titlecase())).join(stages[-1], on="name", how="anti")
    stages.append(_loosely(release, loosely, species))
    return pl.concat(stages)


def _spelled_before_alias(release: ReleaseFile, loose: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Read as a symbol what R made of one, though it is an alias too: NKX6.1 is NKX6-1, and a synonym of NKX6-2."""
    aliases = loose.filter(pl.col("how").is_in(["alias", "ambiguous"]) & pl.col("name").str.contains(".", literal=True))
    read = spelled_symbols(release, aliases["name"], species).select("name", text="spelled", place=pl.lit(0))
    spelled = _first(_claims(release, "resolve_exact", read, species).with_columns(rank="place"))
    return pl.concat([loose.join(spelled, on="name", how="anti", maintain_order="left"), spelled])


def _without(names: pl.Series, resolved: pl.DataFrame) -> pl.Series:
    return names.filter(~names.is_in(resolved["name"].implode()))


def _loosely(release: ReleaseFile, read: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Resolve by symbol regardless of case, as a renamed family, by alias, and by synonym regardless of case.

    A name is ambiguous if no variant means one gene.
    """
    renamed = _claims(release, "resolve_loose", renamed_symbols(read), species)
    is_symbol = pl.col("how") == "symbol_case"
    # septin9a where the release has its synonym sept9a; a synonym DEC1 may be of another gene than DELEC1
    renamed = renamed.filter(is_symbol | pl.col("text").str.contains(r"(?i)^(sept|march)\d")).with_columns(
        how=pl.when(is_symbol).then(pl.lit("renamed")).otherwise(pl.lit("alias_case"))
    )
    claims = pl.concat([_claims(release, "resolve_loose", read, species), renamed])
    claims = claims.filter(~pl.col("text").str.contains(_NUMBERED_FAMILY) | (pl.col("name") == pl.col("text")))
    several = pl.when(pl.col("genes").list.len() > 1).then(_STAGE).otherwise(0)
    several += pl.when(pl.col("how") == "alias_case").then(2 * _STAGE).otherwise(0)  # no way out of what is ambiguous
    order = pl.col("how").replace_strict(_LOOSE, return_dtype=pl.Int32)
    called = pl.col("how").replace({"renamed": "alias", "alias_case": "alias", "id_case": "stable_id"})
    ranked = claims.with_columns(rank=several + pl.col("place") * len(_LOOSE) + order)
    return _first(ranked.with_columns(how=called))


def _claims(release: ReleaseFile, query: str, read: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Return the genes with a variant of a name.

    Columns are ``name, text, place, how, genes``, with a row per kind of name.
    """
    parameters: dict[str, object] = {"texts": read["text"].unique().to_list(), "species": species.number}
    if not read.height:
        return pl.DataFrame(schema=_CLAIMS)
    if query == "resolve_loose":
        first = species.number * KEYS_PER_SPECIES
        parameters |= {"first": first, "last": first + KEYS_PER_SPECIES - 1}
    bearers = release.ask(query, parameters).group_by("text", "how").agg(genes=pl.col("gene").unique().sort())
    return read.join(bearers, on="text").select("name", "text", pl.col("place").cast(pl.Int32), "how", "genes")


def _first(ranked: pl.DataFrame) -> pl.DataFrame:
    """Keep each name's match of the lowest rank.

    A match with several genes is ambiguous.
    """
    several = pl.col("genes").list.len() > 1
    return (
        ranked.sort("rank")
        .unique("name", keep="first", maintain_order=True)
        .with_columns(
            how=pl.when(several).then(pl.lit("ambiguous")).otherwise("how"), hint=pl.lit(None, pl.String)
        )
        .select(*_MEANING)
    )  # fmt: skip


def _labelled(release: ReleaseFile, meanings: pl.DataFrame) -> pl.DataFrame:
    """Add identifiers of the genes."""
    wanted = meanings["genes"].explode().drop_nulls().unique().sort()
    labels = release.ask("labels", {"genes": wanted.to_list()})
    of_many = meanings.filter(pl.col("how") == "ambiguous").unique("name").explode("genes").rename({"genes": "gene"})
    candidates = (
        of_many.join(labels, on="gene", maintain_order="left")
        .group_by("name", maintain_order=True)
        .agg(candidates="stable_id")
    )
    one = pl.when(~pl.col("how").is_in(["ambiguous", "unknown", "retired"])).then(pl.col("genes").list.first())
    return (
        meanings.with_columns(gene=one, understood_as="text")
        .join(labels, on="gene", how="left", maintain_order="left")
        .join(candidates, on="name", how="left", maintain_order="left")
        .with_columns(pl.col("candidates").fill_null([]))
        .select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
    )
