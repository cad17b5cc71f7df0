"""The docs say what the code does: every command stands in them, every link leads somewhere, doctests run."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

import homodb
from homodb.cli.app import app
from homodb.schema.enums import EvidenceClass, Strategy
from tests.blocks import WIDTH, check, console_blocks
from tests.console import typed

slugify = pytest.importorskip("markdown.extensions.toc", reason="the documentation tools are not installed").slugify

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page for folder in ("", "docs", "benchmarks", "releases", "tests/toy") for page in (ROOT / folder).glob("*.md")
)
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_an_example_and_a_place_in_the_docs(name: str) -> None:
    help_text = COMMANDS[name].help or ""
    assert help_text.split("\n")[0].strip().endswith(".")
    assert "Example: homodb" in help_text
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name}"
    assert f"homodb {name}" in (ROOT / "README.md").read_text()
    assert f"## homodb {name}" in (ROOT / "docs" / "commands.md").read_text()


def _loaded(name: str) -> ModuleType:
    """Return a module of the folder docs."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_generated_pages_are_those_that_the_sources_give() -> None:
    for page, text in _loaded("generate").PAGES.items():
        assert (ROOT / "docs" / page).read_text() == text(), f"run python docs/generate.py: {page} is stale"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            to = page.parent / target if target else page
            assert to.exists(), target
            assert not anchor or anchor in _anchors(to.read_text()), f"{target}#{anchor}"


def _anchors(page: str) -> set[str]:
    """Return the anchors of the headings of a page."""
    return {slugify(heading, "-") for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}


def test_every_page_has_its_place_in_the_site() -> None:
    pytest.importorskip("mkdocs", reason="the group docs is not installed")
    hooks = _loaded("hooks")
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:")[1]
    listed = re.findall(r"[\w/-]+\.md", nav)
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted([*pages, *hooks.OUTSIDE.values()])
    assert sum(not page.startswith("api/") for page in listed) <= 35  # a reader finds a page by reading the list


def test_links_are_rewritten_for_the_site() -> None:
    pytest.importorskip("mkdocs", reason="the group docs is not installed")
    rewritten = _loaded("hooks").rewritten
    assert rewritten("[a](../benchmarks/RESULTS.md#x)", "score.md", "docs/score.md") == "[a](benchmarks.md#x)"
    assert rewritten("[a](../benchmarks/RESULTS.md)", "score.md", "docs/score.md") == "[a](benchmarks.md#measurements)"
    assert rewritten("[a](docs/build.md) ![b](docs/images/dial.svg)", "changelog.md", "CHANGELOG.md") == (
        "[a](build.md) ![b](images/dial.svg)"
    )
    assert rewritten("[a](../docs/tron.md)", "benchmarks.md", "benchmarks/RESULTS.md") == "[a](tron.md)"
    assert rewritten("[`x`](../schema/near.py), [y](https://z.org), [w](#v)", "build.md", "docs/build.md") == (
        "`x`, [y](https://z.org), [w](#v)"
    )


def test_the_site_loads_nothing_from_elsewhere() -> None:
    config = (ROOT / "mkdocs.yml").read_text()
    assert "font: false" in config and not re.search(r"https?://", config)
    for style in (ROOT / "docs" / "stylesheets").iterdir():
        assert "url(" not in style.read_text() and "@import" not in style.read_text()


@pytest.mark.slow
def test_search_works_from_the_files(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the group docs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    index = (tmp_path / "search" / "search_index.js").read_text()  # a script, since files may not be fetched
    assert index.startswith("var __index = {") and "api/translate.html#homodb" in index
    for page in set(tmp_path.rglob("*.html")) - {tmp_path / "404.html"}:  # which a server gives at any address
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?([^\"> ]+)", text)
        loaded += re.findall(r"<link[^>]* href=\"?([^\"> ]+)[^>]*rel=\"?(?:stylesheet|icon)", text)
        loaded += re.findall(r"<link[^>]* rel=\"?(?:stylesheet|icon)[^>]*href=\"?([^\"> ]+)", text)
        loaded = [one for one in loaded if not one.startswith("data:")]
        assert [one for one in loaded if not (page.parent / one.partition("?")[0]).resolve().is_file()] == [], page
        if "__config" in text:  # a page of the theme: the search runs in an iframe where there are no workers
            assert [one for one in loaded if one.endswith("javascripts/iframe-worker.js")] != []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_fit(page: Path) -> None:
    for block in re.findall(r"^```.*\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
        assert [line for line in block.splitlines() if len(line) > WIDTH] == []


def test_old_addresses_lead_to_sections(tmp_path: Path) -> None:
    hooks = _loaded("hooks")
    pages = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
    pages["benchmarks"] += (ROOT / "benchmarks" / "RESULTS.md").read_text()
    for old, new in hooks.MOVED.items():
        name, _, anchor = new.partition(".html")
        assert old not in pages
        assert not anchor or anchor.removeprefix("#") in _anchors(pages[name]), new
    hooks.on_post_build({"site_dir": str(tmp_path)})
    assert 'url=languages.html#julia"' in (tmp_path / "from_julia.html").read_text()
    assert 'url=../decisions.html#7-duckdb-files"' in (tmp_path / "decisions/0007-duckdb-files.html").read_text()


@pytest.mark.slow
def test_readme_shows_what_is_really_printed(shared_data: Path, tmp_path: Path) -> None:
    for cells in (shared_data / "cells").glob("*.h5ad"):
        (tmp_path / cells.name).symlink_to(cells)
    for name, adata in homodb.datasets.islets()._asdict().items():
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOMODB_")}
    environment["HOMODB_CACHE"] = str(tmp_path / "cache")  # the release that homodb brings answers
    blocks = console_blocks((ROOT / "README.md").read_text())
    assert len(blocks) >= 11
    for command, output in blocks:
        assert command.startswith("homodb ")
        with_data = command.replace("release.toml", str(shared_data / "pllm" / "release.toml"))
        ran = typed(with_data, tmp_path, environment)
        assert not ran.code, ran.err
        check(command, ran.out, output)


def test_glossary_has_every_name_that_is_stored() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    for word in (*Strategy, *EvidenceClass):
        assert f"`{word}`" in glossary or f"**{word}**" in glossary, word


def test_changelog_has_this_version_or_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in text or f"## [{homodb.__version__}]" in text


def _modules() -> list[str]:
    return [m.name for m in pkgutil.walk_packages(homodb.__path__, "homodb.") if not m.name.endswith("__main__")]


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings(name: str) -> None:
    if ".tron." in name:
        pytest.importorskip("torch", reason="torch is an extra")
    assert doctest.testmod(importlib.import_module(name)).failed == 0
