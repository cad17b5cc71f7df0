"""The species conversion layer: a linear map from target genes to source genes, with weights for orthologs only.

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
        cls,
        links: OrthologyLinks,
        target_genes: Sequence[str],
        source_genes: Sequence[str],
        *,
        reached_only: bool = False,
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
        release: ReleaseFile,
        *,
        source: str | int | Species,
        target: str | int | Species,
        strategy: str | Strategy | None = None,
        target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None,
    ) -> Self:
        """Return the edges of one strategy's mapping; see :func:`homodb.query.genes.orthologs.orthologs`.

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
        rows = orthologs(release, source=source, target=target, strategy=strategy)
        inputs = tuple(target_genes) if target_genes is not None else tuple(rows["target_id"].unique().sort())
        outputs = tuple(source_genes) if source_genes is not None else tuple(rows["source_id"].unique().sort())
        of_input, of_output = frozenset(inputs), frozenset(outputs)
        kept = rows.filter(pl.col("target_id").is_in(of_input) & pl.col("source_id").is_in(of_output))
        return cls.from_pairs(
            kept.select("target_id", "source_id").rows(), target_genes=inputs, source_genes=outputs,
            evidence=kept["evidence_class"].fill_null("").to_list(),
        )  # fmt: skip


#: How much an evidence class counts beside another: the share of named human and mouse pairs whose symbols agree
#: (docs/evidence.md; the first two of ENS_M2M, the others of HL_O2O).
TRUST = {
    EvidenceClass.BOTH: 0.9557,
    EvidenceClass.ENSEMBL: 0.4227,
    EvidenceClass.LM_ORPHAN: 0.5324,
    EvidenceClass.LM_PARTIAL: 0.1089,
    EvidenceClass.LM_CONTRADICTS: 0.0638,
}


def init_weights(edges: Edges, start: Start = "rows", *, random_state: int = 42) -> npt.NDArray[np.float64]:
    """Return the weights that a layer starts with.

    Parameters
    ----------
    edges
        The graph.
    start
        ``rows``: what comes into a source gene adds up to 1; edges of a gene share by their weight times
        :data:`TRUST` of their evidence. ``columns``: what goes out of a target gene adds up to 1, likewise, so that
        totals are kept. ``links``: the weights as they are. ``random``: uniform between 0 and twice the mean of
        ``rows``.
    random_state
        Seed of ``random``.

    Returns
    -------
    numpy.ndarray
        Shape (edges,), float64.

    Raises
    ------
    AnnotationError
        If there is no such start.

    Examples
    --------
    >>> places = np.array([0, 1]), np.array([0, 0])
    >>> edges = Edges(("Ins1", "Ins2"), ("INS",), *places, np.ones(2), ("both", "both"))
    >>> init_weights(edges)
    array([0.5, 0.5])
    """
    if start not in get_args(Start):
        raise AnnotationError(f"there is no start {start!r}; there are {', '.join(get_args(Start))}")
    if start == "links":
        return edges.weight.copy()
    by_class: dict[str, float] = {str(one): value for one, value in TRUST.items()}
    trusted = edges.weight * np.array([by_class.get(one, 1.0) for one in edges.evidence])
    end, size = (
        (edges.target, len(edges.target_genes)) if start == "columns" else (edges.source, len(edges.source_genes))
    )
    sums = np.bincount(end, trusted, size)[end]
    shares: npt.NDArray[np.float64] = np.divide(trusted, sums, out=np.zeros_like(trusted), where=sums != 0)
    if start == "random" and len(edges):
        return np.random.default_rng(random_state).uniform(0, 2 * shares.mean(), len(edges))
    return shares


def extra_state(layer: OrthologyLayer) -> dict[str, Any]:
    """Return what belongs to the state of a layer beside tensors."""
    return {
        "target_genes": list(layer.target_genes), "source_genes": list(layer.source_genes),
        "evidence": list(layer.evidence), "non_negative": layer.non_negative,
    }  # fmt: skip


def edges_of(state: Mapping[str, Any]) -> Edges:
    """Return the edges of a saved state, without their weights; KeyError or TypeError where it is another thing's."""
    told = state["_extra_state"]
    return Edges(
        tuple(told["target_genes"]), tuple(told["source_genes"]),
        state["target_index"].cpu().numpy(), state["source_index"].cpu().numpy(),
        np.ones(len(state["weight"])), tuple(told["evidence"]),
    )  # fmt: skip


def options_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the other arguments that make the layer of a saved state; errors as of :func:`edges_of`."""
    bias = state["bias"].cpu() if "bias" in state else None
    return {"bias": bias, "non_negative": state["_extra_state"]["non_negative"]}


def refuse_other(layer: OrthologyLayer, state: Mapping[str, Any]) -> None:
    """Refuse a state of other genes, of another order of genes, or of other edges.

    Parameters
    ----------
    layer
        The layer that it is to be loaded into.
    state
        ``_extra_state``, ``target_index`` and ``source_index`` of the state; None for what it lacks, which torch
        itself complains of.

    Raises
    ------
    AnnotationError
        If it belongs to another layer.
    """
    told = state["_extra_state"]
    if told is not None:
        for side, mine in (("target", layer.target_genes), ("source", layer.source_genes)):
            theirs = tuple(told[f"{side}_genes"])
            if mine != theirs:
                raise AnnotationError(_differ(side, mine, theirs))
    for name in ("target_index", "source_index"):
        theirs = state[name]
        if theirs is not None and theirs.tolist() != getattr(layer, name).tolist():
            raise AnnotationError(
                f"the state has {len(theirs)} edges, this layer {len(layer.weight)}, and they are not the same;"
                " make the layer from the same mapping, or with OrthologyLayer.from_state"
            )


def _differ(side: str, mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    if set(mine) == set(theirs):
        seen = "in another order"
    else:
        other = next((gene for gene in theirs if gene not in set(mine)), None)
        seen = f"among them {other}" if other else "fewer of them"
    return (
        f"the state was made for {len(theirs)} {side} genes, {seen}; this layer has {len(mine)}. "
        "OrthologyLayer.from_state makes a layer with the genes of a state"
    )


try:
    import torch
    from torch import Tensor
    from torch.nn import functional
except ImportError as error:
    raise MissingPackageError.of("OrthologyLayer", "torch", "annotate") from error


class OrthologyLayer(torch.nn.Module):
    """A linear layer whose weight is zero wherever two genes are no orthologs, and which stores no zero.

    It equals ``torch.nn.Linear(len(target_genes), len(source_genes))`` under a mask. There is one parameter per
    edge: neither weights, nor gradients, nor the state of an optimiser ever exist for any other pair of genes. Put it
    before any model that takes expression of the source species.

    Parameters
    ----------
    edges
        Which target gene may feed which source gene. :meth:`from_edges`, :meth:`from_links` and
        :meth:`from_release` make them.
    start
        The first weights; see :func:`homodb.query.annotate.tron.layer.init_weights`.
    bias
        Added to each source gene, shape (source genes,), and learned; None for no bias.
    non_negative
        Weights below zero count as zero. Call :meth:`project` after each step of the optimiser, which sets them to
        zero, else they never come back.
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
        self,
        edges: Edges,
        *,
        start: Start = "rows",
        bias: npt.ArrayLike | None = None,
        non_negative: bool = False,
        random_state: int = 42,
    ) -> None:
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
        self.bias = None if bias is None else torch.nn.Parameter(self._checked_bias(bias))

    @classmethod
    def from_edges(
        cls,
        pairs: Sequence[tuple[str, str]],
        *,
        target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        evidence: Sequence[str] | None = None,
        start: Start = "rows",
        bias: npt.ArrayLike | None = None,
        non_negative: bool = False,
        random_state: int = 42,
    ) -> Self:
        """Return a layer for pairs of (target gene, source gene).

        Parameters
        ----------
        pairs
            The edges.
        target_genes, source_genes
            Inputs and outputs in their order; by default those of the pairs, sorted.
        weights, evidence
            Of each pair; by default 1 and unknown.
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
        [[3.0]]
        """
        edges = Edges.from_pairs(
            pairs, target_genes=target_genes, source_genes=source_genes, weights=weights, evidence=evidence
        )
        return cls(edges, start=start, bias=bias, non_negative=non_negative, random_state=random_state)

    @classmethod
    def from_links(
        cls,
        links: OrthologyLinks,
        target_genes: Sequence[str],
        source_genes: Sequence[str],
        *,
        start: Start = "rows",
        bias: npt.ArrayLike | None = None,
        non_negative: bool = False,
        random_state: int = 42,
    ) -> Self:
        """Return a layer for the links of a task; see :meth:`homodb.query.annotate.tron.layer.Edges.from_links`."""
        edges = Edges.from_links(links, target_genes, source_genes)
        return cls(edges, start=start, bias=bias, non_negative=non_negative, random_state=random_state)

    @classmethod
    def from_release(
        cls,
        release: ReleaseFile,
        source: str | int | Species,
        target: str | int | Species,
        strategy: str | Strategy | None = None,
        *,
        target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None,
        start: Start = "rows",
        bias: npt.ArrayLike | None = None,
        non_negative: bool = False,
        random_state: int = 42,
    ) -> Self:
        """Return a layer for a strategy's mapping: `source` is the network's species, `target` that of the cells.

        See :meth:`homodb.query.annotate.tron.layer.Edges.from_release` for the choice of genes.
        """
        edges = Edges.from_release(
            release, source=source, target=target, strategy=strategy,
            target_genes=target_genes, source_genes=source_genes,
        )  # fmt: skip
        return cls(edges, start=start, bias=bias, non_negative=non_negative, random_state=random_state)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the layer whose ``state_dict()`` this is.

        Raises
        ------
        AnnotationError
            If it is not that of such a layer.
        """
        try:
            layer = cls(edges_of(state), **options_of(state))
        except (KeyError, TypeError) as error:
            raise AnnotationError(f"this is no state of an OrthologyLayer: it lacks {error}") from error
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
        """Set weights below zero to zero if the layer is non-negative: to be called after each optimiser step."""
        if self.non_negative:
            self.weight.clamp_(min=0)

    @torch.no_grad()
    def dense_weight(self) -> Tensor:
        """Return the weight as ``torch.nn.Linear`` has it, shape (source genes, target genes), zeros and all."""
        dense = self.weight.new_zeros(len(self.source_genes), len(self.target_genes))
        dense[self.source_index, self.target_index] = self.used_weight()
        return dense

    def extra_repr(self) -> str:
        """Say how large it is."""
        return (
            f"{len(self.target_genes)} target genes -> {len(self.source_genes)} source genes, {len(self.weight)} edges"
        )

    def get_extra_state(self) -> dict[str, Any]:
        """Return what belongs to the state beside tensors."""
        return extra_state(self)

    def set_extra_state(self, state: Any) -> None:
        """Take over what was loaded; genes were compared before."""
        self.evidence, self.non_negative = tuple(state["evidence"]), bool(state["non_negative"])

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        theirs = {name: state_dict.get(f"{prefix}{name}") for name in ("_extra_state", "target_index", "source_index")}
        refuse_other(self, theirs)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _checked_bias(self, bias: npt.ArrayLike) -> Tensor:
        values = torch.as_tensor(np.asarray(bias), dtype=torch.get_default_dtype())
        if values.shape != (len(self.source_genes),):
            raise AnnotationError(f"the bias has shape {tuple(values.shape)}; wanted ({len(self.source_genes)},)")
        return values.clone()
