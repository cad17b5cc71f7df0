"""The tutorial runs, cell by cell in one namespace; with ``HOMODB_DOCS=update`` it keeps what the cells show."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest

import homodb

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "tutorial.ipynb"
#: Bytes of HTML that the notebook keeps for one object; larger ones are kept as text alone.
LARGEST = 20_000
#: Seconds of the processor that the tutorial may take.
LONGEST = 60


def executed(source: str, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a cell; return what a notebook would show: printed text, the last value, and open figures."""
    import matplotlib.pyplot as plt

    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    lines = logging.StreamHandler(printed)  # a notebook shows them as printed text
    value: Any = None
    logging.getLogger("homodb").addHandler(lines)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "cell", "exec"), namespace)  # noqa: S102
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)  # noqa: S307
    finally:
        logging.getLogger("homodb").removeHandler(lines)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append(
            {"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)}
        )
    if value is not None and not source.rstrip().endswith(";"):
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        html = value._repr_html_() if hasattr(value, "_repr_html_") else None
        if html and len(html) < LARGEST:
            data["text/html"] = html.splitlines(keepends=True)
        outputs.append({"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"})
    for number in plt.get_fignums():
        stream = io.BytesIO()
        plt.figure(number).savefig(stream, format="png", dpi=72, bbox_inches="tight")
        picture = base64.b64encode(stream.getvalue()).decode()
        outputs.append({"data": {"image/png": picture}, "metadata": {}, "output_type": "display_data"})
    plt.close("all")
    return outputs


def kinds(outputs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(one["output_type"], *sorted(set(one.get("data", ())) - {"text/html"})) for one in outputs]


@pytest.mark.slow
def test_the_tutorial_runs_in_under_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="the extra cells is not installed")
    for package in ("scanpy", "igraph", "skmisc"):
        pytest.importorskip(package, reason="the extra cells is not installed")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(homodb.settings, "_frames", "polars")
    monkeypatch.setattr(homodb.settings, "_progress", False)
    level = logging.getLogger("homodb").level
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    begun = time.process_time()
    try:
        shown = [executed("".join(cell["source"]), namespace) for cell in codes(notebook)]
    finally:
        logging.getLogger("homodb").setLevel(level)
        if "release" in namespace:
            namespace["release"].close()
    assert time.process_time() - begun < LONGEST
    if os.environ.get("HOMODB_DOCS") == "update":
        for number, (cell, outputs) in enumerate(zip(codes(notebook), shown, strict=True), 1):
            cell["execution_count"], cell["outputs"] = number, outputs
            for one in outputs:
                if "execution_count" in one:
                    one["execution_count"] = number
        text = json.dumps(notebook, indent=1, ensure_ascii=False).replace(str(Path.home()), "~")
        NOTEBOOK.write_text(f"{text}\n", "utf-8")
    for cell, outputs in zip(codes(notebook), shown, strict=True):
        assert kinds(cell["outputs"]) == kinds(outputs), "".join(cell["source"])
    assert sum(("display_data", "image/png") in kinds(one) for one in shown) >= 6


def codes(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_is_one_that_jupyter_reads() -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 4)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        keys = {"cell_type", "metadata", "source"}
        assert set(cell) == (keys if cell["cell_type"] == "markdown" else keys | {"execution_count", "outputs"})
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    assert all(cell["outputs"] for cell in codes(notebook)[1:]), "HOMODB_DOCS=update pytest tests/test_tutorial.py"
