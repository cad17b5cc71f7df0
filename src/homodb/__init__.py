"""homodb: the gene-homology database for cross-species single-cell biology.

Everything public is here, loaded when it is first used:

- :func:`open`: open a release, then ask ``release.orthologs``, ``release.sql``, ``release.joint_table``,
  ``release.explain``;
- :func:`translate`, :func:`translate_with_report`: an AnnData into another species' genes;
- :class:`Release`, :class:`Strategy`, and the errors, :class:`HomodbError` at their root.
"""

import importlib

_WHERE = {
    "EvidenceClass": "homodb.schema.strategies",
    "Explanation": "homodb.query.explain",
    "HomodbError": "homodb.schema.errors",
    "Release": "homodb.query.release",
    "Report": "homodb.query.translate.report",
    "Species": "homodb.schema.species",
    "Strategy": "homodb.schema.strategies",
    "translate": "homodb.query.translate.translate",
    "translate_with_report": "homodb.query.translate.translate",
}

__all__ = [*_WHERE, "__version__", "open"]


def __getattr__(name):
    if name == "open":
        return importlib.import_module("homodb.query.release").open_release
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("homodb")
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'homodb' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
