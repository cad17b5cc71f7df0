"""The saved state of a conversion layer: what it holds, and whether it is of the same genes and edges as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from homodb.query.annotate.tron.edges import Edges
from homodb.schema.errors import AnnotationError

if TYPE_CHECKING:
    from homodb.query.annotate.tron.layer import OrthologyLayer


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
