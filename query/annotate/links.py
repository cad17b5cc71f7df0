"""The orthology graph between query and reference: the pairs of a strategy whose genes both sides measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from homodb.query.annotate.task import OrthologyLinks
from homodb.query.cells import SpeciesCells
from homodb.query.genes import Pair, choose_strategy, find_pair
from homodb.query.release import ReleaseFile
from homodb.query.translate import COLUMNS, GREEDY, OneToMany, Options, map_genes, read_options, settled
from homodb.schema.enums import Strategy
from homodb.schema.errors import AnnotationError

#: What the strategy of two sides of one species is called.
SAME_SPECIES = "same species"


def find_links(
    release: ReleaseFile,
    query: SpeciesCells,
    reference: SpeciesCells,
    *,
    strategy: str | Strategy | None,
    evidence: str | None,
) -> tuple[OrthologyLinks, OrthologyLinks, tuple[str, ...]]:
    """Find the pairs that link measured genes of the query to measured genes of the reference.

    Parameters
    ----------
    release
        An open release.
    query, reference
        The two sides; of one species, each gene is linked to itself.
    strategy
        One of the five, or several joined by ``+`` for their union, earlier ones first; by default ENS_M2M, and
        LM_O2O where Ensembl has nothing for the pair.
    evidence
        Evidence classes to use (``both,ensembl``) or to add (``+lm_orphan``); None for all that the strategy has.

    Returns
    -------
    tuple
        The best pair of each query gene (of a one-to-many one, the best whose reference gene is measured); all pairs,
        each with the query gene's counts split evenly; and what a user should know.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    AnnotationError
        If no pair links two measured genes.
    """
    if query.species == reference.species:
        shared = np.intersect1d(query.genes, reference.genes)
        links = _links(query, reference, shared, shared, np.ones(len(shared)), [""] * len(shared), SAME_SPECIES)
        note = f"query and reference are both {query.species.common_name}: genes stand for themselves"
        return _checked(links, query, reference), links, (note,)
    pair = find_pair(release, query.species, reference.species)
    words = [None] if strategy is None else str(strategy).split("+")
    chosen = [choose_strategy(pair, word, Strategy.ENS_M2M) for word in words]
    notes = pair.notes
    if strategy is None and chosen[0] is Strategy.LM_O2O:
        notes = ("Ensembl has no homology between the two species: LM_O2O, from embeddings alone, was used",)
    options = read_options(evidence=evidence)
    name = "+".join(map(str, chosen))
    best, more = _rows(pair, chosen, replace(options, one_to_many=OneToMany.BEST), query, reference)
    every, _ = _rows(pair, chosen, replace(options, one_to_many=OneToMany.SPLIT), query, reference)
    made = [
        _links(
            query, reference, rows["source_gene"].to_numpy(), rows["target_gene"].to_numpy(),
            rows["weight"].to_numpy(), rows["evidence_class"].fill_null("").to_list(), name,
        )
        for rows in (best, every)
    ]  # fmt: skip
    return _checked(made[0], query, reference), made[1], (*notes, *more)


def no_links() -> OrthologyLinks:
    """Return no pairs at all, for methods that need none."""
    none = np.empty(0, np.int64)
    return OrthologyLinks(none, none, np.empty(0), (), "none")


def _rows(
    pair: Pair, chosen: list[Strategy], options: Options, query: SpeciesCells, reference: SpeciesCells
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    present, wanted = query.genes.tolist(), frozenset(reference.genes.tolist())
    if len(chosen) == 1:
        # a greedy strategy keeps its own pairs; of others, partners that are not measured must not hide those that are
        mapped = map_genes(pair, chosen[0], replace(options, measured=chosen[0] not in GREEDY), present, wanted)
        return mapped.rows, mapped.notes
    here = pl.DataFrame({"source_gene": present}, schema={"source_gene": pl.Int64})
    parts = [
        pair.mapping(one).select(COLUMNS).join(here, on="source_gene", how="semi", maintain_order="left")
        for one in chosen
    ]
    rows = pl.concat(parts).unique(["source_gene", "target_gene"], keep="first", maintain_order=True)
    pairs = rows.select("source_gene", "target_gene")
    mapped = settled(rows, replace(options, measured=True), wanted, pairs, [])
    return mapped.rows, mapped.notes


def _links(
    query: SpeciesCells,
    reference: SpeciesCells,
    source: object,
    target: object,
    weight: object,
    evidence: list[str],
    name: str,
) -> OrthologyLinks:
    """Return pairs of genes as pairs of columns, by the reference's column."""
    one = np.searchsorted(query.genes, np.asarray(source, np.int64)).astype(np.int64)
    two = np.searchsorted(reference.genes, np.asarray(target, np.int64)).astype(np.int64)
    order = np.lexsort((one, two))
    return OrthologyLinks(
        one[order],
        two[order],
        np.asarray(weight, np.float64)[order],
        tuple(evidence[row] for row in order.tolist()),
        name,
    )


def _checked(links: OrthologyLinks, query: SpeciesCells, reference: SpeciesCells) -> OrthologyLinks:
    if len(links.query):
        return links
    raise AnnotationError(
        f"query and reference share no genes: none of the {len(query.genes):,} genes of {query.species.common_name} has"
        f" a partner among the {len(reference.genes):,} of {reference.species.common_name} by {links.strategy}; check"
        " the species (--from, --reference-species), or choose another --strategy"
    )
