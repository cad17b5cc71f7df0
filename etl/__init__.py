"""Builds a release: readers of what Ensembl and others publish, strategies, the build itself."""
