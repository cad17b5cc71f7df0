"""Random damage to h5ad files that anndata wrote: ``python tests/fuzz/cells.py --mutations 5000 [--seed N]``.

Each mutant is inspected, read and translated, to HDF5 and to zarr, in a process of its own, for HDF5 itself may end
the process or run on. A :class:`HomodbError` or a whole result is sound; a result must be one that anndata reads, and
parts of it whose bytes were not touched must be equal. Prints how many ended how; other exceptions are faults.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

import homodb
from homodb.query.cells import read_anndata
from homodb.query.inspect import inspect
from homodb.query.translate import translate_file
from homodb.schema.errors import HomodbError

GENES = ("Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "mt-Nd1", "Rplp0", "Xist", "Nonsense")
#: Seconds for one mutant; a process that runs on is ended, and counted.
SECONDS = 20
#: Outcomes that are HDF5's own: homodb's code is not running when they happen.
LIBRARY = ("HDF5 crashed", "HDF5 ran on")


def write_seeds(folder: Path) -> list[Path]:
    """Write sound files: sparse and dense, compressed and not, with everything that an object holds."""
    rng = np.random.default_rng(0)
    paths = []
    for number, compression in enumerate((None, "gzip", "lzf")):
        counts = rng.poisson(1.0, (12, len(GENES))).astype(np.float32 if number else np.int32)
        obs = pd.DataFrame(
            {"cell_type": pd.Categorical([*"aabbbccaabb", None]), "depth": counts.sum(1),
             "text": [f"t{i}" for i in range(12)],
             "whole": pd.array([1, None] * 6, dtype="Int64"), "good": pd.array([True, None] * 6, dtype="boolean")},
            index=[f"c{i}" for i in range(12)],
        )  # fmt: skip
        matrix = (sp.csr_matrix, sp.csc_matrix, np.asarray)[number](counts)
        adata = anndata.AnnData(matrix, obs=obs, var=pd.DataFrame({"mean": 1.0}, index=list(GENES)))
        adata.layers["counts"], adata.obsm["X_pca"] = counts.copy(), rng.normal(size=(12, 2))
        adata.obsm["table"] = pd.DataFrame({"x": range(12)}, index=adata.obs_names)
        adata.obsp["distances"] = sp.csr_matrix(np.eye(12))
        adata.uns = {
            "nested": {"deep": {"x": np.arange(3), "text": "y"}},
            "colors": np.array(["#000000"]),
            "number": 1.5,
        }
        paths.append(folder / f"seed-{number}.h5ad")
        adata.write_h5ad(paths[-1], compression=compression)
    return paths


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy of a file."""
    damaged = bytearray(data)
    kind = rng.choice(["flip", "flip", "burst", "zero", "int", "cut", "swap"])
    for _ in range(rng.choice([1, 1, 3, 20])):
        at = rng.randrange(min(len(damaged), 4096)) if rng.random() < 0.3 else rng.randrange(len(damaged))
        other = rng.randrange(len(damaged))
        match kind:
            case "flip":
                damaged[at] ^= 1 << rng.randrange(8)
            case "burst":
                damaged[at : at + 16] = rng.randbytes(len(damaged[at : at + 16]))
            case "zero":
                damaged[at : at + 64] = bytes(len(damaged[at : at + 64]))
            case "int":
                part = rng.choice([b"\xff" * 8, b"\0" * 7 + b"\x80", b"\xff" * 4 + bytes(4)])
                damaged[at : at + 8] = part[: len(damaged[at : at + 8])]
            case "swap":
                one, two = bytes(damaged[at : at + 64]), bytes(damaged[other : other + 64])
                if len(one) == len(two) == 64 and abs(at - other) >= 64:
                    damaged[at : at + 64], damaged[other : other + 64] = two, one
    if kind == "cut":
        damaged = damaged[: rng.randrange(1, len(damaged))] + bytes(rng.choice([0, 1000]))
    return bytes(damaged)


def packed(array: h5py.Dataset) -> tuple[Any, ...]:
    """Return the chunks of an lzf array as stored, none for another one.

    A damaged chunk is read as it is followed by whatever is in memory, so that its values differ from time to time.
    """
    if array.compression != "lzf":
        return ()
    offsets = [array.id.get_chunk_info(number).chunk_offset for number in range(array.id.get_num_chunks())]
    return tuple((offset, array.id.read_direct_chunk(offset)) for offset in offsets)


def datasets(group: h5py.Group, name: str) -> Iterator[h5py.Dataset]:
    """Yield the datasets at and below an element, without those that cannot be opened."""
    with suppress(Exception):
        element = group[name]
        if isinstance(element, h5py.Dataset):
            yield element
        else:
            for key in element:
                yield from datasets(element, key)


def values(path: Path) -> dict[str, tuple[bytes, tuple[Any, ...]]]:
    """Return, by path, the values of every HDF5 array that can be read, pickled, and its :func:`packed` chunks."""
    arrays: dict[str, tuple[bytes, tuple[Any, ...]]] = {}
    with h5py.File(path, "r") as file:
        for element in (element for part in ("obs", "obsm", "obsp", "uns") for element in datasets(file, part)):
            name, form = element.name.strip("/"), ""
            try:
                array, chunks = element[()], packed(element)
            except Exception:  # noqa: BLE001, S112 (damaged; the result must lack it)
                continue
            with suppress(Exception):
                form = element.parent.attrs["encoding-type"]
            if form == "nullable-string-array":
                if name.endswith("/mask") or np.any(element.parent["mask"][()]):
                    continue  # text without gaps is written as a plain array, with gaps as it is
                name = name.removesuffix("/values")
            plain = array.tolist() if isinstance(array, np.ndarray) else array
            arrays[name] = pickle.dumps(plain), chunks
    return arrays


def check_untouched(mutant: Path, output: Path) -> list[str]:
    """Return arrays of the result that are neither as in the damaged input nor left out."""
    given, made = values(mutant), values(output)
    changed = []
    for name, (value, chunks) in made.items():
        before = given.get(name, (b"", ()))
        if not name.startswith("uns/homodb") and before[0] != value and not (chunks and before[1] == chunks):
            changed.append(name)
    return changed


def attempt(mutant: Path, folder: Path, release: homodb.Release) -> str:
    """Return how one mutant ended."""
    outcomes, output = [], folder / "out.h5ad"
    for action in (
        lambda: translate_file(mutant, output, "human", source="mouse", release=release),
        lambda: translate_file(mutant, folder / "out.zarr", "human", source="mouse", release=release),
        lambda: inspect(mutant, release=release, source="mouse"),
        lambda: read_anndata(mutant),
    ):
        try:
            action()
            outcomes.append("taken")
        except HomodbError:
            outcomes.append("refused")
        except Exception as error:  # noqa: BLE001 (what is looked for)
            return f"FAULT {type(error).__name__}\n{traceback.format_exc()}"
    if outcomes[0] == "taken":
        try:
            anndata.read_h5ad(output)
        except Exception as error:  # noqa: BLE001 (what is looked for)
            return f"FAULT output cannot be read\n{type(error).__name__}: {error}"
        if changed := check_untouched(mutant, output):
            return f"FAULT changed {changed[:3]}"
    return "taken" if "refused" not in outcomes else "refused"


def alone(function: Callable[[], str], note: Path) -> str:
    """Run a function in a child process, and return its answer, or how the process ended."""
    note.write_text("")
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        warnings.simplefilter("ignore")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            note.write_text(function())
        except BaseException:  # noqa: BLE001 (told by the parent)
            note.write_text(f"FAULT of the fuzz target\n{traceback.format_exc()}")
        finally:
            os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        return LIBRARY[1] if code == -signal.SIGALRM else LIBRARY[0]
    return note.read_text()


def fuzz(
    release: Path, folder: Path, mutations: int, seed: int, keep: Path | None = None, seconds: float = float("inf")
) -> Counter[str]:
    """Try mutants of all seeds, and return how many ended how; `keep`: folder for those that are not sound."""
    end = time.monotonic() + seconds
    rng, counts = random.Random(seed), Counter[str]()  # noqa: S311
    seeds = [path.read_bytes() for path in write_seeds(folder)]
    mutant = folder / "mutant.h5ad"

    def run() -> str:
        with homodb.open(release) as opened:
            return attempt(mutant, folder, opened)

    for data in seeds:
        mutant.write_bytes(data)
        if (outcome := alone(run, folder / "note")) != "taken":
            raise AssertionError(f"a sound file is not taken: {outcome}")
    for number in range(mutations):
        if time.monotonic() > end:
            break
        mutant.write_bytes(mutate(rng.choice(seeds), rng))
        outcome = alone(run, folder / "note")
        counts[outcome.splitlines()[0] if outcome else "FAULT no answer"] += 1
        if keep is not None and outcome not in ("taken", "refused"):
            (keep / f"{seed}-{number}.h5ad").write_bytes(mutant.read_bytes())
            print(seed, number, outcome, flush=True)
    return counts


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("release", type=Path, help="folder of a release with human and mouse")
    asked.add_argument("--mutations", type=int, default=5000)
    asked.add_argument("--seconds", type=float, default=float("inf"), help="end after so many, with fewer mutations")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--keep", type=Path, help="folder for mutants that are not sound")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="homodb-fuzz-") as folder:
        counts = fuzz(given.release, Path(folder), given.mutations, given.seed, given.keep, given.seconds)
    for outcome, number in counts.most_common():
        print(f"{number:6d} {outcome}")
    if any(outcome.startswith("FAULT") for outcome in counts):
        sys.exit("faults")


if __name__ == "__main__":
    main()
