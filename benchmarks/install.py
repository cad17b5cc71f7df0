"""Print the size on disk of what each extra of homodb installs, as far as it is installed here.

Follows the requirements of each distribution, and adds up the files that its record lists.

Usage: ``python benchmarks/install.py``, in an environment with the extras to measure.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def closure(requirements: list[str], sizes: dict[str, int], missing: set[str]) -> dict[str, int]:
    """Return the size in bytes of each distribution that requirements need."""
    for text in requirements:
        requirement = Requirement(text)
        name = requirement.name.lower().replace("_", "-")
        if name in sizes or name == "homodb":
            continue
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing.add(name)
            continue
        paths = [Path(str(found.locate_file(file))) for file in found.files or ()]
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file())
        extras = ["", *requirement.extras]
        needed = [
            one
            for one in found.requires or ()
            if (marker := Requirement(one).marker) is None or any(marker.evaluate({"extra": extra}) for extra in extras)
        ]
        closure(needed, sizes, missing)
    return sizes


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    plain = closure(project["dependencies"], {}, set())
    own = sum(path.stat().st_size for path in (ROOT / "releases" / "starter-2026.1" / "parquet").rglob("*.parquet"))
    print(f"{'extra':<10} {'more MB':>8}  largest; not here")
    print(f"{'(none)':<10} {(sum(plain.values()) + own) / 1e6:>8.0f}  {largest(plain)}")
    for name, requirements in extras.items():
        if name == "all":
            continue
        missing: set[str] = set()
        within = [one for text in requirements if "homodb[" in text for one in extras[text.split("[")[1].rstrip("]")]]
        sizes = closure([*requirements, *within], dict(plain), missing)
        more = {package: size for package, size in sizes.items() if package not in plain}
        lacking = f"; not here: {', '.join(sorted(missing))}" if missing else ""
        print(f"{name:<10} {sum(more.values()) / 1e6:>8.0f}  {largest(more)}{lacking}")


def largest(sizes: dict[str, int]) -> str:
    """Name the six largest distributions."""
    names = sorted(sizes, key=lambda name: -sizes[name])[:6]
    return ", ".join(f"{name} {sizes[name] / 1e6:.0f}" for name in names)


if __name__ == "__main__":
    main()
