"""From resolved names to a sparse matrix that takes the file's genes to target genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from homodb.query.pairs import Pair
from homodb.schema.strategies import Strategy


@dataclass(frozen=True)
class GeneMap:
    """What becomes of the genes of a file.

    Parameters
    ----------
    links
        A row per var row of the file and target gene: ``place`` (row of var, from 0), ``source_gene``,
        ``target_gene`` and the evidence; one-to-many already settled.
    targets
        A row per target gene, sorted by key: ``target_gene, target_id, target_symbol, mitochondrial, ribosomal``.
    matrix
        Rows of var x targets, ones where a row goes to a target, shape (n_var, n_targets), CSR.
    """

    links: pl.DataFrame
    targets: pl.DataFrame
    matrix: sp.csr_array


def map_genes(pair: Pair, strategy: Strategy, resolved: pl.DataFrame) -> GeneMap:
    """Map resolved var rows to target genes; of several partners a gene goes to its best one, by HM_O2O's order.

    Parameters
    ----------
    pair
        Source and target species of a release.
    strategy
        One of the pair's strategies.
    resolved
        Answer of :func:`homodb.query.genes.resolve` for the var rows, with their ``place``.
    """
    mapping = pair.mapping(strategy)
    best = mapping.unique("source_gene", keep="first", maintain_order=True)
    links = (
        resolved.select("place", source_gene="gene")
        .drop_nulls("source_gene")
        .join(best, on="source_gene", how="inner", maintain_order="left")
    )
    targets = pair.release.ask("target_genes", {"genes": links["target_gene"].unique().sort().to_list()})
    column = dict(zip(targets["target_gene"].to_list(), range(targets.height), strict=True))
    places = links["place"].to_numpy()
    columns = np.array([column[gene] for gene in links["target_gene"].to_list()], dtype=np.int64)
    matrix = sp.csr_array(
        (np.ones(len(places), dtype=np.int8), (places, columns)), shape=(resolved.height, targets.height)
    )
    return GeneMap(links, targets, matrix)
