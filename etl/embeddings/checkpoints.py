"""The published ESM2 checkpoints (Lin et al. 2023, https://doi.org/10.1126/science.ade2574)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """Shape of a checkpoint: transformer layers, length of a vector, attention heads."""

    name: str
    layers: int
    dimensions: int
    heads: int


#: Checkpoints by name.
CHECKPOINTS = {
    one.name: one
    for one in (
        Checkpoint("esm2_t6_8M_UR50D", 6, 320, 20),
        Checkpoint("esm2_t12_35M_UR50D", 12, 480, 20),
        Checkpoint("esm2_t30_150M_UR50D", 30, 640, 20),
        Checkpoint("esm2_t33_650M_UR50D", 33, 1280, 20),
        Checkpoint("esm2_t36_3B_UR50D", 36, 2560, 40),
        Checkpoint("esm2_t48_15B_UR50D", 48, 5120, 40),
    )
}
