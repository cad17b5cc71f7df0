"""Synonyms from dumps of a core database: joined by the display name, columns by the database's own definition."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from homodb.etl.sources import read_core
from homodb.schema.errors import InputError
from homodb.schema.species import find
from tests import messages

HUMAN = find("human")
SQL = """\
CREATE TABLE `gene` (
  `gene_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `display_xref_id` int(10) unsigned DEFAULT NULL,
  `description` text,
  `stable_id` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`gene_id`),
  KEY `xref_id_index` (`display_xref_id`)
) ENGINE=MyISAM DEFAULT CHARSET=latin1;

CREATE TABLE `external_synonym` (
  `xref_id` int(10) unsigned NOT NULL,
  `synonym` varchar(100) NOT NULL,
  PRIMARY KEY (`xref_id`,`synonym`)
) ENGINE=MyISAM;
"""
GENES = b"1\t10\tinsulin\tENSG1\n2\t\\N\tnameless\tENSG2\n3\t10\tits patch\tENSG3\n4\t11\t\\N\tENSG4\n"
SYNONYMS = b"10\tIDDM2\n10\tIDDM\n12\tof another thing\n11\tHLA-DRB1*\n"


def write(folder: Path, sql: str = SQL, genes: bytes = GENES, synonyms: bytes = SYNONYMS) -> list[Path]:
    paths = [folder / name for name in ("x_core_1_1.sql.gz", "gene.txt.gz", "external_synonym.txt")]
    paths[0].write_bytes(gzip.compress(sql.encode()))
    paths[1].write_bytes(gzip.compress(genes))
    paths[2].write_bytes(synonyms)
    return paths


def told(paths: list[Path]) -> list[tuple[str, str]]:
    aliases = read_core(paths, HUMAN)[paths[2]].aliases.to_pylist()
    assert {(row["species"], row["kind"]) for row in aliases} <= {(HUMAN.number, "synonym")}
    return [(row["gene_id"], row["alias"]) for row in aliases]


def test_a_gene_has_the_synonyms_of_its_display_name(tmp_path: Path) -> None:
    paths = write(tmp_path)
    assert told(paths) == [
        ("ENSG1", "IDDM"), ("ENSG1", "IDDM2"), ("ENSG3", "IDDM"), ("ENSG3", "IDDM2"), ("ENSG4", "HLA-DRB1*"),
    ]  # fmt: skip
    readings = read_core(list(reversed(paths)), HUMAN)
    assert [(readings[path].rows, readings[path].kept) for path in paths] == [(2, 2), (4, 3), (4, 5)]


def test_columns_in_another_order(tmp_path: Path) -> None:
    sql = SQL.replace("  `stable_id` varchar(128) DEFAULT NULL,\n", "").replace(
        "  `gene_id` int", "  `stable_id` varchar(128),\n  `status` enum('A,B','C') DEFAULT NULL,\n  `gene_id` int"
    )
    assert told(write(tmp_path, sql, b"ENSG1\t\\N\t1\t10\tinsulin\n")) == [("ENSG1", "IDDM"), ("ENSG1", "IDDM2")]


def test_what_mysql_escapes(tmp_path: Path) -> None:
    genes = b"1\t10\ttwo\\\nlines\\\tand a tab\tENSG1\n2\t11\tends in \\\\\tENSG2\n3\t12\tx\\ty\tENSG3\n"
    synonyms = b"10\ta\\\\b\n11\tA\\\tB\n12\ttwo\\\nlines\n"
    assert told(write(tmp_path, genes=genes, synonyms=synonyms)) == [
        ("ENSG1", "a\\b"), ("ENSG2", "A\tB"), ("ENSG3", "two\nlines"),
    ]  # fmt: skip


def test_labels_that_are_no_text_are_counted(tmp_path: Path) -> None:
    paths = write(tmp_path, synonyms=b"10\t\xe9\n10\tA\n11\t\n11\t\\N\n11\t\xce\xb1\n")
    assert told(paths) == [("ENSG1", "A"), ("ENSG3", "A"), ("ENSG4", "α")]
    assert read_core(paths, HUMAN)[paths[2]].skipped == {
        "synonyms that are not valid UTF-8": 1,
        "synonyms without text": 2,
    }


ALLELES_SQL = (
    SQL
    + """
CREATE TABLE `alt_allele` (
  `alt_allele_id` int(10) unsigned NOT NULL,
  `alt_allele_group_id` int(10) unsigned NOT NULL,
  `gene_id` int(10) unsigned NOT NULL,
  PRIMARY KEY (`alt_allele_id`)
) ENGINE=MyISAM;
"""
)


def with_alleles(folder: Path, alleles: bytes, sql: str = ALLELES_SQL) -> list[Path]:
    paths = [*write(folder, sql), folder / "alt_allele.txt.gz"]
    paths[3].write_bytes(gzip.compress(alleles))
    return paths


def test_genes_of_one_group_are_alternate_alleles(tmp_path: Path) -> None:
    paths = with_alleles(tmp_path, b"1\t7\t3\n2\t7\t1\n3\t8\t2\n4\t9\t99\n5\t9\t4\n")
    reading = read_core(paths, HUMAN)[paths[3]]
    assert reading.alternates.to_pylist() == [
        {"species": HUMAN.number, "gene_id": gene, "allele_group": "ENSG1"} for gene in ("ENSG1", "ENSG3")
    ]
    assert (reading.rows, reading.kept) == (5, 2)
    assert reading.skipped == {
        "alternate alleles of genes missing from the dump of genes": 1,
        "alternate alleles alone in their group": 2,
    }
    assert told(paths) == told(write(tmp_path))


def test_alternate_alleles_that_are_broken(tmp_path: Path) -> None:
    paths = with_alleles(tmp_path, b"1\t7\n")
    with pytest.raises(InputError, match=messages.Sources.alt_allele_txt_gz_line):
        read_core(paths, HUMAN)
    with pytest.raises(InputError, match=messages.Sources.missing_column_alt_allele):
        read_core(with_alleles(tmp_path, b"", SQL), HUMAN)


def test_no_synonyms_at_all(tmp_path: Path) -> None:
    assert told(write(tmp_path, synonyms=b"")) == []


@pytest.mark.parametrize(
    ("changed", "file", "why"),
    [
        (
            {"genes": b"1\t10\tENSG1\n" + GENES + b"5\t1\t2\t3\t4\n"},
            1,
            "line 1: wrong number of fields (expected 4, got 3)",
        ),
        ({"genes": GENES + b"5\t1\t2\t3\t4\n"}, 1, "line 5: wrong number of fields (expected 4, got 5)"),
        ({"genes": b"1\t10\ta\\\nb\tENSG1\n2\t10\t\\N\t\\N\n"}, 1, "line 3: gene without a stable ID"),
        ({"genes": b""}, 1, "no gene"),
        ({"genes": b"1\t10\tx\tENSG1\\\n"}, 1, "line 1: incomplete last record"),
        ({"synonyms": b"10\n"}, 2, "line 1: wrong number of fields (expected 2, got 1)"),
        (
            {"sql": "CREATE TABLE `x` (\n  `a` int\n) ENGINE=MyISAM;"},
            0,
            "4 problems: missing column external_synonym",
        ),
        (
            {"sql": SQL.replace("`synonym` ", "`label` ")},
            0,
            "missing column external_synonym.synonym in the definition",
        ),
    ],
)
def test_errors(tmp_path: Path, changed: dict[str, bytes], file: int, why: str) -> None:
    paths = write(tmp_path, **changed)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        read_core(paths, HUMAN)
    assert str(caught.value).startswith(f"{paths[file]}: ")
    assert why in str(caught.value)


def test_files_that_are_missing(tmp_path: Path) -> None:
    paths = write(tmp_path)
    for some in (paths[:2], paths[1:], [*paths, tmp_path / "y.sql"]):
        with pytest.raises(InputError, match=messages.Sources.expected_sql_gene_txt):
            read_core(some, HUMAN)


def test_broken_gzip(tmp_path: Path) -> None:
    paths = write(tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-10])
    with pytest.raises(InputError, match=messages.Sources.is_truncated):
        read_core(paths, HUMAN)
