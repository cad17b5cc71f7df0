"""Matching: exact correlations of all genes of one species with all genes of another."""

from homodb.etl.matching.correlate import correlate_genes

__all__ = ["correlate_genes"]
