"""A simulated clade whose truth is known: everything that homodb reads, in Ensembl's own forms, from a seed."""

from homodb.etl.simulate.run import simulate
from homodb.etl.simulate.settings import Progress, Settings, Summary

__all__ = ["Progress", "Settings", "Summary", "simulate"]
