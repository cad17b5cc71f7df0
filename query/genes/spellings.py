"""Find variants of names, and explain unresolved ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

import polars as pl

from homodb.query.release import ReleaseFile
from homodb.query.results import and_more
from homodb.schema.messages import counted
from homodb.schema.species import KEYS_PER_SPECIES, Species, registry
from homodb.schema.species import names as species_names

#: A version, of GENCODE also with that of a lift-over (``ENSG00000254647.7_3``).
VERSION = r"^(.+)\.\d+(?:_\d+)?$"
_MAKE_UNIQUE = r"^(.+)[-.]\d+$"
_PAR_Y = r"^(.+)[-_]PAR[-_]Y$"
#: Shortest name of a species before a hyphen.
_LEAST_WORD = 5
_OLD_PAR_Y = r"^(ENS[A-Z]*G)R(\d{10})(?:\.\d+)?$"
_CHROMOSOME = r"^(.+)__chr(?:[0-9]{1,2}|[XYMWZ]|MT|Un)[A-Za-z0-9_.]*$"
NUMBERED = r"^[^|]*\|(\d+)$"
#: TCGA's ``INS|3630``, and BD's ``INS|NM_000207.3|PolyA_1``.
_SYMBOL_OF_NUMBERED = r"^([^|]+)\|(?:\d+|(?:[NX][MR]_|ENST)\d+(?:\.\d+)?(?:\|.*)?)$"
_GENOME = r"^([A-Za-z]+)([-_:.|]+)(.+)$"
#: Label of a database, a GFF or Seurat's assay in front of a symbol or an accession (``gene-INS``, ``GeneID:3630``,
#: ``rna_INS``).
_SYMBOL_LABELLED = r"^(?i:(?:gene|symbol|gene[-_ ]?(?:symbol|name))[-:|=]+|(?:rna|gex)[-_:.|]+)(\d*\D.*)$"
_LABELLED = (
    r"^(?i:(?:ncbi[-_ ]?)?gene[-_ ]?id|ncbi[-_ ]?gene|entrez(?:[-_ ]?gene)?(?:[-_ ]?id)?|uniprot(?:kb)?|refseq)"
    r"[:|=](.+)$"
)
#: Hyphens of word processors, and Greek letters in symbols.
_DASHES = "[_\u2010-\u2015\u2212]"
_GREEK = dict(
    zip("\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03b7\u03b8\u03ba\u03bb\u03bc\u00b5", "abgdezhtklmm", strict=True)
)

#: Species by the stems of the names of their assemblies: in a file of two species, a mouse gene is no human one.
ASSEMBLED = {
    stem: species
    for species, stems in {
        "homo_sapiens": "GRCh GRCH grch hg HG hs T2T-CHM CHM", "mus_musculus": "GRCm GRCM grcm mm MM MGSCv",
        "danio_rerio": "GRCz danRer Zv",
        "rattus_norvegicus": "GRCr rn mRatBN Rnor", "gallus_gallus": "GRCg galGal bGalGal",
        "sus_scrofa": "Sscrofa susScr", "pan_troglodytes": "Pan_tro panTro mPanTro",
        "macaca_mulatta": "Mmul rheMac", "macaca_fascicularis": "macFas",
        "bos_taurus": "ARS-UCD UMD bosTau", "canis_lupus_familiaris": "CanFam canFam ROS_Cfam",
        "equus_caballus": "EquCab equCab", "felis_catus": "felCat", "monodelphis_domestica": "monDom",
        "drosophila_melanogaster": "BDGP dm", "caenorhabditis_elegans": "WBcel ce",
        "saccharomyces_cerevisiae": "sacCer", "xenopus_tropicalis": "xenTro", "callithrix_jacchus": "calJac mCalJac",
        "gorilla_gorilla": "gorGor", "oryctolagus_cuniculus": "OryCun oryCun", "ovis_aries": "oviAri Oar",
    }.items()
    for stem in stems.split()
}  # fmt: skip

#: Prefix of an assembly (``GRCh38_``, ``mm10___``, ``hg38:``, ``Rnor_6.0_``, ``GRCh38-2020-A_``), with its stem and
#: what follows.
ASSEMBLY = (
    rf"^(?:refdata-[a-z]+-)?({'|'.join(ASSEMBLED)})_?\d[A-Za-z0-9]*(?:\.(?:p?\d+|mat|pat|pri|broiler|GRCg\w+))*"
    r"(?:[-_](?:\d{4}-[A-Z]|\d+(?:\.\d+)+|pre_?mrna|ens(?:embl)?\d*))?[-_:.|]+(.+)$"
)

#: Symbols that begin like an assembly: Rn18s-rs5, rn7sl1-3.
_NO_ASSEMBLY = r"^[a-z]{2}\d+[a-ce-z]"

#: Stable IDs that are recognised inside a longer name, whatever stands beside them.
_ID_INSIDE = r"(?:ENS[A-Z]{0,4}G\d{11}|WBGene\d{8}|FBgn\d{7})"
_ID_APART = rf"(?:^|[^A-Za-z0-9])({_ID_INSIDE})(?:\.\d+)?(?:$|[^A-Za-z0-9])"

#: Words beside a stable ID that say that a name is a part of a gene, a guide or an antibody.
_NO_GENE_BESIDE = (
    r"(?i)(?:^|[^a-z0-9])(?:sg|sgrna|grna|guide|crispr|adt|hto|antibody|intron|introns|intronic|exon|spliced|unspliced|"
    r"ambiguous|nascent|mature|pre-?m?rna)[0-9]*(?:$|[^a-z0-9])|(?-i:(?:^|[^A-Za-z0-9])sg[A-Z])"
)

#: Families of symbols that were renamed as a whole, with their old and new beginnings; both directions are tried.
_RENAMED = (
    ("SEPT", "SEPTIN", r"\d{1,2}(?:$|\D.*)"), ("MARCH", "MARCHF", r"\d{1,2}(?:$|\D.*)"), ("MARC", "MTARC", r"[12]"),
    ("SEP15", "SELENOF", ""), ("DEC1", "DELEC1", ""),
)  # fmt: skip


def id_inside(name: pl.Expr) -> pl.Expr:
    """Return the stable ID in a name that holds one beside something else, and only one."""
    ids = name.str.extract_all(_ID_INSIDE)
    rest = pl.coalesce(name.str.extract(ASSEMBLY, 2), name).str.replace_all(_ID_INSIDE + r"(?:\.\d+)?", "")
    is_apart = (
        (ids.list.n_unique() == 1)
        & name.str.contains(_ID_APART)
        & rest.str.contains("[A-Za-z0-9]{2}")
        & ~rest.str.contains(_NO_GENE_BESIDE)
    )
    return pl.when(is_apart).then(ids.list.first())


def bare_name(name: pl.Expr) -> pl.Expr:
    """Return a name less the symbol, number or chromosome that some tools write beside it."""
    return pl.coalesce(
        id_inside(name), name.str.extract(_CHROMOSOME, 1), name.str.extract(_SYMBOL_OF_NUMBERED, 1), name
    )


def less_label(name: pl.Expr) -> pl.Expr:
    """Return a name less the label of a database, a GFF or an assay in front (``gene-INS``, ``GeneID:3630``)."""
    return pl.coalesce(name.str.extract(_SYMBOL_LABELLED, 1), name.str.extract(_LABELLED, 1))


def renamed_symbols(texts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose ``text`` is of a renamed family, with the other symbol as ``text``."""
    text = pl.col("text")
    others = [
        text.str.extract(rf"^(?i:{one})({tail})$", 1).str.replace("^", other)
        for old, new, tail in _RENAMED
        for one, other in ((old, new), (new, old))
    ]
    return texts.with_columns(text=pl.coalesce(others)).drop_nulls("text")


def name_variants(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """List each name's variants before a tool changed or extended it.

    Returns ``name``, ``place`` (0 for the unchanged name, then in the order in which variants are tried), ``text``; a
    text appears once per name. A suffix is kept if removing it would give another gene of the family (``SLA-1`` of a
    species with ``SLA-DRB1``).
    """
    frame = names.alias("name").to_frame()
    name = pl.col("name")
    old = pl.concat_str(name.str.extract(_OLD_PAR_Y, 1), pl.lit("0"), name.str.extract(_OLD_PAR_Y, 2))
    read = frame.with_columns(
        hyphen=name.str.replace_all(_DASHES, "-"),
        latin=pl.when(name.str.contains("[^ -~]")).then(name.str.replace_many(_GREEK)),
        labelled=less_label(name),
        chromosome=name.str.extract(_CHROMOSOME, 1),
        numbered=name.str.extract(_SYMBOL_OF_NUMBERED, 1),
        undone=name.str.replace(r"^X(\d)", "${1}").str.replace_all(".", "-", literal=True),
        version=name.str.extract(VERSION, 1),
        par=pl.coalesce(name.str.extract(_PAR_Y, 1), old),
        unique=name.str.extract(_MAKE_UNIQUE, 1),
    )
    read = read.join(spelled_symbols(release, names, species), on="name", how="left", maintain_order="left")
    read = read.join(_without_genome(release, frame, species), on="name", how="left", maintain_order="left")
    bare = ("genome", "labelled", "numbered", "chromosome")
    for form in bare:
        spelled = spelled_symbols(release, read[form].drop_nulls(), species)
        spelled = spelled.rename({"name": form, "spelled": f"{form}_spelled"})
        read = read.join(spelled, on=form, how="left", maintain_order="left")
    read = read.join(_beside_an_id(release, names, species), on="name", how="left", maintain_order="left")
    forms = (
        "spelled", "undone", "version", "par", "unique",
        *(form for one in bare for form in (one, f"{one}_spelled")), "hyphen", "latin", "beside",
    )  # fmt: skip
    columns = [name.alias("0")]
    for place, form in enumerate(forms):
        columns += [
            pl.col(form).alias(str(2 * place + 1)),
            pl.col(form).str.extract(_MAKE_UNIQUE, 1).alias(str(2 * place + 2)),
        ]
    places = [str(place) for place in range(2 * len(forms) + 1)]
    all_readings = (
        read.with_columns(columns)
        .unpivot(places, index="name", variable_name="place", value_name="text")
        .drop_nulls("text")
        .with_columns(pl.col("place").cast(pl.Int32))
        .unique(["name", "text"], keep="first", maintain_order=True)
    )  # fmt: skip
    return _without_families(release, all_readings, species)


def spelled_symbols(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Return the symbols that ``make.names`` or Seurat turn into a name.

    For example ``RP11-34P13.7`` for ``RP11.34P13.7``.
    """
    changed = names.filter(names.str.contains(r"[.-]|^X\d")).to_list()
    if not changed:
        return pl.DataFrame(schema={"name": pl.String, "spelled": pl.String})
    return release.ask("resolve_spelled", {"texts": changed, "species": species.number})


def _without_genome(release: ReleaseFile, names: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Remove the name of the species' own assembly, or of the species."""
    name = pl.col("name")
    parts = names.select(
        "name", assembly=name.str.extract(ASSEMBLY, 1), assembled=name.str.extract(ASSEMBLY, 2),
        prefix=name.str.extract(_GENOME, 1), rest=species_prefix(name)[1],
    )  # fmt: skip
    own = [assembly for assembly, owner in ASSEMBLED.items() if owner == species.name]
    named = name.str.extract(rf"^(?i:{species.name})[-_:.|]+(.+)$", 1)
    own_parts = parts.select("name", genome=pl.when(pl.col("assembly").is_in(own)).then("assembled").otherwise(named))
    own_parts = own_parts.drop_nulls("genome")
    others = parts.filter(pl.col("assembly").is_null() & pl.col("rest").is_not_null() & named.is_null())
    genomes = [prefix for prefix in others["prefix"].unique().to_list() if prefix.lower() in species_words(species)]
    if genomes:  # CAT_X is a pair of genes where CAT is one
        exact = release.ask("resolve_exact", {"texts": genomes, "species": species.number})
        genomes = sorted(set(genomes) - set(exact.filter(pl.col("how") == "symbol")["text"]))
    return pl.concat([own_parts, others.filter(pl.col("prefix").is_in(genomes)).select("name", genome="rest")])


def species_prefix(name: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the word before a name that may be of its species (``human:INS``, ``Hs.INS``, ``hsa:3630``), and the name.

    A number is a gene's only after a colon: ``Hs.654`` is of UniGene.
    """
    word, mark, rest = (name.str.extract(_GENOME, group) for group in (1, 2, 3))
    is_short = word.str.len_chars() < _LEAST_WORD  # hs-..., ce-... are too short for what is no mark of their own
    is_name = pl.when(rest.str.contains(r"^\d+$")).then(mark == ":").otherwise((mark != "-") | ~is_short)
    return word.str.to_lowercase(), pl.when(is_name).then(rest)


def species_words(species: Species) -> set[str]:
    """Return words in lower case that say that a name behind them is of a species."""
    return {*species_names(species), *(code for code, owner in _codes().items() if owner == species.name)}


@cache
def _codes() -> Mapping[str, str]:
    """Return species by their initials, as in KEGG (``hsa``), NCBI's locus tags (``Dmel``) and UniGene (``Hs``)."""
    codes: dict[str, str] = {}
    for species in registry():
        genus, epithet = species.name.split("_")[:2]
        for letters in (1, 2, 3):
            codes.setdefault(genus[0] + epithet[:letters], species.name)
    return codes


def _beside_an_id(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Return the symbol beside a stable ID, where the release has no stable IDs of the species to read it by."""
    rows = names.alias("name").to_frame().filter(id_inside(pl.col("name")).is_not_null() & ~_is_of_another(species))
    if not rows.height or _has_ids(release, species):
        return pl.DataFrame(schema={"name": pl.String, "beside": pl.String})
    beside = pl.col("name").str.replace(_ID_INSIDE + r"(?:\.\d+)?", "").str.strip_chars(" |_;:,/.-()[]")
    return rows.with_columns(beside=beside)


def _is_of_another(species: Species) -> pl.Expr:
    """Return whether names begin with the assembly of another species."""
    stem = pl.col("name").str.extract(ASSEMBLY, 1)
    owner = stem.replace_strict(ASSEMBLED, default=None, return_dtype=pl.String)
    return owner.is_not_null() & (owner != species.name)


def _has_ids(release: ReleaseFile, species: Species) -> bool:
    forms = release.ask("stable_id_forms")
    return bool(forms.filter(pl.col("species") == species.name).height)


def ids_in_names(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Return ``name, text`` of names with a stable ID of the species inside, which alone decides the gene.

    These are IDs of a well-known form, and parts of names that are stable IDs of the release: one per name.
    """
    name = pl.col("name")
    frame = names.alias("name").to_frame().filter(~_is_of_another(species))
    rows = frame.select("name", text=id_inside(name)).drop_nulls("text")
    if rows.height and not _has_ids(release, species):
        rows = rows.clear()
    parts = (
        frame.filter(name.str.contains(r"[|_;:,/ ]") & ~name.str.contains(_NO_GENE_BESIDE))
        .join(rows, on="name", how="anti")
        .select("name", part=name.str.replace_all(r"[|_;:,/ ()\[\]]+", "|").str.split("|"))
        .explode("part")
        .filter(pl.col("part") != "")
        .unique(maintain_order=True)
    )  # fmt: skip
    texts = parts["part"].unique().to_list()
    exact = release.ask("resolve_exact", {"texts": texts, "species": species.number}) if texts else None
    if exact is None or not exact.height:
        return rows
    ids = exact.filter(pl.col("how") == "stable_id").select(part="text").unique()
    inside = parts.join(ids, on="part").filter(pl.len().over("name") == 1).select("name", text="part")
    return pl.concat([rows, inside])


def _without_families(release: ReleaseFile, read: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Remove texts that are prefixes of other symbols too.

    SLA-1 is a gene like SLA-DRB1, not a second SLA.
    """
    bases = read["text"].str.extract(r"^(.+)-\d+$", 1).drop_nulls().unique().to_list()
    if not bases:
        return read
    families = release.ask("resolve_families", {"texts": bases, "species": species.number})["text"]
    suspects = read.filter((pl.col("place") > 0) & pl.col("text").is_in(families.implode())).select("name", "text")
    members = read.filter(
        pl.col("text").str.count_matches("-", literal=True) <= pl.col("name").str.count_matches("-", literal=True)
    ).select("name", member="text")
    cut = (
        suspects.join(members, on="name")
        .filter(pl.col("member").str.starts_with(pl.col("text") + "-"))
        .select("name", "text")
        .unique()
    )
    return read.join(cut, on=["name", "text"], how="anti", maintain_order="left")


#: Months as spreadsheets write them, in English first, then German, French, Spanish, Italian, Dutch, Polish and others.
_WORDS = {
    "jan": "jan january janv ene gen sty", "feb": "feb february f\u00e9vr fevr fev lut",
    "mar": "mar march mrz m\u00e4r m\u00e4rz mars mrt marzo", "apr": "apr april avr abr kwi",
    "may": "may mai mag mei maj",
    "jun": "jun june juin giu cze", "jul": "jul july juil lug lip", "aug": "aug august ao\u00fbt ago sie",
    "sep": "sep sept september set wrz", "oct": "oct october okt ott out", "nov": "nov november lis",
    "dec": "dec december dez d\u00e9c dic gru des",
}  # fmt: skip
_MONTHS = {word: month for month, words in _WORDS.items() for word in words.split()}
#: Months that stand before a day: no word that is a gene's too (``SET-1``); worms' genes are in lower case (``sep-1``).
_FIRST = [word for word in _MONTHS if word not in ("set", "gen", "ago", "mag", "lis", "out", "sie", "des", "mei")]
_CAPITAL = "|".join(form for word in _FIRST for form in (word.title(), word.upper()))
_GAP, _MIDNIGHT = "[-./ ]{1,2}", r"(?:[ T.]0?0[:.]00(?:[:.]00)?(?:\.0+)?Z?| 12:00:00 AM)?"
_DAY_MONTH = rf"X?(\d{{1,2}}){_GAP}((?i:{'|'.join(_MONTHS)}))\.?(?:{_GAP}\d{{2,4}})?"
_MONTH_DAY = (
    rf"(?:((?:{_CAPITAL}))\.?{_GAP}(\d{{1,2}}|\d{{4}})|((?i:{'|'.join(_FIRST)}))\.?{_GAP}(0\d))(?:,?[-./ ]\d{{4}})?"
)
_ISO = rf"X?(\d{{4}})[-./](\d{{2}})[-./](\d{{2}}){_MIDNIGHT}"
_IN_NUMBERS = rf"X?(\d{{1,2}})([-./])(\d{{1,2}})[-./](?:\d{{2}}|\d{{4}}){_MIDNIGHT}"
_LIKE_A_DATE = rf"^(?:{_DAY_MONTH}|{_MONTH_DAY}|{_ISO}|{_IN_NUMBERS})$"
#: Dates as numbers of days, of the years 1990 to 2035.
_SERIAL = re.compile(r"X?(3[3-9]\d{3}|4\d{4})(?:\.0)?")

#: Number of names in a note.
_SHOWN = 3

#: Names with nothing but a version, a pseudoautosomal mark or a genome beside a stable ID.
_AFFIXED = rf"{_PAR_Y}|{ASSEMBLY}"

_STABLE_ID = re.compile(r"([A-Za-z_]+?)(\d{7,11})(?:\.\d+)?")

#: Patterns of other names and their hints; the first match counts.
_LOOKS = (
    (r"^\s*$|^(?i:nan|none|na|null|n/a|<na>)$", "no name"),
    (r"^\s|\s$", "it has blanks around it"),
    (r"^\ufeff|^b?['\"].*['\"]$", "it has quotes or a byte order mark around it"),
    (r"^ENS[A-Z]*T\d{11}", "a stable ID of a transcript, not of a gene"),
    (r"^ENS[A-Z]*P\d{11}", "a stable ID of a protein, not of a gene"),
    (rf"{_ID_INSIDE}.*{_ID_INSIDE}", "several stable IDs"),
    (rf"^{_ID_INSIDE}(?:\.\d+)?$", "the form of a stable ID, which is not in the release"),
    (rf"{_ID_INSIDE}[^A-Za-z0-9]|[^A-Za-z0-9]{_ID_INSIDE}", "a guide, an antibody or a part of a gene, not the gene"),
    (r"(?i)(^|[-_])ERCC[-_]\d{5}|^SIRV\d", "a spike-in (ERCC)"),
    (r"^(__|N_)(no_?feature|ambiguous|alignment_not_unique|not_aligned|too_low_aQual|noFeature|multimapping|unmapped)",
     "a tally of reads, not a gene"),
    (r"(?i)^(hto|antibody|hashtag|cmo)[-_: 0-9]|(?-i:^ADT|^Adt)[-_: 0-9]|^adt[-_: ]\D|total_?seq|_?anti-|pabo$"
     r"|[-_. (\[](adt|prot|antibody)[\])]?$|(?-i:^([A-Z0-9-]+|[A-Z][a-z]+\d+[a-z]?))[-_. (\[]+protein[\])]?$"
     r"|isotype|[-_][ACGT]{15}$|^((mouse|rat)[-_ ]?IgG\d|IgG\d[-_. A-Z])", "an antibody or a hashtag, not a gene"),
    (r"(?i)^(cite|ab|prot(ein)?|hu(ms)?|anti)[-_:. ]|[-_. ]ab$", "the form of an antibody"),
    (r"(?i)^(sg|sgrna|grna|guide)[-_]|[-_](sgrna|grna|guide)[-_]?\d*$|[-_]sg[-_]?\d+$|_sg$"
     r"|^(non[-_]?targeting|NegCtrl)|(?-i:^sg([A-Z]{2}[A-Z0-9]|[A-Z][a-z0-9]{2}))", "a guide, not a gene"),
    (r"(?i)[-_](I|U|introns?|intronic|unspliced|spliced|ambiguous|nascent)$|^(un)?spliced[-_]",
     "spliced or unspliced counts of a gene apart"),
    (r"(?i)^(e?[gbyc]fp|m?cherry|tdtomato|dtomato|zsgreen1?|mneongreen|cre(ert2?)?|wpre|r?tta3?|luciferase|cas9)$",
     "a reporter or another transgene"),
    (r"(?i)^(neg(ative)?[-_ ]?(control|prb|probe)|blank[-_ ]?\d*$|unassigned|deprecated|antisense|intergenic"
     r"|systemcontrol)",
     "a control, not a gene"),
    (r"^[A-Za-z0-9._]+:\d+-\d{2,}$|^chr[A-Za-z0-9._]+[-_]\d+[-_]\d+$"
     r"|^(\d{1,2}|[XYWZ]|MT|[A-Z]{2}\d{6}\.\d)[-_]\d+[-_]\d{4,}$",
     "a region of a genome, not a gene"),
    (r"^[OPQ][0-9][A-Z0-9]{3}[0-9](-\d+)?$", "the form of a UniProt accession, which is not in the release"),
    (r"^[NX][MRP]_\d+(\.\d+)?$", "the form of a RefSeq accession, which is not in the release"),
    (r"^(LOC)?\d+(\.0)?$", "the form of an NCBI Gene number, which is not in the release"),
    (r"^(HGNC|MGI|RGD|SGD|ZFIN|VGNC|Xenbase|MGI:MGI):?\d+$|^ZDB-GENE-\d+-\d+$",
     "an accession of a nomenclature committee, which releases do not have: use its symbols or Ensembl IDs"),
    (r"^MGP_[A-Za-z0-9]+_G\d+", "a stable ID of a mouse strain"),
    (r"^X?\d(\.\d+)?E[+.]?\d+$", "a number, which a spreadsheet made of a symbol such as 2310009E13Rik"),
    (r"(\(([+-]|\d+ ?g)\)|_[+-]|_extended)$", "a regulon of SCENIC, not a gene"),
    (r"^[A-Za-z][A-Za-z0-9-]*\d/\d+$", "several genes: name each in full"),
    (r"^\d{1,2}[-/.]\d{1,2}$", "a date, which a spreadsheet may have made of a symbol"),
    (r"\S[\s,;]+\S", "several words or names: give one name alone"),
    (r"[\x{a0}\x{200b}-\x{200d}\x{2060}\x{feff}]", "it has characters that are not visible"),
)  # fmt: skip


_TOLD: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String, "how": pl.String, "text": pl.String, "genes": pl.List(pl.Int64), "said": pl.String,
}  # fmt: skip


@dataclass
class _Hints:
    """Collected hints on names; the first hint of a name counts."""

    rows: dict[str, tuple[str, str, list[int], str | None]] = field(default_factory=dict)

    def add(self, name: str, how: str, hint: str | None, *, text: str | None = None, genes: Sequence[int] = ()) -> None:
        self.rows.setdefault(name, (how, name if text is None else text, list(genes), hint))

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame([(key, *row) for key, row in self.rows.items()], schema=_TOLD, orient="row")


def resolve_dates(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Return the dates among names that can come from one gene or from two, with the columns of explained names."""
    hints = _Hints()
    _dates(release, names.filter(names.str.contains(_LIKE_A_DATE)).to_list(), species, hints)
    is_gene = pl.col("how") != "unknown"
    return hints.frame().filter(is_gene).rename({"said": "hint"})


def is_like_a_date(names: pl.Expr) -> pl.Expr:
    """Return whether names have the form of a date, with or without a gene that a spreadsheet made it of."""
    return names.str.contains(_LIKE_A_DATE)


def explain_unresolved(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Explain names that mean no gene by their form.

    Returns one row per name: ``name, how, text, genes, hint``. A date that can come from one symbol only means that
    gene (``how`` is ``date``), a date from two (``1-Mar``: MARCH1 and MARC1) is ``ambiguous``; an ID in the form of the
    species' stable IDs, missing from an annotated species of the release, is ``retired``; the rest is ``unknown``.
    ``hint`` is null for names of no known form.
    """
    hints = _Hints()
    _dates(release, names.filter(names.str.contains(_LIKE_A_DATE)).to_list(), species, hints)
    for name in names.filter(names.str.contains(f"^{_SERIAL.pattern}$")):
        hints.add(name, "unknown", _hint_of_serial(name))
    is_id = pl.col("name").str.contains(r"^[A-Za-z_]+\d{7,11}(\.\d+)?$")
    inside = (
        names.alias("name")
        .to_frame()
        .select("name", text=pl.coalesce(id_inside(pl.col("name")), pl.when(is_id).then("name")))
    )
    _stable_ids(release, dict(inside.drop_nulls().iter_rows()), species, hints)
    frame = names.alias("name").to_frame()
    name = pl.col("name")
    looks = pl.coalesce(*(pl.when(name.str.contains(form)).then(pl.lit(says)) for form, says in _LOOKS))
    genome = name.str.extract(ASSEMBLY, 1)
    owner = genome.replace_strict(ASSEMBLED, default=None, return_dtype=pl.String)
    word, _ = species_prefix(name)
    words = {text: one.name for one in release.species for text in (one.name.split("_")[-1], one.common_name)}
    marked = pl.when(name.str.contains(r"^[A-Za-z][a-z]+[_:]")).then(
        word.replace_strict(words, default=None, return_dtype=pl.String)
    )
    other = pl.coalesce(
        pl.when((owner != species.name) & ~name.str.contains(_NO_ASSEMBLY)).then(
            pl.format("a gene of a genome of {}", owner)
        ),
        pl.when(marked != species.name).then(pl.format("a gene of {}", marked)),
    )
    return (
        frame.with_columns(looks=pl.coalesce(other, looks))
        .join(hints.frame(), on="name", how="left", maintain_order="left")
        .with_columns(pl.col("how").fill_null("unknown"))
        .select(
            "name",
            "how",
            pl.col("text").fill_null(pl.col("name")),
            pl.col("genes").fill_null([]),
            hint=pl.when(pl.col("how") != "date").then(pl.coalesce("said", "looks")),
        )
    )


def about_names(release: ReleaseFile, resolved: Sequence[tuple[pl.DataFrame, Species]]) -> list[str]:
    """Return notes on names that were read by a part of them, and on unknown names that may be old symbols.

    `resolved`: results of :func:`.resolve.resolve`, each with its species; if a frame has ``is_gene``, only those rows
    count.
    """
    by_part: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for table, _ in resolved:
        frame = table.filter(pl.col("is_gene")) if "is_gene" in table.columns else table
        rows = frame.filter(pl.col("gene").is_not_null() & (pl.col("name") != pl.col("understood_as")))
        part = bare_name(pl.col("name")) != pl.col("name")
        inside = pl.col("name").str.contains(pl.col("understood_as"), literal=True) & (pl.col("how") == "stable_id")
        apart = inside & pl.col("name").str.contains(r"[|_;:,/ ]")
        is_version = pl.col("name").str.extract(VERSION, 1).eq_missing(pl.col("understood_as"))
        rows = rows.filter(~pl.col("name").str.contains(_AFFIXED), ~is_version)
        by_part |= dict(rows.filter(part | apart).select("name", "understood_as").iter_rows())
        old = rows.filter(pl.col("how") == "alias").with_columns(text="name")
        again = renamed_symbols(old.select("name", "text", "understood_as"))
        same = pl.col("text").str.to_lowercase() == pl.col("understood_as").str.to_lowercase()
        renamed |= dict(again.filter(same).select("name", "understood_as").iter_rows())
    notes = []
    if by_part:
        count = counted(len(by_part), "name holds more than one name, and is", "names hold more than one name, and are")
        notes.append(f"{count} read by the part that is sure: {_listed(by_part)}")
    if renamed:
        count = counted(len(renamed), "symbol was renamed, and is", "symbols were renamed, and are")
        notes.append(f"{count} read as what the release has: {_listed(renamed)}")
    return notes + _about_synonyms(release, resolved)


def _listed(pairs: Mapping[str, str]) -> str:
    first = ", ".join(f"{name} ({means})" for name, means in list(pairs.items())[:_SHOWN])
    more = and_more(len(pairs) - _SHOWN)
    return first + (f", {more}" if more else "")


def _about_synonyms(release: ReleaseFile, resolved: Sequence[tuple[pl.DataFrame, Species]]) -> list[str]:
    """Return a note on species without synonyms in the release.

    It matters if unknown names may be old symbols.

    `resolved`: results of :func:`.resolve.resolve`, each with its species; if a frame has ``is_gene``, only those rows
    count.

    Returns one sentence at most.
    """
    names = dict.fromkeys(
        species.common_name for table, species in resolved if _may_need_synonyms(release, table, species)
    )
    if not names:
        return []
    return [f"the release has no synonyms of {' and '.join(names)}: symbols that genes once had are unknown to it"]


def _may_need_synonyms(release: ReleaseFile, resolved: pl.DataFrame, species: Species) -> bool:
    unknown = pl.col("how") == "unknown"
    if "is_gene" in resolved.columns:
        unknown &= pl.col("is_gene")
    first = species.number * KEYS_PER_SPECIES
    bounds = {"first": first, "last": first + KEYS_PER_SPECIES - 1}
    return bool(resolved.filter(unknown).height) and not release.ask("synonyms", bounds).height


def _dates(release: ReleaseFile, names: Sequence[str], species: Species, hints: _Hints) -> None:
    """Recover SEPT2 and similar symbols from dates of spreadsheets.

    A date resolves only if it can mean one gene.
    """
    wanted = {name: _symbols_of_date(name) for name in names}
    days = {name: _days_of_date(name) for name in names}
    texts = sorted({text for groups in wanted.values() for group in groups for text in group})
    first = species.number * KEYS_PER_SPECIES
    keys = {"species": species.number, "first": first, "last": first + KEYS_PER_SPECIES - 1}
    bearers: dict[str, dict[str, set[int]]] = {}
    for text, how, gene in release.ask("resolve_loose", {"texts": texts} | keys).iter_rows() if texts else ():
        bearers.setdefault(text, {}).setdefault(how, set()).add(gene)
    own: dict[tuple[str, int], dict[int, str]] = {}
    for gene, symbol, month, day in (
        release.ask("symbols_like_dates", {"species": species.number}).iter_rows() if names else ()
    ):
        own.setdefault((month, day), {})[gene] = symbol
    for name, groups in wanted.items():
        genes = {gene: text for group in groups for gene, text in _meant(bearers, group).items()}
        symbols = {gene: symbol for day in days[name] for gene, symbol in own.get(day, {}).items()}
        if symbols and not genes:  # no SEPTIN1 in this species: 1-Sep of a worm is sep-1
            groups = [(symbol, symbol) for symbol in symbols.values()]
        genes = symbols | genes
        if not groups:
            hints.add(name, "unknown", "a date, which a spreadsheet may have made of a symbol")
            continue
        words = (new if new == old else f"{new} (once {old})" for new, old in groups)
        hint = "a date, which a spreadsheet made of " + " or ".join(words)
        if not genes:
            hints.add(name, "unknown", hint)
        elif len(groups) == len(genes) == 1:
            hints.add(name, "date", None, text=next(iter(genes.values())), genes=list(genes))
        else:
            hints.add(name, "ambiguous", hint, genes=sorted(genes))


def _meant(bearers: dict[str, dict[str, set[int]]], group: tuple[str, str]) -> dict[int, str]:
    """Return genes of the new symbol, else of the old one, each with that symbol.

    Each is looked up as symbol, then as alias.
    """
    for how in ("symbol_case", "alias"):
        for text in group:
            if genes := bearers.get(text, {}).get(how):
                return dict.fromkeys(genes, text)
    return {}


def _days_of_date(name: str) -> list[tuple[str, int]]:
    """Return the months with numbers that a date may have been, such as ``("sep", 2)``."""
    if match := re.fullmatch(_DAY_MONTH, name):
        days = {(_MONTHS[match[2].lower()], int(match[1]))}
    elif match := re.fullmatch(_MONTH_DAY, name):
        days = {(_MONTHS[(match[1] or match[3]).lower()], int(match[2] or match[4]))}
    elif match := re.fullmatch(_ISO, name):
        days = _day_of(match[2], match[3])
        if days == {("mar", 1)} and match[1].startswith("20"):  # MARCH10 read as March of 2010
            days.add(("mar", int(match[1][2:])))
    elif match := re.fullmatch(_IN_NUMBERS, name):  # 9/2/2021, 02.09.2021: which is the month differs by country
        days = _day_of(match[1], match[3]) | _day_of(match[3], match[1])
    else:
        days = set()
    return sorted(days)


def _day_of(month: str, day: str) -> set[tuple[str, int]]:
    return {(list(_WORDS)[int(month) - 1], int(day))} if 1 <= int(month) <= len(_WORDS) else set()


def _hint_of_serial(name: str) -> str:
    """Explain a number that may be a date, counted in days as spreadsheets do."""
    match = _SERIAL.fullmatch(name)
    day = date(1899, 12, 30) + timedelta(days=int(match[1]) if match else 0)
    symbols = " or ".join(old for _, old in _symbols_of_date(day.isoformat()))
    hint = "the form of an NCBI Gene number, which is not in the release"
    return f"{hint}, or {day.isoformat()} as a number, which a spreadsheet made of {symbols}" if symbols else hint


def _symbols_of_date(name: str) -> list[tuple[str, str]]:
    """Return the vertebrates' genes that a spreadsheet turns into a date, by new and old symbol."""
    return [pair for month, number in _days_of_date(name) for pair in _symbols(month, number)]


def _symbols(month: str, number: int) -> list[tuple[str, str]]:
    if month == "mar" and 1 <= number <= 11:
        rings = [(f"MARCHF{number}", f"MARCH{number}")]
        return [*rings, (f"MTARC{number}", f"MARC{number}")] if number <= 2 else rings
    if month == "sep" and 1 <= number <= 14:
        return [(f"SEPTIN{number}", f"SEPT{number}")]
    return {("sep", 15): [("SELENOF", "SEP15")], ("dec", 1): [("DELEC1", "DEC1")]}.get((month, number), [])


def _stable_ids(release: ReleaseFile, names: Mapping[str, str], species: Species, hints: _Hints) -> None:
    """Explain stable IDs that are missing from the release.

    They are retired, newer than the release, or of another species.
    """
    parts = {name: match for name, text in names.items() if (match := _STABLE_ID.fullmatch(text))}
    if not parts:
        return
    forms = {
        (prefix, digits): (owner, last, annotated)
        for owner, prefix, digits, last, annotated in release.ask("stable_id_forms").iter_rows()
    }
    for name, match in parts.items():
        owner, last, annotated = forms.get((match[1], len(match[2])), (None, 0, False))
        if owner is None:
            continue
        if owner != species.name:
            hints.add(name, "unknown", f"the form of a stable ID of {owner}")
        elif int(match[2]) > last:
            hints.add(name, "unknown", f"the form of a stable ID of {owner}, newer than all in the release")
        elif annotated:
            hints.add(name, "retired", f"the form of a stable ID of {owner}, which the release does not have")
        else:
            hints.add(
                name, "unknown",
                f"the form of a stable ID of {owner}: retired, or among genes that the release was not given",
            )  # fmt: skip
