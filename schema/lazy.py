"""Build package faces that import modules on first use."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def attach_stub(
    package: str, file: str, *, needs: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Attach the names that the stub of a package imports.

    Parameters
    ----------
    package
        The package's ``__name__``.
    file
        The package's ``__file__``. The stub ``__init__.pyi`` beside it is the only list of names, and type checkers
        read it too.
    needs
        Names that exist only where another package is installed, with the name of that package.

    Returns
    -------
    tuple
        ``__getattr__``, ``__dir__`` and ``__all__`` of the package.
    """
    tree = ast.parse(Path(file).with_suffix(".pyi").read_text("utf-8"))
    origins = {
        alias.asname or alias.name: (node.module or package, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    missing = {name: other for name, other in (needs or {}).items() if importlib.util.find_spec(other) is None}
    names = sorted(origins.keys() - missing.keys())

    def load(name: str) -> Any:
        if name in missing:
            raise AttributeError(f"{package}.{name} needs the package {missing[name]}, which is not installed")
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = origins[name]
        owner = importlib.import_module(module)
        if module != package and hasattr(owner, attribute):
            return getattr(owner, attribute)
        return importlib.import_module(f"{module}.{attribute}")

    return load, lambda: names, names
