"""homodb: the gene-homology database for cross-species single-cell biology.

Everything public is here, loaded when it is first used:

- :func:`open`: open a release, then ask ``release.orthologs``, ``release.sql``, ``release.joint_table``,
  ``release.explain``, ``release.neighbors``;
- :func:`translate`, :func:`translate_with_report`: an AnnData into another species' genes;
- :func:`join`, :func:`join_with_report`: several species in one AnnData, over shared features;
- :func:`integrate`: the species of such an AnnData in one embedding;
- :func:`translate_genes`: names of genes into those of their partners;
- :func:`inspect`: what the gene names of an AnnData are;
- :func:`download`, :func:`verify`: a release into the cache, and whether it is still what it was;
- :class:`Release`, :class:`Strategy`, and the errors, :class:`HomodbError` at their root.
"""

import importlib

_WHERE = {
    "EvidenceClass": "homodb.schema.strategies",
    "Explanation": "homodb.query.explain",
    "HomodbError": "homodb.schema.errors",
    "Inspection": "homodb.query.inspect",
    "JoinReport": "homodb.query.join.report",
    "Release": "homodb.query.release",
    "Report": "homodb.query.translate.report",
    "Species": "homodb.schema.species",
    "Strategy": "homodb.schema.strategies",
    "download": "homodb.query.download",
    "inspect": "homodb.query.inspect",
    "integrate": "homodb.query.integrate.integrate",
    "join": "homodb.query.join.join",
    "join_with_report": "homodb.query.join.join",
    "translate": "homodb.query.translate.translate",
    "translate_genes": "homodb.query.lists.genes",
    "translate_with_report": "homodb.query.translate.translate",
    "verify": "homodb.schema.verify",
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
