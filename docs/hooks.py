"""What MkDocs does besides: pages that lie outside ``docs/`` join the site, and links and docstrings are made to fit.

In the repository a page links to others by their paths, so that links work where files are read as they lie. In the
site all pages are under one roof: links are rewritten from the one to the other.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
#: Pages outside docs/, by their paths in the repository: what they are called in the site.
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security_policy.md",
    "benchmarks/RESULTS.md": "results.md",
    "releases/README.md": "release_contents.md",
    "tests/toy/README.md": "toy.md",
}
_PLACES = {name: path for path, name in OUTSIDE.items()}
_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):(?=<code>)")
_LINK = re.compile(r"(?P<shown>!?\[[^\]\n]*\])\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages from outside."""
    for path, name in OUTSIDE.items():
        files.append(File.generated(config, name, content=(ROOT / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of a page."""
    return rewritten(markdown, page.file.src_uri)


def on_page_content(html: str, **_: Any) -> str:
    """Leave of the roles of docstrings (``:func:`` and the like) what they name."""
    return _ROLE.sub("", html)


def rewritten(markdown: str, name: str) -> str:
    """Return a page with its links as the site needs them.

    Parameters
    ----------
    markdown
        The page, with links as they hold in the repository.
    name
        What the page is called in the site.
    """
    here = PurePosixPath(_PLACES.get(name, f"docs/{name}")).parent

    def link(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        path = os.path.normpath(here / target).replace(os.sep, "/")
        if path in OUTSIDE:
            to = OUTSIDE[path]
        elif path == "README.md":
            to = "index.md"
        elif path.startswith("docs/") and (ROOT / path).is_file():
            to = path.removeprefix("docs/")
        else:  # a file that is no page: its name is enough
            return found["shown"].strip("[]")
        return f"{found['shown']}({os.path.relpath(to, PurePosixPath(name).parent)}{anchor})"

    return _LINK.sub(link, markdown)
