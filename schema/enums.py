"""Define the names that the build and the queries share."""

from __future__ import annotations

from enum import StrEnum

from homodb.schema.errors import UnknownStrategyError
from homodb.schema.messages import choices_hint


class Strategy(StrEnum):
    """Ways to derive a mapping."""

    ENS_M2M = "ENS_M2M"
    ENS_O2O = "ENS_O2O"
    HM_O2O = "HM_O2O"
    LM_O2O = "LM_O2O"
    HL_O2O = "HL_O2O"

    @property
    def one_to_one(self) -> bool:
        """Return whether the strategy uses a gene at most once."""
        return self is not Strategy.ENS_M2M


class EvidenceClass(StrEnum):
    """Evidence behind a mapped pair."""

    BOTH = "both"
    ENSEMBL = "ensembl"
    LM_ORPHAN = "lm_orphan"
    LM_PARTIAL = "lm_partial"
    LM_CONTRADICTS = "lm_contradicts"


class HomologyType(StrEnum):
    """Ensembl's types of homology that a release keeps."""

    ONE2ONE = "ortholog_one2one"
    ONE2MANY = "ortholog_one2many"
    MANY2MANY = "ortholog_many2many"
    GENE_SPLIT = "gene_split"


#: Types of homology that are orthologs.
ORTHOLOG_TYPES = (HomologyType.ONE2ONE, HomologyType.ONE2MANY, HomologyType.MANY2MANY)

#: Biotypes whose genes code for a protein, by their beginnings; a gene of any other biotype has no protein.
CODING_BIOTYPES = ("protein_coding", "IG_", "TR_", "nonsense_mediated_decay", "polymorphic_pseudogene")


def find_strategy(name: str) -> Strategy:
    """Return the strategy of this name.

    Case does not matter, and ``-`` is the same as ``_``.

    Raises
    ------
    UnknownStrategyError
        If there is none; the message lists all five.

    Examples
    --------
    >>> find_strategy("hl-o2o")
    <Strategy.HL_O2O: 'HL_O2O'>
    """
    normal = name.strip().upper().replace("-", "_")
    if normal in Strategy.__members__:
        return Strategy[normal]
    raise UnknownStrategyError(f"there is no strategy {name!r}" + choices_hint(name, Strategy))


def is_coding(biotype: str | None) -> bool:
    """Return whether genes of a biotype code for a protein.

    An unknown biotype counts as coding.

    Examples
    --------
    >>> is_coding("lncRNA"), is_coding("IG_V_gene"), is_coding("IG_V_pseudogene"), is_coding(None)
    (False, True, False, True)
    """
    if biotype is None:
        return True
    return biotype.startswith(CODING_BIOTYPES) and ("pseudogene" not in biotype or biotype == "polymorphic_pseudogene")


class VectorForm(StrEnum):
    """Formats for exported gene vectors."""

    PARQUET = "parquet"
    H5 = "h5"
    SATURN = "saturn"
    UCE = "uce"
    TRANSCRIPTFORMER = "transcriptformer"


class GraphForm(StrEnum):
    """Formats for mappings exported as graphs."""

    SAMAP = "samap"
    BIADJACENCY = "biadjacency"


class Weight(StrEnum):
    """Weights of edges; unknown ones get the median of the mapping."""

    #: Mean of both identities, 0 to 1.
    IDENTITY = "identity"
    #: Correlation of the two gene embeddings.
    CORRELATION = "correlation"
    #: 1 for every pair.
    EQUAL = "equal"


class GeneNames(StrEnum):
    """Kinds of gene names in an export."""

    SYMBOL = "symbol"
    STABLE_ID = "stable_id"


class ReleasePart(StrEnum):
    """Parts of a release that can be downloaded separately."""

    DUCKDB = "duckdb"
    PARQUET = "parquet"
    INDEX = "index"
    EMBEDDINGS = "embeddings"


class ExamBy(StrEnum):
    """Groupings of the scores of an exam."""

    STRATEGY = "strategy"
    EVIDENCE = "evidence"
    DIVERGENCE = "divergence"
    FAMILY = "family"
