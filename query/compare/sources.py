"""The objects that are compared, held in memory: every mapping joins them, and a file is read once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homodb.query.join.cells import FILE, SPECIES
from homodb.query.join.sides import Side
from homodb.query.join.sources import Source
from homodb.query.translate.matrices import InMemory, Rows
from homodb.query.translate.slots import Slot
from homodb.schema.counted import counted
from homodb.schema.errors import ScoreError
from homodb.schema.near import did_you_mean


class HeldSource:
    """An object whose main matrix is read when it is first asked for, and then held; it has no layers."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.obs, self.var, self.main = source.name, source.obs, source.var, source.main
        self.logged, self.parts = source.logged, source.parts
        self.layers: tuple[str, ...] = ()
        self._held: Rows | None = None

    def rows(self, slot: Slot, folder: Path, block: int | None) -> tuple[Rows, Any]:
        """Return the main matrix."""
        if self._held is None:
            read, _ = self._source.rows(self.main, folder, block)
            self._held = InMemory(read.take(0, read.shape[0]))
        return self._held, None


def check_cells(sources: Sequence[Source], sides: Sequence[Side], label: str, donor_key: str | None) -> None:
    """Check what is needed of the cells before anything is computed.

    Parameters
    ----------
    sources, sides
        The objects and their genes.
    label, donor_key
        Columns of obs with cell types and donors; ``source_file``, which a join adds, will do for donors.

    Raises
    ------
    ScoreError
        If all objects are of one species, or a column is not there or has gaps.
    """
    species = list(dict.fromkeys(side.species.common_name for side in sides))
    if len(species) < 2:
        names = ", ".join(side.name for side in sides)
        raise ScoreError(f"all cells are of {species[0]} ({names}); a comparison needs two species or more")
    _check_column(sources, label, "cell types", "--label")
    if donor_key is not None and donor_key not in (FILE, SPECIES):
        _check_column(sources, donor_key, "the donors", "--donor-key")


def _check_column(sources: Sequence[Source], name: str, what: str, option: str) -> None:
    for source in sources:
        if name not in source.obs:
            there = list(map(str, source.obs.columns))
            raise ScoreError(
                f"{source.name}: obs has no column {name!r} that tells {what}; it has {', '.join(there) or 'no column'}"
                f" ({option}){did_you_mean(name, there)}"
            )
        empty = int(source.obs[name].isna().sum())
        if empty:
            raise ScoreError(
                f"{source.name}: obs[{name!r}] is empty for {counted(empty, 'cell')}; leave them out, or name them"
            )
