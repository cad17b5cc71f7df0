"""Label maps, and labels that one side alone has."""

from __future__ import annotations

from pathlib import Path

import pytest

from homodb.query.annotate import mapped, one_side_only, read_labels
from homodb.schema.errors import AnnotationError, InputError
from tests import messages


def test_a_map_by_side(tmp_path: Path) -> None:
    path = tmp_path / "map.tsv"
    path.write_text(
        "\ufefflabel\tmeans\tside\n# a note\nB cell\tb\t\n\nPP\tgamma\tquery\njunk\t\treference\nPP\tPP\treference\n"
    )
    read = read_labels(path)
    assert read.query == {"B cell": "b", "PP": "gamma"}
    assert read.reference == {"B cell": "b", "junk": None, "PP": "PP"}
    assert mapped(["PP", "junk", "B cell", None], read.query) == ("gamma", "junk", "b", None)
    path.write_text("label\tmeans\nx\ty\nx\ty\n")
    assert read_labels(path).reference == {"x": "y"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the header label, means, side .nothing."),
        ("from\tto\n", "line 1: expected the header label, means, side .from, to."),
        ("label\tmeans\nx\ty\nx\tz\n", "line 3: gives another meaning to a label of the query .x."),
        ("label\tmeans\tside\nx\ty\tboth\n", "line 2: the side is none of query, reference .both."),
        ("label\tmeans\n\ty\n", "line 2: names no label"),
        ("label\tmeans\na\tb\tquery\tc\n", "line 2: has more columns than the header"),
    ],
)
def test_maps_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "map.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_labels(path)
    with pytest.raises(AnnotationError, match=messages.Annotate.none_tsv):
        read_labels(tmp_path / "none.tsv")
    with pytest.raises(AnnotationError, match=messages.Annotate.cannot_be_read_as_label):
        read_labels(tmp_path)


def test_labels_of_one_side() -> None:
    told = one_side_only(["beta", "T_cell", "T_cell", None, "PP"], ["beta", "t cell", "gamma"])
    assert told.rows() == [
        ("PP", "query", 1, None), ("T_cell", "query", 2, "t cell"),
        ("gamma", "reference", 1, None), ("t cell", "reference", 1, "T_cell"),
    ]  # fmt: skip
    assert one_side_only(["a"], ["a"]).height == 0
