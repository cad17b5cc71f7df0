"""Genes on which mousipy and homodb disagree, and why.

Run as ``python benchmarks/mousipy_disagreements.py RELEASE PYTHON CELLS``. PYTHON is the
interpreter of an environment that has mousipy 0.1.7, CELLS an h5ad file of mouse cells. Each gene is looked up by both,
to human, and the targets are compared.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict

import anndata
import polars as pl
from measure import machine

import homodb

#: Prints, for each name, whether mousipy finds one target, several, none, or guesses one, and which.
_MOUSIPY = """
import json, sys
import mousipy.mousipy as m
names = json.load(sys.stdin)
direct, several, none, absent = m.check_orthologs(names, verbose=False)
told = {name: ["one", [target]] for name, target in direct.items()}
told |= {name: ["several", [str(one) for one in targets]] for name, targets in several.items()}
told |= {name: ["none", []] for name in none}
for name in absent:
    left_out = name[:2] in ("Gm", "RP") or any(part in name for part in ("Rik", "Hist", "Olfr", "."))
    told[name] = ["absent", []] if left_out else ["guessed", [name.upper()]]
json.dump(told, sys.stdout)
"""


def main(folder: str, python: str, cells: str) -> None:
    machine()
    names = anndata.read_h5ad(cells, backed="r").var_names.tolist()
    asked = subprocess.run(
        [python, "-c", _MOUSIPY], input=json.dumps(names), stdout=subprocess.PIPE, text=True, check=True
    )
    theirs = json.loads(asked.stdout)
    with homodb.open(folder) as release:
        found = release.orthologs(names, source="mouse", target="human")
        human = release.sql(
            "SELECT DISTINCT symbol FROM gene WHERE species = 1 AND gene = primary_gene AND symbol IS NOT NULL"
        )
        details = pl.DataFrame(found).group_by("name", maintain_order=True).agg(
            pl.col("resolved_as").first(), targets=pl.coalesce("target_symbol", "target_id").drop_nulls()
        )  # fmt: skip
    ours = {row["name"]: row for row in details.iter_rows(named=True)}
    symbols = set(human["symbol"])
    kinds: Counter[str] = Counter()
    shown: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        kind = why(name, theirs[name], ours[name], symbols)
        kinds[kind] += 1
        shown[kind].append(
            name if kind.startswith("agree") else f"{name} ({_told(theirs[name][1])}; {_told(ours[name]['targets'])})"
        )
    file = cells.rsplit("/", 1)[-1]
    print(f"\n### mousipy 0.1.7 and homodb (ENS_M2M), {len(names):,} genes of {file}, mouse to human\n")
    print("| genes | kind | examples: gene (mousipy; homodb) |\n| --- | --- | --- |")
    for kind, number in kinds.most_common():
        print(f"| {number:,} | {kind} | {', '.join(shown[kind][:3])} |")


def why(name: str, theirs: tuple[str, list[str]], ours: dict[str, object], human: set[str]) -> str:
    """Name the kind of agreement or disagreement about one gene."""
    how, found = theirs
    mine = [str(one) for one in ours["targets"]]  # type: ignore[attr-defined]
    best = mine[:1]
    if not found and not mine:
        return "agree: neither has a target"
    if how == "guessed":
        if not mine and not set(found) & human:
            return "mousipy capitalises an unknown name: no human gene is called so"
        return "agree: mousipy's capitalised guess is the ortholog" if found == best else (
            "mousipy capitalises a name that its table lacks; homodb has another ortholog, or none"
        )  # fmt: skip
    if found == best:
        return "agree: one and the same target" if len(mine) == 1 else "one target each; homodb's best of several"
    if how == "several" and best and best[0] in found:
        return "mousipy copies the counts into every ortholog; homodb adds them to the best one"
    if found and not mine:
        unknown = ours["resolved_as"] in ("unknown", "ambiguous", "retired")
        return (
            "homodb: the release does not know the name"
            if unknown
            else "homodb: the release's Ensembl export has no ortholog"
        )
    if mine and not found:
        return "mousipy: its table has the gene without an ortholog (or leaves the name out)"
    return "different targets: the two Ensembl releases differ, or the symbol was renamed"


def _told(targets: object) -> str:
    return "/".join(list(targets)[:3]) or "none"  # type: ignore[call-overload]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:4])
