"""Writes what Ensembl publishes of each species but its proteins: GTF, cross-references, synonyms, retired IDs."""

from __future__ import annotations

import numpy as np
import polars as pl

from homodb.etl.simulate.annotation import Annotation
from homodb.etl.simulate.layout import ASSEMBLY, Layout, open_gzip, write_table
from homodb.etl.simulate.proteome import Transcripts
from homodb.etl.simulate.settings import Settings

#: Of the primary genes with proteins, so many have an entry in each database.
_KNOWN = {"entrez": 0.95, "uniprot": 0.9, "refseq": 0.85}
_DATABASES = {"entrez": "EntrezGene", "uniprot": "Uniprot/SPTREMBL", "refseq": "RefSeq_peptide"}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ANY = "0123456789" + _LETTERS
#: What stands in an accession of ten letters behind ``A0A``, from its end.
_UNIPROT = ("0123456789", _ANY, _ANY, _LETTERS, "0123456789", _ANY, _ANY)


def write_annotation(species: int, annotation: Annotation, transcripts: Transcripts, layout: Layout) -> None:
    """Write the GTF of a species: genes, transcripts, and an exon for each.

    Parameters
    ----------
    species
        Its index.
    annotation, transcripts
        Its genes and coding transcripts; a gene without any gets one that codes for nothing.
    layout
        Where the file lies.
    """
    of_gene: dict[int, list[int]] = {}
    for number, row in enumerate(transcripts.row):
        if annotation.species[row] == species:
            of_gene.setdefault(row, []).append(number)
    lines = [f"#!genome-build {ASSEMBLY} (simulated by homodb)\n"]
    with open_gzip(layout.gtf(species)) as stream:
        for row in annotation.rows(species).tolist():
            place = (
                f"{annotation.start[row]}\t{annotation.end[row]}\t.\t{'+' if annotation.strand[row] > 0 else '-'}\t."
            )
            region = annotation.region[row]
            symbol = annotation.symbol[row]
            gene = (
                f'gene_id "{annotation.stable_id[row]}"; gene_version "{annotation.version[row]}"; '
                + (f'gene_name "{symbol}"; ' if symbol else "")
                + f'gene_source "homodb"; gene_biotype "{annotation.biotype[row]}";'
            )
            lines.append(f"{region}\thomodb\tgene\t{place}\t{gene}\n")
            for number in of_gene.get(row, [-1]):
                name = f"{annotation.stable_id[row].replace('G9', 'T8', 1)}"
                biotype, tag = annotation.biotype[row], ' tag "Ensembl_canonical";'
                if number >= 0:
                    name, biotype = transcripts.transcript[number], transcripts.biotype[number]
                    tag = tag if transcripts.canonical[number] else ""
                told = f'{gene} transcript_id "{name}"; transcript_version "1"; transcript_biotype "{biotype}";'
                lines.append(f"{region}\thomodb\ttranscript\t{place}\t{told}{tag}\n")
                lines.append(f'{region}\thomodb\texon\t{place}\t{told} exon_number "1";{tag}\n')
            if len(lines) > 10_000:
                stream.write("".join(lines).encode())
                lines.clear()
        stream.write("".join(lines).encode())


def write_names(
    species: int, annotation: Annotation, transcripts: Transcripts, layout: Layout, settings: Settings
) -> None:
    """Write cross-references, synonyms and the history of stable IDs of a species.

    Parameters
    ----------
    species
        Its index.
    annotation, transcripts
        Its genes and coding transcripts.
    layout
        Where the files lie.
    settings
        Its seed counts.
    """
    rng = settings.stream("names", species)
    rows = np.flatnonzero(annotation.species == species)
    with_protein = np.array([row for row in rows.tolist() if row in transcripts.canonical_protein], np.int64)
    number_of = {protein: number for number, protein in enumerate(transcripts.protein)}
    for kind, share in _KNOWN.items():
        known = with_protein[rng.random(len(with_protein)) < share]
        accessions = (species + 1) * 10_000_000 + np.cumsum(rng.integers(1, 9, len(known)))
        canonical = [transcripts.canonical_protein[row] for row in known.tolist()]
        whole = kind == "entrez"
        frame = pl.DataFrame(
            {
                "gene_stable_id": [annotation.stable_id[row] for row in known.tolist()],
                "transcript_stable_id": [transcripts.transcript[number_of[one]] for one in canonical],
                "protein_stable_id": ["-"] * len(known) if whole else canonical,
                "xref": [_accession(kind, int(number)) for number in accessions],
                "db_name": [_DATABASES[kind]] * len(known),
                "info_type": ["DEPENDENT" if whole else "SEQUENCE_MATCH"] * len(known),
                "source_identity": ["-" if whole else "100"] * len(known),
                "xref_identity": ["-" if whole else "100"] * len(known),
                "linkage_type": ["-"] * len(known),
            }
        )
        write_table(layout.xref(species, kind), frame)
    own = set(rows.tolist())
    synonyms = [(annotation.stable_id[row], alias) for row, alias in annotation.synonyms if row in own]
    columns = ["Gene stable ID", "Gene Synonym"]
    write_table(layout.synonyms(species), pl.DataFrame(synonyms, schema=columns, orient="row"))
    events = [
        (old, version, annotation.stable_id[row], int(annotation.version[row]), 1 + row % 7, "gene", 0.9)
        for row, old, version in annotation.retired
        if row in own
    ]
    write_table(layout.history(species), pl.DataFrame(events, orient="row"), header=False)


def _accession(kind: str, number: int) -> str:
    if kind == "entrez":
        return str(number + 900_000_000)
    if kind == "refseq":
        return f"XP_{number + 900_000_000}.1"
    digits = []
    for alphabet in _UNIPROT:
        number, at = divmod(number, len(alphabet))
        digits.append(alphabet[at])
    return "A0A" + "".join(reversed(digits))
