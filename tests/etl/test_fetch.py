"""Fetching from a site that is laid out as Ensembl's, and misbehaves in every way that sites do."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import homodb
from homodb.cli.app import app
from homodb.etl import EnsemblConfig, Runner, build_release, read_config, read_inputs
from homodb.etl.fetch import (
    RECORD,
    Fetch,
    FetchProgress,
    add_fetched_inputs,
    config_from_ensembl,
    download,
    download_files,
    fetch_files,
    fetch_folder,
    parse_species,
    plan_fetch,
    read_record,
)
from homodb.schema.errors import (
    ConfigError,
    HomodbError,
    InputError,
    OptionsError,
    OutputError,
    StoppedError,
    TransferError,
    UnknownSpeciesError,
)
from homodb.schema.io.http import RetryPolicy
from tests import messages
from tests.ensembl_site import FAULTS, RELEASE, Site, Waits, make_site, serving, write_sums

TOLD: Counter[tuple[str, str]] = Counter()
#: One species for what goes wrong, two for what a pair needs.
NAMES, PAIR = "human", "human,mouse"
PEP = "Homo_sapiens.sim1.pep.all.fa.gz"
#: After these a file comes right by asking again; after the others there is an error at once.
PASSING = [
    "connection cut", "connection closed at once", "longer than it is", "429", "429 with Retry-After", "500",
    "503 with Retry-After", "slow drip", "changed under a resume", "changed, and lied about",
]  # fmt: skip
REPEATED = ["shorter than it is", "wrong bytes"]
ERRORS = {
    "connection cut": "the connection ended after|peer closed",
    "connection closed at once": "disconnected|no answer|reset",
    "shorter than it is": r"has [\d,]+ bytes, but its listing says at least [\d,]+, twice the same",
    "longer than it is": "the connection ended after|peer closed",
    "wrong bytes": "does not match its checksum in CHECKSUMS.*turn checksums off",
    "429": "429 Too Many Requests, 3 times",
    "429 with Retry-After": "429 Too Many Requests, 3 times",
    "500": "500 Internal Server Error, 3 times",
    "503 with Retry-After": "503 Service Unavailable, 3 times",
    "503 for a day": "asks to wait 86400 s",
    "404": "answered 404",
    "slow drip": "fewer than|ended after|timed out|peer closed",
    "changed under a resume": "the connection ended|peer closed",
    "changed, and lied about": "the connection ended|peer closed",
    "redirect elsewhere": "redirected to example.org",
    "page instead of data": "a page",
    "page that says it is data": "a page",
}


@pytest.fixture(scope="module")
def pub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_site(tmp_path_factory.mktemp("site"), species=2, genes=25)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates and waiting for a busy disk take longer than most of these tests."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(download.httpx, "Client", partial(httpx.Client, verify=False))


@pytest.fixture(scope="module")
def served(pub: Path) -> Iterator[Site]:
    with serving(pub) as site:
        yield site


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    served.reset()
    yield served
    served.reset()


def patience(**settings: Any) -> RetryPolicy:
    return RetryPolicy(**{"attempts": 3, "timeout": 10.0, "sleep": Waits(), "chance": lambda: 0.0} | settings)


def bring_in(site: Site, folder: Path, names: str = NAMES, **settings: Any) -> Fetch:
    wanted = EnsemblConfig(release=RELEASE, base=site.base, folder=folder)
    return fetch_files(wanted, parse_species(names), **{"patience": patience()} | settings)


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for the times in its record, and what waits to be gone on with."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    if RECORD in found:
        told = json.loads(found[RECORD])
        for file in told["files"].values():
            # a file of which all had come before the process ended is not asked for again
            for name in ("fetched", "etag", "last_modified"):
                file.pop(name, None)
        found[RECORD] = json.dumps(told).encode()
    return found


def is_sound(folder: Path, pub: Path) -> bool:
    """Whether every file that lies there under its own name is what the site has."""
    return all(
        content == (pub / name).read_bytes()
        for name, content in contents(folder).items()
        if name.startswith("release-")
    )


@pytest.fixture(scope="module")
def whole(served: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What fetching gives when nothing goes wrong."""
    served.reset()
    folder = tmp_path_factory.mktemp("whole") / "inputs"
    bring_in(served, folder)
    return contents(folder)


class TestWhatIsFetched:
    def test_everything_of_the_layout(self, site: Site, tmp_path: Path, pub: Path) -> None:
        told: list[FetchProgress] = []
        done = bring_in(site, tmp_path / "in", PAIR, report=told.append)
        names = {path.partition("/")[2] for path in contents(tmp_path / "in") if path.startswith("release-")}
        compara = "tsv/ensembl-compara/homologies"
        assert names == {
            f"{folder}"
            for one, stem, packed in (("homo_sapiens", "Homo_sapiens", ""), ("mus_musculus", "Mus_musculus", ".gz"))
            for folder in (
                f"fasta/{one}/pep/{stem}.sim1.pep.all.fa.gz",
                f"gtf/{one}/{stem}.sim1.{RELEASE}.gtf.gz",
                *(f"tsv/{one}/{stem}.sim1.{RELEASE}.{kind}.tsv.gz" for kind in ("entrez", "uniprot", "refseq")),
                *(
                    f"mysql/{one}_core_{RELEASE}_1/{table}.gz"
                    for table in (
                        "gene.txt", "external_synonym.txt", "alt_allele.txt", "stable_id_event.txt",
                        f"{one}_core_{RELEASE}_1.sql",
                    )
                ),
                *(
                    f"{compara}/{one}/Compara.{RELEASE}.{kind}_default.homologies.tsv{packed}"
                    for kind in ("protein", "ncrna")
                    if list((pub / f"release-{RELEASE}" / compara / one).glob(f"*{kind}_default*"))
                ),
            )
        }  # fmt: skip
        assert is_sound(tmp_path / "in", pub)
        assert len(done.files) == len(done.missing) == len(names)
        assert not done.notes
        assert told[-1].files == told[-1].all_files == len(names)
        assert all(one.headers["user-agent"].startswith("homodb/") for one in site.asked)
        assert len({one.path for one in site.asked}) == len(site.asked)  # nothing twice
        assert not list((tmp_path / "in").glob(".*"))

    def test_the_record(self, site: Site, tmp_path: Path, pub: Path) -> None:
        bring_in(site, tmp_path, PAIR)
        files = json.loads((tmp_path / RECORD).read_text())["files"]
        kinds = {(name.split("/")[1], (one.get("published") or "").partition(":")[0]) for name, one in files.items()}
        assert kinds == {("fasta", "sum"), ("gtf", "sum"), ("mysql", "sum"), ("tsv", ""), ("tsv", "md5")}
        for name, one in files.items():
            assert one["url"] == f"{site.base}/{name}"
            assert one["bytes"] == (pub / name).stat().st_size
            assert one["low"] <= one["bytes"] <= one["high"]
            assert one["etag"].startswith('"')
            assert one["last_modified"]
            assert one["fetched"].endswith("+00:00")

    def test_nothing_is_fetched_twice(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        bring_in(site, tmp_path)
        site.reset()
        assert not bring_in(site, tmp_path).missing
        assert not site.asked
        assert contents(tmp_path) == whole

    def test_what_is_altered_or_gone_comes_again(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        first, second, *_ = bring_in(site, tmp_path).files
        altered = tmp_path / first.path
        altered.write_bytes(altered.read_bytes()[:-1] + b"x")
        (tmp_path / second.path).unlink()
        assert {file.path for file in bring_in(site, tmp_path).missing} == {first.path, second.path}
        assert contents(tmp_path) == whole

    def test_species_are_added(self, site: Site, tmp_path: Path, pub: Path) -> None:
        assert not bring_in(site, tmp_path).notes
        assert "[[homology]]" not in (tmp_path / "release.toml").read_text()
        site.reset()
        bring_in(site, tmp_path, PAIR)
        assert not any(PEP in one.path for one in site.asked)
        assert is_sound(tmp_path, pub)
        assert "[[homology]]" in (tmp_path / "release.toml").read_text()

    def test_dry_run(self, site: Site, tmp_path: Path) -> None:
        wanted = EnsemblConfig(release=RELEASE, base=site.base, folder=tmp_path / "in")
        found = plan_fetch(wanted, parse_species(PAIR), patience=patience())
        assert len(found.missing) == len(found.files) > 15
        about, real = found.missing_bytes, sum((site.root / file.path).stat().st_size for file in found.files)
        assert about is not None
        assert 0.8 < about / real < 1.2
        assert not (tmp_path / "in").exists()
        assert not any(one.path.endswith(".gz") for one in site.asked)

    def test_the_cache_is_the_usual_place(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path))
        assert fetch_folder(EnsemblConfig(release=113)) == tmp_path / "ensembl" / "ftp.ensembl.org-pub-vertebrates-113"
        mirror = EnsemblConfig(release=60, division="plants", base="https://example.org/a/../b//")
        assert fetch_folder(mirror).parent == tmp_path / "ensembl"

    def test_plain_and_compressed_beside_each_other(self, site: Site, tmp_path: Path, pub: Path) -> None:
        plain = pub / f"release-{RELEASE}/fasta/homo_sapiens/pep/{PEP}".removesuffix(".gz")
        plain.write_bytes(b"old")
        try:
            proteomes = [file.path for file in bring_in(site, tmp_path, NAMES).files if "pep" in file.path]
        finally:
            plain.unlink()
        assert [path.rpartition("/")[2] for path in proteomes] == [PEP]

    @pytest.mark.slow
    def test_two_at_once(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        command = [*COMMAND, "--base", site.base, "-o", str(tmp_path)]
        both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [one.wait(60) for one in both] == [0, 0]
        assert contents(tmp_path) == whole
        assert sum(PEP in one.path for one in site.asked) == 1


COMMAND = [sys.executable, "-m", "homodb.cli", "fetch", "--ensembl", str(RELEASE), "--species", NAMES]


class TestErrors:
    def wrong(self, site: Site, folder: Path, names: str = NAMES, **wanted: Any) -> str:
        values: dict[str, Any] = {"release": RELEASE, "base": site.base, "folder": folder} | wanted
        with pytest.raises(HomodbError) as caught:
            fetch_files(EnsemblConfig(**values), parse_species(names), patience=patience())
        assert "\n" not in str(caught.value)
        assert not (folder / "release.toml").exists()
        return f"{type(caught.value).__name__}: {caught.value}"

    def test_no_such_release(self, site: Site, tmp_path: Path) -> None:
        told = self.wrong(site, tmp_path, release=13)
        assert told.startswith(f"ConfigError: {site.base}: has no release 13")
        assert told.endswith("The newest are 9999, 9998")

    def test_a_release_without_a_list(self, site: Site, tmp_path: Path) -> None:
        assert "has no species list (species_EnsemblVertebrates.txt)" in self.wrong(site, tmp_path, release=9998)
        assert "(species_EnsemblPlants.txt)" in self.wrong(site, tmp_path, division="plants")
        assert "There is no division 'fish'; there are vertebrates" in self.wrong(site, tmp_path, division="fish")

    def test_species_that_the_release_lacks(self, site: Site, tmp_path: Path) -> None:
        told = self.wrong(site, tmp_path, "human,dog,rat")
        assert told.startswith(
            "UnknownSpeciesError: release 9999 of Ensembl (vertebrates) has no canis_lupus_familiaris"
        )
        assert "Similar: canis_familiaris (Dog)" in told
        assert "has no rattus_norvegicus (rat)" in told

    def test_names_that_mean_no_species(self) -> None:
        with pytest.raises(UnknownSpeciesError, match=messages.Fetch.humna):
            parse_species("humna,mouse")
        with pytest.raises(ConfigError, match=messages.Fetch.homo_sapiens_is_repeated):
            parse_species("human,9606")
        with pytest.raises(ConfigError, match=messages.Fetch.no_species):
            parse_species(" , ")

    def test_a_species_without_proteome(self, site: Site, tmp_path: Path, pub: Path) -> None:
        pep = pub / f"release-{RELEASE}/fasta/homo_sapiens/pep/{PEP}"
        pep.rename(pep.with_suffix(".away"))
        try:
            assert "has no proteome of homo_sapiens" in self.wrong(site, tmp_path)
        finally:
            pep.with_suffix(".away").rename(pep)

    def test_two_files_that_may_be_meant(self, site: Site, tmp_path: Path, pub: Path) -> None:
        pep = pub / f"release-{RELEASE}/fasta/homo_sapiens/pep/{PEP}"
        first, second = (pep.with_name(PEP.replace("sim1", name)) for name in ("sim2", "sim3"))
        pep.rename(first)
        second.write_bytes(b"")
        try:
            assert f"has several candidates for one file: {first.name}, {second.name}" in self.wrong(site, tmp_path)
        finally:
            first.rename(pep)
            second.unlink()

    def test_of_several_assemblies_the_listed_one_is_meant(self, site: Site, tmp_path: Path, pub: Path) -> None:
        other = pub / f"release-{RELEASE}/fasta/homo_sapiens/pep/Homo_sapiens.sim2.pep.all.fa.gz"
        other.write_bytes(b"")
        try:
            files = {path.rpartition("/")[2] for path in contents(tmp_path) or bring_in(site, tmp_path).record.files}
        finally:
            other.unlink()
        assert PEP in files
        assert other.name not in files

    @pytest.mark.parametrize(
        ("page", "why"),
        [
            (b"<html><body><a href='login.html'>Log in</a></body></html>", "is not a listing of a folder"),
            (b"<html><body><a href='../../etc/'>../../etc/</a><a href='/'>/</a></body></html>", "is not a listing"),
            (b"<html><head><title>Index of /pub/release-9999</title></head><body><table>", "is not a complete listing"),
            (b"some text", "is not a complete listing"),
            (b"", "is not a complete listing"),
        ],
    )
    def test_a_listing_that_is_none(self, site: Site, tmp_path: Path, page: bytes, why: str) -> None:
        site.faults["fasta/homo_sapiens/pep/"] = [lambda handler, content: handler.answer(200, page, {})]
        told = self.wrong(site, tmp_path)
        assert told.startswith("TransferError")
        assert why in told
        assert f"{site.base}/release-{RELEASE}/fasta/homo_sapiens/pep/" in told

    def test_a_list_of_species_that_is_none(self, site: Site, tmp_path: Path) -> None:
        for text, why in (
            (b"a\tb\n", "missing columns species, assembly, core_db"),
            (b"", "Expected species, assembly, core_db"),
            (HEAD, "no species"),
        ):
            site.faults["species_"] = [lambda handler, content, text=text: handler.answer(200, text, {})]
            assert why in self.wrong(site, tmp_path)
        row = HEAD + b"Human\thomo_sapiens\tx\t../../etc\n"
        site.faults["species_"] = [lambda handler, content: handler.answer(200, row, {})]
        assert "line 2: name that is not usable as a folder name" in self.wrong(site, tmp_path)

    def test_another_release_in_the_folder(self, site: Site, tmp_path: Path) -> None:
        bring_in(site, tmp_path, "human")
        (tmp_path / "release.toml").unlink()
        told = self.wrong(site, tmp_path, release=9998)
        assert "is of release 9999 (vertebrates)" in told
        assert told.endswith("Use another folder")

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", '{"layout": "x"}', '{"layout": "ensembl-ftp-1", "files": {"../a": {"url": "x"}}}']
    )
    def test_a_record_that_is_none(self, site: Site, tmp_path: Path, text: str) -> None:
        (tmp_path / RECORD).write_text(text)
        assert "is not a record of `homodb fetch`" in self.wrong(site, tmp_path)

    def test_plain_http(self, site: Site, tmp_path: Path) -> None:
        assert "plain http" in self.wrong(site, tmp_path, base="http://example.org/pub")
        assert "expected an address that begins with https" in self.wrong(
            site, tmp_path, base="ftp://ftp.ensembl.org/pub"
        )

    def test_a_full_disk(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            if tmp_path in Path(f"/proc/self/fd/{descriptor}").readlink().parents:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        if sys.platform == "linux":
            monkeypatch.setattr(os, "fsync", full)
            assert "No space left" in self.wrong(site, tmp_path)
            assert not [name for name in contents(tmp_path) if name.startswith("release-")]

    def test_a_folder_that_is_a_file(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match=messages.Shared.cannot_be_created):
            bring_in(site, tmp_path / "file")

    def test_too_many_connections(self, site: Site, tmp_path: Path) -> None:
        for count in (0, 9):
            with pytest.raises(ConfigError, match=messages.Fetch.expected_1_to_8.format(count=count)):
                bring_in(site, tmp_path, connections=count)

    def test_stopped_by_the_user(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        def stop(file: Any) -> None:
            raise KeyboardInterrupt

        record = read_record(tmp_path)
        assert record is None
        wanted = EnsemblConfig(release=RELEASE, base=site.base, folder=tmp_path)
        found = plan_fetch(wanted, parse_species(NAMES), patience=patience())
        with pytest.raises(StoppedError, match=messages.Fetch.same_command_goes) as caught:
            download_files(
                found.missing, tmp_path, most=2, checksums=True, patience=patience(), report=lambda *_: None, done=stop
            )
        assert caught.value.exit_code == 130
        bring_in(site, tmp_path)
        assert contents(tmp_path) == whole

    def test_what_waits_ends_when_another_file_fails(self, site: Site, tmp_path: Path) -> None:
        wanted = EnsemblConfig(release=RELEASE, base=site.base, folder=tmp_path)
        found = plan_fetch(wanted, parse_species(NAMES), patience=patience())
        site.reset()
        site.faults[PEP] = [FAULTS["503 with Retry-After"]] * 9
        site.faults["gtf.gz"] = [FAULTS["404"]]
        hour = RetryPolicy(first=3600.0, longest=3600.0, chance=lambda: 1.0)
        with pytest.raises(TransferError, match=messages.Shared.says_404):
            download_files(
                found.missing, tmp_path, most=len(found.missing), checksums=True, patience=hour,
                report=lambda *_: None, done=lambda file: None,
            )  # fmt: skip
        assert sum(PEP in one.path for one in site.asked) <= 1


HEAD = b"#name\tspecies\tassembly\tcore_db\n"


class TestOffline:
    def test_takes_what_is_there(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        bring_in(site, tmp_path)
        (tmp_path / "release.toml").unlink()
        site.reset()
        assert not bring_in(site, tmp_path, offline=True).missing
        assert not site.asked
        assert contents(tmp_path) == whole

    def test_lists_what_is_missing(self, site: Site, tmp_path: Path) -> None:
        with pytest.raises(TransferError, match=messages.Fetch.has_no_files_homo_sapiens):
            bring_in(site, tmp_path, offline=True)
        first, second, *_ = bring_in(site, tmp_path, "human").files
        (tmp_path / first.path).unlink()
        (tmp_path / second.path).write_bytes(b"other")
        with pytest.raises(TransferError, match=messages.Fetch.files_are_missing) as caught:
            bring_in(site, tmp_path, "human", offline=True)
        assert f"offline: {first.path}, {second.path}" in str(caught.value)
        with pytest.raises(TransferError, match=messages.Fetch.has_no_files_mus_musculus):
            bring_in(site, tmp_path, PAIR, offline=True)


class TestFaults:
    """Each alone: once, and whenever the file is asked for."""

    @pytest.mark.slow
    @pytest.mark.parametrize("name", PASSING + REPEATED)
    def test_once(self, site: Site, tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
        site.faults[PEP] = [FAULTS[name]]
        waits = Waits()
        patient = patience(sleep=waits, timeout=0.3 if "drip" in name else 10.0)
        bring_in(site, tmp_path, patience=patient)
        assert contents(tmp_path) == whole
        assert len(waits.taken) == (1 if name in PASSING else 0)
        assert "Retry-After" not in name or waits.taken == [1.0]
        TOLD[name, "once: right bytes"] += 1

    @pytest.mark.slow
    @pytest.mark.parametrize("name", FAULTS)
    def test_always(self, site: Site, tmp_path: Path, pub: Path, whole: dict[str, bytes], name: str) -> None:
        site.faults[PEP] = [FAULTS[name]] * 99
        with pytest.raises(TransferError, match=ERRORS[name]) as caught:
            bring_in(site, tmp_path, patience=patience(timeout=0.3 if "drip" in name else 10.0))
        assert f"{site.base}/release-{RELEASE}/fasta/homo_sapiens/pep/{PEP}" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert PEP not in {path.name for path in tmp_path.rglob("*")}
        assert is_sound(tmp_path, pub)
        assert not (tmp_path / "release.toml").exists()
        if name not in PASSING + REPEATED:
            assert site.met == 1
            TOLD[name, "once: one error"] += 1
        if name in ("connection cut", "wrong bytes", "page instead of data"):
            site.reset()
            bring_in(site, tmp_path)
            assert contents(tmp_path) == whole
        TOLD[name, "always: one error"] += 1

    def test_without_checksums_the_stream_itself_is_checked(self, site: Site, tmp_path: Path, pub: Path) -> None:
        for name in REPEATED:
            site.faults["Homo_sapiens.sim1.9999.entrez"] = [FAULTS[name]]
            bring_in(site, tmp_path / name)
            assert is_sound(tmp_path / name, pub)
            assert site.met == 1
            site.reset()

    def test_without_checksums_the_listing_tells_the_size(self, site: Site, tmp_path: Path, pub: Path) -> None:
        place = pub / f"release-{RELEASE}/tsv/ensembl-compara/homologies/homo_sapiens"
        (place / "MD5SUM").rename(place.parent / "away")
        site.faults["homo_sapiens/Compara.9999.protein"] = [FAULTS["shorter than it is"]] * 2
        try:
            with pytest.raises(TransferError, match=messages.Fetch.has_bytes_but_listing_says):
                bring_in(site, tmp_path)
            bring_in(site, tmp_path)
            assert is_sound(tmp_path, pub)
        finally:
            (place.parent / "away").rename(place / "MD5SUM")

    def test_checksums_that_are_wrong_themselves(self, site: Site, tmp_path: Path, pub: Path) -> None:
        sums = pub / f"release-{RELEASE}/fasta/homo_sapiens/pep/CHECKSUMS"
        sums.write_text(re.sub(rf"\d+ (\d+) {PEP}", rf"1 \1 {PEP}", sums.read_text()))
        try:
            with pytest.raises(TransferError, match=messages.Fetch.twice_same_published_files):
                bring_in(site, tmp_path)
            bring_in(site, tmp_path, checksums=False)
            assert is_sound(tmp_path, pub)
        finally:
            write_sums(sums.parent)

    def test_resumes_where_it_was(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        site.faults[PEP] = [FAULTS["connection cut"], FAULTS["404"]]
        with pytest.raises(TransferError, match=messages.Shared.says_404):
            bring_in(site, tmp_path)
        site.reset()
        bring_in(site, tmp_path)
        ranges = [one.headers.get("range", "") for one in site.asked if PEP in one.path]
        assert len(ranges) == 1
        assert re.fullmatch(r"bytes=[1-9]\d*-", ranges[0])
        assert contents(tmp_path) == whole


#: What a fault may be met at, and the faults that would not be found there: listings have no checksums.
PLACES: dict[str, tuple[str, ...]] = {
    "pep.all.fa.gz": (),
    "entrez.tsv.gz": (),
    "protein_default": (),
    "external_synonym": (),
    "alt_allele": (),
    "CHECKSUMS": (),
    "MD5SUM": (),
    "species_": ("wrong bytes", "changed, and lied about"),
    "gtf/homo_sapiens": ("wrong bytes",),
    "homologies/": ("wrong bytes",),
}
SEQUENCES = st.lists(
    st.sampled_from([(place, name) for place, not_found in PLACES.items() for name in FAULTS if name not in not_found]),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("HOMODB_FAULTS", "12")),
    deadline=None,
    database=None,
    derandomize="HOMODB_FAULTS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(sequence=SEQUENCES)
def test_random_sequences_of_faults(
    served: Site,
    pub: Path,
    whole: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    sequence: list[tuple[str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("faults")
    served.reset()
    for place, name in sequence:
        served.faults.setdefault(place, []).append(FAULTS[name])
    drips = any("drip" in name for _, name in sequence)
    try:
        bring_in(served, folder, patience=patience(timeout=0.4 if drips else 10.0))
    except (TransferError, UnknownSpeciesError, ConfigError) as error:
        TOLD["sequences", "one error"] += 1
        assert "\n" not in str(error)  # noqa: PT017
        assert is_sound(folder, pub)
        assert not (folder / "release.toml").exists()
    else:
        TOLD["sequences", "right bytes"] += 1
        if served.met:
            TOLD["sequences", "right bytes after a fault"] += 1
    TOLD["sequences", "faults met"] += served.met
    served.reset()
    bring_in(served, folder)
    assert without_checksums(contents(folder)) == without_checksums(whole)
    shutil.rmtree(folder)


def without_checksums(found: dict[str, bytes]) -> dict[str, bytes]:
    """A file of checksums that came cut tells fewer of them, and the record says so."""
    return found | {RECORD: re.sub(rb'"published": "[^"]+",?\s*', b"", found[RECORD])}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_killed_at_random_moments(site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
    site.step, site.pause = 512, 0.02
    chance = random.Random(7)  # noqa: S311
    command = [*COMMAND, "--base", site.base, "-o", str(tmp_path)]
    wanted, killed = int(os.environ.get("HOMODB_KILLS", "3")), 0
    while killed < wanted:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        before = len(site.asked)
        while len(site.asked) == before and process.poll() is None:
            time.sleep(0.005)
        try:
            process.wait(chance.uniform(0.0, 1.2))
            TOLD["kill -9", "finished before"] += 1
            shutil.rmtree(tmp_path)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            TOLD["kill -9", "killed"] += 1
        assert process.returncode in (0, -9), process.stderr and process.stderr.read()
        if process.stderr:
            process.stderr.close()
        assert not tmp_path.exists() or is_sound(tmp_path, site.root)
    site.pause = 0.0
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert contents(tmp_path) == whole
    assert not list(tmp_path.rglob(".*"))


class TestBuild:
    def test_from_the_folder(self, site: Site, tmp_path: Path) -> None:
        done = bring_in(site, tmp_path / "in", PAIR)
        build_release(done.config, tmp_path / "rel")
        with homodb.open(tmp_path / "rel") as release:
            assert (release.version, release.ensembl) == (f"ensembl-{RELEASE}", str(RELEASE))
            told = dict(release.sql("SELECT path, sha256 FROM provenance").iter_rows())
            kinds = dict(release.sql("SELECT kind, count(*) FROM gene_alias GROUP BY kind").iter_rows())
            assert release.sql("SELECT count(*) FROM ens_m2m").item() > 20
        assert told == {file.url: file.sha256 for file in done.files}
        assert set(kinds) >= {"synonym", "entrez", "uniprot", "refseq"}

    def test_what_was_altered_is_not_said_to_be_from_there(self, site: Site, tmp_path: Path) -> None:
        done = bring_in(site, tmp_path / "in", PAIR)
        proteome = next(tmp_path / "in" / file.path for file in done.files if PEP in file.path)
        proteome.write_bytes(gzip.compress(gzip.decompress(proteome.read_bytes()), 1))
        told = read_inputs(read_config(done.config), Runner(lambda step: None)).provenance
        human, mouse = (row["path"] for row in told.iter_rows(named=True) if row["source"] == "proteome")
        assert human == proteome.relative_to(tmp_path / "in").as_posix()
        assert mouse.startswith(site.base)

    def test_the_config_in_memory_is_the_one_in_the_folder(self, site: Site, tmp_path: Path) -> None:
        done = bring_in(site, tmp_path, PAIR)
        wanted = EnsemblConfig(release=RELEASE, base=site.base, folder=tmp_path)
        made = add_fetched_inputs(config_from_ensembl(wanted, PAIR), done.record, tmp_path)
        read = read_config(done.config)
        assert (made.species, made.homologies, made.release) == (read.species, read.homologies, read.release)

    @pytest.mark.slow
    def test_a_config_with_ensembl(
        self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_config: Path
    ) -> None:
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
        text = f'[release]\nversion = "1"\n[ensembl]\nrelease = {RELEASE}\nbase = "{site.base}/"\n'
        text += (
            '[[species]]\nname = "human"\nassembly = "mine"\n[[species]]\nname = "mouse"\n[embedding]\nmodel = "kmer"\n'
        )
        config = tmp_path / "mine.toml"
        config.write_text(text)
        manifest = build_release(config, tmp_path / "rel", patience=patience())
        assert manifest.rows["embedding"] == 1
        with homodb.open(tmp_path / "rel") as release:
            assert release.sql("SELECT assembly FROM species ORDER BY species")["assembly"].to_list() == [
                "mine",
                "sim1",
            ]
        # a species with a proteome of its own is not fetched
        config.write_text(text.replace('name = "mouse"', 'name = "mouse"\nproteome = "p.fa"'))
        site.reset()
        (tmp_path / "p.fa").write_text(">P1 pep chromosome:x:1:1:9:1 gene:G1 transcript:T1\nMK\n")
        own = build_release(config, tmp_path / "own", offline=True)
        assert own.rows["species_pair"] == 1
        assert own.rows["homology"] == 0
        assert not site.asked

    def test_a_pair_without_homologies_in_either_file(self, site: Site, tmp_path: Path) -> None:
        done = bring_in(site, tmp_path / "in", PAIR)
        for file in done.files:
            if "Compara" in file.path:
                path = tmp_path / "in" / file.path
                data = path.read_bytes()
                lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)
                kept = [line for line in lines if b"ortholog_" not in line] or lines[:1]
                kept += [line.replace(b"homo_sapiens", b"pan_paniscus") for line in lines[1:2]]
                path.write_bytes(gzip.compress(b"".join(kept)) if path.suffix == ".gz" else b"".join(kept))
        with pytest.raises(InputError, match=messages.Shared.no_ortholog_between_homo):
            read_inputs(read_config(done.config), Runner(lambda step: None))

    def test_files_that_hold_nothing_are_left_out(self, site: Site, tmp_path: Path, pub: Path) -> None:
        history = pub / f"release-{RELEASE}/mysql/homo_sapiens_core_{RELEASE}_1/stable_id_event.txt.gz"
        before = history.read_bytes()
        history.write_bytes(gzip.compress(b""))
        write_sums(history.parent)
        try:
            done = bring_in(site, tmp_path / "in", PAIR)
        finally:
            history.write_bytes(before)
            write_sums(history.parent)
        assert done.notes == ("homo_sapiens: an empty history file is left out",)
        config = read_config(done.config)
        assert [entry.history is None for entry in config.species] == [True, False]
        read_inputs(config, Runner(lambda step: None))

    def test_what_a_release_lacks_is_said(self, site: Site, tmp_path: Path, pub: Path) -> None:
        folder = pub / f"release-{RELEASE}/tsv/ensembl-compara"
        folder.rename(folder.with_name("away"))
        try:
            done = bring_in(site, tmp_path, PAIR)
        finally:
            folder.with_name("away").rename(folder)
        assert done.notes == (
            "homo_sapiens: release 9999 has no compara",
            "mus_musculus: release 9999 has no compara",
            "Ensembl 9999 has no homologies between homo_sapiens and mus_musculus",
        )

    def test_a_config_changed_by_hand_stays(self, site: Site, tmp_path: Path) -> None:
        done = bring_in(site, tmp_path, "human")
        changed = done.config.read_text().replace("# [embedding]", "[embedding]")
        done.config.write_text(changed)
        assert "was edited by hand" in bring_in(site, tmp_path, PAIR).notes[-1]
        assert done.config.read_text() == changed


class TestCommandLine:
    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    def test_fetch(self, site: Site, tmp_path: Path, whole: dict[str, bytes]) -> None:
        fetching = ("fetch", "--ensembl", str(RELEASE), "--species", "human", "--base", site.base, "-o")
        dry = self.run(*fetching, str(tmp_path / "in"), "--dry-run")
        assert re.search(r"(\d+) of \1 files to fetch, about 0\.0 MB", dry.output)
        assert f"{site.base}/release-{RELEASE}/fasta/homo_sapiens/pep/{PEP}" in dry.output
        told = self.run(*fetching, str(tmp_path / "in"))
        assert told.exit_code == 0, told.output
        assert re.search(
            r"(\d+) files, 0\.\d MB, \1 of them fetched now\nnext: homodb build .*release.toml", told.output
        )
        assert contents(tmp_path / "in") == whole
        asked = json.loads(self.run(*fetching, str(tmp_path / "in"), "--offline", "--json").stdout)
        assert not any(file["missing"] for file in asked["files"])

    @pytest.mark.slow
    def test_build_straight_from_ensembl(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
        straight = ("build", "--ensembl", str(RELEASE), "--species", PAIR, "--base", site.base, "--model", "kmer")
        told = self.run(*straight, "-o", str(tmp_path / "rel"))
        assert told.exit_code == 0, told.output
        assert f"release ensembl-{RELEASE}: 2 species" in told.output
        straight = ("build", "--ensembl", str(RELEASE), "--species", "human,pig", "--base", site.base)
        told = self.run(*straight, "-o", str(tmp_path / "other"), "--offline")
        assert "has no files of sus_scrofa" in str(told.exception)

    @pytest.mark.parametrize(
        ("arguments", "error", "why"),
        [
            ((), OptionsError, "give a config, files, or --ensembl"),
            (("c.toml", "--ensembl", "113", "--species", "human"), OptionsError, "--ensembl is for a build without a"),
            (("c.toml", "--species", "human"), OptionsError, "--species is for a build without a config: c.toml says"),
            (("--ensembl", "113"), ConfigError, "no species"),
            (("--ensembl", "113", "--species", "humna"), UnknownSpeciesError, "did you mean human"),
            (("--ensembl", "113", "--species", "human", "--model", "esm3"), ConfigError, "There is no model 'esm3'"),
            (("--ensembl", "113", "--species", "human", "--division", "x"), ConfigError, "There is no division 'x'"),
        ],
    )
    def test_what_does_not_fit_together(
        self, tmp_path: Path, arguments: tuple[str, ...], error: type[HomodbError], why: str
    ) -> None:
        told = self.run("build", *arguments, "-o", str(tmp_path / "rel"))
        assert isinstance(told.exception, error)
        assert why in str(told.exception)


def test_tally() -> None:
    """Prints (with -s) what docs/reliability.md says."""
    for (what, outcome), count in sorted(TOLD.items()):
        print(f"| {what} | {outcome} | {count} |")
