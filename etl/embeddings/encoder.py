"""ESM2's forward pass, from tokens to the weighted mean of a layer over each piece's residues.

The same numbers as fair-esm's, without what is not wanted: no padding (pieces lie one behind the other, and attention
runs over those of one length at a time, so that nothing needs a mask), no table of attention weights, no
language-model head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homodb.etl.embeddings.pieces import LIMIT, Batch
from homodb.etl.embeddings.weights import Layer, Weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


class Encoder:
    """Weights on a device, ready to compute.

    Parameters
    ----------
    weights
        The weights, all on one device.
    """

    def __init__(self, weights: Weights) -> None:
        import torch

        self._weights = weights
        self._device = weights.tokens.device
        angles = torch.outer(torch.arange(LIMIT + 2, device=self._device).float(), weights.frequencies)
        turns = torch.stack((angles.cos(), angles.sin()), -1).unsqueeze(1)
        # a product of long rows is faster on a CPU than one of many short ones
        heads = weights.heads if self._device.type == "cpu" else 1
        self._turns = turns.expand(-1, heads, -1, -1).contiguous()
        # Metal computes with complex numbers only in some versions
        self._complex = self._device.type != "mps"

    def __call__(self, batch: Batch) -> torch.Tensor:
        """Compute the weighted mean of each piece's residues.

        Returns
        -------
        torch.Tensor
            Shape (pieces, dimensions), float32, on the device; it may still be computing.
        """
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            x = functional.embedding(self._sent(batch.tokens), self._weights.tokens)
            turns = self._turns[self._sent(batch.positions)].unsqueeze(1)
            for layer in self._weights.layers:
                self._add_attention(x, layer, turns, batch.groups)
                self._add_mlp(x, layer)
            x = x.float()
            if self._weights.norm is not None:
                x = functional.layer_norm(x, x.shape[-1:], *self._weights.norm)
            return _means(x, self._sent(batch.weights), batch.groups)

    def _sent(self, array: npt.NDArray[np.int32] | npt.NDArray[np.float32]) -> torch.Tensor:
        """Send an array to the device, while that goes on computing."""
        import torch

        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)

    def _add_attention(
        self, x: torch.Tensor, layer: Layer, turns: torch.Tensor, groups: tuple[tuple[int, int], ...]
    ) -> None:
        import torch
        from torch.nn import functional

        tokens, wide = x.shape
        heads = self._weights.heads
        qkv = functional.linear(functional.layer_norm(x, (wide,), *layer.attention_norm), *layer.qkv)
        self._rotate(qkv[:, : 2 * wide].view(tokens, 2, heads, -1, 2), turns)
        sizes, parts = [count * length for count, length in groups], []
        for (count, length), part in zip(groups, torch.split(qkv, sizes), strict=True):
            query, key, value = part.view(count, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(query, key, value)
            parts.append(mixed.transpose(1, 2).reshape(count * length, wide))
        x += functional.linear(parts[0] if len(parts) == 1 else torch.cat(parts), *layer.out)

    def _add_mlp(self, x: torch.Tensor, layer: Layer) -> None:
        from torch.nn import functional

        wide = functional.linear(functional.layer_norm(x, x.shape[-1:], *layer.mlp_norm), *layer.up)
        x += functional.linear(functional.gelu(wide), *layer.down)

    def _rotate(self, pairs: torch.Tensor, turns: torch.Tensor) -> None:
        """Turn each pair of numbers in place by the angle of its position and frequency.

        Parameters
        ----------
        pairs
            Shape (tokens, 2, heads, frequencies, 2): queries and keys.
        turns
            Cosine and sine, shape (tokens, 1, heads or 1, frequencies, 2), float32.
        """
        import torch

        exact = pairs.float()
        if self._complex:
            torch.view_as_complex(exact).mul_(torch.view_as_complex(turns))
            turned = exact
        else:
            cosine, sine = turns.unbind(-1)
            first, second = exact.unbind(-1)
            turned = torch.stack((first * cosine - second * sine, second * cosine + first * sine), -1)
        if turned is not pairs:
            pairs.copy_(turned)


def _means(x: torch.Tensor, weights: torch.Tensor, groups: tuple[tuple[int, int], ...]) -> torch.Tensor:
    import torch

    sizes = [count * length for count, length in groups]
    return torch.cat(
        [
            torch.bmm(weight.view(count, 1, length), part.view(count, length, -1)).squeeze(1)
            for (count, length), part, weight in zip(
                groups, torch.split(x, sizes), torch.split(weights, sizes), strict=True
            )
        ]
    )
