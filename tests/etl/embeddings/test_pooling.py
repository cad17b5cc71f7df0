"""Pooling of proteins to genes, against a naive one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.etl.embeddings import NMD, Pooling, ProteinFilter, filter_proteins, pool, proteomes

BIOTYPES = st.sampled_from(["protein_coding", NMD, "IG_V_gene", None])
PROTEINS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(1, 5), BIOTYPES, st.booleans()), min_size=0, max_size=30
)
SCHEMA = {
    "gene": pl.Int64,
    "stable_id": pl.String,
    "sequence_sha256": pl.String,
    "length": pl.Int32,
    "biotype": pl.String,
    "canonical": pl.Boolean,
}


def frame_of(rows: list[tuple[int, int, int, str | None, bool]]) -> pl.DataFrame:
    """Proteins with unique IDs; the first that claims to be a gene's canonical one is."""
    canonical: set[int] = set()
    table = []
    for number, (gene, sequence, length, biotype, claims) in enumerate(rows):
        table.append((gene, f"P{number:03}", str(sequence), length, biotype, claims and gene not in canonical))
        if claims:
            canonical.add(gene)
    return pl.DataFrame(table, schema=SCHEMA, orient="row")


def lookup(checksums: Sequence[str]) -> npt.NDArray[np.float32]:
    return np.array([np.sin(np.arange(1, 5) * (int(c) + 1)) for c in checksums], np.float32).reshape(-1, 4)


def naive(proteins: pl.DataFrame, how: Pooling) -> dict[int, tuple[list[float], int, int]]:
    answer = {}
    for gene in sorted(set(proteins["gene"])):
        rows = [row for row in proteins.rows(named=True) if row["gene"] == gene]
        if how is Pooling.CANONICAL:
            rows = [min(rows, key=lambda row: (not row["canonical"], -row["length"], row["stable_id"]))]
        vectors = np.stack([lookup([row["sequence_sha256"]])[0].astype(float) for row in rows])
        vector = vectors.max(axis=0) if how is Pooling.MAX else vectors.mean(axis=0)
        answer[gene] = (vector.tolist(), len(rows), sum(row["biotype"] == NMD for row in rows))
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 3, 8_192])
@given(rows=PROTEINS)
def test_pooling_equals_a_naive_one_whatever_the_block(
    block: int, rows: list[tuple[int, int, int, str | None, bool]]
) -> None:
    proteins = frame_of(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proteomes, "_BLOCK", block)
        pooled = pool(proteins.sample(fraction=1, shuffle=True, seed=1), lookup, list(Pooling))
    for how in Pooling:
        wanted = naive(proteins, how)
        found = pooled[how]
        assert found.vectors.genes.tolist() == list(wanted) == found.genes["gene"].to_list()
        assert found.vectors.vectors.dtype == np.float32
        for place, (vector, isoforms, nmd) in enumerate(wanted.values()):
            np.testing.assert_allclose(found.vectors.vectors[place], vector, atol=1e-6)
            assert found.genes.row(place)[1:] == (isoforms, nmd)


def test_blocks_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    rows = [(int(rng.integers(0, 40)), int(rng.integers(0, 90)), 3, None, False) for _ in range(200)]
    whole = pool(frame_of(rows), lookup, list(Pooling))
    monkeypatch.setattr(proteomes, "_BLOCK", 7)
    cut = pool(frame_of(rows), lookup, list(Pooling))
    for how in Pooling:
        assert whole[how].vectors.vectors.tobytes() == cut[how].vectors.vectors.tobytes()


def test_short_proteins_and_other_biotypes_do_not_enter_and_are_counted() -> None:
    proteins = frame_of([(1, 0, 2, "IG_D_gene", True), (1, 1, 40, "IG_V_gene", False), (2, 2, 50, None, True)])
    kept, counts = filter_proteins(proteins, ProteinFilter(min_length=10, biotypes=("protein_coding",)))
    assert kept["stable_id"].to_list() == ["P002"]  # of unknown biotype: nothing speaks against it
    assert list(counts.values()) == [1, 1]
    assert filter_proteins(proteins, ProteinFilter())[1] == {}
    assert filter_proteins(proteins, ProteinFilter())[0].equals(proteins)
