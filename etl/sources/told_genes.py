"""Genes that a file tells piece by piece, in several headers or lines each, put together and checked."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from homodb.etl.sources.findings import Findings
from homodb.etl.sources.records import GENES
from homodb.schema.species import Species


@dataclass(frozen=True, slots=True)
class Location:
    """Where something lies: region, first and last base (1-based, inclusive), strand (0: both or unknown)."""

    region: str
    start: int
    end: int
    strand: int


@dataclass(slots=True)
class _Gene:
    line: int
    said: dict[str, str | int | None]
    location: Location | None


@dataclass
class GeneCollector:
    """Genes that are told piece by piece, in several headers or lines each.

    Version, symbol, biotype and region must agree; of descriptions the first counts. A gene spans all that is
    told of it. Its strand is unknown where the pieces lie on both: trans-spliced genes do, such as the fly's
    mod(mdg4).
    """

    findings: Findings
    genes: dict[str, _Gene] = field(default_factory=dict)

    def add(self, line: int, name: str, location: Location | None, **said: str | int | None) -> None:
        """Add what one line says: its location, and ``version``, ``symbol``, ``biotype``, ``description``."""
        gene = self.genes.setdefault(name, _Gene(line, said, location))
        if gene.line == line:
            return
        for what, value in said.items():
            if gene.said.get(what) is None:
                gene.said[what] = value
            elif value not in (None, gene.said[what]) and what != "description":
                self._contradicts(gene, line, name, what, value, gene.said[what])
        if gene.location is None or location is None:
            gene.location = gene.location or location
        elif gene.location.region != location.region:
            self._contradicts(gene, line, name, "region", location.region, gene.location.region)
        else:
            start, end = min(gene.location.start, location.start), max(gene.location.end, location.end)
            strand = location.strand if location.strand == gene.location.strand else 0
            gene.location = Location(location.region, start, end, strand)

    def _contradicts(self, gene: _Gene, line: int, name: str, what: str, here: object, there: object) -> None:
        seen = f"{name}: {what} {here}, on line {gene.line} {there}"
        self.findings.add("contradicts an earlier line on the same gene", seen, line)

    def table(self, species: Species) -> pa.Table:
        """Return the genes in the schema ``GENES``, in the order in which they were first told."""
        rows = [
            {
                "species": species.number,
                "stable_id": name,
                "region": gene.location and gene.location.region,
                "region_start": gene.location and gene.location.start,
                "region_end": gene.location and gene.location.end,
                "strand": (gene.location and gene.location.strand) or None,
                **gene.said,
            }
            for name, gene in self.genes.items()
        ]
        return pa.Table.from_pylist(rows, schema=GENES)
