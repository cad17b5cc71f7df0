"""Cells of a table that name one gene, or several joined into a complex."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

#: What joins the parts of a complex: ``_`` (LIANA, CellChat, OmniPath), ``, `` (CellChat's symbols), and the like.
_SEPARATORS = (", ", "_", "&", "+", ":", ";", "|", ",", "/")

#: OmniPath writes this before a complex.
_MARK = "COMPLEX:"


@dataclass(frozen=True)
class Cell:
    """A cell of a gene column.

    Parameters
    ----------
    parts
        Names of genes; more than one for a complex; none for an empty cell.
    separator
        What joins them.
    mark
        What stands before them.
    """

    parts: tuple[str, ...]
    separator: str = ""
    mark: str = ""

    def rewritten(self, names: Iterable[str]) -> str:
        """Return the cell with other names; a name that several parts come to stands once."""
        return self.mark + self.separator.join(dict.fromkeys(names))


def readings(text: str) -> list[Cell]:
    """List all ways to read a cell: as one name, and as a complex by each separator that it holds.

    Examples
    --------
    >>> [cell.parts for cell in readings("ITGA2_ITGB1")]
    [('ITGA2_ITGB1',), ('ITGA2', 'ITGB1')]
    """
    mark = _MARK if text.startswith(_MARK) else ""
    bare = text.removeprefix(_MARK).strip()
    if not bare:
        return [Cell(())]
    cells = [Cell((bare,), "", mark)]
    for separator in _SEPARATORS:
        parts = tuple(part.strip() for part in bare.split(separator))
        if len(parts) > 1 and all(parts):
            cells.append(Cell(parts, separator, mark))
    return cells


def read(text: str, known: Collection[str], known_in_part: Collection[str]) -> Cell:
    """Read a cell: as one name where that is known as it stands, else as the complex of which most parts are known.

    Parameters
    ----------
    text
        The cell.
    known
        Names that mean a gene as they stand.
    known_in_part
        Names that mean a gene when a suffix or a prefix comes off; where no part of a complex is known as it
        stands, they count. (``ITGA2_ITGB1`` is a complex, not ITGB1 of a genome ITGA2.)

    Examples
    --------
    >>> read("C4B_2", {"C4B_2", "C4B"}, set()).parts
    ('C4B_2',)
    >>> read("ITGA2_ITGB1", {"ITGA2", "ITGB1"}, set())
    Cell(parts=('ITGA2', 'ITGB1'), separator='_', mark='')
    """
    whole, *complexes = readings(text.strip())
    if not complexes or whole.parts[0] in known:
        return whole
    best = max(complexes, key=lambda cell: _share(cell, known))
    return best if _share(best, known) > 0 and whole.parts[0] not in known_in_part else _either(whole, best, known)


def _either(whole: Cell, best: Cell, known: Collection[str]) -> Cell:
    """Choose between a name less its prefix or suffix, and a complex: that needs all its parts."""
    return best if _share(best, known) == 1 else whole


def _share(cell: Cell, known: Collection[str]) -> float:
    return sum(part in known and not part.isdigit() for part in cell.parts) / len(cell.parts)
