"""Whether the two symbols of a mapped pair agree, by evidence class.

Agreement of symbols (ignoring case) is the judge, since neither homologies nor embeddings are computed from symbols.
It is no blind judge: committees name genes with their orthologs in view, and Ensembl gives the genes of less studied
species the symbol of their human ortholog. Prints Markdown: for each pair of species a table of strategy and evidence
class, then for LM_O2O how the figures depend on which pairs are judged, and how well correlation and class tell
agreement.

    python benchmarks/evidence.py RELEASE
    python benchmarks/evidence.py RELEASE --inputs FOLDER_OF_ITS_CONFIG
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import rankdata

import homodb

STRATEGIES = ("ENS_M2M", "ENS_O2O", "HM_O2O", "LM_O2O", "HL_O2O")

#: Classes by how much Ensembl speaks for the pair: has it, is silent (or names no partner), has another partner for one
#: gene, for both.
CLASSES = ("both", "ensembl", "lm_orphan", "lm_unnamed", "lm_partial", "lm_contradicts")
MERIT = {"both": 3, "lm_orphan": 2, "lm_unnamed": 2, "lm_partial": 1, "lm_contradicts": 0}

#: Below this number of agreeing or of disagreeing pairs no area under the curve is given.
FEWEST = 10

#: Symbols that are placeholders: they say where a sequence was found, so they cannot agree or disagree by meaning.
SYSTEMATIC = "|".join(
    (
        r"^ENS[A-Z]*G\d{6,}",  # a stable ID
        r"^LOC\d+$",  # NCBI Gene
        r"^[A-Z]{1,2}\d{5,6}(\.\d+)?$",  # an accession: AC012345.1, BC048403, AI413582
        r"^(RP|CT|CH|XX|KB|GS)[A-Z]*\d+-\w+",  # a clone: RP11-34P13.7
        r"^C[\dXY]+(H[\dXY]+)?orf\d+",  # an open reading frame: C9orf72, C1H2orf69
        r"^KIAA\d+",  # a cDNA of Kazusa
        r"^FLJ\d+|^MGC\d+|^DKFZ",  # cDNA projects
        r"Rik\d?$",  # a cDNA of RIKEN
        r"^Gm\d+$|^OTTMUSG\d+",  # a gene model
        r"^D\w+(Ertd|Wsu|Mit|Bwg)\d+e?$",  # a mapped sequence
    )
)


def mapped(release: homodb.Release, source: str, target: str) -> pl.DataFrame:
    """Return all pairs of all strategies, with both symbols and whether they agree."""
    have = release.info().filter(pl.col("species_a") == source, pl.col("species_b") == target)["strategy"]
    frames = [
        release.orthologs(source=source, target=target, strategy=name).select(
            "strategy", "homology_type", "evidence_class", pl.col("correlation").cast(pl.Float64),
            a="source_symbol", b="target_symbol",
        )
        for name in STRATEGIES
        if name in have
    ]  # fmt: skip
    return pl.concat(frames).with_columns(
        agrees=pl.col("a").str.to_uppercase() == pl.col("b").str.to_uppercase(),
        named=pl.all_horizontal(pl.col("a", "b").is_not_null() & ~pl.col("a", "b").str.contains(SYSTEMATIC)),
    )


def symbols(release: homodb.Release, species: str) -> pl.Series:
    """Return the symbols of a species' primary genes."""
    rows = release.sql(
        "SELECT g.symbol FROM gene g JOIN species s USING (species) "
        "WHERE s.name = ? AND g.symbol IS NOT NULL AND g.gene = g.primary_gene",
        [species],
    )
    return rows["symbol"].unique()


def exported(release: homodb.Release, inputs: Path) -> dict[str, pl.Series]:
    """Return, by species, the symbols that stand in the release's BioMart exports (evidence may know others)."""
    from homodb.etl import read_config
    from homodb.etl.sources import read_biomart

    found: dict[int, list[pl.Series]] = {}
    for entry in read_config(next(inputs.glob("*.toml"))).homologies:
        for path in entry.paths:
            genes = pl.DataFrame(read_biomart(path.path, entry.source, entry.target).genes)
            for (number,), part in genes.drop_nulls("symbol").group_by("species"):
                found.setdefault(int(str(number)), []).append(part["symbol"])
    return {one.name: pl.concat(found[one.number]).unique() for one in release.species if one.number in found}


def agreement(release: homodb.Release, inputs: Path) -> Iterator[str]:
    """Yield the table of agreement with answers published beside the exports, as ``<strategy>/<name>.csv.gz``."""
    from homodb.etl import read_config

    yield from header("file:", "strategy:", "published", "ours", "shared", "share of published")
    for entry in read_config(next(inputs.glob("*.toml"))).homologies:
        name = entry.paths[0].path.name.split(".")[0]
        for strategy in STRATEGIES:
            path = inputs / strategy.lower() / f"{name}.csv.gz"
            if path.is_file():
                published = set(pl.read_csv(path, infer_schema=False).select(pl.nth(0, 1)).iter_rows())
                rows = release.orthologs(source=entry.source, target=entry.target, strategy=strategy)
                ours = set(rows.select("source_symbol", "target_symbol").iter_rows())
                both = len(ours & published)
                yield row(name, strategy, len(published), len(ours), both, f"{both / len(published):.5f}")


def auc(score: pl.Series, good: pl.Series) -> float:
    """Chance that a good one scores higher than a bad one, ties counted half (Mann-Whitney); NaN with too few."""
    ranks, is_good = rankdata(score.to_numpy()), good.to_numpy().astype(bool)
    n, m = int(is_good.sum()), int((~is_good).sum())
    return float((ranks[is_good].sum() - n * (n + 1) / 2) / (n * m)) if min(n, m) >= FEWEST else float("nan")


def share(values: pl.Series) -> str:
    """Format a share, with enough digits to tell 0.999 from 1."""
    mean = values.mean()
    return f"{mean:.4f}" if isinstance(mean, float) else "-"


def row(*cells: object) -> str:
    """Return one line of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def header(*names: str) -> Iterator[str]:
    """Yield the head of a Markdown table; columns whose name ends in ``:`` are text, the others numbers."""
    yield row(*(name.rstrip(":") for name in names))
    yield row(*("---" if name.endswith(":") else "--:" for name in names))


def by_class(rows: pl.DataFrame) -> Iterator[str]:
    """Yield the table of strategy and evidence class."""
    yield from header("strategy:", "class:", "pairs", "named", "agree", "share", "known r", "mean r")
    for strategy in STRATEGIES:
        for name in CLASSES:
            part = rows.filter(pl.col("strategy") == strategy, pl.col("evidence_class") == name)
            if part.height:
                named, known = part.filter("named"), part["correlation"].drop_nulls()
                yield row(
                    strategy, name, part.height, named.height, named["agrees"].sum(), share(named["agrees"]),
                    known.len(), share(known),
                )  # fmt: skip


def denominators(
    rows: pl.DataFrame, here: pl.Series, there: pl.Series, listed: tuple[pl.Series, pl.Series] | None
) -> dict[str, pl.DataFrame]:
    """Return the pairs of LM_O2O that can be judged, by different views of that."""
    a, b = pl.col("a").str.to_uppercase(), pl.col("b").str.to_uppercase()
    a_there = a.is_in(there.str.to_uppercase().implode())
    b_here = b.is_in(here.str.to_uppercase().implode())
    views = {
        "all pairs": rows,
        "both named": rows.filter("named"),
        "either symbol exists in the other species": rows.filter(a_there | b_here),
        "the first one's does": rows.filter(a_there),
        "the second one's does": rows.filter(b_here),
        "both do": rows.filter(a_there & b_here),
    }
    if listed is not None:
        first, second = listed
        in_exports = pl.col("a").is_in(first.implode()) & pl.col("b").is_in(second.implode())
        a_listed = a.is_in(second.str.to_uppercase().implode())
        views["both in the exports"] = rows.filter(in_exports)
        views["the first one's does, among symbols of the exports"] = rows.filter(in_exports & a_listed)
    return views


def by_view(views: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Yield the table of shares by which pairs are judged."""
    one2one = (pl.col("evidence_class") == "both") & (pl.col("homology_type") == "ortholog_one2one")
    yield from header("judged:", "both, one2one", *MERIT)
    for view, part in views.items():
        parts = [part.filter(one2one), *(part.filter(pl.col("evidence_class") == name) for name in MERIT)]
        yield row(view, *(f"{share(one['agrees'])} ({one.height})" for one in parts))


def curves(views: dict[str, pl.DataFrame]) -> Iterator[str]:
    """Yield the table of areas under the curve: of the class, of the correlation, and of it within each class."""
    without = [f"{what}, without both" for what in ("class", "r")]
    yield from header("judged:", "class", "r", *without, *(f"r in {name}" for name in MERIT))
    for view, part in views.items():
        numbers: list[float] = []
        for judged in (part, part.filter(pl.col("evidence_class") != "both")):
            merit = judged["evidence_class"].replace_strict(MERIT, return_dtype=pl.Int64)
            numbers += [auc(merit, judged["agrees"]), auc(judged["correlation"], judged["agrees"])]
        for name in MERIT:
            judged = part.filter(pl.col("evidence_class") == name)
            numbers.append(auc(judged["correlation"], judged["agrees"]))
        yield row(view, *(f"{number:.3f}" if np.isfinite(number) else "-" for number in numbers))


def main() -> None:
    """Print the tables of every pair of species of a release."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("release", type=Path)
    parser.add_argument("--inputs", type=Path, help="folder of the build config: its exports and published answers")
    options = parser.parse_args()
    with homodb.open(options.release) as release:
        print(f"Release {release.version}, homodb {homodb.__version__}.")
        if options.inputs:
            print("\n## Agreement with the published tables\n")
            print("\n".join(agreement(release, options.inputs)))
        names = {species.name: species.common_name for species in release.species}
        listed = exported(release, options.inputs) if options.inputs else {}
        genes = {name: symbols(release, name) for name in names}
        for source, target in release.info().select("species_a", "species_b").unique(maintain_order=True).iter_rows():
            rows = mapped(release, source, target)
            print(f"\n## {names[source].capitalize()} - {names[target]}\n")
            print("\n".join(by_class(rows)))
            lm = rows.filter(pl.col("strategy") == "LM_O2O")
            if lm.height:
                pair = (listed[source], listed[target]) if source in listed and target in listed else None
                views = denominators(lm, genes[source], genes[target], pair)
                print("\nLM_O2O, share of pairs whose symbols agree (of how many):\n")
                print("\n".join(by_view(views)))
                print("\nLM_O2O, area under the curve of telling agreement (0.5 is chance):\n")
                print("\n".join(curves(views)))


if __name__ == "__main__":
    main()
