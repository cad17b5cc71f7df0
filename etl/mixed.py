"""Are all inputs of one Ensembl release? A gene that two releases name differently would stand in a build twice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from homodb.schema.errors import MixedInputsError

#: Ensembl's release number in the names of its files and folders.
_RELEASE = re.compile(
    r"(?:^|/)release-(\d+)/|Compara\.(\d+)\.|\.(\d+)\.(?:(?:chr|chr_patch_hapl_scaff|abinitio)\.)?gtf"
    r"|\.(\d+)\.(?:entrez|uniprot|refseq)\.tsv"
)

#: A proteome lacks the genes of non-coding RNAs, for which BioMart has orthologs too: up to this share may be unknown.
_UNKNOWN_SHARE = 0.1


def check_file_names(written: Sequence[str], declared: str | None) -> None:
    """Compare the release numbers that file names bear, and the one that the config declares.

    Raises
    ------
    MixedInputsError
        If there are several.
    """
    seen: dict[str, str] = {}
    if declared is not None and declared.isdigit():
        seen[declared] = "[release] ensembl"
    for path in written:
        for found in _RELEASE.finditer(path):
            seen.setdefault(next(group for group in found.groups() if group), path)
    if len(seen) > 1:
        told = ", ".join(f"{number} ({where})" for number, where in sorted(seen.items()))
        raise MixedInputsError(
            f"the inputs are of different Ensembl releases: {told}; take all from one, or set allow_mixed in [build]"
        )


def check_genes(
    species_names: Mapping[int, str],
    proteome: pl.DataFrame,
    annotation: pl.DataFrame,
    homology_genes: pl.DataFrame,
) -> None:
    """Compare the stable IDs in homologies with those that proteome and annotation know.

    Parameters
    ----------
    species_names
        Production name by species number.
    proteome, annotation, homology_genes
        ``species, stable_id`` of the genes that each kind of source names; empty where there is none.

    Raises
    ------
    MixedInputsError
        If an annotated species has homologies of unknown genes; where only a proteome is given, if more than a
        tenth of the genes in its homologies are unknown.
    """
    known = pl.concat([proteome, annotation]).unique()
    for number in known["species"].unique().sort():
        named = homology_genes.filter((pl.col("species") == number) & pl.col("stable_id").is_not_null()).unique()
        unknown = named.join(known, on=["species", "stable_id"], how="anti")
        whole = annotation.filter(pl.col("species") == number).height > 0
        allowed = 0 if whole else int(named.height * _UNKNOWN_SHARE)
        if unknown.height > allowed:
            examples = ", ".join(unknown["stable_id"].sort().head(5))
            raise MixedInputsError(
                f"{species_names[number]}: {unknown.height} of {named.height} genes in its homologies are unknown to "
                f"its {'annotation' if whole else 'proteome'} (such as {examples}): the inputs are of different "
                "Ensembl releases; take all from one, or set allow_mixed in [build]"
            )
