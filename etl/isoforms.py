"""Choose the canonical isoform that represents each gene.

Ensembl's choice comes first, then the principal isoform of APPRIS, then MANE, then the longest protein. See
https://www.ensembl.org/info/genome/genebuild/canonical.html and Rodriguez et al. 2022,
https://doi.org/10.1093/nar/gkab1058 (APPRIS).
"""

from __future__ import annotations

import polars as pl

#: Bases of the choice, the strongest first.
CANONICAL_BASES = ("ensembl_canonical", "appris", "mane", "longest")

_GENE = ["species", "gene_id"]


def choose_canonical(proteins: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Choose the canonical isoform of each gene.

    Parameters
    ----------
    proteins
        One row per protein, columns of ``records.PROTEINS`` (of these ``species``, ``gene_id``,
        ``stable_id``, ``transcript``, ``length`` in residues and ``unknown_residues`` count).
    claims
        Canonical transcripts by basis, columns of ``records.CANONICAL``. Transcripts without a protein of that
        gene are ignored, and the next basis, or the longest protein, decides.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order with ``canonical``, true once per gene, and ``canonical_basis``, null
        elsewhere. Where one basis names several isoforms, or none, the longest wins, then the one with fewer
        unknown residues, then the lower stable ID.

    Raises
    ------
    ValueError
        If a basis is not one of ``ensembl_canonical``, ``appris``, ``mane``.

    Examples
    --------
    >>> proteins = pl.DataFrame(
    ...     {
    ...         "species": [1, 1],
    ...         "gene_id": ["G", "G"],
    ...         "stable_id": ["P1", "P2"],
    ...         "transcript": ["T1", "T2"],
    ...         "length": [300, 200],
    ...         "unknown_residues": [0, 0],
    ...     }
    ... )
    >>> claims = pl.DataFrame({"species": [1], "gene_id": ["G"], "transcript": ["T2"], "basis": ["mane"]})
    >>> choose_canonical(proteins, claims).select("stable_id", "canonical", "canonical_basis").rows()
    [('P1', False, None), ('P2', True, 'mane')]
    """
    unknown = set(claims["basis"]) - set(CANONICAL_BASES[:-1])
    if unknown:
        raise ValueError(f"unknown bases {sorted(unknown)}. Expected {', '.join(CANONICAL_BASES[:-1])}")
    transcript = [*_GENE, "transcript"]
    order = pl.Enum(CANONICAL_BASES)
    best = claims.group_by(transcript).agg(_basis=pl.col("basis").cast(order).min())
    ranked = (
        proteins.with_row_index("_row")
        .join(best, on=transcript, how="left", maintain_order="left")
        .with_columns(pl.col("_basis").fill_null(pl.lit("longest", order)))
    )
    first = ranked.sort(
        "_basis", "length", "unknown_residues", "stable_id", descending=[False, True, False, False]
    ).unique(_GENE, keep="first")["_row"]
    canonical = pl.col("_row").is_in(first.implode())
    return ranked.with_columns(
        canonical=canonical, canonical_basis=pl.when(canonical).then(pl.col("_basis").cast(pl.String))
    ).drop("_row", "_basis")
