"""Exact correlations of all genes of two species."""

from homodb.etl.matching.correlate import correlate_genes

__all__ = ["correlate_genes"]
