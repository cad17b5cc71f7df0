"""Build package faces that import modules on first use."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def attach_stub(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Attach the names that the stub of a package imports.

    Parameters
    ----------
    package
        The package's ``__name__``.
    file
        The package's ``__file__``. The stub ``__init__.pyi`` beside it is the only list of names, and type checkers
        read it too.

    Returns
    -------
    tuple
        ``__getattr__``, ``__dir__`` and ``__all__`` of the package.
    """
    tree = ast.parse(Path(file).with_suffix(".pyi").read_text("utf-8"))
    origins = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }

    def load(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = origins[name]
        return getattr(importlib.import_module(module), attribute)

    names = sorted(origins)
    return load, lambda: names, names
