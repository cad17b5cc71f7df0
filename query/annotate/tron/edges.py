"""The edges of an orthology graph, from target genes to source genes.

Source is the species that the network was trained on (the reference), target the one whose cells it is to judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.task import Links
from homodb.query.release import Release
from homodb.schema.errors import AnnotationError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy


@dataclass(frozen=True)
class Edges:
    """Which target gene may feed which source gene.

    Parameters
    ----------
    target_genes, source_genes
        Names (stable IDs) of the inputs and of the outputs, each once.
    target, source
        Places of each edge's genes in these, shape (edges,), int64.
    weight
        Share of the target gene that goes to the source gene, by the mapping, shape (edges,), float64.
    evidence
        Evidence class of each edge; "" where nothing is known.

    Raises
    ------
    AnnotationError
        If a gene or an edge is there twice, a place is outside, or a weight is not finite.
    """

    target_genes: tuple[str, ...]
    source_genes: tuple[str, ...]
    target: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    evidence: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.target)
        if not len(self.source) == len(self.weight) == len(self.evidence) == n:
            raise AnnotationError(
                f"edges have {n} target genes, {len(self.source)} source genes, {len(self.weight)} weights and"
                f" {len(self.evidence)} evidence classes; each edge needs one of each"
            )
        for side, genes, at in (("target", self.target_genes, self.target), ("source", self.source_genes, self.source)):
            if len(set(genes)) < len(genes):
                [(twice, _)] = Counter(genes).most_common(1)
                raise AnnotationError(f"{side} gene {twice} is listed twice; each gene has one place in a layer")
            if n and not (at.min() >= 0 and at.max() < len(genes)):
                raise AnnotationError(f"an edge names {side} gene {at.max()}; there are {len(genes)}, numbered from 0")
        if len(np.unique(self.source * max(len(self.target_genes), 1) + self.target)) < n:
            raise AnnotationError("an edge is there twice; add up the weights of equal edges first")
        if not np.isfinite(self.weight).all():
            raise AnnotationError("a weight is not finite; give each edge a number")

    def __len__(self) -> int:
        return len(self.target)

    @classmethod
    def from_links(
        cls, links: Links, target_genes: Sequence[str], source_genes: Sequence[str], *, reached_only: bool = False
    ) -> Self:
        """Return the edges of a task's links: the query's genes are targets, the reference's are sources.

        Parameters
        ----------
        links
            Pairs of columns.
        target_genes, source_genes
            Names of the query's and of the reference's columns.
        reached_only
            Leave out genes without an edge.
        """
        edges = cls(
            tuple(target_genes), tuple(source_genes), links.query, links.reference, links.weight, links.evidence
        )
        if not reached_only:
            return edges
        target_at, target = np.unique(links.query, return_inverse=True)
        source_at, source = np.unique(links.reference, return_inverse=True)
        inputs = tuple(edges.target_genes[at] for at in target_at.tolist())
        outputs = tuple(edges.source_genes[at] for at in source_at.tolist())
        return cls(inputs, outputs, target, source, links.weight, links.evidence)

    @classmethod
    def from_pairs(
        cls,
        pairs: Sequence[tuple[str, str]],
        *,
        target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        evidence: Sequence[str] | None = None,
    ) -> Self:
        """Return the edges of pairs of (target gene, source gene).

        Parameters
        ----------
        pairs
            The edges.
        target_genes, source_genes
            Inputs and outputs in their order; by default those of the pairs, sorted.
        weights, evidence
            Of each pair; by default 1 and unknown.

        Raises
        ------
        AnnotationError
            If a pair names a gene that is not listed, or is there twice.
        """
        inputs = tuple(target_genes) if target_genes is not None else tuple(sorted({pair[0] for pair in pairs}))
        outputs = tuple(source_genes) if source_genes is not None else tuple(sorted({pair[1] for pair in pairs}))
        of_input, of_output = ({gene: at for at, gene in enumerate(genes)} for genes in (inputs, outputs))
        unknown = [gene for pair in pairs for gene, known in zip(pair, (of_input, of_output), strict=True)
                   if gene not in known]  # fmt: skip
        if unknown:
            raise AnnotationError(
                f"a pair names {unknown[0]}, which is not among the listed genes; list it, or leave it"
            )
        return cls(
            inputs,
            outputs,
            np.array([of_input[there] for there, _ in pairs], np.int64),
            np.array([of_output[here] for _, here in pairs], np.int64),
            np.ones(len(pairs)) if weights is None else np.asarray(weights, np.float64),
            ("",) * len(pairs) if evidence is None else tuple(evidence),
        )

    @classmethod
    def from_release(
        cls,
        release: Release,
        *,
        source: str | int | Species,
        target: str | int | Species,
        strategy: str | Strategy | None = None,
        target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None,
    ) -> Self:
        """Return the edges of one strategy's mapping; see :func:`homodb.query.orthologs.orthologs`.

        Parameters
        ----------
        release
            An open release.
        source
            The species that the network knows.
        target
            The species whose cells come in.
        strategy
            One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
        target_genes, source_genes
            Stable IDs of the genes wanted, in their order; by default those of the mapping, sorted. Genes without an
            edge are kept, edges of other genes left out.

        Raises
        ------
        UnknownSpeciesError, UnknownStrategyError, MissingMappingError
            If the release lacks what is asked.
        """
        rows = release.orthologs(source=source, target=target, strategy=strategy)
        inputs = tuple(target_genes) if target_genes is not None else tuple(rows["target_id"].unique().sort())
        outputs = tuple(source_genes) if source_genes is not None else tuple(rows["source_id"].unique().sort())
        of_input, of_output = frozenset(inputs), frozenset(outputs)
        kept = rows.filter(pl.col("target_id").is_in(of_input) & pl.col("source_id").is_in(of_output))
        return cls.from_pairs(
            kept.select("target_id", "source_id").rows(), target_genes=inputs, source_genes=outputs,
            evidence=kept["evidence_class"].fill_null("").to_list(),
        )  # fmt: skip
