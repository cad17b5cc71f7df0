"""Markers as text that fits a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homodb.query.markers.sort import LEANING, MEANING, Kind

if TYPE_CHECKING:
    from homodb.query.markers.result import Markers


def lines(found: Markers, top: int) -> list[str]:
    """Return the lines of the result: how many markers there are of which kind, and the best conserved ones."""
    counts = found.counts()
    kinds = [one for one in Kind if str(one) in counts.columns and (counts[str(one)].sum() or one in _ALWAYS)]
    wide = max(len(name) for name in [*counts["type"], "type"]) + 2
    side = max(len(name) for name in [*counts["species"], "species"]) + 2
    heads = " ".join(f"{kind!s:>{len(kind)}}" for kind in kinds)
    out = [
        f"markers of {counts['type'].n_unique()} cell types in {', '.join(found.species)}; genes correspond by "
        f"{found.how}",
        f"each type against the mean of: {', '.join(found.background)}",
        "",
        f"{'type':<{wide}}{'species':<{side}}{'cells':>7} {'test':>10} {'markers':>8} {heads}",
    ]
    for row in counts.iter_rows(named=True):
        test = f"{row['donors']} donors" if row["test"] == "donors" else row["test"]
        each = " ".join(f"{row[str(kind)]:>{len(kind)},}" for kind in kinds)
        out.append(
            f"{row['type']:<{wide}}{row['species']:<{side}}{row['cells']:>7,} {test:>10} {row['markers']:>8,} {each}"
        )
    out += ["", *(f"{kind}: {MEANING[kind]}" for kind in kinds)]
    if counts["leaning"].sum():
        out.append(f"leaning ({counts['leaning'].sum():,}): {LEANING}")
    if top and found.conserved.height:
        out += ["", "conserved, those that tell the type best:"]
        for (name,), frame in found.top(top).group_by("type", maintain_order=True):
            genes = (
                " / ".join(dict.fromkeys(row[one] for one in found.species if row[one] is not None))
                for row in frame.iter_rows(named=True)
            )
            out.append(f"  {name!s:<{wide}}{', '.join(genes)}")
    return out + [f"note: {note}" for note in found.notes]


#: Kinds that are told though none is found.
_ALWAYS = (Kind.CONSERVED, Kind.SPECIFIC, Kind.NO_ORTHOLOG, Kind.NOT_MEASURED)
