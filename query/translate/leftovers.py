"""Parts of an object that speak of genes that are no longer there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from homodb.query.names import texts

#: Entries of uns that do, by their usual names.
_GENE_WISE = ("hvg", "rank_genes_groups", "pca", "rank_velocity_genes", "recover_dynamics")

#: What an entry of uns holds, beside ``names``, when it is a ranking of genes under a name of its own.
_RANKING = {"scores", "params", "pvals", "pvals_adj", "logfoldchanges"}


def gene_wise_uns(uns: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the keys of uns that speak of genes.

    Parameters
    ----------
    uns
        The entries; of a table only its index is looked at, of a mapping only its keys.
    names
        Names of var: a table with most of its rows called so is one of genes.
    """
    known = frozenset(filter(None, texts(names)))
    return [key for key, value in uns.items() if key in _GENE_WISE or _ranks(value) or _table_of(value, known)]


def _ranks(value: Any) -> bool:
    keys = set(value) if isinstance(value, Mapping) else set()
    return "names" in keys and bool(keys & _RANKING)


def _table_of(value: Any, names: frozenset[str]) -> bool:
    index = getattr(value, "index", None)
    if index is None or callable(index) or not len(index):
        return False
    return sum(one in names for one in texts(index)) * 2 > len(index)
