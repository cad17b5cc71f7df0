"""Tell rows of a var that are genes from antibodies, peaks, guides and hashtags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from homodb.query.genes.spellings import ASSEMBLED
from homodb.schema.messages import counted
from homodb.schema.names import texts
from homodb.schema.species import Species, normalise
from homodb.schema.species import names as species_names

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

#: Columns of var that name the kind of each feature, alone or renamed by a merge (``feature_types-1``, ``rna:...``).
_COLUMN = re.compile(
    r"(?:.*:)?(?:feature[-_. ]?(?:bio)?types?|feature[-_. ]?(?:class|kind|category)|modalit(?:y|ies)"
    r"|(?:library|bioproduct|analyte|molecule|probe)[-_. ]?types?|code[-_. ]?class)(?:[-_. ].*)?",
    re.IGNORECASE,
)
#: Columns that are used only where nearly all of their words are those of feature kinds.
_GENERAL = re.compile(r"types?|kind|class|category|assays?|omics?|data[-_. ]?types?", re.IGNORECASE)
_KNOWN_SHARE = 0.9
#: Columns of true and false that mark another kind of feature, or genes (``is_adt``, ``spike_in``, ``is_gene``).
_MARK = re.compile(
    r"(?:is)?(?:(adt|ab|antibody|antibodies|antibodycapture|prot|protein|featurebarcode|hto|hashtag|cmo|s?grna|guide|peak"
    r"|atac|spikeins?|ercc|isotype|transgene|isotypecontrol|controlprobe|negative(?:control)?(?:probe)?|blank"
    r"|codeword|viral)|(gene|rna|gex|geneexpression))s?"
)
_TRUE, _FALSE = frozenset(("true", "t", "yes", "y", "1", "1.0")), frozenset(("false", "f", "no", "n", "0", "0.0"))
#: Columns that name the genome of a gene.
_GENOME = re.compile(r"(?:.*:)?(?:genomes?|assembly|species|organism|(?:feature[-_. ]?)?reference)(?:[-_. ]\w)?", re.I)
#: Words of a gene of several genomes.
_SHARED = frozenset(("both", "shared", "common", "all", "conserved", "mixed", "multiple"))
_STEM = re.compile(rf"({'|'.join(ASSEMBLED)})[-_]?\d")
#: Most words of a column of any other name that is looked at.
_MOST_WORDS = 20

_EMPTY = frozenset((
    "", "nan", "na", "none", "null", "unknown", "unspecified", "notavailable", "notapplicable", "missing", "undefined",
    "true", "false", "inf",
))  # fmt: skip

#: Words of gene expression; ``gene`` is cellxgene's, ``mrna`` BD's, ``gex`` that of NeurIPS 2021.
_GENE_WORDS = frozenset((
    "gene", "genes", "gex", "ge", "geneexpression", "rna", "mrna", "cdna", "scrna", "rnaseq", "scrnaseq", "snrnaseq",
    "expression", "transcript", "transcripts", "transcriptome", "transcriptomic", "transcriptomics", "rnaexpression",
    "mrnaexpression", "wta", "wholetranscriptome", "wholetranscriptomeanalysis", "endogenous", "housekeeping",
    "spliced", "unspliced", "generna", "geneexp", "sct",
))  # fmt: skip
_OTHER_WORDS = re.compile(
    r"antibod|antigen|crispr|guide|sgrna|^grna|hashtag|hashing|^hto|^adt|multiplex|cellplex|^cmo|peak|atac|accessib"
    r"|chromatin|protein(?!coding)|^prots?$|^fb$|surface|^cite|abseq|^abs?$|^abc$|tag(s|ging)?$|capture|control|codeword"
    r"|spike|ercc|custom|blank|^vdj|^[bt]cr|immune|negprb|negprobe|^negative|^positive|cellhash|barcode|isotype"
    r"|metabol|lipid|methyl|histone|genotyp|variant|^dna|^cnv|^snp|^motif|^region|intergenic|^cell(s|ular)?$"
)
#: Words that may also be topics of genes: in a column of any name they count beside surer ones.
_TOPIC = re.compile(
    r"housekeeping|transcripts?|(?:extra|intra)?cell(?:s|ular)?|(?:cell)?surface|immune|metabol\w*|lipids?|chromatin"
    r"|histones?|(?:de)?methyl\w*|motifs?|variants?|regions?|barcodes?|positive|custom"
)
#: Biotypes of genes, as cellxgene's ``feature_type`` has them.
_BIOTYPE = re.compile(r"genes?$|rna$|^proteincoding|^tec$|^ribozyme$|^antisense$|^lincrna|^senseintronic|coding$")

#: What stands beside the gene in names of guides, hashtags and antibodies.
_BARCODE = (
    r"(?i)(?:^|[-_.:| ])(?:sg|sgrna|grna|guide|crispr[ai]?|cmo|hto|hashtag|adt|totalseq[-_]?[abcd]?|abseq|pabo|prot"
    r"|protein|antibody|anti|ab|isotype|tag|sampletag|barcode|bc|oligo)\d*(?:[-_.:| ]|$)"
)
_SUFFIX, _SUFFIXES = r"[-._]\d+$", r"(?:[-._]\d+){2}$"
_CD = r"(?i)^(?:anti[-_. ]?)?(?:human|mouse|hu|ms)?[-_. ]?CD\d+[A-Z]*$"

#: Kinds of features that only their names tell.
BARCODE, ANTIBODY, TWIN = "guides or barcodes, by their names", "antibodies, by their names", "repeats of other rows"
#: Rows of a table of other features, which var does not describe: some repeat names of rows that it does.
UNDESCRIBED = "another kind of feature, of which var says nothing and which repeats names of genes"
#: Smallest share of rows without a description that repeat names.
_REPEATING = 0.1

#: Hints on names of a form that genes of the species do not have.
_NO_GENE = r"not a gene$|^a spike-in|^a gene of a genome"
#: Number of examples in a note.
_EXAMPLES = 3


@dataclass(frozen=True)
class FeatureKinds:
    """Kinds of the rows of a var, as its columns say.

    `kinds`: word for each row that is not a gene, and for a gene, None where nothing is said; `is_gene`: whether the
    row is a gene, None where nothing is said; `columns`: columns that say so; `is_described`: false for a row
    that lacks a text, or all values, where most rows have them, or a word where others have that of genes.
    """

    kinds: tuple[str | None, ...]
    is_gene: tuple[bool | None, ...]
    columns: tuple[str, ...] = ()
    is_described: tuple[bool, ...] = ()

    @property
    def where(self) -> str:
        """Columns that tell the kinds, for messages."""
        return " and ".join(f"var[{column!r}]" for column in self.columns)

    def select(self, places: Sequence[int | None]) -> FeatureKinds:
        """Return the kinds of rows by their numbers, None for a row of which nothing is known."""
        kinds = tuple(None if place is None else self.kinds[place] for place in places)
        return FeatureKinds(
            kinds, tuple(None if place is None else self.is_gene[place] for place in places), self.columns,
            tuple(place is None or self.is_described[place] for place in places),
        )  # fmt: skip


def feature_kinds(var: pd.DataFrame, species: Species | None = None) -> FeatureKinds:
    """Read the kinds of features from the columns of var.

    A missing or empty word, a number, and a word that no tool uses say nothing. A row is not a gene where one
    column says so; a word that is not known is another kind where its column has a word for gene expression.

    `species`: species of the genes: those of other genomes are none, where a column names its genome and others.
    """
    kinds: list[str | None] = [None] * len(var)
    is_gene: list[bool | None] = [None] * len(var)
    columns: list[str] = []
    for number, name in enumerate(var.columns):
        is_named = _COLUMN.fullmatch(str(name)) or _MARK.fullmatch(_normalised(str(name)))
        values = var.iloc[:, number]
        words = () if is_named or values.dtype.kind in "biufcmM" else set(texts(values[:200]))
        if not is_named and (len(words) > _MOST_WORDS or all(map(_is_number, words))):
            continue
        column = texts(values)
        marked = _marked(str(name), column, species)
        meanings = _meanings(str(name), column) if marked is None else dict.fromkeys(marked, False) | {None: None}
        column = column if marked is None else marked
        if not any(meaning is not None for meaning in meanings.values()):
            continue
        columns.append(str(name))
        for row, word in enumerate(column):
            meaning = meanings[word]
            if meaning is not None and is_gene[row] is not False and (is_gene[row] is None or not meaning):
                kinds[row], is_gene[row] = word, meaning
    return FeatureKinds(tuple(kinds), tuple(is_gene), tuple(columns), _described(var, is_gene))


def _described(var: pd.DataFrame, is_gene: list[bool | None]) -> tuple[bool, ...]:
    """Return whether each row has a text in the columns of text that most rows have one in, and any other value."""
    import numpy as np

    filled = var.notna().to_numpy()
    common = filled.mean(axis=0) * 2 > 1 if len(var) else np.zeros(filled.shape[1], dtype=bool)
    described: npt.NDArray[np.bool_] = np.ones(len(var), dtype=bool)
    if common.any():
        described = np.any(filled[:, common], axis=1)
    is_text = np.array([dtype.kind not in "biufcmM" for dtype in var.dtypes], dtype=bool)
    described &= np.all(filled[:, common & is_text], axis=1)
    if True in is_gene:
        described &= np.array([one is not None for one in is_gene])
    return tuple(described.tolist())


def _marked(name: str, column: Sequence[str | None], species: Species | None) -> list[str | None] | None:
    """Return the kind of the rows that a column marks as no genes of the species, by true and false or by a genome.

    None if it is not such a column. A genome counts where the column has one of the species too.
    """
    words = set(column)
    mark = _MARK.fullmatch(_normalised(name))
    if mark and {(word or "").strip().lower() for word in words} - _EMPTY <= _TRUE | _FALSE:
        other = _TRUE if mark[1] else _FALSE
        marked = [name if (word or "").strip().lower() in other else None for word in column]
        codes = mark[1] and mark[1].startswith("prot") and marked.count(name) > len(marked) / 2  # genes of proteins
        return None if codes else marked
    if species is None or not _GENOME.fullmatch(name):
        return None
    called = {*species_names(species), str(species.taxon_id)}

    def is_own(word: str) -> bool:
        stem = _STEM.match(word)
        return ASSEMBLED[stem[1]] == species.name if stem else normalise(word.removeprefix("NCBITaxon:")) in called

    genomes = {word: is_own(word) for word in words if word and _normalised(word) not in _EMPTY | _SHARED}
    foreign = {word for word, own in genomes.items() if not own and any(genomes.values())}
    return [f"genome {word}" if word in foreign else None for word in column]


def _meanings(name: str, column: Sequence[str | None]) -> dict[str | None, bool | None]:
    """Return whether each word of a column means a gene, None if it says nothing.

    A column of a name that is not about features has to have words of genes and of another kind.
    """
    words = Counter(column)
    if not _COLUMN.fullmatch(name) and len(words) > _MOST_WORDS:
        return dict.fromkeys(words)
    meanings = {word: _meaning(word) for word in words}
    if not _COLUMN.fullmatch(name):
        filled = sum(number for word, number in words.items() if _normalised(word) not in _EMPTY)
        n_words = sum(number for word, number in words.items() if _is_word(word))
        sure = {meanings[word] for word in words if _is_word(word) and not _TOPIC.fullmatch(_normalised(word))}
        if n_words < _KNOWN_SHARE * filled or not sure or not (_GENERAL.fullmatch(name) or sure == {True, False}):
            return dict.fromkeys(words)
    if any(_is_word(word) and meanings[word] for word in words):
        for word in words:
            if meanings[word] is None and _normalised(word) not in _EMPTY and not _is_number(word):
                meanings[word] = False
    return meanings


def _meaning(word: str | None) -> bool | None:
    normal = _normalised(word)
    if normal in _EMPTY or _is_number(word):
        return None
    if normal in _GENE_WORDS or ("geneexpression" in normal and "control" not in normal):
        return True
    if _OTHER_WORDS.search(normal):
        return False
    return True if _BIOTYPE.search(normal) else None


def _is_word(word: str | None) -> bool:
    """Return whether a word is one of feature kinds, and not a biotype."""
    normal = _normalised(word)
    return _meaning(word) is not None and (
        normal in _GENE_WORDS or "geneexpression" in normal or bool(_OTHER_WORDS.search(normal))
    )


def _normalised(word: str | None) -> str:
    return re.sub(r"[^a-z0-9]+", "", (word or "").lower())


def _is_number(word: str | None) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.]+(?:e[-+]?\d+)?", (word or "").strip(), re.IGNORECASE))


def kinds_by_name(resolved: pl.DataFrame, features: FeatureKinds) -> pl.DataFrame:
    """Return ``is_gene, feature`` of the rows of a var, by its columns and where these are silent by the names.

    `resolved`: result of :func:`homodb.query.genes.resolve` for the names. Where no column says that a row is a gene,
    it is none if its name is a gene's with the mark of a guide, a hashtag or an antibody, a repeat of another row's
    gene that was made unique (``CD4``, ``CD4-1``), in a block of rows that var does not describe and that repeats names
    of rows that it does (``anndata.concat(axis=1)`` of genes and antibodies), a name of a surface marker (``CD45``)
    beside the gene's own, or of a form that genes do not have, as that of a spike-in (``ERCC-00002``): then `feature`
    is its hint.
    """
    name, text, how = pl.col("name"), pl.col("understood_as"), pl.col("how")
    frame = resolved.select("name", "understood_as", "how", "gene", "hint").with_columns(
        by_column=pl.Series(features.is_gene, dtype=pl.Boolean), word=pl.Series(features.kinds, dtype=pl.String),
        described=pl.Series(features.is_described or [True] * resolved.height, dtype=pl.Boolean),
    )  # fmt: skip

    def letters(one: pl.Expr) -> pl.Expr:  # H2.Ab1 is H2-Ab1
        return one.str.to_lowercase().str.replace_all(r"[^a-z0-9]", "")

    changed = (name != text) & (how != "date") & pl.col("gene").is_not_null()
    version = (how == "stable_id") & name.str.contains(r"\.\d+$")
    # ``CD4-1`` of ``CD4``, not ``Nkx2.2`` of ``Nkx2-2``
    stems = [name.str.replace(suffix, "").str.to_lowercase() for suffix in (_SUFFIX, _SUFFIXES)]
    suffixed = changed & ~version & pl.any_horizontal(one == text.str.to_lowercase() for one in stems)
    beside = name.str.replace("(?i)protein[-_ ]coding", "")  # a biotype, as GENCODE writes it beside an ID
    marked = changed & (letters(name) != letters(text)) & beside.str.contains(_BARCODE) & ~text.str.contains(_BARCODE)
    frame = frame.with_columns(
        barcode=marked, suffixed=suffixed, cd=how.is_in(["alias", "symbol_case"]) & name.str.contains(_CD)
    )
    counts = pl.col("by_column").fill_null(~pl.col("barcode"))  # of the rows that may be the gene itself
    plain = counts & ~pl.col("suffixed")
    frame = frame.with_columns(
        has_plain=(plain & ~pl.col("cd")).any().over("gene"),
        first=pl.col("name").filter(counts & pl.col("suffixed")).first().over("gene"),
    )
    twin = pl.col("suffixed") & (pl.col("has_plain") | (pl.col("name") != pl.col("first")))
    # columns of var that are put beside each other, as those of genes and antibodies, leave one of them undescribed
    own = pl.col("gene").is_not_null() & ((name == text) | pl.col("suffixed"))
    bare = ~pl.col("described") & pl.col("by_column").is_null()
    repeats = bare & own & (own & pl.col("described") & counts).any().over("gene")
    repeating = (repeats.sum() >= _REPEATING * bare.sum()) & (bare.sum() < pl.len() / 2)
    by_name = (
        pl.when(bare & repeating & repeats.any()).then(pl.lit(UNDESCRIBED))
        .when(pl.col("by_column").is_not_null() | pl.col("gene").is_null()).then(pl.lit(None, pl.String))
        .when("barcode").then(pl.lit(BARCODE)).when(twin).then(pl.lit(TWIN))
        .when(pl.col("cd") & pl.col("has_plain")).then(pl.lit(ANTIBODY))
    )  # fmt: skip
    by_form = pl.when(pl.col("by_column").is_null() & pl.col("hint").str.contains(_NO_GENE)).then("hint")
    frame = frame.with_columns(by_name=pl.coalesce(by_name, by_form))
    return frame.select(
        is_gene=pl.col("by_column").fill_null(value=True) & pl.col("by_name").is_null(),
        feature=pl.coalesce("by_name", "word"),
    )


def feature_notes(rows: pl.DataFrame, features: FeatureKinds) -> list[str]:
    """Return notes on rows of var that are not genes, and on repeats of a gene where no column says what they are.

    `rows`: rows with :class:`homodb.query.genes.VarColumn`.
    """
    notes = []
    by_name = pl.col("feature").is_in([BARCODE, ANTIBODY, TWIN, UNDESCRIBED])
    by_form = pl.col("feature").eq_missing(pl.col("hint"))
    others = rows.filter(~pl.col("is_gene"))
    by_column = f"not gene expression by {features.where}, and left out"
    by_look = "that genes of the species do not have, and no column of var says what kind of feature it is"
    for some, singular, plural in (
        (others.filter(~by_name & ~by_form), f"row of var is {by_column}", f"rows of var are {by_column}"),
        (others.filter(by_form), f"row of var has a name {by_look}", f"rows of var have names {by_look}"),
    ):
        if some.height:
            kinds = some.group_by("feature", maintain_order=True).len()
            shown = ", ".join(f"{kind} {number:,}" for kind, number in kinds.iter_rows())
            notes.append(f"{counted(some.height, singular, plural)}: {shown}")
    for kind, group in others.filter(by_name).group_by("feature", maintain_order=True):
        count = counted(group.height, "row of var was", "rows of var were")
        notes.append(
            f"{count} left out as {kind[0]} ({_shown(group)}), since no column of var says what kind of feature it is; "
            "a column feature_types with Gene Expression in these rows adds them to their genes"
        )
    column_says = pl.Series(features.is_gene, dtype=pl.Boolean)
    repeats = rows.with_columns(by_column=column_says).filter("is_gene", pl.col("gene").is_not_null())
    more = repeats.filter(
        ~pl.col("gene").is_first_distinct(), pl.col("by_column").is_null(), pl.col("how") != "stable_id"
    )
    if more.height:
        count = counted(more.height, "row of var is", "rows of var are")
        notes.append(f"{count} of a gene that an earlier row is, and added to it: {_shown(more)}")
    return notes


def _shown(rows: pl.DataFrame) -> str:
    names = rows["name"].head(_EXAMPLES).to_list()
    return ", ".join(names) + (", ..." if rows.height > _EXAMPLES else "")
