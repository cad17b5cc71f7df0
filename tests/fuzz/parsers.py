"""What is fuzzed: every reader of a file from outside, as a function of bytes, and small sound files to begin with.

A reader may take the bytes or refuse them with a :class:`HomodbError`; anything else is a fault.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from homodb.etl import read_config
from homodb.etl.fetch import read_checksums, read_listing, read_organisms, read_species_list
from homodb.etl.sources import (
    read_annotation,
    read_biomart,
    read_canonical,
    read_compara,
    read_core,
    read_databases,
    read_gene_table,
    read_history,
    read_hits,
    read_proteome,
    read_synonyms,
    read_xrefs,
)
from homodb.query.gene_lists import read_table
from homodb.schema.errors import HomodbError
from homodb.schema.manifest import read_manifest
from homodb.schema.species import find
from homodb.schema.vectors import read_vectors

HUMAN, MOUSE = find("human"), find("mouse")

_SQL = b"""CREATE TABLE `gene` (
  `gene_id` int,
  `display_xref_id` int,
  `stable_id` text
) ENGINE=MyISAM;
CREATE TABLE `external_synonym` (
  `xref_id` int,
  `synonym` text
) ENGINE=MyISAM;
CREATE TABLE `alt_allele` (
  `alt_allele_group_id` int,
  `gene_id` int
) ENGINE=MyISAM;
"""
_COMPARA = (
    b"gene_stable_id\tprotein_stable_id\tspecies\tidentity\thomology_type\thomology_gene_stable_id\t"
    b"homology_protein_stable_id\thomology_species\thomology_identity\tdn\tds\tgoc_score\twga_coverage\t"
    b"is_high_confidence\thomology_id\nENSG1\tENSP1\thomo_sapiens\t90.5\tortholog_one2one\tENSMUSG1\tENSMUSP1\t"
    b"mus_musculus\t91\tNULL\tNULL\t100\t99.5\t1\t7\n"
)


@dataclass(frozen=True)
class Parser:
    """A reader, sound files, and the name that its file must have."""

    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]
    file: str = "input.txt"

    def __call__(self, data: bytes) -> bool:
        """Let the reader have the bytes; tell whether it took them."""
        return self.refusal(data) is None

    def refusal(self, data: bytes) -> HomodbError | None:
        """Let the reader have the bytes, and return the error with which it refused them."""
        with tempfile.TemporaryDirectory(prefix="homodb-fuzz-") as folder:
            path = Path(folder) / self.file
            path.write_bytes(data)
            try:
                self.read(path)
            except HomodbError as error:
                return error
        return None


def _core(path: Path) -> object:
    """The first byte says which of the files the others are; the rest of them is sound."""
    data = path.read_bytes()
    sound = {
        "x_core_1_1.sql": _SQL,
        "gene.txt": b"1\t10\tENSG1\n",
        "external_synonym.txt": b"10\tA\n",
        "alt_allele.txt": b"1\t1\n",
    }
    names = list(sound)
    sound[names[data[0] % len(names) if data else 0]] = data[1:]
    for name, text in sound.items():
        (path.parent / name).write_bytes(text)
    return read_core([path.parent / name for name in sound], HUMAN)


def _text(read: Callable[[str], object]) -> Callable[[Path], object]:
    return lambda path: read(path.read_bytes().decode("utf-8", "replace"))


PARSERS: dict[str, Parser] = {
    "annotation": Parser(
        lambda path: read_annotation(path, HUMAN),
        (
            b'1\te\tgene\t1\t9\t.\t+\t.\tgene_id "ENSG1"; gene_version "2"; gene_name "A"; gene_biotype "x";\n'
            b'1\te\ttranscript\t1\t9\t.\t+\t.\tgene_id "ENSG1"; transcript_id "ENST1"; tag "Ensembl_canonical";\n',
        ),
    ),
    "biomart": Parser(
        lambda path: read_biomart(path, HUMAN, MOUSE),
        (
            b"Gene stable ID\tGene name\tMouse gene stable ID\tMouse gene name\tMouse homology type\t"
            b"%id. target Mouse gene identical to query gene\t%id. query gene identical to target Mouse gene\t"
            b"Mouse orthology confidence [0 low, 1 high]\nENSG1\tA\tENSMUSG1\ta\tortholog_one2one\t90\t91\t1\n",
        ),
    ),
    "canonical": Parser(
        lambda path: read_canonical(path, HUMAN),
        (b"#NCBI_GeneID\tEnsembl_Gene\tEnsembl_nuc\tMANE_status\nGeneID:1\tENSG1.1\tENST1.1\tMANE Select\n",),
    ),
    "compara": Parser(lambda path: read_compara(path, [(HUMAN, MOUSE)]), (_COMPARA,)),
    "databases": Parser(
        lambda path: read_databases(path, HUMAN, MOUSE),
        (b"human_ensembl_gene\thuman_entrez_gene\tmouse_ensembl_gene\tsupport\nENSG1\t1\tENSMUSG1\tNCBI|OMA\n",),
        "hcop.tsv",
    ),
    "gene_table": Parser(
        lambda path: read_gene_table(path, HUMAN),
        (b"stable_id\tsymbol\tversion\tchrom\tstart\tend\tstrand\nENSG1\tA\t1\tX\t1\t9\t-1\n",),
        "genes.tsv",
    ),
    "hits": Parser(lambda path: read_hits(path, HUMAN, MOUSE), (b"gene_a,gene_b,correlation\nA,a,0.5\n",), "hits.csv"),
    "proteome": Parser(
        lambda path: read_proteome(path, HUMAN),
        (b">ENSP1.1 pep chromosome:x:1:1:9:1 gene:ENSG1.1 transcript:ENST1.1 gene_symbol:A\nMKV*\nAC\n",),
    ),
    "xref": Parser(
        lambda path: read_xrefs(path, HUMAN),
        (
            b"gene_stable_id\ttranscript_stable_id\tprotein_stable_id\txref\tdb_name\tinfo_type\tsource_identity\t"
            b"xref_identity\nENSG1\tENST1\tENSP1\t123\tEntrezGene\tDEPENDENT\t-\t-\n",
        ),
        "Homo_sapiens.x.1.entrez.tsv",
    ),
    "synonyms": Parser(
        lambda path: read_synonyms(path, HUMAN), (b"Gene stable ID\tGene Synonym\nENSG1\tA1\n",), "synonyms.tsv"
    ),
    "history": Parser(
        lambda path: read_history(path, HUMAN), (b"ENSG1\t1\tENSG2\t1\t5\tgene\t0.9\n",), "stable_id_event.txt"
    ),
    "core": Parser(_core, (b"\0" + _SQL, b"\x01" + b"1\t10\tENSG1\n", b"\x02" + b"10\tA\\\tb\n", b"\x03" + b"1\t1\n")),
    "species list": Parser(
        read_species_list, (b"#name\tspecies\tassembly\tcore_db\nHuman\thomo_sapiens\tx\thomo_sapiens_core_1_1\n",)
    ),
    "organisms": Parser(
        read_organisms,
        (
            b'{"species": {"A_b": {"taxid": 1, "assemblies": {"GCA_000000001.1": {"name": "x", "genebuild_providers": '
            b'{"ensembl": {"2026_04": {}}}}}}}}',
        ),
    ),
    "listing": Parser(
        lambda path: read_listing(path, "http://127.0.0.1/pub/"),
        (b'<html><pre><a href="a.gz">a.gz</a> 2020-01-01 10:00  1.2K\n</pre></html>',),
    ),
    "checksums": Parser(_text(read_checksums), (b"12345 10 a.gz\nd41d8cd98f00b204e9800998ecf8427e  b.gz\n",)),
    "config": Parser(read_config, (b'[release]\nversion = "1"\n[[species]]\nname = "human"\n',), "release.toml"),
    "manifest": Parser(lambda path: read_manifest(path.parent), (b'{"files": [], "version": "1"}',), "manifest.json"),
    "vectors": Parser(read_vectors, (b"PAR1PAR1",), "x.parquet"),
    "gene table": Parser(
        lambda path: read_table(path, path.read_bytes().decode("utf-8", "replace"), ","), (b"gene,logfc\nA,1\n",)
    ),
}
