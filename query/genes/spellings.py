"""Find variants of names, and explain unresolved ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from homodb.query.release import ReleaseFile
from homodb.schema.species import KEYS_PER_SPECIES, Species, normalise
from homodb.schema.species import names as species_names

VERSION = r"^(.+)\.\d+$"
_MAKE_UNIQUE = r"^(.+)[-.]\d+$"
_PAR_Y = r"^(.+)[-_]PAR[-_]Y$"
_OLD_PAR_Y = r"^(ENS[A-Z]*G)R(\d{10})(?:\.\d+)?$"
_GENOME = r"^([A-Za-z][A-Za-z0-9.]*)_+(.+)$"
_ASSEMBLY = r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d[A-Za-z0-9.]*[-_]+(.+)$"

#: Species by how their assemblies are called: in a file of two species, a mouse gene is no human one.
ASSEMBLED = {
    "GRCh": "homo_sapiens", "hg": "homo_sapiens", "GRCm": "mus_musculus", "mm": "mus_musculus",
    "GRCr": "rattus_norvegicus", "rn": "rattus_norvegicus", "GRCz": "danio_rerio", "danRer": "danio_rerio",
    "GRCg": "gallus_gallus", "galGal": "gallus_gallus",
}  # fmt: skip


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
        undone=name.str.replace(r"^X(\d)", "${1}").str.replace_all(".", "-", literal=True),
        version=name.str.extract(VERSION, 1),
        par=pl.coalesce(name.str.extract(_PAR_Y, 1), old),
        unique=name.str.extract(_MAKE_UNIQUE, 1),
    )
    read = read.join(_spelled(release, names, species), on="name", how="left", maintain_order="left")
    read = read.join(_without_genome(release, frame, species), on="name", how="left", maintain_order="left")
    forms = ("spelled", "undone", "version", "par", "unique", "genome")
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


def _spelled(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Return the symbols that ``make.names`` or Seurat turn into a name.

    For example ``RP11-34P13.7`` for ``RP11.34P13.7``.
    """
    changed = names.filter(names.str.contains(r"[.-]|^X\d")).to_list()
    if not changed:
        return pl.DataFrame(schema={"name": pl.String, "spelled": pl.String})
    return release.ask("resolve_spelled", {"texts": changed, "species": species.number})


def _without_genome(release: ReleaseFile, names: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Remove the prefix of a genome that may be the species' own."""
    name = pl.col("name")
    parts = names.select(
        "name", assembly=name.str.extract(_ASSEMBLY, 1), assembled=name.str.extract(_ASSEMBLY, 2),
        prefix=name.str.extract(_GENOME, 1), rest=name.str.extract(_GENOME, 2),
    )  # fmt: skip
    own = [assembly for assembly, owner in ASSEMBLED.items() if owner == species.name]
    own_parts = parts.filter(pl.col("assembly").is_in(own)).select("name", genome="assembled")
    others = parts.filter(pl.col("assembly").is_null() & pl.col("prefix").is_not_null())
    prefixes = others["prefix"].unique().to_list()
    called = species_names(species)
    genomes = [one for one in prefixes if any(c.isdigit() for c in one) or normalise(one) in called]
    if genomes:  # ITGA2_ITGB1 is a pair of genes, and no gene of a genome ITGA2
        exact = release.ask("resolve_exact", {"texts": genomes, "species": species.number})
        genomes = sorted(set(genomes) - set(exact.filter(pl.col("how") == "symbol")["text"]))
    return pl.concat([own_parts, others.filter(pl.col("prefix").is_in(genomes)).select("name", genome="rest")])


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


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_REST = "(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?"
_MONTH = "(" + "|".join(_MONTHS) + ")" + _REST
_CAPITAL = "(" + "|".join(month.title() for month in _MONTHS) + ")" + _REST  # sep-1 is a gene of worms
_DAY_MONTH = re.compile(rf"X?(\d{{1,2}})[-./ ]{_MONTH}(?:[-./ ]\d{{2,4}})?", re.IGNORECASE)
_MONTH_DAY = re.compile(rf"{_CAPITAL}[-./ ](\d{{1,2}})")
_ISO = re.compile(r"X?(\d{4})[-./](\d{2})[-./](\d{2})(?:[ T.]00[:.]00[:.]00)?")
_LIKE_A_DATE = (
    rf"^X?\d{{1,2}}[-./ ](?i:{_MONTH})(?:[-./ ]\d{{2,4}})?$|^{_CAPITAL}[-./ ]\d{{1,2}}$"
    r"|^X?\d{4}[-./]\d{2}[-./]\d{2}(?:[ T.]\d{2}[:.]\d{2}[:.]\d{2})?$"
)

_STABLE_ID = re.compile(r"([A-Za-z_]+?)(\d{7,11})(?:\.\d+)?")

#: Patterns of other names and their hints; the first match counts.
_LOOKS = (
    (r"^\s*$|^(?i:nan|none|na|null|n/a|<na>)$", "no name"),
    (r"^\s|\s$", "it has blanks around it"),
    (r"^ENS[A-Z]*T\d{11}", "a stable ID of a transcript, not of a gene"),
    (r"^ENS[A-Z]*P\d{11}", "a stable ID of a protein, not of a gene"),
    (r"^ERCC-\d{5}", "a spike-in (ERCC)"),
    (r"^(__|N_)(no_?feature|ambiguous|alignment_not_unique|not_aligned|too_low_aQual|noFeature|multimapping|unmapped)",
     "a tally of reads, not a gene"),
    (r"(?i)^(adt|hto|antibody|hashtag)[-_ 0-9]|total_?seq|_?anti-", "an antibody or a hashtag, not a gene"),
    (r"^[A-Za-z0-9.]+[:-]\d+-\d+$", "a region of a genome, not a gene"),
    (r"^[OPQ][0-9][A-Z0-9]{3}[0-9](-\d+)?$", "the form of a UniProt accession"),
    (r"^[NX][MRP]_\d+(\.\d+)?$", "the form of a RefSeq accession"),
    (r"^(LOC)?\d+$", "the form of an NCBI Gene number"),
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


def explain_unresolved(release: ReleaseFile, names: pl.Series, species: Species) -> pl.DataFrame:
    """Explain names that mean no gene by their form.

    Returns one row per name: ``name, how, text, genes, hint``. A date that can come from one symbol only means that
    gene (``how`` is ``date``), a date from two (``1-Mar``: MARCH1 and MARC1) is ``ambiguous``; an ID in the form of the
    species' stable IDs, missing from an annotated species of the release, is ``retired``; the rest is ``unknown``.
    ``hint`` is null for names of no known form.
    """
    hints = _Hints()
    _dates(release, names.filter(names.str.contains(_LIKE_A_DATE)).to_list(), species, hints)
    _stable_ids(release, names.filter(names.str.contains(r"^[A-Za-z_]+\d{7,11}(\.\d+)?$")).to_list(), species, hints)
    frame = names.alias("name").to_frame()
    name = pl.col("name")
    looks = pl.coalesce(*(pl.when(name.str.contains(form)).then(pl.lit(says)) for form, says in _LOOKS))
    genome = name.str.extract(r"^(GRC[hmrzg]|hg|mm|rn|danRer|galGal)\d[A-Za-z0-9.]*[-_]+.", 1)
    owner = genome.replace_strict(ASSEMBLED, default=None, return_dtype=pl.String)
    other = pl.when(owner != species.name).then(pl.format("a gene of a genome of {}", owner))
    rows = [(key, *row) for key, row in hints.rows.items()]
    return (
        frame.with_columns(looks=pl.coalesce(other, looks))
        .join(pl.DataFrame(rows, schema=_TOLD, orient="row"), on="name", how="left", maintain_order="left")
        .with_columns(pl.col("how").fill_null("unknown"))
        .select(
            "name",
            "how",
            pl.col("text").fill_null(pl.col("name")),
            pl.col("genes").fill_null([]),
            hint=pl.when(pl.col("how") != "date").then(pl.coalesce("said", "looks")),
        )
    )


def about_synonyms(release: ReleaseFile, resolved: Sequence[tuple[pl.DataFrame, Species]]) -> list[str]:
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
    texts = sorted({text for groups in wanted.values() for group in groups for text in group})
    first = species.number * KEYS_PER_SPECIES
    keys = {"species": species.number, "first": first, "last": first + KEYS_PER_SPECIES - 1}
    bearers: dict[str, dict[str, set[int]]] = {}
    for text, how, gene in release.ask("resolve_loose", {"texts": texts} | keys).iter_rows() if texts else ():
        bearers.setdefault(text, {}).setdefault(how, set()).add(gene)
    for name, groups in wanted.items():
        matches = [(group[0], meant) for group in groups if (meant := _meant(bearers, group))]
        genes = sorted({gene for _, meant in matches for gene in meant})
        if not groups:
            hints.add(name, "unknown", "a date, which a spreadsheet may have made of a symbol")
            continue
        hint = "a date, which a spreadsheet made of " + " or ".join(f"{new} (once {old})" for new, old in groups)
        if not genes:
            hints.add(name, "unknown", hint)
        elif len(groups) == len(genes) == 1:
            hints.add(name, "date", None, text=matches[0][0], genes=genes)
        else:
            hints.add(name, "ambiguous", hint, genes=genes)


def _meant(bearers: dict[str, dict[str, set[int]]], group: tuple[str, str]) -> set[int]:
    """Return genes of the new symbol, else of the old one.

    Each is looked up as symbol, then as alias.
    """
    for how in ("symbol_case", "alias"):
        for text in group:
            if genes := bearers.get(text, {}).get(how):
                return genes
    return set()


def _symbols_of_date(name: str) -> list[tuple[str, str]]:
    """Return the genes that a spreadsheet turns into a date.

    Each is given as its new and its old symbol.
    """
    if match := _DAY_MONTH.fullmatch(name):
        month, numbers = match[2].lower(), {int(match[1])}
    elif match := _MONTH_DAY.fullmatch(name):
        month, numbers = match[1].lower(), {int(match[2])}
    elif (match := _ISO.fullmatch(name)) and 1 <= int(match[2]) <= 12:
        month, numbers = _MONTHS[int(match[2]) - 1], {int(match[3])}
        if numbers == {1} and match[1].startswith("20"):  # MARCH10 read as March of 2010
            numbers.add(int(match[1][2:]))
    else:
        return []
    return [pair for number in sorted(numbers) for pair in _symbols(month, number)]


def _symbols(month: str, number: int) -> list[tuple[str, str]]:
    if month == "mar" and 1 <= number <= 11:
        rings = [(f"MARCHF{number}", f"MARCH{number}")]
        return [*rings, (f"MTARC{number}", f"MARC{number}")] if number <= 2 else rings
    if month == "sep" and 1 <= number <= 14:
        return [(f"SEPTIN{number}", f"SEPT{number}")]
    return {("sep", 15): [("SELENOF", "SEP15")], ("dec", 1): [("DELEC1", "DEC1")]}.get((month, number), [])


def _stable_ids(release: ReleaseFile, names: Sequence[str], species: Species, hints: _Hints) -> None:
    """Explain stable IDs that are missing from the release.

    They are retired, newer than the release, or of another species.
    """
    parts = {name: match for name in names if (match := _STABLE_ID.fullmatch(name))}
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
