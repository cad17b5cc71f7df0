"""Translates an AnnData from one species' gene space into another's: resolve, map, aggregate, annotate."""

from __future__ import annotations

from homodb.query.translate.translate import translate, translate_with_report

__all__ = ["translate", "translate_with_report"]
