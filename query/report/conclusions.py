"""Summarise scores across species as sentences, by fixed rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import polars as pl

from homodb.query.results import Mark
from homodb.query.score import ProfileScores, Score
from homodb.schema.enums import Strategy
from homodb.schema.messages import counted

#: Below the first, species are apart within types; from the second on, as mixed as by chance.
_APART, _MIXED = 0.2, 0.8

#: Share of correct labels below which a type fails.
_FAILS = 0.5

#: Number of donors below which intervals are rough.
_FEW_DONORS = 5

#: Directions and types that are named; others are counted.
_NAMED = 6

_Row = Mapping[str, Any]


def conclusions(score: Score | None, donors: Mapping[str, int]) -> list[str]:
    """Return sentences on mixing, label transfer, failing types, over-merging, and the claims that they support.

    Parts that scores do not cover are named. `donors` is the number of donors of each species, 0 if unknown.
    """
    part = None if score is None else score.parts.get("cross_species")
    if score is None or part is None:
        return [
            "Nothing can be said of how the species meet: there are no scores across species (profile cross-species)."
        ]
    sentences = {
        "mixing": _mixing(part), "label transfer": _transfer(part), "which types fail": _failing(part),
        "over-merging": _over_merging(part),
    }  # fmt: skip
    available = [one for one in sentences.values() if one]
    missing = ", ".join(name for name, one in sentences.items() if not one)
    if not available:
        return [f"Nothing can be said of how the species meet: {missing} could not be computed. The notes say why."]
    return [*available, _claims(score.intervals, donors), *([f"Unknown: {missing}."] if missing else [])]


def verdict(score: Score | None) -> list[tuple[Mark, str, str]]:
    """Return three answers with marks, from the scores across species: mixing, types, labels.

    Rules: species mix well from 0.8 times as by chance on, badly below 0.2. Types are kept apart where at most a tenth
    of the cells of types that another species lacks are confidently called something else, and are not where more than
    half are; without such types, by the loss of self-projection (at most 0.05 well, above 0.2 badly). Labels carry
    over well where the worst direction has a balanced accuracy of at least 0.8 and no type fails, badly below 0.5 or
    where calling everything the commonest type is as good.
    """
    part = None if score is None else score.parts.get("cross_species")
    unknown = "not known: there are no scores of it"
    mixing, types, labels = ((Mark.UNKNOWN, unknown),) * 3 if part is None else (
        _judge_mixing(part) or (Mark.UNKNOWN, unknown), _judge_types(part) or (Mark.UNKNOWN, unknown),
        _judge_labels(part) or (Mark.UNKNOWN, unknown),
    )  # fmt: skip
    questions = ("Do the species mix?", "Are types kept apart?", "Do labels carry over?")
    return [(mark, question, text) for question, (mark, text) in zip(questions, (mixing, types, labels), strict=True)]


def _mark(value: float, bad: float, good: float) -> Mark:
    return Mark.GOOD if value >= good else Mark.BAD if value < bad else Mark.DOUBTFUL


def _judge_mixing(part: ProfileScores) -> tuple[Mark, str] | None:
    number = part.numbers.get("mixing_neighbours")
    if number is None or not math.isfinite(number.value):
        return None
    return _mark(number.value, _APART, _MIXED), f"{number.value:.2f} times as much as by chance, within types"


def _judge_types(part: ProfileScores) -> tuple[Mark, str] | None:
    rows = _rows(part, "over-merging", "confident")
    if rows:
        cells = sum(row["cells"] for row in rows)
        wrong = sum(row["cells"] * row["confident"] for row in rows) / cells
        text = f"{_percent(wrong)} of {counted(cells, 'cell')} of types that a species lacks are confidently miscalled"
        return _mark(-wrong, -0.5, -0.1), text
    number = part.numbers.get("alcs")
    if number is None or not math.isfinite(number.value):
        return None
    return _mark(-number.value, -0.2, -0.05), f"a classifier loses {max(number.value, 0):.2f} of its accuracy on types"


def _judge_labels(part: ProfileScores) -> tuple[Mark, str] | None:
    rows = _rows(part, "label transfer", "balanced_accuracy")
    ours = [row for row in rows if row["called_by"] == "neighbours"]
    if not ours:
        return None
    worst = min(ours, key=lambda row: row["balanced_accuracy"])
    common = [row["balanced_accuracy"] for row in rows if row["called_by"] == "majority class"]
    mark = _mark(worst["balanced_accuracy"], 0.5, 0.8)
    fails = sum(row["recall"] < _FAILS for row in _rows(part, "label transfer by cell type", "recall"))
    if any(worst["balanced_accuracy"] <= value for value in common):
        mark = Mark.BAD
    elif fails and mark is Mark.GOOD:
        mark = Mark.DOUBTFUL
    more = f"; {counted(fails, 'type')} with less than half right" if fails else ""
    text = f"balanced accuracy {worst['balanced_accuracy']:.2f}, {worst['reference']} to {worst['query']}{more}"
    return mark, text


def _mixing(part: ProfileScores) -> str:
    number = part.numbers.get("mixing_neighbours")
    if number is None or not math.isfinite(number.value):
        return ""
    word = (
        "species are apart" if number.value < _APART
        else "species are partly mixed" if number.value < _MIXED
        else "species are about as mixed as their numbers allow"
    )  # fmt: skip
    sure = "" if number.low is None or number.high is None else f"interval {number.low:.2f} to {number.high:.2f}"
    beside = "" if not _known(number.baseline) else f"without integration {number.baseline:.2f}"
    more = "; ".join(one for one in (sure, beside) if one)
    rows = _rows(part, "mixing", "neighbours")
    least = sorted(rows, key=lambda row: float(row["neighbours"]))[:1] if len(rows) > 1 else []
    named = "".join(f"; least in {row['cell_type']} ({row['neighbours']:.2f})" for row in least)
    return (
        f"Mixing: within a cell type, another species is among the nearest cells {number.value:.2f} times as often as "
        f"if species were mixed at random{f' ({more})' if more else ''}: {word}{named}."
    )


def _transfer(part: ProfileScores) -> str:
    rows = _rows(part, "label transfer", "balanced_accuracy")
    by_way = {(row["reference"], row["query"], row["called_by"]): row for row in rows}
    ours = sorted((row for row in rows if row["called_by"] == "neighbours"), key=lambda row: row["balanced_accuracy"])
    if not ours:
        return ""
    parts = []
    for row in ours[:_NAMED]:
        common = by_way.get((row["reference"], row["query"], "majority class"))
        compared = []
        if common:
            compared.append(f"{_against(row, common['balanced_accuracy'])} of calling all the commonest type")
        if _known(row.get("balanced_accuracy_baseline")):
            compared.append(f"{_against(row, row['balanced_accuracy_baseline'])} without integration")
        plain = ""
        if common and _known(row["accuracy"]) and row["accuracy"] <= common["accuracy"]:
            plain = f", but plain accuracy {row['accuracy']:.2f} is not above its {common['accuracy']:.2f}"
        parts.append(
            f"{row['reference']} to {row['query']} ({row['cells']:,} cells) {row['balanced_accuracy']:.2f}"
            + (f", {' and '.join(compared)}" if compared else "") + plain
        )  # fmt: skip
    return f"Label transfer, balanced accuracy: {'; '.join(parts)}{_more(ours)}."


def _against(row: _Row, other: float) -> str:
    """Compare the balanced accuracy of a row with another value, by the row's interval."""
    low, high = row.get("balanced_accuracy_low"), row.get("balanced_accuracy_high")
    value = float(row["balanced_accuracy"])
    least, most = (float(low), float(high)) if _known(low) and _known(high) else (value, value)
    word = "above" if least > other else "below" if most < other else "not clearly apart from"
    return f"{word} the {other:.2f}"


def _failing(part: ProfileScores) -> str:
    rows = sorted(_rows(part, "label transfer by cell type", "recall"), key=lambda row: row["recall"])
    if not rows:
        return ""
    bad = [row for row in rows if row["recall"] < _FAILS]
    named = [_recall(row) for row in (bad or rows[:1])[:_NAMED]]
    if not bad:
        return f"No type fails: at least half of the cells of each are called right; fewest of {named[0]}."
    return f"Types that fail (less than half of their cells called right): {'; '.join(named)}{_more(bad)}."


def _recall(row: _Row) -> str:
    before = row.get("recall_baseline")
    beside = f", {_percent(before)} without integration" if _known(before) else ""
    direction = f"{row['reference']} to {row['query']}"
    return f"{row['cell_type']}, {direction}, {_percent(row['recall'])} of {row['cells']:,}{beside}"


def _over_merging(part: ProfileScores) -> str:
    if "over-merging" not in part.tables:
        return ""
    rows = _rows(part, "over-merging", "confident")
    if not rows:
        return "Over-merging: no cell type that a species lacks could be looked at, so this is unknown."
    cells = sum(row["cells"] for row in rows)
    wrong = {name: sum(row["cells"] * (row.get(name) or 0.0) for row in rows) / cells
             for name in ("confident", "confident_near", "confident_baseline")}  # fmt: skip
    before = ""
    if all(_known(row.get("confident_baseline")) for row in rows):
        before = f" ({_percent(wrong['confident_baseline'])} without integration)"
    worst = max(rows, key=lambda row: row["cells"] * row["confident"])
    most = (
        f", most of them {worst['cell_type']} of {worst['species']} ({_percent(worst['confident'])} of "
        f"{worst['cells']:,}, mostly called {worst['called']})" if worst["confident"] > 0 else ""
    )  # fmt: skip
    pairs = {(row["species"], row["cell_type"]) for row in rows}
    twice = ", counted for each species that lacks the type" if len(pairs) < len(rows) else ""
    kinds = counted(len(pairs), "type")
    return (
        f"Over-merging: of {counted(cells, 'cell')} of {kinds} that another species lacks{twice}, "
        f"{_percent(wrong['confident'])}{before} are confidently, by at least 80 % of the votes, called something "
        f"else, which is always wrong{most}; {_percent(wrong['confident_near'])} also lie among that species' cells."
    )


def _claims(intervals: str, donors: Mapping[str, int]) -> str:
    have = ", ".join(f"{name} {number or 'not known'}" for name, number in donors.items())
    if intervals == "donors":
        few = ", but so few give rough ones" if min(donors.values(), default=0) < _FEW_DONORS else ""
        return (
            f"What can be claimed: intervals resample donors ({have}), so they hold for other donors{few}; two "
            "integrations differ only where their intervals do not overlap."
        )
    if intervals == "cells only":
        return (
            "What can be claimed: all of this holds for these cells, and nothing for other donors. Intervals draw "
            f"cells where a species has one donor or none known (donors: {have}), and no integration can be called "
            "better than another."
        )
    return "What can be claimed: there are no intervals, so the uncertainty of these numbers is unknown."


def _rows(part: ProfileScores, title: str, known: str) -> list[dict[str, Any]]:
    """Return the rows of a table with a value in a column, without the row of means."""
    table = part.tables.get(title)
    if table is None or known not in table.columns or "cells" not in table.columns:
        return []
    return table.filter(pl.col("cells").is_not_null(), pl.col(known).is_not_null()).to_dicts()


def _known(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _percent(share: float) -> str:
    """Format a share; only none is 0 %, and only all is 100 %.

    Examples
    --------
    >>> _percent(0.0), _percent(0.001), _percent(0.06), _percent(0.999), _percent(1.0)
    ('0 %', 'under 1 %', '6 %', 'over 99 %', '100 %')
    """
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _more(rows: Sequence[_Row]) -> str:
    return f"; and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""


_F1 = {"macro": "the mean over types", "micro": "over all cells", "weighted": "over types by size"}

#: Meaning of each score by profile; docs/score.md has more.
SCORES: dict[str, dict[str, str]] = {
    "pllm": {
        "nmi": "how much clusters and cell types share: 0 nothing, 1 everything",
        "ari": "agreement of clusters and cell types: 0 by chance, 1 the same",
        "clisi": "1: a cell's neighbours are all of its own type; says nothing of species",
        "asw": "how far types lie apart (mean silhouette, -1 to 1); says nothing of species",
        **{
            f"f1_{name}": f"F1 of clusters matched one to one with types, {how}; without cells of unmatched clusters"
            for name, how in _F1.items()
        },
        **{
            f"f1_{name}_all": f"the same ({how}), cells of unmatched clusters counted as wrong"
            for name, how in _F1.items()
        },
        "f1_unmatched_cells": "share of the cells that are in clusters matched with no type",
        "cells": "cells scored: those whose type all species have",
        "cells_left_out": "cells of types that a species lacks",
        "types": "cell types scored",
        "clusters": "clusters found when as many as types were requested",
        "resolution": "the setting of the clustering that gave them",
    },
    "scib": {
        "isolated_labels": "how far the types that fewest species have lie apart",
        "nmi_kmeans": "as nmi, with clusters by k-means",
        "ari_kmeans": "as ari, with clusters by k-means",
        "silhouette_label": "how far types lie apart (silhouette, brought to 0 to 1)",
        "clisi": "1: half of the cells or more have neighbours of their own type only",
        "bras": "how little species lie apart within types (silhouette)",
        "ilisi": "how mixed species are around a cell, whatever its type; over-merging raises it",
        "kbet": "share of neighbourhoods within types that look like the whole, by species",
        "graph_connectivity": "whether the cells of a type hang together",
        "pcr_comparison": "how much less variance species explain than without integration; over-merging raises it",
    },
    "cross_species": {
        "mixing_neighbours": "within a type, how often neighbours are of another species: 1 as by chance, 0 never",
        "mixing_ilisi": "the same by LISI over 90 neighbours: 1 as mixed as by chance, 0 apart",
        "transfer_balanced_accuracy": (
            "cells called by their 15 nearest cells of another species: share right, the mean over types"
        ),
        "transfer_kappa": "agreement of these calls with the types beyond chance: 0 by chance, 1 all right",
        "transfer_accuracy": "share of all cells called right; a common type outweighs the rare ones",
        "transfer_macro_f1": "F1 of the calls, types counting alike",
        "over_merging_neighbours": "of types that a species lacks: its share of the 15 nearest; 0 is best",
        "over_merging_confident": "share of such cells that 80 % of the votes call something else; always wrong",
        "over_merging_confident_near": "those of them that also lie among that species' cells, so that nothing warns",
        "self_projection": "within a species, share of cells whose type a classifier predicts",
        "alcs": "how much of that integration lost (accuracy loss of cell type self-projection); 0 or below: nothing",
    },
}  # fmt: skip

#: Baselines that ignore the cells.
_WAYS = {
    "transfer_majority_": "to compare: every cell called the commonest type",
    "transfer_random_": "to compare: labels of the other species shuffled",
}

STRATEGIES = {
    Strategy.ENS_M2M: "every ortholog pair of Ensembl; a gene may have several partners",
    Strategy.ENS_O2O: "Ensembl's one-to-one orthologs",
    Strategy.HM_O2O: "of Ensembl's ortholog pairs the best by confidence and identity, each gene at most once",
    Strategy.LM_O2O: "genes whose protein embeddings are each other's nearest, by a protein language model alone",
    Strategy.HL_O2O: "the best of HM_O2O and LM_O2O together, each gene at most once",
}

#: Units that intervals resample.
INTERVALS = {
    "donors": "donors are resampled",
    "cells only": "cells only: they say nothing of other donors",
    "none": "there are none",
}

_BASELINE, _NO_BASELINE = "none baseline: ", "there is no none baseline: "
_COMPUTED = "computed from the counts, "


def meaning(profile: str, name: str) -> str:
    """Return the meaning of a score, or an empty text.

    Examples
    --------
    >>> meaning("cross_species", "transfer_majority_kappa")
    'to compare: every cell called the commonest type'
    """
    for beginning, text in _WAYS.items():
        if profile == "cross_species" and name.startswith(beginning):
            return text
    return SCORES.get(profile, {}).get(name, "")


def strategy_meaning(name: str) -> str:
    """Return the name of a strategy with its description; any other text as it is.

    Examples
    --------
    >>> strategy_meaning("ENS_O2O"), strategy_meaning("by hand")
    ("ENS_O2O: Ensembl's one-to-one orthologs", 'by hand')
    """
    return f"{name}: {STRATEGIES[Strategy(name)]}" if name in Strategy.__members__ else name


def method_meaning(name: str) -> str:
    """Return the name of a method with its description; any other text as it is.

    Examples
    --------
    >>> method_meaning("harmony")
    'harmony: Harmony, by harmonypy'
    """
    from homodb.query.integrate import METHODS

    return next((f"{name}: {one.summary}" for one in METHODS if one.name == name), name)


def page_note(note: str) -> str:
    """Rephrase a note of the scores for the page, whose column of baselines is *without integration*.

    Examples
    --------
    >>> page_note("none baseline: pca")
    "'without integration' is the same score of obsm['X_pca']"
    """
    if note.startswith(_NO_BASELINE):
        return f"nothing stands under 'without integration': {note.removeprefix(_NO_BASELINE)}"
    if not note.startswith(_BASELINE):
        return note
    baseline = note.removeprefix(_BASELINE)
    if not baseline.startswith(_COMPUTED):
        key, _, whose = baseline.partition(", ")
        return f"'without integration' is the same score of obsm['X_{key}']{', ' + whose if whose else ''}"
    whose = "the settings of this integration" if baseline.endswith("its settings") else "default settings"
    return (
        "'without integration' is the same score of the same cells in the principal components of their counts, "
        f"computed for this page with {whose}"
    )
