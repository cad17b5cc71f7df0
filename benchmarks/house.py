"""Print the size of the house, and fail where a measure is above its limit.

Counts, under ``etl``, ``schema``, ``query`` and ``cli``: modules, lines, import cycles, modules with one importer,
class names that serve several classes, variables named by a participle, docstrings that begin with a question word.
Needs the standard library only.

Usage: ``python benchmarks/house.py [CHECKOUT]``
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

#: Largest value that each measure may have. A commit that needs more room raises a limit and says why.
LIMITS = {
    "modules": 258,
    "lines": 58_781,
    "packages": 30,
    "modules directly in query": 4,
    "modules outside cli with one importer": 52,
    "import cycles": 0,
    "import cycles, with imports for typing": 0,
    "imports of homodb inside functions, upwards": 0,
    "class names that serve several classes": 0,
    "variables named by a participle": 8,
    "docstrings that begin with a question word": 0,
    "command-line flags named below cli": 0,
}

FOLDERS = ("schema", "etl", "query", "cli")
#: Layers of ``query``, lowest first; a package may import those in front of it.
LAYERS = (
    ("cells", "results", "release"),
    ("genes",),
    ("translate", "inspect", "export", "exam"),
    ("join", "gene_lists"),
    ("integrate", "markers"),
    ("score",),
    ("annotate",),
    ("compare", "report"),
)
_PARTICIPLE = re.compile(r"\b(told|said|asked|seen|there|found|known|chosen|made)\s*(?::[^=\n]+)?=(?!=)")
_QUESTION = re.compile(r"(What|Which|Whether|How|Where)\b")
_FLAG = re.compile(r"(?<![\w`-])--[a-z][a-z-]+")


def modules(checkout: Path) -> dict[str, Path]:
    """Map the dotted name of each module to its file."""
    paths = [path for folder in FOLDERS for path in sorted((checkout / folder).rglob("*.py"))]
    names = [".".join(("homodb", *path.relative_to(checkout).with_suffix("").parts)) for path in paths]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def _statements(tree: ast.Module, *, typing: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield each import statement, and whether it stands inside a function."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, inside = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not typing:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        function = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        pending.extend((child, function) for child in ast.iter_child_nodes(node))


def _imported(node: ast.stmt, names: Mapping[str, Path]) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & set(names)
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("homodb"):
        each = {f"{node.module}.{alias.name}" for alias in node.names}
        return {one if one in names else node.module for one in each} & set(names)
    return set()


def import_graph(names: Mapping[str, Path], trees: Mapping[str, ast.Module], *, typing: bool) -> dict[str, set[str]]:
    """Map each module to the modules of homodb that it imports."""
    graph: dict[str, set[str]] = {name: set() for name in names}
    for name, tree in trees.items():
        for node, _ in _statements(tree, typing=typing):
            graph[name] |= _imported(node, names) - {name}
    return graph


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """List the strongly connected components of more than one module, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            start = stack.index(node)
            component = stack[start:]
            del stack[start:]
            if len(component) > 1:
                components.append(sorted(component))

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in index:
            visit(node)
    return components


def _rank(name: str) -> int | None:
    parts = name.split(".")
    if parts[:2] != ["homodb", "query"] or len(parts) < 3:
        return None
    return next((rank for rank, layer in enumerate(LAYERS) if parts[2] in layer), None)


def _upwards(name: str, tree: ast.Module, names: Mapping[str, Path]) -> int:
    own = _rank(name)
    if own is None:
        return 0
    ranks = [
        _rank(other)
        for node, inside in _statements(tree, typing=False)
        if inside
        for other in _imported(node, names)
        if other.split(".")[2:3] != name.split(".")[2:3]
    ]
    return sum(rank is not None and rank >= own for rank in ranks)


def _messages(tree: ast.Module) -> Iterator[str]:
    """Yield the text of string constants that are no docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def measure(checkout: Path) -> dict[str, int]:
    """Measure a checkout; the keys are those of :data:`LIMITS`."""
    names = modules(checkout)
    texts = {name: path.read_text("utf-8") for name, path in names.items()}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    graph = import_graph(names, trees, typing=False)
    importers = Counter(other for imported in graph.values() for other in imported)
    classes = Counter(node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    documented = [
        ast.get_docstring(node) or ""
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    below = [name for name in names if not name.startswith("homodb.cli")]
    return {
        "modules": len(names),
        "lines": sum(text.count("\n") for text in texts.values()),
        "packages": sum(path.name == "__init__.py" for path in names.values()),
        "modules directly in query": sum(
            path.parent == checkout / "query" and path.name != "__init__.py" for path in names.values()
        ),
        "modules outside cli with one importer": sum(importers[name] == 1 for name in below),
        "import cycles": len(cycles(graph)),
        "import cycles, with imports for typing": len(cycles(import_graph(names, trees, typing=True))),
        "imports of homodb inside functions, upwards": sum(_upwards(name, trees[name], names) for name in names),
        "class names that serve several classes": sum(count > 1 for count in classes.values()),
        "variables named by a participle": sum(len(_PARTICIPLE.findall(text)) for text in texts.values()),
        "docstrings that begin with a question word": sum(bool(_QUESTION.match(text)) for text in documented),
        "command-line flags named below cli": sum(
            len(_FLAG.findall(text)) for name in below for text in _messages(trees[name])
        ),
    }


def main() -> int:
    """Print the table; return 1 where a measure is above its limit."""
    checkout = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    measured = measure(checkout)
    print(f"{'measure':<46} {'now':>7} {'limit':>7}")
    for name, value in measured.items():
        print(f"{name:<46} {value:>7,} {LIMITS[name]:>7,}{'  too many' if value > LIMITS[name] else ''}")
    return int(any(value > LIMITS[name] for name, value in measured.items()))


if __name__ == "__main__":
    sys.exit(main())
