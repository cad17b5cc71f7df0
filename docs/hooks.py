"""Hooks of MkDocs: include pages from outside ``docs/``, rewrite links, clean docstrings, redirect old addresses.

In the repository, pages link to each other by path, so that links work where files are read in place. The site has all
pages in one folder, and links are rewritten for it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
#: Pages outside docs/, by their paths in the repository: their names in the site.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "docs/tutorial.ipynb": "tutorial.md",
    "releases/README.md": "release_contents.md",
    "tests/toy/README.md": "toy.md",
}
#: Files outside docs/ that the site appends to one of its pages, one heading level lower: that page, and the anchor.
APPENDED = {"benchmarks/RESULTS.md": ("benchmarks.md", "#measurements")}
#: Addresses of pages that were merged into others, without ``.html``: the page and section that replace them.
MOVED = {
    "comparison": "benchmarks.html",
    "exam": "simulation.html#the-exam",
    "fetch": "build.html#fetch-inputs-from-ensembl",
    "from_duckdb": "languages.html#duckdb-command-line",
    "from_julia": "languages.html#julia",
    "from_r": "languages.html#r-and-the-command-line",
    "no_ensembl": "build.html#a-species-that-ensembl-lacks",
    "report": "score.html#report",
    "results": "benchmarks.html#measurements",
    "score_curves": "score.html#how-scores-react-to-errors",
    "security": "reliability.html#security",
    "security_policy": "reliability.html#reporting",
    "three_species": "join.html#three-species-step-by-step",
    "decisions/index": "decisions.html",
    "decisions/0001-identity-belongs-to-the-query": (
        "decisions.html#1-biomarts-id-target-x-gene-identical-to-query-gene-is-the-identity-of-the-query"
    ),
    "decisions/0002-mapping-rows-carry-their-evidence": "decisions.html#2-mapping-rows-carry-their-evidence",
    "decisions/0003-tables-that-the-design-does-not-list": "decisions.html#3-tables-that-are-not-in-the-design",
    "decisions/0004-what-is-inferred-without-annotation": "decisions.html#4-what-is-inferred-without-an-annotation",
    "decisions/0005-mixed-releases": "decisions.html#5-how-homodb-notices-inputs-of-different-ensembl-releases",
    "decisions/0006-wheel-face-and-stub": "decisions.html#6-the-public-package-has-a-stub",
    "decisions/0007-duckdb-files": "decisions.html#7-duckdb-files",
    "decisions/0008-embeddings-in-a-build": "decisions.html#8-embeddings-in-a-build",
    "decisions/0009-the-conversion-layer-maps-target-genes-to-source-genes": (
        "decisions.html#9-the-conversion-layer-maps-target-genes-to-source-genes"
    ),
    "decisions/0010-the-site-generator": (
        "decisions.html#10-the-site-stays-on-material-for-mkdocs-until-zensical-can-replace-it"
    ),
}
_PATHS = {name: path for path, name in OUTSIDE.items()}
_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):(?=<code>)")
_LINK = re.compile(r"(?P<shown>!?\[[^\]\n]*\])\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
_REDIRECT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Moved</title>
<link rel="canonical" href="{to}"><meta http-equiv="refresh" content="0; url={to}"></head>
<body><a href="{to}">This page has moved.</a></body></html>
"""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside."""
    for path, name in OUTSIDE.items():
        text = (ROOT / path).read_text("utf-8")
        files.append(File.generated(config, name, content=notebook_page(text) if path.endswith(".ipynb") else text))
    return files


def notebook_page(text: str) -> str:
    """Return a notebook as a page: its code, and the text and pictures that its cells show."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            shown = "".join(data.get("text/plain", output.get("text", ())))
            parts += [f"```text\n{shown.rstrip()}\n```"] if shown else []
            parts += [f"![figure](data:image/png;base64,{data['image/png']})"] if "image/png" in data else []
    return "\n\n".join(parts)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of a page and append files from outside."""
    name = page.file.src_uri
    parts = [rewritten(markdown, name, _PATHS.get(name, f"docs/{name}"))]
    for path, (where, _anchor) in APPENDED.items():
        if where == name:
            text = re.sub(r"^#", "##", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE)
            parts.append(rewritten(text, name, path))
    return "\n".join(parts)


def on_page_content(html: str, **_: Any) -> str:
    """Remove the roles of docstrings (``:func:`` and the like) and keep the names."""
    return _ROLE.sub("", html)


def on_post_build(config: Any) -> None:
    """Write a page at each old address that leads to the new one."""
    for old, new in MOVED.items():
        path = Path(config["site_dir"], f"{old}.html")
        path.parent.mkdir(exist_ok=True)
        path.write_text(redirect(old, new), "utf-8")


def redirect(old: str, new: str) -> str:
    """Return the page that leads from an old address to a new one."""
    return _REDIRECT.format(to=f"{'../' * old.count('/')}{new}")


def rewritten(markdown: str, name: str, path: str) -> str:
    """Return a page with its links as the site needs them.

    Parameters
    ----------
    markdown
        The page, with links that hold in the repository.
    name
        Name of the page in the site.
    path
        Path of the page in the repository.
    """

    def link(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        there = os.path.normpath(PurePosixPath(path).parent / target).replace(os.sep, "/")
        if there in APPENDED:
            to, start = APPENDED[there]
            anchor = anchor or start
        elif there in OUTSIDE:
            to = OUTSIDE[there]
        elif there == "README.md":
            to = "index.md"
        elif there.startswith("docs/") and (ROOT / there).is_file():
            to = there.removeprefix("docs/")
        else:  # a file that is not a page: its name is enough
            return found["shown"].strip("[]")
        return f"{found['shown']}({os.path.relpath(to, PurePosixPath(name).parent)}{anchor})"

    return _LINK.sub(link, markdown)
