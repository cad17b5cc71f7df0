"""The species conversion layer: a linear map from target genes to source genes, with weights for orthologs only.

Source: Transfer Orthology Networks (TRON), arXiv. Its abstract speaks of a map from the source to the target species'
genes; cells of the target species meet a network of the source species, so the map goes from target genes to source
genes (docs/decisions.md, 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.task import Links
from homodb.query.annotate.tron.edges import Edges
from homodb.query.annotate.tron.start import Start, starting_weights
from homodb.query.annotate.tron.state import edges_of, extra_state, options_of, refuse_other
from homodb.query.release import Release
from homodb.schema.errors import AnnotationError, MissingPackageError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

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
        The first weights; see :func:`homodb.query.annotate.tron.start.starting_weights`.
    bias
        Added to each source gene, shape (source genes,), and learned; None for no bias.
    non_negative
        Weights below zero count as zero. Call :meth:`project` after each step of the optimiser, which sets them to
        zero, else they never come back.
    seed
        Of ``start="random"``.

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
        seed: int = 42,
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
        first = starting_weights(edges, start, seed=seed)[order]
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
        **options: Any,
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
        options
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
        return cls(edges, **options)

    @classmethod
    def from_links(cls, links: Links, target_genes: Sequence[str], source_genes: Sequence[str], **options: Any) -> Self:
        """Return a layer for the links of a task; see :meth:`homodb.query.annotate.tron.edges.Edges.from_links`."""
        return cls(Edges.from_links(links, target_genes, source_genes), **options)

    @classmethod
    def from_release(
        cls,
        release: Release,
        source: str | int | Species,
        target: str | int | Species,
        strategy: str | Strategy | None = None,
        *,
        target_genes: Sequence[str] | None = None,
        source_genes: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """Return a layer for a strategy's mapping: `source` is the network's species, `target` that of the cells.

        See :meth:`homodb.query.annotate.tron.edges.Edges.from_release` for the choice of genes.
        """
        edges = Edges.from_release(
            release, source=source, target=target, strategy=strategy,
            target_genes=target_genes, source_genes=source_genes,
        )  # fmt: skip
        return cls(edges, **options)

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
