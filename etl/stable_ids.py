"""Settle stable IDs and names: one for each gene, of the release's own gene lists.

Sources of several years name a gene by IDs of several assemblies. HCOP lists 13,414 dog genes under two IDs each, with
the databases that name a pair split between them. NCBI Gene numbers say which IDs are of one gene. Names without a
stable ID may be in another case, or former ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from homodb.etl.config import BuildConfig, OriginConfig
from homodb.etl.inputs import GENE_LISTS, Inputs, frame_of
from homodb.etl.sources import ALIASES, GENES, HOMOLOGIES, to_arrow
from homodb.schema.enums import HomologyType
from homodb.schema.species import by_number

#: A database whose pairs are of Ensembl's own genes: an ID that it names is a gene, not another gene's old ID.
_ENSEMBL = "Ensembl"
_PAIR = ["species_a", "species_b"]
_IDS = ["stable_id_a", "stable_id_b"]


@dataclass(frozen=True)
class _Lists:
    """Genes of the species whose genes a file lists; ``named`` is the stable ID of a name that one gene bears."""

    ids: pl.DataFrame
    names: pl.DataFrame
    species: pl.DataFrame


def settle_ids(settings: BuildConfig, inputs: Inputs) -> Inputs:
    """Replace or leave out stable IDs that the release's gene lists lack.

    For the IDs of one NCBI Gene number one stands: an ID of the gene list, then one that Ensembl supports, then the
    one that most databases support. An ID that the list has and Ensembl supports stays a gene of its own. Where all
    IDs of a number are retired, the gene of the list with the same name stands, if just one gene bears it. Rows of
    retired IDs that cannot be replaced are left out and counted; of homologies the other gene stays, ``retired``.

    Homologies are settled where the origin of their entry is of another Ensembl release than the gene list.

    Returns
    -------
    Inputs
        With settled ``orthology`` and ``homologies``, which now include those of ``[[databases]]``; with the genes that
        the databases name; retired IDs are aliases of their successors.
    """
    lists = _gene_lists(inputs)
    moves = _moves(inputs.orthology, lists)
    orthology, losses = _settled_pairs(inputs.orthology, moves)
    later = moves.filter(pl.col("settled").is_not_null() & (pl.col("settled") != pl.col("stable_id")))
    successors = (
        later.select("species", "stable_id", "settled")
        .unique()
        .filter(pl.len().over("species", "stable_id") == 1)
        .sort("species", "stable_id")
    )
    homologies, more = _settled_homologies(settings, inputs.homologies, lists, successors)
    derived = _derived_homologies(settings, orthology, homologies)
    genes = _genes_of(orthology, lists)
    others = _without_retired(inputs.genes, lists, homologies)
    final = pl.concat(
        [
            lists.ids,
            *(table.select("species", "stable_id") for _, table in others),
            genes.select("species", "stable_id"),
        ]
    )
    retired = successors.join(final, on=["species", "stable_id"], how="anti")
    aliases = retired.select("species", gene_id="settled", alias="stable_id", kind=pl.lit("retired"))
    return replace(
        inputs,
        genes=_in_place(others, genes),
        homologies=pl.concat([homologies, derived]),
        orthology=orthology,
        aliases=pl.concat([inputs.aliases, frame_of(to_arrow(aliases, ALIASES))]),
        losses=(*inputs.losses, *losses, *more),
    )


def _gene_lists(inputs: Inputs) -> _Lists:
    frames = [table.select("species", "stable_id", "symbol") for kind, table in inputs.genes if kind in GENE_LISTS]
    genes = pl.concat([frame_of(GENES.empty_table()).select("species", "stable_id", "symbol"), *frames])
    genes = genes.drop_nulls("stable_id").unique(maintain_order=True)
    named = genes.drop_nulls("symbol").filter(pl.col("stable_id").n_unique().over("species", "symbol") == 1)
    return _Lists(
        genes.select("species", "stable_id").unique(maintain_order=True),
        named.select("species", "symbol", named="stable_id").unique(maintain_order=True),
        genes.select("species").unique(maintain_order=True),
    )


def _with_current(frame: pl.DataFrame, lists: _Lists) -> pl.DataFrame:
    """Add ``current``: whether the gene list of the species has the ID, or there is none."""
    listed = lists.ids.with_columns(_listed=pl.lit(value=True))
    known = lists.species.with_columns(_has_list=pl.lit(value=True))
    return (
        frame.join(listed, on=["species", "stable_id"], how="left", maintain_order="left")
        .join(known, on="species", how="left", maintain_order="left")
        .with_columns(current=pl.col("_listed").fill_null(value=False) | pl.col("_has_list").is_null())
        .drop("_listed", "_has_list")
    )


def _moves(orthology: pl.DataFrame, lists: _Lists) -> pl.DataFrame:
    """Return ``species, entrez, stable_id, settled`` of every ID that databases use; null for none that stands."""
    databases = pl.col("databases").str.split("|")
    sides = pl.concat(
        orthology.select(
            species=f"species_{side}",
            entrez=f"entrez_{side}",
            stable_id=f"stable_id_{side}",
            symbol=f"symbol_{side}",
            support=databases.list.len(),
            ensembl=databases.list.contains(_ENSEMBL),
        )
        for side in "ab"
    )
    by_ensembl = pl.col("ensembl").any().over("species", "stable_id")
    ids = (
        sides.with_columns(ensembl=by_ensembl)
        .group_by("species", "entrez", "stable_id")
        .agg(pl.col("support").sum(), pl.col("ensembl").first(), pl.col("symbol").drop_nulls().mode().sort().first())
    )
    ids = _with_current(ids, lists).sort(
        ["species", "entrez", "current", "ensembl", "support", "stable_id"],
        descending=[False, False, True, True, True, False],
    )
    ids = ids.join(lists.names, on=["species", "symbol"], how="left", maintain_order="left")
    of_number = ["species", "entrez"]
    numbered = pl.col("entrez").is_not_null()
    best = pl.when(pl.col("current").first().over(of_number)).then(pl.col("stable_id").first().over(of_number))
    by_name = pl.col("named").drop_nulls().first().over(of_number)
    settled = (
        pl.when("current", pl.col("ensembl") | ~numbered).then("stable_id")
        .when(numbered).then(pl.coalesce(best, by_name))
        .otherwise("named")
    )  # fmt: skip
    return ids.select("species", "entrez", "stable_id", settled=settled)


def _settled_pairs(orthology: pl.DataFrame, moves: pl.DataFrame) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Give pairs their settled IDs, and merge the databases of pairs that became one."""
    frame = orthology
    for side in "ab":
        of_side = {"species": f"species_{side}", "entrez": f"entrez_{side}", "stable_id": f"stable_id_{side}"}
        renamed = moves.rename({**of_side, "settled": f"settled_{side}"})
        frame = frame.join(renamed, on=list(of_side.values()), how="left", nulls_equal=True, maintain_order="left")
    whole = frame.filter(pl.all_horizontal(pl.col("settled_a", "settled_b").is_not_null()))
    lost = frame.filter(pl.any_horizontal(pl.col("settled_a", "settled_b").is_null()))
    databases = pl.col("databases").str.split("|").explode().unique().sort().str.join("|")
    merged = (
        whole.with_columns(stable_id_a="settled_a", stable_id_b="settled_b")
        .group_by("entry", *_PAIR, *_IDS, maintain_order=True)
        .agg(
            databases, *(pl.col(name).drop_nulls().first() for name in ("symbol_a", "symbol_b", "entrez_a", "entrez_b"))
        )
    )
    return merged.select(orthology.columns), _counted(lost, "pairs of retired stable IDs, by databases")


def _counted(rows: pl.DataFrame, reason: str) -> list[dict[str, Any]]:
    counts = rows.group_by(_PAIR).len().sort(_PAIR).iter_rows()
    return [
        {"where": f"{by_number(a).name} - {by_number(b).name}", "reason": reason, "count": count}
        for a, b, count in counts
    ]


def _settled_homologies(
    settings: BuildConfig, homologies: pl.DataFrame, lists: _Lists, successors: pl.DataFrame
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Settle the homologies of entries whose origin is of another Ensembl release than a gene list."""
    origins = {entry.species.number: settings.origin(entry.origin) for entry in settings.species}
    older = [
        number
        for number, entry in enumerate(settings.homologies)
        if _differs(settings.origin(entry.origin), (origins[one.number] for one in (entry.source, entry.target)))
    ]
    mixed = pl.col("entry").is_in(older).fill_null(value=False)
    frame = homologies.filter(mixed)
    if frame.is_empty():
        return homologies, []
    for side in "ab":
        frame = _replaced(frame, lists, successors, side)
    is_whole = pl.all_horizontal(pl.col(_IDS).is_not_null())
    whole = frame.filter(is_whole)
    moved = pl.any_horizontal(pl.col("moved_a", "moved_b"))
    one2one = pl.col("homology_type") == HomologyType.ONE2ONE
    # two IDs that became one gene cannot both be its only ortholog: that of the ID that stayed is
    twice = pl.any_horizontal(
        (one2one & (pl.len().over(*_PAIR, name) > 1))
        | one2one.any().over(*_PAIR, name) & (pl.len().over(*_PAIR, name) > 1)
        for name in _IDS
    )
    sound = whole.filter(~(moved & twice))
    repeated = pl.struct(*_PAIR, *_IDS).is_first_distinct()
    kept = sound.filter(repeated | ~moved).select(homologies.columns)
    lost = _counted(
        frame.join(kept, on=[*_PAIR, *_IDS], how="anti", nulls_equal=True), "homologies of retired stable IDs"
    )
    # what is left tells that the other gene has an ortholog
    halves = frame.filter(~is_whole & pl.any_horizontal(pl.col(_IDS).is_not_null())).with_columns(
        retired=pl.lit(value=True),
        **{
            f"symbol_{side}": pl.when(pl.col(f"stable_id_{side}").is_not_null()).then(f"symbol_{side}") for side in "ab"
        },
    )
    return pl.concat([homologies.filter(~mixed), kept, halves.select(homologies.columns)]), lost


def _differs(origin: OriginConfig | None, own: Iterable[OriginConfig | None]) -> bool:
    if origin is None or origin.ensembl is None:
        return False
    return any(one is not None and one.ensembl is not None and one.ensembl != origin.ensembl for one in own)


def _replaced(frame: pl.DataFrame, lists: _Lists, successors: pl.DataFrame, side: str) -> pl.DataFrame:
    """Replace retired IDs by their successors, else by name; null where there is none."""
    own = {"species": f"species_{side}", "stable_id": f"stable_id_{side}", "symbol": f"symbol_{side}"}
    renamed = frame.rename({new: old for old, new in own.items()})
    checked = _with_current(renamed, lists).join(
        successors, on=["species", "stable_id"], how="left", maintain_order="left"
    )
    checked = checked.join(lists.names, on=["species", "symbol"], how="left", maintain_order="left")
    replaced = checked.with_columns(
        stable_id=pl.when("current").then("stable_id").otherwise(pl.coalesce("settled", "named")),
        **{f"moved_{side}": ~pl.col("current")},
    )
    return replaced.drop("current", "settled", "named").rename(own)


def _derived_homologies(settings: BuildConfig, orthology: pl.DataFrame, homologies: pl.DataFrame) -> pl.DataFrame:
    """Make homologies of the pairs that a database of ``[[databases]]`` names, with derived types.

    One-to-one where both genes stand in one pair, many-to-many where neither does.
    """
    named = {frozenset((entry.source.number, entry.target.number)) for entry in settings.homologies}
    frames = [homologies.clear()]
    for number, entry in enumerate(settings.databases):
        if entry.homologies is None or frozenset((entry.source.number, entry.target.number)) in named:
            continue
        databases = pl.col("databases").str.split("|")
        rows = orthology.filter((pl.col("entry") == number) & databases.list.contains(entry.homologies))
        alone = [pl.len().over(name) == 1 for name in _IDS]
        kind = (
            pl.when(alone[0] & alone[1]).then(pl.lit(str(HomologyType.ONE2ONE)))
            .when(alone[0] | alone[1]).then(pl.lit(str(HomologyType.ONE2MANY)))
            .otherwise(pl.lit(str(HomologyType.MANY2MANY)))
        )  # fmt: skip
        table = frame_of(to_arrow(rows.with_columns(homology_type=kind), HOMOLOGIES))
        frames.append(table.with_columns(entry=pl.lit(None, pl.Int32), retired=pl.lit(value=False)))
    return pl.concat(frames)


def _genes_of(orthology: pl.DataFrame, lists: _Lists) -> pl.DataFrame:
    """Return the genes that databases name, in the columns of ``GENES``.

    A species with a gene list has its names from there: those of the databases may be older, and another gene's today.
    """
    sides = pl.concat(
        orthology.select(species=f"species_{side}", stable_id=f"stable_id_{side}", symbol=f"symbol_{side}")
        for side in "ab"
    )
    unlisted = sides.join(lists.species, on="species", how="anti")
    genes = (
        unlisted.group_by("species", "stable_id")
        .agg(pl.col("symbol").drop_nulls().mode().sort().first())
        .sort("species", "stable_id")
    )
    return frame_of(to_arrow(genes, GENES))


def _without_retired(
    genes: tuple[tuple[str, pl.DataFrame], ...], lists: _Lists, homologies: pl.DataFrame
) -> tuple[tuple[str, pl.DataFrame], ...]:
    """Leave out the genes of exports that the gene list of their species lacks, and no homology names any more."""
    named = pl.concat(
        homologies.select(species=f"species_{side}", stable_id=f"stable_id_{side}") for side in "ab"
    ).unique()
    exports = []
    for kind, table in genes:
        checked = _with_current(table, lists).join(
            named.with_columns(_named=pl.lit(value=True)),
            on=["species", "stable_id"],
            how="left",
            maintain_order="left",
        )
        stays = pl.col("current") | pl.col("_named").is_not_null() | pl.col("stable_id").is_null()
        exports.append((kind, checked.filter(stays).drop("current", "_named") if kind == "biomart" else table))
    return tuple(exports)


def _in_place(genes: tuple[tuple[str, pl.DataFrame], ...], more: pl.DataFrame) -> tuple[tuple[str, pl.DataFrame], ...]:
    """Add the genes of the databases in the order of precedence, in front of those of BioMart exports."""
    if more.is_empty():
        return genes
    place = next((at for at, (kind, _) in enumerate(genes) if kind in ("biomart", "hits")), len(genes))
    return (*genes[:place], ("databases", more), *genes[place:])


#: Kinds of aliases that are read whatever their case.
_IN_ANY_CASE = "synonym"
_NAME = ["species", "name"]


def settle_names(inputs: Inputs) -> Inputs:
    """Replace names without a stable ID that mean a gene under another name.

    A name in another case than a gene's is that gene's: that of a gene with a stable ID, else that of the source that
    comes first. A name of the evidence alone that is an alias of one gene is that gene's. Neither holds where one
    source has both names, which makes them two genes.

    Returns
    -------
    Inputs
        With the stable IDs and names of these genes in ``genes``, ``homologies`` and ``hits``; their numbers are in
        ``losses``.
    """
    ids = pl.concat(table.select("species", "stable_id") for _, table in inputs.genes).drop_nulls().unique()
    names = _names_without_id(inputs).join(
        ids, left_on=_NAME, right_on=["species", "stable_id"], how="anti", maintain_order="left"
    )
    if names.is_empty():
        return inputs
    of_these = pl.col("species").is_in(names["species"].unique().implode())
    whole = pl.concat(table.select("species", "stable_id", "symbol") for _, table in inputs.genes)
    whole = whole.filter(of_these).drop_nulls("stable_id").unique(maintain_order=True)
    symbols = pl.col("symbol").drop_nulls().first()
    identified = whole.group_by("species", "stable_id", maintain_order=True).agg(symbols)
    by_case = _in_another_case(names, identified)
    former = whole.join(identified, on=["species", "stable_id", "symbol"], how="anti").drop_nulls("symbol").select(
        "species", gene_id="stable_id", alias="symbol", kind=pl.lit(_IN_ANY_CASE)
    )  # fmt: skip
    aliases = pl.concat([inputs.aliases.filter(of_these), former])
    by_alias = _former_names(names, by_case, identified, aliases)
    if by_case.is_empty() and by_alias.is_empty():
        return inputs
    settled = pl.concat([by_case, by_alias])
    homologies = inputs.homologies
    for side in ("_a", "_b"):
        homologies = _renamed(homologies, settled, side)
    hits = tuple(
        replace(
            hit, best_hits=_renamed_hits(hit.best_hits, settled), correlations=_renamed_hits(hit.correlations, settled)
        )
        for hit in inputs.hits
    )
    genes = tuple((kind, _renamed(table, settled)) for kind, table in inputs.genes)
    reasons = {
        "names in another case than a gene's, taken for it": by_case,
        "former names of genes in the evidence, taken for them": by_alias,
    }
    losses = [
        {"where": by_number(species).name, "reason": reason, "count": count}
        for reason, frame in reasons.items()
        for species, count in frame.group_by("species").len().sort("species").iter_rows()
    ]
    return replace(inputs, genes=genes, homologies=homologies, hits=hits, losses=(*inputs.losses, *losses))


def _names_without_id(inputs: Inputs) -> pl.DataFrame:
    """Return ``species, name, source`` (a number, by precedence), ``evidence`` (whether that is evidence)."""
    frames = [
        table.filter(pl.col("stable_id").is_null()).select("species", name="symbol")
        for kind, table in inputs.genes
        if kind != "hits"
    ]
    pairs = [pl.concat([hit.best_hits, hit.correlations]) for hit in inputs.hits]
    of_hits = [
        pl.concat(pair.select(species=f"species_{side}", name=f"name_{side}") for side in "ab") for pair in pairs
    ]
    numbered = [
        frame.unique(maintain_order=True).with_columns(
            source=pl.lit(number, pl.Int32), evidence=pl.lit(number >= len(frames))
        )
        for number, frame in enumerate([*frames, *of_hits])
    ]
    schema = {"species": pl.Int16, "name": pl.String, "source": pl.Int32, "evidence": pl.Boolean}
    return pl.concat([pl.DataFrame(schema=schema), *numbered]).drop_nulls("name")


def _in_another_case(names: pl.DataFrame, identified: pl.DataFrame) -> pl.DataFrame:
    """Return ``species, name, stable_id`` (null), ``symbol`` of the names that case alone leads to another one."""
    own = identified.select("species", name="symbol", source=pl.lit(-1, pl.Int32)).drop_nulls("name").unique()
    folded = pl.concat([own, names.select(*_NAME, "source")]).with_columns(folded=pl.col("name").str.to_lowercase())
    within = ["species", "folded"]
    apart = folded.group_by(*within, "source").agg(pl.col("name").n_unique()).filter(pl.col("name") > 1)
    first = folded.sort("source", maintain_order=True).group_by(within).agg(symbol=pl.col("name").first())
    several = folded.join(apart, on=within, how="anti").select(*within, "name").unique()
    others = several.join(first, on=within).filter(pl.col("name") != pl.col("symbol"))
    return others.select(*_NAME, stable_id=pl.lit(None, pl.String), symbol="symbol").sort(_NAME)


def _former_names(
    names: pl.DataFrame, by_case: pl.DataFrame, identified: pl.DataFrame, aliases: pl.DataFrame
) -> pl.DataFrame:
    """Return ``species, name, stable_id, symbol`` of the names of the evidence that are an alias of one gene."""
    by_alias = aliases.rename({"gene_id": "stable_id"}).join(identified, on=["species", "stable_id"])
    borne = identified.select("species", name="symbol").drop_nulls().unique()
    elsewhere = names.filter(~pl.col("evidence")).select(_NAME)
    unsettled = names.select(_NAME).unique()
    for others in (borne, elsewhere, by_case.select(_NAME)):
        unsettled = unsettled.join(others, on=_NAME, how="anti")
    exact = unsettled.join(by_alias, left_on=_NAME, right_on=["species", "alias"])
    folded = pl.col("alias").str.to_lowercase()
    loose = unsettled.join(exact, on=_NAME, how="anti").with_columns(folded=pl.col("name").str.to_lowercase())
    loose = loose.join(
        by_alias.filter(pl.col("kind") == _IN_ANY_CASE).with_columns(folded=folded), on=["species", "folded"]
    )
    meanings = pl.concat([frame.select(*_NAME, "stable_id", "symbol") for frame in (exact, loose)]).unique()
    single = meanings.group_by(_NAME).agg(
        stable_id=pl.when(pl.col("stable_id").n_unique() == 1).then(pl.col("stable_id").first()),
        symbol=pl.col("symbol").first(),
        symbols=pl.col("symbol").n_unique(),
    )
    # several IDs of one symbol are copies of a gene on alternate loci
    single = single.filter(
        pl.col("stable_id").is_not_null() | ((pl.col("symbols") == 1) & pl.col("symbol").is_not_null())
    )
    meant = pl.coalesce("symbol", "stable_id")
    by_name = pl.concat([by_case, single.select(by_case.columns)]).select(*_NAME, meant=meant)
    evidence = names.filter("evidence").join(by_name, on=_NAME, how="left")
    evidence = evidence.with_columns(pl.coalesce("meant", "name"))
    apart = evidence.filter(pl.col("name").n_unique().over("species", "source", "meant") > 1)
    return single.join(apart, on=_NAME, how="anti").select(by_case.columns).sort(_NAME)


def _renamed(table: pl.DataFrame, settled: pl.DataFrame, side: str = "") -> pl.DataFrame:
    """Give rows without a stable ID the settled ones; `side`: ending of the columns."""
    species, stable_id, symbol = (f"{one}{side}" for one in ("species", "stable_id", "symbol"))
    new = settled.select(pl.all().name.prefix("_"), _is_settled=pl.lit(value=True))
    joined = table.join(
        new, left_on=[species, symbol], right_on=["_species", "_name"], how="left", maintain_order="left"
    )
    is_settled = pl.col(stable_id).is_null() & pl.col("_is_settled").is_not_null()
    return joined.with_columns(
        pl.when(is_settled).then(f"_{one}").otherwise(f"{one}{side}").alias(f"{one}{side}")
        for one in ("stable_id", "symbol")
    ).drop("_stable_id", "_symbol", "_is_settled")


def _renamed_hits(pairs: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    for side in "ab":
        new = settled.select("species", "name", _own=pl.coalesce("stable_id", "symbol"))
        on = [f"species_{side}", f"name_{side}"]
        pairs = pairs.join(new, left_on=on, right_on=_NAME, how="left", maintain_order="left")
        pairs = pairs.with_columns(pl.coalesce("_own", on[1]).alias(on[1])).drop("_own")
    return pairs
