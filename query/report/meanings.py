"""Plain words for what stands on a page: what each score, strategy and note means."""

from __future__ import annotations

from homodb.schema.strategies import Strategy

_F1 = {"macro": "the mean over types", "micro": "over all cells", "weighted": "over types by size"}

#: By profile and score, one clause each; docs/score.md says more of each.
SCORES: dict[str, dict[str, str]] = {
    "pllm": {
        "nmi": "how much clusters and cell types tell of each other: 0 nothing, 1 everything",
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
        "clusters": "clusters found when as many as types were asked for",
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
        "self_projection": "within a species, share of cells whose type a classifier tells",
        "alcs": "how much of that integration lost (accuracy loss of cell type self-projection); 0 or below: nothing",
    },
}  # fmt: skip

#: Two ways to call cells that know nothing of them, to compare with.
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

#: What intervals resample.
INTERVALS = {
    "donors": "donors are drawn anew",
    "cells only": "cells only: they say nothing of other donors",
    "none": "there are none",
}

_BASELINE, _NO_BASELINE = "none baseline: ", "there is no none baseline: "
_COMPUTED = "computed from the counts, "


def meaning(profile: str, name: str) -> str:
    """Return what a score says, in a clause; nothing where it is not known.

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
    """Return the name of a strategy with what it does; any other text as it is.

    Examples
    --------
    >>> strategy_meaning("ENS_O2O"), strategy_meaning("by hand")
    ("ENS_O2O: Ensembl's one-to-one orthologs", 'by hand')
    """
    return f"{name}: {STRATEGIES[Strategy(name)]}" if name in Strategy.__members__ else name


def method_meaning(name: str) -> str:
    """Return the name of a method with what it does; any other text as it is.

    Examples
    --------
    >>> method_meaning("harmony")
    'harmony: Harmony, by harmonypy'
    """
    from homodb.query.integrate.methods import METHODS

    return next((f"{name}: {one.summary}" for one in METHODS if one.name == name), name)


def said(note: str) -> str:
    """Return a note of the scores in the words of the page, where the baseline is the column *without integration*.

    Examples
    --------
    >>> said("none baseline: pca")
    "'without integration' is the same score of obsm['X_pca']"
    """
    if note.startswith(_NO_BASELINE):
        return f"nothing stands under 'without integration': {note.removeprefix(_NO_BASELINE)}"
    if not note.startswith(_BASELINE):
        return note
    told = note.removeprefix(_BASELINE)
    if not told.startswith(_COMPUTED):
        key, _, whose = told.partition(", ")
        return f"'without integration' is the same score of obsm['X_{key}']{', ' + whose if whose else ''}"
    whose = "the settings of this integration" if told.endswith("its settings") else "default settings"
    return (
        "'without integration' is the same score of the same cells in the principal components of their counts, "
        f"computed for this page with {whose}"
    )
