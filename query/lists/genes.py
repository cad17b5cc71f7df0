"""``homodb.translate_genes``: names of genes in, the names of their partners out, and the fate of each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from homodb.query.lists.partners import EVIDENCE, Naming, OneToMany, Wish, find_partners, find_source
from homodb.query.names import name_texts
from homodb.query.release import Release, open_release
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy


def translate_genes(
    genes: str | Sequence[str],
    *,
    to: str | int | Species,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    one_to_many: OneToMany = "best",
    names: Naming = "keep",
) -> pl.DataFrame:
    """Translate names of genes into another species' genes.

    Parameters
    ----------
    genes
        Names of genes, of any kind, mixed, in a list, Series or Index; one that is missing is an empty name, which is
        unknown.
    to
        The species to translate to, by any name; where it is the species of the genes, names are brought up to date.
    source
        The species that the genes are of; by default found out by a vote over their names.
    strategy
        One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
    release
        An open release, or what :func:`homodb.open` takes.
    one_to_many
        Of several partners the ``best`` (by HM_O2O's order), or ``all``.
    names
        How the genes of the result are called: ``keep`` gives stable IDs for stable IDs and symbols for everything
        else; ``id``; ``symbol``. A gene without a symbol bears its stable ID.

    Returns
    -------
    polars.DataFrame
        A row per given name, in order (with ``all`` a row per name and partner): ``name``; ``target`` (the name of its
        partner, null where it has none); ``fate``; ``detail`` (why it has none); ``how`` and ``understood_as`` (how the
        name was understood); ``source_id, source_symbol, target_id, target_symbol`` and the evidence.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    UndecidedSpeciesError
        If the names do not tell the species.
    TranslationError
        If `one_to_many` or `names` is none of those above.

    Examples
    --------
    >>> import homodb
    >>> homodb.translate_genes(["Ins1", "Gcg", "Xist"], to="human", release="rel")  # doctest: +SKIP
    """
    asked = [genes] if isinstance(genes, str) else name_texts(genes)
    with ExitStack() as stack:
        opened = release if isinstance(release, Release) else stack.enter_context(open_release(release))
        given = opened.find_species(source) if source is not None else None
        wish = Wish(opened, opened.find_species(to), given, strategy, one_to_many, names)
        partners = find_partners(wish, asked, find_source(wish, asked) if asked else wish.target)
    by_id = (pl.col("how") == "stable_id") if names == "keep" else pl.lit(names == "id")
    target = pl.when(by_id).then("target_id").otherwise(pl.coalesce("target_symbol", "target_id"))
    return (
        pl.DataFrame({"name": pl.Series(asked, dtype=pl.String)})
        .join(partners.frame, on="name", how="left", maintain_order="left_right")
        .select(
            "name", target.alias("target"), "fate", "detail", "how", "understood_as", "source_id", "source_symbol",
            "target_id", "target_symbol", *EVIDENCE,
        )
    )  # fmt: skip
