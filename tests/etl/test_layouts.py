"""Ensembl's real layouts, one by one: names, folders and listings as they are public, on a server of our own."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from homodb.etl import EnsemblConfig, Runner, build_release, read_config, read_inputs
from homodb.etl.fetch import (
    Fetch,
    Remote,
    add_fetched_inputs,
    config_from_ensembl,
    download,
    fetch_files,
    fetch_folder,
    layouts,
    parse_accessions,
    parse_species,
    plan_fetch,
    read_organisms,
    read_record,
)
from homodb.schema.errors import ConfigError, HomodbError, InputError, TransferError, UnknownSpeciesError
from homodb.schema.io.http import RetryPolicy
from tests import messages
from tests.ensembl_site import RELEASE, Site, Waits, make_organisms, make_site, serving, write_sums

PAIR = "human,mouse"
TOP = f"release-{RELEASE}"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("site"), species=2, genes=25)


@pytest.fixture
def pub(original: Path, tmp_path: Path) -> Path:
    """A copy of the site that a test may change."""
    return Path(shutil.copytree(original, tmp_path / "site" / "pub"))


@pytest.fixture
def site(pub: Path) -> Iterator[Site]:
    with serving(pub) as site:
        yield site


@pytest.fixture(scope="module")
def organisms(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_organisms(tmp_path_factory.mktemp("platform"), original / TOP)


@pytest.fixture
def platform(organisms: Path) -> Iterator[Site]:
    with serving(organisms) as site:
        yield site


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(download.httpx, "Client", partial(httpx.Client, verify=False))


def bring_in(site: Site, folder: Path, names: str = PAIR, **wanted: Any) -> Fetch:
    config = EnsemblConfig(**{"release": RELEASE, "base": site.base, "folder": folder} | wanted)
    return fetch_files(config, parse_species(names), patience=RetryPolicy(attempts=2, sleep=Waits()))


def names_of(done: Fetch, part: str) -> list[str]:
    return [file.path.rpartition("/")[2] for file in done.files if part in file.path]


class TestNumberedReleases:
    @pytest.mark.slow
    def test_names_with_the_number_of_ensembl_genomes(self, site: Site, tmp_path: Path, pub: Path) -> None:
        """Fly, worm and yeast of release 116 are numbered 63."""
        for kind in ("gtf", "tsv"):
            place = pub / TOP / kind / "mus_musculus"
            for path in place.glob(f"*.{RELEASE}.*"):
                path.rename(path.with_name(path.name.replace(f".{RELEASE}.", ".63.")))
            if kind == "gtf":
                write_sums(place)
        done = bring_in(site, tmp_path / "in")
        assert names_of(done, "gtf/mus_musculus") == ["Mus_musculus.sim1.63.gtf.gz"]
        assert [name.split(".")[2:4] for name in names_of(done, "tsv/mus_musculus")] == [
            ["63", "entrez"], ["63", "refseq"], ["63", "uniprot"],
        ]  # fmt: skip
        assert names_of(done, "gtf/homo_sapiens") == [f"Homo_sapiens.sim1.{RELEASE}.gtf.gz"]
        assert build_release(done.config, tmp_path / "rel").rows["gene"]  # the inputs are not called mixed

    def test_the_number_of_the_release_counts_first(self, site: Site, tmp_path: Path, pub: Path) -> None:
        gtf = pub / TOP / "gtf/homo_sapiens" / f"Homo_sapiens.sim1.{RELEASE}.gtf.gz"
        gtf.with_name("Homo_sapiens.sim1.63.gtf.gz").write_bytes(b"")
        gtf.with_name(f"Homo_sapiens.sim0.{RELEASE}.gtf.gz").write_bytes(b"")  # as BDGP6.32 beside BDGP6.46
        assert names_of(bring_in(site, tmp_path / "in", "human"), "gtf/") == [gtf.name]

    def test_the_listed_assembly_without_its_patches(self, site: Site, tmp_path: Path, pub: Path) -> None:
        """The list says GRCh38.p14, names say GRCh38."""
        listed = pub / TOP / "species_EnsemblVertebrates.txt"
        listed.write_text(listed.read_text().replace("\tsim1\t", "\tsim1.p14\t"))
        gtf = pub / TOP / "gtf/homo_sapiens" / f"Homo_sapiens.sim1.{RELEASE}.gtf.gz"
        gtf.with_name(f"Homo_sapiens.sim11.{RELEASE}.gtf.gz").write_bytes(b"")
        assert names_of(bring_in(site, tmp_path / "in", "human"), "gtf/") == [gtf.name]

    @pytest.mark.parametrize("name", ["md5sum.txt", "MD5SUM"])
    def test_every_name_of_checksums(self, site: Site, tmp_path: Path, pub: Path, name: str) -> None:
        place = pub / TOP / "tsv/ensembl-compara/homologies/mus_musculus"
        (place / "MD5SUM").rename(place / name)
        done = bring_in(site, tmp_path / "in", "mouse")
        assert {(file.published or "")[:4] for file in done.files if "Compara" in file.path} == {"md5:"}

    def test_checksums_of_a_part_of_the_files(self, site: Site, tmp_path: Path, pub: Path) -> None:
        """CHECKSUMS of release-116/gtf/homo_sapiens has 61 bytes for four files: the others are read through."""
        sums = pub / TOP / "gtf/homo_sapiens/CHECKSUMS"
        lines = [line for line in sums.read_text().splitlines() if ".chr.gtf" in line]
        sums.write_text("\n".join(lines) + "\n")
        (gtf,) = (file for file in bring_in(site, tmp_path / "in", "human").files if "gtf/" in file.path)
        assert gtf.published is None
        assert gtf.sha256
        path = next((pub / TOP / "gtf/homo_sapiens").glob(f"*.{RELEASE}.gtf.gz"))
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(TransferError, match=messages.Fetch.twice_same_published_files):
            bring_in(site, tmp_path / "other", "human")

    def test_bgzip(self, site: Site, tmp_path: Path, pub: Path) -> None:
        pep = next((pub / TOP / "fasta/homo_sapiens/pep").glob("*pep.all*"))
        text = gzip.decompress(pep.read_bytes())
        members = [gzip.compress(text[at : at + 5000]) for at in range(0, len(text), 5000)]
        pep.unlink()
        pep.with_suffix(".bgz").write_bytes(b"".join(members))
        done = bring_in(site, tmp_path / "in", PAIR)
        assert names_of(done, "homo_sapiens/pep") == ["Homo_sapiens.sim1.pep.all.fa.bgz"]
        inputs = read_inputs(read_config(done.config), Runner(lambda step: None))
        assert inputs.proteins.filter(species=1).height == text.count(b">")
        whole = pep.with_suffix(".bgz").read_bytes()
        pep.with_suffix(".bgz").write_bytes(whole[:-30])
        with pytest.raises(TransferError, match=messages.Fetch.twice_same_published_files):
            bring_in(site, tmp_path / "cut", "human")

    def test_species_of_a_collection(self, site: Site, tmp_path: Path, pub: Path) -> None:
        """As fungi_ascomycota1_collection/<species>/; the database of a collection is that of all its species."""
        collection = "fungi_ascomycota1_collection"
        listed = pub / TOP / "species_EnsemblVertebrates.txt"
        listed.write_text(listed.read_text().replace("mus_musculus_core_", f"{collection}_core_63_"))
        for kind in ("fasta", "gtf", "tsv"):
            (pub / TOP / kind / collection).mkdir()
            (pub / TOP / kind / "mus_musculus").rename(pub / TOP / kind / collection / "mus_musculus")
        done = bring_in(site, tmp_path / "in", "mouse")
        assert f"{TOP}/fasta/{collection}/mus_musculus/pep/Mus_musculus.sim1.pep.all.fa.gz" in done.record.files
        assert names_of(done, "homologies/mus_musculus")  # homologies lie where they lay
        assert not names_of(done, "mysql")
        assert not done.notes

    @pytest.mark.slow
    def test_all_homologies_of_many_species(
        self, site: Site, tmp_path: Path, pub: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        homologies = pub / TOP / "tsv/ensembl-compara/homologies"
        for kind in ("protein", "ncrna"):
            parts = sorted(homologies.glob(f"*/*{kind}_default*"))
            texts = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in map(Path.read_bytes, parts)]
            text = texts[0] + b"".join(other.partition(b"\n")[2] for other in texts[1:])
            name = f"Compara.{RELEASE}.{kind}_default.homologies.tsv.gz"
            (homologies / name).write_bytes(gzip.compress(text))
        few = bring_in(site, tmp_path / "few")
        monkeypatch.setattr(layouts, "WHOLE_HOMOLOGIES", 1)
        many = bring_in(site, tmp_path / "many")
        assert {file.path.rpartition("/")[0] for file in many.files if "Compara" in file.path} == {
            f"{TOP}/tsv/ensembl-compara/homologies"
        }
        assert len(names_of(few, "homologies/")) == 3
        assert len(names_of(many, "homologies/")) == 2
        rows = [
            build_release(done.config, tmp_path / f"rel{number}").rows["homology"]
            for number, done in enumerate((few, many))
        ]
        assert rows[0] == rows[1] > 0


class TestHosts:
    """Addresses are answered by a function: nothing leaves the machine."""

    def remote(self, location: str) -> Remote:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.host == "ftp.ensembl.org":
                return httpx.Response(302, headers={"Location": location})
            page = b'<html><title>Index of /</title><a href="release-116/">release-116/</a></html>'
            headers = {"Content-Type": "text/html", "Content-Length": str(len(page))}
            return httpx.Response(200, stream=httpx.ByteStream(page), headers=headers)

        client = httpx.Client(transport=httpx.MockTransport(answer))
        return Remote("https://ftp.ensembl.org/pub", client, RetryPolicy(attempts=1, sleep=Waits()), lambda url: None)

    def test_ensembls_hosts_may_serve_each_others_files(self) -> None:
        assert list(self.remote("https://ftp.ebi.ac.uk/ensemblorg/pub/").listing("")) == ["release-116"]

    @pytest.mark.parametrize(
        "location",
        [
            "https://example.org/pub/", "http://ftp.ebi.ac.uk/pub/", "https://ftp.ebi.ac.uk.example.org/",
            "https://ftp.ebi.ac.uk:8443/pub/", "https://ebi.ac.uk/", "ftp://ftp.ebi.ac.uk/pub/", "data:text/html,x",
        ],
    )  # fmt: skip
    def test_others_may_not(self, location: str) -> None:
        with pytest.raises(TransferError):
            self.remote(location).listing("")


class TestDatedGeneSets:
    def fetch(self, platform: Site, folder: Path, names: str = PAIR, release: str = "2026_04", **wanted: Any) -> Fetch:
        return bring_in(platform, folder, names, release=release, **wanted)

    def wrong(self, platform: Site, folder: Path, names: str, error: type[HomodbError], **wanted: Any) -> str:
        with pytest.raises(error) as caught:
            self.fetch(platform, folder, names, **wanted)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_by_accession_and_date(self, platform: Site, tmp_path: Path) -> None:
        done = self.fetch(platform, tmp_path / "in")
        human, mouse = "GCA/000/001/405/29/ensembl/2026_04", "GCA/000/001/635/9/ensembl/2025_12"
        assert {file.path for file in done.files} == {
            f"{human}/geneset/genes-including_alt.gtf.gz", f"{human}/geneset/pep.fa.bgz",
            f"{human}/geneset/xref.tsv.gz", f"{human}/homology/2026_04_20/homology.tsv.gz",
            f"{mouse}/geneset/genes.gtf.gz", f"{mouse}/geneset/pep.fa.bgz",
            f"{mouse}/geneset/xref.tsv.gz", f"{mouse}/homology/2026_04_20/homology.tsv.gz",
        }  # fmt: skip
        assert all((file.published or "").startswith("md5:") for file in done.files)
        hits = "homology.tsv.gz has best hits of genes, not Compara's homologies, and is left out"
        assert done.notes == (
            "mus_musculus: the newest gene set of GCA_000001635.9 up to 2026_04 is that of 2025_12",
            f"homo_sapiens: {hits}", f"mus_musculus: {hits}",
            "Ensembl 2026_04 has no homologies between homo_sapiens and mus_musculus",
        )  # fmt: skip
        assert all(one.path.split("/")[1] in ("", "GCA", "species.new_ftp_structure.json") for one in platform.asked)
        platform.reset()
        assert not self.fetch(platform, tmp_path / "in").missing
        assert not platform.asked

    def test_a_build_reads_genes_from_the_annotation(self, platform: Site, site: Site, tmp_path: Path) -> None:
        """Protein headers have a transcript, and no gene."""
        new = self.fetch(platform, tmp_path / "new")
        old = bring_in(site, tmp_path / "old")
        dated, numbered = (read_inputs(read_config(done.config), Runner(lambda step: None)) for done in (new, old))
        columns = ["gene_id", "stable_id", "transcript", "biotype", "sequence_sha256"]
        assert dated.proteins.select(columns).equals(numbered.proteins.select(columns))
        kinds = [inputs.aliases.filter(inputs.aliases["kind"] != "synonym") for inputs in (dated, numbered)]
        shared = {"entrez", "uniprot", "refseq"}
        first, second = (frame.filter(frame["kind"].is_in(shared)).sort(frame.columns) for frame in kinds)
        assert first.equals(second)
        assert first.height
        wanted = EnsemblConfig(release="2026_04", base=platform.base, folder=tmp_path / "new")
        made = add_fetched_inputs(config_from_ensembl(wanted, PAIR), new.record, tmp_path / "new")
        read = read_config(new.config)
        assert (made.species, made.homologies, made.release) == (read.species, read.homologies, read.release)
        assert (made.release.version, made.release.ensembl) == ("ensembl-2026_04", "2026_04")

    def test_homologies_in_the_form_of_compara_are_used(self, organisms: Path, original: Path, tmp_path: Path) -> None:
        top = Path(shutil.copytree(organisms, tmp_path / "ensemblorganisms"))
        dump = next((original / TOP / "tsv/ensembl-compara/homologies/homo_sapiens").glob("*protein*")).read_bytes()
        homology = top / "GCA/000/001/405/29/ensembl/2026_04/homology/2026_04_20"
        (homology / "homology.tsv.gz").write_bytes(gzip.compress(dump))
        (homology / "md5sum.txt").unlink()
        with serving(top) as platform:
            config = read_config(self.fetch(platform, tmp_path / "in").config)
        (entry,) = config.homologies
        assert [source.written.split("/")[4] for source in entry.paths] == ["29"]

    def test_the_date_bounds_the_gene_set(self, platform: Site, tmp_path: Path) -> None:
        for release, date in (("2026_03", "2023_03"), ("2026_12", "2026_09")):
            done = self.fetch(platform, tmp_path / release, "human", release)
            assert {file.path.split("/")[6] for file in done.files} == {date}
            assert done.notes[0].endswith(f"up to {release} is that of {date}")
        told = self.wrong(platform, tmp_path / "x", "human", ConfigError, release="2020_01")
        assert told.startswith("homo_sapiens: Ensembl has no gene set up to 2020_01. It has GCA_000001405.29 (sim1)")

    def test_several_assemblies(self, platform: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(layouts, "_REFERENCES", {})
        told = self.wrong(platform, tmp_path / "x", "human", ConfigError)
        assert "2 assemblies have gene sets up to 2026_04: GCA_000001405.29 (sim1), GCA_046332015.1 (hprc)" in told
        assert "accessions = { homo_sapiens = 'GCA_000001405.29' }" in told
        text = "human=GCA_000001405.29,mouse"
        assert parse_accessions(text) == {"homo_sapiens": "GCA_000001405.29"}
        done = self.fetch(platform, tmp_path / "in", text, accessions=parse_accessions(text))
        assert len(done.files) == 8
        told = self.wrong(platform, tmp_path / "x", "human", ConfigError, accessions={"human": "GCA_1"})
        assert "has no gene set of GCA_1 up to 2026_04" in told

    def test_species_and_dates_that_are_none(self, platform: Site, tmp_path: Path) -> None:
        told = self.wrong(platform, tmp_path / "x", "pig", UnknownSpeciesError)
        assert told == "Ensembl 2026_04 has no gene set of sus_scrofa (pig)"
        for release in ("2026_13", "2026-04", "26_04", "", "2026_04_20", True, 1.5):
            with pytest.raises(ConfigError, match=messages.Build.whole_number_or_date):
                EnsemblConfig(release=release)  # type: ignore[arg-type]

    def test_the_later_name_of_the_list(self, organisms: Path, tmp_path: Path) -> None:
        top = Path(shutil.copytree(organisms, tmp_path / "ensemblorganisms"))
        (top / "species.new_ftp_structure.json").rename(top / "species.json")
        with serving(top) as platform:
            assert len(self.fetch(platform, tmp_path / "in").files) == 8
            (top / "species.json").unlink()
            told = self.wrong(platform, tmp_path / "x", "human", ConfigError)
        assert told.endswith("has no list of gene sets (species.new_ftp_structure.json or species.json)")

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "[]", "{}", "[" * 100_000, '{"species": []}', '{"species": {"Homo_sapiens": 1}}',
            '{"species": {"A": {"assemblies": {"../x": {}}}}}', '{"species": {"A": {"assemblies": {"GCA_1.1": {}}}}}',
        ],
    )  # fmt: skip
    def test_a_list_that_is_none(self, platform: Site, tmp_path: Path, text: str) -> None:
        path = tmp_path / "species.json"
        path.write_text(text)
        with pytest.raises(InputError):
            read_organisms(path)
        platform.faults["species.new_ftp"] = [lambda handler, content: handler.answer(200, text.encode(), {})]
        assert "is not a list of gene sets that homodb can read" in self.wrong(
            platform, tmp_path / "in", "human", TransferError
        )

    def test_entries_of_another_form_are_left_out(self, tmp_path: Path) -> None:
        entry = {
            "assemblies": {"GCA_000000001.1": {"genebuild_providers": {"ensembl": {"2026_04": {}, "x": 1}, "b": 1}}}
        }
        path = tmp_path / "species.json"
        path.write_text(json.dumps({"species": {"A b": entry, "C": None, "D": {"assemblies": {"GCA_000000001.1": 2}}}}))
        first, *others = read_organisms(path)
        assert first.name == "a_b"
        assert first.assemblies[0].folder == "GCA/000/000/001/1"
        assert first.assemblies[0].dates == {"ensembl": ("2026_04",)}
        assert not any(one.assemblies for one in others)

    def test_the_record_and_the_cache(self, platform: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path))
        place = fetch_folder(EnsemblConfig(release="2026_04"))
        assert place == tmp_path / "ensembl" / "ftp.ebi.ac.uk-pub-ensemblorganisms-2026_04"
        self.fetch(platform, tmp_path / "in", "human")
        record = read_record(tmp_path / "in")
        assert record is not None
        assert record.release == "2026_04"
        with pytest.raises(ConfigError, match=messages.Fetch.is_of_release):
            bring_in(platform, tmp_path / "in", "human", release=116)

    def test_dry_run(self, platform: Site, tmp_path: Path) -> None:
        wanted = EnsemblConfig(release="2026_04", base=platform.base, folder=tmp_path / "in")
        assert len(plan_fetch(wanted, parse_species(PAIR)).missing) == 8
        assert not (tmp_path / "in").exists()
