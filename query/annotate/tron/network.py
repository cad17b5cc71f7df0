"""The network of the source species: from expression on the linear scale to a phenotype."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


class FeedForward(nn.Module):
    """A feed-forward network over genes: logarithm, less the mean of each gene, hidden layers, outputs.

    Parameters
    ----------
    mean
        Of each gene's log1p over the training cells, shape (genes,). Genes are not scaled: a gene that hardly varies
        in one species would weigh most in the other.
    outputs
        One per category, or 1.
    hidden, layers, dropout
        Units of a hidden layer, how many there are, share left out while training.
    centre, scale
        Mean and standard deviation of a numeric phenotype, in whose units the output is.
    """

    mean: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        mean: npt.ArrayLike,
        outputs: int,
        *,
        hidden: int = 64,
        layers: int = 2,
        dropout: float = 0.2,
        centre: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        kind = torch.get_default_dtype()
        for name, value in (("mean", mean), ("centre", centre), ("scale", scale)):
            self.register_buffer(name, torch.as_tensor(np.asarray(value), dtype=kind))
        sizes = [self.mean.shape[0]] + [hidden] * layers
        blocks: list[nn.Module] = []
        for size, following in itertools.pairwise(sizes):
            blocks += [nn.Linear(size, following), nn.ReLU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(hidden, outputs)

    def embed(self, expression: Tensor) -> Tensor:
        """Return the last hidden layer, shape (cells, hidden), of cells on the linear scale, shape (cells, genes).

        The logarithm keeps the sign: of a value below zero, which a layer without bounds can give, it is that of
        its size, below zero.
        """
        logged = expression.sign() * expression.abs().log1p()
        embedded: Tensor = self.body(logged - self.mean)
        return embedded

    def forward(self, expression: Tensor) -> Tensor:
        """Return logits of categories, or the number, shape (cells, outputs)."""
        predicted: Tensor = self.head(self.embed(expression)) * self.scale + self.centre
        return predicted
