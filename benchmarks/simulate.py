"""Simulated clades: seconds and peak memory by size, and their figures beside those of real data.

``python benchmarks/simulate.py`` measures small sizes, with ``large`` also 3 species of 20,000 genes, with ``largest``
also 10 of them (some ten minutes). ``python benchmarks/simulate.py figures`` prints the other tables of
docs/simulation.md (real figures need ../shared/data).
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import anndata
import numpy as np
import polars as pl
from measure import machine, run

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SMALL = ((3, 200, 300), (3, 2_000, 3_000), (3, 5_000, 10_000))
LARGE = (*SMALL, (3, 20_000, 30_000))
LARGEST = (*LARGE, (10, 20_000, 100_000))
FIGURES = (3, 20_000, 3_000)

KINDS = ("ortholog_one2one", "ortholog_one2many", "ortholog_many2many")

COMPONENTS = "components of 2 / 3 to 5 / 6 to 20 / more genes / largest"

BY_SYMBOL = "the same, counted by symbol (real: the older export)"

#: Which column of an export names the partner, by the one that names the gene: an older export has symbols only.
PARTNERS = {"Gene stable ID": "{} gene stable ID", "Gene name": "{} gene name"}

#: A cut of a real proteome whose headers name no genes; the data's README counts them.
GENES_BY_README = {"Homo_sapiens.ensembl85.small.fa.gz": 519}


def command(folder: Path, species: int, genes: int, cells: int) -> list[str]:
    sizes = ["--species", str(species), "--genes", str(genes), "--cells", str(cells)]
    return [sys.executable, "-m", "homodb.cli", "simulate", "-o", str(folder), *sizes, "--json"]


def processor() -> float:
    """Return the seconds of CPU that finished processes of this one have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sizes(wanted: Iterable[tuple[int, int, int]]) -> None:
    machine()
    print("\n| species | genes | cells | seconds | seconds of CPU | peak memory | written |\n|" + " --- |" * 7)
    for species, genes, cells in wanted:
        with tempfile.TemporaryDirectory() as name:
            before = processor()
            one = run(command(Path(name) / "sim", species, genes, cells))
            written = sum(path.stat().st_size for path in Path(name).rglob("*") if path.is_file()) / 1e6
        print(
            f"| {species} | {genes:,} | {cells:,} | {one.seconds:.1f} | {processor() - before:.1f} "
            f"| {one.megabytes:,.0f} MB | {written:,.0f} MB |",
            flush=True,
        )


def roots(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return for each pair of an ortholog table a gene that stands for its component."""
    above: dict[str, str] = {}

    def root(gene: str) -> str:
        while above.setdefault(gene, gene) != gene:
            above[gene] = above[above[gene]]
            gene = above[gene]
        return gene

    for a, b in pairs:
        above[root(f"a{a}")] = root(f"b{b}")
    return [root(f"a{a}") for a, _ in pairs]


def components(pairs: Sequence[tuple[str, str]]) -> str:
    """Count the components of an ortholog table by their number of genes."""
    genes: dict[str, set[str]] = {}
    for root, (a, b) in zip(roots(pairs), pairs, strict=True):
        genes.setdefault(root, set()).update((f"a{a}", f"b{b}"))
    sizes_of = np.array([len(own) for own in genes.values()])
    bounds = ((2, 2), (3, 5), (6, 20), (21, 10**9))
    counted = [f"{int(((sizes_of >= low) & (sizes_of <= high)).sum()):,}" for low, high in bounds]
    return " / ".join(counted) + f" / {sizes_of.max()}"


def by_symbol(pairs: pl.DataFrame) -> str:
    return components(pairs.select("Gene name", "Mouse gene name").drop_nulls().unique(maintain_order=True).rows())


def quartiles(values: np.ndarray, digits: int = 0) -> str:
    return " / ".join(f"{one:.{digits}f}" for one in np.percentile(values, [5, 25, 50, 75, 95]))


def export(path: Path, separator: str, label: str) -> dict[str, str]:
    """Measure a BioMart export that has stable IDs."""
    table = pl.read_csv(path, separator=separator, infer_schema_length=0)
    pairs = table.filter(pl.col(f"{label} homology type").is_not_null())
    genes = table.select("Gene stable ID", "Gene name").unique()
    partnered = pairs.select("Gene stable ID", "Gene name").unique()
    one = pairs.filter(pl.col(f"{label} homology type") == "ortholog_one2one")
    alike = one["Gene name"].str.to_uppercase() == one[f"{label} gene name"].str.to_uppercase()
    shared = genes.drop_nulls().group_by("Gene name").len()["len"] > 1
    return {
        "genes with an ortholog": f"{partnered.height:,}",
        COMPONENTS: components(pairs.select("Gene stable ID", f"{label} gene stable ID").rows()),
        BY_SYMBOL: by_symbol(pairs),
        "one2one pairs with one symbol, whatever its case": f"{alike.mean():.3f}",
        "genes with an ortholog but no symbol": f"{partnered['Gene name'].is_null().mean():.4f}",
        "symbols that several genes bear": f"{shared.mean():.4f}",
        **scores(pairs, label),
    }


def scores(pairs: pl.DataFrame, label: str) -> dict[str, str]:
    goc = pairs[f"{label} Gene-order conservation score"].drop_nulls().cast(pl.Float64)
    sure, kinds = pairs[f"{label} orthology confidence [0 low, 1 high]"] == "1", pairs[f"{label} homology type"]
    figures = {"pairs one2one / one2many / many2many": " / ".join(f"{(kinds == kind).sum():,}" for kind in KINDS)}
    for kind in ("", "one2one", "one2many", "many2many"):
        chosen = goc if not kind else pairs.filter(kinds == f"ortholog_{kind}")[goc.name].drop_nulls().cast(pl.Float64)
        shares = " / ".join(f"{(chosen == score).mean():.2f}" for score in (0, 25, 50, 75, 100))
        figures[f"GOC 0 / 25 / 50 / 75 / 100{f' of {kind}' if kind else ''}"] = shares
    figures["pairs without GOC"] = f"{1 - len(goc) / pairs.height:.2f}"
    figures["pairs of high confidence"] = f"{sure.mean():.2f}"
    of_kinds = " / ".join(f"{sure.filter(kinds == kind).mean():.2f}" for kind in KINDS)
    figures["pairs of high confidence, of one2one / one2many / many2many"] = of_kinds
    column = f"%id. target {label} gene identical to query gene"
    if column not in pairs.columns:
        return figures
    identity = pairs[column].cast(pl.Float64)
    for kind in KINDS:
        found = identity.filter(kinds == kind).drop_nulls().to_numpy()
        figures[f"identity of {kind[9:]}, percentiles 5 / 25 / 50 / 75 / 95"] = quartiles(found)
    gene, partner = pairs.columns[0], PARTNERS[pairs.columns[0]].format(label)
    many = pairs.select(pl.col(gene).alias("a"), pl.col(partner).alias("b"))
    own = (
        many.with_columns(identity=identity, component=pl.Series(roots(many.rows())))
        .filter(kinds == KINDS[2])
        .drop_nulls()
    )
    medians = own.group_by("component").agg(pl.col("identity").median())["identity"].to_numpy()
    figures["identity of many2many, medians of components, percentiles 5 / 25 / 50 / 75 / 95"] = quartiles(medians)
    return figures


def proteome(path: Path) -> dict[str, str]:
    genes: Counter[str] = Counter()
    lengths: list[int] = []
    with gzip.open(path, "rt") as stream:
        for line in stream:
            if line.startswith(">"):
                genes[line.partition(" gene:")[2].split(" ")[0]] += 1
                lengths.append(0)
            else:
                lengths[-1] += len(line.strip().rstrip("*"))
    known = len(genes) if "" not in genes else GENES_BY_README[path.name]
    return {
        "proteins / genes": f"{len(lengths):,} / {known:,} = {len(lengths) / known:.2f}",
        "length, percentiles 5 / 25 / 50 / 75 / 95": quartiles(np.array(lengths)),
        "standard deviation of log length": f"{np.log(lengths).std():.2f}",
    }


def cells(path: Path) -> dict[str, str]:
    data = anndata.read_h5ad(path)
    total, seen = np.asarray(data.X.sum(axis=1)).ravel(), np.asarray((data.X > 0).sum(axis=1)).ravel()
    share = np.asarray(data.X.sum(axis=0)).ravel() / total.sum()
    return {
        "cells x genes": f"{data.n_obs:,} x {data.n_vars:,}",
        "counts per cell, percentiles 5 / 25 / 50 / 75 / 95": quartiles(total),
        "genes per cell, percentiles 5 / 25 / 50 / 75 / 95": quartiles(seen),
        "filled entries": f"{seen.mean() / data.n_vars:.3f}",
        "standard deviation of log10 mean expression": f"{np.log10(share[share > 0]).std():.2f}",
    }


def show(title: str, columns: dict[str, dict[str, str]]) -> None:
    print(f"\n### {title}\n\n| | {' | '.join(columns)} |\n| ---{' | ---' * len(columns)} |")
    for name in dict.fromkeys(key for figures in columns.values() for key in figures):
        print(f"| {name} | {' | '.join(figures.get(name, '-') for figures in columns.values())} |")


def figures() -> None:
    with tempfile.TemporaryDirectory() as name:
        sim = Path(name) / "sim"
        told = subprocess.run(command(sim, *FIGURES), stdout=subprocess.PIPE, check=True).stdout
        print(json.dumps({key: value for key, value in json.loads(told).items() if key not in ("path", "config")}))
        ours = export(sim / "biomart" / "homo_sapiens.mus_musculus.txt.gz", "\t", "Mouse")
        real = export(SHARED / "orthologs" / "biomart_human_to_mouse.csv.gz", ",", "Mouse")
        older = pl.read_csv(SHARED / "pllm" / "ens_m2m" / "human_mice.txt.gz", separator="\t", infer_schema_length=0)
        older = older.filter(pl.col("Mouse homology type").is_not_null())
        real |= {BY_SYMBOL: by_symbol(older)}
        real |= {name: text for name, text in scores(older, "Mouse").items() if name.startswith("identity")}
        show("Human and mouse", {"real": real, "simulated": ours})
        pep = {path.name.split(".")[0]: path for path in sorted(sim.rglob("*.pep.all.fa.gz"))}
        real_pep = {
            "real human, a cut": "Homo_sapiens.ensembl85.small.fa.gz",
            "real sloth": "Choloepus_hoffmanni.choHof1.pep.all.fa.gz",
        }
        columns = {key: proteome(SHARED / "proteomes" / file) for key, file in real_pep.items()}
        show("Proteomes", columns | {f"simulated {key}": proteome(path) for key, path in pep.items()})
        real_cells = {key: SHARED / "cells" / f"baron_{key}.h5ad" for key in ("human_175", "mouse_822")}
        columns = {f"real {key}": cells(path) for key, path in real_cells.items()}
        show("Cells", columns | {f"simulated {path.stem}": cells(path) for path in sorted(sim.rglob("*.h5ad"))})


def main(what: str) -> None:
    if what == "figures":
        figures()
    else:
        sizes({"small": SMALL, "large": LARGE, "largest": LARGEST}[what])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "small")
