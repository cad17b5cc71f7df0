"""Matching: exact correlations of all genes of one species with all of another, and greedy one-to-one choices."""

from homodb.etl.matching.pair import correlate
from homodb.schema.greedy import greedy

__all__ = ["correlate", "greedy"]
