"""The build config: what each key gives, and an error of one line that names file and place for all that is wrong."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from homodb.etl import EmbeddingConfig, EnsemblConfig, Parameters, Source, read_config
from homodb.etl.embeddings import Long, Pooling
from homodb.etl.fetch import layout_of
from homodb.schema.errors import ConfigError
from homodb.schema.species import FIRST_DESCRIBED, find
from tests import messages

HUMAN, MOUSE, PIG = find("human"), find("mouse"), find("pig")

WHOLE = """
[release]
version = "2026.1"
title = "A title"
ensembl = 115
licence = "CC0-1.0"
citation = "Somebody, 2026"
[[species]]
name = "mouse"
[[species]]
name = "Homo sapiens"
assembly = "GRCh38"
proteome = "pep.fa"
annotation = "sub/genes.gtf"
canonical = "mane.txt"
xrefs = ["entrez.tsv", "uniprot.tsv"]
synonyms = "synonyms.tsv"
history = "history.tsv"
[[species]]
name = "pig"
[[homology]]
source = "human"
target = "mice"
format = "compara"
path = ["a.tsv", "b.tsv"]
[[homology]]
source = "mouse"
target = "9823"
format = "biomart"
path = "c.txt"
[[evidence]]
source = "human"
target = "mouse"
model = "esm2_t33_650M_UR50D"
pooling = "mean"
best_hits = "hits.csv"
correlations = "more.csv"
median_correlation = 0
[hl_o2o]
weights = { identity = 2, correlation = 0.5 }
[build]
pairs = [["mouse", "human"], ["pig", "mouse"]]
allow_mixed = true
"""
FILES = [
    "pep.fa", "sub/genes.gtf", "mane.txt", "entrez.tsv", "uniprot.tsv", "synonyms.tsv", "history.tsv", "a.tsv", "b.tsv",
    "c.txt", "hits.csv", "more.csv",
]  # fmt: skip

LEAST = '[release]\nversion = "1"\n[[species]]\nname = "human"\n[[species]]\nname = "mouse"\n'
HOMOLOGY = '[[homology]]\nsource = "human"\ntarget = "mouse"\nformat = "biomart"\npath = "c.txt"\n'
EVIDENCE = '[[evidence]]\nsource = "human"\ntarget = "mouse"\nmodel = "m"\npooling = "mean"\nbest_hits = "hits.csv"\n'
EMBEDDED = LEAST + 'proteome = "pep.fa"\n[embedding]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in FILES:
        (tmp_path / name).touch()
    return tmp_path


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "release.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_every_key(folder: Path) -> None:
    def source(name: str) -> Source:
        return Source(name, folder / name)

    path = write(folder, WHOLE)
    config = read_config(path)
    release = config.release
    assert (release.version, release.title, release.ensembl) == ("2026.1", "A title", "115")
    assert (release.licence, release.citation) == ("CC0-1.0", "Somebody, 2026")
    assert [entry.species for entry in config.species] == [HUMAN, MOUSE, PIG]  # by number
    human = config.species[0]
    assert human.assembly == "GRCh38"
    assert human.proteome == source("pep.fa")
    assert human.annotation == source("sub/genes.gtf")
    assert human.canonical == source("mane.txt")
    assert human.xrefs == (source("entrez.tsv"), source("uniprot.tsv"))
    assert human.synonyms == source("synonyms.tsv")
    assert human.history == source("history.tsv")
    first, second = config.homologies
    assert (first.source, first.target, first.format) == (HUMAN, MOUSE, "compara")
    assert first.paths == (source("a.tsv"), source("b.tsv"))
    assert (second.source, second.target, second.format, second.paths) == (MOUSE, PIG, "biomart", (source("c.txt"),))
    (evidence,) = config.evidence
    assert (evidence.source, evidence.target) == (HUMAN, MOUSE)
    assert (evidence.model, evidence.pooling) == ("esm2_t33_650M_UR50D", "mean")
    assert (evidence.best_hits, evidence.correlations) == (source("hits.csv"), source("more.csv"))
    assert evidence.median_correlation == 0.0
    assert config.parameters == Parameters(2.0, 0.5)
    assert config.build.pairs == ((MOUSE, HUMAN), (PIG, MOUSE))
    assert config.build.allow_mixed is True


def test_what_is_left_out(folder: Path) -> None:
    config = read_config(write(folder, LEAST + HOMOLOGY + EVIDENCE))
    assert config.release.title is None
    assert config.release.ensembl is None
    human = config.species[0]
    assert (human.assembly, human.proteome, human.xrefs, human.history) == (None, None, (), None)
    assert (config.evidence[0].correlations, config.evidence[0].median_correlation) == (None, None)
    assert config.parameters == Parameters(1.0, 1.0)
    assert config.build.pairs is None
    assert config.build.allow_mixed is False


def test_all_pairs_and_one_weight(folder: Path) -> None:
    config = read_config(write(folder, LEAST + '[build]\npairs = "all"\n[hl_o2o.weights]\ncorrelation = 0\n'))
    assert config.build.pairs == "all"
    assert config.parameters == Parameters(1.0, 0.0)


def test_embedding(folder: Path) -> None:
    usual = read_config(write(folder, EMBEDDED + 'model = "kmer"\n')).embedding
    assert usual == EmbeddingConfig(model="kmer")
    text = (
        'model = "esm2_t6_8M_UR50D"\nweights = "a.tsv"\nlayer = 3\npooling = ["max", "canonical"]\nlong = "window"\n'
        'device = "cpu"\nprecision = "bfloat16"\nmin_length = 20\nbiotypes = "protein_coding"\nstore = "sub/store"\n'
    )
    assert read_config(write(folder, EMBEDDED + text)).embedding == EmbeddingConfig(
        model="esm2_t6_8M_UR50D",
        weights=Source("a.tsv", folder / "a.tsv"),
        layer=3,
        pooling=(Pooling.MAX, Pooling.CANONICAL),
        long=Long.WINDOW,
        device="cpu",
        precision="bfloat16",
        min_length=20,
        biotypes=("protein_coding",),
        store=folder / "sub/store",
    )


def test_pairs_by_default(folder: Path) -> None:
    """Those with homologies; with proteomes to embed also those of a species that stands in none; else all."""
    pig = '[[species]]\nname = "pig"\nproteome = "pep.fa"\n'
    two = LEAST.replace("[[species]]", '[[species]]\nproteome = "pep.fa"')
    embedding = '[embedding]\nmodel = "kmer"\n'
    h, m, p = HUMAN.number, MOUSE.number, PIG.number
    for text, wanted in (
        (two + pig + HOMOLOGY, {(h, m)}),
        (two + pig + HOMOLOGY + embedding, {(h, m), (h, p), (m, p)}),
        (two + pig.replace("proteome", "#") + HOMOLOGY + embedding, {(h, m)}),
        (two + pig, {(h, m), (h, p), (m, p)}),
        (two + pig + HOMOLOGY + embedding + '[build]\npairs = [["human", "mouse"]]\n', {(h, m)}),
    ):
        assert read_config(write(folder, text)).mapped_pairs() == sorted((min(x), max(x)) for x in wanted)


def test_paths_are_relative_to_the_config_and_may_be_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    text = LEAST + HOMOLOGY.replace('"c.txt"', f'["c.txt", "sub/../c.txt", "{folder}/a.tsv"]')
    (homology,) = read_config(Path(folder.name) / write(folder, text).name).homologies
    assert [path.written for path in homology.paths] == ["c.txt", "sub/../c.txt", f"{folder}/a.tsv"]
    assert all(path.path.is_file() for path in homology.paths)


@pytest.mark.parametrize(
    ("text", "place", "wanted"),
    [
        # the document
        ("a = " + "[" * 50_000, "", "nested too deeply"),
        ("a = " + "{a = " * 20_000, "", "nested too deeply"),
        ("[" + "a." * 500_000 + "a]\n", "", "nested too deeply"),
        ("'a' . " * 100_000 + "a = 1\n", "", "nested too deeply"),
        (" " * 500_000 + "version = 1 1", "", "is not TOML"),
        ("version = " + "9" * 100_000, "", "is not TOML"),
        ("# " + "x" * (1 << 20), "", "is larger than 1,048,576 bytes"),
        (LEAST.replace('"1"', '"' + "v" * 101 + '"'), "[release]: version", "is too long. Use at most 100 characters."),
        (LEAST + f"[{'k' * 500_000}]\n", "", "Unknown key 'kkk"),
        (LEAST + HOMOLOGY.replace("c.txt", "c" * 300), "[[homology]] 1: path 1", "There is no file"),
        (LEAST + HOMOLOGY.replace("c.txt", "c" * 500_000), "[[homology]] 1: path 1", "There is no file"),
        (LEAST + HOMOLOGY.replace("c.txt", "a\\u0000b"), "[[homology]] 1: path 1", "There is no file"),
        (LEAST + HOMOLOGY + f'origin = "{"o" * 500_000}"\n', "[[homology]] 1", "There is no [origins.ooo"),
        (
            LEAST + 'origin = "x"\n' + "".join(f"[origins.o{i}]\nname = 'n'\n" for i in range(5_000)),
            "",
            "and 4900 more",
        ),
        (EMBEDDED + f'model = "kmer"\nbiotypes = {[*map(str, range(99_999)), "7"]}\n', "", "'7' is listed twice."),
        (EMBEDDED + f'model = "{"m" * 500_000}"\n', "[embedding]: model", "There is no model 'mmm"),
        ("[release", "", "is not TOML"),
        (b"\xff\xfe", "", "is not TOML"),
        ('[release]\nversion = "1"\nversion = "2"', "", "is not TOML"),
        ("", "", "2 problems: [release] is missing. [[species]] is missing."),
        ("release = 1", "", "2 problems: [release]: Expected a table, got 1. [[species]] is missing."),
        (LEAST + "[extra]\n", "", "Unknown key 'extra'; there are release"),
        ("extra = 1\n" + LEAST, "", "Unknown key 'extra'; there are release"),
        (LEAST + "[[homologies]]\n", "Unknown key", "did you mean 'homology'?"),
        (
            LEAST + '[embedding]\nmodel = "kmer"\n',
            "[embedding]",
            'No species has a proteome. Add proteome = "….pep.all.fa.gz" to [[species]].',
        ),
        (EMBEDDED + 'model = "esm2"\n', "[embedding]: model", "There is no model 'esm2'; there are kmer"),
        (EMBEDDED, "[embedding]", "model is missing"),
        (
            EMBEDDED + 'model = "kmer"\nlayer = 2\n',
            "[embedding]",
            "layer has no meaning for model 'kmer'; it belongs to an ESM2 checkpoint.",
        ),
        (
            EMBEDDED + 'model = "kmer"\nlong = "window"\n',
            "[embedding]",
            "long has no meaning for model 'kmer'; it belongs to an ESM2 checkpoint.",
        ),
        (
            EMBEDDED + 'model = "kmer"\npooling = "median"\n',
            "[embedding]: pooling 1",
            "There is no pooling 'median'; there are mean",
        ),
        (EMBEDDED + 'model = "kmer"\npooling = []\n', "[embedding]: pooling", "Expected a list of 1 or more, got []."),
        (EMBEDDED + 'model = "kmer"\npooling = ["max", "max"]\n', "[embedding]: pooling", "'max' is listed twice."),
        (EMBEDDED + 'model = "kmer"\nmin_length = 0\n', "[embedding]: min_length", "Expected 1 or more, got 0."),
        (
            EMBEDDED + 'model = "kmer"\nmin_length = true\n',
            "[embedding]: min_length",
            "Expected a whole number, got True.",
        ),
        (EMBEDDED + 'model = "kmer"\nmodle = "x"\n', "[embedding]", "did you mean 'model'?"),
        (EMBEDDED + 'model = "esm2_t6_8M_UR50D"\nlayer = 7\n', "[embedding]: layer", "Expected 0 to 6, got 7."),
        (EMBEDDED + 'model = "esm2_t6_8M_UR50D"\nweights = "no.pt"\n', "[embedding]: weights", "There is no file"),
        (
            EMBEDDED + 'model = "esm2_t6_8M_UR50D"\nlong = "cut"\n',
            "[embedding]: long",
            "There is no long 'cut'; there are truncate",
        ),
        (
            EMBEDDED + 'model = "esm2_t6_8M_UR50D"\ndevice = "gpu"\n',
            "[embedding]: device",
            "There is no device 'gpu'; there are auto",
        ),
        (LEAST + "[ensembl]\n", "[ensembl]", "release is missing"),
        (LEAST + "ensembl = 115\n", "[[species]] 2", "Unknown key 'ensembl'; there are name"),
        ("ensembl = 115\n" + LEAST, "[ensembl]", "Expected a table, got 115."),
        (
            LEAST + '[ensembl]\nrelease = "115"\n',
            "[ensembl]: release",
            "Expected a whole number, or a date such as '2026_04', got '115'.",
        ),
        (LEAST + "[ensembl]\nrelease = 0\n", "[ensembl]: release", "Expected 1 or more, got 0."),
        (
            LEAST + '[ensembl]\nrelease = 1\ndivision = "fish"\n',
            "[ensembl]: division",
            "There is no division 'fish'; there are vertebrates",
        ),
        (LEAST + "[ensembl]\nrelease = 1\nurl = 1\n", "[ensembl]", "Unknown key 'url'; there are release"),
        (LEAST + "[ensembl]\nrelease = 1\nbase = 1\n", "[ensembl]: base", "Expected text, got 1."),
        (LEAST + 'core = ["absent"]\n', "[[species]] 2: core 1", "There is no file"),
        # [release]
        (LEAST.replace('version = "1"', 'title = "x"'), "[release]", "version is missing"),
        (LEAST.replace('"1"', "1"), "[release]: version", "Expected text, got 1."),
        (
            LEAST.replace('"1"', '""'),
            "[release]: version",
            "'' cannot be part of a file name. Use letters, digits, '.', '-', '_' and '+'.",
        ),
        (
            LEAST.replace('"1"', '"a/b"'),
            "[release]: version",
            "'a/b' cannot be part of a file name. Use letters, digits, '.', '-', '_' and '+'.",
        ),
        (
            LEAST.replace('"1"', '".."'),
            "[release]: version",
            "'..' cannot be part of a file name. Use letters, digits, '.', '-', '_' and '+'.",
        ),
        (
            LEAST.replace('"1"', '"a\\nb"'),
            "[release]: version",
            "'a\\nb' cannot be part of a file name. Use letters, digits, '.', '-', '_' and '+'.",
        ),
        (
            LEAST.replace('"1"', '"1 0"'),
            "[release]: version",
            "'1 0' cannot be part of a file name. Use letters, digits, '.', '-', '_' and '+'.",
        ),
        (LEAST.replace('"1"', '"1"\ntitel = "x"'), "[release]", "did you mean 'title'?"),
        (LEAST.replace('"1"', '"1"\ntitle = 1'), "[release]: title", "Expected text, got 1."),
        (LEAST.replace('"1"', '"1"\nensembl = true'), "[release]: ensembl", "Expected text, got True."),
        (LEAST.replace('"1"', '"1"\nensembl = 11.5'), "[release]: ensembl", "Expected text, got 11.5."),
        (LEAST.replace('"1"', '"1"\nlicence = []'), "[release]: licence", "Expected text, got []."),
        (
            LEAST.replace('"1"', '"1"\ncitation = 2026-01-01'),
            "[release]: citation",
            "Expected text, got datetime.date(2026, 1, 1).",
        ),
        # [[species]]
        ('[release]\nversion = "1"\n', "[[species]]", "is missing"),
        ('species = []\n[release]\nversion = "1"\n', "[[species]]", "Expected a list of 1 or more, got []."),
        (
            '[release]\nversion = "1"\n[species]\nname = "human"\n',
            "[[species]]",
            "Expected a list of tables. Write its name in double brackets.",
        ),
        ('species = ["human"]\n[release]\nversion = "1"\n', "[[species]] 1", "Expected a table, got 'human'."),
        (LEAST + "[[species]]\n", "[[species]] 3", "name is missing"),
        (LEAST + "[[species]]\nname = 9823\n", "[[species]] 3: name", "Expected text, got 9823."),
        (LEAST + '[[species]]\nname = "Human"\n', "[[species]]", "homo_sapiens is listed twice."),
        (LEAST + '[[species]]\nname = "pig"\nproteom = "pep.fa"\n', "[[species]] 3", "did you mean 'proteome'?"),
        (LEAST + 'proteome = "absent.fa"\n', "[[species]] 2: proteome", "There is no file"),
        (LEAST + 'annotation = "sub"\n', "[[species]] 2: annotation", "There is no file"),
        (LEAST + 'canonical = ""\n', "[[species]] 2: canonical", "There is no file"),
        (LEAST + "synonyms = 1\n", "[[species]] 2: synonyms", "Expected a path, got 1."),
        (LEAST + 'history = ["history.tsv"]\n', "[[species]] 2: history", "Expected a path, got ['history.tsv']."),
        (LEAST + "assembly = 38\n", "[[species]] 2: assembly", "Expected text, got 38."),
        (LEAST + "xrefs = 1\n", "[[species]] 2: xrefs", "Expected one value or a list, got 1."),
        (LEAST + 'xrefs = ["entrez.tsv", 1]\n', "[[species]] 2: xrefs 2", "Expected a path, got 1."),
        (LEAST + 'xrefs = ["entrez.tsv", "absent"]\n', "[[species]] 2: xrefs 2", "There is no file"),
        # [[homology]]
        (
            LEAST + HOMOLOGY + "[[homology]]\n",
            "",
            "4 problems: [[homology]] 2: source is missing. [[homology]] 2: target is missing. "
            "[[homology]] 2: format is missing. [[homology]] 2: path is missing.",
        ),
        (LEAST + HOMOLOGY.replace('target = "mouse"', ""), "[[homology]] 1", "target is missing"),
        (LEAST + HOMOLOGY.replace('format = "biomart"', ""), "[[homology]] 1", "format is missing"),
        (
            LEAST + HOMOLOGY.replace('"biomart"', '"BioMart"'),
            "[[homology]] 1: format",
            "did you mean 'biomart'?",
        ),
        (LEAST + HOMOLOGY.replace('path = "c.txt"', ""), "[[homology]] 1", "path is missing"),
        (LEAST + HOMOLOGY.replace('"c.txt"', "[]"), "[[homology]] 1: path", "Expected a list of 1 or more, got []."),
        (LEAST + HOMOLOGY.replace('"c.txt"', "{}"), "[[homology]] 1: path", "Expected one value or a list, got {}."),
        (LEAST + HOMOLOGY.replace('"c.txt"', '"absent"'), "[[homology]] 1: path 1", "There is no file"),
        (LEAST + HOMOLOGY.replace('"mouse"', '"human"'), "[[homology]] 1", "source and target are both homo_sapiens"),
        (LEAST + HOMOLOGY.replace('"mouse"', '"pig"'), "[[homology]] 1", "sus_scrofa has no [[species]] entry"),
        (LEAST + HOMOLOGY + "paths = []\n", "[[homology]] 1", "did you mean 'path'?"),
        (LEAST + "[homology]\n", "[[homology]]", "Expected a list of tables. Write its name in double brackets."),
        # [[evidence]]
        (LEAST + EVIDENCE.replace('model = "m"', ""), "[[evidence]] 1", "model is missing"),
        (LEAST + EVIDENCE.replace('pooling = "mean"', ""), "[[evidence]] 1", "pooling is missing"),
        (LEAST + EVIDENCE.replace('best_hits = "hits.csv"', ""), "[[evidence]] 1", "best_hits is missing"),
        (LEAST + EVIDENCE.replace('"hits.csv"', '"absent"'), "[[evidence]] 1: best_hits", "There is no file"),
        (LEAST + EVIDENCE + 'correlations = "absent"\n', "[[evidence]] 1: correlations", "There is no file"),
        (
            LEAST + EVIDENCE + "median_correlation = 1.5\n",
            "[[evidence]] 1: median_correlation",
            "Expected 1 or less, got 1.5.",
        ),
        (
            LEAST + EVIDENCE + "median_correlation = nan\n",
            "[[evidence]] 1: median_correlation",
            "Expected 1 or less, got nan.",
        ),
        (
            LEAST + EVIDENCE + "median_correlation = true\n",
            "[[evidence]] 1: median_correlation",
            "Expected a number, got True.",
        ),
        (
            LEAST + EVIDENCE + 'median_correlation = "0.5"\n',
            "[[evidence]] 1: median_correlation",
            "Expected a number, got '0.5'.",
        ),
        (LEAST + EVIDENCE + "layer = 33\n", "[[evidence]] 1", "Unknown key 'layer'; there are source"),
        (LEAST + EVIDENCE.replace('"mouse"', '"pig"'), "[[evidence]] 1", "sus_scrofa has no [[species]] entry"),
        (LEAST + EVIDENCE * 2, "[[evidence]]", "homo_sapiens and mus_musculus are listed twice for m, mean."),
        # [hl_o2o]
        (LEAST + "[hl_o2o]\nweight = 1\n", "[hl_o2o]", "did you mean 'weights'?"),
        (LEAST + "[hl_o2o]\nweights = 1\n", "[hl_o2o]: weights", "Expected a table, got 1."),
        (LEAST + "[hl_o2o.weights]\ngoc = 1\n", "[hl_o2o]: weights", "Unknown key 'goc'; there are identity"),
        (LEAST + "[hl_o2o.weights]\nidentity = -1\n", "[hl_o2o]: weights: identity", "Expected 0 or more, got -1."),
        (
            LEAST + "[hl_o2o.weights]\nidentity = nan\n",
            "[hl_o2o]: weights: identity",
            "Expected a finite number, got nan.",
        ),
        (
            LEAST + "[hl_o2o.weights]\ncorrelation = inf\n",
            "[hl_o2o]: weights: correlation",
            "Expected a finite number, got inf.",
        ),
        (
            LEAST + "[hl_o2o.weights]\ncorrelation = true\n",
            "[hl_o2o]: weights: correlation",
            "Expected a number, got True.",
        ),
        # [build]
        (LEAST + "build = 1\n", "[[species]] 2", "Unknown key 'build'; there are name"),
        ("build = 1\n" + LEAST, "[build]", "Expected a table, got 1."),
        (LEAST + "[build]\nallow_mix = true\n", "[build]", "did you mean 'allow_mixed'?"),
        (LEAST + "[build]\nallow_mixed = 1\n", "[build]: allow_mixed", "Expected true or false, got 1."),
        (
            LEAST + '[build]\npairs = "some"\n',
            "[build]: pairs",
            "Expected 'all' or a list of pairs of species, got 'some'.",
        ),
        (LEAST + "[build]\npairs = 1\n", "[build]: pairs", "Expected 'all' or a list of pairs of species, got 1."),
        (
            LEAST + '[build]\npairs = ["human", "mouse"]\n',
            "[build]: pairs",
            "Expected 'all' or a list of pairs of species, got ['human', 'mouse'].",
        ),
        (
            LEAST + '[build]\npairs = [["human"]]\n',
            "[build]: pairs",
            "Expected 'all' or a list of pairs of species, got [['human']].",
        ),
        (LEAST + '[build]\npairs = [["human", 1]]\n', "[build]: pairs", "Expected text, got 1."),
        (
            LEAST + '[build]\npairs = [["human", "human"]]\n',
            "[build]: pairs 1",
            "source and target are both homo_sapiens.",
        ),
        (LEAST + '[build]\npairs = [["human", "pig"]]\n', "[build]: pairs 1", "sus_scrofa has no [[species]] entry."),
    ],
)
def test_errors(folder: Path, text: str | bytes, place: str, wanted: str) -> None:
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: {place}")
    assert wanted in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (LEAST + '[[species]]\nname = "humna"\n', "[[species]] 3: name"),
        (LEAST + HOMOLOGY.replace('"human"', '"humna"'), "[[homology]] 1: source"),
        (LEAST + EVIDENCE.replace('"human"', '"humna"'), "[[evidence]] 1: source"),
        (LEAST + '[build]\npairs = [["humna", "mouse"]]\n', "[build]: pairs"),
    ],
)
def test_unknown_species(folder: Path, text: str, place: str) -> None:
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: {place}: no species is called 'humna'; did you mean human (homo_sapiens)")
    assert "\n" not in told


def test_an_unknown_species_of_any_length(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no species is called 'hhh") as caught:
        read_config(write(folder, LEAST.replace("human", "h" * 500_000)))
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("name", ["absent.toml", "sub"])
def test_no_config(folder: Path, name: str) -> None:
    with pytest.raises(
        ConfigError, match="there is no such file" if name.endswith(".toml") else "is a folder; name the config"
    ):
        read_config(folder / name)


def test_ensembl(folder: Path) -> None:
    text = LEAST + '[ensembl]\nrelease = 60\ndivision = "plants"\nbase = "https://x.org/pub"\nfolder = "sub"\n'
    config = read_config(write(folder, text + '[embedding]\nmodel = "kmer"\n'))  # its proteomes are fetched
    assert config.ensembl == EnsemblConfig(
        release=60, division="plants", base="https://x.org/pub", folder=folder / "sub"
    )
    assert config.embedding == EmbeddingConfig(model="kmer")
    assert read_config(write(folder, LEAST + "[ensembl]\nrelease = 115\n")).ensembl == EnsemblConfig(release=115)
    assert read_config(write(folder, LEAST)).ensembl is None


def test_files_that_were_fetched_are_known_by_their_address(folder: Path) -> None:
    document = {
        "layout": layout_of(1).name,
        "base": "b",
        "release": 1,
        "division": "vertebrates",
        "config_sha256": None,
    }
    document |= {"species": {}, "files": {"sub/genes.gtf": {"url": "https://x.org/g", "bytes": 1, "sha256": "0a"}}}
    (folder / "fetched.json").write_text(json.dumps(document))
    text = LEAST + 'annotation = "sub/../sub/genes.gtf"\nproteome = "pep.fa"\ncore = ["sub/genes.gtf"]\n'
    (_, mouse) = read_config(write(folder, text)).species
    assert mouse.proteome == Source("pep.fa", folder / "pep.fa")
    assert mouse.core == (Source("sub/genes.gtf", folder / "sub/genes.gtf", "https://x.org/g", "0a"),)
    assert mouse.annotation is not None
    assert mouse.annotation.url == "https://x.org/g"


def test_a_config_made_in_python_has_the_same_errors() -> None:
    with pytest.raises(ConfigError, match=messages.Build.division_there):
        EnsemblConfig(release=1, division="fish")
    with pytest.raises(ConfigError, match=messages.Build.layer_has_no_meaning):
        EmbeddingConfig(model="kmer", layer=2)
    with pytest.raises(ConfigError, match=messages.Build.unknown_key_modle_did_you):
        EmbeddingConfig(modle="kmer")  # type: ignore[call-arg]


def test_a_config_is_frozen() -> None:
    config = EmbeddingConfig(model="kmer")
    with pytest.raises(ValidationError, match=messages.Build.frozen):
        config.min_length = 2  # type: ignore[misc]


def test_every_problem_is_listed_up_to_ten(folder: Path) -> None:
    text = LEAST + "assembly = 1\n[ensembl]\nrelease = 0\n" + "[[homology]]\n" * 3
    with pytest.raises(ConfigError) as caught:
        read_config(write(folder, text))
    message = str(caught.value)
    assert message.startswith(
        f"{folder / 'release.toml'}: 14 problems: [[species]] 2: assembly: Expected text, got 1. "
    )
    assert message.count("is missing.") == 9
    assert message.endswith("4 more.")


def test_ready_evidence_of_several_embeddings_of_one_pair(folder: Path) -> None:
    """Once per model and pooling, whichever species is the source."""
    text = LEAST + EVIDENCE + EVIDENCE.replace('"mean"', '"max"') + EVIDENCE.replace('"m"', '"n"')
    assert [(entry.model, entry.pooling) for entry in read_config(write(folder, text)).evidence] == [
        ("m", "mean"), ("m", "max"), ("n", "mean"),
    ]  # fmt: skip
    turned = EVIDENCE.replace('"human"', '"x"').replace('"mouse"', '"human"').replace('"x"', '"mouse"')
    with pytest.raises(ConfigError, match=messages.Build.are_listed_twice_for_m):
        read_config(write(folder, LEAST + EVIDENCE + turned))


# ---------------------------------------------------------------------- species that the registry lacks

NEWT = '[[species]]\nname = "notophthalmus_viridescens"\ntaxon_id = 8316\ncommon_name = "newt"\n'


def test_a_species_that_the_registry_lacks_is_described(tmp_path: Path) -> None:
    path = tmp_path / "release.toml"
    build = '[build]\npairs = [["newt", "human"]]\n'
    path.write_text(f'[release]\nversion = "1"\n{NEWT}[[species]]\nname = "human"\n{build}')
    human, newt = (entry.species for entry in read_config(path).species)
    assert (newt.name, newt.taxon_id, newt.common_name) == ("notophthalmus_viridescens", 8316, "newt")
    assert human.number == 1 and newt.number >= FIRST_DESCRIBED
    assert read_config(path).mapped_pairs() == [(1, newt.number)]


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        (("taxon_id = 8316\n", ""), "has name, taxon_id and common_name"),
        (('common_name = "newt"\n', ""), "has name, taxon_id and common_name"),
        (("8316", '"8316"'), "has name, taxon_id and common_name"),
        (("8316", "0"), "has name, taxon_id and common_name"),
        (("notophthalmus_viridescens", "Newt"), "is not a scientific name"),
        (("notophthalmus_viridescens", "mus_musculus"), "which homodb knows"),
        (('"newt"', '"mouse"'), "which homodb knows"),
        (('"newt"', '"8316"'), "is not a common name"),
    ],
)
def test_descriptions_that_cannot_be(tmp_path: Path, changed: tuple[str, str], fragment: str) -> None:
    path = tmp_path / "release.toml"
    path.write_text(f'[release]\nversion = "1"\n{NEWT.replace(*changed)}[[species]]\nname = "human"\n')
    with pytest.raises(ConfigError, match=fragment):
        read_config(path)


def test_an_unknown_species_is_told_how_to_be_described(tmp_path: Path) -> None:
    path = tmp_path / "release.toml"
    path.write_text('[release]\nversion = "1"\n[[species]]\nname = "plethodon_cinereus"\n')
    with pytest.raises(ConfigError, match=messages.Build.described_by_taxon_id):
        read_config(path)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ('header = "nbci"', "There is no form of headers 'nbci'.*did you mean 'ncbi'"),
        ('header = "(?P<gene>x)"', "has no group"),
        ('header = "ncbi"\n', None),
    ],
)
def test_forms_of_headers(tmp_path: Path, line: str, fragment: str | None) -> None:
    path = tmp_path / "release.toml"
    (tmp_path / "p.fa").write_text(">a\nM\n")
    path.write_text(f'[release]\nversion = "1"\n[[species]]\nname = "human"\nproteome = "p.fa"\n{line}\n')
    if fragment is None:
        assert read_config(path).species[0].header == "ncbi"
        return
    with pytest.raises(ConfigError, match=fragment):
        read_config(path)


def test_headers_without_a_proteome(tmp_path: Path) -> None:
    path = tmp_path / "release.toml"
    path.write_text('[release]\nversion = "1"\n[[species]]\nname = "human"\nheader = "ncbi"\n')
    with pytest.raises(ConfigError, match=messages.Build.says_how_to_read_a_proteome):
        read_config(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
@pytest.mark.parametrize("name", ["release.toml", "fetched.json"])
def test_files_without_end(folder: Path, name: str) -> None:
    path = write(folder, LEAST)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(ConfigError):
        read_config(path)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(ConfigError):
        read_config(path)
    (folder / name).unlink()
    (folder / name).write_bytes(b"[" * 200_000)
    with pytest.raises(ConfigError):
        read_config(path)
