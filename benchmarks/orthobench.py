"""Precision and recall of mutual best hits on real proteins and hand-curated orthogroups of six vertebrates.

Data: Open Orthobench (https://github.com/davidemms/Open_Orthobench), one protein standing for its gene. The mapping
is that of LM_O2O: pairs that are each other's best hit by Pearson correlation, ties to the lower ID. A pair counts when
either side is in an orthogroup, and is right when both are in the same one; precision is right over counted. Recall
is the share of the orthogroups that both species have with at least one right pair. Yield, which asks more, is right
pairs over the most that the groups allow: the sum of the sizes of the smaller sides.

Beside the k-mer profile and any ESM2 checkpoints stand two controls that must lose: the amino-acid composition alone,
and the k-mer profile of sequences whose residues were shuffled.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations
from pathlib import Path

import measure
import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.embeddings import Kmer, drop_internal_stops
from homodb.schema.vectors import normalised

SPECIES = ("human", "mouse", "rat", "dog", "chicken", "zebrafish")
TARGETS = {("human", "mouse"): (0.95, 0.85), ("human", "zebrafish"): (0.95, 0.50)}
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
SEED = 20
#: Proteomes whose proteins, reversed, are decoys.
DECOYS = ("Choloepus_hoffmanni.choHof1.pep.all.fa.gz", "Saccharomyces_cerevisiae.R64-1-1.pep.all.fa.gz")

#: From the sequences of one species, whose number in ``SPECIES`` is the second argument, to vectors.
Embed = Callable[[Sequence[str], int], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Counts:
    """Right, counted and possible pairs; found and shared groups."""

    right: int = 0
    counted: int = 0
    possible: int = 0
    found: int = 0
    shared: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Add up over pairs of species."""
        return Counts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def precision(self) -> float:
        """Share of counted pairs that are right."""
        return self.right / self.counted if self.counted else 0.0

    @property
    def recall(self) -> float:
        """Share of groups with a right pair."""
        return self.found / self.shared if self.shared else 0.0

    def cells(self) -> list[str]:
        """Return the cells of a table: precision, recall, yield."""
        parts = ((self.right, self.counted), (self.found, self.shared), (self.right, self.possible))
        return [f"{part / max(whole, 1):.3f} ({part}/{whole})" for part, whole in parts]


def read_fasta(path: Path) -> dict[str, str]:
    """Read proteins by ID, in the order of their IDs; stops taken off the end."""
    proteins: dict[str, list[str]] = defaultdict(list)
    name = ""
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.startswith(">"):
                name = line[1:].split()[0]
            else:
                proteins[name].append(line.strip())
    return {name: "".join(proteins[name]).upper().rstrip("*") for name in sorted(proteins)}


def composition(sequences: Sequence[str], _: int) -> npt.NDArray[np.float32]:
    """Return the share of each of the twenty amino acids."""
    counts = np.array([[sequence.count(residue) for residue in RESIDUES] for sequence in sequences])
    return (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def shuffled(sequences: Sequence[str], species: int) -> npt.NDArray[np.float32]:
    """Return the k-mer profile of sequences whose residues are in random order, in each species another one."""
    random = np.random.default_rng([SEED, species])
    letters = (np.frombuffer(sequence.encode(), np.uint8) for sequence in sequences)
    return Kmer().embed([random.permutation(one).tobytes().decode() for one in letters])


def checkpoint(name: str) -> Embed:
    """Return the embedding by an ESM2 checkpoint: its name, or its file, which bears it."""
    from homodb.etl.embeddings import load_esm2

    path = Path(name)
    model = load_esm2(path.stem, weights=path) if path.is_file() else load_esm2(name)
    return lambda sequences, _: model.embed(sequences)


def best_hits(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the rows that are each other's best hit; equal to six digits is a tie, which the lower row wins."""
    correlations = np.round(normalised(first) @ normalised(second).T, 6)
    forth, back = correlations.argmax(axis=1), correlations.argmax(axis=0)
    return [(a, b) for a, b in enumerate(forth.tolist()) if back[b] == a and correlations[a, b] > 0]


def judge(pairs: list[tuple[str, str]], first: list[str], second: list[str], group: dict[str, str]) -> Counts:
    """Count pairs of IDs against the groups; ``first`` and ``second`` are all proteins of the two species."""
    one, two = (Counter(group[protein] for protein in side if protein in group) for side in (first, second))
    shared = one.keys() & two.keys()
    judged = [(group.get(a), group.get(b)) for a, b in pairs if a in group or b in group]
    right = [a for a, b in judged if a == b]
    return Counts(len(right), len(judged), sum(min(one[g], two[g]) for g in shared), len(set(right)), len(shared))


def compare(
    proteins: list[dict[str, str]], embed: Embed, group: dict[str, str]
) -> tuple[dict[tuple[str, str], Counts], float]:
    """Judge one embedding on every pair of species; return also the seconds that embedding took."""
    kept = []
    for one in proteins:
        frame, _ = drop_internal_stops(pl.DataFrame({"stable_id": list(one), "sequence": list(one.values())}))
        kept.append((frame["stable_id"].to_list(), frame["sequence"].to_list()))
    start = time.perf_counter()
    vectors = [embed(sequences, number) for number, (_, sequences) in enumerate(kept)]
    seconds = time.perf_counter() - start
    counts = {}
    for a, b in combinations(range(len(SPECIES)), 2):
        pairs = [(kept[a][0][i], kept[b][0][j]) for i, j in best_hits(vectors[a], vectors[b])]
        counts[SPECIES[a], SPECIES[b]] = judge(pairs, list(proteins[a]), list(proteins[b]), group)
    return counts, seconds


@dataclass(frozen=True)
class BestHit:
    """The best hit of a protein of a group, with its orthologs in the other proteome or after they were taken out."""

    margin: float
    back: int
    right: bool
    removed: bool


def trust(proteins: list[dict[str, str]], embed: Embed, group: dict[str, str], decoys: Sequence[str]) -> list[BestHit]:
    """Find the best hit of every protein of a group, once among all proteins and once without its orthologs.

    Every second decoy belongs to the one side, the others to the other side: proteins without any relative.
    """
    vectors = [normalised(embed(list(one.values()), number)) for number, one in enumerate(proteins)]
    first, second = (normalised(embed(decoys[start::2], len(SPECIES))) for start in (0, 1))
    to_first, to_second = ([one @ side.T for one in vectors] for side in (first, second))
    among_decoys = second @ first.T
    hits: list[BestHit] = []
    for a, b in permutations(range(len(SPECIES)), 2):
        correlations = vectors[a] @ vectors[b].T
        groups = np.array([group.get(name, "") for name in proteins[b]])
        for one, name in enumerate(proteins[a]):
            own = groups == group.get(name)
            if not own.any():
                continue
            for removed in (False, True):
                row = np.concatenate([np.where(own & removed, -2, correlations[one]), to_second[a][one]])
                best, (runner_up, value) = int(row.argmax()), np.sort(row)[-2:]
                others = np.concatenate(
                    [correlations[:, best], to_first[b][best]]
                    if best < len(groups)
                    else [to_second[a][:, best - len(groups)], among_decoys[best - len(groups)]]
                )
                back = 1 + int((others > value).sum())
                margin = float(value - max(runner_up, np.sort(others)[-2]))
                hits.append(BestHit(margin, back, bool(not removed and best < len(groups) and own[best]), removed))
    return hits


#: Margins, and ranks from the other side, from which and up to which shares are printed.
MARGINS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 2.0)
RANKS = ((1, 1), (2, 2), (3, 5), (6, 10**9))


def print_trust(hits: list[BestHit]) -> None:
    """Print right and wrong best hits by margin and by rank from the other side."""
    heading = "right | wrong | wrong, orthologs taken out | right of all |\n| --- | --- | --- | --- | --- |"

    def print_row(what: str, some: list[BestHit]) -> None:
        right, out = sum(hit.right for hit in some), sum(hit.removed for hit in some)
        print(f"| {what} | {right} | {len(some) - right - out} | {out} | {right / max(len(some), 1):.3f} |")

    print(f"\n| margin of hits that are each other's best | {heading}")
    for low, high in pairwise(MARGINS):
        print_row(f"{low} to {high}", [hit for hit in hits if hit.back == 1 and low <= hit.margin < high])
    print(f"\n| rank of a gene from its best hit's side | {heading}")
    for low, high in RANKS:
        what = f"{low}" if low == high else f"{low} to {high}" if high < 10**9 else f"{low} or more"
        print_row(what, [hit for hit in hits if low <= hit.back <= high])


def speed(proteins: int = 20_000, residues: int = 450) -> str:
    """Return how long the k-mer profile of a made-up proteome takes."""
    letters = np.array(list(RESIDUES))[np.random.default_rng(SEED).integers(0, 20, (proteins, residues))]
    sequences = ["".join(row) for row in letters]
    start = time.perf_counter(), time.process_time()
    Kmer().embed(sequences)
    wall, used = time.perf_counter() - start[0], time.process_time() - start[1]
    return f"{proteins} proteins of {residues} residues: {wall:.2f} s, {used:.2f} s of one core"


def main() -> None:
    """Print a table per pair of species, and whether targets are met and controls lose."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoints", nargs="*", help="ESM2 checkpoints: names, or files that bear their names")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "orthobench")
    options = parser.parse_args()
    proteins = [read_fasta(options.data / f"{name}.fa.gz") for name in SPECIES]
    table = pl.read_csv(options.data / "reference_orthogroups.tsv", separator="\t")
    group = dict(zip(table["protein"].to_list(), table["orthogroup"].to_list(), strict=True))
    decoys = [one[::-1] for path in DECOYS for one in read_fasta(options.data.parent / "proteomes" / path).values()]
    embeddings: dict[str, Embed] = {"k-mer profile": lambda sequences, _: Kmer().embed(sequences)}
    embeddings |= {Path(name).stem: checkpoint(name) for name in options.checkpoints}
    controls: dict[str, Embed] = {"control: composition": composition, "control: shuffled": shuffled}
    measure.machine()
    results = {}
    for name, embed in (embeddings | controls).items():
        counts, seconds = compare(proteins, embed, group)
        results[name] = counts
        print(f"\n## {name} (embedded in {seconds:.1f} s)\n")
        print("| species | precision | recall | yield |\n| --- | --- | --- | --- |")
        for pair, one in counts.items():
            print(f"| {' - '.join(pair)} | {' | '.join(one.cells())} |")
        print(f"| all pairs | {' | '.join(sum(counts.values(), Counts()).cells())} |")
        if name in embeddings:
            print_trust(trust(proteins, embed, group, decoys))
    print()
    for name in embeddings:
        for pair, (precision, recall) in TARGETS.items():
            one = results[name][pair]
            met = "met" if one.precision >= precision and one.recall >= recall else "MISSED"
            print(f"{name}, {' - '.join(pair)}: precision {precision} and recall {recall} {met}")
        total = sum(results[name].values(), Counts())
        for control in controls:
            other = sum(results[control].values(), Counts())
            lost = other.precision < total.precision and other.right < total.right
            print(f"{control} {'loses' if lost else 'DOES NOT LOSE'} to {name} over all pairs")
    print(f"\nk-mer profile, {speed()}")


if __name__ == "__main__":
    main()
