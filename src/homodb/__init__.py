"""homodb: the gene-homology database for cross-species single-cell biology.

Everything public is here, loaded when it is first used:

- :func:`open`: open a release, then ask ``release.orthologs``, ``release.sql``, ``release.joint_table``,
  ``release.explain``, ``release.neighbors``;
- :func:`translate`: an AnnData into another species' genes;
- :func:`join`: several species in one AnnData, over shared features;
- :func:`integrate`: the species of such an AnnData in one embedding;
- :func:`score`: how good that embedding is, beside no integration at all;
- :func:`compare`: mappings and methods of integration, on the same cells;
- :func:`markers`: marker genes of each cell type, and which of them the species share;
- :func:`report`: all of this on one page;
- :func:`annotate`, :func:`evaluate`: cell types carried from a reference of another species, and how right they are;
- :func:`niches`: the cells of a type divided by what lies around them on a tissue;
- :func:`translate_genes`: names of genes into those of their partners;
- :class:`OrthologyLayer`: a layer for PyTorch, from one species' genes to another's;
- :func:`inspect`: what the gene names of an AnnData are;
- :mod:`pl`: plots of reports and scores, on axes of matplotlib;
- :mod:`datasets`: real cells to try all of this on;
- :data:`settings`: how much homodb logs, whether it shows bars, and whether tables are of polars or pandas;
- :func:`download`, :func:`verify`: a release into the cache, and whether it is still what it was;
- :class:`Release`, :class:`Strategy`, and :mod:`homodb.errors`, :class:`HomodbError` at their root.
"""

_face = None


def _attached():
    """Attach the stub at first use: until the command line has its handlers, Ctrl-C would end in a traceback."""
    global _face
    if _face is None:
        from homodb.schema.lazy import attach_stub

        _face = attach_stub(__name__, __file__, needs={"OrthologyLayer": "torch"})
    return _face


def __getattr__(name):
    if name == "__version__":
        from importlib.metadata import version

        return version("homodb")
    if name == "__all__":
        return [*_attached()[2], "__version__"]
    return _attached()[0](name)


def __dir__():
    return sorted(__getattr__("__all__"))
