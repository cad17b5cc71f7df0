"""Links between measured genes: against the rows of the release's own views."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from homodb.query.annotate import CellRequest, OrthologyLinks, find_links, read_side
from homodb.query.cells import SpeciesCells
from homodb.schema.errors import AnnotationError, UnknownSpeciesError, UnknownStrategyError
from homodb.schema.species import find
from tests import messages


def named(links: OrthologyLinks, query: SpeciesCells, reference: SpeciesCells) -> dict[tuple[str, str], float]:
    pairs = zip(links.query.tolist(), links.reference.tolist(), links.weight.tolist(), strict=True)
    return {(query.stable_ids[one], reference.stable_ids[two]): weight for one, two, weight in pairs}


@pytest.fixture(scope="module")
def sides(clade: Any) -> tuple[SpeciesCells, SpeciesCells]:
    one, two = (read_side(clade.release, cells, CellRequest("query")).side for cells in (clade.mouse, clade.human))
    # a fifth of the genes of each side are not measured
    kept = [np.flatnonzero(np.random.default_rng(8).random(len(side.genes)) < 0.8) for side in (one, two)]
    return tuple(  # type: ignore[return-value]
        replace(
            side, counts=side.counts[:, at], genes=side.genes[at], housekeeping=side.housekeeping[at],
            symbols=tuple(side.symbols[n] for n in at), stable_ids=tuple(side.stable_ids[n] for n in at),
        )
        for side, at in zip((one, two), kept, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("strategy", ["ENS_M2M", "ENS_O2O", "HM_O2O", "LM_O2O", "HL_O2O", "ENS_O2O+LM_O2O"])
def test_links_are_the_measured_rows_of_the_view(
    clade: Any, sides: tuple[SpeciesCells, SpeciesCells], strategy: str
) -> None:
    query, reference = sides
    best, every, _ = find_links(clade.release, query, reference, strategy=strategy.lower(), evidence=None)
    partners: dict[str, list[str]] = defaultdict(list)
    for one in strategy.split("+"):
        rows = clade.release.sql(
            "SELECT source_id, target_id FROM ortholog WHERE source_species = 'mus_musculus' AND target_species = "
            "'homo_sapiens' AND strategy = ? ORDER BY rank",
            [one],
        ).rows()
        for source, target in rows:
            if source in query.stable_ids and target in reference.stable_ids and target not in partners[source]:
                partners[source].append(target)
    partners = {source: targets for source, targets in partners.items() if targets}  # type: ignore[assignment]
    assert partners
    assert named(best, query, reference) == {(source, targets[0]): 1.0 for source, targets in partners.items()}
    wanted = {(source, one): 1 / len(targets) for source, targets in partners.items() for one in targets}
    assert named(every, query, reference) == pytest.approx(wanted)
    assert best.strategy == every.strategy == strategy and len(best.evidence) == len(best.query)
    assert (np.diff(best.reference) >= 0).all()


def test_evidence_filters_and_adds(clade: Any, sides: tuple[SpeciesCells, SpeciesCells]) -> None:
    query, reference = sides
    both, _, _ = find_links(clade.release, query, reference, strategy="ens_m2m", evidence="both")
    assert set(both.evidence) == {"both"}
    plain, _, _ = find_links(clade.release, query, reference, strategy="ens_m2m", evidence=None)
    more, _, _ = find_links(clade.release, query, reference, strategy="ens_m2m", evidence="+lm_orphan,+lm_partial")
    assert len(more.query) >= len(plain.query)


def test_one_species_is_linked_to_itself(clade: Any, sides: tuple[SpeciesCells, SpeciesCells]) -> None:
    query, _ = sides
    best, every, notes = find_links(clade.release, query, query, strategy=None, evidence=None)
    assert (best.query == np.arange(len(query.genes))).all() and (best.reference == best.query).all()
    assert every is best and best.strategy == "same species" and "both mouse" in notes[0]


def test_what_is_refused(clade: Any, sides: tuple[SpeciesCells, SpeciesCells]) -> None:
    query, reference = sides
    none = replace(reference, genes=reference.genes + 1_000_000)
    with pytest.raises(AnnotationError, match=messages.Annotate.share_no_genes_none_genes):
        find_links(clade.release, query, none, strategy=None, evidence=None)
    with pytest.raises(UnknownStrategyError):
        find_links(clade.release, query, reference, strategy="best", evidence=None)
    with pytest.raises(UnknownSpeciesError):
        find_links(clade.release, replace(query, species=find("pig")), reference, strategy="ens_m2m", evidence=None)
