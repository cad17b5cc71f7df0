"""Files of genes: same form out as in, nothing lost without being told, written whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.query.gene_lists import ListReport, find_separator, is_list_file, read, translate_list_file
from homodb.query.results import write_report
from homodb.query.translate import gene_list
from homodb.schema.errors import HomodbError, InputError, OutputError, TranslationError, UndecidedSpeciesError
from tests import messages

Translate = Callable[..., tuple[str, ListReport]]


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


@pytest.fixture
def translate(release: homodb.Release, tmp_path: Path) -> Translate:
    def translate_(name: str, text: str, to: str = "human", **options: object) -> tuple[str, ListReport]:
        path, output = tmp_path / name, tmp_path / f"out_{name}"
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        report = translate_list_file(path, output, to, release=release, **options)  # type: ignore[arg-type]
        content = output.read_bytes()
        return (gzip.decompress(content) if name.endswith(".gz") else content).decode(), report

    return translate_


def lost(report: ListReport) -> list[tuple[int, str, str]]:
    return report.lost.rows()


# Reports


@pytest.mark.parametrize("form", ["tsv", "json", "html"])
def test_reports_as_files(translate: Translate, tmp_path: Path, form: str) -> None:
    _, report = translate("sets.gmt", "one\tx\tIns1\tFoo<b>\tXist\ntwo\tx\tFoo<b>\n", source="mouse")
    path = tmp_path / f"report.{form}"
    write_report(report, path)
    text = path.read_text("utf-8")
    if form == "tsv":
        assert pl.read_csv(path, separator="\t").select("name", "fate").rows() == [
            ("Ins1", "mapped"), ("Foo<b>", "unknown"), ("Xist", "no_protein"),
        ]  # fmt: skip
    elif form == "json":
        told = json.loads(text)
        assert [row["name"] for row in told["genes"]] == ["Ins1", "Foo<b>", "Xist"] and len(told["lost"]) == 3
        assert told["sets"][0]["carried"] == 1 and told["fates"]["unknown"] == 1
    else:
        assert "Foo<b>" not in text and "Foo&lt;b&gt;" in text and "http" not in text
        for wanted in ("gene sets: 2 sets", "Not carried (3)", "Sets", "unknown: ", "(1 name)"):
            assert wanted in text, wanted
    with pytest.raises(OutputError, match=messages.Lists.reports_are_written_as_tsv):
        write_report(report, tmp_path / "report.pdf")


def test_a_release_without_synonyms_says_so_where_a_name_is_unknown(translate: Translate) -> None:
    said = "the release has no synonyms of mouse: symbols that genes once had are unknown to it"
    assert said in translate("genes.txt", "Ins1\nGcg\nFoo\n", source="mouse")[1].notes
    assert said not in translate("genes.txt", "Ins1\nGcg\n", source="mouse")[1].notes
    human = translate("genes.txt", "INS\nFOO\n", source="human", to="mouse")[1]  # which has synonyms
    assert not any("synonyms" in note for note in human.notes)


# Plain lists


def test_a_list(translate: Translate) -> None:
    text, report = translate("genes.txt", "# mine\r\nGcg\nIns1\n\n 'Ins2' \nXist\nFoo\nGcg\n")
    assert text == "# mine\nGCG\nINS\n\n"
    assert lost(report) == [(6, "Xist", "no_protein: lncRNA"), (7, "Foo", "unknown")]
    assert (report.came, report.left, report.kind) == (6, 2, "list of genes")
    assert "4 genes are carried to 2" in " ".join(report.notes)
    assert dict(report.fates.select("name", "places").iter_rows())["Gcg"] == 2
    assert report.totals()["fates"] == {"mapped": 3, "no_protein": 1, "unknown": 1}


def test_a_list_to_all_partners(translate: Translate) -> None:
    text, _ = translate("genes.txt", "INS\nGCG\n", "mouse", source="human", one_to_many="all")
    assert text.split() == ["Ins2", "Ins1", "Gcg"]


def test_a_list_with_a_mark_of_byte_order_and_gzip(translate: Translate) -> None:
    assert translate("genes.txt.gz", "\ufeffIns1\nGcg\n")[0] == "INS\nGCG\n"


# Gene sets


def test_gene_sets(translate: Translate) -> None:
    text, report = translate("sets.gmt", "beta\thttp://x\tIns1\tIns2\tFoo\t\nnone\t\tXist\tFoo\nalpha\t\tGcg\n")
    assert text == "beta\thttp://x\tINS\nalpha\t\tGCG\n"
    assert report.sets is not None
    assert report.sets.rows() == [("beta", 3, 2, 1), ("none", 2, 0, 0), ("alpha", 1, 1, 1)]
    assert lost(report) == [
        (1, "Foo of beta", "unknown"),
        (2, "Xist of none", "no_protein: lncRNA"),
        (2, "Foo of none", "unknown"),
    ]
    assert "left out, since none of its genes is carried: none" in report.notes


def test_gene_sets_told_by_their_lines_and_their_weights(translate: Translate) -> None:
    text, report = translate("library.txt", "beta\t\tIns1,1.0\tGcg,2\nalpha\t\tGcg,0.5\tFoo,1\tVwf,3\n")
    assert report.kind == "gene sets"
    assert text == "beta\t\tINS,1.0\tGCG,2\nalpha\t\tGCG,0.5\tVWF,3\n"


# Marker tables


SEURAT = """\
"","p_val","cluster","gene"
"Ins1",0.1,"beta, 1","Ins1"
"Ins2",1e-300,"beta","Ins2"
"Ins1.1",0,"b","Ins1"
"Foo",1,"b","Foo"
"""


def test_a_table_of_seurat(translate: Translate) -> None:
    text, report = translate("markers.csv", SEURAT)
    assert list(csv.reader(io.StringIO(text))) == [
        ["", "p_val", "cluster", "gene"],
        ["INS", "0.1", "beta, 1", "INS"],
        ["INS.1", "1e-300", "beta", "INS"],
        ["INS.2", "0", "b", "INS"],
    ]
    assert report.columns == ("unnamed", "gene")
    assert lost(report) == [(5, "Foo", "unknown")]


def test_a_table_of_scanpy(translate: Translate) -> None:
    text, report = translate("markers.tsv", "group\tnames\tscores\nT\tGcg\t1\nB\tIns2\t2.50\n")
    assert text == "group\tnames\tscores\nT\tGCG\t1\nB\tINS\t2.50\n"
    assert report.columns == ("names",)


def test_a_table_with_a_column_for_each_group(translate: Translate) -> None:
    text, report = translate("wide.csv", ",beta,alpha,other\n0,Ins1,Gcg,Vwf\n1,Ins2,Foo,Rplp0\n2,Fcer1a,Tnf,Xist\n")
    assert text == ",beta,alpha,other\n0,INS,GCG,VWF\n1,INS,,RPLP0\n2,FCER1A,TNF,\n"
    assert lost(report) == [(3, "Foo of alpha", "unknown"), (4, "Xist of other", "no_protein: lncRNA")]


def test_stable_ids_and_symbols_side_by_side_stay_side_by_side(translate: Translate) -> None:
    text, _ = translate("m.csv", "gene_id,score,gene_name\nENSMUSG00000000002,1,Ins2\nENSMUSG00000000099,2,Gcg\n")
    gcg = translate("g.txt", "Gcg\n", names="id")[0].strip()
    assert text == f"gene_id,score,gene_name\nENSG00000000001,1,INS\n{gcg},2,GCG\n"


def test_all_partners_repeat_rows(translate: Translate) -> None:
    text, report = translate("m.csv", "gene,x\nINS,1\nGCG,2\n", "mouse", source="human", one_to_many="all")
    assert text == "gene,x\nIns2,1\nIns1,1\nGcg,2\n"
    assert (report.came, report.left) == (2, 3)


@pytest.mark.parametrize("column", ["b", "2"])
def test_a_named_column(translate: Translate, column: str) -> None:
    text, report = translate("m.csv", "gene,b\nGcg,Ins1\nFoo,Vwf\n", column=column)
    assert text == "gene,b\nGcg,INS\nFoo,VWF\n"
    assert report.columns == ("b",)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_separators_ends_of_lines_quotes_and_comments_stay(translate: Translate, separator: str, end: str) -> None:
    lines = ["# made by me", separator.join(["gene", "note"]), separator.join(["Ins1", f'"a{separator} ""b"""'])]
    text, _ = translate("table.csv", end.join(lines) + end)
    assert text == (end.join(lines) + end).replace("Ins1", "INS")


def test_a_table_of_r_without_a_name_for_its_rows(translate: Translate) -> None:
    text, _ = translate("m.txt", "p\tq\nIns1\t1\t2\nGcg\t3\t4\n")
    assert text == "p\tq\nINS\t1\t2\nGCG\t3\t4\n"


def test_a_table_without_header(translate: Translate) -> None:
    text, report = translate("pairs.tsv", "Ins1\tTnf\nGcg\tVwf\n")
    assert text == "INS\tTNF\nGCG\tVWF\n"
    assert report.columns == ("1", "2")


# Ligands and receptors


@pytest.mark.parametrize("separator", ["_", "&", "+", ":", ", ", ";", "|", "/"])
def test_a_complex_is_carried_where_all_its_parts_are(translate: Translate, separator: str) -> None:
    rows = [
        ["ligand", "receptor", "n"],
        ["Gcg", f"Vwf{separator}Tnf", "1"],
        ["Gcg", f"Vwf{separator}Xist", "2"],
        ["Gcg", "Tnf", "3"],
    ]
    source = "".join("\t".join(row) + "\n" for row in rows)
    text, report = translate("lr.tsv", source)
    assert text == f"ligand\treceptor\tn\nGCG\tVWF{separator}TNF\t1\nGCG\tTNF\t3\n"
    assert lost(report) == [(3, f"Gcg, Vwf{separator}Xist", "Xist no_protein: lncRNA")]


def test_a_row_needs_its_ligand_and_its_receptor(translate: Translate) -> None:
    text, report = translate(
        "lr.csv", "source_genesymbol,target_genesymbol\nGcg,COMPLEX:Vwf_Tnf\nFoo,Tnf\nGcg,Foo\nTnf,Vwf\n"
    )
    assert text == "source_genesymbol,target_genesymbol\nGCG,COMPLEX:VWF_TNF\nTNF,VWF\n"
    assert [line for line, _, _ in lost(report)] == [3, 4]


def test_all_partners_of_a_pair_are_all_pairs_and_one_gene_is_one_choice(translate: Translate) -> None:
    text, _ = translate("lr.csv", "ligand,receptor\nINS,GCG\nINS,INS_GCG\n", "mouse", source="human", one_to_many="all")
    assert text.splitlines()[1:] == ["Ins2,Gcg", "Ins1,Gcg", "Ins2,Ins2_Gcg", "Ins1,Ins1_Gcg"]


def test_parts_that_come_to_one_gene_stand_once(translate: Translate) -> None:
    assert translate("lr.csv", "ligand,receptor\nGcg,Ins1_Ins2\nTnf,Vwf\n")[0].splitlines()[1] == "GCG,INS"


def test_subunits_in_columns_of_their_own(translate: Translate) -> None:
    text, report = translate(
        "complexes.csv", "complex_name,subunit_1,subunit_2,subunit_3\nx,Gcg,Tnf,\ny,Gcg,Xist,Vwf\nz,Vwf,Tnf,Gcg\n"
    )
    assert text == "complex_name,subunit_1,subunit_2,subunit_3\nx,GCG,TNF,\nz,VWF,TNF,GCG\n"
    assert lost(report) == [(3, "Gcg, Xist, Vwf", "Xist no_protein: lncRNA")]


def test_names_of_complexes_stay_where_their_genes_stand_beside(translate: Translate) -> None:
    source = (
        "interaction_name\tligand\treceptor\treceptor.symbol\n"
        "GCG_VWF_TNF\tGcg\tVWr_T2\tVwf, Tnf\nGCG_RPLP0\tGcg\tRplp0\tRplp0\nTNF_VWF\tTnf\tVwf\tVwf\nA_B\tVwf\tGcg\tGcg\n"
    )
    text, report = translate("cellchat.tsv", source, source="mouse", column="ligand,receptor,receptor.symbol")
    assert text.splitlines()[1] == "GCG_VWF_TNF\tGCG\tVWr_T2\tVWF, TNF"
    assert any("names a complex" in note for note in report.notes)


def test_reading_of_complexes() -> None:
    known = {"ITGA2", "ITGB1", "C4B_2", "C4B", "HLA-A"}
    assert read("C4B_2", known, known).parts == ("C4B_2",)
    assert read("ITGA2_ITGB1", known, {*known, "ITGA2_ITGB1"}).parts == ("ITGA2", "ITGB1")
    assert read("HLA-A", known, known).parts == ("HLA-A",)
    assert read("FOO_BAR", known, known).parts == ("FOO_BAR",)
    assert read("ITGA2_BAR", known, known).parts == ("ITGA2", "BAR")
    assert read("GRCh38_ITGB1", known, {*known, "GRCh38_ITGB1"}).parts == ("GRCh38_ITGB1",)
    assert read("", known, known).parts == ()


# Against an independent reading


CELLS = st.sampled_from(["Ins1", "Ins2", "Gcg", "Tnf", "Vwf", "Rplp0", "Xist", "Foo", "Dup1"])
OTHER = st.text(st.sampled_from('abc,"\t ;x1'), max_size=6)


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(rows=st.lists(st.tuples(CELLS, OTHER), min_size=1, max_size=15), separator=st.sampled_from(",\t"))
def test_rows_are_kept_whole_or_told(
    release: homodb.Release, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], separator: str
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    with (folder / "in.csv").open("w", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows([("gene", "note"), *rows])
    single = homodb.translate_genes([gene for gene, _ in rows], to="human", source="mouse", release=release)
    partner = dict(single.select("name", "target").iter_rows())
    wanted = [[partner[gene], note] for gene, note in rows if partner[gene]]
    try:
        report = translate_list_file(
            folder / "in.csv", folder / "out.csv", "human", source="mouse", release=release, column="gene", kind="table"
        )
    except TranslationError:
        assert not wanted and not (folder / "out.csv").exists()
        return
    with (folder / "out.csv").open(newline="") as stream:
        assert list(csv.reader(stream, delimiter=separator)) == [["gene", "note"], *wanted]
    assert len(wanted) + report.lost.height == len(rows) == report.came


# Errors: one line, nothing written


@pytest.mark.parametrize(
    ("name", "text", "options", "error", "says"),
    [
        ("a.txt", "", {}, TranslationError, "is empty"),
        ("a.txt", "\0\1\2", {}, TranslationError, "not text"),
        ("a.txt", "Foo\nBar\n", {}, UndecidedSpeciesError, "look like 'Foo', 'Bar'"),
        (
            "a.txt",
            "Foo\nBar\n",
            {"source": "mouse"},
            TranslationError,
            "none of the 2 genes is carried .*'Foo' .unknown",
        ),
        ("a.txt", "Ins1\n", {"column": "gene"}, TranslationError, "has no columns"),
        ("a.csv", "gene,x\nIns1,1\nGcg\nTnf,1,2\n", {}, InputError, "2 problems: line 3: .*1 cells.*line 4"),
        (
            "a.csv",
            "gene,x\nIns1,1\n",
            {"column": "genes"},
            TranslationError,
            "no column 'genes'; its columns are: 'gene', 'x'",
        ),
        (
            "a.csv",
            "gene,x\nFoo,bar\n",
            {"source": "mouse"},
            TranslationError,
            "no column holds genes .*'gene' 0%.*'x' 0%",
        ),
        ("a.csv", "# only\n", {"source": "mouse"}, InputError, "holds no row"),
        ("a.gmt", "beta\t\tFoo\n", {"source": "mouse"}, TranslationError, "its one gene is not carried"),
        ("a.txt", "Ins1\n", {"one_to_many": "split"}, TranslationError, "for lists of genes; there are best, all"),
    ],
)
def test_bad_input_is_one_clear_error_and_nothing_is_written(
    translate: Translate,
    tmp_path: Path,
    name: str,
    text: str,
    options: dict[str, str],
    error: type[HomodbError],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        translate(name, text, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_bad_places(release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(TranslationError, match=messages.Shared.no_such_file):
        translate_list_file(path, tmp_path / "b.txt", "human", release=release)
    path.write_text("Ins1\n")
    with pytest.raises(OutputError, match=messages.Lists.input_file):
        translate_list_file(path, tmp_path / "." / "a.txt", "human", source="mouse", release=release)
    with pytest.raises(OutputError, match=messages.Shared.no_folder):
        translate_list_file(path, tmp_path / "no" / "b.txt", "human", source="mouse", release=release)
    path.write_bytes(gzip.compress(b"Ins1\n" * 1000)[:-10])
    with pytest.raises(TranslationError, match=messages.Shared.cannot_be_read):
        translate_list_file(path, tmp_path / "b.txt", "human", source="mouse", release=release)
    path.write_bytes(b"Ins1\xff\xfe\n")
    with pytest.raises(TranslationError, match=messages.Lists.cannot_be_read_as_text):
        translate_list_file(path, tmp_path / "b.txt", "human", source="mouse", release=release)


def test_the_report_fits_a_screen(translate: Translate) -> None:
    _, report = translate("genes.txt", "".join(f"Foo{i}\n" for i in range(500)) + "Ins1\nGcg\n", source="mouse")
    lines = report.lines()
    assert len(lines) < 20 and "and 497 more" in "\n".join(lines)
    assert report.lost.height == 500


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("a.txt", True),
        ("a.CSV", True),
        ("a.tsv.gz", True),
        ("a.gmt", True),
        ("a.h5ad", False),
        ("a.zarr", False),
        ("txt", False),
        ("a.gz", False),
    ],
)
def test_files_by_name(name: str, answer: bool) -> None:
    assert is_list_file(Path(name)) is answer


def test_separators_are_found() -> None:
    assert find_separator("a,b;c\n1,2;3\n") == ","
    assert find_separator("a;b\n1;2\n") == ";"
    assert find_separator("one\ntwo\n") is None


# Real data


@pytest.mark.shared
def test_the_published_tables_go_through(real: homodb.Release, shared_data: Path, tmp_path: Path) -> None:
    """The published human-mouse pairs, as a table, human to human: nothing changes but what is not one gene."""
    source = shared_data / "pllm" / "hm_o2o" / "human_mice.csv.gz"
    text = gzip.decompress(source.read_bytes()).decode()
    (tmp_path / "in.csv").write_text("\n".join(text.splitlines()[:3000]) + "\n")
    column = next(csv.reader(io.StringIO(text)))[0]
    report = translate_list_file(
        tmp_path / "in.csv", tmp_path / "out.csv", "human", source="human", release=real, column=column
    )
    rows = (tmp_path / "in.csv").read_text().splitlines()
    kept = (tmp_path / "out.csv").read_text().splitlines()
    missing = set(report.lost["line"])
    assert kept == [row for line, row in enumerate(rows, start=1) if line not in missing]
    assert len(kept) > 2900


# Forms of tables: complexes, lists, pairs


def test_a_cell_of_markers_is_a_list(translate: Translate) -> None:
    text, report = translate(
        "m.csv", 'type,markers\nbeta,"Ins1, Ins2, [Gcg, Xist], Foo, "\nnone,"Xist, Foo"\n', source="mouse"
    )
    assert text == 'type,markers\nbeta,"INS, GCG"\n'
    assert report.table == "lists"
    assert [(line, what) for line, what, _ in lost(report)] == [
        (2, "Xist of markers"), (2, "Foo of markers"), (3, "Xist of markers"), (3, "Foo of markers"),
    ]  # fmt: skip
    assert any("table of lists" in note for note in report.notes)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("Gcg/Tnf/Xist", "GCG/TNF"),  # enrichGO
        ("Gcg;Tnf;Xist", "GCG;TNF"),  # Enrichr
        ("['Gcg', 'Tnf', 'Xist']", "['GCG', 'TNF']"),  # pandas
        ('c("Gcg", "Tnf", "Xist")', 'c("GCG", "TNF")'),  # R
        ("Gcg:2.5;Tnf:1;Xist:3", "GCG:2.5;TNF:1"),  # weights
        ("Gcg (2.5), Tnf (1), Xist (1)", "GCG (2.5), TNF (1)"),
        ("Gcg /// Tnf /// Xist", "GCG /// TNF"),  # probes
        ("Gcg|NA|Tnf", "GCG|TNF"),
        ("Gcg Tnf Xist", "GCG TNF"),
    ],
)
def test_forms_of_lists_in_a_cell(translate: Translate, cell: str, wanted: str) -> None:
    text, _ = translate("m.tsv", f"term\tgeneID\tn\na\t{_quoted(cell)}\t1\n", source="mouse")
    assert list(csv.reader(io.StringIO(text), delimiter="\t"))[1] == ["a", wanted, "1"]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def test_all_columns_of_markers_are_translated(translate: Translate) -> None:
    text, report = translate(
        "sctype.csv", 'type,genemore1,genemore2\na,"Foo,Bar,Gcg,Baz",Tnf\nb,"Foo,Vwf,Bar",\n', source="mouse"
    )
    assert text == "type,genemore1,genemore2\na,GCG,TNF\nb,VWF,\n"
    assert report.columns == ("genemore1", "genemore2")


def test_a_column_that_stays_though_some_cells_are_genes_is_told(translate: Translate) -> None:
    _, report = translate("m.csv", "gene,note\nGcg,Tnf\nTnf,x y\nVwf,nothing\nIns1,z\n", source="mouse")
    assert any("'note' (25% genes)" in note for note in report.notes)


def test_a_row_per_type(translate: Translate) -> None:
    text, report = translate("wide.csv", "type,m1,m2,m3\nbeta,Ins1,Xist,Gcg\nnone,Foo,Xist,Foo\n", source="mouse")
    assert text == "type,m1,m2,m3\nbeta,INS,,GCG\nnone,,,\n"
    assert report.table == "lists"


@pytest.mark.parametrize("form", ["lists", "pairs", "complexes"])
def test_the_form_may_be_given(translate: Translate, form: str) -> None:
    text, report = translate("m.csv", 'a,b\nGcg,"Tnf,Xist"\nVwf,"Tnf,Gcg"\n', source="mouse", table=form, column="a,b")
    first = "GCG,TNF\n" if form == "lists" else ""
    assert text == f'a,b\n{first}VWF,"TNF,GCG"\n'
    assert report.table == form and not any("taken for" in note for note in report.notes)


def test_a_form_that_does_not_exist(translate: Translate) -> None:
    with pytest.raises(TranslationError, match=messages.Lists.no_form):
        translate("m.csv", "gene,x\nGcg,1\n", source="mouse", table="triples")


def test_a_table_of_complexes_keeps_their_names_and_loses_no_subunit(translate: Translate) -> None:
    text, report = translate(
        "cellchat.csv",
        ",subunit_1,subunit_2,subunit_3\nGcg_Tnf,Gcg,Tnf,\nTnf AB,Tnf,Foo,\nx,Foo,Vwf,Bar\ny,Vwf,Tnf,Gcg\n",
        source="mouse",
    )
    assert text == ",subunit_1,subunit_2,subunit_3\nGcg_Tnf,GCG,TNF,\ny,VWF,TNF,GCG\n"
    assert report.table == "complexes" and [line for line, _, _ in lost(report)] == [3, 4]


def test_a_complex_with_an_unknown_first_part_is_not_its_second(translate: Translate) -> None:
    text, report = translate("lr.csv", "ligand,receptor\nGcg,FAM19A4_Tnf\nGcg,IL1R9_Vwf\nGcg,Vwf_Tnf\n", source="mouse")
    assert text == "ligand,receptor\nGCG,VWF_TNF\n"
    assert [line for line, _, _ in lost(report)] == [2, 3]


@pytest.mark.parametrize("weight", ["", ",1.0"])
def test_sets_of_equal_size_in_a_text_file(translate: Translate, weight: str) -> None:
    rows = [("beta", "Ins1", "Gcg"), ("alpha", "Tnf", "Vwf"), ("none", "Xist", "Foo")]
    source = "".join(f"{title}\tna\t{a}{weight}\t{b}{weight}\n" for title, a, b in rows)
    text, report = translate("sets.txt", source)
    assert report.kind == "gene sets"
    assert text == f"beta\tna\tINS{weight}\tGCG{weight}\nalpha\tna\tTNF{weight}\tVWF{weight}\n"


@pytest.mark.parametrize("weight", ["", ",2.5"])
def test_sets_without_descriptions_lose_no_first_gene(translate: Translate, weight: str) -> None:
    text, _ = translate("sets.txt", f"beta\tIns1{weight}\tGcg\nalpha\tTnf\tVwf\tGcg\n")
    assert text == f"beta\tINS{weight}\tGCG\nalpha\tTNF\tVWF\tGCG\n"


def test_the_name_of_an_interaction_is_no_gene_that_decides(translate: Translate) -> None:
    text, report = translate(
        "cellchat.csv",
        "interaction_name,ligand,receptor\nGCG_VEGFR1,Gcg,Tnf\nGcg_Vwf,Gcg,Vwf\nx_y,Gcg,Foo\n",
        source="mouse",
    )
    assert text == "interaction_name,ligand,receptor\nGCG_VEGFR1,GCG,TNF\nGCG_VWF,GCG,VWF\n"
    assert [line for line, _, _ in lost(report)] == [4]
    _, report = translate(  # R's names of rows are the same
        "rows.csv",
        ",interaction_name,ligand,receptor\nGCG_VEGFR1,GCG_VEGFR1,Gcg,Tnf\nGcg_Vwf,Gcg_Vwf,Gcg,Vwf\n",
        source="mouse",
    )
    assert report.left == 2 and not lost(report)


def test_ranks_and_sets_of_gsea(translate: Translate) -> None:
    assert translate("a.rnk", "Ins1\t4.5\nGcg\t-1\nXist\t2\n")[0] == "INS\t4.5\nGCG\t-1\n"
    assert translate("a.grp", "# set\nIns1\nGcg\n")[0] == "# set\nINS\nGCG\n"


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(
    lists=st.lists(st.lists(CELLS, min_size=2, max_size=6), min_size=1, max_size=6),
    separator=st.sampled_from([", ", ",", ";", "/", "|", "_", "&"]),
    form=st.sampled_from(["lists", "complexes", "pairs"]),
)
def test_every_part_is_carried_or_told(
    release: homodb.Release, tmp_path_factory: pytest.TempPathFactory, lists: list[list[str]], separator: str, form: str
) -> None:
    """Against names translated one by one: a list keeps what is carried, a complex is whole or gone."""
    folder, last = tmp_path_factory.mktemp("parts"), f"Gcg{separator}Tnf"
    with (folder / "in.tsv").open("w", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows(
            [("n", "gene"), *((f"row {i}", separator.join(parts)) for i, parts in enumerate(lists)), ("last", last)]
        )
    names = sorted({name for parts in lists for name in parts})
    single = homodb.translate_genes(names, to="human", source="mouse", release=release)
    partner = dict(single.select("name", "target").iter_rows())
    wanted = []
    for i, parts in enumerate(lists):
        carried = [partner[part] for part in parts if partner[part]]
        if carried if form == "lists" else len(carried) == len(parts):
            wanted.append([f"row {i}", separator.join(dict.fromkeys(carried))])
    report = translate_list_file(
        folder / "in.tsv", folder / "out.tsv", "human", source="mouse", release=release, table=form, column="gene"
    )  # type: ignore[arg-type]
    with (folder / "out.tsv").open(newline="") as stream:
        assert list(csv.reader(stream, delimiter="\t"))[1:] == [*wanted, ["last", f"GCG{separator}TNF"]]
    if form == "lists":
        assert report.lost.height == sum(not partner[part] for parts in lists for part in parts)


# What spreadsheets, R and other tools make of files


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.txt", "Ins1,Gcg,Tnf\n", "INS,GCG,TNF\n"),  # a list in one line
        ("a.txt", "Ins1, Gcg, Xist", "INS,GCG,\n"),
        ("a.txt", "Gcg,\n'Tnf',\n[Vwf]\n", "GCG\nTNF\nVWF\n"),
        ("a.txt", "gene_symbol\nGcg\nTnf\n", "gene_symbol\nGCG\nTNF\n"),
        ("a.csv", "sep=;\r\ngene;x\r\nGcg;1\r\n", "sep=;\r\ngene;x\r\nGCG;1\r\n"),
        ("a.txt", "gene x\nGcg 1\nTnf 2\n", "gene x\nGCG 1\nTNF 2\n"),  # write.table
        ("a.txt", '"x" "y"\n"Gcg" 1 2\n"Tnf" 2 3\n', "x y\nGCG 1 2\nTNF 2 3\n"),
        ("a.txt", "m\tl\tp\nGcg\t1\t2\t3\nTnf\t4\t5\tNA\n", "m\tl\tp\nGCG\t1\t2\t3\nTNF\t4\t5\tNA\n"),
        ("a.txt", "gene\tx\ty\nGcg\t1\t\nTnf\t2\t3\n", "gene\tx\ty\nGCG\t1\t\nTNF\t2\t3\n"),
        ("a.csv", "gene,x\n Gcg\xa0,1\n\u200bTnf,2\n", "gene,x\nGCG,1\nTNF,2\n"),
        ("a.csv", "TNF,target,weight\nGcg,Vwf,1.5\n", "TNF,target,weight\nGCG,VWF,1.5\n"),  # as TF is a gene too
        ("a.csv", "Ins1,0.5\nGcg,1.5\n", "INS,0.5\nGCG,1.5\n"),
        ("a.gmt", "s\td\tIns1,1.0\tIns2,0.5\tGcg,2\n", "s\td\tINS,1.0\tGCG,2\n"),
    ],
)
def test_files_of_spreadsheets_and_r(translate: Translate, name: str, text: str, wanted: str) -> None:
    assert translate(name, text, source="mouse")[0] == wanted


def test_text_in_utf_16_is_read(release: homodb.Release, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("gene\tx\r\nGcg\t1\r\n".encode("utf-16"))
    translate_list_file(tmp_path / "a.txt", tmp_path / "b.txt", "human", release=release, source="mouse")
    assert (tmp_path / "b.txt").read_bytes() == b"gene\tx\r\nGCG\t1\r\n"


@pytest.mark.parametrize("date", ["2021-09-0{}", "0{}/03/2021", "{}-Sep"])
def test_a_column_of_dates_is_no_column_of_genes(real: homodb.Release, tmp_path: Path, date: str) -> None:
    rows = [f"{gene},{date.format(place)}" for place, gene in enumerate(("INS", "GCG", "SST", "TTR"), start=1)]
    (tmp_path / "a.csv").write_text("\n".join(["gene,updated", *rows]) + "\n")
    report = translate_list_file(tmp_path / "a.csv", tmp_path / "b.csv", "mouse", release=real, source="human")
    assert report.columns == ("gene",) and report.left == 4


def test_what_stays_of_the_source_species_is_told(translate: Translate) -> None:
    """Identifiers that the release lacks, genes as names of columns, and rows that are not added up."""
    text = "gene,uniprot,Gcg,Tnf\nIns1,P01325,1,2\nIns2,P01326,3,4\n"
    wanted, report = translate("a.csv", text, source="mouse")
    assert wanted == text.replace("Ins1", "INS").replace("Ins2", "INS")
    assert [note for note in report.notes if "'uniprot' (the form of a UniProt accession)" in note]
    assert [note for note in report.notes if "2 columns are named after genes (Gcg, Tnf)" in note]
    assert [note for note in report.notes if "as INS for Ins1 and Ins2" in note]


def test_a_table_with_a_row_per_cell_is_refused(translate: Translate) -> None:
    with pytest.raises(TranslationError, match=messages.Lists.transpose):
        translate("a.csv", "cell,Gcg,Tnf,Vwf\nc1,1,2,3\nc2,4,5,6\n", source="mouse")


def test_the_kind_of_identifiers_that_the_release_lacks_is_named(translate: Translate) -> None:
    with pytest.raises(TranslationError, match=messages.Lists.form_of_uniprot):
        translate("a.csv", "complex_name,uniprot_1\nx,P36897\n", source="mouse")


def test_antibodies_of_a_features_table_are_no_genes(translate: Translate) -> None:
    text = "{}Ins1\tIns1\tGene Expression\nTnf\tTnf\tAntibody Capture\nGcg\tGcg\tGene Expression\n"
    wanted = "{}INS\tINS\tGene Expression\nGCG\tGCG\tGene Expression\n"
    for header in ("", "id\tname\tfeature_types\n"):
        new, report = translate("a.tsv", text.format(header), source="mouse")
        assert new == wanted.format(header)
        assert lost(report) == [(2 + bool(header), "Tnf, Tnf", "not_a_gene: Antibody Capture")]


@pytest.mark.parametrize(
    ("column", "gene", "other"),
    [
        ("assay", "RNA", "ADT"),
        ("modality", "rna", "prot"),
        ("is_adt", "FALSE", "TRUE"),
        ("Bioproduct", "mRNA", "AbSeq"),
    ],
)
def test_antibodies_of_a_table_of_two_assays_are_no_genes(
    translate: Translate, column: str, gene: str, other: str
) -> None:
    rows = "".join(f"{name},{kind},1\n" for name, kind in (("Gcg", gene), ("Tnf", gene), ("Tnf", other)))
    new, report = translate("a.csv", f"gene,{column},score\n{rows}", source="mouse")
    assert new == f"gene,{column},score\nGCG,{gene},1\nTNF,{gene},1\n" and len(lost(report)) == 1
    new, _ = translate("a.csv", "gene,type\nGcg,protein\nTnf,receptor\n", source="mouse")  # topics of genes
    assert new == "gene,type\nGCG,protein\nTNF,receptor\n"


def test_names_of_rows_that_seurat_made_unique(translate: Translate) -> None:
    """Gcg1 is a second Gcg, but Ins2 a gene, though Ins is one too; in no other table does a number come off."""
    rows = "".join(f"{name},0.01,{cluster}\n" for name, cluster in (("Gcg", 0), ("Ins2", 0), ("Gcg1", 1), ("Gcg12", 2)))
    new, report = translate("a.csv", ",p_val,cluster\n" + rows, source="mouse")
    assert [line.split(",")[0] for line in new.splitlines()] == ["", "GCG", "INS", "GCG.1", "GCG.2"]
    assert not lost(report)
    assert translate("b.csv", ",x,cluster\n" + rows, source="mouse")[1].left == 2


@pytest.mark.parametrize(
    "column", ["cell_type", "cluster", "celltype", "cell.type", "leiden", "predicted.id", "source"]
)
def test_columns_of_groups_of_cells_stay(translate: Translate, column: str) -> None:
    """Groups may be called like genes, and among them may be names that mean none."""
    header, value = ("ligand,receptor", "Tnf") if column == "source" else ("gene,score", "1")
    groups = ["Tnf", "Vwf", "Gcg", "NK"]
    rows = [f"Gcg,{value},{group}" for group in groups]
    text, _ = translate("a.csv", "\n".join([f"{header},{column}", *rows]) + "\n", source="mouse")
    assert [line.split(",")[2] for line in text.splitlines()] == [column, *groups]


@pytest.mark.parametrize("column", ["class", "label", "cluster", "annotation", "species"])
def test_a_column_of_genes_named_like_groups_is_used_where_no_other_is(translate: Translate, column: str) -> None:
    text, report = translate("a.csv", f"module,{column},n\nx,Gcg,1\nx,Tnf,2\ny,Xist,3\ny,Vwf,4\n", source="mouse")
    assert report.columns == (column,) and text.splitlines()[1:] == ["x,GCG,1", "x,TNF,2", "y,VWF,4"]
    with pytest.raises(TranslationError):  # of cells
        translate("a.csv", f"{column},Gcg,Tnf\nVwf,1,2\nGcg,3,4\n", source="mouse")


@pytest.mark.parametrize("header", ["B,Vwf,NK", "Vwf,CD8,B,NK"])
def test_columns_for_groups_of_which_one_is_called_like_a_gene_keep_their_header(
    translate: Translate, header: str
) -> None:
    cells = ",".join(["Gcg", "Tnf", "Ins1", "Vwf"][: header.count(",") + 1])
    text, report = translate("a.csv", f"{header}\n{cells}\n", source="mouse")
    assert text.splitlines()[0] == header and report.came == 1


@pytest.mark.parametrize("blank", ["-", "NA", "nan", ""])
def test_a_column_without_a_name_is_none_of_genes(translate: Translate, blank: str) -> None:
    """The strand of features on one strand: a table of lists would keep rows without their gene."""
    text, report = translate("a.tsv", f"Geneid\tStrand\tn\nGcg\t{blank}\t1\nFoo\t{blank}\t2\n", source="mouse")
    assert report.columns == ("Geneid",) and text == f"Geneid\tStrand\tn\nGCG\t{blank}\t1\n"


@pytest.mark.parametrize("column", ["sgRNA", "guide_id", "gRNA.name", "probe"])
def test_guides_keep_their_names(translate: Translate, column: str) -> None:
    text, _ = translate("a.csv", f"{column},gene\nGcg_1,Gcg\nGcg_2,Gcg\nTnf_1,Tnf\n", source="mouse")
    assert text == f"{column},gene\nGcg_1,GCG\nGcg_2,GCG\nTnf_1,TNF\n"


@pytest.mark.parametrize(
    "names",
    ["source,target", "tf,target", "TF,targets", "regulator,target", "gene1,gene2", "node_1,node_2", "Gene A,Gene B"],
)
def test_a_network_has_no_empty_regulators(translate: Translate, names: str) -> None:
    text, report = translate(
        "a.csv", f",{names},weight\n0,Gcg,Tnf,1\n1,Xist,Vwf,1\n2,Tnf,Vwf,1\n3,Vwf,Gcg,1\n4,Gcg,Vwf,1\n", source="mouse"
    )
    assert report.table == "pairs" and report.left == 4
    assert [line for line, *_ in lost(report)] == [3]
    assert ",," not in text


@pytest.mark.parametrize("first", ["Foo", "Gcg", "2-Sep", "ins1"])
def test_a_first_row_with_a_number_is_no_header(translate: Translate, first: str) -> None:
    text, report = translate("a.rnk", f"{first}\t5.5\nTnf\t3\nVwf\t-1\n", source="mouse")
    assert report.came == 3
    assert first not in text


def test_columns_of_two_sets_of_gmx_are_lists(translate: Translate) -> None:
    text, _ = translate("a.tsv", "beta\talpha\nna\tna\nIns1\tGcg\nXist\tTnf\nVwf\t\n", source="mouse")
    assert text == "beta\talpha\nna\tna\nINS\tGCG\n\tTNF\nVWF\t\n"


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.tsv", "beta\tIns1,Gcg\nother\tTnf,Foo\n", "beta\tINS,GCG\nother\tTNF\n"),
        ("a.csv", 'beta,"Ins1, Gcg"\nother,"Tnf, Vwf"\n', 'beta,"INS, GCG"\nother,"TNF, VWF"\n'),
        ("a.txt", "beta: Ins1, Gcg\nother: Tnf, Foo\n", "beta: INS, GCG\nother: TNF\n"),
        ("a.txt", "beta:Ins1, Gcg\nother:Tnf\n", "beta: INS, GCG\nother: TNF\n"),
    ],
)
def test_a_first_row_of_lists_is_no_header(translate: Translate, name: str, text: str, wanted: str) -> None:
    new, report = translate(name, text, source="mouse")
    assert (new, report.table, report.came) == (wanted, "lists", 2)
    regions = "chr1:10-20, Ins1\nchr2:5-6, Gcg\n"
    assert translate("b.csv", regions, source="mouse")[0] == "chr1:10-20,INS\nchr2:5-6,GCG\n"


@pytest.mark.parametrize(
    "text",
    [
        '[1] "Ins1" "Gcg"\n[3] "Xist"\n',
        "[1] Ins1 Gcg Xist\nLevels: Gcg Ins1 Xist\n",
        'x <- c("Ins1", "Gcg", "Xist")\n',
        "['Ins1', 'Gcg', 'Xist']\n", "{'Ins1', 'Gcg', 'Xist'}", "['Ins1' 'Gcg'\n 'Xist']\n",
        "Index(['Ins1', 'Gcg', 'Xist'],\n      dtype='object', name='gene', length=3)\n",
        "genes = array(['Ins1', 'Gcg', 'Xist'], dtype='<U4')\n",
    ],
)  # fmt: skip
def test_lists_as_r_and_python_print_them(translate: Translate, tmp_path: Path, text: str) -> None:
    new, report = translate("a.txt", text, source="mouse")
    assert (new, report.kind, [line for line, _, _ in lost(report)]) == ("INS\nGCG\n", "list of genes", [3])
    assert gene_list(tmp_path / "a.txt") == ["Ins1", "Gcg", "Xist"]


def test_a_table_in_quotes_is_no_printed_list(translate: Translate) -> None:
    text = '"gene","note"\n"Ins1","(a)"\n"Gcg","[1]"\n'
    assert translate("a.csv", text, source="mouse")[0] == "gene,note\nINS,(a)\nGCG,[1]\n"


def test_a_printed_list_that_is_cut_short_is_no_list(translate: Translate) -> None:
    with pytest.raises(TranslationError, match="quotes"):
        translate("a.txt", "['Ins1' 'Gcg' ... 'Tnf']\n", source="mouse")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#node1\tnode2\tscore\nIns1\tGcg\t1\nXist\tTnf\t2\n", "#node1\tnode2\tscore\nINS\tGCG\t1\n"),
        ("#term\tn\tgenes\nx\t2\tIns1,Gcg\ny\t2\tTnf,Foo\n", "#term\tn\tgenes\nx\t2\tINS,GCG\ny\t2\tTNF\n"),
        ("#made\tnow\ngene\tscore\nGcg\t1\n", "#made\tnow\ngene\tscore\nGCG\t1\n"),  # a comment
        ("#Ins1\t3.5\nGcg\t1\nTnf\t2\n", "#Ins1\t3.5\nGCG\t1\nTNF\t2\n"),  # a row that is left out
        ("#Ins1\tGcg\nGcg\tTnf\nTnf\tVwf\n", "#Ins1\tGcg\nGCG\tTNF\nTNF\tVWF\n"),
    ],
)
def test_a_header_may_begin_with_a_hash(translate: Translate, text: str, wanted: str) -> None:
    """STRING, BioGRID and NCBI write them: the first row below is one of genes."""
    assert translate("a.tsv", text, source="mouse")[0] == wanted


@pytest.mark.parametrize(
    "columns", ["beta_names,beta_pvals,alpha_names,alpha_pvals", "0_n,0_p,1_n,1_p", "beta_markers,x,alpha_markers,y"]
)
def test_two_groups_of_scanpy_are_lists(translate: Translate, columns: str) -> None:
    new, report = translate("a.csv", f"{columns}\nIns1,1,Gcg,2\nXist,3,Tnf,4\n", source="mouse")
    assert (new, report.table) == (f"{columns}\nINS,1,GCG,2\n,3,TNF,4\n", "lists")
    pairs = columns.replace("beta", "source").replace("alpha", "target").replace("0", "from").replace("1", "target")
    assert translate("b.csv", f"{pairs}\nIns1,1,Gcg,2\nXist,3,Tnf,4\n", source="mouse")[1].left == 1


@pytest.mark.parametrize("column", ["nicknames", "Gene Synonym", "alias_symbol", "prev_symbol", "Synonyms"])
def test_synonyms_beside_a_gene_stay(translate: Translate, column: str) -> None:
    """A row whose gene is lost stayed for a synonym, which may be another gene."""
    new, report = translate("a.csv", f"symbol,{column}\nIns1,Tnf|Gcg\nXist,Vwf|Gcg\nGcg,Gcg\n", source="mouse")
    assert new == f"symbol,{column}\nINS,Tnf|Gcg\nGCG,Gcg\n"
    assert any(repr(column) in note for note in report.notes)


def test_names_of_cells_beside_markers_stay(translate: Translate) -> None:
    """As in CellMarker 2.0, where cells are called like genes."""
    text = "cell_name,marker\nTnf,Gcg\nVwf cell,Ins1\nGcg cell,Tnf\n"
    assert translate("a.csv", text, source="mouse")[0] == text.replace(",Gcg", ",GCG").replace("Ins1", "INS").replace(
        ",Tnf", ",TNF"
    )


def test_regulators_that_are_complexes_leave_no_network_half_translated(translate: Translate) -> None:
    new, report = translate("a.csv", "source,target,weight\nTnf,Gcg,1\nNFKB,Vwf,1\nIns1,Tnf,1\n", source="mouse")
    assert new == "source,target,weight\nTNF,GCG,1\nINS,TNF,1\n"
    assert [line for line, _, _ in lost(report)] == [3]
    pathways = "source,target,weight\nTnf,Gcg,1\nHypoxia,Vwf,1\nTrail,Tnf,1\n"
    assert translate("b.csv", pathways, source="mouse")[1].left == 3


def test_pairs_with_one_side_are_told(translate: Translate) -> None:
    _, report = translate("a.csv", "gene_a,gene_b\nGcg,\nTnf,Vwf\n", source="mouse")
    assert any("1 row has a gene on one side alone" in note and "line 2" in note for note in report.notes)


@pytest.mark.parametrize("ending", ["gmt", "txt"])
def test_descriptions_that_are_genes_are_told(translate: Translate, ending: str) -> None:
    new, report = translate(f"a.{ending}", "x\tIns1\tGcg\tTnf\ny\tTnf\tVwf\n", source="mouse")
    assert new.startswith("x\tIns1\tGCG" if ending == "gmt" else "x\tINS\tGCG")
    assert any("descriptions, are genes" in note for note in report.notes) == (ending == "gmt")
    assert not translate("tfs.gmt", "Tnf\tTnf\tGcg\nVwf\tVwf\tTnf\n", source="mouse")[1].notes


def test_sets_without_tabs_say_so(translate: Translate) -> None:
    with pytest.raises(TranslationError, match=messages.Lists.holds_no_genes):
        translate("a.gmt", "beta na Ins1 Gcg\n", source="mouse")


def test_identifiers_that_stay_are_named_whatever_their_kind(translate: Translate) -> None:
    text = "gene,mgd_id,Entrez Gene,uniprot_ids,gene type\nGcg,MGI:1,100,P01325,protein-coding gene\n"
    (note,) = [note for note in translate("a.csv", text, source="mouse")[1].notes if "identifiers" in note]
    assert all(name in note for name in ("mgd_id", "Entrez Gene", "uniprot_ids")) and "gene type" not in note


def test_parts_of_a_complex_may_be_renamed_symbols(real: homodb.Release, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ligand,receptor\nSEPT2_SEPT6,INS\nFAM19A4_SEPT2,GCG\n")
    report = translate_list_file(tmp_path / "a.csv", tmp_path / "b.csv", "mouse", release=real, source="human")
    assert (tmp_path / "b.csv").read_text() == "ligand,receptor\nSeptin2_Septin6,Ins2\n"
    assert [line for line, _, _ in lost(report)] == [3]


@pytest.mark.parametrize(("header", "rows", "form"), [
    ("ductal,acinar", 10, "lists"), ("ductal,acinar", 9, "pairs"), ("gene,partner", 10, "pairs"),
    ("ligand,receptor", 10, "pairs"),
])  # fmt: skip
def test_two_columns_that_repeat_no_gene_are_lists(
    real: homodb.Release, tmp_path: Path, header: str, rows: int, form: str
) -> None:
    """Ranked markers of two groups, side by side; pairs repeat a ligand for each of its receptors."""
    genes = "INS GCG SST PPY GNLY TTR ARX MAFA PDX1 IAPP ACTB CD4 CD8A CD19 MS4A1 NKX6-1 RBP4 LEPR IRX2 KRT19".split()  # noqa: SIM905
    lines = [f"{genes[place]},{genes[place + 10]}" for place in range(rows)]
    (tmp_path / "a.csv").write_text("\n".join([header, *lines]) + "\n")
    report = translate_list_file(tmp_path / "a.csv", tmp_path / "b.csv", "mouse", release=real, source="human")
    assert (report.table, report.left) == (form, rows if form == "lists" else rows - 1)
    repeated = [*lines, "INS,CD4"]
    (tmp_path / "c.csv").write_text("\n".join([header, *repeated]) + "\n")
    report = translate_list_file(tmp_path / "c.csv", tmp_path / "d.csv", "mouse", release=real, source="human")
    assert report.table == "pairs"
