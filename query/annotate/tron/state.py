"""Whether a saved state belongs to a conversion layer: it must be of the same genes and edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homodb.schema.errors import AnnotationError

if TYPE_CHECKING:
    from homodb.query.annotate.tron.layer import OrthologyLayer


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
