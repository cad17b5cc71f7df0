"""Files of others: what leads out of them, what is damaged, what cannot be, what runs code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.cells import check_zarr, open_anndata, read_anndata
from homodb.query.inspect import inspect
from homodb.query.join import join_to_file
from homodb.query.translate import TranslationReport, translate_file
from homodb.schema.errors import HomodbError, TranslationError

pytestmark = pytest.mark.versions

NAMES = ["Ins1", "Ins2", "Gcg", "Tnf", "Vwf"]
ARRAY = {"encoding-type": "array", "encoding-version": "0.2.0"}


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells() -> anndata.AnnData:
    counts = np.arange(30.0, dtype=np.float32).reshape(6, 5)
    obs = pd.DataFrame({"cell_type": pd.Categorical([*"aabbcc"]), "n": range(6)}, index=[f"c{one}" for one in range(6)])
    adata = anndata.AnnData(sp.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=NAMES))
    adata.obsm["X_pca"], adata.layers["counts"] = np.ones((6, 2)), counts.copy()
    adata.layers["csc"], adata.obsp["d"] = sp.csc_matrix(counts), sp.csr_matrix(np.eye(6))
    adata.obsm["table"] = pd.DataFrame({"x": range(6)}, index=adata.obs_names)
    adata.uns = {"note": "text", "nested": {"x": np.arange(3)}}
    return adata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    cells().write_h5ad(tmp_path / "in.h5ad")
    return tmp_path / "in.h5ad"


def attempts(path: Path, release: homodb.Release) -> dict[str, Callable[[], Any]]:
    folder = path.parent
    return {
        "h5ad": lambda: translate_file(path, folder / "out.h5ad", "human", source="mouse", release=release),
        "zarr": lambda: translate_file(path, folder / "out.zarr", "human", source="mouse", release=release),
        "inspect": lambda: inspect(path, release=release, source="mouse"),
        "read": lambda: read_anndata(path),
        "join": lambda: join_to_file(
            [path, second(folder)], folder / "joint.out.h5ad", species=["mouse", "human"], release=release
        ),
    }  # fmt: skip


def second(folder: Path) -> Path:
    adata = cells()
    adata.var_names = ["INS", "GCG", "TNF", "VWF", "XIST"]
    adata.write_h5ad(folder / "human.h5ad")
    return folder / "human.h5ad"


def refused(
    path: Path, release: homodb.Release, *said: str, by: tuple[str, ...] = ("h5ad", "zarr", "inspect", "read")
) -> None:
    for name in by:
        with pytest.raises(HomodbError) as error:
            attempts(path, release)[name]()
        assert all(text in str(error.value) for text in (str(path), *said)), (name, str(error.value))
    assert not list(path.parent.glob("*out.*"))


def translated(path: Path, release: homodb.Release) -> tuple[anndata.AnnData, TranslationReport]:
    report = attempts(path, release)["h5ad"]()
    return anndata.read_h5ad(path.parent / "out.h5ad"), report


def put(group: Any, key: str, values: Any, **options: Any) -> None:
    if key in group:
        del group[key]
    group.create_dataset(key, data=values, **options).attrs.update(ARRAY)


def texts_of(index: Any) -> h5py.Dataset:
    return index if isinstance(index, h5py.Dataset) else index["values"]  # anndata 0.13


OUTSIDE: dict[str, Callable[[h5py.File, Path], None]] = {
    "X": lambda file, other: (file.__delitem__("X"), file.__setitem__("X", h5py.ExternalLink(other, "/X")))[0],
    "uns['other']": lambda file, other: file["uns"].__setitem__("other", h5py.ExternalLink(other, "/text")),
    "obsm['other']": lambda file, other: file["obsm"].__setitem__("other", h5py.ExternalLink(other, "/X")),
    "obs['unlisted']": lambda file, other: file["obs"].__setitem__("unlisted", h5py.ExternalLink(other, "/X")),
    "var": lambda file, other: (file.__delitem__("var"), file.__setitem__("var", h5py.ExternalLink(other, "/")))[0],
    "obsm['view']": lambda file, other: view(file, other),
    "obsm['raw']": lambda file, other: (
        file["obsm"]
        .create_dataset("raw", (6, 4), "u1", external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        .attrs.update(ARRAY)
    ),
}


def view(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((6, 5), "f4")
    layout[:] = h5py.VirtualSource(str(other), "X", (6, 5))
    file["obsm"].create_virtual_dataset("view", layout).attrs.update(ARRAY)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        put(file, "X", np.full((6, 5), 777, "f4"))
        file["text"] = "SECRET"
        file["text"].attrs.update({"encoding-type": "string", "encoding-version": "0.2.0"})
    return tmp_path / "other.h5"


class TestLinks:
    @pytest.mark.parametrize("name", OUTSIDE)
    def test_what_leads_out_is_refused(self, name: str, path: Path, other: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            OUTSIDE[name](file, other)
        refused(path, release, name, "stand alone", by=("h5ad", "zarr", "inspect", "read", "join"))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["uns['other']", "obsm['other']", "obsm['view']", "obsm['raw']"])
    def test_links_are_followed_on_request_and_the_output_stands_alone(
        self, name: str, path: Path, other: Path, release: homodb.Release
    ) -> None:
        with h5py.File(path, "a") as file:
            OUTSIDE[name](file, other)
        for ending in (".h5ad", ".zarr"):
            output = path.with_name("out" + ending)
            translate_file(path, output, "human", source="mouse", release=release, follow_links=True)
        other.unlink()
        for ending in (".h5ad", ".zarr"):
            made = read_anndata(path.with_name("out" + ending))
            if "uns" in name:
                assert made.uns["other"] == "SECRET"
            elif "raw" not in name:
                assert (made.obsm[name[6:-2]] == 777).all()

    def test_links_within_the_file_work(self, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            file["uns"]["soft"] = h5py.SoftLink("/obsm/X_pca")
            file["uns"]["hard"] = file["obs/n"]
            file["obsm"]["soft"] = h5py.SoftLink("/obsm/X_pca")
        made, report = translated(path, release)
        assert (made.uns["soft"] == 1).all() and made.uns["hard"].tolist() == list(range(6))
        assert not any("uns" in note or "obsm" in note for note in report.notes)
        assert (made.obsm["soft"] == 1).all()

    @pytest.mark.parametrize("kind", ["soft", "self", "parent", "root", "deep"])
    def test_cycles_and_links_to_nothing_are_errors(self, kind: str, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            group = file["uns"]
            match kind:
                case "soft":
                    group["x"] = h5py.SoftLink("/nowhere")
                case "self":
                    group["x"] = h5py.SoftLink("/uns/x")
                case "parent":
                    group["x"] = group
                case "root":
                    group["x"] = file["/"]
                case _:
                    for _ in range(300):
                        group = group.create_group("x")
                        group.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
        refused(path, release, "uns['x']")

    def test_many_names_of_one_group_end(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two to the power of forty ways, all of them short."""
        monkeypatch.setattr("homodb.query.cells.checks._MOST", 2000)
        with h5py.File(path, "a") as file:
            group = file["uns"]
            for _ in range(40):
                below = group.create_group("x")
                group["y"] = below
                group = below
        with pytest.raises(TranslationError, match="too many elements"):
            read_anndata(path)

    def test_links_of_a_store(self, tmp_path: Path, release: homodb.Release) -> None:
        store = tmp_path / "in.zarr"
        cells().write_zarr(store)
        (tmp_path / "secret").mkdir()
        (store / "uns" / "x").symlink_to(tmp_path / "secret", target_is_directory=True)
        refused(store, release, "uns['x']", "stand alone")
        (store / "uns" / "x").unlink()
        (store / "uns" / "x").symlink_to(store, target_is_directory=True)
        refused(store, release, "uns['x']", "holds it")


class TestDamage:
    """What cannot be read is an error with its name; in uns it is left out, and the report says so."""

    DAMAGE: ClassVar[dict[str, tuple[str, Callable[[h5py.File], Any]]]] = {
        "codes beyond": ("obs['cell_type']", lambda file: file["obs/cell_type/codes"].__setitem__(0, 100)),
        "codes not whole": ("obs['cell_type']", lambda file: put(file["obs/cell_type"], "codes", np.full(6, np.nan))),
        "no categories": ("obs", lambda file: file["obs/cell_type"].__delitem__("categories")),
        "no column": ("obs", lambda file: file["obs"].attrs.__setitem__("column-order", ["nowhere"])),
        "a number": ("obs", lambda file: file["obs"].attrs.__setitem__("column-order", [1, 2])),
        "short column": ("obs['n']", lambda file: put(file["obs"], "n", np.arange(3))),
        "short obsm": ("obsm['X_pca']", lambda file: put(file["obsm"], "X_pca", np.ones((3, 2)))),
        "not square": ("obsp['d']", lambda file: file["obsp/d"].attrs.__setitem__("shape", [6, 9])),
        "indptr": ("X", lambda file: file["X/indptr"].__setitem__(2, 0)),
        "indices": ("X", lambda file: file["X/indices"].__setitem__(0, 9)),
        "indices of columns": ("layers['csc']", lambda file: file["layers/csc/indices"].__setitem__(0, 9)),
        "another index": ("obsm['table']", lambda file: texts_of(file["obsm/table/_index"]).__setitem__(5, b"d5")),
        "unknown": ("obsm['X_pca']", lambda file: file["obsm/X_pca"].attrs.__setitem__("encoding-type", "later")),
        "unwritten": ("obsm['x']", lambda file: file["obsm"].create_dataset("x", (6, 10**9), "f4", chunks=(1, 10**5))),
        "unwritten uns": ("uns['x']", lambda file: file["uns"].create_dataset("x", (10**12,), "f8", chunks=(10**5,))),
    }  # fmt: skip

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", DAMAGE)
    def test_damage_is_not_passed_on(self, kind: str, path: Path, release: homodb.Release) -> None:
        name, change = self.DAMAGE[kind]
        with h5py.File(path, "a") as file:
            change(file)
        refused(path, release, name, by=("h5ad", "zarr"))

    def test_bytes_that_cannot_be_unpacked(self, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            put(
                file["obsm"], "big", np.random.default_rng(0).normal(size=(6, 500)), compression="gzip", chunks=(6, 500)
            )
            chunk = file["obsm/big"].id.get_chunk_info(0)
        data = bytearray(path.read_bytes())
        data[chunk.byte_offset + 20 : chunk.byte_offset + 200] = bytes(180)
        path.write_bytes(data)
        refused(path, release, "obsm['big']", by=("h5ad", "zarr", "read"))

    @pytest.mark.parametrize("pieces", [0, 1])
    @pytest.mark.parametrize("name", ["layers/counts", "obs/n", "obsm/X_pca", "var/mean", "X/data", "uns/lost"])
    def test_pieces_that_were_never_written(self, name: str, pieces: int, path: Path, release: homodb.Release) -> None:
        """HDF5 reads a lost piece as zeros, which could be counts."""
        adata = cells()
        adata.var["mean"], adata.uns["lost"] = 1.0, np.arange(8)
        adata.write_h5ad(path)
        with h5py.File(path, "a") as file:
            values, attributes = file[name][()], dict(file[name].attrs)
            del file[name]
            lost = file.create_dataset(name, values.shape, values.dtype, chunks=(2, *values.shape[1:]))
            lost.attrs.update(attributes)
            lost[: 2 * pieces] = values[: 2 * pieces]
        key = name.replace("/", "['", 1) + "']"
        if name.startswith("uns"):
            output, report = translated(path, release)
            assert "lost" not in output.uns and any("never written" in note for note in report.notes)
            with pytest.warns(UserWarning, match="never written"):
                assert set(read_anndata(path).uns) == {"note", "nested"}
        else:
            refused(path, release, key, "never written")

    def test_pieces_that_a_damaged_tree_hides(self, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            put(file["obs"], "n", np.arange(1, 7), chunks=(6,))
        data = bytearray(path.read_bytes())
        tree = data.rindex(b"TREE\1\0\1\0")  # of chunks, a leaf, of one entry
        end = tree + 24 + 24 + 8 + 8  # header, first key, address of the chunk, size and filters of the last key
        assert int.from_bytes(data[end : end + 8], "little") == 6
        data[end : end + 16] = bytes(16)
        path.write_bytes(data)
        with h5py.File(path) as file:
            assert not file["obs/n"][:].any()  # HDF5 says nothing
        refused(path, release, "obs['n']", "never written")

    @pytest.mark.slow
    @pytest.mark.parametrize("ending", [".h5ad", ".zarr"])
    def test_uns_is_left_out_with_a_note(self, ending: str, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            file["uns/note"].attrs["encoding-type"] = "later"
            file["uns/nested/x"].attrs["encoding-version"] = "99"
            file["uns"]["reference"] = file["X"].ref
        output = path.with_name("out" + ending)
        report = translate_file(path, output, "human", source="mouse", release=release)
        made = read_anndata(output)
        assert set(made.uns) == {"homodb"} and made.n_obs == 6
        assert [note.split(" ")[2] for note in report.notes if "left out" in note] == [
            "uns['nested']['x']",
            "uns['note']",
            "uns['reference']",
        ]
        with pytest.warns(UserWarning, match=r"left out: uns\['note'\]"):
            whole = read_anndata(path)
        assert "nested" not in whole.uns and (whole.obsm["X_pca"] == 1).all()

    def test_awkward_arrays_without_the_package(self, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            group = file["obsm"].create_group("airr")
            group.attrs.update(
                {"encoding-type": "awkward-array", "encoding-version": "0.1.0", "form": "{}", "length": 6}
            )
        if "awkward" in sys.modules:
            pytest.skip("awkward is installed")
        report = attempts(path, release)["zarr"]()
        assert "pip install awkward" in report.notes[0] and "obsm['airr']" in report.notes[0]
        with pytest.warns(UserWarning, match="pip install awkward"):
            assert "airr" not in read_anndata(path).obsm


class TestImpossible:
    X: ClassVar[dict[str, Callable[[h5py.File], Any]]] = {
        "complex": lambda file: put(file, "X", np.ones((6, 5), "c16")),
        "text": lambda file: put(file, "X", np.full((6, 5), b"a")),
        "compound": lambda file: put(file, "X", np.zeros((6, 5), [("a", "i4"), ("b", "f4")])),
        "null": lambda file: put(file, "X", h5py.Empty("f4")),
        "vlen": lambda file: put(file, "X", np.full((6, 5), "a", object), dtype=h5py.string_dtype()),
        "other shape": lambda file: put(file, "X", np.ones((5, 6))),
        "huge": lambda file: (file.__delitem__("X"), file.create_dataset("X", (10**9, 10**9), chunks=(1000, 1000))),
        "scalar": lambda file: put(file, "X", 5.0),
    }  # fmt: skip

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", X)
    def test_matrices(self, kind: str, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            self.X[kind](file)
            file["X"].attrs.update(ARRAY)
        refused(path, release, "X", by=("h5ad", "zarr"))
        for name in ("inspect", "read"):  # no other exception
            try:
                attempts(path, release)[name]()
            except HomodbError as error:
                assert str(path) in str(error)  # noqa: PT017 (they may be read, too)

    def test_tables_that_are_said_to_be_huge(self, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            del file["obs/_index"]
            file["obs"].create_dataset("_index", (10**12,), h5py.string_dtype(), chunks=(10**4,))
        refused(path, release, "obs['_index']", "1,000,000,000,000 values")

    def test_pipes_and_devices(self, tmp_path: Path, release: homodb.Release) -> None:
        os.mkfifo(tmp_path / "in.h5ad")
        refused(tmp_path / "in.h5ad", release, "is a pipe")
        (tmp_path / "zero.h5ad").symlink_to("/dev/zero")
        refused(tmp_path / "zero.h5ad", release, "is a device")

    STORE: ClassVar[dict[str, Callable[[Path], Any]]] = {
        "shape": lambda store: change(store, "indptr", shape=[10**15]),
        "negative": lambda store: change(store, "indptr", shape=[-5]),
        "no chunk": lambda store: change(store, "data", chunks=[0]),
        "huge chunk": lambda store: change(store, "data", chunks=[10**15]),
        "codec": lambda store: change(store, "data", compressor={"id": "pickle"}),
        "filter": lambda store: change(store, "data", filters=[{"id": "pickle", "protocol": 5}]),
        "cut": lambda store: (store / "X" / "data" / ".zarray").write_text("{"),
        "deep": lambda store: (store / ".zattrs").write_text("[" * 100_000),
        "pipe": lambda store: ((store / "X" / "data" / "0").unlink(), os.mkfifo(store / "X" / "data" / "0")),
    }  # fmt: skip

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", STORE)
    def test_stores(self, kind: str, tmp_path: Path, release: homodb.Release) -> None:
        store = tmp_path / "in.zarr"
        with anndata.settings.override(zarr_write_format=2):
            cells().write_zarr(store)
        read_anndata(store)
        self.STORE[kind](store)
        refused(store, release)


def change(store: Path, name: str, **given: Any) -> None:
    path = store / "X" / name / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | given))


class TestCodecs:
    """Those that run code are refused by homodb itself, whatever numcodecs thinks of them."""

    @pytest.mark.parametrize(
        "metadata",
        [
            {"zarr_format": 2, "dtype": "|O", "chunks": [3], "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]},
            {"zarr_format": 2, "dtype": "<f4", "chunks": [3], "compressor": {"id": "pickle"}},
            {"node_type": "array", "data_type": "float32", "codecs": [{"name": "numcodecs.pickle"}]},
            {"node_type": "array", "data_type": "float32", "codecs": ["evil"]},
            {"node_type": "array", "data_type": "float32", "codecs": [
                {"name": "sharding_indexed", "configuration": {"codecs": [{"name": "numcodecs.pickle"}]}}
            ]},
        ],
    )  # fmt: skip
    def test_codecs_that_run_code(self, metadata: dict[str, Any], tmp_path: Path) -> None:
        name = ".zarray" if "zarr_format" in metadata else "zarr.json"
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / name).write_text(json.dumps({"shape": [3], **metadata}))
        with pytest.raises(TranslationError, match=r"x is stored with the codec '.*(pickle|evil)'"):
            check_zarr(tmp_path)

    @pytest.mark.parametrize("number", [2, 3])
    def test_usual_codecs_pass(self, number: int, tmp_path: Path) -> None:
        with anndata.settings.override(zarr_write_format=number):
            cells().write_zarr(tmp_path / "in.zarr")
        assert read_anndata(tmp_path / "in.zarr").n_obs == 6


class TestForms:
    """What only looks strange is read."""

    @pytest.mark.slow
    def test_the_other_byte_order(self, tmp_path: Path, release: homodb.Release) -> None:
        expected = None
        for order, form in (("<", np.asarray), (">", np.asarray), (">", sp.csr_matrix), (">", sp.csc_matrix)):
            path = tmp_path / f"{'little' if order == '<' else 'big'}.h5ad"
            adata = cells()
            adata.X = form(np.arange(30.0, dtype=np.float32).reshape(6, 5))
            adata.write_h5ad(path)
            with h5py.File(path, "a") as file:
                for name in ("X",) if isinstance(file["X"], h5py.Dataset) else ("X/data", "X/indices", "X/indptr"):
                    values, attributes = file[name][()], dict(file[name].attrs)
                    del file[name]
                    file.create_dataset(name, data=values.astype(values.dtype.newbyteorder(order)))
                    file[name].attrs.update(attributes)
                put(file["obs"], "n", np.arange(6, dtype=order + "i8"))
            made, _ = translated(path, release)
            values = np.asarray(made.X.todense() if sp.issparse(made.X) else made.X)
            expected = values if expected is None else expected
            assert np.array_equal(values, expected)
            inspect(path, release=release, source="mouse")
            whole = read_anndata(path)
            assert whole.X.dtype.isnative and whole.obs["n"].sort_values().tolist() == list(range(6))

    def test_the_other_byte_order_of_every_element(self, tmp_path: Path, release: homodb.Release) -> None:
        """Of sparse matrices in obsp, layers, raw and nested uns too."""
        path, random = tmp_path / "big.h5ad", sp.random(6, 6, 0.5, format="csr", rng=np.random.default_rng(0))
        adata = cells()
        adata.X = sp.csr_matrix(np.arange(30.0).reshape(6, 5))
        adata.layers["counts"] = adata.X.copy()
        adata.raw = adata.copy()
        adata.obsp["near"], adata.obsm["X_pca"] = random, np.arange(12.0).reshape(6, 2)
        adata.uns["a"] = {"b": {"c": random.tocsc()}, "d": np.arange(3)}
        adata.write_h5ad(path)

        def turn(name: str, element: Any) -> None:
            if isinstance(element, h5py.Dataset) and element.dtype.kind in "iuf":
                numbers.append(name)

        numbers: list[str] = []
        with h5py.File(path, "a") as file:
            file.visititems(turn)
            for name in numbers:
                values, attributes = np.asarray(file[name][()]), dict(file[name].attrs)
                del file[name]
                file.create_dataset(name, data=values.astype(values.dtype.newbyteorder(">")))
                file[name].attrs.update(attributes)
        made, _ = translated(path, release)
        whole = read_anndata(path)
        for one in (made, whole):
            assert np.array_equal(one.obsp["near"].toarray(), random.toarray())
            assert np.array_equal(one.uns["a"]["b"]["c"].toarray(), random.toarray())
            assert np.array_equal(one.obsm["X_pca"], adata.obsm["X_pca"]) and one.uns["a"]["d"].tolist() == [0, 1, 2]
        assert np.array_equal(whole.raw.X.toarray(), whole.layers["counts"].toarray())
        assert np.array_equal(made.raw.X.toarray(), made.layers["counts"].toarray())

    def test_a_filter_that_is_not_installed_is_named(self, path: Path, release: homodb.Release) -> None:
        pytest.importorskip("h5py")
        if h5py.h5z.filter_avail(32015):
            pytest.skip("zstd is installed")
        with h5py.File(path, "a") as file:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_chunk((6,))
            plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
            h5py.h5d.create(file["obs"].id, b"z", h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((6,)), plist)
        refused(path, release, "obs['z']", "zstd", "pip install hdf5plugin")

    def test_a_file_that_is_written_to_is_in_use(self, path: Path, release: homodb.Release) -> None:
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        import fcntl

        reader, writer = os.pipe()
        done_reader, done_writer = os.pipe()
        pid = os.fork()
        if not pid:
            with path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                os.write(writer, b"x")
                os.read(done_reader, 1)
            os._exit(0)
        try:
            os.read(reader, 1)
            refused(path, release, "is in use by another program")
        finally:
            os.write(done_writer, b"x")
            os.waitpid(pid, 0)

    def test_modalities_are_named(self, path: Path, release: homodb.Release) -> None:
        with h5py.File(path, "a") as file:
            file.attrs["encoding-type"] = "MuData"
            for name in ("rna", "atac"):
                file.create_group(f"mod/{name}")
        refused(path, release, "MuData", "atac, rna")

    @pytest.mark.parametrize(
        ("place", "bytes_"),
        [
            (16, bytes(184)),  # texts of no length
            (24, b"\xf0" + b"\xff" * 7),  # one that leads back to itself
            (24, b"\xff\xff\xff\x7f" + bytes(4)),  # and one beyond the heap
            (8, bytes(8)),  # a heap without a size
        ],
    )
    @pytest.mark.parametrize("shift", [0, 3])
    def test_a_heap_without_end(
        self, path: Path, release: homodb.Release, place: int, bytes_: bytes, shift: int
    ) -> None:
        """HDF5 itself would look for the next text for ever, wherever the heap begins."""
        with h5py.File(path, "a") as file:
            file["uns/bytes"] = np.zeros(3000 + shift, np.uint8)
            file["uns/texts"] = np.array(["x" * 40] * 200, dtype=object)
        data = bytearray(path.read_bytes())
        at = data.rindex(b"GCOL") + place
        data[at : at + len(bytes_)] = bytes_
        path.write_bytes(data)
        refused(path, release, "heap")


def test_the_root_says_which_file(path: Path) -> None:
    with pytest.raises(TranslationError, match="in.h5ad"), open_anndata(path) as root:
        root["uns"]["nowhere"]
    with pytest.raises(ZeroDivisionError), open_anndata(path):
        raise ZeroDivisionError  # not of a library that reads
