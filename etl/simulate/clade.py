"""The species that a simulated clade is made of, in the order in which they join, and how their genes are named.

Names and prefixes of stable IDs are Ensembl's, so that every reader meets what it will meet in life. Ages are
rounded figures for the real divergences (https://timetree.org), so that a clade has near and far relatives; the
genes are made up all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Member:
    """A species of the clade.

    Parameters
    ----------
    name
        Production name.
    prefix
        What its stable IDs begin with; a letter for the kind and eleven digits follow.
    joins
        The earlier member that it is a relative of; the first has none.
    age
        Million years to their last common ancestor.
    case
        How it spells symbols.
    no_symbol
        Share of its coding genes without a symbol.
    isoforms
        Mean number of proteins per gene.
    chromosomes
        Number of its chromosomes.
    alternates
        Factor on the share of its genes that have an alternate locus.
    """

    name: str
    prefix: str
    joins: str
    age: float
    case: Literal["upper", "title", "lower"] = "upper"
    no_symbol: float = 0.05
    isoforms: float = 1.5
    chromosomes: int = 20
    alternates: float = 0.3


#: The first N make a clade of N species.
MEMBERS = (
    Member("homo_sapiens", "ENS", "", 0, no_symbol=0.005, isoforms=3.2, chromosomes=22, alternates=9),
    Member("mus_musculus", "ENSMUS", "homo_sapiens", 87, "title", 0.002, 2.4, 19),
    Member("sus_scrofa", "ENSSSC", "homo_sapiens", 94, chromosomes=18),
    Member("macaca_mulatta", "ENSMMU", "homo_sapiens", 29),
    Member("gallus_gallus", "ENSGAL", "homo_sapiens", 319, no_symbol=0.1, chromosomes=30),
    Member("danio_rerio", "ENSDAR", "homo_sapiens", 429, "lower", 0.03, chromosomes=25),
    Member("rattus_norvegicus", "ENSRNO", "mus_musculus", 12, "title", 0.04),
    Member("pan_troglodytes", "ENSPTR", "homo_sapiens", 6.4, no_symbol=0.03, chromosomes=23),
    Member("bos_taurus", "ENSBTA", "sus_scrofa", 62, chromosomes=29),
    Member("canis_lupus_familiaris", "ENSCAF", "sus_scrofa", 76, chromosomes=38),
    Member("monodelphis_domestica", "ENSMOD", "homo_sapiens", 160, no_symbol=0.1, chromosomes=8),
    Member("oryctolagus_cuniculus", "ENSOCU", "mus_musculus", 79, no_symbol=0.08),
    Member("xenopus_tropicalis", "ENSXET", "homo_sapiens", 352, "lower", 0.1, chromosomes=10),
    Member("callithrix_jacchus", "ENSCJA", "homo_sapiens", 43),
    Member("gorilla_gorilla", "ENSGGO", "homo_sapiens", 8.6, chromosomes=23),
    Member("ovis_aries", "ENSOAR", "bos_taurus", 24, chromosomes=26),
)
