"""Brings Ensembl's files in: finds them in its listings, fetches, verifies and records them, configures a build."""
