"""Build releases: readers of public files, strategies, the build, the simulation."""

from homodb.schema.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
