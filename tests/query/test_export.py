"""Exports, read back in the way the tools they are for read them."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.export import (
    biadjacency,
    export_embeddings,
    export_graph,
    read_samap_graph,
    samap_graph,
    write_samap_graph,
)
from homodb.schema.errors import (
    BrokenReleaseError,
    HomodbError,
    InputError,
    MissingEmbeddingError,
    MissingMappingError,
    MissingPackageError,
    OutputError,
    UnknownSpeciesError,
)
from homodb.schema.vectors import GeneVectors, read_vectors
from tests import messages

HUMAN, MOUSE, PIG = "homo_sapiens", "mus_musculus", "sus_scrofa"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def release(vectors_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(vectors_folder) as opened:
        yield opened


def as_stored(release: homodb.Release, species: str, name: str = "kmer-mean") -> dict[str, np.ndarray]:
    """Vectors by stable ID, straight from the release's own file."""
    assert release.folder is not None
    told = read_vectors(release.folder / "embeddings" / f"{species}.{name}.parquet")
    ids = dict(release.sql("SELECT gene, stable_id FROM gene").iter_rows())
    return {ids[gene]: vector for gene, vector in zip(told.genes.tolist(), told.vectors, strict=True)}


def symbols(release: homodb.Release, species: str) -> dict[str, str | None]:
    return dict(
        release.sql(
            "SELECT stable_id, symbol FROM gene JOIN species s USING (species) WHERE s.name = ?", [species]
        ).iter_rows()
    )


def test_parquet_and_h5_hold_every_gene_by_both_names(release: homodb.Release, tmp_path: Path) -> None:
    for form in ("parquet", "h5"):
        done = export_embeddings(release, tmp_path / form, form=form)
        assert [one.species for one in done] == [HUMAN, MOUSE, PIG]
        for one in done:
            assert one.left_out.height == 0 and one.genes == len(as_stored(release, one.species))
    table = pl.read_parquet(tmp_path / "parquet" / f"{HUMAN}.kmer-mean.parquet")
    assert table.columns == ["stable_id", "symbol", "vector"]
    stored = as_stored(release, HUMAN)
    for name, symbol, vector in table.iter_rows():
        assert (np.array(vector, np.float32) == stored[name]).all() and symbol == symbols(release, HUMAN)[name]
    with h5py.File(tmp_path / "h5" / f"{HUMAN}.kmer-mean.h5") as file:
        assert dict(file.attrs)["model"] == "kmer" and file.attrs["species"] == HUMAN
        names = file["stable_id"].asstr()[:].tolist()
        assert names == table["stable_id"].to_list()
        assert file["symbol"].asstr()[:].tolist() == table["symbol"].fill_null("").to_list()
        assert file["vectors"].dtype == np.float32
        assert (file["vectors"][:] == np.stack([stored[name] for name in names])).all()


def test_species_and_embedding_can_be_chosen(release: homodb.Release, tmp_path: Path) -> None:
    done = export_embeddings(release, tmp_path, form="parquet", species=["mouse"], embedding="kmer-max")
    assert [path.name for path in tmp_path.glob("*.parquet")] == [f"{MOUSE}.kmer-max.parquet"]
    assert done[0].dimensions == 24
    both = export_embeddings(release, tmp_path / "all", form="parquet", embedding="kmer-max")
    assert [one.species for one in both] == [HUMAN, MOUSE]


def load_as_saturn(path: Path, var_names: list[str]) -> tuple[list[str], Any]:
    """As SATURN (and UCE) do: names in lower case, genes of the data that have one, a matrix in the data's order."""
    import torch

    told = {name.lower(): vector for name, vector in torch.load(path, weights_only=True).items()}
    used = [name for name in var_names if name.lower() in told]
    return used, torch.stack([told[name.lower()] for name in used])


def test_saturn_loads_the_dictionary(release: homodb.Release, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (done,) = export_embeddings(release, tmp_path, form="saturn", species=["mouse"])
    stored, named = as_stored(release, MOUSE), symbols(release, MOUSE)
    data = [symbol for symbol in named.values() if symbol] + ["Unheard-of"]
    used, matrix = load_as_saturn(done.files[0], data)
    assert matrix.dtype == torch.float32 and matrix.shape == (len(used), 24) and "Unheard-of" not in used
    by_symbol = {named[name]: vector for name, vector in stored.items()}
    assert set(used) == {symbol for symbol in by_symbol if symbol}
    for name, row in zip(used, matrix.numpy(), strict=True):
        assert (row == by_symbol[name]).all()


def test_a_gene_without_symbol_goes_by_its_stable_id(release: homodb.Release, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    (done,) = export_embeddings(release, tmp_path, form="saturn", species=["human"])
    told = torch.load(done.files[0], weights_only=True)
    assert (told["ENSG00000000017"].numpy() == as_stored(release, HUMAN)["ENSG00000000017"]).all()


def test_of_genes_of_one_symbol_one_is_written_and_the_others_are_named(
    release: homodb.Release, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    (done,) = export_embeddings(release, tmp_path, form="saturn", species=["human"])
    told = torch.load(done.files[0], weights_only=True)
    twins = release.sql(
        "SELECT g.stable_id FROM gene g JOIN gene_embedding e USING (gene) JOIN embedding m USING (embedding) "
        "WHERE g.symbol = 'TBCE' AND g.gene = g.primary_gene AND m.model || m.pooling = 'kmermean' "
        "ORDER BY e.n_isoforms DESC, g.stable_id"
    )
    first, second = twins["stable_id"]
    assert (told["TBCE"].numpy() == as_stored(release, HUMAN)[first]).all()
    assert done.left_out.rows() == [(second, "TBCE", f"its name went to {first}")]
    assert done.genes == len(told) == len(as_stored(release, HUMAN)) - 1
    assert done.reasons() == "1 its name went to another gene"
    lower = [name.lower() for name in told]
    assert len(set(lower)) == len(lower)


def test_uce_finds_rows_by_position_and_every_gene_in_the_table_of_places(
    release: homodb.Release, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    (done,) = export_embeddings(release, tmp_path, form="uce", species=["human"])
    listed = pd.read_csv(tmp_path / "new_species_protein_embeddings.csv").set_index("species").to_dict()["path"]
    told = torch.load(listed[HUMAN], weights_only=True)
    rows = list({name.upper(): vector for name, vector in told.items()})
    assert len(rows) == len(told) == done.genes  # no two names fall together, or rows would shift against the tokens
    tokens = torch.vstack((torch.zeros(4, 24), torch.stack(list(told.values()))))
    places = pd.read_csv(done.files[1])
    assert list(places.columns) == ["gene_symbol", "chromosome", "start", "species"]
    places["spec_chrom"] = pd.Categorical(places["species"] + "_" + places["chromosome"].astype(str))
    here = places[places["species"] == HUMAN].set_index("gene_symbol")
    data = [name for name in ("INS", "VWF", "TBCE") if name in told]
    assert len(data) == 3
    index = torch.tensor([rows.index(name.upper()) + 4 for name in data])
    for name, row in zip(data, tokens[index], strict=True):
        assert (row == told[name]).all()
    assert len(here.loc[[name.upper() for name in told]]) == len(told)
    truth = release.sql("SELECT region, region_start FROM gene WHERE symbol = 'VWF' AND species = 1").row(0)
    assert (str(here.loc["VWF", "chromosome"]), here.loc["VWF", "start"]) == truth


def test_uce_leaves_out_genes_without_a_place_and_refuses_a_species_without_any(
    release: homodb.Release, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    with pytest.raises(MissingEmbeddingError, match=messages.Export.place_on_chromosomes):
        export_embeddings(release, tmp_path, form="uce", species=["pig"])
    assert not list(tmp_path.glob("*.pt"))


def test_transcriptformer_loads_keys_and_arrays(release: homodb.Release, tmp_path: Path) -> None:
    (done,) = export_embeddings(release, tmp_path, form="transcriptformer", species=["human"])
    assert done.files[0].name == "homo_sapiens_gene.h5"
    with h5py.File(done.files[0], "r") as file:
        keys = [key.decode("utf-8") for key in file["keys"][:]]
        told = {key: file["arrays"][str(key)][:] for key in keys}
    stored = as_stored(release, HUMAN)
    assert set(told) == set(stored) and len(keys) == len(stored)
    assert all((told[name] == stored[name]).all() and told[name].dtype == np.float32 for name in told)


@pytest.mark.parametrize(("form", "package"), [("saturn", "torch"), ("h5", "h5py"), ("transcriptformer", "h5py")])
def test_a_missing_package_is_named_and_nothing_is_left(
    release: homodb.Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=messages.Export.pip_install.format(package=package)):
        export_embeddings(release, tmp_path / "out", form=form)
    assert not list((tmp_path / "out").iterdir())


def test_altered_vectors_are_not_exported(vectors_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(vectors_folder, tmp_path / "copy"))
    file = folder / "embeddings" / f"{MOUSE}.kmer-mean.parquet"
    altered = bytearray(file.read_bytes())
    altered[len(altered) // 2] ^= 1
    file.write_bytes(altered)
    with homodb.open(folder) as release, pytest.raises(BrokenReleaseError, match=messages.Export.not_file):
        export_embeddings(release, tmp_path / "out", form="parquet")
    assert not list((tmp_path / "out").iterdir())


def test_a_release_without_vectors_and_a_place_that_is_a_file(
    toy: homodb.Release, release: homodb.Release, tmp_path: Path
) -> None:
    with pytest.raises(MissingEmbeddingError):
        export_embeddings(toy, tmp_path, form="parquet")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        export_embeddings(release, tmp_path / "file", form="parquet")


# --- graphs


def samap_takes(graph: tuple[Any, ...], data: Mapping[str, list[str]]) -> tuple[Any, np.ndarray, dict[str, np.ndarray]]:
    """What SAMAP does with ``gnnm``: prefix the data's names, keep the genes of both, order the matrix by the data."""
    matrix, names, by_id = graph
    ids = list(data)
    seen = {
        one: np.array([name if name.split("_")[0] == one else f"{one}_{name}" for name in data[one]]) for one in ids
    }
    shared = [by_id[one][np.isin(by_id[one], seen[one])] for one in ids]
    keep = np.isin(names, np.concatenate(shared))
    names, matrix = names[keep], matrix[keep][:, keep]
    place = pd.DataFrame(data=np.arange(names.size)[None, :], columns=names)
    order = np.concatenate([seen[one] for one in ids])
    order = order[np.isin(order, names)]
    at = place[order].values.flatten()
    matrix = matrix[at][:, at]
    return matrix, order, {one: order[np.isin(order, part)] for one, part in zip(ids, shared, strict=True)}


def test_samap_takes_the_graph_with_the_weights_of_the_mapping(release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "gnnm.npz"
    told = export_graph(release, path, form="samap", species=["human", "mouse"])
    graph = read_samap_graph(path)
    data = {"hs": ["VWF", "INS", "FCER1A", "Nothing"], "mm": ["Ins2", "Ins1", "mm_Vwf", "Fcer1a"]}
    matrix, names, by_id = samap_takes(graph, data)
    assert names.tolist() == ["hs_VWF", "hs_INS", "hs_FCER1A", "mm_Ins2", "mm_Ins1", "mm_Vwf", "mm_Fcer1a"]
    assert by_id["mm"].tolist() == ["mm_Ins2", "mm_Ins1", "mm_Vwf", "mm_Fcer1a"]
    dense = matrix.toarray()
    assert (dense == dense.T).all() and dense.diagonal().sum() == 0
    rows = release.orthologs(["VWF", "INS", "FCER1A"], source="human", target="mouse", strategy="ens_m2m")
    wanted = {
        (f"hs_{row['source_symbol']}", f"mm_{row['target_symbol']}"): row["identity"] / 100
        for row in rows.iter_rows(named=True)
        if row["target_symbol"] in ("Ins2", "Ins1", "Vwf", "Fcer1a")
    }
    seen = {
        (names[a], names[b]): dense[a, b] for a, b in zip(*dense.nonzero(), strict=True) if names[a].startswith("hs_")
    }
    assert seen == pytest.approx(wanted) and len(wanted) == 4
    assert told["genes"] == len(graph[1]) and told["pairs"] == graph[0].nnz // 2


def test_the_npz_is_read_by_scipy_and_numpy_without_pickles(release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "gnnm.npz"
    graph = samap_graph(release, ["human", "mouse", "pig"], names="stable_id", ids={"human": "hu", "mice": "mo"})
    write_samap_graph(path, graph)
    matrix = sp.load_npz(path)
    assert (matrix != graph[0]).nnz == 0 and matrix.format == "csr"
    with np.load(path, allow_pickle=False) as file:
        assert file["genes"].tolist() == graph[1].tolist() and file["species"].tolist() == ["hu", "mo", "ss"]
    told = export_graph(release, tmp_path / "again.npz", form="samap", species=["human", "mouse", "pig"])
    assert told["unlinked"] == ["hs - ss"]
    again = read_samap_graph(path)
    assert list(again[2]) == ["hu", "mo", "ss"]
    assert all((again[2][one] == graph[2][one]).all() for one in graph[2])


def test_genes_of_one_symbol_become_one_node_with_the_highest_weights(release: homodb.Release) -> None:
    matrix, names, _ = samap_graph(release, ["human", "mouse"], strategy="lm_o2o")
    assert len(set(names.tolist())) == len(names) and all(name[:3] in ("hs_", "mm_") for name in names)
    rows = release.orthologs(None, source="human", target="mouse", strategy="lm_o2o")
    place = {name: row for row, name in enumerate(names.tolist())}
    for row in rows.iter_rows(named=True):
        a = place[f"hs_{row['source_symbol'] or row['source_id']}"]
        b = place[f"mm_{row['target_symbol'] or row['target_id']}"]
        assert matrix[a, b] >= row["correlation"] - 1e-6
    assert matrix.nnz == 2 * len({(r["source_symbol"], r["target_symbol"]) for r in rows.iter_rows(named=True)})


@pytest.mark.parametrize("strategy", ["ens_m2m", "ens_o2o", "hm_o2o", "lm_o2o", "hl_o2o"])
def test_biadjacency_has_the_pairs_of_each_strategy_and_one_shape(
    release: homodb.Release, tmp_path: Path, strategy: str
) -> None:
    path = tmp_path / "b.npz"
    told = export_graph(release, path, form="biadjacency", species=["mouse", "human"], strategy=strategy)
    matrix = sp.load_npz(path)
    with np.load(path) as file:
        ids, others = file["source_id"], file["target_id"]
        assert str(file["strategy"]) == strategy.upper() and len(file["source_symbol"]) == len(ids)
    assert matrix.shape == (len(ids), len(others))
    rows = release.orthologs(None, source="mouse", target="human", strategy=strategy)
    wanted = set(rows.select("source_id", "target_id").iter_rows())
    seen = {(str(ids[a]), str(others[b])) for a, b in zip(*matrix.nonzero(), strict=True)}
    assert seen == wanted and set(matrix.data) == {1.0} and told["pairs"] == len(wanted)
    primary = release.sql("SELECT count(*) FROM gene WHERE gene = primary_gene AND species = 1").item()
    assert len(others) == primary


def test_weights(release: homodb.Release) -> None:
    for weight, column, scale in (("identity", "identity", 100), ("correlation", "correlation", 1)):
        matrix = biadjacency(release, source="human", target="mouse", strategy="hl_o2o", weight=weight)
        rows = release.orthologs(None, source="human", target="mouse", strategy="hl_o2o")
        known = rows[column].drop_nulls().to_numpy() / scale
        filled = rows[column].fill_null(float(np.median(known)) * scale).to_numpy() / scale
        assert np.allclose(np.sort(matrix.matrix.data), np.sort(np.maximum(filled, 0.01)), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"species": ["human"], "form": "samap"}, UnknownSpeciesError, "two or more"),
        ({"species": ["human", "human"], "form": "samap"}, UnknownSpeciesError, "different"),
        ({"species": ["human", "human"], "form": "biadjacency"}, MissingMappingError, "both"),
        ({"species": ["human", "mouse", "pig"], "form": "biadjacency"}, UnknownSpeciesError, "two species"),
        ({"species": ["human", "zebrafish"], "form": "samap"}, UnknownSpeciesError, "danio_rerio"),
        ({"species": ["human", "pig"], "form": "samap"}, MissingMappingError, "no mapping between"),
        ({"species": ["mouse", "pig"], "form": "samap", "strategy": "lm_o2o"}, MissingMappingError, "LM_O2O"),
        ({"species": ["mouse", "pig"], "form": "samap", "weight": "correlation"}, MissingMappingError, "identity"),
        ({"species": ["human", "mouse"], "form": "samap", "ids": {"human": "a_b"}}, UnknownSpeciesError, "without _"),
        ({"species": ["human", "mouse"], "form": "samap", "ids": {"human": "mm"}}, UnknownSpeciesError, "=mm"),
        ({"species": ["human", "mouse"], "form": "samap", "path": "gnnm.pkl"}, OutputError, ".npz"),
        ({"species": ["human", "mouse"], "form": "samap", "path": "no/gnnm.npz"}, OutputError, "no folder"),
    ],
)
def test_graphs_that_cannot_be_had(
    release: homodb.Release, tmp_path: Path, arguments: dict[str, Any], error: type[HomodbError], words: str
) -> None:
    path = tmp_path / arguments.pop("path", "g.npz")
    with pytest.raises(error) as caught:
        export_graph(release, path, **arguments)
    assert words in str(caught.value) and not path.exists()


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.npz"
    if content is None:
        sp.save_npz(path, sp.csr_matrix(np.eye(2)))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=messages.Export.not_gene_graph):
        read_samap_graph(path)
    with pytest.raises(InputError):
        read_samap_graph(tmp_path / "absent.npz")


def test_close_species_go_by_different_ids() -> None:
    from homodb.query.export.graph import _prefixes
    from homodb.schema.species import find

    class Names:
        def find_species(self, name: str) -> Any:
            return find(name)

    three = [find(name) for name in ("mouse", "rhesus macaque", "human")]
    assert list(_prefixes(Names(), three, {}).values()) == ["mmusculus", "mmulatta", "hs"]  # type: ignore[arg-type]


def test_names_that_differ_by_case_only_are_one_name() -> None:
    """SATURN lowers and UCE raises names: a collision would give a gene another one's vector, or shift all rows."""
    from homodb.query.export.embeddings import _named_once

    genes = pl.DataFrame(
        {
            "stable_id": ["G1", "G2", "G3", "G4"],
            "symbol": ["Abc", "ABC", None, "g3"],
            "biotype": ["lncRNA", "protein_coding", "protein_coding", None],
            "n_isoforms": [9, 1, 1, 2],
            "reason": pl.Series([None] * 4, dtype=pl.String),
        }
    )
    named = _named_once(genes)
    assert named["reason"].to_list() == ["its name went to G2", None, "its name went to G4", None]


def test_written_csv_has_no_quotes_that_pandas_would_keep(release: homodb.Release, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (done,) = export_embeddings(release, tmp_path, form="uce", species=["human"])
    with done.files[1].open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["gene_symbol"] == row["gene_symbol"].upper() and row["start"].isdigit() for row in rows)
    starts: dict[str, list[int]] = {}
    for row in rows:
        starts.setdefault(row["chromosome"], []).append(int(row["start"]))
    assert all(values == sorted(values) for values in starts.values())


@pytest.mark.slow
def test_vectors_of_other_genes_than_the_table_says_are_refused(
    release_with: Any, coding: Mapping[str, np.ndarray], tmp_path: Path
) -> None:
    from homodb.schema.manifest import describe_file
    from homodb.schema.vectors import write_vectors

    told = GeneVectors(coding[MOUSE], np.eye(len(coding[MOUSE]), 6, dtype=np.float32))
    folder = release_with(tmp_path / "r", {("kmer", "mean"): {MOUSE: told}})
    place = folder / "embeddings" / f"{MOUSE}.kmer-mean.parquet"
    old = describe_file(folder, place, "vectors")
    write_vectors(place, GeneVectors(told.genes[1:], told.vectors[1:]))
    new = describe_file(folder, place, "vectors")
    manifest = folder / "manifest.json"
    text = (
        manifest.read_text().replace(old.sha256, new.sha256).replace(f'"bytes": {old.bytes}', f'"bytes": {new.bytes}')
    )
    manifest.write_text(text)
    with homodb.open(folder) as release, pytest.raises(BrokenReleaseError, match=messages.Export.gene_embedding):
        export_embeddings(release, tmp_path / "out", form="parquet")


# ---------------------------------------------------------------------------------------------- Parquet


def test_flat_files_are_the_view_sorted_by_symbol(toy: homodb.Release, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    files = toy.write_parquet(tmp_path, flat=True, report=lambda done, total: seen.append((done, total)))
    assert [str(file.relative_to(tmp_path)) for file in files] == [
        f"ortholog/{one.name}.parquet" for one in toy.species
    ]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    for file in files:
        frame = pl.read_parquet(file)
        wanted = toy.sql("SELECT * FROM ortholog WHERE source_species = ?", [file.stem])
        assert frame.columns == wanted.columns and frame.height == wanted.height > 0
        assert frame.sort(pl.all()).equals(wanted.sort(pl.all()))
        assert frame["source_symbol"].to_list() == frame["source_symbol"].sort(nulls_last=True).to_list()
    again = toy.write_parquet(tmp_path / "again", flat=True)
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


def test_tables_and_views_as_they_are(toy: homodb.Release, tmp_path: Path) -> None:
    files = toy.write_parquet(tmp_path)
    assert {file.stem for file in files} == set(toy.relations())
    for file in files:
        assert pl.read_parquet(file).equals(toy.sql(f'SELECT * FROM "{file.stem}" ORDER BY ALL'))


def test_parquet_files_that_cannot_be_written(toy: homodb.Release, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        toy.write_parquet(tmp_path / "file", flat=True)
