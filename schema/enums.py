"""Define the enumerations that etl, query and cli share."""

from __future__ import annotations

from enum import StrEnum

from homodb.schema.errors import UnknownStrategyError
from homodb.schema.messages import choices_hint


class Strategy(StrEnum):
    """Strategies that derive a mapping."""

    ENS_M2M = "ENS_M2M"
    ENS_O2O = "ENS_O2O"
    HM_O2O = "HM_O2O"
    LM_O2O = "LM_O2O"
    HL_O2O = "HL_O2O"

    @property
    def one_to_one(self) -> bool:
        """True if a gene occurs at most once in its mappings."""
        return self is not Strategy.ENS_M2M


class EvidenceClass(StrEnum):
    """Classes of evidence for a mapped pair."""

    BOTH = "both"
    ENSEMBL = "ensembl"
    LM_ORPHAN = "lm_orphan"
    LM_UNNAMED = "lm_unnamed"
    LM_PARTIAL = "lm_partial"
    LM_CONTRADICTS = "lm_contradicts"
    #: Named by orthology databases alone; never in a mapping, see :attr:`LEAST_DATABASES`.
    DATABASES = "databases"


class HomologyType(StrEnum):
    """Ensembl's homology types that a release keeps."""

    ONE2ONE = "ortholog_one2one"
    ONE2MANY = "ortholog_one2many"
    MANY2MANY = "ortholog_many2many"
    GENE_SPLIT = "gene_split"


#: Homology types that are orthologs.
ORTHOLOG_TYPES = (HomologyType.ONE2ONE, HomologyType.ONE2MANY, HomologyType.MANY2MANY)

#: Prefixes of the biotypes of protein-coding genes.
CODING_BIOTYPES = ("protein_coding", "IG_", "TR_", "nonsense_mediated_decay", "polymorphic_pseudogene")


def find_strategy(name: str) -> Strategy:
    """Return a strategy by name, in any case, with ``-`` or ``_``.

    Raises
    ------
    UnknownStrategyError
        If there is none of that name; the message lists all five.

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
    """Return whether a biotype is protein-coding; None counts as coding.

    Examples
    --------
    >>> is_coding("lncRNA"), is_coding("IG_V_gene"), is_coding("IG_V_pseudogene"), is_coding(None)
    (False, True, False, True)
    """
    if biotype is None:
        return True
    return biotype.startswith(CODING_BIOTYPES) and ("pseudogene" not in biotype or biotype == "polymorphic_pseudogene")


class VectorForm(StrEnum):
    """Export formats of gene vectors."""

    PARQUET = "parquet"
    H5 = "h5"
    SATURN = "saturn"
    UCE = "uce"
    TRANSCRIPTFORMER = "transcriptformer"


class GraphForm(StrEnum):
    """Export formats of mappings as graphs."""

    SAMAP = "samap"
    BIADJACENCY = "biadjacency"


class Weight(StrEnum):
    """Weights of edges; an unknown weight is the median of the mapping."""

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
    """Parts of a release that can be downloaded alone."""

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
