"""One stable ID for each gene, and the tables of who says what."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import Hits, Inputs, build_release, frame_of, read_config, settle_names
from homodb.etl.sources import ALIASES, ALTERNATES, CANONICAL, GENES, HITS, HOMOLOGIES, ORTHOLOGY, PROTEINS, to_arrow
from homodb.schema.errors import ConfigError

HCOP = "human_ensembl_gene\thuman_symbol\thuman_entrez_gene\t{0}_ensembl_gene\t{0}_symbol\t{0}_entrez_gene\tsupport\n"
HUMAN_GENES = "stable_id\tsymbol\nENSG01\tGAPDH\nENSG02\tPDX1\nENSG03\tTWIN\nENSG04\tODD\n"

CONFIG = """
[release]
version = "small-1"
[origins.new]
name = "Ensembl"
release = "114"
ensembl = "114"
[origins.old]
name = "Ensembl"
release = "110"
ensembl = "110"
[origins.hcop]
name = "HCOP"
release = "2022-09"
ensembl = "107"
licence = "free to use"
[[species]]
name = "human"
origin = "new"
genes = "human.tsv"
"""
#: A species with a gene list (pig, rat) and one without (chicken).
LISTED = '[[species]]\nname = "{0}"\norigin = "new"\ngenes = "{0}.tsv"\n'
BARE = '[[species]]\nname = "{0}"\norigin = "hcop"\n'
DATABASES = (
    '[[databases]]\nsource = "human"\ntarget = "{0}"\npath = "{0}.hcop.tsv"\norigin = "hcop"\nhomologies = "Ensembl"\n'
)


def build(folder: Path, config: str, **files: str) -> homodb.Release:
    (folder / "human.tsv").write_text(HUMAN_GENES)
    for name, text in files.items():
        (folder / f"{name.replace('_', '.')}.tsv").write_text(text)
    (folder / "release.toml").write_text(CONFIG + config)
    build_release(folder / "release.toml", folder / "rel")
    return homodb.open(folder / "rel")


def pairs(release: homodb.Release) -> list[tuple[Any, ...]]:
    """Each pair that databases name, with its databases, and its homology type."""
    return release.sql(
        "SELECT a.stable_id, b.stable_id, p.n_databases, "
        "(SELECT string_agg(database, '|' ORDER BY database) FROM database_set s "
        "WHERE s.database_set = p.database_set), "
        "(SELECT any_value(replace(homology_type, 'ortholog_', '')) FROM homology h "
        "WHERE h.gene_a = p.gene_a AND h.gene_b = p.gene_b) "
        "FROM orthology_pair p JOIN gene a ON a.gene = p.gene_a JOIN gene b ON b.gene = p.gene_b ORDER BY 1, 2"
    ).rows()


def test_two_assemblies_of_a_species_without_a_gene_list_become_one(tmp_path: Path) -> None:
    """GAPDH of chicken stands in HCOP under IDs of two assemblies, with five and two databases."""
    rows = (
        "ENSG01\tGAPDH\t2597\tENSGALG00000014442\tGAPDH\t374193\tEggNOG|Inparanoid|OMA|Panther|Treefam\n"
        "ENSG01\tGAPDH\t2597\tENSGALG00010022038\tGAPDH\t374193\tEnsembl|NCBI\n"
    )
    with build(
        tmp_path, BARE.format("chicken") + DATABASES.format("chicken"), chicken_hcop=HCOP.format("chicken") + rows
    ) as rel:
        databases = "EggNOG|Ensembl|Inparanoid|NCBI|OMA|Panther|Treefam"
        assert pairs(rel) == [("ENSG01", "ENSGALG00010022038", 7, databases, "one2one")]
        assert rel.sql("SELECT stable_id, symbol FROM gene WHERE species <> 1").rows() == [
            ("ENSGALG00010022038", "GAPDH")
        ]
        aliases = rel.sql("SELECT stable_id, alias, kind FROM gene_alias JOIN gene USING (gene)").rows()
        assert aliases == [("ENSGALG00010022038", "ENSGALG00000014442", "retired")]


def test_the_id_of_the_gene_list_is_first(tmp_path: Path) -> None:
    """PDX1 of pig: two IDs, one of which Ensembl has retired, although more databases name it."""
    rows = (
        "ENSG02\tPDX1\t3651\tENSSSCG35817\tPDX1\t397288\tEnsembl|OMA|Panther\n"
        "ENSG02\tPDX1\t3651\tENSSSCG55811\tPDX1\t397288\tNCBI\n"
    )
    config = LISTED.format("pig") + DATABASES.format("pig")
    with build(
        tmp_path, config, pig="stable_id\tsymbol\nENSSSCG55811\tPDX1\n", pig_hcop=HCOP.format("pig") + rows
    ) as rel:
        assert pairs(rel) == [("ENSG02", "ENSSSCG55811", 4, "Ensembl|NCBI|OMA|Panther", "one2one")]


def test_a_retired_id_is_replaced_by_name_where_one_gene_bears_it(tmp_path: Path) -> None:
    genes = "stable_id\tsymbol\nENSSSCG1\tGAPDH\nENSSSCG2\tTWIN\nENSSSCG3\tTWIN\n"
    rows = (
        "ENSG01\tGAPDH\t1\tENSSSCG90\tGAPDH\t11\tEnsembl|OMA\n"
        "ENSG02\tPDX1\t2\tENSSSCG91\tPDX1\t12\tEnsembl|OMA\n"  # no gene of the list has the name
        "ENSG03\tTWIN\t3\tENSSSCG92\tTWIN\t13\tEnsembl|OMA\n"  # two have
        "ENSG04\tODD\t\tENSSSCG93\tGAPDH\t\tOMA\n"  # by name without a number too
    )
    with build(
        tmp_path, LISTED.format("pig") + DATABASES.format("pig"), pig=genes, pig_hcop=HCOP.format("pig") + rows
    ) as rel:
        assert [row[:2] for row in pairs(rel)] == [("ENSG01", "ENSSSCG1"), ("ENSG04", "ENSSSCG1")]
        assert rel.manifest is not None
        assert {
            "where": "homo_sapiens - sus_scrofa",
            "reason": "pairs of retired stable IDs, by databases",
            "count": 2,
        } in (rel.manifest.losses)
        assert rel.sql("SELECT count(*) AS n FROM gene WHERE species <> 1")["n"].item() == 3


def test_genes_that_ensembl_supports_stay_two(tmp_path: Path) -> None:
    """HCOP gives yeast's RPL35A and RPL35B one number: they are two genes, each of which Ensembl names."""
    rows = (
        "ENSG01\tGAPDH\t1\tYDL191W\tRPL35A\t851419\tEnsembl|OMA|Panther\n"
        "ENSG02\tPDX1\t2\tYDL136W\tRPL35B\t851419\tEnsembl|OMA\n"
        "ENSG03\tTWIN\t3\tYXX000W\tRPL35A\t851419\tOMA\n"
    )
    with build(
        tmp_path, BARE.format("yeast") + DATABASES.format("yeast"), yeast_hcop=HCOP.format("yeast") + rows
    ) as rel:
        assert [row[:2] for row in pairs(rel)] == [("ENSG01", "YDL191W"), ("ENSG02", "YDL136W"), ("ENSG03", "YDL191W")]


def test_types_are_derived_from_the_pairs_of_one_database_and_say_so(tmp_path: Path) -> None:
    rows = (
        "ENSG01\tGAPDH\t1\tG1\tA\t11\tEnsembl\n"
        "ENSG02\tPDX1\t2\tG2\tB\t12\tEnsembl\n"
        "ENSG02\tPDX1\t2\tG3\tC\t13\tEnsembl|OMA\n"
        "ENSG03\tTWIN\t3\tG4\tD\t14\tOMA|NCBI|Panther\n"  # no pair of Ensembl
        "ENSG04\tODD\t4\tG3\tC\t13\tEnsembl\n"
    )
    with build(
        tmp_path, BARE.format("chicken") + DATABASES.format("chicken"), chicken_hcop=HCOP.format("chicken") + rows
    ) as rel:
        assert [(a, b, kind) for a, b, _, _, kind in pairs(rel)] == [
            ("ENSG01", "G1", "one2one"),
            ("ENSG02", "G2", "one2many"),
            ("ENSG02", "G3", "many2many"),
            ("ENSG03", "G4", None),
            ("ENSG04", "G3", "one2many"),
        ]
        sources = rel.sql(
            "SELECT species_b, kind, name, release, ensembl, type_basis, pairs FROM data_source ORDER BY ALL"
        )
        assert sources.rows() == [
            (114, "databases", "HCOP", "2022-09", "107", None, 5),
            (114, "homologies", "HCOP", "2022-09", "107", "derived", 4),
            (None, "genes", "Ensembl", "114", "114", None, 4),
            (None, "genes", "HCOP", "2022-09", "107", None, 4),
        ]
        named = "SELECT database, release FROM orthology_source JOIN gene ON gene = gene_b WHERE stable_id = 'G4'"
        assert rel.sql(f"{named} ORDER BY 1").rows() == [(name, "HCOP 2022-09") for name in ("NCBI", "OMA", "Panther")]


RAT = """
[[homology]]
source = "human"
target = "rat"
format = "biomart"
path = "rat.old.tsv"
origin = "old"
"""
OLD = "Gene stable ID\tRat gene stable ID\tRat homology type\n"


def test_homologies_of_an_older_release_keep_current_ids_only(tmp_path: Path) -> None:
    old = (
        "ENSG01\tENSRNOG1\tortholog_one2one\n"
        "ENSG02\tENSRNOG90\tortholog_one2one\n"  # retired; its number has a current ID
        "ENSG03\tENSRNOG91\tortholog_one2one\n"  # retired, unknown
        "ENSG04\tENSRNOG92\tortholog_one2one\n"  # would become a second one-to-one of ENSRNOG1
    )
    hcop = (
        "ENSG02\tPDX1\t2\tENSRNOG90\tPdx1\t12\tOMA\n"
        "ENSG02\tPDX1\t2\tENSRNOG2\tPdx1\t12\tNCBI\n"
        "ENSG04\tODD\t4\tENSRNOG92\tGapdh\t14\tOMA\n"
    )
    genes = "stable_id\tsymbol\nENSRNOG1\tGapdh\nENSRNOG2\tPdx1\n"
    config = LISTED.format("rat") + RAT + DATABASES.format("rat").replace('homologies = "Ensembl"\n', "")
    with build(tmp_path, config, rat=genes, rat_old=OLD + old, rat_hcop=HCOP.format("rat") + hcop) as rel:
        shown = "SELECT source_id, target_id FROM ens_o2o WHERE source_species = 'homo_sapiens' ORDER BY 1"
        assert rel.sql(shown).rows() == [("ENSG01", "ENSRNOG1"), ("ENSG02", "ENSRNOG2")]
        assert rel.sql("SELECT count(*) AS n FROM gene WHERE species = 3")["n"].item() == 2
        assert rel.manifest is not None
        lost = [loss for loss in rel.manifest.losses if "homologies of retired" in loss["reason"]]
        assert [(loss["where"], loss["count"]) for loss in lost] == [("homo_sapiens - rattus_norvegicus", 2)]
        assert rel.sql("SELECT ensembl, type_basis FROM data_source WHERE kind = 'homologies'").rows() == [
            ("110", "ensembl")
        ]


def test_names_of_databases_are_not_those_of_a_listed_species(tmp_path: Path) -> None:
    """A gene without a name does not get the one that an older table gave it: another gene bears it today."""
    rows = "ENSG01\tGAPDH\t1\tENSSSCG1\tPDX1\t11\tEnsembl|OMA\n"
    genes = "stable_id\tsymbol\nENSSSCG1\t\nENSSSCG2\tPDX1\n"
    with build(
        tmp_path, LISTED.format("pig") + DATABASES.format("pig"), pig=genes, pig_hcop=HCOP.format("pig") + rows
    ) as rel:
        assert rel.sql("SELECT stable_id FROM gene WHERE symbol = 'PDX1' AND species <> 1").rows() == [("ENSSSCG2",)]


def test_unknown_origins(tmp_path: Path) -> None:
    (tmp_path / "human.tsv").write_text(HUMAN_GENES)
    (tmp_path / "release.toml").write_text(CONFIG.replace('origin = "new"', 'origin = "newer"'))
    with pytest.raises(ConfigError, match=r"homo_sapiens: There is no \[origins.newer\]; .*did you mean 'new'"):
        read_config(tmp_path / "release.toml")


def test_evidence_is_left_out_by_one_line(tmp_path: Path, toy_config: Path) -> None:
    text = toy_config.read_text()
    for path in toy_config.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "release.toml").write_text(text + "[build]\nevidence = false\n")
    manifest = build_release(tmp_path / "release.toml", tmp_path / "rel")
    assert manifest.strategies == ("ENS_M2M", "ENS_O2O", "HM_O2O") and not manifest.embeddings
    paths = pl.Series([file.path for file in manifest.files])
    assert not paths.str.contains("embedding1").any()


# ---------------------------------------------------------------------------------------------- names

MOUSE_GENES = "stable_id\tsymbol\nMUS1\tAtp5f1a\nMUS2\tIns2\nMUS3\tCd8b1\nMUS4\tTwin\nMUS5\tTwin\n"
SYNONYMS = "Gene stable ID\tGene Synonym\nMUS1\tAtp5a1\nMUS2\tMody\nMUS3\tOld\nMUS4\tOld\nMUS2\tCd8b1\n"
EXPORT = (
    "Gene name\tMouse gene name\tMouse homology type\tMouse orthology confidence [0 low, 1 high]\n"
    "GAPDH\tAtp5f1a\tortholog_one2one\t1\nPDX1\tIns2\tortholog_one2one\t1\nODD\tCd8b1\tortholog_one2one\t1\n"
)
NAMED = (
    LISTED.format("mouse").replace("[[species]]", '[[species]]\nsynonyms = "mouse.synonyms.tsv"')
    + '[[homology]]\nsource = "human"\ntarget = "mouse"\nformat = "biomart"\npath = "export.tsv"\n'
    '[[evidence]]\nsource = "human"\ntarget = "mouse"\nmodel = "m"\npooling = "mean"\nbest_hits = "hits.tsv"\n'
)


def named(folder: Path, hits: str, export: str = EXPORT, config: str = NAMED) -> homodb.Release:
    files = {"mouse": MOUSE_GENES, "mouse_synonyms": SYNONYMS, "export": export}
    return build(folder, config, **files, hits="human gene\tmouse gene\tcorrelation\n" + hits)


def classes(release: homodb.Release) -> dict[tuple[str, str], str]:
    rows = release.orthologs(source="human", target="mouse", strategy="lm_o2o")
    pairs = rows.select(pl.coalesce("source_symbol", "source_id"), "target_id").rows()
    return dict(zip(pairs, rows["evidence_class"], strict=True))


def losses(release: homodb.Release, fragment: str) -> dict[str, int]:
    losses = release.manifest.losses
    return {loss["where"]: loss["count"] for loss in losses if fragment in loss["reason"]}


def test_former_names_and_names_in_another_case_are_their_genes(tmp_path: Path) -> None:
    with named(tmp_path, "gapdh\tAtp5a1\t0.9\nPdx1\tINS2\t0.8\nODD\tCD8B1\t0.7\n") as rel:
        assert classes(rel) == {("GAPDH", "MUS1"): "both", ("PDX1", "MUS2"): "both", ("ODD", "MUS3"): "both"}
        assert rel.sql("SELECT count(*) AS n FROM gene WHERE symbol_stands_in")["n"].item() == 0
        assert losses(rel, "in another case") == {"homo_sapiens": 2, "mus_musculus": 2}
        assert losses(rel, "former names") == {"mus_musculus": 1}
        assert losses(rel, "kept as genes of their own") == {}


def test_what_leads_to_several_genes_or_is_told_apart_stays_a_gene_of_its_own(tmp_path: Path) -> None:
    """Old is an alias of two genes; the evidence has Mody beside Ins2 and both cases of Cd8b1, so they are not one."""
    hits = "GAPDH\tOld\t0.9\nPDX1\tIns2\t0.8\nTWIN\tMody\t0.7\nODD\tCd8b1\t0.6\nOther\tCD8B1\t0.5\n"
    with named(tmp_path, hits) as rel:
        own = rel.sql("SELECT stable_id FROM gene WHERE symbol_stands_in ORDER BY ALL")["stable_id"].to_list()
        assert own == ["CD8B1", "Mody", "Old", "Other"]
        assert losses(rel, "in another case") == losses(rel, "former names") == {}


def test_a_symbol_beats_an_alias_and_an_export_is_not_read_by_aliases(tmp_path: Path) -> None:
    """Cd8b1 is a synonym of Ins2 too. Atp5a1 in an export is a gene of its own: the export tells its genes."""
    export = EXPORT + "TWIN\tAtp5a1\tortholog_one2one\t1\n"
    with named(tmp_path, "ODD\tcd8b1\t0.9\nGAPDH\tAtp5a1\t0.8\n", export) as rel:
        assert classes(rel)["ODD", "MUS3"] == "both"
        assert classes(rel)["GAPDH", "Atp5a1"] == "lm_contradicts"


def test_exports_in_different_case_name_one_gene(tmp_path: Path) -> None:
    """Without stable IDs anywhere: the first source's spelling stands."""
    export = EXPORT.replace("Atp5f1a", "ATP5F1A").replace("Ins2", "INS2").replace("Mouse", "Rat")
    config = (
        BARE.format("mouse").replace("hcop", "new")
        + BARE.format("rat").replace("hcop", "new")
        + NAMED[NAMED.index("[[homology]]") : NAMED.index("[[evidence]]")]
        + '[[homology]]\nsource = "mouse"\ntarget = "rat"\nformat = "biomart"\npath = "rat.tsv"\n'
    )
    lines = [line.split("\t") for line in export.splitlines()]
    mouse_rat = "\n".join(
        "\t".join([one[1].replace("Rat gene", "Gene"), one[1].lower(), *one[2:]]) for one in lines[1:]
    )
    header = "\t".join(lines[0])
    with build(tmp_path, config, export=EXPORT, rat=f"{header}\n{mouse_rat}\n") as rel:
        mouse = rel.sql("SELECT symbol FROM gene JOIN species USING (species) WHERE name = 'mus_musculus' ORDER BY 1")
        assert mouse["symbol"].to_list() == ["Atp5f1a", "Cd8b1", "Ins2"]
        assert losses(rel, "in another case") == {"mus_musculus": 2}
        assert rel.orthologs("ATP5F1A", source="mouse", target="rat")["target_symbol"].to_list() == ["atp5f1a"]
        assert rel.orthologs("GAPDH", source="human", target="mouse")["target_symbol"].to_list() == ["Atp5f1a"]


name_texts = st.lists(st.sampled_from(["Ab", "ab", "AB", "Cd", "CD", "ef", "Ef", "gh"]), max_size=6, unique=True)


@settings(max_examples=100, deadline=None)
@given(
    symbols=name_texts,
    exports=st.lists(name_texts, max_size=2),
    evidence=name_texts,
    known=st.dictionaries(
        st.sampled_from(["Cd", "ef", "gh", "Old", "old"]),
        st.sets(st.integers(0, 5), min_size=1, max_size=2),
        max_size=4,
    ),
)
def test_names_like_a_slow_reading(
    symbols: list[str], exports: list[list[str]], evidence: list[str], known: dict[str, set[int]]
) -> None:  # fmt: skip
    """Against loops over the names: which gene, by stable ID or name, each one means in the end."""
    evidence = [*evidence, "Old"]
    ids = [f"G{place}" for place in range(len(symbols))]
    aliases = [(ids[place], alias) for alias, places in sorted(known.items()) for place in places if place < len(ids)]
    sources = [*exports, evidence]

    def means_by_case(name: str) -> str | None:
        spellings = [[one for one in names if one.lower() == name.lower()] for names in (symbols, *sources)]
        if any(len(some) > 1 for some in spellings):
            return name if name in symbols else None
        return next(one for some in spellings for one in some)

    def means(name: str) -> str:
        by_case = means_by_case(name)
        if name in symbols or (by_case is not None and by_case != name) or any(name in names for names in exports):
            return by_case or name
        for spelled in (lambda alias: alias == name, lambda alias: alias.lower() == name.lower()):
            genes = {gene for gene, alias in aliases if spelled(alias)}
            if genes:
                return symbols[ids.index(genes.pop())] if len(genes) == 1 else name
        return name

    wanted = {name: means(name) for names in sources for name in names}
    former = [name for name in evidence if wanted[name] not in (name, means_by_case(name))]
    apart = [name for name in former if sum(wanted[other] == wanted[name] for other in evidence) > 1]
    wanted |= {name: name for name in apart}

    found = settle_names(as_inputs(symbols, exports, evidence, aliases))
    symbol_of = dict(zip(ids, symbols, strict=True))
    hits = found.hits[0].best_hits["name_a"].to_list()
    assert [symbol_of.get(one, one) for one in hits] == [wanted[name] for name in evidence]
    for (_, table), names in zip(found.genes[1:], exports, strict=False):
        assert table["symbol"].to_list() == [wanted[name] for name in names]


def as_inputs(
    symbols: list[str], exports: list[list[str]], evidence: list[str], aliases: list[tuple[str, str]]
) -> Inputs:  # fmt: skip
    """Genes with these symbols and IDs G0, G1, ...; exports of names without IDs; evidence that pairs names with X."""

    def genes(ids: list[str | None], names: list[str]) -> pl.DataFrame:
        rows = pl.DataFrame({"stable_id": ids, "symbol": names}, {"stable_id": pl.String, "symbol": pl.String})
        return frame_of(to_arrow(rows.with_columns(species=pl.lit(1, pl.Int16)), GENES))

    hits = pl.DataFrame({"name_a": evidence}).with_columns(
        species_a=pl.lit(1, pl.Int16), species_b=pl.lit(2, pl.Int16), name_b=pl.lit("X"), correlation=pl.lit(0.5)
    )
    pairs = frame_of(to_arrow(hits, HITS))
    alias_rows = {"gene_id": [gene for gene, _ in aliases], "alias": [alias for _, alias in aliases]}
    known = pl.DataFrame(alias_rows, {"gene_id": pl.String, "alias": pl.String})
    known = known.with_columns(species=pl.lit(1, pl.Int16), kind=pl.lit("synonym"))
    empty = {
        name: frame_of(schema.empty_table())
        for name, schema in (("proteins", PROTEINS), ("canonical", CANONICAL), ("alternates", ALTERNATES))
    }
    files = [
        ("genes", genes([f"G{place}" for place in range(len(symbols))], symbols)),
        *(("biomart", genes([None] * len(names), names)) for names in exports),
        ("hits", genes([None] * len(evidence), evidence)),
    ]
    return Inputs(
        genes=tuple(files), homologies=frame_of(HOMOLOGIES.empty_table()), aliases=frame_of(to_arrow(known, ALIASES)),
        orthology=frame_of(ORTHOLOGY.empty_table()), provenance=pl.DataFrame(), losses=(), **empty,
        hits=(Hits(cast("Any", None), pairs, pairs.clear()),),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.shared
def test_a_real_export_in_capitals_adds_no_genes(tmp_path: Path, shared_data: Path) -> None:
    """Mouse genes of one export as they are, of the other in capitals; few mouse symbols differ by case alone."""
    exports = shared_data / "pllm" / "ens_m2m"
    human_mouse = pl.read_csv(exports / "human_mice.txt.gz", separator="\t", infer_schema=False, quote_char=None)
    mouse_pig = pl.read_csv(exports / "mice_pig.txt.gz", separator="\t", infer_schema=False, quote_char=None)
    first, loud = pl.col("Gene name"), pl.col("Gene name").str.to_uppercase()
    mouse_pig.with_columns(loud).write_csv(tmp_path / "pig.tsv", separator="\t", quote_style="never")
    pair = '[[homology]]\nsource = "{}"\ntarget = "{}"\nformat = "biomart"\npath = "{}"\n'
    config = '[release]\nversion = "loud-1"\n' + "".join(
        f'[[species]]\nname = "{name}"\n' for name in ("human", "mouse", "pig")
    )
    config += pair.format("human", "mouse", exports / "human_mice.txt.gz") + pair.format("mouse", "pig", "pig.tsv")
    (tmp_path / "release.toml").write_text(config)
    build_release(tmp_path / "release.toml", tmp_path / "rel")
    names = {*human_mouse["Mouse gene name"].drop_nulls(), *mouse_pig["Gene name"].drop_nulls()}
    by_fold: dict[str, set[str]] = {}
    for name in names:
        by_fold.setdefault(name.lower(), set()).add(name)
    twins = sum(len(some) for some in by_fold.values() if len(some) > 1)
    with homodb.open(tmp_path / "rel") as rel:
        found = rel.sql("SELECT count(*) AS n FROM gene JOIN species USING (species) WHERE name = 'mus_musculus'")
        assert len(by_fold) <= found["n"].item() <= len(by_fold) + twins
        assert twins < 60
        rows = rel.orthologs(source="mouse", target="pig")
    both = mouse_pig.drop_nulls(["Gene name", "Pig gene name"]).unique(["Gene name", "Pig gene name"])
    plain = both.with_columns(first.str.to_lowercase()).unique(["Gene name", "Pig gene name"]).height
    assert plain - twins <= rows.height <= plain
