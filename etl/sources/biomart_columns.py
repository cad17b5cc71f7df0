"""Finds the columns of a BioMart export by their names.

The web page says ``Mouse gene name`` where biomaRt says ``mmusculus_homolog_associated_gene_name``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from homodb.etl.sources.findings import missing_columns
from homodb.etl.sources.header import Header
from homodb.schema.errors import InputError, Problem, UnknownSpeciesError
from homodb.schema.species import Species, find

_SOURCE = {
    "stable_id": r"gene stable id|ensembl gene id|ensembl_gene_id",
    "versioned_id": r"gene stable id version|ensembl_gene_id_version",
    "version": r"version \(gene\)|version",
    "symbol": r"gene name|associated gene name|external_gene_name",
    "biotype": r"gene type|gene_biotype",
    "region": r"chromosome/scaffold name|chromosome_name",
    "region_start": r"gene start \(bp\)|start_position",
    "region_end": r"gene end \(bp\)|end_position",
    "strand": r"strand",
    "description": r"gene description|description",
}
_TARGET = {
    "target_id": r"(?P<label>.+?) gene stable id|(?P<short>\w+)_homolog_ensembl_gene",
    "target_symbol": r"(?P<label>.+?) gene name|(?P<short>\w+)_homolog_associated_gene_name",
    "homology_type": r"(?P<label>.+?) homology type|(?P<short>\w+)_homolog_orthology_type",
    "source_identity": r"%id\. target (?P<label>.+?) gene identical to query gene|(?P<short>\w+)_homolog_perc_id",
    "target_identity": r"%id\. query gene identical to target (?P<label>.+?) gene|(?P<short>\w+)_homolog_perc_id_r1",
    "goc": r"(?P<label>.+?) gene-order conservation score|(?P<short>\w+)_homolog_goc_score",
    "wga": r"(?P<label>.+?) whole-genome alignment coverage|(?P<short>\w+)_homolog_wga_coverage",
    "confidence": r"(?P<label>.+?) orthology confidence \[0 low, 1 high\]|(?P<short>\w+)_homolog_orthology_confidence",
    "dn": r"dn with (?P<label>.+)|(?P<short>\w+)_homolog_dn",
    "ds": r"ds with (?P<label>.+)|(?P<short>\w+)_homolog_ds",
}


@dataclass(frozen=True)
class Columns:
    """Where the columns of an export stand.

    Parameters
    ----------
    source
        Position by name, of what an export tells of the query gene.
    target
        Likewise, of the ortholog and the homology.
    """

    source: dict[str, int]
    target: dict[str, int]


def find_columns(path: Path, header: Header, source: Species, target: Species) -> Columns:
    """Find each column by name; among orthologs of several species, those of the target.

    Raises
    ------
    InputError
        If a column is missing or stands twice, or the orthologs are of other species.
    """
    own: dict[str, list[int]] = {}
    others: dict[str, dict[str, list[int]]] = {}
    for position, name in enumerate(header.names):
        # the source's first: "Associated Gene Name" is no gene name of a species called "Associated"
        for column, pattern in _SOURCE.items():
            if re.fullmatch(pattern, name, re.IGNORECASE):
                own.setdefault(column, []).append(position)
                break
        else:
            for column, pattern in _TARGET.items():
                found = re.fullmatch(pattern, name, re.IGNORECASE)
                if found:
                    label = found["label"] or found["short"]
                    others.setdefault(label.lower(), {}).setdefault(column, []).append(position)
                    break
    label = _label_of(path, others, source, target)
    theirs = others.get(label, {})
    repeated = [header.names[places[1]] for places in (*own.values(), *theirs.values()) if len(places) > 1]
    if repeated:
        raise InputError(path, [Problem(1, "a column stands twice", name) for name in repeated])
    shown = label[:1].upper() + label[1:]
    missing = [] if {"stable_id", "versioned_id", "symbol"} & own.keys() else ["'Gene stable ID' or 'Gene name'"]
    if not {"target_id", "target_symbol"} & theirs.keys():
        missing.append(f"'{shown} gene stable ID' or '{shown} gene name'")
    if "homology_type" not in theirs:
        missing.append(f"'{shown} homology type'")
    if missing:
        raise missing_columns(path, header, missing)
    return Columns(
        {column: places[0] for column, places in own.items()},
        {column: places[0] for column, places in theirs.items()},
    )


def _label_of(path: Path, others: dict[str, dict[str, list[int]]], source: Species, target: Species) -> str:
    """Choose the name under which the export speaks of the target species."""
    means: dict[str, Species | None] = {}
    for label in others:
        try:
            means[label] = find(label)
        except UnknownSpeciesError:
            means[label] = None
    matching = [label for label, species in means.items() if species == target]
    if matching:
        return max(matching, key=lambda label: len(others[label]))
    typed = [label for label in others if "homology_type" in others[label]]  # "Source of gene name" is no species
    if len(typed) == 1 and means[typed[0]] is None:
        return typed[0]
    if not others:
        return target.common_name
    seen = ", ".join(sorted(others))
    hint = "; swap source and target in the config" if source in means.values() else ""
    raise InputError(
        path,
        [Problem(1, f"holds no orthologs of {target.name}{hint}", f"its columns are of: {seen}")],
    )
