"""Look up orthologs of genes by one strategy."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homodb.query.genes.pairs import Pair, choose_strategy, find_pair
from homodb.query.genes.resolve import resolve
from homodb.query.genes.species_vote import LIST, SpeciesVote
from homodb.query.genes.spellings import about_names
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy
from homodb.schema.errors import UndecidedSpeciesError, UnknownGeneError
from homodb.schema.names import name_texts
from homodb.schema.species import Species, find


def orthologs(
    release: ReleaseFile, genes: str | Sequence[str] | None = None, *, source: str | int | Species | None = None,
    target: str | int | Species, strategy: str | Strategy | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Return the partners of genes in another species.

    Parameters
    ----------
    release
        Open release.
    genes
        Names of genes of the source species, of any kind, in a list, Series or Index (a missing one counts as an
        empty name, which is unknown); None for the whole mapping.
    source, target
        The two species, by any name; without `source`, the species that alone knows the names exactly.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.

    Returns
    -------
    polars.DataFrame
        A row per name and partner, best partner first, with all evidence: ``name``, ``resolved_as``
        (how the name was understood), ``source_species, source_id, source_symbol, target_species, target_id,
        target_symbol, strategy``, .... A name without a partner has one row whose target columns are null. With
        ``genes=None`` a row per pair of the mapping, without ``name`` and ``resolved_as``. Where two species without
        evidence of their own go over human, ``over_species, over_id, over_symbol`` name its gene. ``n_databases`` and
        ``databases`` are the orthology databases that name the pair, where the release has them.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks a species, strategy or mapping.
    UnknownGeneError
        If none of the names is a gene of the source species.
    UndecidedSpeciesError
        If no source species is given, and several know the names.
    """
    names = [genes] if isinstance(genes, str) else name_texts(() if genes is None else genes)
    if source is None:
        source = only_source(release, names, target)
    pair = find_pair(release, source, target)
    selected = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    if genes is None and pair.between is not None:
        return _whole_mapping(pair, selected)
    if genes is None:
        return release.select(
            "SELECT * FROM ortholog WHERE source_species = ? AND target_species = ? AND strategy = ? ORDER BY rank",
            [pair.source.name, pair.target.name, str(selected)],
        )
    resolved = resolve(release, names, pair.source)
    if resolved["gene"].is_null().all():
        hint = _hint_of_other(release, resolved, pair, selected)
        raise UnknownGeneError(unknown_message(release, resolved, pair.source, close=not hint), hint=hint)
    keys = resolved["gene"].drop_nulls().unique().to_list()
    if pair.between is None:
        partners = pair.ask("orthologs", forward=pair.forward, genes=keys, strategy=str(selected))
        partners = _with_databases(pair, partners, keys)
    else:
        rows = pair.mapping(selected).filter(pl.col("source_gene").is_in(keys))
        partners = _over_another(pair, rows).rename({"source_gene": "gene"})
    return (
        resolved.select("name", "gene", resolved_as="how", source_id="stable_id", source_symbol="symbol")
        .join(partners, on="gene", how="left", maintain_order="left_right")
        .select(
            "name",
            "resolved_as",
            pl.lit(pair.source.name).alias("source_species"),
            "source_id",
            "source_symbol",
            pl.lit(pair.target.name).alias("target_species"),
            "target_id",
            "target_symbol",
            pl.lit(str(selected)).alias("strategy"),
            pl.exclude("gene", "name", "resolved_as", "source_id", "source_symbol", "target_id", "target_symbol"),
        )
    )


def _hint_of_other(release: ReleaseFile, resolved: pl.DataFrame, pair: Pair, strategy: Strategy) -> str:
    """Return the species whose genes the names are instead, and their partners, if there is one."""
    names = resolved["name"].to_list()
    votes = SpeciesVote.of(release, names).table.filter(pl.col("known") > 0)
    names_of_species = set(votes["species"])
    if not names_of_species:
        return ""
    other = pair.target if pair.target.name in names_of_species else find(next(iter(votes["species"])))
    theirs = resolve(release, names, other).drop_nulls("gene")
    shown = ", ".join(theirs["name"].head(3))
    sentence = f"{shown} {'is a gene' if theirs.height == 1 else 'are genes'} of {other.common_name}"
    if other != pair.target:
        return f"{sentence}: name that species"
    partners = find_pair(release, other, pair.source).ask(
        "orthologs", forward=not pair.forward, genes=theirs["gene"].to_list(), strategy=str(strategy)
    ) if pair.between is None else pl.DataFrame({"target_symbol": []})  # fmt: skip
    symbols = partners["target_symbol"].drop_nulls().unique().sort().head(4).to_list()
    ask = f"ask for {', '.join(symbols[:-1])}{' and ' if symbols[1:] else ''}{symbols[-1]}, or " if symbols else ""
    return f"{sentence}: {ask}swap the species (from {other.common_name} to {pair.source.common_name})"


def only_source(release: ReleaseFile, names: Sequence[str], target: str | int | Species) -> Species:
    """Return the species other than the target that alone knows the names exactly.

    Raises
    ------
    UndecidedSpeciesError
        Names the species that know as many, its ``candidates``.
    UnknownGeneError
        If no species knows any of them.
    """
    if not names:
        raise UndecidedSpeciesError("there are no names to infer the species from; name the species", option="source")
    other = release.find_species(target)
    votes = SpeciesVote.of(release, name_texts(names))
    others = votes.table.filter((pl.col("known") > 0) & (pl.col("species") != other.name))
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    if not others.height:
        raise UnknownGeneError(f"no species of release {release.version} knows {shown} exactly", option="source")
    best = others.filter(pl.col("known") == pl.col("known").max())
    candidates = [one for one in release.species if one.name in set(best["species"])]
    if len(candidates) == 1:
        return candidates[0]
    if len(set(names)) >= LIST:
        return votes.winner()
    error = UndecidedSpeciesError(
        f"{shown}: {len(candidates)} species know {'it' if len(names) == 1 else 'these names'} alike, such as "
        f"{' and '.join(one.common_name for one in candidates[:2])}; name the species",
        option="source",
    )
    error.candidates = tuple(one.common_name for one in candidates)
    raise error


def _with_databases(pair: Pair, partners: pl.DataFrame, genes: list[int]) -> pl.DataFrame:
    """Add how many orthology databases name each partner, and which, where the release knows."""
    named = pair.databases(genes)
    if named is None:
        return partners.drop("target_gene")
    return partners.join(
        named.select("target_gene", "n_databases", "databases", gene="source_gene"), on=["gene", "target_gene"],
        how="left", maintain_order="left",
    ).drop("target_gene")  # fmt: skip


def _whole_mapping(pair: Pair, strategy: Strategy) -> pl.DataFrame:
    """Return all rows of a mapping over another species, with the columns of the view ``ortholog``."""
    rows = _over_another(pair, pair.mapping(strategy))
    labels = _labels(pair.release, rows["source_gene"])
    return rows.join(
        labels.select(source_gene="gene", source_id="stable_id", source_symbol="symbol"),
        on="source_gene", how="left", maintain_order="left",
    ).select(
        pl.lit(str(strategy)).alias("strategy"), pl.lit(pair.source.name).alias("source_species"), "source_id",
        "source_symbol", pl.lit(pair.target.name).alias("target_species"),
        pl.exclude("source_gene", "source_id", "source_symbol"),
    )  # fmt: skip


def _over_another(pair: Pair, rows: pl.DataFrame) -> pl.DataFrame:
    """Name the target genes of a composed mapping, and the genes over which it goes."""
    labels = _labels(pair.release, rows["target_gene"].append(rows["between"]))
    over = "" if pair.between is None else pair.between.name
    unknown = pl.lit(None, pl.Float32)
    return (
        rows.join(labels.select(target_gene="gene", target_id="stable_id", target_symbol="symbol"), on="target_gene",
                  how="left", maintain_order="left")
        .join(labels.select(between="gene", over_id="stable_id", over_symbol="symbol"), on="between", how="left",
              maintain_order="left")
        .select(
            "source_gene", "target_id", "target_symbol", "homology_type", unknown.alias("source_identity"),
            unknown.alias("target_identity"), "identity", "goc", "wga", "confidence", "correlation", "margin", "tied",
            "score", "rank", "evidence_class", pl.lit(over).alias("over_species"), "over_id", "over_symbol",
        )
    )  # fmt: skip


def _labels(release: ReleaseFile, genes: pl.Series) -> pl.DataFrame:
    return release.ask("labels", {"genes": genes.unique().to_list()})


def unknown_message(
    release: ReleaseFile, resolved: pl.DataFrame, species: Species, *, close: bool = True
) -> str:  # fmt: skip
    """Explain names that mean no gene, with similar symbols if `close` is true."""
    shown = []
    for name, how, candidates, hint in resolved.select("name", "how", "candidates", "hint").head(5).iter_rows():
        why = "ambiguous: " + ", ".join(candidates) if how == "ambiguous" else how
        shown.append(f"{name} ({why}{'; ' + hint if hint else ''})" if name.strip() else f"{name!r} ({why})")
    more = f" and {resolved.height - 5} more" if resolved.height > 5 else ""
    unknown = resolved.filter(pl.col("how") != "ambiguous", pl.col("hint").is_null())["name"].head(1)
    bindings = [{"species": species.number, "text": name} for name in unknown]
    near = [symbol for bound in bindings if close for symbol in release.ask("near_symbols", bound)["symbol"]]
    check = "; check the spelling and the species" if close and len(unknown) else ""
    hint = f"; did you mean {' or '.join(near)}?" if near else check
    message = f"no gene of {species.name} is meant by {', '.join(shown) or 'an empty list'}{more}"
    return message + hint + "".join(f" ({said})" for said in about_names(release, [(resolved, species)]))
