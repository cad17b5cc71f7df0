"""Proteins that can be embedded, and each sequence once, against naive loops and on real proteomes."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.etl.embeddings import INTERNAL_STOP, drop_internal_stops, unique_sequences
from homodb.etl.sources import PROTEINS, read_proteome
from homodb.schema.species import Species, find

SEQUENCES = st.lists(st.text("ACX*", min_size=1, max_size=4).map(lambda text: text.strip("*") or "M"), max_size=25)


def frame_of(sequences: list[str]) -> pl.DataFrame:
    """Proteins as the reader gives them: stops inside stay in the sequence and do not count as residues."""
    rows = [
        {
            "species": number % 3 + 1,
            "gene_id": f"G{number // 2}",
            "stable_id": f"P{number:03}",
            "length": len(text) - text.count("*"),
            "unknown_residues": text.count("X"),
            "sequence_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "sequence": text,
        }
        for number, text in enumerate(sequences)
    ]
    schema = pl.DataFrame(pl.from_arrow(PROTEINS.empty_table())).schema
    return pl.DataFrame(rows, schema=schema)


@settings(deadline=None, max_examples=30)
@given(SEQUENCES)
def test_drops_and_counts_stops_inside(sequences: list[str]) -> None:
    proteins = frame_of(sequences)
    kept, left_out = drop_internal_stops(proteins)
    assert kept["stable_id"].to_list() == [f"P{n:03}" for n, text in enumerate(sequences) if "*" not in text]
    assert kept.schema == proteins.schema
    stopped = sum("*" in text for text in sequences)
    assert left_out == ({INTERNAL_STOP: stopped} if stopped else {})


@settings(deadline=None, max_examples=30)
@given(SEQUENCES, st.randoms(use_true_random=False))
def test_each_sequence_once_in_an_order_of_its_own(sequences: list[str], shuffler: random.Random) -> None:
    proteins = frame_of(sequences)
    found = unique_sequences(proteins)
    wanted = sorted({(-row["length"], row["sequence_sha256"], row["sequence"]) for row in proteins.to_dicts()})
    assert found.columns == ["sequence_sha256", "sequence", "length"]
    assert found.rows() == [(checksum, text, -length) for length, checksum, text in wanted]
    order = list(range(proteins.height))
    shuffler.shuffle(order)
    assert unique_sequences(proteins[order]).equals(found)


def test_nothing_gives_nothing() -> None:
    kept, left_out = drop_internal_stops(frame_of([]))
    assert kept.is_empty() and not left_out and unique_sequences(kept).is_empty()


@pytest.mark.shared
def test_real_proteomes(shared_data: Path) -> None:
    def read(file: str, species: Species) -> pl.DataFrame:
        return pl.DataFrame(pl.from_arrow(read_proteome(shared_data / "proteomes" / file, species).proteins))

    yeast = read("Saccharomyces_cerevisiae.R64-1-1.pep.all.fa.gz", find("saccharomyces_cerevisiae"))
    human = read("Homo_sapiens.ensembl85.small.fa.gz", find("human"))
    both = pl.concat([yeast, human, human.with_columns(species=pl.lit(99, pl.Int16))])
    kept, left_out = drop_internal_stops(both)
    stopped = sum("*" in text for text in both["sequence"])
    assert kept.height + sum(left_out.values()) == both.height and left_out.get(INTERNAL_STOP, 0) == stopped
    found = unique_sequences(kept)
    assert found.height == len(set(kept["sequence"]))
    assert found["sequence_sha256"].is_unique().all()
    assert [hashlib.sha256(text.encode()).hexdigest() for text in found["sequence"][:50]] == found["sequence_sha256"][
        :50
    ].to_list()
    assert found["length"].is_sorted(descending=True)
