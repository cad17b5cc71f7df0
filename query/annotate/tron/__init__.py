"""Transfer Orthology Networks: a species conversion layer before a network that was trained on another species."""

from __future__ import annotations

from homodb.query.annotate.tron.parameters import RANGES, TronParameters

__all__ = ["RANGES", "TronParameters"]
