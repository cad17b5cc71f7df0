"""homodb: the gene-homology database for cross-species single-cell biology.

Everything public is here, loaded when it is first used:

- :func:`open`: open a release, then ask ``release.orthologs``, ``release.sql``, ``release.joint_table``,
  ``release.explain``, ``release.neighbors``;
- :func:`translate`, :func:`translate_with_report`: an AnnData into another species' genes;
- :func:`join`, :func:`join_with_report`: several species in one AnnData, over shared features;
- :func:`integrate`: the species of such an AnnData in one embedding;
- :func:`score`: how good that embedding is, beside no integration at all;
- :func:`compare`: mappings and methods of integration, on the same cells;
- :func:`markers`: marker genes of each cell type, and which of them the species share;
- :func:`report`: all of this on one page;
- :func:`annotate`, :func:`evaluate`: cell types carried from a reference of another species, and how right they are;
- :func:`translate_genes`: names of genes into those of their partners;
- :class:`OrthologyLayer`: a layer for PyTorch, from one species' genes to another's;
- :func:`inspect`: what the gene names of an AnnData are;
- :func:`download`, :func:`verify`: a release into the cache, and whether it is still what it was;
- :class:`Release`, :class:`Strategy`, and the errors, :class:`HomodbError` at their root.
"""

import importlib

_WHERE = {
    "Annotation": "homodb.query.annotate.result",
    "Evaluation": "homodb.query.annotate.evaluate.result",
    "Comparison": "homodb.query.compare.result",
    "EvidenceClass": "homodb.schema.enums",
    "Explanation": "homodb.query.genes.explain",
    "HomodbError": "homodb.schema.errors",
    "Inspection": "homodb.query.inspect.inspect",
    "JoinReport": "homodb.query.join.report",
    "Markers": "homodb.query.markers.result",
    "OrthologyLayer": "homodb.query.annotate.tron.layer",
    "Release": "homodb.query.api",
    "Score": "homodb.query.score.result",
    "Species": "homodb.schema.species",
    "Strategy": "homodb.schema.enums",
    "TranslationReport": "homodb.query.translate.report",
    "compare": "homodb.query.compare.compare",
    "annotate": "homodb.query.annotate.annotate",
    "annotate_with_report": "homodb.query.annotate.annotate",
    "download": "homodb.query.release.download",
    "evaluate": "homodb.query.annotate.evaluate.evaluate",
    "inspect": "homodb.query.inspect.inspect",
    "integrate": "homodb.query.integrate.integrate",
    "join": "homodb.query.join.join",
    "join_with_report": "homodb.query.join.join",
    "markers": "homodb.query.markers.markers",
    "report": "homodb.query.report.report",
    "score": "homodb.query.score.score",
    "translate": "homodb.query.translate.translate",
    "translate_genes": "homodb.query.gene_lists.translate",
    "translate_with_report": "homodb.query.translate.translate",
    "verify": "homodb.schema.verify",
}

__all__ = [*_WHERE, "__version__", "open"]


def __getattr__(name):
    if name == "open":
        return importlib.import_module("homodb.query.api").open
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("homodb")
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'homodb' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
