"""The partners of genes in another species, by one strategy."""

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
    release: ReleaseFile,
    genes: str | Sequence[str] | None = None,
    *,
    source: str | int | Species,
    target: str | int | Species,
    strategy: str | Strategy | None = None,
) -> pl.DataFrame:
    """Return the partners of genes in another species.

    Parameters
    ----------
    release
        An open release.
    genes
        Names of genes of the source species, of any kind, in a list, Series or Index (one that is missing is an empty
        name, which is unknown); None for the whole mapping.
    source, target
        The two species, by any name.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.

    Returns
    -------
    polars.DataFrame
        A row per asked name and partner, best partner first, with all evidence: ``name``, ``resolved_as``
        (how the name was understood), ``source_species, source_id, source_symbol, target_species, target_id,
        target_symbol, strategy``, .... A name without a partner has one row whose target columns are null. With
        ``genes=None`` a row per pair of the mapping, without ``name`` and ``resolved_as``.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    UnknownGeneError
        If no name at all is a gene of the source species.
    """
    pair = find_pair(release, source, target)
    chosen = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    if genes is None:
        return release.sql(
            "SELECT * FROM ortholog WHERE source_species = ? AND target_species = ? AND strategy = ? ORDER BY rank",
            [pair.source.name, pair.target.name, str(chosen)],
        )
    names = [genes] if isinstance(genes, str) else genes
    found = resolve(release, names, pair.source)
    if found["gene"].is_null().all():
        raise UnknownGeneError(unknown_message(release, found, pair.source))
    keys = found["gene"].drop_nulls().unique().to_list()
    partners = pair.ask("orthologs", forward=pair.forward, genes=keys, strategy=str(chosen))
    return (
        found.select("name", "gene", resolved_as="how", source_id="stable_id", source_symbol="symbol")
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
            pl.lit(str(chosen)).alias("strategy"),
            pl.exclude("gene", "name", "resolved_as", "source_id", "source_symbol", "target_id", "target_symbol"),
        )
    )


def unknown_message(release: ReleaseFile, found: pl.DataFrame, species: Species) -> str:
    """Say which names mean no gene, and why; of one that is unknown, which symbols come close."""
    shown = [
        f"{name if name.strip() else repr(name)} "
        f"({'ambiguous: ' + ', '.join(candidates) if how == 'ambiguous' else 'unknown'})"
        for name, how, candidates in found.select("name", "how", "candidates").head(5).iter_rows()
    ]
    more = f" and {found.height - 5} more" if found.height > 5 else ""
    unknown = found.filter(pl.col("how") != "ambiguous")["name"].head(1)
    asked = [{"species": species.number, "text": name} for name in unknown]
    close = [symbol for bound in asked for symbol in release.ask("near_symbols", bound)["symbol"]]
    hint = f"; did you mean {' or '.join(close)}?" if close else "; check the spelling and --from"
    told = f"no gene of {species.name} is meant by {', '.join(shown)}{more}"
    return told + hint + "".join(f" ({said})" for said in about_synonyms(release, [(found, species)]))
