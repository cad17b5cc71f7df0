"""The wheel holds exactly the four folders, the face and the starter release; heavy packages stay unimported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("cli", "etl", "query", "schema")
#: Of the starter release, its inputs stay out.
STARTER = tuple(f"releases/starter-2026.1/{name}" for name in ("manifest.json", "SOURCES.md", "parquet"))
FACE = {"homodb/__init__.py", "homodb/__init__.pyi", "homodb/constraints.txt", "homodb/errors.py", "homodb/py.typed"}


def _tracked(*paths: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *paths], cwd=ROOT, capture_output=True, check=True, text=True)
    return {name for name in listed.stdout.split("\0") if name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_four_folders_the_face_and_the_starter_release(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        starter = sum(info.file_size for info in archive.infolist() if info.filename.startswith("homodb/releases/"))
    assert held == {f"homodb/{name}" for name in _tracked(*FOLDERS, *STARTER)} | FACE
    assert 10_000_000 < starter < 16_000_000


@pytest.mark.slow
def test_source_distribution_builds_the_same_wheel(tmp_path: Path, wheel: Path) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, capture_output=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as ours, zipfile.ZipFile(wheel) as direct:
        assert sorted(ours.namelist()) == sorted(direct.namelist())


def test_everything_in_the_repository_is_of_the_top_level_that_the_design_draws() -> None:
    top = {name.split("/")[0] for name in _tracked() if "/" in name}
    assert top == {*FOLDERS, "tests", "releases", "benchmarks", "docs", "src", ".ci"}


@pytest.mark.parametrize(
    "heavy", ["torch", "esm", "scanpy", "anndata", "pandas", "polars", "duckdb", "pyarrow", "pydantic"]
)
def test_help_and_import_load_no_heavy_package(heavy: str) -> None:
    code = (
        "import sys, homodb, homodb.cli.app\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(homodb.cli.app.app, ['--help']).exit_code == 0\n"
        f"assert {heavy!r} not in sys.modules, {heavy!r}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--version"], {"duckdb", "polars", "numpy", "pyarrow", "pandas", "httpx"}),
        (["orthologs", "INS", "--from", "human", "--to", "mouse"], {"numpy", "pyarrow", "pandas", "httpx", "anndata"}),
        (["explain", "INS", "--from", "human", "--to", "mouse"], {"pandas", "httpx", "anndata"}),
        (["info"], {"numpy", "pyarrow", "pandas", "httpx", "anndata"}),
    ],
)
def test_a_command_imports_what_it_needs(arguments: list[str], heavy: set[str]) -> None:
    code = (
        "import sys\n"
        "from homodb.cli.app import app\n"
        "from typer.testing import CliRunner\n"
        f"assert CliRunner().invoke(app, {arguments!r}).exit_code == 0\n"
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_constraints_pin_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }
    groups = project["dependency-groups"]
    assert {one["include-group"] for one in groups.pop("dev")} == set(groups)
    wanted = [*project["project"]["dependencies"], *(name for group in groups.values() for name in group)]
    names = {name.split(">=")[0].split("[")[0].lower() for name in wanted}
    assert names <= pinned
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text()


def test_the_face_has_what_its_stub_names() -> None:
    import ast

    import homodb

    stub = ast.parse((ROOT / "src" / "homodb" / "__init__.pyi").read_text())
    named = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    lacking = {"OrthologyLayer"} if importlib.util.find_spec("torch") is None else set[str]()
    assert (named | {"__version__"}) - lacking == set(homodb.__all__)
    for name in homodb.__all__:
        assert getattr(homodb, name) is not None


_LOOK = """
import importlib.util, inspect, pydoc, sys
real = importlib.util.find_spec
if {hide}:
    importlib.util.find_spec = lambda name, package=None: None if name == "torch" else real(name, package)
import homodb
has_torch = real("torch") is not None and not {hide}
assert ("OrthologyLayer" in dir(homodb)) == hasattr(homodb, "OrthologyLayer") == has_torch
assert not hasattr(homodb, "no_such_name")
names = dict(inspect.getmembers(homodb))
assert set(homodb.__all__) <= set(names), set(homodb.__all__) - set(names)
assert "translate" in pydoc.render_doc(homodb)
scope = {{}}
exec("from homodb import *", scope)
assert scope["translate"] is homodb.translate and scope["errors"].HomodbError is homodb.HomodbError
from homodb.errors import CountsError
assert "torch" not in sys.modules or not {hide}
"""


@pytest.mark.parametrize("hide", [False, True])
def test_looking_around_in_the_face_works_with_and_without_torch(hide: bool) -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK.format(hide=hide)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_line_hears_ctrl_c_before_it_imports_anything() -> None:
    """Until then a KeyboardInterrupt ends in a traceback."""
    code = "import sys, homodb.cli; print(*sorted(name for name in sys.modules if name.startswith('homodb')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["homodb", "homodb.cli"]


def test_no_large_file_but_those_of_the_starter_release() -> None:
    starter = 0
    for name in _tracked():
        path = ROOT / name
        if name.startswith("releases/starter-2026.1/"):
            starter += path.stat().st_size
        elif path.is_file() and not path.is_symlink():
            assert path.stat().st_size < 1_000_000, name
    assert 25_000_000 < starter < 30_000_000
