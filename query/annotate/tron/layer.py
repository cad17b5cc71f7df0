"""Define the species conversion layer: a linear map from target genes to source genes, with weights for orthologs only.

Source: Transfer Orthology Networks (TRON), arXiv. Its abstract speaks of a map from the source to the target species'
genes; cells of the target species meet a network of the source species, so the map goes from target genes to source
genes (docs/decisions.md, 9).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.settings import Start
from homodb.query.annotate.task import OrthologyLinks
from homodb.query.genes import orthologs
from homodb.query.release import ReleaseFile
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import AnnotationError, MissingPackageError
from homodb.schema.species import Species

try:
    import torch
    from torch import Tensor
    from torch.nn import functional
except ImportError as error:
    raise MissingPackageError.of("OrthologyLayer", "torch", "annotate") from error


@dataclass(frozen=True)
class Edges:
    """Edges between target genes and source genes.

    Parameters
    ----------
    target_genes, source_genes
        Names (stable IDs) of the inputs and of the outputs, each once.
    target, source
        Places of each edge's genes in these, shape (edges,), int64.
    weight
        Share of the target gene that goes to the source gene, by the mapping, shape (edges,), float64.
    evidence
        Evidence class of each edge, or an empty text.

    Raises
    ------
    AnnotationError
        If a gene or an edge is there twice, a place does not exist, or a weight is not finite.
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


#: Relative weight of an evidence class: the share of named human and mouse pairs whose symbols agree
#: (docs/evidence.md; the first two of ENS_M2M, the others of HL_O2O), of ``lm_orphan`` and ``lm_unnamed`` together.
TRUST = {
    EvidenceClass.BOTH: 0.9557,
    EvidenceClass.ENSEMBL: 0.4227,
    EvidenceClass.LM_ORPHAN: 0.5324,
    EvidenceClass.LM_UNNAMED: 0.5324,
    EvidenceClass.LM_PARTIAL: 0.1089,
    EvidenceClass.LM_CONTRADICTS: 0.0638,
}


def init_weights(edges: Edges, start: Start = "columns", *, random_state: int = 42) -> npt.NDArray[np.float64]:
    """Return the first weights of a layer, shape (edges,), float64.

    Parameters
    ----------
    edges
        The graph.
    start
        ``columns``: the edges out of a target gene add up to 1, in proportion to their weight times :data:`TRUST` of
        their evidence, so that a cell keeps its total. ``rows``: likewise the edges into a source gene, which gets a
        mean of its orthologs in place of their sum. ``links``: the weights as they are. ``random``: uniform between
        0 and twice the mean of ``columns``.
    random_state
        Seed of ``random``.

    Raises
    ------
    AnnotationError
        If there is no such start.

    Examples
    --------
    >>> places = np.array([0, 1]), np.array([0, 0])
    >>> edges = Edges(("Ins1", "Ins2"), ("INS",), *places, np.ones(2), ("both", "both"))
    >>> init_weights(edges), init_weights(edges, "rows")
    (array([1., 1.]), array([0.5, 0.5]))
    """
    if start not in get_args(Start):
        raise AnnotationError(f"there is no start {start!r}; there are {', '.join(get_args(Start))}")
    if start == "links":
        return edges.weight.copy()
    by_class: dict[str, float] = {str(one): value for one, value in TRUST.items()}
    trusted = edges.weight * np.array([by_class.get(one, 1.0) for one in edges.evidence])
    end, size = (edges.source, len(edges.source_genes)) if start == "rows" else (edges.target, len(edges.target_genes))
    sums = np.bincount(end, trusted, size)[end]
    shares: npt.NDArray[np.float64] = np.divide(trusted, sums, out=np.zeros_like(trusted), where=sums != 0)
    if start == "random" and len(edges):
        return np.random.default_rng(random_state).uniform(0, 2 * shares.mean(), len(edges))
    return shares


class OrthologyLayer(torch.nn.Module):
    """A linear layer with weights for orthologs only, which stores no zeros.

    It equals ``torch.nn.Linear(len(target_genes), len(source_genes))`` under a mask. There is one parameter per
    edge: neither weights, nor gradients, nor the state of an optimiser ever exist for any other pair of genes. Put it
    before any model that takes expression of the source species.

    Parameters
    ----------
    edges
        Edges between target genes and source genes. :meth:`from_edges`, :meth:`from_links` and :meth:`from_release`
        make them.
    start
        First weights; see :func:`homodb.query.annotate.tron.layer.init_weights`.
    bias
        Learned number that is added to each source gene, shape (source genes,); None for no bias.
    non_negative
        Whether weights below zero count as zero. Call :meth:`project` after each step of the optimiser, which sets
        them to zero; otherwise they never come back.
    random_state
        Seed of ``start="random"``.

    Attributes
    ----------
    target_genes, source_genes
        Stable IDs of inputs and outputs. They are part of the state: a state of other genes or other edges is refused.
    weight
        The parameter, shape (edges,); edges are in the order of the source genes, then of the target genes.

    Notes
    -----
    The forward pass is a bag of embeddings: a source gene is a bag of target genes, whose "embeddings" are their
    values in the cells of the batch. Time and memory grow with edges and cells, on CPU and on CUDA.
    """

    target_index: Tensor
    source_index: Tensor
    offsets: Tensor

    def __init__(
        self, edges: Edges, *, start: Start = "columns", bias: npt.ArrayLike | None = None, non_negative: bool = False,
        random_state: int = 42,
    ) -> None:  # fmt: skip
        super().__init__()
        order = np.lexsort((edges.target, edges.source))
        self.target_genes, self.source_genes = edges.target_genes, edges.source_genes
        self.evidence = tuple(edges.evidence[at] for at in order.tolist())
        self.non_negative = non_negative
        counts = np.bincount(edges.source, minlength=len(edges.source_genes))
        self.register_buffer("target_index", torch.from_numpy(edges.target[order]))
        self.register_buffer("source_index", torch.from_numpy(edges.source[order]))
        self.register_buffer("offsets", torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)))
        first = init_weights(edges, start, random_state=random_state)[order]
        self.weight = torch.nn.Parameter(torch.tensor(first, dtype=torch.get_default_dtype()))
        self.bias = None
        if bias is not None:
            values = torch.as_tensor(np.asarray(bias), dtype=torch.get_default_dtype())
            if values.shape != (len(self.source_genes),):
                raise AnnotationError(
                    f"the bias has shape {tuple(values.shape)}; expected ({len(self.source_genes)},)", option="bias"
                )
            self.bias = torch.nn.Parameter(values.clone())

    @classmethod
    def from_edges(
        cls, pairs: Sequence[tuple[str, str]], *, target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None, weights: Sequence[float] | None = None,
        evidence: Sequence[str] | None = None, start: Start = "columns", bias: npt.ArrayLike | None = None,
        non_negative: bool = False, random_state: int = 42,
    ) -> Self:  # fmt: skip
        """Return a layer for pairs of (target gene, source gene).

        Parameters
        ----------
        pairs
            The edges.
        target_genes, source_genes
            Inputs and outputs in their order; by default those of the pairs, sorted.
        weights, evidence
            Weight and evidence class of each pair; by default 1 and unknown.
        start, bias, non_negative, random_state
            As for the layer itself.

        Raises
        ------
        AnnotationError
            If a pair names a gene that is not listed, or is there twice.

        Examples
        --------
        >>> layer = OrthologyLayer.from_edges([("Ins1", "INS"), ("Ins2", "INS")])
        >>> layer(torch.tensor([[2.0, 4.0]])).tolist()
        [[6.0]]
        """
        inputs = tuple(target_genes) if target_genes is not None else tuple(sorted({pair[0] for pair in pairs}))
        outputs = tuple(source_genes) if source_genes is not None else tuple(sorted({pair[1] for pair in pairs}))
        of_input, of_output = ({gene: at for at, gene in enumerate(genes)} for genes in (inputs, outputs))
        for target, source in pairs:
            if target not in of_input or source not in of_output:
                unlisted = source if target in of_input else target
                raise AnnotationError(f"a pair names {unlisted}, which is not among the listed genes")
        edges = Edges(
            inputs, outputs, np.array([of_input[target] for target, _ in pairs], np.int64),
            np.array([of_output[source] for _, source in pairs], np.int64),
            np.ones(len(pairs)) if weights is None else np.asarray(weights, np.float64),
            ("",) * len(pairs) if evidence is None else tuple(evidence),
        )  # fmt: skip
        return cls(edges, start=start, bias=bias, non_negative=non_negative, random_state=random_state)

    @classmethod
    def from_links(
        cls, links: OrthologyLinks, target_genes: Sequence[str], source_genes: Sequence[str], *,
        start: Start = "columns", bias: npt.ArrayLike | None = None, non_negative: bool = False, random_state: int = 42,
    ) -> Self:  # fmt: skip
        """Return a layer for the links of a task: the query's genes are targets, the reference's are sources."""
        edges = Edges(
            tuple(target_genes), tuple(source_genes), links.query, links.reference, links.weight, links.evidence
        )
        return cls(edges, start=start, bias=bias, non_negative=non_negative, random_state=random_state)

    @classmethod
    def from_release(
        cls, release: ReleaseFile, source: str | int | Species, target: str | int | Species,
        strategy: str | Strategy | None = None, *, target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None, start: Start = "columns", bias: npt.ArrayLike | None = None,
        non_negative: bool = False, random_state: int = 42,
    ) -> Self:  # fmt: skip
        """Return a layer for the mapping of a strategy; see :func:`homodb.query.genes.orthologs.orthologs`.

        Parameters
        ----------
        release
            An open release.
        source
            Species of the network.
        target
            Species of the cells.
        strategy
            One of the five; by default ENS_M2M, and LM_O2O where Ensembl has nothing for the pair.
        target_genes, source_genes
            Stable IDs of the requested genes, in their order; by default those of the mapping, sorted. Genes without an
            edge are kept, edges of other genes left out.
        start, bias, non_negative, random_state
            As for the layer itself.

        Raises
        ------
        UnknownSpeciesError, UnknownStrategyError, MissingMappingError
            If the release lacks what is needed.
        """
        rows = orthologs(release, source=source, target=target, strategy=strategy)
        inputs = tuple(target_genes) if target_genes is not None else tuple(rows["target_id"].unique().sort())
        outputs = tuple(source_genes) if source_genes is not None else tuple(rows["source_id"].unique().sort())
        of_input, of_output = frozenset(inputs), frozenset(outputs)
        kept = rows.filter(pl.col("target_id").is_in(of_input) & pl.col("source_id").is_in(of_output))
        return cls.from_edges(
            kept.select("target_id", "source_id").rows(), target_genes=inputs, source_genes=outputs,
            evidence=kept["evidence_class"].fill_null("").to_list(), start=start, bias=bias, non_negative=non_negative,
            random_state=random_state,
        )  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the layer of a ``state_dict()``.

        Raises
        ------
        AnnotationError
            If it is not the state of such a layer.
        """
        try:
            extra = state["_extra_state"]
            edges = Edges(
                tuple(extra["target_genes"]), tuple(extra["source_genes"]), state["target_index"].cpu().numpy(),
                state["source_index"].cpu().numpy(), np.ones(len(state["weight"])), tuple(extra["evidence"]),
            )  # fmt: skip
            bias = state["bias"].cpu() if "bias" in state else None
            layer = cls(edges, bias=bias, non_negative=extra["non_negative"])
        except (KeyError, TypeError) as error:
            raise AnnotationError(f"this is not the state of an OrthologyLayer: it lacks {error}") from error
        layer.to(state["weight"].dtype).load_state_dict(dict(state))
        return layer

    def forward(self, expression: Tensor) -> Tensor:
        """Convert cells of the target species.

        Parameters
        ----------
        expression
            Shape (..., target genes), on the linear scale if the network takes a logarithm afterwards.

        Returns
        -------
        torch.Tensor
            Shape (..., source genes). A source gene without an edge gets its bias, or 0.

        Raises
        ------
        AnnotationError
            If the last dimension is not that of the target genes.
        """
        if expression.shape[-1] != len(self.target_genes):
            raise AnnotationError(
                f"cells have {expression.shape[-1]} genes; this layer takes {len(self.target_genes)} target genes"
            )
        cells = expression.reshape(-1, expression.shape[-1])
        if len(self.weight) and len(cells):
            bags = functional.embedding_bag(
                self.target_index, cells.T.contiguous(), self.offsets, mode="sum",
                per_sample_weights=self.used_weight(), include_last_offset=True,
            )  # fmt: skip
            converted = bags.T
        else:
            converted = cells.new_zeros(len(cells), len(self.source_genes)) + self.weight.sum() * 0
        if self.bias is not None:
            converted = converted + self.bias
        return converted.reshape(*expression.shape[:-1], len(self.source_genes))

    def used_weight(self) -> Tensor:
        """Return the weights that count, shape (edges,): without those below zero if the layer is non-negative."""
        return self.weight.clamp(min=0) if self.non_negative else self.weight

    @torch.no_grad()
    def project(self) -> None:
        """Set weights below zero to zero if the layer is non-negative; call it after each step of the optimiser."""
        if self.non_negative:
            self.weight.clamp_(min=0)

    @torch.no_grad()
    def dense_weight(self) -> Tensor:
        """Return the weight as ``torch.nn.Linear`` has it, shape (source genes, target genes), zeros and all."""
        dense = self.weight.new_zeros(len(self.source_genes), len(self.target_genes))
        dense[self.source_index, self.target_index] = self.used_weight()
        return dense

    def extra_repr(self) -> str:
        """Return the sizes of the layer."""
        return (
            f"{len(self.target_genes)} target genes -> {len(self.source_genes)} source genes, {len(self.weight)} edges"
        )

    def get_extra_state(self) -> dict[str, Any]:
        """Return the part of the state that is not tensors."""
        return {
            "target_genes": list(self.target_genes), "source_genes": list(self.source_genes),
            "evidence": list(self.evidence), "non_negative": self.non_negative,
        }  # fmt: skip

    def set_extra_state(self, state: Any) -> None:
        """Set the part of the state that is not tensors; genes were compared before."""
        self.evidence, self.non_negative = tuple(state["evidence"]), bool(state["non_negative"])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Refuse a state of other genes or edges, then load it; torch itself complains of what a state lacks."""
        extra = state_dict.get(f"{prefix}_extra_state")
        if extra is not None:
            for side, mine in (("target", self.target_genes), ("source", self.source_genes)):
                theirs = tuple(extra[f"{side}_genes"])
                if mine != theirs:
                    raise AnnotationError(_difference(side, mine, theirs))
        for name in ("target_index", "source_index"):
            index = state_dict.get(f"{prefix}{name}")
            if index is not None and index.tolist() != getattr(self, name).tolist():
                raise AnnotationError(
                    f"the state has {len(index)} edges, this layer {len(self.weight)}, and they are not the same;"
                    " make the layer from the same mapping, or with OrthologyLayer.from_state"
                )
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _difference(side: str, mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    if set(mine) == set(theirs):
        difference = "in another order"
    else:
        other = next((gene for gene in theirs if gene not in set(mine)), None)
        difference = f"among them {other}" if other else "fewer of them"
    return (
        f"the state was made for {len(theirs)} {side} genes, {difference}; this layer has {len(mine)}. "
        "OrthologyLayer.from_state makes a layer with the genes of a state"
    )
