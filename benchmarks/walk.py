"""Follow a matrix through ``homodb translate``: the modules it crosses, in order.

A module is crossed when one of its functions is called with a matrix (two dimensions) among its arguments.

Usage: ``python benchmarks/walk.py RELEASE CELLS.h5ad [TARGET]``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from homodb.query.translate import translate_file


def _is_matrix(value: Any) -> bool:
    shape = getattr(value, "shape", None)
    return isinstance(shape, tuple) and len(shape) == 2 and hasattr(value, "dtype")


def main() -> None:
    """Translate a file, and print the walk."""
    walk: list[str] = []

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if event != "call" or not frame.f_globals.get("__name__", "").startswith("homodb."):
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        if any(_is_matrix(frame.f_locals.get(name)) for name in names):
            module = frame.f_globals["__name__"].removeprefix("homodb.")
            if not walk or walk[-1] != module:
                walk.append(module)

    release, cells = Path(sys.argv[1]), Path(sys.argv[2])
    target = sys.argv[3] if len(sys.argv) > 3 else "human"
    with tempfile.TemporaryDirectory() as folder:
        sys.setprofile(profile)
        translate_file(cells, Path(folder) / "out.h5ad", target, release=release)
        sys.setprofile(None)
    crossed = list(dict.fromkeys(walk))
    print(f"{len(crossed)} modules: {', '.join(crossed)}")
    print(f"{len(walk)} steps from module to module")


if __name__ == "__main__":
    main()
