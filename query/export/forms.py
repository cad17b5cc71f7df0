"""Files of vectors: Parquet, HDF5, and the dictionaries that SATURN, UCE and TranscriptFormer load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from homodb.schema.errors import MissingPackageError
from homodb.schema.files import whole_file

Vectors = npt.NDArray[np.float32]


def write_parquet(path: Path, genes: pl.DataFrame, vectors: Vectors) -> None:
    """Write ``stable_id``, ``symbol`` and ``vector`` (a list of fixed size, float32)."""
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    names = genes.select("stable_id", "symbol").to_arrow()
    with whole_file(path) as partial:
        pq.write_table(names.append_column("vector", column), partial, compression="zstd", use_dictionary=False)


def write_h5(path: Path, genes: pl.DataFrame, vectors: Vectors, about: Mapping[str, str]) -> None:
    """Write datasets ``stable_id``, ``symbol`` (empty without one) and ``vectors`` (genes x dimensions, float32).

    Raises
    ------
    MissingPackageError
        If h5py is not installed.
    """
    h5py = _needed("h5py")
    with whole_file(path) as partial, h5py.File(partial, "w") as file:
        for name in ("stable_id", "symbol"):
            file.create_dataset(name, data=genes[name].fill_null("").to_list(), dtype=h5py.string_dtype())
        file.create_dataset("vectors", data=vectors)
        file.attrs.update(about)


def write_transcriptformer(path: Path, stable_ids: Sequence[str] | pl.Series, vectors: Vectors) -> None:
    """Write what TranscriptFormer reads: ``keys`` (gene IDs as bytes) and a group ``arrays`` with a vector by ID.

    Its README: https://github.com/czi-ai/transcriptformer (option ``--pretrained-embedding``).

    Raises
    ------
    MissingPackageError
        If h5py is not installed.
    """
    h5py = _needed("h5py")
    with whole_file(path) as partial, h5py.File(partial, "w") as file:
        names = list(stable_ids)
        file.create_dataset("keys", data=np.array([name.encode() for name in names], dtype=np.bytes_))
        arrays = file.create_group("arrays")
        for name, vector in zip(names, vectors, strict=True):
            arrays.create_dataset(name, data=vector)


def write_symbol_dictionary(path: Path, names: Sequence[str], vectors: Vectors) -> None:
    """Write what SATURN and UCE load: a torch file with a dictionary from gene name to vector.

    Their code: https://github.com/snap-stanford/SATURN and https://github.com/snap-stanford/UCE.

    Raises
    ------
    MissingPackageError
        If torch is not installed.
    """
    torch = _needed("torch")
    rows = torch.from_numpy(np.ascontiguousarray(vectors)).unbind(0)  # rows of one storage, which is saved once
    with whole_file(path) as partial:
        torch.save(dict(zip(names, rows, strict=True)), partial)


def _needed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(f"this form needs {name}, which is not installed: pip install {name}") from error
