"""Make and check the starter release, ``releases/starter-2026.1``.

``build`` (``make starter``) builds the Parquet files and the manifest from ``inputs`` and ``release.toml``, and enters
the release into the catalog. ``inputs SHARED`` made ``inputs`` once from public data in ``SHARED/starter`` and
``SHARED/pllm``, which are not part of the repository. ``check SHARED`` prints how many pairs of genes agree with
sources that the release does not use for them; ``SOURCES.md`` has its table. ``islets SHARED`` made the cells of
``homodb.datasets`` from ``SHARED/cells``.

Usage: ``python releases/starter.py build | inputs SHARED | check SHARED | islets SHARED``
"""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from homodb.etl import (
    Runner,
    build_release,
    publish_release,
    read_config,
    read_inputs,
    settle_ids,
    settle_names,
)
from homodb.schema.manifest import MANIFEST, Manifest, read_manifest
from homodb.schema.species import find

HERE = Path(__file__).resolve().parent
STARTER = HERE / "starter-2026.1"
#: Cells that homodb brings.
DATA = HERE.parent / "query" / "data"


def build(target: Path = STARTER) -> Manifest:
    """Build the release beside its inputs; a manifest of the same files stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "release"
        manifest = build_release(read_config(STARTER / "release.toml"), made)
        if (target / MANIFEST).is_file():
            earlier = read_manifest(target)
            if replace(manifest, created=earlier.created) == earlier:
                (made / MANIFEST).write_text(earlier.to_json(), "utf-8")
                manifest = earlier
        shutil.rmtree(target / "parquet", ignore_errors=True)
        target.mkdir(exist_ok=True)
        shutil.move(made / "parquet", target / "parquet")
        shutil.move(made / MANIFEST, target / MANIFEST)
    publish_release(target, target.parent)
    return manifest


# ---------------------------------------------------------------------------------------------- inputs

LISTED = (
    "homo_sapiens", "mus_musculus", "sus_scrofa", "rattus_norvegicus", "pan_troglodytes", "macaca_mulatta",
    "callithrix_jacchus", "danio_rerio", "drosophila_melanogaster", "caenorhabditis_elegans",
)  # fmt: skip
DERIVED = ("felis_catus", "equus_caballus", "ornithorhynchus_anatinus", "anolis_carolinensis")
ENSEMBL = ("homo_sapiens.mus_musculus", "homo_sapiens.sus_scrofa", "mus_musculus.sus_scrofa")
RAT = ("homo_sapiens.rattus_norvegicus", "mus_musculus.rattus_norvegicus")
EVIDENCE = {
    "homo_sapiens.mus_musculus": "human_mice",
    "homo_sapiens.sus_scrofa": "human_pig",
    "mus_musculus.sus_scrofa": "mice_pig",
}


def write(frame: pl.DataFrame, name: str) -> None:
    """Write a table of the inputs, compressed, without the time."""
    path = STARTER / "inputs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = frame.write_csv(separator="\t", quote_style="never").encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0))


def inputs(shared: Path) -> None:
    """Make ``inputs`` from the public data."""
    starter = shared / "starter"
    shutil.rmtree(STARTER / "inputs", ignore_errors=True)
    for name in LISTED:
        genes = pl.read_parquet(starter / "genes" / f"{name}.parquet").drop("length")
        if "strand" in genes.columns:
            genes = genes.with_columns(pl.col("strand").replace_strict({"+": 1, "-": -1}, return_dtype=pl.Int8))
        write(genes.select(column for column in genes if column.null_count() < genes.height), f"genes/{name}.tsv.gz")
        if (path := starter / "synonyms" / f"{name}.tsv.gz").exists():
            names = pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False)
            write(names.select("stable_id", "synonym").unique(maintain_order=True), f"synonyms/{name}.tsv.gz")
    for pair in ENSEMBL:
        table = ensembl(pl.read_parquet(starter / "homologies" / f"{pair}.ensembl114.parquet"), pair)
        export = shared / "pllm" / "ens_m2m" / f"{EVIDENCE[pair]}.txt.gz"
        halves = without_partner(pl.read_csv(export, separator="\t", infer_schema=False, quote_char=None), pair, table)
        write(pl.concat([table, halves], how="diagonal_relaxed"), f"homologies/{pair}.tsv.gz")
    for pair in RAT:
        write(
            ensembl(pl.read_parquet(starter / "homologies" / f"{pair}.ensembl110.parquet"), pair),
            f"homologies/{pair}.tsv.gz",
        )
    for name in DERIVED:
        table = pl.read_csv(starter / "ready" / f"{name}.homo_sapiens.tsv.gz", separator="\t", infer_schema=False)
        write(table.drop("Human gene name").drop_nulls("Human homology type"), f"homologies/{name}.homo_sapiens.tsv.gz")
    current = {name: pl.read_parquet(starter / "genes" / f"{name}.parquet")["stable_id"] for name in LISTED}
    paths = sorted((starter / "homologies").glob("*.hcop2022.parquet"))
    human = (
        pl.concat(pl.read_parquet(path).select("source_entrez", "source_id") for path in paths).drop_nulls().unique()
    )
    several = human.filter(pl.len().over("source_entrez") > 1)["source_entrez"].unique()
    for path in paths:
        write(
            hcop(pl.read_parquet(path), path.name.split(".")[1], current, several),
            f"databases/{path.name.removesuffix('.parquet')}.tsv.gz",
        )
    ncbi = pl.read_parquet(starter / "homologies" / "human_marmoset_macaque_mouse.ncbi2023.parquet")
    for label in ("marmoset", "rhesus_macaque", "mouse"):
        columns = {"human": "human", label: find(label).name}
        pairs = ncbi.select(
            pl.col(f"{old}_{column}").alias(f"{new}_{name}")
            for old, new in columns.items()
            for column, name in (("id114", "ensembl_gene"), ("geneid", "entrez_gene"))
        ).with_columns(support=pl.lit("NCBI"))
        named = pairs.drop_nulls(["human_ensembl_gene", f"{find(label).name}_ensembl_gene"])
        write(named, f"databases/homo_sapiens.{find(label).name}.ncbi2023.tsv.gz")
    for pair, name in EVIDENCE.items():
        evidence(shared / "pllm", pair, name)
    settle_evidence()


def ensembl(table: pl.DataFrame, pair: str) -> pl.DataFrame:
    """Give a table of Ensembl's homologies the column names of BioMart."""
    label = find(pair.split(".")[1]).common_name.capitalize()
    names = {
        "source_id": "Gene stable ID",
        "target_id": f"{label} gene stable ID",
        "homology_type": f"{label} homology type",
        "source_identity": f"%id. target {label} gene identical to query gene",
        "target_identity": f"%id. query gene identical to target {label} gene",
        "goc": f"{label} Gene-order conservation score",
        "wga": f"{label} Whole-genome alignment coverage",
        "confidence": f"{label} orthology confidence [0 low, 1 high]",
    }
    rounded = table.with_columns(pl.col(pl.Float32).cast(pl.Float64).round(4))
    return rounded.select(pl.col(old).alias(new) for old, new in names.items() if old in table.columns)


def without_partner(export: pl.DataFrame, pair: str, table: pl.DataFrame) -> pl.DataFrame:
    """Return the homologies of an export of which one gene has an ID, and the other no name, or one of several genes.

    So the release can tell genes without an ortholog from those whose ortholog has no name. Of names that several genes
    bear only those stand here whose partner has no other homology: older exports settled some of them.
    """
    first, second = pair.split(".")
    label = find(second).common_name.capitalize()
    columns = {"Gene name": (first, "Gene stable ID"), f"{label} gene name": (second, f"{label} gene stable ID")}
    rows = export.filter(pl.col(f"{label} homology type").is_not_null())
    for name, (species, stable_id) in columns.items():
        symbols = genes_by_name(species)
        rows = rows.join(symbols.rename({"stable_id": stable_id}), left_on=name, right_on="symbol", how="left")
    ids = [stable_id for _, stable_id in columns.values()]
    halves = rows.filter(pl.sum_horizontal(pl.col(ids).is_null()) == 1)
    bare = pl.any_horizontal(pl.col(list(columns)).is_null())
    alone = pl.any_horizontal(
        pl.col(stable_id).is_not_null() & ~pl.col(stable_id).is_in(table[stable_id].implode()) for stable_id in ids
    )
    kept = halves.filter(bare | alone).with_columns(
        pl.when(pl.col(stable_id).is_null()).then(name).alias(name) for name, (_, stable_id) in columns.items()
    )
    numbers = [name for name in table.columns if name in kept.columns and table[name].dtype.is_numeric()]
    typed = kept.with_columns(pl.col(name).cast(table[name].dtype) for name in numbers)
    return typed.select(*columns, *(name for name in table.columns if name in typed.columns)).sort(pl.all())


def genes_by_name(species: str) -> pl.DataFrame:
    """Return ``symbol, stable_id`` of the names that one gene of a species' gene list bears."""
    path = STARTER / "inputs" / "genes" / f"{species}.tsv.gz"
    genes = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None).drop_nulls("symbol")
    return genes.filter(pl.len().over("symbol") == 1).select("symbol", "stable_id")


def hcop(table: pl.DataFrame, name: str, current: dict[str, pl.Series], several: pl.Series) -> pl.DataFrame:
    """Give a table of HCOP its own column names, without what a gene list says better.

    Symbols are left out for genes that the species' gene list has, human NCBI Gene numbers for genes that share none.
    """
    listed = {
        side: pl.col(f"{side}_id").is_in(current[one].implode())
        for side, one in (("source", "homo_sapiens"), ("target", name))
        if one in current
    }
    table = table.with_columns(
        pl.when(~is_listed).then(f"{side}_symbol").alias(f"{side}_symbol") for side, is_listed in listed.items()
    )
    plain = listed["source"] & ~pl.col("source_entrez").is_in(several.implode())
    return table.select(
        human_ensembl_gene="source_id",
        human_symbol="source_symbol",
        human_entrez_gene=pl.when(~plain).then("source_entrez"),
        **{
            f"{name}_{column}": f"target_{old}"
            for column, old in (("ensembl_gene", "id"), ("symbol", "symbol"), ("entrez_gene", "entrez"))
        },
        support="support",
    )


def evidence(pllm: Path, pair: str, name: str) -> None:
    """Put published correlations to stable IDs, where one gene each bears the names; other names stay."""
    sides = [genes_by_name(species) for species in pair.split(".")]
    done = pl.DataFrame(schema={"a": pl.String, "b": pl.String})
    for folder, kind in (("lm_o2o", "best_hits"), ("hl_o2o", "correlations")):
        table = pl.read_csv(pllm / folder / f"{name}.csv.gz", infer_schema=False)
        first, second, correlation = [c for c in table.columns if "gene name" in c or c == "correlation"]
        named = table.select(name_a=first, name_b=second, correlation=correlation)
        identified = named.join(
            sides[0].rename({"symbol": "name_a", "stable_id": "a"}), on="name_a", how="left", maintain_order="left"
        )
        identified = identified.join(
            sides[1].rename({"symbol": "name_b", "stable_id": "b"}), on="name_b", how="left", maintain_order="left"
        )
        identified = identified.with_columns(
            pl.coalesce("a", "name_a").alias("a"), pl.coalesce("b", "name_b").alias("b")
        )
        rows = identified.join(done, on=["a", "b"], how="anti", maintain_order="left")
        done = pl.concat([done, rows.select("a", "b")])
        labels = [f"{find(species).common_name} gene stable ID" for species in pair.split(".")]
        write(
            rows.select(pl.col("a").alias(labels[0]), pl.col("b").alias(labels[1]), "correlation"),
            f"evidence/{pair}.{kind}.tsv.gz",
        )


def settle_evidence() -> None:
    """Put the former names in the evidence to the genes of today, as a build does, and leave out all other names."""
    settings = read_config(STARTER / "release.toml")
    before = settle_ids(settings, read_inputs(settings, Runner(lambda step: None)))
    ids = before.stable_ids("genes").rename({"stable_id": "name"}).unique()
    for hit, earlier in zip(settle_names(before).hits, before.hits, strict=True):
        done = hit.best_hits.clear().select("name_a", "name_b")
        for source, table, old in (
            (hit.config.best_hits, hit.best_hits, earlier.best_hits),
            (hit.config.correlations, hit.correlations, earlier.correlations),
        ):
            rows = table.unique(["name_a", "name_b"], maintain_order=True)
            for side in "ab":
                on = [f"species_{side}", f"name_{side}"]
                rows = rows.join(ids, left_on=on, right_on=["species", "name"], how="semi", maintain_order="left")
            rows = rows.join(done, on=["name_a", "name_b"], how="anti", maintain_order="left")
            done = pl.concat([done, rows.select("name_a", "name_b")])
            plain = table.with_columns(old_a=old["name_a"], old_b=old["name_b"])
            former = plain.filter((pl.col("old_a") != pl.col("name_a")) | (pl.col("old_b") != pl.col("name_b")))
            gained = rows.join(former, on=["name_a", "name_b"], how="semi").height
            print(f"{source.written}: {rows.height:,} of {table.height:,} rows, {gained:,} of them by a former name")
            names = {
                f"name_{side}": f"{species.common_name} gene stable ID"
                for side, species in zip("ab", (hit.config.source, hit.config.target), strict=True)
            }
            write(
                rows.select(*(pl.col(name).alias(label) for name, label in names.items()), "correlation"),
                f"evidence/{Path(source.written).name}",
            )


# ---------------------------------------------------------------------------------------------- cells

ISLETS = {
    "human": ("baron_human_175", dict.fromkeys(("alpha", "beta", "delta", "macrophage", "activated_stellate"), 30)),
    "mouse": (
        "baron_mouse_822",
        {
            "alpha": 9, "beta": 50, "delta": 40, "macrophage": 17, "activated_stellate": 4,
            "ductal": 20, "endothelial": 10,
        },
    ),
}  # fmt: skip


def islets(shared: Path) -> None:
    """Cut the islet cells of ``homodb.datasets``: evenly over the cells of each type in the order of the file."""
    import anndata
    import numpy as np

    cells = []
    for species, (name, wanted) in ISLETS.items():
        adata = anndata.read_h5ad(shared / "cells" / f"{name}.h5ad")
        types = adata.obs["cell_type"].to_numpy()
        places = [np.flatnonzero(types == one)[_even((types == one).sum(), count)] for one, count in wanted.items()]
        cut = adata[np.sort(np.concatenate(places))]
        matrix = cut.X.tocsc()
        matrix.sort_indices()
        genes = pl.Series(cut.var_names.to_list()).gather(np.repeat(np.arange(cut.n_vars), np.diff(matrix.indptr)))
        counts = pl.DataFrame({"gene": genes, "cell": matrix.indices, "count": matrix.data})
        small = counts.cast({"cell": pl.UInt8, "count": pl.UInt16})
        small.write_parquet(DATA / f"islets_{species}.parquet", compression="zstd", compression_level=22)
        obs = {
            column: cut.obs[column].astype(str).to_list() for column in ("cell_type", "donor", "organism", "species")
        }
        cells.append(pl.DataFrame({"cell": cut.obs_names.to_list(), **obs}))
    pl.concat(cells).write_parquet(DATA / "islets_cells.parquet", compression="zstd", compression_level=22)


def _even(present: int, count: int) -> list[int]:
    return [round(place * (present - 1) / (count - 1)) for place in range(count)]


# ---------------------------------------------------------------------------------------------- agreement


def check(shared: Path) -> None:
    """Print the agreement of the release with other sources, per pair of species, as rows of a table."""
    folder = STARTER / "parquet"
    genes = pl.read_parquet(folder / "gene" / "gene.parquet", columns=["gene", "species", "stable_id", "symbol"])
    aliases = pl.read_parquet(folder / "gene_alias" / "gene_alias.parquet").filter(pl.col("kind") == "retired")
    older = aliases.join(genes, on="gene").select("species", "gene", name="alias")
    ids = pl.concat([genes.select("species", "gene", name="stable_id"), older])
    names = genes.drop_nulls("symbol").filter(pl.len().over("species", "symbol") == 1)
    names = names.select("species", "gene", name="symbol")
    print("| pair | other source | strategy | pairs | same | genes | same |")
    print("| --- | --- | --- | --: | --: | --: | --: |")
    for a, b, label, pairs in truths(shared):
        for strategy in ("ENS_M2M", "ENS_O2O", "HL_O2O"):
            mapped = pl.read_parquet(folder / "mapping" / f"{a}.{b}*.parquet").filter(pl.col("strategy") == strategy)
            if mapped.height:
                row = agreement(mapped, pairs, names if "names" in label else ids, a, b)
                print(f"| {find(a).common_name} - {find(b).common_name} | {label} | {strategy} | {row} |")


def truths(shared: Path) -> Iterator[tuple[str, str, str, pl.DataFrame]]:
    """Yield pairs of names ``a, b`` of other sources."""
    human = "homo_sapiens"
    export = pl.read_csv(shared / "orthologs" / "biomart_human_to_mouse.csv.gz", infer_schema=False, null_values="NA")
    yield (
        human,
        "mus_musculus",
        "BioMart, release 111 or 112, by IDs",
        export.select(a="Gene stable ID", b="Mouse gene stable ID"),
    )
    path = shared / "orthologs" / "ensembl105_orthologues_hs_mm_mf_gg_zf.tsv.gz"
    old = pl.read_csv(path, separator="\t", infer_schema=False, null_values="NA", quote_char=None)
    for name, column in (
        ("mus_musculus", "Mouse"),
        ("macaca_mulatta", "Macaque"),
        ("gallus_gallus", "Chicken"),
        ("danio_rerio", "Zebrafish"),
    ):
        yield human, name, "Ensembl 105, by IDs", old.select(a="Gene stable ID", b=f"{column} gene stable ID")
    ncbi = pl.read_parquet(shared / "starter" / "homologies" / "human_marmoset_macaque_mouse.ncbi2023.parquet")
    for name, column in (("mus_musculus", "mouse"), ("macaca_mulatta", "rhesus_macaque")):
        yield human, name, "NCBI 2023-11, by IDs", ncbi.select(a="human_id114", b=f"{column}_id114")
    for name, file, column in (
        ("pan_troglodytes", "human_chimpanzee", "Chimpanzee"),
        ("mus_musculus", "human_mice", "Mouse"),
        ("sus_scrofa", "human_pig", "Pig"),
    ):
        table = pl.read_csv(
            shared / "pllm" / "ens_m2m" / f"{file}.txt.gz", separator="\t", infer_schema=False, quote_char=None
        )
        yield human, name, "BioMart, release 114, by names", table.select(a="Gene name", b=f"{column} gene name")


def agreement(mapped: pl.DataFrame, pairs: pl.DataFrame, names: pl.DataFrame, a: str, b: str) -> str:
    """Return the counts of one row of the table.

    Of the pairs whose genes both sources pair, the share that both have; of the human genes with one partner in either
    source, the share with the same.
    """
    numbers = [find(one).number for one in (a, b)]
    keyed = pairs.drop_nulls().filter(pl.all_horizontal(pl.col("a", "b") != "")).unique()
    for side, number in zip("ab", numbers, strict=True):
        of_side = names.filter(pl.col("species") == number).select(
            pl.col("name").alias(side), pl.col("gene").alias(f"gene_{side}")
        )
        keyed = keyed.join(of_side, on=side)
    truth = keyed.select("gene_a", "gene_b").unique()
    ours = mapped.select("gene_a", "gene_b").unique()
    both = ours.filter(
        pl.col("gene_a").is_in(truth["gene_a"].implode()) & pl.col("gene_b").is_in(truth["gene_b"].implode())
    )
    same = both.join(truth, on=["gene_a", "gene_b"], how="semi").height
    only = [frame.filter(pl.len().over("gene_a") == 1) for frame in (ours, truth)]
    alone = only[0].join(only[1], on="gene_a", suffix="_true")
    right = alone.filter(pl.col("gene_b") == pl.col("gene_b_true")).height
    return f"{both.height:,} | {same / both.height:.2%} | {alone.height:,} | {right / alone.height:.2%}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build"]:
            print(f"release {build().version} in {STARTER}")
        case ["inputs", shared]:
            inputs(Path(shared))
        case ["islets", shared]:
            islets(Path(shared))
        case ["check", shared]:
            check(Path(shared))
        case _:
            raise SystemExit(__doc__)
