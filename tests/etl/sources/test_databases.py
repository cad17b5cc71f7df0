"""The reader of HCOP's tables of orthologs."""

from __future__ import annotations

from pathlib import Path

import pytest

from homodb.etl.sources import ORTHOLOGY, Reading, read_databases
from homodb.schema.errors import InputError
from homodb.schema.species import find

HUMAN, CHICKEN = find("human"), find("chicken")
#: The fifteen columns of HCOP's bulk files.
FIFTEEN = (
    "human_entrez_gene\thuman_ensembl_gene\thgnc_id\thuman_name\thuman_symbol\thuman_chr\thuman_assert_ids\t"
    "chicken_entrez_gene\tchicken_ensembl_gene\tchicken_symbol\tchicken_name\tchicken_chr\tchicken_assert_ids\t"
    "support\tx\n"
)


def read(folder: Path, text: str, source: str = "human", target: str = "chicken") -> Reading:
    path = folder / "hcop.txt"
    path.write_text(text)
    reading = read_databases(path, find(source), find(target))
    assert reading.orthology.schema == ORTHOLOGY
    assert reading.kept + sum(reading.skipped.values()) == reading.rows
    return reading


def test_the_fifteen_columns(tmp_path: Path) -> None:
    row = "2597\tENSG00000111640\tHGNC:4141\tGAPDH\tGAPDH\t12\t-\t374193\tENSGALG00010022038\tGAPDH\t-\t1\t-\t"
    reading = read(
        tmp_path, FIFTEEN + row + "OMA,Ensembl,OMA\t-\n" + row.replace("ENSGALG00010022038", "-") + "NCBI\t-\n"
    )
    assert reading.orthology.to_pylist() == [
        {
            "species_a": HUMAN.number, "species_b": CHICKEN.number,
            "stable_id_a": "ENSG00000111640", "symbol_a": "GAPDH", "entrez_a": 2597,
            "stable_id_b": "ENSGALG00010022038", "symbol_b": "GAPDH", "entrez_b": 374193,
            "databases": "Ensembl|OMA",
        }
    ]  # fmt: skip
    assert reading.skipped == {"pairs without stable IDs of both genes": 1}


def test_fewer_columns_in_any_order_and_direction(tmp_path: Path) -> None:
    text = "support\tgallus_gallus_ensembl_gene\thuman_ensembl_gene\nNCBI | OMA\tENSGALG1\tENSG1\n\tENSGALG1\tENSG2\n"
    for source, target in (("human", "chicken"), ("chicken", "human")):
        reading = read(tmp_path, text, source, target)
        (row,) = reading.orthology.to_pylist()
        assert (row["stable_id_a"], row["stable_id_b"], row["databases"]) == ("ENSG1", "ENSGALG1", "NCBI|OMA")
        assert (row["entrez_a"], row["symbol_b"]) == (None, None)
        assert reading.skipped == {"pairs without a database": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("human_ensembl_gene\tmouse_ensembl_gene\tsupport\nA\tB\tC\n", "missing column 'chicken_ensembl_gene'"),
        ("human_ensembl_gene\tchicken_ensembl_gene\nA\tB\n", "missing column 'support'"),
        (
            "human_ensembl_gene\tchicken_ensembl_gene\tchicken_entrez_gene\tsupport\nA\tB\tx\tC\n",
            "NCBI Gene number is not a number",
        ),
        ("human_ensembl_gene\tchicken_ensembl_gene\tsupport\nA\tB\n", "wrong number of fields"),
        ("human_ensembl_gene\tchicken_ensembl_gene\tsupport\n", "has a header but no rows"),
    ],
)
def test_problems(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text)
