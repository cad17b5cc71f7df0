"""Translate lists of one gene per line, and gene sets in GMT."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from homodb.query.gene_lists.partners import GeneListRequest, Partners, find_partners, find_source
from homodb.query.gene_lists.report import Loss, Translated
from homodb.schema.messages import counted

#: Enrichr's libraries give genes a weight: ``INS,1.0``.
_WEIGHTED = re.compile(r"(.+),(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class _ListedGene:
    """Name of a gene in a list, and its weight as text."""

    name: str
    weight: str = ""


def translate_list(text: str, wish: GeneListRequest) -> Translated:
    """Translate a list of one gene per line.

    Parameters
    ----------
    text
        The list. Lines that begin with ``#`` and empty lines are kept; quotes around a name are removed.
    wish
        Request for the translation.

    Returns
    -------
    Translated
        The new list has each gene once, in place of its first source gene.
    """
    lines = text.splitlines()
    genes = {place: line.strip().strip("\"'") for place, line in enumerate(lines) if _is_gene(line)}
    partners = find_partners(wish, list(genes.values()), find_source(wish, list(genes.values())))
    out: list[str] = []
    lost: list[Loss] = []
    listed: set[str] = set()
    for place, line in enumerate(lines):
        name = genes.get(place)
        if name is None:
            out.append(line)
        elif name in partners.why_not:
            lost.append(Loss(place + 1, name, partners.why_not[name]))
        else:
            out += _not_listed(_target_names(partners, wish, _ListedGene(name)), listed)
    return Translated(
        text="".join(f"{line}\n" for line in out),
        kind="list of genes",
        came=len(genes),
        left=len(listed),
        partners=partners,
        places=Counter(genes.values()),
        lost=lost,
        notes=_note_of_merged(len(genes) - len(lost), len(listed), wish.one_to_many == "all"),
    )


def translate_sets(text: str, wish: GeneListRequest) -> Translated:
    """Translate gene sets in GMT.

    Parameters
    ----------
    text
        One set per line: name, description, genes, separated by tabs. Weights after a comma (``INS,1.0``) are kept.
    wish
        Request for the translation.

    Returns
    -------
    Translated
        A set has each gene once. A set without a carried gene is left out, and named in the notes.
    """
    rows = [(place + 1, line.rstrip().split("\t")) for place, line in enumerate(text.splitlines()) if line.strip()]
    sets = [
        (line, fields[0], "".join(fields[1:2]), [_parse_gene(x) for x in fields[2:] if x.strip()])
        for line, fields in rows
    ]
    names = [gene.name for _, _, _, genes in sets for gene in genes]
    partners = find_partners(wish, names, find_source(wish, names))
    out: list[str] = []
    lost: list[Loss] = []
    counts: list[tuple[str, int, int, int]] = []
    for line, title, description, genes in sets:
        carried = [gene for gene in genes if gene.name in partners.targets]
        lost += [Loss(line, f"{g.name} of {title}", partners.why_not[g.name]) for g in genes if g not in carried]
        listed: set[str] = set()
        new = [called for gene in carried for called in _not_listed(_target_names(partners, wish, gene), listed)]
        counts.append((title, len(genes), len(carried), len(new)))
        if new:
            out.append("\t".join([title, description, *new]))
    empty = [title for title, _, _, left in counts if not left]
    shown = ", ".join(empty[:5]) + (f" and {len(empty) - 5:,} more" if len(empty) > 5 else "")
    schema = {"set": pl.String, "genes": pl.Int64, "carried": pl.Int64, "left": pl.Int64}
    return Translated(
        text="".join(f"{line}\n" for line in out),
        kind="gene sets",
        came=len(sets),
        left=len(out),
        partners=partners,
        places=Counter(names),
        lost=lost,
        sets=pl.DataFrame(counts, schema=schema, orient="row"),
        notes=[f"left out, since none of its genes is carried: {shown}"] if empty else [],
    )


def _is_gene(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _parse_gene(text: str) -> _ListedGene:
    match = _WEIGHTED.fullmatch(text.strip())
    return _ListedGene(match[1], f",{match[2]}") if match else _ListedGene(text.strip())


def _target_names(partners: Partners, wish: GeneListRequest, gene: _ListedGene) -> list[str]:
    targets = partners.targets[gene.name]
    return [partners.called(gene.name, target, wish.naming) + gene.weight for target in targets]


def _not_listed(names: Iterable[str], listed: set[str]) -> list[str]:
    """Return names that are not listed yet, and add them to the listed ones."""
    added = [name for name in dict.fromkeys(names) if name not in listed]
    listed.update(added)
    return added


def _note_of_merged(carried: int, left: int, several: bool) -> list[str]:
    if several or carried <= left:
        return []
    genes = counted(carried, "gene is", "genes are")
    return [f"{genes} carried to {left:,}: several have one partner, or stood there more than once"]
