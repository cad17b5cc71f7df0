"""A small simulated clade, laid out and listed as on Ensembl's site, and a server of it that can misbehave.

The files are those of ``homodb simulate``; lists of species, core databases, checksums and decoys are added.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from homodb.etl.simulate import Settings, simulate

RELEASE = 9999
OLD = 1_700_000_000

SQL = """\
-- MySQL dump
DROP TABLE IF EXISTS `external_synonym`;
CREATE TABLE `external_synonym` (
  `xref_id` int(10) unsigned NOT NULL,
  `synonym` varchar(100) NOT NULL,
  PRIMARY KEY (`xref_id`,`synonym`),
  KEY `name_index` (`synonym`)
) ENGINE=MyISAM DEFAULT CHARSET=latin1;
CREATE TABLE `alt_allele` (
  `alt_allele_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `alt_allele_group_id` int(10) unsigned NOT NULL,
  `gene_id` int(10) unsigned NOT NULL,
  PRIMARY KEY (`alt_allele_id`),
  UNIQUE KEY `gene_idx` (`gene_id`)
) ENGINE=MyISAM DEFAULT CHARSET=latin1;
CREATE TABLE `gene` (
  `gene_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `biotype` varchar(40) NOT NULL,
  `display_xref_id` int(10) unsigned DEFAULT NULL,
  `description` text,
  `stable_id` varchar(128) DEFAULT NULL,
  `version` smallint(5) unsigned DEFAULT NULL,
  PRIMARY KEY (`gene_id`),
  KEY `stable_id_idx` (`stable_id`,`version`)
) ENGINE=MyISAM AUTO_INCREMENT=7 DEFAULT CHARSET=latin1;
"""


def make_site(folder: Path, *, species: int = 3, genes: int = 40) -> Path:
    """Make the folder that the site serves as ``pub``, and return it."""
    made = folder / "simulated"
    simulate(made, Settings(species=species, genes=genes, cells=0, seed=3))
    pub = folder / "pub"
    release = pub / f"release-{RELEASE}"
    pub.mkdir()
    (made / f"release-{RELEASE}").rename(release)
    (pub / "release-9998").mkdir()
    (pub / "README").write_text("no files of genes\n")
    names = sorted(path.name for path in (release / "fasta").iterdir())
    _list_species(release, names)
    for name in names:
        pep = next((release / "fasta" / name / "pep").iterdir())
        (pep.parent / pep.name.replace("pep.all", "pep.abinitio")).write_bytes(gzip.compress(b"decoy"))
        gtf = next((release / "gtf" / name).iterdir())
        for kind in ("abinitio", "chr", "chr_patch_hapl_scaff"):
            (gtf.parent / gtf.name.replace(".gtf.gz", f".{kind}.gtf.gz")).write_bytes(gzip.compress(b"decoy"))
        _core(release / "mysql" / f"{name}_core_{RELEASE}_1", made / "biomart" / f"{name}.synonyms.tsv.gz")
    # as release 113 has them
    for packed in sorted((release / "tsv/ensembl-compara/homologies" / names[0]).glob("*.gz")):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    for place in sorted({path.parent for path in release.rglob("*") if path.is_file() and path.parent != release}):
        (place / "README").write_text("read me\n")
        # neither is there everywhere
        if "homologies" in place.parts:
            lines = [f"{hashlib.md5(one.read_bytes()).hexdigest()}  {one.name}" for one in sorted(place.iterdir())]  # noqa: S324
            (place / "MD5SUM").write_text("\n".join(lines) + "\n")
        elif "tsv" not in place.parts:
            write_sums(place)
    return pub


#: Gene sets of the new platform by species: key in its list, accession, provider, dates.
GENE_SETS = {
    "homo_sapiens": ("Homo_sapiens", "GCA_000001405.29", "ensembl", ("2023_03", "2026_04", "2026_09")),
    "mus_musculus": ("Mus_musculus", "GCA_000001635.9", "ensembl", ("2025_12",)),
}
#: Header of best hits, as the new platform's homologies have it.
BEST_HITS = (
    "ref_species\tref_assembly\tquery_species\tquery_assembly\tref_gene_stable_id\tref_gene_name\t"
    "query_gene_stable_id\tquery_gene_name\thomology_type\tquery_perc_id\tquery_perc_cov\n"
)
_DATABASES = {b"EntrezGene": b"NCBI gene (formerly Entrezgene)", b"Uniprot/SPTREMBL": b"UniProtKB/TrEMBL"}


def make_organisms(folder: Path, release: Path) -> Path:
    """Make the new platform's folder from the files of a release, and return it."""
    top = folder / "ensemblorganisms"
    species = {}
    for name, (key, accession, provider, dates) in GENE_SETS.items():
        digits = accession[4:].replace(".", "")
        place = top / accession[:3] / "/".join([digits[:3], digits[3:6], digits[6:9], digits[9:]]) / provider
        for date in dates:
            _gene_set(place / date, release, name)
        builds = {date: {"release": date, "paths": {}} for date in dates[:2]}  # it lacks some
        assembly = {"name": "sim1", "level": "chromosome", "genebuild_providers": {provider: builds}, "assembly": None}
        species[key] = {"taxid": 9606 if name == "homo_sapiens" else 10090, "strain": None, "assemblies": {}}
        species[key]["assemblies"][accession] = assembly
    species["Homo_sapiens"]["assemblies"]["GCA_046332015.1"] = {
        "name": "hprc", "genebuild_providers": {"ensembl": {"2025_12": {}}},
    }  # fmt: skip
    (top / "Homo_sapiens").mkdir()  # as the layout before had it
    (top / "species.new_ftp_structure.json").write_text(json.dumps({"last_updated": "", "species": species}))
    return top


def _gene_set(place: Path, release: Path, name: str) -> None:
    """Write the files of a gene set, with others that are not fetched."""
    geneset, homology = place / "geneset", place / "homology" / "2026_04_20"
    for made in (geneset, homology, place / "homology" / "2025_01_15", place / "genome"):
        made.mkdir(parents=True)
    (pep,), (gtf,) = (
        (release / "fasta" / name / "pep").glob("*pep.all*"),
        (release / "gtf" / name).glob("*.9999.gtf.gz"),
    )
    text = gzip.decompress(pep.read_bytes())
    bare = re.sub(rb"^(>\S+ pep) \S+ gene:\S+ (transcript:\S+).*$", rb"\1 \2", text, flags=re.MULTILINE)
    half = bare.index(b"\n", len(bare) // 2) + 1
    (geneset / "pep.fa.bgz").write_bytes(gzip.compress(bare[:half], mtime=0) + gzip.compress(bare[half:], mtime=0))
    (geneset / "genes.gtf.gz").write_bytes(gtf.read_bytes())
    if name == "homo_sapiens":
        (geneset / "genes-including_alt.gtf.gz").write_bytes(gtf.read_bytes())
    rows = [line for path in sorted((release / "tsv" / name).glob("*.tsv.gz")) for line in _cross_references(path)]
    head = b"gene_stable_id transcript_stable_id protein_stable_id xref_id xref_label description db_name info_type"
    head += b" source ensembl_identity xref_identity"
    xrefs = b"\n".join([head.replace(b" ", b"\t"), *rows]) + b"\n"
    (geneset / "xref.tsv.gz").write_bytes(gzip.compress(xrefs, mtime=0))
    for decoy in ("pep.fa.bgz.fai", "pep.fa.bgz.gzi", "cdna.fa.bgz", "genes.gtf.bgz", "genes.gff3.gz", "genes.embl.gz"):
        (geneset / decoy).write_bytes(b"decoy")
    (homology / "homology.tsv.gz").write_bytes(gzip.compress(f"{BEST_HITS}{'x' * 9}\n".encode(), mtime=0))
    for folder in (geneset, homology):
        lines = [f"{hashlib.md5(one.read_bytes()).hexdigest()}  {one.name}" for one in sorted(folder.iterdir())]  # noqa: S324
        (folder / "md5sum.txt").write_text("\n".join(lines) + "\n")


def _cross_references(path: Path) -> Iterator[bytes]:
    for line in gzip.decompress(path.read_bytes()).splitlines()[1:]:
        gene, transcript, protein, value, database, kind, *_ = line.split(b"\t")
        shown = _DATABASES.get(database, database.replace(b"_", b" "))
        yield b"\t".join([gene, transcript, protein, value, value, b"", shown, kind, b"", b"", b""])


def write_sums(place: Path) -> None:
    told = []
    for one in sorted(place.iterdir()):
        if one.is_file() and one.name != "CHECKSUMS":
            summed = subprocess.run(["sum"], stdin=one.open("rb"), capture_output=True, check=True, text=True).stdout
            told.append(f"{' '.join(summed.split()[:2])} {one.name}")
    (place / "CHECKSUMS").write_text("\n".join(told) + "\n")


def _list_species(release: Path, names: list[str]) -> None:
    columns = (
        "#name species division taxonomy_id assembly assembly_accession genebuild variation microarray pan_compara"
    )
    columns += " peptide_compara genome_alignments other_alignments core_db species_id"
    lines = ["\t".join(columns.split(" "))]
    for name in [*names, "canis_familiaris", "mus_musculus_c57bl6nj"]:
        shown = {"canis_familiaris": "Dog"}.get(name, name.replace("_", " ").capitalize())
        core = f"{name}_core_{RELEASE}_1"
        told = [shown, name, "EnsemblVertebrates", "1", "sim1", "", "", *"NNNYYY", core, "1"]
        lines.append("\t".join(told) + "\t")
    (release / "species_EnsemblVertebrates.txt").write_text("\n".join(lines) + "\n")


def _core(folder: Path, synonyms: Path) -> None:
    """Write the dumps of a core database that has these synonyms: of a gene's display name, and some of others."""
    rows = [line.split("\t") for line in gzip.decompress(synonyms.read_bytes()).decode().splitlines()[1:]]
    genes = sorted({gene for gene, _ in rows})
    number = {gene: at for at, gene in enumerate(genes, 1)}
    gene_lines = [
        f"{at}\tprotein_coding\t{100 + at}\tof two\\\nlines and a \\\ttab\t{gene}\t1\n" for gene, at in number.items()
    ]
    gene_lines.append("999\tlncRNA\t\\N\t\\N\tENSG99999999999\t1\n")
    synonym_lines = [f"{100 + number[gene]}\t{alias}\n" for gene, alias in rows] + ["5\tnot of a gene\n"]
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        (f"{folder.name}.sql.gz", SQL),
        ("gene.txt.gz", "".join(gene_lines)),
        ("external_synonym.txt.gz", "".join(synonym_lines)),
        ("alt_allele.txt.gz", "1\t1\t1\n2\t1\t2\n"),
        ("xref.txt.gz", "not read"),
    ):
        (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))


@dataclass(frozen=True)
class Asked:
    """A request: its path below the site, and its headers in lower case."""

    path: str
    headers: dict[str, str]


Fault = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Site

    def do_GET(self) -> None:
        site, path = self.server, unquote(self.path.lstrip("/"))
        with site.guard:
            site.asked.append(Asked(path, {name.lower(): value for name, value in self.headers.items()}))
            waiting = next((site.faults[part] for part in site.faults if part in path and site.faults[part]), [])
            fault = waiting.pop(0) if waiting else None
            site.met += fault is not None
        target = site.root.parent / path
        try:
            if fault is not None:
                fault(self, self._listing(target) if target.is_dir() else target.read_bytes())
            elif target.is_dir():
                self._chunked(self._listing(target))
            elif target.is_file():
                self.file(target.read_bytes())
            else:
                self.answer(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        except ConnectionError:
            self.close_connection = True

    def file(self, content: bytes, *, tag: str | None = None, cut: bool = False) -> None:
        """Serve a file as Apache does, ranges included; `cut` ends the connection half-way."""
        tag = tag or f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": tag, "Last-Modified": formatdate(OLD, usegmt=True), "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        start, status = 0, 200
        if wanted and self.headers.get("If-Range") in (None, tag, headers["Last-Modified"]):
            start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        self.answer(status, body, headers, cut=len(body) // 2 if cut else None)

    def answer(
        self, status: int, body: bytes, headers: dict[str, str], *, cut: int | None = None, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body) if length is None else length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        step = self.server.step
        body = body[:cut]
        for at in range(0, len(body), step):
            self.wfile.write(body[at : at + step])
            if self.server.pause:
                self.wfile.flush()
                time.sleep(self.server.pause)
        self.wfile.flush()
        if cut is not None or length is not None:
            self.close_connection = True

    def _chunked(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html;charset=UTF-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def _listing(self, folder: Path) -> bytes:
        """List a folder as Apache does: names cut, sizes rounded."""
        here = "/" + folder.relative_to(self.server.root.parent).as_posix()
        rows = [f'<tr><td><a href="{html.escape(here.rpartition("/")[0])}/">Parent Directory</a></td><td> - </td></tr>']
        for one in sorted(folder.iterdir()):
            name = one.name + "/" * one.is_dir()
            shown = name if len(name) <= 23 else name[:20] + "..>"
            size = "  - " if one.is_dir() else _rounded(one.stat().st_size)
            rows.append(
                f'<tr><td valign="top"><img src="/icons/x.gif" alt="[   ]"></td><td><a href="{html.escape(name)}">'
                f'{html.escape(shown)}</a></td><td align="right">2023-10-19 17:06  </td><td align="right">{size}</td>'
                "<td>&nbsp;</td></tr>"
            )
        text = f"<!DOCTYPE HTML><html><head><title>Index of {here}</title></head><body><h1>Index of {here}</h1><table>"
        text += '<tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=S;O=A">Size</a></th></tr>'
        return (text + "\n".join(rows) + "</table></body></html>").encode()

    def log_message(self, *arguments: object) -> None:
        pass


def _rounded(size: int) -> str:
    for unit in ("", "K", "M"):
        if size < 1000 or unit == "M":
            return f"{size:.1f}{unit}" if unit and size < 10 else f"{size:.0f}{unit}"
        size /= 1024  # type: ignore[assignment]
    raise AssertionError


class Site(ThreadingHTTPServer):
    """Serves the folder; `faults` are answers to the next requests whose path has a part, `pause` slows all down."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.guard = threading.Lock()
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Fault]] = {}
        self.met = 0
        self.step, self.pause = 1 << 16, 0.0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.root.name}"

    def reset(self) -> None:
        self.asked.clear()
        self.faults.clear()
        self.met = 0
        self.step, self.pause = 1 << 16, 0.0

    def handle_error(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(root: Path) -> Iterator[Site]:
    with Site(root) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


def _status(code: int, **headers: str) -> Fault:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, content: handler.answer(code, b"no", told)


def _cut(handler: Handler, content: bytes) -> None:
    handler.file(content, cut=True)


def _reset(handler: Handler, content: bytes) -> None:
    handler.close_connection = True


def _short(handler: Handler, content: bytes) -> None:
    """Ends early and says that this is all."""
    handler.answer(200, content[: len(content) * 2 // 3], {"ETag": '"short"'})


def _long(handler: Handler, content: bytes) -> None:
    """Promises more than comes."""
    handler.answer(200, content, {"ETag": '"long"'}, length=len(content) + 1000)


def _corrupt(handler: Handler, content: bytes) -> None:
    middle = len(content) // 2
    handler.file(content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :])


def _changed(handler: Handler, content: bytes) -> None:
    """The connection breaks, and before it is asked again the file is another, and says so."""
    other = bytes(reversed(content))
    handler.file(other, cut=True)


def _lies(handler: Handler, content: bytes) -> None:
    """As before, but the server does not tell."""
    other = bytes(reversed(content))
    handler.file(other, tag=f'"{hashlib.sha256(content).hexdigest()[:16]}"', cut=True)


def _drip(handler: Handler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    for at in range(min(len(content), 60)):
        handler.wfile.write(content[at : at + 1])
        handler.wfile.flush()
        time.sleep(0.02)
    handler.close_connection = True


def _page(handler: Handler, content: bytes) -> None:
    handler.answer(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", {"Content-Type": "text/html"})


def _hidden_page(handler: Handler, content: bytes) -> None:
    handler.answer(200, b"<html><body>Down for maintenance</body></html>", {"Content-Type": "application/octet-stream"})


#: Every way in which the site misbehaves.
FAULTS: dict[str, Fault] = {
    "connection cut": _cut,
    "connection closed at once": _reset,
    "shorter than it is": _short,
    "longer than it is": _long,
    "wrong bytes": _corrupt,
    "429": _status(429),
    "429 with Retry-After": _status(429, Retry_After="1"),
    "500": _status(500),
    "503 with Retry-After": _status(503, Retry_After="1"),
    "503 for a day": _status(503, Retry_After="86400"),
    "404": _status(404),
    "slow drip": _drip,
    "changed under a resume": _changed,
    "changed, and lied about": _lies,
    "redirect elsewhere": _status(302, Location="https://example.org/elsewhere"),
    "page instead of data": _page,
    "page that says it is data": _hidden_page,
}


@dataclass
class Waits:
    """Remembers waits, and takes none of them."""

    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
