"""Readers, one module a source: each turns what a provider publishes into checked Arrow tables."""
