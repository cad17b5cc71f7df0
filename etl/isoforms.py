"""One protein of each gene is its canonical isoform: it stands for the gene where only one can.

Ensembl's own choice comes first, then APPRIS's principal isoform, then MANE's, and where
nobody has chosen, the longest protein. See https://www.ensembl.org/info/genome/genebuild/canonical.html and
Rodriguez et al. 2022, https://doi.org/10.1093/nar/gkab1058 (APPRIS).
"""

from __future__ import annotations

import polars as pl

#: What may tell the canonical isoform, the strongest first.
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
        Claims of transcripts to be canonical, columns of ``records.CANONICAL``. A claim for a transcript
        without a protein of that gene is passed over: the next basis, or the longest protein, takes its
        place.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order with ``canonical``, true once per gene, and ``canonical_basis``, null
        where it is not. Where one basis claims several isoforms, and among unclaimed ones, the longest wins,
        then the one with fewer unknown residues, then the lower stable ID.

    Raises
    ------
    ValueError
        If a claim has a basis that is none of ``ensembl_canonical``, ``appris``, ``mane``.

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
        raise ValueError(f"claims by {sorted(unknown)}: wanted {', '.join(CANONICAL_BASES[:-1])}")
    transcript = [*_GENE, "transcript"]
    order = pl.Enum(CANONICAL_BASES)
    best = claims.group_by(transcript).agg(_basis=pl.col("basis").cast(order).min())
    ranked = (
        proteins.with_row_index("_row")
        .join(best, on=transcript, how="left", maintain_order="left")
        .with_columns(pl.col("_basis").fill_null(pl.lit("longest", order)))
    )
    chosen = ranked.sort(
        "_basis", "length", "unknown_residues", "stable_id", descending=[False, True, False, False]
    ).unique(_GENE, keep="first")["_row"]
    canonical = pl.col("_row").is_in(chosen.implode())
    return ranked.with_columns(
        canonical=canonical, canonical_basis=pl.when(canonical).then(pl.col("_basis").cast(pl.String))
    ).drop("_row", "_basis")
