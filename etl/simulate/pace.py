"""How long proteins are, and how much each branch of a gene tree changes them.

The pace differs between families (log-normal), between branches, and after a duplication: one copy in two is hurried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.families import PROTEINS, GeneTrees, Kind, Role
from homodb.etl.simulate.settings import Settings

#: Median length, its spread (standard deviation of the logarithm), least and most.
_LENGTH, _LENGTH_SPREAD, _SHORTEST, _LONGEST = 400.0, 0.8, 40, 5_000

#: Spread of pace between families and between branches.
_FAMILY_SPREAD, _BRANCH_SPREAD = 0.9, 0.3

#: Factors on the pace of hurried copies, of families with bursts, of ribosomal proteins.
_COPY_PACE, _BURST_PACE, _RIBOSOMAL_PACE = 4.0, 4.0, 0.1

#: Families that duplicate fast change fast: the exponent by which one follows the other.
_LINKED = 0.6


@dataclass(frozen=True)
class Plan:
    """What is drawn for every family and node before any residue is.

    Parameters
    ----------
    length
        Length of each family's first protein; 0 for families without proteins.
    pace
        Factor of each family on the rate of replacement.
    change
        Expected replacements per site on the branch above each node of the gene trees.
    """

    length: np.ndarray
    pace: np.ndarray
    change: np.ndarray


def plan(trees: GeneTrees, settings: Settings) -> Plan:
    """Draw lengths, paces, and how much each branch changes.

    Parameters
    ----------
    trees
        The gene trees.
    settings
        Its rate of substitution and seed count.
    """
    rng = settings.stream("plan")
    families = len(trees.role)
    drawn = np.exp(rng.standard_normal(families) * _LENGTH_SPREAD) * _LENGTH
    length = np.clip(drawn, _SHORTEST, _LONGEST).astype(np.int64) * np.isin(trees.role, PROTEINS)
    pace = np.exp(rng.standard_normal(families) * _FAMILY_SPREAD)
    pace *= np.where(trees.pace > 0, trees.pace, 1.0) ** _LINKED
    pace *= np.where((trees.burst > 0).any(axis=0), _BURST_PACE, 1.0)
    pace *= np.where(trees.role == Role.RIBOSOMAL, _RIBOSOMAL_PACE, 1.0)
    above = np.maximum(trees.parent, 0)
    elapsed = np.where(trees.parent >= 0, trees.age[above] - trees.age, 0.0)
    uneven = np.exp(rng.standard_normal(len(above)) * _BRANCH_SPREAD - _BRANCH_SPREAD**2 / 2)
    copied = np.where((trees.kind[above] == Kind.DUPLICATION) & (rng.random(len(above)) < 0.5), _COPY_PACE, 1.0)
    change = settings.substitution * elapsed * pace[trees.family] * uneven * copied
    return Plan(length, pace, change)
