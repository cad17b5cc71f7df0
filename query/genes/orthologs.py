"""Look up orthologs of genes by one strategy."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from homodb.query.genes.pairs import choose_strategy, find_pair
from homodb.query.genes.resolve import resolve
from homodb.query.genes.spellings import about_synonyms
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy
from homodb.schema.errors import UnknownGeneError
from homodb.schema.species import Species


def orthologs(
    release: ReleaseFile, genes: str | Sequence[str] | None = None, *, source: str | int | Species,
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
        The two species, by any name.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.

    Returns
    -------
    polars.DataFrame
        A row per name and partner, best partner first, with all evidence: ``name``, ``resolved_as``
        (how the name was understood), ``source_species, source_id, source_symbol, target_species, target_id,
        target_symbol, strategy``, .... A name without a partner has one row whose target columns are null. With
        ``genes=None`` a row per pair of the mapping, without ``name`` and ``resolved_as``.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks a species, strategy or mapping.
    UnknownGeneError
        If none of the names is a gene of the source species.
    """
    pair = find_pair(release, source, target)
    selected = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    if genes is None:
        return release.sql(
            "SELECT * FROM ortholog WHERE source_species = ? AND target_species = ? AND strategy = ? ORDER BY rank",
            [pair.source.name, pair.target.name, str(selected)],
        )
    names = [genes] if isinstance(genes, str) else genes
    resolved = resolve(release, names, pair.source)
    if resolved["gene"].is_null().all():
        raise UnknownGeneError(unknown_message(release, resolved, pair.source))
    keys = resolved["gene"].drop_nulls().unique().to_list()
    partners = pair.ask("orthologs", forward=pair.forward, genes=keys, strategy=str(selected))
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


def unknown_message(release: ReleaseFile, resolved: pl.DataFrame, species: Species) -> str:
    """Explain names that mean no gene, with similar symbols."""
    shown = [
        f"{name if name.strip() else repr(name)} "
        f"({'ambiguous: ' + ', '.join(candidates) if how == 'ambiguous' else 'unknown'})"
        for name, how, candidates in resolved.select("name", "how", "candidates").head(5).iter_rows()
    ]
    more = f" and {resolved.height - 5} more" if resolved.height > 5 else ""
    unknown = resolved.filter(pl.col("how") != "ambiguous")["name"].head(1)
    bindings = [{"species": species.number, "text": name} for name in unknown]
    close = [symbol for bound in bindings for symbol in release.ask("near_symbols", bound)["symbol"]]
    hint = f"; did you mean {' or '.join(close)}?" if close else "; check the spelling and the species"
    message = f"no gene of {species.name} is meant by {', '.join(shown)}{more}"
    return message + hint + "".join(f" ({said})" for said in about_synonyms(release, [(resolved, species)]))
